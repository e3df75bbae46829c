//! Processes. Promises from Elixir's `process_test.exs` and the documentation of `Process`, and from OTP's suites
//! `process_SUITE`, `monitor_SUITE` and `timer_bif_SUITE`.

use super::{assert_empty_mailbox, check, end_of, idle};
use crabtree::prelude::*;
use crabtree::process::MonitorAlias;

// test "dictionary"
#[test]
fn the_dictionary_keeps_the_last_value_of_a_key() {
    check(async {
        assert!(process::put("foo", "bar").is_none());
        assert_eq!(process::put("foo", "baz").unwrap().downcast::<&str>().unwrap(), "bar");
        assert_eq!(process::get_keys(), ["foo"]);
        assert_eq!(process::get::<&str>("foo"), Some("baz"));
        assert!(process::delete("foo").is_some());
        assert_eq!(process::get::<&str>("foo"), None);
    });
}

// test "group_leader/2 and group_leader/0"
#[test]
fn the_group_leader_of_a_process_can_be_changed() {
    check(async {
        let another = idle();
        process::set_group_leader(me(), another);
        assert_eq!(process::group_leader(), another);
    });
}

// test "monitor/2 with monitor options"
#[test]
fn an_alias_made_with_a_monitor_takes_the_answer_and_the_monitor_reports_the_end() {
    check(async {
        let pid = spawn(async {
            receive! { ("ping", source): (&str, Alias) => send(source, "pong") }
        });
        let (watched, alias) = process::monitor_with_alias(pid, MonitorAlias::ExplicitUnalias);
        send(pid, ("ping", alias));
        receive! { text: &str => assert_eq!(text, "pong") }
        receive! { Down { monitor, .. } => assert_eq!(monitor, watched) }
        send(alias, "the alias outlives the monitor");
        assert_eq!(process::flush().len(), 1);
    });
}

// test "sleep/1"
#[test]
fn sleeping_for_no_time_comes_back() {
    check(process::sleep(ms(0)));
}

// test "sleep/1 with 2^32"
#[test]
fn a_sleep_longer_than_two_to_the_32_milliseconds_is_a_sleep() {
    check(async {
        let (pid, watched) = spawn_monitor(process::sleep(ms(1 << 32)));
        receive! { Down { monitor, .. } if monitor == watched => panic!("it woke"), after ms(1 << 31) => () }
        assert!(process::is_alive(pid));
        receive! { Down { monitor, reason, .. } if monitor == watched => assert_eq!(reason, ExitReason::Normal) }
    });
}

// test "info/2"
#[test]
fn of_a_killed_process_there_is_nothing_to_be_seen() {
    check(async {
        let pid = idle();
        assert!(process::info(pid).is_some());
        process::exit(pid, ExitReason::Kill);
        assert_eq!(process::info(pid), None);
    });
}

// test "info/2 with registered name"
#[test]
fn info_says_the_name_once_there_is_one() {
    check(async {
        assert_eq!(process::info(me()).unwrap().registered_name, None);
        process::register(me(), "info with registered name").unwrap();
        assert_eq!(
            process::info(me()).unwrap().registered_name,
            Some("info with registered name".into())
        );
    });
}

// test "send_after/3 sends messages once expired"
#[test]
fn a_message_sent_later_comes_when_its_time_is_over() {
    check(async {
        process::send_after(me(), "hello", ms(10));
        assert_empty_mailbox();
        receive! { text: &str => assert_eq!(text, "hello") }
    });
}

// test "send_after/3 returns a timer reference that can be read or cancelled"
#[test]
fn a_timer_can_be_read_and_cancelled_until_it_fires() {
    check(async {
        let timer = process::send_after(me(), "hello", secs(100));
        assert_empty_mailbox();
        process::sleep(secs(40)).await;
        assert_eq!(process::read_timer(timer), Some(secs(60)));
        assert_eq!(process::cancel_timer(timer), Some(secs(60)));
        assert_eq!(process::read_timer(timer), None);

        let timer = process::send_after(me(), "hello", ms(0));
        receive! { "hello" => () }
        assert_eq!(process::read_timer(timer), None);
        assert_eq!(process::cancel_timer(timer), None);
    });
}

