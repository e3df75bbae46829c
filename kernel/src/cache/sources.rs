//! The runtime's sources, as this binary carries them.

use std::collections::BTreeSet;
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
        let contents = match *name {
            "Cargo.toml" => workspace_manifest(contents)?.into_bytes(),
            "runtime/dylib/Cargo.toml" => pinned_manifest(contents)?.into_bytes(),
            _ => contents.to_vec(),
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

/// The manifest of the library that cells link to, with the version of everything below it fixed.
///
/// To check a dependency that a cell adds, evcxr has cargo forget its lock file. Were a version to
/// move then, cargo would build a second library beside the one that the host has loaded.
fn pinned_manifest(original: &[u8]) -> Result<String> {
    let mut manifest: toml::Table = std::str::from_utf8(original)?
        .parse()
        .context("the library's manifest")?;
    // Without a build script, cargo resolves these and compiles none of them.
    let pins = manifest
        .entry("build-dependencies")
        .or_insert_with(|| toml::Table::new().into());
    let pins = pins.as_table_mut().context("[build-dependencies] is no table")?;
    let below = closure(std::str::from_utf8(lock_file())?, "crabtree-dylib")?;
    for (name, version) in &below {
        // cargo wants one name for one package, and what the library itself depends on has one.
        let alone = below.iter().filter(|(other, _)| other == name).count() == 1;
        let key = if alone {
            name.clone()
        } else {
            format!("{name}-{}", version.replace(['.', '+'], "-"))
        };
        let pin = format!("package = \"{name}\"\nversion = \"={version}\"\ndefault-features = false");
        pins.insert(key, pin.parse::<toml::Table>()?.into());
    }
    Ok(manifest.to_string())
}

/// Names and versions of the registry's packages below `root` in a lock file.
fn closure(lock: &str, root: &str) -> Result<BTreeSet<(String, String)>> {
    let lock: toml::Table = lock.parse().context("the lock file")?;
    let packages = lock
        .get("package")
        .and_then(toml::Value::as_array)
        .context("the lock file names no package")?;
    let text = |package: &toml::Value, key: &str| package.get(key).and_then(toml::Value::as_str).map(str::to_owned);
    let mut found = BTreeSet::new();
    let mut seen = BTreeSet::new();
    // Each entry is a name, or a name and a version where there are several.
    let mut open = vec![root.to_owned()];
    while let Some(entry) = open.pop() {
        if !seen.insert(entry.clone()) {
            continue;
        }
        let mut words = entry.split(' ');
        let (name, version) = (words.next().unwrap_or_default(), words.next());
        let package = packages
            .iter()
            .find(|package| {
                text(package, "name").as_deref() == Some(name)
                    && version.is_none_or(|version| text(package, "version").as_deref() == Some(version))
            })
            .with_context(|| format!("the lock file lacks {entry}"))?;
        if package.get("source").is_some()
            && let Some(version) = text(package, "version")
        {
            found.insert((name.to_owned(), version));
        }
        let below = package.get("dependencies").and_then(toml::Value::as_array);
        open.extend(
            below
                .into_iter()
                .flatten()
                .filter_map(|entry| entry.as_str().map(str::to_owned)),
        );
    }
    Ok(found)
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

    #[test]
    fn the_library_fixes_the_versions_of_all_that_is_below_it() {
        let (_, original) = FILES
            .iter()
            .find(|(name, _)| *name == "runtime/dylib/Cargo.toml")
            .unwrap();
        let manifest: toml::Table = pinned_manifest(original).unwrap().parse().unwrap();
        let pins = manifest["build-dependencies"].as_table().unwrap();
        let pinned = |name: &str| pins.values().any(|pin| pin["package"].as_str() == Some(name));
        assert!(pinned("tokio") && pinned("serde_core"), "{pins}");
        assert!(!pinned("crabtree") && !pinned("evcxr"), "{pins}");
    }

    #[test]
    fn a_lock_file_may_hold_several_versions_of_a_package() {
        let lock = "[[package]]\nname = \"a\"\nversion = \"0.1.0\"\ndependencies = [\"b 2.0.0\"]\n\
                    [[package]]\nname = \"b\"\nversion = \"1.0.0\"\nsource = \"registry+x\"\n\
                    [[package]]\nname = \"b\"\nversion = \"2.0.0\"\nsource = \"registry+x\"\n";
        let found: Vec<_> = closure(lock, "a").unwrap().into_iter().collect();
        assert_eq!(found, [("b".to_owned(), "2.0.0".to_owned())]);
        assert!(closure(lock, "c").is_err());
    }
}
