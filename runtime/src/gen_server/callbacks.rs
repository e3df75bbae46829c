//! The callbacks of a server with their types forgotten, and what becomes of a panic in one.

use super::GenServer;
use super::returns::{Init, Initial, Next};
use crate::ExitReason;
use crate::message::Message;
use crate::process::current;
use crate::reason::{is_exit, is_stop, reason_of_unwinding};
use crate::type_name::short_type_name;
use std::any::Any;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

/// A callback at work.
pub(super) type Callback<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A callback at work, and what makes of its output one whose type is known to the loop.
///
/// Written by hand, since each of a user's handlers instantiates it: an `async` block takes the compiler longer.
pub(super) struct Map<F, T, U> {
    callback: F,
    map: fn(T) -> U,
}

impl<F, T, U> Map<F, T, U> {
    pub(super) fn new(callback: F, map: fn(T) -> U) -> Map<F, T, U> {
        Map { callback, map }
    }
}

impl<F: Future<Output = T>, T, U> Future for Map<F, T, U> {
    type Output = U;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<U> {
        // SAFETY: `callback` is pinned with the whole: nothing moves it out, and `Map` has no `Drop`. No shared reference to
        // the whole is made, as `self.map` would: the callback may keep references into itself, which such a one ends.
        let (callback, map) = unsafe {
            let this = self.get_unchecked_mut();
            (Pin::new_unchecked(&mut this.callback), this.map)
        };
        callback.poll(context).map(map)
    }
}

/// A server whose type was forgotten.
pub(super) trait AnyServer: Send {
    fn handle_info(&mut self, message: Message) -> Callback<'_, Next>;
    fn handle_continue(&mut self, value: Message) -> Callback<'_, Next>;
    fn terminate<'a>(&'a mut self, reason: &'a ExitReason) -> Callback<'a, ()>;
    fn state_mut(&mut self) -> &mut dyn Any;
    fn name(&self) -> String;
    fn format_status(&self) -> String;
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

    fn name(&self) -> String {
        short_type_name::<S>()
    }

    fn format_status(&self) -> String {
        GenServer::format_status(self)
    }
}

/// How the state is shown. Reports must come out whatever a user's `format_status` does.
pub(super) fn shown(server: &dyn AnyServer) -> String {
    catch_unwind(AssertUnwindSafe(|| server.format_status()))
        .unwrap_or_else(|_| format!("<{}: its format_status panicked>", server.name()))
}

/// `init` with the type forgotten: it begins in the new process.
pub(super) type AnyInit = Box<dyn FnOnce() -> Callback<'static, Init<Box<dyn AnyServer>>> + Send>;

pub(super) fn any_init<S: GenServer>(args: S::Args) -> AnyInit {
    Box::new(move || Box::pin(Map::new(S::init(args), any_state::<S>)))
}

fn any_state<S: GenServer>(Init { initial, then }: Init<S>) -> Init<Box<dyn AnyServer>> {
    let initial = match initial {
        Initial::Ok(state) => Initial::Ok(Box::new(state) as Box<dyn AnyServer>),
        Initial::Ignore => Initial::Ignore,
        Initial::Stop(reason) => Initial::Stop(reason),
    };
    Init { initial, then }
}

/// How a callback failed.
pub(crate) struct Crash {
    pub(crate) reason: ExitReason,
    /// Whether by a panic, not by [`exit`](crate::exit).
    pub(crate) panicked: bool,
}

impl Crash {
    /// An exit signal that stopped the callback goes on and ends the server.
    fn of(payload: Box<dyn Any + Send>) -> Crash {
        if is_stop(&*payload) {
            resume_unwind(payload);
        }
        let panicked = !is_exit(&*payload);
        let reason = reason_of_unwinding(payload);
        Crash { reason, panicked }
    }
}

/// Runs a callback; a panic or an exit in it becomes a value.
pub(crate) async fn guard<'a, T>(begin: impl FnOnce() -> Callback<'a, T>) -> Result<T, Crash> {
    debug_assert!(current::is_inside());
    let mut callback = catch_unwind(AssertUnwindSafe(begin)).map_err(Crash::of)?;
    poll_fn(|context| {
        let polled = catch_unwind(AssertUnwindSafe(|| callback.as_mut().poll(context)));
        match polled {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
            Err(payload) => Poll::Ready(Err(Crash::of(payload))),
        }
    })
    .await
}

/// Runs a user's function in the server; a panic or an exit in it becomes its reason.
pub(super) fn guarded<T>(function: impl FnOnce() -> T) -> Result<T, ExitReason> {
    catch_unwind(AssertUnwindSafe(function)).map_err(|payload| Crash::of(payload).reason)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Waker;

    // What breaks this shows under Miri only.
    #[test]
    fn a_callback_keeps_references_into_itself_while_it_waits() {
        let callback = async {
            let mut numbers = [1, 2];
            let last = &mut numbers[1];
            let mut waited = false;
            poll_fn(|_| match std::mem::replace(&mut waited, true) {
                false => Poll::Pending,
                true => Poll::Ready(()),
            })
            .await;
            *last += 1;
            numbers
        };
        let mut callback = Box::pin(Map::new(callback, |numbers: [i32; 2]| numbers[1]));
        let mut context = Context::from_waker(Waker::noop());
        assert_eq!(callback.as_mut().poll(&mut context), Poll::Pending);
        assert_eq!(callback.as_mut().poll(&mut context), Poll::Ready(3));
    }
}
