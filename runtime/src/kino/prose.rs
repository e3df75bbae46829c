//! Markdown as HTML, for prose that stands beside something else. Alone it goes to the front end, which knows more of it.

use super::compose::escaped;

/// The HTML of paragraphs, headings, lists, quotes, code, tables and what is inside of a line. Markup of HTML is text.
pub(crate) fn to_html(markdown: &str) -> String {
    let mut html = String::new();
    let mut lines = markdown.lines().peekable();
    while let Some(line) = lines.next() {
        let text = line.trim();
        if text.is_empty() {
            continue;
        }
        if let Some(fence) = ["```", "~~~"].into_iter().find(|fence| text.starts_with(fence)) {
            let code: Vec<&str> = lines
                .by_ref()
                .take_while(|line| !line.trim().starts_with(fence))
                .collect();
            html.push_str(&format!("<pre><code>{}</code></pre>", escaped(&code.join("\n"))));
        } else if let Some((level, title)) = heading(text) {
            html.push_str(&format!("<h{level}>{}</h{level}>", inline(title)));
        } else if is_rule(text) {
            html.push_str("<hr>");
        } else if let Some(kind) = item(text).map(|(kind, _)| kind) {
            html.push_str(&format!("<{kind}>"));
            let mut next = Some(line);
            while let Some((_, text)) = next
                .and_then(|line| item(line.trim()))
                .filter(|(other, _)| *other == kind)
            {
                html.push_str(&format!("<li>{}</li>", inline(text)));
                next = lines.next_if(|line| item(line.trim()).is_some_and(|(other, _)| other == kind));
            }
            html.push_str(&format!("</{kind}>"));
        } else if let Some(text) = text.strip_prefix('>') {
            let mut quote = vec![text.trim()];
            while let Some(line) = lines.next_if(|line| line.trim().starts_with('>')) {
                quote.push(line.trim()[1..].trim());
            }
            html.push_str(&format!("<blockquote>{}</blockquote>", to_html(&quote.join("\n"))));
        } else if text.contains('|') && lines.peek().is_some_and(|line| is_delimiter(line)) {
            let alignments: Vec<&str> = cells(lines.next().unwrap_or_default())
                .into_iter()
                .map(alignment)
                .collect();
            html.push_str("<table>");
            row(&mut html, "th", text, &alignments);
            while let Some(line) = lines.next_if(|line| line.contains('|')) {
                row(&mut html, "td", line, &alignments);
            }
            html.push_str("</table>");
        } else {
            let mut paragraph = vec![text];
            while let Some(line) = lines.next_if(|line| continues(line)) {
                paragraph.push(line.trim());
            }
            html.push_str(&format!("<p>{}</p>", inline(&paragraph.join("\n"))));
        }
    }
    html
}

fn heading(text: &str) -> Option<(usize, &str)> {
    let level = text.chars().take_while(|letter| *letter == '#').count();
    let title = text[level..].strip_prefix(' ')?;
    (1..=6).contains(&level).then(|| (level, title.trim()))
}

fn is_rule(text: &str) -> bool {
    text.len() >= 3
        && ["-", "*", "_"]
            .iter()
            .any(|sign| text.replace(sign, "").trim().is_empty())
}

/// The kind of list that a line is an item of, and the item.
fn item(text: &str) -> Option<(&'static str, &str)> {
    let bullet = ["- ", "* ", "+ "]
        .into_iter()
        .find_map(|bullet| text.strip_prefix(bullet));
    if let Some(rest) = bullet.filter(|_| !is_rule(text)) {
        return Some(("ul", rest));
    }
    let digits = text
        .find(|letter: char| !letter.is_ascii_digit())
        .filter(|digits| *digits > 0)?;
    text[digits..].strip_prefix(". ").map(|rest| ("ol", rest))
}

fn continues(line: &str) -> bool {
    let text = line.trim();
    let begins = text.is_empty() || text.starts_with("```") || text.starts_with("~~~") || text.starts_with('>');
    !begins && heading(text).is_none() && item(text).is_none() && !is_rule(text)
}

fn is_delimiter(line: &str) -> bool {
    line.contains('-') && line.contains('|') && line.chars().all(|letter| matches!(letter, '-' | '|' | ':' | ' '))
}

/// The cells of a row, whose bars are written `\|` inside of them.
fn cells(line: &str) -> Vec<&str> {
    let line = line.trim().trim_start_matches('|');
    let mut cells = Vec::new();
    let mut start = 0;
    for (at, _) in line.match_indices('|') {
        if !line[..at].ends_with('\\') {
            cells.push(line[start..at].trim());
            start = at + 1;
        }
    }
    if !line[start..].trim().is_empty() {
        cells.push(line[start..].trim());
    }
    cells
}

