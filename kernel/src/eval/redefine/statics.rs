//! Statics that all cells share.
//!
//! Each cell is compiled with all items of the session, so there would be a `static` for each cell. Those of named items,
//! and of the `impl`s and functions that come with them, are given a symbol instead, the same in each cell. The host has
//! the loader look for symbols in the libraries of the cells that defined them first (`code` in the host), and so there is
//! one. Running a cell again defines its statics anew. Whatever changes the type of a static, which is an affected item or
//! other dependencies, gives it another symbol. This is how libraries work in ELF; elsewhere each cell has its own. So it
//! has of statics that macros make, and of those in an `impl` that came without its type: nobody would see them change.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use ra_ap_syntax::ast::{self, AstNode as _, HasAttrs as _};
use ra_ap_syntax::{SyntaxElement, SyntaxNode, TextSize};

/// How the symbols of statics begin; the shell and a number follow.
const SYMBOL: &str = "crabtree_static_";

/// How many symbols there are.
#[derive(Clone, Debug, Default)]
pub(super) struct Symbols(Arc<AtomicU32>);

impl Symbols {
    /// What gives a static of this shell a symbol that no other has.
    pub(super) fn next(&self, shell: u32) -> String {
        // It orders nothing.
        let number = self.0.fetch_add(1, Ordering::Relaxed);
        format!("#[unsafe(export_name = \"{SYMBOL}{shell}_{number}\")] ")
    }
}

/// A text, and where statics in it can be given symbols.
#[derive(Clone, Debug, Default)]
pub(super) struct Source {
    pub(super) text: String,
    pub(super) statics: Vec<usize>,
}

impl Source {
    pub(super) fn has_statics(&self) -> bool {
        !self.statics.is_empty()
    }

    /// Adds a line, with statics at these offsets in it.
    pub(super) fn push_line(&mut self, line: &str, statics: impl Iterator<Item = usize>) {
        let before = self.text.len();
        self.statics.extend(statics.map(|at| before + at));
        self.text.push_str(line);
        self.text.push('\n');
    }

    /// The text, with a symbol for each static.
    pub(super) fn with(&self, mut symbol: impl FnMut() -> String) -> String {
        inserted(&self.text, self.statics.iter().map(|at| (*at, symbol())))
    }
}

/// A text with others put into it, at offsets that grow.
pub(super) fn inserted(text: &str, what: impl Iterator<Item = (usize, impl AsRef<str>)>) -> String {
    let mut inserted = String::with_capacity(text.len() + 32);
    let mut taken = 0;
    for (at, what) in what {
        inserted.push_str(&text[taken..at]);
        inserted.push_str(what.as_ref());
        taken = at;
    }
    inserted.push_str(&text[taken..]);
    inserted
}

/// Offsets of the statics in a node, itself included, that can be given a symbol. One whose attributes may say where it is
/// to be is left alone.
pub(super) fn of(node: &SyntaxNode) -> impl Iterator<Item = TextSize> {
    let is_harmless = |attribute: ast::Attr| {
        let name = attribute.simple_name();
        name.is_some_and(|name| matches!(name.as_str(), "allow" | "cfg" | "doc" | "expect" | "warn"))
    };
    node.descendants()
        .filter_map(ast::Static::cast)
        .filter(move |item| item.body().is_some() && item.attrs().all(is_harmless))
        .map(|item| item.syntax().text_range().start())
}

/// Whether anything in a node may have a symbol that its author chose.
pub(super) fn exports(node: &SyntaxNode) -> bool {
    let mut tokens = node.descendants_with_tokens().filter_map(SyntaxElement::into_token);
    tokens.any(|token| matches!(token.text(), "no_mangle" | "export_name"))
}

#[cfg(test)]
mod tests {
    use super::super::super::rewrite::{Rewritten, split};
    use super::super::Definitions;
    use super::*;

