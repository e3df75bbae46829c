//! What the callbacks of a server return. Each of OTP's return values has its name here.

use crate::ExitReason;
use crate::process::call::Origin;
use std::fmt;
use std::marker::PhantomData;

/// What [`GenServer::init`](super::GenServer::init) returns.
#[derive(Debug)]
pub struct Init<S>(pub(super) Initial<S>);

#[derive(Debug)]
pub(super) enum Initial<S> {
    Ok(S),
    Ignore,
    Stop(ExitReason),
}

impl<S> Init<S> {
    /// The server is up, with this state. OTP's `{ok, State}`.
    pub fn ok(state: S) -> Init<S> {
        Init(Initial::Ok(state))
    }

    /// The server has no work: it ends as if it had never been started, and a supervisor goes on without it.
    pub fn ignore() -> Init<S> {
        Init(Initial::Ignore)
    }

    /// The server cannot start. The starter gets the reason as an error.
    pub fn stop(reason: impl Into<ExitReason>) -> Init<S> {
        Init(Initial::Stop(reason.into()))
    }
}

/// What [`HandleCall::handle_call`](super::HandleCall::handle_call) returns.
#[derive(Debug)]
pub struct Reply<R> {
    pub(super) value: Option<R>,
    pub(super) next: Next,
}

impl<R> Reply<R> {
    /// Answers the call.
    #[expect(clippy::self_named_constructors, reason = "it is OTP's name for it")]
    pub fn reply(value: R) -> Reply<R> {
        Reply {
            value: Some(value),
            next: Next::noreply(),
        }
    }

    /// Answers later: whoever has the [`Caller`] answers with [`Caller::reply`].
    pub fn noreply() -> Reply<R> {
        Reply {
            value: None,
            next: Next::noreply(),
        }
    }

    /// Answers the call and ends the server.
    pub fn stop(reason: impl Into<ExitReason>, value: R) -> Reply<R> {
        Reply {
            value: Some(value),
            next: Next::stop(reason),
        }
    }
}

/// `value.into()` answers with that value.
impl<R> From<R> for Reply<R> {
    fn from(value: R) -> Reply<R> {
        Reply::reply(value)
    }
}

/// What a handler returns that answers nobody: whether the server goes on.
#[derive(Debug)]
pub struct Next {
    pub(super) stop: Option<ExitReason>,
}

impl Next {
    /// The server waits for the next message.
    pub fn noreply() -> Next {
        Next { stop: None }
    }

    /// The server ends. `Normal`, `Shutdown` and `ShutdownWith` are orderly; any other reason is reported.
    pub fn stop(reason: impl Into<ExitReason>) -> Next {
        Next {
            stop: Some(reason.into()),
        }
    }
}

/// The process that waits for the answer to a call; OTP's `From`.
///
/// It can be kept, sent to another process and answered from there, once. The caller gives up when the server dies or
/// its time is over; an answer after that disappears.
pub struct Caller<R> {
    origin: Origin,
    _answer: PhantomData<fn(R)>,
}

impl<R: crate::Term> Caller<R> {
    pub(super) fn new(origin: Origin) -> Caller<R> {
        Caller {
            origin,
            _answer: PhantomData,
        }
    }

    /// The process that called.
    pub fn pid(&self) -> crate::Pid {
        self.origin.pid
    }

    /// Answers.
    pub fn reply(self, value: R) {
        self.origin.reply(value);
    }
}

impl<R> fmt::Debug for Caller<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Caller({})", self.origin.pid)
    }
}
