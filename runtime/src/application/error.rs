//! Why an application did not load, start or stop, and why its environment did not have a value.

use crate::ExitReason;
use crate::name::Name;
use std::fmt;

/// Why a request about an application failed.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub enum ApplicationError {
    /// No application of that name is loaded.
    NotLoaded {
        /// The name that was asked for.
        name: Name,
        /// The applications that are loaded.
        loaded: Vec<Name>,
    },
    /// An application of that name is loaded already.
    AlreadyLoaded(Name),
    /// The application runs already.
    AlreadyStarted(Name),
    /// The application does not run, which it must to be stopped, or for the one that depends on it to start.
    NotStarted {
        /// The application that does not run.
        name: Name,
        /// The one that depends on it.
        needed_by: Option<Name>,
    },
    /// The application runs, so that it cannot be unloaded.
    Running(Name),
    /// The applications depend on each other in a circle: each of these on the next one.
    Circular(Vec<Name>),
    /// The application did not start.
    Start {
        /// The application.
        name: Name,
        /// What its start said, or what ended it.
        reason: ExitReason,
    },
    /// It was to be stopped by one of its own processes, which would have to wait for its own end.
    StoppingSelf(Name),
}

impl fmt::Display for ApplicationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ApplicationError::NotLoaded { name, loaded } => write!(
                f,
                "the application {name:?} is not loaded; application::load(Spec::new({name:?}, …)) loads it, and \
                 {loaded:?} are loaded"
            ),
            ApplicationError::AlreadyLoaded(name) => write!(
                f,
                "an application {name:?} is loaded already; application::unload({name:?}) makes room for another one"
            ),
            ApplicationError::AlreadyStarted(name) => write!(f, "the application {name:?} runs already"),
            ApplicationError::NotStarted { name, needed_by: None } => {
                write!(f, "the application {name:?} does not run")
            }
            ApplicationError::NotStarted {
                name,
                needed_by: Some(needed_by),
            } => write!(
                f,
                "the application {needed_by:?} needs {name:?}, which does not run; \
                 application::ensure_all_started({needed_by:?}, …) starts what it needs"
            ),
            ApplicationError::Running(name) => write!(
                f,
                "the application {name:?} runs, so it cannot be unloaded; application::stop({name:?}) stops it"
            ),
            ApplicationError::Circular(names) => {
                f.write_str("applications that need each other in a circle can never start: ")?;
                let names: Vec<_> = names.iter().map(|name| format!("{name:?}")).collect();
                f.write_str(&names.join(" needs "))
            }
            ApplicationError::Start { name, reason } => write!(f, "the application {name:?} did not start: {reason}"),
            ApplicationError::StoppingSelf(name) => write!(
                f,
                "a process of the application {name:?} cannot stop it: it would wait for its own end"
            ),
        }
    }
}

impl fmt::Debug for ApplicationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for ApplicationError {}

impl From<ApplicationError> for ExitReason {
    fn from(error: ApplicationError) -> ExitReason {
        ExitReason::other(error)
    }
}

/// Why [`fetch_env`](super::fetch_env) gave nothing.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum EnvError {
    /// Nothing is there under that key.
    NotSet {
        /// The application.
        application: Name,
        /// The key.
        key: Name,
        /// The keys that there are.
        keys: Vec<Name>,
    },
    /// What is there has another type.
    OtherType {
        /// The application.
        application: Name,
        /// The key.
        key: Name,
        /// The type that was asked for.
        asked: &'static str,
        /// The type that the value has.
        found: &'static str,
    },
}

impl fmt::Display for EnvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EnvError::NotSet { application, key, keys } => write!(
                f,
                "the application {application:?} has nothing under {key:?} in its environment; there are {keys:?}"
            ),
            EnvError::OtherType {
                application,
                key,
                asked,
                found,
            } => write!(
                f,
                "what the application {application:?} has under {key:?} is a {found}, and a {asked} was asked for"
            ),
        }
    }
}

impl fmt::Debug for EnvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for EnvError {}
