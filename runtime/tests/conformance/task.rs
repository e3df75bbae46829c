//! Tasks. Promises from Elixir's `task_test.exs`.

mod async_stream;

use super::{assert_empty_mailbox, check, end_of, end_of_process};
use crabtree::prelude::*;
use crabtree::task::{self, OnTimeout, OnYieldTimeout, Task, TaskError, TaskFailure};
use futures::StreamExt;
use futures::future::Either;

fn cause<T: std::fmt::Debug>(result: Result<T, TaskError>) -> TaskFailure {
    result.expect_err("it gives no result").cause
}

/// A task that waits for a word before it is done.
fn waiting() -> Task<&'static str> {
    task::async_(async {
        receive! { "go" => "done" }
    })
}

/// A task that never ends by itself.
fn endless() -> Task<()> {
    task::async_(process::sleep(secs(1_000_000)))
}

fn pid<T>(task: Task<T>) -> Pid {
    task.pid().expect("the task has a process")
}

fn exits(reason: impl Into<ExitReason>) -> TaskFailure {
    TaskFailure::Exit(reason.into())
}

/// Lets every process do what it can do now.
async fn settle() {
    process::sleep(ms(1)).await;
}

/// A task of another process, which waits for ever.
async fn task_of_another() -> Task<()> {
    let parent = me();
    spawn(async move {
        send(parent, endless());
        process::sleep(secs(1_000_000)).await;
    });
    receive! { task: Task<()> => task }
}

mod start {
    use super::*;

    // test "async/1"
    #[test]
    fn a_task_is_linked_and_sends_its_result_and_its_end() {
        check(async {
            let task = waiting();
            assert!(process::info(me()).unwrap().links.contains(&pid(task)));
            assert!(process::info(me()).unwrap().monitors.contains(&pid(task)));
            send(pid(task), "go");
            receive! { (monitor, "done"): (MonitorRef, &str) => assert_eq!(monitor, task.monitor()) }
            receive! {
                Down { monitor, reason, .. } => assert_eq!((monitor, reason), (task.monitor(), ExitReason::Normal))
            }
        });
    }

    // test "async/3"
    #[test]
    fn the_result_is_what_the_future_returns() {
        check(async {
            assert_eq!(task::async_(async { vec![1, 2, 3] }).await.unwrap(), [1, 2, 3]);
            assert_empty_mailbox();
        });
    }

    // test "start/1"
    #[test]
    fn start_does_not_link() {
        check(async {
            let parent = me();
            let pid = task::start(async move {
                receive! { "go" => send(parent, "done") }
            });
            assert_eq!(process::info(me()).unwrap().links, []);
            send(pid, "go");
            receive! { "done" => () }
        });
    }

    // test "start_link/1"
    #[test]
    fn start_link_links() {
        check(async {
            let parent = me();
            let pid = task::start_link(async move {
                receive! { "go" => send(parent, "done") }
            });
            assert_eq!(process::info(me()).unwrap().links, [pid]);
            send(pid, "go");
            receive! { "done" => () }
        });
    }

    // test "completed/1"
    #[test]
    fn a_completed_task_has_no_process_and_a_result() {
        check(async {
            let task = task::completed("done");
            assert_eq!(task.pid(), None);
            assert_eq!(task.await.unwrap(), "done");
        });
    }

    // test "can be supervised directly", "generates child_spec/1"
    #[test]
    fn a_task_under_a_supervisor_runs_once_unless_it_is_told_otherwise() {
        for (restart, runs) in [(None, 1), (Some(Restart::Transient), 2)] {
            check(async {
                let parent = me();
                let work = task::child_spec("work", move || async move {
                    send(parent, me());
                    receive! { "crash" => exit("boom") }
                });
                let work = match restart {
                    Some(restart) => work.restart(restart),
                    None => work,
                };
                let sup = Supervisor::new(Strategy::OneForOne).child(work);
                let sup = sup.start_link().await.unwrap();
                let pid = receive! { pid: Pid => pid };
                assert_eq!(process::info(pid).unwrap().parent, Some(sup.pid()));
                send(pid, "crash");
                end_of(pid).await;
                settle().await;
                assert_eq!(1 + process::flush().len(), runs);
                supervisor::stop(sup).await.unwrap();
            });
        }
    }

