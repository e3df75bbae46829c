//! What processes promise each other about turns: priority, fairness, and code that does not await.

mod common;

use common::{check, end_of};
use crabtree::__private::reduce;
use crabtree::prelude::*;
use crabtree::process::{Attached, Priority};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Spawns a process of that priority that waits for `"go"` and tells the caller `name`.
async fn runner(priority: Priority, name: &'static str) -> Pid {
    let parent = me();
    let runner = spawn(async move {
        process::flag(Flag::Priority, priority);
        send(parent, "ready");
        receive! { "go" => () }
        send(parent, name);
    });
    receive! { "ready" => () }
    runner
}

/// Spawns a process of that priority that takes a step whenever it may, and counts its steps.
fn busy(priority: Priority) -> (Pid, Arc<AtomicUsize>) {
    let steps = Arc::new(AtomicUsize::new(0));
    let counted = steps.clone();
    let pid = spawn(async move {
        process::flag(Flag::Priority, priority);
        loop {
            counted.fetch_add(1, Ordering::Relaxed);
            tokio::task::coop::unconstrained(again()).await;
        }
    });
    (pid, steps)
}

/// Lets everybody else have a turn, and goes to the end of the queue at once.
async fn again() {
    let mut done = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut done, true) {
            return std::task::Poll::Ready(());
        }
        context.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}

#[test]
fn who_has_high_priority_goes_before_those_who_were_woken_earlier() {
    check(async {
        let mut runners = Vec::new();
        for _ in 0..20 {
            runners.push(runner(Priority::Normal, "normal").await);
        }
        runners.push(runner(Priority::High, "high").await);
        for runner in runners {
            send(runner, "go");
        }
        receive! { name: &str => assert_eq!(name, "high") }
    });
}

#[test]
fn who_has_low_priority_goes_after_those_who_were_woken_later() {
    check(async {
        let mut runners = vec![runner(Priority::Low, "low").await];
        for _ in 0..20 {
            runners.push(runner(Priority::Normal, "normal").await);
        }
        for runner in runners {
            send(runner, "go");
        }
        for _ in 0..20 {
            receive! { name: &str => assert_eq!(name, "normal") }
        }
        receive! { name: &str => assert_eq!(name, "low") }
    });
}

#[test]
fn those_of_one_priority_go_in_the_order_in_which_they_were_woken() {
    for priority in [Priority::Low, Priority::Normal, Priority::High] {
        check(async {
            let names = ["a", "b", "c", "d"];
            let mut runners = Vec::new();
            for name in names {
                runners.push(runner(priority, name).await);
            }
            for runner in runners {
                send(runner, "go");
            }
            for expected in names {
                receive! { name: &str => assert_eq!(name, expected, "with priority {priority:?}") }
            }
        });
    }
}

#[test]
fn nobody_starves_beside_a_process_of_high_priority_that_is_never_done() {
    check(async {
        let (high, high_steps) = busy(Priority::High);
        let (normal, normal_steps) = busy(Priority::Normal);
        let (low, low_steps) = busy(Priority::Low);
        while high_steps.load(Ordering::Relaxed) < 3200 {
            again().await;
        }
        for (of, steps) in [("normal", normal_steps), ("low", low_steps)] {
            let steps = steps.load(Ordering::Relaxed);
            assert!((80..=400).contains(&steps), "{of}: {steps} steps beside 3200");
        }
        for pid in [high, normal, low] {
            process::exit(pid, ExitReason::Kill);
        }
    });
}

#[test]
fn a_process_of_low_priority_gets_about_one_step_in_eight() {
    check(async {
        let (normal, normal_steps) = busy(Priority::Normal);
        let (low, low_steps) = busy(Priority::Low);
        while normal_steps.load(Ordering::Relaxed) < 800 {
            again().await;
        }
        let steps = low_steps.load(Ordering::Relaxed);
        assert!((90..=110).contains(&steps), "{steps} steps beside 800");
        process::exit(normal, ExitReason::Kill);
        process::exit(low, ExitReason::Kill);
    });
}

#[test]
fn a_process_that_lays_its_high_priority_down_gives_way_again() {
    check(async {
        let parent = me();
        let humble = spawn(async move {
            let before = process::flag(Flag::Priority, Priority::High);
            again().await;
            assert_eq!(process::flag(Flag::Priority, before), Priority::High);
            again().await;
            send(parent, "ready");
            receive! { "go" => () }
            send(parent, "humble");
        });
        receive! { "ready" => () }
        let high = runner(Priority::High, "high").await;
        send(humble, "go");
        send(high, "go");
        receive! { name: &str => assert_eq!(name, "high") }
        receive! { name: &str => assert_eq!(name, "humble") }
    });
}

