//! Rich outputs: values that a notebook shows as pictures, formatted text and live views.
//!
//! A value is rich when its type implements [`Render`]: it gives a [`Bundle`] of representations, of
//! which the front end takes the best that it knows. Outside of a notebook the text is printed.
//!
//! The vocabulary is that of Livebook's Kino.

mod bundle;

pub use bundle::Bundle;

/// A value that has more than one representation.
///
/// As the last value of a cell it is shown by its bundle; anywhere else, `kino::display` shows it.
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
