//! What can stand at the cursor, and what stands there: completion and inspection.
//!
//! evcxr has an analyzer of its own, but it belongs to the thread that compiles and runs cells, and so do its answers; and
//! it is kept from reading the standard library where that can be (`eval::environment`). Here is a second one, on a thread of
//! its own, which looks at the same session: the items and the variables that cells have left, and the cell that runs. It
//! is loaded while the session starts, and also finds the types of the variables that a cell keeps.
//!
//! It takes more memory than all else in the kernel. So it reads only what cells can see, and gives back to the operating
//! system what reading has left.

mod analyzer;
pub(super) mod commands;
mod project;
mod scope;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender, TryRecvError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Result;
use tokio::sync::oneshot;

pub(super) use scope::{Change, Scope, without_versions};

use super::cells::{self, Place};
use super::environment;
use super::rewrite::Kept;
use crate::cache::Packages;
use analyzer::Analyzer;

/// The analyzer calls itself deeply.
const STACK: usize = 64 << 20;

/// When nobody has asked for so long, there is time to tidy up.
const QUIET: Duration = Duration::from_secs(1);

/// By so many bytes the process has grown when it is time to give memory back.
const GROWTH: usize = 32 << 20;

/// What can stand at a cursor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Completions {
    /// The bytes of the code that an item replaces.
    pub(crate) replaced: std::ops::Range<usize>,
    /// The best first.
    pub(crate) items: Vec<Completion>,
}

/// One thing that can stand at a cursor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Completion {
    /// What is to be put in.
    pub(crate) text: String,
    /// What it is: `function`, `class`, `module`, `instance`, `keyword`, `macro`, `command`.
    pub(crate) kind: &'static str,
    /// Its type or signature, where it has one.
    pub(crate) detail: Option<String>,
}

/// What stands at a cursor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Description {
    /// Type and documentation as plain text.
    pub(crate) text: String,
    /// The same with markup.
    pub(crate) markdown: String,
}

/// The way to the analyzer. Clones mean the same one.
#[derive(Clone, Debug)]
pub(super) struct Assist {
    shared: Arc<Shared>,
    questions: Sender<Question>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    scope: Scope,
    session: Stage,
    /// Counts the times that `session` changed.
    generation: u64,
    /// Whether somebody is going to ask.
    wanted: bool,
}

/// How far the session is.
#[derive(Clone, Debug, Default)]
enum Stage {
    /// Questions wait.
    #[default]
    Starting,
    Started(Box<Packages>),
    /// There is nothing to look at.
    Failed,
}

/// Something asked about a place in a cell, a byte offset, or about the whole source in which it stands.
enum Question {
    /// Nothing, but that the session has got further, or a cell has ended.
    News,
    Load,
    /// As [`Load`](Question::Load), but it waits until nobody asks.
    WarmUp,
    Complete(String, usize, oneshot::Sender<Completions>),
    Describe(String, usize, oneshot::Sender<Option<Description>>),
    Types(String, Sender<Vec<Kept>>),
}

impl Assist {
    /// An analyzer that waits to be needed.
    pub(super) fn start() -> Assist {
        let (questions, asked) = mpsc::channel();
        let shared = Arc::new(Shared::default());
        let worker = Worker {
            shared: Arc::clone(&shared),
            loaded: None,
            generation: 0,
            is_cold: false,
            held: 0,
        };
        // Without a thread there are no answers, and clients learn that nothing was found.
        let _ = std::thread::Builder::new()
            .name("analyzer".to_owned())
            .stack_size(STACK)
            .spawn(move || worker.run(&asked));
        Assist { shared, questions }
    }

    /// The session compiles with these packages from now on, and has forgotten its items if it is a new one.
    pub(super) fn set_packages(&self, packages: Packages, forget: bool) {
        let mut state = self.state();
        if forget {
            state.scope = Scope::default();
        }
        self.set_session(state, Stage::Started(Box::new(packages)));
    }

    /// The session did not start.
    pub(super) fn give_up(&self) {
        self.set_session(self.state(), Stage::Failed);
    }

    fn set_session(&self, mut state: MutexGuard<'_, State>, session: Stage) {
        state.session = session;
        state.generation += 1;
        let news = if state.wanted { Question::Load } else { Question::News };
        drop(state);
        self.ask(news);
    }

