//! `receive!`: read the arms, then write the loop over the mailbox.

mod expand;
mod parse;
mod pattern;

use proc_macro2::TokenStream;

/// The expression that `receive!` with these arms stands for, or errors that point into them.
pub(crate) fn receive(arms: TokenStream) -> TokenStream {
    match syn::parse2::<parse::Receive>(arms) {
        Ok(receive) => expand::expand(&receive),
        Err(error) => error.into_compile_error(),
    }
}

#[cfg(test)]
mod tests;
