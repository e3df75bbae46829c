//! What messages that arrived leave to do, for when no lock is held.

use super::delivery::send;
use crate::message::Message;
use crate::pid::Pid;

/// See the module. Mostly it is empty, and takes a word.
#[derive(Default)]
#[expect(clippy::box_collection, reason = "a list is three words, and hardly any has one")]
pub(super) struct Outbox(Option<Box<Vec<Left>>>);

enum Left {
    Signal(Pid, Message),
    /// Nobody awaits it any more.
    Stray(Message),
}

impl Outbox {
    /// Adds a signal to send.
    pub(super) fn push(&mut self, to: Pid, signal: Message) {
        self.add(Left::Signal(to, signal));
    }

    /// Adds a message to drop, if there is one.
    #[inline]
    pub(super) fn drop_later(&mut self, stray: Option<Message>) {
        if let Some(stray) = stray {
            self.add(Left::Stray(stray));
        }
    }

    #[inline(never)]
    fn add(&mut self, left: Left) {
        self.0.get_or_insert_default().push(left);
    }

    /// Sends the signals, and drops the rest.
    #[inline]
    pub(super) fn empty(self) {
        if let Some(all) = self.0 {
            empty(*all);
        }
    }
}

#[cold]
#[inline(never)]
fn empty(all: Vec<Left>) {
    for left in all {
        match left {
            Left::Signal(to, signal) => send(to, signal),
            Left::Stray(message) => drop(message),
        }
    }
}
