//! Processes with OTP's semantics, on tokio.
//!
//! A process is a future with a pid, a mailbox and relations: it can be linked to others, watched by them, and
//! supervised, so that a program is built of parts that fail alone and are put right again by those whose task that is.
//! Those who know Erlang or Elixir find here what they know, under the names that they know.
//!
//! ```
//! use crabtree::prelude::*;
//!
//! crabtree::run(async {
//!     let parent = me();
//!     let (child, _) = spawn_monitor(async move {
//!         send(parent, ("hello", me()));
//!         panic!("and goodbye");
//!     });
//!     receive! {
//!         ("hello", from): (&str, Pid) => assert_eq!(from, child),
//!     }
//!     receive! {
//!         Down { pid, reason: ExitReason::Panic(panic), .. } => {
//!             assert_eq!(pid, child);
//!             assert_eq!(panic.message, "and goodbye");
//!         }
//!     }
//! });
//! ```
//!
//! # Layout
//! In reading order:
//! - [`process`]: the process itself; [`send`] and [`receive!`] move messages, [`ExitReason`] says why one ended.
//! - [`gen_server`]: a process that holds a state and answers requests; [`sys`] looks into it.
//! - [`task`]: a process whose result is awaited, alone or under a [supervisor](task::supervisor). [`agent`]: a state that
//!   processes share.
//! - [`registry`]: processes under keys, alone or many under one. [`global`]: values of any type as names.
//! - [`supervisor`]: processes that start, watch and restart others; [`dynamic_supervisor`] does it for children that
//!   come and go, [`partition_supervisor`] for one server started many times.
//! - [`trace`]: who says what to whom, around a piece of code or on the whole node.
//! - [`ets`]: tables that a process owns and others share.
//! - [`application`]: trees that are started and stopped as one, in the order of what they need.
//! - [`io`]: where the output of processes goes and their input comes from. [`file`](mod@file): files as such devices.
//! - [`system`]: the node as a whole: schedulers, clocks, unique numbers.
//! - [`kino`]: rich outputs, among them pictures of supervision trees.
//!
//! # Where this differs from OTP
//! - A process is a future, and is stopped between its steps: an exit signal takes effect when the process next awaits.
//!   Code that never awaits is not interrupted; code of notebook cells is, in its loops and functions.
//! - A process of high priority is preferred, and does not keep all others from running, as it would in OTP.
//! - Messages keep their Rust types. A value is moved into the mailbox, not copied; what is shared is shared by `Arc`.
//! - An [`exit`](process::exit) of the caller itself takes effect at its next await too, and not before it returns.
//! - Monitors, links and timers are of processes. A name is looked up first, but for [`process::send_after`], which looks it
//!   up when the time has come.
//! - The alias that comes with a monitor is a value of its own; in OTP the monitor's reference is both.
//! - A process hibernates by [`process::hibernate`], which drops its future and goes on with another one. The memory of
//!   a process is known without what its values own.
//! - What a plain process returns is dropped. A panic is its only crash that is reported; an [`exit`] with a reason is
//!   a decision.
//! - [`send`] to a name that nobody has returns an error instead of raising one; so does awaiting a task that failed, whose
//!   crash reaches an owner that does not trap exits by the link all the same.
//! - A task whose result was taken says so at once when it is awaited again, instead of waiting for the timeout. A
//!   dropped [`async_stream`](task::async_stream) kills its tasks without waiting for their end.
//! - A table of [`ets`] has keys and values of one type each, and [`Table::iter`](ets::Table::iter) is safe without a
//!   `safe_fixtable`. A set goes through its keys in an order that is not that of OTP.
//! - When a permanent [`application`] ends, all others are stopped as in OTP, but the program goes on; and they go on too
//!   when the master of the permanent one is killed. A value that was put into an environment before the application was
//!   loaded always persists. There are no included applications, no start phases and no `config_change`.
//! - A device is called by the process that writes to it, on its thread, and not by a message. Text is UTF-8
//!   everywhere, and other bytes are read and written as bytes: devices have no encodings.
//! - A supervisor that is not possible (two children of one id, a `max_seconds` of 0, a name that is taken) is refused with
//!   an error that does not end its starter. Asking a process that is no supervisor is an error at once. A child that
//!   ignores is an error of `start_child` too, and stays in the list as in OTP.
//! - The definition of a running supervisor does not change, for code of a running program does not: there is no
//!   `code_change` for it. A start gives a pid and no further value (`{ok, Pid, Info}`), and types leave no malformed
//!   specification to be checked (`check_childspecs`). A start that forgot to link its process is mended. Supervisors run
//!   with normal priority, and do not hibernate.
//! - Children of a dynamic supervisor are listed under the ids of their specifications, which need not differ. Its extra
//!   arguments go to those children whose arguments are a pair, and are the first half.
//! - A partition supervisor needs no name. Keys that are not integers are spread by another hash than Erlang's.
//! - A task under a supervisor writes where its caller writes, and not where the supervisor does: its output appears with
//!   that of the code that asked for it. Types leave no unknown option and no undefined function for a task to fail at;
//!   `throw` is a panic; and with one node there is no lost connection. A task remembers 32 [callers](task::callers) at
//!   most. A stream whose supervisor takes no more tasks ends its consumer with a
//!   [`ChildError`](supervisor::ChildError).
//! - Keys and values of a registry have types, and are chosen by closures instead of match specifications: a key is
//!   compared as its `Eq` says, nothing in it is a wildcard, and there is no malformed pattern. A registry that does not run
//!   has no entries, and refuses new ones with an error.
//! - A call that cannot be answered gives a [`CallError`](gen_server::CallError) instead of ending the caller. There is no
//!   `send_request`: a call is a future, and futures can be awaited together. [`multi_call`](gen_server::multi_call) takes
//!   servers where OTP takes nodes.
//! - A server refuses a request that is for one of another type, and goes on; OTP's would crash.
//! - The callbacks of a server work on its state in place: what one had changed before it panicked is seen by `terminate`
//!   and by the report, which names the type of the last request and not its value. What must not be shown has a `Debug`
//!   that does not show it; `format_status` is for the state.
//! - [`sys::change_code`] turns a server into one of another type, suspended or not, as no type changes while a program
//!   runs. A process becomes a server by being started as one; there is no `enter_loop`.

