//! Supervisors that end with their significant children. Promises from OTP's `supervisor_SUITE.erl`.

use super::check;
use super::supervision::{Gate, child, counts, crash, end, end_with, gated, lives_on, pid, shut_down, supervisor};
use crabtree::prelude::*;
use crabtree::supervisor::AutoShutdown;

// supervisor_SUITE: child_specs_map, the combinations of auto_shutdown, restart and significant
#[test]
fn a_child_can_be_significant_where_that_means_something() {
    let modes = [
        AutoShutdown::Never,
        AutoShutdown::AnySignificant,
        AutoShutdown::AllSignificant,
    ];
    for auto_shutdown in modes {
        for restart in [Restart::Permanent, Restart::Transient, Restart::Temporary] {
            check(async move {
                let make = || supervisor(Strategy::OneForOne, 2).auto_shutdown(auto_shutdown);
                let spec = || child("child").restart(restart).significant();
                let fits = auto_shutdown != AutoShutdown::Never && restart != Restart::Permanent;
                let started = make().child(spec()).start_link().await;
                assert_eq!(started.is_ok(), fits, "{auto_shutdown:?}, {restart:?}");
                let sup = make().start_link().await.unwrap();
                let added = supervisor::start_child(sup, spec()).await;
                assert_eq!(added.is_ok(), fits, "{auto_shutdown:?}, {restart:?}");
            });
        }
    }
}

// supervisor_SUITE: nonsignificant_temporary, nonsignificant_transient
#[test]
fn the_end_of_a_child_that_is_not_significant_ends_nobody_else() {
    let modes = [
        AutoShutdown::Never,
        AutoShutdown::AnySignificant,
        AutoShutdown::AllSignificant,
    ];
    for auto_shutdown in modes {
        for restart in [Restart::Temporary, Restart::Transient] {
            for reason in [ExitReason::Normal, crash()] {
                check(async move {
                    let sup = supervisor(Strategy::OneForOne, 5).auto_shutdown(auto_shutdown);
                    let sup = sup.child(child("child1").restart(restart)).start_link().await.unwrap();
                    end_with(pid(sup, "child1").await, reason).await;
                    assert!(lives_on(sup).await);
                });
            }
        }
    }
}

/// Two significant children and one that is not, and whether the supervisor ends when the first ends, and the second.
async fn ends_with(
    auto_shutdown: AutoShutdown,
    restart: Restart,
    how: fn(SupervisorRef, Pid, &'static str),
) -> [bool; 2] {
    process::flag(Flag::TrapExit, true);
    let sup = supervisor(Strategy::OneForOne, 5)
        .auto_shutdown(auto_shutdown)
        .child(child("child1").restart(restart).significant())
        .child(child("child2").restart(restart).significant())
        .child(child("child3").restart(restart));
    let sup = sup.start_link().await.unwrap();
    let bystander = pid(sup, "child3").await;
    let mut ended = [false; 2];
    for (n, id) in ["child1", "child2"].into_iter().enumerate() {
        if ended[0] {
            return [true, true];
        }
        how(sup, pid(sup, id).await, id);
        ended[n] = !lives_on(sup).await;
        assert_eq!(process::is_alive(bystander), !ended[n], "all of them end with it");
    }
    ended
}

// supervisor_SUITE: significant_temporary
#[test]
fn the_end_of_significant_temporary_children_ends_their_supervisor() {
    let kill = |_, pid: Pid, _| process::exit(pid, ExitReason::Kill);
    let crashes = |_, pid: Pid, _| send(pid, crash());
    let normal = |_, pid: Pid, _| send(pid, ExitReason::Normal);
    for how in [kill, crashes, normal] {
        check(async move {
            let ended = ends_with(AutoShutdown::AnySignificant, Restart::Temporary, how).await;
            assert_eq!(ended, [true, true]);
            let ended = ends_with(AutoShutdown::AllSignificant, Restart::Temporary, how).await;
            assert_eq!(ended, [false, true]);
        });
    }
}

// supervisor_SUITE: significant_transient
#[test]
fn the_orderly_end_of_significant_transient_children_ends_their_supervisor() {
    let crashes = |_, pid: Pid, _| send(pid, crash());
    let normal = |_, pid: Pid, _| send(pid, ExitReason::Normal);
    check(async move {
        for mode in [AutoShutdown::AnySignificant, AutoShutdown::AllSignificant] {
            assert_eq!(ends_with(mode, Restart::Transient, crashes).await, [false, false]);
        }
        let ended = ends_with(AutoShutdown::AnySignificant, Restart::Transient, normal).await;
        assert_eq!(ended, [true, true]);
        let ended = ends_with(AutoShutdown::AllSignificant, Restart::Transient, normal).await;
        assert_eq!(ended, [false, true]);
    });
}

// supervisor_SUITE: significant_temporary, significant_transient, "Terminating … via the supervisor should not trigger"
#[test]
fn a_significant_child_that_its_supervisor_terminates_ends_nobody_else() {
    for restart in [Restart::Temporary, Restart::Transient] {
        for mode in [AutoShutdown::AnySignificant, AutoShutdown::AllSignificant] {
            check(async move {
                let terminate = |sup, _, id: &'static str| {
                    spawn(async move { supervisor::terminate_child(sup, id).await.unwrap() });
                };
                assert_eq!(ends_with(mode, restart, terminate).await, [false, false]);
            });
        }
    }
}

