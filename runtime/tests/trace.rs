//! What a trace promises: what is in it, in which order, and what it never does to those who are traced.

mod common;

use common::{check, end_of};
use crabtree::gen_server::CallFailure;
use crabtree::prelude::*;
use crabtree::trace::{All, Event, Fate, Kind, Limits, Trace};
use crabtree::{agent, task};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// A server that does as it is told.
#[derive(Debug)]
struct Worker;

impl GenServer for Worker {
    type Args = ();

    async fn init((): ()) -> Init<Worker> {
        Init::ok(Worker)
    }

    async fn handle_info(&mut self, _: Message) -> Next {
        Next::noreply()
    }
}

#[derive(Clone, Debug)]
enum Do {
    Answer(u8),
    AnswerAfter(Duration),
    Crash,
}

impl HandleCall<Do> for Worker {
    type Reply = u8;

    async fn handle_call(&mut self, what: Do, _: Caller<u8>) -> Reply<u8> {
        match what {
            Do::Answer(n) => Reply::reply(n),
            Do::AnswerAfter(time) => {
                process::sleep(time).await;
                Reply::reply(0)
            }
            Do::Crash => exit("out of order"),
        }
    }
}

#[derive(Debug)]
struct Note(#[expect(dead_code, reason = "shown in the trace")] u8);

impl HandleCast<Note> for Worker {
    async fn handle_cast(&mut self, _: Note) -> Next {
        Next::noreply()
    }
}

async fn worker(name: &'static str) -> Server<Worker> {
    gen_server::start::<Worker>(()).name(name).await.unwrap()
}

/// What a trace of `body` looks like.
async fn outline(targets: impl trace::Targets, body: impl Future<Output = ()>) -> String {
    trace::seq(targets, body).await.1.outline()
}

fn kinds(trace: &Trace) -> Vec<Kind> {
    trace.events.iter().map(|event| event.kind).collect()
}

fn the(trace: &Trace, kind: Kind) -> &Event {
    let mut found = trace.events.iter().filter(|event| event.kind == kind);
    let event = found.next().unwrap_or_else(|| panic!("no {kind} in\n{trace}"));
    assert!(found.next().is_none(), "more than one {kind} in\n{trace}");
    event
}

/// Lets everybody else run until they wait.
async fn quiet() {
    process::sleep(ms(1)).await;
}

#[test]
fn every_kind_of_message_is_told_apart() {
    check(async {
        let server = worker("told apart").await;
        let outline = outline(server, async {
            gen_server::call(server, Do::Answer(7)).await.unwrap();
            gen_server::cast(server, Note(8));
            send(server, "by the way");
            sys::suspend(server).await.unwrap();
            sys::resume(server).await.unwrap();
            gen_server::stop(server).await.unwrap();
        });
        assert_eq!(
            outline.await,
            "me()       → told apart  CALL   Answer(7)\n\
             told apart → me()        REPLY  7\n\
             me()       → told apart  CAST   Note(8)\n\
             me()       → told apart  INFO   \"by the way\"\n\
             me()       → told apart  CALL   system(suspend)\n\
             told apart → me()        REPLY  ()\n\
             me()       → told apart  CALL   system(resume)\n\
             told apart → me()        REPLY  ()\n\
             me()       → told apart  CALL   system(terminate, normal)\n\
             told apart               EXITED normal\n\
             told apart → me()        DOWN   normal\n"
        );
    });
}

#[test]
fn what_a_process_does_to_others_is_seen() {
    check(async {
        let other = spawn(process::sleep(secs(60)));
        let outline = outline((), async {
            process::link(other);
            process::unlink(other);
            let watched = process::monitor(other);
            process::demonitor(watched);
            process::register(me(), "seen").unwrap();
            process::unregister("seen").unwrap();
            let (child, _) = spawn_monitor(async {});
            end_of(child).await;
            process::exit(other, "enough");
            end_of(other).await;
        });
        let outline = outline.await;
        let lines: Vec<&str> = outline.lines().collect();
        assert_eq!(
            lines[..8],
            [
                "seen → P1    LINK",
                "seen → P1    UNLINK",
                "seen → P1    MONITOR",
                "seen → P1    DEMONITOR",
                "seen         REGISTER seen",
                "seen         UNREGISTER seen",
                "seen → P2    SPAWN",
                "seen → P2    MONITOR  × 2",
            ]
        );
        assert!(lines.contains(&"P2           EXITED normal"), "{outline}");
        assert!(lines.contains(&"seen → P1    EXIT   enough"), "{outline}");
    });
}

#[test]
fn a_call_and_its_reply_know_each_other_and_the_time_between() {
    check(async {
        let server = worker("answers in a while").await;
        let (_, trace) = trace::seq((), async {
            process::sleep(ms(5)).await;
            gen_server::call(server, Do::AnswerAfter(ms(30))).await.unwrap()
        })
        .await;
        let [call, reply] = &trace.events[..] else {
            panic!("{trace}")
        };
        assert_eq!((call.kind, reply.kind), (Kind::Call, Kind::Reply));
        assert_eq!((call.pair, reply.pair), (Some(reply.number), Some(call.number)));
        assert_eq!((call.at, reply.at), (ms(5), ms(35)));
        assert_eq!((call.latency, reply.latency), (Some(ms(30)), Some(ms(30))));
        assert_eq!(trace.event(call.pair.unwrap()), Some(reply));
        assert_eq!(call.fate, Some(Fate::Received(ms(5))));
        assert_eq!(trace.elapsed, ms(35));
        assert!(trace.to_string().contains("REPLY  0  after 30.0ms"), "{trace}");
    });
}

#[test]
fn a_timeout_ends_a_call_and_the_late_reply_is_a_dead_letter() {
    check(async {
        let server = worker("answers too late").await;
        let (answer, trace) = trace::seq(server, async {
            let answer = gen_server::call(server, Do::AnswerAfter(ms(30))).timeout(ms(10)).await;
            process::sleep(ms(50)).await;
            answer
        })
        .await;
        assert_eq!(answer.unwrap_err().cause, CallFailure::Timeout(ms(10)));
        let (call, timeout, reply) = (
            the(&trace, Kind::Call),
            the(&trace, Kind::Timeout),
            the(&trace, Kind::Reply),
        );
        assert_eq!((call.pair, call.latency), (Some(timeout.number), Some(ms(10))));
        assert_eq!(
            (timeout.pair, timeout.from, timeout.to),
            (Some(call.number), call.from, call.to)
        );
        assert_eq!((reply.pair, reply.latency), (Some(call.number), Some(ms(30))));
        assert_eq!(trace.dead_letters().collect::<Vec<_>>(), [reply]);
        assert_eq!(
            trace.outline(),
            "me()             → answers too late  CALL   AnswerAfter(30ms)\n\
             me()             → answers too late  TIMEOUT\n\
             answers too late → me()              REPLY  0  too late\n"
        );
    });
}

#[test]
fn the_end_of_the_server_ends_a_call() {
    check(async {
        let server = worker("crashes").await;
        let (_, trace) = trace::seq(server, async { gen_server::call(server, Do::Crash).await.unwrap_err() }).await;
        let (call, exited, down) = (
            the(&trace, Kind::Call),
            the(&trace, Kind::Exited),
            the(&trace, Kind::Down),
        );
        assert_eq!((call.pair, down.pair), (Some(down.number), Some(call.number)));
        assert!(call.number < exited.number && exited.number < down.number);
        assert!(exited.crash && down.crash && !call.crash);
        assert_eq!(down.payload, "out of order");
    });
}

#[test]
fn a_call_to_the_dead_is_a_dead_letter_and_ends_with_a_down() {
    check(async {
        let server = worker("gone before").await;
        gen_server::stop(server).await.unwrap();
        let (_, trace) = trace::seq((), async { gen_server::call(server, Do::Answer(1)).await.unwrap_err() }).await;
        let (call, down) = (the(&trace, Kind::Call), the(&trace, Kind::Down));
        assert_eq!((call.pair, down.pair), (Some(down.number), Some(call.number)));
        assert_eq!((call.latency, call.fate), (Some(ms(0)), Some(Fate::DeadLetter)));
        assert_eq!(down.payload, "noproc");
        assert!(trace.outline().contains("CALL   Answer(1)  dead letter\n"), "{trace}");
    });
}

#[test]
fn calls_of_many_servers_at_once_find_their_replies() {
    check(async {
        let servers = [worker("one of many").await, worker("another of many").await];
        let (_, trace) = trace::seq((), async { gen_server::multi_call(servers, Do::Answer(3)).await }).await;
        let pairs = trace.messages().filter(|message| message.pair.is_some()).count();
        assert_eq!((trace.messages().count(), pairs), (4, 4), "{trace}");
    });
}

#[test]
fn a_message_to_the_dead_is_a_dead_letter() {
    check(async {
        let gone = spawn(async {});
        end_of(gone).await;
        let (_, trace) = trace::seq((), async {
            send(gone, "anybody?");
            send(me(), "somebody");
        })
        .await;
        assert_eq!(trace.dead_letters().count(), 1);
        assert_eq!(trace.events[0].fate, Some(Fate::DeadLetter));
        assert_eq!(trace.events[1].fate, Some(Fate::Sent));
        assert!(trace.to_string().contains("\"anybody?\"  dead letter"), "{trace}");
    });
}

#[test]
fn what_a_process_leaves_in_its_mailbox_is_unread() {
    check(async {
        let (_, trace) = trace::seq((), async {
            let busy = spawn(async {
                receive! { "first" => process::sleep(secs(60)).await }
            });
            send(busy, "second");
            send(busy, "first");
            quiet().await;
            process::exit(busy, ExitReason::Kill);
            send(busy, "third");
            end_of(busy).await;
        })
        .await;
        let fates: Vec<Option<Fate>> = trace.messages().map(|message| message.fate).collect();
        assert_eq!(
            fates,
            [Some(Fate::Unread), Some(Fate::Received(ms(0))), Some(Fate::Unread)]
        );
        assert!(trace.outline().contains("INFO   \"second\"  unread\n"), "{trace}");
    });
}

#[test]
fn a_message_says_when_it_was_received() {
    check(async {
        let (_, trace) = trace::seq((), async {
            send(me(), 1);
            send(me(), "two");
            process::sleep(ms(10)).await;
            receive! { "two" => () }
            process::sleep(ms(10)).await;
            receive! { 1 => () }
            send(me(), "never received");
        })
        .await;
        let fates: Vec<Option<Fate>> = trace.events.iter().map(|event| event.fate).collect();
        let received = |time| Some(Fate::Received(time));
        assert_eq!(fates, [received(ms(20)), received(ms(10)), Some(Fate::Sent)]);
    });
}

#[test]
fn a_result_points_to_the_spawn_of_its_task_and_a_start_to_that_of_its_server() {
    check(async {
        let (_, trace) = trace::seq((), async {
            let task = task::async_(async {
                process::sleep(ms(20)).await;
                42
            });
            task.await.unwrap()
        })
        .await;
        let (spawn, reply) = (the(&trace, Kind::Spawn), the(&trace, Kind::Reply));
        assert_eq!((spawn.pair, reply.latency), (Some(reply.number), Some(ms(20))));
        assert_eq!(kinds(&trace)[..3], [Kind::Spawn, Kind::Link, Kind::Monitor]);

        let (_, trace) = trace::seq((), worker("starts")).await;
        let (spawn, reply) = (the(&trace, Kind::Spawn), the(&trace, Kind::Reply));
        assert_eq!((spawn.pair, reply.pair), (Some(reply.number), Some(spawn.number)));
        assert_eq!(kinds(&trace), [Kind::Spawn, Kind::Register, Kind::Reply]);
    });
}

#[test]
fn an_exit_goes_before_what_it_does_to_others() {
    check(async {
        process::flag(Flag::TrapExit, true);
        let (_, trace) = trace::seq((), async {
            let child = spawn_link(async {
                exit("boom");
            });
            process::monitor(child);
            receive! { Exit { .. } => () }
            receive! { Down { .. } => () }
        })
        .await;
        assert_eq!(
            kinds(&trace),
            [
                Kind::Spawn,
                Kind::Link,
                Kind::Monitor,
                Kind::Exited,
                Kind::Exit,
                Kind::Down
            ]
        );
        assert!(
            trace.events[3..]
                .iter()
                .all(|event| event.crash && event.payload == "boom")
        );
        assert!(trace.events.is_sorted_by_key(|event| event.number));
    });
}

#[test]
fn a_timer_and_code_outside_of_processes_are_nobody() {
    check(async {
        let (_, trace) = trace::seq((), async {
            process::send_after(me(), "tick", ms(10));
            receive! { "tick" => () }
        })
        .await;
        let [tick] = &trace.events[..] else { panic!("{trace}") };
        assert_eq!(
            (tick.from, tick.at, tick.fate),
            (None, ms(10), Some(Fate::Received(ms(10))))
        );
        assert_eq!(trace.outline(), "– → me()  INFO   \"tick\"\n");
    });
    let sink = crabtree::block_on(async { spawn(process::sleep(secs(60))) });
    let (_, trace) = crabtree::block_on(trace::seq(sink, async { send(sink, "from outside") }).into_future());
    assert_eq!(trace.outline(), "– → P1  INFO   \"from outside\"\n");
}

#[test]
fn what_concerns_nobody_that_was_asked_for_is_left_out() {
    check(async {
        // Nobody else's message: not that of the outsider, and not the end of the acquaintance.
        let (friend, stranger) = (worker("friend").await, worker("stranger").await);
        let outsider = spawn(async move {
            receive! { () => send(stranger, "between strangers") }
        });
        let acquaintance = spawn(async move {
            receive! { () => send(friend, "to a friend") }
        });
        send(outsider, ());
        send(acquaintance, ());
        let outline = outline(friend, quiet());
        assert_eq!(outline.await, "P1 → friend  INFO   \"to a friend\"\n");
    });
}

#[test]
fn targets_are_one_or_many_pids_servers_or_names() {
    check(async {
        let (a, b) = (worker("target a").await, worker("target b").await);
        let everybody = spawn(async move {
            loop {
                receive! { () => { send(a, "a"); send(b, "b") } }
            }
        });
        macro_rules! count {
            ($targets:expr) => {{
                send(everybody, ());
                trace::seq($targets, quiet()).await.1.events.len()
            }};
        }
        assert_eq!(count!(()), 0);
        assert_eq!(count!(a), 1);
        assert_eq!(count!(a.pid()), 1);
        assert_eq!(count!("target b"), 1);
        assert_eq!(count!([a, b]), 2);
        assert_eq!(count!(&[a.pid(), b.pid()]), 2);
        assert_eq!(count!(vec![a.pid(), everybody]), 2);
        assert_eq!(count!(&vec![Name::from("target a"), "nobody at all".into()]), 1);
    });
}

#[test]
fn descendants_are_traced_unless_they_are_not_wanted() {
    check(async {
        let sink = worker("sink").await;
        let family = || async move {
            spawn(async move {
                spawn(async move { send(sink, "from a grandchild") });
            });
            quiet().await;
        };
        let (_, with) = trace::seq((), family()).await;
        let (_, without) = trace::seq((), family()).descendants(false).await;
        assert_eq!(with.messages().count(), 1);
        assert_eq!(
            kinds(&with),
            [Kind::Spawn, Kind::Spawn, Kind::Exited, Kind::Info, Kind::Exited]
        );
        assert_eq!(kinds(&without), [Kind::Spawn]);
    });
}

#[test]
fn a_name_is_followed_to_the_process_that_takes_it_over() {
    check(async {
        let child = child_spec::<Worker>("heir", ()).name("heir to the throne");
        let sup = Supervisor::new(Strategy::OneForOne)
            .child(child)
            .start_link()
            .await
            .unwrap();
        let first = process::whereis("heir to the throne").unwrap();
        let (_, trace) = trace::seq("heir to the throne", async {
            process::exit(first, ExitReason::Kill);
            quiet().await;
            let stranger = spawn(async { send("heir to the throne", "long live the king").unwrap() });
            end_of(stranger).await;
        })
        .descendants(false)
        .await;
        let second = process::whereis("heir to the throne").unwrap();
        assert_ne!(first, second);
        assert_eq!(the(&trace, Kind::Register).from, Some(second));
        assert_eq!(the(&trace, Kind::Info).to, Some(second));
        for pid in [first, second] {
            assert_eq!(trace.lane(pid).unwrap().to_string(), "heir to the throne");
        }
        supervisor::stop(sup).await.unwrap();
    });
}

#[test]
fn all_goes_on_wherever_messages_lead_and_nowhere_else() {
    check(async {
        let relay = |next: Pid| {
            spawn(async move {
                loop {
                    receive! { n: u8 => send(next, n + 1) }
                }
            })
        };
        let home = me();
        let last = relay(home);
        let middle = relay(last);
        let first = relay(middle);
        let (_, trace) = trace::seq(All, async {
            send(first, 1_u8);
            receive! { n: u8 => assert_eq!(n, 4) }
            // Nobody's message: what comes of it is nobody's, too.
            let far = spawn(async {});
            end_of(far).await;
        })
        .await;
        let path: Vec<(String, Option<Pid>)> = trace.messages().map(|m| (m.payload.clone(), m.to)).collect();
        let expected = [("1", first), ("2", middle), ("3", last), ("4", home)];
        assert_eq!(path, expected.map(|(payload, to)| (payload.to_owned(), Some(to))));

        // The same processes, at work for somebody else.
        let other_home = spawn(async {
            receive! { _: u8 => () }
        });
        let other = relay(relay(other_home));
        let begin = spawn(async move {
            receive! { () => send(other, 1_u8) }
        });
        send(begin, ());
        assert_eq!(outline(All, quiet()).await, "(no events)\n");
    });
}

#[test]
fn all_sees_a_supervisor_replace_what_was_killed() {
    check(async {
        let child = child_spec::<Worker>("victim", ()).name("victim of all");
        let sup = Supervisor::new(Strategy::OneForOne)
            .name("guardian of all")
            .child(child)
            .start_link()
            .await
            .unwrap();
        let victim = process::whereis("victim of all").unwrap();
        let ((), trace) = trace::seq(All, async {
            process::exit(victim, ExitReason::Kill);
            quiet().await;
        })
        .await;
        assert_trace!(
            trace,
            "
            me()              → victim of all      EXIT     kill
            victim of all                          EXITED   killed  crash
            victim of all     → guardian of all    EXIT     killed
            guardian of all   → victim of all (2)  SPAWN
            victim of all (2)                      REGISTER victim of all
            guardian of all   → victim of all (2)  LINK
            victim of all (2) → guardian of all    REPLY    Ok
            "
        );
        supervisor::stop(sup).await.unwrap();
    });
}

#[test]
fn captures_overlap_and_know_nothing_of_each_other() {
    check(async {
        let (_, outer) = trace::seq((), async {
            send(me(), 1);
            let (_, inner) = trace::seq((), async { send(me(), 22) })
                .limits(Limits::default().payload(1))
                .await;
            assert_eq!(inner.events[0].payload, "2…");
            send(me(), 3);
        })
        .await;
        let payloads: Vec<&str> = outer.events.iter().map(|event| &event.payload[..]).collect();
        assert_eq!(payloads, ["1", "22", "3"]);
    });
}

#[test]
fn a_capture_ends_with_its_future_however_it_ends() {
    check(async {
        // Dropped while it waits.
        let mut waiting = Box::pin(trace::seq((), std::future::pending::<()>()).into_future());
        assert!(futures::poll!(&mut waiting).is_pending());
        drop(waiting);
        // Ended with its process.
        let (pid, _) = spawn_monitor(async { trace::seq((), async { exit("within a capture") }).await });
        receive! { Down { pid: ended, .. } if ended == pid => () }
        // Done: what comes later is not in it.
        let (_, trace) = trace::seq((), async { send(me(), 1) }).await;
        send(me(), 2);
        assert_eq!(trace.events.len(), 1);
    });
}

#[test]
fn a_debug_that_panics_stays_with_its_value() {
    struct Shy;
    impl std::fmt::Debug for Shy {
        fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            panic!("I will not be shown")
        }
    }
    check(async {
        let (_, trace) = trace::seq((), async {
            send(me(), Shy);
            receive! { Shy => () }
        })
        .await;
        assert!(trace.events[0].payload.ends_with("Shy: its Debug panicked>"), "{trace}");
        assert_eq!(trace.events[0].type_name, "Shy");
    });
}

