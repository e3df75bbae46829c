//! Child specifications: how a supervisor starts, restarts and stops a child.

use super::plan::{Plan, StartWith};
use super::strategy::{Restart, Shutdown};
use super::{keeper, making};
use crate::gen_server::{self, Crash, GenServer, Init, StartError, guard};
use crate::name::Name;
use crate::pid::Pid;
use crate::type_name::short_type_name;
use crate::{ExitReason, me, process, secs};
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
    start_timeout: Option<Duration>,
    start: Start,
}

type Start = Arc<dyn Fn(StartWith) -> Starting + Send + Sync>;

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
    ChildSpec::server::<S>(id.into(), move |_| Ok(args.lock().clone()))
}

impl ChildSpec {
    /// A child that `start` starts, in the process of the supervisor: it returns the pid of a process that it spawned with a
    /// link.
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
        let start = Arc::new(start);
        let start = move |with: StartWith| -> Starting {
            let start = start.clone();
            Box::pin(async move {
                let started = async { start().await };
                let started = match with.timeout {
                    Some(time) => (tokio::time::timeout(time, started).await).map_err(|_| StartError::Timeout(time))?,
                    None => started.await,
                };
                let pid = started.map_err(StartError::Exit)?;
                if pid == me() {
                    let why = "the start of the child gave the pid of its supervisor; it gives that of a process that it spawned";
                    return Err(StartError::Invalid(why.to_owned()));
                }
                // A start that forgot the link would leave the supervisor without news of the child.
                process::link(pid);
                match with.name.map(|name| process::register(pid, name)) {
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

    /// A supervisor as child: `make` describes it each time that it is started. It may be of any kind.
    ///
    /// ```
    /// use crabtree::dynamic_supervisor::DynamicSupervisor;
    /// use crabtree::prelude::*;
    ///
    /// let workers = ChildSpec::supervisor("workers", || Supervisor::new(Strategy::OneForAll));
    /// let rooms = ChildSpec::supervisor("rooms", || DynamicSupervisor::new().name("rooms"));
    /// ```
    pub fn supervisor<F, P>(id: impl Into<Name>, make: F) -> ChildSpec
    where
        F: Fn() -> P + Send + Sync + 'static,
        P: Into<Plan>,
    {
        let module = short_type_name::<P>();
        ChildSpec::supervising(id.into(), module, move || making(Init::ok(make().into())))
    }

    /// A supervisor that `make` makes, in its process.
    pub(crate) fn supervising<F>(id: Name, module: String, make: F) -> ChildSpec
    where
        F: Fn() -> keeper::Making + Send + Sync + 'static,
    {
        let start = move |with: StartWith| -> Starting {
            let made = make();
            Box::pin(async move { Ok(keeper::start(made, with.name, with.timeout).await?.pid()) })
        };
        ChildSpec {
            kind: ChildKind::Supervisor,
            shutdown: Shutdown::Infinity,
            module: Some(module.into()),
            ..ChildSpec::any(id, Arc::new(start))
        }
    }

    /// A server whose arguments `args` makes at each start.
    pub(crate) fn server<S: GenServer>(
        id: Name,
        args: impl Fn(&StartWith) -> Result<S::Args, StartError> + Send + Sync + 'static,
    ) -> ChildSpec {
        let start = move |with: StartWith| -> Starting {
            let args = args(&with);
            Box::pin(async move {
                let mut starting = gen_server::start_link::<S>(args?);
                if let Some(name) = with.name {
                    starting = starting.name(name);
                }
                if let Some(time) = with.timeout {
                    starting = starting.timeout(time);
                }
                Ok(starting.await?.pid())
            })
        };
        ChildSpec {
            module: Some(short_type_name::<S>().into()),
            ..ChildSpec::any(id, Arc::new(start))
        }
    }

    fn any(id: Name, start: Start) -> ChildSpec {
        ChildSpec {
            id,
            name: None,
            restart: Restart::default(),
            shutdown: Shutdown::Timeout(DEFAULT_SHUTDOWN),
            significant: false,
            kind: ChildKind::Worker,
            module: None,
            start_timeout: None,
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

    /// How long the start of the child may take. Unless it is said, it may take for ever, and the supervisor with it.
    ///
    /// A server that is not up by then is killed. A function given to [`ChildSpec::new`] is not waited for any longer; what
    /// it has spawned by then stays.
    pub fn start_timeout(mut self, time: Duration) -> ChildSpec {
        self.start_timeout = Some(time);
        self
    }

    /// Forgets how the child is started, and with it the arguments: nobody will start it again.
    pub(super) fn forget_start(&mut self) {
        self.start = Arc::new(|_| {
            let why = "the child is temporary, so its supervisor does not know how it was started";
            Box::pin(std::future::ready(Err(StartError::Invalid(why.to_owned()))))
        });
    }

    /// Starts the child. A panic in the start is an error, too.
    pub(super) async fn start(self, with: StartWith) -> Result<Pid, StartError> {
        let with = StartWith {
            name: self.name,
            timeout: self.start_timeout,
            ..with
        };
        let start = self.start;
        let started = guard(|| start(with)).await;
        started.unwrap_or_else(|Crash { reason, .. }| Err(StartError::Exit(reason)))
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
            .field("significant", &self.significant)
            .finish_non_exhaustive()
    }
}
