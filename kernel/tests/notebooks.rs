//! The notebooks of the book, executed by Jupyter's own tools and by `crabtree run`: what they show is what their
//! chapters say.

mod common;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::python;
use serde_json::Value;

const BASICS: &str = "ch_2.2_process_basics";
const LINKING: &str = "ch_2.3_process_linking";
const STRATEGIES: &str = "ch_5.2_supervision_strategies";
const ALL: [&str; 3] = [BASICS, LINKING, STRATEGIES];

#[test]
fn nbconvert_executes_the_chapter_on_process_basics() {
    check_basics(&nbconvert(BASICS));
}

#[test]
fn nbconvert_executes_the_chapter_on_linking() {
    check_linking(&nbconvert(LINKING));
}

#[test]
fn nbconvert_executes_the_chapter_on_strategies() {
    check_strategies(&nbconvert(STRATEGIES), LateOutput::InTheRunningCell);
}

#[test]
fn crabtree_runs_all_chapters_and_writes_them_as_pages() {
    let results = crabtree_run(&ALL);
    let executed = |name: &str| Notebook::read(&results.path().join(format!("{name}.ipynb")));
    check_basics(&executed(BASICS));
    check_linking(&executed(LINKING));
    check_strategies(&executed(STRATEGIES), LateOutput::InItsOwnCell);
    for name in ALL {
        let page = std::fs::read_to_string(results.path().join(format!("{name}.html"))).unwrap();
        assert!(page.contains("data:image/svg+xml"), "{name} has pictures");
        assert!(!page.contains("<script src"), "{name} needs no network");
    }
}

#[test]
fn saved_notebooks_are_whole() {
    for name in ALL {
        let notebook = Notebook::read(&source(name));
        assert_eq!(
            (
                notebook.json["nbformat"].as_i64(),
                notebook.json["nbformat_minor"].as_i64()
            ),
            (Some(4), Some(5))
        );
        assert_eq!(notebook.json["metadata"]["kernelspec"]["name"], "crabtree");
        for (index, cell) in notebook.cells().filter(|cell| cell.is_code()).enumerate() {
            assert_eq!(
                cell.0["execution_count"],
                index + 1,
                "{name}, {}: saved as it ran",
                cell.id()
            );
            assert_eq!(
                cell.error().is_some(),
                cell.has_tag("raises-exception"),
                "{name}, {}",
                cell.id()
            );
        }
        for target in notebook
            .cells()
            .flat_map(|cell| links(&cell.source()))
            .filter(|target| !target.contains("://"))
        {
            let path = source(name).with_file_name(&target);
            assert!(path.exists(), "{name} links to {target}");
        }
    }
}

/// Where the output of a process is shown whose own cell has ended: in that cell, unless the front end can no longer
/// write to it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum LateOutput {
    InItsOwnCell,
    InTheRunningCell,
}

