//! What may be written between the braces of `receive!`.

use proc_macro2::{Ident, Span};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::spanned::Spanned;
use syn::{Error, Expr, Pat, Result, Token, Type};

use super::pattern::{self, Binding};

/// The arms in their order, and what happens when none of them matches in time.
pub(crate) struct Receive {
    pub(crate) arms: Vec<Arm>,
    pub(crate) after: Option<After>,
}

/// `PATTERN: Type if guard => body`
pub(crate) struct Arm {
    pub(crate) accepts: Accepts,
    pub(crate) guard: Option<Expr>,
    pub(crate) body: Expr,
}

/// Which messages an arm looks at.
pub(crate) enum Accepts {
    /// `name` or `_`: each, whatever its type.
    Any(Option<Binding>),
    /// Those of one type, written or inferred from the pattern, that match the pattern.
    Typed(Box<Typed>),
}

/// What an arm for messages of one type says of them.
pub(crate) struct Typed {
    pub(crate) pattern: Pat,
    pub(crate) ty: Option<Type>,
    pub(crate) bindings: Vec<Binding>,
}

/// `after duration => body`
pub(crate) struct After {
    pub(crate) duration: Expr,
    pub(crate) body: Expr,
}

const FORMS: &str = "`PATTERN => …`, `PATTERN: Type => …`, `PATTERN if guard => …`, `name => …` for any message, and `after DURATION => …` as the last arm";

impl Parse for Receive {
    fn parse(input: ParseStream<'_>) -> Result<Receive> {
        if input.is_empty() {
            return Err(Error::new(
                Span::call_site(),
                format!("`receive!` without arms would wait forever; it accepts {FORMS}"),
            ));
        }
        let mut receive = Receive {
            arms: Vec::new(),
            after: None,
        };
        let mut takes_everything: Option<String> = None;
        while !input.is_empty() {
            let start = input.span();
            if starts_after(input) {
                let after = parse_after(input)?;
                if receive.after.replace(after).is_some() {
                    return Err(Error::new(start, "`receive!` waits once: this is a second `after`"));
                }
                continue;
            }
            if receive.after.is_some() {
                return Err(Error::new(
                    start,
                    "`after` is the last arm of `receive!`: move this arm before it",
                ));
            }
            let arm = input.parse::<Arm>()?;
            if let Some(name) = &takes_everything {
                return Err(Error::new(
                    start,
                    format!("this arm is never reached: `{name}` above takes every message"),
                ));
            }
            if let Accepts::Any(binding) = &arm.accepts
                && arm.guard.is_none()
            {
                takes_everything = Some(binding.as_ref().map_or("_".to_owned(), |b| b.name.to_string()));
            }
            receive.arms.push(arm);
        }
        Ok(receive)
    }
}

impl Parse for Arm {
    fn parse(input: ParseStream<'_>) -> Result<Arm> {
        let pattern = Pat::parse_multi_with_leading_vert(input)?;
        let ty = match input.parse::<Option<Token![:]>>()? {
            Some(_) => Some(input.parse::<Type>()?),
            None => None,
        };
        let guard = match input.parse::<Option<Token![if]>>()? {
            Some(_) => Some(Expr::parse_without_eager_brace(input)?),
            None => None,
        };
        let written = match (&ty, &guard) {
            (_, Some(_)) => "guard",
            (Some(_), None) => "type",
            (None, None) => "pattern",
        };
        parse_arrow(input, written)?;
        let body = parse_body(input)?;
        Ok(Arm {
            accepts: accepts(pattern, ty)?,
            guard,
            body,
        })
    }
}

fn accepts(mut pattern: Pat, ty: Option<Type>) -> Result<Accepts> {
    while let Pat::Paren(inner) = pattern {
        pattern = *inner.pat;
    }
    let bindings = pattern::take_bindings(&mut pattern)?;
    if ty.is_some() {
        return Ok(Accepts::Typed(Box::new(Typed { pattern, ty, bindings })));
    }
    match &pattern {
        Pat::Wild(_) => Ok(Accepts::Any(None)),
        Pat::Ident(name) if name.subpat.is_none() && !bindings.is_empty() => {
            Ok(Accepts::Any(bindings.into_iter().next()))
        }
        _ => match pattern::open_part(&pattern) {
            None => Ok(Accepts::Typed(Box::new(Typed { pattern, ty, bindings }))),
            Some(open) => Err(Error::new(
                open.span(),
                "the type of the message is open: write it, as in `(from, \"get\"): (Pid, &str) => …`",
            )),
        },
    }
}

/// `after` begins the last arm unless it reads as a pattern with a type: `after: String`, `after @ 1..5`.
fn starts_after(input: ParseStream<'_>) -> bool {
    let ahead = input.fork();
    match ahead.call(Ident::parse_any) {
        Ok(word) if word == "after" => {
            ahead.peek(Token![::]) || !(ahead.peek(Token![:]) || ahead.peek(Token![@]) || ahead.peek(Token![|]))
        }
        _ => false,
    }
}

fn parse_after(input: ParseStream<'_>) -> Result<After> {
    let word = input.call(Ident::parse_any)?;
    if input.peek(Token![=>]) {
        return Err(Error::new(
            word.span(),
            "`after` needs a duration: `after ms(100) => …`; \
             to receive any message, give it another name",
        ));
    }
    let duration = input.parse::<Expr>()?;
    if let Expr::Lit(number) = &duration {
        return Err(Error::new(
            number.span(),
            "a number is not a duration: write `after ms(…) => …` or `after secs(…) => …`",
        ));
    }
    if input.peek(Token![if]) {
        return Err(input.error("`after` has no guard: it takes `after DURATION => …`"));
    }
    parse_arrow(input, "duration")?;
    Ok(After {
        duration,
        body: parse_body(input)?,
    })
}

fn parse_arrow(input: ParseStream<'_>, written: &str) -> Result<()> {
    if input.peek(Token![=>]) {
        input.parse::<Token![=>]>()?;
        return Ok(());
    }
    let message = match written {
        "pattern" => "expected `=> expression` after the pattern (or `: Type`, or `if guard`)",
        "type" => "expected `=> expression` after the type (or `if guard`)",
        "guard" => "expected `=> expression` after the guard",
        _ => "expected `=> expression` after the duration",
    };
    Err(input.error(message))
}

/// An expression, and the comma that it needs: as in `match`, none behind a block.
fn parse_body(input: ParseStream<'_>) -> Result<Expr> {
    if input.is_empty() || input.peek(Token![,]) {
        return Err(input.error("expected an expression after `=>`"));
    }
    let body = Expr::parse_with_earlier_boundary_rule(input)?;
    if input.is_empty() || input.parse::<Option<Token![,]>>()?.is_some() || is_block(&body) {
        return Ok(body);
    }
    Err(input.error("expected `,` between two arms of `receive!`"))
}

fn is_block(body: &Expr) -> bool {
    matches!(
        body,
        Expr::Block(_)
            | Expr::Const(_)
            | Expr::ForLoop(_)
            | Expr::If(_)
            | Expr::Loop(_)
            | Expr::Match(_)
            | Expr::TryBlock(_)
            | Expr::Unsafe(_)
            | Expr::While(_)
    )
}
