//! What processes were at, over time, as a picture.

mod chart;
mod mermaid;
mod svg;
mod text;

use std::fmt;
use std::io;
use std::path::Path;

use super::canvas::Picture;
use super::export::{self, Writers};
use super::words::one_line;
use crate::kino::json::Json;
use crate::kino::{Bundle, Render};
use crate::trace::Trace;
use chart::{Chart, State};

/// Draws what the processes of a trace were at: a row for each, time from left to right.
///
/// A process waits for messages (a thin line), handles one, or awaits the answer to a call of its own. Where it crashed
/// there is a cross; a process that took its place goes on in the same row, after the time in which there was none. That is
/// one of the same name; without names, one that a supervisor started when it was told of the end.
///
/// The rows show what the trace has. Of a process that was not among the targets, it has only what concerned them: what it
/// did for others meanwhile is drawn as if it waited.
///
/// ```
/// # crabtree::run(async {
/// use crabtree::agent;
/// use crabtree::prelude::*;
///
/// let oven = agent::start_link(|| 0).name("oven").await?;
/// let ((), trace) = trace::seq(oven, async {
///     agent::cast(oven, |_| std::thread::sleep(ms(2)));
///     agent::get(oven, |loaves| *loaves).await.ok();
/// })
/// .await;
///
/// let timeline = kino::process::timeline(&trace).caption("Baking");
/// assert!(timeline.to_text().starts_with("Baking\n"));
/// assert!(timeline.to_svg().contains("CAST a function for "));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
pub fn timeline(trace: &Trace) -> Timeline {
    Timeline {
        chart: Chart::new(trace),
        caption: None,
    }
}

/// What processes were at, as [`timeline`] shows it.
pub struct Timeline {
    chart: Chart,
    caption: Option<String>,
}

impl Timeline {
    /// A headline.
    #[must_use]
    pub fn caption(mut self, caption: impl Into<String>) -> Timeline {
        self.caption = Some(one_line(&caption.into()));
        self
    }

    /// The timeline as a picture: one SVG document, without scripts, styles or references to anything.
    pub fn to_svg(&self) -> String {
        self.picture().svg
    }

    /// The timeline as a [Mermaid](https://mermaid.js.org) Gantt chart, to be pasted into a document. The unit of its axis
    /// stands in the title.
    pub fn to_mermaid(&self) -> String {
        mermaid::draw(&self.chart, self.caption.as_deref())
    }

    /// The timeline in letters, one process per line.
    pub fn to_text(&self) -> String {
        text::draw(&self.chart, self.caption.as_deref())
    }

    /// What was seen, as JSON for other programs: an object with `rows`, each with its `spans` and `ends`. Times are in
    /// nanoseconds since the trace began.
    pub fn to_json(&self) -> String {
        let nanoseconds = |time: std::time::Duration| Json::Number(time.as_nanos() as u64);
        let span = |span: &chart::Span| {
            Json::Object(vec![
                ("from_ns", nanoseconds(span.from)),
                ("until_ns", nanoseconds(span.until)),
                (
                    "state",
                    Json::from(match span.state {
                        State::Handling => "handling",
                        State::Calling => "calling",
                        State::Restarting => "restarting",
                    }),
                ),
                ("what", span.what.as_str().into()),
            ])
        };
        let end = |end: &chart::End| {
            Json::Object(vec![
                ("at_ns", nanoseconds(end.at)),
                ("crash", end.crash.into()),
                ("reason", end.reason.as_str().into()),
            ])
        };
        let row = |row: &chart::Row| {
            let lives = row.lives.iter();
            Json::Object(vec![
                ("title", row.title.as_str().into()),
                ("pids", Json::or_null(row.pids.as_deref())),
                (
                    "lives_ns",
                    Json::list(lives.map(|(from, until)| Json::list([nanoseconds(*from), nanoseconds(*until)]))),
                ),
                ("spans", Json::list(row.spans.iter().map(span))),
                ("ends", Json::list(row.ends.iter().map(end))),
            ])
        };
        Json::Object(vec![
            ("kind", "timeline".into()),
            ("caption", Json::or_null(self.caption.as_deref())),
            ("elapsed_ns", nanoseconds(self.chart.elapsed)),
            ("rows", Json::list(self.chart.rows.iter().map(row))),
            (
                "notes",
                Json::list(self.chart.notes.iter().map(|note| note.as_str().into())),
            ),
        ])
        .to_string()
    }

    /// Writes a file, over one that is there. The extension says in which form: `.svg`, `.mmd` for Mermaid, `.json`, or
    /// `.txt`.
    ///
    /// # Errors
    /// When the extension is another one ([`InvalidInput`](io::ErrorKind::InvalidInput)), or the file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> io::Result<()> {
        let writers = Writers {
            svg: Timeline::to_svg,
            mermaid: Timeline::to_mermaid,
            json: Timeline::to_json,
            text: Timeline::to_text,
        };
        export::save(path.as_ref(), self, &writers)
    }

    fn picture(&self) -> Picture {
        svg::draw(&self.chart, self.caption.as_deref())
    }
}

impl Render for Timeline {
    fn render(&self) -> Bundle {
        self.picture().into_bundle(&self.chart.summary(), self.to_text())
    }
}

impl fmt::Display for Timeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_text())
    }
}

impl fmt::Debug for Timeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_text())
    }
}

#[cfg(test)]
mod tests;
