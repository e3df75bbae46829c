//! Devices of one's own, and requests to what is none.

mod common;

use common::check;
use crabtree::io::{Device, Get, Getting, IoFailure, STDIO, Stream, Wanted};
use crabtree::prelude::*;
use std::io::{Error, ErrorKind};
use std::sync::{Arc, Mutex};

/// A device that is only written to.
#[derive(Default)]
struct Tape(Mutex<String>);

impl Device for Tape {
    fn write(&self, stream: Stream, text: &str) {
        let mark = if stream == Stream::Stderr { "!" } else { "" };
        self.0.lock().unwrap().push_str(&format!("{mark}{text}"));
    }
}

/// A device that answers as it was told to when it was made.
struct Answers(fn(Get) -> std::io::Result<Option<Vec<u8>>>);

impl Device for Answers {
    fn write(&self, _: Stream, _: &str) {}

    fn get(&self, get: Get) -> Getting<'_> {
        Box::pin(async move { (self.0)(get) })
    }
}

/// A device that waits for ever.
struct Silent;

impl Device for Silent {
    fn write(&self, _: Stream, _: &str) {}

    fn get(&self, _: Get) -> Getting<'_> {
        Box::pin(std::future::pending())
    }
}

#[test]
fn a_device_of_ones_own_takes_what_is_written_to_its_pid_or_to_its_name() {
    check(async {
        let tape = Arc::new(Tape::default());
        let device = io::device(tape.clone());
        process::register(device, "tape").unwrap();
        io::write(device, 1).unwrap();
        io::write("tape", 2).unwrap();
        io::binwrite("tape", b"3").unwrap();
        process::set_group_leader(me(), device);
        io::write(STDIO, 4);
        io::write(Stream::Stderr, 5);
        assert_eq!(*tape.0.lock().unwrap(), "1234!5");
        process::exit(device, ExitReason::Kill);
    });
}

#[test]
fn a_device_gets_what_is_wanted_of_it() {
    check(async {
        let device = io::device(Arc::new(Answers(|get| {
            Ok(Some(format!("{} {:?} {}", get.prompt, get.wanted, get.text).into()))
        })));
        assert_eq!(io::gets(device, "?").await.unwrap().unwrap(), "? Line true");
        assert_eq!(io::getn(device, "!", 2).await.unwrap().unwrap(), "! Count(2) true");
        let bytes = io::binread(device, Wanted::Eof).await.unwrap().unwrap();
        assert_eq!(bytes, b" Eof false");
    });
}

/// Reads, and checks what the error says.
async fn check_refusal(device: Pid, expected: &str) {
    let error = io::gets(device, "").await.unwrap_err();
    assert_eq!(error.to_string(), format!("io::gets({device}, Line): {expected}"));
}

#[test]
fn a_read_that_fails_says_what_was_asked_and_why() {
    check(async {
        let closed = "the device is closed: it was closed before, or its owner ended";
        let tape = io::device(Arc::new(Tape::default()));
        check_refusal(tape, "this device cannot be read: it is only written to").await;
        process::exit(tape, ExitReason::Kill);
        check_refusal(tape, closed).await;
        let refusing = Answers(|_| Err(Error::new(ErrorKind::StorageFull, "no tape")));
        check_refusal(io::device(Arc::new(refusing)), "no tape").await;
        let panicking = io::device(Arc::new(Answers(|_| panic!("torn"))));
        check_refusal(panicking, "the device failed while it read").await;
        let error = io::gets(Stream::Stderr, "").await.unwrap_err();
        assert!(error.to_string().contains("cannot be read"), "{error}");
    });
}

#[test]
fn a_read_ends_with_its_device() {
    check(async {
        let device = io::device(Arc::new(Silent));
        spawn(async move {
            process::sleep(ms(100)).await;
            process::exit(device, ExitReason::Kill);
        });
        let error = io::read(device, 1).await.unwrap_err();
        assert_eq!(error.cause, IoFailure::Terminated);
    });
}

#[test]
fn a_process_that_is_no_device_and_a_name_that_nobody_has_are_told_apart() {
    check(async {
        let other = spawn(process::sleep(secs(3600)));
        let error = io::puts(other, "x").unwrap_err();
        assert_eq!(error.cause, IoFailure::NotADevice);
        assert!(error.to_string().starts_with(&format!("io::puts({other}, \"x\\n\"): ")));
        let error = io::puts("no such device", "x").unwrap_err();
        assert_eq!(error.cause, IoFailure::NoSuchName);
        assert!(
            error.to_string().starts_with("io::puts(\"no such device\", "),
            "{error}"
        );
        assert_eq!(io::read(other, 1).await.unwrap_err().cause, IoFailure::NotADevice);
    });
}

#[test]
fn who_has_lost_his_group_leader_prints_all_the_same() {
    check(async {
        let device = io::device(Arc::new(Tape::default()));
        process::set_group_leader(me(), device);
        process::exit(device, ExitReason::Kill);
        io::write(STDIO, "");
        assert!(io::write(device, "").is_err());
    });
}

#[test]
fn a_value_that_is_too_wide_is_inspected_on_many_lines() {
    check(async {
        let tape = Arc::new(Tape::default());
        let device = io::device(tape.clone());
        let wide = io::inspect(device, vec!["0123456789"; 8], "wide").unwrap();
        assert_eq!(wide.len(), 8);
        let text = tape.0.lock().unwrap().clone();
        assert_eq!(text.lines().count(), 10, "{text}");
        assert!(text.starts_with("wide: [\n"), "{text}");
    });
}

#[test]
fn a_device_that_retired_is_no_process_and_is_written_to_as_before() {
    check(async {
        let tape = Arc::new(Tape::default());
        let device = io::device(tape.clone());
        let watched = process::monitor(device);
        let late = spawn(async {
            receive! { "go" => io::write(STDIO, "late ") }
            receive! { "again" => io::write(STDIO, "later ") }
        });
        process::set_group_leader(late, device);
        crabtree::__private::retire(device);
        receive! { Down { monitor, .. } if monitor == watched => () }
        assert!(!process::is_alive(device));
        let ended = process::monitor(late);
        send(late, "go");
        send(late, "again");
        receive! { Down { monitor, .. } if monitor == ended => () }
        io::write(device, "by pid").unwrap();
        assert_eq!(*tape.0.lock().unwrap(), "late later by pid");
    });
}
