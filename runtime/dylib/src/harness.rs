//! The tests of a cell: each runs as a process of its own, one after the other.
//!
//! What a test has started with a link ends with it, and is gone before the next test begins, so that each can start
//! the same server under the same name.

use std::any::Any;
use std::fmt::{self, Debug, Write as _};
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use runtime::__private::text_of;
use runtime::process::{self, Down};
use runtime::{ExitReason, MonitorRef, Pid, kino};

/// The future of a test: `Err` says what was wrong.
type Running = Pin<Box<dyn Future<Output = Result<(), String>> + Send>>;

/// A function that was marked `#[test]`.
#[derive(Debug)]
pub struct Test {
    name: &'static str,
    ignored: bool,
    /// What its panic must say, if it is to panic.
    panics: Option<&'static str>,
    start: fn() -> Running,
}

impl Test {
    /// A test; `panics` is what its panic must say, if it is to panic.
    pub fn new(name: &'static str, ignored: bool, panics: Option<&'static str>, start: fn() -> Running) -> Test {
        Test {
            name,
            ignored,
            panics,
            start,
        }
    }
}

/// What a test returns.
pub trait TestOutcome {
    /// Whether that is a success; if not, why.
    ///
    /// # Errors
    ///
    /// What is wrong.
    fn verdict(self) -> Result<(), String>;
}

impl TestOutcome for () {
    fn verdict(self) -> Result<(), String> {
        Ok(())
    }
}

impl<E: Debug> TestOutcome for Result<(), E> {
    fn verdict(self) -> Result<(), String> {
        self.map_err(|error| format!("Err({error:?})"))
    }
}

/// Tests that failed: what a cell with such tests leaves with.
pub struct TestsFailed {
    names: Vec<&'static str>,
    of: usize,
}

impl Debug for TestsFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} of {} failed: {}",
            self.names.len(),
            tests(self.of),
            self.names.join(", ")
        )
    }
}

/// Runs tests in their order, and shows what came of them.
///
/// # Errors
///
/// The names of those that failed.
pub async fn run_tests(tests: Vec<Test>) -> Result<(), TestsFailed> {
    let mut results = Vec::with_capacity(tests.len());
    for test in &tests {
        let start = Instant::now();
        let verdict = if test.ignored { None } else { Some(run(test).await) };
        results.push(Outcome {
            name: test.name,
            verdict,
            took: start.elapsed(),
        });
    }
    kino::display(&table(&results));
    let mut names = Vec::new();
    for result in &results {
        if let Some(Err(wrong)) = &result.verdict {
            runtime::eprintln!("{} failed: {wrong}", result.name);
            names.push(result.name);
        }
    }
    if names.is_empty() {
        return Ok(());
    }
    Err(TestsFailed {
        names,
        of: results.len(),
    })
}

struct Outcome {
    name: &'static str,
    /// None for one that was ignored.
    verdict: Option<Result<(), String>>,
    took: Duration,
}

/// The process of a test, which does not outlive an interrupt.
struct Watched(Pid, MonitorRef);

impl Drop for Watched {
    fn drop(&mut self) {
        process::demonitor_flush(self.1);
        process::exit(self.0, ExitReason::Kill);
    }
}

async fn run(test: &Test) -> Result<(), String> {
    let (start, evaluator) = (test.start, runtime::me());
    let (pid, watched) = runtime::spawn_monitor(async move {
        let ended = guarded(start).await;
        let me = runtime::me();
        let linked = process::info(me).map(|info| info.links).unwrap_or_default();
        runtime::send(evaluator, Verdict { of: me, ended, linked });
        // Links survive a normal end.
        runtime::exit(ExitReason::Shutdown);
    });
    let _watched = Watched(pid, watched);
    let mut verdict = None;
    let ended = loop {
        runtime::receive! {
            given: Verdict if given.of == pid => verdict = Some(given),
            Down { monitor, reason, .. } if monitor == watched => break reason,
        }
    };
    let Some(verdict) = verdict else {
        return judge(test, Ended::Wrong(format!("its process ended: {ended}")));
    };
    gone(&verdict.linked).await;
    judge(test, verdict.ended)
}

