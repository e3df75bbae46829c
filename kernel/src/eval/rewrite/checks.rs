//! Reduction checks: where a cell's code looks whether it is to end.
//!
//! A future is stopped where it awaits. Code that does not await is stopped here: at the start of each function and of
//! each round of a loop, a cell counts one reduction, and leaves by unwinding when it was interrupted or its process
//! got an exit signal. So `loop {}` can be stopped, and so can a recursion.
//!
//! Nothing is put where it could not be: into what runs at compile time, into functions of another ABI, which nothing
//! may unwind through, and into `unsafe` code, whose author counts on what leaves it and where.

use ra_ap_syntax::ast::{self, AstNode as _, HasLoopBody as _};
use ra_ap_syntax::{NodeOrToken, SyntaxKind, SyntaxNode, SyntaxToken, T};

use super::edits::Edit;
use super::statements::Statement;

/// What is put in. It is one expression statement, without a newline.
const CHECK: &str = " crabtree::__cell::check();";

/// Macros whose arguments are ordinary code, as far as loops go.
const TRANSPARENT: [&str; 22] = [
    "assert",
    "assert_eq",
    "assert_ne",
    "dbg",
    "debug_assert",
    "debug_assert_eq",
    "debug_assert_ne",
    "eprint",
    "eprintln",
    "format",
    "join",
    "matches",
    "panic",
    "print",
    "println",
    "receive",
    "select",
    "try_join",
    "vec",
    "write",
    "writeln",
    "todo",
];

/// The checks of one statement or item of a cell.
pub(super) fn checks(statement: &Statement) -> Vec<Edit> {
    let mut edits = Vec::new();
    if statement.sound {
        visit(&statement.node, &mut |offset| {
            edits.push(Edit::insert(statement.offset(offset), CHECK));
        });
    }
    edits
}

type Place = ra_ap_syntax::TextSize;

fn visit(node: &SyntaxNode, put: &mut impl FnMut(Place)) {
    if is_closed(node) {
        return;
    }
    let body = match node.kind() {
        SyntaxKind::FN => ast::Fn::cast(node.clone())
            .and_then(|function| function.body())
            .filter(does_something),
        SyntaxKind::LOOP_EXPR | SyntaxKind::WHILE_EXPR | SyntaxKind::FOR_EXPR => {
            ast::AnyHasLoopBody::cast(node.clone()).and_then(|looping| looping.loop_body())
        }
        SyntaxKind::MACRO_CALL => return visit_macro(node, put),
        _ => None,
    };
    if let Some(place) = body.and_then(|body| start_of(&body)) {
        put(place);
    }
    node.children().for_each(|child| visit(&child, put));
}

/// Behind the brace, and behind the inner attributes that must come first.
fn start_of(body: &ast::BlockExpr) -> Option<Place> {
    let list = body.stmt_list()?;
    let brace = list.l_curly_token()?.text_range().end();
    let attributes = list
        .syntax()
        .children()
        .filter(|child| child.kind() == SyntaxKind::ATTR && child.text().to_string().starts_with("#!"));
    Some(attributes.last().map_or(brace, |last| last.text_range().end()))
}

/// A function that does nothing calls nobody.
fn does_something(body: &ast::BlockExpr) -> bool {
    body.stmt_list()
        .is_some_and(|list| list.statements().next().is_some() || list.tail_expr().is_some())
}

/// Whether there must be no check in a node.
fn is_closed(node: &SyntaxNode) -> bool {
    match node.kind() {
        SyntaxKind::CONST
        | SyntaxKind::STATIC
        | SyntaxKind::ENUM
        | SyntaxKind::CONST_ARG
        | SyntaxKind::CONST_PARAM
        | SyntaxKind::ARRAY_TYPE
        | SyntaxKind::MACRO_RULES
        | SyntaxKind::MACRO_DEF => true,
        // The length of `[value; length]`, which comes last.
        kind if ast::Expr::can_cast(kind) => {
            node.parent().and_then(ast::ArrayExpr::cast).is_some_and(|array| {
                array.semicolon_token().is_some() && array.syntax().last_child().as_ref() == Some(node)
            }) || is_closed_block(node)
        }
        SyntaxKind::FN => ast::Fn::cast(node.clone()).is_some_and(|function| {
            function.const_token().is_some() || function.unsafe_token().is_some() || has_other_abi(&function)
        }),
        _ => false,
    }
}

fn is_closed_block(node: &SyntaxNode) -> bool {
    ast::BlockExpr::cast(node.clone())
        .is_some_and(|block| block.const_token().is_some() || block.unsafe_token().is_some())
}

fn has_other_abi(function: &ast::Fn) -> bool {
    let Some(abi) = function.abi() else { return false };
    abi.string_token().is_none_or(|name| name.text() != "\"Rust\"")
}