#[test]
fn what_a_debug_does_is_not_traced_and_does_no_harm() {
    #[derive(Clone, Copy)]
    struct Talker(Pid);
    impl std::fmt::Debug for Talker {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            send(self.0, *self);
            let known = process::info(self.0).map(|info| info.message_queue_len);
            write!(f, "{known:?} messages")
        }
    }
    check(async {
        let (_, trace) = trace::seq((), async { send(me(), Talker(me())) }).await;
        // One that was sent by showing it for the trace waits when the trace's line is written.
        assert_eq!(trace.outline(), "me() → me()  INFO   Some(1) messages\n");
    });
}

#[test]
fn a_value_is_shown_once_and_only_when_somebody_wants_it() {
    static SHOWN: AtomicUsize = AtomicUsize::new(0);
    struct Counted;
    impl std::fmt::Debug for Counted {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            SHOWN.fetch_add(1, Ordering::Relaxed);
            f.write_str("counted")
        }
    }
    check(async {
        send(me(), Counted);
        assert_eq!(SHOWN.load(Ordering::Relaxed), 0);
        // Traced by two, and by one who does not care.
        let nested = trace::seq((), async {
            trace::seq((), async { send(me(), Counted) }).await.1.events.len()
        });
        let bystander = spawn(trace::seq((), process::sleep(ms(5))).into_future());
        quiet().await;
        assert_eq!(nested.await.0, 1);
        assert_eq!(SHOWN.load(Ordering::Relaxed), 1);
        end_of(bystander).await;
    });
}

