//! What processes tell the tracer. Each call stands behind [`super::is_on`], and all of it is off the usual path.

use super::event::Kind;
use super::payload::{Noting, Text, shown};
use super::recorder::{Called, Fate, Stamp, What};
use crate::ExitReason;
use crate::gen_server::{self, Asked};
use crate::message::{About, Message};
use crate::name::Name;
use crate::node::node;
use crate::pid::{Pid, Ref};
use crate::process::signal::Signal;
use crate::process::{Down, Exit, current};
use std::fmt::{self, Write};

type Show<'a> = &'a dyn Fn(&mut dyn Write) -> fmt::Result;

/// A message or a signal is about to be pushed. `call` is the reference of the call that it makes.
///
/// # Locks
/// None is held, for the `Debug` of the message runs; but the record's of somebody whose values are shown
/// ([`Showing`](crate::process::record)), and then no name is looked up.
#[cold]
#[inline(never)]
pub(crate) fn sending(to: Pid, message: &mut Message, call: Option<Ref>) {
    let down = match message.header().about() {
        About::Down { .. } => message.downcast_ref::<Down>(),
        _ => None,
    };
    let stamp = match (down, message.downcast_ref::<Signal>()) {
        (Some(down), _) => ended(to, Kind::Down, down.pid, Some(down.monitor.0), &down.reason),
        (None, Some(signal)) => signalling(to, signal),
        (None, None) => saying(to, message, call),
    };
    message.header_mut().stamp = stamp;
}

fn saying(to: Pid, message: &Message, call: Option<Ref>) -> Stamp {
    let alias = match message.header().about() {
        About::Answer { alias, .. } => Some(alias),
        About::Nothing | About::Signal { .. } | About::Down { .. } | About::Request { .. } => None,
    };
    let asked = gen_server::asked(message);
    let (type_name, value): (&'static str, &dyn fmt::Debug) = match &asked {
        Some(Asked { type_name, value }) => (type_name, value),
        None => (message.type_name(), message),
    };
    let what = What {
        kind: match (alias, call, asked.is_some()) {
            (Some(_), ..) => Kind::Reply,
            (None, Some(_), _) => Kind::Call,
            (None, None, true) => Kind::Cast,
            (None, None, false) => Kind::Info,
        },
        from: current::get().map(|process| process.pid),
        to: Some(to),
        reference: alias.or(call),
        crash: false,
        type_name,
    };
    note(what, &|out| write!(out, "{value:?}"))
}

fn signalling(to: Pid, signal: &Signal) -> Stamp {
    match signal {
        Signal::Exit { from, reason } | Signal::ExitRequest { from, reason } => {
            ended(to, Kind::Exit, *from, None, reason)
        }
        // What makes and ends links and monitors says so itself; the rest is how it is done.
        _ => 0,
    }
}

fn ended(to: Pid, kind: Kind, from: Pid, reference: Option<Ref>, reason: &ExitReason) -> Stamp {
    let what = What {
        reference,
        crash: !reason.is_orderly(),
        ..What::of(kind, from, Some(to))
    };
    note(what, &|out| told(reason, out))
}

/// The message came back: nobody is there.
#[cold]
#[inline(never)]
pub(crate) fn lost(message: &Message) {
    node().tracer.lost(message.header().stamp, Fate::DeadLetter);
}

/// The receiver of the messages ended without having received them.
#[cold]
#[inline(never)]
pub(crate) fn unread<'a>(messages: impl Iterator<Item = &'a Message>) {
    for message in messages {
        node().tracer.lost(message.header().stamp, Fate::Unread);
    }
}

/// The mark of a message that `pid` is about to look at.
#[cold]
#[inline(never)]
pub(crate) fn stamp(pid: Pid, message: &Message) -> Stamp {
    if let Some(exit) = message.downcast_ref::<Exit>() {
        let like = |what: &What| (what.kind, what.from, what.to) == (Kind::Exit, Some(exit.from), Some(pid));
        return node().tracer.youngest(like);
    }
    if let Some(down) = message.downcast_ref::<Down>() {
        let like = |what: &What| (what.kind, what.reference) == (Kind::Down, Some(down.monitor.0));
        return node().tracer.youngest(like);
    }
    message.header().stamp
}

