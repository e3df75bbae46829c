//! What a cell is turned into before evcxr sees it.
//!
//! Line numbers stay as they are, and columns move only behind a place where something was put in,
//! so that errors can be shown in the code as the reader wrote it ([`Rewritten::original`]).

mod checks;
mod edits;
mod kept;
mod statements;
mod test_functions;

pub(crate) use edits::{Edit, Position, Rewritten, place};
pub(crate) use kept::{Kept, bound};
pub(crate) use statements::{Statement, split};

use std::path::Path;

use ra_ap_syntax::ast::{self, AstNode as _};
use ra_ap_syntax::{SyntaxKind, SyntaxNode};
use test_functions::TestFunctions;

/// Dependencies that every cell has.
const BUILT_IN: [&str; 2] = ["crabtree", "tokio"];

/// A cell, ready for evcxr.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    /// The code.
    pub(crate) code: Rewritten,
    /// What is to be compiled behind it.
    pub(crate) suffix: String,
    /// What the reader is to be told.
    pub(crate) notes: Vec<String>,
    /// Whether the types of variables have to be found out, for they are not written.
    pub(crate) needs_types: bool,
    /// Whether the reader asks what commands there are.
    pub(crate) help: bool,
}

/// What a cell asks to be done before its code runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Request {
    /// `:restart`: a new host.
    Restart,
    /// `:clear`: a new session, with nothing of what was defined.
    Clear,
}

/// What a cell asks to be done before its code runs; of several requests the one that does more.
pub(crate) fn request(code: &str) -> Option<Request> {
    let requests = command_lines(code).filter_map(|line| match Command::parse(&code[line]) {
        Command::Before(request) => Some(request),
        _ => None,
    });
    requests.max()
}

/// The commands of a cell, for evcxr to follow before it gets the code, if one of them changes what cells are compiled with.
pub(crate) fn before(code: &str) -> Option<Rewritten> {
    let others = command_lines(code).filter(|line| !matches!(Command::parse(&code[line.clone()]), Command::Other));
    let mut edits: Vec<Edit> = others.map(|line| Edit::replace(line, "//")).collect();
    edits.push(Edit::replace(statements::rust_start(code)..code.len(), ""));
    changes_manifest(code).then(|| Rewritten::new(code, edits))
}

/// Whether evcxr writes another manifest because of a cell's commands.
fn changes_manifest(code: &str) -> bool {
    let is_one = |line: &str| matches!(line.split_whitespace().next(), Some(":dep" | ":opt"));
    command_lines(code).any(|line| is_one(&code[line.clone()]) && matches!(Command::parse(&code[line]), Command::Other))
}

/// Prepares a cell, without what is [`before`] it; `edits` are those that others have found necessary.
pub(crate) fn rewrite(code: &str, mut edits: Vec<Edit>) -> Cell {
    let mut notes = Vec::new();
    let mut help = false;
    let goes_before = changes_manifest(code);
    for line in command_lines(code) {
        match Command::parse(&code[line.clone()]) {
            Command::BuiltIn(name) => {
                notes.push(format!("{name} is already there, in the version that processes run on"));
                edits.push(Edit::replace(line, "//"));
            }
            Command::Refused(why) => {
                notes.push(format!("{why}\n"));
                edits.push(Edit::replace(line, "//"));
            }
            Command::Help => {
                help = true;
                edits.push(Edit::replace(line, "//"));
            }
            Command::Before(_) => edits.push(Edit::replace(line, "//")),
            Command::Other if goes_before && !line.is_empty() => edits.push(Edit::replace(line, "//")),
            Command::Other => {}
        }
    }
    let statements = split(code);
    let needs_types = !kept::all_written(&statements);
    for statement in &statements {
        edits.extend(checks::checks(statement));
        edits.extend(variants_in_patterns(statement));
    }
    let tests = TestFunctions::of(&statements);
    let suffix = tests.suffix();
    edits.extend(tests.edits);
    if let Some(last) = statements.last() {
        edits.extend(shown(last));
    }
    Cell {
        code: Rewritten::new(code, edits),
        suffix,
        notes,
        needs_types,
        help,
    }
}

/// The edits that write the types of the variables that a cell keeps; `find` gives them, in the order of its text. None if
/// one of them cannot be written.
pub(crate) fn written_types(code: &str, find: impl FnOnce() -> Option<Vec<Kept>>) -> Option<Vec<Edit>> {
    kept::written(&split(code), &find()?)
}

/// Whether a cell adds to what cells are compiled with.
pub(crate) fn adds_dependencies(code: &str) -> bool {
    command_lines(code).any(|line| code[line].split_whitespace().next() == Some(":dep"))
}

/// Whether a cell has the shell run programs.
pub(crate) fn runs_programs(code: &str) -> bool {
    command_lines(code).any(|line| code[line].starts_with('!'))
}

/// The packages that a cell adds: names, and what stands behind `=` in a manifest. Lines that evcxr will not understand
/// add nothing, and it says why.
pub(crate) fn dependencies(code: &str) -> Vec<(String, String)> {
    let lines = command_lines(code).map(|line| &code[line]);
    let added = lines.filter(|line| matches!(Command::parse(line), Command::Other));
    added.filter_map(dependency).collect()
}

