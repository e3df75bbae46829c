//! Comms between processes and what is in the front end, and outputs that are cleared.

mod common;

use bytes::Bytes;
use common::{Control, Kernel, Message, Shell, in_session};
use serde_json::{Value, json};

async fn comm_message(kernel: &mut Kernel, msg_type: &str, content: Value, buffers: Vec<Bytes>) {
    let message = Message {
        buffers,
        ..Message::request(msg_type, content)
    };
    let id = kernel.send_message(Shell, message).await;
    kernel.bracket(&id).await;
}

/// A process that tells under its cell what it hears, and answers.
const ECHO: &str = "use kino::comm::Event;
let echo = spawn(async {
    kino::comm::take(\"echo\").unwrap();
    loop {
        receive! {
            Event::Opened { comm, target, payload } => { comm.send(payload).unwrap(); println!(\"opened {target}\") }
            Event::Message { comm, payload } => { comm.send(payload).unwrap() }
            Event::Closed { payload, .. } => println!(\"closed {}\", payload.data),
        }
    }
});
process::sleep(ms(50)).await;";

#[test]
fn a_process_opens_a_comm_and_hears_what_the_front_end_says_on_it() {
    in_session(async |kernel| {
        let cell = kernel
            .run("let comm = kino::comm::open(\"clock\", r#\"{\"zone\": \"UTC\"}\"#)?; comm.send(kino::comm::Payload { data: \"[1]\".into(), metadata: r#\"{\"m\": 2}\"#.into(), buffers: vec![vec![0, 255]] })?;")
            .await;
        let open = cell.of_type("comm_open").next().expect("a comm");
        assert_eq!(
            (&open.content["target_name"], &open.content["data"]),
            (&json!("clock"), &json!({"zone": "UTC"}))
        );
        let id = open.content["comm_id"].as_str().unwrap().to_owned();
        let sent = cell.of_type("comm_msg").next().expect("a message");
        assert_eq!(
            (&sent.content, &sent.metadata),
            (&json!({"comm_id": id, "data": [1]}), &json!({"m": 2}))
        );
        assert_eq!(sent.buffers, [Bytes::from_static(&[0, 255])]);
        let info = kernel
            .ask(Shell, "comm_info_request", json!({"target_name": "clock"}))
            .await;
        assert_eq!(info["comms"], json!({id.clone(): {"target_name": "clock"}}));

        let buffers = vec![Bytes::from_static(b"\xfe")];
        comm_message(kernel, "comm_msg", json!({"comm_id": id, "data": {"tick": 1}}), buffers).await;
        let heard = kernel
            .value("receive! { kino::comm::Event::Message { comm: from, payload } if from == comm => (payload.data, payload.buffers) }")
            .await;
        assert_eq!(heard, r#"("{\"tick\":1}", [[254]])"#);

        let closed = kernel.run("comm.close()?;").await;
        assert_eq!(
            closed.of_type("comm_close").next().unwrap().content["comm_id"],
            json!(id)
        );
        let info = kernel
            .ask(Shell, "comm_info_request", json!({"target_name": "clock"}))
            .await;
        assert_eq!(info["comms"], json!({}));
    });
}

#[test]
fn a_process_takes_a_target_and_is_reached_while_a_cell_runs() {
    in_session(async |kernel| {
        kernel.run(ECHO).await;
        let busy = kernel.send_code("std::future::pending::<()>().await;").await;
        for (msg_type, content) in [
            (
                "comm_open",
                json!({"comm_id": "c1", "target_name": "echo", "data": {"n": 1}}),
            ),
            ("comm_msg", json!({"comm_id": "c1", "data": {"n": 2}})),
        ] {
            let n = content["data"]["n"].clone();
            comm_message(kernel, msg_type, content, Vec::new()).await;
            let echoed = kernel.published("the echo", |message| message.is("comm_msg")).await;
            assert_eq!(echoed.content, json!({"comm_id": "c1", "data": {"n": n}}));
        }
        comm_message(
            kernel,
            "comm_close",
            json!({"comm_id": "c1", "data": {"why": "done"}}),
            Vec::new(),
        )
        .await;
        kernel
            .published("that it is closed", |message| {
                message.is("stream") && message.content["text"].to_string().contains("closed")
            })
            .await;
        kernel.ask(Control, "interrupt_request", json!({})).await;
        kernel.finish(busy).await;
    });
}

#[test]
fn a_comm_that_nobody_hears_of_is_closed() {
    in_session(async |kernel| {
        kernel
            .run("let gone = spawn(async { kino::comm::take(\"gone\").unwrap(); }); process::sleep(ms(50)).await;")
            .await;
        for target in ["unheard of", "gone"] {
            comm_message(
                kernel,
                "comm_open",
                json!({"comm_id": target, "target_name": target, "data": {}}),
                Vec::new(),
            )
            .await;
            let close = kernel.published("its end", |message| message.is("comm_close")).await;
            assert_eq!(close.content["comm_id"], target);
        }
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn comms_end_with_their_host() {
    let mut kernel = Kernel::start().await;
    kernel.run("let comm = kino::comm::open(\"widget\", \"{}\")?;").await;
    let restarted = kernel.run(":restart").await;
    assert_eq!(restarted.of_type("comm_close").count(), 1, "{restarted:?}");
    let info = kernel.ask(Shell, "comm_info_request", json!({})).await;
    assert_eq!(info["comms"], json!({}));
}

#[test]
fn outputs_are_cleared_at_once_or_with_the_next_one() {
    in_session(async |kernel| {
        let cell = kernel
            .run("println!(\"one\"); io::clear(true); println!(\"two\"); io::clear(false);")
            .await;
        let told: Vec<_> = cell
            .published
            .iter()
            .map(|message| (message.msg_type.as_str(), &message.content))
            .collect();
        let (stdout, clear) = (
            |text: &str| json!({"name": "stdout", "text": text}),
            |wait: bool| json!({"wait": wait}),
        );
        assert_eq!(
            told[1..],
            [
                ("stream", &stdout("one\n")),
                ("clear_output", &clear(true)),
                ("stream", &stdout("two\n")),
                ("clear_output", &clear(false)),
            ]
        );
    });
}

#[test]
fn expressions_are_evaluated_after_the_code_and_told_in_the_reply() {
    in_session(async |kernel| {
        let mut content = common::execute_content("let total = vec![1, 2];");
        content["user_expressions"] = json!({"sum": "total.iter().sum::<i32>()", "all": "total", "wrong": "nonsense"});
        let request = kernel.send(Shell, "execute_request", content).await;
        let cell = kernel.finish(request).await;
        assert_eq!(cell.reply["status"], "ok");
        let told = &cell.reply["user_expressions"];
        assert_eq!(
            told["sum"],
            json!({"status": "ok", "data": {"text/plain": "3"}, "metadata": {}})
        );
        assert_eq!(told["all"]["data"]["text/plain"], "[1, 2]");
        assert_eq!(told["wrong"]["status"], "error");
        assert!(told["wrong"]["evalue"].as_str().unwrap().contains("nonsense"), "{told}");
        assert_eq!(
            cell.of_type("execute_result").count(),
            0,
            "they are told in the reply only"
        );
        assert_eq!(cell.of_type("error").count(), 0);
        assert_eq!(
            kernel.value("total").await,
            "[1, 2]",
            "looking at a variable does not move it"
        );
    });
}
