//! Supervisors. Promises from Elixir's `supervisor_test.exs` and from OTP's `supervisor_SUITE.erl`.

use super::check;
use super::supervision::{
    Step, child, counts, crash, empty, end, end_with, ignored, lives_on, pid, pids, scripted, shut_down, slow, start,
    supervisor,
};
use crabtree::gen_server::{CallFailure, StartError};
use crabtree::prelude::*;
use crabtree::registry;
use crabtree::supervisor::{ChildError, ChildKind, FailedToStartChild};

#[derive(Debug)]
struct Stack(Vec<&'static str>);

impl GenServer for Stack {
    type Args = Vec<&'static str>;

    async fn init(items: Vec<&'static str>) -> Init<Stack> {
        Init::ok(Stack(items))
    }
}

#[derive(Debug)]
struct Pop;

impl HandleCall<Pop> for Stack {
    type Reply = Option<&'static str>;

    async fn handle_call(&mut self, _: Pop, _: Caller<Self::Reply>) -> Reply<Self::Reply> {
        self.0.pop().into()
    }
}

struct StackSup;

impl supervisor::Module for StackSup {
    type Args = &'static str;

    async fn init(name: &'static str) -> Init<Supervisor> {
        Init::ok(Supervisor::new(Strategy::OneForOne).child(Stack::child_spec(vec!["hello"]).name(name)))
    }
}

/// A supervisor whose `init` returns what it is given.
struct Whatever;

impl supervisor::Module for Whatever {
    type Args = Init<Supervisor>;

    async fn init(init: Init<Supervisor>) -> Init<Supervisor> {
        init
    }
}

struct Failing;

impl supervisor::Module for Failing {
    type Args = ();

    async fn init(_: ()) -> Init<Supervisor> {
        panic!("no match")
    }
}

fn shown(spec: &ChildSpec) -> String {
    format!("{spec:?}")
}

// test "generates child_spec/1"
#[test]
fn a_supervisor_that_is_a_type_is_its_own_specification() {
    check(async {
        let sup = empty(Strategy::OneForOne).await;
        start(sup, StackSup::child_spec("stack of a type")).await;
        let children = supervisor::which_children(sup).await.unwrap();
        assert_eq!(
            (children[0].id.as_str(), children[0].kind),
            ("StackSup", ChildKind::Supervisor)
        );
        assert!(shown(&StackSup::child_spec("x")).contains("Permanent, shutdown: Infinity"));
        let custom = StackSup::child_spec("x").id("id").restart(Restart::Temporary);
        assert!(shown(&custom).starts_with("ChildSpec { id: \"id\""));
        assert!(shown(&custom).contains("Temporary"));
    });
}

// test "child_spec/2"
#[test]
fn a_specification_can_be_changed() {
    let spec = Stack::child_spec(vec![]);
    assert!(shown(&spec).contains("id: \"Stack\""));
    assert!(shown(&spec).contains("restart: Permanent, shutdown: Timeout(5s)"));
    let changed = spec.id("foo").restart(Restart::Transient).shutdown(Shutdown::Infinity);
    assert!(shown(&changed).contains("id: \"foo\""));
    assert!(shown(&changed).contains("restart: Transient, shutdown: Infinity"));
}

// test "init/2"
#[test]
fn three_restarts_in_five_seconds_are_allowed_unless_it_is_said_otherwise() {
    check(async {
        let sup = Supervisor::new(Strategy::OneForOne).start_link().await.unwrap();
        let seen = supervisor::snapshot(sup).unwrap();
        assert_eq!((seen.max_restarts, seen.max_seconds), (3, secs(5)));
        let sup = Supervisor::new(Strategy::OneForAll).max_restarts(1).max_seconds(2);
        let seen = supervisor::snapshot(sup.start_link().await.unwrap()).unwrap();
        assert_eq!((seen.max_restarts, seen.max_seconds), (1, secs(2)));
        assert_eq!(seen.strategy, Strategy::OneForAll);
    });
}

// test "start_link/2 with via"
#[test]
fn a_supervisor_can_have_a_key_of_a_registry() {
    check(async {
        let names = registry::unique::<&'static str, ()>("via_sups")
            .start_link()
            .await
            .unwrap();
        let key = || registry::via(&names, "via_sup");
        let sup = Supervisor::new(Strategy::OneForOne)
            .via(key())
            .start_link()
            .await
            .unwrap();
        assert_eq!(supervisor::which_children(key()).await, Ok(vec![]));
        let again = Supervisor::new(Strategy::OneForOne).via(key()).start_link().await;
        assert!(matches!(again, Err(StartError::AlreadyStarted { pid, .. }) if pid == sup.pid()));
    });
}

// test "start_link/3 with local"; supervisor_SUITE: sup_start_normal
#[test]
fn a_supervisor_starts_under_its_name_and_is_shut_down() {
    check(async {
        let sup = Supervisor::new(Strategy::OneForOne)
            .name("my_sup")
            .start_link()
            .await
            .unwrap();
        assert_eq!(supervisor::which_children("my_sup").await, Ok(vec![]));
        shut_down(sup).await;
        assert_eq!(process::whereis("my_sup"), None);
    });
}

// test "start_link/2"
#[test]
fn a_child_that_is_restarted_has_its_name_and_its_first_state_again() {
    check(async {
        let stack = || named::<Stack>("dyn_stack");
        let children = [Stack::child_spec(vec!["hello"]).name("dyn_stack")];
        let sup = Supervisor::new(Strategy::OneForOne)
            .children(children)
            .start_link()
            .await
            .unwrap();
        assert_eq!(gen_server::call(stack(), Pop).await, Ok(Some("hello")));
        gen_server::stop(stack()).await.unwrap();
        counts(sup).await;
        assert_eq!(gen_server::call(stack(), Pop).await, Ok(Some("hello")));
        supervisor::stop(sup).await.unwrap();
        assert_eq!(process::whereis("dyn_stack"), None);
    });
}

// test "start_link/3"
#[test]
fn a_supervisor_that_is_a_type_starts_its_children() {
    check(async {
        let sup = supervisor::start_link::<StackSup>("stat_stack").await.unwrap();
        assert_eq!(
            gen_server::call(named::<Stack>("stat_stack"), Pop).await,
            Ok(Some("hello"))
        );
        supervisor::stop(sup).await.unwrap();
    });
}

// describe "start_child/2", tests "supports new child spec" and "… as tuple"
#[test]
fn a_child_is_added_from_any_form_of_its_specification() {
    check(async {
        let sup = empty(Strategy::OneForOne).await;
        for spec in [
            Stack::child_spec(vec![]),
            child_spec::<Stack>("with an id", vec![]),
            child("a function"),
            Stack::child_spec(vec![]).id("changed").restart(Restart::Temporary),
        ] {
            assert!(process::is_alive(start(sup, spec).await));
        }
    });
}

// describe "start_child/2", test "with valid child spec"
#[test]
fn a_child_may_have_no_time_to_shut_down() {
    check(async {
        let sup = empty(Strategy::OneForOne).await;
        for time in [ms(0), ms(1)] {
            let spec = child("a").restart(Restart::Temporary).shutdown(Shutdown::Timeout(time));
            end_with(start(sup, spec).await, ExitReason::Shutdown).await;
            counts(sup).await;
        }
    });
}

// test "child life cycle"
#[test]
fn a_child_is_added_terminated_restarted_and_deleted() {
    check(async {
        let sup = Supervisor::new(Strategy::OneForOne).start_link().await.unwrap();
        assert_eq!(supervisor::which_children(sup).await, Ok(vec![]));
        assert_eq!(counts(sup).await, [0, 0, 0, 0]);
        let stack = start(sup, Stack::child_spec(vec!["hello"])).await;
        let children = supervisor::which_children(sup).await.unwrap();
        assert_eq!(children.len(), 1);
        assert_eq!((children[0].id.as_str(), children[0].pid), ("Stack", Some(stack)));
        assert_eq!(children[0].module, Some("Stack".into()));
        assert_eq!(counts(sup).await, [1, 1, 0, 1]);
        let running = supervisor::delete_child(sup, "Stack").await;
        assert!(matches!(running, Err(ChildError::Running { pid, .. }) if pid == stack));
        assert_eq!(supervisor::terminate_child(sup, "Stack").await, Ok(()));
        assert!(process::is_alive(
            supervisor::restart_child(sup, "Stack").await.unwrap()
        ));
        assert_eq!(supervisor::terminate_child(sup, "Stack").await, Ok(()));
        assert_eq!(supervisor::delete_child(sup, "Stack").await, Ok(()));
        supervisor::stop(sup).await.unwrap();
    });
}

// supervisor_SUITE: sup_start_ignore_init
#[test]
fn an_init_that_ignores_starts_nothing() {
    check(async {
        let started = supervisor::start_link::<Whatever>(Init::ignore()).await;
        assert_eq!(started, Err(StartError::Ignore));
        assert!(process::info(me()).unwrap().links.is_empty());
    });
}

// supervisor_SUITE: sup_start_error_return
#[test]
fn an_init_that_stops_is_told_to_the_starter() {
    check(async {
        process::flag(Flag::TrapExit, true);
        let started = supervisor::start_link::<Whatever>(Init::stop("invalid")).await;
        assert_eq!(started, Err(StartError::Exit(ExitReason::from("invalid"))));
        super::assert_empty_mailbox();
    });
}

// supervisor_SUITE: sup_start_fail
#[test]
fn an_init_that_panics_is_told_to_the_starter() {
    check(async {
        process::flag(Flag::TrapExit, true);
        let error = supervisor::start_link::<Failing>(()).await.unwrap_err();
        assert!(error.to_string().contains("(panic) no match"), "{error}");
        super::assert_empty_mailbox();
    });
}

// supervisor_SUITE: sup_start_ignore_child
#[test]
fn a_child_that_ignores_is_kept_without_a_process() {
    check(async {
        let sup = empty(Strategy::OneForOne).await;
        let ignoring = scripted("child1", [Step::Ignore]);
        assert_eq!(supervisor::start_child(sup, ignoring).await, Err(ignored()));
        let second = start(sup, child("child2")).await;
        assert_eq!(pids(sup).await, [None, Some(second)]);
        assert_eq!(counts(sup).await, [2, 1, 0, 2]);
    });
}

// supervisor_SUITE: sup_start_ignore_temporary_child
#[test]
fn a_temporary_child_that_ignores_at_the_start_is_not_kept() {
    check(async {
        let sup = supervisor(Strategy::OneForOne, 2)
            .child(scripted("child1", [Step::Ignore]).restart(Restart::Temporary))
            .child(child("child2").restart(Restart::Temporary));
        let sup = sup.start_link().await.unwrap();
        assert!(process::is_alive(pid(sup, "child2").await));
        assert_eq!(counts(sup).await, [1, 1, 0, 1]);
    });
}

// supervisor_SUITE: sup_start_ignore_temporary_child_start_child
#[test]
fn a_temporary_child_that_ignores_when_it_is_added_is_not_kept() {
    check(async {
        let sup = empty(Strategy::OneForOne).await;
        let ignoring = scripted("child1", [Step::Ignore]).restart(Restart::Temporary);
        assert_eq!(supervisor::start_child(sup, ignoring).await, Err(ignored()));
        start(sup, child("child2").restart(Restart::Temporary)).await;
        assert_eq!(counts(sup).await, [1, 1, 0, 1]);
    });
}

// supervisor_SUITE: sup_start_restart_child_returns_error
#[test]
fn a_child_whose_restart_failed_can_be_restarted_later() {
    check(async {
        let steps = [Step::Up, Step::Stop, Step::Up];
        let sup = supervisor(Strategy::OneForOne, 2).child(scripted("child1", steps));
        let sup = sup.start_link().await.unwrap();
        supervisor::terminate_child(sup, "child1").await.unwrap();
        let error = supervisor::restart_child(sup, "child1").await.unwrap_err();
        assert!(matches!(error, ChildError::Start(_)), "{error}");
        assert_eq!(pids(sup).await, [None]);
        assert!(process::is_alive(
            supervisor::restart_child(sup, "child1").await.unwrap()
        ));
    });
}

// supervisor_SUITE: sup_start_child_returns_error
#[test]
fn a_child_that_does_not_start_is_not_kept() {
    check(async {
        let sup = empty(Strategy::OneForOne).await;
        for step in [Step::Stop, Step::Panic, Step::Exit] {
            let error = supervisor::start_child(sup, scripted("child1", [step]))
                .await
                .unwrap_err();
            assert!(error.to_string().contains("as the script says"), "{error}");
        }
        assert_eq!(supervisor::which_children(sup).await, Ok(vec![]));
    });
}

// supervisor_SUITE: sup_start_map
#[test]
fn the_specification_of_a_child_can_be_read_with_its_defaults() {
    check(async {
        let sup = supervisor(Strategy::OneForOne, 2)
            .child(Stack::child_spec(vec![]).id("child1"))
            .child(child("child2").shutdown(Shutdown::BrutalKill))
            .child(ChildSpec::supervisor("child3", || Supervisor::new(Strategy::OneForOne)));
        let sup = sup.start_link().await.unwrap();
        for (id, expected) in [
            ("child1", "kind: Worker, restart: Permanent, shutdown: Timeout(5s)"),
            ("child2", "kind: Worker, restart: Permanent, shutdown: BrutalKill"),
            ("child3", "kind: Supervisor, restart: Permanent, shutdown: Infinity"),
        ] {
            let spec = supervisor::get_childspec(sup, id).await.unwrap();
            assert!(shown(&spec).contains(expected), "{spec:?}");
        }
        let error = supervisor::get_childspec(sup, "child4").await.unwrap_err();
        assert!(matches!(error, ChildError::NotFound { .. }));
    });
}

/// Starts two children, ends the supervisor, and says why they ended.
async fn reasons_of_the_end(specs: [ChildSpec; 2]) -> [ExitReason; 2] {
    let sup = supervisor(Strategy::OneForOne, 2)
        .children(specs)
        .start_link()
        .await
        .unwrap();
    let children = pids(sup).await;
    let watched = [children[0], children[1]].map(|pid| process::monitor(pid.unwrap()));
    shut_down(sup).await;
    [end(watched[0]).await, end(watched[1]).await]
}

// supervisor_SUITE: sup_stop_infinity
#[test]
fn a_child_may_have_all_the_time_that_it_needs() {
    check(async {
        let hours = slow("child2", secs(7200), &ExitReason::Shutdown).shutdown(Shutdown::Infinity);
        let reasons = reasons_of_the_end([child("child1").shutdown(Shutdown::Infinity), hours]).await;
        assert_eq!(reasons, [ExitReason::Shutdown, ExitReason::Shutdown]);
    });
}

// supervisor_SUITE: sup_stop_timeout
#[test]
fn a_child_whose_time_is_up_is_killed() {
    check(async {
        let in_time = child("child1").shutdown(Shutdown::Timeout(ms(1000)));
        let late = slow("child2", secs(200), &ExitReason::Shutdown).shutdown(Shutdown::Timeout(ms(1000)));
        let reasons = reasons_of_the_end([in_time, late]).await;
        assert_eq!(reasons, [ExitReason::Shutdown, ExitReason::Killed]);
    });
}

// supervisor_SUITE: sup_stop_brutal_kill
#[test]
fn a_child_is_killed_where_its_specification_says_so() {
    check(async {
        let killed = child("child2").shutdown(Shutdown::BrutalKill);
        let reasons = reasons_of_the_end([child("child1"), killed]).await;
        assert_eq!(reasons, [ExitReason::Shutdown, ExitReason::Killed]);
    });
}

// supervisor_SUITE: sup_stop_race
#[test]
fn children_that_end_by_themselves_do_not_disturb_the_shutdown() {
    check(async {
        let reasons = [
            ExitReason::Normal,
            ExitReason::Shutdown,
            ExitReason::shutdown_with("test"),
            crash(),
        ];
        let sup = empty(Strategy::OneForOne).await;
        let mut watched = Vec::new();
        let mut between = Vec::new();
        let first = start(sup, child("first").restart(Restart::Temporary)).await;
        watched.push((process::monitor(first), ExitReason::Shutdown));
        let ids = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];
        let restarts = [Restart::Temporary, Restart::Transient, Restart::Permanent];
        for (n, id) in ids.into_iter().enumerate() {
            let reason = reasons[n % 4].clone();
            let pid = start(sup, child(id).restart(restarts[n / 4])).await;
            watched.push((process::monitor(pid), reason.clone()));
            between.push((pid, reason));
        }
        let last = slow("last", ms(1000), &ExitReason::Shutdown).restart(Restart::Temporary);
        watched.push((process::monitor(start(sup, last).await), ExitReason::Shutdown));
        spawn(async move {
            process::sleep(ms(200)).await;
            for (pid, reason) in between {
                send(pid, reason);
            }
        });
        shut_down(sup).await;
        for (watched, reason) in watched {
            assert_eq!(end(watched).await, reason);
        }
    });
}

