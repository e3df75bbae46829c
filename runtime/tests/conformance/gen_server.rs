//! Servers. Promises from Elixir's `gen_server_test.exs`, from OTP's `gen_server_SUITE`, and from the documentation of
//! both.

use super::{assert_empty_mailbox, check, end_of};
use crabtree::gen_server::{CallFailure, StartError, Timeout};
use crabtree::io::string_io;
use crabtree::prelude::*;
use crabtree::{global, registry};
use futures::stream::{FuturesUnordered, StreamExt};

/// A server that does what it is told, and tells its owner what happens to it.
#[derive(Debug, Clone)]
struct Puppet {
    owner: Pid,
    value: i64,
    /// Callers to answer later.
    waiting: Waiting,
}

/// Whom to answer at the next timeout. It is copied with the state, without those who wait.
#[derive(Debug, Default)]
struct Waiting(Vec<Caller<i64>>);

impl Clone for Waiting {
    fn clone(&self) -> Waiting {
        Waiting::default()
    }
}

/// What `init` does.
#[derive(Debug, Clone)]
enum Begin {
    Ok,
    Trap,
    Ignore,
    Stop(ExitReason),
    Exit(ExitReason),
    Panic,
    /// Takes so long.
    Sleep(std::time::Duration),
    Then(Then),
}

/// What comes after a callback.
#[derive(Debug, Clone, Copy)]
enum Then {
    Continue(u8),
    /// A timeout, after so many milliseconds.
    Timeout(u64),
    /// A timeout with a message of its own.
    TimeoutWith(u64),
    /// Hibernates, with such a timeout.
    Hibernate(u64),
    Stop,
}