#[test]
fn those_of_high_priority_that_ended_hold_nobody_up() {
    check(async {
        for _ in 0..10 {
            let high = runner(Priority::High, "high").await;
            // It is woken, and ends before its turn comes.
            send(high, "go");
            process::exit(high, ExitReason::Kill);
        }
        let (normal, steps) = busy(Priority::Normal);
        let turns = 100;
        for _ in 0..turns {
            again().await;
        }
        let steps = steps.load(Ordering::Relaxed);
        assert!(steps >= turns - 10, "{steps} steps in {turns} turns");
        process::exit(normal, ExitReason::Kill);
    });
}

#[test]
fn a_process_with_a_full_mailbox_lets_others_have_their_turn() {
    check(async {
        let handled = Arc::new(AtomicUsize::new(0));
        let counted = handled.clone();
        let busy = spawn(async move {
            loop {
                receive! { _: usize => counted.fetch_add(1, Ordering::Relaxed) };
            }
        });
        let parent = me();
        let other = spawn(async move {
            receive! { "go" => send(parent, handled.load(Ordering::Relaxed)) }
        });
        for number in 0..10_000_usize {
            send(busy, number);
        }
        send(other, "go");
        receive! { handled: usize => assert!((1..1000).contains(&handled), "the other had its turn after {handled}") }
        process::exit(busy, ExitReason::Kill);
    });
}

#[test]
fn a_process_that_searches_a_full_mailbox_lets_others_have_their_turn() {
    check(async {
        let parent = me();
        let searching = spawn(async move {
            receive! { "needle" => send(parent, "found") }
        });
        let other = spawn(async move {
            receive! { "go" => send(parent, "had a turn") }
        });
        for number in 0..10_000_usize {
            send(searching, number);
        }
        send(searching, "needle");
        send(other, "go");
        receive! { text: &str => assert_eq!(text, "had a turn") }
        receive! { text: &str => assert_eq!(text, "found") }
    });
}

#[test]
fn a_server_with_a_full_mailbox_lets_others_have_their_turn() {
    #[derive(Debug)]
    struct Counter(Arc<AtomicUsize>);

    impl GenServer for Counter {
        type Args = Arc<AtomicUsize>;
        async fn init(count: Arc<AtomicUsize>) -> Init<Self> {
            Init::ok(Counter(count))
        }
    }

    #[derive(Debug)]
    struct Add;

    impl HandleCast<Add> for Counter {
        async fn handle_cast(&mut self, _: Add) -> Next {
            self.0.fetch_add(1, Ordering::Relaxed);
            Next::noreply()
        }
    }

    check(async {
        let handled = Arc::new(AtomicUsize::new(0));
        let server = gen_server::start_link::<Counter>(handled.clone()).await.unwrap();
        let parent = me();
        let other = spawn(async move {
            send(parent, "waits");
            receive! { "go" => send(parent, handled.load(Ordering::Relaxed)) }
        });
        receive! { "waits" => () }
        for _ in 0..10_000 {
            gen_server::cast(server, Add);
        }
        send(other, "go");
        receive! { handled: usize => assert!((1..1000).contains(&handled), "the other had its turn after {handled}") }
    });
}

#[test]
fn code_that_loops_without_an_await_is_stopped_at_the_check() {
    crabtree::run(async {
        let parent = me();
        for (signal, seen) in [(ExitReason::Kill, ExitReason::Killed), ("boom".into(), "boom".into())] {
            let (busy, watched) = spawn_monitor(async move {
                send(parent, "busy");
                loop {
                    reduce();
                }
            });
            receive! { "busy" => () }
            process::exit(busy, signal);
            receive! { Down { monitor, reason, .. } if monitor == watched => assert_eq!(reason, seen) }
        }
    });
}

