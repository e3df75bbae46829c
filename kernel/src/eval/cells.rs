//! Libraries of cells, and types of their variables, which sessions lend each other.
//!
//! A notebook is run again, by its reader the next day or by CI, and most of its cells become the same source in the same
//! circumstances as the last time. What rustc made of them then is taken instead of calling it again, and what the analyzer
//! found out instead of waiting for it.
//!
//! What must hold, for a library to be what rustc would make now:
//!
//! - It is found by all that rustc's output depends on: the circumstances of a build ([`cargo`](super::cargo)), the words
//!   of the call, and the source.
//! - rustc has read nothing but the source, as it says itself in the file beside the library: no other file and no variable
//!   of the environment ([`reads_only_source`]).
//! - All that the cell is compiled with is the build's own, which never changes.
//!
//! evcxr emits items and variables in another order in each session. That makes no difference but to places in the source,
//! so a library is kept with the source that it was compiled from, and found by one in which such things are sorted
//! ([`sorted`]). Types need no such care: they are written into the cell, and if they are wrong, it does not compile with them.
//!
//! Who keeps something writes a file and gives it its name then. So sessions need no lock; and a file whose lengths are not
//! what it says, as a machine that lost its power may leave it, is none.

use std::fs::{self, DirBuilder, File};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context as _, Result};
use ra_ap_syntax::ast::{self, AstNode as _, HasName as _};
use ra_ap_syntax::{Edition, NodeOrToken, SourceFile, SyntaxKind, SyntaxNode};
use sha2::{Digest as _, Sha256};

use super::ahead;
use crate::cache::write_whole;

/// Set to `0`, nothing is kept or taken.
const KEEP_CELLS_ENV: &str = "CRABTREE_KEEP_CELLS";

/// So many bytes are kept at most; what was not used for longest goes first.
const KEPT: u64 = 256 << 20;

/// What evcxr calls the function that runs a cell.
const FUNCTION: &str = "run_user_code_";

/// What the statements begin with that evcxr writes for each variable.
const OF_VARIABLES: [&str; 2] = [
    "vars_ok &= evcxr_variable_store.",
    "evcxr_variable_store.put_variable::<",
];
/// What the others bind.
const TAKES_VARIABLE: &str = "evcxr_variable_store.take_variable::<";

/// Assembly can include files that rustc does not hear of.
const ASSEMBLY: &str = "asm!";

/// Whether anything is to be kept.
pub(super) fn are_kept() -> bool {
    std::env::var_os(KEEP_CELLS_ENV).is_none_or(|keep| keep != "0")
}

/// Where something is kept, if it is.
#[derive(Debug)]
pub(super) struct Place {
    dir: PathBuf,
    name: String,
}

/// A cell that was compiled.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Compiled {
    /// What it was compiled from.
    pub(super) source: String,
    /// What it became.
    pub(super) library: Vec<u8>,
}

impl Place {
    /// The place in `dir` for what rustc makes of `source` when it is called with these words in those circumstances. None
    /// if that is not kept.
    pub(super) fn of_library(dir: &Path, circumstances: &str, words: &[String], source: &str) -> Option<Place> {
        if source.contains(ASSEMBLY) {
            return None;
        }
        let source = sorted(source)?;
        let words = words.iter().map(String::as_str);
        Some(Place::named(
            dir,
            ["library", circumstances, &source].into_iter().chain(words),
        ))
    }

    /// The place in `dir` for the types of the variables that a cell binds, where `text` is all that the analyzer looks at.
    pub(super) fn of_types(dir: &Path, text: &str) -> Place {
        Place::named(dir, ["types", env!("CARGO_PKG_VERSION"), text].into_iter())
    }

    fn named<'a>(dir: &Path, parts: impl Iterator<Item = &'a str>) -> Place {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        Place {
            dir: dir.to_owned(),
            name: crate::hex::encode(&hash.finalize()),
        }
    }

    /// What is kept there.
    pub(super) fn find(&self) -> Option<Vec<u8>> {
        let path = self.dir.join(&self.name);
        let kept = fs::read(&path).ok()?;
        // If its use cannot be noted, it goes earlier.
        let _ = File::open(&path).and_then(|file| file.set_modified(SystemTime::now()));
        Some(kept)
    }

    /// Keeps something, and lets go what has become too much.
    pub(super) fn keep(&self, kept: &[u8]) -> Result<()> {
        self.keep_within(kept, KEPT)
    }

    fn keep_within(&self, kept: &[u8], bound: u64) -> Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.dir)?;
        write_whole(&self.dir.join(&self.name), kept)?;
        bound_to(&self.dir, bound).with_context(|| format!("cannot clean {}", self.dir.display()))
    }
}