// "The timer will be automatically canceled if the given dest is a PID which is not alive or when the given PID exits."
#[test]
fn a_timer_ends_with_the_process_that_it_sends_to() {
    check(async {
        let value = std::sync::Arc::new(());
        let pid = idle();
        let timer = process::send_after(pid, value.clone(), secs(100));
        let by_alias = {
            let (owner, _) = spawn_monitor(async move {
                receive! { to: Pid => send(to, process::alias()) }
                std::future::pending::<()>().await
            });
            send(owner, me());
            let alias = receive! { alias: Alias => alias };
            let timer = process::send_after(alias, value.clone(), secs(100));
            process::exit(owner, ExitReason::Kill);
            receive! { Down { .. } => timer }
        };
        process::exit(pid, ExitReason::Kill);
        end_of(pid).await;
        assert_eq!(process::read_timer(timer), None);
        assert_eq!(process::cancel_timer(by_alias), None);
        let dead = process::send_after(pid, value.clone(), secs(100));
        assert_eq!(process::read_timer(dead), None);
        assert_eq!(std::sync::Arc::strong_count(&value), 1, "the messages are gone too");
    });
}

// "timers will not be automatically canceled when dest is an atom (as the atom resolution is done on delivery)"
#[test]
fn a_timer_to_a_name_looks_it_up_when_the_time_has_come() {
    check(async {
        let timer = process::send_after("timer to a name", "hello", secs(10));
        process::send_after("a name that nobody has then", "hello", secs(10));
        assert_eq!(process::read_timer(timer), Some(secs(10)));
        process::sleep(secs(5)).await;
        process::register(me(), "timer to a name").unwrap();
        receive! { text: &str => assert_eq!(text, "hello") }
    });
}

// test "exit(pid, :normal) does not cause the target process to exit"
#[test]
fn normal_does_not_end_another_process() {
    check(async {
        process::flag(Flag::TrapExit, true);
        let pid = spawn_link(async {
            receive! { "done" => () }
        });
        process::exit(pid, ExitReason::Normal);
        receive! { Exit { .. } => panic!("it ended"), after ms(100) => () }
        assert!(process::is_alive(pid));
        process::exit(pid, "abnormal");
        receive! { Exit { from, reason } => assert_eq!((from, reason), (pid, ExitReason::from("abnormal"))) }
        assert!(!process::is_alive(pid));
    });
}

// test "exit(pid, :normal) makes the process receive a message if it traps exits"
#[test]
fn normal_is_a_message_for_a_process_that_traps() {
    check(async {
        let parent = me();
        let pid = spawn_link(async move {
            process::flag(Flag::TrapExit, true);
            send(parent, "ready");
            receive! { Exit { from, reason: ExitReason::Normal } if from == parent => send(parent, ("ok", me())) }
        });
        receive! { "ready" => () }
        process::exit(pid, ExitReason::Normal);
        receive! { ("ok", from): (&str, Pid) => assert_eq!(from, pid) }
        end_of(pid).await;
    });
}

// test "exit(self(), :normal) causes the calling process to exit"
#[test]
fn normal_ends_the_process_that_sends_it_to_itself() {
    check(async {
        process::flag(Flag::TrapExit, true);
        let pid = spawn_link(async {
            process::exit(me(), ExitReason::Normal);
            std::future::pending::<()>().await
        });
        receive! { Exit { from, reason } => assert_eq!((from, reason), (pid, ExitReason::Normal)) }
        assert!(!process::is_alive(pid));
    });
}

// describe "alias/0, alias/1, and unalias/1", test "simple alias + unalias flow"
#[test]
fn nothing_comes_by_an_alias_that_was_taken_back() {
    check(async {
        let server = spawn(async {
            receive! { ("ping", alias): (&str, Alias) => send(alias, "pong") }
        });
        let alias = process::alias();
        assert!(process::unalias(alias));
        send(server, ("ping", alias));
        end_of(server).await;
        assert_empty_mailbox();
    });
}

