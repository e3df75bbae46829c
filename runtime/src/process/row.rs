//! Messages in a row, linked by their headers: no memory is needed but theirs.
//!
//! # Invariants
//! 1. The row owns its messages. From the last one `Header::next` leads to the first one, from each to the one behind it, and
//!    so to the last one again.
//! 2. The `serial` of each is one more than that of the one before it.

use crate::message::{Header, Message};
use crate::reason::quietly;
use std::ptr::NonNull;

/// See the module.
#[derive(Default)]
pub(crate) struct Row {
    last: Option<NonNull<Header>>,
}

// SAFETY: it owns its messages, which can be sent.
unsafe impl Send for Row {}

impl Row {
    /// Adds a message behind all others.
    pub(super) fn push(&mut self, message: Message) {
        let serial = self.last().map_or(0, |last| last.serial.wrapping_add(1));
        self.last = Some(self.link(message, serial));
    }

    /// Adds a message before all others.
    pub(super) fn push_front(&mut self, message: Message) {
        let serial = self.first().map_or(0, |first| first.serial.wrapping_sub(1));
        let new = self.link(message, serial);
        self.last.get_or_insert(new);
    }

    /// Puts a message between the last and the first one.
    fn link(&mut self, message: Message, serial: u32) -> NonNull<Header> {
        let new = message.into_raw();
        // SAFETY: the new one is the caller's no more, and the row owns the last one (invariant 1). No reference is made: it
        // would reach the header only, and the pointers must go on reaching the values behind them.
        unsafe {
            (*new.as_ptr()).serial = serial;
            (*new.as_ptr()).next = match self.last {
                Some(last) => std::mem::replace(&mut (*last.as_ptr()).next, new.as_ptr()),
                None => new.as_ptr(),
            };
        }
        new
    }

    /// Takes the first message.
    pub(super) fn pop(&mut self) -> Option<Message> {
        let last = self.last?;
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

    fn last(&self) -> Option<&Header> {
        // SAFETY: it is owned by the row (invariant 1).
        self.last.map(|last| unsafe { last.as_ref() })
    }

    fn first(&self) -> Option<&Header> {
        // SAFETY: as above.
        self.last().map(|last| unsafe { &*last.next })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.last.is_none()
    }

    pub(super) fn len(&self) -> usize {
        let ends = self.first().zip(self.last());
        ends.map_or(0, |(first, last)| last.serial.wrapping_sub(first.serial) as usize + 1)
    }

    /// All of them, the first one first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Message> {
        let mut before = self.last();
        (0..self.len()).map_while(move |_| {
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
