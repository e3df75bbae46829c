//! Redefinition that is sound.
//!
//! Rust tells types apart by their paths, and every cell is a crate of the same name. So a struct that a later cell
//! defines differently would pass for the old one, and a variable, or a message on its way, would be read as what it is
//! not. This module gives a changed type a path of its own:
//!
//! ```text
//! pub mod crab_Foo { pub mod v2 { use super::super::*; pub struct Foo { pub x: String } } } use crab_Foo::v2::Foo;
//! ```
//!
//! Then evcxr finds that variables of the old type do not fit and says that they are lost, and a process that an older
//! cell started does not take the new type's messages for its own.
//!
//! # Invariants
//! 1. An item is *changed* when its tokens are others than before, comments and derives aside, and it is *affected* when
//!    it mentions a changed or affected name. Whatever defines types and is affected gets a new version, also when the
//!    cell does not contain it: it is submitted again, with the `impl`s that came with it.
//! 2. Versions only grow, and an item that was not affected keeps its version, however often it is submitted.
//! 3. Nothing here is remembered before the cell has compiled, but which symbols were used: none is used again.
//! 4. What has the same symbol has the same type, laid out in the same way.
//!
//! # Globs
//! A glob import of a module, or an enum, of the session gives a meaning to each name that is declared in it, and to those
//! that it imports in turn. Of one from elsewhere it is not known which names it brings. It cannot change what cells have
//! named themselves, and two globs that differ are an error; but it can hide names that every cell has from std. Where an
//! item mentions one of those, the compiler is asked whether it still is what it was.
//!
//! # Limits
//! The types of closures and futures within methods keep their paths, for those do not lead through the type. No variable
//! can have such a type; only generic code that takes messages of it could confuse two of them.

mod item;
mod statics;

use std::collections::{BTreeMap, BTreeSet};

use ra_ap_syntax::ast::{self, AstNode as _};

use super::rewrite::{Edit, Statement};
pub(super) use item::names;
use item::{Facts, Projections};
use statics::{Source, Symbols, inserted};

/// The items of a session.
#[derive(Clone, Debug, Default)]
pub(super) struct Definitions {
    by_name: BTreeMap<String, Definition>,
    /// Zero in the main shell.
    shell: u32,
    /// The paths of glob imports.
    globs: BTreeSet<Vec<String>>,
    symbols: Symbols,
    /// Whether no static is to be the one that it was.
    stale: bool,
    /// Whether there are statics of which no library is shared.
    unshared: bool,
    /// Whether cells have symbols that their authors chose. They must not be found in place of later ones, so that no
    /// library is searched from then on.
    exports: bool,
}

/// An item, with the `impl`s that evcxr keeps with it.
#[derive(Clone, Debug)]
struct Definition {
    facts: Facts,
    projections: Vec<Projections>,
    version: Version,
    /// The item, opened, and what follows it.
    source: Source,
    rest: Source,
    /// The names that statics in what follows it may depend on.
    rest_mentions: BTreeSet<String>,
}

/// Which path an item has. The shells of a session share processes, and so messages: what is defined in a subshell has
/// paths that no other shell uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Version {
    /// In which shell it was defined so.
    shell: u32,
    /// Zero at the root, which is for the main shell only; from one on in a module.
    number: u32,
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Version { shell: 0, number } => write!(f, "v{number}"),
            Version { shell, number } => write!(f, "s{shell}v{number}"),
        }
    }
}

/// What a cell's definitions ask for.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    /// Changes to the cell.
    pub(super) edits: Vec<Edit>,
    /// What is to be compiled behind the cell.
    pub(super) suffix: String,
    /// Whether later cells are to find statics in the library of this one.
    pub(super) shares: bool,
    /// The items of the session, once the cell has compiled.
    pub(super) then: Definitions,
}

/// An item of a cell, and where it is.
struct Found<'a> {
    names: Vec<String>,
    definition: Definition,
    statement: &'a Statement,
    /// Where in the cell its statics are, and those of what follows it.
    statics: Vec<usize>,
}

impl Definitions {
    /// The same items, for a subshell with this number, from one on.
    pub(super) fn for_subshell(&self, shell: u32) -> Definitions {
        Definitions { shell, ..self.clone() }
    }

