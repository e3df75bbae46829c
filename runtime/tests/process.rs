//! What processes promise: messages, links, monitors, exits, names, timers.

mod common;

use common::{check, end_of};
use crabtree::prelude::*;

#[test]
fn messages_of_one_sender_arrive_in_order() {
    check(async {
        let parent = me();
        spawn(async move {
            for n in 0..1000 {
                send(parent, n);
            }
        });
        for expected in 0..1000 {
            receive! { n: i32 => assert_eq!(n, expected) }
        }
    });
}

#[test]
fn an_exit_signal_never_overtakes_a_message() {
    check(async {
        for _ in 0..100 {
            let parent = me();
            process::flag(Flag::TrapExit, true);
            let child = spawn_link(async move {
                send(parent, "last words");
                exit("done")
            });
            receive! { message => assert!(message.is::<&str>(), "{message:?} came first") }
            receive! { Exit { from, reason } => assert_eq!((from, reason), (child, ExitReason::from("done"))) }
        }
    });
}

#[test]
fn a_link_takes_both_ways() {
    check(async {
        let (other, _) = spawn_monitor(process::sleep(secs(60)));
        let (linked, _) = spawn_monitor(async move {
            process::link(other);
            exit("boom")
        });
        for _ in 0..2 {
            receive! {
                Down { pid, reason, .. } if [other, linked].contains(&pid) => assert_eq!(reason, ExitReason::from("boom"))
            }
        }
    });
}

#[test]
fn a_normal_end_does_not_touch_links() {
    check(async {
        let child = spawn_link(async {});
        assert_eq!(end_of(child).await, ExitReason::Normal);
        process::sleep(ms(1)).await;
        assert_eq!(process::info(me()).unwrap().links, []);
    });
}

#[test]
fn a_chain_of_links_falls_with_one_reason() {
    check(async {
        let mut pids = vec![spawn(process::sleep(secs(60)))];
        for _ in 0..50 {
            let previous = *pids.last().unwrap();
            pids.push(spawn(async move {
                process::link(previous);
                process::sleep(secs(60)).await;
            }));
        }
        process::sleep(ms(1)).await;
        process::exit(pids[25], "cut");
        for pid in pids {
            let reason = end_of(pid).await;
            assert!(
                reason == ExitReason::from("cut") || reason == ExitReason::NoProc,
                "{reason}"
            );
        }
    });
}

#[test]
fn linking_to_the_dead_gives_noproc() {
    check(async {
        let dead = spawn(async {});
        end_of(dead).await;
        process::flag(Flag::TrapExit, true);
        process::link(dead);
        receive! { Exit { from, reason } => assert_eq!((from, reason), (dead, ExitReason::NoProc)) }
    });
}

#[test]
fn after_unlink_no_exit_comes() {
    check(async {
        let child = spawn_link(async {
            receive! { "go" => exit("boom") }
        });
        process::unlink(child);
        send(child, "go");
        assert_eq!(end_of(child).await, ExitReason::from("boom"));
        assert!(process::is_alive(me()));
    });
}

#[test]
fn a_link_made_again_after_unlink_holds() {
    check(async {
        process::flag(Flag::TrapExit, true);
        let child = spawn_link(async {
            receive! { "go" => exit("boom") }
        });
        process::unlink(child);
        process::link(child);
        send(child, "go");
        receive! { Exit { from, .. } => assert_eq!(from, child) }
    });
}

/// Where an exit signal comes from.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Origin {
    /// `process::exit`, called by a stranger.
    Stranger,
    /// `process::exit`, called by a linked process, which lives on.
    Linked,
    /// `process::exit`, called by the receiver.
    Itself,
    /// The end of a linked process.
    Link,
    /// The end of a process whose link was taken back.
    Unlinked,
}

/// What an exit signal does to its receiver.
#[derive(Clone, Debug, PartialEq)]
enum Effect {
    Ignored,
    Message(ExitReason),
    Ends(ExitReason),
}

