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

/// Compares a supervision tree with the lines that are expected: a golden test.
///
/// The first argument is a supervisor, given as its [`SupervisorRef`](crate::supervisor::SupervisorRef), by pid or by name,
/// or a tree that was taken of one, with the options that it was given. What is compared is its
/// [`outline`](crate::kino::process::SupTree::outline), which has no pids but those of processes that are gone: they appear
/// as `P1`, `P2`, … in order of appearance. The lines follow as one text or as several, each of them anything that is
/// `AsRef<str>`.
///
/// How the lines are laid out does not matter: indentation that all of them have, empty lines before and after them, and
/// how wide the gaps are. What a tree is in the middle of a restart is up to chance; a call to the supervisor, as
/// [`count_children`](crate::supervisor::count_children) is one, is answered after the restart.
///
/// # Panics
/// When they differ: with the lines that differ, and the outline as it can be pasted into the test.
///
/// # Examples
///
/// ```
/// # crabtree::run(async {
/// use crabtree::prelude::*;
///
/// let idle = |id: &'static str| {
///     ChildSpec::new(id, || async { Ok(spawn_link(process::sleep(secs(60)))) }).name(id)
/// };
/// let sup = Supervisor::new(Strategy::RestForOne)
///     .name("Sup")
///     .children([idle("a"), idle("b"), idle("c")])
///     .start_link()
///     .await?;
///
/// let b = process::whereis("b").unwrap();
/// let watched = process::monitor(b);
/// process::exit(b, "boom");
/// receive! { Down { monitor, .. } if monitor == watched => () }
/// supervisor::count_children(&sup).await?;
///
/// assert_tree!(
///     sup,
///     "
///     Sup  rest_for_one · 1/3 in 5 s
///     ├── a
///     ├── b  ↻ 1, was P1  died: boom
///     └── c  ↻ 1, was P2  with b
///     "
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[macro_export]
macro_rules! assert_tree {
    ($tree:expr, $($lines:expr),+ $(,)?) => {
        $crate::__private::compare(
            "assert_tree!",
            &$crate::kino::process::IntoSupTree::into_sup_tree(&$tree).outline(),
            &[$(::core::convert::AsRef::<str>::as_ref(&$lines)),+],
        )
    };
}