fn check_basics(notebook: &Notebook) {
    notebook.has_no_errors();
    notebook.shows_no_units();
    let info = notebook.cell("process-info").value();
    assert!(
        info.contains(r#"registered_name: Some("#) && info.contains(r#""user""#),
        "{info}"
    );

    for (cell, value) in [
        ("dictionary-put", "None"),
        ("dictionary-get", "Some(1)"),
        ("dictionary-keys", r#"["count", "locale"]"#),
        ("dictionary-delete", "Some(1)"),
        ("dictionary-all", r#"[("locale", "en")]"#),
        ("spawn", "false"),
    ] {
        assert_eq!(on_one_line(&notebook.cell(cell).value()), value, "{cell}");
    }

    assert_eq!(notebook.cell("spawn").stdout(), "true\nHello world\n");

    let lines = "Messages in mailbox: [\"ping\"]\npong\nMessages in mailbox: []\n";
    assert_eq!(notebook.cell("send-and-receive").stdout(), lines);

    let after = notebook.cell("receive-after");
    assert_eq!(
        (after.stdout().as_str(), after.stderr().as_str()),
        ("", "Timeout, no message in 1 second\n")
    );

    let lines = "Messages in mailbox before flush: [\"hello\"]\n\"hello\"\nMessages in mailbox after flush: []\n";
    assert_eq!(notebook.cell("flush-mailbox").stdout(), lines);
}

fn check_linking(notebook: &Notebook) {
    let kept = pids(&notebook.cell("before-the-crash").value());
    let [evaluator, bystander] = kept.as_slice() else {
        panic!("two pids: {kept:?}")
    };

    let unlinked = notebook.cell("unlinked-crash");
    let child = &pids(&unlinked.stdout())[0];
    assert!(unlinked.stdout().ends_with("Parent process still alive!\n"));
    assert!(
        unlinked
            .stderr()
            .contains(&format!("[error] Process {child} terminating")),
        "{}",
        unlinked.stderr()
    );
    assert!(unlinked.stderr().contains("BOOM! Unlinked process crashed!"));

    let linked = notebook.cell("linked-crash");
    let (_, evalue) = linked.error().expect("the cell dies of its linked process");
    assert!(evalue.contains("BOOM! Linked process crashed!"), "{evalue}");
    assert!(!evalue.contains("src/lib.rs"), "no place in generated code: {evalue}");
    let output = linked.stdout();
    let seen = pids(&output);
    assert_eq!(seen[0], seen[1], "the child is linked: {output}");
    assert!(!output.contains("still alive"), "{output}");
    assert!(
        linked
            .stderr()
            .contains(&format!("[error] Process {} terminating", seen[0]))
    );

    let after = notebook.cell("after-the-crash").stdout();
    let new = &pids(&after)[1];
    assert_ne!(new, evaluator, "a new evaluator has taken over");
    let lines = format!(
        "Old evaluator {evaluator}, alive: false\nNew evaluator {new}, alive: true\nBystander {bystander}, alive: true\n"
    );
    assert_eq!(after, lines);

    assert_eq!(
        notebook.cell("linked-normal-exit").stdout(),
        "Linked process alive? false\n"
    );

    let output = notebook.cell("linking-process").stdout();
    let (parent, child) = (&pids(&output)[0], &pids(&output)[1]);
    assert_eq!(parent, new, "all cells are run by one process");
    let lines = [
        format!("Parent process: {parent}"),
        format!("Child process: {child}"),
        "Parent process links: []".to_owned(),
        "Child process links: []".to_owned(),
        format!("Parent process links: [{child}]"),
        format!("Child process links: [{parent}]"),
    ];
    assert_eq!(output.lines().collect::<Vec<_>>(), lines);

    let ends = notebook.cell("cascade").stdout();
    assert_eq!(
        ends.lines().filter(|line| line.ends_with("ended: boom")).count(),
        5,
        "{ends}"
    );

    let trapped = notebook.cell("trap-exit").stdout();
    let [signal] = &pids(&trapped)[..] else {
        panic!("{trapped}")
    };
    let message = format!("Exit {{ from: {signal}, reason: \"boom\" }}");
    assert_eq!(
        trapped,
        format!("Child process alive? false\nMessages in parent process mailbox: [{message}]\n")
    );
    assert_eq!(notebook.cell("stop-trapping").value(), "true");

    let lines = "Process alive initially: true\nAfter a Normal exit signal: true\n\
        After a \"boom\" exit signal: true\nAfter a Kill exit signal: false\n";
    assert_eq!(notebook.cell("unkillable").stdout(), lines);
    assert_eq!(notebook.cell("normal-signal-trapped").stdout(), "It trapped: normal\n");

    notebook.shows_no_units();
    let failed: Vec<_> = notebook
        .cells()
        .filter(|cell| cell.error().is_some())
        .map(|cell| cell.id())
        .collect();
    assert_eq!(failed, ["linked-crash"]);
}

fn check_strategies(notebook: &Notebook, late: LateOutput) {
    notebook.has_no_errors();
    notebook.shows_no_units();
    for (strategy, restarted) in [
        ("one-for-one", &["dummy2"][..]),
        ("one-for-all", &["dummy1", "dummy2", "dummy3"]),
        ("rest-for-one", &["dummy2", "dummy3"]),
    ] {
        let start = notebook.cell(&format!("{strategy}-start"));
        let crash = notebook.cell(&format!("{strategy}-crash"));
        let (before, after) = (children(&start.stdout()), children(&crash.stdout()));
        assert_eq!(before.len(), 3, "{}", start.stdout());
        for (name, old) in &before {
            let new = &after[name];
            if restarted.contains(&name.as_str()) {
                assert!(
                    old.pid != new.pid && old.state != new.state,
                    "{strategy} restarts {name}: {old:?}, {new:?}"
                );
            } else {
                assert_eq!(old, new, "{strategy} leaves {name} alone");
            }
        }

        let reporting = if late == LateOutput::InItsOwnCell { start } else { crash };
        let first: Vec<_> = ["dummy1", "dummy2", "dummy3"]
            .iter()
            .map(|name| format!("{name} starting up!"))
            .collect();
        let again: Vec<_> = restarted.iter().map(|name| format!("{name} starting up!")).collect();
        match late {
            LateOutput::InItsOwnCell => assert_eq!(start.lines_with("starting up!"), [first, again].concat()),
            LateOutput::InTheRunningCell => {
                assert_eq!(start.lines_with("starting up!"), first);
                assert_eq!(crash.lines_with("starting up!"), again);
            }
        }
        let dead = &before["dummy2"];
        let report = reporting.stderr();
        for part in [
            format!("[error] GenServer dummy2 {} terminating", dead.pid),
            format!("BOOM! CrashDummyServer process {} crashed!", dead.pid),
            "Last message: Boom".to_owned(),
            format!("State: {}", dead.state),
        ] {
            assert!(report.contains(&part), "{strategy}: {part:?} is not in {report}");
        }

        for (cell, children) in [(start, &before), (crash, &after)] {
            let tree = cell.tree();
            assert!(tree.contains("CrashDummySupervisor"), "{tree}");
            for (name, child) in children {
                assert!(
                    tree.contains(name) && tree.contains(&child.pid),
                    "{name} {} in {tree}",
                    child.pid
                );
            }
        }
    }
    let links = notebook
        .cell("one-for-one-start")
        .lines_with("Supervisor's links")
        .concat();
    assert_eq!(pids(&links).len(), 4, "three children and the evaluator: {links}");
}

#[derive(Debug, PartialEq, Eq)]
struct Child {
    pid: String,
    state: String,
}

/// The children that `look_at` printed, by name.
fn children(output: &str) -> BTreeMap<String, Child> {
    let line = |start: &str| {
        let found = output
            .lines()
            .find_map(|line| line.trim_start().strip_prefix(start).map(str::to_owned));
        found.unwrap_or_else(|| panic!("no line with {start:?} in {output}"))
    };
    let child = |name: &str| Child {
        pid: pids(&line(&format!("(\"{name}\"")))[0].clone(),
        state: line(&format!("State of {name}: ")),
    };
    ["dummy1", "dummy2", "dummy3"]
        .map(|name| (name.to_owned(), child(name)))
        .into()
}

/// The pids in a text, in order.
fn pids(text: &str) -> Vec<String> {
    let inside = |part: &str| {
        let (pid, _) = part.split_once('>')?;
        pid.chars()
            .all(|c| c.is_ascii_digit() || c == '.')
            .then(|| format!("<{pid}>"))
    };
    text.split('<').skip(1).filter_map(inside).collect()
}

/// The targets of the links and pictures in a Markdown text.
fn links(markdown: &str) -> Vec<String> {
    markdown
        .split("](")
        .skip(1)
        .filter_map(|rest| Some(rest.split_once(')')?.0.to_owned()))
        .collect()
}

/// A value that Debug may have spread over several lines, on one.
fn on_one_line(value: &str) -> String {
    let words: Vec<_> = value.split_whitespace().collect();
    words
        .join(" ")
        .replace("[ ", "[")
        .replace(", ]", "]")
        .replace("( ", "(")
        .replace(", )", ")")
}

/// Executes a notebook with `jupyter nbconvert` and the installed kernel.
fn nbconvert(name: &str) -> Notebook {
    let python = python::Python::with_kernel();
    let directory = tempfile::tempdir().unwrap();
    let result = directory.path().join("executed.ipynb");
    python::succeed(
        python
            .command("jupyter")
            .args(["nbconvert", "--to", "notebook", "--execute"])
            .arg(source(name))
            .arg("--output")
            .arg(&result),
    );
    Notebook::read(&result)
}

/// Executes notebooks with `crabtree run`, which needs no Python; the results are in the directory.
fn crabtree_run(names: &[&str]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    python::succeed(
        Command::new(common::crabtree())
            .arg("run")
            .args(names.iter().map(|name| source(name)))
            .args(["--html".as_ref(), "--output-dir".as_ref(), directory.path().as_os_str()])
            .env("CRABTREE_CACHE_DIR", common::cache()),
    );
    directory
}

struct Notebook {
    json: Value,
}

#[derive(Clone, Copy)]
struct Cell<'a>(&'a Value);

impl Notebook {
    fn read(path: &Path) -> Notebook {
        let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Notebook {
            json: serde_json::from_str(&text).unwrap(),
        }
    }

    fn cells(&self) -> impl Iterator<Item = Cell<'_>> {
        self.json["cells"].as_array().unwrap().iter().map(Cell)
    }

    fn cell(&self, id: &str) -> Cell<'_> {
        self.cells()
            .find(|cell| cell.id() == id)
            .unwrap_or_else(|| panic!("no cell {id}"))
    }

    fn has_no_errors(&self) {
        for cell in self.cells() {
            assert_eq!(cell.error(), None, "{}", cell.id());
        }
    }

    /// A statement has no value worth showing.
    fn shows_no_units(&self) {
        let unit =
            |output: &Value| output["output_type"] == "execute_result" && text(&output["data"]["text/plain"]) == "()";
        for cell in self.cells() {
            assert!(!cell.outputs().any(unit), "{} shows ()", cell.id());
        }
    }
}

