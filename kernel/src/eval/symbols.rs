//! What the code at an address of a cell's library is called.

use std::path::{Path, PathBuf};

use addr2line::{Loader, demangle_auto};
use crabtree_link::{FUNCTION, GENERATED, path_in_cells};
use std::borrow::Cow;

use super::ahead;

/// The function that some code belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Function {
    /// One of a cell, and where it has come to in the source that was generated for the cell: line and column.
    Own(String, usize, usize),
    /// Code of others, such as a generic function of std, which was compiled with the cell.
    Other(String),
}

/// Looks up the code at `offset` of a library, which was compiled from `generated`.
pub(super) fn look_up(generated: &Path, library: &str, offset: u64) -> Option<Function> {
    let loader = Loader::new(find(generated, library)?).ok()?;
    let path = demangle_auto(Cow::Borrowed(loader.find_symbol(offset)?), None).into_owned();
    let Some(function) = in_the_cell(&path) else {
        return Some(Function::Other(without_hashes(&path)));
    };
    let mut frames = loader.find_frames(offset).ok()?;
    while let Ok(Some(frame)) = frames.next() {
        if let Some(place) = frame
            .location
            .filter(|place| place.file.is_some_and(|file| is_generated(file, generated)))
        {
            let line = usize::try_from(place.line?).ok()?;
            let column = usize::try_from(place.column.unwrap_or(1)).ok()?;
            return Some(Function::Own(function, line, column));
        }
    }
    Some(Function::Other(function))
}

/// Whether a file is that source, or was that of the session which compiled the library first: its directory is beside.
fn is_generated(file: &str, generated: &Path) -> bool {
    let file = Path::new(file);
    let place = |path: &Path| {
        let session = path.ancestors().nth(3)?;
        Some((
            session.parent()?.to_owned(),
            path.strip_prefix(session).ok()?.to_owned(),
        ))
    };
    let Some((sessions, own)) = place(generated) else {
        return file == generated;
    };
    // A compiler that waited for the cell worked beside the crate.
    let waited_for = Path::new(ahead::DIR).join(GENERATED);
    place(file).is_some_and(|(beside, found)| beside == sessions && (found == own || found == waited_for))
}

/// Where evcxr has put a library: `target/<target>/debug/deps`, beside the source's directory.
fn find(generated: &Path, library: &str) -> Option<PathBuf> {
    let targets = generated.parent()?.parent()?.join("target");
    let mut targets = std::fs::read_dir(targets).ok()?.flatten();
    targets.find_map(|target| {
        let debug = target.path().join("debug");
        [debug.join("deps").join(library), debug.join(library)]
            .into_iter()
            .find(|file| file.exists())
    })
}

/// The path of a function as its cell would say it; `None` for code of others.
fn in_the_cell(path: &str) -> Option<String> {
    let path = without_hashes(path);
    let mut path = path.as_str();
    // Futures and closures are known by their places.
    while let Some(outer) = path
        .strip_suffix("::{{closure}}")
        .or_else(|| path.strip_suffix("::{closure#0}"))
    {
        path = outer;
    }
    let own = path
        .trim_start_matches(['<', '&', '*', '[', '('])
        .trim_start_matches("mut ");
    let through = path.split_once(" as ").map(|(_, through)| through);
    if !own.starts_with("ctx::") && !through.is_some_and(|through| through.starts_with("ctx::")) {
        return None;
    }
    if own.strip_prefix("ctx::").is_some_and(|own| own.starts_with(FUNCTION)) {
        return Some("the cell".to_owned());
    }
    if path.contains(" as core::future::future::Future>::") || own.starts_with("ctx::evcxr_internal_runtime") {
        return None;
    }
    path_in_cells(path, |_| "the cell".to_owned())
}

/// A path without what tells apart functions, or crates, of the same name: `::h0123456789abcdef`, `[0123456789abcdef]`.
fn without_hashes(path: &str) -> String {
    let is_hash = |text: &str| text.len() > 7 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let path = match path.rsplit_once("::h") {
        Some((path, hash)) if hash.len() == 16 && is_hash(hash) => path,
        _ => path,
    };
    let mut pieces = path.split('[');
    let mut without = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        match piece.split_once(']') {
            Some((hash, rest)) if is_hash(hash) => without.push_str(rest),
            _ => {
                without.push('[');
                without.push_str(piece);
            }
        }
    }
    without
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_called_as_in_their_cell() {
        for (path, named) in [
            ("ctx::cook::{{closure}}::h0123456789abcdef", "cook"),
            ("ctx[0123456789abcdef]::Order::check", "Order::check"),
            ("ctx::crab_Order::v12::Order::check", "Order::check"),
            (
                "<ctx::crab_Cook::v1::Cook as crabtree::gen_server::GenServer>::init::{{closure}}",
                "<Cook as crabtree::gen_server::GenServer>::init",
            ),
            ("ctx::run_user_code_7::{{closure}}::{{closure}}", "the cell"),
            ("ctx::kitchen::cook::<ctx::Order>", "kitchen::cook::<Order>"),
            ("<i32 as ctx::Shape>::area", "<i32 as Shape>::area"),
        ] {
            assert_eq!(in_the_cell(path).as_deref(), Some(named));
        }
    }

    #[test]
    fn code_of_others_is_none_of_the_cells() {
        for path in [
            "<F as crabtree::process::task::Run>::poll",
            "core::ops::function::FnOnce::call_once{{vtable.shim}}",
            "<alloc::boxed::Box<F,A> as core::ops::function::Fn<Args>>::call",
            "crabtree::evaluator::Runtime::block_on<ctx::run_user_code_7::{{closure}}>",
            "ctx::evcxr_internal_runtime::VariableStore::put_variable",
        ] {
            assert_eq!(in_the_cell(path), None, "{path}");
        }
    }

    #[test]
    fn the_source_of_another_session_is_generated_too() {
        let generated = Path::new("/cache/sessions/1/ctx/src/lib.rs");
        for own in [
            "/cache/sessions/1/ctx/src/lib.rs",
            "/cache/sessions/2/ctx/src/lib.rs",
            "/cache/sessions/2/ahead/src/lib.rs",
        ] {
            assert!(is_generated(own, generated), "{own}");
        }
        for other in [
            "/cache/sessions/1/ctx/src/main.rs",
            "/cache/sources/1/ctx/src/lib.rs",
            "/cache/sessions/1/a/ctx/src/lib.rs",
            "src/lib.rs",
        ] {
            assert!(!is_generated(other, generated), "{other}");
        }
    }

    #[test]
    fn what_is_no_library_says_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let deps = dir.path().join("target/x/debug/deps");
        std::fs::create_dir_all(&deps).unwrap();
        std::fs::write(deps.join("libcode_1.so"), "no library").unwrap();
        let generated = dir.path().join("src/lib.rs");
        assert_eq!(look_up(&generated, "libcode_1.so", 7), None);
        assert_eq!(look_up(&generated, "libcode_2.so", 7), None);
    }
}
