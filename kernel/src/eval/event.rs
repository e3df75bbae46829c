//! What evaluation tells the outside.

pub(crate) use crabtree_link::{Answer, Comm, Payload};
use serde_json::{Map, Value};

/// Representations of one value by mime type: text as strings, JSON types as values.
pub(crate) type MimeBundle = Map<String, Value>;

/// Names one execution of one cell; given by the caller, never reused within a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CellId(pub u64);

/// The stream that a text was written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamName {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// What a cell, or a process that it spawned, did to be shown.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// Text was written.
    Stream {
        /// The cell whose process wrote it.
        cell: CellId,
        /// Where it was written.
        name: StreamName,
        /// The text, not always a whole line.
        text: String,
    },
    /// A rich output, or new contents for one.
    Display {
        /// The cell whose process shows it.
        cell: CellId,
        /// Its representations.
        data: MimeBundle,
        /// Metadata by mime type.
        metadata: Map<String, Value>,
        /// The name under which it can be updated.
        display_id: Option<String>,
        /// Whether it replaces the outputs of that `display_id`.
        update: bool,
    },
    /// The cell's outputs are to be cleared.
    ClearOutput {
        /// The cell.
        cell: CellId,
        /// Whether to wait for the next output.
        wait: bool,
    },
    /// The user is to type a line; `Engine::answer` takes it.
    Question {
        /// The cell whose process asks.
        cell: CellId,
        /// Names the question.
        question: Question,
        /// What to show before.
        prompt: String,
        /// Whether what is typed is not to be seen.
        hidden: bool,
    },
    /// A process says something on a comm.
    Comm {
        /// The cell of the process.
        cell: CellId,
        /// What it says.
        comm: Comm,
    },
    /// All that was shown until here; `Engine::passed_on` takes it when that has gone on to
    /// the front end. Until then little more comes.
    Until(Receipt),
    /// The host has ended, and with it whoever asked or heard of comms.
    HostGone,
    /// The value of the cell's last expression.
    Result {
        /// The cell.
        cell: CellId,
        /// The value's representations.
        data: MimeBundle,
    },
}

/// A question to the user. Hosts number theirs from one, so it says which host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question {
    /// Which shell of the session asks.
    pub link: u64,
    /// Which of its hosts.
    pub host: u64,
    /// The host's number for it.
    pub number: u64,
}

/// How much was shown, and by whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Which shell of the session.
    pub link: u64,
    /// Which of its hosts.
    pub host: u64,
    /// Whether it came on the link, and not on standard error.
    pub on_link: bool,
    /// How much.
    pub weight: usize,
}

/// How the execution of a cell ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It ran to its end.
    Ok,
    /// It did not compile, failed, or was interrupted.
    Error(CellError),
    /// It was not run, for the session is ending.
    Aborted,
}

/// Why a cell failed.
#[derive(Clone, Debug, PartialEq)]
pub struct CellError {
    /// The kind of error, a short name.
    pub ename: String,
    /// What went wrong, in one line where possible.
    pub evalue: String,
    /// The whole report by lines; may hold ANSI colours.
    pub traceback: Vec<String>,
}
