//! Servers: processes that hold a state and answer requests.
//!
//! # From a loop to a server
//! A process that keeps a count and answers questions about it can be written by hand:
//!
//! ```
//! # crabtree::run(async {
//! use crabtree::prelude::*;
//!
//! let counter = spawn(async {
//!     let mut count = 0;
//!     loop {
//!         receive! {
//!             ("add", n): (&str, i64) => count += n,
//!             ("get", from): (&str, Pid) => send(from, count),
//!         }
//!     }
//! });
//! send(counter, ("add", 5_i64));
//! send(counter, ("get", me()));
//! receive! { count: i64 => assert_eq!(count, 5) }
//! # });
//! ```
//!
//! It works until the counter dies, when the question waits for ever; until two answers mix; until somebody sends what
//! nobody expects. A server has all that settled. It says what its state is, what requests it understands, and what
//! it answers to each:
//!
//! ```
//! use crabtree::prelude::*;
//!
//! #[derive(Debug)]
//! struct Counter(i64);
//!
//! impl GenServer for Counter {
//!     type Args = i64;
//!
//!     async fn init(start: i64) -> Init<Self> {
//!         Init::ok(Counter(start))
//!     }
//! }
//!
//! #[derive(Debug)]
//! struct Add(i64);
//!
//! impl HandleCast<Add> for Counter {
//!     async fn handle_cast(&mut self, Add(n): Add) -> Next {
//!         self.0 += n;
//!         Next::noreply()
//!     }
//! }
//!
//! #[derive(Debug)]
//! struct Get;
//!
//! impl HandleCall<Get> for Counter {
//!     type Reply = i64;
//!
//!     async fn handle_call(&mut self, _: Get, _from: Caller<i64>) -> Reply<i64> {
//!         Reply::reply(self.0)
//!     }
//! }
//!
//! # crabtree::run(async {
//! let counter = gen_server::start_link::<Counter>(0).name("counter").await?;
//! gen_server::cast(counter, Add(5));
//! assert_eq!(gen_server::call(counter, Get).await?, 5);
//! assert_eq!(gen_server::call(named::<Counter>("counter"), Get).timeout(ms(100)).await?, 5);
//! gen_server::stop(counter).await?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! One request type has one handler and one type of answer, so a client needs no casts and no enum of answers, and a
//! request that the server does not understand does not compile.
//!
//! # Its end
//! A server ends when a callback says so, when it panics, when somebody [`stop`]s it, and when an exit signal reaches
//! it. [`terminate`](GenServer::terminate) runs in the first three cases; in the last one only if the server traps
//! exits and the signal comes from the process that started it. An end that is not orderly is reported on the server's
//! group leader, with the state and the kind of the last message.
//!
//! An answer that [`Reply::stop`] gives goes out after `terminate`; a caller whom nobody answers gets the reason as an
//! error. A callback works on the state in place: what it had changed before it panicked is there for `terminate`.
//!
//! # What it did not expect
//! A request that the server has no handler for does not compile. One for a server of another type, as a name that
//! changed hands brings it about, is refused at once, with a [`CallError`] that says what the server is. A message
//! without a handler is reported and dropped.
//!
//! # When not to use it
//! A server is for state that many processes share, or for something that must be done one at a time. Code that only
//! computes needs no process: a function is quicker, and cannot die.

mod address;
mod callbacks;
mod client;
mod error;
mod life;
mod multi;
mod request;
mod returns;
mod server;
mod start;
pub(crate) mod system;

use crate::ExitReason;
use crate::message::{Message, Term};
use crate::supervisor::{self, ChildSpec};
use crate::type_name::short_type_name;
pub use address::{Address, Named, Server, Via, named, whereis};
pub(crate) use callbacks::{Crash, guard};
pub use client::{Answering, Call, DEFAULT_TIMEOUT, Stopping, call, cast, stop, stop_with};
pub(crate) use client::{stop_any, to};
pub use error::{CallError, CallFailure, StartError};
pub use multi::{MultiCall, abcast, multi_call};
pub(crate) use request::{Asked, Handler, asked};
pub use returns::{Caller, Init, Next, Reply, Timeout};
pub(crate) use server::{is_at_rest, unknown};
pub(crate) use start::Place;
pub use start::{Starting, start, start_link, start_monitor};
use std::fmt::Debug;
use std::future::{Future, ready};

