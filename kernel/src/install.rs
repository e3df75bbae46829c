//! Installing the kernel where Jupyter finds it.

use std::path::PathBuf;

use anyhow::Result;

/// Where kernelspecs are installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// The user's Jupyter data directory.
    User,
    /// The Python environment that is active.
    SysPrefix,
    /// `share/jupyter` below this directory.
    Prefix(PathBuf),
}

/// What to install, or to remove.
#[derive(Clone, Debug)]
pub(crate) struct InstallOptions {
    /// Where.
    pub(crate) scope: Scope,
    /// The kernelspec's directory name, by which tools ask for it.
    pub(crate) name: String,
    /// The name that users see.
    pub(crate) display_name: String,
}

/// Writes the kernelspec and builds the runtime for cells.
pub(crate) fn install(_options: InstallOptions) -> Result<()> {
    Ok(())
}

/// Removes the kernelspec.
pub(crate) fn uninstall(_options: InstallOptions) -> Result<()> {
    Ok(())
}