    /// A cell begins, and may be what is asked about names of.
    pub(super) fn begin(&self, code: &str) {
        self.state().scope.begin(code);
    }

    /// The cell has ended; `change` is what it left, if it compiled.
    pub(super) fn end(&self, change: Option<Change>) {
        self.state().scope.end(change);
        // evcxr's analyzer may have looked, and there may be memory to give back.
        self.ask(Question::News);
    }

    /// Has the analyzer loaded, for somebody is going to ask it.
    pub(super) fn prepare(&self) {
        if !std::mem::replace(&mut self.state().wanted, true) {
            self.ask(Question::Load);
        }
    }

    /// What can stand at byte `at` of `code`.
    pub(super) async fn complete(&self, code: String, at: usize) -> Completions {
        if let Some(found) = commands::complete(&code, at) {
            return found;
        }
        let (answer, answered) = oneshot::channel();
        self.ask(Question::Complete(code, at, answer));
        answered.await.unwrap_or_default()
    }

    /// What stands at byte `at` of `code`.
    pub(super) async fn describe(&self, code: String, at: usize) -> Option<Description> {
        let (answer, answered) = oneshot::channel();
        self.ask(Question::Describe(code, at, answer));
        answered.await.ok().flatten()
    }

    /// The variables that a cell will bind, with their types. Waits until the analyzer has read what it needs, unless another
    /// session has asked the same; none if it cannot.
    pub(super) fn types(&self, code: &str) -> Option<Vec<Kept>> {
        let (text, cells) = {
            let state = self.state();
            let cells = match &state.session {
                Stage::Started(packages) if cells::are_kept() => packages.cells(),
                _ => None,
            };
            (state.scope.with(code), cells)
        };
        let place = cells.map(|cells| Place::of_types(&cells, &text));
        let known = place.as_ref().and_then(Place::find);
        if let Some(known) = known.and_then(|known| serde_json::from_slice(&known).ok()) {
            return Some(known);
        }
        let (answer, answered) = mpsc::channel();
        self.ask(Question::Types(text, answer));
        let found: Vec<Kept> = answered.recv().ok()?;
        if let Some(place) = place
            && found.iter().all(|kept| kept.type_name.is_some())
            && let Ok(text) = serde_json::to_vec(&found)
        {
            // What is not kept is asked again.
            let _ = place.keep(&text);
        }
        Some(found)
    }

