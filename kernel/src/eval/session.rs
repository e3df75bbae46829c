//! One session: an evcxr context, the host that it drives, and the link between.

use std::collections::HashSet;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result, anyhow, ensure};
use crabtree_link::{BACKTRACE_ENV, CellEnd, GENERATED, LINK_ENV, SUBSHELL_ENV};
use evcxr::{CommandContext, Error, EvalContext, EvalContextOutputs, EvalOutputs};
use serde_json::Value;
use tokio::sync::mpsc::UnboundedSender;

use super::ahead::{self, Ahead};
use super::assist::{Assist, Change, commands};
use super::building::{self, Report};
use super::cargo::Tools;
use super::environment::{self, Blind};
use super::link::{Ending, Link, OWN_CELL};
use super::local::LocalPackages;
use super::locate::Listings;
use super::mistakes::{self, Fate, Fates};
use super::redefine::Definitions;
use super::rewrite::{
    Cell, Edit, Request, Rewritten, adds_dependencies, before, dependencies, request, rewrite, runs_programs, split,
    written_types,
};
use super::subshell::{self, Inherited};
use super::timings::mark;
use super::{CellId, Event, Job, MimeBundle, Outcome, StreamName, outcome, report};
use crate::cache::{Difference, Packages, Prepared, Resolved, SessionDir};

/// The names that every cell has, and an `.await` and a `?`, which switch evcxr to compiling cells
/// as asynchronous code that may fail.
const PRELUDE: &str = "\
use crabtree::prelude::*;
use crabtree::{print, println, eprint, eprintln, dbg};
async {}.await;
Ok::<(), ()>(())?;
";

/// Where evcxr, on its own, is told by its users what to do.
const CONFIGURATION: &str = "evcxr.toml";

/// What is said of it.
const NOT_READ: &str = "evcxr.toml is not read: a notebook says itself what it needs, with `:dep` and `:opt`, and so runs \
    everywhere\n";

/// Where the host's loader looks for libraries. evcxr moves what it loads away from where it was
/// linked, so that the relative paths in it are wrong.
const LIBRARY_PATH: &str = if cfg!(target_os = "macos") {
    "DYLD_LIBRARY_PATH"
} else {
    "LD_LIBRARY_PATH"
};

/// Which of the shells a session is for.
pub(super) enum Role {
    /// The main one, which notes what subshells take over.
    Main(Arc<Mutex<Inherited>>),
    /// A subshell with this number, in the host at the other end of that link.
    Subshell(u32, Link),
}

/// What cells run in.
pub(super) struct Session {
    // Dropped in this order: the host ends, then its directory goes, then the cache may.
    evcxr: CommandContext,
    link: Link,
    listings: Listings,
    definitions: Definitions,
    fates: Fates,
    assist: Assist,
    packages: Packages,
    local: LocalPackages,
    /// The versions of them that cargo knows of.
    versions: Vec<(String, usize)>,
    events: UnboundedSender<Event>,
    /// What the reader of the first cell is to be told.
    notes: Vec<String>,
    /// Whether evcxr's analyzer knows the standard library and the dependencies.
    sees: bool,
    /// How often it was told to look.
    looks: usize,
    role: Role,
    /// The compiler that waits for a cell.
    _ahead: Ahead,
    /// What rust-analyzer takes for cargo.
    analyzer_cargo: PathBuf,
    dir: SessionDir,
    prepared: Prepared,
    /// The packages that cells have added.
    dependencies: Vec<(String, String)>,
    /// What cargo makes of them, and of what the present cell adds.
    resolved: Resolved,
    /// How many processes there are before the first cell.
    own_processes: usize,
}

