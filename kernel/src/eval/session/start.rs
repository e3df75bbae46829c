//! How a session starts: evcxr and its host, set up so that a cell compiles once.

use std::path::PathBuf;
use std::process::Command;
use std::sync::PoisonError;

use anyhow::{Context as _, Result, anyhow, ensure};
use crabtree_link::{BACKTRACE_ENV, GENERATED, LINK_ENV, SUBSHELL_ENV};
use evcxr::{CommandContext, Error, EvalContext, EvalContextOutputs};
use tokio::sync::mpsc::UnboundedSender;

use super::{Role, Session};
use crate::cache::{Prepared, Resolved, SessionDir};
use crate::eval::ahead::{self, Ahead};
use crate::eval::assist::Assist;
use crate::eval::cargo::Tools;
use crate::eval::environment::{self, Blind};
use crate::eval::link::{Link, OWN_CELL};
use crate::eval::locate::Listings;
use crate::eval::mistakes::{Fate, Fates};
use crate::eval::rewrite::dependencies;
use crate::eval::subshell::{self, Inherited};
use crate::eval::{Event, StreamName};

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

impl Session {
    /// Starts a host, or an evaluator in the one that there is, and readies everything for the first cell. The session has
    /// what it takes over.
    pub(in crate::eval) fn start(
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
