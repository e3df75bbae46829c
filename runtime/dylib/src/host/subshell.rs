//! Subshells: further evaluators in this process.
//!
//! The thread of a subshell does what evcxr's own does for the main shell: it loads libraries and calls them. What
//! evcxr's generated code says meanwhile is for the evcxr of that shell. Most of it says so itself ([`protocol`]). The
//! rest goes to the standard output of the process, but only until the code of the cell begins: so shells *enter* their
//! libraries one at a time, and in between the pipe is emptied.

use std::ffi::{CString, c_char, c_void};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crabtree_link::{FUNCTION, Opening, frame};

use super::{Host, OwnThread, Streams};

/// How evcxr's only command begins.
pub(super) const LOAD: &str = "LOAD_AND_RUN ";
/// What evcxr is told when a library has returned.
const COMPLETE: &str = "EVCXR_EXECUTION_COMPLETE";
/// Lines that a subshell never prints, for it says them itself: those of the main shell come at any time.
const OF_MAIN: [&str; 3] = [COMPLETE, "EVCXR_PANIC_NOTIFICATION", "EVCXR_ERROR_OCCURRED"];
/// The function of a cell: it takes the variables, and returns them.
type CellFunction = extern "C" fn(*mut c_void) -> *mut c_void;

/// Who enters a library.
#[derive(Debug, Default)]
pub(super) struct Entrance {
    state: Mutex<Entering>,
    changed: Condvar,
}

#[derive(Debug, Default)]
enum Entering {
    #[default]
    Nobody,
    Main,
    Subshell(&'static Host),
}

impl Entrance {
    /// A shell is about to enter: the main one, or that subshell. Waits until nobody else does.
    pub(super) fn enter(&self, subshell: Option<&'static Host>) {
        let waited = self
            .changed
            .wait_while(self.state(), |state| !matches!(state, Entering::Nobody));
        let mut state = waited.unwrap_or_else(PoisonError::into_inner);
        *state = subshell.map_or(Entering::Main, Entering::Subshell);
    }