#[test]
fn limits_let_the_oldest_go_and_say_so() {
    check(async {
        let numbers = |n: u32| async move { (0..n).for_each(|n| send(me(), n)) };
        let (_, few) = trace::seq((), numbers(100)).limits(Limits::default().events(10)).await;
        assert_eq!((few.events.len(), few.cut.events), (10, 90));
        assert_eq!(few.events[0].payload, "90");
        assert!(
            few.to_string().starts_with("(90 earlier events were not kept)\n"),
            "{few}"
        );

        let (_, small) = trace::seq((), numbers(100)).limits(Limits::default().bytes(2000)).await;
        assert!((1..30).contains(&small.events.len()), "{}", small.events.len());
        assert_eq!(small.events.len() as u64 + small.cut.events, 100);

        let long = trace::seq((), async { send(me(), "x".repeat(1 << 20)) });
        let (_, long) = long.limits(Limits::default().payload(10)).await;
        assert_eq!((&long.events[0].payload[..], long.cut.payloads), ("\"xxxxxxxxx…", 1));
        assert!(long.to_string().ends_with("(1 payloads were shortened)\n"), "{long}");
    });
}

#[test]
fn what_is_repeated_is_folded() {
    check(async {
        let server = worker("patient").await;
        let (_, trace) = trace::seq((), async {
            gen_server::cast(server, Note(0));
            for n in 0..250 {
                gen_server::call(server, Do::Answer(n as u8)).await.unwrap();
            }
            (0..3).for_each(|n| gen_server::cast(server, Note(n)));
        })
        .await;
        let rows: Vec<(usize, usize)> = trace.rows().iter().map(|row| (row.events.len(), row.times)).collect();
        assert_eq!(rows, [(1, 1), (2, 250), (1, 3)]);
        assert_eq!(
            trace.outline(),
            "me()    → patient  CAST   Note(0)\n\
             ┌ × 250\n\
             │ me()    → patient  CALL   Answer(0)\n\
             │ patient → me()     REPLY  0\n\
             └\n\
             me()    → patient  CAST   Note(0)  × 3\n"
        );
    });
}

