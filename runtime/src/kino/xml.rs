//! Text inside of markup.

/// Appends `text` so that it reads as text in XML and HTML, also inside of a quoted attribute.
pub(crate) fn push_escaped(markup: &mut String, text: &str) {
    for letter in text.chars() {
        match letter {
            '&' => markup.push_str("&amp;"),
            '<' => markup.push_str("&lt;"),
            '>' => markup.push_str("&gt;"),
            '"' => markup.push_str("&quot;"),
            '\'' => markup.push_str("&#39;"),
            '\t' | '\n' | '\r' => markup.push(letter),
            // XML has no way to write these.
            letter if letter.is_control() || matches!(letter, '\u{fffe}' | '\u{ffff}') => {
                markup.push(char::REPLACEMENT_CHARACTER)
            }
            letter => markup.push(letter),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::push_escaped;

    #[test]
    fn markup_is_shown_as_text_and_what_xml_forbids_is_replaced() {
        let mut markup = String::new();
        push_escaped(&mut markup, "<script>alert('1' & \"2\")</script>\0\u{1b}\u{ffff}é");
        assert_eq!(
            markup,
            "&lt;script&gt;alert(&#39;1&#39; &amp; &quot;2&quot;)&lt;/script&gt;\u{fffd}\u{fffd}\u{fffd}é"
        );
    }
}
