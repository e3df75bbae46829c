//! System messages. Promises from OTP's `sys_SUITE`, from `get_state` and `replace_state` of its `gen_server_SUITE`, and
//! from the documentation of `sys`.

use super::{assert_empty_mailbox, check, end_of};
use crabtree::gen_server::{CallFailure, CodeChange};
use crabtree::global;
use crabtree::io::string_io;
use crabtree::prelude::*;
use crabtree::sys::{DebugOption, Event};
use std::ops::ControlFlow;

/// A server that counts its requests.
#[derive(Debug, Clone, PartialEq)]
struct Counting(i32);

impl GenServer for Counting {
    type Args = ();

    async fn init((): ()) -> Init<Counting> {
        Init::ok(Counting(0))
    }

    async fn handle_info(&mut self, message: Message) -> Next {
        match message.downcast::<Exit>() {
            Ok(Exit { reason, .. }) => Next::stop(reason),
            Err(_) => Next::noreply().and_continue("more"),
        }
    }

    async fn handle_continue(&mut self, _: Message) -> Next {
        Next::noreply()
    }
}

#[derive(Debug)]
struct Req(i32);

impl HandleCall<Req> for Counting {
    type Reply = i32;

    async fn handle_call(&mut self, Req(n): Req, _: Caller<i32>) -> Reply<i32> {
        self.0 += 1;
        Reply::reply(-n)
    }
}

#[derive(Debug)]
struct Stop;

impl HandleCall<Stop> for Counting {
    type Reply = &'static str;

    async fn handle_call(&mut self, _: Stop, _: Caller<&'static str>) -> Reply<&'static str> {
        Reply::stop(ExitReason::Normal, "ok")
    }
}

async fn counting() -> Server<Counting> {
    gen_server::start_link::<Counting>(()).await.unwrap()
}

async fn req(server: Server<Counting>, n: i32) -> Result<i32, CallFailure> {
    let call = gen_server::call(server, Req(n)).timeout(secs(1));
    call.await.map_err(|error| error.cause)
}

/// A device as the group leader of the caller; what is written there.
struct Printed(Pid);

impl Printed {
    fn begin() -> Printed {
        let device = string_io::open("");
        process::set_group_leader(me(), device);
        Printed(device)
    }

