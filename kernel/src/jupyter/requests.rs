//! Replies that need neither evaluation nor the session's state.

use jupyter_protocol::{
    CommClose, CommInfoReply, CommOpen, CompleteReply, CompleteRequest, InspectReply, IsCompleteRequest,
};
use serde_json::json;

use super::completeness;
use super::message::{Content, Message};

/// The reply to `request`; `None` for a type of request that has none here.
pub(super) fn answer(request: &Message) -> Option<Content> {
    let reply = match request.msg_type() {
        "comm_info_request" => Ok(CommInfoReply::default().into()),
        "is_complete_request" => request
            .read::<IsCompleteRequest>()
            .map(|asked| completeness::of(&asked.code).into()),
        "complete_request" => request.read::<CompleteRequest>().map(|asked| {
            let cursor = asked.cursor_pos;
            CompleteReply {
                cursor_start: cursor,
                cursor_end: cursor,
                ..CompleteReply::default()
            }
            .into()
        }),
        "inspect_request" => Ok(InspectReply::default().into()),
        _ => return None,
    };
    Some(reply.unwrap_or_else(|error| refusal(request, &error)))
}

/// The reply to a request whose content cannot be read.
pub(super) fn refusal(request: &Message, error: &serde_json::Error) -> Content {
    let evalue = format!("the content of this {} cannot be read: {error}", request.msg_type());
    let reply = request.msg_type().replace("_request", "_reply");
    Content::new(
        reply,
        json!({"status": "error", "ename": "BadRequest", "evalue": evalue, "traceback": [evalue]}),
    )
}

/// What is published when a client opens a comm: nothing here knows any target, so it is closed.
pub(super) fn close_comm(open: &Message) -> Option<Content> {
    let open: CommOpen = open.read().ok()?;
    Some(
        CommClose {
            comm_id: open.comm_id,
            ..CommClose::default()
        }
        .into(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn ask(msg_type: &str, content: Value) -> Option<(String, Value)> {
        let reply = answer(&Message::new("s", None, Content::new(msg_type, content)))?;
        Some((reply.msg_type, reply.value))
    }

    #[test]
    fn every_reply_is_of_its_requests_type_and_holds_no_null() {
        for (request, content) in [
            ("comm_info_request", json!({})),
            ("is_complete_request", json!({"code": "1 +"})),
            ("complete_request", json!({"code": "sp", "cursor_pos": 2})),
            (
                "inspect_request",
                json!({"code": "sp", "cursor_pos": 2, "detail_level": 0}),
            ),
        ] {
            let (reply, content) = ask(request, content).unwrap();
            assert_eq!(reply, request.replace("_request", "_reply"));
            assert!(!content.to_string().contains("null"), "{content}");
        }
    }

    #[test]
    fn a_request_that_cannot_be_read_is_answered_with_the_reason() {
        let (reply, content) = ask("is_complete_request", json!({})).unwrap();
        assert_eq!(
            (reply.as_str(), &content["status"]),
            ("is_complete_reply", &json!("error"))
        );
        assert!(
            content["evalue"].as_str().unwrap().contains("missing field `code`"),
            "{content}"
        );
    }

    #[test]
    fn unknown_requests_have_no_reply() {
        assert_eq!(ask("create_subshell_request", json!({})), None);
    }
}
