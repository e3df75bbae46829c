//! `debug!`: take a chain of calls apart, and bind each value on its way.

use proc_macro2::{Delimiter, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote_spanned};
use syn::{Expr, ExprAwait, ExprField, ExprMethodCall, ExprParen, ExprTry};

/// Code whose variables and the user's do not see each other.
macro_rules! code {
    ($($tokens:tt)*) => { quote_spanned!(Span::mixed_site()=> $($tokens)*) };
}

/// The expression that `debug!` of this one stands for.
pub(crate) fn debug(expression: TokenStream) -> TokenStream {
    match syn::parse2::<Expr>(expression) {
        Ok(expression) => expand(&expression),
        Err(error) => error.into_compile_error(),
    }
}

/// A chain from its beginning.
struct Chain<'a> {
    start: &'a Expr,
    /// What follows, each part with its dot or its question mark.
    links: Vec<TokenStream>,
}

impl<'a> Chain<'a> {
    fn of(expression: &'a Expr) -> Chain<'a> {
        let mut links = Vec::new();
        let mut rest = expression;
        // A future is no value to look at: its call and its `.await` are one step.
        let mut awaited = TokenStream::new();
        loop {
            let (receiver, link, is_await) = match rest {
                Expr::MethodCall(call) => (&*call.receiver, method(call), false),
                Expr::Await(ExprAwait {
                    base,
                    dot_token,
                    await_token,
                    ..
                }) => (
                    &**base,
                    quote_spanned!(Span::call_site()=> #dot_token #await_token),
                    true,
                ),
                Expr::Try(ExprTry {
                    expr, question_token, ..
                }) => (&**expr, question_token.to_token_stream(), false),
                Expr::Field(ExprField {
                    base,
                    dot_token,
                    member,
                    ..
                }) if !is_place(rest) => (&**base, quote_spanned!(Span::call_site()=> #dot_token #member), false),
                start => {
                    if !awaited.is_empty() {
                        links.push(awaited);
                    }
                    links.reverse();
                    return Chain { start, links };
                }
            };
            if is_await {
                awaited = link.into_iter().chain(awaited).collect();
            } else {
                links.push(link.into_iter().chain(std::mem::take(&mut awaited)).collect());
            }
            rest = receiver;
        }
    }
}

fn method(call: &ExprMethodCall) -> TokenStream {
    let mut tokens = TokenStream::new();
    call.attrs.iter().for_each(|attribute| attribute.to_tokens(&mut tokens));
    call.dot_token.to_tokens(&mut tokens);
    call.method.to_tokens(&mut tokens);
    call.turbofish.to_tokens(&mut tokens);
    call.paren_token
        .surround(&mut tokens, |tokens| call.args.to_tokens(tokens));
    tokens
}

/// Whether the expression is something that stays where it is, and is the same when it is looked at twice.
fn is_place(expression: &Expr) -> bool {
    match expression {
        Expr::Path(_) | Expr::Lit(_) => true,
        Expr::Field(field) => is_place(&field.base),
        Expr::Paren(ExprParen { expr, .. }) => is_place(expr),
        _ => false,
    }
}

/// Whether the expression can only be used where it is: bound to a variable, it would be moved, or mean something else.
fn is_bound_to_its_place(expression: &Expr) -> bool {
    matches!(expression, Expr::Index(_) | Expr::Unary(_) | Expr::Reference(_))
}

fn expand(expression: &Expr) -> TokenStream {
    let Chain { start, links } = Chain::of(expression);
    let text = source(start.to_token_stream());
    let mut links = links.into_iter();
    let steps = match links.len() {
        0 => bind(&start.to_token_stream(), &text, &mut links),
        _ if is_place(start) => {
            let first = links.next().unwrap_or_default();
            let seen = code!(::crabtree::__seen!(&#start));
            let rest = bind(&code!(#start #first), &source(first), &mut links);
            code!({ steps.add(#text, #seen); #rest })
        }
        _ if is_bound_to_its_place(start) => {
            let first = links.next().unwrap_or_default();
            let whole = format!("{text}{}", source(first.clone()));
            bind(&code!((#start) #first), &whole, &mut links)
        }
        _ => bind(&start.to_token_stream(), &text, &mut links),
    };
    code! {{
        let mut steps = ::crabtree::__private::Steps::new(::core::file!(), ::core::line!());
        #steps
    }}
}

/// Binds the value of `expression`, and with it goes on along the chain.
fn bind(expression: &TokenStream, text: &str, links: &mut dyn Iterator<Item = TokenStream>) -> TokenStream {
    let rest = match links.next() {
        None => code!(value),
        Some(link) => bind(&code!(value #link), &source(link), links),
    };
    code! {
        match #expression {
            #[allow(unused_mut)]
            mut value => {
                steps.add(#text, ::crabtree::__seen!(&value));
                #rest
            }
        }
    }
}

/// The code as it was written, on one line.
fn source(tokens: TokenStream) -> String {
    let mut text = String::new();
    let mut end = None;
    push_source(tokens, &mut text, &mut end);
    text
}

/// The line and the column where the last token ended; none where the next one follows without a space.
type End = Option<(usize, usize)>;

fn push_source(tokens: TokenStream, text: &mut String, end: &mut End) {
    for token in tokens {
        let place = place(token.span());
        match token {
            // Where the brackets of one that syn has read stand apart, only their outer ends are known.
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Brace if group.stream().is_empty() => ("{", "}"),
                    Delimiter::Brace => ("{ ", " }"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::None => ("", ""),
                };
                push_token(open, place, text, end);
                *end = None;
                push_source(group.stream(), text, end);
                text.push_str(close);
                *end = place.map(|(_, end)| end);
            }
            token => push_token(&token.to_string(), place, text, end),
        }
    }
}

/// Where a token begins and ends. Outside of a compiler nobody knows.
fn place(span: Span) -> Option<((usize, usize), (usize, usize))> {
    proc_macro::is_available().then(|| {
        let (start, end) = (span.unwrap().start(), span.unwrap().end());
        ((start.line(), start.column()), (end.line(), end.column()))
    })
}

fn push_token(token: &str, place: Option<((usize, usize), (usize, usize))>, text: &mut String, end: &mut End) {
    if let (Some((start, _)), Some(end)) = (place, *end) {
        let begins_line = start.0 > end.0;
        if start != end && !(begins_line && token.starts_with(['.', '?'])) {
            text.push(' ');
        }
    }
    text.push_str(token);
    *end = place.map(|(_, end)| end);
}

#[cfg(test)]
mod tests {
    use super::*;
    use syn::parse_quote;

    /// The parts of a chain.
    fn parts(expression: Expr) -> Vec<String> {
        let Chain { start, links } = Chain::of(&expression);
        let parts = [start.to_token_stream()].into_iter().chain(links).map(source);
        parts.map(|part| part.replace(' ', "")).collect()
    }

    #[test]
    fn a_chain_is_taken_apart_at_its_calls() {
        assert_eq!(
            parts(parse_quote!(a.b.c().d::<E>(1, f.g()))),
            ["a.b", ".c()", ".d::<E>(1,f.g())"]
        );
        assert_eq!(parts(parse_quote!(a().b.c()?.d)), ["a()", ".b", ".c()", "?", ".d"]);
        assert_eq!(
            parts(parse_quote!(a.b().await?.c().await)),
            ["a", ".b().await", "?", ".c().await"]
        );
        assert_eq!(parts(parse_quote!(a.await.await)), ["a", ".await.await"]);
        assert_eq!(parts(parse_quote!(1 + a.b())), ["1+a.b()"]);
        assert_eq!(parts(parse_quote!(v[0].b())), ["v[0]", ".b()"]);
    }

    #[test]
    fn what_is_no_expression_is_an_error() {
        assert!(debug(quote::quote!(1 +)).to_string().contains("compile_error"));
    }
}