    fn text(&self) -> String {
        string_io::contents(self.0).unwrap().1
    }
}

// ---- Log

// sys_SUITE: log
#[test]
fn a_log_keeps_the_last_events_until_it_is_switched_off() {
    check(async {
        let server = counting().await;
        let me = me();
        sys::log(server, 10).await.unwrap();
        assert_eq!(req(server, 44).await, Ok(-44));
        let expected = [
            format!("got call Req(44) from {me}"),
            format!("sent -44 to {me}, new state Counting(1)"),
        ];
        assert_eq!(sys::get_log(server).await.unwrap(), expected);
        assert_eq!(sys::get_status(server).await.unwrap().log, expected);
        sys::log(server, 1).await.unwrap();
        assert_eq!(sys::get_log(server).await.unwrap(), expected[1..]);
        sys::log(server, 0).await.unwrap();
        assert_eq!(sys::get_log(server).await.unwrap(), [""; 0]);
        assert_eq!(gen_server::call(server, Stop).await, Ok("ok"));
    });
}

// sys_SUITE: log_to_file
#[test]
fn a_file_gets_the_events_as_a_trace_prints_them() {
    let file = std::env::temp_dir().join(format!("crabtree-sys-log-{}", std::process::id()));
    check(async {
        let start = gen_server::start_link::<Counting>(()).name("logged");
        let server = start.await.unwrap();
        sys::log_to_file(server, Some(&file)).await.unwrap();
        assert_eq!(req(server, 44).await, Ok(-44));
        sys::log_to_file(server, None).await.unwrap();
        assert_eq!(req(server, 45).await, Ok(-45));
        let me = me();
        assert_eq!(
            std::fs::read_to_string(&file).unwrap(),
            format!("*DBG* logged got call Req(44) from {me}\n*DBG* logged sent -44 to {me}, new state Counting(1)\n")
        );
    });
    std::fs::remove_file(file).unwrap();
}

// sys:log_to_file/2: "{error, open_file}"
#[test]
fn a_file_that_cannot_be_opened_is_said_and_changes_nothing() {
    check(async {
        let server = counting().await;
        let nowhere = std::path::Path::new("/no/such/directory/log");
        let error = sys::log_to_file(server, Some(nowhere)).await.unwrap_err();
        let said = error.to_string();
        let expected = format!("sys::log_to_file({server}): refused: /no/such/directory/log: ");
        assert!(said.starts_with(&expected), "{said}");
        assert_eq!(req(server, 1).await, Ok(-1));
    });
}

// ---- Statistics

// sys_SUITE: stats; special_process
#[test]
fn messages_are_counted_from_when_it_is_asked_for() {
    check(async {
        let server = counting().await;
        assert_eq!(req(server, 43).await, Ok(-43));
        sys::count(server, true).await.unwrap();
        assert_eq!(req(server, 44).await, Ok(-44));
        process::sleep(ms(10)).await;
        let counted = sys::statistics(server).await.unwrap().unwrap();
        assert_eq!((counted.messages_in, counted.messages_out), (1, 1));
        assert_eq!(counted.elapsed, ms(10));
        assert!(counted.reductions > 0);
        sys::count(server, false).await.unwrap();
        let status = sys::get_status(server).await.unwrap();
        assert_eq!((status.suspended, status.parent), (false, Some(me())));
        assert_eq!(sys::statistics(server).await.unwrap(), None);
    });
}

// ---- Trace

// sys_SUITE: trace; the book's chapter 3.1
#[test]
fn a_trace_prints_what_is_got_and_sent_and_the_state() {
    check(async {
        let printed = Printed::begin();
        let server = counting().await;
        sys::trace(server, true).await.unwrap();
        assert_eq!(req(server, 44).await, Ok(-44));
        send(server, "Hi genserver!");
        sys::trace(server, false).await.unwrap();
        assert_eq!(req(server, 45).await, Ok(-45));
        let me = me();
        assert_eq!(
            printed.text(),
            format!(
                "*DBG* {server} got call Req(44) from {me}\n\
                 *DBG* {server} sent -44 to {me}, new state Counting(1)\n\
                 *DBG* {server} got \"Hi genserver!\"\n\
                 *DBG* {server} new state Counting(1)\n\
                 *DBG* {server} continue \"more\"\n\
                 *DBG* {server} new state Counting(1)\n"
            )
        );
    });
}

// gen_server: a server that stops with an answer sends it as others do
#[test]
fn a_trace_prints_the_last_answer_too() {
    check(async {
        let printed = Printed::begin();
        let server = counting().await;
        sys::trace(server, true).await.unwrap();
        assert_eq!(gen_server::call(server, Stop).await, Ok("ok"));
        let me = me();
        assert_eq!(
            printed.text(),
            format!(
                "*DBG* {server} got call Stop from {me}\n*DBG* {server} sent \"ok\" to {me}, new state Counting(0)\n"
            )
        );
    });
}

// GenServer, options: `:debug` "the corresponding function in the :sys module is invoked"
#[test]
fn a_server_can_be_debugged_from_its_first_message_on() {
    check(async {
        let printed = Printed::begin();
        let start = gen_server::start_link::<Counting>(()).name("debugged");
        let start = start
            .debug(DebugOption::Trace)
            .debug(DebugOption::Log(1))
            .debug(DebugOption::Statistics);
        let server = start.await.unwrap();
        assert_eq!(req(server, 1).await, Ok(-1));
        assert!(printed.text().starts_with("*DBG* debugged got call Req(1)"));
        assert_eq!(sys::get_log(server).await.unwrap().len(), 1);
        assert_eq!(sys::statistics(server).await.unwrap().unwrap().messages_in, 1);
    });
}

#[test]
fn statistics_from_the_start_on_are_those_of_the_server() {
    check(async {
        // Which has done more by now than the server will have.
        for _ in 0..1000 {
            send(me(), ());
            receive! { () => () }
        }
        let start = gen_server::start_link::<Counting>(()).debug(DebugOption::Statistics);
        let server = start.await.unwrap();
        assert_eq!(req(server, 1).await, Ok(-1));
        assert!(sys::statistics(server).await.unwrap().unwrap().reductions > 0);
    });
}

// ---- Suspend and resume

// sys_SUITE: suspend
#[test]
fn a_suspended_server_answers_nobody_until_it_is_resumed() {
    check(async {
        let server = counting().await;
        for _ in 0..2 {
            // Twice is no error.
            sys::suspend(server).timeout(secs(1)).await.unwrap();
            assert_eq!(req(server, 48).await, Err(CallFailure::Timeout(secs(1))));
            assert!(sys::get_status(server).await.unwrap().suspended);
        }
        for _ in 0..2 {
            sys::resume(server).await.unwrap();
            assert!(!sys::get_status(server).await.unwrap().suspended);
            assert_eq!(req(server, 48).await, Ok(-48));
        }
        // What came meanwhile was handled; its answers disappeared.
        assert_eq!(sys::get_state(server).await, Ok(Counting(4)));
        assert_empty_mailbox();
    });
}

// sys:handle_system_msg: a suspended process ends with its parent
#[test]
fn a_suspended_server_ends_with_its_parent() {
    check(async {
        let main = me();
        let parent = spawn(async move {
            let server = counting().await;
            sys::replace_state(server, |_| {
                process::flag(Flag::TrapExit, true);
            })
            .await
            .unwrap();
            sys::suspend(server).await.unwrap();
            send(main, server.pid());
            receive! { "end" => exit("boom") }
        });
        let server = receive! { pid: Pid => pid };
        let watched = process::monitor(server);
        send(parent, "end");
        receive! { Down { monitor, reason, .. } if monitor == watched => assert_eq!(reason, "boom".into()) }
    });
}

// ---- Install

fn spy(name: &'static str, owner: Pid) -> impl FnMut(&Event) -> ControlFlow<()> + Send {
    move |event| {
        if let Event::Got(what) = event {
            send(owner, (name, what.clone()));
        }
        ControlFlow::Continue(())
    }
}

fn spied() -> Vec<(&'static str, String)> {
    let messages = process::flush().into_iter();
    messages.map(|message| message.downcast().unwrap()).collect()
}

// sys_SUITE: install
#[test]
fn a_function_sees_the_events_and_is_installed_once_under_a_name() {
    check(async {
        let server = counting().await;
        let main = me();
        let got = |name, n: i32| (name, format!("call Req({n}) from {main}"));
        sys::install(server, "spy", spy("spy", main)).await.unwrap();
        req(server, 1).await.unwrap();
        sys::no_debug(server).await.unwrap();
        req(server, 2).await.unwrap();
        sys::install(server, "spy", spy("spy", main)).await.unwrap();
        sys::install(server, "spy", spy("a second one", main)).await.unwrap();
        req(server, 3).await.unwrap();
        sys::remove(server, "spy").await.unwrap();
        req(server, 4).await.unwrap();
        assert_eq!(spied(), [got("spy", 1), got("spy", 3)]);
        sys::install(server, "one", spy("one", main)).await.unwrap();
        sys::install(server, "two", spy("two", main)).await.unwrap();
        req(server, 5).await.unwrap();
        assert_eq!(spied(), [got("one", 5), got("two", 5)]);
        sys::remove(server, "one").await.unwrap();
        sys::remove(server, "not installed").await.unwrap();
        req(server, 6).await.unwrap();
        assert_eq!(spied(), [got("two", 6)]);
    });
}

// sys:install/2: "the function returns done", or crashes: it is removed, and the server goes on
#[test]
fn a_function_that_is_done_or_panics_is_removed() {
    check(async {
        let server = counting().await;
        let main = me();
        let once = move |event: &Event| {
            send(main, ("once", event.to_string()));
            ControlFlow::Break(())
        };
        sys::install(server, "once", once).await.unwrap();
        let broken = move |event: &Event| -> ControlFlow<()> {
            send(main, ("broken", event.to_string()));
            panic!("a bad spy")
        };
        sys::install(server, "broken", broken).await.unwrap();
        assert_eq!(req(server, 1).await, Ok(-1));
        assert_eq!(req(server, 2).await, Ok(-2));
        let names: Vec<&str> = spied().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["once", "broken"]);
    });
}

