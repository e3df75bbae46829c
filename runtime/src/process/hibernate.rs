//! Hibernation: a process without its future, until a message comes.

use super::current;
use super::origin::Place;
use super::scan::wait;
use super::task::{Body, Run};
use std::convert::Infallible;
use std::future::{Future, pending, poll_fn};
use std::task::Poll;

/// Lets the calling process go to sleep with as little memory as possible. When a message comes it wakes, and runs `next`.
///
/// What it ran until now is dropped, with all its variables: nothing after the `.await` happens. The pid, the mailbox, the
/// links, the name and the dictionary stay. When a message is there already, it wakes at once.
///
/// For processes that keep much and are needed seldom. A server says it with what its callbacks return, and keeps its
/// state: see [`Next::hibernate`](crate::gen_server::Next::hibernate).
///
/// ```
/// # crabtree::run(async {
/// use crabtree::prelude::*;
///
/// async fn wait_for_orders(parent: Pid) {
///     receive! { order: &str => send(parent, format!("{order} is on its way")) }
/// }
///
/// let parent = me();
/// let waiter = spawn(async move {
///     let menu = vec![0_u8; 1_000_000];
///     send(parent, ("ready", menu.len()));
///     process::hibernate(wait_for_orders(parent)).await;
///     unreachable!("the menu is gone, and so is this line");
/// });
/// receive! { ("ready", _): (&str, usize) => () }
/// send(waiter, "tea");
/// receive! { answer: String => assert_eq!(answer, "tea is on its way") }
/// # });
/// ```
///
/// # Panics
/// The future panics outside of a process, and in one whose future belongs to somebody else: the main process of a
/// program, or that of a cell.
#[track_caller]
pub fn hibernate<F>(next: F) -> impl Future<Output = Infallible> + Send
where
    F: Future + Send + 'static,
{
    let place = Place::caller();
    asleep(Box::pin(next), place)
}

async fn asleep(next: Body, place: Place) -> Infallible {
    let process = current::expect("process::hibernate");
    assert!(
        process.record.body_size.get().is_some(),
        "{} cannot hibernate: its future belongs to the program or the cell that runs it; spawn a process for that",
        process.pid
    );
    current::set_next(Box::pin(woken(next, place)));
    pending().await
}

/// Waits until there is a message.
async fn woken(mut next: Body, place: Place) {
    let process = current::expect("process::hibernate");
    poll_fn(|context| {
        let ready = process.record.update(process.pid, |state| {
            let ready = state.inbox.len() > 0;
            if !ready {
                state.shrink();
                wait(state, &process, context, None, place);
            }
            ready
        });
        match ready {
            Some(false) => Poll::Pending,
            _ => Poll::Ready(()),
        }
    })
    .await;
    poll_fn(|context| Run::poll(next.as_mut(), context)).await;
}
