//! Tables that are owned by a process and shared with others: OTP's `ets`, with types.
//!
//! What many processes read all the time would make a queue before the one process that answers. A table needs no
//! answer: whoever has its handle looks for himself. It belongs to the process that made it, and is gone when that
//! process ends, so that nothing is left over from what crashed.
//!
//! ```
//! # crabtree::run(async {
//! use crabtree::ets;
//! use crabtree::prelude::*;
//!
//! let rooms = ets::set::<u32, &str>("rooms").create()?;
//! rooms.insert(101, "Ann")?;
//!
//! let guest = rooms.clone(); // a handle, not a copy of the table
//! let (_, reader) = spawn_monitor(async move {
//!     assert_eq!(guest.lookup(&101), Ok(Some("Ann")));
//!     assert!(guest.insert(102, "Bob").is_err()); // only the owner writes
//! });
//! receive! { Down { monitor, reason, .. } if monitor == reader => assert_eq!(reason, ExitReason::Normal) }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! # Four kinds
//! | | a key has | keys are |
//! |---|---|---|
//! | [`Set`] | one value | hashed |
//! | [`OrderedSet`] | one value | in order |
//! | [`Bag`] | many values, each once | hashed |
//! | [`DuplicateBag`] | many values, as they come | hashed |
//!
//! The kind is part of the type: [`lookup`](Table::lookup) gives an `Option` in a set and a `Vec` in a bag, and what a
//! kind cannot do does not compile.
//!
//! ```compile_fail
//! # crabtree::run(async {
//! # use crabtree::ets;
//! let tags = ets::bag::<&str, u32>("tags").create().unwrap();
//! tags.update_counter(&"tea", 1).unwrap(); // which of its numbers?
//! # });
//! ```
//!
//! # Who may do what
//! [`Protection`] says whether others may read or write. The owner can [give the table away](Table::give_away), and name
//! an [heir](Table::set_heir) who gets it when the owner ends: a table outlives a server that crashes when the
//! server's supervisor is the heir and gives it to the next one.
//!
//! # Found by name
//! A table made with [`named_table`](New::named_table) is found by [`whereis`]. The types are checked then, so a cell
//! that changed the type of the values since does not find a table of the old ones.
//!
//! ```
//! # crabtree::run(async {
//! use crabtree::ets;
//!
//! ets::set::<&str, u64>("hits").named_table().public().create()?.insert("/", 1)?;
//!
//! let hits: ets::Set<&str, u64> = ets::whereis("hits")?;
//! assert_eq!(hits.update_counter(&"/", 1)?, 2);
//! let error = ets::whereis::<ets::Set<&str, String>>("hits").unwrap_err();
//! assert!(error.to_string().contains("the table is a Set<&str, u64>"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! # In one step
//! Each function does what it does to one object in one step, and [`insert_all`](Table::insert_all) to many. What goes
//! through a whole table, such as [`select`](Table::select), does not stop others meanwhile, and sees each object as it
//! is at its turn.
//!
//! # When not to use it
//! When one process at a time must decide on what it reads: that is a server. When a value never changes: then an `Arc`
//! is enough.

mod directory;
mod error;
pub mod form;
mod store;
mod table;

use crate::message::Term;
use crate::name::Name;
use crate::node::node;
use crate::pid::Pid;
use crate::process::current;
use directory::{AnyTable, Core, Heir, failed};
pub(crate) use directory::{Directory, Owned, leave};
pub use error::{EtsError, EtsFailure};
use form::Form;
use std::fmt;
use std::hash::Hash;
use std::marker::PhantomData;
use std::sync::Arc;
pub use table::{Counter, Iter, Table};

/// A table in which a key has one value.
pub type Set<K, V> = Table<K, V, form::Set>;

/// A table in which a key has one value, in the order of the keys.
pub type OrderedSet<K, V> = Table<K, V, form::OrderedSet>;