#[test]
fn lanes_stand_in_the_order_in_which_they_appear() {
    check(async {
        let (second, first) = (worker("lane two").await, worker("lane one").await);
        let (_, trace) = trace::seq((), async {
            async fn third() {
                process::set_label("lane three");
                process::sleep(secs(60)).await;
            }
            spawn(third());
            quiet().await;
            gen_server::cast(first, Note(1));
            gen_server::cast(second, Note(2));
        })
        .await;
        let lanes: Vec<String> = trace.lanes.iter().map(ToString::to_string).collect();
        assert_eq!(lanes, ["me()", "lane three", "lane one", "lane two"]);
        assert_eq!(the(&trace, Kind::Spawn).type_name, "third");
        assert_eq!(trace.lane(first).unwrap().name, Some("lane one".into()));
        let to_second = trace.filter(|event| event.to == Some(second.pid()));
        assert_eq!(to_second.lanes.len(), 2);
    });
}

#[test]
fn a_process_that_has_ended_keeps_the_label_that_it_gave_itself() {
    check(async {
        let (_, trace) = trace::seq((), async {
            let short_lived = spawn(async {
                process::set_label("short-lived");
            });
            end_of(short_lived).await;
        })
        .await;
        assert_eq!(trace.lanes[1].to_string(), "short-lived");
    });
}

