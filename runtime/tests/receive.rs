//! What `receive!` promises: which messages it takes, which it leaves, and that a body is ordinary code.
#![deny(unused)] // an expansion gives no warning that its user could not understand

mod common;

use common::check;
use crabtree::prelude::*;
use std::cell::{Cell, RefCell};
use std::time::Duration;
use tokio::time::Instant;

/// What is in the mailbox, as it is shown.
fn mailbox() -> Vec<String> {
    process::info(me())
        .expect("the test runs")
        .messages
        .iter()
        .map(|message| format!("{message:?}"))
        .collect()
}

#[derive(Debug)]
struct Get;

#[derive(Debug, PartialEq)]
enum Msg {
    Move { x: i32, y: i32 },
    Say(String),
    Stop,
}

const MAX: u64 = u64::MAX;

#[test]
fn each_arm_takes_the_type_that_its_pattern_has() {
    check(async {
        async fn kind() -> &'static str {
            receive! {
                "ping" => "a string literal",
                Msg::Move { x: 1, .. } => "a variant",
                Msg::Say(text) if text.is_empty() => "a variant with a guard",
                Get => "a unit struct",
                MAX => "a constant",
                1..=9u8 => "a range",
                'a' | 'b' => "one of two",
                () => "the unit",
                -1.5 => "a number",
                Some(true) => "an option",
                (1, "one") => "a tuple of literals",
                (_, "get"): (Pid, &str) => "a tuple with a written type",
                text: String => if text.is_empty() { "an empty text" } else { "a text" },
                numbers: Vec<i32> if numbers.is_empty() => "an empty list",
                Ok::<u8, String>(_) => "a result",
                measure: fn(&str) -> usize => if measure("four") == 4 { "a function" } else { "another function" },
            }
        }
        send(me(), "ping");
        assert_eq!(kind().await, "a string literal");
        send(me(), Msg::Move { x: 1, y: 2 });
        assert_eq!(kind().await, "a variant");
        send(me(), Msg::Say(String::new()));
        assert_eq!(kind().await, "a variant with a guard");
        send(me(), Get);
        assert_eq!(kind().await, "a unit struct");
        send(me(), MAX);
        assert_eq!(kind().await, "a constant");
        send(me(), 7u8);
        assert_eq!(kind().await, "a range");
        send(me(), 'b');
        assert_eq!(kind().await, "one of two");
        send(me(), ());
        assert_eq!(kind().await, "the unit");
        send(me(), -1.5);
        assert_eq!(kind().await, "a number");
        send(me(), Some(true));
        assert_eq!(kind().await, "an option");
        send(me(), (1, "one"));
        assert_eq!(kind().await, "a tuple of literals");
        send(me(), (me(), "get"));
        assert_eq!(kind().await, "a tuple with a written type");
        send(me(), String::from("hello"));
        assert_eq!(kind().await, "a text");
        send(me(), Vec::<i32>::new());
        assert_eq!(kind().await, "an empty list");
        send(me(), Ok::<u8, String>(1));
        assert_eq!(kind().await, "a result");
        let measure: fn(&str) -> usize = str::len;
        send(me(), measure);
        assert_eq!(kind().await, "a function");
    });
}

#[test]
fn what_does_not_match_stays_in_the_mailbox_in_its_order() {
    check(async {
        send(me(), 1);
        send(me(), "skipped");
        send(me(), 2);
        send(me(), Msg::Move { x: 1, y: 2 });
        send(me(), 3);

        receive! { n: i32 if n > 1 => assert_eq!(n, 2) }
        assert_eq!(mailbox(), ["1", "\"skipped\"", "Move { x: 1, y: 2 }", "3"]);

        receive! { Msg::Move { x, y } => assert_eq!((x, y), (1, 2)) }
        assert_eq!(mailbox(), ["1", "\"skipped\"", "3"]);

        receive! { n: i32 => assert_eq!(n, 1) }
        receive! { n: i32 => assert_eq!(n, 3) }
        assert_eq!(mailbox(), ["\"skipped\""]);
    });
}