    /// The types of statics may have changed with the dependencies, or the host that had the statics is gone.
    pub(super) fn begin_statics_anew(&mut self) {
        self.stale = true;
    }

    /// The library of the cell that was planned last is shared: its code has begun to run. That of a cell without code
    /// never does, and the next one stands in for it.
    pub(super) fn statics_are_shared(&mut self) {
        self.unshared = false;
    }

    /// Looks at the items of a cell.
    pub(super) fn plan(&self, code: &str, statements: &[Statement]) -> Plan {
        let found = find(code, statements);
        let mut then = self.clone();
        then.stale = false;
        then.exports |= statements.iter().any(|statement| statics::exports(&statement.node));
        let first = Version {
            shell: self.shell,
            number: u32::from(self.shell > 0),
        };
        for Found { names, definition, .. } in &found {
            for name in names {
                let version = self.by_name.get(name).map_or(first, |known| known.version);
                let definition = Definition {
                    version,
                    ..definition.clone()
                };
                then.by_name.insert(name.clone(), definition);
            }
        }
        let new_globs: Vec<Vec<String>> = globs(statements)
            .into_iter()
            .filter(|glob| then.globs.insert(glob.clone()))
            .collect();
        let mut changed = self.changed_by(&found);
        changed.extend(new_globs.iter().flat_map(|glob| then.brought_by(glob)));
        let affected = then.affected_by(changed, self);
        for name in &affected {
            if let (Some(definition), true) = (then.by_name.get_mut(name), self.by_name.contains_key(name)) {
                definition.version = Version {
                    shell: self.shell,
                    number: definition.version.number + 1,
                };
            }
        }

        let mut edits = Vec::new();
        let mut suffix = self.checks(&new_globs, &then);
        let mut here = BTreeSet::new();
        let mut shares = false;
        for found in &found {
            shares |= !found.statics.is_empty();
            let symbols = found.statics.iter();
            let symbols = symbols
                .map(|at| Edit::insert(*at, self.symbols.next(self.shell)))
                .collect();
            match found.names.iter().map(|name| (name, &then.by_name[name])).next() {
                Some((name, definition)) if definition.is_versioned() => {
                    edits.extend(wrapped(name, definition, found.statement, symbols));
                }
                _ => edits.extend(symbols),
            }
            for name in &found.names {
                here.insert(name.clone());
                let definition = &then.by_name[name];
                if definition.version.number > 0 && !definition.facts.defines_types {
                    // What was a type is something else now: the module that held it must not speak of it any more.
                    suffix.push_str(&format!("\nmod crab_{name} {{}}"));
                }
            }
        }
        let elsewhere = then.by_name.iter().filter(|(name, _)| !here.contains(*name));
        for (name, definition) in elsewhere {
            let moves = definition.facts.defines_types && affected.contains(name);
            let is_another = definition.has_statics()
                && (self.stale || affected.contains(name) || !definition.rest_mentions.is_disjoint(&affected));
            if moves || is_another {
                shares |= definition.has_statics();
                suffix.push('\n');
                suffix.push_str(&definition.again(name, || self.symbols.next(self.shell)));
            }
        }
        let shares = (shares || self.unshared) && !then.exports;
        then.unshared = shares;
        Plan {
            edits,
            suffix,
            shares,
            then,
        }
    }

