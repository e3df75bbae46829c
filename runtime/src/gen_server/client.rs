//! The client's side: starting servers, calling, casting, stopping.

use super::address::{Address, Server, Via};
use super::callbacks::{AnyInit, any_init};
use super::error::{CallError, CallFailure, StartError, short_type_name};
use super::request::Request;
use super::server::{Started, life};
use super::system::System;
use super::{GenServer, HandleCall, HandleCast};
use crate::ExitReason;
use crate::message::{Message, Term};
use crate::name::Name;
use crate::pid::Pid;
use crate::process::call::{self, Failure, Origin};
use crate::process::record::deliver;
use crate::process::{self, current, task};
use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::pin::Pin;
use std::time::Duration;

/// How long a call waits unless it says otherwise, as in OTP.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);

/// Starts a server that is linked to the caller, and waits until its `init` is done.
///
/// Nothing happens before the `.await`; until then it can be given a [name](Starting::name).
///
/// # Errors
/// [`StartError`], when `init` stops, panics or ignores, or when the name is taken. The new process is gone then; as it
/// was linked, a caller that does not trap exits ends with it unless the reason is `Normal`, as in OTP.
///
/// # Panics
/// The future panics outside of a process.
pub fn start_link<S: GenServer>(args: S::Args) -> Starting<S> {
    Starting {
        init: any_init::<S>(args),
        link: true,
        place: None,
        timeout: None,
        _server: PhantomData,
    }
}

/// Starts a server without a link; otherwise like [`start_link`].
///
/// # Errors
/// As [`start_link`].
pub fn start<S: GenServer>(args: S::Args) -> Starting<S> {
    Starting {
        link: false,
        ..start_link(args)
    }
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

/// A server that is about to be started: `.await` it.
#[must_use = "nothing is started before it is awaited"]
pub struct Starting<S> {
    init: AnyInit,
    link: bool,
    place: Option<Place>,
    timeout: Option<Duration>,
    _server: PhantomData<fn() -> S>,
}

impl<S> Starting<S> {
    /// Registers the server under that name before its `init` runs.
    pub fn name(mut self, name: impl Into<Name>) -> Starting<S> {
        self.place = Some(Place::Name(name.into()));
        self
    }

    /// Registers the server there before its `init` runs.
    pub fn via(mut self, via: impl Via) -> Starting<S> {
        self.place = Some(Place::Via(Box::new(via)));
        self
    }

    /// Kills the server if its `init` is not done by then. Without it, `init` may take for ever.
    pub fn timeout(mut self, timeout: Duration) -> Starting<S> {
        self.timeout = Some(timeout);
        self
    }
}

impl<S: GenServer> IntoFuture for Starting<S> {
    type Output = Result<Server<S>, StartError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let started = start_any(self.init, self.link, self.place, self.timeout).await;
            started.map(Server::at)
        })
    }
}

async fn start_any(
    init: AnyInit,
    link: bool,
    place: Option<Place>,
    timeout: Option<Duration>,
) -> Result<Pid, StartError> {
    let parent = if link {
        Some(current::expect("start_link").pid)
    } else {
        None
    };
    let (pid, record) = task::begin(task::Start {
        link,
        ..task::Start::of::<Starting<()>>()
    });
    if let Some(place) = place
        && let Err(taken) = place.register(pid)
    {
        // It has not run, so nobody needs to learn that it was there.
        record.finish(pid, ExitReason::Normal);
        return Err(taken);
    }
    let begin = |starter: Origin| task::run(pid, Box::pin(life(init, starter, parent)));
    match call::call_with(pid, timeout, begin).await.map(Message::downcast) {
        Ok(Ok(Started::Ok)) => Ok(pid),
        Ok(Ok(Started::Ignore)) => Err(StartError::Ignore),
        Ok(Ok(Started::Failed(reason))) => Err(StartError::Exit(reason)),
        Ok(Err(other)) => Err(StartError::Exit(ExitReason::other(format!("{other:?}")))),
        Err(Failure::Down(reason)) => Err(StartError::Exit(reason)),
        Err(Failure::CallingSelf) => Err(StartError::Exit(ExitReason::NoProc)),
        Err(Failure::Timeout) => {
            if link {
                process::unlink(pid);
            }
            process::exit(pid, ExitReason::Kill);
            Err(StartError::Timeout(timeout.unwrap_or_default()))
        }
    }
}