/// The rules of the Erlang reference manual, "Receiving Exit Signals", in their order.
fn effect(origin: Origin, traps: bool, reason: ExitReason) -> Effect {
    let is_request = matches!(origin, Origin::Stranger | Origin::Linked | Origin::Itself);
    match reason {
        _ if origin == Origin::Unlinked => Effect::Ignored,
        ExitReason::Kill if is_request => Effect::Ends(ExitReason::Killed),
        reason if traps => Effect::Message(reason),
        ExitReason::Normal if origin == Origin::Itself => Effect::Ends(ExitReason::Normal),
        ExitReason::Normal => Effect::Ignored,
        reason => Effect::Ends(reason),
    }
}

/// One of each kind.
fn reasons() -> Vec<ExitReason> {
    let panic = crabtree::Panic::new("boom", "");
    vec![
        ExitReason::Normal,
        ExitReason::Shutdown,
        ExitReason::shutdown_with("move"),
        ExitReason::Kill,
        ExitReason::Killed,
        ExitReason::NoProc,
        ExitReason::Panic(panic.into()),
        ExitReason::other(("a", "value")),
    ]
}

/// Sends one exit signal, and says what it did to the receiver, and that others learn of the same reason.
async fn observed(origin: Origin, traps: bool, reason: ExitReason) -> Effect {
    process::flag(Flag::TrapExit, true);
    let tester = me();
    let receiver = spawn_link(async move {
        process::flag(Flag::TrapExit, traps);
        let source = receive! { source: Option<Pid> => source };
        if let Some(source) = source {
            process::link(source);
        }
        if origin == Origin::Unlinked {
            source.into_iter().for_each(process::unlink);
        }
        send(tester, "ready");
        if origin == Origin::Itself {
            let reason = receive! { reason: ExitReason => reason };
            process::exit(me(), reason);
        }
        let Exit { from, reason } = receive! { exit: Exit => exit };
        send(tester, (from, reason));
        std::future::pending::<()>().await
    });
    let source = spawn(async move {
        let reason = receive! { reason: ExitReason => reason };
        match origin {
            Origin::Link | Origin::Unlinked => exit(reason),
            _ => process::exit(receiver, reason),
        }
        std::future::pending::<()>().await
    });
    let is_linked = matches!(origin, Origin::Linked | Origin::Link | Origin::Unlinked);
    send(receiver, is_linked.then_some(source));
    receive! { "ready" => () }
    process::sleep(ms(1)).await;
    send(if origin == Origin::Itself { receiver } else { source }, reason);
    process::sleep(ms(1)).await;

    let expected_source = if origin == Origin::Itself { receiver } else { source };
    receive! {
        (from, reason): (Pid, ExitReason) => {
            assert_eq!(from, expected_source);
            assert!(process::is_alive(receiver));
            Effect::Message(reason)
        }
        Exit { from, reason } if from == receiver => {
            assert!(!process::is_alive(receiver));
            // Those who are linked to the source learn what the receiver ended with, not what was sent.
            if origin == Origin::Linked {
                assert_eq!(process::is_alive(source), reason.is_normal());
            }
            Effect::Ends(reason)
        }
        after ms(0) => {
            assert!(process::is_alive(receiver));
            assert_eq!(process::info(receiver).unwrap().message_queue_len, 0);
            Effect::Ignored
        }
    }
}

#[test]
fn exit_signals_have_the_effects_of_otps_table() {
    use Origin::{Itself, Link, Linked, Stranger, Unlinked};
    for origin in [Stranger, Linked, Itself, Link, Unlinked] {
        for traps in [false, true] {
            for reason in reasons() {
                let seen = check(observed(origin, traps, reason.clone()));
                let expected = effect(origin, traps, reason.clone());
                assert_eq!(seen, expected, "{origin:?}, traps: {traps}, reason: {reason}");
            }
        }
    }
}

