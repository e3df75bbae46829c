//! The process of a supervisor: a server that traps exits and keeps a list of children.
//!
//! Whatever happens to the children is one of a few steps: start, stop, restart, give up. The list is the only place where
//! it is written down, and it is what others see. Supervisors of all kinds are this process; they differ in what is said
//! of [`Kind`].

use super::child_spec::ChildSpec;
use super::children::{Children, EVERYWHERE, Kept, Place, Shared, View};
use super::error::{ChildError, FailedToStartChild};
use super::plan::{self, Extra, Options, Plan, StartWith, may_be};
use super::snapshot::{ChildEnd, ChildStatus};
use super::stop::{Stopped, Stopper};
use super::strategy::{AutoShutdown, Fate, Intensity, Restart, Shutdown, Strategy};
use super::{Child, ChildCount, SupervisorRef};
use crate::gen_server::{self, Caller, GenServer, HandleCall, Init, Next, Reply, StartError};
use crate::message::Message;
use crate::name::Name;
use crate::pid::Pid;
use crate::process::{self, Exit, Flag, current};
use crate::{ExitReason, me, report, send};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Makes the plan of a supervisor, in its process.
pub(crate) type Making = Pin<Box<dyn Future<Output = Init<Plan>> + Send>>;

/// Starts a supervisor, linked to the caller.
///
/// # Errors
/// What is not possible is said without ending the caller; a child that does not start ends the supervisor with a reason that
/// reaches the caller by the link as well.
pub(crate) async fn start(
    making: Making,
    name: Option<Name>,
    timeout: Option<Duration>,
) -> Result<SupervisorRef, StartError> {
    let starting = gen_server::start_link::<Keeper>((making, name));
    let started = match timeout {
        Some(time) => starting.timeout(time).await,
        None => starting.await,
    };
    match started {
        Ok(server) => Ok(SupervisorRef(server.pid())),
        Err(StartError::Exit(reason)) => Err(match reason.downcast_ref::<StartError>() {
            Some(refusal) => refusal.clone(),
            None => StartError::Exit(reason),
        }),
        Err(error) => Err(error),
    }
}

/// The state of a supervisor.
#[derive(Debug)]
pub(crate) struct Keeper {
    shared: Arc<Shared>,
    kind: Kind,
    progress_reports: bool,
}

#[derive(Debug)]
enum Kind {
    /// The children have ids and an order; one that ends in good order can stay in the list.
    Ordered(AutoShutdown),
    /// The children are known by their processes, and come and go.
    Dynamic { max_children: usize, extra: Option<Extra> },
}

/// Sent to itself when a restart failed: others get their turn before the next try.
#[derive(Debug)]
struct TryAgain(Place);

impl GenServer for Keeper {
    type Args = (Making, Option<Name>);

    async fn init((making, name): Self::Args) -> Init<Keeper> {
        process::flag(Flag::TrapExit, true);
        let mut plan = match making.await.into_state() {
            Ok(plan) => plan,
            Err(refused) => return refused,
        };
        if let Some(name) = name {
            plan.options.place = Some(gen_server::Place::Name(name));
        }
        if let Err(error) = plan.check() {
            return refuse(error);
        }
        let place = plan.options.place.take();
        let mut keeper = Keeper::new(plan);
        if let Some(Err(error)) = place.map(|place| place.register(me())) {
            return refuse(error);
        }
        match keeper.start_all().await {
            Ok(()) => Init::ok(keeper),
            // OTP: an orderly reason, for the supervisor itself did nothing wrong.
            Err(failed) => Init::stop(ExitReason::shutdown_with(failed)),
        }
    }

    async fn handle_info(&mut self, message: Message) -> Next {
        let message = match message.downcast::<Exit>() {
            Ok(Exit { from, reason }) => return self.ended(from, reason).await,
            Err(message) => message,
        };
        match message.downcast::<TryAgain>() {
            Ok(TryAgain(place)) => self.try_again(place).await,
            Err(message) => {
                gen_server::unknown(&message);
                Next::noreply()
            }
        }
    }

    /// The children are in the picture of the tree.
    fn format_status(&self) -> String {
        let (strategy, children) = self.view(|view| (view.strategy, view.children.len()));
        let dynamic = match self.kind {
            Kind::Ordered(_) => "",
            Kind::Dynamic { .. } => "dynamic, ",
        };
        format!("{dynamic}{strategy}, {children} children")
    }

