//! Requests to devices: writing and reading.
//!
//! What is generic here only makes text of its arguments; the rest is compiled once.

use super::address::Place;
use super::input::{Get, Wanted};
use super::{AsDevice, Device, IoError, IoFailure, has_retired};
use crate::node::node;
use crate::process::call::{Origin, call_with};
use crate::process::current;
use futures_core::Stream;
use std::fmt::{Debug, Display};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::runtime::Handle;

/// Writes the text of a value, in one piece.
///
/// To the caller's group leader it cannot fail; to any other device it gives a `Result`.
///
/// ```
/// # crabtree::run(async {
/// use crabtree::io::{self, STDIO, string_io};
///
/// io::write(STDIO, "to the group leader\n");
/// let device = string_io::open("");
/// io::write(device, 6 * 7)?;
/// assert_eq!(string_io::contents(device)?.1, "42");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
///
/// # Errors
/// [`IoError`]: nobody has the name, the device is closed, the process is no device, or the device refuses, as a file
/// does that is open for reading.
pub fn write<D: AsDevice>(device: D, item: impl Display) -> D::Done<()> {
    D::done(write_text(&device.place(), "io::write", &item.to_string()), ())
}

/// Writes the text of a value and a newline; otherwise like [`write`](fn@write).
///
/// ```
/// # crabtree::run(async {
/// use crabtree::io::{self, STDIO};
/// use crabtree::process;
///
/// // These three do the same:
/// crabtree::println!("hello");
/// io::puts(STDIO, "hello");
/// io::puts(process::group_leader(), "hello")?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
///
/// # Errors
/// As [`write`](fn@write).
pub fn puts<D: AsDevice>(device: D, item: impl Display) -> D::Done<()> {
    D::done(write_text(&device.place(), "io::puts", &format!("{item}\n")), ())
}

/// Writes a value as its `Debug` shows it, after a label if there is one, and gives the value back: for a look into the
/// middle of an expression.
///
/// What does not fit into 80 columns is shown on many lines.
///
/// ```
/// # crabtree::run(async {
/// use crabtree::io::{self, STDIO, string_io};
///
/// let sum = io::inspect(STDIO, vec![1, 2, 3], "before").iter().sum::<i32>(); // before: [1, 2, 3]
/// let device = string_io::open("");
/// io::inspect(device, sum, None)?;
/// assert_eq!(string_io::contents(device)?.1, "6\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
///
/// # Errors
/// As [`write`](fn@write).
pub fn inspect<'l, D: AsDevice, T: Debug>(device: D, value: T, label: impl Into<Option<&'l str>>) -> D::Done<T> {
    let text = labelled(&value, label.into());
    D::done(write_text(&device.place(), "io::inspect", &text), value)
}

/// Writes bytes, to a device that takes them: a file does, and any other as far as they are UTF-8.
///
/// # Errors
/// As [`write`](fn@write), and when a device that takes text is given other bytes.
pub fn binwrite(device: impl AsDevice, bytes: impl AsRef<[u8]>) -> Result<(), IoError> {
    let (place, bytes) = (device.place(), bytes.as_ref());
    let put = || -> Result<(), IoFailure> { Ok(place.find()?.1.put(bytes)?) };
    put().map_err(|cause| cause.in_request(format!("io::binwrite({}, {} bytes)", place.shown(), bytes.len())))
}

fn labelled(value: &dyn Debug, label: Option<&str>) -> String {
    let label = label.map(|label| format!("{label}: ")).unwrap_or_default();
    let line = format!("{label}{value:?}\n");
    match line.chars().count() > 81 {
        true => format!("{label}{value:#?}\n"),
        false => line,
    }
}

fn write_text(place: &Place, function: &str, text: &str) -> Result<(), IoError> {
    place.write(text).map_err(|cause| {
        let shown = if text.len() > 40 {
            "…".into()
        } else {
            format!("{text:?}")
        };
        cause.in_request(format!("{function}({}, {shown})", place.shown()))
    })
}

