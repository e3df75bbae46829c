//! A function on each item of an iterator, so many at a time, as a stream of results.
//!
//! The consumer pulls items and makes futures of them; the [monitor](monitor) runs these as processes. Results come
//! straight from the task to the [`Outcomes`] that both share, and never touch the mailbox of the consumer.

mod monitor;

use super::callers;
use super::error::{TaskError, TaskFailure};
use crate::hash::InOrder;
use crate::message::Term;
use crate::process::current;
use crate::process::task::{Body, Start};
use crate::supervisor::Shutdown;
use crate::{ExitReason, Pid, exit, process, send};
use atomic_waker::AtomicWaker;
use futures_core::Stream;
pub(super) use monitor::Place;
use monitor::{Close, Ended, Report, Run};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::fmt;
use std::future::{Future, poll_fn};
use std::iter::Fuse;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

/// Runs `function` on each item, each time in a task of its own, and gives the results as a [`Stream`].
///
/// [`next`](AsyncStream::next) and [`collect`](AsyncStream::collect) consume it; for more, it takes the combinators of
/// the `futures` crate.
///
/// It is lazy: nothing runs before the stream is polled, and items are taken from the iterator as tasks become free.
/// So many tasks run at a time as the machine has threads, unless [`max_concurrency`](AsyncStream::max_concurrency)
/// says otherwise. Results come in the order of the items, unless [`ordered`](AsyncStream::ordered) says otherwise.
///
/// The tasks are linked to the process that polls: when one crashes, so does that process, unless it traps exits; then
/// the item's result is `Err` with the reason. When the stream is dropped or the process ends, the tasks are killed.
///
/// ```
/// # crabtree::run(async {
/// use crabtree::prelude::*;
/// use crabtree::task;
///
/// let squares: Vec<_> = task::async_stream(1..=4, |n: i32| async move { n * n })
///     .max_concurrency(2)
///     .collect()
///     .await;
/// assert_eq!(squares, [Ok(1), Ok(4), Ok(9), Ok(16)]);
/// # });
/// ```
///
/// # Panics
/// Polling panics outside of a process.
#[track_caller]
pub fn async_stream<I, F, R>(items: I, function: F) -> AsyncStream<I::IntoIter, F, R::Output>
where
    I: IntoIterator,
    F: FnMut(I::Item) -> R,
    R: Future + Send + 'static,
    R::Output: Term,
{
    AsyncStream {
        items: items.into_iter().fuse(),
        function,
        max_concurrency: crate::system::schedulers_online(),
        ordered: true,
        timeout: Some(super::DEFAULT_TIMEOUT),
        on_timeout: OnTimeout::Exit,
        start: Start::of::<R>(),
        place: None,
        running: None,
        done: false,
    }
}

/// What an [`async_stream`] does when a task takes too long.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum OnTimeout {
    /// The process that polls exits, and the tasks are killed.
    Exit,
    /// The task is killed, and the result of its item is `Err` with the reason `"timeout"`.
    KillTask,
}

/// The stream that [`async_stream`] makes. Its items are `Result<T, ExitReason>`.
#[must_use = "a stream does nothing unless it is polled"]
pub struct AsyncStream<I: Iterator, F, T> {
    items: Fuse<I>,
    function: F,
    max_concurrency: usize,
    ordered: bool,
    timeout: Option<Duration>,
    on_timeout: OnTimeout,
    start: Start,
    /// The supervisor of the tasks, if they have one.
    place: Option<Place>,
    running: Option<Running<T>>,
    done: bool,
}

/// Nothing in it is pinned.
impl<I: Iterator, F, T> Unpin for AsyncStream<I, F, T> {}

impl<I: Iterator, F, T> AsyncStream<I, F, T> {
    /// How many tasks run at a time.
    ///
    /// # Panics
    /// When it is zero.
    #[track_caller]
    pub fn max_concurrency(mut self, max_concurrency: usize) -> AsyncStream<I, F, T> {
        assert!(
            max_concurrency > 0,
            "max_concurrency must be at least 1: with 0 no task would ever run"
        );
        self.max_concurrency = max_concurrency;
        self
    }

