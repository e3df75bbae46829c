//! Starting servers: the new process is registered, runs its `init`, and says how that went.

use super::GenServer;
use super::address::{Server, Via};
use super::callbacks::{AnyInit, any_init};
use super::error::StartError;
use super::life::{Birth, Life, Started};
use crate::message::Message;
use crate::name::Name;
use crate::node::node;
use crate::pid::{MonitorRef, Pid};
use crate::process::call::{self, Failure, Origin};
use crate::process::{self, current, task};
use crate::sys::DebugOption;
use crate::{Exit, ExitReason, ms, receive};
use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

/// Starts a server that is linked to the caller, and waits until its `init` is done.
///
/// Nothing happens before the `.await`; until then it can be given a [name](Starting::name).
///
/// # Errors
/// [`StartError`], when `init` stops, panics or ignores, or when the name is taken. The new process is gone then, and
/// nothing of it is left in the caller's mailbox. As it was linked, a caller that does not trap exits ends with it
/// unless the reason is `Normal`, as in OTP.
///
/// # Panics
/// The future panics outside of a process.
///
/// # Cancel safety
/// When the future is dropped while `init` runs, the server starts all the same.
#[track_caller]
pub fn start_link<S: GenServer>(args: S::Args) -> Starting<S> {
    Starting::new(task::Start::of::<S>(), any_init::<S>(args), Relation::Link)
}

/// Starts a server without a link; otherwise like [`start_link`].
///
/// # Errors
/// As [`start_link`].
#[track_caller]
pub fn start<S: GenServer>(args: S::Args) -> Starting<S> {
    Starting::new(task::Start::of::<S>(), any_init::<S>(args), Relation::None)
}

/// Starts a server that the caller [monitors](crate::process::monitor) from its first step on; otherwise like
/// [`start`].
///
/// ```
/// # crabtree::run(async {
/// use crabtree::prelude::*;
/// # #[derive(Debug)]
/// # struct Counter(i64);
/// # impl GenServer for Counter {
/// #     type Args = i64;
/// #     async fn init(n: i64) -> Init<Self> { Init::ok(Counter(n)) }
/// # }
/// let (counter, watched) = gen_server::start_monitor::<Counter>(0).await?;
/// gen_server::stop_with(counter, "enough").await?;
/// receive! { Down { monitor, reason, .. } if monitor == watched => assert_eq!(reason, ExitReason::from("enough")) }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
///
/// # Errors
/// As [`start_link`]; no [`Down`](crate::Down) comes then.
///
/// # Panics
/// The future panics outside of a process.
#[track_caller]
pub fn start_monitor<S: GenServer>(args: S::Args) -> Starting<S, (Server<S>, MonitorRef)> {
    Starting::new(task::Start::of::<S>(), any_init::<S>(args), Relation::Monitor)
}

/// What the starter is to the new process.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Relation {
    None,
    Link,
    Monitor,
}

/// Where a server is registered.
#[derive(Debug)]
pub(crate) enum Place {
    Name(Name),
    Via(Box<dyn Via>),
}

impl Place {
    pub(crate) fn register(&self, pid: Pid) -> Result<(), StartError> {
        let name = match self {
            Place::Name(name) => name,
            Place::Via(via) => return via.register(pid),
        };
        process::register(pid, name).map_err(|error| match error {
            crate::RegisterError::NameTaken { owner, name } => StartError::AlreadyStarted { name, pid: owner },
            other => StartError::Exit(ExitReason::other(other)),
        })
    }
}

/// How a server is to be started.
struct Plan {
    start: task::Start,
    init: AnyInit,
    relation: Relation,
    place: Option<Place>,
    timeout: Option<Duration>,
    hibernate_after: Option<Duration>,
    debug: Vec<DebugOption>,
}

/// A server of type `S` that is about to be started: `.await` it, and get a `T`.
#[must_use = "nothing is started before it is awaited"]
pub struct Starting<S, T = Server<S>> {
    plan: Plan,
    _started: PhantomData<fn() -> (S, T)>,
}

impl<S, T> Starting<S, T> {
    fn new(start: task::Start, init: AnyInit, relation: Relation) -> Starting<S, T> {
        Starting {
            plan: Plan {
                start,
                init,
                relation,
                place: None,
                timeout: None,
                hibernate_after: None,
                debug: Vec::new(),
            },
            _started: PhantomData,
        }
    }

    /// Registers the server under that name before its `init` runs.
    pub fn name(mut self, name: impl Into<Name>) -> Self {
        self.plan.place = Some(Place::Name(name.into()));
        self
    }

