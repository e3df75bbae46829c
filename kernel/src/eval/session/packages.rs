//! What cells are compiled with: packages that they add, and what evcxr's analyzer is told of them.

use std::sync::PoisonError;

use super::{Failure, Role, Session};
use crate::cache::{Difference, Resolved};
use crate::eval::building::{self, Report};
use crate::eval::link::{Ending, OWN_CELL};
use crate::eval::rewrite::{Rewritten, adds_dependencies, dependencies, request, runs_programs};
use crate::eval::{CellId, Job, Outcome, StreamName, environment, outcome};

/// What a cell needs that only another session has.
pub(in crate::eval) enum Needs {
    /// Nothing.
    Nothing,
    /// A library that differs in this. Nothing is lost with this session.
    Library(Vec<Difference>),
    /// Something that cannot be had, and why.
    Refused(Outcome),
}

impl Session {
    /// What a cell needs that only another session has. To ask changes nothing but what is known of the packages that it
    /// adds.
    pub(in crate::eval) fn needs(&mut self, code: &str) -> Needs {
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

    /// Tells evcxr what the commands `before` a cell say of what cells are compiled with. It is so from here on, whatever
    /// becomes of the cell.
    pub(super) fn change_compilation(&mut self, job: &Job, before: &Rewritten) -> Result<(), Failure> {
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

    /// Has cargo compile each content of a package as what it is.
    pub(super) fn tell_versions_apart(&mut self) {
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

    /// Has evcxr's analyzer look at everything, from the next cell on.
    pub(super) fn see(&mut self) {
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
