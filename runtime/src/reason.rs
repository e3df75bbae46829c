//! Exit reasons, and how code gives one: by returning, by [`exit`], or by a panic.

use crate::message::Term;
use crate::process::stack::{Stack, place_of};
use parking_lot::Mutex;
use std::any::Any;
use std::cell::RefCell;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Once};

/// Why a process ended.
///
/// `Normal`, `Shutdown` and `ShutdownWith` are orderly ends; everything else is a crash to those who are linked to
/// the process and to its supervisor.
///
/// ```
/// # crabtree::run(async {
/// use crabtree::prelude::*;
///
/// spawn_monitor(async { exit("out of tea") });
/// receive! {
///     Down { reason, .. } => match reason {
///         ExitReason::Normal => unreachable!(),
///         ExitReason::Panic(panic) => eprintln!("{} at {}", panic.message, panic.location),
///         other => assert_eq!(other.to_string(), "out of tea"),
///     }
/// }
/// # });
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub enum ExitReason {
    /// The process did its work and returned. Linked processes do not mind.
    Normal,
    /// The process was told to stop, usually by its supervisor.
    Shutdown,
    /// Like `Shutdown`, and says more.
    ShutdownWith(Value),
    /// As a signal: ends the receiver, whether it traps exits or not.
    Kill,
    /// The process was ended by a `Kill` signal. This is what its links see.
    Killed,
    /// There is no such process.
    NoProc,
    /// The process panicked.
    Panic(Arc<Panic>),
    /// Any other reason: see [`ExitReason::other`].
    Other(Value),
}

/// What a panic said, and where.
#[derive(Clone, PartialEq, Eq)]
pub struct Panic {
    /// The text given to `panic!`.
    pub message: String,
    /// `file:line:column` of the panic, empty when it is not known.
    pub location: String,
    stack: Untold,
}

impl Panic {
    /// A panic as one that happened; `location` may be empty.
    pub fn new(message: impl Into<String>, location: impl Into<String>) -> Panic {
        Panic {
            message: message.into(),
            location: location.into(),
            stack: Untold::default(),
        }
    }

    /// The stack at the panic, for the first who reports it; empty for all others, and unless `RUST_BACKTRACE` asks for one.
    pub(crate) fn take_trace(&self) -> String {
        let stack = self.stack.0.lock().take();
        stack.map_or_else(String::new, |stack| stack.to_string())
    }
}

impl fmt::Debug for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Panic")
            .field("message", &self.message)
            .field("location", &self.location)
            .finish_non_exhaustive()
    }
}

/// A stack that nobody has reported yet. It says nothing of why a process ended.
#[derive(Default)]
struct Untold(Mutex<Option<Stack>>);

impl Clone for Untold {
    fn clone(&self) -> Untold {
        Untold::default()
    }
}

impl PartialEq for Untold {
    fn eq(&self, _: &Untold) -> bool {
        true
    }
}

impl Eq for Untold {}

/// A shared value inside an exit reason.
#[derive(Clone)]
pub struct Value(Arc<dyn AnyValue>);

trait AnyValue: fmt::Debug + Any + Send + Sync {}

impl<T: fmt::Debug + Any + Send + Sync> AnyValue for T {}

impl Value {
    fn new<T: Term + Sync>(value: T) -> Value {
        Value(Arc::new(value))
    }

    /// The value, if it has the type `T`.
    pub fn downcast_ref<T: 'static>(&self) -> Option<&T> {
        let any: &dyn Any = &*self.0;
        any.downcast_ref()
    }
}

