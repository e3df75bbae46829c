//! Messages that are sent later.

use crate::destination::Destination;
use crate::message::{Message, Term};
use crate::pid::TimerRef;
use crate::timer;
use std::time::Duration;

/// Sends a message later; see [`send`](crate::send). Zero sends at once.
///
/// A name is looked up when the time has come, and it does not matter if nobody has it then. A timer to a process goes
/// when the process ends; it goes on when its maker ends.
///
/// ```
/// # crabtree::run(async {
/// use crabtree::prelude::*;
///
/// process::send_after(me(), "tea is ready", ms(20));
/// let other = process::send_after(me(), "never", secs(60));
/// receive! { text: &str => assert_eq!(text, "tea is ready") }
/// assert!(process::read_timer(other).is_some_and(|left| left < secs(60)));
/// assert!(process::cancel_timer(other).is_some());
/// assert_eq!(process::read_timer(other), None);
/// # });
/// ```
pub fn send_after<T: Term>(to: impl Destination, message: T, after: Duration) -> TimerRef {
    if after.is_zero() {
        // As for a timer that runs out, a name that nobody has does not matter.
        let _ = to.deliver(Message::new(message));
        return TimerRef::over();
    }
    timer::send_after(to.target(), Message::new(message), after)
}

/// How much time a timer has left, to the next millisecond; `None` when it has fired or was cancelled, or when its receiver has ended.
///
/// When it has fired, the message may still be on its way to a mailbox.
///
/// ```
/// # crabtree::run(async {
/// use crabtree::prelude::*;
///
/// let timer = process::send_after(me(), "ring", secs(60));
/// assert!(process::read_timer(timer).is_some_and(|left| left > secs(59)));
/// # });
/// ```
pub fn read_timer(timer: TimerRef) -> Option<Duration> {
    timer::read(timer)
}

/// Cancels a timer and says how much time it had left; `None` when there was nothing to cancel, as in [`read_timer`].
///
/// ```
/// # crabtree::run(async {
/// use crabtree::prelude::*;
///
/// let timer = process::send_after(me(), "ring", secs(60));
/// assert!(process::cancel_timer(timer).is_some());
/// assert_eq!(process::cancel_timer(timer), None);
/// # });
/// ```
pub fn cancel_timer(timer: TimerRef) -> Option<Duration> {
    timer::cancel(timer)
}
