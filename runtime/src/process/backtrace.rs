//! Backtraces of processes that wait.
//!
//! Nobody can walk the stack of a future that is not being polled. So the process is polled once more, with a waker that
//! notes from where it is cloned: whatever waits keeps a clone of the waker, and the stack at that moment is where it
//! waits.
//!
//! # Invariants
//! 1. The data of a waker with [`VTABLE`] is an `Arc<Witness>` that was turned into a pointer; each waker owns one.

use super::call::{self, Origin};
use super::current;
use super::stack::{Frame, Stack};
use crate::node::node;
use crate::pid::Pid;
use parking_lot::Mutex;
use std::fmt;
use std::mem::ManuallyDrop;
use std::sync::Arc;
use std::task::{Context, RawWaker, RawWakerVTable, Waker};

/// Where a process waits, as [`backtrace`] found it.
///
/// It prints the functions from the innermost outwards. The names are looked up when they are asked for, which can take
/// a while; places are known when the code was compiled with debug information.
#[derive(Clone)]
pub struct Backtrace {
    pid: Pid,
    stacks: Arc<[Stack]>,
}

/// Finds out where a process waits; `None` when it is not alive.
///
/// The process is polled for it, which no future minds. Several stacks come of one that waits for several things at once;
/// none of one that went on instead of waiting. Parts that wait inside of collections of futures which poll only those that
/// were woken, as `FuturesUnordered`, are not seen.
///
/// The answer comes when the process next awaits. With a process that never does, this waits for ever; put a limit on it
/// where that can be. The caller's own backtrace is that of the call itself.
///
/// ```
/// # crabtree::run(async {
/// use crabtree::prelude::*;
///
/// async fn wait_for_orders() {
///     receive! { order: String => drop(order) }
/// }
///
/// let waiter = spawn(async { wait_for_orders().await });
/// let backtrace = process::backtrace(waiter).await.unwrap();
/// assert!(backtrace.to_string().contains("wait_for_orders"), "{backtrace}");
/// # });
/// ```
///
/// # Cancel safety
/// It can be dropped at any time.
pub async fn backtrace(pid: impl Into<Pid>) -> Option<Backtrace> {
    let pid = pid.into();
    if current::get().is_some_and(|process| process.pid == pid) {
        let stacks = [Stack::capture()].into();
        return Some(Backtrace { pid, stacks });
    }
    // A device of the node, which nobody polls.
    if pid == node().user {
        let stacks = [].into();
        return Some(Backtrace { pid, stacks });
    }
    let ask = |origin: Origin| {
        let Some(record) = node().table.get(pid) else { return };
        record.update(pid, |state| state.extras_mut().asked_where.push(origin));
        record.wake();
    };
    let answer = call::call_with(pid, None, ask).await.ok()?;
    answer.downcast().ok()
}

impl Backtrace {
    /// The process that was asked.
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// For each thing that it waits for, the functions that do, the innermost first. Those of the language and of the runtime
    /// are left out.
    pub fn stacks(&self) -> Vec<Vec<Frame>> {
        self.stacks.iter().map(Stack::frames).collect()
    }
}

impl fmt::Display for Backtrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.stacks.is_empty() {
            return write!(f, "{} does not wait for anything", self.pid);
        }
        for (number, stack) in self.stacks().iter().enumerate() {
            let again = if number == 0 { "" } else { "\nand " };
            write!(f, "{again}{} waits", self.pid)?;
            for frame in stack {
                write!(f, "\n  in {}", frame.function)?;
                if let Some(place) = &frame.place {
                    write!(f, "\n     at {place}")?;
                }
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Backtrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Those who want to know where the process waits.
pub(crate) type Asked = Vec<Origin>;

/// Polls as the process, and tells those who `asked` where it waits then.
pub(super) fn poll_in<R>(
    pid: Pid,
    context: &mut Context<'_>,
    asked: Asked,
    poll: impl FnOnce(&mut Context<'_>) -> R,
) -> R {
    if asked.is_empty() {
        return poll(context);
    }
    let witness = Arc::new(Witness {
        waker: context.waker().clone(),
        seen: Mutex::new(Some(Vec::new())),
    });
    // Whoever waits takes a waker that is not that of the task for one to be kept.
    let waker = witness.clone().into_waker();
    let answers = Answers { pid, witness, asked };
    let result = poll(&mut Context::from_waker(&waker));
    drop(answers);
    result
}

/// Answers when it is dropped, also by unwinding.
struct Answers {
    pid: Pid,
    witness: Arc<Witness>,
    asked: Asked,
}

impl Drop for Answers {
    fn drop(&mut self) {
        let stacks = self.witness.seen.lock().take().unwrap_or_default();
        tell(self.pid, &self.asked, stacks);
    }
}

/// Tells those who asked.
pub(super) fn tell(pid: Pid, asked: &[Origin], stacks: Vec<Stack>) {
    let stacks: Arc<[Stack]> = stacks.into();
    for origin in asked {
        let stacks = stacks.clone();
        origin.reply(Backtrace { pid, stacks });
    }
}

/// A waker that notes who keeps it.
struct Witness {
    waker: Waker,
    /// `None` once nobody wants to know any more.
    seen: Mutex<Option<Vec<Stack>>>,
}

impl Witness {
    fn into_waker(self: Arc<Witness>) -> Waker {
        let data = Arc::into_raw(self).cast();
        // SAFETY: the functions of the table are those of an `Arc<Witness>`, which is `Send` and `Sync`, and the new waker
        // owns the one given up here (invariant 1).
        unsafe { Waker::from_raw(RawWaker::new(data, &VTABLE)) }
    }
}

static VTABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, wake_by_ref, drop_waker);

/// # Safety
/// `data` is that of a waker with [`VTABLE`].
unsafe fn clone(data: *const ()) -> RawWaker {
    // SAFETY: the waker owns an `Arc` that is `data` (invariant 1), and goes on owning it.
    let witness = ManuallyDrop::new(unsafe { Arc::from_raw(data.cast::<Witness>()) });
    if let Some(seen) = &mut *witness.seen.lock() {
        seen.push(Stack::capture());
    }
    RawWaker::new(Arc::into_raw(Arc::clone(&witness)).cast(), &VTABLE)
}

/// # Safety
/// As for `clone`, and the waker is not used again.
unsafe fn wake(data: *const ()) {
    // SAFETY: the waker gives its `Arc` up (invariant 1).
    unsafe { Arc::from_raw(data.cast::<Witness>()) }.waker.wake_by_ref();
}

/// # Safety
/// As for `clone`.
unsafe fn wake_by_ref(data: *const ()) {
    // SAFETY: as in `clone`.
    let witness = ManuallyDrop::new(unsafe { Arc::from_raw(data.cast::<Witness>()) });
    witness.waker.wake_by_ref();
}

/// # Safety
/// As for `wake`.
unsafe fn drop_waker(data: *const ()) {
    // SAFETY: as in `wake`.
    drop(unsafe { Arc::from_raw(data.cast::<Witness>()) });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_witness_sees_clones_while_somebody_wants_to_know_and_wakes_always() {
        let witness = Arc::new(Witness {
            waker: Waker::noop().clone(),
            seen: Mutex::new(Some(Vec::new())),
        });
        let waker = witness.clone().into_waker();
        let kept = waker.clone();
        assert_eq!(witness.seen.lock().take().map(|seen| seen.len()), Some(1));
        let later = kept.clone();
        assert!(witness.seen.lock().is_none());
        later.wake_by_ref();
        later.wake();
        drop((waker, kept));
        assert_eq!(Arc::strong_count(&witness), 1);
    }
}
