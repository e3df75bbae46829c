//! The runtime for cells, built ahead of time.
//!
//! Cells link to one shared library, which with its dependencies takes half a minute to build. It
//! is built once per set of sources and toolchain, from sources that this binary carries:
//!
//! ```text
//! <cache>/builds/<key>.lock      held shared by sessions, exclusively by whoever builds or removes it
//! <cache>/builds/<key>/sources   the runtime's packages, as a workspace
//! <cache>/builds/<key>/template  a crate like the one that evcxr makes, with everything compiled
//! <cache>/builds/<key>/library   std's sources for rust-analyzer, without its largest crates
//! <cache>/builds/<key>/metadata.json  what rust-analyzer is told of the template
//! <cache>/builds/<key>/library.txt    what cargo says that the library is made of
//! <cache>/builds/<key>/calls     how rustc is called for cells, noted by sessions
//! <cache>/builds/<key>/cells     libraries of cells, which sessions need not compile again
//! <cache>/builds/<key>/ready     written last
//! <cache>/builds/<key>/shared    packages that sessions have added, compiled
//! <cache>/builds/<key>/shared.lock    held by who changes them, shared by who takes them
//! <cache>/toolchains             what compilers have said of themselves
//! <cache>/sessions/<id>/tools      what evcxr takes for cargo
//! <cache>/sessions/<id>/ctx      private to one session: starts as a hard-linked copy of the template
//! ```
//!
//! `<cache>` is `crabtree` in the user's cache directory, or what [`CACHE_ENV`] says.

mod build;
mod copy;
mod describe;
mod library;
mod packages;
mod session;
mod shared;
mod sources;
mod toolchain;
mod whole;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result};

use library::Library;

pub(crate) use build::Progress;
pub(crate) use describe::PACKAGES;
pub(crate) use library::{Difference, Features};
pub(crate) use packages::{LocalPackage, Packages};
pub(crate) use session::SessionDir;
pub use toolchain::Toolchain;
pub(crate) use whole::write_whole;

/// The environment variable that moves the cache.
pub(crate) const CACHE_ENV: &str = "CRABTREE_CACHE_DIR";

/// Counts the forms that a build's directory has had.
const LAYOUT: u32 = 4;

/// The file that holds what rust-analyzer is told of the template.
const METADATA: &str = "metadata.json";

/// The directory of what cells became.
const CELLS: &str = "cells";

/// The file that says what the library is made of.
const LIBRARY: &str = "library.txt";

/// Builds of other versions that were not used for so long are removed.
const KEPT_UNUSED: Duration = Duration::from_secs(14 * 24 * 3600);
/// At most so many builds of other versions are kept.
const KEPT_OTHERS: usize = 3;

/// A runtime that is built. It is not removed while this value lives.
#[derive(Debug)]
pub(crate) struct Prepared {
    /// `<cache>/builds/<key>`.
    dir: PathBuf,
    /// `<cache>`.
    root: PathBuf,
    /// The toolchain that built it.
    pub(crate) toolchain: Toolchain,
    _in_use: File,
}

impl Prepared {
    /// The crate that every session's crate starts from.
    pub(crate) fn template(&self) -> PathBuf {
        self.dir.join("template")
    }

    /// Where what cells became is kept, for sessions that have nothing but what is built.
    pub(crate) fn cells(&self) -> PathBuf {
        self.dir.join(CELLS)
    }

