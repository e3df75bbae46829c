//! A rustc that has begun before its cell is there.
//!
//! Of the time that rustc takes for a small cell, a fifth goes by before it looks at the cell: it starts, and reads the
//! library that cells link to. So while a reader writes a cell, a rustc waits for it that has done so. It was called as for
//! the cell before, but compiles [`ROOT`], which names the library and includes the cell from a pipe.
//!
//! The kernel holds the other end of that pipe, so that no compiler outlives it. It listens on a socket for the program that
//! evcxr takes for cargo ([`cargo`](super::cargo)), which says how rustc is to be called and for what, and is told what rustc
//! said. If it was ended meanwhile, as an interrupt does, so is the compiler.
//!
//! What must hold, for a cell to become what rustc would make of it now:
//!
//! - The call is the same in all its words and the whole environment, in the same circumstances of a build; else the compiler
//!   that waits is given up.
//! - Where rustc refuses a cell that comes this way, it is asked again without it: a few things, as `extern crate`, may not
//!   come out of an `include!`, and a mistake is to be told of as always.

use std::ffi::OsString;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Stdio;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context as _, Result};
use crabtree_link::GENERATED;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixListener;
use tokio::process::{Child, Command};
use tokio::sync::oneshot;

/// The directory in which it works, in the session's.
pub(super) const DIR: &str = "ahead";

/// What it compiles, after the attributes of the cell.
const ROOT: &str = "extern crate crabtree as _;\ninclude!(\"src/lib.rs\");\n";
/// The file with that.
pub(super) const ROOT_FILE: &str = "root.rs";

/// So long it waits for a cell.
const PATIENCE: Duration = Duration::from_secs(15 * 60);

/// How rustc is called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Call {
    /// The program first; the source is called [`GENERATED`].
    pub(super) words: Vec<String>,
    pub(super) environment: Vec<(OsString, OsString)>,
    /// What else its output depends on.
    pub(super) circumstances: String,
}

/// What is asked over the socket, in a line; the answer is a [`Said`] in another one.
#[derive(Serialize, Deserialize)]
enum Request {
    /// Compile this source.
    Compile(Call, String),
    /// Have a compiler wait for one like this.
    Expect(Call, String),
    /// What cells are compiled with may change now.
    GiveUp,
}

/// What rustc has written to its standard error, if it has compiled the cell.
type Said = Option<String>;

/// Has the rustc that waits compile `source`; none if there is none for that call, or it does not compile.
pub(super) fn compile(socket: &Path, call: Call, source: &str) -> Said {
    ask(socket, &Request::Compile(call, source.to_owned())).ok().flatten()
}

/// Says that the next cell is going to be compiled by that call, and to be like this one.
pub(super) fn expect(socket: &Path, call: Call, source: &str) {
    // If nobody listens, the compiler starts when the cell is there.
    let _ = ask(socket, &Request::Expect(call, source.to_owned()));
}

/// Says that what cells are compiled with may change.
pub(super) fn give_up(socket: &Path) {
    // If nobody listens, no compiler waits.
    let _ = ask(socket, &Request::GiveUp);
}

fn ask(socket: &Path, request: &Request) -> Result<Said> {
    let mut stream = UnixStream::connect(socket)?;
    stream.write_all((serde_json::to_string(request)? + "\n").as_bytes())?;
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer)?;
    Ok(serde_json::from_str(&answer)?)
}

