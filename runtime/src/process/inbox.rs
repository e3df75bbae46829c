//! The mailbox proper: messages that arrived and were not received yet, in order.
//!
//! Mostly the oldest one is taken, and so they stand in a row. A selective receive looks at messages behind the first one.
//! From then on messages are numbered when they arrive, and a hole stays where one was taken. When there are too many holes
//! the rest moves together, and whoever was looking starts again.

use super::queue::Batch;
use super::row::Row;
use crate::message::{KindId, Message};
use std::collections::VecDeque;

/// How many messages a receive passes over at most before others have their turn.
const MOST_PASSED: usize = 4096;

/// See the module.
pub(crate) enum Inbox {
    Row(Row),
    Mailbox(Box<Mailbox>),
}

impl Default for Inbox {
    fn default() -> Inbox {
        Inbox::Row(Row::default())
    }
}

/// Messages of which some may be missing.
pub(crate) struct Mailbox {
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
        match self {
            Inbox::Row(row) => row.push(message),
            Inbox::Mailbox(mailbox) => mailbox.push(message),
        }
    }

    pub(crate) fn append(&mut self, messages: Batch) {
        match self {
            Inbox::Row(row) => row.append(messages),
            Inbox::Mailbox(mailbox) => messages.for_each(|message| mailbox.push(message)),
        }
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Inbox::Row(row) => row.len(),
            Inbox::Mailbox(mailbox) => mailbox.len,
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Message> {
        let (row, mailbox) = match self {
            Inbox::Row(row) => (Some(row), None),
            Inbox::Mailbox(mailbox) => (None, Some(mailbox)),
        };
        let row = row.into_iter().flat_map(Row::iter);
        row.chain(mailbox.into_iter().flat_map(|mailbox| mailbox.iter()))
    }

    /// Takes out the next message, on trial. After many that were passed over it says that there is none, though it
    /// [has more](Inbox::has_more).
    pub(crate) fn take(&mut self, cursor: &mut Cursor) -> Option<Taken> {
        match self {
            Inbox::Row(row) => {
                let message = row.pop()?;
                let from = From::Front;
                Some(Taken { message, from })
            }
            Inbox::Mailbox(mailbox) => mailbox.take(cursor),
        }
    }

    /// Takes out the oldest message.
    pub(crate) fn oldest(&mut self) -> Option<Message> {
        match self {
            Inbox::Row(row) => row.pop(),
            Inbox::Mailbox(mailbox) => mailbox.oldest(),
        }
    }

    /// Whether there are messages at which the receive did not look yet.
    pub(crate) fn has_more(&self, cursor: &Cursor) -> bool {
        match self {
            Inbox::Row(row) => !row.is_empty(),
            Inbox::Mailbox(mailbox) => mailbox.has_more(cursor),
        }
    }

    /// Puts a message back to where it was taken. The receive goes on behind it.
    pub(crate) fn put_back(&mut self, taken: Taken, cursor: &mut Cursor) {
        if let Inbox::Row(row) = self {
            row.push_front(taken.message);
            let mailbox = self.numbered();
            (cursor.next, cursor.epoch) = (mailbox.first + 1, mailbox.epoch);
        } else {
            self.numbered().put_back(taken);
        }
    }

    /// From here on there may be holes.
    fn numbered(&mut self) -> &mut Mailbox {
        if let Inbox::Row(row) = self {
            *self = Inbox::Mailbox(Box::new(Mailbox::of(std::mem::take(row))));
        }
        match self {
            Inbox::Mailbox(mailbox) => mailbox,
            Inbox::Row(_) => unreachable!("it was made a mailbox just now"),
        }
    }

    /// Says that a message from the middle is not coming back.
    pub(crate) fn settle(&mut self) {
        if let Inbox::Mailbox(mailbox) = self {
            mailbox.settle();
        }
    }

    /// How many bytes the messages have, and what they stand in.
    pub(crate) fn memory(&self) -> usize {
        let messages: usize = self.iter().map(Message::size).sum();
        match self {
            Inbox::Row(_) => messages,
            Inbox::Mailbox(mailbox) => mailbox.memory() + messages,
        }
    }

    /// Frees the memory that no message needs.
    pub(crate) fn shrink(&mut self) {
        if let Inbox::Mailbox(mailbox) = self {
            mailbox.entries.shrink_to_fit();
        }
    }

    /// Takes out the oldest message that is wanted.
    pub(crate) fn extract(&mut self, wanted: impl Fn(&Message) -> bool) -> Option<Message> {
        match self {
            Inbox::Row(row) => row.extract(wanted),
            Inbox::Mailbox(mailbox) => mailbox.extract(wanted),
        }
    }

    /// Takes everything.
    pub(crate) fn clear(&mut self) -> Vec<Message> {
        match self {
            Inbox::Row(row) => std::iter::from_fn(|| row.pop()).collect(),
            Inbox::Mailbox(mailbox) => mailbox.clear(),
        }
    }
}

