//! How the value of a cell's last expression is shown.
//!
//! By the first of these that the value's type allows: not at all (it is `()`), its own [`Render`],
//! `Debug`, the name of its type. The choice is made at compile time by autoref: method lookup tries
//! the type with the most references first, so each way is a trait for one reference less than the
//! way before it.

use std::fmt::Debug;

use runtime::kino::{Bundle, Render};

use crate::host::Host;

/// A value that is to be shown.
pub struct Shown<'a, T: ?Sized>(pub &'a T);

/// `()`: nothing to see.
pub trait AsNothing {
    /// Shows nothing.
    fn show(&self) {}
}

impl AsNothing for &&&Shown<'_, ()> {}

/// Values that say how they look.
pub trait AsRich {
    /// Shows the value.
    fn show(&self);
}

impl<T: Render + ?Sized> AsRich for &&Shown<'_, T> {
    fn show(&self) {
        let bundle = self.0.render();
        if !bundle.is_empty() {
            send(bundle);
        }
    }
}

/// Values that have `Debug`.
pub trait AsDebug {
    /// Shows the value.
    fn show(&self);
}

impl<T: Debug + ?Sized> AsDebug for &Shown<'_, T> {
    fn show(&self) {
        text(readable(format!("{:?}", self.0), &|| format!("{:#?}", self.0)));
    }
}

/// All other values.
pub trait AsTypeName {
    /// Shows the value's type.
    fn show(&self);
}

impl<T: ?Sized> AsTypeName for Shown<'_, T> {
    fn show(&self) {
        text(std::any::type_name::<T>().to_owned());
    }
}

/// A line longer than this is hard to read.
const WIDE: usize = 100;

/// More lines than these are worse than one long one.
const TALL: usize = 60;

/// A value on one line, or spread over several if it is long.
fn readable(line: String, spread: &dyn Fn() -> String) -> String {
    if line.chars().count() <= WIDE {
        return line;
    }
    let lines = spread();
    if lines.lines().count() <= TALL { lines } else { line }
}

fn text(text: String) {
    send(Bundle::new().with("text/plain", text));
}

fn send(bundle: Bundle) {
    Host::get().result(bundle);
}
