//! Task supervisors. Promises from Elixir's `task/supervisor_test.exs`.

use super::{assert_empty_mailbox, check, end_of, end_of_process};
use crabtree::gen_server::CallFailure;
use crabtree::prelude::*;
use crabtree::supervisor::ChildError;
use crabtree::task::supervisor::{async_, async_nolink, children, start_child, terminate_child};
use crabtree::task::{AsyncStream, OnTimeout, Task, TaskError, TaskFailure};
use futures::StreamExt;

/// Runs the body with a supervisor of tasks.
fn supervised(body: impl AsyncFn(SupervisorRef)) {
    check(async { body(TaskSupervisor::new().start_link().await.unwrap()).await });
}

/// Says that it is there, waits for a word, and is done.
async fn wait_and_send(caller: Pid) -> &'static str {
    send(caller, "ready");
    receive! { "go" => () }
    send(caller, "done");
    "done"
}

async fn endless() {
    process::sleep(secs(1_000_000)).await;
}

async fn settle() {
    process::sleep(ms(1)).await;
}

fn links_of(pid: impl Into<Pid>) -> Vec<Pid> {
    process::info(pid).unwrap().links
}

fn pid<T>(task: Task<T>) -> Pid {
    task.pid().expect("the task has a process")
}

fn cause<T: std::fmt::Debug>(result: Result<T, TaskError>) -> TaskFailure {
    result.expect_err("it gives no result").cause
}

// test "can be supervised directly"
#[test]
fn a_task_supervisor_can_be_supervised() {
    check(async {
        let tasks = ChildSpec::supervisor("tasks", || TaskSupervisor::new().name("supervised tasks"));
        let sup = Supervisor::new(Strategy::OneForOne)
            .child(tasks)
            .start_link()
            .await
            .unwrap();
        let task = async_("supervised tasks", async { 1 }).await.unwrap();
        assert_eq!(task.await, Ok(1));
        supervisor::stop(sup).await.unwrap();
        assert_eq!(process::whereis("supervised tasks"), None);
    });
}

// test "multiple supervisors can be supervised and identified with simple child spec"
#[test]
fn several_task_supervisors_are_told_apart_by_their_ids_and_found_by_their_names() {
    check(async {
        let names = registry::unique::<&str, ()>("names of task supervisors")
            .start_link()
            .await
            .unwrap();
        let by_key = {
            let names = names.clone();
            move || TaskSupervisor::new().via(registry::via(&names, "by key"))
        };
        let sup = Supervisor::new(Strategy::OneForOne)
            .child(ChildSpec::supervisor("simple", || {
                TaskSupervisor::new().name("a simple name")
            }))
            .child(ChildSpec::supervisor("by key", by_key))
            .start_link()
            .await
            .unwrap();
        let nameless = || ChildSpec::supervisor("nameless", TaskSupervisor::new);
        supervisor::start_child(sup, nameless()).await.unwrap();
        assert_eq!(children("a simple name").await.unwrap(), []);
        assert_eq!(children(registry::via(&names, "by key")).await.unwrap(), []);
        let all = supervisor::which_children(sup).await.unwrap();
        let child = all.into_iter().find(|child| child.id == "nameless").unwrap();
        assert_eq!(children(child.pid.unwrap()).await.unwrap(), []);
        match supervisor::start_child(sup, nameless()).await.unwrap_err() {
            ChildError::AlreadyStarted { pid: already, .. } => assert_eq!(already, child.pid.unwrap()),
            other => panic!("{other}"),
        }
        supervisor::stop(sup).await.unwrap();
    });
}

