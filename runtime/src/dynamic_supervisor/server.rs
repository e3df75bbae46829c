//! The process of a dynamic supervisor: a server that traps exits and knows its children by their pids.

use crate::gen_server::{self, Caller, GenServer, HandleCall, Init, Next, Reply, StartError};
use crate::message::Message;
use crate::pid::{MonitorRef, Pid};
use crate::process::{self, Down, Exit, Flag, current};
use crate::supervisor::{
    Child, ChildCount, ChildError, ChildSpec, ChildStatus, ChildView, Fate, Intensity, Shared, Shutdown, Strategy, View,
};
use crate::{ExitReason, me, receive, report, send};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// What a dynamic supervisor is to be.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) max_children: usize,
    pub(super) max_restarts: u32,
    pub(super) max_seconds: Duration,
}

/// The state of a dynamic supervisor.
#[derive(Debug)]
pub(super) struct Keeper {
    max_children: usize,
    intensity: Intensity,
    /// Those that run.
    children: BTreeMap<Pid, Kept>,
    /// Those whose restart failed, by the process that each was.
    waiting: BTreeMap<Pid, Kept>,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Kept {
    spec: ChildSpec,
    restarts: u32,
}

/// Sent to itself when a restart failed: others get their turn before the next try.
#[derive(Debug)]
struct TryAgain(Pid);

impl GenServer for Keeper {
    type Args = Plan;

    async fn init(plan: Plan) -> Init<Keeper> {
        process::flag(Flag::TrapExit, true);
        let intensity = Intensity::new(plan.max_restarts, plan.max_seconds);
        let shared = Shared::new(View::dynamic(Strategy::OneForOne, intensity.clone()));
        let process = current::expect("a dynamic supervisor");
        process.record.lock().extras_mut().supervisor = Some(shared.clone());
        Init::ok(Keeper {
            max_children: plan.max_children,
            intensity,
            children: BTreeMap::new(),
            waiting: BTreeMap::new(),
            shared,
        })
    }

    async fn handle_info(&mut self, message: Message) -> Next {
        let message = match message.downcast::<Exit>() {
            Ok(Exit { from, reason }) => return self.ended(from, &reason).await,
            Err(message) => message,
        };
        match message.downcast::<TryAgain>() {
            Ok(TryAgain(pid)) => match self.waiting.remove(&pid) {
                Some(child) => self.restart(pid, child).await,
                None => Next::noreply(),
            },
            Err(message) => {
                gen_server::unknown(&message);
                Next::noreply()
            }
        }
    }

    async fn terminate(&mut self, _reason: &ExitReason) {
        stop_all(std::mem::take(&mut self.children)).await;
    }
}

impl Keeper {
    fn show(&self, pid: Pid, child: &Kept, status: ChildStatus, previous: Option<Pid>) {
        let view = ChildView::of(&child.spec, status, child.restarts, previous);
        self.shared.change(|shown| shown.put(pid, view));
    }

    fn hide(&self, pid: Pid) {
        self.shared.change(|shown| shown.remove(pid));
    }

    async fn ended(&mut self, pid: Pid, reason: &ExitReason) -> Next {
        let Some(child) = self.children.remove(&pid) else {
            return Next::noreply();
        };
        match child.spec.fate(reason) {
            Fate::Restarted => self.restart(pid, child).await,
            // Nobody could start it again, so it is forgotten either way.
            Fate::Kept | Fate::Forgotten => {
                self.hide(pid);
                Next::noreply()
            }
        }
    }

    async fn restart(&mut self, was: Pid, mut child: Kept) -> Next {
        let allowed = self.intensity.allows(Instant::now());
        self.shared.change(|shown| shown.intensity = self.intensity.clone());
        if !allowed {
            report::gives_up(self.intensity.max, self.intensity.period);
            return Next::stop(ExitReason::Shutdown);
        }
        match child.spec.start().await {
            Ok(pid) => {
                child.restarts += 1;
                self.hide(was);
                self.show(pid, &child, ChildStatus::Running(pid), Some(was));
                self.children.insert(pid, child);
            }
            Err(StartError::Ignore) => self.hide(was),
            Err(_) => {
                self.show(was, &child, ChildStatus::Restarting, Some(was));
                self.waiting.insert(was, child);
                send(me(), TryAgain(was));
            }
        }
        Next::noreply()
    }

