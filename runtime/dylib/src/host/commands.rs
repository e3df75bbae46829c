//! What evcxr says: which library to load, and which function of it to call.
//!
//! Each shell has a thread that does it ([`Host::run`]). That of the main shell is the one that the process began with. Its
//! commands come on standard input, and are taken elsewhere before all else ([`crabtree_host`]): there, cells read.

use std::ffi::{CStr, CString, c_void};
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read};

use crabtree_link::FUNCTION;

use super::{Host, Streams, capture};

/// How evcxr's only command begins.
const LOAD: &str = "LOAD_AND_RUN ";
/// What evcxr is told when a library has returned.
pub(super) const COMPLETE: &str = "EVCXR_EXECUTION_COMPLETE";
/// The function of a cell: it takes the variables, and returns them.
type CellFunction = extern "C" fn(*mut c_void) -> *mut c_void;

/// The main function of a host: does what evcxr says, until it is gone. To be called once, by the only thread of the
/// process.
#[unsafe(no_mangle)]
extern "C" fn crabtree_host() -> ! {
    let done = capture::duplicate(libc::STDIN_FILENO).and_then(|commands| {
        let mut commands = lines(File::from(commands)).peekable();
        // The kernel takes a host that it knows of for one that runs its cell.
        if commands.peek().is_none() {
            return Ok(());
        }
        Host::start()?;
        Host::main().run(commands, None)
    });
    if let Err(error) = &done {
        eprintln!("the host cannot go on: {error}");
    }
    std::process::exit(if done.is_ok() { 0 } else { 99 })
}

/// evcxr's commands, until it is gone.
pub(super) fn lines(commands: impl Read) -> impl Iterator<Item = String> {
    BufReader::new(commands).lines().map_while(Result::ok)
}

impl Host {
    /// Does what evcxr says, until it is gone; `number` is that of a subshell.
    ///
    /// # Errors
    ///
    /// A library that cannot be loaded.
    pub(super) fn run(&'static self, commands: impl Iterator<Item = String>, number: Option<u32>) -> io::Result<()> {
        let mut variables = std::ptr::null_mut();
        for line in commands {
            let Some((library, function)) = line.strip_prefix(LOAD).and_then(|rest| rest.rsplit_once(' ')) else {
                return Err(io::Error::other(format!("{line:?} is no command of evcxr's")));
            };
            let function = load(library, function, number)?;
            Host::entrance().enter(number.map(|_| self));
            variables = function(variables);
            let complete = format!("{COMPLETE}\n");
            match &self.streams {
                // When this comes out of the pipe, the shell has entered. What cells have printed may still be in std's
                // buffer, whose lock may be theirs.
                Streams::Process { .. } => capture::write_all(libc::STDOUT_FILENO, complete.as_bytes())?,
                Streams::Subshell { .. } => {
                    self.has_entered();
                    self.tell_evcxr(&complete);
                }
            }
        }
        Ok(())
    }
}

/// Writes a line of evcxr's protocol.
pub fn protocol(line: &str) {
    match &Host::get().streams {
        Streams::Process { .. } => println!("{line}"),
        Streams::Subshell { .. } => Host::get().tell_evcxr(&format!("{line}\n")),
    }
}

/// Loads a library for good, and finds the function of its cell.
fn load(library: &str, function: &str, number: Option<u32>) -> io::Result<CellFunction> {
    let failed = || {
        // SAFETY: the call takes no pointers, and gives a text that is good until this thread makes another such call.
        let text = unsafe { libc::dlerror() };
        // SAFETY: a pointer that is not null is that text, with a zero at its end.
        let text = (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned());
        io::Error::other(text.unwrap_or_default())
    };
    let path = CString::new(library)?;
    // SAFETY: the path is a text with a zero at its end. The library is one that the kernel compiled from a cell, which
    // may do what it wants in this process.
    let handle = unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_LAZY | libc::RTLD_LOCAL) };
    if handle.is_null() {
        return Err(failed());
    }
    let ours = number.map(|number| function.replacen(FUNCTION, &format!("{FUNCTION}s{number}_"), 1));
    for name in ours.as_deref().into_iter().chain([function]) {
        let name = CString::new(name)?;
        // SAFETY: the handle is that of a loaded library, and the name a text with a zero at its end.
        let found = unsafe { libc::dlsym(handle, name.as_ptr()) };
        if !found.is_null() {
            // SAFETY: evcxr generates the function with this signature, and the library stays loaded.
            return Ok(unsafe { std::mem::transmute::<*mut c_void, CellFunction>(found) });
        }
    }
    Err(failed())
}
