//! From a stack as the standard library prints it to the functions that their author knows.
//!
//! std tells of a stack by printing it, and in no other way. It knows the libraries that were loaded when it first did so;
//! those of a notebook's cells are loaded later, so a notebook walks stacks itself ([`CodeNames`]).

use crate::node::node;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::borrow::Cow;
use std::fmt;
use std::panic::Location;

/// A function that waits for the one before it, or called it.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Frame {
    /// Its path.
    pub function: String,
    /// `file:line:column` of the place it has come to, if it is known.
    pub place: Option<String>,
}

/// How code is called whose author does not know the names that the compiler has for it, and that std does not find.
pub trait CodeNames: fmt::Debug + Sync {
    /// What to call a place in the code at `address`; `None` for code of others.
    fn place(&self, address: usize, location: &Location<'_>) -> Option<String>;
    /// What to call the function that the code at `address` is in; `None` for those of others.
    fn function(&self, address: usize) -> Option<String>;
    /// What to call what the compiler calls `path`; `None` for what is of others.
    fn path(&self, path: &str) -> Option<String>;
    /// The stack of the calling thread: for each function the address that it has come to, the innermost first.
    fn walk(&self) -> Vec<usize>;
}

/// Has places and functions called as `names` says, from now on.
pub fn name_code_by(names: &'static dyn CodeNames) {
    // Only the first one counts.
    let _ = node().code_names.set(names);
}

fn code_names() -> Option<&'static dyn CodeNames> {
    node().code_names.get().copied()
}

/// How a place is called.
pub(crate) fn place_of(location: &Location<'_>) -> String {
    let named = code_names().and_then(|names| names.place(location.file().as_ptr().addr(), location));
    named.unwrap_or_else(|| location.to_string())
}

/// How a function, or a type, is called that the compiler calls `path`.
pub(crate) fn path_of(path: &'static str) -> Cow<'static, str> {
    let named = code_names().and_then(|names| names.path(path));
    named.map_or(Cow::Borrowed(path), Cow::Owned)
}

/// What was on the stack of a thread.
#[derive(Debug)]
pub(crate) enum Stack {
    /// Names are looked up when it is printed, which takes a while.
    Printed(Box<Backtrace>),
    /// Who looks names up does so elsewhere.
    Named(Cut),
}

impl Stack {
    /// The stack of this thread, if `RUST_BACKTRACE` asks for stacks; as for std, `full` asks for all that there is.
    pub(crate) fn wanted() -> Option<Stack> {
        match code_names() {
            Some(_) if !is_full() => is_set("RUST_BACKTRACE").then(Stack::capture),
            _ => {
                let stack = Backtrace::capture();
                let captured = stack.status() == BacktraceStatus::Captured;
                captured.then(|| Stack::Printed(Box::new(stack)))
            }
        }
    }

    /// The stack of this thread.
    pub(super) fn capture() -> Stack {
        match code_names() {
            Some(names) => Stack::Named(Cut::walk(names)),
            None => Stack::Printed(Box::new(Backtrace::force_capture())),
        }
    }

    /// The functions of the author.
    pub(super) fn frames(&self) -> Vec<Frame> {
        match self {
            Stack::Printed(stack) => Cut::read(&format!("{stack:#}")).frames,
            Stack::Named(cut) => cut.frames.clone(),
        }
    }
}

/// What a report says of the stack of a panic.
impl fmt::Display for Stack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Stack::Printed(stack) if is_full() => {
                for line in format!("{stack:#}").lines() {
                    writeln!(f, "{}", completed(line, code_names()))?;
                }
                Ok(())
            }
            Stack::Printed(stack) => Cut::read(&format!("{stack:#}")).fmt(f),
            Stack::Named(cut) => cut.fmt(f),
        }
    }
}

fn is_full() -> bool {
    std::env::var_os("RUST_BACKTRACE").is_some_and(|wanted| wanted == "full")
}

fn is_set(variable: &str) -> bool {
    std::env::var_os(variable).is_some_and(|wanted| wanted != "0")
}

/// A line of a stack, with another name for code that has one.
fn completed(line: &str, names: Option<&dyn CodeNames>) -> String {
    let named = names.zip(line.split_once(" - ")).and_then(|(names, (before, _))| {
        // It is where the function will go on; the call is right before.
        let function = names.function(address_of(before)?.checked_sub(1)?)?;
        Some(format!("{before} - {function}"))
    });
    named.unwrap_or_else(|| line.to_owned())
}

/// A stack without the frames of the language and of the runtime.
#[derive(Debug)]
pub(crate) struct Cut {
    /// The functions, the innermost first.
    frames: Vec<Frame>,
    /// How many were left out.
    left_out: usize,
}

impl Cut {
    fn walk(names: &dyn CodeNames) -> Cut {
        let walked = names.walk();
        let count = walked.len();
        let functions = walked.into_iter().filter_map(|address| names.function(address));
        let frames: Vec<Frame> = functions.map(|function| Frame { function, place: None }).collect();
        let left_out = count - frames.len();
        Cut { frames, left_out }
    }

    fn read(text: &str) -> Cut {
        let mut frames = Vec::new();
        let mut left_out = 0;
        let mut below = false;
        for seen in seen(text) {
            let function = without_hashes(seen.function);
            below |= function.contains("process::backtrace::poll_in") || function.contains("task::Task::step");
            if below || !is_of_interest(&function) {
                left_out += 1;
                continue;
            }
            let place = seen.place.map(shortened);
            frames.push(Frame { function, place });
        }
        Cut { frames, left_out }
    }
}

