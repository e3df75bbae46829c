//! What holds for processes that are run on the thread of the one that woke them: nobody waits for long who would not
//! wait otherwise, and they end as others do.

use crabtree::prelude::*;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use tokio::runtime::{Builder, Handle, Runtime};

fn runtime(workers: usize) -> Runtime {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(workers).enable_all().build().unwrap()
}

/// Runs the body as a process of a runtime with so many threads.
fn run<F: Future<Output: Send + 'static> + Send + 'static>(workers: usize, body: F) -> F::Output {
    runtime(workers).block_on(async {
        let (tell, told) = tokio::sync::oneshot::channel();
        spawn(async move {
            let _ = tell.send(body.await);
        });
        told.await.expect("the body does not crash")
    })
}

/// A process that answers each pid that it receives, first on a channel of threads and then by a message.
fn echo(told: mpsc::Sender<()>) -> Pid {
    spawn(async move {
        loop {
            receive! { from: Pid => {
                // Nobody has to listen.
                let _ = told.send(());
                send(from, "pong");
            } }
        }
    })
}

/// Waits until the process has come to its first wait.
async fn ready(echo: Pid) {
    send(echo, me());
    receive! { "pong" => () }
}

#[test]
fn a_process_may_block_its_thread_until_one_that_it_woke_is_done() {
    run(2, async {
        let (tell, told) = mpsc::channel();
        let echo = echo(tell);
        ready(echo).await;
        told.recv().unwrap();
        for _ in 0..20 {
            send(echo, me());
            told.recv().unwrap();
            receive! { "pong" => () }
        }
    });
}

#[test]
fn a_process_may_block_in_place_until_one_that_it_woke_is_done() {
    for workers in [1, 2] {
        run(workers, async {
            let (tell, told) = mpsc::channel();
            let echo = echo(tell);
            ready(echo).await;
            told.recv().unwrap();
            for _ in 0..20 {
                send(echo, me());
                tokio::task::block_in_place(|| told.recv().unwrap());
                receive! { "pong" => () }
            }
        });
    }
}

#[test]
fn a_process_that_blocks_on_a_part_of_itself_receives_there_all_that_has_come() {
    const MESSAGES: usize = 2_000;
    run(2, async {
        for n in 0..MESSAGES {
            send(me(), n);
        }
        tokio::task::block_in_place(|| {
            Handle::current().block_on(async {
                for n in 0..MESSAGES {
                    receive! { m: usize => assert_eq!(m, n) }
                }
            });
        });
    });
}

#[test]
fn who_is_woken_after_one_that_blocks_its_thread_is_run_elsewhere() {
    run(2, async {
        for _ in 0..20 {
            let (tell, told) = mpsc::channel();
            let parent = me();
            let blocks = spawn(async move {
                send(parent, "ready");
                receive! { "go" => () }
                told.recv().unwrap();
                send(parent, "done");
            });
            let tells = spawn(async move {
                send(parent, "ready");
                receive! { "go" => () }
                tell.send(()).unwrap();
            });
            for _ in 0..2 {
                receive! { "ready" => () }
            }
            send(blocks, "go");
            send(tells, "go");
            receive! { "done" => () }
        }
    });
}

#[test]
fn who_is_spawned_runs_beside_a_spawner_that_blocks_its_thread_and_beside_the_others() {
    run(4, async {
        for _ in 0..20 {
            let all_run = Arc::new(Barrier::new(4));
            for _ in 0..3 {
                let all_run = all_run.clone();
                spawn(async move { all_run.wait() });
            }
            all_run.wait();
        }
    });
}

#[test]
fn many_that_are_woken_at_once_are_all_run() {
    for workers in [1, 2] {
        run(workers, async {
            let parent = me();
            let echoes: Vec<Pid> = (0..1000)
                .map(|_| {
                    spawn(async move {
                        for _ in 0..3 {
                            receive! { "go" => send(parent, me()) }
                        }
                    })
                })
                .collect();
            for _ in 0..3 {
                echoes.iter().for_each(|echo| send(*echo, "go"));
                for _ in 0..1000 {
                    receive! { _from: Pid => () }
                }
            }
        });
    }
}

#[test]
fn two_that_answer_each_other_for_ever_let_others_have_their_turn() {
    let one_thread = || Builder::new_current_thread().enable_all().build().unwrap();
    for runtime in [one_thread(), runtime(1)] {
        runtime.block_on(async {
            let (tell, _told) = mpsc::channel();
            let echo = echo(tell);
            let steps = Arc::new(AtomicUsize::new(0));
            let counted = steps.clone();
            let busy = spawn(async move {
                loop {
                    ready(echo).await;
                    counted.fetch_add(1, Ordering::Relaxed);
                }
            });
            let third = tokio::spawn(async move {
                while steps.load(Ordering::Relaxed) < 10_000 {
                    tokio::task::yield_now().await;
                }
            });
            third.await.unwrap();
            process::exit(busy, ExitReason::Kill);
            process::exit(echo, ExitReason::Kill);
        });
    }
}

#[test]
fn a_process_ends_on_the_thread_of_another_one_as_on_its_own() {
    run(2, async {
        for round in 0..50 {
            let mut ends = Vec::new();
            for how in ["return", "exit", "panic", "wait"] {
                let (pid, watched) = spawn_monitor(async move {
                    receive! { "go" => () }
                    match how {
                        "return" => {}
                        "exit" => exit("boom"),
                        "panic" => std::panic::panic_any("ouch"),
                        _ => std::future::pending().await,
                    }
                });
                ends.push((how, pid, watched));
            }
            // They have come to their first wait, or have not.
            process::sleep(ms(round % 2)).await;
            for (_, pid, _) in &ends {
                send(*pid, "go");
            }
            process::exit(ends[3].1, ExitReason::Kill);
            for (how, _, watched) in ends {
                let reason = receive! { Down { monitor, reason, .. } if monitor == watched => reason };
                match how {
                    "return" => assert_eq!(reason, ExitReason::Normal),
                    "exit" => assert_eq!(reason, ExitReason::from("boom")),
                    "panic" => assert!(matches!(reason, ExitReason::Panic(_)), "{reason:?}"),
                    _ => assert_eq!(reason, ExitReason::Killed),
                }
            }
        }
    });
}

#[test]
fn those_that_a_runtime_ends_with_are_dropped_once() {
    struct Counted(Arc<AtomicUsize>);

    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    let dropped = Arc::new(AtomicUsize::new(0));
    const RUNTIMES: usize = 30;
    for _ in 0..RUNTIMES {
        let runtime = runtime(2);
        let (tell, told) = mpsc::channel();
        let echo = runtime.block_on(async { echo(tell) });
        let counted = Counted(dropped.clone());
        runtime.block_on(async {
            spawn(async move {
                let _counted = counted;
                loop {
                    ready(echo).await;
                }
            })
        });
        told.recv().unwrap();
        drop(runtime);
    }
    assert_eq!(dropped.load(Ordering::Relaxed), RUNTIMES);
}
