//! The variables of a notebook between its cells.
//!
//! evcxr compiles a store for them, of this interface, into each cell, and an error that `?` converts all others to. The
//! kernel has cells use these instead: what does not depend on the type of a variable is compiled once, so that rustc has a
//! third less to do for a small cell.

use std::any::Any;
use std::collections::HashMap;
use std::fmt::Debug;

use runtime::__private::short_type_name;

use crate::evaluator::failed;
use crate::host::commands::protocol;

/// The variables that no cell has at the moment, by name.
#[derive(Debug, Default)]
pub struct VariableStore {
    variables: HashMap<Box<str>, Box<dyn Any>>,
}

impl VariableStore {
    /// Takes a variable in; one that had the name before is dropped.
    pub fn put_variable<T: 'static>(&mut self, name: &str, value: T) {
        self.put(name, Box::new(value));
    }

    /// Whether a variable with that name, if there is one, has that type. evcxr is told otherwise.
    pub fn check_variable<T: 'static>(&mut self, name: &str) -> bool {
        let is_another = self.find(name).is_some_and(|value| !value.is::<T>());
        if is_another {
            tell_changed(name);
        }
        !is_another
    }

    /// Hands a variable to a cell.
    ///
    /// # Panics
    ///
    /// If it is not there, or has another type. evcxr asks only for what it knows to be there, and has it checked before.
    pub fn take_variable<T: 'static>(&mut self, name: &str) -> T {
        match self.take(name).map(|value| value.downcast()) {
            Some(Ok(value)) => *value,
            taken => missing(name, taken.is_some()),
        }
    }

    fn put(&mut self, name: &str, value: Box<dyn Any>) {
        self.variables.insert(name.into(), value);
    }

    fn find(&self, name: &str) -> Option<&dyn Any> {
        self.variables.get(name).map(|value| &**value)
    }

    fn take(&mut self, name: &str) -> Option<Box<dyn Any>> {
        self.variables.remove(name)
    }
}

fn tell_changed(name: &str) {
    eprintln!("The type of the variable {name} was redefined, so the variable is lost.");
    protocol(&format!("EVCXR_VARIABLE_CHANGED_TYPE:{name}"));
}

fn missing(name: &str, is_there: bool) -> ! {
    if is_there {
        panic!("the variable {name} has another type")
    }
    panic!("there is no variable {name}")
}

/// A store without variables, for the first cell that has some. It lives as long as the host.
pub fn create_variable_store() -> *mut VariableStore {
    Box::into_raw(Box::default())
}

/// What every error becomes with which a cell leaves by `?`.
pub struct UserError(());

impl<E: Debug> From<E> for UserError {
    fn from(error: E) -> UserError {
        left_with(short_type_name::<E>(), &error)
    }
}

fn left_with(type_name: String, error: &dyn Debug) -> UserError {
    failed(type_name, error);
    protocol("EVCXR_ERROR_OCCURRED");
    UserError(())
}
