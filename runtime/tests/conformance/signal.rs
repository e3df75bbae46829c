//! Signals between processes: their order, links, monitors and exits. Promises from OTP's `signal_SUITE`,
//! `monitor_SUITE` and `process_SUITE`, and from the chapters "Processes" and "Signals" of the Erlang reference manual.

use super::{assert_empty_mailbox, check, end_of, idle};
use crabtree::prelude::*;
use futures::future::BoxFuture;

/// The messages of the mailbox, as they print.
fn mailbox() -> String {
    format!("{:?}", process::flush())
}

/// The monitors and the watchers of a process.
fn monitors(pid: Pid) -> (Vec<Pid>, Vec<Pid>) {
    let info = process::info(pid).unwrap();
    (info.monitors, info.monitored_by)
}

// signal_SUITE: xm_sig_order
#[test]
fn what_is_sent_before_an_exit_signal_may_be_received_and_what_is_sent_after_it_is_not() {
    check(async {
        for _ in 0..100 {
            let (pid, _) = spawn_monitor(async {
                loop {
                    receive! {
                        "may not reach" => exit("bad signal order"),
                        "may reach" => (),
                        after ms(0) => (),
                    }
                    process::sleep(ms(0)).await;
                }
            });
            for _ in 0..3 {
                send(pid, "may reach");
            }
            process::exit(pid, "good signal order");
            for _ in 0..3 {
                send(pid, "may not reach");
            }
            receive! { Down { reason, .. } => assert_eq!(reason, ExitReason::from("good signal order")) }
        }
    });
}

// "if an entity sends multiple signals to the same destination, the order is preserved", whatever the signals are
#[test]
fn messages_exits_links_and_monitors_of_one_sender_keep_their_order() {
    check(async {
        let parent = me();
        let receiver = spawn(async move {
            process::flag(Flag::TrapExit, true);
            send(parent, "ready");
            receive! { "end" => send(parent, mailbox()) }
        });
        receive! { "ready" => () }
        let sender = spawn(async move {
            send(receiver, 1);
            process::exit(receiver, "two");
            send(receiver, 3);
            process::link(receiver);
            send(receiver, 4);
            exit("five")
        });
        end_of(sender).await;
        send(receiver, "end");
        let exit = |reason: &'static str| Exit {
            from: sender,
            reason: reason.into(),
        };
        let expected = format!("[1, {:?}, 3, 4, {:?}]", exit("two"), exit("five"));
        receive! { order: String => assert_eq!(order, expected) }
    });
}

// signal_SUITE: pending_exit_receive
#[test]
fn an_exit_signal_that_has_come_precedes_a_receive() {
    check(async {
        let pid = spawn(async {
            send(me(), "a message");
            process::exit(me(), "by signal");
            receive! { _ => (), after ms(0) => () }
            exit("by itself")
        });
        assert_eq!(end_of(pid).await, ExitReason::from("by signal"));
    });
}

// signal_SUITE: pending_exit_trap_exit
#[test]
fn trapping_exits_does_not_undo_an_exit_signal_that_has_come() {
    check(async {
        let pid = spawn(async {
            process::exit(me(), "by signal");
            process::flag(Flag::TrapExit, true);
            std::future::pending::<()>().await
        });
        assert_eq!(end_of(pid).await, ExitReason::from("by signal"));
    });
}

// signal_SUITE: pending_exit_exit, exit_before_pending_exit
#[test]
fn a_process_that_ends_by_itself_before_it_notices_a_signal_has_its_own_reason() {
    check(async {
        let pid = spawn(async {
            process::exit(me(), "by signal");
            exit("by itself")
        });
        assert_eq!(end_of(pid).await, ExitReason::from("by itself"));
    });
}

// signal_SUITE: pending_exit_is_process_alive, pending_exit_process_info_1 and _2
#[test]
fn after_an_exit_signal_its_sender_finds_the_process_dead() {
    check(async {
        for _ in 0..100 {
            let pid = idle();
            process::exit(pid, "dead");
            assert!(!process::is_alive(pid));
            assert_eq!(process::info(pid), None);
            assert!(process::register(pid, "the dead").is_err());
            assert_eq!(process::get_label(pid), None);
        }
    });
}

