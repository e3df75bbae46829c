//! The process of a supervisor: a server that traps exits.
//!
//! Its children are in a list, in the order of their start. Whatever happens to them is one of a few steps (start,
//! stop, restart, give up), and after each the list that others see is set anew.

use super::child_spec::ChildSpec;
use super::snapshot::{ChildStatus, ChildView, Shared, View};
use super::strategy::{AutoShutdown, Fate, Intensity, Restart, Shutdown, Strategy};
use super::{Child, ChildCount, ChildError};
use crate::gen_server::{self, Caller, GenServer, HandleCall, Init, Next, Reply, StartError};
use crate::message::Message;
use crate::name::Name;
use crate::pid::Pid;
use crate::process::{self, Down, Exit, Flag, current};
use crate::{ExitReason, me, ms, receive, report, send};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// What a supervisor is to be.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) strategy: Strategy,
    pub(super) max_restarts: u32,
    pub(super) max_seconds: Duration,
    pub(super) auto_shutdown: AutoShutdown,
    pub(super) children: Vec<ChildSpec>,
}

/// The state of a supervisor.
#[derive(Debug)]
pub(super) struct Keeper {
    strategy: Strategy,
    intensity: Intensity,
    auto_shutdown: AutoShutdown,
    /// In the order in which they are started.
    children: Vec<Kept>,
    shared: Arc<Shared>,
}

/// A child in its supervisor's hands.
#[derive(Debug)]
struct Kept {
    spec: ChildSpec,
    status: ChildStatus,
    restarts: u32,
    previous: Option<Pid>,
}

/// Sent to itself when a restart failed: others get their turn before the next try.
#[derive(Debug)]
struct TryAgain {
    id: Name,
}

impl Kept {
    fn new(spec: ChildSpec) -> Kept {
        Kept {
            spec,
            status: ChildStatus::NotStarted,
            restarts: 0,
            previous: None,
        }
    }

    fn pid(&self) -> Option<Pid> {
        match self.status {
            ChildStatus::Running(pid) => Some(pid),
            ChildStatus::Restarting | ChildStatus::NotStarted => None,
        }
    }

    async fn start(&mut self) -> Result<(), StartError> {
        self.status = match self.spec.start().await {
            Ok(pid) => ChildStatus::Running(pid),
            Err(StartError::Ignore) => ChildStatus::NotStarted,
            Err(error) => return Err(error),
        };
        Ok(())
    }

    async fn stop(&mut self) {
        if let Some(pid) = self.pid() {
            stop(pid, self.spec.shutdown).await;
            self.status = ChildStatus::NotStarted;
        }
    }

    fn listed(&self) -> Child {
        self.spec.listed(self.pid())
    }

    fn view(&self) -> ChildView {
        ChildView::of(&self.spec, self.status, self.restarts, self.previous)
    }
}

/// Tells a child to end, and waits until it is gone.
async fn stop(pid: Pid, shutdown: Shutdown) {
    let watched = process::monitor(pid);
    // From here on its end is seen through the monitor alone; an exit that came before is taken out.
    process::unlink(pid);
    receive! {
        Exit { from, .. } if from == pid => (),
        after ms(0) => (),
    }
    match shutdown {
        Shutdown::BrutalKill => process::exit(pid, ExitReason::Kill),
        Shutdown::Infinity => process::exit(pid, ExitReason::Shutdown),
        Shutdown::Timeout(time) => {
            process::exit(pid, ExitReason::Shutdown);
            receive! {
                Down { monitor, .. } if monitor == watched => return,
                after time => process::exit(pid, ExitReason::Kill),
            }
        }
    }
    receive! { Down { monitor, .. } if monitor == watched => () }
}

impl GenServer for Keeper {
    type Args = Plan;

    async fn init(plan: Plan) -> Init<Keeper> {
        process::flag(Flag::TrapExit, true);
        if let Some(id) = duplicate(&plan.children) {
            return Init::stop(format!(
                "two children have the id {id:?}; give each its own: child_spec::<…>(id, args)"
            ));
        }
        if let Some(spec) = plan.children.iter().find(|spec| !may_be(spec, plan.auto_shutdown)) {
            return Init::stop(ChildError::Significant(spec.id.clone()).to_string());
        }
        let mut keeper = Keeper::new(plan);
        for place in 0..keeper.children.len() {
            let started = keeper.children[place].start().await;
            keeper.publish();
            if let Err(error) = started {
                let id = keeper.children[place].spec.id.clone();
                keeper.stop_all(0..place).await;
                return Init::stop(format!("the child {id:?} did not start: {}", error.into_reason()));
            }
        }
        Init::ok(keeper)
    }

