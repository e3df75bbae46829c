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
//! 2. The body of a process belongs to who has taken its claim. It is there from before the carrier was told of the process
//!    until the process has ended.

use super::claim::{self, Left};
use super::current::Current;
use super::hand_over::{Home, Hosting, Trains};
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

// SAFETY: only who has taken the claim looks at the body (invariant 2), and bodies are `Send`.
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

/// Takes the body out of a process that takes no more steps. For who has taken the claim.
fn take_body(record: &Record) -> Option<Body> {
    record.body_size.clear();
    record.set_home(Home::NONE);
    // SAFETY: the caller has taken the claim (invariant 2), and no step holds a reference any more.
    unsafe { (*record.body.0.get()).take() }
}

/// Runs a process that has begun, whose future is `body`.
pub(super) fn carry(record: &'static Record, body: Body) {
    record.body_size.set(&body);
    // SAFETY: no carrier knows of the process yet, so its body is nobody else's.
    unsafe { *record.body.0.get() = Some(body) };
    let runtime = Handle::try_current().unwrap_or_else(|_| node().runtime().clone());
    let home = Carriers::of(&runtime, |carriers| carriers.home);
    record.set_home(home);
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
        match record.claim.take_home() {
            claim::Home::Taken => {}
            claim::Home::Elsewhere => return Poll::Pending,
            claim::Home::Over => {
                carrier.turn.leave();
                carrier.process = None;
                bury(record);
                return carrier.wait(context.waker());
            }
        }
        let hosting = match priority {
            Priority::High => None,
            Priority::Normal | Priority::Low => Hosting::begin(record.home()),
        };
        let own = carrier.turn.waker(priority, context.waker());
        let waker = own.as_ref().unwrap_or(context.waker());
        let stepped = step(record, waker);
        if priority != Priority::High && record.priority() == Priority::High {
            // What it waits for has to learn the waker of a process of high priority.
            context.waker().wake_by_ref();
        }
        let ended = match stepped {
            Poll::Pending => {
                let anywhere = record.keeps(waker);
                if record.claim.leave(anywhere) != Left::Quiet {
                    match &hosting {
                        Some(hosting) if anywhere => hosting.board(record),
                        _ => waker.wake_by_ref(),
                    }
                }
                false
            }
            Poll::Ready(end) => {
                carrier.end(end);
                true
            }
        };
        match ended {
            true => {
                // Nobody else needs it just now.
                hosting.map(Hosting::run);
                carrier.wait(context.waker())
            }
            false => Poll::Pending,
        }
    }
}

/// Takes a step of a process whose claim the caller has taken.
fn step(record: &'static Record, waker: &Waker) -> Poll<End> {
    // SAFETY: the caller has taken the claim (invariant 2), and the reference is gone after this step.
    match unsafe { &mut *record.body.0.get() } {
        Some(body) => task::step(Current::of(record), body, &mut Context::from_waker(waker)),
        None => Poll::Ready(End::of(ExitReason::Normal)),
    }
}

/// Takes a step of a process on a thread that is not polling its carrier, but one of the same runtime. Says whether the
/// process is to be run again.
pub(super) fn step_away(record: &'static Record, home: Home) -> bool {
    let claim = &record.claim;
    if !claim.take_away() {
        return false;
    }
    if record.home() != home {
        // Another process has the record now.
        let left = claim.leave(true);
        record.wake();
        return left == Left::Gone && killed(record);
    }
    let stepped = record.with_waker(|waker| {
        let stepped = step(record, waker);
        if record.priority() == Priority::High {
            // The carrier has to see to it.
            waker.wake_by_ref();
        }
        stepped
    });
    match stepped {
        Poll::Pending => match claim.leave(true) {
            Left::Quiet => false,
            Left::News => true,
            Left::Gone => killed(record),
        },
        Poll::Ready(end) => end_away(record, end),
    }
}

/// Ends a process whose carrier was dropped meanwhile, as a kill does.
#[cold]
fn killed(record: &'static Record) -> bool {
    end_away(record, End::of(ExitReason::Killed))
}

/// Ends a process as a guest. Its record is given back by the carrier, unless that is gone.
fn end_away(record: &'static Record, end: End) -> bool {
    let carrier = record.with_waker(Waker::clone);
    let body = take_body(record);
    task::end(Current::of(record), body, end);
    match record.claim.end_away() {
        true => carrier.wake(),
        false => bury(record),
    }
    false
}

/// Gives back the record of a process that was ended.
fn bury(record: &'static Record) {
    record.claim.reset();
    node().table.release(record.pid());
}

impl Carrier {
    /// Ends the process, if there is one, whose claim it has taken.
    fn end(&mut self, end: End) {
        let Some(record) = self.process.take() else { return };
        self.turn.leave();
        let body = take_body(record);
        task::end(Current::of(record), body, end);
        bury(record);
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
        let Some(record) = self.process else { return };
        match record.claim.drop_home() {
            claim::Home::Taken => self.end(End::of(ExitReason::Killed)),
            // Who runs it just now ends it.
            claim::Home::Elsewhere => {}
            claim::Home::Over => bury(record),
        }
    }
}

/// The carriers of a runtime that wait for a process to run.
pub(crate) struct Carriers {
    pub(super) home: Home,
    pub(super) trains: Trains,
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
#[derive(Default)]
pub(crate) struct OfRuntimes {
    carriers: HashMap<Id, Weak<Carriers>>,
    /// How many there have been.
    count: u32,
}

impl Carriers {
    pub(super) fn of<R>(runtime: &Handle, with: impl Fn(&Arc<Carriers>) -> R) -> R {
        let id = runtime.id();
        let found = LAST.try_with(|last| match &mut *last.borrow_mut() {
            Some((of, carriers)) if *of == id => with(carriers),
            last => with(&last.insert((id, Carriers::find(runtime))).1),
        });
        // A thread that is about to end has forgotten them.
        found.unwrap_or_else(|_| with(&Carriers::find(runtime)))
    }

    /// Those of the runtime that runs the caller, if it is that one.
    pub(super) fn of_home(home: Home) -> Option<Arc<Carriers>> {
        let is_home = |carriers: &&Arc<Carriers>| carriers.home == home;
        let last = LAST.try_with(|last| {
            let last = last.borrow();
            last.as_ref().map(|(_, carriers)| carriers).filter(is_home).cloned()
        });
        last.ok().flatten().or_else(|| {
            let runtime = Handle::try_current().ok()?;
            Carriers::of(&runtime, |carriers| Some(carriers).filter(is_home).cloned())
        })
    }

    #[cold]
    fn find(runtime: &Handle) -> Arc<Carriers> {
        let id = runtime.id();
        let mut of_runtimes = node().carriers.lock();
        if let Some(carriers) = of_runtimes.carriers.get(&id).and_then(Weak::upgrade) {
            return carriers;
        }
        of_runtimes.carriers.retain(|_, carriers| carriers.strong_count() > 0);
        of_runtimes.count += 1;
        let carriers = Arc::new(Carriers {
            home: Home::new(of_runtimes.count, runtime.runtime_flavor()),
            trains: Trains::default(),
            vacant: Mutex::default(),
        });
        of_runtimes.carriers.insert(id, Arc::downgrade(&carriers));
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
