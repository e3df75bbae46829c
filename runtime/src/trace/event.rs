//! One thing that happened.

use crate::name::Name;
use crate::pid::Pid;
use std::fmt;
use std::time::Duration;

/// One thing that happened: a message, a signal, or a step in the life of a process.
///
/// Who and whom, by [kind](Kind):
///
/// | kind | `from` | `to` | `payload` |
/// |---|---|---|---|
/// | `Call`, `Cast`, `Info`, `Reply` | who sends | who is meant | the value |
/// | `Exit`, `Down` | who ended, or asks for the end | who is told | the reason |
/// | `Timeout` | who gives up the call | who did not answer | |
/// | `Spawn` | who spawns | the new process | |
/// | `Link`, `Unlink`, `Monitor`, `Demonitor` | who does it | the other one | |
/// | `Register`, `Unregister` | who is named | | the name |
/// | `Exited` | who ended | | the reason |
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event {
    /// The place in the order of the node. An event has a greater number than those that led to it.
    pub number: u64,
    /// When, since the trace began.
    pub at: Duration,
    /// What.
    pub kind: Kind,
    /// See the table above. `None` when no process did it: a timer, or code outside of processes.
    pub from: Option<Pid>,
    /// See the table above.
    pub to: Option<Pid>,
    /// A text that is no longer than the [limits](super::Limits) allow. What was cut off is replaced by `…`.
    pub payload: String,
    /// The type of a message, and for a `Spawn` what runs in the new process: a function or a server. Without paths.
    pub type_name: String,
    /// The [number](Event::number) of the other half. A call points to what ended it: its reply, its timeout, or the
    /// `Down` of the server, which stands before the call when the server was not alive. Each of these points back to the call. The first reply to a process that spawned the
    /// sender, and awaits it, points to the spawn: that of a task, or of a server that has started.
    pub pair: Option<u64>,
    /// The time between the two halves, on both of them.
    pub latency: Option<Duration>,
    /// What became of a message; `None` for anything that goes to no mailbox.
    pub fate: Option<Fate>,
    /// When its receiver was at it, or the new process at its beginning for a `Spawn`. `None` for what has not been received.
    pub handling: Option<Handling>,
    /// For `Exit`, `Down` and `Exited`: whether the reason is that of a crash.
    pub crash: bool,
}

impl Event {
    /// Whether nobody will ever receive it.
    pub fn is_dead_letter(&self) -> bool {
        matches!(self.fate, Some(Fate::DeadLetter | Fate::Unread))
    }
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// A request that somebody waits for: of a server, a supervisor, an agent, or of [`sys`](crate::sys).
    Call,
    /// The answer to a call, the result of a task, the word of a server that it has started, or any other message to an
    /// [alias](crate::Alias).
    Reply,
    /// A request that nobody waits for.
    Cast,
    /// Any other message.
    Info,
    /// A watched process has ended.
    Down,
    /// An exit signal, by a link or by [`process::exit`](crate::process::exit).
    Exit,
    /// A call was given up.
    Timeout,
    /// A process began.
    Spawn,
    /// A process ended.
    Exited,
    /// A link was made.
    Link,
    /// A link was taken back.
    Unlink,
    /// A process is watched from here on.
    Monitor,
    /// It is not watched any more.
    Demonitor,
    /// A process got a name.
    Register,
    /// It lost the name, and lives.
    Unregister,
}

impl Kind {
    /// Whether it is a message that the sender meant for the receiver: `Call`, `Reply`, `Cast` or `Info`.
    pub fn is_message(self) -> bool {
        matches!(self, Kind::Call | Kind::Reply | Kind::Cast | Kind::Info)
    }
}

/// In capitals, as pictures of sequences show it: `CALL`.
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Kind::Call => "CALL",
            Kind::Reply => "REPLY",
            Kind::Cast => "CAST",
            Kind::Info => "INFO",
            Kind::Down => "DOWN",
            Kind::Exit => "EXIT",
            Kind::Timeout => "TIMEOUT",
            Kind::Spawn => "SPAWN",
            Kind::Exited => "EXITED",
            Kind::Link => "LINK",
            Kind::Unlink => "UNLINK",
            Kind::Monitor => "MONITOR",
            Kind::Demonitor => "DEMONITOR",
            Kind::Register => "REGISTER",
            Kind::Unregister => "UNREGISTER",
        })
    }
}

/// What became of a message while it was traced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fate {
    /// It was sent, and nobody received it so far.
    Sent,
    /// It was received, so long after the trace began.
    Received(Duration),
    /// Its receiver was not alive, or the call that it answers had ended.
    DeadLetter,
    /// Its receiver ended, and had not received it.
    Unread,
}

/// The time in which a process is at one message: from when it received that, until it received another one, waited for
/// one, or ended. What it awaits meanwhile, as the reply to a call of its own, is part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Handling {
    /// Since the trace began.
    pub from: Duration,
    /// `None` when it was not done at the end of the trace.
    pub until: Option<Duration>,
}

/// A process in a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Lane {
    /// The process.
    pub pid: Pid,
    /// Its name, the last one that it had while it was traced.
    pub name: Option<Name>,
    /// What it calls itself, if it does: see [`set_label`](crate::process::set_label).
    pub label: Option<Name>,
    /// Whether it is the process that asked for the trace.
    pub caller: bool,
    /// When it waited for a message, if it did so before it received any, since the trace began.
    pub(crate) first_wait: Option<Duration>,
}

impl Lane {
    /// The name or the label.
    pub(crate) fn called(&self) -> Option<&Name> {
        self.name.as_ref().or(self.label.as_ref())
    }
}

/// By its name or its label; `me()` for the one that asked for the trace; else by its pid.
impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.called() {
            Some(name) => fmt::Display::fmt(name, f),
            None if self.caller => f.pad("me()"),
            None => f.pad(&self.pid.to_string()),
        }
    }
}