impl Session {
    /// Starts a host, or an evaluator in the one that there is, and readies everything for the first cell. The session has
    /// what it takes over.
    pub(super) fn start(
        prepared: Prepared,
        program: PathBuf,
        events: UnboundedSender<Event>,
        assist: Assist,
        role: Role,
        taken: &Inherited,
    ) -> Result<Session> {
        let dir = prepared.session()?;
        let generated = dir.crate_dir().join(GENERATED);
        let listings = match &taken.listings {
            Some(listings) => listings.beside(generated),
            None => Listings::new(generated),
        };
        let is_subshell = matches!(role, Role::Subshell(..));
        let link = Link::listen(&dir.socket(), events.clone(), listings.clone(), is_subshell)?;

        let mut packages = prepared.packages(&dir);
        if !is_subshell && taken.code().is_empty() {
            // It reads them while evcxr gets ready.
            assist.set_packages(packages.clone(), true);
        }
        let ahead_socket = dir.socket().with_file_name("ahead.socket");
        let ahead = Ahead::new(&dir.crate_dir().with_file_name(ahead::DIR), &ahead_socket)
            .context("no compiler can wait for cells")?;
        let path = {
            // While another session starts, programs are not looked for where they normally are.
            let _normal = environment::normal();
            Tools::new(&dir.crate_dir(), &ahead_socket, &program, &prepared)?.path()?
        };
        let (no_library, library) = (prepared.no_library(), prepared.library());
        let blind = Blind::new(&dir.crate_dir(), &path, &no_library, &library);
        let mut for_cargo = blind.for_cargo();
        let mut host = Command::new(&program);
        let configured = blind.directory().map(|directory| directory.join(CONFIGURATION));
        blind.clear_for(&mut host);
        let libraries = prepared.library_path(&dir, std::env::var_os(LIBRARY_PATH))?;
        let number = match &role {
            Role::Main(_) => {
                host.env(LINK_ENV, dir.socket()).env(LIBRARY_PATH, libraries);
                if let Some(wanted) = std::env::var_os("RUST_BACKTRACE") {
                    host.env(BACKTRACE_ENV, wanted);
                }
                None
            }
            Role::Subshell(number, main) => {
                for_cargo.extend(subshell::for_cargo(*number, &program));
                ensure!(
                    main.open(dir.socket(), *number),
                    "the host has died; run a cell in the main shell"
                );
                host.env(SUBSHELL_ENV, dir.socket());
                Some(*number)
            }
        };
        let (context, outputs) =
            EvalContext::with_subprocess_command(host).map_err(|error| anyhow!("cells cannot be compiled: {error}"))?;
        forward(outputs, &link);
        let mut evcxr = set_up(context, for_cargo, &prepared, &dir, &link)?;
        drop(blind);
        let dependencies = dependencies(&taken.code());
        if !dependencies.is_empty() {
            let _normal = environment::normal();
            // What is not borrowed is compiled.
            let resolved = prepared.resolve(&dir, &dependencies);
            let _ = resolved.and_then(|resolved| prepared.borrow_units(&dir, &resolved));
        }
        {
            // Of what is added its analyzer is to know no more than of the rest.
            let _blind = environment::blind(&dir.crate_dir(), &no_library);
            take_over(&mut evcxr, &link, taken)?;
        }
        let mut fates = Fates::default();
        let definitions = match (&role, number) {
            (_, Some(number)) => {
                fates.note(taken.variables.iter().cloned(), Fate::OfMainShell);
                taken.definitions.for_subshell(number)
            }
            (Role::Main(inherited), None) => {
                *inherited.lock().unwrap_or_else(PoisonError::into_inner) = taken.placed(listings.clone());
                taken.definitions.clone()
            }
            (Role::Subshell(..), None) => unreachable!("a subshell has a number"),
        };
        if !dependencies.is_empty() {
            packages = packages.changed();
        }
        let own_processes = link.processes();
        if is_subshell || !taken.code().is_empty() {
            assist.set_packages(packages.clone(), true);
        }
        Ok(Session {
            evcxr,
            link,
            listings,
            definitions,
            fates,
            assist,
            packages,
            local: taken.local.clone(),
            versions: Vec::new(),
            events,
            notes: configured
                .filter(|file| file.exists())
                .map(|_| NOT_READ.to_owned())
                .into_iter()
                .collect(),
            sees: false,
            looks: 0,
            role,
            _ahead: ahead,
            analyzer_cargo: prepared.analyzer_cargo(&dir)?,
            dir,
            prepared,
            dependencies,
            resolved: Resolved::default(),
            own_processes,
        })
    }

