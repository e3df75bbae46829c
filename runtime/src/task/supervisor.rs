//! Task supervisors: tasks that are children of a supervisor, so that they are seen, and stopped with the part of the
//! program to which they belong.
//!
//! ```
//! # crabtree::run(async {
//! use crabtree::prelude::*;
//!
//! let sup = Supervisor::new(Strategy::OneForOne)
//!     .child(ChildSpec::supervisor("tasks", || TaskSupervisor::new().name("tasks")))
//!     .start_link()
//!     .await?;
//!
//! let task = task::supervisor::async_("tasks", async { 6 * 7 }).await?;
//! assert_eq!(task.await?, 42);
//! # supervisor::stop(sup).await?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! The first `.await` waits until the supervisor has taken the task, the second for its result.
//!
//! # Tasks that may fail
//! A task of [`async_`] is linked to its owner too, and takes it along when it fails. One of [`async_nolink`] is not: its
//! owner awaits a result or an error, and lives on.
//!
//! ```
//! # crabtree::run(async {
//! # use crabtree::prelude::*;
//! let tasks = TaskSupervisor::new().start_link().await?;
//! let task = task::supervisor::async_nolink(tasks, async { exit("no such host") }).await?;
//! let result: Result<(), _> = task.await;
//! assert!(result.unwrap_err().to_string().ends_with("without a result: no such host"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! [`async_stream`] and [`async_stream_nolink`] are the same for many tasks. [`start_child`] is for work whose result
//! nobody wants; it alone can be restarted.
//!
//! # In a server
//! A server that must not wait starts a task without a link, answers, and hears of the result in its `handle_info`:
//!
//! ```
//! use crabtree::prelude::*;
//! use std::collections::HashSet;
//!
//! #[derive(Debug)]
//! struct Downloader { running: HashSet<MonitorRef> }
//!
//! impl GenServer for Downloader {
//!     type Args = ();
//!     async fn init(_: ()) -> Init<Self> { Init::ok(Downloader { running: HashSet::new() }) }
//!
//!     async fn handle_info(&mut self, message: Message) -> Next {
//!         match message.downcast::<(MonitorRef, String)>() {
//!             Ok((monitor, page)) => {
//!                 process::demonitor_flush(monitor); // it is done: its end is no news
//!                 self.running.remove(&monitor);
//!                 println!("{page}");
//!             }
//!             Err(message) => if let Ok(Down { monitor, reason, .. }) = message.downcast() {
//!                 self.running.remove(&monitor);
//!                 println!("failed: {reason}");
//!             }
//!         }
//!         Next::noreply()
//!     }
//! }
//!
//! #[derive(Debug)]
//! struct Download(&'static str);
//!
//! impl HandleCall<Download> for Downloader {
//!     type Reply = ();
//!     async fn handle_call(&mut self, Download(url): Download, _: Caller<()>) -> Reply<()> {
//!         match task::supervisor::async_nolink("tasks", download(url)).await {
//!             Ok(task) => drop(self.running.insert(task.monitor())),
//!             Err(error) => println!("{error}"),
//!         }
//!         Reply::reply(())
//!     }
//! }
//!
//! async fn download(url: &'static str) -> String { format!("the page of {url}") }
//!
//! # crabtree::run(async {
//! # let _tasks = TaskSupervisor::new().name("tasks").start_link().await?;
//! let downloader = gen_server::start_link::<Downloader>(()).await?;
//! gen_server::call(downloader, Download("https://www.rust-lang.org")).await?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! # When one supervisor is not enough
//! Each start goes through the supervisor. Where that takes too long, a
//! [partition supervisor](crate::partition_supervisor) starts one for each core, and a key chooses among them:
//!
//! ```
//! # crabtree::run(async {
//! use crabtree::prelude::*;
//!
//! let many = PartitionSupervisor::new(|_| ChildSpec::supervisor("tasks", TaskSupervisor::new));
//! many.name("many").start_link().await?;
//!
//! let tasks = partition_supervisor::via("many", &"a routing key");
//! let task = task::supervisor::async_(tasks, async { "hello" }).await?;
//! assert_eq!(task.await?, "hello");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! # What else it is
//! A [dynamic supervisor](crate::dynamic_supervisor), which answers all that one answers.

