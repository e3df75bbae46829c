//! The packages that a session compiles with, for those who read their sources.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::{CELLS, Toolchain, describe};

/// A package on this machine that is no part of the session itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LocalPackage {
    /// What cargo calls it.
    pub(crate) id: String,
    /// Where it is.
    pub(crate) directory: PathBuf,
}

/// The packages of a session.
#[derive(Clone, Debug)]
pub(crate) struct Packages {
    /// Where those are described that every session begins with.
    prepared: PathBuf,
    /// Whether there are others, so that cargo has to be asked.
    changed: bool,
    library: PathBuf,
    crate_dir: PathBuf,
    toolchain: Toolchain,
}

impl Packages {
    /// Those that every session begins with.
    pub(super) fn prepared(prepared: PathBuf, library: PathBuf, crate_dir: PathBuf, toolchain: Toolchain) -> Packages {
        Packages {
            prepared,
            changed: false,
            library,
            crate_dir,
            toolchain,
        }
    }

    /// The same session after its dependencies may have changed.
    pub(crate) fn changed(&self) -> Packages {
        Packages {
            changed: true,
            ..self.clone()
        }
    }

    /// Whether cargo has to be asked about them.
    pub(crate) fn are_changed(&self) -> bool {
        self.changed
    }

    /// Where is kept what cells became that have nothing but what every session begins with; none if there is more.
    pub(crate) fn cells(&self) -> Option<PathBuf> {
        (!self.changed).then(|| self.prepared.with_file_name(CELLS))
    }

    /// What cargo says of them.
    pub(crate) fn metadata(&self) -> Result<Value> {
        if self.changed {
            // What cells compile with is on this machine.
            return describe::metadata(&self.crate_dir, &self.toolchain, &["--offline"]);
        }
        let file = &self.prepared;
        let text = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        Ok(serde_json::from_slice(&text)?)
    }

    /// Those of them whose sources are on this machine, and the reader's to change.
    pub(crate) fn local(&self) -> Result<Vec<LocalPackage>> {
        let metadata = self.metadata()?;
        let ours = [Some(self.crate_dir.as_path()), self.prepared.parent()];
        let packages = metadata["packages"].as_array().into_iter().flatten();
        let local = packages
            .filter(|package| package["source"].is_null())
            .filter_map(|package| {
                let id = package["id"].as_str()?.to_owned();
                let directory = Path::new(package["manifest_path"].as_str()?).parent()?.to_owned();
                let is_ours = ours.iter().flatten().any(|ours| directory.starts_with(ours));
                (!is_ours).then_some(LocalPackage { id, directory })
            });
        Ok(local.collect())
    }

    /// The names of those whose sources are on this machine, the session's own with them.
    pub(super) fn without_source(&self) -> Result<BTreeSet<String>> {
        let metadata = self.metadata()?;
        let packages = metadata["packages"].as_array().into_iter().flatten();
        let local = packages.filter(|package| package["source"].is_null());
        Ok(local
            .filter_map(|package| package["name"].as_str().map(str::to_owned))
            .collect())
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
    pub(crate) fn sysroot(&self) -> &Path {
        &self.toolchain.sysroot
    }
}
