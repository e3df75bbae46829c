//! The loop that answers clients.
//!
//! One task owns the session's state and never waits long: evaluation, sockets and the compiler
//! run elsewhere. So a kernel info request is answered while a cell compiles, and an interrupt
//! while it runs. Every request is bracketed by `busy` and `idle` with its own header as parent.

use std::sync::Arc;
use std::time::Duration;

use jupyter_protocol::{ExecuteInput, ExecutionCount, InterruptReply, ShutdownReply, ShutdownRequest, Status};
use serde_json::json;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::comms::{self, Comms};
use super::connection::ConnectionInfo;
use super::executions::{self, Asked, Executions, Expressions, Running, Step};
use super::history::{History, Query};
use super::kernel_info::{self, RustVersion};
use super::message::{Content, Message};
use super::questions::{self, Questions};
use super::requests;
use super::routing::{self, LateOutput, Origin, Routing};
use super::sockets::{RequestSocket, Session, Sockets};
use super::stop;
use super::wire::Signer;
use crate::eval::{Comm, Engine, EngineOptions, Event, Outcome};

/// How many outputs are published before requests get their turn.
const EVENTS_AT_ONCE: usize = 4096;
/// How often outputs are looked for: the first one is published at once, those that follow closely
/// are joined. Less than a screen's frame, and clients that take a millisecond per message keep up.
const LOOKED_FOR_EVERY: Duration = Duration::from_millis(8);
/// How long the engine gets to clean up. `jupyter_client` kills after five seconds, and whoever
/// restarts a kernel waits for this. What is left over is removed by the next session.
const ENGINE_ENDS_WITHIN: Duration = Duration::from_secs(1);
/// How long a stalled client may hold up the end.
const FLUSHED_WITHIN: Duration = Duration::from_millis(500);
/// ZeroMQ's writers get this long to hand over the last reply: zeromq has no linger.
const LINGER: Duration = Duration::from_millis(50);

/// The socket on which a request came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Channel {
    Shell,
    Control,
}

/// Serves until a shutdown request or a signal ends it.
///
/// # Errors
///
/// A socket cannot be bound.
pub(super) async fn serve(connection: ConnectionInfo) -> anyhow::Result<()> {
    let session = Arc::new(Session {
        id: uuid::Uuid::new_v4().to_string(),
        signer: Signer::new(&connection.key),
    });
    let sockets = Sockets::bind(&connection, &session).await?;
    sockets.iopub.publish(None, Status::starting().into());
    let stopped = stop::signal()?;
    let (events_of_engine, events) = unbounded_channel();
    let server = Server {
        sockets,
        rust: RustVersion::ask(),
        engine: Arc::new(Engine::start(EngineOptions::default(), events_of_engine)),
        events,
        executions: Executions::default(),
        running: None,
        later: JoinSet::new(),
        routing: Routing::new(),
        comms: Comms::default(),
        questions: Questions::default(),
        history: History::open(),
    };
    server.run(stopped).await;
    Ok(())
}

struct Server {
    sockets: Sockets,
    rust: RustVersion,
    engine: Arc<Engine>,
    events: UnboundedReceiver<Event>,
    executions: Executions,
    running: Option<Running>,
    /// Replies that are being made.
    later: JoinSet<(Asked, Content)>,
    routing: Routing,
    comms: Comms,
    questions: Questions,
    history: History,
}

/// Whether the kernel goes on.
#[must_use]
#[derive(PartialEq, Eq)]
enum Then {
    Continue,
    Stop,
}

