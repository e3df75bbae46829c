//! The wheel of each tokio runtime, and the task that turns it.
//!
//! A wheel stays where it is for ever, so that a [`TimerRef`] needs its number only. When its runtime ends, the task is
//! dropped, the wheel is emptied, and it serves the next runtime that sets a timer; there are never more wheels than there
//! were runtimes at a time.
//!
//! # Invariants
//! 1. `Waiting::of` says which runtime a wheel serves, and is looked at under the lock whenever something is added. So what
//!    is added is fired by that runtime, or dropped with it.
//! 2. An id is given out once by a wheel: what is left of timers of earlier runtimes finds nothing.
//! 3. The lock of `Wheels` is not taken under that of a wheel.

use super::wheel::{Key, Wheel};
use super::{Event, OfProcess, happen};
use crate::node::node;
use crate::pid::TimerRef;
use crate::process::hand_over;
use crate::process::train::{self, Home};
use crate::reason::quietly;
use parking_lot::Mutex;
use std::cell::Cell;
use std::collections::HashMap;
use std::time::Duration;
use tokio::runtime::{Handle, Id};
use tokio::sync::Notify;
use tokio::time::Instant;

/// How many timers fire before others have their turn.
const MOST_AT_ONCE: usize = 256;

thread_local! {
    static LAST: Cell<Option<Last>> = const { Cell::new(None) };
}

/// The runtime that asked last on a thread.
#[derive(Clone, Copy)]
struct Last {
    id: Id,
    home: Home,
    timers: &'static Timers,
}

/// All wheels of the node.
#[derive(Default)]
pub(crate) struct Wheels {
    /// By number.
    all: Vec<&'static Timers>,
    by_runtime: HashMap<Id, &'static Timers>,
    /// Those that serve nobody.
    free: Vec<&'static Timers>,
}

/// The timers of one runtime.
pub(crate) struct Timers {
    number: u32,
    waiting: Mutex<Waiting>,
    /// Tells the driver that its next deadline is nearer than it was.
    nearer: Notify,
}

struct Waiting {
    /// The runtime; `None` while there is none.
    of: Option<Id>,
    /// Tick zero.
    start: Instant,
    wheel: Wheel<Event>,
    /// The tick at which the driver looks at the wheel again.
    asleep_until: u64,
}

impl Timers {
    /// Adds an event to the wheel of the caller's runtime, or of the node's own, and takes it out of `event`; with a process,
    /// it is among the timers to it, and the lock of its record is held. A runtime that has ended takes no events.
    pub(super) fn insert(at: Instant, event: &mut Option<Event>, to: Option<&mut OfProcess>) -> TimerRef {
        let Last { id, timers, .. } = Timers::of_caller();
        let (timer, nearer) = {
            let mut waiting = timers.waiting.lock();
            match event.take_if(|_| waiting.of == Some(id)) {
                Some(event) => waiting.insert(timers.number, at, event, to),
                None => return TimerRef::over(),
            }
        };
        if nearer {
            timers.nearer.notify_one();
        }
        timer
    }

    /// When a timer is due, if it waits.
    pub(super) fn due(timer: TimerRef) -> Option<Instant> {
        let waiting = Timers::numbered(timer.wheel)?.waiting.lock();
        Some(waiting.time(waiting.wheel.when(key(timer))?))
    }

    /// Takes an event back, and says when it was due.
    pub(super) fn remove(timer: TimerRef) -> Option<(Event, Instant)> {
        let mut waiting = Timers::numbered(timer.wheel)?.waiting.lock();
        let due = waiting.time(waiting.wheel.when(key(timer))?);
        Some((waiting.wheel.remove(key(timer))?, due))
    }

    /// Takes the timers of a group back.
    pub(super) fn remove_group(group: TimerRef, unsent: &mut Vec<Event>) {
        if let Some(timers) = Timers::numbered(group.wheel) {
            timers.waiting.lock().wheel.remove_group(key(group), unsent);
        }
    }

    /// How many events there are, and how many of them send.
    pub(super) fn count() -> (usize, usize) {
        let all = node().wheels.lock().all.clone();
        all.iter().fold((0, 0), |(events, sending), timers| {
            let waiting = timers.waiting.lock();
            let sends = |event: &&Event| !matches!(event, Event::Wake(_));
            let values = || waiting.wheel.values();
            (events + values().count(), sending + values().filter(sends).count())
        })
    }

