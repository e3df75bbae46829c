//! How the value of a cell's last expression is shown.
//!
//! By the first of these that the value's type allows: its own `evcxr_display`, a method that prints contents for evcxr,
//! unless the value comes out of a block, an `if` or a `match`; not at all (it is `()`), its own [`Render`], as a future or
//! an iterator that did not run, `Debug`, the name of its type. The choice is made at compile time by autoref: method
//! lookup tries the type with the most references first, so each way is a trait for one reference less than the way before
//! it. It tries a mutable reference last, and so finds the method of
//! [`Undisplayed`] where there is no other one of that name.

use std::fmt::Debug;
use std::future::IntoFuture;

use runtime::__private::{readable, short_type_name};
use runtime::kino::{Bundle, Render};

use crate::evaluator::check;
use crate::host::Host;

/// Values without a method `evcxr_display`.
pub trait Undisplayed {
    /// Says that there is none.
    fn evcxr_display(&mut self) -> NotDisplayed {
        NotDisplayed
    }
}

impl<T: ?Sized> Undisplayed for &T {}

/// A value has no method `evcxr_display`.
#[derive(Debug)]
pub struct NotDisplayed;

impl NotDisplayed {
    /// Shows the value in another way.
    pub fn otherwise(self, show: impl FnOnce()) {
        show();
    }
}

/// What a method `evcxr_display` returned: the value has been shown.
pub trait Displayed: Sized {
    /// Does nothing.
    fn otherwise(self, _show: impl FnOnce()) {}
}

impl<T> Displayed for T {}

/// A value that is to be shown.
pub struct Shown<'a, T: ?Sized>(pub &'a T);

/// `()`: nothing to see.
pub trait AsNothing {
    /// Shows nothing.
    fn show(&self) {}
}

impl AsNothing for &&&&&Shown<'_, ()> {}

/// Values that say how they look.
pub trait AsRich {
    /// Shows the value.
    fn show(&self);
}

impl<T: Render + ?Sized> AsRich for &&&&Shown<'_, T> {
    fn show(&self) {
        let bundle = self.0.render();
        if !bundle.is_empty() {
            send(bundle);
        }
    }
}

/// Values that have to be awaited.
pub trait AsFuture {
    /// Says so.
    fn show(&self);
}

impl<T: IntoFuture> AsFuture for &&&Shown<'_, T> {
    fn show(&self) {
        let output = short_type_name::<T::Output>();
        text(match output.as_str() {
            "()" => "a future that did not run: nobody awaits it. `.await` runs it".to_owned(),
            output => {
                format!("a future that did not run: nobody awaits it. `.await` runs it and gives its value: {output}")
            }
        });
    }
}

/// Values that give others, one after the other.
pub trait AsIterator {
    /// Shows the value, and says how to see what it gives.
    fn show(&self);
}

impl<T: Iterator + Debug> AsIterator for &&Shown<'_, T> {
    fn show(&self) {
        let value = readable(self.0);
        text(if std::any::type_name::<T>().starts_with("core::ops::range::") {
            value
        } else {
            let item = short_type_name::<T::Item>();
            format!("{value}\nan iterator of {item} that did not run; `.collect::<Vec<_>>()` gives all that it gives")
        });
    }
}

/// Values that have `Debug`.
pub trait AsDebug {
    /// Shows the value.
    fn show(&self);
}

impl<T: Debug + ?Sized> AsDebug for &Shown<'_, T> {
    fn show(&self) {
        text(readable(self.0));
    }
}

/// All other values.
pub trait AsTypeName {
    /// Shows the value's type.
    fn show(&self);
}

impl<T: ?Sized> AsTypeName for Shown<'_, T> {
    fn show(&self) {
        let name = short_type_name::<T>();
        text(if name.contains("{{closure}}") {
            "a closure; call it with its arguments in parentheses".to_owned()
        } else {
            format!("{name}: a value without `Debug`; `#[derive(Debug)]` on its type shows what is in it")
        });
    }
}

fn text(text: String) {
    send(Bundle::new().with("text/plain", text));
}

fn send(bundle: Bundle) {
    // The value of an interrupted cell may come of the interrupt.
    check();
    Host::get().result(bundle);
}
