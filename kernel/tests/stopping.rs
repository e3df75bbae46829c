//! Interrupts: each kind of cell ends, and processes and variables live on.

mod common;

use std::time::{Duration, Instant};

use common::{Control, Execution, Kernel, in_session};
use serde_json::json;

/// How long it may take from an interrupt to the idle of the cell.
const SOON: Duration = Duration::from_secs(1);
/// The best of so many tries counts: the machine may do other things.
const TRIES: usize = 3;

/// Runs a cell that says when it is where it is to be interrupted, and interrupts it there. Tells how long that took.
async fn interrupted(kernel: &mut Kernel, code: &str) -> (Execution, Duration) {
    let cell = kernel.send_code(&format!("print!(\"here\");\n{code}")).await;
    kernel
        .published("the cell's start", |message| {
            message.is("stream")
                && message.belongs_to(&cell)
                && message.content["text"]
                    .as_str()
                    .is_some_and(|text| text.starts_with("here"))
        })
        .await;
    let began = Instant::now();
    let reply = kernel.ask(Control, "interrupt_request", json!({})).await;
    assert_eq!(reply["status"], "ok");
    let cell = kernel.finish(cell).await;
    (cell, began.elapsed())
}

/// Interrupts a cell and expects that it ends soon, and alone.
fn ends_alone(code: &str) {
    in_session(async |kernel| {
        kernel.run("let kept = vec![5]; let echo = spawn(async { loop { receive! { (to, n): (Pid, i32) => send(to, n) } } });").await;
        let evaluator = kernel.value("me()").await;
        let mut took = Vec::new();
        for _ in 0..TRIES {
            let (cell, time) = interrupted(kernel, code).await;
            assert_eq!(cell.error().0, "KeyboardInterrupt", "the name that front ends know");
            let alive = "send(echo, (me(), 7)); receive! { n: i32 => (n, kept[0], me()) }";
            assert_eq!(kernel.value(alive).await, format!("(7, 5, {evaluator})"));
            if time < SOON {
                return;
            }
            took.push(time);
        }
        panic!("{code}: it took {took:?}");
    });
}

#[test]
fn a_pending_await() {
    ends_alone("std::future::pending::<()>().await;");
}

#[test]
fn a_receive_that_waits_for_ever() {
    ends_alone("receive! { \"never\" => () }");
}

#[test]
fn a_loop_without_an_await() {
    ends_alone("loop {}");
}

#[test]
fn nested_loops_that_compute() {
    ends_alone(
        "let mut sum = 0_u64; for i in 0..u64::MAX { let mut j = i; while j > 0 { j /= 2; sum = sum.wrapping_add(j); } } sum",
    );
}

#[test]
fn a_recursion() {
    ends_alone("fn fib(n: u64) -> u64 { if n < 2 { n } else { fib(n - 1) + fib(n - 2) } }\nfib(90)");
}

#[test]
fn a_loop_in_what_a_macro_takes() {
    ends_alone("println!(\"{}\", { let mut n = 0_u64; loop { n = n.wrapping_add(1); if n == 0 { break n } } });");
}

#[test]
fn a_loop_that_catches_panics() {
    ends_alone("loop { let _ = std::panic::catch_unwind(|| loop {}); }");
}

#[test]
fn a_thread_that_sleeps() {
    ends_alone("std::thread::sleep(std::time::Duration::from_secs(3600));");
}

#[test]
fn a_read_that_blocks() {
    ends_alone("use std::io::Read; let (mut end, _other) = std::io::pipe()?; end.read(&mut [0])?;");
}

#[test]
fn a_process_that_loops_without_an_await_can_be_killed() {
    in_session(async |kernel| {
        kernel
            .run("let spinner = spawn(async { println!(\"spinning\"); let mut n = 0_u64; loop { n = n.wrapping_add(1) } });")
            .await;
        let killed = "let watched = process::monitor(spinner); process::exit(spinner, ExitReason::Kill);
            receive! { Down { monitor, reason, .. } if monitor == watched => reason }";
        assert_eq!(kernel.value(killed).await, "killed");
    });
}

#[test]
fn a_process_that_never_awaits_is_named_below_the_cell_that_spawned_it_and_can_be_killed() {
    in_session(async |kernel| {
        kernel
            .run("let before = process::watchdog(Some(std::time::Duration::from_millis(200)));")
            .await;
        let request = kernel
            .send_code("let hog = spawn(async { let mut n = 0_u64; loop { n = n.wrapping_add(1) } }); hog")
            .await;
        let note = kernel
            .published("a note about the process", |message| {
                message.is("stream") && message.content["name"] == "stderr"
            })
            .await;
        assert!(note.belongs_to(&request), "{note:?}");
        let hog = kernel.finish(request).await.value();
        let text = note.content["text"].as_str().unwrap();
        assert!(text.contains(&hog) && text.contains("has not awaited"), "{hog}: {text}");
        let killed =
            "process::watchdog(before); let watched = process::monitor(hog); process::exit(hog, ExitReason::Kill);
            receive! { Down { monitor, reason, .. } if monitor == watched => reason }";
        assert_eq!(kernel.value(killed).await, "killed");
    });
}

#[test]
fn an_exit_signal_ends_a_cell_that_loops_without_an_await() {
    in_session(async |kernel| {
        let kept = "let kept_too = 6; spawn_link(async { exit(\"crash\") }); loop {}";
        kernel.run("let kept = 5;").await;
        let cell = kernel.execute(kept).await;
        assert_eq!(cell.error().0, "ExitSignal");
        assert_eq!(kernel.value("kept").await, "5");
    });
}

#[test]
fn an_interrupt_between_cells_does_not_reach_the_next_one() {
    in_session(async |kernel| {
        kernel.run("let a = 1;").await;
        kernel.ask(Control, "interrupt_request", json!({})).await;
        assert_eq!(kernel.value("process::sleep(ms(20)).await; a").await, "1");
    });
}

#[test]
fn variables_that_a_blocked_cell_used_are_lost_and_no_others() {
    in_session(async |kernel| {
        kernel
            .run("let mut used = String::from(\"used\"); let mut shown = 1; let untouched = 3;")
            .await;
        let (cell, _) = interrupted(
            kernel,
            "used.push('!'); println!(\"{shown}\"); std::thread::sleep(secs(3600)); used.push('?');",
        )
        .await;
        let (name, text) = cell.error();
        assert_eq!(name, "KeyboardInterrupt");
        assert!(
            text.ends_with("lost, as it used them: the variables shown, used"),
            "{text}"
        );
        assert_eq!(kernel.value("untouched").await, "3");
        let lost = kernel.execute("used").await;
        assert_eq!(lost.error().0, "CompileError", "{:?}", lost.error());
    });
}

#[test]
fn a_cell_whose_own_threads_may_use_its_variables_is_not_left_behind() {
    in_session(async |kernel| {
        let code = "std::thread::scope(|scope| {
            scope.spawn(|| std::thread::sleep(secs(2)));
            std::thread::sleep(secs(2));
        });
        process::sleep(secs(3600)).await";
        let (cell, _) = interrupted(kernel, code).await;
        assert!(cell.error().1.ends_with("its processes live on"), "{:?}", cell.error());
    });
}