    /// The names whose meaning the items of a cell change.
    fn changed_by(&self, found: &[Found<'_>]) -> BTreeSet<String> {
        let mut changed = BTreeSet::new();
        for Found { names, definition, .. } in found {
            for name in names {
                let Some(known) = self.by_name.get(name) else {
                    // Whoever mentions it meant something else until now.
                    changed.insert(name.clone());
                    continue;
                };
                if known.facts.signature != definition.facts.signature {
                    changed.insert(name.clone());
                }
                if known.projections != definition.projections {
                    let both = known.projections.iter().chain(&definition.projections);
                    changed.extend(both.flat_map(|projections| projections.of.iter().cloned()));
                }
            }
        }
        changed
    }

    /// Those names and all items that mention one of them, or mention one that does; with what globs bring of them, now or
    /// `before`.
    fn affected_by(&self, mut names: BTreeSet<String>, before: &Definitions) -> BTreeSet<String> {
        loop {
            let known = names.len();
            let globs: Vec<&Vec<String>> = (self.globs.iter())
                .filter(|glob| glob.iter().any(|part| names.contains(part)))
                .collect();
            for glob in globs {
                names.extend(self.brought_by(glob));
                names.extend(before.brought_by(glob));
            }
            let mentions_one = |definition: &Definition| !definition.facts.mentions.is_disjoint(&names);
            let more: Vec<String> = (self.by_name.iter())
                .filter(|(name, definition)| !names.contains(*name) && mentions_one(definition))
                .map(|(name, _)| name.clone())
                .collect();
            names.extend(more);
            if names.len() == known {
                return names;
            }
        }
    }

    /// The names that a glob import can bring from modules of the session.
    fn brought_by(&self, glob: &[String]) -> BTreeSet<String> {
        let mut brought = BTreeSet::new();
        let mut seen = BTreeSet::new();
        let mut next: Vec<&String> = glob.iter().collect();
        while let Some(name) = next.pop() {
            let Some(definition) = self.by_name.get(name).filter(|_| seen.insert(name)) else {
                continue;
            };
            brought.extend(definition.facts.declares.iter().cloned());
            // What it imports in turn, or what a `use` stands for.
            next.extend(&definition.facts.mentions);
        }
        brought
    }

    /// What has the compiler see to it that globs from outside of the session leave std's names as they were.
    fn checks(&self, globs: &[Vec<String>], then: &Definitions) -> String {
        let is_elsewhere = |glob: &&Vec<String>| match glob.iter().find(|part| *part != "crate" && *part != "self") {
            Some(root) => !then.by_name.contains_key(root) && !WITHOUT_SURPRISES.contains(&root.as_str()),
            None => false,
        };
        if !globs.iter().any(|glob| is_elsewhere(&glob)) {
            return String::new();
        }
        let is_mentioned = |name: &str| self.by_name.values().any(|item| item.facts.mentions.contains(name));
        let checked = OF_STD
            .iter()
            .filter(|(name, ..)| is_mentioned(name) && !then.by_name.contains_key(*name));
        let checks = checked.map(|(name, arguments, path)| {
            format!("\nconst _: fn({name}{arguments}) -> ::std::{path}::{name}{arguments} = |same| same;")
        });
        checks.collect()
    }
}

impl Definition {
    fn new(facts: Facts, source: Source) -> Definition {
        Definition {
            facts,
            projections: Vec::new(),
            version: Version::default(),
            source,
            rest: Source::default(),
            rest_mentions: BTreeSet::new(),
        }
    }

    /// Whether it is in a module.
    fn is_versioned(&self) -> bool {
        self.version.number > 0 && self.facts.defines_types
    }

    fn has_statics(&self) -> bool {
        self.source.has_statics() || self.rest.has_statics()
    }