    async fn terminate(&mut self, _reason: &ExitReason) {
        match self.kind {
            Kind::Ordered(_) => self.stop_in_turn(self.places()).await,
            Kind::Dynamic { .. } => self.stop_at_once().await,
        }
    }
}

/// Nothing was started yet, so nobody needs to end with it.
fn refuse(error: StartError) -> Init<Keeper> {
    if let Some(parent) = process::info(me()).and_then(|info| info.parent) {
        process::unlink(parent);
    }
    Init::stop(ExitReason::other(error))
}

impl Keeper {
    /// None of its children runs yet.
    fn new(plan: Plan) -> Keeper {
        let Options {
            max_restarts,
            max_seconds,
            progress_reports,
            ..
        } = plan.options;
        let mut view = View {
            strategy: Strategy::OneForOne,
            intensity: Intensity::new(max_restarts, Duration::from_secs(max_seconds.into())),
            children: Children::default(),
            partitions: None,
            onlookers: Vec::new(),
        };
        let kind = match plan.kind {
            plan::Kind::Dynamic { max_children, extra } => Kind::Dynamic { max_children, extra },
            plan::Kind::Ordered {
                strategy,
                auto_shutdown,
                children,
                partitions,
            } => {
                view.strategy = strategy;
                view.partitions = partitions;
                for spec in children {
                    view.children.push_named(Kept::new(spec, ChildStatus::NotStarted));
                }
                Kind::Ordered(auto_shutdown)
            }
        };
        let shared = Shared::new(view);
        let process = current::expect("a supervisor");
        process.record.lock().extras_mut().supervisor = Some(shared.clone());
        Keeper {
            shared,
            kind,
            progress_reports,
        }
    }

    fn view<R>(&self, look: impl FnOnce(&mut View) -> R) -> R {
        self.shared.view(look)
    }

    fn places(&self) -> Vec<Place> {
        self.view(|view| view.children.places(EVERYWHERE))
    }

    /// The children, the first first. If one of them does not start, those before it are stopped.
    async fn start_all(&mut self) -> Result<(), FailedToStartChild> {
        let places = self.places();
        for (n, place) in places.iter().enumerate() {
            if let Err((id, error)) = self.start(*place).await {
                self.stop_in_turn(places[..n].to_vec()).await;
                let reason = error.into_reason();
                return Err(FailedToStartChild { id, reason });
            }
        }
        Ok(())
    }

    fn start_with(&self) -> StartWith {
        let extra = match &self.kind {
            Kind::Ordered(_) => None,
            Kind::Dynamic { extra, .. } => extra.clone(),
        };
        StartWith {
            extra,
            ..StartWith::default()
        }
    }

    /// Starts a child that is in the list. `None` says that there was nothing to start.
    async fn start(&mut self, place: Place) -> Result<Option<Pid>, (Name, StartError)> {
        let Some(spec) = self.view(|view| Some(view.children.get(place)?.spec.clone())) else {
            return Ok(None);
        };
        let id = spec.id.clone();
        let is_kept = matches!(self.kind, Kind::Ordered(_)) && spec.restart != Restart::Temporary;
        match spec.start(self.start_with()).await {
            Ok(pid) => {
                self.view(|view| view.children.set(place, ChildStatus::Running(pid)));
                self.progress(|| format!("started {id:?} as {pid}"));
                Ok(Some(pid))
            }
            Err(StartError::Ignore) => {
                self.view(|view| match is_kept {
                    true => view.children.set(place, ChildStatus::NotStarted),
                    false => view.children.remove(place),
                });
                Ok(None)
            }
            Err(error) => Err((id, error)),
        }
    }

    /// A child, or somebody else who was linked, ended.
    async fn ended(&mut self, pid: Pid, reason: ExitReason) -> Next {
        let Some(place) = self.view(|view| view.children.of_pid(pid)) else {
            return Next::noreply();
        };
        let ended = self.view(|view| {
            let child = view.children.get(place)?;
            // One that is about to be restarted is found by its last process as well.
            child.pid()?;
            Some((child.spec.clone(), child.spec.restart.fate(&reason)))
        });
        let Some((spec, fate)) = ended else {
            return Next::noreply();
        };
        self.progress(|| format!("{:?}, {pid}, ended: {reason}", spec.id));
        self.view(|view| view.children.ended(place, ChildEnd::ByItself(reason)));
        match (fate, &self.kind) {
            (Fate::Restarted, _) => {
                self.view(|view| view.children.set(place, ChildStatus::Restarting));
                return self.restart(place).await;
            }
            (Fate::Kept, Kind::Ordered(_)) => self.view(|view| view.children.set(place, ChildStatus::NotStarted)),
            // Nobody could start it again, so it is forgotten either way.
            (Fate::Kept, Kind::Dynamic { .. }) | (Fate::Forgotten, _) => self.view(|view| view.children.remove(place)),
        }
        match spec.significant && self.ends_with_a_significant_child() {
            true => Next::stop(ExitReason::Shutdown),
            false => Next::noreply(),
        }
    }

