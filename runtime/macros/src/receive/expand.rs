//! The loop over the mailbox that arms turn into.
//!
//! ```text
//! match {
//!     let mut scan = Scan::new(…);
//!     loop {
//!         let message = scan.next().await …;            // else the time is over
//!         let message = match try_arm(message, |value| match value {
//!             PATTERN if GUARD => Ok((bindings)),
//!             value => Err(value),
//!         }) { Ok(bindings) => break Arm0(bindings), Err(message) => message };
//!         …
//!         scan.pass(message);
//!     }
//! } {
//!     Arm0((bindings)) => body,
//!     …
//! }
//! ```
//!
//! - Bodies stand outside of the closures and of the loop, so that `.await`, `?`, `return`, `break` and
//!   `continue` mean what they mean around `receive!`.
//! - The scan is dropped before a body runs: a body may receive on its own.
//! - A closure lives for one attempt, never across `.await`: what a guard borrows need not be `Sync`.
//! - The type of an arm is an argument of `try_arm`, whose bound is `'static`: there `&str` reads `&'static str`.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote_spanned};
use syn::Expr;
use syn::spanned::Spanned;

use super::parse::{Accepts, Arm, Receive, Typed};
use super::pattern::Binding;

/// Code whose variables and the user's do not see each other.
macro_rules! code {
    ($($tokens:tt)*) => { quote_spanned!(Span::mixed_site()=> $($tokens)*) };
}

pub(crate) fn expand(receive: &Receive) -> TokenStream {
    let variants: Vec<Ident> = (0..receive.arms.len()).map(|n| format_ident!("Arm{n}")).collect();
    let types: Vec<Ident> = (0..receive.arms.len()).map(|n| format_ident!("B{n}")).collect();
    let attempts = receive
        .arms
        .iter()
        .zip(&variants)
        .map(|(arm, variant)| attempt(arm, variant));
    let bodies = receive
        .arms
        .iter()
        .zip(&variants)
        .map(|(arm, variant)| body(arm, variant));
    let looks_by_type = receive.arms.iter().all(|arm| matches!(arm.accepts, Accepts::Typed(_)));
    let keep = match receive.arms.iter().any(takes_everything) {
        true => None,
        false if looks_by_type => Some(code!(scan.pass(message);)),
        false => Some(code!(scan.keep(message);)),
    };

    let (scan, no_message) = match &receive.after {
        Some(after) => {
            let duration = &after.duration;
            let scan = code! {
                let timeout: ::core::time::Duration = #duration;
                let mut scan = ::crabtree::__private::Scan::new(::core::option::Option::Some(timeout));
            };
            (scan, code!(break __Received::After))
        }
        None => (
            code!(let mut scan = ::crabtree::__private::Scan::new(::core::option::Option::None);),
            code!(::core::unreachable!()),
        ),
    };
    let (after_variant, after_body) = receive
        .after
        .as_ref()
        .map(|after| {
            let body = &after.body;
            (code!(After), code!(__Received::After => #body,))
        })
        .unzip();

    code! {
        {
            enum __Received<#(#types),*> { #(#variants(#types),)* #after_variant }
            match {
                #scan
                loop {
                    let message = match scan.next().await {
                        ::core::option::Option::Some(message) => message,
                        ::core::option::Option::None => #no_message,
                    };
                    #(#attempts)*
                    #keep
                }
            } {
                #(#bodies)*
                #after_body
            }
        }
    }
}

/// Statements that leave the loop with what `arm` binds, or leave `message` to the next arm.
fn attempt(arm: &Arm, variant: &Ident) -> TokenStream {
    let guard = arm.guard.as_ref().map(|guard| code!(if #guard));
    match &arm.accepts {
        Accepts::Any(_) if takes_everything(arm) => code!(break __Received::#variant(message);),
        Accepts::Any(binding) => {
            let name = match binding {
                Some(binding) => binding.name.to_token_stream(),
                None => code!(message),
            };
            code! {
                let message = match message {
                    #name #guard => break __Received::#variant(#name),
                    message => message,
                };
            }
        }
        Accepts::Typed(typed) => {
            let Typed { pattern, ty, bindings } = &**typed;
            let names = bindings.iter().map(|binding| &binding.name);
            let turbofish = ty.as_ref().map(|ty| code!(::<#ty, _>));
            // What the compiler has to say about the type of the message, it says at the pattern.
            let at_pattern = Span::mixed_site().located_at(pattern.span());
            let attempt = quote_spanned! {at_pattern=>
                ::crabtree::__private::try_arm #turbofish (message, #[allow(clippy::result_large_err)] |value| match value {
                    #pattern #guard => ::core::result::Result::Ok((#(#names,)*)),
                    #[allow(unreachable_patterns)]
                    value => ::core::result::Result::Err(value),
                })
            };
            code! {
                let message = match #attempt {
                    ::core::result::Result::Ok(bindings) => break __Received::#variant(bindings),
                    ::core::result::Result::Err(message) => message,
                };
            }
        }
    }
}

/// The arm of the outer `match`: what the user wrote, with the variables of the pattern.
fn body(arm: &Arm, variant: &Ident) -> TokenStream {
    let (pattern, bindings) = match &arm.accepts {
        Accepts::Any(None) => (code!(_), &[][..]),
        Accepts::Any(Some(binding)) => {
            let Binding { mutability, name } = binding;
            (code!(#mutability #name), std::slice::from_ref(binding))
        }
        Accepts::Typed(typed) => {
            let variables = typed
                .bindings
                .iter()
                .map(|Binding { mutability, name }| code!(#mutability #name));
            (code!((#(#variables,)*)), &typed.bindings[..])
        }
    };
    // A variable that only the guard reads is not unused.
    let read_by_guard: Vec<&Ident> = match &arm.guard {
        Some(guard) => bindings
            .iter()
            .map(|b| &b.name)
            .filter(|name| reads(guard, name))
            .collect(),
        None => Vec::new(),
    };
    let body = &arm.body;
    match read_by_guard.is_empty() {
        true => code!(__Received::#variant(#pattern) => #body,),
        // The body stays the body of an arm, where braces around one expression are usual.
        false => code! {
            __Received::#variant(#pattern) => { #(let _ = &#read_by_guard;)* match () { () => #body } }
        },
    }
}

fn takes_everything(arm: &Arm) -> bool {
    matches!(arm.accepts, Accepts::Any(_)) && arm.guard.is_none()
}

fn reads(guard: &Expr, name: &Ident) -> bool {
    fn mentions(tokens: TokenStream, name: &Ident) -> bool {
        tokens.into_iter().any(|token| match token {
            TokenTree::Ident(ident) => ident == *name,
            TokenTree::Group(group) => mentions(group.stream(), name),
            _ => false,
        })
    }
    mentions(guard.to_token_stream(), name)
}
