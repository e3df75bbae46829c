//! Agents: a state that processes share, and functions that run where it is.
//!
//! A [server](crate::gen_server) with a message for each thing that can be asked is more than a mere value needs. An
//! agent holds the value, and takes the questions as functions:
//!
//! ```
//! # crabtree::run(async {
//! use crabtree::agent;
//! use crabtree::prelude::*;
//!
//! let counter = agent::start_link(|| 0).name("counter").await?;
//! agent::update(counter, |n| *n += 5).await?;
//! assert_eq!(agent::get(counter, |n| *n).await?, 5);
//! assert_eq!(agent::get(agent::named::<i32>("counter"), |n| n * 2).await?, 10);
//! agent::stop(counter).await?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! # Where a function runs
//! In the agent: nobody else is served meanwhile. So what takes long is better done in the client, on a copy; and a
//! function that panics ends the agent, not the client, which gets the panic as an error.
//!
//! # As a module
//! Who uses an agent need not know that it is one: functions with names of their own make a module of it.
//!
//! ```
//! mod fibonacci_store {
//!     use crabtree::agent::{self, Agent};
//!     use crabtree::gen_server::{CallError, StartError};
//!     use crabtree::prelude::*;
//!
//!     const NAME: &str = "FibonacciStore";
//!     type State = [u64; 2];
//!
//!     fn first() -> State {
//!         [0, 1]
//!     }
//!
//!     pub async fn start_link() -> Result<Agent<State>, StartError> {
//!         agent::start_link(first).name(NAME).await
//!     }
//!
//!     pub fn child_spec() -> ChildSpec {
//!         agent::child_spec(NAME, first).name(NAME)
//!     }
//!
//!     pub async fn next() -> Result<u64, CallError> {
//!         let step = |state: &mut State| {
//!             *state = [state[1], state[0] + state[1]];
//!             state[1]
//!         };
//!         agent::get_and_update(agent::named(NAME), step).await
//!     }
//! }
//!
//! # crabtree::run(async {
//! fibonacci_store::start_link().await?;
//! assert_eq!(fibonacci_store::next().await?, 1);
//! assert_eq!(fibonacci_store::next().await?, 2);
//! assert_eq!(fibonacci_store::next().await?, 3);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! # In a supervision tree
//! [`child_spec`] says how a supervisor starts one. After a restart the state is the initial one again.
//!
//! # When not to use it
//! When requests have a meaning beyond reading and writing a value: a server names them. When nobody waits for the
//! value, or it never changes: then an `Arc` needs no process.

use crate::ExitReason;
use crate::gen_server::{
    self, Address, Call, CallError, Caller, CodeChange, GenServer, HandleCall, HandleCast, Init, Named, Next, Reply,
    Server, StartError,
};
pub use crate::gen_server::{DEFAULT_TIMEOUT, stop, stop_with};
use crate::message::{Message, Term};
use crate::name::Name;
use crate::supervisor::{self, ChildSpec};
use parking_lot::Mutex;
use std::fmt;
use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

/// A running agent with a state of type `S`. Like a pid it is a plain value.
pub type Agent<S> = Server<State<S>>;

/// The server inside an agent: [`sys::get_state`](crate::sys::get_state) gives it. It prints as the state does.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct State<S>(pub S);

impl<S: fmt::Debug> fmt::Debug for State<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A function for the agent, whose result's type is forgotten.
struct Ask<S>(Box<dyn FnOnce(&mut S) -> Message + Send>);

/// A function whose result nobody awaits.
struct Tell<S>(Box<dyn FnOnce(&mut S) + Send>);

impl<S> fmt::Debug for Ask<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a function")
    }
}

impl<S> fmt::Debug for Tell<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a function")
    }
}

/// How the first state of an agent is made.
#[doc(hidden)]
pub struct Make<S>(Arc<dyn Fn() -> S + Send + Sync>);

impl<S> Make<S> {
    fn once(make: impl FnOnce() -> S + Send + 'static) -> Make<S> {
        let make = Mutex::new(Some(make));
        Make(Arc::new(move || {
            let make = make.lock().take();
            make.expect("what starts an agent once is called once")()
        }))
    }
}

