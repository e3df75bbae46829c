//! The timeline in letters: a line for each process, a letter for a part of the time.

use super::super::words::columns;
use super::chart::{Chart, Row, State};
use std::time::Duration;

/// Letters for the whole time.
const PARTS: usize = 64;

const WAITING: char = '·';
const ENDED: char = '┤';
const CRASHED: char = '✗';

pub(super) fn draw(chart: &Chart, caption: Option<&str>) -> String {
    let heads: Vec<String> = chart.rows.iter().map(head).collect();
    let width = heads.iter().map(|head| columns(head)).max().unwrap_or(0);
    let mut lines: Vec<String> = caption.map(str::to_owned).into_iter().collect();
    if !chart.rows.is_empty() {
        let end = format!("{:.1?}", chart.elapsed);
        lines.push(format!("{:width$}  0{end:>1$}", "", PARTS - 1));
    }
    for (row, head) in chart.rows.iter().zip(&heads) {
        let gap = " ".repeat(width - columns(head) + 2);
        let strip: String = strip(row, chart.elapsed).into_iter().collect();
        lines.push(format!("{head}{gap}{}", strip.trim_end()));
    }
    if !chart.rows.is_empty() {
        let legend = State::ALL.map(|state| format!("{} {}", letter(state), state.word()));
        lines.push(format!(
            "{WAITING} waits  {}  {CRASHED} crashed  {ENDED} ended",
            legend.join("  ")
        ));
    }
    lines.extend(chart.notes.iter().map(|note| format!("({note})")));
    lines.join("\n")
}

fn head(row: &Row) -> String {
    match &row.pids {
        Some(pids) => format!("{} {pids}", row.title),
        None => row.title.clone(),
    }
}

fn letter(state: State) -> char {
    match state {
        State::Handling => '█',
        State::Calling => '▒',
        State::Restarting => '↻',
    }
}

/// What happened in each part of the time; of several things, the rarest.
fn strip(row: &Row, elapsed: Duration) -> Vec<char> {
    let mut strip = vec![' '; PARTS];
    let part = |at: Duration| match elapsed.as_nanos() {
        0 => 0,
        whole => ((at.as_nanos() * PARTS as u128 / whole) as usize).min(PARTS - 1),
    };
    // The part in which it ends, unless it ends where that begins.
    let last = |from: usize, until: Duration| match until.as_nanos() * PARTS as u128 % elapsed.as_nanos().max(1) {
        0 => part(until).saturating_sub(usize::from(until < elapsed)).max(from),
        _ => part(until),
    };
    let mut fill = |from: Duration, until: Duration, letter: char| {
        let from = part(from);
        strip[from..=last(from, until)].fill(letter);
    };
    for (from, until) in &row.lives {
        fill(*from, *until, WAITING);
    }
    for state in State::ALL {
        for span in row.spans.iter().filter(|span| span.state == state) {
            fill(span.from, span.until, letter(state));
        }
    }
    for end in &row.ends {
        strip[part(end.at)] = if end.crash { CRASHED } else { ENDED };
    }
    strip
}
