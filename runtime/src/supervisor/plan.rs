//! What a supervisor is to be, and what is not possible.

use super::child_spec::ChildSpec;
use super::error::ChildError;
use super::strategy::{AutoShutdown, Restart, Strategy};
use crate::gen_server::{Place, StartError};
use crate::name::Name;
use std::any::Any;
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// What a supervisor is to be, of whatever kind: a [`Supervisor`](super::Supervisor), a
/// [`DynamicSupervisor`](crate::dynamic_supervisor::DynamicSupervisor) or a
/// [`PartitionSupervisor`](crate::partition_supervisor::PartitionSupervisor) becomes one.
#[derive(Debug)]
pub struct Plan {
    pub(crate) options: Options,
    pub(crate) kind: Kind,
}

/// What all kinds of supervisors have.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) place: Option<Place>,
    pub(crate) max_restarts: u32,
    pub(crate) max_seconds: u32,
    pub(crate) progress_reports: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            place: None,
            max_restarts: 3,
            max_seconds: 5,
            progress_reports: false,
        }
    }
}

/// What the kinds of supervisors have each for itself.
#[derive(Debug)]
pub(crate) enum Kind {
    Ordered {
        strategy: Strategy,
        auto_shutdown: AutoShutdown,
        children: Vec<ChildSpec>,
        partitions: Option<usize>,
    },
    Dynamic {
        max_children: usize,
        extra: Option<Extra>,
    },
}

impl Plan {
    /// Whether it is possible.
    pub(super) fn check(&self) -> Result<(), StartError> {
        let invalid = |why: String| Err(StartError::Invalid(why));
        if self.options.max_seconds == 0 {
            return invalid("max_seconds is 0; restarts are counted within a time of 1 second or more".to_owned());
        }
        let Kind::Ordered {
            auto_shutdown,
            children,
            partitions,
            ..
        } = &self.kind
        else {
            return Ok(());
        };
        if *partitions == Some(0) {
            return invalid("partitions is 0; a partition supervisor has 1 partition or more".to_owned());
        }
        let mut ids = HashSet::new();
        if let Some(spec) = children.iter().find(|spec| !ids.insert(&spec.id)) {
            let id = &spec.id;
            return invalid(format!(
                "two children have the id {id:?}; give each its own: child_spec::<…>(id, args)"
            ));
        }
        match children.iter().find(|spec| !may_be(spec, *auto_shutdown)) {
            Some(spec) => invalid(ChildError::Significant(spec.id.clone()).to_string()),
            None => Ok(()),
        }
    }
}

/// OTP: only a child that is not always restarted can be significant, and only where that means something.
pub(super) fn may_be(spec: &ChildSpec, auto_shutdown: AutoShutdown) -> bool {
    !spec.significant || (auto_shutdown != AutoShutdown::Never && spec.restart != Restart::Permanent)
}

/// What a dynamic supervisor gives to its children beside what their specifications say.
#[derive(Clone)]
pub(crate) struct Extra {
    pub(crate) value: Arc<dyn Any + Send + Sync>,
    pub(crate) type_name: &'static str,
}

impl fmt::Debug for Extra {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.type_name)
    }
}

/// How a supervisor starts a child.
#[derive(Clone, Debug, Default)]
pub(crate) struct StartWith {
    pub(crate) name: Option<Name>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) extra: Option<Extra>,
}

/// The options that all kinds of supervisors have, as methods of their builders.
macro_rules! options {
    () => {
        /// Registers the supervisor under that name.
        pub fn name(mut self, name: impl Into<$crate::Name>) -> Self {
            self.options.place = Some($crate::gen_server::Place::Name(name.into()));
            self
        }

        /// Registers the supervisor there, for example under a key of a [registry](crate::registry::via).
        pub fn via(mut self, via: impl $crate::gen_server::Via) -> Self {
            self.options.place = Some($crate::gen_server::Place::Via(Box::new(via)));
            self
        }

        /// How many restarts are not too many. Unless it is said, 3.
        pub fn max_restarts(mut self, max_restarts: u32) -> Self {
            self.options.max_restarts = max_restarts;
            self
        }

        /// Within which time, in seconds; at least 1. Unless it is said, 5.
        pub fn max_seconds(mut self, max_seconds: u32) -> Self {
            self.options.max_seconds = max_seconds;
            self
        }

        /// Reports each start and each end of a child on the error stream of the supervisor's group leader.
        ///
        /// Failures are reported without it: a child that cannot be restarted, one that had to be killed because it did not
        /// shut down in time, and too many restarts.
        pub fn progress_reports(mut self) -> Self {
            self.options.progress_reports = true;
            self
        }
    };
}

pub(crate) use options;
