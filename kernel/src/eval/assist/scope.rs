//! What a cell can see: the source that the analyzer looks at.
//!
//! The items of earlier cells stand at the root, in the order in which they came. Their variables are the parameters
//! of a function, whose body is the cell that runs, if one does, and then the cell that is asked about.

use ra_ap_syntax::ast::{self, AstNode as _, HasName as _};

use crate::eval::redefine::names;
use crate::eval::rewrite::split;

/// What every cell sees.
const BEFORE: &str = "\
#![allow(warnings)]
use crabtree::prelude::*;
use crabtree::{print, println, eprint, eprintln, dbg};
";

/// The function that the cell is in.
pub(super) const FUNCTION: &str = "cell";

/// What cells have left so far, and the one that runs.
#[derive(Clone, Debug, Default)]
pub(in crate::eval) struct Scope {
    items: Vec<Item>,
    variables: Vec<(String, String)>,
    running: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Item {
    /// None for an `impl` and the like.
    names: Vec<String>,
    text: String,
    /// Of an `impl`: the type, and what it adds to that if it is of no trait.
    of: Option<(String, Vec<String>)>,
}

impl Item {
    fn new(item: &ast::Item, text: String) -> Item {
        let of = match item {
            ast::Item::Impl(item) => item.self_ty().map(|of| {
                let members = item.assoc_item_list().filter(|_| item.trait_().is_none());
                let members = members.into_iter().flat_map(|list| list.assoc_items());
                let names = members.filter_map(|member| match member {
                    ast::AssocItem::Fn(member) => member.name(),
                    ast::AssocItem::Const(member) => member.name(),
                    _ => None,
                });
                (of.to_string(), names.map(|name| name.to_string()).collect())
            }),
            _ => None,
        };
        Item {
            names: names(item),
            text,
            of,
        }
    }

    /// Whether it is gone once `item` is defined.
    fn is_replaced_by(&self, item: &Item) -> bool {
        let common = |ours: &[String], theirs: &[String]| ours.iter().any(|name| theirs.contains(name));
        let header = |text: &str| text.split('{').next().map(str::to_owned);
        match (&self.of, &item.of) {
            (Some((of, ours)), Some((other, theirs))) if !(ours.is_empty() && theirs.is_empty()) => {
                of == other && common(ours, theirs)
            }
            _ if self.names.is_empty() && item.names.is_empty() => header(&self.text) == header(&item.text),
            _ => common(&self.names, &item.names),
        }
    }
}

/// What a cell that compiled left behind.
#[derive(Clone, Debug)]
pub(in crate::eval) struct Change {
    /// The cell.
    pub(in crate::eval) code: String,
    /// All variables of the session, with their types.
    pub(in crate::eval) variables: Vec<(String, String)>,
}

/// A cell within the source that surrounds it.
#[derive(Clone, Debug)]
pub(in crate::eval) struct Surrounded {
    /// The whole source.
    pub(in crate::eval) text: String,
    /// Where the cell begins in it.
    pub(in crate::eval) start: usize,
    /// Where the cell ends in it.
    pub(in crate::eval) end: usize,
}

impl Scope {
    /// A cell begins.
    pub(in crate::eval) fn begin(&mut self, code: &str) {
        let sound = split(code).iter().all(|statement| statement.sound);
        // What does not parse would swallow the cell that is asked about.
        self.running = sound.then(|| rust(code));
    }

    /// The running cell has ended.
    pub(in crate::eval) fn end(&mut self, change: Option<Change>) {
        self.running = None;
        let Some(Change { code, variables }) = change else {
            return;
        };
        self.variables = variables;
        for statement in split(&code) {
            let Some(item) = ast::Item::cast(statement.node.clone()) else {
                continue;
            };
            let text = with_documentation(&code, statement.node_range());
            self.define(Item::new(&item, text.to_owned()));
        }
    }

    /// Adds an item in the place of the ones that it replaces. A type that is another one has nothing of what the earlier
    /// one was given.
    fn define(&mut self, item: Item) {
        let (replaced, kept): (Vec<Item>, Vec<Item>) = std::mem::take(&mut self.items)
            .into_iter()
            .partition(|old| old.is_replaced_by(&item));
        let changed = replaced.iter().filter(|old| old.text != item.text);
        let changed: Vec<&String> = changed.flat_map(|old| &old.names).collect();
        self.items = kept;
        self.items
            .retain(|old| old.of.as_ref().is_none_or(|(of, _)| !changed.contains(&of)));
        self.items.push(item);
    }

    /// The source in which a cell stands as it is compiled: with its items at the root.
    pub(in crate::eval) fn with(&self, cell: &str) -> String {
        let mut scope = self.clone();
        scope.end(Some(Change {
            code: cell.to_owned(),
            variables: self.variables.clone(),
        }));
        let statements = split(cell).into_iter();
        let code: Vec<&str> = statements
            .filter(|statement| !ast::Item::can_cast(statement.node.kind()))
            .map(|statement| &cell[statement.node_range()])
            .collect();
        scope.around(&code.join("\n;\n")).text
    }

