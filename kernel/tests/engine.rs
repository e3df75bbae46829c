//! What the engine promises of cells, tried on a real session: evcxr, a host and processes.
//!
//! The tests share one prepared cache, that of the user unless `CRABTREE_CACHE_DIR` says otherwise.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use crabtree_kernel::engine::{CellError, CellId, Engine, EngineOptions, Event, Outcome, StreamName, Toolchain, root};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// A session under test.
struct Notebook {
    engine: Engine,
    events: UnboundedReceiver<Event>,
    cells: u64,
}

/// What a cell did.
#[derive(Debug)]
struct Ran {
    outcome: Outcome,
    events: Vec<Event>,
}

impl Notebook {
    fn open() -> Notebook {
        let (sender, events) = unbounded_channel();
        let program = Some(PathBuf::from(env!("CARGO_BIN_EXE_crabtree")));
        Notebook {
            engine: Engine::start(EngineOptions { program }, sender),
            events,
            cells: 0,
        }
    }

    /// Runs a cell and collects what has been shown since the last one.
    async fn run(&mut self, code: &str) -> Ran {
        self.cells += 1;
        let count = u32::try_from(self.cells).unwrap();
        let cell = CellId(self.cells);
        let outcome = self.engine.execute(cell, None, count, code.to_owned()).await;
        let mut events = Vec::new();
        while let Ok(event) = self.events.try_recv() {
            events.push(event);
        }
        Ran { outcome, events }
    }

    /// Runs a cell that must succeed.
    #[track_caller]
    fn ok(&mut self, code: &str) -> impl Future<Output = Ran> {
        let caller = std::panic::Location::caller();
        async move {
            let ran = self.run(code).await;
            assert_eq!(ran.outcome, Outcome::Ok, "{code}\n{:#?}\nat {caller}", ran.events);
            ran
        }
    }

    /// Runs a cell that must fail.
    async fn err(&mut self, code: &str) -> (CellError, Ran) {
        let ran = self.run(code).await;
        match ran.outcome.clone() {
            Outcome::Error(error) => (error, ran),
            other => panic!("{code}\nshould fail, but: {other:?}\n{:#?}", ran.events),
        }
    }

    /// Waits until a process has shown `text`.
    async fn shown(&mut self, text: &str) {
        shown(&mut self.events, text).await;
    }

    async fn close(self) {
        self.engine.shutdown().await;
    }
}

impl Ran {
    fn text(&self, stream: StreamName) -> String {
        let texts = self.events.iter().filter_map(|event| match event {
            Event::Stream { name, text, .. } if *name == stream => Some(text.as_str()),
            _ => None,
        });
        texts.collect()
    }

    fn stdout(&self) -> String {
        self.text(StreamName::Stdout)
    }

    fn stderr(&self) -> String {
        self.text(StreamName::Stderr)
    }

    fn result(&self) -> Option<String> {
        self.events.iter().find_map(|event| match event {
            Event::Result { data, .. } => Some(data["text/plain"].as_str()?.to_owned()),
            _ => None,
        })
    }
}

async fn shown(events: &mut UnboundedReceiver<Event>, wanted: &str) {
    while let Some(event) = events.recv().await {
        if matches!(&event, Event::Stream { text, .. } if text.contains(wanted)) {
            return;
        }
    }
    panic!("the session ended before it showed {wanted:?}");
}

fn plain(error: &CellError) -> String {
    console::strip_ansi_codes(&error.traceback.join("\n")).into_owned()
}

#[tokio::test]
async fn values_are_shown_and_kept() {
    let mut notebook = Notebook::open();
    let ran = notebook.ok("1 + 1").await;
    assert_eq!(ran.result().as_deref(), Some("2"));
    notebook.ok("let words = vec![\"a\".to_owned()];").await;
    let ran = notebook
        .ok("println!(\"{}\", words.len()); print!(\"no newline\"); eprintln!(\"err\"); words")
        .await;
    assert_eq!(ran.stdout(), "1\nno newline");
    assert_eq!(ran.stderr(), "err\n");
    assert_eq!(ran.result().as_deref(), Some("[\"a\"]"));
    let ran = notebook.ok("()").await;
    assert_eq!(ran.result(), None);
    let ran = notebook.ok("struct Opaque; Opaque").await;
    assert!(ran.result().unwrap().starts_with("Opaque: "));
    notebook.close().await;
}