impl<S> Clone for Make<S> {
    fn clone(&self) -> Make<S> {
        Make(self.0.clone())
    }
}

impl<S: Term> GenServer for State<S> {
    type Args = Make<S>;

    async fn init(Make(make): Make<S>) -> Init<State<S>> {
        Init::ok(State(make()))
    }
}

/// For [`sys::change_code`](crate::sys::change_code): what is handed over makes the new state of the old one.
impl<Old: Term, New: Term> CodeChange<State<Old>> for State<New> {
    type Extra = Box<dyn FnOnce(&mut Old) -> Result<New, ExitReason> + Send>;

    fn code_change(State(old): &mut State<Old>, change: Self::Extra) -> Result<State<New>, ExitReason> {
        change(old).map(State)
    }
}

impl<S: Term> HandleCall<Ask<S>> for State<S> {
    type Reply = Message;

    async fn handle_call(&mut self, Ask(function): Ask<S>, _: Caller<Message>) -> Reply<Message> {
        Reply::reply(function(&mut self.0))
    }
}

impl<S: Term> HandleCast<Tell<S>> for State<S> {
    async fn handle_cast(&mut self, Tell(function): Tell<S>) -> Next {
        function(&mut self.0);
        Next::noreply()
    }
}

/// Starts an agent that is linked to the caller, and waits until its state is made: `make` runs in the agent.
///
/// Nothing happens before the `.await`; until then it can be given a [name](Starting::name).
///
/// ```
/// # crabtree::run(async {
/// use crabtree::agent;
/// use crabtree::prelude::*;
///
/// let list = agent::start_link(Vec::<&str>::new).await?;
/// agent::update(list, |list| list.push("tea")).await?;
/// assert_eq!(agent::get(list, Vec::clone).await?, ["tea"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
///
/// # Errors
/// [`StartError`], when `make` panics or exits, or when the name is taken.
///
/// # Panics
/// The future panics outside of a process.
pub fn start_link<S: Term>(make: impl FnOnce() -> S + Send + 'static) -> Starting<S> {
    Starting(gen_server::start_link::<State<S>>(Make::once(make)))
}

/// Starts an agent without a link; otherwise like [`start_link`].
///
/// # Errors
/// As [`start_link`].
pub fn start<S: Term>(make: impl FnOnce() -> S + Send + 'static) -> Starting<S> {
    Starting(gen_server::start::<State<S>>(Make::once(make)))
}

/// An agent that is about to be started: `.await` it.
#[must_use = "nothing is started before it is awaited"]
pub struct Starting<S>(gen_server::Starting<State<S>>)
where
    S: Term;

impl<S: Term> Starting<S> {
    /// Registers the agent under that name before its state is made.
    pub fn name(self, name: impl Into<Name>) -> Starting<S> {
        Starting(self.0.name(name))
    }

    /// Registers the agent there before its state is made; see [`registry::via`](crate::registry::via).
    pub fn via(self, via: impl gen_server::Via) -> Starting<S> {
        Starting(self.0.via(via))
    }

    /// Kills the agent if its state is not made by then.
    pub fn timeout(self, timeout: Duration) -> Starting<S> {
        Starting(self.0.timeout(timeout))
    }
}

impl<S: Term> fmt::Debug for Starting<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Starting(an agent)")
    }
}

impl<S: Term> IntoFuture for Starting<S> {
    type Output = Result<Agent<S>, StartError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        self.0.into_future()
    }
}

/// Addresses an agent by its name; see [`gen_server::named`].
pub fn named<S: Term>(name: impl Into<Name>) -> Named<State<S>> {
    gen_server::named(name)
}

/// The specification of an agent, for a supervisor.
///
/// ```
/// # crabtree::run(async {
/// use crabtree::agent;
/// use crabtree::prelude::*;
///
/// let sup = Supervisor::new(Strategy::OneForOne)
///     .child(agent::child_spec("counter", || 7).name("counter"))
///     .start_link()
///     .await?;
/// assert_eq!(agent::get(agent::named::<i32>("counter"), |n| *n).await?, 7);
/// # supervisor::stop(&sup).await?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
pub fn child_spec<S: Term>(id: impl Into<Name>, make: impl Fn() -> S + Send + Sync + 'static) -> ChildSpec {
    supervisor::child_spec::<State<S>>(id, Make(Arc::new(make)))
}