#[test]
fn a_process_can_end_itself_with_normal() {
    let ended = check(async {
        let child = spawn(async {
            process::exit(me(), ExitReason::Normal);
            process::sleep(secs(1)).await;
            exit("it went on")
        });
        end_of(child).await
    });
    assert_eq!(ended, ExitReason::Normal);
}

#[test]
fn a_panic_is_a_reason_with_message_and_place() {
    let reason = check(async { end_of(spawn(async { panic!("{} is too many", 3) })).await });
    let ExitReason::Panic(panic) = reason else {
        panic!("{reason} is not a panic");
    };
    assert_eq!(panic.message, "3 is too many");
    assert!(panic.location.contains("process.rs"), "{}", panic.location);
}

#[test]
fn a_monitor_of_the_dead_reports_noproc() {
    check(async {
        let dead = spawn(async {});
        end_of(dead).await;
        assert_eq!(end_of(dead).await, ExitReason::NoProc);
    });
}

#[test]
fn a_monitor_taken_back_reports_nothing() {
    check(async {
        let (child, monitor) = spawn_monitor(async {
            receive! { "go" => () }
        });
        process::demonitor(monitor);
        send(child, "go");
        end_of(child).await;
        assert_eq!(process::info(me()).unwrap().messages, [] as [&str; 0]);
    });
}

#[test]
fn receive_takes_the_first_that_matches_and_keeps_the_others_in_order() {
    check(async {
        for message in ["a", "b", "c"] {
            send(me(), message);
        }
        send(me(), 7);
        receive! { n: i32 => assert_eq!(n, 7) }
        receive! { "b" => () }
        assert_eq!(process::info(me()).unwrap().messages, ["\"a\"", "\"c\""]);
    });
}

#[test]
fn a_receive_gives_up_when_its_time_is_over_and_not_before() {
    check(async {
        let start = tokio::time::Instant::now();
        let seen = receive! { text: &str => text, after ms(1000) => "nothing" };
        assert_eq!((seen, start.elapsed()), ("nothing", ms(1000)));
        send(me(), "there");
        assert_eq!(receive! { text: &str => text, after ms(0) => "nothing" }, "there");
        assert_eq!(receive! { text: &str => text, after ms(0) => "nothing" }, "nothing");
    });
}

#[test]
fn names_are_free_before_the_end_is_announced() {
    check(async {
        for round in 0..100 {
            let (child, _) = spawn_monitor(async {
                receive! { "go" => () }
            });
            process::register(child, "phoenix").unwrap_or_else(|error| panic!("round {round}: {error}"));
            send("phoenix", "go").unwrap();
            receive! { Down { .. } => assert_eq!(process::whereis("phoenix"), None) }
        }
    });
}

#[test]
fn register_says_what_is_wrong() {
    check(async {
        process::register(me(), "register-one").unwrap();
        let again = process::register(me(), "register-two").unwrap_err();
        assert!(
            again.to_string().contains("registered as \"register-one\" already"),
            "{again}"
        );
        let other = spawn(process::sleep(secs(60)));
        let taken = process::register(other, "register-one").unwrap_err();
        assert!(taken.to_string().contains("belongs to"), "{taken}");
        process::unregister("register-one").unwrap();
        assert!(process::unregister("register-one").is_err());
        process::exit(other, ExitReason::Kill);
        let dead = process::register(other, "register-one").unwrap_err();
        assert!(dead.to_string().contains("not alive"), "{dead}");
    });
}

#[test]
fn timers_fire_in_time_and_a_cancelled_one_never() {
    check(async {
        process::send_after(me(), "late", ms(300));
        process::send_after(me(), "soon", ms(100));
        let cancelled = process::send_after(me(), "never", ms(200));
        assert_eq!(process::cancel_timer(cancelled), Some(ms(200)));
        assert_eq!(process::cancel_timer(cancelled), None);
        let start = tokio::time::Instant::now();
        receive! { text: &str => assert_eq!((text, start.elapsed()), ("soon", ms(100))) }
        receive! { text: &str => assert_eq!((text, start.elapsed()), ("late", ms(300))) }
    });
}

