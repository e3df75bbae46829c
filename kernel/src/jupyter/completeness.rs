//! Whether a cell's code is complete, for front ends that run it on Enter.

use jupyter_protocol::IsCompleteReply;
use ra_ap_rustc_lexer::{FrontmatterAllowed, LiteralKind, TokenKind, tokenize};
use ra_ap_syntax::{Edition, SourceFile};

/// What a line is indented by beyond the one that opened the bracket around it.
const INDENT: &str = "    ";

/// Whether `code` can be run as it is, wants more lines, or can never be right.
pub(super) fn of(code: &str) -> IsCompleteReply {
    if code.trim_start().starts_with(':') {
        // A command of the evaluator, such as `:dep`.
        return IsCompleteReply::complete();
    }
    match brackets(code) {
        Brackets::Balanced => grammar(code),
        Brackets::Open(at) => IsCompleteReply::incomplete(format!("{}{INDENT}", indent_at(code, at))),
        Brackets::Unterminated => IsCompleteReply::incomplete(String::new()),
        Brackets::Wrong => IsCompleteReply::invalid(),
    }
}

enum Brackets {
    Balanced,
    /// The innermost open one is at this byte.
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
        let start = at;
        at += token.len as usize;
        let text = &code[start..at];
        match token.kind {
            TokenKind::OpenParen => open.push((TokenKind::CloseParen, start)),
            TokenKind::OpenBrace => open.push((TokenKind::CloseBrace, start)),
            TokenKind::OpenBracket => open.push((TokenKind::CloseBracket, start)),
            TokenKind::CloseParen | TokenKind::CloseBrace | TokenKind::CloseBracket
                if open.pop().map(|(close, _)| close) != Some(token.kind) =>
            {
                return Brackets::Wrong;
            }
            TokenKind::BlockComment { terminated: false, .. } => return Brackets::Unterminated,
            TokenKind::Literal { kind, .. } if is_unterminated(kind, text) => return Brackets::Unterminated,
            _ => {}
        }
    }
    match open.last() {
        Some((_, start)) => Brackets::Open(*start),
        None => Brackets::Balanced,
    }
}

/// The space at the start of the line that byte `at` is in.
fn indent_at(code: &str, at: usize) -> &str {
    let line = code[..at].rsplit('\n').next().unwrap_or_default();
    &line[..line.len() - line.trim_start().len()]
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
    fn the_next_line_is_indented_within_the_line_that_opened_what_is_open() {
        assert_eq!(of("spawn(async {").indent, INDENT);
        assert_eq!(of("spawn(async {\n    loop {").indent, INDENT.repeat(2));
        assert_eq!(of("spawn(async {\n    loop {\n        break;\n    }").indent, INDENT);
        assert_eq!(of("f(a,\n  g(").indent, "      ");
        assert_eq!(of("let x =").indent, "");
    }
}
