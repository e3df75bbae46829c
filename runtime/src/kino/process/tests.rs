//! What the drawings of a tree say, and that they are well-formed.

use super::canvas::Picture;
use super::checks::{assert_plain, texts};
use super::layout::Direction;
use super::tree::{Kind, Node, Policy, Status, Tree};
use super::{mermaid, svg, text};

fn pid(number: u32) -> String {
    format!("<0.{number}.0>")
}

fn worker(title: &str, number: u32) -> Node {
    Node::new(title, Kind::Worker, Status::Running(pid(number)))
}

fn supervisor(title: &str, number: u32, used: u32, children: Vec<Node>) -> Node {
    let policy = Policy {
        strategy: "one_for_one".into(),
        used,
        allowed: 3,
        window: "5 s".into(),
    };
    Node {
        policy: Some(policy),
        children,
        ..Node::new(title, Kind::Supervisor, Status::Running(pid(number)))
    }
}

fn restarted(node: Node, restarts: u32, before: u32) -> Node {
    Node {
        restarts,
        previous: Some(pid(before)),
        ..node
    }
}

fn tree(root: Node) -> Tree {
    Tree { caption: None, root }
}

/// A child in every state.
fn eventful() -> Tree {
    let workers = supervisor(
        "Workers",
        220,
        3,
        vec![
            worker("a", 221),
            restarted(Node::new("flaky", Kind::Worker, Status::Restarting), 3, 301),
            Node {
                previous: Some(pid(302)),
                ..Node::new("job", Kind::Worker, Status::Stopped)
            },
            Node::new("later", Kind::Worker, Status::Stopped),
        ],
    );
    let root = supervisor(
        "App",
        210,
        1,
        vec![
            Node {
                mailbox: 3,
                ..worker("busy", 211)
            },
            restarted(workers, 2, 219),
            supervisor("Empty", 230, 0, vec![]),
            restarted(worker("<0.231.0>", 231), 1, 205),
        ],
    );
    Tree {
        caption: Some("After the storm".into()),
        root,
    }
}

#[test]
fn the_text_has_one_line_per_process_under_its_supervisor() {
    assert_eq!(
        text::draw(&eventful()),
        "\
After the storm
App <0.210.0>  one_for_one · 1/3 in 5 s
├── busy <0.211.0>  mailbox 3
├── Workers <0.220.0>  one_for_one · 3/3 in 5 s  ↻ 2, was <0.219.0>
│   ├── a <0.221.0>
│   ├── flaky  restarting  ↻ 3, was <0.301.0>
│   ├── job  stopped  was <0.302.0>
│   └── later  not started
├── Empty <0.230.0>  one_for_one · 0/3 in 5 s  no children
└── <0.231.0>  ↻ 1, was <0.205.0>"
    );
}

#[test]
fn lines_end_where_the_last_child_of_a_supervisor_is() {
    let inner = supervisor("inner", 2, 0, vec![supervisor("deep", 3, 0, vec![worker("leaf", 4)])]);
    let drawn = text::draw(&tree(supervisor("root", 1, 0, vec![inner, worker("last", 5)])));
    let lines: Vec<&str> = drawn
        .lines()
        .map(|line| line.split("  one_for_one").next().unwrap())
        .collect();
    assert_eq!(
        lines,
        [
            "root <0.1.0>",
            "├── inner <0.2.0>",
            "│   └── deep <0.3.0>",
            "│       └── leaf <0.4.0>",
            "└── last <0.5.0>"
        ]
    );
}

#[test]
fn a_calm_tree_says_nothing_of_restarts_or_mailboxes() {
    let calm = tree(supervisor("sup", 1, 0, vec![worker("a", 2), worker("b", 3)]));
    let picture = svg::draw(&calm, None).svg;

    assert_eq!(
        texts(&picture),
        [
            "sup",
            "<0.1.0>",
            "one_for_one · 0/3 in 5 s",
            "a",
            "<0.2.0>",
            "b",
            "<0.3.0>"
        ]
    );
    assert!(!picture.contains("#d97706"), "the accent of a restart");
    assert_eq!(calm.summary(), "Supervision tree of sup: 1 supervisor, 2 workers");
}

#[test]
fn the_picture_says_what_the_text_says() {
    let tree = eventful();
    for direction in [None, Some(Direction::TopDown), Some(Direction::LeftRight)] {
        let drawn = texts(&svg::draw(&tree, direction).svg).join("\n");
        for said in [
            "After the storm",
            "one_for_one · 1/3 in 5 s",
            "busy\n<0.211.0>",
            "↻ 2, was <0.219.0>",
            "flaky\nrestarting",
            "job\nstopped",
            "was <0.302.0>",
            "later\nnot started",
        ] {
            assert!(
                drawn.contains(said) || drawn.contains(&said.replace('\n', "\n\n")),
                "{said:?} in {drawn}"
            );
        }
    }
    assert_eq!(
        tree.summary(),
        "Supervision tree of App: 3 supervisors, 6 workers; Workers restarted 2 times, was <0.219.0>; \
         flaky restarting, restarted 3 times, was <0.301.0>; job stopped, was <0.302.0>; later not started; \
         <0.231.0> restarted 1 time, was <0.205.0>"
    );
}

