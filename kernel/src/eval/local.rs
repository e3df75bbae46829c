//! Packages on this machine that cells depend on: they may change while a session runs.
//!
//! `TypeId` does not cover the fields of a type. Cargo calls a package by the same name whatever its files say, so that a
//! variable, or a message on its way, would be read as what it was not. Here each content of a package is a *version* of
//! its own, and cargo is told to compile each version with a profile that differs in nothing that matters: what it
//! compiles so has other names, for the compiler and for `TypeId`, and so has what depends on it.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use sha2::{Digest as _, Sha256};

use crate::cache::LocalPackage;

/// What the files of a package say.
type Contents = [u8; 32];

/// Two changes of a file that are closer than this may leave it with one and the same time.
const GRANULARITY: Duration = Duration::from_secs(2);

/// The packages of all shells of a session, and the versions that were seen of them.
#[derive(Clone, Debug, Default)]
pub(super) struct LocalPackages {
    seen: Arc<Mutex<BTreeMap<LocalPackage, Seen>>>,
}

/// What was seen of a package.
#[derive(Debug, Default)]
struct Seen {
    versions: Vec<Contents>,
    /// The last look at its files, and what version they were; none if they could change without looking different.
    last: Option<(Vec<Stamp>, usize)>,
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
        let versions = (seen.iter_mut()).map(|(package, seen)| (package.id.clone(), seen.version(&package.directory)));
        versions.collect()
    }
}

impl Seen {
    fn version(&mut self, directory: &Path) -> usize {
        let now = SystemTime::now();
        let stamps = stamps_of(directory);
        if let Some((last, version)) = &self.last
            && *last == stamps
        {
            return *version;
        }
        let contents = contents_of(stamps.iter().map(|stamp| &*stamp.file));
        let version = (self.versions.iter().position(|known| *known == contents)).unwrap_or_else(|| {
            self.versions.push(contents);
            self.versions.len() - 1
        });
        self.last = have_settled(&stamps, now).then_some((stamps, version));
        version
    }
}

/// What can be told of a file without reading it. A change of its contents changes this: if not the length, then the time
/// of the last change, which nobody can set, unless the change before was within [`GRANULARITY`].
#[derive(Debug, PartialEq, Eq)]
struct Stamp {
    file: PathBuf,
    length: u64,
    inode: u64,
    /// Since 1970.
    changed: Duration,
}

/// Those of the files in a package's directory.
fn stamps_of(directory: &Path) -> Vec<Stamp> {
    let mut files = Vec::new();
    collect(directory, &mut files);
    files.sort();
    let stamp = |file: PathBuf| {
        let metadata = fs::metadata(&file).ok();
        let changed = metadata
            .as_ref()
            .map(|metadata| (metadata.ctime(), metadata.ctime_nsec()));
        let (seconds, nanos) = changed.unwrap_or_default();
        Stamp {
            file,
            length: metadata.as_ref().map_or(0, MetadataExt::size),
            inode: metadata.as_ref().map_or(0, MetadataExt::ino),
            changed: Duration::new(seconds.try_into().unwrap_or(0), nanos.try_into().unwrap_or(0)),
        }
    };
    files.into_iter().map(stamp).collect()
}

/// Whether each change that comes after `now` will show. Where the clock of the files is not this one, and is behind, it
/// may not, for as long as that.
fn have_settled(stamps: &[Stamp], now: SystemTime) -> bool {
    let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    stamps.iter().all(|stamp| stamp.changed + GRANULARITY < now)
}

/// What files say. Those that cannot be read say nothing; cargo tells of them.
fn contents_of<'a>(files: impl Iterator<Item = &'a Path>) -> Contents {
    let mut hash = Sha256::new();
    for file in files {
        hash.update(file.to_string_lossy().as_bytes());
        let contents = fs::read(file).unwrap_or_default();
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

    #[test]
    fn files_are_read_again_until_each_change_of_them_shows() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("lib.rs");
        fs::write(&file, "struct A(u8);").unwrap();
        let before = stamps_of(directory.path());
        let now = SystemTime::now();
        assert!(!have_settled(&before, now), "it has just been written");
        assert!(have_settled(&before, now + 2 * GRANULARITY));

        // As tools write that keep the times of files.
        let written = fs::metadata(&file).unwrap().modified().unwrap();
        let other = directory.path().join("other");
        fs::write(&other, "struct A(i8);").unwrap();
        fs::File::options()
            .write(true)
            .open(&other)
            .unwrap()
            .set_modified(written)
            .unwrap();
        fs::rename(&other, &file).unwrap();
        assert_ne!(
            stamps_of(directory.path()),
            before,
            "length and time of modification are the same"
        );
    }
}
