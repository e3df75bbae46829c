//! Processes that belong to a cell.

use crate::destination::Destination as _;
use crate::dynamic_supervisor::{self, DynamicSupervisor};
use crate::gen_server::StartError;
use crate::pid::Pid;
use crate::supervisor::{ChildError, ChildSpec, Restart};
use crate::{global, io, process, task};

/// The name of the supervisor whose children belong to a group leader.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct ChildrenOf(Pid);

/// Starts a process that belongs to the calling cell: it goes on when the cell has ended, and ends when the cell is run
/// again. What is only spawned lives until it is told to end.
///
/// It is started by a [dynamic supervisor](crate::dynamic_supervisor) of the cell, which restarts it as its specification
/// says, 3 times within 5 seconds. The children of a cell are stopped, and have ended, before the cell is compiled again;
/// so they can have the same names, and are gone also when it does not compile. A front end tells which cell it runs by a `cellId`, as JupyterLab does. Where
/// none is told, and outside of a notebook, nothing ends such processes but an exit signal, or the end of the program.
///
/// ```
/// # crabtree::run(async {
/// use crabtree::agent;
/// use crabtree::prelude::*;
///
/// let counter = kino::start_child(agent::child_spec("counter", || 7).name("counter")).await?;
/// assert_eq!(process::whereis("counter"), Some(counter));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
///
/// # Errors
/// [`ChildError`], when the child does not start.
///
/// # Panics
/// Outside of a process.
pub async fn start_child(spec: ChildSpec) -> Result<Pid, ChildError> {
    let supervisor = supervisor_of(process::group_leader())
        .await
        .map_err(ChildError::Start)?;
    dynamic_supervisor::start_child(supervisor, spec).await
}

/// Makes the calling process one of those that belong to its cell: they end when the cell is run again.
pub(super) async fn belong_to_cell() {
    let me = process::me();
    let spec = ChildSpec::new("live output", move || async move { Ok(me) }).restart(Restart::Temporary);
    // Without a supervisor it goes on until it is told to end.
    let _ = start_child(spec).await;
}

/// Whether a process keeps the children of a cell.
pub(crate) fn is_keeper(pid: Pid) -> bool {
    let leader = process::info(pid).map(|info| info.group_leader);
    leader.is_some_and(|leader| global::whereis_name(ChildrenOf(leader)) == Some(pid))
}

/// The supervisor of the children of that group leader; it is made when there is none.
async fn supervisor_of(leader: Pid) -> Result<Pid, StartError> {
    let name = global::name(ChildrenOf(leader));
    if let Ok(supervisor) = name.resolve() {
        return Ok(supervisor);
    }
    // It must not end with the process that happens to be the first to need it.
    let starting = task::async_(async move {
        let started = DynamicSupervisor::new().via(name).start_link().await;
        if let Ok(supervisor) = &started {
            process::unlink(supervisor.pid());
        }
        started
    });
    match starting.await {
        Ok(Ok(supervisor)) => {
            io::adopt(leader, supervisor.pid());
            Ok(supervisor.pid())
        }
        Ok(Err(StartError::AlreadyStarted { pid, .. })) => Ok(pid),
        Ok(Err(error)) => Err(error),
        Err(error) => Err(StartError::Invalid(error.to_string())),
    }
}
