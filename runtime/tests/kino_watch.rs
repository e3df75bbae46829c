//! Views of processes that change with what they show.

mod common;

use common::{check, end_of};
use crabtree::io::{Device, Display, Stream};
use crabtree::kino::Render;
use crabtree::kino::process::{SortBy, observer, sup_tree, watch};
use crabtree::prelude::*;
use std::sync::{Arc, Mutex};

/// A device that keeps what it is shown, in place like a notebook.
#[derive(Default)]
struct Screen(Mutex<Vec<Display>>);

impl Device for Screen {
    fn write(&self, _: Stream, _: &str) {}

    fn display(&self, display: Display) {
        self.0.lock().unwrap().push(display);
    }

    fn replaces(&self) -> bool {
        true
    }
}

impl Screen {
    /// The texts that were shown since it was last asked, all in one place.
    fn frames(&self) -> Vec<String> {
        let displays = std::mem::take(&mut *self.0.lock().unwrap());
        let ids: Vec<_> = displays.iter().map(|display| display.display_id.clone()).collect();
        assert!(ids.is_sorted_by(|a, b| a == b), "{ids:?}");
        displays
            .iter()
            .map(|display| display.bundle.text().to_owned())
            .collect()
    }
}

fn screen() -> Arc<Screen> {
    let screen = Arc::new(Screen::default());
    process::set_group_leader(me(), io::device(screen.clone()));
    screen
}

fn idle(id: &'static str) -> ChildSpec {
    ChildSpec::new(id, || async { Ok(spawn_link(std::future::pending::<()>())) })
}

fn pids(sup: impl Into<Pid>) -> Vec<Pid> {
    let snapshot = supervisor::snapshot(sup).unwrap();
    let pids = snapshot.children.iter().map(|child| match child.status {
        supervisor::ChildStatus::Running(pid) => pid,
        status => panic!("{:?} is {status:?}", child.id),
    });
    pids.collect()
}

#[test]
fn a_watched_tree_is_drawn_anew_when_something_happens_to_its_children_and_only_then() {
    check(async {
        let screen = screen();
        let sup = Supervisor::new(Strategy::OneForOne)
            .child(idle("one"))
            .start_link()
            .await
            .unwrap();
        let live = watch(sup);
        process::sleep(secs(60)).await;
        let first = screen.frames();
        assert!(first.iter().all(|frame| *frame == sup_tree(sup).to_text()), "{first:?}");
        process::sleep(secs(3600)).await;
        assert_eq!(screen.frames(), [""; 0], "nothing happens, so nothing is drawn");

        supervisor::start_child(sup, idle("two")).await.unwrap();
        process::sleep(secs(1)).await;
        assert_eq!(screen.frames().last(), Some(&sup_tree(sup).to_text()));

        let [one, two] = pids(sup)[..] else { panic!() };
        process::exit(two, "boom");
        process::sleep(secs(1)).await;
        let frames = screen.frames();
        assert!(
            frames.last().unwrap().contains(&format!("↻ 1, was {two}  died: boom")),
            "{frames:?}"
        );
        // The restart does not count any more, and nobody had to ask.
        process::sleep(secs(5)).await;
        assert!(screen.frames().last().unwrap().contains("0/3"));

        supervisor::stop(sup).await.unwrap();
        end_of(live.pid()).await;
        let last = screen.frames().pop().unwrap();
        let expected = format!(
            "{sup}  stopped  one_for_one · 0/3 in 5 s  was {sup}  ended: normal",
            sup = sup.pid()
        );
        assert_eq!(last.lines().next(), Some(&*expected), "{last}");
        assert!(last.contains(&format!("one  stopped  was {one}")), "{last}");
    });
}

#[test]
fn a_watched_tree_is_watched_at_all_its_depths() {
    check(async {
        let screen = screen();
        let sup = DynamicSupervisor::new().start_link().await.unwrap();
        watch(sup_tree(sup).caption("All of it"));
        let deep = ChildSpec::supervisor("deep", || {
            let inner = || Supervisor::new(Strategy::OneForAll).children([idle("a"), idle("b")]);
            Supervisor::new(Strategy::OneForOne).child(ChildSpec::supervisor("inner", inner))
        });
        let deep = dynamic_supervisor::start_child(sup, deep).await.unwrap();
        process::sleep(secs(1)).await;
        let frames = screen.frames();
        assert!(frames.last().unwrap().starts_with("All of it\n"), "{frames:?}");
        assert!(frames.last().unwrap().contains("└── b <"), "{frames:?}");
        let inner = pids(deep)[0];
        process::exit(pids(inner)[0], "boom");
        process::sleep(secs(1)).await;
        let frames = screen.frames();
        assert!(frames.last().unwrap().contains("with a"), "{frames:?}");
    });
}

