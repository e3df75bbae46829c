//! Messages and their frames, as the specification describes them.

use bytes::Bytes;
use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

/// A message, as far as tests look at it.
#[derive(Clone, Debug)]
pub struct Message {
    pub id: String,
    pub msg_type: String,
    /// The id of the request that it belongs to.
    pub parent: Option<String>,
    pub session: String,
    pub metadata: Value,
    pub content: Value,
    /// The whole parent header.
    pub parent_header: Value,
    /// Keys of the header beside those that the specification knows.
    pub extra: Value,
    /// Binary frames at the end.
    pub buffers: Vec<Bytes>,
}

impl Message {
    /// A new request.
    pub fn request(msg_type: &str, content: Value) -> Message {
        Message {
            id: uuid::Uuid::new_v4().to_string(),
            msg_type: msg_type.to_owned(),
            parent: None,
            session: String::new(),
            metadata: json!({}),
            content,
            parent_header: json!({}),
            extra: json!({}),
            buffers: Vec::new(),
        }
    }

    /// Whether it is of that type.
    pub fn is(&self, msg_type: &str) -> bool {
        self.msg_type == msg_type
    }

    /// Whether it is that status.
    pub fn is_status(&self, state: &str) -> bool {
        self.is("status") && self.content["execution_state"] == state
    }

    /// Whether it is a consequence of that request.
    pub fn belongs_to(&self, request: &str) -> bool {
        self.parent.as_deref() == Some(request)
    }
}

/// The frames of a message, signed.
pub fn encode(message: &Message, session: &str, key: &str) -> Vec<Bytes> {
    let mut header = json!({
        "msg_id": message.id, "msg_type": message.msg_type, "session": session, "username": "test",
        "date": "2026-01-02T03:04:05.678Z", "version": "5.4",
    });
    header
        .as_object_mut()
        .unwrap()
        .extend(message.extra.as_object().unwrap().clone());
    let json = |value: &Value| Bytes::from(value.to_string());
    let frames = [
        json(&header),
        json(&json!({})),
        json(&message.metadata),
        json(&message.content),
    ];
    let mut all = vec![Bytes::from_static(b"<IDS|MSG>"), Bytes::from(sign(&frames, key))];
    all.extend(frames);
    all.extend(message.buffers.iter().cloned());
    all
}

/// The message in frames, whose signature must be right.
pub fn decode(frames: Vec<Bytes>, key: &str) -> Message {
    let delimiter = frames
        .iter()
        .position(|frame| frame == "<IDS|MSG>")
        .expect("a delimiter");
    let frames = &frames[delimiter + 1..];
    assert_eq!(frames[0], sign(&frames[1..5], key), "the kernel signs what it sends");
    let json = |frame: &Bytes| serde_json::from_slice::<Value>(frame).unwrap();
    let (header, parent_header) = (json(&frames[1]), json(&frames[2]));
    let text = |value: &Value| value.as_str().map(str::to_owned);
    Message {
        id: text(&header["msg_id"]).unwrap(),
        msg_type: text(&header["msg_type"]).unwrap(),
        parent: text(&parent_header["msg_id"]),
        session: text(&header["session"]).unwrap(),
        metadata: json(&frames[3]),
        content: json(&frames[4]),
        parent_header,
        extra: json!({}),
        buffers: frames[5..].to_vec(),
    }
}

/// What is signed as a message is, and is none.
pub fn nonsense(key: &str) -> Vec<Vec<Bytes>> {
    let header =
        r#"{"msg_id": "1", "msg_type": "kernel_info_request", "session": "s", "username": "u", "version": "5.4"}"#;
    let deep = "[".repeat(100_000);
    let contents: [(&[u8], &[u8]); 6] = [
        (b"\xff\xfe", b"{}"),
        (header.as_bytes(), b"{\"code\": \"\xff\"}"),
        (header.as_bytes(), deep.as_bytes()),
        (header.as_bytes(), b"{\"code\": "),
        (b"{}", b"{}"),
        (b"[1, 2]", b"null"),
    ];
    let signed = contents.map(|(header, content)| {
        let frames = [header, b"{}", b"{}", content].map(Bytes::copy_from_slice);
        let mut all = vec![Bytes::from_static(b"<IDS|MSG>"), Bytes::from(sign(&frames, key))];
        all.extend(frames);
        all
    });
    let giant = vec![Bytes::from_static(b"<IDS|MSG>"), Bytes::from(vec![b'0'; 8 << 20])];
    let many = vec![Bytes::from_static(b"<IDS|MSG>"); 1000];
    let truncated = signed[0][..4].to_vec();
    signed
        .into_iter()
        .chain([giant, many, truncated, vec![Bytes::new()]])
        .collect()
}

fn sign(frames: &[Bytes], key: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap();
    frames.iter().for_each(|frame| mac.update(frame));
    mac.finalize()
        .into_bytes()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
