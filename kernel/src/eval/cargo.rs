//! What evcxr takes for cargo: this program, which compiles a cell as cargo would.
//!
//! evcxr has cargo build each cell, though from one to the next nothing changes but `src/lib.rs`, and cargo takes about as
//! long to find that out as rustc to compile a small cell. So evcxr is given another cargo. It has the real one build
//! where that is needed, notes how rustc was called for the cell, and calls it like that itself as long as everything that
//! cargo looks at is what it was then ([`circumstances`]).
//!
//! evcxr asks rustup where cargo is; while a session starts, it finds a `rustup` that names this program ([`Tools`]). Which
//! knows by the path that it is called by that it is to be cargo, and for which session ([`hook`]).
//!
//! What must hold, for a library of an earlier compilation never to be taken for a new one:
//!
//! - rustc itself is called for each cell, and what it writes is moved away at once. Only what it has once made of the same
//!   source in the same circumstances is taken instead ([`cells`]).
//! - The call was noted after cargo had built everything in this session, or in one that began from the same template, and
//!   then cargo has changed nothing here. As soon as the real cargo builds anything, only its last call counts.
//! - Packages that can change in their place, as those with a path, are left to cargo.
//!
//! rustc is not called quite as cargo calls it. Nothing is compiled incrementally: to read and to write what was compiled
//! before takes longer than to compile a cell again, also where a notebook is long. And the cell is one to four units
//! instead of up to sixteen ([`quickly`]).

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use anyhow::{Context as _, Result, ensure};
use crabtree_link::GENERATED;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::ahead;
use super::cells::{self, Compiled};
use super::lighten::lighten;
use super::timings::mark;
use crate::cache::{Prepared, write_whole};

/// Where evcxr wants to be told which library to load.
const LIBRARY_ENV: &str = "EVCXR_EXECUTION_SO_PATH";

/// The library that a cell becomes.
const LIBRARY: &str = if cfg!(target_os = "macos") {
    "libctx.dylib"
} else {
    "libctx.so"
};

/// The file in which rustc says what it has read.
const DEP_INFO: &str = "ctx.d";

/// Where cargo has the loader look for the libraries of procedural macros.
const LIBRARY_PATH: &str = if cfg!(target_os = "macos") {
    "DYLD_FALLBACK_LIBRARY_PATH"
} else {
    "LD_LIBRARY_PATH"
};

/// Tells macros where cargo is.
const CARGO_ENV: &str = "CARGO";

/// Stands for the session's directory in what sessions share.
const SESSION: &str = "{session}";

/// The name by which this program is called, and that of the directory with it.
const CARGO: &str = "cargo";
/// The same of the program that says where it is.
const RUSTUP: &str = "rustup";
/// Where that one finds what it says.
const PLACES: &str = "places";
/// It answers what evcxr asks, and nothing else.
const RUSTUP_SCRIPT: &str = "#!/bin/sh\n[ \"$1\" = which ] && exec cat \"$(dirname \"$0\")/../places/$2\"\n";
const SETTINGS: &str = "settings.json";
/// The file that names the circumstances of the real cargo's last build.
const LAST: &str = "last";

/// The environment that cargo gives rustc, by what evcxr writes into the manifest of every cell.
const PACKAGE: [(&str, &str); 16] = [
    ("CARGO_CRATE_NAME", "ctx"),
    ("CARGO_PKG_AUTHORS", ""),
    ("CARGO_PKG_DESCRIPTION", ""),
    ("CARGO_PKG_HOMEPAGE", ""),
    ("CARGO_PKG_LICENSE", ""),
    ("CARGO_PKG_LICENSE_FILE", ""),
    ("CARGO_PKG_NAME", "ctx"),
    ("CARGO_PKG_README", ""),
    ("CARGO_PKG_REPOSITORY", ""),
    ("CARGO_PKG_RUST_VERSION", ""),
    ("CARGO_PKG_VERSION", "1.0.0"),
    ("CARGO_PKG_VERSION_MAJOR", "1"),
    ("CARGO_PKG_VERSION_MINOR", "0"),
    ("CARGO_PKG_VERSION_PATCH", "0"),
    ("CARGO_PKG_VERSION_PRE", ""),
    ("CARGO_PRIMARY_PACKAGE", "1"),
];

