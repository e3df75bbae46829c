//! Framing: a length, then that many bytes of JSON.
//!
//! The length is a `u32` in little-endian order and does not count itself.

use std::io::{self, ErrorKind, Read, Write};

use serde::{Serialize, de::DeserializeOwned};

/// The largest frame that is sent or accepted, in bytes. A picture fits; a length that is really
/// something else does not.
pub const MAX_LENGTH: usize = 256 << 20;

/// Writes one frame and flushes it.
///
/// # Errors
///
/// Those of the writer, and `InvalidInput` for a message that is longer than [`MAX_LENGTH`].
pub fn write<T: Serialize>(writer: &mut impl Write, message: &T) -> io::Result<()> {
    let mut frame = vec![0; 4];
    serde_json::to_writer(&mut frame, message)?;
    let length = frame.len() - 4;
    if length > MAX_LENGTH {
        let text = format!("a message of {length} bytes is longer than the {MAX_LENGTH} that a frame may have");
        return Err(io::Error::new(ErrorKind::InvalidInput, text));
    }
    frame[..4].copy_from_slice(&(length as u32).to_le_bytes());
    writer.write_all(&frame)?;
    writer.flush()
}

/// Reads one frame; `None` at the end of the stream.
///
/// # Errors
///
/// Those of the reader; `UnexpectedEof` when the stream ends inside a frame; `InvalidData` for a
/// length beyond [`MAX_LENGTH`] or for contents that are not a `T`.
pub fn read<T: DeserializeOwned>(reader: &mut impl Read) -> io::Result<Option<T>> {
    let mut length = [0; 4];
    let mut filled = 0;
    while filled < length.len() {
        match reader.read(&mut length[filled..]) {
            Ok(0) if filled == 0 => return Ok(None),
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(count) => filled += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let length = u32::from_le_bytes(length) as usize;
    if length > MAX_LENGTH {
        let text = format!("a frame claims {length} bytes; the other side does not speak this protocol");
        return Err(io::Error::new(ErrorKind::InvalidData, text));
    }
    let mut contents = vec![0; length];
    reader.read_exact(&mut contents)?;
    Ok(Some(serde_json::from_slice(&contents)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CellEnd, Stream, ToHost, ToKernel};

    fn sent(messages: &[ToKernel]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for message in messages {
            write(&mut bytes, message).expect("a vector takes everything");
        }
        bytes
    }

    #[test]
    fn frames_arrive_as_they_were_sent_and_in_order() {
        let text = "two\nlines, ünïcode \u{1f980}".to_owned();
        let messages = [
            ToKernel::Begun {
                cell: 1,
                replaced: None,
            },
            ToKernel::Output {
                cell: 1,
                stream: Stream::Stderr,
                text,
            },
            ToKernel::Outcome {
                cell: 1,
                end: CellEnd::Done,
            },
        ];
        let bytes = sent(&messages);
        let mut reader = &bytes[..];
        for message in &messages {
            assert_eq!(read::<ToKernel>(&mut reader).unwrap().as_ref(), Some(message));
        }
        assert_eq!(read::<ToKernel>(&mut reader).unwrap(), None);
    }

    #[test]
    fn a_stream_that_ends_inside_a_frame_is_an_error() {
        let bytes = sent(&[ToKernel::Ended { cell: 7, processes: 2 }]);
        for end in 1..bytes.len() {
            let error = read::<ToKernel>(&mut &bytes[..end]).expect_err("the frame is cut");
            assert_eq!(error.kind(), ErrorKind::UnexpectedEof, "cut at {end}");
        }
    }

    #[test]
    fn a_length_that_cannot_be_is_refused_before_memory_is_taken() {
        let error = read::<ToHost>(&mut &b"GET / HTTP/1.1\r\n"[..]).expect_err("that is no frame");
        assert_eq!(error.kind(), ErrorKind::InvalidData);
    }
}
