//! How long a reader waits for a cell: `cargo bench -p crabtree-kernel --bench latency`, with `-- --quick` for fewer
//! rounds and `-- --only NAME` for one of `steady`, `server`, `start`, `growth`, `again`, `assist` and `memory`.
//! `CRABTREE_BINARY` names another kernel than the one of this build.
//!
//! Real kernels are driven over ZeroMQ, in turn in one run, so that what else the machine does slows all of them: this
//! one, and `evcxr_jupyter` if `EVCXR_JUPYTER` names its binary (`cargo install evcxr_jupyter --version =0.22.0 --locked`).
//! Beside each cell the bare `rustc` compiles the source that was generated for it, called as the kernel calls it: no kernel
//! that starts rustc for a cell is faster. Only ratios mean something on a machine that does other things.
//!
//! What is printed is a Markdown table, with the median and the 95th percentile in milliseconds and the bars.

#[path = "../tests/common/wire.rs"]
#[allow(dead_code, unreachable_pub)]
mod wire;

use std::collections::BTreeMap;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tokio::process::Child;
use wire::Message;
use zeromq::util::PeerIdentity;
use zeromq::{DealerSocket, Socket, SocketOptions, SocketRecv, SocketSend, SubSocket, ZmqMessage};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(300);

/// How long a kernel gets to be ready for steady work after its first cell.
const SETTLING: Duration = Duration::from_secs(8);

/// The chapters whose cells are measured, as far as they are there.
const CHAPTERS: [&str; 4] = ["ch_2.2_", "ch_3.1_", "ch_5.2_", "ch_6"];

/// Cells that any Rust notebook has, for both kernels. `N` is another number in each round.
const PLAIN: [&str; 12] = [
    "let xs: Vec<u64> = (0..N).collect();",
    "xs.iter().sum::<u64>()",
    "fn square(x: u64) -> u64 { x * x + N - N }",
    "square(N)",
    "#[derive(Debug, Clone)]\nstruct Point { x: u64, y: u64 }",
    "let p = Point { x: N, y: 2 };",
    "p.x + p.y",
    "println!(\"{} {}\", p.x, N);",
    "use std::collections::HashMap;\nlet mut counts: HashMap<String, u64> = HashMap::new();",
    "counts.insert(\"a\".to_string(), N);",
    "counts",
    "xs.iter().map(|x| square(*x)).filter(|x| x % 2 == 0).count()",
];

/// A server with three messages, its start, and a call. `NUMBER` is another one in each round.
const SERVER: &str = r#"
#[derive(Debug)]
struct CounterNUMBER(u64);
#[derive(Debug)]
struct Add(u64);
#[derive(Debug)]
struct Get;
#[derive(Debug)]
struct Reset;

impl GenServer for CounterNUMBER {
    type Args = u64;
    async fn init(count: u64) -> Init<Self> { Init::ok(CounterNUMBER(count)) }
}
impl HandleCast<Add> for CounterNUMBER {
    async fn handle_cast(&mut self, Add(count): Add) -> Next { self.0 += count; Next::noreply() }
}
impl HandleCast<Reset> for CounterNUMBER {
    async fn handle_cast(&mut self, _: Reset) -> Next { self.0 = 0; Next::noreply() }
}
impl HandleCall<Get> for CounterNUMBER {
    type Reply = u64;
    async fn handle_call(&mut self, _: Get, _: Caller<u64>) -> Reply<u64> { Reply::reply(self.0) }
}

let counter = gen_server::start::<CounterNUMBER>(NUMBER).await?;
gen_server::cast(counter, Add(1));
gen_server::cast(counter, Reset);
gen_server::call(counter, Get).await?
"#;

fn main() {
    let options = Options::parse();
    let runtime = tokio::runtime::Runtime::new().expect("tokio starts");
    runtime.block_on(options.measure());
}

/// What is measured, and how.
struct Options {
    quick: bool,
    only: Option<String>,
    crabtree: PathBuf,
    evcxr: Option<PathBuf>,
}

