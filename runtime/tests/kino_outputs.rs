//! Outputs as a device gets them: places that change, streams that are followed, pictures, layouts.

mod common;

use common::{check, end_of};
use crabtree::io::{Device, Display, Stream};
use crabtree::kino::{self, Bundle, Render, layout};
use crabtree::prelude::*;
use futures::StreamExt;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};

/// A device that keeps what it is given, in place like a notebook, or below one another like a terminal.
struct Screen {
    replaces: bool,
    displays: Mutex<Vec<Display>>,
}

impl Device for Screen {
    fn write(&self, _: Stream, _: &str) {}

    fn display(&self, display: Display) {
        self.displays.lock().unwrap().push(display);
    }

    fn replaces(&self) -> bool {
        self.replaces
    }
}

impl Screen {
    /// The texts that were shown so far.
    fn texts(&self) -> Vec<String> {
        let displays = self.displays.lock().unwrap();
        displays
            .iter()
            .map(|display| display.bundle.text().to_owned())
            .collect()
    }

    /// What each place shows in the end.
    fn places(&self) -> Vec<String> {
        let mut places: Vec<(Option<String>, String)> = Vec::new();
        for display in self.displays.lock().unwrap().iter() {
            let text = display.bundle.text().to_owned();
            match places
                .iter_mut()
                .find(|(id, _)| display.update && *id == display.display_id)
            {
                Some((_, shown)) => *shown = text,
                None => places.push((display.display_id.clone(), text)),
            }
        }
        places.into_iter().map(|(_, text)| text).collect()
    }
}

fn screen(replaces: bool) -> Arc<Screen> {
    let screen = Arc::new(Screen {
        replaces,
        displays: Mutex::default(),
    });
    process::set_group_leader(me(), io::device(screen.clone()));
    screen
}

fn number(n: impl std::fmt::Display) -> kino::Text {
    kino::text(n.to_string())
}

#[test]
fn a_frame_stays_in_its_place_and_any_process_changes_it() {
    check(async {
        let screen = screen(true);
        let frame = kino::frame();
        kino::render(kino::text("below"));
        let inside = frame.clone();
        let (child, _) = spawn_monitor(async move {
            inside.render(&number(1));
            process::sleep(secs(1)).await;
            inside.append(&number(2));
        });
        end_of(child).await;
        assert_eq!(screen.places(), ["1\n2", "below"]);

        process::sleep(secs(1)).await;
        frame.render(&kino::html("<b>3</b>"));
        assert_eq!(screen.places(), ["3", "below"]);
        assert_eq!(Render::render(&frame).get("text/html"), Some("<b>3</b>"));

        process::sleep(secs(1)).await;
        frame.clear();
        assert_eq!(screen.places(), ["", "below"]);
    });
}

#[test]
fn what_comes_too_fast_is_left_out_but_for_the_last() {
    check(async {
        let screen = screen(true);
        let frame = kino::frame();
        for n in 0..1000 {
            frame.render(&number(n));
        }
        assert_eq!(screen.texts(), ["", "0"]);
        process::sleep(ms(60)).await;
        assert_eq!(screen.texts(), ["", "0", "999"]);
        for n in 0..1000 {
            frame.append(&number(n));
            process::sleep(ms(1)).await;
        }
        let times = screen.texts().len();
        assert!((20..=25).contains(&times), "{times}");
        drop(frame);
        assert!(screen.places()[0].ends_with("998\n999"));
    });
}

#[test]
fn the_last_value_is_shown_although_nobody_waits_for_it() {
    check(async {
        let screen = screen(true);
        let frame = kino::frame();
        frame.render(&number(1));
        frame.render(&number(2));
        drop(frame);
        assert_eq!(screen.texts(), ["", "1", "2"]);
        let progress = kino::progress(2);
        progress.inc(2);
        drop(progress);
        assert!(screen.places()[1].contains("2/2"));
    });
}

#[test]
fn where_nothing_can_be_replaced_new_values_come_below_and_less_often() {
    check(async {
        let screen = screen(false);
        let frame = kino::frame();
        frame.render(&number(1));
        frame.append(&number(2));
        frame.append(&number(3));
        frame.clear();
        assert_eq!(screen.texts(), ["1", "2", "3"]);
        for n in 0..100 {
            frame.render(&number(n));
            process::sleep(ms(100)).await;
        }
        let times = screen.texts().len();
        assert!((12..=14).contains(&times), "{times}");
    });
}

#[test]
fn an_animation_shows_what_a_stream_gives_and_ends_with_it() {
    check(async {
        let screen = screen(true);
        let live = kino::animate(kino::interval(ms(100)).take(4), |n| async move { number(n * n) });
        kino::render(kino::text("below"));
        assert!(live.render().is_empty());
        end_of(live.pid()).await;
        assert_eq!(screen.places(), ["9", "below"]);
        assert_eq!(screen.texts(), ["", "below", "0", "1", "4", "9"]);
    });
}

