//! Showing a value now, and changing what is shown.

use std::fmt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use super::Render;
use crate::io;
use crate::node::node;

/// Shows a value at once, wherever in a cell or a process this is called.
///
/// The output goes to the group leader of the calling process: in a notebook to the cell that spawned it, in a
/// program as text to the terminal. The handle that is returned replaces it later.
///
/// # Examples
///
/// ```
/// # crabtree::run(async {
/// use crabtree::kino;
///
/// let progress = kino::display(&kino::markdown("**0** of 2 done"));
/// for done in 1..=2 {
///     progress.update(&kino::markdown(format!("**{done}** of 2 done")));
/// }
/// # });
/// ```
pub fn display<R: Render + ?Sized>(value: &R) -> DisplayHandle {
    let handle = DisplayHandle { id: new_id().into() };
    handle.show(value, false);
    handle
}

/// An output that is shown, and that can be replaced in place.
///
/// Clones of a handle mean the same output. Dropping it leaves the output as it is.
#[derive(Clone)]
pub struct DisplayHandle {
    id: Arc<str>,
}

impl DisplayHandle {
    /// Shows `value` in place of what this output showed before.
    ///
    /// Any process may update an output, not only the one that displayed it. Where an output cannot be
    /// replaced, as in a terminal, the value is shown below it.
    pub fn update<R: Render + ?Sized>(&self, value: &R) {
        self.show(value, true);
    }

    /// The name by which front ends know the output: unique among all sessions.
    pub fn id(&self) -> &str {
        &self.id
    }

    fn show<R: Render + ?Sized>(&self, value: &R, update: bool) {
        let display_id = Some(self.id.to_string());
        io::display(io::Display {
            bundle: value.render(),
            display_id,
            update,
        });
    }
}

impl fmt::Debug for DisplayHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DisplayHandle").field(&self.id).finish()
    }
}

/// A notebook keeps outputs of earlier sessions, so a number alone would not do: process and time make it unique.
pub(super) fn new_id() -> String {
    let number = node().new_ref().0;
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!(
        "crabtree-{:x}-{:x}-{number:x}",
        std::process::id(),
        since_epoch.as_nanos()
    )
}
