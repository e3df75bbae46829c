//! A process as a task: the future that a spawn gave, polled between signals.

use super::backtrace::{Asked, poll_in};
use super::body;
use super::current::{self, Current};
use super::origin::Origin;
use super::priority::Priority;
use super::record::Record;
use super::state::{Link, State};
use crate::node::node;
use crate::pid::{Pid, Ref};
use crate::reason::{is_exit, is_stop, reason_of_unwinding};
use crate::trace::{self, Kind};
use crate::{ExitReason, report};
use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

/// The future of a process, with its type forgotten: what a spawn instantiates ends here.
pub(crate) type Body = Pin<Box<dyn Run>>;

/// A future whose output is dropped.
pub(crate) trait Run: Send {
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()>;
}

impl<F: Future + Send> Run for F {
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        Future::poll(self, context).map(drop)
    }
}

/// How a process begins.
#[derive(Clone, Copy)]
pub(crate) struct Start {
    pub(crate) origin: Origin,
    pub(crate) link: bool,
    /// The spawner watches the process under this reference.
    pub(crate) monitor: Option<Ref>,
    pub(crate) priority: Priority,
}

impl Start {
    /// Without link and monitor, for a process that runs a `T`, spawned where the caller was called.
    #[track_caller]
    pub(crate) fn of<T: ?Sized>() -> Start {
        Start {
            origin: Origin::of::<T>(),
            link: false,
            monitor: None,
            priority: Priority::default(),
        }
    }
}

/// Begins a process that runs `body`. It is in the table, linked and watched before its first step.
pub(crate) fn start(body: Body, start: Start) -> Pid {
    let (pid, record) = begin(start);
    body::run(record, body);
    pid
}

/// Like [`start`], with what else is to be done with the states of the process that begins it, if there is one, and of the
/// new process, which gets what the former gave.
pub(crate) fn start_with<T: Default>(
    start: Start,
    body: Body,
    with_parent: impl FnOnce(Pid, &mut State) -> T,
    with_child: impl FnOnce(&mut State, T),
) -> Pid {
    let (pid, record) = begin_with(start, with_parent, with_child);
    body::run(record, body);
    pid
}

/// Runs `body` as a process that has begun.
pub(crate) fn run(pid: Pid, body: Body) {
    let record = node().table.get(pid).expect("a process that was not run has not ended");
    body::run(record, body);
}

/// Makes a living process without anything that runs it.
pub(crate) fn begin(start: Start) -> (Pid, &'static Record) {
    begin_with(start, |_, _| (), |_, ()| ())
}

fn begin_with<T: Default>(
    start: Start,
    with_parent: impl FnOnce(Pid, &mut State) -> T,
    with_child: impl FnOnce(&mut State, T),
) -> (Pid, &'static Record) {
    let (pid, record) = node().table.acquire();
    let parent = current::get();
    record.set_priority(start.priority);
    let inherited = parent.and_then(|parent| {
        let relate = |state: &mut State| {
            start.enter_child(state, pid);
            (state.group_leader(), with_parent(parent.pid, state))
        };
        parent.record.update(parent.pid, relate)
    });
    let parent = parent.map(|parent| parent.pid);
    let (group_leader, given) = inherited.unzip();
    let mut state = record.begin(parent, group_leader.unwrap_or(node().user), start.origin);
    parent.inspect(|parent| start.enter_parent(&mut state, *parent));
    with_child(&mut state, given.unwrap_or_default());
    drop(state);
    if trace::is_on() {
        trace::spawned(parent, pid, start.origin.compiled_path());
        parent.inspect(|parent| start.trace(*parent, pid));
    }
    (pid, record)
}

/// Like [`begin`], for a process that `register` gives a name first.
///
/// # Errors
/// That of `register`: the process is gone then, and nobody was linked to it or watched it.
pub(crate) fn begin_as<E>(
    start: Start,
    register: impl FnOnce(Pid) -> Result<(), E>,
) -> Result<(Pid, &'static Record), E> {
    let alone = Start {
        link: false,
        monitor: None,
        ..start
    };
    let (pid, record) = begin(alone);
    if let Err(error) = register(pid) {
        record.finish(pid, ExitReason::Normal);
        return Err(error);
    }
    if let Some(parent) = current::get() {
        relate(parent, pid, record, start);
    }
    Ok((pid, record))
}