    /// A significant child ended by itself and is not restarted: that can be the end of the supervisor.
    fn ends_with_a_significant_child(&self) -> bool {
        match self.kind {
            Kind::Ordered(AutoShutdown::AnySignificant) => true,
            Kind::Ordered(AutoShutdown::AllSignificant) => self.view(|view| {
                let mut left = view.children.iter().filter(|child| child.spec.significant);
                left.all(|child| child.status == ChildStatus::NotStarted)
            }),
            Kind::Ordered(AutoShutdown::Never) | Kind::Dynamic { .. } => false,
        }
    }

    async fn try_again(&mut self, place: Place) -> Next {
        let waits = |child: &Kept| child.status == ChildStatus::Restarting;
        match self.view(|view| view.children.get(place).is_some_and(waits)) {
            true => self.restart(place).await,
            false => Next::noreply(),
        }
    }

    /// Starts the child at `place` again, and with it those whom the strategy names.
    async fn restart(&mut self, place: Place) -> Next {
        let (allowed, affected, id) = self.view(|view| {
            let affected = view.strategy.affected(place);
            let id = view.children.get(place).map(|child| child.spec.id.clone());
            let allowed = view.intensity.allows(Instant::now());
            (allowed, view.children.places(affected), id)
        });
        if !allowed {
            let (max, period) = self.view(|view| (view.intensity.max, view.intensity.period));
            report::gives_up(max, period);
            return Next::stop(ExitReason::Shutdown);
        }
        let affected = self.stop_for_restart(affected, id).await;
        for (n, place) in affected.iter().enumerate() {
            match self.start(*place).await {
                Ok(Some(_)) => self.view(|view| view.children.restarted(*place)),
                Ok(None) => {}
                Err((id, error)) => {
                    report::failed_to_restart(&id, &error.into_reason());
                    // OTP: those behind it wait for it, and are not about to be restarted themselves.
                    self.view(|view| {
                        for place in &affected[n + 1..] {
                            view.children.set(*place, ChildStatus::NotStarted);
                        }
                    });
                    send(me(), TryAgain(*place));
                    break;
                }
            }
        }
        Next::noreply()
    }

    /// Stops those of the affected that run, the last first, and says which are to be started.
    ///
    /// OTP: all of the affected are started, also one that had ended in good order; but a temporary one that was stopped
    /// is forgotten. `id` is the child on whose account they are.
    async fn stop_for_restart(&mut self, affected: Vec<Place>, id: Option<Name>) -> Vec<Place> {
        let mut stopper = Stopper::new();
        let mut kept = Vec::with_capacity(affected.len());
        for place in affected.into_iter().rev() {
            let ran = self.stop(&mut stopper, place).await;
            self.view(|view| match view.children.get(place) {
                Some(child) if ran && child.spec.restart == Restart::Temporary => view.children.remove(place),
                _ => {
                    if let (true, Some(id)) = (ran, &id) {
                        view.children.ended(place, ChildEnd::With(id.clone()));
                    }
                    view.children.set(place, ChildStatus::Restarting);
                    kept.push(place);
                }
            });
        }
        kept.reverse();
        kept
    }

    /// Stops a child, if it runs. Says whether it did.
    async fn stop(&self, stopper: &mut Stopper, place: Place) -> bool {
        let running = self.view(|view| {
            let child = view.children.get(place)?;
            Some((child.pid()?, child.spec.id.clone(), child.spec.shutdown))
        });
        let Some((pid, id, shutdown)) = running else {
            return false;
        };
        if let Stopped::Late(time) = stopper.stop(pid, shutdown).await {
            report::killed(&id, pid, time);
        }
        self.view(|view| {
            view.children.ended(place, ChildEnd::Stopped);
            view.children.set(place, ChildStatus::NotStarted);
        });
        self.progress(|| format!("stopped {id:?}, {pid}"));
        true
    }

    async fn stop_in_turn(&mut self, places: Vec<Place>) {
        let mut stopper = Stopper::new();
        for place in places.into_iter().rev() {
            self.stop(&mut stopper, place).await;
        }
    }

