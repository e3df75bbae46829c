//! Who does how much: a table of processes.

pub(super) mod console;
mod details;

use std::cmp::Ordering;
use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::list::table;
use crate::Pid;
use crate::kino::{Bundle, Render};
use crate::process::{self, Listed, write_table};

/// A table of processes: those that did most on top, with what waits for them and what they take.
///
/// As the last value of a cell it is a table of that moment. [`watch`](super::watch) shows it anew every second, with how
/// much each process did in the time between. Where [controls work](crate::kino::control), that table can be sorted, and
/// the pid of a process is a button which shows all that is known of it: what [`process::info`](crate::process::info) says,
/// the state, if it is a server that waits for its next message, and a [backtrace](crate::process::backtrace()). Another
/// button kills it, unless it is one that the notebook itself needs, and says what came of that.
///
/// What is saved with a notebook is the table as it was first shown.
///
/// # Examples
///
/// ```
/// # crabtree::run(async {
/// use crabtree::kino::process::{SortBy, observer, watch};
/// use crabtree::prelude::*;
///
/// let slow = spawn(process::sleep(secs(60)));
/// for n in 0..100 {
///     send(slow, n);
/// }
/// let table = observer().sort_by(SortBy::Messages).top(5);
/// println!("{table}");
///
/// watch(table);
/// # });
/// ```
pub fn observer() -> Observer {
    let mut observer = Observer {
        sort_by: SortBy::Reductions,
        top: 20,
        period: Duration::from_secs(1),
        chosen: None,
        seen: Vec::new(),
        total: String::new(),
        at: Instant::now(),
    };
    observer.look();
    observer
}

/// A table of processes, taken when [`observer`] was called.
#[derive(Clone)]
pub struct Observer {
    sort_by: SortBy,
    top: usize,
    period: Duration,
    chosen: Option<Chosen>,
    seen: Vec<Row>,
    /// What there is in all.
    total: String,
    at: Instant,
}

type Chosen = Arc<dyn Fn(&Listed) -> bool + Send + Sync>;

/// What an [`Observer`] sorts by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SortBy {
    /// The pid, the oldest first.
    Pid,
    /// The name or label; those without one come last.
    Name,
    /// How many messages wait, the most first.
    Messages,
    /// How much a process did since the table was shown before, or else since it began; the most first.
    #[default]
    Reductions,
    /// How many bytes it takes, the most first.
    Memory,
}

/// A process and what it did meanwhile.
#[derive(Clone)]
struct Row {
    listed: Listed,
    /// Reductions in a second; not known at the first look.
    rate: Option<u64>,
}

impl Observer {
    /// What comes first. Unless this says otherwise, those that do most.
    #[must_use]
    pub fn sort_by(mut self, sort_by: SortBy) -> Observer {
        self.sort_by = sort_by;
        self
    }

    /// How many processes are shown: 20 unless this says otherwise. The others are counted.
    #[must_use]
    pub fn top(mut self, most: usize) -> Observer {
        self.top = most;
        self
    }

    /// How often the table is shown anew when it is [watched](super::watch): every second unless this says otherwise, and
    /// 20 times in a second at most.
    #[must_use]
    pub fn every(mut self, period: Duration) -> Observer {
        self.period = period;
        self
    }

    /// Only these processes.
    ///
    /// ```
    /// # crabtree::run(async {
    /// use crabtree::kino::process::observer;
    /// use crabtree::prelude::*;
    ///
    /// let child = spawn(process::sleep(secs(60)));
    /// let table = observer().only(move |listed| listed.pid == child);
    /// assert!(table.to_string().contains("1 process shown of "), "{table}");
    /// # });
    /// ```
    #[must_use]
    pub fn only(mut self, chosen: impl Fn(&Listed) -> bool + Send + Sync + 'static) -> Observer {
        self.chosen = Some(Arc::new(chosen));
        self
    }

    pub(super) fn period(&self) -> Duration {
        self.period.max(Duration::from_millis(50))
    }

