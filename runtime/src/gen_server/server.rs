//! The loop of a server: receive, decode, handle, until something ends it.
//!
//! It does not know the type of its server, so that it is compiled once.

use super::callbacks::{AnyInit, AnyServer, Crash, guard};
use super::request::{Handled, Request};
use super::returns::{Init, Initial, Next, Then, Timeout};
use super::system::{Debugging, Event, System};
use crate::message::Message;
use crate::pid::Pid;
use crate::process::call::Origin;
use crate::process::scan::Scan;
use crate::process::{self, Exit};
use crate::sys::Status;
use crate::{ExitReason, exit, me, report};
use std::fmt;

/// What `init` says to the starter.
#[derive(Debug)]
pub(super) enum Started {
    Ok,
    Ignore,
    Failed(ExitReason),
}

/// The life of a server. `parent` is the process that linked itself to it when it started it.
pub(super) async fn life(init: AnyInit, starter: Origin, parent: Option<Pid>) {
    let (server, then) = match guard(init).await {
        Ok(Init {
            initial: Initial::Ok(server),
            then,
        }) => (server, then),
        Ok(Init {
            initial: Initial::Ignore,
            ..
        }) => {
            free_name();
            starter.reply(Started::Ignore);
            return;
        }
        Ok(Init {
            initial: Initial::Stop(reason),
            ..
        }) => fail(starter, reason),
        Err(Crash { reason, panicked }) => {
            if panicked {
                report::error(&format!("{} could not start", report::who()), &reason, &[]);
            }
            fail(starter, reason)
        }
    };
    starter.reply(Started::Ok);
    let mut server = Serving {
        server,
        parent,
        debugging: Debugging::default(),
    };
    let end = server.serve(then).await;
    terminate(server.server, end).await;
}

/// The name is free before the starter learns of the failure, or a second try would meet `AlreadyStarted`.
fn fail(starter: Origin, reason: ExitReason) -> ! {
    free_name();
    starter.reply(Started::Failed(reason.clone()));
    exit(reason)
}