// supervisor_SUITE: child_adm, extra_return
#[test]
fn children_are_administered_by_their_ids() {
    check(async {
        let sup = supervisor(Strategy::OneForOne, 2)
            .child(child("child1"))
            .start_link()
            .await
            .unwrap();
        let first = pid(sup, "child1").await;
        let id = "child1".into();
        let again = supervisor::start_child(sup, child("child1")).await;
        assert_eq!(again, Err(ChildError::AlreadyStarted { id, pid: first }));

        let watched = process::monitor(first);
        supervisor::terminate_child(sup, "child1").await.unwrap();
        assert_eq!(end(watched).await, ExitReason::Shutdown);
        assert_eq!((pids(sup).await, counts(sup).await), (vec![None], [1, 0, 0, 1]));
        supervisor::terminate_child(sup, "child1")
            .await
            .expect("twice is as good as once");
        let present = supervisor::start_child(sup, child("child1")).await;
        assert_eq!(present, Err(ChildError::AlreadyPresent("child1".into())));

        let second = supervisor::restart_child(sup, "child1").await.unwrap();
        assert_eq!((pids(sup).await, counts(sup).await), (vec![Some(second)], [1, 1, 0, 1]));
        for error in [
            supervisor::restart_child(sup, "child1").await.unwrap_err(),
            supervisor::delete_child(sup, "child1").await.unwrap_err(),
        ] {
            assert!(
                matches!(error, ChildError::Running { pid, .. } if pid == second),
                "{error}"
            );
        }

        supervisor::terminate_child(sup, "child1").await.unwrap();
        supervisor::delete_child(sup, "child1").await.unwrap();
        for error in [
            supervisor::restart_child(sup, "child1").await.unwrap_err(),
            supervisor::delete_child(sup, "child1").await.unwrap_err(),
            supervisor::terminate_child(sup, "child1").await.unwrap_err(),
        ] {
            assert!(matches!(error, ChildError::NotFound { .. }), "{error}");
        }
        assert_eq!(counts(sup).await, [0, 0, 0, 0]);
    });
}