fn alignment(cell: &str) -> &'static str {
    match (cell.starts_with(':'), cell.ends_with(':')) {
        (true, true) => " align=\"center\"",
        (false, true) => " align=\"right\"",
        _ => "",
    }
}

fn row(html: &mut String, tag: &str, line: &str, alignments: &[&str]) {
    html.push_str("<tr>");
    for (n, cell) in cells(line).into_iter().enumerate() {
        let align = alignments.get(n).copied().unwrap_or_default();
        html.push_str(&format!("<{tag}{align}>{}</{tag}>", inline(&cell.replace("\\|", "|"))));
    }
    html.push_str("</tr>");
}

/// Emphasis, code and links.
fn inline(text: &str) -> String {
    const MARKS: [(&str, &str); 6] = [
        ("**", "strong"),
        ("__", "strong"),
        ("~~", "del"),
        ("`", "code"),
        ("*", "em"),
        ("_", "em"),
    ];
    let mut html = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let inside_of_word = html.ends_with(char::is_alphanumeric);
        if let Some(escape) = rest
            .strip_prefix('\\')
            .filter(|rest| rest.starts_with(|c: char| c.is_ascii_punctuation()))
        {
            html.push_str(&escaped(&escape[..1]));
            rest = &escape[1..];
        } else if let Some((mark, tag, inner)) = MARKS.iter().find_map(|(mark, tag)| {
            let inner = rest.strip_prefix(mark)?;
            let inner = &inner[..inner.find(mark)?];
            let is_emphasis = *tag != "code" && (inner.trim() != inner || mark.starts_with('_') && inside_of_word);
            (!inner.is_empty() && !is_emphasis).then_some((*mark, *tag, inner))
        }) {
            let content = if tag == "code" { escaped(inner) } else { inline(inner) };
            html.push_str(&format!("<{tag}>{content}</{tag}>"));
            rest = &rest[inner.len() + 2 * mark.len()..];
        } else if let Some((words, target, length)) = link(rest) {
            html.push_str(&format!("<a href=\"{}\">{}</a>", escaped(target), inline(words)));
            rest = &rest[length..];
        } else {
            html.push_str(&escaped(rest.get(..first.len_utf8()).unwrap_or_default()));
            rest = &rest[first.len_utf8()..];
        }
    }
    html
}

/// `[words](target)` at the start, and its length. Only addresses that lead somewhere are links.
fn link(text: &str) -> Option<(&str, &str, usize)> {
    let rest = text.strip_prefix('[')?;
    let middle = rest.find("](")?;
    let (words, rest) = (&rest[..middle], &rest[middle + 2..]);
    let target = &rest[..rest.find(')')?];
    let leads = ["https://", "http://", "mailto:", "#"]
        .iter()
        .any(|scheme| target.starts_with(scheme));
    (leads && !words.contains('[')).then_some((words, target, words.len() + target.len() + 4))
}

#[cfg(test)]
mod tests {
    use super::to_html;

    #[test]
    fn prose_is_written_as_html_and_markup_of_html_as_text() {
        for (markdown, html) in [
            ("one\ntwo\n\nthree", "<p>one\ntwo</p><p>three</p>"),
            ("# A *b*\n## `c`", "<h1>A <em>b</em></h1><h2><code>c</code></h2>"),
            (
                "- a\n- **b**\n\n1. c\n2. d",
                "<ul><li>a</li><li><strong>b</strong></li></ul><ol><li>c</li><li>d</li></ol>",
            ),
            (
                "|a|b|\n|:-|-:|\n|1|2 \\| 3|\n|x||",
                "<table><tr><th>a</th><th align=\"right\">b</th></tr><tr><td>1</td><td align=\"right\">2 | 3</td></tr>\
                 <tr><td>x</td><td align=\"right\"></td></tr></table>",
            ),
            (
                "```rust\nlet x = 1 < 2;\n```\nend",
                "<pre><code>let x = 1 &lt; 2;</code></pre><p>end</p>",
            ),
            ("> a\n> b\n---", "<blockquote><p>a\nb</p></blockquote><hr>"),
            (
                "<script>alert(1)</script>",
                "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>",
            ),
            (
                "[a](https://b.c/?d=\"e\") [f](javascript:g)",
                "<p><a href=\"https://b.c/?d=&quot;e&quot;\">a</a> [f](javascript:g)</p>",
            ),
            (
                "snake_case_name \\*x\\* 2 * 3 * 4 ** é",
                "<p>snake_case_name *x* 2 * 3 * 4 ** é</p>",
            ),
            ("*", "<p>*</p>"),
            ("```", "<pre><code></code></pre>"),
        ] {
            assert_eq!(to_html(markdown), html, "{markdown}");
        }
    }
}
