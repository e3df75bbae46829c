//! Applications: supervision trees that are started and stopped as one, in the order of what they need.
//!
//! A program consists of parts that others could use as well: a store, a web server, the shop itself. Each is a
//! supervision tree. An application gives such a tree a name, says what must run before it, and what it is set up with.
//!
//! ```
//! use crabtree::application::{Application, Spec, Type};
//! use crabtree::prelude::*;
//!
//! struct Shop;
//!
//! impl Application for Shop {
//!     async fn start(&self) -> Result<Pid, ExitReason> {
//!         let stock = application::get_env("shop", "stock").unwrap_or(0);
//!         let sup = Supervisor::new(Strategy::OneForOne)
//!             .child(agent::child_spec("stock", move || stock).name("stock"));
//!         Ok(sup.start_link().await?.pid())
//!     }
//! }
//!
//! # crabtree::run(async {
//! application::load(Spec::library("money"))?;
//! application::load(Spec::new("shop", Shop).applications(["money"]).env("stock", 7))?;
//!
//! assert!(application::start("shop", Type::Temporary).await.is_err()); // "money" does not run
//! let started = application::ensure_all_started("shop", Type::Temporary).await?;
//! assert_eq!(started, ["money", "shop"]);
//! assert_eq!(agent::get(agent::named::<i32>("stock"), |n| *n).await?, 7);
//!
//! application::stop("shop").await?;
//! assert_eq!(process::whereis("stock"), None);
//! # application::stop("money").await?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! # Its processes
//! Each application has a *master*, a process that is linked to the top of the tree, and the group leader of all its
//! processes. What they write goes on to the group leader of the process that started the application, in a notebook to
//! that cell. When the application ends, whatever is left of its processes is killed: nothing outlives it, linked or
//! not.
//!
//! # Its end
//! [`stop`] takes the tree down from the top: the last child first. When the tree ends by itself, the application's
//! [`Type`] says what that means for the others.
//!
//! # When not to use it
//! A tree that is a part of another one is a child of that one's supervisor. An application is for what stands by
//! itself, and what others can depend on.

mod controller;
mod env;
mod error;
mod master;

use crate::ExitReason;
use crate::message::Term;
use crate::name::Name;
use crate::node::node;
use crate::pid::Pid;
use crate::process::call::{Failure, call_with};
use crate::process::{current, deliver, task};
use controller::{Begun, Started};
pub(crate) use controller::{Controller, Presence};
use env::{Env, Setting};
pub use env::{delete_env, fetch_env, get_all_env, get_env, put_env};
pub use error::{ApplicationError, EnvError};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

/// What an application does at its begin and at its end.
pub trait Application: Send + Sync + 'static {
    /// Starts the tree, and returns the pid of its top supervisor, linked to the caller.
    ///
    /// # Errors
    /// The reason why it does not start. A panic is one, too.
    fn start(&self) -> impl Future<Output = Result<Pid, ExitReason>> + Send;

    /// Prepares for the end: the tree still runs, unless it ended by itself.
    fn prep_stop(&self) -> impl Future<Output = ()> + Send {
        async {}
    }

    /// Cleans up: the tree is gone.
    fn stop(&self) -> impl Future<Output = ()> + Send {
        async {}
    }
}

type Callback<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// An [`Application`] whose type is forgotten.
trait Callbacks: Send + Sync {
    fn start(&self) -> Callback<'_, Result<Pid, ExitReason>>;
    fn prep_stop(&self) -> Callback<'_, ()>;
    fn stop(&self) -> Callback<'_, ()>;
}

impl<A: Application> Callbacks for A {
    fn start(&self) -> Callback<'_, Result<Pid, ExitReason>> {
        Box::pin(Application::start(self))
    }

    fn prep_stop(&self) -> Callback<'_, ()> {
        Box::pin(Application::prep_stop(self))
    }

    fn stop(&self) -> Callback<'_, ()> {
        Box::pin(Application::stop(self))
    }
}

