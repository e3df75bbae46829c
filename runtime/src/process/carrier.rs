//! Carriers: tasks of tokio, each of which runs one process after another.
//!
//! To begin and end a task takes memory aligned to two cache lines, at which allocators are slow, a place in a list that
//! all threads share, and the locks of both. So the task of a process that has ended stays, and runs the next one, unless
//! enough of them wait for that already.
//!
//! # Invariants
//! 1. A berth says [`BUSY`] while its carrier runs a process, [`VACANT`] when it waits for one, the number of the process
//!    when there is one, and [`GONE`] when the runtime has dropped it. Only the carrier leaves the first and the third
//!    state; the second is left by who took it out of the vacant ones, or by its end.
//! 2. The body of a process belongs to its carrier, from when that was told of the process until the process has ended.

use super::current::Current;
use super::priority::{Priority, Turn};
use super::record::Record;
use super::task::{self, Body, End};
use crate::ExitReason;
use crate::node::node;
use parking_lot::Mutex;
use std::cell::{RefCell, UnsafeCell};
use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker};
use tokio::runtime::{Handle, Id};

/// How many carriers of a runtime wait for another process at most: a megabyte.
const MOST_VACANT: usize = 4096;

const BUSY: u32 = u32::MAX;
const VACANT: u32 = u32::MAX - 1;
const GONE: u32 = u32::MAX - 2;

/// Where a record keeps the future of its process.
#[derive(Default)]
pub(super) struct BodyCell(UnsafeCell<Option<Body>>);

// SAFETY: only the carrier of the process looks at the body (invariant 2), and bodies are `Send`.
unsafe impl Sync for BodyCell {}

/// The bytes of the future of a process, or [`NO_BODY`]. It stands beside the [`BodyCell`] so that none are lost between
/// the two.
pub(super) struct BodySize(AtomicU32);

/// The size of the future of a process that is polled by somebody else.
const NO_BODY: u32 = u32::MAX;

impl BodySize {
    pub(super) fn none() -> BodySize {
        BodySize(AtomicU32::new(NO_BODY))
    }

    /// `None` when the process has no task of its own.
    pub(super) fn get(&self) -> Option<usize> {
        let size = self.0.load(Ordering::Relaxed);
        (size != NO_BODY).then_some(size as usize)
    }

    /// Says what the body is from now on.
    pub(super) fn set(&self, body: &Body) {
        self.0.store(size_of_val(&**body) as u32, Ordering::Relaxed);
    }

    fn clear(&self) {
        self.0.store(NO_BODY, Ordering::Relaxed);
    }
}

/// Runs a process that has begun, whose future is `body`.
pub(super) fn carry(record: &'static Record, body: Body) {
    record.body_size.set(&body);
    // SAFETY: no carrier knows of the process yet, so its body is nobody else's.
    unsafe { *record.body.0.get() = Some(body) };
    let runtime = Handle::try_current().unwrap_or_else(|_| node().runtime().clone());
    // One of high priority is waited for before its first step: the carrier has to know of that.
    if record.priority() != Priority::High {
        while let Some(Vacant { waker, berth }) = Carriers::of(&runtime, |carriers| carriers.take()) {
            if berth.engage(record) {
                return waker.wake();
            }
        }
    }
    let turn = Turn::first(record.priority(), &runtime);
    let (process, berth) = (Some(record), None);
    runtime.spawn(Carrier { process, berth, turn });
}

/// A task that runs processes. Small on purpose: tokio doubles what it allocates beyond three words.
struct Carrier {
    /// The process that it runs.
    process: Option<&'static Record>,
    /// Where it is told of the next one; made when it waits for that first.
    berth: Option<Arc<Berth>>,
    turn: Turn,
}

/// Where a carrier is told what it runs next.
struct Berth {
    next: AtomicU32,
    /// Those of its runtime.
    carriers: Arc<Carriers>,
}

impl Berth {
    /// Gives the carrier something to run; `false` when its runtime has dropped it.
    fn engage(&self, record: &Record) -> bool {
        let number = record.pid().number();
        let engaged = (self.next).compare_exchange(VACANT, number, Ordering::Release, Ordering::Relaxed);
        engaged.is_ok()
    }

    /// The process to run now, if there is one, of which the carrier is told once.
    fn next(&self) -> Option<&'static Record> {
        let record = engaged(self.next.load(Ordering::Acquire))?;
        self.next.store(BUSY, Ordering::Relaxed);
        Some(record)
    }
}

/// The process of which a berth says the number, if it says one.
fn engaged(number: u32) -> Option<&'static Record> {
    let record = (number < GONE).then(|| node().table.at_number(number))?;
    record.map(|(_, record)| record)
}

impl Future for Carrier {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let carrier = self.get_mut();
        if carrier.process.is_none() {
            carrier.process = carrier.berth.as_ref().and_then(|berth| berth.next());
        }
        // Whatever the last process left behind may wake its carrier.
        let Some(record) = carrier.process else {
            return Poll::Pending;
        };
        let priority = record.priority();
        if !Turn::has_come(priority, &record.given_way) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let stepped = match carrier.turn.waker(priority, context.waker()) {
            None => carrier.step(record, context),
            Some(waker) => carrier.step(record, &mut Context::from_waker(&waker)),
        };
        if priority != Priority::High && record.priority() == Priority::High {
            // What it waits for has to learn the waker of a process of high priority.
            context.waker().wake_by_ref();
        }
        match stepped {
            Poll::Pending => Poll::Pending,
            Poll::Ready(end) => {
                carrier.end(end);
                carrier.wait(context.waker())
            }
        }
    }
}

