//! Marks in a stream of bytes: "what the cell wrote ends here".
//!
//! Captured output has no frames, so its end is told in the stream itself, by a line that programs
//! do not write by chance.

const PREFIX: &[u8] = b"\x1ecrabtree-barrier ";
const SUFFIX: u8 = b'\x1e';

/// The mark for barrier `number`.
#[must_use]
pub fn mark(number: u64) -> Vec<u8> {
    let mut mark = PREFIX.to_vec();
    mark.extend_from_slice(number.to_string().as_bytes());
    mark.push(SUFFIX);
    mark
}

/// A piece of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Text that was written.
    Text(String),
    /// A mark.
    Barrier(u64),
}

/// Takes a stream of bytes apart into text and marks.
///
/// Bytes that may be the beginning of a mark or of a character are kept until the next ones say
/// what they are; everything else is given out at once.
#[derive(Debug, Default)]
pub struct Splitter {
    kept: Vec<u8>,
}

impl Splitter {
    /// Takes the next bytes and gives out what is complete.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<Piece> {
        self.kept.extend_from_slice(bytes);
        let mut pieces = Vec::new();
        while let Some(start) = find_mark(&self.kept) {
            let after = &self.kept[start..];
            if after.len() <= PREFIX.len() {
                break;
            }
            let digits = &after[PREFIX.len()..];
            let Some(length) = digits.iter().position(|byte| !byte.is_ascii_digit()) else {
                break;
            };
            let number = std::str::from_utf8(&digits[..length])
                .ok()
                .and_then(|digits| digits.parse().ok());
            let end = start + PREFIX.len() + length;
            match number {
                Some(number) if self.kept[end] == SUFFIX => {
                    push_text(&mut pieces, &self.kept[..start]);
                    pieces.push(Piece::Barrier(number));
                    self.kept.drain(..=end);
                }
                _ => {
                    push_text(&mut pieces, &self.kept[..end]);
                    self.kept.drain(..end);
                }
            }
        }
        let ready = find_mark(&self.kept).unwrap_or_else(|| complete(&self.kept));
        push_text(&mut pieces, &self.kept[..ready]);
        self.kept.drain(..ready);
        pieces
    }

    /// Gives out what was kept; for the end of the stream.
    pub fn finish(&mut self) -> Option<Piece> {
        let mut pieces = Vec::new();
        push_text(&mut pieces, &std::mem::take(&mut self.kept));
        pieces.pop()
    }
}

/// Where a mark begins, or something that may become one.
fn find_mark(bytes: &[u8]) -> Option<usize> {
    (0..bytes.len()).find(|&start| {
        let rest = &bytes[start..];
        rest.starts_with(PREFIX) || PREFIX.starts_with(rest)
    })
}

/// How many of these bytes are not the beginning of an unfinished character.
#[must_use]
pub fn complete(bytes: &[u8]) -> usize {
    for back in 1..=bytes.len().min(3) {
        let start = bytes.len() - back;
        let needed = match bytes[start] {
            0xC0..=0xDF => 2,
            0xE0..=0xEF => 3,
            0xF0..=0xF7 => 4,
            _ => continue,
        };
        return if needed > back { start } else { bytes.len() };
    }
    bytes.len()
}

fn push_text(pieces: &mut Vec<Piece>, bytes: &[u8]) {
    if !bytes.is_empty() {
        pieces.push(Piece::Text(String::from_utf8_lossy(bytes).into_owned()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds `bytes` in portions of every size; the pieces, with neighbouring texts joined, must be these.
    #[track_caller]
    fn check(bytes: &[u8], expected: &[Piece]) {
        for size in 1..=bytes.len() {
            let mut splitter = Splitter::default();
            let mut pieces: Vec<Piece> = bytes.chunks(size).flat_map(|portion| splitter.feed(portion)).collect();
            pieces.extend(splitter.finish());
            let mut joined: Vec<Piece> = Vec::new();
            for piece in pieces {
                match (joined.last_mut(), piece) {
                    (Some(Piece::Text(text)), Piece::Text(more)) => text.push_str(&more),
                    (_, piece) => joined.push(piece),
                }
            }
            assert_eq!(joined, expected, "in portions of {size}");
        }
    }

    fn text(text: &str) -> Piece {
        Piece::Text(text.to_owned())
    }

    #[test]
    fn marks_are_found_wherever_they_are() {
        let mut bytes = b"no newline".to_vec();
        bytes.extend(mark(12));
        bytes.extend("Grüße 🦀".as_bytes());
        bytes.extend(mark(13));
        check(
            &bytes,
            &[
                text("no newline"),
                Piece::Barrier(12),
                text("Grüße 🦀"),
                Piece::Barrier(13),
            ],
        );
    }

    #[test]
    fn what_only_looks_like_a_mark_is_text() {
        check(b"\x1ecrabtree-barrier x\n", &[text("\x1ecrabtree-barrier x\n")]);
        check(b"\x1e\x1ecrabtree", &[text("\x1e\x1ecrabtree")]);
    }

    #[test]
    fn text_without_a_newline_is_given_out_at_once() {
        assert_eq!(Splitter::default().feed(b"prompt> "), [text("prompt> ")]);
    }

    #[test]
    fn bytes_that_are_no_text_do_not_stop_the_stream() {
        check(b"a\xffb", &[text("a\u{fffd}b")]);
    }
}
