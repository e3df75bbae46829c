//! The node: the one static of the runtime, where processes, names, references and timers are kept.

use crate::global::Globals;
use crate::kino::widget;
use crate::name::Names;
use crate::pid::{Pid, Ref};
use crate::pool;
use crate::process::barrier::Barrier;
use crate::process::origin::Origin;
use crate::process::rescue::Rescue;
use crate::process::stack::CodeNames;
use crate::process::table::Table;
use crate::process::train::Yards;
use crate::process::watchdog::Watchdog;
use crate::system::Counters;
use crate::threads;
use crate::timer::Wheels;
use crate::trace::Tracer;
use crate::{application, ets, io};
use parking_lot::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, OnceLock};
use tokio::runtime::{Builder, Handle, Runtime};

pub(crate) struct Node {
    pub(crate) table: Table,
    pub(crate) names: Names,
    pub(crate) globals: Globals,
    /// The timers of each tokio runtime that runs processes.
    pub(crate) wheels: Mutex<Wheels>,
    /// What processes ride on, for each tokio runtime that runs some.
    pub(crate) yards: Yards,
    /// Sees to processes that were handed over to a thread which is not done.
    pub(crate) rescue: Rescue,
    /// Lets who runs a process look at its state without an atomic exchange.
    pub(crate) barrier: Barrier,
    /// Memory for messages. None is made before the node is.
    pub(crate) blocks: pool::Stock,
    pub(crate) watchdog: Watchdog,
    pub(crate) tracer: Tracer,
    /// The device of processes that have no other, registered as `user`.
    pub(crate) user: Pid,
    pub(crate) counters: Counters,
    pub(crate) tables: ets::Directory,
    pub(crate) applications: application::Controller,
    /// Devices that go on without a process.
    pub(crate) retired: io::Retired,
    /// Controls, by those who keep them. Their own locks are taken under this one.
    pub(crate) widgets: widget::Table,
    /// How often a device was written to, read from, or otherwise used.
    pub(crate) device_uses: AtomicU64,
    /// How many threads are the runtime's own.
    pub(crate) own_threads: AtomicUsize,
    /// How code is called, where not as the compiler does.
    pub(crate) code_names: OnceLock<&'static dyn CodeNames>,
    refs: AtomicU64,
    runtime: OnceLock<Runtime>,
}

static NODE: LazyLock<Node> = LazyLock::new(Node::new);

pub(crate) fn node() -> &'static Node {
    &NODE
}

impl Node {
    fn new() -> Node {
        crate::reason::install_panic_hook();
        let table = Table::new();
        let names = Names::default();
        let user = {
            let (user, record) = table.acquire();
            let mut state = record.begin(None, user, Origin::of::<io::Terminal>());
            state.extras_mut().device = Some(Arc::new(io::Terminal::default()));
            state.extras_mut().name = Some("user".into());
            user
        };
        names.insert(&"user".into(), user).expect("no other name is taken yet");
        Node {
            table,
            names,
            globals: Globals::default(),
            wheels: Mutex::default(),
            yards: Yards::default(),
            rescue: Rescue::default(),
            barrier: Barrier::new(),
            blocks: pool::Stock::default(),
            watchdog: Watchdog::new(),
            tracer: Tracer::default(),
            user,
            counters: Counters::new(),
            tables: ets::Directory::default(),
            applications: application::Controller::default(),
            retired: io::Retired::default(),
            widgets: widget::Table::default(),
            device_uses: AtomicU64::default(),
            own_threads: AtomicUsize::default(),
            code_names: OnceLock::new(),
            refs: AtomicU64::new(1),
            runtime: OnceLock::new(),
        }
    }

    /// A reference that was never given out before.
    pub(crate) fn new_ref(&self) -> Ref {
        Ref(self.refs.fetch_add(1, Ordering::Relaxed))
    }

    /// Where processes run that are spawned outside of any tokio runtime.
    ///
    /// # Panics
    /// When the operating system refuses the threads.
    pub(crate) fn runtime(&self) -> &Handle {
        self.runtime
            .get_or_init(|| {
                Builder::new_multi_thread()
                    .enable_all()
                    .thread_name("crabtree")
                    .on_thread_start(threads::begin)
                    .on_thread_stop(threads::end)
                    .build()
                    .expect("the operating system gives threads for the node's runtime")
            })
            .handle()
    }
}