#[test]
fn a_timer_takes_any_duration() {
    check(async {
        process::send_after(me(), "at once", ms(0));
        assert_eq!(process::info(me()).unwrap().message_queue_len, 1);
        let far = process::send_after(me(), "never", std::time::Duration::MAX);
        assert!(process::cancel_timer(far).is_some());
        let (sleeper, _) = spawn_monitor(process::sleep(std::time::Duration::MAX));
        process::exit(sleeper, ExitReason::Kill);
        receive! { Down { pid, .. } => assert_eq!(pid, sleeper), after std::time::Duration::MAX => () }
    });
}

#[test]
fn a_process_that_sleeps_for_no_time_at_all_can_be_ended() {
    check(async {
        let (restless, _) = spawn_monitor(async {
            loop {
                process::sleep(ms(0)).await;
            }
        });
        process::exit(restless, "enough");
        receive! { Down { reason, .. } => assert_eq!(reason, ExitReason::from("enough")) }
    });
}

#[test]
fn two_receives_at_once_are_both_woken() {
    check(async {
        process::send_after(me(), 1_u8, ms(10));
        process::send_after(me(), 2_u16, ms(20));
        let parts: Vec<std::pin::Pin<Box<dyn Future<Output = u16>>>> = vec![
            Box::pin(async {
                receive! { n: u16 => n }
            }),
            Box::pin(async {
                receive! { n: u8 => u16::from(n) }
            }),
        ];
        assert_eq!(futures::future::join_all(parts).await, [2, 1]);
    });
}

#[test]
fn the_dictionary_belongs_to_its_process() {
    check(async {
        assert!(process::put("count", 1).is_none());
        assert_eq!(process::put("count", 2).unwrap().downcast::<i32>().unwrap(), 1);
        let parent = me();
        spawn(async move { send(parent, process::get::<i32>("count")) });
        receive! { seen: Option<i32> => assert_eq!(seen, None) }
        assert_eq!(process::get::<i32>("count"), Some(2));
        assert_eq!(process::get::<String>("count"), None, "another type");
        assert!(process::delete("count").is_some());
        assert_eq!(process::get_keys(), [] as [&str; 0]);
    });
}

#[test]
fn a_dead_process_leaves_nothing_behind() {
    let value = std::sync::Arc::new(());
    check(async {
        let held = value.clone();
        let (child, _) = spawn_monitor(async move {
            process::put("held", held.clone());
            process::send_after(me(), held.clone(), secs(60));
            receive! { "never" => drop(held) }
        });
        send(child, value.clone());
        process::exit(child, "boom");
        receive! { Down { .. } => assert_eq!(process::info(child), None) }
        assert!(!process::list().contains(child));
    });
    assert_eq!(std::sync::Arc::strong_count(&value), 1);
}

#[test]
fn a_process_whose_runtime_stops_is_killed() {
    let child = check(async { spawn(process::sleep(secs(60))) });
    assert!(!process::is_alive(child));
}

#[test]
fn messages_for_the_dead_do_not_reach_their_successor() {
    check(async {
        let dead = spawn(async {});
        end_of(dead).await;
        send(dead, "for the dead");
        assert!(!process::is_alive(dead));
        assert_eq!(process::info(dead), None);
    });
}

#[test]
fn a_debug_that_asks_about_its_own_process_does_not_lock_it_up() {
    struct Nosy;
    impl std::fmt::Debug for Nosy {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            let asked = process::info(me()).is_some();
            write!(f, "asked: {asked}")
        }
    }
    check(async {
        send(me(), Nosy);
        assert_eq!(process::info(me()).unwrap().messages, ["asked: false"]);
    });
}