// signal_SUITE: pending_exit_group_leader
#[test]
fn output_for_a_group_leader_that_was_told_to_end_goes_elsewhere_and_harms_nobody() {
    check(async {
        let device = process::Builder::new().spawn(std::future::pending::<()>()).unwrap();
        process::set_group_leader(me(), device);
        process::exit(device, ExitReason::Kill);
        crabtree::eprint!("");
        assert_eq!(process::group_leader(), device);
    });
}

// signal_SUITE: kill2killed, by exit/2 from outside, by exit/2 on itself, and by exit/1
#[test]
fn kill_becomes_killed_along_a_line_of_links_and_an_exit_with_kill_stays_kill() {
    #[derive(Clone, Copy, PartialEq, Debug)]
    enum By {
        Another,
        Itself,
        Ending,
    }
    fn line(length: u32, by: By, tester: Pid) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            match by {
                _ if length > 1 => _ = spawn_link(line(length - 1, by, tester)),
                By::Another => send(tester, me()),
                By::Itself => process::exit(me(), ExitReason::Kill),
                By::Ending => exit(ExitReason::Kill),
            }
            std::future::pending().await
        })
    }
    for by in [By::Another, By::Itself, By::Ending] {
        for length in [1, 2, 9, 10] {
            let seen = check(async {
                process::flag(Flag::TrapExit, true);
                let first = spawn_link(line(length, by, me()));
                if by == By::Another {
                    let last = receive! { last: Pid => last };
                    process::exit(last, ExitReason::Kill);
                }
                receive! { Exit { from, reason } if from == first => reason }
            });
            let expected = if by == By::Ending {
                ExitReason::Kill
            } else {
                ExitReason::Killed
            };
            assert_eq!(seen, expected, "{by:?}, {length} processes");
        }
    }
}

// "An exit signal with reason kill that comes by a link is as any other": it can be trapped
#[test]
fn the_kill_of_a_link_can_be_trapped() {
    check(async {
        process::flag(Flag::TrapExit, true);
        let pid = spawn_link(async { exit(ExitReason::Kill) });
        receive! { Exit { from, reason } => assert_eq!((from, reason), (pid, ExitReason::Kill)) }
    });
}

// process_SUITE: exit_twice
#[test]
fn of_two_exit_signals_the_first_counts() {
    check(async {
        process::flag(Flag::TrapExit, true);
        let pid = spawn_link(std::future::pending::<()>());
        process::exit(pid, "first");
        process::exit(pid, "second");
        process::exit(pid, ExitReason::Kill);
        receive! { Exit { from, reason } => assert_eq!((from, reason), (pid, ExitReason::from("first"))) }
        assert_empty_mailbox();
    });
}

// process_SUITE: exit_and_timeout
#[test]
fn an_exit_signal_at_the_moment_of_a_timeout_ends_the_process() {
    check(async {
        process::flag(Flag::TrapExit, true);
        let pid = spawn_link(async {
            receive! { _ => (), after ms(100) => () }
            receive! { message => panic!("{message:?}"), after ms(100) => () }
        });
        spawn(async move {
            process::sleep(ms(100)).await;
            process::exit(pid, "you are dead");
        });
        receive! { Exit { from, reason } if from == pid => assert_eq!(reason, ExitReason::from("you are dead")) }
    });
}

// process_SUITE: t_exit_1 and t_exit_2_other
#[test]
fn a_reason_of_any_size_arrives_whole() {
    let large = || "garbage ".repeat(16_000);
    check(async {
        process::flag(Flag::TrapExit, true);
        let by_itself = spawn_link(async move { exit(large()) });
        receive! { Exit { from, reason } if from == by_itself => assert_eq!(reason, ExitReason::from(large())) }
        let by_another = spawn_link(std::future::pending::<()>());
        process::exit(by_another, large());
        receive! { Exit { from, reason } if from == by_another => assert_eq!(reason, ExitReason::from(large())) }
    });
}