    /// Stops all children, each with the time that it has.
    async fn stop_at_once(&mut self) {
        let children: Vec<(Pid, Shutdown)> = self.view(|view| {
            let running = view
                .children
                .iter()
                .filter_map(|child| Some((child.pid()?, child.spec.shutdown)));
            running.collect()
        });
        let late = |pid, time| {
            let id = self.view(|view| {
                let place = view.children.of_pid(pid)?;
                Some(view.children.get(place)?.spec.id.clone())
            });
            report::killed(&id.unwrap_or("".into()), pid, time);
        };
        Stopper::new().stop_at_once(children, late).await;
    }

    fn progress(&self, text: impl FnOnce() -> String) {
        if self.progress_reports {
            report::progress(&text());
        }
    }
}

/// A child, as it is asked for.
#[derive(Debug, Clone)]
pub(crate) enum Which {
    Id(Name),
    /// In a dynamic supervisor.
    Pid(Pid),
}

impl Keeper {
    fn place(&self, which: &Which) -> Result<Place, ChildError> {
        let found = match (which, &self.kind) {
            (Which::Id(id), Kind::Ordered(_)) => self.view(|view| view.children.of_id(id)),
            (Which::Pid(pid), Kind::Dynamic { .. }) => self.view(|view| view.children.of_pid(*pid)),
            (Which::Id(id), Kind::Dynamic { .. }) => return Err(ChildError::NoIds(id.clone())),
            (Which::Pid(_), Kind::Ordered(_)) => None,
        };
        found.ok_or_else(|| ChildError::NotFound {
            id: match which {
                Which::Id(id) => id.clone(),
                Which::Pid(pid) => pid.to_string().into(),
            },
            known: self.known(),
        })
    }

    /// What children can be asked for.
    fn known(&self) -> Vec<Name> {
        self.view(|view| {
            let children = view.children.iter().take(MOST_KNOWN);
            match self.kind {
                Kind::Ordered(_) => children.map(|child| child.spec.id.clone()).collect(),
                Kind::Dynamic { .. } => {
                    let pids = children.filter_map(|child| child.pid().or(child.previous));
                    pids.map(|pid| pid.to_string().into()).collect()
                }
            }
        })
    }

    /// The place of a child that does not run.
    fn idle(&self, id: Name) -> Result<Place, ChildError> {
        let place = self.place(&Which::Id(id.clone()))?;
        match self.view(|view| view.children.get(place).map(|child| child.status)) {
            Some(ChildStatus::Running(pid) | ChildStatus::Ended(pid)) => Err(ChildError::Running { id, pid }),
            Some(ChildStatus::Restarting) => Err(ChildError::Restarting(id)),
            Some(ChildStatus::NotStarted) | None => Ok(place),
        }
    }

    /// Whether there may be such a child beside those that there are.
    fn admits(&self, spec: &ChildSpec) -> Result<(), ChildError> {
        let id = spec.id.clone();
        let (auto_shutdown, full) = match self.kind {
            Kind::Ordered(auto_shutdown) => (auto_shutdown, None),
            Kind::Dynamic { max_children, .. } => (AutoShutdown::Never, Some(max_children)),
        };
        if !may_be(spec, auto_shutdown) {
            return Err(ChildError::Significant(id));
        }
        self.view(|view| {
            let same = view.children.of_id(&id).and_then(|place| view.children.get(place));
            match (same.map(Kept::pid), full) {
                (Some(Some(pid)), _) => Err(ChildError::AlreadyStarted { id, pid }),
                (Some(None), _) => Err(ChildError::AlreadyPresent(id)),
                (None, Some(most)) if view.children.len() >= most => Err(ChildError::MaxChildren(most)),
                (None, _) => Ok(()),
            }
        })
    }

    async fn start_child(&mut self, spec: ChildSpec) -> Result<Option<Pid>, ChildError> {
        self.admits(&spec)?;
        let status = match spec.clone().start(self.start_with()).await {
            Ok(pid) => ChildStatus::Running(pid),
            Err(StartError::Ignore) => ChildStatus::NotStarted,
            Err(error) => return Err(ChildError::Start(error)),
        };
        let child = Kept::new(spec, status);
        let pid = child.pid();
        let id = child.spec.id.clone();
        match self.kind {
            Kind::Dynamic { .. } if pid.is_some() => self.view(|view| view.children.push(child)),
            // OTP: a temporary child that has no process is not kept.
            Kind::Ordered(_) if pid.is_some() || child.spec.restart != Restart::Temporary => {
                self.view(|view| view.children.push_named(child));
            }
            Kind::Dynamic { .. } | Kind::Ordered(_) => {}
        }
        if let Some(pid) = pid {
            self.progress(|| format!("started {id:?} as {pid}"));
        }
        Ok(pid)
    }

