//! Request and answer: OTP's `gen:call`, on which every behaviour's calls stand.
//!
//! The caller watches the server and gives it an alias for the answer. An answer comes straight to the call that awaits
//! it, however full the mailbox is; one that comes after the call gave up disappears.

use super::attached::Attached;
use super::current::{self, Current};
use super::delivery::{self, reply, send_signal};
use super::hand_over::Budget;
use super::origin::Place;
use super::scan::wait;
use super::signal::Signal;
use super::state::{Answer, State};
use crate::ExitReason;
use crate::message::{About, Message, Term};
use crate::node::node;
use crate::pid::{Pid, Ref};
use crate::trace;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::Instant;

/// Whom to answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Origin {
    pub(crate) pid: Pid,
    alias: Ref,
}

impl Origin {
    /// Who waits for the answer to a request; nobody when it is no call.
    pub(crate) fn of(request: &Message) -> Option<Origin> {
        match request.header().about() {
            About::Request { call, caller } => Some(Origin {
                pid: caller,
                alias: call,
            }),
            About::Nothing | About::Signal { .. } | About::Answer { .. } | About::Down { .. } => None,
        }
    }

    /// Answers. Later answers to the same call, and answers to a call that gave up, disappear.
    pub(crate) fn reply<T: Term>(self, value: T) {
        self.reply_message(Message::new(value));
    }

    pub(crate) fn reply_message(self, message: Message) {
        reply(self.pid, self.alias, message);
    }
}

/// Why a call got no answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Failure {
    Timeout,
    /// The server is not alive, or ended before it answered.
    Down(ExitReason),
    CallingSelf,
}

/// Sends a request and waits for the answer, for ever without `timeout`.
///
/// # Cancel safety
/// When it is dropped, the request may have been sent; its answer disappears.
pub(crate) async fn call(
    to: Pid,
    timeout: Option<Duration>,
    request: impl FnOnce(Origin) -> Message,
) -> Result<Message, Failure> {
    let deadline = deadline(timeout);
    as_process(async { Call::begin(to).request(request)?.answer(deadline).await })
        .await
        .unwrap_or_else(|reason| Err(Failure::Down(reason)))
}

/// A call whose request went out: what [`call`] is for those who make many, and keep it without a box.
///
/// # Cancel safety
/// When it is dropped, its answer disappears.
pub(crate) enum Calling {
    OfProcess(Call, Option<Instant>),
    /// Whoever is no process becomes one for the time of the call.
    OfOther(Pin<Box<dyn Future<Output = Result<Message, Failure>> + Send>>),
}

impl Calling {
    /// Sends the request of a process, which is polled when there is news; others send it when they are polled next.
    pub(crate) fn begin(
        context: &Context<'_>,
        to: Pid,
        timeout: Option<Duration>,
        request: impl FnOnce(Origin) -> Message + Send + 'static,
    ) -> Result<Calling, Failure> {
        if !current::is_inside() {
            context.waker().wake_by_ref();
            return Ok(Calling::OfOther(Box::pin(call(to, timeout, request))));
        }
        let deadline = deadline(timeout);
        let waits = |state: &mut State, caller: &Current| wait(state, caller, context, deadline, Place::caller());
        let call = Call::begin_and(to, waits).request(request)?;
        Ok(Calling::OfProcess(call, deadline))
    }

    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<Message, Failure>> {
        match self {
            Calling::OfProcess(call, deadline) => call.poll(context, *deadline),
            Calling::OfOther(call) => call.as_mut().poll(context),
        }
    }
}

/// Like [`call`], for a request that is not a message: `ask` makes it.
pub(crate) async fn call_with(
    to: Pid,
    timeout: Option<Duration>,
    ask: impl FnOnce(Origin),
) -> Result<Message, Failure> {
    let deadline = deadline(timeout);
    as_process(async { Call::begin(to).watch().ask(ask)?.answer(deadline).await })
        .await
        .unwrap_or_else(|reason| Err(Failure::Down(reason)))
}

/// Sends requests to many and waits for all answers, which come in the order of the requests. The time is that of all
/// together.
pub(crate) async fn call_all<A>(asked: Vec<(Pid, A)>, timeout: Option<Duration>) -> Vec<Result<Message, Failure>>
where
    A: FnOnce(Origin) -> Message,
{
    let deadline = deadline(timeout);
    let count = asked.len();
    let answers = as_process(async {
        let begin = |(to, request): (Pid, A)| Call::begin(to).request(request);
        let calls: Vec<Result<Call, Failure>> = asked.into_iter().map(begin).collect();
        let mut answers = Vec::with_capacity(count);
        for call in calls {
            answers.push(match call {
                Ok(call) => call.answer(deadline).await,
                Err(failure) => Err(failure),
            });
        }
        answers
    });
    answers.await.unwrap_or_else(|reason| {
        let down = || Err(Failure::Down(reason.clone()));
        std::iter::repeat_with(down).take(count).collect()
    })
}

