//! Priority: who is polled first when many can go on.
//!
//! Tokio keeps one queue of the tasks that can go on, first come, first served. Priority is laid over it by giving way:
//! a process whose turn has come goes back to the end of the queue without a step. A process of high priority never
//! does, one of normal priority does while a high one of its runtime waits for its turn, and one of low priority gives
//! way a few times in any case. How often is bounded, so that nobody starves. As long as no process of high priority
//! waits, a normal one pays for all this with two loads.

use crate::node::node;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::task::{Wake, Waker};
use tokio::runtime::{Handle, Id};

/// How urgent the work of a process is: what [`Flag::Priority`](crate::Flag::Priority) takes.
///
/// It decides who goes first among processes that can go on; a process that waits costs nothing, whatever its priority.
/// A process of high priority that is never done slows the others down to about a thirtieth of its steps, and does not
/// stop them. The priority of an [`Attached`](crate::process::Attached) process has no effect, since it is not in the
/// queue that the others wait in.
///
/// ```
/// # crabtree::run(async {
/// use crabtree::prelude::*;
/// use crabtree::process::Priority;
///
/// let alarm = spawn(async {
///     process::flag(Flag::Priority, Priority::High);
///     receive! { "fire" => () }
/// });
/// process::sleep(ms(10)).await;
/// assert_eq!(process::info(alarm).unwrap().priority, Priority::High);
/// # });
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Priority {
    /// For work that nobody waits for: a step at every eighth turn.
    Low,
    /// What a process has unless it is told otherwise.
    #[default]
    Normal,
    /// For little work that must not wait. Others give way, so it is no good for much work.
    High,
}

/// How often in a row a process gives way to those of high priority.
const TO_HIGH: u8 = 31;
/// How often in a row a process of low priority gives way to all others.
const TO_ALL: u8 = 7;

impl Priority {
    /// As a record keeps it.
    pub(crate) const fn as_byte(self) -> u8 {
        self as u8
    }

    /// Takes back what [`as_byte`](Priority::as_byte) gave.
    pub(crate) const fn of_byte(byte: u8) -> Priority {
        match byte {
            0 => Priority::Low,
            1 => Priority::Normal,
            _ => Priority::High,
        }
    }

    /// Whether a process gives way once more, that did so `times` times since its last step.
    fn gives_way(self, times: u8, high_waits: impl FnOnce() -> bool) -> bool {
        match self {
            Priority::High => false,
            Priority::Low if times < TO_ALL => true,
            Priority::Low | Priority::Normal => times < TO_HIGH && high_waits(),
        }
    }
}

/// What a task keeps about its turns.
#[derive(Default)]
pub(super) struct Turn {
    /// Set while the priority is high.
    high: Option<Arc<High>>,
}

impl Turn {
    /// That of a process which is about to enter the queue of the runtime.
    pub(super) fn first(priority: Priority, runtime: &Handle) -> Turn {
        Turn {
            high: (priority == Priority::High).then(|| {
                let high = High::of(runtime);
                high.waits();
                high
            }),
        }
    }

    /// Whether the process goes on now. If not, its task goes to the end of the queue.
    /// `given_way` is how often that was not so since its last step.
    pub(super) fn has_come(priority: Priority, given_way: &AtomicU8) -> bool {
        let times = given_way.load(Ordering::Relaxed);
        let gives_way = priority.gives_way(times, || node().turns.high_waits());
        if gives_way || times > 0 {
            given_way.store(if gives_way { times + 1 } else { 0 }, Ordering::Relaxed);
        }
        !gives_way
    }

    /// The waker for the coming step of a process of high priority. Others use that of the task.
    pub(super) fn waker(&mut self, priority: Priority, task: &Waker) -> Option<Waker> {
        if priority != Priority::High {
            self.leave();
            return None;
        }
        let high = self.high.get_or_insert_with(|| High::of(&Handle::current()));
        high.becomes(IDLE);
        high.task.get_or_init(|| task.clone());
        Some(high.clone().into())
    }

    /// Leaves those of high priority, if it is one of them.
    pub(super) fn leave(&mut self) {
        if let Some(high) = self.high.take() {
            high.becomes(OVER);
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.leave();
    }
}

/// A task of high priority, as those see it who wake it.
struct High {
    /// [`IDLE`], [`WAITS`] or [`OVER`].
    state: AtomicU8,
    /// How many of its runtime wait for their turn.
    waiting: Arc<AtomicUsize>,
    /// The waker of the task, known at its first step. Nobody wakes it before.
    task: OnceLock<Waker>,
}

const IDLE: u8 = 0;
/// It was woken, and was not polled since. It is counted in `waiting`, and on the node.
const WAITS: u8 = 1;
/// The priority is not high any more, or the process ended. Wakers of it may still be about.
const OVER: u8 = 2;

impl High {
    fn of(runtime: &Handle) -> Arc<High> {
        Arc::new(High {
            state: AtomicU8::new(IDLE),
            waiting: node().turns.of(runtime),
            task: OnceLock::new(),
        })
    }

    fn waits(&self) {
        let idle = (self.state).compare_exchange(IDLE, WAITS, Ordering::Relaxed, Ordering::Relaxed);
        if idle.is_ok() {
            self.waiting.fetch_add(1, Ordering::Relaxed);
            node().turns.waiting.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn becomes(&self, state: u8) {
        if self.state.swap(state, Ordering::Relaxed) == WAITS {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            node().turns.waiting.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Wake for High {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.waits();
        if let Some(task) = self.task.get() {
            task.wake_by_ref();
        }
    }
}

/// How many processes of high priority wait for their turn.
#[derive(Default)]
pub(crate) struct Turns {
    /// On the whole node. Seldom more than zero, and only then somebody looks at the rest.
    waiting: AtomicUsize,
    of_runtimes: Mutex<HashMap<Id, Weak<AtomicUsize>>>,
}

impl Turns {
    /// Whether one of them waits on the runtime that runs the caller. What waits elsewhere, others have to make way for.
    fn high_waits(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
            && Handle::try_current().is_ok_and(|runtime| {
                let waiting = self.of_runtimes.lock().get(&runtime.id()).and_then(Weak::upgrade);
                waiting.is_some_and(|waiting| waiting.load(Ordering::Relaxed) > 0)
            })
    }

    fn of(&self, runtime: &Handle) -> Arc<AtomicUsize> {
        let mut of_runtimes = self.of_runtimes.lock();
        if let Some(waiting) = of_runtimes.get(&runtime.id()).and_then(Weak::upgrade) {
            return waiting;
        }
        of_runtimes.retain(|_, waiting| waiting.strong_count() > 0);
        let waiting = Arc::default();
        of_runtimes.insert(runtime.id(), Arc::downgrade(&waiting));
        waiting
    }
}
