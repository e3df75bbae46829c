//! Devices in memory: what is read from one is a string, and what is written to it becomes one.
//!
//! They stand in for a terminal or a file, above all in tests: the process under test gets one as its group leader.
//!
//! ```
//! # crabtree::run(async {
//! use crabtree::io::{self, STDIO, string_io};
//! use crabtree::prelude::*;
//!
//! let device = string_io::open("Ann\n");
//! process::set_group_leader(me(), device);
//! let name = io::gets(STDIO, "Who is there? ").await?.unwrap_or_default();
//! crabtree::println!("Hello, {}!", name.trim());
//! assert_eq!(string_io::contents(device)?, (String::new(), "Hello, Ann!\n".into()));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! The process of a device watches the one that opened it, and ends with it.

use super::input::{Ahead, Get};
use super::serve::{begin_owned, close as close_process};
use super::{AsDevice, Device, Getting, IoError, IoFailure, Stream, find_as};
use crate::pid::Pid;
use parking_lot::Mutex;
use std::io::{Error, ErrorKind, empty};

struct StringDevice {
    capture_prompt: bool,
    buffers: Mutex<Buffers>,
}

struct Buffers {
    input: Ahead,
    output: String,
}

impl Device for StringDevice {
    fn write(&self, _: Stream, text: &str) {
        self.buffers.lock().output.push_str(text);
    }

    fn get(&self, get: Get) -> Getting<'_> {
        Box::pin(async move {
            let mut buffers = self.buffers.lock();
            let piece = buffers.input.next(&get, &mut empty())?;
            if self.capture_prompt {
                buffers.output.push_str(&get.prompt);
            }
            Ok(piece)
        })
    }
}

/// Opens a device whose input is this string. Prompts are not part of its output.
pub fn open(input: impl Into<Vec<u8>>) -> Pid {
    begin(input.into(), false)
}

/// Opens a device whose output has the prompts too; otherwise like [`open`].
///
/// ```
/// # crabtree::run(async {
/// use crabtree::io::{self, string_io};
///
/// let device = string_io::open_capture_prompt("42\n");
/// io::gets(device, "how many? ").await?;
/// assert_eq!(string_io::close(device).await?.1, "how many? ");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
pub fn open_capture_prompt(input: impl Into<Vec<u8>>) -> Pid {
    begin(input.into(), true)
}

fn begin(input: Vec<u8>, capture_prompt: bool) -> Pid {
    let buffers = Mutex::new(Buffers {
        input: Ahead::new(input),
        output: String::new(),
    });
    begin_owned(std::sync::Arc::new(StringDevice {
        capture_prompt,
        buffers,
    }))
}

/// What was not read yet, and what was written.
///
/// # Errors
/// [`IoError`] when the device is closed or is not one of this module, or when the rest of the input is not UTF-8.
pub fn contents(device: impl AsDevice) -> Result<(String, String), IoError> {
    with(device, "string_io::contents", |buffers| {
        Ok((rest(buffers)?, buffers.output.clone()))
    })
}

/// Takes what was written: the output is empty again.
///
/// # Errors
/// [`IoError`] when the device is closed or is not one of this module.
pub fn flush(device: impl AsDevice) -> Result<String, IoError> {
    with(device, "string_io::flush", |buffers| {
        Ok(std::mem::take(&mut buffers.output))
    })
}

/// Closes the device, and gives its last [`contents`].
///
/// # Errors
/// As [`contents`].
pub async fn close(device: Pid) -> Result<(String, String), IoError> {
    let request = || format!("string_io::close({device})");
    let last = with(device, "string_io::close", |buffers| {
        Ok((rest(buffers)?, std::mem::take(&mut buffers.output)))
    })?;
    close_process(device, request()).await?;
    Ok(last)
}

fn rest(buffers: &Buffers) -> std::io::Result<String> {
    let no_text = || Error::new(ErrorKind::InvalidData, "the rest of the input is not UTF-8");
    let rest = std::str::from_utf8(buffers.input.rest()).map_err(|_| no_text())?;
    Ok(rest.to_owned())
}

fn with<T>(
    device: impl AsDevice,
    function: &str,
    body: impl FnOnce(&mut Buffers) -> std::io::Result<T>,
) -> Result<T, IoError> {
    let place = device.place();
    let done = find_as::<StringDevice>(&place).and_then(|device| Ok(body(&mut device.buffers.lock())?));
    done.map_err(|cause: IoFailure| cause.in_request(format!("{function}({})", place.shown())))
}
