//! A trace in letters.

use super::event::{Event, Kind};
use super::value::{Outcome, Trace};
use crate::golden::Aliases;
use crate::pid::Pid;
use std::cell::RefCell;
use std::fmt::{self, Write};

/// One line for each event, repetitions folded.
impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let who = |pid: Pid| match self.lane(pid) {
            Some(lane) if lane.called().is_some() || lane.caller => format!("{lane} {pid}"),
            _ => pid.to_string(),
        };
        let mut lines = Lines::new(true, &who);
        lines.trace(self);
        lines.write(f)
    }
}

impl Trace {
    /// The list without what differs from run to run: no times, no places in code, and no pids. A process goes by its name
    /// or its label, and a second one of the same name by `name (2)`; the others are `P1`, `P2`, … in the order in which
    /// they appear, also within payloads. For tests that compare: see [`assert_trace!`](crate::assert_trace).
    ///
    /// ```
    /// # crabtree::run(async {
    /// use crabtree::prelude::*;
    ///
    /// let echo = spawn(async { receive! { (from, text): (Pid, &str) => send(from, text.to_uppercase()) } });
    /// let (_, trace) = trace::seq((), async {
    ///     send(echo, (me(), "hello"));
    ///     receive! { _: String => () }
    /// })
    /// .await;
    /// assert_eq!(
    ///     trace.outline(),
    ///     "me() → P1    INFO   (me(), \"hello\")\n\
    ///      P1   → me()  INFO   \"HELLO\"\n"
    /// );
    /// # });
    /// ```
    pub fn outline(&self) -> String {
        let mut aliases = Aliases::default();
        for lane in &self.lanes {
            if lane.called().is_some() || lane.caller {
                aliases.name(lane.pid, &lane.to_string());
            }
        }
        let mut plain = self.clone();
        for event in &mut plain.events {
            // In the order of the list: the processes before what they say.
            for pid in [event.from, event.to].into_iter().flatten() {
                aliases.of(pid);
            }
            event.payload = aliases.within(without_location(event));
        }
        let aliases = RefCell::new(aliases);
        let who = |pid: Pid| aliases.borrow_mut().of(pid);
        let mut lines = Lines::new(false, &who);
        lines.trace(&plain);
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = lines.write(&mut text);
        text
    }
}

/// Lines under construction: columns are as wide as the widest text in them.
struct Lines<'a> {
    times: bool,
    who: &'a dyn Fn(Pid) -> String,
    lines: Vec<Line>,
}

enum Line {
    Event {
        /// The frame around a repetition.
        frame: &'static str,
        at: String,
        from: String,
        to: String,
        rest: String,
    },
    Note(String),
}

impl<'a> Lines<'a> {
    fn new(times: bool, who: &'a dyn Fn(Pid) -> String) -> Lines<'a> {
        Lines {
            times,
            who,
            lines: Vec::new(),
        }
    }

    fn trace(&mut self, trace: &Trace) {
        if trace.cut.events > 0 {
            self.note(format!("({} earlier events were not kept)", trace.cut.events));
        }
        if trace.events.is_empty() {
            self.note("(no events)".to_owned());
        }
        for row in trace.rows() {
            match (row.events, row.times) {
                ([event], 1) => self.event(trace, "", event, 1),
                ([event], times) => self.event(trace, "", event, times),
                (events, times) => {
                    self.note(format!("┌ × {times}"));
                    events.iter().for_each(|event| self.event(trace, "│ ", event, 1));
                    self.note("└".to_owned());
                }
            }
        }
        if trace.cut.payloads > 0 {
            self.note(format!("({} payloads were shortened)", trace.cut.payloads));
        }
    }

    fn note(&mut self, note: String) {
        self.lines.push(Line::Note(note));
    }

    fn event(&mut self, trace: &Trace, frame: &'static str, event: &Event, times: usize) {
        let who = |pid: Option<Pid>| pid.map_or_else(String::new, self.who);
        let what = match event.kind {
            // Where something is spawned changes with the code around it.
            Kind::Spawn if self.times => &event.type_name,
            _ => &event.payload,
        };
        let mut rest = format!("{:<6} {}", event.kind, on_one_line(what));
        rest.truncate(rest.trim_end().len());
        for remark in self.remarks(trace, event, times) {
            let _ = write!(rest, "  {remark}");
        }
        self.lines.push(Line::Event {
            frame,
            at: if self.times {
                format!("{:.1?}", event.at)
            } else {
                String::new()
            },
            from: match event.from {
                None => "–".to_owned(),
                from => who(from),
            },
            to: who(event.to),
            rest,
        });
    }

    fn remarks(&self, trace: &Trace, event: &Event, times: usize) -> Vec<String> {
        let mut remarks = Vec::new();
        if times > 1 {
            remarks.push(format!("× {times}"));
        }
        remarks.extend(match trace.outcome(event) {
            Some(Outcome::After(latency)) if self.times => Some(format!("after {latency:.1?}")),
            Some(Outcome::TooLate(latency)) if self.times => Some(format!("too late, after {latency:.1?}")),
            Some(Outcome::TooLate(_)) => Some("too late".to_owned()),
            Some(Outcome::DeadLetter) => Some("dead letter".to_owned()),
            Some(Outcome::Unread) => Some("unread".to_owned()),
            Some(Outcome::After(_)) | None => None,
        });
        if event.crash && event.kind == Kind::Exited {
            remarks.push("crash".to_owned());
        }
        remarks
    }

    fn write(&self, out: &mut impl Write) -> fmt::Result {
        let widths = self.lines.iter().fold([0; 3], |widths, line| match line {
            Line::Event { at, from, to, .. } => {
                let needs = [at, from, to].map(|text| text.chars().count());
                [0, 1, 2].map(|column| widths[column].max(needs[column]))
            }
            Line::Note(_) => widths,
        });
        for line in &self.lines {
            match line {
                Line::Note(note) => writeln!(out, "{note}")?,
                Line::Event {
                    frame,
                    at,
                    from,
                    to,
                    rest,
                } => {
                    let gap = if self.times { "  " } else { "" };
                    let arrow = if to.is_empty() { " " } else { "→" };
                    let [w_at, w_from, w_to] = widths;
                    writeln!(
                        out,
                        "{frame}{at:>w_at$}{gap}{from:<w_from$} {arrow} {to:<w_to$}  {rest}"
                    )?;
                }
            }
        }
        Ok(())
    }
}

/// A `Debug` may write what breaks a list.
fn on_one_line(text: &str) -> String {
    let visible = |character: char| if character.is_control() { ' ' } else { character };
    text.chars().map(visible).collect()
}

/// What was said. Of a panic it is the message: where it was, changes with the code around it.
fn without_location(event: &Event) -> &str {
    let payload = event.payload.as_str();
    let is_reason = matches!(event.kind, Kind::Exit | Kind::Exited | Kind::Down);
    let is_location = |text: &str| {
        let numbers = text.rsplit(':').take(2);
        text.contains(':') && numbers.clone().count() == 2 && numbers.flat_map(str::chars).all(|c| c.is_ascii_digit())
    };
    match payload.rsplit_once(" at ") {
        Some((message, location)) if is_reason && message.starts_with("(panic) ") && is_location(location) => message,
        _ => payload,
    }
}
