//! What a timeline shows: what every form of it is drawn from.

use std::collections::HashMap;
use std::time::Duration;

use super::super::words::{counted, one_line};
use crate::Pid;
use crate::trace::{Event, Kind, Lane, Trace};

/// Rows in a picture.
const MOST_ROWS: usize = 40;

pub(super) struct Chart {
    pub(super) rows: Vec<Row>,
    pub(super) elapsed: Duration,
    /// What is not drawn.
    pub(super) notes: Vec<String>,
}

/// A process, and those that took its place one after the other.
pub(super) struct Row {
    /// The name, or the pid of the first one.
    pub(super) title: String,
    /// The pids, where the title does not say them. Of more than two: the first, how many between, and the last.
    pub(super) pids: Option<String>,
    pub(super) caller: bool,
    /// In the order of their beginnings. Spans of one process do not overlap.
    pub(super) spans: Vec<Span>,
    /// When a process was there, waiting or not.
    pub(super) lives: Vec<(Duration, Duration)>,
    pub(super) ends: Vec<End>,
}

/// A time in which a process does not wait for messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) from: Duration,
    pub(super) until: Duration,
    pub(super) state: State,
    /// What it is at.
    pub(super) what: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum State {
    /// It awaits the answer to its call.
    Calling,
    Handling,
    /// There is no process, and there will be.
    Restarting,
}

/// A span as it is drawn, together with those that would be drawn on top of it.
pub(super) struct Block<'a> {
    pub(super) span: &'a Span,
    pub(super) from: Duration,
    pub(super) until: Duration,
    /// How many more it stands for.
    pub(super) more: usize,
    /// Whether all of them are too short to be told apart.
    is_short: bool,
}

impl Row {
    /// What to draw where nothing shorter than `shortest` can be seen: spans that are too near to one another to be told
    /// apart are one block.
    pub(super) fn blocks(&self, shortest: Duration) -> Vec<Block<'_>> {
        let mut blocks: Vec<Block<'_>> = Vec::new();
        for span in &self.spans {
            let until = span.until.max(span.from + shortest);
            let is_short = until - span.from <= 2 * shortest && span.state != State::Restarting;
            match blocks.last_mut() {
                Some(last) if is_short && last.is_short && span.from < last.until + shortest / 3 => {
                    last.until = last.until.max(until);
                    last.more += 1;
                }
                _ => blocks.push(Block {
                    span,
                    from: span.from,
                    until,
                    more: 0,
                    is_short,
                }),
            }
        }
        blocks
    }
}

impl Block<'_> {
    pub(super) fn words(&self) -> String {
        match self.more {
            0 => self.span.what.clone(),
            more => format!("{} + {more}", self.span.what),
        }
    }
}

impl State {
    pub(super) const ALL: [State; 3] = [State::Handling, State::Calling, State::Restarting];

    pub(super) fn word(self) -> &'static str {
        match self {
            State::Calling => "awaits an answer",
            State::Handling => "handles",
            State::Restarting => "restarts",
        }
    }
}

/// The end of a process.
pub(super) struct End {
    pub(super) at: Duration,
    pub(super) crash: bool,
    pub(super) reason: String,
}

impl Chart {
    pub(super) fn new(trace: &Trace) -> Chart {
        let mut events: HashMap<Pid, Vec<&Event>> = HashMap::new();
        for event in &trace.events {
            let parties = [event.from, event.to.filter(|to| event.from != Some(*to))];
            for pid in parties.into_iter().flatten() {
                events.entry(pid).or_default().push(event);
            }
        }
        let lives: Vec<Life<'_>> = (trace.lanes.iter())
            .map(|lane| Life::new(trace, lane, events.get(&lane.pid).map_or(&[], Vec::as_slice)))
            .collect();
        let mut notes = Vec::new();
        if trace.cut.events > 0 {
            let events = counted(trace.cut.events as usize, "event");
            notes.push(format!("{events} before were not kept"));
        }
        let mut rows = rows(&lives, trace.elapsed);
        if rows.len() > MOST_ROWS {
            let more = rows.len() - MOST_ROWS;
            notes.push(format!(
                "{} more not drawn",
                if more == 1 {
                    "1 process".into()
                } else {
                    format!("{more} processes")
                }
            ));
            rows.truncate(MOST_ROWS);
        }
        if rows.is_empty() {
            notes.push("no events".to_owned());
        }
        Chart {
            rows,
            elapsed: trace.elapsed,
            notes,
        }
    }

