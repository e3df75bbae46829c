//! What the node knows of applications: which are loaded, which run, and who waits for one to start.
//!
//! It is a table and no process, since applications run where they are started, and nobody outlives them all.
//!
//! # Invariants
//! 1. An application that starts or runs has a master, whose pid is in its state; only the master changes that state,
//!    and takes it back before anybody learns of the master's end. A library has no process and no master.
//! 2. Nothing of a user runs under the lock, and no record is locked under it.

use super::env::Env;
use super::{ApplicationError, Described, Spec, Type};
use crate::ExitReason;
use crate::name::Name;
use crate::pid::Pid;
use crate::process::call::Origin;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;

/// See the module.
#[derive(Default)]
pub(crate) struct Controller {
    pub(super) known: Mutex<Known>,
}

#[derive(Default)]
pub(super) struct Known {
    loaded: BTreeMap<Name, Loaded>,
    pub(super) env: BTreeMap<Name, Env>,
    /// How many applications were started until now: it tells which was before which.
    starts: u64,
}

struct Loaded {
    spec: Arc<Spec>,
    state: State,
}

enum State {
    Stopped,
    Starting { master: Pid, waiting: Vec<Origin> },
    Running { tree: Option<Tree>, start: u64 },
}

/// The processes that an application stands on: its master, and what its start gave.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Tree {
    pub(crate) master: Pid,
    pub(crate) root: Pid,
}

/// What is there of an application.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Presence {
    NotLoaded,
    NotStarted,
    Running(Tree),
    /// A library runs without processes.
    Library,
}

/// What becomes of somebody who wants to start an application.
pub(super) enum Begun {
    /// The master that was proposed starts it.
    Here(Arc<Spec>),
    /// There is nothing to start: it runs.
    Library,
    /// This master starts it already.
    Elsewhere(Pid),
}

/// What a start came to.
pub(super) type Started = Result<(), ExitReason>;

impl Known {
    fn find(&mut self, name: &Name) -> Result<&mut Loaded, ApplicationError> {
        let unknown = || ApplicationError::NotLoaded {
            name: name.clone(),
            loaded: self.loaded.keys().cloned().collect(),
        };
        if !self.loaded.contains_key(name) {
            return Err(unknown());
        }
        Ok(self.loaded.get_mut(name).expect("it was looked for just now"))
    }

    fn runs(&self, name: &Name) -> bool {
        let loaded = self.loaded.get(name);
        loaded.is_some_and(|loaded| matches!(loaded.state, State::Running { .. }))
    }

    /// The state of an application, if it has this master.
    fn of_master(&mut self, name: &Name, master: Pid) -> Option<&mut State> {
        let state = &mut self.loaded.get_mut(name)?.state;
        let same = match state {
            State::Starting { master: other, .. } => *other == master,
            State::Running { tree, .. } => tree.is_some_and(|tree| tree.master == master),
            State::Stopped => false,
        };
        same.then_some(state)
    }
}

impl Controller {
    pub(super) fn load(&self, spec: Spec) -> Result<(), ApplicationError> {
        let mut known = self.known.lock();
        let name = spec.name.clone();
        if known.loaded.contains_key(&name) {
            return Err(ApplicationError::AlreadyLoaded(name));
        }
        let env = known.env.entry(name.clone()).or_default();
        for (key, value) in &spec.env {
            env.entry(key.clone()).or_insert_with(|| value.clone());
        }
        let (spec, state) = (Arc::new(spec), State::Stopped);
        known.loaded.insert(name, Loaded { spec, state });
        Ok(())
    }

    pub(super) fn unload(&self, name: &Name) -> Result<(), ApplicationError> {
        let mut known = self.known.lock();
        match known.find(name)?.state {
            State::Stopped => {}
            State::Starting { .. } | State::Running { .. } => return Err(ApplicationError::Running(name.clone())),
        }
        let gone = (known.loaded.remove(name), known.env.remove(name));
        drop(known);
        drop(gone);
        Ok(())
    }

    /// Lets `master` start an application, if it can be started now.
    pub(super) fn begin(&self, name: &Name, master: Pid) -> Result<Begun, ApplicationError> {
        let mut known = self.known.lock();
        let loaded = known.find(name)?;
        match loaded.state {
            State::Stopped => {}
            State::Starting { master, .. } => return Ok(Begun::Elsewhere(master)),
            State::Running { .. } => return Err(ApplicationError::AlreadyStarted(name.clone())),
        }
        let spec = loaded.spec.clone();
        if let Some(missing) = spec.applications.iter().find(|needed| !known.runs(needed)) {
            return Err(ApplicationError::NotStarted {
                name: missing.clone(),
                needed_by: Some(name.clone()),
            });
        }
        known.starts += 1;
        let start = known.starts;
        let (state, begun) = match spec.callbacks {
            Some(_) => {
                let waiting = Vec::new();
                (State::Starting { master, waiting }, Begun::Here(spec))
            }
            None => (State::Running { tree: None, start }, Begun::Library),
        };
        known.find(name)?.state = state;
        Ok(begun)
    }