    async fn terminate_child(&mut self, which: Which) -> Result<(), ChildError> {
        let place = self.place(&which)?;
        self.stop(&mut Stopper::new(), place).await;
        self.view(|view| match (view.children.get(place), &self.kind) {
            (Some(child), Kind::Ordered(_)) if child.spec.restart != Restart::Temporary => {
                view.children.set(place, ChildStatus::NotStarted);
            }
            _ => view.children.remove(place),
        });
        Ok(())
    }

    /// How many partitions were used until now.
    async fn resize(&mut self, asked: usize) -> Result<usize, ChildError> {
        let (before, most) = self.view(|view| (view.partitions, view.children.len()));
        let before = before.ok_or(ChildError::NotPartitioned)?;
        if asked > most {
            return Err(ChildError::Partitions { asked, most });
        }
        // Keys go to partitions that run, before and after.
        if asked < before {
            self.view(|view| view.partitions = Some(asked));
            self.stop_in_turn((asked as Place..before as Place).collect()).await;
        }
        for place in before as Place..asked as Place {
            let started = self.start(place).await;
            started.map_err(|(_, error)| ChildError::Start(error))?;
            self.view(|view| view.partitions = Some(place as usize + 1));
        }
        Ok(before)
    }
}

/// How many of its children an error names.
const MOST_KNOWN: usize = 10;

/// What [`super::start_child`] and its kin ask for.
#[derive(Debug)]
pub(crate) enum Change {
    Start(ChildSpec),
    Restart(Name),
    Terminate(Which),
    Delete(Name),
}

impl HandleCall<Change> for Keeper {
    type Reply = Result<Option<Pid>, ChildError>;

    async fn handle_call(&mut self, change: Change, _: Caller<Self::Reply>) -> Reply<Self::Reply> {
        Reply::reply(match change {
            Change::Start(spec) => self.start_child(spec).await,
            Change::Terminate(which) => self.terminate_child(which).await.map(|()| None),
            Change::Restart(id) => match self.idle(id) {
                Ok(place) => self.start(place).await.map_err(|(_, error)| ChildError::Start(error)),
                Err(error) => Err(error),
            },
            Change::Delete(id) => self.idle(id).map(|place| {
                self.view(|view| view.children.remove(place));
                None
            }),
        })
    }
}

/// See [`super::get_childspec`].
#[derive(Debug)]
pub(crate) struct GetChildspec(pub(crate) Which);

impl HandleCall<GetChildspec> for Keeper {
    type Reply = Result<ChildSpec, ChildError>;

    async fn handle_call(&mut self, GetChildspec(which): GetChildspec, _: Caller<Self::Reply>) -> Reply<Self::Reply> {
        let spec = self.place(&which).and_then(|place| {
            let child = self.view(|view| Some(view.children.get(place)?.spec.clone()));
            child.ok_or(ChildError::NotFound {
                id: place.to_string().into(),
                known: Vec::new(),
            })
        });
        Reply::reply(spec)
    }
}

/// See [`crate::partition_supervisor::resize`].
#[derive(Debug)]
pub(crate) struct Resize(pub(crate) usize);

impl HandleCall<Resize> for Keeper {
    type Reply = Result<usize, ChildError>;

    async fn handle_call(&mut self, Resize(partitions): Resize, _: Caller<Self::Reply>) -> Reply<Self::Reply> {
        Reply::reply(self.resize(partitions).await)
    }
}

/// See [`super::which_children`].
#[derive(Debug)]
pub(super) struct WhichChildren;

impl HandleCall<WhichChildren> for Keeper {
    type Reply = Vec<Child>;

    async fn handle_call(&mut self, _: WhichChildren, _: Caller<Vec<Child>>) -> Reply<Vec<Child>> {
        Reply::reply(self.view(|view| view.children.iter().rev().map(Child::of).collect()))
    }
}

/// See [`super::count_children`].
#[derive(Debug)]
pub(super) struct CountChildren;

impl HandleCall<CountChildren> for Keeper {
    type Reply = ChildCount;

    async fn handle_call(&mut self, _: CountChildren, _: Caller<ChildCount>) -> Reply<ChildCount> {
        Reply::reply(self.view(|view| ChildCount::of(view.children.iter())))
    }
}
