//! Who takes part: building the programs, and running them.

use crate::figures::Figure;
use crate::table::Sample;
use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio, exit};
use std::thread::{available_parallelism, sleep};
use std::time::{Duration, Instant};

/// Those that are measured when nobody says which. Crabtree with mimalloc takes part as a contender of its own.
const USUAL: [&str; 8] = [
    "beam",
    "crabtree",
    "crabtree+mimalloc",
    "raw",
    "actix",
    "hydra",
    "kameo",
    "ractor",
];
/// How long a program may take.
const LIMIT: Duration = Duration::from_secs(60);

/// A contender that can run.
#[derive(Clone)]
pub(crate) struct Contender {
    pub(crate) name: String,
    command: Vec<String>,
}

/// All that take part.
pub(crate) struct Contenders {
    all: Vec<Contender>,
    pub(crate) workers: usize,
    /// What is left out, and why.
    pub(crate) missing: Vec<String>,
    /// How the BEAM says what it is.
    pub(crate) beam: Option<String>,
}

impl Contenders {
    /// Builds what the contenders need.
    pub(crate) fn prepare(names: &[String], mimalloc: bool) -> Contenders {
        let usual = USUAL.iter().map(|name| (*name).to_owned());
        let names: Vec<String> = if names.is_empty() {
            usual.collect()
        } else {
            names.to_vec()
        };
        let mut contenders = Contenders {
            all: Vec::new(),
            workers: available_parallelism().map_or(2, Into::into),
            missing: Vec::new(),
            beam: None,
        };
        if names.iter().any(|name| name != "beam") {
            build("beside", None);
        }
        for name in names {
            if name == "beam" {
                contenders.add_beam();
                continue;
            }
            let name = if mimalloc && !name.contains('+') {
                format!("{name}+mimalloc")
            } else {
                name
            };
            if contenders.all.iter().all(|one| one.name != name) {
                contenders.all.push(program("beside", &name));
            }
        }
        contenders
    }

    pub(crate) fn all(&self) -> &[Contender] {
        &self.all
    }

    /// The same contenders, from a build of Crabtree without hooks.
    pub(crate) fn untraced(&self, contenders: &[&Contender]) -> Vec<Contender> {
        build("beside-untraced", Some("--cfg crabtree_untraced"));
        let without = |one: &&Contender| Contender {
            name: format!("{} without hooks", one.name),
            ..program("beside-untraced", &one.name)
        };
        contenders.iter().map(without).collect()
    }

    fn add_beam(&mut self) {
        let sources = sources("beam");
        let modules = output_directory("beside-beam");
        let files = ["figures.erl", "counter.erl", "children.erl"].map(|file| sources.join(file));
        std::fs::create_dir_all(&modules).expect("the target directory can be written to");
        let compiled = Command::new("erlc").arg("-o").arg(&modules).args(&files).status();
        if !compiled.is_ok_and(|status| status.success()) {
            let hint = "Debian's is `apt-get install erlang-base elixir`";
            self.missing
                .push(format!("The BEAM is left out: `erlc` does not run here; {hint}."));
            return;
        }
        let version =
            "io:format(\"OTP ~s, ~s\", [erlang:system_info(otp_release), erlang:system_info(emu_flavor)]), halt().";
        self.beam = printed("erl", &["-noshell", "-eval", version]);
        let mut command: Vec<String> = [
            "erl",
            "+S",
            &format!("{0}:{0}", self.workers),
            "+P",
            "4000000",
            "-noshell",
            "-pa",
        ]
        .map(str::to_owned)
        .into();
        command.push(modules.display().to_string());
        match printed("elixir", &["-e", "IO.puts :code.lib_dir(:elixir, :ebin)"]) {
            Some(modules) => command.extend(["-pa".to_owned(), modules]),
            None => self.missing.push(
                "The BEAM has no figures for dynamic supervisors, registries and tasks: they are Elixir's, and \
                 `elixir` does not run here."
                    .to_owned(),
            ),
        }
        let name = "beam".to_owned();
        self.all.push(Contender { name, command });
    }
}

