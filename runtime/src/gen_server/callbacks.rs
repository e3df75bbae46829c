//! The callbacks of a server with their types forgotten, and what becomes of a panic in one.

use super::GenServer;
use super::request::{Handled, Handling};
use super::returns::{Init, Initial};
use crate::ExitReason;
use crate::message::Message;
use crate::process::current;
use crate::reason::{is_exit, is_stop, reason_of_unwinding};
use crate::type_name::short_type_name;
use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::any::Any;
use std::future::{Future, poll_fn};
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Poll};

/// A callback of a server's own time, which runs once.
pub(super) type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Where the callback at work is: memory that is used again for the next one, so that messages are handled without
/// allocating.
///
/// # Invariants
/// 1. It is an allocation whose layout stands at its beginning, if there is one. The callback's place follows as soon as the
///    alignment allows; whoever has a [`Callback`] in it has the room borrowed.
pub(super) struct Room(Option<NonNull<Layout>>);

// SAFETY: the memory is the room's own, and what is in it is `Send`.
unsafe impl Send for Room {}

/// What most callbacks need.
const USUAL: Layout = Layout::new::<[u128; 8]>();

impl Room {
    pub(super) const fn new() -> Room {
        Room(None)
    }

    /// Begins a callback.
    pub(super) fn begin<'a, T, F>(&'a mut self, callback: F) -> Callback<'a, T>
    where
        F: Future<Output = T> + Send + 'a,
    {
        let place = self.fit(Layout::new::<F>()).cast::<F>();
        // SAFETY: the place fits an `F`, and nothing is in it, since the room is not borrowed (invariant 1).
        unsafe { place.write(callback) };
        Callback {
            future: place,
            _room: PhantomData,
        }
    }

    fn fit(&mut self, wanted: Layout) -> NonNull<u8> {
        let fitting = self.0.filter(|memory| {
            // SAFETY: its layout stands there (invariant 1).
            let layout = unsafe { memory.read() };
            wanted.size() <= layout.size() - layout.align() && wanted.align() <= layout.align()
        });
        let memory = fitting.unwrap_or_else(|| self.grow(wanted));
        // SAFETY: as above. The place begins where the layout ends, for no alignment is less than the size of that, and
        // there is room behind it.
        unsafe { memory.cast::<u8>().add(memory.read().align()) }
    }

    #[cold]
    fn grow(&mut self, wanted: Layout) -> NonNull<Layout> {
        self.free();
        let align = wanted.align().max(USUAL.align());
        let size = align + wanted.size().max(USUAL.size());
        let layout = Layout::from_size_align(size, align).expect("it is little more than a type, which is not larger");
        // SAFETY: the size is not zero.
        let memory = NonNull::new(unsafe { alloc(layout) }).unwrap_or_else(|| handle_alloc_error(layout));
        let memory = memory.cast::<Layout>();
        // SAFETY: the memory is ours, large enough, and aligned as a `u128` at least.
        unsafe { memory.write(layout) };
        self.0 = Some(memory);
        memory
    }

    /// Gives the memory back.
    pub(super) fn free(&mut self) {
        if let Some(memory) = self.0.take() {
            // SAFETY: it was allocated with the layout that stands there (invariant 1).
            unsafe { dealloc(memory.cast().as_ptr(), memory.read()) };
        }
    }
}

const _: () = assert!(size_of::<Layout>() <= USUAL.align() && align_of::<Layout>() <= USUAL.align());

impl Drop for Room {
    fn drop(&mut self) {
        self.free();
    }
}

/// A callback at work, in a [`Room`].
///
/// # Invariants
/// 1. `future` is alive, nothing else refers to it, and it stays where it is until this is dropped.
pub(super) struct Callback<'a, T> {
    future: NonNull<dyn Future<Output = T> + Send + 'a>,
    _room: PhantomData<&'a mut Room>,
}

// SAFETY: it owns the future, which is `Send`.
unsafe impl<T> Send for Callback<'_, T> {}

