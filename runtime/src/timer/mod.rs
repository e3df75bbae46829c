//! Timers: deadlines of processes and messages sent later, on one wheel per tokio runtime.
//!
//! A process has at most one [`Alarm`], for its nearest deadline; when the deadline moves away the alarm stays and is
//! early, which costs one look at the clock. So a call with a timeout seldom touches the wheel.
//!
//! The wheel follows tokio's clock, so that a paused clock in a test pauses processes too.

mod wheel;

use crate::destination::{Destination, Target};
use crate::message::Message;
use crate::node::node;
use crate::pid::{InOrder, Mixing, Pid, Ref};
use crate::reason::quietly;
use parking_lot::Mutex;
use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::runtime::{Handle, Id};
use tokio::sync::Notify;
use tokio::time::Instant;
use wheel::{Key, Wheel};

/// What is farther ahead is taken to be this far: a thousand years.
const FAR: Duration = Duration::from_secs(1000 * 365 * 24 * 3600);

thread_local! {
    /// Those of the runtime that asked last on this thread.
    static LAST: RefCell<Option<(Id, Weak<Timers>)>> = const { RefCell::new(None) };
}

/// The timers of one tokio runtime.
pub(crate) struct Timers {
    /// Tick zero.
    start: Instant,
    wheel: Mutex<Wheel<Event>>,
    /// Tells the driver that its next deadline is nearer than it was.
    nearer: Notify,
}

pub(crate) enum Event {
    Wake(Pid),
    Send { to: Target, message: Message, timer: Ref },
}

/// The alarm of a process.
pub(crate) struct Alarm {
    timers: Arc<Timers>,
    key: Key,
    at: Instant,
}

impl Alarm {
    /// Wakes `pid` at `at`.
    pub(crate) fn set(at: Instant, pid: Pid) -> Alarm {
        let timers = Timers::current();
        let key = timers.insert(at, Event::Wake(pid));
        Alarm { timers, key, at }
    }

    pub(crate) fn at(&self) -> Instant {
        self.at
    }

    pub(crate) fn cancel(self) {
        self.timers.wheel.lock().remove(self.key);
    }
}

/// Timers that send, by their public reference: to look at, to cancel, and to forget when their receiver ends.
///
/// # Invariants
/// 1. A timer to a process is entered under the lock of the process's record, which is taken before the one here, and
///    only while the process is alive; `State::has_timers` is set then, and the end of the process forgets its timers.
#[derive(Default)]
pub(crate) struct Senders {
    pending: Mutex<Pending>,
}

#[derive(Default)]
struct Pending {
    by_ref: HashMap<Ref, Sender, InOrder>,
    /// Those to processes.
    by_receiver: HashMap<Pid, OfReceiver, Mixing>,
}

/// The timers to one process.
#[derive(Default)]
struct OfReceiver {
    /// Among them those that are over, until they are too many.
    timers: Vec<Ref>,
    /// How many are not.
    pending: usize,
}

struct Sender {
    timers: Weak<Timers>,
    key: Key,
    /// `None` for a name, which is looked up when the time has come.
    receiver: Option<Pid>,
}

impl Senders {
    /// Sends `message` later. To a process that is not alive no timer is set.
    pub(crate) fn send_after(&self, to: Target, message: Message, after: Duration, timer: Ref) {
        let receiver = match &to {
            Target::Pid(pid) => *pid,
            Target::Alias(alias) => alias.owner,
            Target::Name(_) => return self.enter(to, message, after, timer, None),
        };
        let Some(record) = node().table.get(receiver) else {
            return;
        };
        record.update(receiver, |state| {
            state.has_timers = true;
            self.enter(to, message, after, timer, Some(receiver));
        });
    }

    fn enter(&self, to: Target, message: Message, after: Duration, timer: Ref, receiver: Option<Pid>) {
        let timers = Timers::current();
        let mut pending = self.pending.lock();
        let at = Instant::now() + after.min(FAR);
        let key = timers.insert(at, Event::Send { to, message, timer });
        let timers = Arc::downgrade(&timers);
        if let Some(receiver) = receiver {
            let of_receiver = pending.by_receiver.entry(receiver).or_default();
            of_receiver.timers.push(timer);
            of_receiver.pending += 1;
        }
        pending.by_ref.insert(timer, Sender { timers, key, receiver });
    }

    /// How much time a timer has left; `None` when it fired, was cancelled, or never was.
    pub(crate) fn read(&self, timer: Ref) -> Option<Duration> {
        let pending = self.pending.lock();
        let sender = pending.by_ref.get(&timer)?;
        let timers = sender.timers.upgrade()?;
        let when = timers.wheel.lock().when(sender.key)?;
        Some(timers.left(when))
    }

    /// Takes a timer back; says what [`read`](Senders::read) would have said.
    pub(crate) fn cancel(&self, timer: Ref) -> Option<Duration> {
        let (unsent, left) = self.take(timer)?;
        drop(unsent);
        Some(left)
    }

