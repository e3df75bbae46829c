//! From what cargo says of a session's packages to what the analyzer is told of them.

use std::path::Path;

use serde_json::{Value, json};

/// The package that stands for a session.
const CELLS: &str = "ctx";

/// The description of a project, in the form of `rust-project.json`: all packages of `metadata`, with `cell` as the
/// source of the session's own, and the standard library from `library`.
pub(super) fn project(metadata: &Value, cell: &Path, sysroot: &Path, library: &Path) -> Value {
    let packages: Vec<(&Value, &Value)> = elements(&metadata["packages"])
        .filter_map(|package| Some((package, library_target(package)?)))
        .collect();
    let position = |id: &Value| packages.iter().position(|(package, _)| package["id"] == *id);
    let crates: Vec<Value> = packages
        .iter()
        .map(|(package, target)| {
            let own = package["name"] == CELLS;
            let node = elements(&metadata["resolve"]["nodes"]).find(|node| node["id"] == package["id"]);
            let node = node.unwrap_or(&Value::Null);
            let cfg: Vec<String> = elements(&node["features"])
                .filter_map(|feature| Some(format!("feature=\"{}\"", feature.as_str()?)))
                .collect();
            let deps: Vec<Value> = elements(&node["deps"])
                .filter(|dependency| elements(&dependency["dep_kinds"]).any(|kind| kind["kind"].is_null()))
                .filter_map(|dependency| {
                    Some(json!({"crate": position(&dependency["pkg"])?, "name": dependency["name"]}))
                })
                .collect();
            let root = if own { json!(cell) } else { target["src_path"].clone() };
            json!({
                "display_name": target["name"], "root_module": root, "edition": package["edition"], "deps": deps,
                "cfg": cfg, "is_workspace_member": own, "is_proc_macro": target["kind"][0] == "proc-macro",
            })
        })
        .collect();
    json!({"sysroot": sysroot, "sysroot_src": library, "crates": crates})
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
                {"name": "serde", "id": "s", "edition": "2021", "targets": [{"kind": ["lib"], "name": "serde", "src_path": "/s"}]},
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
             "cfg": [], "is_workspace_member": true, "is_proc_macro": false},
            {"display_name": "serde", "root_module": "/s", "edition": "2021", "deps": [], "cfg": ["feature=\"std\""],
             "is_workspace_member": false, "is_proc_macro": false},
        ]);
        assert_eq!(project["crates"], expected);
    }
}