impl Options {
    fn parse() -> Options {
        let arguments: Vec<String> = std::env::args().collect();
        let only = arguments.iter().position(|argument| argument == "--only");
        let program = |name: &str| std::env::var_os(name).map(PathBuf::from);
        Options {
            quick: arguments.iter().any(|argument| argument == "--quick"),
            only: only.and_then(|at| arguments.get(at + 1)).cloned(),
            crabtree: program("CRABTREE_BINARY").unwrap_or_else(|| env!("CARGO_BIN_EXE_crabtree").into()),
            evcxr: program("EVCXR_JUPYTER"),
        }
    }

    fn wants(&self, part: &str) -> bool {
        self.only.as_deref().is_none_or(|only| only == part)
    }

    fn rounds(&self, rounds: usize) -> usize {
        if self.quick { 1 } else { rounds }
    }

    async fn measure(&self) {
        let prefix = tempfile::tempdir().expect("a directory");
        let mut install = Command::new(&self.crabtree);
        install.arg("install").arg("--prefix").arg(prefix.path());
        let installed = install.env("CRABTREE_CACHE_DIR", cache()).status();
        assert!(
            installed.expect("it runs").success(),
            "the runtime for cells does not build"
        );
        if self.evcxr.is_none() {
            println!("EVCXR_JUPYTER is not set: nothing is compared with evcxr_jupyter\n");
        }
        println!("| what | median ms | 95 % ms | bar | |\n|---|---:|---:|---|---|");
        if self.wants("steady") {
            self.steady().await;
        }
        if self.wants("server") {
            self.server().await;
        }
        if self.wants("start") {
            self.starts().await;
        }
        if self.wants("growth") {
            self.growth().await;
        }
        if self.wants("again") {
            self.again().await;
        }
        if self.wants("assist") {
            self.assist().await;
        }
        if self.wants("memory") {
            self.memory().await;
        }
    }

    /// A kernel that compiles each cell.
    async fn crabtree(&self) -> Kernel {
        Kernel::launch(&self.crabtree, Kind::Crabtree).await
    }

    async fn evcxr(&self) -> Option<Kernel> {
        match &self.evcxr {
            Some(program) => Some(Kernel::launch(program, Kind::Evcxr).await),
            None => None,
        }
    }

    /// Cells of a session that has been there for a while.
    async fn steady(&self) {
        let (mut own, mut bare, mut both, mut theirs) = (Times::new(), Times::new(), Times::new(), Times::new());
        let mut phases: BTreeMap<&'static str, Times> = BTreeMap::new();
        for _ in 0..self.rounds(3) {
            let mut kernel = self.crabtree().await;
            let mut evcxr = self.evcxr().await;
            kernel.run("let warm = 1;").await;
            if let Some(evcxr) = &mut evcxr {
                evcxr.run("let warm = 1;").await;
            }
            tokio::time::sleep(SETTLING).await;
            let rustc = Rustc::of(&kernel);
            kernel.phases();
            for cell in plain() {
                let time = kernel.run(&cell).await;
                for (name, time) in kernel.phases() {
                    phases.entry(name).or_default().push(time);
                }
                let (limit, link) = rustc.compile(&kernel);
                phases.entry("rustc's link").or_default().push(link);
                own.push(time);
                bare.push(limit);
                if let Some(evcxr) = &mut evcxr {
                    both.push(time);
                    theirs.push(evcxr.run(&cell).await);
                }
            }
            kernel.end().await;
            if let Some(evcxr) = evcxr {
                evcxr.end().await;
            }
            for chapter in chapters() {
                let mut kernel = self.crabtree().await;
                kernel.run("let warm = 1;").await;
                tokio::time::sleep(SETTLING).await;
                kernel.phases();
                for cell in chapter {
                    let time = kernel.run(&cell).await;
                    own.push(time);
                    for (name, time) in kernel.phases() {
                        phases.entry(name).or_default().push(time);
                    }
                    bare.push(rustc_of(&mut kernel));
                }
                kernel.end().await;
            }
        }
        let ratios: Times = (own.0.iter().zip(&bare.0)).map(|(own, bare)| own / bare).collect();
        row("cell, from request to idle", &own, "", None);
        row("bare rustc on the same source", &bare, "", None);
        for (name, times) in &phases {
            row(&format!("– {name}"), times, "", None);
        }
        let ratio = own.median() / bare.median();
        println!("| median cell ÷ median of bare rustc | {ratio:.2} | | | |");
        let (ratio, high) = (ratios.median(), ratios.quantile(0.95));
        let verdict = verdict(ratio <= 1.5);
        println!("| **cell ÷ bare rustc on its source** | {ratio:.2} | {high:.2} | ≤ 1.5 | {verdict} |");
        let rest: f64 = ["rewriting", "outputs"]
            .iter()
            .filter_map(|name| Some(phases.get(name)?.median()))
            .sum();
        told("rewriting and outputs", rest, "≤ 3", rest <= 3.0);
        if !theirs.is_empty() {
            let ratio = both.median() / theirs.median();
            row("plain cell", &both, "", None);
            row("plain cell, evcxr_jupyter", &theirs, "", None);
            told("plain cell ÷ evcxr_jupyter's", ratio, "≤ 0.4", ratio <= 0.4);
        }
    }

