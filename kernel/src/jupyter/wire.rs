//! Messages as the frames of a multipart message, and back.
//!
//! ```text
//! identity …  <IDS|MSG>  signature  header  parent_header  metadata  content  buffer …
//! ```
//!
//! The signature is the HMAC-SHA256 of the four frames after it, in hexadecimal.

use std::fmt;

use bytes::Bytes;
use hmac::{Hmac, Mac};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sha2::Sha256;

use super::message::Message;

/// The frame between the identities and the message.
pub(crate) const DELIMITER: &[u8] = b"<IDS|MSG>";

/// Why frames are not a message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum WireError {
    /// No frame is the delimiter.
    NoDelimiter,
    /// Fewer than five frames follow the delimiter.
    TooFewFrames(usize),
    /// The signature is not that of the frames.
    BadSignature,
    /// A frame is not the JSON that belongs there.
    BadFrame(&'static str, String),
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WireError::NoDelimiter => write!(f, "it has no <IDS|MSG> frame"),
            WireError::TooFewFrames(found) => write!(f, "five frames must follow <IDS|MSG>, not {found}"),
            WireError::BadSignature => write!(f, "its signature is not that of the connection file's key"),
            WireError::BadFrame(name, error) => write!(f, "its {name} cannot be read: {error}"),
        }
    }
}

impl std::error::Error for WireError {}

/// Signs and checks messages with the key of a connection file.
#[derive(Clone)]
pub(crate) struct Signer(Option<Hmac<Sha256>>);

impl Signer {
    /// A signer for `key`; with an empty key messages are not signed.
    pub(crate) fn new(key: &str) -> Signer {
        // HMAC takes keys of any length.
        Signer((!key.is_empty()).then(|| Hmac::new_from_slice(key.as_bytes()).expect("a key of any length fits")))
    }

    fn sign(&self, frames: &[Bytes]) -> String {
        let Some(mac) = self.mac(frames) else {
            return String::new();
        };
        crate::hex::encode(&mac.finalize().into_bytes())
    }

    /// In constant time.
    fn verify(&self, signature: &[u8], frames: &[Bytes]) -> bool {
        let Some(mac) = self.mac(frames) else { return true };
        decode_hex(signature).is_some_and(|signature| mac.verify_slice(&signature).is_ok())
    }

    fn mac(&self, frames: &[Bytes]) -> Option<Hmac<Sha256>> {
        let mut mac = self.0.clone()?;
        frames.iter().for_each(|frame| mac.update(frame));
        Some(mac)
    }
}

/// The frames of a message.
pub(crate) fn encode(message: &Message, signer: &Signer) -> Vec<Bytes> {
    let parent = match &message.parent {
        Some(parent) => json(parent),
        None => Bytes::from_static(b"{}"),
    };
    let signed = [
        json(&message.header),
        parent,
        json(&message.metadata),
        json(&message.content),
    ];
    let mut frames = message.identities.clone();
    frames.push(Bytes::from_static(DELIMITER));
    frames.push(Bytes::from(signer.sign(&signed)));
    frames.extend(signed);
    frames.extend(message.buffers.iter().cloned());
    frames
}

/// The message that frames hold.
///
/// # Errors
///
/// The frames are not those of a message, or not signed with the signer's key.
pub(crate) fn decode(mut frames: Vec<Bytes>, signer: &Signer) -> Result<Message, WireError> {
    let delimiter = frames
        .iter()
        .position(|frame| frame == DELIMITER)
        .ok_or(WireError::NoDelimiter)?;
    let rest = frames.split_off(delimiter + 1);
    frames.pop();
    if rest.len() < 5 {
        return Err(WireError::TooFewFrames(rest.len()));
    }
    if !signer.verify(&rest[0], &rest[1..5]) {
        return Err(WireError::BadSignature);
    }
    let parent: Value = parse("parent header", &rest[2])?;
    Ok(Message {
        identities: frames,
        header: parse("header", &rest[1])?,
        // Without a parent it is an empty object.
        parent: serde_json::from_value(parent).ok(),
        metadata: parse("metadata", &rest[3])?,
        content: parse("content", &rest[4])?,
        buffers: rest[5..].to_vec(),
    })
}

fn json(value: &impl Serialize) -> Bytes {
    // Headers and contents are maps with string keys: nothing in them can fail to become JSON.
    Bytes::from(serde_json::to_vec(value).unwrap_or_else(|_| b"{}".to_vec()))
}

fn parse<T: DeserializeOwned>(name: &'static str, frame: &[u8]) -> Result<T, WireError> {
    serde_json::from_slice(frame).map_err(|error| WireError::BadFrame(name, error.to_string()))
}