    fn take(&self, timer: Ref) -> Option<(Event, Duration)> {
        let sender = self.pending.lock().remove(timer)?;
        let timers = sender.timers.upgrade()?;
        let (event, when) = {
            let mut wheel = timers.wheel.lock();
            let when = wheel.when(sender.key)?;
            (wheel.remove(sender.key)?, when)
        };
        Some((event, timers.left(when)))
    }

    /// Takes back all timers to a process that has ended, and what they were to send.
    pub(crate) fn forget(&self, receiver: Pid) -> Vec<Event> {
        let of_receiver = self.pending.lock().by_receiver.remove(&receiver);
        let unsent = |timer| self.take(timer).map(|(event, _)| event);
        let timers = of_receiver.into_iter().flat_map(|of_receiver| of_receiver.timers);
        timers.filter_map(unsent).collect()
    }
}

impl Pending {
    fn remove(&mut self, timer: Ref) -> Option<Sender> {
        let sender = self.by_ref.remove(&timer)?;
        if let Some(receiver) = sender.receiver
            && let Some(of_receiver) = self.by_receiver.get_mut(&receiver)
        {
            of_receiver.pending -= 1;
            if of_receiver.pending == 0 {
                self.by_receiver.remove(&receiver);
            } else if of_receiver.timers.len() > 2 * of_receiver.pending + 32 {
                of_receiver.timers.retain(|timer| self.by_ref.contains_key(timer));
            }
        }
        Some(sender)
    }
}

/// How many entries wait on all wheels, and how many timers can be cancelled.
pub(crate) fn count() -> (usize, usize) {
    let known: Vec<_> = node().timers.lock().values().filter_map(Weak::upgrade).collect();
    let waiting = known.iter().map(|timers| timers.wheel.lock().len()).sum();
    (waiting, node().senders.pending.lock().by_ref.len())
}

impl Timers {
    /// Those of the runtime that runs the caller, or of the node's own.
    pub(crate) fn current() -> Arc<Timers> {
        let handle = Handle::try_current().unwrap_or_else(|_| node().runtime().clone());
        let id = handle.id();
        // A thread that is about to end has forgotten them.
        let last = LAST.try_with(|last| last.borrow().as_ref().filter(|(of, _)| *of == id)?.1.upgrade());
        last.ok().flatten().unwrap_or_else(|| {
            let timers = Timers::of(handle, id);
            let _ = LAST.try_with(|last| last.replace(Some((id, Arc::downgrade(&timers)))));
            timers
        })
    }

    fn of(handle: Handle, id: Id) -> Arc<Timers> {
        let mut known = node().timers.lock();
        if let Some(timers) = known.get(&id).and_then(Weak::upgrade) {
            return timers;
        }
        known.retain(|_, timers| timers.strong_count() > 0);
        let timers = Arc::new(Timers {
            start: {
                let _entered = handle.enter();
                Instant::now()
            },
            wheel: Mutex::new(Wheel::new()),
            nearer: Notify::new(),
        });
        known.insert(id, Arc::downgrade(&timers));
        handle.spawn(timers.clone().drive());
        timers
    }

    fn insert(&self, at: Instant, event: Event) -> Key {
        let (key, nearer) = {
            let mut wheel = self.wheel.lock();
            let before = wheel.next();
            let key = wheel.insert(self.tick(at), event);
            (key, before.is_none_or(|before| wheel.next() < Some(before)))
        };
        if nearer {
            self.nearer.notify_one();
        }
        key
    }

    /// How far away the tick is.
    fn left(&self, tick: u64) -> Duration {
        (self.start + Duration::from_millis(tick)).saturating_duration_since(Instant::now())
    }

    /// The first tick at which `at` has come.
    fn tick(&self, at: Instant) -> u64 {
        let since = at.saturating_duration_since(self.start);
        since.as_nanos().div_ceil(1_000_000) as u64
    }

    /// Runs as long as the runtime does.
    async fn drive(self: Arc<Timers>) {
        loop {
            let next = self.wheel.lock().next();
            match next {
                None => self.nearer.notified().await,
                Some(tick) => {
                    let at = self.start + Duration::from_millis(tick);
                    tokio::select! {
                        () = tokio::time::sleep_until(at) => self.fire(),
                        () = self.nearer.notified() => {}
                    }
                }
            }
        }
    }

    fn fire(&self) {
        let now = Instant::now().saturating_duration_since(self.start).as_millis() as u64;
        let expired = self.wheel.lock().advance(now);
        {
            let mut pending = node().senders.pending.lock();
            for event in &expired {
                if let Event::Send { timer, .. } = event {
                    pending.remove(*timer);
                }
            }
        }
        for event in expired {
            match event {
                Event::Wake(pid) => {
                    if let Some(record) = node().table.get(pid) {
                        record.alarm(pid);
                    }
                }
                Event::Send { to, message, .. } => {
                    // Nobody may be there to take it: then it is dropped here.
                    quietly(|| to.deliver(message));
                }
            }
        }
    }
}
