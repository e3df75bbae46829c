//! The types of what a cell keeps, written where the reader has left them out.
//!
//! evcxr stores a variable under its type. What is written beside `let` it takes as it is; for the rest it asks
//! rust-analyzer, and that one would have to read the standard library first, as ours has done already.

use ra_ap_syntax::SyntaxKind;
use ra_ap_syntax::ast::{self, AstNode as _, HasName as _};
use serde::{Deserialize, Serialize};

use super::{Edit, Statement};

/// The type of a variable that a cell binds; none if there is none that can be written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Kept {
    /// The variable.
    pub(crate) name: String,
    /// Its type as code.
    pub(crate) type_name: Option<String>,
}

/// The variables that a pattern binds, in the order of its text.
pub(crate) fn bound(pattern: &ast::Pat) -> impl Iterator<Item = ast::IdentPat> {
    pattern.syntax().descendants().filter_map(ast::IdentPat::cast)
}

/// Whether a type is written that has no holes.
pub(super) fn is_complete(written: &ast::Type) -> bool {
    let mut parts = written.syntax().descendants();
    !parts.any(|part| [SyntaxKind::INFER_TYPE, SyntaxKind::ERROR].contains(&part.kind()))
}

/// Whether all types are written already.
pub(super) fn all_written(statements: &[Statement]) -> bool {
    let mut kept = statements.iter().filter_map(|one| ast::LetStmt::cast(one.node.clone()));
    kept.all(|kept| is_plain(&kept) && kept.ty().is_some_and(|written| is_complete(&written)))
}

/// Whether a single name is bound.
fn is_plain(kept: &ast::LetStmt) -> bool {
    matches!(kept.pat(), Some(ast::Pat::IdentPat(pattern)) if pattern.pat().is_none() && pattern.ref_token().is_none())
}

/// Writes `types`, which are those of all variables that the cell binds, in the order of its text; none if one of them
/// cannot be written.
pub(super) fn written(statements: &[Statement], types: &[Kept]) -> Option<Vec<Edit>> {
    let mut edits = Vec::new();
    let mut types = types.iter();
    for statement in statements {
        let Some(kept) = ast::LetStmt::cast(statement.node.clone()) else {
            continue;
        };
        if !statement.sound {
            return None;
        }
        let pattern = kept.pat()?;
        let mut again = String::new();
        for bound in bound(&pattern) {
            let name = bound.name()?.text().to_string();
            let found = types.next().filter(|kept| kept.name == name)?;
            if may_be_a_constant(&name) {
                return None;
            }
            if is_plain(&kept) {
                let end = statement.offset(pattern.syntax().text_range().end());
                match kept.ty() {
                    Some(written) if is_complete(&written) => {}
                    Some(written) => {
                        let range = written.syntax().text_range();
                        let range = statement.offset(range.start())..statement.offset(range.end());
                        edits.push(Edit::replace(range, found.type_name.as_deref()?));
                    }
                    None => edits.push(Edit::insert(end, format!(": {}", found.type_name.as_deref()?))),
                }
            } else if bound.ref_token().is_some() || bound.pat().is_some() {
                return None;
            } else {
                let mutable = bound.mut_token().map_or("", |_| "mut ");
                again += &format!(" let {mutable}{name}: {} = {name};", found.type_name.as_deref()?);
            }
        }
        if !again.is_empty() {
            edits.push(Edit::insert(statement.node_range().end, again));
        }
    }
    Some(edits)
}

/// Whether a name in a pattern may be that of a variant, say, and bind nothing.
fn may_be_a_constant(name: &str) -> bool {
    name.starts_with(char::is_uppercase)
}

#[cfg(test)]
mod tests {
    use super::super::{Edit, Rewritten, split};
    use super::*;

    fn types(types: &[(&str, &str)]) -> Vec<Kept> {
        let kept = |(name, type_name): &(&str, &str)| Kept {
            name: (*name).to_owned(),
            type_name: Some((*type_name).to_owned()).filter(|name| !name.is_empty()),
        };
        types.iter().map(kept).collect()
    }

    fn check(code: &str, known: &[(&str, &str)], expected: Option<&str>) {
        let edits: Option<Vec<Edit>> = written(&split(code), &types(known));
        let text = edits.map(|edits| Rewritten::new(code, edits).text().to_owned());
        assert_eq!(text.as_deref(), expected, "{code}");
    }

    #[test]
    fn a_type_is_written_where_it_is_left_out() {
        check("let x = 1;", &[("x", "i32")], Some("let x: i32 = 1;"));
        check("let mut x;\nx = 1;", &[("x", "i32")], Some("let mut x: i32;\nx = 1;"));
        check(
            "let x: Vec<_> = v();",
            &[("x", "Vec<u8>")],
            Some("let x: Vec<u8> = v();"),
        );
        check("let x: u8 = 1;", &[("x", "u8")], Some("let x: u8 = 1;"));
        check("let _ = f();", &[], Some("let _ = f();"));
    }

    #[test]
    fn the_parts_of_a_pattern_are_bound_once_more_with_their_types() {
        check(
            "let (a, mut b) = f();",
            &[("a", "u8"), ("b", "String")],
            Some("let (a, mut b) = f(); let a: u8 = a; let mut b: String = b;"),
        );
    }

    #[test]
    fn what_cannot_be_written_is_left_to_evcxr() {
        check("let f = |x| x;", &[("f", "")], None);
        check("let (ref a, b) = f();", &[("a", "u8"), ("b", "u8")], None);
        check("let None = f() else { return };", &[("None", "Option<u8>")], None);
        check("let a = 1;", &[], None);
        check("let a = (;", &[("a", "u8")], None);
    }
}