    /// Whether results come in the order of the items, or, with `false`, as soon as they are there.
    pub fn ordered(mut self, ordered: bool) -> AsyncStream<I, F, T> {
        self.ordered = ordered;
        self
    }

    /// How long each task may take: 5 seconds, unless this is called; with `None`, for ever.
    pub fn timeout(mut self, timeout: impl Into<Option<Duration>>) -> AsyncStream<I, F, T> {
        self.timeout = timeout.into();
        self
    }

    /// What happens to a task that takes longer.
    pub fn on_timeout(mut self, on_timeout: OnTimeout) -> AsyncStream<I, F, T> {
        self.on_timeout = on_timeout;
        self
    }

    /// How tasks that are children of a supervisor are told to end when it does: within 5 seconds, unless this is called.
    /// It says nothing about tasks without a supervisor.
    pub fn shutdown(mut self, shutdown: Shutdown) -> AsyncStream<I, F, T> {
        if let Some(place) = &mut self.place {
            place.shutdown = shutdown;
        }
        self
    }

    pub(super) fn under(mut self, place: Place) -> AsyncStream<I, F, T> {
        self.place = Some(place);
        self
    }

    /// Gives the item back beside the reason, where a task has no result: items are `Result<T, (I, ExitReason)>` then.
    ///
    /// ```
    /// # crabtree::run(async {
    /// use crabtree::prelude::*;
    /// use crabtree::task::{self, OnTimeout};
    ///
    /// let results: Vec<_> = task::async_stream([0, 3600], |n| process::sleep(secs(n)))
    ///     .timeout(ms(20))
    ///     .on_timeout(OnTimeout::KillTask)
    ///     .zip_input_on_exit()
    ///     .collect()
    ///     .await;
    /// assert_eq!(results, [Ok(()), Err((3600, ExitReason::from("timeout")))]);
    /// # });
    /// ```
    pub fn zip_input_on_exit(self) -> ZippedStream<I, F, T>
    where
        I::Item: Clone,
    {
        ZippedStream {
            stream: self,
            inputs: HashMap::new(),
        }
    }
}

impl<I, F, R, T> AsyncStream<I, F, T>
where
    I: Iterator,
    F: FnMut(I::Item) -> R,
    R: Future<Output = T> + Send + 'static,
    T: Term,
{
    /// The next result; `None` when there are no more.
    ///
    /// ```
    /// # crabtree::run(async {
    /// use crabtree::prelude::*;
    ///
    /// let mut sites = task::async_stream(["a", "b"], |site| async move { format!("{site}.example") });
    /// while let Some(site) = sites.next().await {
    ///     println!("{}", site?);
    /// }
    /// # Ok::<(), ExitReason>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Cancel safety
    /// When the future is dropped, no result is lost.
    pub async fn next(&mut self) -> Option<Result<T, ExitReason>> {
        next(self).await
    }

    /// All results.
    pub async fn collect<C>(self) -> C
    where
        C: Default + Extend<Result<T, ExitReason>>,
    {
        collect(self).await
    }
}

async fn next<S: Stream + Unpin>(stream: &mut S) -> Option<S::Item> {
    poll_fn(|context| Pin::new(&mut *stream).poll_next(context)).await
}

async fn collect<S: Stream + Unpin, C: Default + Extend<S::Item>>(mut stream: S) -> C {
    let mut results = C::default();
    while let Some(result) = next(&mut stream).await {
        results.extend([result]);
    }
    results
}

impl<I, F, R, T> Stream for AsyncStream<I, F, T>
where
    I: Iterator,
    F: FnMut(I::Item) -> R,
    R: Future<Output = T> + Send + 'static,
    T: Term,
{
    type Item = Result<T, ExitReason>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = self.get_mut().poll(context, |_, _| ());
        next.map(|next| next.map(|(_, outcome)| outcome))
    }
}

