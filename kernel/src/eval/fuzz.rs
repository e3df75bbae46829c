//! Whatever a reader types, a cell is compiled as it was written, or the compiler says what is wrong with it: nothing here
//! panics, and no text gets lost.

use std::collections::HashSet;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use ra_ap_syntax::ast::{self, AstNode as _};

use super::assist::{Scope, byte_offset, char_offset};
use super::locate::Listings;
use super::redefine::{Definitions, names};
use super::rewrite::{self, Position, Rewritten, rewrite, split};

/// Cells as readers write them.
const CELLS: [&str; 10] = [
    "let x = vec![1, 2];\nfor i in &x { println!(\"{i}\"); }\nx.len()",
    "#[derive(Debug, Clone)]\nstruct Order<T = u8> { amount: T, /* ö */ at: &'static str }\nimpl<T> Order<T> { const N: usize = 3; }",
    ":dep serde = { version = \"1\", features = [\"derive\"] }\n:vars\n// a note\nuse std::{fmt::{self, Debug as D}, collections::*};\n1",
    "macro_rules! t { ($x:ty) => { Vec<$x> }; }\nmod m { pub mod n { pub struct T(u8); } pub use self::n::*; }\nuse m::*;",
    "#[tokio::test]\nasync fn waits() { assert_eq!(\"é👩‍👩‍👧\".len(), 20) }\n#[cfg(test)] mod tests { #[test] #[should_panic(expected = \"x\")] fn f() {} }",
    "let t = spawn(async move { loop { receive! { n: u32 => send(me(), n), after ms(1) => break } } });",
    "trait Shape { fn area(&self) -> f64 { 0.0 } }\nenum E { A(u8), B { b: String } }\ntype Id = u32;\nconst fn n() -> usize { 3 }",
    "if let Some(r#type) = it.next() && x > 3 { eprintln!(\"{:?}\", error) } else { unsafe { loop {} } }",
    "!ls -l\nlet s = r#\"a \"quoted\" text\"#; let c = '\\''; let b = b\"\\xff\";\nasync { s }.await?",
    "#![allow(unused)]\nstatic S: u8 = { 1 };\nunion U { a: u8 }\nextern \"C\" fn f() {}\nlet (a, mut b) = (1, 2);",
];

/// What is put between.
const PIECES: [&str; 40] = [
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    "<",
    ">",
    "\"",
    "'",
    "`",
    "|",
    "||",
    ";",
    ",",
    ":",
    "::",
    "#",
    "#[",
    "#![",
    "!",
    "/*",
    "*/",
    "//",
    "r#\"",
    "b'",
    "\\",
    "\0",
    "\r\n",
    "\n:vars\n",
    ":dep ",
    "é",
    "👩‍👩‍👧",
    "\u{feff}",
    "\u{202e}",
    " struct ",
    " use a::*; ",
    " fn ",
    "\n",
    "src/lib.rs@1:2:3",
];

/// A cell with some pieces put in, taken out, or moved elsewhere.
fn cell() -> impl Strategy<Value = String> {
    let change = (
        0..4_u8,
        any::<prop::sample::Index>(),
        any::<prop::sample::Index>(),
        0..PIECES.len(),
    );
    (
        prop::sample::select(CELLS.to_vec()),
        prop::collection::vec(change, 0..8),
    )
        .prop_map(|(cell, changes)| {
            let mut code: Vec<char> = cell.chars().collect();
            for (kind, from, to, piece) in changes {
                let (from, to) = (from.index(code.len() + 1), to.index(code.len() + 1));
                let (from, to) = (from.min(to), from.max(to));
                match kind {
                    0 => drop(code.drain(from..to.min(from + 20))),
                    1 => {
                        let again: Vec<char> = code[from..to].to_vec();
                        code.splice(to..to, again);
                    }
                    _ => drop(code.splice(from..from, PIECES[piece].chars())),
                }
            }
            code.into_iter().collect()
        })
}

