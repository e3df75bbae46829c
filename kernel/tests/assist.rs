//! Completion and inspection.

mod common;

use std::time::{Duration, Instant};

use common::{Control, Kernel, Shell, in_session};
use serde_json::{Value, json};

/// Where the cursor is in a cell, which is taken out.
const CURSOR: char = '‸';

async fn complete(kernel: &mut Kernel, code: &str) -> Value {
    let cursor = code.chars().position(|c| c == CURSOR).expect("a cursor");
    let code: String = code.chars().filter(|c| *c != CURSOR).collect();
    let reply = kernel
        .ask(Shell, "complete_request", json!({"code": code, "cursor_pos": cursor}))
        .await;
    assert_eq!(reply["status"], "ok", "{reply}");
    reply
}

async fn matches(kernel: &mut Kernel, code: &str) -> Vec<String> {
    let reply = complete(kernel, code).await;
    reply["matches"]
        .as_array()
        .unwrap()
        .iter()
        .map(|text| text.as_str().unwrap().to_owned())
        .collect()
}

async fn inspect(kernel: &mut Kernel, code: &str) -> Value {
    let cursor = code.chars().position(|c| c == CURSOR).expect("a cursor");
    let code: String = code.chars().filter(|c| *c != CURSOR).collect();
    let reply = kernel
        .ask(
            Shell,
            "inspect_request",
            json!({"code": code, "cursor_pos": cursor, "detail_level": 0}),
        )
        .await;
    assert_eq!(reply["status"], "ok", "{reply}");
    reply
}

#[test]
fn names_methods_and_fields_of_the_session_are_completed() {
    in_session(async |kernel| {
        kernel
            .run("struct Boat { length: u32 } impl Boat { fn sail(&self) {} }")
            .await;
        kernel
            .run("let boat = Boat { length: 7 }; let names = vec![String::new()];")
            .await;
        for (code, expected) in [
            ("bo‸", "boat"),
            ("boat.‸", "length"),
            ("boat.s‸", "sail"),
            ("names.‸", "push"),
            ("names[0].to_upper‸", "to_uppercase"),
            ("spawn_li‸", "spawn_link"),
            ("let x = 5; x.to_st‸", "to_string"),
            ("process::is_al‸", "is_alive"),
            ("let new = Boat { len‸ };", "length"),
            ("receive! { text: String => text.to_upper‸ }", "to_uppercase"),
            (
                "let mut all = Vec::new(); receive! { text: String => all.push(text) } all[0].to_upper‸",
                "to_uppercase",
            ),
            (":ti‸", ":timing"),
        ] {
            let found = matches(kernel, code).await;
            assert!(found.iter().any(|text| text == expected), "{code}: {found:?}");
        }
        assert_eq!(matches(kernel, "boat.sail‸").await, ["sail"]);
        assert_eq!(matches(kernel, "\"no co‸de\"").await, [""; 0]);
    });
}

#[test]
fn a_completion_tells_what_it_is_and_its_type() {
    in_session(async |kernel| {
        kernel.run("let word = String::from(\"a\");").await;
        let reply = complete(kernel, "word.is_emp‸").await;
        let shown = &reply["metadata"]["_jupyter_types_experimental"][0];
        assert_eq!(
            (&shown["text"], &shown["type"]),
            (&json!("is_empty"), &json!("function")),
            "{reply}"
        );
        let signature = shown["signature"].as_str().unwrap();
        assert!(signature.contains("-> bool"), "{signature}");
    });
}

#[test]
fn positions_count_characters() {
    in_session(async |kernel| {
        kernel.run("let word = String::from(\"a\");").await;
        for before in ["let s = \"🦀é\"; ", "/* e\u{301} 👩‍👩‍👧 */ ", "// ß\r\n", ""] {
            let start = before.chars().count() + "word.".len();
            let reply = complete(kernel, &format!("{before}word.is_em‸")).await;
            assert_eq!(reply["matches"], json!(["is_empty"]), "{before}");
            assert_eq!(
                (&reply["cursor_start"], &reply["cursor_end"]),
                (&json!(start), &json!(start + "is_em".len())),
                "{before}"
            );
            let found = inspect(kernel, &format!("{before}word.is_em‸pty()")).await;
            assert_eq!(found["found"], true, "{before}");
        }
    });
}

#[test]
fn a_name_is_described_with_its_type_and_its_documentation() {
    in_session(async |kernel| {
        kernel
            .run("/// Doubles a number.\nfn twice(n: i64) -> i64 { 2 * n }\nlet boats = vec![1_u8];")
            .await;
        for (code, text, markdown) in [
            ("twi‸ce(4)", "fn twice(n: i64) -> i64", "Doubles a number."),
            ("twice(4, ‸", "fn twice(n: i64) -> i64", "```rust"),
            ("boats‸", "Vec<u8", "boats"),
            ("boats.pu‸sh(1)", "pub fn push", "Appends an element"),
            ("spaw‸n(async {})", "fn spawn", "process"),
            ("println!‸(\"\")", "macro_rules! println", "group leader"),
        ] {
            let reply = inspect(kernel, code).await;
            assert_eq!(reply["found"], true, "{code}");
            let data = &reply["data"];
            assert!(data["text/plain"].as_str().unwrap().contains(text), "{code}: {data}");
            assert!(
                data["text/markdown"].as_str().unwrap().contains(markdown),
                "{code}: {data}"
            );
        }
        let nothing = inspect(kernel, "unheard_of‸").await;
        assert_eq!((&nothing["found"], &nothing["data"]), (&json!(false), &json!({})));
    });
}

#[test]
fn both_are_answered_while_a_cell_compiles_and_runs_and_know_that_cell() {
    in_session(async |kernel| {
        kernel.run("let kept = String::new();").await;
        matches(kernel, "kept.‸").await;
        let cell = kernel
            .send_code("let running_word = String::new(); fn running_fn() {} std::future::pending::<()>().await;")
            .await;
        let started = Instant::now();
        let mut asked = 0;
        // Compiling takes longer than some of these.
        while started.elapsed() < Duration::from_secs(2) {
            let found = matches(kernel, "kept.is_emp‸").await;
            assert_eq!(found, ["is_empty"]);
            asked += 1;
        }
        assert!(asked > 4, "{asked} answers in two seconds");
        for (code, expected) in [("runni‸", "running_fn"), ("running_word.is_em‸", "is_empty")] {
            let found = matches(kernel, code).await;
            assert!(found.iter().any(|text| text == expected), "{code}: {found:?}");
        }
        assert_eq!(inspect(kernel, "kep‸t").await["found"], true);
        kernel.ask(Control, "interrupt_request", json!({})).await;
        kernel.finish(cell).await;
    });
}

#[test]
fn a_redefined_type_is_completed_as_it_is_now() {
    in_session(async |kernel| {
        kernel.run("struct Crate { old_field: u8 }").await;
        kernel.run("struct Crate { new_field: u16 }").await;
        kernel.run("let container = Crate { new_field: 1 };").await;
        assert_eq!(
            matches(kernel, "container.‸").await.first().map(String::as_str),
            Some("new_field")
        );
    });
}
