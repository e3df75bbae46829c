//! What the tests of all pictures have in common.

use super::canvas::Picture;

const SVG: &str = "http://www.w3.org/2000/svg";

/// All texts of the picture, as they are read.
pub(super) fn texts(svg: &str) -> Vec<String> {
    let document = roxmltree::Document::parse(svg).expect("the picture is well-formed");
    let texts = document.descendants().filter(|node| node.has_tag_name((SVG, "text")));
    texts.map(|node| node.text().unwrap_or_default().to_owned()).collect()
}

/// Front ends remove what they do not trust, so none of it may be there; and those who do not see the picture are told
/// what it shows.
pub(super) fn assert_plain(picture: &Picture) {
    const ELEMENTS: [&str; 7] = ["svg", "title", "desc", "g", "rect", "path", "text"];
    const ATTRIBUTES: [&str; 16] = [
        "width",
        "height",
        "viewBox",
        "role",
        "x",
        "y",
        "rx",
        "d",
        "fill",
        "stroke",
        "stroke-width",
        "stroke-dasharray",
        "font-family",
        "font-size",
        "font-weight",
        "text-anchor",
    ];
    let document = roxmltree::Document::parse(&picture.svg).expect("the picture is well-formed");
    for node in document.descendants().filter(roxmltree::Node::is_element) {
        assert!(ELEMENTS.contains(&node.tag_name().name()), "{node:?}");
        for attribute in node.attributes() {
            assert!(ATTRIBUTES.contains(&attribute.name()), "{attribute:?}");
        }
    }
    let root = document.root_element();
    let (width, height) = (picture.width.to_string(), picture.height.to_string());
    assert_eq!(root.attribute("width"), Some(&*width));
    assert_eq!(root.attribute("height"), Some(&*height));
    assert_eq!(root.attribute("viewBox"), Some(&*format!("0 0 {width} {height}")));
    let words = |name| {
        let element = root.children().find(|node| node.has_tag_name((SVG, name)));
        element.and_then(|node| node.text()).unwrap_or_default()
    };
    assert!(!words("title").is_empty() && !words("desc").is_empty());
    let backdrop = document.descendants().find(|node| node.has_tag_name((SVG, "rect")));
    let fill = backdrop.and_then(|rect| rect.attribute("fill"));
    assert_eq!(fill, Some("#ffffff"), "readable on dark pages");
}
