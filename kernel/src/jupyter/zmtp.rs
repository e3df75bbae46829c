//! ZMTP 3.0, the protocol below ZeroMQ's sockets, as far as a publisher speaks it.
//!
//! Both sides greet each other, then each sends a READY command that says what it is. What follows are frames: a byte of
//! flags, the length in one byte or eight, and the body.

use std::io::{Error, ErrorKind, Result};

use bytes::{BufMut as _, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

const MORE: u8 = 1;
const LONG: u8 = 2;
const COMMAND: u8 = 4;

/// Subscribers say topics and nothing else; whoever says more is none.
const LONGEST: u64 = 64 << 10;

/// What a subscriber says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// Messages whose first frame begins so are wanted.
    Subscribe(Bytes),
    /// They are not wanted any more.
    Cancel(Bytes),
}

/// The frames of a message as they are on the wire.
pub(super) fn encode(frames: &[Bytes]) -> Bytes {
    let length = frames.iter().map(|frame| frame.len() + 9).sum();
    let mut wire = BytesMut::with_capacity(length);
    for (index, frame) in frames.iter().enumerate() {
        let more = if index + 1 < frames.len() { MORE } else { 0 };
        put(&mut wire, more, frame);
    }
    wire.freeze()
}

fn put(wire: &mut BytesMut, flags: u8, body: &[u8]) {
    if let Ok(length) = u8::try_from(body.len()) {
        wire.put_u8(flags);
        wire.put_u8(length);
    } else {
        wire.put_u8(flags | LONG);
        wire.put_u64(body.len() as u64);
    }
    wire.put_slice(body);
}

/// Greets, and hears whether the other side is a subscriber.
///
/// # Errors
///
/// The other side is none, or speaks something else, or has gone.
pub(super) async fn shake_hands(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> Result<()> {
    stream.write_all(&greeting()).await?;
    let mut theirs = [0; 64];
    stream.read_exact(&mut theirs).await?;
    let (signature, version, mechanism) = (theirs[0] == 0xff && theirs[9] & 1 == 1, theirs[10], &theirs[12..32]);
    if !signature || version < 3 || *mechanism != greeting()[12..32] {
        return Err(Error::new(
            ErrorKind::InvalidData,
            "the peer does not speak ZMTP 3 without security",
        ));
    }
    let mut ready = BytesMut::new();
    put(&mut ready, COMMAND, b"\x05READY\x0bSocket-Type\0\0\0\x04XPUB");
    stream.write_all(&ready).await?;
    let (flags, body) = frame(stream).await?;
    let is_subscriber = |body: &[u8]| {
        let mut values = body.windows(4);
        values.any(|value| value == b"\x03SUB") || body.windows(5).any(|value| value == b"\x04XSUB")
    };
    if flags & COMMAND == 0 || !body.starts_with(b"\x05READY") || !is_subscriber(&body) {
        return Err(Error::new(ErrorKind::InvalidData, "the peer is no subscriber"));
    }
    Ok(())
}

fn greeting() -> [u8; 64] {
    let mut greeting = [0; 64];
    (greeting[0], greeting[8], greeting[9]) = (0xff, 1, 0x7f);
    greeting[10] = 3;
    greeting[12..16].copy_from_slice(b"NULL");
    greeting
}

/// What the subscriber says next. Not cancel safe.
///
/// # Errors
///
/// The subscriber has gone, or says what no subscriber does.
pub(super) async fn listen(stream: &mut (impl AsyncRead + Unpin)) -> Result<Said> {
    loop {
        let (flags, body) = frame(stream).await?;
        let said = if flags & COMMAND == 0 {
            match body.first() {
                Some(1) => Some(Said::Subscribe(body.slice(1..))),
                Some(0) => Some(Said::Cancel(body.slice(1..))),
                _ => None,
            }
        } else if body.starts_with(b"\x09SUBSCRIBE") {
            Some(Said::Subscribe(body.slice(10..)))
        } else if body.starts_with(b"\x06CANCEL") {
            Some(Said::Cancel(body.slice(7..)))
        } else {
            None
        };
        if let Some(said) = said {
            return Ok(said);
        }
    }
}

async fn frame(stream: &mut (impl AsyncRead + Unpin)) -> Result<(u8, Bytes)> {
    let flags = stream.read_u8().await?;
    let length = if flags & LONG == 0 {
        u64::from(stream.read_u8().await?)
    } else {
        stream.read_u64().await?
    };
    if length > LONGEST {
        let text = format!("a frame of {length} bytes is no subscription");
        return Err(Error::new(ErrorKind::InvalidData, text));
    }
    let mut body = vec![0; length as usize];
    stream.read_exact(&mut body).await?;
    Ok((flags, Bytes::from(body)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_say_whether_more_follow_and_long_ones_have_long_lengths() {
        let long = Bytes::from(vec![7; 300]);
        let wire = encode(&[Bytes::from_static(b"topic"), long.clone()]);
        assert_eq!(wire[..7], *b"\x01\x05topic");
        assert_eq!(wire[7..16], [LONG, 0, 0, 0, 0, 0, 0, 1, 44]);
        assert_eq!(wire[16..], long);
    }

    #[tokio::test]
    async fn a_subscriber_is_heard_in_the_words_of_every_version() {
        let mut wire = BytesMut::new();
        put(&mut wire, 0, b"\x01a");
        put(&mut wire, COMMAND, b"\x09SUBSCRIBEb");
        put(&mut wire, COMMAND, b"\x04PING\0\0");
        put(&mut wire, 0, b"\0a");
        put(&mut wire, COMMAND, b"\x06CANCELb");
        let mut stream = &wire[..];
        let topic = |topic: &'static [u8]| Bytes::from_static(topic);
        for expected in [
            Said::Subscribe(topic(b"a")),
            Said::Subscribe(topic(b"b")),
            Said::Cancel(topic(b"a")),
            Said::Cancel(topic(b"b")),
        ] {
            assert_eq!(listen(&mut stream).await.unwrap(), expected);
        }
        assert_eq!(listen(&mut stream).await.unwrap_err().kind(), ErrorKind::UnexpectedEof);
    }

    #[tokio::test]
    async fn whoever_is_no_subscriber_is_refused() {
        let mut dealer = BytesMut::from(&greeting()[..]);
        put(&mut dealer, COMMAND, b"\x05READY\x0bSocket-Type\0\0\0\x06DEALER");
        let mut giant = BytesMut::from(&greeting()[..]);
        giant.put_slice(&[COMMAND | LONG, 0xff, 0, 0, 0, 0, 0, 0, 0]);
        for wrong in [&dealer[..], &giant, &[b'G'; 64]] {
            let (mut ours, mut theirs) = tokio::io::duplex(1024);
            theirs.write_all(wrong).await.unwrap();
            assert_eq!(shake_hands(&mut ours).await.unwrap_err().kind(), ErrorKind::InvalidData);
        }
    }
}
