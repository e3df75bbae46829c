//! Awaiting tasks: a result, or an error.

use super::error::{TaskError, TaskFailure};
use super::handle::{AnyTask, Task};
use super::words::{Enough, Tag, Word, forget, gather, is_watched, sort};
use crate::message::{Message, Term};
use crate::process::scan::Scan;
use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

/// The await of a task with a time of its own, from [`Task::timeout`].
#[must_use = "nothing is awaited before `.await`"]
#[derive(Debug)]
pub struct Await<T> {
    task: Task<T>,
    timeout: Option<Duration>,
}

impl<T> Await<T> {
    pub(super) fn new(task: Task<T>, timeout: Option<Duration>) -> Await<T> {
        Await { task, timeout }
    }
}

impl<T: Term> IntoFuture for Await<T> {
    type Output = Result<T, TaskError>;
    type IntoFuture = Awaiting<T>;

    fn into_future(self) -> Awaiting<T> {
        Awaiting {
            any: AwaitAny {
                task: self.task.any(),
                tag: Task::<T>::TAG,
                timeout: self.timeout,
                looks: None,
            },
            _output: PhantomData,
        }
    }
}

/// The await of a task under way: resolves to its result, with the errors and the cancel safety of the
/// [task](Task#errors-of-the-await).
#[must_use = "nothing is awaited before it is polled"]
pub struct Awaiting<T> {
    any: AwaitAny,
    _output: PhantomData<fn() -> T>,
}

impl<T: Term> Future for Awaiting<T> {
    type Output = Result<T, TaskError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.any.poll(context).map(|reply| reply.map(Task::value))
    }
}

/// The await of a task, whatever its result is.
struct AwaitAny {
    task: AnyTask,
    tag: Tag,
    timeout: Option<Duration>,
    /// How it looks for the word of the task, once it does; and whether that is watched.
    looks: Option<(Scan, bool)>,
}

impl AwaitAny {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<Message, TaskError>> {
        let task = self.task;
        let (scan, is_watched) = match &mut self.looks {
            Some(looks) => looks,
            None => {
                task.check_owner("await")?;
                self.looks.insert(look(task, self.timeout))
            }
        };
        let cause = loop {
            let Some(message) = ready!(Pin::new(&mut scan.next()).poll(context)) else {
                break match is_watched {
                    true => TaskFailure::Timeout(self.timeout.unwrap_or_default()),
                    false => TaskFailure::Handled,
                };
            };
            match sort(self.tag, message, |monitor| monitor == task.monitor) {
                Ok((_, Word::Reply(message))) => {
                    self.looks = None;
                    forget(task.monitor);
                    return Poll::Ready(Ok(message));
                }
                Ok((_, Word::Down(reason))) => break TaskFailure::Exit(reason),
                Err(message) => scan.keep(message),
            }
        };
        self.looks = None;
        forget(task.monitor);
        Poll::Ready(Err(task.error("await", cause)))
    }
}

/// What a task that is not watched any more had to say is here, or was taken: there is nothing to wait for.
fn look(task: AnyTask, timeout: Option<Duration>) -> (Scan, bool) {
    let is_watched = is_watched(task.monitor);
    let timeout = if is_watched { timeout } else { Some(Duration::ZERO) };
    (Scan::new(timeout), is_watched)
}

/// Waits for all of the tasks, and gives their results in the order of the tasks.
///
/// It waits 5 seconds for all of them together, unless [`timeout`](AwaitMany::timeout) says otherwise.
///
/// ```
/// # crabtree::run(async {
/// use crabtree::prelude::*;
/// use crabtree::task;
///
/// let squares = (1..=4).map(|n| task::async_(async move { n * n }));
/// assert_eq!(task::await_many(squares).await?, [1, 4, 9, 16]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
///
/// # Errors
/// [`TaskError`] of the first task that ends without a result, at once; or when the time is over. None of the tasks is
/// watched any more then.
///
/// # Cancel safety
/// Results that came are lost when the future is dropped.
pub fn await_many<T: Term>(tasks: impl IntoIterator<Item = Task<T>>) -> AwaitMany<T> {
    AwaitMany {
        tasks: tasks.into_iter().map(|task| task.any()).collect(),
        timeout: Some(super::DEFAULT_TIMEOUT),
        _output: PhantomData,
    }
}

/// The await of several tasks: `.await` it.
#[must_use = "nothing is awaited before `.await`"]
#[derive(Debug)]
pub struct AwaitMany<T> {
    tasks: Vec<AnyTask>,
    timeout: Option<Duration>,
    _output: PhantomData<fn() -> T>,
}

impl<T> AwaitMany<T> {
    /// Waits so long at most; with `None` for ever.
    pub fn timeout(mut self, timeout: impl Into<Option<Duration>>) -> AwaitMany<T> {
        self.timeout = timeout.into();
        self
    }
}

impl<T: Term> IntoFuture for AwaitMany<T> {
    type Output = Result<Vec<T>, TaskError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let replies = await_all(Task::<T>::TAG, &self.tasks, self.timeout).await?;
            Ok(replies.into_iter().map(Task::value).collect())
        })
    }
}

/// The results of all tasks, or the first failure.
async fn await_all(tag: Tag, tasks: &[AnyTask], timeout: Option<Duration>) -> Result<Vec<Message>, TaskError> {
    const FUNCTION: &str = "await_many";
    for task in tasks {
        task.check_owner(FUNCTION)?;
    }
    let enough = Enough {
        count: tasks.len(),
        any_down: true,
    };
    let heard = gather(tag, tasks, timeout, enough).await;
    if let Some((task, Word::Down(reason))) = tasks.iter().zip(&heard).find_map(|(task, heard)| match &heard.word {
        Some(word @ Word::Down(_)) => Some((task, word)),
        _ => None,
    }) {
        let error = task.error(FUNCTION, TaskFailure::Exit(reason.clone()));
        tasks.iter().for_each(|task| forget(task.monitor));
        return Err(error);
    }
    let mut replies = Vec::with_capacity(tasks.len());
    let mut late = None;
    for (task, heard) in tasks.iter().zip(heard) {
        match heard.word {
            Some(Word::Reply(message)) => replies.push(message),
            _ => {
                late.get_or_insert((*task, heard.watched));
            }
        }
    }
    let Some((task, was_watched)) = late else {
        return Ok(replies);
    };
    tasks.iter().for_each(|task| forget(task.monitor));
    Err(task.error(
        FUNCTION,
        match was_watched {
            true => TaskFailure::Timeout(timeout.unwrap_or_default()),
            false => TaskFailure::Handled,
        },
    ))
}