    // test "async with $callers"
    #[test]
    fn a_task_knows_on_whose_behalf_it_runs() {
        check(async {
            let grandparent = me();
            let task = task::async_(async move {
                let parent = me();
                let task = task::async_(async move { task::callers() == [parent, grandparent] });
                task::callers() == [grandparent] && task.await.unwrap()
            });
            assert_eq!(task.await, Ok(true));
            assert_eq!(task::callers(), []);
        });
    }

    // test "start_link with $callers"
    #[test]
    fn a_task_that_nobody_awaits_knows_its_callers_too() {
        for start in [task::start as fn(Body) -> Pid, task::start_link] {
            check(async {
                let grandparent = me();
                start(Box::pin(async move {
                    let parent = me();
                    assert_eq!(task::callers(), [grandparent]);
                    start(Box::pin(async move { send(grandparent, (parent, task::callers())) }));
                    process::sleep(secs(1)).await;
                }));
                receive! {
                    (parent, callers): (Pid, Vec<Pid>) => assert_eq!(callers, [parent, grandparent])
                }
            });
        }
    }

    type Body = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

    #[test]
    fn of_many_callers_the_nearest_are_known() {
        fn descend(depth: usize, top: Pid) -> Body {
            Box::pin(async move {
                match depth {
                    0 => send(top, task::callers().len()),
                    _ => drop(task::start(descend(depth - 1, top))),
                }
            })
        }
        check(async {
            task::start(descend(100, me()));
            receive! { known: usize => assert_eq!(known, 32) }
        });
    }

    // test "async/1" and "async/3", of the struct
    #[test]
    fn a_task_prints_its_function_its_owner_its_process_and_its_reference() {
        async fn work() {}
        check(async {
            let task = task::async_(work());
            let expected = format!(
                "Task {{ function: conformance::task::start::\
                 a_task_prints_its_function_its_owner_its_process_and_its_reference::work, \
                 owner: {}, pid: Some({}), monitor: {:?} }}",
                me(),
                pid(task),
                task.monitor()
            );
            assert_eq!(format!("{task:?}"), expected);
            let info = process::info(pid(task)).unwrap();
            assert!(info.initial_call.ends_with("::work"), "{}", info.initial_call);
        });
    }

    // Task: "if the task process dies, the caller dies as well"
    #[test]
    fn a_crash_takes_an_owner_that_does_not_trap_exits_with_it() {
        check(async {
            let reason = end_of_process(async {
                let result = task::async_(async { exit("boom") }).await;
                unreachable!("the await came back with {result:?}");
            });
            assert_eq!(reason.await, ExitReason::from("boom"));
        });
    }

    // Task: "if the caller crashes, the task will crash also"
    #[test]
    fn a_task_ends_when_its_owner_crashes() {
        check(async {
            let parent = me();
            spawn(async move {
                send(parent, endless());
                settle().await;
                exit("boom")
            });
            let task = receive! { task: Task<()> => task };
            assert_eq!(end_of(pid(task)).await, ExitReason::from("boom"));
        });
    }
}

mod report {
    use super::*;
    use crabtree::io::string_io;

