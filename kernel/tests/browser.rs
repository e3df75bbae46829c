//! What a reader sees: notebooks in JupyterLab, and pages made of notebooks, in a real browser.
//!
//! The tests themselves are in `browser/`, in the language of pages; here is what they run with. Node and Chromium must
//! be there. What the browser showed is kept below the target directory, for people to look at.

mod common;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::python::{Python, succeed};

#[test]
fn a_notebook_in_jupyterlab_shows_what_its_processes_do() {
    run("lab.test.js");
}

#[test]
fn pages_made_of_notebooks_show_their_pictures_without_a_network() {
    run("pages.test.js");
}

/// Runs the tests in one file of `browser/`.
fn run(file: &str) {
    let (node, chromium) = (node(), chromium());
    let packages = packages();
    let jupyterlab = Python::with_jupyterlab();
    let shots = directory("shots");
    println!("what the browser shows is kept in {}", shots.display());
    let work = tempfile::tempdir().unwrap();
    let mut command = Command::new(node);
    jupyterlab.activate(&mut command);
    succeed(
        command
            .arg("--test")
            .arg(sources().join(file))
            .env("NODE_PATH", packages)
            .env("CHROMIUM", chromium)
            .env("JUPYTER", jupyterlab.programs())
            .env("SHOTS", shots)
            .env("WORK", work.path()),
    );
}

fn node() -> PathBuf {
    found("NODE", &["node", "nodejs"], "Node 18 or later", "nodejs npm")
}

fn chromium() -> PathBuf {
    let names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
    found("CHROMIUM", &names, "Chromium", "chromium")
}

/// A program of this machine.
fn found(variable: &str, names: &[&str], what: &str, packages: &str) -> PathBuf {
    if let Some(named) = std::env::var_os(variable) {
        return named.into();
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let candidates =
        std::env::split_paths(&path).flat_map(|directory| names.iter().map(move |name| directory.join(name)));
    candidates
        .into_iter()
        .find(|candidate| candidate.is_file())
        .unwrap_or_else(|| {
            panic!(
                "{what} is not there, and these tests drive a real browser. None of {names:?} is in PATH; on Debian, \
             `apt-get install {packages}` installs it. {variable} may name it as well"
            )
        })
}

/// The packages of the tests, installed as their lock file says. No browser is among them.
fn packages() -> PathBuf {
    let installed = directory("browser");
    // Tests may come here at once.
    let gate = File::create(installed.with_extension("lock")).unwrap();
    gate.lock().unwrap();
    let lock = "package-lock.json";
    let wanted = std::fs::read(sources().join(lock)).unwrap();
    let is_there = std::fs::read(installed.join("node_modules").join(lock)).is_ok_and(|there| there == wanted);
    if !is_there {
        for file in ["package.json", lock] {
            std::fs::copy(sources().join(file), installed.join(file)).unwrap();
        }
        let npm = found("NPM", &["npm"], "npm", "npm");
        let install = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"];
        succeed(Command::new(npm).args(install).current_dir(&installed));
        std::fs::write(installed.join("node_modules").join(lock), wanted).unwrap();
    }
    installed.join("node_modules")
}

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser")
}

/// A directory outside of the checkout.
fn directory(name: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&directory).unwrap();
    directory
}
