//! This program as the host of a session.
//!
//! evcxr starts it. In evcxr's own loop the child reads its commands from standard input, where cells read as well: a
//! thread that reads there between two cells would take a command away, and the session would wait for ever. So the host
//! runs a loop of ours instead, which has taken the commands elsewhere before there is a cell. The loop is in the library
//! for cells, with all else that a host has.

use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
use std::ffi::{CStr, CString};

/// What evcxr sets for its child.
const IS_HOST: &str = "EVCXR_IS_RUNTIME";

/// The library for cells; the loader is told where it is.
const LIBRARY: &str = "crabtree";

/// The main function of a host, in that library: `host::commands` there.
const FUNCTION: &CStr = c"crabtree_host";

/// Is the host, if that is what this program was started for; returns otherwise.
pub(super) fn hook() {
    if std::env::var_os(IS_HOST).is_none() {
        return;
    }
    let name = format!("{DLL_PREFIX}{LIBRARY}{DLL_SUFFIX}");
    let path = CString::new(name).expect("no name has a zero in it");
    // SAFETY: the path is a text with a zero at its end. The library is the one that the kernel has built for cells; what
    // it does when it is loaded, it would do with the first cell.
    let library = unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_LAZY | libc::RTLD_LOCAL) };
    let function = if library.is_null() {
        library
    } else {
        // SAFETY: the handle is that of a loaded library, and the name a text with a zero at its end.
        unsafe { libc::dlsym(library, FUNCTION.as_ptr()) }
    };
    if function.is_null() {
        // SAFETY: the call takes no pointers, and gives a text that is good until this thread makes another such call.
        let text = unsafe { libc::dlerror() };
        // SAFETY: a pointer that is not null is that text, with a zero at its end.
        let text = (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_string_lossy());
        eprintln!("the host cannot start: {}", text.unwrap_or_default());
        std::process::exit(99);
    }
    // SAFETY: this kernel has built the library from sources of its own, where the function has this signature.
    let host = unsafe { std::mem::transmute::<*mut libc::c_void, extern "C" fn() -> !>(function) };
    host()
}
