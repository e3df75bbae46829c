//! What the callbacks of a server return. Each of OTP's return values has its name here.

use crate::ExitReason;
use crate::message::{Message, Term};
use crate::process::call::Origin;
use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;
use tokio::time::Instant;

/// What a server does between this callback and the next message.
#[derive(Debug, Default)]
pub(super) struct Then {
    /// Handled before any message.
    pub(super) continuation: Option<Message>,
    /// How long to wait for a message.
    pub(super) timeout: Option<Duration>,
    /// What is handled when none came; a [`Timeout`], if it is not said.
    pub(super) timeout_message: Option<Message>,
    pub(super) hibernate: bool,
    /// When the server stops waiting, once it waits: for the timeout, or else to hibernate.
    pub(super) until: Option<Instant>,
}

impl Then {
    fn of(then: &mut Option<Box<Then>>) -> &mut Then {
        then.get_or_insert_default()
    }
}

/// The message that [`handle_info`](super::GenServer::handle_info) gets when no other came within the time that the
/// last callback had set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Timeout;

/// The returns that every callback may add: OTP's `{continue, …}`, `Timeout` and `hibernate`.
macro_rules! and_then {
    ($self:ident => $then:expr) => {
        /// Has [`handle_continue`](super::GenServer::handle_continue) called with that value before any message is
        /// handled. What else is asked for here is forgotten then: what `handle_continue` returns counts.
        #[must_use]
        pub fn and_continue<C: Term>(mut $self, value: C) -> Self {
            Then::of(&mut $then).continuation = Some(Message::new(value));
            $self
        }

        /// Has [`handle_info`](super::GenServer::handle_info) called with a [`Timeout`] if no message comes within that
        /// time. Any message ends the waiting, but for requests of [`sys`](crate::sys), which do not lengthen it either.
        #[must_use]
        pub fn timeout(mut $self, time: Duration) -> Self {
            let then = Then::of(&mut $then);
            (then.timeout, then.timeout_message) = (Some(time), None);
            $self
        }

        /// Like [`timeout`](Self::timeout), with a message of your own. After no time at all it is handled at once,
        /// before messages that wait already.
        #[must_use]
        pub fn timeout_with<T: Term>(mut $self, time: Duration, message: T) -> Self {
            let then = Then::of(&mut $then);
            (then.timeout, then.timeout_message) = (Some(time), Some(Message::new(message)));
            $self
        }

        /// Gives back the memory that the process does not need while it waits.
        #[must_use]
        pub fn hibernate(mut $self) -> Self {
            Then::of(&mut $then).hibernate = true;
            $self
        }
    };
}

/// What [`GenServer::init`](super::GenServer::init) returns.
#[derive(Debug)]
pub struct Init<S> {
    pub(super) initial: Initial<S>,
    pub(super) then: Option<Box<Then>>,
}

#[derive(Debug)]
pub(super) enum Initial<S> {
    Ok(S),
    Ignore,
    Stop(ExitReason),
}

impl<S> Init<S> {
    /// The server is up, with this state. OTP's `{ok, State}`.
    pub fn ok(state: S) -> Init<S> {
        Init::from(Initial::Ok(state))
    }

    /// The server has no work: it ends as if it had never been started, and a supervisor goes on without it.
    pub fn ignore() -> Init<S> {
        Init::from(Initial::Ignore)
    }

    /// The server cannot start. The starter gets the reason as an error.
    pub fn stop(reason: impl Into<ExitReason>) -> Init<S> {
        Init::from(Initial::Stop(reason.into()))
    }

    /// The state.
    ///
    /// # Errors
    /// When the server does not start: the same, for a server with another state.
    pub(crate) fn into_state<T>(self) -> Result<S, Init<T>> {
        match self.initial {
            Initial::Ok(state) => Ok(state),
            Initial::Ignore => Err(Init::ignore()),
            Initial::Stop(reason) => Err(Init::stop(reason)),
        }
    }

    fn from(initial: Initial<S>) -> Init<S> {
        Init { initial, then: None }
    }

    and_then!(self => self.then);
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

    /// Ends the server, and answers the call when its [`terminate`](super::GenServer::terminate) is done.
    pub fn stop(reason: impl Into<ExitReason>, value: R) -> Reply<R> {
        Reply {
            value: Some(value),
            next: Next::stop(reason),
        }
    }

    /// Ends the server. The caller gets the reason as an error, unless somebody answered before.
    pub fn stop_noreply(reason: impl Into<ExitReason>) -> Reply<R> {
        Reply {
            value: None,
            next: Next::stop(reason),
        }
    }

    and_then!(self => self.next.then);
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
    /// Mostly nothing: then what a callback returns is small.
    pub(super) then: Option<Box<Then>>,
}

impl Next {
    /// The server waits for the next message.
    pub fn noreply() -> Next {
        Next { stop: None, then: None }
    }

    /// The server ends. `Normal`, `Shutdown` and `ShutdownWith` are orderly; any other reason is reported.
    pub fn stop(reason: impl Into<ExitReason>) -> Next {
        Next {
            stop: Some(reason.into()),
            then: None,
        }
    }

    and_then!(self => self.then);
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
