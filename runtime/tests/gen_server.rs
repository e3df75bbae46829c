//! What servers promise beyond starting and answering: continue, timeout, system messages.

mod common;

use common::check;
use crabtree::gen_server::Timeout;
use crabtree::prelude::*;

/// A server that notes what happens to it, and answers with its notes.
#[derive(Debug, Clone, Default)]
struct Diary(Vec<String>);

#[derive(Debug, Clone, Copy)]
enum Begin {
    Plain,
    Continue,
    Timeout,
}

impl GenServer for Diary {
    type Args = Begin;

    async fn init(begin: Begin) -> Init<Diary> {
        let init = Init::ok(Diary::default());
        match begin {
            Begin::Plain => init,
            Begin::Continue => init.and_continue("from init"),
            Begin::Timeout => init.timeout(ms(100)),
        }
    }

    async fn handle_continue(&mut self, value: Message) -> Next {
        self.0.push(format!("continue {value:?}"));
        match value.downcast::<u8>() {
            Ok(0) | Err(_) => Next::noreply(),
            Ok(n) => Next::noreply().and_continue(n - 1),
        }
    }

    async fn handle_info(&mut self, message: Message) -> Next {
        match message.downcast::<Timeout>() {
            Ok(Timeout) => self.0.push("timeout".to_owned()),
            Err(message) => self.0.push(format!("info {message:?}")),
        }
        Next::noreply()
    }

    fn format_status(&self) -> String {
        format!("a diary of {} lines", self.0.len())
    }
}

#[derive(Debug)]
struct Read;

impl HandleCall<Read> for Diary {
    type Reply = Vec<String>;

    async fn handle_call(&mut self, _: Read, _: Caller<Vec<String>>) -> Reply<Vec<String>> {
        Reply::reply(self.0.clone())
    }
}

#[derive(Debug)]
struct Do(Next2);

#[derive(Debug)]
enum Next2 {
    Continue(u8),
    Timeout,
    Hibernate,
}

impl HandleCast<Do> for Diary {
    async fn handle_cast(&mut self, Do(next): Do) -> Next {
        match next {
            Next2::Continue(n) => Next::noreply().and_continue(n),
            Next2::Timeout => Next::noreply().timeout(ms(50)),
            Next2::Hibernate => Next::noreply().hibernate(),
        }
    }
}

async fn read(diary: Server<Diary>) -> Vec<String> {
    gen_server::call(diary, Read).await.unwrap()
}

#[test]
fn continue_comes_before_every_message() {
    check(async {
        let diary = gen_server::start_link::<Diary>(Begin::Continue).await.unwrap();
        send(diary, 1);
        assert_eq!(read(diary).await, ["continue \"from init\"", "info 1"]);
        gen_server::cast(diary, Do(Next2::Continue(2)));
        send(diary, 2);
        assert_eq!(
            read(diary).await[2..],
            ["continue 2", "continue 1", "continue 0", "info 2"]
        );
    });
}

#[test]
fn a_timeout_comes_when_no_message_does() {
    check(async {
        let diary = gen_server::start_link::<Diary>(Begin::Timeout).await.unwrap();
        process::sleep(ms(99)).await;
        send(diary, "in time");
        process::sleep(ms(500)).await;
        assert_eq!(read(diary).await, ["info \"in time\""]);
        gen_server::cast(diary, Do(Next2::Timeout));
        process::sleep(ms(60)).await;
        assert_eq!(read(diary).await[1..], ["timeout"]);
        process::sleep(ms(500)).await;
        assert_eq!(read(diary).await.len(), 2, "a timeout is for one wait");
    });
}

#[test]
fn a_server_that_hibernates_wakes_for_the_next_message() {
    check(async {
        let diary = gen_server::start_link::<Diary>(Begin::Plain).await.unwrap();
        gen_server::cast(diary, Do(Next2::Hibernate));
        send(diary, "awake");
        assert_eq!(read(diary).await, ["info \"awake\""]);
    });
}

#[test]
fn a_suspended_server_waits_and_loses_nothing() {
    check(async {
        let diary = gen_server::start_link::<Diary>(Begin::Plain).await.unwrap();
        sys::suspend(diary).await.unwrap();
        assert!(sys::get_status(diary).await.unwrap().suspended);
        send(diary, "later");
        assert_eq!(sys::get_state(diary).await.unwrap().0, [] as [&str; 0]);
        sys::resume(diary).await.unwrap();
        assert!(!sys::get_status(diary).await.unwrap().suspended);
        assert_eq!(read(diary).await, ["info \"later\""]);
    });
}

#[test]
fn a_suspended_server_can_be_stopped() {
    check(async {
        let diary = gen_server::start_link::<Diary>(Begin::Plain).await.unwrap();
        sys::suspend(diary).await.unwrap();
        gen_server::stop(diary).await.unwrap();
        assert!(!process::is_alive(diary));
    });
}

#[test]
fn status_is_shown_as_the_server_wishes() {
    check(async {
        let diary = gen_server::start_link::<Diary>(Begin::Continue)
            .name("my-diary")
            .await
            .unwrap();
        let status = sys::get_status("my-diary").await.unwrap();
        assert_eq!(status.state, "a diary of 1 lines");
        assert_eq!((status.pid, status.parent), (diary.pid(), Some(me())));
    });
}

#[test]
fn replace_state_changes_it_between_two_messages() {
    check(async {
        let diary = gen_server::start_link::<Diary>(Begin::Plain).await.unwrap();
        let new = sys::replace_state(diary, |diary| diary.0.push("forged".to_owned()))
            .await
            .unwrap();
        assert_eq!(new.0, ["forged"]);
        assert_eq!(read(diary).await, ["forged"]);
    });
}

#[test]
fn events_are_counted_and_kept_when_asked_for() {
    check(async {
        let diary = gen_server::start_link::<Diary>(Begin::Plain).await.unwrap();
        assert_eq!(sys::statistics(diary).await.unwrap(), None);
        sys::count(diary, true).await.unwrap();
        sys::log(diary, 3).await.unwrap();
        send(diary, 1);
        read(diary).await;
        let counted = sys::statistics(diary).await.unwrap().unwrap();
        assert_eq!((counted.messages_in, counted.messages_out), (2, 1));
        let me = me();
        assert_eq!(
            sys::get_log(diary).await.unwrap(),
            [
                "new state a diary of 1 lines".to_owned(),
                format!("got call Read from {me}"),
                format!("sent [\"info 1\"] to {me}, new state a diary of 1 lines"),
            ]
        );
    });
}

#[test]
fn system_messages_do_not_reset_a_timeout_to_nothing() {
    check(async {
        let diary = gen_server::start_link::<Diary>(Begin::Timeout).await.unwrap();
        process::sleep(ms(10)).await;
        sys::get_status(diary).await.unwrap();
        process::sleep(ms(101)).await;
        assert_eq!(read(diary).await, ["timeout"]);
    });
}