    /// What the library's generic functions cost a cell that uses them, in the compiler's time.
    async fn server(&self) {
        let (mut prints, mut serves) = (Times::new(), Times::new());
        let (mut bare_prints, mut bare_serves) = (Times::new(), Times::new());
        for _ in 0..self.rounds(5) {
            let mut kernel = self.crabtree().await;
            kernel.run("println!(\"warm\");").await;
            tokio::time::sleep(SETTLING).await;
            let number = number().to_string();
            kernel.phases();
            for _ in 0..3 {
                kernel
                    .run(&format!("println!(\"{{}} {{}}\", {number}, {});", prints.0.len()))
                    .await;
                prints.push(kernel.compiling());
                bare_prints.push(rustc_of(&mut kernel));
            }
            kernel.run(&SERVER.replace("NUMBER", &number)).await;
            serves.push(kernel.compiling());
            bare_serves.push(rustc_of(&mut kernel));
            kernel.end().await;
        }
        let ratio = serves.median() / prints.median();
        row("compiling a cell that prints", &prints, "", None);
        row(
            "compiling a server of three messages, its start, a call",
            &serves,
            "",
            None,
        );
        told("server ÷ print", ratio, "≤ 2", ratio <= 2.0);
        row("bare rustc on a cell that prints", &bare_prints, "", None);
        row("bare rustc on that server", &bare_serves, "", None);
        let ratio = bare_serves.median() / bare_prints.median();
        told("server ÷ print, bare rustc", ratio, "≤ 2", ratio <= 2.0);
    }

    /// From the launch to what a reader sees first, of a cell that no session has had; and the same after a restart.
    async fn starts(&self) {
        let names = ["", ", evcxr_jupyter"];
        let mut info = [Times::new(), Times::new()];
        let mut first = [Times::new(), Times::new()];
        let mut restart = [Times::new(), Times::new()];
        for _ in 0..self.rounds(7) {
            let programs = [Some(&self.crabtree), self.evcxr.as_ref()];
            for (index, program) in programs.into_iter().enumerate() {
                let Some(program) = program else { continue };
                let kind = [Kind::Keeping, Kind::Evcxr][index];
                let code = format!("let xs = vec![1, 2, {}];", number());
                let launched = Instant::now();
                let mut kernel = Kernel::connect(program, kind).await;
                let asked = kernel.send("kernel_info_request", json!({})).await;
                let cell = kernel.send_code(&code).await;
                kernel.replied(&asked).await;
                info[index].push(launched.elapsed());
                kernel.idle(&cell).await;
                first[index].push(launched.elapsed());

                let ended = Instant::now();
                kernel.end().await;
                let mut kernel = Kernel::connect(program, kind).await;
                kernel.ask("kernel_info_request", json!({})).await;
                kernel.run(&code).await;
                restart[index].push(ended.elapsed());
                kernel.end().await;
            }
        }
        for (index, name) in names.into_iter().enumerate() {
            if info[index].is_empty() {
                continue;
            }
            let bar = |bar: f64| (index == 0).then_some(bar);
            row(
                &format!("launch to kernel_info_reply{name}"),
                &info[index],
                "",
                bar(150.0),
            );
            row(&format!("launch to first `let`{name}"), &first[index], "", bar(2500.0));
            row(
                &format!("restart to the same `let` again{name}"),
                &restart[index],
                "",
                bar(2500.0),
            );
        }
    }

