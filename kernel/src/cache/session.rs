//! A session's own directory: evcxr's crate, and the socket of the link.

use std::fs::{self, DirBuilder, File};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::{build, copy};

/// Into how many pieces rustc cuts the code of a package that is compiled as these are, at most. It goes by the number of
/// a version in a changed one, which says which one it is and makes no other difference.
const FIRST_UNITS: usize = 256;

/// The longest path that a unix socket can have everywhere, in bytes.
const SOCKET_PATH: usize = 100;

/// A directory that only this user can enter, removed when this value is dropped. If the process
/// dies before that, the next session removes it: the lock file tells that its owner is gone.
#[derive(Debug)]
pub(crate) struct SessionDir {
    dir: PathBuf,
    /// The socket's directory, where `dir` makes too long a path for a socket.
    sockets: Option<tempfile::TempDir>,
    _alive: File,
}

impl SessionDir {
    /// Makes a directory under `sessions`, with a crate copied from `template`.
    pub(super) fn create(sessions: &Path, template: &Path) -> Result<SessionDir> {
        private(sessions).with_context(|| format!("cannot make {}", sessions.display()))?;
        // Held until the new session holds its own lock: nobody may take it for a dead one.
        let gate = lock_file(&sessions.join("gate"))?;
        gate.lock()?;
        remove_stale(sessions);
        let dir = sessions.join(&uuid::Uuid::new_v4().simple().to_string()[..12]);
        private(&dir)?;
        let alive = lock_file(&dir.join("alive"))?;
        alive.lock()?;
        drop(gate);

        let needed = dir.as_os_str().len() + "/link".len();
        let sockets = if needed > SOCKET_PATH {
            Some(tempfile::Builder::new().prefix("crabtree-").tempdir()?)
        } else {
            None
        };
        let session = SessionDir {
            dir,
            sockets,
            _alive: alive,
        };
        session
            .fill(template)
            .with_context(|| format!("cannot set up {}", session.dir.display()))?;
        Ok(session)
    }

    /// The directory of evcxr's crate.
    pub(crate) fn crate_dir(&self) -> PathBuf {
        self.dir.join("ctx")
    }

    /// The directory of a crate that is only resolved.
    pub(super) fn resolve_dir(&self) -> PathBuf {
        self.dir.join("resolve")
    }

    /// Where the link's socket is to be.
    pub(crate) fn socket(&self) -> PathBuf {
        self.sockets
            .as_ref()
            .map_or(self.dir.as_path(), |sockets| sockets.path())
            .join("link")
    }

    /// Has each of these packages, which are called by their ids, compiled as what it is in this version. Zero is what
    /// it was first.
    pub(crate) fn set_versions(&self, versions: &[(String, usize)]) -> Result<()> {
        let mut config = build::CARGO_CONFIG.to_owned();
        for (id, version) in versions.iter().filter(|(_, version)| *version > 0) {
            let units = FIRST_UNITS + version;
            config += &format!(
                "\n[profile.dev.package.{}]\ncodegen-units = {units}\n",
                toml::Value::from(id.as_str())
            );
        }
        let file = self.dir.join(".cargo/config.toml");
        fs::write(&file, config).with_context(|| format!("cannot write {}", file.display()))
    }

    fn fill(&self, template: &Path) -> Result<()> {
        let crate_dir = self.crate_dir();
        fs::create_dir_all(self.dir.join(".cargo"))?;
        fs::write(self.dir.join(".cargo/config.toml"), build::CARGO_CONFIG)?;
        copy::copy_tree(&template.join("target"), &crate_dir.join("target"), &|name| {
            name == "incremental" || name == ".cargo-lock" || name.contains("ctx")
        })?;
        fs::create_dir_all(crate_dir.join("src"))?;
        Ok(())
    }
}

impl Drop for SessionDir {
    fn drop(&mut self) {
        // What is left behind, the next session removes.
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// Removes the directories of sessions that are no more.
pub(super) fn remove_stale(sessions: &Path) {
    for entry in fs::read_dir(sessions).into_iter().flatten().flatten() {
        let dir = entry.path();
        if !dir.is_dir() {
            continue;
        }
        let abandoned = match File::open(dir.join("alive")) {
            Ok(alive) => alive.try_lock().is_ok(),
            Err(_) => true,
        };
        if abandoned {
            let _ = fs::remove_dir_all(&dir);
        }
    }
}

fn private(dir: &Path) -> std::io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

fn lock_file(path: &Path) -> Result<File> {
    File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn template(dir: &Path) -> PathBuf {
        let template = dir.join("template");
        fs::create_dir_all(template.join("target/debug/deps")).unwrap();
        fs::write(template.join("target/debug/deps/libx.rlib"), "x").unwrap();
        template
    }

    #[test]
    fn a_session_is_private_and_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        let sessions = dir.path().join("sessions");
        let session = SessionDir::create(&sessions, &template(dir.path())).unwrap();
        assert_eq!(fs::metadata(&session.dir).unwrap().permissions().mode() & 0o777, 0o700);
        assert!(session.crate_dir().join("target/debug/deps/libx.rlib").exists());
        let left = session.dir.clone();
        drop(session);
        assert!(!left.exists());
    }

    #[test]
    fn a_dead_sessions_directory_goes_and_a_live_ones_stays() {
        let dir = tempfile::tempdir().unwrap();
        let sessions = dir.path().join("sessions");
        let template = template(dir.path());
        let live = SessionDir::create(&sessions, &template).unwrap();
        let dead = sessions.join("dead");
        fs::create_dir_all(&dead).unwrap();
        fs::write(dead.join("alive"), "").unwrap();
        let _next = SessionDir::create(&sessions, &template).unwrap();
        assert!(live.dir.exists());
        assert!(!dead.exists());
    }

    #[test]
    fn a_deep_cache_still_gets_a_socket_that_can_be_bound() {
        let dir = tempfile::tempdir().unwrap();
        let sessions = dir.path().join("d".repeat(120)).join("sessions");
        let session = SessionDir::create(&sessions, &template(dir.path())).unwrap();
        std::os::unix::net::UnixListener::bind(session.socket()).unwrap();
    }
}
