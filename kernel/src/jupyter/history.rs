//! The session's inputs, as history requests want them. Kept in memory: past sessions are gone.

use serde::Deserialize;
use serde_json::{Value, json};

/// The number of the only session.
const SESSION: i64 = 1;

/// One cell that was run.
#[derive(Debug)]
struct Entry {
    line: u32,
    input: String,
    output: Option<String>,
}

/// All cells that were run, in order.
#[derive(Debug, Default)]
pub(super) struct History {
    entries: Vec<Entry>,
}

/// Which inputs are wanted. `jupyter_protocol`'s type refuses requests without `stop` or `unique`.
#[derive(Debug, Deserialize)]
#[serde(tag = "hist_access_type", rename_all = "lowercase")]
pub(super) enum Query {
    /// The last `n`.
    Tail {
        /// How many; all when absent.
        n: Option<usize>,
        /// Whether results are wanted as well.
        #[serde(default)]
        output: bool,
    },
    /// The lines from `start` to before `stop`.
    Range {
        /// 0 for this session.
        #[serde(default)]
        session: i64,
        /// The first line.
        #[serde(default)]
        start: u32,
        /// The line after the last one; the end when absent.
        stop: Option<u32>,
        /// Whether results are wanted as well.
        #[serde(default)]
        output: bool,
    },
    /// The last `n` whose input is like `pattern`.
    Search {
        /// With `*` for any text and `?` for any character.
        #[serde(default = "anything")]
        pattern: String,
        /// How many; all when absent.
        n: Option<usize>,
        /// Whether an input is to be told only once, where it was used last.
        #[serde(default)]
        unique: bool,
        /// Whether results are wanted as well.
        #[serde(default)]
        output: bool,
    },
}

fn anything() -> String {
    "*".to_owned()
}

impl History {
    /// Records that `input` was run as number `line`.
    pub(super) fn record(&mut self, line: u32, input: &str) {
        self.entries.push(Entry {
            line,
            input: input.to_owned(),
            output: None,
        });
    }

    /// Records the value of cell number `line`.
    pub(super) fn record_output(&mut self, line: u32, output: &str) {
        if let Some(entry) = self.entries.iter_mut().rev().find(|entry| entry.line == line) {
            entry.output = Some(output.to_owned());
        }
    }

    /// The content of the reply to `query`.
    pub(super) fn answer(&self, query: &Query) -> Value {
        let (found, output) = match query {
            Query::Tail { n, output } => (last(self.entries.iter().collect(), *n), *output),
            Query::Range {
                session,
                start,
                stop,
                output,
            } => {
                let lines = *start..stop.unwrap_or(u32::MAX);
                let ours = *session == 0 || *session == SESSION;
                (
                    self.entries
                        .iter()
                        .filter(|entry| ours && lines.contains(&entry.line))
                        .collect(),
                    *output,
                )
            }
            Query::Search {
                pattern,
                n,
                unique,
                output,
            } => {
                let mut found: Vec<&Entry> = self
                    .entries
                    .iter()
                    .filter(|entry| is_like(&entry.input, pattern))
                    .collect();
                if *unique {
                    found = last_uses(found);
                }
                (last(found, *n), *output)
            }
        };
        let history: Vec<Value> = found.into_iter().map(|entry| triple(entry, output)).collect();
        json!({"status": "ok", "history": history})
    }
}

fn triple(entry: &Entry, output: bool) -> Value {
    if output {
        json!([SESSION, entry.line, [entry.input, entry.output]])
    } else {
        json!([SESSION, entry.line, entry.input])
    }
}

fn last(mut entries: Vec<&Entry>, n: Option<usize>) -> Vec<&Entry> {
    let surplus = n.map_or(0, |n| entries.len().saturating_sub(n));
    entries.split_off(surplus)
}