    /// What a notebook costs that becomes long.
    async fn growth(&self) {
        let cells = if self.quick { 60 } else { 200 };
        let mut kernel = self.crabtree().await;
        let mut times = Vec::new();
        for number in 0..cells {
            let code = match number % 4 {
                0 => format!("fn f{number}(x: u64) -> u64 {{ x + {number} }}"),
                1 => format!("let v{number} = vec![f{}(1)];", number - 1),
                2 => format!("v{}.len()", number - 1),
                _ => format!("struct S{number} {{ x: u64 }}\nimpl S{number} {{ fn x(&self) -> u64 {{ self.x }} }}"),
            };
            times.push(kernel.run(&code).await);
        }
        kernel.end().await;
        let early: Times = times[4..16].iter().copied().collect();
        let late: Times = times[cells - 12..].iter().copied().collect();
        row("5th to 16th cell of a growing notebook", &early, "", None);
        row(
            &format!("{}th to {cells}th cell of a growing notebook", cells - 11),
            &late,
            "",
            None,
        );
        let ratio = late.median() / early.median();
        told("late ÷ early", ratio, "≤ 1.5", ratio <= 1.5);
    }

    /// The same cells in two sessions, one after the other.
    async fn again(&self) {
        let cells = plain();
        let mut times = [Times::new(), Times::new()];
        for times in &mut times {
            let mut kernel = Kernel::launch(&self.crabtree, Kind::Keeping).await;
            kernel.run("let warm = 1;").await;
            tokio::time::sleep(SETTLING).await;
            for cell in &cells {
                times.push(kernel.run(cell).await);
            }
            kernel.end().await;
        }
        let ratio = times[1].median() / times[0].median();
        row("cell in its first session", &times[0], "", None);
        row("the same in a second session", &times[1], "", None);
        told("second ÷ first", ratio, "≤ 0.25", ratio <= 0.25);
    }

    /// Completion and inspection where all is warm.
    async fn assist(&self) {
        let mut kernel = self.crabtree().await;
        kernel.run("let xs = vec![String::new()];").await;
        let mut times = [Times::new(), Times::new()];
        for round in 0..25 {
            let requests = [("complete_request", "xs.it", 5), ("inspect_request", "GenServer", 4)];
            for ((request, code, at), times) in requests.into_iter().zip(&mut times) {
                let content = json!({"code": code, "cursor_pos": at, "detail_level": 0});
                let began = Instant::now();
                kernel.ask(request, content).await;
                if round >= 5 {
                    times.push(began.elapsed());
                }
            }
        }
        kernel.end().await;
        row("completion, warm", &times[0], "", Some(50.0));
        row("inspection, warm", &times[1], "", Some(50.0));
    }

    /// What kernel and host hold after the last chapter, and after cells that evcxr can run too. It has no words for that
    /// chapter, so it gets the packages that the chapter adds, a variable whose type comes from them, and plain cells.
    async fn memory(&self) {
        let chapter = chapters().pop().expect("a chapter");
        let like_chapter: Vec<String> = (chapter.iter().filter(|cell| cell.starts_with(":dep")).cloned())
            .chain(["let client = reqwest::Client::new();".to_owned()])
            .chain(plain())
            .collect();
        let pairs = [
            (
                "chapter 6",
                chapter,
                "its `:dep`, a `let` with it and plain cells",
                like_chapter,
            ),
            ("plain cells", plain(), "plain cells", plain()),
        ];
        for (what, cells, what_theirs, their_cells) in pairs {
            let (own, asked) = Self::held(self.crabtree().await, &cells).await;
            let theirs = match self.evcxr().await {
                Some(evcxr) => Some(Self::held(evcxr, &their_cells).await),
                None => None,
            };
            for (own, theirs, asked) in [
                (own, theirs.map(|(theirs, _)| theirs), ""),
                (asked, theirs.map(|(_, theirs)| theirs), " and a completion"),
            ] {
                let bar = theirs.map(|theirs| format!("≤ {theirs:.0}")).unwrap_or_default();
                told(
                    &format!("memory of kernel and host after {what}{asked}, MiB"),
                    own,
                    &bar,
                    theirs.is_none_or(|theirs| own <= theirs),
                );
                if let Some(theirs) = theirs {
                    println!(
                        "| memory of evcxr_jupyter and its child after {what_theirs}{asked}, MiB | {theirs:.0} | | | |"
                    );
                }
            }
        }
    }