/// What the owner is told.
#[derive(Debug, Clone, PartialEq)]
enum Told {
    Continued(u8),
    TimedOut,
    Special,
    Info(&'static str),
    Cast(&'static str),
    Exited(Pid, ExitReason),
    Terminated(ExitReason),
}

#[derive(Debug)]
struct SpecialTimeout;

macro_rules! then {
    ($start:expr, $then:expr) => {
        match $then {
            Then::Stop => $start,
            Then::Continue(n) => $start.and_continue(n),
            Then::Timeout(time) => $start.timeout(ms(time)),
            Then::TimeoutWith(time) => $start.timeout_with(ms(time), SpecialTimeout),
            Then::Hibernate(time) => $start.timeout_with(ms(time), SpecialTimeout).hibernate(),
        }
    };
}

fn next(then: Then) -> Next {
    match then {
        Then::Stop => Next::stop("told to"),
        then => then!(Next::noreply(), then),
    }
}

impl Puppet {
    fn tell(&self, told: Told) {
        send(self.owner, told);
    }
}

impl GenServer for Puppet {
    type Args = (Pid, Begin);

    async fn init((owner, begin): (Pid, Begin)) -> Init<Puppet> {
        let puppet = Puppet {
            owner,
            value: 0,
            waiting: Waiting::default(),
        };
        match begin {
            Begin::Ok => {}
            Begin::Trap => {
                process::flag(Flag::TrapExit, true);
            }
            Begin::Ignore => return Init::ignore(),
            Begin::Stop(reason) => return Init::stop(reason),
            Begin::Exit(reason) => exit(reason),
            Begin::Panic => panic!("stillborn"),
            Begin::Sleep(time) => process::sleep(time).await,
            Begin::Then(then) => {
                send(me(), "waits already");
                return then!(Init::ok(puppet), then);
            }
        }
        Init::ok(puppet)
    }

    async fn handle_info(&mut self, message: Message) -> Next {
        let message = match message.downcast::<Timeout>() {
            Ok(Timeout) => {
                self.tell(Told::TimedOut);
                for caller in self.waiting.0.drain(..) {
                    caller.reply(self.value);
                }
                return Next::noreply();
            }
            Err(message) => message,
        };
        let message = match message.downcast::<Exit>() {
            Ok(Exit { from, reason }) => {
                self.tell(Told::Exited(from, reason));
                return Next::noreply();
            }
            Err(message) => message,
        };
        let message = match message.downcast::<Then>() {
            Ok(then) => return next(then),
            Err(message) => message,
        };
        if message.is::<SpecialTimeout>() {
            self.tell(Told::Special);
        } else if let Ok(text) = message.downcast::<&str>() {
            assert_ne!(text, "panic", "told to");
            self.tell(Told::Info(text));
        }
        Next::noreply()
    }

    async fn handle_continue(&mut self, value: Message) -> Next {
        let n: u8 = value.downcast().unwrap();
        self.tell(Told::Continued(n));
        match n {
            0 => Next::noreply(),
            7 => Next::stop(ExitReason::Normal),
            8 => Next::noreply().timeout_with(ms(100), SpecialTimeout),
            n => Next::noreply().and_continue(n - 1),
        }
    }

    async fn terminate(&mut self, reason: &ExitReason) {
        self.tell(Told::Terminated(reason.clone()));
        if self.value == 666 {
            panic!("terminate panicked");
        }
    }
}

/// A call: what to answer, and what comes after it.
#[derive(Debug, Clone)]
enum Ask {
    Value,
    Add(i64),
    Then(Then),
    /// Answers at the timeout, so many milliseconds later.
    Later(u64),
    /// Answers from another process.
    Elsewhere,
    Panic,
    Exit(ExitReason),
    Stop(ExitReason),
    StopNoReply(ExitReason),
    StopSelf,
    /// Answers before the handler is done.
    Early,
}

impl HandleCall<Ask> for Puppet {
    type Reply = i64;

    async fn handle_call(&mut self, ask: Ask, from: Caller<i64>) -> Reply<i64> {
        let value = self.value;
        match ask {
            Ask::Value => Reply::reply(value),
            Ask::Add(n) => {
                self.value += n;
                Reply::reply(self.value)
            }
            Ask::Then(then) => then!(Reply::reply(value), then),
            Ask::Later(time) => {
                self.waiting.0.push(from);
                Reply::noreply().timeout(ms(time))
            }
            Ask::Elsewhere => {
                spawn(async move { from.reply(42) });
                Reply::noreply()
            }
            Ask::Panic => {
                self.value += 1;
                panic!("told to")
            }
            Ask::Exit(reason) => exit(reason),
            Ask::Stop(reason) => Reply::stop(reason, value),
            Ask::StopNoReply(reason) => Reply::stop_noreply(reason),
            Ask::StopSelf => {
                let error = gen_server::stop(gen_server::named::<Puppet>("stops itself")).await;
                assert_eq!(error.unwrap_err().cause, CallFailure::CallingSelf);
                Reply::reply(1)
            }
            Ask::Early => {
                from.reply(5);
                process::sleep(ms(500)).await;
                self.tell(Told::Info("done"));
                Reply::noreply()
            }
        }
    }
}

#[derive(Debug, Clone)]
enum Say {
    Text(&'static str),
    Then(Then),
    Panic,
}

impl HandleCast<Say> for Puppet {
    async fn handle_cast(&mut self, say: Say) -> Next {
        match say {
            Say::Text(text) => {
                self.tell(Told::Cast(text));
                Next::noreply()
            }
            Say::Then(then) => next(then),
            Say::Panic => panic!("told to"),
        }
    }
}

/// Another type of server.
#[derive(Debug)]
struct Stranger;

impl GenServer for Stranger {
    type Args = ();

    async fn init((): ()) -> Init<Stranger> {
        Init::ok(Stranger)
    }
}

async fn puppet(begin: Begin) -> Server<Puppet> {
    gen_server::start_link::<Puppet>((me(), begin)).await.unwrap()
}

async fn unlinked(begin: Begin) -> Server<Puppet> {
    gen_server::start::<Puppet>((me(), begin)).await.unwrap()
}

async fn ask(puppet: Server<Puppet>, ask: Ask) -> Result<i64, CallFailure> {
    gen_server::call(puppet, ask).await.map_err(|error| error.cause)
}

async fn told() -> Told {
    receive! { told: Told => told, after secs(10) => panic!("nothing was told") }
}

/// Runs the body with a device, and gives what was printed there.
async fn printed(body: impl Future<Output = ()>) -> String {
    let device = string_io::open("");
    let before = process::group_leader();
    process::set_group_leader(me(), device);
    body.await;
    process::set_group_leader(me(), before);
    string_io::contents(device).unwrap().1
}

// ---- Start

// gen_server_SUITE: start, "anonymous"
#[test]
fn a_server_without_a_name_answers_until_it_stops() {
    check(async {
        let puppet = unlinked(Begin::Ok).await;
        assert_eq!(ask(puppet, Ask::Value).await, Ok(0));
        assert_eq!(ask(puppet, Ask::Stop("stopped".into())).await, Ok(0));
        end_of(puppet.pid()).await;
        assert_eq!(
            ask(puppet, Ask::Value).await,
            Err(CallFailure::Exit(ExitReason::NoProc))
        );
    });
}

// gen_server_SUITE: start, "anonymous with timeout"
#[test]
fn an_init_within_its_time_starts_and_a_longer_one_is_killed() {
    check(async {
        let quick = gen_server::start::<Puppet>((me(), Begin::Sleep(ms(10)))).timeout(ms(1000));
        gen_server::stop(quick.await.unwrap()).await.unwrap();
        let slow = gen_server::start::<Puppet>((me(), Begin::Sleep(ms(1000))))
            .name("slow")
            .timeout(ms(100));
        assert_eq!(slow.await.unwrap_err(), StartError::Timeout(ms(100)));
        assert_eq!(process::whereis("slow"), None);
    });
}

// gen_server_SUITE: start, "anonymous with ignore", "with stop", "with shutdown"
#[test]
fn an_init_that_ignores_or_stops_gives_an_error_of_its_kind() {
    check(async {
        let start = |begin| gen_server::start::<Puppet>((me(), begin));
        assert_eq!(start(Begin::Ignore).await.unwrap_err(), StartError::Ignore);
        let stop = start(Begin::Stop("stopped".into())).await.unwrap_err();
        assert_eq!(stop, StartError::Exit("stopped".into()));
        let shutdown = start(Begin::Stop(ExitReason::Shutdown)).await.unwrap_err();
        assert_eq!(shutdown, StartError::Exit(ExitReason::Shutdown));
    });
}

// gen_server_SUITE: start, "anonymous linked"; GenServerTest "start_link/2, call/2 and cast/2"
#[test]
fn a_linked_server_ends_with_an_exit_at_its_starter() {
    check(async {
        process::flag(Flag::TrapExit, true);
        let puppet = puppet(Begin::Ok).await;
        assert_eq!(process::info(me()).unwrap().links, [puppet.pid()]);
        assert_eq!(ask(puppet, Ask::Stop("stopped".into())).await, Ok(0));
        receive! { Exit { from, reason } => assert_eq!((from, reason), (puppet.pid(), "stopped".into())) }
    });
}

// GenServerTest "start/2"
#[test]
fn a_server_that_is_only_started_is_linked_to_nobody() {
    check(async {
        let puppet = unlinked(Begin::Ok).await;
        assert_eq!(process::info(me()).unwrap().links, []);
        assert_eq!(process::info(puppet).unwrap().links, []);
    });
}

// gen_server_SUITE: start, "anonymous monitored"
#[test]
fn a_monitored_server_ends_with_a_down_at_its_starter() {
    check(async {
        let start = gen_server::start_monitor::<Puppet>((me(), Begin::Ok));
        let (puppet, watched) = start.await.unwrap();
        assert_eq!(process::info(me()).unwrap().links, []);
        assert_eq!(process::info(me()).unwrap().monitors, [puppet.pid()]);
        assert_eq!(ask(puppet, Ask::Stop("stopped".into())).await, Ok(0));
        assert_eq!(told().await, Told::Terminated("stopped".into()));
        receive! {
            Down { monitor, pid, reason } => {
                assert_eq!((monitor, pid, reason), (watched, puppet.pid(), "stopped".into()));
            }
        }
        assert_empty_mailbox();
    });
}

// gen_server_SUITE: start, "local register", "linked", "monitored"
#[test]
fn a_name_belongs_to_one_server_however_it_is_started() {
    check(async {
        process::flag(Flag::TrapExit, true);
        let args = || (me(), Begin::Ok);
        let first = gen_server::start::<Puppet>(args()).name("my test name").await.unwrap();
        let taken = StartError::AlreadyStarted {
            name: "my test name".into(),
            pid: first.pid(),
        };
        let again = gen_server::start::<Puppet>(args()).name("my test name");
        assert_eq!(again.await.unwrap_err(), taken);
        let linked = gen_server::start_link::<Puppet>(args()).name("my test name");
        assert_eq!(linked.await.unwrap_err(), taken);
        let monitored = gen_server::start_monitor::<Puppet>(args()).name("my test name");
        assert_eq!(monitored.await.unwrap_err(), taken);
        assert_empty_mailbox();
        assert_eq!(ask(first, Ask::Stop("stopped".into())).await, Ok(0));
        end_of(first.pid()).await;
        assert!(gen_server::start::<Puppet>(args()).name("my test name").await.is_ok());
    });
}

// GenServerTest "start_link/3 with local"
#[test]
fn a_server_is_called_by_its_name() {
    check(async {
        let start = gen_server::start_link::<Puppet>((me(), Begin::Ok)).name("local");
        start.await.unwrap();
        assert_eq!(gen_server::call(named::<Puppet>("local"), Ask::Add(2)).await, Ok(2));
        assert_eq!(
            gen_server::call(named::<Puppet>(String::from("local")), Ask::Value).await,
            Ok(2)
        );
    });
}

// gen_server_SUITE: start, "global register"; GenServerTest "start_link/3 with global"
#[test]
fn a_global_name_is_any_value_and_belongs_to_one_server() {
    check(async {
        let name = || global::name(("a test", 1));
        let start = || gen_server::start_link::<Puppet>((me(), Begin::Ok)).via(name());
        let puppet = start().await.unwrap();
        assert_eq!(gen_server::call(name().of::<Puppet>(), Ask::Add(2)).await, Ok(2));
        let error = start().await.unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("already started: {puppet} is registered as global::name((\"a test\", 1))")
        );
        gen_server::stop(name().of::<Puppet>()).await.unwrap();
        assert_eq!(name().whereis(), None);
        let gone = gen_server::call(name().of::<Puppet>(), Ask::Value).await.unwrap_err();
        assert_eq!(gone.cause, CallFailure::NoSuchName);
    });
}

// gen_server_SUITE: start, "via register"; GenServerTest "start_link/3 with via"
#[test]
fn a_place_of_a_registry_belongs_to_one_server() {
    check(async {
        let places = registry::unique::<u8, ()>("places of servers")
            .start_link()
            .await
            .unwrap();
        let start = || gen_server::start_link::<Puppet>((me(), Begin::Ok)).via(registry::via(&places, 1));
        let puppet = start().await.unwrap();
        assert_eq!(
            gen_server::call(registry::via(&places, 1).of::<Puppet>(), Ask::Add(2)).await,
            Ok(2)
        );
        assert!(matches!(start().await, Err(StartError::AlreadyStarted { pid, .. }) if pid == puppet.pid()));
        gen_server::stop(registry::via(&places, 1).of::<Puppet>())
            .await
            .unwrap();
        assert!(start().await.is_ok());
    });
}

// GenServerTest "nil name"
#[test]
fn a_server_without_a_name_is_registered_nowhere() {
    check(async {
        assert_eq!(process::info(puppet(Begin::Ok).await).unwrap().registered_name, None);
    });
}

/// The ways to fail that every start has.
fn failures() -> Vec<(Begin, StartError)> {
    vec![
        (Begin::Ignore, StartError::Ignore),
        (Begin::Stop("failed".into()), StartError::Exit("failed".into())),
        (Begin::Exit("bailout".into()), StartError::Exit("bailout".into())),
        (Begin::Exit(ExitReason::Normal), StartError::Exit(ExitReason::Normal)),
        (Begin::Sleep(secs(1)), StartError::Timeout(ms(200))),
    ]
}

// gen_server_SUITE: loop_start_fail, otp_7669: what the process had is free when the start returns
#[test]
fn a_start_that_fails_leaves_nothing_behind() {
    check(async {
        process::flag(Flag::TrapExit, true);
        let places = registry::unique::<u8, ()>("places for failures")
            .start_link()
            .await
            .unwrap();
        let links = process::info(me()).unwrap().links;
        for (begin, expected) in failures() {
            for _ in 0..5 {
                let args = || (me(), begin.clone());
                let start = gen_server::start::<Puppet>(args()).name("fails").timeout(ms(200));
                assert_eq!(start.await.unwrap_err(), expected);
                assert_eq!(process::whereis("fails"), None);
                let start = gen_server::start_link::<Puppet>(args())
                    .via(global::name("fails"))
                    .timeout(ms(200));
                assert_eq!(start.await.unwrap_err(), expected);
                assert_eq!(global::whereis_name("fails"), None);
                let start = gen_server::start_monitor::<Puppet>(args())
                    .via(registry::via(&places, 1))
                    .timeout(ms(200));
                assert_eq!(start.await.unwrap_err(), expected);
                assert_eq!(registry::via(&places, 1).whereis(), None);
            }
        }
        let info = process::info(me()).unwrap();
        assert_eq!((info.links, info.monitors), (links, vec![]));
        assert_empty_mailbox();
    });
}

// gen_server_SUITE: undef_init: no exit message comes besides the error, also to a process that traps exits
#[test]
fn a_panic_in_init_is_the_error_of_the_start() {
    check(async {
        process::flag(Flag::TrapExit, true);
        let start = gen_server::start_link::<Puppet>((me(), Begin::Panic));
        let StartError::Exit(ExitReason::Panic(panic)) = start.await.unwrap_err() else {
            panic!("not a panic");
        };
        assert_eq!(panic.message, "stillborn");
        process::sleep(ms(500)).await;
        assert_empty_mailbox();
    });
}

// gen_server:start_link/3: "an exit signal with the same reason is sent to linked processes, the caller included"
#[test]
fn a_starter_that_does_not_trap_exits_ends_with_a_linked_start_that_fails() {
    check(async {
        let (_, watched) = spawn_monitor(async {
            let start = gen_server::start_link::<Puppet>((me(), Begin::Stop("failed".into())));
            drop(start.await);
            process::sleep(secs(1)).await;
        });
        receive! { Down { monitor, reason, .. } if monitor == watched => assert_eq!(reason, "failed".into()) }
    });
}

// GenServer.start_link/3: a start that is ignored is no failure for those who are linked
#[test]
fn a_starter_lives_on_when_a_linked_start_is_ignored() {
    check(async {
        let start = gen_server::start_link::<Puppet>((me(), Begin::Ignore));
        assert_eq!(start.await.unwrap_err(), StartError::Ignore);
        process::sleep(ms(500)).await;
    });
}

// Bad input: an init that blocks its thread cannot be killed before it awaits
#[test]
fn an_init_that_never_awaits_does_not_hold_up_its_starter_for_ever() {
    #[derive(Debug)]
    struct Blocked;

    impl GenServer for Blocked {
        type Args = std::sync::mpsc::Receiver<()>;

        async fn init(until: std::sync::mpsc::Receiver<()>) -> Init<Blocked> {
            let _ = until.recv();
            Init::ok(Blocked)
        }
    }

    crabtree::run(async {
        let (_until, blocked) = std::sync::mpsc::channel();
        let start = gen_server::start::<Blocked>(blocked).timeout(ms(20));
        assert_eq!(start.await.unwrap_err(), StartError::Timeout(ms(20)));
    });
}

// ---- Stop

// gen_server_SUITE: stop1, stop2; GenServerTest "stop/3"
#[test]
fn a_stop_waits_for_the_end_and_cannot_be_repeated() {
    check(async {
        for reason in [ExitReason::Normal, "other reason".into()] {
            let puppet = unlinked(Begin::Ok).await;
            gen_server::stop_with(puppet, reason.clone()).await.unwrap();
            assert!(!process::is_alive(puppet));
            assert_eq!(told().await, Told::Terminated(reason));
            let error = gen_server::stop(puppet).await.unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("gen_server::stop({puppet}, normal): the process is not alive (noproc)")
            );
        }
    });
}

// gen_server_SUITE: stop4, stop6, stop7
#[test]
fn a_stop_takes_every_form_of_a_name() {
    check(async {
        let places = registry::unique::<u8, ()>("places to stop").start_link().await.unwrap();
        let start = || gen_server::start::<Puppet>((me(), Begin::Ok));
        start().name("to stop").await.unwrap();
        gen_server::stop(named::<Puppet>("to stop")).await.unwrap();
        let error = gen_server::stop(named::<Puppet>("to stop")).await.unwrap_err();
        assert_eq!(error.cause, CallFailure::NoSuchName);
        start().via(global::name("to stop")).await.unwrap();
        gen_server::stop(global::name("to stop").of::<Puppet>()).await.unwrap();
        assert_eq!(global::whereis_name("to stop"), None);
        start().via(registry::via(&places, 1)).await.unwrap();
        gen_server::stop(registry::via(&places, 1).of::<Puppet>())
            .await
            .unwrap();
        assert_eq!(registry::via(&places, 1).whereis(), None);
    });
}

// GenServer.stop/3: "if it terminates with another reason, the call exits"; gen_server_SUITE: undef_in_terminate
#[test]
fn a_stop_that_ends_otherwise_says_how() {
    check(async {
        let puppet = unlinked(Begin::Ok).await;
        ask(puppet, Ask::Add(666)).await.unwrap();
        let error = gen_server::stop(puppet).await.unwrap_err();
        let CallFailure::Exit(ExitReason::Panic(panic)) = error.cause else {
            panic!("{error}");
        };
        assert_eq!(panic.message, "terminate panicked");
    });
}

// GenServerTest "stop/3": stop_self
#[test]
fn a_server_cannot_wait_for_its_own_stop() {
    check(async {
        let start = gen_server::start::<Puppet>((me(), Begin::Ok)).name("stops itself");
        assert_eq!(ask(start.await.unwrap(), Ask::StopSelf).await, Ok(1));
    });
}

// GenServer.stop/3: the timeout
#[test]
fn a_stop_can_give_up_waiting() {
    check(async {
        let puppet = unlinked(Begin::Ok).await;
        let call = spawn(async move { drop(gen_server::call(puppet, Ask::Early).await) });
        end_of(call).await;
        let error = gen_server::stop(puppet).timeout(ms(100)).await.unwrap_err();
        assert_eq!(error.cause, CallFailure::Timeout(ms(100)));
        assert!(process::is_alive(puppet));
        assert_eq!(end_of(puppet.pid()).await, ExitReason::Normal);
    });
}

// gen_server_SUITE: undef_terminate1, undef_terminate2
#[test]
fn a_server_without_terminate_stops_with_the_reason_that_it_is_given() {
    check(async {
        for reason in [ExitReason::Normal, "test".into()] {
            let (server, watched) = gen_server::start_monitor::<Stranger>(()).await.unwrap();
            gen_server::stop_with(server, reason.clone()).await.unwrap();
            receive! { Down { monitor, reason: why, .. } if monitor == watched => assert_eq!(why, reason) }
        }
    });
}

// ---- Calls

// gen_server_SUITE: call, "delayed_answer"
#[test]
fn an_answer_can_come_after_the_callback() {
    check(async {
        let puppet = puppet(Begin::Ok).await;
        assert_eq!(ask(puppet, Ask::Later(1)).await, Ok(0));
        assert_eq!(gen_server::call(puppet, Ask::Later(1)).timeout(ms(30)).await, Ok(0));
    });
}

// gen_server_SUITE: call, "timeout call"; GenServerTest "call/3 exit messages"
#[test]
fn an_answer_that_comes_late_disappears() {
    check(async {
        let puppet = puppet(Begin::Ok).await;
        let error = gen_server::call(puppet, Ask::Later(30))
            .timeout(ms(1))
            .await
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("gen_server::call({puppet}, Ask): no answer within 1ms")
        );
        assert_eq!(told().await, Told::TimedOut);
        assert_eq!(ask(puppet, Ask::Value).await, Ok(0));
        assert_empty_mailbox();
    });
}

