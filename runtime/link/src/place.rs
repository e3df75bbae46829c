//! Places in the code of cells, as the host writes them into texts. The kernel puts them into the words of the reader.
//!
//! - `src/lib.rs@7:31:9` is line 31, column 9 of the source that was generated for cell 7;
//! - `src/lib.rs@7+libcode_3.so+1a2b` is the code at that offset, in hexadecimal, of the library that it became.

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
