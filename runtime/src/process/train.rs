//! Trains: the tasks of tokio that processes ride on.
//!
//! A process has no task of its own. When it is to take a step, and no thread is about to run it anyway, it gets on a train
//! that stands idle, and tokio polls that. A train takes [the steps](super::hand_over::Hosting::run) of its riders, and of
//! those whom they wake, until nobody is left, and is idle then.
//!
//! # Invariants
//! 1. A train is among the idle ones, or tokio is about to poll it, or polls it. Only an idle one is given riders.
//! 2. The claim of whoever is on a train says that they are queued.

use super::body::{Step, abandon, kill_queued, step};
use super::hand_over::Hosting;
use super::record::Record;
use crate::node::node;
use parking_lot::Mutex;
use std::cell::RefCell;
use std::collections::HashMap;
use std::future::Future;
use std::iter::once;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::task::{Context, Poll, Waker};
use tokio::runtime::{Handle, Id, RuntimeFlavor};

/// How many trains of a runtime stand idle at most: half a megabyte.
const MOST_IDLE: usize = 512;

/// Processes that are to take a step, the first one first.
pub(super) type Line = Vec<&'static Record>;

/// Which runtime a process runs on: zero is none, and the lowest bit says whether it has several threads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Home(pub(super) u32);

impl Home {
    pub(crate) const NONE: Home = Home(0);

    /// That of a runtime that was given this number, in the order in which they were seen.
    fn new(number: u32, flavor: RuntimeFlavor) -> Home {
        Home(number << 1 | u32::from(flavor != RuntimeFlavor::CurrentThread))
    }

    pub(super) fn has_threads(self) -> bool {
        self.0 & 1 != 0
    }
}

/// The trains of a runtime.
pub(crate) struct Yard {
    home: Home,
    /// How many threads the runtime has for tasks.
    threads: usize,
    /// `None` when the runtime is gone.
    runtime: Mutex<Option<Handle>>,
    idle: Mutex<Vec<Arc<Train>>>,
    /// How many processes of high priority wait for their turn.
    high: AtomicUsize,
}

/// See the module.
struct Train {
    /// `None` when tokio has dropped it.
    riders: Mutex<Option<Line>>,
    /// Known from the first poll on.
    waker: OnceLock<Waker>,
    yard: Arc<Yard>,
}

/// The runtime for which the caller spawns: the one that it runs on, or that of the node.
pub(super) fn home() -> Home {
    home_of(&Handle::try_current().unwrap_or_else(|_| node().runtime().clone()))
}

pub(crate) fn home_of(runtime: &Handle) -> Home {
    let id = runtime.id();
    Yard::with(|(of, _)| *of == id, || Yard::of(runtime), |yard| yard.home).unwrap_or(Home::NONE)
}

/// Has a train take them there, if there are any.
pub(super) fn send(home: Home, riders: &mut dyn Iterator<Item = &'static Record>) {
    let mut riders = riders.peekable();
    if riders.peek().is_some() {
        Yard::at(home, |yard| yard.send(&mut riders));
        // If the runtime is gone.
        riders.for_each(kill_queued);
    }
}

/// Has a train take only this one.
pub(super) fn send_alone(record: &'static Record) {
    send(record.home(), &mut once(record));
}

