//! Signals: everything that one process can do to another, as OTP names it.
//!
//! Signals travel in the queue of messages, so that they arrive in the order in which one process sent them.

use crate::ExitReason;
use crate::pid::{Pid, Ref};

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
    /// What the receiver watched ended.
    Down { monitor: Ref, pid: Pid, reason: ExitReason },
    /// The receiver's output goes to `leader` from now on.
    GroupLeader { leader: Pid },
}

impl Signal {
    /// What goes back when the signal meets no process: `(to, signal)`.
    pub(crate) fn bounce(self, receiver: Pid) -> Option<(Pid, Signal)> {
        let reason = ExitReason::NoProc;
        match self {
            Signal::Link { from } => Some((from, Signal::Exit { from: receiver, reason })),
            Signal::Monitor { from, monitor } => Some((
                from,
                Signal::Down {
                    monitor,
                    pid: receiver,
                    reason,
                },
            )),
            Signal::Unlink { from, id } => Some((from, Signal::UnlinkAck { from: receiver, id })),
            Signal::UnlinkAck { .. }
            | Signal::Exit { .. }
            | Signal::ExitRequest { .. }
            | Signal::Demonitor { .. }
            | Signal::Down { .. }
            | Signal::GroupLeader { .. } => None,
        }
    }
}
