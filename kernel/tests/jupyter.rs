//! Jupyter's own tools against the installed kernel.

mod common;

use std::fs::File;
use std::path::Path;
use std::process::Stdio;

use common::python::{Python, succeed};
use serde_json::{Value, json};

#[test]
fn the_language_neutral_kernel_tests_of_jupyter_pass() {
    Python::with_kernel().test("kernel_test.py");
}

/// Runs a tool of Jupyter's , with what its user types; what it writes to standard output.
fn output(python: &Python, directory: &Path, arguments: &[&str], input: &str) -> String {
    let typed = directory.join("typed");
    std::fs::write(&typed, input).unwrap();
    let mut command = python.command("jupyter");
    let output = command
        .args(arguments)
        .current_dir(directory)
        .stdin(Stdio::from(File::open(typed).unwrap()))
        .output()
        .unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?} failed:\n{stdout}\n{stderr}");
    stdout
}

#[test]
fn jupyter_run_executes_a_file() {
    let (python, directory) = (Python::with_kernel(), tempfile::tempdir().unwrap());
    std::fs::write(directory.path().join("a.rs"), "println!(\"from a file\");\n6 * 7\n").unwrap();
    let told = output(&python, directory.path(), &["run", "--kernel", "crabtree", "a.rs"], "");
    assert!(told.contains("from a file") && told.contains("42"), "{told}");
}

#[test]
fn jupyter_console_runs_lines_and_passes_on_what_its_user_types() {
    let (python, directory) = (Python::with_kernel(), tempfile::tempdir().unwrap());
    let typed = "let x = 20;\nx * 2 + 2\nlet mut line = String::new(); std::io::stdin().read_line(&mut line).unwrap(); line.len()\nabcd\n";
    let arguments = ["console", "--kernel", "crabtree", "--simple-prompt"];
    let told = output(&python, directory.path(), &arguments, typed);
    assert!(told.contains("Out[2]: 42") && told.contains("Out[3]: 5"), "{told}");
}

#[test]
fn jupyter_execute_and_papermill_execute_a_notebook() {
    let (python, directory) = (Python::with_kernel(), tempfile::tempdir().unwrap());
    let cell = json!({
        "cell_type": "code", "id": "c", "metadata": {}, "outputs": [], "execution_count": null,
        "source": "let n = task::async_(async { 6 * 7 }).await?; n",
    });
    let kernelspec = json!({"name": "crabtree", "display_name": "Rust", "language": "rust"});
    let notebook = json!({"nbformat": 4, "nbformat_minor": 5, "metadata": {"kernelspec": kernelspec}, "cells": [cell]});
    let source = directory.path().join("n.ipynb");
    std::fs::write(&source, notebook.to_string()).unwrap();

    output(
        &python,
        directory.path(),
        &["execute", "n.ipynb", "--output=executed.ipynb"],
        "",
    );
    let mut papermill = python.command("papermill");
    succeed(
        papermill
            .args(["n.ipynb", "papermill.ipynb"])
            .current_dir(directory.path()),
    );
    for name in ["executed.ipynb", "papermill.ipynb"] {
        let text = std::fs::read_to_string(directory.path().join(name)).unwrap();
        let executed: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            executed["cells"][0]["outputs"][0]["data"]["text/plain"],
            json!(["42"]),
            "{name}: {text}"
        );
    }
}