/// `pid` received the message with that mark from its mailbox.
#[cold]
#[inline(never)]
pub(crate) fn received(pid: Pid, stamp: Stamp) {
    node().tracer.received(pid, stamp, true);
}

/// `pid` got the answer to its call.
#[cold]
#[inline(never)]
pub(crate) fn answered(pid: Pid, answer: &Message) {
    node().tracer.received(pid, stamp(pid, answer), false);
}

/// `pid` has no message to receive, and waits for one.
#[cold]
#[inline(never)]
pub(crate) fn waits(pid: Pid) {
    node().tracer.waits(pid);
}

/// A call is given up.
#[cold]
#[inline(never)]
pub(crate) fn timeout(from: Pid, to: Pid, call: Ref) {
    let what = What {
        reference: Some(call),
        ..What::of(Kind::Timeout, from, Some(to))
    };
    note(what, &|_| Ok(()));
}

/// A process is about to run for the first time.
#[cold]
#[inline(never)]
pub(crate) fn spawned(parent: Option<Pid>, child: Pid, runs: &'static str) {
    let what = What {
        from: parent,
        type_name: runs,
        ..What::of(Kind::Spawn, child, Some(child))
    };
    note(what, &|_| Ok(()));
}

/// A process ended; nobody was told yet.
#[cold]
#[inline(never)]
pub(crate) fn exited(pid: Pid, reason: &ExitReason) {
    let what = What {
        crash: !reason.is_orderly(),
        ..What::of(Kind::Exited, pid, None)
    };
    note(what, &|out| told(reason, out));
}

/// A reason without the place of a panic, which is long, and stands in the report of the crash.
fn told(reason: &ExitReason, out: &mut dyn Write) -> fmt::Result {
    match reason {
        ExitReason::Panic(panic) => write!(out, "(panic) {}", panic.message),
        other => write!(out, "{other}"),
    }
}

/// `from` links itself to `to`, watches it, or takes that back.
#[cold]
#[inline(never)]
pub(crate) fn related(kind: Kind, from: Pid, to: Pid) {
    note(What::of(kind, from, Some(to)), &|_| Ok(()));
}

/// A process gets a name, or loses it. The caller may hold the lock of its record.
#[cold]
#[inline(never)]
pub(crate) fn named(kind: Kind, pid: Pid, name: &Name) {
    let tracer = &node().tracer;
    if kind == Kind::Register {
        tracer.named(pid, name);
    }
    let what = What::of(kind, pid, None);
    let Some(wanted) = tracer.wanted(&what) else { return };
    let text = shown("", wanted.payload, &|out| write!(out, "{name}"));
    let called = Called {
        name: Some(name.clone()),
        label: None,
    };
    tracer.record(what, &text, &[(pid, called)]);
}

/// A process labels itself.
#[cold]
#[inline(never)]
pub(crate) fn labelled(pid: Pid, label: &Name) {
    node().tracer.labelled(pid, label);
}

impl What {
    fn of(kind: Kind, from: Pid, to: Option<Pid>) -> What {
        What {
            kind,
            from: Some(from),
            to,
            reference: None,
            crash: false,
            type_name: "",
        }
    }
}

/// Records an event that somebody wants.
fn note(what: What, show: Show<'_>) -> Stamp {
    let Some(_noting) = Noting::begin() else { return 0 };
    let tracer = &node().tracer;
    let Some(wanted) = tracer.wanted(&what) else { return 0 };
    let text: Text = shown(what.type_name, wanted.payload, show);
    let names: Vec<(Pid, Called)> = (wanted.nameless.into_iter()).map(|pid| (pid, called(pid))).collect();
    tracer.record(what, &text, &names)
}

/// What a process is called, as far as that can be seen now.
pub(super) fn called(pid: Pid) -> Called {
    let record = node().table.get(pid);
    let called = record.and_then(|record| {
        record.peek(pid, |state| Called {
            name: state.name().cloned(),
            label: state.extras().and_then(|extras| extras.label.clone()),
        })
    });
    called.unwrap_or_default()
}
