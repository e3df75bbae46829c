//! Subshells: evaluators beside the main one, in the same host.
//!
//! A subshell has an evcxr of its own, in a directory of its own. It begins with the items and dependencies that the main
//! shell has then; variables belong to the shell that made them, for the cell that runs has them in its hands. What evcxr
//! takes for its host is a process that hands on what it is told ([`hand_on`]): the kernel joins it to the one host, which
//! loads the libraries of all shells, so that their cells share processes and whatever else there is.
//!
//! Shells send each other messages, so a type must not have the path of another shell's type unless it is the same.
//! [`Definitions`] sees to that for items. What a cell defines within its code has the path of the function that evcxr
//! makes of it, and each evcxr counts these from zero; so [`name_functions`] gives those of a subshell other names.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use crabtree_link::{FUNCTION, Opening, SUBSHELL_ENV, frame};
use ra_ap_syntax::ast::{self, AstNode as _};

use super::local::LocalPackages;
use super::locate::Listings;
use super::redefine::{Definitions, names};
use super::rewrite::split;
use crate::cache::Features;

/// Tells this program, where cargo calls it in the place of rustc, for which subshell that is.
const NUMBER_ENV: &str = "CRABTREE_SUBSHELL_NUMBER";

/// What a subshell takes over from the main shell.
#[derive(Clone, Debug, Default)]
pub(super) struct Inherited {
    /// The items, as they were compiled.
    items: Items,
    /// What is known of them.
    pub(super) definitions: Definitions,
    /// The main shell's variables, which are not taken over.
    pub(super) variables: Vec<String>,
    /// Where places in cells come from; none before the main shell has started.
    pub(super) listings: Option<Listings>,
    /// The packages of all shells that are on this machine.
    pub(super) local: LocalPackages,
    /// The features that the host's library has and others have not.
    pub(super) features: Features,
}

impl Inherited {
    /// The same where places in cells come from `listings`.
    pub(super) fn placed(&self, listings: Listings) -> Inherited {
        Inherited {
            listings: Some(listings),
            ..self.clone()
        }
    }

    /// What a session takes over from this one that has a host of its own, with such a library.
    pub(super) fn for_another(&self, features: Features) -> Inherited {
        Inherited {
            variables: Vec::new(),
            listings: None,
            features,
            ..self.clone()
        }
    }

    /// A cell of the main shell has succeeded: `text` is what evcxr got of it.
    pub(super) fn note(&mut self, text: &str, definitions: &Definitions, variables: Vec<String>) {
        self.items.note(text);
        self.definitions = definitions.clone();
        self.variables = variables;
    }

    /// The main shell has followed commands.
    pub(super) fn note_commands(&mut self, text: &str) {
        for line in text.lines().filter(|line| line.trim_start().starts_with(":dep ")) {
            push(&mut self.items.dependencies, line.trim());
        }
    }

    /// The cell that defines all of it.
    pub(super) fn code(&self) -> String {
        self.items.code()
    }
}

/// Items as evcxr keeps them: by name, each with the `impl`s that follow it.
#[derive(Clone, Debug, Default)]
struct Items {
    dependencies: Vec<String>,
    imports: Vec<String>,
    unnamed: Vec<String>,
    named: BTreeMap<String, String>,
}

impl Items {
    fn note(&mut self, text: &str) {
        let mut owner: Option<String> = None;
        for statement in split(text) {
            let Some(item) = ast::Item::cast(statement.node.clone()) else {
                continue;
            };
            let (item_names, text) = (names(&item), &text[statement.node_range()]);
            match (item, item_names.first()) {
                (ast::Item::Use(_) | ast::Item::ExternCrate(_), _) => {
                    for name in &item_names {
                        self.named.remove(name);
                    }
                    push(&mut self.imports, text);
                }
                (item, Some(name)) => {
                    self.named.insert(name.clone(), text.to_owned());
                    if !matches!(item, ast::Item::MacroRules(_)) {
                        owner = Some(name.clone());
                    }
                }
                (_, None) => match owner.as_ref().and_then(|owner| self.named.get_mut(owner)) {
                    Some(owner) => {
                        owner.push('\n');
                        owner.push_str(text);
                    }
                    None => push(&mut self.unnamed, text),
                },
            }
        }
    }

    fn code(&self) -> String {
        let items = self.imports.iter().chain(&self.unnamed).chain(self.named.values());
        let lines: Vec<&str> = self.dependencies.iter().chain(items).map(String::as_str).collect();
        lines.join("\n")
    }
}

