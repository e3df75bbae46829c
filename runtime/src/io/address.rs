//! How a device is addressed: by its pid, by its name, or as the group leader of the caller.

use super::{Device, IoError, IoFailure, Stream, device_of, find};
use crate::destination::Destination;
use crate::pid::Pid;
use crate::process::current;
use std::sync::Arc;

/// Something that says which device is meant: the pid or the name of one, or a [`Stream`], which is an output of the
/// caller's group leader.
pub trait AsDevice {
    /// What a request gives that would give a `T`: a `Result`, or the `T` itself where nothing can go wrong that
    /// somebody could be told of. That is so for the group leader, in whose place `user` stands when it is gone.
    type Done<T>;

    #[doc(hidden)]
    fn place(&self) -> Place;

    #[doc(hidden)]
    fn done<T>(result: Result<(), IoError>, value: T) -> Self::Done<T>;
}

impl AsDevice for Stream {
    type Done<T> = T;

    fn place(&self) -> Place {
        Place::Leader(*self)
    }

    fn done<T>(_: Result<(), IoError>, value: T) -> T {
        value
    }
}

impl<D: Destination> AsDevice for D {
    type Done<T> = Result<T, IoError>;

    fn place(&self) -> Place {
        match self.resolve() {
            Ok(pid) => Place::Process(pid),
            Err(unknown) => Place::Nowhere(format!("{:?}", unknown.0)),
        }
    }

    fn done<T>(result: Result<(), IoError>, value: T) -> Result<T, IoError> {
        result.map(|()| value)
    }
}

/// A device, without the type of its address.
#[doc(hidden)]
#[derive(Clone, Debug)]
pub enum Place {
    Leader(Stream),
    Process(Pid),
    /// Nobody has the name, which is shown like this.
    Nowhere(String),
}

impl Place {
    /// How errors call it.
    pub(crate) fn shown(&self) -> String {
        match self {
            Place::Leader(Stream::Stdout) => "STDIO".to_owned(),
            Place::Leader(Stream::Stderr) => "Stream::Stderr".to_owned(),
            Place::Process(pid) => pid.to_string(),
            Place::Nowhere(name) => name.clone(),
        }
    }

    /// The device and its process.
    pub(crate) fn find(&self) -> Result<(Pid, Arc<dyn Device>), IoFailure> {
        match self {
            Place::Leader(_) => Ok(device_of(current::group_leader())),
            Place::Process(pid) => Ok((*pid, find(*pid)?)),
            Place::Nowhere(_) => Err(IoFailure::NoSuchName),
        }
    }

    /// Writes text, as one piece.
    pub(super) fn write(&self, text: &str) -> Result<(), IoFailure> {
        match (self, self.find()?) {
            (Place::Leader(stream), (_, device)) => device.write(*stream, text),
            (_, (_, device)) => device.put(text.as_bytes())?,
        }
        Ok(())
    }
}
