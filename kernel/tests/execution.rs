//! Cells: their outputs, their numbers, their order, their interruption.

mod common;

use common::{Control, Kernel, Message, Shell, execute_content, in_session};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn a_cell_is_told_from_busy_to_idle() {
    let mut kernel = Kernel::start().await;
    let cell = kernel.run("println!(\"hello\"); eprintln!(\"oh\"); 6 * 7").await;
    assert_eq!(
        (cell.stdout(), cell.stream("stderr"), cell.value()),
        ("hello\n".into(), "oh\n".into(), "42".into())
    );
    assert_eq!(cell.reply["user_expressions"], json!({}));
    assert_eq!(cell.reply["payload"], json!([]));
    let input = &cell.published[0];
    assert!(input.is("execute_input"), "the code comes first: {:?}", cell.published);
    assert_eq!(input.content["execution_count"], 1);
    let result = cell.of_type("execute_result").next().unwrap();
    assert_eq!(result.content["execution_count"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn executions_are_counted_from_one_unless_silent_or_not_stored() {
    let mut kernel = Kernel::start().await;
    assert_eq!(kernel.run("let a = 1;").await.count(), 1);
    for (key, value) in [("silent", true), ("store_history", false)] {
        let mut content = execute_content("a + 1");
        content[key] = json!(value);
        let request = kernel.send(Shell, "execute_request", content).await;
        let cell = kernel.finish(request).await;
        assert_eq!(cell.reply["status"], "ok");
        assert_eq!(
            cell.of_type("execute_result").count(),
            usize::from(key != "silent"),
            "{key}"
        );
        assert_eq!(
            cell.of_type("execute_input").count(),
            usize::from(key != "silent"),
            "{key}"
        );
    }
    assert_eq!(kernel.run("a").await.count(), 2);
    assert_eq!(kernel.execute("nonsense").await.count(), 3);
    assert_eq!(kernel.run("a").await.count(), 4);
    let history = kernel
        .ask(
            Shell,
            "history_request",
            json!({"hist_access_type": "tail", "n": 3, "raw": true, "output": true}),
        )
        .await;
    assert_eq!(
        history["history"],
        json!([[1, 2, ["a", "1"]], [1, 3, ["nonsense", null]], [1, 4, ["a", "1"]]])
    );
}

#[test]
fn a_failing_cell_aborts_those_that_wait_and_no_later_ones() {
    in_session(async |kernel| {
        kernel.run("let mut runs = 0;").await;
        let failing = kernel.send_code("panic!(\"BOOM\");").await;
        let waiting = [
            kernel.send_code("runs += 1;").await,
            kernel.send_code("runs += 1;").await,
        ];
        assert_eq!(kernel.finish(failing).await.reply["status"], "error");
        for request in waiting {
            let aborted = kernel.finish(request).await;
            assert_eq!(aborted.reply["status"], "aborted");
            assert!(aborted.published.is_empty(), "{:?}", aborted.published);
        }
        assert_eq!(kernel.value("runs").await, "0");
    });
}

#[test]
fn without_stop_on_error_the_next_cells_run() {
    in_session(async |kernel| {
        let mut content = execute_content("panic!(\"BOOM\");");
        content["stop_on_error"] = json!(false);
        let failing = kernel.send(Shell, "execute_request", content).await;
        let next = kernel.send_code("1").await;
        assert_eq!(kernel.finish(failing).await.reply["status"], "error");
        assert_eq!(kernel.finish(next).await.value(), "1");
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn others_are_answered_while_a_cell_compiles_or_runs() {
    let mut kernel = Kernel::start().await;
    // The engine is still warming up.
    let cell = kernel.send_code("std::future::pending::<()>().await;").await;
    for channel in [Shell, Control, Shell, Control] {
        let reply = kernel.ask(channel, "kernel_info_request", json!({})).await;
        assert_eq!(reply["status"], "ok");
    }
    kernel.ask(Control, "interrupt_request", json!({})).await;
    assert_eq!(kernel.finish(cell).await.reply["status"], "error");
}

#[test]
fn text_without_a_newline_appears_at_once() {
    in_session(async |kernel| {
        let cell = kernel
            .send_code("print!(\"50 %\"); std::future::pending::<()>().await;")
            .await;
        let seen = kernel
            .published("the text", |message| message.is("stream") && message.belongs_to(&cell))
            .await;
        assert_eq!(seen.content["text"], "50 %");
        kernel.ask(Control, "interrupt_request", json!({})).await;
        kernel.finish(cell).await;
    });
}

#[test]
fn displays_carry_their_id_and_are_updated_under_the_running_cell() {
    in_session(async |kernel| {
        let shown = kernel
            .run("let shown = kino::display(&kino::markdown(\"*old*\"));")
            .await;
        let display = shown.of_type("display_data").next().expect("a display");
        let id = display.content["transient"]["display_id"].clone();
        assert!(id.is_string(), "{display:?}");
        let updated = kernel.run("shown.update(&kino::markdown(\"*new*\"));").await;
        let update = updated.of_type("update_display_data").next().expect("an update");
        assert_eq!(update.content["transient"]["display_id"], id);
        assert_eq!(update.content["data"]["text/markdown"], "*new*");
    });
}

#[test]
fn a_batch_client_gets_late_output_below_the_running_cell() {
    in_session(async |kernel| {
        let batch = |code: &str, metadata: Value| {
            let mut content = execute_content(code);
            content["allow_stdin"] = json!(false);
            Message {
                metadata,
                ..Message::request("execute_request", content)
            }
        };
        let start = "let p = spawn(async { loop { receive! { text: String => println!(\"{text}\") } } });";
        let first = kernel.send_message(Shell, batch(start, json!({}))).await;
        kernel.finish(first.clone()).await;
        let tell = "send(p, \"late\".to_string()); process::sleep(ms(50)).await;";
        let second = kernel.send_message(Shell, batch(tell, json!({}))).await;
        assert_eq!(kernel.finish(second).await.stdout(), "late\n");
        let third = kernel
            .send_message(Shell, batch(tell, json!({"crabtree": {"late_output": true}})))
            .await;
        assert_eq!(kernel.finish(third).await.stdout(), "");
        kernel
            .published("the late text", |message| {
                message.is("stream") && message.belongs_to(&first)
            })
            .await;
    });
}
