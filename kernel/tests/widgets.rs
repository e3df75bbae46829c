//! Controls, in conversations as front ends with ipywidgets have them.

mod common;

use common::{Execution, Kernel, Message, Shell, execute_content, in_session};
use serde_json::{Value, json};

const VIEW: &str = "application/vnd.jupyter.widget-view+json";

/// The client says something on a comm; what was published for that.
async fn say(kernel: &mut Kernel, comm: &str, data: Value) -> Vec<Message> {
    let request = kernel
        .send(Shell, "comm_msg", json!({"comm_id": comm, "data": data}))
        .await;
    kernel.bracket(&request).await
}

/// The model of that name which a cell has opened.
fn model<'a>(cell: &'a Execution, name: &str) -> &'a Message {
    cell.of_type("comm_open")
        .find(|open| open.content["data"]["state"]["_model_name"] == name)
        .unwrap_or_else(|| panic!("no {name}: {cell:?}"))
}

fn id(open: &Message) -> String {
    open.content["comm_id"].as_str().unwrap().to_owned()
}

#[test]
fn a_button_is_shown_as_a_widget_and_its_click_reaches_a_process() {
    in_session(async |kernel| {
        let cell = kernel
            .run("let button = kino::control::button(\"Go\"); button.subscribe(\"go\"); button")
            .await;
        let open = model(&cell, "ButtonModel");
        assert_eq!(
            (&open.content["target_name"], &open.metadata["version"]),
            (&json!("jupyter.widget"), &json!("2.1.0"))
        );
        let data = &cell.of_type("execute_result").next().unwrap().content["data"];
        assert_eq!(data[VIEW]["model_id"], json!(id(open)));
        assert_eq!(data["text/plain"], "[ Go ]");
        assert!(data["text/html"].as_str().unwrap().starts_with("<img"));
        assert!(data.get("image/svg+xml").is_none());

        let click = json!({"method": "custom", "content": {"event": "click"}});
        say(kernel, &id(open), click).await;
        let heard = kernel
            .value("receive! { (\"go\", click): (&str, kino::control::Click) => click }")
            .await;
        assert_eq!(heard, "Click");
    });
}

#[test]
fn a_change_is_echoed_to_all_clients_and_read_by_the_next_cell() {
    in_session(async |kernel| {
        let cell = kernel.run("let name = kino::input::text(\"Name\"); name").await;
        let text = id(model(&cell, "TextModel"));
        let update = json!({"method": "update", "state": {"value": "Ada"}, "buffer_paths": []});
        let published = say(kernel, &text, update).await;
        let echo = published
            .iter()
            .find(|message| message.is("comm_msg"))
            .expect("an echo");
        assert_eq!(
            echo.content["data"],
            json!({"method": "echo_update", "state": {"value": "Ada"}, "buffer_paths": []})
        );
        assert_eq!(kernel.value("name.read().await").await, "\"Ada\"");
    });
}

#[test]
fn a_client_that_comes_later_is_told_all_models() {
    in_session(async |kernel| {
        let cell = kernel.run("let box_ = kino::input::checkbox(\"Late\"); box_").await;
        let checkbox = id(model(&cell, "CheckboxModel"));
        let open = json!({"comm_id": "late", "target_name": "jupyter.widget.control", "data": {}});
        let request = kernel.send(Shell, "comm_open", open).await;
        kernel.bracket(&request).await;
        say(kernel, "late", json!({"method": "request_states"})).await;
        let states = kernel
            .published("the models", |message| {
                message.is("comm_msg") && message.content["comm_id"] == "late"
            })
            .await;
        let data = &states.content["data"];
        assert_eq!(data["method"], "update_states");
        let state = &data["states"][&checkbox];
        assert_eq!(
            (&state["model_name"], &state["state"]["description"]),
            (&json!("CheckboxModel"), &json!("Late"))
        );
    });
}

#[test]
fn controls_end_when_their_cell_runs_again() {
    in_session(async |kernel| {
        let run = |code: &str| {
            let mut message = Message::request("execute_request", execute_content(code));
            message.metadata = json!({"cellId": "of a control"});
            message
        };
        let code = "let again = kino::control::button(\"Again\"); again";
        let message = run(code);
        let request = message.id.clone();
        kernel.send_message(Shell, message).await;
        let first = kernel.finish(request).await;
        let old = id(model(&first, "ButtonModel"));
        let message = run(code);
        let request = message.id.clone();
        kernel.send_message(Shell, message).await;
        let second = kernel.finish(request).await;
        let closed: Vec<&Value> = second
            .of_type("comm_close")
            .map(|close| &close.content["comm_id"])
            .collect();
        assert!(closed.contains(&&json!(old)) && closed.len() == 3, "{second:?}");
        assert_ne!(id(model(&second, "ButtonModel")), old);
        let info = kernel.ask(Shell, "comm_info_request", json!({})).await;
        assert!(info["comms"].get(&old).is_none());
    });
}

#[test]
fn a_batch_client_gets_a_picture_of_the_control() {
    in_session(async |kernel| {
        let mut content = execute_content("kino::control::button(\"Batch\")");
        content["allow_stdin"] = json!(false);
        let request = kernel.send(Shell, "execute_request", content).await;
        let cell = kernel.finish(request).await;
        let data = &cell.of_type("execute_result").next().unwrap().content["data"];
        assert!(data.get(VIEW).is_none());
        assert!(data["text/html"].as_str().unwrap().contains("[ Batch ]"));
    });
}
