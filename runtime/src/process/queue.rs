//! The signal queue of a process: many senders, one receiver, no lock.
//!
//! # Invariants
//! 1. `head` is null (empty), [`CLOSED`], or the newest of a chain of messages linked by `Header::next`, oldest last,
//!    all owned by the queue.
//! 2. Only the receiver, who holds the lock of the process's record, takes, closes and opens. Senders only push, and
//!    never onto a closed queue.

use crate::message::{Header, Message};
use crate::reason::quietly;
use crate::sync::atomic::{AtomicPtr, Ordering};
use std::mem::ManuallyDrop;
use std::ptr::{self, NonNull};

/// The mark of a queue that nobody reads: an address that no message can have.
const CLOSED: *mut Header = ptr::without_provenance_mut(usize::MAX);

/// See the module.
pub(crate) struct Queue {
    head: AtomicPtr<Header>,
}

/// What became of a push.
#[must_use]
pub(crate) enum Push<T> {
    /// The queue was empty: the receiver may be asleep.
    First,
    /// Others wait before it, so the receiver knows already.
    Behind,
    /// Nobody reads this queue.
    Closed(T),
}

impl Queue {
    pub(crate) fn closed() -> Queue {
        Queue {
            head: AtomicPtr::new(CLOSED),
        }
    }

    /// Adds a message; the order of one sender's pushes is kept.
    pub(crate) fn push(&self, message: Message) -> Push<Message> {
        let new = message.into_raw();
        match self.link(new, new) {
            Push::First => Push::First,
            Push::Behind => Push::Behind,
            // SAFETY: `new` was not given to the queue, so it is still ours to take back.
            Push::Closed(()) => Push::Closed(unsafe { Message::from_raw(new) }),
        }
    }

    /// Adds messages at once: nothing comes between them.
    pub(crate) fn push_all(&self, chain: Chain) -> Push<Chain> {
        let chain = ManuallyDrop::new(chain);
        match self.link(chain.newest, chain.oldest) {
            Push::First => Push::First,
            Push::Behind => Push::Behind,
            // It was not given to the queue.
            Push::Closed(()) => Push::Closed(ManuallyDrop::into_inner(chain)),
        }
    }

    /// Puts a chain that the caller owns in front, and owns it from then on; not when the queue is closed.
    #[inline]
    fn link(&self, newest: NonNull<Header>, oldest: NonNull<Header>) -> Push<()> {
        let mut head = self.head.load(Ordering::Relaxed);
        loop {
            if head == CLOSED {
                return Push::Closed(());
            }
            // SAFETY: the chain is the caller's until the exchange succeeds.
            unsafe { (*oldest.as_ptr()).next = head };
            match (self.head).compare_exchange_weak(head, newest.as_ptr(), Ordering::Release, Ordering::Relaxed) {
                Ok(before) if before.is_null() => return Push::First,
                Ok(_) => return Push::Behind,
                Err(now) => head = now,
            }
        }
    }

    /// Whether nothing waits in it just now. For the receiver of an open queue only.
    pub(crate) fn is_empty(&self) -> bool {
        self.head.load(Ordering::Relaxed).is_null()
    }

    /// Whether somebody reads it.
    pub(crate) fn is_open(&self) -> bool {
        self.head.load(Ordering::Acquire) != CLOSED
    }

    /// Takes everything, oldest first. For the receiver only.
    pub(crate) fn take(&self) -> Batch {
        let head = self.head.load(Ordering::Relaxed);
        if head.is_null() || head == CLOSED {
            return Batch::EMPTY;
        }
        Batch::reversed(self.head.swap(ptr::null_mut(), Ordering::Acquire))
    }

    /// Takes everything and lets nothing more in. For the receiver only.
    pub(crate) fn close(&self) -> Batch {
        match self.head.swap(CLOSED, Ordering::Acquire) {
            CLOSED => Batch::EMPTY,
            head => Batch::reversed(head),
        }
    }

    /// Lets messages in again. For the receiver of a closed queue only.
    pub(crate) fn open(&self) {
        debug_assert_eq!(self.head.load(Ordering::Relaxed), CLOSED);
        self.head.store(ptr::null_mut(), Ordering::Release);
    }
}

/// Messages that go to one queue together. At least one.
///
/// # Invariants
/// 1. From `newest` to `oldest` they are linked by `Header::next`, and the chain owns them.
pub(crate) struct Chain {
    newest: NonNull<Header>,
    oldest: NonNull<Header>,
}

// SAFETY: a chain owns its messages, which can be sent.
unsafe impl Send for Chain {}

impl Chain {
    pub(crate) fn of(message: Message) -> Chain {
        let only = message.into_raw();
        Chain {
            newest: only,
            oldest: only,
        }
    }

    pub(crate) fn add(&mut self, message: Message) {
        let new = message.into_raw();
        // SAFETY: `new` was owned by the caller, and the chain owns it from here on.
        unsafe { (*new.as_ptr()).next = self.newest.as_ptr() };
        self.newest = new;
    }
}

impl Drop for Chain {
    fn drop(&mut self) {
        // SAFETY: the oldest one is owned by the chain (invariant 1); where it was linked to in a queue is none of it.
        unsafe { (*self.oldest.as_ptr()).next = ptr::null_mut() };
        // One that panics must not keep the others from being dropped.
        Batch::reversed(self.newest.as_ptr()).for_each(|message| quietly(|| drop(message)));
    }
}

/// Messages taken from a queue, oldest first.
///
/// # Invariants
/// 1. From `oldest` to `newest` they are linked by `Header::next`, `len` of them, and the batch owns them.
pub(crate) struct Batch {
    oldest: *mut Header,
    newest: *mut Header,
    len: u32,
    /// Whose they are, if all are for one process, and for its mailbox.
    addressee: Option<u32>,
}