impl Server {
    async fn run(mut self, stopped: impl Future<Output = ()>) {
        tokio::pin!(stopped);
        let mut events = Vec::with_capacity(EVENTS_AT_ONCE);
        let mut next_look = Instant::now();
        loop {
            self.start_waiting().await;
            self.ask_user().await;
            let then = tokio::select! {
                Some(message) = self.sockets.control.next() => self.answer(Channel::Control, message).await,
                Some(message) = self.sockets.shell.next() => self.answer(Channel::Shell, message).await,
                Some(message) = self.sockets.stdin.next() => {
                    self.user_answered(&message);
                    Then::Continue
                }
                () = look(&mut self.events, &mut events, next_look), if !self.events.is_closed() => {
                    self.show(events.drain(..));
                    next_look = Instant::now() + LOOKED_FOR_EVERY;
                    Then::Continue
                }
                Some(Ok((asked, content))) = self.later.join_next() => {
                    self.reply(&asked, content).await;
                    Then::Continue
                }
                outcome = outcome(&mut self.running) => self.finish(outcome).await,
                () = &mut stopped => {
                    self.end().await;
                    Then::Stop
                }
            };
            if then == Then::Stop {
                break;
            }
        }
        self.sockets.iopub.flush(FLUSHED_WITHIN).await;
        tokio::time::sleep(LINGER).await;
    }

    /// Answers a request, or queues it when it is code to run.
    async fn answer(&mut self, channel: Channel, message: Message) -> Then {
        match message.msg_type() {
            "execute_request" => {
                self.executions.wait(Asked { channel, message });
                return Then::Continue;
            }
            "shutdown_request" => {
                self.shut_down(channel, &message).await;
                return Then::Stop;
            }
            _ => {}
        }
        self.publish(&message, Status::busy());
        if message.msg_type() == "comm_info_request" || message.msg_type() == "history_request" {
            // Batch clients ask for neither.
            self.engine.expect_questions();
        }
        if let Some(about_code) = requests::about_code(&message, &self.engine) {
            let asked = Asked { channel, message };
            match about_code {
                Ok(reply) => {
                    self.later.spawn(async move { (asked, reply.await) });
                }
                Err(error) => self.reply(&asked, requests::refusal(&asked.message, &error)).await,
            }
            return Then::Continue;
        }
        let reply = match message.msg_type() {
            "kernel_info_request" => Some(kernel_info::reply(&mut self.rust).await),
            "interrupt_request" => {
                self.engine.interrupt();
                Some(InterruptReply::new().into())
            }
            "history_request" => Some(match message.read::<Query>() {
                Ok(query) => Content::new("history_reply", self.history.answer(query).await),
                Err(error) => requests::refusal(&message, &error),
            }),
            "comm_info_request" => Some(self.comms.reply(&message)),
            "comm_open" | "comm_msg" | "comm_close" => {
                self.client_says(&message);
                None
            }
            _ => requests::answer(&message),
        };
        match reply {
            Some(reply) => self.socket(channel).reply(&message, reply).await,
            None if message.msg_type().ends_with("_request") => {
                eprintln!(
                    "crabtree: a {} is not answered: this kernel does not know it",
                    message.msg_type()
                );
            }
            // Comm messages have no replies.
            None => {}
        }
        self.publish(&message, Status::idle());
        Then::Continue
    }

    /// Hands what a client says on a comm to the process that hears of it. Where there is none, the comm is closed.
    fn client_says(&mut self, message: &Message) {
        let Some(said) = comms::said(message) else { return };
        self.comms.note(&said);
        let (Comm::Open { comm, .. } | Comm::Message { comm, .. } | Comm::Close { comm, .. }) = &said;
        let (comm, closed) = (comm.clone(), matches!(said, Comm::Close { .. }));
        if !self.engine.comm(said) && !closed {
            let close = comms::close(&comm);
            self.comms.note(&Comm::Close {
                comm,
                payload: Default::default(),
            });
            self.publish(message, close);
        }
    }

    /// Asks the user the next question, if one waits.
    async fn ask_user(&mut self) {
        let Some(running) = &self.running else { return };
        if let Some(content) = self.questions.next() {
            self.sockets.stdin.reply(&running.asked.message, content).await;
        }
    }

    fn user_answered(&mut self, message: &Message) {
        if message.msg_type() != "input_reply" {
            return;
        }
        let value = message.content["value"].as_str().unwrap_or_default();
        if let Some((question, answer)) = self.questions.answered(value) {
            self.engine.answer(question, answer);
        }
    }

    /// Replies to a request, which is done with that.
    async fn reply(&mut self, asked: &Asked, content: Content) {
        self.socket(asked.channel).reply(&asked.message, content).await;
        self.publish(&asked.message, Status::idle());
    }

