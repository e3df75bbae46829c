//! `async_stream`. Promises from Elixir's `task_test.exs`.

use super::*;

/// `async_stream with max_concurrency == / < / > tasks`, for four tasks.
const CONCURRENCY: [usize; 3] = [4, 2, 8];

async fn sleep(milliseconds: u64) -> u64 {
    process::sleep(ms(milliseconds)).await;
    milliseconds
}

async fn exit_with(n: u64) -> u64 {
    exit(n.to_string())
}

fn error(n: u64) -> Result<u64, ExitReason> {
    Err(n.to_string().into())
}

fn ok(values: &[u64]) -> Vec<Result<u64, ExitReason>> {
    values.iter().copied().map(Ok).collect()
}

/// Runs the body for each concurrency; after it nothing is in the mailbox and nobody is linked.
fn for_each_concurrency(body: impl AsyncFn(usize)) {
    for concurrency in CONCURRENCY {
        check(async {
            body(concurrency).await;
            assert_empty_mailbox();
            settle().await;
            assert_empty_mailbox();
            assert_eq!(process::info(me()).unwrap().links, []);
        });
    }
}

// "streams an enumerable with fun", "streams an enumerable without leaking tasks"
#[test]
fn results_come_in_order_and_nothing_leaks() {
    for_each_concurrency(async |concurrency| {
        let stream = task::async_stream(1..=4, sleep).max_concurrency(concurrency);
        assert_eq!(stream.collect::<Vec<_>>().await, ok(&[1, 2, 3, 4]));
    });
}

// "streams an enumerable with slowest first"
#[test]
fn the_slowest_may_be_first() {
    for_each_concurrency(async |concurrency| {
        let stream = task::async_stream((1..=4).rev(), sleep).max_concurrency(concurrency);
        assert_eq!(stream.collect::<Vec<_>>().await, ok(&[4, 3, 2, 1]));
    });
}

// "streams an enumerable with exits"
#[test]
fn exits_are_results_of_who_traps_them_and_no_messages() {
    for_each_concurrency(async |concurrency| {
        process::flag(Flag::TrapExit, true);
        let stream = task::async_stream(1..=4, exit_with).max_concurrency(concurrency);
        assert_eq!(stream.collect::<Vec<_>>().await, [1, 2, 3, 4].map(error));
    });
}

// "shuts down unused tasks", "shuts down unused tasks without leaking messages", "with outer halt on success"
#[test]
fn tasks_that_nobody_needs_are_stopped() {
    for_each_concurrency(async |concurrency| {
        let parent = me();
        let sleep = move |milliseconds| async move {
            send(parent, me());
            sleep(milliseconds).await
        };
        let stream = task::async_stream([0, 1_000_000, 1_000_000, 1_000_000], sleep).timeout(None);
        let first = stream.max_concurrency(concurrency).take(1).collect::<Vec<_>>().await;
        assert_eq!(first, ok(&[0]));
        settle().await;
        let tasks: Vec<Pid> = (process::flush().into_iter())
            .map(|message| message.downcast().expect("tasks send their pids"))
            .collect();
        assert!(tasks.len() >= 2, "{tasks:?}");
        assert!(!tasks.into_iter().any(process::is_alive));
    });
}

// "is zippable on success", "is zippable with slowest first"
#[test]
fn two_streams_can_be_polled_in_turns() {
    for_each_concurrency(async |concurrency| {
        let stream = || task::async_stream((1..=4).rev(), sleep).max_concurrency(concurrency);
        let pairs: Vec<_> = stream().zip(stream()).collect().await;
        assert_eq!(pairs, [4, 3, 2, 1].map(|n| (Ok(n), Ok(n))));
    });
}

// "is zippable on failure"
#[test]
fn two_streams_can_fail_in_turns() {
    for_each_concurrency(async |concurrency| {
        process::flag(Flag::TrapExit, true);
        let stream = || task::async_stream(1..=4, exit_with).max_concurrency(concurrency);
        let pairs: Vec<_> = stream().zip(stream()).collect().await;
        assert_eq!(pairs, [1, 2, 3, 4].map(|n| (error(n), error(n))));
    });
}

// "with inner halt on success", "… on failure", "… and slowest first"
#[test]
fn an_iterator_that_stops_early_ends_the_stream() {
    for_each_concurrency(async |concurrency| {
        let stream = task::async_stream((1..=8).rev().take(4), sleep).max_concurrency(concurrency);
        assert_eq!(stream.collect::<Vec<_>>().await, ok(&[8, 7, 6, 5]));
    });
}

