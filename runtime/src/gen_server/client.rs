//! The client's side: calling, casting, stopping.

use super::address::Address;
use super::error::{CallError, CallFailure, Refusal};
use super::request::{self, Handler};
use super::system::System;
use super::{HandleCall, HandleCast};
use crate::ExitReason;
use crate::message::{Message, Term};
use crate::pid::Pid;
use crate::process::call::{Calling, Failure};
use crate::process::delivery::deliver;
use crate::type_name::without_paths;
use std::future::{Future, IntoFuture, poll_fn};
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

/// How long a call waits unless it says otherwise, as in OTP.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);

/// Asks a server something, and waits for the answer: 5 seconds, unless [`timeout`](Call::timeout) says otherwise.
///
/// The request goes out at the `.await`.
///
/// # Errors
/// [`CallError`]: no answer in time, no such process, the server ended before it answered, or is of another type.
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
        to: to(&server),
        message,
        timeout: Some(DEFAULT_TIMEOUT),
        _server: PhantomData,
    }
}

/// The process that an address means now, or how the name is called that nobody has.
pub(crate) fn to(server: &impl Address) -> Result<Pid, String> {
    server.pid().map_err(|_| server.shown())
}

/// A call that is about to be made: `.await` it.
#[must_use = "nothing is asked before it is awaited"]
pub struct Call<S, M> {
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
    type IntoFuture = Answering<S::Reply>;

    fn into_future(self) -> Answering<S::Reply> {
        let request = request::call::<S, M>(self.message);
        Answering::new(self.to, "gen_server::call", self.timeout, Ok(request))
    }
}

/// A call under way: resolves to the answer.
#[must_use = "nothing is asked before it is awaited"]
pub struct Answering<R> {
    call: AnyCall,
    _reply: PhantomData<fn() -> R>,
}

impl<R> Answering<R> {
    pub(crate) fn new(
        to: Result<Pid, String>,
        function: &'static str,
        timeout: Option<Duration>,
        asked: Question,
    ) -> Answering<R> {
        Answering {
            call: AnyCall::new(to, function, timeout, asked),
            _reply: PhantomData,
        }
    }
}

impl<R: Term> Future for Answering<R> {
    type Output = Result<R, CallError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let typed = |answer: Message| {
            answer
                .downcast()
                .expect("a server answers with the type that the request asks for")
        };
        self.call.poll(context).map(|answer| answer.map(typed))
    }
}

/// What a server is asked for, its type forgotten. Or why it cannot be asked.
pub(crate) type Question = Result<Message, String>;

/// How errors say what was asked.
enum Words {
    /// By the full name of a type.
    Type(&'static Handler),
    Reason(Box<ExitReason>),
    Nothing,
}

impl Words {
    fn of(asked: &Question) -> Words {
        let Ok(message) = asked else { return Words::Nothing };
        match (message.handler(), message.downcast_ref()) {
            (Some(handler), _) => Words::Type(handler),
            (None, Some(System::Terminate(reason))) => Words::Reason(Box::new(reason.clone())),
            (None, _) => Words::Nothing,
        }
    }
}

/// A call, whatever is asked. Of two lines of the cache at most: so much is moved without calling a function for it.
struct AnyCall {
    #[expect(clippy::box_collection, reason = "a text is three words, and few calls have one")]
    to: Result<Pid, Box<String>>,
    function: &'static str,
    timeout: Option<Duration>,
    words: Words,
    stage: Stage,
}

enum Stage {
    /// Nothing has been sent.
    Begins(Question),
    Waits(Calling),
    Over,
}

impl AnyCall {
    fn new(to: Result<Pid, String>, function: &'static str, timeout: Option<Duration>, asked: Question) -> AnyCall {
        AnyCall {
            to: to.map_err(Box::new),
            function,
            timeout,
            words: Words::of(&asked),
            stage: Stage::Begins(asked),
        }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<Message, CallError>> {
        let answer = match &mut self.stage {
            Stage::Waits(calling) => answered(ready!(calling.poll(context)), self.timeout),
            Stage::Begins(_) => match self.begin(context) {
                Ok(calling) => {
                    self.stage = Stage::Waits(calling);
                    return Poll::Pending;
                }
                Err(failure) => Err(failure),
            },
            Stage::Over => panic!("the call is over: it was awaited before"),
        };
        self.stage = Stage::Over;
        Poll::Ready(answer.map_err(|cause| self.error(cause)))
    }

    fn begin(&mut self, context: &Context<'_>) -> Result<Calling, CallFailure> {
        let to = *self.to.as_ref().map_err(|_| CallFailure::NoSuchName)?;
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Begins(Err(why)) => Err(CallFailure::Refused(why)),
            Stage::Begins(Ok(request)) => Calling::begin(context, to, self.timeout, |_| request)
                .map_err(|failure| CallFailure::of(failure, self.timeout)),
            Stage::Waits(_) | Stage::Over => unreachable!("it begins once"),
        }
    }

