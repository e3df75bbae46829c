//! Dynamic supervisors. Promises from Elixir's `dynamic_supervisor_test.exs`, and from OTP's `supervisor_SUITE.erl` about
//! supervisors of the strategy `simple_one_for_one`.

use super::check;
use super::supervision::{
    Gate, Scripted, Step, child, counts, crash, end, end_with, gated, ignored, lives_on, pids, scripted, slow,
};
use crabtree::gen_server::{CallFailure, StartError};
use crabtree::prelude::*;
use crabtree::registry;
use crabtree::supervisor::{ChildError, ChildKind};
use std::sync::Arc;

async fn start(sup: SupervisorRef, spec: ChildSpec) -> Pid {
    dynamic_supervisor::start_child(sup, spec).await.unwrap()
}

async fn many() -> SupervisorRef {
    let sup = DynamicSupervisor::new().max_restarts(100_000);
    sup.start_link().await.unwrap()
}

/// Ends a supervisor as its own would, and says why its children ended.
async fn reasons_of_the_end(sup: SupervisorRef, children: &[Pid]) -> Vec<ExitReason> {
    process::flag(Flag::TrapExit, true);
    let watched: Vec<MonitorRef> = children.iter().map(process::monitor).collect();
    let whole = process::monitor(sup);
    process::exit(sup, ExitReason::Shutdown);
    assert_eq!(end(whole).await, ExitReason::Shutdown);
    let mut reasons = Vec::new();
    for watched in watched {
        reasons.push(end(watched).await);
    }
    reasons
}

async fn three(sup: SupervisorRef, spec: ChildSpec) -> [Pid; 3] {
    [
        start(sup, spec.clone()).await,
        start(sup, spec.clone()).await,
        start(sup, spec).await,
    ]
}

// test "can be supervised directly"
#[test]
fn a_dynamic_supervisor_can_be_supervised() {
    check(async {
        let dynamic = ChildSpec::supervisor("dynamic", || DynamicSupervisor::new().name("dyn_sup_spec_test"));
        let sup = Supervisor::new(Strategy::OneForOne).child(dynamic);
        sup.start_link().await.unwrap();
        assert_eq!(
            dynamic_supervisor::which_children("dyn_sup_spec_test").await,
            Ok(vec![])
        );
    });
}

// test "multiple supervisors can be supervised and identified with simple child spec"
#[test]
fn several_dynamic_supervisors_are_told_apart_by_their_ids_and_names() {
    check(async {
        let names = registry::unique::<&'static str, ()>("DynSup.Registry")
            .start_link()
            .await
            .unwrap();
        let key = {
            let names = names.clone();
            move || registry::via(&names, "via_name")
        };
        let by_key = key.clone();
        let sup = Supervisor::new(Strategy::OneForOne)
            .child(ChildSpec::supervisor("named", || {
                DynamicSupervisor::new().name("simple_name")
            }))
            .child(ChildSpec::supervisor("via", move || {
                DynamicSupervisor::new().via(by_key())
            }))
            .start_link()
            .await
            .unwrap();
        let nameless = || ChildSpec::supervisor("nameless", DynamicSupervisor::new);
        let third = supervisor::start_child(sup, nameless()).await.unwrap();

        assert_eq!(dynamic_supervisor::which_children("simple_name").await, Ok(vec![]));
        assert_eq!(dynamic_supervisor::which_children(key()).await, Ok(vec![]));
        assert_eq!(dynamic_supervisor::which_children(third).await, Ok(vec![]));
        let again = supervisor::start_child(sup, nameless()).await;
        let id = "nameless".into();
        assert_eq!(again, Err(ChildError::AlreadyStarted { id, pid: third }));
    });
}

struct Simple;

impl dynamic_supervisor::Module for Simple {
    type Args = Init<DynamicSupervisor>;

    async fn init(init: Init<DynamicSupervisor>) -> Init<DynamicSupervisor> {
        init
    }
}

struct Named;

impl dynamic_supervisor::Module for Named {
    type Args = &'static str;