    /// Starts the next cell when none runs.
    async fn start_waiting(&mut self) {
        while self.running.is_none() {
            let Some(asked) = self.executions.next() else { return };
            self.publish(&asked.message, Status::busy());
            match executions::read(&asked.message) {
                Ok(request) => self.start(asked, request),
                Err(error) => {
                    self.reply(&asked, requests::refusal(&asked.message, &error)).await;
                }
            }
        }
    }

    fn start(&mut self, asked: Asked, request: jupyter_protocol::ExecuteRequest) {
        let counted = executions::is_counted(&request);
        let (cell, execution_count) = self.executions.number(counted);
        if counted {
            self.history.record(execution_count, &request.code);
        }
        if !request.silent {
            let execution_count = ExecutionCount::new(execution_count as usize);
            self.publish(
                &asked.message,
                ExecuteInput {
                    code: request.code.clone(),
                    execution_count,
                },
            );
        }
        let origin = Origin {
            parent: asked.message.header.clone(),
            execution_count,
            silent: request.silent,
        };
        let late = LateOutput::of(&asked.message, request.allow_stdin);
        for (parent, content) in self.routing.begin(cell, origin, late) {
            self.sockets.iopub.publish(Some(&parent), content);
        }
        let (engine, code) = (self.engine.clone(), request.code.clone());
        let notebook_cell = asked.message.metadata["cellId"].as_str().map(str::to_owned);
        let outcome = Box::pin(async move { engine.execute(cell, notebook_cell, execution_count, code).await });
        self.running = Some(Running {
            expressions: Expressions::of(&request),
            asked,
            request,
            cell,
            execution_count,
            outcome,
        });
    }

    /// The running cell has ended with `outcome`: tells everybody, and aborts what waits if it failed.
    async fn finish(&mut self, outcome: Outcome) -> Then {
        // All that the cell put out is on the channel by now, and comes before its end.
        self.show_arrived();
        let Some(running) = &mut self.running else {
            return Then::Continue;
        };
        let outcome = match running.expressions.next(outcome) {
            Step::Reply(outcome) => outcome,
            Step::Evaluate(code) => {
                let (cell, _) = self.executions.number(false);
                running.cell = cell;
                self.routing.rename(cell);
                let engine = self.engine.clone();
                running.outcome = Box::pin(async move { engine.execute(cell, None, 0, code).await });
                return Then::Continue;
            }
        };
        let Some(Running {
            asked,
            request,
            execution_count,
            expressions,
            ..
        }) = self.running.take()
        else {
            return Then::Continue;
        };
        self.routing.end();
        self.end_questions();
        if let (Outcome::Error(error), false) = (&outcome, request.silent) {
            self.publish(&asked.message, executions::error_output(error));
        }
        // Those that were sent before the failure is told: a client that knows of it may go on.
        let abandoned = match &outcome {
            Outcome::Error(_) if request.stop_on_error => self.take_arrived(),
            _ => Vec::new(),
        };
        self.reply(&asked, executions::reply(expressions, execution_count, &outcome))
            .await;
        for asked in abandoned {
            if asked.message.msg_type() == "execute_request" {
                self.publish(&asked.message, Status::busy());
                self.abort(&asked).await;
            } else if self.answer(asked.channel, asked.message).await == Then::Stop {
                return Then::Stop;
            }
        }
        Then::Continue
    }

    /// Takes all requests that wait, those included that have arrived but were not looked at.
    fn take_arrived(&mut self) -> Vec<Asked> {
        let mut arrived = Vec::from(self.executions.take_waiting());
        while let Some(message) = self.sockets.shell.try_next() {
            arrived.push(Asked {
                channel: Channel::Shell,
                message,
            });
        }
        arrived
    }

    fn end_questions(&mut self) {
        for (question, answer) in self.questions.end() {
            self.engine.answer(question, answer);
        }
    }

    async fn abort(&mut self, asked: &Asked) {
        let execution_count = self.executions.last_count();
        let aborted = Content::new(
            "execute_reply",
            json!({"status": "aborted", "execution_count": execution_count}),
        );
        self.reply(asked, aborted).await;
    }