/// A table in which a key has any number of values, each of them once.
pub type Bag<K, V> = Table<K, V, form::Bag>;

/// A table in which a key has any number of values, each as often as it was inserted.
pub type DuplicateBag<K, V> = Table<K, V, form::DuplicateBag>;

/// What can be a key: it is implemented for every such type. [`Form`] says what else a kind of table needs.
pub trait Key: Term + Clone + Sync {}

impl<K: Term + Clone + Sync> Key for K {}

/// What can be a value: it is implemented for every such type.
pub trait Value: Term + Clone + Sync {}

impl<V: Term + Clone + Sync> Value for V {}

/// The kind of a table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// [`form::Set`].
    Set,
    /// [`form::OrderedSet`].
    OrderedSet,
    /// [`form::Bag`].
    Bag,
    /// [`form::DuplicateBag`].
    DuplicateBag,
}

/// Who may use a table beside its owner.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Protection {
    /// All may read and write.
    Public,
    /// All may read, the owner may write.
    #[default]
    Protected,
    /// Nobody.
    Private,
}

/// Plans a [`Set`].
pub fn set<K: Key + Eq + Hash, V: Value>(name: impl Into<Name>) -> New<K, V, form::Set> {
    New::plan(name.into())
}

/// Plans an [`OrderedSet`].
pub fn ordered_set<K: Key + Ord, V: Value>(name: impl Into<Name>) -> New<K, V, form::OrderedSet> {
    New::plan(name.into())
}

/// Plans a [`Bag`].
///
/// ```
/// # crabtree::run(async {
/// use crabtree::ets;
///
/// let tags = ets::bag::<&str, &str>("tags").create()?;
/// for tag in ["hot", "green", "hot"] {
///     tags.insert("tea", tag)?;
/// }
/// assert_eq!(tags.lookup(&"tea")?, ["hot", "green"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
pub fn bag<K: Key + Eq + Hash, V: Value + PartialEq>(name: impl Into<Name>) -> New<K, V, form::Bag> {
    New::plan(name.into())
}

/// Plans a [`DuplicateBag`].
pub fn duplicate_bag<K: Key + Eq + Hash, V: Value>(name: impl Into<Name>) -> New<K, V, form::DuplicateBag> {
    New::plan(name.into())
}

/// What a table is to be, apart from its types.
#[derive(Debug)]
struct Plan {
    name: Name,
    named: bool,
    kind: Kind,
    protection: Protection,
}

/// A table that is about to be made.
#[must_use = "nothing is made before `.create()`"]
pub struct New<K, V, F> {
    plan: Plan,
    heir: Option<Heir>,
    types: PhantomData<Table<K, V, F>>,
}

impl<K: Key, V: Value, F: Form<K>> New<K, V, F> {
    fn plan(name: Name) -> New<K, V, F> {
        New {
            plan: Plan {
                name,
                named: false,
                kind: F::KIND,
                protection: Protection::default(),
            },
            heir: None,
            types: PhantomData,
        }
    }

    /// Lets the table be found by its name. Without it the name is only shown, and many tables can have the same.
    pub fn named_table(mut self) -> New<K, V, F> {
        self.plan.named = true;
        self
    }

    /// Lets all processes read and write. Without this and [`private`](New::private) all may read.
    pub fn public(mut self) -> New<K, V, F> {
        self.plan.protection = Protection::Public;
        self
    }

    /// Lets nobody but the owner read or write.
    pub fn private(mut self) -> New<K, V, F> {
        self.plan.protection = Protection::Private;
        self
    }

    /// Names the process that gets the table when the owner ends; see [`Table::set_heir`].
    pub fn heir<D: Term>(mut self, heir: impl Into<Pid>, data: D) -> New<K, V, F> {
        let (pid, gift) = (heir.into(), Table::<K, V, F>::gift(data));
        self.heir = Some(Heir { pid, gift });
        self
    }

