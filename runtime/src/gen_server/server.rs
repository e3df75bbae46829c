//! The loop of a server: receive, decode, handle, until something ends it.
//!
//! It does not know the type of its server, so that it is compiled once.

use super::callbacks::{AnyInit, AnyServer, Crash, Room, caught, finish, guard, guarded, shown};
use super::request::{Handled, Handler, Handling};
use super::returns::{Init, Initial, Next, Then, Timeout};
use super::system::{Ask, Debugging, System, stranger};
use crate::message::Message;
use crate::pid::Pid;
use crate::process::call::Origin;
use crate::process::scan::{Scan, poll_oldest};
use crate::process::{self, Exit, Place};
use crate::sys::{Event, Status};
use crate::type_name::without_paths;
use crate::{ExitReason, exit, me, report};
use std::fmt::{self, Write};
use std::future::poll_fn;
use std::time::Duration;
use tokio::time::Instant;

/// What `init` says to the starter.
#[derive(Debug)]
pub(super) enum Started {
    Ok,
    Ignore,
    Failed(ExitReason),
}

/// Whether a process that waits at that place is a server that waits for the next message.
pub(crate) fn is_at_rest(place: Place) -> bool {
    place.file() == file!()
}

/// What a server begins with.
pub(super) struct Birth {
    pub(super) init: AnyInit,
    pub(super) starter: Origin,
    /// The process that linked itself to it when it started it.
    pub(super) parent: Option<Pid>,
    pub(super) hibernate_after: Option<Duration>,
    pub(super) debugging: Debugging,
}

/// The life of a server.
pub(super) async fn life(birth: Birth) {
    let starter = birth.starter;
    let (server, then) = match guard(birth.init).await {
        Ok(Init {
            initial: Initial::Ok(server),
            then,
        }) => (server, then),
        Ok(Init {
            initial: Initial::Ignore,
            ..
        }) => {
            free_name();
            starter.reply(Started::Ignore);
            return;
        }
        Ok(Init {
            initial: Initial::Stop(reason),
            ..
        }) => fail(starter, reason),
        Err(Crash { reason, panicked }) => {
            if panicked {
                report::error(&format!("{} could not start", report::who()), &reason, &[]);
            }
            fail(starter, reason)
        }
    };
    starter.reply(Started::Ok);
    let mut server = Serving {
        server,
        room: Room::new(),
        parent: birth.parent,
        hibernate_after: birth.hibernate_after,
        debugging: birth.debugging,
        last: None,
    };
    let end = server.serve(then).await;
    server.terminate(end).await;
}

/// The name is free before the starter learns of the failure, or a second try would meet `AlreadyStarted`.
fn fail(starter: Origin, reason: ExitReason) -> ! {
    free_name();
    starter.reply(Started::Failed(reason.clone()));
    exit(reason)
}

fn free_name() {
    if let Some(name) = report::name_of_current() {
        // Nobody else takes the name of a living process away, and if so it is free as well.
        drop(process::unregister(name));
    }
}

/// Why the loop ended.
struct End {
    reason: ExitReason,
    /// An answer that waits for `terminate`.
    answer: Option<(Origin, Message)>,
}

/// What a server handles, as reports name it.
enum Last {
    Request {
        handler: &'static Handler,
        from: Option<Pid>,
    },
    Text(String),
}

/// A server at work.
struct Serving {
    server: Box<dyn AnyServer>,
    /// Where its callbacks run.
    room: Room,
    parent: Option<Pid>,
    hibernate_after: Option<Duration>,
    debugging: Debugging,
    /// What it handles, or handled last, for the report.
    last: Option<Last>,
}

/// What the loop has to deal with next.
enum Task {
    End(ExitReason),
    Continue(Message),
    /// A request, or anything else that came.
    Handle(Message),
}

impl Serving {
    async fn serve(&mut self, mut then: Option<Box<Then>>) -> End {
        loop {
            let task = self.next(then).await;
            let origin = match &task {
                Task::Handle(message) => Origin::of(message),
                Task::Continue(_) | Task::End(_) => None,
            };
            let handled = match self.begin(task) {
                Ok(Begun::Callback(callback)) => finish(callback).await,
                Ok(Begun::Over(next)) => Ok(next.into()),
                Err(crash) => Err(crash),
            };
            let (next, answer) = match handled {
                Ok(Handled { next, answer }) => (next, origin.zip(answer)),
                Err(Crash { reason, .. }) => (Next::stop(reason), None),
            };
            if let Some(reason) = next.stop {
                return End { reason, answer };
            }
            self.answer(answer);
            then = next.then;
        }
    }

