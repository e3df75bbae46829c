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
//! - [`markdown`] and [`html`]: text with markup.
//! - [`process::sup_tree`]: the tree below a supervisor, with what crashed and what replaced it; [`process::app_tree`]:
//!   that of an application.
//! - [`process::seq_trace`]: who sent what to whom, as a sequence.
//! - [`settle`]: waits until what processes show has come to rest.
//! - [`start_child`]: processes that end when their cell is run again.
//! - [`comm`]: channels to scripts and widgets in the front end.
//! - [`Render`]: implement it for your own types.
//!
//! The vocabulary is that of Livebook's Kino.

mod bundle;
mod children;
pub mod comm;
mod display;
mod formatted;
pub(crate) mod handles;
mod json;
pub mod process;
mod settle;
mod xml;

pub use bundle::Bundle;
pub use children::start_child;
pub use display::{DisplayHandle, display};
pub use formatted::{Html, Markdown, html, markdown};
pub use settle::settle;

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
