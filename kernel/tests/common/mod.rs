//! What the tests have in common: a kernel as a child process, and conversations with it.
//!
//! The client is written apart from the kernel's own code, so that a mistake in the codec is not
//! made twice.

// Each test file uses its own part of it.
#![allow(dead_code, unreachable_pub)]

pub mod python;
pub mod run;
pub mod wire;

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};
use zeromq::util::PeerIdentity;
use zeromq::{DealerSocket, ReqSocket, Socket, SocketOptions, SocketRecv, SocketSend, SubSocket, ZmqMessage};

pub use wire::Message;

/// Compilers are slow on machines that do other things as well.
const PATIENCE: Duration = Duration::from_secs(120);

/// The program under test.
pub fn crabtree() -> &'static str {
    env!("CARGO_BIN_EXE_crabtree")
}

/// Where the runtime for cells is kept between tests: apart from the user's.
pub fn cache() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache")
}

/// Builds the runtime for cells if it is not there, so that no session has to.
pub fn prepare() {
    static INSTALLED: LazyLock<()> = LazyLock::new(|| {
        let prefix = Path::new(env!("CARGO_TARGET_TMPDIR")).join("prefix");
        let mut install = std::process::Command::new(crabtree());
        install.args(["install".as_ref(), "--prefix".as_ref(), prefix.as_os_str()]);
        python::succeed(install.env("CRABTREE_CACHE_DIR", cache()));
    });
    LazyLock::force(&INSTALLED);
}

/// A socket on which requests are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    Shell,
    Control,
    Stdin,
}
pub use Channel::{Control, Shell, Stdin};

/// Talks with a kernel that the tests of one file share, one after the other. A test that fails
/// takes it along.
pub fn in_session(talk: impl AsyncFnOnce(&mut Kernel)) {
    static RUNTIME: LazyLock<tokio::runtime::Runtime> = LazyLock::new(|| tokio::runtime::Runtime::new().unwrap());
    static SESSION: Mutex<Option<Kernel>> = Mutex::new(None);
    let mut session = SESSION.lock().unwrap_or_else(PoisonError::into_inner);
    let mut kernel = session.take().unwrap_or_else(|| RUNTIME.block_on(Kernel::start()));
    RUNTIME.block_on(talk(&mut kernel));
    *session = Some(kernel);
}

/// A kernel, and the client that talks to it.
pub struct Kernel {
    process: Child,
    shell: DealerSocket,
    control: DealerSocket,
    stdin: DealerSocket,
    iopub: SubSocket,
    iopub_url: String,
    heartbeat: ReqSocket,
    key: String,
    session: String,
    /// Everything published so far that no one asked for.
    unread: Vec<Message>,
    _directory: tempfile::TempDir,
}

/// What a kernel says on standard error.
pub type Told = Lines<BufReader<ChildStderr>>;

/// What executing a cell came to.
#[derive(Debug)]
pub struct Execution {
    pub request: String,
    pub reply: Value,
    /// All that was published between busy and idle of this request, without these two.
    pub published: Vec<Message>,
}

impl Kernel {
    /// Starts a kernel and connects to it; returns when its publications arrive.
    pub async fn start() -> Kernel {
        Kernel::start_with(&[], &[]).await
    }

    /// Starts a kernel; returns also what it says on standard error.
    pub async fn start_heard() -> (Kernel, Told) {
        let mut kernel = Kernel::launch(&[], &[], Stdio::piped()).await;
        let stderr = kernel.process.stderr.take().unwrap();
        (kernel, BufReader::new(stderr).lines())
    }

    /// Starts a kernel in whose environment, and in whose directory, there is more.
    pub async fn start_with(environment: &[(&str, &str)], files: &[(&str, &str)]) -> Kernel {
        Kernel::launch(environment, files, Stdio::inherit()).await
    }