    async fn shut_down(&mut self, channel: Channel, message: &Message) {
        let restart = message.read::<ShutdownRequest>().is_ok_and(|request| request.restart);
        self.publish(message, Status::busy());
        self.end().await;
        let reply = ShutdownReply {
            restart,
            ..ShutdownReply::default()
        };
        self.socket(channel).reply(message, reply.clone().into()).await;
        // Other clients learn of it here.
        self.publish(message, reply);
        self.publish(message, Status::idle());
    }

    /// Ends the engine; who waits for a cell learns that it will not come.
    async fn end(&mut self) {
        self.show_arrived();
        if let Some(running) = self.running.take() {
            self.abort(&running.asked).await;
        }
        for asked in self.executions.take_waiting() {
            self.publish(&asked.message, Status::busy());
            self.abort(&asked).await;
        }
        let _still_busy = tokio::time::timeout(ENGINE_ENDS_WITHIN, self.engine.shutdown()).await;
    }

    /// Publishes what is on the channel now. Others may go on writing to it.
    fn show_arrived(&mut self) {
        let arrived: Vec<Event> = (0..self.events.len())
            .map_while(|_| self.events.try_recv().ok())
            .collect();
        self.show(arrived);
    }

    fn show(&mut self, events: impl IntoIterator<Item = Event>) {
        for event in routing::join_streams(events) {
            if self.is_of_expression(&event) {
                continue;
            }
            self.notice(&event);
            if let Some((parent, content)) = self.routing.route(event) {
                self.sockets.iopub.publish(Some(&parent), content);
            }
        }
    }

    /// Whether an event is the value of an expression, which the reply tells and nobody publishes.
    fn is_of_expression(&mut self, event: &Event) -> bool {
        match (event, &mut self.running) {
            (Event::Result { cell, data }, Some(running)) if *cell == running.cell => running.expressions.take(data),
            _ => false,
        }
    }

    /// What an event is beside something to publish: a question, a comm, a value for the history.
    fn notice(&mut self, event: &Event) {
        match event {
            Event::Question {
                question,
                prompt,
                hidden,
                ..
            } => {
                let asked = questions::Asked {
                    question: *question,
                    prompt: prompt.clone(),
                    hidden: *hidden,
                };
                let running = self.running.as_ref().map(|running| &running.request);
                if let Err(refused) = self.questions.wait(asked, running) {
                    self.engine.answer(*question, refused);
                }
            }
            Event::Comm { comm, .. } => self.comms.note(comm),
            Event::HostGone => {
                let parent = self.running.as_ref().map(|running| &running.asked.message.header);
                for close in self.comms.close_all() {
                    self.sockets.iopub.publish(parent, close);
                }
            }
            Event::Result { cell, data } => {
                if let Some(running) = self.running.as_ref().filter(|running| running.cell == *cell)
                    && let Some(text) = data.get("text/plain").and_then(|text| text.as_str())
                {
                    self.history.record_output(running.execution_count, text);
                }
            }
            Event::Stream { .. } | Event::Display { .. } | Event::ClearOutput { .. } => {}
        }
    }

    fn publish(&self, request: &Message, content: impl Into<Content>) {
        self.sockets.iopub.publish(Some(&request.header), content.into());
    }

    fn socket(&mut self, channel: Channel) -> &mut RequestSocket {
        match channel {
            Channel::Shell => &mut self.sockets.shell,
            Channel::Control => &mut self.sockets.control,
        }
    }
}

/// Moves outputs that have arrived to `found`, at least one, and not before `earliest`.
///
/// Cancel safe.
async fn look(events: &mut UnboundedReceiver<Event>, found: &mut Vec<Event>, earliest: Instant) {
    tokio::time::sleep_until(earliest).await;
    events.recv_many(found, EVENTS_AT_ONCE).await;
}

/// Resolves when the running cell has ended; never when none runs.
async fn outcome(running: &mut Option<Running>) -> Outcome {
    match running {
        Some(running) => running.outcome.as_mut().await,
        None => std::future::pending().await,
    }
}