// supervisor_SUITE: child_adm, "Terminate with Pid not allowed when not simple_one_for_one"
#[test]
fn pids_mean_nothing_to_a_supervisor_with_ids() {
    check(async {
        let sup = empty(Strategy::OneForOne).await;
        let pid = start(sup, child("child1")).await;
        let error = dynamic_supervisor::terminate_child(sup, pid).await.unwrap_err();
        assert!(error.to_string().contains("there are [\"child1\"]"), "{error}");
        assert!(process::is_alive(pid));
    });
}

// supervisor_SUITE: child_adm, the calls that exit with noproc
#[test]
fn who_asks_a_supervisor_that_is_not_there_is_told() {
    check(async {
        let nobody = |error: ChildError| match error {
            ChildError::Call(error) => assert_eq!(error.cause, CallFailure::NoSuchName),
            other => panic!("{other}"),
        };
        nobody(supervisor::start_child("no sup", child("a")).await.unwrap_err());
        nobody(supervisor::terminate_child("no sup", "a").await.unwrap_err());
        nobody(supervisor::restart_child("no sup", "a").await.unwrap_err());
        nobody(supervisor::delete_child("no sup", "a").await.unwrap_err());
        nobody(supervisor::which_children("no sup").await.unwrap_err().into());
        nobody(supervisor::count_children("no sup").await.unwrap_err().into());
        let error = supervisor::stop("no sup").await.unwrap_err();
        assert!(error.to_string().starts_with("supervisor::stop(\"no sup\""), "{error}");
    });
}

