//! Rust with its tokens marked, by the compiler's own lexer.

use ra_ap_rustc_lexer::{FrontmatterAllowed, LiteralKind, TokenKind, tokenize};

use super::escape;

const KEYWORDS: &[&str] = &[
    "as", "async", "await", "break", "const", "continue", "crate", "dyn", "else", "enum", "extern", "fn", "for", "if",
    "impl", "in", "let", "loop", "match", "mod", "move", "mut", "pub", "ref", "return", "self", "Self", "static",
    "struct", "super", "trait", "type", "union", "unsafe", "use", "where", "while",
];

/// The HTML of Rust code, for use within `<code>`.
pub(super) fn rust(code: &str) -> String {
    let tokens: Vec<(TokenKind, &str)> = tokens(code).collect();
    let mut html = String::with_capacity(code.len() * 2);
    for (index, &(kind, text)) in tokens.iter().enumerate() {
        let next = tokens[index + 1..]
            .iter()
            .find(|(kind, _)| *kind != TokenKind::Whitespace)
            .map(|(kind, _)| *kind);
        match class(kind, text, next) {
            Some(class) => {
                for part in ["<span class=\"", class, "\">", &escape(text), "</span>"] {
                    html.push_str(part);
                }
            }
            None => html.push_str(&escape(text)),
        }
    }
    html
}

fn tokens(code: &str) -> impl Iterator<Item = (TokenKind, &str)> {
    let mut rest = code;
    tokenize(code, FrontmatterAllowed::No).map(move |token| {
        let (text, after) = rest.split_at(token.len as usize);
        rest = after;
        (token.kind, text)
    })
}

/// The style of a token, by itself and what follows.
fn class(kind: TokenKind, text: &str, next: Option<TokenKind>) -> Option<&'static str> {
    match kind {
        TokenKind::LineComment { .. } | TokenKind::BlockComment { .. } => Some("comment"),
        TokenKind::Literal {
            kind: LiteralKind::Int { .. } | LiteralKind::Float { .. },
            ..
        } => Some("number"),
        TokenKind::Literal { .. } => Some("string"),
        TokenKind::Lifetime { .. } | TokenKind::RawLifetime => Some("lifetime"),
        TokenKind::Ident => identifier_class(text, next),
        _ => None,
    }
}

fn identifier_class(text: &str, next: Option<TokenKind>) -> Option<&'static str> {
    match (text, next) {
        ("true" | "false", _) => Some("number"),
        _ if KEYWORDS.contains(&text) => Some("keyword"),
        (_, Some(TokenKind::Bang)) => Some("macro"),
        (_, Some(TokenKind::OpenParen)) if text.starts_with(|first: char| !first.is_uppercase()) => Some("function"),
        _ if text.starts_with(char::is_uppercase) => Some("type"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_marked_by_what_they_are() {
        for (code, html) in [
            ("let", r#"<span class="keyword">let</span>"#),
            ("println!(x)", r#"<span class="macro">println</span>!(x)"#),
            (
                "f (1)",
                r#"<span class="function">f</span> (<span class="number">1</span>)"#,
            ),
            ("Vec<u8>", r#"<span class="type">Vec</span>&lt;u8&gt;"#),
            ("// <b>", r#"<span class="comment">// &lt;b&gt;</span>"#),
            ("\"a{}\"", r#"<span class="string">&quot;a{}&quot;</span>"#),
            ("&'a x", r#"&amp;<span class="lifetime">&#39;a</span> x"#),
        ] {
            assert_eq!(rust(code), html);
        }
    }

    #[test]
    fn no_character_is_lost_even_of_code_that_is_wrong() {
        for code in ["let s = \"open", "€ № 'x", "/* open", "r##\"x\"#", "a\r\n\tb"] {
            let html = rust(code);
            let mut text = String::new();
            let mut tag = false;
            for character in html.chars() {
                match character {
                    '<' => tag = true,
                    '>' => tag = false,
                    other if !tag => text.push(other),
                    _ => {}
                }
            }
            assert_eq!(text, escape(code));
        }
    }
}
