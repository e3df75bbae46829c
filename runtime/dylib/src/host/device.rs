//! The I/O device of a cell: the group leader of the processes that the cell spawns.

use crabtree_link::ToKernel;
use runtime::io::{Device, Display, Stream};
use runtime::kino::Bundle;

use super::Host;

/// Sends what processes write to the kernel, under one cell's number.
#[derive(Debug)]
pub(super) struct CellDevice {
    host: &'static Host,
    cell: u64,
}

impl CellDevice {
    /// The device of a cell.
    pub(super) fn of(host: &'static Host, cell: u64) -> CellDevice {
        CellDevice { host, cell }
    }
}

impl Device for CellDevice {
    fn write(&self, stream: Stream, text: &str) {
        let stream = match stream {
            Stream::Stdout => crabtree_link::Stream::Stdout,
            Stream::Stderr => crabtree_link::Stream::Stderr,
        };
        self.host.send(&ToKernel::Output {
            cell: self.cell,
            stream,
            text: text.to_owned(),
        });
    }

    fn display(&self, display: Display) {
        let Display {
            bundle,
            display_id,
            update,
        } = display;
        let bundle = representations(&bundle);
        self.host.send(&ToKernel::Display {
            cell: self.cell,
            bundle,
            display_id,
            update,
        });
    }

    fn clear(&self, wait: bool) {
        self.host.send(&ToKernel::Clear { cell: self.cell, wait });
    }
}

/// A bundle as the link carries it.
pub(super) fn representations(bundle: &Bundle) -> Vec<(String, String)> {
    bundle
        .iter()
        .map(|(mime, content)| (mime.to_owned(), content.to_owned()))
        .collect()
}
