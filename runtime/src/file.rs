//! Files as I/O devices.
//!
//! An open file is a process: its pid is a device, for all that [`io`](crate::io) can do.
//!
//! ```
//! # crabtree::run(async {
//! use crabtree::io;
//! use crabtree::file;
//!
//! # let path = std::env::temp_dir().join(format!("crabtree-doc-{}.csv", std::process::id()));
//! let device = file::open(&path).write().await?;
//! io::write(device, "a binary")?;
//! file::close(device).await?;
//! assert_eq!(std::fs::read_to_string(&path)?, "a binary");
//! # std::fs::remove_file(&path)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! The process watches its owner, the process that opened the file: when the owner ends, for whatever reason, the file
//! is closed, and its process ends too. Any process that knows the pid can use the file meanwhile, even as its group
//! leader.
//!
//! Nothing that was written waits in a buffer of the program: when [`io::write`](crate::io::write) returns, the
//! operating system has it. What is read comes in larger pieces, of which the rest is kept; a write to a file that is
//! open for both goes to where the reader is. Reads and writes of one file wait for each other.
//!
//! # When not to use it
//! To read or write a whole file at once, or to rename or remove one, take [`std::fs`]: no process is needed there.

use crate::io::{
    Ahead, Device, Get, Getting, IoError, IoFailure, Pieces, Stream, Wanted, begin_owned, blocking,
    close as close_process, find_as, stream as pieces,
};
use crate::pid::Pid;
use parking_lot::Mutex;
use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::future::{Future, IntoFuture};
use std::io::{Error, ErrorKind, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;

/// Opens a file, and gives its pid. It is opened for reading, unless something else is asked for.
///
/// ```
/// # crabtree::run(async {
/// use crabtree::{file, io};
///
/// # let path = std::env::temp_dir().join(format!("crabtree-open-{}.txt", std::process::id()));
/// # std::fs::write(&path, "FOO\n")?;
/// let device = file::open(&path).await?;
/// assert_eq!(io::gets(device, "").await?.as_deref(), Some("FOO\n"));
/// assert!(io::puts(device, "not here").is_err());
/// # std::fs::remove_file(&path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
///
/// # Errors
/// [`IoError`], with what the operating system says.
pub fn open(path: impl AsRef<Path>) -> Opening {
    Opening {
        path: path.as_ref().to_owned(),
        modes: Modes::default(),
    }
}

/// How a file is opened.
#[derive(Clone, Copy, Default)]
struct Modes {
    read: bool,
    write: bool,
    append: bool,
    exclusive: bool,
}

impl Modes {
    fn reads(self) -> bool {
        self.read || !self.writes()
    }

    fn writes(self) -> bool {
        self.write || self.append || self.exclusive
    }

    fn options(self) -> OpenOptions {
        let mut options = OpenOptions::new();
        options
            .read(self.reads())
            .write(self.writes() && !self.append)
            .append(self.append)
            .create(self.writes() && !self.exclusive)
            .create_new(self.exclusive)
            .truncate(self.write && !self.read && !self.append && !self.exclusive);
        options
    }
}

/// A file that is about to be opened: `.await` it.
#[must_use = "nothing is opened before it is awaited"]
#[derive(Clone)]
pub struct Opening {
    path: PathBuf,
    modes: Modes,
}

impl Opening {
    /// Opens it for reading, beside writing.
    pub fn read(mut self) -> Opening {
        self.modes.read = true;
        self
    }

    /// Opens it for writing: it is made if it does not exist, and emptied unless it is also opened for reading.
    pub fn write(mut self) -> Opening {
        self.modes.write = true;
        self
    }

    /// Opens it for writing at its end, wherever that is at the time of each write. It is made if it does not exist.
    pub fn append(mut self) -> Opening {
        self.modes.append = true;
        self
    }

    /// Opens it for writing if it does not exist, and fails if it does.
    pub fn exclusive(mut self) -> Opening {
        self.modes.exclusive = true;
        self
    }
}

impl std::fmt::Debug for Opening {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "file::open({:?})", self.path)?;
        let Modes {
            read,
            write,
            append,
            exclusive,
        } = self.modes;
        let modes = [
            (read, "read"),
            (write, "write"),
            (append, "append"),
            (exclusive, "exclusive"),
        ];
        modes
            .iter()
            .filter(|(on, _)| *on)
            .try_for_each(|(_, mode)| write!(f, ".{mode}()"))
    }
}

