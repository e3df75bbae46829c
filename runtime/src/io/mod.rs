//! Input and output: where what a process prints goes, and where what it reads comes from.
//!
//! Every process has a *group leader*, which it inherits from its spawner: an I/O device, which is a process too. In a
//! notebook the device is the cell; in a program it is the terminal, registered as `user`. Because output finds its way
//! through the process that prints, it goes to the right place also when many processes print at once, and after the
//! cell that spawned them has ended.
//!
//! `print!` and its kin, imported from this crate, write to the group leader; those of std write to the terminal.
//!
//! # Devices are processes
//! A device has a pid, and whoever has the pid can write to it and read from it. [`file::open`](crate::file::open)
//! gives one for a file, [`string_io::open`] one for a string, [`device`] one for whatever you write yourself.
//!
//! ```
//! # crabtree::run(async {
//! use crabtree::io::{self, string_io};
//! use crabtree::prelude::*;
//!
//! let log = string_io::open("");
//! let (_, worker) = spawn_monitor(async move { io::puts(log, "hello from the worker").unwrap() });
//! receive! { Down { monitor, .. } if monitor == worker => () }
//! assert_eq!(string_io::contents(log)?.1, "hello from the worker\n");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! [`STDIO`] means the group leader of the caller. These are equivalent: `println!("hello")`,
//! `io::puts(STDIO, "hello")`, `io::puts(process::group_leader(), "hello")?`; the last one can fail, since a pid can be
//! that of anybody.
//!
//! A device ends as processes do. One that was opened watches the process that opened it, and closes when that one
//! ends; so nothing stays open by mistake, and a device that is to live longer is opened by a process that does.
//!
//! # Writing does not wait
//! A device is called by the process that writes, on its thread, which is what lets `print!` be no `async` function.
//! What one call writes stays together, and is written when the call returns. Reading waits, and is awaited.

mod address;
mod error;
mod input;
mod macros;
mod request;
mod serve;
pub mod string_io;
mod terminal;

