//! Requests on their way: messages that know how their server handles them, with the types forgotten.

use super::callbacks::{Callback, Map, Room};
use super::returns::{Caller, Next, Reply};
use super::system::System;
use super::{GenServer, HandleCall, HandleCast};
use crate::message::{Message, Request, Term, Value};
use crate::process::call::Origin;
use crate::type_name::short_type_name;
use std::any::{Any, type_name};
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

pub(super) type Handling<'a> = Callback<'a, Handled>;

/// How a server handles the requests of one type.
pub(crate) struct Handler {
    server_name: fn() -> String,
    /// Gives the full name of the type of what is called or cast with.
    name: fn() -> &'static str,
    begin: Begin,
}

/// Begins to handle a request in a server that it is meant for. From another one it comes back.
type Begin = for<'a> fn(Message, &'a mut dyn Any, &'a mut Room) -> Result<Handling<'a>, Message>;

impl Handler {
    const fn of<S: GenServer, M>(begin: Begin) -> Handler {
        Handler {
            server_name: short_type_name::<S>,
            name: type_name::<M>,
            begin,
        }
    }

    /// The full name of the type of what is called or cast with. It takes longer than handling some requests.
    pub(super) fn name(&self) -> &'static str {
        (self.name)()
    }

    /// What the server is that the request is meant for.
    pub(super) fn server_name(&self) -> String {
        (self.server_name)()
    }

    /// Begins to handle a request that has this handler.
    ///
    /// # Errors
    /// Gives the request back when the server is not of the type that it is meant for.
    pub(super) fn begin<'a>(
        &self,
        request: Message,
        server: &'a mut dyn Any,
        room: &'a mut Room,
    ) -> Result<Handling<'a>, Message> {
        (self.begin)(request, server, room)
    }
}

/// What a message asks of a server, as traces show it.
pub(crate) struct Asked<'a> {
    pub(crate) type_name: &'static str,
    pub(crate) value: Value<'a>,
}

/// What the message asks of a server; `None` when it is no request.
pub(crate) fn asked(message: &Message) -> Option<Asked<'_>> {
    let type_name = match message.handler() {
        Some(handler) => handler.name(),
        None if message.is::<System>() => message.type_name(),
        None => return None,
    };
    let value = Value(message);
    Some(Asked { type_name, value })
}

/// A request to a server of type `S`, as a message.
pub(super) fn call<S: HandleCall<M>, M: Term>(message: M) -> Message {
    Message::request(Call::<S, M>(message, PhantomData))
}

/// Like [`call`], for one that nobody waits for.
pub(super) fn cast<S: HandleCast<M>, M: Term>(message: M) -> Message {
    Message::request(Cast::<S, M>(message, PhantomData))
}

struct Call<S, M>(M, PhantomData<fn() -> S>);

impl<S, M: fmt::Debug> fmt::Debug for Call<S, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<S: HandleCall<M>, M: Term> Request for Call<S, M> {
    const HANDLER: Handler = Handler::of::<S, M>(|request, server, room| {
        let (Some(server), Some(origin)) = (server.downcast_mut::<S>(), Origin::of(&request)) else {
            return Err(request);
        };
        let Call(message, _) = request.downcast::<Self>()?;
        let handling = server.handle_call(message, Caller::new(origin));
        Ok(room.begin(Map::new(handling, answered::<S::Reply>)))
    });
}

fn answered<R: Term>(reply: Reply<R>) -> Handled {
    Handled {
        next: reply.next,
        answer: reply.value.map(Message::new),
    }
}

struct Cast<S, M>(M, PhantomData<fn() -> S>);

impl<S, M: fmt::Debug> fmt::Debug for Cast<S, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<S: HandleCast<M>, M: Term> Request for Cast<S, M> {
    const HANDLER: Handler = Handler::of::<S, M>(|request, server, room| {
        let Some(server) = server.downcast_mut::<S>() else {
            return Err(request);
        };
        let Cast(message, _) = request.downcast::<Self>()?;
        let handling = server.handle_cast(message);
        Ok(room.begin(Map::new(handling, Handled::from)))
    });
}