    /// The way to the host.
    pub(super) fn link(&self) -> Link {
        self.link.clone()
    }

    /// The host, also after it was replaced.
    pub(super) fn host(&self) -> Arc<Mutex<Child>> {
        self.evcxr.process_handle()
    }

    /// Where compilers work.
    pub(super) fn crate_dir(&self) -> PathBuf {
        self.dir.crate_dir()
    }

    /// What a cell needs that only another session has. To ask changes nothing but what is known of the packages that it
    /// adds.
    pub(super) fn needs(&mut self, code: &str) -> Needs {
        self.resolved = Resolved::default();
        let added = dependencies(code);
        if added.is_empty() {
            return Needs::Nothing;
        }
        let _normal = environment::normal();
        let all = merged(&self.dependencies, &added);
        match self.prepared.resolve(&self.dir, &all) {
            Ok(resolved) => self.resolved = resolved,
            // evcxr asks cargo too, and tells where in the cell the mistake is.
            Err(_) => return Needs::Nothing,
        }
        let changes = self.resolved.differences.clone();
        if changes.is_empty() {
            return Needs::Nothing;
        }
        let names: Vec<String> = added.into_iter().map(|(name, _)| name).collect();
        let refused = |lost: &str| Needs::Refused(outcome::needs_library(&names, &changes, lost));
        if self.is_subshell() {
            return refused("the main shell");
        }
        if request(code).is_some() {
            return Needs::Library(changes);
        }
        let lost = [
            outcome::variables_of(&self.variables()),
            outcome::processes_of(self.link.processes().saturating_sub(self.own_processes)),
            self.link.has_subshells().then(|| "the subshells".to_owned()),
        ];
        let lost: Vec<String> = lost.into_iter().flatten().collect();
        if !lost.is_empty() {
            return refused(&lost.join(" and "));
        }
        Needs::Library(changes)
    }

