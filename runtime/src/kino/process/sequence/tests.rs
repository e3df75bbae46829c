//! What the drawings of a sequence say, and that they are well-formed.

use std::time::Duration;

use super::super::checks::{assert_plain, texts};
use super::super::words::columns;
use super::*;
use crate::trace::{Cut, Fate, Kind, Lane};
use crate::{Name, Pid};

/// A trace that was never recorded: an event each millisecond.
#[derive(Default)]
struct Story {
    events: Vec<Event>,
    names: Vec<(u32, &'static str)>,
}

const ME: u32 = 1;
const TILL: u32 = 2;
const SHOP: u32 = 3;
const NOBODY: u32 = 0;

fn pid(number: u32) -> Pid {
    Pid::local(number, 0)
}

impl Story {
    fn new(names: &[(u32, &'static str)]) -> Story {
        Story {
            names: names.to_vec(),
            events: Vec::new(),
        }
    }

    /// Adds an event, and gives what can still be changed of it.
    fn add(&mut self, kind: Kind, from: u32, to: u32, payload: &str) -> &mut Event {
        let number = self.events.len() as u64 + 1;
        let somebody = |number: u32| (number != NOBODY).then(|| pid(number));
        self.events.push(Event {
            number,
            at: Duration::from_millis(number),
            kind,
            from: somebody(from),
            to: somebody(to),
            payload: payload.to_owned(),
            type_name: String::new(),
            pair: None,
            latency: None,
            fate: kind
                .is_message()
                .then_some(Fate::Received(Duration::from_millis(number))),
            handling: None,
            crash: false,
        });
        self.events.last_mut().expect("it was added")
    }

    /// Adds what ends the call that was added so many events ago.
    fn end(&mut self, call: usize, kind: Kind, payload: &str) -> &mut Event {
        let first = self.events.len() - call;
        let (from, to) = (self.events[first].from, self.events[first].to);
        let number = |pid: Option<Pid>| {
            (0..200)
                .find(|number| Some(super::tests::pid(*number)) == pid)
                .unwrap_or(NOBODY)
        };
        let (from, to) = match kind {
            Kind::Timeout => (number(from), number(to)),
            _ => (number(to), number(from)),
        };
        self.add(kind, from, to, payload);
        let second = self.events.len() - 1;
        let latency = Some(self.events[second].at - self.events[first].at);
        self.events[second].pair = Some(self.events[first].number);
        self.events[second].latency = latency;
        if self.events[first].pair.is_none() {
            self.events[first].pair = Some(self.events[second].number);
            self.events[first].latency = latency;
        }
        &mut self.events[second]
    }

    fn trace(self) -> Trace {
        let mut lanes: Vec<Lane> = Vec::new();
        for pid in self.events.iter().flat_map(|event| [event.from, event.to]).flatten() {
            if lanes.iter().any(|lane| lane.pid == pid) {
                continue;
            }
            let name = self.names.iter().find(|(number, _)| super::tests::pid(*number) == pid);
            lanes.push(Lane {
                pid,
                name: name.map(|(_, name)| Name::from(*name)),
                label: None,
                caller: pid == super::tests::pid(ME),
                first_wait: None,
            });
        }
        Trace {
            elapsed: self.events.last().map_or(Duration::ZERO, |event| event.at),
            events: self.events,
            lanes,
            cut: Cut::default(),
        }
    }

    fn sequence(self) -> Sequence {
        sequence(self.trace())
    }
}

/// Everything that a picture has a sign for.
fn eventful() -> Sequence {
    let mut story = Story::new(&[(TILL, "till"), (SHOP, "shop")]);
    story.add(Kind::Call, ME, TILL, "Price(\"tea\")");
    story.end(1, Kind::Reply, "3");
    story.add(Kind::Cast, ME, TILL, "Note(8)");
    story.add(Kind::Info, NOBODY, ME, "Tick");
    story.add(Kind::Info, ME, ME, "\"to myself\"");
    story.add(Kind::Call, ME, TILL, "Slow");
    story.end(1, Kind::Timeout, "");
    story.end(2, Kind::Reply, "4").fate = Some(Fate::DeadLetter);
    story.add(Kind::Monitor, SHOP, TILL, "");
    story.add(Kind::Call, ME, TILL, "Crash");
    story.add(Kind::Info, ME, TILL, "\"unread\"").fate = Some(Fate::Unread);
    story.add(Kind::Exited, TILL, NOBODY, "no paper").crash = true;
    story.end(3, Kind::Down, "no paper").crash = true;
    story.add(Kind::Exit, TILL, SHOP, "no paper").crash = true;
    story.add(Kind::Spawn, SHOP, 4, "").type_name = "Till".to_owned();
    story.end(1, Kind::Reply, "Ok");
    story.add(Kind::Info, ME, TILL, "\"too late\"").fate = Some(Fate::DeadLetter);
    story.sequence()
}

#[test]
fn the_text_has_one_line_per_event() {
    assert_eq!(
        eventful().caption("A day").to_text(),
        "\
A day
 1.0ms  me() <0.1.0> → till <0.2.0>  CALL   Price(\"tea\")
 2.0ms  till <0.2.0> → me() <0.1.0>  REPLY  3  after 1.0ms
 3.0ms  me() <0.1.0> → till <0.2.0>  CAST   Note(8)
 4.0ms  –            → me() <0.1.0>  INFO   Tick
 5.0ms  me() <0.1.0> → me() <0.1.0>  INFO   \"to myself\"
 6.0ms  me() <0.1.0> → till <0.2.0>  CALL   Slow
 7.0ms  me() <0.1.0> → till <0.2.0>  TIMEOUT  after 1.0ms
 8.0ms  till <0.2.0> → me() <0.1.0>  REPLY  4  too late, after 2.0ms
10.0ms  me() <0.1.0> → till <0.2.0>  CALL   Crash
11.0ms  me() <0.1.0> → till <0.2.0>  INFO   \"unread\"  unread
12.0ms  till <0.2.0>                 EXITED no paper  crash
13.0ms  till <0.2.0> → me() <0.1.0>  DOWN   no paper  after 3.0ms
14.0ms  till <0.2.0> → shop <0.3.0>  EXIT   no paper
15.0ms  shop <0.3.0> → <0.4.0>       SPAWN  Till
16.0ms  <0.4.0>      → shop <0.3.0>  REPLY  Ok  after 1.0ms
17.0ms  me() <0.1.0> → till <0.2.0>  INFO   \"too late\"  dead letter
(1 event of links, monitors and names left out)"
    );
}

#[test]
fn the_picture_says_of_each_event_what_became_of_it() {
    let picture = eventful().caption("A day").to_svg();
    assert_eq!(
        texts(&picture).join(" "),
        "A day me() <0.1.0> till <0.2.0> shop <0.3.0> <0.4.0> \
         1.0ms CALL Price(\"tea\") 2.0ms REPLY 3 after 1.0ms 3.0ms CAST Note(8) 4.0ms INFO Tick \
         5.0ms INFO \"to myself\" 6.0ms CALL Slow 7.0ms TIMEOUT after 1.0ms 8.0ms REPLY 4 too late, after 2.0ms \
         10.0ms CALL Crash 11.0ms INFO \"unread\" unread 12.0ms EXITED no paper crash 13.0ms DOWN no paper after 3.0ms \
         14.0ms EXIT no paper 15.0ms SPAWN Till 16.0ms REPLY Ok after 1.0ms 17.0ms INFO \"too late\" dead letter \
         1 event of links, monitors and names left out"
    );
    assert!(
        picture.contains(
            "<desc>Sequence of 16 events between 4 processes in 17.0ms; 3 calls; 1 cast; 1 spawn; 1 timeout; 1 crashed \
             process; 3 lost messages</desc>"
        ),
        "{picture}"
    );
}

#[test]
fn relations_are_shown_to_those_who_ask() {
    let sequence = eventful().relations();
    assert!(texts(&sequence.to_svg()).contains(&"MONITOR".to_owned()));
    assert!(sequence.to_text().contains("MONITOR"));
    assert!(!sequence.to_text().contains("left out"));
    assert!(sequence.to_json().contains("\"MONITOR\""));
}

#[test]
fn mermaid_has_the_lanes_the_arrows_and_the_notes() {
    assert_eq!(
        eventful().caption("A \"day\"").to_mermaid(),
        r##"---
title: "A \"day\""
---
sequenceDiagram
  participant nobody as –
  participant p0 as me()<br/>#lt;0.1.0#gt;
  participant p1 as till<br/>#lt;0.2.0#gt;
  participant p2 as shop<br/>#lt;0.3.0#gt;
  participant p3 as #lt;0.4.0#gt;
  p0->>p1: CALL Price(#quot;tea#quot;)
  p1-->>p0: REPLY 3 (after 1.0ms)
  p0-)p1: CAST Note(8)
  nobody-)p0: INFO Tick
  p0-)p0: INFO #quot;to myself#quot;
  p0->>p1: CALL Slow
  Note over p0: TIMEOUT (after 1.0ms)
  p1--xp0: REPLY 4 (too late, after 2.0ms)
  p0->>p1: CALL Crash
  p0-xp1: INFO #quot;unread#quot; (unread)
  Note over p1: EXITED no paper (crash)
  p1-->>p0: DOWN no paper (after 3.0ms)
  p1->>p2: EXIT no paper
  p2-->>p3: SPAWN Till
  p3-->>p2: REPLY Ok (after 1.0ms)
  p0-xp1: INFO #quot;too late#quot; (dead letter)
  Note over nobody,p3: 1 event of links, monitors and names left out
"##
    );
}

#[test]
fn the_data_has_every_event_with_its_fields() {
    let json = eventful().caption("A day").to_json();
    let lines: Vec<&str> = json.lines().collect();
    assert_eq!(
        lines[..8],
        [
            "{",
            "  \"kind\": \"sequence\",",
            "  \"caption\": \"A day\",",
            "  \"elapsed_ns\": 17000000,",
            "  \"lanes\": [",
            "    {\"pid\": \"<0.1.0>\", \"name\": null, \"label\": null, \"caller\": true},",
            "    {\"pid\": \"<0.2.0>\", \"name\": \"till\", \"label\": null, \"caller\": false},",
            "    {\"pid\": \"<0.3.0>\", \"name\": \"shop\", \"label\": null, \"caller\": false},",
        ]
    );
    assert_eq!(
        lines[12],
        "    {\"number\": 2, \"at_ns\": 2000000, \"kind\": \"REPLY\", \"from\": \"<0.2.0>\", \"to\": \"<0.1.0>\", \
         \"payload\": \"3\", \"type\": \"\", \"pair\": 1, \"latency_ns\": 1000000, \"fate\": \"received\", \
         \"received_ns\": 2000000, \"handling_ns\": null, \"crash\": false},"
    );
    assert_eq!(
        lines[lines.len() - 2..],
        ["  \"cut\": {\"events\": 0, \"payloads\": 0, \"relations\": 1}", "}"]
    );
}

#[test]
fn what_is_repeated_is_drawn_once_with_how_often() {
    let mut story = Story::new(&[(TILL, "till")]);
    for n in 0..250 {
        story.add(Kind::Call, ME, TILL, &format!("Price({n})"));
        story.end(1, Kind::Reply, "3").latency = Some(Duration::from_micros(100 + n));
    }
    for _ in 0..3 {
        story.add(Kind::Cast, ME, TILL, "Again");
    }
    let sequence = story.sequence();
    assert_eq!(
        texts(&sequence.to_svg()).join(" "),
        "× 250 me() <0.1.0> till <0.2.0> 1.0ms CALL Price(0) 2.0ms REPLY 3 after 100.0µs – 349.0µs \
         501.0ms CAST Again × 3"
    );
    assert_eq!(
        sequence.to_mermaid().split_once("gt;\n  loop").unwrap().1,
        " × 250\n    p0->>p1: CALL Price(0)\n    p1-->>p0: REPLY 3 (after 100.0µs – 349.0µs)\n  end\n  \
         p0-)p1: CAST Again × 3\n"
    );
    assert!(sequence.to_text().contains("┌ × 250\n"));
}

#[test]
fn lanes_stand_in_the_order_of_their_first_appearance() {
    let mut story = Story::new(&[]);
    story.add(Kind::Info, 9, 7, "");
    story.add(Kind::Info, 5, 9, "");
    story.add(Kind::Info, 7, 8, "");
    let picture = story.sequence().to_svg();
    let heads: Vec<String> = texts(&picture)
        .into_iter()
        .filter(|text| text.starts_with('<'))
        .collect();
    assert_eq!(heads, ["<0.9.0>", "<0.7.0>", "<0.5.0>", "<0.8.0>"]);
}

#[test]
fn the_picture_is_plain_svg_of_a_known_size() {
    assert_plain(&eventful().relations().picture());
    assert_plain(&Story::default().sequence().picture());
    assert_plain(&many(10_000).picture());
}

#[test]
fn names_and_payloads_are_text_wherever_they_go() {
    const NASTY: &str = "<script>'1'</script>&]]>\u{0}`#;%%{init: {}}%%";
    const SHOWN: &str = "<script>'1'</script>&]]>\\u{0}`#;%%{init: {}}%%";
    let mut story = Story::new(&[(TILL, NASTY)]);
    story.add(Kind::Info, ME, TILL, &format!("{NASTY}\nend"));
    let sequence = story.sequence().caption(NASTY);

    let bundle = sequence.render();
    let picture = bundle.get("image/svg+xml").unwrap();
    let html = bundle.get("text/html").unwrap();
    assert!(!picture.contains("<script") && !html.contains("<script"));
    assert_eq!(html.matches(['<', '>']).count(), 2, "{html}");
    let texts = texts(picture);
    assert_eq!(texts[0], SHOWN);
    assert!(
        picture.contains(
            "<title>&lt;script&gt;&#39;1&#39;&lt;/script&gt;&amp;]]&gt;\\u{0}`#;%%{init: {}}%%\\nend</title>"
        ),
        "{picture}"
    );

    let diagram = sequence.to_mermaid();
    let (_, drawn) = diagram.split_once("sequenceDiagram\n").unwrap();
    let escaped = "#lt;script#gt;'1'#lt;/script#gt;#amp;]]#gt;#92;u{0}#96;#35;#59;#37;#37;{init: {}}#37;#37;";
    assert_eq!(
        drawn,
        format!(
            "  participant p0 as me()<br/>#lt;0.1.0#gt;\n  participant p1 as {name}<br/>#lt;0.2.0#gt;\n  \
             p0-)p1: INFO {escaped}#92;nend\n",
            name = escaped.replace(':', "#58;"),
        )
    );
}

#[test]
fn a_payload_too_long_for_a_picture_is_cut_there_and_whole_beside_it() {
    let payload = "many words ".repeat(10);
    let mut story = Story::default();
    story.add(Kind::Info, ME, TILL, &payload);
    story.add(Kind::Info, ME, TILL, "few words");
    let picture = story.sequence().to_svg();
    let texts = texts(&picture);
    let cut = texts.iter().find(|text| text.starts_with("many")).unwrap();
    assert!(cut.ends_with('…') && columns(cut) <= 44, "{cut}");
    assert!(picture.contains(&format!("<title>{payload}</title>")));
    assert_eq!(texts.last().unwrap(), "1 payload is shortened: …");
}

/// Different messages, so that none of them are folded.
fn many(events: u32) -> Sequence {
    let mut story = Story::default();
    for n in 0..events {
        let kind = if n % 7 == 0 { Kind::Cast } else { Kind::Info };
        story.add(kind, 1 + n % 5, 1 + (n * n + n) % 13, &format!("Message({n})"));
    }
    story.sequence()
}

#[test]
fn of_a_long_trace_the_beginning_and_the_end_are_drawn_and_what_is_between_is_counted() {
    let sequence = many(10_000);
    let picture = sequence.picture();
    assert!(
        picture.height < 20_000 && picture.width < 4_000,
        "{} × {} px",
        picture.width,
        picture.height
    );
    assert!(picture.svg.len() < 1_000_000, "{} bytes", picture.svg.len());
    let texts = texts(&picture.svg);
    assert!(texts.contains(&"Message(0)".to_owned()) && texts.contains(&"Message(9999)".to_owned()));
    let drawn = texts.iter().filter(|text| text.starts_with("Message")).count();
    assert!(drawn > 400, "{drawn}");
    let left_out = format!("{} events between are not drawn", 10_000 - drawn);
    assert!(texts.contains(&left_out), "{left_out}");
    assert!(sequence.to_mermaid().contains(&left_out));
    assert_eq!(sequence.to_text().lines().count(), 10_000);
    let shown = sequence.render();
    assert_eq!(shown.text().lines().count(), 501);
    assert!(shown.text().contains("(9500 lines between; to_text() has them all)"));
}

#[test]
fn of_many_processes_the_first_have_lanes() {
    let mut story = Story::default();
    for n in 2..=100 {
        story.add(Kind::Info, ME, n, &format!("{n}"));
    }
    let texts = texts(&story.sequence().to_svg());
    let lanes = texts.iter().filter(|text| text.starts_with("<0.")).count();
    // Each stands above and below.
    assert_eq!(lanes, 2 * 40);
    assert_eq!(texts.last().unwrap(), "60 events of 60 processes more not drawn");
}

#[test]
fn what_the_trace_had_no_room_for_is_said_first() {
    let mut story = Story::default();
    story.add(Kind::Info, ME, ME, "the last");
    let mut trace = story.trace();
    trace.cut.events = 7;
    let sequence = sequence(trace);
    let texts = texts(&sequence.to_svg());
    assert!(texts.contains(&"7 events before were not kept".to_owned()), "{texts:?}");
    assert!(sequence.to_text().starts_with("(7 earlier events were not kept)"));
    assert!(
        sequence
            .to_mermaid()
            .contains("Note over p0: 7 events before were not kept")
    );
}

#[test]
fn a_trace_without_events_says_so() {
    let sequence = Story::default().sequence();
    assert_eq!(texts(&sequence.to_svg()), ["no events"]);
    assert_eq!(sequence.to_text(), "(no events)");
    assert_eq!(
        sequence.to_mermaid(),
        "sequenceDiagram\n  participant nobody as –\n  Note over nobody: no events\n"
    );
}
