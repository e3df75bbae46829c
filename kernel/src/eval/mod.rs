//! Evaluation of cells: evcxr compiles them, the host runs them, the link tells what they did.
//!
//! The Jupyter side knows this module by [`Engine`], [`Event`] and [`Outcome`] alone; nothing here
//! knows of Jupyter.

mod event;

pub(crate) use event::{CellError, CellId, Event, MimeBundle, Outcome, StreamName};

use tokio::sync::mpsc::UnboundedSender;

/// How a session is to be started.
#[derive(Clone, Debug, Default)]
pub(crate) struct EngineOptions {}

/// A session: one evcxr context and one host process, from the first cell to the last.
pub(crate) struct Engine {}

impl Engine {
    /// Starts a session and returns at once; it warms up in the background, and the first cell
    /// waits for what is missing. `events` gets everything that cells and processes show, also
    /// between cells.
    pub(crate) fn start(_options: EngineOptions, _events: UnboundedSender<Event>) -> Engine {
        Engine {}
    }

    /// Runs one cell. All events of the cell itself are on the channel when this returns.
    pub(crate) async fn execute(&self, _cell: CellId, _execution_count: u32, _code: String) -> Outcome {
        Outcome::Aborted
    }

    /// Ends the running cell at its next await, or stops the compiler.
    pub(crate) fn interrupt(&self) {}

    /// Ends the host and removes the session's directory.
    pub(crate) async fn shutdown(&self) {}
}

/// Must be the first thing that `main` does: evcxr starts this very program as the host, and as a
/// wrapper around rustc. In those cases it does not return.
pub(crate) fn host_hook() {
    evcxr::runtime_hook();
}