#[test]
fn an_outline_is_the_same_in_each_run() {
    check(async {
        let run = || async {
            outline((), async {
                let echo = spawn(async {
                    receive! { (from, mark): (Pid, MonitorRef) => send(from, (mark, me())) }
                });
                let mark = process::monitor(echo);
                send(echo, (me(), mark));
                receive! { (_, _): (MonitorRef, Pid) => () }
                end_of(echo).await;
            })
            .await
        };
        let first = run().await;
        assert_eq!(first, run().await);
        assert!(first.contains("INFO   (me(), #Ref1)\n"), "{first}");
        assert!(first.contains("INFO   (#Ref1, P1)\n"), "{first}");
    });
}

/// On as many threads as there are: who learns of a number and sends it on stands behind who sent it before.
#[test]
fn the_order_is_that_of_cause_and_effect() {
    const ROUNDS: usize = 500;
    crabtree::run(async {
        let home = me();
        let (_, trace) = trace::seq((), async {
            let mut next = home;
            for _ in 0..4 {
                let to = next;
                next = spawn(async move {
                    loop {
                        receive! { n: usize => send(to, n + 1) }
                    }
                });
            }
            send(next, 0_usize);
            for _ in 0..ROUNDS {
                receive! { n: usize => send(next, n + 1) }
            }
        })
        .await;
        let numbers: Vec<usize> = trace
            .messages()
            .map(|message| message.payload.parse().unwrap())
            .collect();
        assert!(numbers.len() >= ROUNDS * 5);
        assert!(numbers.iter().copied().eq(0..numbers.len()), "{trace}");
    });
}

