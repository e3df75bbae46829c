//! Which lines two texts have in common.

/// A line of a difference: where it stands in the texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// In both; its place in what was found.
    Both(usize),
    Expected(usize),
    Found(usize),
    /// So many lines in both, far from any difference.
    Skipped(usize),
}

/// Lines that are shown before and after what differs.
const CONTEXT: usize = 3;

/// Above this product of lines, texts are not searched for what they have in common between their first and their last
/// difference.
const MOST_PAIRS: usize = 4_000_000;

/// The shortest way from one text to the other.
pub(super) fn diff(expected: &[String], found: &[String]) -> Vec<Part> {
    let alike = |pairs: &mut dyn Iterator<Item = (&String, &String)>| pairs.take_while(|(a, b)| a == b).count();
    let head = alike(&mut expected.iter().zip(found));
    let (expected, found) = (&expected[head..], &found[head..]);
    let tail = alike(&mut expected.iter().rev().zip(found.iter().rev()));
    let (expected, found) = (&expected[..expected.len() - tail], &found[..found.len() - tail]);

    let mut parts: Vec<Part> = (0..head).map(Part::Both).collect();
    middle(expected, found, head, &mut parts);
    let tail_start = head + found.len();
    parts.extend((tail_start..tail_start + tail).map(Part::Both));
    without_the_calm(&parts)
}

/// What stands between the first and the last difference, `head` lines below the beginning.
fn middle(expected: &[String], found: &[String], head: usize, parts: &mut Vec<Part>) {
    let (rows, columns) = (expected.len(), found.len());
    let mut common: Vec<u32> = Vec::new();
    let at = |row: usize, column: usize| row * (columns + 1) + column;
    let is_searched = rows.saturating_mul(columns) <= MOST_PAIRS;
    if is_searched {
        // How many lines the rests have in common from there on.
        common.resize((rows + 1) * (columns + 1), 0);
        for row in (0..rows).rev() {
            for column in (0..columns).rev() {
                common[at(row, column)] = match expected[row] == found[column] {
                    true => common[at(row + 1, column + 1)] + 1,
                    false => common[at(row + 1, column)].max(common[at(row, column + 1)]),
                };
            }
        }
    }
    let (mut row, mut column) = (0, 0);
    while row < rows || column < columns {
        if is_searched && row < rows && column < columns && expected[row] == found[column] {
            parts.push(Part::Both(head + column));
            (row, column) = (row + 1, column + 1);
        } else if row < rows
            && (column == columns || !is_searched || common[at(row + 1, column)] >= common[at(row, column + 1)])
        {
            parts.push(Part::Expected(head + row));
            row += 1;
        } else {
            parts.push(Part::Found(head + column));
            column += 1;
        }
    }
}

fn without_the_calm(parts: &[Part]) -> Vec<Part> {
    let is_both = |part: &Part| matches!(part, Part::Both(_));
    let mut near = vec![false; parts.len()];
    for (place, _) in parts.iter().enumerate().filter(|(_, part)| !is_both(part)) {
        let end = parts.len().min(place + CONTEXT + 1);
        near[place.saturating_sub(CONTEXT)..end].fill(true);
    }
    let mut shown: Vec<Part> = Vec::new();
    for (part, near) in parts.iter().zip(near) {
        match (near, shown.last_mut()) {
            (true, _) => shown.push(*part),
            (false, Some(Part::Skipped(lines))) => *lines += 1,
            (false, _) => shown.push(Part::Skipped(1)),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(expected: &str, found: &str) -> String {
        let lines = |text: &str| text.chars().map(|line| line.to_string()).collect::<Vec<_>>();
        let (expected, found) = (lines(expected), lines(found));
        let parts = diff(&expected, &found).into_iter().map(|part| match part {
            Part::Both(line) => found[line].clone(),
            Part::Expected(line) => format!("-{}", expected[line]),
            Part::Found(line) => format!("+{}", found[line]),
            Part::Skipped(lines) => format!("[{lines}]"),
        });
        parts.collect()
    }

    #[test]
    fn what_is_common_stays() {
        assert_eq!(shown("abc", "abc"), "[3]");
        assert_eq!(shown("", "ab"), "+a+b");
        assert_eq!(shown("ab", ""), "-a-b");
        assert_eq!(shown("abcd", "abxd"), "ab-c+xd");
        assert_eq!(shown("abcdefg", "bcxefgh"), "-abc-d+xefg+h");
        assert_eq!(shown("aaa", "aa"), "aa-a");
        assert_eq!(
            shown("0123456789abcdefgh", "0123x56789abcdefgi"),
            "[1]123-4+x567[6]efg-h+i"
        );
    }
}
