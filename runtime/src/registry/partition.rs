//! The process of a partition: it is linked to those who register, and removes their keys when they end.

use super::tables::Tables;
use super::{Key, Value};
use crate::gen_server::{self, GenServer, Init, Next};
use crate::message::Message;
use crate::node::node;
use crate::pid::Pid;
use crate::process::{self, Exit, Flag, current};
use crate::supervisor::ChildSpec;
use crate::{ExitReason, me};
use std::any::{Any, type_name};
use std::fmt;
use std::sync::Arc;

/// The tables of a registry, whatever their types.
pub(crate) trait AnyTables: Send + Sync {
    /// The partition runs as `pid`, and begins empty.
    fn begin(&self, index: usize, pid: Pid);
    fn forget(&self, owner: Pid);
    /// The types of keys and values.
    fn types(&self) -> (&'static str, &'static str);
    fn any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync>;
}

impl<K: Key, V: Value> AnyTables for Tables<K, V> {
    fn begin(&self, index: usize, pid: Pid) {
        let partition = &self.partitions[index];
        *partition.pid.lock() = Some(pid);
        let owners: Vec<Pid> = partition.owners.lock().keys().copied().collect();
        owners.into_iter().for_each(|owner| self.forget(owner));
    }

    fn forget(&self, owner: Pid) {
        Tables::forget(self, owner);
    }

    fn types(&self) -> (&'static str, &'static str) {
        (type_name::<K>(), type_name::<V>())
    }

    fn any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }
}

struct PartitionServer {
    tables: Arc<dyn AnyTables>,
}

impl fmt::Debug for PartitionServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a partition of a registry")
    }
}

impl GenServer for PartitionServer {
    type Args = (Arc<dyn AnyTables>, usize);

    async fn init((tables, index): Self::Args) -> Init<PartitionServer> {
        process::flag(Flag::TrapExit, true);
        tables.begin(index, me());
        show(&tables);
        Init::ok(PartitionServer { tables })
    }

    async fn handle_info(&mut self, message: Message) -> Next {
        match message.downcast::<Exit>() {
            Ok(Exit { from, .. }) => self.tables.forget(from),
            Err(message) => gen_server::unknown(&message),
        }
        Next::noreply()
    }
}

/// Lets the registry be found by the name of the supervisor of the calling partition.
fn show(tables: &Arc<dyn AnyTables>) {
    let parent = current::expect("a partition").record.lock().parent;
    let supervisor = parent.and_then(|pid| Some((pid, node().table.get(pid)?)));
    if let Some((pid, record)) = supervisor {
        record.update(pid, |state| state.extras_mut().registry = Some(tables.clone()));
    }
}

pub(super) fn child_spec<K: Key, V: Value>(tables: Arc<Tables<K, V>>, index: usize) -> ChildSpec {
    let tables: Arc<dyn AnyTables> = tables;
    ChildSpec::new(index.to_string(), move || {
        let tables = tables.clone();
        async move {
            let started = gen_server::start_link::<PartitionServer>((tables, index)).await;
            started.map(|server| server.pid()).map_err(ExitReason::from)
        }
    })
}
