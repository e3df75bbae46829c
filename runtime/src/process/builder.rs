//! Processes with options.

use super::task::{self, Start};
use super::{Priority, current, lifecycle};
use crate::name::{Name, RegisterError};
use crate::node::node;
use crate::pid::{MonitorRef, Pid};
use std::future::Future;

/// A process that is about to be spawned, with options: OTP's `spawn_opt`.
///
/// All of them hold before the first step of the process. Without any option, [`spawn`](Builder::spawn) does what
/// [`process::spawn`](crate::process::spawn) does.
///
/// ```
/// # crabtree::run(async {
/// use crabtree::prelude::*;
/// use crabtree::process::Priority;
///
/// let clerk = process::Builder::new()
///     .name("clerk")
///     .label("takes orders until six")
///     .priority(Priority::High)
///     .link()
///     .spawn(process::sleep(secs(60)))?;
///
/// assert_eq!(process::whereis("clerk"), Some(clerk));
/// let info = process::info(clerk).unwrap();
/// assert_eq!((info.priority, info.links), (Priority::High, vec![me()]));
/// # process::unlink(clerk);
/// # process::exit(clerk, ExitReason::Kill);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "nothing is spawned before `spawn`"]
pub struct Builder {
    name: Option<Name>,
    label: Option<Name>,
    link: bool,
    priority: Priority,
    group_leader: Option<Pid>,
}

impl Builder {
    /// Without options.
    pub fn new() -> Builder {
        Builder::default()
    }

    /// Registers the process under that name.
    pub fn name(mut self, name: impl Into<Name>) -> Builder {
        self.name = Some(name.into());
        self
    }

    /// Labels the process; see [`set_label`](super::set_label).
    pub fn label(mut self, label: impl Into<Name>) -> Builder {
        self.label = Some(label.into());
        self
    }

    /// Links the process to its spawner.
    pub fn link(mut self) -> Builder {
        self.link = true;
        self
    }

    /// How urgent its work is; see [`Flag::Priority`](super::Flag::Priority).
    pub fn priority(mut self, priority: Priority) -> Builder {
        self.priority = priority;
        self
    }

    /// Directs its output there, instead of to where the output of its spawner goes.
    pub fn group_leader(mut self, leader: impl Into<Pid>) -> Builder {
        self.group_leader = Some(leader.into());
        self
    }

    /// Begins the process, which runs `future`.
    ///
    /// # Errors
    /// When the [name](Builder::name) is taken: nothing was spawned then. Without a name it does not fail.
    ///
    /// # Panics
    /// Outside of a process, if it is to be [linked](Builder::link).
    #[track_caller]
    pub fn spawn<F>(self, future: F) -> Result<Pid, RegisterError>
    where
        F: Future + Send + 'static,
    {
        if self.link {
            current::expect("a spawn with link");
        }
        let start = self.start(Start::of::<F>());
        self.begin(start, lifecycle::body(future))
    }

    /// Like [`spawn`](Builder::spawn), and the caller monitors the process.
    ///
    /// ```
    /// # crabtree::run(async {
    /// use crabtree::prelude::*;
    ///
    /// let (pid, watched) = process::Builder::new().label("brief").spawn_monitor(async {})?;
    /// receive! { Down { monitor, .. } => assert_eq!(monitor, watched) }
    /// # assert!(!process::is_alive(pid));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    /// As [`spawn`](Builder::spawn).
    ///
    /// # Panics
    /// Outside of a process.
    #[track_caller]
    pub fn spawn_monitor<F>(self, future: F) -> Result<(Pid, MonitorRef), RegisterError>
    where
        F: Future + Send + 'static,
    {
        current::expect("a spawn with monitor");
        let monitor = node().new_ref();
        let start = Start {
            monitor: Some(monitor),
            ..self.start(Start::of::<F>())
        };
        let pid = self.begin(start, lifecycle::body(future))?;
        Ok((pid, MonitorRef(monitor)))
    }

    fn start(&self, start: Start) -> Start {
        Start {
            link: self.link,
            priority: self.priority,
            ..start
        }
    }

    fn begin(self, start: Start, body: task::Body) -> Result<Pid, RegisterError> {
        let register = |pid| (self.name).map_or(Ok(()), |name| lifecycle::register_name(pid, name));
        let (pid, record) = task::begin_as(start, register)?;
        {
            let mut state = record.lock();
            if self.label.is_some() {
                state.extras_mut().label = self.label;
            }
            if let Some(leader) = self.group_leader {
                state.set_group_leader(leader);
            }
        }
        task::run(pid, body);
        Ok(pid)
    }
}
