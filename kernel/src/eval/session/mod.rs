//! One session: an evcxr context, the host that it drives, and the link between.

mod packages;
mod start;

use std::collections::HashSet;
use std::path::PathBuf;
use std::process::Child;
use std::sync::{Arc, Mutex, PoisonError};

use crabtree_link::CellEnd;
use evcxr::{CommandContext, Error, EvalOutputs};
use serde_json::Value;
use tokio::sync::mpsc::UnboundedSender;

pub(super) use packages::Needs;

use super::ahead::Ahead;
use super::assist::{Assist, Change, commands};
use super::link::{Ending, Link, OWN_CELL};
use super::local::LocalPackages;
use super::locate::Listings;
use super::mistakes::{self, Fate, Fates};
use super::redefine::Definitions;
use super::rewrite::{Cell, Edit, Request, Rewritten, before, request, rewrite, split, written_types};
use super::subshell::Inherited;
use super::timings::mark;
use super::{CellId, Event, Job, MimeBundle, Outcome, StreamName, outcome, report};
use crate::cache::{Packages, Prepared, Resolved, SessionDir};

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
