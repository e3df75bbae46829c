//! A look into a server while it runs: OTP's `sys`. For debugging and teaching, not for programs.
//!
//! Every server understands these requests, supervisors and agents included, without a line of its own. They wait in
//! its mailbox like others, so a busy server answers when it is done with what it does.

use crate::destination::resolve;
pub use crate::gen_server::system::Statistics;
use crate::gen_server::system::System;
use crate::gen_server::{self, Address, CallError, CallFailure, DEFAULT_TIMEOUT, call_any, short_type_name};
use crate::message::{Message, Term};
use crate::name::Name;
use crate::pid::Pid;
use crate::process::call::Origin;
use crate::{Destination, ExitReason};

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
/// [`CallError`] when the server is not alive or does not answer within 5 seconds.
pub async fn get_state<A>(server: A) -> Result<A::Server, CallError>
where
    A: Address,
    A::Server: Clone,
{
    visit(server, "sys::get_state", |_| {}).await
}

/// Changes the state of a server in place, between two messages, and returns a copy of the new one.
///
/// # Errors
/// As [`get_state`].
pub async fn replace_state<A, F>(server: A, change: F) -> Result<A::Server, CallError>
where
    A: Address,
    A::Server: Clone,
    F: FnOnce(&mut A::Server) + Send + 'static,
{
    visit(server, "sys::replace_state", change).await
}

async fn visit<A, F>(server: A, function: &str, change: F) -> Result<A::Server, CallError>
where
    A: Address,
    A::Server: Clone,
    F: FnOnce(&mut A::Server) + Send + 'static,
{
    let to = server.pid().map_err(|_| server.shown());
    let request = |origin: Origin| {
        Message::new(System::Visit(Box::new(move |state| {
            let state = state.downcast_mut::<A::Server>().map(|state| {
                change(state);
                state.clone()
            });
            origin.reply(state);
        })))
    };
    let answer = call_any(to, function, "state", Some(DEFAULT_TIMEOUT), request).await?;
    let state: Option<A::Server> = answer.downcast().expect("the answer was made above");
    state.ok_or_else(|| CallError {
        request: format!("{function}({})", server.shown()),
        cause: CallFailure::Exit(format!("the process is not a {}", short_type_name::<A::Server>()).into()),
    })
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
}

/// How a server is.
///
/// # Errors
/// [`CallError`] when the process is not alive, is no server, or does not answer within 5 seconds.
pub async fn get_status(server: impl Destination) -> Result<Status, CallError> {
    ask(server, "sys::get_status", System::Status).await
}

/// Makes a server wait: it handles nothing but requests of this module until [`resume`].
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
pub async fn suspend(server: impl Destination) -> Result<(), CallError> {
    ask(server, "sys::suspend", System::Suspend).await
}

/// Lets a suspended server go on, with the messages that came meanwhile.
///
/// # Errors
/// As [`get_status`].
pub async fn resume(server: impl Destination) -> Result<(), CallError> {
    ask(server, "sys::resume", System::Resume).await
}

/// Prints what a server receives, answers and becomes, on its group leader, or stops it.
///
/// # Errors
/// As [`get_status`].
pub async fn trace(server: impl Destination, on: bool) -> Result<(), CallError> {
    ask(server, "sys::trace", |origin| System::Trace(origin, on)).await
}

/// Counts the messages of a server from now on, or stops it.
///
/// # Errors
/// As [`get_status`].
pub async fn count(server: impl Destination, on: bool) -> Result<(), CallError> {
    ask(server, "sys::count", |origin| System::Count(origin, on)).await
}

/// What a server has counted; `None` when it was not told to [`count`].
///
/// # Errors
/// As [`get_status`].
pub async fn statistics(server: impl Destination) -> Result<Option<Statistics>, CallError> {
    ask(server, "sys::statistics", System::Counted).await
}

/// Keeps the last events of a server, so many at most; zero stops it.
///
/// # Errors
/// As [`get_status`].
pub async fn log(server: impl Destination, most: usize) -> Result<(), CallError> {
    ask(server, "sys::log", |origin| System::Log(origin, most)).await
}

/// The events that a server has [kept](log), the oldest first.
///
/// # Errors
/// As [`get_status`].
pub async fn get_log(server: impl Destination) -> Result<Vec<String>, CallError> {
    ask(server, "sys::get_log", System::Logged).await
}

/// Ends a server with a reason; its `terminate` runs.
///
/// # Errors
/// [`CallError`] when it is not alive, or ended for another reason.
pub async fn terminate(server: impl Destination, reason: impl Into<ExitReason>) -> Result<(), CallError> {
    gen_server::stop_any(resolve(server), "sys::terminate", reason.into()).await
}

async fn ask<T: Term>(
    server: impl Destination,
    function: &str,
    request: impl FnOnce(Origin) -> System,
) -> Result<T, CallError> {
    let request = |origin| Message::new(request(origin));
    let answer = call_any(resolve(server), function, "", Some(DEFAULT_TIMEOUT), request).await?;
    Ok(answer
        .downcast()
        .expect("the loop answers with what the request asks for"))
}
