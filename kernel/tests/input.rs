//! Cells that ask their user.

mod common;

use common::{Control, Kernel, Message, Shell, execute_content, in_session};
use serde_json::json;

#[test]
fn a_process_asks_for_a_line_and_for_a_password() {
    in_session(async |kernel| {
        let cell = kernel
            .send_code(
                "let name = io::gets(io::STDIO, \"Name? \").await?; let word = io::get_password(io::STDIO, \"Password: \").await?; (name, word)",
            )
            .await;
        let asked = kernel.type_line(&cell, "Zoë 🦀").await;
        assert_eq!(asked, json!({"prompt": "Name? ", "password": false}));
        let asked = kernel.type_line(&cell, "sesame").await;
        assert_eq!(asked, json!({"prompt": "Password: ", "password": true}));
        let cell = kernel.finish(cell).await;
        assert_eq!(cell.value(), r#"(Some("Zoë 🦀\n"), Some("sesame\n"))"#);
    });
}

#[test]
fn a_cell_reads_standard_input_as_any_program_does() {
    in_session(async |kernel| {
        let cell = kernel
            .send_code(
                "let mut lines = Vec::new(); for _ in 0..2 { let mut line = String::new(); std::io::stdin().read_line(&mut line).unwrap(); lines.push(line); } lines",
            )
            .await;
        for line in ["first", ""] {
            let asked = kernel.type_line(&cell, line).await;
            assert_eq!(asked, json!({"prompt": "", "password": false}));
        }
        assert_eq!(kernel.finish(cell).await.value(), r#"["first\n", "\n"]"#);
        assert_eq!(kernel.value("1 + 1").await, "2", "the session goes on");
    });
}

#[test]
fn the_end_of_the_input_is_told_as_such() {
    in_session(async |kernel| {
        let end = "\u{4}";
        let cell = kernel.send_code("io::gets(io::STDIO, \"? \").await?").await;
        kernel.type_line(&cell, end).await;
        assert_eq!(kernel.finish(cell).await.value(), "None");
        let cell = kernel
            .send_code("std::io::read_to_string(std::io::stdin()).unwrap()")
            .await;
        kernel.type_line(&cell, "only").await;
        kernel.type_line(&cell, end).await;
        assert_eq!(kernel.finish(cell).await.value(), r#""only\n""#);
    });
}

#[test]
fn a_client_that_does_not_ask_its_user_is_not_asked_to() {
    in_session(async |kernel| {
        for (code, value) in [
            (
                "io::gets(io::STDIO, \"? \").await.unwrap_err().to_string()",
                "allow_stdin",
            ),
            (
                "let mut line = String::new(); std::io::stdin().read_line(&mut line).unwrap()",
                "0",
            ),
        ] {
            let mut content = execute_content(code);
            content["allow_stdin"] = json!(false);
            let request = kernel.send(Shell, "execute_request", content).await;
            let cell = kernel.finish(request).await;
            assert!(cell.value().contains(value), "{code}: {}", cell.value());
        }
    });
}

#[test]
fn an_interrupt_ends_a_cell_that_waits_for_its_user() {
    in_session(async |kernel| {
        kernel.run("let kept = 5;").await;
        for code in [
            "io::gets(io::STDIO, \"? \").await?;",
            "loop { let mut line = String::new(); std::io::stdin().read_line(&mut line).unwrap(); }",
            "std::io::read_to_string(std::io::stdin())?",
        ] {
            let cell = kernel.send_code(code).await;
            let asked = kernel.reply(common::Stdin).await;
            assert!(asked.is("input_request"), "{asked:?}");
            kernel.ask(Control, "interrupt_request", json!({})).await;
            let cell = kernel.finish(cell).await;
            assert_eq!(cell.error().0, "KeyboardInterrupt", "{code}");
            assert_eq!(cell.of_type("execute_result").count(), 0, "{code}");
            // A front end may send its answer after all.
            kernel
                .send(common::Stdin, "input_reply", json!({"value": "late"}))
                .await;
            assert_eq!(kernel.value("kept").await, "5");
        }
        let cell = kernel
            .send_code("let mut line = String::new(); std::io::stdin().read_line(&mut line).unwrap(); line")
            .await;
        kernel.type_line(&cell, "new").await;
        assert_eq!(kernel.finish(cell).await.value(), r#""new\n""#);
    });
}

#[test]
fn questions_of_several_processes_are_asked_one_after_the_other() {
    in_session(async |kernel| {
        let cell = kernel
            .send_code(
                "let parent = me(); for n in 0..2 { spawn(async move { let line = io::gets(io::STDIO, format!(\"{n}? \")).await.unwrap(); send(parent, (n, line)); }); }
                 let mut told = Vec::new(); for _ in 0..2 { told.push(receive! { told: (i32, Option<String>) => told }); } told.sort(); told",
            )
            .await;
        for _ in 0..2 {
            let asked = kernel.reply(common::Stdin).await;
            let prompt = asked.content["prompt"].as_str().unwrap().to_owned();
            kernel
                .send(common::Stdin, "input_reply", json!({"value": prompt}))
                .await;
        }
        let cell = kernel.finish(cell).await;
        assert_eq!(cell.value(), r#"[(0, Some("0? \n")), (1, Some("1? \n"))]"#);
    });
}

#[test]
fn a_process_that_asks_between_cells_learns_why_it_cannot() {
    in_session(async |kernel| {
        let cell = kernel
            .run("let late = spawn(async { receive! { \"ask\" => () } println!(\"{}\", io::gets(io::STDIO, \"\").await.unwrap_err()); }); process::send_after(late, \"ask\", ms(300));")
            .await;
        let told = kernel
            .published("the reason", |message| {
                message.is("stream") && message.belongs_to(&cell.request)
            })
            .await;
        assert!(
            told.content["text"].as_str().unwrap().contains("no cell runs"),
            "{told:?}"
        );
    });
}

/// In a session of its own, for the thread stays.
#[tokio::test(flavor = "multi_thread")]
async fn a_thread_that_reads_on_between_cells_takes_nothing_from_the_session() {
    let mut kernel = Kernel::start().await;
    kernel
        .run(
            "std::thread::spawn(|| loop {
                let mut line = String::new();
                std::io::stdin().read_line(&mut line).unwrap();
                if line == \"last\\n\" { println!(\"heard\"); break }
            });",
        )
        .await;
    // A cell may be over before anybody looks whether somebody reads.
    let quiet = |n: u32| {
        let mut content = execute_content(&format!("{n} + 1"));
        content["allow_stdin"] = json!(false);
        content
    };
    for n in 0..4 {
        let request = kernel.send(Shell, "execute_request", quiet(n)).await;
        assert_eq!(kernel.finish(request).await.value(), (n + 1).to_string());
    }
    let cell = kernel.send_code("receive! { \"never\" => () }").await;
    kernel.type_line(&cell, "last").await;
    let heard = |message: &Message| message.is("stream") && message.content["text"] == "heard\n";
    kernel.published("what the thread says", heard).await;
    kernel.ask(Control, "interrupt_request", json!({})).await;
    assert_eq!(kernel.finish(cell).await.error().0, "KeyboardInterrupt");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_cell_can_read_standard_input() {
    let mut kernel = Kernel::start().await;
    let cell = kernel
        .send_code("let mut line = String::new(); std::io::stdin().read_line(&mut line).unwrap(); line")
        .await;
    kernel.type_line(&cell, "early").await;
    assert_eq!(kernel.finish(cell).await.value(), r#""early\n""#);
}
