//! Which tables there are, who owns them, and what becomes of them when the owner ends. Nothing here knows what is in
//! a table.
//!
//! # Invariants
//! 1. A table that has an owner is in the owner's record, or on its way: it is put into the record of a new owner
//!    before that one counts as owner, and the record of an owner that ends gives its tables out before anybody learns
//!    of the end.
//! 2. The lock of the rights is the innermost: none is waited for under it. It may be taken under the lock of a record.

use super::{EtsError, EtsFailure, Kind, Protection};
use crate::message::Message;
use crate::name::Name;
use crate::node::node;
use crate::pid::Pid;
use crate::process::{current, deliver};
use parking_lot::Mutex;
use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A table whose types are forgotten.
pub(crate) trait AnyTable: Any + Send + Sync {
    fn core(&self) -> &Core;
    /// How many objects it has; `None` when it is gone.
    fn size(&self) -> Option<usize>;
    /// Empties it for good. What was in it is dropped by the caller, who holds no lock.
    fn close(&self) -> Option<Box<dyn Garbage>>;
}

/// Something that is only to be dropped.
pub(crate) trait Garbage: Send {}

impl<T: Send> Garbage for T {}

/// What there is to know about a table, apart from its objects.
pub(crate) struct Core {
    pub(super) id: u64,
    pub(super) name: Name,
    pub(super) named: bool,
    pub(super) kind: Kind,
    pub(super) protection: Protection,
    pub(super) key_type: &'static str,
    pub(super) value_type: &'static str,
    rights: Mutex<Rights>,
}

struct Rights {
    owner: Pid,
    heir: Option<Heir>,
}

/// Who gets the table when its owner ends, and how the message is made that tells it.
pub(super) struct Heir {
    pub(super) pid: Pid,
    pub(super) gift: Gift,
}

/// Makes a [`Transfer`](super::Transfer) of the table and the one who had it.
pub(super) type Gift = Box<dyn FnOnce(Arc<dyn AnyTable>, Pid) -> Message + Send>;

/// What a caller wants to do with a table.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    Read,
    Write,
}

impl Core {
    pub(super) fn new(plan: &super::Plan, types: (&'static str, &'static str), owner: Pid) -> Core {
        Core {
            id: crate::system::unique_integer(),
            name: plan.name.clone(),
            named: plan.named,
            kind: plan.kind,
            protection: plan.protection,
            key_type: types.0,
            value_type: types.1,
            rights: Mutex::new(Rights { owner, heir: None }),
        }
    }

    pub(super) fn owner(&self) -> Pid {
        self.rights.lock().owner
    }

    pub(super) fn heir(&self) -> Option<Pid> {
        self.rights.lock().heir.as_ref().map(|heir| heir.pid)
    }

    /// The kind and the types, as code says them.
    pub(super) fn shown(&self) -> String {
        shown(self.kind, self.key_type, self.value_type)
    }

    /// How errors call a request to the table.
    pub(super) fn request(&self, function: &str) -> String {
        format!("{:?}({:?}).{function}", self.kind, self.name)
    }

    /// Whether the caller may do that.
    pub(super) fn allow(&self, need: Need) -> Result<(), EtsFailure> {
        let open = match self.protection {
            Protection::Public => true,
            Protection::Protected => need == Need::Read,
            Protection::Private => false,
        };
        let caller = current::get().map(|caller| caller.pid);
        if open || caller == Some(self.owner()) {
            return Ok(());
        }
        Err(EtsFailure::Access {
            protection: self.protection,
            owner: self.owner(),
            caller,
        })
    }

    /// The caller, if it is the owner.
    fn of_owner(&self) -> Result<Pid, EtsFailure> {
        let owner = self.owner();
        match current::get() {
            Some(caller) if caller.pid == owner => Ok(owner),
            _ => Err(EtsFailure::NotOwner { owner }),
        }
    }

    /// Sets or takes back the heir. The old one comes back, to be dropped without the lock.
    pub(super) fn set_heir(&self, heir: Option<Heir>) -> Result<Option<Heir>, EtsFailure> {
        self.of_owner()?;
        Ok(std::mem::replace(&mut self.rights.lock().heir, heir))
    }
}

/// A kind and the names of types, as code says them.
pub(super) fn shown(kind: Kind, key_type: &str, value_type: &str) -> String {
    format!("{kind:?}<{}, {}>", short(key_type), short(value_type))
}

/// The last part of each path in the name of a type.
fn short(name: &str) -> String {
    let mut shown = String::new();
    for part in name.split_inclusive(['<', '>', ',', ' ', '(', ')', '[', ']', '&', ';']) {
        shown.push_str(part.rsplit("::").next().unwrap_or(part));
    }
    shown
}

/// The tables that a process owns, in its record.
pub(crate) type Owned = BTreeMap<u64, Arc<dyn AnyTable>>;

/// The tables of the node.
#[derive(Default)]
pub(crate) struct Directory(Mutex<Listed>);

