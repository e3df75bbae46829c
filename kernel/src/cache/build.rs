//! Building the runtime for cells.

use std::fmt::Display;
use std::fs;
use std::io::{BufReader, IsTerminal as _, Read};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use indicatif::{ProgressBar as Bar, ProgressStyle};

use super::library::Features;
use super::{Toolchain, copy, sources};

/// How far a build is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress<'a> {
    /// Another crabtree is building the same thing.
    Waiting,
    /// So many crates of so many are compiled; these are being compiled.
    Compiled(u64, u64, &'a str),
    /// The build is complete.
    Done,
}

/// Something that hears how far a build is.
pub(crate) trait Report {
    /// Called at every change.
    fn report(&mut self, progress: Progress<'_>);
}

impl<F: FnMut(Progress<'_>)> Report for F {
    fn report(&mut self, progress: Progress<'_>) {
        self(progress);
    }
}

/// A progress bar on standard error; lines where that is no terminal.
#[derive(Debug, Default)]
pub(super) struct ProgressBar {
    bar: Option<Bar>,
}

impl Report for ProgressBar {
    fn report(&mut self, progress: Progress<'_>) {
        let terminal = std::io::stderr().is_terminal();
        let first = self.bar.is_none();
        let bar = self.bar.get_or_insert_with(|| {
            let style = ProgressStyle::with_template("{prefix} [{bar:24}] {pos}/{len} {msg}")
                .map(|style| style.progress_chars("=> "));
            Bar::new(0)
                .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
                .with_prefix("Building the runtime for cells")
        });
        if first && !terminal {
            eprintln!("Building the runtime for cells (once per version; takes a minute or two)");
        }
        match progress {
            Progress::Waiting => {
                bar.set_message("waiting for another crabtree that builds it");
                if !terminal {
                    eprintln!("Waiting for another crabtree that builds it");
                }
            }
            Progress::Compiled(done, total, current) => {
                bar.set_length(total);
                bar.set_position(done);
                bar.set_message(current.to_owned());
            }
            Progress::Done => {
                bar.finish_and_clear();
                eprintln!("The runtime for cells is built");
            }
        }
    }
}

/// Dependencies are optimised although cells are not, and cells have line numbers, for backtraces, although evcxr asks for
/// none. Found by cargo because it lies above both the template and a session's crate.
pub(super) const CARGO_CONFIG: &str = r#"
[profile.dev]
debug = "line-tables-only"
strip = "none"

[profile.dev.package."*"]
opt-level = 3
debug = false
"#;

/// The manifest of a cell's crate as evcxr 0.22.0 writes it: cargo must take what is compiled with
/// it as compiled with evcxr's.
pub(super) fn template_manifest<N: Display, C: Display>(dependencies: impl IntoIterator<Item = (N, C)>) -> String {
    let dependencies: String = (dependencies.into_iter())
        .map(|(name, config)| format!("{name} = {config}\n"))
        .collect();
    format!(
        r#"
[package]
name = "ctx"
version = "1.0.0"
edition = "2024"

[lib]
crate-type = ["cdylib"]
path = "src/lib.rs"

[profile.dev]
opt-level = 0
debug = false
strip = "debuginfo"
rpath = true
lto = false
debug-assertions = true
codegen-units = 16
panic = 'unwind'
incremental = true
overflow-checks = true

[dependencies]
{dependencies}
"#
    )
}

/// Builds everything into `dir`, taking over from `seed` what was compiled there. `features` are switched on.
pub(super) fn build(
    dir: &Path,
    toolchain: &Toolchain,
    seed: Option<&Path>,
    features: &Features,
    report: &mut dyn Report,
) -> Result<()> {
    let template = dir.join("template");
    if let Some(seed) = seed.filter(|_| !template.join("target").exists()) {
        // Only time is lost if this does not work.
        let _ = copy::copy_tree(&seed.join("target"), &template.join("target"), &of_this_version);
    }
    prepare(dir, toolchain, features, report)?;
    link_library(dir, &toolchain.library_sources())?;
    // evcxr has cargo check a cell that keeps a variable of a type that it cannot find out: the first mistake of many. That
    // needs the library in another form.
    for command in ["build", "check"] {
        cargo(&template, toolchain, &[command, "--target", &toolchain.target], report)?;
    }
    Ok(())
}

/// Writes to `dir` what is built there, and has cargo fetch what it needs.
pub(super) fn prepare(dir: &Path, toolchain: &Toolchain, features: &Features, report: &mut dyn Report) -> Result<()> {
    let sources = dir.join("sources");
    let template = dir.join("template");
    sources::write(&sources, None, features)?;
    fs::create_dir_all(dir.join(".cargo"))?;
    fs::write(dir.join(".cargo/config.toml"), CARGO_CONFIG)?;
    fs::create_dir_all(template.join("src"))?;
    fs::write(
        template.join("src/lib.rs"),
        "pub use crabtree as _;\npub use tokio as _;\n",
    )?;
    fs::write(
        template.join("Cargo.toml"),
        template_manifest(sources::dependencies(&sources)),
    )?;
    let file = template.join("Cargo.lock");
    fs::write(&file, sources::lock_file())?;
    // evcxr has cargo describe the dependencies for all platforms, which needs them all to be here.
    cargo(&template, toolchain, &["fetch"], report)?;
    let mut lock = fs::read_to_string(&file)?;
    loop {
        sources::write(&sources, Some(&lock), features)?;
        cargo(&template, toolchain, &["fetch"], report)?;
        // A feature may need packages that the library did not have, whose versions have to be fixed too.
        let now = fs::read_to_string(&file)?;
        if now == lock {
            return Ok(());
        }
        lock = now;
    }
}

/// The crates of the standard library that rust-analyzer needs to name the types of variables.
/// Without a manifest beside them, it does not ask cargo about them.
const LIBRARY: [&str; 8] = [
    "alloc",
    "core",
    "panic_abort",
    "panic_unwind",
    "proc_macro",
    "std",
    "std_detect",
    "unwind",
];

/// Puts the sources of the standard library, and an empty one, beside the template.
fn link_library(dir: &Path, sources: &Path) -> Result<()> {
    let library = dir.join("library");
    fs::create_dir_all(&library)?;
    for name in LIBRARY {
        let link = library.join(name);
        // One that is there may lead to a toolchain that is no more.
        let _ = fs::remove_file(&link);
        std::os::unix::fs::symlink(sources.join(name), &link)
            .with_context(|| format!("cannot make {}", link.display()))?;
    }
    let empty = dir.join("no-library/core/src");
    fs::create_dir_all(&empty)?;
    fs::write(empty.join("lib.rs"), "")?;
    Ok(())
}

/// Names of files that belong to one version of the runtime and not to its dependencies.
fn of_this_version(name: &str) -> bool {
    name.contains("crabtree") || name.contains("ctx") || name == "incremental" || name == ".cargo-lock"
}

fn cargo(template: &Path, toolchain: &Toolchain, arguments: &[&str], report: &mut dyn Report) -> Result<()> {
    let mut cargo = Command::new(&toolchain.cargo)
        .args(arguments)
        .current_dir(template)
        // As evcxr calls it.
        .env("CARGO_TARGET_DIR", "target")
        .env("CARGO_BUILD_BUILD_DIR", "target")
        .env("RUSTC", &toolchain.rustc)
        .env("RUSTFLAGS", "-Cprefer-dynamic")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        // Progress in a form that can be read.
        .env("CARGO_TERM_PROGRESS_WHEN", "always")
        .env("CARGO_TERM_PROGRESS_WIDTH", "120")
        .env("CARGO_TERM_COLOR", "never")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot run {}", toolchain.cargo.display()))?;

    let stderr = cargo.stderr.take().context("cargo's standard error is piped")?;
    let mut log = String::new();
    let mut line = Vec::new();
    for byte in BufReader::new(stderr).bytes() {
        match byte? {
            b'\r' | b'\n' => {
                let text = String::from_utf8_lossy(&line).into_owned();
                line.clear();
                match parse_progress(&text) {
                    Some((done, total, current)) => report.report(Progress::Compiled(done, total, current)),
                    None if text.trim().is_empty() => {}
                    None => {
                        log.push_str(text.trim_end());
                        log.push('\n');
                    }
                }
            }
            byte => line.push(byte),
        }
    }
    if !cargo.wait()?.success() {
        bail!(
            "the runtime for cells does not build; `cargo {}` says:\n{log}",
            arguments.join(" ")
        );
    }
    Ok(())
}

/// Reads `Building [====>   ] 12/41: tokio, parking_lot`.
fn parse_progress(line: &str) -> Option<(u64, u64, &str)> {
    let (_, rest) = line.split_once("Building [")?;
    let (_, rest) = rest.split_once("] ")?;
    let (counts, current) = rest.split_once(':').unwrap_or((rest, ""));
    let (done, total) = counts.trim().split_once('/')?;
    Some((done.parse().ok()?, total.parse().ok()?, current.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargos_progress_is_understood() {
        let line = "    Building [======>                  ] 12/41: tokio, parking_lot(build)   ";
        assert_eq!(parse_progress(line), Some((12, 41, "tokio, parking_lot(build)")));
        assert_eq!(parse_progress("    Building [=>     ] 3/9"), Some((3, 9, "")));
        assert_eq!(parse_progress("   Compiling tokio v1.54.1"), None);
    }

    #[test]
    fn what_depends_on_the_version_is_not_taken_over() {
        for name in [
            "libcrabtree.so",
            "crabtree-0123",
            "libctx.so",
            "crabtree_link-01.d",
            "incremental",
        ] {
            assert!(of_this_version(name), "{name}");
        }
        for name in ["libtokio-0123.rlib", "deps", ".fingerprint", "debug"] {
            assert!(!of_this_version(name), "{name}");
        }
    }
}