/// A process with a state, which is the value that implements this.
///
/// It is `Debug` so that reports and tools can show the state.
pub trait GenServer: Debug + Send + Sized + 'static {
    /// What [`start_link`] gives to [`init`](GenServer::init).
    type Args: Send + 'static;

    /// Makes the state, in the new process. The starter waits until it is done.
    fn init(args: Self::Args) -> impl Future<Output = Init<Self>> + Send;

    /// How supervisors start and restart the server: OTP's `child_spec/1`, which `use GenServer, restart: …` changes.
    ///
    /// Unless it is written, the id is the name of the type, and the rest is as [`supervisor::child_spec`] says.
    ///
    /// ```
    /// use crabtree::prelude::*;
    ///
    /// #[derive(Debug)]
    /// struct Download(String);
    ///
    /// impl GenServer for Download {
    ///     type Args = String;
    ///     async fn init(url: String) -> Init<Self> { Init::ok(Download(url)) }
    ///
    ///     fn child_spec(url: String) -> ChildSpec {
    ///         child_spec::<Self>("download", url).restart(Restart::Temporary)
    ///     }
    /// }
    ///
    /// let spec = Download::child_spec("https://example.org".to_owned()).id("another");
    /// ```
    fn child_spec(args: Self::Args) -> ChildSpec
    where
        Self::Args: Clone,
    {
        supervisor::child_spec::<Self>(short_type_name::<Self>(), args)
    }

    /// Handles a message that is neither a call nor a cast: what [`send`](crate::send) sent, a
    /// [`Down`](crate::Down), an [`Exit`](crate::Exit).
    ///
    /// Unless it is written, such a message is reported on the error stream and dropped.
    fn handle_info(&mut self, message: Message) -> impl Future<Output = Next> + Send {
        unknown(&message);
        ready(Next::noreply())
    }

    /// Handles what a callback asked for with `and_continue`, before any message. Unless it is written, the server
    /// stops with a reason that says so.
    fn handle_continue(&mut self, value: Message) -> impl Future<Output = Next> + Send {
        ready(server::no_handle_continue(&value))
    }

    /// How the state is shown in reports, in traces, and by [`sys::get_status`](crate::sys::get_status): by `Debug`,
    /// unless something in it is secret or too long.
    fn format_status(&self) -> String {
        server::debug(&self)
    }

    /// Cleans up when the server ends in one of the ways that the [module](crate::gen_server) names.
    ///
    /// Do not rely on it for what must happen: a kill comes without warning.
    fn terminate(&mut self, reason: &ExitReason) -> impl Future<Output = ()> + Send {
        let _ = reason;
        ready(())
    }
}

/// A server that another one of type `Old` can become while it runs: see [`sys::change_code`](crate::sys::change_code).
pub trait CodeChange<Old: GenServer>: GenServer {
    /// What [`sys::change_code`](crate::sys::change_code) hands over besides.
    type Extra: Send + 'static;

    /// Makes the new state from the old one. Take things out of `old` only when nothing can fail any more: it goes on
    /// if this does.
    ///
    /// # Errors
    /// The reason why it cannot be done.
    fn code_change(old: &mut Old, extra: Self::Extra) -> Result<Self, ExitReason>;
}

/// A server that answers calls with messages of type `M`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no handler for calls with `{M}`",
    label = "`{Self}` does not answer this",
    note = "write `impl HandleCall<{M}> for {Self}`, and in it the type of the answer and `async fn handle_call`"
)]
pub trait HandleCall<M: Term>: GenServer {
    /// The type of the answer.
    type Reply: Term;

    /// Handles the call. [`Reply::reply`] answers it; after [`Reply::noreply`], `from` is there to answer later.
    fn handle_call(&mut self, message: M, from: Caller<Self::Reply>)
    -> impl Future<Output = Reply<Self::Reply>> + Send;
}

/// A server that takes casts with messages of type `M`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no handler for casts with `{M}`",
    label = "`{Self}` does not take this",
    note = "write `impl HandleCast<{M}> for {Self}`, and in it `async fn handle_cast`"
)]
pub trait HandleCast<M: Term>: GenServer {
    /// Handles the cast.
    fn handle_cast(&mut self, message: M) -> impl Future<Output = Next> + Send;
}
