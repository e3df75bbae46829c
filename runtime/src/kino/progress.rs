//! How far long work is.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::Stream;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::compose::escaped;
use super::thinned::{Latest, Thinned};
use super::{Bundle, Render};

/// Shows a bar for work of `total` steps, which any thread may do; 0 if nobody knows how many.
///
/// # Examples
///
/// ```
/// # crabtree::run(async {
/// use crabtree::prelude::*;
///
/// let progress = kino::progress(200);
/// for _ in 0..200 {
///     progress.inc(1);
/// }
/// assert!(progress.to_string().ends_with("100% · 200/200 · 0 s"), "{progress}");
///
/// let sum: u64 = kino::progress(1000).over(0..1000u64).sum();
/// assert_eq!(sum, 499_500);
/// # });
/// ```
///
/// A bar is drawn anew 20 times a second at most, or once a second where outputs cannot be replaced; where it stands at
/// the end is always shown.
pub fn progress(total: usize) -> Progress {
    let work = Arc::new(Work {
        begun: Instant::now(),
        done: AtomicUsize::new(0),
        total: AtomicUsize::new(total),
        message: Mutex::default(),
    });
    let seen = work.clone();
    let latest: Latest = Arc::new(move || seen.render());
    let output = Thinned::new();
    output.show_latest(&latest);
    Progress { work, output, latest }
}

/// What [`progress`] returns. Clones mean the same work.
#[derive(Clone)]
pub struct Progress {
    work: Arc<Work>,
    output: Thinned,
    latest: Latest,
}

struct Work {
    begun: Instant,
    done: AtomicUsize,
    total: AtomicUsize,
    message: Mutex<String>,
}

impl Progress {
    /// So many steps more are done.
    pub fn inc(&self, steps: usize) {
        self.work.done.fetch_add(steps, Ordering::Relaxed);
        self.output.show_latest(&self.latest);
    }

    /// So many steps are done.
    pub fn set(&self, done: usize) {
        self.work.done.store(done, Ordering::Relaxed);
        self.output.show_latest(&self.latest);
    }

    /// There are so many steps.
    pub fn set_total(&self, total: usize) {
        self.work.total.store(total, Ordering::Relaxed);
        self.output.show_latest(&self.latest);
    }

    /// Says what is being done.
    pub fn message(&self, message: impl Into<String>) {
        *self.work.message.lock() = message.into();
        self.output.show_latest(&self.latest);
    }

    /// An iterator or a stream that does a step whenever it gives something.
    pub fn over<I>(self, inner: I) -> Over<I> {
        Over { inner, progress: self }
    }
}

/// What [`Progress::over`] returns: an iterator over an iterator, and a stream over a stream.
pub struct Over<I> {
    inner: I,
    progress: Progress,
}

impl<I: Iterator> Iterator for Over<I> {
    type Item = I::Item;

    fn next(&mut self) -> Option<I::Item> {
        let next = self.inner.next();
        next.inspect(|_| self.progress.inc(1))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.inner.size_hint()
    }
}

impl<S: Stream + Unpin> Stream for Over<S> {
    type Item = S::Item;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let next = Pin::new(&mut self.inner).poll_next(context);
        if let Poll::Ready(Some(_)) = next {
            self.progress.inc(1);
        }
        next
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.inner.size_hint()
    }
}

impl<I> fmt::Debug for Over<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Over").field(&self.progress).finish()
    }
}

const WIDTH: usize = 24;

impl Work {
    fn render(&self) -> Bundle {
        let (done, total) = self.steps();
        let mut html = String::new();
        if total > 0 {
            html.push_str(&format!("<progress value=\"{done}\" max=\"{total}\"></progress> "));
        }
        html.push_str(&escaped(&self.words()));
        Bundle::new()
            .with("text/html", html)
            .with("text/plain", self.to_string())
    }

    fn steps(&self) -> (usize, usize) {
        (self.done.load(Ordering::Relaxed), self.total.load(Ordering::Relaxed))
    }

    /// `62% · 124/200 · 3 s, 2 s left · parsing`
    fn words(&self) -> String {
        let (done, total) = self.steps();
        let elapsed = self.begun.elapsed();
        let mut words = match total {
            0 => done.to_string(),
            _ => format!("{}% · {done}/{total}", (done as u128 * 100) / total as u128),
        };
        words.push_str(&format!(" · {}", duration(elapsed)));
        if (1..total).contains(&done) {
            let left = elapsed.as_secs_f64() * (total - done) as f64 / done as f64;
            words.push_str(&format!(", {} left", duration(Duration::from_secs_f64(left))));
        }
        let message = self.message.lock();
        if !message.is_empty() {
            words.push_str(" · ");
            words.push_str(&message);
        }
        words
    }
}

fn duration(duration: Duration) -> String {
    match duration.as_secs() {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7200 => format!("{} min", seconds / 60),
        seconds => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
    }
}

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (done, total) = self.steps();
        if total > 0 {
            let full = (done.min(total) as u128 * WIDTH as u128 / total as u128) as usize;
            write!(f, "{}{} ", "█".repeat(full), "░".repeat(WIDTH - full))?;
        }
        f.write_str(&self.words())
    }
}

/// A copy of the bar as it is now.
impl Render for Progress {
    fn render(&self) -> Bundle {
        self.work.render()
    }
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.work, f)
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.work, f)
    }
}
