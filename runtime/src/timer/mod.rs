//! Timers: deadlines of processes and messages sent later, on one wheel per tokio runtime.
//!
//! A process has at most one [`Alarm`], for its nearest deadline; when the deadline moves away the alarm stays and is
//! early, which costs one look at the clock. So a call with a timeout seldom touches the wheel.
//!
//! The wheel follows tokio's clock, so that a paused clock in a test pauses processes too.

mod wheel;

use crate::destination::Target;
use crate::message::Message;
use crate::node::node;
use crate::pid::{Pid, Ref};
use crate::process::deliver;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::time::Instant;
use wheel::{Key, Wheel};

/// What is farther ahead is taken to be this far: a thousand years.
const FAR: Duration = Duration::from_secs(1000 * 365 * 24 * 3600);

/// The timers of one tokio runtime.
pub(crate) struct Timers {
    /// Tick zero.
    start: Instant,
    wheel: Mutex<Wheel<Event>>,
    /// Tells the driver that its next deadline is nearer than it was.
    nearer: Notify,
}

enum Event {
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

/// Timers that send, by their public reference, so that they can be cancelled.
#[derive(Default)]
pub(crate) struct Senders {
    by_ref: Mutex<HashMap<Ref, (Weak<Timers>, Key)>>,
}

impl Senders {
    pub(crate) fn send_after(&self, to: Target, message: Message, after: Duration, timer: Ref) {
        let timers = Timers::current();
        let mut by_ref = self.by_ref.lock();
        let at = Instant::now() + after.min(FAR);
        let key = timers.insert(at, Event::Send { to, message, timer });
        by_ref.insert(timer, (Arc::downgrade(&timers), key));
    }

    /// Takes a timer back; says how much time it had left, or `None` when it fired or never was.
    pub(crate) fn cancel(&self, timer: Ref) -> Option<Duration> {
        let (timers, key) = self.by_ref.lock().remove(&timer)?;
        let timers = timers.upgrade()?;
        let (event, when) = {
            let mut wheel = timers.wheel.lock();
            let when = wheel.when(key)?;
            (wheel.remove(key)?, when)
        };
        drop(event);
        let at = timers.start + Duration::from_millis(when);
        Some(at.saturating_duration_since(Instant::now()))
    }
}

impl Timers {
    /// Those of the runtime that runs the caller, or of the node's own.
    pub(crate) fn current() -> Arc<Timers> {
        let handle = Handle::try_current().unwrap_or_else(|_| node().runtime().clone());
        let id = handle.id();
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
        for event in expired {
            match event {
                Event::Wake(pid) => {
                    if let Some(record) = node().table.get(pid) {
                        record.alarm(pid);
                    }
                }
                Event::Send { to, message, timer } => {
                    node().senders.by_ref.lock().remove(&timer);
                    let to = match to {
                        Target::Pid(pid) => Some(pid),
                        Target::Name(name) => node().names.get(name.as_str()),
                    };
                    drop(to.map(|to| deliver(to, message)));
                }
            }
        }
    }
}
