//! `crabtree run`: executes notebooks through the real kernel and writes what came of it.
//!
//! # Layout
//!
//! - [`notebook`]: the file. [`outputs`]: what messages make of a cell's outputs.
//! - [`client`]: a kernel as a child process, and the talk with it.
//! - [`execute`]: cell by cell, with [`progress`]; [`failure`] tells why a run ended early.
//! - [`html`]: an executed notebook as a page.

mod client;
mod execute;
mod failure;
mod html;
mod notebook;
mod outputs;
mod progress;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::signal::unix::{SignalKind, signal};

use self::client::Client;
use self::execute::Limits;
use self::failure::{Cause, Failure};
use self::notebook::Notebook;
use self::progress::Progress;
use crate::{cache, compare};

/// The status of a process that Ctrl-C ended, by custom.
const INTERRUPTED: u8 = 130;

/// What to execute, and where the results go.
#[derive(clap::Args, Debug)]
pub(crate) struct RunOptions {
    /// The notebooks, each executed in a kernel of its own that runs in the notebook's directory.
    #[arg(required = true, value_name = "NOTEBOOK")]
    notebooks: Vec<PathBuf>,
    /// Write NAME.ipynb (and NAME.html) to DIR instead; the notebook's own directory executes it in place.
    #[arg(long, value_name = "DIR")]
    output_dir: Option<PathBuf>,
    /// Write a page as well: one file that needs neither network nor scripts.
    #[arg(long)]
    html: bool,
    /// Compare the outputs with those that the notebook holds, and fail if they differ. Nothing is written, unless
    /// --output-dir says where.
    #[arg(long)]
    check: bool,
    /// Go on after cells that fail, and end with success.
    #[arg(long)]
    allow_errors: bool,
    /// Interrupt a cell that takes longer than this many seconds, and fail.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    timeout: Option<Duration>,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "it is not a number of seconds".to_owned())?;
    if seconds > 0.0 {
        Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
    } else {
        Err("it must be more than 0".to_owned())
    }
}

/// Executes the notebooks. The status is that of the first one that failed.
///
/// # Errors
///
/// A notebook cannot be read, or a result cannot be written.
pub(crate) fn run(options: &RunOptions) -> anyhow::Result<ExitCode> {
    let targets = targets(options)?;
    // All are checked before the first one runs.
    let notebooks = options
        .notebooks
        .iter()
        .map(|path| Notebook::read(path))
        .collect::<anyhow::Result<Vec<_>>>()?;
    cache::ensure(true)?;
    let runtime = tokio::runtime::Runtime::new().context("cannot start the threads of the runner")?;
    let mut status = ExitCode::SUCCESS;
    for ((path, notebook), target) in options.notebooks.iter().zip(notebooks).zip(&targets) {
        let Some(failure) = runtime.block_on(run_one(path, notebook, target, options, &mut status))? else {
            continue;
        };
        let report = failure.report(&path.display().to_string());
        let report = if console::colors_enabled_stderr() {
            report
        } else {
            console::strip_ansi_codes(&report).into()
        };
        eprintln!("\n{report}");
        if failure.cause == Cause::Interrupted {
            return Ok(ExitCode::from(INTERRUPTED));
        }
        status = ExitCode::FAILURE;
    }
    Ok(status)
}

async fn run_one(
    path: &Path,
    mut notebook: Notebook,
    target: &Path,
    options: &RunOptions,
    status: &mut ExitCode,
) -> anyhow::Result<Option<Failure>> {
    let name = path.display().to_string();
    let directory = directory_of(path)?;
    let limits = Limits {
        timeout: options.timeout,
        allow_errors: options.allow_errors,
    };
    let progress = Progress::start(&name, notebook.executable().count());
    let mut ctrl_c = signal(SignalKind::interrupt()).context("cannot listen to Ctrl-C")?;
    let started = tokio::select! {
        started = Client::start(&directory) => started.map_err(|error| Failure::of_kernel(format!("{error:#}"))),
        _ = ctrl_c.recv() => Err(Failure::before_cells(Cause::Interrupted)),
    };
    let client = match started {
        Ok(client) => client,
        // Nothing was executed, so nothing is written.
        Err(failure) => return Ok(Some(failure)),
    };
    let failure = execute::execute(&mut notebook, client, ctrl_c, limits, &progress).await;
    drop(progress);
    let executed = notebook.to_json();
    if options.check && failure.is_none() {
        let found = compare::with_saved(path, &executed)?;
        if compare::report(path, &found) != ExitCode::SUCCESS {
            *status = ExitCode::FAILURE;
        }
    }
    if options.check && options.output_dir.is_none() {
        return Ok(failure);
    }
    write(target, &executed)?;
    if options.html {
        let page = html::page(&notebook, &file_stem(path), &directory);
        write(&target.with_extension("html"), &page)?;
    }
    Ok(failure)
}

/// Where each notebook's result goes.
fn targets(options: &RunOptions) -> anyhow::Result<Vec<PathBuf>> {
    if let Some(directory) = &options.output_dir {
        std::fs::create_dir_all(directory).with_context(|| format!("cannot make {}", directory.display()))?;
    }
    let mut taken = HashSet::new();
    let mut targets = Vec::new();
    for notebook in &options.notebooks {
        let target = target(notebook, options.output_dir.as_deref());
        if !taken.insert(target.clone()) {
            bail!("two notebooks would be written to {}; run them apart", target.display());
        }
        targets.push(target);
    }
    Ok(targets)
}

fn target(notebook: &Path, output_dir: Option<&Path>) -> PathBuf {
    match output_dir {
        Some(directory) => directory.join(format!("{}.ipynb", file_stem(notebook))),
        None => notebook.with_file_name(format!("{}.executed.ipynb", file_stem(notebook))),
    }
}

fn file_stem(path: &Path) -> String {
    path.file_stem()
        .map(|stem| stem.to_string_lossy().into_owned())
        .unwrap_or_default()
}

fn directory_of(path: &Path) -> anyhow::Result<PathBuf> {
    let path = path
        .canonicalize()
        .with_context(|| format!("cannot find {}", path.display()))?;
    Ok(path.parent().map(Path::to_owned).unwrap_or_default())
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    eprintln!("wrote {}", path.display());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_go_beside_the_notebook_or_into_the_directory_asked_for() {
        assert_eq!(target(Path::new("a/b.ipynb"), None), Path::new("a/b.executed.ipynb"));
        assert_eq!(
            target(Path::new("a/b.ipynb"), Some(Path::new("out"))),
            Path::new("out/b.ipynb")
        );
        assert_eq!(
            target(Path::new("a/b.ipynb"), None).with_extension("html"),
            Path::new("a/b.executed.html")
        );
    }

    #[test]
    fn a_timeout_is_a_positive_number_of_seconds() {
        assert_eq!(seconds("1.5"), Ok(Duration::from_millis(1500)));
        for wrong in ["", "0", "-1", "soon", "inf", "NaN"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }
}
