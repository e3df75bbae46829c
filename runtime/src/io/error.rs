//! Why a device did not do what it was asked.

use crate::process::call::Failure;
use std::fmt;

/// Why a request to an I/O device failed. It says which request it was.
#[derive(Clone, PartialEq, Eq)]
pub struct IoError {
    /// The request, as code would say it.
    pub request: String,
    /// What happened to it.
    pub cause: IoFailure,
}

/// What happened to a request that an I/O device did not fulfil.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum IoFailure {
    /// No process has that name.
    NoSuchName,
    /// The device is closed: its process is not alive, or ended meanwhile. OTP's `terminated`.
    Terminated,
    /// The process is alive, but no device, or not of the kind that the request is for.
    NotADevice,
    /// The device said no.
    Refused {
        /// What kind of no.
        kind: std::io::ErrorKind,
        /// The device's own words.
        message: String,
    },
}

impl IoFailure {
    pub(crate) fn of_call(failure: &Failure) -> IoFailure {
        match failure {
            Failure::Down(_) | Failure::Timeout => IoFailure::Terminated,
            Failure::CallingSelf => IoFailure::NotADevice,
        }
    }

    pub(crate) fn in_request(self, request: impl Into<String>) -> IoError {
        IoError {
            request: request.into(),
            cause: self,
        }
    }
}

impl From<std::io::Error> for IoFailure {
    fn from(error: std::io::Error) -> IoFailure {
        IoFailure::Refused {
            kind: error.kind(),
            message: error.to_string(),
        }
    }
}

impl fmt::Display for IoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.request)?;
        match &self.cause {
            IoFailure::NoSuchName => {
                f.write_str("no process has that name; process::registered() lists the names in use")
            }
            IoFailure::Terminated => f.write_str("the device is closed: it was closed before, or its owner ended"),
            IoFailure::NotADevice => f.write_str(
                "the process is not such a device; file::open, string_io::open, io::device and process::group_leader() \
                 give devices",
            ),
            IoFailure::Refused { message, .. } => f.write_str(message),
        }
    }
}

impl fmt::Debug for IoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for IoError {}

impl From<IoError> for crate::ExitReason {
    fn from(error: IoError) -> crate::ExitReason {
        crate::ExitReason::other(error)
    }
}
