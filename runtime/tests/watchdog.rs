//! What the watchdog promises. Its time is the node's, so these tests are a program of their own.

use crabtree::io::{Device, Stream, device};
use crabtree::prelude::*;
use crabtree::process::Status;
use std::sync::Mutex;
use std::sync::mpsc::{Sender, channel};

/// Hands on what is written to it.
struct Wire(Mutex<Sender<(Stream, String)>>);

impl Device for Wire {
    fn write(&self, stream: Stream, text: &str) {
        let _ = self.0.lock().unwrap().send((stream, text.to_owned()));
    }
}

#[test]
fn a_process_that_does_not_await_is_named_to_its_group_leader_and_seen_to_run() {
    process::watchdog(Some(ms(20)));
    let (wire, reports) = channel();
    crabtree::run(async {
        process::set_group_leader(me(), device(std::sync::Arc::new(Wire(Mutex::new(wire)))));
        let (stop, stopped) = channel::<()>();
        let busy = spawn(async move {
            process::register(me(), "miller").unwrap();
            stopped.recv().unwrap_err();
        });

        let (stream, report) = reports.recv().unwrap();
        assert_eq!(stream, Stream::Stderr);
        let named = format!("[warning] Process miller {busy} has not awaited for ");
        assert!(report.starts_with(&named), "{report}");

        let info = process::info(busy).unwrap();
        assert_eq!(info.status, Status::Running);
        assert!(info.running_for.unwrap() >= ms(20), "{info:?}");

        drop(stop);
        let watched = process::monitor(busy);
        receive! { Down { monitor, .. } if monitor == watched => () }
        assert!(reports.try_recv().is_err(), "one spell was reported twice");
    });
}

#[test]
fn a_process_that_waits_does_not_run() {
    crabtree::run(async {
        let parent = me();
        let waiting = spawn(async move {
            send(parent, "ready");
            process::sleep(secs(3600)).await;
        });
        receive! { "ready" => () }
        while process::info(waiting).unwrap().status == Status::Running {
            process::sleep(ms(1)).await;
        }
        let info = process::info(waiting).unwrap();
        assert_eq!((info.status, info.running_for), (Status::Waiting, None));
        assert_eq!(process::info(me()).unwrap().status, Status::Running);
    });
}
