//! Outputs that go on when their cell has ended.

use std::any::TypeId;
use std::fmt;
use std::future::{Future, poll_fn};
use std::ops::ControlFlow;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::Stream;
use tokio::time::MissedTickBehavior;

use super::thinned::Thinned;
use super::{Bundle, Render, children};
use crate::pid::Pid;
use crate::process::{self, Builder};
use crate::reason::ExitReason;

/// Shows what a function makes of each value of a stream, one in place of the other.
///
/// A process of its own follows the stream. It ends with the stream, by [`Live::stop`] or another exit signal, and when
/// the cell is run again, as all that [`start_child`](super::start_child) starts; the last value stays. A stream that is
/// too fast to look at is thinned, and its last value is shown in any case.
///
/// The function may return, beside anything that has [`Render`], an `Option`, of which `None` leaves the output as it is,
/// and a [`ControlFlow`], of which `Break` shows its value and ends the stream.
///
/// # Examples
///
/// ```
/// # crabtree::run(async {
/// use crabtree::prelude::*;
///
/// let clock = kino::animate(kino::interval(ms(100)), |n| async move {
///     kino::markdown(format!("**{}** s", n as f64 / 10.0))
/// });
/// clock.stop();
/// # });
/// ```
///
/// # Panics
/// A panic of the function ends its process, which is reported as any crash.
pub fn animate<S, F, R>(stream: S, mut frame: F) -> Live
where
    S: Stream + Send + 'static,
    S::Item: Send,
    F: FnMut(S::Item) -> R + Send + 'static,
    R: Future<Output: Animated> + Send + 'static,
{
    animate_with(stream, (), move |item, ()| {
        let frame = frame(item);
        async move { ((), frame.await) }
    })
}

/// Like [`animate`], with a state that the function takes and gives back.
///
/// ```
/// # crabtree::run(async {
/// use crabtree::prelude::*;
///
/// kino::animate_with(kino::interval(ms(100)), 0, |n, sum| async move {
///     let sum = sum + n;
///     (sum, kino::markdown(format!("The sum is {sum}.")))
/// });
/// # });
/// ```
pub fn animate_with<S, A, F, R, V>(stream: S, state: A, mut frame: F) -> Live
where
    S: Stream + Send + 'static,
    S::Item: Send,
    A: Send + 'static,
    F: FnMut(S::Item, A) -> R + Send + 'static,
    R: Future<Output = (A, V)> + Send + 'static,
    V: Animated,
{
    // What goes on by the clock and has no end has nothing new to show.
    let is_endless = TypeId::of::<S>() == TypeId::of::<Interval>() && !V::CAN_END;
    let output = if is_endless {
        Thinned::unsettled()
    } else {
        Thinned::new()
    };
    output.reserve();
    begin("animation", async move {
        let mut stream = pin!(stream);
        let mut state = state;
        while let Some(item) = poll_fn(|context| stream.as_mut().poll_next(context)).await {
            let (next, value) = frame(item, state).await;
            state = next;
            if show(&output, value.step()).await {
                break;
            }
        }
    })
}

/// Calls a function for each value of a stream, in a process of its own, until the stream ends.
///
/// The process ends as that of [`animate`] does. The next value is taken when the function is done with the one before.
///
/// ```
/// # crabtree::run(async {
/// use crabtree::prelude::*;
///
/// let parent = me();
/// kino::listen(kino::interval(ms(1)), move |n| async move { send(parent, n) });
/// receive! { 2u64 => () }
/// # });
/// ```
///
/// # Panics
/// A panic of the function ends its process, which is reported as any crash.
pub fn listen<S, F, R>(stream: S, mut call: F) -> Live
where
    S: Stream + Send + 'static,
    S::Item: Send,
    F: FnMut(S::Item) -> R + Send + 'static,
    R: Future<Output = ()> + Send + 'static,
{
    listen_with(stream, (), move |item, ()| call(item))
}