/// What the program needs to know when evcxr calls it.
#[derive(Debug, Serialize, Deserialize)]
struct Settings {
    /// The real ones.
    cargo: PathBuf,
    rustc: PathBuf,
    /// The session's directory, above evcxr's crate.
    session: PathBuf,
    /// The crate that every session's begins as.
    template: PathBuf,
    /// Where calls are noted that hold for every session which begins from the template.
    shared: PathBuf,
    /// Where the kernel has a compiler wait for cells.
    ahead: PathBuf,
    /// Where libraries of cells are kept, unless they are not to be.
    cells: Option<PathBuf>,
    /// Where programs are normally looked for.
    path: Option<OsString>,
}

/// The programs that evcxr is given.
pub(super) struct Tools {
    dir: PathBuf,
}

impl Tools {
    /// Puts them beside a session's crate; `program` is this one, and a compiler can be asked for at `ahead`.
    pub(super) fn new(crate_dir: &Path, ahead: &Path, program: &Path, prepared: &Prepared) -> Result<Tools> {
        let dir = crate_dir.with_file_name("tools");
        let write = || -> Result<()> {
            let template = prepared.template();
            let settings = Settings {
                cargo: prepared.toolchain.cargo.clone(),
                rustc: prepared.toolchain.rustc.clone(),
                session: crate_dir.parent().context("a crate in no directory")?.to_owned(),
                shared: template.with_file_name("calls"),
                ahead: ahead.to_owned(),
                cells: cells::are_kept().then(|| prepared.cells()),
                template,
                path: std::env::var_os("PATH"),
            };
            for name in [CARGO, RUSTUP, PLACES] {
                fs::create_dir_all(dir.join(name))?;
            }
            let cargo = dir.join(CARGO).join(CARGO);
            symlink(program, &cargo)?;
            for (tool, place) in [("cargo", &cargo), ("rustc", &settings.rustc)] {
                fs::write(dir.join(PLACES).join(tool), place.as_os_str().as_encoded_bytes())?;
            }
            let rustup = dir.join(RUSTUP).join(RUSTUP);
            fs::write(&rustup, RUSTUP_SCRIPT)?;
            fs::set_permissions(&rustup, fs::Permissions::from_mode(0o700))?;
            Ok(fs::write(dir.join(SETTINGS), serde_json::to_vec(&settings)?)?)
        };
        write().with_context(|| format!("cannot set up {}", dir.display()))?;
        Ok(Tools { dir })
    }

    /// Where programs are looked for so that the `rustup` is this one.
    pub(super) fn path(&self) -> Result<OsString> {
        let normal = std::env::var_os("PATH").unwrap_or_default();
        let dirs = std::iter::once(self.dir.join(RUSTUP)).chain(std::env::split_paths(&normal));
        std::env::join_paths(dirs).context("a directory's name has a character that separates directories")
    }
}

/// Does what this program does as cargo, if it was called by that name; returns otherwise.
pub(super) fn hook() {
    let mut arguments = std::env::args_os();
    let Some(called) = arguments.next().map(PathBuf::from) else {
        return;
    };
    if !called.ends_with(CARGO) {
        return;
    }
    let above = called.parent().and_then(Path::parent);
    let Some(tools) = above.filter(|tools| tools.join(SETTINGS).exists()) else {
        return;
    };
    let arguments: Vec<OsString> = arguments.collect();
    mark("compile");
    let done = cargo(tools, &arguments);
    mark("compiled");
    let code = done.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        101
    });
    std::process::exit(code);
}

fn settings(tools: &Path) -> Result<Settings> {
    Ok(serde_json::from_slice(&fs::read(tools.join(SETTINGS))?)?)
}

