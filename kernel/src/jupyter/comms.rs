//! Comms: which are open, and how they look as messages.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::message::{Content, Message};
use crate::eval::{Comm, Payload};

/// The open comms and their targets.
#[derive(Debug, Default)]
pub(super) struct Comms {
    open: BTreeMap<String, String>,
}

impl Comms {
    /// Takes note of what is said, by whichever side.
    pub(super) fn note(&mut self, said: &Comm) {
        match said {
            Comm::Open { comm, target, .. } => {
                self.open.insert(comm.clone(), target.clone());
            }
            Comm::Close { comm, .. } => {
                self.open.remove(comm);
            }
            Comm::Message { .. } => {}
        }
    }

    /// What all clients are told of a change of a widget that one of them made: the other ones do not know it yet, and
    /// that one waits for it. It goes out as an answer to that message. Files are not sent back.
    pub(super) fn echo(&self, message: &Message) -> Option<Content> {
        let content = &message.content;
        let is_widget = self.open.get(content["comm_id"].as_str()?)? == "jupyter.widget";
        if !is_widget || content["data"]["method"] != "update" || !message.buffers.is_empty() {
            return None;
        }
        let data = json!({"method": "echo_update", "state": content["data"]["state"], "buffer_paths": []});
        Some(Content::new(
            "comm_msg",
            json!({"comm_id": content["comm_id"], "data": data}),
        ))
    }

    /// Forgets all comms, and gives what closes them in the front end.
    pub(super) fn close_all(&mut self) -> Vec<Content> {
        let open = std::mem::take(&mut self.open);
        open.into_keys().map(|comm| close(&comm)).collect()
    }

    /// The reply to a question for the open comms, of one target if it names one.
    pub(super) fn reply(&self, request: &Message) -> Content {
        let wanted = request.content["target_name"].as_str();
        let comms: Map<String, Value> = self
            .open
            .iter()
            .filter(|(_, target)| wanted.is_none_or(|wanted| wanted == target.as_str()))
            .map(|(comm, target)| (comm.clone(), json!({"target_name": target})))
            .collect();
        Content::new("comm_info_reply", json!({"status": "ok", "comms": comms}))
    }
}

/// What a client says on a comm; `None` if the message is none of a comm, or names none.
pub(super) fn said(message: &Message) -> Option<Comm> {
    let text = |key: &str| message.content[key].as_str().map(str::to_owned);
    let comm = text("comm_id")?;
    let payload = Payload {
        data: match &message.content["data"] {
            Value::Null => "{}".to_owned(),
            data => data.to_string(),
        },
        metadata: message.metadata.to_string(),
        buffers: message.buffers.iter().map(|buffer| buffer.to_vec()).collect(),
    };
    Some(match message.msg_type() {
        "comm_open" => Comm::Open {
            comm,
            target: text("target_name").unwrap_or_default(),
            payload,
        },
        "comm_msg" => Comm::Message { comm, payload },
        "comm_close" => Comm::Close { comm, payload },
        _ => return None,
    })
}

/// What a process says, as a message. What is no JSON is sent as the text that it is.
pub(super) fn message(said: Comm) -> Content {
    let (msg_type, mut value, payload) = match said {
        Comm::Open { comm, target, payload } => ("comm_open", json!({"comm_id": comm, "target_name": target}), payload),
        Comm::Message { comm, payload } => ("comm_msg", json!({"comm_id": comm}), payload),
        Comm::Close { comm, payload } => ("comm_close", json!({"comm_id": comm}), payload),
    };
    value["data"] = serde_json::from_str(&payload.data).unwrap_or(Value::String(payload.data));
    let metadata = serde_json::from_str(&payload.metadata).ok().filter(Value::is_object);
    Content {
        metadata: metadata.unwrap_or_else(|| json!({})),
        buffers: payload.buffers.into_iter().map(Bytes::from).collect(),
        ..Content::new(msg_type, value)
    }
}

/// What closes a comm.
pub(super) fn close(comm: &str) -> Content {
    Content::new("comm_close", json!({"comm_id": comm, "data": {}}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_client_says_is_what_a_process_would_say() {
        for (msg_type, content) in [
            (
                "comm_open",
                json!({"comm_id": "c", "target_name": "t", "data": {"a": 1}}),
            ),
            ("comm_msg", json!({"comm_id": "c", "data": {"a": [1, "2"]}})),
            ("comm_close", json!({"comm_id": "c", "data": {}})),
        ] {
            let content = Content {
                metadata: json!({"version": "2.1.0"}),
                buffers: vec![Bytes::from_static(b"\xff\0")],
                ..Content::new(msg_type, content)
            };
            let asked = Message::new("s", None, content.clone());
            assert_eq!(message(said(&asked).unwrap()), content);
        }
    }

    #[test]
    fn open_comms_are_told_by_target() {
        let mut comms = Comms::default();
        for (comm, target) in [("a", "t"), ("b", "u")] {
            let (comm, target) = (comm.to_owned(), target.to_owned());
            comms.note(&Comm::Open {
                comm,
                target,
                payload: Payload::default(),
            });
        }
        let ask = |content: Value| {
            let request = Message::new("s", None, Content::new("comm_info_request", content));
            comms.reply(&request).value["comms"].clone()
        };
        assert_eq!(
            ask(json!({})),
            json!({"a": {"target_name": "t"}, "b": {"target_name": "u"}})
        );
        assert_eq!(ask(json!({"target_name": "u"})), json!({"b": {"target_name": "u"}}));
    }
}