    /// The timeline in one sentence, for those who do not see the picture.
    pub(super) fn summary(&self) -> String {
        let processes = match self.rows.len() {
            1 => "1 process".to_owned(),
            rows => format!("{rows} processes"),
        };
        let mut summary = format!("Timeline of {processes} in {:.1?}", self.elapsed);
        for row in &self.rows {
            let crashes = row.ends.iter().filter(|end| end.crash).count();
            let restarts = row.spans.iter().filter(|span| span.state == State::Restarting).count();
            for (number, word) in [(crashes, "crashed"), (restarts, "restarted")] {
                if number > 0 {
                    summary.push_str(&format!("; {} {word} {}", row.title, counted(number, "time")));
                }
            }
        }
        summary
    }
}

/// One process.
struct Life<'a> {
    lane: &'a Lane,
    parent: Option<Pid>,
    runs: Option<&'a str>,
    /// From when until when it lived; `None` when it did not while it was traced.
    lived: Option<(Duration, Duration)>,
    end: Option<End>,
    /// Who received its end as a message, and when they were at that.
    told: Vec<(Pid, Duration, Duration)>,
    spans: Vec<Span>,
}

impl<'a> Life<'a> {
    /// `events` are those that the process has to do with.
    fn new(trace: &'a Trace, lane: &'a Lane, events: &[&'a Event]) -> Life<'a> {
        let pid = lane.pid;
        let is_own = |event: &&&Event| event.from == Some(pid);
        let spawn = (events.iter()).find(|event| event.kind == Kind::Spawn && event.to == Some(pid));
        let exited = events.iter().filter(is_own).find(|event| event.kind == Kind::Exited);
        // Of those who are not traced themselves, the end is told by who watches them.
        let down = events.iter().filter(is_own).find(|event| event.kind == Kind::Down);
        let ended = exited.or(down);
        let end = ended.map(|event| End {
            at: event.at,
            crash: event.crash,
            reason: one_line(&event.payload),
        });
        let told = (events.iter().filter(is_own))
            .filter(|event| event.kind == Kind::Exit && exited.is_some_and(|exited| exited.number < event.number))
            .filter_map(|event| {
                let handling = event.handling?;
                Some((event.to?, handling.from, handling.until.unwrap_or(trace.elapsed)))
            });
        let is_alive = |event: &&&Event| match event.from == Some(pid) {
            true => event.kind != Kind::Down,
            false => event.handling.is_some() || !event.is_dead_letter() && event.kind.is_message(),
        };
        let was_alive = lane.first_wait.is_some() || events.iter().any(|event| is_alive(&event));
        let until = end.as_ref().map_or(trace.elapsed, |end| end.at);
        let lived = was_alive.then(|| (spawn.map_or(Duration::ZERO, |spawn| spawn.at), until));
        let mut life = Life {
            lane,
            parent: spawn.and_then(|spawn| spawn.from),
            runs: spawn.map(|spawn| spawn.type_name.as_str()),
            lived,
            end,
            told: told.collect(),
            spans: Vec::new(),
        };
        if let Some(lived) = lived {
            let busy = life.busy(events, lived);
            life.spans = around(&calls(trace, pid, events, lived.1), busy);
        }
        life
    }

    /// When the process was at something.
    fn busy(&self, events: &[&Event], (born, until): (Duration, Duration)) -> Vec<Span> {
        let pid = self.lane.pid;
        let handled = events.iter().filter(|event| event.to == Some(pid));
        let mut busy: Vec<Span> = handled
            .filter_map(|event| {
                let handling = event.handling?;
                Some(Span {
                    from: handling.from.min(until),
                    until: handling.until.unwrap_or(until).min(until),
                    state: State::Handling,
                    what: match event.kind {
                        Kind::Spawn => "starts".to_owned(),
                        kind => one_line(format!("{kind} {}", event.payload).trim_end()),
                    },
                })
            })
            .collect();
        busy.sort_by_key(|span| span.from);
        // What it did before it received anything, or waited, belongs to something that began before the trace.
        let first = busy.first().map_or(until, |span| span.from);
        let own = (events.iter()).find(|event| event.from == Some(pid) && event.kind != Kind::Exited);
        let works = |at: Duration| at < first;
        let begins = self.lane.first_wait.or(own.map(|event| event.at)).is_some_and(works);
        if self.parent.is_none() && (begins || self.lane.caller) {
            let until = self.lane.first_wait.unwrap_or(first).min(first);
            let span = Span {
                from: born,
                until,
                state: State::Handling,
                what: "its own work".to_owned(),
            };
            busy.insert(0, span);
        }
        busy
    }
}

/// When a process awaited answers. Calls that it made at the same time are one span.
fn calls(trace: &Trace, pid: Pid, events: &[&Event], until: Duration) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    for event in events {
        if event.kind != Kind::Call || event.from != Some(pid) {
            continue;
        }
        let to = event
            .to
            .and_then(|to| trace.lane(to))
            .map(Lane::to_string)
            .unwrap_or_default();
        let end = event.latency.map_or(until, |latency| event.at + latency).min(until);
        match spans.last_mut() {
            Some(last) if event.at < last.until => last.until = last.until.max(end),
            _ => spans.push(Span {
                from: event.at,
                until: end,
                state: State::Calling,
                what: one_line(format!("CALL {to} {}", event.payload).trim_end()),
            }),
        }
    }
    spans
}

/// Both, in order: where a call is awaited, nothing else is drawn.
fn around(calls: &[Span], busy: Vec<Span>) -> Vec<Span> {
    let mut spans = calls.to_vec();
    for span in busy {
        let mut rest = span.clone();
        let mut is_cut = false;
        let overlapping = calls
            .iter()
            .filter(|call| call.until > span.from && call.from < span.until);
        for call in overlapping {
            is_cut = true;
            if call.from > rest.from {
                spans.push(Span {
                    until: call.from,
                    ..rest.clone()
                });
            }
            rest.from = rest.from.max(call.until);
        }
        if !is_cut || rest.from < rest.until {
            spans.push(rest);
        }
    }
    spans.sort_by_key(|span| (span.from, span.until));
    spans
}

/// Puts processes that replaced one another into one row.
fn rows(lives: &[Life<'_>], elapsed: Duration) -> Vec<Row> {
    let mut chains: Vec<Vec<usize>> = Vec::new();
    for (place, life) in lives.iter().enumerate() {
        let chain = chains.iter_mut().find(|chain| {
            let last = chain.last().expect("a chain has a process at least");
            life.replaces(&lives[*last])
        });
        match chain {
            Some(chain) => chain.push(place),
            None => chains.push(vec![place]),
        }
    }
    let row = |chain: &Vec<usize>| row(&chain.iter().map(|place| &lives[*place]).collect::<Vec<_>>(), elapsed);
    chains.iter().map(row).collect()
}

impl Life<'_> {
    /// Whether it is there in place of the other one: under the same name; or without a name, and started for the same by who
    /// was told that the other one has ended, because of that.
    fn replaces(&self, other: &Life<'_>) -> bool {
        let (Some((born, _)), Some(end)) = (self.lived, &other.end) else {
            return false;
        };
        let is_later = end.at <= born;
        let is_same = match (self.lane.called(), other.lane.called()) {
            (Some(name), Some(before)) => name == before,
            (None, None) => {
                let is_answer = |&(who, from, until): &(Pid, Duration, Duration)| {
                    Some(who) == self.parent && (from..=until).contains(&born)
                };
                other.told.iter().any(is_answer) && (other.runs.is_none() || self.runs == other.runs)
            }
            _ => false,
        };
        is_later && is_same
    }
}

fn row(lives: &[&Life<'_>], elapsed: Duration) -> Row {
    let first = lives.first().expect("a chain has a process at least").lane;
    let is_named = first.called().is_some() || first.caller;
    let pids: Vec<String> = lives.iter().map(|life| life.lane.pid.to_string()).collect();
    let mut row = Row {
        title: one_line(&first.to_string()),
        pids: match pids.as_slice() {
            [] | [_] if !is_named => None,
            [first, middle @ .., last] if !middle.is_empty() => Some(format!("{first} ↻ {} ↻ {last}", middle.len())),
            [_, last] if !is_named => Some(format!("↻ {last}")),
            pids => Some(pids.join(" ↻ ")),
        },
        caller: first.caller,
        spans: Vec::new(),
        lives: Vec::new(),
        ends: Vec::new(),
    };
    for (place, life) in lives.iter().enumerate() {
        row.spans.extend(life.spans.iter().cloned());
        row.lives.extend(life.lived);
        let Some(end) = &life.end else { continue };
        row.ends.push(End {
            at: end.at,
            crash: end.crash,
            reason: end.reason.clone(),
        });
        if let Some((born, _)) = lives.get(place + 1).and_then(|next| next.lived) {
            row.spans.push(Span {
                from: end.at,
                until: born.min(elapsed),
                state: State::Restarting,
                what: format!("after {}", end.reason),
            });
        }
    }
    row
}
