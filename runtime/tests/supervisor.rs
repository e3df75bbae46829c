//! What supervisors and servers promise.

mod common;

use common::{check, end_of};
use crabtree::gen_server::{CallFailure, StartError};
use crabtree::prelude::*;
use crabtree::supervisor::ChildStatus;

/// A server that does as it is told.
#[derive(Debug, Clone)]
struct Puppet {
    log: Option<Pid>,
    id: &'static str,
}

impl GenServer for Puppet {
    type Args = (Option<Pid>, &'static str);

    async fn init((log, id): Self::Args) -> Init<Puppet> {
        process::flag(Flag::TrapExit, true);
        if let Some(log) = log {
            send(log, ("up", id));
        }
        Init::ok(Puppet { log, id })
    }

    async fn terminate(&mut self, _: &ExitReason) {
        if let Some(log) = self.log {
            send(log, ("down", self.id));
        }
    }
}

#[derive(Debug)]
struct Stop(ExitReason);

impl HandleCast<Stop> for Puppet {
    async fn handle_cast(&mut self, Stop(reason): Stop) -> Next {
        Next::stop(reason)
    }
}

#[derive(Debug)]
struct Boom;

impl HandleCast<Boom> for Puppet {
    async fn handle_cast(&mut self, _: Boom) -> Next {
        panic!("BOOM!")
    }
}

#[derive(Debug)]
struct Whoami;

impl HandleCall<Whoami> for Puppet {
    type Reply = &'static str;

    async fn handle_call(&mut self, _: Whoami, _: Caller<&'static str>) -> Reply<&'static str> {
        Reply::reply(self.id)
    }
}

#[derive(Debug)]
struct Never;

impl HandleCall<Never> for Puppet {
    type Reply = ();

