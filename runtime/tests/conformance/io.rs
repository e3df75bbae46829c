//! Devices. Promises from Elixir's `io_test.exs`, `string_io_test.exs`, `file_test.exs` ("open-read-write", "IO stream")
//! and from the documentation of `IO`, `StringIO` and `File`.

use super::{check, end_of};
use crabtree::io::{IoFailure, STDIO, Wanted, string_io};
use crabtree::prelude::*;
use std::io::ErrorKind;
use std::path::PathBuf;

/// What no text is: the middle of a character, and some that are whole.
const INVALID: [u8; 7] = [130, 227, 129, 132, 227, 129, 134];

/// A file that is there for one test.
struct Fixture(PathBuf);

impl Fixture {
    fn missing(name: &str) -> Fixture {
        Fixture(std::env::temp_dir().join(format!("crabtree-{}-{name}", std::process::id())))
    }

    fn new(name: &str, content: impl AsRef<[u8]>) -> Fixture {
        let fixture = Fixture::missing(name);
        std::fs::write(&fixture.0, content).unwrap();
        fixture
    }

    fn content(&self) -> String {
        std::fs::read_to_string(&self.0).unwrap()
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        // Some tests never make it.
        drop(std::fs::remove_file(&self.0));
    }
}

fn contents(device: Pid) -> (String, String) {
    string_io::contents(device).unwrap()
}

fn texts(input: &str, output: &str) -> (String, String) {
    (input.to_owned(), output.to_owned())
}

fn kind(cause: IoFailure) -> ErrorKind {
    match cause {
        IoFailure::Refused { kind, .. } => kind,
        other => panic!("{other:?}"),
    }
}

/// Runs the body with a group leader that has this input, and gives what was written.
async fn capture<F: Future>(input: &str, body: F) -> String {
    let before = process::group_leader();
    let device = string_io::open_capture_prompt(input);
    process::set_group_leader(me(), device);
    body.await;
    process::set_group_leader(me(), before);
    string_io::close(device).await.unwrap().1
}

// string_io_test "open and close"
#[test]
fn a_string_device_gives_its_contents_when_it_closes_and_is_gone() {
    check(async {
        let device = string_io::open("");
        assert_eq!(string_io::close(device).await.unwrap(), texts("", ""));
        assert!(!process::is_alive(device));
        let error = string_io::contents(device).unwrap_err();
        assert_eq!(error.cause, IoFailure::Terminated);
        assert!(
            error
                .to_string()
                .starts_with(&format!("string_io::contents({device}): "))
        );
    });
}

// string_io_test "contents", "flush"
#[test]
fn contents_are_what_was_not_read_and_what_was_written() {
    check(async {
        let device = string_io::open("abc");
        io::write(device, "edf").unwrap();
        assert_eq!(contents(device), texts("abc", "edf"));
        assert_eq!(string_io::flush(device).unwrap(), "edf");
        assert_eq!(contents(device), texts("abc", ""));
    });
}

/// Reads until the end, and checks the pieces.
async fn check_pieces(input: &str, wanted: Wanted, expected: &[&str]) {
    let device = string_io::open(input);
    for piece in expected {
        assert_eq!(io::read(device, wanted).await.unwrap().as_deref(), Some(*piece));
    }
    assert_eq!(io::read(device, wanted).await.unwrap(), None);
    assert_eq!(contents(device), texts("", ""));
    let device = string_io::open(input);
    let mut stream = io::stream(device, wanted);
    for piece in expected {
        assert_eq!(stream.next().await.unwrap().unwrap(), *piece);
    }
    assert!(stream.next().await.is_none());
}

// string_io_test "IO.read :line with \\n", "with \\rn", "without line break", "with UTF-8"; "IO.stream"
#[test]
fn a_line_ends_with_one_newline_or_with_the_input() {
    check(async {
        check_pieces("abc\n", Wanted::Line, &["abc\n"]).await;
        check_pieces("abc\r\n", Wanted::Line, &["abc\n"]).await;
        check_pieces("abc", Wanted::Line, &["abc"]).await;
        check_pieces("⼊\n\nx", Wanted::Line, &["⼊\n", "\n", "x"]).await;
    });
}

