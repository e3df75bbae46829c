//! A tree as data.

use super::tree::{Change, End, Kind, Node, Policy, Status, Table, Tree};
use crate::kino::json::Json;

/// All of it: nothing is folded or left out.
pub(super) fn json(tree: &Tree) -> Json {
    Json::Object(vec![
        ("kind", "tree".into()),
        ("caption", Json::or_null(tree.caption.as_deref())),
        ("changes", Json::or_null(tree.changes.as_deref())),
        ("root", node(&tree.root)),
        ("outside", Json::list(tree.outside.iter().map(node))),
    ])
}

fn node(seen: &Node) -> Json {
    let status = match &seen.status {
        Status::Running(_) => "running",
        Status::Restarting => "restarting",
        Status::Ended => "ended",
        Status::Stopped => "stopped",
        Status::Missing(_) | Status::Thing(_) => "missing",
    };
    let kind = match seen.kind {
        Kind::Application => "application",
        Kind::Supervisor => "supervisor",
        Kind::Worker => "worker",
        Kind::Linked => "linked",
        Kind::Table => "table",
    };
    let change = seen.change.map(|change| match change {
        Change::New => "new",
        Change::Started => "started",
        Change::Gone => "gone",
    });
    Json::Object(vec![
        ("title", seen.title.as_str().into()),
        ("id", Json::or_null(seen.id.as_deref())),
        ("pid", Json::or_null(seen.pid())),
        ("module", Json::or_null(seen.module.as_deref())),
        ("kind", kind.into()),
        ("status", status.into()),
        ("restarts", u64::from(seen.restarts).into()),
        ("previous", Json::or_null(seen.previous.as_deref())),
        ("end", seen.end.as_ref().map_or(Json::Null, end)),
        ("change", Json::or_null(change)),
        ("mailbox", (seen.mailbox as u64).into()),
        ("links", Json::list(seen.links.iter().map(|pid| pid.as_str().into()))),
        ("tables", Json::list(seen.tables.iter().map(table))),
        ("policy", seen.policy.as_ref().map_or(Json::Null, policy)),
        ("children", Json::list(seen.children.iter().map(node))),
    ])
}

fn end(end: &End) -> Json {
    let (how, text) = match end {
        End::Crash(reason) => ("crash", reason),
        End::Orderly(reason) => ("orderly", reason),
        End::With(sibling) => ("with", sibling),
    };
    Json::Object(vec![(how, text.as_str().into())])
}

fn table(table: &Table) -> Json {
    Json::Object(vec![
        ("name", table.name.as_str().into()),
        ("kind", table.kind.into()),
        ("size", (table.size as u64).into()),
    ])
}

fn policy(policy: &Policy) -> Json {
    Json::Object(vec![
        ("strategy", policy.strategy.into()),
        ("used", u64::from(policy.used).into()),
        ("allowed", u64::from(policy.allowed).into()),
        ("window", policy.window.as_str().into()),
    ])
}