/// A line for each function, and one for those that were left out; nothing if there is only one function.
impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.frames.len() < 2 {
            return Ok(());
        }
        for Frame { function, place } in &self.frames {
            write!(f, "    in {function}")?;
            if let Some(place) = place {
                write!(f, " at {place}")?;
            }
            f.write_str("\n")?;
        }
        writeln!(f, "    … {} frames of the runtime", self.left_out)
    }
}

/// A frame as it is printed.
struct Seen<'a> {
    function: &'a str,
    place: Option<&'a str>,
}

fn seen(text: &str) -> Vec<Seen<'_>> {
    let mut seen: Vec<Seen<'_>> = Vec::new();
    for line in text.lines().map(str::trim) {
        if let Some(place) = line.strip_prefix("at ") {
            if let Some(frame) = seen.last_mut() {
                frame.place = Some(place);
            }
        } else if let Some((number, rest)) = line.split_once(": ")
            && number.parse::<u32>().is_ok()
        {
            let function = rest.split_once(" - ").map_or(rest, |(_, function)| function);
            seen.push(Seen { function, place: None });
        } else if !seen.is_empty() && !line.is_empty() {
            // What the one before was inlined into.
            let function = line;
            seen.push(Seen { function, place: None });
        }
    }
    seen
}

/// The address in `  11:     0x7fa02dbab49f`.
fn address_of(frame: &str) -> Option<usize> {
    let (_, address) = frame.split_once(": ")?;
    usize::from_str_radix(address.trim().strip_prefix("0x")?, 16).ok()
}

/// A path without what tells apart functions, or crates, of the same name: `::h0123456789abcdef`, `[0123456789abcdef]`.
fn without_hashes(path: &str) -> String {
    let is_hash = |text: &str, least: usize| text.len() >= least && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let path = match path.rsplit_once("::h") {
        Some((path, hash)) if hash.len() == 16 && is_hash(hash, 16) => path,
        _ => path,
    };
    let mut pieces = path.split('[');
    let mut without = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        match piece.split_once(']') {
            Some((hash, rest)) if is_hash(hash, 8) => without.push_str(rest),
            _ => {
                without.push('[');
                without.push_str(piece);
            }
        }
    }
    without
}

fn is_of_interest(function: &str) -> bool {
    let path = match function.strip_prefix('<').and_then(|path| path.split_once(" as ")) {
        // Of `<Type as Trait>::method` the type counts, unless it is a parameter.
        Some((of, through)) if !of.contains("::") => through,
        Some((of, _)) => of.trim_start_matches(['&', '*', '[', '(']).trim_start_matches("mut "),
        None => function.trim_start_matches('<'),
    };
    let skipped = [
        "core::",
        "std::",
        "alloc::",
        "tokio::",
        "crabtree::",
        "evcxr::",
        "__rust",
        "rust_",
    ];
    path.contains("::")
        && !skipped.iter().any(|skipped| path.starts_with(skipped))
        && !function.contains(" as crabtree::process::")
}

/// A place below the current directory without the path to there.
fn shortened(place: &str) -> String {
    let current = std::env::current_dir().ok();
    let below = current.and_then(|current| Some(place.strip_prefix(current.to_str()?)?.strip_prefix('/')?.to_owned()));
    below.unwrap_or_else(|| place.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "   0:     0x7f0000000001 - std::backtrace::Backtrace::force_capture::h0123456789abcdef
                               at /rustc/std.rs:1:2
   1:     0x7f0000000002 - <core::future::poll_fn::PollFn<F> as core::future::future::Future>::poll
   2:     0x7f0000000003 - kitchen[0123456789abcdef]::cook::{{closure}}
                               at /src/kitchen.rs:7:9
                            <F as core::ops::function::FnOnce<()>>::call_once
                            <kitchen::Cook as crabtree::gen_server::GenServer>::handle
   3:     0x7f0000000004 - crabtree::process::backtrace::poll_in
   4:     0x7f0000000005 - kitchen::main
   5:                0x0 - <unknown>
";

    fn frame(function: &str, place: Option<&str>) -> Frame {
        Frame {
            function: function.into(),
            place: place.map(str::to_owned),
        }
    }

    #[test]
    fn the_frames_of_a_stack_are_those_of_the_users_functions() {
        let cut = Cut::read(TEXT);
        let handle = "<kitchen::Cook as crabtree::gen_server::GenServer>::handle";
        assert_eq!(
            cut.frames,
            [
                frame("kitchen::cook::{{closure}}", Some("/src/kitchen.rs:7:9")),
                frame(handle, None)
            ]
        );
        assert!(cut.to_string().ends_with("\n    … 6 frames of the runtime\n"), "{cut}");
    }

    /// Knows the code at one address.
    #[derive(Debug)]
    struct One;

    impl CodeNames for One {
        fn place(&self, _: usize, _: &Location<'_>) -> Option<String> {
            None
        }
        fn function(&self, address: usize) -> Option<String> {
            (address == 7).then(|| "cook".to_owned())
        }
        fn path(&self, _: &str) -> Option<String> {
            None
        }
        fn walk(&self) -> Vec<usize> {
            vec![1, 7, 2, 7, 3]
        }
    }

    #[test]
    fn code_is_called_as_its_author_calls_it() {
        let expected = "    in cook\n    in cook\n    … 3 frames of the runtime\n";
        assert_eq!(Cut::walk(&One).to_string(), expected);
        assert_eq!(completed("  1:   0x8 - <unknown>", Some(&One)), "  1:   0x8 - cook");
        assert_eq!(
            completed("  1:   0x9 - <unknown>", Some(&One)),
            "  1:   0x9 - <unknown>"
        );
    }

    #[test]
    fn a_text_that_is_no_stack_has_no_frames() {
        for text in ["", "disabled backtrace", "at nowhere", "\n\n", "one: two"] {
            assert!(Cut::read(text).frames.is_empty(), "{text}");
        }
    }
}