#[test]
fn an_animation_may_keep_a_state_leave_out_values_and_stop() {
    check(async {
        let screen = screen(true);
        let summed = kino::animate_with(kino::interval(ms(100)), 0, |n, sum| async move {
            let sum = sum + n;
            let step = match n {
                5 => ControlFlow::Break(number(format!("{sum}, the end"))),
                odd if odd % 2 == 1 => ControlFlow::Continue(None),
                _ => ControlFlow::Continue(Some(number(sum))),
            };
            (sum, step)
        });
        end_of(summed.pid()).await;
        assert_eq!(screen.texts(), ["", "0", "3", "10", "15, the end"]);
    });
}

#[test]
fn a_stream_that_is_never_pending_is_thinned_and_can_be_stopped() {
    check(async {
        let screen = screen(true);
        let live = kino::animate(futures::stream::iter(0u64..), |n| async move { number(n) });
        tokio::task::yield_now().await;
        live.stop();
        assert_eq!(end_of(live.pid()).await, ExitReason::Shutdown);
        process::sleep(secs(1)).await;
        let shown = screen.texts();
        assert!(shown.len() <= 4, "{shown:?}");
        process::sleep(secs(1)).await;
        assert_eq!(screen.texts(), shown);
    });
}

#[test]
fn an_animation_outlives_its_starter_and_a_crash_of_it_hurts_nobody() {
    check(async {
        let screen = screen(true);
        let parent = me();
        let (starter, _) = spawn_monitor(async move {
            let live = kino::animate(kino::interval(ms(100)), |n| async move {
                assert!(n < 3, "enough");
                number(n)
            });
            send(parent, live);
        });
        end_of(starter).await;
        let live = receive! { live: kino::Live => live };
        assert!(matches!(end_of(live.pid()).await, ExitReason::Panic(_)));
        process::sleep(secs(1)).await;
        assert_eq!(screen.places()[0], "2");
    });
}

#[test]
fn a_listener_takes_one_value_after_the_other() {
    check(async {
        let parent = me();
        let live = kino::listen_with(
            kino::interval(ms(10)).take(4),
            Vec::new(),
            move |n, mut seen| async move {
                process::sleep(ms(5)).await;
                seen.push(n);
                send(parent, seen.clone());
                seen
            },
        );
        end_of(live.pid()).await;
        for expected in 1..=4 {
            let seen: Vec<u64> = receive! { seen: Vec<u64> => seen };
            assert_eq!(seen, (0..expected).collect::<Vec<_>>());
        }
    });
}

#[test]
fn progress_counts_iterators_and_streams() {
    check(async {
        let screen = screen(true);
        let sum: i32 = kino::progress(3).over([1, 2, 3].into_iter()).sum();
        assert_eq!(sum, 6);
        let streamed = kino::progress(0).over(kino::interval(ms(500)).take(5));
        assert_eq!(streamed.count().await, 5);
        assert_eq!(
            screen.places(),
            [format!("{} 100% · 3/3 · 0 s", "█".repeat(24)), "5 · 2 s".to_owned()]
        );

        let progress = kino::progress(4);
        progress.message("<script>");
        process::sleep(secs(2)).await;
        progress.set(1);
        let bundle = progress.render();
        assert_eq!(
            bundle.get("text/html"),
            Some("<progress value=\"1\" max=\"4\"></progress> 25% · 1/4 · 2 s, 6 s left · &lt;script&gt;")
        );
        assert_eq!(
            bundle.text(),
            format!("██████{} 25% · 1/4 · 2 s, 6 s left · <script>", "░".repeat(18))
        );
    });
}

#[test]
fn values_that_are_shown_on_their_way_come_back() {
    check(async {
        let screen = screen(true);
        assert_eq!(kino::inspect(Some(1)), Some(1));
        let text = kino::render(kino::text("\u{1b}[31mred\u{1b}[0m"));
        assert_eq!(text.to_string(), "\u{1b}[31mred\u{1b}[0m");
        assert_eq!(screen.texts(), ["Some(1)", "\u{1b}[31mred\u{1b}[0m"]);
        assert!(kino::nothing().is_empty());
    });
}

/// All that is in a bundle but what it says in letters.
fn markup(bundle: &Bundle) -> String {
    let forms = bundle.iter().filter(|(mime, _)| *mime != "text/plain");
    forms.map(|(_, content)| content).collect()
}