// process_SUITE: self_exit
#[test]
fn a_process_can_trap_the_exit_signal_that_it_sends_to_itself() {
    check(async {
        process::flag(Flag::TrapExit, true);
        for n in 0..200 {
            process::exit(me(), ExitReason::other(n));
            receive! { Exit { from, reason } => assert_eq!((from, reason), (me(), ExitReason::other(n))) }
        }
    });
}

// process_SUITE: abnormal_suicide_exit
#[test]
fn an_exit_signal_to_oneself_is_an_exit_with_that_reason() {
    check(async {
        let pid = spawn(async {
            process::exit(me(), "tired");
            std::future::pending::<()>().await
        });
        assert_eq!(end_of(pid).await, ExitReason::from("tired"));
    });
}

// process_SUITE: t_exit_2_catch
#[test]
fn an_exit_signal_to_oneself_cannot_be_caught() {
    check(async {
        let pid = spawn(async {
            let _ = std::panic::catch_unwind(|| process::exit(me(), "die"));
            process::sleep(ms(0)).await;
        });
        assert_eq!(end_of(pid).await, ExitReason::from("die"));
    });
}

// exit/1: "evaluating this function ends the process with the reason, unless it is caught"
#[test]
fn an_exit_can_be_caught() {
    check(async {
        let pid = spawn(async {
            let caught = std::panic::catch_unwind(|| exit("die")).unwrap_err();
            assert_eq!(process::exit_payload(caught).unwrap(), ExitReason::from("die"));
        });
        assert_eq!(end_of(pid).await, ExitReason::Normal);
    });
}

// "Links are bidirectional and there can only be one link between two processes. Repeated calls have no effect."
#[test]
fn linking_twice_is_linking_once() {
    check(async {
        process::flag(Flag::TrapExit, true);
        let pid = idle();
        process::link(pid);
        process::link(pid);
        assert_eq!(process::info(me()).unwrap().links, [pid]);
        process::exit(pid, "once");
        receive! { Exit { .. } => () }
        end_of(pid).await;
        assert_empty_mailbox();

        let pid = idle();
        process::link(pid);
        process::link(pid);
        process::unlink(pid);
        process::exit(pid, "nobody minds");
        end_of(pid).await;
        assert_empty_mailbox();
    });
}

// "either process may make the link", also both at the same time
#[test]
fn a_link_made_by_both_ends_at_once_is_one_link() {
    check(async {
        process::flag(Flag::TrapExit, true);
        let parent = me();
        let pid = spawn(async move {
            process::link(parent);
            std::future::pending::<()>().await
        });
        process::link(pid);
        process::sleep(ms(1)).await;
        assert_eq!(process::info(me()).unwrap().links, [pid]);
        assert_eq!(process::info(pid).unwrap().links, [me()]);
        process::unlink(pid);
        process::sleep(ms(1)).await;
        assert_eq!(process::info(pid).unwrap().links, []);
    });
}

// "an attempt to link to itself does nothing"
#[test]
fn a_process_is_not_linked_to_itself() {
    check(async {
        let pid = spawn(async {
            process::link(me());
            assert_eq!(process::info(me()).unwrap().links, []);
            exit("alone")
        });
        assert_eq!(end_of(pid).await, ExitReason::from("alone"));
    });
}

// "When a process terminates, it sends an exit signal to all linked processes"; those pass it on
#[test]
fn an_exit_signal_goes_through_links_until_somebody_traps_it() {
    check(async {
        process::flag(Flag::TrapExit, true);
        let (ring, center) = (0..5).fold((Vec::new(), me()), |(mut ring, next), _| {
            let pid = spawn(async move {
                process::link(next);
                std::future::pending::<()>().await
            });
            ring.push(pid);
            (ring, pid)
        });
        process::sleep(ms(1)).await;
        process::exit(center, "through all");
        receive! { Exit { from, reason } => assert_eq!((from, reason), (ring[0], ExitReason::from("through all"))) }
        for pid in ring {
            assert!(!process::is_alive(pid));
        }
        assert_empty_mailbox();
    });
}

