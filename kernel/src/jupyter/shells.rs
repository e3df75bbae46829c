//! The shells of a session: the main one, and the subshells that clients have created. Each runs one cell at a time.

use std::collections::{BTreeMap, VecDeque};
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use jupyter_protocol::ExecuteRequest;
use serde_json::json;
use tokio::sync::mpsc::UnboundedSender;

use super::executions::{Asked, Running};
use super::message::{Content, Message};
use crate::eval::{CellId, Engine, Event, Outcome};

/// Names a shell: the main one has no name.
pub(super) type ShellId = Option<String>;

/// All shells.
pub(super) struct Shells {
    by_id: BTreeMap<ShellId, Shell>,
    engine: Arc<Engine>,
    /// How many there ever were, the main one apart.
    created: u32,
    /// Where the engines of subshells put their events.
    events: UnboundedSender<Event>,
}

/// One shell.
#[derive(Default)]
pub(super) struct Shell {
    /// Tells engines apart; zero for the main shell's.
    number: u32,
    /// None until the first cell of a subshell.
    engine: Option<Arc<Engine>>,
    /// The requests that wait, in the order in which they came.
    pub(super) waiting: VecDeque<Asked>,
    /// The cell that runs.
    pub(super) running: Option<Running>,
}

/// The shell that a request is for.
pub(super) fn of(request: &Message) -> ShellId {
    request.header.other.get("subshell_id")?.as_str().map(str::to_owned)
}

impl Shells {
    /// The main shell, with its engine.
    pub(super) fn new(engine: Engine, events: UnboundedSender<Event>) -> Shells {
        let engine = Arc::new(engine);
        let main = Shell {
            engine: Some(Arc::clone(&engine)),
            ..Shell::default()
        };
        Shells {
            by_id: BTreeMap::from([(None, main)]),
            engine,
            created: 0,
            events,
        }
    }

    /// Makes a subshell and names it.
    pub(super) fn create(&mut self) -> String {
        self.created += 1;
        let id = uuid::Uuid::new_v4().to_string();
        let shell = Shell {
            number: self.created,
            ..Shell::default()
        };
        self.by_id.insert(Some(id.clone()), shell);
        id
    }

    /// Forgets a subshell.
    pub(super) fn remove(&mut self, id: String) -> Option<Shell> {
        self.by_id.remove(&Some(id))
    }

    /// The names of the subshells.
    pub(super) fn names(&self) -> Vec<&str> {
        self.by_id.keys().flatten().map(String::as_str).collect()
    }

    /// The shell of that name, if there is one.
    pub(super) fn get(&mut self, id: &ShellId) -> Option<&mut Shell> {
        self.by_id.get_mut(id)
    }

    /// Takes the next request of a shell that runs nothing.
    pub(super) fn next(&mut self) -> Option<(ShellId, Asked)> {
        let mut idle = self.by_id.iter_mut().filter(|(_, shell)| shell.running.is_none());
        idle.find_map(|(id, shell)| Some((id.clone(), shell.waiting.pop_front()?)))
    }

    /// Takes all requests that run or wait.
    pub(super) fn take_all(&mut self) -> (Vec<Asked>, Vec<Asked>) {
        let shells = self.by_id.values_mut();
        let taken = shells.map(|shell| (shell.running.take(), std::mem::take(&mut shell.waiting)));
        let (running, waiting): (Vec<_>, Vec<_>) = taken.unzip();
        let running = running.into_iter().flatten().map(|running| running.asked);
        (running.collect(), waiting.into_iter().flatten().collect())
    }

    /// The main shell's engine, which knows all processes.
    pub(super) fn main(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// The engine that knows most of what a shell can see.
    pub(super) fn engine(&self, id: &ShellId) -> &Arc<Engine> {
        let shell = self.by_id.get(id);
        shell.and_then(|shell| shell.engine.as_ref()).unwrap_or(&self.engine)
    }

    /// The engine that runs the cells of a shell; it is started now if it is not there.
    pub(super) fn start(&mut self, id: &ShellId) -> Arc<Engine> {
        let Some(shell) = self.by_id.get_mut(id) else {
            return Arc::clone(&self.engine);
        };
        let (main, events, number) = (&self.engine, &self.events, shell.number);
        let engine = shell
            .engine
            .get_or_insert_with(|| Arc::new(main.subshell(number, events.clone())));
        Arc::clone(engine)
    }

    /// All engines, the main one first.
    pub(super) fn engines(&self) -> impl Iterator<Item = &Arc<Engine>> {
        self.by_id.values().filter_map(|shell| shell.engine.as_ref())
    }

    /// The request with that cell, if it runs.
    pub(super) fn running(&mut self, cell: CellId) -> Option<&mut Running> {
        let mut running = self.by_id.values_mut().filter_map(|shell| shell.running.as_mut());
        running.find(|running| running.cell == cell)
    }

    /// The request below which a front end asks its user for a process of `cell`: its own if it runs, or the main
    /// shell's, or another one.
    pub(super) fn asks_for(&self, cell: CellId) -> Option<(CellId, &ExecuteRequest)> {
        let mut running = self.by_id.values().filter_map(|shell| shell.running.as_ref());
        let first = running.next()?;
        let asks = running.find(|running| running.cell == cell).unwrap_or(first);
        Some((asks.cell, &asks.request))
    }

    /// The request that runs in the main shell.
    pub(super) fn running_in_main(&self) -> Option<&Running> {
        self.by_id.get(&None)?.running.as_ref()
    }

    /// Resolves when a cell has ended; never when none runs. Cancel safe.
    pub(super) async fn outcome(&mut self) -> (ShellId, Outcome) {
        poll_fn(|context| {
            for (id, shell) in &mut self.by_id {
                if let Some(running) = &mut shell.running
                    && let Poll::Ready(outcome) = running.outcome.as_mut().poll(context)
                {
                    return Poll::Ready((id.clone(), outcome));
                }
            }
            Poll::Pending
        })
        .await
    }

    /// The reply to a client that creates a subshell.
    pub(super) fn created(&mut self) -> Content {
        let id = self.create();
        Content::new("create_subshell_reply", json!({"status": "ok", "subshell_id": id}))
    }

    /// The reply to a client that wants to know which there are.
    pub(super) fn list(&self) -> Content {
        Content::new(
            "list_subshell_reply",
            json!({"status": "ok", "subshell_id": self.names()}),
        )
    }
}

impl Shell {
    /// Ends the engine of a shell that was removed, in the background.
    pub(super) fn end(&mut self) {
        if let Some(engine) = self.engine.take() {
            tokio::spawn(async move { engine.shutdown().await });
        }
    }
}