// "with outer halt on failure", "with outer halt and slowest first"
#[test]
fn a_consumer_may_stop_early() {
    for_each_concurrency(async |concurrency| {
        process::flag(Flag::TrapExit, true);
        let slow = task::async_stream((1..=8).rev(), sleep).max_concurrency(concurrency);
        assert_eq!(slow.take(4).collect::<Vec<_>>().await, ok(&[8, 7, 6, 5]));
        let failing = task::async_stream(1..=8, exit_with).max_concurrency(concurrency);
        assert_eq!(failing.take(4).collect::<Vec<_>>().await, [1, 2, 3, 4].map(error));
    });
}

// "with :on_timeout set to :kill_task"
#[test]
fn a_task_that_takes_too_long_can_be_a_result() {
    for_each_concurrency(async |concurrency| {
        let stream = task::async_stream([100, 1, 100, 1], sleep).timeout(ms(50));
        let stream = stream.on_timeout(OnTimeout::KillTask).max_concurrency(concurrency);
        let late = Err(ExitReason::from("timeout"));
        assert_eq!(stream.collect::<Vec<_>>().await, [late.clone(), Ok(1), late, Ok(1)]);
    });
}

// "with timeout and :zip_input_on_exit set to true"
#[test]
fn a_timeout_can_name_its_item() {
    for_each_concurrency(async |concurrency| {
        let stream = task::async_stream([1, 100], sleep).timeout(ms(50));
        let stream = stream.on_timeout(OnTimeout::KillTask).max_concurrency(concurrency);
        let results = stream.zip_input_on_exit().collect::<Vec<_>>().await;
        assert_eq!(results, [Ok(1), Err((100, "timeout".into()))]);
    });
}

// "with outer halt on failure and :zip_input_on_exit"
#[test]
fn a_failure_can_name_its_item() {
    for_each_concurrency(async |concurrency| {
        process::flag(Flag::TrapExit, true);
        let stream = task::async_stream(1..=8, exit_with).max_concurrency(concurrency);
        let results = stream.zip_input_on_exit().take(2).collect::<Vec<_>>().await;
        assert_eq!(
            results,
            [Err((1, "1".to_owned().into())), Err((2, "2".to_owned().into()))]
        );
    });
}

// "with inner halt on failure"
#[test]
fn an_iterator_that_stops_early_ends_a_stream_of_failures() {
    for_each_concurrency(async |concurrency| {
        process::flag(Flag::TrapExit, true);
        let stream = task::async_stream((1..=8).take(4), exit_with).max_concurrency(concurrency);
        assert_eq!(stream.collect::<Vec<_>>().await, [1, 2, 3, 4].map(error));
    });
}

// "terminates inner effect", "terminates outer effect"
#[test]
fn what_the_items_and_the_function_hold_is_dropped_when_the_stream_is_consumed() {
    use std::sync::Arc;
    for_each_concurrency(async |concurrency| {
        let (inner, outer) = (Arc::new(()), Arc::new(()));
        let (with_items, with_function) = (inner.clone(), outer.clone());
        let items = (1..=4).inspect(move |_| drop(with_items.clone()));
        let function = move |n| {
            drop(with_function.clone());
            sleep(n)
        };
        let stream = task::async_stream(items, function).max_concurrency(concurrency);
        assert_eq!((Arc::strong_count(&inner), Arc::strong_count(&outer)), (2, 2));
        assert_eq!(stream.collect::<Vec<_>>().await, ok(&[1, 2, 3, 4]));
        assert_eq!((Arc::strong_count(&inner), Arc::strong_count(&outer)), (1, 1));
    });
}

// describe "async_stream/2": "with $callers"
#[test]
fn the_callers_of_a_task_are_the_consumers() {
    check(async {
        let grandparent = me();
        let outer = task::async_stream([1], move |_| async move {
            assert_eq!(task::callers(), [grandparent]);
            let parent = me();
            let inner = task::async_stream([1], move |_| async move { task::callers() == [parent, grandparent] });
            inner.collect::<Vec<_>>().await
        });
        assert_eq!(outer.collect::<Vec<_>>().await, [Ok(vec![Ok(true)])]);
    });
}

// "wrapping a flat_map/concat with a haltable stream"
#[test]
fn items_can_be_put_together_from_several_iterators() {
    check(async {
        let items = [10, 20].into_iter().take(1).chain([1, 2]);
        assert_eq!(
            task::async_stream(items, sleep).collect::<Vec<_>>().await,
            ok(&[10, 1, 2])
        );
    });
}

// describe "async_stream/2": "timeout"
#[test]
fn a_task_that_takes_too_long_ends_the_consumer() {
    check(async {
        let reason = end_of_process(async {
            let stream = task::async_stream([1_000_000], sleep).timeout(ms(0));
            stream.collect::<Vec<_>>().await;
        });
        let reason = reason.await;
        let error = reason.downcast_ref::<TaskError>().expect("the reason is a TaskError");
        assert_eq!(error.cause, TaskFailure::Timeout(ms(0)));
        assert_empty_mailbox();
    });
}

