//! Timers: deadlines of processes and messages sent later, on one wheel per tokio runtime.
//!
//! A process has at most one alarm, for its nearest deadline; when the deadline moves away the alarm stays and is
//! early, which costs one look at the clock. So a call with a timeout seldom touches the wheel.
//!
//! A [`TimerRef`] says where its timer is: on which wheel, and at which place of it. The timers to a process are a group on
//! each wheel, and the process knows its groups, so that its end takes them back.
//!
//! The wheel follows tokio's clock, so that a paused clock in a test pauses processes too.
//!
//! # Invariants
//! 1. A timer to a process is set under the lock of the process's record, which is taken before that of a wheel, and only
//!    while the process is alive: its end finds all of them.
//! 2. No value of a user is dropped under a lock, nor delivered.

mod driver;
mod wheel;

use crate::destination::{Destination, Target};
use crate::message::{About, Message};
use crate::name::Name;
use crate::node::node;
use crate::pid::{Pid, TimerRef};
use crate::process::delivery::deliver_all;
use crate::reason::quietly;
use driver::Timers;
pub(crate) use driver::Wheels;
use std::iter;
use std::time::Duration;
use tokio::time::Instant;

/// What is farther ahead is taken to be this far: a thousand years.
const FAR: Duration = Duration::from_secs(1000 * 365 * 24 * 3600);

/// What happens when a time has come.
pub(crate) enum Event {
    Wake(Pid),
    Send(Pid, Message),
    /// To a name, which is looked up then.
    SendTo(Box<(Name, Message)>),
}

/// Lets events happen whose time has come, in their order. Those that send to one process one after the other arrive together.
fn happen(events: &mut Vec<Event>) {
    let mut events = events.drain(..).peekable();
    while let Some(event) = events.next() {
        // Nobody may be there to take a message: then it is dropped here, and may panic.
        quietly(|| match event {
            Event::Wake(pid) => {
                if let Some(record) = node().table.get(pid) {
                    record.alarm(pid);
                }
            }
            Event::Send(to, first) => {
                let more = iter::from_fn(|| match events.next_if(|event| event.receiver() == Some(to))? {
                    Event::Send(_, message) => Some(message),
                    Event::Wake(_) | Event::SendTo(_) => None,
                });
                deliver_all(to, iter::once(first).chain(more));
            }
            Event::SendTo(letter) => {
                let (name, message) = *letter;
                drop(name.deliver(message));
            }
        });
    }
}

impl Event {
    /// The process to which it sends.
    fn receiver(&self) -> Option<Pid> {
        match self {
            Event::Send(to, _) => Some(*to),
            Event::Wake(_) | Event::SendTo(_) => None,
        }
    }
}

/// What waits for a process, on all wheels.
#[derive(Default)]
pub(crate) struct OfProcess {
    alarm: Option<Alarm>,
    /// The timers to it: a group on each wheel that has had some.
    groups: Vec<TimerRef>,
}

struct Alarm {
    timer: TimerRef,
    at: Instant,
}

impl OfProcess {
    /// Has the process `me`, whose state this belongs to, woken at the deadline, or before.
    #[inline]
    pub(crate) fn wake_by(&mut self, deadline: Instant, me: Pid) {
        if self.alarm.as_ref().is_none_or(|alarm| alarm.at > deadline) {
            self.set_alarm(deadline, me);
        }
    }

    #[inline(never)]
    fn set_alarm(&mut self, deadline: Instant, me: Pid) {
        let timer = Timers::insert(deadline, &mut Some(Event::Wake(me)), None);
        let alarm = Alarm { timer, at: deadline };
        if let Some(before) = self.alarm.replace(alarm) {
            Timers::remove(before.timer);
        }
    }

    /// The alarm has rung. Says whether anything is left.
    pub(crate) fn rang(&mut self) -> bool {
        self.alarm = None;
        !self.groups.is_empty()
    }

    /// Takes everything back, and returns what was to be sent.
    pub(crate) fn end(self) -> Vec<Event> {
        if let Some(alarm) = self.alarm {
            Timers::remove(alarm.timer);
        }
        let mut unsent = Vec::new();
        for group in self.groups {
            Timers::remove_group(group, &mut unsent);
        }
        unsent
    }
}

/// Sends `message` later. To a process that is not alive no timer is set.
pub(crate) fn send_after(to: Target, mut message: Message, after: Duration) -> TimerRef {
    let at = Instant::now() + after.min(FAR);
    let receiver = match to {
        Target::Pid(pid) => pid,
        Target::Alias(alias) => {
            message.header_mut().set_about(About::Answer {
                alias: alias.id,
                ends_monitor: false,
            });
            alias.owner
        }
        Target::Name(name) => {
            let event = Event::SendTo(Box::new((name, message)));
            return Timers::insert(at, &mut Some(event), None);
        }
    };
    let mut event = Some(Event::Send(receiver, message));
    let record = node().table.get(receiver);
    let timer = record.and_then(|record| {
        record.change(receiver, |state| {
            Timers::insert(at, &mut event, Some(state.timers_mut()))
        })
    });
    timer.unwrap_or_else(TimerRef::over)
}

/// How much time a timer has left; `None` when it fired, was cancelled, or never was.
pub(crate) fn read(timer: TimerRef) -> Option<Duration> {
    Some(left(Timers::due(timer)?))
}

/// Takes a timer back; says what [`read`] would have said.
pub(crate) fn cancel(timer: TimerRef) -> Option<Duration> {
    let (unsent, due) = Timers::remove(timer)?;
    drop(unsent);
    Some(left(due))
}

fn left(due: Instant) -> Duration {
    due.saturating_duration_since(Instant::now())
}

/// How much waits on all wheels, and how much of it can be cancelled.
pub(crate) fn count() -> (usize, usize) {
    Timers::count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_takes_three_words() {
        assert_eq!(size_of::<Option<Event>>(), 3 * size_of::<usize>());
    }
}