/// Asks the agent for what `function` makes of the state.
///
/// It waits 5 seconds, unless [`timeout`](Asking::timeout) says otherwise.
///
/// # Errors
/// [`CallError`]: no answer in time, no such process, or the agent ended, perhaps because `function` panicked.
///
/// # Cancel safety
/// When the future is dropped, the function may run all the same.
pub fn get<A, S, R>(agent: A, function: impl FnOnce(&S) -> R + Send + 'static) -> Asking<S, R>
where
    A: Address<Server = State<S>>,
    S: Term,
    R: Term,
{
    Asking::new(agent, "get", move |state| function(state))
}

/// Changes the state, and waits until that is done; otherwise like [`get`].
///
/// # Errors
/// As [`get`].
pub fn update<A, S>(agent: A, function: impl FnOnce(&mut S) + Send + 'static) -> Asking<S, ()>
where
    A: Address<Server = State<S>>,
    S: Term,
{
    Asking::new(agent, "update", function)
}

/// Changes the state, and gives what `function` returns: both in one step, so that nothing comes between.
///
/// ```
/// # crabtree::run(async {
/// use crabtree::agent;
/// use crabtree::prelude::*;
///
/// let tickets = agent::start_link(|| 0).await?;
/// let next = |n: &mut u32| { *n += 1; *n };
/// assert_eq!(agent::get_and_update(tickets, next).await?, 1);
/// assert_eq!(agent::get_and_update(tickets, next).timeout(ms(100)).await?, 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
///
/// # Errors
/// As [`get`].
pub fn get_and_update<A, S, R>(agent: A, function: impl FnOnce(&mut S) -> R + Send + 'static) -> Asking<S, R>
where
    A: Address<Server = State<S>>,
    S: Term,
    R: Term,
{
    Asking::new(agent, "get_and_update", function)
}

/// Changes the state some time later: it does not wait, and does not learn whether the agent is there.
///
/// ```
/// # crabtree::run(async {
/// use crabtree::agent;
/// use crabtree::prelude::*;
///
/// let counter = agent::start_link(|| 0).await?;
/// agent::cast(counter, |n| *n += 1);
/// assert_eq!(agent::get(counter, |n| *n).await?, 1); // asked after it
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
pub fn cast<A, S>(agent: A, function: impl FnOnce(&mut S) + Send + 'static)
where
    A: Address<Server = State<S>>,
    S: Term,
{
    gen_server::cast(agent, Tell(Box::new(function)));
}

/// A question that is about to be asked: `.await` it.
#[must_use = "nothing is asked before it is awaited"]
pub struct Asking<S: Term, R> {
    call: Call<State<S>, Ask<S>>,
    /// The question, as code would say it.
    request: String,
    _answer: PhantomData<fn() -> R>,
}

impl<S: Term, R: Term> Asking<S, R> {
    fn new<A>(agent: A, function: &str, ask: impl FnOnce(&mut S) -> R + Send + 'static) -> Asking<S, R>
    where
        A: Address<Server = State<S>>,
    {
        let request = format!("agent::{function}({})", agent.shown());
        let ask = Ask(Box::new(move |state: &mut S| Message::new(ask(state))));
        Asking {
            call: gen_server::call(agent, ask),
            request,
            _answer: PhantomData,
        }
    }

    /// Waits so long at most; with `None` for ever.
    pub fn timeout(mut self, timeout: impl Into<Option<Duration>>) -> Asking<S, R> {
        self.call = self.call.timeout(timeout);
        self
    }
}

impl<S: Term, R> fmt::Debug for Asking<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.request)
    }
}

impl<S: Term, R: Term> IntoFuture for Asking<S, R> {
    type Output = Result<R, CallError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let answer = self.call.await.map_err(|error| CallError {
                request: self.request,
                ..error
            })?;
            Ok(answer.downcast().expect("the answer is what the function returned"))
        })
    }
}
