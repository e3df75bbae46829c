//! The environment in which rust-analyzer and cargo are called.
//!
//! evcxr's rust-analyzer reads the standard library and all dependencies before it says anything about a cell, which takes
//! seconds and hundreds of megabytes. It is needed only where a cell keeps a variable whose type is not written and
//! [`assist`](super::assist) cannot find it either, so it is kept *blind*: for it there is an empty standard library, and no
//! way for cargo to resolve dependencies. It reads when a session starts, and again whenever Cargo.toml has changed, as
//! commands change it. So they are followed in an environment like the first. Where it has to *see*, it is made to read
//! once more, and asks a stand-in for cargo; once cells have added packages, the real one.
//!
//! evcxr offers no other way to tell these tools what to do. The variables differ from normal only
//! while a session starts or its analyzer looks, under a lock. So does the current directory while a session starts: evcxr
//! would take an `evcxr.toml` in it for its own, and that may move the crate away from what is prepared for it.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// The directory of evcxr's crate, and that of its configuration.
const EVCXR_DIRS: [&str; 2] = ["EVCXR_TMPDIR", "EVCXR_CONFIG_DIR"];
const CARGO: &str = "CARGO";
/// A directory that is not there.
const NO_CARGO_HOME: &str = "no-cargo-home";
const PATH: &str = "PATH";
const CARGO_HOME: &str = "CARGO_HOME";
const CARGO_NET_OFFLINE: &str = "CARGO_NET_OFFLINE";
/// Where rust-analyzer finds the sources of the standard library.
const RUST_SRC_PATH: &str = "RUST_SRC_PATH";

/// Held by those who change the environment, and by those who need it to be a normal one.
static ENVIRONMENT: RwLock<()> = RwLock::new(());

/// Variables that differ from normal. When dropped, they are what they were.
pub(super) struct Changed {
    before: Vec<(&'static str, Option<OsString>)>,
    _changed: RwLockWriteGuard<'static, ()>,
}

impl Changed {
    /// Waits until the environment is a normal one, and changes it.
    fn new<const N: usize>(variables: [(&'static str, &OsStr); N]) -> Changed {
        let mut changed = Changed {
            before: Vec::new(),
            _changed: ENVIRONMENT.write().unwrap_or_else(PoisonError::into_inner),
        };
        changed.set(variables);
        changed
    }

    fn set<const N: usize>(&mut self, variables: [(&'static str, &OsStr); N]) {
        for (name, value) in variables {
            self.before.push((name, std::env::var_os(name)));
            set(name, Some(value));
        }
    }

    /// Has a variable be that when this is dropped.
    fn leave(&mut self, name: &'static str, value: Option<OsString>) {
        self.before.retain(|(other, _)| *other != name);
        self.before.push((name, value));
    }

    /// What a variable normally is.
    fn before(&self, name: &str) -> Option<&OsStr> {
        let (_, before) = self.before.iter().find(|(other, _)| *other == name)?;
        before.as_deref()
    }
}

impl Drop for Changed {
    fn drop(&mut self) {
        for (name, before) in &self.before {
            set(name, before.as_deref());
        }
    }
}

/// An environment in which rust-analyzer asks `cargo` instead of the real one.
pub(super) fn with_stand_in(cargo: &Path) -> Changed {
    // It looks into cargo's home first.
    let home = cargo.with_file_name(NO_CARGO_HOME);
    Changed::new([(CARGO_HOME, home.as_os_str()), (CARGO, cargo.as_os_str())])
}

/// An environment in which rust-analyzer finds neither the packages of the crate in `crate_dir` nor a standard library but
/// `no_library`.
pub(super) fn blind(crate_dir: &Path, no_library: &Path) -> Changed {
    let home = crate_dir.join(NO_CARGO_HOME);
    Changed::new([
        (CARGO_HOME, home.as_os_str()),
        (CARGO_NET_OFFLINE, "true".as_ref()),
        (RUST_SRC_PATH, no_library.as_os_str()),
    ])
}

/// The environment in which a session starts, blind and with its own directory. When dropped, it is a normal one again,
/// except that rust-analyzer gets the given sources of the standard library.
pub(super) struct Blind {
    /// The current directory, which the host is to have; none if it is gone.
    directory: Option<PathBuf>,
    changed: Changed,
}

/// Waits until no session of this process is starting, and keeps others from it: the environment
/// is a normal one meanwhile.
pub(super) fn normal() -> RwLockReadGuard<'static, ()> {
    ENVIRONMENT.read().unwrap_or_else(PoisonError::into_inner)
}

impl Blind {
    /// Prepares the start of evcxr in `crate_dir`, which looks for programs in `path`. rust-analyzer finds `no_library`
    /// now, and `library` later.
    pub(super) fn new(crate_dir: &Path, path: &OsStr, no_library: &Path, library: &Path) -> Blind {
        let mut changed = blind(crate_dir, no_library);
        changed.set(EVCXR_DIRS.map(|name| (name, crate_dir.as_os_str())));
        changed.set([(PATH, path)]);
        let library = library.join("core").exists().then(|| library.as_os_str().to_owned());
        changed.leave(RUST_SRC_PATH, library);
        let directory = std::env::current_dir().ok();
        // If it cannot be entered, the session does not start, and says why.
        let _ = std::env::set_current_dir(crate_dir);
        Blind { directory, changed }
    }

    /// The directory that is normally the current one.
    pub(super) fn directory(&self) -> Option<&Path> {
        self.directory.as_deref()
    }

    /// What evcxr must set for its own calls of cargo.
    pub(super) fn for_cargo(&self) -> Vec<(&'static str, String)> {
        let home = self.changed.before(CARGO_HOME).map(PathBuf::from);
        let home = home.or_else(|| Some(dirs::home_dir()?.join(".cargo")));
        let home = home.map(|home| (CARGO_HOME, home.display().to_string()));
        let offline = self.changed.before(CARGO_NET_OFFLINE);
        let offline = offline.map_or("false".into(), |offline| offline.to_string_lossy());
        home.into_iter()
            .chain([(CARGO_NET_OFFLINE, offline.into_owned())])
            .collect()
    }

    /// Gives the host a normal environment.
    pub(super) fn clear_for(&self, host: &mut Command) {
        if let Some(directory) = &self.directory {
            host.current_dir(directory);
        }
        for (name, before) in &self.changed.before {
            match before {
                // The library is for our analyzers.
                Some(before) if *name != RUST_SRC_PATH => host.env(name, before),
                _ => host.env_remove(name),
            };
        }
    }
}

impl Drop for Blind {
    fn drop(&mut self) {
        if let Some(directory) = &self.directory {
            // It may be gone by now, as it may at any other time.
            let _ = std::env::set_current_dir(directory);
        }
    }
}

fn set(name: &str, value: Option<&OsStr>) {
    // SAFETY: other threads of this program use the environment through std only, which has a lock
    // for it; no C code that reads it runs meanwhile.
    unsafe {
        match value {
            Some(value) => std::env::set_var(name, value),
            None => std::env::remove_var(name),
        }
    }
}
