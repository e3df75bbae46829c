//! What golden tests compare: texts that are the same in each run, and what is said when one is not.
//!
//! A value that can be tested this way has an `outline`: a text without times and numbers, in which [`Aliases`] stand for
//! pids. `assert_trace!` and its kin [`compare`] it with the lines that a test has written down.

mod aliases;
mod compare;
mod diff;

pub(crate) use aliases::Aliases;
pub use compare::compare;

/// Compares what was traced with the lines that are expected: a golden test.
///
/// The first argument is a [`Trace`](crate::trace::Trace) or a [`Sequence`](crate::kino::process::Sequence), or a
/// reference to one. What is compared is its [`outline`](crate::trace::Trace::outline), which has no times, and no pids:
/// processes appear under their names, as `me()`, or as `P1`, `P2`, … in order of appearance. The lines follow as one text
/// or as several, each of them anything that is `AsRef<str>`.
///
/// How the lines are laid out does not matter: indentation that all of them have, empty lines before and after them, and
/// the widths of columns. Whether a trace is the same in each run is up to what is traced: order has meaning only where
/// one event leads to another. A [filter](crate::trace::Trace::filter) takes out what is of no interest.
///
/// # Panics
/// When they differ: with the lines that differ, and the outline as it can be pasted into the test.
///
/// # Examples
///
/// ```
/// # crabtree::run(async {
/// use crabtree::agent;
/// use crabtree::prelude::*;
///
/// let counter = agent::start_link(|| 0).name("the counter").await?;
/// let (n, trace) = trace::seq(counter, async {
///     agent::cast(counter, |n| *n += 1);
///     agent::get(counter, |n| *n).await
/// })
/// .await;
///
/// assert_trace!(
///     trace,
///     "
///     me()        → the counter  CAST  a function
///     me()        → the counter  CALL  a function
///     the counter → me()         REPLY 1
///     "
/// );
/// // The same, line by line.
/// assert_trace!(
///     trace,
///     "me() → the counter CAST a function",
///     "me() → the counter CALL a function",
///     format!("the counter → me() REPLY {}", n?),
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[macro_export]
macro_rules! assert_trace {
    ($trace:expr, $($lines:expr),+ $(,)?) => {
        $crate::__private::compare(
            "assert_trace!",
            &$trace.outline(),
            &[$(::core::convert::AsRef::<str>::as_ref(&$lines)),+],
        )
    };
}