/// What the end of an application means for the others, if it ends by itself. After a [`stop`] it means nothing.
///
/// OTP ends the whole node where all other applications are stopped; here the program goes on.
/// A master that is killed takes its tree along, and its application counts as stopped.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Type {
    /// All other applications are stopped, the last started first.
    Permanent,
    /// All others are stopped, unless the reason is [`Normal`](ExitReason::Normal). A supervisor that gives up has
    /// another one.
    Transient,
    /// Nothing.
    #[default]
    Temporary,
}

/// What an application is: OTP's application resource.
#[derive(Clone)]
#[must_use = "an application is known once application::load took its specification"]
pub struct Spec {
    name: Name,
    description: String,
    vsn: String,
    applications: Vec<Name>,
    env: Env,
    /// A library has none.
    callbacks: Option<Arc<dyn Callbacks>>,
}

impl Spec {
    /// An application with a tree.
    pub fn new(name: impl Into<Name>, application: impl Application) -> Spec {
        Spec {
            callbacks: Some(Arc::new(application)),
            ..Spec::library(name)
        }
    }

    /// An application without processes: it has a place in the order, and an environment.
    pub fn library(name: impl Into<Name>) -> Spec {
        Spec {
            name: name.into(),
            description: String::new(),
            vsn: String::new(),
            applications: Vec::new(),
            env: Env::new(),
            callbacks: None,
        }
    }

    /// What it is, in words.
    pub fn description(mut self, description: impl Into<String>) -> Spec {
        self.description = description.into();
        self
    }

    /// Its version.
    pub fn vsn(mut self, vsn: impl Into<String>) -> Spec {
        self.vsn = vsn.into();
        self
    }

    /// Adds applications that must run before it starts.
    pub fn applications<N: Into<Name>>(mut self, names: impl IntoIterator<Item = N>) -> Spec {
        self.applications.extend(names.into_iter().map(Into::into));
        self
    }

    /// Adds a value to its [environment](put_env), for when nobody put another one there before.
    pub fn env<T: Term + Sync>(mut self, key: impl Into<Name>, value: T) -> Spec {
        let value: Arc<dyn Setting> = Arc::new(value);
        self.env.insert(key.into(), value);
        self
    }

    fn described(&self) -> Described {
        Described {
            name: self.name.clone(),
            description: self.description.clone(),
            vsn: self.vsn.clone(),
            applications: self.applications.clone(),
        }
    }
}

impl fmt::Debug for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spec")
            .field("name", &self.name)
            .field("vsn", &self.vsn)
            .field("applications", &self.applications)
            .field("library", &self.callbacks.is_none())
            .finish_non_exhaustive()
    }
}

/// An application as it is listed.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Described {
    /// Its name.
    pub name: Name,
    /// What it is.
    pub description: String,
    /// Its version.
    pub vsn: String,
    /// What must run before it.
    pub applications: Vec<Name>,
}

/// Makes an application known: its environment is there from now on.
///
/// # Errors
/// [`ApplicationError::AlreadyLoaded`].
pub fn load(spec: Spec) -> Result<(), ApplicationError> {
    node().applications.load(spec)
}

/// Forgets an application, and its environment.
///
/// # Errors
/// [`ApplicationError`], when it is not loaded, or runs.
pub fn unload(name: impl Into<Name>) -> Result<(), ApplicationError> {
    node().applications.unload(&name.into())
}

/// Starts an application, and waits until its tree is there. If somebody else starts it just now, it waits for that.
///
/// # Errors
/// [`ApplicationError`]: it is not loaded, it runs already, something that it needs does not run, or its start failed.
/// Nothing of it is left then.
///
/// # Cancel safety
/// When it is dropped, the start goes on.
pub async fn start(name: impl Into<Name>, kind: Type) -> Result<(), ApplicationError> {
    start_named(name.into(), kind).await
}

