//! What is compiled while a cell waits for its dependencies.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::sync::mpsc::UnboundedSender;

use super::{CellId, Event, MimeBundle};

/// How often is looked what is compiled.
const PERIOD: Duration = Duration::from_millis(200);

/// Where the reader of a cell sees what it adds: an output that is the same each time the cell has run.
pub(super) struct Report {
    pub(super) events: UnboundedSender<Event>,
    pub(super) cell: CellId,
    /// The packages that it adds, with their versions.
    pub(super) added: Vec<String>,
}

impl Report {
    fn show(&self, text: String, update: bool) {
        let CellId(number) = self.cell;
        // Nobody listens any more only when the kernel is ending.
        let _ = self.events.send(Event::Display {
            cell: self.cell,
            data: MimeBundle::from_iter([("text/plain".to_owned(), Value::String(text))]),
            metadata: Map::new(),
            display_id: Some(format!("crabtree-packages-{number}")),
            update,
        });
    }

    /// What is left when all is compiled.
    fn done(&self) -> String {
        self.added.join("\n")
    }
}

/// Builds, and tells the reader of the running cell meanwhile what is compiled.
pub(super) fn told<T>(report: &Report, crate_dir: &Path, build: impl FnOnce() -> T) -> T {
    if report.added.is_empty() {
        // Cargo does not know them, and evcxr is about to say so.
        return build();
    }
    report.show(report.done(), false);
    let (building, built) = mpsc::channel::<()>();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let (mut seen, mut last) = (BTreeSet::new(), BTreeSet::new());
            while built.recv_timeout(PERIOD) == Err(RecvTimeoutError::Timeout) {
                let now = compiling(crate_dir);
                if now != last {
                    seen.extend(now.iter().cloned());
                    last = now;
                    report.show(progress(report, &last, seen.len()), true);
                }
            }
            if !seen.is_empty() {
                report.show(report.done(), true);
            }
        });
        let result = build();
        drop(building);
        result
    })
}

fn progress(report: &Report, now: &BTreeSet<String>, count: usize) -> String {
    let now: Vec<&str> = now.iter().map(String::as_str).collect();
    match &*now {
        [] => report.done(),
        now => format!("{}\nCompiling {} ({count})", report.done(), now.join(", ")),
    }
}

/// The packages that are being compiled for the crate in that directory, with their versions.
#[cfg(target_os = "linux")]
fn compiling(crate_dir: &Path) -> BTreeSet<String> {
    let Some(target) = crate_dir.join("target").to_str().map(str::to_owned) else {
        return BTreeSet::new();
    };
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    processes
        .filter_map(|process| {
            let command = std::fs::read_to_string(process.path().join("cmdline")).ok()?;
            if !command.contains("--crate-name\0") || !command.contains(&target) {
                return None;
            }
            // Cargo tells rustc the package by these.
            let environment = std::fs::read_to_string(process.path().join("environ")).ok()?;
            let value = |name: &str| environment.split('\0').find_map(|variable| variable.strip_prefix(name));
            let name = value("CARGO_PKG_NAME=").filter(|name| *name != "ctx")?;
            Some(format!("{name} {}", value("CARGO_PKG_VERSION=")?))
        })
        .collect()
}

/// Elsewhere nobody is told.
#[cfg(not(target_os = "linux"))]
fn compiling(_crate_dir: &Path) -> BTreeSet<String> {
    BTreeSet::new()
}
