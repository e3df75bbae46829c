//! Whom supervisors restart, and when they give up. Promises from OTP's `supervisor_SUITE.erl`.

use super::check;
use super::supervision::{
    Gate, Step, child, counts, crash, empty, end, end_with, gated, lives_on, pid, pids, scripted, shut_down, start,
    supervisor,
};
use crabtree::prelude::*;
use crabtree::supervisor::{ChildError, ChildStatus};
use std::sync::{Arc, Mutex};

/// What becomes of a child that ends: `Some(true)` for restarted, `Some(false)` for kept, `None` for forgotten.
async fn after_end(restart: Restart, reason: ExitReason) -> Option<bool> {
    let sup = empty(Strategy::OneForOne).await;
    let pid = start(sup, child("child1").restart(restart)).await;
    end_with(pid, reason).await;
    match counts(sup).await {
        [1, 1, 0, 1] => Some(true),
        [1, 0, 0, 1] => Some(false),
        [0, 0, 0, 0] => None,
        other => panic!("{other:?}"),
    }
}

/// One test for each case of the suite.
macro_rules! ends {
    ($($name:ident: $restart:ident after $($reason:expr),+ => $expected:expr;)+) => {
        $(
            // supervisor_SUITE: the case of this name
            #[test]
            fn $name() {
                $(check(async { assert_eq!(after_end(Restart::$restart, $reason).await, $expected) });)+
            }
        )+
    };
}

ends! {
    permanent_normal: Permanent after ExitReason::Normal => Some(true);
    transient_normal: Transient after ExitReason::Normal => Some(false);
    temporary_normal: Temporary after ExitReason::Normal => None;
    permanent_shutdown: Permanent after ExitReason::Shutdown, ExitReason::shutdown_with("info") => Some(true);
    transient_shutdown: Transient after ExitReason::Shutdown, ExitReason::shutdown_with("info") => Some(false);
    temporary_shutdown: Temporary after ExitReason::Shutdown, ExitReason::shutdown_with("info") => None;
    permanent_abnormal: Permanent after crash() => Some(true);
    transient_abnormal: Transient after crash() => Some(true);
    temporary_abnormal: Temporary after crash() => None;
}

// supervisor_SUITE: temporary_bystander
#[test]
fn a_temporary_child_that_is_stopped_with_another_one_is_not_restarted() {
    for strategy in [Strategy::OneForAll, Strategy::RestForOne] {
        check(async move {
            let sup = empty(strategy).await;
            let first = start(sup, child("child1")).await;
            let bystander = start(sup, child("child2").restart(Restart::Temporary)).await;
            end_with(first, ExitReason::Normal).await;
            assert!(lives_on(sup).await);
            assert_eq!(counts(sup).await, [1, 1, 0, 1]);
            assert!(!process::is_alive(bystander));
        });
    }
}

// supervisor_SUITE: multiple_restarts
#[test]
fn restarts_that_are_far_apart_are_not_too_many() {
    check(async {
        let sup = Supervisor::new(Strategy::OneForOne).max_restarts(1).max_seconds(1);
        let sup = sup
            .child(child("child1").shutdown(Shutdown::BrutalKill))
            .start_link()
            .await
            .unwrap();
        for _ in 0..4 {
            end_with(pid(sup, "child1").await, crash()).await;
            process::sleep(ms(2100)).await;
        }
        supervisor::terminate_child(sup, "child1").await.unwrap();
        supervisor::delete_child(sup, "child1").await.unwrap();
    });
}

/// Ends children until the two restarts that are allowed are used up, and expects the end of the supervisor.
async fn ends_at_the_third(sup: SupervisorRef, restarts_so_far: usize) {
    process::flag(Flag::TrapExit, true);
    let watched = process::monitor(sup);
    for _ in restarts_so_far..2 {
        end_with(pid(sup, "child2").await, crash()).await;
    }
    end_with(pid(sup, "child2").await, crash()).await;
    assert_eq!(end(watched).await, ExitReason::Shutdown);
}