#[tokio::test]
async fn all_cells_are_one_process_among_others() {
    let mut notebook = Notebook::open();
    let first = notebook.ok("me()").await.result();
    notebook.ok("let echo = spawn(async { loop { receive! { (from, n): (Pid, i32) => { println!(\"got {n}\"); send(from, n + 1); } } } });").await;
    let second = notebook.ok("process::sleep(ms(1)).await; me()").await.result();
    assert_eq!(first, second);
    let ran = notebook
        .ok("send(echo, (me(), 41)); let n: i32 = receive! { n: i32 => n }; n")
        .await;
    assert_eq!(ran.result().as_deref(), Some("42"));
    let cell = |event: &Event| match event {
        Event::Stream { cell, text, .. } if text == "got 41\n" => Some(*cell),
        _ => None,
    };
    assert_eq!(
        ran.events.iter().find_map(cell),
        Some(CellId(2)),
        "its output belongs to the cell that spawned it"
    );
    notebook.close().await;
}

#[tokio::test]
async fn errors_end_the_cell_and_nothing_else() {
    let mut notebook = Notebook::open();
    let pid = notebook.ok("let kept = 7; me()").await.result();

    let (error, _) = notebook.err("let x: i32 = \"a\";").await;
    assert_eq!(error.ename, "CompileError");
    assert_eq!(error.evalue, "mismatched types [E0308]");
    assert!(plain(&error).contains("--> cell [2] 1:14\n"), "{}", plain(&error));

    let (error, _) = notebook.err("\n1 + \"a\"").await;
    assert!(plain(&error).contains("--> cell [3] 2:3\n"), "{}", plain(&error));

    let (error, ran) = notebook.err("fn boom() {\n    panic!(\"BOOM\")\n}\nboom();").await;
    assert_eq!((error.ename.as_str(), error.evalue.as_str()), ("panic", "BOOM"));
    assert!(plain(&error).contains("--> cell [4] 2:5\n"), "{}", plain(&error));
    assert_eq!(ran.stderr(), "");

    let (error, _) = notebook.err("\"x\".parse::<i32>()?;").await;
    assert_eq!(
        (error.ename.as_str(), error.evalue.as_str()),
        ("ParseIntError", "ParseIntError { kind: InvalidDigit }")
    );

    let ran = notebook.ok("let error = 5; eprintln!(\"{:?}\", error);").await;
    assert_eq!(ran.stderr(), "5\n");

    let (error, _) = notebook.err("exit(\"enough\");").await;
    assert_eq!((error.ename.as_str(), error.evalue.as_str()), ("exit", "enough"));

    let ran = notebook.ok("(kept, me())").await;
    assert_eq!(ran.result(), pid.map(|pid| format!("(7, {pid})")));
    notebook.close().await;
}