    /// What defines it once more, in a cell that it does not come from.
    fn again(&self, name: &str, mut symbol: impl FnMut() -> String) -> String {
        let source = self.source.with(&mut symbol);
        let rest = self.rest.with(&mut symbol);
        if self.is_versioned() {
            let (before, after) = (before(name, self.version), after(name, self.version));
            format!("{before}{source}\n{after}\n{rest}")
        } else {
            format!("{source}\n{rest}")
        }
    }
}

/// Names of std that every cell has, and that something else could have: with arguments, and where they are.
const OF_STD: [(&str, &str, &str); 5] = [
    ("Box", "<u8>", "boxed"),
    ("Option", "<u8>", "option"),
    ("Result", "<u8, u8>", "result"),
    ("String", "", "string"),
    ("Vec", "<u8>", "vec"),
];

/// Crates whose globs bring none of these that one could take for std's.
const WITHOUT_SURPRISES: [&str; 5] = ["alloc", "core", "crabtree", "std", "tokio"];

/// The paths of the glob imports of a cell.
fn globs(statements: &[Statement]) -> Vec<Vec<String>> {
    let uses = statements
        .iter()
        .filter_map(|statement| ast::Use::cast(statement.node.clone()));
    let imports = uses.flat_map(|item| item::imports(&item));
    imports
        .filter(|import| import.name.is_none())
        .map(|import| import.path)
        .collect()
}

/// The items of a cell. An `impl` belongs to the named item before it, as evcxr has it.
fn find<'a>(code: &str, statements: &'a [Statement]) -> Vec<Found<'a>> {
    let mut found: Vec<Found<'a>> = Vec::new();
    let mut owner = None;
    for statement in statements {
        let Some(item) = ast::Item::cast(statement.node.clone()) else {
            continue;
        };
        if let ast::Item::Use(item) = &item {
            found.extend(item::imports(item).into_iter().filter_map(|import| {
                Some(Found {
                    definition: Definition::new(import.facts(), Source::default()),
                    names: vec![import.name?],
                    statement,
                    statics: Vec::new(),
                })
            }));
            continue;
        }
        let names = item::names(&item);
        let statics: Vec<usize> = statics::of(item.syntax()).map(|at| statement.offset(at)).collect();
        let range = statement.node_range();
        let (start, text) = (range.start, &code[range]);
        if !names.is_empty() {
            owner = Some(found.len());
            let facts = Facts::of(&item);
            found.push(Found {
                names,
                definition: Definition::new(facts.clone(), opened(text, statement, &facts, &statics)),
                statement,
                statics,
            });
        } else if let Some(owner) = owner {
            let owner: &mut Found<'_> = &mut found[owner];
            owner.definition.projections.extend(Projections::of(&item));
            if !statics.is_empty() {
                owner.definition.rest_mentions.extend(item::mentions(item.syntax()));
            }
            let within = statics.iter().map(|at| at - start);
            owner.definition.rest.push_line(text, within);
            owner.statics.extend(statics);
        }
    }
    found
}

/// The text of an item with `pub ` where it is needed in a module, and its statics, which are at those offsets of the cell.
fn opened(text: &str, statement: &Statement, facts: &Facts, statics: &[usize]) -> Source {
    let start = statement.node_range().start;
    let mut opens: Vec<usize> = facts.opens.iter().map(|open| statement.offset(*open) - start).collect();
    opens.sort_unstable();
    let moved = |at: usize| at + PUB.len() * opens.iter().filter(|open| **open < at).count();
    Source {
        text: inserted(text, opens.iter().map(|open| (*open, PUB))),
        statics: statics.iter().map(|at| moved(at - start)).collect(),
    }
}

const PUB: &str = "pub ";

/// The same, as edits of the cell, within the module of its version.
fn wrapped(name: &str, definition: &Definition, statement: &Statement, symbols: Vec<Edit>) -> Vec<Edit> {
    let range = statement.node_range();
    let mut edits = vec![Edit::insert(range.start, before(name, definition.version))];
    edits.extend(symbols);
    let opens = definition.facts.opens.iter();
    edits.extend(opens.map(|open| Edit::insert(statement.offset(*open), PUB)));
    edits.push(Edit::insert(range.end, after(name, definition.version)));
    edits
}

fn before(name: &str, version: Version) -> String {
    // The printing macros of a cell are named in its root, where a glob does not find them before std's.
    format!(
        "#[allow(non_snake_case)] pub mod crab_{name} {{ pub mod {version} {{ #[allow(unused_imports)] use super::super::*; \
         #[allow(unused_imports)] use crabtree::{{print, println, eprint, eprintln, dbg}}; "
    )
}

fn after(name: &str, version: Version) -> String {
    format!(" }} }} use crab_{name}::{version}::{name};")
}

#[cfg(test)]
mod tests {
    use super::super::rewrite::{Rewritten, split};
    use super::*;

    /// Submits cells one after the other; returns the names and versions that the last one gives new paths.
    #[track_caller]
    fn versions(cells: &[&str]) -> Vec<(String, u32)> {
        let mut definitions = Definitions::default();
        let mut text = String::new();
        for cell in cells {
            let plan = definitions.plan(cell, &split(cell));
            text = Rewritten::new(cell, plan.edits).text().to_owned() + &plan.suffix;
            definitions = plan.then;
        }
        let mut seen: Vec<(String, u32)> = text
            .split("use crab_")
            .skip(1)
            .filter_map(|rest| {
                let (name, rest) = rest.split_once("::v")?;
                let version = rest.split("::").next()?.parse().ok()?;
                Some((name.to_owned(), version))
            })
            .collect();
        seen.sort();
        seen
    }