impl Compiled {
    /// As a file has it: the lengths, the source and the library.
    pub(super) fn encode(&self) -> Vec<u8> {
        let lengths = [self.source.len(), self.library.len()].map(|length| (length as u64).to_le_bytes());
        [&lengths[0], &lengths[1], self.source.as_bytes(), &self.library].concat()
    }

    /// Reads what [`encode`](Compiled::encode) wrote; none if it is not all there.
    pub(super) fn decode(bytes: &[u8]) -> Option<Compiled> {
        let (source_length, rest) = bytes.split_first_chunk()?;
        let (library_length, rest) = rest.split_first_chunk()?;
        let (source, library) = rest.split_at_checked(usize::try_from(u64::from_le_bytes(*source_length)).ok()?)?;
        if library.is_empty() || library.len() as u64 != u64::from_le_bytes(*library_length) {
            return None;
        }
        Some(Compiled {
            source: String::from_utf8(source.to_vec()).ok()?,
            library: library.to_vec(),
        })
    }
}

/// Removes what was not used for longest, until no more than `bound` bytes are left.
fn bound_to(dir: &Path, bound: u64) -> Result<()> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir)?.flatten() {
        // Another session may have removed it.
        if let Ok(known) = entry.metadata() {
            files.push((known.modified()?, known.len(), entry.path()));
        }
    }
    let mut all: u64 = files.iter().map(|(_, length, _)| length).sum();
    files.sort_unstable();
    for (_, length, path) in files {
        if all <= bound {
            break;
        }
        let _ = fs::remove_file(path);
        all -= length;
    }
    Ok(())
}

/// Whether rustc has read nothing but the source, by what it says in its file for `make`. What is not understood is
/// taken for something else that was read.
pub(super) fn reads_only_source(dep_info: &str) -> bool {
    // A compiler that waited for the source reached it by way of the other file.
    let is_known = |file: &str| [crabtree_link::GENERATED, ahead::ROOT_FILE].contains(&file);
    let mut targets = 0;
    let all_known = dep_info.lines().all(|line| match line.split_once(':') {
        None => line.is_empty(),
        Some((file, "")) => is_known(file),
        Some((_, read)) => {
            targets += 1;
            !line.starts_with('#') && read.split_whitespace().all(is_known)
        }
    });
    all_known && targets > 0
}

/// A text that is the same for sources that differ only in the order of items, and of statements for variables. None for
/// what is no source of evcxr's.
fn sorted(source: &str) -> Option<String> {
    let parsed = SourceFile::parse(source, Edition::Edition2024);
    if !parsed.errors().is_empty() {
        return None;
    }
    let mut parts = Vec::new();
    let mut runs_cell = false;
    for part in parsed.syntax_node().children_with_tokens() {
        let text = match part {
            NodeOrToken::Token(token) if token.kind() == SyntaxKind::WHITESPACE => continue,
            NodeOrToken::Token(token) => token.text().to_owned(),
            NodeOrToken::Node(node) if is_function(&node) => {
                runs_cell = true;
                with_sorted_variables(&node)
            }
            NodeOrToken::Node(node) => node.text().to_string(),
        };
        parts.push(text);
    }
    parts.sort_unstable();
    // A text does not tell where one part ends and the next begins.
    let lengths: Vec<String> = parts.iter().map(|part| part.len().to_string()).collect();
    runs_cell.then(|| format!("{}\n{}", lengths.join(" "), parts.concat()))
}

fn is_function(node: &SyntaxNode) -> bool {
    let name = ast::Fn::cast(node.clone()).and_then(|function| function.name());
    name.is_some_and(|name| name.text().starts_with(FUNCTION))
}