impl Batch {
    const EMPTY: Batch = Batch {
        oldest: ptr::null_mut(),
        newest: ptr::null_mut(),
        len: 0,
        addressee: None,
    };

    /// Turns a chain, newest first, round. The caller owns the chain.
    fn reversed(newest: *mut Header) -> Batch {
        // SAFETY: the caller owns it.
        let addressee = unsafe { newest.as_ref() }.map(|newest| newest.serial);
        let mut batch = Batch {
            newest,
            addressee,
            ..Batch::EMPTY
        };
        let mut rest = newest;
        while let Some(header) = NonNull::new(rest) {
            // SAFETY: the chain is owned by the caller (invariant 1 of the queue), and each header is visited once. No
            // reference is kept: it would reach the header only, and the pointer must go on reaching the value behind it.
            unsafe {
                if !header.as_ref().is_for_mailbox() || Some(header.as_ref().serial) != addressee {
                    batch.addressee = None;
                }
                rest = std::mem::replace(&mut (*header.as_ptr()).next, batch.oldest);
            }
            batch.oldest = header.as_ptr();
            batch.len += 1;
        }
        batch
    }

    /// The serial of a process for whose mailbox all of them are.
    pub(crate) fn addressee(&self) -> Option<u32> {
        self.addressee
    }

    /// The oldest and the newest one, and how many there are with those between, linked from the oldest on. The caller owns
    /// them.
    pub(crate) fn into_raw(self) -> Option<(NonNull<Header>, NonNull<Header>, u32)> {
        let batch = ManuallyDrop::new(self);
        Some((NonNull::new(batch.oldest)?, NonNull::new(batch.newest)?, batch.len))
    }
}

impl Iterator for Batch {
    type Item = Message;

    fn next(&mut self) -> Option<Message> {
        let header = NonNull::new(self.oldest)?;
        self.len -= 1;
        // SAFETY: the batch owns the chain from here on (invariant 1), and moves past this header before it gives it away.
        unsafe {
            self.oldest = header.as_ref().next;
            Some(Message::from_raw(header))
        }
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        self.for_each(drop);
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        drop(self.close());
    }
}

#[cfg(all(test, crabtree_loom))]
mod model;

#[cfg(all(test, not(crabtree_loom)))]
mod tests {
    use super::*;

    fn open() -> Queue {
        let queue = Queue::closed();
        queue.open();
        queue
    }

    fn numbers(batch: Batch) -> Vec<usize> {
        batch.map(|message| message.downcast().unwrap()).collect()
    }

    #[test]
    fn messages_come_out_in_the_order_they_went_in() {
        let queue = open();
        assert!(matches!(queue.push(Message::new(1_usize)), Push::First));
        assert!(matches!(queue.push(Message::new(2_usize)), Push::Behind));
        assert_eq!(numbers(queue.take()), [1, 2]);
        assert_eq!(numbers(queue.take()), [] as [usize; 0]);
        assert!(matches!(queue.push(Message::new(3_usize)), Push::First));
    }

    #[test]
    fn a_closed_queue_hands_the_message_back() {
        let queue = open();
        let _ = queue.push(Message::new(1_usize));
        assert_eq!(numbers(queue.close()), [1]);
        let Push::Closed(message) = queue.push(Message::new(2_usize)) else {
            panic!("the queue took a message after it was closed");
        };
        assert_eq!(message.downcast::<usize>().unwrap(), 2);
    }

    #[test]
    fn a_chain_comes_out_in_the_order_in_which_it_was_made_or_is_handed_back() {
        let chain = |numbers: std::ops::Range<usize>| {
            let mut messages = numbers.map(Message::new);
            let mut chain = Chain::of(messages.next().unwrap());
            messages.for_each(|message| chain.add(message));
            chain
        };
        let queue = open();
        assert!(matches!(queue.push_all(chain(0..3)), Push::First));
        assert!(matches!(queue.push(Message::new(3_usize)), Push::Behind));
        assert!(matches!(queue.push_all(chain(4..5)), Push::Behind));
        assert_eq!(numbers(queue.take()), [0, 1, 2, 3, 4]);
        let _ = queue.push(Message::new(5_usize));
        let counted = std::sync::Arc::new(());
        let mut lost = chain(6..8);
        lost.add(Message::new(counted.clone()));
        drop(queue.close());
        let Push::Closed(lost) = queue.push_all(lost) else {
            panic!("the queue took a chain after it was closed");
        };
        drop(lost);
        assert_eq!(std::sync::Arc::strong_count(&counted), 1);
    }

    #[test]
    fn nothing_is_lost_between_many_senders() {
        const PER_SENDER: usize = if cfg!(miri) { 20 } else { 500 };
        let queue = open();
        let mut seen = Vec::new();
        std::thread::scope(|scope| {
            for sender in 0..4_usize {
                let queue = &queue;
                scope.spawn(move || {
                    for number in 0..PER_SENDER {
                        let _ = queue.push(Message::new((sender, number)));
                    }
                });
            }
            while seen.len() < 4 * PER_SENDER {
                seen.extend(
                    queue
                        .take()
                        .map(|message| message.downcast::<(usize, usize)>().unwrap()),
                );
                std::thread::yield_now();
            }
        });
        for sender in 0..4 {
            let order: Vec<_> = seen
                .iter()
                .filter(|(from, _)| *from == sender)
                .map(|(_, n)| *n)
                .collect();
            assert!(order.is_sorted(), "the messages of sender {sender} changed their order");
        }
    }
}