    /// Waits for what is to be handled, and deals with system messages meanwhile.
    async fn next(&mut self, then: Option<Box<Then>>) -> Task {
        let then = then.map_or_else(Then::default, |then| *then);
        if let Some(continuation) = then.continuation {
            return Task::Continue(continuation);
        }
        let timeout = match (then.timeout, then.timeout_message) {
            // OTP: it is there before any message that waits.
            (Some(Duration::ZERO), Some(message)) => return Task::Handle(message),
            (timeout, message) => timeout.map(|time| (Instant::now().checked_add(time), message)),
        };
        let deadline = timeout.as_ref().and_then(|(deadline, _)| *deadline);
        let mut hibernate = then.hibernate;
        loop {
            if hibernate {
                self.room.free();
                process::shrink();
            }
            let awake = self.hibernate_after.filter(|_| !hibernate && deadline.is_none());
            let until = deadline.or_else(|| awake.and_then(|awake| Instant::now().checked_add(awake)));
            let place = Place::caller();
            let Some(message) = poll_fn(|context| poll_oldest(context, until, place)).await else {
                match timeout {
                    Some((Some(_), message)) => return Task::Handle(message.unwrap_or_else(|| Message::new(Timeout))),
                    _ => hibernate = true,
                }
                continue;
            };
            match self.decode(message) {
                Decoded::Task(task) => return task,
                Decoded::System(origin, ask) => Box::pin(self.system(origin, ask)).await,
            }
        }
    }

    fn decode(&self, message: Message) -> Decoded {
        if message.handler().is_some() {
            return Decoded::Task(Task::Handle(message));
        }
        let message = match message.downcast::<System>() {
            Ok(System::Terminate(reason)) => return Decoded::Task(Task::End(reason)),
            Ok(System::Ask(origin, ask)) => return Decoded::System(origin, ask),
            Err(message) => message,
        };
        Decoded::Task(match self.end_of_parent(&message) {
            Some(reason) => Task::End(reason),
            None => Task::Handle(message),
        })
    }

    /// OTP: a server that traps exits terminates when its parent does.
    fn end_of_parent(&self, message: &Message) -> Option<ExitReason> {
        let exit = message.downcast_ref::<Exit>()?;
        (Some(exit.from) == self.parent).then(|| exit.reason.clone())
    }

    async fn system(&mut self, origin: Origin, ask: Ask) {
        match ask {
            Ask::Visit(visit) | Ask::ChangeCode(visit) => visit.run(&mut self.server, origin),
            Ask::Status => origin.reply(self.status(false)),
            Ask::Suspend => {
                origin.reply(());
                self.suspended().await;
            }
            // It is not suspended.
            Ask::Resume => origin.reply(()),
            Ask::Debug(switch) => {
                self.debugging.switch(switch);
                origin.reply(());
            }
            Ask::Counted => origin.reply(self.debugging.counted()),
            Ask::Logged => origin.reply(self.debugging.logged()),
        }
    }

    /// Handles nothing but system messages until it may go on. What else comes waits in the mailbox.
    async fn suspended(&mut self) {
        loop {
            let mut scan = Scan::new(None);
            let message = loop {
                let Some(message) = scan.next().await else { continue };
                let ends = self.end_of_parent(&message).is_some();
                match message.downcast::<System>() {
                    Ok(message) => break message,
                    Err(message) => {
                        scan.keep(message);
                        if ends {
                            // The loop finds it again, and ends.
                            return;
                        }
                    }
                }
            };
            drop(scan);
            match message {
                System::Ask(origin, Ask::Resume) => return origin.reply(()),
                System::Ask(origin, Ask::Suspend) => origin.reply(()),
                System::Ask(origin, Ask::Status) => origin.reply(self.status(true)),
                System::Ask(origin, other) => Box::pin(self.system(origin, other)).await,
                System::Terminate(reason) => {
                    crate::send(me(), System::Terminate(reason));
                    return;
                }
            }
        }
    }

    fn status(&self, suspended: bool) -> Status {
        Status {
            pid: me(),
            name: report::name_of_current().map(Into::into),
            suspended,
            parent: self.parent,
            state: shown(&*self.server),
            log: self.debugging.logged(),
        }
    }

