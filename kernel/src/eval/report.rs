//! Errors as the reader of a notebook sees them: rustc's words, in the places of the cell.

use console::Style;
use crabtree_link::GENERATED;
use evcxr::CompilationError;
use serde_json::Value;

use super::CellError;
use super::assist::without_versions;
use super::locate::Place;
use super::mistakes::{self, Fates, Mistake};
use super::rewrite::{Position, Rewritten};

/// A piece of source to point at.
#[derive(Clone, Debug)]
struct Mark {
    from: Position,
    to: Position,
    label: String,
    primary: bool,
}

/// Where a line and a column of the generated source come from, and the text of that cell.
type Elsewhere<'a> = &'a dyn Fn(u32, u32) -> Option<(Place, String)>;

/// Describes what rustc said about a cell; none if it said nothing that is an error. What it says of items of other cells,
/// which no longer fit, is shown in the cells that `elsewhere` finds.
pub(super) fn compile_errors(
    errors: &[CompilationError],
    code: &Rewritten,
    count: u32,
    fates: &Fates,
    elsewhere: Elsewhere<'_>,
) -> Option<CellError> {
    let errors: Vec<&CompilationError> = errors.iter().filter(|error| error.level() != "warning").collect();
    let first = errors.first()?;
    let mut traceback = Vec::new();
    for error in &errors {
        if !traceback.is_empty() {
            traceback.push(String::new());
        }
        match mistake(error, code) {
            Some(mistake) => traceback.extend(not_kept(&mistake, code, count)),
            None => traceback.extend(compile_error(error, code, count, fates, elsewhere)),
        }
    }
    let evalue = match (first.code(), mistake(first, code)) {
        (_, Some(mistake)) => mistake.message,
        (Some(code), None) => format!("{} [{code}]", message(first)),
        (None, None) => message(first),
    };
    Some(CellError {
        ename: "CompileError".to_owned(),
        evalue,
        traceback,
    })
}

/// What rustc says; or what evcxr or cargo say of a command, as far as it helps.
fn message(error: &CompilationError) -> String {
    let said = error.message();
    if !error.json.is_null() {
        return without_versions(&without_generated_places(&said));
    }
    if let Some(command) = said.strip_prefix("Unrecognised command ") {
        return format!("there is no command `{command}`; `:help` tells of all");
    }
    let noise = [
        "Updating ",
        "Blocking waiting",
        "Locking ",
        "As a reminder, you're using offline mode",
    ];
    let lines = said
        .lines()
        .filter(|line| !noise.iter().any(|start| line.trim_start().starts_with(start)));
    // A manifest in the session's directory is none that the reader has written.
    let lines = lines.filter(|line| !line.contains("failed to parse manifest") && !line.trim().is_empty());
    let lines: Vec<&str> = lines.map(|line| line.strip_prefix("error: ").unwrap_or(line)).collect();
    let lines = lines.join("\n");
    let mut text = lines.trim_start_matches("Caused by:\n").trim_start().to_owned();
    if said.contains("offline mode") {
        text.push_str("\n`:offline 0` before it lets cargo ask the network");
    }
    if text.is_empty() {
        text = "there was no compile error yet".to_owned();
    }
    text
}

/// What evcxr, or rustc in code of evcxr's, has to say about a variable.
fn mistake(error: &CompilationError, code: &Rewritten) -> Option<Mistake> {
    if error.level() == "help" && error.message().starts_with("consider importing") {
        return mistakes::of_trait_out_of_scope(error.json["spans"][0]["suggested_replacement"].as_str()?);
    }
    // rustc's own words have JSON.
    let said = error.json.is_null().then(|| error.message())?;
    mistakes::of_sentence(&said, code.source())
}

/// Describes the error of a cell that keeps what cannot be kept.
pub(super) fn cannot_be_kept(mistake: &Mistake, code: &Rewritten, count: u32) -> CellError {
    CellError {
        ename: "CompileError".to_owned(),
        evalue: mistake.message.clone(),
        traceback: not_kept(mistake, code, count),
    }
}

fn not_kept(mistake: &Mistake, code: &Rewritten, count: u32) -> Vec<String> {
    let place = mistake.place.map(|place| (count, place, code.source()));
    let mut lines = at_place("error", &mistake.message, place);
    lines.extend(advised("help", &mistake.help));
    lines
}