    /// Makes the table. It belongs to the calling process.
    ///
    /// # Errors
    /// When it is to be found by its name, and another table has that.
    ///
    /// # Panics
    /// Outside of a process.
    #[track_caller]
    pub fn create(self) -> Result<Table<K, V, F>, EtsError> {
        let owner = current::expect("ets: create()").pid;
        let types = (std::any::type_name::<K>(), std::any::type_name::<V>());
        let table = Table::<K, V, F>::make(Core::new(&self.plan, types, owner));
        let any = table.any();
        let made = directory::enter(any.clone()).and_then(|()| any.core().set_heir(self.heir));
        match made {
            Ok(_) => Ok(table),
            Err(cause) => Err(failed("create", &self.plan.name, cause)),
        }
    }
}

impl<K, V, F> fmt::Debug for New<K, V, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.plan, f)
    }
}

/// The message that says to a process that it owns a table now. `T` is the type of the table, `D` that of the data which
/// the giver added. OTP's `'ETS-TRANSFER'`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Transfer<T, D = ()> {
    /// The table.
    pub table: T,
    /// Who had it before.
    pub from: Pid,
    /// What the giver has to say.
    pub data: D,
}

/// A type of tables, for [`whereis`].
pub trait Handle: Sized {
    #[doc(hidden)]
    fn found(table: Found) -> Option<Self>;

    #[doc(hidden)]
    fn shown() -> String;
}

/// A table whose types are not known yet.
#[doc(hidden)]
pub struct Found(Arc<dyn AnyTable>);

impl fmt::Debug for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.core().shown())
    }
}

impl<K: Key, V: Value, F: Form<K>> Handle for Table<K, V, F> {
    fn found(table: Found) -> Option<Table<K, V, F>> {
        Table::from_any(table.0)
    }

    fn shown() -> String {
        directory::shown(F::KIND, std::any::type_name::<K>(), std::any::type_name::<V>())
    }
}

/// The table of that name, made with [`named_table`](New::named_table), if it has the types that are asked for.
///
/// # Errors
/// When no table has the name, or one of other types or another kind.
pub fn whereis<T: Handle>(name: impl Into<Name>) -> Result<T, EtsError> {
    let name = name.into();
    let table = node().tables.find(name.as_str());
    let table = table.map_err(|cause| failed("whereis", &name, cause))?;
    let found = table.core().shown();
    T::found(Found(table)).ok_or_else(|| {
        let asked = T::shown();
        failed("whereis", &name, EtsFailure::OtherType { asked, found })
    })
}

/// What is known of a table.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Info {
    /// A number that no other table of the node has.
    pub id: u64,
    /// Its name.
    pub name: Name,
    /// Whether it is found by its name.
    pub named_table: bool,
    /// Its kind.
    pub kind: Kind,
    /// Who may use it.
    pub protection: Protection,
    /// Its owner.
    pub owner: Pid,
    /// Who gets it when the owner ends.
    pub heir: Option<Pid>,
    /// How many objects it has.
    pub size: usize,
    /// The type of its keys, as [`std::any::type_name`] gives it.
    pub key_type: &'static str,
    /// The type of its values, likewise.
    pub value_type: &'static str,
}

impl Info {
    /// What is known of a table; `None` when it is gone.
    pub(crate) fn of(table: &dyn AnyTable) -> Option<Info> {
        let core = table.core();
        Some(Info {
            size: table.size()?,
            id: core.id,
            name: core.name.clone(),
            named_table: core.named,
            kind: core.kind,
            protection: core.protection,
            owner: core.owner(),
            heir: core.heir(),
            key_type: core.key_type,
            value_type: core.value_type,
        })
    }
}

/// All tables of the node, in the order in which they were made.
pub fn all() -> Vec<Info> {
    let tables = node().tables.all();
    tables.iter().filter_map(|table| Info::of(&**table)).collect()
}
