//! Repetitions in a sequence of events.

use super::event::Event;

/// The longest repetition that is looked for, in events.
const LONGEST: usize = 8;

/// Some events in a row of a trace, that came once or several times one after the other.
///
/// Two events are alike when their kind, their ends, the type of the message and their fate are. Payloads may differ from
/// the third time on. A loop of 250 calls is one row of two events, `times` 250.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Row<'a> {
    /// What came, as it was the first time. One event unless it is repeated.
    pub events: &'a [Event],
    /// How often.
    pub times: usize,
}

/// Folds what is repeated.
pub(super) fn rows(events: &[Event]) -> Vec<Row<'_>> {
    let mut rows = Vec::new();
    let mut rest = events;
    while !rest.is_empty() {
        let row = first_row(rest);
        rest = &rest[row.events.len() * row.times..];
        rows.push(row);
    }
    rows
}

/// The repetition at the beginning that takes most; the shorter of two that take the same.
fn first_row(events: &[Event]) -> Row<'_> {
    let mut best = Row {
        events: &events[..1],
        times: 1,
    };
    for period in 1..=LONGEST.min(events.len() / 2) {
        let pattern = &events[..period];
        let times = events
            .chunks_exact(period)
            .take_while(|chunk| chunk.iter().zip(pattern).all(|(a, b)| alike(a, b)))
            .count();
        // Twice is a repetition only of the very same: two different questions are worth two lines.
        let same = || {
            pattern
                .iter()
                .zip(&events[period..])
                .all(|(a, b)| a.payload == b.payload)
        };
        if (times > 2 || times == 2 && same()) && times * period > best.times * best.events.len() {
            best = Row { events: pattern, times };
        }
    }
    best
}

fn alike(a: &Event, b: &Event) -> bool {
    let shape = |event: &Event| (event.kind, event.from, event.to, event.is_dead_letter(), event.crash);
    shape(a) == shape(b) && a.type_name == b.type_name && a.pair.is_some() == b.pair.is_some()
}
