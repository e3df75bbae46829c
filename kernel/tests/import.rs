//! `crabtree import`, as a user runs it.

mod common;

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

const CHAPTER: &str = r#"<!-- livebook:{"file_entries":[{"name":"tree.svg","type":"attachment"},{"name":"gone.png","type":"attachment"}]} -->

# Counting

See [the next one](next.livemd).

![A tree](files/tree.svg)

## A process that counts

```elixir
Enum.sum(1..3)
```

<!-- livebook:{"output":true} -->

```
6
```
"#;

fn import(directory: &Path, args: &[&str]) -> Output {
    Command::new(common::crabtree())
        .arg("import")
        .args(args)
        .current_dir(directory)
        .output()
        .unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A directory with a chapter and one of its two attachments.
fn chapter() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("ch.livemd"), CHAPTER).unwrap();
    std::fs::create_dir(directory.path().join("images")).unwrap();
    std::fs::write(directory.path().join("images/tree.svg"), "<svg/>").unwrap();
    directory
}

#[test]
fn a_chapter_of_livebook_becomes_a_notebook_with_its_attachments() {
    let directory = chapter();
    std::fs::create_dir(directory.path().join("out")).unwrap();
    let output = import(directory.path(), &["ch.livemd", "-o", "out/chapter.ipynb"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(
        stderr(&output).contains("1 code cells to port, 1 saved outputs"),
        "{}",
        stderr(&output)
    );
    assert!(
        stderr(&output).contains("\"gone.png\" was not found"),
        "{}",
        stderr(&output)
    );

    let text = std::fs::read_to_string(directory.path().join("out/chapter.ipynb")).unwrap();
    let notebook: Value = serde_json::from_str(&text).unwrap();
    assert_eq!([&notebook["nbformat"], &notebook["nbformat_minor"]], [4, 5]);
    let kinds: Vec<&Value> = notebook["cells"]
        .as_array()
        .unwrap()
        .iter()
        .map(|cell| &cell["cell_type"])
        .collect();
    assert_eq!(kinds, ["markdown", "markdown", "markdown", "code"]);
    assert!(text.contains("(next.ipynb)"), "{text}");
    assert!(text.contains("(./files/tree.svg)"), "{text}");
    assert!(directory.path().join("out/files/tree.svg").exists());
}

#[test]
fn what_is_there_is_replaced_only_when_asked() {
    let directory = chapter();
    assert!(import(directory.path(), &["ch.livemd"]).status.success());
    let again = import(directory.path(), &["ch.livemd"]);
    assert!(!again.status.success());
    assert!(
        stderr(&again).contains("ch.ipynb is there already; --force replaces it"),
        "{}",
        stderr(&again)
    );
    assert!(import(directory.path(), &["ch.livemd", "--force"]).status.success());
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let output = import(directory.path(), &["none.livemd"]);
    assert!(!output.status.success());
    assert!(
        stderr(&output).contains("cannot read none.livemd"),
        "{}",
        stderr(&output)
    );
}
