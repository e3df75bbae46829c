//! Words in drawings: on one line, of a known width, and no longer than there is room.

use std::borrow::Cow;

/// `1 worker`, `2 workers`.
pub(in crate::kino) fn counted(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

/// Names may hold anything; a drawing gives each one line.
pub(in crate::kino) fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            letter if letter.is_control() => line.extend(letter.escape_default()),
            letter => line.push(letter),
        }
    }
    line
}

/// Columns that `text` takes in a fixed-width font, as near as it can be told without the font.
pub(in crate::kino) fn columns(text: &str) -> usize {
    text.chars()
        .map(|letter| match letter as u32 {
            0x0300..=0x036f | 0x200b..=0x200f | 0xfe00..=0xfe0f => 0,
            0x1100..=0x115f
            | 0x2e80..=0xa4cf
            | 0xac00..=0xd7a3
            | 0xf900..=0xfaff
            | 0xfe30..=0xfe6f
            | 0xff00..=0xff60
            | 0xffe0..=0xffe6
            | 0x1f300..=0x1faff
            | 0x20000..=0x3fffd => 2,
            _ => 1,
        })
        .sum()
}

/// The beginning of `text`, if it takes more than so many columns.
pub(in crate::kino) fn shortened(text: &str, most: usize) -> Cow<'_, str> {
    if columns(text) <= most {
        return Cow::Borrowed(text);
    }
    let mut room = most.saturating_sub(1);
    let start = text.char_indices().map_while(|(at, letter)| {
        let end = at + letter.len_utf8();
        room = room.checked_sub(columns(&text[at..end]))?;
        Some(end)
    });
    Cow::Owned(format!("{}…", &text[..start.last().unwrap_or(0)]))
}