    /// What a task that does `work` leaves on its group leader.
    fn of<F: Future + Send + 'static>(work: F, name: Option<&'static str>) -> (String, Pid, Pid) {
        check(async move {
            let device = string_io::open("");
            process::set_group_leader(me(), device);
            if let Some(name) = name {
                process::register(me(), name).unwrap();
            }
            let pid = task::start(work);
            end_of(pid).await;
            (string_io::contents(device).unwrap().1, pid, me())
        })
    }

    async fn oops() {
        panic!("oops")
    }

    // describe "default :logger reporter": "logs a terminated task"
    #[test]
    fn a_task_that_panics_is_reported_with_its_starter_and_its_function() {
        let (report, pid, parent) = of(oops(), None);
        let head = format!("[error] Task {pid} started from {parent} terminating\n** (panic) oops at ");
        assert!(report.starts_with(&head), "{report}");
        assert!(
            report.contains("\nFunction: conformance::task::report::oops, started at "),
            "{report}"
        );
    }

    // "logs a terminated task with a process label"
    #[test]
    fn a_label_is_part_of_the_report() {
        let work = async {
            process::set_label("any label");
            panic!("oops")
        };
        let (report, pid, _): (String, Pid, Pid) = of::<_>(work, None);
        assert!(
            report.starts_with(&format!("[error] Task any label {pid} started from ")),
            "{report}"
        );
    }

    // Task.Supervised: the starter is named as it is registered
    #[test]
    fn a_starter_with_a_name_is_called_by_it() {
        let (report, pid, _) = of(oops(), Some("the starter"));
        assert!(
            report.starts_with(&format!("[error] Task {pid} started from the starter terminating")),
            "{report}"
        );
    }

    // Task.Supervised: an exit is reported but for :normal, :shutdown and {:shutdown, _}
    #[test]
    fn an_exit_is_reported_unless_it_is_an_orderly_end() {
        let table = [
            (ExitReason::from("boom"), true),
            (ExitReason::Kill, true),
            (ExitReason::Normal, false),
            (ExitReason::Shutdown, false),
            (ExitReason::shutdown_with("done"), false),
        ];
        for (reason, reported) in table {
            let ends = reason.clone();
            let (report, ..) = of(async { exit(ends) }, None);
            assert_eq!(!report.is_empty(), reported, "{reason}: {report}");
        }
    }

    #[test]
    fn an_end_by_a_signal_is_no_failure_of_the_task() {
        check(async {
            let device = string_io::open("");
            process::set_group_leader(me(), device);
            let pid = task::start(process::sleep(secs(1_000_000)));
            process::exit(pid, "enough");
            end_of(pid).await;
            assert_eq!(string_io::contents(device).unwrap().1, "");
        });
    }
}

mod ignore {
    use super::*;

    // describe "ignore/1": "discards on time replies"
    #[test]
    fn it_gives_a_result_that_has_come() {
        check(async {
            let task = task::async_(async { 1 });
            end_of(pid(task)).await;
            assert_eq!(task::ignore(task), Some(Ok(1)));
            assert_eq!(cause(task.await), TaskFailure::Handled);
            assert_empty_mailbox();
        });
    }

    // "discards late replies"
    #[test]
    fn a_late_result_disappears() {
        check(async {
            let task = waiting();
            assert_eq!(task::ignore(task), None);
            send(pid(task), "go");
            end_of(pid(task)).await;
            assert_eq!(cause(task.await), TaskFailure::Handled);
            assert_empty_mailbox();
        });
    }

    // "discards on-time failures"
    #[test]
    fn it_gives_a_failure_that_has_come() {
        check(async {
            process::flag(Flag::TrapExit, true);
            let task: Task<()> = task::async_(async { exit("oops") });
            end_of(pid(task)).await;
            assert_eq!(cause(task::ignore(task).unwrap()), exits("oops"));
            assert_eq!(cause(task.await), TaskFailure::Handled);
        });
    }

    // "discards late failures"
    #[test]
    fn a_late_failure_does_not_touch_the_owner() {
        check(async {
            let task: Task<()> = task::async_(async {
                receive! { "go" => exit("oops") }
            });
            assert_eq!(task::ignore(task), None);
            send(pid(task), "go");
            end_of(pid(task)).await;
            settle().await;
            assert_empty_mailbox();
        });
    }

    // "can ignore completed tasks"
    #[test]
    fn a_completed_task_can_be_ignored() {
        check(async {
            assert_eq!(task::ignore(task::completed("done")), Some(Ok("done")));
            assert_empty_mailbox();
        });
    }
}

mod await_one {
    use super::*;

