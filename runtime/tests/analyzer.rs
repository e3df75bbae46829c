//! The form of `receive!` for code analyzers has the syntax and the types of the real one.
//!
//! Nothing here runs: what counts is that it compiles, and which types the variables have.

#[path = "../src/analyzer.rs"]
mod analyzer;

/// What the macro looks for in its crate, which is this one here.
pub mod __private {
    pub use crate::analyzer::any;
}
pub use crabtree::Message;

use crabtree::prelude::{Down, ExitReason, Pid, ms};

#[derive(Debug)]
#[allow(dead_code)]
enum Msg {
    Move { x: i32, y: i32 },
    Say(String),
    Stop,
}

#[allow(unused, unreachable_code, clippy::diverging_sub_expression)]
async fn types() -> Option<()> {
    let text: String = receive! { text: String => text };
    let short: u8 = receive! {
        "ping" => 1,
        Msg::Move { x, y } if x > y => 2,
        Msg::Move { .. } => { 3 }
        (_from, "get"): (Pid, &str) => { 4 },
        text: String if text.is_empty() => 5,
        (_, list): (Pid, Vec<(u8, u8)>) if list.is_empty() => { list.len() as u8 }
        1..=9u64 | 11 => 6,
        whole @ Some(true) => 7,
        -1.5 => 8,
        'a' => 9,
        after ms(1000) => 10,
    };
    let said: String = receive! { Msg::Say(text) | crate::Msg::Say(text) => text, Msg::Stop => return None, Msg::Move { .. } => None? };
    let message: Message =
        receive! { message if message.is::<u8>() => message, _ if true => { Message::new(1) } message => message };
    let reason: ExitReason = receive! { Down { reason, .. } => reason };
    let late: &str = receive! { after ms(10) * 2 => "late" };
    let slept = receive! { n: u64 => { async { n }.await } };
    let _: u64 = slept;
    let function: fn(&str) -> usize = receive! { f: fn(&str) -> usize if f("four") == 4 => f };
    loop {
        receive! {
            _: std::collections::HashMap<String, ::std::time::Duration> => continue,
            () => break,
        }
    }
    Some(())
}

#[test]
fn every_form_of_an_arm_is_read() {
    drop(types());
}