    /// Registers the server there before its `init` runs: [`registry::via`](crate::registry::via) is such a place.
    pub fn via(mut self, via: impl Via) -> Self {
        self.plan.place = Some(Place::Via(Box::new(via)));
        self
    }

    /// Kills the server if its `init` is not done by then. Without it, `init` may take for ever.
    ///
    /// The start then waits as long again, at most, for the process to be gone: an `init` that does not await is not
    /// stopped before it does.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.plan.timeout = Some(timeout);
        self
    }

    /// Has the server hibernate whenever no message came for so long.
    pub fn hibernate_after(mut self, time: Duration) -> Self {
        self.plan.hibernate_after = Some(time);
        self
    }

    /// Switches that on before the first message; see [`sys`](crate::sys).
    pub fn debug(mut self, debug: DebugOption) -> Self {
        self.plan.debug.push(debug);
        self
    }
}

/// What the start of a server gives.
#[doc(hidden)]
pub trait Outcome: Sized {
    fn of(pid: Pid, watched: Option<MonitorRef>) -> Self;
}

impl<S> Outcome for Server<S> {
    fn of(pid: Pid, _watched: Option<MonitorRef>) -> Server<S> {
        Server::at(pid)
    }
}

impl<S> Outcome for (Server<S>, MonitorRef) {
    fn of(pid: Pid, watched: Option<MonitorRef>) -> (Server<S>, MonitorRef) {
        (Server::at(pid), watched.expect("a monitor was asked for"))
    }
}

impl<S, T: Outcome + 'static> IntoFuture for Starting<S, T> {
    type Output = Result<T, StartError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(StartingUp {
            start: boxed(self.plan),
            _started: PhantomData,
        })
    }
}

type AnyStart = Pin<Box<dyn Future<Output = Result<(Pid, Option<MonitorRef>), StartError>> + Send>>;

fn boxed(plan: Plan) -> AnyStart {
    Box::pin(start_any(plan))
}

struct StartingUp<T> {
    start: AnyStart,
    _started: PhantomData<fn() -> T>,
}

impl<T: Outcome> Future for StartingUp<T> {
    type Output = Result<T, StartError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let started = self.start.as_mut().poll(context);
        started.map(|started| started.map(|(pid, watched)| T::of(pid, watched)))
    }
}

async fn start_any(plan: Plan) -> Result<(Pid, Option<MonitorRef>), StartError> {
    let Plan { relation, timeout, .. } = plan;
    let parent = (relation == Relation::Link).then(|| current::expect("start_link").pid);
    let watched = (relation == Relation::Monitor).then(|| {
        current::expect("start_monitor");
        MonitorRef(node().new_ref())
    });
    let start = task::Start {
        link: parent.is_some(),
        monitor: watched.map(|monitor| monitor.0),
        ..plan.start
    };
    let (pid, _) = task::begin_as(start, |pid| plan.place.map_or(Ok(()), |place| place.register(pid)))?;
    let begin = |starter: Origin| {
        let birth = Birth {
            init: plan.init,
            starter,
            parent,
            hibernate_after: plan.hibernate_after,
            debug: plan.debug,
        };
        task::run(pid, Box::pin(Life::of(birth)));
    };
    let error = match call::call_with(pid, timeout, begin).await.map(Message::downcast) {
        Ok(Ok(Started::Ok)) => return Ok((pid, watched)),
        Ok(Ok(Started::Ignore)) => StartError::Ignore,
        Ok(Ok(Started::Failed(reason))) | Err(Failure::Down(reason)) => StartError::Exit(reason),
        Ok(Err(other)) => StartError::Exit(ExitReason::other(format!("{other:?}"))),
        Err(Failure::CallingSelf) => StartError::Exit(ExitReason::NoProc),
        Err(Failure::Timeout) => {
            if parent.is_some() {
                process::unlink(pid);
            }
            process::exit(pid, ExitReason::Kill);
            StartError::Timeout(timeout.unwrap_or_default())
        }
    };
    // OTP: "Before returning, the process is gone", so that what it had can be had again.
    let patience = matches!(error, StartError::Timeout(_)).then_some(timeout).flatten();
    drop(call::call_with(pid, patience, drop).await);
    forget(pid, parent, watched).await;
    Err(error)
}

/// The starter learns of the failure by the error, and not by a message as well.
async fn forget(pid: Pid, parent: Option<Pid>, watched: Option<MonitorRef>) {
    if parent.is_some() {
        process::unlink(pid);
        receive! {
            Exit { from, .. } if from == pid => (),
            after ms(0) => (),
        }
    }
    if let Some(watched) = watched {
        process::demonitor_flush(watched);
    }
}
