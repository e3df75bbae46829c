//! The runtime's sources, as this binary carries them.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

/// Paths below the workspace's root and contents.
pub(super) const FILES: &[(&str, &[u8])] = &include!(concat!(env!("OUT_DIR"), "/sources.rs"));

/// The packages that cells need; the kernel is none of them.
const MEMBERS: [&str; 4] = ["runtime", "runtime/macros", "runtime/link", "runtime/dylib"];

/// Writes the sources to `dir` as a workspace of their own.
pub(super) fn write(dir: &Path) -> Result<()> {
    for (name, contents) in FILES {
        let path = dir.join(name);
        let parent = path.parent().context("every source lies in a directory")?;
        fs::create_dir_all(parent)?;
        let contents = if *name == "Cargo.toml" {
            workspace_manifest(contents)?.into_bytes()
        } else {
            contents.to_vec()
        };
        // A file that is as it should be keeps its time, or cargo would build again.
        if fs::read(&path).is_ok_and(|present| present == contents) {
            continue;
        }
        fs::write(&path, contents).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

/// The lock file of the workspace: the versions that were tested.
pub(super) fn lock_file() -> &'static [u8] {
    FILES
        .iter()
        .find(|(name, _)| *name == "Cargo.lock")
        .map_or(&[], |(_, contents)| contents)
}

/// What a cell's crate depends on, given where the sources are.
pub(super) fn dependencies(sources: &Path) -> [(&'static str, String); 2] {
    let path = |package: &str| toml::Value::from(sources.join(package).display().to_string());
    [
        (
            "crabtree",
            format!("{{ package = \"crabtree-dylib\", path = {} }}", path("runtime/dylib")),
        ),
        ("tokio", format!("{{ path = {} }}", path("runtime/tokio"))),
    ]
}

/// The workspace's manifest without the kernel, and without lints: nobody reads warnings here.
fn workspace_manifest(original: &[u8]) -> Result<String> {
    let mut manifest: toml::Table = std::str::from_utf8(original)?
        .parse()
        .context("the workspace's manifest")?;
    let workspace = manifest
        .get_mut("workspace")
        .and_then(toml::Value::as_table_mut)
        .context("the workspace's manifest has no [workspace]")?;
    workspace.insert("members".to_owned(), MEMBERS.map(toml::Value::from).to_vec().into());
    let allowed: toml::Table = "rust.warnings = \"allow\"".parse()?;
    workspace.insert("lints".to_owned(), allowed.into());
    manifest.remove("profile");
    Ok(manifest.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_workspace_that_is_written_has_the_packages_of_cells_only() {
        let (_, original) = FILES
            .iter()
            .find(|(name, _)| *name == "Cargo.toml")
            .expect("the root's manifest is there");
        let manifest: toml::Table = workspace_manifest(original).unwrap().parse().unwrap();
        let members = manifest["workspace"]["members"].as_array().unwrap();
        assert_eq!(members.len(), MEMBERS.len());
        for member in MEMBERS {
            let name = format!("{member}/Cargo.toml");
            assert!(FILES.iter().any(|(file, _)| *file == name), "{name} is embedded");
        }
        assert!(
            manifest["workspace"].get("dependencies").is_some(),
            "members inherit from it"
        );
    }
}
