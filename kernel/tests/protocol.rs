//! The messaging protocol, as far as it needs no cell.

mod common;

use common::{Control, Kernel, Message, Shell, in_session};
use serde_json::json;

#[test]
fn kernel_info_says_what_front_ends_need_on_shell_and_control() {
    in_session(async |kernel| {
        for channel in [Shell, Control] {
            let info = kernel.ask(channel, "kernel_info_request", json!({})).await;
            assert_eq!(
                (&info["status"], &info["implementation"]),
                (&json!("ok"), &json!("crabtree"))
            );
            let language = &info["language_info"];
            assert_eq!(
                (&language["name"], &language["file_extension"]),
                (&json!("rust"), &json!(".rs"))
            );
            assert!(info["protocol_version"].as_str().unwrap().starts_with("5."));
        }
    });
}

/// As VS Code starts: the same question on both channels every half second, until a reply and a publication have come.
#[tokio::test(flavor = "multi_thread")]
async fn many_kernel_info_requests_at_once_are_all_answered_while_the_session_starts_and_a_cell_runs() {
    let mut kernel = Kernel::start().await;
    for round in 0..2 {
        let mut asked = Vec::new();
        for _ in 0..20 {
            for channel in [Shell, Control] {
                asked.push((channel, kernel.send(channel, "kernel_info_request", json!({})).await));
            }
        }
        for (channel, request) in asked {
            let reply = kernel.reply(channel).await;
            assert_eq!(
                (reply.parent.as_deref(), &reply.content["status"]),
                (Some(request.as_str()), &json!("ok"))
            );
            assert!(kernel.bracket(&request).await.is_empty());
        }
        if round == 0 {
            let cell = kernel.send_code("std::future::pending::<()>().await;").await;
            kernel
                .published("the cell's start", |message| {
                    message.is("execute_input") && message.belongs_to(&cell)
                })
                .await;
        }
    }
    let late = kernel.subscribe_late().await;
    kernel.ask(Shell, "kernel_info_request", json!({})).await;
    assert!(late.is("iopub_welcome"), "{late:?}");
}

#[test]
fn every_request_is_bracketed_by_busy_and_idle_with_its_own_header() {
    in_session(async |kernel| {
        for (channel, request) in [
            (Shell, "kernel_info_request"),
            (Control, "kernel_info_request"),
            (Shell, "comm_info_request"),
        ] {
            let id = kernel.send(channel, request, json!({})).await;
            kernel.reply(channel).await;
            assert!(kernel.bracket(&id).await.is_empty());
        }
    });
}

#[test]
fn a_parent_header_is_the_requests_header_with_all_its_keys() {
    in_session(async |kernel| {
        let mut request = Message::request("kernel_info_request", json!({}));
        request.extra = json!({"of_a_client": "s-1"});
        kernel.send_message(Shell, request).await;
        let parent = kernel.reply(Shell).await.parent_header;
        assert_eq!(
            (&parent["of_a_client"], &parent["date"]),
            (&json!("s-1"), &json!("2026-01-02T03:04:05.678Z"))
        );
    });
}

#[test]
fn one_session_id_is_used_on_every_socket() {
    in_session(async |kernel| {
        kernel.send(Shell, "kernel_info_request", json!({})).await;
        kernel.send(Control, "kernel_info_request", json!({})).await;
        let sessions = [
            kernel.reply(Shell).await.session,
            kernel.reply(Control).await.session,
            kernel
                .published("busy", |message| message.is_status("busy"))
                .await
                .session,
        ];
        assert!(
            sessions
                .iter()
                .all(|session| *session == sessions[0] && !session.is_empty()),
            "{sessions:?}"
        );
    });
}

#[test]
fn what_is_not_signed_with_the_key_is_dropped_and_the_kernel_goes_on() {
    in_session(async |kernel| {
        let forged = Message::request("shutdown_request", json!({"restart": false}));
        for channel in [Control, Shell] {
            kernel
                .send_frames(channel, common::wire::encode(&forged, "s", "another key"))
                .await;
            kernel
                .send_frames(channel, vec![bytes::Bytes::from_static(b"garbage")])
                .await;
            kernel
                .send_frames(channel, vec![bytes::Bytes::from_static(b"<IDS|MSG>")])
                .await;
            for frames in kernel.nonsense() {
                kernel.send_frames(channel, frames).await;
            }
            // The next reply on the channel is the one to this, and the kernel is there to give it.
            let request = kernel.send(channel, "kernel_info_request", json!({})).await;
            let reply = kernel.reply(channel).await;
            assert_eq!(reply.parent.as_deref(), Some(request.as_str()), "{reply:?}");
            assert!(kernel.bracket(&request).await.is_empty());
        }
    });
}