// supervisor_SUITE: one_for_one
#[test]
fn one_for_one_restarts_the_one_that_ended() {
    check(async {
        let sup = empty(Strategy::OneForOne).await;
        let (first, second) = (start(sup, child("child1")).await, start(sup, child("child2")).await);
        end_with(first, crash()).await;
        let after = pids(sup).await;
        assert!(after[0].is_some() && after[0] != Some(first));
        assert_eq!(after[1], Some(second));
        assert_eq!(counts(sup).await, [2, 2, 0, 2]);
        ends_at_the_third(sup, 1).await;
    });
}

// supervisor_SUITE: one_for_all
#[test]
fn one_for_all_restarts_all() {
    check(async {
        let sup = empty(Strategy::OneForAll).await;
        let (first, second) = (start(sup, child("child1")).await, start(sup, child("child2")).await);
        let watched = process::monitor(second);
        end_with(first, crash()).await;
        assert_eq!(end(watched).await, ExitReason::Shutdown);
        let after = pids(sup).await;
        assert!(after[0].is_some() && after[0] != Some(first));
        assert!(after[1].is_some() && after[1] != Some(second));
        ends_at_the_third(sup, 1).await;
    });
}

// supervisor_SUITE: rest_for_one
#[test]
fn rest_for_one_restarts_those_started_later_as_well() {
    check(async {
        let sup = supervisor(Strategy::RestForOne, 2).children(["child1", "child2", "child3"].map(child));
        let sup = sup.start_link().await.unwrap();
        let before = pids(sup).await;
        let watched = process::monitor(before[2].unwrap());
        end_with(before[1].unwrap(), crash()).await;
        assert_eq!(end(watched).await, ExitReason::Shutdown);
        let after = pids(sup).await;
        assert_eq!(after[0], before[0]);
        assert!(after[1].is_some() && after[1] != before[1]);
        assert!(after[2].is_some() && after[2] != before[2]);
        assert_eq!(counts(sup).await, [3, 3, 0, 3]);
        ends_at_the_third(sup, 1).await;
    });
}

/// A supervisor of two, of which the one at `hopeless` cannot be restarted: ends the first, and expects the end of all.
async fn escalates(strategy: Strategy, hopeless: usize) {
    process::flag(Flag::TrapExit, true);
    let steps = |n| match n == hopeless {
        true => vec![Step::Up, Step::Stop],
        false => vec![Step::Up],
    };
    let children = [scripted("child1", steps(0)), scripted("child2", steps(1))];
    let sup = supervisor(strategy, 4).children(children).start_link().await.unwrap();
    let second = process::monitor(pid(sup, "child2").await);
    let whole = process::monitor(sup);
    process::exit(pid(sup, "child1").await, ExitReason::Kill);
    assert_eq!(end(whole).await, ExitReason::Shutdown);
    assert_eq!(end(second).await, ExitReason::Shutdown);
}

// supervisor_SUITE: one_for_one_escalation
#[test]
fn one_for_one_gives_up_a_child_that_cannot_be_restarted() {
    check(escalates(Strategy::OneForOne, 0));
}

// supervisor_SUITE: one_for_all_escalation
#[test]
fn one_for_all_gives_up_when_another_child_cannot_be_restarted() {
    check(escalates(Strategy::OneForAll, 1));
}

// supervisor_SUITE: rest_for_one_escalation
#[test]
fn rest_for_one_gives_up_when_a_later_child_cannot_be_restarted() {
    check(escalates(Strategy::RestForOne, 1));
}