async fn start_named(name: Name, kind: Type) -> Result<(), ApplicationError> {
    let (pid, record) = master::propose();
    let begun = node().applications.begin(&name, pid);
    let answer = match begun {
        Ok(Begun::Here(spec)) => {
            let begin = |origin| {
                node().applications.wait(&name, pid, origin);
                task::run(pid, Box::pin(master::life(spec, kind)));
            };
            call_with(pid, None, begin).await
        }
        other => {
            // It has not run, so nobody needs to learn that it was there.
            record.finish(pid, ExitReason::Normal);
            let Begun::Elsewhere(master) = other? else {
                return Ok(());
            };
            let wait = |origin| node().applications.wait(&name, master, origin);
            call_with(master, None, wait).await
        }
    };
    let reason = match answer.map(|answer| answer.downcast::<Started>()) {
        Ok(Ok(Ok(()))) => return Ok(()),
        Ok(Ok(Err(reason))) | Err(Failure::Down(reason)) => reason,
        Ok(Err(_)) | Err(Failure::Timeout | Failure::CallingSelf) => ExitReason::NoProc,
    };
    Err(ApplicationError::Start { name, reason })
}

/// Starts an application unless it runs already.
///
/// # Errors
/// As [`start`], except that it may run.
pub async fn ensure_started(name: impl Into<Name>, kind: Type) -> Result<(), ApplicationError> {
    match start_named(name.into(), kind).await {
        Err(ApplicationError::AlreadyStarted(_)) => Ok(()),
        started => started,
    }
}

/// Starts an application, and before it all that it needs and that does not run. Gives the names of those that were
/// started, in this order.
///
/// # Errors
/// [`ApplicationError`], for whichever of them failed; or they need each other in a circle. Those that were started are
/// stopped again.
pub async fn ensure_all_started(name: impl Into<Name>, kind: Type) -> Result<Vec<Name>, ApplicationError> {
    let mut started: Vec<Name> = Vec::new();
    for name in node().applications.needed(&name.into())? {
        match start_named(name.clone(), kind).await {
            Ok(()) => started.push(name),
            Err(ApplicationError::AlreadyStarted(_)) => {}
            Err(error) => {
                for name in started.into_iter().rev() {
                    // One that ended by itself meanwhile is as good as stopped.
                    drop(stop_named(name).await);
                }
                return Err(error);
            }
        }
    }
    Ok(started)
}

/// Stops an application, and waits until none of its processes is left. Others that need it go on, as in OTP.
///
/// # Errors
/// [`ApplicationError`]: it is not loaded, it does not run, or the caller is one of its own processes.
///
/// # Cancel safety
/// When it is dropped, the stop goes on.
pub async fn stop(name: impl Into<Name>) -> Result<(), ApplicationError> {
    stop_named(name.into()).await
}

async fn stop_named(name: Name) -> Result<(), ApplicationError> {
    let Some(master) = node().applications.stop(&name)? else {
        return Ok(());
    };
    if current::get().is_some_and(|caller| caller.pid == master) || current::group_leader() == master {
        return Err(ApplicationError::StoppingSelf(name));
    }
    let stop = |_| drop(deliver(master, crate::Message::new(master::Stop)));
    // However it ends, it is stopped then.
    drop(call_with(master, None, stop).await);
    Ok(())
}

/// Stops all applications, the last started first.
async fn stop_all() {
    for application in node().applications.running() {
        // One that ended by itself meanwhile is as good as stopped.
        drop(stop_named(application.name).await);
    }
}

/// The applications that run, the last started first.
pub fn which_applications() -> Vec<Described> {
    node().applications.running()
}

/// The applications that are loaded, whether they run or not, in the order of their names.
pub fn loaded_applications() -> Vec<Described> {
    node().applications.loaded()
}

/// What an application was loaded as.
pub fn spec(name: impl AsRef<str>) -> Option<Described> {
    let name = name.as_ref();
    loaded_applications()
        .into_iter()
        .find(|application| application.name == name)
}

/// The application that a process belongs to.
pub fn get_application(pid: impl Into<Pid>) -> Option<Name> {
    node().applications.of(master::group_leader(pid.into())?)
}