// supervisor_SUITE: child_specs, sup_flags
#[test]
fn what_is_not_possible_is_refused_and_ends_nobody() {
    check(async {
        let twice = Supervisor::new(Strategy::OneForOne).children([child("same"), child("same")]);
        let never = Supervisor::new(Strategy::OneForOne).max_seconds(0);
        for (supervisor, why) in [
            (twice, "two children have the id \"same\""),
            (never, "max_seconds is 0"),
        ] {
            let error = supervisor.start_link().await.unwrap_err();
            assert!(matches!(error, StartError::Invalid(_)), "{error}");
            assert!(error.to_string().starts_with(why), "{error}");
        }
        process::sleep(ms(1)).await; // and the test, which does not trap exits, goes on
    });
}

// supervisor_SUITE: faulty_application_shutdown
#[test]
fn a_tree_that_does_not_start_says_which_child_did_not_and_why() {
    check(async {
        process::flag(Flag::TrapExit, true);
        let inner = ChildSpec::supervisor("inner", || {
            Supervisor::new(Strategy::OneForOne).child(scripted("server", [Step::Panic]))
        });
        let error = Supervisor::new(Strategy::OneForOne)
            .child(inner)
            .start_link()
            .await
            .unwrap_err();
        let StartError::Exit(reason) = error else {
            panic!("{error}")
        };
        let outer = reason.downcast_ref::<FailedToStartChild>().unwrap();
        assert_eq!(outer.id, "inner");
        let inner = outer.reason.downcast_ref::<FailedToStartChild>().unwrap();
        assert_eq!(inner.id, "server");
        assert!(matches!(&inner.reason, ExitReason::Panic(panic) if panic.message == "as the script says"));
        assert!(reason.is_orderly(), "the supervisors did nothing wrong");
    });
}