/// One test for all of it: there is one recorder.
#[test]
fn the_node_remembers_what_nobody_asked_for() {
    check(async {
        let error = trace::last(secs(1)).unwrap_err();
        assert!(error.to_string().contains("trace::on()"), "{error}");

        trace::on();
        let server = worker("unremarkable").await;
        let of_server = |trace: Trace| trace.filter(|e| e.from == Some(server.pid()) || e.to == Some(server.pid()));
        let other = spawn(async move { gen_server::cast(server, Note(1)) });
        end_of(other).await;
        process::sleep(secs(10)).await;
        gen_server::cast(server, Note(2));

        let recent = of_server(trace::last(secs(5)).unwrap());
        assert_eq!(recent.outline(), "me() → unremarkable  CAST   Note(2)\n");
        assert_eq!(recent.events[0].at, secs(5));
        let casts = |trace: &Trace| trace.events.iter().filter(|event| event.kind == Kind::Cast).count();
        assert_eq!(casts(&of_server(trace::last(secs(60)).unwrap())), 2);

        trace::on_with(Limits::default().events(0));
        assert_eq!(of_server(trace::last(secs(60)).unwrap()).events, []);
        trace::off();
        trace::off();
        assert!(trace::last(secs(1)).is_err());
        gen_server::cast(server, Note(3));
        assert_eq!(agent::start(|| 1).await.map(|_| ()), Ok(()));
    });
}

