//! The runtime's sources, as this binary carries them.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use super::library::{Features, Side};

/// Paths below the workspace's root and contents.
pub(super) const FILES: &[(&str, &[u8])] = &include!(concat!(env!("OUT_DIR"), "/sources.rs"));

/// The manifest of the library that cells link to.
const LIBRARY: &str = "runtime/dylib/Cargo.toml";

/// The packages that cells need; the kernel is none of them.
const MEMBERS: [&str; 4] = ["runtime", "runtime/macros", "runtime/link", "runtime/dylib"];

/// Writes the sources to `dir` as a workspace of their own. `lock` says which versions the library is made of; without it,
/// none is fixed and nothing is switched on.
pub(super) fn write(dir: &Path, lock: Option<&str>, more: &Features) -> Result<()> {
    for (name, contents) in FILES {
        let path = dir.join(name);
        let parent = path.parent().context("every source lies in a directory")?;
        fs::create_dir_all(parent)?;
        let contents = match (*name, lock) {
            ("Cargo.toml", _) => workspace_manifest(contents)?.into_bytes(),
            (LIBRARY, Some(lock)) => library_manifest(contents, lock, more)?.into_bytes(),
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

/// The manifest of the library that cells link to, with the version of everything below it fixed, and with features
/// switched on.
///
/// To check a dependency that a cell adds, evcxr has cargo forget its lock file. Were a version to move then, or a
/// feature to be switched on, cargo would build a second library beside the one that the host has loaded.
fn library_manifest(original: &[u8], lock: &str, more: &Features) -> Result<String> {
    let mut manifest: toml::Table = std::str::from_utf8(original)?
        .parse()
        .context("the library's manifest")?;
    let below = closure(lock, "crabtree-dylib")?;
    // Cargo resolves build dependencies and, without a build script, compiles none of them. Their features are those of
    // what runs in the compiler: cargo keeps them apart from the features of what is compiled into the library.
    for (section, side) in [("build-dependencies", Side::Compiler), ("dependencies", Side::Library)] {
        let entries = manifest
            .entry(section)
            .or_insert_with(|| toml::Table::new().into())
            .as_table_mut()
            .with_context(|| format!("[{section}] is no table"))?;
        for (name, version) in &below {
            let features = more.of(name, side);
            if side == Side::Library && features.is_empty() {
                continue;
            }
            // Cargo wants one name for one package, and what the library itself depends on has one.
            let alone = below.iter().filter(|(other, _)| other == name).count() == 1;
            let key = if alone {
                name.clone()
            } else {
                format!("{name}-{}", version.replace(['.', '+'], "-"))
            };
            let fresh = format!("package = \"{name}\"\nversion = \"={version}\"\ndefault-features = false");
            let fresh: toml::Table = fresh.parse()?;
            let entry = entries.entry(key).or_insert_with(|| fresh.into());
            let entry = entry.as_table_mut().context("a dependency is no table")?;
            let on = entry
                .entry("features")
                .or_insert_with(|| Vec::<toml::Value>::new().into());
            let on = on.as_array_mut().context("features are no array")?;
            on.extend(features.into_iter().map(toml::Value::from));
        }
    }
    Ok(manifest.to_string())
}

/// The names of the packages in a lock file.
pub(super) fn packages(lock: &str) -> Result<BTreeSet<String>> {
    let lock: toml::Table = lock.parse().context("the lock file")?;
    let packages = lock.get("package").and_then(toml::Value::as_array);
    let names = packages
        .into_iter()
        .flatten()
        .filter_map(|package| package.get("name")?.as_str());
    Ok(names.map(str::to_owned).collect())
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
    fn the_library_fixes_the_versions_of_all_that_is_below_it_and_switches_features_on() {
        let original = b"[dependencies]\nb.workspace = true\n";
        let lock = "[[package]]\nname = \"crabtree-dylib\"\nversion = \"1.0.0\"\n\
                    dependencies = [\"b\", \"c 1.0.0\", \"c 2.0.0\"]\n\
                    [[package]]\nname = \"b\"\nversion = \"0.1.0\"\nsource = \"registry+x\"\n\
                    [[package]]\nname = \"c\"\nversion = \"1.0.0\"\nsource = \"registry+x\"\n\
                    [[package]]\nname = \"c\"\nversion = \"2.0.0\"\nsource = \"registry+x\"\n\
                    [[package]]\nname = \"else\"\nversion = \"1.0.0\"\nsource = \"registry+x\"\n";
        let mut more = Features::default();
        more.add("b", Side::Library, "fast");
        more.add("c", Side::Compiler, "full");
        let manifest: toml::Table = library_manifest(original, lock, &more).unwrap().parse().unwrap();
        let expected: toml::Table = "[dependencies]\nb = { workspace = true, features = [\"fast\"] }\n\
             [build-dependencies]\n\
             b = { package = \"b\", version = \"=0.1.0\", default-features = false, features = [] }\n\
             c-1-0-0 = { package = \"c\", version = \"=1.0.0\", default-features = false, features = [\"full\"] }\n\
             c-2-0-0 = { package = \"c\", version = \"=2.0.0\", default-features = false, features = [\"full\"] }\n"
            .parse()
            .unwrap();
        assert_eq!(manifest, expected);
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
