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
//! The parts keep how they look. [Controls](super::control) among them work, also in grids in tabs; other live outputs give
//! what they show when they are laid out.

use std::fmt;
use std::sync::{Arc, OnceLock};

use serde_json::json;

use super::compose::{at_left, escaped, html_of, texts};
use super::widget::{Child, Design, Model, Tells, Widget, shown_in};
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
        working: OnceLock::new(),
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
    Tabs {
        parts: parts.collect(),
        working: OnceLock::new(),
    }
}

/// What [`grid`] returns.
#[derive(Clone)]
pub struct Grid {
    parts: Vec<Bundle>,
    columns: usize,
    borders: bool,
    working: Working,
}

/// What [`tabs`] returns.
#[derive(Clone)]
pub struct Tabs {
    parts: Vec<(String, Bundle)>,
    working: Working,
}

/// What is shown where controls work, if any part is one.
type Working = OnceLock<Arc<Widget>>;

/// The layout as a control, if a part is one; `otherwise` is what it is elsewhere.
fn working<'a>(
    working: &Working,
    parts: impl Iterator<Item = &'a Bundle> + Clone,
    design: impl FnOnce(Vec<Child>) -> (&'static str, Model),
    otherwise: Bundle,
) -> Bundle {
    if parts.clone().all(|part| shown_in(part).is_none()) {
        return otherwise;
    }
    let begin = || {
        let children = parts.map(|part| match shown_in(part) {
            Some(view) => Child::Other(view),
            None => Child::Own(Model::html(&html_of(part))),
        });
        let (title, model) = design(children.collect());
        Arc::new(Widget::new(Design {
            model,
            tells: Tells::Clicks,
            title: Some(title),
        }))
    };
    working.get_or_init(begin).render_over(otherwise)
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
                html.push_str(&format!("<td valign=\"top\">{}</td>", at_left(&html_of(part))));
            }
            html.push_str("</tr>");
        }
        html.push_str("</table>");
        let still = Bundle::new()
            .with("text/html", html)
            .with("text/plain", texts(&self.parts));
        let design = |children: Vec<Child>| {
            let children = if self.borders {
                children.into_iter().map(bordered).collect()
            } else {
                children
            };
            let columns = format!("repeat({}, max-content)", self.columns);
            let layout = json!({"grid_template_columns": columns, "grid_gap": "4px 16px"});
            ("grid", Model::of("GridBox", children).with_layout(layout))
        };
        working(&self.working, self.parts.iter(), design, still)
    }
}

fn bordered(child: Child) -> Child {
    let line = "1px solid #9ca3af";
    let layout = json!({
        "border_top": line, "border_right": line, "border_bottom": line, "border_left": line, "padding": "4px",
    });
    Child::Own(Model::of("VBox", vec![child]).with_layout(layout))
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
        let still = Bundle::new().with("text/html", html).with("text/plain", text);
        let design = |children| {
            let titles: Vec<&str> = self.parts.iter().map(|(title, _)| title.as_str()).collect();
            let mut model = Model::of("Tab", children);
            model.state.insert("titles".into(), json!(titles));
            model.state.insert("selected_index".into(), json!(0));
            ("tabs", model)
        };
        working(&self.working, self.parts.iter().map(|(_, part)| part), design, still)
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