/// Builds the cell in the current directory. Whatever else is asked, the real cargo does.
fn cargo(tools: &Path, arguments: &[OsString]) -> Result<i32> {
    let settings = settings(tools)?;
    let mut real = Command::new(&settings.cargo);
    match &settings.path {
        Some(path) => real.env("PATH", path),
        None => real.env_remove("PATH"),
    };
    let is = |command: &str| arguments.iter().any(|argument| argument == command);
    if is("metadata") && asks_for_prepared(&settings)? {
        // evcxr wants to know whether there is such a package, and reads no further.
        println!("{{}}");
        return Ok(0);
    }
    let builds = is("build");
    if (builds || is("check"))
        && let Some(light) = lighten(&fs::read_to_string(GENERATED)?)?
    {
        fs::write(GENERATED, light)?;
    }
    if !builds {
        return Err(real.args(arguments).exec()).context("cannot run cargo");
    }
    let circumstances = circumstances(&settings)?;
    if let Some(known) = &circumstances
        && let Some(call) = Call::find(tools, &settings, known)
    {
        return call.again(&settings, known);
    }

    // Until it has built everything, what is there is not known.
    ahead::give_up(&settings.ahead);
    fs::write(tools.join(LAST), "")?;
    let built = build(real.args(arguments).arg("-v"))?;
    // The cell is compiled after all that it needs, so if it has mistakes, the rest is as it should be nevertheless.
    if let (Some(mut known), Some(words)) = (circumstances, built.call)
        && let Some(call) = Call::new(&words, &settings)
    {
        known.of_template &= built.nothing_else;
        call.note(tools, &settings, &known)?;
    }
    Ok(built.status.code().unwrap_or(101))
}

/// Whether evcxr tries whether there is a dependency that the template has.
fn asks_for_prepared(settings: &Settings) -> Result<bool> {
    let manifest = fs::read_to_string("Cargo.toml")?;
    let dependencies = |manifest: &str| -> Vec<String> {
        let (_, dependencies) = manifest.split_once("[dependencies]").unwrap_or_default();
        let lines = dependencies.lines().map(|line| line.trim().to_owned());
        lines.filter(|line| !line.is_empty()).collect()
    };
    let prepared = dependencies(&fs::read_to_string(settings.template.join("Cargo.toml"))?);
    let asked = dependencies(&manifest);
    let is_a_try = manifest.contains("\"evcxr_dummy_validate_dep\"");
    Ok(is_a_try && !asked.is_empty() && asked.iter().all(|line| prepared.contains(line)))
}

/// What the real cargo did.
struct Built {
    status: ExitStatus,
    /// How it called rustc for the cell.
    call: Option<Vec<String>>,
    /// Whether it found all that the cell needs, and so ran nothing for it.
    nothing_else: bool,
}

/// Runs cargo, which is to say what it runs. Standard error is passed on as it would be without.
fn build(cargo: &mut Command) -> Result<Built> {
    let mut cargo: Child = cargo.stderr(Stdio::piped()).spawn().context("cannot run cargo")?;
    let said = cargo.stderr.take().context("cargo's standard error is piped")?;
    let (mut call, mut nothing_else) = (None, true);
    let mut stderr = std::io::stderr().lock();
    for line in BufReader::new(said).split(b'\n') {
        let line = line?;
        let text = String::from_utf8_lossy(&line);
        let text = text.trim();
        if let Some(command) = text.strip_prefix("Running `").and_then(|rest| rest.strip_suffix('`')) {
            let words = words(command);
            if words.as_deref().is_some_and(is_of_cell) {
                call = words;
            } else {
                nothing_else = false;
            }
        } else if !["Fresh ", "Dirty "].iter().any(|word| text.starts_with(word)) {
            stderr.write_all(&line)?;
            stderr.write_all(b"\n")?;
        }
    }
    Ok(Built {
        status: cargo.wait()?,
        call,
        nothing_else,
    })
}

fn is_of_cell(words: &[String]) -> bool {
    words.windows(2).any(|two| two[0] == "--crate-name" && two[1] == "ctx")
}

/// The words of a command as cargo prints it; none if it is printed in a way that is not expected.
fn words(command: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let (mut word, mut quoted) = (String::new(), false);
    for character in command.chars() {
        match character {
            '\'' => quoted = !quoted,
            ' ' if !quoted => words.push(std::mem::take(&mut word)),
            '\\' | '"' if !quoted => return None,
            other => word.push(other),
        }
    }
    words.push(word);
    (!quoted).then_some(words)
}