// supervisor_SUITE: order_of_children
#[test]
fn children_start_in_order_and_stop_in_reverse() {
    check(async {
        let log = me();
        let logging = move |id: &'static str| {
            ChildSpec::new(id, move || async move {
                send(log, ("up", id));
                Ok(spawn_link(async move {
                    process::flag(Flag::TrapExit, true);
                    receive! {
                        Exit { .. } => send(log, ("down", id)),
                        "die" => exit("dead"),
                    }
                }))
            })
        };
        let seen = || -> Vec<(&'static str, &'static str)> {
            let messages = process::flush().into_iter();
            messages.filter_map(|message| message.downcast().ok()).collect()
        };
        let ids = ["ch7", "ch3", "ch10", "ch2", "ch5"]; // not in the order of the alphabet
        let sup = supervisor(Strategy::RestForOne, 2)
            .children(ids.map(logging))
            .start_link()
            .await
            .unwrap();
        assert_eq!(seen(), ids.map(|id| ("up", id)));

        process::sleep(ms(1)).await;
        send(pid(sup, "ch10").await, "die");
        process::sleep(ms(1)).await;
        let expected = [
            ("down", "ch5"),
            ("down", "ch2"),
            ("up", "ch10"),
            ("up", "ch2"),
            ("up", "ch5"),
        ];
        assert_eq!(seen(), expected);

        process::sleep(ms(1)).await;
        shut_down(sup).await;
        let mut reversed = ids.map(|id| ("down", id));
        reversed.reverse();
        assert_eq!(seen(), reversed);
    });
}