impl Carrier {
    fn step(&mut self, record: &'static Record, context: &mut Context<'_>) -> Poll<End> {
        // SAFETY: the carrier runs the process (invariant 2), and holds the reference for this step only.
        match unsafe { &mut *record.body.0.get() } {
            Some(body) => task::step(Current::of(record), body, context),
            None => Poll::Ready(End::of(ExitReason::Normal)),
        }
    }

    /// Ends the process, if there is one.
    fn end(&mut self, end: End) {
        let Some(record) = self.process.take() else { return };
        self.turn.leave();
        // SAFETY: the carrier runs the process (invariant 2), and no step holds a reference any more.
        let body = unsafe { (*record.body.0.get()).take() };
        record.body_size.clear();
        task::end(Current::of(record), body, end);
    }

    /// Waits for another process to run, unless enough others do.
    fn wait(&mut self, waker: &Waker) -> Poll<()> {
        let berth = self.berth.get_or_insert_with(|| {
            let (next, carriers) = (AtomicU32::new(BUSY), Carriers::of(&Handle::current(), Arc::clone));
            Arc::new(Berth { next, carriers })
        });
        match berth.carriers.add(waker, berth) {
            true => Poll::Pending,
            false => Poll::Ready(()),
        }
    }
}

/// A carrier that is dropped is done, or its runtime shuts down: that ends its process as a kill does.
impl Drop for Carrier {
    fn drop(&mut self) {
        if let Some(berth) = &self.berth {
            match berth.next.swap(GONE, Ordering::Acquire) {
                BUSY => {}
                // The others are about to be dropped too, and what wakes them keeps their memory.
                VACANT => berth.carriers.clear(),
                number => self.process = engaged(number),
            }
        }
        self.end(End::of(ExitReason::Killed));
    }
}

/// The carriers of a runtime that wait for a process to run.
#[derive(Default)]
pub(crate) struct Carriers {
    /// The one that ended a process last goes first: its memory is at hand.
    vacant: Mutex<Vec<Vacant>>,
}

struct Vacant {
    waker: Waker,
    berth: Arc<Berth>,
}

thread_local! {
    /// Those of the runtime for which this thread spawned, or ended, a process last.
    static LAST: RefCell<Option<(Id, Arc<Carriers>)>> = const { RefCell::new(None) };
}

/// Those of all runtimes that there are.
pub(crate) type OfRuntimes = Mutex<HashMap<Id, Weak<Carriers>>>;

impl Carriers {
    fn of<R>(runtime: &Handle, with: impl Fn(&Arc<Carriers>) -> R) -> R {
        let id = runtime.id();
        let found = LAST.try_with(|last| match &mut *last.borrow_mut() {
            Some((of, carriers)) if *of == id => with(carriers),
            last => with(&last.insert((id, Carriers::find(id))).1),
        });
        // A thread that is about to end has forgotten them.
        found.unwrap_or_else(|_| with(&Carriers::find(id)))
    }

    #[cold]
    fn find(runtime: Id) -> Arc<Carriers> {
        let mut of_runtimes = node().carriers.lock();
        if let Some(carriers) = of_runtimes.get(&runtime).and_then(Weak::upgrade) {
            return carriers;
        }
        of_runtimes.retain(|_, carriers| carriers.strong_count() > 0);
        let carriers = Arc::default();
        of_runtimes.insert(runtime, Arc::downgrade(&carriers));
        carriers
    }

    fn take(&self) -> Option<Vacant> {
        self.vacant.lock().pop()
    }

    /// Adds a carrier, which is woken by `waker`; `false` when there are enough.
    fn add(&self, waker: &Waker, berth: &Arc<Berth>) -> bool {
        let mut vacant = self.vacant.lock();
        let has_room = vacant.len() < MOST_VACANT;
        if has_room {
            berth.next.store(VACANT, Ordering::Relaxed);
            let (waker, berth) = (waker.clone(), berth.clone());
            vacant.push(Vacant { waker, berth });
        }
        has_room
    }

    fn clear(&self) {
        let vacant = std::mem::take(&mut *self.vacant.lock());
        drop(vacant);
    }
}

#[cfg(all(test, not(crabtree_loom)))]
mod tests {
    use crate::process;
    use std::sync::mpsc;
    use tokio::runtime::{Builder, Runtime};

    fn runtime() -> Runtime {
        Builder::new_current_thread().build().unwrap()
    }

    /// Runs a process to its end, and says which task it was.
    async fn task_of_a_process() -> tokio::task::Id {
        let (tell, told) = mpsc::channel();
        process::spawn(async move { tell.send(tokio::task::id()).unwrap() });
        loop {
            match told.try_recv() {
                Ok(id) => return id,
                Err(_) => tokio::task::yield_now().await,
            }
        }
    }

    #[test]
    fn a_process_runs_on_the_task_of_one_that_ended() {
        runtime().block_on(async {
            let first = task_of_a_process().await;
            assert_eq!(task_of_a_process().await, first);
            // While that one is taken, another one has to be made.
            process::spawn(std::future::pending::<()>());
            assert_ne!(task_of_a_process().await, first);
        });
    }

    #[test]
    fn a_runtime_that_shuts_down_ends_the_process_that_a_carrier_was_given() {
        let runtime = runtime();
        runtime.block_on(task_of_a_process());
        let given = {
            let _entered = runtime.enter();
            process::spawn(std::future::pending::<()>())
        };
        assert!(process::is_alive(given));
        drop(runtime);
        assert!(!process::is_alive(given));
    }
}
