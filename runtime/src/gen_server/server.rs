//! What a server does at each step of its [life](super::life).
//!
//! It does not know the type of its server, so that it is compiled once.

use super::callbacks::{AnyServer, Room, caught, guard, guarded, shown};
use super::request::{Handled, Handler, Handling};
use super::returns::{Next, Then, Timeout};
use super::system::{Ask, Debugging, System, stranger};
use crate::message::Message;
use crate::pid::Pid;
use crate::process::call::Origin;
use crate::process::scan::{Scan, poll_oldest};
use crate::process::{self, Down, Exit, Place};
use crate::sys::{Event, Status};
use crate::type_name::without_paths;
use crate::{ExitReason, exit, me, report};
use std::fmt::{self, Write};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::Instant;

/// Whether a process that waits at that place is a server that waits for the next message.
pub(crate) fn is_at_rest(place: Place) -> bool {
    place.file() == file!()
}

/// Why a server ends.
pub(super) struct End {
    reason: ExitReason,
    /// An answer that waits for `terminate`.
    answer: Option<Message>,
}

impl End {
    pub(super) fn of(reason: ExitReason) -> End {
        End { reason, answer: None }
    }
}

/// A server at work.
pub(super) struct Serving {
    server: Box<dyn AnyServer>,
    /// Where its callbacks run.
    room: Room,
    parent: Option<Pid>,
    /// The request that it handles, or handled last.
    last: Option<&'static Handler>,
    /// Who waits for the answer to that.
    origin: Option<Origin>,
    /// Made when first needed.
    extras: Option<Box<Extras>>,
}

/// What few servers have.
#[derive(Default)]
struct Extras {
    hibernate_after: Option<Duration>,
    debugging: Debugging,
    /// What it handles, or handled last, for the report; `None` if that is a request.
    last: Option<Last>,
}

/// What is no request, for the report.
enum Last {
    Text(String),
    /// Copied more quickly than shown, and few of them are ever shown.
    Exit(Exit),
    Down(Down),
}

impl Last {
    #[cold]
    fn of(task: &Task) -> Last {
        let message = match task {
            Task::Continue(value) => return Last::Text(format!("continue {}", shortened(value))),
            Task::Handle(message) => message,
        };
        // What a reason owns is not kept.
        let is_plain = |reason: &ExitReason| {
            !matches!(
                reason,
                ExitReason::ShutdownWith(_) | ExitReason::Panic(_) | ExitReason::Other(_)
            )
        };
        match (message.downcast_ref::<Exit>(), message.downcast_ref::<Down>()) {
            (Some(exit), _) if is_plain(&exit.reason) => Last::Exit(exit.clone()),
            (_, Some(down)) if is_plain(&down.reason) => Last::Down(down.clone()),
            _ => Last::Text(shortened(message)),
        }
    }

    fn shown(&self) -> String {
        match self {
            Last::Text(text) => text.clone(),
            Last::Exit(exit) => shortened(exit),
            Last::Down(down) => shortened(down),
        }
    }
}

/// What a server has to deal with.
pub(super) enum Task {
    Continue(Message),
    /// A request, or anything else that came.
    Handle(Message),
}

/// What a server that waits was told.
pub(super) enum Heard {
    Task(Task),
    End(ExitReason),
    System(Origin, Ask),
}

/// How far a callback got at once.
pub(super) enum Begun {
    Over(Handled),
    /// It waits for something.
    Waits(Handling<'static>),
}

impl Serving {
    pub(super) fn new(
        server: Box<dyn AnyServer>,
        parent: Option<Pid>,
        hibernate_after: Option<Duration>,
        debugging: Debugging,
    ) -> Serving {
        let has_extras = hibernate_after.is_some() || debugging.is_on();
        let extras = Extras {
            hibernate_after,
            debugging,
            last: None,
        };
        Serving {
            server,
            room: Room::new(),
            parent,
            last: None,
            origin: None,
            extras: has_extras.then(|| Box::new(extras)),
        }
    }

    /// Gets ready to wait as the last callback asked for, unless there is something to do already.
    #[inline]
    pub(super) fn rest(&mut self, then: &mut Option<Box<Then>>) -> Option<Task> {
        // Mostly nothing was asked for.
        match then.is_some() || self.extras.is_some() {
            true => self.rest_as_asked(then),
            false => None,
        }
    }

    #[inline(never)]
    fn rest_as_asked(&mut self, then: &mut Option<Box<Then>>) -> Option<Task> {
        if let Some(then) = then {
            if let Some(continuation) = then.continuation.take() {
                return Some(Task::Continue(continuation));
            }
            // OTP: it is there before any message that waits.
            if then.timeout == Some(Duration::ZERO)
                && let Some(message) = then.timeout_message.take()
            {
                return Some(Task::Handle(message));
            }
            if then.until.is_none() {
                then.until = then.timeout.and_then(|time| Instant::now().checked_add(time));
            }
        }
        self.doze(then);
        None
    }