// "normal: a linked process that does not trap exits ignores it"
#[test]
fn a_normal_end_goes_to_links_that_trap_and_to_nobody_else() {
    check(async {
        let (traps, _) = spawn_monitor(async {
            process::flag(Flag::TrapExit, true);
            receive! { Exit { reason, .. } => exit(ExitReason::shutdown_with(reason.to_string())) }
        });
        let does_not = idle();
        process::sleep(ms(1)).await;
        let pid = spawn(async move {
            process::link(traps);
            process::link(does_not);
        });
        assert_eq!(end_of(pid).await, ExitReason::Normal);
        receive! { Down { pid, reason, .. } if pid == traps => assert_eq!(reason, ExitReason::shutdown_with("normal")) }
        assert!(process::is_alive(does_not));
    });
}

// link/1: "if the process does not exist, an exit signal with noproc is sent to the caller"
#[test]
fn linking_to_the_dead_ends_a_process_that_does_not_trap() {
    check(async {
        let dead = spawn(async {});
        end_of(dead).await;
        let pid = spawn(async move {
            process::link(dead);
            std::future::pending::<()>().await
        });
        assert_eq!(end_of(pid).await, ExitReason::NoProc);
    });
}

// unlink/1: "no exit from the link will be delivered in the future", whatever was under way
#[test]
fn an_unlink_stops_an_exit_signal_that_is_under_way() {
    check(async {
        let pid = spawn(async {
            let other = spawn_link(async { exit("boom") });
            let watched = process::monitor(other);
            process::unlink(other);
            receive! { Down { monitor, .. } if monitor == watched => () }
        });
        assert_eq!(end_of(pid).await, ExitReason::Normal);
    });
}

// unlink/1: "after unlink, an exit that came before may be in the mailbox of a process that traps"
#[test]
fn an_exit_message_that_came_before_an_unlink_stays() {
    check(async {
        process::flag(Flag::TrapExit, true);
        let (pid, _) = spawn_monitor(async {});
        process::link(pid);
        receive! { Down { .. } => () }
        process::unlink(pid);
        receive! { Exit { from, .. } => assert_eq!(from, pid), after ms(0) => panic!("the message is lost") }
    });
}

// unlink/1: "if there is no link, nothing happens"
#[test]
fn unlinking_strangers_and_the_dead_does_nothing() {
    check(async {
        let (stranger, dead) = (idle(), spawn(async {}));
        end_of(dead).await;
        for pid in [stranger, dead, me()] {
            process::unlink(pid);
            process::unlink(pid);
        }
        assert!(process::is_alive(stranger));
        assert_empty_mailbox();
    });
}

// spawn_link: "the link is there before the process runs", also for one that ends at once
#[test]
fn a_process_that_ends_at_once_was_linked() {
    check(async {
        process::flag(Flag::TrapExit, true);
        for n in 0..100 {
            let pid = spawn_link(async move { exit(ExitReason::other(n)) });
            receive! { Exit { from, reason } => assert_eq!((from, reason), (pid, ExitReason::other(n))) }
        }
    });
}

// monitor_SUITE: mon_1
#[test]
fn a_monitor_reports_the_reason_of_the_end_and_noproc_for_the_dead() {
    check(async {
        let reason_of = async |pid, watched| {
            receive! { Down { monitor, pid: who, reason } => { assert_eq!((monitor, who), (watched, pid)); reason } }
        };
        let sleeper = spawn(process::sleep(ms(1)));
        let watched = process::monitor(sleeper);
        assert_eq!(reason_of(sleeper, watched).await, ExitReason::Normal);
        let (sleeper, watched) = spawn_monitor(process::sleep(ms(1)));
        assert_eq!(reason_of(sleeper, watched).await, ExitReason::Normal);
        let (sleeper, watched) = spawn_monitor(std::future::pending::<()>());
        process::exit(sleeper, "frop");
        assert_eq!(reason_of(sleeper, watched).await, ExitReason::from("frop"));
        let watched = process::monitor(sleeper);
        assert_eq!(reason_of(sleeper, watched).await, ExitReason::NoProc);
    });
}