/// Sends its name when it is dropped.
struct Sends(Pid, &'static str);

impl Drop for Sends {
    fn drop(&mut self) {
        send(self.0, self.1);
    }
}

#[test]
fn code_that_is_stopped_is_unwound_without_a_report() {
    check(async {
        let parent = me();
        let (pid, _) = spawn_monitor(async move {
            let _variable = Sends(parent, "dropped");
            process::exit(me(), ExitReason::Kill);
            loop {
                reduce();
            }
        });
        receive! { "dropped" => () }
        receive! { Down { pid: who, reason, .. } => assert_eq!((who, reason), (pid, ExitReason::Killed)) }
    });
}

#[test]
fn a_signal_that_does_not_end_a_process_does_not_stop_its_code() {
    check(async {
        process::flag(Flag::TrapExit, true);
        process::exit(me(), "a reason");
        send(me(), "a message");
        for _ in 0..10_000 {
            reduce();
        }
        receive! { Exit { reason, .. } => assert_eq!(reason, ExitReason::from("a reason")) }
    });
}

#[test]
fn who_catches_the_unwinding_is_stopped_again() {
    check(async {
        let turns = Arc::new(AtomicUsize::new(0));
        let counted = turns.clone();
        let stubborn = spawn(async move {
            process::exit(me(), "boom");
            for _ in 0..3 {
                counted.fetch_add(1, Ordering::Relaxed);
                std::panic::catch_unwind(reduce).unwrap_err();
            }
            process::sleep(secs(60)).await;
        });
        assert_eq!(end_of(stubborn).await, ExitReason::from("boom"));
        assert_eq!(turns.load(Ordering::Relaxed), 3);
    });
}

/// Loops when it is dropped, while the process is to be killed, and says when it came to its end.
struct Loops(Pid);

impl Drop for Loops {
    fn drop(&mut self) {
        process::exit(me(), ExitReason::Kill);
        for _ in 0..10_000 {
            reduce();
        }
        send(self.0, "came to its end");
    }
}

#[test]
fn a_destructor_that_runs_because_of_a_panic_is_not_stopped() {
    check(async {
        let parent = me();
        let (_, _) = spawn_monitor(async move {
            let _loops = Loops(parent);
            panic!("the first unwinding");
        });
        receive! { "came to its end" => () }
        receive! { Down { reason: ExitReason::Panic(panic), .. } => assert_eq!(panic.message, "the first unwinding") }
    });
}

#[test]
fn a_process_that_ends_drops_its_future_in_peace() {
    check(async {
        let loops = Loops(me());
        let waiting = spawn(async move {
            let _loops = loops;
            process::sleep(secs(60)).await;
        });
        process::sleep(ms(1)).await;
        process::exit(waiting, "done");
        receive! { "came to its end" => () }
        assert_eq!(end_of(waiting).await, ExitReason::NoProc);
    });
}

#[test]
fn an_attached_process_that_loops_ends_and_says_why() {
    let mut main = Attached::new();
    let looping = async {
        process::exit(me(), "boom");
        loop {
            reduce();
        }
    };
    let ended: Result<(), _> = crabtree::block_on(main.drive(looping));
    assert_eq!(ended, Err(ExitReason::from("boom")));
    assert_eq!(crabtree::block_on(main.idle()), ExitReason::from("boom"));
}

#[test]
fn a_server_whose_handler_is_killed_while_it_loops_does_not_terminate_in_an_orderly_way() {
    #[derive(Debug)]
    struct Looper(Pid);

    impl GenServer for Looper {
        type Args = Pid;
        async fn init(parent: Pid) -> Init<Self> {
            Init::ok(Looper(parent))
        }
        async fn terminate(&mut self, _: &ExitReason) {
            send(self.0, "terminate");
        }
    }

    #[derive(Debug)]
    struct Spin;

    impl HandleCast<Spin> for Looper {
        async fn handle_cast(&mut self, _: Spin) -> Next {
            process::exit(me(), ExitReason::Kill);
            loop {
                reduce();
            }
        }
    }

    check(async {
        let server = gen_server::start::<Looper>(me()).await.unwrap();
        gen_server::cast(server, Spin);
        assert_eq!(end_of(server.pid()).await, ExitReason::Killed);
        receive! {
            "terminate" => panic!("a killed server does not terminate"),
            after ms(0) => (),
        }
    });
}

#[test]
fn checks_count_as_work() {
    check(async {
        let before = process::info(me()).unwrap().reductions;
        for _ in 0..5000 {
            reduce();
        }
        let after = process::info(me()).unwrap().reductions;
        assert!((5000..5010).contains(&(after - before)), "{}", after - before);
    });
}

#[test]
fn the_check_does_nothing_outside_of_a_process() {
    for _ in 0..10_000 {
        reduce();
    }
}

#[test]
fn a_value_whose_debug_loops_can_be_shown() {
    struct Slow;

    impl std::fmt::Debug for Slow {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            for _ in 0..10_000 {
                reduce();
            }
            f.write_str("Slow")
        }
    }

    check(async {
        send(me(), Slow);
        assert_eq!(process::info(me()).unwrap().messages, ["Slow"]);
    });
}
