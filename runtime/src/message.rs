//! Messages: values whose type the mailbox has forgotten.
//!
//! A message is one [block](Block) of memory: a [`Header`] in front of the value. The header carries the link of the queue that the
//! message travels through, so that neither sending nor receiving allocates again.
//!
//! What is generic here is compiled for each type of message where it is sent, also in a notebook's cell while its reader
//! waits. So the memory is got and given back by what stands in the [`Kind`], without the type.

use crate::gen_server::Handler;
use crate::pid::{Pid, Ref};
use crate::pool::Block;
use crate::reason::quietly;
use std::any::TypeId;
use std::fmt;
use std::mem::{ManuallyDrop, needs_drop};
use std::num::NonZero;
use std::ptr::{self, NonNull};

/// What can be sent: any value that can be shown, moved to another thread, and that borrows nothing.
///
/// It is implemented for every such type; there is nothing to implement by hand.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a message",
    note = "a message is any value that is `Debug`, `Send` and `'static`: add #[derive(Debug)], own what it borrows"
)]
pub trait Term: fmt::Debug + Send + 'static {}

impl<T: fmt::Debug + Send + 'static> Term for T {}

/// The part of a message that does not depend on its type.
///
/// # Invariants
/// 1. A `Header` is always the first field of a `Parcel<T>`, and `kind` is a [`Kind`] of that `T`, as whose block its
///    memory was [taken](Block::take).
/// 2. `next` belongs to whoever owns the message; a queue that holds the message owns it.
pub(crate) struct Header {
    pub(crate) next: *mut Header,
    kind: &'static Kind,
    /// The serial of the addressee: a process that took over the addressee's place must not see the message.
    pub(crate) serial: u32,
    /// The mark of a message that is traced; see [`crate::trace`]. Zero is none.
    pub(crate) stamp: u32,
    /// What [`about`](Header::about) tells: a reference, and who made it or what kind of answer it is.
    reference: u64,
    caller: u32,
    caller_serial: u32,
}

/// What a message has to do with a call or an alias.
#[derive(Clone, Copy)]
pub(crate) enum About {
    Nothing,
    /// It comes under this reference: an answer to a call, or a message to an alias.
    Answer {
        alias: Ref,
        /// The sender has ended its part of the monitor of the same reference.
        ends_monitor: bool,
    },
    /// A [`Down`](crate::Down), of a monitor that the receiver may have taken back meanwhile.
    Down {
        monitor: Ref,
    },
    /// A [`Signal`](crate::process::signal::Signal), and whether it tells of an end or asks for one.
    Signal {
        is_exit: bool,
    },
    /// It asks, and `caller` watches the receiver under this reference from now on.
    Request {
        call: Ref,
        caller: Pid,
    },
}

/// The link of a message that is [marked](Message::mark): an address that no message can have.
const MARKED: *mut Header = ptr::without_provenance_mut(usize::MAX);

/// What stands for the number of a caller; no process has such a one.
const NO_CALLER: u32 = u32::MAX;
const ANSWER: u32 = u32::MAX - 1;
const LAST_ANSWER: u32 = u32::MAX - 2;
const DOWN: u32 = u32::MAX - 3;
const SIGNAL: u32 = u32::MAX - 4;
const EXIT: u32 = u32::MAX - 5;

impl Header {
    /// What the message has to do with a call.
    pub(crate) fn about(&self) -> About {
        let reference = Ref(self.reference);
        match self.caller {
            NO_CALLER => About::Nothing,
            ANSWER | LAST_ANSWER => About::Answer {
                alias: reference,
                ends_monitor: self.caller == LAST_ANSWER,
            },
            DOWN => About::Down { monitor: reference },
            SIGNAL | EXIT => About::Signal {
                is_exit: self.caller == EXIT,
            },
            number => About::Request {
                call: reference,
                caller: Pid::local(number, self.caller_serial),
            },
        }
    }