/// Shows a prompt and reads a line, its `\n` included; `None` at the end of the input.
///
/// ```
/// # crabtree::run(async {
/// use crabtree::io::{self, string_io};
///
/// let device = string_io::open("Ann\nBob\n");
/// assert_eq!(io::gets(device, "Who is there? ").await?.as_deref(), Some("Ann\n"));
/// assert_eq!(io::gets(device, "Who else? ").await?.as_deref(), Some("Bob\n"));
/// assert_eq!(io::gets(device, "Who else? ").await?, None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
///
/// # Errors
/// [`IoError`]: nobody has the name, the device is closed, the process is no device, it cannot be read, or what is
/// there is not UTF-8.
///
/// # Cancel safety
/// When it is dropped, a device that was asked already may take the line from its input all the same.
pub fn gets(device: impl AsDevice, prompt: impl Display) -> Reading<String> {
    Reading::text(device.place(), "io::gets", prompt.to_string(), Wanted::Line)
}

/// Shows a prompt and reads a line that nobody is to see, its `\n` included; otherwise like [`gets`].
///
/// A terminal does not show what is typed, and a notebook shows dots. Devices that show nothing by themselves, such as
/// strings, read it like any other line.
///
/// ```
/// # crabtree::run(async {
/// use crabtree::io::{self, string_io};
///
/// let device = string_io::open("opensesame\n");
/// assert_eq!(io::get_password(device, "Password: ").await?.as_deref(), Some("opensesame\n"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
///
/// # Errors
/// As [`gets`].
///
/// # Cancel safety
/// As [`gets`].
pub fn get_password(device: impl AsDevice, prompt: impl Display) -> Reading<String> {
    let get = Get {
        prompt: prompt.to_string(),
        wanted: Wanted::Line,
        text: true,
        hidden: true,
    };
    Reading::of_text(device.place(), "io::get_password", get)
}

/// Shows a prompt and reads so much: `getn(device, "? ", 1)` reads one character. Otherwise like [`gets`].
///
/// # Errors
/// As [`gets`].
pub fn getn(device: impl AsDevice, prompt: impl Display, wanted: impl Into<Wanted>) -> Reading<String> {
    Reading::text(device.place(), "io::getn", prompt.to_string(), wanted.into())
}

/// Reads so much: a number of characters, or a [line](Wanted::Line), or [everything](Wanted::Eof). Otherwise like
/// [`gets`].
///
/// ```
/// # crabtree::run(async {
/// use crabtree::io::{self, Wanted, string_io};
///
/// let device = string_io::open("naïve\nand more");
/// assert_eq!(io::read(device, 3).await?.as_deref(), Some("naï"));
/// assert_eq!(io::read(device, Wanted::Line).await?.as_deref(), Some("ve\n"));
/// assert_eq!(io::read(device, Wanted::Eof).await?.as_deref(), Some("and more"));
/// assert_eq!(io::read(device, Wanted::Eof).await?, None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
///
/// # Errors
/// As [`gets`].
pub fn read(device: impl AsDevice, wanted: impl Into<Wanted>) -> Reading<String> {
    Reading::text(device.place(), "io::read", String::new(), wanted.into())
}

/// Reads bytes, whatever they are; otherwise like [`read`].
///
/// # Errors
/// As [`gets`], except that the bytes need not be UTF-8.
pub fn binread(device: impl AsDevice, wanted: impl Into<Wanted>) -> Reading<Vec<u8>> {
    let get = Get {
        prompt: String::new(),
        wanted: wanted.into(),
        text: false,
        hidden: false,
    };
    Reading::new(device.place(), "io::binread", get, |bytes| bytes)
}

/// A read that is about to be asked for: `.await` it.
#[must_use = "nothing is read before it is awaited"]
pub struct Reading<T>(Pin<Box<dyn Future<Output = Result<Option<T>, IoError>> + Send>>);

impl<T> std::fmt::Debug for Reading<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Reading")
    }
}

impl Reading<String> {
    fn text(place: Place, function: &'static str, prompt: String, wanted: Wanted) -> Reading<String> {
        let get = Get {
            prompt,
            wanted,
            text: true,
            hidden: false,
        };
        Reading::of_text(place, function, get)
    }

    fn of_text(place: Place, function: &'static str, get: Get) -> Reading<String> {
        Reading::new(place, function, get, |bytes| {
            String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
        })
    }
}

impl<T: 'static> Reading<T> {
    fn new(place: Place, function: &'static str, get: Get, made: fn(Vec<u8>) -> T) -> Reading<T> {
        Reading(Box::pin(async move {
            let wanted = get.wanted;
            let answer = ask(&place, get).await;
            let failed = |cause: IoFailure| cause.in_request(format!("{function}({}, {wanted:?})", place.shown()));
            Ok(answer.map_err(failed)?.map(made))
        }))
    }
}