fn decode_hex(text: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    if !text.len().is_multiple_of(2) {
        return None;
    }
    text.chunks_exact(2)
        .map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jupyter::message::{Content, Header};
    use proptest::prelude::*;
    use proptest::test_runner::RngSeed;
    use serde_json::json;

    fn message() -> Message {
        let parent = Header::new("execute_request", "client");
        let mut message = Message::new("kernel", Some(&parent), Content::new("stream", json!({"text": "ö\n"})));
        message.identities = vec![Bytes::from_static(b"peer"), Bytes::from_static(b"\0\x01")];
        message.buffers = vec![Bytes::from_static(b"\xff\x00")];
        message
    }

    #[test]
    fn what_is_encoded_is_decoded() {
        for key in ["", "secret"] {
            let (signer, message) = (Signer::new(key), message());
            assert_eq!(decode(encode(&message, &signer), &signer), Ok(message));
        }
    }

    #[test]
    fn the_signature_is_the_hmac_of_the_four_frames() {
        // printf '{}{}{}{}' | openssl dgst -sha256 -hmac key
        let frames = [const { Bytes::from_static(b"{}") }; 4];
        assert_eq!(
            Signer::new("key").sign(&frames),
            "ca767b02c5bc061ed184a9a029e7f93a7f2f7ed4e8fe74120fc1212f0b008fa3"
        );
    }

    #[test]
    fn a_message_of_another_key_is_refused() {
        let frames = encode(&message(), &Signer::new("theirs"));
        assert_eq!(decode(frames, &Signer::new("ours")), Err(WireError::BadSignature));
    }

    #[test]
    fn a_changed_frame_or_a_garbled_signature_is_refused() {
        let signer = Signer::new("secret");
        let delimiter = 2;
        for (frame, garbage) in [
            (1, "00"),
            (1, "not hex"),
            (1, ""),
            (2, "{}"),
            (3, "{}"),
            (4, "[]"),
            (5, "{} "),
        ] {
            let mut frames = encode(&message(), &signer);
            frames[delimiter + frame] = Bytes::from(garbage);
            assert_eq!(
                decode(frames, &signer),
                Err(WireError::BadSignature),
                "frame {frame} as {garbage:?}"
            );
        }
    }

    #[test]
    fn garbage_is_an_error_that_says_what_is_missing() {
        let unsigned = Signer::new("");
        assert_eq!(decode(Vec::new(), &unsigned), Err(WireError::NoDelimiter));
        assert_eq!(
            decode(vec![Bytes::from_static(DELIMITER)], &unsigned),
            Err(WireError::TooFewFrames(0))
        );
        let mut frames = encode(&message(), &unsigned);
        frames[4] = Bytes::from_static(b"no json");
        let error = decode(frames, &unsigned).unwrap_err().to_string();
        assert!(error.starts_with("its header cannot be read"), "{error}");
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: 1000,
            rng_seed: RngSeed::Fixed(0x5eed),
            failure_persistence: None,
            ..ProptestConfig::default()
        })]

        #[test]
        fn what_was_changed_on_the_way_is_refused(
            changes in prop::collection::vec((0..9_usize, 0..5_u8, any::<prop::sample::Index>(), any::<u8>()), 1..4),
        ) {
            let signer = Signer::new("secret");
            let sent = encode(&message(), &signer);
            let mut frames = sent.clone();
            for (frame, kind, at, byte) in changes {
                let frame = frame.min(frames.len());
                let bytes = frames.get(frame).map_or_else(Vec::new, |bytes| bytes.to_vec());
                match kind {
                    0 => drop(frames.drain(frame..frame.saturating_add(1).min(frames.len()))),
                    1 => frames.insert(frame, Bytes::from(vec![byte; usize::from(byte)])),
                    2 => frames.truncate(frame),
                    _ if bytes.is_empty() => {}
                    3 => frames[frame] = Bytes::from(bytes[..at.index(bytes.len())].to_vec()),
                    _ => {
                        let mut bytes = bytes;
                        let at = at.index(bytes.len());
                        bytes[at] = byte;
                        frames[frame] = Bytes::from(bytes);
                    }
                }
            }
            // Identities and buffers are not signed; all else must be as it was.
            if let Ok(message) = decode(frames, &signer) {
                let sent = decode(sent, &signer).unwrap();
                prop_assert_eq!(&message.header, &sent.header);
                prop_assert_eq!(&message.content, &sent.content);
                prop_assert_eq!(&message.metadata, &sent.metadata);
            }
        }

        #[test]
        fn what_is_signed_and_no_message_is_refused_with_the_reason(
            frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 4),
        ) {
            let signer = Signer::new("secret");
            let signed: Vec<Bytes> = frames.into_iter().map(Bytes::from).collect();
            let mut all = vec![Bytes::from_static(DELIMITER), Bytes::from(signer.sign(&signed))];
            all.extend(signed);
            prop_assert!(matches!(decode(all, &signer), Err(WireError::BadFrame(..))));
        }
    }

    #[test]
    fn an_empty_parent_header_is_no_parent() {
        let unsigned = Signer::new("");
        let orphan = Message::new("s", None, Content::new("status", json!({})));
        assert_eq!(decode(encode(&orphan, &unsigned), &unsigned).unwrap().parent, None);
    }
}
