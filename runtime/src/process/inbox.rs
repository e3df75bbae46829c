//! The mailbox proper: messages that arrived and were not received yet, in order.
//!
//! A selective receive looks at messages in the middle. So a message is numbered when it arrives, and a hole stays
//! where one was taken. When there are too many holes the rest moves together, and whoever was looking starts again.

use crate::message::{KindId, Message};
use crate::pool::Pooled;
use std::collections::VecDeque;

/// How many messages a receive passes over at most before others have their turn.
const MOST_PASSED: usize = 4096;

/// See the module. It takes a word until the first message comes.
#[derive(Default)]
pub(crate) struct Inbox(Option<Pooled<Mailbox>>);

#[derive(Default)]
struct Mailbox {
    entries: VecDeque<Entry>,
    /// The number of the first entry.
    first: u64,
    /// How many entries are messages.
    len: usize,
    /// How many messages from the middle are out on trial: their holes must stay.
    held: u32,
    /// Grows when the numbers of messages change.
    epoch: u32,
}

/// The kind stands beside the message, so that a receive passes messages without a look at their memory.
struct Entry {
    kind: KindId,
    message: Option<Message>,
}

impl Entry {
    fn of(message: Message) -> Entry {
        Entry {
            kind: message.kind(),
            message: Some(message),
        }
    }
}

/// A message that is out on trial.
pub(crate) struct Taken {
    pub(crate) message: Message,
    pub(crate) from: From,
}

/// Where a message was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum From {
    /// It was the oldest of a mailbox without holes, and leaves none behind.
    Front,
    /// There is a hole under the number with these lowest digits, until somebody [puts the message back](Inbox::put_back) or
    /// [settles](Inbox::settle) it.
    Middle(u32),
}

/// How far a receive has looked.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Cursor {
    next: u64,
    epoch: u32,
    /// Messages of this kind are passed over.
    pub(crate) passed: Option<KindId>,
    /// For who looks: the mark of the message that was taken last, when it is traced.
    pub(crate) stamp: u32,
}

impl Inbox {
    pub(crate) fn push(&mut self, message: Message) {
        self.0.get_or_insert_default().push(message);
    }

    pub(crate) fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |mailbox| mailbox.len)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Message> {
        self.0.iter().flat_map(|mailbox| mailbox.iter())
    }

    /// Takes out the next message, on trial. After many that were passed over it says that there is none, though it
    /// [has more](Inbox::has_more).
    pub(crate) fn take(&mut self, cursor: &mut Cursor) -> Option<Taken> {
        self.0.as_mut()?.take(cursor)
    }

    /// Takes out the oldest message.
    pub(crate) fn oldest(&mut self) -> Option<Message> {
        self.0.as_mut()?.oldest()
    }

    /// Whether there are messages at which the receive did not look yet.
    pub(crate) fn has_more(&self, cursor: &Cursor) -> bool {
        self.0.as_ref().is_some_and(|mailbox| mailbox.has_more(cursor))
    }

    /// Puts a message back to where it was taken.
    pub(crate) fn put_back(&mut self, taken: Taken) {
        if let Some(mailbox) = &mut self.0 {
            mailbox.put_back(taken);
        }
    }

    /// Says that a message from the middle is not coming back.
    pub(crate) fn settle(&mut self) {
        if let Some(mailbox) = &mut self.0 {
            mailbox.settle();
        }
    }

    /// How many bytes the mailbox and its messages have.
    pub(crate) fn memory(&self) -> usize {
        self.0.as_ref().map_or(0, |mailbox| mailbox.memory())
    }

    /// Frees the memory that no message needs.
    pub(crate) fn shrink(&mut self) {
        if let Some(mailbox) = &mut self.0 {
            mailbox.entries.shrink_to_fit();
        }
    }

    /// Takes out the oldest message that is wanted.
    pub(crate) fn extract(&mut self, wanted: impl Fn(&Message) -> bool) -> Option<Message> {
        self.0.as_mut()?.extract(wanted)
    }

    /// Takes everything.
    pub(crate) fn clear(&mut self) -> Vec<Message> {
        self.0.as_mut().map_or_else(Vec::new, |mailbox| mailbox.clear())
    }
}

impl Mailbox {
    fn push(&mut self, message: Message) {
        self.entries.push_back(Entry::of(message));
        self.len += 1;
    }

    fn iter(&self) -> impl Iterator<Item = &Message> {
        self.entries.iter().filter_map(|entry| entry.message.as_ref())
    }

    fn take(&mut self, cursor: &mut Cursor) -> Option<Taken> {
        if cursor.epoch != self.epoch {
            *cursor = Cursor {
                next: 0,
                epoch: self.epoch,
                ..*cursor
            };
        }
        let skip = cursor.next.saturating_sub(self.first) as usize;
        let wanted = |entry: &Entry| entry.message.is_some() && Some(entry.kind) != cursor.passed;
        let end = self.entries.len().min(skip + MOST_PASSED);
        let found = self.entries.range(skip.min(end)..end).position(wanted);
        let Some(position) = found.map(|ahead| skip + ahead) else {
            cursor.next = self.first + end as u64;
            return None;
        };
        let number = self.first + position as u64;
        cursor.next = number + 1;
        // Without holes the number of the next one does not change, and a receive goes on behind this one.
        if position == 0 && self.entries.len() == self.len {
            let message = self.oldest()?;
            let from = From::Front;
            return Some(Taken { message, from });
        }
        let message = self.entries[position].message.take()?;
        self.len -= 1;
        self.held += 1;
        let from = From::Middle(number as u32);
        Some(Taken { message, from })
    }

