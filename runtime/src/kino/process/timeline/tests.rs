//! What the drawings of a timeline say, and that they are well-formed.

use std::time::Duration;

use super::super::checks::{assert_plain, texts};
use super::chart::{Chart, End, Row, Span, State};
use super::*;

fn at(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn span(from: u64, until: u64, state: State, what: &str) -> Span {
    Span {
        from: at(from),
        until: at(until),
        state,
        what: what.to_owned(),
    }
}

fn row(title: &str, pids: Option<&str>, lives: &[(u64, u64)], spans: Vec<Span>) -> Row {
    Row {
        title: title.to_owned(),
        pids: pids.map(str::to_owned),
        caller: title == "me()",
        spans,
        lives: lives.iter().map(|(from, until)| (at(*from), at(*until))).collect(),
        ends: Vec::new(),
    }
}

/// A till that crashes at its second call, and is replaced.
fn eventful() -> Timeline {
    let me = vec![
        span(0, 10, State::Handling, "its own work"),
        span(10, 20, State::Calling, "CALL till Price"),
        span(20, 50, State::Handling, "its own work"),
        span(50, 60, State::Calling, "CALL till Crash"),
    ];
    let till = vec![
        span(10, 20, State::Handling, "CALL Price"),
        span(50, 60, State::Handling, "CALL Crash"),
        span(60, 80, State::Restarting, "after no paper"),
        span(80, 85, State::Handling, "starts"),
    ];
    let end = |milliseconds, crash, reason: &str| End {
        at: at(milliseconds),
        crash,
        reason: reason.to_owned(),
    };
    let mut rows = vec![
        row("me()", Some("<0.1.0>"), &[(0, 100)], me),
        row("till", Some("<0.2.0> ↻ <0.3.0>"), &[(0, 60), (80, 100)], till),
        row("<0.4.0>", None, &[(30, 70)], Vec::new()),
    ];
    rows[1].ends.push(end(60, true, "no paper"));
    rows[2].ends.push(end(70, false, "normal"));
    Timeline {
        chart: Chart {
            rows,
            elapsed: at(100),
            notes: vec!["7 events before were not kept".to_owned()],
        },
        caption: None,
    }
    .caption("A day")
}

#[test]
fn the_text_has_a_strip_for_each_process() {
    assert_eq!(
        eventful().to_text(),
        "\
A day
                        0                                                        100.0ms
me() <0.1.0>            ██████▒▒▒▒▒▒▒███████████████████▒▒▒▒▒▒▒·························
till <0.2.0> ↻ <0.3.0>  ······███████···················██████✗↻↻↻↻↻↻↻↻↻↻↻↻↻███·········
<0.4.0>                                    ·························┤
· waits  █ handles  ▒ awaits an answer  ↻ restarts  ✗ crashed  ┤ ended
(7 events before were not kept)"
    );
}

#[test]
fn the_picture_names_rows_and_what_they_are_at() {
    let timeline = eventful();
    let picture = timeline.to_svg();
    let shown = texts(&picture).join("|");
    assert_eq!(
        shown,
        "A day|0|20ms|40ms|60ms|80ms|100ms|me()|<0.1.0>|its own wo…|CALL till …|its own work|CALL till …|\
         till|<0.2.0> ↻ <0.3.0>|CALL Price|CALL Crash|after no paper|star…|<0.4.0>|\
         handles|awaits an answer|restarts|waits|7 events before were not kept"
    );
    assert!(picture.contains("<title>CALL till Price for 10.0ms, from 10.0ms</title>"));
    assert!(picture.contains("<title>EXITED no paper at 60.0ms</title>"));
    assert!(
        picture.contains("<desc>Timeline of 3 processes in 100.0ms; till crashed 1 time; till restarted 1 time</desc>")
    );
}

#[test]
fn mermaid_has_a_section_for_each_process() {
    assert_eq!(
        eventful().to_mermaid(),
        "\
---
displayMode: compact
---
gantt
  title A day (µs)
  dateFormat x
  axisFormat %Q
  section me()
  #105;ts own work :active, 0, 10000
  #67;ALL till Price :done, 10000, 20000
  #105;ts own work :active, 20000, 50000
  #67;ALL till Crash :done, 50000, 60000
  section till
  #67;ALL Price :active, 10000, 20000
  #67;ALL Crash :active, 50000, 60000
  #97;fter no paper :crit, 60000, 80000
  #115;tarts :active, 80000, 85000
  #110;o paper :crit, milestone, 60000, 60000
  section #lt;0.4.0#gt;
  #110;ormal :milestone, 70000, 70000
  section 7 events before were not kept
"
    );
}

#[test]
fn the_picture_is_plain_svg_of_a_known_size() {
    assert_plain(&eventful().picture());
    assert_plain(&nothing().picture());
    assert_eq!(nothing().to_text(), "(no events)");
}

fn nothing() -> Timeline {
    Timeline {
        chart: Chart {
            rows: Vec::new(),
            elapsed: Duration::ZERO,
            notes: vec!["no events".to_owned()],
        },
        caption: None,
    }
}

#[test]
fn names_and_payloads_are_text_wherever_they_go() {
    const NASTY: &str = "<script>: 'x' & \"y\"</script>";
    let mut timeline = eventful().caption(NASTY);
    timeline.chart.rows[0].title = NASTY.to_owned();
    timeline.chart.rows[0].spans[0].what = NASTY.to_owned();
    let bundle = timeline.render();
    let picture = bundle.get("image/svg+xml").unwrap();
    assert!(!picture.contains("<script") && !bundle.get("text/html").unwrap().contains("<script"));
    assert_eq!(texts(picture)[0], NASTY);
    assert_plain(&timeline.picture());
    let diagram = timeline.to_mermaid();
    assert!(!diagram.contains("<script"));
    assert!(
        diagram.contains("section #lt;script#gt;#58; 'x' #amp; #quot;y#quot;#lt;/script#gt;\n"),
        "{diagram}"
    );
}

#[test]
fn spans_too_short_to_be_told_apart_are_one_block_that_counts_them() {
    let spans = (0..10_000).map(|n| Span {
        from: Duration::from_micros(10 * n),
        until: Duration::from_micros(10 * n + 5),
        state: if n % 2 == 0 { State::Handling } else { State::Calling },
        what: format!("CALL {n}"),
    });
    let mut timeline = eventful();
    timeline.chart.rows = vec![row("busy", None, &[(0, 100)], spans.collect())];
    let picture = timeline.picture();
    assert!(picture.svg.len() < 20_000, "{} bytes", picture.svg.len());
    assert!(
        picture.svg.contains("<title>CALL 0 and 9999 more, from 0.0ns</title>"),
        "{}",
        picture.svg
    );
    assert!(
        timeline.to_mermaid().contains("ALL 0 + 9999 :active, 0, 101656\n"),
        "{}",
        timeline.to_mermaid()
    );
}
