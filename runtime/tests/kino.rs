//! Rich outputs as a device gets them, and supervision trees as they are seen from outside.

use crabtree::io::{Device, Display, Stream};
use crabtree::kino::{self, Bundle, Render};
use crabtree::prelude::*;
use crabtree::process::Attached;
use std::sync::{Arc, Mutex};

/// Runs the body as a process on a clock that stands still until everybody waits.
fn check<F: Future>(body: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async { Attached::new().drive(body).await.expect("no exit signal ends the test") })
}

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
