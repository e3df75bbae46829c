//! Packages on this machine that cells depend on: they may change while a session runs.
//!
//! `TypeId` does not cover the fields of a type. Cargo calls a package by the same name whatever its files say, so that a
//! variable, or a message on its way, would be read as what it was not. Here each content of a package is a *version* of
//! its own, and cargo is told to compile each version with a profile that differs in nothing that matters: what it
//! compiles so has other names, for the compiler and for `TypeId`, and so has what depends on it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest as _, Sha256};

use crate::cache::LocalPackage;

/// What the files of a package say.
type Contents = [u8; 32];

/// The packages of all shells of a session, and the versions that were seen of them.
#[derive(Clone, Debug, Default)]
pub(super) struct LocalPackages {
    seen: Arc<Mutex<BTreeMap<LocalPackage, Vec<Contents>>>>,
}

impl LocalPackages {
    /// Looks for packages that have come.
    pub(super) fn add(&self, packages: Vec<LocalPackage>) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        for package in packages {
            seen.entry(package).or_default();
        }
    }

    /// The version that each package has now; zero is the one that was seen first.
    pub(super) fn versions(&self) -> Vec<(String, usize)> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let versions = seen.iter_mut().map(|(package, contents)| {
            let now = contents_of(&package.directory);
            let version = contents.iter().position(|known| *known == now).unwrap_or_else(|| {
                contents.push(now);
                contents.len() - 1
            });
            (package.id.clone(), version)
        });
        versions.collect()
    }
}

/// What the files in a package's directory say. Those that cannot be read say nothing; cargo tells of them.
fn contents_of(directory: &Path) -> Contents {
    let mut files = Vec::new();
    collect(directory, &mut files);
    files.sort();
    let mut hash = Sha256::new();
    for file in files {
        hash.update(file.to_string_lossy().as_bytes());
        let contents = fs::read(&file).unwrap_or_default();
        hash.update(contents.len().to_le_bytes());
        hash.update(contents);
    }
    hash.finalize().into()
}

/// The files that cargo takes for a package's: all but what is built, and what is hidden.
fn collect(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        let kind = entry.file_type();
        if name == "target" || name.to_string_lossy().starts_with('.') {
            continue;
        }
        match kind {
            Ok(kind) if kind.is_dir() => collect(&path, files),
            // Of pipes and the like there is no content that stays.
            Ok(_) if path.is_file() => files.push(path),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_content_of_a_package_is_a_version_and_an_old_one_is_known_again() {
        let directory = tempfile::tempdir().unwrap();
        let write = |file: &str, text: &str| {
            let path = directory.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        let packages = LocalPackages::default();
        let id = "path+file:///p#0.1.0".to_owned();
        packages.add(vec![LocalPackage {
            id: id.clone(),
            directory: directory.path().to_owned(),
        }]);
        let check = |version| assert_eq!(packages.versions(), [(id.clone(), version)]);
        write("src/lib.rs", "struct A(u8);");
        check(0);
        write("target/debug/x", "built");
        write(".git/HEAD", "hidden");
        check(0);
        write("src/lib.rs", "struct A(u16);");
        check(1);
        write("src/other.rs", "");
        check(2);
        fs::remove_file(directory.path().join("src/other.rs")).unwrap();
        check(1);
        write("src/lib.rs", "struct A(u8);");
        check(0);
    }
}