    /// Runs a cell. `interrupted` tells whether it is to end.
    pub(super) fn execute(&mut self, job: &Job, interrupted: &dyn Fn() -> bool) -> Outcome {
        let Job { cell, count, code, .. } = job;
        let (cell, count) = (*cell, *count);
        let CellId(id) = cell;
        if self.is_subshell() {
            if request(code).is_some() {
                let text =
                    "`:restart` and `:clear` are for the main shell; to begin anew here, create another subshell";
                return outcome::failed("NotSupported", text.to_owned());
            }
            if !self.link.is_connected() {
                return outcome::subshell_died();
            }
        } else if request(code) == Some(Request::Restart) {
            self.replace_host();
        }
        let reader_code = code;
        let died = self.link.take_died().then(|| {
            let note = outcome::host_died_before(&self.variables(), self.link.processes());
            self.replace_host();
            note
        });
        self.notes.extend(died);
        self.tell_versions_apart();
        let variables = self.variables();
        if let Some(before) = before(reader_code) {
            if let Err(failure) = self.change_compilation(job, &before) {
                return self.failed(failure, job, &before, &variables, interrupted);
            }
            if interrupted() {
                return outcome::interrupted();
            }
        }
        let plan = self.definitions.plan(code, &split(code));
        let mut written = false;
        let Cell {
            mut code,
            suffix,
            notes,
            needs_types,
            help,
        } = {
            let cell = rewrite(code, plan.edits.clone());
            match self.types_of(code, &cell) {
                Some(types) => {
                    written = true;
                    rewrite(code, [plan.edits.clone(), types].concat())
                }
                None => cell,
            }
        };
        if needs_types && !written {
            self.see();
        }
        self.listings.begin(id, count, code.clone());
        if let Some(replaced) = self.link.begin(id, job.notebook_cell.as_deref(), plan.shares) {
            self.notes.push(outcome::evaluator_died_before(&replaced));
        }
        for note in std::mem::take(&mut self.notes).into_iter().chain(notes) {
            self.link.print(StreamName::Stderr, note);
        }

        self.assist.begin(reader_code);
        if help {
            let data = MimeBundle::from_iter([("text/plain".to_owned(), Value::String(commands::help()))]);
            // Nobody listens any more only when the kernel is ending.
            let _ = self.events.send(Event::Result { cell, data });
        }
        let mut text = code.text().to_owned() + &plan.suffix + &suffix;
        mark("rewritten");
        let mut result = self.evcxr.execute(&text);
        if written && result.as_ref().is_err_and(is_about_types) {
            // Of a mistake in what was written for them, the reader is not to hear.
            self.see();
            code = rewrite(reader_code, plan.edits.clone()).code;
            self.listings.begin(id, count, code.clone());
            text = code.text().to_owned() + &plan.suffix + &suffix;
            result = self.evcxr.execute(&text);
        }
        mark("ran");
        let Ending {
            outcome: end,
            processes,
        } = self.link.end(id);
        self.listings.keep(id);
        let change = result.is_ok().then(|| {
            let known = self.evcxr.variables_and_types();
            let mut variables: Vec<_> = known
                .map(|(name, type_name)| (name.to_owned(), type_name.to_owned()))
                .collect();
            // The same in each session.
            variables.sort_unstable();
            Change {
                code: reader_code.to_owned(),
                variables,
            }
        });
        self.assist.end(change);
        let outputs = match result {
            Ok(outputs) => outputs,
            Err(error) => return self.failed(Failure { error, processes }, job, &code, &variables, interrupted),
        };
        let ended_well = end.as_ref().is_none_or(|end| *end == CellEnd::Done);
        let fate = if ended_well {
            Fate::Moved(count)
        } else {
            Fate::Lost(count)
        };
        self.note_fates(&variables, fate, &code, (!ended_well).then_some(count));
        self.definitions = plan.then;
        if end.is_some() {
            self.definitions.statics_are_shared();
        }
        if let Role::Main(inherited) = &self.role {
            let mut inherited = inherited.lock().unwrap_or_else(PoisonError::into_inner);
            inherited.note(&text, &self.definitions, self.variables());
        }
        self.show(cell, outputs);
        let Some(end) = end else { return Outcome::Ok };
        let lost = match end {
            CellEnd::Abandoned => self.forget(&variables, code.source()),
            _ => Vec::new(),
        };
        outcome::of_cell(end, &self.listings, &lost)
    }

    /// Tells evcxr what the commands `before` a cell say of what cells are compiled with. It is so from here on, whatever
    /// becomes of the cell.
    fn change_compilation(&mut self, job: &Job, before: &Rewritten) -> Result<(), Failure> {
        let CellId(id) = job.cell;
        let added = dependencies(&job.code);
        let adds = adds_dependencies(&job.code);
        if adds {
            self.definitions.begin_statics_anew();
            // What is not borrowed is compiled.
            let _ = self.prepared.borrow_units(&self.dir, &self.resolved);
        }
        self.listings.begin(id, job.count, before.clone());
        if let Some(replaced) = self.link.begin(OWN_CELL, None, false) {
            self.notes.push(outcome::evaluator_died_before(&replaced));
        }
        let report = Report {
            events: self.events.clone(),
            cell: job.cell,
            added: packages_of(&added, &self.resolved),
        };
        let result = {
            // evcxr's analyzer looks, since the manifest is another one. Programs of the reader's want a normal environment.
            self.sees = runs_programs(&job.code);
            let _normal = self.sees.then(environment::normal);
            let _blind = (!self.sees).then(|| environment::blind(&self.dir.crate_dir(), &self.prepared.no_library()));
            // Something runs, so that evcxr tries what it was told.
            let text = format!("{}\n();", before.text());
            building::told(&report, &self.dir.crate_dir(), || self.evcxr.execute(&text))
        };
        let Ending { processes, .. } = self.link.end(OWN_CELL);
        self.listings.keep(id);
        let outputs = result.map_err(|error| Failure { error, processes })?;
        self.show(job.cell, outputs);
        if adds {
            let _normal = environment::normal();
            self.dependencies = merged(&self.dependencies, &added);
            self.packages = self.packages.changed();
            // What is not lent is compiled again.
            let _ = self.prepared.lend_units(&self.dir, &self.packages);
            // What cargo says was said while it compiled them.
            self.local.add(self.packages.local().unwrap_or_default());
            self.tell_versions_apart();
            self.assist.set_packages(self.packages.clone(), false);
            if let Role::Main(inherited) = &self.role {
                let mut inherited = inherited.lock().unwrap_or_else(PoisonError::into_inner);
                inherited.note_commands(before.text());
            }
        }
        Ok(())
    }

