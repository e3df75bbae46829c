//! Requests on their way: a message that knows how its server handles it, with the types forgotten.

use super::callbacks::Callback;
use super::returns::{Caller, Next};
use super::system::System;
use super::{GenServer, HandleCall, HandleCast};
use crate::message::{Message, Term};
use crate::pid::Pid;
use crate::process::call::Origin;
use std::any::{Any, TypeId};
use std::fmt;
use std::marker::PhantomData;

/// What a handler decided, and the answer that waits for the server's end.
pub(super) struct Handled {
    pub(super) next: Next,
    /// What was answered to whom, if somebody wants to know.
    pub(super) sent: Option<(Pid, String)>,
    pub(super) last_answer: Option<(Origin, Message)>,
}

impl Handled {
    pub(super) fn next(next: Next) -> Handled {
        Handled {
            next,
            sent: None,
            last_answer: None,
        }
    }
}

pub(super) type Handling<'a> = Callback<'a, Handled>;

/// A call or a cast in the mailbox of a server.
pub(super) struct Request {
    /// The type of the server that it is meant for.
    server: TypeId,
    /// The type of the message in it.
    pub(super) name: &'static str,
    body: Box<dyn Body>,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.body.fmt(f)
    }
}

/// What a message asks of a server, as traces show it.
pub(crate) struct Asked<'a> {
    pub(crate) type_name: &'static str,
    pub(crate) value: &'a dyn fmt::Debug,
}

/// What the message asks of a server; `None` when it is no request.
pub(crate) fn asked(message: &Message) -> Option<Asked<'_>> {
    if let Some(request) = message.downcast_ref::<Request>() {
        return Some(Asked {
            type_name: request.name,
            value: request.body.message(),
        });
    }
    message.downcast_ref::<System>().map(|request| Asked {
        type_name: message.type_name(),
        value: request,
    })
}

/// A message together with its handler.
trait Body: fmt::Debug + Send {
    /// The message alone.
    fn message(&self) -> &dyn fmt::Debug;

    /// `server` has the type that the request is meant for.
    fn handle(self: Box<Self>, server: &mut dyn Any, describe: bool) -> Option<Handling<'_>>;
}

impl Request {
    pub(super) fn call<S, M>(message: M, origin: Origin) -> Message
    where
        S: HandleCall<M>,
        M: Term,
    {
        Request::message::<S, M>(Box::new(CallBody::<S, M> {
            message,
            origin,
            _server: PhantomData,
        }))
    }

    pub(super) fn cast<S, M>(message: M) -> Message
    where
        S: HandleCast<M>,
        M: Term,
    {
        Request::message::<S, M>(Box::new(CastBody::<S, M> {
            message,
            _server: PhantomData,
        }))
    }

    fn message<S: GenServer, M>(body: Box<dyn Body>) -> Message {
        Message::new(Request {
            server: TypeId::of::<S>(),
            name: super::error::short_type_name::<M>(),
            body,
        })
    }

    /// Handles the request, if it is meant for a server of this type. `describe` asks for [`Handled::sent`].
    ///
    /// # Errors
    /// Gives it back when it is meant for another.
    pub(super) fn handle(self, server: &mut dyn Any, describe: bool) -> Result<Handling<'_>, Request> {
        if (*server).type_id() != self.server {
            return Err(self);
        }
        Ok(self
            .body
            .handle(server, describe)
            .expect("the type of the server was compared"))
    }
}

struct CallBody<S, M> {
    message: M,
    origin: Origin,
    _server: PhantomData<fn() -> S>,
}

impl<S, M: fmt::Debug> fmt::Debug for CallBody<S, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "call {:?} from {}", self.message, self.origin.pid)
    }
}

impl<S, M> Body for CallBody<S, M>
where
    S: HandleCall<M>,
    M: Term,
{
    fn message(&self) -> &dyn fmt::Debug {
        &self.message
    }

    fn handle(self: Box<Self>, server: &mut dyn Any, describe: bool) -> Option<Handling<'_>> {
        let server = server.downcast_mut::<S>()?;
        Some(Box::pin(async move {
            let CallBody { message, origin, .. } = *self;
            let reply = server.handle_call(message, Caller::new(origin)).await;
            answer(origin, reply.value.map(Message::new), reply.next, describe)
        }))
    }
}

/// An answer goes out at once, or, when the server ends, after it has terminated.
fn answer(origin: Origin, answer: Option<Message>, next: Next, describe: bool) -> Handled {
    let sent = answer
        .as_ref()
        .filter(|_| describe)
        .map(|answer| (origin.pid, format!("{answer:?}")));
    let mut last_answer = None;
    match answer {
        Some(answer) if next.stop.is_some() => last_answer = Some((origin, answer)),
        Some(answer) => origin.reply_message(answer),
        None => {}
    }
    Handled {
        next,
        sent,
        last_answer,
    }
}

struct CastBody<S, M> {
    message: M,
    _server: PhantomData<fn() -> S>,
}

impl<S, M: fmt::Debug> fmt::Debug for CastBody<S, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cast {:?}", self.message)
    }
}

impl<S, M> Body for CastBody<S, M>
where
    S: HandleCast<M>,
    M: Term,
{
    fn message(&self) -> &dyn fmt::Debug {
        &self.message
    }

    fn handle(self: Box<Self>, server: &mut dyn Any, _describe: bool) -> Option<Handling<'_>> {
        let server = server.downcast_mut::<S>()?;
        Some(Box::pin(async move {
            Handled::next(server.handle_cast(self.message).await)
        }))
    }
}