use crate::kino::{Bundle, comm};
use crate::node::node;
use crate::pid::Pid;
use crate::process::task::{self, Start, begin};
use crate::process::{self, current};
use crate::reason::ExitReason;
pub use address::AsDevice;
use address::Place;
pub use error::{IoError, IoFailure};
pub(crate) use input::Ahead;
#[doc(hidden)]
pub use input::Cut;
pub use input::{Get, Wanted};
use parking_lot::Mutex;
pub use request::{Pieces, Reading, binread, binwrite, get_password, getn, gets, inspect, puts, read, stream, write};
pub(crate) use serve::{begin_owned, close};
use std::any::Any;
use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::io::{Error, ErrorKind, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// The group leader of the caller, as a device: OTP's `standard_io`.
pub const STDIO: Stream = Stream::Stdout;

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

/// A read under way.
pub type Getting<'a> = Pin<Box<dyn Future<Output = std::io::Result<Option<Vec<u8>>>> + Send + 'a>>;

/// Something that can be written to, and perhaps read from.
///
/// A device is called by whatever process prints, on its thread, so it should not take long.
pub trait Device: Any + Send + Sync {
    /// Writes text. Lines are not cut or joined: what one call writes stays together.
    fn write(&self, stream: Stream, text: &str);

    /// Writes what somebody asks this device to write, by its pid: such a request gets an answer. Text goes to
    /// [`write`](Device::write), unless this is written; other bytes are refused.
    ///
    /// # Errors
    /// Whatever hinders the device.
    fn put(&self, bytes: &[u8]) -> std::io::Result<()> {
        let no_text = |_| {
            Error::new(
                ErrorKind::InvalidData,
                "this device takes text, and the bytes are not UTF-8",
            )
        };
        self.write(Stream::Stdout, std::str::from_utf8(bytes).map_err(no_text)?);
        Ok(())
    }

    /// Reads; `None` at the end of the input. A text that is [wanted](Get::text) must be UTF-8. Unless this is written,
    /// the device cannot be read.
    ///
    /// Each read is a task of its own, so it may take long, and several can be under way.
    ///
    /// # Errors
    /// Whatever hinders the device.
    fn get(&self, get: Get) -> Getting<'_> {
        drop(get);
        Box::pin(async { Err(request::cannot_be_read()) })
    }

    /// Shows a rich output; its text, where a device knows no better.
    fn display(&self, display: Display) {
        let text = display.bundle.text();
        self.write(Stream::Stdout, &format!("{}\n", text.trim_end_matches('\n')));
    }

    /// Whether an output that was [displayed](Device::display) can be replaced in its place. Unless this is written, it
    /// cannot: a new one is shown below, and those that change by themselves change less often.
    fn replaces(&self) -> bool {
        false
    }

    /// Says something on a [comm], or has this device tell a process of those that the front end
    /// opens. Unless this is written, there is no front end.
    ///
    /// # Errors
    /// Whatever hinders the device.
    fn comm(&self, action: comm::Action) -> std::io::Result<()> {
        drop(action);
        let words = "this device has no front end to talk with; comms work in a notebook";
        Err(Error::new(ErrorKind::Unsupported, words))
    }

    /// Removes what was written and shown: at once, or when the next output comes, if `wait` is set.
    fn clear(&self, wait: bool) {
        let _ = wait;
    }

    /// Takes charge of a supervisor: whoever is behind the device stops it when its children are not wanted any more, as
    /// a notebook does when a cell is run again. Unless this is written, nobody does.
    fn adopt(&self, supervisor: Pid) {
        let _ = supervisor;
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
#[track_caller]
pub fn device(device: Arc<dyn Device>) -> Pid {
    let (pid, record) = begin(Start::of::<dyn Device>());
    record.lock().extras_mut().device = Some(device);
    // A device has nothing to do but to notice when it is told to end.
    task::run(pid, Box::pin(std::future::pending::<()>()));
    pid
}

/// Devices whose processes have ended, and who are to go on nevertheless.
pub(crate) type Retired = Mutex<HashMap<Pid, Arc<dyn Device>>>;

/// Ends the process of a device that [`device`] began, and keeps the device for those who have its pid: it is written to
/// as before. A notebook has a device for each cell, most of which nobody will write to again, and which nobody can
/// tell from the others.
#[doc(hidden)]
pub fn retire(pid: Pid) {
    if let Ok(device) = find(pid) {
        node().retired.lock().insert(pid, device);
        process::exit(pid, ExitReason::Kill);
    }
}

/// Whether the device goes on without a process.
fn has_retired(pid: Pid) -> bool {
    node().retired.lock().contains_key(&pid)
}

/// The device that a process is, or was until it [retired](retire).
fn find(pid: Pid) -> Result<Arc<dyn Device>, IoFailure> {
    node().device_uses.fetch_add(1, Ordering::Relaxed);
    find_in_passing(pid)
}

/// Like [`find`], for a use that nobody waits for.
fn find_in_passing(pid: Pid) -> Result<Arc<dyn Device>, IoFailure> {
    let record = node().table.get(pid);
    let device = record.and_then(|record| {
        record.update(pid, |state| {
            if state.ends() {
                return Err(IoFailure::Terminated);
            }
            let device = state.extras().and_then(|extras| extras.device.clone());
            device.ok_or(IoFailure::NotADevice)
        })
    });
    match device.unwrap_or(Err(IoFailure::Terminated)) {
        Err(IoFailure::Terminated) => node().retired.lock().get(&pid).cloned().ok_or(IoFailure::Terminated),
        found => found,
    }
}

/// Whether outputs go through a process.
pub(crate) fn is_device(pid: Pid) -> bool {
    find_in_passing(pid).is_ok()
}

/// The device at a place, if it is of that type.
pub(crate) fn find_as<D: Device>(place: &Place) -> Result<Arc<D>, IoFailure> {
    let (_, device) = place.find()?;
    let device: Arc<dyn Any + Send + Sync> = device;
    device.downcast().map_err(|_| IoFailure::NotADevice)
}

/// The device behind a group leader, or else that of `user`.
pub(crate) fn device_of(leader: Pid) -> (Pid, Arc<dyn Device>) {
    device_by(leader, &find)
}

/// Like [`device_of`], for output that changes for ever: whoever waits until all is quiet does not mean this.
pub(crate) fn device_in_passing(leader: Pid) -> (Pid, Arc<dyn Device>) {
    device_by(leader, &find_in_passing)
}

type Find<'a> = &'a dyn Fn(Pid) -> Result<Arc<dyn Device>, IoFailure>;

fn device_by(leader: Pid, find: Find<'_>) -> (Pid, Arc<dyn Device>) {
    let user = node().user;
    let of = |pid| Some((pid, find(pid).ok()?));
    of(leader)
        .or_else(|| of(user))
        .unwrap_or_else(|| (user, Arc::new(Terminal::default())))
}

/// Writes to that group leader.
pub(crate) fn write_to(leader: Pid, stream: Stream, text: &str) {
    device_of(leader).1.write(stream, text);
}

/// Writes formatted text to the group leader of the calling process, in one piece. This is what `print!` calls.
pub fn write_fmt(stream: Stream, text: fmt::Arguments<'_>) {
    match text.as_str() {
        Some(text) => leader().write(stream, text),
        None => leader().write(stream, &text.to_string()),
    }
}

/// Shows a rich output through the group leader of the calling process.
pub fn display(display: Display) {
    leader().display(display);
}

/// Whether what the calling process shows can be replaced in its place.
pub(crate) fn replaces() -> bool {
    leader().replaces()
}

/// Removes the output of the calling process's group leader, as far as the device can.
pub fn clear(wait: bool) {
    leader().clear(wait);
}

/// Has a device do something with a comm.
pub(crate) fn comm(device: Pid, action: comm::Action) -> std::io::Result<()> {
    device_in_passing(device).1.comm(action)
}

/// Has the device behind a group leader take charge of a supervisor.
pub(crate) fn adopt(leader: Pid, supervisor: Pid) {
    device_of(leader).1.adopt(supervisor);
}

fn leader() -> Arc<dyn Device> {
    device_of(current::group_leader()).1
}

/// The terminal: standard input, standard output and standard error of the program.
#[derive(Default)]
pub(crate) struct Terminal {
    input: Arc<Mutex<Ahead>>,
}

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

    fn put(&self, bytes: &[u8]) -> std::io::Result<()> {
        let mut out = std::io::stdout().lock();
        out.write_all(bytes).and_then(|()| out.flush())
    }

    fn get(&self, get: Get) -> Getting<'_> {
        self.write(Stream::Stdout, &get.prompt);
        let input = self.input.clone();
        blocking(move || {
            let _silent = get.hidden.then(terminal::Silent::begin);
            input.lock().next(&get, &mut std::io::stdin())
        })
    }
}

/// Does what may wait for somebody outside of the program, on a thread where that is no harm.
pub(crate) fn blocking<T: Send + 'static>(
    body: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> Pin<Box<dyn Future<Output = std::io::Result<T>> + Send>> {
    Box::pin(async move {
        let done = tokio::task::spawn_blocking(body).await;
        done.unwrap_or_else(|error| Err(Error::other(error)))
    })
}