#[tokio::test]
async fn an_exit_signal_replaces_the_evaluator_and_keeps_the_variables() {
    let mut notebook = Notebook::open();
    let old = notebook
        .ok("let kept = String::from(\"kept\"); me()")
        .await
        .result()
        .unwrap();
    let (error, _) = notebook
        .err("spawn_link(async { exit(\"crash\") }); process::sleep(secs(10)).await;")
        .await;
    assert_eq!(error.ename, "ExitSignal");
    assert!(
        error.evalue.contains("crash") && error.evalue.contains(&old),
        "{}",
        error.evalue
    );
    let ran = notebook.ok("println!(\"{kept}\"); me()").await;
    assert_eq!(ran.stdout(), "kept\n");
    let new = ran.result().unwrap();
    assert_ne!(new, old);

    notebook
        .ok("let evaluator = me();
            spawn(async move { process::monitor(evaluator); receive! { Down { .. } => println!(\"gone\") } });
            let dying = spawn_link(async { receive! { \"die\" => exit(\"later\") } });
            process::send_after(dying, \"die\", ms(100));")
        .await;
    notebook.shown("gone").await;
    let ran = notebook.ok("me()").await;
    assert!(
        ran.stderr().contains("later") && ran.stderr().contains(&new),
        "{}",
        ran.stderr()
    );
    assert_ne!(ran.result().unwrap(), new);
    notebook.close().await;
}

/// The best of three tries counts: the machine may do other things.
#[tokio::test]
async fn an_interrupt_stops_the_compiler_within_a_second() {
    let mut notebook = Notebook::open();
    notebook.ok("let kept = 1;").await;
    // rustc reads a pipe that nobody writes to.
    let directory = tempfile::tempdir().unwrap();
    let pipe = directory.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    let code = format!("const TEXT: &str = include_str!({pipe:?}); TEXT.len()");
    let mut took = Vec::new();
    for cell in 101..104 {
        let compiling = notebook.engine.execute(CellId(cell), None, 3, code.clone());
        let ending = async { (compiling.await, Instant::now()) };
        let interrupting = async {
            let pipe = pipe.clone();
            // It opens as soon as rustc reads.
            let open = tokio::task::spawn_blocking(move || std::fs::OpenOptions::new().write(true).open(pipe));
            let _end = open.await.unwrap().unwrap();
            notebook.engine.interrupt();
            Instant::now()
        };
        let ((outcome, ended), interrupted) = tokio::join!(ending, interrupting);
        assert!(
            matches!(&outcome, Outcome::Error(error) if error.ename == "KeyboardInterrupt"),
            "{outcome:?}"
        );
        took.push(ended - interrupted);
        if took.last() < Some(&Duration::from_secs(1)) {
            break;
        }
    }
    assert!(took.last() < Some(&Duration::from_secs(1)), "it took {took:?}");
    assert_eq!(notebook.ok("kept").await.result().as_deref(), Some("1"));
    notebook.close().await;
}

#[tokio::test]
async fn a_host_that_dies_is_replaced() {
    let mut notebook = Notebook::open();
    notebook.ok("struct Kept; let lost = 1;").await;
    let (error, _) = notebook.err("std::process::abort();").await;
    assert_eq!(error.ename, "HostDied");
    assert!(
        error.evalue.contains("SIGABRT") && error.evalue.contains("lost"),
        "{}",
        error.evalue
    );
    let ran = notebook.ok("let _kept = Kept; println!(\"{}\", me()); 5").await;
    assert_eq!(ran.result().as_deref(), Some("5"));
    assert!(ran.stdout().starts_with('<'));
    let (error, _) = notebook
        .err("unsafe { std::ptr::null_mut::<u8>().write_volatile(1) };")
        .await;
    assert!(error.evalue.contains("SIGSEGV"), "{}", error.evalue);
    let (error, _) = notebook.err("std::process::exit(3);").await;
    assert!(error.evalue.contains("exited with status 3"), "{}", error.evalue);
    notebook
        .ok("spawn(async { process::sleep(ms(100)).await; std::process::exit(0) });")
        .await;
    while notebook.events.recv().await.expect("the session goes on") != Event::HostGone {}
    let ran = notebook.ok("1").await;
    assert!(ran.stderr().contains("host died"), "{}", ran.stderr());
    notebook.close().await;
}

#[tokio::test]
async fn a_restart_on_request_is_no_death() {
    let mut notebook = Notebook::open();
    notebook.ok("struct Kept; let gone = 1;").await;
    let ran = notebook
        .ok(":restart\nlet _kept = Kept; println!(\"{}\", 1 + 1);")
        .await;
    assert_eq!((ran.stdout().as_str(), ran.stderr().as_str()), ("2\n", ""));
    let (error, _) = notebook.err("gone").await;
    assert!(error.evalue.contains("cannot find value `gone`"), "{}", error.evalue);
    let ran = notebook.ok(":clear\nprintln!(\"{}\", me());").await;
    assert_eq!(ran.stderr(), "");
    let (error, _) = notebook.err("Kept").await;
    assert!(error.evalue.contains("cannot find"), "{}", error.evalue);
    notebook.close().await;
}

#[tokio::test]
async fn a_session_compiles_no_dependency() {
    use std::os::unix::fs::MetadataExt as _;
    let mut notebook = Notebook::open();
    let helper = tempfile::tempdir().unwrap();
    std::fs::create_dir(helper.path().join("src")).unwrap();
    std::fs::write(helper.path().join("src/lib.rs"), "pub fn seven() -> i32 { 7 }").unwrap();
    let manifest = "[package]\nname = \"helper\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[dependencies]\nlibc = \"0.2\"\n[workspace]\n";
    std::fs::write(helper.path().join("Cargo.toml"), manifest).unwrap();
    let first = notebook.ok("me()").await.result();
    let code = format!(
        ":dep helper = {{ path = {:?} }}\nlet seven = helper::seven(); (seven, me())",
        helper.path()
    );
    let second = notebook.ok(&code).await.result();
    assert_eq!(
        second,
        first.map(|pid| format!("(7, {pid})")),
        "an added dependency leaves the host as it is"
    );
    // evcxr has cargo check a cell that keeps a variable of a type that is not known.
    let (error, _) = notebook.err("let broken = nowhere();").await;
    assert!(
        error.evalue.contains("cannot find function `nowhere`"),
        "{}",
        error.evalue
    );
    let target = Toolchain::find().unwrap().target;
    let sessions = root().unwrap().join("sessions");
    let mut libraries = 0;
    for session in std::fs::read_dir(sessions).unwrap().flatten() {
        let deps = session.path().join("ctx/target").join(&target).join("debug/deps");
        for file in std::fs::read_dir(deps).into_iter().flatten().flatten() {
            let name = file.file_name().into_string().unwrap();
            // Other tests' sessions are here too, which may have added packages.
            let is_every_sessions = ["libcrabtree", "liblibc-", "libtokio"]
                .iter()
                .any(|start| name.starts_with(start));
            if is_every_sessions && let Ok(file) = file.metadata() {
                assert!(file.nlink() > 1, "a session has compiled {name}");
                libraries += 1;
            }
        }
    }
    assert!(libraries > 0, "this session has some");

    notebook.close().await;
}

#[tokio::test]
async fn a_cell_that_cannot_be_interrupted_is_explained_and_waits_for_no_shutdown() {
    let mut notebook = Notebook::open();
    notebook.ok("1").await;
    let Notebook { engine, events, .. } = &mut notebook;
    let forever = engine.execute(CellId(9), None, 9, "println!(\"here\"); unsafe { loop {} }".to_owned());
    let closing = async {
        shown(events, "here").await;
        engine.interrupt();
        shown(events, "cannot be interrupted").await;
        engine.shutdown().await;
    };
    let (outcome, ()) = tokio::time::timeout(Duration::from_secs(60), async { tokio::join!(forever, closing) })
        .await
        .expect("a shutdown waits for no cell");
    assert_eq!(outcome, Outcome::Aborted);
}

#[tokio::test]
async fn what_is_printed_past_the_runtime_is_captured() {
    let mut notebook = Notebook::open();
    let ran = notebook
        .ok("std::println!(\"std\"); std::print!(\"no newline\"); std::eprintln!(\"std err\");\nunsafe extern \"C\" { fn puts(text: *const std::ffi::c_char) -> i32; }\nunsafe { puts(c\"from C\".as_ptr()) };")
        .await;
    // std keeps what has no newline, so the order is that of its writes.
    assert_eq!(ran.stdout(), "std\nfrom C\nno newline");
    assert_eq!(ran.stderr(), "std err\n");
    notebook.close().await;
}
