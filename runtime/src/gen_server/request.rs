//! Requests on their way: a message that knows how its server handles it, with the types forgotten.

use super::callbacks::{Callback, Map};
use super::returns::{Caller, Next, Reply};
use super::system::System;
use super::{GenServer, HandleCall, HandleCast};
use crate::message::{Message, Term};
use crate::pid::Pid;
use crate::process::call::Origin;
use crate::type_name::short_type_name;
use std::any::{Any, TypeId, type_name};
use std::fmt;
use std::marker::PhantomData;

/// What a handler returned.
pub(super) struct Handled {
    pub(super) next: Next,
    /// The answer to the call, unless it comes later.
    pub(super) answer: Option<Message>,
}

impl From<Next> for Handled {
    fn from(next: Next) -> Handled {
        Handled { next, answer: None }
    }
}

/// Gives the name of a type.
pub(super) type Described = fn() -> &'static str;

pub(super) type Handling<'a> = Callback<'a, Handled>;

/// A call or a cast in the mailbox of a server.
pub(crate) struct Request {
    /// The type of the server that it is meant for.
    server: TypeId,
    server_name: fn() -> String,
    /// The full name of the type of the message in it.
    name: fn() -> &'static str,
    /// Who waits for an answer: set when a call goes out.
    origin: Option<Origin>,
    body: Box<dyn Body>,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.from() {
            Some(from) => write!(f, "call {:?} from {from}", self.body),
            None => write!(f, "cast {:?}", self.body),
        }
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
            type_name: request.name(),
            value: &request.body,
        });
    }
    message.downcast_ref::<System>().map(|request| Asked {
        type_name: message.type_name(),
        value: request,
    })
}

/// A message together with its handler. It prints as the message does.
trait Body: fmt::Debug + Send {
    /// `server` has the type that the request is meant for, and a call has an origin.
    fn handle(self: Box<Self>, server: &mut dyn Any, origin: Option<Origin>) -> Option<Handling<'_>>;
}

impl Request {
    pub(super) fn call<S, M>(message: M) -> Request
    where
        S: HandleCall<M>,
        M: Term,
    {
        Request::new::<S, M>(Box::new(CallBody::<S, M> {
            message,
            _server: PhantomData,
        }))
    }

    pub(super) fn cast<S, M>(message: M) -> Request
    where
        S: HandleCast<M>,
        M: Term,
    {
        Request::new::<S, M>(Box::new(CastBody::<S, M> {
            message,
            _server: PhantomData,
        }))
    }

    fn new<S: GenServer, M>(body: Box<dyn Body>) -> Request {
        Request {
            server: TypeId::of::<S>(),
            server_name: short_type_name::<S>,
            name: type_name::<M>,
            origin: None,
            body,
        }
    }

    /// The request as it goes to the server; `origin` waits for the answer.
    pub(super) fn sent(self, origin: Option<Origin>) -> Message {
        Message::new(Request { origin, ..self })
    }

    /// The full name of the message's type.
    pub(super) fn name(&self) -> &'static str {
        self.described()()
    }

    /// What gives that name, which takes longer than handling some requests.
    pub(super) fn described(&self) -> Described {
        self.name
    }

    /// Who called; nobody, when it is a cast.
    pub(super) fn from(&self) -> Option<Pid> {
        self.origin.map(|origin| origin.pid)
    }

    /// Whom to answer.
    pub(super) fn origin(&self) -> Option<Origin> {
        self.origin
    }

    /// What the server is that the request is meant for.
    pub(super) fn server_name(&self) -> String {
        (self.server_name)()
    }

    /// Whether it is meant for a server of this type.
    pub(super) fn is_for(&self, server: &dyn Any) -> bool {
        server.type_id() == self.server
    }

    /// Handles the request, which is meant for a server of this type.
    pub(super) fn handle(self, server: &mut dyn Any) -> Handling<'_> {
        self.body
            .handle(server, self.origin)
            .expect("the type of the server was compared")
    }
}

struct CallBody<S, M> {
    message: M,
    _server: PhantomData<fn() -> S>,
}

impl<S, M: fmt::Debug> fmt::Debug for CallBody<S, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.message.fmt(f)
    }
}

impl<S, M> Body for CallBody<S, M>
where
    S: HandleCall<M>,
    M: Term,
{
    fn handle(self: Box<Self>, server: &mut dyn Any, origin: Option<Origin>) -> Option<Handling<'_>> {
        let server = server.downcast_mut::<S>()?;
        let handling = server.handle_call(self.message, Caller::new(origin?));
        Some(Box::pin(Map::new(handling, answered::<S::Reply>)))
    }
}

fn answered<R: Term>(reply: Reply<R>) -> Handled {
    Handled {
        next: reply.next,
        answer: reply.value.map(Message::new),
    }
}

struct CastBody<S, M> {
    message: M,
    _server: PhantomData<fn() -> S>,
}

impl<S, M: fmt::Debug> fmt::Debug for CastBody<S, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.message.fmt(f)
    }
}

impl<S, M> Body for CastBody<S, M>
where
    S: HandleCast<M>,
    M: Term,
{
    fn handle(self: Box<Self>, server: &mut dyn Any, _origin: Option<Origin>) -> Option<Handling<'_>> {
        let server = server.downcast_mut::<S>()?;
        Some(Box::pin(Map::new(server.handle_cast(self.message), Handled::from)))
    }
}
