//! Rich outputs as a device gets them, and supervision trees as they are seen from outside.

mod common;

use common::check;
use crabtree::io::{Device, Display, Stream};
use crabtree::kino::process::{Direction, sup_tree};
use crabtree::kino::{self, Bundle, Render};
use crabtree::prelude::*;
use std::sync::{Arc, Mutex};

/// A device that keeps what it is given.
#[derive(Default)]
struct Screen {
    displays: Mutex<Vec<Display>>,
    text: Mutex<String>,
}

impl Device for Screen {
    fn write(&self, _: Stream, text: &str) {
        self.text.lock().unwrap().push_str(text);
    }

    fn display(&self, display: Display) {
        self.displays.lock().unwrap().push(display);
    }
}

fn screen() -> Arc<Screen> {
    let screen = Arc::new(Screen::default());
    process::set_group_leader(me(), io::device(screen.clone()));
    screen
}

struct Celsius(f64);

impl Render for Celsius {
    fn render(&self) -> Bundle {
        Bundle::new()
            .with("text/html", format!("<b>{}</b> °C", self.0))
            .with("text/plain", format!("{} °C", self.0))
    }
}

#[test]
fn a_displayed_value_is_updated_under_its_id() {
    check(async {
        let screen = screen();
        let first = kino::display(&Celsius(20.0));
        let second = kino::display(&kino::markdown("**other**"));
        first.update(&Celsius(21.5));

        let displays = screen.displays.lock().unwrap();
        let shown: Vec<_> = displays
            .iter()
            .map(|d| (d.bundle.text(), d.update, d.display_id.as_deref()))
            .collect();
        assert_eq!(
            shown,
            [
                ("20 °C", false, Some(first.id())),
                ("**other**", false, Some(second.id())),
                ("21.5 °C", true, Some(first.id())),
            ]
        );
        assert_ne!(first.id(), second.id());
        assert_eq!(displays[2].bundle.get("text/html"), Some("<b>21.5</b> °C"));
        assert_eq!(displays[1].bundle.get("text/markdown"), Some("**other**"));
    });
}

#[test]
fn a_process_displays_where_its_spawner_does_and_may_update_what_others_displayed() {
    check(async {
        let screen = screen();
        let output = kino::display(&Celsius(1.0));
        let (_, child) = spawn_monitor(async move { output.update(&Celsius(2.0)) });
        receive! { Down { monitor, .. } if monitor == child => () }

        let displays = screen.displays.lock().unwrap();
        assert_eq!(displays.len(), 2);
        assert_eq!(displays[0].display_id, displays[1].display_id);
        assert!(displays[1].update);
    });
}

/// A device that only knows letters gets the text.
#[test]
fn without_a_front_end_the_text_is_shown() {
    struct Plain(Mutex<String>);

    impl Device for Plain {
        fn write(&self, _: Stream, text: &str) {
            self.0.lock().unwrap().push_str(text);
        }
    }

    check(async {
        let plain = Arc::new(Plain(Mutex::default()));
        process::set_group_leader(me(), io::device(plain.clone()));
        kino::display(&kino::html("<p>Hello <b>world</b></p>"));
        assert_eq!(*plain.0.lock().unwrap(), "Hello world\n");
    });
}

#[derive(Debug)]
struct Dummy;

impl GenServer for Dummy {
    type Args = ();

    async fn init((): ()) -> Init<Dummy> {
        Init::ok(Dummy)
    }
}

/// Three dummies under a supervisor, as in chapter 5.2.
async fn dummies(name: &'static str, strategy: Strategy) -> SupervisorRef {
    let dummy = |id| child_spec::<Dummy>(id, ()).restart(Restart::Transient);
    let sup = Supervisor::new(strategy)
        .name(name)
        .child(dummy("one"))
        .child(dummy("two"))
        .child(dummy("three"));
    sup.start_link().await.unwrap()
}

fn child(sup: SupervisorRef, id: &str) -> Pid {
    let snapshot = supervisor::snapshot(sup.pid()).unwrap();
    let child = snapshot.children.iter().find(|child| child.id == *id).unwrap();
    match child.status {
        supervisor::ChildStatus::Running(pid) => pid,
        status => panic!("{id} is {status:?}"),
    }
}

#[test]
fn a_tree_shows_what_a_crash_replaced_and_what_it_left_alone() {
    check(async {
        let _screen = screen();
        let sup = dummies("sup", Strategy::OneForOne).await;
        let (one, two, three) = (child(sup, "one"), child(sup, "two"), child(sup, "three"));
        let before = sup_tree(sup);
        process::exit(two, "boom");
        process::sleep(ms(10)).await;

        let (pid, new) = (sup.pid(), child(sup, "two"));
        assert_ne!(new, two);
        let crashed = format!(
            "sup {pid}  one_for_one · 1/3 in 5 s\n├── one {one}\n├── two {new}  ↻ 1, was {two}  died: boom\n└── three {three}"
        );
        assert_eq!(sup_tree(sup).to_text(), crashed);
        // A tree stays what it was when it was taken.
        let calm = format!("sup {pid}  one_for_one · 0/3 in 5 s\n├── one {one}\n├── two {two}\n└── three {three}");
        assert_eq!(before.to_text(), calm);
    });
}