// string_io_test "IO.read count", "IO.read count with UTF-8"
#[test]
fn a_count_is_of_characters() {
    check(async {
        check_pieces("abc", Wanted::Count(2), &["ab", "c"]).await;
        check_pieces("あいう", Wanted::Count(2), &["あい", "う"]).await;
        check_pieces("あいう", Wanted::Eof, &["あいう"]).await;
    });
}

// string_io_test "IO.read :line with invalid UTF-8", "IO.read count with …", "IO.getn with …", "IO.gets with …"
#[test]
fn what_is_no_text_is_refused_and_stays() {
    check(async {
        let device = string_io::open(INVALID);
        let line = io::gets(device, ">").await;
        let count = io::getn(device, ">", 2).await;
        let all = io::read(device, Wanted::Eof).await;
        let streamed = io::stream(device, 2).next().await.unwrap();
        for answer in [line, count, all] {
            assert_eq!(kind(answer.unwrap_err().cause), ErrorKind::InvalidData);
        }
        assert_eq!(kind(streamed.unwrap_err().cause), ErrorKind::InvalidData);
        assert_eq!(io::binread(device, Wanted::Eof).await.unwrap(), Some(INVALID.to_vec()));
    });
}

// string_io_test "IO.binread :line with \\r\\n", "with raw bytes", "IO.binread count with UTF-8"
#[test]
fn bytes_are_read_whatever_they_are() {
    check(async {
        let device = string_io::open("abc\r\n");
        assert_eq!(io::binread(device, Wanted::Line).await.unwrap().unwrap(), b"abc\n");
        let device = string_io::open([181, 255, 194, b'\n']);
        let line = io::binread(device, Wanted::Line).await.unwrap();
        assert_eq!(line, Some(vec![181, 255, 194, b'\n']));
        assert_eq!(io::binread(device, Wanted::Line).await.unwrap(), None);
        let device = string_io::open("あいう");
        assert_eq!(io::binread(device, 2).await.unwrap(), Some(vec![227, 129]));
        assert_eq!(io::binread(device, 8).await.unwrap().unwrap(), INVALID);
        assert_eq!(io::binread(device, 1).await.unwrap(), None);
    });
}

// string_io_test "IO.write", "IO.write with UTF-8", "IO.binwrite", "IO.puts", "IO.inspect"
#[test]
fn what_is_written_is_in_the_output() {
    check(async {
        let device = string_io::open("");
        io::write(device, "foo").unwrap();
        io::write(device, "あいう").unwrap();
        io::binwrite(device, b"bar").unwrap();
        io::puts(device, "abc").unwrap();
        io::inspect(device, (), None).unwrap();
        assert_eq!(contents(device), texts("", "fooあいうbarabc\n()\n"));
    });
}

// string_io_test "IO.write with non-printable arguments" (no_translation)
#[test]
fn a_device_for_text_refuses_other_bytes() {
    check(async {
        let device = string_io::open("");
        let error = io::binwrite(device, [222]).unwrap_err();
        assert_eq!(kind(error.cause.clone()), ErrorKind::InvalidData);
        assert!(error.to_string().contains("UTF-8"), "{error}");
        assert_eq!(contents(device), texts("", ""));
    });
}

// string_io_test "IO.getn", "IO.getn with UTF-8", "IO.gets with \\n", "IO.gets without line breaks"
#[test]
fn a_prompt_is_not_part_of_the_output() {
    check(async {
        let device = string_io::open("あいう\nd");
        assert_eq!(io::getn(device, ">", 2).await.unwrap().unwrap(), "あい");
        assert_eq!(io::gets(device, ">").await.unwrap().unwrap(), "う\n");
        assert_eq!(contents(device), texts("d", ""));
    });
}