    /// Hibernates, or notes when to do so, as far as that was asked for.
    fn doze(&mut self, then: &mut Option<Box<Then>>) {
        let hibernate_after = self.extras.as_ref().and_then(|extras| extras.hibernate_after);
        match then {
            Some(then) if then.hibernate => {
                self.room.free();
                process::shrink();
            }
            Some(then) if then.timeout.is_some() && then.until.is_some() => {}
            _ => {
                if let Some(time) = hibernate_after {
                    let then = then.get_or_insert_default();
                    (then.timeout, then.until) = (None, Instant::now().checked_add(time));
                }
            }
        }
    }

    /// Waits for what there is to do.
    pub(super) fn poll_next(&mut self, context: &mut Context<'_>, then: &mut Option<Box<Then>>) -> Poll<Heard> {
        loop {
            let until = then.as_ref().and_then(|then| then.until);
            let Some(message) = ready!(poll_oldest(context, until, Place::caller())) else {
                let over = then.get_or_insert_default();
                if over.timeout.is_some() {
                    let message = over.timeout_message.take();
                    let message = message.unwrap_or_else(|| Message::new(Timeout));
                    return Poll::Ready(Heard::Task(Task::Handle(message)));
                }
                (over.hibernate, over.until) = (true, None);
                self.doze(then);
                continue;
            };
            return Poll::Ready(self.decode(message));
        }
    }

    fn decode(&self, message: Message) -> Heard {
        if message.handler().is_some() {
            return Heard::Task(Task::Handle(message));
        }
        let origin = Origin::of(&message);
        let message = match message.downcast() {
            Ok(System::Terminate(reason)) => return Heard::End(reason),
            Ok(System::Ask(ask)) => return Heard::System(origin.expect("it was called"), ask),
            Err(message) => message,
        };
        match self.end_of_parent(&message) {
            Some(reason) => Heard::End(reason),
            None => Heard::Task(Task::Handle(message)),
        }
    }

    /// OTP: a server that traps exits terminates when its parent does.
    fn end_of_parent(&self, message: &Message) -> Option<ExitReason> {
        let exit = message.downcast_ref::<Exit>()?;
        (Some(exit.from) == self.parent).then(|| exit.reason.clone())
    }