    #[track_caller]
    fn check(cells: &[&str], expected: &[(&str, u32)]) {
        let expected: Vec<(String, u32)> = expected
            .iter()
            .map(|(name, version)| ((*name).to_owned(), *version))
            .collect();
        assert_eq!(versions(cells), expected);
    }

    #[test]
    fn a_first_definition_stays_where_it_is() {
        check(&["struct Foo { x: i32 }"], &[]);
    }

    #[test]
    fn the_same_definition_keeps_its_path() {
        check(
            &["struct Foo { x: i32 }", "/// Documented.\nstruct Foo { x: i32, }"],
            &[],
        );
        check(&["struct Foo((u8,));", "struct Foo((u8));"], &[("Foo", 1)]);
        check(
            &["struct Foo { x: i32 }", "struct Foo {\n    x: i32 // a number\n}"],
            &[],
        );
        check(
            &["struct Foo { x: i32 }", "#[derive(Debug)]\nstruct Foo { x: i32 }"],
            &[],
        );
    }

    #[test]
    fn a_changed_field_gets_a_new_path_and_a_further_change_another() {
        let cells = [
            "struct Foo { x: i32 }",
            "struct Foo { x: i64 }",
            "struct Foo { x: String }",
        ];
        check(&cells[..2], &[("Foo", 1)]);
        check(&cells, &[("Foo", 2)]);
        let again = [cells[0], cells[1], cells[1]];
        check(&again, &[("Foo", 1)]);
    }

    #[test]
    fn what_contains_a_changed_type_moves_with_it() {
        let cells = [
            "struct Foo { x: i32 }",
            "struct Bar(Vec<Foo>);\nimpl Bar { fn n(&self) -> usize { self.0.len() } }",
            "enum Baz { A(Bar), B }",
            "struct Other;",
            "struct Foo { x: String }",
        ];
        check(&cells, &[("Bar", 1), ("Baz", 1), ("Foo", 1)]);
    }

    #[test]
    fn aliases_constants_and_macros_pass_a_change_on() {
        check(
            &["type Id = u32;", "struct A { id: Id }", "type Id = String;"],
            &[("A", 1)],
        );
        check(
            &["const N: usize = 3;", "struct A([u8; N]);", "const N: usize = 4;"],
            &[("A", 1)],
        );
        check(
            &[
                "const fn n() -> usize { 3 }",
                "struct A([u8; n()]);",
                "const fn n() -> usize { 4 }",
            ],
            &[("A", 1)],
        );
        check(
            &[
                "macro_rules! t { () => { u8 } }",
                "struct A(t!());",
                "macro_rules! t { () => { u64 } }",
            ],
            &[("A", 1)],
        );
        check(&["use a::T;", "struct A(T);", "use b::T;"], &[("A", 1)]);
        check(&["struct A(T);", "struct T(u8);"], &[("A", 1)]);
    }

    #[test]
    fn a_glob_of_a_changed_module_passes_the_change_on() {
        let a = |field: &str| format!("mod a {{ pub struct T({field}); }}");
        let (first, second) = (a("u8"), a("String"));
        let users = "struct A(T); struct Other(u8);";
        check(&[&first, "use a::*;", users, &second], &[("A", 1), ("a", 1)]);
        check(&[&first, "use a::*;", users, &first], &[]);
        check(&[&first, users, "use a::*;"], &[("A", 1)]);
        // Through another module, a rename, and an enum.
        check(
            &[&first, "mod b { pub use super::a::*; }", "use b::*;", users, &second],
            &[("A", 1), ("a", 1), ("b", 1)],
        );
        check(
            &[
                "mod a { pub mod x { pub struct T(u8); } pub use self::x::*; }",
                "use a as c; use c::*;",
                users,
                "mod a { pub mod x { pub struct T(u16); } pub use self::x::*; }",
            ],
            &[("A", 1), ("a", 2)],
        );
        check(
            &[
                "enum E { N = 3 }",
                "use E::*;",
                "struct A([u8; N as usize]);",
                "enum E { N = 4 }",
            ],
            &[("A", 1), ("E", 1)],
        );
    }

