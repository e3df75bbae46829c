//! Mistakes that are made in notebooks more than elsewhere, and what to do about each.
//!
//! What rustc says stays as it is; a sentence is added. What evcxr says is replaced, for it tells of evcxr.

use std::collections::HashMap;

use evcxr::CompilationError;
use ra_ap_syntax::ast::{self, AstNode as _, HasName as _};

use super::rewrite::{Position, Statement, place, split};

/// What happened to a variable that is not there any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// The code of this cell moved it away.
    Moved(u32),
    /// It was in the way of this cell when that failed.
    Lost(u32),
    /// This cell was to make it, and failed.
    NeverMade(u32),
    /// A cell gave its type another definition.
    Redefined,
    /// The process that held it is gone.
    Gone,
    /// It is a variable of the main shell, and this is a subshell.
    OfMainShell,
}

/// The variables that cells had, or were to have, and what became of them.
#[derive(Debug, Default)]
pub(super) struct Fates(HashMap<String, Fate>);

impl Fates {
    /// Notes what became of variables.
    pub(super) fn note(&mut self, names: impl IntoIterator<Item = String>, fate: Fate) {
        self.0.extend(names.into_iter().map(|name| (name, fate)));
    }

    /// Variables that are there have no fate.
    pub(super) fn forget(&mut self, names: &[String]) {
        self.0.retain(|name, _| !names.contains(name));
    }

    fn of(&self, name: &str) -> Option<String> {
        let text = match *self.0.get(name)? {
            Fate::Moved(cell) => format!(
                "cell [{cell}] moved `{name}` away; run the cell that makes it again, and move a clone of it there: \
                 `{name}.clone()`"
            ),
            Fate::Lost(cell) => {
                format!("`{name}` was lost when cell [{cell}] failed, for it had been moved there; make it again")
            }
            Fate::NeverMade(cell) => {
                format!("cell [{cell}] was to make `{name}`, but failed: a cell keeps its variables when it succeeds")
            }
            Fate::Redefined => {
                format!("`{name}` was lost, for its type has another definition now; run the cell that makes it again")
            }
            Fate::OfMainShell => format!(
                "`{name}` is a variable of the main shell, whose cells have it; here are the items that the main shell had, \
                 and all processes: reach one by its name or its pid"
            ),
            Fate::Gone => format!("`{name}` was lost with the host; run the cell that makes it again"),
        };
        Some(text)
    }
}

/// What the variables are called that the statements of a cell bind.
pub(super) fn bound(code: &str) -> Vec<String> {
    bindings(&split(code)).map(|(name, _)| name).collect()
}

/// Names and places that the `let` statements of a cell bind.
fn bindings(statements: &[Statement]) -> impl Iterator<Item = (String, usize)> {
    let lets = statements
        .iter()
        .filter_map(|statement| Some((statement, ast::LetStmt::cast(statement.node.clone())?.pat()?)));
    lets.flat_map(|(statement, pattern)| {
        let bound = pattern.syntax().descendants().filter_map(ast::IdentPat::cast);
        let named = bound.filter_map(|bound| bound.name());
        named.map(|name| {
            (
                name.text().to_string(),
                statement.offset(name.syntax().text_range().start()),
            )
        })
    })
}

/// A mistake that rustc has no words for, since the code compiles outside of a notebook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mistake {
    /// What is wrong.
    pub(super) message: String,
    /// What to do about it.
    pub(super) help: String,
    /// Where the variable is bound, if it is in this cell.
    pub(super) place: Option<Position>,
}

/// What is behind a sentence of evcxr's, if it is about a variable that cannot be kept.
pub(super) fn of_sentence(sentence: &str, code: &str) -> Option<Mistake> {
    let (before, rest) = sentence.split_once('`')?;
    let (name, rest) = rest.split_once('`')?;
    let (message, help) = if rest.contains("contains a reference") {
        (
            format!("`{name}` borrows from another value, so it cannot be kept for later cells"),
            "keep a value that owns what it has (`.to_owned()`, `.clone()`, an `Arc`), or use the reference inside a \
             block: `{ … }`"
                .to_owned(),
        )
    } else if rest.contains("is a closure") {
        (
            format!("`{name}` is a closure, whose type has no name, so it cannot be kept for later cells"),
            format!(
                "write a function, `fn {name}(…)`; or box it with its type: \
                 `let {name}: Box<dyn Fn(i32) -> i32 + Send + Sync> = Box::new(…);`; or use it inside a block: `{{ … }}`"
            ),
        )
    } else if let Some(type_name) = rest.strip_prefix(" has type `") {
        let type_name = type_name.split("` which cannot").next()?;
        unnamed(name, type_name)
    } else if before.contains("determine type") {
        (
            format!("the type of `{name}` cannot be told"),
            format!("write it: `let {name}: Type = …;`"),
        )
    } else {
        return None;
    };
    let place = bindings(&split(code))
        .filter(|(bound, _)| bound == name)
        .last()
        .map(|(_, offset)| place(code, offset));
    Some(Mistake { message, help, place })
}

/// What is behind an advice of rustc's that evcxr shows alone, since the error is in code that it has generated: the type of
/// a variable, where traits are called by their last names. `import` is what rustc would write.
pub(super) fn of_trait_out_of_scope(import: &str) -> Option<Mistake> {
    let path = import.trim().strip_prefix("use ")?.trim_end_matches(';');
    let name = path.rsplit("::").next()?;
    Some(Mistake {
        message: format!("the type of a variable that is to be kept has `{name}` in it, which is not in scope"),
        help: format!(
            "`use {path};` in this cell or in an earlier one; or write the variable's type with whole paths: \
             `let name: Box<dyn {path}> = …;`; or use the value inside a block: `{{ … }}`"
        ),
        place: None,
    })
}

