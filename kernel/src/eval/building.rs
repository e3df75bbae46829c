//! What is compiled while a cell waits for its dependencies.

use std::collections::HashSet;
use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use super::StreamName;
use super::link::Link;

/// How often is looked what is compiled.
const PERIOD: Duration = Duration::from_millis(200);

/// Builds, and tells the reader of the running cell which dependencies are compiled meanwhile, each once.
pub(super) fn told<T>(link: &Link, crate_dir: &Path, build: impl FnOnce() -> T) -> T {
    let (building, built) = mpsc::channel::<()>();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let mut seen = HashSet::new();
            while built.recv_timeout(PERIOD) == Err(RecvTimeoutError::Timeout) {
                for package in compiling(crate_dir) {
                    if seen.insert(package.clone()) {
                        link.print(StreamName::Stderr, format!("Compiling {package}\n"));
                    }
                }
            }
        });
        let result = build();
        drop(building);
        result
    })
}

/// The packages that are being compiled for the crate in that directory, with their versions.
#[cfg(target_os = "linux")]
fn compiling(crate_dir: &Path) -> Vec<String> {
    let Some(target) = crate_dir.join("target").to_str().map(str::to_owned) else {
        return Vec::new();
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
fn compiling(_crate_dir: &Path) -> Vec<String> {
    Vec::new()
}