// supervisor_SUITE: scale_start_stop_many_children
#[test]
fn ten_thousand_children_are_added_terminated_and_stopped() {
    check(async {
        let idle = |n: usize| ChildSpec::new(n.to_string(), || async { Ok(spawn_link(std::future::pending::<()>())) });
        let sup = empty(Strategy::OneForOne).await;
        for n in 0..10_000 {
            start(sup, idle(n)).await;
        }
        for n in 0..5_000 {
            supervisor::terminate_child(sup, n.to_string()).await.unwrap();
        }
        assert_eq!(counts(sup).await, [10_000, 5_000, 0, 10_000]);
        supervisor::stop(sup).await.unwrap();
    });
}

// OTP, supervisor: "a process that a start function forgot to link" is the fault of the function; here it is mended
#[test]
fn a_child_that_was_started_without_a_link_is_supervised_all_the_same() {
    check(async {
        let unlinked = ChildSpec::new("unlinked", || async { Ok(spawn(process::sleep(secs(7200)))) });
        let sup = supervisor(Strategy::OneForOne, 2)
            .child(unlinked)
            .start_link()
            .await
            .unwrap();
        let first = pid(sup, "unlinked").await;
        process::exit(first, ExitReason::Kill);
        end(process::monitor(first)).await;
        assert_ne!(pid(sup, "unlinked").await, first);
    });
}

// OTP, supervisor: an exit signal from a stranger is none of its business
#[test]
fn a_supervisor_ends_with_its_starter_and_with_nobody_else() {
    check(async {
        let sup = empty(Strategy::OneForOne).await;
        let worker = start(sup, child("a")).await;
        spawn(async move { process::exit(sup, ExitReason::Shutdown) });
        assert!(lives_on(sup).await);
        let starter = spawn(async move {
            let sup = supervisor(Strategy::OneForOne, 2).name("falls with its starter");
            sup.child(child("a")).start_link().await.unwrap();
            receive! { "go" => exit("gone") }
        });
        process::sleep(ms(1)).await;
        let inner = process::whereis("falls with its starter").unwrap();
        let watched = process::monitor(inner);
        send(starter, "go");
        assert_eq!(end(watched).await, ExitReason::from("gone"));
        assert!(process::is_alive(worker));
    });
}