/// The kernel's side, for one session. Dropped, it ends the compiler that waits.
#[derive(Debug)]
pub(super) struct Ahead {
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Ahead {
    /// Listens on `socket`; the compiler is to work in `dir`.
    pub(super) fn new(dir: &Path, socket: &Path) -> Result<Ahead> {
        let dir = dir.to_owned();
        let source = dir.join(GENERATED);
        fs::create_dir_all(source.parent().context("a file without a directory")?)?;
        symlink("/dev/fd/0", &source)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let listener = {
            let _entered = runtime.enter();
            UnixListener::bind(socket)?
        };
        let (end, ended) = oneshot::channel();
        let serve = async move {
            tokio::select! {
                _ = ended => {}
                () = serve(&dir, &listener) => {}
            }
        };
        let thread = std::thread::Builder::new().name("ahead".to_owned());
        let thread = thread.spawn(move || runtime.block_on(serve))?;
        Ok(Ahead {
            end: Some(end),
            thread: Some(thread),
        })
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn serve(dir: &Path, listener: &UnixListener) {
    let mut waiting: Option<Waiting> = None;
    loop {
        let accepted = match waiting {
            None => listener.accept().await,
            Some(_) => match tokio::time::timeout(PATIENCE, listener.accept()).await {
                Ok(accepted) => accepted,
                Err(_) => {
                    waiting = None;
                    continue;
                }
            },
        };
        // Who asks compiles on its own if it gets no answer, and what cannot be started is started for the cell.
        let Ok((stream, _)) = accepted else { return };
        waiting = answer(dir, waiting, stream).await.unwrap_or_default();
    }
}

/// Answers one request, and gives the compiler that waits for the next one.
async fn answer(dir: &Path, waiting: Option<Waiting>, stream: tokio::net::UnixStream) -> Result<Option<Waiting>> {
    let (requests, mut answers) = stream.into_split();
    let mut requests = tokio::io::BufReader::new(requests);
    let mut line = String::new();
    requests.read_line(&mut line).await?;
    let (call, source, now) = match serde_json::from_str(&line)? {
        Request::Compile(call, source) => (call, source, true),
        Request::Expect(call, source) => (call, source, false),
        Request::GiveUp => {
            drop(waiting);
            answers.write_all(b"null\n").await?;
            return Ok(None);
        }
    };
    let (attributes, items) = split(&source);
    let mut waiting = waiting.filter(|waiting| waiting.call == call && waiting.attributes == attributes);
    let (mut said, mut used) = (Said::None, None);
    if now && let Some(mut compiler) = waiting.take() {
        said = tokio::select! {
            said = compiler.compile(&items) => said?,
            // Who asks says no more, unless it was ended.
            _ = requests.read_u8() => return Ok(None),
        };
        used = Some(compiler);
    }
    answers
        .write_all((serde_json::to_string(&said)? + "\n").as_bytes())
        .await?;
    if let Some(mut compiler) = used {
        compiler.process.wait().await?;
    }
    match waiting {
        None => Waiting::start(dir, call, attributes).map(Some),
        waiting => Ok(waiting),
    }
}

/// The attributes at the beginning of a source, and the source with empty lines in their place.
fn split(source: &str) -> (String, String) {
    let is_attribute = |line: &&str| line.starts_with("#![") && line.trim_end().ends_with(']');
    let attributes: Vec<&str> = source.split_inclusive('\n').take_while(is_attribute).collect();
    let items = "\n".repeat(attributes.len()) + &source[attributes.iter().map(|line| line.len()).sum()..];
    (attributes.concat(), items)
}

/// A compiler that waits for its cell. Dropped, it is ended.
struct Waiting {
    call: Call,
    attributes: String,
    process: Child,
}

impl Waiting {
    fn start(dir: &Path, call: Call, attributes: String) -> Result<Waiting> {
        fs::write(dir.join(ROOT_FILE), attributes.clone() + ROOT)?;
        let words = call.words.iter().map(|word| match word.as_str() {
            GENERATED => ROOT_FILE,
            other => other,
        });
        let mut words = words.map(OsString::from);
        let process = Command::new(words.next().context("the call names no program")?)
            .args(words)
            .env_clear()
            .envs(call.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        Ok(Waiting {
            call,
            attributes,
            process,
        })
    }

    /// Compiles the cell, which it can do once; what rustc has said, if it did.
    async fn compile(&mut self, items: &str) -> Result<Said> {
        let mut source = self.process.stdin.take().context("it has compiled a cell")?;
        let stderr = self.process.stderr.take().context("its standard error is piped")?;
        let mut lines = tokio::io::BufReader::new(stderr).lines();
        // A compiler that ends early reads no more, and says why.
        let _ = source.write_all(items.as_bytes()).await;
        drop(source);
        let mut said = String::new();
        while let Some(line) = lines.next_line().await? {
            said += &line;
            said.push('\n');
            if is_of_library(&line) {
                // It only cleans up now.
                return Ok(Some(said));
            }
        }
        Ok(None)
    }
}

/// Whether rustc says in this line that it has written the library, which it does last.
fn is_of_library(line: &str) -> bool {
    let message = serde_json::from_str::<serde_json::Value>(line).unwrap_or_default();
    message["$message_type"] == "artifact" && message["emit"] == "link"
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A compiler that says which process it is and what it got; of "wrong" it makes nothing, and "endless" it never ends.
    const COMPILER: &str = "#!/bin/sh\nsource=$(cat)\ncase $source in *wrong*) exit 1 ;; *endless*) echo $$ > begun; \
        exec sleep 600 ;; esac\nprintf '%s %s\\n' $$ \"$source\" >&2\n\
        echo '{\"$message_type\":\"artifact\",\"artifact\":\"x\",\"emit\":\"link\"}' >&2\n";

    struct Session {
        ahead: Ahead,
        socket: std::path::PathBuf,
        compiler: String,
        dir: tempfile::TempDir,
    }

    impl Session {
        fn new() -> Session {
            use std::os::unix::fs::PermissionsExt as _;
            let dir = tempfile::tempdir().unwrap();
            let compiler = dir.path().join("compiler");
            fs::write(&compiler, COMPILER).unwrap();
            fs::set_permissions(&compiler, fs::Permissions::from_mode(0o700)).unwrap();
            let socket = dir.path().join("socket");
            Session {
                ahead: Ahead::new(&dir.path().join(DIR), &socket).unwrap(),
                compiler: compiler.display().to_string(),
                socket,
                dir,
            }
        }

        fn call(&self, circumstances: &str) -> Call {
            let path = ("PATH".into(), std::env::var_os("PATH").unwrap());
            Call {
                words: vec![self.compiler.clone(), GENERATED.to_owned()],
                environment: vec![path],
                circumstances: circumstances.to_owned(),
            }
        }

        fn compile(&self, circumstances: &str, source: &str) -> Option<String> {
            let said = compile(&self.socket, self.call(circumstances), source)?;
            let (_, got) = said.lines().next().unwrap().split_once(' ').unwrap();
            Some(got.to_owned())
        }
    }

    #[test]
    fn a_compiler_that_waits_compiles_a_cell_of_its_call_and_no_other() {
        let session = Session::new();
        assert_eq!(session.compile("here", "fn a() {}"), None, "nobody has waited");
        assert_eq!(session.compile("here", "fn b() {}").unwrap(), "fn b() {}");
        assert_eq!(session.compile("here", "fn c() {}").unwrap(), "fn c() {}");
        assert_eq!(session.compile("there", "fn d() {}"), None);
        assert_eq!(session.compile("there", "fn e() {}").unwrap(), "fn e() {}");
        let with_attributes = "#![allow(unused)]\nfn f() {}";
        assert_eq!(session.compile("there", with_attributes), None);
        assert_eq!(session.compile("there", with_attributes).unwrap(), "");
        // It writes the file again for the compiler that waits next.
        drop(session.ahead);
        let root = fs::read_to_string(session.dir.path().join(DIR).join(ROOT_FILE)).unwrap();
        assert_eq!(root, format!("#![allow(unused)]\n{ROOT}"));
    }

    #[test]
    fn what_may_have_changed_is_read_again() {
        let session = Session::new();
        expect(&session.socket, session.call("here"), "fn a() {}");
        assert!(session.compile("here", "fn a() {}").is_some());
        give_up(&session.socket);
        assert_eq!(session.compile("here", "fn a() {}"), None);
    }

    #[test]
    fn a_cell_that_does_not_compile_is_left_to_who_asked() {
        let session = Session::new();
        expect(&session.socket, session.call("here"), "");
        assert_eq!(session.compile("here", "wrong"), None);
        assert_eq!(session.compile("here", "right").unwrap(), "right");
    }

    #[test]
    fn a_compiler_ends_with_who_asked_for_it_and_with_the_session() {
        let session = Session::new();
        let begun = session.dir.path().join(DIR).join("begun");
        // A compiler that has begun to compile for somebody.
        let compiling = |circumstances: &str| {
            expect(&session.socket, session.call(circumstances), "");
            let mut asking = UnixStream::connect(&session.socket).unwrap();
            let request = Request::Compile(session.call(circumstances), "endless".to_owned());
            let request = serde_json::to_string(&request).unwrap() + "\n";
            asking.write_all(request.as_bytes()).unwrap();
            loop {
                match fs::read_to_string(&begun) {
                    Ok(process) if process.ends_with('\n') => {
                        fs::remove_file(&begun).unwrap();
                        return (asking, process.trim().to_owned());
                    }
                    _ => std::thread::yield_now(),
                }
            }
        };
        let (asking, process) = compiling("here");
        drop(asking);
        wait_for_the_end_of(&process);
        let (_asking, process) = compiling("here");
        drop(session.ahead);
        wait_for_the_end_of(&process);
    }

    fn wait_for_the_end_of(process: &str) {
        let stat = Path::new("/proc").join(process).join("stat");
        while fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z")) {
            std::thread::yield_now();
        }
    }
}
