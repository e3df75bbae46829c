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
use super::iopub::IoPub;
use super::kernel_info::{self, RustVersion};
use super::message::{Content, Message};
use super::questions::{self, Questions};
use super::requests;
use super::routing::{self, LateOutput, Origin, Routing};
use super::shells::{self, Shell, ShellId, Shells};
use super::sockets::{RequestSocket, Session, Sockets};
use super::stop;
use super::wire::Signer;
use crate::eval::{Answer, CellId, Comm, Engine, EngineOptions, Event, Outcome, Question, Receipt};

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
    let (events_of_engines, events) = unbounded_channel();
    let engine = Engine::start(EngineOptions::default(), events_of_engines.clone());
    let server = Server {
        sockets,
        rust: RustVersion::ask(),
        shells: Shells::new(engine, events_of_engines),
        events,
        executions: Executions::default(),
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
    shells: Shells,
    events: UnboundedReceiver<Event>,
    executions: Executions,
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
                () = look(&mut self.events, &mut events, next_look, &self.sockets.iopub) => {
                    self.show(events.drain(..));
                    next_look = Instant::now() + LOOKED_FOR_EVERY;
                    Then::Continue
                }
                Some(Ok((asked, content))) = self.later.join_next() => {
                    self.reply(&asked, content).await;
                    Then::Continue
                }
                (shell, outcome) = self.shells.outcome() => self.finish(&shell, outcome).await,
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
        let shell = shells::of(&message);
        match (message.msg_type(), self.shells.get(&shell)) {
            // What is said on a comm is for a process, whichever shell it comes through.
            (msg_type, None) if msg_type.ends_with("_request") => {
                self.publish(&message, Status::busy());
                let refused = requests::no_such_subshell(&message, &shell.unwrap_or_default(), &self.shells.names());
                self.reply(&Asked { channel, message }, refused).await;
                return Then::Continue;
            }
            ("execute_request", Some(shell)) => {
                shell.waiting.push_back(Asked { channel, message });
                return Then::Continue;
            }
            ("shutdown_request", _) => {
                self.shut_down(channel, &message).await;
                return Then::Stop;
            }
            _ => {}
        }
        self.publish(&message, Status::busy());
        if message.msg_type() == "comm_info_request" || message.msg_type() == "history_request" {
            // Batch clients ask for neither.
            self.shells.main().expect_questions();
        }
        if let Some(about_code) = requests::about_code(&message, self.shells.engine(&shell)) {
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
                self.shells.engines().for_each(|engine| engine.interrupt());
                Some(InterruptReply::new().into())
            }
            "history_request" => Some(match message.read::<Query>() {
                Ok(query) => Content::new("history_reply", self.history.answer(query).await),
                Err(error) => requests::refusal(&message, &error),
            }),
            "create_subshell_request" => Some(self.shells.created()),
            "delete_subshell_request" => Some(self.delete_subshell(&message).await),
            "list_subshell_request" => Some(self.shells.list()),
            "comm_info_request" => Some(self.comms.reply(&message)),
            "comm_open" | "comm_msg" | "comm_close" => {
                self.client_says(&message);
                None
            }
            _ => requests::answer(&message),
        };
        match reply {
            Some(reply) => self.socket(channel).reply(&message, reply).await,
            // They have no replies.
            None if message.msg_type().starts_with("comm_") => {}
            None => {
                eprintln!(
                    "crabtree: a message is dropped: this kernel does not know its type, {:?}",
                    message.msg_type()
                );
            }
        }
        self.publish(&message, Status::idle());
        Then::Continue
    }

    /// Hands what a client says on a comm to the process that hears of it. Where there is none, the comm is closed.
    fn client_says(&mut self, message: &Message) {
        let Some(said) = comms::said(message) else { return };
        self.comms.note(&said);
        if let Some(echo) = self.comms.echo(message) {
            self.publish(message, echo);
        }
        let (Comm::Open { comm, .. } | Comm::Message { comm, .. } | Comm::Close { comm, .. }) = &said;
        let (comm, closed) = (comm.clone(), matches!(said, Comm::Close { .. }));
        if !self.shells.main().comm(said) && !closed {
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
        let Some((cell, content)) = self.questions.next() else {
            return;
        };
        if let Some(running) = self.shells.running(cell) {
            self.sockets.stdin.reply(&running.asked.message, content).await;
        }
    }

    fn user_answered(&mut self, message: &Message) {
        if message.msg_type() != "input_reply" {
            return;
        }
        let value = message.content["value"].as_str().unwrap_or_default();
        if let Some((question, answer)) = self.questions.answered(value) {
            self.hand_over(question, answer);
        }
    }

    /// Replies to a request, which is done with that.
    async fn reply(&mut self, asked: &Asked, content: Content) {
        self.socket(asked.channel).reply(&asked.message, content).await;
        self.publish(&asked.message, Status::idle());
    }

    /// Gives the answer to whoever asked.
    fn hand_over(&self, question: Question, answer: Answer) {
        // Engines know their own questions.
        self.shells
            .engines()
            .for_each(|engine| engine.answer(question, answer.clone()));
    }

    /// Ends a subshell with all that runs and waits in it. The processes that its cells have spawned live on.
    async fn delete_subshell(&mut self, message: &Message) -> Content {
        let id = message.content["subshell_id"].as_str().unwrap_or_default();
        let Some(mut shell) = self.shells.remove(id.to_owned()) else {
            return requests::no_such_subshell(message, id, &self.shells.names());
        };
        self.show_arrived();
        if let Some(running) = shell.running.take() {
            self.routing.end(running.cell);
            self.end_questions(running.cell);
            self.abort(&running.asked).await;
        }
        for asked in std::mem::take(&mut shell.waiting) {
            self.publish(&asked.message, Status::busy());
            self.abort(&asked).await;
        }
        shell.end();
        Content::new("delete_subshell_reply", json!({"status": "ok"}))
    }

    /// Starts the next cell of each shell that runs none.
    async fn start_waiting(&mut self) {
        while let Some((shell, asked)) = self.shells.next() {
            self.publish(&asked.message, Status::busy());
            match executions::read(&asked.message) {
                Ok(request) => self.start(&shell, asked, request),
                Err(error) => {
                    self.reply(&asked, requests::refusal(&asked.message, &error)).await;
                }
            }
        }
    }

    fn start(&mut self, shell: &ShellId, asked: Asked, request: jupyter_protocol::ExecuteRequest) {
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
        let (engine, code) = (self.shells.start(shell), request.code.clone());
        let notebook_cell = asked.message.metadata["cellId"].as_str().map(str::to_owned);
        let outcome = Box::pin(async move { engine.execute(cell, notebook_cell, execution_count, code).await });
        let running = Running {
            expressions: Expressions::of(&request),
            asked,
            request,
            cell,
            execution_count,
            outcome,
        };
        if let Some(shell) = self.shells.get(shell) {
            shell.running = Some(running);
        }
    }

    /// The running cell of a shell has ended with `outcome`: tells everybody, and aborts what waits there if it failed.
    async fn finish(&mut self, shell: &ShellId, outcome: Outcome) -> Then {
        // All that the cell put out is on the channel by now, and comes before its end.
        self.show_arrived();
        let engine = self.shells.start(shell);
        let Some(Shell {
            running: Some(running), ..
        }) = self.shells.get(shell)
        else {
            return Then::Continue;
        };
        let outcome = match running.expressions.next(outcome) {
            Step::Reply(outcome) => outcome,
            Step::Evaluate(code) => {
                let (cell, _) = self.executions.number(false);
                let before = std::mem::replace(&mut running.cell, cell);
                self.routing.rename(before, cell);
                running.outcome = Box::pin(async move { engine.execute(cell, None, 0, code).await });
                return Then::Continue;
            }
        };
        let Some(Running {
            asked,
            request,
            execution_count,
            expressions,
            cell,
            ..
        }) = self.shells.get(shell).and_then(|shell| shell.running.take())
        else {
            return Then::Continue;
        };
        self.routing.end(cell);
        self.end_questions(cell);
        if let (Outcome::Error(error), false) = (&outcome, request.silent) {
            self.publish(&asked.message, executions::error_output(error));
        }
        // Those that were sent before the failure is told: a client that knows of it may go on.
        let abandoned = match &outcome {
            Outcome::Error(_) if request.stop_on_error => self.take_arrived(shell),
            _ => Vec::new(),
        };
        self.reply(&asked, executions::reply(expressions, execution_count, &outcome))
            .await;
        for asked in abandoned {
            if asked.message.msg_type() == "execute_request" && shells::of(&asked.message) == *shell {
                self.publish(&asked.message, Status::busy());
                self.abort(&asked).await;
            } else if self.answer(asked.channel, asked.message).await == Then::Stop {
                return Then::Stop;
            }
        }
        Then::Continue
    }

    /// Takes all requests that wait in a shell, and those for any shell that have arrived but were not looked at.
    fn take_arrived(&mut self, shell: &ShellId) -> Vec<Asked> {
        let waiting = self.shells.get(shell).map(|shell| std::mem::take(&mut shell.waiting));
        let mut arrived = Vec::from(waiting.unwrap_or_default());
        while let Some(message) = self.sockets.shell.try_next() {
            arrived.push(Asked {
                channel: Channel::Shell,
                message,
            });
        }
        arrived
    }

    fn end_questions(&mut self, cell: CellId) {
        for (question, answer) in self.questions.end(cell) {
            self.hand_over(question, answer);
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

    /// Ends the engines; who waits for a cell learns that it will not come.
    async fn end(&mut self) {
        self.show_arrived();
        let (running, waiting) = self.shells.take_all();
        for asked in running {
            self.abort(&asked).await;
        }
        for asked in waiting {
            self.publish(&asked.message, Status::busy());
            self.abort(&asked).await;
        }
        let mut ending = JoinSet::new();
        for engine in self.shells.engines() {
            let engine = Arc::clone(engine);
            ending.spawn(async move { engine.shutdown().await });
        }
        if tokio::time::timeout(ENGINE_ENDS_WITHIN, ending.join_all())
            .await
            .is_err()
        {
            self.shells.engines().for_each(|engine| engine.remove_directory());
        }
    }

    /// Publishes what is on the channel now. Others may go on writing to it.
    fn show_arrived(&mut self) {
        let arrived: Vec<Event> = (0..self.events.len())
            .map_while(|_| self.events.try_recv().ok())
            .collect();
        self.show(arrived);
    }

    fn show(&mut self, events: impl IntoIterator<Item = Event>) {
        let (receipts, events) = receipts(events);
        for event in routing::join_streams(events) {
            if self.is_of_expression(&event) {
                continue;
            }
            self.notice(&event);
            if let Some((parent, content)) = self.routing.route(event) {
                self.sockets.iopub.publish(Some(&parent), content);
            }
        }
        for receipt in receipts {
            // Engines know their own receipts.
            self.shells.engines().for_each(|engine| engine.passed_on(receipt));
        }
    }

    /// Whether an event is the value of an expression, which the reply tells and nobody publishes.
    fn is_of_expression(&mut self, event: &Event) -> bool {
        match event {
            Event::Result { cell, data } => {
                (self.shells.running(*cell)).is_some_and(|running| running.expressions.take(data))
            }
            _ => false,
        }
    }

    /// What an event is beside something to publish: a question, a comm, a value for the history.
    fn notice(&mut self, event: &Event) {
        match event {
            Event::Question {
                cell,
                question,
                prompt,
                hidden,
            } => {
                let running = self.shells.asks_for(*cell);
                let asked = questions::Asked {
                    question: *question,
                    below: running.map_or(*cell, |(below, _)| below),
                    prompt: prompt.clone(),
                    hidden: *hidden,
                };
                if let Err(refused) = self.questions.wait(asked, running.map(|(_, request)| request)) {
                    self.hand_over(*question, refused);
                }
            }
            Event::Comm { comm, .. } => self.comms.note(comm),
            Event::HostGone => {
                let running = self.shells.running_in_main();
                let parent = running.map(|running| &running.asked.message.header);
                for close in self.comms.close_all() {
                    self.sockets.iopub.publish(parent, close);
                }
            }
            Event::Result { cell, data } => {
                if let Some(running) = self.shells.running(*cell)
                    && let Some(text) = data.get("text/plain").and_then(|text| text.as_str())
                {
                    self.history.record_output(running.execution_count, text);
                }
            }
            Event::Stream { .. } | Event::Display { .. } | Event::ClearOutput { .. } | Event::Until(_) => {}
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

/// Takes the receipts out of what has arrived: they are no outputs, and texts beside them can be joined.
fn receipts(events: impl IntoIterator<Item = Event>) -> (Vec<Receipt>, Vec<Event>) {
    let mut receipts = Vec::new();
    let events = events.into_iter().filter(|event| match event {
        Event::Until(receipt) => {
            receipts.push(*receipt);
            false
        }
        _ => true,
    });
    let events = events.collect();
    (receipts, events)
}

/// Moves outputs that have arrived to `found`, at least one, not before `earliest`, and not before clients have room
/// for them.
///
/// Cancel safe.
async fn look(events: &mut UnboundedReceiver<Event>, found: &mut Vec<Event>, earliest: Instant, clients: &IoPub) {
    tokio::time::sleep_until(earliest).await;
    clients.room().await;
    events.recv_many(found, EVENTS_AT_ONCE).await;
}
