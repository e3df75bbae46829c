//! Signals: everything that one process can do to another, as OTP names it.
//!
//! Signals travel in the queue of messages, so that they arrive in the order in which one process sent them. What tells a
//! watcher of an end is a message from the beginning, which [says so](About::Down): mostly it goes to the mailbox as it is.

use super::Down;
use crate::ExitReason;
use crate::message::{About, Message};
use crate::pid::{MonitorRef, Pid, Ref};

/// Tells that what the receiver watched has ended.
pub(crate) fn down(monitor: Ref, pid: Pid, reason: ExitReason) -> Message {
    let mut message = Message::new(Down {
        monitor: MonitorRef(monitor),
        pid,
        reason,
    });
    message.header_mut().set_about(About::Down { monitor });
    message
}

/// A signal that is not a message.
#[derive(Debug)]
pub(crate) enum Signal {
    /// `from` links itself to the receiver.
    Link { from: Pid },
    /// `from` takes its link back. The receiver acknowledges with the same `id`.
    Unlink { from: Pid, id: Ref },
    /// Answers `Unlink`: from here on a new link may be meant.
    UnlinkAck { from: Pid, id: Ref },
    /// `from`, linked to the receiver, ended.
    Exit { from: Pid, reason: ExitReason },
    /// Somebody called `process::exit(receiver, reason)`; OTP's `exit2`.
    ExitRequest { from: Pid, reason: ExitReason },
    /// `from` watches the receiver.
    Monitor { from: Pid, monitor: Ref },
    /// The monitor is taken back.
    Demonitor { monitor: Ref },
    /// The receiver's output goes to `leader` from now on.
    GroupLeader { leader: Pid },
}

impl Signal {
    /// The signal, as it travels.
    pub(crate) fn into_message(self) -> Message {
        let is_exit = matches!(self, Signal::Exit { .. } | Signal::ExitRequest { .. });
        let mut message = Message::new(self);
        message.header_mut().set_about(About::Signal { is_exit });
        message
    }

    /// What goes back when the signal meets no process: `(to, signal)`.
    pub(crate) fn bounce(self, receiver: Pid) -> Option<(Pid, Message)> {
        let reason = ExitReason::NoProc;
        match self {
            Signal::Link { from } => Some((from, Signal::Exit { from: receiver, reason }.into_message())),
            Signal::Monitor { from, monitor } => Some((from, down(monitor, receiver, reason))),
            Signal::Unlink { from, id } => Some((from, Signal::UnlinkAck { from: receiver, id }.into_message())),
            Signal::UnlinkAck { .. }
            | Signal::Exit { .. }
            | Signal::ExitRequest { .. }
            | Signal::Demonitor { .. }
            | Signal::GroupLeader { .. } => None,
        }
    }
}
