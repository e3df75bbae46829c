//! What matters of an item when it is defined again: its name, what it is made of, and whom it mentions.

use std::collections::BTreeSet;

use ra_ap_syntax::ast::{self, AstNode, HasName as _, HasVisibility as _};
use ra_ap_syntax::{SyntaxElement, SyntaxKind, SyntaxNode, TextSize};

/// An item that later cells can refer to by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    /// What it is made of: its tokens, without comments and derives.
    pub(super) signature: String,
    /// The names that it refers to.
    pub(super) mentions: BTreeSet<String>,
    /// Whether values can have a type that it defines, so that a change of it needs a new path.
    pub(super) defines_types: bool,
    /// The names that a glob import of it can bring.
    pub(super) declares: BTreeSet<String>,
    /// Offsets at which `pub ` makes it, and its fields, as visible from a module as they were at the root.
    pub(super) opens: Vec<TextSize>,
}

/// The associated types, constants and `const` functions of an `impl`: other types are laid out by them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Projections {
    /// Its header, and those of its items.
    pub(super) signature: String,
    /// The names in its header.
    pub(super) of: BTreeSet<String>,
}

/// The names under which evcxr keeps an item; none for an `impl` and the like.
pub(in crate::eval) fn names(item: &ast::Item) -> Vec<String> {
    if let ast::Item::Use(item) = item {
        return imports(item).into_iter().filter_map(|import| import.name).collect();
    }
    let name = match item {
        ast::Item::Const(item) => item.name(),
        ast::Item::Enum(item) => item.name(),
        ast::Item::Fn(item) => item.name(),
        ast::Item::MacroRules(item) => item.name(),
        ast::Item::Module(item) => item.name(),
        ast::Item::Static(item) => item.name(),
        ast::Item::Struct(item) => item.name(),
        ast::Item::Trait(item) => item.name(),
        ast::Item::TypeAlias(item) => item.name(),
        ast::Item::Union(item) => item.name(),
        _ => None,
    };
    name.map(|name| name.text().to_string()).into_iter().collect()
}

/// What one `use` says, taken apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Import {
    /// What it is called here; `None` for a glob.
    pub(super) name: Option<String>,
    /// The names on the way there.
    pub(super) path: Vec<String>,
}

/// What a `use` imports.
pub(super) fn imports(item: &ast::Use) -> Vec<Import> {
    let mut imports = Vec::new();
    if let Some(tree) = item.use_tree() {
        import(&tree, &[], &mut imports);
    }
    imports
}

fn import(tree: &ast::UseTree, before: &[String], imports: &mut Vec<Import>) {
    let mut path = before.to_vec();
    let segments = tree
        .path()
        .map(|path| path.segments().collect::<Vec<_>>())
        .unwrap_or_default();
    path.extend(segments.iter().map(|segment| segment.syntax().text().to_string()));
    if let Some(list) = tree.use_tree_list() {
        list.use_trees().for_each(|tree| import(&tree, &path, imports));
        return;
    }
    if path.last().is_some_and(|last| last == "self") {
        path.pop();
    }
    let renamed = tree
        .rename()
        .and_then(|rename| rename.name())
        .map(|name| name.text().to_string());
    let name = match tree.star_token() {
        Some(_) => None,
        // Under `_` nothing can be mentioned.
        None if tree.rename().is_some() && renamed.is_none() => return,
        None => renamed.or_else(|| path.last().cloned()),
    };
    if path.len() == 1 && path.first() == name.as_ref() {
        // It says nothing new.
        return;
    }
    imports.push(Import { name, path });
}

impl Facts {
    pub(super) fn of(item: &ast::Item) -> Facts {
        let node = item.syntax();
        Facts {
            signature: signature(node),
            mentions: mentions(node),
            defines_types: match item {
                ast::Item::Enum(_) | ast::Item::Module(_) | ast::Item::Struct(_) | ast::Item::Trait(_) => true,
                ast::Item::Union(_) => true,
                ast::Item::Fn(_) | ast::Item::Const(_) | ast::Item::Static(_) => has_types_of_its_own(node),
                _ => false,
            },
            declares: match item {
                ast::Item::Module(_) | ast::Item::Enum(_) => declared(node),
                _ => BTreeSet::new(),
            },
            opens: opens(item),
        }
    }
}

impl Import {
    /// What matters of it when the same name is imported again.
    pub(super) fn facts(&self) -> Facts {
        Facts {
            signature: format!("use {}", self.path.join("::")),
            mentions: self.path.iter().cloned().collect(),
            defines_types: false,
            declares: BTreeSet::new(),
            opens: Vec::new(),
        }
    }
}

/// The names that items within a node have or import.
fn declared(node: &SyntaxNode) -> BTreeSet<String> {
    // The first one is its own.
    let names = node.descendants().filter_map(ast::Name::cast).skip(1);
    let mut declared: BTreeSet<String> = names.map(|name| name.text().to_string()).collect();
    let uses = node.descendants().filter_map(ast::Use::cast);
    declared.extend(uses.flat_map(|item| imports(&item)).filter_map(|import| import.name));
    declared
}

