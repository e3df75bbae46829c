//! Standard input where nobody can tell whether it is read: it is evcxr's alone, and a cell that reads it takes what is
//! not its own.

use std::fs::File;
use std::io;

use super::{Host, capture};

/// Standard input as it is.
#[derive(Debug)]
pub(super) struct Stdin;

impl Stdin {
    pub(super) fn replace() -> io::Result<(Stdin, File)> {
        Ok((Stdin, File::from(capture::duplicate(libc::STDIN_FILENO)?)))
    }

    pub(super) fn start(&'static self, _: &'static Host, _: File) -> io::Result<()> {
        Ok(())
    }

    pub(super) fn begin(&self, _: u64) {}

    pub(super) fn end_input(&self) {}

    pub(super) fn end(&self) {}
}
