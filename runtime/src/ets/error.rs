//! Why a table did not do what it was asked.

use super::Protection;
use crate::name::Name;
use crate::pid::Pid;
use std::fmt;

/// Why a request to a table failed. It says which request it was.
#[derive(Clone, PartialEq, Eq)]
pub struct EtsError {
    /// The request, as code would say it.
    pub request: String,
    /// What happened to it.
    pub cause: EtsFailure,
}

/// What happened to a request that a table did not fulfil.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum EtsFailure {
    /// The table is gone: it was deleted, or its owner ended.
    Gone,
    /// The protection of the table keeps the caller out.
    Access {
        /// How the table is protected.
        protection: Protection,
        /// Who may do it.
        owner: Pid,
        /// Who wanted to; `None` outside of any process.
        caller: Option<Pid>,
    },
    /// Only the owner may do this.
    NotOwner {
        /// The owner.
        owner: Pid,
    },
    /// The table has no object with this key, which is shown as its `Debug` does.
    NoSuchKey(String),
    /// The counter would leave the range of its type.
    Overflow,
    /// The name belongs to a table of this process.
    NameTaken {
        /// The owner of that table.
        owner: Pid,
    },
    /// No table has that name.
    NoSuchTable {
        /// The names in use.
        known: Vec<Name>,
    },
    /// The table of that name has other types, or is of another kind.
    OtherType {
        /// What was asked for.
        asked: String,
        /// What it is.
        found: String,
    },
    /// The process that was to own the table is not alive.
    NoProc(Pid),
    /// The process that was to own the table owns it.
    AlreadyOwner(Pid),
}

impl EtsFailure {
    pub(super) fn in_request(self, request: impl Into<String>) -> EtsError {
        EtsError {
            request: request.into(),
            cause: self,
        }
    }
}

impl fmt::Display for EtsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.request)?;
        match &self.cause {
            EtsFailure::Gone => f.write_str("the table is gone: it was deleted, or its owner ended"),
            EtsFailure::Access {
                protection,
                owner,
                caller,
            } => {
                let who = caller.map_or("who is no process".to_owned(), |caller| format!("{caller}"));
                let may = match protection {
                    Protection::Private => "read or write",
                    Protection::Protected | Protection::Public => "write",
                };
                write!(
                    f,
                    "the table is {protection:?}, so that only its owner {owner} may {may}, and not {who}; make it with \
                     .public() if others are to"
                )
            }
            EtsFailure::NotOwner { owner } => write!(f, "only the owner may do this, which is {owner}"),
            EtsFailure::NoSuchKey(key) => write!(f, "the table has no object with the key {key}"),
            EtsFailure::Overflow => f.write_str("the counter would leave the range of its type, and stays as it is"),
            EtsFailure::NameTaken { owner } => write!(
                f,
                "a table of {owner} has that name; take another one, or leave out .named_table()"
            ),
            EtsFailure::NoSuchTable { known } => {
                write!(
                    f,
                    "no table has that name; there are {known:?}, made with .named_table()"
                )
            }
            EtsFailure::OtherType { asked, found } => write!(f, "the table is a {found}, and a {asked} was asked for"),
            EtsFailure::NoProc(pid) => write!(f, "{pid} is not alive, so it cannot own a table"),
            EtsFailure::AlreadyOwner(pid) => write!(f, "{pid} owns the table already"),
        }
    }
}

impl fmt::Debug for EtsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for EtsError {}

impl From<EtsError> for crate::ExitReason {
    fn from(error: EtsError) -> crate::ExitReason {
        crate::ExitReason::other(error)
    }
}
