//! Subshells: cells that run beside those of the main shell, in the same host.

mod common;

use common::{Control, Execution, Kernel, Message, Shell, execute_content, in_session};
use serde_json::{Value, json};

/// A request for a subshell.
fn to(subshell: &str, msg_type: &str, content: Value) -> Message {
    let mut request = Message::request(msg_type, content);
    request.extra = json!({"subshell_id": subshell});
    request
}

async fn create(kernel: &mut Kernel) -> String {
    let reply = kernel.ask(Control, "create_subshell_request", json!({})).await;
    assert_eq!(reply["status"], "ok", "{reply}");
    reply["subshell_id"].as_str().unwrap().to_owned()
}

async fn delete(kernel: &mut Kernel, subshell: &str) {
    let reply = kernel
        .ask(Control, "delete_subshell_request", json!({"subshell_id": subshell}))
        .await;
    assert_eq!(reply["status"], "ok", "{reply}");
}

async fn begin(kernel: &mut Kernel, subshell: &str, code: &str) -> String {
    let request = to(subshell, "execute_request", execute_content(code));
    kernel.send_message(Shell, request).await
}

async fn execute(kernel: &mut Kernel, subshell: &str, code: &str) -> Execution {
    let request = begin(kernel, subshell, code).await;
    kernel.finish(request).await
}

/// Executes a cell that must succeed.
async fn run(kernel: &mut Kernel, subshell: &str, code: &str) -> Execution {
    let execution = execute(kernel, subshell, code).await;
    assert_eq!(execution.reply["status"], "ok", "{code}: {:?}", execution.reply);
    execution
}

/// Has the main shell wait for a message; returns its request.
async fn busy(kernel: &mut Kernel, code: &str) -> String {
    let cell = kernel.send_code(&format!("print!(\"here\");\n{code}")).await;
    kernel
        .published("the cell's start", |message| {
            message.is("stream") && message.belongs_to(&cell)
        })
        .await;
    cell
}

#[test]
fn subshells_are_created_listed_and_deleted() {
    in_session(async |kernel| {
        let info = kernel.ask(Control, "kernel_info_request", json!({})).await;
        assert_eq!(info["supported_features"], json!(["kernel subshells"]));
        let (one, other) = (create(kernel).await, create(kernel).await);
        assert_ne!(one, other);
        let list = kernel.ask(Control, "list_subshell_request", json!({})).await;
        let mut expected = [one.clone(), other.clone()];
        expected.sort();
        assert_eq!(list, json!({"status": "ok", "subshell_id": expected}));
        delete(kernel, &one).await;
        delete(kernel, &other).await;
        let list = kernel.ask(Control, "list_subshell_request", json!({})).await;
        assert_eq!(list["subshell_id"], json!([]));
    });
}

#[test]
fn a_subshell_that_does_not_exist_is_an_error_in_every_reply() {
    in_session(async |kernel| {
        let reply = kernel
            .ask(Control, "delete_subshell_request", json!({"subshell_id": "none"}))
            .await;
        assert_eq!(
            (&reply["status"], &reply["ename"]),
            (&json!("error"), &json!("SubshellNotFound"))
        );
        for request in ["execute_request", "kernel_info_request", "complete_request"] {
            let request = kernel
                .send_message(Shell, to("none", request, execute_content("1")))
                .await;
            let reply = kernel.reply(Shell).await;
            assert_eq!(reply.parent.as_deref(), Some(request.as_str()));
            assert_eq!(reply.content["status"], "error");
            assert!(
                reply.content["evalue"].as_str().unwrap().contains("\"none\""),
                "{reply:?}"
            );
            assert!(kernel.bracket(&request).await.is_empty());
        }
    });
}

#[test]
fn a_cell_of_a_subshell_runs_while_the_main_shell_waits_and_can_end_the_wait() {
    in_session(async |kernel| {
        kernel
            .run("#[derive(Debug)] struct Wake(u8);\nfn twice(n: u8) -> u8 { 2 * n }\nlet of_main = 5; process::register(me(), \"main\")?;")
            .await;
        let main = busy(kernel, "receive! { Wake(n) => n }").await;
        let subshell = create(kernel).await;
        let cell = run(kernel, &subshell, "println!(\"from beside\"); twice(21)").await;
        assert_eq!((cell.stdout().as_str(), cell.value().as_str()), ("from beside\n", "42"));

        let first = cell.count();
        let evaluator = run(kernel, &subshell, "me() != process::whereis(\"main\").unwrap()").await;
        assert_eq!((evaluator.value().as_str(), evaluator.count()), ("true", first + 1));

        // A type of the main shell is the same here.
        let waking = begin(kernel, &subshell, "send(\"main\", Wake(7));").await;
        let (woken, waking) = kernel.finish_both(main, waking).await;
        assert_eq!(waking.reply["status"], "ok", "{waking:?}");
        assert_eq!(woken.value(), "7");
        assert_eq!(
            woken.count() + 1,
            first,
            "numbers are given in the order in which cells start"
        );
        assert_eq!(kernel.value("of_main").await, "5");
        delete(kernel, &subshell).await;
    });
}