fn dependency(line: &str) -> Option<(String, String)> {
    let added = line.trim().strip_prefix(":dep")?;
    let (name, config) = match added.split_once('=') {
        Some((name, config)) => (name.trim(), config.trim()),
        None => (added.trim(), "\"*\""),
    };
    if name.starts_with(['.', '/']) {
        let directory = Path::new(name).canonicalize().ok()?;
        let manifest: toml::Table = std::fs::read_to_string(directory.join("Cargo.toml"))
            .ok()?
            .parse()
            .ok()?;
        let name = manifest.get("package")?.get("name")?.as_str()?.to_owned();
        let path = toml::Table::from_iter([("path".to_owned(), directory.to_str()?.into())]);
        return Some((name, toml::Value::from(path).to_string()));
    }
    let parsed: toml::Table = format!("it = {config}").parse().ok()?;
    let mut config = parsed.get("it")?.clone();
    if let Some(path) = config.get_mut("path") {
        // A manifest elsewhere means another place by it.
        *path = Path::new(path.as_str()?).canonicalize().ok()?.to_str()?.into();
    }
    Some((name.to_owned(), config.to_string()))
}

/// The lines before the Rust code, as evcxr tells them from it: ranges without the newline.
fn command_lines(code: &str) -> impl Iterator<Item = std::ops::Range<usize>> {
    let mut start = 0;
    let end = statements::rust_start(code);
    code[..end].split_inclusive('\n').map(move |line| {
        let range = start..start + line.trim_end_matches(['\n', '\r']).len();
        start += line.len();
        range
    })
}

enum Command<'a> {
    /// `:dep` for something that every cell has.
    BuiltIn(&'a str),
    /// One of evcxr's that has no place here, and why.
    Refused(&'static str),
    Help,
    /// Something that the session does itself, before evcxr sees the cell.
    Before(Request),
    Other,
}

impl Command<'_> {
    fn parse(line: &str) -> Command<'_> {
        let mut words = line.split_whitespace();
        match words.next() {
            Some(":dep") => {
                let name = words.next().unwrap_or_default().split('=').next().unwrap_or_default();
                if BUILT_IN.contains(&name) {
                    Command::BuiltIn(name)
                } else {
                    Command::Other
                }
            }
            Some(":help") => Command::Help,
            Some(name) if let Some(why) = refusal(name) => Command::Refused(why),
            Some(":clear") => Command::Before(Request::Clear),
            Some(":restart") => Command::Before(Request::Restart),
            _ => Command::Other,
        }
    }
}

/// What is said of those commands of evcxr's, or of others, that something else replaces.
fn refusal(name: &str) -> Option<&'static str> {
    Some(match name {
        ":quit" => "`:quit` would end the kernel; shut it down from the front end",
        ":time" => "`:timing` tells how long each cell takes, until it is said again",
        ":last_error" => "`:explain` explains the last compile error; `:last_error_json` gives it as JSON",
        ":fmt" => "values are shown by `kino::Render` or `Debug`; implement one of them",
        ":efmt" => "an error that ends a cell is shown by `Debug`",
        ":types" => "`:type NAME` tells the type of a variable, `:vars` those of all",
        ":preserve_vars_on_panic" => "a panic always leaves the variables that were not moved into the cell",
        ":load_config" => {
            "`evcxr.toml`, `init.evcxr` and `prelude.rs` are not read: a notebook says itself what it needs, and so runs everywhere"
        }

        ":toolchain" => {
            "cells are compiled by the toolchain that the runtime was built with; `crabtree doctor` tells which"
        }
        ":allow_static_linking" | ":sccache" | ":cache" | ":clear_cache" => {
            "dependencies are built once for all sessions, and linked so that all cells share them; there is nothing to set"
        }
        _ => return None,
    })
}

/// Has the value of a trailing expression shown.
fn shown(last: &Statement) -> Vec<Edit> {
    // About code that does not parse the compiler should speak, and about nothing else.
    if !last.sound || !ast::Expr::can_cast(last.node.kind()) {
        return Vec::new();
    }
    let range = last.node_range();
    if gives_nothing(&last.node) {
        // Left as it is, evcxr would show `()`.
        return vec![Edit::insert(range.end, ";")];
    }
    vec![
        Edit::insert(range.start, "crabtree::__show!("),
        Edit::insert(range.end, ");"),
    ]
}

/// Expressions that have no value, as can be told by looking at them.
fn gives_nothing(node: &SyntaxNode) -> bool {
    match node.kind() {
        SyntaxKind::WHILE_EXPR | SyntaxKind::FOR_EXPR => true,
        SyntaxKind::MACRO_EXPR => {
            let call = node.descendants().find_map(ast::MacroCall::cast);
            let name = call
                .and_then(|call| call.path())
                .map(|path| path.syntax().text().to_string());
            matches!(name.as_deref(), Some("println" | "print" | "eprintln" | "eprint"))
        }
        _ => false,
    }
}