    /// Looks at the processes as they are now.
    pub(super) fn look(&mut self) {
        let elapsed = self.at.elapsed();
        self.at = Instant::now();
        let before: HashMap<Pid, u64> = self.seen.iter().map(Row::counted).collect();
        let is_first = before.is_empty();
        let processes = process::list();
        self.total = processes.total();
        let row = |listed: &Listed| {
            // Who is new did all of it meanwhile.
            let done = listed.reductions - before.get(&listed.pid).copied().unwrap_or(0).min(listed.reductions);
            let rate = (!is_first && !elapsed.is_zero()).then(|| (done as f64 / elapsed.as_secs_f64()) as u64);
            Row {
                listed: listed.clone(),
                rate,
            }
        };
        self.seen = processes.iter().map(row).collect();
    }

    /// Those that are shown, in their order.
    fn rows(&self) -> Vec<&Row> {
        let is_chosen = |row: &&Row| self.chosen.as_ref().is_none_or(|chosen| chosen(&row.listed));
        let mut rows: Vec<&Row> = self.seen.iter().filter(is_chosen).collect();
        rows.sort_by(|a, b| self.sort_by.compare(a, b));
        rows.truncate(self.top);
        rows
    }

    /// The head, with a mark on the column that it is sorted by.
    fn head(&self) -> [&'static str; COLUMNS] {
        let has_rates = self.seen.iter().any(|row| row.rate.is_some());
        let (column, title) = match self.sort_by {
            SortBy::Pid => (0, "pid ▲"),
            SortBy::Name => (1, "name or label ▲"),
            SortBy::Messages => (2, "messages ▼"),
            SortBy::Reductions if has_rates => (4, "per second ▼"),
            SortBy::Reductions => (3, "reductions ▼"),
            SortBy::Memory => (5, "memory ▼"),
        };
        let mut head = HEAD;
        head[column] = title;
        head
    }

    /// The same, sorted in another way.
    fn sort_again(&mut self, sort_by: SortBy) {
        self.sort_by = sort_by;
    }

    fn note(&self, shown: usize) -> String {
        let processes = if shown == 1 { "process" } else { "processes" };
        format!("{shown} {processes} shown of {}", self.total)
    }
}

const COLUMNS: usize = 8;

const HEAD: [&str; COLUMNS] = [
    "pid",
    "name or label",
    "messages",
    "reductions",
    "per second",
    "memory",
    "initial call",
    "current place",
];

const NUMBERS: Range<usize> = 2..6;

/// The end of a path, without the types that it is for.
fn short(call: &str) -> &str {
    let path = match call.find('<') {
        Some(types @ 1..) => &call[..types],
        _ => call,
    };
    let mut separators = path.rmatch_indices("::").map(|(place, _)| place);
    let place = separators.nth(1);
    place.map_or(path, |place| &path[place + 2..])
}

impl SortBy {
    fn compare(self, a: &Row, b: &Row) -> Ordering {
        let (left, right) = (&a.listed, &b.listed);
        let order = match self {
            SortBy::Pid => Ordering::Equal,
            SortBy::Name => (left.title().is_empty(), left.title()).cmp(&(right.title().is_empty(), right.title())),
            SortBy::Messages => right.message_queue_len.cmp(&left.message_queue_len),
            SortBy::Reductions => (b.rate, right.reductions).cmp(&(a.rate, left.reductions)),
            SortBy::Memory => right.memory.cmp(&left.memory),
        };
        order.then(left.pid.cmp(&right.pid))
    }
}

impl Row {
    fn counted(&self) -> (Pid, u64) {
        (self.listed.pid, self.listed.reductions)
    }

    fn cells(&self) -> [String; COLUMNS] {
        let [pid, name, call, place, messages, reductions, memory] = self.listed.cells();
        let rate = self.rate.map(|rate| rate.to_string()).unwrap_or_default();
        [
            pid,
            name,
            messages,
            reductions,
            rate,
            memory,
            short(&call).to_owned(),
            place,
        ]
    }
}

/// A table without scripts, and the same in letters.
impl Render for Observer {
    fn render(&self) -> Bundle {
        let rows = self.rows();
        let lines = rows.iter().map(|row| row.cells());
        let note = self.note(rows.len());
        Bundle::new()
            .with("text/html", table(self.head(), NUMBERS, lines, &note))
            .with("text/plain", self.to_string())
    }
}

/// As a table in letters.
impl fmt::Display for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<_> = self.rows().into_iter().map(Row::cells).collect();
        write_table(f, self.head(), NUMBERS, &lines)?;
        f.write_str(&self.note(lines.len()))
    }
}

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