use super::Task;
use super::async_stream::{self, AsyncStream, Place};
use super::unstarted::{self, Unstarted};
use super::{answering, callers};
use crate::destination::Target;
use crate::dynamic_supervisor::{self, DynamicSupervisor};
use crate::gen_server::CallError;
use crate::message::Term;
use crate::pid::{MonitorRef, Pid};
use crate::process::task::{Body, Start};
use crate::process::{self, current};
use crate::supervisor::{ChildError, ChildSpec, Restart, Shutdown};
use crate::{Destination, ExitReason, secs};
use parking_lot::Mutex;
use std::fmt;
use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;

/// A task supervisor that is about to be started: a dynamic supervisor by another name.
pub type TaskSupervisor = DynamicSupervisor;

/// Starts a task under a supervisor, whose result is awaited. It is linked to the caller as well, which is its owner.
///
/// ```
/// # crabtree::run(async {
/// use crabtree::prelude::*;
///
/// let tasks = TaskSupervisor::new().start_link().await?;
/// let task = task::supervisor::async_(tasks, async {
///     receive! { "go" => "hello from a supervised task" }
/// });
/// let task = task.await?;
/// assert_eq!(task::supervisor::children(tasks).await?, [task.pid().unwrap()]);
/// send(task.pid().unwrap(), "go");
/// assert_eq!(task.await?, "hello from a supervised task");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
///
/// # Errors
/// [`ChildError`], when the supervisor does not answer, or has as many tasks as it may. Nothing has run then.
///
/// # Cancel safety
/// When the future is dropped, nothing has run.
///
/// # Panics
/// The future panics outside of a process.
#[track_caller]
pub fn async_<F>(supervisor: impl Destination, future: F) -> Starting<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Term,
{
    Starting::new(supervisor.target(), "async_", true, future)
}

/// Starts a task under a supervisor, whose result is awaited, without a link to the caller. Otherwise like [`async_`].
///
/// The owner hears of its end all the same: by the result, or by an error when it awaits the task; or, if it does not
/// await it, by the [messages](super#the-messages) of the task.
///
/// # Errors
/// As [`async_`].
#[track_caller]
pub fn async_nolink<F>(supervisor: impl Destination, future: F) -> Starting<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Term,
{
    Starting::new(supervisor.target(), "async_nolink", false, future)
}

/// A task that is about to be started under a supervisor: `.await` it.
#[must_use = "nothing is started before `.await`"]
pub struct Starting<T> {
    plan: Plan,
    _output: PhantomData<fn() -> T>,
}

struct Plan {
    supervisor: Target,
    function: &'static str,
    link: bool,
    shutdown: Shutdown,
    monitor: MonitorRef,
    start: Start,
    body: Body,
}

impl<T> Starting<T> {
    #[track_caller]
    fn new<F>(supervisor: Target, function: &'static str, link: bool, future: F) -> Starting<T>
    where
        F: Future<Output = T> + Send + 'static,
        T: Term,
    {
        let (monitor, body) = answering(future);
        Starting {
            plan: Plan {
                supervisor,
                function,
                link,
                shutdown: DEFAULT_SHUTDOWN,
                monitor,
                start: Start::of::<F>(),
                body,
            },
            _output: PhantomData,
        }
    }

    /// How the task is told to end when its supervisor does: within 5 seconds, unless this is called.
    pub fn shutdown(mut self, shutdown: Shutdown) -> Starting<T> {
        self.plan.shutdown = shutdown;
        self
    }
}

const DEFAULT_SHUTDOWN: Shutdown = Shutdown::Timeout(secs(5));

impl Plan {
    async fn start(self) -> Result<Pid, ChildError> {
        let task = Unstarted::by_caller(self.start, self.body);
        let task = task.enter(&self.supervisor, self.shutdown, self.function).await?;
        Ok(task.run_owned(self.monitor, self.link))
    }
}

impl<T: Term> IntoFuture for Starting<T> {
    type Output = Result<Task<T>, ChildError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let owner = current::expect("a task").pid;
            let (monitor, origin) = (self.plan.monitor, self.plan.start.origin);
            let pid = self.plan.start().await?;
            Ok(Task::new(Some(pid), monitor, owner, origin))
        })
    }
}