/// Text without quotes, anything else as `Debug` shows it.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.downcast_ref::<&str>().copied();
        match text.or_else(|| self.downcast_ref::<String>().map(String::as_str)) {
            Some(text) => f.write_str(text),
            None => fmt::Debug::fmt(self, f),
        }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl ExitReason {
    /// A reason of your own: any value that can be shown and shared.
    ///
    /// ```
    /// use crabtree::ExitReason;
    ///
    /// #[derive(Debug)]
    /// struct OutOfRange(i32);
    ///
    /// let reason = ExitReason::other(OutOfRange(7));
    /// assert_eq!(reason.downcast_ref::<OutOfRange>().unwrap().0, 7);
    /// assert_eq!(ExitReason::from("boom"), ExitReason::other("boom"));
    /// ```
    pub fn other<T: Term + Sync>(value: T) -> ExitReason {
        ExitReason::Other(Value::new(value))
    }

    /// [`ShutdownWith`](ExitReason::ShutdownWith) that value.
    pub fn shutdown_with<T: Term + Sync>(value: T) -> ExitReason {
        ExitReason::ShutdownWith(Value::new(value))
    }

    /// The value inside `Other` or `ShutdownWith`, if it has the type `T`.
    pub fn downcast_ref<T: 'static>(&self) -> Option<&T> {
        match self {
            ExitReason::Other(value) | ExitReason::ShutdownWith(value) => value.downcast_ref(),
            _ => None,
        }
    }

    /// Whether the reason is exactly `Normal`, the one that linked processes ignore.
    pub fn is_normal(&self) -> bool {
        matches!(self, ExitReason::Normal)
    }

    /// Whether this is an orderly end: `Normal`, `Shutdown` or `ShutdownWith`. A transient child is restarted after
    /// any other.
    pub fn is_orderly(&self) -> bool {
        matches!(
            self,
            ExitReason::Normal | ExitReason::Shutdown | ExitReason::ShutdownWith(_)
        )
    }
}

impl fmt::Display for ExitReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ExitReason::Normal => f.write_str("normal"),
            ExitReason::Shutdown => f.write_str("shutdown"),
            ExitReason::ShutdownWith(value) => write!(f, "shutdown: {value}"),
            ExitReason::Kill => f.write_str("kill"),
            ExitReason::Killed => f.write_str("killed"),
            ExitReason::NoProc => f.write_str("noproc"),
            ExitReason::Panic(panic) if panic.location.is_empty() => write!(f, "(panic) {}", panic.message),
            ExitReason::Panic(panic) => write!(f, "(panic) {} at {}", panic.message, panic.location),
            ExitReason::Other(value) => fmt::Display::fmt(value, f),
        }
    }
}

impl fmt::Debug for ExitReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ExitReason::Other(value) => fmt::Debug::fmt(value, f),
            reason => fmt::Display::fmt(reason, f),
        }
    }
}

/// Two reasons are equal when they are the same variant and show the same text.
impl PartialEq for ExitReason {
    fn eq(&self, other: &ExitReason) -> bool {
        use ExitReason::{Other, Panic, ShutdownWith};
        match (self, other) {
            (Other(a), Other(b)) | (ShutdownWith(a), ShutdownWith(b)) => {
                Arc::ptr_eq(&a.0, &b.0) || format!("{a:?}") == format!("{b:?}")
            }
            (Panic(a), Panic(b)) => a == b,
            (a, b) => std::mem::discriminant(a) == std::mem::discriminant(b),
        }
    }
}

impl From<&'static str> for ExitReason {
    fn from(reason: &'static str) -> ExitReason {
        ExitReason::other(reason)
    }
}

impl From<String> for ExitReason {
    fn from(reason: String) -> ExitReason {
        ExitReason::other(reason)
    }
}

/// Runs destructors of a user's types where a panic of theirs must not stop what is under way.
pub(crate) fn quietly(drops: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(drops)) {
        // Dropping the payload of a panic can panic itself.
        std::mem::forget(payload);
    }
}

/// What unwinds when code calls [`exit`], or is stopped.
struct ExitPayload {
    reason: ExitReason,
    /// Whether an exit signal did it, and no decision of the code.
    stopped: bool,
}

/// Ends the calling process with a reason.
///
/// It unwinds, so destructors run; no panic message is printed. Outside of a process the unwinding goes on until
/// something catches it, like a panic does.
///
/// ```
/// # crabtree::run(async {
/// use crabtree::prelude::*;
///
/// let (pid, monitor) = spawn_monitor(async { exit("boom") });
/// receive! {
///     Down { reason, .. } => assert_eq!(reason, ExitReason::from("boom")),
/// }
/// # });
/// ```
pub fn exit(reason: impl Into<ExitReason>) -> ! {
    unwind(reason.into(), false)
}

