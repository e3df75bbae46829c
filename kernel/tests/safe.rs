//! What a session keeps in files is its user's alone, and goes with it.

mod common;

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use common::{Control, Kernel, patiently};
use serde_json::json;

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// The directory of a kernel's session.
async fn session(kernel: &mut Kernel) -> PathBuf {
    let link = kernel.value("std::env::var(\"CRABTREE_LINK\")?").await;
    PathBuf::from(link.trim_matches('"')).parent().unwrap().to_owned()
}

fn is_alive(pid: &str) -> bool {
    // A zombie has ended.
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"));
    status.is_ok_and(|status| !status.contains("State:\tZ"))
}

async fn gone(what: &str, is_there: impl Fn() -> bool) {
    patiently(what, async {
        while is_there() {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_private_and_gone_after_shutdown_and_sigterm_with_its_subshells() {
    for shutdown in [true, false] {
        let mut kernel = Kernel::start().await;
        let directory = session(&mut kernel).await;
        let host = kernel.value("std::process::id()").await;
        assert_eq!((mode(&directory), mode(directory.parent().unwrap())), (0o700, 0o700));
        let socket = directory.join("link");
        assert!(socket.exists(), "the socket is within");
        let subshells = std::fs::read_dir(directory.parent().unwrap()).unwrap().count();
        let subshell = kernel.ask(Control, "create_subshell_request", json!({})).await;
        let mut request = common::Message::request("execute_request", common::execute_content("1"));
        request.extra = json!({"subshell_id": subshell["subshell_id"]});
        let request = kernel.send_message(common::Shell, request).await;
        assert_eq!(kernel.finish(request).await.value(), "1");
        assert!(subshells > 0);
        if shutdown {
            kernel.ask(Control, "shutdown_request", json!({"restart": false})).await;
        } else {
            kernel.signal("-TERM");
        }
        assert!(kernel.ended().await.success());
        assert!(!directory.exists(), "{} is left", directory.display());
        assert!(!Path::new(kernel.iopub_path()).exists(), "the socket of IOPub is left");
        gone("the host's end", || is_alive(&host)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_kernel_leaves_is_removed_by_the_next_start() {
    let mut kernel = Kernel::start().await;
    let directory = session(&mut kernel).await;
    let host = kernel.value("std::process::id()").await;
    kernel.signal("-KILL");
    kernel.ended().await;
    gone("the end of the host, which has nobody to serve", || is_alive(&host)).await;
    assert!(directory.exists(), "nobody could remove it");
    let mut next = Kernel::start().await;
    assert_eq!(next.value("1").await, "1");
    assert!(!directory.exists(), "{} is left", directory.display());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_whose_host_was_killed_goes_on_and_leaves_nothing() {
    let mut kernel = Kernel::start().await;
    let directory = session(&mut kernel).await;
    let host = kernel.value("std::process::id()").await;
    let killed = Command::new("kill").args(["-KILL", &host]).status().unwrap();
    assert!(killed.success());
    gone("the host's end", || is_alive(&host)).await;
    // This cell may be the one that finds out.
    kernel.execute("1").await;
    assert_eq!(kernel.value("2").await, "2");
    assert_eq!(session(&mut kernel).await, directory);
    kernel.ask(Control, "shutdown_request", json!({"restart": false})).await;
    assert!(kernel.ended().await.success());
    assert!(!directory.exists(), "{} is left", directory.display());
}

#[test]
fn a_run_keeps_its_connection_file_private_and_leaves_nothing_after_ctrl_c() {
    common::prepare();
    let directory = tempfile::tempdir().unwrap();
    let temporary = directory.path().join("t");
    std::fs::create_dir(&temporary).unwrap();
    let cell = |source: &str| json!({"cell_type": "code", "id": source.len().to_string(), "metadata": {}, "execution_count": null, "outputs": [], "source": source});
    let notebook = json!({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [
        cell("std::fs::write(\"session\", std::env::var(\"CRABTREE_LINK\")?)?;"), cell("std::future::pending::<()>().await;")]});
    std::fs::write(directory.path().join("n.ipynb"), notebook.to_string()).unwrap();
    let mut run = Command::new(common::crabtree())
        .args(["run", "n.ipynb"])
        .current_dir(directory.path())
        .env("CRABTREE_CACHE_DIR", common::cache())
        .env("TMPDIR", &temporary)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut told = BufReader::new(run.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(
        told.any(|line| line.contains("cell 1/2")),
        "the first cell has not ended"
    );
    let private = std::fs::read_dir(&temporary)
        .unwrap()
        .flatten()
        .next()
        .expect("a directory")
        .path();
    assert_eq!((mode(&private), mode(&private.join("connection.json"))), (0o700, 0o600));
    let link = std::fs::read_to_string(directory.path().join("session")).unwrap();
    let session = Path::new(&link).parent().unwrap();
    assert!(session.exists());
    let pid = run.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    assert_eq!(run.wait().unwrap().code(), Some(130));
    assert!(!session.exists(), "{} is left", session.display());
    let left: Vec<_> = std::fs::read_dir(&temporary).unwrap().flatten().collect();
    assert!(left.is_empty(), "{left:?}");
}