// string_io_test "IO.getn with capture_prompt", "IO.gets with capture_prompt"
#[test]
fn a_prompt_is_part_of_the_output_where_it_is_captured() {
    check(async {
        let device = string_io::open_capture_prompt("abc\nd");
        assert_eq!(io::getn(device, "?", 2).await.unwrap().unwrap(), "ab");
        assert_eq!(io::gets(device, ">").await.unwrap().unwrap(), "c\n");
        assert_eq!(contents(device), texts("d", "?>"));
    });
}

// string_io.ex, handle_info({:DOWN, …}): the device watches the process that opened it, and stops with it
#[test]
fn a_string_device_ends_with_its_owner() {
    check(async {
        let test = me();
        let (owner, watched) = spawn_monitor(async move { send(test, string_io::open("abc")) });
        let device: Pid = receive! { device: Pid => device };
        receive! { Down { monitor, pid, .. } if monitor == watched => assert_eq!(pid, owner) }
        end_of(device).await;
        assert_eq!(io::write(device, "x").unwrap_err().cause, IoFailure::Terminated);
    });
}

// string_io_test "returns enotsup for files"
#[test]
fn what_is_for_files_is_refused_by_other_devices() {
    check(async {
        let device = string_io::open("123");
        let error = file::close(device).await.unwrap_err();
        assert_eq!(error.cause, IoFailure::NotADevice);
        assert_eq!(contents(device), texts("123", ""));
    });
}

// io_test "puts with chardata", "write with chardata", "inspect"
#[test]
fn whatever_has_a_text_is_written_to_the_group_leader() {
    check(async {
        let output = capture("", async {
            io::puts(STDIO, "hello");
            io::puts(STDIO, 13);
            io::write(STDIO, 'x');
            io::write(STDIO, String::from("y\n"));
            assert_eq!(io::inspect(STDIO, 1, None), 1);
            io::inspect(STDIO, Some("a"), "foo");
        });
        assert_eq!(output.await, "hello\n13\nxy\n1\nfoo: Some(\"a\")\n");
    });
}

// IO.puts, and chapter 2.5: the group leader, `:stdio` and the pid of the group leader are the same
#[test]
fn three_ways_lead_to_the_group_leader() {
    check(async {
        let output = capture("", async {
            crabtree::println!("hello");
            io::puts(STDIO, "hello");
            io::puts(process::group_leader(), "hello").unwrap();
        });
        assert_eq!(output.await, "hello\nhello\nhello\n");
    });
}

// io_test "gets with chardata", "getn with different arities"
#[test]
fn the_group_leader_is_asked_with_a_prompt() {
    check(async {
        let output = capture("foo\nhello", async {
            assert_eq!(io::gets(STDIO, 13).await.unwrap().unwrap(), "foo\n");
            assert_eq!(io::getn(STDIO, ">", 1).await.unwrap().unwrap(), "h");
            let leader = process::group_leader();
            assert_eq!(io::getn(leader, ">", 99).await.unwrap().unwrap(), "ello");
            assert_eq!(io::gets(leader, "?").await.unwrap(), None);
        });
        assert_eq!(output.await, "13>>?");
    });
}

// io_test "getn", "getn with count", "getn with eof", "gets", "readline", "read with eof"
#[test]
fn a_file_is_read_in_pieces_of_any_size_until_its_end() {
    check(async {
        let fixture = Fixture::new("pieces.txt", "FOO\nbar\r\nlast");
        let device = file::open(&fixture.0).await.unwrap();
        assert_eq!(io::getn(device, "λ", 1).await.unwrap().unwrap(), "F");
        assert_eq!(io::getn(device, "", 2).await.unwrap().unwrap(), "OO");
        assert_eq!(io::gets(device, "").await.unwrap().unwrap(), "\n");
        assert_eq!(io::read(device, Wanted::Line).await.unwrap().unwrap(), "bar\n");
        assert_eq!(io::getn(device, "", Wanted::Eof).await.unwrap().unwrap(), "last");
        assert_eq!(io::getn(device, "", Wanted::Eof).await.unwrap(), None);
        assert_eq!(io::read(device, Wanted::Line).await.unwrap(), None);
        file::close(device).await.unwrap();
    });
}

