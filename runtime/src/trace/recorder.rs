//! Who keeps what: captures, each a bounded ring of events.
//!
//! # Invariants
//! 1. The lock of the tracer is the innermost: no other lock is taken while it is held, and no code of a user runs.
//! 2. A number is drawn under the lock, before what it numbers takes effect. So the events of a ring are in the order of
//!    their numbers, and none comes before what led to it.
//! 3. [`super::is_on`] is true exactly while there is a capture.

use super::Limits;
use super::event::Kind;
use super::payload::Text;
use super::scope::Scope;
use crate::name::Name;
use crate::pid::{Pid, Ref};
use parking_lot::Mutex;
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::Ordering;
use tokio::time::Instant;

/// The captures of the node.
#[derive(Default)]
pub(crate) struct Tracer(Mutex<Captures>);

#[derive(Default)]
struct Captures {
    /// The number of the last event; none has the number zero.
    last: u64,
    running: Vec<(CaptureId, Capture)>,
    /// The one that [`super::on`] began.
    of_node: Option<CaptureId>,
}

/// Names a capture: the number of the event before its first.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct CaptureId(u64);

/// The mark of a message that is traced, in its header: the end of its number. Zero is none.
pub(super) type Stamp = u32;

/// One capture.
pub(super) struct Capture {
    pub(super) scope: Scope,
    pub(super) limits: Limits,
    pub(super) began: Instant,
    pub(super) events: VecDeque<Recorded>,
    /// What `events` and their texts take.
    bytes: usize,
    /// How many events made room for others.
    pub(super) dropped: u64,
    pub(super) names: HashMap<Pid, Called>,
    /// Of processes in `events`, and of those whom the capture is about.
    activities: HashMap<Pid, Activity>,
}

/// What is known of what a process is at.
#[derive(Clone, Copy, Default)]
struct Activity {
    /// The number of the event that it handles.
    handles: Option<u64>,
    /// When it waited for a message, if it did so before it received any.
    first_wait: Option<Instant>,
}

/// An event as it is kept.
#[derive(Clone)]
pub(super) struct Recorded {
    pub(super) number: u64,
    pub(super) at: Instant,
    pub(super) what: What,
    pub(super) payload: Text,
    pub(super) fate: Option<Fate>,
    /// From when until when its receiver was at it.
    pub(super) handling: Option<(Instant, Option<Instant>)>,
}

/// What happened, without its text.
#[derive(Clone, Copy)]
pub(super) struct What {
    pub(super) kind: Kind,
    pub(super) from: Option<Pid>,
    pub(super) to: Option<Pid>,
    pub(super) reference: Option<Ref>,
    pub(super) crash: bool,
    /// The type of a message.
    pub(super) type_name: &'static str,
}

#[derive(Clone, Copy)]
pub(super) enum Fate {
    Sent,
    Received(Instant),
    DeadLetter,
    Unread,
}

/// What a process is called.
#[derive(Clone, Default)]
pub(super) struct Called {
    pub(super) name: Option<Name>,
    pub(super) label: Option<Name>,
}

/// What is to be found out before an event can be recorded.
pub(super) struct Wanted {
    /// How long the longest text may be.
    pub(super) payload: usize,
    /// Whose name is not known.
    pub(super) nameless: Vec<Pid>,
}

impl Tracer {
    pub(super) fn begin(&self, scope: Scope, limits: Limits) -> CaptureId {
        self.0.lock().begin(scope, limits)
    }

    pub(super) fn end(&self, id: CaptureId) -> Option<Capture> {
        let mut captures = self.0.lock();
        let position = captures.running.iter().position(|(running, _)| *running == id)?;
        let (_, capture) = captures.running.remove(position);
        super::SWITCH.store(!captures.running.is_empty(), Ordering::Relaxed);
        Some(capture)
    }

    /// Begins the capture of the whole node, or gives the one that runs other limits.
    pub(super) fn begin_node(&self, limits: Limits) {
        let mut captures = self.0.lock();
        match captures.of_node() {
            Some(capture) => {
                capture.limits = limits;
                capture.make_room();
            }
            None => captures.of_node = Some(captures.begin(Scope::Node, limits)),
        }
    }

    pub(super) fn end_node(&self) -> Option<Capture> {
        let id = self.0.lock().of_node.take()?;
        self.end(id)
    }

    /// The capture of the whole node as it is now, from the first event that is wanted.
    pub(super) fn look(&self, wanted: impl Fn(&Recorded) -> bool) -> Option<Capture> {
        self.0.lock().of_node().map(|capture| capture.copy(wanted))
    }

    /// Takes a process that gets a name into the captures that are about whoever has it.
    pub(super) fn named(&self, pid: Pid, name: &Name) {
        for (_, capture) in &mut self.0.lock().running {
            capture.scope.named(pid, name);
        }
    }

    /// Notes what a process calls itself, which nobody can ask it once it has ended, where it is known already.
    pub(super) fn labelled(&self, pid: Pid, label: &Name) {
        for (_, capture) in &mut self.0.lock().running {
            if let Some(known) = capture.names.get_mut(&pid) {
                known.label = Some(label.clone());
            }
        }
    }

