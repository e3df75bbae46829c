//! Messages in a row, linked by their headers: no memory is needed but theirs.
//!
//! # Invariants
//! 1. The row owns its messages: `len` of them, and none where there is no last one. From the last one `Header::next` leads to
//!    the first one, from each to the one behind it, and so to the last one again.

use super::queue::Batch;
use crate::message::{Header, Message};
use crate::reason::quietly;
use std::ptr::NonNull;

/// See the module.
#[derive(Default)]
pub(crate) struct Row {
    last: Option<NonNull<Header>>,
    len: u32,
}

// SAFETY: it owns its messages, which can be sent.
unsafe impl Send for Row {}

impl Row {
    /// Adds a message behind all others.
    pub(super) fn push(&mut self, message: Message) {
        let new = message.into_raw();
        self.link(new, new, 1);
        self.last = Some(new);
    }

    /// Adds messages behind all others.
    pub(super) fn append(&mut self, messages: Batch) {
        if let Some((oldest, newest, count)) = messages.into_raw() {
            self.link(oldest, newest, count);
            self.last = Some(newest);
        }
    }

    /// Adds a message before all others.
    pub(super) fn push_front(&mut self, message: Message) {
        let new = message.into_raw();
        self.link(new, new, 1);
        self.last.get_or_insert(new);
    }

    /// Puts messages that are linked, and the caller's, between the last and the first one.
    fn link(&mut self, oldest: NonNull<Header>, newest: NonNull<Header>, count: u32) {
        // SAFETY: the new ones are the caller's no more, and the row owns the last one (invariant 1). No reference is made: it
        // would reach the header only, and the pointers must go on reaching the values behind them.
        unsafe {
            (*newest.as_ptr()).next = match self.last {
                Some(last) => std::mem::replace(&mut (*last.as_ptr()).next, oldest.as_ptr()),
                None => oldest.as_ptr(),
            };
        }
        self.len += count;
    }

    /// Takes the first message.
    pub(super) fn pop(&mut self) -> Option<Message> {
        let last = self.last?;
        self.len -= 1;
        // SAFETY: invariant 1: the first one is owned by the row, until it is given away here, and nothing leads to it then.
        unsafe {
            let first = NonNull::new_unchecked((*last.as_ptr()).next);
            if first == last {
                self.last = None;
            } else {
                (*last.as_ptr()).next = (*first.as_ptr()).next;
            }
            Some(Message::from_raw(first))
        }
    }

    /// Takes the first one that is wanted.
    pub(super) fn extract(&mut self, wanted: impl Fn(&Message) -> bool) -> Option<Message> {
        let mut before = self.last?;
        for _ in 0..self.len {
            // SAFETY: each leads to one that the row owns (invariant 1), which is borrowed exclusively; what is wanted is given
            // away here, and nothing leads to it then.
            unsafe {
                let link = (*before.as_ptr()).next;
                let found = NonNull::new_unchecked(link);
                if !wanted(Message::of_link(&link)) {
                    before = found;
                    continue;
                }
                (*before.as_ptr()).next = (*found.as_ptr()).next;
                if self.last == Some(found) {
                    self.last = (found != before).then_some(before);
                }
                self.len -= 1;
                return Some(Message::from_raw(found));
            }
        }
        None
    }

    pub(super) fn is_empty(&self) -> bool {
        self.last.is_none()
    }

    pub(super) fn len(&self) -> usize {
        self.len as usize
    }

    /// All of them, the first one first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Message> {
        // SAFETY: it is owned by the row (invariant 1), which is borrowed.
        let mut before = self.last.map(|last| unsafe { last.as_ref() });
        (0..self.len).map_while(move |_| {
            let link = &before?.next;
            // SAFETY: each leads to one that the row owns (invariant 1), which is borrowed.
            unsafe {
                before = Some(&**link);
                Some(Message::of_link(link))
            }
        })
    }
}

impl Drop for Row {
    fn drop(&mut self) {
        // One that panics must not keep the others from being dropped.
        while let Some(message) = self.pop() {
            quietly(|| drop(message));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::queue::{Push, Queue};

    fn shown(row: &Row) -> String {
        format!("{:?}", row.iter().collect::<Vec<_>>())
    }

    #[test]
    fn messages_come_out_in_the_order_of_the_row() {
        let mut row = Row::default();
        assert_eq!((row.len(), shown(&row)), (0, "[]".to_owned()));
        row.push_front(Message::new(2));
        row.push(Message::new(3));
        row.push_front(Message::new(1));
        row.push(Message::new(4));
        assert_eq!((row.len(), shown(&row)), (4, "[1, 2, 3, 4]".to_owned()));
        for expected in 1..=3 {
            assert_eq!(row.pop().unwrap().downcast::<i32>().unwrap(), expected);
        }
        row.push(Message::new(5));
        assert_eq!((row.len(), shown(&row)), (2, "[4, 5]".to_owned()));
        assert!(row.pop().is_some() && !row.is_empty());
        assert!(row.pop().is_some() && row.is_empty());
        assert!(row.pop().is_none());
    }

    #[test]
    fn a_message_is_taken_from_wherever_it_stands() {
        let is = |number: i32| move |message: &Message| message.downcast_ref() == Some(&number);
        let mut row = Row::default();
        assert!(row.extract(|_| true).is_none());
        (1..=5).for_each(|number| row.push(Message::new(number)));
        assert!(row.extract(is(6)).is_none());
        for (number, left) in [
            (3, "[1, 2, 4, 5]"),
            (1, "[2, 4, 5]"),
            (5, "[2, 4]"),
            (4, "[2]"),
            (2, "[]"),
        ] {
            let taken = row.extract(is(number)).expect("it is there");
            assert_eq!((taken.downcast().ok(), shown(&row).as_str()), (Some(number), left));
            assert_eq!(row.is_empty(), left == "[]");
        }
        row.push(Message::new(7));
        assert_eq!((row.len(), shown(&row)), (1, "[7]".to_owned()));
    }

    #[test]
    fn what_arrived_together_stands_behind_what_was_there() {
        let arrived = |numbers: &[i32]| {
            let queue = Queue::closed();
            queue.open();
            let pushed = |number: &i32| matches!(queue.push(Message::new(*number)), Push::First | Push::Behind);
            assert!(numbers.iter().all(pushed));
            queue.take()
        };
        let mut row = Row::default();
        row.append(arrived(&[]));
        assert_eq!((row.len(), shown(&row)), (0, "[]".to_owned()));
        row.append(arrived(&[1, 2]));
        row.append(arrived(&[3]));
        row.push(Message::new(4));
        let mut rest = arrived(&[0, 5, 6]);
        drop(rest.next());
        row.append(rest);
        assert_eq!((row.len(), shown(&row)), (6, "[1, 2, 3, 4, 5, 6]".to_owned()));
    }

    #[test]
    fn a_row_drops_what_is_in_it() {
        let value = std::sync::Arc::new(());
        let mut row = Row::default();
        for _ in 0..3 {
            row.push(Message::new(value.clone()));
        }
        drop(row);
        assert_eq!(std::sync::Arc::strong_count(&value), 1);
    }
}