    async fn init(name: &'static str) -> Init<DynamicSupervisor> {
        Init::ok(DynamicSupervisor::new().name(name))
    }
}

// describe "use/2", test "generates child_spec/1"
#[test]
fn a_dynamic_supervisor_that_is_a_type_is_its_own_specification() {
    check(async {
        let spec = Named::child_spec("dynamic module");
        let sup = Supervisor::new(Strategy::OneForOne)
            .child(spec)
            .start_link()
            .await
            .unwrap();
        let children = supervisor::which_children(sup).await.unwrap();
        assert_eq!(children[0].id, "Named");
        assert_eq!(children[0].kind, ChildKind::Supervisor);
        assert_eq!(children[0].pid, process::whereis("dynamic module"));
        let spec = supervisor::get_childspec(sup, "Named").await.unwrap();
        let shown = format!("{spec:?}");
        assert!(shown.contains("Permanent") && shown.contains("Infinity"), "{shown}");
        let custom = Named::child_spec("x").id("id").restart(Restart::Temporary);
        assert!(format!("{custom:?}").contains("\"id\""));
    });
}

// describe "init/1", test "set default options"
#[test]
fn the_defaults_are_three_restarts_in_five_seconds_and_any_number_of_children() {
    check(async {
        let sup = DynamicSupervisor::default().start_link().await.unwrap();
        let seen = supervisor::snapshot(sup).unwrap();
        assert_eq!((seen.max_restarts, seen.max_seconds), (3, secs(5)));
        assert_eq!(seen.strategy, Strategy::OneForOne);
        for _ in 0..100 {
            start(sup, child("any")).await;
        }
        assert_eq!(counts(sup).await, [100, 100, 0, 100]);
    });
}

// describe "start_link/3", test "with non-ok init"
#[test]
fn an_init_that_is_not_ok_is_told_to_the_starter() {
    check(async {
        process::flag(Flag::TrapExit, true);
        let impossible = Init::ok(DynamicSupervisor::new().max_seconds(0));
        let error = dynamic_supervisor::start_link::<Simple>(impossible).await.unwrap_err();
        assert!(matches!(error, StartError::Invalid(_)), "{error}");
        let error = dynamic_supervisor::start_link::<Simple>(Init::ignore()).await;
        assert_eq!(error, Err(StartError::Ignore));
        let error = dynamic_supervisor::start_link::<Simple>(Init::stop("unknown")).await;
        assert_eq!(error, Err(StartError::Exit(ExitReason::from("unknown"))));
    });
}

// describe "start_link/3", test "with registered process"
#[test]
fn a_dynamic_supervisor_is_linked_named_and_stopped() {
    check(async {
        let sup = dynamic_supervisor::start_link::<Named>("registered").await.unwrap();
        assert!(process::info(me()).unwrap().links.contains(&sup.pid()));
        assert_eq!(process::whereis("registered"), Some(sup.pid()));
        assert_eq!(dynamic_supervisor::stop("registered").await, Ok(()));
        assert_eq!(process::whereis("registered"), None);
    });
}

// describe "start_child/2", tests "supports new child spec" and "supports new child spec as tuple"
#[test]
fn a_child_is_started_from_any_form_of_its_specification() {
    check(async {
        let sup = many().await;
        let script = || Arc::new(std::sync::Mutex::new([Step::Up].into()));
        for spec in [
            Scripted::child_spec(script()),
            child_spec::<Scripted>("with an id", script()),
            child("a function"),
            Scripted::child_spec(script()).id("changed").restart(Restart::Temporary),
        ] {
            let pid = start(sup, spec).await;
            assert!(process::is_alive(pid));
        }
        let children = dynamic_supervisor::which_children(sup).await.unwrap();
        let ids: Vec<&str> = children.iter().rev().map(|child| child.id.as_str()).collect();
        assert_eq!(ids, ["Scripted", "with an id", "a function", "changed"]);
    });
}

#[derive(Debug)]
struct Told;

