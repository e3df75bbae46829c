//! The watchdog: notices processes that do not await.
//!
//! A thread that runs processes has a *seat*, where it notes which process it runs. That is one store whenever a process
//! begins or ends a step; no clock is read there. A thread of its own looks at the seats now and then: where nothing has
//! changed, a process has been running all the time.

use crate::io::{self, Stream};
use crate::node::node;
use crate::pid::Pid;
use crate::report;
use crate::threads::OwnThread;
use parking_lot::{Condvar, Mutex};
use std::cell::Cell;
use std::panic::catch_unwind;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Says when a process that does not await is reported; returns what was said before. It begins with two seconds, and
/// `None` means never.
///
/// Such a process keeps its thread from the others, and exit signals from itself. It is named once for each time that it
/// runs so long, on the error stream of its group leader. A process that is [`Attached`](crate::process::Attached), such
/// as the main process, is not reported, since it has its thread for itself.
///
/// Computations that take long belong into `tokio::task::spawn_blocking`, or need a `process::sleep(ms(0)).await` here
/// and there.
///
/// ```
/// # crabtree::run(async {
/// use crabtree::prelude::*;
///
/// let before = process::watchdog(Some(secs(10)));
/// assert_eq!(before, Some(secs(2)));
/// # });
/// ```
pub fn watchdog(after: Option<Duration>) -> Option<Duration> {
    let watchdog = &node().watchdog;
    let mut watch = watchdog.watch.lock();
    let before = std::mem::replace(&mut watch.after, after);
    watch.start();
    watchdog.changed.notify_one();
    before
}

/// What the seat of a thread says. The lowest bits are the number of the process that it runs, then one that says
/// whether it is to be reported; the others count.
type Step = u64;

const NUMBER_BITS: u32 = 27;
/// No process has this number: the table is smaller.
const NOBODY: Step = (1 << NUMBER_BITS) - 1;
const WATCHED: Step = 1 << NUMBER_BITS;
const COUNT: Step = 1 << (NUMBER_BITS + 1);

/// Who sits in a seat.
#[derive(Clone, Copy)]
pub(super) struct Sitter(Step);

impl Sitter {
    pub(super) const NOBODY: Sitter = Sitter(NOBODY);

    pub(super) fn new(pid: Pid, watched: bool) -> Sitter {
        Sitter(Step::from(pid.number()) | if watched { WATCHED } else { 0 })
    }
}

/// Written by its thread only.
struct Seat(AtomicU64);

thread_local! {
    static SEAT: Cell<Option<&'static Seat>> = const { Cell::new(None) };
    static LEAVE: Leave = const { Leave };
}

/// Notes who sits in the seat of this thread from now on.
pub(super) fn sit(sitter: Sitter) {
    // A thread that ends has left its seat, and is not watched any more.
    if let Some(Seat(step)) = SEAT.get().or_else(take_seat) {
        let count = (step.load(Ordering::Relaxed) & !(COUNT - 1)).wrapping_add(COUNT);
        step.store(count | sitter.0, Ordering::Relaxed);
    }
}

#[cold]
fn take_seat() -> Option<&'static Seat> {
    LEAVE.try_with(|_| {}).ok()?;
    let watchdog = &node().watchdog;
    let mut seats = watchdog.seats.lock();
    let seat = seats.vacant.pop().unwrap_or_else(|| {
        // As many as there ever were threads at a time.
        let seat: &Seat = Box::leak(Box::new(Seat(AtomicU64::new(NOBODY))));
        seats.all.push(seat);
        seat
    });
    drop(seats);
    SEAT.set(Some(seat));
    watchdog.watch.lock().start();
    Some(seat)
}

/// Leaves the seat when its thread ends.
struct Leave;

impl Drop for Leave {
    fn drop(&mut self) {
        if let Some(seat) = SEAT.take() {
            node().watchdog.seats.lock().vacant.push(seat);
        }
    }
}

#[derive(Default)]
struct Seats {
    all: Vec<&'static Seat>,
    vacant: Vec<&'static Seat>,
}

/// See the module.
pub(crate) struct Watchdog {
    seats: Mutex<Seats>,
    watch: Mutex<Watch>,
    /// Tells the thread that it has another time to wait.
    changed: Condvar,
}

struct Watch {
    after: Option<Duration>,
    spells: Spells,
    /// Whether there is a thread that looks.
    started: bool,
}

impl Watchdog {
    pub(crate) fn new() -> Watchdog {
        Watchdog {
            seats: Mutex::default(),
            watch: Mutex::new(Watch {
                // Miri wants all threads to end before the program does.
                after: (!cfg!(miri)).then_some(Duration::from_secs(2)),
                spells: Spells::default(),
                started: false,
            }),
            changed: Condvar::new(),
        }
    }

