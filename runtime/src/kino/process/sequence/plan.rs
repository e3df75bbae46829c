//! What a picture of a sequence shows, in order: what every form of it is drawn from.

use std::collections::HashSet;
use std::fmt::Write;
use std::time::Duration;

use super::super::canvas::INFALLIBLE;
use super::super::words::{counted, one_line};
use crate::trace::{Event, Kind, Lane, Outcome, Row, Trace};

/// Processes in a picture.
const MOST_LANES: usize = 40;

/// Lines in a picture: so many from the beginning, and so many from the end. A frame takes two. With these, no picture is
/// higher than 20 000 pixels.
const MOST_FIRST: usize = 350;
const MOST_LAST: usize = 150;

/// What is drawn.
pub(super) struct Plan<'a> {
    trace: &'a Trace,
    pub(super) lanes: Vec<&'a Lane>,
    pub(super) steps: Vec<Step<'a>>,
    /// What is not drawn, or not whole.
    pub(super) notes: Vec<String>,
}

pub(super) enum Step<'a> {
    Event(Said<'a>),
    /// From here to the `End`, so many times.
    Repeat(usize),
    End,
    /// Here something is missing.
    Gap(String),
}

/// An event in its place.
pub(super) struct Said<'a> {
    pub(super) event: &'a Event,
    /// Places in the list of lanes. An event of one process has no `to`.
    pub(super) from: Option<usize>,
    pub(super) to: Option<usize>,
    pub(super) times: usize,
    pub(super) remark: Option<Remark>,
}

/// What became of an event.
pub(super) struct Remark {
    pub(super) text: String,
    pub(super) tone: Tone,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    Calm,
    Warning,
    Lost,
}

/// Links, monitors and names.
pub(super) fn is_relation(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Link | Kind::Unlink | Kind::Monitor | Kind::Demonitor | Kind::Register | Kind::Unregister
    )
}

pub(super) fn relations_left_out(number: usize) -> String {
    format!("{} of links, monitors and names left out", counted(number, "event"))
}

impl<'a> Plan<'a> {
    /// `left_out` says how many events were taken out of the trace before.
    pub(super) fn new(trace: &'a Trace, left_out: usize) -> Plan<'a> {
        let rows = Rows::of(trace);
        let mut plan = Plan {
            trace,
            lanes: rows.lanes(trace),
            steps: Vec::new(),
            notes: Vec::new(),
        };
        let mut elsewhere = 0;
        if trace.cut.events > 0 {
            plan.gap(format!(
                "{} before were not kept",
                counted(trace.cut.events as usize, "event")
            ));
        }
        for &(start, ref row) in &rows.first {
            elsewhere += plan.row(start, row);
        }
        if rows.between > 0 {
            plan.gap(format!("{} between are not drawn", counted(rows.between, "event")));
        }
        for &(start, ref row) in &rows.last {
            elsewhere += plan.row(start, row);
        }
        if trace.events.is_empty() {
            plan.notes.push("no events".to_owned());
        }
        if elsewhere > 0 {
            let processes = trace.lanes.len() - plan.lanes.len();
            let (events, processes) = (counted(elsewhere, "event"), counted_processes(processes));
            plan.notes.push(format!("{events} of {processes} more not drawn"));
        }
        if left_out > 0 {
            plan.notes.push(relations_left_out(left_out));
        }
        plan
    }

    fn gap(&mut self, text: String) {
        self.steps.push(Step::Gap(text));
    }

    /// Adds a row that begins at that event of the trace. Gives how many events it left out, for they concern others
    /// than the lanes.
    fn row(&mut self, start: usize, row: &Row<'a>) -> usize {
        let said: Option<Vec<Said<'a>>> = (row.events.iter().enumerate())
            .map(|(place, event)| self.said(start + place, event, row))
            .collect();
        let Some(said) = said else {
            return row.events.len() * row.times;
        };
        let is_frame = row.events.len() > 1;
        if is_frame {
            self.steps.push(Step::Repeat(row.times));
        }
        self.steps.extend(said.into_iter().map(Step::Event));
        if is_frame {
            self.steps.push(Step::End);
        }
        0
    }

    /// `None` when it concerns a process that has no lane.
    fn said(&self, place: usize, event: &'a Event, row: &Row<'a>) -> Option<Said<'a>> {
        let lane = |pid| match pid {
            None => Some(None),
            Some(pid) => self.lanes.iter().position(|lane| lane.pid == pid).map(Some),
        };
        let to = match event.kind {
            // Nothing goes there.
            Kind::Timeout => None,
            _ => event.to,
        };
        let alike = self.trace.events[place..]
            .iter()
            .step_by(row.events.len())
            .take(row.times);
        let latencies = alike.filter_map(|event| event.latency);
        let is_frame = row.events.len() > 1;
        Some(Said {
            event,
            from: lane(event.from)?,
            to: lane(to)?,
            times: if is_frame { 1 } else { row.times },
            remark: self.remark(event, latencies),
        })
    }

