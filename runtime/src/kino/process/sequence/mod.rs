//! Who said what to whom, as a picture.

mod data;
mod mermaid;
mod plan;
mod svg;

use std::fmt;
use std::future::Future;
use std::io;
use std::path::Path;
use std::time::Duration;

use super::canvas::Picture;
use super::export::{self, Writers};
use super::words::one_line;
use crate::kino::{Bundle, Render, markdown};
use crate::trace::{self, Event, NotTraced, Targets, Trace};
use plan::Plan;

/// Runs a future, and draws what its process and the given ones send to each other meanwhile.
///
/// What is traced is what [`trace::seq`] traces, and the targets are the same: pids, servers or names, one or several,
/// `()` for nobody else, [`trace::All`] for all that the future causes. It gives what the future gives, and the picture. As
/// the last value of a cell, the two of them are shown as the picture.
///
/// # Examples
///
/// ```
/// # crabtree::run(async {
/// use crabtree::agent;
/// use crabtree::prelude::*;
///
/// let counter = agent::start_link(|| 0).name("counter").await?;
/// let (n, sequence) = kino::process::seq_trace(counter, async {
///     agent::cast(counter, |n| *n += 1);
///     agent::get(counter, |n| *n).await
/// })
/// .await;
/// assert_eq!(n?, 1);
/// kino::display(&sequence.caption("Counting"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
///
/// # Cancel safety
/// When it is dropped, so is the future, and nothing is traced any more.
pub async fn seq_trace<F: Future>(targets: impl Targets, future: F) -> (F::Output, Sequence) {
    let (output, trace) = trace::seq(targets, future).await;
    (output, sequence(trace))
}

/// Draws a trace that there is already, for example what [`trace::last`] tells after a surprise.
///
/// ```
/// # crabtree::run(async {
/// use crabtree::prelude::*;
///
/// let ((), trace) = trace::seq((), async { send(me(), "note to self") }).await;
/// let picture = kino::process::sequence(trace).to_svg();
/// assert!(picture.contains("&quot;note to self&quot;"));
/// # });
/// ```
pub fn sequence(trace: Trace) -> Sequence {
    Sequence {
        trace,
        caption: None,
        relations: false,
    }
}

/// Draws what all processes of the node did in that time until now: for after a surprise.
///
/// It shows what [`trace::last`] gives, and so the recorder must have been switched on before, by [`trace::on`]: nothing is
/// recorded unless somebody asked for it, since each message is written down then. As the last value of a cell, a look that
/// comes too early says so, and what to do.
///
/// # Errors
/// [`NotTraced`] when it was not.
///
/// ```
/// # crabtree::run(async {
/// use crabtree::prelude::*;
///
/// trace::on();
/// let worker = spawn(async { exit("out of paper") });
/// process::sleep(ms(10)).await;
/// send(worker, "print this");
///
/// let sequence = kino::process::trace_last(secs(5))?;
/// assert!(sequence.to_text().contains("dead letter"));
/// trace::off();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
pub fn trace_last(time: Duration) -> Result<Sequence, NotTraced> {
    trace::last(time).map(sequence)
}

/// A trace as [`seq_trace`] shows it.
///
/// Each process has a line, in the order in which they appear; time goes down. A reply says how long its call took. What is
/// repeated is drawn once, in a frame that says how often. Payloads are shortened, and a long trace is shown without its
/// middle, with notes that say what is missing; [`to_text`](Sequence::to_text) and [`to_json`](Sequence::to_json) have all
/// of it.
#[derive(Clone)]
pub struct Sequence {
    trace: Trace,
    caption: Option<String>,
    relations: bool,
}

impl Sequence {
    /// A headline.
    #[must_use]
    pub fn caption(mut self, caption: impl Into<String>) -> Sequence {
        self.caption = Some(one_line(&caption.into()));
        self
    }

    /// Words of your own in the place of payloads: where `label` gives `None`, the payload stays.
    ///
    /// ```
    /// # crabtree::run(async {
    /// use crabtree::prelude::*;
    ///
    /// let (_, sequence) = kino::process::seq_trace((), async { send(me(), [0_u8; 20]) }).await;
    /// let sequence = sequence.label(|event| (event.type_name == "[u8; 20]").then(|| "a picture".into()));
    /// assert!(sequence.to_text().ends_with("INFO   a picture"));
    /// # });
    /// ```
    #[must_use]
    pub fn label(mut self, label: impl Fn(&Event) -> Option<String>) -> Sequence {
        for event in &mut self.trace.events {
            if let Some(label) = label(event) {
                event.payload = label;
            }
        }
        self
    }

    /// Also shows links, monitors and names that are made and taken back. They are left out unless this is called.
    #[must_use]
    pub fn relations(mut self) -> Sequence {
        self.relations = true;
        self
    }

