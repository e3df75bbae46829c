//! The loop of a server: receive, decode, handle, until something ends it.
//!
//! It does not know the type of its server, so that it is compiled once.

use super::GenServer;
use super::request::{Handled, Request};
use super::returns::{Init, Initial, Next};
use crate::message::Message;
use crate::pid::Pid;
use crate::process::call::Origin;
use crate::process::scan::Scan;
use crate::process::{Exit, current, unregister};
use crate::reason::{is_exit, reason_of_unwinding};
use crate::{ExitReason, exit, me, report};
use std::any::Any;
use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::Poll;

/// What `init` says to the starter.
#[derive(Debug)]
pub(super) enum Started {
    Ok,
    Ignore,
    Failed(ExitReason),
}

/// A message that the loop itself understands: OTP's system messages.
pub(crate) enum System {
    /// End with that reason.
    Terminate(ExitReason),
    /// Look at the state.
    Look(Look),
}

/// What somebody wants to do with the state of a server.
pub(crate) type Look = Box<dyn FnOnce(&dyn Any) + Send>;

impl fmt::Debug for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            System::Terminate(reason) => write!(f, "system(terminate, {reason})"),
            System::Look(_) => f.write_str("system(get_state)"),
        }
    }
}

/// A server whose type was forgotten.
pub(super) trait AnyServer: Send {
    fn handle_info(&mut self, message: Message) -> Pin<Box<dyn Future<Output = Next> + Send + '_>>;
    fn terminate<'a>(&'a mut self, reason: &'a ExitReason) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>>;
    fn state(&self) -> &dyn Any;
    fn state_mut(&mut self) -> &mut dyn Any;
    fn shown(&self) -> String;
}

impl<S: GenServer> AnyServer for S {
    fn handle_info(&mut self, message: Message) -> Pin<Box<dyn Future<Output = Next> + Send + '_>> {
        Box::pin(GenServer::handle_info(self, message))
    }

    fn terminate<'a>(&'a mut self, reason: &'a ExitReason) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        Box::pin(GenServer::terminate(self, reason))
    }

    fn state(&self) -> &dyn Any {
        self
    }

    fn state_mut(&mut self) -> &mut dyn Any {
        self
    }

    fn shown(&self) -> String {
        format!("{self:?}")
    }
}

pub(super) type AnyInit = Pin<Box<dyn Future<Output = Init<Box<dyn AnyServer>>> + Send>>;

/// `init` with the type forgotten.
pub(super) fn any_init<S: GenServer>(args: S::Args) -> AnyInit {
    Box::pin(async move {
        match S::init(args).await.0 {
            Initial::Ok(state) => Init::ok(Box::new(state) as Box<dyn AnyServer>),
            Initial::Ignore => Init::ignore(),
            Initial::Stop(reason) => Init::stop(reason),
        }
    })
}

/// The life of a server. `parent` is the process that linked itself to it when it started it.
pub(super) async fn life(init: AnyInit, starter: Option<Origin>, parent: Option<Pid>) {
    let tell = |started| {
        if let Some(starter) = starter {
            starter.reply(started);
        }
    };
    let server = match guard(init).await {
        Ok(Init(Initial::Ok(server))) => server,
        Ok(Init(Initial::Ignore)) => {
            free_name();
            tell(Started::Ignore);
            return;
        }
        Ok(Init(Initial::Stop(reason))) => {
            free_name();
            tell(Started::Failed(reason.clone()));
            exit(reason)
        }
        Err(Crash { reason, panicked }) => {
            if panicked {
                report::error(&format!("{} could not start", who()), &reason, &[]);
            }
            free_name();
            tell(Started::Failed(reason.clone()));
            exit(reason)
        }
    };
    tell(Started::Ok);
    let mut server = server;
    let end = serve(&mut *server, parent).await;
    terminate(server, end).await;
}

/// The name is free before the starter learns of the failure, or a second try would meet `AlreadyStarted`.
fn free_name() {
    if let Some(name) = report::name_of_current() {
        // Nobody else takes the name of a living process away, and if so it is free as well.
        drop(unregister(name));
    }
}

