//! What processes promise each other about turns: priority, fairness, and code that does not await.

mod common;

use common::check;
use crabtree::prelude::*;
use crabtree::process::Priority;
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
            receive! { "go" => send(parent, handled.load(Ordering::Relaxed)) }
        });
        for _ in 0..10_000 {
            gen_server::cast(server, Add);
        }
        send(other, "go");
        receive! { handled: usize => assert!((1..1000).contains(&handled), "the other had its turn after {handled}") }
    });
}