    /// Whether it is a message like any other, and not a signal or an answer.
    #[inline]
    pub(crate) fn is_for_mailbox(&self) -> bool {
        self.caller == NO_CALLER
    }

    /// Whether it is an exit signal.
    #[inline]
    pub(crate) fn is_exit(&self) -> bool {
        self.caller == EXIT
    }

    pub(crate) fn set_about(&mut self, about: About) {
        (self.reference, self.caller, self.caller_serial) = match about {
            About::Nothing => (0, NO_CALLER, 0),
            About::Answer { alias, ends_monitor } => (alias.0, if ends_monitor { LAST_ANSWER } else { ANSWER }, 0),
            About::Down { monitor } => (monitor.0, DOWN, 0),
            About::Signal { is_exit } => (0, if is_exit { EXIT } else { SIGNAL }, 0),
            About::Request { call, caller } => (call.0, caller.number(), caller.serial()),
        };
    }
}

/// How a message lies in memory; none is ever made as a whole.
#[repr(C)]
#[allow(dead_code, reason = "the header is written as such")]
struct Parcel<T> {
    header: Header,
    value: T,
}

/// What there is to know about the type of a message.
struct Kind {
    type_id: TypeId,
    type_name: fn() -> &'static str,
    /// That of the parcel.
    block: Block,
    /// Drops the value, if that does anything.
    drop: Option<unsafe fn(NonNull<Header>)>,
    debug: unsafe fn(NonNull<Header>, &mut fmt::Formatter<'_>) -> fmt::Result,
    /// How a server handles it, if it is a request.
    handler: Option<&'static Handler>,
}

/// Stands for the type of a message: cheap to compare. One type may have several.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct KindId(NonZero<usize>);

trait HasKind: Term + Sized {
    const KIND: Kind = Kind {
        type_id: TypeId::of::<Self>(),
        type_name: std::any::type_name::<Self>,
        block: Block::of::<Parcel<Self>>(),
        drop: if needs_drop::<Self>() {
            Some(drop_value::<Self>)
        } else {
            None
        },
        debug: debug_value::<Self>,
        handler: None,
    };
}

impl<T: Term> HasKind for T {}

/// A call or a cast: a message that brings its handler with it. It prints as the value that is called or cast with.
pub(crate) trait Request: Term + Sized {
    const HANDLER: Handler;
}

trait HasRequestKind: Request {
    const KIND: Kind = Kind {
        handler: Some(&Self::HANDLER),
        ..<Self as HasKind>::KIND
    };
}

impl<T: Request> HasRequestKind for T {}

/// Where the value is.
///
/// # Safety
/// `header` begins a `Parcel<T>`.
unsafe fn place<T>(header: NonNull<Header>) -> *mut T {
    let parcel = header.as_ptr() as *mut Parcel<T>;
    // SAFETY: as above; no reference is made.
    unsafe { &raw mut (*parcel).value }
}

/// # Safety
/// `header` begins a `Parcel<T>` that the caller owns, and its value is not used again.
unsafe fn drop_value<T>(header: NonNull<Header>) {
    // SAFETY: as above.
    unsafe { place::<T>(header).drop_in_place() };
}

/// # Safety
/// `header` begins a `Parcel<T>` that nobody changes meanwhile.
unsafe fn debug_value<T: fmt::Debug>(header: NonNull<Header>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    // SAFETY: as above; the value is initialised as long as the message exists.
    T::fmt(unsafe { &*place::<T>(header) }, f)
}

/// A parcel without its value: whoever has it makes it a message, or gives the memory back.
struct Empty(NonNull<Header>);

impl Empty {
    fn new(kind: &'static Kind) -> Empty {
        let header = kind.block.take().cast::<Header>();
        // SAFETY: the memory is ours, and has room for a parcel that begins with a header.
        unsafe {
            header.write(Header {
                next: ptr::null_mut(),
                kind,
                serial: 0,
                stamp: 0,
                reference: 0,
                caller: NO_CALLER,
                caller_serial: 0,
            });
        }
        Empty(header)
    }