#[derive(Default)]
struct Listed {
    all: BTreeMap<u64, Arc<dyn AnyTable>>,
    named: BTreeMap<Name, Arc<dyn AnyTable>>,
}

impl Directory {
    /// All tables, in the order in which they were made.
    pub(super) fn all(&self) -> Vec<Arc<dyn AnyTable>> {
        self.0.lock().all.values().cloned().collect()
    }

    pub(super) fn find(&self, name: &str) -> Result<Arc<dyn AnyTable>, EtsFailure> {
        let listed = self.0.lock();
        let found = listed.named.get(name).cloned();
        found.ok_or_else(|| EtsFailure::NoSuchTable {
            known: listed.named.keys().cloned().collect(),
        })
    }

    fn insert(&self, table: &Arc<dyn AnyTable>) -> Result<(), EtsFailure> {
        let core = table.core();
        let mut listed = self.0.lock();
        if core.named {
            if let Some(other) = listed.named.get(&core.name) {
                let owner = other.core().owner();
                return Err(EtsFailure::NameTaken { owner });
            }
            listed.named.insert(core.name.clone(), table.clone());
        }
        listed.all.insert(core.id, table.clone());
        Ok(())
    }

    fn remove(&self, core: &Core) {
        let mut listed = self.0.lock();
        let removed = listed.all.remove(&core.id);
        if removed.is_some() && core.named {
            listed.named.remove(&core.name);
        }
    }
}

/// Lets the calling process own a new table.
pub(super) fn enter(table: Arc<dyn AnyTable>) -> Result<(), EtsFailure> {
    node().tables.insert(&table)?;
    let owner = current::expect("ets");
    let id = table.core().id;
    owner.record.lock().extras_mut().tables.insert(id, table);
    Ok(())
}

/// Deletes a table. Its name is free when this returns.
pub(super) fn delete(table: &Arc<dyn AnyTable>) {
    let core = table.core();
    let owner = core.owner();
    let owned = node()
        .table
        .get(owner)
        .and_then(|record| record.update(owner, |state| state.extras_mut().tables.remove(&core.id)));
    drop(owned);
    drop(take_down(&**table));
}

/// What was in a table that is deleted, to be dropped without any lock.
fn take_down(table: &dyn AnyTable) -> (Option<Box<dyn Garbage>>, Option<Heir>) {
    node().tables.remove(table.core());
    let heir = table.core().rights.lock().heir.take();
    (table.close(), heir)
}

/// Makes `to` the owner of a table, and says whether it is alive to be one, and the table there to be owned.
fn adopt(to: Pid, table: &Arc<dyn AnyTable>) -> bool {
    let Some(record) = node().table.get(to) else {
        return false;
    };
    let adopted = record.update(to, |state| {
        if state.ends() {
            return false;
        }
        state.extras_mut().tables.insert(table.core().id, table.clone());
        table.core().rights.lock().owner = to;
        true
    });
    if adopted != Some(true) {
        return false;
    }
    // Somebody may have deleted it meanwhile, and looked for it at the old owner's.
    if table.size().is_none() {
        let owned = record.update(to, |state| state.extras_mut().tables.remove(&table.core().id));
        drop(owned);
        return false;
    }
    true
}

/// Gives a table of the caller to another process.
pub(super) fn give_away(table: &Arc<dyn AnyTable>, to: Pid, gift: Gift) -> Result<(), EtsFailure> {
    let core = table.core();
    let owner = core.of_owner()?;
    if table.size().is_none() {
        return Err(EtsFailure::Gone);
    }
    if to == owner {
        return Err(EtsFailure::AlreadyOwner(to));
    }
    if !adopt(to, table) {
        return Err(EtsFailure::NoProc(to));
    }
    let me = current::expect("ets");
    let owned = me.record.lock().extras_mut().tables.remove(&core.id);
    drop(owned);
    drop(deliver(to, gift(table.clone(), owner)));
    Ok(())
}

/// What a process leaves: its tables go to their heirs, or are deleted. Gives back what is to be dropped when everybody
/// was told of the end.
pub(crate) fn leave(owner: Pid, owned: Owned) -> Vec<Box<dyn Garbage>> {
    let mut garbage: Vec<Box<dyn Garbage>> = Vec::new();
    for table in owned.into_values() {
        let heir = {
            let mut rights = table.core().rights.lock();
            if rights.owner != owner {
                // It was given away.
                continue;
            }
            rights.heir.take()
        };
        match heir {
            Some(heir) if heir.pid != owner && adopt(heir.pid, &table) => {
                drop(deliver(heir.pid, (heir.gift)(table, owner)));
            }
            heir => garbage.push(Box::new((take_down(&*table), heir, table))),
        }
    }
    garbage
}

/// An error about a table that could not be made or found.
pub(super) fn failed(function: &str, name: &Name, cause: EtsFailure) -> EtsError {
    cause.in_request(format!("ets::{function}({name:?})"))
}