/// Ends the calling process, in the middle of its step, by an exit signal that arrived.
pub(crate) fn stop(reason: ExitReason) -> ! {
    unwind(reason, true)
}

fn unwind(reason: ExitReason, stopped: bool) -> ! {
    std::panic::resume_unwind(Box::new(ExitPayload { reason, stopped }))
}

/// The reason inside the payload of a caught unwinding that [`exit`] began.
///
/// # Errors
/// Gives the payload back when it is another one: that of a panic.
pub fn exit_payload(payload: Box<dyn Any + Send>) -> Result<ExitReason, Box<dyn Any + Send>> {
    payload.downcast::<ExitPayload>().map(|payload| payload.reason)
}

/// Whether [`exit`] began the unwinding with this payload.
pub(crate) fn is_exit(payload: &(dyn Any + Send)) -> bool {
    payload.is::<ExitPayload>()
}

/// Whether an exit signal stopped the code that unwound with this payload. Nobody in the process is asked about it.
pub(crate) fn is_stop(payload: &(dyn Any + Send)) -> bool {
    payload
        .downcast_ref::<ExitPayload>()
        .is_some_and(|payload| payload.stopped)
}

/// The reason for which code that unwound with this payload ended.
pub(crate) fn reason_of_unwinding(payload: Box<dyn Any + Send>) -> ExitReason {
    match exit_payload(payload) {
        Ok(reason) => reason,
        Err(payload) => {
            let message = text_of(&*payload);
            // A panic that the process caught itself may have come before.
            let seen = last_panic().filter(|panic| panic.message == message);
            let (location, stack) = seen.map(|panic| (panic.location, panic.stack)).unwrap_or_default();
            let stack = Untold(Mutex::new(stack));
            ExitReason::Panic(Arc::new(Panic {
                message,
                location,
                stack,
            }))
        }
    }
}

/// What a panic said that unwound with this payload.
pub fn text_of(payload: &(dyn Any + Send)) -> String {
    payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic whose payload is not text".to_owned())
}

/// A panic as the panic hook saw it.
#[derive(Debug)]
pub struct PanicInfo {
    /// The text given to `panic!`.
    pub message: String,
    /// `file:line:column`.
    pub location: String,
    stack: Option<Stack>,
}

impl PanicInfo {
    /// The stack at the panic, as a crash report says it; empty unless `RUST_BACKTRACE` asks for one. It is looked up now,
    /// which takes a while.
    pub fn backtrace(&self) -> String {
        self.stack.as_ref().map_or_else(String::new, Stack::to_string)
    }
}

thread_local! {
    static LAST_PANIC: RefCell<Option<PanicInfo>> = const { RefCell::new(None) };
}

/// Takes what the last panic of a process on this thread said.
pub fn last_panic() -> Option<PanicInfo> {
    LAST_PANIC.take()
}

/// Runs `f`; the last panic before it stays the last one, whatever panics within.
pub(crate) fn keeping_last_panic<R>(f: impl FnOnce() -> R) -> R {
    let before = LAST_PANIC.take();
    let result = f();
    LAST_PANIC.set(before);
    result
}

/// Makes panics of processes quiet: they become exit reasons and crash reports. Others go where they went before.
pub(crate) fn install_panic_hook() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let previous = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if crate::process::current::is_inside() {
                let seen = PanicInfo {
                    message: text_of_hook(info),
                    location: info.location().map(place_of).unwrap_or_default(),
                    stack: Stack::wanted(),
                };
                LAST_PANIC.set(Some(seen));
            } else {
                previous(info);
            }
        }));
    });
}

fn text_of_hook(info: &std::panic::PanicHookInfo<'_>) -> String {
    info.payload_as_str()
        .unwrap_or("a panic whose payload is not text")
        .to_owned()
}