// test "counts and returns children"
#[test]
fn it_counts_its_tasks() {
    supervised(async |sup| {
        assert_eq!(children(sup).await.unwrap(), []);
        let count = supervisor::count_children(sup).await.unwrap();
        assert_eq!(
            (count.specs, count.active, count.workers, count.supervisors),
            (0, 0, 0, 0)
        );
        let task = async_(sup, endless()).await.unwrap();
        assert_eq!(children(sup).await.unwrap(), [pid(task)]);
        let count = supervisor::count_children(sup).await.unwrap();
        assert_eq!(
            (count.specs, count.active, count.workers, count.supervisors),
            (1, 1, 1, 0)
        );
    });
}

mod awaited {
    use super::*;

    // describe "async/1": "spawns tasks under the supervisor"; "async/3"
    #[test]
    fn a_task_is_a_child_of_the_supervisor_and_linked_to_its_owner() {
        supervised(async |sup| {
            let task = async_(sup, wait_and_send(me())).await.unwrap();
            assert_eq!(children(sup).await.unwrap(), [pid(task)]);
            assert!(links_of(me()).contains(&pid(task)));
            assert!(links_of(sup).contains(&pid(task)));
            assert_eq!(process::info(pid(task)).unwrap().parent, Some(sup.pid()));
            receive! { "ready" => () }
            send(pid(task), "go");
            receive! { "done" => () }
            receive! { (monitor, "done"): (MonitorRef, &str) => assert_eq!(monitor, task.monitor()) }
            receive! {
                Down { monitor, reason, .. } => assert_eq!((monitor, reason), (task.monitor(), ExitReason::Normal))
            }
            assert_eq!(children(sup).await.unwrap(), []);
        });
    }

    // describe "async_nolink/1": "spawns a task under the supervisor without linking to the caller"; "async_nolink/3"
    #[test]
    fn a_task_without_a_link_is_watched_by_its_owner_all_the_same() {
        supervised(async |sup| {
            let task = async_nolink(sup, wait_and_send(me())).await.unwrap();
            assert_eq!(children(sup).await.unwrap(), [pid(task)]);
            assert_eq!(links_of(me()), [sup.pid()]);
            assert_eq!(links_of(pid(task)), [sup.pid()]);
            receive! { "ready" => () }
            send(pid(task), "go");
            receive! { "done" => () }
            receive! { (monitor, "done"): (MonitorRef, &str) => assert_eq!(monitor, task.monitor()) }
            receive! {
                Down { monitor, reason, .. } => assert_eq!((monitor, reason), (task.monitor(), ExitReason::Normal))
            }
        });
    }

    // Task.Supervisor.async_nolink: "regardless of how the task … terminates, the caller's process will always
    // receive a :DOWN message"
    #[test]
    fn an_owner_without_a_link_survives_and_learns_the_reason() {
        supervised(async |sup| {
            let task: Task<()> = async_nolink(sup, async { panic!("oops") }).await.unwrap();
            receive! {
                Down { monitor, reason: ExitReason::Panic(panic), .. } => {
                    assert_eq!((monitor, panic.message.as_str()), (task.monitor(), "oops"));
                }
            }
            let task: Task<()> = async_nolink(sup, async { exit("boom") }).await.unwrap();
            assert_eq!(cause(task.await), TaskFailure::Exit("boom".into()));
            assert_empty_mailbox();
        });
    }

    // "with custom shutdown", of async, async_nolink and start_child
    #[test]
    fn a_task_can_be_killed_when_its_supervisor_ends() {
        let stubborn = || async {
            process::flag(Flag::TrapExit, true);
            endless().await
        };
        supervised(async |sup| {
            process::flag(Flag::TrapExit, true);
            let linked = async_(sup, stubborn()).shutdown(Shutdown::BrutalKill).await.unwrap();
            let alone = async_nolink(sup, stubborn())
                .shutdown(Shutdown::BrutalKill)
                .await
                .unwrap();
            let child = start_child(sup, stubborn())
                .shutdown(Shutdown::BrutalKill)
                .await
                .unwrap();
            let child = process::monitor(child);
            let start = tokio::time::Instant::now();
            process::exit(sup, ExitReason::Shutdown);
            for monitor in [linked.monitor(), alone.monitor(), child] {
                receive! { Down { monitor: of, reason, .. } if of == monitor => assert_eq!(reason, ExitReason::Killed) }
            }
            assert_eq!(start.elapsed().as_secs(), 0);
        });
    }