    // describe "await/2": "demonitors and unalias on timeout"
    #[test]
    fn after_a_timeout_neither_result_nor_end_come() {
        check(async {
            let task = waiting();
            assert_eq!(cause(task.timeout(ms(0)).await), TaskFailure::Timeout(ms(0)));
            send(pid(task), "go");
            end_of(pid(task)).await;
            assert_empty_mailbox();
            assert_eq!(process::info(me()).unwrap().monitors, []);
        });
    }

    // "exits on timeout"
    #[test]
    fn it_waits_five_seconds_and_says_so() {
        check(async {
            let start = tokio::time::Instant::now();
            let task = endless();
            let error = task.await.unwrap_err();
            assert_eq!(start.elapsed().as_secs(), 5);
            assert_eq!(
                error.to_string(),
                format!("task::await(Task({})): no result within 5s", pid(task))
            );
        });
    }

    // "exits on normal exit"
    #[test]
    fn an_exit_without_a_result_is_an_error_even_a_normal_one() {
        check(async {
            let task: Task<()> = task::async_(async { exit(ExitReason::Normal) });
            assert_eq!(cause(task.await), exits(ExitReason::Normal));
        });
    }

    // "exits on task error", "exits on task throw"
    #[test]
    fn a_panic_is_the_error_of_an_owner_that_traps_exits() {
        check(async {
            process::flag(Flag::TrapExit, true);
            let task: Task<()> = task::async_(async { panic!("oops") });
            match cause(task.await) {
                TaskFailure::Exit(ExitReason::Panic(panic)) => assert_eq!(panic.message, "oops"),
                other => panic!("{other:?}"),
            }
            receive! { Exit { from, .. } => assert_eq!(from, pid(task)) }
            assert_empty_mailbox();
        });
    }

    // "exits on task exit"
    #[test]
    fn an_exit_is_the_error_of_an_owner_that_traps_exits() {
        check(async {
            process::flag(Flag::TrapExit, true);
            let task: Task<()> = task::async_(async { exit("unknown") });
            assert_eq!(cause(task.await), exits("unknown"));
        });
    }

    // "raises when invoked from a non-owner process"
    #[test]
    fn only_the_owner_can_await() {
        check(async {
            let task = task_of_another().await;
            let error = task.await.unwrap_err();
            let (owner, caller) = (task.owner(), me());
            assert_eq!(error.cause, TaskFailure::NotOwner { owner, caller });
            assert!(error.to_string().contains(&format!("only {owner}")), "{error}");
        });
    }

    #[test]
    fn a_second_await_fails_at_once() {
        check(async {
            let start = tokio::time::Instant::now();
            let task = task::async_(async { 1 });
            task.await.unwrap();
            let error = task.await.unwrap_err();
            assert_eq!(error.cause, TaskFailure::Handled);
            assert!(error.to_string().contains("taken before"), "{error}");
            assert_eq!(start.elapsed().as_millis(), 0);
        });
    }

    #[test]
    fn an_await_that_is_dropped_loses_nothing() {
        check(async {
            let task = waiting();
            let awaiting = std::pin::pin!(task.into_future());
            let pause = std::pin::pin!(process::sleep(ms(1)));
            assert!(matches!(
                futures::future::select(awaiting, pause).await,
                Either::Right(_)
            ));
            send(pid(task), "go");
            assert_eq!(task.await.unwrap(), "done");
        });
    }
}

mod await_many {
    use super::*;

    // describe "await_many/2": "returns list of replies"
    #[test]
    fn it_gives_the_results() {
        check(async {
            let tasks = [1, 3, 9].map(|n| task::async_(async move { n }));
            assert_eq!(task::await_many(tasks).await.unwrap(), [1, 3, 9]);
            assert_empty_mailbox();
        });
    }

    // "returns replies in input order ignoring response order"
    #[test]
    fn results_come_in_the_order_of_the_tasks() {
        check(async {
            let tasks = [3, 1, 2].map(|n| {
                task::async_(async move {
                    process::sleep(ms(n)).await;
                    n
                })
            });
            assert_eq!(task::await_many(tasks).await.unwrap(), [3, 1, 2]);
        });
    }

