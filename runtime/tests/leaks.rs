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

const SCENARIOS: [Scenario; 14] = scenarios! {
    links_and_monitors names_and_timers aliases_and_late_answers servers supervisors dynamic_supervisors
    partition_supervisors tasks task_supervisors agents registries tables applications
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

async fn dynamic_supervisors() -> Done {
    let sup = DynamicSupervisor::new().name("dynamic").start_link().await?;
    let worker = || ChildSpec::new("worker", || async { Ok(spawn_link(process::sleep(secs(600)))) });
    let first = dynamic_supervisor::start_child(sup, worker()).await?;
    let second = dynamic_supervisor::start_child(sup, worker().restart(Restart::Temporary)).await?;
    let third = dynamic_supervisor::start_child(sup, child_spec::<Server>("server", ()).name("server")).await?;
    process::exit(first, ExitReason::Kill); // it is started again
    process::exit(second, ExitReason::Kill); // it is not
    dynamic_supervisor::terminate_child(sup, third).await?;
    assert_eq!(dynamic_supervisor::count_children(sup).await?.active, 1);
    supervisor::stop(sup).await?;
    Ok(())
}

async fn partition_supervisors() -> Done {
    let sup = PartitionSupervisor::new(|_| child_spec::<Server>("server", ()));
    let sup = sup.partitions(3).name("parts").start_link().await?;
    let server = partition_supervisor::via("parts", 2).of::<Server>();
    gen_server::call(&server, Work(Some(1))).await?;
    assert!(gen_server::call(&server, Work(None)).await.is_err());
    partition_supervisor::resize("parts", 1).await?;
    supervisor::stop(sup).await?;
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

async fn task_supervisors() -> Done {
    let sup = TaskSupervisor::new().name("tasks").start_link().await?;
    assert_eq!(task::supervisor::async_(sup, async { 1 }).await?.await?, 1);
    let failed = task::supervisor::async_nolink(sup, async { exit("boom") }).await?;
    let failed: Result<(), _> = failed.await;
    assert!(failed.is_err());
    task::supervisor::start_child(sup, || process::sleep(secs(600))).await?;
    let _forgotten = task::supervisor::async_nolink(sup, process::sleep(secs(600))).await?;
    let mut halves = task::supervisor::async_stream_nolink(sup, 1..10, |n| async move { n / 2 });
    halves.next().await;
    drop(halves);
    supervisor::stop(sup).await?;
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

async fn tables() -> Done {
    let kept = ets::set::<u32, String>("kept").named_table().create()?;
    kept.insert_all((0..100).map(|n| (n, n.to_string())))?;
    let (heir, parent) = (sleeper(), me());
    let owner = spawn(async move {
        let given = ets::bag::<u32, u32>("given").create().unwrap();
        given.give_away(parent, "yours").unwrap();
        let _inherited = ets::set::<u32, u32>("inherited").heir(heir, "yours").create().unwrap();
        let _lost = ets::set::<u32, u32>("lost").named_table().create().unwrap();
        process::sleep(secs(600)).await;
    });
    let given = receive! { ets::Transfer { table, .. }: ets::Transfer<ets::Bag<u32, u32>, &str> => table };
    process::exit(owner, ExitReason::Kill);
    common::end_of(owner).await;
    process::exit(heir, ExitReason::Kill);
    given.delete_table()?;
    kept.delete_table()?;
    Ok(())
}

/// A tree of one server.
struct Shop;

impl application::Application for Shop {
    async fn start(&self) -> Result<Pid, ExitReason> {
        let sup = Supervisor::new(Strategy::OneForOne).child(child_spec::<Server>("server", ()).name("shop server"));
        // It outlives the tree, and not the application.
        spawn(process::sleep(secs(600)));
        Ok(sup.start_link().await?.pid())
    }
}

async fn applications() -> Done {
    use application::{Spec, Type};

    application::load(Spec::library("money"))?;
    application::load(Spec::new("shop", Shop).applications(["money"]).env("stock", 7))?;
    application::ensure_all_started("shop", Type::Temporary).await?;
    application::stop("shop").await?;
    application::start("shop", Type::Temporary).await?;
    let server = process::whereis("shop server").ok_or("no server")?;
    let master = process::info(server).ok_or("no server")?.group_leader;
    process::exit(master, ExitReason::Kill);
    common::end_of(master).await;
    application::stop("money").await?;
    application::unload("shop")?;
    application::unload("money")?;
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