impl IntoFuture for Opening {
    type Output = Result<Pid, IoError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let (path, modes) = (self.path.clone(), self.modes);
            let opened = blocking(move || open_file(&path, modes)).await;
            let file = opened.map_err(|error| self.failed(error))?;
            let (ahead, reads, writes) = (Ahead::default(), modes.reads(), modes.writes());
            let state = Arc::new(Mutex::new(Positioned { file, ahead }));
            Ok(begin_owned(Arc::new(OpenFile { reads, writes, state })))
        })
    }
}

/// A directory can be opened for reading, but that is not what was meant.
fn open_file(path: &Path, modes: Modes) -> std::io::Result<File> {
    let file = modes.options().open(path)?;
    match file.metadata()?.is_dir() {
        true => Err(ErrorKind::IsADirectory.into()),
        false => Ok(file),
    }
}

impl Opening {
    fn failed(&self, error: Error) -> IoError {
        let mut message = error.to_string();
        if error.kind() == ErrorKind::NotFound
            && self.path.is_relative()
            && let Ok(directory) = std::env::current_dir()
        {
            // Writing to a string does not fail.
            let _ = write!(message, "; it was looked for in {}", directory.display());
        }
        let cause = IoFailure::from(Error::new(error.kind(), message));
        IoError {
            request: format!("{self:?}"),
            cause,
        }
    }
}

/// Closes a file that [`open`] opened, and waits until it is closed.
///
/// # Errors
/// [`IoError`] when it is closed already, or is no file.
///
/// # Cancel safety
/// When it is dropped, the file is closed all the same.
pub async fn close(device: impl crate::io::AsDevice) -> Result<(), IoError> {
    let place = device.place();
    let request = format!("file::close({})", place.shown());
    let found = find_as::<OpenFile>(&place).and_then(|_| Ok(place.find()?.0));
    match found {
        Ok(pid) => close_process(pid, request).await,
        Err(cause) => Err(cause.in_request(request)),
    }
}

/// The lines of a file, one after the other, without reading all of it first. The file is closed with the stream.
///
/// ```
/// # crabtree::run(async {
/// use crabtree::file;
///
/// # let path = std::env::temp_dir().join(format!("crabtree-stream-{}.csv", std::process::id()));
/// # std::fs::write(&path, "id,name\n1,Ann\n")?;
/// let mut lines = file::stream(&path).await?;
/// while let Some(line) = lines.next().await {
///     assert!(line?.contains(','));
/// }
/// # std::fs::remove_file(&path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
///
/// # Errors
/// As [`open`].
pub async fn stream(path: impl AsRef<Path>) -> Result<Pieces, IoError> {
    let device = open(path).await?;
    Ok(pieces(device, Wanted::Line).close_in_the_end(device))
}

/// The device of an open file.
struct OpenFile {
    reads: bool,
    writes: bool,
    state: Arc<Mutex<Positioned>>,
}

/// A file, and what was read ahead of where its reader is.
struct Positioned {
    file: File,
    ahead: Ahead,
}

impl Positioned {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        let ahead = self.ahead.rest().len();
        if ahead > 0 {
            self.file.seek(SeekFrom::Current(-(ahead as i64)))?;
            self.ahead.clear();
        }
        self.file.write_all(bytes)
    }
}

impl Device for OpenFile {
    /// As a group leader, where nobody can be told of an error.
    fn write(&self, _: Stream, text: &str) {
        let _ = self.put(text.as_bytes());
    }

    fn put(&self, bytes: &[u8]) -> std::io::Result<()> {
        match self.writes {
            true => self.state.lock().write(bytes),
            false => Err(not_open_for("writing", "write() or append()")),
        }
    }

    fn get(&self, get: Get) -> Getting<'_> {
        if !self.reads {
            return Box::pin(async { Err(not_open_for("reading", "read()")) });
        }
        let state = self.state.clone();
        blocking(move || {
            let Positioned { file, ahead } = &mut *state.lock();
            ahead.next(&get, file)
        })
    }
}

fn not_open_for(what: &str, mode: &str) -> Error {
    let words = format!("the file is not open for {what}; open it with file::open(…).{mode}");
    Error::new(ErrorKind::PermissionDenied, words)
}