#[test]
fn a_subshell_keeps_its_own_variables_and_says_whose_others_are() {
    in_session(async |kernel| {
        kernel.run("let of_main = vec![1];").await;
        let subshell = create(kernel).await;
        run(kernel, &subshell, "let own = vec![1, 2];").await;
        assert_eq!(run(kernel, &subshell, "own.len()").await.value(), "2");
        let failed = execute(kernel, &subshell, "of_main.len()").await;
        assert_eq!(failed.error().0, "CompileError");
        let report = failed.reply["traceback"].to_string();
        assert!(report.contains("variable of the main shell"), "{report}");
        let failed = kernel.execute("own").await;
        assert_eq!(failed.error().0, "CompileError");
        delete(kernel, &subshell).await;
    });
}

/// In a new session, so that cells of both shells have the same numbers for evcxr.
#[tokio::test(flavor = "multi_thread")]
async fn types_that_two_shells_define_are_not_taken_for_each_other() {
    let mut kernel = Kernel::start().await;
    let kernel = &mut kernel;
    kernel.run("process::register(me(), \"receiver\")?;").await;
    let subshell = create(kernel).await;
    // What a cell defines within its code.
    for _ in 0..6 {
        let sent = "{ #[derive(Debug)] struct Local(String); send(\"receiver\", Local(\"x\".into())); }";
        run(kernel, &subshell, sent).await;
    }
    for _ in 0..6 {
        let received = "{ #[derive(Debug)] struct Local(u8); receive! { Local(_) => 3, after ms(0) => 0 } }";
        assert_eq!(kernel.value(received).await, "0");
    }
    // An item that is new in both, and one that the subshell took over and changed.
    kernel.run("#[derive(Debug)] struct Shared(u8);").await;
    delete(kernel, &subshell).await;
    let subshell = create(kernel).await;
    run(
        kernel,
        &subshell,
        "#[derive(Debug)] struct Item(String); #[derive(Debug)] struct Shared(String);",
    )
    .await;
    kernel.run("#[derive(Debug)] struct Item(u8);").await;
    let sent = "send(\"receiver\", Item(\"x\".into())); send(\"receiver\", Shared(\"x\".into()));";
    run(kernel, &subshell, sent).await;
    let received = "receive! { Item(_) => 1, Shared(_) => 2, after ms(0) => 0 }";
    assert_eq!(kernel.value(received).await, "0");
}

#[test]
fn everything_else_is_answered_in_a_busy_subshell() {
    in_session(async |kernel| {
        let subshell = create(kernel).await;
        let cell = to(
            &subshell,
            "execute_request",
            execute_content("println!(\"here\"); receive! { \"never\" => () }"),
        );
        let cell = kernel.send_message(Shell, cell).await;
        kernel
            .published("the cell's start", |message| {
                message.is("stream") && message.belongs_to(&cell)
            })
            .await;
        for (request, content) in [
            ("kernel_info_request", json!({})),
            ("is_complete_request", json!({"code": "1"})),
            ("complete_request", json!({"code": "process::is_al", "cursor_pos": 14})),
            ("comm_info_request", json!({})),
            (
                "history_request",
                json!({"hist_access_type": "tail", "n": 1, "output": false, "raw": true}),
            ),
        ] {
            let request = kernel.send_message(Shell, to(&subshell, request, content)).await;
            let reply = kernel.reply(Shell).await;
            assert_eq!(reply.parent.as_deref(), Some(request.as_str()));
            assert_ne!(reply.content["status"], "error", "{reply:?}");
            kernel.bracket(&request).await;
        }
        // The main shell runs meanwhile, and a failure there is none here.
        assert_eq!(kernel.value("1 + 1").await, "2");
        kernel.execute("panic!(\"in main\")").await.error();
        kernel.ask(Control, "interrupt_request", json!({})).await;
        assert_eq!(kernel.finish(cell).await.error().0, "KeyboardInterrupt");
        delete(kernel, &subshell).await;
    });
}