    // "returns an empty list immediately"
    #[test]
    fn of_no_tasks_there_are_no_results() {
        check(async {
            let none: [Task<()>; 0] = [];
            assert_eq!(task::await_many(none).await.unwrap(), []);
        });
    }

    // "ignores messages from other processes"
    #[test]
    fn other_messages_stay_where_they_are() {
        check(async {
            let stranger = process::monitor(me());
            let other = task::completed('z');
            let down = Down {
                monitor: stranger,
                pid: me(),
                reason: "goodbye".into(),
            };
            send(me(), down.clone());
            let tasks = ['a', 'b'].map(|c| task::async_(async move { c }));
            assert_eq!(task::await_many(tasks).await.unwrap(), ['a', 'b']);
            receive! { (monitor, 'z'): (MonitorRef, char) => assert_eq!(monitor, other.monitor()) }
            receive! { kept: Down => assert_eq!(kept, down) }
            assert_empty_mailbox();
        });
    }

    // "ignores additional messages after reply"
    #[test]
    fn a_second_word_of_a_task_stays_in_the_mailbox() {
        check(async {
            let task = task::completed("first");
            send(me(), (task.monitor(), "second"));
            assert_eq!(task::await_many([task]).await.unwrap(), ["first"]);
            receive! { (monitor, text): (MonitorRef, &str) => assert_eq!((monitor, text), (task.monitor(), "second")) }
        });
    }

    // "exits on timeout"
    #[test]
    fn one_time_is_for_all_of_them() {
        check(async {
            let start = tokio::time::Instant::now();
            let error = task::await_many([endless(), endless()]).await.unwrap_err();
            assert_eq!(error.cause, TaskFailure::Timeout(secs(5)));
            assert_eq!(start.elapsed().as_secs(), 5);
        });
    }

    // "exits with same reason when task exits", "exits immediately when any task exits"
    #[test]
    fn it_fails_as_soon_as_one_fails() {
        check(async {
            let start = tokio::time::Instant::now();
            let normal = task::async_(async { exit(ExitReason::Normal) });
            let error = task::await_many([endless(), normal]).await.unwrap_err();
            assert_eq!(error.cause, exits(ExitReason::Normal));
            assert_eq!(error.request, format!("task::await_many(Task({}))", pid(normal)));
            assert_eq!(start.elapsed().as_millis(), 0);
        });
    }

    // "exits immediately when any task crashes"
    #[test]
    fn after_a_crash_none_of_them_is_watched_any_more() {
        check(async {
            process::flag(Flag::TrapExit, true);
            let tasks = [endless(), task::async_(async { exit("unknown") })];
            assert_eq!(cause(task::await_many(tasks).await), exits("unknown"));
            process::exit(pid(tasks[0]), ExitReason::Kill);
            end_of(pid(tasks[0])).await;
            receive! {
                Down { .. } => unreachable!("nothing is watched"),
                after ms(1) => (),
            }
        });
    }

    // "exits immediately on any task error"
    #[test]
    fn it_fails_with_the_panic_of_a_task() {
        check(async {
            process::flag(Flag::TrapExit, true);
            let tasks = [endless(), task::async_(async { panic!("oops") })];
            let error = task::await_many(tasks).await.unwrap_err();
            assert!(error.to_string().contains("oops"), "{error}");
        });
    }

    // "raises when invoked from a non-owner process"
    #[test]
    fn only_the_owner_can_await_many() {
        check(async {
            let tasks = [endless(), task_of_another().await];
            let (owner, caller) = (tasks[1].owner(), me());
            assert_eq!(
                cause(task::await_many(tasks).await),
                TaskFailure::NotOwner { owner, caller }
            );
        });
    }
}

mod yield_one {
    use super::*;

    // describe "yield/2": "returns {:ok, result} when reply and :DOWN in message queue"
    #[test]
    fn result_and_end_are_taken_together() {
        check(async {
            let task = task::async_(async { "result" });
            end_of(pid(task)).await;
            assert_eq!(task::yield_(task).timeout(ms(0)).await, Some(Ok("result")));
            assert_empty_mailbox();
        });
    }

