//! Places in the code of cells, as the host writes them into texts. The kernel puts them into the words of the reader.
//!
//! - `src/lib.rs@7:31:9` is line 31, column 9 of the source that was generated for cell 7;
//! - `src/lib.rs@7+libcode_3.so+1a2b` is the code at that offset, in hexadecimal, of the library that it became;
//! - `src/lib.rs@7` is cell 7.
//!
//! And the paths of what cells define, as its author says them.

/// The path of that source in its crate, as compilers are given it.
pub const GENERATED: &str = "src/lib.rs";

/// The place `line:column` in the source that was generated for a cell.
pub fn place(cell: u64, line: u32, column: u32) -> String {
    format!("{GENERATED}@{cell}:{line}:{column}")
}

/// The code at `offset` of the library that a cell became.
pub fn frame_of(cell: u64, library: &str, offset: usize) -> String {
    format!("{GENERATED}@{cell}+{library}+{offset:x}")
}

/// A cell.
pub fn cell(cell: u64) -> String {
    format!("{GENERATED}@{cell}")
}

/// What paths of cells begin with: evcxr's name for their crate.
const ROOT: &str = "ctx::";

/// What evcxr calls the functions that it makes of cells, but for what tells them apart.
pub const FUNCTION: &str = "run_user_code_";

/// A path as the author of a cell says it; `None` for code of others. Redefined items have modules of their own, which are
/// left out, and `cell` says what to call the function of a cell.
///
/// ```
/// let said = |path| crabtree_link::path_in_cells(path, |function| format!("cell {function}"));
/// assert_eq!(said("ctx::crab_Order::v12::Order::check").unwrap(), "Order::check");
/// assert_eq!(said("<ctx::A as x::T>::f<ctx::crab_B::v1::B>").unwrap(), "<A as x::T>::f<B>");
/// assert_eq!(said("x::W<ctx::run_user_code_7::{{closure}}>").unwrap(), "x::W<cell 7>");
/// assert_eq!(said("my_ctx::A"), None);
/// ```
pub fn path_in_cells(path: &str, cell: impl Fn(&str) -> String) -> Option<String> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut said = String::with_capacity(path.len());
    let mut rest = path;
    let mut is_own = false;
    while let Some((before, own)) = rest.split_once(ROOT) {
        said.push_str(before);
        rest = own;
        if said.ends_with(is_word) {
            said.push_str(ROOT);
            continue;
        }
        is_own = true;
        if let Some(number) = own.strip_prefix(FUNCTION) {
            let (number, mut behind) = number.split_at(number.find(|c| !is_word(c)).unwrap_or(number.len()));
            while let Some(outer) = behind
                .strip_prefix("::{{closure}}")
                .or(behind.strip_prefix("::{closure#0}"))
            {
                behind = outer;
            }
            said.push_str(&cell(number));
            rest = behind;
        } else if own.starts_with("crab_") {
            rest = own.splitn(3, "::").nth(2).unwrap_or(own);
        }
    }
    is_own.then(|| said + rest)
}
