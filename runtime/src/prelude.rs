//! What most code needs: `use crabtree::prelude::*;`.
//!
//! No name in it shadows one of std's prelude. The printing macros are not in it, because std's would win: bring them
//! into scope by name, `use crabtree::println;`.

pub use crate::dynamic_supervisor::{DynamicSupervisor, Module as _};
pub use crate::gen_server::{Caller, GenServer, HandleCall, HandleCast, Init, Next, Reply, Server, named};
pub use crate::partition_supervisor::PartitionSupervisor;
pub use crate::supervisor::{
    ChildSpec, Module as _, Restart, Shutdown, Strategy, Supervisor, SupervisorRef, child_spec,
};
pub use crate::task::supervisor::TaskSupervisor;
pub use crate::{
    Alias, Destination, Down, Exit, ExitReason, Flag, Info, Message, MonitorRef, Name, Pid, TimerRef, agent,
    application, assert_trace, assert_tree, dynamic_supervisor, ets, exit, file, gen_server, io, kino, me, ms,
    partition_supervisor, process, receive, registry, secs, send, spawn, spawn_link, spawn_monitor, supervisor, sys,
    system, task, trace,
};
