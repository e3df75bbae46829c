//! What was traced, as a plain value.

use super::event::{Event, Fate, Handling, Kind, Lane};
use super::fold::{Row, rows};
use super::hooks::called;
use super::recorder::{self, Called, Capture, Recorded};
use crate::pid::{Pid, Ref};
use crate::process::stack::path_of;
use crate::type_name::without_paths;
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;
use tokio::time::Instant;

/// What happened, in order.
///
/// It prints as a list, one line for each event; [`outline`](Trace::outline) is the list without what differs from run to
/// run. A trace is a plain value: what happens afterwards does not change it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Trace {
    /// What happened: no event stands before one that led to it.
    pub events: Vec<Event>,
    /// The processes in `events`, in the order in which they appear there.
    pub lanes: Vec<Lane>,
    /// For how long was traced.
    pub elapsed: Duration,
    /// What was too much.
    pub cut: Cut,
}

/// What is missing in a trace because of its [limits](super::Limits).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cut {
    /// So many events, all of them before the first one that is there.
    pub events: u64,
    /// So many payloads were shortened.
    pub payloads: u64,
}

/// See [`Trace::outcome`].
#[derive(Clone, Copy)]
pub(crate) enum Outcome {
    /// It ended a call, or a start, that long after it began.
    After(Duration),
    /// It would have, but something else had ended it before.
    TooLate(Duration),
    DeadLetter,
    Unread,
}

impl Trace {
    /// The messages among the events: calls, replies, casts and others.
    pub fn messages(&self) -> impl Iterator<Item = &Event> {
        self.events.iter().filter(|event| event.kind.is_message())
    }

    /// The messages that nobody will ever receive: their receivers were not alive or ended before, or the calls that they
    /// answer had ended.
    pub fn dead_letters(&self) -> impl Iterator<Item = &Event> {
        self.events.iter().filter(|event| event.is_dead_letter())
    }

    /// The event with that number; see [`Event::pair`].
    pub fn event(&self, number: u64) -> Option<&Event> {
        let place = self.events.binary_search_by_key(&number, |event| event.number);
        place.ok().map(|place| &self.events[place])
    }

    /// The process in this trace.
    pub fn lane(&self, pid: impl Into<Pid>) -> Option<&Lane> {
        let pid = pid.into();
        self.lanes.iter().find(|lane| lane.pid == pid)
    }

    /// The trace with those events only that are wanted, and the lanes that they need.
    ///
    /// ```
    /// # crabtree::run(async {
    /// use crabtree::prelude::*;
    ///
    /// let (_, trace) = trace::seq((), async { process::link(spawn(async {})) }).await;
    /// let births = trace.filter(|event| event.kind == trace::Kind::Spawn);
    /// assert_eq!(births.events.len(), 1);
    /// # });
    /// ```
    pub fn filter(&self, wanted: impl Fn(&Event) -> bool) -> Trace {
        let events: Vec<Event> = self.events.iter().filter(|event| wanted(event)).cloned().collect();
        let pids = in_order_of_appearance(&events);
        let lanes = pids.into_iter().filter_map(|pid| self.lane(pid).cloned());
        Trace {
            lanes: lanes.collect(),
            events,
            ..*self
        }
    }

    /// The events, and what is repeated folded to one row: see [`Row`].
    pub fn rows(&self) -> Vec<Row<'_>> {
        rows(&self.events)
    }

    /// What became of an event, as far as that is worth a remark beside it.
    pub(crate) fn outcome(&self, event: &Event) -> Option<Outcome> {
        let is_second = matches!(event.kind, Kind::Reply | Kind::Down | Kind::Timeout);
        let first = event.pair.filter(|_| is_second).and_then(|pair| self.event(pair));
        match (first, event.latency, event.fate) {
            (Some(first), Some(latency), _) if first.pair == Some(event.number) => Some(Outcome::After(latency)),
            (Some(_), Some(latency), _) => Some(Outcome::TooLate(latency)),
            (_, _, Some(Fate::DeadLetter)) => Some(Outcome::DeadLetter),
            (_, _, Some(Fate::Unread)) => Some(Outcome::Unread),
            _ => None,
        }
    }

    pub(super) fn of(capture: Capture, caller: Option<Pid>) -> Trace {
        let began = capture.began;
        Trace::since(capture, caller, began)
    }

    pub(super) fn since(capture: Capture, caller: Option<Pid>, began: Instant) -> Trace {
        let since = |at: Instant| at.saturating_duration_since(began);
        let mut events: Vec<Event> = (capture.events.iter()).map(|event| plain(event, &since)).collect();
        pair(&capture, &mut events);
        let payloads = capture.events.iter().filter(|event| event.payload.shortened).count() as u64;
        Trace {
            lanes: lanes(&events, &capture, caller, &since),
            events,
            elapsed: since(Instant::now()),
            cut: Cut {
                events: capture.dropped,
                payloads,
            },
        }
    }
}

