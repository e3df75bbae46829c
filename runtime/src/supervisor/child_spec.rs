//! Child specifications: how a supervisor starts, restarts and stops a child.

use super::strategy::{Fate, Restart, Shutdown};
use super::{Child, Supervisor};
use crate::gen_server::{self, GenServer, StartError, short_type_name};
use crate::name::Name;
use crate::pid::Pid;
use crate::{ExitReason, process, secs};
use parking_lot::Mutex;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

/// Whether a child is itself a supervisor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ChildKind {
    /// It does the work.
    Worker,
    /// It has children of its own.
    Supervisor,
}

pub(crate) type Starting = Pin<Box<dyn Future<Output = Result<Pid, StartError>> + Send>>;

/// How a supervisor starts a child, and what it does when the child ends.
///
/// A supervisor may start a child many times, so a specification can be started again and again. Unless it says
/// otherwise, a child is permanent, and has 5 seconds to shut down; a supervisor as child has all the time that it needs.
#[derive(Clone)]
pub struct ChildSpec {
    pub(super) id: Name,
    pub(super) name: Option<Name>,
    pub(super) restart: Restart,
    pub(super) shutdown: Shutdown,
    pub(super) significant: bool,
    pub(super) kind: ChildKind,
    /// What runs in the child, for those who look.
    pub(super) module: Option<Name>,
    start: Arc<dyn Fn(Option<Name>) -> Starting + Send + Sync>,
}

/// The specification of a server: how supervisors start most of their children.
///
/// ```
/// use crabtree::prelude::*;
///
/// #[derive(Debug)]
/// struct Stack(Vec<i64>);
///
/// impl GenServer for Stack {
///     type Args = Vec<i64>;
///     async fn init(items: Vec<i64>) -> Init<Self> { Init::ok(Stack(items)) }
/// }
///
/// let spec = child_spec::<Stack>("stack", vec![1, 2, 3])
///     .name("stack")
///     .restart(Restart::Transient)
///     .shutdown(Shutdown::Timeout(ms(500)));
/// ```
pub fn child_spec<S>(id: impl Into<Name>, args: S::Args) -> ChildSpec
where
    S: GenServer,
    S::Args: Clone,
{
    let args = Mutex::new(args);
    let start = move |name: Option<Name>| -> Starting {
        let starting = gen_server::start_link::<S>(args.lock().clone());
        Box::pin(async move {
            let starting = match name {
                Some(name) => starting.name(name),
                None => starting,
            };
            Ok(starting.await?.pid())
        })
    };
    ChildSpec {
        module: Some(short_type_name::<S>().into()),
        ..ChildSpec::any(id.into(), Arc::new(start))
    }
}

impl ChildSpec {
    /// A child that `start` starts: it returns the pid of a process that it linked to the caller.
    ///
    /// ```
    /// use crabtree::prelude::*;
    ///
    /// let ticker = ChildSpec::new("ticker", || async {
    ///     Ok(spawn_link(async {
    ///         loop {
    ///             process::sleep(secs(1)).await;
    ///         }
    ///     }))
    /// });
    /// ```
    pub fn new<F, R>(id: impl Into<Name>, start: F) -> ChildSpec
    where
        F: Fn() -> R + Send + Sync + 'static,
        R: Future<Output = Result<Pid, ExitReason>> + Send + 'static,
    {
        let start = move |name: Option<Name>| -> Starting {
            let started = start();
            Box::pin(async move {
                let pid = started.await.map_err(StartError::Exit)?;
                match name.map(|name| process::register(pid, name)) {
                    Some(Err(error)) => {
                        process::unlink(pid);
                        process::exit(pid, ExitReason::Kill);
                        Err(StartError::Exit(ExitReason::other(error)))
                    }
                    _ => Ok(pid),
                }
            })
        };
        ChildSpec::any(id.into(), Arc::new(start))
    }

    /// A supervisor as child: `make` describes it each time that it is started.
    ///
    /// ```
    /// use crabtree::prelude::*;
    ///
    /// let spec = ChildSpec::supervisor("workers", || Supervisor::new(Strategy::OneForAll));
    /// ```
    pub fn supervisor<F>(id: impl Into<Name>, make: F) -> ChildSpec
    where
        F: Fn() -> Supervisor + Send + Sync + 'static,
    {
        let start = move |name: Option<Name>| -> Starting {
            let supervisor = make();
            let supervisor = match name {
                Some(name) => supervisor.name(name),
                None => supervisor,
            };
            Box::pin(async move { Ok(supervisor.start_link().await?.pid()) })
        };
        ChildSpec {
            kind: ChildKind::Supervisor,
            shutdown: Shutdown::Infinity,
            module: Some("Supervisor".into()),
            ..ChildSpec::any(id.into(), Arc::new(start))
        }
    }

    fn any(id: Name, start: Arc<dyn Fn(Option<Name>) -> Starting + Send + Sync>) -> ChildSpec {
        ChildSpec {
            id,
            name: None,
            restart: Restart::default(),
            shutdown: Shutdown::Timeout(DEFAULT_SHUTDOWN),
            significant: false,
            kind: ChildKind::Worker,
            module: None,
            start,
        }
    }

    /// Registers the child under that name, each time that it is started.
    pub fn name(mut self, name: impl Into<Name>) -> ChildSpec {
        self.name = Some(name.into());
        self
    }

    /// When the child is restarted.
    pub fn restart(mut self, restart: Restart) -> ChildSpec {
        self.restart = restart;
        self
    }

    /// How the child is told to end.
    pub fn shutdown(mut self, shutdown: Shutdown) -> ChildSpec {
        self.shutdown = shutdown;
        self
    }

    /// Makes the child one whose end, if it is not restarted, can end its supervisor, as the supervisor's
    /// [`AutoShutdown`](super::AutoShutdown) says. It must be transient or temporary.
    pub fn significant(mut self) -> ChildSpec {
        self.significant = true;
        self
    }

    /// The same specification under another id.
    pub fn id(mut self, id: impl Into<Name>) -> ChildSpec {
        self.id = id.into();
        self
    }

    pub(crate) fn start(&self) -> Starting {
        (self.start)(self.name.clone())
    }

    /// What becomes of the child when it ends with that reason.
    pub(crate) fn fate(&self, reason: &ExitReason) -> Fate {
        self.restart.fate(reason)
    }

    pub(crate) fn shutdown_value(&self) -> Shutdown {
        self.shutdown
    }

    /// The child as it is listed.
    pub(crate) fn listed(&self, pid: Option<Pid>) -> Child {
        Child {
            id: self.id.clone(),
            pid,
            kind: self.kind,
            module: self.module.clone(),
        }
    }
}

const DEFAULT_SHUTDOWN: Duration = secs(5);

impl fmt::Debug for ChildSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChildSpec")
            .field("id", &self.id)
            .field("name", &self.name)
            .field("kind", &self.kind)
            .field("restart", &self.restart)
            .field("shutdown", &self.shutdown)
            .finish_non_exhaustive()
    }
}
