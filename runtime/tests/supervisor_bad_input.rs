//! What supervisors make of what they cannot use: an error that says what was wrong, and nobody else ends.

mod common;

use common::{check, end_of};
use crabtree::gen_server::{CallFailure, StartError};
use crabtree::prelude::*;
use crabtree::supervisor::ChildError;
use std::time::Duration;

fn child(id: &'static str) -> ChildSpec {
    ChildSpec::new(id, || async { Ok(spawn_link(process::sleep(secs(3600)))) })
}

/// The ways in which a start can fail, and what the error says.
fn bad_starts() -> Vec<(ChildSpec, &'static str)> {
    #[derive(Debug)]
    struct Hanging;

    impl GenServer for Hanging {
        type Args = ();

        async fn init(_: ()) -> Init<Self> {
            std::future::pending().await
        }
    }

    let hanging = ChildSpec::new("function", std::future::pending);
    let inner = || {
        Supervisor::new(Strategy::OneForOne)
            .child(child("a"))
            .child(Hanging::child_spec(()))
    };
    vec![
        (
            ChildSpec::new("errs", || async { Err(ExitReason::from("no port")) }),
            "no port",
        ),
        (
            ChildSpec::new("panics", || async { panic!("no memory") }),
            "(panic) no memory",
        ),
        (
            ChildSpec::new("panics at once", || -> std::future::Ready<_> { panic!("no future") }),
            "(panic) no future",
        ),
        (ChildSpec::new("exits", || async { exit("no way") }), "no way"),
        (
            Hanging::child_spec(()).start_timeout(ms(500)),
            "its init was not done within 500ms",
        ),
        (hanging.start_timeout(ms(500)), "its init was not done within 500ms"),
        (
            ChildSpec::supervisor("supervisor", inner).start_timeout(ms(500)),
            "its init was not done within 500ms",
        ),
        (
            ChildSpec::new("itself", || async { Ok(me()) }),
            "gave the pid of its supervisor",
        ),
        (child("named").name("taken by a child"), "taken by a child"),
        (
            ChildSpec::supervisor("make", || -> Supervisor { panic!("no plan") }),
            "(panic) no plan",
        ),
        (
            ChildSpec::supervisor("impossible", || DynamicSupervisor::new().max_seconds(0)),
            "max_seconds is 0",
        ),
    ]
}

#[test]
fn a_start_that_fails_in_any_way_is_an_error_and_nobody_else_ends() {
    check(async {
        let taken = spawn(process::sleep(secs(3600)));
        process::register(taken, "taken by a child").unwrap();
        let ordered = Supervisor::new(Strategy::OneForAll)
            .child(child("bystander"))
            .start_link()
            .await
            .unwrap();
        let dynamic = DynamicSupervisor::new().start_link().await.unwrap();
        let before = supervisor::which_children(ordered).await.unwrap();
        for (spec, why) in bad_starts() {
            let error = supervisor::start_child(ordered, spec.clone()).await.unwrap_err();
            assert!(error.to_string().contains(why), "{spec:?}: {error}");
            let error = dynamic_supervisor::start_child(dynamic, spec.clone())
                .await
                .unwrap_err();
            assert!(error.to_string().contains(why), "{spec:?}: {error}");
        }
        assert_eq!(supervisor::which_children(ordered).await, Ok(before));
        assert_eq!(supervisor::which_children(dynamic).await, Ok(vec![]));
        assert!(process::is_alive(taken));
        // What failed left no process behind: the supervisors are linked to those whom they list, and to the test.
        process::sleep(secs(1)).await;
        assert_eq!(process::info(ordered).unwrap().links.len(), 2);
        assert_eq!(process::info(dynamic).unwrap().links.len(), 1);
    });
}

#[test]
fn a_supervisor_whose_child_does_not_start_says_which_and_why() {
    for (n, (_, why)) in bad_starts().into_iter().enumerate() {
        check(async move {
            process::flag(Flag::TrapExit, true);
            let taken = spawn(process::sleep(secs(3600)));
            // The tests of this list run side by side, so the name can be taken by another one of them.
            drop(process::register(taken, "taken by a child"));
            let spec = bad_starts().remove(n).0.id("bad");
            let sup = Supervisor::new(Strategy::OneForOne).child(child("good")).child(spec);
            let error = sup.start_link().await.unwrap_err().to_string();
            assert!(
                error.contains("the child \"bad\" did not start") && error.contains(why),
                "{error}"
            );
        });
    }
}

#[test]
fn a_child_that_cannot_be_restarted_for_whatever_reason_is_given_up_in_the_end() {
    check(async {
        process::flag(Flag::TrapExit, true);
        for hangs in [false, true] {
            let first = std::sync::atomic::AtomicBool::new(true);
            let spec = ChildSpec::new("once", move || {
                let first = first.swap(false, std::sync::atomic::Ordering::Relaxed);
                async move {
                    match (first, hangs) {
                        (true, _) => Ok(spawn_link(process::sleep(secs(3600)))),
                        (false, true) => std::future::pending().await,
                        (false, false) => panic!("once is enough"),
                    }
                }
            });
            let sup = Supervisor::new(Strategy::OneForOne).child(spec.start_timeout(secs(1)));
            let sup = sup.start_link().await.unwrap();
            let pid = supervisor::which_children(sup).await.unwrap()[0].pid.unwrap();
            process::exit(pid, ExitReason::Kill);
            assert_eq!(end_of(sup.pid()).await, ExitReason::Shutdown);
        }
    });
}

