//! Processes: spawning, messages, links, monitors, exits, names, and what can be seen of them.
//!
//! A process is a future that runs on its own, with a [`Pid`](crate::Pid), a mailbox, and relations to others. It shares nothing
//! that it does not choose to share. When it ends, for whatever reason, those who are linked to it or watch it learn
//! why.
//!
//! ```
//! # crabtree::run(async {
//! use crabtree::prelude::*;
//!
//! let echo = spawn(async {
//!     receive! { (from, text): (Pid, String) => send(from, text.to_uppercase()) }
//! });
//! send(echo, (me(), String::from("hello")));
//! receive! { text: String => assert_eq!(text, "HELLO") }
//! # });
//! ```
//!
//! # Signals
//! Everything that one process does to another is a signal, and signals from one process to another arrive in the order
//! in which they were sent. A message is one; so are exits, links and monitors. An exit signal takes effect when its
//! receiver next awaits, for a process is a future and is stopped between its steps.
//!
//! What an exit signal does depends on its reason, and on whether the receiver traps exits:
//!
//! | signal | traps exits | does not |
//! |---|---|---|
//! | [`exit`] with `Kill` | ends as `Killed` | ends as `Killed` |
//! | any with `Normal` | gets an [`Exit`] | nothing; but an [`exit`] of itself ends it |
//! | any other | gets an [`Exit`] | ends with that reason |
//!
//! # Which one to use
//! [`spawn`], [`spawn_link`] and [`spawn_monitor`] begin a process; a [`Builder`] does it with a name, a label or a priority.
//! [`link`] those that should fall together, [`monitor`] those whose end matters. An [`alias`](alias()) is an address that
//! can be taken back: for an answer that may come too late.
//!
//! # When something is wrong
//! [`list`] shows all processes, [`info`] what one has and where it comes from, [`backtrace`](backtrace()) where it waits.
//! [`set_label`] makes one easy to find among many; a [`watchdog`](watchdog()) names those that do not await.
//!
//! # When not to use it
//! A process that answers requests is a [`gen_server`](crate::gen_server), one whose result is awaited a
//! [`task`](crate::task): both are built from what is here, and get the details right.

mod alias;
mod attached;
mod backtrace;
pub(crate) mod barrier;
mod biased;
mod body;
mod builder;
pub(crate) mod call;
mod claim;
pub(crate) mod current;
mod deadline;
pub(crate) mod delivery;
mod dictionary;
mod exits;
pub(crate) mod few;
mod flag;
pub(crate) mod hand_over;
mod hibernate;
mod inbox;
mod info;
mod label;
mod lifecycle;
mod list;
pub(crate) mod origin;
mod outbox;
pub(crate) mod priority;
mod queue;
pub(crate) mod record;
pub(crate) mod reductions;
mod relations;
pub(crate) mod rescue;
mod row;
pub(crate) mod scan;
pub(crate) mod signal;
pub(crate) mod stack;
pub(crate) mod state;
pub(crate) mod table;
pub(crate) mod task;
mod timers;
pub(crate) mod train;
mod waker;
pub(crate) mod watchdog;

pub use crate::reason::{PanicInfo, exit_payload, last_panic};
pub use alias::{MonitorAlias, alias, monitor_with_alias, reply_alias, unalias};
pub use attached::Attached;
pub use backtrace::{Backtrace, backtrace};
pub use builder::Builder;
pub(crate) use delivery::deliver;
pub use dictionary::{delete, dictionary, get, get_keys, put};
pub use flag::{Flag, flag};
pub use hibernate::hibernate;
pub use info::{Info, Shown, Status, info};
pub use label::{get_label, set_label};
pub(crate) use lifecycle::shrink;
pub use lifecycle::{
    exit, flush, group_leader, is_alive, me, register, registered, set_group_leader, sleep, spawn, spawn_link,
    spawn_monitor, unregister, whereis,
};
pub(crate) use list::write_table;
pub use list::{Listed, Processes, list};
pub use origin::Place;
pub use priority::Priority;
pub use relations::{Down, Exit, demonitor, demonitor_flush, link, monitor, unlink};
pub use stack::Frame;
pub use timers::{cancel_timer, read_timer, send_after};
pub use watchdog::watchdog;