    // Task.Supervisor: ":shutdown … defaults to 5000 milliseconds. The tasks must trap exits for the timeout to have an
    // effect"
    #[test]
    fn a_task_that_traps_exits_has_five_seconds_to_end() {
        supervised(async |sup| {
            process::flag(Flag::TrapExit, true);
            let parent = me();
            let stubborn = async move {
                process::flag(Flag::TrapExit, true);
                send(parent, "ready");
                endless().await
            };
            let task = async_nolink(sup, stubborn).await.unwrap();
            receive! { "ready" => () }
            let start = tokio::time::Instant::now();
            process::exit(sup, ExitReason::Shutdown);
            receive! { Down { monitor, reason, .. } if monitor == task.monitor() => assert_eq!(reason, ExitReason::Killed) }
            assert_eq!(start.elapsed().as_secs(), 5);
        });
    }

    // "raises when :max_children is reached", of async and async_nolink
    #[test]
    fn one_task_too_many_is_refused_and_leaves_nothing() {
        check(async {
            let sup = TaskSupervisor::new().max_children(1).start_link().await.unwrap();
            let first = async_(sup, endless()).await.unwrap();
            let refused = |error: ChildError| assert!(matches!(error, ChildError::MaxChildren(1)), "{error}");
            let parent = me();
            let run = move || async move { send(parent, "it ran") };
            refused(async_(sup, run()).await.unwrap_err());
            refused(async_nolink(sup, run()).await.unwrap_err());
            refused(start_child(sup, run()).await.unwrap_err());
            settle().await;
            assert_empty_mailbox();
            assert_eq!(children(sup).await.unwrap(), [pid(first)]);
            let info = process::info(me()).unwrap();
            assert_eq!(info.monitors, [pid(first)]);
            assert_eq!(info.links.len(), 2);
        });
    }

