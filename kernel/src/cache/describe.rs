//! What rust-analyzer is told of a session's crate, in cargo's place.
//!
//! rust-analyzer asks cargo for all packages below a crate and reads their sources. The types of a
//! cell's variables come from a few of them; without the others it is ready in half the time.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::Toolchain;

/// The packages whose types cells use, and what those are made with.
///
/// The locks belong to them. A parameter of a type that stands only in fields whose types are unknown looks as if it did
/// not matter, and a method then gives a type with holes: behind an unknown lock, that of a registry has no key.
pub(crate) const PACKAGES: [&str; 9] = [
    "ctx",
    "crabtree-dylib",
    "crabtree",
    "crabtree-macros",
    "tokio",
    "pin-project-lite",
    "bytes",
    "parking_lot",
    "lock_api",
];

/// Stands in for cargo. Whatever else rust-analyzer asks, it knows another way to find out.
const STAND_IN: &str = "\
#!/bin/sh
case \"$1\" in
metadata) exec cat \"$(dirname \"$0\")/metadata.json\" ;;
*) exit 1 ;;
esac
";

/// Writes to `file` what cargo says of the crate in `template`, without the packages that are not needed.
pub(super) fn describe(template: &Path, toolchain: &Toolchain, file: &Path) -> Result<()> {
    let mut metadata = metadata(template, toolchain, &[])?;
    thin_out(&mut metadata);
    fs::write(file, serde_json::to_vec(&metadata)?)?;
    Ok(())
}

/// What cargo says of the crate in `dir`.
pub(super) fn metadata(dir: &Path, toolchain: &Toolchain, options: &[&str]) -> Result<Value> {
    let output = Command::new(&toolchain.cargo)
        .args([
            "metadata",
            "--format-version",
            "1",
            "--filter-platform",
            &toolchain.target,
        ])
        .args(options)
        .current_dir(dir)
        .env("RUSTC", &toolchain.rustc)
        .output()
        .context("cannot run `cargo metadata`")?;
    ensure!(
        output.status.success(),
        "`cargo metadata` failed:\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).context("what `cargo metadata` says")
}

/// Puts a stand-in for cargo into `dir`, which says of `crate_dir` what `file` says of `template`.
pub(super) fn write_stand_in(dir: &Path, file: &Path, template: &Path, crate_dir: &Path) -> Result<PathBuf> {
    let text = fs::read_to_string(file)?;
    let text = text.replace(&*template.to_string_lossy(), &crate_dir.to_string_lossy());
    fs::create_dir_all(dir)?;
    fs::write(dir.join("metadata.json"), text)?;
    let cargo = dir.join("cargo");
    fs::write(&cargo, STAND_IN)?;
    fs::set_permissions(&cargo, fs::Permissions::from_mode(0o700))?;
    Ok(cargo)
}

/// Removes packages that are not needed, and what refers to them.
fn thin_out(metadata: &mut Value) {
    let kept: Vec<Value> = array(&mut metadata["packages"])
        .iter()
        .filter(|package| package["name"].as_str().is_some_and(|name| PACKAGES.contains(&name)))
        .map(|package| package["id"].clone())
        .collect();
    let packages = array(&mut metadata["packages"]);
    packages.retain(|package| kept.contains(&package["id"]));
    for package in packages {
        // Tests and examples are not what cells use.
        let is_library = |target: &Value| {
            !["test", "bench", "example"]
                .iter()
                .any(|kind| target["kind"][0] == **kind)
        };
        array(&mut package["targets"]).retain(is_library);
    }
    let nodes = array(&mut metadata["resolve"]["nodes"]);
    nodes.retain(|node| kept.contains(&node["id"]));
    for node in nodes {
        array(&mut node["deps"]).retain(|dependency| kept.contains(&dependency["pkg"]));
        array(&mut node["dependencies"]).retain(|dependency| kept.contains(dependency));
    }
}

/// The elements of an array; none of anything else.
fn array(value: &mut Value) -> &mut Vec<Value> {
    if !value.is_array() {
        *value = Value::Array(Vec::new());
    }
    value.as_array_mut().expect("it has just been made one")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_left_does_not_refer_to_what_is_not() {
        let mut metadata = json!({
            "packages": [
                {"name": "ctx", "id": "c", "targets": [{"kind": ["cdylib"]}, {"kind": ["test"]}]},
                {"name": "tokio", "id": "t", "targets": []},
                {"name": "libc", "id": "l", "targets": []},
            ],
            "resolve": {"nodes": [
                {"id": "c", "deps": [{"pkg": "t"}, {"pkg": "l"}], "dependencies": ["t", "l"]},
                {"id": "l", "deps": [], "dependencies": []},
            ]},
        });
        thin_out(&mut metadata);
        let expected = json!({
            "packages": [
                {"name": "ctx", "id": "c", "targets": [{"kind": ["cdylib"]}]},
                {"name": "tokio", "id": "t", "targets": []},
            ],
            "resolve": {"nodes": [{"id": "c", "deps": [{"pkg": "t"}], "dependencies": ["t"]}]},
        });
        assert_eq!(metadata, expected);
    }
}