    #[test]
    fn a_glob_from_outside_must_leave_the_names_of_std_as_they_were() {
        let suffix = |cells: &[&str]| {
            let mut definitions = Definitions::default();
            let mut last = String::new();
            for cell in cells {
                let plan = definitions.plan(cell, &split(cell));
                (definitions, last) = (plan.then, plan.suffix);
            }
            last
        };
        let checked = "\nconst _: fn(String) -> ::std::string::String = |same| same;";
        assert_eq!(suffix(&["struct A(String);", "use other::prelude::*;"]), checked);
        for cells in [
            &["struct A(u8);", "use other::*;"][..],
            &["struct A(String);", "use std::io::*;"],
            &["struct A(String);", "use other::*;", "use other::*;"],
            &["struct String;", "struct A(String);", "use other::*;"],
            &["mod m { pub struct T; }", "struct A(String);", "use m::*;"],
        ] {
            assert_eq!(suffix(cells), "", "{cells:?}");
        }
    }

    #[test]
    fn what_else_an_import_names_does_not_matter() {
        check(&["use a::{T, U};", "struct A(T);", "use a::{T, V};"], &[]);
        check(&["use a::T;", "struct A(T);", "use a::{self, T};"], &[]);
        check(&["use a::T as S;", "struct A(S);", "use b::T as S;"], &[("A", 1)]);
        check(&["use a::{b::T};", "struct A(T);", "use a::b::{T};"], &[]);
    }

    #[test]
    fn constant_functions_of_a_type_are_part_of_it() {
        let a = |n: u8| format!("struct A;\nimpl A {{ const fn n() -> usize {{ {n} }} fn m(&self) {{}} }}");
        check(&[&a(3), "struct B([u8; A::n()]);", &a(4)], &[("A", 1), ("B", 1)]);
        check(
            &[&a(3), "const N: usize = A::n(); struct B([u8; N]);", &a(4)],
            &[("A", 1), ("B", 1)],
        );
    }

    #[test]
    fn parameters_and_their_defaults_are_part_of_a_type() {
        check(
            &["struct G<T = u8>(T);", "struct H(G);", "struct G<T = u16>(T);"],
            &[("G", 1), ("H", 1)],
        );
        check(
            &[
                "struct M<const N: usize>([u8; N]);",
                "const W: usize = 3; type W3 = M<W>;",
                "struct H(W3); struct I(M<3>);",
                "const W: usize = 4;",
            ],
            &[("H", 1)],
        );
        check(
            &[
                "trait T { const N: usize = 3; } struct B;",
                "struct A([u8; <B as T>::N]);",
                "trait T { const N: usize = 4; }",
            ],
            &[("A", 1), ("T", 1)],
        );
        check(
            &["trait Up {} trait Low: Up {}", "trait Up { fn f(&self); }"],
            &[("Low", 1), ("Up", 1)],
        );
    }

    #[test]
    fn types_within_functions_constants_and_macros_are_told_apart() {
        check(
            &[
                "fn f() -> Box<dyn Any> { struct L(u8); Box::new(L(1)) }",
                "fn f() -> Box<dyn Any> { struct L(u16); Box::new(L(1)) }",
            ],
            &[("f", 1)],
        );
        check(
            &[
                "const MAKE: fn() -> Box<dyn Any> = || Box::new(1_u8);",
                "const MAKE: fn() -> Box<dyn Any> = || Box::new(2_u8);",
            ],
            &[("MAKE", 1)],
        );
        check(
            &[
                "fn f() { println!(\"{}\", g(|| 1)) }",
                "fn f() { println!(\"{}\", g(|| 2)) }",
            ],
            &[("f", 1)],
        );
        check(
            &["fn f() { println!(\"{}\", 1) }", "fn f() { println!(\"{}\", 2) }"],
            &[],
        );
        check(&["static S: u8 = 1;", "static S: u8 = 2;"], &[]);
    }

    #[test]
    fn a_changed_trait_gets_a_new_path() {
        check(
            &[
                "trait Shape { fn area(&self) -> f64; }",
                "trait Shape { fn name(&self) -> String; fn area(&self) -> f64; }",
            ],
            &[("Shape", 1)],
        );
    }