// io_test "read empty file"
#[test]
fn an_empty_file_is_at_its_end() {
    check(async {
        let fixture = Fixture::new("empty.txt", "");
        let device = file::open(&fixture.0).await.unwrap();
        assert_eq!(io::read(device, Wanted::Eof).await.unwrap(), None);
        file::close(device).await.unwrap();
    });
}

// io_test "read with UTF-8 and binary", "binread", "binread eof"
#[test]
fn a_file_is_read_as_text_or_as_bytes() {
    check(async {
        let fixture = Fixture::new("utf8.txt", "Русский\n日\n");
        let device = file::open(&fixture.0).await.unwrap();
        assert_eq!(io::read(device, 3).await.unwrap().unwrap(), "Рус");
        let bytes = io::binread(device, 8).await.unwrap().unwrap();
        assert_eq!(bytes, "ский".as_bytes());
        let rest = io::binread(device, Wanted::Eof).await.unwrap().unwrap();
        assert_eq!(rest, "\n日\n".as_bytes());
        file::close(device).await.unwrap();
    });
}

/// A file longer than what is read ahead, with lines across the seams.
#[test]
fn a_long_file_is_read_whole() {
    check(async {
        let line = "ü".repeat(3000);
        let fixture = Fixture::new("long.txt", format!("{line}\n").repeat(40));
        let mut lines = file::stream(&fixture.0).await.unwrap();
        let mut count = 0;
        while let Some(read) = lines.next().await {
            assert_eq!(read.unwrap().trim_end(), line);
            count += 1;
        }
        assert_eq!(count, 40);
    });
}

// file_test "open readonly by default"
#[test]
fn a_file_is_opened_for_reading_unless_something_else_is_said() {
    check(async {
        let fixture = Fixture::new("readonly.txt", "FOO\n");
        let device = file::open(&fixture.0).await.unwrap();
        let error = io::write(device, "foo").unwrap_err();
        assert_eq!(kind(error.cause.clone()), ErrorKind::PermissionDenied);
        assert!(error.to_string().contains(".write()"), "{error}");
        assert_eq!(fixture.content(), "FOO\n");
        let device = file::open(&fixture.0).append().await.unwrap();
        let error = io::read(device, 1).await.unwrap_err();
        assert!(error.to_string().contains(".read()"), "{error}");
    });
}

// file_test "open with write permission", "open with binwrite permission"
#[test]
fn what_was_written_is_in_the_file_and_a_closed_file_takes_nothing() {
    check(async {
        let fixture = Fixture::missing("write.txt");
        let device = file::open(&fixture.0).write().await.unwrap();
        io::write(device, "foo ").unwrap();
        io::binwrite(device, "Русский").unwrap();
        assert_eq!(fixture.content(), "foo Русский");
        file::close(device).await.unwrap();
        assert!(!process::is_alive(device));
        assert_eq!(
            io::binwrite(device, "Русский").unwrap_err().cause,
            IoFailure::Terminated
        );
        assert_eq!(file::close(device).await.unwrap_err().cause, IoFailure::Terminated);
        assert_eq!(fixture.content(), "foo Русский");
    });
}

// File.open: ":write … if the file exists it is truncated", ":read and :write … not truncated", ":append", ":exclusive"
#[test]
fn modes_say_what_becomes_of_what_the_file_had() {
    check(async {
        let fixture = Fixture::new("modes.txt", "old");
        for (opening, expected) in [
            (file::open(&fixture.0).append(), "old+"),
            (file::open(&fixture.0).read().write(), "+ld+"),
            (file::open(&fixture.0).write(), "+"),
        ] {
            let device = opening.clone().await.unwrap();
            io::write(device, "+").unwrap();
            file::close(device).await.unwrap();
            assert_eq!(fixture.content(), expected, "{opening:?}");
        }
        let error = file::open(&fixture.0).exclusive().await.unwrap_err();
        assert_eq!(kind(error.cause), ErrorKind::AlreadyExists);
    });
}