#[test]
fn what_happens_very_often_is_drawn_twenty_times_a_second_at_most() {
    check(async {
        let screen = screen();
        let sup = DynamicSupervisor::new()
            .max_restarts(1_000_000)
            .start_link()
            .await
            .unwrap();
        let live = watch(sup);
        for _ in 0..1000 {
            let child = dynamic_supervisor::start_child(sup, idle("child")).await.unwrap();
            process::sleep(ms(1)).await;
            dynamic_supervisor::terminate_child(sup, child).await.unwrap();
        }
        process::sleep(secs(1)).await;
        let frames = screen.frames();
        assert!(frames.len() <= 24, "{} frames in a second", frames.len());
        assert!(frames.last().unwrap().ends_with("no children"), "{:?}", frames.last());
        live.stop();
        end_of(live.pid()).await;
        dynamic_supervisor::start_child(sup, idle("child")).await.unwrap();
        process::sleep(secs(1)).await;
        assert_eq!(screen.frames(), [""; 0]);
    });
}

#[test]
fn what_is_no_supervisor_is_shown_as_such_and_not_watched() {
    check(async {
        let screen = screen();
        let live = watch("nobody there");
        end_of(live.pid()).await;
        assert_eq!(screen.frames(), ["nobody there  no such supervisor"]);
    });
}

#[test]
fn a_supervisor_that_gives_up_is_last_seen_with_what_it_died_of() {
    check(async {
        process::flag(Flag::TrapExit, true);
        let screen = screen();
        let sup = Supervisor::new(Strategy::OneForOne)
            .name("watched 1")
            .max_restarts(1)
            .children([idle("flaky"), idle("other")])
            .start_link()
            .await
            .unwrap();
        let live = watch("watched 1");
        for _ in 0..2 {
            process::exit(pids(sup)[0], "no disk");
            process::sleep(ms(200)).await;
        }
        end_of(live.pid()).await;
        let last = screen.frames().pop().unwrap();
        let head = last.lines().next().unwrap();
        assert!(head.starts_with("watched 1  stopped"), "{last}");
        assert!(head.ends_with("ended: shutdown"), "{last}");
        assert!(last.contains("died: no disk"), "{last}");
    });
}

#[test]
fn an_observer_sorts_counts_and_cuts() {
    check(async {
        let busy = process::Builder::new()
            .label("<b>busy</b>")
            .spawn(process::sleep(secs(3600)))
            .unwrap();
        let free = process::Builder::new()
            .name("an observed process")
            .spawn(process::sleep(secs(3600)))
            .unwrap();
        for n in 0..7 {
            send(busy, n);
        }
        let table = observer().only(move |listed| [busy, free].contains(&listed.pid));
        let first = |table: &kino::process::Observer| {
            let text = table.to_string();
            let line = text.lines().nth(1).unwrap_or_default().to_owned();
            line.split_whitespace().next().unwrap_or_default().to_owned()
        };
        for (sort_by, pid) in [(SortBy::Messages, busy), (SortBy::Pid, busy), (SortBy::Name, busy)] {
            let table = table.clone().sort_by(sort_by);
            assert_eq!(first(&table), pid.to_string(), "{sort_by:?}\n{table}");
        }
        let one = table.clone().sort_by(SortBy::Messages).top(1);
        let text = one.to_string();
        assert_eq!(text.lines().count(), 3, "{text}");
        assert!(text.lines().next().unwrap().contains("messages ▼"), "{text}");
        assert!(
            text.lines().last().unwrap().starts_with("1 process shown of "),
            "{text}"
        );
        let bundle = one.render();
        let html = bundle.get("text/html").unwrap();
        assert!(
            html.contains("&lt;b&gt;busy&lt;/b&gt;") && !html.contains("<b>"),
            "{html}"
        );
        roxmltree::Document::parse(&format!("<div>{html}</div>")).unwrap();
        assert_eq!(bundle.text(), text);
    });
}

#[test]
fn a_watched_observer_shows_what_was_done_in_each_second() {
    check(async {
        let screen = screen();
        let worker = spawn(async {
            loop {
                receive! { _ : () => () }
            }
        });
        let live = watch(observer().only(move |listed| listed.pid == worker));
        for _ in 0..3 {
            for _ in 0..100 {
                send(worker, ());
            }
            process::sleep(secs(1)).await;
        }
        live.stop();
        end_of(live.pid()).await;
        let frames = screen.frames();
        assert!((3..=4).contains(&frames.len()), "{frames:#?}");
        let line = frames.last().unwrap().lines().nth(1).unwrap().to_owned();
        // It has no name, so this is behind its pid, its messages and its reductions.
        let rate: u64 = line.split_whitespace().nth(3).unwrap().parse().unwrap();
        assert!((100..=250).contains(&rate), "{line}");
    });
}