/// Makes a unit variant in the pattern of a `let`, as in `let (name, None) = …`, differ from a variable, for which evcxr
/// would take it. A name in mixed case is one; of constants and of one-letter variables it could be either.
fn variants_in_patterns(statement: &Statement) -> Vec<Edit> {
    let found = ast::LetStmt::cast(statement.node.clone());
    // What always fits is a variable, however it is written.
    let may_fail = found.as_ref().is_some_and(|found| found.let_else().is_some());
    let pattern = found.and_then(|found| found.pat());
    let pattern = pattern.filter(|pattern| may_fail || !matches!(pattern, ast::Pat::IdentPat(_)));
    let names = pattern.iter().flat_map(|pattern| pattern.syntax().descendants());
    names
        .filter_map(ast::IdentPat::cast)
        .filter(|name| {
            let text = name.syntax().text().to_string();
            let is_field = name
                .syntax()
                .parent()
                .is_some_and(|parent| ast::RecordPatField::can_cast(parent.kind()));
            // `mut`, `ref` and `@` say that it is a variable, and begin with or contain something else.
            !is_field
                && text.starts_with(char::is_uppercase)
                && text.contains(char::is_lowercase)
                && text.chars().all(|c| c.is_alphanumeric() || c == '_')
        })
        .map(|name| Edit::insert(statement.offset(name.syntax().text_range().end()), " {}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(code: &str, expected: &str) {
        assert_eq!(rewrite(code, Vec::new()).code.text(), expected);
    }

    #[test]
    fn a_trailing_expression_is_shown() {
        check("1 + 1", "crabtree::__show!(1 + 1);");
        check("let x = 1;\nx", "let x = 1;\ncrabtree::__show!(x);");
        check("vec![1]", "crabtree::__show!(vec![1]);");
        check(
            "spawn(async {\n    1\n})",
            "crabtree::__show!(spawn(async {\n    1\n}));",
        );
        check("if a { 1 } else { 2 }", "crabtree::__show!(if a { 1 } else { 2 });");
        check("x // a comment", "crabtree::__show!(x); // a comment");
        check("x\n// a comment\n", "crabtree::__show!(x);\n// a comment\n");
    }

    #[test]
    fn what_has_no_value_stays_as_it_is() {
        for code in ["let x = 1;", "f();", "struct A;", "", "// only a comment", "fn f() {}"] {
            check(code, code);
        }
        check(
            "for i in 0..3 { f(i) }",
            "for i in 0..3 { crabtree::__cell::check(); f(i) };",
        );
        check("println!(\"a\")", "println!(\"a\");");
    }

    #[test]
    fn a_variant_in_a_pattern_is_no_variable() {
        check(
            "let [(pid, None)] = f() else { return };",
            "let [(pid, None {})] = f() else { return };",
        );
        check("let Ok(Other | Another) = f();", "let Ok(Other {} | Another {}) = f();");
        check("let None = f() else { return };", "let None {} = f() else { return };");
        for code in [
            "let Odd = 5;",
            "let (a, X, MAX) = f();",
            "let Some(mut Odd) = f();",
            "let Named { x: ref Odd } = f();",
            "let Point { x, .. } = f();",
            "let Whole @ (a, b) = f();",
            "let (Ordering::Less, self::None) = f();",
        ] {
            check(code, code);
        }
    }

    #[test]
    fn what_is_there_anyway_is_not_asked_of_evcxr() {
        let code = ":dep tokio = \"1\"\n:dep serde = \"1\"\n:dep crabtree\n1";
        let cell = rewrite(code, Vec::new());
        assert_eq!(cell.code.text(), "//\n//\n//\ncrabtree::__show!(1);");
        assert_eq!(cell.notes.len(), 2);
        let before = before(code).expect("a package is added");
        assert_eq!(before.text(), "//\n:dep serde = \"1\"\n//\n");
    }

    #[test]
    fn commands_are_followed_before_the_code_where_they_change_what_cells_are_compiled_with() {
        let code = ":vars\n!ls\n:opt 3\nf()";
        assert_eq!(before(code).expect("`:opt` does").text(), ":vars\n!ls\n:opt 3\n");
        check(code, "//\n//\n//\ncrabtree::__show!(f());");
        for code in [":vars\nf();", ":dep tokio\nf();", "!ls\nf();", "f();\n:opt 3", ""] {
            assert!(before(code).is_none(), "{code}");
        }
        check(":vars\n!ls\nf();", ":vars\n!ls\nf();");
    }

    #[test]
    fn what_the_session_does_itself_is_not_asked_of_evcxr() {
        check(":clear\n1", "//\ncrabtree::__show!(1);");
        assert_eq!(request(":restart\n:clear\n1"), Some(Request::Clear));
        assert_eq!(request(":restart"), Some(Request::Restart));
        assert_eq!(request(":vars"), None);
    }

    #[test]
    fn code_that_does_not_parse_goes_to_the_compiler_unchanged() {
        check("let x = ;", "let x = ;");
        check("foo(", "foo(");
    }
}