// GenServer.reply/2: "can be called from any process"
#[test]
fn any_process_can_answer() {
    check(async {
        assert_eq!(ask(puppet(Begin::Ok).await, Ask::Elsewhere).await, Ok(42));
    });
}

// GenServer.handle_call/3: "to reply before returning from the callback"
#[test]
fn a_caller_goes_on_while_the_server_still_works_on_its_call() {
    check(async {
        let puppet = puppet(Begin::Ok).await;
        assert_eq!(gen_server::call(puppet, Ask::Early).timeout(ms(100)).await, Ok(5));
        assert_eq!(told().await, Told::Info("done"));
    });
}

// GenServer.handle_call/3: "terminate is called, then the reply is sent, and the process exits"
#[test]
fn the_answer_of_a_server_that_stops_comes_after_its_terminate() {
    check(async {
        let puppet = unlinked(Begin::Ok).await;
        assert_eq!(ask(puppet, Ask::Stop("stopped".into())).await, Ok(0));
        let before = process::flush();
        assert_eq!(before[0].downcast_ref(), Some(&Told::Terminated("stopped".into())));
        assert_eq!(end_of(puppet.pid()).await, ExitReason::NoProc);
    });
}

// GenServer.handle_call/3: "{:stop, reason, new_state}: a reply is not sent"; gen_server_SUITE: crash
#[test]
fn a_caller_whom_nobody_answers_gets_the_reason_of_the_end() {
    check(async {
        let orderly = ExitReason::shutdown_with("stop reason");
        for reason in [orderly, ExitReason::Shutdown, ExitReason::Normal, "crash".into()] {
            for request in [Ask::StopNoReply(reason.clone()), Ask::Exit(reason.clone())] {
                let puppet = unlinked(Begin::Ok).await;
                assert_eq!(ask(puppet, request).await, Err(CallFailure::Exit(reason.clone())));
                assert_eq!(told().await, Told::Terminated(reason.clone()));
            }
        }
    });
}

