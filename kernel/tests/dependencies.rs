//! What becomes of a session whose cells add packages.

mod common;

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use common::{Kernel, cache, crabtree, prepare};
use serde_json::{Value, json};

/// Makes a package below `directory`, and gives the line that adds it.
fn package(directory: &Path, name: &str, dependencies: &str, code: &str) -> String {
    let package = directory.join(name);
    std::fs::create_dir_all(package.join("src")).unwrap();
    let manifest = format!(
        "[package]\nname = \"{name}\"\nversion = \"0.3.1\"\nedition = \"2024\"\n[workspace]\n\
         [dependencies]\n{dependencies}\n"
    );
    std::fs::write(package.join("Cargo.toml"), manifest).unwrap();
    std::fs::write(package.join("src/lib.rs"), code).unwrap();
    format!(":dep {name} = {{ path = {package:?} }}\n")
}

/// Runs a notebook without a front end, and gives what is written.
fn run(directory: &Path, cells: &[&str]) -> Value {
    prepare();
    let cells: Vec<Value> = cells
        .iter()
        .enumerate()
        .map(|(number, code)| {
            json!({"cell_type": "code", "id": format!("cell-{number}"), "metadata": {}, "source": code,
                "outputs": [], "execution_count": null})
        })
        .collect();
    let notebook = json!({"nbformat": 4, "nbformat_minor": 5, "cells": cells,
        "metadata": {"kernelspec": {"name": "crabtree", "display_name": "Crabtree", "language": "rust"}}});
    let file = directory.join("notebook.ipynb");
    std::fs::write(&file, notebook.to_string()).unwrap();
    let ran = std::process::Command::new(crabtree())
        .args([
            "run".as_ref(),
            file.as_os_str(),
            "--output-dir".as_ref(),
            directory.join("out").as_os_str(),
        ])
        .env("CRABTREE_CACHE_DIR", cache())
        .output()
        .unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let written = std::fs::read_to_string(directory.join("out/notebook.ipynb")).unwrap();
    serde_json::from_str(&written).unwrap()
}