    #[cold]
    fn error(&self, cause: CallFailure) -> CallError {
        let function = self.function;
        let to = match &self.to {
            Ok(pid) => pid.to_string(),
            Err(name) => name.to_string(),
        };
        let request = match &self.words {
            Words::Type(handler) => format!("{function}({to}, {})", without_paths(handler.name())),
            Words::Reason(reason) => format!("{function}({to}, {reason})"),
            Words::Nothing => format!("{function}({to})"),
        };
        CallError { request, cause }
    }
}

pub(super) fn answered(answer: Result<Message, Failure>, timeout: Option<Duration>) -> Result<Message, CallFailure> {
    let answer = answer.map_err(|failure| CallFailure::of(failure, timeout))?;
    match answer.downcast::<Refusal>() {
        Ok(Refusal(why)) => Err(CallFailure::Refused(why)),
        Err(answer) => Ok(answer),
    }
}

/// Tells a server something. It does not wait, and does not learn whether anybody got it.
pub fn cast<A, M>(server: A, message: M)
where
    A: Address,
    A::Server: HandleCast<M>,
    M: Term,
{
    if let Ok(pid) = server.pid() {
        cast_any(pid, request::cast::<A::Server, M>(message));
    }
}

fn cast_any(pid: Pid, request: Message) {
    drop(deliver(pid, request));
}

/// Ends a server in good order, and waits until it is gone. Its `terminate` runs.
///
/// # Errors
/// [`CallError`] when it is not alive, or ended for another reason.
pub fn stop<A: Address>(server: A) -> Stopping {
    stop_any(to(&server), "gen_server::stop", ExitReason::Normal)
}

/// Ends a server with a reason; otherwise like [`stop`].
///
/// # Errors
/// As [`stop`].
pub fn stop_with<A: Address>(server: A, reason: impl Into<ExitReason>) -> Stopping {
    stop_any(to(&server), "gen_server::stop_with", reason.into())
}

pub(crate) fn stop_any(to: Result<Pid, String>, function: &'static str, reason: ExitReason) -> Stopping {
    Stopping {
        to,
        function,
        reason,
        timeout: None,
    }
}

/// A server that is about to be told to end: `.await` it.
#[must_use = "nothing is stopped before it is awaited"]
pub struct Stopping {
    to: Result<Pid, String>,
    function: &'static str,
    reason: ExitReason,
    timeout: Option<Duration>,
}

impl Stopping {
    /// Waits so long at most; with `None`, as without it, for ever. The server ends all the same.
    pub fn timeout(mut self, timeout: impl Into<Option<Duration>>) -> Stopping {
        self.timeout = timeout.into();
        self
    }
}

impl IntoFuture for Stopping {
    type Output = Result<(), CallError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let request = Message::new(System::Terminate(self.reason.clone()));
            let mut call = AnyCall::new(self.to, self.function, self.timeout, Ok(request));
            match poll_fn(|context| call.poll(context)).await {
                Err(CallError {
                    cause: CallFailure::Exit(reason),
                    ..
                }) if reason == self.reason => Ok(()),
                Err(error) => Err(error),
                Ok(_) => Ok(()),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_takes_two_lines_of_the_cache() {
        assert!(size_of::<AnyCall>() <= 128);
    }
}