    /// What a kernel and its children hold after these cells, and after a completion that follows.
    async fn held(mut kernel: Kernel, cells: &[String]) -> (f64, f64) {
        kernel.run("let warm = 1;").await;
        tokio::time::sleep(SETTLING).await;
        for cell in cells {
            kernel.run(cell).await;
        }
        tokio::time::sleep(SETTLING).await;
        let before = kernel.memory();
        let content = json!({"code": "String::fr", "cursor_pos": 10});
        kernel.ask("complete_request", content).await;
        tokio::time::sleep(SETTLING).await;
        let after = kernel.memory();
        kernel.end().await;
        (before, after)
    }
}

/// Where the runtime for cells is kept between runs: apart from the user's.
fn cache() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache")
}

/// The plain cells, as no session has had them before.
fn plain() -> Vec<String> {
    let number = number().to_string();
    PLAIN.iter().map(|cell| cell.replace('N', &number)).collect()
}

/// A number that no cell has had for long.
fn number() -> u128 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    now.as_millis() % 100_000 + 10
}

/// The cells of the chapters, but for those that are to fail.
fn chapters() -> Vec<Vec<String>> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../notebooks");
    let mut files: Vec<PathBuf> = std::fs::read_dir(directory)
        .expect("the notebooks are there")
        .map(|entry| entry.expect("it can be listed").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "ipynb"))
        .filter(|path| {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            CHAPTERS.iter().any(|chapter| name.starts_with(chapter))
        })
        .collect();
    files.sort();
    let cells = |path: PathBuf| {
        let text = std::fs::read_to_string(path).expect("it can be read");
        let notebook: Value = serde_json::from_str(&text).expect("a notebook");
        let cells = notebook["cells"].as_array().expect("cells").clone();
        let code = cells.into_iter().filter(|cell| {
            cell["cell_type"] == "code" && !cell["metadata"]["tags"].to_string().contains("raises-exception")
        });
        code.map(|cell| match &cell["source"] {
            Value::Array(lines) => lines.iter().filter_map(Value::as_str).collect(),
            source => source.as_str().unwrap_or_default().to_owned(),
        })
        .collect()
    };
    files.into_iter().map(cells).collect()
}

/// The compiler with the arguments that cargo gives it for a session's cells.
struct Rustc {
    arguments: Vec<String>,
    work: tempfile::TempDir,
}