    /// Begins what is to be done, and notes what it is.
    fn begin(&mut self, task: Task) -> Result<Begun<'_>, Crash> {
        if self.debugging.is_on() {
            self.event(&match &task {
                Task::End(_) => None,
                Task::Continue(value) => Some(Event::Continue(text(value))),
                Task::Handle(message) => Some(Event::Got(text(message))),
            });
        }
        self.last = match &task {
            Task::End(_) => None,
            Task::Continue(value) => Some(Last::Text(format!("continue {}", shortened(value)))),
            Task::Handle(message) => Some(match message.handler() {
                Some(handler) => Last::Request {
                    handler,
                    from: Origin::of(message).map(|origin| origin.pid),
                },
                None => Last::Text(shortened(message)),
            }),
        };
        let Serving { server, room, .. } = self;
        let callback = match task {
            Task::End(reason) => return Ok(Begun::Over(Next::stop(reason))),
            Task::Continue(value) => caught(|| server.handle_continue(value, room))?,
            Task::Handle(message) => match message.handler() {
                Some(handler) if handler.is_for(server.state_mut()) => {
                    caught(|| handler.begin(message, server.state_mut(), room))?
                }
                Some(handler) => {
                    refuse(&**server, handler, &message);
                    return Ok(Begun::Over(Next::noreply()));
                }
                None => caught(|| server.handle_info(message, room))?,
            },
        };
        Ok(Begun::Callback(callback))
    }

    /// Sends the answer to what was handled.
    fn answer(&mut self, answer: Option<(Origin, Message)>) {
        if self.debugging.is_on() {
            let state = shown(&*self.server);
            self.event(&Some(match &answer {
                Some((origin, answer)) => Event::Sent {
                    answer: text(answer),
                    to: origin.pid,
                    state,
                },
                None => Event::NewState(state),
            }));
        }
        if let Some((origin, answer)) = answer {
            origin.reply_message(answer);
        }
    }

    fn event(&mut self, event: &Option<Event>) {
        if let Some(event) = event {
            let who = report::name_of_current().unwrap_or_else(|| me().to_string());
            self.debugging.event(&who, event);
        }
    }

    async fn terminate(mut self, end: End) -> ! {
        let server = &mut self.server;
        let reason = match guard(|| server.terminate(&end.reason)).await {
            Ok(()) => end.reason,
            Err(crash) => crash.reason,
        };
        if !reason.is_orderly() {
            self.report(&reason);
        }
        if end.answer.is_some() {
            self.answer(end.answer);
        }
        // What the state's destructor does is over when others learn of the end.
        drop(self);
        exit(reason)
    }

    fn report(&self, reason: &ExitReason) {
        let mut details = Vec::new();
        let of_whom;
        match &self.last {
            Some(Last::Request {
                handler,
                from: Some(pid),
            }) => {
                of_whom = format!("Last message (from {pid})");
                details.push((&*of_whom, without_paths(handler.name())));
            }
            Some(Last::Request { handler, from: None }) => {
                details.push(("Last message", without_paths(handler.name())));
            }
            Some(Last::Text(text)) => details.push(("Last message", text.clone())),
            None => {}
        }
        details.push(("State", shown(&*self.server)));
        details.extend(self.debugging.logged().into_iter().map(|event| ("Log", event)));
        report::error(&format!("GenServer {} terminating", report::who()), reason, &details);
    }
}

/// What became of something that was to be done.
enum Begun<'a> {
    Callback(Handling<'a>),
    Over(Next),
}

/// OTP's servers crash when they do not know a request. Here only a caller can be wrong about the type of a server, so
/// it is the caller who hears of it.
fn refuse(server: &dyn AnyServer, handler: &Handler, request: &Message) {
    match Origin::of(request) {
        Some(origin) => origin.reply(stranger(server, &handler.server_name())),
        None => unknown(request),
    }
}

enum Decoded {
    Task(Task),
    System(Origin, Ask),
}

/// What `Debug` says. If it panics, that is no reason to end.
fn text(value: &impl fmt::Debug) -> String {
    guarded(|| format!("{value:?}")).unwrap_or_else(|_| "<its Debug panicked>".to_owned())
}

/// How much of a message reports show. It is shown before every message is handled, so it must not take long.
const SHOWN: usize = 200;

/// The beginning of what `Debug` says.
fn shortened(message: &Message) -> String {
    struct Beginning(String);

    impl Write for Beginning {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            let end = text.floor_char_boundary(SHOWN - self.0.len());
            self.0.push_str(&text[..end]);
            if end < text.len() { Err(fmt::Error) } else { Ok(()) }
        }
    }

    let mut beginning = Beginning(String::new());
    let complete = guarded(|| write!(beginning, "{message:?}"));
    match complete {
        Ok(Ok(())) => beginning.0,
        Ok(Err(fmt::Error)) => beginning.0 + "…",
        Err(_) => text(message),
    }
}

/// What a server does that is to continue and does not know how.
pub(super) fn no_handle_continue(value: &Message) -> Next {
    Next::stop(format!(
        "a callback returned and_continue({value:?}), and the server has no handle_continue"
    ))
}

/// What a server does with a message that it does not know.
pub(crate) fn unknown(message: &dyn fmt::Debug) {
    let text = format!(
        "[warning] GenServer {} received an unexpected message: {message:?}\n",
        report::who()
    );
    crate::io::write(crate::io::Stream::Stderr, &text);
}