    fn numbered(number: u32) -> Option<&'static Timers> {
        match LAST.get() {
            Some(Last { timers, .. }) if timers.number == number => Some(timers),
            _ => node().wheels.lock().all.get(number as usize).copied(),
        }
    }

    fn of_caller() -> Last {
        let home = hand_over::home();
        match LAST.get() {
            // The runtime that polls the process need not be asked for.
            Some(last) if last.home == home && home != Home::NONE => last,
            last => {
                let handle = Handle::try_current().unwrap_or_else(|_| node().runtime().clone());
                let id = handle.id();
                last.filter(|last| last.id == id).unwrap_or_else(|| Timers::of(&handle))
            }
        }
    }

    #[cold]
    fn of(handle: &Handle) -> Last {
        let id = handle.id();
        let (timers, is_new) = {
            let mut wheels = node().wheels.lock();
            match wheels.by_runtime.get(&id) {
                Some(timers) => (*timers, false),
                None => (wheels.begin(handle, id), true),
            }
        };
        if is_new {
            handle.spawn(timers.drive(Serving { timers, id }));
        }
        let last = Last {
            id,
            home: train::home_of(handle),
            timers,
        };
        LAST.set(Some(last));
        last
    }

    /// Runs as long as the runtime does.
    async fn drive(&self, _serving: Serving) {
        let mut expired = Vec::with_capacity(MOST_AT_ONCE);
        loop {
            let (next, start) = {
                let mut waiting = self.waiting.lock();
                let next = waiting.wheel.next();
                waiting.asleep_until = next.unwrap_or(u64::MAX);
                (next, waiting.start)
            };
            match next {
                None => self.nearer.notified().await,
                Some(tick) => {
                    tokio::select! {
                        () = tokio::time::sleep_until(start + Duration::from_millis(tick)) => {
                            self.fire(start, &mut expired).await;
                        }
                        () = self.nearer.notified() => {}
                    }
                }
            }
        }
    }

    async fn fire(&self, start: Instant, expired: &mut Vec<Event>) {
        let now = Instant::now().saturating_duration_since(start).as_millis() as u64;
        loop {
            self.waiting.lock().wheel.advance(now, MOST_AT_ONCE, expired);
            let is_all = expired.len() < MOST_AT_ONCE;
            happen(expired);
            if is_all {
                return;
            }
            tokio::task::yield_now().await;
        }
    }
}

fn key(timer: TimerRef) -> Key {
    let TimerRef { id, index, .. } = timer;
    Key { id, index }
}

impl Waiting {
    /// Says as well whether there is something to do before the driver looks again.
    fn insert(&mut self, wheel: u32, at: Instant, event: Event, to: Option<&mut OfProcess>) -> (TimerRef, bool) {
        let group = to.map(|process| self.group(wheel, process));
        // The first tick at which `at` has come.
        let since = at.saturating_duration_since(self.start);
        let tick = since.as_secs() * 1000 + u64::from(since.subsec_nanos().div_ceil(1_000_000));
        let (Key { id, index }, next) = self.wheel.insert(tick, event, group);
        let nearer = next < self.asleep_until;
        if nearer {
            self.asleep_until = next;
        }
        (TimerRef { id, wheel, index }, nearer)
    }

    /// The group of a process on this wheel.
    fn group(&mut self, wheel: u32, process: &mut OfProcess) -> Key {
        let groups = &mut process.groups;
        let known = groups.iter().position(|group| group.wheel == wheel);
        if let Some(group) = known.map(|known| key(groups[known]))
            && self.wheel.contains(group)
        {
            return group;
        }
        let Key { id, index } = self.wheel.group();
        let group = TimerRef { id, wheel, index };
        match known {
            // The one that it had was on this wheel when it served another runtime.
            Some(known) => groups[known] = group,
            None => groups.push(group),
        }
        key(group)
    }

    fn time(&self, tick: u64) -> Instant {
        self.start + Duration::from_millis(tick)
    }
}

impl Wheels {
    /// Has a wheel serve a runtime.
    fn begin(&mut self, handle: &Handle, id: Id) -> &'static Timers {
        let start = {
            let _entered = handle.enter();
            Instant::now()
        };
        let timers = self.free.pop().unwrap_or_else(|| {
            let timers: &'static Timers = Box::leak(Box::new(Timers {
                number: self.all.len() as u32,
                waiting: Mutex::new(Waiting {
                    of: None,
                    start,
                    wheel: Wheel::new(),
                    asleep_until: 0,
                }),
                nearer: Notify::new(),
            }));
            self.all.push(timers);
            timers
        });
        let mut waiting = timers.waiting.lock();
        (waiting.of, waiting.start, waiting.asleep_until) = (Some(id), start, 0);
        self.by_runtime.insert(id, timers);
        timers
    }
}

/// As long as it lives, the wheel serves the runtime.
struct Serving {
    timers: &'static Timers,
    id: Id,
}

impl Drop for Serving {
    fn drop(&mut self) {
        let unsent = {
            let mut waiting = self.timers.waiting.lock();
            waiting.of = None;
            waiting.wheel.clear()
        };
        {
            let mut wheels = node().wheels.lock();
            wheels.by_runtime.remove(&self.id);
            wheels.free.push(self.timers);
        }
        for event in unsent {
            quietly(|| drop(event));
        }
    }
}
