//! The inputs of this session and of earlier ones, as history requests want them.
//!
//! They are kept in one SQLite file for all kernels of a user, `history.sqlite` in `crabtree` in the user's data
//! directory, or where [`HISTORY_ENV`] says. A session gets its number when its first input is recorded. Where the
//! file cannot be used, inputs are kept until the kernel ends, and standard error says why.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use rusqlite::{Connection, OptionalExtension as _, Row, TransactionBehavior, params};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::oneshot;

/// The environment variable that says which file holds the history. If it is empty, no file does.
pub(crate) const HISTORY_ENV: &str = "CRABTREE_HISTORY";

/// The form of the file that this version knows, in its `user_version`.
const FORM: i32 = 1;

const TABLES: &str = "
CREATE TABLE sessions (session INTEGER PRIMARY KEY AUTOINCREMENT, started TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP);
CREATE TABLE inputs (
    session INTEGER NOT NULL, line INTEGER NOT NULL, input TEXT NOT NULL, output TEXT, PRIMARY KEY (session, line)
) WITHOUT ROWID;
";

/// How long to wait for another kernel that writes.
const PATIENCE: Duration = Duration::from_secs(2);

/// The way to the history: a thread owns the file, and does what it is told in order.
#[derive(Debug)]
pub(super) struct History {
    /// Taken when the thread is to end.
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
enum Job {
    Input(u32, String),
    Output(u32, String),
    Answer(Query, oneshot::Sender<Value>),
}

/// Which inputs are wanted. `jupyter_protocol`'s type refuses requests without `stop` or `unique`.
#[derive(Debug, Deserialize)]
#[serde(tag = "hist_access_type", rename_all = "lowercase")]
pub(super) enum Query {
    /// The last `n`.
    Tail {
        /// How many; all when absent.
        n: Option<u32>,
        /// Whether results are wanted as well.
        #[serde(default)]
        output: bool,
    },
    /// The lines from `start` to before `stop` of one session.
    Range {
        /// A session's number; 0 for this session, -1 for the one before it.
        #[serde(default)]
        session: i64,
        /// The first line.
        #[serde(default)]
        start: u32,
        /// The line after the last one; the end when absent.
        stop: Option<u32>,
        /// Whether results are wanted as well.
        #[serde(default)]
        output: bool,
    },
    /// The last `n` whose input is like `pattern`.
    Search {
        /// With `*` for any text and `?` for any character.
        #[serde(default = "anything")]
        pattern: String,
        /// How many; all when absent.
        n: Option<u32>,
        /// Whether an input is to be told only once, where it was used last.
        #[serde(default)]
        unique: bool,
        /// Whether results are wanted as well.
        #[serde(default)]
        output: bool,
    },
}

fn anything() -> String {
    "*".to_owned()
}

impl History {
    /// Opens the history of this user, in the background.
    pub(super) fn open() -> History {
        History::at(file())
    }

    fn at(file: Option<PathBuf>) -> History {
        let (jobs, received) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name("history".to_owned())
            .spawn(move || keep(file.as_deref(), &received));
        History {
            jobs: Some(jobs),
            thread: thread.ok(),
        }
    }

    /// Records that `input` was run as number `line`.
    pub(super) fn record(&self, line: u32, input: &str) {
        self.send(Job::Input(line, input.to_owned()));
    }

    /// Records the value of cell number `line`.
    pub(super) fn record_output(&self, line: u32, output: &str) {
        self.send(Job::Output(line, output.to_owned()));
    }

    /// The content of the reply to `query`.
    pub(super) async fn answer(&self, query: Query) -> Value {
        let (answer, answered) = oneshot::channel();
        self.send(Job::Answer(query, answer));
        let nothing = || json!({"status": "ok", "history": []});
        answered.await.unwrap_or_else(|_| nothing())
    }

    fn send(&self, job: Job) {
        if let Some(jobs) = &self.jobs {
            // Without its thread there is no history, and the thread has said why.
            let _ = jobs.send(job);
        }
    }
}

/// Waits until all that was recorded is in the file.
impl Drop for History {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn file() -> Option<PathBuf> {
    match std::env::var_os(HISTORY_ENV) {
        Some(file) if file.is_empty() => None,
        Some(file) => Some(file.into()),
        None => Some(dirs::data_dir()?.join("crabtree/history.sqlite")),
    }
}

fn keep(file: Option<&Path>, jobs: &Receiver<Job>) {
    let opened = match file {
        Some(file) => Store::open(file).or_else(|error| {
            let file = file.display();
            eprintln!("crabtree: inputs are kept until this kernel ends only, for {file} cannot be used: {error:#}");
            Store::in_memory()
        }),
        None => Store::in_memory(),
    };
    let mut store = match opened {
        Ok(store) => store,
        Err(error) => {
            eprintln!("crabtree: there is no history: {error:#}");
            return;
        }
    };
    for job in jobs {
        let done = match job {
            Job::Input(line, input) => store.record(line, &input),
            Job::Output(line, output) => store.record_output(line, &output),
            Job::Answer(query, answer) => store.find(&query).map(|found| {
                // Whoever asked may be gone.
                let _ = answer.send(json!({"status": "ok", "history": found}));
            }),
        };
        if let Err(error) = done {
            eprintln!("crabtree: the history cannot be used: {error:#}");
        }
    }
}

/// An open file.
struct Store {
    connection: Connection,
    /// This session's number, once it has recorded something.
    session: Option<i64>,
}

impl Store {
    fn open(file: &Path) -> Result<Store> {
        use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
        if let Some(dir) = file.parent() {
            std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        }
        // Inputs are nobody else's business; SQLite gives its own files the mode of this one.
        std::fs::OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(file)?;
        Store::set_up(Connection::open(file)?)
    }

