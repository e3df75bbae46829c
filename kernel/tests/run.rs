//! `crabtree run`, as a user runs it.

mod common;

use std::path::Path;
use std::process::Output;

use common::run::{Run, code, command, write};
use serde_json::{Value, json};

fn run(directory: &Path, args: &[&str]) -> Output {
    command(directory, args).output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn read(directory: &Path, name: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(directory.join(name)).unwrap()).unwrap()
}

/// The text that a cell of an executed notebook wrote to stdout.
fn stdout_of(notebook: &Value, cell: usize) -> String {
    let outputs = notebook["cells"][cell]["outputs"].as_array().unwrap();
    let streams = outputs.iter().filter(|output| output["name"] == "stdout");
    streams
        .flat_map(|output| output["text"].as_array().unwrap())
        .map(|line| line.as_str().unwrap())
        .collect()
}

#[test]
fn a_notebook_is_executed_and_written_with_everything_it_had() {
    let directory = tempfile::tempdir().unwrap();
    let prose = json!({"cell_type": "markdown", "id": "prose", "metadata": {}, "source": "# A title\n\nand *prose*"});
    let mut tagged = code("tagged", "panic!(\"as announced\");");
    tagged["metadata"]["tags"] = json!(["raises-exception"]);
    let cells = [
        prose,
        code(
            "one",
            "let p = spawn(async { receive! { text: String => println!(\"late: {text}\") } });\nprintln!(\"first\");",
        ),
        tagged,
        code(
            "two",
            "send(p, \"x\".to_string());\nprocess::sleep(ms(100)).await;\n6 * 7",
        ),
        code("three", "kino::html(\"<b>bold</b>\")"),
        code("where", "std::env::current_dir()?"),
    ];
    write(directory.path(), "n.ipynb", &cells);
    let output = run(directory.path(), &["n.ipynb", "--html"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(
        stderr(&output).contains("wrote n.executed.ipynb"),
        "{}",
        stderr(&output)
    );

    let executed = read(directory.path(), "n.executed.ipynb");
    let ids: Vec<&str> = executed["cells"]
        .as_array()
        .unwrap()
        .iter()
        .map(|cell| cell["id"].as_str().unwrap())
        .collect();
    assert_eq!(ids, ["prose", "one", "tagged", "two", "three", "where"]);
    assert_eq!(executed["metadata"]["vendor"], json!({"kept": true}));
    assert_eq!(executed["metadata"]["language_info"]["name"], "rust");
    assert_eq!(executed["metadata"]["kernelspec"]["language"], "rust");
    assert_eq!(
        stdout_of(&executed, 1),
        "first\nlate: x\n",
        "late output is in the cell of its process"
    );
    assert_eq!(executed["cells"][2]["outputs"][0]["output_type"], "error");
    assert_eq!(executed["cells"][3]["outputs"][0]["data"]["text/plain"], json!(["42"]));
    assert_eq!(executed["cells"][3]["execution_count"], 3);
    assert_eq!(
        executed["cells"][4]["outputs"][0]["data"]["text/html"],
        json!(["<b>bold</b>"])
    );
    let place = executed["cells"][5]["outputs"][0]["data"]["text/plain"].to_string();
    let name = directory.path().file_name().unwrap().to_str().unwrap();
    assert!(place.contains(name), "the kernel runs beside the notebook: {place}");

    let page = std::fs::read_to_string(directory.path().join("n.executed.html")).unwrap();
    for part in [
        "<title>A title</title>",
        "<em>prose</em>",
        "<b>bold</b>",
        "late: x",
        "as announced",
    ] {
        assert!(page.contains(part), "{part}");
    }
}

#[test]
fn a_failing_cell_ends_the_run_and_is_told() {
    let directory = tempfile::tempdir().unwrap();
    write(
        directory.path(),
        "n.ipynb",
        &[
            code("a", "1"),
            code("b", "// why\nlet n: i32 = \"seven\".parse()?;"),
            code("c", "3"),
        ],
    );
    let output = run(directory.path(), &["n.ipynb"]);
    assert_eq!(output.status.code(), Some(1));
    let told = stderr(&output);
    for part in [
        "n.ipynb: code cell 2 of 3 (id b) failed",
        "2 | let n: i32 = \"seven\".parse()?;",
        "InvalidDigit",
    ] {
        assert!(told.contains(part), "{part} in {told}");
    }
    let partial = read(directory.path(), "n.executed.ipynb");
    assert_eq!(partial["cells"][0]["execution_count"], 1);
    assert_eq!(partial["cells"][1]["outputs"][0]["output_type"], "error");
    assert_eq!(partial["cells"][2]["outputs"], json!([]));
}

#[test]
fn with_allow_errors_the_run_goes_on_and_succeeds() {
    let directory = tempfile::tempdir().unwrap();
    write(
        directory.path(),
        "n.ipynb",
        &[code("a", "panic!(\"BOOM\");"), code("b", "println!(\"after\");")],
    );
    let output = run(directory.path(), &["n.ipynb", "--allow-errors", "--output-dir", "out"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(stdout_of(&read(directory.path(), "out/n.ipynb"), 1), "after\n");
}

#[test]
fn a_cell_that_takes_too_long_is_interrupted_and_fails() {
    let directory = tempfile::tempdir().unwrap();
    write(
        directory.path(),
        "n.ipynb",
        &[
            code("a", "1"),
            code("b", "println!(\"waiting\"); std::future::pending::<()>().await;"),
        ],
    );
    let output = run(directory.path(), &["n.ipynb", "--timeout", "20"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("longer than 20 s and was interrupted"),
        "{}",
        stderr(&output)
    );
    assert_eq!(stdout_of(&read(directory.path(), "n.executed.ipynb"), 1), "waiting\n");
}

#[test]
fn ctrl_c_ends_the_run_and_writes_what_was_executed() {
    let directory = tempfile::tempdir().unwrap();
    write(
        directory.path(),
        "n.ipynb",
        &[
            code("a", "println!(\"done\");"),
            code("b", "std::future::pending::<()>().await;"),
        ],
    );
    let mut run = Run::start(&mut command(directory.path(), &["n.ipynb"]));
    run.says("cell 1/2");
    run.interrupt();
    run.says("code cell 2 of 2 (id b) failed: it was interrupted");
    assert_eq!(run.ended().code(), Some(130));
    assert_eq!(stdout_of(&read(directory.path(), "n.executed.ipynb"), 0), "done\n");
}

#[test]
fn a_reader_learns_what_is_wrong_with_a_notebook_before_anything_runs() {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), "good.ipynb", &[code("a", "1")]);
    write(directory.path(), "empty.ipynb", &[]);
    std::fs::write(directory.path().join("bad.ipynb"), "{").unwrap();
    for (notebook, complaint) in [
        ("missing.ipynb", "cannot read missing.ipynb"),
        ("bad.ipynb", "it is not JSON"),
        ("empty.ipynb", "no code cells"),
    ] {
        let output = run(directory.path(), &["good.ipynb", notebook]);
        assert_eq!(output.status.code(), Some(1), "{notebook}");
        assert!(stderr(&output).contains(complaint), "{notebook}: {}", stderr(&output));
        assert!(!directory.path().join("good.executed.ipynb").exists(), "{notebook}");
    }
}