impl<T> Callback<'_, T> {
    /// Forgets how long what it refers to lives.
    ///
    /// # Safety
    /// Until it is dropped, nothing else touches the room or what the callback was begun with, and neither ends.
    pub(super) unsafe fn detached(self) -> Callback<'static, T> {
        // SAFETY: the caller sees to what the lifetime said; nothing else changes.
        unsafe { std::mem::transmute(self) }
    }
}

impl<T> Future for Callback<'_, T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        // SAFETY: invariant 1; that the future stays where it is makes it pinned.
        unsafe { Pin::new_unchecked(self.future.as_mut()) }.poll(context)
    }
}

impl<T> Drop for Callback<'_, T> {
    fn drop(&mut self) {
        // SAFETY: invariant 1, and it is not used again.
        unsafe { self.future.drop_in_place() };
    }
}

/// A callback at work, and what makes of its output one whose type is known to the loop.
///
/// Written by hand, since each of a user's handlers instantiates it: an `async` block takes the compiler longer.
pub(super) struct Map<F, T, U> {
    callback: F,
    map: fn(T) -> U,
}

impl<F, T, U> Map<F, T, U> {
    pub(super) fn new(callback: F, map: fn(T) -> U) -> Map<F, T, U> {
        Map { callback, map }
    }
}

impl<F: Future<Output = T>, T, U> Future for Map<F, T, U> {
    type Output = U;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<U> {
        // SAFETY: `callback` is pinned with the whole: nothing moves it out, and `Map` has no `Drop`. No shared reference to
        // the whole is made, as `self.map` would: the callback may keep references into itself, which such a one ends.
        let (callback, map) = unsafe {
            let this = self.get_unchecked_mut();
            (Pin::new_unchecked(&mut this.callback), this.map)
        };
        match callback.poll(context) {
            Poll::Ready(output) => Poll::Ready(map(output)),
            Poll::Pending => Poll::Pending,
        }
    }
}

/// A server whose type was forgotten.
pub(super) trait AnyServer: Any + Send {
    fn handle_info<'a>(&'a mut self, message: Message, room: &'a mut Room) -> Handling<'a>;
    fn handle_continue<'a>(&'a mut self, value: Message, room: &'a mut Room) -> Handling<'a>;
    fn terminate<'a>(&'a mut self, reason: &'a ExitReason) -> Boxed<'a, ()>;
    fn name(&self) -> String;
    fn format_status(&self) -> String;
}

impl<S: GenServer> AnyServer for S {
    fn handle_info<'a>(&'a mut self, message: Message, room: &'a mut Room) -> Handling<'a> {
        room.begin(Map::new(GenServer::handle_info(self, message), Handled::from))
    }

    fn handle_continue<'a>(&'a mut self, value: Message, room: &'a mut Room) -> Handling<'a> {
        room.begin(Map::new(GenServer::handle_continue(self, value), Handled::from))
    }

    fn terminate<'a>(&'a mut self, reason: &'a ExitReason) -> Boxed<'a, ()> {
        Box::pin(GenServer::terminate(self, reason))
    }

    fn name(&self) -> String {
        short_type_name::<S>()
    }

    fn format_status(&self) -> String {
        GenServer::format_status(self)
    }
}

/// How the state is shown. Reports must come out whatever a user's `format_status` does.
pub(super) fn shown(server: &dyn AnyServer) -> String {
    catch_unwind(AssertUnwindSafe(|| server.format_status()))
        .unwrap_or_else(|_| format!("<{}: its format_status panicked>", server.name()))
}

/// `init` with the type forgotten: it begins in the new process.
pub(super) type AnyInit = Box<dyn FnOnce() -> Boxed<'static, Init<Box<dyn AnyServer>>> + Send>;

pub(super) fn any_init<S: GenServer>(args: S::Args) -> AnyInit {
    Box::new(move || Box::pin(Map::new(S::init(args), any_state::<S>)))
}

