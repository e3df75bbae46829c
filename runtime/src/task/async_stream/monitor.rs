//! The process between a stream's consumer and its tasks: it starts them, linked to itself, and sees how they end.

use crate::message::Message;
use crate::node::node;
use crate::process::scan::Scan;
use crate::process::task::{self, Body, Start};
use crate::process::{self, Exit, Flag};
use crate::{ExitReason, Pid, exit};
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
}

/// Where ends are reported to.
pub(super) trait Report: Send + Sync {
    fn ended(&self, number: u64, end: Ended);
}

/// The life of the monitor.
pub(super) async fn monitor(consumer: Pid, report: Arc<dyn Report>, timeout: Option<Duration>) {
    process::flag(Flag::TrapExit, true);
    let mut monitor = Monitor {
        consumer,
        report,
        timeout,
        tasks: HashMap::new(),
        deadlines: VecDeque::new(),
    };
    let reason = loop {
        match Scan::new(monitor.time_left()).next().await {
            None => monitor.expire(),
            Some(message) => {
                if let Some(reason) = monitor.handle(message) {
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
    report: Arc<dyn Report>,
    timeout: Option<Duration>,
    /// The tasks at work, and the numbers of their items.
    tasks: HashMap<Pid, u64>,
    /// When a task has taken too long; the earliest first, for all have the same time.
    deadlines: VecDeque<(Instant, Pid)>,
}

impl Monitor {
    /// Until the next deadline of a task that is still at work.
    fn time_left(&mut self) -> Option<Duration> {
        while let Some((_, pid)) = self.deadlines.front()
            && !self.tasks.contains_key(pid)
        {
            self.deadlines.pop_front();
        }
        let (at, _) = self.deadlines.front()?;
        Some(at.saturating_duration_since(Instant::now()))
    }

    /// `Some` when the message ends the monitor.
    fn handle(&mut self, message: Message) -> Option<ExitReason> {
        let message = match message.downcast::<Run>() {
            Ok(run) => {
                self.run(run);
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

    fn run(&mut self, Run { number, body }: Run) {
        let link = Start {
            link: true,
            ..Start::of::<Run>()
        };
        let pid = task::start(body, link);
        self.tasks.insert(pid, number);
        if let Some(at) = self.timeout.and_then(|timeout| Instant::now().checked_add(timeout)) {
            self.deadlines.push_back((at, pid));
        }
    }

    fn ended(&mut self, pid: Pid, reason: ExitReason) {
        let Some(number) = self.tasks.remove(&pid) else { return };
        let consumer = node().table.get(self.consumer);
        let traps = consumer.and_then(|record| record.update(self.consumer, |state| state.trap_exit));
        if !reason.is_normal() && traps != Some(true) {
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
