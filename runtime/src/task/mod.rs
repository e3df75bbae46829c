//! Tasks: processes that do one thing, and whose result somebody awaits.
//!
//! # From a process to a task
//! Work can be done beside one's own by spawning a process that sends the result back:
//!
//! ```
//! # crabtree::run(async {
//! use crabtree::prelude::*;
//!
//! let parent = me();
//! spawn(async move { send(parent, 6 * 7) });
//! receive! { n: i32 => assert_eq!(n, 42) }
//! # });
//! ```
//!
//! It waits for ever if the process crashes, and takes any other number for the result. A task settles both:
//!
//! ```
//! # crabtree::run(async {
//! use crabtree::prelude::*;
//! use crabtree::task;
//!
//! let task = task::async_(async { 6 * 7 });
//! // … other work, meanwhile …
//! assert_eq!(task.await?, 42);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! A task is linked to the process that starts it, its owner: if one of them crashes, so does the other. That is what
//! one wants when the work of the owner makes no sense without the result. An owner that traps exits gets an error
//! instead. Only the owner can await a task, and once.
//!
//! # Many of them
//! [`await_many`] waits for several tasks. [`async_stream`] runs a function on each item of an iterator, so many at a
//! time, and gives the results as a stream; the tasks that nobody needs any more are stopped.
//!
//! # Waiting without failing
//! [`yield_`] looks whether a task is done, for as long as one likes, and can look again. [`shutdown`] ends a task and
//! takes a result that came at the last moment. [`ignore`] lets it go on alone.
//!
//! # The messages
//! A task tells its owner by ordinary messages: the result comes as `(MonitorRef, T)`, the end as [`Down`](crate::Down),
//! both with the [`monitor`](Task::monitor) of the task. A server can start a task and receive them in its `handle_info`.
//!
//! # Under a supervisor
//! [`supervisor`] starts tasks as children of a supervisor, linked to their owner or not.
//!
//! # When it fails
//! A task that panics, or exits with a reason that is no orderly end, is reported on its group leader, with the process
//! that started it. [`callers`] says on whose behalf it runs.
//!
//! # When not to use it
//! A future that needs no process of its own runs as well inside of `futures::join!`. A task is for work that should
//! run in parallel, or crash with a reason.
//!
//! # Where this differs from Elixir
//! - `await` that fails gives a [`TaskError`]; it does not exit. The crash of a task ends an owner that does not trap
//!   exits all the same, through the link.
//! - A task whose result was taken says so at once, where Elixir waits until the time is over.

mod async_stream;
mod await_task;
mod begin;
mod callers;
mod error;
mod handle;
mod shutdown;
pub mod supervisor;
mod unstarted;
mod words;
mod yield_task;

use crate::destination::Destination;
use crate::message::{Message, Term};
use crate::name::Name;
use crate::node::node;
use crate::pid::{MonitorRef, Pid};
use crate::process::current;
use crate::process::delivery::send_to_alias;
use crate::process::origin::Origin;
use crate::process::task::{Body, Start};
use crate::supervisor::{ChildSpec, Restart};
pub use async_stream::{AsyncStream, OnTimeout, ZippedStream, async_stream};
pub use await_task::{Await, AwaitMany, Awaiting, await_many};
pub use callers::callers;
pub use error::{TaskError, TaskFailure};
pub use handle::Task;
pub use shutdown::{ShuttingDown, ignore, shutdown};
use std::future::Future;
use std::time::Duration;
pub use yield_task::{OnYieldTimeout, Yield, YieldMany, yield_, yield_many};

/// How long an await, a yield or a shutdown waits unless it says otherwise, as in Elixir.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);

/// Starts a task whose result is awaited.
///
/// It is linked to the caller, which is its owner; see [`Task`].
///
/// ```
/// # crabtree::run(async {
/// use crabtree::prelude::*;
/// use crabtree::task;
///
/// let slow = task::async_(async {
///     process::sleep(ms(20)).await;
///     "slow"
/// });
/// let quick = task::async_(async { "quick" });
/// assert_eq!(slow.await?, "slow");
/// assert_eq!(quick.await?, "quick");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
///
/// # Panics
/// Outside of a process.
#[track_caller]
pub fn async_<F>(future: F) -> Task<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Term,
{
    let owner = current::expect("task::async_").pid;
    let (monitor, body) = answering(future);
    let start = Start {
        link: true,
        monitor: Some(monitor.0),
        ..Start::of::<F>()
    };
    let pid = begin::begin_owned(start, body, monitor);
    Task::new(Some(pid), monitor, owner, start.origin)
}

