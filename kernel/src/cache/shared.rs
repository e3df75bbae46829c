//! What sessions have compiled, for the sessions that come.
//!
//! Cargo keeps for each package that it has compiled, in each form, a *unit*: files whose names end with one hash, which
//! says all that matters for it but where it lies. A session that adds packages borrows the units of these names before
//! cargo looks, and lends what it had to compile. Only packages from registries and repositories are lent: their sources
//! do not change.

use std::collections::{BTreeSet, HashMap};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::copy;

/// How much is kept of one build's units, in bytes.
pub(super) const KEPT: u64 = 2 << 30;

/// Length of the hashes in the names of units.
const HASH: usize = 16;

/// A target directory, as far as this module knows it.
pub(super) struct Target {
    dir: PathBuf,
    triple: String,
}

impl Target {
    pub(super) fn new(dir: PathBuf, triple: &str) -> Target {
        Target {
            dir,
            triple: triple.to_owned(),
        }
    }

    /// The directories of what is compiled for the compiler, and for cells.
    fn roots(&self) -> [PathBuf; 2] {
        [self.dir.join("debug"), self.dir.join(&self.triple).join("debug")]
    }
}

/// Copies the units of packages whose names are `wanted` to where they are not. Those are noted as used.
pub(super) fn borrow(store: &Target, to: &Target, wanted: &BTreeSet<String>) -> io::Result<()> {
    for (from, to) in store.roots().iter().zip(to.roots()) {
        let files = files_by_hash(from);
        for unit in units(from).filter(|unit| wanted.contains(unit.package())) {
            // Those used last are kept. If it cannot be noted, it is compiled again some day.
            let _ = File::open(unit.fingerprint(from)).and_then(|dir| dir.set_modified(SystemTime::now()));
            if !unit.fingerprint(&to).exists() {
                unit.copy(from, &to, &files)?;
            }
        }
    }
    Ok(())
}

/// Copies the units that `own` does not name, and that are not in `known`, to the store, in the place of others of the
/// same name, and removes those that were not used for longest until `kept` bytes are left.
pub(super) fn lend(from: &Target, store: &Target, own: &BTreeSet<String>, known: &Target, kept: u64) -> io::Result<()> {
    for ((from, to), known) in from.roots().iter().zip(store.roots()).zip(known.roots()) {
        let files = files_by_hash(from);
        let lent = units(from).filter(|unit| !own.contains(unit.package()) && !unit.fingerprint(&known).exists());
        for unit in lent.filter(|unit| unit.compiled(from) != unit.compiled(&to)) {
            unit.remove(&to, &files_by_hash(&to));
            unit.copy(from, &to, &files)?;
        }
    }
    let mut stored = Vec::new();
    for root in store.roots() {
        let files = files_by_hash(&root);
        for unit in units(&root) {
            let used = fs::metadata(unit.fingerprint(&root)).and_then(|dir| dir.modified())?;
            stored.push((used, unit.size(&root, &files), unit, root.clone()));
        }
    }
    stored.sort_by_key(|(used, ..)| *used);
    let mut size: u64 = stored.iter().map(|(_, size, ..)| size).sum();
    for (_, freed, unit, root) in stored {
        if size <= kept {
            break;
        }
        unit.remove(&root, &files_by_hash(&root));
        size -= freed;
    }
    Ok(())
}

/// A unit, by the name that cargo gives it: `package-0123456789abcdef`.
struct Unit(String);

impl Unit {
    fn package(&self) -> &str {
        &self.0[..self.0.len() - HASH - 1]
    }

    fn hash(&self) -> &str {
        &self.0[self.0.len() - HASH..]
    }

    fn fingerprint(&self, root: &Path) -> PathBuf {
        root.join(".fingerprint").join(&self.0)
    }

    /// What its build script said and wrote, or is.
    fn script(&self, root: &Path) -> PathBuf {
        root.join("build").join(&self.0)
    }

    /// When it was compiled; none if it is not there.
    fn compiled(&self, root: &Path) -> Option<SystemTime> {
        let stamp = |dir: PathBuf| fs::metadata(dir.join("invoked.timestamp"))?.modified();
        stamp(self.fingerprint(root)).or_else(|_| stamp(self.script(root))).ok()
    }

    fn copy(&self, from: &Path, to: &Path, files: &HashMap<String, Vec<PathBuf>>) -> io::Result<()> {
        fs::create_dir_all(to.join("deps"))?;
        for file in files.get(self.hash()).into_iter().flatten() {
            let Some(name) = file.file_name() else { continue };
            let target = to.join("deps").join(name);
            // What is there may be a link to what others use.
            let _ = fs::remove_file(&target);
            copy::copy_one(file, &target)?;
        }
        let nothing = |_: &str| false;
        if self.script(from).exists() {
            copy::copy_tree(&self.script(from), &self.script(to), &nothing)?;
        }
        // Cargo looks for this one first.
        copy::copy_tree(&self.fingerprint(from), &self.fingerprint(to), &nothing)
    }

    /// What cannot be removed is found by the next one who tries.
    fn remove(&self, root: &Path, files: &HashMap<String, Vec<PathBuf>>) {
        let _ = fs::remove_dir_all(self.fingerprint(root));
        let _ = fs::remove_dir_all(self.script(root));
        for file in files.get(self.hash()).into_iter().flatten() {
            let _ = fs::remove_file(file);
        }
    }

    fn size(&self, root: &Path, files: &HashMap<String, Vec<PathBuf>>) -> u64 {
        let files = files.get(self.hash()).into_iter().flatten();
        let files: u64 = files
            .filter_map(|file| fs::metadata(file).ok())
            .map(|file| file.len())
            .sum();
        files + size_of_tree(&self.script(root))
    }
}

