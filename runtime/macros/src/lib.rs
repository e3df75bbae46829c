//! The procedural macros of `crabtree`, which re-exports them.

mod receive;

use proc_macro::TokenStream;

/// Waits for a message that matches one of the arms, takes it out of the mailbox and runs the arm.
#[proc_macro]
pub fn receive(arms: TokenStream) -> TokenStream {
    receive::receive(arms.into()).into()
}
