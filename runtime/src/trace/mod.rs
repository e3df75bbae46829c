//! Who says what to whom: what processes do, recorded while they do it.
//!
//! # Around a piece of code
//! [`seq`] runs a future and gives, with its result, a [`Trace`] of what its process did and of what the named ones did:
//!
//! ```
//! # crabtree::run(async {
//! use crabtree::agent;
//! use crabtree::prelude::*;
//!
//! let counter = agent::start_link(|| 0).name("counter").await?;
//! let (n, trace) = trace::seq(counter, async {
//!     agent::cast(counter, |n| *n += 1);
//!     agent::get(counter, |n| *n).await
//! })
//! .await;
//! assert_eq!(n?, 1);
//! println!("{trace}");
//! # assert_eq!(trace.outline(), "\
//! # me()    → counter  CAST   a function\n\
//! # me()    → counter  CALL   a function\n\
//! # counter → me()     REPLY  1\n");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! prints
//!
//! ```text
//!  2.1µs  me() <0.101.0>    → counter <0.102.0>  CAST   a function
//!  3.4µs  me() <0.101.0>    → counter <0.102.0>  CALL   a function
//! 31.8µs  counter <0.102.0> → me() <0.101.0>     REPLY  1  after 28.4µs
//! ```
//!
//! # Reading a trace
//! - The order is that of cause and effect: each event has a number, drawn before it takes effect. Two events without a
//!   cause in common may be numbered either way.
//! - A request that is waited for is a `CALL`; what ended it, a `REPLY`, a `TIMEOUT` or the `DOWN` of the server, says
//!   after how long. A reply that comes after the timeout is marked `too late`.
//! - A message to a process that is not alive is a dead letter; one that its receiver left behind when it ended is unread.
//!   Both were lost, and no error told so.
//! - A process that ends shows as `EXITED`, then as `EXIT` to each one that it is linked to, and as `DOWN` to each one that
//!   watches it. What they do about it follows.
//! - What is repeated is folded: `× 250`. The [value](Trace::events) has every event.
//!
//! # After a surprise
//! What nobody expected was traced by nobody, unless the whole node was. [`on`] begins to record what every process does,
//! and forgets the oldest for the newest, within [limits](Limits). [`last`] looks at the end of it:
//!
//! ```
//! # crabtree::run(async {
//! use crabtree::prelude::*;
//!
//! trace::on();
//! let worker = spawn(async { exit("out of paper") });
//! process::sleep(ms(10)).await;
//! send(worker, "print this");
//!
//! let trace = trace::last(secs(5))?;
//! let of_worker = trace.filter(|event| event.from == Some(worker) || event.to == Some(worker));
//! assert_eq!(of_worker.outline(), "\
//! me() → P1  SPAWN\n\
//! P1         EXITED out of paper  crash\n\
//! me() → P1  INFO   \"print this\"  dead letter\n");
//! trace::off();
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! # What it costs
//! Nothing is recorded while nobody traces; each place that would has one look at one flag. While somebody does, each
//! event asks every capture whether it is wanted, and a wanted one is kept with the time and a short text, for which the
//! `Debug` of its value runs where it is sent. A `Debug` is stopped when it has said enough, and one that panics is
//! named instead. What a `Debug` does itself is not traced.
//!
//! # Where this differs from OTP
//! - A message has no token of its own. [`All`] follows messages from mailbox to mailbox as `seq_trace` does, but not
//!   through timers.
//! - A message that a timer sends comes from nobody.
//! - A send to a name that nobody has is no event: it returns an error.
//! - There are no patterns for functions, and no events of scheduling.

mod event;
mod fold;
mod hooks;
mod payload;
mod recorder;
mod scope;
mod seq;
mod text;
mod value;

use crate::node::node;
pub use event::{Event, Fate, Handling, Kind, Lane};
pub use fold::Row;
pub(crate) use hooks::{
    answered, exited, labelled, lost, named, received, related, sending, spawned, stamp, timeout, unread, waits,
};
pub(crate) use recorder::Tracer;
#[doc(hidden)]
pub use seq::Choice;
pub use seq::{All, Capturing, Seq, Targets, seq};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::time::Instant;
pub(crate) use value::Outcome;
pub use value::{Cut, Trace};

/// Whether anybody traces. It stands beside the node, so that asking is one load.
static SWITCH: AtomicBool = AtomicBool::new(false);

/// Whether anybody traces: asked before each hook.
///
/// Relaxed is enough: who begins a capture, and who learns of something that the one who began it does, sees it. Others
/// may see it a little later.
#[inline(always)]
pub(crate) fn is_on() -> bool {
    !cfg!(crabtree_untraced) && SWITCH.load(Ordering::Relaxed)
}

/// How much a trace may hold. The oldest events make room for new ones.
///
/// ```
/// # crabtree::run(async {
/// use crabtree::prelude::*;
/// use crabtree::trace::Limits;
///
/// let limits = Limits::default().events(2).payload(8);
/// let counting = async { (1..=3).for_each(|n| send(me(), format!("message number {n}"))) };
/// let ((), trace) = trace::seq((), counting).limits(limits).await;
/// assert_eq!(trace.cut.events, 1);
/// assert_eq!(trace.events[0].payload, "\"message…");
/// # });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "limits are for `on_with` and `Seq::limits`"]
pub struct Limits {
    events: usize,
    bytes: usize,
    payload: usize,
}

impl Limits {
    /// So many events: 65 536 unless this says otherwise.
    pub fn events(mut self, most: usize) -> Limits {
        self.events = most;
        self
    }

    /// So many bytes for the events and their texts: 16 MiB unless this says otherwise.
    pub fn bytes(mut self, most: usize) -> Limits {
        self.bytes = most;
        self
    }

    /// So many characters of each payload: 120 unless this says otherwise.
    pub fn payload(mut self, most: usize) -> Limits {
        self.payload = most;
        self
    }
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            events: 1 << 16,
            bytes: 16 << 20,
            payload: 120,
        }
    }
}

/// Begins to record what every process of the node does, within the default [limits](Limits). It goes on if it is on.
pub fn on() {
    on_with(Limits::default());
}

/// Begins to record what every process of the node does. When it is on, the limits change, and what is recorded stays as
/// far as they allow.
pub fn on_with(limits: Limits) {
    node().tracer.begin_node(limits);
}

/// Stops what [`on`] began, and forgets what was recorded.
pub fn off() {
    drop(node().tracer.end_node());
}

/// What the node did in that time until now, as far as it was recorded.
///
/// # Errors
/// [`NotTraced`] when the recorder is not [`on`].
pub fn last(time: Duration) -> Result<Trace, NotTraced> {
    let now = Instant::now();
    let from = now.checked_sub(time);
    let wanted = |at: Instant| from.is_none_or(|from| at >= from);
    let capture = node().tracer.look(|event| wanted(event.at)).ok_or(NotTraced)?;
    let caller = crate::process::current::get().map(|process| process.pid);
    let began = from.map_or(capture.began, |from| from.max(capture.began));
    Ok(Trace::since(capture, caller, began))
}

/// The node is not traced, so there is nothing that [`last`] could show.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct NotTraced;

impl NotTraced {
    /// What to do.
    pub(crate) fn advice(&self) -> &'static str {
        "Call `trace::on()`, do again what was a surprise, and look then; or trace a future by `trace::seq`"
    }
}

impl fmt::Display for NotTraced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "trace::last(): the node is not traced. {}", self.advice())
    }
}

impl fmt::Debug for NotTraced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for NotTraced {}