// gen_server_SUITE: calling_self; GenServerTest "call/3 exit messages"
#[test]
fn a_process_cannot_call_itself_by_any_name() {
    check(async {
        process::register(me(), "self").unwrap();
        global::register_name("self", me()).unwrap();
        let by_name = gen_server::call(named::<Puppet>("self"), Ask::Value).await.unwrap_err();
        let globally = gen_server::call(global::name("self").of::<Puppet>(), Ask::Value)
            .await
            .unwrap_err();
        let for_ever = gen_server::call(named::<Puppet>("self"), Ask::Value)
            .timeout(None)
            .await
            .unwrap_err();
        for error in [by_name, globally, for_ever] {
            assert_eq!(error.cause, CallFailure::CallingSelf);
        }
        assert_empty_mailbox();
    });
}

// GenServerTest "call/3 exit messages": noproc
#[test]
fn a_call_to_nobody_says_whom_it_meant() {
    check(async {
        let error = gen_server::call(named::<Puppet>("nobody"), Ask::Value)
            .await
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "gen_server::call(named::<Puppet>(\"nobody\"), Ask): no process has that name; process::registered() lists the names in use"
        );
    });
}

// gen_server_SUITE: undef_handle_call; Elixir: "attempted to call GenServer … but no handle_call/3 clause was provided"
#[test]
fn a_call_to_a_server_of_another_type_is_refused_at_once() {
    check(async {
        let stranger = gen_server::start_link::<Stranger>(()).name("a stranger").await.unwrap();
        let error = gen_server::call(named::<Puppet>("a stranger"), Ask::Value)
            .await
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("gen_server::call({stranger}, Ask): refused: the server is a Stranger, and not a Puppet")
        );
        assert!(process::is_alive(stranger));
    });
}