    /// The dependencies of a cell's crate: names and what stands behind `=` in the manifest.
    pub(crate) fn dependencies(&self) -> [(&'static str, String); 2] {
        sources::dependencies(&self.dir.join("sources"))
    }

    /// The standard library's sources, as far as rust-analyzer needs them.
    pub(crate) fn library(&self) -> PathBuf {
        self.dir.join("library")
    }

    /// A standard library with nothing in it.
    pub(crate) fn no_library(&self) -> PathBuf {
        self.dir.join("no-library")
    }

    /// Makes a program that stands in for cargo where rust-analyzer asks about a session's crate.
    pub(crate) fn analyzer_cargo(&self, session: &SessionDir) -> Result<PathBuf> {
        let crate_dir = session.crate_dir();
        let dir = crate_dir.with_file_name("analyzer");
        describe::write_stand_in(&dir, &self.dir.join(METADATA), &self.template(), &crate_dir)
    }

    /// What a session compiles with.
    pub(crate) fn packages(&self, session: &SessionDir) -> Packages {
        Packages::prepared(
            self.dir.join(METADATA),
            self.library(),
            session.crate_dir(),
            self.toolchain.clone(),
        )
    }

    /// Directories in which a session's host finds std's library and ours, and what the environment names.
    pub(crate) fn library_path(&self, session: &SessionDir, inherited: Option<OsString>) -> Result<OsString> {
        let target = session.crate_dir().join("target").join(&self.toolchain.target);
        let mut dirs = vec![self.toolchain.libraries.clone(), target.join("debug/deps")];
        dirs.extend(inherited.iter().flat_map(std::env::split_paths));
        std::env::join_paths(dirs).context("a directory's name has a character that separates directories")
    }

    /// What would become of a session did its cells depend on these packages too: names, and what stands behind `=` in a
    /// manifest. Compiles nothing; cargo may fetch packages.
    ///
    /// # Errors
    ///
    /// What cargo says, if there is no such package, or none that goes with the others.
    pub(crate) fn resolve(&self, session: &SessionDir, added: &[(String, String)]) -> Result<Resolved> {
        let dir = session.resolve_dir();
        let own = self.dependencies().map(|(name, config)| (name.to_owned(), config));
        let manifest = build::template_manifest(own.iter().chain(added).map(|(name, config)| (name, config)));
        fs::create_dir_all(dir.join("src"))?;
        fs::write(dir.join("Cargo.toml"), manifest)?;
        fs::write(dir.join("src/lib.rs"), "")?;
        let lock = dir.join("Cargo.lock");
        if !lock.exists() {
            fs::copy(self.template().join("Cargo.lock"), &lock)?;
        }
        let built = Library::parse(&fs::read_to_string(self.dir.join(LIBRARY))?)?;
        let tree = library::tree(&session.crate_dir(), &dir.join("Cargo.toml"), &self.toolchain)?;
        Ok(Resolved {
            differences: built.changes(&Library::parse(&tree)?),
            direct: library::direct(&tree),
            packages: sources::packages(&fs::read_to_string(&lock)?)?,
        })
    }

    /// Has the session take what other sessions have compiled of these packages. What is not taken is compiled.
    pub(crate) fn borrow_units(&self, session: &SessionDir, resolved: &Resolved) -> Result<()> {
        let lock = self.shared_lock()?;
        lock.lock_shared()?;
        let to = self.target(session.crate_dir().join("target"));
        shared::borrow(&self.shared(), &to, &resolved.packages)?;
        Ok(())
    }

    /// Keeps what the session has compiled for others, but for packages on this machine.
    pub(crate) fn lend_units(&self, session: &SessionDir, packages: &Packages) -> Result<()> {
        let own = packages.without_source()?;
        let lock = self.shared_lock()?;
        lock.lock()?;
        let from = self.target(session.crate_dir().join("target"));
        let prepared = self.target(self.template().join("target"));
        shared::lend(&from, &self.shared(), &own, &prepared, shared::KEPT)?;
        Ok(())
    }

    fn target(&self, dir: PathBuf) -> shared::Target {
        shared::Target::new(dir, &self.toolchain.target)
    }

    fn shared(&self) -> shared::Target {
        self.target(self.dir.join("shared"))
    }

    fn shared_lock(&self) -> Result<File> {
        open_lock(&self.dir, "shared")
    }

    /// Makes a session's directory, and removes those that dead sessions left.
    pub(crate) fn session(&self) -> Result<SessionDir> {
        SessionDir::create(&self.root.join("sessions"), &self.template())
    }
}

/// What a session compiles with once packages are added.
#[derive(Clone, Debug, Default)]
pub(crate) struct Resolved {
    /// What its library would have that it has not. None, or the packages cannot be added to a session that has begun.
    pub(crate) differences: Vec<Difference>,
    /// The packages that cells themselves depend on, and their versions.
    pub(crate) direct: Vec<(String, String)>,
    /// The names of all packages.
    packages: BTreeSet<String>,
}

/// Finds the runtime for this binary and the present toolchain, and builds it if it is not there.
/// With `progress`, standard error shows how far the build is.
pub(crate) fn ensure(progress: bool) -> Result<Prepared> {
    if progress {
        ensure_with(&Features::default(), &mut build::ProgressBar::default())
    } else {
        ensure_with(&Features::default(), &mut |_: Progress<'_>| {})
    }
}

/// As [`ensure`], for a library with `more` features than usual; `report` hears how far the build is, and nothing if there is nothing
/// to build.
pub(crate) fn ensure_with(more: &Features, report: &mut dyn build::Report) -> Result<Prepared> {
    let toolchain = Toolchain::find()?;
    let root = root()?;
    let all = root.join("builds");
    fs::create_dir_all(&all).with_context(|| format!("cannot make the cache directory {}", all.display()))?;
    // cargo and rust-analyzer know places by their real names.
    let (root, all) = (root.canonicalize()?, all.canonicalize()?);
    let features = more.and_usual();
    let key = key(&toolchain, &features);
    let dir = all.join(&key);
    loop {
        let lock = open_lock(&all, &key)?;
        if lock.try_lock_shared().is_err() {
            report.report(Progress::Waiting);
            lock.lock_shared()?;
        }
        if is_ready(&dir) {
            // The time of the last use; if it cannot be noted, the build may be removed earlier.
            let _ = File::open(dir.join("ready")).and_then(|ready| ready.set_modified(SystemTime::now()));
            return Ok(Prepared {
                dir,
                root,
                toolchain,
                _in_use: lock,
            });
        }
        drop(lock);

        let lock = open_lock(&all, &key)?;
        if lock.try_lock().is_err() {
            report.report(Progress::Waiting);
            lock.lock()?;
        }
        if !is_ready(&dir) {
            let seed = seed(&all, &key);
            build::build(&dir, &toolchain, seed.as_deref(), &features, report)?;
            let template = dir.join("template");
            let tree = library::tree(&template, &template.join("Cargo.toml"), &toolchain)?;
            fs::write(dir.join(LIBRARY), tree)?;
            describe::describe(&dir.join("template"), &toolchain, &dir.join(METADATA))?;
            fs::write(dir.join("ready"), &toolchain.version)?;
            report.report(Progress::Done);
            remove_old(&all, &key);
        }
    }
}

/// Whether the runtime for this binary and toolchain is built.
pub(crate) fn is_warm(toolchain: &Toolchain) -> Result<bool> {
    Ok(is_ready(
        &root()?
            .join("builds")
            .join(key(toolchain, &Features::default().and_usual())),
    ))
}

/// Where the cache is.
pub fn root() -> Result<PathBuf> {
    if let Some(dir) = std::env::var_os(CACHE_ENV).filter(|dir| !dir.is_empty()) {
        return std::path::absolute(&dir).with_context(|| format!("{CACHE_ENV} is not a path"));
    }
    let user = dirs::cache_dir().with_context(|| {
        format!("this user has no cache directory; set {CACHE_ENV} to a directory that can be written")
    })?;
    Ok(user.join("crabtree"))
}

fn is_ready(dir: &Path) -> bool {
    dir.join("ready").exists()
}

/// Names what a build depends on.
fn key(toolchain: &Toolchain, features: &Features) -> String {
    use sha2::{Digest as _, Sha256};
    let mut hash = Sha256::new();
    for (name, contents) in sources::FILES {
        hash.update(name.as_bytes());
        hash.update((contents.len() as u64).to_le_bytes());
        hash.update(contents);
    }
    hash.update(toolchain.version.as_bytes());
    hash.update(build::template_manifest::<&str, &str>([]).as_bytes());
    hash.update(format!("{features:?}").as_bytes());
    hash.update(build::CARGO_CONFIG.as_bytes());
    hash.update(describe::PACKAGES.join(" ").as_bytes());
    hash.update(LAYOUT.to_le_bytes());
    crate::hex::encode(&hash.finalize()[..8])
}

fn open_lock(all: &Path, key: &str) -> Result<File> {
    let path = all.join(format!("{key}.lock"));
    File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .with_context(|| format!("cannot write {}", path.display()))
}

/// A build, or what is left of one that was not finished.
struct Build {
    key: String,
    dir: PathBuf,
    /// When it was used last; none if it was not finished.
    used: Option<SystemTime>,
}

/// All builds but that of `key`, those used last first.
fn others(all: &Path, key: &str) -> Vec<Build> {
    let mut found: Vec<Build> = fs::read_dir(all)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let (dir, key) = (entry.path(), entry.file_name().into_string().ok()?);
            let used = fs::metadata(dir.join("ready")).and_then(|ready| ready.modified()).ok();
            dir.is_dir().then_some(Build { key, dir, used })
        })
        .filter(|build| build.key != key)
        .collect();
    found.sort_by_key(|build| std::cmp::Reverse(build.used));
    found
}

