//! Whether a cell's code is complete, for front ends that run it on Enter.

use jupyter_protocol::IsCompleteReply;
use ra_ap_rustc_lexer::{FrontmatterAllowed, LiteralKind, TokenKind, tokenize};
use ra_ap_syntax::{Edition, SourceFile};

/// Four spaces per open bracket.
const INDENT: &str = "    ";

/// Whether `code` can be run as it is, wants more lines, or can never be right.
pub(super) fn of(code: &str) -> IsCompleteReply {
    if code.trim_start().starts_with(':') {
        // A command of the evaluator, such as `:dep`.
        return IsCompleteReply::complete();
    }
    match brackets(code) {
        Brackets::Balanced => grammar(code),
        Brackets::Open(depth) => IsCompleteReply::incomplete(INDENT.repeat(depth)),
        Brackets::Unterminated => IsCompleteReply::incomplete(String::new()),
        Brackets::Wrong => IsCompleteReply::invalid(),
    }
}

enum Brackets {
    Balanced,
    /// So many are open.
    Open(usize),
    /// A string or a comment does not end.
    Unterminated,
    /// A bracket is closed that was not opened.
    Wrong,
}

fn brackets(code: &str) -> Brackets {
    let mut open = Vec::new();
    let mut at = 0;
    for token in tokenize(code, FrontmatterAllowed::No) {
        let text = &code[at..at + token.len as usize];
        at += token.len as usize;
        match token.kind {
            TokenKind::OpenParen => open.push(TokenKind::CloseParen),
            TokenKind::OpenBrace => open.push(TokenKind::CloseBrace),
            TokenKind::OpenBracket => open.push(TokenKind::CloseBracket),
            TokenKind::CloseParen | TokenKind::CloseBrace | TokenKind::CloseBracket
                if open.pop() != Some(token.kind) =>
            {
                return Brackets::Wrong;
            }
            TokenKind::BlockComment { terminated: false, .. } => return Brackets::Unterminated,
            TokenKind::Literal { kind, .. } if is_unterminated(kind, text) => return Brackets::Unterminated,
            _ => {}
        }
    }
    if open.is_empty() {
        Brackets::Balanced
    } else {
        Brackets::Open(open.len())
    }
}

fn is_unterminated(kind: LiteralKind, text: &str) -> bool {
    match kind {
        LiteralKind::Str { terminated } | LiteralKind::ByteStr { terminated } | LiteralKind::CStr { terminated } => {
            !terminated
        }
        LiteralKind::RawStr { n_hashes } | LiteralKind::RawByteStr { n_hashes } | LiteralKind::RawCStr { n_hashes } => {
            n_hashes.is_none() && text.contains('"')
        }
        _ => false,
    }
}

/// Code whose brackets are balanced: wrong at its very end is incomplete, wrong earlier is invalid.
fn grammar(code: &str) -> IsCompleteReply {
    const OPENING: &str = "async fn cell() {\n";
    let parsed = SourceFile::parse(&format!("{OPENING}{code}\n}}"), Edition::CURRENT);
    let end = OPENING.len() + without_trivia_at_the_end(code);
    let mut errors = parsed
        .errors()
        .into_iter()
        .map(|error| usize::from(error.range().start()))
        .peekable();
    if errors.peek().is_none() {
        IsCompleteReply::complete()
    } else if errors.all(|at| at >= end) {
        IsCompleteReply::incomplete(String::new())
    } else {
        IsCompleteReply::invalid()
    }
}

/// The length of `code` up to its last token that is neither space nor comment.
fn without_trivia_at_the_end(code: &str) -> usize {
    let (mut at, mut end) = (0, 0);
    for token in tokenize(code, FrontmatterAllowed::No) {
        at += token.len as usize;
        let trivia = matches!(
            token.kind,
            TokenKind::Whitespace | TokenKind::LineComment { .. } | TokenKind::BlockComment { .. } | TokenKind::Eof
        );
        if !trivia {
            end = at;
        }
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;
    use jupyter_protocol::IsCompleteReplyStatus::{self, Complete, Incomplete, Invalid};

    fn check(expected: IsCompleteReplyStatus, samples: &[&str]) {
        for code in samples {
            assert_eq!(of(code).status, expected, "{code:?}");
        }
    }

    #[test]
    fn code_that_can_be_run_is_complete() {
        check(
            Complete,
            &[
                "",
                "1 + 1",
                "let x = 1;",
                "println!(\"{\")",
                "fn f() {}\nf()",
                "struct S;\nimpl S { fn new() -> S { S } }",
                "use std::fmt;\n// done",
                "spawn(async { println!(\"}}\") });",
                "receive! { \"ping\" => 1, after ms(5) => 2 }",
                "call().await?",
                "':'; '\\''; 'a: loop { break 'a }",
                ":dep serde = \"1\"",
            ],
        );
    }

    #[test]
    fn code_that_wants_more_is_incomplete() {
        check(
            Incomplete,
            &[
                "fn f() {",
                "let x =",
                "let x = 1",
                "vec![1,",
                "\"text",
                "r#\"text\"",
                "/* why",
                "1 +",
                "if x",
                "struct S",
                "match x { 1 =>",
                "let x = 1 // one",
                "spawn(async {\n    loop {",
            ],
        );
    }

    #[test]
    fn code_that_no_line_can_mend_is_invalid() {
        check(
            Invalid,
            &[
                ")",
                "fn f( {) }",
                "let = 1;",
                "let x = ;",
                "fn 1f() {}",
                "struct S { x }; }",
            ],
        );
    }

    #[test]
    fn the_next_line_is_indented_by_what_is_open() {
        assert_eq!(of("spawn(async {\n    loop {").indent, INDENT.repeat(3));
        assert_eq!(of("let x =").indent, "");
    }
}