// gen_server_SUITE: undef_handle_cast
#[test]
fn a_cast_to_a_server_of_another_type_is_reported_and_dropped() {
    check(async {
        let text = printed(async {
            let stranger = gen_server::start_link::<Stranger>(())
                .name("another stranger")
                .await
                .unwrap();
            gen_server::cast(named::<Puppet>("another stranger"), Say::Text("hello"));
            sys::get_status(stranger).await.unwrap();
        })
        .await;
        assert!(text.contains("GenServer another stranger"), "{text}");
        assert!(
            text.contains("received an unexpected message: cast Text(\"hello\")"),
            "{text}"
        );
    });
}

// gen_server_SUITE: call_with_huge_message_queue
#[test]
fn an_answer_is_found_in_a_full_mailbox() {
    check(async {
        let puppet = puppet(Begin::Ok).await;
        for n in 0..100_000_u32 {
            send(me(), n);
        }
        // Each answer is found without a look at what waited before; else this would take minutes.
        for _ in 0..10_000 {
            assert_eq!(ask(puppet, Ask::Value).await, Ok(0));
        }
        assert_eq!(process::info(me()).unwrap().message_queue_len, 100_000);
    });
}

// gen_server_SUITE: send_request, send_request_wait_reqid_collection, …: here calls are futures
#[test]
fn calls_under_way_together_are_answered_as_the_answers_come() {
    check(async {
        let (slow, quick, medium) = (
            puppet(Begin::Ok).await,
            puppet(Begin::Ok).await,
            puppet(Begin::Ok).await,
        );
        let call = |puppet, name, time| async move { (name, gen_server::call(puppet, Ask::Later(time)).await) };
        let calls = [call(slow, 1, 400), call(quick, 2, 1), call(medium, 3, 200)];
        let mut calls: FuturesUnordered<_> = calls.into_iter().collect();
        for name in [2, 3, 1] {
            assert_eq!(calls.next().await, Some((name, Ok(0))));
        }
        assert_eq!(calls.next().await, None);
    });
}

// gen_server_SUITE: send_request_receive_reqid_collection_timeout: requests are abandoned
#[test]
fn a_call_that_is_dropped_leaves_no_answer_behind() {
    check(async {
        let puppet = puppet(Begin::Ok).await;
        let call = gen_server::call(puppet, Ask::Later(100)).into_future();
        assert!(tokio::time::timeout(ms(10), call).await.is_err());
        assert_eq!(told().await, Told::TimedOut);
        assert_eq!(ask(puppet, Ask::Value).await, Ok(0));
        assert_empty_mailbox();
        assert_eq!(process::info(puppet).unwrap().monitored_by, []);
    });
}

// ---- Casts and messages

// gen_server_SUITE: cast; GenServerTest "start_link/2, call/2 and cast/2"
#[test]
fn casts_are_handled_in_the_order_of_their_sending() {
    check(async {
        let puppet = puppet(Begin::Ok).await;
        gen_server::cast(puppet, Say::Text("one"));
        send(puppet, "two");
        gen_server::cast(puppet, Say::Text("three"));
        assert_eq!(
            [told().await, told().await, told().await],
            [Told::Cast("one"), Told::Info("two"), Told::Cast("three")]
        );
        gen_server::cast(puppet, Say::Then(Then::Timeout(1)));
        assert_eq!(told().await, Told::TimedOut);
    });
}

// GenServerTest "start_link/2, call/2 and cast/2": casts to names that nobody has
#[test]
fn a_cast_to_nobody_does_nothing() {
    check(async {
        let dead = unlinked(Begin::Ok).await;
        gen_server::stop(dead).await.unwrap();
        assert_eq!(told().await, Told::Terminated(ExitReason::Normal));
        gen_server::cast(dead, Say::Text("hello"));
        gen_server::cast(named::<Puppet>("nobody"), Say::Text("hello"));
        gen_server::cast(global::name("nobody").of::<Puppet>(), Say::Text("hello"));
        assert_empty_mailbox();
    });
}

// gen_server_SUITE: cast, "stop"; info, "stop"
#[test]
fn every_handler_can_stop_the_server() {
    check(async {
        for how in 0..2 {
            let puppet = unlinked(Begin::Ok).await;
            match how {
                0 => gen_server::cast(puppet, Say::Then(Then::Stop)),
                _ => send(puppet, Then::Stop),
            }
            assert_eq!(told().await, Told::Terminated("told to".into()));
            end_of(puppet.pid()).await;
        }
    });
}

// gen_server_SUITE: undef_handle_info: "should log but not crash"; Elixir: "the received message will be logged"
#[test]
fn a_message_that_nobody_expects_is_reported_and_the_server_goes_on() {
    check(async {
        let text = printed(async {
            let stranger = gen_server::start_link::<Stranger>(()).await.unwrap();
            send(stranger, "hej");
            sys::get_status(stranger).await.unwrap();
            assert!(process::is_alive(stranger));
        })
        .await;
        assert!(text.starts_with("[warning] GenServer <"), "{text}");
        assert!(text.ends_with("received an unexpected message: \"hej\"\n"), "{text}");
    });
}

// gen_server_SUITE: undef_in_handle_info: an error of the handler's own is not swallowed
#[test]
fn a_panic_in_a_handler_ends_the_server() {
    check(async {
        for how in 0..3 {
            let puppet = unlinked(Begin::Ok).await;
            match how {
                0 => gen_server::cast(puppet, Say::Panic),
                1 => send(puppet, "panic"),
                _ => drop(ask(puppet, Ask::Panic).await),
            }
            let Told::Terminated(ExitReason::Panic(panic)) = told().await else {
                panic!("not terminated by a panic");
            };
            assert!(panic.message.contains("told to"), "{}", panic.message);
            end_of(puppet.pid()).await;
        }
    });
}

// ---- Continue

// gen_server_SUITE: continue
#[test]
fn a_continue_comes_before_what_waits_already() {
    check(async {
        let puppet = puppet(Begin::Then(Then::Continue(0))).await;
        assert_eq!(
            [told().await, told().await],
            [Told::Continued(0), Told::Info("waits already")]
        );
        for how in 0..3 {
            match how {
                0 => assert_eq!(ask(puppet, Ask::Then(Then::Continue(1))).await, Ok(0)),
                1 => gen_server::cast(puppet, Say::Then(Then::Continue(1))),
                _ => send(puppet, Then::Continue(1)),
            }
            send(puppet, "after");
            let all = [told().await, told().await, told().await];
            assert_eq!(all, [Told::Continued(1), Told::Continued(0), Told::Info("after")]);
        }
        send(puppet, Then::Continue(7));
        let all = [told().await, told().await];
        assert_eq!(all, [Told::Continued(7), Told::Terminated(ExitReason::Normal)]);
    });
}

// gen_server_SUITE: undef_handle_continue; GenServer.handle_continue/2: "the server will fail"
#[test]
fn a_server_that_is_to_continue_and_does_not_know_how_fails() {
    #[derive(Debug)]
    struct Hasty;

    impl GenServer for Hasty {
        type Args = ();

        async fn init((): ()) -> Init<Hasty> {
            Init::ok(Hasty).and_continue("with this")
        }
    }

    check(async {
        let (_, watched) = gen_server::start_monitor::<Hasty>(()).await.unwrap();
        receive! {
            Down { monitor, reason, .. } if monitor == watched => assert_eq!(
                reason.to_string(),
                "a callback returned and_continue(\"with this\"), and the server has no handle_continue"
            )
        }
    });
}