fn last_uses(entries: Vec<&Entry>) -> Vec<&Entry> {
    let mut seen = std::collections::HashSet::new();
    let mut kept: Vec<&Entry> = entries
        .into_iter()
        .rev()
        .filter(|entry| seen.insert(entry.input.as_str()))
        .collect();
    kept.reverse();
    kept
}

/// Whether the whole `text` is like `pattern`, `*` being any text and `?` any character.
fn is_like(text: &str, pattern: &str) -> bool {
    let (text, pattern): (Vec<char>, Vec<char>) = (text.chars().collect(), pattern.chars().collect());
    let (mut at, mut rule) = (0, 0);
    // The last star, and the text that it was tried up to.
    let mut star: Option<(usize, usize)> = None;
    while at < text.len() {
        match pattern.get(rule) {
            Some('*') => {
                star = Some((rule, at));
                rule += 1;
            }
            Some(&wanted) if wanted == '?' || wanted == text[at] => {
                at += 1;
                rule += 1;
            }
            _ => match star {
                Some((star_rule, tried)) => {
                    star = Some((star_rule, tried + 1));
                    at = tried + 1;
                    rule = star_rule + 1;
                }
                None => return false,
            },
        }
    }
    pattern[rule..].iter().all(|&rest| rest == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inputs(query: Value) -> Vec<String> {
        let mut history = History::default();
        for (line, input) in ["let a = 1;", "a + 1", "let b = 2;", "a + 1", "b"]
            .into_iter()
            .enumerate()
        {
            history.record(line as u32 + 1, input);
        }
        history.record_output(2, "2");
        let query: Query = serde_json::from_value(query).unwrap();
        let answer = history.answer(&query);
        answer["history"]
            .as_array()
            .unwrap()
            .iter()
            .map(Value::to_string)
            .collect()
    }

    #[test]
    fn tail_is_the_last_n() {
        assert_eq!(
            inputs(json!({"hist_access_type": "tail", "n": 2, "raw": true, "output": false})),
            [r#"[1,4,"a + 1"]"#, r#"[1,5,"b"]"#]
        );
        assert_eq!(inputs(json!({"hist_access_type": "tail", "n": 9})).len(), 5);
    }

    #[test]
    fn range_ends_before_stop_and_knows_this_session_only() {
        let range = |session: i64, stop: Value| {
            inputs(json!({"hist_access_type": "range", "session": session, "start": 2, "stop": stop, "output": true}))
        };
        assert_eq!(range(0, json!(3)), [r#"[1,2,["a + 1","2"]]"#]);
        assert_eq!(
            range(1, json!(4)),
            [r#"[1,2,["a + 1","2"]]"#, r#"[1,3,["let b = 2;",null]]"#]
        );
        assert_eq!(range(0, json!(null)).len(), 4);
        assert_eq!(range(-1, json!(3)), [""; 0]);
    }

    #[test]
    fn search_finds_the_last_n_that_are_like_the_pattern() {
        let search = |pattern: &str, n: u32, unique: bool| {
            inputs(json!({"hist_access_type": "search", "pattern": pattern, "n": n, "unique": unique}))
        };
        assert_eq!(search("a*", 9, false), [r#"[1,2,"a + 1"]"#, r#"[1,4,"a + 1"]"#]);
        assert_eq!(search("a*", 9, true), [r#"[1,4,"a + 1"]"#]);
        assert_eq!(search("*", 3, false).len(), 3);
        assert_eq!(search("let ? =*", 9, false).len(), 2);
    }

    #[test]
    fn patterns_match_the_whole_text() {
        for (text, pattern, like) in [
            ("", "", true),
            ("", "*", true),
            ("abc", "a*c", true),
            ("abcbc", "a*bc", true),
            ("abc", "b*", false),
            ("abc", "??", false),
            ("äöü", "ä?ü", true),
        ] {
            assert_eq!(is_like(text, pattern), like, "{text:?} like {pattern:?}");
        }
    }
}
