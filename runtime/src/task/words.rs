//! What tasks say to their owner, and how it is found in the mailbox.
//!
//! Nothing here knows the type of a result, so that it is compiled once.

use super::handle::AnyTask;
use crate::ExitReason;
use crate::message::Message;
use crate::pid::MonitorRef;
use crate::process::delivery::send_signal;
use crate::process::few::Few;
use crate::process::scan::Scan;
use crate::process::signal::Signal;
use crate::process::state::Answer;
use crate::process::{Down, current};
use std::time::Duration;

/// The reference in a message, if it is the result of a task of the type in question.
pub(super) type Tag = fn(&Message) -> Option<MonitorRef>;

/// The last word of a task.
pub(super) enum Word {
    Reply(Message),
    Down(ExitReason),
}

/// When to stop gathering.
#[derive(Clone, Copy)]
pub(super) struct Enough {
    /// So many words are enough.
    pub(super) count: usize,
    /// One task without a result is enough, too.
    pub(super) any_down: bool,
}

/// What was heard of a task.
pub(super) struct Heard {
    pub(super) word: Option<Word>,
    /// Whether the task was still watched when the gathering began.
    pub(super) watched: bool,
}

/// The first word of each task, as far as they come within the time.
///
/// # Cancel safety
/// Words that came are lost when it is dropped: those of one task never, for then it is done.
pub(super) async fn gather(tag: Tag, tasks: &[AnyTask], timeout: Option<Duration>, enough: Enough) -> Vec<Heard> {
    let unheard = |task: &AnyTask| Heard {
        word: None,
        watched: is_watched(task.monitor),
    };
    let mut heard: Vec<Heard> = tasks.iter().map(unheard).collect();
    // The places of those whose word did not come yet.
    let mut missing: Few<MonitorRef, usize> = Few::default();
    for (place, task) in tasks.iter().enumerate() {
        missing.insert(task.monitor, place);
    }
    // What a task that is not watched any more had to say is here, or was taken: there is nothing to wait for.
    let mut watched = missing.values().filter(|place| heard[**place].watched).count();
    let at_once = Some(Duration::ZERO);
    let mut scan = Scan::new(if watched > 0 { timeout } else { at_once });
    let mut count = 0;
    while count < enough.count && !missing.is_empty() {
        let Some(message) = scan.next().await else { break };
        let (monitor, word) = match sort(tag, message, |monitor| missing.contains_key(&monitor)) {
            Ok(sorted) => sorted,
            Err(message) => {
                scan.keep(message);
                continue;
            }
        };
        let Some(place) = missing.remove(&monitor) else {
            continue;
        };
        let found = &mut heard[place];
        let is_down = matches!(word, Word::Down(_));
        found.word = Some(word);
        count += 1;
        if is_down && enough.any_down {
            break;
        }
        watched -= usize::from(found.watched);
        if found.watched && watched == 0 && !missing.is_empty() {
            scan = Scan::new(at_once);
        }
    }
    drop(scan);
    for (task, heard) in tasks.iter().zip(&heard) {
        if heard.word.is_some() {
            forget(task.monitor);
        }
    }
    heard
}

/// A message as the word of a wanted task.
///
/// # Errors
/// Gives it back when it is another message.
pub(super) fn sort(
    tag: Tag,
    message: Message,
    wanted: impl Fn(MonitorRef) -> bool,
) -> Result<(MonitorRef, Word), Message> {
    if let Some(monitor) = tag(&message).filter(|monitor| wanted(*monitor)) {
        return Ok((monitor, Word::Reply(message)));
    }
    match message.downcast_ref::<Down>().filter(|down| wanted(down.monitor)) {
        Some(down) => Ok((down.monitor, Word::Down(down.reason.clone()))),
        None => Err(message),
    }
}

/// The word of a task that is in the mailbox now; a result before an end.
pub(super) fn take(tag: Tag, monitor: MonitorRef) -> Option<Word> {
    if let Some(message) = extract(|message| tag(message) == Some(monitor)) {
        return Some(Word::Reply(message));
    }
    let down: Down = extract(|message| is_down(message, monitor))?.downcast().ok()?;
    Some(Word::Down(down.reason))
}

/// Whether the end of the task is still to come.
pub(super) fn is_watched(monitor: MonitorRef) -> bool {
    let owner = current::expect("a task");
    let watched = owner.record.update(owner.pid, |state| {
        let relations = state.relations();
        relations.is_some_and(|relations| relations.monitors.contains_key(&monitor.0))
    });
    watched.unwrap_or_default()
}

/// Watches a task no longer: neither a result nor a [`Down`] comes from here on. A `Down` that has come is taken out.
pub(super) fn forget(monitor: MonitorRef) {
    let owner = current::expect("a task");
    let forgotten = owner.record.update(owner.pid, |state| {
        let relations = state.relations_mut();
        let alias: Option<Answer> = relations.calls.remove(&monitor.0);
        let watched = relations.monitors.remove(&monitor.0);
        // Of what is watched still, no end has come.
        let down = match watched {
            Some(_) => None,
            None => state.inbox.extract(|message| is_down(message, monitor)),
        };
        (watched, alias, down)
    });
    if let Some((Some(pid), ..)) = forgotten {
        send_signal(pid, Signal::Demonitor { monitor: monitor.0 });
    }
}

fn is_down(message: &Message, monitor: MonitorRef) -> bool {
    let down: Option<&Down> = message.downcast_ref();
    down.is_some_and(|down| down.monitor == monitor)
}

fn extract(wanted: impl Fn(&Message) -> bool) -> Option<Message> {
    let owner = current::expect("a task");
    owner.record.update(owner.pid, |state| state.inbox.extract(wanted))?
}
