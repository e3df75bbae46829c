//! How a message gets to a process, and what comes back when there is none.

use super::current;
use super::outbox::Outbox;
use super::queue::{Batch, Chain};
use super::record::Showing;
use super::signal::Signal;
use crate::message::{About, Message};
use crate::node::node;
use crate::pid::{Pid, Ref};
use crate::trace;

/// Puts a message into the mailbox of `to`.
///
/// # Errors
/// Gives it back when there is no such process.
pub(crate) fn deliver(to: Pid, message: Message) -> Result<(), Message> {
    deliver_as(to, message, None)
}

/// Puts messages into the mailbox of `to`, without another one between them. Those to nobody are dropped.
pub(crate) fn deliver_all(to: Pid, messages: impl Iterator<Item = Message>) {
    if trace::is_on() {
        return messages.for_each(|message| drop(deliver(to, message)));
    }
    let mut messages = messages.map(|mut message| {
        message.header_mut().serial = to.serial();
        message
    });
    let Some(oldest) = messages.next() else { return };
    let mut chain = Chain::of(oldest);
    messages.for_each(|message| chain.add(message));
    if let Some(record) = node().table.get(to)
        && record.push_all(chain)
    {
        record.wake();
    }
}

/// Sends the request of a call: `caller` watches `to` under the reference of the call. If there is no such process, it
/// learns that at once.
pub(crate) fn ask(to: Pid, caller: Pid, call: Ref, mut message: Message) {
    message.header_mut().set_about(About::Request { call, caller });
    if let Err(message) = deliver_as(to, message, Some(call)) {
        answer_for(to, message);
    }
}

#[inline]
fn deliver_as(to: Pid, message: Message, call: Option<Ref>) -> Result<(), Message> {
    match trace::is_on() {
        false => push(to, message),
        true => push_traced(to, message, call),
    }
}

#[inline]
fn push(to: Pid, mut message: Message) -> Result<(), Message> {
    message.header_mut().serial = to.serial();
    match node().table.get(to) {
        Some(record) => record.push(message, || record.wake()),
        None => Err(message),
    }
}

/// The message is given away whole, so that it can stay in a register where nobody traces.
#[cold]
#[inline(never)]
fn push_traced(to: Pid, mut message: Message, call: Option<Ref>) -> Result<(), Message> {
    trace::sending(to, &mut message, call);
    push(to, message).inspect_err(trace::lost)
}

/// Sends a signal; when there is no such process, its answer comes back at once.
pub(crate) fn send_signal(to: Pid, signal: Signal) {
    send(to, signal.into_message());
}

pub(super) fn send(to: Pid, signal: Message) {
    if let Err(message) = deliver(to, signal) {
        answer_for(to, message);
    }
}

/// Answers for a process that there is not.
fn answer_for(to: Pid, message: Message) {
    let mut out = Outbox::default();
    drop(bounce(message, to, &mut out));
    // An answer is not answered, so this ends there.
    out.empty();
}

/// Sends a message to an alias. When that has ended, it disappears.
pub(crate) fn send_to_alias(to: Pid, alias: Ref, message: Message) {
    send_under(to, alias, false, message);
}

/// Answers the call that `to` made under `alias`. A late answer disappears.
///
/// Where the caller watches the one who answers, that is over with the answer; a signal for it is saved.
pub(crate) fn reply(to: Pid, alias: Ref, message: Message) {
    // Whoever shows something may hold the lock of this very process.
    let process = current::get().filter(|_| !Showing::is_on());
    let watched = process.is_some_and(|process| process.record.lock().unwatch(alias));
    send_under(to, alias, watched, message);
}

fn send_under(to: Pid, alias: Ref, ends_monitor: bool, mut message: Message) {
    message.header_mut().set_about(About::Answer { alias, ends_monitor });
    drop(deliver(to, message));
}

/// Answers the signals among what a process left unread. The messages come back, to be dropped, and how many were exit
/// signals.
pub(super) fn bounce_all(me: Pid, unread: Batch) -> (Vec<Message>, u32) {
    let mut messages = Vec::new();
    let mut exits = 0;
    for message in unread {
        exits += u32::from(message.header().is_exit());
        let mut out = Outbox::default();
        messages.extend(bounce(message, me, &mut out));
        out.empty();
    }
    (messages, exits)
}

/// What goes back for a message that found no process at this place. A message that is no signal comes back itself.
pub(super) fn bounce(message: Message, place: Pid, out: &mut Outbox) -> Option<Message> {
    let receiver = Pid::local(place.number(), message.header().serial);
    let mut answer_with = |signal: Signal| {
        if let Some((to, answer)) = signal.bounce(receiver) {
            out.push(to, answer);
        }
    };
    match message.header().about() {
        About::Nothing | About::Answer { .. } => Some(message),
        About::Down { .. } => None,
        About::Request { call, caller } => {
            let (monitor, from) = (call, caller);
            answer_with(Signal::Monitor { from, monitor });
            Some(message)
        }
        About::Signal { .. } => {
            answer_with(message.downcast::<Signal>().ok()?);
            None
        }
    }
}
