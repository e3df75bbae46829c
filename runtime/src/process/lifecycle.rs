//! From spawn to exit: the functions that begin, name, slow and end processes.

use super::delivery::send_signal;
use super::origin::Place;
use super::signal::Signal;
use super::task::{self, Start};
use super::{current, scan};
use crate::ExitReason;
use crate::message::Message;
use crate::name::{Name, NoSuchName, RegisterError};
use crate::node::node;
use crate::pid::{MonitorRef, Pid};
use crate::trace::{self, Kind};
use std::future::{Future, poll_fn};
use std::task::Poll;
use std::time::Duration;
use tokio::time::Instant;

/// Begins a process that runs `future`, and returns its pid at once.
///
/// The process ends when the future does, with [`ExitReason::Normal`]; its output is dropped. A panic ends it with
/// [`ExitReason::Panic`]: others live on, and a crash report goes to its group leader, which it has from its spawner.
///
/// Its steps are taken by whatever task of tokio is at hand, mostly on the thread that woke it: what `tokio::task::id` says
/// differs from step to step.
///
/// ```
/// # crabtree::run(async {
/// use crabtree::prelude::*;
///
/// let parent = me();
/// let child = spawn(async move { send(parent, "hello from your child") });
/// assert_ne!(child, parent);
/// receive! { text: &str => assert_eq!(text, "hello from your child") }
/// # });
/// ```
#[track_caller]
pub fn spawn<F>(future: F) -> Pid
where
    F: Future + Send + 'static,
{
    task::start(body(future), Start::of::<F>())
}

/// Begins a process that is [linked](crate::process::link) to the caller before its first step.
///
/// ```
/// # crabtree::run(async {
/// use crabtree::prelude::*;
///
/// process::flag(Flag::TrapExit, true); // or this process would end too
/// let child = spawn_link(async { exit("boom") });
/// receive! {
///     Exit { from, reason } => assert_eq!((from, reason), (child, ExitReason::from("boom"))),
/// }
/// # });
/// ```
///
/// # Panics
/// Outside of a process.
#[track_caller]
pub fn spawn_link<F>(future: F) -> Pid
where
    F: Future + Send + 'static,
{
    current::expect("spawn_link");
    let start = Start {
        link: true,
        ..Start::of::<F>()
    };
    task::start(body(future), start)
}

/// Begins a process that the caller [monitors](crate::process::monitor) before its first step.
///
/// ```
/// # crabtree::run(async {
/// use crabtree::prelude::*;
///
/// let (child, watched) = spawn_monitor(async { panic!("BOOM!") });
/// receive! {
///     Down { monitor, pid, reason } => {
///         assert_eq!((monitor, pid), (watched, child));
///         assert!(reason.to_string().starts_with("(panic) BOOM! at "));
///     }
/// }
/// # });
/// ```
///
/// # Panics
/// Outside of a process.
#[track_caller]
pub fn spawn_monitor<F>(future: F) -> (Pid, MonitorRef)
where
    F: Future + Send + 'static,
{
    current::expect("spawn_monitor");
    let monitor = node().new_ref();
    let start = Start {
        monitor: Some(monitor),
        ..Start::of::<F>()
    };
    (task::start(body(future), start), MonitorRef(monitor))
}

/// Forgets the type of a future. All that a spawn instantiates for it is this.
pub(super) fn body<F>(future: F) -> task::Body
where
    F: Future + Send + 'static,
{
    Box::pin(future)
}

/// The pid of the calling process.
///
/// ```
/// # crabtree::run(async {
/// use crabtree::prelude::*;
///
/// let parent = me();
/// spawn(async move { send(parent, me()) });
/// receive! { child: Pid => assert_ne!(child, me()) }
/// # });
/// ```
///
/// # Panics
/// Outside of a process.
#[track_caller]
pub fn me() -> Pid {
    current::expect("me()").pid
}

/// Sends an exit signal.
///
/// - [`Kill`](ExitReason::Kill) ends the process, whatever it does; its links see [`Killed`](ExitReason::Killed).
/// - [`Normal`](ExitReason::Normal) does nothing to another process that does not trap exits, and ends the caller itself.
/// - With any other reason the process ends, or, if it traps exits, gets an [`Exit`](crate::Exit) message.
///
/// Nothing happens when the process is not alive. It takes effect when the process next awaits; on the caller itself
/// likewise.
///
/// ```
/// # crabtree::run(async {
/// use crabtree::prelude::*;
///
/// let (sleeper, _) = spawn_monitor(async {
///     process::flag(Flag::TrapExit, true);
///     process::sleep(secs(3600)).await;
/// });
/// process::exit(sleeper, ExitReason::Kill);
/// receive! { Down { reason, .. } => assert_eq!(reason, ExitReason::Killed) }
/// # });
/// ```
pub fn exit(pid: impl Into<Pid>, reason: impl Into<ExitReason>) {
    let (pid, reason) = (pid.into(), reason.into());
    let process = current::get();
    let from = process.map_or(node().user, |process| process.pid);
    send_signal(pid, Signal::ExitRequest { from, reason });
    if let Some(process) = process.filter(|process| process.pid == pid) {
        // OTP: the signal has reached the caller when this returns, so it receives no more.
        process.record.update(pid, |_| ());
    }
}

