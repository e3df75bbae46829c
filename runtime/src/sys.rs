//! A look into a server while it runs: OTP's `sys`. For debugging and teaching, not for programs.
//!
//! Every server understands these requests, supervisors and agents included, without a line of its own. They wait in
//! its mailbox like others, so a busy server answers when it is done with what it does.

use crate::destination::resolve;
use crate::gen_server::system::{Ask, Switch, System, Visit};
use crate::gen_server::{self, Address, Answering, CallError, CodeChange, DEFAULT_TIMEOUT, Server, Stopping, to};
use crate::message::{Message, Term};
use crate::name::Name;
use crate::pid::Pid;
use crate::{Destination, ExitReason};
use std::fmt;
use std::fs::File;
use std::future::IntoFuture;
use std::marker::PhantomData;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

/// A copy of the state of a server.
///
/// ```
/// # crabtree::run(async {
/// use crabtree::prelude::*;
///
/// #[derive(Debug, Clone, PartialEq)]
/// struct Thermostat { degrees: f64 }
///
/// impl GenServer for Thermostat {
///     type Args = f64;
///     async fn init(degrees: f64) -> Init<Self> { Init::ok(Thermostat { degrees }) }
/// }
///
/// let server = gen_server::start_link::<Thermostat>(21.5).await?;
/// assert_eq!(sys::get_state(server).await?, Thermostat { degrees: 21.5 });
///
/// let warmer = sys::replace_state(server, |thermostat| thermostat.degrees += 1.0).await?;
/// assert_eq!(warmer.degrees, 22.5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
///
/// # Errors
/// [`CallError`] when the server is not alive, is of another type, or does not answer in time.
pub fn get_state<A>(server: A) -> Asking<A::Server>
where
    A: Address,
    A::Server: Clone,
{
    let visit = Visit::state(|state: &mut A::Server| state.clone());
    Asking::new(to(&server), "sys::get_state", Ask::Visit(visit))
}

/// Changes the state of a server between two messages, and returns a copy of the new one.
///
/// `change` works on a copy: when it panics, the server goes on with the state that it had.
///
/// # Errors
/// As [`get_state`], and when `change` panics.
pub fn replace_state<A, F>(server: A, change: F) -> Asking<A::Server>
where
    A: Address,
    A::Server: Clone,
    F: FnOnce(&mut A::Server) + Send + 'static,
{
    let visit = Visit::state(|state: &mut A::Server| {
        let mut changed = state.clone();
        change(&mut changed);
        *state = changed.clone();
        changed
    });
    Asking::new(to(&server), "sys::replace_state", Ask::Visit(visit))
}

/// Turns a server into one of another type while it runs: its pid, name, mailbox and relations stay, its state becomes
/// what [`CodeChange`] makes of it.
///
/// ```
/// # crabtree::run(async {
/// use crabtree::gen_server::CodeChange;
/// use crabtree::prelude::*;
///
/// #[derive(Debug)]
/// struct Celsius(f64);
///
/// impl GenServer for Celsius {
///     type Args = f64;
///     async fn init(degrees: f64) -> Init<Self> { Init::ok(Celsius(degrees)) }
/// }
///
/// #[derive(Debug, Clone, PartialEq)]
/// struct Kelvin(f64);
///
/// impl GenServer for Kelvin {
///     type Args = f64;
///     async fn init(kelvin: f64) -> Init<Self> { Init::ok(Kelvin(kelvin)) }
/// }
///
/// impl CodeChange<Celsius> for Kelvin {
///     type Extra = ();
///     fn code_change(old: &mut Celsius, _: ()) -> Result<Kelvin, ExitReason> {
///         Ok(Kelvin(old.0 + 273.15))
///     }
/// }
///
/// let old = gen_server::start_link::<Celsius>(0.0).await?;
/// let new = sys::change_code::<Kelvin, _>(old, ()).await?;
/// assert_eq!(new.pid(), old.pid());
/// assert_eq!(sys::get_state(new).await?, Kelvin(273.15));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
///
/// Requests for the old type that come later are refused, so suspend the server before if others call it. A supervisor
/// starts what its child specification says: after a restart the server is of the old type.
///
/// # Errors
/// [`CallError`] when the server is not alive, is not of the old type, does not answer in time, or when `code_change`
/// returns an error or panics: then the server goes on as before.
pub fn change_code<New, A>(server: A, extra: New::Extra) -> Asking<Server<New>>
where
    A: Address,
    New: CodeChange<A::Server>,
{
    let visit = Visit::code_change::<A::Server, New>(extra);
    Asking::new(to(&server), "sys::change_code", Ask::ChangeCode(visit))
}

