//! The callbacks of a server with their types forgotten, and what becomes of a panic in one.

use super::GenServer;
use super::returns::{Init, Initial, Next};
use crate::ExitReason;
use crate::message::Message;
use crate::process::current;
use crate::reason::{is_exit, is_stop, reason_of_unwinding};
use std::any::Any;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::task::Poll;

/// A callback at work.
pub(super) type Callback<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A server whose type was forgotten.
pub(super) trait AnyServer: Send {
    fn handle_info(&mut self, message: Message) -> Callback<'_, Next>;
    fn handle_continue(&mut self, value: Message) -> Callback<'_, Next>;
    fn terminate<'a>(&'a mut self, reason: &'a ExitReason) -> Callback<'a, ()>;
    fn state_mut(&mut self) -> &mut dyn Any;
    fn shown(&self) -> String;
}

impl<S: GenServer> AnyServer for S {
    fn handle_info(&mut self, message: Message) -> Callback<'_, Next> {
        Box::pin(GenServer::handle_info(self, message))
    }

    fn handle_continue(&mut self, value: Message) -> Callback<'_, Next> {
        Box::pin(GenServer::handle_continue(self, value))
    }

    fn terminate<'a>(&'a mut self, reason: &'a ExitReason) -> Callback<'a, ()> {
        Box::pin(GenServer::terminate(self, reason))
    }

    fn state_mut(&mut self) -> &mut dyn Any {
        self
    }

    fn shown(&self) -> String {
        // Reports must come out whatever a user's `Debug` does.
        catch_unwind(AssertUnwindSafe(|| self.format_status()))
            .unwrap_or_else(|_| format!("<{}: its format_status panicked>", super::short_type_name::<S>()))
    }
}

pub(super) type AnyInit = Callback<'static, Init<Box<dyn AnyServer>>>;

/// `init` with the type forgotten.
pub(super) fn any_init<S: GenServer>(args: S::Args) -> AnyInit {
    Box::pin(async move {
        let Init { initial, then } = S::init(args).await;
        let initial = match initial {
            Initial::Ok(state) => Initial::Ok(Box::new(state) as Box<dyn AnyServer>),
            Initial::Ignore => Initial::Ignore,
            Initial::Stop(reason) => Initial::Stop(reason),
        };
        Init { initial, then }
    })
}

/// How a callback failed.
pub(crate) struct Crash {
    pub(crate) reason: ExitReason,
    /// Whether by a panic, not by [`exit`](crate::exit).
    pub(crate) panicked: bool,
}

/// Runs a callback; a panic or an exit in it becomes a value. An exit signal that stops it ends the server.
pub(crate) async fn guard<F: Future + Unpin>(mut callback: F) -> Result<F::Output, Crash> {
    debug_assert!(current::is_inside());
    poll_fn(|context| {
        let polled = catch_unwind(AssertUnwindSafe(|| Pin::new(&mut callback).poll(context)));
        match polled {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
            Err(payload) if is_stop(&*payload) => resume_unwind(payload),
            Err(payload) => {
                let panicked = !is_exit(&*payload);
                let reason = reason_of_unwinding(payload);
                Poll::Ready(Err(Crash { reason, panicked }))
            }
        }
    })
    .await
}
