//! What goes wrong in a cell ends that cell only.

mod common;

use common::{Execution, Kernel, in_session};

/// A session with a variable and a process, in which cells are made to fail.
struct Session<'a> {
    kernel: &'a mut Kernel,
}

impl Session<'_> {
    async fn start(kernel: &mut Kernel) -> Session<'_> {
        kernel
            .run("let kept = String::from(\"kept\"); let pid = spawn(async { std::future::pending::<()>().await });")
            .await;
        Session { kernel }
    }

    /// Executes a cell that must fail, and sees to it that nothing else is lost.
    async fn fail(&mut self, code: &str) -> Execution {
        let failed = self.kernel.execute(code).await;
        assert_eq!(failed.reply["status"], "error", "{code}: {failed:?}");
        assert_eq!(failed.of_type("error").count(), 1, "{code}: {failed:?}");
        assert_eq!(self.kernel.value("kept").await, "\"kept\"", "after {code}");
        assert_eq!(
            self.kernel.value("process::is_alive(pid)").await,
            "true",
            "after {code}"
        );
        failed
    }
}

#[test]
fn a_cell_that_fails_keeps_variables_and_processes() {
    in_session(async |kernel| {
        let mut session = Session::start(kernel).await;

        let compile = session.fail("let x: i32 = \"text\";").await;
        let (_, evalue) = compile.error();
        assert!(evalue.contains("mismatched types"), "{evalue}");

        let panic = session.fail("let n = 1; panic!(\"BOOM {n}\");").await;
        let (ename, evalue) = panic.error();
        assert!(ename.contains("Panic") || ename.contains("panic"), "{ename}");
        assert!(evalue.contains("BOOM 1"), "{evalue}");
        assert_eq!(panic.stream("stderr"), "", "the panic is told once, as the error");

        let question = session.fail("let n: i32 = \"seven\".parse()?;").await;
        assert!(question.error().1.contains("InvalidDigit"), "{:?}", question.error());

        let exit = session.fail("exit(\"done for\");").await;
        assert!(exit.error().1.contains("done for"), "{:?}", exit.error());
    });
}

#[test]
fn a_linked_crash_ends_the_cell_and_a_new_evaluator_takes_over() {
    in_session(async |kernel| {
        let mut session = Session::start(kernel).await;
        let before = session.kernel.value("me()").await;
        let crash = session
            .fail("spawn_link(async { panic!(\"linked BOOM\") }); std::future::pending::<()>().await;")
            .await;
        assert!(crash.error().1.contains("linked BOOM"), "{:?}", crash.error());
        assert_ne!(session.kernel.value("me()").await, before);
    });
}

#[test]
fn what_ends_the_host_is_told_and_the_next_cell_works_on_a_fresh_one() {
    in_session(async |kernel| {
        for code in [
            "std::process::abort();",
            "std::process::exit(3);",
            "unsafe { std::ptr::null_mut::<i32>().write_volatile(1) };",
        ] {
            kernel
                .run("let lost = 1; let pid = spawn(async { std::future::pending::<()>().await });")
                .await;
            let died = kernel.execute(code).await;
            let (_, evalue) = died.error();
            assert!(evalue.contains("lost"), "{code}: {evalue}");
            assert_eq!(kernel.value("1 + 1").await, "2", "after {code}");
            assert_eq!(kernel.execute("lost").await.reply["status"], "error", "after {code}");
            assert_eq!(kernel.value("process::is_alive(me())").await, "true", "after {code}");
        }
    });
}

#[test]
fn a_compile_error_points_into_the_cell() {
    in_session(async |kernel| {
        let failed = kernel.execute("let a = 1;\nlet b = a + missing;").await;
        let traceback = failed.reply["traceback"].to_string();
        assert!(traceback.contains("missing"), "{traceback}");
        assert!(failed.error().1.contains("missing"), "{:?}", failed.error());
    });
}

#[test]
fn a_definition_of_another_cell_that_no_longer_fits_is_shown_in_that_cell() {
    in_session(async |kernel| {
        kernel.run("struct Boat { length: u32 }").await;
        let builder = kernel
            .run("// builds\nfn build() -> Boat {\n    Boat { length: 7 }\n}")
            .await
            .count();
        let failed = kernel.execute("struct Boat { length: u32, name: String }").await;
        let text = report(&failed);
        for wanted in [
            "missing field `name` in initializer of `Boat`".to_owned(),
            format!("--> cell [{builder}] 3:5\n"),
            "3 |     Boat { length: 7 }\n  |     ^^^^ missing `name`".to_owned(),
            format!("what cell [{builder}] defines there does not fit this cell"),
        ] {
            assert!(text.contains(&wanted), "{wanted}: {text}");
        }
        assert_eq!(kernel.value("build().length").await, "7");
    });
}