    async fn launch(environment: &[(&str, &str)], files: &[(&str, &str)], stderr: Stdio) -> Kernel {
        prepare();
        let directory = tempfile::tempdir().unwrap();
        for (name, contents) in files {
            std::fs::write(directory.path().join(name), contents).unwrap();
        }
        let key = uuid::Uuid::new_v4().to_string();
        let connection = json!({
            "transport": "ipc", "ip": directory.path().join("k"), "key": key, "signature_scheme": "hmac-sha256",
            "shell_port": 1, "iopub_port": 2, "stdin_port": 3, "control_port": 4, "hb_port": 5,
        });
        let file = directory.path().join("connection.json");
        std::fs::write(&file, connection.to_string()).unwrap();
        let process = Command::new(crabtree())
            .args(["kernel".as_ref(), file.as_os_str()])
            .env("CRABTREE_CACHE_DIR", cache())
            .env("CRABTREE_HISTORY", directory.path().join("history.sqlite"))
            .env("JPY_PARENT_PID", std::process::id().to_string())
            .env_remove("RUST_BACKTRACE")
            .envs(environment.iter().copied())
            .current_dir(directory.path())
            .stdin(Stdio::null())
            .stderr(stderr)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let sockets = directory.path().join("k");
        let url = |port: u32| format!("ipc://{}-{port}", sockets.display());
        // A kernel finds the client's stdin socket by the identity of its shell socket.
        let client = PeerIdentity::try_from(uuid::Uuid::new_v4().as_bytes().to_vec()).unwrap();
        let dealer = || {
            let mut options = SocketOptions::default();
            options.peer_identity(client.clone());
            DealerSocket::with_options(options)
        };
        let mut kernel = Kernel {
            process,
            shell: dealer(),
            control: DealerSocket::new(),
            stdin: dealer(),
            iopub: SubSocket::new(),
            iopub_url: url(2),
            heartbeat: ReqSocket::new(),
            key,
            session: uuid::Uuid::new_v4().to_string(),
            unread: Vec::new(),
            _directory: directory,
        };
        kernel.iopub.connect(&url(2)).await.unwrap();
        kernel.iopub.subscribe("").await.unwrap();
        kernel.shell.connect(&url(1)).await.unwrap();
        kernel.control.connect(&url(4)).await.unwrap();
        kernel.stdin.connect(&url(3)).await.unwrap();
        kernel.heartbeat.connect(&url(5)).await.unwrap();
        kernel
            .published("iopub_welcome", |message| message.is("iopub_welcome"))
            .await;
        kernel
    }

    /// Another client subscribes; returns the first that it hears.
    pub async fn subscribe_late(&mut self) -> Message {
        let mut iopub = SubSocket::new();
        iopub.connect(&self.iopub_url).await.unwrap();
        iopub.subscribe("").await.unwrap();
        let received = patiently("a welcome", iopub.recv()).await.unwrap();
        wire::decode(received.into_vec(), &self.key)
    }

    /// Sends a request and returns its id.
    pub async fn send(&mut self, channel: Channel, msg_type: &str, content: Value) -> String {
        self.send_message(channel, Message::request(msg_type, content)).await
    }

    /// Sends a message as it is, signed with the kernel's key.
    pub async fn send_message(&mut self, channel: Channel, message: Message) -> String {
        let frames = wire::encode(&message, &self.session, &self.key);
        self.send_frames(channel, frames).await;
        message.id
    }

    /// Sends frames, whatever they are.
    pub async fn send_frames(&mut self, channel: Channel, frames: Vec<bytes::Bytes>) {
        self.socket(channel)
            .send(ZmqMessage::try_from(frames).unwrap())
            .await
            .unwrap();
    }

    /// Frames that are signed with the kernel's key and are no message, and others that are none either.
    pub fn nonsense(&self) -> Vec<Vec<bytes::Bytes>> {
        wire::nonsense(&self.key)
    }

    /// Sends an execute request and returns its id.
    pub async fn send_code(&mut self, code: &str) -> String {
        self.send(Shell, "execute_request", execute_content(code)).await
    }

    /// The next reply on a channel.
    pub async fn reply(&mut self, channel: Channel) -> Message {
        let received = patiently("a reply", self.socket(channel).recv()).await.unwrap();
        wire::decode(received.into_vec(), &self.key)
    }

    /// Sends a request and waits for its reply, which must be the next one.
    pub async fn ask(&mut self, channel: Channel, msg_type: &str, content: Value) -> Value {
        let request = self.send(channel, msg_type, content).await;
        let reply = self.reply(channel).await;
        assert_eq!(reply.parent.as_deref(), Some(request.as_str()), "{reply:?}");
        reply.content
    }

    /// Waits until the user is asked, which must be for `request`, and answers.
    pub async fn type_line(&mut self, request: &str, line: &str) -> Value {
        let asked = self.reply(Stdin).await;
        assert!(asked.is("input_request") && asked.belongs_to(request), "{asked:?}");
        self.send(Stdin, "input_reply", json!({"value": line})).await;
        asked.content
    }

    /// The first publication that `wanted` accepts, of those not taken yet; the others stay.
    pub async fn published(&mut self, what: &str, wanted: impl Fn(&Message) -> bool) -> Message {
        if let Some(index) = self.unread.iter().position(&wanted) {
            return self.unread.remove(index);
        }
        loop {
            let message = self.next_published(what).await;
            if wanted(&message) {
                return message;
            }
            self.unread.push(message);
        }
    }

    async fn next_published(&mut self, what: &str) -> Message {
        let received = patiently(what, self.iopub.recv()).await.unwrap();
        // The first frame is the topic.
        wire::decode(received.into_vec(), &self.key)
    }

    /// All that was published for `request`, from its busy to its idle, without these two.
    pub async fn bracket(&mut self, request: &str) -> Vec<Message> {
        let is_idle = |message: &Message| message.belongs_to(request) && message.is_status("idle");
        self.published(&format!("idle of {request}"), is_idle).await;
        let (mut own, others): (Vec<_>, Vec<_>) = std::mem::take(&mut self.unread)
            .into_iter()
            .partition(|message| message.belongs_to(request));
        self.unread = others;
        assert!(
            own.first().is_some_and(|first| first.is_status("busy")),
            "busy does not come first: {own:?}"
        );
        own.remove(0);
        assert!(
            !own.iter().any(|message| message.is("status")),
            "more than one busy and one idle: {own:?}"
        );
        own
    }