/// Asks a server something, and waits for the answer: 5 seconds, unless [`timeout`](Call::timeout) says otherwise.
///
/// The request goes out at the `.await`.
///
/// # Errors
/// [`CallError`]: no answer in time, no such process, or the server ended before it answered.
///
/// # Cancel safety
/// When the future is dropped, the server may handle the request all the same; its answer disappears.
pub fn call<A, M>(server: A, message: M) -> Call<A::Server, M>
where
    A: Address,
    A::Server: HandleCall<M>,
    M: Term,
{
    Call {
        to: server.pid().map_err(|_| server.shown()),
        message,
        timeout: Some(DEFAULT_TIMEOUT),
        _server: PhantomData,
    }
}

/// A call that is about to be made: `.await` it.
#[must_use = "nothing is asked before it is awaited"]
pub struct Call<S, M> {
    /// The server, or how the name was called that nobody has.
    to: Result<Pid, String>,
    message: M,
    timeout: Option<Duration>,
    _server: PhantomData<fn() -> S>,
}

impl<S, M> Call<S, M> {
    /// Waits so long at most; with `None` for ever.
    pub fn timeout(mut self, timeout: impl Into<Option<Duration>>) -> Call<S, M> {
        self.timeout = timeout.into();
        self
    }
}

impl<S, M> IntoFuture for Call<S, M>
where
    S: HandleCall<M>,
    M: Term,
{
    type Output = Result<S::Reply, CallError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let request = |origin| Request::call::<S, M>(self.message, origin);
            let what = short_type_name::<M>();
            let answer = call_any(self.to, "gen_server::call", what, self.timeout, request).await?;
            Ok(answer
                .downcast()
                .expect("a server answers a call with the type of its reply"))
        })
    }
}

pub(crate) async fn call_any(
    to: Result<Pid, String>,
    function: &str,
    what: &str,
    timeout: Option<Duration>,
    request: impl FnOnce(Origin) -> Message,
) -> Result<Message, CallError> {
    let described = |to: String| match what {
        "" => format!("{function}({to})"),
        what => format!("{function}({to}, {what})"),
    };
    let to = to.map_err(|name| CallError {
        request: described(name),
        cause: CallFailure::NoSuchName,
    })?;
    let answer = call::call(to, timeout, request).await;
    answer.map_err(|failure| CallError::new(described(to.to_string()), failure, timeout))
}

/// Tells a server something. It does not wait, and does not learn whether anybody got it.
pub fn cast<A, M>(server: A, message: M)
where
    A: Address,
    A::Server: HandleCast<M>,
    M: Term,
{
    if let Ok(pid) = server.pid() {
        drop(deliver(pid, Request::cast::<A::Server, M>(message)));
    }
}

/// Ends a server in good order, and waits until it is gone. Its `terminate` runs.
///
/// # Errors
/// [`CallError`] when it is not alive, or ended for another reason.
pub async fn stop<A: Address>(server: A) -> Result<(), CallError> {
    let to = server.pid().map_err(|_| server.shown());
    stop_any(to, "gen_server::stop", ExitReason::Normal).await
}

/// Ends a server with a reason; otherwise like [`stop`].
///
/// # Errors
/// As [`stop`].
pub async fn stop_with<A: Address>(server: A, reason: impl Into<ExitReason>) -> Result<(), CallError> {
    let to = server.pid().map_err(|_| server.shown());
    stop_any(to, "gen_server::stop_with", reason.into()).await
}

pub(crate) async fn stop_any(to: Result<Pid, String>, function: &str, reason: ExitReason) -> Result<(), CallError> {
    let expected = reason.clone();
    let request = |_| Message::new(System::Terminate(reason));
    match call_any(to, function, &expected.to_string(), None, request).await {
        Err(CallError {
            cause: CallFailure::Exit(reason),
            ..
        }) if reason == expected => Ok(()),
        Err(error) => Err(error),
        Ok(_) => Ok(()),
    }
}
