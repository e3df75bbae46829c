//! The procedural macros of `crabtree`, which re-exports them.

mod debug;
mod receive;

use proc_macro::TokenStream;

/// Waits for a message that one of the arms matches, takes it out of the mailbox, and runs the arm.
///
/// It is written like a `match` over the mailbox, and like one it is an expression: its value is that of the arm
/// that ran.
///
/// ```
/// use crabtree::prelude::*;
///
/// #[derive(Debug)]
/// enum Msg {
///     Move { x: i32, y: i32 },
///     Stop,
/// }
///
/// # crabtree::run(async {
/// send(me(), Msg::Move { x: 1, y: 2 });
///
/// let answer = receive! {
///     "ping" => "pong".to_owned(),
///     Msg::Move { x, y } if x < y => format!("moved by {x}, {y}"),
///     Msg::Stop => "stopped".to_owned(),
///     text: String => text,
///     after ms(1000) => "no message in 1 second".to_owned(),
/// };
/// assert_eq!(answer, "moved by 1, 2");
/// # });
/// ```
///
/// # Arms
///
/// | arm | takes |
/// |---|---|
/// | `PATTERN => body` | messages of the type that the pattern has, if they match it |
/// | `PATTERN: Type => body` | messages of that type, if they match |
/// | `PATTERN if guard => body`, `PATTERN: Type if guard => body` | those of them for which the guard is true |
/// | `name => body`, `_ => body` | any message, whatever its type; `name` is a `crabtree::Message` |
/// | `after DURATION => body` | nothing: it runs when no other arm could, for that long. It comes last |
///
/// A message has one type, and an arm looks only at messages of its own. Mostly the pattern tells which: `"ping"` matches
/// a `&'static str` (and no `String`), `Msg::Stop` a `Msg`, `7` an `i32` and `7u64` a `u64`. A pattern that leaves it open
/// is followed by the type of the whole message. References in it are `'static`:
///
/// ```
/// # use crabtree::prelude::*;
/// # crabtree::run(async {
/// send(me(), (me(), "get"));
/// receive! {
///     (from, "get"): (Pid, &str) => send(from, 42),
///     (from, "stop"): (Pid, &str) => exit("stopped"),
/// }
/// receive! { n: i32 => assert_eq!(n, 42) }
/// # });
/// ```
///
/// Patterns own what they bind, so they do without `ref`. A guard sees the variables of its pattern, and those around it,
/// by reference; it cannot await. A name with a capital letter is a constant or a variant, never a new variable.
///
/// Bodies are ordinary code of the function around them: in them `.await`, `?`, `return`, `break` and `continue`
/// mean what they mean there. A body runs when its message is out of the mailbox, and may receive again.
///
/// ```
/// # use crabtree::prelude::*;
/// async fn sum_until_stopped() -> i64 {
///     let mut sum = 0;
///     loop {
///         receive! {
///             n: i64 => sum += n,
///             "stop" => return sum,
///         }
///     }
/// }
///
/// # crabtree::run(async {
/// for n in 1..=3 {
///     send(me(), n as i64);
/// }
/// send(me(), "stop");
/// assert_eq!(sum_until_stopped().await, 6);
/// # });
/// ```
///
/// # Order
///
/// The mailbox is searched from the oldest message to the newest, and for each message the arms from first to last: the
/// oldest message that any arm takes is received. Messages that no arm takes stay where they are, in their order, for a
/// later `receive!`; those that arrive while it waits are tried when they arrive.
///
/// ```
/// # use crabtree::prelude::*;
/// # crabtree::run(async {
/// send(me(), "unexpected");
/// send(me(), 1);
/// send(me(), 2);
///
/// let first = receive! { 2 => 2, n: i32 => n };
/// assert_eq!(first, 1);
///
/// let rest = process::flush();
/// assert_eq!(format!("{rest:?}"), r#"["unexpected", 2]"#);
/// # });
/// ```
///
/// A mailbox that keeps messages nobody takes is searched again and again. A process that lives long ends its
/// `receive!` with an arm for any message.
///
/// # Time
///
/// The duration is evaluated once, before the search begins, and counts from then, however many messages arrive
/// that do not match. Zero looks at every message that is there and does not wait:
///
/// ```
/// # use crabtree::prelude::*;
/// # crabtree::run(async {
/// let found = receive! { "urgent" => true, after ms(0) => false };
/// assert!(!found);
/// # });
/// ```
///
/// # Cancel safety
///
/// The wait is cancel safe: when the future is dropped while it waits, no message is lost. Once a body runs, its message
/// is gone from the mailbox. If a guard panics, the message that it looked at is lost.
///
/// # Panics
///
/// When it runs outside of a process.
#[proc_macro]
pub fn receive(arms: TokenStream) -> TokenStream {
    receive::receive(arms.into()).into()
}

/// Shows an expression and its value, and for a chain of calls each value on the way; the last one is given back.
///
/// What is shown is one output: a line for each step, with what `Debug` says of its value, or else its type. Steps
/// are shown when the chain is over, also if it ends by `?` or by a panic.
///
/// ```
/// use crabtree::kino;
///
/// # crabtree::run(async {
/// let text = "4, 8, x, 15".to_owned();
/// let sum: i32 = kino::debug!(text.split(", ").filter_map(|n| n.parse::<i32>().ok()).collect::<Vec<_>>().iter().sum());
/// assert_eq!(sum, 27);
/// # });
/// ```
///
/// shows
///
/// ```text
/// [src/main.rs:4]
/// text                                          "4, 8, x, 15"
/// .split(", ")                                  Split(SplitInternal { start: 0, …
/// .filter_map(|n| n.parse::<i32>().ok())        FilterMap { iter: Split(SplitInternal { …
/// .collect::<Vec<_>>()                          [4, 8, 15]
/// .iter()                                       Iter([4, 8, 15])
/// .sum()                                        27
/// ```
///
/// Variables and their fields are used where they are, as without the macro. Other values are kept until the chain is
/// over, so what borrows from one of them cannot be its result.
#[proc_macro]
pub fn debug(expression: TokenStream) -> TokenStream {
    debug::debug(expression.into()).into()
}