    /// Gives up ownership.
    fn into_header(self) -> NonNull<Header> {
        ManuallyDrop::new(self).0
    }
}

impl Drop for Empty {
    fn drop(&mut self) {
        // SAFETY: it was taken as this block (invariant 1), and nothing refers to it any more.
        unsafe {
            let block = self.0.as_ref().kind.block;
            block.give(self.0.cast());
        }
    }
}

/// A value of any type: what a mailbox holds, and what a process keeps in its dictionary.
///
/// `Debug` shows the value itself. [`is`](Message::is) asks for its type, [`downcast`](Message::downcast) gives it back.
///
/// ```
/// use crabtree::Message;
///
/// let message = Message::new(("ping", 7));
/// assert_eq!(format!("{message:?}"), r#"("ping", 7)"#);
/// assert!(message.is::<(&str, i32)>());
/// let message = message.downcast::<String>().unwrap_err(); // not a String: nothing is lost
/// assert_eq!(message.downcast::<(&str, i32)>().unwrap().1, 7);
/// ```
#[repr(transparent)]
pub struct Message {
    header: NonNull<Header>,
}

// SAFETY: a message owns its value, and `Term` requires `Send` of it.
unsafe impl Send for Message {}

impl Message {
    /// Wraps a value.
    pub fn new<T: Term>(value: T) -> Message {
        // SAFETY: it is the kind of a `T`.
        unsafe { Message::of_kind(value, const { &<T as HasKind>::KIND }) }
    }

    /// Wraps a call or a cast.
    pub(crate) fn request<T: Request>(request: T) -> Message {
        // SAFETY: it is a kind of a `T`.
        unsafe { Message::of_kind(request, const { &<T as HasRequestKind>::KIND }) }
    }

    /// # Safety
    /// `kind` is one of a `T`.
    unsafe fn of_kind<T>(value: T, kind: &'static Kind) -> Message {
        let header = Empty::new(kind).into_header();
        // SAFETY: by its kind it begins a `Parcel<T>`, whose value is not there yet.
        unsafe { place::<T>(header).write(value) };
        Message { header }
    }

    /// Whether the value has the type `T`.
    pub fn is<T: 'static>(&self) -> bool {
        self.is_of(TypeId::of::<T>())
    }

    fn is_of(&self, type_id: TypeId) -> bool {
        self.type_id() == type_id
    }

    /// The value, if it has the type `T`.
    pub fn downcast_ref<T: 'static>(&self) -> Option<&T> {
        if !self.is_of(TypeId::of::<T>()) {
            return None;
        }
        // SAFETY: the type was checked, so this header begins a `Parcel<T>` (invariant 1), which `self` owns.
        Some(unsafe { &*place::<T>(self.header) })
    }

    /// Takes the value out.
    ///
    /// # Errors
    /// Gives the message back unchanged when its value has another type.
    pub fn downcast<T: 'static>(self) -> Result<T, Message> {
        if !self.is_of(TypeId::of::<T>()) {
            return Err(self);
        }
        let empty = Empty(self.into_raw());
        // SAFETY: the type was checked, and `into_raw` gave up the ownership: nobody else has the value, and it is not dropped.
        Ok(unsafe { place::<T>(empty.0).read() })
    }

    /// The name of the value's type, as [`std::any::type_name`] gives it.
    pub fn type_name(&self) -> &'static str {
        (self.header().kind.type_name)()
    }

    /// What messages of one type have in common; those of other types have another one.
    pub(crate) fn kind(&self) -> KindId {
        KindId(NonNull::from(self.header().kind).addr())
    }

    /// How many bytes the message has, without what its value owns elsewhere.
    pub(crate) fn size(&self) -> usize {
        self.header().kind.block.size()
    }

    pub(crate) fn type_id(&self) -> TypeId {
        self.header().kind.type_id
    }

    /// How a server handles it, if it is a request.
    pub(crate) fn handler(&self) -> Option<&'static Handler> {
        self.header().kind.handler
    }

    /// Marks the message until somebody makes a new one of its value.
    pub(crate) fn mark(&mut self) {
        self.header_mut().next = MARKED;
    }

    /// Whether it is the very message that was marked.
    pub(crate) fn is_marked(&self) -> bool {
        self.header().next == MARKED
    }

    pub(crate) fn header(&self) -> &Header {
        // SAFETY: `self` owns a live parcel that begins with this header (invariant 1).
        unsafe { self.header.as_ref() }
    }

    pub(crate) fn header_mut(&mut self) -> &mut Header {
        // SAFETY: as in `header`, and `self` is borrowed exclusively.
        unsafe { self.header.as_mut() }
    }

    /// The message that a link leads to, which is borrowed with it.
    ///
    /// # Safety
    /// There is one, and nobody changes it or gives it away meanwhile.
    pub(crate) unsafe fn of_link(link: &*mut Header) -> &Message {
        // SAFETY: a message is nothing but such a pointer that is not null, which the caller promises.
        unsafe { &*ptr::from_ref(link).cast() }
    }

    /// Gives up ownership: whoever holds the pointer owns the message.
    pub(crate) fn into_raw(self) -> NonNull<Header> {
        ManuallyDrop::new(self).header
    }

    /// Takes back what [`into_raw`](Message::into_raw) gave up.
    ///
    /// # Safety
    /// `header` came from `into_raw`, and nobody else takes it back.
    pub(crate) unsafe fn from_raw(header: NonNull<Header>) -> Message {
        Message { header }
    }
}