/// Whether all of `part` is in `whole`, in that order.
fn is_within(part: &str, whole: &str) -> bool {
    let mut whole = whole.chars();
    part.chars().all(|wanted| whole.any(|found| found == wanted))
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        rng_seed: RngSeed::Fixed(0x5eed),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config(1500))]

    #[test]
    fn the_statements_of_a_cell_are_all_of_its_code(code in cell()) {
        let statements = split(&code);
        let mut end = statements.first().map(|first| first.range.start);
        for statement in &statements {
            prop_assert_eq!(Some(statement.range.start), end);
            let node = statement.node_range();
            prop_assert!(statement.range.start <= node.start && node.end <= code.len(), "{:?}", node);
            prop_assert!(!statement.sound || statement.node.text() == code[node]);
            end = Some(statement.range.end);
        }
        // What does not parse may close the function that it is looked at in.
        if statements.iter().all(|statement| statement.sound) && !statements.is_empty() {
            prop_assert_eq!(end, Some(code.len()));
        }
    }

    #[test]
    fn a_cell_goes_to_the_compiler_whole_and_every_place_is_found_again(code in cell(), line in 0..30_usize, column in 0..90_usize) {
        let plan = Definitions::default().plan(&code, &split(&code));
        let cell = rewrite(&code, plan.edits);
        let has_commands = code.lines().any(|line| line.trim_start().starts_with(':'));
        let has_tests = code.contains("test");
        prop_assert_eq!(cell.code.source(), &code);
        prop_assert_eq!(cell.code.text().matches('\n').count(), code.matches('\n').count());
        if !has_commands && !has_tests {
            prop_assert!(is_within(&code, cell.code.text()), "{}", cell.code.text());
        }
        let found = cell.code.original(Position { line, column });
        prop_assert!(found.line <= code.matches('\n').count() + 1 && found.column >= 1, "{:?}", found);
        let _ = (rewrite::request(&code), rewrite::adds_dependencies(&code));
    }

    #[test]
    fn a_cell_that_is_run_again_changes_no_type(code in cell(), other in cell()) {
        // A cell that defines a name twice does not compile.
        let statements = split(&code);
        let items = statements.iter().filter_map(|statement| ast::Item::cast(statement.node.clone()));
        let names: Vec<String> = items.flat_map(|item| names(&item)).collect();
        let unique: HashSet<&String> = names.iter().collect();
        if unique.len() < names.len() || !statements.iter().all(|statement| statement.sound) {
            return Ok(());
        }
        let mut definitions = Definitions::default();
        for text in [&code, &other, &code] {
            definitions = definitions.plan(text, &split(text)).then;
        }
        let before = Rewritten::new(&code, definitions.plan(&code, &split(&code)).edits);
        let then = definitions.plan(&code, &split(&code)).then;
        let again = then.plan(&code, &split(&code));
        let after = Rewritten::new(&code, again.edits);
        // But its statics are others.
        let unnumbered = |text: &str| text.replace(|c: char| c.is_ascii_digit(), "");
        prop_assert_eq!(unnumbered(before.text()), unnumbered(after.text()));
    }

    #[test]
    fn texts_without_places_stay_as_they_are(text in cell(), code in cell()) {
        let directory = tempfile::tempdir().unwrap();
        let generated = directory.path().join("lib.rs");
        std::fs::write(&generated, format!("fn a() {{}}\n{code}\n")).unwrap();
        let listings = Listings::new(generated);
        listings.begin(1, 1, Rewritten::new(&code, Vec::new()));
        listings.keep(1);
        let located = listings.locate(text.clone(), Some(1));
        if !text.contains("src/lib.rs") {
            prop_assert_eq!(located, text);
        }
    }

    #[test]
    fn offsets_are_counted_back_and_forth_in_characters(code in cell(), count in 0..200_usize) {
        let at = byte_offset(&code, count);
        prop_assert!(code.is_char_boundary(at));
        prop_assert_eq!(char_offset(&code, at), count.min(code.chars().count()));
        let mut scope = Scope::default();
        scope.begin(&code);
        scope.end(Some(super::assist::Change { code: code.clone(), variables: Vec::new() }));
        let around = scope.around(&code);
        prop_assert_eq!(around.end - around.start, code.len());
        prop_assert!(around.text.is_char_boundary(around.start + at) || code[..at].contains(':'));
    }
}