    /// What it is drawn from, with the labels that it was given.
    pub fn trace(&self) -> &Trace {
        &self.trace
    }

    /// The sequence as a picture: one SVG document, without scripts, styles or references to anything.
    pub fn to_svg(&self) -> String {
        self.picture().svg
    }

    /// The sequence as a [Mermaid](https://mermaid.js.org) sequence diagram, to be pasted into a document.
    pub fn to_mermaid(&self) -> String {
        let (shown, left_out) = self.shown();
        mermaid::draw(&Plan::new(&shown, left_out), self.caption.as_deref())
    }

    /// The sequence in letters, one event per line.
    pub fn to_text(&self) -> String {
        let (shown, left_out) = self.shown();
        let list = shown.to_string();
        let note = (left_out > 0).then(|| format!("({})", plan::relations_left_out(left_out)));
        let parts = [self.caption.as_deref(), Some(list.trim_end()), note.as_deref()];
        parts.into_iter().flatten().collect::<Vec<_>>().join("\n")
    }

    /// What was seen, as JSON for other programs: an object with `lanes`, `events` and what was `cut`. Their fields are those
    /// of [`Trace`]; times are in nanoseconds since the trace began. Nothing is folded, and nothing is left out for want of
    /// room.
    pub fn to_json(&self) -> String {
        let (shown, left_out) = self.shown();
        data::json(&shown, left_out, self.caption.as_deref()).to_string()
    }

    /// Writes a file, over one that is there. The extension says in which form: `.svg`, `.mmd` for Mermaid, `.json`, or
    /// `.txt`.
    ///
    /// # Errors
    /// When the extension is another one ([`InvalidInput`](io::ErrorKind::InvalidInput)), or the file cannot be written.
    ///
    /// ```
    /// # crabtree::run(async {
    /// # let directory = std::env::temp_dir().join(format!("crabtree-sequence-{}", std::process::id()));
    /// # std::fs::create_dir_all(&directory)?;
    /// use crabtree::prelude::*;
    ///
    /// let ((), sequence) = kino::process::seq_trace((), async { send(me(), "note to self") }).await;
    /// sequence.save(directory.join("note.svg"))?;
    /// assert!(sequence.save("note.png").unwrap_err().to_string().contains(".svg (a picture)"));
    /// # std::fs::remove_dir_all(&directory)?;
    /// # Ok::<(), std::io::Error>(())
    /// # }).unwrap();
    /// ```
    pub fn save(&self, path: impl AsRef<Path>) -> io::Result<()> {
        let writers = Writers {
            svg: Sequence::to_svg,
            mermaid: Sequence::to_mermaid,
            json: Sequence::to_json,
            text: Sequence::to_text,
        };
        export::save(path.as_ref(), self, &writers)
    }

    /// The sequence without what differs from run to run, for golden tests: see [`Trace::outline`] and
    /// [`assert_trace!`](crate::assert_trace).
    pub fn outline(&self) -> String {
        self.shown().0.outline()
    }

    fn picture(&self) -> Picture {
        let (shown, left_out) = self.shown();
        svg::draw(&Plan::new(&shown, left_out), self.caption.as_deref())
    }

    /// The trace without what is not wanted, and how many events that were.
    fn shown(&self) -> (Trace, usize) {
        let shown = (self.trace).filter(|event| self.relations || !plan::is_relation(event.kind));
        let left_out = self.trace.events.len() - shown.events.len();
        (shown, left_out)
    }
}

impl Render for Sequence {
    fn render(&self) -> Bundle {
        let (shown, left_out) = self.shown();
        let plan = Plan::new(&shown, left_out);
        let picture = svg::draw(&plan, self.caption.as_deref());
        picture.into_bundle(&plan.summary(), plan::without_the_middle(self.to_text()))
    }
}

/// What [`trace_last`] gives is shown as its picture, or as what to do before there can be one.
impl Render for Result<Sequence, NotTraced> {
    fn render(&self) -> Bundle {
        match self {
            Ok(sequence) => sequence.render(),
            Err(error) => markdown(format!("**Nothing was recorded.** {}.", error.advice())).render(),
        }
    }
}

/// What [`seq_trace`] gives is shown as its picture.
impl<T> Render for (T, Sequence) {
    fn render(&self) -> Bundle {
        self.1.render()
    }
}

/// A trace is shown as its [`sequence`].
impl Render for Trace {
    fn render(&self) -> Bundle {
        sequence(self.clone()).render()
    }
}

/// What [`trace::seq`] gives is shown as a picture of the trace.
impl<T> Render for (T, Trace) {
    fn render(&self) -> Bundle {
        self.1.render()
    }
}

impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_text())
    }
}

impl fmt::Debug for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_text())
    }
}

#[cfg(test)]
mod tests;