    fn in_memory() -> Result<Store> {
        Store::set_up(Connection::open_in_memory()?)
    }

    fn set_up(mut connection: Connection) -> Result<Store> {
        connection.busy_timeout(PATIENCE)?;
        // Readers do not wait for a writer. What a power cut takes is the last inputs, not the file.
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        // Several kernels may find an empty file at once.
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        match transaction.pragma_query_value(None, "user_version", |row| row.get(0))? {
            0 => {
                transaction.execute_batch(TABLES)?;
                transaction.pragma_update(None, "user_version", FORM)?;
            }
            FORM => {}
            form => bail!("it has form {form}, which a newer crabtree wrote; this one knows form {FORM}"),
        }
        transaction.commit()?;
        Ok(Store {
            connection,
            session: None,
        })
    }

    fn record(&mut self, line: u32, input: &str) -> Result<()> {
        let session = match self.session {
            Some(session) => session,
            None => {
                self.connection.execute("INSERT INTO sessions DEFAULT VALUES", [])?;
                *self.session.insert(self.connection.last_insert_rowid())
            }
        };
        self.connection
            .prepare_cached("INSERT OR REPLACE INTO inputs (session, line, input) VALUES (?, ?, ?)")?
            .execute(params![session, line, input])?;
        Ok(())
    }

    fn record_output(&mut self, line: u32, output: &str) -> Result<()> {
        self.connection
            .prepare_cached("UPDATE inputs SET output = ? WHERE session = ? AND line = ?")?
            .execute(params![output, self.session, line])?;
        Ok(())
    }

    /// Entries as replies have them, the oldest first.
    fn find(&self, query: &Query) -> Result<Vec<Value>> {
        const ALL: &str = "SELECT session, line, input, output FROM inputs ";
        const NEWEST: &str = " ORDER BY session DESC, line DESC LIMIT ?";
        // SQLite takes a negative limit for none.
        let limit = |n: &Option<u32>| n.map_or(-1, i64::from);
        let output = match query {
            Query::Tail { output, .. } | Query::Range { output, .. } | Query::Search { output, .. } => *output,
        };
        let entry = |row: &Row<'_>| entry(row, output);
        let mut found: Vec<Value> = match query {
            Query::Tail { n, .. } => self
                .connection
                .prepare_cached(&format!("{ALL}{NEWEST}"))?
                .query_map(params![limit(n)], entry)?
                .collect::<Result<_, _>>()?,
            Query::Range {
                session, start, stop, ..
            } => self
                .connection
                .prepare_cached(&format!("{ALL} WHERE session = ? AND line >= ? AND line < ? {NEWEST}"))?
                .query_map(
                    params![self.absolute(*session)?, start, stop.unwrap_or(u32::MAX), -1],
                    entry,
                )?
                .collect::<Result<_, _>>()?,
            Query::Search { pattern, n, unique, .. } => {
                let last_use = "AND NOT EXISTS (SELECT 1 FROM inputs AS later WHERE later.input = inputs.input
                    AND (later.session, later.line) > (inputs.session, inputs.line))";
                let last_use = if *unique { last_use } else { "" };
                // Brackets have a meaning for SQLite, and none here.
                let pattern = pattern.replace('[', "[[]");
                self.connection
                    .prepare_cached(&format!("{ALL} WHERE input GLOB ? {last_use} {NEWEST}"))?
                    .query_map(params![pattern, limit(n)], entry)?
                    .collect::<Result<_, _>>()?
            }
        };
        found.reverse();
        Ok(found)
    }