/// A time too long for the clock means for ever.
fn deadline(timeout: Option<Duration>) -> Option<Instant> {
    timeout.and_then(|timeout| Instant::now().checked_add(timeout))
}

/// Whoever is no process becomes one for the time of the call.
///
/// # Errors
/// The reason, when an exit signal ended that process.
async fn as_process<F: Future>(calls: F) -> Result<F::Output, ExitReason> {
    match current::get() {
        Some(_) => Ok(calls.await),
        None => Attached::new().drive(calls).await,
    }
}

/// A call under way: the alias and the monitor, for as long as it lives.
pub(crate) struct Call {
    caller: Current,
    to: Pid,
    alias: Ref,
    /// Whether alias and monitor have ended with the answer.
    over: bool,
}

impl Call {
    fn begin(to: Pid) -> Call {
        Call::begin_and(to, |_, _| ())
    }

    /// Begins a call, and does with the caller's state what is to be done before the request goes out.
    fn begin_and(to: Pid, then: impl FnOnce(&mut State, &Current)) -> Call {
        let caller = current::expect("a call");
        let alias = node().new_ref();
        let mut state = caller.record.lock();
        let relations = state.relations_mut();
        relations.calls.insert(alias, Answer::Awaited);
        relations.monitors.insert(alias, to);
        then(&mut state, &caller);
        drop(state);
        let over = false;
        Call {
            caller,
            to,
            alias,
            over,
        }
    }

    /// Sends a request that is a message, and says with it that the caller watches.
    fn request(self, request: impl FnOnce(Origin) -> Message) -> Result<Call, Failure> {
        let to = self.to;
        self.ask(|origin| delivery::ask(to, origin.pid, origin.alias, request(origin)))
    }

    /// Tells the server that the caller watches it.
    fn watch(self) -> Call {
        let (from, monitor) = (self.caller.pid, self.alias);
        send_signal(self.to, Signal::Monitor { from, monitor });
        self
    }

    /// Sends the request.
    fn ask(self, ask: impl FnOnce(Origin)) -> Result<Call, Failure> {
        if self.to == self.caller.pid {
            return Err(Failure::CallingSelf);
        }
        ask(Origin {
            pid: self.caller.pid,
            alias: self.alias,
        });
        Ok(self)
    }

    async fn answer(mut self, deadline: Option<Instant>) -> Result<Message, Failure> {
        poll_fn(|context| self.poll(context, deadline)).await
    }

    fn poll(&mut self, context: &mut Context<'_>, deadline: Option<Instant>) -> Poll<Result<Message, Failure>> {
        let budget = ready!(Budget::poll(context));
        let Call { caller, alias, .. } = *self;
        let answer = caller.record.update(caller.pid, |state| {
            if state.ends() {
                // The exit that came with the answer ends the process first.
                context.waker().wake_by_ref();
                return None;
            }
            let relations = state.relations_mut();
            if let Some(Answer::Awaited) = relations.calls.get(&alias) {
                wait(state, &caller, context, deadline, Place::caller());
                return None;
            }
            let watching = relations.monitors.remove(&alias).is_some();
            Some((relations.calls.remove(&alias)?, watching))
        });
        let Some((answer, watching)) = answer.flatten() else {
            if deadline.is_none_or(|deadline| deadline > Instant::now()) {
                return Poll::Pending;
            }
            if trace::is_on() {
                trace::timeout(caller.pid, self.to, alias);
            }
            budget.made_progress();
            return Poll::Ready(Err(Failure::Timeout));
        };
        self.over = true;
        if watching {
            send_signal(self.to, Signal::Demonitor { monitor: alias });
        }
        budget.made_progress();
        Poll::Ready(match answer {
            Answer::Reply(message) => {
                if trace::is_on() {
                    trace::answered(caller.pid, &message);
                }
                Ok(message)
            }
            Answer::Down(reason) => Err(Failure::Down(reason)),
            Answer::Awaited | Answer::Alias(_) => unreachable!("it was awaited no more, and is no alias"),
        })
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if self.over {
            return;
        }
        let mut state = self.caller.record.lock();
        let relations = state.relations_mut();
        let answer = relations.calls.remove(&self.alias);
        let watching = relations.monitors.remove(&self.alias).is_some();
        drop(state);
        drop(answer);
        if watching {
            send_signal(self.to, Signal::Demonitor { monitor: self.alias });
        }
    }
}
