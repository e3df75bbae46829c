//! The signal queue of a process: many senders, one receiver, no lock.
//!
//! # Invariants
//! 1. `head` is null (empty), [`CLOSED`], or the newest of a chain of messages linked by `Header::next`, oldest last,
//!    all owned by the queue.
//! 2. Only the receiver, who holds the lock of the process's record, takes, closes and opens. Senders only push, and
//!    never onto a closed queue.

use crate::message::{Header, Message};
use crate::sync::atomic::{AtomicPtr, Ordering};
use std::ptr::{self, NonNull};

/// The mark of a queue that nobody reads: an address that no message can have.
const CLOSED: *mut Header = ptr::without_provenance_mut(usize::MAX);

/// See the module.
pub(crate) struct Queue {
    head: AtomicPtr<Header>,
}

/// What became of a push.
#[must_use]
pub(crate) enum Push {
    /// The queue was empty: the receiver may be asleep.
    First,
    /// Others wait before it, so the receiver knows already.
    Behind,
    /// Nobody reads this queue.
    Closed(Message),
}

impl Queue {
    pub(crate) fn closed() -> Queue {
        Queue {
            head: AtomicPtr::new(CLOSED),
        }
    }

    /// Adds a message; the order of one sender's pushes is kept.
    pub(crate) fn push(&self, message: Message) -> Push {
        let new = message.into_raw();
        let mut head = self.head.load(Ordering::Relaxed);
        loop {
            if head == CLOSED {
                // SAFETY: `new` was not given to the queue, so it is still ours to take back.
                return Push::Closed(unsafe { Message::from_raw(new) });
            }
            // SAFETY: `new` is ours until the exchange succeeds.
            unsafe { (*new.as_ptr()).next = head };
            match self
                .head
                .compare_exchange_weak(head, new.as_ptr(), Ordering::Release, Ordering::Relaxed)
            {
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

/// Messages taken from a queue, oldest first.
pub(crate) struct Batch {
    next: *mut Header,
}

impl Batch {
    const EMPTY: Batch = Batch { next: ptr::null_mut() };

    /// Turns a chain, newest first, round. The caller owns the chain.
    fn reversed(mut newest: *mut Header) -> Batch {
        let mut oldest = ptr::null_mut();
        while !newest.is_null() {
            // SAFETY: the chain is owned by the caller (invariant 1), and each header is visited once. No reference is
            // made: it would reach the header only, and the pointer must go on reaching the value behind it.
            let next = unsafe { std::mem::replace(&mut (*newest).next, oldest) };
            oldest = std::mem::replace(&mut newest, next);
        }
        Batch { next: oldest }
    }
}

impl Iterator for Batch {
    type Item = Message;

    fn next(&mut self) -> Option<Message> {
        let header = NonNull::new(self.next)?;
        // SAFETY: the batch owns the chain from here on, and moves past this header before it gives it away.
        unsafe {
            self.next = header.as_ref().next;
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