impl<T> fmt::Debug for Starting<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "task::supervisor::{}({:?})",
            self.plan.function, self.plan.supervisor
        )
    }
}

/// Starts a task under a supervisor whose result nobody wants, without a link to the caller. Gives its pid.
///
/// A future runs once. A function that makes futures can be run again: it alone has [`restart`](StartingChild::restart).
///
/// ```
/// # crabtree::run(async {
/// use crabtree::prelude::*;
///
/// let tasks = TaskSupervisor::new().start_link().await?;
/// let parent = me();
/// task::supervisor::start_child(tasks, async move { send(parent, "once") }).await?;
/// receive! { "once" => () }
///
/// let work = move || async move {
///     send(parent, "again");
///     receive! { "crash" => exit("boom") }
/// };
/// let child = task::supervisor::start_child(tasks, work).restart(Restart::Transient).await?;
/// receive! { "again" => () }
/// send(child, "crash");
/// receive! { "again" => () }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
///
/// # Errors
/// As [`async_`].
///
/// # Cancel safety
/// When the future is dropped, the task may run all the same.
#[track_caller]
pub fn start_child<W, M>(supervisor: impl Destination, work: W) -> StartingChild<M>
where
    W: Work<M>,
{
    StartingChild {
        supervisor: supervisor.target(),
        start: Start::of::<W>(),
        make: work.make(),
        restart: Restart::Temporary,
        shutdown: DEFAULT_SHUTDOWN,
        _runs: PhantomData,
    }
}

/// What [`start_child`] starts: a future, or a function that makes one each time that it is called.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no work for a task",
    note = "give it a future, `async {{ … }}`, or, if it is to be restarted, a function: `|| async {{ … }}`"
)]
pub trait Work<M> {
    #[doc(hidden)]
    fn make(self) -> Make;
}

/// Gives the work of a task, if it can be done once more.
#[doc(hidden)]
pub struct Make(Arc<dyn Fn() -> Option<Body> + Send + Sync>);

/// Says of [`Work`] that it is a future, which runs once.
#[derive(Debug)]
pub enum Once {}

/// Says of [`Work`] that it is a function, which can be called again.
#[derive(Debug)]
pub enum Again {}

impl<F> Work<Once> for F
where
    F: Future + Send + 'static,
{
    fn make(self) -> Make {
        let body: Body = Box::pin(self);
        let body = Mutex::new(Some(body));
        Make(Arc::new(move || body.lock().take()))
    }
}

impl<F, R> Work<Again> for F
where
    F: Fn() -> R + Send + Sync + 'static,
    R: Future + Send + 'static,
{
    fn make(self) -> Make {
        Make(Arc::new(move || Some(Box::pin(self()))))
    }
}

/// A task that is about to be started by [`start_child`]: `.await` it.
#[must_use = "nothing is started before `.await`"]
pub struct StartingChild<M> {
    supervisor: Target,
    start: Start,
    make: Make,
    restart: Restart,
    shutdown: Shutdown,
    _runs: PhantomData<M>,
}

impl StartingChild<Again> {
    /// When the task is restarted: never, unless this is called.
    pub fn restart(mut self, restart: Restart) -> StartingChild<Again> {
        self.restart = restart;
        self
    }
}

impl<M> StartingChild<M> {
    /// How the task is told to end when its supervisor does: within 5 seconds, unless this is called.
    pub fn shutdown(mut self, shutdown: Shutdown) -> StartingChild<M> {
        self.shutdown = shutdown;
        self
    }
}