#[test]
fn the_picture_is_plain_svg_of_a_known_size() {
    assert_plain(&svg::draw(&eventful(), None));
}

#[test]
fn names_are_text_wherever_they_go() {
    let nasty = "<script>\"1\" & '2'</script>\u{0}\n]]>`#;";
    let shown = "<script>\"1\" & '2'</script>\\u{0}\\n]]>`#;";
    let tree = Tree {
        caption: Some(nasty.to_owned()),
        root: supervisor(nasty, 1, 0, vec![worker(nasty, 2)]),
    };

    let picture = svg::draw(&tree, None);
    assert!(!picture.svg.contains("<script"));
    let texts = texts(&picture.svg);
    assert_eq!(texts.iter().filter(|text| *text == shown).count(), 2, "{texts:?}");

    let html = picture.to_img(&tree.summary());
    assert!(!html.contains("<script"));
    assert_eq!(
        html.matches('"').count(),
        8,
        "alt, width, height and src are quoted, and nothing else: {html}"
    );
    assert_eq!(html.matches(['<', '>']).count(), 2);

    let diagram = mermaid::draw(&Tree { caption: None, ..tree }, Direction::TopDown);
    assert!(!diagram.contains("<script") && !diagram.contains('`'), "{diagram}");
    assert!(
        diagram.contains("#lt;script#gt;#quot;1#quot; #amp; '2'#lt;/script#gt;"),
        "{diagram}"
    );
}

#[test]
fn a_name_too_long_for_a_picture_is_cut_there_and_whole_beside_it() {
    let name = "a name of very many words ".repeat(4);
    let picture = svg::draw(&tree(supervisor("sup", 1, 0, vec![worker(&name, 2)])), None);
    let cut = texts(&picture.svg)
        .into_iter()
        .find(|text| text.ends_with('…'))
        .expect("it is cut");
    assert!(
        name.starts_with(cut.trim_end_matches('…')) && cut.chars().count() <= 44,
        "{cut}"
    );
    assert!(picture.svg.contains(&format!("<title>{name}</title>")));
    assert!(text::draw(&tree(worker(&name, 2))).contains(&name));
}

#[test]
fn a_tree_that_is_too_wide_lies_on_its_side_unless_told_otherwise() {
    let children = |count| (0..count).map(|n| worker(&format!("worker_{n}"), n + 2)).collect();
    let narrow = tree(supervisor("sup", 1, 0, children(5)));
    let wide = tree(supervisor("sup", 1, 0, children(40)));
    let is_wide = |picture: Picture| picture.width > picture.height;

    assert!(is_wide(svg::draw(&narrow, None)));
    assert!(!is_wide(svg::draw(&wide, None)));
    assert!(is_wide(svg::draw(&wide, Some(Direction::TopDown))));
}

#[test]
fn mermaid_has_the_nodes_the_arrows_and_their_classes() {
    let children = vec![
        restarted(worker("a", 2), 1, 9),
        Node::new("b", Kind::Worker, Status::Stopped),
    ];
    let diagram = mermaid::draw(
        &Tree {
            caption: Some("A \"tree\"".into()),
            root: supervisor("sup", 1, 1, children),
        },
        Direction::LeftRight,
    );
    let (drawn, classes) = diagram.split_once("  classDef").expect("classes come last");
    assert_eq!(
        drawn,
        r#"---
title: "A \"tree\""
---
flowchart LR
  n0("sup<br/>#lt;0.1.0#gt;<br/>one_for_one · 1/3 in 5 s"):::root
  n1("a<br/>#lt;0.2.0#gt;<br/>↻ 1, was #lt;0.9.0#gt;"):::worker
  class n1 restarted
  n0 --> n1
  n2("b<br/>not started"):::stopped
  n0 --> n2
"#
    );
    for class in ["root", "supervisor", "worker", "stopped", "restarted"] {
        assert!(
            format!("  classDef{classes}").contains(&format!("classDef {class} ")),
            "{class}"
        );
    }
}

#[test]
fn five_hundred_processes_are_drawn_at_once() {
    let group = |g: u32| {
        (0..24)
            .map(|n| worker(&format!("worker_{g}_{n}"), 100 * g + n))
            .collect()
    };
    let groups = (0..20)
        .map(|g| supervisor(&format!("group_{g}"), g, 0, group(g)))
        .collect();
    let tree = tree(supervisor("many", 1, 0, groups));

    let best = (0..10).map(|_| {
        let start = std::time::Instant::now();
        let picture = svg::draw(&tree, None);
        assert_eq!(texts_in(&picture.svg), 501 * 2 + 21);
        start.elapsed()
    });
    // The bar is 5 ms; tests are not optimised, and their machine is busy.
    let best = best.min().expect("ten rounds");
    assert!(best < std::time::Duration::from_millis(50), "{best:?}");
}

fn texts_in(svg: &str) -> usize {
    svg.matches("<text ").count()
}
