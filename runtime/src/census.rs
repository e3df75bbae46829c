//! How much the node keeps: what a test looks at to see that nothing stays behind.

use crate::node::node;
use crate::{application, ets, process, timer};

/// The counts of the node. They belong together only when nothing else happens meanwhile.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Processes, devices included.
    pub processes: usize,
    /// Names in use, those that are values included.
    pub names: usize,
    /// What waits for its time: messages that are to be sent later, and deadlines of processes.
    pub timers: usize,
    /// Timers that can be cancelled.
    pub timer_refs: usize,
    /// Ends of links.
    pub links: usize,
    /// What processes watch, by those who watch.
    pub monitors: usize,
    /// What processes watch, by those who are watched.
    pub watchers: usize,
    /// Aliases, and calls that wait for an answer.
    pub aliases: usize,
    /// Messages that wait in mailboxes.
    pub messages: usize,
    /// Tables.
    pub tables: usize,
    /// Applications.
    pub applications: usize,
    /// Devices that go on without a process.
    pub retired_devices: usize,
    /// Controls that a front end may show.
    pub widgets: usize,
}

/// Counts what the node keeps.
pub fn census() -> Census {
    let (timers, timer_refs) = timer::count();
    let mut census = Census {
        names: process::registered().len(),
        timers,
        timer_refs,
        tables: ets::all().len(),
        applications: application::which_applications().len(),
        retired_devices: node().retired.lock().len(),
        widgets: node().widgets.lock().len(),
        ..Census::default()
    };
    for (_, record) in node().table.all() {
        let state = record.lock();
        if !state.alive {
            continue;
        }
        census.processes += 1;
        census.messages += state.inbox.len();
        census.names += state.extras().map_or(0, |extras| extras.globals.len());
        if let Some(relations) = state.relations() {
            census.links += relations.links.len();
            census.monitors += relations.monitors.len();
            census.watchers += relations.watchers.len();
            census.aliases += relations.calls.len();
        }
    }
    census
}
