//! Captures around a future.

use super::recorder::CaptureId;
use super::scope::{Chosen, Effects, Scope};
use super::{Limits, Trace};
use crate::destination::{Destination, Target};
use crate::node::node;
use crate::pid::{Alias, Pid};
use crate::process::current;
use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// Runs a future, and traces what its process and the given ones do and undergo meanwhile.
///
/// - Of the process that runs it, and of each in `targets`: every message from and to it, every exit signal, spawn, link,
///   monitor and name. So with `()` for nobody else, the process traces itself.
/// - Of each process that one of these spawns meanwhile, the same; [`descendants`](Seq::descendants) changes that.
/// - With [`All`], all that the future causes.
///
/// A target is whatever can be sent to: a pid, a server or a supervisor, a name; several are an array, a slice or a vector. A name stands for
/// whoever has it, also when another process takes it over. Captures can overlap, and know nothing of each other.
///
/// What others do because of the future, after it is done, is not seen: wait in the future for what should be.
///
/// ```
/// # crabtree::run(async {
/// use crabtree::agent;
/// use crabtree::prelude::*;
///
/// let stock = agent::start_link(|| 10).await?;
/// let (left, trace) = trace::seq(stock, async { agent::get(stock, |n| *n).await }).await;
/// assert_eq!(left?, 10);
///
/// let kinds: Vec<trace::Kind> = trace.events.iter().map(|event| event.kind).collect();
/// assert_eq!(kinds, [trace::Kind::Call, trace::Kind::Reply]);
/// assert_eq!(trace.events[0].to, Some(stock.pid()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
///
/// # Cancel safety
/// When it is dropped, so is the future, and nothing is traced any more.
pub fn seq<F: Future>(targets: impl Targets, future: F) -> Seq<F> {
    let mut chosen = Chosen {
        descendants: true,
        ..Chosen::default()
    };
    targets.add_to(&mut Choice(&mut chosen));
    Seq {
        chosen,
        limits: Limits::default(),
        future,
    }
}

/// A capture that is about to begin: `.await` it, for what the future gives and the [`Trace`].
#[must_use = "nothing runs before it is awaited"]
pub struct Seq<F> {
    chosen: Chosen,
    limits: Limits,
    future: F,
}

impl<F> Seq<F> {
    /// Whether processes that a traced one spawns are traced, too. They are unless this says otherwise.
    pub fn descendants(mut self, traced: bool) -> Seq<F> {
        self.chosen.descendants = traced;
        self
    }

    /// How much is kept.
    pub fn limits(mut self, limits: Limits) -> Seq<F> {
        self.limits = limits;
        self
    }
}

impl<F> fmt::Debug for Seq<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seq").finish_non_exhaustive()
    }
}

impl<F: Future> IntoFuture for Seq<F> {
    type Output = (F::Output, Trace);
    type IntoFuture = Capturing<F>;

    fn into_future(self) -> Capturing<F> {
        Capturing {
            future: Box::pin(self.future),
            begins: Some((self.chosen, self.limits)),
            capture: None,
        }
    }
}

/// The future of a [`Seq`].
#[must_use = "futures do nothing unless they are polled"]
pub struct Capturing<F> {
    future: Pin<Box<F>>,
    /// Until the first poll.
    begins: Option<(Chosen, Limits)>,
    capture: Option<Running>,
}

/// A capture that ends when it is dropped.
struct Running {
    id: CaptureId,
    caller: Option<Pid>,
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(node().tracer.end(self.id));
    }
}

impl<F> fmt::Debug for Capturing<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Capturing").finish_non_exhaustive()
    }
}

impl<F: Future> Future for Capturing<F> {
    type Output = (F::Output, Trace);

    /// # Panics
    /// When it is polled after it is done.
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        if let Some((chosen, limits)) = this.begins.take() {
            this.capture = Some(Running::begin(chosen, limits));
        }
        let output = ready!(this.future.as_mut().poll(context));
        let running = this.capture.take().expect("a capture that is done is not polled again");
        Poll::Ready((output, running.end()))
    }
}

impl Running {
    fn begin(mut chosen: Chosen, limits: Limits) -> Running {
        let caller = current::get().map(|process| process.pid);
        chosen.members.extend(caller);
        let names = chosen.names.clone();
        let tracer = &node().tracer;
        let id = tracer.begin(Scope::Chosen(chosen), limits);
        // Only now, or a name that is given meanwhile would be missed.
        for name in names {
            if let Some(pid) = node().names.get(name.as_str()) {
                tracer.named(pid, &name);
            }
        }
        Running { id, caller }
    }

    fn end(self) -> Trace {
        let capture = node()
            .tracer
            .end(self.id)
            .expect("it runs until it is ended here, once");
        Trace::of(capture, self.caller)
    }
}

/// Whom a capture is about; see [`seq`].
pub trait Targets {
    #[doc(hidden)]
    fn add_to(self, choice: &mut Choice<'_>);
}

/// All that the future causes: messages, and what is done by those who handle them, until they receive another message.
///
/// That is how OTP's `seq_trace` goes on, and what Kino calls `:all`. It says nothing of processes that do their own work
/// meanwhile.
///
/// ```
/// # crabtree::run(async {
/// use crabtree::prelude::*;
///
/// let last = me();
/// let second = spawn(async move { receive! { n: i32 => send(last, n + 1) } });
/// let first = spawn(async move { receive! { n: i32 => send(second, n + 1) } });
/// let (sum, trace) = trace::seq(trace::All, async {
///     send(first, 1);
///     receive! { n: i32 => n }
/// })
/// .await;
/// assert_eq!(sum, 3);
/// let path: Vec<Pid> = trace.messages().filter_map(|message| message.to).collect();
/// assert_eq!(path, [first, second, last]);
/// # });
/// ```
#[derive(Clone, Copy, Debug)]
pub struct All;

/// What targets are added to.
#[doc(hidden)]
#[derive(Debug)]
pub struct Choice<'a>(&'a mut Chosen);

impl Choice<'_> {
    fn add(&mut self, target: Target) {
        match target {
            Target::Pid(pid) | Target::Alias(Alias { owner: pid, .. }) => {
                self.0.members.insert(pid);
            }
            Target::Name(name) => self.0.names.push(name),
        }
    }
}

impl Targets for All {
    fn add_to(self, choice: &mut Choice<'_>) {
        choice.0.effects = Some(Effects::default());
    }
}

impl Targets for () {
    fn add_to(self, _: &mut Choice<'_>) {}
}

impl<D: Destination> Targets for D {
    fn add_to(self, choice: &mut Choice<'_>) {
        choice.add(self.target());
    }
}

impl<D: Destination> Targets for &[D] {
    fn add_to(self, choice: &mut Choice<'_>) {
        self.iter().for_each(|target| choice.add(target.target()));
    }
}

impl<D: Destination, const N: usize> Targets for [D; N] {
    fn add_to(self, choice: &mut Choice<'_>) {
        self.as_slice().add_to(choice);
    }
}

impl<D: Destination, const N: usize> Targets for &[D; N] {
    fn add_to(self, choice: &mut Choice<'_>) {
        self.as_slice().add_to(choice);
    }
}

impl<D: Destination> Targets for Vec<D> {
    fn add_to(self, choice: &mut Choice<'_>) {
        self.as_slice().add_to(choice);
    }
}

impl<D: Destination> Targets for &Vec<D> {
    fn add_to(self, choice: &mut Choice<'_>) {
        self.as_slice().add_to(choice);
    }
}