// "streams an enumerable with ordered: false"
#[test]
fn without_order_results_come_as_they_are_done() {
    check(async {
        let stream = |concurrency| {
            let stream = task::async_stream((1..=4).rev(), |n: u64| sleep(n * 100));
            stream.ordered(false).max_concurrency(concurrency).collect::<Vec<_>>()
        };
        assert_eq!(stream(1).await, ok(&[400, 300, 200, 100]));
        assert_eq!(stream(4).await, ok(&[100, 200, 300, 400]));
    });
}

// "streams an enumerable with ordered: false, on_timeout: :kill_task"
#[test]
fn without_order_late_tasks_come_last() {
    check(async {
        let stream = task::async_stream([100, 1, 100, 1], sleep)
            .timeout(ms(50))
            .ordered(false);
        let stream = stream.on_timeout(OnTimeout::KillTask).max_concurrency(4);
        let late = Err(ExitReason::from("timeout"));
        assert_eq!(stream.collect::<Vec<_>>().await, [Ok(1), Ok(1), late.clone(), late]);
        assert_empty_mailbox();
    });
}

// "streams an enumerable with infinite timeout"
#[test]
fn without_a_timeout_a_task_may_take_for_ever() {
    check(async {
        let stream = task::async_stream([1_000_000], sleep).timeout(None);
        assert_eq!(stream.collect::<Vec<_>>().await, ok(&[1_000_000]));
    });
}

// "does not allow streaming with max_concurrency = 0"
#[test]
#[should_panic(expected = "max_concurrency must be at least 1")]
fn no_concurrency_at_all_is_refused() {
    let _ = task::async_stream([1], sleep).max_concurrency(0);
}

// "streams with fake down messages on the inbox"
#[test]
fn a_stream_does_not_believe_messages_of_others() {
    check(async {
        let parent = me();
        let stream = task::async_stream(["ok"], move |text| async move {
            let stranger = process::monitor(parent);
            for link in process::info(me()).unwrap().links {
                send(
                    link,
                    Down {
                        monitor: stranger,
                        pid: parent,
                        reason: "oops".into(),
                    },
                );
            }
            text
        });
        assert_eq!(stream.collect::<Vec<_>>().await, [Ok("ok")]);
    });
}

// "consuming from another process"
#[test]
fn a_stream_can_be_made_here_and_consumed_there() {
    check(async {
        let parent = me();
        let stream = task::async_stream([1, 2, 3], move |n: i32| async move { send(parent, n) });
        task::start(stream.collect::<Vec<_>>());
        for expected in [1, 2, 3] {
            receive! { n: i32 => assert_eq!(n, expected) }
        }
    });
}

// Task.async_stream: "the stream is lazy", "max_concurrency - sets the maximum number of tasks to run at the same time"
#[test]
fn items_are_taken_as_tasks_become_free() {
    check(async {
        let parent = me();
        let items = (1..).inspect(move |n: &u64| send(parent, *n));
        let mut stream = task::async_stream(items, sleep).max_concurrency(3);
        assert_empty_mailbox();
        assert_eq!(stream.next().await, Some(Ok(1)));
        let taken = process::flush();
        assert!((3..=4).contains(&taken.len()), "{taken:?}");
    });
}

// Task.async_stream: "the tasks will be linked to an intermediate process that is then linked to the caller"
#[test]
fn a_crash_ends_a_consumer_that_does_not_trap_exits() {
    check(async {
        let reason = end_of_process(async {
            let results = task::async_stream([1], exit_with).collect::<Vec<_>>().await;
            unreachable!("the stream came back with {results:?}");
        });
        assert_eq!(reason.await, ExitReason::from("1"));
    });
}

#[test]
fn tasks_end_with_their_consumer() {
    check(async {
        let parent = me();
        let consumer = spawn(async move {
            let stream = task::async_stream([0], move |_| async move {
                send(parent, me());
                process::sleep(secs(1_000_000)).await;
            });
            stream.timeout(None).collect::<Vec<_>>().await;
        });
        let task = receive! { task: Pid => task };
        process::exit(consumer, "enough");
        let reason = end_of(task).await;
        assert!([ExitReason::Killed, ExitReason::NoProc].contains(&reason), "{reason}");
    });
}

#[test]
fn a_hundred_thousand_items_stream_in_linear_time() {
    check(async {
        let stream = task::async_stream(0..100_000_u64, |n| async move { n }).max_concurrency(10_000);
        assert_eq!(stream.ordered(false).count().await, 100_000);
    });
}