#[test]
fn an_outline_tells_processes_of_one_name_apart_and_panics_from_their_places() {
    check(async {
        let ((), trace) = trace::seq((), async {
            for _ in 0..2 {
                let heir = spawn(async {
                    process::register(me(), "the heir").unwrap();
                    receive! { "die" => panic!("gone at last") }
                });
                quiet().await;
                send(heir, "die");
                end_of(heir).await;
            }
        })
        .await;
        let life = |event: &Event| matches!(event.kind, Kind::Info | Kind::Exited);
        assert_trace!(
            trace.filter(life),
            "
            me()         → the heir      INFO   \"die\"
            the heir                     EXITED (panic) gone at last  crash
            me()         → the heir (2)  INFO   \"die\"
            the heir (2)                 EXITED (panic) gone at last  crash
            "
        );
    });
}

#[test]
#[should_panic = "  - me() → P1 INFO 2\n  + me() → P1  INFO   1\n"]
fn a_trace_that_is_not_as_expected_fails_with_the_lines_that_differ() {
    check(async {
        let other = spawn(process::sleep(secs(60)));
        let ((), trace) = trace::seq((), async { send(other, 1) }).await;
        assert_trace!(&trace, "me() → P1 INFO 2");
    });
}

/// The letters of the row of that process, each once for as long as it lasts.
fn strip(timeline: &kino::process::Timeline, title: &str) -> String {
    let text = timeline.to_text();
    let line = text.lines().find(|line| line.starts_with(title));
    let line = line.unwrap_or_else(|| panic!("no {title} in\n{text}"));
    let letters = line.split_once(">  ").expect("the letters follow a pid").1;
    let mut letters: Vec<char> = letters.trim().chars().collect();
    letters.dedup();
    letters.into_iter().collect()
}