    // Supervisor: "if the supervisor is not alive, the call exits with :noproc"
    #[test]
    fn a_supervisor_that_is_not_there_is_named_by_the_error() {
        supervised(async |sup| {
            let error = async_("no such tasks", async {}).await.unwrap_err();
            assert!(
                matches!(&error, ChildError::Call(call) if call.cause == CallFailure::NoSuchName),
                "{error}"
            );
            assert!(
                error
                    .to_string()
                    .contains(r#"task::supervisor::async_("no such tasks")"#),
                "{error}"
            );
            supervisor::stop(sup).await.unwrap();
            let error = start_child(sup, async {}).await.unwrap_err();
            let request = format!("task::supervisor::start_child({})", sup.pid());
            assert!(error.to_string().contains(&request), "{error}");
            assert_empty_mailbox();
        });
    }

    // describe "async/1": "with $callers"
    #[test]
    fn callers_are_those_who_asked_and_not_the_supervisor() {
        supervised(async |sup| {
            let grandparent = me();
            let task = async_(sup, async move {
                assert_eq!(task::callers(), [grandparent]);
                let parent = me();
                let task = async_(sup, async move {
                    assert_eq!(task::callers(), [parent, grandparent]);
                    assert_eq!(process::info(me()).unwrap().parent, Some(sup.pid()));
                });
                task.await.unwrap().await.unwrap();
            });
            task.await.unwrap().await.unwrap();
        });
    }

    // describe "await/1": "demonitors and unalias on timeout"
    #[test]
    fn after_a_timeout_neither_result_nor_end_come() {
        supervised(async |sup| {
            let task = async_(sup, async {
                receive! { "go" => "done" }
            })
            .await
            .unwrap();
            assert_eq!(cause(task.timeout(ms(0)).await), TaskFailure::Timeout(ms(0)));
            send(pid(task), "go");
            end_of(pid(task)).await;
            assert_empty_mailbox();
        });
    }

    // describe "await/1": "exits on task throw", "exits on task error", "exits on task exit"
    #[test]
    fn a_failure_is_the_error_of_an_owner_that_traps_exits() {
        supervised(async |sup| {
            process::flag(Flag::TrapExit, true);
            let task: Task<()> = async_(sup, async { panic!("oops") }).await.unwrap();
            match cause(task.await) {
                TaskFailure::Exit(ExitReason::Panic(panic)) => assert_eq!(panic.message, "oops"),
                other => panic!("{other:?}"),
            }
            let task: Task<()> = async_(sup, async { exit("unknown") }).await.unwrap();
            assert_eq!(cause(task.await), TaskFailure::Exit("unknown".into()));
        });
    }

    // Task.Supervisor.async: "The task will still be linked to the caller"
    #[test]
    fn a_linked_task_that_fails_ends_its_owner_and_not_the_supervisor() {
        supervised(async |sup| {
            let reason = end_of_process(async move {
                let task: Task<()> = async_(sup, async { exit("boom") }).await.unwrap();
                let result = task.await;
                unreachable!("the await came back with {result:?}");
            });
            assert_eq!(reason.await, ExitReason::from("boom"));
            assert_eq!(children(sup).await.unwrap(), []);
        });
    }

    // Task.Supervised: the owner is watched until the task has begun
    #[test]
    fn a_start_that_is_given_up_runs_nothing() {
        supervised(async |sup| {
            let parent = me();
            sys::suspend(sup).await.unwrap();
            let start = async_(sup, async move { send(parent, "it ran") }).into_future();
            let pause = std::pin::pin!(process::sleep(ms(1)));
            let given_up = futures::future::select(start, pause).await;
            drop(given_up);
            sys::resume(sup).await.unwrap();
            assert_eq!(children(sup).await.unwrap(), []);
            settle().await;
            assert_empty_mailbox();
            assert_eq!(process::info(me()).unwrap().monitors, []);
        });
    }

    #[test]
    fn an_owner_that_ends_before_its_task_begins_leaves_none() {
        supervised(async |sup| {
            let parent = me();
            sys::suspend(sup).await.unwrap();
            let owner = spawn(async move {
                let _ = async_(sup, async move { send(parent, "it ran") }).await;
            });
            settle().await;
            process::exit(owner, ExitReason::Kill);
            end_of(owner).await;
            sys::resume(sup).await.unwrap();
            assert_eq!(children(sup).await.unwrap(), []);
            assert_empty_mailbox();
        });
    }

    #[test]
    fn a_task_writes_where_its_caller_writes() {
        supervised(async |sup| {
            let (mine, parent) = (spawn(endless()), me());
            process::set_group_leader(me(), mine);
            let tell = move || async move { send(parent, process::group_leader()) };
            async_(sup, tell()).await.unwrap().await.unwrap();
            receive! { leader: Pid => assert_eq!(leader, mine) }
            start_child(sup, tell).await.unwrap();
            receive! { leader: Pid => assert_eq!(leader, mine) }
        });
    }
}

mod child {
    use super::*;

    // test "start_child/1", "start_child/3"
    #[test]
    fn it_is_not_linked_to_who_started_it() {
        supervised(async |sup| {
            let pid = start_child(sup, wait_and_send(me())).await.unwrap();
            assert_eq!(children(sup).await.unwrap(), [pid]);
            assert_eq!(links_of(me()), [sup.pid()]);
            assert_eq!(process::info(me()).unwrap().monitors, []);
            receive! { "ready" => () }
            send(pid, "go");
            receive! { "done" => () }
            settle().await;
            assert_empty_mailbox();
        });
    }