#[test]
fn the_oldest_message_that_any_arm_takes_comes_first_and_the_first_arm_that_takes_it() {
    check(async {
        send(me(), 1);
        send(me(), "two");
        let first = receive! { "two" => "the string", 1 => "the number" };
        assert_eq!(first, "the number");

        send(me(), 7);
        receive! { "two" => () }
        let arm = receive! { n: i32 if n > 5 => format!("{n} > 5"), 7 => "7".to_owned() };
        assert_eq!(arm, "7 > 5");
    });
}

#[test]
fn a_message_that_arrives_while_waiting_is_tried_too() {
    check(async {
        let parent = me();
        send(me(), "before");
        spawn(async move {
            for n in 0..5 {
                process::sleep(ms(10)).await;
                send(parent, n);
            }
        });
        receive! { 4 => () }
        assert_eq!(mailbox(), ["\"before\"", "0", "1", "2", "3"]);
    });
}

#[test]
fn a_name_takes_any_message() {
    check(async {
        send(me(), 1.5f32);
        let message = receive! { anything => anything };
        assert_eq!(message.downcast::<f32>().unwrap(), 1.5);

        send(me(), "text");
        send(me(), Get);
        let shown = receive! { message if message.is::<Get>() => format!("{message:?}"), _ => String::new() };
        assert_eq!(shown, "");
        receive! { _ if true => () }

        send(me(), Get);
        let taken = receive! { mut message => std::mem::replace(&mut message, Message::new(1)) };
        assert!(taken.is::<Get>());
    });
}

#[test]
fn after_ends_the_wait_and_leaves_the_mailbox_alone() {
    check(async {
        send(me(), 1);
        send(me(), 2);
        let before = Instant::now();

        let answer = receive! { "never" => "came", after ms(250) => "did not come" };

        assert_eq!(answer, "did not come");
        assert_eq!(before.elapsed(), Duration::from_millis(250));
        assert_eq!(mailbox(), ["1", "2"]);
        receive! { after ms(50) => () }
        assert_eq!(before.elapsed(), Duration::from_millis(300));
    });
}

#[test]
fn messages_that_do_not_match_do_not_prolong_the_wait() {
    check(async {
        let parent = me();
        spawn(async move {
            for n in 0..100 {
                process::sleep(ms(30)).await;
                send(parent, n);
            }
        });
        let before = Instant::now();
        receive! { "never" => (), after ms(100) => () }
        assert_eq!(before.elapsed(), Duration::from_millis(100));
    });
}

#[test]
fn after_zero_takes_what_is_there_and_does_not_wait() {
    check(async {
        for n in 0..50 {
            send(me(), n);
        }
        let found = receive! { 49 => true, after ms(0) => false };
        assert!(found);
        let found = receive! { 49 => true, after ms(0) => false };
        assert!(!found);
        assert_eq!(mailbox().len(), 49);
    });
}

#[test]
fn the_duration_is_an_expression_of_its_surroundings() {
    check(async {
        async fn delay() -> Result<Duration, String> {
            Ok(ms(20))
        }
        let wait = async {
            receive! { Get => (), after delay().await? * 2 => () }
            Ok::<(), String>(())
        };
        let before = Instant::now();
        wait.await.unwrap();
        assert_eq!(before.elapsed(), Duration::from_millis(40));
    });
}

#[test]
fn a_body_is_ordinary_code_of_the_function_around_it() {
    check(async {
        async fn answer() -> Result<i32, String> {
            let mut seen = 0;
            loop {
                receive! {
                    "skip" => continue,
                    "stop" => break,
                    "fail" => Err("failed")?,
                    "return" => return Ok(-1),
                    n: i32 => {
                        process::sleep(ms(n as u64)).await;
                        seen += n;
                    }
                }
            }
            Ok(seen)
        }
        for message in ["skip", "stop"] {
            send(me(), 20);
            send(me(), message);
        }
        send(me(), 2);
        assert_eq!(answer().await, Ok(40));
        assert_eq!(mailbox(), ["2"]);
        send(me(), "fail");
        assert_eq!(answer().await, Err("failed".to_owned()));
        send(me(), "return");
        assert_eq!(answer().await, Ok(-1));
    });
}

