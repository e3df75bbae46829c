//! `crabtree import`: a Livebook notebook becomes one for Jupyter, to be ported cell by cell.
//!
//! Prose stays what it is. Each Elixir cell becomes Markdown, for reading, with an empty code cell below, for the Rust
//! that does the same.
//!
//! # Layout
//!
//! - [`livemd`]: Livebook's format, read.
//! - [`ipynb`]: what was read as a notebook.

mod ipynb;
mod livemd;

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

/// Where Livebook keeps the files that belong to a notebook, beside it; some repositories have them elsewhere.
const ATTACHMENTS: [&str; 3] = ["files", "images", "."];

/// What is imported, and where it goes.
#[derive(clap::Args, Debug)]
pub(crate) struct ImportOptions {
    /// A notebook of Livebook.
    #[arg(value_name = "FILE.livemd")]
    source: PathBuf,
    /// Where to write the result [default: FILE.ipynb beside it].
    #[arg(short, long, value_name = "FILE.ipynb")]
    output: Option<PathBuf>,
    /// Replace a file that is there already.
    #[arg(long)]
    force: bool,
}

/// Reads the notebook of Livebook, writes one for Jupyter, and copies its attachments to where its links expect them.
///
/// # Errors
///
/// The source cannot be read or is no text; the target is there already, or cannot be written.
pub(crate) fn import(options: &ImportOptions) -> anyhow::Result<()> {
    let source = &options.source;
    let text = std::fs::read_to_string(source).with_context(|| format!("cannot read {}", source.display()))?;
    let target = options.output.clone().unwrap_or_else(|| source.with_extension("ipynb"));
    if target.exists() && !options.force {
        bail!(
            "{} is there already; --force replaces it, -o names another file",
            target.display()
        );
    }
    let notebook = livemd::parse(&text);
    let mut json = serde_json::to_string_pretty(&ipynb::notebook(&notebook)).context("cannot write JSON")?;
    json.push('\n');
    std::fs::write(&target, json).with_context(|| format!("cannot write {}", target.display()))?;
    eprintln!("wrote {}", target.display());
    for name in &notebook.attachments {
        attach(name, directory(source), directory(&target))?;
    }
    let (cells, outputs) = (notebook.code_cells().count(), notebook.outputs());
    eprintln!("{cells} code cells to port, {outputs} saved outputs kept as text");
    Ok(())
}

/// Copies an attachment to where the links of the new notebook look for it.
fn attach(name: &str, from: &Path, to: &Path) -> anyhow::Result<()> {
    let is_plain = Path::new(name).file_name().is_some_and(|file| file == name);
    let found = ATTACHMENTS
        .iter()
        .map(|place| from.join(place).join(name))
        .find(|path| path.is_file());
    let Some(found) = found.filter(|_| is_plain) else {
        eprintln!(
            "note: the attachment {name:?} was not found in {}, {} or beside the notebook; links to it lead nowhere",
            from.join(ATTACHMENTS[0]).display(),
            from.join(ATTACHMENTS[1]).display(),
        );
        return Ok(());
    };
    let directory = to.join(ATTACHMENTS[0]);
    let target = directory.join(name);
    let is_there = target
        .canonicalize()
        .is_ok_and(|there| found.canonicalize().is_ok_and(|found| there == found));
    if is_there {
        return Ok(());
    }
    std::fs::create_dir_all(&directory).with_context(|| format!("cannot make {}", directory.display()))?;
    std::fs::copy(&found, &target).with_context(|| format!("cannot write {}", target.display()))?;
    eprintln!("wrote {}", target.display());
    Ok(())
}

fn directory(file: &Path) -> &Path {
    match file.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}