// ---- Timeouts

/// Where a timeout can be asked for.
#[derive(Clone, Copy, Debug)]
enum Where {
    Init,
    Call,
    Cast,
    Info,
}

const EVERYWHERE: [Where; 4] = [Where::Init, Where::Call, Where::Cast, Where::Info];

/// A puppet that was told that at this place, and has nothing else to do.
async fn puppet_with(place: Where, then: Then) -> Server<Puppet> {
    if let Where::Init = place {
        return puppet(Begin::Then(then)).await;
    }
    let puppet = puppet(Begin::Ok).await;
    match place {
        Where::Init | Where::Call => assert_eq!(ask(puppet, Ask::Then(then)).await, Ok(0)),
        Where::Cast => gen_server::cast(puppet, Say::Then(then)),
        Where::Info => send(puppet, then),
    }
    puppet
}

// gen_server_SUITE: start_event_timeout, handle_event_timeout: the grid
#[test]
fn a_timeout_with_a_message_comes_unless_a_message_does() {
    check(async {
        for place in EVERYWHERE {
            for then in [Then::TimeoutWith(500), Then::Continue(8), Then::Hibernate(500)] {
                for interrupted in [false, true] {
                    let puppet = puppet_with(place, then).await;
                    sys::get_status(puppet).await.unwrap();
                    if interrupted || matches!(place, Where::Init) && !matches!(then, Then::Continue(_)) {
                        // What `init` sent to itself interrupts as any message does.
                        assert_eq!(ask(puppet, Ask::Value).await, Ok(0));
                    } else if let Where::Init = place {
                        assert_eq!(told().await, Told::Continued(8));
                        assert_eq!(told().await, Told::Info("waits already"));
                        continue;
                    }
                    process::sleep(ms(600)).await;
                    let all = process::flush();
                    let came = all.iter().any(|told| told.downcast_ref() == Some(&Told::Special));
                    let expected = !interrupted && !matches!(place, Where::Init);
                    assert_eq!(came, expected, "{place:?} {then:?} {interrupted} {all:?}");
                }
            }
        }
    });
}

// gen_server_SUITE: start_event_timeout_zero, handle_event_timeout_zero
#[test]
fn a_timeout_with_a_message_after_no_time_comes_before_what_waits_already() {
    check(async {
        for place in EVERYWHERE {
            for then in [Then::TimeoutWith(0), Then::Hibernate(0)] {
                let puppet = puppet_with(place, then).await;
                if !matches!(place, Where::Init) {
                    send(puppet, "waits already");
                }
                let all = [told().await, told().await];
                assert_eq!(all, [Told::Special, Told::Info("waits already")], "{place:?}");
            }
        }
    });
}

// GenServer, "Timeouts": a plain timeout of 0 is for when no message waits
#[test]
fn a_plain_timeout_after_no_time_comes_when_no_message_waits() {
    check(async {
        let first = puppet(Begin::Then(Then::Timeout(0))).await;
        assert_eq!(told().await, Told::Info("waits already"));
        send(first, Then::Timeout(0));
        assert_eq!(told().await, Told::TimedOut);
    });
}

// gen_server_SUITE: handle_event_timeout_plain, "a system message should not cancel a plain timeout"
#[test]
fn a_system_message_neither_ends_nor_lengthens_a_timeout() {
    check(async {
        let puppet = puppet(Begin::Ok).await;
        gen_server::cast(puppet, Say::Then(Then::Timeout(500)));
        for _ in 0..4 {
            process::sleep(ms(100)).await;
            sys::get_status(puppet).await.unwrap();
        }
        assert_empty_mailbox();
        process::sleep(ms(101)).await;
        assert_eq!(told().await, Told::TimedOut);
    });
}

// gen_server_SUITE: handle_event_timeout_plain, "a request should cancel a plain timeout"; call, "call_within"
#[test]
fn a_message_cancels_a_plain_timeout() {
    check(async {
        let puppet = puppet(Begin::Ok).await;
        gen_server::cast(puppet, Say::Then(Then::Timeout(500)));
        assert_eq!(ask(puppet, Ask::Value).await, Ok(0));
        process::sleep(secs(1)).await;
        assert_empty_mailbox();
    });
}

// Bad input: a time too long for any clock
#[test]
fn a_timeout_beyond_the_clock_means_for_ever() {
    #[derive(Debug)]
    struct Patient;

    impl GenServer for Patient {
        type Args = ();

        async fn init((): ()) -> Init<Patient> {
            Init::ok(Patient).timeout(std::time::Duration::MAX)
        }
    }

    check(async {
        let start = gen_server::start_link::<Patient>(())
            .timeout(std::time::Duration::MAX)
            .hibernate_after(std::time::Duration::MAX);
        let patient = start.await.unwrap();
        process::sleep(secs(1_000_000)).await;
        sys::get_status(patient)
            .timeout(std::time::Duration::MAX)
            .await
            .unwrap();
        gen_server::stop(patient)
            .timeout(std::time::Duration::MAX)
            .await
            .unwrap();
    });
}

// ---- Hibernation

// gen_server_SUITE: hibernate
#[test]
fn a_server_that_hibernates_wakes_for_messages_and_for_system_messages() {
    check(async {
        let puppet = puppet(Begin::Then(Then::Hibernate(10_000))).await;
        assert_eq!(told().await, Told::Info("waits already"));
        send(puppet, Then::Hibernate(10_000));
        sys::suspend(puppet).await.unwrap();
        sys::resume(puppet).await.unwrap();
        assert_eq!(ask(puppet, Ask::Value).await, Ok(0));
        gen_server::cast(puppet, Say::Then(Then::Hibernate(10_000)));
        gen_server::cast(puppet, Say::Text("awake"));
        assert_eq!(told().await, Told::Cast("awake"));
    });
}

// ---- Terminate

// GenServer.terminate/2: "the GenServer traps exits and the parent process sends an exit signal"; spec_init_local_registered_parent
#[test]
fn a_server_that_traps_exits_terminates_with_its_parent() {
    check(async {
        let owner = me();
        for reason in [ExitReason::Normal, ExitReason::Shutdown, "boom".into()] {
            let why = reason.clone();
            let parent = spawn(async move {
                let start = gen_server::start_link::<Puppet>((owner, Begin::Trap));
                send(owner, start.await.unwrap().pid());
                receive! { "end" => exit(why) }
            });
            let puppet = receive! { pid: Pid => pid };
            let watched = process::monitor(puppet);
            send(parent, "end");
            assert_eq!(told().await, Told::Terminated(reason.clone()));
            receive! { Down { monitor, reason: why, .. } if monitor == watched => assert_eq!(why, reason) }
        }
    });
}