fn size_of_tree(dir: &Path) -> u64 {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let sizes = entries.map(|entry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => size_of_tree(&entry.path()),
        Ok(metadata) => metadata.len(),
        Err(_) => 0,
    });
    sizes.sum()
}

/// The units below a root.
fn units(root: &Path) -> impl Iterator<Item = Unit> + use<> {
    let entries = fs::read_dir(root.join(".fingerprint")).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    names.filter(|name| hash_of(name).is_some()).map(Unit)
}

/// The compiled files below a root, by the hashes in their names.
fn files_by_hash(root: &Path) -> HashMap<String, Vec<PathBuf>> {
    let mut found: HashMap<String, Vec<PathBuf>> = HashMap::new();
    for entry in fs::read_dir(root.join("deps")).into_iter().flatten().flatten() {
        let path = entry.path();
        let stem = path.file_stem().and_then(|stem| stem.to_str()).and_then(hash_of);
        if let Some(hash) = stem.map(str::to_owned) {
            found.entry(hash).or_default().push(path);
        }
    }
    found
}

/// The hash at the end of `name-0123456789abcdef`.
fn hash_of(name: &str) -> Option<&str> {
    let (package, hash) = name.rsplit_once('-')?;
    let is_hash = hash.len() == HASH && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
    (is_hash && !package.is_empty()).then_some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const HASHES: [&str; 3] = ["0000000000000001", "0000000000000002", "0000000000000003"];

    fn target(dir: &Path, name: &str) -> Target {
        Target::new(dir.join(name), "t")
    }

    /// Makes a unit for cells, compiled so many seconds ago, of so many bytes.
    fn compile(target: &Target, package: &str, hash: &str, ago: u64, size: usize) {
        let root = &target.roots()[1];
        let unit = Unit(format!("{package}-{hash}"));
        fs::create_dir_all(unit.fingerprint(root)).unwrap();
        fs::create_dir_all(root.join("deps")).unwrap();
        fs::write(root.join(format!("deps/lib{package}-{hash}.rlib")), "x".repeat(size)).unwrap();
        let stamp = File::create(unit.fingerprint(root).join("invoked.timestamp")).unwrap();
        stamp
            .set_modified(SystemTime::now() - Duration::from_secs(ago))
            .unwrap();
    }

    fn names<const N: usize>(names: [&str; N]) -> BTreeSet<String> {
        names.map(str::to_owned).into()
    }

    fn there(target: &Target) -> Vec<String> {
        let mut there: Vec<String> = units(&target.roots()[1])
            .map(|unit| unit.package().to_owned())
            .collect();
        let files: usize = files_by_hash(&target.roots()[1]).values().map(Vec::len).sum();
        assert_eq!(files, there.len(), "each unit has its file");
        there.sort();
        there
    }

    #[test]
    fn what_one_session_compiled_another_one_borrows_as_far_as_it_names_it() {
        let dir = tempfile::tempdir().unwrap();
        let target = |name| target(dir.path(), name);
        let (one, store, prepared, other) = (target("one"), target("store"), target("prepared"), target("other"));
        compile(&one, "anyhow", HASHES[0], 10, 1);
        compile(&one, "mine", HASHES[1], 10, 1);
        compile(&one, "libc", HASHES[2], 10, 1);
        compile(&prepared, "libc", HASHES[2], 10, 1);
        lend(&one, &store, &names(["mine"]), &prepared, KEPT).unwrap();
        assert_eq!(
            there(&store),
            ["anyhow"],
            "neither what is the reader's own nor what every session has"
        );
        borrow(&store, &other, &names(["itoa"])).unwrap();
        assert_eq!(there(&other), [""; 0]);
        borrow(&store, &other, &names(["anyhow"])).unwrap();
        assert_eq!(there(&other), ["anyhow"]);
    }

    #[test]
    fn what_was_compiled_again_takes_the_place_of_what_was_there() {
        let dir = tempfile::tempdir().unwrap();
        let target = |name| target(dir.path(), name);
        let (one, store, other) = (target("one"), target("store"), target("other"));
        compile(&one, "anyhow", HASHES[0], 10, 1);
        lend(&one, &store, &names([]), &other, KEPT).unwrap();
        borrow(&store, &other, &names(["anyhow"])).unwrap();
        let again = target("again");
        compile(&again, "anyhow", HASHES[0], 5, 7);
        lend(&again, &store, &names([]), &target("nothing"), KEPT).unwrap();
        let length = |target: &Target| {
            let file = target.roots()[1].join(format!("deps/libanyhow-{}.rlib", HASHES[0]));
            fs::metadata(file).unwrap().len()
        };
        assert_eq!((length(&store), length(&other)), (7, 1), "who has the old one keeps it");
    }

    #[test]
    fn what_was_not_used_for_longest_goes_first() {
        let dir = tempfile::tempdir().unwrap();
        let target = |name| target(dir.path(), name);
        let (one, store, nothing) = (target("one"), target("store"), target("nothing"));
        for (package, hash) in [("first", HASHES[0]), ("second", HASHES[1])] {
            compile(&one, package, hash, 10, 100);
            lend(&one, &store, &names([]), &nothing, 200).unwrap();
        }
        borrow(&store, &target("user"), &names(["first"])).unwrap();
        compile(&one, "third", HASHES[2], 10, 100);
        lend(&one, &store, &names([]), &nothing, 200).unwrap();
        assert_eq!(there(&store), ["first", "third"]);
    }
}