/// Why the loop ended.
struct End {
    reason: ExitReason,
    /// What the server was doing, for the report.
    last_message: Option<String>,
    last_answer: Option<(Origin, Message)>,
}

impl End {
    fn of(reason: ExitReason) -> End {
        End {
            reason,
            last_message: None,
            last_answer: None,
        }
    }
}

async fn serve(server: &mut dyn AnyServer, parent: Option<Pid>) -> End {
    loop {
        let Some(message) = Scan::new(None).next().await else {
            continue;
        };
        let (what, handled) = match decode(message, parent) {
            Decoded::Look(look) => {
                look(server.state());
                continue;
            }
            Decoded::End(reason) => return End::of(reason),
            Decoded::Request(request) => {
                let what = request.name.to_owned();
                match request.handle(server.state_mut()) {
                    Ok(handling) => (what, guard(handling).await),
                    Err(stranger) => {
                        unknown(&stranger);
                        continue;
                    }
                }
            }
            Decoded::Info(message) => {
                let what = format!("{message:?}");
                let next = guard(server.handle_info(message)).await;
                let handled = next.map(|next| Handled {
                    next,
                    last_answer: None,
                });
                (what, handled)
            }
        };
        let (reason, last_answer) = match handled {
            Ok(Handled {
                next: Next { stop: None },
                ..
            }) => continue,
            Ok(Handled {
                next: Next { stop: Some(reason) },
                last_answer,
            }) => (reason, last_answer),
            Err(crash) => (crash.reason, None),
        };
        return End {
            reason,
            last_message: Some(what),
            last_answer,
        };
    }
}

enum Decoded {
    Look(Look),
    End(ExitReason),
    Request(Request),
    Info(Message),
}

fn decode(message: Message, parent: Option<Pid>) -> Decoded {
    let message = match message.downcast::<Request>() {
        Ok(request) => return Decoded::Request(request),
        Err(message) => message,
    };
    let message = match message.downcast::<System>() {
        Ok(System::Terminate(reason)) => return Decoded::End(reason),
        Ok(System::Look(look)) => return Decoded::Look(look),
        Err(message) => message,
    };
    // OTP: a server that traps exits terminates when its parent does.
    match message.downcast_ref::<Exit>() {
        Some(exit) if Some(exit.from) == parent => Decoded::End(exit.reason.clone()),
        _ => Decoded::Info(message),
    }
}

async fn terminate(mut server: Box<dyn AnyServer>, end: End) -> ! {
    let reason = match guard(server.terminate(&end.reason)).await {
        Ok(()) => end.reason,
        Err(crash) => crash.reason,
    };
    if !reason.is_orderly() {
        let state = catch_unwind(AssertUnwindSafe(|| server.shown()));
        let details = [
            end.last_message.map(|message| ("Last message", message)),
            state.ok().map(|state| ("State", state)),
        ];
        let details: Vec<_> = details.into_iter().flatten().collect();
        report::error(&format!("GenServer {} terminating", who()), &reason, &details);
    }
    drop(server);
    if let Some((origin, answer)) = end.last_answer {
        origin.reply_message(answer);
    }
    exit(reason)
}

/// How reports call the server.
fn who() -> String {
    match report::name_of_current() {
        Some(name) => format!("{name} {}", me()),
        None => me().to_string(),
    }
}

/// What a server does with a message that it does not know.
pub(crate) fn unknown(message: &impl fmt::Debug) {
    let text = format!(
        "[warning] GenServer {} received an unexpected message: {message:?}\n",
        who()
    );
    crate::io::write(crate::io::Stream::Stderr, &text);
}

struct Crash {
    reason: ExitReason,
    panicked: bool,
}

/// Runs a callback; a panic or an exit in it becomes a value.
async fn guard<F: Future + Unpin>(mut callback: F) -> Result<F::Output, Crash> {
    debug_assert!(current::is_inside());
    poll_fn(|context| {
        let polled = catch_unwind(AssertUnwindSafe(|| Pin::new(&mut callback).poll(context)));
        match polled {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
            Err(payload) => {
                let panicked = !is_exit(&*payload);
                let reason = reason_of_unwinding(payload);
                Poll::Ready(Err(Crash { reason, panicked }))
            }
        }
    })
    .await
}