    // test "start_child/1 with custom restart"
    #[test]
    fn work_that_can_be_done_again_can_be_restarted() {
        supervised(async |sup| {
            let parent = me();
            let work = start_child(sup, move || wait_and_send(parent)).restart(Restart::Permanent);
            let pid = work.await.unwrap();
            receive! { "ready" => () }
            process::exit(pid, ExitReason::Shutdown);
            receive! { "ready" => () }
            let children = children(sup).await.unwrap();
            assert!(children.len() == 1 && children[0] != pid, "{children:?}");
        });
    }

    // Task.Supervisor.start_child: ":restart … :temporary (the default), :transient or :permanent"
    #[test]
    fn a_task_is_restarted_as_it_was_told() {
        let table = [
            (Restart::Temporary, ExitReason::from("boom"), false),
            (Restart::Temporary, ExitReason::Normal, false),
            (Restart::Transient, ExitReason::from("boom"), true),
            (Restart::Transient, ExitReason::Killed, true),
            (Restart::Transient, ExitReason::Normal, false),
            (Restart::Transient, ExitReason::Shutdown, false),
            (Restart::Permanent, ExitReason::Normal, true),
        ];
        for (restart, reason, again) in table {
            supervised(async |sup| {
                let (parent, ends) = (me(), reason.clone());
                let work = move || {
                    let ends = ends.clone();
                    async move {
                        send(parent, "ready");
                        receive! { "go" => exit(ends) }
                    }
                };
                let pid = start_child(sup, work).restart(restart).await.unwrap();
                receive! { "ready" => () }
                send(pid, "go");
                end_of(pid).await;
                let restarted = receive! { "ready" => true, after ms(1) => false };
                assert_eq!(restarted, again, "{restart:?} {reason}");
                assert_eq!(children(sup).await.unwrap().len(), usize::from(again));
            });
        }
    }

    // test "start_child/1 with $callers"
    #[test]
    fn callers_are_those_who_asked_also_after_a_restart() {
        supervised(async |sup| {
            let grandparent = me();
            let outer = async move {
                assert_eq!(task::callers(), [grandparent]);
                let parent = me();
                let inner = move || async move {
                    assert_eq!(task::callers(), [parent, grandparent]);
                    send(grandparent, me());
                    receive! { "crash" => exit("boom") }
                };
                start_child(sup, inner).restart(Restart::Transient).await.unwrap();
            };
            start_child(sup, outer).await.unwrap();
            let first = receive! { pid: Pid => pid };
            send(first, "crash");
            receive! { second: Pid => assert_ne!(second, first) }
        });
    }

    // test "terminate_child/2"
    #[test]
    fn a_task_can_be_terminated_once() {
        supervised(async |sup| {
            let pid = start_child(sup, wait_and_send(me())).await.unwrap();
            assert_eq!(children(sup).await.unwrap(), [pid]);
            terminate_child(sup, pid).await.unwrap();
            assert!(!process::is_alive(pid));
            assert_eq!(children(sup).await.unwrap(), []);
            let error = terminate_child(sup, pid).await.unwrap_err();
            assert!(matches!(error, ChildError::NotFound { .. }), "{error}");
        });
    }
}

/// The streams, with and without links; both keep the same promises but one.
mod streams {
    use super::*;
    use crabtree::task::supervisor::{async_stream, async_stream_nolink};

    async fn sleep(milliseconds: u64) -> u64 {
        process::sleep(ms(milliseconds)).await;
        milliseconds
    }

    async fn exit_with(n: u64) -> u64 {
        exit(n.to_string())
    }

    fn ok(values: &[u64]) -> Vec<Result<u64, ExitReason>> {
        values.iter().copied().map(Ok).collect()
    }

    fn stream<I, F, R>(of: (SupervisorRef, bool), items: I, function: F) -> AsyncStream<I::IntoIter, F, R::Output>
    where
        I: IntoIterator,
        F: FnMut(I::Item) -> R,
        R: Future<Output: crabtree::Term> + Send + 'static,
    {
        match of {
            (sup, true) => async_stream(sup, items, function),
            (sup, false) => async_stream_nolink(sup, items, function),
        }
    }