/// A text as notebooks keep it: one, or its lines.
fn text(value: &Value) -> String {
    match value.as_array() {
        Some(lines) => lines.iter().filter_map(Value::as_str).collect(),
        None => value.as_str().unwrap_or_default().to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_package_is_compiled_once_for_all_sessions() {
    let mut files = Vec::new();
    for _ in 0..2 {
        let mut kernel = Kernel::start().await;
        let added = kernel
            .run(":dep either = \"1\"\neither::Either::<u8, u8>::Left(1).is_left()")
            .await;
        assert_eq!(added.value(), "true");
        let told = added.of_type("display_data").next().expect("what was added is told");
        let told = text(&told.content["data"]["text/plain"]);
        assert!(told.starts_with("either 1."), "{told}");
        let target = kernel.value(":last_compile_dir").await;
        let target = Path::new(target.trim()).join("target");
        assert!(target.is_dir(), "{target:?}");
        let deps = std::fs::read_dir(&target).unwrap().flatten();
        let compiled = deps
            .filter_map(|triple| std::fs::read_dir(triple.path().join("debug/deps")).ok())
            .flat_map(|entries| entries.flatten())
            .filter(|entry| {
                let name = entry.file_name().into_string().unwrap();
                name.starts_with("libeither-") && name.ends_with(".rlib")
            });
        let mut inodes: Vec<u64> = compiled.map(|entry| entry.metadata().unwrap().ino()).collect();
        inodes.sort_unstable();
        assert!(!inodes.is_empty());
        files.push(inodes);
    }
    assert_eq!(files[0], files[1], "the same files");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_package_that_needs_another_library_is_refused_where_something_would_be_lost_and_else_has_its_way() {
    let directory = tempfile::tempdir().unwrap();
    let exact = package(
        directory.path(),
        "exact",
        "serde_json = { version = \"1\", features = [\"arbitrary_precision\"] }",
        "pub fn digits() -> String {\n    let text = \"0.1000000000000000000000000000001\";\n    \
         serde_json::from_str::<serde_json::Number>(text).unwrap().to_string()\n}",
    );
    // In a session that has nothing to lose it is built, which takes a while the first time.
    let ran = run(
        directory.path(),
        &["fn two() -> u8 { 2 }", &format!("{exact}exact::digits()"), "two()"],
    );
    let output = |cell: usize, at: usize| &ran["cells"][cell]["outputs"][at];
    let told = text(&output(1, 0)["text"]);
    let wanted = "The library that all cells share is needed with serde_json with the feature arbitrary_precision\n";
    assert!(told.starts_with(wanted), "{told}");
    let last = ran["cells"][1]["outputs"].as_array().unwrap().last().unwrap();
    assert_eq!(
        text(&last["data"]["text/plain"]),
        "\"0.1000000000000000000000000000001\""
    );
    assert_eq!(
        text(&output(2, 0)["data"]["text/plain"]),
        "2",
        "what cells have defined is still there"
    );

    let mut kernel = Kernel::start().await;
    kernel
        .run(
            "use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};\nfn one() -> usize { 1 }\n\
             fn next() -> usize { static NEXT: AtomicUsize = AtomicUsize::new(0); NEXT.fetch_add(1, Relaxed) }",
        )
        .await;
    let me = kernel.value("let kept: usize = 6; me()").await;

    let refused = kernel.execute(&format!("{exact}exact::digits()")).await;
    let (name, text) = refused.error();
    assert_eq!(name, "DependencyError");
    for part in [
        "exact",
        "serde_json",
        "arbitrary_precision",
        "variable kept",
        "`:restart`",
    ] {
        assert!(text.contains(part), "{text}");
    }
    assert_eq!(kernel.value("kept + one()").await, "7", "the session is as it was");
    assert_eq!(kernel.value("me()").await, me, "and so is its host");

    let added = kernel.run(&format!(":restart\n{exact}exact::digits()")).await;
    assert_eq!(added.value(), "\"0.1000000000000000000000000000001\"");
    assert!(
        added
            .stream("stderr")
            .contains("serde_json with the feature arbitrary_precision")
    );
    assert_eq!(
        kernel.value("one()").await,
        "1",
        "what cells have defined is still there"
    );
    assert_eq!(kernel.value("(next(), next())").await, "(0, 1)");
    assert_eq!(kernel.value("next()").await, "2", "a static is still one for all cells");
    let kept = kernel
        .run("let kept = exact::digits().len(); process::spawn(std::future::pending::<()>());")
        .await;
    assert_eq!(kept.reply["status"], "ok");
    // It is in the library now, so that this cell changes nothing.
    assert_eq!(kernel.value(&format!("{exact}kept")).await, "33");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_package_that_asks_for_versions_that_cannot_be_had_leaves_the_session_as_it_was() {
    let directory = tempfile::tempdir().unwrap();
    let stale = package(directory.path(), "stale", "libc = \"=0.2.100\"", "");
    let mut kernel = Kernel::start().await;
    kernel.run("let kept = 6;").await;
    let refused = kernel.execute(&stale).await;
    let (_, text) = refused.error();
    assert!(text.contains("libc") && text.contains("0.2.100"), "{text}");
    assert_eq!(kernel.value("kept").await, "6");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_package_is_there_for_the_code_of_its_cell_and_stays_whatever_becomes_of_that() {
    let directory = tempfile::tempdir().unwrap();
    let kinds = package(
        directory.path(),
        "kinds",
        "",
        "pub struct Kind(pub u8);\npub fn kind() -> Kind {\n    Kind(7)\n}",
    );
    let texts = package(
        directory.path(),
        "texts",
        "",
        "pub fn text() -> &'static str {\n    \"here\"\n}",
    );
    let mut kernel = Kernel::start().await;
    kernel
        .run(&format!("{kinds}let (found, also) = (vec![kinds::kind()], 1);"))
        .await;
    assert_eq!(kernel.value("(found[0].0, also)").await, "(7, 1)");
    let failed = kernel.execute(&format!("{texts}let number: u8 = texts::text();")).await;
    let (_, text) = failed.error();
    assert!(text.contains("E0308"), "{text}");
    assert_eq!(kernel.value("texts::text()").await, "\"here\"");
    kernel.run(":opt 1\nlet fast = kinds::kind();").await;
    assert_eq!(kernel.value("fast.0").await, "7");
    let told = kernel.value(":opt 0").await;
    assert!(told.contains("Optimization: 0"), "{told}");
}