#[test]
fn a_cell_of_a_subshell_reads_standard_input_whatever_the_main_shell_does() {
    const READ: &str = "let mut line = String::new(); std::io::stdin().read_line(&mut line)?; line";
    in_session(async |kernel| {
        let subshell = create(kernel).await;
        let cell = begin(kernel, &subshell, READ).await;
        kernel.type_line(&cell, "beside").await;
        assert_eq!(kernel.finish(cell).await.value(), "\"beside\\n\"");
        assert_eq!(kernel.value("1 + 1").await, "2");

        let main = busy(kernel, "receive! { \"never\" => () }").await;
        let cell = begin(kernel, &subshell, READ).await;
        kernel.type_line(&cell, "meanwhile").await;
        assert_eq!(kernel.finish(cell).await.value(), "\"meanwhile\\n\"");
        let cell = begin(kernel, &subshell, READ).await;
        let asked = kernel.reply(common::Stdin).await;
        assert!(asked.is("input_request") && asked.belongs_to(&cell), "{asked:?}");
        kernel.ask(Control, "interrupt_request", json!({})).await;
        let (main, cell) = kernel.finish_both(main, cell).await;
        let both = (main.error().0, cell.error().0);
        assert_eq!(both, ("KeyboardInterrupt", "KeyboardInterrupt"));
        assert_eq!(kernel.value("2 + 2").await, "4");
        delete(kernel, &subshell).await;
    });
}

#[test]
fn an_interrupt_ends_the_cells_of_all_shells_and_their_processes_and_variables_live_on() {
    in_session(async |kernel| {
        kernel.run("let kept = 1;").await;
        let subshell = create(kernel).await;
        run(kernel, &subshell, "let kept = 2;").await;
        let main = busy(kernel, "loop {}").await;
        let other = to(
            &subshell,
            "execute_request",
            execute_content("print!(\"here\"); loop { async {}.await }"),
        );
        let other = kernel.send_message(Shell, other).await;
        kernel
            .published("the cell's start", |message| {
                message.is("stream") && message.belongs_to(&other)
            })
            .await;
        kernel.ask(Control, "interrupt_request", json!({})).await;
        let mut open = vec![main, other];
        while !open.is_empty() {
            let reply = kernel.reply(Shell).await;
            assert_eq!(reply.content["ename"], "KeyboardInterrupt", "{reply:?}");
            open.retain(|request| reply.parent.as_deref() != Some(request));
            kernel.bracket(reply.parent.as_deref().unwrap()).await;
        }
        assert_eq!(kernel.value("kept").await, "1");
        assert_eq!(run(kernel, &subshell, "kept").await.value(), "2");
        delete(kernel, &subshell).await;
    });
}

#[test]
fn deleting_a_busy_subshell_ends_its_cells_and_its_evaluator_and_not_its_processes() {
    in_session(async |kernel| {
        let subshell = create(kernel).await;
        let spawned = "process::register(spawn(async { receive! { \"go\" => println!(\"late\") } }), \"late\")?;
            process::register(me(), \"beside\")?;";
        let spawner = run(kernel, &subshell, spawned).await;
        let mut cells = Vec::new();
        for code in ["print!(\"here\"); receive! { \"never\" => () }", "1"] {
            let request = to(&subshell, "execute_request", execute_content(code));
            cells.push(kernel.send_message(Shell, request).await);
        }
        let running = cells[0].clone();
        kernel
            .published("the cell's start", |message| {
                message.is("stream") && message.belongs_to(&running)
            })
            .await;
        delete(kernel, &subshell).await;
        for cell in cells {
            let aborted = kernel.finish(cell).await;
            assert_eq!(aborted.reply["status"], "aborted", "{:?}", aborted.reply);
        }
        let gone =
            "while process::whereis(\"beside\").is_some() { process::sleep(ms(5)).await } send(\"late\", \"go\");";
        kernel.run(gone).await;
        let late = kernel
            .published("late output", |message| {
                message.is("stream") && message.content["text"] == "late\n"
            })
            .await;
        assert!(late.belongs_to(&spawner.request), "{late:?}");
    });
}

#[test]
fn a_subshell_ends_with_its_host_and_says_so() {
    in_session(async |kernel| {
        let subshell = create(kernel).await;
        run(kernel, &subshell, "let x = 1;").await;
        assert_eq!(kernel.execute("std::process::abort()").await.error().0, "HostDied");
        assert_eq!(execute(kernel, &subshell, "x").await.error().0, "HostDied");
        delete(kernel, &subshell).await;
        assert_eq!(kernel.value("1").await, "1");
        let another = create(kernel).await;
        assert_eq!(run(kernel, &another, "2").await.value(), "2");
        delete(kernel, &another).await;
    });
}
