//! A look into a server while it runs: OTP's `sys`. For debugging and teaching, not for programs.

use crate::gen_server::server::System;
use crate::gen_server::{Address, CallError, DEFAULT_TIMEOUT, call_any};
use crate::message::Message;

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
    let to = server.pid().map_err(|_| server.shown());
    let request = |origin: crate::process::call::Origin| {
        Message::new(System::Look(Box::new(move |state| {
            let state = state.downcast_ref::<A::Server>().cloned();
            origin.reply(state);
        })))
    };
    let answer = call_any(to, "sys::get_state", "state", Some(DEFAULT_TIMEOUT), request).await?;
    let state: Option<A::Server> = answer.downcast().expect("the answer was made above");
    state.ok_or_else(|| CallError {
        request: format!("sys::get_state({})", server.shown()),
        cause: crate::gen_server::CallFailure::Exit(
            format!(
                "the process is not a {}",
                crate::gen_server::short_type_name::<A::Server>()
            )
            .into(),
        ),
    })
}
