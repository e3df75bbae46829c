//! The Rust toolchain that compiles cells.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

/// The tools as evcxr finds them, by the same rules: what is built ahead must be what evcxr would build.
#[derive(Clone, Debug)]
pub(crate) struct Toolchain {
    /// The cargo binary.
    pub(crate) cargo: PathBuf,
    /// The rustc binary, not rustup's proxy where that can be told.
    pub(crate) rustc: PathBuf,
    /// What `rustc -vV` says.
    pub(crate) version: String,
    /// The host's target, as `x86_64-unknown-linux-gnu`.
    pub(crate) target: String,
}

impl Toolchain {
    /// Finds the toolchain.
    ///
    /// # Errors
    ///
    /// If cargo or rustc is missing or does not run; the message says what to install.
    pub(crate) fn find() -> Result<Toolchain> {
        let cargo = tool("cargo")?;
        let rustc = tool("rustc")?;
        let version = output(&rustc, &["-vV"])?;
        let target = version
            .lines()
            .find_map(|line| line.strip_prefix("host: "))
            .with_context(|| format!("`{} -vV` names no host:\n{version}", rustc.display()))?
            .to_owned();
        Ok(Toolchain {
            cargo,
            rustc,
            version,
            target,
        })
    }

    /// The first line of `rustc -vV`.
    pub(crate) fn release(&self) -> &str {
        self.version.lines().next().unwrap_or_default()
    }

    /// Where the standard library is as a shared library.
    pub(crate) fn libraries(&self) -> Result<PathBuf> {
        Ok(PathBuf::from(
            output(&self.rustc, &["--print", "target-libdir"])?.trim(),
        ))
    }

    /// Where the standard library's sources should be.
    pub(crate) fn library_sources(&self) -> Result<PathBuf> {
        Ok(self.sysroot()?.join("lib/rustlib/src/rust/library"))
    }

    /// Where the toolchain is.
    pub(crate) fn sysroot(&self) -> Result<PathBuf> {
        Ok(PathBuf::from(output(&self.rustc, &["--print", "sysroot"])?.trim()))
    }
}

fn tool(name: &str) -> Result<PathBuf> {
    if let Ok(path) = output("rustup", &["which", name]) {
        return Ok(PathBuf::from(path.trim()));
    }
    match find_in_path(name) {
        Some(path) => Ok(path),
        None => bail!("`{name}` is not on PATH; cells are compiled with it. Install Rust from https://rustup.rs"),
    }
}

fn find_in_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|dir| dir.join(name))
        .find(|candidate| candidate.is_file())
}

fn output(program: impl AsRef<OsStr>, arguments: &[&str]) -> Result<String> {
    let program = program.as_ref();
    let shown = || format!("{} {}", program.display(), arguments.join(" "));
    let output = Command::new(program)
        .args(arguments)
        .output()
        .with_context(|| format!("cannot run `{}`", shown()))?;
    if !output.status.success() {
        bail!(
            "`{}` failed:\n{}",
            shown(),
            String::from_utf8_lossy(&output.stderr).trim_end()
        );
    }
    String::from_utf8(output.stdout).with_context(|| format!("`{}` printed something that is not text", shown()))
}