    fn oldest(&mut self) -> Option<Message> {
        if self.held > 0 {
            return self.extract(|_| true);
        }
        let message = self.entries.pop_front()?.message;
        self.first += 1;
        self.len -= 1;
        self.tidy();
        message
    }

    fn has_more(&self, cursor: &Cursor) -> bool {
        cursor.next < self.first + self.entries.len() as u64
    }

    fn put_back(&mut self, Taken { message, from }: Taken) {
        self.len += 1;
        match from {
            From::Front => {
                self.first -= 1;
                self.entries.push_front(Entry::of(message));
            }
            From::Middle(number) => {
                self.held -= 1;
                let position = number.wrapping_sub(self.first as u32);
                self.entries[position as usize].message = Some(message);
            }
        }
    }

    fn settle(&mut self) {
        self.held -= 1;
        if self.held == 0 {
            self.tidy();
        }
    }

    /// Removes holes in front, so that a message is there, and room that is too much.
    fn tidy(&mut self) {
        if self.entries.len() > self.len {
            self.remove_holes();
        }
        // By halves, so that each message is moved a few times at most.
        if self.entries.capacity() > 8 * self.entries.len().max(8) {
            self.entries.shrink_to(self.entries.capacity() / 2);
        }
    }

    fn remove_holes(&mut self) {
        while let Some(Entry { message: None, .. }) = self.entries.front() {
            self.entries.pop_front();
            self.first += 1;
        }
        if self.entries.len() > 2 * self.len + 32 {
            self.entries.retain(|entry| entry.message.is_some());
            self.epoch += 1;
        }
    }

    fn memory(&self) -> usize {
        let messages: usize = self.iter().map(Message::size).sum();
        size_of::<Mailbox>() + self.entries.capacity() * size_of::<Entry>() + messages
    }

    fn extract(&mut self, wanted: impl Fn(&Message) -> bool) -> Option<Message> {
        let wanted = |entry: &&mut Entry| entry.message.as_ref().is_some_and(&wanted);
        let message = self.entries.iter_mut().find(wanted)?.message.take();
        self.len -= 1;
        self.held += 1;
        self.settle();
        message
    }

    fn clear(&mut self) -> Vec<Message> {
        let messages = self
            .entries
            .iter_mut()
            .filter_map(|entry| entry.message.take())
            .collect();
        self.len = 0;
        if self.held == 0 {
            self.first += self.entries.len() as u64;
            self.entries.clear();
        }
        messages
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inbox(values: &[i32]) -> Inbox {
        let mut inbox = Inbox::default();
        for value in values {
            inbox.push(Message::new(*value));
        }
        inbox
    }

    fn shown(inbox: &Inbox) -> Vec<String> {
        inbox.iter().map(|message| format!("{message:?}")).collect()
    }

    #[test]
    fn a_message_that_is_put_back_keeps_its_place() {
        let mut inbox = inbox(&[1, 2, 3]);
        for expected in [["2", "3"], ["1", "3"], ["1", "2"]] {
            let mut cursor = Cursor::default();
            let mut seen = 0;
            loop {
                let taken = inbox.take(&mut cursor).unwrap();
                seen += 1;
                let stays = shown(&inbox) != expected;
                if !stays {
                    inbox.push(Message::new(4));
                }
                inbox.put_back(taken);
                if !stays {
                    break;
                }
            }
            assert_eq!(shown(&inbox), ["1", "2", "3", "4"], "the message at {seen}");
            assert_eq!(inbox.len(), 4);
            inbox.extract(|message| message.downcast_ref() == Some(&4)).unwrap();
        }
    }

    #[test]
    fn a_cursor_stays_right_when_messages_before_it_go() {
        let mut inbox = inbox(&[1, 2, 3]);
        let mut cursor = Cursor::default();
        for expected in [1, 2] {
            let taken = inbox.take(&mut cursor).unwrap();
            assert_eq!(taken.message.downcast::<i32>().unwrap(), expected);
        }
        assert_eq!(shown(&inbox), ["3"]);
    }

    #[test]
    fn holes_behind_a_message_that_nobody_wants_do_not_pile_up() {
        let mut inbox = inbox(&[0]);
        for _ in 0..1000 {
            inbox.push(Message::new(1));
            let mut cursor = Cursor::default();
            let unwanted = inbox.take(&mut cursor).unwrap();
            inbox.put_back(unwanted);
            assert!(inbox.take(&mut cursor).is_some());
            inbox.settle();
        }
        assert_eq!(shown(&inbox), ["0"]);
        assert!(
            inbox.0.as_ref().unwrap().entries.len() < 100,
            "{} entries for one message",
            inbox.0.as_ref().unwrap().entries.len()
        );
    }

    #[test]
    fn a_mailbox_that_empties_gives_memory_back_in_few_steps() {
        let mut inbox = Inbox::default();
        for n in 0..2000 {
            inbox.push(Message::new(n));
        }
        let mut sizes = vec![inbox.0.as_ref().unwrap().entries.capacity()];
        for _ in 0..2000 {
            inbox.oldest().unwrap();
            if sizes.last() != Some(&inbox.0.as_ref().unwrap().entries.capacity()) {
                sizes.push(inbox.0.as_ref().unwrap().entries.capacity());
            }
        }
        assert!(sizes.len() < 12, "{sizes:?}");
        assert!(inbox.0.as_ref().unwrap().entries.capacity() <= 64);
    }

    #[test]
    fn clearing_leaves_room_for_a_message_on_trial() {
        let mut inbox = inbox(&[1, 2]);
        let taken = inbox.take(&mut Cursor::default()).unwrap();
        assert_eq!(inbox.clear().len(), 1);
        inbox.put_back(taken);
        assert_eq!(shown(&inbox), ["1"]);
    }
}