    async fn handle_call(&mut self, _: Never, _: Caller<()>) -> Reply<()> {
        Reply::noreply()
    }
}

fn puppet(id: &'static str) -> ChildSpec {
    child_spec::<Puppet>(id, (None, id))
}

/// The pids of the children, in the order of their start.
fn pids(sup: SupervisorRef) -> Vec<Option<Pid>> {
    let snapshot = supervisor::snapshot(sup.pid()).expect("the supervisor is alive");
    let pid = |status| match status {
        ChildStatus::Running(pid) => Some(pid),
        _ => None,
    };
    snapshot.children.iter().map(|child| pid(child.status)).collect()
}

#[test]
fn each_strategy_restarts_the_children_it_names_and_no_others() {
    let table = [
        (Strategy::OneForOne, [false, true, false]),
        (Strategy::OneForAll, [true, true, true]),
        (Strategy::RestForOne, [false, true, true]),
    ];
    for (strategy, restarted) in table {
        check(async {
            let sup = Supervisor::new(strategy)
                .children(["a", "b", "c"].map(puppet))
                .start_link()
                .await
                .unwrap();
            let before = pids(sup);
            process::exit(before[1].unwrap(), ExitReason::Kill);
            end_of(before[1].unwrap()).await;
            supervisor::which_children(sup).await.unwrap();
            let after = pids(sup);
            let changed: Vec<bool> = before
                .iter()
                .zip(&after)
                .map(|(before, after)| before != after)
                .collect();
            assert_eq!(changed, restarted, "{strategy}");
            let snapshot = supervisor::snapshot(sup.pid()).unwrap();
            assert_eq!(snapshot.children[1].previous, before[1]);
            assert_eq!(snapshot.children[1].restarts, 1);
            assert_eq!(snapshot.restarts_in_window, 1);
        });
    }
}

#[test]
fn restart_values_decide_by_the_reason() {
    let crash = ExitReason::from("crash");
    let table = [
        (Restart::Permanent, ExitReason::Normal, "restarted"),
        (Restart::Permanent, crash.clone(), "restarted"),
        (Restart::Transient, ExitReason::Normal, "kept"),
        (Restart::Transient, ExitReason::Shutdown, "kept"),
        (Restart::Transient, crash.clone(), "restarted"),
        (Restart::Temporary, ExitReason::Normal, "forgotten"),
        (Restart::Temporary, crash, "forgotten"),
    ];
    for (restart, reason, expected) in table {
        check(async {
            let spec = puppet("a").restart(restart).name("restart-values");
            let sup = Supervisor::new(Strategy::OneForOne)
                .child(spec)
                .start_link()
                .await
                .unwrap();
            let before = pids(sup)[0].unwrap();
            gen_server::cast(named::<Puppet>("restart-values"), Stop(reason.clone()));
            end_of(before).await;
            let count = supervisor::count_children(sup).await.unwrap();
            let seen = match (count.specs, count.active) {
                (1, 1) => "restarted",
                (1, 0) => "kept",
                (0, 0) => "forgotten",
                other => panic!("{other:?}"),
            };
            assert_eq!(seen, expected, "{restart:?} after {reason}");
        });
    }
}

#[test]
fn children_start_in_order_and_stop_in_reverse() {
    check(async {
        let log = Some(me());
        let specs = ["a", "b", "c"].map(|id| child_spec::<Puppet>(id, (log, id)));
        let sup = Supervisor::new(Strategy::OneForOne)
            .children(specs)
            .start_link()
            .await
            .unwrap();
        supervisor::stop(sup).await.unwrap();
        let seen: Vec<_> = process::flush()
            .into_iter()
            .map(|message| message.downcast::<(&str, &str)>().unwrap())
            .collect();
        let expected = [
            ("up", "a"),
            ("up", "b"),
            ("up", "c"),
            ("down", "c"),
            ("down", "b"),
            ("down", "a"),
        ];
        assert_eq!(seen, expected);
    });
}

#[test]
fn a_supervisor_gives_up_after_too_many_restarts_and_takes_its_children_along() {
    check(async {
        process::flag(Flag::TrapExit, true);
        let specs = [puppet("a"), puppet("b")];
        let sup = Supervisor::new(Strategy::OneForOne)
            .max_restarts(2)
            .max_seconds(5)
            .children(specs)
            .start_link()
            .await
            .unwrap();
        let bystander = pids(sup)[1].unwrap();
        for round in 0..3 {
            let victim = pids(sup)[0].unwrap();
            process::exit(victim, ExitReason::Kill);
            end_of(victim).await;
            if round < 2 {
                supervisor::which_children(sup).await.unwrap();
            }
        }
        receive! { Exit { from, reason } => assert_eq!((from, reason), (sup.pid(), ExitReason::Shutdown)) }
        assert!(!process::is_alive(bystander));
    });
}

#[test]
fn restarts_far_apart_are_not_too_many() {
    check(async {
        let sup = Supervisor::new(Strategy::OneForOne)
            .max_restarts(1)
            .child(puppet("a"))
            .start_link()
            .await
            .unwrap();
        for _ in 0..4 {
            let victim = pids(sup)[0].unwrap();
            process::exit(victim, ExitReason::Kill);
            process::sleep(secs(6)).await;
            assert_ne!(pids(sup)[0], Some(victim));
        }
    });
}

#[test]
fn a_child_that_ignores_its_shutdown_is_killed_in_time() {
    check(async {
        let stubborn = ChildSpec::new("stubborn", || async {
            Ok(spawn_link(async {
                process::flag(Flag::TrapExit, true);
                process::sleep(secs(3600)).await;
            }))
        });
        let sup = Supervisor::new(Strategy::OneForOne)
            .child(stubborn.shutdown(Shutdown::Timeout(ms(700))))
            .start_link()
            .await
            .unwrap();
        let child = pids(sup)[0].unwrap();
        let watched = process::monitor(child);
        process::sleep(ms(1)).await;
        let start = tokio::time::Instant::now();
        supervisor::stop(sup).await.unwrap();
        assert_eq!(start.elapsed(), ms(700));
        receive! { Down { monitor, reason, .. } if monitor == watched => assert_eq!(reason, ExitReason::Killed) }
    });
}

#[test]
fn a_child_that_does_not_start_stops_those_before_it() {
    check(async {
        process::flag(Flag::TrapExit, true);
        let log = Some(me());
        let failing = ChildSpec::new("failing", || async { Err(ExitReason::from("no database")) });
        let error = Supervisor::new(Strategy::OneForOne)
            .child(child_spec::<Puppet>("a", (log, "a")))
            .child(failing)
            .start_link()
            .await
            .unwrap_err();
        assert!(error.to_string().contains("\"failing\" did not start"), "{error}");
        assert!(error.to_string().contains("no database"), "{error}");
        receive! { ("up", "a"): (&str, &str) => () }
        receive! { ("down", "a"): (&str, &str) => () }
    });
}

#[test]
fn two_children_of_one_id_are_refused() {
    check(async {
        process::flag(Flag::TrapExit, true);
        let twice = [puppet("same"), puppet("same")];
        let error = Supervisor::new(Strategy::OneForOne)
            .children(twice)
            .start_link()
            .await
            .unwrap_err();
        assert!(
            error.to_string().contains("two children have the id \"same\""),
            "{error}"
        );
    });
}

#[test]
fn supervisors_nest_and_fall_together() {
    check(async {
        let inner = || Supervisor::new(Strategy::OneForAll).children(["x", "y"].map(puppet));
        let sup = Supervisor::new(Strategy::OneForOne)
            .child(puppet("a"))
            .child(ChildSpec::supervisor("inner", inner))
            .start_link()
            .await
            .unwrap();
        let snapshot = supervisor::snapshot(sup.pid()).unwrap();
        let tree = snapshot.children[1].tree.as_deref().expect("a supervisor has a tree");
        assert_eq!(tree.children.len(), 2);
        let ChildStatus::Running(leaf) = tree.children[0].status else {
            panic!("it runs")
        };
        supervisor::stop(sup).await.unwrap();
        assert!(!process::is_alive(leaf));
    });
}

#[test]
fn a_call_to_nobody_says_which_call_it_was() {
    check(async {
        let error = gen_server::call(named::<Puppet>("nobody-here"), Whoami)
            .await
            .unwrap_err();
        assert_eq!(error.cause, CallFailure::NoSuchName);
        assert!(
            error
                .to_string()
                .contains("gen_server::call(named::<Puppet>(\"nobody-here\"), Whoami)"),
            "{error}"
        );
    });
}

#[test]
fn a_call_gives_up_in_time_and_its_late_answer_disappears() {
    check(async {
        let server = gen_server::start_link::<Puppet>((None, "slow")).await.unwrap();
        let start = tokio::time::Instant::now();
        let error = gen_server::call(server, Never).timeout(ms(250)).await.unwrap_err();
        assert_eq!((error.cause, start.elapsed()), (CallFailure::Timeout(ms(250)), ms(250)));
        let error = gen_server::call(server, Never).await.unwrap_err();
        assert_eq!(error.cause, CallFailure::Timeout(secs(5)));
        assert_eq!(gen_server::call(server, Whoami).await.unwrap(), "slow");
        assert_eq!(process::flush().len(), 0);
        let info = process::info(me()).unwrap();
        assert_eq!(info.monitors, []);
        assert_eq!(process::info(server.pid()).unwrap().monitored_by, []);
    });
}

#[test]
fn a_call_to_a_server_that_dies_gives_the_reason() {
    check(async {
        process::flag(Flag::TrapExit, true);
        let server = gen_server::start_link::<Puppet>((None, "short-lived")).await.unwrap();
        gen_server::cast(server, Stop(ExitReason::from("tired")));
        let error = gen_server::call(server, Whoami).await.unwrap_err();
        assert_eq!(error.cause, CallFailure::Exit(ExitReason::from("tired")));
        let error = gen_server::call(server, Whoami).await.unwrap_err();
        assert_eq!(error.cause, CallFailure::Exit(ExitReason::NoProc));
    });
}

#[test]
fn a_taken_name_is_told_with_its_owner() {
    check(async {
        let first = gen_server::start_link::<Puppet>((None, "one"))
            .name("already-started")
            .await
            .unwrap();
        let error = gen_server::start_link::<Puppet>((None, "two"))
            .name("already-started")
            .await
            .unwrap_err();
        assert_eq!(
            error,
            StartError::AlreadyStarted {
                name: "already-started".into(),
                pid: first.pid()
            }
        );
        assert!(
            process::is_alive(me()),
            "a start that met another does not end the caller"
        );
    });
}

#[test]
fn a_panic_in_a_handler_ends_the_server_after_its_terminate() {
    check(async {
        process::flag(Flag::TrapExit, true);
        let server = gen_server::start_link::<Puppet>((Some(me()), "p")).await.unwrap();
        gen_server::cast(server, Boom);
        receive! { ("down", "p"): (&str, &str) => () }
        receive! {
            Exit { reason: ExitReason::Panic(panic), .. } => assert_eq!(panic.message, "BOOM!")
        }
    });
}

#[test]
fn a_server_that_traps_exits_ends_with_its_parent() {
    check(async {
        let log = me();
        let parent = spawn(async move {
            gen_server::start_link::<Puppet>((Some(log), "child")).await.unwrap();
            receive! { "go" => exit("parent gone") }
        });
        receive! { ("up", "child"): (&str, &str) => () }
        send(parent, "go");
        receive! { ("down", "child"): (&str, &str) => () }
    });
}

#[test]
fn get_state_copies_the_state() {
    check(async {
        let server = gen_server::start_link::<Puppet>((None, "seen")).await.unwrap();
        assert_eq!(sys::get_state(server).await.unwrap().id, "seen");
    });
}
