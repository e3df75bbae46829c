//! The I/O device of a cell: the group leader of the processes that the cell spawns.

use std::io::{Error, ErrorKind, Result};
use std::sync::{Arc, Mutex, PoisonError};

use crabtree_link::{Answer, ToKernel};
use runtime::Pid;
use runtime::io::{Cut, Device, Display, Get, Getting, Stream};
use runtime::kino::{Bundle, comm};

use super::Host;
use super::contents::{Contents, Part, of_value};

/// Sends what processes write to the kernel, under one cell's number.
#[derive(Debug)]
pub(super) struct CellDevice {
    host: &'static Host,
    cell: u64,
    /// What the front end calls the cell.
    notebook_cell: Option<String>,
    /// What the user typed and nobody has read.
    rest: Arc<Mutex<Vec<u8>>>,
    contents: Contents,
}

impl CellDevice {
    /// The device of a cell.
    pub(super) fn of(host: &'static Host, cell: u64, notebook_cell: Option<String>) -> CellDevice {
        CellDevice {
            host,
            cell,
            notebook_cell,
            rest: Arc::default(),
            contents: Contents::default(),
        }
    }

    fn print(&self, stream: crabtree_link::Stream, text: String) {
        let cell = self.cell;
        self.host.show(&ToKernel::Output { cell, stream, text });
    }
}

impl Device for CellDevice {
    fn write(&self, stream: Stream, text: &str) {
        let stream = match stream {
            Stream::Stdout => crabtree_link::Stream::Stdout,
            Stream::Stderr => crabtree_link::Stream::Stderr,
        };
        let is_stdout = stream == crabtree_link::Stream::Stdout;
        let Some(parts) = is_stdout.then(|| self.contents.take(text)).flatten() else {
            return self.print(stream, text.to_owned());
        };
        for part in parts {
            match part {
                Part::Text(text) => self.print(stream, text),
                Part::Content(mime, content) => {
                    if let Err(bundle) = of_value(mime, content) {
                        self.display(Display {
                            bundle,
                            display_id: None,
                            update: false,
                        });
                    }
                }
            }
        }
    }

    fn display(&self, display: Display) {
        let Display {
            bundle,
            display_id,
            update,
        } = display;
        let bundle = representations(&bundle);
        self.host.show(&ToKernel::Display {
            cell: self.cell,
            bundle,
            display_id,
            update,
        });
    }

    fn replaces(&self) -> bool {
        true
    }

    fn get(&self, get: Get) -> Getting<'_> {
        Box::pin(read(self.host, self.cell, Arc::clone(&self.rest), get))
    }

    fn comm(&self, action: comm::Action) -> Result<()> {
        Host::comms().act(self.host, self.cell, action)
    }

    fn adopt(&self, supervisor: Pid) {
        if let Some(cell) = &self.notebook_cell {
            self.host.adopt(cell, supervisor);
        }
    }

    fn clear(&self, wait: bool) {
        self.host.send(&ToKernel::Clear { cell: self.cell, wait });
    }
}

/// Asks the user for lines until there is enough.
async fn read(host: &Host, cell: u64, rest: Arc<Mutex<Vec<u8>>>, get: Get) -> Result<Option<Vec<u8>>> {
    let mut prompt = get.prompt.clone();
    let mut ended = false;
    loop {
        {
            let mut rest = rest.lock().unwrap_or_else(PoisonError::into_inner);
            match get.cut(&rest, ended)? {
                Cut::Piece { piece, length } => {
                    rest.drain(..length);
                    return Ok(Some(piece));
                }
                Cut::End => return Ok(None),
                Cut::More => {}
            }
        }
        let answer = host.ask(cell, std::mem::take(&mut prompt), get.hidden).await;
        match answer {
            Ok(Answer::Line(line)) => {
                let mut rest = rest.lock().unwrap_or_else(PoisonError::into_inner);
                rest.extend_from_slice(line.as_bytes());
                rest.push(b'\n');
            }
            Ok(Answer::End) => ended = true,
            Ok(Answer::Refused(reason)) => return Err(Error::new(ErrorKind::Unsupported, reason)),
            Err(_) => return Err(Error::from(ErrorKind::BrokenPipe)),
        }
    }
}

/// A bundle as the link carries it.
pub(super) fn representations(bundle: &Bundle) -> Vec<(String, String)> {
    bundle
        .iter()
        .map(|(mime, content)| (mime.to_owned(), content.to_owned()))
        .collect()
}