impl<I, F, R, T> AsyncStream<I, F, T>
where
    I: Iterator,
    F: FnMut(I::Item) -> R,
    R: Future<Output = T> + Send + 'static,
    T: Term,
{
    /// The next outcome and the number of its item. `taken` sees each item before it is used.
    fn poll(
        &mut self,
        context: &mut Context<'_>,
        mut taken: impl FnMut(u64, &I::Item),
    ) -> Poll<Option<(u64, Result<T, ExitReason>)>> {
        if self.done {
            return Poll::Ready(None);
        }
        let running = self
            .running
            .get_or_insert_with(|| Running::start(self.timeout, self.start, self.place.take()));
        running.outcomes.waker.register(context.waker());
        running.take_outcomes();
        while running.busy < self.max_concurrency
            && let Some(item) = self.items.next()
        {
            taken(running.spawned, &item);
            running.spawn((self.function)(item));
        }
        if let Some((number, outcome)) = running.next(self.ordered) {
            let outcome = match outcome {
                Ok(value) => Ok(value),
                Err(Ended::Exit(reason)) => Err(reason),
                Err(Ended::Timeout) if self.on_timeout == OnTimeout::KillTask => Err("timeout".into()),
                Err(Ended::Timeout) => {
                    let error = TaskError {
                        request: format!("task::async_stream(…), item {number}"),
                        cause: TaskFailure::Timeout(self.timeout.unwrap_or_default()),
                    };
                    self.fail(ExitReason::other(error))
                }
                Err(Ended::Refused(error)) => self.fail(ExitReason::other(error)),
            };
            return Poll::Ready(Some((number, outcome)));
        }
        if running.busy > 0 {
            return Poll::Pending;
        }
        self.close();
        Poll::Ready(None)
    }

    /// Ends the stream, and with it the tasks that are at work.
    fn close(&mut self) {
        self.done = true;
        self.running = None;
    }

    /// Ends the stream and the process that polls it.
    fn fail(&mut self, reason: ExitReason) -> ! {
        self.close();
        exit(reason)
    }
}

impl<I: Iterator, F, T> fmt::Debug for AsyncStream<I, F, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncStream")
            .field("max_concurrency", &self.max_concurrency)
            .field("ordered", &self.ordered)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// The stream that [`zip_input_on_exit`](AsyncStream::zip_input_on_exit) makes. Its items are
/// `Result<T, (I, ExitReason)>`.
#[must_use = "a stream does nothing unless it is polled"]
pub struct ZippedStream<I: Iterator, F, T> {
    stream: AsyncStream<I, F, T>,
    /// The items whose results did not come out yet, by number.
    inputs: HashMap<u64, I::Item>,
}

/// Nothing in it is pinned.
impl<I: Iterator, F, T> Unpin for ZippedStream<I, F, T> {}

impl<I, F, R, T> ZippedStream<I, F, T>
where
    I: Iterator,
    I::Item: Clone,
    F: FnMut(I::Item) -> R,
    R: Future<Output = T> + Send + 'static,
    T: Term,
{
    /// As [`AsyncStream::next`].
    pub async fn next(&mut self) -> Option<Result<T, (I::Item, ExitReason)>> {
        next(self).await
    }

    /// All results.
    pub async fn collect<C>(self) -> C
    where
        C: Default + Extend<Result<T, (I::Item, ExitReason)>>,
    {
        collect(self).await
    }
}

impl<I, F, R, T> Stream for ZippedStream<I, F, T>
where
    I: Iterator,
    I::Item: Clone,
    F: FnMut(I::Item) -> R,
    R: Future<Output = T> + Send + 'static,
    T: Term,
{
    type Item = Result<T, (I::Item, ExitReason)>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let ZippedStream { stream, inputs } = self.get_mut();
        let next = stream.poll(context, |number, item| {
            inputs.insert(number, item.clone());
        });
        next.map(|next| {
            let (number, outcome) = next?;
            let input = inputs.remove(&number)?;
            Some(outcome.map_err(|reason| (input, reason)))
        })
    }
}

