//! What `debug!` shows.

use std::fmt::Debug;

use super::compose::{at_left, escaped};
use super::process::words::columns;
use super::shown::readable;
use super::{Bundle, render};
use crate::io;
use crate::type_name::short_type_name;

/// The steps of a chain so far. They are shown when it is over, however it ends.
pub struct Steps {
    place: String,
    steps: Vec<(&'static str, String)>,
}

impl Steps {
    /// Before the first step, in that line of a file.
    pub fn new(file: &str, line: u32) -> Steps {
        Steps {
            place: format!("[{file}:{line}]"),
            steps: Vec::new(),
        }
    }

    /// A step, and what is seen of its value.
    pub fn add(&mut self, code: &'static str, seen: String) {
        self.steps.push((code, seen));
    }

    fn to_text(&self) -> String {
        let width = self
            .steps
            .iter()
            .map(|(code, _)| columns(code))
            .max()
            .unwrap_or_default()
            .min(60);
        let mut lines = Vec::new();
        // In a notebook the output stands below its cell, and the file is none that the reader knows.
        if !io::replaces() {
            lines.push(self.place.clone());
        }
        for (code, seen) in &self.steps {
            let gap = " ".repeat(width.saturating_sub(columns(code)) + 2);
            let indented = seen.replace('\n', &format!("\n{}", " ".repeat(width + 2)));
            lines.push(format!("{code}{gap}{indented}"));
        }
        lines.join("\n")
    }
}

impl Drop for Steps {
    fn drop(&mut self) {
        if self.steps.is_empty() {
            return;
        }
        let rows = self.steps.iter().map(|(code, seen)| {
            let (code, seen) = (escaped(code), escaped(seen));
            let (code, seen) = (format!("<code>{code}</code>"), format!("<pre>{seen}</pre>"));
            format!("<tr><td>{}</td><td>{}</td></tr>", at_left(&code), at_left(&seen))
        });
        let html = format!("<table>{}</table>", rows.collect::<String>());
        render(Bundle::new().with("text/html", html).with("text/plain", self.to_text()));
    }
}

/// A value that is looked at: by its `Debug`, or else its type is named. Method lookup tries the one with more
/// references first.
pub struct Seen<'a, T: ?Sized>(pub &'a T);

/// Values that have `Debug`.
pub trait SeenByDebug {
    /// What is seen.
    fn seen(&self) -> String;
}

/// All other values.
pub trait SeenByType {
    /// What is seen.
    fn seen(&self) -> String;
}

impl<T: Debug + ?Sized> SeenByDebug for &Seen<'_, T> {
    fn seen(&self) -> String {
        readable(self.0)
    }
}

impl<T: ?Sized> SeenByType for Seen<'_, T> {
    fn seen(&self) -> String {
        format!("a value of type {}", short_type_name::<T>())
    }
}

/// What is seen of a value.
#[doc(hidden)]
#[macro_export]
macro_rules! __seen {
    ($value:expr) => {{
        #[allow(unused_imports)]
        use $crate::__private::{SeenByDebug as _, SeenByType as _};
        (&&$crate::__private::Seen($value)).seen()
    }};
}

/// For analyzers that run no procedural macros: the value is that of the expression.
#[cfg(rust_analyzer)]
#[doc(hidden)]
#[macro_export]
macro_rules! __debug {
    ($value:expr) => {
        $value
    };
}