/// Like [`listen`], with a state that the function takes and gives back.
///
/// ```
/// # crabtree::run(async {
/// use crabtree::prelude::*;
///
/// let parent = me();
/// kino::listen_with(kino::interval(ms(1)), 0, move |n, sum| async move {
///     send(parent, ("sum", sum + n));
///     sum + n
/// });
/// receive! { ("sum", 6): (&str, u64) => () }
/// # });
/// ```
pub fn listen_with<S, A, F, R>(stream: S, state: A, mut call: F) -> Live
where
    S: Stream + Send + 'static,
    S::Item: Send,
    A: Send + 'static,
    F: FnMut(S::Item, A) -> R + Send + 'static,
    R: Future<Output = A> + Send + 'static,
{
    begin("listener", async move {
        let mut stream = pin!(stream);
        let mut state = state;
        while let Some(item) = poll_fn(|context| stream.as_mut().poll_next(context)).await {
            state = call(item, state).await;
            tokio::task::consume_budget().await;
        }
    })
}

/// A stream of 0, 1, 2 and so on: the first at once, and one whenever `period` has passed, which is a millisecond at
/// least. Those that nobody took in time are not made up for.
///
/// ```
/// # crabtree::run(async {
/// use crabtree::prelude::*;
/// use futures::StreamExt;
///
/// let first: Vec<u64> = kino::interval(ms(1)).take(3).collect().await;
/// assert_eq!(first, [0, 1, 2]);
/// # });
/// ```
pub fn interval(period: Duration) -> Interval {
    Interval {
        period: period.max(Duration::from_millis(1)),
        ticks: None,
        count: 0,
    }
}

/// What [`interval`] returns.
#[derive(Debug)]
pub struct Interval {
    period: Duration,
    /// The clock runs from the first look at it.
    ticks: Option<tokio::time::Interval>,
    count: u64,
}

impl Stream for Interval {
    type Item = u64;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<u64>> {
        let period = self.period;
        let ticks = self.ticks.get_or_insert_with(|| {
            let mut ticks = tokio::time::interval(period);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            ticks
        });
        ready!(ticks.poll_tick(context));
        self.count += 1;
        Poll::Ready(Some(self.count - 1))
    }
}

/// A live output: the process behind it.
///
/// As the last value of a cell it shows nothing. Dropping it changes nothing: the output goes on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Live {
    pid: Pid,
}

impl Live {
    /// The process that changes the output.
    pub fn pid(self) -> Pid {
        self.pid
    }

    /// Ends the process. What it showed last stays.
    pub fn stop(self) {
        process::exit(self.pid, ExitReason::Shutdown);
    }
}

impl Render for Live {
    fn render(&self) -> Bundle {
        Bundle::new()
    }
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Live").field(&self.pid).finish()
    }
}

/// What the function of [`animate`] may return: anything that has [`Render`], an `Option` or a [`ControlFlow`] of it.
pub trait Animated: Send {
    /// Whether a value may be the last one.
    #[doc(hidden)]
    const CAN_END: bool;

    #[doc(hidden)]
    fn step(self) -> Step;
}

/// What becomes of a live output.
#[doc(hidden)]
#[derive(Debug)]
pub struct Step {
    show: Option<Bundle>,
    is_last: bool,
}

impl<R: Render + Send> Animated for R {
    const CAN_END: bool = false;

    fn step(self) -> Step {
        Step {
            show: Some(self.render()),
            is_last: false,
        }
    }
}

impl<R: Animated> Animated for Option<R> {
    const CAN_END: bool = R::CAN_END;

    fn step(self) -> Step {
        self.map_or(KEEP, R::step)
    }
}

impl<B: Animated, C: Animated> Animated for ControlFlow<B, C> {
    const CAN_END: bool = true;

    fn step(self) -> Step {
        match self {
            ControlFlow::Continue(value) => value.step(),
            ControlFlow::Break(value) => Step {
                is_last: true,
                ..value.step()
            },
        }
    }
}

/// Leaves the output as it is.
impl Animated for () {
    const CAN_END: bool = false;

    fn step(self) -> Step {
        KEEP
    }
}

const KEEP: Step = Step {
    show: None,
    is_last: false,
};

/// Begins the process of a live output. It belongs to the calling cell.
#[track_caller]
pub(crate) fn begin(label: &'static str, body: impl Future<Output = ()> + Send + 'static) -> Live {
    let body = async move {
        children::belong_to_cell().await;
        body.await;
    };
    let begun = Builder::new().label(label).spawn(body);
    Live {
        pid: begun.expect("a process without a name can be spawned"),
    }
}

/// Does a step, and says whether it is the last one. Between steps that never wait, exit signals must get through.
async fn show(output: &Thinned, step: Step) -> bool {
    if let Some(bundle) = step.show {
        output.show(bundle);
    }
    tokio::task::consume_budget().await;
    step.is_last
}