    /// Runs the body for streams with and without links; after it nothing is left.
    fn for_both(body: impl AsyncFn((SupervisorRef, bool))) {
        for link in [true, false] {
            supervised(async |sup| {
                body((sup, link)).await;
                settle().await;
                assert_empty_mailbox();
                assert_eq!(links_of(me()), [sup.pid()]);
                assert_eq!(children(sup).await.unwrap(), []);
            });
        }
    }

    // "streams an enumerable with fun", "… with mfa", "… without leaking tasks"
    #[test]
    fn results_come_in_order_and_nothing_leaks() {
        for_both(async |both| {
            assert_eq!(stream(both, 1..=4, sleep).collect::<Vec<_>>().await, ok(&[1, 2, 3, 4]));
        });
    }

    // "streams an enumerable with slowest first"
    #[test]
    fn the_slowest_may_be_first() {
        for_both(async |both| {
            let stream = stream(both, (1..=4).rev(), sleep).max_concurrency(4);
            assert_eq!(stream.collect::<Vec<_>>().await, ok(&[4, 3, 2, 1]));
        });
    }

    #[test]
    fn the_tasks_are_children_of_the_supervisor() {
        for_both(async |both| {
            let parents = stream(both, 1..=4, |_| async { process::info(me()).unwrap().parent });
            assert_eq!(parents.collect::<Vec<_>>().await, vec![Ok(Some(both.0.pid())); 4]);
        });
    }

    // Task.Supervisor.async_stream: ":shutdown"
    #[test]
    fn the_tasks_can_be_killed_when_their_supervisor_ends() {
        let stubborn = |_| async {
            process::flag(Flag::TrapExit, true);
            endless().await
        };
        for (shutdown, seconds) in [(Shutdown::BrutalKill, 0), (Shutdown::Timeout(secs(2)), 2)] {
            supervised(async |sup| {
                process::flag(Flag::TrapExit, true);
                let stream = async_stream_nolink(sup, [1, 2], stubborn).timeout(None);
                let stream = stream.max_concurrency(2).shutdown(shutdown);
                let results = task::async_(stream.collect::<Vec<_>>());
                settle().await;
                let start = tokio::time::Instant::now();
                process::exit(sup, ExitReason::Shutdown);
                let results = results.timeout(None).await.unwrap();
                assert_eq!(results, vec![Err(ExitReason::Killed); 2]);
                assert_eq!(start.elapsed().as_secs(), seconds);
            });
        }
    }

    // describe "async_stream": "streams an enumerable with exits"
    #[test]
    fn exits_are_results_of_who_traps_them() {
        for_both(async |both| {
            process::flag(Flag::TrapExit, true);
            let results: Vec<_> = stream(both, 1..=4, exit_with).collect().await;
            assert_eq!(results, [1, 2, 3, 4].map(|n: u64| Err(ExitReason::from(n.to_string()))));
        });
    }

    // describe "async_stream_nolink": "streams an enumerable with exits"
    #[test]
    fn without_links_exits_are_results_of_anybody() {
        supervised(async |sup| {
            let stream = async_stream_nolink(sup, 1..=4, exit_with).max_concurrency(4);
            let results: Vec<_> = stream.collect().await;
            assert_eq!(results, [1, 2, 3, 4].map(|n: u64| Err(ExitReason::from(n.to_string()))));
        });
    }

    // Task.Supervisor.async_stream: "linked to the caller process"
    #[test]
    fn with_links_a_failure_ends_the_consumer() {
        supervised(async |sup| {
            let reason = end_of_process(async move {
                let results = async_stream(sup, [1], exit_with).collect::<Vec<_>>().await;
                unreachable!("the stream came back with {results:?}");
            });
            assert_eq!(reason.await, ExitReason::from("1"));
        });
    }

