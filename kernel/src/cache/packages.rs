//! The packages that a session compiles with, for those who read their sources.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::{Toolchain, describe};

/// The packages of a session.
#[derive(Clone, Debug)]
pub(crate) struct Packages {
    /// Where they are described; none if cargo has to be asked.
    description: Option<PathBuf>,
    library: PathBuf,
    crate_dir: PathBuf,
    toolchain: Toolchain,
}

impl Packages {
    /// Those that every session begins with.
    pub(super) fn prepared(
        description: PathBuf,
        library: PathBuf,
        crate_dir: PathBuf,
        toolchain: Toolchain,
    ) -> Packages {
        Packages {
            description: Some(description),
            library,
            crate_dir,
            toolchain,
        }
    }

    /// The same session after its dependencies may have changed.
    pub(crate) fn changed(&self) -> Packages {
        Packages {
            description: None,
            ..self.clone()
        }
    }

    /// What cargo says of them.
    pub(crate) fn metadata(&self) -> Result<Value> {
        match &self.description {
            Some(file) => {
                let text = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
                Ok(serde_json::from_slice(&text)?)
            }
            // What cells compile with is on this machine.
            None => describe::metadata(&self.crate_dir, &self.toolchain, &["--offline"]),
        }
    }

    /// The session's crate.
    pub(crate) fn crate_dir(&self) -> &Path {
        &self.crate_dir
    }

    /// The standard library's sources.
    pub(crate) fn library(&self) -> &Path {
        &self.library
    }

    /// The toolchain's directory.
    pub(crate) fn sysroot(&self) -> Result<PathBuf> {
        self.toolchain.sysroot()
    }
}