/// The position is one, for reading and writing.
#[test]
fn a_write_goes_to_where_the_reader_is() {
    check(async {
        let fixture = Fixture::new("position.txt", "one two three");
        let device = file::open(&fixture.0).read().write().await.unwrap();
        assert_eq!(io::read(device, 4).await.unwrap().unwrap(), "one ");
        io::write(device, "TWO").unwrap();
        assert_eq!(io::read(device, Wanted::Eof).await.unwrap().unwrap(), " three");
        file::close(device).await.unwrap();
        assert_eq!(fixture.content(), "one TWO three");
    });
}

// file_test "open a missing file", "open! a missing file"; a directory is no file (eisdir)
#[test]
fn a_file_that_cannot_be_opened_gives_an_error_that_says_which() {
    check(async {
        let error = file::open("no-such-file.txt").await.unwrap_err();
        assert_eq!(kind(error.cause.clone()), ErrorKind::NotFound);
        let text = error.to_string();
        assert!(text.starts_with("file::open(\"no-such-file.txt\"): "), "{text}");
        let directory = std::env::current_dir().unwrap();
        assert!(text.contains(&directory.display().to_string()), "{text}");
        for opening in [file::open(&directory), file::open(&directory).write()] {
            let error = opening.await.unwrap_err();
            assert_eq!(kind(error.cause), ErrorKind::IsADirectory);
        }
    });
}

// Chapter 2.5 and File.open: "if the owner process terminates, the file is closed, and the process itself terminates"
#[test]
fn a_file_closes_with_the_process_that_opened_it() {
    check(async {
        let fixture = Fixture::missing("owner.txt");
        let (test, path) = (me(), fixture.0.clone());
        let (owner, _) = spawn_monitor(async move {
            send(test, file::open(&path).write().await.unwrap());
            process::sleep(secs(3600)).await;
        });
        let device: Pid = receive! { device: Pid => device };
        io::write(device, "by another process").unwrap();
        process::exit(owner, ExitReason::Kill);
        end_of(device).await;
        assert_eq!(io::write(device, "x").unwrap_err().cause, IoFailure::Terminated);
        assert_eq!(fixture.content(), "by another process");
    });
}

// file_io_server: the process can be killed like any other, and the file is closed then
#[test]
fn a_killed_file_is_closed_before_anybody_learns_of_it() {
    check(async {
        let fixture = Fixture::missing("killed.txt");
        let device = file::open(&fixture.0).write().await.unwrap();
        process::exit(device, ExitReason::Kill);
        assert_eq!(io::write(device, "x").unwrap_err().cause, IoFailure::Terminated);
        assert_eq!(end_of(device).await, ExitReason::Killed);
        assert_eq!(fixture.content(), "");
    });
}

// Process.group_leader/2: what a process prints goes to its group leader, also when that is a file
#[test]
fn a_file_can_be_a_group_leader() {
    check(async {
        let fixture = Fixture::missing("leader.txt");
        let device = file::open(&fixture.0).write().await.unwrap();
        let (worker, watched) = spawn_monitor(async {
            receive! { "go" => crabtree::println!("printed") }
        });
        process::set_group_leader(worker, device);
        send(worker, "go");
        receive! { Down { monitor, .. } if monitor == watched => () }
        assert_eq!(fixture.content(), "printed\n");
        file::close(device).await.unwrap();
    });
}

// file_test "IO stream"
#[test]
fn lines_go_from_device_to_device() {
    check(async {
        let source = Fixture::new("source.txt", "FOO\nBOO\n");
        let target = Fixture::missing("target.txt");
        let device = file::open(&target.0).write().await.unwrap();
        let mut lines = file::stream(&source.0).await.unwrap();
        while let Some(line) = lines.next().await {
            io::write(device, line.unwrap().replace('O', "A")).unwrap();
        }
        assert_eq!(target.content(), "FAA\nBAA\n");
    });
}
