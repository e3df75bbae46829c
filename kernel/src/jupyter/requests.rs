//! Replies that need neither evaluation nor the session's state, and those about code.

use std::pin::Pin;

use jupyter_protocol::{CompleteRequest, InspectRequest, IsCompleteRequest};
use serde_json::{Value, json};

use super::completeness;
use super::message::{Content, Message};
use crate::eval::{Completions, Description, Engine, byte_offset, char_offset};

/// A reply that takes its time.
pub(super) type Later = Pin<Box<dyn Future<Output = Content> + Send>>;

/// The reply to a question about code, asked of the engine; `None` for other requests.
pub(super) fn about_code(request: &Message, engine: &Engine) -> Option<Result<Later, serde_json::Error>> {
    Some(match request.msg_type() {
        "complete_request" => request
            .read::<CompleteRequest>()
            .map(|CompleteRequest { code, cursor_pos }| {
                let found = engine.complete(code.clone(), byte_offset(&code, cursor_pos));
                Box::pin(async move { complete_reply(&code, found.await) }) as Later
            }),
        "inspect_request" => request
            .read::<InspectRequest>()
            .map(|InspectRequest { code, cursor_pos, .. }| {
                let at = byte_offset(&code, cursor_pos);
                let found = engine.describe(code, at);
                Box::pin(async move { inspect_reply(found.await) }) as Later
            }),
        _ => return None,
    })
}

/// Positions of the protocol count characters.
fn complete_reply(code: &str, Completions { replaced, items }: Completions) -> Content {
    let (start, end) = (char_offset(code, replaced.start), char_offset(code, replaced.end));
    let matches: Vec<&str> = items.iter().map(|item| item.text.as_str()).collect();
    let types: Vec<Value> = items
        .iter()
        .map(|item| {
            let mut shown = json!({"start": start, "end": end, "text": item.text, "type": item.kind});
            if let Some(detail) = &item.detail {
                shown["signature"] = json!(detail);
            }
            shown
        })
        .collect();
    Content::new(
        "complete_reply",
        json!({
            "status": "ok", "matches": matches, "cursor_start": start, "cursor_end": end,
            // Front ends know this name, from the kernel that had it first.
            "metadata": {"_jupyter_types_experimental": types},
        }),
    )
}

fn inspect_reply(found: Option<Description>) -> Content {
    let data = match &found {
        Some(Description { text, markdown }) => json!({"text/plain": text, "text/markdown": markdown}),
        None => json!({}),
    };
    Content::new(
        "inspect_reply",
        json!({"status": "ok", "found": found.is_some(), "data": data, "metadata": {}}),
    )
}

/// The reply to `request`; `None` for a type of request that has none here.
pub(super) fn answer(request: &Message) -> Option<Content> {
    let reply = match request.msg_type() {
        "is_complete_request" => request
            .read::<IsCompleteRequest>()
            .map(|asked| completeness::of(&asked.code).into()),
        _ => return None,
    };
    Some(reply.unwrap_or_else(|error| refusal(request, &error)))
}

/// The reply to a request that is for, or about, a subshell that does not exist.
pub(super) fn no_such_subshell(request: &Message, id: &str, there_are: &[&str]) -> Content {
    let there_are = match there_are {
        [] => "there is none; create_subshell_request makes one".to_owned(),
        ids => format!("there are {}", ids.join(", ")),
    };
    error_reply(
        request,
        "SubshellNotFound",
        &format!("no subshell is called {id:?}; {there_are}"),
    )
}

fn error_reply(request: &Message, ename: &str, evalue: &str) -> Content {
    let reply = request.msg_type().replace("_request", "_reply");
    Content::new(
        reply,
        json!({"status": "error", "ename": ename, "evalue": evalue, "traceback": [evalue]}),
    )
}

/// The reply to a request whose content cannot be read.
pub(super) fn refusal(request: &Message, error: &serde_json::Error) -> Content {
    let evalue = format!("the content of this {} cannot be read: {error}", request.msg_type());
    error_reply(request, "BadRequest", &evalue)
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
        let (reply, content) = ask("is_complete_request", json!({"code": "1 +"})).unwrap();
        assert_eq!(reply, "is_complete_reply");
        assert!(!content.to_string().contains("null"), "{content}");
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
        assert_eq!(ask("debug_request", json!({})), None);
    }
}