impl Drop for Message {
    fn drop(&mut self) {
        // Given back also when the value panics.
        let empty = Empty(self.header);
        let Some(drop_value) = self.header().kind.drop else {
            return;
        };
        // SAFETY: `self` owned the parcel, and `kind` is that of its value (invariant 1).
        let drop_value = || unsafe { drop_value(empty.0) };
        // When one message of a mailbox panics here, the others are dropped while that unwinds: a second panic would abort.
        if std::thread::panicking() {
            quietly(drop_value);
        } else {
            drop_value();
        }
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = Value(self);
        match (self.handler(), self.header().about()) {
            (None, _) => value.fmt(f),
            (Some(_), About::Request { caller, .. }) => write!(f, "call {value:?} from {caller}"),
            (Some(_), _) => write!(f, "cast {value:?}"),
        }
    }
}

/// What a message was made of: it prints as that, also when it is a request.
pub(crate) struct Value<'a>(pub(crate) &'a Message);

impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Message { header } = self.0;
        // SAFETY: the message owns the parcel, and `kind` is one of its value (invariant 1).
        unsafe { (self.0.header().kind.debug)(*header, f) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn a_message_gives_back_the_value_it_was_made_of() {
        let message = Message::new(String::from("ping"));
        assert_eq!(message.downcast_ref::<String>().map(String::as_str), Some("ping"));
        assert_eq!(message.downcast::<String>().unwrap(), "ping");
    }

    #[test]
    fn the_mark_of_a_trace_takes_no_room() {
        assert_eq!(size_of::<Header>(), 5 * size_of::<usize>());
    }

    #[test]
    fn a_wrong_type_loses_nothing() {
        let message = Message::new(7_i64).downcast::<u64>().unwrap_err();
        assert_eq!(message.downcast::<i64>().unwrap(), 7);
    }

    #[test]
    fn a_value_is_dropped_once() {
        let value = Arc::new(());
        drop(Message::new(value.clone()));
        assert_eq!(Arc::strong_count(&value), 1);
        drop(Message::new(value.clone()).downcast::<Arc<()>>());
        assert_eq!(Arc::strong_count(&value), 1);
    }

    #[test]
    fn over_aligned_and_empty_values_survive() {
        #[derive(Debug, PartialEq)]
        #[repr(align(64))]
        struct Wide(u8);
        assert_eq!(Message::new(Wide(3)).downcast::<Wide>().unwrap(), Wide(3));
        assert!(Message::new(()).is::<()>());
    }
}
