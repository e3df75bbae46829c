//! A Python environment with Jupyter's tools and the kernel under test in it.

use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{cache, crabtree};

/// The environment.
pub struct Python {
    directory: PathBuf,
    /// What is in it: a file beside the Python tests.
    requirements: PathBuf,
}

impl Python {
    /// Jupyter's tools for batches and for terminals.
    pub fn with_kernel() -> Python {
        Python::environment("python", "requirements.txt")
    }

    /// JupyterLab. Tests that need none of it are spared its size.
    pub fn with_jupyterlab() -> Python {
        Python::environment("jupyterlab", "jupyterlab.txt")
    }

    /// Makes the environment, or finds it as an earlier test left it, and installs the kernel in it.
    fn environment(name: &str, requirements: &str) -> Python {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir_all(&directory).unwrap();
        // Tests of several files may come here at once.
        let gate = File::create(directory.with_extension("lock")).unwrap();
        gate.lock().unwrap();
        let requirements = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/python")
            .join(requirements);
        let python = Python {
            directory,
            requirements,
        };
        python.ensure_packages();
        let prefix = python.directory.as_os_str();
        succeed(
            Command::new(crabtree())
                .args(["install".as_ref(), "--prefix".as_ref(), prefix])
                .env("CRABTREE_CACHE_DIR", cache()),
        );
        python
    }

    fn ensure_packages(&self) {
        let installed = self.directory.join("installed.txt");
        let wanted = std::fs::read_to_string(&self.requirements).unwrap();
        if std::fs::read_to_string(&installed).is_ok_and(|installed| installed == wanted) {
            return;
        }
        succeed(
            Command::new("python3")
                .args(["-m", "venv", "--clear"])
                .arg(&self.directory),
        );
        succeed(
            self.command("python")
                .args(["-m", "pip", "install", "--quiet", "-r"])
                .arg(&self.requirements),
        );
        std::fs::write(installed, wanted).unwrap();
    }

    /// Where the environment's programs are.
    pub fn programs(&self) -> PathBuf {
        self.directory.join("bin")
    }

    /// One of the environment's programs, to be run with the environment's kernels only.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.programs().join(program));
        self.activate(&mut command);
        command
    }

    /// Has a command find the environment's programs, and the environment's kernels only.
    pub fn activate(&self, command: &mut Command) {
        let mut path = self.programs().into_os_string();
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap_or_default());
        command
            .env("VIRTUAL_ENV", &self.directory)
            .env("PATH", path)
            .env("JUPYTER_DATA_DIR", self.directory.join("no-user-data"))
            .env("CRABTREE_CACHE_DIR", cache())
            .env("CRABTREE_HISTORY", self.directory.join("history.sqlite"))
            .env_remove("PYTHONHOME");
    }

    /// Runs one of the Python files of this directory, and lets it be heard.
    pub fn test_aloud(&self, file: &str) {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python").join(file);
        let status = self.command("python").arg("-B").arg(file).status().unwrap();
        assert!(status.success(), "{status}");
    }

    /// Runs one of the Python test files of this directory.
    pub fn test(&self, file: &str) {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python").join(file);
        succeed(
            self.command("python")
                .args([OsStr::new("-B"), file.as_os_str(), OsStr::new("-v")]),
        );
    }
}

/// Runs a command; its output is shown when it fails.
pub fn succeed(command: &mut Command) {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("cannot run {command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?} failed:\n{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}
