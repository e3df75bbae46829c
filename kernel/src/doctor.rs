//! Checks whatever the kernel needs, and says what to do about what is missing.

use std::process::Command;
use std::time::Instant;

use anyhow::Result;
use console::style;

use crate::cache::{self, Toolchain};
use crate::eval::{CellId, Engine, EngineOptions, Event, Outcome};
use crate::install;

/// What a check found.
enum Finding {
    /// All is well; what was found.
    Good(String),
    /// Something is missing; what, and what to do.
    Bad { problem: String, remedy: String },
    /// It could not be looked at, for something else is missing.
    Skipped(&'static str),
}

impl Finding {
    fn bad(problem: impl Into<String>, remedy: impl Into<String>) -> Finding {
        Finding::Bad {
            problem: problem.into(),
            remedy: remedy.into(),
        }
    }
}

/// Checks everything and prints a line for each check; true if all is well.
///
/// # Errors
///
/// None now: what goes wrong is a finding.
pub(crate) fn doctor() -> Result<bool> {
    let toolchain = Toolchain::find();
    let mut well = true;
    let mut tell = |name: &str, finding: Finding| well &= print(name, &finding);

    tell("toolchain", check_toolchain(toolchain.as_ref()));
    let toolchain = toolchain.ok();
    tell(
        "rust-src",
        toolchain
            .as_ref()
            .map_or(Finding::Skipped("no toolchain"), check_sources),
    );
    tell("linker", check_linker());
    tell("kernelspec", check_kernelspec());
    let cached = toolchain.as_ref().map_or(Finding::Skipped("no toolchain"), check_cache);
    let warm = matches!(cached, Finding::Good(_));
    tell("cache", cached);
    tell(
        "trial cell",
        if warm {
            check_cell()
        } else {
            Finding::Skipped("the cache is not ready")
        },
    );
    Ok(well)
}

fn print(name: &str, finding: &Finding) -> bool {
    let name = format!("{name:11}");
    match finding {
        Finding::Good(text) => println!("{} {name} {text}", style("ok  ").green()),
        Finding::Bad { problem, remedy } => {
            println!("{} {name} {problem}", style("FAIL").red().bold());
            println!("     {:11} → {remedy}", "");
        }
        Finding::Skipped(why) => println!("{} {name} not checked: {why}", style("-   ").dim()),
    }
    matches!(finding, Finding::Good(_))
}

fn check_toolchain(toolchain: Result<&Toolchain, &anyhow::Error>) -> Finding {
    let toolchain = match toolchain {
        Ok(toolchain) => toolchain,
        Err(error) => return Finding::bad(format!("{error:#}"), "install Rust from https://rustup.rs"),
    };
    let cargo = Command::new(&toolchain.cargo).arg("--version").output();
    if !cargo.is_ok_and(|output| output.status.success()) {
        let problem = format!("{} does not run", toolchain.cargo.display());
        return Finding::bad(problem, "install Rust from https://rustup.rs");
    }
    let needed = env!("CARGO_PKG_RUST_VERSION");
    let release = toolchain.release();
    match version(release.split_whitespace().nth(1).unwrap_or_default()) >= version(needed) {
        true => Finding::Good(format!("{release} at {}", toolchain.rustc.display())),
        false => Finding::bad(format!("{release} is older than {needed}"), "run `rustup update`"),
    }
}

/// `1.95.0-nightly` as numbers.
fn version(text: &str) -> Vec<u32> {
    let mut numbers: Vec<u32> = text.split(['.', '-']).map_while(|part| part.parse().ok()).collect();
    numbers.resize(3, 0);
    numbers
}

fn check_sources(toolchain: &Toolchain) -> Finding {
    let remedy = "run `rustup component add rust-src`: the types of a cell's variables are inferred from it";
    let sources = toolchain.library_sources();
    if sources.join("core/src/lib.rs").exists() {
        Finding::Good(sources.display().to_string())
    } else {
        Finding::bad(
            format!("the standard library's sources are not in {}", sources.display()),
            remedy,
        )
    }
}

fn check_linker() -> Finding {
    match Command::new("cc").arg("--version").output() {
        Ok(output) if output.status.success() => {
            let text = String::from_utf8_lossy(&output.stdout);
            Finding::Good(text.lines().next().unwrap_or("cc").to_owned())
        }
        _ => Finding::bad(
            "`cc` does not run; rustc links with it",
            "install a C compiler (Debian: `apt install gcc libc6-dev`)",
        ),
    }
}

fn check_kernelspec() -> Finding {
    let installed = install::installed();
    match installed
        .iter()
        .find(|(_, program)| program.exists())
        .or(installed.first())
    {
        None => Finding::bad("Jupyter does not know this kernel", "run `crabtree install`"),
        Some((spec, program)) if !program.exists() => {
            let problem = format!("{} starts {}, which is gone", spec.display(), program.display());
            Finding::bad(problem, "run `crabtree install` again")
        }
        Some((spec, _)) => Finding::Good(spec.display().to_string()),
    }
}

fn check_cache(toolchain: &Toolchain) -> Finding {
    match (cache::is_warm(toolchain), cache::root()) {
        (Ok(true), Ok(root)) => Finding::Good(format!("the runtime for cells is built, in {}", root.display())),
        (Ok(_), Ok(root)) => {
            let problem = format!(
                "the runtime for cells is not built for this version in {}",
                root.display()
            );
            Finding::bad(problem, "run `crabtree install`, or wait for it at the first cell")
        }
        (Err(error), _) | (_, Err(error)) => Finding::bad(format!("{error:#}"), format!("set {}", cache::CACHE_ENV)),
    }
}

/// Starts a session and runs `1 + 1`.
fn check_cell() -> Finding {
    let remedy = "if the lines above are fine, please report this";
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return Finding::bad(error.to_string(), remedy),
    };
    runtime.block_on(async {
        let started = Instant::now();
        let (sender, mut events) = tokio::sync::mpsc::unbounded_channel();
        let engine = Engine::start(EngineOptions::default(), sender);
        let outcome = engine.execute(CellId(1), None, 1, "1 + 1".to_owned()).await;
        let seconds = started.elapsed().as_secs_f64();
        engine.shutdown().await;
        let mut shown = None;
        while let Ok(event) = events.try_recv() {
            if let Event::Result { data, .. } = event {
                shown = data["text/plain"].as_str().map(str::to_owned);
            }
        }
        match (outcome, shown.as_deref()) {
            (Outcome::Ok, Some("2")) => Finding::Good(format!("1 + 1 is 2, {seconds:.1} s after the start")),
            (Outcome::Error(error), _) => Finding::bad(format!("{}: {}", error.ename, error.evalue), remedy),
            (outcome, shown) => Finding::bad(format!("1 + 1 gave {shown:?} ({outcome:?})"), remedy),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_number() {
        assert!(version("1.100.0") > version("1.95"));
        assert!(version("1.95.0-nightly") >= version("1.95"));
        assert!(version("1.94.9") < version("1.95"));
    }
}