/// The text of a function in which neighbours are sorted that are statements for variables.
fn with_sorted_variables(function: &SyntaxNode) -> String {
    let start = usize::from(function.text_range().start());
    let mut text = function.text().to_string();
    let lists = function
        .descendants()
        .filter(|node| node.kind() == SyntaxKind::STMT_LIST);
    for list in lists {
        let statements: Vec<SyntaxNode> = list.children().collect();
        for neighbours in statements.chunk_by(|one, next| is_of_variable(one) && is_of_variable(next)) {
            if neighbours.len() < 2 {
                continue;
            }
            let mut texts: Vec<String> = neighbours.iter().map(|node| node.text().to_string()).collect();
            texts.sort_unstable();
            let first = usize::from(neighbours[0].text_range().start()) - start;
            let last = usize::from(neighbours[neighbours.len() - 1].text_range().end()) - start;
            // What is between them has the same length after it.
            let between = last - first - texts.iter().map(String::len).sum::<usize>();
            let filler = " ".repeat(between);
            text.replace_range(first..last, &(texts.concat() + &filler));
        }
    }
    text
}

fn is_of_variable(statement: &SyntaxNode) -> bool {
    let text = statement.text().to_string();
    let bound = ast::LetStmt::cast(statement.clone()).and_then(|bound| bound.initializer());
    OF_VARIABLES.iter().any(|beginning| text.starts_with(beginning))
        || bound.is_some_and(|value| value.syntax().text().to_string().starts_with(TAKES_VARIABLE))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What evcxr makes of a cell that uses variables.
    fn source(items: &[&str], checks: &[&str], takes: &[&str], cell: &str, puts: &[&str]) -> String {
        let [items, checks, takes, puts] = [items, checks, takes, puts].map(|lines| lines.join("\n"));
        format!(
            "#![allow(unused_imports)]\n{items}\n#[unsafe(no_mangle)]\npub extern \"C\" fn run_user_code_7(store: *mut S) {{\n\
            {{let mut vars_ok = true;\n{checks}\nif !vars_ok {{return store;}}}}\n{takes}\n\
            match std::panic::catch_unwind(std::panic::AssertUnwindSafe(||{{\nlet mut mutex = lock(); match mutex.lock() {{ \
            Ok(guard) => guard, Err(poisoned) => poisoned.into_inner(), }}\n.block_on(async {{\n{cell}\n{puts}\nOk::<(), E>(())\n\
            }});\n}})) {{\n  Ok(_) => {{}}\n  Err(_) => {{}}}}\nstore\n}}\n"
        )
    }

    const ITEMS: [&str; 2] = ["fn a() {}", "struct B;"];
    const CHECKS: [&str; 2] = [
        "vars_ok &= evcxr_variable_store.check_variable::<u8>(stringify!(x));",
        "vars_ok &= evcxr_variable_store.check_variable::<Vec<u16>>(stringify!(yy));",
    ];
    const TAKES: [&str; 2] = [
        "let x = evcxr_variable_store.take_variable::<u8>(stringify!(x));",
        "let mut yy = evcxr_variable_store.take_variable::<Vec<u16>>(stringify!(yy));",
    ];
    const PUTS: [&str; 2] = [
        "evcxr_variable_store.put_variable::<u8>(stringify!(x), x);",
        "evcxr_variable_store.put_variable::<Vec<u16>>(stringify!(yy), yy);",
    ];

    fn reversed<'a>(lines: &[&'a str; 2]) -> [&'a str; 2] {
        [lines[1], lines[0]]
    }

    #[test]
    fn the_order_that_evcxr_writes_in_makes_no_difference() {
        let one = source(&ITEMS, &CHECKS, &TAKES, "a();", &PUTS);
        let other = source(
            &reversed(&ITEMS),
            &reversed(&CHECKS),
            &reversed(&TAKES),
            "a();",
            &reversed(&PUTS),
        );
        assert_ne!(one, other);
        assert_eq!(sorted(&one).unwrap(), sorted(&other).unwrap());
    }

    #[test]
    fn every_difference_that_a_reader_makes_is_one() {
        let code = "a();\nb();\nlet text = \"a();\\nb();\";";
        let one = sorted(&source(&ITEMS, &CHECKS, &TAKES, code, &PUTS)).unwrap();
        for other in [
            source(
                &ITEMS,
                &CHECKS,
                &TAKES,
                "b();\na();\nlet text = \"a();\\nb();\";",
                &PUTS,
            ),
            source(
                &ITEMS,
                &CHECKS,
                &TAKES,
                "a();\nb();\nlet text = \"b();\\na();\";",
                &PUTS,
            ),
            source(&["fn a() {}", "struct B(u8);"], &CHECKS, &TAKES, code, &PUTS),
            source(&["fn a() {}"], &CHECKS, &TAKES, code, &PUTS),
            source(&ITEMS, &CHECKS[..1], &TAKES, code, &PUTS),
            source(&ITEMS, &CHECKS, &TAKES[1..], code, &PUTS),
            source(&ITEMS, &CHECKS, &TAKES, code, &PUTS[..1]),
            source(&ITEMS, &CHECKS, &TAKES, code, &PUTS).replace("_code_7", "_code_8"),
        ] {
            assert_ne!(sorted(&other).unwrap(), one, "{other}");
        }
        assert_eq!(sorted("fn other() {}"), None);
        assert_eq!(sorted(&source(&ITEMS, &CHECKS, &TAKES, "a(;", &PUTS)), None);
    }

    #[test]
    fn a_library_is_kept_for_its_source_its_circumstances_and_its_call_only() {
        let dir = tempfile::tempdir().unwrap();
        let place = |circumstances: &str, word: &str, cell: &str| {
            let source = source(&ITEMS, &[], &[], cell, &[]);
            Place::of_library(dir.path(), circumstances, &[word.to_owned()], &source)
        };
        let kept = place("here", "-g", "a();").unwrap();
        assert_eq!(kept.find(), None);
        kept.keep(b"library").unwrap();
        assert_eq!(place("here", "-g", "a();").unwrap().find().unwrap(), b"library");
        for other in [
            place("there", "-g", "a();"),
            place("here", "-O", "a();"),
            place("here", "-g", "b();"),
        ] {
            assert_eq!(other.unwrap().find(), None);
        }
        assert!(place("here", "-g", "std::arch::asm!(\".incbin \\\"x\\\"\");").is_none());
    }

    #[test]
    fn a_file_that_was_cut_short_holds_nothing() {
        let compiled = Compiled {
            source: "fn a() {}".to_owned(),
            library: vec![1, 2, 3],
        };
        let bytes = compiled.encode();
        assert_eq!(Compiled::decode(&bytes), Some(compiled));
        for length in 0..bytes.len() {
            assert_eq!(Compiled::decode(&bytes[..length]), None, "{length}");
        }
        assert_eq!(Compiled::decode(&vec![0; bytes.len()]), None);
    }

    #[test]
    fn what_was_not_used_for_longest_goes_first() {
        let dir = tempfile::tempdir().unwrap();
        let place = |name: &str| Place {
            dir: dir.path().to_owned(),
            name: name.to_owned(),
        };
        let used = |name: &str, seconds: u64| {
            let file = File::open(dir.path().join(name)).unwrap();
            file.set_modified(SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(seconds))
                .unwrap();
        };
        for (name, seconds) in [("a", 1), ("b", 2), ("c", 3)] {
            place(name).keep_within(&[0; 1000], 3000).unwrap();
            used(name, seconds);
        }
        // By which it is the one used last.
        place("a").find().unwrap();
        place("d").keep_within(&[0; 1000], 3000).unwrap();
        let left = ["a", "b", "c", "d"].map(|name| place(name).find().is_some());
        assert_eq!(left, [true, false, true, true]);
    }

    #[test]
    fn what_rustc_read_beside_the_source_is_seen() {
        let own = "/s/ctx.d: src/lib.rs\n\n/s/libctx.so: src/lib.rs\n\nsrc/lib.rs:\n";
        assert!(reads_only_source(own));
        assert!(reads_only_source(
            "/s/ctx.d: root.rs src/lib.rs\n\nroot.rs:\nsrc/lib.rs:\n"
        ));
        for more in [
            "# env-dep:HOME=/u\n",
            "# env-dep:X\n",
            "a.txt:\n",
            "# checksum:x file_len:2 a\n",
            "what\n",
        ] {
            assert!(!reads_only_source(&format!("{own}{more}")), "{more}");
        }
        assert!(!reads_only_source("/s/ctx.d: src/lib.rs a.txt\n"));
        assert!(!reads_only_source(""));
    }
}
