//! Ending children: one after the other, or all at once.

use super::strategy::Shutdown;
use crate::ExitReason;
use crate::hash::InOrder;
use crate::pid::{MonitorRef, Pid};
use crate::process::{self, Down, scan::Scan};
use std::collections::HashMap;
use std::time::Duration;
use tokio::time::Instant;

/// Ends children and waits until they are gone. It looks at each message in the mailbox once, however many children it ends.
///
/// The link is taken away first: the end of the child is seen through the monitor alone. An exit message that came before
/// stays in the mailbox, and means nothing to the supervisor when the child is not listed as running any more.
pub(super) struct Stopper(Scan);

/// How a child that was told to end did so.
#[must_use]
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Stopped {
    InTime,
    /// It had to be killed after that time.
    Late(Duration),
}

impl Stopper {
    pub(super) fn new() -> Stopper {
        Stopper(Scan::new(None))
    }

    /// Tells a child to end, and waits until it is gone.
    pub(super) async fn stop(&mut self, pid: Pid, shutdown: Shutdown) -> Stopped {
        let watched = tell(pid, shutdown);
        if let Shutdown::Timeout(time) = shutdown {
            self.0.timeout(Some(time));
            if self.down(|monitor| monitor == watched).await {
                return Stopped::InTime;
            }
            process::exit(pid, ExitReason::Kill);
            self.0.timeout(None);
            self.down(|monitor| monitor == watched).await;
            return Stopped::Late(time);
        }
        self.0.timeout(None);
        self.down(|monitor| monitor == watched).await;
        Stopped::InTime
    }

    /// Tells children to end, and waits until they are gone. Calls `late` for each that had to be killed.
    pub(super) async fn stop_at_once(&mut self, children: Vec<(Pid, Shutdown)>, mut late: impl FnMut(Pid, Duration)) {
        let now = Instant::now();
        let mut left: HashMap<MonitorRef, Pid, InOrder> = HashMap::default();
        let mut deadlines: Vec<(Duration, MonitorRef)> = Vec::new();
        for (pid, shutdown) in children {
            let watched = tell(pid, shutdown);
            left.insert(watched, pid);
            if let Shutdown::Timeout(time) = shutdown {
                deadlines.push((time, watched));
            }
        }
        deadlines.sort_unstable_by_key(|(time, _)| std::cmp::Reverse(*time));
        while !left.is_empty() {
            let next = deadlines.last().map(|(time, _)| time.saturating_sub(now.elapsed()));
            self.0.timeout(next);
            if self.down(|monitor| left.remove(&monitor).is_some()).await {
                continue;
            }
            let over = now.elapsed();
            while let Some((time, watched)) = deadlines.pop_if(|(time, _)| *time <= over) {
                if let Some(pid) = left.get(&watched) {
                    process::exit(pid, ExitReason::Kill);
                    late(*pid, time);
                }
            }
        }
    }

    /// Waits for the end that `wanted` accepts; `false` when the time is up.
    async fn down(&mut self, mut wanted: impl FnMut(MonitorRef) -> bool) -> bool {
        while let Some(message) = self.0.next().await {
            match message.downcast_ref::<Down>() {
                Some(down) if wanted(down.monitor) => return true,
                _ => self.0.keep(message),
            }
        }
        false
    }
}

fn tell(pid: Pid, shutdown: Shutdown) -> MonitorRef {
    let watched = process::monitor(pid);
    process::unlink(pid);
    let reason = match shutdown {
        Shutdown::BrutalKill => ExitReason::Kill,
        Shutdown::Timeout(_) | Shutdown::Infinity => ExitReason::Shutdown,
    };
    process::exit(pid, reason);
    watched
}
