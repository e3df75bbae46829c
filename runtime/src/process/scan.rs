//! The engine of `receive!`: looks through the mailbox, message by message, and waits for more.

use super::current::{self, Current};
use super::deadline::Deadline;
use super::hand_over::Budget;
use super::inbox::{Cursor, From, Taken};
use super::origin::Place;
use super::record::Record;
use super::state::{Look, State};
use crate::message::Message;
use crate::trace;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::Instant;

/// One selective receive.
///
/// [`next`](Scan::next) gives the next message; [`keep`](Scan::keep) puts it back to its place when it does
/// not. What is not put back was received.
pub struct Scan {
    record: &'static Record,
    /// Where it is written.
    place: Place,
    deadline: Option<Deadline>,
    cursor: Cursor,
    /// Where the message is missing that `next` gave out last.
    held: Option<From>,
}

impl Scan {
    /// Begins at the oldest message. Without `timeout` it waits for ever; with a timeout of zero it looks at every
    /// message that is there and does not wait.
    ///
    /// # Panics
    /// Outside of a process.
    #[track_caller]
    pub fn new(timeout: Option<Duration>) -> Scan {
        Scan::with(deadline(timeout))
    }

    /// Like [`new`](Scan::new), until that time.
    #[track_caller]
    pub(crate) fn until(deadline: Option<Instant>) -> Scan {
        Scan::with(deadline.map(Deadline::of))
    }

    #[track_caller]
    fn with(deadline: Option<Deadline>) -> Scan {
        Scan {
            record: current::expect("receive!").record,
            place: Place::caller(),
            deadline,
            cursor: Cursor::default(),
            held: None,
        }
    }

    /// Sets the time anew, from now on; the scan goes on where it is.
    pub(crate) fn timeout(&mut self, timeout: Option<Duration>) {
        self.deadline = deadline(timeout);
    }

    /// The next message, or `None` when the time is up.
    ///
    /// # Cancel safety
    /// When it is dropped before it resolves, no message is lost.
    #[expect(clippy::should_implement_trait, reason = "it is awaited, as that of a stream")]
    pub fn next(&mut self) -> Next<'_> {
        self.settle();
        Next(self)
    }

    /// Puts the message back to where it was. If no arm took its value out, it was its type that none of them wanted: then
    /// the scan passes over all messages of this type from now on.
    pub fn pass(&mut self, message: Message) {
        if message.is_marked() {
            self.cursor.passed = Some(message.kind());
        }
        self.keep(message);
    }

    /// Puts the message back to where it was.
    pub fn keep(&mut self, mut message: Message) {
        if let Some(from) = self.held.take() {
            // An arm that did not take it may have wrapped it anew.
            message.header_mut().stamp = self.cursor.stamp;
            let taken = Taken { message, from };
            self.record.lock().inbox.put_back(taken, &mut self.cursor);
        }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Message>> {
        let budget = ready!(Budget::poll(context));
        let process = Current::of(self.record);
        let deadline = self.deadline;
        let cursor = &mut self.cursor;
        let taken = process.record.find(process.pid, |state, look| {
            if state.ends() {
                context.waker().wake_by_ref();
                return Some(Poll::Pending);
            }
            if let Some(taken) = state.inbox.take(cursor) {
                state.reductions += 1;
                return Some(Poll::Ready(Some(taken)));
            }
            if state.inbox.has_more(cursor) {
                context.waker().wake_by_ref();
                return Some(Poll::Pending);
            }
            (look == Look::AfterAll).then(|| {
                wait(state, &process, context, deadline.map(Deadline::at), self.place);
                Poll::Ready(None)
            })
        });
        match ready!(taken.unwrap_or(Poll::Ready(None))) {
            Some(Taken { mut message, from }) => {
                message.mark();
                budget.made_progress();
                self.held = Some(from);
                self.cursor.stamp = 0;
                if trace::is_on() {
                    message = self.stamp(message);
                }
                Poll::Ready(Some(message))
            }
            None => timed_out(&process, deadline.map(Deadline::at)),
        }
    }

    /// What `next` gave out last is not coming back.
    #[inline]
    fn settle(&mut self) {
        match self.held.take() {
            None => {}
            Some(From::Front) if !trace::is_on() => {}
            Some(from) => self.received(from),
        }
    }

    #[inline(never)]
    fn received(&self, from: From) {
        if from != From::Front {
            self.record.lock().inbox.settle();
        }
        if trace::is_on() {
            trace::received(self.record.pid(), self.cursor.stamp);
        }
    }

    /// Gives the message back, which so can stay in a register where nobody traces.
    #[cold]
    #[inline(never)]
    fn stamp(&mut self, message: Message) -> Message {
        self.cursor.stamp = trace::stamp(self.record.pid(), &message);
        message
    }
}