impl GenServer for Told {
    type Args = (Pid, &'static str);

    async fn init((parent, own): Self::Args) -> Init<Told> {
        send(parent, ("from child", own));
        Init::ok(Told)
    }
}

// describe "start_child/2", test "supports extra arguments"
#[test]
fn extra_arguments_come_before_those_of_the_child() {
    check(async {
        let sup = DynamicSupervisor::new()
            .extra_arguments(me())
            .start_link()
            .await
            .unwrap();
        start(sup, dynamic_supervisor::child_spec::<Told>("told", "own")).await;
        receive! { ("from child", own): (&str, &str) => assert_eq!(own, "own") }
    });
}

// describe "start_child/2", test "restarting a child with extra_arguments successfully restarts child"
#[test]
fn a_restarted_child_gets_the_extra_arguments_again() {
    check(async {
        let sup = DynamicSupervisor::new()
            .extra_arguments(me())
            .start_link()
            .await
            .unwrap();
        let spec = dynamic_supervisor::child_spec::<Told>("told", "own").restart(Restart::Transient);
        let pid = start(sup, spec).await;
        receive! { ("from child", _own): (&str, &str) => () }
        assert_eq!(counts(sup).await, [1, 1, 0, 1]);
        process::exit(pid, ExitReason::from("oops"));
        receive! { ("from child", own): (&str, &str) => assert_eq!(own, "own") }
        assert_eq!(counts(sup).await, [1, 1, 0, 1]);
    });
}

// describe "start_child/2", test "with invalid child spec": of what can be said in Rust, only this is invalid
#[test]
fn a_significant_child_is_refused() {
    check(async {
        let sup = many().await;
        let spec = child("a").restart(Restart::Temporary).significant();
        let refused = dynamic_supervisor::start_child(sup, spec).await;
        assert_eq!(refused, Err(ChildError::Significant("a".into())));
    });
}

// describe "start_child/2", test "with different returns"
#[test]
fn what_the_start_of_a_child_returned_is_told() {
    check(async {
        let sup = many().await;
        let start = |step| dynamic_supervisor::start_child(sup, scripted("a", [step]));
        assert!(start(Step::Up).await.is_ok());
        assert_eq!(start(Step::Ignore).await, Err(ignored()));
        let error = start(Step::Stop).await.unwrap_err();
        let why = ExitReason::from("as the script says");
        assert_eq!(error, ChildError::Start(StartError::Exit(why)));
        assert_eq!(counts(sup).await, [1, 1, 0, 1]);
    });
}

// describe "start_child/2", test "with throw/error/exit"
#[test]
fn a_start_that_panics_or_exits_is_an_error() {
    check(async {
        let sup = many().await;
        let panics = ChildSpec::new("panics", || async { panic!("oops") });
        let error = dynamic_supervisor::start_child(sup, panics).await.unwrap_err();
        assert!(error.to_string().contains("(panic) oops"), "{error}");
        let exits = ChildSpec::new("exits", || async { exit("oops") });
        let error = dynamic_supervisor::start_child(sup, exits).await.unwrap_err();
        assert_eq!(error, ChildError::Start(StartError::Exit(ExitReason::from("oops"))));
        for step in [Step::Panic, Step::Exit] {
            let error = dynamic_supervisor::start_child(sup, scripted("a", [step]))
                .await
                .unwrap_err();
            assert!(error.to_string().contains("as the script says"), "{error}");
        }
        assert!(lives_on(sup).await);
        assert_eq!(counts(sup).await, [0, 0, 0, 0]);
    });
}

// describe "start_child/2", test "with max_children"
#[test]
fn no_more_children_than_max_children_are_started() {
    check(async {
        let sup = DynamicSupervisor::new().max_children(0).start_link().await.unwrap();
        let refused = dynamic_supervisor::start_child(sup, child("a")).await;
        assert_eq!(refused, Err(ChildError::MaxChildren(0)));
    });
}

// describe "start_child/2", test "temporary child is not restarted regardless of reason"
#[test]
fn a_temporary_child_is_not_restarted() {
    check(async {
        let sup = many().await;
        for reason in [ExitReason::Shutdown, crash()] {
            let pid = start(sup, child("a").restart(Restart::Temporary)).await;
            end_with(pid, reason).await;
            assert_eq!(counts(sup).await, [0, 0, 0, 0]);
        }
    });
}

// describe "start_child/2", test "transient child is restarted unless normal/shutdown/{shutdown, _}"
#[test]
fn a_transient_child_is_restarted_after_a_crash_only() {
    check(async {
        let sup = many().await;
        let orderly = [
            ExitReason::Normal,
            ExitReason::Shutdown,
            ExitReason::shutdown_with("signal"),
        ];
        for reason in orderly {
            let pid = start(sup, child("a").restart(Restart::Transient)).await;
            end_with(pid, reason).await;
            assert_eq!(counts(sup).await, [0, 0, 0, 0]);
        }
        let pid = start(sup, child("a").restart(Restart::Transient)).await;
        end_with(pid, crash()).await;
        assert_eq!(counts(sup).await, [1, 1, 0, 1]);
    });
}

// describe "start_child/2", test "permanent child is restarted regardless of reason"
#[test]
fn a_permanent_child_is_restarted() {
    check(async {
        let sup = many().await;
        let reasons = [
            ExitReason::Shutdown,
            ExitReason::shutdown_with("signal"),
            crash(),
            ExitReason::Normal,
        ];
        for (n, reason) in reasons.into_iter().enumerate() {
            let pid = start(sup, child("a")).await;
            end_with(pid, reason).await;
            assert_eq!(counts(sup).await, [n + 1, n + 1, 0, n + 1]);
        }
    });
}

// describe "start_child/2", test "child is restarted with different values"
#[test]
fn what_a_restart_returns_decides_what_becomes_of_the_child() {
    check(async {
        let sup = many().await;
        let gate = Gate::open();
        let first = start(sup, scripted("up", [Step::Up])).await;
        process::exit(first, ExitReason::Shutdown);
        end(process::monitor(first)).await;
        assert_eq!(counts(sup).await, [1, 1, 0, 1]);
        let second = start(sup, scripted("ignore", [Step::Up, Step::Ignore])).await;
        process::exit(second, ExitReason::Shutdown);
        end(process::monitor(second)).await;
        assert_eq!(counts(sup).await, [1, 1, 0, 1], "one that ignores is forgotten");
        let third = start(sup, gated("error", &gate)).await;
        gate.set(false);
        end_with(third, crash()).await;
        process::sleep(ms(1500)).await;
        let children = dynamic_supervisor::which_children(sup).await.unwrap();
        assert_eq!((children[0].pid, children[0].restarting), (None, true));
        assert_eq!(counts(sup).await, [2, 1, 0, 2]);
    });
}

// describe "start_child/2", test "restarting on init children counted in max_children"
#[test]
fn a_child_that_is_about_to_be_restarted_counts() {
    check(async {
        let gate = Gate::open();
        let sup = DynamicSupervisor::new()
            .max_children(1)
            .max_restarts(100_000)
            .start_link()
            .await
            .unwrap();
        let pid = start(sup, gated("a", &gate)).await;
        gate.set(false);
        end_with(pid, crash()).await;
        assert_eq!(counts(sup).await, [1, 0, 0, 1]);
        let refused = dynamic_supervisor::start_child(sup, child("b")).await;
        assert_eq!(refused, Err(ChildError::MaxChildren(1)));
    });
}

// describe "start_child/2", test "restarting on exit children counted in max_children"
#[test]
fn a_child_that_was_restarted_counts() {
    check(async {
        let sup = DynamicSupervisor::new().max_children(1).start_link().await.unwrap();
        let pid = start(sup, child("a")).await;
        end_with(pid, crash()).await;
        assert_eq!(counts(sup).await, [1, 1, 0, 1]);
        let refused = dynamic_supervisor::start_child(sup, child("b")).await;
        assert_eq!(refused, Err(ChildError::MaxChildren(1)));
    });
}

// describe "start_child/2", test "child is restarted when trying again"
#[test]
fn a_restart_that_failed_is_tried_again() {
    check(async {
        let sup = DynamicSupervisor::new().max_restarts(2).start_link().await.unwrap();
        let pid = start(sup, scripted("a", [Step::Up, Step::Stop, Step::Up])).await;
        process::exit(pid, ExitReason::Shutdown);
        end(process::monitor(pid)).await;
        process::sleep(ms(1)).await;
        assert_eq!(counts(sup).await, [1, 1, 0, 1]);
        let seen = supervisor::snapshot(sup).unwrap();
        assert_eq!((seen.children[0].previous, seen.children[0].restarts), (Some(pid), 1));
        assert_eq!(seen.restarts_in_window, 2);
    });
}

/// A child that cannot be restarted.
async fn hopeless(max_restarts: u32) -> ExitReason {
    process::flag(Flag::TrapExit, true);
    let sup = DynamicSupervisor::new()
        .max_restarts(max_restarts)
        .start_link()
        .await
        .unwrap();
    let pid = start(sup, scripted("a", [Step::Up, Step::Stop])).await;
    process::exit(pid, ExitReason::Shutdown);
    receive! { Exit { from, reason } if from == sup.pid() => reason }
}

// describe "start_child/2", test "child triggers maximum restarts"
#[test]
fn too_many_restarts_end_the_supervisor() {
    check(async { assert_eq!(hopeless(1).await, ExitReason::Shutdown) });
}

// describe "start_child/2", test "child triggers maximum intensity when trying again"
#[test]
fn tries_count_as_restarts() {
    check(async { assert_eq!(hopeless(10).await, ExitReason::Shutdown) });
}

// describe "start_child/2", test "with valid shutdown"
#[test]
fn a_child_may_have_no_time_to_shut_down() {
    check(async {
        let sup = many().await;
        for time in [ms(0), ms(1)] {
            let spec = child("a").shutdown(Shutdown::Timeout(time)).restart(Restart::Temporary);
            let pid = start(sup, spec).await;
            dynamic_supervisor::terminate_child(sup, pid).await.unwrap();
            assert!(!process::is_alive(pid));
        }
    });
}

// describe "terminate/2", test "terminates children with brutal kill"; supervisor_SUITE: sup_stop_brutal_kill_dynamic
#[test]
fn children_are_killed_where_the_specification_says_so() {
    check(async {
        let sup = many().await;
        let children = three(sup, child("a").shutdown(Shutdown::BrutalKill)).await;
        assert_eq!(reasons_of_the_end(sup, &children).await, vec![ExitReason::Killed; 3]);
    });
}

// describe "terminate/2", tests "terminates children with infinity shutdown" and "with integer shutdown"
#[test]
fn children_are_told_to_shut_down() {
    for shutdown in [Shutdown::Infinity, Shutdown::Timeout(ms(1000))] {
        check(async move {
            let sup = many().await;
            let children = three(sup, child("a").shutdown(shutdown)).await;
            assert_eq!(reasons_of_the_end(sup, &children).await, vec![ExitReason::Shutdown; 3]);
        });
    }
}

// describe "terminate/2", tests "… with infinity shutdown and abnormal reason", "… with integer shutdown and abnormal
// reason", "… with permanent restart and normal reason"; supervisor_SUITE: sup_stop_non_shutdown_exit_dynamic
#[test]
fn children_may_shut_down_for_any_reason() {
    for restart in [Restart::Permanent, Restart::Transient, Restart::Temporary] {
        for shutdown in [Shutdown::Infinity, Shutdown::Timeout(ms(1000))] {
            for reason in [
                ExitReason::Normal,
                ExitReason::Shutdown,
                ExitReason::shutdown_with("oops"),
                crash(),
            ] {
                check(async move {
                    let sup = many().await;
                    let spec = slow("a", ms(10), &reason).shutdown(shutdown).restart(restart);
                    let children = three(sup, spec).await;
                    assert_eq!(reasons_of_the_end(sup, &children).await, vec![reason; 3]);
                });
            }
        }
    }
}

// describe "terminate/2", test "terminates children with expired integer shutdown"; supervisor_SUITE: sup_stop_timeout_dynamic
#[test]
fn only_the_child_whose_time_is_up_is_killed() {
    check(async {
        let sup = many().await;
        let in_time = || child("in time").shutdown(Shutdown::Timeout(ms(1)));
        let late = slow("late", secs(60), &ExitReason::Shutdown).shutdown(Shutdown::Timeout(ms(1)));
        let children = [
            start(sup, in_time()).await,
            start(sup, late).await,
            start(sup, in_time()).await,
        ];
        let reasons = reasons_of_the_end(sup, &children).await;
        assert_eq!(
            reasons,
            [ExitReason::Shutdown, ExitReason::Killed, ExitReason::Shutdown]
        );
    });
}

// describe "terminate/2", test "terminates with mixed children"
#[test]
fn each_child_is_stopped_in_its_own_way() {
    check(async {
        let sup = many().await;
        let children = [
            start(sup, child("a").shutdown(Shutdown::Infinity)).await,
            start(sup, child("b").shutdown(Shutdown::BrutalKill)).await,
        ];
        let reasons = reasons_of_the_end(sup, &children).await;
        assert_eq!(reasons, [ExitReason::Shutdown, ExitReason::Killed]);
    });
}

// supervisor_SUITE: simple_one_for_one_shutdown
#[test]
fn the_end_takes_as_long_as_the_slowest_child_may() {
    check(async {
        process::flag(Flag::TrapExit, true);
        let sup = many().await;
        for time in [1000, 1000, 5000] {
            let spec = slow("a", ms(time), &ExitReason::Shutdown).shutdown(Shutdown::Timeout(ms(2000)));
            start(sup, spec).await;
        }
        let before = tokio::time::Instant::now();
        dynamic_supervisor::stop(sup).await.unwrap();
        assert_eq!(before.elapsed(), ms(2000));
    });
}

// describe "terminate_child/2", tests "terminates child with brutal kill" and "… with integer shutdown"
#[test]
fn a_terminated_child_is_stopped_in_its_way_and_forgotten() {
    for (shutdown, reason) in [
        (Shutdown::BrutalKill, ExitReason::Killed),
        (Shutdown::Timeout(ms(1000)), ExitReason::Shutdown),
    ] {
        check(async move {
            let sup = many().await;
            let pid = start(sup, child("a").shutdown(shutdown)).await;
            let watched = process::monitor(pid);
            dynamic_supervisor::terminate_child(sup, pid).await.unwrap();
            assert_eq!(end(watched).await, reason);
            let again = dynamic_supervisor::terminate_child(sup, pid).await;
            assert!(matches!(again, Err(ChildError::NotFound { .. })));
            assert_eq!(counts(sup).await, [0, 0, 0, 0]);
        });
    }
}

// describe "terminate_child/2", test "terminates restarting child"; supervisor_SUITE: hanging_restart_loop_simple
#[test]
fn a_child_that_cannot_be_restarted_can_be_terminated() {
    check(async {
        let gate = Gate::open();
        let sup = many().await;
        let pid = start(sup, gated("a", &gate)).await;
        gate.set(false);
        end_with(pid, crash()).await;
        process::sleep(ms(1500)).await;
        dynamic_supervisor::terminate_child(sup, pid).await.unwrap();
        let again = dynamic_supervisor::terminate_child(sup, pid).await;
        assert!(matches!(again, Err(ChildError::NotFound { .. })));
        assert_eq!(counts(sup).await, [0, 0, 0, 0]);
        let tries = gate.tries();
        process::sleep(secs(10)).await;
        assert_eq!(gate.tries(), tries, "nobody tries any more");
    });
}

// supervisor_SUITE: hanging_restart_loop_simple
#[test]
fn a_supervisor_that_cannot_restart_a_child_can_be_stopped() {
    check(async {
        let gate = Gate::open();
        let sup = many().await;
        let pid = start(sup, gated("a", &gate)).await;
        gate.set(false);
        end_with(pid, crash()).await;
        process::sleep(ms(1500)).await;
        assert_eq!(reasons_of_the_end(sup, &[]).await, []);
    });
}

// supervisor_SUITE: child_adm_simple
#[test]
fn ids_mean_nothing_to_a_dynamic_supervisor() {
    check(async {
        let sup = many().await;
        let pid = start(sup, child("a")).await;
        let no_ids = ChildError::NoIds("a".into());
        assert_eq!(supervisor::terminate_child(sup, "a").await, Err(no_ids.clone()));
        assert_eq!(supervisor::restart_child(sup, "a").await, Err(no_ids.clone()));
        assert_eq!(supervisor::delete_child(sup, "a").await, Err(no_ids));
        let stranger = spawn_link(process::sleep(secs(60)));
        let error = dynamic_supervisor::terminate_child(sup, stranger).await.unwrap_err();
        assert!(
            error.to_string().contains(&pid.to_string()),
            "it says which there are: {error}"
        );
        assert!(process::is_alive(stranger) && process::is_alive(pid));
    });
}

// supervisor_SUITE: child_adm_simple
#[test]
fn who_asks_a_supervisor_that_is_not_there_is_told() {
    check(async {
        let error = dynamic_supervisor::start_child("no dynamic supervisor", child("a"))
            .await
            .unwrap_err();
        let expected = "dynamic_supervisor::start_child(\"no dynamic supervisor\"): no process has that name";
        assert!(error.to_string().starts_with(expected), "{error}");
    });
}

// supervisor_SUITE: sup_start_map_simple
#[test]
fn the_specification_of_each_child_can_be_read() {
    check(async {
        let sup = many().await;
        for pid in three(sup, child("a").restart(Restart::Temporary)).await {
            let spec = dynamic_supervisor::get_childspec(sup, pid).await.unwrap();
            let expected = child("a").restart(Restart::Temporary);
            assert_eq!(format!("{spec:?}"), format!("{expected:?}"));
        }
        let error = dynamic_supervisor::get_childspec(sup, me()).await.unwrap_err();
        assert!(matches!(error, ChildError::NotFound { .. }), "{error}");
    });
}

// supervisor_SUITE: sup_start_ignore_permanent_child_start_child_simple, sup_start_ignore_temporary_child_start_child_simple
#[test]
fn a_child_that_ignores_is_not_kept() {
    for restart in [Restart::Permanent, Restart::Temporary] {
        check(async move {
            let sup = many().await;
            let ignoring = scripted("a", [Step::Ignore]).restart(restart);
            assert_eq!(dynamic_supervisor::start_child(sup, ignoring).await, Err(ignored()));
            start(sup, child("b")).await;
            assert_eq!(counts(sup).await, [1, 1, 0, 1]);
            dynamic_supervisor::stop(sup).await.unwrap();
        });
    }
}

// supervisor_SUITE: simple_one_for_one, simple_one_for_one_escalation
#[test]
fn children_are_restarted_alone_until_it_is_too_much() {
    check(async {
        process::flag(Flag::TrapExit, true);
        let sup = DynamicSupervisor::new()
            .max_restarts(2)
            .max_seconds(3600)
            .start_link()
            .await
            .unwrap();
        let (first, second) = (start(sup, child("a")).await, start(sup, child("b")).await);
        end_with(first, crash()).await;
        assert_eq!(pids(sup).await[1], Some(second));
        assert_eq!(counts(sup).await, [2, 2, 0, 2]);
        end_with(second, crash()).await;
        let third = pids(sup).await[0].unwrap();
        let whole = process::monitor(sup);
        end_with(third, crash()).await;
        assert_eq!(end(whole).await, ExitReason::Shutdown);
    });
}

// supervisor_SUITE: count_children, count_children_supervisor
#[test]
fn children_are_counted_by_their_kind() {
    check(async {
        let sup = many().await;
        for n in 1..=100 {
            start(
                sup,
                ChildSpec::supervisor("sup", || Supervisor::new(Strategy::OneForOne)),
            )
            .await;
            let pid = start(sup, child("worker").restart(Restart::Temporary)).await;
            assert_eq!(counts(sup).await, [n + 1, n + 1, n, 1]);
            assert_eq!(pids(sup).await.len(), n + 1);
            end_with(pid, ExitReason::Normal).await;
        }
    });
}

// supervisor_SUITE: count_restarting_children
#[test]
fn children_that_are_about_to_be_restarted_are_counted_as_not_active() {
    check(async {
        let gate = Gate::open();
        let sup = many().await;
        let children = three(sup, gated("a", &gate)).await;
        assert_eq!(counts(sup).await, [3, 3, 0, 3]);
        gate.set(false);
        for pid in &children[..2] {
            end_with(*pid, crash()).await;
        }
        process::sleep(secs(4)).await;
        assert_eq!(counts(sup).await, [3, 1, 0, 3]);
        gate.set(true);
        process::sleep(secs(4)).await;
        assert_eq!(counts(sup).await, [3, 3, 0, 3]);
        for left in (0..3).rev() {
            let pid = pids(sup).await[0].unwrap();
            dynamic_supervisor::terminate_child(sup, pid).await.unwrap();
            assert_eq!(counts(sup).await, [left, left, 0, left]);
        }
    });
}

// supervisor_SUITE: simple_one_for_one_scale_many_temporary_children, do_not_save_start_parameters_for_temporary_children
#[test]
fn of_temporary_children_nothing_is_kept_that_they_were_started_with() {
    check(async {
        let sup = many().await;
        let large = Arc::new(vec![0; 1000]);
        let mut pids = Vec::new();
        for n in 0..2000 {
            let (large, restart) = (large.clone(), [Restart::Temporary, Restart::Permanent][n % 2]);
            let spec = ChildSpec::new("a", move || {
                let _ = &large;
                async { Ok(spawn_link(process::sleep(secs(3600)))) }
            });
            pids.push(start(sup, spec.restart(restart)).await);
        }
        assert_eq!(Arc::strong_count(&large), 1 + 1000);
        for pid in pids {
            dynamic_supervisor::terminate_child(sup, pid).await.unwrap();
        }
        assert_eq!(Arc::strong_count(&large), 1);
    });
}

// DynamicSupervisor: "the restart of a dynamic supervisor starts it without children"
#[test]
fn a_dynamic_supervisor_that_was_restarted_has_no_children() {
    check(async {
        let dynamic = ChildSpec::supervisor("dynamic", || DynamicSupervisor::new().name("restarted empty"));
        let sup = Supervisor::new(Strategy::OneForOne)
            .child(dynamic)
            .start_link()
            .await
            .unwrap();
        let before = process::whereis("restarted empty").unwrap();
        let orphan = dynamic_supervisor::start_child("restarted empty", child("a"))
            .await
            .unwrap();
        process::exit(before, ExitReason::Kill);
        end(process::monitor(before)).await;
        assert_ne!(pids(sup).await[0], Some(before));
        assert_eq!(counts("restarted empty").await, [0, 0, 0, 0]);
        assert!(
            !process::is_alive(orphan),
            "it was linked to the supervisor that was killed"
        );
    });
}

// Supervisors answer each other's questions: Supervisor.which_children/1 works for a DynamicSupervisor
#[test]
fn only_a_supervisor_is_asked_what_supervisors_are_asked() {
    check(async {
        let error = dynamic_supervisor::count_children(me()).await.unwrap_err();
        assert_eq!(error.cause, CallFailure::NotASupervisor);
        let dead = spawn(async {});
        end(process::monitor(dead)).await;
        let error = dynamic_supervisor::count_children(dead).await.unwrap_err();
        assert_eq!(error.cause, CallFailure::Exit(ExitReason::NoProc));
    });
}