// ---- State

// gen_server_SUITE: get_state
#[test]
fn the_state_is_copied_out_also_while_the_server_is_suspended() {
    check(async {
        let start = gen_server::start_link::<Counting>(()).name("get state");
        let server = start.await.unwrap();
        assert_eq!(sys::get_state(named::<Counting>("get state")).await, Ok(Counting(0)));
        assert_eq!(sys::get_state(server).timeout(secs(5)).await, Ok(Counting(0)));
        sys::suspend(server).await.unwrap();
        assert_eq!(sys::get_state(server).await, Ok(Counting(0)));
        sys::resume(server).await.unwrap();
    });
}

// gen_server_SUITE: replace_state; sys_SUITE: special_process
#[test]
fn the_state_is_replaced_also_while_the_server_is_suspended() {
    check(async {
        let server = counting().await;
        let replaced = sys::replace_state(server, |state| state.0 = 7).timeout(secs(5));
        assert_eq!(replaced.await, Ok(Counting(7)));
        sys::suspend(server).await.unwrap();
        assert_eq!(sys::replace_state(server, |state| state.0 += 1).await, Ok(Counting(8)));
        sys::resume(server).await.unwrap();
        assert_eq!(sys::get_state(server).await, Ok(Counting(8)));
    });
}

// gen_server_SUITE: replace_state, "verify no change in state if replace function crashes"
#[test]
fn a_replacement_that_panics_or_exits_changes_nothing() {
    check(async {
        let server = counting().await;
        let error = sys::replace_state(server, |state| {
            state.0 = 99;
            panic!("half done")
        });
        let said = error.await.unwrap_err().to_string();
        assert!(
            said.starts_with(&format!("sys::replace_state({server}): refused: (panic) half done at ")),
            "{said}"
        );
        assert!(said.ends_with("; the server goes on as before"), "{said}");
        let error = sys::replace_state(server, |_| exit("no")).await.unwrap_err();
        assert_eq!(
            error.cause,
            CallFailure::Refused("no; the server goes on as before".into())
        );
        assert_eq!(sys::get_state(server).await, Ok(Counting(0)));
    });
}