// monitor_SUITE: case_1, case_1a
#[test]
fn a_process_that_watches_its_murderer_ends_as_any_other() {
    check(async {
        process::flag(Flag::TrapExit, true);
        let victim = spawn_link(async {
            let parent = me();
            let murderer = spawn(async move {
                receive! { "ok" => process::exit(parent, "foo") }
            });
            process::monitor(murderer);
            send(murderer, "ok");
            receive! { "never" => () }
        });
        receive! { Exit { from, reason } => assert_eq!((from, reason), (victim, ExitReason::from("foo"))) }
    });
}

// monitor_SUITE: case_2, case_2a, demon_e_1
#[test]
fn only_its_maker_can_take_a_monitor_back() {
    check(async {
        let parent = me();
        let pid = spawn(async move {
            receive! { watched: MonitorRef => send(parent, process::demonitor(watched)) }
        });
        let watched = process::monitor(pid);
        send(pid, watched);
        receive! { taken: bool => assert!(!taken) }
        receive! { Down { monitor, reason, .. } => assert_eq!((monitor, reason), (watched, ExitReason::Normal)) }
    });
}

// monitor_SUITE: demon_1, demon_2
#[test]
fn a_monitor_can_be_taken_back_once_and_again_does_nothing() {
    check(async {
        let own = process::monitor(me());
        assert!(process::demonitor(own));
        assert!(!process::demonitor(own));
        let pid = idle();
        let watched = process::monitor(pid);
        process::demonitor(watched);
        process::exit(pid, "frop");
        end_of(pid).await;
        assert_empty_mailbox();
    });
}

// monitor_SUITE: local_remove_monitor
#[test]
fn demonitor_says_whether_a_down_has_come() {
    check(async {
        let watched: Vec<_> = (0..100).map(|_| spawn_monitor(process::sleep(ms(0))).1).collect();
        process::sleep(ms(0)).await;
        for monitor in watched {
            let came = !process::demonitor(monitor);
            let found = receive! { Down { monitor: which, .. } if which == monitor => true, after ms(0) => false };
            assert_eq!(came, found);
        }
        process::sleep(ms(1)).await;
        assert_empty_mailbox();
    });
}

// monitor_SUITE: large_exit
#[test]
fn a_down_carries_a_large_reason() {
    check(async {
        let reason = || ExitReason::other(vec![4_563_784_278_u64; 1000]);
        let pid = spawn(async move { exit(reason()) });
        assert_eq!(end_of(pid).await, reason());
    });
}

// monitor_SUITE: list_cleanup
#[test]
fn both_ends_forget_a_monitor_when_it_ends_in_whatever_way() {
    check(async {
        let none = (vec![], vec![]);
        let pid = idle();
        let watched = process::monitor(pid);
        assert_eq!(
            (monitors(me()), monitors(pid)),
            ((vec![pid], vec![]), (vec![], vec![me()]))
        );
        process::demonitor(watched);
        assert_eq!((monitors(me()), monitors(pid)), (none.clone(), none.clone()));

        process::monitor(pid);
        process::exit(pid, "frop");
        receive! { Down { .. } => assert_eq!(monitors(me()), none) }

        let parent = me();
        let watcher = spawn(async move {
            process::monitor(parent);
            receive! { "crash" => exit("frop") }
        });
        process::sleep(ms(1)).await;
        assert_eq!(monitors(me()), (vec![], vec![watcher]));
        send(watcher, "crash");
        end_of(watcher).await;
        assert_eq!(monitors(me()), none);
    });
}

// monitor/2: "several calls make several independent monitors"
#[test]
fn each_monitor_of_a_process_reports() {
    check(async {
        let pid = idle();
        let first = process::monitor(pid);
        let second = process::monitor(pid);
        assert_ne!(first, second);
        process::exit(pid, "bang");
        for expected in [first, second] {
            receive! { Down { monitor, .. } if monitor == expected => () }
        }
        assert_empty_mailbox();
    });
}

// monitor_SUITE: named_down
#[test]
fn a_name_can_be_taken_over_when_the_down_comes() {
    check(async {
        let pid = process::Builder::new()
            .name("named down")
            .spawn(std::future::pending::<()>())
            .unwrap();
        process::monitor(pid);
        process::exit(pid, "bang");
        receive! { Down { .. } => process::register(me(), "named down").unwrap() }
        process::unregister("named down").unwrap();
    });
}

