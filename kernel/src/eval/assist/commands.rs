//! Commands of a cell, such as `:dep`.

use super::{Completion, Completions};

/// Those that a reader may want, and what they do.
const COMMANDS: [(&str, &str); 16] = [
    (":clear", "forget all that was defined"),
    (":dep", "add a dependency: :dep name = \"1\""),
    (":doc", "show the documentation of a name"),
    (":env", "set an environment variable"),
    (":explain", "explain the last compile error"),
    (":help", "tell of all commands"),
    (":last_error_json", "the last compile error as JSON"),
    (":linker", "set the linker"),
    (":offline", "whether dependencies may be fetched"),
    (":opt", "set the level of optimisation"),
    (":restart", "begin a new host; definitions stay"),
    (":show_deps", "tell of the dependencies"),
    (":timing", "tell how long each cell takes, until it is said again"),
    (":type", "tell the type of a variable"),
    (":vars", "tell of the variables and their types"),
    (":version", "the version of the evaluator"),
];

/// Tells of all commands.
pub(in crate::eval) fn help() -> String {
    let lines = COMMANDS.map(|(name, purpose)| format!("{name:<17} {purpose}"));
    lines.join("\n")
        + "\n\nCommands stand on lines of their own, before the code of a cell. `!` before a line runs it in a shell."
}

/// The commands that can stand at byte `at`; `None` if no command can.
pub(super) fn complete(code: &str, at: usize) -> Option<Completions> {
    let at = at.min(code.len());
    let line_start = code[..at].rfind('\n').map_or(0, |end| end + 1);
    let before = &code[line_start..at];
    let typed = before.trim_start();
    if !typed.starts_with(':') || typed.starts_with("::") || typed.contains(char::is_whitespace) {
        return None;
    }
    let items = COMMANDS
        .iter()
        .filter(|(name, _)| name.starts_with(typed))
        .map(|(name, purpose)| Completion {
            text: (*name).to_owned(),
            kind: "command",
            detail: Some((*purpose).to_owned()),
        })
        .collect();
    Some(Completions {
        replaced: at - typed.len()..at,
        items,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_colon_at_the_start_of_a_line_begins_a_command() {
        let found = complete("1;\n  :ti", 8).unwrap();
        assert_eq!((found.replaced, found.items[0].text.as_str()), (5..8, ":timing"));
        for (code, at) in [("::std", 5), ("a:", 2), (":dep x", 6), ("", 0)] {
            assert_eq!(complete(code, at), None, "{code}");
        }
    }
}