impl<'a> Cell<'a> {
    fn id(self) -> &'a str {
        self.0["id"].as_str().unwrap()
    }

    fn is_code(self) -> bool {
        self.0["cell_type"] == "code"
    }

    fn source(self) -> String {
        text(&self.0["source"])
    }

    fn has_tag(self, tag: &str) -> bool {
        self.0["metadata"]["tags"]
            .as_array()
            .is_some_and(|tags| tags.iter().any(|one| one == tag))
    }

    fn outputs(self) -> impl Iterator<Item = &'a Value> {
        self.0["outputs"].as_array().into_iter().flatten()
    }

    fn stream(self, name: &str) -> String {
        let streams = self
            .outputs()
            .filter(|output| output["output_type"] == "stream" && output["name"] == name);
        streams.map(|output| text(&output["text"])).collect()
    }

    fn stdout(self) -> String {
        self.stream("stdout")
    }

    fn stderr(self) -> String {
        self.stream("stderr")
    }

    fn lines_with(self, part: &str) -> Vec<String> {
        self.stdout()
            .lines()
            .filter(|line| line.contains(part))
            .map(str::to_owned)
            .collect()
    }

    fn value(self) -> String {
        let result = self.outputs().find(|output| output["output_type"] == "execute_result");
        text(&result.unwrap_or_else(|| panic!("{} has no value: {}", self.id(), self.0))["data"]["text/plain"])
    }

    /// The one picture of a tree that the cell shows, which is an SVG, an image that every front end takes, and text.
    fn tree(self) -> String {
        let pictures: Vec<_> = self
            .outputs()
            .filter(|output| output["data"]["image/svg+xml"] != Value::Null)
            .collect();
        let [picture] = pictures[..] else {
            panic!("{} shows {} pictures", self.id(), pictures.len())
        };
        let data = &picture["data"];
        assert!(text(&data["image/svg+xml"]).starts_with("<svg"));
        assert!(text(&data["text/html"]).contains("data:image/svg+xml;base64,"));
        assert!(!text(&data["text/plain"]).is_empty());
        text(&data["image/svg+xml"]).replace("&lt;", "<").replace("&gt;", ">")
    }

    fn error(self) -> Option<(&'a str, &'a str)> {
        let error = self.outputs().find(|output| output["output_type"] == "error")?;
        Some((error["ename"].as_str()?, error["evalue"].as_str()?))
    }
}

/// Notebooks hold text in one piece or line by line.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(lines) => lines.iter().map(|line| line.as_str().unwrap()).collect(),
        other => panic!("not text: {other}"),
    }
}

fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../notebooks")
        .join(format!("{name}.ipynb"))
}