/// How rustc is called for a cell.
#[derive(Debug, Serialize, Deserialize)]
struct Call {
    /// The program first, with [`SESSION`] for the session's directory.
    words: Vec<String>,
}

impl Call {
    fn new(words: &[String], settings: &Settings) -> Option<Call> {
        let session = settings.session.to_str()?;
        let call = Call {
            words: words.iter().map(|word| word.replace(session, SESSION)).collect(),
        };
        call.out_dir(settings).is_some().then_some(call)
    }

    /// The call that cargo would make, if that is known.
    fn find(tools: &Path, settings: &Settings, circumstances: &Circumstances) -> Option<Call> {
        let path = match fs::read_to_string(tools.join(LAST)) {
            Ok(last) if last == circumstances.name => tools.join(format!("{last}.json")),
            Ok(_) => return None,
            // The real cargo has not built anything here: all is as in the template.
            Err(_) => settings.shared.join(format!("{}.json", circumstances.name)),
        };
        serde_json::from_slice(&fs::read(path).ok()?).ok()
    }

    /// Notes what cargo did under these circumstances, which it has left as they were.
    fn note(&self, tools: &Path, settings: &Settings, known: &Circumstances) -> Result<()> {
        let name = format!("{}.json", known.name);
        let text = serde_json::to_vec(self)?;
        fs::write(tools.join(&name), &text)?;
        fs::write(tools.join(LAST), &known.name)?;
        if known.of_template {
            // Another session may do the same at this moment.
            fs::create_dir_all(&settings.shared)?;
            write_whole(&settings.shared.join(&name), &text)?;
        }
        Ok(())
    }

    fn words(&self, settings: &Settings) -> impl Iterator<Item = String> {
        let session = settings.session.display().to_string();
        quickly(&self.words).map(move |word| word.replace(SESSION, &session))
    }

    /// Where rustc puts the library, and where cargo puts it then.
    fn out_dir(&self, settings: &Settings) -> Option<(PathBuf, PathBuf)> {
        let words: Vec<String> = self.words(settings).collect();
        let at = words.iter().position(|word| word == "--out-dir")?;
        let out = PathBuf::from(words.get(at + 1)?);
        let above = out.parent()?.to_owned();
        out.ends_with("deps").then_some((out, above))
    }

    /// Calls rustc in the same way, if it has not been called for the same before.
    fn again(&self, settings: &Settings, known: &Circumstances) -> Result<i32> {
        let (out, above) = self.out_dir(settings).context("the call names no directory")?;
        let (library, dep_info, placed) = (out.join(LIBRARY), out.join(DEP_INFO), above.join(LIBRARY));
        ensure!(placed.is_absolute(), "the library has no absolute path");
        let tell = || -> Result<i32> {
            let told = std::env::var_os(LIBRARY_ENV).context("evcxr does not say where to name the library")?;
            fs::write(told, placed.as_os_str().as_encoded_bytes())?;
            Ok(0)
        };
        let source = fs::read_to_string(GENERATED)?;
        let call = self.in_full(settings, known)?;
        let cells = settings.cells.as_ref().filter(|_| known.of_template);
        let place = cells.and_then(|cells| cells::Place::of_library(cells, &known.name, &self.words, &source));
        let kept = place.as_ref().and_then(cells::Place::find);
        if let Some(compiled) = kept.and_then(|kept| Compiled::decode(&kept)) {
            // Its places are those of the source that it was compiled from.
            fs::write(GENERATED, compiled.source)?;
            // The loader knows files by their inodes.
            remove(&placed)?;
            fs::write(&placed, compiled.library)?;
            ahead::expect(&settings.ahead, call, &source);
            return tell();
        }
        remove(&library)?;
        remove(&dep_info)?;
        mark("rustc");
        match ahead::compile(&settings.ahead, call.clone(), &source) {
            Some(said) => eprint!("{said}"),
            None => {
                let (program, arguments) = call.words.split_first().context("the call names no program")?;
                let mut rustc = Command::new(program);
                let status = rustc.args(arguments).env_clear().envs(call.environment).status();
                let status = status.context("cannot run rustc")?;
                if !status.success() {
                    return Ok(status.code().unwrap_or(101));
                }
            }
        }
        mark("keep");
        let read = fs::read_to_string(&dep_info).unwrap_or_default();
        if let Some(place) = place.filter(|_| cells::reads_only_source(&read)) {
            let library = fs::read(&library)?;
            // What is not kept is compiled again.
            let _ = place.keep(&Compiled { source, library }.encode());
        }
        fs::rename(&library, &placed)?;
        tell()
    }

