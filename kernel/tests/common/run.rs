//! `crabtree run`, as a user runs it.

use std::io::{BufRead as _, BufReader, Lines};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};

use serde_json::{Value, json};

/// The command, to be run in a directory.
pub fn command(directory: &Path, args: &[&str]) -> Command {
    super::prepare();
    let mut command = Command::new(super::crabtree());
    command
        .arg("run")
        .args(args)
        .current_dir(directory)
        .env("CRABTREE_CACHE_DIR", super::cache());
    command
}

/// A cell of a notebook.
pub fn code(id: &str, source: &str) -> Value {
    json!({"cell_type": "code", "id": id, "metadata": {}, "outputs": [], "execution_count": null, "source": source})
}

/// Writes a notebook.
pub fn write(directory: &Path, name: &str, cells: &[Value]) {
    let notebook = json!({"nbformat": 4, "nbformat_minor": 5, "metadata": {"vendor": {"kept": true}}, "cells": cells});
    std::fs::write(directory.join(name), notebook.to_string()).unwrap();
}

/// A run that goes on.
pub struct Run {
    process: Child,
    told: Lines<BufReader<ChildStderr>>,
}

impl Run {
    /// Begins it.
    pub fn start(command: &mut Command) -> Run {
        let mut process = command.stderr(Stdio::piped()).spawn().unwrap();
        let told = BufReader::new(process.stderr.take().unwrap()).lines();
        Run { process, told }
    }

    /// Waits until it says something.
    pub fn says(&mut self, text: &str) {
        let said = self.told.any(|line| line.unwrap().contains(text));
        assert!(said, "{text:?} was not said");
    }

    /// Sends it what Ctrl-C sends.
    pub fn interrupt(&self) {
        let pid = self.process.id().to_string();
        assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    }

    /// Waits for its end.
    pub fn ended(&mut self) -> ExitStatus {
        self.process.wait().unwrap()
    }
}