// GenServer.terminate/2: "only after the GenServer finishes processing all messages which arrived prior to the exit signal"
#[test]
fn what_came_before_the_exit_of_the_parent_is_handled_first() {
    check(async {
        let owner = me();
        let parent = spawn(async move {
            let puppet = gen_server::start_link::<Puppet>((owner, Begin::Trap)).await.unwrap();
            gen_server::cast(puppet, Say::Text("one"));
            gen_server::cast(puppet, Say::Text("two"));
        });
        end_of(parent).await;
        let all = [told().await, told().await, told().await];
        assert_eq!(
            all,
            [
                Told::Cast("one"),
                Told::Cast("two"),
                Told::Terminated(ExitReason::Normal)
            ]
        );
    });
}

// GenServer.terminate/2: "an exit signal from any process when it is not trapping exits: it will exit abruptly"
#[test]
fn a_server_that_does_not_trap_exits_ends_without_terminate() {
    check(async {
        for reason in [ExitReason::Shutdown, "boom".into()] {
            let puppet = unlinked(Begin::Ok).await;
            process::exit(puppet, reason.clone());
            let watched = process::monitor(puppet);
            receive! { Down { monitor, .. } if monitor == watched => () }
            assert_empty_mailbox();
        }
    });
}

// GenServer.terminate/2: a kill is not trapped
#[test]
fn a_killed_server_does_not_terminate() {
    check(async {
        let puppet = unlinked(Begin::Trap).await;
        let watched = process::monitor(puppet);
        process::exit(puppet, ExitReason::Kill);
        receive! { Down { monitor, reason, .. } if monitor == watched => assert_eq!(reason, ExitReason::Killed) }
        assert_empty_mailbox();
    });
}

// GenServer.handle_info/2: an exit of another than the parent is a message
#[test]
fn a_server_that_traps_exits_gets_those_of_others_as_messages() {
    check(async {
        let puppet = unlinked(Begin::Trap).await;
        process::exit(puppet, "boom");
        assert_eq!(told().await, Told::Exited(me(), "boom".into()));
        assert_eq!(ask(puppet, Ask::Value).await, Ok(0));
    });
}

// ---- Reports

// gen_server_SUITE: crash: orderly ends are not reported
#[test]
fn only_an_end_that_is_not_orderly_is_reported() {
    check(async {
        for reason in [ExitReason::Normal, ExitReason::Shutdown, ExitReason::shutdown_with(1)] {
            let text = printed(async {
                for request in [Ask::Exit(reason.clone()), Ask::Stop(reason.clone())] {
                    let puppet = unlinked(Begin::Ok).await;
                    drop(ask(puppet, request).await);
                    end_of(puppet.pid()).await;
                }
            })
            .await;
            assert_eq!(text, "", "{reason}");
        }
    });
}

// gen_server_SUITE: crash, error_format_status: name, reason, last message, client and state
#[test]
fn a_report_says_who_why_and_on_what_with_which_state() {
    check(async {
        let text = printed(async {
            let start = gen_server::start::<Puppet>((me(), Begin::Ok)).name("reported");
            let puppet = start.await.unwrap();
            drop(ask(puppet, Ask::Panic).await);
            end_of(puppet.pid()).await;
        })
        .await;
        let mut lines = text.lines();
        let mut line = || lines.next().unwrap_or_default();
        assert!(line().starts_with("[error] GenServer reported <"), "{text}");
        assert!(line().starts_with("** (panic) told to at "), "{text}");
        assert_eq!(line(), format!("Last message (from {}): Ask", me()), "{text}");
        assert!(line().starts_with("State: Puppet { owner: <"), "{text}");
    });
}

// gen_server_SUITE: terminate_crash_format
#[test]
fn a_panic_in_terminate_is_the_reason_of_the_end() {
    check(async {
        let text = printed(async {
            let puppet = unlinked(Begin::Ok).await;
            ask(puppet, Ask::Add(666)).await.unwrap();
            let watched = process::monitor(puppet);
            assert_eq!(ask(puppet, Ask::Stop("stopped".into())).await, Ok(666));
            receive! {
                Down { monitor, reason: ExitReason::Panic(panic), .. } if monitor == watched => {
                    assert_eq!(panic.message, "terminate panicked");
                }
            }
        })
        .await;
        assert!(text.contains("terminate panicked"), "{text}");
    });
}

/// A server that ends at any message, and says no to it.
#[derive(Debug)]
struct Touchy;

impl GenServer for Touchy {
    type Args = ();

    async fn init((): ()) -> Init<Touchy> {
        process::flag(Flag::TrapExit, true);
        Init::ok(Touchy)
    }

    async fn handle_info(&mut self, message: Message) -> Next {
        drop(message);
        exit("no")
    }
}

// gen_server_SUITE: error_format_status: "Last message in was ~p"
#[test]
fn a_report_shows_a_message_that_is_no_request_whatever_became_of_it() {
    check(async {
        for reason in [ExitReason::Normal, ExitReason::Killed, "boom".into()] {
            let text = printed(async {
                let touchy = gen_server::start::<Touchy>(()).await.unwrap();
                process::exit(touchy, reason.clone());
                end_of(touchy.pid()).await;
            })
            .await;
            let message = Exit { from: me(), reason };
            assert!(text.contains(&format!("\nLast message: {message:?}\n")), "{text}");
        }
    });
}

/// A server whose state must not be seen.
#[derive(Debug)]
struct Secret {
    #[expect(dead_code, reason = "shown by Debug")]
    password: &'static str,
    broken: bool,
}

impl GenServer for Secret {
    type Args = bool;

    async fn init(broken: bool) -> Init<Secret> {
        let password = "1234";
        Init::ok(Secret { password, broken })
    }

    fn format_status(&self) -> String {
        assert!(!self.broken, "format_status is broken");
        "a secret".to_owned()
    }
}

#[derive(Debug)]
struct Crash;

impl HandleCast<Crash> for Secret {
    async fn handle_cast(&mut self, _: Crash) -> Next {
        exit("crashed")
    }
}

// gen_server_SUITE: error_format_status, format_all_status
#[test]
fn a_report_shows_the_state_as_the_server_wishes() {
    check(async {
        let text = printed(async {
            let (secret, watched) = gen_server::start_monitor::<Secret>(false).await.unwrap();
            gen_server::cast(secret, Crash);
            receive! { Down { monitor, .. } if monitor == watched => () }
        })
        .await;
        assert!(
            text.ends_with("** crashed\nLast message: Crash\nState: a secret\n"),
            "{text}"
        );
    });
}

// gen_server_SUITE: crash_in_format_status, throw_in_format_status
#[test]
fn a_format_status_that_panics_does_not_keep_a_report_or_a_status_back() {
    check(async {
        let text = printed(async {
            let (secret, watched) = gen_server::start_monitor::<Secret>(true).await.unwrap();
            let status = sys::get_status(secret).await.unwrap();
            assert_eq!(status.state, "<Secret: its format_status panicked>");
            gen_server::cast(secret, Crash);
            receive! { Down { monitor, reason, .. } if monitor == watched => assert_eq!(reason, "crashed".into()) }
        })
        .await;
        assert!(
            text.ends_with("State: <Secret: its format_status panicked>\n"),
            "{text}"
        );
    });
}