#[test]
fn info_says_where_a_process_comes_from_and_where_it_waits() {
    async fn clerk(parent: Pid) {
        let child = spawn(process::sleep(secs(60)));
        send(parent, child);
        receive! { "never" => () }
    }
    check(async {
        let spawned = line!() + 1;
        let clerk = spawn(clerk(me()));
        let child = receive! { child: Pid => child };
        process::sleep(ms(1)).await;
        let [clerk, child] = [clerk, child].map(|pid| process::info(pid).unwrap());
        assert_eq!(child.ancestors, [clerk.pid, me()]);
        assert!(clerk.initial_call.ends_with("::clerk"), "{}", clerk.initial_call);
        assert_eq!((clerk.spawned_at.file(), clerk.spawned_at.line()), (file!(), spawned));
        let waits = clerk.current_place.unwrap();
        assert_eq!((waits.file(), waits.line()), (file!(), spawned - 4));
        let asleep = child.current_place.unwrap();
        assert_eq!(asleep.line(), spawned - 6);
        assert_eq!(process::info(me()).unwrap().current_place, None, "it runs");
    });
}

#[test]
fn a_place_in_this_crate_is_shown_without_the_machine_that_compiled_it() {
    check(async {
        let user = process::whereis("user").unwrap();
        let place = process::info(user).unwrap().spawned_at;
        let shown = place.to_string();
        let expected = format!("crabtree/src/node.rs:{}:", place.line());
        assert!(shown.starts_with(&expected), "{shown}");
    });
}

#[test]
fn memory_grows_with_the_future_and_the_mailbox() {
    check(async {
        let small = spawn(std::future::pending::<()>());
        let large = spawn(async {
            let room = [7_u8; 10_000];
            std::future::pending::<()>().await;
            assert_eq!(room[0], 7);
        });
        let memory = |pid| process::info(pid).unwrap().memory;
        assert!(memory(large) >= memory(small) + 10_000);
        assert!(memory(large) < memory(small) + 11_000, "the future is there once");
        let before = memory(small);
        send(small, [0_u8; 5_000]);
        assert!(memory(small) >= before + 5_000);
    });
}

#[test]
fn a_builder_sets_everything_before_the_first_step() {
    check(async {
        process::flag(Flag::TrapExit, true);
        let parent = me();
        let device = spawn(process::sleep(secs(60)));
        let (pid, watched) = process::Builder::new()
            .name("built")
            .label("with everything")
            .link()
            .priority(process::Priority::High)
            .group_leader(device)
            .spawn_monitor(async move {
                send(parent, process::info(me()).unwrap());
                exit("done")
            })
            .unwrap();
        let info = receive! { info: Info => info };
        assert_eq!((info.pid, info.parent, info.links), (pid, Some(parent), vec![parent]));
        assert_eq!(info.registered_name, Some("built".into()));
        assert_eq!(info.label, Some("with everything".into()));
        assert_eq!(info.priority, process::Priority::High);
        assert_eq!((info.group_leader, info.monitored_by), (device, vec![parent]));
        receive! { Exit { from, .. } => assert_eq!(from, pid) }
        receive! { Down { monitor, .. } => assert_eq!(monitor, watched) }
    });
}

#[test]
fn a_builder_whose_name_is_taken_spawns_nothing() {
    check(async {
        process::flag(Flag::TrapExit, true);
        let owner = process::Builder::new()
            .name("taken")
            .spawn(process::sleep(secs(60)))
            .unwrap();
        let ran = std::sync::Arc::new(());
        let held = ran.clone();
        let taken = process::Builder::new().name("taken").link().spawn_monitor(async move {
            process::sleep(secs(1)).await;
            drop(held);
        });
        assert!(taken.unwrap_err().to_string().contains(&owner.to_string()));
        assert_eq!(std::sync::Arc::strong_count(&ran), 1);
        process::sleep(secs(2)).await;
        assert_eq!(process::flush().len(), 0);
        let info = process::info(me()).unwrap();
        assert_eq!((info.links, info.monitors), (vec![], vec![]));
    });
}