#[test]
fn a_timeline_shows_who_waits_who_works_and_who_awaits_an_answer() {
    check(async {
        let server = worker("on the timeline").await;
        quiet().await;
        let ((), trace) = trace::seq(server, async {
            process::sleep(ms(10)).await;
            gen_server::call(server, Do::AnswerAfter(ms(20))).await.unwrap();
            gen_server::cast(server, Note(1));
            receive! {
                () => (),
                after ms(10) => (),
            }
        })
        .await;
        let handled = the(&trace, Kind::Call).handling.unwrap();
        assert_eq!(handled.until.unwrap() - handled.from, ms(20));

        let timeline = kino::process::timeline(&trace);
        assert_eq!(strip(&timeline, "on the timeline"), "·█·");
        assert_eq!(strip(&timeline, "me()"), "█▒·", "{timeline}");
    });
}

#[test]
fn a_timeline_goes_on_in_the_same_row_with_what_replaced_a_crashed_process() {
    check(async {
        // Its start takes a while, and so does what comes before.
        let child = ChildSpec::new("slow", || async {
            process::sleep(ms(10)).await;
            Ok(gen_server::start_link::<Worker>(()).name("comes again").await?.pid())
        });
        let sup = Supervisor::new(Strategy::OneForOne)
            .name("starts slowly")
            .child(child)
            .start_link()
            .await
            .unwrap();
        quiet().await;
        let targets = ["comes again", "starts slowly"];
        let ((), trace) = trace::seq(targets, async {
            process::sleep(ms(10)).await;
            let server = gen_server::named::<Worker>("comes again");
            gen_server::call(server, Do::Crash).await.unwrap_err();
            process::sleep(ms(20)).await;
        })
        .await;
        let timeline = kino::process::timeline(&trace);
        assert_eq!(strip(&timeline, "comes again"), "·✗↻·", "{timeline}");
        assert_eq!(strip(&timeline, "starts slowly"), "·█·", "{timeline}");
        let json = timeline.to_json();
        assert!(
            json.contains("\"state\": \"restarting\", \"what\": \"after out of order\""),
            "{json}"
        );
        supervisor::stop(sup).await.unwrap();
    });
}

#[test]
fn without_names_a_timeline_knows_what_was_replaced_from_who_started_it() {
    check(async {
        let child = ChildSpec::new("nameless", || async { Ok(spawn_link(process::sleep(secs(60)))) });
        let sup = Supervisor::new(Strategy::OneForOne)
            .name("guardian of the nameless")
            .child(child)
            .start_link()
            .await
            .unwrap();
        quiet().await;
        let child = supervisor::which_children(sup).await.unwrap()[0].pid.unwrap();
        let ((), trace) = trace::seq([sup.pid(), child], async {
            process::exit(child, ExitReason::Kill);
            quiet().await;
            // Nobody replaces those who are not supervised.
            for _ in 0..2 {
                task::async_(async {}).await.unwrap();
            }
        })
        .await;
        let text = kino::process::timeline(&trace).to_text();
        let replaced = text.lines().filter(|line| line.contains(" ↻ <"));
        assert!(
            replaced.eq(text.lines().filter(|line| line.starts_with(&child.to_string()))),
            "{text}"
        );
    });
}
