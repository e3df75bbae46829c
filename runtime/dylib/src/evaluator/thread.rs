//! The thread that cells run on.
//!
//! evcxr's thread hands it each cell and waits. Most cells end, and the same thread runs the next one. A cell that is
//! interrupted while it sits in a system call is left behind: its thread is frozen for ever, and evcxr's goes on.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{Ended, freeze, unwound};
use crate::host::OwnThread;

/// As large as that of a program's main thread.
const STACK: usize = 8 << 20;
/// How long an interrupted cell has to end by itself.
const PATIENCE: Duration = Duration::from_millis(150);
/// How often is looked whether a cell sits in a system call.
const AGAIN: Duration = Duration::from_millis(50);

type Work = Box<dyn FnOnce() + Send>;

/// The way to the thread; it is made when it is first needed.
#[derive(Debug, Default)]
pub(crate) struct CellThread {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    thread: Option<Thread>,
    running: Option<Running>,
}

#[derive(Debug)]
struct Thread {
    work: mpsc::Sender<Work>,
    id: freeze::ThreadId,
}

/// A cell on the thread.
#[derive(Debug)]
struct Running {
    cell: u64,
    /// Tells evcxr's thread, which waits, that the thread was frozen.
    left: mpsc::Sender<Option<Ended>>,
}

impl CellThread {
    /// Runs a cell, and waits for its end. `None` when it was left behind: then `work`, and all that it borrows, must
    /// not be touched again.
    pub(super) fn run(&self, cell: u64, work: impl FnOnce() -> Ended) -> Option<Ended> {
        let (ended, end) = mpsc::channel();
        let left = ended.clone();
        let work: Box<dyn FnOnce() + '_> = Box::new(move || {
            let end = catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(unwound);
            // The one that waits does so until it is told.
            let _ = ended.send(Some(end));
        });
        // SAFETY: only the lifetime changes, and that the thread may have what is not `Send`. This function returns when
        // `work` has told its end, by then having dropped what it had; when there is no thread to take it; or when the
        // thread that runs it is frozen and runs nothing any more. So nothing that `work` borrows is used by the thread
        // after its lifetime, nor while this thread uses it: it waits.
        let work: Work = unsafe { std::mem::transmute::<Box<dyn FnOnce() + '_>, Work>(work) };
        {
            let mut state = self.state();
            let thread = state.thread.get_or_insert_with(Thread::start);
            assert!(thread.work.send(work).is_ok(), "the thread ends only with the host");
            state.running = Some(Running { cell, left });
        }
        let end = end.recv().expect("this thread's own sender waits in `running`");
        self.state().running = None;
        end
    }

    /// Leaves `cell` behind as soon as it sits in a system call; returns when it has, or when the cell has ended.
    pub(crate) async fn leave(&self, cell: u64) {
        tokio::time::sleep(PATIENCE).await;
        while self.runs(cell) {
            let place = self.place();
            tokio::time::sleep(AGAIN).await;
            if place.is_some() && self.place() == place && self.freeze(cell, place) {
                return;
            }
        }
    }

    /// Whether it is that thread of the process.
    #[cfg(target_os = "linux")]
    pub(crate) fn is_on(&self, thread: libc::pid_t) -> bool {
        self.state().thread.as_ref().is_some_and(|own| own.id.is(thread))
    }

    fn runs(&self, cell: u64) -> bool {
        self.state()
            .running
            .as_ref()
            .is_some_and(|running| running.cell == cell)
    }

    fn place(&self) -> Option<freeze::Place> {
        self.state().thread.as_ref()?.id.place()
    }

    fn freeze(&self, cell: u64, place: Option<freeze::Place>) -> bool {
        let mut state = self.state();
        let (Some(thread), Some(running), Some(place)) = (&state.thread, &state.running, place) else {
            return false;
        };
        if running.cell != cell || !thread.id.freeze(place) {
            return false;
        }
        let _ = running.left.send(None);
        state.thread = None;
        true
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Thread {
    fn start() -> Thread {
        let (work, received) = mpsc::channel::<Work>();
        let (told, id) = mpsc::channel();
        let started = std::thread::Builder::new()
            .name("cells".to_owned())
            .stack_size(STACK)
            .spawn(move || {
                let _own = OwnThread::begin();
                let _ = told.send(freeze::ThreadId::current());
                received.into_iter().for_each(|work| work());
            });
        started.expect("the operating system gives a thread to run cells on");
        let id = id.recv().expect("the thread says who it is before all else");
        Thread { work, id }
    }
}
