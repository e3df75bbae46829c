//! The commands and their options.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::compare::{self, CompareOptions};
use crate::import::{self, ImportOptions};
use crate::install::{InstallOptions, Scope};
use crate::run::RunOptions;
use crate::{doctor, install, jupyter, run};

/// The kernel's name in front ends.
const DISPLAY_NAME: &str = "Rust (Crabtree)";

/// A Jupyter kernel that keeps Rust processes alive from cell to cell.
#[derive(Parser)]
#[command(name = "crabtree", version, propagate_version = true, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Execute notebooks and write them with their outputs.
    ///
    /// NAME.ipynb becomes NAME.executed.ipynb beside it, and NAME.executed.html with --html. Needs neither Jupyter nor Python,
    /// nor `crabtree install`. The first run builds the runtime, which takes a minute. Ends with an error at the first
    /// cell that fails, unless the cell carries the tag raises-exception; what was executed until then is written as well.
    Run(RunOptions),
    /// Compare the outputs of a notebook with those of another run of it.
    ///
    /// Pids, references, local ports, times and temporary files may differ, as long as each pid stands for one other. A
    /// cell tagged unordered-output may put out its lines in any order; in one tagged varying-numbers each number may stand
    /// for another one; of one tagged varying-output only the kinds of outputs are compared. Ends with an error if anything else is not the same.
    Compare(CompareOptions),
    /// Turn a notebook of Livebook into one for Jupyter.
    ///
    /// Text stays as it is, attachments go to files/ beside the result, and links to other notebooks of Livebook lead to
    /// what they become. Elixir and Erlang cells, with the outputs that were saved, become text as well, each with an
    /// empty cell below that waits for Rust.
    Import(ImportOptions),
    /// Make the kernel known to Jupyter, and build the runtime for cells ahead of time.
    Install(InstallArgs),
    /// Take the kernel out of Jupyter's list again.
    Uninstall(KernelArgs),
    /// Check everything the kernel needs; say what to do about what is missing.
    Doctor,
    /// Be the kernel of one session. Front ends call this.
    Kernel {
        /// The file in which the front end says where the sockets are.
        connection_file: PathBuf,
        /// What front ends pass on of their own arguments, as `jupyter run` does. It is ignored.
        #[arg(hide = true)]
        others: Vec<String>,
    },
}

/// How the kernel is registered.
#[derive(Args)]
struct InstallArgs {
    #[command(flatten)]
    kernel: KernelArgs,
    /// The name that front ends show.
    #[arg(long, default_value = DISPLAY_NAME)]
    display_name: String,
}

/// Which registration is meant.
#[derive(Args)]
struct KernelArgs {
    #[command(flatten)]
    place: PlaceArgs,
    /// The directory's name, by which tools call the kernel.
    #[arg(long, default_value = "crabtree")]
    name: String,
}

#[derive(Args)]
#[group(multiple = false)]
struct PlaceArgs {
    /// For the current user (default).
    #[arg(long)]
    user: bool,
    /// For the active Python environment: a venv or a Conda environment.
    #[arg(long)]
    sys_prefix: bool,
    /// In DIR/share/jupyter.
    #[arg(long, value_name = "DIR")]
    prefix: Option<PathBuf>,
}

impl KernelArgs {
    fn shown_as(self, display_name: String) -> InstallOptions {
        let scope = match self.place {
            PlaceArgs {
                prefix: Some(prefix), ..
            } => Scope::Prefix(prefix),
            PlaceArgs { sys_prefix: true, .. } => Scope::SysPrefix,
            PlaceArgs { .. } => Scope::User,
        };
        InstallOptions {
            scope,
            name: self.name,
            display_name,
        }
    }
}

/// Does what the command line asks for.
///
/// # Errors
///
/// What was asked for cannot be done; the message is for the user.
pub(crate) fn execute() -> anyhow::Result<ExitCode> {
    match Cli::parse().command {
        Command::Run(options) => return run::run(&options),
        Command::Compare(options) => return compare::compare(&options),
        Command::Import(options) => import::import(&options)?,
        Command::Install(args) => install::install(args.kernel.shown_as(args.display_name))?,
        Command::Uninstall(args) => install::uninstall(args.shown_as(DISPLAY_NAME.to_owned()))?,
        Command::Doctor => {
            if !doctor::doctor()? {
                return Ok(ExitCode::FAILURE);
            }
        }
        Command::Kernel { connection_file, .. } => jupyter::serve(&connection_file)?,
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn only_one_place_can_be_named() {
        assert!(Cli::try_parse_from(["crabtree", "install", "--user", "--prefix", "x"]).is_err());
        assert!(Cli::try_parse_from(["crabtree", "install", "--prefix", "x"]).is_ok());
    }
}