#[test]
fn a_start_that_gives_a_dead_process_is_one_whose_child_ended_at_once() {
    check(async {
        let dead = spawn(async {});
        end_of(dead).await;
        let sup = DynamicSupervisor::new().start_link().await.unwrap();
        let spec = ChildSpec::new("dead", move || async move { Ok(dead) }).restart(Restart::Temporary);
        assert_eq!(dynamic_supervisor::start_child(sup, spec).await, Ok(dead));
        process::sleep(ms(1)).await;
        assert_eq!(dynamic_supervisor::which_children(sup).await, Ok(vec![]));
    });
}

#[test]
fn a_name_that_is_taken_ends_nobody_and_starts_no_children() {
    check(async {
        let first = Supervisor::new(Strategy::OneForOne).name("taken by a supervisor");
        let first = first.start_link().await.unwrap();
        let parent = me();
        let telling = ChildSpec::new("telling", move || async move {
            send(parent, "started");
            Ok(spawn_link(process::sleep(secs(3600))))
        });
        let second = Supervisor::new(Strategy::OneForOne)
            .name("taken by a supervisor")
            .child(telling);
        let error = second.start_link().await.unwrap_err();
        let name = "taken by a supervisor".into();
        let pid = first.pid();
        assert_eq!(error, StartError::AlreadyStarted { name, pid });
        process::sleep(ms(1)).await;
        assert!(process::flush().is_empty());
        assert!(process::is_alive(first));
    });
}

#[test]
fn partitions_that_cannot_be_made_are_an_error_of_the_start() {
    check(async {
        process::flag(Flag::TrapExit, true);
        let bad = PartitionSupervisor::new(|n| if n == 2 { panic!("no third one") } else { child("a") }).partitions(3);
        let error = bad.start_link().await.unwrap_err();
        assert!(error.to_string().contains("(panic) no third one"), "{error}");
    });
}

#[test]
fn no_restarts_at_all_and_very_many_are_both_possible() {
    check(async {
        process::flag(Flag::TrapExit, true);
        let none = Supervisor::new(Strategy::OneForOne)
            .max_restarts(0)
            .child(child("a"))
            .start_link()
            .await
            .unwrap();
        let pid = supervisor::which_children(none).await.unwrap()[0].pid.unwrap();
        process::exit(pid, ExitReason::Kill);
        assert_eq!(end_of(none.pid()).await, ExitReason::Shutdown);
        let many = Supervisor::new(Strategy::OneForOne)
            .max_restarts(u32::MAX)
            .max_seconds(u32::MAX);
        let many = many.child(child("a")).start_link().await.unwrap();
        for _ in 0..1000 {
            let pid = supervisor::which_children(many).await.unwrap()[0].pid.unwrap();
            process::exit(pid, ExitReason::Kill);
            end_of(pid).await;
        }
        assert_eq!(supervisor::count_children(many).await.unwrap().active, 1);
        assert_eq!(supervisor::snapshot(many).unwrap().restarts_in_window, 1000);
    });
}

#[test]
fn a_shutdown_too_long_for_the_clock_means_for_ever() {
    check(async {
        let patient = |id| child(id).shutdown(Shutdown::Timeout(Duration::MAX));
        let ordered = Supervisor::new(Strategy::OneForOne)
            .child(patient("a"))
            .start_link()
            .await
            .unwrap();
        supervisor::stop(ordered).await.unwrap();
        let dynamic = DynamicSupervisor::new().start_link().await.unwrap();
        dynamic_supervisor::start_child(dynamic, patient("a")).await.unwrap();
        supervisor::stop(dynamic).await.unwrap();
    });
}

#[test]
fn a_start_that_asks_its_own_supervisor_gets_an_error_instead_of_waiting_for_ever() {
    check(async {
        let sup = DynamicSupervisor::new().start_link().await.unwrap();
        let asking = ChildSpec::new("asking", || async {
            let error = supervisor::count_children(me()).await.unwrap_err();
            Err(ExitReason::other(error.cause))
        });
        let error = dynamic_supervisor::start_child(sup, asking).await.unwrap_err();
        let ChildError::Start(StartError::Exit(reason)) = error else {
            panic!("{error}")
        };
        assert_eq!(reason.downcast_ref(), Some(&CallFailure::CallingSelf));
    });
}

#[test]
fn ids_may_be_any_text() {
    check(async {
        let odd = ["", " ", "a\nb", "ä", "\"quoted\"", "<0.1.0>"];
        let sup = Supervisor::new(Strategy::OneForOne)
            .children(odd.map(child))
            .start_link()
            .await
            .unwrap();
        for id in odd {
            supervisor::terminate_child(sup, id).await.unwrap();
            supervisor::delete_child(sup, id).await.unwrap();
        }
        assert_eq!(supervisor::count_children(sup).await.unwrap().specs, 0);
    });
}
