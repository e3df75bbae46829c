//! What is asked of a device that is read, and how a piece of that size is cut from what it has.

use std::io::{Error, ErrorKind, Read, Result};

/// How much to read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wanted {
    /// A line and the `\n` at its end; what is left, if the last line has none. `\r\n` is read as `\n`.
    Line,
    /// So much: characters of a text, or bytes where bytes are read. Less only if there is no more.
    Count(usize),
    /// All that is left.
    Eof,
}

impl From<usize> for Wanted {
    fn from(count: usize) -> Wanted {
        Wanted::Count(count)
    }
}

/// A request to read, as a [`Device`](super::Device) gets it.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Get {
    /// What to show before, if there is somebody to read it. It may be empty.
    pub prompt: String,
    /// How much.
    pub wanted: Wanted,
    /// Whether a text is wanted, which is UTF-8, and not any bytes.
    pub text: bool,
    /// Whether it is a secret: what is typed is not to be seen.
    pub hidden: bool,
}

impl Get {
    #[doc(hidden)]
    /// Cuts the piece from the front of `rest`; `None` at the end of all input. `ended` says that nothing follows.
    ///
    /// # Errors
    /// When a text is wanted and there is none. Then nothing was taken.
    pub fn cut(&self, rest: &[u8], ended: bool) -> Result<Cut> {
        if rest.is_empty() && self.wanted != Wanted::Count(0) {
            return Ok(if ended { Cut::End } else { Cut::More });
        }
        let length = match self.wanted {
            Wanted::Line => rest.iter().position(|byte| *byte == b'\n').map(|place| place + 1),
            Wanted::Eof => None,
            Wanted::Count(count) if self.text => length_of(count, rest, ended)?,
            Wanted::Count(count) => Some(count).filter(|count| *count <= rest.len()),
        };
        let length = match length {
            Some(length) => length,
            None if ended => rest.len(),
            None => return Ok(Cut::More),
        };
        let mut piece = rest[..length].to_vec();
        if self.text && std::str::from_utf8(&piece).is_err() {
            return Err(no_text());
        }
        if self.wanted == Wanted::Line && piece.ends_with(b"\r\n") {
            piece.truncate(length - 2);
            piece.push(b'\n');
        }
        Ok(Cut::Piece { piece, length })
    }
}

#[doc(hidden)]
/// What [`Get::cut`] found.
#[derive(PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum Cut {
    /// The piece, which takes `length` bytes of the input.
    Piece { piece: Vec<u8>, length: usize },
    /// There is not enough yet.
    More,
    /// There is nothing, and never will be.
    End,
}

/// How many bytes so many characters take, if they are there.
fn length_of(count: usize, rest: &[u8], ended: bool) -> Result<Option<usize>> {
    // No character has more than 4 bytes, so that this is enough to look at.
    let rest = &rest[..rest.len().min(count.saturating_mul(4))];
    let (valid, broken) = match std::str::from_utf8(rest) {
        Ok(text) => (text, false),
        Err(error) => {
            let valid = std::str::from_utf8(&rest[..error.valid_up_to()]).unwrap_or_default();
            (valid, ended || error.error_len().is_some())
        }
    };
    match valid.char_indices().nth(count) {
        Some((length, _)) => Ok(Some(length)),
        None if valid.chars().count() == count => Ok(Some(valid.len())),
        None if broken => Err(no_text()),
        None => Ok(None),
    }
}

fn no_text() -> Error {
    let words = "a text was to be read, and what is there is not UTF-8; io::binread reads any bytes";
    Error::new(ErrorKind::InvalidData, words)
}

/// Input that was read ahead of what was asked for.
#[derive(Default)]
pub(crate) struct Ahead {
    bytes: Vec<u8>,
    /// How many of the bytes were given out.
    used: usize,
}

/// How much is read ahead at least.
const CHUNK: usize = 8 * 1024;

impl Ahead {
    pub(crate) fn new(bytes: Vec<u8>) -> Ahead {
        Ahead { bytes, used: 0 }
    }

    /// What was not given out yet.
    pub(crate) fn rest(&self) -> &[u8] {
        &self.bytes[self.used..]
    }

    /// Forgets what was read ahead.
    pub(crate) fn clear(&mut self) {
        *self = Ahead::default();
    }

    /// The next piece; `None` at the end. `more` is where more comes from.
    pub(crate) fn next(&mut self, get: &Get, more: &mut dyn Read) -> Result<Option<Vec<u8>>> {
        let mut ended = false;
        loop {
            match get.cut(self.rest(), ended)? {
                Cut::End => return Ok(None),
                Cut::Piece { piece, length } => {
                    self.used += length;
                    return Ok(Some(piece));
                }
                Cut::More => ended = self.fill(more)? == 0,
            }
        }
    }

    /// Reads once, and says how much came. A reader with more to tell gets twice the room each time.
    fn fill(&mut self, more: &mut dyn Read) -> Result<usize> {
        self.bytes.drain(..self.used);
        self.used = 0;
        let before = self.bytes.len();
        self.bytes.resize(before + before.max(CHUNK), 0);
        let came = loop {
            match more.read(&mut self.bytes[before..]) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                came => break came,
            }
        };
        self.bytes.truncate(before + *came.as_ref().unwrap_or(&0));
        came
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(wanted: Wanted, text: bool, input: &[u8], ended: bool, expected: Cut) {
        let get = Get {
            prompt: String::new(),
            wanted,
            text,
            hidden: false,
        };
        assert_eq!(get.cut(input, ended).unwrap(), expected);
    }

    fn piece(piece: &str, length: usize) -> Cut {
        let piece = piece.into();
        Cut::Piece { piece, length }
    }

    #[test]
    fn a_line_ends_with_its_newline_or_with_the_input() {
        check(Wanted::Line, true, b"one\ntwo", false, piece("one\n", 4));
        check(Wanted::Line, true, b"one\r\ntwo", false, piece("one\n", 5));
        check(Wanted::Line, true, b"one", false, Cut::More);
        check(Wanted::Line, true, b"one", true, piece("one", 3));
        check(Wanted::Line, true, b"", true, Cut::End);
    }

    #[test]
    fn characters_are_counted_and_not_cut() {
        let text = "あいう".as_bytes();
        check(Wanted::Count(2), true, text, false, piece("あい", 6));
        check(Wanted::Count(2), true, &text[..5], false, Cut::More);
        check(Wanted::Count(3), true, text, false, piece("あいう", 9));
        check(Wanted::Count(4), true, text, false, Cut::More);
        check(Wanted::Count(4), true, text, true, piece("あいう", 9));
        check(Wanted::Count(0), true, b"", false, piece("", 0));
    }

    #[test]
    fn bytes_are_counted_as_they_come() {
        check(Wanted::Count(2), false, b"abc", false, piece("ab", 2));
        check(Wanted::Count(9), false, b"abc", false, Cut::More);
        check(Wanted::Count(9), false, b"abc", true, piece("abc", 3));
        check(Wanted::Eof, false, b"abc", false, Cut::More);
        check(Wanted::Eof, false, b"abc", true, piece("abc", 3));
    }

    #[test]
    fn what_is_no_text_is_not_read_as_one() {
        for wanted in [Wanted::Line, Wanted::Count(2), Wanted::Eof] {
            let get = Get {
                prompt: String::new(),
                wanted,
                text: true,
                hidden: false,
            };
            let error = get.cut(&[130, 227, 129, 132], true).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidData, "{wanted:?}");
        }
    }
}