fn sources(directory: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("benches/beside")
        .join(directory)
}

/// Beside what cargo builds for tests and benches.
fn output_directory(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

fn build(target: &str, flags: Option<&str>) {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    let manifest = sources("contenders").join("Cargo.toml");
    command
        .args(["build", "--release", "--locked", "--manifest-path"])
        .arg(manifest);
    command.arg("--target-dir").arg(output_directory(target));
    if let Some(flags) = flags {
        command.env("RUSTFLAGS", flags);
    }
    if !command.status().is_ok_and(|status| status.success()) {
        eprintln!("the contenders could not be built");
        exit(1);
    }
}

fn program(target: &str, name: &str) -> Contender {
    let (library, file) = match name.split_once('+') {
        None => (name, "contenders"),
        Some((library, "mimalloc")) => (library, "contenders-mimalloc"),
        Some((_, other)) => {
            eprintln!("there is no allocator {other:?}; there is `mimalloc`");
            exit(2);
        }
    };
    let program = output_directory(target).join("release").join(file);
    Contender {
        name: name.to_owned(),
        command: vec![program.display().to_string(), library.to_owned()],
    }
}

/// What a program prints, if it runs.
fn printed(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

impl Contender {
    pub(crate) fn is_beam(&self) -> bool {
        self.name == "beam"
    }

    pub(crate) fn is_crabtree(&self) -> bool {
        self.name.starts_with("crabtree")
    }

    /// Runs the program of one figure.
    pub(crate) fn run(&self, figure: &Figure, size: usize) -> Sample {
        let mut command = Command::new(&self.command[0]);
        command.args(&self.command[1..]);
        if self.is_beam() {
            let run = format!("figures:main([\"{}\", \"{size}\"]).", figure.id);
            command.args(["-eval", &run]);
        } else {
            let workers = available_parallelism().map_or(2, usize::from);
            command.args([figure.id, &size.to_string(), &workers.to_string()]);
        }
        let mut child = (command.stdout(Stdio::piped()).stderr(Stdio::null()))
            .spawn()
            .expect("the program was built");
        let began = Instant::now();
        while child.try_wait().expect("it is a child").is_none() {
            if began.elapsed() > LIMIT {
                // It may have ended just now.
                let _ = child.kill();
                let _ = child.wait();
                return Sample::TooLong(LIMIT);
            }
            sleep(Duration::from_millis(2));
        }
        let output = child.wait_with_output().expect("it ended");
        let text = String::from_utf8_lossy(&output.stdout);
        let words: Vec<&str> = text.split_whitespace().collect();
        match words[..] {
            ["none"] => Sample::Nothing,
            ["time" | "bytes", whole, count] => {
                let [whole, count]: [f64; 2] = [whole, count].map(|number| number.parse().expect("it is a number"));
                Sample::Each(whole / count)
            }
            _ => Sample::Failed,
        }
    }

    /// Counts the instructions of an operation, on one thread: those that twice as many more take, so that what a program
    /// does before and after is left out.
    pub(crate) fn instructions(&self, figure: &Figure, size: usize) -> Sample {
        let of = |size: usize| {
            let mut command = Command::new("valgrind");
            command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
            command.args(&self.command).args([figure.id, &size.to_string(), "1"]);
            let output = command.output().ok()?;
            let said = String::from_utf8_lossy(&output.stderr);
            let (_, counted) = said.split_once("Collected : ")?;
            counted.split_whitespace().next()?.parse::<f64>().ok()
        };
        match (of(size), of(3 * size)) {
            (Some(few), Some(many)) => Sample::Each((many - few) / (2 * size) as f64),
            _ => Sample::Failed,
        }
    }
}

/// Whether valgrind is here.
pub(crate) fn can_count_instructions() -> bool {
    printed("valgrind", &["--version"]).is_some()
}
