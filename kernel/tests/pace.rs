//! Output that comes faster than somebody takes it.

mod common;

use std::os::unix::net::UnixStream;
use std::time::Duration;

use common::python::Python;
use common::{Control, Kernel, Shell, patiently};
use serde_json::json;

/// The memory that a process has, in mebibytes.
fn memory(pid: &str) -> usize {
    status(pid, "VmRSS:")
}

/// What its status says of a process in that line, in mebibytes.
fn status(pid: &str, name: &str) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() / 1024
}

/// Waits until a kernel has read what it completes with, and has given back what only the reading took: a hundred mebibytes.
async fn at_rest(kernel: &Kernel) {
    let pid = kernel.pid();
    patiently("memory that is given back", async {
        while memory(&pid) + 32 > status(&pid, "VmHWM:") {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}

/// Somebody who subscribes to everything and never reads.
fn stalled(kernel: &Kernel) -> UnixStream {
    use std::io::{Read as _, Write as _};
    let mut stream = UnixStream::connect(kernel.iopub_path()).unwrap();
    let mut greeting = [0; 64];
    (greeting[0], greeting[9], greeting[10]) = (0xff, 0x7f, 3);
    greeting[12..16].copy_from_slice(b"NULL");
    stream.write_all(&greeting).unwrap();
    stream
        .write_all(b"\x04\x19\x05READY\x0bSocket-Type\0\0\0\x03SUB")
        .unwrap();
    stream.write_all(b"\0\x01\x01").unwrap();
    stream.read_exact(&mut greeting).unwrap();
    stream
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_never_reads_holds_nobody_up_and_others_lose_nothing() {
    const LINES: usize = 64 * 1024;
    let mut kernel = Kernel::start().await;
    kernel.run("let line = \"x\".repeat(1000);").await;
    let _stalled = stalled(&kernel);
    at_rest(&kernel).await;
    let before = memory(&kernel.pid());
    let request = kernel
        .send_code(&format!("for n in 0..{LINES} {{ println!(\"{{n}} {{line}}\"); }}"))
        .await;
    let published = kernel.bracket(&request).await;
    let after = memory(&kernel.pid());
    assert_eq!(kernel.reply(Shell).await.content["status"], "ok");
    let texts = published.iter().filter(|message| message.is("stream"));
    let text: String = texts.map(|message| message.content["text"].as_str().unwrap()).collect();
    let numbers = text
        .lines()
        .map(|line| line.split(' ').next().unwrap().parse::<usize>().unwrap());
    assert!(numbers.eq(0..LINES), "{} lines of {LINES}", text.lines().count());
    assert!(
        after < before + 48,
        "{LINES} kilobytes took the kernel from {before} to {after} MiB"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_waits_for_a_slow_client_and_is_interrupted_meanwhile() {
    let mut kernel = Kernel::start().await;
    let host = kernel.value("std::process::id()").await;
    kernel.run("let line = \"x\".repeat(1000);").await;
    at_rest(&kernel).await;
    for flood in [
        "println!(\"{line}\");",
        "println!(\"{line}\"); async {}.await;",
        "use std::io::Write as _; std::io::stdout().write_all(line.as_bytes())?;",
        "use std::io::Write as _; std::io::stderr().write_all(line.as_bytes())?;",
    ] {
        let before = (memory(&kernel.pid()), memory(&host));
        let cell = kernel.send_code(&format!("loop {{ {flood} }}")).await;
        let mut seen = 0;
        while seen < 64 << 20 {
            let message = kernel.published("output", |message| message.is("stream")).await;
            seen += message.content["text"].as_str().unwrap().len();
        }
        kernel.ask(Control, "interrupt_request", json!({})).await;
        let reply = kernel.reply(Shell).await;
        assert_eq!(reply.content["ename"], "KeyboardInterrupt", "{flood}");
        let after = (memory(&kernel.pid()), memory(&host));
        assert!(
            after.0 < before.0 + 48 && after.1 < before.1 + 48,
            "{flood}: {before:?}, {after:?}"
        );
        kernel.bracket(&cell).await;
    }
}

/// Prints what a million lines cost here and with ipykernel, and fails if a line is lost, if ipykernel is quicker, or if a
/// message has fewer than a thousand lines:
/// `cargo test -p crabtree-kernel --test pace -- --ignored --nocapture`.
#[test]
#[ignore = "it measures, which takes a quiet machine"]
fn a_million_lines_are_no_slower_than_with_ipykernel() {
    Python::with_kernel().test_aloud("million_lines.py");
}