/// Has several trains take those, which are of one runtime: one for each of its threads, so that all can begin at once.
pub(super) fn send_apart(riders: &[&'static Record]) {
    let Some(first) = riders.first() else { return };
    let home = first.home();
    let threads = Yard::at(home, |yard| yard.threads).unwrap_or(1);
    for part in riders.chunks(riders.len().div_ceil(threads)) {
        send(home, &mut part.iter().copied());
    }
}

/// A process of high priority is queued there.
pub(super) fn high_waits(home: Home) {
    node().yards.high.fetch_add(1, Ordering::Relaxed);
    Yard::at(home, |yard| yard.high.fetch_add(1, Ordering::Relaxed));
}

/// One that was queued is not any more.
pub(super) fn high_goes(home: Home) {
    node().yards.high.fetch_sub(1, Ordering::Relaxed);
    Yard::at(home, |yard| yard.high.fetch_sub(1, Ordering::Relaxed));
}

/// Whether one is queued there. Mostly there is none on the whole node.
#[inline]
pub(super) fn does_high_wait(home: Home) -> bool {
    node().yards.high.load(Ordering::Relaxed) > 0 && does_high_wait_at(home)
}

#[cold]
fn does_high_wait_at(home: Home) -> bool {
    Yard::at(home, |yard| yard.high.load(Ordering::Relaxed)).is_some_and(|waiting| waiting > 0)
}

thread_local! {
    /// That of the runtime with which the thread had to do last.
    static LAST: RefCell<Option<(Id, Arc<Yard>)>> = const { RefCell::new(None) };
}

/// Those of all runtimes that there are.
#[derive(Default)]
pub(crate) struct Yards {
    of_runtimes: Mutex<OfRuntimes>,
    /// How many processes of high priority wait for their turn, on all of them.
    high: AtomicUsize,
}

#[derive(Default)]
struct OfRuntimes {
    yards: HashMap<Id, Weak<Yard>>,
    /// How many there have been.
    count: u32,
}

impl Yard {
    /// Does something with a yard: the last one, if it is right, or else the one that is found.
    fn with<R>(
        is_right: impl FnOnce(&(Id, Arc<Yard>)) -> bool,
        find: impl FnOnce() -> Option<(Id, Arc<Yard>)>,
        with: impl FnOnce(&Arc<Yard>) -> R,
    ) -> Option<R> {
        let mut with = Some(with);
        let done = LAST.try_with(|last| {
            let last = last.try_borrow().ok()?;
            let (_, yard) = last.as_ref().filter(|last| is_right(last))?;
            Some(with.take()?(yard))
        });
        if let Ok(Some(done)) = done {
            return Some(done);
        }
        let (id, yard) = find()?;
        let done = with.take()?(&yard);
        // A thread that is about to end remembers none, and one that is within another one remembers that.
        let before = LAST.try_with(|last| Some(last.try_borrow_mut().ok()?.replace((id, yard))));
        drop(before);
        Some(done)
    }

    fn at<R>(home: Home, with: impl FnOnce(&Arc<Yard>) -> R) -> Option<R> {
        let find = || {
            let of_runtimes = node().yards.of_runtimes.lock();
            let mut yards = of_runtimes
                .yards
                .iter()
                .filter_map(|(id, yard)| Some((*id, yard.upgrade()?)));
            yards.find(|(_, yard)| yard.home == home)
        };
        Yard::with(|(_, yard)| yard.home == home, find, with)
    }

    #[cold]
    fn of(runtime: &Handle) -> Option<(Id, Arc<Yard>)> {
        let id = runtime.id();
        let mut of_runtimes = node().yards.of_runtimes.lock();
        if let Some(yard) = of_runtimes.yards.get(&id).and_then(Weak::upgrade) {
            return Some((id, yard));
        }
        of_runtimes.yards.retain(|_, yard| yard.strong_count() > 0);
        of_runtimes.count += 1;
        let yard = Arc::new(Yard {
            home: Home::new(of_runtimes.count, runtime.runtime_flavor()),
            threads: runtime.metrics().num_workers().max(1),
            runtime: Mutex::new(Some(runtime.clone())),
            idle: Mutex::default(),
            high: AtomicUsize::new(0),
        });
        of_runtimes.yards.insert(id, Arc::downgrade(&yard));
        drop(of_runtimes);
        runtime.spawn(Anchor(yard.clone()));
        Some((id, yard))
    }

    /// Leaves the riders where they are when the runtime is gone.
    fn send(self: &Arc<Yard>, riders: &mut dyn Iterator<Item = &'static Record>) {
        while let Some(train) = self.take_idle() {
            match &mut *train.riders.lock() {
                Some(line) => line.extend(riders),
                // Tokio has dropped it.
                None => continue,
            }
            train
                .waker
                .get()
                .expect("it became idle when it was polled")
                .wake_by_ref();
            return;
        }
        let runtime = self.runtime.lock().clone();
        if let Some(runtime) = runtime {
            let (riders, waker, yard) = (Mutex::new(Some(riders.collect())), OnceLock::new(), self.clone());
            runtime.spawn(Running(Arc::new(Train { riders, waker, yard })));
        }
    }

    /// Forgets the idle ones: they keep their yard, and it them.
    fn clear(&self) {
        let idle = std::mem::take(&mut *self.idle.lock());
        drop(idle);
    }

    fn take_idle(&self) -> Option<Arc<Train>> {
        self.idle.lock().pop()
    }
}

/// The task of a train.
struct Running(Arc<Train>);

impl Future for Running {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let Running(train) = &*self;
        train.waker.get_or_init(|| context.waker().clone());
        let mut line = train.riders.lock().as_mut().map(std::mem::take).unwrap_or_default();
        if line.is_empty() {
            // It is idle.
            return Poll::Pending;
        }
        let yard = &train.yard;
        match Hosting::begin(yard.home) {
            Some(hosting) => hosting.run(&mut line),
            None => line.retain(|record| !matches!(step(record, yard.home), Step::Done)),
        }
        let goes_on = !line.is_empty();
        // What the line has allocated serves again.
        *train.riders.lock() = Some(line);
        if goes_on {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let mut idle = yard.idle.lock();
        if idle.len() == MOST_IDLE {
            return Poll::Ready(());
        }
        idle.push(train.clone());
        Poll::Pending
    }
}

/// The train has ended, or the runtime shuts down, which ends the processes as a kill does.
impl Drop for Running {
    fn drop(&mut self) {
        let Running(train) = self;
        let riders = train.riders.lock().take();
        riders.into_iter().flatten().for_each(kill_queued);
        if train.yard.runtime.lock().is_none() {
            train.yard.clear();
        }
    }
}

/// A task that learns when the runtime shuts down.
struct Anchor(Arc<Yard>);

impl Future for Anchor {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }
}

/// The runtime shuts down, which ends its processes as a kill does.
impl Drop for Anchor {
    fn drop(&mut self) {
        let Anchor(yard) = self;
        let runtime = yard.runtime.lock().take();
        drop(runtime);
        for (_, record) in node().table.all() {
            if record.home() == yard.home {
                abandon(record);
            }
        }
        yard.clear();
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
    fn processes_ride_on_a_train_that_stands_idle() {
        runtime().block_on(async {
            let first = task_of_a_process().await;
            let waits = process::spawn(std::future::pending::<()>());
            while process::info(waits).unwrap().reductions == 0 {
                tokio::task::yield_now().await;
            }
            assert_eq!(task_of_a_process().await, first);
        });
    }

    #[test]
    fn a_runtime_that_shuts_down_ends_its_processes() {
        let runtime = runtime();
        let waits = runtime.block_on(async {
            let waits = process::spawn(std::future::pending::<()>());
            task_of_a_process().await;
            waits
        });
        let queued = {
            let _entered = runtime.enter();
            process::spawn(std::future::pending::<()>())
        };
        let both = [waits, queued];
        assert!(both.iter().all(|pid| process::is_alive(*pid)));
        drop(runtime);
        assert!(!both.iter().any(|pid| process::is_alive(*pid)));
    }
}