// supervisor_SUITE: significant_transient, a child that is about to be restarted has not ended
#[test]
fn a_significant_child_that_is_about_to_be_restarted_counts_as_one_that_runs() {
    check(async {
        let gate = Gate::open();
        let sup = supervisor(Strategy::OneForOne, 100)
            .auto_shutdown(AutoShutdown::AllSignificant)
            .child(gated("child1", &gate).restart(Restart::Transient).significant())
            .child(child("child2").restart(Restart::Transient).significant());
        let sup = sup.start_link().await.unwrap();
        gate.set(false);
        end_with(pid(sup, "child1").await, crash()).await;
        let second = pid(sup, "child2").await;
        end_with(second, ExitReason::Normal).await;
        process::sleep(secs(3)).await;
        gate.set(true);
        process::sleep(secs(3)).await;
        assert_eq!(counts(sup).await, [2, 1, 0, 2]);
    });
}

// supervisor_SUITE: significant_bystander
#[test]
fn significant_children_that_are_stopped_with_another_one_end_nobody_else() {
    for strategy in [Strategy::OneForOne, Strategy::OneForAll, Strategy::RestForOne] {
        for mode in [AutoShutdown::AnySignificant, AutoShutdown::AllSignificant] {
            check(async move {
                let sup = supervisor(strategy, 5).auto_shutdown(mode).children([
                    child("child1").restart(Restart::Transient).significant(),
                    child("child2").restart(Restart::Transient),
                    child("child3").restart(Restart::Transient).significant(),
                ]);
                let sup = sup.start_link().await.unwrap();
                process::exit(pid(sup, "child2").await, ExitReason::Kill);
                assert!(lives_on(sup).await);
                assert_eq!(counts(sup).await, [3, 3, 0, 3]);
                shut_down(sup).await;
            });
        }
    }
}

// supervisor_SUITE: significant_escalation
#[test]
fn a_supervisor_that_ended_with_its_child_may_end_its_own() {
    for significant in [true, false] {
        check(async move {
            process::flag(Flag::TrapExit, true);
            let inner = ChildSpec::supervisor("sup1", || {
                let child = child("child1").restart(Restart::Transient).significant();
                Supervisor::new(Strategy::OneForOne)
                    .auto_shutdown(AutoShutdown::AnySignificant)
                    .child(child)
            });
            let inner = inner.restart(Restart::Transient);
            let outer = Supervisor::new(Strategy::OneForOne)
                .auto_shutdown(AutoShutdown::AnySignificant)
                .child(if significant { inner.significant() } else { inner });
            let outer = outer.start_link().await.unwrap();
            let inner = pid(outer, "sup1").await;
            let watched = process::monitor(inner);
            end_with(pid(inner, "child1").await, ExitReason::Normal).await;
            assert_eq!(end(watched).await, ExitReason::Shutdown);
            assert_eq!(lives_on(outer).await, !significant);
        });
    }
}