/// Waits for a line that begins like this.
async fn says(told: &mut common::Told, text: &str) {
    let said = async { while !told.next_line().await.unwrap().unwrap().starts_with(text) {} };
    common::patiently(text, said).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_dropped_is_told_on_standard_error() {
    let (mut kernel, mut told) = Kernel::start_heard().await;
    let forged = Message::request("shutdown_request", json!({"restart": false}));
    let [
        not_text,
        content_not_text,
        deep,
        truncated_json,
        no_header,
        _,
        giant,
        many,
        truncated,
        nothing,
    ] = kernel.nonsense().try_into().unwrap();
    for (frames, why) in [
        (
            common::wire::encode(&forged, "s", "another key"),
            "its signature is not that of the connection file's key",
        ),
        (not_text, "its header cannot be read: "),
        (content_not_text, "its content cannot be read: invalid unicode"),
        (deep, "its content cannot be read: recursion limit"),
        (truncated_json, "its content cannot be read: EOF"),
        (no_header, "its header cannot be read: missing field"),
        (giant, "five frames must follow <IDS|MSG>, not 1"),
        (many, "its signature is not that"),
        (truncated, "five frames must follow <IDS|MSG>, not 3"),
        (nothing, "it has no <IDS|MSG> frame"),
    ] {
        kernel.send_frames(Shell, frames).await;
        says(
            &mut told,
            &format!("crabtree: a message on the shell socket is dropped: {why}"),
        )
        .await;
    }
    for channel in [Shell, Control] {
        let request = kernel.send(channel, "party\nrequest", json!({})).await;
        assert!(kernel.bracket(&request).await.is_empty());
        says(
            &mut told,
            r#"crabtree: a message is dropped: this kernel does not know its type, "party\nrequest""#,
        )
        .await;
    }
    kernel.ask(Shell, "kernel_info_request", json!({})).await;
}

#[test]
fn heartbeats_come_back_as_they_were_sent() {
    in_session(async |kernel| {
        assert_eq!(kernel.beat("ping").await, "ping");
        assert_eq!(kernel.beat("again").await, "again");
    });
}

#[test]
fn questions_about_code_are_answered_without_running_it() {
    in_session(async |kernel| {
        for (code, status) in [("1 + 1", "complete"), ("fn f() {", "incomplete"), (")", "invalid")] {
            let reply = kernel.ask(Shell, "is_complete_request", json!({"code": code})).await;
            assert_eq!(reply["status"], status, "{code}");
        }
    });
}

#[test]
fn a_request_that_makes_no_sense_is_answered_with_the_reason() {
    in_session(async |kernel| {
        for request in [
            "execute_request",
            "is_complete_request",
            "history_request",
            "complete_request",
            "inspect_request",
        ] {
            let reply = kernel.ask(Shell, request, json!({"nonsense": 1})).await;
            assert_eq!(reply["status"], "error", "{request}");
            assert!(reply["evalue"].as_str().unwrap().contains(request), "{reply}");
        }
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn shutdown_is_answered_with_its_restart_flag_and_ends_the_process() {
    for (channel, restart) in [(Control, true), (Control, false), (Shell, false)] {
        let mut kernel = Kernel::start().await;
        let reply = kernel
            .ask(channel, "shutdown_request", json!({"restart": restart}))
            .await;
        assert_eq!((&reply["status"], &reply["restart"]), (&json!("ok"), &json!(restart)));
        assert!(kernel.ended().await.success());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sigint_is_ignored_and_sigterm_ends_the_process_in_order() {
    let mut kernel = Kernel::start().await;
    kernel.signal("-INT");
    kernel.ask(Control, "kernel_info_request", json!({})).await;
    kernel.signal("-TERM");
    assert!(kernel.ended().await.success());
}
