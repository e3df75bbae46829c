//! How servers are addressed: by the value that their start returned, or by name.

use super::GenServer;
use super::error::StartError;
use super::server::debug;
use crate::destination::Target;
use crate::message::Message;
use crate::name::{Name, NoSuchName};
use crate::node::node;
use crate::pid::Pid;
use crate::process::deliver;
use crate::type_name::short_type_name;
use crate::{Destination, process};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;

/// A running server of type `S`: its pid, and the knowledge of what it understands.
///
/// Like a pid it is a plain value that outlives its process. It can be sent to and registered like one, too.
pub struct Server<S> {
    pid: Pid,
    _server: PhantomData<fn() -> S>,
}

impl<S> Server<S> {
    /// The server of type `S` that runs as that process, for example as a child that a
    /// [dynamic supervisor](crate::dynamic_supervisor::start_child) started.
    ///
    /// If the process is not an `S`, it treats requests like any message that it does not know.
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
    /// # #[derive(Debug)]
    /// # struct Get;
    /// # impl HandleCall<Get> for Counter {
    /// #     type Reply = i64;
    /// #     async fn handle_call(&mut self, _: Get, _: Caller<i64>) -> Reply<i64> { Reply::reply(self.0) }
    /// # }
    /// let counters = DynamicSupervisor::new().start_link().await?;
    /// let pid = dynamic_supervisor::start_child(counters, Counter::child_spec(7)).await?;
    /// assert_eq!(gen_server::call(Server::<Counter>::at(pid), Get).await?, 7);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub fn at(pid: Pid) -> Server<S> {
        Server {
            pid,
            _server: PhantomData,
        }
    }

    /// The pid of the server.
    pub fn pid(&self) -> Pid {
        self.pid
    }
}

impl<S> Clone for Server<S> {
    fn clone(&self) -> Server<S> {
        *self
    }
}

impl<S> Copy for Server<S> {}

impl<S> PartialEq for Server<S> {
    fn eq(&self, other: &Server<S>) -> bool {
        self.pid == other.pid
    }
}

impl<S> Eq for Server<S> {}

impl<S> Hash for Server<S> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.pid.hash(state);
    }
}

impl<S> fmt::Debug for Server<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pid.fmt(f)
    }
}

impl<S> fmt::Display for Server<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.pid, f)
    }
}

impl<S> From<Server<S>> for Pid {
    fn from(server: Server<S>) -> Pid {
        server.pid
    }
}

impl<S> From<&Server<S>> for Pid {
    fn from(server: &Server<S>) -> Pid {
        server.pid
    }
}

impl<S> Destination for Server<S> {
    type Sent = ();

    fn deliver(&self, message: Message) {
        drop(deliver(self.pid, message));
    }

    fn target(&self) -> Target {
        Target::Pid(self.pid)
    }
}

/// The server of type `S` that has a name when it is called; see [`named`].
pub struct Named<S> {
    name: Name,
    _server: PhantomData<fn() -> S>,
}

/// Addresses a server by its name. The name is looked up at each call, so it means whoever has it then.
///
/// If the process of that name is not an `S`, it treats the request like any message that it does not know.
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
/// # #[derive(Debug)]
/// # struct Get;
/// # impl HandleCall<Get> for Counter {
/// #     type Reply = i64;
/// #     async fn handle_call(&mut self, _: Get, _: Caller<i64>) -> Reply<i64> { Reply::reply(self.0) }
/// # }
/// gen_server::start_link::<Counter>(7).name("counter").await?;
/// assert_eq!(gen_server::call(named::<Counter>("counter"), Get).await?, 7);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
pub fn named<S: GenServer>(name: impl Into<Name>) -> Named<S> {
    Named {
        name: name.into(),
        _server: PhantomData,
    }
}

/// The server of that name, if a process has it now.
pub fn whereis<S: GenServer>(name: impl AsRef<str>) -> Option<Server<S>> {
    process::whereis(name).map(Server::at)
}

/// A way to find processes other than by the node's own names: OTP's `{via, Module, Name}`.
///
/// Give one to [`Starting::via`](super::Starting::via), and the server is registered there before its `init` runs.
pub trait Via: fmt::Debug + Send + 'static {
    /// Registers the process. Whoever implements it takes the process out again when it ends.
    ///
    /// # Errors
    /// [`StartError::AlreadyStarted`] when another process is there.
    fn register(&self, pid: Pid) -> Result<(), StartError>;
}

/// Something that says which server of which type is meant: a [`Server`], or [`named`].
pub trait Address {
    /// The type of the server.
    type Server: GenServer;

    /// The process, if there is one now.
    #[doc(hidden)]
    fn pid(&self) -> Result<Pid, NoSuchName>;

    /// How messages call it.
    #[doc(hidden)]
    fn shown(&self) -> String;
}

impl<S: GenServer> Address for Server<S> {
    type Server = S;

    fn pid(&self) -> Result<Pid, NoSuchName> {
        Ok(self.pid)
    }

    fn shown(&self) -> String {
        debug(&self.pid)
    }
}

impl<S: GenServer> Address for Named<S> {
    type Server = S;

    fn pid(&self) -> Result<Pid, NoSuchName> {
        node()
            .names
            .get(self.name.as_str())
            .ok_or_else(|| NoSuchName(self.name.clone()))
    }

    fn shown(&self) -> String {
        shown_by_name(&short_type_name::<S>(), &self.name)
    }
}

fn shown_by_name(server: &str, name: &Name) -> String {
    format!("named::<{server}>({name:?})")
}

impl<A: Address> Address for &A {
    type Server = A::Server;

    fn pid(&self) -> Result<Pid, NoSuchName> {
        A::pid(self)
    }

    fn shown(&self) -> String {
        A::shown(self)
    }
}