    #[test]
    fn an_associated_type_is_part_of_the_type_it_belongs_to() {
        let cell = |item: &str| {
            format!(
                "struct It;\nimpl Iterator for It {{ type Item = {item}; fn next(&mut self) -> Option<{item}> {{ None }} }}"
            )
        };
        let (first, second) = (cell("u8"), cell("String"));
        check(&[&first, &first], &[]);
        check(&[&first, &second], &[("It", 1)]);
    }

    #[test]
    fn a_changed_body_of_a_method_keeps_the_type() {
        check(
            &[
                "struct A(u8);\nimpl A { fn f(&self) -> u8 { 1 } }",
                "struct A(u8);\nimpl A { fn f(&self) -> u8 { 2 } }",
            ],
            &[],
        );
    }

    #[test]
    fn functions_move_only_when_they_have_types_of_their_own() {
        check(&["fn f() -> u8 { 1 }", "fn f() -> u8 { 2 }"], &[]);
        check(
            &[
                "fn f() -> impl Fn() { || () }",
                "fn f() -> impl Fn() { let x = 1; move || drop(x) }",
            ],
            &[("f", 1)],
        );
        check(
            &["async fn f() { g().await }", "async fn f() { h().await }"],
            &[("f", 1)],
        );
    }

    #[test]
    fn the_item_and_its_fields_are_as_visible_as_at_the_root() {
        let mut definitions = Definitions::default();
        for (cell, expected) in [
            (
                "#[derive(Debug)]\nstruct Foo { x: i32 }",
                "#[derive(Debug)]\nstruct Foo { x: i32 }",
            ),
            (
                "#[derive(Debug)]\nstruct Foo { x: u8, pub y: u8 }\nimpl Foo {}",
                "#[derive(Debug)]\npub struct Foo { pub x: u8, pub y: u8 } } } use crab_Foo::v1::Foo;\nimpl Foo {}",
            ),
        ] {
            let plan = definitions.plan(cell, &split(cell));
            let text = Rewritten::new(cell, plan.edits).text().to_owned() + &plan.suffix;
            assert!(text.ends_with(expected), "{text}");
            definitions = plan.then;
        }
        let cell = "struct P(u8, pub u8);";
        let statements = split(cell);
        let found = find(cell, &statements);
        assert_eq!(found[0].definition.source.text, "pub struct P(pub u8, pub u8);");
    }

    #[test]
    fn a_type_that_becomes_something_else_leaves_no_module_behind() {
        let mut definitions = Definitions::default();
        let mut last = String::new();
        for cell in ["struct A(u8);", "struct A(u16);", "type A = u32;"] {
            let plan = definitions.plan(cell, &split(cell));
            (definitions, last) = (plan.then, plan.suffix);
        }
        assert_eq!(last, "\nmod crab_A {}");
    }

    #[test]
    fn a_cell_without_items_changes_nothing() {
        let plan = Definitions::default().plan("let x = 1; x", &split("let x = 1; x"));
        assert_eq!((plan.edits, plan.suffix), (Vec::new(), String::new()));
    }

    #[test]
    fn what_a_subshell_defines_has_paths_of_its_own_and_what_it_takes_over_keeps_its_path() {
        let mut main = Definitions::default();
        for cell in ["struct Kept(u8);", "struct Foo(u8);", "struct Foo(u16);"] {
            main = main.plan(cell, &split(cell)).then;
        }
        let mut subshell = main.for_subshell(2);
        for (cell, expected) in [
            ("struct Kept(u8);", None),
            ("struct New(u8);", Some("crab_New::s2v1::New")),
            ("struct Foo(u16);", Some("crab_Foo::v1::Foo")),
            ("struct Foo(String);", Some("crab_Foo::s2v2::Foo")),
        ] {
            let plan = subshell.plan(cell, &split(cell));
            let text = Rewritten::new(cell, plan.edits).text().to_owned() + &plan.suffix;
            assert_eq!(text.split_once("use crab_").is_some(), expected.is_some(), "{text}");
            assert!(expected.is_none_or(|path| text.contains(path)), "{text}");
            subshell = plan.then;
        }
    }
}