    /// Does what a system message asks for.
    pub(super) async fn system(&mut self, origin: Origin, ask: Ask) {
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
                self.extras_mut().debugging.switch(switch);
                origin.reply(());
            }
            Ask::Counted => {
                let debugging = self.extras.as_ref().map(|extras| &extras.debugging);
                origin.reply(debugging.and_then(Debugging::counted));
            }
            Ask::Logged => origin.reply(self.logged()),
        }
    }

    /// Handles nothing but system messages until it may go on. What else comes waits in the mailbox.
    async fn suspended(&mut self) {
        loop {
            let mut scan = Scan::new(None);
            let message = loop {
                let Some(message) = scan.next().await else { continue };
                let ends = self.end_of_parent(&message).is_some();
                let origin = Origin::of(&message);
                match message.downcast() {
                    Ok(System::Ask(ask)) => break Ok((origin.expect("it was called"), ask)),
                    Ok(System::Terminate(reason)) => break Err(reason),
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
                Ok((origin, Ask::Resume)) => return origin.reply(()),
                Ok((origin, Ask::Suspend)) => origin.reply(()),
                Ok((origin, Ask::Status)) => origin.reply(self.status(true)),
                Ok((origin, other)) => Box::pin(self.system(origin, other)).await,
                Err(reason) => {
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
            log: self.logged(),
        }
    }

    fn extras_mut(&mut self) -> &mut Extras {
        self.extras.get_or_insert_default()
    }

    fn logged(&self) -> Vec<String> {
        let debugging = self.extras.as_ref().map(|extras| &extras.debugging);
        debugging.map_or_else(Vec::new, Debugging::logged)
    }

    /// Whether somebody wants to know what the server does.
    fn is_watched(&self) -> bool {
        self.extras.as_ref().is_some_and(|extras| extras.debugging.is_on())
    }

    /// Begins what is to be done, and notes what it is.
    ///
    /// # Safety
    /// Until a callback that waits is dropped, nothing else touches the server, and it does not end.
    #[inline]
    pub(super) unsafe fn begin(&mut self, task: Task, context: &mut Context<'_>) -> Result<Begun, End> {
        self.note(&task);
        let Serving { server, room, .. } = self;
        let mut callback = None;
        let polled = caught(|| {
            let begun = match task {
                Task::Continue(value) => Ok(server.handle_continue(value, room)),
                Task::Handle(message) => match message.handler() {
                    Some(handler) => handler.begin(message, &mut **server, room),
                    None => Ok(server.handle_info(message, room)),
                },
            };
            // SAFETY: it is over when this is, or else it waits, and the caller sees to it.
            match begun.map(|begun| unsafe { begun.detached() }) {
                Ok(begun) => Pin::new(callback.insert(begun)).poll(context),
                Err(request) => {
                    refuse(&**server, &request);
                    Poll::Ready(Next::noreply().into())
                }
            }
        });
        match (polled, callback) {
            (Ok(Poll::Pending), Some(callback)) => Ok(Begun::Waits(callback)),
            (Ok(Poll::Ready(handled)), _) => Ok(Begun::Over(handled)),
            (Ok(Poll::Pending), None) => unreachable!("nothing waits but a callback"),
            (Err(crash), _) => Err(End::of(crash.reason)),
        }
    }

    #[inline]
    fn note(&mut self, task: &Task) {
        if let Some(extras) = &mut self.extras {
            extras.last = None;
            self.tell_of(task);
        }
        (self.last, self.origin) = match task {
            Task::Handle(message) => (message.handler(), Origin::of(message)),
            Task::Continue(_) => (None, None),
        };
        if self.last.is_none() {
            self.extras_mut().last = Some(Last::of(task));
        }
    }

    /// Shows those who watch what is about to be done.
    #[cold]
    fn tell_of(&mut self, task: &Task) {
        if self.is_watched() {
            self.event(&Some(match task {
                Task::Continue(value) => Event::Continue(text(value)),
                Task::Handle(message) => Event::Got(text(message)),
            }));
        }
    }

    /// It ends on behalf of somebody else, and not for what it handled.
    pub(super) fn told_to_end(&mut self, reason: ExitReason) -> End {
        (self.last, self.origin) = (None, None);
        if let Some(extras) = &mut self.extras {
            extras.last = None;
        }
        End::of(reason)
    }

    /// Answers what was handled, if the server goes on, and says what it waits for then.
    #[inline]
    pub(super) fn handled(&mut self, Handled { next, answer }: Handled) -> Result<Option<Box<Then>>, End> {
        if let Some(reason) = next.stop {
            return Err(End { reason, answer });
        }
        if answer.is_some() || self.extras.is_some() {
            self.answer(answer);
        }
        Ok(next.then)
    }

    /// Sends the answer to what was handled.
    fn answer(&mut self, answer: Option<Message>) {
        let answer = self.origin.zip(answer);
        if self.is_watched() {
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
            self.extras_mut().debugging.event(&who, event);
        }
    }

    pub(super) async fn terminate(mut self, end: End) -> ! {
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
        let told = self.extras.as_ref().and_then(|extras| extras.last.as_ref());
        match (self.last, self.origin) {
            (Some(handler), Some(origin)) => {
                of_whom = format!("Last message (from {})", origin.pid);
                details.push((&*of_whom, without_paths(handler.name())));
            }
            (Some(handler), None) => details.push(("Last message", without_paths(handler.name()))),
            (None, _) => details.extend(told.map(|told| ("Last message", told.shown()))),
        }
        details.push(("State", shown(&*self.server)));
        details.extend(self.logged().into_iter().map(|event| ("Log", event)));
        report::error(&format!("GenServer {} terminating", report::who()), reason, &details);
    }
}

/// OTP's servers crash when they do not know a request. Here only a caller can be wrong about the type of a server, so
/// it is the caller who hears of it.
#[cold]
fn refuse(server: &dyn AnyServer, request: &Message) {
    match (Origin::of(request), request.handler()) {
        (Some(origin), Some(handler)) => origin.reply(stranger(server, &handler.server_name())),
        _ => unknown(request),
    }
}

/// What `Debug` says. If it panics, that is no reason to end.
fn text(value: &impl fmt::Debug) -> String {
    guarded(|| format!("{value:?}")).unwrap_or_else(|_| "<its Debug panicked>".to_owned())
}

/// How much of a message reports show. It is shown before every message is handled, so it must not take long.
const SHOWN: usize = 200;

/// The beginning of what `Debug` says.
fn shortened(message: &dyn fmt::Debug) -> String {
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
        Err(_) => text(&message),
    }
}

/// What a server does that is to continue and does not know how.
pub(super) fn no_handle_continue(value: &Message) -> Next {
    Next::stop(format!(
        "a callback returned and_continue({value:?}), and the server has no handle_continue"
    ))
}

/// A value as text: compiled here, where a user's type would have it compiled again.
pub(super) fn debug(value: &dyn fmt::Debug) -> String {
    format!("{value:?}")
}

/// What a server does with a message that it does not know.
pub(crate) fn unknown(message: &dyn fmt::Debug) {
    let text = format!(
        "[warning] GenServer {} received an unexpected message: {message:?}\n",
        report::who()
    );
    crate::io::write(crate::io::Stream::Stderr, &text);
}