#[test]
fn hibernation_goes_on_with_the_next_future_when_a_message_comes() {
    check(async {
        let parent = me();
        let (pid, _) = spawn_monitor(async move {
            process::put("kept", 7);
            let _guard = Tell(parent, "dropped");
            process::hibernate(async move {
                send(parent, process::get::<i32>("kept"));
                receive! { text: &str => send(parent, text) }
            })
            .await;
            send(parent, "never");
        });
        receive! { "dropped" => () }
        process::link(pid);
        process::sleep(secs(60)).await;
        assert_eq!(
            process::info(me()).unwrap().message_queue_len,
            0,
            "signals do not wake it"
        );
        send(pid, "wake up");
        receive! { kept: Option<i32> => assert_eq!(kept, Some(7)) }
        receive! { text: &str => assert_eq!(text, "wake up") }
        receive! { Down { reason, .. } => assert_eq!(reason, ExitReason::Normal) }
        assert_eq!(process::flush().len(), 0);
    });
}

#[test]
fn a_process_with_messages_does_not_fall_asleep_and_one_asleep_can_be_ended() {
    check(async {
        let parent = me();
        spawn(async move {
            send(me(), "there already");
            process::hibernate(async move { send(parent, "awake") }).await;
        });
        receive! { "awake" => () }
        let asleep = spawn(async { process::hibernate(async {}).await });
        process::sleep(ms(1)).await;
        process::exit(asleep, "enough");
        assert_eq!(end_of(asleep).await, ExitReason::from("enough"));
    });
}

#[test]
fn the_main_process_says_that_it_cannot_hibernate() {
    let panic = std::panic::catch_unwind(|| check(async { match process::hibernate(async {}).await {} })).unwrap_err();
    let text = panic.downcast_ref::<String>().unwrap();
    assert!(text.contains("spawn a process for that"), "{text}");
}

#[test]
fn a_backtrace_says_where_a_process_waits() {
    async fn outer() {
        inner().await;
    }
    async fn inner() {
        receive! { "never" => () }
    }
    check(async {
        let pid = spawn(outer());
        let backtrace = process::backtrace(pid).await.unwrap();
        let stacks = backtrace.stacks();
        let functions: Vec<&str> = stacks[0].iter().map(|frame| frame.function.as_str()).collect();
        let place_of = |name| functions.iter().position(|function| function.contains(name));
        assert!(place_of("::inner") < place_of("::outer"), "{functions:?}");
        assert_eq!(stacks.len(), 1);
        assert!(
            functions
                .iter()
                .all(|function| function.contains("a_backtrace_says_where_a_process_waits::")),
            "{functions:?}"
        );
        let inner = &stacks[0][0];
        assert!(inner.place.as_ref().unwrap().contains("process.rs"), "{inner:?}");
        assert!(process::is_alive(pid));
        process::exit(pid, ExitReason::Kill);
        assert!(process::backtrace(pid).await.is_none());
    });
}

#[test]
fn a_backtrace_shows_all_that_a_process_waits_for_also_what_is_not_of_this_crate() {
    async fn on_tokio() {
        tokio::time::sleep(secs(60)).await;
    }
    async fn on_a_call() {
        let _ = process::backtrace(me()).await;
        process::sleep(secs(60)).await;
    }
    check(async {
        let pid = spawn(async { futures::join!(on_tokio(), on_a_call()) });
        process::sleep(ms(1)).await;
        let backtrace = process::backtrace(pid).await.unwrap();
        assert_eq!(backtrace.stacks().len(), 2, "{backtrace}");
        assert!(backtrace.to_string().contains("on_tokio"), "{backtrace}");
        assert!(backtrace.to_string().contains("on_a_call"), "{backtrace}");
        // It goes on as if nobody had looked.
        assert_eq!(end_of(pid).await, ExitReason::Normal);
    });
}