    // "shuts down unused tasks", "shuts down unused tasks without leaking messages"
    #[test]
    fn tasks_that_nobody_needs_are_stopped() {
        for_both(async |both| {
            let stream = stream(both, [0, 1_000_000, 1_000_000, 1_000_000], sleep).max_concurrency(4);
            assert_eq!(stream.take(1).collect::<Vec<_>>().await, ok(&[0]));
        });
    }

    // "raises an error if :max_children is reached with clean stream shutdown"
    #[test]
    fn one_task_too_many_ends_the_consumer_and_the_tasks() {
        for link in [true, false] {
            check(async {
                let sup = TaskSupervisor::new().max_children(1).start_link().await.unwrap();
                let reason = end_of_process(async move {
                    let items = [1_000_000; 3];
                    let stream = stream((sup, link), items, sleep);
                    stream.max_concurrency(2).collect::<Vec<_>>().await;
                });
                let reason = reason.await;
                let error: &ChildError = reason.downcast_ref().expect("the reason is a ChildError");
                assert!(matches!(error, ChildError::MaxChildren(1)), "{error}");
                settle().await;
                assert_eq!(children(sup).await.unwrap(), []);
                assert_empty_mailbox();
            });
        }
    }

    // "with $callers"
    #[test]
    fn callers_are_the_consumers() {
        for_both(async |both| {
            let grandparent = me();
            let outer = stream(both, [1], move |_| async move {
                assert_eq!(task::callers(), [grandparent]);
                let parent = me();
                let inner = async_stream(both.0, [1], move |_| async move {
                    assert_eq!(task::callers(), [parent, grandparent]);
                });
                inner.collect::<Vec<_>>().await
            });
            assert_eq!(outer.collect::<Vec<_>>().await, [Ok(vec![Ok(())])]);
        });
    }

    // "consuming from another process"
    #[test]
    fn a_stream_can_be_made_here_and_consumed_there() {
        for_both(async |both| {
            let parent = me();
            let stream = stream(both, [1, 2, 3], move |n: i32| async move { send(parent, n) });
            task::start(stream.collect::<Vec<_>>());
            for expected in [1, 2, 3] {
                receive! { n: i32 => assert_eq!(n, expected) }
            }
        });
    }

    // "with timeout and :zip_input_on_exit set to true"
    #[test]
    fn a_timeout_can_name_its_item() {
        for_both(async |both| {
            let stream = stream(both, [1, 100], sleep)
                .timeout(ms(50))
                .on_timeout(OnTimeout::KillTask);
            let results: Vec<_> = stream.zip_input_on_exit().collect().await;
            assert_eq!(results, [Ok(1), Err((100, "timeout".into()))]);
        });
    }

    // "with outer halt on failure and :zip_input_on_exit"
    #[test]
    fn a_failure_can_name_its_item() {
        for_both(async |both| {
            process::flag(Flag::TrapExit, true);
            let stream = stream(both, 1..=8, exit_with).zip_input_on_exit();
            let results: Vec<_> = stream.take(4).collect().await;
            assert_eq!(results, [1, 2, 3, 4].map(|n: u64| Err((n, n.to_string().into()))));
        });
    }

    // Task.Supervisor.async_stream_nolink: "there is no risk of leaving dangling tasks running after the stream halts"
    #[test]
    fn tasks_end_with_their_consumer() {
        for link in [true, false] {
            supervised(async |sup| {
                let consumer = spawn(async move {
                    let items = [1_000_000; 2];
                    let stream = stream((sup, link), items, sleep);
                    stream.timeout(None).max_concurrency(2).collect::<Vec<_>>().await;
                });
                settle().await;
                assert_eq!(children(sup).await.unwrap().len(), 2);
                process::exit(consumer, "enough");
                settle().await;
                assert_eq!(children(sup).await.unwrap(), []);
            });
        }
    }
}
