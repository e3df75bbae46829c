//! Comms, with a device in the place of a notebook.

use crabtree::io::{self, Device, Stream};
use crabtree::kino::comm::{self, Action, Comm, Event, Payload};
use crabtree::prelude::*;
use std::sync::{Arc, Mutex};

/// Writes down what it is asked to do.
#[derive(Default)]
struct Notebook(Mutex<Vec<Action>>);

impl Device for Notebook {
    fn write(&self, _: Stream, _: &str) {}

    fn comm(&self, action: Action) -> std::io::Result<()> {
        self.0.lock().unwrap().push(action);
        Ok(())
    }
}

#[test]
fn what_is_said_on_a_comm_reaches_the_device_of_the_process_that_opened_it() {
    crabtree::run(async {
        let notebook = Arc::new(Notebook::default());
        let device = io::device(notebook.clone());
        process::set_group_leader(me(), device);
        let opened = comm::open("clock", r#"{"zone": 1}"#).unwrap();
        // Another process, below another cell, says something on the same comm.
        let (elsewhere, parent) = (opened.clone(), me());
        let other = spawn(async move {
            process::set_group_leader(me(), io::string_io::open(""));
            elsewhere.send("[2]").unwrap();
            send(parent, "sent");
        });
        receive! { "sent" => () }
        opened.close().unwrap();
        comm::take("echo").unwrap();

        let actions = notebook.0.lock().unwrap();
        let [
            Action::Open {
                comm,
                target,
                payload,
                owner,
            },
            Action::Send(sent, data),
            Action::Close(closed, _),
            Action::Take {
                target: taken,
                owner: taker,
            },
        ] = &actions[..]
        else {
            panic!("{actions:?}")
        };
        assert_eq!(
            (comm, target.as_str(), payload.data.as_str()),
            (&opened, "clock", r#"{"zone": 1}"#)
        );
        assert_eq!((sent, data, closed), (&opened, &Payload::from("[2]"), &opened));
        assert_eq!((taken.as_str(), *taker, *owner), ("echo", me(), me()));
        assert_ne!(other, me());
    });
}

#[test]
fn events_are_messages_like_any_other() {
    crabtree::run(async {
        let ours = Comm::from_parts("ours", me());
        for comm in [Comm::from_parts("theirs", me()), ours.clone()] {
            let payload = Payload::from("{}");
            send(me(), Event::Message { comm, payload });
        }
        receive! { Event::Message { comm, .. } if comm == ours => () }
        receive! { Event::Message { comm, .. } => assert_eq!(comm.id(), "theirs") }
    });
}

#[test]
fn without_a_front_end_the_error_says_what_was_asked_and_why_not() {
    crabtree::run(async {
        for error in [comm::open("clock", "{}").map(drop), comm::take("clock")] {
            let text = error.unwrap_err().to_string();
            assert!(text.starts_with("comm::") && text.contains("clock"), "{text}");
            assert!(text.contains("notebook"), "{text}");
        }
    });
}