/// How a server is, as [`get_status`] tells.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Status {
    /// The server.
    pub pid: Pid,
    /// Its name, if it is registered.
    pub name: Option<Name>,
    /// Whether it is [suspended](suspend).
    pub suspended: bool,
    /// The process that started it with a link.
    pub parent: Option<Pid>,
    /// Its state, as its `format_status` shows it.
    pub state: String,
    /// The events that it has [kept](log), the oldest first.
    pub log: Vec<String>,
}

/// How a server is.
///
/// # Errors
/// [`CallError`] when the process is not alive, is no server, or does not answer in time.
pub fn get_status(server: impl Destination) -> Asking<Status> {
    Asking::new(resolve(server), "sys::get_status", Ask::Status)
}

/// Makes a server wait: it handles nothing but requests of this module until [`resume`]. A second time changes nothing.
///
/// ```
/// # crabtree::run(async {
/// use crabtree::prelude::*;
///
/// let sup = Supervisor::new(Strategy::OneForOne).start_link().await?;
/// sys::suspend(sup).await?;
/// assert!(sys::get_status(sup).await?.suspended);
/// sys::resume(sup).await?;
/// assert_eq!(supervisor::which_children(sup).await?, []);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
///
/// # Errors
/// As [`get_status`].
pub fn suspend(server: impl Destination) -> Asking<()> {
    Asking::new(resolve(server), "sys::suspend", Ask::Suspend)
}

/// Lets a suspended server go on, with the messages that came meanwhile.
///
/// # Errors
/// As [`get_status`].
pub fn resume(server: impl Destination) -> Asking<()> {
    Asking::new(resolve(server), "sys::resume", Ask::Resume)
}

/// What can be switched on for a server when it is started, by [`Starting::debug`](gen_server::Starting::debug).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DebugOption {
    /// As [`trace`].
    Trace,
    /// As [`count`].
    Statistics,
    /// As [`log`].
    Log(usize),
}

/// Something that a server does. It prints as [`trace`] prints it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// It took a message from its mailbox: `call Get from <0.5.0>`, `cast Add(1)`, or the message itself.
    Got(String),
    /// It goes on with that value before any message.
    Continue(String),
    /// It handled what it got, and this is its state.
    NewState(String),
    /// It handled a call, and answered.
    Sent {
        /// The answer.
        answer: String,
        /// Who called.
        to: Pid,
        /// Its state.
        state: String,
    },
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Event::Got(what) => write!(f, "got {what}"),
            Event::Continue(value) => write!(f, "continue {value}"),
            Event::NewState(state) => write!(f, "new state {state}"),
            Event::Sent { answer, to, state } => write!(f, "sent {answer} to {to}, new state {state}"),
        }
    }
}

/// Prints what a server receives, answers and becomes, on its group leader, or stops it.
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
/// # struct Add(i64);
/// # impl HandleCast<Add> for Counter {
/// #     async fn handle_cast(&mut self, Add(n): Add) -> Next { self.0 += n; Next::noreply() }
/// # }
/// let counter = gen_server::start_link::<Counter>(0).name("traced").await?;
/// sys::trace(counter, true).await?;
/// gen_server::cast(counter, Add(10));
/// // *DBG* traced got cast Add(10)
/// // *DBG* traced new state Counter(10)
/// # gen_server::stop(counter).await?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
///
/// # Errors
/// As [`get_status`].
pub fn trace(server: impl Destination, on: bool) -> Asking<()> {
    debug(server, "sys::trace", Switch::Trace(on))
}

/// What a server has counted since it was told to [`count`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Statistics {
    /// For how long it has counted.
    pub elapsed: Duration,
    /// How much it has done, as [`Info::reductions`](crate::Info::reductions) measures it.
    pub reductions: u64,
    /// Messages that came in.
    pub messages_in: u64,
    /// Answers that went out.
    pub messages_out: u64,
}

/// Counts the messages of a server from now on, or stops it.
///
/// # Errors
/// As [`get_status`].
pub fn count(server: impl Destination, on: bool) -> Asking<()> {
    debug(server, "sys::count", Switch::Count(on))
}

/// What a server has counted; `None` when it was not told to [`count`].
///
/// # Errors
/// As [`get_status`].
pub fn statistics(server: impl Destination) -> Asking<Option<Statistics>> {
    Asking::new(resolve(server), "sys::statistics", Ask::Counted)
}

/// Keeps the last events of a server, so many at most; zero stops it and forgets them.
///
/// # Errors
/// As [`get_status`].
pub fn log(server: impl Destination, most: usize) -> Asking<()> {
    debug(server, "sys::log", Switch::Log(most))
}