    /// What becomes of a cell that evcxr has not run to its end; `code` is what evcxr got of it, and `variables` are those that
    /// there were.
    fn failed(
        &mut self,
        failure: Failure,
        job: &Job,
        code: &Rewritten,
        variables: &[String],
        interrupted: &dyn Fn() -> bool,
    ) -> Outcome {
        let (CellId(id), count) = (job.cell, job.count);
        let Failure { error, processes } = failure;
        let fate = match &error {
            Error::SubprocessTerminated(_) => Fate::Gone,
            _ => Fate::Redefined,
        };
        self.note_fates(variables, fate, code, Some(count));
        match error {
            Error::SubprocessTerminated(_) if self.is_subshell() => outcome::subshell_died(),
            Error::SubprocessTerminated(status) => {
                self.link.take_died();
                self.definitions.begin_statics_anew();
                outcome::host_died(&status, variables, processes)
            }
            _ if interrupted() => outcome::interrupted(),
            Error::CompilationErrors(errors) => {
                let elsewhere = |line, column| {
                    let place = self.listings.find(&crabtree_link::place(id, line, column))?;
                    Some((place, self.listings.source(place.count)?))
                };
                match report::compile_errors(&errors, code, count, &self.fates, &elsewhere) {
                    Some(error) => Outcome::Error(error),
                    None => outcome::failed(
                        "CompileError",
                        "the cell does not compile, and rustc does not say why".to_owned(),
                    ),
                }
            }
            error => {
                let text = error.to_string();
                match mistakes::of_sentence(&text, code.source()) {
                    Some(mistake) => Outcome::Error(report::cannot_be_kept(&mistake, code, count)),
                    None => outcome::failed("CompileError", text.replace("evcxr", "the session")),
                }
            }
        }
    }

    /// What writes the types of the variables that a cell keeps, if that spares evcxr's analyzer to look.
    fn types_of(&self, code: &str, cell: &Cell) -> Option<Vec<Edit>> {
        // The analyzer that we ask knows nothing of what a subshell takes over.
        if !cell.needs_types || self.sees || self.is_subshell() {
            return None;
        }
        written_types(code, || self.assist.types(code))
    }

    fn is_subshell(&self) -> bool {
        matches!(self.role, Role::Subshell(..))
    }

    /// Remembers what became of the variables that were there `before`, and of those that the cell was to make.
    fn note_fates(&mut self, before: &[String], fate: Fate, code: &Rewritten, failed: Option<u32>) {
        let now = self.variables();
        let missing = |name: &String| !now.contains(name);
        if let Some(count) = failed {
            let bound = mistakes::bound(code.source()).into_iter();
            self.fates.note(bound.filter(missing), Fate::NeverMade(count));
        }
        self.fates
            .note(before.iter().filter(|name| missing(name)).cloned(), fate);
        self.fates.forget(&now);
    }

    /// Shows what evcxr's commands say.
    fn show(&self, cell: CellId, outputs: EvalOutputs) {
        if let Some(time) = outputs.timing {
            self.link
                .print(StreamName::Stderr, format!("compiled and ran in {time:.2?}\n"));
        }
        if outputs.is_empty() {
            return;
        }
        let data: MimeBundle = outputs
            .content_by_mime_type
            .into_iter()
            .map(|(mime, content)| (mime, Value::String(content)))
            .collect();
        // Nobody listens any more only when the kernel is ending.
        let _ = self.events.send(Event::Result { cell, data });
    }