#[test]
fn what_is_laid_out_is_readable_without_scripts_and_shows_names_as_text() {
    let evil = "<script>alert(1)</script>";
    let parts = || {
        [
            kino::markdown("**a**").render(),
            kino::text(evil).render(),
            kino::svg("<svg/>").alt(evil).render(),
        ]
    };
    let grid = layout::grid(parts()).columns(2).boxed().render();
    let tabs = layout::tabs([(evil, parts()[0].clone()), ("second", parts()[1].clone())]).render();
    let download = kino::download(evil, "x").label(evil).mime(evil).render();
    for bundle in [&grid, &tabs, &download] {
        assert!(!markup(bundle).contains("<script"), "{bundle:?}");
        assert!(bundle.text().contains(evil));
    }
    assert!(
        grid.get("text/html")
            .unwrap()
            .contains("<td valign=\"top\"><div align=\"left\"><p><strong>a</strong></p></div></td>")
    );
    assert_eq!(grid.get("text/html").unwrap().matches("<tr>").count(), 2);
    assert!(
        tabs.get("text/html")
            .unwrap()
            .starts_with("<details open><summary><b>&lt;script")
    );
    assert!(download.get("text/html").unwrap().contains(";base64,eA==\""));
}

#[derive(Clone, Copy)]
struct Opaque(i32);

impl Opaque {
    async fn later(self) -> Result<i32, String> {
        tokio::task::yield_now().await;
        if self.0 > 0 {
            Ok(self.0)
        } else {
            Err("too small".to_owned())
        }
    }
}

#[test]
fn a_chain_of_calls_is_shown_with_its_values_on_the_way() {
    check(async {
        let screen = screen(true);
        let words = vec!["a".to_owned(), "bb".to_owned()];
        let total = kino::debug!(words.iter().map(|word| word.len()).sum::<usize>());
        assert_eq!((total, words.len()), (3, 2));
        let shown = screen.texts().remove(0);
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(lines.len(), 4, "{shown}");
        for (line, expected) in lines.iter().zip([
            "words                        [\"a\", \"bb\"]",
            ".iter()                      Iter([\"a\", \"bb\"])",
            ".map(|word| word.len())      Map { iter: Iter([\"a\", \"bb\"]) }",
            ".sum::<usize>()              3",
        ]) {
            let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
            assert_eq!(words(line), words(expected));
        }

        let mut queue = vec![1];
        assert_eq!(kino::debug!(queue.pop()), Some(1));
        assert_eq!(kino::debug!("<script>".to_owned() + "x"), "<script>x");
        let place = screen.displays.lock().unwrap()[2]
            .bundle
            .get("text/html")
            .unwrap()
            .to_owned();
        assert!(
            place.contains("&lt;script&gt;") && !place.contains("<script"),
            "{place}"
        );
    });
}

#[test]
fn a_chain_that_ends_early_shows_how_far_it_came() {
    check(async {
        let screen = screen(false);
        async fn twice(value: Opaque) -> Result<i32, String> {
            Ok(kino::debug!(value.later().await?.checked_mul(2).unwrap_or_default()))
        }
        assert_eq!(twice(Opaque(4)).await, Ok(8));
        assert_eq!(twice(Opaque(0)).await, Err("too small".to_owned()));
        let texts = screen.texts();
        let lines = |n: usize| texts[n].lines().map(str::to_owned).collect::<Vec<_>>();
        assert!(lines(0)[0].starts_with("[runtime/tests/kino_outputs.rs:") || lines(0)[0].contains("kino_outputs.rs:"));
        assert!(lines(0)[1].ends_with("a value of type Opaque"), "{texts:?}");
        assert!(
            lines(0)[2].starts_with(".later().await") && lines(0)[2].ends_with("Ok(4)"),
            "{texts:?}"
        );
        assert_eq!(lines(0).len(), 6, "{texts:?}");
        assert_eq!(lines(1).len(), 3, "{texts:?}");
        assert!(lines(1)[2].ends_with("Err(\"too small\")"), "{texts:?}");
    });
}

#[test]
fn processes_are_shown_in_tables_and_trees() {
    check(async {
        let screen = screen(true);
        kino::render(kino::data_table([(me(), "main")]).columns(["pid", "what"]));
        assert!(screen.texts()[0].contains(&format!("{}  main", me())));
        kino::render(kino::mermaid("flowchart LR\na --> b"));
        kino::render(kino::tree(&vec![me()]));
        assert_eq!(screen.texts()[2], format!("{:#?}", vec![me()]));
    });
}

#[test]
fn settling_does_not_wait_for_what_goes_on_by_the_clock_for_ever() {
    check(async {
        screen(true);
        kino::animate(kino::interval(ms(5)), |n| async move { kino::text(n.to_string()) });
        let table = kino::process::watch(kino::process::observer().every(ms(5)));
        kino::settle(ms(100)).await;
        // One that says when it ends is waited for.
        let ends = kino::animate(kino::interval(ms(50)), |n| async move {
            match n {
                9 => ControlFlow::Break(kino::text("done")),
                n => ControlFlow::Continue(kino::text(n.to_string())),
            }
        });
        kino::settle(ms(100)).await;
        assert!(!process::is_alive(ends.pid()));
        assert!(process::is_alive(table.pid()));
    });
}