/// Waits until these are gone; not for ever, since some may stay.
async fn gone(linked: &[Pid]) {
    let deadline = Instant::now() + runtime::secs(5);
    for &pid in linked {
        let watched = process::monitor(pid);
        runtime::receive! {
            Down { monitor, .. } if monitor == watched => (),
            after deadline.saturating_duration_since(Instant::now()) => (),
        }
        process::demonitor_flush(watched);
    }
}

#[derive(Debug)]
struct Verdict {
    of: Pid,
    ended: Ended,
    /// The links of its process.
    linked: Vec<Pid>,
}

#[derive(Debug)]
enum Ended {
    Well,
    Wrong(String),
    Panicked { message: String, location: String },
}

/// Runs a test to its end, and keeps its panic from becoming a crash, which would be reported as one.
async fn guarded(start: fn() -> Running) -> Ended {
    let mut running = None;
    poll_fn(|context| {
        let step = AssertUnwindSafe(|| running.get_or_insert_with(start).as_mut().poll(context));
        match catch_unwind(step) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(Ok(()))) => Poll::Ready(Ended::Well),
            Ok(Poll::Ready(Err(wrong))) => Poll::Ready(Ended::Wrong(wrong)),
            Err(payload) => Poll::Ready(unwound(payload)),
        }
    })
    .await
}

fn unwound(payload: Box<dyn Any + Send>) -> Ended {
    let payload = match process::exit_payload(payload) {
        Ok(reason) => return Ended::Wrong(format!("it exited: {reason}")),
        Err(payload) => payload,
    };
    match process::last_panic() {
        Some(panic) => Ended::Panicked {
            message: panic.message,
            location: panic.location,
        },
        None => Ended::Panicked {
            message: text_of(&*payload),
            location: String::new(),
        },
    }
}

fn judge(test: &Test, ended: Ended) -> Result<(), String> {
    match (ended, test.panics) {
        (Ended::Well, None) => Ok(()),
        (Ended::Well, Some(_)) => Err("it did not panic, as it should".to_owned()),
        (Ended::Panicked { message, .. }, Some(expected)) if message.contains(expected) => Ok(()),
        (Ended::Panicked { message, location }, Some(expected)) => Err(format!(
            "its panic should contain {expected:?}, but was {message:?}{}",
            at(&location)
        )),
        (Ended::Panicked { message, location }, None) => Err(format!("{message}{}", at(&location))),
        (Ended::Wrong(wrong), _) => Err(wrong),
    }
}

fn at(location: &str) -> String {
    if location.is_empty() {
        String::new()
    } else {
        format!("\n  at {location}")
    }
}

fn tests(count: usize) -> String {
    format!("{count} test{}", if count == 1 { "" } else { "s" })
}

fn table(results: &[Outcome]) -> kino::Bundle {
    let width = results
        .iter()
        .map(|result| result.name.chars().count())
        .max()
        .unwrap_or(0);
    let (mut text, mut rows) = (String::new(), String::new());
    let mut failed = 0;
    let mut ignored = 0;
    for Outcome { name, verdict, took } in results {
        let (sign, word) = match verdict {
            Some(Ok(())) => ("✓", "passed"),
            Some(Err(_)) => ("✗", "failed"),
            None => ("-", "ignored"),
        };
        failed += usize::from(word == "failed");
        ignored += usize::from(word == "ignored");
        let took = if verdict.is_some() {
            format!("{took:.1?}")
        } else {
            String::new()
        };
        // Writing to a string does not fail. A name is a Rust path, so nothing in it is markup.
        let _ = writeln!(text, "{}", format!("{sign} {name:width$}  {word:7}  {took}").trim_end());
        let _ = write!(
            rows,
            "<tr><td>{sign}</td><td><code>{name}</code></td><td>{word}</td><td>{took}</td></tr>"
        );
    }
    let mut sum = format!("{}, {failed} failed", tests(results.len()));
    if ignored > 0 {
        let _ = write!(sum, ", {ignored} ignored");
    }
    let html = format!(
        "<table><thead><tr><th></th><th>test</th><th>result</th><th>time</th></tr></thead>\
         <tbody>{rows}</tbody><caption>{sum}</caption></table>"
    );
    kino::Bundle::new()
        .with("text/html", html)
        .with("text/plain", text + &sum)
}
