//! What supervisors promise about children that come and go while they run.

mod common;

use common::{check, end_of};
use crabtree::prelude::*;
use crabtree::supervisor::{AutoShutdown, ChildError};

/// A child that does as it is told: `send(pid, reason)` ends it.
fn child(id: &'static str) -> ChildSpec {
    ChildSpec::new(id, || async {
        Ok(spawn_link(async {
            receive! { reason: ExitReason => exit(reason) }
        }))
    })
}

async fn supervisor() -> SupervisorRef {
    Supervisor::new(Strategy::OneForOne)
        .child(child("first"))
        .start_link()
        .await
        .unwrap()
}

#[test]
fn a_child_that_is_added_is_started_and_supervised() {
    check(async {
        let sup = supervisor().await;
        let pid = supervisor::start_child(sup, child("second")).await.unwrap();
        process::exit(pid, ExitReason::Kill);
        end_of(pid).await;
        let children = supervisor::which_children(sup).await.unwrap();
        assert_eq!(children[0].id, "second");
        assert!(children[0].pid.is_some_and(|new| new != pid));
    });
}

#[test]
fn an_id_is_taken_by_a_child_that_runs_and_by_one_that_does_not() {
    check(async {
        let sup = supervisor().await;
        let error = supervisor::start_child(sup, child("first")).await.unwrap_err();
        assert!(matches!(error, ChildError::AlreadyStarted { .. }), "{error}");
        supervisor::terminate_child(sup, "first").await.unwrap();
        let error = supervisor::start_child(sup, child("first")).await.unwrap_err();
        assert_eq!(error, ChildError::AlreadyPresent("first".into()));
    });
}

#[test]
fn a_terminated_child_stays_down_until_it_is_restarted() {
    check(async {
        let sup = supervisor().await;
        supervisor::terminate_child(sup, "first").await.unwrap();
        let count = supervisor::count_children(sup).await.unwrap();
        assert_eq!((count.specs, count.active), (1, 0));
        supervisor::terminate_child(sup, "first")
            .await
            .expect("OTP: terminating twice is fine");
        let pid = supervisor::restart_child(sup, "first").await.unwrap();
        assert!(process::is_alive(pid));
        let error = supervisor::restart_child(sup, "first").await.unwrap_err();
        assert!(matches!(error, ChildError::Running { .. }), "{error}");
    });
}

#[test]
fn only_a_child_that_does_not_run_can_be_deleted() {
    check(async {
        let sup = supervisor().await;
        let error = supervisor::delete_child(sup, "first").await.unwrap_err();
        assert!(error.to_string().contains("terminate_child stops it"), "{error}");
        supervisor::terminate_child(sup, "first").await.unwrap();
        supervisor::delete_child(sup, "first").await.unwrap();
        assert_eq!(supervisor::which_children(sup).await.unwrap(), []);
    });
}

#[test]
fn an_unknown_id_is_answered_with_the_known_ones() {
    check(async {
        let sup = supervisor().await;
        let error = supervisor::restart_child(sup, "frist").await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "no child has the id \"frist\"; there are [\"first\"]"
        );
        assert!(supervisor::delete_child(sup, "frist").await.is_err());
        assert!(supervisor::terminate_child(sup, "frist").await.is_err());
    });
}

#[test]
fn a_child_that_does_not_start_is_not_kept() {
    check(async {
        let sup = supervisor().await;
        let failing = ChildSpec::new("failing", || async { Err(ExitReason::from("no port")) });
        let error = supervisor::start_child(sup, failing).await.unwrap_err();
        assert!(error.to_string().contains("no port"), "{error}");
        assert_eq!(supervisor::count_children(sup).await.unwrap().specs, 1);
    });
}

#[test]
fn a_terminated_temporary_child_is_forgotten() {
    check(async {
        let sup = supervisor().await;
        supervisor::start_child(sup, child("guest").restart(Restart::Temporary))
            .await
            .unwrap();
        supervisor::terminate_child(sup, "guest").await.unwrap();
        assert!(matches!(
            supervisor::restart_child(sup, "guest").await,
            Err(ChildError::NotFound { .. })
        ));
    });
}

/// OTP's `supervisor_SUITE`, significant_*: which ends of significant children end the supervisor.
#[test]
fn significant_children_end_their_supervisor_as_auto_shutdown_says() {
    let crash = || ExitReason::from("crash");
    let table = [
        (
            AutoShutdown::AnySignificant,
            Restart::Transient,
            ExitReason::Normal,
            1,
            true,
        ),
        (AutoShutdown::AnySignificant, Restart::Transient, crash(), 1, false),
        (AutoShutdown::AnySignificant, Restart::Temporary, crash(), 1, true),
        (
            AutoShutdown::AllSignificant,
            Restart::Transient,
            ExitReason::Normal,
            1,
            false,
        ),
        (
            AutoShutdown::AllSignificant,
            Restart::Transient,
            ExitReason::Normal,
            2,
            true,
        ),
        (AutoShutdown::AllSignificant, Restart::Temporary, crash(), 1, false),
        (AutoShutdown::AllSignificant, Restart::Temporary, crash(), 2, true),
    ];
    for (auto_shutdown, restart, reason, ends, expected) in table {
        check(async {
            process::flag(Flag::TrapExit, true);
            let sup = Supervisor::new(Strategy::OneForOne)
                .auto_shutdown(auto_shutdown)
                .child(child("a").restart(restart).significant())
                .child(child("b").restart(restart).significant())
                .child(child("bystander"))
                .start_link()
                .await
                .unwrap();
            let children = supervisor::which_children(sup).await.unwrap();
            for child in children.iter().rev().take(ends) {
                let pid = child.pid.unwrap();
                send(pid, reason.clone());
                end_of(pid).await;
            }
            let ended = receive! {
                Exit { from, reason } if from == sup.pid() => Some(reason),
                after ms(100) => None,
            };
            let expected = expected.then_some(ExitReason::Shutdown);
            assert_eq!(
                ended, expected,
                "{auto_shutdown:?}, {restart:?}, {reason}, {ends} ended"
            );
        });
    }
}

#[test]
fn a_significant_child_is_refused_where_it_means_nothing() {
    check(async {
        process::flag(Flag::TrapExit, true);
        let never = Supervisor::new(Strategy::OneForOne).child(child("a").restart(Restart::Transient).significant());
        let error = never.start_link().await.unwrap_err();
        assert!(error.to_string().contains("is significant"), "{error}");
        let permanent = Supervisor::new(Strategy::OneForOne)
            .auto_shutdown(AutoShutdown::AnySignificant)
            .child(child("a").significant());
        assert!(permanent.start_link().await.is_err());
        let sup = supervisor().await;
        let late = child("late").restart(Restart::Transient).significant();
        assert_eq!(
            supervisor::start_child(sup, late).await.unwrap_err(),
            ChildError::Significant("late".into())
        );
    });
}

#[test]
fn a_terminated_significant_child_does_not_end_its_supervisor() {
    check(async {
        let sup = Supervisor::new(Strategy::OneForOne)
            .auto_shutdown(AutoShutdown::AnySignificant)
            .child(child("a").restart(Restart::Transient).significant())
            .start_link()
            .await
            .unwrap();
        supervisor::terminate_child(sup, "a").await.unwrap();
        assert_eq!(supervisor::count_children(sup).await.unwrap().specs, 1);
    });
}
