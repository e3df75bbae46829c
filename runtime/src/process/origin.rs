//! Where processes come from, and where they wait: places in the source.

use super::stack::{path_of, place_of};
use std::any::type_name;
use std::borrow::Cow;
use std::fmt;
use std::panic::Location;

/// A place in the source: `file:line:column`.
///
/// In a notebook [`file`](Place::file) and [`line`](Place::line) are those of the code that the cell became. A place in this
/// crate is shown as `crabtree/src/…`, wherever its sources were when it was compiled.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Place(&'static Location<'static>);

impl Place {
    /// The place where the caller was called.
    #[track_caller]
    pub(crate) fn caller() -> Place {
        Place(Location::caller())
    }

    /// The file, as it was named to the compiler.
    pub fn file(&self) -> &'static str {
        self.0.file()
    }

    /// The line, from 1.
    pub fn line(&self) -> u32 {
        self.0.line()
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sources = file!().trim_end_matches("process/origin.rs");
        match self.file().strip_prefix(sources) {
            Some(file) => write!(f, "crabtree/src/{file}:{}:{}", self.0.line(), self.0.column()),
            None => f.write_str(&place_of(self.0)),
        }
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What a process was begun with.
#[derive(Clone, Copy)]
pub(crate) struct Origin {
    pub(crate) place: Place,
    /// The name of the type of its future, or of what stands behind it.
    type_name: fn() -> &'static str,
}

impl Origin {
    #[track_caller]
    pub(crate) fn of<T: ?Sized>() -> Origin {
        Origin {
            place: Place::caller(),
            type_name: type_name::<T>,
        }
    }

    /// The path of the function whose future it is.
    pub(crate) fn path(&self) -> Cow<'static, str> {
        path_of(self.compiled_path())
    }

    /// The same, as the compiler says it.
    pub(crate) fn compiled_path(&self) -> &'static str {
        let mut path = (self.type_name)();
        while let Some(outer) = path.strip_suffix("::{{closure}}") {
            path = outer;
        }
        path
    }
}