/// Links and watches a process that has begun and does not run, as `parent`.
pub(crate) fn relate(parent: Current, pid: Pid, record: &Record, start: Start) {
    if trace::is_on() {
        start.trace(parent.pid, pid);
    }
    if start.link || start.monitor.is_some() {
        start.enter_child(&mut parent.record.lock(), pid);
        start.enter_parent(&mut record.lock(), parent.pid);
    }
}

impl Start {
    /// Enters the child where the parent keeps its relations.
    fn enter_child(&self, parent: &mut State, child: Pid) {
        if self.link {
            parent.relations_mut().links.insert(child, Link::Active);
        }
        if let Some(monitor) = self.monitor {
            parent.relations_mut().monitors.insert(monitor, child);
        }
    }

    /// Enters the parent where the child keeps its relations.
    fn enter_parent(&self, child: &mut State, parent: Pid) {
        if self.link {
            child.relations_mut().links.insert(parent, Link::Active);
        }
        if let Some(monitor) = self.monitor {
            child.relations_mut().watchers.insert(monitor, parent);
        }
    }

    fn trace(&self, parent: Pid, child: Pid) {
        let related = [(self.link, Kind::Link), (self.monitor.is_some(), Kind::Monitor)];
        for (_, kind) in related.into_iter().filter(|(is, _)| *is) {
            trace::related(kind, parent, child);
        }
    }
}

/// Takes a step of a process, [within](current::within) it. Its body is another one afterwards if the process went to sleep.
pub(super) fn step(process: Current, body: &mut Body, context: &mut Context<'_>) -> Poll<End> {
    let polled = catch_unwind(AssertUnwindSafe(|| {
        let asked = next_step(process.pid, process.record)?;
        Ok(poll_in(process.pid, context, asked, |context| {
            body.as_mut().poll(context)
        }))
    }));
    match polled {
        Ok(Ok(Poll::Pending)) => match current::take_next() {
            None => Poll::Pending,
            Some(next) => become_next(process, body, next, context),
        },
        Ok(Ok(Poll::Ready(()))) => Poll::Ready(End::of(ExitReason::Normal)),
        Ok(Err(reason)) => Poll::Ready(End::of(reason)),
        Err(payload) => Poll::Ready(End::by_unwinding(payload)),
    }
}

/// Goes on as another future: the one until now is dropped.
fn become_next(process: Current, body: &mut Body, next: Body, context: &Context<'_>) -> Poll<End> {
    process.record.body_size.set(&next);
    let before = std::mem::replace(body, next);
    context.waker().wake_by_ref();
    match catch_unwind(AssertUnwindSafe(|| drop(before))) {
        Ok(()) => Poll::Pending,
        Err(payload) => Poll::Ready(End::by_unwinding(payload)),
    }
}

/// Drops what the process ran, within it, and reports how it ended.
pub(super) fn put_down(body: Option<Body>, end: End) -> ExitReason {
    let dropped = catch_unwind(AssertUnwindSafe(|| drop(body)));
    let end = dropped.map_or_else(End::by_unwinding, |()| end);
    match end.cause {
        Cause::Panic => report::panicked(&end.reason),
        Cause::Exit => report::exited(&end.reason),
        Cause::Other => {}
    }
    end.reason
}

/// How the future of a process ended.
pub(super) struct End {
    reason: ExitReason,
    cause: Cause,
}

/// What ended a future before its time.
enum Cause {
    /// A panic in it, which nobody reported yet.
    Panic,
    /// An [`exit`](crate::exit) in it.
    Exit,
    /// Nothing, or a signal.
    Other,
}

impl End {
    pub(super) fn of(reason: ExitReason) -> End {
        End {
            reason,
            cause: Cause::Other,
        }
    }

    fn by_unwinding(payload: Box<dyn Any + Send>) -> End {
        End {
            cause: match () {
                () if is_stop(&*payload) => Cause::Other,
                () if is_exit(&*payload) => Cause::Exit,
                () => Cause::Panic,
            },
            reason: reason_of_unwinding(payload),
        }
    }
}

/// What precedes each poll of a process: signals take effect. Says who wants to know where it waits, or, as an error, the
/// reason when a signal ends it.
pub(super) fn next_step(pid: Pid, record: &Record) -> Result<Asked, ExitReason> {
    let ended = record.update(pid, |state| {
        state.reductions += 1;
        state.waits_at = None;
        match state.take_exit() {
            Some(reason) => Err(reason),
            None => Ok(state.asked_where()),
        }
    });
    ended.unwrap_or(Err(ExitReason::Killed))
}
