//! Rich outputs: values that a notebook shows as pictures, formatted text and live views.
//!
//! A value is rich when its type implements [`Render`]: it gives a [`Bundle`] of representations, of
//! which the front end takes the best that it knows. Outside of a notebook the text is printed.
//!
//! The vocabulary is that of Livebook's Kino.

mod bundle;
mod display;
mod formatted;
pub mod process;
mod xml;

pub use bundle::Bundle;
pub use display::{DisplayHandle, display};
pub use formatted::{Html, Markdown, html, markdown};

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
