//! From what cargo says of a session's packages to what the analyzer is told of them.

use std::collections::HashSet;
use std::path::Path;

use serde_json::{Value, json};

use crate::cache::PACKAGES;

/// The package that stands for a session.
const CELLS: &str = "ctx";

/// The description of a project, in the form of `rust-project.json`: the packages of `metadata` that cells can see, with
/// `cell` as the source of the session's own, and the standard library from `library`.
pub(super) fn project(metadata: &Value, cell: &Path, sysroot: &Path, library: &Path) -> Value {
    let seen = seen(metadata);
    let packages: Vec<(&Value, &Value)> = elements(&metadata["packages"])
        .filter(|package| package["id"].as_str().is_some_and(|id| seen.contains(id)))
        .filter_map(|package| Some((package, library_target(package)?)))
        .collect();
    let position = |id: &Value| packages.iter().position(|(package, _)| package["id"] == *id);
    let crates: Vec<Value> = packages
        .iter()
        .map(|(package, target)| {
            let own = package["name"] == CELLS;
            let node = node(metadata, &package["id"]);
            let features = elements(&node["features"]).filter_map(Value::as_str);
            // What is on this machine knows that it may be analyzed, as rust-analyzer has it in a workspace: macros have a
            // form for it.
            let is_local = package["source"].is_null().then(|| "rust_analyzer".to_owned());
            let cfg: Vec<String> = is_local
                .into_iter()
                .chain(features.map(|feature| format!("feature=\"{feature}\"")))
                .collect();
            let deps: Vec<Value> = normal(node)
                .filter_map(|dependency| {
                    Some(json!({"crate": position(&dependency["pkg"])?, "name": dependency["name"]}))
                })
                .collect();
            let root = if own { json!(cell) } else { target["src_path"].clone() };
            json!({
                "display_name": target["name"], "root_module": root, "edition": package["edition"], "deps": deps,
                "cfg": cfg, "is_workspace_member": own, "is_proc_macro": is_macro(target),
            })
        })
        .collect();
    json!({"sysroot": sysroot, "sysroot_src": library, "crates": crates})
}

/// The packages, by id, of which there can be something in a cell: what the session's own depends on, and so on. What a
/// macro is made of is not among them, nor what builds a package, nor what is behind those that the library for cells is
/// known by.
fn seen(metadata: &Value) -> HashSet<&str> {
    let own = elements(&metadata["packages"]).filter(|package| package["name"] == CELLS);
    let mut open: Vec<&str> = own.filter_map(|package| package["id"].as_str()).collect();
    let mut seen = HashSet::new();
    while let Some(id) = open.pop() {
        let Some(at_hand) = package(metadata, id).filter(|_| seen.insert(id)) else {
            continue;
        };
        if library_target(at_hand).is_some_and(is_macro) {
            continue;
        }
        let of_library = |package: &Value| package["name"].as_str().is_some_and(|name| PACKAGES.contains(&name));
        let is_closed = at_hand["name"] != CELLS && of_library(at_hand);
        let below = normal(node(metadata, &at_hand["id"])).filter_map(|dependency| dependency["pkg"].as_str());
        open.extend(below.filter(|id| !is_closed || package(metadata, id).is_some_and(of_library)));
    }
    seen
}

fn package<'a>(metadata: &'a Value, id: &str) -> Option<&'a Value> {
    elements(&metadata["packages"]).find(|package| package["id"] == *id)
}

/// What cargo resolved for a package.
fn node<'a>(metadata: &'a Value, id: &Value) -> &'a Value {
    let node = elements(&metadata["resolve"]["nodes"]).find(|node| node["id"] == *id);
    node.unwrap_or(&Value::Null)
}

/// What a package is compiled with, and no script or test of it.
fn normal(node: &Value) -> impl Iterator<Item = &Value> {
    let is_normal = |kind: &Value| kind["kind"].is_null();
    elements(&node["deps"]).filter(move |dependency| elements(&dependency["dep_kinds"]).any(is_normal))
}

fn is_macro(target: &Value) -> bool {
    target["kind"][0] == "proc-macro"
}

/// The target that others depend on.
fn library_target(package: &Value) -> Option<&Value> {
    const KINDS: [&str; 6] = ["lib", "rlib", "dylib", "cdylib", "staticlib", "proc-macro"];
    elements(&package["targets"])
        .find(|target| elements(&target["kind"]).any(|kind| kind.as_str().is_some_and(|kind| KINDS.contains(&kind))))
}

/// The elements of an array; none of anything else.
fn elements(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_become_crates_that_know_each_other_by_position() {
        let metadata = json!({
            "packages": [
                {"name": "tool", "id": "x", "edition": "2021", "targets": [{"kind": ["bin"], "src_path": "/x"}]},
                {"name": "ctx", "id": "c", "edition": "2024", "targets": [{"kind": ["cdylib"], "name": "ctx", "src_path": "/c"}]},
                {"name": "serde", "id": "s", "edition": "2021", "source": "registry",
                 "targets": [{"kind": ["lib"], "name": "serde", "src_path": "/s"}]},
            ],
            "resolve": {"nodes": [
                {"id": "c", "deps": [
                    {"pkg": "s", "name": "serde", "dep_kinds": [{"kind": null}]},
                    {"pkg": "s", "name": "built_with", "dep_kinds": [{"kind": "build"}]},
                ]},
                {"id": "s", "features": ["std"], "deps": []},
            ]},
        });
        let project = project(
            &metadata,
            Path::new("/cell.rs"),
            Path::new("/sysroot"),
            Path::new("/library"),
        );
        let expected = json!([
            {"display_name": "ctx", "root_module": "/cell.rs", "edition": "2024", "deps": [{"crate": 1, "name": "serde"}],
             "cfg": ["rust_analyzer"], "is_workspace_member": true, "is_proc_macro": false},
            {"display_name": "serde", "root_module": "/s", "edition": "2021", "deps": [], "cfg": ["feature=\"std\""],
             "is_workspace_member": false, "is_proc_macro": false},
        ]);
        assert_eq!(project["crates"], expected);
    }

    #[test]
    fn sources_that_no_cell_can_see_are_not_read() {
        let package = |name: &str, kind: &str| json!({"name": name, "id": name, "targets": [{"kind": [kind], "name": name, "src_path": name}]});
        let on = |name: &str, kind: Value| json!({"pkg": name, "name": name, "dep_kinds": [{"kind": kind}]});
        let normal = Value::Null;
        let metadata = json!({
            "packages": [
                package("ctx", "cdylib"), package("web", "lib"), package("derive", "proc-macro"), package("syn", "lib"),
                package("cc", "lib"), package("tokio", "lib"), package("bytes", "lib"), package("mio", "lib"),
                package("elsewhere", "lib"),
            ],
            "resolve": {"nodes": [
                {"id": "ctx", "deps": [on("web", normal.clone()), on("tokio", normal.clone())]},
                {"id": "web", "deps": [on("derive", normal.clone()), on("cc", json!("build"))]},
                {"id": "derive", "deps": [on("syn", normal.clone())]},
                {"id": "tokio", "deps": [on("bytes", normal.clone()), on("mio", normal)]},
            ]},
        });
        let mut seen: Vec<&str> = seen(&metadata).into_iter().collect();
        seen.sort_unstable();
        assert_eq!(seen, ["bytes", "ctx", "derive", "tokio", "web"]);
    }
}
