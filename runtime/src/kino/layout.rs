//! Several values beside and below one another.
//!
//! ```
//! use crabtree::kino::{self, Bundle, Render, layout};
//!
//! let parts: [&dyn Render; 2] = [&kino::markdown("**left**"), &kino::text("right")];
//! let grid = layout::grid(parts).columns(2);
//! assert_eq!(grid.render().text(), "**left**\nright");
//! ```
//!
//! The parts keep how they look; live outputs give what they show when they are laid out.

use std::fmt;

use super::compose::{escaped, html_of, texts};
use super::{Bundle, Render};

/// Values in rows and columns. Unless [told otherwise](Grid::columns), there is one column.
///
/// Where there are only letters, they come below one another.
pub fn grid<I>(parts: I) -> Grid
where
    I: IntoIterator<Item: Render>,
{
    Grid {
        parts: parts.into_iter().map(|part| part.render()).collect(),
        columns: 1,
        borders: false,
    }
}

/// Values under titles, of which the first is open and the others can be opened.
///
/// It works without scripts, so it also does where a notebook is only looked at; where not even that is possible, all
/// are open.
///
/// ```
/// use crabtree::kino::{self, Render, layout};
///
/// let tabs = layout::tabs([("Table", kino::text("1 2")), ("Sum", kino::text("3"))]);
/// assert_eq!(tabs.render().text(), "Table\n1 2\n\nSum\n3");
/// ```
pub fn tabs<I, T, R>(parts: I) -> Tabs
where
    I: IntoIterator<Item = (T, R)>,
    T: Into<String>,
    R: Render,
{
    let parts = parts.into_iter().map(|(title, part)| (title.into(), part.render()));
    Tabs { parts: parts.collect() }
}

/// What [`grid`] returns.
#[derive(Clone)]
pub struct Grid {
    parts: Vec<Bundle>,
    columns: usize,
    borders: bool,
}

/// What [`tabs`] returns.
#[derive(Clone)]
pub struct Tabs {
    parts: Vec<(String, Bundle)>,
}

impl Grid {
    /// How many columns; at least one.
    #[must_use]
    pub fn columns(mut self, columns: usize) -> Grid {
        self.columns = columns.max(1);
        self
    }

    /// Draws lines around the parts.
    #[must_use]
    pub fn boxed(mut self) -> Grid {
        self.borders = true;
        self
    }
}

impl Render for Grid {
    fn render(&self) -> Bundle {
        let mut html = String::from(match self.borders {
            true => "<table border=\"1\">",
            false => "<table>",
        });
        for row in self.parts.chunks(self.columns) {
            html.push_str("<tr>");
            for part in row {
                html.push_str(&format!("<td align=\"left\" valign=\"top\">{}</td>", html_of(part)));
            }
            html.push_str("</tr>");
        }
        html.push_str("</table>");
        Bundle::new()
            .with("text/html", html)
            .with("text/plain", texts(&self.parts))
    }
}

impl Render for Tabs {
    fn render(&self) -> Bundle {
        let mut html = String::new();
        let mut text = String::new();
        for (n, (title, part)) in self.parts.iter().enumerate() {
            let open = if n == 0 { " open" } else { "" };
            html.push_str(&format!(
                "<details{open}><summary><b>{}</b></summary>{}</details>\n",
                escaped(title),
                html_of(part)
            ));
            let gap = if n == 0 { "" } else { "\n\n" };
            text.push_str(&format!("{gap}{title}\n{}", part.text().trim_end_matches('\n')));
        }
        Bundle::new().with("text/html", html).with("text/plain", text)
    }
}

impl fmt::Debug for Grid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&texts(&self.parts))
    }
}

impl fmt::Debug for Tabs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.render().text())
    }
}