// sys:get_state/1 on something else: here the type is known, so the error can say it
#[test]
fn the_state_of_another_type_of_server_is_not_given_out() {
    check(async {
        agent::start_link(|| 0).name("an agent").await.unwrap();
        let error = sys::get_state(named::<Counting>("an agent")).await.unwrap_err();
        assert_eq!(
            error.cause,
            CallFailure::Refused("the server is a State<i32>, and not a Counting".into())
        );
    });
}

// ---- Status

// gen_server_SUITE: call_format_status, with names of all forms
#[test]
fn a_status_says_who_it_is_however_it_is_named() {
    check(async {
        let start = gen_server::start_link::<Counting>(()).name("call format status");
        let server = start.await.unwrap();
        let status = sys::get_status("call format status").await.unwrap();
        assert_eq!(
            (status.pid, status.name),
            (server.pid(), Some("call format status".into()))
        );
        assert_eq!((status.state.as_str(), status.parent), ("Counting(0)", Some(me())));
        let server = counting().await;
        let status = sys::get_status(server).timeout(secs(5)).await.unwrap();
        assert_eq!((status.pid, status.name), (server.pid(), None));
        let start = gen_server::start::<Counting>(()).via(global::name(("name", "term")));
        let server = start.await.unwrap();
        let status = sys::get_status(global::name(("name", "term"))).await.unwrap();
        assert_eq!((status.pid, status.name, status.parent), (server.pid(), None, None));
    });
}

// sys: every behaviour understands system messages
#[test]
fn supervisors_agents_and_registries_have_a_status() {
    check(async {
        let sup = Supervisor::new(Strategy::OneForOne).start_link().await.unwrap();
        let dynamic = DynamicSupervisor::new().start_link().await.unwrap();
        let agent = agent::start_link(|| 7).await.unwrap();
        assert_eq!(sys::get_status(agent).await.unwrap().state, "7");
        for pid in [sup.pid(), dynamic.pid()] {
            sys::suspend(pid).await.unwrap();
            assert!(sys::get_status(pid).await.unwrap().suspended);
            sys::resume(pid).await.unwrap();
        }
    });
}

// Bad input: the dead, the unknown, oneself, and those who are no servers
#[test]
fn a_question_to_none_that_can_answer_says_why() {
    check(async {
        let dead = counting().await;
        gen_server::stop(dead).await.unwrap();
        let error = sys::get_status(dead).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("sys::get_status({dead}): the process is not alive (noproc)")
        );
        let error = sys::suspend("nobody").await.unwrap_err();
        assert_eq!(error.cause, CallFailure::NoSuchName);
        let error = sys::resume(me()).await.unwrap_err();
        assert_eq!(error.cause, CallFailure::CallingSelf);
        let plain = spawn(process::sleep(secs(100)));
        let error = sys::get_status(plain).timeout(ms(10)).await.unwrap_err();
        assert_eq!(error.cause, CallFailure::Timeout(ms(10)));
    });
}

// ---- Terminate

// sys_SUITE: sync_terminate
#[test]
fn a_terminated_server_is_gone_and_its_name_free() {
    check(async {
        let start = gen_server::start_monitor::<Counting>(()).name("to terminate");
        let (_, watched) = start.await.unwrap();
        sys::terminate("to terminate", ExitReason::Normal).await.unwrap();
        receive! { Down { monitor, reason, .. } if monitor == watched => assert_eq!(reason, ExitReason::Normal) }
        assert_eq!(process::whereis("to terminate"), None);
    });
}

