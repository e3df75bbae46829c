//! Nothing stays behind on the node: not after use, and not after a crash. The counts are the whole node's, so this test
//! is a program of its own.

mod common;

use common::check;
use crabtree::__private::census;
use crabtree::prelude::*;
use crabtree::registry;
use std::error::Error;
use std::pin::Pin;

type Done = Result<(), Box<dyn Error>>;
type Scenario = (&'static str, fn() -> Pin<Box<dyn Future<Output = Done>>>);

macro_rules! scenarios {
    ($($name:ident)*) => { [$((stringify!($name), || Box::pin($name()))),*] };
}

const SCENARIOS: [Scenario; 9] = scenarios! {
    links_and_monitors names_and_timers aliases_and_late_answers servers supervisors tasks agents registries
    those_who_are_killed_in_the_middle_of_everything
};

#[derive(Debug)]
struct Server;

impl GenServer for Server {
    type Args = ();
    async fn init((): ()) -> Init<Self> {
        Init::ok(Server)
    }
}

/// Answers after so many milliseconds, or never.
#[derive(Debug)]
struct Work(Option<u64>);

impl HandleCall<Work> for Server {
    type Reply = ();
    async fn handle_call(&mut self, Work(time): Work, _: Caller<()>) -> Reply<()> {
        match time {
            Some(time) => process::sleep(ms(time)).await,
            None => exit("no answer"),
        }
        Reply::reply(())
    }
}

fn sleeper() -> Pid {
    spawn(process::sleep(secs(600)))
}

async fn links_and_monitors() -> Done {
    let (first, second) = (sleeper(), sleeper());
    process::link(first);
    process::unlink(first);
    process::monitor(first);
    process::demonitor(process::monitor(second));
    process::flag(Flag::TrapExit, true);
    process::link(second);
    process::exit(first, ExitReason::Kill);
    process::exit(second, "boom");
    process::link(first);
    process::monitor(second);
    process::sleep(ms(1)).await;
    process::flag(Flag::TrapExit, false);
    process::flush();
    Ok(())
}

async fn names_and_timers() -> Done {
    let named = sleeper();
    process::register(named, "a name")?;
    process::send_after(named, "late", secs(700));
    process::send_after("a name", "late", secs(1));
    process::cancel_timer(process::send_after(me(), "never", secs(2)));
    process::exit(named, ExitReason::Kill);
    Ok(())
}

async fn aliases_and_late_answers() -> Done {
    process::unalias(process::alias());
    let server = gen_server::start::<Server>(()).await?;
    let late = gen_server::call(server, Work(Some(100))).timeout(ms(10)).await;
    assert!(late.is_err());
    let none = gen_server::call(server, Work(None)).await;
    assert!(none.is_err());
    Ok(())
}

async fn servers() -> Done {
    let server = gen_server::start_link::<Server>(()).name("a server").await?;
    gen_server::call(server, Work(Some(1))).await?;
    gen_server::stop(server).await?;
    Ok(())
}

async fn supervisors() -> Done {
    let inner = || Supervisor::new(Strategy::OneForAll).child(child_spec::<Server>("worker", ()).name("worker"));
    let outer = Supervisor::new(Strategy::RestForOne).child(ChildSpec::supervisor("inner", inner));
    let outer = outer.start_link().await?;
    process::exit(process::whereis("worker").ok_or("no worker")?, "boom");
    process::sleep(ms(1)).await;
    supervisor::stop(outer).await?;
    Ok(())
}

async fn tasks() -> Done {
    let done = task::async_(async { 1 });
    assert_eq!(done.await?, 1);
    let shut_down = task::async_(process::sleep(secs(600)));
    task::shutdown(shut_down).await;
    let _forgotten = task::async_(async {});
    process::sleep(ms(1)).await;
    process::flush();
    Ok(())
}

async fn agents() -> Done {
    let agent = agent::start_link(|| 0).await?;
    agent::update(agent, |n| *n += 1).await?;
    agent::stop(agent).await?;
    Ok(())
}

async fn registries() -> Done {
    let ends = spawn(async {
        let rooms = registry::unique::<u32, ()>("rooms").start_link().await.unwrap();
        registry::register(&rooms, 1, ()).unwrap();
        for number in 2..5 {
            let rooms = rooms.clone();
            spawn(async move { drop(registry::register(&rooms, number, ())) });
        }
        process::sleep(ms(10)).await;
        exit("boom")
    });
    common::end_of(ends).await;
    Ok(())
}

async fn those_who_are_killed_in_the_middle_of_everything() -> Done {
    let victim = spawn(async {
        let server = gen_server::start_link::<Server>(()).await.unwrap();
        let _task = task::async_(process::sleep(secs(600)));
        let _agent = agent::start_link(|| 0).await.unwrap();
        process::register(me(), "victim").unwrap();
        process::monitor(sleeper());
        process::send_after(me(), "never", secs(700));
        process::alias();
        let _ = gen_server::call(server, Work(Some(600_000))).timeout(None).await;
    });
    process::sleep(ms(10)).await;
    process::exit(victim, ExitReason::Kill);
    Ok(())
}

#[test]
fn the_node_keeps_nothing_of_what_ended() {
    check(async {
        // What is made once and kept, such as the wheel of this runtime, is made now.
        process::sleep(ms(1)).await;
        let before = census();
        for (name, scenario) in SCENARIOS {
            for _ in 0..3 {
                scenario().await.unwrap_or_else(|error| panic!("{name}: {error}"));
                process::sleep(ms(10)).await;
            }
            // Every sleeper has woken, and every alarm has rung.
            process::sleep(secs(3600)).await;
            assert_eq!(census(), before, "after {name}");
        }
    });
}