/// Loops among the arguments of a macro that takes them for code.
fn visit_macro(node: &SyntaxNode, put: &mut impl FnMut(Place)) {
    let Some(call) = ast::MacroCall::cast(node.clone()) else {
        return;
    };
    let name = call.path().and_then(|path| path.segment()?.name_ref());
    let transparent = name.is_some_and(|name| TRANSPARENT.iter().any(|known| name.text() == *known));
    if let (true, Some(arguments)) = (transparent, call.token_tree()) {
        visit_tokens(&arguments, put);
    }
}

fn visit_tokens(tree: &ast::TokenTree, put: &mut impl FnMut(Place)) {
    let mut head = None;
    for element in tree.syntax().children_with_tokens() {
        match element {
            NodeOrToken::Token(token) => head = next_head(head, &token),
            NodeOrToken::Node(node) => {
                let Some(tree) = ast::TokenTree::cast(node) else {
                    continue;
                };
                let brace = tree.l_curly_token();
                if let (Some(Head::Complete), Some(brace)) = (head, &brace) {
                    put(brace.text_range().end());
                }
                if brace.is_some() {
                    head = None;
                }
                visit_tokens(&tree, put);
            }
        }
    }
}

/// What was read of the head of a loop. The next braces behind a complete one are its body.
#[derive(Clone, Copy)]
enum Head {
    /// `for`, and not yet `in`: it may also introduce lifetimes.
    For,
    Complete,
}

fn next_head(head: Option<Head>, token: &SyntaxToken) -> Option<Head> {
    match (token.kind(), head) {
        (T![loop] | T![while], _) | (T![in], Some(Head::For)) => Some(Head::Complete),
        (T![for], _) => Some(Head::For),
        // Braces that are no body may follow, or the head was none.
        (T![match] | T![;] | T![=>] | T![unsafe], _) => None,
        _ => head,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::rewrite::{Rewritten, split};

    /// `expected` has `✓` where checks are.
    #[track_caller]
    fn check(expected: &str) {
        let code = expected.replace('✓', "");
        let edits = split(&code).iter().flat_map(checks).collect();
        let rewritten = Rewritten::new(&code, edits);
        assert_eq!(rewritten.text().replace(CHECK, "✓"), expected);
    }

    #[test]
    fn every_loop_has_one_each_round() {
        check("loop {✓}");
        check("for i in 0..3 {✓ while i > 1 {✓ f() } }");
        check("let x = 'outer: loop {✓ loop {✓ break 'outer 1 } };");
        check(
            "spawn(async {✓ }.then(|| loop {✓ f() }))"
                .replace("async {✓ }", "async { }")
                .as_str(),
        );
    }

    #[test]
    fn every_function_has_one() {
        check("fn f(n: u64) -> u64 {✓ if n == 0 { 1 } else { f(n - 1) } }");
        check("impl A { fn f(&self) {} async fn g() {✓ loop {✓ } } }");
        check("mod m { trait T { fn with(&self) {✓ f() } fn without(&self); } }");
        check("fn f() {\n    #![allow(unused)]✓\n    g()\n}");
    }

    #[test]
    fn code_that_macros_take_as_it_is_has_them() {
        check("let x = receive! { n: u32 => loop {✓ f(n) }, after ms(1) => 0 };");
        check("println!(\"{}\", { for i in (0..3) {✓ f(i) } 1 });");
        check("vec![{ while let Some(x) = it.next() {✓ f(x); } }]");
    }

    #[test]
    fn macros_that_may_read_it_otherwise_are_left_alone() {
        check("quote! { loop { f() } }");
        check("macro_rules! forever { ($e:expr) => { loop { $e } } }");
        check("println!(\"{:?}\", { while match x { 1 => true, _ => false } { f() } });");
        check("assert!(is::<for<'a> fn(&'a u8)>({ 1 }));");
    }

    #[test]
    fn what_is_computed_at_compile_time_has_none() {
        check("const N: usize = { let mut n = 0; while n < 3 { n += 1 } n };");
        check("const fn f() { loop {} }");
        check("let x = const { loop {} };");
        check("let x = [{ loop {✓} }; { loop {} }];");
        check("static S: u8 = { loop {} };");
    }

    #[test]
    fn nothing_unwinds_from_where_it_must_not() {
        check("extern \"C\" fn f() { loop {} }");
        check("unsafe fn f() { loop {} }");
        check("fn f() {✓ unsafe { loop {} } }");
        check("extern \"Rust\" fn f() {✓ g() }");
    }

    #[test]
    fn code_that_does_not_parse_stays_as_it_is() {
        check("loop { let x = ; }");
    }
}