    fn all(&self) -> impl Iterator<Item = (Option<Pid>, &Kept)> {
        let running = self.children.iter().map(|(pid, child)| (Some(*pid), child));
        running.chain(self.waiting.values().map(|child| (None, child)))
    }
}

/// Stops children all at once, each with the time that it has.
async fn stop_all(children: BTreeMap<Pid, Kept>) {
    let now = Instant::now();
    let mut left: BTreeMap<MonitorRef, Pid> = BTreeMap::new();
    let mut deadlines: Vec<(Instant, MonitorRef)> = Vec::new();
    for (pid, child) in &children {
        let watched = process::monitor(pid);
        process::unlink(pid);
        left.insert(watched, *pid);
        match child.spec.shutdown_value() {
            Shutdown::BrutalKill => process::exit(pid, ExitReason::Kill),
            Shutdown::Infinity => process::exit(pid, ExitReason::Shutdown),
            Shutdown::Timeout(time) => {
                process::exit(pid, ExitReason::Shutdown);
                deadlines.extend(now.checked_add(time).map(|deadline| (deadline, watched)));
            }
        }
    }
    deadlines.sort_unstable_by(|a, b| b.cmp(a));
    while !left.is_empty() {
        let wait = deadlines
            .last()
            .map_or(Duration::MAX, |(deadline, _)| deadline.duration_since(Instant::now()));
        receive! {
            Down { monitor, .. } if left.contains_key(&monitor) => drop(left.remove(&monitor)),
            after wait => {
                if let Some(pid) = deadlines.pop().and_then(|(_, watched)| left.get(&watched)) {
                    process::exit(pid, ExitReason::Kill);
                }
            }
        }
    }
}

#[derive(Debug)]
pub(super) struct StartChild(pub(super) ChildSpec);

impl HandleCall<StartChild> for Keeper {
    type Reply = Result<Option<Pid>, ChildError>;

    async fn handle_call(&mut self, StartChild(spec): StartChild, _: Caller<Self::Reply>) -> Reply<Self::Reply> {
        if self.children.len() + self.waiting.len() >= self.max_children {
            return Reply::reply(Err(ChildError::MaxChildren(self.max_children)));
        }
        let child = Kept { spec, restarts: 0 };
        Reply::reply(match child.spec.start().await {
            Ok(pid) => {
                self.show(pid, &child, ChildStatus::Running(pid), None);
                self.children.insert(pid, child);
                Ok(Some(pid))
            }
            Err(StartError::Ignore) => Ok(None),
            Err(error) => Err(ChildError::Start(error)),
        })
    }
}

#[derive(Debug)]
pub(super) struct TerminateChild(pub(super) Pid);

impl HandleCall<TerminateChild> for Keeper {
    type Reply = Result<(), ChildError>;

    async fn handle_call(&mut self, TerminateChild(pid): TerminateChild, _: Caller<Self::Reply>) -> Reply<Self::Reply> {
        let Some(child) = self.children.remove(&pid) else {
            return Reply::reply(Err(ChildError::NotFound {
                id: pid.to_string().into(),
                known: self
                    .children
                    .keys()
                    .take(10)
                    .map(|pid| pid.to_string().into())
                    .collect(),
            }));
        };
        stop_all(BTreeMap::from([(pid, child)])).await;
        self.hide(pid);
        Reply::reply(Ok(()))
    }
}

#[derive(Debug)]
pub(super) struct WhichChildren;

impl HandleCall<WhichChildren> for Keeper {
    type Reply = Vec<Child>;

    async fn handle_call(&mut self, _: WhichChildren, _: Caller<Vec<Child>>) -> Reply<Vec<Child>> {
        Reply::reply(self.all().map(|(pid, child)| child.spec.listed(pid)).collect())
    }
}

#[derive(Debug)]
pub(super) struct CountChildren;

impl HandleCall<CountChildren> for Keeper {
    type Reply = ChildCount;

    async fn handle_call(&mut self, _: CountChildren, _: Caller<ChildCount>) -> Reply<ChildCount> {
        let children = self.all().map(|(pid, child)| child.spec.listed(pid));
        Reply::reply(ChildCount::of(children))
    }
}