    /// The source for a cell.
    pub(in crate::eval) fn around(&self, cell: &str) -> Surrounded {
        let mut text = BEFORE.to_owned();
        for item in &self.items {
            text.push_str(&item.text);
            text.push('\n');
        }
        text.push_str(&format!("async fn {FUNCTION}("));
        for (name, type_name) in &self.variables {
            text.push_str(&format!("mut {name}: {}, ", without_versions(type_name)));
        }
        text.push_str(") -> Result<(), Box<dyn std::error::Error>> {\n");
        if let Some(running) = &self.running {
            text.push_str(running);
            text.push_str("\n;\n");
        }
        let start = text.len();
        text.push_str(&rust(cell));
        let end = text.len();
        text.push_str("\n;\nOk(()) }\n");
        Surrounded { text, start, end }
    }
}

/// An item with the documentation above it, which evcxr leaves out where it begins a cell.
fn with_documentation(code: &str, item: std::ops::Range<usize>) -> &str {
    let mut start = item.start;
    for line in code[..item.start].split_inclusive('\n').rev() {
        if !line.trim_start().starts_with("///") {
            break;
        }
        start -= line.len();
    }
    &code[start..item.end]
}

/// A cell with its commands blanked, so that every byte stays where it is.
fn rust(code: &str) -> String {
    let mut text = String::with_capacity(code.len());
    for line in code.split_inclusive('\n') {
        let trimmed = line.trim_start();
        if trimmed.starts_with(':') && !trimmed.starts_with("::") {
            text.extend(line.bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }));
        } else {
            text.push_str(line);
        }
    }
    text
}

/// A type without the modules that tell its redefinitions apart: here each type is defined once.
pub(in crate::eval) fn without_versions(type_name: &str) -> String {
    let mut left = type_name;
    let mut text = String::with_capacity(type_name.len());
    while let Some(at) = left.find("crab_") {
        text.push_str(&left[..at]);
        left = &left[at..];
        let mut path = left.splitn(3, "::");
        let versioned = (path.next(), path.next(), path.next());
        match versioned {
            (Some(module), Some(version), Some(rest)) if is_word(module) && is_version(version) => left = rest,
            _ => {
                text.push_str("crab_");
                left = &left["crab_".len()..];
            }
        }
    }
    text + left
}

fn is_word(text: &str) -> bool {
    text.chars().all(|c| c.is_alphanumeric() || c == '_')
}

fn is_version(text: &str) -> bool {
    // Those of a subshell say which: `s2v1`.
    let shell = text
        .strip_prefix('s')
        .map(|text| text.trim_start_matches(|c: char| c.is_ascii_digit()));
    shell
        .unwrap_or(text)
        .strip_prefix('v')
        .is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(cells: &[&str]) -> Scope {
        let mut scope = Scope::default();
        for code in cells {
            scope.begin(code);
            scope.end(Some(Change {
                code: (*code).to_owned(),
                variables: vec![("a".to_owned(), "Vec<crab_Foo::v2::Foo>".to_owned())],
            }));
        }
        scope
    }

    #[test]
    fn an_item_takes_the_place_of_the_one_it_redefines() {
        let scope = after(&[
            "struct Foo(u8);",
            "impl Foo { fn a() {} }",
            "struct Foo(u16);",
            "impl Foo { fn b() {} }",
        ]);
        let text = scope.around("a.").text;
        assert!(text.contains("struct Foo(u16);\nimpl Foo { fn b() {} }\n"), "{text}");
        assert!(!text.contains("u8") && !text.contains("fn a()"), "{text}");
        assert!(text.contains("mut a: Vec<Foo>"), "{text}");
    }

    #[test]
    fn an_impl_takes_the_place_of_those_that_define_the_same() {
        let scope = after(&[
            "struct Foo;\nimpl Foo { fn a() {} }\nimpl Foo { fn b() {} }\nimpl Foo { const C: u8 = 1; }",
            "impl Foo { fn b() { one() } }\nimpl Clone for Foo { fn clone(&self) -> Foo { one() } }",
            "impl Clone for Foo { fn clone(&self) -> Foo { two() } }\nimpl Copy for Foo {}\nimpl Copy for Foo {}",
            "struct Foo;",
        ]);
        let text = scope.around("").text;
        for kept in [
            "fn a() {}",
            "fn b() { one() }",
            "const C",
            "two()",
            "impl Copy for Foo {}",
        ] {
            assert_eq!(text.matches(kept).count(), 1, "{kept}: {text}");
        }
        for replaced in ["fn b() {}", "-> Foo { one() }"] {
            assert!(!text.contains(replaced), "{replaced}: {text}");
        }
    }

    #[test]
    fn an_item_keeps_its_documentation_wherever_it_is_in_its_cell() {
        let text = after(&["// Note.\n/// One\n/// more.\nfn a() {}\n/// Two.\nfn b() {}"])
            .around("")
            .text;
        assert!(
            text.contains("/// One\n/// more.\nfn a() {}") && text.contains("/// Two.\nfn b() {}"),
            "{text}"
        );
        assert!(!text.contains("Note"), "{text}");
    }

    #[test]
    fn a_cell_stays_where_it_is_told_to_be_and_its_commands_are_blank() {
        let cell = ":dep ö = \"1\"\nlet x = \"é🦀\";\nx.";
        let Surrounded { text, start, end } = after(&[]).around(cell);
        assert_eq!(end - start, cell.len());
        assert!(text[start..end].ends_with("\nlet x = \"é🦀\";\nx."));
        assert!(text[start..end].starts_with("      "));
    }

    #[test]
    fn the_running_cell_is_seen_unless_it_does_not_parse() {
        let mut scope = after(&[]);
        scope.begin("let running = 1;");
        assert!(scope.around("r").text.contains("let running = 1;\n;\nr"));
        scope.begin("let running = (1;");
        assert!(!scope.around("r").text.contains("running"));
        scope.end(None);
        assert!(!scope.around("r").text.contains("running"));
    }

    #[test]
    fn names_that_look_like_versions_are_left_alone() {
        assert_eq!(without_versions("crab_Foo::v12::Foo<crab_x::Bar>"), "Foo<crab_x::Bar>");
        assert_eq!(without_versions("Vec<crab_Foo::s2v1::Foo>"), "Vec<Foo>");
        assert_eq!(without_versions("my::crab_cake"), "my::crab_cake");
    }
}