    /// Executes a cell and waits for its reply and its idle.
    pub async fn execute(&mut self, code: &str) -> Execution {
        let request = self.send_code(code).await;
        self.finish(request).await
    }

    /// Waits for the reply to, and the idle of, the execute request that was sent first.
    pub async fn finish(&mut self, request: String) -> Execution {
        let reply = self.reply(Shell).await;
        self.finish_with(request, reply).await
    }

    /// The same for two requests that run beside each other, and may end in any order.
    pub async fn finish_both(&mut self, one: String, other: String) -> (Execution, Execution) {
        let (first, second) = (self.reply(Shell).await, self.reply(Shell).await);
        let (of_one, of_other) = match first.belongs_to(&one) {
            true => (first, second),
            false => (second, first),
        };
        let one = self.finish_with(one, of_one).await;
        (one, self.finish_with(other, of_other).await)
    }

    async fn finish_with(&mut self, request: String, reply: Message) -> Execution {
        assert_eq!(
            reply.parent.as_deref(),
            Some(request.as_str()),
            "another request was answered: {reply:?}"
        );
        let published = self.bracket(&request).await;
        Execution {
            request,
            reply: reply.content,
            published,
        }
    }

    /// Executes a cell that must succeed.
    pub async fn run(&mut self, code: &str) -> Execution {
        let execution = self.execute(code).await;
        assert_eq!(execution.reply["status"], "ok", "{code}: {:?}", execution.reply);
        execution
    }

    /// The value of a cell that must succeed, as text.
    pub async fn value(&mut self, code: &str) -> String {
        self.run(code).await.value()
    }

    /// Sends a heartbeat and returns what comes back.
    pub async fn beat(&mut self, beat: &str) -> String {
        self.heartbeat.send(beat.into()).await.unwrap();
        let received = patiently("a heartbeat", self.heartbeat.recv()).await.unwrap();
        received.try_into().unwrap()
    }

    /// The kernel's process.
    pub fn pid(&self) -> String {
        self.process.id().expect("the kernel runs").to_string()
    }

    /// Where the kernel publishes.
    pub fn iopub_path(&self) -> &str {
        self.iopub_url.strip_prefix("ipc://").unwrap()
    }

    /// Sends a signal to the kernel's process.
    pub fn signal(&self, signal: &str) {
        let pid = self.pid();
        assert!(
            std::process::Command::new("kill")
                .args([signal, &pid])
                .status()
                .unwrap()
                .success()
        );
    }

    /// Waits until the process has ended.
    pub async fn ended(&mut self) -> ExitStatus {
        patiently("the kernel's end", self.process.wait()).await.unwrap()
    }

    fn socket(&mut self, channel: Channel) -> &mut DealerSocket {
        match channel {
            Shell => &mut self.shell,
            Control => &mut self.control,
            Stdin => &mut self.stdin,
        }
    }
}

impl Execution {
    /// All text written to a stream.
    pub fn stream(&self, name: &str) -> String {
        let texts = self
            .published
            .iter()
            .filter(|message| message.is("stream") && message.content["name"] == name);
        texts.map(|message| message.content["text"].as_str().unwrap()).collect()
    }

    /// All text written to stdout.
    pub fn stdout(&self) -> String {
        self.stream("stdout")
    }

    /// The text of the cell's value.
    pub fn value(&self) -> String {
        let result = self
            .of_type("execute_result")
            .next()
            .unwrap_or_else(|| panic!("no value: {self:?}"));
        result.content["data"]["text/plain"].as_str().unwrap().to_owned()
    }

    /// The kind of error and what went wrong; the cell must have failed.
    pub fn error(&self) -> (&str, &str) {
        assert_eq!(self.reply["status"], "error", "{self:?}");
        let told = self
            .of_type("error")
            .next()
            .unwrap_or_else(|| panic!("the error is not published: {self:?}"));
        for key in ["ename", "evalue", "traceback"] {
            assert_eq!(told.content[key], self.reply[key]);
        }
        (
            self.reply["ename"].as_str().unwrap(),
            self.reply["evalue"].as_str().unwrap(),
        )
    }

    /// The publications of one type.
    pub fn of_type(&self, msg_type: &str) -> impl Iterator<Item = &Message> {
        let msg_type = msg_type.to_owned();
        self.published.iter().filter(move |message| message.is(&msg_type))
    }

    /// The number of the execution.
    pub fn count(&self) -> u64 {
        self.reply["execution_count"].as_u64().unwrap()
    }
}

/// The content of an execute request as a notebook's front end sends it.
pub fn execute_content(code: &str) -> Value {
    json!({
        "code": code, "silent": false, "store_history": true, "user_expressions": {}, "allow_stdin": true,
        "stop_on_error": true,
    })
}

/// Waits for what must come. That it does not is a failure, not a hang.
pub async fn patiently<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(value) => value,
        Err(_) => panic!("{what} did not come within {PATIENCE:?}"),
    }
}