    /// What needs to be known of `what`; `None` when nobody wants it.
    pub(super) fn wanted(&self, what: &What) -> Option<Wanted> {
        let captures = self.0.lock();
        let mut wanted: Option<Wanted> = None;
        for (_, capture) in &captures.running {
            if !capture.scope.wants(what) {
                continue;
            }
            let wanted = wanted.get_or_insert(Wanted {
                payload: 0,
                nameless: Vec::new(),
            });
            wanted.payload = wanted.payload.max(capture.limits.payload);
            let parties = [what.from, what.to];
            let nameless = parties.into_iter().flatten();
            wanted
                .nameless
                .extend(nameless.filter(|pid| !capture.names.contains_key(pid)));
        }
        wanted
    }

    /// Draws a number, and keeps the event wherever it is wanted.
    pub(super) fn record(&self, what: What, payload: &Text, names: &[(Pid, Called)]) -> Stamp {
        let mut captures = self.0.lock();
        captures.last += 1;
        let number = captures.last;
        let at = Instant::now();
        let fate = what.kind.is_message().then_some(Fate::Sent);
        for (_, capture) in &mut captures.running {
            if !capture.scope.wants(&what) {
                continue;
            }
            capture.scope.happened(&what);
            for (pid, name) in names {
                capture.name(*pid, name.clone());
            }
            capture.push(Recorded {
                number,
                at,
                what,
                payload: payload.within(capture.limits.payload),
                fate,
                handling: None,
            });
            match (what.kind, what.from, what.to) {
                (Kind::Spawn, _, Some(child)) => capture.begins(child, number, at),
                (Kind::Exited, Some(who), _) => {
                    capture.ends(who, at);
                    capture.activities.remove(&who);
                }
                _ => {}
            }
        }
        // A message whose number ends in 32 zeros goes without a mark.
        number as Stamp
    }

    /// Notes that nobody gets the message any more.
    pub(super) fn lost(&self, stamp: Stamp, fate: Fate) {
        for (_, capture) in &mut self.0.lock().running {
            if let Some(place) = capture.find(stamp) {
                capture.events[place].fate = Some(fate);
            }
        }
    }

    /// Notes that `pid` received the message: out of its mailbox, so that it is at this one from now on, or as the answer
    /// that it awaits while it is at another.
    pub(super) fn received(&self, pid: Pid, stamp: Stamp, by_mailbox: bool) {
        let now = Instant::now();
        for (_, capture) in &mut self.0.lock().running {
            let found = capture.find(stamp);
            if let Some(Recorded { fate: Some(fate), .. }) = found.map(|place| &mut capture.events[place]) {
                *fate = Fate::Received(now);
            }
            capture.scope.received(pid, found.is_some());
            match found.map(|place| capture.events[place].number) {
                _ if !by_mailbox => {}
                Some(number) => capture.begins(pid, number, now),
                None => capture.ends(pid, now),
            }
        }
    }

    /// Notes that `pid` waits for a message.
    pub(super) fn waits(&self, pid: Pid) {
        let now = Instant::now();
        for (_, capture) in &mut self.0.lock().running {
            capture.waits(pid, now);
        }
    }

    /// The mark of the youngest event that is like this.
    pub(super) fn youngest(&self, like: impl Fn(&What) -> bool) -> Stamp {
        let captures = self.0.lock();
        let found = captures.running.iter().filter_map(|(_, capture)| {
            let event = capture.events.iter().rev().find(|event| like(&event.what))?;
            Some(event.number)
        });
        found.max().unwrap_or_default() as Stamp
    }
}

impl Captures {
    fn begin(&mut self, scope: Scope, limits: Limits) -> CaptureId {
        self.last += 1;
        let id = CaptureId(self.last);
        self.running.push((id, Capture::new(scope, limits)));
        super::SWITCH.store(true, Ordering::Relaxed);
        id
    }

    fn of_node(&mut self) -> Option<&mut Capture> {
        let id = self.of_node?;
        let found = self.running.iter_mut().find(|(running, _)| *running == id);
        found.map(|(_, capture)| capture)
    }
}

impl Capture {
    fn new(scope: Scope, limits: Limits) -> Capture {
        Capture {
            scope,
            limits,
            began: Instant::now(),
            events: VecDeque::new(),
            bytes: 0,
            dropped: 0,
            names: HashMap::new(),
            activities: HashMap::new(),
        }
    }

    fn push(&mut self, event: Recorded) {
        self.bytes += event.size();
        self.events.push_back(event);
        self.make_room();
    }

    /// Lets the oldest events go that are too many.
    fn make_room(&mut self) {
        while self.events.len() > self.limits.events || self.bytes > self.limits.bytes {
            let Some(oldest) = self.events.pop_front() else { break };
            self.bytes -= oldest.size();
            self.dropped += 1;
        }
        if self.names.len() > 2 * self.events.len() + 64 {
            let mut names = std::mem::take(&mut self.names);
            let seen = self.events.iter().flat_map(|event| [event.what.from, event.what.to]);
            self.names = seen.flatten().filter_map(|pid| names.remove_entry(&pid)).collect();
            self.activities.retain(|pid, _| self.names.contains_key(pid));
        }
    }

