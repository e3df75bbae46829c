//! Crabtree: a Jupyter kernel for Rust processes, and what belongs to it at the command line.
//!
//! This is the program `crabtree`, and no library for others: public is what the program's `main` and the tests of the
//! engine need.
//!
//! # Layout
//!
//! - `cli`: the commands and their options.
//! - `jupyter`: the kernel as front ends see it: sockets, messages, the queue of cells.
//! - `eval`: what runs the cells.
//! - `run`: a client of the kernel: executes notebooks, writes them and HTML pages.
//! - `compare`: whether a notebook still shows what it showed.
//! - `import`: notebooks of Livebook become notebooks for Jupyter.
//! - `cache`, `install`, `doctor`: what is built ahead of time, where the kernel is registered, and whether all is well.
//! - `hex`: bytes as digits.

mod cache;
mod cli;
mod compare;
mod doctor;
mod eval;
mod hex;
mod import;
mod install;
mod jupyter;
mod run;

use std::process::ExitCode;

/// A session without a front end, for tests.
#[doc(hidden)]
pub mod engine {
    pub use crate::cache::{Toolchain, root};
    pub use crate::eval::{CellError, CellId, Engine, EngineOptions, Event, Outcome, StreamName};
}

/// The program: reads the arguments of its process and does what they say.
pub fn main() -> ExitCode {
    // The evaluator starts this executable again as the host of a session's cells.
    eval::host_hook();
    match cli::execute() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("crabtree: {error:#}");
            ExitCode::FAILURE
        }
    }
}
