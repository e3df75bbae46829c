//! Reductions: how code that does not await is counted, and stopped.
//!
//! A future is stopped between its steps. Code that loops without an await can carry a check in its loops; then an exit
//! signal takes effect there, by unwinding.

use super::current::{self, Current};
use super::hand_over;
use crate::reason;

/// How many checks are counted together.
const PERIOD: u32 = 1000;

/// A turn of a loop, or the beginning of a function: ends the calling process if an exit signal has arrived that does.
///
/// It costs a few loads, and never yields. Outside of a process, in a destructor that runs because of a panic, and while
/// a process is taken down it does nothing.
///
/// # Panics
/// It unwinds as [`exit`](crate::exit) does. Who catches that goes on until the next check or await.
pub fn reduce() {
    if let Some((passed, process)) = current::pass()
        && (passed == PERIOD || process.record.has_news())
    {
        look(process);
    }
}

#[cold]
fn look(process: Current) {
    let passed = current::take_passed();
    hand_over::make_way();
    if !current::can_be_stopped() {
        return;
    }
    // The lock may be held further up on this thread, by somebody who shows a value of this process.
    let exit = process.record.try_update(process.pid, |state| {
        state.reductions += u64::from(passed);
        state.exit().cloned()
    });
    if let Some(Some(reason)) = exit
        && !std::thread::panicking()
    {
        reason::stop(reason)
    }
}