// gen_server:format_log/2: a message is shown to a limited depth
#[test]
fn a_report_shows_the_beginning_of_a_long_message() {
    #[derive(Debug)]
    struct Picky;

    impl GenServer for Picky {
        type Args = ();

        async fn init((): ()) -> Init<Picky> {
            Init::ok(Picky)
        }

        async fn handle_info(&mut self, _: Message) -> Next {
            Next::stop("too much")
        }
    }

    check(async {
        let text = printed(async {
            let (picky, watched) = gen_server::start_monitor::<Picky>(()).await.unwrap();
            send(picky, "ä".repeat(100_000));
            receive! { Down { monitor, .. } if monitor == watched => () }
        })
        .await;
        assert!(text.len() < 500, "{} bytes", text.len());
        assert!(text.contains("ääää…\n"), "{text}");
    });
}

// ---- Many servers

// gen_server_SUITE: abcast; GenServerTest "abcast/3"
#[test]
fn a_cast_to_many_reaches_those_who_are_there() {
    check(async {
        let start = gen_server::start_link::<Puppet>((me(), Begin::Ok)).name("of many");
        start.await.unwrap();
        gen_server::abcast([named::<Puppet>("of many"), named("nobody")], Say::Text("hello"));
        assert_eq!(told().await, Told::Cast("hello"));
        let (one, two) = (puppet(Begin::Ok).await, puppet(Begin::Ok).await);
        gen_server::abcast([&one, &two], Say::Text("all"));
        assert_eq!([told().await, told().await], [Told::Cast("all"), Told::Cast("all")]);
    });
}

// gen_server_SUITE: multicall, multicall_down; GenServerTest "multi_call/4"
#[test]
fn a_call_to_many_gives_the_answers_and_names_those_who_gave_none() {
    check(async {
        let (one, two, dead) = (
            puppet(Begin::Ok).await,
            puppet(Begin::Ok).await,
            unlinked(Begin::Ok).await,
        );
        gen_server::stop(dead).await.unwrap();
        ask(two, Ask::Add(2)).await.unwrap();
        process::flush();
        let (replies, failures) = gen_server::multi_call([one, dead, two], Ask::Value).await;
        assert_eq!(replies, [(one, 0), (two, 2)]);
        assert_eq!(failures.len(), 1);
        assert_eq!(failures[0].0, dead);
        assert_eq!(
            failures[0].1.to_string(),
            format!("gen_server::multi_call({dead}, Ask): the process is not alive (noproc)")
        );
        let (replies, failures) = gen_server::multi_call([named::<Puppet>("nobody")], Ask::Value).await;
        assert_eq!((replies.len(), &failures[0].1.cause), (0, &CallFailure::NoSuchName));
        assert_empty_mailbox();
    });
}

// gen_server_SUITE: multicall_remote: all requests go out at once, and the time is that of all
#[test]
fn a_call_to_many_waits_for_all_together() {
    check(async {
        let puppets = [
            puppet(Begin::Ok).await,
            puppet(Begin::Ok).await,
            puppet(Begin::Ok).await,
        ];
        let start = tokio::time::Instant::now();
        let (replies, _) = gen_server::multi_call(puppets, Ask::Later(1000)).await;
        assert_eq!((replies.len(), start.elapsed()), (3, secs(1)));
        process::flush();
        let start = tokio::time::Instant::now();
        let (replies, failures) = gen_server::multi_call(puppets, Ask::Later(1000)).timeout(ms(100)).await;
        assert_eq!((replies.len(), failures.len(), start.elapsed()), (0, 3, ms(100)));
        for (_, error) in failures {
            assert_eq!(error.cause, CallFailure::Timeout(ms(100)));
        }
        process::sleep(secs(1)).await;
        assert_eq!(
            process::flush().iter().filter(|told| !told.is::<Told>()).count(),
            0,
            "late answers disappear"
        );
    });
}

// gen_server_SUITE: multicall_recv_opt_success
#[test]
fn the_answers_of_many_are_found_in_a_full_mailbox() {
    check(async {
        let puppets = [puppet(Begin::Ok).await, puppet(Begin::Ok).await];
        for n in 0..50_000_u32 {
            send(me(), n);
        }
        for _ in 0..1000 {
            let (replies, _) = gen_server::multi_call(puppets, Ask::Value).await;
            assert_eq!(replies.len(), 2);
        }
        assert_eq!(process::info(me()).unwrap().message_queue_len, 50_000);
    });
}

// Bad input: nobody, and oneself, among many
#[test]
fn a_call_to_many_may_be_one_to_nobody_or_to_oneself() {
    check(async {
        let (replies, failures) = gen_server::multi_call([] as [Server<Puppet>; 0], Ask::Value).await;
        assert_eq!((replies.len(), failures.len()), (0, 0));
        process::register(me(), "one of many").unwrap();
        let (_, failures) = gen_server::multi_call([named::<Puppet>("one of many")], Ask::Value).await;
        assert_eq!(failures[0].1.cause, CallFailure::CallingSelf);
    });
}

// ---- Finding

// GenServerTest "whereis/1"
#[test]
fn a_server_is_found_by_each_of_its_names() {
    check(async {
        let start = gen_server::start_link::<Puppet>((me(), Begin::Ok)).name("to be found");
        let puppet = start.await.unwrap();
        assert_eq!(gen_server::whereis::<Puppet>("to be found"), Some(puppet));
        assert_eq!(gen_server::whereis::<Puppet>("not to be found"), None);
        assert_eq!(process::whereis("to be found"), Some(puppet.pid()));
        let start = gen_server::start_link::<Puppet>((me(), Begin::Ok)).via(global::name("to be found"));
        let puppet = start.await.unwrap();
        assert_eq!(global::whereis_name("to be found"), Some(puppet.pid()));
        assert_eq!(
            global::whereis_name(String::from("to be found")),
            None,
            "names of different types differ"
        );
        assert_eq!(global::name("not to be found").whereis(), None);
    });
}

// global: register_name, unregister_name
#[test]
fn a_global_name_can_be_taken_away_and_is_free_after_the_end() {
    check(async {
        let process = spawn(process::sleep(secs(10)));
        global::register_name(1, process).unwrap();
        global::register_name(2, process).unwrap();
        let error = global::register_name(1, me()).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("the name \"1\" belongs to {process}; choose another one, or unregister it first")
        );
        global::unregister_name(1);
        global::register_name(1, me()).unwrap();
        process::exit(process, ExitReason::Kill);
        end_of(process).await;
        assert_eq!((global::whereis_name(1), global::whereis_name(2)), (Some(me()), None));
        assert!(global::register_name(2, process).is_err(), "the dead have no names");
        assert_eq!(global::whereis_name(2), None);
        assert!(global::registered_names().iter().any(|name| *name == "1"));
    });
}

// GenServerTest "generates child_spec/1"
#[test]
fn a_server_says_how_it_is_supervised() {
    check(async {
        let sup = Supervisor::new(Strategy::OneForOne).child(Stranger::child_spec(()));
        let sup = sup.start_link().await.unwrap();
        let children = supervisor::which_children(sup).await.unwrap();
        assert_eq!(children[0].id, "Stranger");
        supervisor::stop(sup).await.unwrap();
    });
}