    fn remark(&self, event: &Event, latencies: impl Iterator<Item = Duration>) -> Option<Remark> {
        let latency = || {
            let (least, most) = latencies.fold((Duration::MAX, Duration::ZERO), |(least, most), latency| {
                (least.min(latency), most.max(latency))
            });
            match least == most {
                true => format!("after {least:.1?}"),
                false => format!("after {least:.1?} – {most:.1?}"),
            }
        };
        let (text, tone) = match self.trace.outcome(event) {
            Some(Outcome::After(_)) => (latency(), Tone::Calm),
            Some(Outcome::TooLate(_)) => (format!("too late, {}", latency()), Tone::Warning),
            Some(Outcome::DeadLetter) => ("dead letter".to_owned(), Tone::Lost),
            Some(Outcome::Unread) => ("unread".to_owned(), Tone::Warning),
            None if event.crash && event.kind == Kind::Exited => ("crash".to_owned(), Tone::Lost),
            None => return None,
        };
        Some(Remark { text, tone })
    }

    /// The sequence in one sentence, for those who do not see the picture.
    pub(super) fn summary(&self) -> String {
        let events = &self.trace.events;
        let mut summary = format!(
            "Sequence of {} between {} in {:.1?}",
            counted(events.len(), "event"),
            counted_processes(self.trace.lanes.len()),
            self.trace.elapsed,
        );
        let count = |is: &dyn Fn(&Event) -> bool| events.iter().filter(|event| is(event)).count();
        let told = [
            (count(&|event| event.kind == Kind::Call), "call"),
            (count(&|event| event.kind == Kind::Cast), "cast"),
            (count(&|event| event.kind == Kind::Spawn), "spawn"),
            (count(&|event| event.kind == Kind::Timeout), "timeout"),
            (
                count(&|event| event.kind == Kind::Exited && event.crash),
                "crashed process",
            ),
            (count(&Event::is_dead_letter), "lost message"),
        ];
        for (number, noun) in told {
            match (number, noun) {
                (0, _) => {}
                (2.., "crashed process") => write!(summary, "; {number} crashed processes").expect(INFALLIBLE),
                _ => write!(summary, "; {}", counted(number, noun)).expect(INFALLIBLE),
            }
        }
        summary
    }
}

impl Said<'_> {
    /// What was said, on one line: the value, the reason, or what was spawned.
    pub(super) fn what(&self) -> String {
        one_line(match self.event.kind {
            Kind::Spawn if self.event.payload.is_empty() => &self.event.type_name,
            _ => &self.event.payload,
        })
    }

    /// Whether the line of the new process begins here.
    pub(super) fn is_birth(&self) -> bool {
        self.event.kind == Kind::Spawn && self.from.is_some()
    }
}

fn counted_processes(number: usize) -> String {
    match number {
        1 => "1 process".to_owned(),
        _ => format!("{number} processes"),
    }
}

/// The list of a long trace, for where it is shown beside its picture.
pub(super) fn without_the_middle(text: String) -> String {
    let lines: Vec<&str> = text.lines().collect();
    match lines.len().checked_sub(MOST_FIRST + MOST_LAST) {
        None | Some(0) => text,
        Some(between) => {
            let note = format!("({} between; to_text() has them all)", counted(between, "line"));
            let (first, last) = (&lines[..MOST_FIRST], &lines[MOST_FIRST + between..]);
            [first, &[&note], last].concat().join("\n")
        }
    }
}

/// The rows that are drawn, each with the place of its first event in the trace.
struct Rows<'a> {
    first: Vec<(usize, Row<'a>)>,
    /// How many events stand between.
    between: usize,
    last: Vec<(usize, Row<'a>)>,
}

impl<'a> Rows<'a> {
    fn of(trace: &'a Trace) -> Rows<'a> {
        let mut start = 0;
        let mut rows: Vec<(usize, Row<'a>)> = Vec::new();
        for row in trace.rows() {
            let next = start + row.events.len() * row.times;
            rows.push((start, row));
            start = next;
        }
        if rows.iter().map(|(_, row)| lines(row)).sum::<usize>() <= MOST_FIRST + MOST_LAST {
            let (between, last) = (0, Vec::new());
            return Rows {
                first: rows,
                between,
                last,
            };
        }
        let first = fitting(rows.iter(), MOST_FIRST);
        let last = fitting(rows[first..].iter().rev(), MOST_LAST);
        let last = rows.split_off(rows.len() - last);
        let between = rows[first..].iter().map(|(_, row)| row.events.len() * row.times).sum();
        rows.truncate(first);
        Rows {
            first: rows,
            between,
            last,
        }
    }

    /// The processes of the rows, in the order of the trace, as many as are drawn.
    fn lanes(&self, trace: &'a Trace) -> Vec<&'a Lane> {
        let events = self.first.iter().chain(&self.last).flat_map(|(_, row)| row.events);
        let pids: HashSet<_> = events.flat_map(|event| [event.from, event.to]).flatten().collect();
        let lanes = trace.lanes.iter().filter(|lane| pids.contains(&lane.pid));
        lanes.take(MOST_LANES).collect()
    }
}

/// How many lines a row takes.
fn lines(row: &Row<'_>) -> usize {
    match row.events.len() {
        1 => 1,
        events => events + 2,
    }
}

/// How many rows there is room for.
fn fitting<'a>(rows: impl Iterator<Item = &'a (usize, Row<'a>)>, mut room: usize) -> usize {
    rows.take_while(|(_, row)| match room.checked_sub(lines(row)) {
        Some(left) => {
            room = left;
            true
        }
        None => false,
    })
    .count()
}