fn compile_error(
    error: &CompilationError,
    code: &Rewritten,
    count: u32,
    fates: &Fates,
    elsewhere: Elsewhere<'_>,
) -> Vec<String> {
    let kind = match error.code() {
        Some(code) => format!("error[{code}]"),
        None => "error".to_owned(),
    };
    let mut lines = vec![headline(&kind, &message(error))];
    let mut marks: Vec<Mark> = Vec::new();
    for message in error.spanned_messages() {
        let Some(span) = &message.span else { continue };
        let at = |line, column| code.original(Position { line, column });
        let (from, to) = (
            at(span.start_line, span.start_column),
            at(span.end_line, span.end_column),
        );
        // Without a label of its own, evcxr gives the message again.
        let label = if message.label.ends_with(&error.message()) {
            String::new()
        } else {
            without_versions(&without_generated_places(&message.label))
        };
        marks.push(Mark {
            from,
            to,
            label,
            primary: message.is_primary,
        });
    }
    if let Some(first) = marks.iter().find(|mark| mark.primary).or(marks.first()) {
        lines.push(arrow(count, first.from));
        lines.extend(snippet(code.source(), &marks));
    } else if let Some((other, source, marks)) = marks_elsewhere(error, elsewhere) {
        lines.push(arrow(other.count, other.position));
        lines.extend(snippet(&source, &marks));
        if other.count != count {
            let text = format!(
                "what cell [{}] defines there does not fit this cell; define it again in this one",
                other.count
            );
            lines.extend(advised("notebook", &text));
        }
    }
    for (level, text) in advice(&error.json) {
        lines.extend(advised(&level, &text));
    }
    if let Some(text) = mistakes::advice(error, fates) {
        lines.extend(advised("notebook", &text));
    }
    lines
}

/// What rustc points at in the code of another cell: where the first mark is, the text of that cell, and all marks in it.
fn marks_elsewhere(error: &CompilationError, elsewhere: Elsewhere<'_>) -> Option<(Place, String, Vec<Mark>)> {
    let mut found: Option<(Place, String, Vec<Mark>)> = None;
    let spans = error.json["spans"].as_array()?;
    let primary_first = [true, false].map(|primary| spans.iter().filter(move |span| span["is_primary"] == primary));
    for span in primary_first.into_iter().flatten() {
        let number = |key: &str| u32::try_from(span[key].as_u64()?).ok();
        let place = |line, column| elsewhere(number(line)?, number(column)?);
        let is_own = span["file_name"].as_str().is_some_and(|file| file.ends_with(GENERATED));
        let ends = place("line_start", "column_start").zip(place("line_end", "column_end"));
        let Some(((from, source), (to, _))) = ends.filter(|_| is_own) else {
            continue;
        };
        let mark = Mark {
            from: from.position,
            to: to.position,
            label: without_versions(&without_generated_places(span["label"].as_str().unwrap_or_default())),
            primary: span["is_primary"] == true,
        };
        match &mut found {
            None => found = Some((from, source, vec![mark])),
            Some((place, _, marks)) if place.count == from.count => marks.push(mark),
            Some(_) => {}
        }
    }
    found
}

fn advised(level: &str, text: &str) -> Vec<String> {
    let text = without_versions(&without_generated_places(text));
    let mut parts = text.lines();
    let label = bold().apply_to(format!("{level}:"));
    let first = format!(
        "  {} {label} {}",
        blue().apply_to("="),
        parts.next().unwrap_or_default()
    );
    std::iter::once(first)
        .chain(parts.map(|part| format!("    {part}")))
        .collect()
}

/// Types without the places in generated code that rustc names some by: `{async block@src/lib.rs:8:14: 8:19}`.
fn without_generated_places(text: &str) -> String {
    let mut pieces = text.split("@src/lib.rs:");
    let mut without = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        without.push_str(piece.trim_start_matches(|c: char| c.is_ascii_digit() || c == ':' || c == ' '));
    }
    without
}

/// What is no advice: how the compiler was called, which macro of ours the code is in, and that there are two packages of
/// one name, of which cells see the one that has all of the other.
const NO_ADVICE: [&str; 5] = [
    "RUST_BACKTRACE",
    "__show",
    "evcxr_",
    "different versions of crate `crabtree`",
    "`cargo tree` to explore your dependency tree",
];

/// What rustc adds to an error: levels and texts.
fn advice(said: &Value) -> Vec<(String, String)> {
    let mut advice = Vec::new();
    for child in said["children"].as_array().into_iter().flatten() {
        let (Some(level), Some(message)) = (child["level"].as_str(), child["message"].as_str()) else {
            continue;
        };
        if NO_ADVICE.iter().any(|part| message.contains(part)) {
            continue;
        }
        let mut text = message.to_owned();
        let suggestion = child["spans"][0]["suggested_replacement"].as_str().map(str::trim);
        if let Some(suggestion) = suggestion.filter(|suggestion| !suggestion.is_empty()) {
            text.push_str(&format!(": `{suggestion}`"));
        }
        advice.push((level.to_owned(), text));
    }
    advice
}

/// Describes an error that has at most one place.
pub(super) fn at_place(kind: &str, text: &str, place: Option<(u32, Position, &str)>) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut parts = text.lines();
    lines.push(headline(kind, parts.next().unwrap_or_default()));
    lines.extend(parts.map(str::to_owned));
    if let Some((count, position, source)) = place {
        let to = Position {
            column: position.column + 1,
            ..position
        };
        lines.push(arrow(count, position));
        lines.extend(snippet(
            source,
            &[Mark {
                from: position,
                to,
                label: String::new(),
                primary: true,
            }],
        ));
    }
    lines
}