// What `receive!` expands to says `::crabtree`, in this crate as elsewhere.
#[allow(unused_extern_crates)]
extern crate self as crabtree;

pub mod agent;
#[cfg(rust_analyzer)]
mod analyzer;
pub mod application;
mod census;
mod destination;
pub mod dynamic_supervisor;
pub mod ets;
pub mod file;
pub mod gen_server;
pub mod global;
mod golden;
mod hash;
pub mod io;
pub mod kino;
mod message;
mod name;
mod node;
pub mod partition_supervisor;
mod pid;
mod pool;
pub mod prelude;
pub mod process;
mod reason;
pub mod registry;
mod report;
mod run;
pub mod supervisor;
mod sync;
pub mod sys;
pub mod system;
pub mod task;
mod threads;
mod timer;
pub mod trace;
mod type_name;

#[cfg(not(rust_analyzer))]
pub use crabtree_macros::receive;
pub use destination::{Destination, send};
pub use message::{Message, Term};
pub use name::{Name, NoSuchName, RegisterError};
pub use pid::{Alias, MonitorRef, Pid, TimerRef};
pub use process::{Down, Exit, Flag, Info, me, spawn, spawn_link, spawn_monitor};
pub use reason::{ExitReason, Panic, Value, exit};
pub use run::{block_on, ms, run, secs};

/// What the macros of this crate expand to. Not for direct use.
#[doc(hidden)]
pub mod __private {
    #[cfg(rust_analyzer)]
    pub use crate::analyzer::any;
    pub use crate::census::{Census, census};
    pub use crate::golden::compare;
    pub use crate::io::retire;
    pub use crate::kino::debug::{Seen, SeenByDebug, SeenByType, Steps};
    pub use crate::kino::shown::readable;
    pub use crate::process::reductions::reduce;
    pub use crate::process::scan::{Scan, try_arm};
    pub use crate::process::stack::{CodeNames, name_code_by};
    pub use crate::reason::text_of;
    pub use crate::threads::OwnThread;
    pub use crate::type_name::short_type_name;
}