// test "with :reply option when aliasing"
#[test]
fn an_alias_for_a_reply_takes_one_message() {
    check(async {
        let server = spawn(async {
            receive! {
                ("ping", alias): (&str, Alias) => {
                    send(alias, "pong");
                    send(alias, "extra pong");
                }
            }
        });
        send(server, ("ping", process::reply_alias()));
        end_of(server).await;
        assert_eq!(format!("{:?}", process::flush()), r#"["pong"]"#);
    });
}

// "`unalias`: returns true if the alias was active and belongs to the caller, false otherwise"
#[test]
fn an_alias_can_be_taken_back_once_and_by_its_maker_only() {
    check(async {
        let alias = process::alias();
        let stranger = spawn(async move { assert!(!process::unalias(alias)) });
        assert_eq!(end_of(stranger).await, ExitReason::Normal);
        assert!(process::unalias(alias));
        assert!(!process::unalias(alias));
    });
}

// monitor(process, Pid, [{alias, demonitor}]): "the alias will also be removed when the monitor is"
#[test]
fn an_alias_until_demonitor_ends_with_the_monitor() {
    check(async {
        let pid = idle();
        let (watched, alias) = process::monitor_with_alias(pid, MonitorAlias::Demonitor);
        send(alias, 1);
        send(alias, 2);
        assert_eq!(process::flush().len(), 2);
        assert!(process::demonitor(watched));
        send(alias, 3);
        assert_empty_mailbox();

        let (_, alias) = process::monitor_with_alias(pid, MonitorAlias::Demonitor);
        process::exit(pid, ExitReason::Kill);
        receive! { Down { .. } => () }
        send(alias, 4);
        assert_empty_mailbox();
        assert!(!process::unalias(alias));
    });
}

// monitor(process, Pid, [{alias, reply_demonitor}]): "a message by the alias removes the monitor as well"
#[test]
fn a_reply_by_an_alias_can_end_the_monitor_too() {
    check(async {
        let pid = idle();
        let (watched, alias) = process::monitor_with_alias(pid, MonitorAlias::ReplyDemonitor);
        send(alias, "reply");
        send(alias, "another");
        receive! { "reply" => () }
        assert_eq!(process::info(me()).unwrap().monitors, []);
        assert_eq!(process::info(pid).unwrap().monitored_by, []);
        process::exit(pid, ExitReason::Kill);
        end_of(pid).await;
        assert!(!process::demonitor(watched));
        assert_empty_mailbox();
    });
}

// monitor_SUITE: demon_1, demon_2 and demonitor_flush
#[test]
fn a_monitor_taken_back_with_flush_leaves_nothing_behind() {
    check(async {
        let pid = idle();
        let [first, second, third, fourth] = std::array::from_fn(|_| process::monitor(pid));
        assert!(process::demonitor_flush(first));
        process::exit(pid, "bang");
        receive! { Down { monitor, reason, .. } if monitor == second => assert_eq!(reason, ExitReason::from("bang")) }
        process::sleep(ms(100)).await;
        assert!(!process::demonitor_flush(third));
        assert!(!process::demonitor(fourth));
        receive! { Down { monitor, .. } => assert_eq!(monitor, fourth) }
        assert_empty_mailbox();
    });
}

// describe "get_label/1" and "set_label/1"
#[test]
fn a_label_is_seen_from_outside() {
    check(async {
        let parent = me();
        let pid = spawn(async move {
            process::set_label("first");
            process::set_label(format!("label {}", 7));
            send(parent, "ready");
            std::future::pending::<()>().await
        });
        assert_eq!(process::get_label(pid), None);
        receive! { "ready" => () }
        assert_eq!(process::get_label(pid), Some("label 7".into()));
        assert_eq!(process::info(pid).unwrap().label, Some("label 7".into()));
        process::exit(pid, ExitReason::Kill);
        end_of(pid).await;
        assert_eq!(process::get_label(pid), None);
    });
}

// process_SUITE: alias_bif
#[test]
fn an_alias_takes_any_number_of_messages_until_it_is_taken_back() {
    check(async {
        let alias = process::alias();
        let (pid, _) = spawn_monitor(async move {
            for n in [1, 2] {
                send(alias, n);
            }
            receive! { "continue" => () }
            for n in [3, 4] {
                send(alias, n);
            }
        });
        receive! { 1 => () }
        receive! { 2 => () }
        process::unalias(alias);
        send(pid, "continue");
        receive! { message => assert!(message.is::<Down>(), "{message:?}") }
    });
}

// process_SUITE: monitor_alias and spawn_monitor_alias, each kind of alias
#[test]
fn an_alias_made_with_a_monitor_ends_as_it_was_told() {
    use MonitorAlias::{Demonitor, ExplicitUnalias, ReplyDemonitor};
    // The messages before the end of the process, after it, and whether the end is reported.
    let table = [
        (ExplicitUnalias, vec![1, 2], vec![3, 4], true),
        (Demonitor, vec![1, 2], vec![], true),
        (ReplyDemonitor, vec![1], vec![], false),
    ];
    for (kind, before, after, reported) in table {
        check(async {
            let numbers = || -> Vec<i32> {
                let messages = process::flush().into_iter();
                messages.filter_map(|message| message.downcast().ok()).collect()
            };
            let pid = spawn(async {
                receive! { alias: Alias => { send(alias, 1); send(alias, 2) } }
                receive! { "end" => () }
            });
            let (watched, alias) = process::monitor_with_alias(pid, kind);
            send(pid, alias);
            process::sleep(ms(1)).await;
            assert_eq!(numbers(), before, "{kind:?}");
            send(pid, "end");
            process::sleep(ms(1)).await;
            let down = receive! { Down { monitor, .. } if monitor == watched => true, after ms(0) => false };
            assert_eq!(down, reported, "{kind:?}");
            send(alias, 3);
            send(alias, 4);
            assert_eq!(numbers(), after, "{kind:?}");
        });
    }
}

// process_SUITE: demonitor_aliasmonitor; monitor_SUITE: unexpected_alias_at_demonitor_gh5310
#[test]
fn an_alias_that_only_unalias_ends_survives_its_monitor() {
    check(async {
        let pid = idle();
        let (watched, alias) = process::monitor_with_alias(pid, MonitorAlias::ExplicitUnalias);
        assert!(process::demonitor(watched));
        send(alias, "still good");
        receive! { "still good" => () }
        assert!(process::unalias(alias));
        assert!(!process::demonitor_flush(watched));
    });
}

// monitor_SUITE: down_on_alias_gh5310. "unalias: the monitor is not removed"
#[test]
fn a_monitor_survives_its_alias() {
    for kind in [
        MonitorAlias::ExplicitUnalias,
        MonitorAlias::Demonitor,
        MonitorAlias::ReplyDemonitor,
    ] {
        check(async {
            let pid = idle();
            let (watched, alias) = process::monitor_with_alias(pid, kind);
            assert!(process::unalias(alias));
            send(alias, "lost");
            process::exit(pid, "bang");
            receive! { Down { monitor, reason, .. } => assert_eq!((monitor, reason), (watched, "bang".into())) }
            assert_empty_mailbox();
        });
    }
}

// "a process that has ended has no aliases": what is sent by one goes nowhere
#[test]
fn an_alias_of_the_dead_takes_messages_silently() {
    check(async {
        let parent = me();
        let (pid, _) = spawn_monitor(async move { send(parent, process::alias()) });
        let alias = receive! { alias: Alias => alias };
        receive! { Down { .. } => () }
        send(alias, "hello");
        assert!(!process::unalias(alias));
        assert!(!process::is_alive(pid));
    });
}

// timer_bif_SUITE: send_after_2, send_after_3
#[test]
fn timers_fire_in_the_order_of_their_times() {
    check(async {
        for after in [5000, 0, 200, 100, 500, 300, 400, 103, 102, 101] {
            process::send_after(me(), after, ms(after));
        }
        for expected in [0_u64, 100, 101, 102, 103, 200, 300, 400, 500, 5000] {
            receive! { after: u64 => assert_eq!(after, expected) }
        }
    });
}

// timer_bif_SUITE: send_after_big, read_timer
#[test]
fn a_timer_of_weeks_says_how_much_is_left() {
    check(async {
        let timer = process::send_after(me(), "late", ms(1 << 31));
        process::sleep(ms(200)).await;
        assert_eq!(process::read_timer(timer), Some(ms((1 << 31) - 200)));
        assert_eq!(process::cancel_timer(timer), Some(ms((1 << 31) - 200)));
        assert_eq!(process::read_timer(timer), None);
        process::sleep(ms(1 << 32)).await;
        assert_empty_mailbox();
    });
}

// timer_bif_SUITE: registered_process. "Any process can read and cancel a timer"
#[test]
fn a_timer_belongs_to_nobody() {
    check(async {
        let timer = process::send_after(me(), "never", secs(60));
        let stranger = spawn(async move {
            assert_eq!(process::read_timer(timer), Some(secs(60)));
            assert_eq!(process::cancel_timer(timer), Some(secs(60)));
        });
        assert_eq!(end_of(stranger).await, ExitReason::Normal);
        assert_eq!(process::cancel_timer(timer), None);

        let receiver = me();
        let maker = spawn(async move { process::send_after(receiver, "its maker is gone", secs(1)) });
        end_of(maker).await;
        receive! { text: &str => assert_eq!(text, "its maker is gone") }
    });
}

// process_SUITE: process_info_other_msg, process_info_messages
#[test]
fn info_shows_the_messages_of_another_process_in_order() {
    check(async {
        let pid = idle();
        assert_eq!(process::info(pid).unwrap().message_queue_len, 0);
        send(pid, "hello");
        send(pid, ("to you", 2));
        let info = process::info(pid).unwrap();
        assert_eq!(info.messages, ["\"hello\"", "(\"to you\", 2)"]);
        assert_eq!(info.message_queue_len, 2);
    });
}

// process_SUITE: process_info_parent
#[test]
fn info_says_who_spawned_a_process_also_when_that_one_is_gone() {
    check(async {
        let parent = me();
        let middle = spawn(async move { send(parent, (me(), idle())) });
        let (from, child) = receive! { pair: (Pid, Pid) => pair };
        end_of(middle).await;
        assert_eq!(from, middle);
        assert_eq!(process::info(child).unwrap().parent, Some(middle));
    });
}

// process_SUITE: process_info_self_signal, process_info_status_handled_signal
#[test]
fn info_counts_what_a_process_did_to_itself_before() {
    check(async {
        let pid = idle();
        process::link(pid);
        process::monitor(pid);
        process::monitor(me());
        send(me(), "hello");
        let info = process::info(me()).unwrap();
        assert_eq!((info.links, info.message_queue_len), (vec![pid], 1));
        assert_eq!((info.monitors, info.monitored_by), (vec![pid, me()], vec![me()]));
        assert_eq!(info.status, process::Status::Running);
    });
}

// process_SUITE: process_info_reductions
#[test]
fn a_process_that_works_has_more_reductions() {
    check(async {
        let reductions = || process::info(me()).unwrap().reductions;
        let before = reductions();
        for n in 0..10 {
            send(me(), n);
            receive! { m: i32 => assert_eq!(m, n) }
        }
        assert!(reductions() >= before + 10);
    });
}

// process_SUITE: process_info_dict_lookup
#[test]
fn info_shows_the_dictionary() {
    check(async {
        process::put("b", vec![1]);
        process::put("a", "one");
        let dictionary = process::info(me()).unwrap().dictionary;
        assert_eq!(format!("{dictionary:?}"), r#"[("a", "one"), ("b", [1])]"#);
    });
}

// process_SUITE: processes_term_proc_list, processes_send_infant. "Process.list"
#[test]
fn a_process_is_listed_from_its_spawn_to_its_end() {
    check(async {
        let pid = idle();
        assert!(process::list().contains(pid));
        assert!(process::list().pids().any(|listed| listed == me()));
        process::exit(pid, ExitReason::Kill);
        end_of(pid).await;
        assert!(!process::list().contains(pid));
    });
}

// register_SUITE and register/2: each name has one process, and each process one name
#[test]
fn a_name_is_given_once_and_taken_away_by_anybody() {
    check(async {
        let pid = idle();
        process::register(pid, "given once").unwrap();
        assert!(process::register(me(), "given once").is_err());
        assert!(process::register(pid, "given twice").is_err());
        assert_eq!(process::whereis("given once"), Some(pid));
        assert!(process::registered().contains(&"given once".into()));
        process::unregister("given once").unwrap();
        assert_eq!(process::whereis("given once"), None);
        process::register(pid, "given twice").unwrap();
    });
}

// erlang:hibernate/3: "the process is awakened when a message is sent to it", and what it ran before is gone
#[test]
fn a_hibernating_process_wakes_in_another_function() {
    check(async {
        let parent = me();
        let (pid, _) = spawn_monitor(async move {
            process::hibernate(async move { send(parent, "woken") }).await;
            send(parent, "kaboom");
        });
        process::sleep(secs(1)).await;
        assert!(process::is_alive(pid));
        send(pid, "message");
        receive! { text: &str => assert_eq!(text, "woken") }
        receive! { Down { reason, .. } => assert_eq!(reason, ExitReason::Normal) }
        assert_empty_mailbox();
    });
}

// Process.spawn/2: "[:link]" and "[:monitor]"
#[test]
fn a_process_can_be_spawned_with_link_and_monitor_at_once() {
    check(async {
        process::flag(Flag::TrapExit, true);
        let (pid, watched) = process::Builder::new()
            .link()
            .spawn_monitor(async { exit("both") })
            .unwrap();
        receive! { Exit { from, reason } => assert_eq!((from, reason), (pid, "both".into())) }
        receive! { Down { monitor, reason, .. } => assert_eq!((monitor, reason), (watched, "both".into())) }
    });
}

// Process.flag/2: "returns the old value"
#[test]
fn a_flag_says_how_it_was() {
    check(async {
        assert!(!process::flag(Flag::TrapExit, true));
        assert!(process::flag(Flag::TrapExit, true));
        assert!(process::info(me()).unwrap().trap_exit);
        assert!(process::flag(Flag::TrapExit, false));
    });
}