impl<M> IntoFuture for StartingChild<M> {
    type Output = Result<Pid, ChildError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        let child = child(self.start, self.make)
            .restart(self.restart)
            .shutdown(self.shutdown);
        Box::pin(async move { unstarted::start_child(&self.supervisor, child, "start_child").await })
    }
}

impl<M> fmt::Debug for StartingChild<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "task::supervisor::start_child({:?})", self.supervisor)
    }
}

/// A task that its supervisor starts. It writes where the caller does, not where the supervisor does.
fn child(start: Start, make: Make) -> ChildSpec {
    let callers = callers::of_next();
    let group_leader = process::group_leader();
    ChildSpec::new("task", move || {
        let task = (make.0)().map(|body| Unstarted::new(callers.clone(), start, body));
        async move {
            let task = task.ok_or(ExitReason::NoProc)?;
            Ok(task.run_under(group_leader))
        }
    })
}

/// Like [`task::async_stream`](super::async_stream), with tasks that are children of a supervisor.
///
/// The tasks are linked to the process that polls: a failure of one is one of that process, unless it traps exits. When
/// the supervisor has as many children as it may, the process that polls exits with the [`ChildError`].
///
/// ```
/// # crabtree::run(async {
/// use crabtree::prelude::*;
///
/// let tasks = TaskSupervisor::new().start_link().await?;
/// let squares = task::supervisor::async_stream(tasks, 1..=3, |n: i32| async move { n * n });
/// assert_eq!(squares.collect::<Vec<_>>().await, [Ok(1), Ok(4), Ok(9)]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
///
/// # Panics
/// Polling panics outside of a process.
#[track_caller]
pub fn async_stream<I, F, R>(
    supervisor: impl Destination,
    items: I,
    function: F,
) -> AsyncStream<I::IntoIter, F, R::Output>
where
    I: IntoIterator,
    F: FnMut(I::Item) -> R,
    R: Future + Send + 'static,
    R::Output: Term,
{
    async_stream::async_stream(items, function).under(Place {
        supervisor: supervisor.target(),
        link: true,
        shutdown: DEFAULT_SHUTDOWN,
        function: "async_stream",
    })
}

/// Like [`async_stream`], with tasks that are not linked to the process that polls: one that fails is an `Err` in the
/// stream, and no more.
///
/// ```
/// # crabtree::run(async {
/// use crabtree::prelude::*;
///
/// let tasks = TaskSupervisor::new().start_link().await?;
/// let halves = task::supervisor::async_stream_nolink(tasks, [4, 0, 2], |n: i32| async move { 8 / n });
/// let halves: Vec<_> = halves.collect().await;
/// assert_eq!(halves.into_iter().flatten().collect::<Vec<_>>(), [2, 4]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
///
/// # Panics
/// As [`async_stream`].
#[track_caller]
pub fn async_stream_nolink<I, F, R>(
    supervisor: impl Destination,
    items: I,
    function: F,
) -> AsyncStream<I::IntoIter, F, R::Output>
where
    I: IntoIterator,
    F: FnMut(I::Item) -> R,
    R: Future + Send + 'static,
    R::Output: Term,
{
    async_stream::async_stream(items, function).under(Place {
        supervisor: supervisor.target(),
        link: false,
        shutdown: DEFAULT_SHUTDOWN,
        function: "async_stream_nolink",
    })
}

/// The tasks that a supervisor has now, but for those that are about to be restarted. The order is not defined.
///
/// # Errors
/// [`CallError`] when the supervisor is not alive.
pub async fn children(supervisor: impl Destination) -> Result<Vec<Pid>, CallError> {
    let children = dynamic_supervisor::which_children(supervisor).await?;
    Ok(children.into_iter().filter_map(|child| child.pid).collect())
}

/// Stops a task, as its supervisor would when it ends itself.
///
/// # Errors
/// [`ChildError::NotFound`] when it is not a task of this supervisor.
pub async fn terminate_child(supervisor: impl Destination, task: impl Into<Pid>) -> Result<(), ChildError> {
    dynamic_supervisor::terminate_child(supervisor, task).await
}
