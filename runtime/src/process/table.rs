//! The process table: from a pid to its record, without a lock and without counting references.
//!
//! Records live in segments that are never freed, so a `&'static Record` is always good; what ends is the *process*
//! in it, and the serial tells processes in one place apart. A number is used again only after many others, so that
//! pids do not repeat before the reader's eyes.
//!
//! # Invariants
//! 1. A segment, once made, stays where it is for ever.
//! 2. A number is either free, and then in `Free`, or owned by one process.

use super::record::Record;
use crate::pid::Pid;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::OnceLock;

/// The first segment has `1 << FIRST_BITS` places; each further one doubles the table.
const FIRST_BITS: u32 = 6;
const SEGMENTS: usize = 27 - FIRST_BITS as usize;
/// The most processes that a node can have at a time: 134 217 664, as OTP's largest `+P` allows.
pub(crate) const CAPACITY: u32 = (1 << 27) - (1 << FIRST_BITS);
/// How many numbers lie idle before the first is used again.
const REUSE_AFTER: usize = 16 * 1024;

/// See the module.
pub(crate) struct Table {
    segments: [OnceLock<Box<[Record]>>; SEGMENTS],
    free: Mutex<Free>,
}

#[derive(Default)]
struct Free {
    /// Numbers that were used, the longest idle first.
    idle: VecDeque<u32>,
    /// The first number that was never used.
    fresh: u32,
}

impl Table {
    pub(crate) fn new() -> Table {
        Table {
            segments: [const { OnceLock::new() }; SEGMENTS],
            free: Mutex::default(),
        }
    }

    /// Takes a number; [`release`](Table::release) gives it back.
    ///
    /// # Panics
    /// When [`CAPACITY`] processes are alive.
    pub(crate) fn acquire(&self) -> (Pid, &Record) {
        let number = {
            let mut free = self.free.lock();
            let reusable = free.idle.len() > REUSE_AFTER || free.fresh == CAPACITY;
            match reusable.then(|| free.idle.pop_front()).flatten() {
                Some(number) => number,
                None => {
                    assert!(
                        free.fresh < CAPACITY,
                        "the process table is full: {CAPACITY} processes are alive"
                    );
                    free.fresh += 1;
                    free.fresh - 1
                }
            }
        };
        let record = self.at(number, true).expect("the segment was made just now");
        (record.pid(), record)
    }

    pub(crate) fn release(&self, pid: Pid) {
        self.free.lock().idle.push_back(pid.number());
    }

    /// The record where the process is, or was: its serial tells.
    pub(crate) fn get(&self, pid: Pid) -> Option<&Record> {
        self.at(pid.number(), false)
            .filter(|record| record.serial() == pid.serial())
    }

    /// How many numbers are taken.
    pub(crate) fn len(&self) -> usize {
        let free = self.free.lock();
        free.fresh as usize - free.idle.len()
    }

    /// The process that has the place, or is going to.
    pub(crate) fn at_number(&self, number: u32) -> Option<(Pid, &Record)> {
        let record = self.at(number, false)?;
        Some((record.pid(), record))
    }

    /// Every record that was ever used.
    pub(crate) fn all(&self) -> impl Iterator<Item = (u32, &Record)> {
        let fresh = self.free.lock().fresh;
        (0..fresh).filter_map(|number| Some((number, self.at(number, false)?)))
    }

    /// The processes that are alive.
    pub(crate) fn pids(&self) -> impl Iterator<Item = Pid> {
        let used = self.all().map(|(_, record)| (record.lock().alive, record.pid()));
        used.filter(|(alive, _)| *alive).map(|(_, pid)| pid)
    }

    fn at(&self, number: u32, make: bool) -> Option<&Record> {
        let position = number + (1 << FIRST_BITS);
        let top = position.ilog2();
        let segment = self.segments.get((top - FIRST_BITS) as usize)?;
        let records = if make {
            let first = (1 << top) - (1 << FIRST_BITS);
            segment.get_or_init(|| (first..first + (1 << top)).map(Record::new).collect())
        } else {
            segment.get()?
        };
        records.get((position - (1 << top)) as usize)
    }
}
