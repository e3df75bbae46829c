//! The messages of the link.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::Comm;

/// The first frame of a connection: what it is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Opening {
    /// Frames follow, in both directions.
    Link {
        /// The host's process id in the operating system.
        pid: u32,
    },
    /// The host's standard error follows as raw bytes.
    Stderr {
        /// The host's process id in the operating system.
        pid: u32,
    },
    /// One end of what a subshell's evcxr says and hears: the kernel joins the two.
    Commands {
        /// Whether it is the host's end, and not that of the process that evcxr started.
        of_host: bool,
    },
}

/// Which stream a text was written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// What the kernel tells the host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToHost {
    /// A cell begins: its device is to be the evaluator's group leader.
    Begin {
        /// The cell.
        cell: u64,
        /// What the front end calls the cell of the notebook, the same each time it is run.
        notebook_cell: Option<String>,
        /// Whether libraries of later cells are to find the symbols of this one's.
        shares: bool,
    },
    /// The cell came to its end, in whichever way: flush what it wrote.
    End {
        /// The cell.
        cell: u64,
    },
    /// End the running cell at its next await.
    Interrupt {
        /// The cell; an interrupt that comes too late for it does nothing.
        cell: u64,
    },
    /// Answers [`ToKernel::Ask`].
    Answer {
        /// The question's number.
        question: u64,
        /// What became of it.
        answer: Answer,
    },
    /// The front end says something on a comm.
    Comm(Comm),
    /// A subshell is to be opened: another evaluator, with connections of its own to the socket at this path.
    Open {
        /// The path.
        link: PathBuf,
        /// Tells the subshells of a session apart; from one on.
        number: u32,
    },
    /// So much of what the host showed is on its way to the front end: see [`ToKernel::weight`].
    Shown {
        /// By weight.
        weight: usize,
    },
}

/// What became of a question to the user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// The user's line, without a newline.
    Line(String),
    /// The user says that there is no more.
    End,
    /// Nobody can be asked, for this reason.
    Refused(String),
}

/// What the host tells the kernel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToKernel {
    /// Answers [`ToHost::Begin`].
    Begun {
        /// The cell.
        cell: u64,
        /// The exit reason of an evaluator that died since the last cell, and its successor.
        replaced: Option<Replaced>,
    },
    /// Text for one of the cell's streams.
    Output {
        /// The cell of the process that wrote it.
        cell: u64,
        /// Where it was written.
        stream: Stream,
        /// The text, not always a whole line.
        text: String,
    },
    /// A rich output.
    Display {
        /// The cell of the process that shows it.
        cell: u64,
        /// Mime types and contents, in the order of the producer.
        bundle: Vec<(String, String)>,
        /// The name under which it can be updated.
        display_id: Option<String>,
        /// Whether it replaces what that name shows.
        update: bool,
    },
    /// Clear the cell's outputs.
    Clear {
        /// The cell.
        cell: u64,
        /// Whether to wait for the next output.
        wait: bool,
    },
    /// The value of the cell's last expression.
    Result {
        /// The cell.
        cell: u64,
        /// Mime types and contents, in the order of the producer.
        bundle: Vec<(String, String)>,
    },
    /// The user is to type a line.
    Ask {
        /// The cell of the process that asks.
        cell: u64,
        /// Numbers the questions of one host.
        question: u64,
        /// What to show before.
        prompt: String,
        /// Whether what is typed is not to be seen.
        hidden: bool,
    },
    /// A process says something on a comm.
    Comm {
        /// The cell of the process.
        cell: u64,
        /// What it says.
        comm: Comm,
    },
    /// The cell's code came to its end.
    Outcome {
        /// The cell.
        cell: u64,
        /// How.
        end: CellEnd,
    },
    /// Answers [`ToHost::End`]; the last message that concerns the cell itself.
    Ended {
        /// The cell.
        cell: u64,
        /// How many processes are alive.
        processes: usize,
    },
}

/// An evaluator that died and the one that took over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replaced {
    /// The dead evaluator's pid, as it prints.
    pub evaluator: String,
    /// Why it died.
    pub reason: String,
    /// The pid of the evaluator that took over.
    pub successor: String,
}

/// How the code of a cell came to its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CellEnd {
    /// It ran to its end.
    Done,
    /// It left by `?`.
    Failed {
        /// The error's type, without paths.
        type_name: String,
        /// The error by `Debug`.
        text: String,
    },
    /// It panicked.
    Panicked {
        /// What the panic said.
        message: String,
        /// `file:line:column`, where known.
        location: Option<String>,
        /// The functions of the reader on the stack, a line for each, or the whole stack; empty where none was taken.
        backtrace: String,
    },
    /// It called `exit`.
    Exited {
        /// The reason it gave.
        reason: String,
    },
    /// An exit signal ended the evaluator.
    Killed(Replaced),
    /// It was interrupted.
    Interrupted,
    /// It was interrupted in a system call, and left behind there with all that it used.
    Abandoned,
}

impl ToKernel {
    /// What counts towards [`WINDOW`](crate::WINDOW): the bytes of what is shown.
    #[must_use]
    pub fn weight(&self) -> usize {
        let of_bundle = |bundle: &[(String, String)]| bundle.iter().map(|(_, content)| content.len()).sum();
        match self {
            ToKernel::Output { text, .. } => text.len(),
            ToKernel::Display { bundle, .. } | ToKernel::Result { bundle, .. } => of_bundle(bundle),
            ToKernel::Comm { comm, .. } => comm.weight(),
            _ => 0,
        }
    }
}
