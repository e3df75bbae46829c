//! Takes standard output apart into evcxr's protocol and everything else.
//!
//! evcxr reads its child's standard output line by line, and a line of its protocol begins with
//! `EVCXR_`. Other code prints there too, with or without newlines, so such a line can begin
//! anywhere. Between `EVCXR_BEGIN_CONTENT` and `EVCXR_END_CONTENT` everything is protocol.

use crabtree_link::barrier::{Piece, Splitter};

const PREFIX: &str = "EVCXR_";
const BEGIN_CONTENT: &str = "EVCXR_BEGIN_CONTENT";
const END_CONTENT: &str = "EVCXR_END_CONTENT";

/// A piece of standard output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// A line for evcxr, with its newline.
    Protocol(String),
    /// Text that a library printed.
    Output(String),
    /// A mark.
    Barrier(u64),
}

/// The state between two reads.
#[derive(Debug, Default)]
pub(super) struct Filter {
    splitter: Splitter,
    /// Text that may turn out to be protocol.
    kept: String,
    in_content: bool,
}

impl Filter {
    /// Takes the next bytes and gives out what is decided.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Vec<Part> {
        let mut parts = Vec::new();
        for piece in self.splitter.feed(bytes) {
            match piece {
                Piece::Text(text) => {
                    self.kept.push_str(&text);
                    self.decide(&mut parts);
                }
                Piece::Barrier(number) => {
                    // Nothing is in flight any more, so what looks like the beginning of a line of evcxr's is none.
                    push_output(&mut parts, std::mem::take(&mut self.kept));
                    parts.push(Part::Barrier(number));
                }
            }
        }
        parts
    }

    fn decide(&mut self, parts: &mut Vec<Part>) {
        loop {
            let start = if self.in_content { 0 } else { protocol_start(&self.kept) };
            let rest = self.kept.split_off(start);
            push_output(parts, std::mem::replace(&mut self.kept, rest));
            let Some(newline) = self.kept.find('\n') else { return };
            let rest = self.kept.split_off(newline + 1);
            let line = std::mem::replace(&mut self.kept, rest);
            if line.starts_with(BEGIN_CONTENT) {
                self.in_content = true;
            } else if line.starts_with(END_CONTENT) {
                self.in_content = false;
            }
            parts.push(Part::Protocol(line));
        }
    }
}

/// Where a line of the protocol begins, or text that may become one; else the length.
fn protocol_start(text: &str) -> usize {
    if let Some(start) = text.find(PREFIX) {
        return start;
    }
    let longest = PREFIX.len().min(text.len());
    let partial = (1..=longest).rev().find(|&length| text.ends_with(&PREFIX[..length]));
    text.len() - partial.unwrap_or(0)
}

fn push_output(parts: &mut Vec<Part>, text: String) {
    if !text.is_empty() {
        parts.push(Part::Output(text));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crabtree_link::barrier;

    /// Feeds `bytes` in portions of every size; evcxr's lines, the other text and the marks must be these.
    #[track_caller]
    fn check(bytes: &[u8], protocol: &str, output: &str, barriers: &[u64]) {
        for size in 1..=bytes.len() {
            let mut filter = Filter::default();
            let (mut seen_protocol, mut seen_output, mut seen_barriers) = (String::new(), String::new(), Vec::new());
            for part in bytes.chunks(size).flat_map(|portion| filter.feed(portion)) {
                match part {
                    Part::Protocol(line) => seen_protocol.push_str(&line),
                    Part::Output(text) => seen_output.push_str(&text),
                    Part::Barrier(number) => seen_barriers.push(number),
                }
            }
            assert_eq!(
                (seen_protocol.as_str(), seen_output.as_str()),
                (protocol, output),
                "in portions of {size}"
            );
            assert_eq!(seen_barriers, barriers);
        }
    }

    #[test]
    fn evcxrs_lines_go_to_evcxr_and_the_rest_to_the_cell() {
        check(
            b"one\nEVCXR_EXECUTION_COMPLETE\ntwo\n",
            "EVCXR_EXECUTION_COMPLETE\n",
            "one\ntwo\n",
            &[],
        );
    }

    #[test]
    fn a_line_of_evcxrs_is_found_behind_text_without_a_newline() {
        check(
            b"progress 50%EVCXR_EXECUTION_COMPLETE\n",
            "EVCXR_EXECUTION_COMPLETE\n",
            "progress 50%",
            &[],
        );
    }

    #[test]
    fn content_passes_whole() {
        let block = "EVCXR_BEGIN_CONTENT text/plain\nfree\n\ntext\nEVCXR_END_CONTENT\n";
        check(format!("a{block}b\n").as_bytes(), block, "ab\n", &[]);
    }

    #[test]
    fn text_without_a_newline_is_given_out_at_once() {
        assert_eq!(
            Filter::default().feed("schön 5%".as_bytes()),
            [Part::Output("schön 5%".to_owned())]
        );
    }

    #[test]
    fn a_barrier_lets_nothing_stay_behind() {
        let mut bytes = b"ends like EVCX".to_vec();
        bytes.extend(barrier::mark(4));
        check(&bytes, "", "ends like EVCX", &[4]);
    }
}