    async fn handle_info(&mut self, message: Message) -> Next {
        let message = match message.downcast::<Exit>() {
            Ok(Exit { from, reason }) => return self.ended(from, reason).await,
            Err(message) => message,
        };
        match message.downcast::<TryAgain>() {
            Ok(TryAgain { id }) => self.try_again(&id).await,
            Err(message) => {
                gen_server::unknown(&message);
                Next::noreply()
            }
        }
    }

    async fn terminate(&mut self, _reason: &ExitReason) {
        self.stop_all(0..self.children.len()).await;
    }
}

/// OTP: only a child that is not always restarted can be significant, and only where that means something.
fn may_be(spec: &ChildSpec, auto_shutdown: AutoShutdown) -> bool {
    !spec.significant || (auto_shutdown != AutoShutdown::Never && spec.restart != Restart::Permanent)
}

fn duplicate(children: &[ChildSpec]) -> Option<&Name> {
    let mut seen = std::collections::BTreeSet::new();
    children.iter().map(|spec| &spec.id).find(|id| !seen.insert(*id))
}

impl Keeper {
    /// None of its children runs yet.
    fn new(plan: Plan) -> Keeper {
        let children: Vec<Kept> = (plan.children.into_iter()).map(Kept::new).collect();
        let intensity = Intensity::new(plan.max_restarts, plan.max_seconds);
        let shared = Shared::new(View::listed(plan.strategy, intensity.clone(), Vec::new()));
        let process = current::expect("a supervisor");
        process.record.lock().extras_mut().supervisor = Some(shared.clone());
        let keeper = Keeper {
            strategy: plan.strategy,
            intensity,
            auto_shutdown: plan.auto_shutdown,
            children,
            shared,
        };
        keeper.publish();
        keeper
    }

    fn publish(&self) {
        let children = self.children.iter().map(Kept::view).collect();
        let view = View::listed(self.strategy, self.intensity.clone(), children);
        self.shared.change(|shown| *shown = view);
    }

    /// A child, or somebody else who was linked, ended.
    async fn ended(&mut self, pid: Pid, reason: ExitReason) -> Next {
        let Some(place) = self.children.iter().position(|child| child.pid() == Some(pid)) else {
            return Next::noreply();
        };
        let child = &mut self.children[place];
        child.previous = Some(pid);
        match child.spec.fate(&reason) {
            Fate::Restarted => {
                child.status = ChildStatus::Restarting;
                self.restart(place).await
            }
            Fate::Kept => {
                child.status = ChildStatus::NotStarted;
                let significant = child.spec.significant;
                self.publish();
                self.after_end(significant)
            }
            Fate::Forgotten => {
                let child = self.children.remove(place);
                self.publish();
                self.after_end(child.spec.significant)
            }
        }
    }

    /// A child ended by itself and is not restarted: that can be the end of the supervisor.
    fn after_end(&self, significant: bool) -> Next {
        let ends = match self.auto_shutdown {
            AutoShutdown::Never => false,
            AutoShutdown::AnySignificant => significant,
            AutoShutdown::AllSignificant => {
                significant
                    && !self
                        .children
                        .iter()
                        .any(|child| child.spec.significant && child.pid().is_some())
            }
        };
        if ends {
            Next::stop(ExitReason::Shutdown)
        } else {
            Next::noreply()
        }
    }

    fn place(&self, id: &Name) -> Result<usize, ChildError> {
        let place = self.children.iter().position(|child| child.spec.id == *id);
        place.ok_or_else(|| ChildError::NotFound {
            id: id.clone(),
            known: self.children.iter().map(|child| child.spec.id.clone()).collect(),
        })
    }

    /// The place of a child that does not run.
    fn idle(&self, id: &Name) -> Result<usize, ChildError> {
        let place = self.place(id)?;
        let id = id.clone();
        match self.children[place].status {
            ChildStatus::NotStarted => Ok(place),
            ChildStatus::Running(pid) => Err(ChildError::Running { id, pid }),
            ChildStatus::Restarting => Err(ChildError::Restarting(id)),
        }
    }

    async fn start_child(&mut self, spec: ChildSpec) -> Result<Option<Pid>, ChildError> {
        let id = spec.id.clone();
        if !may_be(&spec, self.auto_shutdown) {
            return Err(ChildError::Significant(id));
        }
        if let Ok(place) = self.place(&id) {
            return Err(match self.children[place].pid() {
                Some(pid) => ChildError::AlreadyStarted { id, pid },
                None => ChildError::AlreadyPresent(id),
            });
        }
        let mut child = Kept::new(spec);
        child.start().await.map_err(ChildError::Start)?;
        let pid = child.pid();
        // OTP: a temporary child that has no process is not kept.
        if pid.is_some() || child.spec.restart != Restart::Temporary {
            self.children.push(child);
            self.publish();
        }
        Ok(pid)
    }

