//! A Jupyter message.
//!
//! Contents are the types of `jupyter_protocol`. The envelope is our own: headers keep every key
//! that a client put in, so that what returns as `parent_header` is what was sent, and the
//! protocol's version is not fixed at the one that the crate knows.

use bytes::Bytes;
use chrono::{DateTime, SecondsFormat, Utc};
use jupyter_protocol::JupyterMessageContent;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The version of the messaging protocol that is spoken.
pub(crate) const PROTOCOL_VERSION: &str = "5.5";

/// The header of a message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Header {
    /// Unique for every message.
    pub(crate) msg_id: String,
    /// What `content` holds, such as `execute_request`.
    pub(crate) msg_type: String,
    /// The sender's session.
    #[serde(default)]
    pub(crate) session: String,
    /// The user who sent it.
    #[serde(default)]
    pub(crate) username: String,
    /// When it was made, in ISO 8601.
    #[serde(default)]
    pub(crate) date: String,
    /// The version of the protocol.
    #[serde(default)]
    pub(crate) version: String,
    /// Everything else, such as `subshell_id`.
    #[serde(flatten)]
    pub(crate) other: Map<String, Value>,
}

impl Header {
    /// A header for a new message of `session`.
    pub(crate) fn new(msg_type: impl Into<String>, session: &str) -> Header {
        Header {
            msg_id: uuid::Uuid::new_v4().to_string(),
            msg_type: msg_type.into(),
            session: session.to_owned(),
            username: "crabtree".to_owned(),
            date: DateTime::<Utc>::from(std::time::SystemTime::now()).to_rfc3339_opts(SecondsFormat::Micros, true),
            version: PROTOCOL_VERSION.to_owned(),
            other: Map::new(),
        }
    }
}

/// A message, without its signature.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Message {
    /// The frames before the delimiter: the way back to the sender, or the topic on IOPub.
    pub(crate) identities: Vec<Bytes>,
    /// Who says what.
    pub(crate) header: Header,
    /// The header of the request that this belongs to.
    pub(crate) parent: Option<Header>,
    /// Free form.
    pub(crate) metadata: Value,
    /// What `header.msg_type` says.
    pub(crate) content: Value,
    /// Binary frames at the end.
    pub(crate) buffers: Vec<Bytes>,
}

impl Message {
    /// A new message of `session`.
    pub(crate) fn new(session: &str, parent: Option<&Header>, content: Content) -> Message {
        Message {
            identities: Vec::new(),
            header: Header::new(content.msg_type, session),
            parent: parent.cloned(),
            metadata: content.metadata,
            content: content.value,
            buffers: content.buffers,
        }
    }

    /// The message's type.
    pub(crate) fn msg_type(&self) -> &str {
        &self.header.msg_type
    }

    /// The content as the type that belongs to the message's type.
    ///
    /// # Errors
    ///
    /// A key is missing or has another type.
    pub(crate) fn read<T: DeserializeOwned>(&self) -> serde_json::Result<T> {
        T::deserialize(&self.content)
    }

    /// As [`Message::read`], with `defaults` for the keys that the sender left out.
    ///
    /// # Errors
    ///
    /// As [`Message::read`].
    pub(crate) fn read_with_defaults<T: DeserializeOwned>(&self, defaults: Value) -> serde_json::Result<T> {
        let mut content = defaults;
        if let (Value::Object(content), Value::Object(sent)) = (&mut content, &self.content) {
            content.extend(
                sent.iter()
                    .filter(|(_, value)| !value.is_null())
                    .map(|(k, v)| (k.clone(), v.clone())),
            );
        }
        serde_json::from_value(content)
    }
}

/// The content of a message to be sent, with its type.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Content {
    /// The message's type.
    pub(crate) msg_type: String,
    /// The content itself, an object.
    pub(crate) value: Value,
    /// The metadata of the message, an object.
    pub(crate) metadata: Value,
    /// Binary frames behind it.
    pub(crate) buffers: Vec<Bytes>,
}

impl Content {
    /// Content of a type that `jupyter_protocol` does not know, or does not write as the
    /// specification asks.
    pub(crate) fn new(msg_type: impl Into<String>, value: Value) -> Content {
        Content {
            msg_type: msg_type.into(),
            value,
            metadata: Value::Object(Map::new()),
            buffers: Vec::new(),
        }
    }
}

impl<T: Into<JupyterMessageContent>> From<T> for Content {
    fn from(content: T) -> Content {
        let content = content.into();
        let msg_type = content.message_type().to_owned();
        // Contents are maps with string keys: nothing in them can fail to become JSON.
        let value = serde_json::to_value(&content).unwrap_or_else(|_| Value::Object(Map::new()));
        Content::new(msg_type, value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jupyter_protocol::{ExecuteRequest, Status};
    use serde_json::json;

    #[test]
    fn a_parent_header_returns_with_every_key_it_came_with() {
        let sent = json!({"msg_id": "1", "msg_type": "x", "session": "s", "username": "u", "date": "2024-02-03T04:05:06+01:00",
            "version": "5.0", "subshell_id": "shell-2"});
        let header: Header = serde_json::from_value(sent.clone()).unwrap();
        assert_eq!(serde_json::to_value(header).unwrap(), sent);
    }

    #[test]
    fn a_content_carries_its_own_type() {
        let content = Content::from(Status::busy());
        assert_eq!(
            (content.msg_type.as_str(), content.value),
            ("status", json!({"execution_state": "busy"}))
        );
    }

    #[test]
    fn a_request_may_leave_out_what_has_a_default() {
        let message = Message::new(
            "s",
            None,
            Content::new("execute_request", json!({"code": "1", "silent": null})),
        );
        let request: ExecuteRequest = message
            .read_with_defaults(json!({"silent": false, "store_history": true}))
            .unwrap();
        assert!(request.store_history && !request.silent && request.code == "1");
    }
}