/// The work of a task with an owner: its result goes to the owner, under the reference.
fn answering<F>(future: F) -> (MonitorRef, Body)
where
    F: Future + Send + 'static,
    F::Output: Term,
{
    let monitor = MonitorRef(node().new_ref());
    let body = Box::pin(async move { answer(monitor, Message::new((monitor, future.await))) });
    (monitor, body)
}

fn answer(monitor: MonitorRef, result: Message) {
    let task = current::expect("a task");
    let owner = task
        .record
        .lock()
        .callers()
        .and_then(|callers| callers.first().copied());
    let owner = owner.expect("a task that answers was started by a process");
    send_to_alias(owner, monitor.0, result);
}

/// A task that is done already, with that result. No process is started.
///
/// For code that awaits tasks and knows some of the results.
///
/// ```
/// # crabtree::run(async {
/// use crabtree::prelude::*;
/// use crabtree::task;
///
/// let tasks = [task::completed(1), task::async_(async { 1 + 1 })];
/// assert_eq!(task::await_many(tasks).await?, [1, 2]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
///
/// # Panics
/// Outside of a process.
#[track_caller]
pub fn completed<T: Term>(value: T) -> Task<T> {
    let owner = current::expect("task::completed").pid;
    let monitor = MonitorRef(node().new_ref());
    owner.deliver(Message::new((monitor, value)));
    Task::new(None, monitor, owner, Origin::of::<T>())
}

/// Starts a task that nobody awaits, without a link: for a side effect whose failure does not matter to the caller.
///
/// ```
/// # crabtree::run(async {
/// use crabtree::prelude::*;
/// use crabtree::task;
///
/// let parent = me();
/// task::start(async move { send(parent, "mail sent") });
/// receive! { "mail sent" => () }
/// # });
/// ```
#[track_caller]
pub fn start<F>(future: F) -> Pid
where
    F: Future + Send + 'static,
{
    begin::begin(Start::of::<F>(), Box::pin(future))
}

/// Starts a task that nobody awaits, linked to the caller. [`child_spec`] is the same for a supervisor.
///
/// ```
/// # crabtree::run(async {
/// use crabtree::prelude::*;
///
/// let parent = me();
/// task::start_link(async move { send(parent, "cache filled") });
/// receive! { "cache filled" => () }
/// # });
/// ```
///
/// # Panics
/// Outside of a process.
#[track_caller]
pub fn start_link<F>(future: F) -> Pid
where
    F: Future + Send + 'static,
{
    current::expect("task::start_link");
    let start = Start {
        link: true,
        ..Start::of::<F>()
    };
    begin::begin(start, Box::pin(future))
}

/// The specification of a task, for a supervisor. It is not restarted, unless
/// [`restart`](crate::supervisor::ChildSpec::restart) says otherwise.
///
/// ```
/// # crabtree::run(async {
/// use crabtree::prelude::*;
///
/// let parent = me();
/// let warm_up = task::child_spec("warm up", move || async move { send(parent, "cache filled") });
/// let sup = Supervisor::new(Strategy::OneForOne).child(warm_up).start_link().await?;
/// receive! { "cache filled" => () }
/// # supervisor::stop(sup).await?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[track_caller]
pub fn child_spec<F, R>(id: impl Into<Name>, work: F) -> ChildSpec
where
    F: Fn() -> R + Send + Sync + 'static,
    R: Future + Send + 'static,
{
    let start = Start {
        link: true,
        ..Start::of::<R>()
    };
    let child = ChildSpec::new(id, move || {
        let pid = begin::begin(start, Box::pin(work()));
        std::future::ready(Ok(pid))
    });
    child.restart(Restart::Temporary)
}