fn headline(kind: &str, text: &str) -> String {
    format!("{}{}", red().apply_to(kind), bold().apply_to(format!(": {text}")))
}

fn arrow(count: u32, at: Position) -> String {
    format!(" {} cell [{count}] {}:{}", blue().apply_to("-->"), at.line, at.column)
}

/// The marked lines of a source with the marks below them.
fn snippet(source: &str, marks: &[Mark]) -> Vec<String> {
    let lines: Vec<&str> = source.lines().collect();
    let mut marks: Vec<&Mark> = marks.iter().filter(|mark| mark.from.line <= lines.len()).collect();
    marks.sort_by_key(|mark| (mark.from.line, !mark.primary, mark.from.column));
    marks.dedup_by_key(|mark| (mark.from, mark.to, mark.label.clone()));
    let Some(last) = marks.iter().map(|mark| mark.from.line).max() else {
        return Vec::new();
    };
    let width = last.to_string().len();
    let bar = || blue().apply_to("|");
    let mut shown = vec![format!("{:width$} {}", "", bar())];
    let mut previous = None;
    for mark in marks {
        let number = mark.from.line;
        let text = lines[number - 1];
        if previous != Some(number) {
            if previous.is_some_and(|previous| number > previous + 1) {
                shown.push(blue().apply_to("...").to_string());
            }
            shown.push(format!(
                "{} {} {text}",
                blue().apply_to(format!("{number:width$}")),
                bar()
            ));
            previous = Some(number);
        }
        let length = text.chars().count();
        let start = mark.from.column.clamp(1, length + 1) - 1;
        let end = if mark.to.line == number {
            mark.to.column.saturating_sub(1)
        } else {
            length
        };
        let under = end.saturating_sub(start).max(1);
        // A tab moves what is below it as far as what is above.
        let indent: String = text
            .chars()
            .take(start)
            .map(|c| if c == '\t' { '\t' } else { ' ' })
            .collect();
        let (sign, style) = if mark.primary { ("^", red()) } else { ("-", blue()) };
        let pointer = style.apply_to(
            format!("{} {}", sign.repeat(under), mark.label.replace('\n', " "))
                .trim_end()
                .to_owned(),
        );
        shown.push(format!("{:width$} {} {indent}{pointer}", "", bar()));
    }
    shown
}

fn red() -> Style {
    Style::new().red().bold().force_styling(true)
}

fn blue() -> Style {
    Style::new().blue().bold().force_styling(true)
}

fn bold() -> Style {
    Style::new().bold().force_styling(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(lines: &[String]) -> String {
        console::strip_ansi_codes(&lines.join("\n")).into_owned()
    }

    fn mark(line: usize, columns: std::ops::Range<usize>, label: &str, primary: bool) -> Mark {
        let at = |column| Position { line, column };
        Mark {
            from: at(columns.start),
            to: at(columns.end),
            label: label.to_owned(),
            primary,
        }
    }

    #[test]
    fn marks_are_below_what_they_mark() {
        let source = "let ä: i32 = 1;\n\n\nä + \"b\"";
        let marks = [mark(4, 3..4, "no such sum", true), mark(1, 8..11, "due to this", false)];
        let expected = "  |\n1 | let ä: i32 = 1;\n  |        --- due to this\n...\n4 | ä + \"b\"\n  |   ^ no such sum";
        assert_eq!(plain(&snippet(source, &marks)), expected);
    }

    #[test]
    fn places_in_generated_code_are_left_out_of_types() {
        let text = "found `{async block@src/lib.rs:118:14: 118:19}`, not {closure@src/lib.rs:1:2: 1:3}";
        assert_eq!(without_generated_places(text), "found `{async block}`, not {closure}");
    }

    #[test]
    fn what_rustc_says_of_how_the_library_is_built_is_left_out() {
        let said = serde_json::json!({"children": [
            {"level": "note", "message": "there are multiple different versions of crate `crabtree` in the dependency graph", "spans": []},
            {"level": "help", "message": "you can use `cargo tree` to explore your dependency tree", "spans": []},
            {"level": "help", "message": "try this", "spans": [{"suggested_replacement": " a + b "}]},
        ]});
        assert_eq!(advice(&said), [("help".to_owned(), "try this: `a + b`".to_owned())]);
    }

    #[test]
    fn a_place_outside_of_the_source_is_left_out() {
        assert!(snippet("a", &[mark(3, 1..2, "", true)]).is_empty());
    }

    #[test]
    fn a_panic_shows_its_line() {
        let place = Some((3, Position { line: 1, column: 5 }, "    boom()"));
        let expected = "panic: BOOM!\n --> cell [3] 1:5\n  |\n1 |     boom()\n  |     ^";
        assert_eq!(plain(&at_place("panic", "BOOM!", place)), expected);
    }
}