    // "returns nil on timeout"
    #[test]
    fn a_task_at_work_gives_none_and_can_be_asked_again() {
        check(async {
            let task = waiting();
            assert_eq!(task::yield_(task).timeout(ms(10)).await, None);
            send(pid(task), "go");
            assert_eq!(task::yield_(task).await, Some(Ok("done")));
        });
    }

    // "return exit on normal exit"
    #[test]
    fn an_end_without_a_result_is_an_error() {
        check(async {
            let task: Task<()> = task::async_(async { exit(ExitReason::Normal) });
            assert_eq!(cause(task::yield_(task).await.unwrap()), exits(ExitReason::Normal));
        });
    }

    // "raises when invoked from a non-owner process"
    #[test]
    fn only_the_owner_can_yield() {
        check(async {
            let task = task_of_another().await;
            let error = task::yield_(task).timeout(ms(1)).await.unwrap().unwrap_err();
            assert!(matches!(error.cause, TaskFailure::NotOwner { .. }), "{error}");
            assert!(error.request.starts_with("task::yield_("), "{error}");
        });
    }
}

mod yield_many {
    use super::*;

    // describe "yield_many/2": "returns {:ok, result} when reply and :DOWN in message queue"
    #[test]
    fn result_and_end_are_taken_together() {
        check(async {
            let task = task::async_(async { "result" });
            end_of(pid(task)).await;
            let results = task::yield_many([task]).timeout(ms(0)).await;
            assert_eq!(results, [(task, Some(Ok("result")))]);
            assert_empty_mailbox();
        });
    }

    // "returns nil on timeout by default"
    #[test]
    fn a_task_at_work_gives_none_and_lives_on() {
        check(async {
            let task = endless();
            assert_eq!(task::yield_many([task]).timeout(ms(0)).await, [(task, None)]);
            assert!(process::is_alive(pid(task)));
        });
    }

    // "shuts down on timeout when configured"
    #[test]
    fn late_tasks_can_be_killed() {
        check(async {
            let task = endless();
            let yielding = task::yield_many([task]).timeout(ms(0));
            assert_eq!(yielding.on_timeout(OnYieldTimeout::KillTask).await, [(task, None)]);
            assert!(!process::is_alive(pid(task)));
            assert_empty_mailbox();
        });
    }

    // "ignores on timeout when configured"
    #[test]
    fn late_tasks_can_be_ignored() {
        check(async {
            let task = waiting();
            let yielding = task::yield_many([task]).timeout(ms(0));
            assert_eq!(yielding.on_timeout(OnYieldTimeout::Ignore).await, [(task, None)]);
            assert!(process::is_alive(pid(task)));
            send(pid(task), "go");
            end_of(pid(task)).await;
            assert_eq!(task::yield_(task).timeout(ms(0)).await, None);
        });
    }

    // "return exit on normal exit"
    #[test]
    fn an_end_without_a_result_is_an_error() {
        check(async {
            let task: Task<()> = task::async_(async { exit(ExitReason::Normal) });
            let (_, result) = task::yield_many([task]).await.pop().unwrap();
            assert_eq!(cause(result.unwrap()), exits(ExitReason::Normal));
        });
    }

    // "raises when invoked from a non-owner process"
    #[test]
    fn only_the_owner_can_yield() {
        check(async {
            let task = task_of_another().await;
            let (_, result) = task::yield_many([task]).await.pop().unwrap();
            assert!(matches!(cause(result.unwrap()), TaskFailure::NotOwner { .. }));
        });
    }

    // "returns results from multiple tasks"
    #[test]
    fn each_task_has_its_own_outcome() {
        check(async {
            let tasks = [
                task::completed(()),
                endless(),
                task::async_(async { exit(ExitReason::Normal) }),
            ];
            let results = task::yield_many(tasks).timeout(ms(1)).await;
            let results: Vec<_> = results
                .into_iter()
                .map(|(_, result)| result.map(|it| it.is_ok()))
                .collect();
            assert_eq!(results, [Some(true), None, Some(false)]);
        });
    }