    /// The call with the environment that cargo would give rustc.
    fn in_full(&self, settings: &Settings, known: &Circumstances) -> Result<ahead::Call> {
        let crate_dir = std::env::current_dir()?;
        let mut environment: BTreeMap<OsString, OsString> = std::env::vars_os().collect();
        environment.extend(PACKAGE.map(|(name, value)| (name.into(), value.into())));
        environment.extend([
            (CARGO_ENV.into(), settings.cargo.clone().into()),
            ("CARGO_MANIFEST_DIR".into(), crate_dir.clone().into()),
            ("CARGO_MANIFEST_PATH".into(), crate_dir.join("Cargo.toml").into()),
            (LIBRARY_PATH.into(), library_path(&crate_dir)?),
        ]);
        if let Some(path) = &settings.path {
            environment.insert("PATH".into(), path.clone());
        }
        Ok(ahead::Call {
            words: self.words(settings).collect(),
            environment: environment.into_iter().collect(),
            circumstances: known.name.clone(),
        })
    }
}

/// The words of a call, changed so that rustc takes least time for a cell.
fn quickly(words: &[String]) -> impl Iterator<Item = &str> {
    let is_incremental = |word: &String| word.starts_with("incremental=");
    let kept = words.iter().enumerate().filter(move |&(at, word)| {
        let is_option_of = word == "-C" && words.get(at + 1).is_some_and(is_incremental);
        !is_incremental(word) && !is_option_of
    });
    kept.map(|(_, word)| match word.as_str() {
        "codegen-units=16" => "codegen-units=4",
        other => other,
    })
}

fn remove(file: &Path) -> Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

/// Where the loader finds the libraries of procedural macros, as cargo has it.
fn library_path(crate_dir: &Path) -> Result<OsString> {
    let inherited = std::env::var_os(LIBRARY_PATH).unwrap_or_default();
    let dirs = std::iter::once(crate_dir.join("target/debug/deps"))
        .chain(std::env::split_paths(&inherited).filter(|dir| !dir.as_os_str().is_empty()));
    Ok(std::env::join_paths(dirs)?)
}

/// What cargo's call of rustc depends on.
#[derive(Debug)]
struct Circumstances {
    /// A hash of it.
    name: String,
    /// Whether everything that the cell is compiled with is in the template.
    of_template: bool,
}

/// The circumstances of a build in the current directory; none if cargo has to look at more.
fn circumstances(settings: &Settings) -> Result<Option<Circumstances>> {
    let crate_dir = std::env::current_dir()?;
    let manifest = fs::read_to_string(crate_dir.join("Cargo.toml"))?;
    // evcxr writes dependencies in any order.
    let mut lines: Vec<&str> = manifest.lines().collect();
    lines.sort_unstable();
    let (_, dependencies) = manifest.split_once("[dependencies]").unwrap_or_default();
    let (lock, of_template) = if dependencies.trim().is_empty() {
        (String::new(), true)
    } else {
        let Ok(lock) = fs::read_to_string(crate_dir.join("Cargo.lock")) else {
            return Ok(None);
        };
        let template = fs::read_to_string(settings.template.join("Cargo.lock"))?;
        if local_packages(&lock) != local_packages(&template) {
            return Ok(None);
        }
        let of_template = lock == template;
        (lock, of_template)
    };

    // Another compiler may come in its place.
    let compiler = fs::metadata(&settings.rustc)?;
    let compiler = format!("{} {:?}", compiler.len(), compiler.modified()?);
    let mut parts = vec![lines.join("\n"), lock, compiler];
    for above in crate_dir.ancestors().skip(1) {
        // It may be the workspace's, which says how its members are compiled.
        parts.push(fs::read_to_string(above.join("Cargo.toml")).unwrap_or_default());
    }
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(dirs::home_dir()?.join(".cargo")));
    let above = crate_dir.ancestors().map(|dir| dir.join(".cargo"));
    for dir in above.chain(home) {
        for name in ["config", "config.toml"] {
            // evcxr says there whether cargo may fetch, which the call does not depend on.
            let is_evcxrs = dir.parent() == Some(&crate_dir);
            let text = fs::read_to_string(dir.join(name)).ok().filter(|_| !is_evcxrs);
            parts.push(text.unwrap_or_default());
        }
    }
    let mut variables: Vec<String> = std::env::vars_os()
        .filter(|(name, _)| matters(name))
        .map(|(name, value)| format!("{}={}", name.display(), value.display()))
        .collect();
    variables.sort_unstable();
    parts.extend(variables);

    let mut hash = Sha256::new();
    let session = settings.session.display().to_string();
    for part in parts {
        let part = part.replace(&session, SESSION);
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    let name = crate::hex::encode(&hash.finalize()[..16]);
    Ok(Some(Circumstances { name, of_template }))
}

