//! Which code came from which cell.
//!
//! Each cell is a library of its own, compiled from a `src/lib.rs` of its own, so a line of that file says nothing without
//! the library that the code is in. The loader knows that one by any address within it. What the function at an address is
//! called, and where it has come to, is looked up by the kernel, when somebody reads it.

use std::collections::{BTreeMap, HashMap};
use std::ffi::{CStr, CString, c_int, c_void};
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStringExt as _;
use std::panic::Location;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crabtree_link::{FUNCTION, GENERATED, frame_of, path_in_cells, place};
use runtime::__private::CodeNames;

/// The libraries of the cells that have run, by the addresses at which they begin.
#[derive(Debug, Default)]
pub(crate) struct CellCode {
    libraries: Mutex<BTreeMap<usize, Library>>,
    /// The cells by what tells their functions apart.
    functions: Mutex<HashMap<&'static str, u64>>,
}

#[derive(Clone, Debug)]
struct Library {
    cell: u64,
    /// The name of its file.
    name: String,
    /// It certainly takes no more bytes in memory than these.
    at_most: usize,
}

impl CellCode {
    /// The code at `address` is that of `cell`, and so is the future whose type is called that.
    pub(crate) fn belongs_to(&self, address: usize, future: &'static str, cell: u64) {
        if let Some((_, function)) = future.split_once(FUNCTION) {
            let number = function.split(':').next().unwrap_or_default();
            lock(&self.functions).insert(number, cell);
        }
        let Some((base, file)) = find(address) else { return };
        let name = file.file_name().map(|name| name.to_string_lossy().into_owned());
        // In memory it has gaps, and room for what is zero at first.
        let length = std::fs::metadata(&file).map_or(0, |file| file.len());
        let library = Library {
            cell,
            name: name.unwrap_or_default(),
            at_most: usize::try_from(length).unwrap_or(0) + (16 << 20),
        };
        lock(&self.libraries).insert(base, library);
    }

    /// The library of a cell that the code at `address` is in, and where it begins.
    fn library(&self, address: usize) -> Option<(usize, Library)> {
        let (base, library) = {
            let libraries = lock(&self.libraries);
            let (base, library) = libraries.range(..=address).next_back()?;
            (*base, library.clone())
        };
        // Most code is nowhere near, and the loader is not asked about it.
        (address - base < library.at_most && find(address)?.0 == base).then_some((base, library))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl CodeNames for CellCode {
    fn place(&self, address: usize, location: &Location<'_>) -> Option<String> {
        if Path::new(location.file()) != Path::new(GENERATED) {
            return None;
        }
        let (_, library) = self.library(address)?;
        Some(place(library.cell, location.line(), location.column()))
    }

    fn function(&self, address: usize) -> Option<String> {
        let (base, library) = self.library(address)?;
        Some(frame_of(library.cell, &library.name, address - base))
    }

    fn path(&self, path: &str) -> Option<String> {
        path_in_cells(path, |function| {
            let cell = lock(&self.functions).get(function).copied();
            cell.map_or_else(|| "the cell".to_owned(), crabtree_link::cell)
        })
    }

    fn walk(&self) -> Vec<usize> {
        let mut addresses: Vec<usize> = Vec::with_capacity(64);
        // SAFETY: `note` is called during the call only, and gets the vector, which nobody else uses meanwhile.
        unsafe { _Unwind_Backtrace(note, (&raw mut addresses).cast()) };
        addresses
    }
}

// Of the unwinder that std is linked with, on all platforms that a kernel runs on.
unsafe extern "C-unwind" {
    fn _Unwind_Backtrace(note: extern "C-unwind" fn(*mut c_void, *mut c_void) -> c_int, data: *mut c_void) -> c_int;
    fn _Unwind_GetIP(context: *mut c_void) -> usize;
}

/// More frames than these are a recursion, of which nobody reads all.
const DEEP: usize = 1000;

extern "C-unwind" fn note(context: *mut c_void, data: *mut c_void) -> c_int {
    // SAFETY: it is the vector of `walk`, which waits.
    let addresses = unsafe { &mut *data.cast::<Vec<usize>>() };
    // SAFETY: the unwinder gives the context of a frame.
    let address = unsafe { _Unwind_GetIP(context) };
    // It is where the function will go on; the call is right before.
    addresses.push(address.saturating_sub(1));
    // Anything but zero ends the walk.
    c_int::from(addresses.len() == DEEP)
}

/// Has the loader look for the symbols of those that it loads in the library first that `address` is in. So a static of
/// an earlier cell stands for those that later libraries have of the same symbol.
#[cfg(target_os = "linux")]
pub(crate) fn share(address: usize) {
    let Some((_, file)) = find(address) else { return };
    let Ok(file) = CString::new(file.into_os_string().into_vec()) else {
        return;
    };
    // SAFETY: the name is a C string. Nothing is loaded, so no code runs: the library is there, and stays. Which symbols
    // its later ones have in common with it is the kernel's to say, and it says so of statics of one and the same type.
    unsafe { libc::dlopen(file.as_ptr(), libc::RTLD_NOW | libc::RTLD_NOLOAD | libc::RTLD_GLOBAL) };
}

/// Libraries elsewhere are bound to those that they were linked with.
#[cfg(not(target_os = "linux"))]
pub(crate) fn share(_address: usize) {}

/// Where the library that `address` is in begins, and its file.
fn find(address: usize) -> Option<(usize, PathBuf)> {
    let mut found = MaybeUninit::<libc::Dl_info>::uninit();
    // SAFETY: it reads nothing at the address, and writes to `found`.
    let is_found = unsafe { libc::dladdr(address as *const c_void, found.as_mut_ptr()) } != 0;
    if !is_found {
        return None;
    }
    // SAFETY: it was written to.
    let found = unsafe { found.assume_init() };
    if found.dli_fname.is_null() {
        return None;
    }
    // SAFETY: the loader keeps the names of what it has loaded, and libraries of cells stay loaded.
    let file = unsafe { CStr::from_ptr(found.dli_fname) };
    Some((
        found.dli_fbase.addr(),
        PathBuf::from(file.to_string_lossy().into_owned()),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_belongs_to_the_cell_whose_library_it_is_in() {
        let here = find as *const () as usize;
        let code = CellCode::default();
        assert_eq!(code.function(here), None);
        code.belongs_to(here, "ctx::run_user_code_3::{{closure}}", 7);
        assert_eq!(code.path("ctx::run_user_code_3::{{closure}}").unwrap(), "src/lib.rs@7");
        assert_eq!(code.path("ctx::run_user_code_s1_3").unwrap(), "the cell");
        let named = code.function(here).unwrap();
        assert!(named.starts_with("src/lib.rs@7+"), "{named}");
        assert_eq!(code.function(1), None);
        let elsewhere = libc::dladdr as *const () as usize;
        assert_eq!(code.function(elsewhere), None);
    }

    #[test]
    fn the_stack_of_the_thread_is_walked() {
        let code = CellCode::default();
        code.belongs_to(find as *const () as usize, "", 7);
        let walked = code.walk();
        assert!(walked.len() > 2 && walked.len() < DEEP, "{}", walked.len());
        assert!(walked.iter().any(|address| code.function(*address).is_some()));
    }
}