impl Rustc {
    /// Asks cargo, which compiles the last cell again for that.
    fn of(kernel: &Kernel) -> Rustc {
        let crate_dir = kernel.crate_dir();
        let source = crate_dir.join("src/lib.rs");
        let text = std::fs::read_to_string(&source).expect("a source");
        std::fs::write(&source, format!("{text}\n// again\n")).expect("it can be written");
        let output = Command::new("cargo")
            .args(["build", "--offline", "--target", &target(), "-v"])
            .current_dir(&crate_dir)
            .env("CARGO_TARGET_DIR", "target")
            .env("CARGO_BUILD_BUILD_DIR", "target")
            .env("RUSTFLAGS", "-Cprefer-dynamic")
            .output()
            .expect("cargo runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let line = said
            .lines()
            .find(|line| line.contains("Running `") && line.contains("--crate-name ctx"))
            .unwrap_or_else(|| panic!("cargo does not say what it runs:\n{said}"));
        let line = line.trim().trim_start_matches("Running `").trim_end_matches('`');
        Rustc {
            arguments: words(line),
            work: tempfile::tempdir().expect("a directory"),
        }
    }

    /// Compiles the source of the cell that ran last; the whole time and that of the linker.
    fn compile(&self, kernel: &Kernel) -> (Duration, Duration) {
        let mut arguments: Vec<String> = Vec::new();
        for argument in &self.arguments[1..] {
            let argument = match argument.as_str() {
                "codegen-units=16" => "codegen-units=4".to_owned(),
                _ if arguments.last().is_some_and(|last| last == "--out-dir") => self.work.path().display().to_string(),
                incremental if incremental.starts_with("incremental=") => {
                    // With the `-C` before it.
                    arguments.pop();
                    continue;
                }
                other => other.to_owned(),
            };
            arguments.push(argument);
        }
        let began = Instant::now();
        let output = Command::new(&self.arguments[0])
            .args(&arguments)
            .arg("-Ztime-passes")
            // Only for the times; it is the same compiler.
            .env("RUSTC_BOOTSTRAP", "1")
            .current_dir(kernel.crate_dir())
            .output()
            .expect("rustc runs");
        let time = began.elapsed();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "the source does not compile:\n{said}");
        let seconds = said.lines().find_map(|line| {
            let (time, pass) = line.strip_prefix("time:")?.split_once(';')?;
            (pass.split_whitespace().last()? == "run_linker").then(|| time.trim().parse::<f64>().ok())?
        });
        (time, Duration::from_secs_f64(seconds.unwrap_or_default()))
    }
}

/// What rustc alone needs for the cell that a kernel ran last.
fn rustc_of(kernel: &mut Kernel) -> Duration {
    let rustc = kernel.rustc.take().unwrap_or_else(|| {
        // The source must stay what the cell became.
        let source = kernel.crate_dir().join("src/lib.rs");
        let text = std::fs::read_to_string(&source).expect("a source");
        let rustc = Rustc::of(kernel);
        std::fs::write(&source, text).expect("it can be written");
        rustc
    });
    let time = rustc.compile(kernel).0;
    kernel.rustc = Some(rustc);
    time
}

fn target() -> String {
    let output = Command::new("rustc").arg("-vV").output().expect("rustc runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.expect("rustc names its host").to_owned()
}

/// The words of a command line, as cargo prints it.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let (mut word, mut quoted) = (String::new(), false);
    for character in line.chars() {
        match character {
            '\'' => quoted = !quoted,
            ' ' if !quoted => words.push(std::mem::take(&mut word)),
            other => word.push(other),
        }
    }
    words.push(word);
    words
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// This kernel, where it compiles each cell.
    Crabtree,
    /// This kernel, where it takes what earlier sessions have compiled.
    Keeping,
    Evcxr,
}

/// A kernel, and a client of it.
struct Kernel {
    process: Child,
    shell: DealerSocket,
    iopub: SubSocket,
    key: String,
    session: String,
    directory: tempfile::TempDir,
    /// How much of the timings is read.
    read: usize,
    rustc: Option<Rustc>,
}

impl Kernel {
    /// Starts a kernel and waits until it answers.
    async fn launch(program: &Path, kind: Kind) -> Kernel {
        let mut kernel = Kernel::connect(program, kind).await;
        kernel.ask("kernel_info_request", json!({})).await;
        kernel
    }

