//! A task before its first step: a process that nothing runs yet, so that its supervisor and its owner can be put in
//! relation to it without missing anything.

use super::begin::{enter_callers, own};
use super::callers;
use crate::destination::{Target, resolve};
use crate::gen_server::{CallError, CallFailure};
use crate::node::node;
use crate::pid::{MonitorRef, Pid};
use crate::process::record::Record;
use crate::process::task::{self, Body, Start};
use crate::process::{self, current};
use crate::supervisor::{ChildError, ChildSpec, Restart, Shutdown};
use crate::{ExitReason, dynamic_supervisor, me};

/// See the module. When it is dropped, the process ends without having run.
pub(super) struct Unstarted {
    pid: Pid,
    record: &'static Record,
    start: Start,
    /// `None` once it runs.
    body: Option<Body>,
}

impl Unstarted {
    /// Begins the process of a task. What `start` says of relations is left for later.
    pub(super) fn new(callers: Box<[Pid]>, start: Start, body: Body) -> Unstarted {
        let (pid, record) = task::begin(start);
        enter_callers(&mut record.lock(), callers);
        Unstarted {
            pid,
            record,
            start,
            body: Some(body),
        }
    }

    /// Begins the process of a task that the calling process starts.
    pub(super) fn by_caller(start: Start, body: Body) -> Unstarted {
        Unstarted::new(callers::of_next(), start, body)
    }

    /// Makes it a child of the supervisor, which will not restart it.
    ///
    /// # Errors
    /// As [`dynamic_supervisor::start_child`]; `function` says what was called.
    pub(super) async fn enter(
        self,
        supervisor: &Target,
        shutdown: Shutdown,
        function: &'static str,
    ) -> Result<Unstarted, ChildError> {
        let pid = self.pid;
        let child = ChildSpec::new("task", move || async move { adopt(pid) });
        let child = child.restart(Restart::Temporary).shutdown(shutdown);
        start_child(supervisor, child, function).await?;
        Ok(self)
    }

    /// Runs it as a task of the calling process, which hears what the task says under that reference.
    pub(super) fn run_owned(self, monitor: MonitorRef, link: bool) -> Pid {
        let owner = current::expect("a task");
        own(&mut owner.record.lock(), monitor.0);
        self.run(Some(monitor), link)
    }

    /// Runs it, watched by the calling process and linked to it, as is wanted.
    pub(super) fn run(self, monitor: Option<MonitorRef>, link: bool) -> Pid {
        let start = Start {
            link,
            monitor: monitor.map(|monitor| monitor.0),
            ..self.start
        };
        task::relate(current::expect("a task"), self.pid, self.record, start);
        self.run_alone()
    }

    /// Runs it as a child of the calling process, a supervisor, with another group leader than that.
    pub(super) fn run_under(self, group_leader: Pid) -> Pid {
        process::set_group_leader(self.pid, group_leader);
        self.run(None, true)
    }

    /// Runs it without any relation to the calling process.
    pub(super) fn run_alone(mut self) -> Pid {
        if let Some(body) = self.body.take() {
            task::run(self.pid, body);
        }
        self.pid
    }
}

impl Drop for Unstarted {
    fn drop(&mut self) {
        if self.body.take().is_some() {
            self.record.finish(self.pid, ExitReason::Shutdown);
        }
    }
}

/// Makes the calling process, a supervisor, the parent of a process that does not run yet.
fn adopt(pid: Pid) -> Result<Pid, ExitReason> {
    let record = node().table.get(pid).ok_or(ExitReason::NoProc)?;
    record
        .update(pid, |state| state.parent = Some(me()))
        .ok_or(ExitReason::NoProc)?;
    process::link(pid);
    Ok(pid)
}

/// Starts a child, as `function`.
pub(super) async fn start_child(
    supervisor: &Target,
    child: ChildSpec,
    function: &'static str,
) -> Result<Pid, ChildError> {
    let request = |name: &str| format!("task::supervisor::{function}({name})");
    let pid = resolve(supervisor).map_err(|name| CallError {
        request: request(&name),
        cause: CallFailure::NoSuchName,
    })?;
    match dynamic_supervisor::start_child(pid, child).await {
        Err(ChildError::Call(error)) => Err(ChildError::Call(CallError {
            request: request(&pid.to_string()),
            ..error
        })),
        started => started,
    }
}