    /// For how long a thread has been running the process, as far as the watchdog saw it; `None` when none is.
    pub(super) fn running(&self, pid: Pid) -> Option<Duration> {
        let steps = self.steps();
        let seat = steps
            .iter()
            .position(|step| step & NOBODY == Step::from(pid.number()))?;
        let since = self.watch.lock().spells.since(seat, steps[seat]);
        Some(since.map_or(Duration::ZERO, |since| since.elapsed()))
    }

    fn steps(&self) -> Vec<Step> {
        let seats = self.seats.lock();
        seats.all.iter().map(|seat| seat.0.load(Ordering::Relaxed)).collect()
    }

    /// The life of the thread.
    fn keep(&self) {
        loop {
            let late = {
                let mut watch = self.watch.lock();
                match watch.after {
                    None => {
                        self.changed.wait(&mut watch);
                        continue;
                    }
                    Some(after) => {
                        let pause = (after / 4).max(Duration::from_millis(1));
                        self.changed.wait_for(&mut watch, pause);
                        let now = Instant::now();
                        watch.spells.look(now, &self.steps(), after)
                    }
                }
            };
            for (seat, step, time) in late {
                if self.steps().get(seat) == Some(&step) {
                    // A device is a user's code.
                    let _ = catch_unwind(|| tell(step & NOBODY, time));
                }
            }
        }
    }
}

impl Watch {
    fn start(&mut self) {
        if self.after.is_some() && !std::mem::replace(&mut self.started, true) {
            let keep = || {
                let _own = OwnThread::begin();
                node().watchdog.keep();
            };
            let thread = std::thread::Builder::new().name("crabtree-watchdog".to_owned());
            // A system that gives no more threads has worse troubles.
            self.started = thread.spawn(keep).is_ok();
        }
    }
}

fn tell(number: Step, time: Duration) {
    let Some((pid, record)) = node().table.at_number(number as u32) else {
        return;
    };
    // The process may hold its lock itself, when it shows a value.
    let seen = record.try_update(pid, |state| {
        let label = || state.extras()?.label.as_ref();
        (state.name().or_else(label).cloned(), state.group_leader())
    });
    let (name, leader) = seen.unwrap_or((None, node().user));
    let text = format!(
        "[warning] Process {} has not awaited for {time:.1?}\nMeanwhile others wait for its thread, and exit signals end it only at a check (process::reductions), as loops and functions of notebook cells have. Give others their turn with process::sleep(ms(0)).await, or compute in tokio::task::spawn_blocking.\n",
        report::called(pid, name)
    );
    io::write_to(leader, Stream::Stderr, &text);
}

/// What the watchdog has seen of each seat.
#[derive(Default)]
struct Spells(Vec<Spell>);

struct Spell {
    step: Step,
    /// When the seat was first seen like this.
    since: Instant,
    told: bool,
}

impl Spells {
    /// Notes what the seats say now. Returns those that have said the same for so long, and are to be told of.
    fn look(&mut self, now: Instant, steps: &[Step], after: Duration) -> Vec<(usize, Step, Duration)> {
        let mut late = Vec::new();
        for (seat, &step) in steps.iter().enumerate() {
            let fresh = Spell {
                step,
                since: now,
                told: false,
            };
            let Some(spell) = self.0.get_mut(seat) else {
                self.0.push(fresh);
                continue;
            };
            if spell.step != step {
                *spell = fresh;
                continue;
            }
            let time = now.duration_since(spell.since);
            if step & WATCHED != 0 && time >= after && !std::mem::replace(&mut spell.told, true) {
                late.push((seat, step, time));
            }
        }
        late
    }

    fn since(&self, seat: usize, step: Step) -> Option<Instant> {
        self.0
            .get(seat)
            .filter(|spell| spell.step == step)
            .map(|spell| spell.since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AFTER: Duration = Duration::from_secs(2);

    /// Looks once a second at one seat, and says at which looks it was told of.
    fn told(steps: &[Step]) -> Vec<usize> {
        let start = Instant::now();
        let mut spells = Spells::default();
        let look = |(second, step): (usize, &Step)| {
            let now = start + Duration::from_secs(second as u64);
            let late = spells.look(now, &[*step], AFTER);
            (!late.is_empty()).then_some(second)
        };
        steps.iter().enumerate().filter_map(look).collect()
    }

    #[test]
    fn a_process_is_told_of_once_for_each_spell() {
        let [first, second] = [WATCHED | COUNT | 7, WATCHED | (2 * COUNT) | 7];
        assert_eq!(told(&[first; 10]), [2]);
        assert_eq!(told(&[first, first, first, second, second, second, second]), [2, 5]);
    }

    #[test]
    fn a_process_that_awaits_is_not_told_of() {
        let steps: Vec<Step> = (0..10).map(|count| WATCHED | (count * COUNT) | 7).collect();
        assert_eq!(told(&steps), [] as [usize; 0]);
    }

    #[test]
    fn who_is_not_watched_is_not_told_of() {
        assert_eq!(told(&[7; 10]), [] as [usize; 0]);
        assert_eq!(told(&[NOBODY; 10]), [] as [usize; 0]);
    }
}