    /// Answers `origin` when the start is done that `master` is about.
    pub(super) fn wait(&self, name: &Name, master: Pid, origin: Origin) {
        let mut known = self.known.lock();
        match known.of_master(name, master) {
            Some(State::Starting { waiting, .. }) => waiting.push(origin),
            Some(_) => origin.reply(Started::Ok(())),
            // The master is gone, which the one who waits learns by the monitor.
            None => {}
        }
    }

    pub(super) fn is_running(&self, name: &Name, tree: Tree) {
        let mut known = self.known.lock();
        known.starts += 1;
        let start = known.starts;
        let Some(state) = known.of_master(name, tree.master) else {
            return;
        };
        let tree = Some(tree);
        let before = std::mem::replace(state, State::Running { tree, start });
        drop(known);
        before.answer(&Ok(()));
    }

    /// The master does not run the application any more.
    pub(super) fn is_stopped(&self, name: &Name, master: Pid, reason: &ExitReason) {
        let mut known = self.known.lock();
        let Some(state) = known.of_master(name, master) else {
            return;
        };
        let before = std::mem::replace(state, State::Stopped);
        drop(known);
        before.answer(&Err(reason.clone()));
    }

    /// The master of an application that runs; one without a master is stopped with that.
    pub(super) fn stop(&self, name: &Name) -> Result<Option<Pid>, ApplicationError> {
        let mut known = self.known.lock();
        let loaded = known.find(name)?;
        match loaded.state {
            State::Running { tree: None, .. } => {
                loaded.state = State::Stopped;
                Ok(None)
            }
            State::Running { tree: Some(tree), .. } => Ok(Some(tree.master)),
            State::Stopped | State::Starting { .. } => Err(ApplicationError::NotStarted {
                name: name.clone(),
                needed_by: None,
            }),
        }
    }

    /// What is there of an application at this moment.
    pub(crate) fn presence(&self, name: &str) -> Presence {
        let known = self.known.lock();
        match known.loaded.get(name).map(|loaded| &loaded.state) {
            None => Presence::NotLoaded,
            Some(State::Stopped | State::Starting { .. }) => Presence::NotStarted,
            Some(State::Running { tree: Some(tree), .. }) => Presence::Running(*tree),
            Some(State::Running { tree: None, .. }) => Presence::Library,
        }
    }

    /// The applications that run, the last started first.
    pub(super) fn running(&self) -> Vec<Described> {
        let known = self.known.lock();
        let mut running: Vec<(u64, Described)> = (known.loaded.values())
            .filter_map(|loaded| match loaded.state {
                State::Running { start, .. } => Some((start, loaded.spec.described())),
                State::Stopped | State::Starting { .. } => None,
            })
            .collect();
        running.sort_by_key(|(start, _)| std::cmp::Reverse(*start));
        running.into_iter().map(|(_, described)| described).collect()
    }

    pub(super) fn loaded(&self) -> Vec<Described> {
        let known = self.known.lock();
        known.loaded.values().map(|loaded| loaded.spec.described()).collect()
    }

    /// The application with this master.
    pub(super) fn of(&self, master: Pid) -> Option<Name> {
        let known = self.known.lock();
        let same = |state: &State| match state {
            State::Starting { master: other, .. } => *other == master,
            State::Running { tree, .. } => tree.is_some_and(|tree| tree.master == master),
            State::Stopped => false,
        };
        let mut all = known.loaded.iter();
        all.find(|(_, loaded)| same(&loaded.state))
            .map(|(name, _)| name.clone())
    }

    /// What has to run for an application to run: what others need comes first, and the application last.
    pub(super) fn needed(&self, name: &Name) -> Result<Vec<Name>, ApplicationError> {
        let mut known = self.known.lock();
        let mut order = Vec::new();
        visit(&mut known, name, &mut Vec::new(), &mut order)?;
        Ok(order)
    }

    /// How an application is to be taken when it ends by itself.
    pub(super) fn takes_others_along(kind: Type, reason: &ExitReason) -> bool {
        match kind {
            Type::Permanent => true,
            Type::Transient => !reason.is_normal(),
            Type::Temporary => false,
        }
    }
}

impl State {
    fn answer(self, started: &Started) {
        if let State::Starting { waiting, .. } = self {
            waiting.into_iter().for_each(|origin| origin.reply(started.clone()));
        }
    }
}

/// Depth first; `path` is how we came here.
fn visit(known: &mut Known, name: &Name, path: &mut Vec<Name>, order: &mut Vec<Name>) -> Result<(), ApplicationError> {
    if order.contains(name) {
        return Ok(());
    }
    if let Some(begin) = path.iter().position(|before| before == name) {
        let circle = path[begin..].iter().chain([name]).cloned();
        return Err(ApplicationError::Circular(circle.collect()));
    }
    let spec = known.find(name)?.spec.clone();
    path.push(name.clone());
    for needed in &spec.applications {
        visit(known, needed, path, order)?;
    }
    path.pop();
    order.push(name.clone());
    Ok(())
}