impl<T> Future for Reading<T> {
    type Output = Result<Option<T>, IoError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(context)
    }
}

type Answer = Result<Option<Vec<u8>>, IoFailure>;

/// Asks a device, and waits for its answer or its end. Nobody waits within the device: a read that takes long is a task
/// of its own.
async fn ask(place: &Place, get: Get) -> Answer {
    if let Place::Leader(super::Stream::Stderr) = place {
        return Err(cannot_be_read().into());
    }
    let (pid, device) = place.find()?;
    if current::get().is_some_and(|process| process.pid == pid) || has_retired(pid) {
        // A device need not ask itself, and one without a process cannot end meanwhile.
        return device.get(get).await.map_err(IoFailure::from);
    }
    let answer = call_with(pid, None, |origin| {
        let asked = Asked(Some(origin));
        let handle = Handle::try_current().unwrap_or_else(|_| node().runtime().clone());
        drop(handle.spawn(serve(device, get, asked)));
    });
    let answer = answer.await.map_err(|failure| IoFailure::of_call(&failure))?;
    answer.downcast().unwrap_or(Err(IoFailure::Terminated))
}

async fn serve(device: Arc<dyn Device>, get: Get, mut asked: Asked) {
    let answer: Answer = device.get(get).await.map_err(IoFailure::from);
    // A device that closed meanwhile is gone before it is said what it had.
    drop(device);
    asked.answer(answer);
}

/// Somebody who waits for an answer, and gets one also when the device panics.
struct Asked(Option<Origin>);

impl Asked {
    fn answer(&mut self, answer: Answer) {
        if let Some(origin) = self.0.take() {
            origin.reply(answer);
        }
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        self.answer(Err(std::io::Error::other("the device failed while it read").into()));
    }
}

pub(super) fn cannot_be_read() -> std::io::Error {
    let words = "this device cannot be read: it is only written to";
    std::io::Error::new(std::io::ErrorKind::Unsupported, words)
}

/// The text of a device, piece by piece: [lines](Wanted::Line), or so many characters each.
///
/// It is a [`Stream`]; [`next`](Pieces::next) reads the next piece. It ends with the input, or after the first error.
///
/// ```
/// # crabtree::run(async {
/// use crabtree::io::{self, Wanted, string_io};
///
/// let device = string_io::open("one\ntwo\n");
/// let mut lines = io::stream(device, Wanted::Line);
/// while let Some(line) = lines.next().await {
///     io::write(device, line?.to_uppercase())?;
/// }
/// assert_eq!(string_io::contents(device)?, (String::new(), "ONE\nTWO\n".into()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
pub fn stream(device: impl AsDevice, wanted: impl Into<Wanted>) -> Pieces {
    Pieces {
        place: device.place(),
        wanted: wanted.into(),
        reading: None,
        ended: false,
        closes: None,
    }
}

/// The stream that [`stream`] makes.
#[must_use = "a stream does nothing unless it is polled"]
#[derive(Debug)]
pub struct Pieces {
    place: Place,
    wanted: Wanted,
    reading: Option<Reading<String>>,
    ended: bool,
    /// The device to close in the end.
    closes: Option<crate::Pid>,
}

impl Pieces {
    /// The next piece; `None` at the end of the input.
    ///
    /// # Cancel safety
    /// Nothing is lost when it is dropped.
    pub async fn next(&mut self) -> Option<Result<String, IoError>> {
        poll_fn(|context| Pin::new(&mut *self).poll_next(context)).await
    }

    pub(crate) fn close_in_the_end(mut self, device: crate::Pid) -> Pieces {
        self.closes = Some(device);
        self
    }
}

impl Stream for Pieces {
    type Item = Result<String, IoError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.ended {
            return Poll::Ready(None);
        }
        if self.reading.is_none() {
            let (place, wanted) = (self.place.clone(), self.wanted);
            self.reading = Some(Reading::text(place, "io::stream", String::new(), wanted));
        }
        let reading = self.reading.as_mut().expect("it was set just now");
        let read = ready!(Pin::new(reading).poll(context));
        self.reading = None;
        self.ended = !matches!(read, Ok(Some(_)));
        Poll::Ready(read.transpose())
    }
}

impl Drop for Pieces {
    fn drop(&mut self) {
        if let Some(device) = self.closes {
            super::serve::close_later(device);
        }
    }
}
