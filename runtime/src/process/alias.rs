//! Aliases: addresses of a process that it can take back.

use super::current;
use super::relations::watch;
use super::state::{Answer, Ends};
use crate::node::node;
use crate::pid::{Alias, MonitorRef, Pid};

/// When an alias that came with a monitor ends; see [`monitor_with_alias`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MonitorAlias {
    /// Only [`unalias`] ends it.
    ExplicitUnalias,
    /// It ends with the monitor: by [`demonitor`](super::demonitor), or when the [`Down`](super::Down) comes.
    Demonitor,
    /// Like `Demonitor`; and the first message that comes by the alias ends both.
    ReplyDemonitor,
}

/// Makes an alias of the calling process: an address that is good until [`unalias`].
///
/// For an answer that may come too late: whoever gave up takes the alias back, and what is sent by it from then on
/// disappears. Any process can [`send`](crate::send) by an alias; only its maker can take it back.
///
/// ```
/// # crabtree::run(async {
/// use crabtree::prelude::*;
///
/// let alias = process::alias();
/// send(alias, "in time");
/// receive! { text: &str => assert_eq!(text, "in time") }
///
/// assert!(process::unalias(alias));
/// send(alias, "too late");
/// receive! { _ => unreachable!(), after ms(0) => () }
/// # });
/// ```
///
/// # Panics
/// Outside of a process.
#[track_caller]
pub fn alias() -> Alias {
    make("process::alias", Ends::default())
}

/// Makes an alias for one answer: the first message that comes by it ends it.
///
/// ```
/// # crabtree::run(async {
/// use crabtree::prelude::*;
///
/// let alias = process::reply_alias();
/// send(alias, "pong");
/// send(alias, "another pong");
/// assert_eq!(format!("{:?}", process::flush()), r#"["pong"]"#);
/// assert!(!process::unalias(alias), "it ended by itself");
/// # });
/// ```
///
/// # Panics
/// Outside of a process.
#[track_caller]
pub fn reply_alias() -> Alias {
    let ends = Ends {
        with_reply: true,
        ..Ends::default()
    };
    make("process::reply_alias", ends)
}

/// Watches a process and makes an alias for its answer, in one step: what a call does.
///
/// ```
/// # crabtree::run(async {
/// use crabtree::prelude::*;
/// use crabtree::process::MonitorAlias;
///
/// let server = spawn(async {
///     receive! { ("ping", from): (&str, Alias) => send(from, "pong") }
/// });
/// let (watched, alias) = process::monitor_with_alias(server, MonitorAlias::ReplyDemonitor);
/// send(server, ("ping", alias));
/// receive! {
///     text: &str => assert_eq!(text, "pong"), // and nothing is left to take back
///     Down { monitor, reason, .. } if monitor == watched => panic!("no answer: {reason}"),
/// }
/// # });
/// ```
///
/// # Panics
/// Outside of a process.
#[track_caller]
pub fn monitor_with_alias(pid: impl Into<Pid>, until: MonitorAlias) -> (MonitorRef, Alias) {
    let process = current::expect("process::monitor_with_alias");
    let ends = Ends {
        with_monitor: until != MonitorAlias::ExplicitUnalias,
        with_reply: until == MonitorAlias::ReplyDemonitor,
    };
    let id = node().new_ref();
    let mut state = process.record.lock();
    state.relations_mut().calls.insert(id, Answer::Alias(ends));
    drop(state);
    watch(&process, pid.into(), id);
    let owner = process.pid;
    (MonitorRef(id), Alias { owner, id })
}

/// Takes an alias back: nothing comes by it any more. Messages that came before stay in the mailbox.
///
/// Returns whether the alias was good: `false` when it has ended, or belongs to another process, whose it stays. A monitor
/// that was made with it goes on.
///
/// # Panics
/// Outside of a process.
#[track_caller]
pub fn unalias(alias: Alias) -> bool {
    let process = current::expect("process::unalias");
    let mut state = process.record.lock();
    process.pid == alias.owner && state.relations_mut().calls.remove(&alias.id).is_some()
}

#[track_caller]
fn make(function: &str, ends: Ends) -> Alias {
    let process = current::expect(function);
    let id = node().new_ref();
    let mut state = process.record.lock();
    state.relations_mut().calls.insert(id, Answer::Alias(ends));
    Alias { owner: process.pid, id }
}
