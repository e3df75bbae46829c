//! Data for other programs, as JSON.

use std::fmt::{self, Write};

/// A value that is written as JSON.
pub(crate) enum Json {
    Null,
    Bool(bool),
    Number(u64),
    Text(String),
    List(Vec<Json>),
    Object(Vec<(&'static str, Json)>),
}

impl Json {
    /// `null` where there is none.
    pub(crate) fn or_null<T: Into<Json>>(value: Option<T>) -> Json {
        value.map_or(Json::Null, Into::into)
    }

    /// The text that is shown for a value.
    pub(crate) fn shown(value: impl fmt::Display) -> Json {
        Json::Text(value.to_string())
    }

    pub(crate) fn list(values: impl IntoIterator<Item = Json>) -> Json {
        Json::List(values.into_iter().collect())
    }
}

impl From<bool> for Json {
    fn from(value: bool) -> Json {
        Json::Bool(value)
    }
}

impl From<u64> for Json {
    fn from(value: u64) -> Json {
        Json::Number(value)
    }
}

impl From<&str> for Json {
    fn from(value: &str) -> Json {
        Json::Text(value.to_owned())
    }
}

/// Lists and objects that hold others begin their items on new lines; the innermost stay on one.
impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, 0)
    }
}

impl Json {
    fn write(&self, f: &mut fmt::Formatter<'_>, depth: usize) -> fmt::Result {
        match self {
            Json::Null => f.write_str("null"),
            Json::Bool(value) => write!(f, "{value}"),
            Json::Number(value) => write!(f, "{value}"),
            Json::Text(text) => write_text(f, text),
            Json::List(items) => {
                let is_open = items.iter().any(Json::holds_others);
                write_items(f, depth, ['[', ']'], is_open, items, |f, item, depth| {
                    item.write(f, depth)
                })
            }
            Json::Object(fields) => {
                let is_open = fields.iter().any(|(_, value)| value.holds_others());
                write_items(f, depth, ['{', '}'], is_open, fields, |f, (name, value), depth| {
                    write_text(f, name)?;
                    f.write_str(": ")?;
                    value.write(f, depth)
                })
            }
        }
    }

    fn holds_others(&self) -> bool {
        match self {
            Json::List(items) => !items.is_empty(),
            Json::Object(fields) => !fields.is_empty(),
            _ => false,
        }
    }
}

fn write_items<T>(
    f: &mut fmt::Formatter<'_>,
    depth: usize,
    [open, close]: [char; 2],
    is_open: bool,
    items: &[T],
    write: impl Fn(&mut fmt::Formatter<'_>, &T, usize) -> fmt::Result,
) -> fmt::Result {
    f.write_char(open)?;
    for (place, item) in items.iter().enumerate() {
        match (place, is_open) {
            (0, false) => {}
            (_, false) => f.write_str(", ")?,
            (place, true) => {
                f.write_str(if place > 0 { ",\n" } else { "\n" })?;
                write!(f, "{:1$}", "", 2 * depth + 2)?;
            }
        }
        write(f, item, depth + 1)?;
    }
    if is_open {
        write!(f, "\n{:1$}", "", 2 * depth)?;
    }
    f.write_char(close)
}

fn write_text(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_char('"')?;
    for letter in text.chars() {
        match letter {
            '"' => f.write_str("\\\"")?,
            '\\' => f.write_str("\\\\")?,
            '\n' => f.write_str("\\n")?,
            // Two of these would end a line of JavaScript.
            letter if letter < ' ' || matches!(letter, '\u{7f}' | '\u{2028}' | '\u{2029}') => {
                write!(f, "\\u{:04x}", u32::from(letter))?;
            }
            letter => f.write_char(letter)?,
        }
    }
    f.write_char('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_as_json() {
        let pair = |a: u64, b: &str| Json::Object(vec![("a", a.into()), ("b", b.into())]);
        let value = Json::Object(vec![
            ("none", Json::or_null(None::<u64>)),
            ("yes", true.into()),
            ("empty", Json::list([])),
            ("numbers", Json::list([1.into(), u64::MAX.into()])),
            ("pairs", Json::list([pair(1, "\"\\\n\u{1}\u{2028}é"), pair(2, "")])),
        ]);
        assert_eq!(
            value.to_string(),
            r#"{
  "none": null,
  "yes": true,
  "empty": [],
  "numbers": [1, 18446744073709551615],
  "pairs": [
    {"a": 1, "b": "\"\\\n\u0001\u2028é"},
    {"a": 2, "b": ""}
  ]
}"#
        );
    }
}