/// The number of the first message: there is room for some to be put back before it.
const FIRST: u64 = 1 << 32;

impl Mailbox {
    fn of(mut row: Row) -> Mailbox {
        let entries: VecDeque<Entry> = std::iter::from_fn(|| row.pop()).map(Entry::of).collect();
        Mailbox {
            len: entries.len(),
            entries,
            first: FIRST,
            held: 0,
            epoch: 0,
        }
    }

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
        size_of::<Mailbox>() + self.entries.capacity() * size_of::<Entry>()
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

    fn row(values: &[i32]) -> Inbox {
        let mut inbox = Inbox::default();
        for value in values {
            inbox.push(Message::new(*value));
        }
        inbox
    }

    fn inbox(values: &[i32]) -> Inbox {
        let mut inbox = row(values);
        inbox.numbered();
        inbox
    }

    fn entries(inbox: &mut Inbox) -> &VecDeque<Entry> {
        &inbox.numbered().entries
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
                inbox.put_back(taken, &mut cursor);
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
    fn a_receive_goes_on_behind_the_first_message_that_it_does_not_want() {
        let mut inbox = row(&[1, 2, 3]);
        let mut cursor = Cursor::default();
        for expected in [1, 2, 3] {
            let taken = inbox.take(&mut cursor).unwrap();
            assert_eq!(taken.message.downcast_ref(), Some(&expected));
            inbox.put_back(taken, &mut cursor);
        }
        assert!(inbox.take(&mut cursor).is_none());
        assert_eq!(shown(&inbox), ["1", "2", "3"]);
        inbox.push(Message::new(4));
        assert!(inbox.has_more(&cursor));
        assert_eq!(inbox.take(&mut cursor).unwrap().message.downcast::<i32>().unwrap(), 4);
    }

    #[test]
    fn what_is_in_a_row_can_be_extracted_and_cleared() {
        let mut inbox = row(&[1, 2, 3]);
        let is = |wanted: i32| move |message: &Message| message.downcast_ref() == Some(&wanted);
        assert!(inbox.extract(is(7)).is_none());
        assert!(inbox.extract(is(2)).is_some());
        assert_eq!(shown(&inbox), ["1", "3"]);
        assert_eq!(row(&[4, 5]).clear().len(), 2);
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
            inbox.put_back(unwanted, &mut cursor);
            assert!(inbox.take(&mut cursor).is_some());
            inbox.settle();
        }
        assert_eq!(shown(&inbox), ["0"]);
        assert!(
            entries(&mut inbox).len() < 100,
            "{} entries for one message",
            entries(&mut inbox).len()
        );
    }

    #[test]
    fn a_mailbox_that_empties_gives_memory_back_in_few_steps() {
        let mut inbox = Inbox::default();
        for n in 0..2000 {
            inbox.push(Message::new(n));
        }
        let mut sizes = vec![entries(&mut inbox).capacity()];
        for _ in 0..2000 {
            inbox.oldest().unwrap();
            if sizes.last() != Some(&entries(&mut inbox).capacity()) {
                sizes.push(entries(&mut inbox).capacity());
            }
        }
        assert!(sizes.len() < 12, "{sizes:?}");
        assert!(entries(&mut inbox).capacity() <= 64);
    }

    #[test]
    fn clearing_leaves_room_for_a_message_on_trial() {
        let mut inbox = inbox(&[1, 2]);
        let mut cursor = Cursor::default();
        let taken = inbox.take(&mut cursor).unwrap();
        assert_eq!(inbox.clear().len(), 1);
        inbox.put_back(taken, &mut cursor);
        assert_eq!(shown(&inbox), ["1"]);
    }
}
