//! Executing the cells of one notebook, one after the other.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::signal::unix::Signal;

use super::client::{Channel, Client, Incoming, is_answer_to, is_idle};
use super::failure::{Cause, Failure};
use super::notebook::Notebook;
use super::outputs::Outputs;
use super::progress::Progress;
use crate::jupyter::message::Message;

/// How long a cell may take to end after it was interrupted.
const OBEYS_WITHIN: Duration = Duration::from_secs(10);

/// What ends a run before its last cell.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// How long a cell may take.
    pub(super) timeout: Option<Duration>,
    /// Whether to go on after a cell that fails.
    pub(super) allow_errors: bool,
}

/// Executes the notebook's cells in the kernel of `client` and fills in their outputs. Returns the
/// failure that ended the run, if any; `ctrl_c` is one.
pub(super) async fn execute(
    notebook: &mut Notebook,
    client: Client,
    ctrl_c: Signal,
    limits: Limits,
    progress: &Progress,
) -> Option<Failure> {
    let mut run = Run {
        outputs: Outputs::new(notebook.cells.len()),
        requests: HashMap::new(),
        client,
        limits,
        ctrl_c,
    };
    let failure = run.cells(notebook, progress).await;
    let Run {
        mut outputs,
        requests,
        client,
        ..
    } = run;
    // What processes say until the very end.
    client
        .shut_down(|message| take_in(&mut outputs, &requests, message))
        .await;
    for (index, cell) in notebook.cells.iter_mut().enumerate() {
        cell.outputs = outputs.of(index).to_vec();
    }
    failure
}

struct Run {
    outputs: Outputs,
    /// The cell of each execute request, by the request's id.
    requests: HashMap<String, usize>,
    client: Client,
    limits: Limits,
    /// Listened to all the time, so that none is lost between two cells.
    ctrl_c: Signal,
}

impl Run {
    async fn cells(&mut self, notebook: &mut Notebook, progress: &Progress) -> Option<Failure> {
        let executable: Vec<usize> = notebook.executable().collect();
        match self.client.language_info().await {
            Ok(language_info) => notebook.set_kernel(language_info),
            Err(error) => return Some(Failure::of_kernel(format!("{error:#}"))),
        }
        for (done, &index) in executable.iter().enumerate() {
            let source = notebook.cells[index].source.clone();
            progress.cell(done, &source);
            let started = Instant::now();
            let ended = self.cell(index, &source).await;
            let cell = &mut notebook.cells[index];
            cell.execution_count = ended.execution_count;
            if let Some(cause) = ended.cause {
                let tolerated = matches!(cause, Cause::Error { .. })
                    && (self.limits.allow_errors || cell.has_tag("raises-exception"));
                if !tolerated {
                    let (cell, cells) = (done + 1, executable.len());
                    return Some(Failure {
                        cell,
                        cells,
                        id: notebook.cells[index].id(),
                        source,
                        cause,
                    });
                }
            }
            progress.cell_done(done, executable.len(), started.elapsed(), &source);
        }
        None
    }

    /// Executes one cell and takes in all that is published meanwhile.
    async fn cell(&mut self, index: usize, code: &str) -> Ended {
        let mut ended = Ended::default();
        match self.execute(index, code, &mut ended).await {
            Ok(cause) => ended.cause = cause,
            Err(error) => ended.cause = Some(Cause::KernelDied(format!("{error:#}"))),
        }
        ended
    }

    async fn execute(&mut self, index: usize, code: &str, ended: &mut Ended) -> anyhow::Result<Option<Cause>> {
        let content = json!({
            "code": code, "silent": false, "store_history": true, "user_expressions": {},
            "allow_stdin": false, "stop_on_error": false,
        });
        let asked = self.client.request(Channel::Shell, "execute_request", content).await?;
        self.requests.insert(asked.clone(), index);
        let mut deadline = self.limits.timeout.map(|limit| tokio::time::Instant::now() + limit);
        let mut stopped: Option<Cause> = None;
        let (mut replied, mut idle) = (None, false);
        loop {
            if idle && let Some(cause) = replied.take() {
                return Ok(stopped.or(cause));
            }
            tokio::select! {
                incoming = self.client.next() => match incoming? {
                    Incoming::Published(message) => {
                        take_in(&mut self.outputs, &self.requests, &message);
                        idle |= is_idle(&message) && is_answer_to(&message, &asked);
                    }
                    Incoming::Replied(reply) if is_answer_to(&reply, &asked) => {
                        ended.execution_count = reply.content["execution_count"].as_u64();
                        replied = Some(Cause::of_reply(&reply.content));
                    }
                    Incoming::Replied(_) => {}
                    Incoming::Died(how) => return Ok(Some(Cause::KernelDied(how))),
                },
                () = until(deadline) => {
                    if let Some(cause) = stopped {
                        return Ok(Some(cause.ignored()));
                    }
                    stopped = Some(Cause::TimedOut { limit: self.limits.timeout.unwrap_or_default(), obeyed: true });
                    deadline = Some(self.interrupt().await?);
                },
                Some(()) = self.ctrl_c.recv() => {
                    stopped = Some(Cause::Interrupted);
                    deadline = Some(self.interrupt().await?);
                },
            }
        }
    }

    /// Interrupts the running cell. Returns until when it is to have ended.
    async fn interrupt(&mut self) -> anyhow::Result<tokio::time::Instant> {
        self.client
            .request(Channel::Control, "interrupt_request", json!({}))
            .await?;
        Ok(tokio::time::Instant::now() + OBEYS_WITHIN)
    }
}

/// How the execution of a cell ended.
#[derive(Debug, Default)]
struct Ended {
    execution_count: Option<u64>,
    cause: Option<Cause>,
}

/// Puts a published message below the cell whose request it belongs to.
fn take_in(outputs: &mut Outputs, requests: &HashMap<String, usize>, message: &Message) {
    if let Some(&cell) = message.parent.as_ref().and_then(|parent| requests.get(&parent.msg_id)) {
        outputs.apply(cell, message.msg_type(), &message.content);
    }
}

async fn until(deadline: Option<tokio::time::Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
