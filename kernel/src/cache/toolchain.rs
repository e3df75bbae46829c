//! The Rust toolchain that compiles cells.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::write_whole;

/// The tools as evcxr finds them, by the same rules: what is built ahead must be what evcxr would build.
#[derive(Clone, Debug)]
pub struct Toolchain {
    /// The cargo binary.
    pub(crate) cargo: PathBuf,
    /// The rustc binary, not rustup's proxy where that can be told.
    pub(crate) rustc: PathBuf,
    /// What `rustc -vV` says.
    pub(crate) version: String,
    /// The host's target, as `x86_64-unknown-linux-gnu`.
    pub target: String,
    /// Where the toolchain is.
    pub(crate) sysroot: PathBuf,
    /// Where the standard library is as a shared library.
    pub(crate) libraries: PathBuf,
}

/// What a rustc says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Said {
    version: String,
    sysroot: PathBuf,
    libraries: PathBuf,
}

/// What a rustc has said, which holds as long as its file is the same.
#[derive(Debug, Serialize, Deserialize)]
struct Remembered {
    /// Its inode, its length, and when it was changed.
    file_is: (u64, u64, SystemTime),
    said: Said,
}

impl Toolchain {
    /// Finds the toolchain.
    ///
    /// # Errors
    ///
    /// If cargo or rustc is missing or does not run; the message says what to install.
    pub fn find() -> Result<Toolchain> {
        let (rustc, said, cargo) = match of_rustup("rustc") {
            // The same program for ever: a proxy would go by the directory.
            Some(rustc) => {
                let said = match super::root() {
                    Ok(root) => Said::remembered(&rustc, &root.join("toolchains"), || Said::ask(&rustc))?,
                    Err(_) => Said::ask(&rustc)?,
                };
                let beside = Some(rustc.with_file_name("cargo")).filter(|cargo| cargo.is_file());
                (rustc, said, beside.or_else(|| of_rustup("cargo")))
            }
            None => {
                let rustc = find_in_path("rustc")?;
                let said = Said::ask(&rustc)?;
                (rustc, said, None)
            }
        };
        let cargo = cargo.map_or_else(|| find_in_path("cargo"), Ok)?;
        let Said {
            version,
            sysroot,
            libraries,
        } = said;
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
            sysroot,
            libraries,
        })
    }

    /// The first line of `rustc -vV`.
    pub(crate) fn release(&self) -> &str {
        self.version.lines().next().unwrap_or_default()
    }

    /// Where the standard library's sources should be.
    pub(crate) fn library_sources(&self) -> PathBuf {
        self.sysroot.join("lib/rustlib/src/rust/library")
    }
}

impl Said {
    fn ask(rustc: &Path) -> Result<Said> {
        let version = output(rustc, &["-vV"])?;
        let places = output(rustc, &["--print", "sysroot", "--print", "target-libdir"])?;
        let (sysroot, libraries) = places
            .trim()
            .split_once('\n')
            .with_context(|| format!("`{}` does not say where it is:\n{places}", rustc.display()))?;
        Ok(Said {
            version,
            sysroot: sysroot.into(),
            libraries: libraries.into(),
        })
    }

    /// What `rustc` says; asks it only if it has not said so before, which is noted in `dir`.
    fn remembered(rustc: &Path, dir: &Path, ask: impl FnOnce() -> Result<Said>) -> Result<Said> {
        let metadata = fs::metadata(rustc).with_context(|| format!("cannot find {}", rustc.display()))?;
        let file_is = (metadata.ino(), metadata.len(), metadata.modified()?);
        let name = crate::hex::encode(&Sha256::digest(rustc.as_os_str().as_encoded_bytes())[..8]);
        let file = dir.join(name + ".json");
        let known: Option<Remembered> = fs::read(&file)
            .ok()
            .and_then(|known| serde_json::from_slice(&known).ok());
        if let Some(known) = known.filter(|known| known.file_is == file_is) {
            return Ok(known.said);
        }
        let said = ask()?;
        let remembered = Remembered {
            file_is,
            said: said.clone(),
        };
        // What cannot be noted is asked again.
        let _ = fs::create_dir_all(dir).and_then(|()| write_whole(&file, &serde_json::to_vec(&remembered)?));
        Ok(said)
    }
}

/// The tool that rustup would run here.
fn of_rustup(name: &str) -> Option<PathBuf> {
    let path = output("rustup", &["which", name]).ok()?;
    Some(PathBuf::from(path.trim()))
}

fn find_in_path(name: &str) -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut found = std::env::split_paths(&path).map(|dir| dir.join(name));
    match found.find(|candidate| candidate.is_file()) {
        Some(path) => Ok(path),
        None => bail!("`{name}` is not on PATH; cells are compiled with it. Install Rust from https://rustup.rs"),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_compiler_is_asked_once_until_there_is_another_in_its_place() {
        let dir = tempfile::tempdir().unwrap();
        let (rustc, notes) = (dir.path().join("rustc"), dir.path().join("notes"));
        for version in ["one", "eleven"] {
            fs::write(&rustc, version).unwrap();
            let said = Said {
                version: version.to_owned(),
                sysroot: "/t".into(),
                libraries: "/t/lib".into(),
            };
            let mut asked = 0;
            for _ in 0..2 {
                let heard = Said::remembered(&rustc, &notes, || {
                    asked += 1;
                    Ok(said.clone())
                });
                assert_eq!(heard.unwrap(), said);
            }
            assert_eq!(asked, 1, "{version}");
        }
        fs::remove_file(&rustc).unwrap();
        assert!(Said::remembered(&rustc, &notes, || bail!("nobody is there")).is_err());
    }
}