/// Puts a text at the end, once.
fn push(texts: &mut Vec<String>, text: &str) {
    texts.retain(|known| known != text);
    texts.push(text.to_owned());
}

/// The environment in which cargo compiles the cells of a subshell; `program` is this one.
pub(super) fn for_cargo(number: u32, program: &Path) -> [(&'static str, String); 2] {
    [
        (NUMBER_ENV, number.to_string()),
        ("RUSTC_WRAPPER", program.display().to_string()),
    ]
}

/// Does what this program does for subshells, if that is what it was started for; returns otherwise.
pub(super) fn hook() {
    if let Ok(number) = std::env::var(NUMBER_ENV) {
        let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
        let is_cell = arguments.windows(2).any(|two| two == ["--crate-name", "ctx"]);
        let named = if is_cell {
            name_functions(Path::new("src/lib.rs"), &number)
        } else {
            Ok(())
        };
        let rustc = arguments.first().cloned().unwrap_or_default();
        let error = named
            .err()
            .unwrap_or_else(|| Command::new(rustc).args(arguments.iter().skip(1)).exec());
        eprintln!("error: cannot run the compiler: {error}");
        std::process::exit(1);
    }
    if let Some(path) = std::env::var_os(SUBSHELL_ENV) {
        let done = hand_on(Path::new(&path));
        std::process::exit(i32::from(done.is_err()));
    }
}

/// Gives the functions in evcxr's source names that no other shell has.
fn name_functions(source: &Path, number: &str) -> io::Result<()> {
    let text = std::fs::read_to_string(source)?;
    let (theirs, ours) = (format!("fn {FUNCTION}"), format!("fn {FUNCTION}s{number}_"));
    if text.contains(&ours) {
        return Ok(());
    }
    std::fs::write(source, text.replace(&theirs, &ours))
}

/// Hands evcxr's commands on to the kernel, and back what is answered; ends with either of them.
fn hand_on(path: &Path) -> io::Result<()> {
    let mut kernel = UnixStream::connect(path)?;
    frame::write(&mut kernel, &Opening::Commands { of_host: false })?;
    let mut answers = kernel.try_clone()?;
    std::thread::spawn(move || {
        let evcxr = io::stdout().as_fd().try_clone_to_owned();
        let copied = evcxr.and_then(|evcxr| copy(&mut answers, &mut File::from(evcxr)));
        std::process::exit(i32::from(copied.is_err()));
    });
    let mut commands = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    copy(&mut commands, &mut kernel)
}

/// Not [`io::copy`], which has Linux move bytes from the socket into the pipe: waiting for the socket, Linux keeps readers
/// from the pipe, though it has bytes.
fn copy(from: &mut impl Read, to: &mut impl Write) -> io::Result<()> {
    let mut buffer = [0; 4096];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(length) => to.write_all(&buffer[..length])?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Joins two connections until one of them ends.
pub(super) fn join(one: UnixStream, other: UnixStream) {
    let both = one.try_clone().and_then(|one| Ok((one, other.try_clone()?)));
    let Ok((one_out, other_out)) = both else { return };
    for (mut from, mut to) in [(one, other_out), (other, one_out)] {
        std::thread::spawn(move || {
            let _ended = io::copy(&mut from, &mut to);
            let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subshell_gets_the_last_definition_of_each_name_with_its_impls() {
        let mut inherited = Inherited::default();
        inherited.note_commands("// what follows is needed\n:dep one = \"1\"\n:opt 0\n();");
        for cell in [
            "use a::T;\nstruct A;\nimpl A { fn f() {} }\nlet x = \"\n:dep two\";",
            "impl Clone for A { fn clone(&self) -> A { A } }",
            "struct A(u8);\nimpl A { fn g() {} }\nmacro_rules! m { () => {} }\nimpl Copy for A {}",
            "use a::T;\nuse b::B;\nstruct C;",
            "use c::C;",
        ] {
            inherited.items.note(cell);
        }
        assert_eq!(
            inherited.code(),
            ":dep one = \"1\"\nuse a::T;\nuse b::B;\nuse c::C;\nimpl Clone for A { fn clone(&self) -> A { A } }\n\
             struct A(u8);\nimpl A { fn g() {} }\nimpl Copy for A {}\nmacro_rules! m { () => {} }"
        );
    }
}