    fn leave(&self) {
        *self.state() = Entering::Nobody;
        self.changed.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, Entering> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Host {
    /// The code of this shell's cell begins, or its library has returned.
    pub(super) fn has_entered(&'static self) {
        static ENTRIES: AtomicU64 = AtomicU64::new(1 << 63);
        let entrance = Host::entrance();
        match (&*entrance.state(), &self.streams) {
            (Entering::Main, Streams::Process { .. }) => {}
            (Entering::Subshell(shell), Streams::Subshell { .. }) if std::ptr::eq(*shell, self) => {}
            // It has before.
            _ => return,
        }
        if let (Streams::Subshell { .. }, Streams::Process { capture, .. }) = (&self.streams, &Host::main().streams) {
            let _hurry = Host::main().pace.hurry();
            capture.barrier_in_stdout(ENTRIES.fetch_add(1, Ordering::Relaxed));
        }
        entrance.leave();
    }

    /// Hands a line of evcxr's to the subshell that it is for, if any.
    pub(super) fn is_for_subshell(&'static self, line: &str) -> bool {
        let shell = match &*Host::entrance().state() {
            Entering::Subshell(shell) if !OF_MAIN.iter().any(|own| line.starts_with(own)) => Some(*shell),
            _ => None,
        };
        if let Some(shell) = shell {
            shell.tell_evcxr(line);
        } else if line.starts_with(COMPLETE) {
            // A library may return without ever having begun the code of a cell.
            Host::main().has_entered();
        }
        shell.is_some()
    }

    fn tell_evcxr(&self, line: &str) {
        if let Streams::Subshell { answers, .. } = &self.streams {
            let mut answers = answers.lock().unwrap_or_else(PoisonError::into_inner);
            // If evcxr is gone, so are its commands.
            let _ = answers.write_all(line.as_bytes());
        }
    }

    /// There will be no more of this subshell: its cell ends, and its processes live on.
    pub(super) fn close(&'static self) {
        if self.closed.swap(true, Ordering::AcqRel) {
            return;
        }
        // Whoever waits for the kernel to take output would wait for ever.
        std::mem::forget(self.pace.hurry());
        let link = self.link.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = link.shutdown(Shutdown::Both);
        drop(link);
        let cell = self.state().cell;
        if let Some(cell) = cell {
            self.interrupt(cell);
        }
        self.evaluator.end();
    }
}

/// Writes a line of evcxr's protocol.
pub fn protocol(line: &str) {
    match &Host::get().streams {
        Streams::Process { .. } => println!("{line}"),
        Streams::Subshell { .. } => Host::get().tell_evcxr(&format!("{line}\n")),
    }
}

/// Opens a subshell whose kernel listens at `path`.
pub(super) fn open(path: &Path, number: u32) -> io::Result<()> {
    let connect = |opening: Opening| {
        let mut connection = UnixStream::connect(path)?;
        frame::write(&mut connection, &opening)?;
        io::Result::Ok(connection)
    };
    let pid = std::process::id();
    let link = connect(Opening::Link { pid })?;
    let stderr = connect(Opening::Stderr { pid })?;
    let commands = connect(Opening::Commands { of_host: true })?;
    let (reader, answers) = (link.try_clone()?, commands.try_clone()?);
    let streams = Streams::Subshell {
        stderr: Mutex::new(stderr),
        answers: Mutex::new(answers),
    };
    // Devices of its cells refer to it for as long as there are processes.
    let shell: &'static Host = Box::leak(Box::new(Host::new(link, streams)));
    shell.listen(reader)?;
    std::thread::Builder::new().name("subshell".to_owned()).spawn(move || {
        let _own = OwnThread::begin();
        shell.enter();
        shell.run(commands, number);
        shell.close();
    })?;
    Ok(())
}

impl Host {
    /// Does what evcxr says, until it is gone.
    fn run(&'static self, commands: UnixStream, number: u32) {
        let mut variables = std::ptr::null_mut();
        for line in BufReader::new(commands).lines() {
            let Ok(line) = line else { return };
            let Some((library, function)) = line.strip_prefix(LOAD).and_then(|rest| rest.rsplit_once(' ')) else {
                return;
            };
            let function = match load(library, function, number) {
                Ok(function) => function,
                Err(error) => {
                    eprintln!("the library of a cell cannot be loaded: {error}");
                    return;
                }
            };
            Host::entrance().enter(Some(self));
            variables = function(variables);
            self.has_entered();
            self.tell_evcxr(&format!("{COMPLETE}\n"));
        }
    }
}

/// Loads a library for good, and finds the function of its cell.
fn load(library: &str, function: &str, number: u32) -> io::Result<CellFunction> {
    let failed = || {
        // SAFETY: the call takes no pointers, and gives a text that is good until this thread makes another such call.
        let text = unsafe { libc::dlerror() };
        // SAFETY: a pointer that is not null is that text, with a zero at its end.
        let text = (!text.is_null()).then(|| unsafe { std::ffi::CStr::from_ptr(text) }.to_string_lossy().into_owned());
        io::Error::other(text.unwrap_or_default())
    };
    let path = CString::new(library)?;
    // SAFETY: the path is a text with a zero at its end. The library is one that the kernel compiled from a cell, which
    // may do what it wants in this process.
    let handle = unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_LAZY | libc::RTLD_LOCAL) };
    if handle.is_null() {
        return Err(failed());
    }
    let ours = function.replacen(FUNCTION, &format!("{FUNCTION}s{number}_"), 1);
    for name in [ours.as_str(), function] {
        let name = CString::new(name)?;
        let name: *const c_char = name.as_ptr();
        // SAFETY: the handle is that of a loaded library, and the name a text with a zero at its end.
        let found = unsafe { libc::dlsym(handle, name) };
        if !found.is_null() {
            // SAFETY: evcxr generates the function with this signature, and the library stays loaded.
            return Ok(unsafe { std::mem::transmute::<*mut c_void, CellFunction>(found) });
        }
    }
    Err(failed())
}