    /// Has cargo compile each content of a package as what it is.
    fn tell_versions_apart(&mut self) {
        let versions = self.local.versions();
        if versions == self.versions {
            return;
        }
        match self.dir.set_versions(&versions) {
            Ok(()) => {
                self.versions = versions;
                self.definitions.begin_statics_anew();
            }
            // Cargo cannot write there either, and says so.
            Err(error) => self.link.print(StreamName::Stderr, format!("{error:#}\n")),
        }
    }

    /// The names of the variables that cells have kept.
    fn variables(&self) -> Vec<String> {
        let mut names: Vec<String> = self
            .evcxr
            .variables_and_types()
            .map(|(name, _)| name.to_owned())
            .collect();
        names.sort();
        names
    }

    /// Gives up those of `variables` that `code` mentions. A cell that was left behind may have been about to change
    /// them, so what they are is not known: they are moved away unseen, and never dropped.
    fn forget(&mut self, variables: &[String], code: &str) -> Vec<String> {
        let words = code.split(|c: char| !(c.is_alphanumeric() || c == '_'));
        let mentioned: HashSet<&str> = words.collect();
        let mut lost = variables.to_vec();
        lost.retain(|name| mentioned.contains(name.trim_start_matches("r#")));
        if lost.is_empty() {
            return lost;
        }
        let forget: String = lost.iter().map(|name| format!("std::mem::forget({name});")).collect();
        self.link.begin(OWN_CELL, None, false);
        let forgotten = self.evcxr.execute(&forget);
        self.link.end(OWN_CELL);
        if forgotten.is_err() && !self.is_subshell() {
            lost = variables.to_vec();
            self.replace_host();
        }
        lost
    }

    /// Has evcxr's analyzer look at everything, from the next cell on.
    fn see(&mut self) {
        if !self.sees {
            // It looks again when Cargo.toml changes; a comment is a change.
            self.looks += 1;
            let comment = format!(":opt {} # look {}", self.level_of_optimization(), self.looks);
            self.sees = self.evcxr.execute(&comment).is_ok();
            // Of the packages that cells have added the real cargo has to tell.
            let added = self.packages.are_changed();
            let _normal = added.then(environment::normal);
            let _stand_in = (!added).then(|| environment::with_stand_in(&self.analyzer_cargo));
            // It is about the looking, not about what is found; if it fails, the next cell looks again.
            let _ = self.evcxr.completions("()", 2);
        }
    }

    /// What `:opt` has said last.
    fn level_of_optimization(&self) -> String {
        let manifest = std::fs::read_to_string(self.dir.crate_dir().join("Cargo.toml")).unwrap_or_default();
        let manifest: toml::Table = manifest.parse().unwrap_or_default();
        let level = || manifest.get("profile")?.get("dev")?.get("opt-level");
        level().map_or("0".to_owned(), toml::Value::to_string)
    }

    /// Ends the host, if it has not died, and starts a new one.
    fn replace_host(&mut self) {
        let variables = self.variables();
        self.fates.note(variables, Fate::Gone);
        self.definitions.begin_statics_anew();
        // evcxr's own `:restart` keeps the names of variables whose values are gone. When it finds the
        // host dead, it forgets them.
        let host = self.host();
        let _ = host.lock().unwrap_or_else(PoisonError::into_inner).kill();
        self.link.wait_until_gone();
        // If it does not work, neither does the cell that follows, and that is told.
        let _ = self.evcxr.execute("();");
    }
}

/// Why evcxr has not run to its end what it was given.
struct Failure {
    error: Error,
    /// How many processes there were then.
    processes: usize,
}

/// What a cell needs that only another session has.
pub(super) enum Needs {
    /// Nothing.
    Nothing,
    /// A library that differs in this. Nothing is lost with this session.
    Library(Vec<Difference>),
    /// Something that cannot be had, and why.
    Refused(Outcome),
}