// monitor_SUITE: otp_5827
#[test]
fn monitoring_an_earlier_owner_of_a_pids_number_reports_noproc_at_once() {
    check(async {
        let dead = spawn(async {});
        end_of(dead).await;
        let watched = process::monitor(dead);
        receive! {
            Down { monitor, reason, .. } => assert_eq!((monitor, reason), (watched, ExitReason::NoProc)),
            after ms(0) => panic!("it should be there"),
        }
    });
}

// monitor_SUITE: monitor_tag_storage
#[test]
fn a_thousand_ends_are_a_thousand_messages() {
    check(async {
        let pids: Vec<Pid> = (0..1000)
            .map(|_| spawn_monitor(std::future::pending::<()>()).0)
            .collect();
        for pid in &pids {
            process::exit(*pid, "bang");
        }
        process::sleep(ms(1)).await;
        assert_eq!(process::info(me()).unwrap().message_queue_len, 1000);
        for pid in pids {
            receive! { Down { pid: who, reason, .. } if who == pid => assert_eq!(reason, ExitReason::from("bang")) }
        }
    });
}

// "the exit signals of links are sent before the down signals": a watcher that is linked too sees both
#[test]
fn who_is_linked_and_watches_learns_twice() {
    check(async {
        process::flag(Flag::TrapExit, true);
        let pid = spawn_link(async { exit("twice") });
        let watched = process::monitor(pid);
        receive! { Exit { from, .. } => assert_eq!(from, pid) }
        receive! { Down { monitor, .. } => assert_eq!(monitor, watched) }
        assert_empty_mailbox();
    });
}

// register/2: "a process that ends is unregistered"; sending to a name nobody has is an error
#[test]
fn a_name_leads_nowhere_after_its_process_was_killed() {
    check(async {
        let pid = process::Builder::new()
            .name("short lived")
            .spawn(std::future::pending::<()>())
            .unwrap();
        send("short lived", "hello").unwrap();
        process::exit(pid, ExitReason::Kill);
        end_of(pid).await;
        let error = send("short lived", "hello").unwrap_err();
        assert!(error.to_string().contains("short lived"), "{error}");
        assert!(!process::registered().contains(&"short lived".into()));
    });
}

// "Sending a message to a pid that identifies no process is no error; the message is dropped"
#[test]
fn all_signals_to_the_dead_are_dropped_or_answered() {
    check(async {
        process::flag(Flag::TrapExit, true);
        let dead = spawn(async {});
        end_of(dead).await;
        send(dead, "hello");
        process::exit(dead, ExitReason::Kill);
        process::set_group_leader(dead, me());
        process::unlink(dead);
        assert_empty_mailbox();
        process::link(dead);
        receive! { Exit { reason, .. } => assert_eq!(reason, ExitReason::NoProc) }
    });
}

// group_leader/2: a signal; "a process that is spawned afterwards inherits it"
#[test]
fn a_group_leader_is_inherited_from_the_moment_of_the_spawn() {
    check(async {
        let (first, second) = (idle(), idle());
        process::set_group_leader(me(), first);
        let before = idle();
        process::set_group_leader(me(), second);
        let after = idle();
        let leader = |pid| process::info(pid).unwrap().group_leader;
        assert_eq!((leader(before), leader(after)), (first, second));
        process::set_group_leader(before, second);
        assert_eq!(leader(before), second);
    });
}

// "A process that is alive has its links, monitors and name until it ends, and then none": nothing of it comes later
#[test]
fn after_its_down_a_process_sends_nothing() {
    check(async {
        let parent = me();
        let (_, watched) = spawn_monitor(async move {
            for n in 0..10 {
                send(parent, n);
            }
            exit("done")
        });
        process::sleep(ms(1)).await;
        let seen = mailbox();
        assert!(seen.starts_with("[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, Down"), "{seen}");
        assert!(!process::demonitor(watched));
    });
}
