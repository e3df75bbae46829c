//! All that is known of one process.

use std::time::Duration;

use tokio::time::timeout;

use crate::gen_server::is_at_rest;
use crate::kino::process::words::shortened;
use crate::kino::xml::push_escaped;
use crate::{Pid, process, sys};

/// So long a process has to answer before it is shown without its answer.
const PATIENCE: Duration = Duration::from_millis(500);

/// More messages, links or values than these are counted.
const SHOWN: usize = 20;

/// Longer values are cut.
const COLUMNS: usize = 300;

/// A process, looked at from outside and, if it is a server that waits, from inside. In HTML; `None` when it is not alive.
pub(super) async fn of(pid: Pid) -> Option<String> {
    let info = process::info(pid)?;
    let is_server = info.current_place.is_some_and(is_at_rest);
    let mut rows = Rows::default();
    let name = info.registered_name.map(|name| name.to_string());
    let label = info.label.map(|label| label.to_string());
    rows.row("pid", &pid.to_string());
    rows.row("name", &name.unwrap_or_default());
    rows.row("label", &label.unwrap_or_default());
    rows.row("initial call", &info.initial_call);
    rows.row("spawned at", &info.spawned_at.to_string());
    let waits = || {
        let place = info.current_place.map(|place| format!(" at {place}"));
        format!("waiting{}", place.unwrap_or_default())
    };
    rows.row(
        "status",
        &info
            .running_for
            .map_or_else(waits, |time| format!("running for {time:?}")),
    );
    rows.row("parent", &called(info.parent.iter()));
    rows.row("ancestors", &called(info.ancestors.iter()));
    rows.row("links", &called(info.links.iter()));
    rows.row("monitors", &called(info.monitors.iter()));
    rows.row("monitored by", &called(info.monitored_by.iter()));
    rows.row("group leader", &called([info.group_leader].iter()));
    rows.row("traps exits", if info.trap_exit { "yes" } else { "no" });
    rows.row("priority", &format!("{:?}", info.priority).to_lowercase());
    rows.row("reductions", &info.reductions.to_string());
    rows.row("memory", &format!("{} bytes", info.memory));
    let dictionary = info.dictionary.iter().map(|(key, value)| format!("{key}: {value}"));
    rows.row("dictionary", &listed(dictionary));
    let messages = info
        .messages
        .iter()
        .map(|message| shortened(&message.0, COLUMNS).into_owned());
    let mailbox = listed(messages);
    rows.row("mailbox", if mailbox.is_empty() { "empty" } else { &mailbox });
    if is_server && let Ok(status) = sys::get_status(pid).timeout(PATIENCE).await {
        rows.row("state", &shortened(&status.state, 10 * COLUMNS));
    }
    let stacks = timeout(PATIENCE, process::backtrace(pid)).await;
    let stacks = match stacks {
        Ok(Some(backtrace)) => backtrace.to_string(),
        Ok(None) => String::new(),
        Err(_) => String::from("it did not answer: it does not wait just now, or nobody runs it"),
    };
    rows.row("backtrace", &stacks);
    Some(rows.finish())
}

/// Processes with their names.
fn called<'a>(pids: impl Iterator<Item = &'a Pid>) -> String {
    listed(pids.map(|pid| name_of(*pid)))
}

/// A process with its name or label.
pub(super) fn name_of(pid: Pid) -> String {
    let title = process::info(pid).and_then(|info| info.registered_name.or(info.label));
    title.map_or_else(|| pid.to_string(), |title| format!("{title} {pid}"))
}

fn listed(mut items: impl Iterator<Item = String>) -> String {
    let mut lines: Vec<String> = items.by_ref().take(SHOWN).collect();
    let more = items.count();
    if more > 0 {
        lines.push(format!("… and {more} more"));
    }
    lines.join("\n")
}

/// Lines of a table: what, and what it is. What is empty is left out.
#[derive(Default)]
struct Rows(String);

impl Rows {
    fn row(&mut self, what: &str, value: &str) {
        if value.is_empty() {
            return;
        }
        self.0.push_str(r#"<tr><td valign="top" style="padding-right: 16px">"#);
        push_escaped(&mut self.0, what);
        // Places stand at the beginning of a line, for those who find them in a text.
        self.0
            .push_str("</td><td><pre style=\"margin: 0; line-height: 20px; white-space: pre-wrap\">\n");
        push_escaped(&mut self.0, value);
        self.0.push_str("\n</pre></td></tr>");
    }

    fn finish(self) -> String {
        format!("<table>{}</table>", self.0)
    }
}