/// The packages that a cell adds, with their versions, as far as cargo knows them.
fn packages_of(added: &[(String, String)], resolved: &Resolved) -> Vec<String> {
    let names = added.iter().map(|(name, config)| {
        let config: Option<toml::Table> = format!("it = {config}").parse().ok();
        let renamed = config.and_then(|config| config.get("it")?.get("package")?.as_str().map(str::to_owned));
        renamed.unwrap_or_else(|| name.clone())
    });
    let same = |name: &str, other: &str| name.replace('_', "-") == other.replace('_', "-");
    let found = names.flat_map(|name| resolved.direct.iter().filter(move |(other, _)| same(&name, other)));
    found.map(|(name, version)| format!("{name} {version}")).collect()
}

/// Dependencies with those that were added later; of one package there is one.
fn merged(earlier: &[(String, String)], later: &[(String, String)]) -> Vec<(String, String)> {
    let replaced = |name: &String| later.iter().any(|(other, _)| other == name);
    let kept = earlier.iter().filter(|(name, _)| !replaced(name));
    kept.chain(later).cloned().collect()
}

/// Errors that a wrong type beside a `let` may give.
const ABOUT_TYPES: [&str; 11] = [
    "E0106", "E0107", "E0191", "E0225", "E0282", "E0283", "E0284", "E0308", "E0412", "E0433", "E0603",
];

fn is_about_types(error: &Error) -> bool {
    let Error::CompilationErrors(errors) = error else {
        return false;
    };
    let mut codes = errors.iter().filter_map(|error| error.code());
    codes.any(|code| ABOUT_TYPES.contains(&code))
}

/// Prints what the host writes before it is connected.
fn forward(outputs: EvalContextOutputs, link: &Link) {
    for (name, lines) in [
        (StreamName::Stdout, outputs.stdout),
        (StreamName::Stderr, outputs.stderr),
    ] {
        let link = link.clone();
        std::thread::spawn(move || {
            for line in lines {
                link.print(name, format!("{line}\n"));
            }
        });
    }
}

/// Gives evcxr the dependencies and the prelude of all cells.
fn set_up(
    mut context: EvalContext,
    for_cargo: Vec<(&'static str, String)>,
    prepared: &Prepared,
    dir: &SessionDir,
    link: &Link,
) -> Result<CommandContext> {
    let refused = |error: Error| anyhow!("the session cannot be set up: {error}");
    let mut state = context.state();
    // What is built ahead is all that is needed; nothing is fetched.
    state.set_offline_mode(true);
    state.set_linker("system".to_owned());
    state.set_opt_level("0").map_err(refused)?;
    state.set_error_format("{:?}").map_err(refused)?;
    for (name, value) in for_cargo {
        state.set_build_env(name, &value);
    }
    for (name, config) in prepared.dependencies() {
        state.add_dep(name, &config).map_err(refused)?;
    }
    // To check a dependency, evcxr has cargo resolve it alone, which leaves a lock file without the others.
    std::fs::copy(
        prepared.template().join("Cargo.lock"),
        dir.crate_dir().join("Cargo.lock"),
    )
    .context("the prepared lock file cannot be copied")?;
    link.begin(OWN_CELL, None, false);
    context.eval_with_state(PRELUDE, state).map_err(refused)?;
    link.end(OWN_CELL);

    let mut evcxr = CommandContext::with_eval_context(context);
    // From here on `:dep` may fetch.
    evcxr.execute(":offline 0").map_err(refused)?;
    Ok(evcxr)
}

/// Defines what another session has: the main shell's for a subshell, or one with another library.
fn take_over(evcxr: &mut CommandContext, link: &Link, inherited: &Inherited) -> Result<()> {
    let code = inherited.code();
    if code.is_empty() {
        return Ok(());
    }
    link.begin(OWN_CELL, None, false);
    let defined = evcxr.execute(&code);
    link.end(OWN_CELL);
    defined
        .map(drop)
        .map_err(|error| anyhow!("what cells have defined does not compile anew: {error}"))
}
