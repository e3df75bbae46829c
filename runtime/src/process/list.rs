//! All processes at a glance.

use super::info::Status;
use super::origin::Place;
use crate::name::Name;
use crate::node::node;
use crate::pid::Pid;
use std::borrow::Cow;
use std::fmt;
use std::ops::{Deref, Range};

/// All living processes, in the order of their numbers: what the `i()` of Erlang's shell shows.
///
/// The value is a table, which a notebook shows as one. It is also a slice of [`Listed`] processes.
///
/// ```
/// # crabtree::run(async {
/// use crabtree::prelude::*;
///
/// let child = spawn(process::sleep(secs(60)));
/// let processes = process::list();
/// assert!(processes.contains(child));
/// println!("{processes}");
///
/// // Who has the most to do?
/// let busiest = processes.iter().max_by_key(|listed| listed.message_queue_len).unwrap();
/// assert!(process::is_alive(busiest.pid));
/// # });
/// ```
pub fn list() -> Processes {
    let records = node().table.all();
    let listed = records.filter_map(|(number, record)| {
        let pid = Pid::local(number, record.serial());
        let running_for = node().watchdog.running(pid);
        record.update(pid, |state| Listed {
            pid,
            registered_name: state.name().cloned(),
            label: state.extras().and_then(|extras| extras.label.clone()),
            initial_call: state.origin.path(),
            status: Status::of(running_for),
            current_place: state.waits_at,
            message_queue_len: state.inbox.len(),
            reductions: state.reductions,
            memory: record.memory(state),
        })
    });
    Processes(listed.collect())
}

/// What [`list`] returns.
#[derive(Clone, PartialEq, Eq)]
pub struct Processes(Vec<Listed>);

/// One process of a [`list`]. Its fields are those of [`Info`](super::Info) that cost little.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Listed {
    /// The process.
    pub pid: Pid,
    /// Its name, if it is registered.
    pub registered_name: Option<Name>,
    /// What it calls itself, if it does.
    pub label: Option<Name>,
    /// What it was spawned with.
    pub initial_call: Cow<'static, str>,
    /// Whether it runs or waits.
    pub status: Status,
    /// Where it waits, if that is known.
    pub current_place: Option<Place>,
    /// How many messages wait in its mailbox.
    pub message_queue_len: usize,
    /// How much it has done.
    pub reductions: u64,
    /// How many bytes it takes.
    pub memory: usize,
}

impl Processes {
    /// Whether the process was alive.
    pub fn contains(&self, pid: impl Into<Pid>) -> bool {
        let pid = pid.into();
        self.iter().any(|listed| listed.pid == pid)
    }

    /// The processes themselves.
    pub fn pids(&self) -> impl Iterator<Item = Pid> {
        self.iter().map(|listed| listed.pid)
    }

    /// The head of the table.
    pub(crate) const HEAD: [&'static str; 7] = [
        "pid",
        "name or label",
        "initial call",
        "current place",
        "messages",
        "reductions",
        "memory",
    ];

    /// The columns of numbers.
    pub(crate) const NUMBERS: Range<usize> = 4..7;

    /// What there is below the table.
    pub(crate) fn total(&self) -> String {
        let messages: usize = self.iter().map(|listed| listed.message_queue_len).sum();
        let memory: usize = self.iter().map(|listed| listed.memory).sum();
        let processes = if self.len() == 1 { "process" } else { "processes" };
        let n = self.len();
        format!("{n} {processes}, {messages} messages, {memory} bytes")
    }
}

impl Listed {
    /// The name or the label, if it has one.
    pub(crate) fn title(&self) -> &str {
        let name = self.registered_name.as_ref().or(self.label.as_ref());
        name.map(Name::as_str).unwrap_or_default()
    }

    /// Where it waits.
    fn place(&self) -> String {
        match (self.status, self.current_place) {
            (Status::Running, _) => String::from("running"),
            (_, place) => place.map(|place| place.to_string()).unwrap_or_default(),
        }
    }

    /// A line of the table.
    pub(crate) fn cells(&self) -> [String; Processes::HEAD.len()] {
        [
            self.pid.to_string(),
            self.title().to_owned(),
            self.initial_call.to_string(),
            self.place(),
            self.message_queue_len.to_string(),
            self.reductions.to_string(),
            self.memory.to_string(),
        ]
    }
}

impl Deref for Processes {
    type Target = [Listed];

    fn deref(&self) -> &[Listed] {
        &self.0
    }
}

impl<'a> IntoIterator for &'a Processes {
    type Item = &'a Listed;
    type IntoIter = std::slice::Iter<'a, Listed>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// As a table in letters.
impl fmt::Display for Processes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<_> = self.iter().map(Listed::cells).collect();
        write_table(f, Processes::HEAD, Processes::NUMBERS, &lines)?;
        f.write_str(&self.total())
    }
}

/// Lines below a head, in columns as wide as they need to be.
pub(crate) fn write_table<const COLUMNS: usize>(
    out: &mut dyn fmt::Write,
    head: [&str; COLUMNS],
    numbers: Range<usize>,
    lines: &[[String; COLUMNS]],
) -> fmt::Result {
    let mut widths = head.map(|title| title.chars().count());
    for line in lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let head = head.map(String::from);
    for line in std::iter::once(&head).chain(lines) {
        let mut text = String::new();
        for (column, (cell, width)) in line.iter().zip(widths).enumerate() {
            text += &match numbers.contains(&column) {
                true => format!("{cell:>width$}  "),
                false => format!("{cell:width$}  "),
            };
        }
        writeln!(out, "{}", text.trim_end())?;
    }
    Ok(())
}

impl fmt::Debug for Processes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