fn plain(event: &Recorded, since: &impl Fn(Instant) -> Duration) -> Event {
    let what = event.what;
    Event {
        number: event.number,
        at: since(event.at),
        kind: what.kind,
        from: what.from,
        to: what.to,
        payload: event.payload.text.to_string(),
        type_name: without_paths(&path_of(what.type_name)),
        pair: None,
        latency: None,
        fate: event.fate.map(|fate| match fate {
            recorder::Fate::Sent => Fate::Sent,
            recorder::Fate::Received(at) => Fate::Received(since(at)),
            recorder::Fate::DeadLetter => Fate::DeadLetter,
            recorder::Fate::Unread => Fate::Unread,
        }),
        handling: event.handling.map(|(from, until)| Handling {
            from: since(from),
            until: until.map(since),
        }),
        crash: what.crash,
    }
}

/// Finds the second half of each call and of each awaited spawn.
fn pair(capture: &Capture, events: &mut [Event]) {
    let mut calls: BTreeMap<Ref, usize> = BTreeMap::new();
    let mut downs: BTreeMap<Ref, usize> = BTreeMap::new();
    let mut spawns: HashMap<(Pid, Pid), usize> = HashMap::new();
    for (place, recorded) in capture.events.iter().enumerate() {
        let what = &recorded.what;
        match what.kind {
            Kind::Call => {
                calls.extend(what.reference.map(|call| (call, place)));
                // The server is watched before it is asked: the word that nobody is there comes first.
                if let Some(down) = what.reference.and_then(|call| downs.remove(&call)) {
                    marry(events, place, down);
                }
            }
            Kind::Spawn => {
                spawns.extend(what.from.zip(what.to).map(|parties| (parties, place)));
            }
            Kind::Reply | Kind::Down | Kind::Timeout => {
                let call = what.reference.and_then(|call| calls.get(&call).copied());
                let spawn = || match (what.kind, what.to.zip(what.from)) {
                    (Kind::Reply, Some(parties)) => spawns.remove(&parties),
                    _ => None,
                };
                match (call.or_else(spawn), what.kind, what.reference) {
                    (Some(first), ..) => marry(events, first, place),
                    (None, Kind::Down, Some(reference)) => drop(downs.insert(reference, place)),
                    _ => {}
                }
            }
            _ => {}
        }
    }
}

/// What ends a call first is its pair; what comes later is late, and nobody's.
fn marry(events: &mut [Event], first: usize, second: usize) {
    let latency = Some(events[second].at.saturating_sub(events[first].at));
    events[second].pair = Some(events[first].number);
    events[second].latency = latency;
    if events[first].pair.is_none() {
        events[first].pair = Some(events[second].number);
        events[first].latency = latency;
    } else if events[second].kind == Kind::Reply {
        events[second].fate = Some(Fate::DeadLetter);
    }
}

fn lanes(events: &[Event], capture: &Capture, caller: Option<Pid>, since: &impl Fn(Instant) -> Duration) -> Vec<Lane> {
    let lane = |pid| {
        let Called { name, label } = capture.names.get(&pid).cloned().unwrap_or_default();
        // A label that it has given itself since.
        let label = label.or_else(|| called(pid).label);
        let caller = caller == Some(pid);
        Lane {
            pid,
            name,
            label,
            caller,
            first_wait: capture.first_wait(pid).map(since),
        }
    };
    in_order_of_appearance(events).into_iter().map(lane).collect()
}

fn in_order_of_appearance(events: &[Event]) -> Vec<Pid> {
    let mut known = std::collections::HashSet::new();
    let pids = events.iter().flat_map(|event| [event.from, event.to]).flatten();
    pids.filter(|pid| known.insert(*pid)).collect()
}
