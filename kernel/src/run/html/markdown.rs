//! Prose as HTML.

use pulldown_cmark::{CodeBlockKind, CowStr, Event, Options, Parser, Tag, TagEnd, html};

use super::highlight;
use super::pictures::Pictures;

/// The HTML of Markdown as GitHub understands it. Code in Rust is highlighted. Pictures
/// become part of the page; one that cannot becomes a link.
pub(super) fn to_html(markdown: &str, pictures: &Pictures<'_>) -> String {
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_GFM;
    let mut events = Vec::new();
    // The text of a code block in Rust that is being read.
    let mut rust: Option<String> = None;
    // Of the pictures whose description is being read: whether each is part of the page.
    let mut embeddings = Vec::new();
    for event in Parser::new_ext(markdown, options) {
        match (event, &mut rust) {
            (Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(info))), _) if is_rust(&info) => {
                rust = Some(String::new());
            }
            (Event::Text(text), Some(code)) => code.push_str(&text),
            (Event::End(TagEnd::CodeBlock), Some(code)) => {
                let block = format!("<pre><code>{}</code></pre>\n", highlight::rust(code));
                events.push(Event::Html(CowStr::from(block)));
                rust = None;
            }
            (
                Event::Start(Tag::Image {
                    link_type,
                    dest_url,
                    title,
                    id,
                }),
                _,
            ) => {
                let embedded = pictures.embed(&dest_url);
                embeddings.push(embedded.is_some());
                events.push(Event::Start(match embedded {
                    Some(data) => Tag::Image {
                        link_type,
                        dest_url: CowStr::from(data),
                        title,
                        id,
                    },
                    None => Tag::Link {
                        link_type,
                        dest_url,
                        title,
                        id,
                    },
                }));
            }
            (Event::End(TagEnd::Image), _) => {
                let embedded = embeddings.pop().unwrap_or(true);
                events.push(Event::End(if embedded { TagEnd::Image } else { TagEnd::Link }));
            }
            (event, _) => events.push(event),
        }
    }
    let mut page = String::with_capacity(markdown.len() * 2);
    html::push_html(&mut page, events.into_iter());
    page
}

fn is_rust(info: &str) -> bool {
    matches!(info.split([',', ' ']).next(), Some("rust" | "rs"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn check(markdown: &str, expected: &str) {
        let html = to_html(markdown, &Pictures::new(Path::new("/nowhere"), None));
        assert!(html.contains(expected), "{markdown:?}: {html}");
    }

    #[test]
    fn prose_is_what_github_makes_of_it() {
        check("# A *tree*", "<h1>A <em>tree</em></h1>");
        check("|a|b|\n|-|-|\n|1|2|", "<td>1</td>");
        check("~~gone~~", "<del>gone</del>");
        check("- [x] done", "type=\"checkbox\"");
        check("1 < 2 & <b>bold</b>", "1 &lt; 2 &amp; <b>bold</b>");
    }

    #[test]
    fn rust_is_highlighted_and_other_code_is_not() {
        check("```rust\nlet x = 1;\n```", "<span class=\"keyword\">let</span>");
        check("```rust,ignore\nlet x = 1;\n```", "<span class=\"keyword\">let</span>");
        check(
            "```elixir\nlet <x>\n```",
            "<code class=\"language-elixir\">let &lt;x&gt;\n</code>",
        );
    }

    #[test]
    fn a_picture_that_is_elsewhere_becomes_a_link() {
        check(
            "![a *tree*](https://example.org/t.png)!",
            "<a href=\"https://example.org/t.png\">a <em>tree</em></a>!",
        );
    }
}