fn any_state<S: GenServer>(Init { initial, then }: Init<S>) -> Init<Box<dyn AnyServer>> {
    let initial = match initial {
        Initial::Ok(state) => Initial::Ok(Box::new(state) as Box<dyn AnyServer>),
        Initial::Ignore => Initial::Ignore,
        Initial::Stop(reason) => Initial::Stop(reason),
    };
    Init { initial, then }
}

/// How a callback failed.
pub(crate) struct Crash {
    pub(crate) reason: ExitReason,
    /// Whether by a panic, not by [`exit`](crate::exit).
    pub(crate) panicked: bool,
}

impl Crash {
    /// An exit signal that stopped the callback goes on and ends the server.
    fn of(payload: Box<dyn Any + Send>) -> Crash {
        if is_stop(&*payload) {
            resume_unwind(payload);
        }
        let panicked = !is_exit(&*payload);
        let reason = reason_of_unwinding(payload);
        Crash { reason, panicked }
    }
}

/// Runs a callback; a panic or an exit in it becomes a value.
pub(crate) async fn guard<F: Future + Unpin>(begin: impl FnOnce() -> F) -> Result<F::Output, Crash> {
    let mut callback = caught(begin)?;
    debug_assert!(current::is_inside());
    poll_fn(|context| match caught(|| Pin::new(&mut callback).poll(context)) {
        Ok(polled) => polled.map(Ok),
        Err(crash) => Poll::Ready(Err(crash)),
    })
    .await
}

/// Runs a user's function in the server; a panic or an exit in it becomes a value.
pub(super) fn caught<T>(function: impl FnOnce() -> T) -> Result<T, Crash> {
    catch_unwind(AssertUnwindSafe(function)).map_err(Crash::of)
}

/// Like [`caught`], when only the reason matters.
pub(super) fn guarded<T>(function: impl FnOnce() -> T) -> Result<T, ExitReason> {
    caught(function).map_err(|crash| crash.reason)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::pending;
    use std::sync::Arc;
    use std::task::Waker;

    fn run<T>(mut callback: Callback<'_, T>) -> Poll<T> {
        Pin::new(&mut callback).poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn callbacks_of_any_size_run_in_one_room() {
        #[repr(align(256))]
        struct Wide(u8);

        let mut room = Room::new();
        let mut state = 1;
        assert_eq!(run(room.begin(async { state += 1 })), Poll::Ready(()));
        let large = [7_u8; 1000];
        assert_eq!(run(room.begin(async move { large[999] })), Poll::Ready(7));
        let wide = Wide(8);
        assert_eq!(
            run(room.begin(async move { (&raw const wide).addr() % 256 })),
            Poll::Ready(0)
        );
        room.free();
        assert_eq!(run(room.begin(async move { Wide(9).0 })), Poll::Ready(9));
        assert_eq!(state, 2);
    }

    #[test]
    fn a_callback_that_is_dropped_drops_what_it_has() {
        let mut room = Room::new();
        let owned = Arc::new(());
        for _ in 0..2 {
            let owned = owned.clone();
            let waits = async move {
                pending::<()>().await;
                drop(owned);
            };
            assert_eq!(run(room.begin(waits)), Poll::Pending);
        }
        assert_eq!(Arc::strong_count(&owned), 1);
    }

    // What breaks this shows under Miri only.
    #[test]
    fn a_callback_keeps_references_into_itself_while_it_waits() {
        let callback = async {
            let mut numbers = [1, 2];
            let last = &mut numbers[1];
            let mut waited = false;
            poll_fn(|_| match std::mem::replace(&mut waited, true) {
                false => Poll::Pending,
                true => Poll::Ready(()),
            })
            .await;
            *last += 1;
            numbers
        };
        let mut callback = Box::pin(Map::new(callback, |numbers: [i32; 2]| numbers[1]));
        let mut context = Context::from_waker(Waker::noop());
        assert_eq!(callback.as_mut().poll(&mut context), Poll::Pending);
        assert_eq!(callback.as_mut().poll(&mut context), Poll::Ready(3));
    }
}
