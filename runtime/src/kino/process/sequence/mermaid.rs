//! The sequence as a Mermaid sequence diagram.

use std::fmt::Write;

use super::super::canvas::INFALLIBLE;
use super::super::mermaid::{push_caption, push_escaped};
use super::super::words::{one_line, shortened};
use super::plan::{Plan, Said, Step};
use crate::trace::Kind;

/// Mermaid does not break long lines.
const MOST_COLUMNS: usize = 60;

pub(super) fn draw(plan: &Plan<'_>, caption: Option<&str>) -> String {
    let mut text = String::new();
    push_caption(&mut text, caption);
    text.push_str("sequenceDiagram\n");
    let is_nobody = |step: &Step<'_>| matches!(step, Step::Event(said) if said.from.is_none());
    // A diagram has a participant at least.
    let has_nobody = plan.lanes.is_empty() || plan.steps.iter().any(is_nobody);
    if has_nobody {
        text.push_str("  participant nobody as –\n");
    }
    for (place, lane) in plan.lanes.iter().enumerate() {
        write!(text, "  participant p{place} as ").expect(INFALLIBLE);
        let mut name = String::new();
        push_escaped(&mut name, &one_line(&lane.to_string()));
        // `wrap:` at the beginning would be taken for an instruction.
        text.push_str(&name.replace(':', "#58;"));
        if lane.called().is_some() || lane.caller {
            text.push_str("<br/>");
            push_escaped(&mut text, &lane.pid.to_string());
        }
        text.push('\n');
    }
    let everybody = match (plan.lanes.len(), has_nobody) {
        (0, _) => "nobody".to_owned(),
        (1, false) => "p0".to_owned(),
        (lanes, false) => format!("p0,p{}", lanes - 1),
        (lanes, true) => format!("nobody,p{}", lanes - 1),
    };
    let mut indent = "  ";
    let note = |text: &mut String, words: &str| {
        write!(text, "  Note over {everybody}: ").expect(INFALLIBLE);
        push_escaped(text, words);
        text.push('\n');
    };
    for step in &plan.steps {
        match step {
            Step::Repeat(times) => {
                writeln!(text, "  loop × {times}").expect(INFALLIBLE);
                indent = "    ";
            }
            Step::End => {
                text.push_str("  end\n");
                indent = "  ";
            }
            Step::Gap(words) => note(&mut text, words),
            Step::Event(said) => event(&mut text, indent, said),
        }
    }
    for words in &plan.notes {
        note(&mut text, words);
    }
    text
}

fn event(text: &mut String, indent: &str, said: &Said<'_>) {
    text.push_str(indent);
    let name = |lane: Option<usize>| lane.map_or_else(|| "nobody".to_owned(), |place| format!("p{place}"));
    let from = name(said.from);
    match said.to {
        Some(to) => write!(text, "{from}{}p{to}: ", arrow(said)).expect(INFALLIBLE),
        None => write!(text, "Note over {from}: ").expect(INFALLIBLE),
    }
    text.push_str(&said.event.kind.to_string());
    let what = said.what();
    let times = (said.times > 1).then(|| format!("× {}", said.times));
    let remark = said.remark.as_ref().map(|remark| format!("({})", remark.text));
    let words = [Some(shortened(&what, MOST_COLUMNS).into_owned()), times, remark];
    for words in words.into_iter().flatten().filter(|words| !words.is_empty()) {
        text.push(' ');
        push_escaped(text, &words);
    }
    text.push('\n');
}

fn arrow(said: &Said<'_>) -> &'static str {
    match said.event.kind {
        Kind::Reply if said.event.is_dead_letter() => "--x",
        _ if said.event.is_dead_letter() => "-x",
        Kind::Call | Kind::Exit => "->>",
        Kind::Cast | Kind::Info => "-)",
        _ => "-->>",
    }
}
