//! A cell that has become the same source before is not compiled again, and nobody can tell but by the time it takes.

mod common;

use std::path::Path;

use common::{Execution, Kernel};

/// A number that no earlier run has had, so that its cells are new.
fn number() -> u128 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.unwrap().as_nanos() % 1_000_000_000
}

/// What a session came to.
struct Session {
    cells: Vec<Execution>,
    /// How often rustc was called for its cells.
    compiled: usize,
}

impl Session {
    /// Runs cells in a session of their own, in whose environment, and in whose directory, there is more.
    async fn run(cells: &[&str], environment: &[(&str, &str)], files: &[(&str, &str)]) -> Session {
        let directory = tempfile::tempdir().unwrap();
        let timings = directory.path().join("timings");
        let marks = |timings: &Path| {
            let text = std::fs::read_to_string(timings).unwrap();
            text.lines().filter(|line| line.ends_with(" rustc")).count()
        };
        let own = [("CRABTREE_TIMINGS", timings.to_str().unwrap())];
        let mut kernel = Kernel::start_with(&[&own, environment].concat(), files).await;
        // The session has started.
        kernel.run("0;").await;
        let before = marks(&timings);
        let mut executions = Vec::new();
        for cell in cells {
            executions.push(kernel.execute(cell).await);
        }
        Session {
            cells: executions,
            compiled: marks(&timings) - before,
        }
    }
}

/// What a reader sees of a cell.
fn shown(execution: &Execution) -> String {
    let parts = execution.published.iter().map(|message| message.content.to_string());
    parts
        .chain([execution.reply["status"].to_string()])
        .collect::<Vec<_>>()
        .join("\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unchanged_cell_of_an_earlier_session_shows_the_same_and_is_not_compiled() {
    let number = number();
    let cells = [
        &format!("fn area(width: u128) -> u128 {{\n    width * {number}\n}}\nstruct Door {{ open: bool }}"),
        "let door = Door { open: true };\nlet mut widths: Vec<u128> = vec![1, 2];",
        "widths.push(3);\nwidths.iter().map(|width| area(*width)).sum::<u128>()",
        "println!(\"{}\", door.open);",
        // Its place in the source is that of the first session.
        "fn slam() {\n    panic!(\"bang\")\n}\n\nslam();",
        "widths.len()",
    ];
    let first = Session::run(&cells, &[], &[]).await;
    assert!(first.compiled >= cells.len(), "{} of {}", first.compiled, cells.len());
    assert_eq!(first.cells[2].value(), (number * 6).to_string());
    assert_eq!(first.cells[4].error(), ("panic", "bang"));

    // Beside each other, as readers have them.
    let (second, third) = tokio::join!(Session::run(&cells, &[], &[]), Session::run(&cells, &[], &[]));
    for later in [second, third] {
        assert_eq!(later.compiled, 0);
        for (first, later) in first.cells.iter().zip(&later.cells) {
            assert_eq!(shown(later), shown(first));
        }
    }

    let off = Session::run(&cells, &[("CRABTREE_KEEP_CELLS", "0")], &[]).await;
    assert!(off.compiled >= cells.len(), "{} of {}", off.compiled, cells.len());
    for (first, off) in first.cells.iter().zip(&off.cells) {
        assert_eq!(shown(off), shown(first));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_cell_read_while_it_was_compiled_is_read_again() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("greeting.txt");
    let included = format!("include_str!({:?})", file.to_str().unwrap());
    let cells = [included.as_str(), "option_env!(\"CRABTREE_TEST_GREETING\").unwrap()"];
    for greeting in ["hello", "good evening"] {
        std::fs::write(&file, greeting).unwrap();
        let session = Session::run(&cells, &[("CRABTREE_TEST_GREETING", greeting)], &[]).await;
        for cell in &session.cells {
            assert_eq!(cell.value(), format!("{greeting:?}"));
        }
        assert_eq!(session.compiled, cells.len());
    }
}
