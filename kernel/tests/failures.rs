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
