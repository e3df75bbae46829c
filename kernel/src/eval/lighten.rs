//! Cells without what evcxr would have compiled into each of them.
//!
//! Around the code of a cell evcxr writes a store for variables, an error for `?` and a runtime behind a lock: all of them
//! generic, so that rustc spends a third of its time for a small cell on them. The library that cells link to has the same
//! compiled (`runtime/dylib/src/variables.rs`), and this module puts its names into the source in their place.
//!
//! All cells of a session use one store, by a pointer that evcxr keeps. So no cell may be compiled with evcxr's own: a source
//! that is not as it is expected is an error.
//!
//! Lines stay where they are, since evcxr finds places in cells by their numbers.

use anyhow::{Context as _, Result, ensure};

/// A part of the source that evcxr writes into every cell.
struct Part {
    /// What tells it from the code of cells.
    mark: &'static str,
    /// What it begins with, at the mark or before it.
    begins: &'static str,
    /// What it ends with.
    ends: &'static str,
    instead: &'static str,
}

/// The error, the store, and the runtime, up to the call of its method with the cell's code.
const PARTS: [Part; 3] = [
    Part {
        mark: "struct EvcxrUserCodeError {}",
        begins: "struct EvcxrUserCodeError {}",
        ends: "EvcxrUserCodeError {}\n                }\n            }",
        instead: "use crabtree::__cell::variables::UserError as EvcxrUserCodeError;",
    },
    Part {
        mark: "mod evcxr_internal_runtime {",
        begins: "mod evcxr_internal_runtime {",
        ends: "Box::into_raw(Box::new(VariableStore::new()))\n}\n}",
        instead: "use crabtree::__cell::variables as evcxr_internal_runtime;",
    },
    Part {
        mark: "evcxr_variable_store.lazy_arc(\"evcxr_tokio_runtime\"",
        begins: "let mut mutex",
        ends: ".block_on(",
        instead: "crabtree::__cell::Runtime.block_on(",
    },
];

/// What is in a source that needs them: variables, `?` and `.await` make evcxr write it.
const USES_STORE: &str = "*mut evcxr_internal_runtime::VariableStore)";

/// The source with the library's names; none if there is nothing to be replaced.
///
/// # Errors
///
/// If evcxr writes another source than the one that is known, or a cell has evcxr's own words in it.
pub(super) fn lighten(source: &str) -> Result<Option<String>> {
    if !source.contains(USES_STORE) {
        return Ok(None);
    }
    let mut light = source.to_owned();
    for part in &PARTS {
        let marks: Vec<usize> = light.match_indices(part.mark).map(|(at, _)| at).collect();
        let &[mark] = &marks[..] else {
            // Without `?` or `.await` in any cell, there is no error and no runtime.
            ensure!(
                marks.is_empty() && part.mark != PARTS[1].mark,
                "`{}` is written around each cell, and cannot be in one as well",
                part.mark
            );
            continue;
        };
        let unknown = || format!("evcxr has not written `{}` as it is known to", part.mark);
        let start = light[..mark + part.begins.len()]
            .rfind(part.begins)
            .with_context(unknown)?;
        let length = light[start..].find(part.ends).with_context(unknown)? + part.ends.len();
        let lines = light[start..start + length].matches('\n').count();
        light.replace_range(start..start + length, &("\n".repeat(lines) + part.instead));
    }
    Ok(Some(light))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As evcxr 0.22.0 writes it, without the insides.
    const SOURCE: &str = "#![allow(unused_imports)]\nfn own() {}\n\n            struct EvcxrUserCodeError {}\n            \
        impl<T: std::fmt::Debug> From<T> for EvcxrUserCodeError {\n                fn from(error: T) -> Self {\n                    \
        EvcxrUserCodeError {}\n                }\n            }\n        \nmod evcxr_internal_runtime {\npub struct \
        VariableStore {\n}\n    Box::into_raw(Box::new(VariableStore::new()))\n}\n}\n#[unsafe(no_mangle)]\npub extern \"C\" fn \
        run_user_code_7(\nmut evcxr_variable_store: *mut evcxr_internal_runtime::VariableStore)\n  -> *mut \
        evcxr_internal_runtime::VariableStore {\nlet mut mutex =\nevcxr_variable_store.lazy_arc(\"evcxr_tokio_runtime\", ||\n\
        std::sync::Mutex::new(tokio::runtime::Runtime::new().unwrap())); match\nmutex.lock() { Ok(guard) => guard, Err(poisoned) \
        => poisoned.into_inner(), }\n.block_on(async {\nown();\n});\nevcxr_variable_store\n}\n";

    #[test]
    fn what_the_library_has_is_taken_from_there_and_lines_stay_where_they_are() {
        let light = lighten(SOURCE).unwrap().unwrap();
        for part in PARTS {
            assert!(!light.contains(part.mark), "{light}");
            assert!(light.contains(part.instead), "{light}");
        }
        let line = |text: &str| SOURCE.lines().position(|line| line == text).unwrap();
        for own in ["fn own() {}", "own();", "});"] {
            assert_eq!(light.lines().nth(line(own)), Some(own));
        }
        assert_eq!(light.lines().count(), SOURCE.lines().count());
    }

    #[test]
    fn a_cell_that_needs_no_store_is_left_alone() {
        let source = "pub extern \"C\" fn run_user_code_1(\nevcxr_variable_store: *mut u8) -> *mut u8 {\n}\n";
        assert_eq!(lighten(source).unwrap(), None);
    }

    #[test]
    fn no_cell_is_compiled_with_another_store() {
        for other in [
            SOURCE.replace("mod evcxr_internal_runtime {", "mod evcxr_internal_runtime\n{"),
            SOURCE.replace("Box::into_raw(", "Box::leak("),
            SOURCE.replace("fn own() {}", "mod evcxr_internal_runtime {}"),
            SOURCE.replace("own();", "\"struct EvcxrUserCodeError {}\";"),
        ] {
            assert!(lighten(&other).is_err(), "{other}");
        }
    }
}
