//! Comms: channels between a process and something in the front end, such as a widget.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Something said on a comm, in either direction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Comm {
    /// A comm begins.
    Open {
        /// Names it from now on.
        comm: String,
        /// Who is to answer on the other side.
        target: String,
        /// The first message.
        payload: Payload,
    },
    /// A message.
    Message {
        /// The comm.
        comm: String,
        /// What is said.
        payload: Payload,
    },
    /// A comm ends.
    Close {
        /// The comm.
        comm: String,
        /// The last message.
        payload: Payload,
    },
}

/// What a message of a comm carries.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payload {
    /// A text of JSON.
    pub data: String,
    /// A text of JSON: an object. Empty for an empty one.
    pub metadata: String,
    /// Bytes beside the data.
    #[serde(serialize_with = "encode", deserialize_with = "decode")]
    pub buffers: Vec<Vec<u8>>,
}

impl Comm {
    pub(crate) fn weight(&self) -> usize {
        let (Comm::Open { payload, .. } | Comm::Message { payload, .. } | Comm::Close { payload, .. }) = self;
        payload.data.len() + payload.buffers.iter().map(Vec::len).sum::<usize>()
    }
}

fn encode<S: Serializer>(buffers: &[Vec<u8>], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(buffers.iter().map(|buffer| STANDARD.encode(buffer)))
}

fn decode<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Vec<u8>>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    let decoded = texts.iter().map(|text| STANDARD.decode(text));
    decoded.collect::<Result<_, _>>().map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_bytes_arrive_as_they_were_sent() {
        let payload = Payload {
            data: "{}".to_owned(),
            metadata: String::new(),
            buffers: vec![vec![], vec![0, 255, 10, 34]],
        };
        let text = serde_json::to_string(&payload).expect("a payload becomes JSON");
        assert_eq!(serde_json::from_str::<Payload>(&text).expect("and comes back"), payload);
    }
}