/// The events that a server has [kept](log), the oldest first.
///
/// # Errors
/// As [`get_status`].
pub fn get_log(server: impl Destination) -> Asking<Vec<String>> {
    Asking::new(resolve(server), "sys::get_log", Ask::Logged)
}

/// Writes the events of a server to a new file, in the form of [`trace`]; `None` stops it.
///
/// # Errors
/// As [`get_status`], and when the file cannot be created. One that cannot be written to later is given up.
pub fn log_to_file(server: impl Destination, file: Option<&Path>) -> Asking<()> {
    let function = "sys::log_to_file";
    match file.map(File::create).transpose() {
        Ok(file) => debug(server, function, Switch::LogToFile(file)),
        Err(error) => Asking {
            ask: Err(format!("{}: {error}", file.unwrap_or(Path::new("")).display())),
            ..Asking::new(resolve(server), function, Ask::Status)
        },
    }
}

/// A function that sees the events of a server; see [`install`].
pub type Spy = Box<dyn FnMut(&Event) -> ControlFlow<()> + Send>;

/// Shows the events of a server to a function, which runs in the server. It stays until it returns
/// [`ControlFlow::Break`], panics, or is [removed](remove).
///
/// A second function of the same name is not installed.
///
/// ```
/// # crabtree::run(async {
/// use crabtree::prelude::*;
/// use crabtree::sys::Event;
/// use std::ops::ControlFlow;
///
/// let server = agent::start_link(|| 1).await?;
/// let parent = me();
/// sys::install(server, "first message", move |event| match event {
///     Event::Got(what) => {
///         send(parent, what.clone());
///         ControlFlow::Break(())
///     }
///     _ => ControlFlow::Continue(()),
/// })
/// .await?;
/// send(server, "hello");
/// receive! { what: String => assert_eq!(what, "\"hello\"") }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
///
/// # Errors
/// As [`get_status`].
pub fn install<F>(server: impl Destination, name: impl Into<Name>, spy: F) -> Asking<()>
where
    F: FnMut(&Event) -> ControlFlow<()> + Send + 'static,
{
    debug(server, "sys::install", Switch::Install(name.into(), Box::new(spy)))
}

/// Removes the function that was [installed](install) under that name, if there is one.
///
/// # Errors
/// As [`get_status`].
pub fn remove(server: impl Destination, name: impl Into<Name>) -> Asking<()> {
    debug(server, "sys::remove", Switch::Remove(name.into()))
}

/// Switches everything off that [`trace`], [`count`], [`log`], [`log_to_file`] and [`install`] switched on.
///
/// # Errors
/// As [`get_status`].
pub fn no_debug(server: impl Destination) -> Asking<()> {
    debug(server, "sys::no_debug", Switch::Off)
}

/// Ends a server with a reason, and waits until it is gone; its `terminate` runs.
///
/// # Errors
/// [`CallError`] when it is not alive, or ended for another reason.
pub fn terminate(server: impl Destination, reason: impl Into<ExitReason>) -> Stopping {
    gen_server::stop_any(resolve(server), "sys::terminate", reason.into())
}

fn debug(server: impl Destination, function: &'static str, switch: Switch) -> Asking<()> {
    Asking::new(resolve(server), function, Ask::Debug(switch))
}

/// A request of this module that is about to be made: `.await` it, and get a `T`.
#[must_use = "nothing is asked before it is awaited"]
pub struct Asking<T> {
    to: Result<Pid, String>,
    function: &'static str,
    /// What to ask, or why it cannot be asked.
    ask: Result<Ask, String>,
    timeout: Option<Duration>,
    _answer: PhantomData<fn() -> T>,
}

impl<T> Asking<T> {
    fn new(to: Result<Pid, String>, function: &'static str, ask: Ask) -> Asking<T> {
        Asking {
            to,
            function,
            ask: Ok(ask),
            timeout: Some(DEFAULT_TIMEOUT),
            _answer: PhantomData,
        }
    }

    /// Waits so long at most, instead of 5 seconds; with `None` for ever.
    pub fn timeout(mut self, timeout: impl Into<Option<Duration>>) -> Asking<T> {
        self.timeout = timeout.into();
        self
    }
}

impl<T: Term> IntoFuture for Asking<T> {
    type Output = Result<T, CallError>;
    type IntoFuture = Answering<T>;

    fn into_future(self) -> Answering<T> {
        let asked = self.ask.map(|ask| Message::new(System::Ask(ask)));
        Answering::new(self.to, self.function, self.timeout, asked)
    }
}
