//! The kernel's side of the link: hears what the host's cells and processes do, and tells it which
//! cell runs.
//!
//! One thread accepts connections and one per connection reads. The session's thread waits in
//! [`Link::begin`] and [`Link::end`] for their answers, and stops waiting when the host is gone.

use std::io::Read as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use crabtree_link::barrier::{Piece, Splitter};
use crabtree_link::{Answer, CellEnd, Comm, Opening, Replaced, Stream, ToHost, ToKernel, WINDOW, frame};
use serde_json::Value;
use tokio::sync::mpsc::UnboundedSender;

use super::locate::Listings;
use super::{CellId, Event, MimeBundle, Question, Receipt, StreamName, subshell};

/// How long to wait for the last of a host's standard error. Only a host that died leaves us waiting.
const STDERR_GRACE: Duration = Duration::from_millis(300);

/// How long a host may take to end that was killed.
const HOST_GRACE: Duration = Duration::from_secs(5);

/// How much a host shows for a receipt.
const RECEIPT_EVERY: usize = WINDOW / 16;

/// How many connections a subshell has: the link, standard error, and the two ends of its commands.
const OF_A_SUBSHELL: usize = 4;

/// The number of cells that the session runs for itself; nothing that they do is shown.
pub(super) const OWN_CELL: u64 = u64::MAX;

/// Where hosts connect.
#[derive(Clone, Debug)]
pub(super) struct Link {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// Tells links apart: each shell has one.
    number: u64,
    is_subshell: bool,
    state: Mutex<State>,
    changed: Condvar,
    events: UnboundedSender<Event>,
    listings: Listings,
    /// Whether the host has been asked for a subshell.
    has_subshells: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    /// The way to the host; none before its first cell, and after its death.
    host: Option<UnixStream>,
    /// Counts hosts, so that a late end of the last one does not end the present one.
    generation: u64,
    /// Whether a host died that nobody has asked about.
    died: bool,
    /// The cell that began last.
    cell: Option<u64>,
    /// What the front end calls it.
    notebook_cell: Option<String>,
    /// Whether its library has statics that later ones are to find.
    shares: bool,
    begun: bool,
    replaced: Option<Replaced>,
    outcome: Option<CellEnd>,
    ended: bool,
    /// The barrier that standard error has passed.
    stderr_passed: Option<u64>,
    processes: usize,
    /// How much of the host's standard error has not gone on.
    stderr_weight: usize,
    /// One end of a subshell's commands, which waits for the other.
    commands: Option<UnixStream>,
}

/// What the link knows of a cell when it has ended.
#[derive(Debug)]
pub(super) struct Ending {
    /// How its code ended; none if it had no code to run, or if the host died.
    pub(super) outcome: Option<CellEnd>,
    /// How many processes there were at the last count.
    pub(super) processes: usize,
}

impl Link {
    /// Listens at `path`, for hosts or for the connections of one subshell.
    pub(super) fn listen(
        path: &Path,
        events: UnboundedSender<Event>,
        listings: Listings,
        is_subshell: bool,
    ) -> Result<Link> {
        static LINKS: AtomicU64 = AtomicU64::new(0);
        let listener =
            UnixListener::bind(path).with_context(|| format!("cannot make the socket {}", path.display()))?;
        let shared = Shared {
            number: LINKS.fetch_add(1, Ordering::Relaxed),
            is_subshell,
            state: Mutex::default(),
            changed: Condvar::new(),
            events,
            listings,
            has_subshells: AtomicBool::new(false),
        };
        let link = Link {
            shared: Arc::new(shared),
        };
        let accepting = link.clone();
        std::thread::Builder::new().name("link".to_owned()).spawn(move || {
            let connections = if is_subshell { OF_A_SUBSHELL } else { usize::MAX };
            for connection in listener.incoming().flatten().take(connections) {
                let link = accepting.clone();
                // A connection that gets no thread is closed, which ends the host that made it.
                let _ = std::thread::Builder::new()
                    .name("link host".to_owned())
                    .spawn(move || link.serve(connection));
            }
        })?;
        Ok(link)
    }

