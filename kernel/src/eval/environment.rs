//! The environment in which rust-analyzer and cargo are called.
//!
//! evcxr's rust-analyzer reads the standard library and all dependencies before it says anything about a
//! cell, which takes seconds. It is needed only where a cell keeps a variable whose type is not written and
//! [`assist`](super::assist) cannot find it either, so a session starts
//! with an analyzer that is *blind*: for it there is an empty standard library, and no way for cargo
//! to resolve dependencies. It *sees* once Cargo.toml changes, and then first what a stand-in for
//! cargo tells it; when a cell adds a dependency, it asks the real one.
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
const PATH: &str = "PATH";
const CARGO_HOME: &str = "CARGO_HOME";
const CARGO_NET_OFFLINE: &str = "CARGO_NET_OFFLINE";
/// Where rust-analyzer finds the sources of the standard library.
const RUST_SRC_PATH: &str = "RUST_SRC_PATH";

/// Held by those who change the environment, and by those who need it to be a normal one.
static ENVIRONMENT: RwLock<()> = RwLock::new(());

/// A changed environment. When dropped, it is a normal one again, except that rust-analyzer gets
/// the given sources of the standard library.
pub(super) struct Blind {
    /// The current directory, which the host is to have; none if it is gone.
    directory: Option<PathBuf>,
    cargo_home: Option<OsString>,
    offline: Option<OsString>,
    path: Option<OsString>,
    library: PathBuf,
    _changed: RwLockWriteGuard<'static, ()>,
}

/// An environment in which rust-analyzer asks `cargo` instead of the real one. When dropped, it is
/// a normal one again.
pub(super) struct StandIn {
    cargo_home: Option<OsString>,
    cargo: Option<OsString>,
    _changed: RwLockWriteGuard<'static, ()>,
}

impl StandIn {
    /// Puts `cargo` in the place of the real one.
    pub(super) fn new(cargo: &Path) -> StandIn {
        let changed = ENVIRONMENT.write().unwrap_or_else(PoisonError::into_inner);
        let stand_in = StandIn {
            cargo_home: std::env::var_os(CARGO_HOME),
            cargo: std::env::var_os(CARGO),
            _changed: changed,
        };
        // It looks into cargo's home first.
        set(CARGO_HOME, Some(cargo.with_file_name("no-cargo-home").as_os_str()));
        set(CARGO, Some(cargo.as_os_str()));
        stand_in
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        set(CARGO_HOME, self.cargo_home.as_deref());
        set(CARGO, self.cargo.as_deref());
    }
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
        let changed = ENVIRONMENT.write().unwrap_or_else(PoisonError::into_inner);
        let blind = Blind {
            directory: std::env::current_dir().ok(),
            cargo_home: std::env::var_os(CARGO_HOME),
            offline: std::env::var_os(CARGO_NET_OFFLINE),
            path: std::env::var_os(PATH),
            library: library.to_owned(),
            _changed: changed,
        };
        for name in EVCXR_DIRS {
            set(name, Some(crate_dir.as_os_str()));
        }
        set(CARGO_HOME, Some(crate_dir.join("no-cargo-home").as_os_str()));
        set(CARGO_NET_OFFLINE, Some("true".as_ref()));
        set(PATH, Some(path));
        set(RUST_SRC_PATH, Some(no_library.as_os_str()));
        // If it cannot be entered, the session does not start, and says why.
        let _ = std::env::set_current_dir(crate_dir);
        blind
    }

    /// The directory that is normally the current one.
    pub(super) fn directory(&self) -> Option<&Path> {
        self.directory.as_deref()
    }

    /// What evcxr must set for its own calls of cargo.
    pub(super) fn for_cargo(&self) -> Vec<(&'static str, String)> {
        let home = self
            .cargo_home
            .clone()
            .map(PathBuf::from)
            .or_else(|| Some(dirs::home_dir()?.join(".cargo")));
        let home = home.map(|home| (CARGO_HOME, home.display().to_string()));
        let offline = self
            .offline
            .as_ref()
            .map_or("false".into(), |offline| offline.to_string_lossy());
        home.into_iter()
            .chain([(CARGO_NET_OFFLINE, offline.into_owned())])
            .collect()
    }

    /// Gives the host a normal environment.
    pub(super) fn clear_for(&self, host: &mut Command) {
        if let Some(directory) = &self.directory {
            host.current_dir(directory);
        }
        for name in EVCXR_DIRS.into_iter().chain([RUST_SRC_PATH]) {
            host.env_remove(name);
        }
        for (name, value) in [
            (CARGO_HOME, &self.cargo_home),
            (CARGO_NET_OFFLINE, &self.offline),
            (PATH, &self.path),
        ] {
            match value {
                Some(value) => host.env(name, value),
                None => host.env_remove(name),
            };
        }
    }
}

impl Drop for Blind {
    fn drop(&mut self) {
        set(CARGO_HOME, self.cargo_home.as_deref());
        set(CARGO_NET_OFFLINE, self.offline.as_deref());
        set(PATH, self.path.as_deref());
        let library = self.library.join("core").exists().then_some(self.library.as_os_str());
        set(RUST_SRC_PATH, library);
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