/// Whether cargo or rustc may look at the variable with that name.
fn matters(name: &OsStr) -> bool {
    let Some(name) = name.to_str() else { return true };
    // The last is for rust-analyzer, and changes while a session starts.
    let others = ["RUST_BACKTRACE", "RUST_LOG", "RUST_LIB_BACKTRACE", "RUST_SRC_PATH"];
    let is_theirs = ["CARGO", "RUST", "CRABTREE_SUBSHELL"]
        .iter()
        .any(|prefix| name.starts_with(prefix));
    (is_theirs || name == LIBRARY_PATH) && !others.contains(&name)
}

/// The packages in a lock file that come from this machine, by name.
fn local_packages(lock: &str) -> Vec<&str> {
    let mut packages: Vec<&str> = lock
        .split("[[package]]")
        .skip(1)
        .filter(|package| !package.lines().any(|line| line.starts_with("source = ")))
        .filter_map(|package| package.lines().find(|line| line.starts_with("name = ")))
        .collect();
    packages.sort_unstable();
    packages
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_taken_apart_as_cargo_prints_it() {
        let command = "/a/rustc --check-cfg 'cfg(feature, values())' -C rpath";
        let expected = ["/a/rustc", "--check-cfg", "cfg(feature, values())", "-C", "rpath"];
        assert_eq!(words(command).unwrap(), expected);
        assert_eq!(words(r#"/a/rustc "a b""#), None);
        assert_eq!(words("/a/rustc 'a b"), None);
    }

    #[test]
    fn a_package_with_a_path_is_not_overlooked() {
        let lock = "version = 4\n\n[[package]]\nname = \"ctx\"\nversion = \"1.0.0\"\n\n[[package]]\nname = \"serde\"\n\
            version = \"1.0.0\"\nsource = \"registry\"\n\n[[package]]\nname = \"own\"\nversion = \"0.1.0\"\n";
        assert_eq!(local_packages(lock), ["name = \"ctx\"", "name = \"own\""]);
    }

    #[test]
    fn what_holds_in_one_session_holds_in_another_one_and_nothing_is_incremental() {
        let settings = |session: &str| Settings {
            cargo: "/t/cargo".into(),
            rustc: "/t/rustc".into(),
            session: session.into(),
            template: "/c/template".into(),
            shared: "/c/calls".into(),
            ahead: "/s/ahead".into(),
            cells: None,
            path: None,
        };
        let words = [
            "/t/rustc",
            "--emit=dep-info,link",
            "-C",
            "codegen-units=16",
            "--out-dir",
            "/s/1/ctx/target/debug/deps",
            "-C",
            "incremental=/s/1/ctx/target/debug/incremental",
            "-L",
            "dependency=/s/1/ctx/target/debug/deps",
        ]
        .map(str::to_owned);
        let call = Call::new(&words, &settings("/s/1")).unwrap();
        let expected = [
            "/t/rustc",
            "--emit=dep-info,link",
            "-C",
            "codegen-units=4",
            "--out-dir",
            "/s/2/ctx/target/debug/deps",
            "-L",
            "dependency=/s/2/ctx/target/debug/deps",
        ];
        assert!(call.words(&settings("/s/2")).eq(expected));
    }
}