    async fn restart_child(&mut self, id: &Name) -> Result<Option<Pid>, ChildError> {
        let place = self.idle(id)?;
        let started = self.children[place].start().await;
        self.publish();
        started.map_err(ChildError::Start)?;
        Ok(self.children[place].pid())
    }

    async fn terminate_child(&mut self, id: &Name) -> Result<(), ChildError> {
        let place = self.place(id)?;
        let child = &mut self.children[place];
        child.previous = child.pid().or(child.previous);
        child.stop().await;
        child.status = ChildStatus::NotStarted;
        if child.spec.restart == Restart::Temporary {
            self.children.remove(place);
        }
        self.publish();
        Ok(())
    }

    fn delete_child(&mut self, id: &Name) -> Result<(), ChildError> {
        let place = self.idle(id)?;
        self.children.remove(place);
        self.publish();
        Ok(())
    }

    async fn try_again(&mut self, id: &Name) -> Next {
        let waiting = |child: &Kept| child.spec.id == *id && child.status == ChildStatus::Restarting;
        match self.children.iter().position(waiting) {
            Some(place) => self.restart(place).await,
            None => Next::noreply(),
        }
    }

    /// Starts the child at `place` again, and with it those whom the strategy names.
    async fn restart(&mut self, place: usize) -> Next {
        if !self.intensity.allows(Instant::now()) {
            return self.give_up();
        }
        self.publish();
        let affected = self.strategy.affected(place, self.children.len());
        let affected = self.stop_for_restart(affected).await;
        for place in affected {
            let child = &mut self.children[place];
            if child.start().await.is_err() {
                let id = child.spec.id.clone();
                self.publish();
                send(me(), TryAgain { id });
                return Next::noreply();
            }
            child.restarts += 1;
            self.publish();
        }
        Next::noreply()
    }

    /// Stops those of the affected that run, the last first, and says where those are that are to be started.
    ///
    /// OTP: all of the affected are started, also one that had ended in good order; but a temporary one that was stopped
    /// is forgotten.
    async fn stop_for_restart(&mut self, affected: Range<usize>) -> Range<usize> {
        let mut end = affected.end;
        for place in affected.clone().rev() {
            let child = &mut self.children[place];
            if let Some(pid) = child.pid() {
                child.stop().await;
                if child.spec.restart == Restart::Temporary {
                    self.children.remove(place);
                    end -= 1;
                    continue;
                }
                child.previous = Some(pid);
            }
            child.status = ChildStatus::Restarting;
        }
        self.publish();
        affected.start..end
    }

    async fn stop_all(&mut self, places: Range<usize>) {
        for place in places.rev() {
            self.children[place].stop().await;
            self.publish();
        }
    }

    fn give_up(&mut self) -> Next {
        report::gives_up(self.intensity.max, self.intensity.period);
        Next::stop(ExitReason::Shutdown)
    }
}

/// What [`super::start_child`] and its kin ask for.
#[derive(Debug)]
pub(super) enum Change {
    Start(ChildSpec),
    Restart(Name),
    Terminate(Name),
    Delete(Name),
}

impl HandleCall<Change> for Keeper {
    type Reply = Result<Option<Pid>, ChildError>;

    async fn handle_call(&mut self, change: Change, _: Caller<Self::Reply>) -> Reply<Self::Reply> {
        Reply::reply(match change {
            Change::Start(spec) => self.start_child(spec).await,
            Change::Restart(id) => self.restart_child(&id).await,
            Change::Terminate(id) => self.terminate_child(&id).await.map(|()| None),
            Change::Delete(id) => self.delete_child(&id).map(|()| None),
        })
    }
}

/// See [`super::which_children`].
#[derive(Debug)]
pub(super) struct WhichChildren;

impl HandleCall<WhichChildren> for Keeper {
    type Reply = Vec<Child>;

    async fn handle_call(&mut self, _: WhichChildren, _: Caller<Vec<Child>>) -> Reply<Vec<Child>> {
        Reply::reply(self.children.iter().rev().map(Kept::listed).collect())
    }
}

/// See [`super::count_children`].
#[derive(Debug)]
pub(super) struct CountChildren;

impl HandleCall<CountChildren> for Keeper {
    type Reply = ChildCount;

    async fn handle_call(&mut self, _: CountChildren, _: Caller<ChildCount>) -> Reply<ChildCount> {
        Reply::reply(ChildCount::of(self.children.iter().map(Kept::listed)))
    }
}