    /// Tells the host that `cell` begins, and waits until its outputs go there. Returns the evaluator
    /// that died since the last cell.
    pub(super) fn begin(&self, cell: u64, notebook_cell: Option<&str>, shares: bool) -> Option<Replaced> {
        let mut state = self.state();
        let processes = state.processes;
        let host = state.host.take();
        *state = State {
            host,
            generation: state.generation,
            cell: Some(cell),
            notebook_cell: notebook_cell.map(str::to_owned),
            shares,
            processes,
            died: state.died,
            stderr_weight: state.stderr_weight,
            commands: state.commands.take(),
            ..State::default()
        };
        tell_of_cell(&mut state);
        while state.host.is_some() && !state.begun {
            state = self.wait(state);
        }
        state.replaced.take()
    }

    /// Waits until everything that `cell` itself showed is on the way.
    pub(super) fn end(&self, cell: u64) -> Ending {
        let mut state = self.state();
        send(&mut state, &ToHost::End { cell });
        while state.host.is_some() && !state.ended {
            state = self.wait(state);
        }
        let deadline = Instant::now() + STDERR_GRACE;
        while state.ended && state.stderr_passed != Some(cell) {
            let Some(left) = deadline.checked_duration_since(Instant::now()) else {
                break;
            };
            let waited = self.shared.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        Ending {
            outcome: state.outcome.take(),
            processes: state.processes,
        }
    }

    /// Asks the host to end the cell that runs.
    pub(super) fn interrupt(&self, cell: u64) {
        send(&mut self.state(), &ToHost::Interrupt { cell });
    }

    /// Has the host open a subshell, whose connections come to the socket at `path`. `false` if there is no host.
    pub(super) fn open(&self, path: PathBuf, number: u32) -> bool {
        let mut state = self.state();
        send(&mut state, &ToHost::Open { link: path, number });
        self.shared.has_subshells.store(true, Ordering::Relaxed);
        state.host.is_some()
    }

    /// Whether a subshell was ever opened.
    pub(super) fn has_subshells(&self) -> bool {
        self.shared.has_subshells.load(Ordering::Relaxed)
    }

    /// Whether there is a host.
    pub(super) fn is_connected(&self) -> bool {
        self.state().host.is_some()
    }

    /// Tells a host what became of its question.
    pub(super) fn answer(&self, question: Question, answer: Answer) {
        let mut state = self.state();
        if self.shared.number == question.link && state.generation == question.host {
            send(
                &mut state,
                &ToHost::Answer {
                    question: question.number,
                    answer,
                },
            );
        }
    }

    /// Lets those go on who waited for their output to be taken.
    pub(super) fn passed_on(&self, receipt: Receipt) {
        if self.shared.number != receipt.link {
            return;
        }
        let mut state = self.state();
        if receipt.on_link {
            if state.generation == receipt.host {
                let weight = receipt.weight;
                send(&mut state, &ToHost::Shown { weight });
            }
        } else {
            state.stderr_weight -= receipt.weight;
            self.shared.changed.notify_all();
        }
    }

    /// Hands on what the front end says on a comm. `false` if there is no host to hear it.
    pub(super) fn comm(&self, said: Comm) -> bool {
        let mut state = self.state();
        send(&mut state, &ToHost::Comm(said));
        state.host.is_some()
    }

    /// Whether a host died since the last call.
    pub(super) fn take_died(&self) -> bool {
        std::mem::take(&mut self.state().died)
    }

    /// Waits for the end of a host that was told to end; nobody is told of it.
    pub(super) fn wait_until_gone(&self) {
        let mut state = self.state();
        let deadline = Instant::now() + HOST_GRACE;
        while state.host.is_some() {
            let Some(left) = deadline.checked_duration_since(Instant::now()) else {
                break;
            };
            let waited = self.shared.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        state.host = None;
        state.died = false;
        state.processes = 0;
        state.generation += 1;
    }

    /// How many processes there were at the last count.
    pub(super) fn processes(&self) -> usize {
        self.state().processes
    }

    /// Shows text of the session itself under the cell that runs.
    pub(super) fn print(&self, name: StreamName, text: String) {
        let cell = self.state().cell;
        self.stream(cell, name, text);
    }

    fn serve(&self, mut connection: UnixStream) {
        match frame::read::<Opening>(&mut connection) {
            Ok(Some(Opening::Link { .. })) => self.serve_link(connection),
            Ok(Some(Opening::Stderr { .. })) => self.serve_stderr(connection),
            Ok(Some(Opening::Commands { .. })) => {
                let other = self.state().commands.take();
                match other {
                    Some(other) => subshell::join(connection, other),
                    None => self.state().commands = Some(connection),
                }
            }
            // Not a host of ours.
            Ok(None) | Err(_) => {}
        }
    }

    fn serve_link(&self, mut connection: UnixStream) {
        let Ok(writer) = connection.try_clone() else { return };
        let generation = {
            let mut state = self.state();
            state.generation += 1;
            state.host = Some(writer);
            tell_of_cell(&mut state);
            state.generation
        };
        let mut weight = 0;
        while let Ok(Some(message)) = frame::read::<ToKernel>(&mut connection) {
            weight += message.weight();
            self.heard(message, generation);
            if weight >= RECEIPT_EVERY {
                let receipt = Receipt {
                    link: self.shared.number,
                    host: generation,
                    on_link: true,
                    weight: std::mem::take(&mut weight),
                };
                // Nobody listens any more only when the kernel is ending.
                let _ = self.shared.events.send(Event::Until(receipt));
            }
        }
        let mut state = self.state();
        if state.generation == generation {
            state.host = None;
            state.died = true;
            self.shared.changed.notify_all();
        }
        drop(state);
        if !self.shared.is_subshell {
            // Nobody listens any more only when the kernel is ending.
            let _ = self.shared.events.send(Event::HostGone);
        }
    }

    fn serve_stderr(&self, mut connection: UnixStream) {
        let mut splitter = Splitter::default();
        let mut buffer = vec![0; 16 << 10];
        while let Ok(weight @ 1..) = connection.read(&mut buffer) {
            for piece in splitter.feed(&buffer[..weight]) {
                self.heard_stderr(piece);
            }
            let mut state = self.state();
            state.stderr_weight += weight;
            let receipt = Receipt {
                link: self.shared.number,
                host: state.generation,
                on_link: false,
                weight,
            };
            // Nobody listens any more only when the kernel is ending.
            let _ = self.shared.events.send(Event::Until(receipt));
            // Who writes there waits for the pipe, as for a slow terminal.
            while state.stderr_weight > WINDOW {
                state = self.wait(state);
            }
        }
        if let Some(piece) = splitter.finish() {
            self.heard_stderr(piece);
        }
    }

    fn heard_stderr(&self, piece: Piece) {
        match piece {
            Piece::Text(text) => self.print(StreamName::Stderr, text),
            Piece::Barrier(cell) => {
                self.state().stderr_passed = Some(cell);
                self.shared.changed.notify_all();
            }
        }
    }

    fn heard(&self, message: ToKernel, host: u64) {
        match message {
            ToKernel::Begun { cell, replaced } => {
                let mut state = self.state();
                if state.cell == Some(cell) {
                    state.begun = true;
                    state.replaced = replaced;
                }
                self.shared.changed.notify_all();
            }
            ToKernel::Output { cell, stream, text } => {
                let name = match stream {
                    Stream::Stdout => StreamName::Stdout,
                    Stream::Stderr => StreamName::Stderr,
                };
                self.stream(Some(cell), name, text);
            }
            ToKernel::Display {
                cell,
                bundle,
                display_id,
                update,
            } => {
                let (data, metadata) = (self.mime_bundle(cell, bundle), MimeBundle::new());
                self.emit(cell, |cell| Event::Display {
                    cell,
                    data,
                    metadata,
                    display_id,
                    update,
                });
            }
            ToKernel::Clear { cell, wait } => self.emit(cell, |cell| Event::ClearOutput { cell, wait }),
            ToKernel::Result { cell, bundle } => {
                let data = self.mime_bundle(cell, bundle);
                self.emit(cell, |cell| Event::Result { cell, data });
            }
            ToKernel::Ask {
                cell,
                question,
                prompt,
                hidden,
            } => {
                let question = Question {
                    link: self.shared.number,
                    host,
                    number: question,
                };
                self.emit(cell, |cell| Event::Question {
                    cell,
                    question,
                    prompt,
                    hidden,
                });
            }
            ToKernel::Comm { cell, comm } => {
                let comm = self.located_comm(comm);
                self.emit(cell, |cell| Event::Comm { cell, comm });
            }
            ToKernel::Outcome { cell, end } => {
                let mut state = self.state();
                if state.cell == Some(cell) {
                    state.outcome = Some(end);
                }
            }
            ToKernel::Ended { cell, processes } => {
                let mut state = self.state();
                state.processes = processes;
                state.ended |= state.cell == Some(cell);
                self.shared.changed.notify_all();
            }
        }
    }

    fn stream(&self, cell: Option<u64>, name: StreamName, text: String) {
        let Some(cell) = cell else { return };
        let text = self.shared.listings.locate(text, Some(cell));
        self.emit(cell, |cell| Event::Stream { cell, name, text });
    }

    fn mime_bundle(&self, cell: u64, bundle: Vec<(String, String)>) -> MimeBundle {
        let located = bundle.into_iter();
        mime_bundle(located.map(|(mime, content)| {
            let content = match mime.as_str() {
                "text/html" => self.shared.listings.locate_in_markup(content),
                _ => self.shared.listings.locate(content, Some(cell)),
            };
            (mime, content)
        }))
    }

    fn located_comm(&self, mut comm: Comm) -> Comm {
        let (Comm::Open { payload, .. } | Comm::Message { payload, .. } | Comm::Close { payload, .. }) = &mut comm;
        payload.data = self.shared.listings.locate_in_json(std::mem::take(&mut payload.data));
        comm
    }

    fn emit(&self, cell: u64, event: impl FnOnce(CellId) -> Event) {
        if cell != OWN_CELL {
            // Nobody listens any more only when the kernel is ending.
            let _ = self.shared.events.send(event(CellId(cell)));
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells the host which cell begins.
fn tell_of_cell(state: &mut State) {
    if let Some(cell) = state.cell {
        let begin = ToHost::Begin {
            cell,
            notebook_cell: state.notebook_cell.clone(),
            shares: state.shares,
        };
        send(state, &begin);
    }
}

fn send(state: &mut State, message: &ToHost) {
    if let Some(host) = &mut state.host {
        // A host that is gone is noticed by the thread that reads from it.
        let _ = frame::write(host, message);
    }
}

/// Representations as Jupyter wants them: JSON types as values, all others as text.
fn mime_bundle(bundle: impl Iterator<Item = (String, String)>) -> MimeBundle {
    bundle
        .map(|(mime, content)| {
            let is_json = mime == "application/json" || mime.ends_with("+json");
            let value = if is_json {
                serde_json::from_str(&content).ok()
            } else {
                None
            };
            (mime, value.unwrap_or(Value::String(content)))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_sent_as_json_and_the_rest_as_text() {
        let bundle = [
            ("text/plain", "{\"a\": 1}"),
            ("application/json", "{\"a\": 1}"),
            ("application/x+json", "no json"),
        ];
        let bundle = bundle.map(|(mime, content)| (mime.to_owned(), content.to_owned()));
        let data = mime_bundle(bundle.into_iter());
        assert_eq!(data["text/plain"], Value::String("{\"a\": 1}".to_owned()));
        assert_eq!(data["application/json"]["a"], 1);
        assert_eq!(data["application/x+json"], Value::String("no json".to_owned()));
    }
}