impl<I: Iterator, F, T> fmt::Debug for ZippedStream<I, F, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.stream.fmt(f)
    }
}

/// What tasks leave for the consumer: the first word about an item counts.
struct Outcomes<T> {
    words: Mutex<Vec<(u64, Result<T, Ended>)>>,
    waker: AtomicWaker,
}

impl<T> Outcomes<T> {
    fn put(&self, number: u64, outcome: Result<T, Ended>) {
        self.words.lock().push((number, outcome));
        self.waker.wake();
    }
}

impl<T: Send> Report for Outcomes<T> {
    fn ended(&self, number: u64, end: Ended) {
        self.put(number, Err(end));
    }
}

/// The tasks of a stream that was polled.
struct Running<T> {
    monitor: Pid,
    consumer: Pid,
    outcomes: Arc<Outcomes<T>>,
    /// How many items became tasks, and the number of the next one.
    spawned: u64,
    /// How many of them have no outcome yet.
    busy: usize,
    /// In ordered streams, the number of the item whose result is next.
    due: u64,
    /// Outcomes that did not come out yet; `None` while the task is at work.
    results: HashMap<u64, Option<Result<T, Ended>>, InOrder>,
    /// The numbers of items that are done, in the order in which they were.
    finished: std::collections::VecDeque<u64>,
    /// The number of the first item that the supervisor did not take.
    refused: Option<u64>,
}

impl<T: Term> Running<T> {
    fn start(timeout: Option<Duration>, start: Start, place: Option<Place>) -> Running<T> {
        let consumer = current::expect("task::async_stream").pid;
        let outcomes = Arc::new(Outcomes {
            words: Mutex::default(),
            waker: AtomicWaker::new(),
        });
        let monitor = process::spawn_link(monitor::monitor(
            consumer,
            callers::of_next(),
            start,
            place,
            outcomes.clone(),
            timeout,
        ));
        Running {
            monitor,
            consumer,
            outcomes,
            spawned: 0,
            busy: 0,
            due: 0,
            results: HashMap::default(),
            finished: std::collections::VecDeque::new(),
            refused: None,
        }
    }

    fn spawn<R>(&mut self, future: R)
    where
        R: Future<Output = T> + Send + 'static,
    {
        let number = self.spawned;
        let outcomes = self.outcomes.clone();
        let body: Body = Box::pin(async move { outcomes.put(number, Ok(future.await)) });
        send(self.monitor, Run { number, body });
        self.spawned += 1;
        self.busy += 1;
        self.results.insert(number, None);
    }

    fn take_outcomes(&mut self) {
        for (number, outcome) in std::mem::take(&mut *self.outcomes.words.lock()) {
            if let Some(place @ None) = self.results.get_mut(&number) {
                if let Err(Ended::Refused(_)) = outcome {
                    self.refused.get_or_insert(number);
                }
                *place = Some(outcome);
                self.busy -= 1;
                self.finished.push_back(number);
            }
        }
    }

    fn next(&mut self, ordered: bool) -> Option<(u64, Result<T, Ended>)> {
        let number = match (ordered, self.refused) {
            // Those before it may take long, and the stream cannot go on.
            (_, Some(number)) => number,
            (true, None) => {
                self.results.get(&self.due)?.as_ref()?;
                self.finished.clear();
                self.due += 1;
                self.due - 1
            }
            (false, None) => self.finished.pop_front()?,
        };
        Some((number, self.results.remove(&number)??))
    }
}

/// Stops the tasks that are at work.
impl<T> Drop for Running<T> {
    fn drop(&mut self) {
        if current::get().is_some_and(|current| current.pid == self.consumer) {
            process::unlink(self.monitor);
        }
        send(self.monitor, Close);
    }
}