impl Projections {
    /// `None` when the item is not an `impl` that has any.
    pub(super) fn of(item: &ast::Item) -> Option<Projections> {
        let ast::Item::Impl(item) = item else { return None };
        let list = item.assoc_item_list()?;
        let fixed: Vec<SyntaxNode> = list
            .assoc_items()
            .map(|item| item.syntax().clone())
            .filter(|item| match item.kind() {
                SyntaxKind::TYPE_ALIAS | SyntaxKind::CONST => true,
                SyntaxKind::FN => ast::Fn::cast(item.clone()).is_some_and(|function| function.const_token().is_some()),
                _ => false,
            })
            .collect();
        if fixed.is_empty() {
            return None;
        }
        let header = [item.trait_(), item.self_ty()].into_iter().flatten();
        let header: Vec<SyntaxNode> = header.map(|part| part.syntax().clone()).collect();
        Some(Projections {
            signature: header
                .iter()
                .chain(&fixed)
                .map(signature)
                .collect::<Vec<_>>()
                .join(" ; "),
            of: header.iter().flat_map(mentions).collect(),
        })
    }
}

/// Closures, futures and local types have paths within their function, whatever they consist of.
fn has_types_of_its_own(function: &SyntaxNode) -> bool {
    function.descendants_with_tokens().skip(1).any(|element| match element {
        SyntaxElement::Node(node) => {
            matches!(node.kind(), SyntaxKind::CLOSURE_EXPR | SyntaxKind::IMPL_TRAIT_TYPE)
                || (ast::Item::can_cast(node.kind()) && node.kind() != SyntaxKind::MACRO_CALL)
        }
        SyntaxElement::Token(token) => {
            let in_a_macro = || {
                token
                    .parent()
                    .is_some_and(|parent| parent.kind() == SyntaxKind::TOKEN_TREE)
            };
            match token.kind() {
                SyntaxKind::ASYNC_KW => true,
                // A closure, or an item, that a macro takes; or none, which does no harm.
                SyntaxKind::PIPE | SyntaxKind::PIPE2 | SyntaxKind::STRUCT_KW | SyntaxKind::ENUM_KW => in_a_macro(),
                _ => false,
            }
        }
    })
}

/// The tokens of a node without comments and derives, which add to what a type can do, not to what it is.
fn signature(node: &SyntaxNode) -> String {
    let is_derive = |attribute: ast::Attr| attribute.simple_name().is_some_and(|name| name == "derive");
    let tokens = node
        .descendants_with_tokens()
        .filter_map(SyntaxElement::into_token)
        .filter(|token| {
            !token.kind().is_trivia() && !token.parent_ancestors().filter_map(ast::Attr::cast).any(is_derive)
        });
    let mut signature: Vec<String> = Vec::new();
    for token in tokens {
        // The comma behind a last field says nothing; one in a tuple does.
        if token.kind() == SyntaxKind::R_CURLY {
            signature.pop_if(|before| before == ",");
        }
        signature.push(token.text().to_owned());
    }
    signature.join(" ")
}

/// The names that stand where a path can, or within a macro's arguments, where anything can.
pub(super) fn mentions(node: &SyntaxNode) -> BTreeSet<String> {
    let tokens = node.descendants_with_tokens().filter_map(SyntaxElement::into_token);
    let names = tokens.filter(|token| {
        let within = token.parent().map(|parent| parent.kind());
        token.kind() == SyntaxKind::IDENT && matches!(within, Some(SyntaxKind::NAME_REF | SyntaxKind::TOKEN_TREE))
    });
    names.map(|token| token.text().to_owned()).collect()
}

fn opens(item: &ast::Item) -> Vec<TextSize> {
    let mut opens: Vec<TextSize> = keyword_if_private(item).into_iter().collect();
    let node = item.syntax();
    if !matches!(item, ast::Item::Struct(_) | ast::Item::Union(_)) {
        return opens;
    }
    for field in node.descendants().filter_map(ast::RecordField::cast) {
        if field.visibility().is_none() {
            opens.extend(field.name().map(|name| name.syntax().text_range().start()));
        }
    }
    for field in node.descendants().filter_map(ast::TupleField::cast) {
        if field.visibility().is_none() {
            opens.extend(field.ty().map(|ty| ty.syntax().text_range().start()));
        }
    }
    opens
}

/// Where the item proper begins, behind its attributes, if it has no visibility.
fn keyword_if_private(item: &ast::Item) -> Option<TextSize> {
    let mut parts = item.syntax().children_with_tokens();
    let first = parts.find(|part| !part.kind().is_trivia() && part.kind() != SyntaxKind::ATTR)?;
    (first.kind() != SyntaxKind::VISIBILITY).then(|| first.text_range().start())
}
