//! What can be learned from a pattern without knowing any type.

use proc_macro2::Ident;
use syn::ext::IdentExt;
use syn::{Error, Pat, PatIdent, Path, Result, Token};

/// A variable that a pattern introduces.
pub(crate) struct Binding {
    pub(crate) mutability: Option<Token![mut]>,
    pub(crate) name: Ident,
}

/// The variables of `pattern`, in order and each once. Their `mut` moves from the pattern to the binding: the
/// pattern matches inside of a closure, and only the body outside of it may change the variable.
pub(crate) fn take_bindings(pattern: &mut Pat) -> Result<Vec<Binding>> {
    let mut bindings = Vec::new();
    collect(pattern, &mut bindings)?;
    Ok(bindings)
}

fn collect(pattern: &mut Pat, bindings: &mut Vec<Binding>) -> Result<()> {
    let parts: Vec<&mut Pat> = match pattern {
        Pat::Ident(ident) => {
            if let Some(by_ref) = ident.by_ref {
                return Err(Error::new(
                    by_ref.span,
                    "an arm of `receive!` owns what it matches: leave out `ref`",
                ));
            }
            if !is_constant(ident) {
                let mutability = ident.mutability.take();
                if !bindings.iter().any(|known| known.name == ident.ident) {
                    bindings.push(Binding {
                        mutability,
                        name: ident.ident.clone(),
                    });
                }
            }
            ident.subpat.iter_mut().map(|(_, inner)| &mut **inner).collect()
        }
        Pat::Or(or) => or.cases.iter_mut().collect(),
        Pat::Paren(paren) => vec![&mut *paren.pat],
        Pat::Reference(reference) => vec![&mut *reference.pat],
        Pat::Slice(slice) => slice.elems.iter_mut().collect(),
        Pat::Struct(fields) => fields.fields.iter_mut().map(|field| &mut *field.pat).collect(),
        Pat::Tuple(tuple) => tuple.elems.iter_mut().collect(),
        Pat::TupleStruct(tuple) => tuple.elems.iter_mut().collect(),
        _ => Vec::new(),
    };
    parts.into_iter().try_for_each(|part| collect(part, bindings))
}

/// The first part that leaves the type of the message open, as far as syntax can tell: a variable or `_` that
/// is not a field of a named type, and the `Option`s and `Result`s whose other half is not written.
pub(crate) fn open_part(pattern: &Pat) -> Option<&Pat> {
    match pattern {
        Pat::Wild(_) | Pat::Rest(_) => Some(pattern),
        Pat::Ident(ident) => match &ident.subpat {
            Some((_, inner)) => open_part(inner),
            None if is_constant(ident) && ident.ident != "None" => None,
            None => Some(pattern),
        },
        Pat::Or(or) => {
            let mut cases = or.cases.iter().map(open_part);
            let first = cases.next()??;
            cases.all(|case| case.is_some()).then_some(first)
        }
        Pat::Paren(paren) => open_part(&paren.pat),
        Pat::Reference(reference) => open_part(&reference.pat),
        // Whether `[a, b]` is an array is open even where the elements are not.
        Pat::Slice(_) => Some(pattern),
        Pat::Tuple(tuple) => tuple.elems.iter().find_map(open_part),
        Pat::TupleStruct(tuple) => match bare_variant(&tuple.path)?.to_string().as_str() {
            "Some" => tuple.elems.iter().find_map(open_part),
            "Ok" | "Err" => Some(pattern),
            _ => None,
        },
        _ => None,
    }
}

/// The last name of `Some`, `Option::Some` and the like, where it says nothing of type arguments.
fn bare_variant(path: &Path) -> Option<&Ident> {
    let std_name = match path.segments.len() {
        1 => true,
        2 => ["Option", "Result"].iter().any(|name| path.segments[0].ident == name),
        _ => false,
    };
    let bare = path.segments.iter().all(|segment| segment.arguments.is_none());
    (std_name && bare).then(|| &path.segments[path.segments.len() - 1].ident)
}

/// `Get` and `MAX` name a value that is there, `get` and `max` a new variable. The compiler would look them up;
/// a macro goes by the convention, on which the compiler insists with a lint.
fn is_constant(ident: &PatIdent) -> bool {
    ident.subpat.is_none()
        && ident.mutability.is_none()
        && ident.ident.unraw().to_string().starts_with(char::is_uppercase)
}