    // "returns results from multiple tasks with limit"
    #[test]
    fn a_limit_leaves_the_other_results_for_later() {
        check(async {
            let tasks = [1, 2, 3].map(|n| {
                task::async_(async move {
                    process::sleep(ms(n)).await;
                    n
                })
            });
            let results = task::yield_many(tasks).limit(1).timeout(None).await;
            assert_eq!(results, [(tasks[0], Some(Ok(1))), (tasks[1], None), (tasks[2], None)]);
            let results = task::yield_many(tasks[1..].to_vec()).limit(1).timeout(None).await;
            assert_eq!(results, [(tasks[1], Some(Ok(2))), (tasks[2], None)]);
        });
    }

    // "returns once all tasks have replied below limit"
    #[test]
    fn a_limit_above_the_number_of_tasks_does_not_wait_for_more() {
        check(async {
            let task = task::async_(async { "done" });
            assert_eq!(
                task::yield_many([task]).limit(2).timeout(None).await,
                [(task, Some(Ok("done")))]
            );
        });
    }

    // "returns results on infinity timeout"
    #[test]
    fn without_a_timeout_it_waits_for_all() {
        check(async {
            let tasks = [1, 2].map(|n| {
                task::async_(async move {
                    process::sleep(secs(1000 * n)).await;
                    if n == 2 {
                        exit(ExitReason::Normal)
                    }
                })
            });
            let results = task::yield_many(tasks).timeout(None).await;
            let results: Vec<_> = results
                .into_iter()
                .map(|(_, result)| result.map(|it| it.is_ok()))
                .collect();
            assert_eq!(results, [Some(true), Some(false)]);
        });
    }

    // "returns results from multiple tasks with limit and on timeout"
    #[test]
    fn a_limit_that_is_reached_is_no_timeout() {
        check(async {
            let tasks = [endless(), task::async_(async {})];
            let yielding = task::yield_many(tasks).timeout(None).limit(1);
            let results = yielding.on_timeout(OnYieldTimeout::KillTask).await;
            assert_eq!(results, [(tasks[0], None), (tasks[1], Some(Ok(())))]);
            assert!(process::is_alive(pid(tasks[0])));
            let yielding = task::yield_many([tasks[0]]).timeout(ms(0)).limit(1);
            assert_eq!(yielding.on_timeout(OnYieldTimeout::KillTask).await, [(tasks[0], None)]);
            assert!(!process::is_alive(pid(tasks[0])));
        });
    }
}

mod shutdown {
    use super::*;

    // describe "shutdown/2": "returns {:ok, result} when reply and … :DOWN in message queue" (both forms)
    #[test]
    fn a_result_that_came_before_is_given() {
        check(async {
            for kill in [false, true] {
                let task = task::async_(async { "result" });
                end_of(pid(task)).await;
                let shutdown = task::shutdown(task);
                let shutdown = if kill { shutdown.brutal_kill() } else { shutdown };
                assert_eq!(shutdown.await, Some(Ok("result")));
                assert_empty_mailbox();
            }
        });
    }

    // "returns nil on shutting down task"
    #[test]
    fn a_task_that_is_shut_down_gives_none_and_the_caller_lives_on() {
        check(async {
            let task = endless();
            assert_eq!(task::shutdown(task).await, None);
            assert!(!process::is_alive(pid(task)));
            assert_empty_mailbox();
        });
    }