/// About a variable whose type has no name.
fn unnamed(name: &str, type_name: &str) -> (String, String) {
    if type_name.contains("impl Future") || type_name.contains("async block") {
        return (
            format!("`{name}` is a future, which was not awaited; it cannot be kept for later cells"),
            format!(
                "`let {name} = ….await;` keeps its value; `task::async_(…)` runs it beside the cell and gives a task \
                 that can be kept"
            ),
        );
    }
    let message = format!("the type of `{name}` has no name, so it cannot be kept for later cells: `{type_name}`");
    let is_iterator = [
        "Map<",
        "Filter<",
        "FilterMap<",
        "FlatMap<",
        "TakeWhile<",
        "Scan<",
        "impl Iterator",
    ];
    let help = if is_iterator.iter().any(|part| type_name.contains(part)) {
        format!("collect it: `let {name}: Vec<_> = ….collect();`; or use it inside a block: `{{ … }}`")
    } else {
        format!(
            "box it as what it can do: `let {name}: Box<dyn Trait> = Box::new(…);`; or use it inside a block: `{{ … }}`"
        )
    };
    (message, help)
}

/// What to add to an error of rustc's.
pub(super) fn advice(error: &CompilationError, fates: &Fates) -> Option<String> {
    let code = error.code()?;
    let message = error.message();
    let said = error.json["rendered"].as_str().unwrap_or(&message);
    let named = || message.split('`').nth(1);
    match code {
        "E0425" => fates.of(named()?),
        "E0308" | "E0369" | "E0599" | "E0277" | "E0608" | "E0609" | "E0610" | "E0614" | "E0600" | "E0618" => {
            if code == "E0277" && said.contains("`Send`") {
                None
            } else if ["impl Future<", "found future", "async block", "dyn Future<"].iter().any(|part| said.contains(part)) {
                Some("a future does nothing until it is awaited: `.await` gives its value".to_owned())
            } else if said.contains("Starting<") || said.contains("Asking<") || said.contains("Call<") {
                Some("nothing is started or asked before `.await?`, which gives the value".to_owned())
            } else if said.contains("Task<") {
                Some("a task gives its value when it is awaited: `.await?`".to_owned())
            } else {
                None
            }
        }
        "E0382" => named().map(|name| {
            format!(
                "what is moved is gone for this cell and for later ones; move a clone, made before: `{name}.clone()`, or \
                 share the value by an `Arc`"
            )
        }),
        "E0373" => Some(
            "a process may live longer than its cell: write `async move`, and clone before what later cells need"
                .to_owned(),
        ),
        "E0384" | "E0594" | "E0596" => {
            let name = message.split('`').nth(1)?.trim_start_matches('*');
            let is_name = name.chars().all(|c| c.is_alphanumeric() || c == '_');
            is_name.then(|| format!("from here on it can be changed: `let mut {name} = {name};`"))
        }
        "E0597" | "E0716" | "E0521" => Some(
            "what a variable of a cell or a process keeps must own what it has: `.to_owned()`, `.clone()`, an `Arc`"
                .to_owned(),
        ),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(sentence: &str, code: &str, message: &str, help: &str) {
        let mistake = of_sentence(sentence, code).unwrap();
        assert!(mistake.message.contains(message), "{}", mistake.message);
        assert!(mistake.help.contains(help), "{}", mistake.help);
        assert_eq!(mistake.place, Some(Position { line: 2, column: 5 }));
    }

    #[test]
    fn variables_that_cannot_be_kept_are_told_with_their_place_and_a_way_out() {
        let reference = "The variable `x` contains a reference with a non-static lifetime so\ncan't be persisted.";
        check(reference, "1;\nlet x = &a;", "`x` borrows", "to_owned");
        let closure = "The variable `x` is a closure, which cannot be persisted.\nYou can";
        check(closure, "1;\nlet x = |a| a;", "`x` is a closure", "fn x(…)");
        let future = "The variable `x` has type `impl Future<Output = i32>` which cannot be persisted.\nYou";
        check(future, "1;\nlet x = f();", "not awaited", "let x = ….await;");
        let iterator = "The variable `x` has type `std::iter::Map<A, impl FnMut(i32) -> i32>` which cannot be";
        check(iterator, "1;\nlet x = f();", "has no name", "collect");
        let unknown = "Couldn't automatically determine type of variable `x`.\nPlease";
        check(unknown, "1;\nlet x = f();", "cannot be told", "let x: Type");
    }

    #[test]
    fn a_trait_in_the_type_of_a_variable_is_to_be_imported() {
        let mistake = of_trait_out_of_scope("use std::error::Error;\n\n").unwrap();
        assert!(mistake.message.contains("`Error`"), "{}", mistake.message);
        assert!(mistake.help.starts_with("`use std::error::Error;`"), "{}", mistake.help);
        assert_eq!(of_trait_out_of_scope("std::error::"), None);
    }

    #[test]
    fn other_sentences_stay_as_they_are() {
        assert_eq!(of_sentence("Variable does not exist: a", "a"), None);
        assert_eq!(of_sentence("Failed to parse `x` as `y`", "a"), None);
    }

    #[test]
    fn all_names_of_a_pattern_are_bound() {
        assert_eq!(
            bound("let (a, Some(b)) = f() else { return };\nlet mut c = { let d = 1; d };"),
            ["a", "b", "c"]
        );
    }

    #[test]
    fn a_variable_has_a_fate_until_it_is_there_again() {
        let mut fates = Fates::default();
        fates.note(["a".to_owned()], Fate::Moved(3));
        assert!(fates.of("a").unwrap().starts_with("cell [3] moved `a`"));
        fates.forget(&["a".to_owned()]);
        assert_eq!(fates.of("a"), None);
    }
}
