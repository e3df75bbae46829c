//! Comms: channels between a process and something in the front end.
//!
//! What is on the other side is named by a *target*: `jupyter.widget` is one that front ends have, others come with
//! extensions and with scripts that a notebook shows. A comm that a process [opens](open) delivers to this process
//! what the front end says, as [`Event`]s, which are messages like any other. The other way round, the front end may
//! open comms for targets that a process has [taken](take).
//!
//! Data are texts of JSON: what is in them is up to both sides.
//!
//! ```no_run
//! # crabtree::run(async {
//! use crabtree::kino::comm::{self, Event};
//! use crabtree::prelude::*;
//!
//! let clock = comm::open("my-clock", r#"{"zone": "UTC"}"#)?;
//! clock.send(r#"{"seconds": 1}"#)?;
//! receive! {
//!     Event::Message { comm, payload } if comm == clock => println!("the clock says {}", payload.data),
//!     Event::Closed { comm, .. } if comm == clock => println!("nobody shows the clock any more"),
//! }
//! # Ok::<(), comm::CommError>(())
//! # }).unwrap();
//! ```
//!
//! Outside of a notebook there is no front end, and each function says so.

use crate::io;
use crate::pid::Pid;
use crate::process::{self, current};
use std::fmt;
use std::sync::Arc;

/// A channel to something in the front end.
///
/// Clones mean the same one. It stays open when it is dropped, and when its process ends: see [`close`](Comm::close).
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Comm {
    id: Arc<str>,
    device: Pid,
}

/// What a message on a comm carries. A text is one that carries that text as its data and nothing else.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Payload {
    /// A text of JSON.
    pub data: String,
    /// A text of JSON, an object; empty for an empty one.
    pub metadata: String,
    /// Bytes beside the data, which need not be text.
    pub buffers: Vec<Vec<u8>>,
}

/// What happened to a comm: a message to the process that it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The front end has opened one for a target that this process has [taken](take).
    Opened {
        /// The new comm.
        comm: Comm,
        /// The target.
        target: String,
        /// What was said with it.
        payload: Payload,
    },
    /// The front end says something.
    Message {
        /// The comm.
        comm: Comm,
        /// What is said.
        payload: Payload,
    },
    /// The front end has closed it.
    Closed {
        /// The comm.
        comm: Comm,
        /// What was said with that.
        payload: Payload,
    },
}

/// What a device is to do with comms.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Action {
    /// Open one.
    Open {
        /// The new comm.
        comm: Comm,
        /// Who is to answer in the front end.
        target: String,
        /// The first message.
        payload: Payload,
        /// The process that hears of it.
        owner: Pid,
    },
    /// Say something.
    Send(Comm, Payload),
    /// Close one.
    Close(Comm, Payload),
    /// Tell a process of the comms that the front end opens for a target.
    Take {
        /// The target.
        target: String,
        /// The process.
        owner: Pid,
    },
}

/// Why a comm could not be used.
#[derive(Clone, PartialEq, Eq)]
pub struct CommError {
    /// The request, as code would say it.
    pub request: String,
    /// Why the device said no.
    pub reason: String,
}

/// Opens a comm: the calling process hears what the front end says on it.
///
/// # Errors
/// The calling process's group leader has no front end; or `payload` is no JSON.
pub fn open(target: impl Into<String>, payload: impl Into<Payload>) -> Result<Comm, CommError> {
    let (target, payload) = (target.into(), payload.into());
    let comm = Comm {
        id: super::display::new_id().into(),
        device: current::group_leader(),
    };
    let request = format!("comm::open({target:?}, …)");
    let opened = comm.act(
        request,
        Action::Open {
            comm: comm.clone(),
            target,
            payload,
            owner: process::me(),
        },
    );
    opened.map(|()| comm)
}

/// Has the calling process hear of the comms that the front end opens for `target`, until it ends or another process
/// takes the target.
///
/// # Errors
/// The calling process's group leader has no front end.
pub fn take(target: impl Into<String>) -> Result<(), CommError> {
    let target = target.into();
    let request = format!("comm::take({target:?})");
    let owner = process::me();
    act(current::group_leader(), request, Action::Take { target, owner })
}

impl Comm {
    /// The name by which front ends know it.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Says something. Any process may.
    ///
    /// # Errors
    /// The cell's device has ended; or `payload` is no JSON. Nobody tells whether the other side is still there: look
    /// for [`Event::Closed`].
    pub fn send(&self, payload: impl Into<Payload>) -> Result<(), CommError> {
        self.act(
            format!("comm::send({self:?}, …)"),
            Action::Send(self.clone(), payload.into()),
        )
    }

    /// Closes it. The process that it belongs to hears nothing more of it.
    ///
    /// # Errors
    /// As [`send`](Comm::send).
    pub fn close(&self) -> Result<(), CommError> {
        let payload = Payload::from("{}");
        self.act(format!("comm::close({self:?})"), Action::Close(self.clone(), payload))
    }

    /// The comm that front ends know as `id`, reached through the device with this pid. For devices.
    pub fn from_parts(id: impl Into<Arc<str>>, device: Pid) -> Comm {
        Comm { id: id.into(), device }
    }

    fn act(&self, request: String, action: Action) -> Result<(), CommError> {
        act(self.device, request, action)
    }
}

fn act(device: Pid, request: String, action: Action) -> Result<(), CommError> {
    io::comm(device, action).map_err(|error| CommError {
        request,
        reason: error.to_string(),
    })
}

impl<T: Into<String>> From<T> for Payload {
    fn from(data: T) -> Payload {
        Payload {
            data: data.into(),
            ..Payload::default()
        }
    }
}

impl fmt::Debug for Comm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Comm").field(&self.id).finish()
    }
}

impl fmt::Display for CommError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.request, self.reason)
    }
}

impl fmt::Debug for CommError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for CommError {}
