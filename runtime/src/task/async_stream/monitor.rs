//! The process between a stream's consumer and its tasks: it has them started, and sees how they end.

use crate::destination::Target;
use crate::hash::Mixing;
use crate::message::Message;
use crate::node::node;
use crate::process::scan::Scan;
use crate::process::task::{Body, Start};
use crate::process::{self, Down, Exit, Flag};
use crate::supervisor::{ChildError, Shutdown};
use crate::task::begin::begin_for;
use crate::task::unstarted::Unstarted;
use crate::{ExitReason, MonitorRef, Pid, exit};
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Asks for a task.
pub(super) struct Run {
    pub(super) number: u64,
    pub(super) body: Body,
}

impl fmt::Debug for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "run(item {})", self.number)
    }
}

/// Says that nobody wants results any more.
#[derive(Debug)]
pub(super) struct Close;

/// How a task ended.
#[derive(Debug)]
pub(super) enum Ended {
    Exit(ExitReason),
    Timeout,
    /// It did not begin: the supervisor did not take it.
    Refused(ChildError),
}

/// Tasks that are children of a supervisor.
#[derive(Clone, Debug)]
pub(in crate::task) struct Place {
    pub(in crate::task) supervisor: Target,
    /// Whether a task that fails is a failure of the consumer.
    pub(in crate::task) link: bool,
    pub(in crate::task) shutdown: Shutdown,
    /// What the consumer called.
    pub(in crate::task) function: &'static str,
}

/// Where ends are reported to.
pub(super) trait Report: Send + Sync {
    fn ended(&self, number: u64, end: Ended);
}

/// The life of the monitor.
pub(super) async fn monitor(
    consumer: Pid,
    callers: Box<[Pid]>,
    start: Start,
    place: Option<Place>,
    report: Arc<dyn Report>,
    timeout: Option<Duration>,
) {
    process::flag(Flag::TrapExit, true);
    let mut monitor = Monitor {
        consumer,
        callers,
        start,
        place,
        report,
        timeout,
        tasks: HashMap::default(),
        deadlines: VecDeque::new(),
    };
    let reason = loop {
        match Scan::until(monitor.deadline()).next().await {
            None => monitor.expire(),
            Some(message) => {
                if let Some(reason) = monitor.handle(message).await {
                    break reason;
                }
            }
        }
    };
    for pid in monitor.tasks.keys() {
        process::unlink(*pid);
        process::exit(*pid, ExitReason::Kill);
    }
    exit(reason)
}

struct Monitor {
    consumer: Pid,
    /// On whose behalf the tasks run: the consumer's, and so on.
    callers: Box<[Pid]>,
    start: Start,
    place: Option<Place>,
    report: Arc<dyn Report>,
    timeout: Option<Duration>,
    /// The tasks at work, and the numbers of their items.
    tasks: HashMap<Pid, u64, Mixing>,
    /// When a task has taken too long; the earliest first, for all have the same time.
    deadlines: VecDeque<(Instant, Pid)>,
}

impl Monitor {
    /// The next deadline of a task that is still at work.
    fn deadline(&mut self) -> Option<Instant> {
        while let Some((_, pid)) = self.deadlines.front()
            && !self.tasks.contains_key(pid)
        {
            self.deadlines.pop_front();
        }
        self.deadlines.front().map(|(at, _)| *at)
    }

    /// `Some` when the message ends the monitor.
    async fn handle(&mut self, message: Message) -> Option<ExitReason> {
        let message = match message.downcast::<Run>() {
            Ok(run) => {
                self.run(run).await;
                return None;
            }
            Err(message) => message,
        };
        let message = match message.downcast::<Down>() {
            Ok(Down { pid, reason, .. }) => {
                self.ended(pid, reason);
                return None;
            }
            Err(message) => message,
        };
        match message.downcast::<Exit>() {
            Ok(Exit { from, reason }) if from == self.consumer => Some(reason),
            Ok(Exit { from, reason }) => {
                self.ended(from, reason);
                None
            }
            Err(message) => message.is::<Close>().then_some(ExitReason::Normal),
        }
    }

    async fn run(&mut self, Run { number, body }: Run) {
        let callers = self.callers.clone();
        let pid = match &self.place {
            None => {
                let start = Start {
                    link: true,
                    ..self.start
                };
                begin_for(callers, start, body)
            }
            Some(place) => {
                let task = Unstarted::new(callers, self.start, body);
                let task = match task.enter(&place.supervisor, place.shutdown, place.function).await {
                    Ok(task) => task,
                    Err(error) => return self.report.ended(number, Ended::Refused(error)),
                };
                let monitor = (!place.link).then(|| MonitorRef(node().new_ref()));
                task.run(monitor, place.link)
            }
        };
        self.tasks.insert(pid, number);
        if let Some(at) = self.timeout.and_then(|timeout| Instant::now().checked_add(timeout)) {
            self.deadlines.push_back((at, pid));
        }
    }

    /// Whether the failure of a task is one of the consumer.
    fn is_linked(&self) -> bool {
        self.place.as_ref().is_none_or(|place| place.link)
    }

    /// Whether the consumer traps exits.
    fn is_survived(&self) -> bool {
        let consumer = node().table.get(self.consumer);
        let traps = consumer.and_then(|record| record.update(self.consumer, |state| state.trap_exit));
        traps == Some(true)
    }

    fn ended(&mut self, pid: Pid, reason: ExitReason) {
        let Some(number) = self.tasks.remove(&pid) else { return };
        if self.is_linked() && !reason.is_normal() && !self.is_survived() {
            // As if it were linked to the task itself.
            process::exit(self.consumer, reason.clone());
        }
        self.report.ended(number, Ended::Exit(reason));
    }

    fn expire(&mut self) {
        let now = Instant::now();
        while let Some((at, pid)) = self.deadlines.front().copied()
            && at <= now
        {
            self.deadlines.pop_front();
            if let Some(number) = self.tasks.remove(&pid) {
                process::unlink(pid);
                process::exit(pid, ExitReason::Kill);
                self.report.ended(number, Ended::Timeout);
            }
        }
    }
}