    // "returns exit on abnormal :DOWN", "… normal :DOWN", "… killed :DOWN", "returns nil on shutdown :DOWN …",
    // and the same for :brutal_kill
    #[test]
    fn a_task_that_ended_before_gives_its_reason_unless_it_is_the_one_meant() {
        let (kill, ask) = (true, false);
        let table = [
            (ask, ExitReason::from("abnormal"), false),
            (ask, ExitReason::Normal, false),
            (ask, ExitReason::Killed, false),
            (ask, ExitReason::Shutdown, true),
            (kill, ExitReason::from("abnormal"), false),
            (kill, ExitReason::Normal, false),
            (kill, ExitReason::Shutdown, false),
            (kill, ExitReason::Killed, true),
        ];
        for (kill, reason, meant) in table {
            check(async {
                process::flag(Flag::TrapExit, true);
                let ends = reason.clone();
                let task: Task<()> = task::async_(async { exit(ends) });
                end_of(pid(task)).await;
                let shutdown = task::shutdown(task);
                let shutdown = if kill { shutdown.brutal_kill() } else { shutdown };
                match shutdown.await {
                    None => assert!(meant, "{reason}"),
                    Some(result) => assert_eq!((cause(result), meant), (exits(reason), false)),
                }
            });
        }
    }

    // "returns {:ok, result} when reply and abnormal / shut down :DOWN in message queue", and the same for :brutal_kill
    #[test]
    fn a_result_counts_for_more_than_how_the_task_ended_afterwards() {
        for kill in [false, true] {
            for reason in [ExitReason::from("abnormal"), ExitReason::Shutdown, ExitReason::Killed] {
                check(async {
                    process::flag(Flag::TrapExit, true);
                    let owner = me();
                    let task: Task<&str> = task::async_(async move {
                        let monitor = receive! { monitor: MonitorRef => monitor };
                        send(owner, (monitor, "result"));
                        exit(reason)
                    });
                    send(pid(task), task.monitor());
                    end_of(pid(task)).await;
                    let shutdown = task::shutdown(task);
                    let shutdown = if kill { shutdown.brutal_kill() } else { shutdown };
                    assert_eq!(shutdown.await, Some(Ok("result")));
                    receive! { Down { .. } => unreachable!("it was taken"), after ms(0) => () }
                });
            }
        }
    }

    // "ignores if task PID is nil"
    #[test]
    fn a_completed_task_gives_its_result_or_its_end() {
        check(async {
            assert_eq!(task::shutdown(task::completed("done")).await, Some(Ok("done")));
            let task = task::completed("taken");
            assert_eq!(process::flush().len(), 1);
            let down = Down {
                monitor: task.monitor(),
                pid: me(),
                reason: "done".into(),
            };
            send(me(), down);
            assert_eq!(cause(task::shutdown(task).await.unwrap()), exits("done"));
        });
    }

    // "raises when invoked from a non-owner process"
    #[test]
    fn only_the_owner_can_shut_down() {
        check(async {
            let task = task_of_another().await;
            let result = task::shutdown(task).await.unwrap();
            assert!(matches!(cause(result), TaskFailure::NotOwner { .. }));
            assert!(process::is_alive(pid(task)));
        });
    }

    // "returns nil on killing task"
    #[test]
    fn a_brutal_kill_does_not_ask_whether_exits_are_trapped() {
        check(async {
            let task = stubborn().await;
            assert_eq!(task::shutdown(task).brutal_kill().await, None);
            assert_empty_mailbox();
        });
    }

    // "returns exit on killing task after shutdown timeout"
    #[test]
    fn a_task_that_takes_too_long_is_killed() {
        check(async {
            let task = stubborn().await;
            let result = task::shutdown(task).timeout(ms(1)).await;
            assert_eq!(cause(result.unwrap()), exits(ExitReason::Killed));
        });
    }

    // "returns {:exit, :noproc} if task handled" (both forms)
    #[test]
    fn a_task_whose_result_was_taken_is_not_there() {
        check(async {
            let task = task::async_(async { 1 });
            task.await.unwrap();
            assert_eq!(cause(task::shutdown(task).await.unwrap()), exits(ExitReason::NoProc));
            let result = task::shutdown(task).brutal_kill().await;
            assert_eq!(cause(result.unwrap()), exits(ExitReason::NoProc));
        });
    }

    /// A task that does not mind exit signals.
    async fn stubborn() -> Task<()> {
        let parent = me();
        let task = task::async_(async move {
            process::flag(Flag::TrapExit, true);
            send(parent, "ready");
            process::sleep(secs(1_000_000)).await;
        });
        receive! { "ready" => task }
    }
}
