//! What the drawings of a tree say, and that they are well-formed.

use super::canvas::Picture;
use super::checks::{assert_plain, texts};
use super::layout::Direction;
use super::tree::{Change, End, Kind, Node, Policy, Show, Status, Table, Tree};
use super::{changes, data, mermaid, svg, text};

fn pid(number: u32) -> String {
    format!("<0.{number}.0>")
}

fn worker(title: &str, number: u32) -> Node {
    Node::new(title, Kind::Worker, Status::Running(pid(number)))
}

fn supervisor(title: &str, number: u32, used: u32, children: Vec<Node>) -> Node {
    let policy = Policy {
        strategy: "one_for_one",
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
    Tree::new(root)
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
        ..tree(root)
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
        ..tree(supervisor(nasty, 1, 0, vec![worker(nasty, 2)]))
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
    let wide = unfolded(tree(supervisor("sup", 1, 0, children(40))));
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
            ..tree(supervisor("sup", 1, 1, children))
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
    for class in ["root", "supervisor", "worker", "stopped", "table", "restarted", "new"] {
        assert!(
            format!("  classDef{classes}").contains(&format!("classDef {class} ")),
            "{class}"
        );
    }
}

/// So many groups of so many workers.
fn groups(groups: u32, workers: u32) -> Tree {
    let group = |g: u32| {
        (0..workers)
            .map(|n| worker(&format!("worker_{g}_{n}"), 100 * g + n))
            .collect()
    };
    let groups = (0..groups)
        .map(|g| supervisor(&format!("group_{g}"), g, 0, group(g)))
        .collect();
    tree(supervisor("many", 1, 0, groups))
}

fn unfolded(tree: Tree) -> Tree {
    Tree {
        show: Show {
            unfolded: true,
            ..tree.show
        },
        ..tree
    }
}

#[test]
fn five_hundred_processes_are_drawn_at_once() {
    let tree = groups(20, 24);
    let whole = unfolded(tree.clone());
    let best = (0..10).map(|_| {
        let start = std::time::Instant::now();
        let picture = svg::draw(&whole, None);
        assert_eq!(texts_in(&picture.svg), 501 * 2 + 21);
        assert!(svg::draw(&tree, None).svg.len() < 10_000);
        start.elapsed()
    });
    // The bar is 5 ms; tests are not optimised, and their machine is busy.
    let best = best.min().expect("ten rounds");
    assert!(best < std::time::Duration::from_millis(80), "{best:?}");
}

fn texts_in(svg: &str) -> usize {
    svg.matches("<text ").count()
}

#[test]
fn siblings_that_are_alike_are_drawn_as_one_and_what_stands_out_is_drawn_for_itself() {
    let mut children: Vec<Node> = (0..500).map(|n| worker(&format!("worker_{n}"), n + 10)).collect();
    children[7] = restarted(children[7].clone(), 1, 9);
    children[7].end = Some(End::crash("boom"));
    children[8].mailbox = 2;
    children[9].mailbox = 1000;
    children.push(worker("logger", 5));
    let tree = tree(supervisor("sup", 1, 1, children));

    let expected = "\
sup <0.1.0>  one_for_one · 1/3 in 5 s
├── worker × 498 <0.10.0> … <0.509.0>  mailboxes 2
├── worker_7 <0.17.0>  ↻ 1, was <0.9.0>  died: boom
├── worker_9 <0.19.0>  mailbox 1000
└── logger <0.5.0>";
    assert_eq!(text::draw(&tree), expected);
    let drawn = texts(&svg::draw(&tree, None).svg);
    assert!(drawn.contains(&"worker × 498".to_owned()), "{drawn:?}");
    assert!(mermaid::draw(&tree, Direction::TopDown).contains("n1[[\"worker × 498<br/>"));
    assert!(
        tree.summary().contains("1 supervisor, 501 workers"),
        "{}",
        tree.summary()
    );
    assert_eq!(text::draw(&unfolded(tree)).lines().count(), 502);
}

#[test]
fn trees_that_are_alike_are_drawn_as_one_also_when_they_are_not_of_one_size() {
    let mut tree = groups(20, 24);
    tree.root.children[3].children.truncate(2);
    assert_eq!(
        text::draw(&tree),
        "\
many <0.1.0>  one_for_one · 0/3 in 5 s
└── group × 20 <0.0.0> … <0.19.0>  one_for_one · 0/3 in 5 s
    └── worker × 458 <0.0.0> … <0.1923.0>"
    );
}

#[test]
fn a_dozen_is_drawn_one_by_one_and_so_are_a_hundred_names() {
    let named = |count: u32| {
        let name = |n: u32| {
            char::from(b'a' + (n % 26) as u8)
                .to_string()
                .repeat(1 + n as usize / 26)
        };
        let children = (0..count).map(|n| Node {
            module: Some("Counter".into()),
            ..worker(&name(n), n + 2)
        });
        text::draw(&tree(supervisor("sup", 1, 0, children.collect())))
    };
    assert_eq!(named(100).lines().count(), 101);
    assert_eq!(named(101).lines().nth(1), Some("└── Counter × 101 <0.2.0> … <0.102.0>"));
    let numbered = |count: u32| {
        let children = (0..count).map(|n| worker(&format!("worker {n}"), n + 2));
        text::draw(&tree(supervisor("sup", 1, 0, children.collect())))
    };
    assert_eq!(numbered(12).lines().count(), 13);
    assert_eq!(numbered(13).lines().count(), 2);
}

#[test]
fn ten_thousand_fold_to_a_picture_that_opens() {
    let tree = groups(100, 100);
    let picture = svg::draw(&tree, None);
    roxmltree::Document::parse(&picture.svg).expect("the picture is well-formed");
    assert!(
        picture.svg.len() < 10_000 && picture.width < 1000 && picture.height < 1000,
        "{} bytes, {} × {}",
        picture.svg.len(),
        picture.width,
        picture.height
    );
}

#[test]
fn how_the_former_process_came_to_its_end_is_told_with_what_replaced_it() {
    let ended = |node: Node, end| Node { end: Some(end), ..node };
    let long = "a reason of very many words ".repeat(10);
    let children = vec![
        ended(restarted(worker("a", 2), 1, 12), End::crash("boom\n<b>")),
        ended(restarted(worker("b", 3), 1, 13), End::With("a".into())),
        ended(
            restarted(Node::new("c", Kind::Worker, Status::Stopped), 0, 14),
            End::orderly("shutdown"),
        ),
        ended(restarted(worker("d", 5), 1, 15), End::crash(&long)),
        ended(
            restarted(Node::new("e", Kind::Worker, Status::Ended), 0, 6),
            End::crash("kill"),
        ),
    ];
    let tree = tree(supervisor("sup", 1, 1, children));
    let cut = "a reason of very many words a reason of very many words a reason of very many words a reason of ver…";
    assert_eq!(
        text::draw(&tree),
        format!(
            "\
sup <0.1.0>  one_for_one · 1/3 in 5 s
├── a <0.2.0>  ↻ 1, was <0.12.0>  died: boom\\n<b>
├── b <0.3.0>  ↻ 1, was <0.13.0>  with a
├── c  stopped  was <0.14.0>  ended: shutdown
├── d <0.5.0>  ↻ 1, was <0.15.0>  died: {cut}
└── e  ended, not noticed yet  was <0.6.0>  died: kill"
        )
    );
    let picture = svg::draw(&tree, None).svg;
    let texts = texts(&picture);
    for shown in [
        "died: boom\\n<b>",
        "with a",
        "ended: shutdown",
        "died: a reason of very many words a reason …",
    ] {
        assert!(texts.iter().any(|text| text == shown), "{shown} is not in {texts:?}");
    }
    assert!(picture.contains(&format!("<title>died: {cut}</title>")), "{picture}");
    assert!(
        tree.summary().contains("; b restarted 1 time, was <0.13.0>, with a;"),
        "{}",
        tree.summary()
    );
}

#[test]
fn what_was_untouched_since_then_is_calm_and_what_has_changed_stands_out() {
    let before = supervisor(
        "sup",
        1,
        0,
        vec![
            worker("same", 2),
            restarted(worker("calm again", 3), 4, 30),
            restarted(worker("replaced", 4), 1, 40),
            worker("gone", 5),
            worker("ended", 6),
            Node::new("idle", Kind::Worker, Status::Stopped),
        ],
    );
    let mut now = supervisor(
        "sup",
        1,
        2,
        vec![
            worker("same", 2),
            restarted(worker("calm again", 3), 4, 30),
            Node {
                end: Some(End::crash("boom")),
                ..restarted(worker("replaced", 43), 3, 42)
            },
            restarted(Node::new("ended", Kind::Worker, Status::Stopped), 0, 6),
            worker("idle", 7),
            supervisor("new", 8, 0, vec![restarted(worker("inner", 9), 1, 90)]),
        ],
    );
    let words = changes::mark(&mut now, &before);
    assert_eq!(
        words,
        "since then: 1 replaced, 1 started, 2 new, 1 ended, 1 gone, 3 untouched"
    );
    let tree = Tree {
        changes: Some(words.clone()),
        ..tree(now)
    };
    assert_eq!(
        text::draw(&tree),
        format!(
            "\
sup <0.1.0>  one_for_one · 2/3 in 5 s
├── same <0.2.0>
├── calm again <0.3.0>
├── replaced <0.43.0>  ↻ 2, was <0.4.0>  died: boom
├── ended  stopped  was <0.6.0>
├── idle <0.7.0>  started
├── new <0.8.0>  one_for_one · 0/3 in 5 s  new
│   └── inner <0.9.0>  new
└── gone  gone  was <0.5.0>
{words}"
        )
    );
    let drawn = texts(&svg::draw(&tree, None).svg);
    assert!(drawn.contains(&words) && drawn.contains(&"new".to_owned()), "{drawn:?}");
    assert_eq!(tree.root.children[6].change, Some(Change::Gone));
}

#[test]
fn children_of_one_name_are_told_apart_by_their_pids() {
    let jobs = |pids: &[u32]| {
        let jobs = pids.iter().map(|number| worker("job", *number));
        supervisor("jobs", 1, 0, jobs.collect())
    };
    let mut now = jobs(&[3, 4, 5]);
    assert_eq!(
        changes::mark(&mut now, &jobs(&[2, 3, 4])),
        "since then: 1 new, 1 gone, 3 untouched"
    );
    let mut now = jobs(&[4]);
    now.children[0] = restarted(now.children[0].clone(), 1, 2);
    assert_eq!(
        changes::mark(&mut now, &jobs(&[2, 3])),
        "since then: 1 replaced, 1 gone, 1 untouched"
    );
}

/// A worker with a table, one that is linked to it, and one that is linked to somebody outside.
fn entangled(show: Show) -> Tree {
    let table = Table {
        name: "<pages>".into(),
        kind: "set",
        size: 3,
    };
    let linked = |node: Node, to: &[u32]| Node {
        links: to.iter().map(|number| pid(*number)).collect(),
        ..node
    };
    let owner = Node {
        tables: vec![table],
        ..linked(worker("cache", 2), &[3])
    };
    let children = vec![
        owner,
        linked(worker("reader", 3), &[2, 77]),
        linked(worker("writer", 4), &[77]),
    ];
    Tree {
        outside: vec![Node::new("socket", Kind::Linked, Status::Running(pid(77)))],
        show,
        ..tree(supervisor("sup", 1, 0, children))
    }
}

#[test]
fn tables_and_links_are_shown_where_they_are_asked_for() {
    let all = entangled(Show {
        tables: true,
        links: true,
        unfolded: false,
    });
    assert_eq!(
        text::draw(&all),
        "\
sup <0.1.0>  one_for_one · 0/3 in 5 s
├── cache <0.2.0>  linked to reader
│   └── [<pages>]  set · 3 objects
├── reader <0.3.0>
│   └── socket <0.77.0>  linked  linked to writer
└── writer <0.4.0>"
    );
    assert_eq!(text::draw(&entangled(Show::default())).lines().count(), 4);
    for direction in [Direction::TopDown, Direction::LeftRight] {
        let picture = svg::draw(&all, Some(direction)).svg;
        assert!(texts(&picture).contains(&"<pages>".to_owned()));
        assert_eq!(picture.matches("#a5f3fc").count(), 1, "one cylinder");
        assert_eq!(picture.matches(r#"stroke-dasharray="1.5 4""#).count(), 3, "three links");
    }
    let diagram = mermaid::draw(&all, Direction::TopDown);
    for line in [
        "n2[(\"#lt;pages#gt;<br/>set · 3 objects\")]:::table",
        "  n1 --- n2",
        "  n3 -.- n4",
        "  n1 -.- n3",
        "  n4 -.- n5",
    ] {
        assert!(diagram.contains(line), "{line} is not in\n{diagram}");
    }
}

#[test]
fn all_that_was_seen_is_in_the_data() {
    let tree = Tree {
        caption: Some("\"A\" tree".into()),
        ..entangled(Show::default())
    };
    let json = data::json(&tree).to_string();
    for part in [
        r#""caption": "\"A\" tree""#,
        r#""policy": {"strategy": "one_for_one", "used": 0, "allowed": 3, "window": "5 s"}"#,
        r#"{"name": "<pages>", "kind": "set", "size": 3}"#,
        r#""links": ["<0.2.0>", "<0.77.0>"]"#,
        r#""title": "socket""#,
    ] {
        assert!(json.contains(part), "{part} is not in\n{json}");
    }
}

#[test]
fn an_outline_has_aliases_for_what_is_gone_and_no_other_pids() {
    let children = vec![
        restarted(worker("a", 2), 1, 12),
        restarted(worker("b", 3), 1, 13),
        restarted(worker("c", 4), 2, 12),
        worker("<0.5.0>", 5),
    ];
    assert_eq!(
        text::outline(&tree(supervisor("sup", 1, 1, children))),
        "\
sup  one_for_one · 1/3 in 5 s
├── a  ↻ 1, was P1
├── b  ↻ 1, was P2
├── c  ↻ 2, was P1
└── P3"
    );
}
