//! The master of an application: the process that starts its tree, stops it, and stands for it.
//!
//! It is the group leader of all processes of the application, and passes on what they write to the group leader of
//! the one that started the application. That is how a process is known to belong to it.

use super::controller::{Controller, Tree};
use super::{Callbacks, Spec, Type, stop_all};
use crate::gen_server::guard;
use crate::io::{self, Device, Display, Get, Getting, Stream};
use crate::node::node;
use crate::pid::Pid;
use crate::process::record::Record;
use crate::process::task::{Start, begin};
use crate::process::{self, Down, Exit, Flag, current};
use crate::{ExitReason, me, receive, report, secs};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How long processes of an application that outlived its tree have to end once they were killed.
const PATIENCE: Duration = secs(5);

/// Makes a master without letting it run.
pub(super) fn propose() -> (Pid, &'static Record) {
    let leader = current::group_leader();
    let (pid, record) = begin(Start::of::<Spec>());
    let mut state = record.lock();
    state.extras_mut().device = Some(Arc::new(Forward { leader }));
    state.set_group_leader(pid);
    drop(state);
    (pid, record)
}

/// Tells a master to stop its application.
#[derive(Debug)]
pub(super) struct Stop;

/// Sees to it that the application does not count as running when its master is gone, whatever ended it.
struct Standing {
    spec: Arc<Spec>,
    master: Pid,
    reason: ExitReason,
}

impl Drop for Standing {
    fn drop(&mut self) {
        node()
            .applications
            .is_stopped(&self.spec.name, self.master, &self.reason);
    }
}

/// The life of a master.
pub(super) async fn life(spec: Arc<Spec>, kind: Type) {
    let mut standing = Standing {
        spec: spec.clone(),
        master: me(),
        reason: ExitReason::Killed,
    };
    process::set_label(format!("application {}", spec.name));
    process::flag(Flag::TrapExit, true);
    let Some(callbacks) = &spec.callbacks else { return };
    let root = match start(callbacks).await {
        Ok(root) => root,
        Err(reason) => {
            end_others().await;
            standing.reason = reason;
            return;
        }
    };
    process::link(root);
    node().applications.is_running(&spec.name, Tree { master: me(), root });
    let ended = serve(root).await;
    run(callbacks.prep_stop()).await;
    if ended.is_none() {
        stop(root).await;
    }
    run(callbacks.stop()).await;
    end_others().await;
    let reason = ended.clone().unwrap_or(ExitReason::Normal);
    let words = ended.as_ref().map_or("stopped".to_owned(), ToString::to_string);
    io::write(
        Stream::Stderr,
        format!("[notice] Application {} exited: {words}\n", spec.name),
    );
    standing.reason = reason;
    drop(standing);
    if let Some(reason) = ended
        && Controller::takes_others_along(kind, &reason)
    {
        stop_all().await;
    }
}

async fn start(callbacks: &Arc<dyn Callbacks>) -> Result<Pid, ExitReason> {
    match guard(|| callbacks.start()).await {
        Ok(started) => started,
        Err(crash) => Err(crash.reason),
    }
}

/// Runs a callback that has no say: a panic in it is reported, and the end goes on.
async fn run(callback: super::Callback<'_, ()>) {
    if let Err(crash) = guard(|| callback).await {
        report::error("An application failed while it stopped", &crash.reason, &[]);
    }
}

/// Waits until the application ends, or is to be stopped.
async fn serve(root: Pid) -> Option<ExitReason> {
    loop {
        receive! {
            Exit { from, reason } if from == root => return Some(reason),
            Stop => return None,
            _ => (),
        }
    }
}

async fn stop(root: Pid) {
    process::exit(root, ExitReason::Shutdown);
    loop {
        receive! {
            Exit { from, .. } if from == root => return,
            _ => (),
        }
    }
}

/// Kills the processes of the application that are left, and those that they spawned meanwhile.
async fn end_others() {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let left = members();
        if left.is_empty() || deadline <= Instant::now() {
            return;
        }
        for pid in left {
            let watched = process::monitor(pid);
            process::exit(pid, ExitReason::Kill);
            receive! {
                Down { monitor, .. } if monitor == watched => (),
                after deadline.saturating_duration_since(Instant::now()) => (),
            }
        }
    }
}

/// The processes that have the caller as group leader, except itself.
fn members() -> Vec<Pid> {
    let master = me();
    let of_master = |pid: &Pid| *pid != master && group_leader(*pid) == Some(master);
    node().table.pids().filter(of_master).collect()
}

/// The group leader of a process.
pub(super) fn group_leader(pid: Pid) -> Option<Pid> {
    node().table.get(pid)?.update(pid, |state| state.group_leader())
}

/// Passes everything on.
struct Forward {
    leader: Pid,
}

impl Device for Forward {
    fn write(&self, stream: Stream, text: &str) {
        io::device_of(self.leader).1.write(stream, text);
    }

    fn put(&self, bytes: &[u8]) -> std::io::Result<()> {
        io::device_of(self.leader).1.put(bytes)
    }

    fn get(&self, get: Get) -> Getting<'_> {
        let device = io::device_of(self.leader).1;
        Box::pin(async move { device.get(get).await })
    }

    fn display(&self, display: Display) {
        io::device_of(self.leader).1.display(display);
    }

    fn clear(&self, wait: bool) {
        io::device_of(self.leader).1.clear(wait);
    }
}