#[test]
fn the_backtrace_of_a_process_that_ends_meanwhile_is_none_and_of_the_caller_its_own() {
    check(async {
        let (pid, _) = spawn_monitor(async {
            process::sleep(ms(0)).await;
            exit("done")
        });
        receive! { Down { .. } => () }
        assert!(process::backtrace(pid).await.is_none());
        let own = process::backtrace(me()).await.unwrap();
        assert_eq!((own.pid(), own.stacks().len()), (me(), 1));
    });
}

/// Sends the text when it is dropped.
struct Tell(Pid, &'static str);

impl Drop for Tell {
    fn drop(&mut self) {
        send(self.0, self.1);
    }
}

/// A value whose destructor panics.
#[derive(Debug)]
struct Grenade;

impl Drop for Grenade {
    fn drop(&mut self) {
        panic!("a destructor panicked");
    }
}

#[test]
fn a_destructor_that_panics_stops_neither_the_end_of_a_process_nor_its_timers() {
    check(async {
        let (pid, watched) = spawn_monitor(std::future::pending::<()>());
        process::send_after(pid, Grenade, secs(60));
        send(pid, Grenade);
        send(pid, Grenade);
        process::exit(pid, "boom");
        receive! { Down { monitor, reason, .. } => assert_eq!((monitor, reason), (watched, "boom".into())) }

        process::send_after("a name that nobody ever has", Grenade, secs(1));
        process::send_after(me(), "timers go on", secs(2));
        receive! { "timers go on" => () }
    });
}

#[test]
fn a_process_that_ends_where_it_would_hibernate_takes_both_futures_with_it() {
    check(async {
        let parent = me();
        let next = Tell(parent, "the next");
        let (pid, _) = spawn_monitor(async move {
            let asleep = process::hibernate(async move { drop(next) });
            futures::future::select(Box::pin(asleep), std::future::ready(())).await;
        });
        receive! { "the next" => () }
        receive! { Down { pid: who, reason, .. } => assert_eq!((who, reason), (pid, ExitReason::Normal)) }
        assert_eq!(process::flush().len(), 0);
    });
}

#[test]
fn a_timer_goes_with_the_runtime_that_it_was_set_in() {
    let value = std::sync::Arc::new(());
    let timer = check(async { process::send_after("a name of nobody", value.clone(), secs(60)) });
    assert_eq!(std::sync::Arc::strong_count(&value), 1);
    // Its place may be another one's by now.
    check(async {
        process::send_after(me(), "again", secs(1));
        assert_eq!((process::read_timer(timer), process::cancel_timer(timer)), (None, None));
        receive! { text: &str => assert_eq!(text, "again") }
    });
}

#[test]
fn timers_that_were_set_in_other_runtimes_end_with_their_receiver() {
    let value = std::sync::Arc::new(());
    let others = [(); 2].map(|()| {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
    });
    check(async {
        let (pid, _) = spawn_monitor(std::future::pending::<()>());
        let set = || process::send_after(pid, value.clone(), secs(60));
        let set_in = |other: &tokio::runtime::Runtime| {
            let _entered = other.enter();
            set()
        };
        let timers = [set(), set_in(&others[0]), set_in(&others[1]), set_in(&others[0])];
        assert!(timers.iter().all(|timer| process::read_timer(*timer).is_some()));
        process::exit(pid, ExitReason::Kill);
        end_of(pid).await;
        assert!(timers.iter().all(|timer| process::read_timer(*timer).is_none()));
        assert_eq!(std::sync::Arc::strong_count(&value), 1);
    });
}

#[test]
fn crowds_of_timers_that_are_due_at_once_fire_in_their_order() {
    check(async {
        let (parent, other) = (
            me(),
            spawn(async {
                receive! { (to, 999): (Pid, u32) => send(to, "all") }
            }),
        );
        for number in 0..1000_u32 {
            process::send_after(parent, number, ms(5));
            process::send_after(other, (parent, number), ms(5));
        }
        for expected in 0..1000_u32 {
            receive! { number: u32 => assert_eq!(number, expected) }
        }
        receive! { "all" => () }
    });
}