/// The next message of a scan, or `None` when the time is up.
///
/// Written by hand: an `async` block would take two words more of each process that waits.
#[must_use = "nothing is looked at before `.await`"]
pub struct Next<'a>(&'a mut Scan);

impl Future for Next<'_> {
    type Output = Option<Message>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Message>> {
        self.0.poll(context)
    }
}

/// Takes the oldest message of the calling process out of its mailbox, or waits for one, at most until the deadline: what
/// a process does that takes everything as it comes.
pub(crate) fn poll_oldest(context: &mut Context<'_>, deadline: Option<Instant>, place: Place) -> Poll<Option<Message>> {
    let budget = ready!(Budget::poll(context));
    let process = current::expect("receive!");
    let message = process.record.find(process.pid, |state, look| {
        if state.ends() {
            context.waker().wake_by_ref();
            return Some(Poll::Pending);
        }
        if let Some(message) = state.inbox.oldest() {
            state.reductions += 1;
            return Some(Poll::Ready(Some(message)));
        }
        (look == Look::AfterAll).then(|| {
            wait(state, &process, context, deadline, place);
            Poll::Ready(None)
        })
    });
    match ready!(message.unwrap_or(Poll::Ready(None))) {
        Some(message) => {
            budget.made_progress();
            match trace::is_on() {
                false => Poll::Ready(Some(message)),
                true => Poll::Ready(Some(received(&process, message))),
            }
        }
        None => timed_out(&process, deadline),
    }
}

/// Notes what the process received, and gives it back, as [`Scan::stamp`] does.
#[cold]
#[inline(never)]
fn received(process: &Current, message: Message) -> Message {
    let stamp = trace::stamp(process.pid, &message);
    trace::received(process.pid, stamp);
    message
}

/// What it means that no message is there.
fn timed_out(process: &Current, deadline: Option<Instant>) -> Poll<Option<Message>> {
    if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
        return Poll::Ready(None);
    }
    if trace::is_on() {
        trace::waits(process.pid);
    }
    Poll::Pending
}

/// A timeout too long for the clock means for ever.
fn deadline(timeout: Option<Duration>) -> Option<Deadline> {
    let at = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    at.map(Deadline::of)
}

impl Drop for Scan {
    fn drop(&mut self) {
        self.settle();
    }
}

/// Sees to it that the caller is polled again when something arrives, or at the deadline.
#[inline]
pub(super) fn wait(
    state: &mut State,
    process: &Current,
    context: &Context<'_>,
    deadline: Option<Instant>,
    place: Place,
) {
    state.waits_at = Some(place);
    if !current::is_task_waker(context.waker()) {
        state.wait(context.waker());
    }
    if let Some(deadline) = deadline {
        state.timers_mut().wake_by(deadline, process.pid);
    }
}

/// Tries one arm on a message: `arm` gets the value when it has the arm's type, and gives it back when it does not match.
///
/// # Errors
/// The message, when the arm did not take it.
pub fn try_arm<T, B>(message: Message, arm: impl FnOnce(T) -> Result<B, T>) -> Result<B, Message>
where
    T: crate::Term,
{
    arm(message.downcast::<T>()?).map_err(Message::new)
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_process_that_waits_takes_little_room() {
        let waits = async {
            crate::receive! { () => () }
        };
        let words = size_of_val(&waits) / size_of::<usize>();
        assert!(words <= 9, "{words} words");
    }
}
