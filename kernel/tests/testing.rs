//! Functions marked `#[test]` in a cell.

mod common;

use common::in_session;

#[test]
fn tests_run_with_their_cell_and_are_shown_as_a_table() {
    in_session(async |kernel| {
        let cell = kernel
            .run(
                "fn double(n: i32) -> i32 { 2 * n }
#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn doubles() { assert_eq!(double(2), 4); }
    #[tokio::test]
    async fn waits_as_a_process() { send(me(), 7); receive! { 7 => () } }
    #[test]
    fn gives_a_result() -> Result<(), std::num::ParseIntError> { \"1\".parse::<i32>()?; Ok(()) }
    #[test]
    #[should_panic(expected = \"tea\")]
    fn panics_as_it_should() { panic!(\"out of tea\") }
    #[test]
    #[ignore]
    fn never_runs() { loop {} }
}",
            )
            .await;
        let shown = cell.of_type("display_data").next().expect("a table");
        let text = shown.content["data"]["text/plain"].as_str().unwrap();
        let names: Vec<Vec<&str>> = text
            .lines()
            .map(|line| line.split_whitespace().take(3).collect())
            .collect();
        assert_eq!(
            names,
            [
                ["✓", "tests::doubles", "passed"],
                ["✓", "tests::waits_as_a_process", "passed"],
                ["✓", "tests::gives_a_result", "passed"],
                ["✓", "tests::panics_as_it_should", "passed"],
                ["-", "tests::never_runs", "ignored"],
                ["5", "tests,", "0"],
            ],
            "{text}"
        );
        assert!(
            shown.content["data"]["text/html"]
                .as_str()
                .unwrap()
                .contains("<td>passed</td>")
        );
        assert_eq!(cell.stream("stderr"), "");
        assert_eq!(kernel.value("double(4)").await, "8");
    });
}

#[test]
fn a_failing_test_fails_the_cell_and_says_where() {
    in_session(async |kernel| {
        let cell = kernel
            .execute(
                "let kept = 5;
#[test]
fn fails() {
    assert_eq!(1 + 1, 3);
}
#[test]
fn exits() { exit(\"enough\") }
#[test]
fn errs() -> Result<(), String> { Err(\"wrong\".into()) }
#[test]
#[should_panic]
fn stays_calm() {}
#[test]
fn passes() {}",
            )
            .await;
        let (name, text) = cell.error();
        assert_eq!(
            (name, text),
            ("TestsFailed", "4 of 5 tests failed: fails, exits, errs, stays_calm")
        );
        let told = cell.stream("stderr");
        assert!(
            told.contains("fails failed: assertion `left == right` failed\n  left: 2\n right: 3\n  at cell ["),
            "{told}"
        );
        assert!(told.contains("] 4:5\n"), "{told}");
        assert!(told.contains("exits failed: it exited: enough\n"), "{told}");
        assert!(told.contains("errs failed: Err(\"wrong\")\n"), "{told}");
        assert!(
            told.contains("stays_calm failed: it did not panic, as it should\n"),
            "{told}"
        );
    });
}

#[test]
fn what_a_test_has_started_is_gone_before_the_next_one() {
    in_session(async |kernel| {
        let cell = kernel
            .run(
                "#[test]
async fn one() { agent::start_link(|| 1).name(\"shared\").await.unwrap(); }
#[test]
async fn the_next() { agent::start_link(|| 2).name(\"shared\").await.unwrap(); }
#[test]
#[should_panic(expected = \"oh\")]
async fn one_that_panics() { agent::start_link(|| 3).name(\"shared\").await.unwrap(); panic!(\"oh\") }
#[test]
async fn a_tree() {
    let child = agent::child_spec(\"child\", || 4).name(\"shared\");
    Supervisor::new(Strategy::OneForOne).child(child).start_link().await.unwrap();
}",
            )
            .await;
        assert_eq!(cell.stream("stderr"), "");
        assert_eq!(kernel.value("process::whereis(\"shared\")").await, "None");
    });
}