    /// The number of a session that may be told by its distance from this one.
    fn absolute(&self, session: i64) -> Result<i64> {
        if session > 0 {
            return Ok(session);
        }
        let this = match self.session {
            Some(this) => this,
            None => {
                let last: Option<i64> = self
                    .connection
                    .query_row("SELECT max(session) FROM sessions", [], |row| row.get(0))
                    .optional()
                    .context("the sessions")?
                    .flatten();
                last.unwrap_or(0) + 1
            }
        };
        Ok(this + session)
    }
}

fn entry(row: &Row<'_>, output: bool) -> rusqlite::Result<Value> {
    let (session, line, input): (i64, i64, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
    Ok(if output {
        json!([session, line, [input, row.get::<_, Option<String>>(3)?]])
    } else {
        json!([session, line, input])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(file: &Path, inputs: &[&str]) -> Store {
        let mut store = Store::open(file).unwrap();
        for (line, input) in inputs.iter().enumerate() {
            store.record(line as u32 + 1, input).unwrap();
        }
        store
    }

    /// What a query finds in a store whose session 1 had these inputs, and whose session 2 has others.
    #[track_caller]
    fn check(query: Value, expected: &[&str]) {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("h/history.sqlite");
        drop(store(&file, &["let a = 1;", "a + 1", "let b = [2];"]));
        let mut second = store(&file, &["a + 1", "b"]);
        second.record_output(1, "2").unwrap();
        let query: Query = serde_json::from_value(query).unwrap();
        let found = second.find(&query).unwrap();
        assert_eq!(found.iter().map(Value::to_string).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn tail_is_the_last_n_of_all_sessions() {
        check(
            json!({"hist_access_type": "tail", "n": 3, "raw": true, "output": false}),
            &[r#"[1,3,"let b = [2];"]"#, r#"[2,1,"a + 1"]"#, r#"[2,2,"b"]"#],
        );
    }

    #[test]
    fn range_ends_before_stop_and_names_sessions_from_the_first_or_from_this_one() {
        let range = |session: i64, stop: Value| json!({"hist_access_type": "range", "session": session, "start": 1, "stop": stop, "output": true});
        check(range(0, json!(2)), &[r#"[2,1,["a + 1","2"]]"#]);
        check(range(2, json!(2)), &[r#"[2,1,["a + 1","2"]]"#]);
        let first = [r#"[1,1,["let a = 1;",null]]"#, r#"[1,2,["a + 1",null]]"#];
        check(range(1, json!(3)), &first);
        check(range(-1, json!(3)), &first);
        check(
            range(0, json!(null)),
            &[r#"[2,1,["a + 1","2"]]"#, r#"[2,2,["b",null]]"#],
        );
        check(range(-2, json!(null)), &[]);
    }

    #[test]
    fn search_finds_the_last_n_that_are_like_the_pattern() {
        let search = |pattern: &str, n: u32, unique: bool| json!({"hist_access_type": "search", "pattern": pattern, "n": n, "unique": unique});
        check(search("a*", 9, false), &[r#"[1,2,"a + 1"]"#, r#"[2,1,"a + 1"]"#]);
        check(search("a*", 9, true), &[r#"[2,1,"a + 1"]"#]);
        check(search("*", 1, false), &[r#"[2,2,"b"]"#]);
        check(search("let ? =*", 1, false), &[r#"[1,3,"let b = [2];"]"#]);
        check(search("*[2]*", 9, false), &[r#"[1,3,"let b = [2];"]"#]);
    }

    #[test]
    fn sessions_that_write_at_once_have_numbers_of_their_own_and_lose_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("history.sqlite");
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| drop(store(&file, &["x"; 25])));
            }
        });
        let all: Query = serde_json::from_value(json!({"hist_access_type": "tail"})).unwrap();
        let found = Store::open(&file).unwrap().find(&all).unwrap();
        let sessions: std::collections::BTreeSet<_> = found.iter().map(|entry| entry[0].to_string()).collect();
        assert_eq!((found.len(), sessions.len()), (100, 4));
    }

    #[test]
    fn a_file_of_a_newer_version_or_of_something_else_is_left_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("history.sqlite");
        let newer = Store::open(&file).unwrap();
        newer.connection.pragma_update(None, "user_version", FORM + 1).unwrap();
        let error = Store::open(&file).map(drop).unwrap_err().to_string();
        assert!(error.contains("newer"), "{error}");
        let text = dir.path().join("notes.txt");
        std::fs::write(&text, "not a database at all, and longer than a header").unwrap();
        assert!(Store::open(&text).is_err());
    }

    #[test]
    fn only_the_user_can_read_it() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("h/history.sqlite");
        let _store = store(&file, &["x"]);
        for entry in std::fs::read_dir(file.parent().unwrap()).unwrap().flatten() {
            let mode = entry.metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{:?}", entry.path());
        }
    }

    #[tokio::test]
    async fn what_is_recorded_is_found_by_the_next_query() {
        let history = History::at(None);
        history.record(1, "6 * 7");
        history.record_output(1, "42");
        let query = serde_json::from_value(json!({"hist_access_type": "tail", "output": true})).unwrap();
        let answer = history.answer(query).await;
        assert_eq!(answer, json!({"status": "ok", "history": [[1, 1, ["6 * 7", "42"]]]}));
    }
}