    fn ask(&self, question: Question) {
        // Without its thread nothing is found.
        let _ = self.questions.send(question);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state()
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The thread that owns the analyzer.
struct Worker {
    shared: Arc<Shared>,
    loaded: Option<Analyzer>,
    /// The generation of the session that it was loaded for.
    generation: u64,
    /// Whether it has yet to learn the standard library.
    is_cold: bool,
    /// How many bytes were resident when memory was last given back.
    held: usize,
}

impl Worker {
    fn run(mut self, questions: &Receiver<Question>) {
        let mut waiting = Vec::new();
        while let Some(question) = self.next(questions) {
            waiting.push(question);
            let (session, generation) = {
                let state = self.shared.state();
                (state.session.clone(), state.generation)
            };
            match session {
                Stage::Starting => {}
                // Whoever asked learns that nothing was found.
                Stage::Failed => waiting.clear(),
                Stage::Started(packages) => {
                    for question in waiting.drain(..) {
                        // A mistake of the analyzer's costs its memory, not the session.
                        let answer = || self.answer(question, &packages, generation);
                        let answered = catch_unwind(AssertUnwindSafe(answer));
                        if let Err(error) = answered.unwrap_or_else(|_| Err(anyhow::anyhow!("it failed"))) {
                            eprintln!("crabtree: the analyzer of code gives no answer: {error:#}");
                            self.loaded = None;
                        }
                    }
                }
            }
        }
    }

    /// The next question; tidies up before a long wait for one. None if nobody can ask any more.
    fn next(&mut self, questions: &Receiver<Question>) -> Option<Question> {
        if std::mem::take(&mut self.is_cold) {
            match questions.try_recv() {
                Ok(question) => {
                    self.is_cold = true;
                    return Some(question);
                }
                Err(TryRecvError::Disconnected) => return None,
                Err(TryRecvError::Empty) => return Some(Question::WarmUp),
            }
        }
        match questions.recv_timeout(QUIET) {
            Ok(question) => return Some(question),
            Err(RecvTimeoutError::Disconnected) => return None,
            Err(RecvTimeoutError::Timeout) => {}
        }
        if resident() > self.held + GROWTH {
            // The analyzer's own way to drop what it has interned takes it for the only one of the process, and evcxr has
            // one as well.
            give_back();
            self.held = resident();
        }
        questions.recv().ok()
    }

    fn answer(&mut self, question: Question, packages: &Packages, generation: u64) -> Result<()> {
        if matches!(question, Question::News) {
            return Ok(());
        }
        let analyzer = match self.loaded.take().filter(|_| self.generation == generation) {
            Some(loaded) => loaded,
            // An old one is gone by now: two at once would take twice the memory.
            None => load(packages)?,
        };
        if std::mem::replace(&mut self.generation, generation) != generation {
            self.held = 0;
        }
        let analyzer = self.loaded.insert(analyzer);
        let scope = self.shared.state().scope.clone();
        // Whoever asked may be gone; then nobody takes the answer.
        match question {
            Question::News => {}
            Question::Load => {
                analyzer.learn(scope.with(LEAST));
                self.is_cold = true;
            }
            Question::WarmUp => drop(analyzer.complete(&scope.around(WARM_UP), WARM_UP.len())?),
            Question::Complete(code, at, answer) => drop(answer.send(analyzer.complete(&scope.around(&code), at)?)),
            Question::Types(text, answer) => drop(answer.send(analyzer.variables(text))),
            Question::Describe(code, at, answer) => drop(answer.send(analyzer.describe(&scope.around(&code), at)?)),
        }
        Ok(())
    }
}

/// Gives the operating system what is free in this process. glibc keeps it where something above it is in use.
fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: it takes glibc's own locks, and touches no memory that is in use.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// How many bytes of this process are in memory; none where that cannot be told.
fn resident() -> usize {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<usize>().ok());
    kib.unwrap_or_default() << 10
}

/// Code that keeps a variable. To find its type the analyzer has to know what there is in all packages.
const LEAST: &str = "let least = 1;";

/// Code whose completion has the analyzer learn the standard library's types.
const WARM_UP: &str = "let warm = vec![String::new()].iter().map(|s| s.len()).collect::<Vec<_>>(); warm.";

fn load(packages: &Packages) -> Result<Analyzer> {
    // While a session starts, the environment is not what cargo expects. What is prepared is read from files.
    let _normal = packages.are_changed().then(environment::normal);
    let metadata = packages.metadata()?;
    let cell: PathBuf = packages.crate_dir().join("src").join(CELL_FILE);
    let project = project::project(&metadata, &cell, packages.sysroot(), packages.library());
    Analyzer::load(project, packages.crate_dir(), &cell)
}

/// The name of the file that the analyzer believes a cell to be in. There is none.
const CELL_FILE: &str = "analyzed.rs";

/// The byte offset of the `count`th character of `text`; its end, if it has fewer.
pub(crate) fn byte_offset(text: &str, count: usize) -> usize {
    text.char_indices().nth(count).map_or(text.len(), |(at, _)| at)
}

/// How many characters come before byte `at` of `text`.
pub(crate) fn char_offset(text: &str, at: usize) -> usize {
    text.char_indices().take_while(|(start, _)| *start < at).count()
}

/// Where `path` is, for messages and comparisons of the analyzer: always absolute.
fn absolute(path: &Path) -> Result<ra_ap_paths::AbsPathBuf> {
    let text = path
        .to_str()
        .ok_or_else(|| anyhow::anyhow!("{} is not UTF-8", path.display()))?;
    ra_ap_paths::AbsPathBuf::try_from(text).map_err(|path| anyhow::anyhow!("{path} is not absolute"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_count_characters_and_not_bytes() {
        let text = "é🦀.len";
        assert_eq!(byte_offset(text, 0), 0);
        assert_eq!(byte_offset(text, 2), 6);
        assert_eq!(byte_offset(text, 3), 7);
        assert_eq!(byte_offset(text, 99), text.len());
        for count in 0..=6 {
            assert_eq!(char_offset(text, byte_offset(text, count)), count);
        }
        let combining = "e\u{301}.";
        assert_eq!(byte_offset(combining, 2), 3, "a combining character is one of its own");
    }
}
