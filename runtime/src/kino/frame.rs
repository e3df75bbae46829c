//! A place whose content changes.

use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;

use super::thinned::{Latest, Thinned};
use super::{Bundle, Render, compose};

/// Makes a place in the output, empty at first, whose content any process can change later.
///
/// It is where it was made, whatever is shown after it, and stays there with what it showed last. Where outputs cannot be
/// replaced, as in a terminal, contents come below one another.
///
/// # Examples
///
/// ```
/// # crabtree::run(async {
/// use crabtree::prelude::*;
///
/// let frame = kino::frame();
/// let parent = me();
/// spawn(async move {
///     frame.render(&kino::text("working"));
///     frame.render(&kino::markdown("**done**"));
///     frame.append(&kino::text("in no time"));
///     send(parent, kino::Render::render(&frame).text().to_owned());
/// });
/// receive! { text: String => assert_eq!(text, "**done**\nin no time") }
/// # });
/// ```
pub fn frame() -> Frame {
    let place = Thinned::new();
    place.reserve();
    let contents = Arc::new(Mutex::new(Vec::new()));
    let shown = contents.clone();
    Frame {
        place,
        contents,
        latest: Arc::new(move || compose::stack(&shown.lock())),
    }
}

/// What [`frame`] returns. Clones mean the same place.
///
/// Changes that come too fast to look at are thinned; the last one is always shown.
#[derive(Clone)]
pub struct Frame {
    place: Thinned,
    contents: Arc<Mutex<Vec<Bundle>>>,
    latest: Latest,
}

impl Frame {
    /// Shows `value` in place of all that is there.
    pub fn render<R: Render + ?Sized>(&self, value: &R) {
        self.replace(vec![value.render()]);
    }

    /// Shows `value` below what is there.
    pub fn append<R: Render + ?Sized>(&self, value: &R) {
        self.add(value.render());
    }

    /// Takes all away that is there.
    pub fn clear(&self) {
        self.contents.lock().clear();
        if self.place.replaces() {
            self.place.show_latest(&self.latest);
        }
    }

    fn replace(&self, contents: Vec<Bundle>) {
        *self.contents.lock() = contents;
        self.place.show_latest(&self.latest);
    }

    fn add(&self, bundle: Bundle) {
        self.contents.lock().push(bundle.clone());
        if self.place.replaces() {
            self.place.show_latest(&self.latest);
        } else {
            // What is there need not be shown again.
            self.place.show_below(bundle);
        }
    }
}

/// A copy of what is in the frame.
impl Render for Frame {
    fn render(&self) -> Bundle {
        compose::stack(&self.contents.lock())
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Frame").field(&*self.contents.lock()).finish()
    }
}