/// Whether the process is alive, after every signal that the caller sent to it before.
///
/// ```
/// # crabtree::run(async {
/// use crabtree::prelude::*;
///
/// let child = spawn(process::sleep(secs(3600)));
/// assert!(process::is_alive(child));
/// process::exit(child, ExitReason::Kill);
/// assert!(!process::is_alive(child));
/// # });
/// ```
pub fn is_alive(pid: impl Into<Pid>) -> bool {
    let pid = pid.into();
    node().table.get(pid).is_some_and(|record| record.is_alive(pid))
}

/// Gives a process a name, by which it can be found and sent to.
///
/// The name is free again as soon as the process ends, before anybody learns of its end.
///
/// ```
/// # crabtree::run(async {
/// use crabtree::prelude::*;
///
/// process::register(me(), "front desk")?;
/// send("front desk", "hello")?;
/// receive! { "hello" => () }
///
/// let taken = process::register(spawn(process::sleep(secs(1))), "front desk");
/// assert!(taken.is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
///
/// # Errors
/// When the name is taken, the process has one already, or is not alive.
pub fn register(pid: impl Into<Pid>, name: impl Into<Name>) -> Result<(), RegisterError> {
    register_name(pid.into(), name.into())
}

pub(super) fn register_name(pid: Pid, name: Name) -> Result<(), RegisterError> {
    let registered = node().table.get(pid).and_then(|record| {
        record.update(pid, |state| {
            if state.ends() {
                return Err(RegisterError::NoProc(pid));
            }
            if let Some(name) = state.name() {
                let name = name.clone();
                return Err(RegisterError::AlreadyNamed { pid, name });
            }
            node().names.insert(&name, pid)?;
            state.extras_mut().name = Some(name.clone());
            Ok(())
        })
    });
    registered.unwrap_or(Err(RegisterError::NoProc(pid)))
}

/// Takes a name away from its process.
///
/// ```
/// # crabtree::run(async {
/// use crabtree::prelude::*;
///
/// process::register(me(), "night shift")?;
/// process::unregister("night shift")?;
/// assert!(send("night shift", "hello").is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
///
/// # Errors
/// When no process has it.
pub fn unregister(name: impl Into<Name>) -> Result<(), NoSuchName> {
    let name = name.into();
    let pid = whereis(&name);
    let record = pid.and_then(|pid| Some((pid, node().table.get(pid)?)));
    let removed = record.and_then(|(pid, record)| {
        record.update(pid, |state| {
            let had = state.name() == Some(&name);
            if had {
                if trace::is_on() {
                    trace::named(Kind::Unregister, pid, &name);
                }
                node().names.remove(&name);
                state.extras_mut().name = None;
            }
            had
        })
    });
    match removed {
        Some(true) => Ok(()),
        _ => Err(NoSuchName(name)),
    }
}

/// The process of that name.
///
/// ```
/// # crabtree::run(async {
/// use crabtree::prelude::*;
///
/// process::register(me(), "reception")?;
/// assert_eq!(process::whereis("reception"), Some(me()));
/// assert_eq!(process::whereis("nobody"), None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
pub fn whereis(name: impl AsRef<str>) -> Option<Pid> {
    node().names.get(name.as_ref())
}

/// All names in use, in order.
pub fn registered() -> Vec<Name> {
    node().names.all()
}

/// Sleeps, as this process: exit signals take effect meanwhile, messages wait. Zero gives others their turn.
///
/// ```
/// # crabtree::run(async {
/// use crabtree::prelude::*;
///
/// let start = std::time::Instant::now();
/// process::sleep(ms(20)).await;
/// assert!(start.elapsed() >= ms(20));
/// # });
/// ```
///
/// # Cancel safety
/// It can be dropped at any time.
#[track_caller]
pub fn sleep(duration: Duration) -> impl Future<Output = ()> + Send {
    sleep_at(duration, Place::caller())
}

async fn sleep_at(duration: Duration, place: Place) {
    if duration.is_zero() {
        return tokio::task::yield_now().await;
    }
    let Some(process) = current::get() else {
        return tokio::time::sleep(duration).await;
    };
    let Some(deadline) = Instant::now().checked_add(duration) else {
        return std::future::pending().await;
    };
    poll_fn(|context| {
        if deadline <= Instant::now() {
            return Poll::Ready(());
        }
        (process.record).update(process.pid, |state| {
            scan::wait(state, &process, context, Some(deadline), place)
        });
        Poll::Pending
    })
    .await;
}

/// Takes all messages out of the mailbox of the calling process.
///
/// ```
/// # crabtree::run(async {
/// use crabtree::prelude::*;
///
/// send(me(), 1);
/// send(me(), "two");
/// assert_eq!(format!("{:?}", process::flush()), r#"[1, "two"]"#);
/// assert_eq!(process::flush().len(), 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
///
/// # Panics
/// Outside of a process.
#[track_caller]
pub fn flush() -> Vec<Message> {
    let process = current::expect("process::flush");
    let messages = process.record.update(process.pid, |state| state.inbox.clear());
    messages.unwrap_or_default()
}

/// Gives back the memory that the calling process does not need just now, apart from its future.
#[track_caller]
pub(crate) fn shrink() {
    let process = current::expect("process::shrink");
    process.record.update(process.pid, |state| state.shrink());
}

/// Where the output of the calling process goes: a process that is an I/O device.
pub fn group_leader() -> Pid {
    current::group_leader()
}

/// Directs the output of a process elsewhere. Processes that it spawns from now on inherit it.
pub fn set_group_leader(pid: impl Into<Pid>, leader: Pid) {
    send_signal(pid.into(), Signal::GroupLeader { leader });
}