/// Two children; when the first ends, the second fails at its first restart. Says who was started again, in order.
async fn starts_after_a_failed_restart(strategy: Strategy) -> Vec<&'static str> {
    let watcher = me();
    let logging = move |id: &'static str, failing: bool| {
        let tries = Arc::new(Mutex::new(0));
        ChildSpec::new(id, move || {
            *tries.lock().unwrap() += 1;
            let fails = failing && *tries.lock().unwrap() == 2;
            send(watcher, (id, fails));
            async move {
                match fails {
                    true => Err(ExitReason::Normal),
                    false => Ok(spawn_link(process::sleep(secs(7200)))),
                }
            }
        })
    };
    let sup = supervisor(strategy, 3)
        .child(logging("child1", false))
        .child(logging("child2", true));
    let sup = sup.start_link().await.unwrap();
    process::exit(pid(sup, "child1").await, ExitReason::from("die"));
    process::sleep(ms(100)).await;
    assert_eq!(counts(sup).await, [2, 2, 0, 2]);
    let mut starts = Vec::new();
    for message in process::flush() {
        starts.push(message.downcast::<(&'static str, bool)>().unwrap().0);
    }
    starts[2..].to_vec()
}

// supervisor_SUITE: one_for_all_other_child_fails_restart
#[test]
fn one_for_all_starts_all_again_when_one_failed() {
    check(async {
        let starts = starts_after_a_failed_restart(Strategy::OneForAll).await;
        assert_eq!(starts, ["child1", "child2", "child1", "child2"]);
    });
}

// supervisor_SUITE: rest_for_one_other_child_fails_restart
#[test]
fn rest_for_one_goes_on_from_the_one_that_failed() {
    check(async {
        let starts = starts_after_a_failed_restart(Strategy::RestForOne).await;
        assert_eq!(starts, ["child1", "child2", "child2"]);
    });
}

// supervisor_SUITE: child_unlink
#[test]
fn a_child_that_unlinked_itself_can_be_terminated() {
    check(async {
        let sup = empty(Strategy::OneForOne).await;
        let naughty = ChildSpec::new("naughty", || {
            let supervisor = me();
            async move {
                Ok(spawn_link(async move {
                    process::unlink(supervisor);
                    process::sleep(secs(7200)).await;
                }))
            }
        });
        let pid = start(sup, naughty).await;
        process::sleep(ms(1)).await;
        supervisor::terminate_child(sup, "naughty").await.unwrap();
        assert!(!process::is_alive(pid));
    });
}

// supervisor_SUITE: tree
#[test]
fn a_tree_restarts_what_it_was_described_with() {
    check(async {
        let inner = |id: &'static str, children: &'static [&'static str]| {
            let make = move || supervisor(Strategy::OneForOne, 4).children(children.iter().copied().map(child));
            ChildSpec::supervisor(id, make)
        };
        let top = empty(Strategy::OneForAll).await;
        let first = start(top, inner("sup1", &["child1", "child2"])).await;
        let second = start(top, inner("sup2", &[])).await;
        start(top, inner("sup3", &[]).restart(Restart::Transient)).await;
        supervisor::terminate_child(top, "sup3").await.unwrap();
        assert_eq!(counts(top).await, [3, 2, 3, 0]);
        let workers = pids(first).await;

        let hopeless = scripted("child3", [Step::Up, Step::Stop]);
        let third = supervisor::start_child(second, hopeless).await.unwrap();
        let fourth = supervisor::start_child(second, child("child4")).await.unwrap();
        end_with(fourth, crash()).await;
        let after = pids(second).await;
        assert_eq!(after[0], Some(third));
        assert!(after[1].is_some() && after[1] != Some(fourth));
        assert_eq!(pids(first).await, workers, "the rest of the tree did not notice");

        process::exit(third, ExitReason::Kill); // more than its supervisor can bear, so the tree begins anew
        process::sleep(ms(1000)).await;
        assert_eq!(counts(top).await, [3, 3, 3, 0]);
        let anew = pids(top).await;
        assert!(anew[0] != Some(first) && anew[1] != Some(second));
        assert_eq!(counts(anew[0].unwrap()).await, [2, 2, 0, 2]);
        assert_eq!(
            counts(anew[1].unwrap()).await,
            [0, 0, 0, 0],
            "what was added later is not there"
        );
        assert_eq!(counts(anew[2].unwrap()).await, [0, 0, 0, 0]);
    });
}

// supervisor_SUITE: do_not_save_start_parameters_for_temporary_children
#[test]
fn of_temporary_children_nothing_is_kept_that_they_were_started_with() {
    for strategy in [Strategy::OneForOne, Strategy::OneForAll, Strategy::RestForOne] {
        check(async move {
            let large = Arc::new(vec![0; 1000]);
            let holding = |id: String, restart| {
                let large = large.clone();
                let start = move || {
                    let _ = &large;
                    async { Ok(spawn_link(process::sleep(secs(7200)))) }
                };
                ChildSpec::new(id, start).restart(restart)
            };
            let first = holding("first".to_owned(), Restart::Temporary);
            let sup = supervisor(strategy, 2).child(first).start_link().await.unwrap();
            for n in 0..100 {
                start(sup, holding(format!("temporary {n}"), Restart::Temporary)).await;
            }
            assert_eq!(Arc::strong_count(&large), 1);
            start(sup, holding("permanent".to_owned(), Restart::Permanent)).await;
            start(sup, holding("transient".to_owned(), Restart::Transient)).await;
            assert_eq!(Arc::strong_count(&large), 3);
        });
    }
}

// supervisor_SUITE: do_not_save_child_specs_for_temporary_children
#[test]
fn the_specification_of_a_child_is_kept_unless_it_is_temporary() {
    #[derive(Clone, Copy, PartialEq, Debug)]
    enum How {
        Killed,
        Normal,
        Crashed,
        Terminated,
    }
    for strategy in [Strategy::OneForOne, Strategy::OneForAll, Strategy::RestForOne] {
        for how in [How::Killed, How::Normal, How::Crashed, How::Terminated] {
            for restart in [Restart::Permanent, Restart::Transient, Restart::Temporary] {
                check(async move {
                    let sup = empty(strategy).await;
                    let spec = || child("child1").restart(restart);
                    let pid = start(sup, spec()).await;
                    let watched = process::monitor(pid);
                    match how {
                        How::Killed => process::exit(pid, ExitReason::Kill),
                        How::Normal => send(pid, ExitReason::Normal),
                        How::Crashed => send(pid, crash()),
                        How::Terminated => supervisor::terminate_child(sup, "child1").await.unwrap(),
                    }
                    end(watched).await;
                    let again = supervisor::start_child(sup, spec()).await;
                    let stays_down = how == How::Terminated || (restart, how) == (Restart::Transient, How::Normal);
                    match again {
                        Ok(_) => assert_eq!(restart, Restart::Temporary),
                        Err(ChildError::AlreadyPresent(_)) => assert!(stays_down, "{how:?}, {restart:?}"),
                        Err(ChildError::AlreadyStarted { .. }) => assert!(!stays_down, "{how:?}, {restart:?}"),
                        Err(other) => panic!("{other}"),
                    }
                });
            }
        }
    }
}

/// A supervisor below another one, both of one_for_all, with a server: all of them with names.
async fn nested(prefix: &'static str) -> (SupervisorRef, [String; 2]) {
    let names = [format!("{prefix} sup2"), format!("{prefix} server")];
    let [inner, server] = names.clone();
    let middle = ChildSpec::supervisor("middle", move || {
        let server = scripted("server", [Step::Up]).name(server.clone());
        supervisor(Strategy::OneForAll, 3).name(inner.clone()).child(server)
    });
    let top = supervisor(Strategy::OneForAll, 3)
        .child(middle)
        .start_link()
        .await
        .unwrap();
    (top, names)
}

async fn everybody_has_a_new_process(prefix: &'static str, [inner, server]: [String; 2], before: Option<Pid>) {
    process::sleep(ms(200)).await;
    assert!(process::whereis(&inner).is_some(), "{prefix}");
    let after = process::whereis(&server);
    assert!(after.is_some() && after != before, "{prefix}");
}

// supervisor_SUITE: simple_global_supervisor, kill_supervisor
#[test]
fn a_killed_supervisor_is_restarted_with_its_children_and_their_names() {
    check(async {
        let (top, names) = nested("kill_supervisor").await;
        let server = process::whereis(&names[1]);
        process::exit(process::whereis(&names[0]).unwrap(), ExitReason::Kill);
        everybody_has_a_new_process("kill_supervisor", names.clone(), server).await;
        process::flag(Flag::TrapExit, true);
        process::exit(top, ExitReason::Kill);
        process::sleep(ms(200)).await;
        assert_eq!(
            names.map(process::whereis),
            [None, None],
            "all of them fall with the top"
        );
    });
}

// supervisor_SUITE: simple_global_supervisor, kill_worker and exit_worker
#[test]
fn a_worker_that_ended_is_restarted_under_its_name() {
    for (prefix, reason) in [
        ("kill_worker", ExitReason::Kill),
        ("exit_worker", ExitReason::from("normal-looking")),
    ] {
        check(async move {
            let (_top, names) = nested(prefix).await;
            let server = process::whereis(&names[1]);
            process::exit(server.unwrap(), reason);
            everybody_has_a_new_process(prefix, names, server).await;
        });
    }
}

// supervisor_SUITE: simple_global_supervisor, restart_worker
#[test]
fn a_worker_that_was_terminated_is_restarted_under_its_name() {
    check(async {
        let (_top, names) = nested("restart_worker").await;
        let server = process::whereis(&names[1]);
        supervisor::terminate_child(names[0].clone(), "server").await.unwrap();
        assert_eq!(process::whereis(&names[1]), None);
        supervisor::restart_child(names[0].clone(), "server").await.unwrap();
        everybody_has_a_new_process("restart_worker", names, server).await;
    });
}

// supervisor_SUITE: hanging_restart_loop
#[test]
fn a_child_that_cannot_be_restarted_is_told_apart_and_can_be_terminated() {
    check(async {
        let gate = Gate::open();
        let sup = supervisor(Strategy::OneForOne, 100)
            .child(gated("child1", &gate))
            .start_link()
            .await
            .unwrap();
        gate.set(false);
        end_with(pid(sup, "child1").await, crash()).await;
        process::sleep(ms(2500)).await;

        let id = || "child1".into();
        let present = supervisor::start_child(sup, child("child1")).await;
        assert_eq!(present, Err(ChildError::AlreadyPresent(id())));
        let restarting = Err(ChildError::Restarting(id()));
        assert_eq!(supervisor::restart_child(sup, "child1").await.map(drop), restarting);
        assert_eq!(supervisor::delete_child(sup, "child1").await, restarting);
        assert!(supervisor::which_children(sup).await.unwrap()[0].restarting);
        assert_eq!(counts(sup).await, [1, 0, 0, 1]);

        supervisor::terminate_child(sup, "child1").await.unwrap();
        assert!(!supervisor::which_children(sup).await.unwrap()[0].restarting);
        gate.set(true);
        let again = supervisor::restart_child(sup, "child1").await.unwrap();
        gate.set(false);
        end_with(again, crash()).await;
        process::sleep(ms(2500)).await;
        shut_down(sup).await;
    });
}

// supervisor_SUITE: hanging_restart_loop_rest_for_one
#[test]
fn those_behind_a_child_that_cannot_be_restarted_wait_for_it() {
    check(async {
        let gate = Gate::open();
        let children = [child("child1"), gated("child2", &gate), child("child3")];
        let sup = supervisor(Strategy::RestForOne, 100)
            .children(children)
            .start_link()
            .await
            .unwrap();
        let first = pid(sup, "child1").await;
        gate.set(false);
        end_with(pid(sup, "child2").await, crash()).await;
        process::sleep(ms(2500)).await;
        assert_eq!(counts(sup).await, [3, 1, 0, 3]);
        assert_eq!(pids(sup).await, [Some(first), None, None]);
        let restarting: Vec<bool> = supervisor::which_children(sup)
            .await
            .unwrap()
            .iter()
            .map(|child| child.restarting)
            .collect();
        assert_eq!(restarting, [false, true, false]);
        let seen = supervisor::snapshot(sup).unwrap();
        assert_eq!(seen.children[1].status, ChildStatus::Restarting);

        supervisor::terminate_child(sup, "child2").await.unwrap();
        assert_eq!(pids(sup).await, [Some(first), None, None]);
        gate.set(true);
        assert!(process::is_alive(
            supervisor::restart_child(sup, "child2").await.unwrap()
        ));
        assert!(process::is_alive(
            supervisor::restart_child(sup, "child3").await.unwrap()
        ));
        shut_down(sup).await;
    });
}

// supervisor_SUITE: hanging_restart_loop_rest_for_one
#[test]
fn those_behind_it_are_started_with_it_when_it_can_be_restarted() {
    check(async {
        let gate = Gate::open();
        let children = [child("child1"), gated("child2", &gate), child("child3")];
        let sup = supervisor(Strategy::RestForOne, 100)
            .children(children)
            .start_link()
            .await
            .unwrap();
        gate.set(false);
        end_with(pid(sup, "child2").await, crash()).await;
        process::sleep(ms(2500)).await;
        gate.set(true);
        process::sleep(ms(2500)).await;
        assert_eq!(counts(sup).await, [3, 3, 0, 3]);
    });
}
