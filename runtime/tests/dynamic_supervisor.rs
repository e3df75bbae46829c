//! What dynamic supervisors promise.

mod common;

use common::{check, end_of};
use crabtree::prelude::*;
use crabtree::supervisor::ChildError;

/// A child that ends with the reason that it is sent.
fn child() -> ChildSpec {
    ChildSpec::new("child", || async {
        Ok(spawn_link(async {
            receive! { reason: ExitReason => exit(reason) }
        }))
    })
}

async fn start(sup: SupervisorRef, spec: ChildSpec) -> Pid {
    dynamic_supervisor::start_child(sup, spec).await.unwrap()
}

#[test]
fn a_child_that_crashes_is_restarted_alone() {
    check(async {
        let sup = DynamicSupervisor::new().start_link().await.unwrap();
        let (first, second) = (start(sup, child()).await, start(sup, child()).await);
        process::exit(first, ExitReason::Kill);
        end_of(first).await;
        let children = dynamic_supervisor::which_children(sup).await.unwrap();
        let pids: Vec<Pid> = children.iter().filter_map(|child| child.pid).collect();
        assert_eq!(pids.len(), 2);
        assert!(pids.contains(&second) && !pids.contains(&first));
        let snapshot = supervisor::snapshot(sup).unwrap();
        let restarted: Vec<_> = snapshot
            .children
            .iter()
            .filter(|child| child.previous == Some(first))
            .collect();
        assert_eq!((restarted.len(), restarted[0].restarts), (1, 1));
    });
}

#[test]
fn a_child_that_is_not_restarted_is_forgotten() {
    check(async {
        let sup = DynamicSupervisor::new().start_link().await.unwrap();
        for (restart, reason) in [
            (Restart::Temporary, ExitReason::from("crash")),
            (Restart::Transient, ExitReason::Normal),
        ] {
            let pid = start(sup, child().restart(restart)).await;
            send(pid, reason);
            end_of(pid).await;
            assert_eq!(
                dynamic_supervisor::count_children(sup).await.unwrap().specs,
                0,
                "{restart:?}"
            );
        }
        assert_eq!(supervisor::snapshot(sup).unwrap().children.len(), 0);
    });
}

#[test]
fn max_children_is_kept_also_over_restarts() {
    check(async {
        let sup = DynamicSupervisor::new().max_children(1).start_link().await.unwrap();
        let pid = start(sup, child()).await;
        let refused = dynamic_supervisor::start_child(sup, child()).await.unwrap_err();
        assert_eq!(refused, ChildError::MaxChildren(1));
        process::exit(pid, ExitReason::Kill);
        end_of(pid).await;
        assert!(dynamic_supervisor::start_child(sup, child()).await.is_err());
    });
}

#[test]
fn only_its_own_children_can_be_terminated() {
    check(async {
        let sup = DynamicSupervisor::new().start_link().await.unwrap();
        let pid = start(sup, child()).await;
        let error = dynamic_supervisor::terminate_child(sup, me()).await.unwrap_err();
        assert!(matches!(error, ChildError::NotFound { .. }), "{error}");
        dynamic_supervisor::terminate_child(sup, pid).await.unwrap();
        assert!(!process::is_alive(pid));
        assert_eq!(dynamic_supervisor::count_children(sup).await.unwrap().specs, 0);
    });
}

#[test]
fn children_are_stopped_all_at_once_each_with_its_time() {
    check(async {
        let sup = DynamicSupervisor::new().start_link().await.unwrap();
        let stubborn = || {
            ChildSpec::new("stubborn", || async {
                Ok(spawn_link(async {
                    process::flag(Flag::TrapExit, true);
                    process::sleep(secs(3600)).await;
                }))
            })
        };
        for time in [100, 300, 200] {
            start(sup, stubborn().shutdown(Shutdown::Timeout(ms(time)))).await;
        }
        start(sup, stubborn().shutdown(Shutdown::BrutalKill)).await;
        let polite = start(sup, child()).await;
        process::sleep(ms(1)).await;
        let before = tokio::time::Instant::now();
        dynamic_supervisor::stop(sup).await.unwrap();
        assert_eq!(before.elapsed(), ms(300), "not 100 + 300 + 200");
        assert!(!process::is_alive(polite));
    });
}

#[test]
fn it_gives_up_after_too_many_restarts() {
    check(async {
        process::flag(Flag::TrapExit, true);
        let sup = DynamicSupervisor::new().max_restarts(1).start_link().await.unwrap();
        let bystander = start(sup, child()).await;
        let mut victim = start(sup, child()).await;
        for _ in 0..2 {
            process::exit(victim, ExitReason::Kill);
            end_of(victim).await;
            process::sleep(ms(1)).await;
            let children = dynamic_supervisor::which_children(sup).await.unwrap_or_default();
            victim = children
                .iter()
                .filter_map(|child| child.pid)
                .find(|pid| *pid != bystander)
                .unwrap_or(victim);
        }
        receive! { Exit { from, reason } => assert_eq!((from, reason), (sup.pid(), ExitReason::Shutdown)) }
        assert!(!process::is_alive(bystander));
    });
}

#[test]
fn a_restart_that_fails_is_tried_again_until_it_is_too_much() {
    check(async {
        process::flag(Flag::TrapExit, true);
        let sup = DynamicSupervisor::new().start_link().await.unwrap();
        let tries = std::sync::Arc::new(std::sync::atomic::AtomicU32::new(0));
        let counted = tries.clone();
        let spec = ChildSpec::new("once", move || {
            let first = counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 0;
            async move {
                match first {
                    true => Ok(spawn_link(process::sleep(secs(60)))),
                    false => Err(ExitReason::from("no more")),
                }
            }
        });
        let pid = start(sup, spec).await;
        process::exit(pid, ExitReason::Kill);
        receive! { Exit { from, .. } => assert_eq!(from, sup.pid()) }
        assert_eq!(tries.load(std::sync::atomic::Ordering::Relaxed), 1 + 3);
    });
}

#[test]
fn a_thousand_children_start_and_stop() {
    check(async {
        let sup = DynamicSupervisor::new().start_link().await.unwrap();
        let mut pids = Vec::new();
        for _ in 0..1000 {
            pids.push(start(sup, child()).await);
        }
        assert_eq!(dynamic_supervisor::count_children(sup).await.unwrap().active, 1000);
        dynamic_supervisor::stop(sup).await.unwrap();
        assert!(!pids.into_iter().any(process::is_alive));
    });
}