fn free_name() {
    if let Some(name) = report::name_of_current() {
        // Nobody else takes the name of a living process away, and if so it is free as well.
        drop(process::unregister(name));
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

/// A server at work.
struct Serving {
    server: Box<dyn AnyServer>,
    parent: Option<Pid>,
    debugging: Debugging,
}

/// What the loop has to deal with next.
enum Task {
    End(ExitReason),
    Continue(Message),
    Request(Request),
    Info(Message),
}

impl Serving {
    async fn serve(&mut self, mut then: Then) -> End {
        loop {
            let task = match self.next(&mut then).await {
                Task::End(reason) => return End::of(reason),
                task => task,
            };
            let describe = self.debugging.is_on();
            let (what, handled) = self.handle(task, describe).await;
            match handled {
                Ok(Handled {
                    next: Next { stop: None, then: next },
                    sent,
                    ..
                }) => {
                    then = next;
                    if describe {
                        self.handled(sent);
                    }
                }
                Ok(Handled {
                    next: Next { stop: Some(reason), .. },
                    last_answer,
                    ..
                }) => {
                    return End {
                        reason,
                        last_message: Some(what),
                        last_answer,
                    };
                }
                Err(Crash { reason, .. }) => {
                    return End {
                        reason,
                        last_message: Some(what),
                        last_answer: None,
                    };
                }
            }
        }
    }

    /// Waits for what is to be handled, and deals with system messages meanwhile.
    async fn next(&mut self, then: &mut Then) -> Task {
        if let Some(continuation) = then.continuation.take() {
            return Task::Continue(continuation);
        }
        loop {
            if then.hibernate {
                process::shrink();
            }
            let Some(message) = Scan::new(then.timeout).next().await else {
                return Task::Info(Message::new(Timeout));
            };
            match self.decode(message) {
                Decoded::Task(task) => return task,
                Decoded::System(message) => self.system(message).await,
            }
        }
    }

    fn decode(&self, message: Message) -> Decoded {
        let message = match message.downcast::<Request>() {
            Ok(request) => return Decoded::Task(Task::Request(request)),
            Err(message) => message,
        };
        let message = match message.downcast::<System>() {
            Ok(System::Terminate(reason)) => return Decoded::Task(Task::End(reason)),
            Ok(message) => return Decoded::System(message),
            Err(message) => message,
        };
        Decoded::Task(match self.end_of_parent(&message) {
            Some(reason) => Task::End(reason),
            None => Task::Info(message),
        })
    }

    /// OTP: a server that traps exits terminates when its parent does.
    fn end_of_parent(&self, message: &Message) -> Option<ExitReason> {
        let exit = message.downcast_ref::<Exit>()?;
        (Some(exit.from) == self.parent).then(|| exit.reason.clone())
    }

    async fn system(&mut self, message: System) {
        match self.debugging.handle(message) {
            Ok(()) => {}
            Err(System::Visit(visit)) => visit(self.server.state_mut()),
            Err(System::Status(origin)) => origin.reply(self.status(false)),
            Err(System::Suspend(origin)) => {
                origin.reply(());
                self.suspended().await;
            }
            // It is not suspended.
            Err(System::Resume(origin)) => origin.reply(()),
            Err(_) => {}
        }
    }

    /// Handles nothing but system messages until it may go on. What else comes waits in the mailbox.
    async fn suspended(&mut self) {
        loop {
            let mut scan = Scan::new(None);
            let message = loop {
                let Some(message) = scan.next().await else { continue };
                let ends = self.end_of_parent(&message).is_some();
                match message.downcast::<System>() {
                    Ok(message) => break message,
                    Err(message) => {
                        scan.keep(message);
                        if ends {
                            // The loop finds it again, and ends.
                            return;
                        }
                    }
                }
            };
            drop(scan);
            match message {
                System::Resume(origin) => return origin.reply(()),
                System::Suspend(origin) => origin.reply(()),
                System::Status(origin) => origin.reply(self.status(true)),
                System::Terminate(reason) => {
                    crate::send(me(), System::Terminate(reason));
                    return;
                }
                other => Box::pin(self.system(other)).await,
            }
        }
    }

    fn status(&self, suspended: bool) -> Status {
        Status {
            pid: me(),
            name: report::name_of_current().map(Into::into),
            suspended,
            parent: self.parent,
            state: self.server.shown(),
        }
    }

    async fn handle(&mut self, task: Task, describe: bool) -> (String, Result<Handled, Crash>) {
        let plain = |next: Result<Next, Crash>| next.map(Handled::next);
        match task {
            Task::Request(request) => {
                let what = request.name.to_owned();
                if describe {
                    self.debugging.event(&short_who(), Event::Got(format!("{request:?}")));
                }
                let handled = match request.handle(self.server.state_mut(), describe) {
                    Ok(handling) => guard(handling).await,
                    Err(stranger) => {
                        unknown(&stranger);
                        Ok(Handled::next(Next::noreply()))
                    }
                };
                (what, handled)
            }
            Task::Info(message) => {
                let what = format!("{message:?}");
                if describe {
                    self.debugging.event(&short_who(), Event::Got(what.clone()));
                }
                (what, plain(guard(self.server.handle_info(message)).await))
            }
            Task::Continue(value) => {
                let what = format!("continue {value:?}");
                (what, plain(guard(self.server.handle_continue(value)).await))
            }
            Task::End(reason) => (String::new(), Ok(Handled::next(Next::stop(reason)))),
        }
    }

    fn handled(&mut self, sent: Option<(Pid, String)>) {
        let state = self.server.shown();
        let event = match sent {
            Some((to, answer)) => Event::Sent { answer, to, state },
            None => Event::NewState(state),
        };
        self.debugging.event(&short_who(), event);
    }
}

enum Decoded {
    Task(Task),
    System(System),
}

async fn terminate(mut server: Box<dyn AnyServer>, end: End) -> ! {
    let reason = match guard(server.terminate(&end.reason)).await {
        Ok(()) => end.reason,
        Err(crash) => crash.reason,
    };
    if !reason.is_orderly() {
        let mut details = Vec::new();
        details.extend(end.last_message.map(|message| ("Last message", message)));
        details.push(("State", server.shown()));
        report::error(&format!("GenServer {} terminating", report::who()), &reason, &details);
    }
    drop(server);
    if let Some((origin, answer)) = end.last_answer {
        origin.reply_message(answer);
    }
    exit(reason)
}

/// How traces call the server.
fn short_who() -> String {
    report::name_of_current().unwrap_or_else(|| me().to_string())
}

/// What a server does with a message that it does not know.
pub(crate) fn unknown(message: &impl fmt::Debug) {
    let text = format!(
        "[warning] GenServer {} received an unexpected message: {message:?}\n",
        report::who()
    );
    crate::io::write(crate::io::Stream::Stderr, &text);
}