// sys:terminate/2 of a suspended process
#[test]
fn a_suspended_server_can_be_terminated() {
    check(async {
        let (server, watched) = gen_server::start_monitor::<Counting>(()).await.unwrap();
        sys::suspend(server).await.unwrap();
        sys::terminate(server, ExitReason::Shutdown).await.unwrap();
        receive! { Down { monitor, reason, .. } if monitor == watched => assert_eq!(reason, ExitReason::Shutdown) }
    });
}

// ---- Change of code

/// What a [`Counting`] becomes.
#[derive(Debug, Clone, PartialEq)]
struct Tally {
    requests: i32,
    unit: &'static str,
}

impl GenServer for Tally {
    type Args = ();

    async fn init((): ()) -> Init<Tally> {
        Init::stop("there are no new ones")
    }
}

impl HandleCall<Req> for Tally {
    type Reply = String;

    async fn handle_call(&mut self, Req(n): Req, _: Caller<String>) -> Reply<String> {
        self.requests += n;
        Reply::reply(format!("{} {}", self.requests, self.unit))
    }
}

/// What a change is to do.
#[derive(Debug)]
enum Extra {
    Unit(&'static str),
    Error,
    Panic,
}

impl CodeChange<Counting> for Tally {
    type Extra = Extra;

    fn code_change(old: &mut Counting, extra: Extra) -> Result<Tally, ExitReason> {
        match extra {
            Extra::Unit(unit) => Ok(Tally { requests: old.0, unit }),
            Extra::Error => Err("not now".into()),
            Extra::Panic => panic!("cannot change"),
        }
    }
}

// GenServer.code_change/3: "{:ok, new_state}"
#[test]
fn a_running_server_becomes_one_of_another_type_and_keeps_all_else() {
    check(async {
        let start = gen_server::start_link::<Counting>(()).name("changed");
        let old = start.await.unwrap();
        req(old, 1).await.unwrap();
        sys::log(old, 10).await.unwrap();
        sys::suspend(old).await.unwrap();
        send(old, "waits");
        let new = sys::change_code::<Tally, _>(old, Extra::Unit("requests"))
            .await
            .unwrap();
        sys::resume(new).await.unwrap();
        assert_eq!(new.pid(), old.pid());
        assert_eq!(gen_server::call(new, Req(5)).await.unwrap(), "6 requests");
        assert_eq!(
            gen_server::call(named::<Tally>("changed"), Req(1)).await.unwrap(),
            "7 requests"
        );
        assert_eq!(process::info(me()).unwrap().links, [new.pid()]);
        assert!(!sys::get_log(new).await.unwrap().is_empty());
        // Who still takes it for the old one is told.
        assert_eq!(
            req(old, 1).await,
            Err(CallFailure::Refused("the server is a Tally, and not a Counting".into()))
        );
        let again = sys::change_code::<Tally, _>(old, Extra::Unit("")).await.unwrap_err();
        assert_eq!(
            again.cause,
            CallFailure::Refused("the server is a Tally, and not a Counting".into())
        );
    });
}

// GenServer.code_change/3: "{:error, reason} fails the code change", "raises: the loop will continue with its previous
// state"; gen_server_SUITE: undef_code_change
#[test]
fn a_change_of_code_that_fails_leaves_the_server_as_it_was() {
    check(async {
        let server = counting().await;
        req(server, 1).await.unwrap();
        let error = sys::change_code::<Tally, _>(server, Extra::Error).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("sys::change_code({server}): refused: not now; the server goes on as before")
        );
        sys::suspend(server).await.unwrap();
        let error = sys::change_code::<Tally, _>(server, Extra::Panic).await.unwrap_err();
        assert!(error.to_string().contains("cannot change"), "{error}");
        sys::resume(server).await.unwrap();
        assert_eq!(req(server, 2).await, Ok(-2));
        assert_eq!(sys::get_state(server).await, Ok(Counting(2)));
    });
}

// sys:change_code of a child: after a restart the specification counts
#[test]
fn a_changed_child_is_restarted_as_its_specification_says() {
    check(async {
        let sup = Supervisor::new(Strategy::OneForOne)
            .child(Counting::child_spec(()).name("changed child"))
            .start_link()
            .await
            .unwrap();
        let old = gen_server::whereis::<Counting>("changed child").unwrap();
        let new = sys::change_code::<Tally, _>(old, Extra::Unit("")).await.unwrap();
        process::exit(new, "crash");
        end_of(new.pid()).await;
        supervisor::which_children(sup).await.unwrap();
        let again = gen_server::whereis::<Counting>("changed child").unwrap();
        assert_ne!(again.pid(), old.pid());
        assert_eq!(req(again, 1).await, Ok(-1));
        supervisor::stop(sup).await.unwrap();
    });
}