    /// Starts a kernel and connects as soon as it listens.
    async fn connect(program: &Path, kind: Kind) -> Kernel {
        let directory = tempfile::tempdir().expect("a directory");
        let key = uuid::Uuid::new_v4().to_string();
        let ports: Vec<u16> = {
            let listeners: Vec<_> = (0..5)
                .map(|_| TcpListener::bind("127.0.0.1:0").expect("a port"))
                .collect();
            let ports = listeners.iter().map(|listener| listener.local_addr());
            ports.map(|address| address.expect("bound").port()).collect()
        };
        let connection = json!({
            "transport": "tcp", "ip": "127.0.0.1", "key": key, "signature_scheme": "hmac-sha256",
            "shell_port": ports[0], "iopub_port": ports[1], "stdin_port": ports[2], "control_port": ports[3],
            "hb_port": ports[4],
        });
        let file = directory.path().join("connection.json");
        std::fs::write(&file, connection.to_string()).expect("it can be written");
        let mut command = tokio::process::Command::new(program);
        match kind {
            Kind::Crabtree | Kind::Keeping => command.arg("kernel").arg(&file),
            Kind::Evcxr => command.arg("--control_file").arg(&file),
        };
        let process = command
            .env("CRABTREE_CACHE_DIR", cache())
            .env("CRABTREE_HISTORY", directory.path().join("history.sqlite"))
            .env("CRABTREE_TIMINGS", directory.path().join("timings"))
            .env("CRABTREE_KEEP_CELLS", if kind == Kind::Keeping { "1" } else { "0" })
            .current_dir(directory.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("the kernel starts");
        for port in [ports[0], ports[1]] {
            let began = Instant::now();
            while TcpStream::connect(("127.0.0.1", port)).is_err() {
                assert!(began.elapsed() < PATIENCE, "the kernel does not listen");
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        }
        let client = PeerIdentity::try_from(uuid::Uuid::new_v4().as_bytes().to_vec()).expect("an identity");
        let mut options = SocketOptions::default();
        options.peer_identity(client);
        let mut kernel = Kernel {
            process,
            shell: DealerSocket::with_options(options),
            iopub: SubSocket::new(),
            key,
            session: uuid::Uuid::new_v4().to_string(),
            directory,
            read: 0,
            rustc: None,
        };
        let url = |port: u16| format!("tcp://127.0.0.1:{port}");
        kernel.iopub.connect(&url(ports[1])).await.expect("it listens");
        kernel.iopub.subscribe("").await.expect("it subscribes");
        kernel.shell.connect(&url(ports[0])).await.expect("it listens");
        kernel
    }

    async fn send(&mut self, msg_type: &str, content: Value) -> String {
        let message = Message::request(msg_type, content);
        let frames = wire::encode(&message, &self.session, &self.key);
        let frames = ZmqMessage::try_from(frames).expect("frames");
        self.shell.send(frames).await.expect("the kernel is there");
        message.id
    }

    async fn send_code(&mut self, code: &str) -> String {
        let content = json!({
            "code": code, "silent": false, "store_history": true, "user_expressions": {}, "allow_stdin": false,
            "stop_on_error": true,
        });
        self.send("execute_request", content).await
    }

    async fn replied(&mut self, request: &str) -> Message {
        loop {
            let received = patiently("a reply", self.shell.recv()).await.expect("a message");
            let message = wire::decode(received.into_vec(), &self.key);
            if message.belongs_to(request) {
                return message;
            }
        }
    }

    async fn ask(&mut self, msg_type: &str, content: Value) -> Message {
        let request = self.send(msg_type, content).await;
        self.replied(&request).await
    }

    async fn idle(&mut self, request: &str) {
        loop {
            let received = patiently("idle", self.iopub.recv()).await.expect("a message");
            let message = wire::decode(received.into_vec(), &self.key);
            if message.belongs_to(request) && message.is_status("idle") {
                return;
            }
        }
    }

    /// Executes a cell that must succeed; from the request to idle.
    async fn run(&mut self, code: &str) -> Duration {
        let began = Instant::now();
        let request = self.send_code(code).await;
        self.idle(&request).await;
        let time = began.elapsed();
        let reply = self.replied(&request).await;
        assert_eq!(reply.content["status"], "ok", "{code}: {}", reply.content);
        time
    }

    /// The phases of what ran since the last call, where the kernel tells them. A phase begins with its mark, and ends
    /// with the next.
    fn phases(&mut self) -> Vec<(&'static str, Duration)> {
        let text = std::fs::read_to_string(self.directory.path().join("timings")).unwrap_or_default();
        let marks: Vec<(u64, &str)> = text[self.read..]
            .lines()
            .filter_map(|line| {
                let (time, mark) = line.split_once(' ')?;
                Some((time.parse().ok()?, mark))
            })
            .collect();
        let mut sums: BTreeMap<&'static str, Duration> = BTreeMap::new();
        for pair in marks.windows(2) {
            let name = match pair[0].1 {
                "cell" => "rewriting",
                "rewritten" => "analysis",
                "compile" => "cargo, or what stands in for it",
                "rustc" => "rustc",
                "keep" => "keeping",
                "compiled" => "load and run",
                "ran" => "outputs",
                _ => continue,
            };
            *sums.entry(name).or_default() += Duration::from_nanos(pair[1].0 - pair[0].0);
        }
        self.read = text.len();
        sums.into_iter().collect()
    }

    /// How long rustc took for what ran since the last call.
    fn compiling(&mut self) -> Duration {
        let phases = self.phases();
        let rustc = phases.iter().find(|(name, _)| *name == "rustc");
        rustc.expect("each cell is compiled").1
    }

    /// Where the source of this kernel's cells is: beside the file by which it shows that it is alive.
    fn crate_dir(&self) -> PathBuf {
        let kernel = self.process.id().expect("it runs");
        let files = std::fs::read_dir(format!("/proc/{kernel}/fd")).into_iter().flatten();
        let mut open = files.flatten().filter_map(|file| std::fs::read_link(file.path()).ok());
        let alive = open.find(|file| file.ends_with("alive")).expect("a session");
        alive.with_file_name("ctx")
    }

    /// The resident memory of the kernel's process and its children, in MiB.
    fn memory(&self) -> f64 {
        let kernel = self.process.id().expect("it runs");
        let status = |process: &Path, name: &str| -> Option<u64> {
            let text = std::fs::read_to_string(process.join("status")).ok()?;
            let line = text.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_whitespace().next()?.parse().ok()
        };
        let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        let own = processes.map(|entry| entry.path()).filter(|process| {
            let pid = process.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok());
            pid == Some(kernel) || status(process, "PPid:") == Some(kernel.into())
        });
        own.filter_map(|process| status(&process, "VmRSS:")).sum::<u64>() as f64 / 1024.0
    }

    /// Shuts the kernel down and waits until it has ended.
    async fn end(mut self) {
        // evcxr_jupyter listens for it on the control channel only; both end when their process is told to.
        if let Some(pid) = self.process.id() {
            let _ = Command::new("kill").arg(pid.to_string()).status();
        }
        let _ = tokio::time::timeout(PATIENCE, self.process.wait()).await;
    }
}

async fn patiently<T>(what: &str, awaited: impl Future<Output = T>) -> T {
    let waited = tokio::time::timeout(PATIENCE, awaited).await;
    waited.unwrap_or_else(|_| panic!("no {what} within {PATIENCE:?}"))
}

/// Times, in milliseconds, or ratios of them.
#[derive(Clone, Debug, Default)]
struct Times(Vec<f64>);

impl Times {
    fn new() -> Times {
        Times::default()
    }