    /// `pid` is at the event with that number, and at no other any more.
    fn begins(&mut self, pid: Pid, number: u64, at: Instant) {
        self.ends(pid, at);
        if let Some(place) = self.place(number) {
            self.events[place].handling = Some((at, None));
            self.activities.entry(pid).or_default().handles = Some(number);
        }
    }

    /// `pid` is done with what it was at.
    fn ends(&mut self, pid: Pid, at: Instant) {
        let activity = self.activities.get_mut(&pid);
        let number = activity.and_then(|activity| activity.handles.take());
        let place = number.and_then(|number| self.place(number));
        if let Some((_, until)) = place.and_then(|place| self.events[place].handling.as_mut()) {
            *until = Some(at);
        }
    }

    fn waits(&mut self, pid: Pid, at: Instant) {
        if self.activities.contains_key(&pid) {
            self.ends(pid, at);
        } else if self.names.contains_key(&pid) || self.scope.is_about(pid) {
            let first_wait = Some(at);
            self.activities.insert(
                pid,
                Activity {
                    first_wait,
                    ..Activity::default()
                },
            );
        }
    }

    /// When the process waited for a message, if it did so before it received any.
    pub(super) fn first_wait(&self, pid: Pid) -> Option<Instant> {
        self.activities.get(&pid)?.first_wait
    }

    fn place(&self, number: u64) -> Option<usize> {
        self.events.binary_search_by_key(&number, |event| event.number).ok()
    }

    fn name(&mut self, pid: Pid, called: Called) {
        let known = self.names.entry(pid).or_default();
        known.name = called.name.or(known.name.take());
        known.label = called.label.or(known.label.take());
    }

    fn find(&self, stamp: Stamp) -> Option<usize> {
        if stamp == 0 {
            return None;
        }
        // The number itself: the last one that ends so. One that this capture has not seen may be newer than all of its own.
        let newest = self.events.back()?.number;
        let number = newest.checked_sub(u64::from((newest as Stamp).wrapping_sub(stamp)))?;
        self.place(number)
    }

    fn copy(&self, wanted: impl Fn(&Recorded) -> bool) -> Capture {
        let first = self.events.partition_point(|event| !wanted(event));
        Capture {
            scope: Scope::Node,
            limits: self.limits,
            began: self.began,
            events: self.events.iter().skip(first).cloned().collect(),
            bytes: self.bytes,
            dropped: if first == 0 { self.dropped } else { 0 },
            names: self.names.clone(),
            activities: self.activities.clone(),
        }
    }
}

impl Recorded {
    fn size(&self) -> usize {
        size_of::<Recorded>() + self.payload.text.len()
    }
}

#[cfg(test)]
mod tests {
    use super::super::payload::shown;
    use super::*;

    fn message() -> What {
        What {
            kind: Kind::Info,
            from: None,
            to: Some(Pid::local(1, 0)),
            reference: None,
            crash: false,
            type_name: "",
        }
    }

    fn capture(numbers: &[u64]) -> Capture {
        let mut capture = Capture::new(Scope::Node, Limits::default());
        for &number in numbers {
            capture.push(Recorded {
                number,
                at: Instant::now(),
                what: message(),
                payload: shown("", 0, &|_| Ok(())),
                fate: Some(Fate::Sent),
                handling: None,
            });
        }
        capture
    }

    #[test]
    fn a_mark_finds_its_event_and_no_other() {
        const TURN: u64 = 1 << 32;
        let few = capture(&[3, 5]);
        assert_eq!([3, 5].map(|stamp| few.find(stamp)), [Some(0), Some(1)]);
        // Not traced; gone or never here; newer than what is here.
        assert_eq!([0, 4, 6].map(|stamp| few.find(stamp)), [None; 3]);
        let many = capture(&[TURN - 2, TURN + 1, TURN + 7]);
        assert_eq!(
            [u32::MAX - 1, 1, 7].map(|stamp| many.find(stamp)),
            [Some(0), Some(1), Some(2)]
        );
        assert_eq!([2, 8].map(|stamp| many.find(stamp)), [None; 2]);
        assert_eq!(capture(&[]).find(1), None);
    }

    #[test]
    fn names_of_processes_that_are_forgotten_are_forgotten() {
        let mut capture = Capture::new(Scope::Node, Limits::default().events(10));
        for number in 1..=1000 {
            let pid = Pid::local(number, 0);
            capture.name(pid, Called::default());
            capture.push(Recorded {
                number: number.into(),
                at: Instant::now(),
                what: What {
                    to: Some(pid),
                    ..message()
                },
                payload: shown("", 0, &|_| Ok(())),
                fate: None,
                handling: None,
            });
        }
        assert_eq!((capture.events.len(), capture.dropped), (10, 990));
        assert!(capture.names.len() < 100, "{} names for 10 events", capture.names.len());
        assert!(capture.names.contains_key(&Pid::local(1000, 0)));
    }
}
