//! Input and output: where the output of a process goes.
//!
//! Every process has a *group leader*, which it inherits from its spawner: an I/O device, which is a process too. In a
//! notebook the device is the cell; in a program it is the terminal, registered as `user`. Because output finds its way
//! through the process that prints, it goes to the right place also when many processes print at once, and after the
//! cell that spawned them has ended.
//!
//! `print!` and its kin, imported from this crate, write to the group leader; those of std write to the terminal.

mod macros;

use crate::kino::Bundle;
use crate::node::node;
use crate::pid::Pid;
use crate::process::current;
use crate::process::task::{self, Start, begin};
use std::fmt;
use std::io::Write;
use std::sync::Arc;

/// Which output.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Stream {
    /// What a program says.
    Stdout,
    /// What a program says about itself.
    Stderr,
}

/// A rich output on its way to a device.
#[derive(Clone, Debug)]
pub struct Display {
    /// The representations, of which the front end takes one.
    pub bundle: Bundle,
    /// Names the output, so that it can be updated.
    pub display_id: Option<String>,
    /// Whether it replaces the output of the same `display_id`.
    pub update: bool,
}

/// Something that output can be written to.
///
/// A device is called by whatever process prints, on its thread, so it should not take long.
pub trait Device: Send + Sync + 'static {
    /// Writes text. Lines are not cut or joined: what one call writes stays together.
    fn write(&self, stream: Stream, text: &str);

    /// Shows a rich output; its text, where a device knows no better.
    fn display(&self, display: Display) {
        let text = display.bundle.text();
        self.write(Stream::Stdout, &format!("{}\n", text.trim_end_matches('\n')));
    }

    /// Removes what was written and shown: at once, or when the next output comes, if `wait` is set.
    fn clear(&self, wait: bool) {
        let _ = wait;
    }
}

/// Begins a process that is an I/O device, and can be a [group leader](crate::process::set_group_leader).
///
/// It lives until an exit signal ends it. Output for a device that is not alive goes to `user`.
///
/// ```
/// # crabtree::run(async {
/// use crabtree::prelude::*;
/// use crabtree::io::{Device, Stream};
/// use std::sync::{Arc, Mutex};
///
/// #[derive(Default)]
/// struct Tape(Mutex<String>);
///
/// impl Device for Tape {
///     fn write(&self, _: Stream, text: &str) {
///         self.0.lock().unwrap().push_str(text);
///     }
/// }
///
/// let tape = Arc::new(Tape::default());
/// process::set_group_leader(me(), io::device(tape.clone()));
/// crabtree::println!("recorded");
/// assert_eq!(*tape.0.lock().unwrap(), "recorded\n");
/// # });
/// ```
pub fn device(device: Arc<dyn Device>) -> Pid {
    let (pid, record) = begin(Start::default());
    record.lock().extras_mut().device = Some(device);
    // A device has nothing to do but to notice when it is told to end.
    task::run(pid, Box::pin(std::future::pending()));
    pid
}

/// The device behind a group leader, or else the terminal.
fn device_of(leader: Pid) -> Arc<dyn Device> {
    let find = |pid: Pid| {
        let record = node().table.get(pid)?;
        record.update(pid, |state| state.extras()?.device.clone())?
    };
    find(leader)
        .or_else(|| find(node().user))
        .unwrap_or_else(|| Arc::new(Terminal))
}

/// Writes to the group leader of the calling process.
pub fn write(stream: Stream, text: &str) {
    device_of(current::group_leader()).write(stream, text);
}

/// Writes formatted text to the group leader of the calling process, in one piece. This is what `print!` calls.
pub fn write_fmt(stream: Stream, text: fmt::Arguments<'_>) {
    match text.as_str() {
        Some(text) => write(stream, text),
        None => write(stream, &text.to_string()),
    }
}

/// Shows a rich output through the group leader of the calling process.
pub fn display(display: Display) {
    device_of(current::group_leader()).display(display);
}

/// Removes the output of the calling process's group leader, as far as the device can.
pub fn clear(wait: bool) {
    device_of(current::group_leader()).clear(wait);
}

/// The terminal: standard output and standard error of the program.
pub(crate) struct Terminal;

impl Device for Terminal {
    fn write(&self, stream: Stream, text: &str) {
        // Nobody can be told when the terminal is gone.
        let _ = match stream {
            Stream::Stdout => {
                let mut out = std::io::stdout().lock();
                out.write_all(text.as_bytes()).and_then(|()| out.flush())
            }
            Stream::Stderr => std::io::stderr().write_all(text.as_bytes()),
        };
    }
}