#[test]
fn a_tree_is_found_by_reference_pid_and_name() {
    check(async {
        let sup = dummies("found", Strategy::OneForAll).await;
        let text = sup_tree(sup).to_text();
        assert!(text.contains("one_for_all"), "{text}");
        let reference = &sup;
        assert_eq!(sup_tree(reference).to_text(), text);
        assert_eq!(sup_tree(sup.pid()).to_text(), text);
        assert_eq!(sup_tree("found").to_text(), text);
        assert_eq!(
            sup_tree("found".to_string()).caption("Here").to_string(),
            format!("Here\n{text}")
        );
    });
}

#[test]
fn what_is_no_supervisor_is_shown_as_such() {
    check(async {
        assert_eq!(sup_tree("nobody").to_text(), "nobody  no such supervisor");
        assert_eq!(sup_tree(me()).to_text(), format!("{}  no such supervisor", me()));
        assert!(sup_tree("nobody").to_svg().contains("no such supervisor"));
    });
}

#[test]
fn a_child_that_ended_is_shown_with_the_pid_that_it_had() {
    check(async {
        let sup = dummies("ended", Strategy::OneForOne).await;
        let one = child(sup, "one");
        process::exit(one, ExitReason::Shutdown);
        process::sleep(ms(10)).await;
        let text = sup_tree(sup).to_text();
        assert!(
            text.contains(&format!("one  stopped  was {one}  ended: shutdown\n")),
            "{text}"
        );
    });
}

#[test]
fn supervisors_below_supervisors_are_drawn_with_their_children() {
    check(async {
        let inner = || Supervisor::new(Strategy::RestForOne).child(child_spec::<Dummy>("leaf", ()).name("leaf_name"));
        let outer = Supervisor::new(Strategy::OneForOne).child(ChildSpec::supervisor("inner", inner));
        let sup = outer.start_link().await.unwrap();
        let (inner, leaf) = (child(sup, "inner"), process::whereis("leaf_name").unwrap());
        for n in 0..3 {
            send(leaf, n);
        }

        // A supervisor without a name is called by its pid, and a child by its registered name.
        let text = sup_tree(sup).to_text();
        let expected = format!(
            "{}  one_for_one · 0/3 in 5 s\n\
             └── inner {inner}  rest_for_one · 0/3 in 5 s\n\
             \u{20}   └── leaf_name {leaf}  mailbox 3",
            sup.pid()
        );
        assert_eq!(text, expected);
    });
}

#[test]
fn a_supervisor_renders_as_its_tree_in_forms_that_every_front_end_shows() {
    check(async {
        let sup = dummies("rendered", Strategy::OneForOne).await;
        let bundle = sup.render();
        let forms: Vec<&str> = bundle.iter().map(|(mime, _)| mime).collect();
        assert_eq!(forms, ["text/html", "image/svg+xml", "text/plain"]);

        let html = bundle.get("text/html").unwrap();
        assert!(
            html.starts_with("<img alt=\"Supervision tree of rendered: 1 supervisor, 3 workers\" width="),
            "{html}"
        );
        assert!(html.contains(" src=\"data:image/svg+xml;base64,PHN2Zy"), "{html}");
        let svg = bundle.get("image/svg+xml").unwrap();
        roxmltree::Document::parse(svg).expect("the picture is well-formed");
        assert_eq!(bundle.text(), sup_tree(sup).to_text());

        let lying = sup_tree(sup).direction(Direction::LeftRight);
        assert_ne!(lying.to_svg(), svg);
        assert!(lying.to_mermaid().starts_with("flowchart LR\n"));
        assert_eq!(format!("{lying:?}"), bundle.text());
    });
}

#[test]
fn settling_waits_for_the_last_output() {
    check(async {
        let screen = screen();
        spawn(async {
            for n in 1..=3 {
                process::sleep(ms(10)).await;
                crabtree::print!("{n}");
            }
        });
        kino::settle(ms(15)).await;
        assert_eq!(*screen.text.lock().unwrap(), "123");
    });
}

#[test]
fn a_look_back_at_what_nobody_recorded_says_what_to_do() {
    check(async {
        let bundle = kino::process::trace_last(secs(1)).render();
        let advice = "**Nothing was recorded.** Call `trace::on()`, do again what was a surprise, and look then";
        assert!(bundle.text().starts_with(advice), "{bundle:?}");
    });
}