    fn push(&mut self, time: Duration) {
        self.0.push(time.as_secs_f64() * 1e3);
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn median(&self) -> f64 {
        self.quantile(0.5)
    }

    fn quantile(&self, quantile: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let last = sorted.len().saturating_sub(1);
        let at = (quantile * last as f64).round() as usize;
        sorted.get(at).copied().unwrap_or(f64::NAN)
    }
}

impl FromIterator<Duration> for Times {
    fn from_iter<I: IntoIterator<Item = Duration>>(times: I) -> Times {
        let mut all = Times::new();
        times.into_iter().for_each(|time| all.push(time));
        all
    }
}

impl FromIterator<f64> for Times {
    fn from_iter<I: IntoIterator<Item = f64>>(ratios: I) -> Times {
        Times(ratios.into_iter().collect())
    }
}

/// A line of the table; the bar is for the median.
fn row(what: &str, times: &Times, note: &str, bar: Option<f64>) {
    let (median, high) = (times.median(), times.quantile(0.95));
    let (bar, verdict) = match bar {
        Some(bar) => (format!("≤ {bar:.0}"), verdict(median <= bar)),
        None => (note.to_owned(), ""),
    };
    println!("| {what} | {median:.1} | {high:.1} | {bar} | {verdict} |");
}

/// A line for one number.
fn told(what: &str, number: f64, bar: &str, passed: bool) {
    println!("| **{what}** | {number:.2} | | {bar} | {} |", verdict(passed));
}

fn verdict(passed: bool) -> &'static str {
    if passed { "reached" } else { "missed" }
}