fn report(failed: &Execution) -> String {
    let lines = failed.reply["traceback"].as_array().unwrap();
    let lines: Vec<&str> = lines.iter().map(|line| line.as_str().unwrap()).collect();
    console::strip_ansi_codes(&lines.join("\n")).into_owned()
}

/// The lines of a backtrace in a report.
fn frames(report: &str) -> Vec<&str> {
    let lines = report.lines().map(str::trim);
    lines
        .filter(|line| line.starts_with("in ") || line.starts_with('…'))
        .collect()
}

#[test]
fn a_backtrace_has_the_readers_functions_with_their_cells_and_counts_the_rest() {
    in_session(async |kernel| {
        let order = kernel
            .run("struct Order { amount: u32 }\nimpl Order {\n    fn check(&self) {\n        if self.amount > 3 { panic!(\"too much\") }\n    }\n}")
            .await
            .count();
        let cook = kernel
            .run("async fn cook(amount: u32) {\n    process::sleep(ms(1)).await;\n    Order { amount }.check()\n}")
            .await
            .count();
        let expected = |cell: u64, column: u32| {
            [
                format!("in Order::check at cell [{order}] 4:30"),
                format!("in cook at cell [{cook}] 3:22"),
                format!("in the cell at cell [{cell}] 1:{column}"),
            ]
        };
        let failed = kernel.execute("cook(7).await;").await;
        let text = report(&failed);
        let lines = frames(&text);
        assert_eq!(lines[..3], expected(failed.count(), 9), "{text}");
        assert!(
            lines[3].starts_with("… ") && lines[3].ends_with(" frames of the runtime"),
            "{text}"
        );
        assert_eq!(lines.len(), 4, "{text}");

        // Libraries of cells that are loaded later are known as well, and so is code in a process.
        let crash = kernel
            .run("let (pid, monitor) = spawn_monitor(async { cook(8).await });\nreceive! { Down { .. } => () }")
            .await;
        let told = crash.stream("stderr");
        assert!(
            told.contains(&format!("(panic) too much at cell [{order}] 4:30")),
            "{told}"
        );
        assert_eq!(frames(&told)[..3], expected(crash.count(), 52), "{told}");
        assert!(!told.contains("src/lib.rs"), "{told}");

        // Code of an earlier cell is placed in that cell, whichever cell runs it.
        let boxed = kernel
            .run("// a line\nlet check: Box<dyn Fn()> = Box::new(|| Order { amount: 9 }.check());")
            .await
            .count();
        let failed = kernel.execute("fn pushes() {}\nfn lines() {}\ncheck();").await;
        let text = report(&failed);
        assert_eq!(
            frames(&text)[..2],
            [
                format!("in Order::check at cell [{order}] 4:30"),
                format!("in the cell at cell [{boxed}] 2:60")
            ],
            "{text}"
        );
        // A server's own report says it too, and reasons that are only printed have the place.
        let crash = kernel
            .run(
                "let server = agent::start(|| 1).await?; let watch = process::monitor(&server);\n\
                 let _ = agent::update(&server, |_| Order { amount: 4 }.check()).await;\n\
                 receive! { Down { reason, .. } => println!(\"{reason}\") }",
            )
            .await;
        assert!(crash.stream("stderr").contains("in Order::check at cell"), "{crash:?}");
        assert_eq!(crash.stdout(), format!("(panic) too much at cell [{order}] 4:30\n"));
    });
}

#[test]
fn a_panic_that_is_right_in_the_cell_has_a_place_and_no_backtrace() {
    in_session(async |kernel| {
        let failed = kernel.execute("let n = 1;\npanic!(\"no\");").await;
        let text = report(&failed);
        assert!(text.contains(&format!("--> cell [{}] 2:1", failed.count())), "{text}");
        assert_eq!(frames(&text), Vec::<&str>::new(), "{text}");
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_backtrace_leaves_nothing_out_and_none_is_taken_where_none_is_wanted() {
    let mut kernel = Kernel::start_with(&[("RUST_BACKTRACE", "full")], &[]).await;
    kernel.run("1").await;
    kernel.run("fn outer() { panic!(\"no\") }").await;
    let text = report(&kernel.execute("outer();").await);
    for wanted in [
        "panicking::panic_fmt",
        "outer at cell [2] 1:14",
        "the cell at cell [3] 1:1",
        "crabtree::",
    ] {
        assert!(text.contains(wanted), "{wanted}: {text}");
    }
    let mut kernel = Kernel::start_with(&[("RUST_BACKTRACE", "0")], &[]).await;
    kernel.run("fn outer() { panic!(\"no\") }").await;
    let text = report(&kernel.execute("outer();").await);
    assert!(text.contains("--> cell [1] 1:14"), "{text}");
    assert_eq!(frames(&text), Vec::<&str>::new(), "{text}");
}
