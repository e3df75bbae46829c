//! Embeds the sources of the runtime, so that an installed `crabtree` can build them without a clone.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

fn main() {
    let kernel = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let root = kernel
        .parent()
        .expect("the kernel is a member of the workspace")
        .to_owned();

    let mut files = vec![root.join("Cargo.toml"), root.join("Cargo.lock")];
    for package in [
        "runtime",
        "runtime/macros",
        "runtime/link",
        "runtime/dylib",
        "runtime/tokio",
    ] {
        files.push(root.join(package).join("Cargo.toml"));
        collect(&root.join(package).join("src"), &mut files);
    }
    files.sort();

    let mut code = String::from("[\n");
    for file in &files {
        println!("cargo::rerun-if-changed={}", file.display());
        let name = file.strip_prefix(&root).expect("all files are under the root");
        writeln!(code, "    ({:?}, include_bytes!({:?})),", name, file).expect("a string takes everything");
    }
    code.push_str("]\n");
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets it"));
    fs::write(out.join("sources.rs"), code).expect("OUT_DIR is writable");
}

/// Adds the Rust files under `dir`, and has cargo watch the directory for new ones.
fn collect(dir: &Path, files: &mut Vec<PathBuf>) {
    println!("cargo::rerun-if-changed={}", dir.display());
    let entries = fs::read_dir(dir).unwrap_or_else(|error| panic!("cannot read {}: {error}", dir.display()));
    for entry in entries {
        let path = entry.expect("a listed entry can be read").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}
