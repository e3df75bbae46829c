//! Rich outputs: values that a notebook shows as pictures and formatted text.
//!
//! A value is rich when its type implements [`Render`]: it gives a [`Bundle`] of representations, of which the front
//! end shows the best that it knows. As the last value of a cell it is shown by itself. Elsewhere [`display`] shows it:
//! in the middle of a cell, in a loop, in a process. What was displayed can be updated in place.
//!
//! ```
//! # crabtree::run(async {
//! use crabtree::prelude::*;
//!
//! let status = kino::display(&kino::markdown("_working_"));
//! let parent = me();
//! spawn(async move {
//!     process::sleep(ms(10)).await;
//!     status.update(&kino::markdown("**done**"));
//!     send(parent, "done");
//! });
//! receive! { "done" => () }
//! # });
//! ```
//!
//! Outside of a notebook nothing changes but the looks: the same values are shown as text.
//!
//! # What there is
//! - [`text`], [`markdown`] and [`html`]: words, with colours and with markup.
//! - [`image`], [`svg`] and [`plot`]: pictures. [`mermaid`]: diagrams that are written as text.
//! - [`data_table`]: rows of anything that serde knows. [`tree`] and [`data_tree`]: values that can be unfolded.
//! - [`layout`]: several values beside and below one another. [`download`]: files to take away.
//! - [`display`], [`render`] and [`inspect`]: showing a value on its way; [`debug!`](macro@debug): all values of a chain
//!   of calls. [`nothing`]: showing none. [`interrupt`]: ending the cell here.
//! - [`frame`]: a place whose content changes. [`animate`]: one that follows a stream, such as an [`interval`].
//!   [`listen`]: code that does. [`progress`]: how far long work is.
//! - [`process::sup_tree`]: the tree below a supervisor, with what crashed and what replaced it. [`process::watch`] draws it
//!   anew whenever something happens to it. [`process::observer`]: who does how much.
//! - [`process::seq_trace`]: who sent what to whom. [`process::timeline`]: what each was at, and when.
//! - [`settle`]: waits until what processes show has come to rest.
//! - [`start_child`]: processes that end when their cell is run again.
//! - [`control`] and [`input`]: buttons, fields and forms, of which processes hear.
//! - [`comm`]: channels to scripts and widgets in the front end.
//! - [`Render`]: implement it for your own types.
//!
//! # Where it is shown
//! Front ends differ in what they show, and remove what they do not trust. So nothing here needs a script or a style,
//! pictures are images, what can be folded is open where folding is unknown, and every [`Bundle`] has a text. Names and
//! values are shown as text, whatever is in them; only [`html`] and [`markdown`] take markup.
//!
//! # What goes on by itself
//! Frames, animations and bars are thinned: a value that comes too soon after another one is left out, unless it is the
//! last. An animation is a process, which ends in [three ways](animate), and nothing is left of it but what it showed.
//!
//! A page that is loaded again has what was saved. Front ends do not save by which name an output is updated, so there it
//! stays as it was until its cell is run again; [controls](control) and a watched [observer](process::observer) go on, for
//! they are widgets.
//!
//! The vocabulary is that of Livebook's Kino.

mod bundle;
mod children;
pub mod comm;
mod compose;
pub mod control;
mod data;
mod data_table;
pub(crate) mod debug;
mod display;
mod download;
mod formatted;
mod frame;
pub(crate) mod handles;
pub mod input;
mod json;
pub mod layout;
mod live;
mod mermaid;
mod picture;
pub mod process;
mod progress;
mod prose;
mod settle;
pub(crate) mod shown;
mod thinned;
mod tree;
pub(crate) mod widget;
mod xml;

#[cfg(rust_analyzer)]
pub use crate::__debug as debug;
pub use bundle::Bundle;
pub use children::start_child;
#[cfg(not(rust_analyzer))]
pub use crabtree_macros::debug;
pub use data_table::{DataTable, data_table};
pub use display::{DisplayHandle, display};
pub use download::{Download, download};
pub use formatted::{Html, Markdown, Text, html, markdown, text};
pub use frame::{Frame, frame};
pub use live::{Animated, Interval, Live, animate, animate_with, interval, listen, listen_with};
pub use mermaid::{Mermaid, MermaidError, mermaid};
pub use picture::{Image, ImageError, Svg, image, plot, svg};
pub use progress::{Over, Progress, progress};
pub use settle::settle;
pub use shown::{inspect, interrupt, nothing, render};
pub use tree::{Tree, data_tree, tree};

/// A value that has more than one representation.
///
/// As the last value of a cell it is shown by its bundle; anywhere else, [`display`] shows it.
///
/// # Examples
///
/// ```
/// use crabtree::kino::{Bundle, Render};
///
/// struct Celsius(f64);
///
/// impl Render for Celsius {
///     fn render(&self) -> Bundle {
///         Bundle::new()
///             .with("text/html", format!("<b>{}</b> °C", self.0))
///             .with("text/plain", format!("{} °C", self.0))
///     }
/// }
///
/// assert_eq!(Celsius(21.5).render().text(), "21.5 °C");
/// ```
pub trait Render {
    /// The representations of this value as it is now.
    fn render(&self) -> Bundle;
}

/// A bundle is what it renders to.
impl Render for Bundle {
    fn render(&self) -> Bundle {
        self.clone()
    }
}

impl<R: Render + ?Sized> Render for &R {
    fn render(&self) -> Bundle {
        R::render(self)
    }
}

impl<R: Render + ?Sized> Render for Box<R> {
    fn render(&self) -> Bundle {
        R::render(self)
    }
}