/// An earlier build, whose dependencies need not be compiled again.
fn seed(all: &Path, key: &str) -> Option<PathBuf> {
    let last = others(all, key).into_iter().next()?;
    last.used.map(|_| last.dir.join("template"))
}

/// Removes builds of other versions, where nobody uses them. What cannot be removed stays.
fn remove_old(all: &Path, key: &str) {
    for (position, Build { key, dir, used }) in others(all, key).into_iter().enumerate() {
        let unused = used.map(|used| used.elapsed().unwrap_or_default());
        if position >= KEPT_OTHERS || unused.is_none_or(|unused| unused > KEPT_UNUSED) {
            remove(all, &key, &dir);
        }
    }
}

fn remove(all: &Path, key: &str, dir: &Path) {
    let Ok(lock) = open_lock(all, key) else { return };
    if lock.try_lock().is_ok() {
        // First what makes it valid, so that a removal that is cut short leaves nothing to trust.
        let _ = fs::remove_file(dir.join("ready"));
        let _ = fs::remove_dir_all(dir);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_builds_go_unless_somebody_uses_them() {
        let dir = tempfile::tempdir().unwrap();
        let all = dir.path();
        let make = |key: &str, days: Option<u64>| {
            fs::create_dir(all.join(key)).unwrap();
            if let Some(days) = days {
                let ready = File::create(all.join(key).join("ready")).unwrap();
                ready
                    .set_modified(SystemTime::now() - Duration::from_secs(days * 24 * 3600))
                    .unwrap();
            }
        };
        make("mine", Some(0));
        make("recent", Some(1));
        make("old", Some(30));
        make("old but used", Some(30));
        make("unfinished", None);
        let in_use = open_lock(all, "old but used").unwrap();
        in_use.lock_shared().unwrap();

        assert_eq!(seed(all, "mine"), Some(all.join("recent/template")));
        remove_old(all, "mine");
        let mut left: Vec<_> = others(all, "").into_iter().map(|build| build.key).collect();
        left.sort();
        assert_eq!(left, ["mine", "old but used", "recent"]);
    }
}
