//! The timeline as a Mermaid Gantt chart.

use std::fmt::Write;
use std::time::Duration;

use super::super::canvas::INFALLIBLE;
use super::super::mermaid::push_escaped;
use super::super::words::shortened;
use super::chart::{Chart, State};

const MOST_COLUMNS: usize = 40;

/// Parts of the whole time. What is shorter than one cannot be read.
const PARTS: u32 = 60;

/// Mermaid gives up on charts that are much larger. Each row has its share.
const MOST_BLOCKS: usize = 400;

/// Mermaid counts in milliseconds, so what is counted here in other units is milliseconds to it. `%Q` shows their number.
pub(super) fn draw(chart: &Chart, caption: Option<&str>) -> String {
    let (unit, nanoseconds) = match chart.elapsed {
        elapsed if elapsed < Duration::from_millis(1) => ("ns", 1),
        elapsed if elapsed < Duration::from_secs(1) => ("µs", 1_000),
        _ => ("ms", 1_000_000),
    };
    let units = |at: Duration| at.as_nanos() / nanoseconds;
    let mut text = String::from("---\ndisplayMode: compact\n---\ngantt\n  title ");
    push(&mut text, &format!("{} ({unit})", caption.unwrap_or("Timeline")));
    text.push_str("\n  dateFormat x\n  axisFormat %Q\n");
    let share = MOST_BLOCKS / chart.rows.len().max(1);
    let mut left_out = 0;
    for row in &chart.rows {
        text.push_str("  section ");
        push(&mut text, &row.title);
        text.push('\n');
        let blocks = row.blocks(chart.elapsed / PARTS);
        left_out += blocks.len().saturating_sub(share);
        for block in blocks.iter().take(share) {
            let tag = match block.span.state {
                State::Handling => "active",
                State::Calling => "done",
                State::Restarting => "crit",
            };
            text.push_str("  ");
            push_task(&mut text, &block.words());
            let (from, until) = (units(block.from), units(block.until));
            writeln!(text, " :{tag}, {from}, {until}").expect(INFALLIBLE);
        }
        for end in &row.ends {
            text.push_str("  ");
            push_task(&mut text, &end.reason);
            let (tag, at) = (if end.crash { "crit, milestone" } else { "milestone" }, units(end.at));
            writeln!(text, " :{tag}, {at}, {at}").expect(INFALLIBLE);
        }
    }
    let left_out = (left_out > 0).then(|| format!("{left_out} more times of processes not drawn"));
    let notes: Vec<&str> = (chart.notes.iter().map(String::as_str))
        .chain(left_out.as_deref())
        .collect();
    for note in notes {
        text.push_str("  section ");
        push(&mut text, note);
        text.push('\n');
    }
    text
}

/// At the beginning of its line a word may be an instruction: `call` is one, in capitals too.
fn push_task(text: &mut String, words: &str) {
    let words = shortened(words, MOST_COLUMNS);
    let mut letters = words.chars();
    if let Some(first) = letters.next() {
        write!(text, "#{};", u32::from(first)).expect(INFALLIBLE);
    }
    push(text, letters.as_str());
}

/// A colon ends the name of a span.
fn push(text: &mut String, words: &str) {
    let mut escaped = String::new();
    push_escaped(&mut escaped, words);
    text.push_str(&escaped.replace(':', "#58;"));
}