    /// Submits cells one after the other; returns what the compiler gets of each, with symbols in short, and whether its
    /// library is shared.
    fn compiled(cells: &[&str]) -> Vec<(String, bool)> {
        let mut definitions = Definitions::default();
        let compiled = cells.iter().map(|cell| {
            let plan = definitions.plan(cell, &split(cell));
            let text = Rewritten::new(cell, plan.edits).text().to_owned() + &plan.suffix;
            definitions = plan.then;
            definitions.statics_are_shared();
            let short = (0..9).fold(text, |text, number| {
                let symbol = format!("#[unsafe(export_name = \"{SYMBOL}0_{number}\")]");
                text.replace(&symbol, &format!("#[{number}]"))
            });
            (short, plan.shares)
        });
        compiled.collect()
    }

    #[test]
    fn a_static_has_a_symbol_from_the_cell_on_that_defines_it() {
        let shared = |text: &str| (text.to_owned(), true);
        assert_eq!(compiled(&["static S: u8 = 1;"]), [shared("#[0] static S: u8 = 1;")]);
        assert_eq!(
            compiled(&["fn f() -> u8 { static A: u8 = 1; static B: u8 = 2; A + B }"]),
            [shared(
                "fn f() -> u8 { #[0] static A: u8 = 1; #[1] static B: u8 = 2; A + B }"
            )]
        );
        assert_eq!(
            compiled(&["struct F;\nimpl F {\n    fn f() {\n        /// Text.\n        static A: u8 = 1;\n    }\n}"]),
            [shared(
                "struct F;\nimpl F {\n    fn f() {\n        #[0] /// Text.\n        static A: u8 = 1;\n    }\n}"
            )]
        );
        let again = compiled(&["static S: u8 = 1;", "S", "static S: u8 = 1;"]);
        assert_eq!(again[1..], [("S".to_owned(), false), shared("#[1] static S: u8 = 1;")]);
    }

    #[test]
    fn a_static_of_a_changed_type_is_another_one() {
        let cells = [
            "struct T(u8);",
            "static S: T = T(1);",
            "static OTHER: u8 = 1;",
            "struct T(u16);",
        ];
        let (text, shares) = compiled(&cells).pop().unwrap();
        assert!(shares && text.ends_with("\n#[2] pub static S: T = T(1);\n"), "{text}");
        assert!(!text.contains("OTHER"), "{text}");
        let cells = [
            "struct T(u8);",
            "struct A;\nimpl A { fn f(&self) -> &T { static S: T = T(1); &S } }",
            "struct T(u16);",
        ];
        // The type keeps its path, for it has nothing of the other in it.
        let (text, _) = compiled(&cells).pop().unwrap();
        assert!(text.contains("#[1] static S: T"), "{text}");
    }

    #[test]
    fn statics_begin_anew_when_their_types_may_be_others() {
        let mut definitions = Definitions::default();
        for cell in ["static S: other::T = other::T;", "struct A;"] {
            definitions = definitions.plan(cell, &split(cell)).then;
        }
        definitions.begin_statics_anew();
        let plan = definitions.plan("1", &split("1"));
        assert!(
            plan.shares && plan.suffix.contains("crabtree_static_0_1\")] pub static S"),
            "{}",
            plan.suffix
        );
        let mut definitions = plan.then;
        let without_code = definitions.plan("1", &split("1"));
        assert_eq!((without_code.suffix, without_code.shares), (String::new(), true));
        definitions.statics_are_shared();
        assert!(!definitions.plan("1", &split("1")).shares);
    }

    #[test]
    fn statics_that_are_told_where_to_be_are_left_alone() {
        for cell in [
            "#[unsafe(no_mangle)] static S: u8 = 1;",
            "#[unsafe(link_section = \"x\")] static S: u8 = 1;",
            "unsafe extern \"C\" { safe static S: u8; }",
            "let f = || { static S: u8 = 1; S };",
            "struct A; macro_rules! m { () => { static S: u8 = 1; } }",
        ] {
            assert_eq!(compiled(&[cell]), [(cell.to_owned(), false)]);
        }
    }

    #[test]
    fn no_library_with_symbols_of_its_author_is_shared() {
        let shares = |cells: &[&str]| {
            compiled(cells)
                .into_iter()
                .map(|(_, shares)| shares)
                .collect::<Vec<_>>()
        };
        let export = "#[unsafe(no_mangle)] extern \"C\" fn f() {}";
        assert_eq!(
            shares(&["static S: u8 = 1;", export, "static T: u8 = 1;"]),
            [true, false, false]
        );
    }
}
