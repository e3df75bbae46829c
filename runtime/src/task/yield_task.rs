//! Looking after tasks without insisting on a result.

use super::error::{TaskError, TaskFailure};
use super::handle::{AnyTask, Task};
use super::shutdown;
use super::words::{Enough, Tag, Word, gather};
use crate::message::Term;
use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::time::Duration;

/// Waits for a task, and may come back without a result: `None` says that it is still at work, and one can look again.
///
/// It waits 5 seconds, unless [`timeout`](Yield::timeout) says otherwise. Once it gave `Some`, the task is done.
///
/// ```
/// # crabtree::run(async {
/// use crabtree::prelude::*;
/// use crabtree::task;
///
/// let task = task::async_(async {
///     receive! { "go" => "done" }
/// });
/// assert!(task::yield_(task).timeout(ms(1)).await.is_none());
/// send(task.pid().unwrap(), "go");
/// assert_eq!(task::yield_(task).await, Some(Ok("done")));
/// # });
/// ```
///
/// # Errors
/// `Some(Err(…))`: the task ended without a result, or the caller does not own it.
///
/// # Cancel safety
/// When the future is dropped, the result can still be had.
pub fn yield_<T: Term>(task: Task<T>) -> Yield<T> {
    Yield {
        task,
        timeout: Some(super::DEFAULT_TIMEOUT),
    }
}

/// A look after a task: `.await` it.
#[must_use = "nothing is awaited before `.await`"]
#[derive(Debug)]
pub struct Yield<T> {
    task: Task<T>,
    timeout: Option<Duration>,
}

impl<T> Yield<T> {
    /// Waits so long at most; with `None` for ever.
    pub fn timeout(mut self, timeout: impl Into<Option<Duration>>) -> Yield<T> {
        self.timeout = timeout.into();
        self
    }
}

impl<T: Term> IntoFuture for Yield<T> {
    type Output = Option<Result<T, TaskError>>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let many = yield_many([self.task]).timeout(self.timeout).named("yield_");
            let (_, result) = many.await.pop()?;
            result
        })
    }
}

/// Waits for several tasks, and says of each what [`yield_`] says, in the order of the tasks.
///
/// It waits 5 seconds for all of them together, unless [`timeout`](YieldMany::timeout) says otherwise, and comes back
/// earlier when all are done, or as many as [`limit`](YieldMany::limit) says.
///
/// ```
/// # crabtree::run(async {
/// use crabtree::prelude::*;
/// use crabtree::task::{self, OnYieldTimeout};
///
/// let tasks = [0, 3600].map(|seconds| task::async_(async move {
///     process::sleep(secs(seconds)).await;
///     seconds
/// }));
/// let results = task::yield_many(tasks).timeout(ms(20)).on_timeout(OnYieldTimeout::KillTask).await;
/// assert_eq!(results, [(tasks[0], Some(Ok(0))), (tasks[1], None)]);
/// assert!(!process::is_alive(tasks[1].pid().unwrap()));
/// # });
/// ```
///
/// # Cancel safety
/// Results that came are lost when the future is dropped.
pub fn yield_many<T: Term>(tasks: impl IntoIterator<Item = Task<T>>) -> YieldMany<T> {
    YieldMany {
        tasks: tasks.into_iter().collect(),
        timeout: Some(super::DEFAULT_TIMEOUT),
        limit: usize::MAX,
        on_timeout: OnYieldTimeout::Nothing,
        function: "yield_many",
    }
}

/// What [`yield_many`] does with tasks that are not done in time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum OnYieldTimeout {
    /// Nothing: one can look again.
    Nothing,
    /// They go on alone, as after [`ignore`](super::ignore).
    Ignore,
    /// They are killed.
    KillTask,
}

/// A look after several tasks: `.await` it.
#[must_use = "nothing is awaited before `.await`"]
pub struct YieldMany<T> {
    tasks: Vec<Task<T>>,
    timeout: Option<Duration>,
    limit: usize,
    on_timeout: OnYieldTimeout,
    function: &'static str,
}

impl<T> YieldMany<T> {
    /// Waits so long at most; with `None` for ever.
    pub fn timeout(mut self, timeout: impl Into<Option<Duration>>) -> YieldMany<T> {
        self.timeout = timeout.into();
        self
    }

    /// So many results are enough.
    pub fn limit(mut self, limit: usize) -> YieldMany<T> {
        self.limit = limit;
        self
    }

    /// What happens to those that are not done in time. It does not touch them when the limit was reached before.
    pub fn on_timeout(mut self, on_timeout: OnYieldTimeout) -> YieldMany<T> {
        self.on_timeout = on_timeout;
        self
    }

    fn named(mut self, function: &'static str) -> YieldMany<T> {
        self.function = function;
        self
    }
}

impl<T: Term> IntoFuture for YieldMany<T> {
    type Output = Vec<(Task<T>, Option<Result<T, TaskError>>)>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let tasks: Vec<AnyTask> = self.tasks.iter().map(Task::any).collect();
            let plan = Plan {
                timeout: self.timeout,
                limit: self.limit,
                on_timeout: self.on_timeout,
                function: self.function,
            };
            let results = plan.run(Task::<T>::TAG, &tasks).await.into_iter();
            let results = results.map(|result| result.map(|result| result.map(Task::value)));
            self.tasks.into_iter().zip(results).collect()
        })
    }
}

impl<T> fmt::Debug for YieldMany<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("YieldMany")
            .field("tasks", &self.tasks)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

struct Plan {
    timeout: Option<Duration>,
    limit: usize,
    on_timeout: OnYieldTimeout,
    function: &'static str,
}

impl Plan {
    async fn run(&self, tag: Tag, tasks: &[AnyTask]) -> Vec<Option<Result<crate::Message, TaskError>>> {
        if let Some(error) = (tasks.iter()).find_map(|task| task.check_owner(self.function).err()) {
            // Nothing was looked at yet, so nothing is lost.
            return tasks.iter().map(|_| Some(Err(error.clone()))).collect();
        }
        let enough = Enough {
            count: self.limit,
            any_down: false,
        };
        let heard = gather(tag, tasks, self.timeout, enough).await;
        let words = heard.iter().filter(|heard| heard.word.is_some()).count();
        let in_time = words >= self.limit.min(tasks.len());
        let mut results = Vec::with_capacity(tasks.len());
        for (task, heard) in tasks.iter().zip(heard) {
            results.push(match heard.word {
                Some(word) => Some(task.result(self.function, word)),
                None if in_time => None,
                None => match self.on_timeout {
                    OnYieldTimeout::Nothing => None,
                    OnYieldTimeout::Ignore => shutdown::ignore_any(tag, task),
                    OnYieldTimeout::KillTask => shutdown::kill(tag, task).await,
                },
            });
        }
        results
    }
}

impl AnyTask {
    pub(super) fn result(&self, function: &str, word: Word) -> Result<crate::Message, TaskError> {
        match word {
            Word::Reply(message) => Ok(message),
            Word::Down(reason) => Err(self.error(function, TaskFailure::Exit(reason))),
        }
    }
}