#[test]
fn a_body_may_receive_and_change_what_it_bound() {
    check(async {
        send(me(), String::from("outer"));
        send(me(), String::from("inner"));
        let both = receive! {
            mut text: String => {
                receive! { inner: String => text.push_str(&inner) }
                text
            }
        };
        assert_eq!(both, "outerinner");
    });
}

#[test]
fn a_guard_sees_its_surroundings_and_a_refused_message_is_whole_again() {
    check(async {
        let limit = RefCell::new(3);
        let asked = Cell::new(0);
        let mut refused = Vec::new();
        for n in 1..=4 {
            send(me(), Msg::Say(n.to_string()));
        }
        let said = receive! {
            Msg::Say(text) if { asked.set(asked.get() + 1); refused.push(text.len()); text.parse() == Ok(*limit.borrow()) } => text,
            Msg::Stop => String::new(),
        };
        assert_eq!((said.as_str(), asked.get(), refused.len()), ("3", 3, 3));
        assert_eq!(mailbox(), ["Say(\"1\")", "Say(\"2\")", "Say(\"4\")"]);
        send(me(), Msg::Stop);
        receive! { Msg::Stop => () }
    });
}

#[test]
fn bindings_of_alternatives_and_of_whole_patterns_are_there() {
    check(async {
        #[derive(Debug, PartialEq)]
        enum Shape {
            Circle(i32),
            Square(i32),
        }
        for shape in [Shape::Square(2), Shape::Circle(2)] {
            send(me(), shape);
            receive! { Shape::Circle(size) | Shape::Square(size) => assert_eq!(size, 2) }
        }
        send(me(), 5);
        receive! { n @ 1..=9 => assert_eq!(n, 5) }
        send(me(), Some((1, "one".to_string())));
        receive! { Some((n, name)): Option<(i32, String)> => assert_eq!((n, name.as_str()), (1, "one")) }
    });
}

#[test]
fn names_of_the_expansion_and_of_its_surroundings_do_not_meet() {
    check(async {
        #[allow(non_camel_case_types, dead_code)]
        enum Option {
            Some,
            None,
        }
        let (message, value, scan, bindings) = (1, 2, 3, 4);
        send(me(), 10);
        let sum = receive! { n: i32 if n > message + value => n + message + value + scan + bindings };
        assert_eq!(sum, 20);
        let _ = (Option::Some, Option::None);
    });
}

#[test]
fn a_wait_that_is_dropped_loses_nothing() {
    check(async {
        send(me(), "kept");
        let wait = async {
            receive! { Get => () }
        };
        assert!(tokio::time::timeout(ms(10), wait).await.is_err());
        assert_eq!(mailbox(), ["\"kept\""]);
        send(me(), Get);
        receive! { Get => () }
    });
}

/// A process may move to another thread while it waits, whatever its guards look at.
#[test]
fn a_process_that_receives_can_be_spawned_whatever_its_guards_borrow() {
    check(async {
        let parent = me();
        let child = spawn(async move {
            let seen = Cell::new(0);
            receive! { n: i32 if { seen.set(seen.get() + n); seen.get() > 3 } => send(parent, ("sum", seen.get())) }
        });
        for n in 1..=3 {
            send(child, n);
        }
        receive! { ("sum", n): (&str, i32) => assert_eq!(n, 6) }
    });
}

#[test]
fn messages_of_another_type_are_passed_over_and_stay_where_they_were() {
    check(async {
        for number in 0..10_000_u32 {
            send(me(), number);
        }
        send(me(), ("name", 1));
        send(me(), ("name", 2));
        // A type that is wanted, with a value that is not, is looked at each time.
        receive! { ("name", 2) => () }
        receive! {
            9_999_u32 => (),
            ("name", 3) => unreachable!("nobody sent it"),
        }
        receive! { ("name", n): (&str, i32) => assert_eq!(n, 1) }
        for expected in 0..9_999 {
            receive! { number: u32 => assert_eq!(number, expected) }
        }
        receive! {
            text: &str => unreachable!("nobody sent {text}"),
            after ms(0) => (),
        }
    });
}
