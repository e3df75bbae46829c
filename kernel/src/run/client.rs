//! A client of one kernel: starts it as a process of its own, and talks to it over ZeroMQ.
//!
//! The sockets are in a directory that only the user can enter.

use std::collections::VecDeque;
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use jupyter_protocol::{ConnectionInfo, Transport};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStderr, Command};
use zeromq::{DealerSocket, Socket, SocketRecv, SocketSend, SubSocket, ZmqMessage};

use crate::jupyter::message::{Content, Message};
use crate::jupyter::wire::{self, Signer};

/// How long a kernel may take to answer its first request.
const STARTS_WITHIN: Duration = Duration::from_secs(30);
/// How long a kernel may take to end once it was asked to.
const ENDS_WITHIN: Duration = Duration::from_secs(5);
/// How much of what the kernel says on stderr is kept for the case that it dies.
const LAST_WORDS: usize = 20;
/// What the path of a Unix socket may be long, with room for the sockets' names.
const LONGEST_DIRECTORY: usize = 80;

/// A socket on which requests are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Channel {
    /// For code.
    Shell,
    /// For what must not wait.
    Control,
}

/// What comes back from a kernel.
#[derive(Debug)]
pub(super) enum Incoming {
    /// Something was published.
    Published(Message),
    /// A request was answered.
    Replied(Message),
    /// The kernel's process has ended.
    Died(String),
}

/// A running kernel.
pub(super) struct Client {
    process: Child,
    last_words: Arc<Mutex<VecDeque<String>>>,
    shell: DealerSocket,
    control: DealerSocket,
    iopub: SubSocket,
    session: String,
    signer: Signer,
    // Removed with the client.
    _directory: TempDir,
}

impl Client {
    /// Starts a kernel in `directory` and waits until it publishes to this client.
    ///
    /// # Errors
    ///
    /// The kernel cannot be started, ends at once, or does not answer.
    pub(super) async fn start(directory: &Path) -> anyhow::Result<Client> {
        let sockets = private_directory()?;
        let connection = ConnectionInfo {
            transport: Transport::IPC,
            ip: sockets.path().join("s").display().to_string(),
            shell_port: 1,
            iopub_port: 2,
            stdin_port: 3,
            control_port: 4,
            hb_port: 5,
            key: uuid::Uuid::new_v4().to_string(),
            signature_scheme: "hmac-sha256".to_owned(),
            kernel_name: Some("crabtree".to_owned()),
        };
        let file = sockets.path().join("connection.json");
        write_private(&file, &serde_json::to_vec(&connection)?)?;
        let mut process = spawn(&file, directory)?;
        let last_words = Arc::default();
        if let Some(stderr) = process.stderr.take() {
            tokio::spawn(remember(stderr, Arc::clone(&last_words)));
        }
        let mut client = Client {
            process,
            last_words,
            shell: DealerSocket::new(),
            control: DealerSocket::new(),
            iopub: SubSocket::new(),
            session: uuid::Uuid::new_v4().to_string(),
            signer: Signer::new(&connection.key),
            _directory: sockets,
        };
        match tokio::time::timeout(STARTS_WITHIN, client.connect(&connection)).await {
            Ok(connected) => connected.map(|()| client),
            Err(_) => Err(anyhow!(
                "the kernel did not answer within {} s",
                STARTS_WITHIN.as_secs()
            )),
        }
    }

    /// Connects, and waits for the welcome: what is published from then on arrives.
    async fn connect(&mut self, connection: &ConnectionInfo) -> anyhow::Result<()> {
        let Client {
            process,
            shell,
            control,
            iopub,
            ..
        } = self;
        let connected = async {
            iopub.connect(&connection.iopub_url()).await?;
            iopub.subscribe("").await?;
            shell.connect(&connection.shell_url()).await?;
            control.connect(&connection.control_url()).await
        };
        tokio::select! {
            connected = connected => connected.context("cannot connect to the kernel")?,
            ended = process.wait() => {
                let ended = ended?;
                bail!("{}", self.died(&ended.to_string()).await)
            }
        }
        loop {
            match self.next().await? {
                Incoming::Published(message) if message.msg_type() == "iopub_welcome" => return Ok(()),
                Incoming::Died(how) => bail!(how),
                _ => {}
            }
        }
    }

    /// Asks for the kernel's `language_info`.
    ///
    /// # Errors
    ///
    /// The kernel ended instead of answering.
    pub(super) async fn language_info(&mut self) -> anyhow::Result<Value> {
        let asked = self.request(Channel::Shell, "kernel_info_request", json!({})).await?;
        loop {
            match self.next().await? {
                Incoming::Replied(reply) if is_answer_to(&reply, &asked) => {
                    return Ok(reply.content["language_info"].clone());
                }
                Incoming::Died(how) => bail!(how),
                _ => {}
            }
        }
    }

    /// Sends a request and returns its id.
    ///
    /// # Errors
    ///
    /// The kernel has closed its socket.
    pub(super) async fn request(&mut self, channel: Channel, msg_type: &str, content: Value) -> anyhow::Result<String> {
        let mut message = Message::new(&self.session, None, Content::new(msg_type, content));
        // Late output is shown where it belongs: see the kernel's routing.
        message.metadata = json!({"crabtree": {"late_output": true}});
        let frames = ZmqMessage::try_from(wire::encode(&message, &self.signer))
            .map_err(|error| anyhow!("a message without frames: {error}"))?;
        let socket = match channel {
            Channel::Shell => &mut self.shell,
            Channel::Control => &mut self.control,
        };
        socket
            .send(frames)
            .await
            .with_context(|| format!("cannot send a {msg_type} to the kernel"))?;
        Ok(message.header.msg_id)
    }

    /// The next thing that comes from the kernel. Messages that are not signed are skipped.
    ///
    /// Cancel safe.
    ///
    /// # Errors
    ///
    /// A socket is gone.
    pub(super) async fn next(&mut self) -> anyhow::Result<Incoming> {
        loop {
            let (frames, incoming): (_, fn(Message) -> Incoming) = tokio::select! {
                // What was published before a reply is taken in before it.
                biased;
                published = self.iopub.recv() => (published, Incoming::Published),
                replied = self.shell.recv() => (replied, Incoming::Replied),
                replied = self.control.recv() => (replied, Incoming::Replied),
                ended = self.process.wait() => {
                    let ended = ended?;
                    return Ok(Incoming::Died(self.died(&ended.to_string()).await));
                }
            };
            // A socket whose kernel is gone has nothing to give; how it ended comes next.
            let Ok(frames) = frames else {
                tokio::task::yield_now().await;
                continue;
            };
            if let Ok(message) = wire::decode(frames.into_vec(), &self.signer) {
                return Ok(incoming(message));
            }
        }
    }

    /// Asks the kernel to end and hands what it publishes until then to `published`.
    pub(super) async fn shut_down(mut self, mut published: impl FnMut(&Message)) {
        let last = async {
            let asked = self
                .request(Channel::Control, "shutdown_request", json!({"restart": false}))
                .await?;
            loop {
                match self.next().await? {
                    Incoming::Published(message) if is_idle(&message) && is_answer_to(&message, &asked) => break,
                    Incoming::Published(message) => published(&message),
                    Incoming::Died(_) => return anyhow::Ok(()),
                    Incoming::Replied(_) => {}
                }
            }
            self.process.wait().await?;
            anyhow::Ok(())
        };
        if tokio::time::timeout(ENDS_WITHIN, last).await.is_err() {
            let _ended_by_itself = self.process.kill().await;
        }
    }

    async fn died(&self, how: &str) -> String {
        // The pipe may hold more than was read so far.
        tokio::time::sleep(Duration::from_millis(50)).await;
        let words = self.last_words.lock().unwrap_or_else(PoisonError::into_inner);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        format!("the kernel ended ({how})\n{}", words.join("\n"))
            .trim_end()
            .to_owned()
    }
}

/// Whether `message` belongs to the request with that id.
pub(super) fn is_answer_to(message: &Message, request: &str) -> bool {
    message.parent.as_ref().is_some_and(|parent| parent.msg_id == request)
}

/// Whether the message says that a request has been dealt with.
pub(super) fn is_idle(message: &Message) -> bool {
    message.msg_type() == "status" && message.content["execution_state"] == "idle"
}

fn spawn(connection_file: &Path, directory: &Path) -> anyhow::Result<Child> {
    let program = std::env::current_exe().context("cannot find this program")?;
    Command::new(program)
        .arg("kernel")
        .arg(connection_file)
        .current_dir(directory)
        // Nobody has typed what is run here.
        .env(crate::jupyter::HISTORY_ENV, "")
        // It ends itself when this process is gone.
        .env("JPY_PARENT_PID", std::process::id().to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        // Ctrl-C at the terminal is for this process, which then asks the kernel to end.
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("cannot start the kernel in {}", directory.display()))
}

async fn remember(stderr: ChildStderr, last_words: Arc<Mutex<VecDeque<String>>>) {
    let mut lines = BufReader::new(stderr).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let mut words = last_words.lock().unwrap_or_else(PoisonError::into_inner);
        if words.len() == LAST_WORDS {
            words.pop_front();
        }
        words.push_back(line);
    }
}

fn private_directory() -> anyhow::Result<TempDir> {
    let mut builder = tempfile::Builder::new();
    builder
        .prefix("crabtree-")
        .permissions(std::fs::Permissions::from_mode(0o700));
    let preferred = std::env::temp_dir();
    let parent = if preferred.as_os_str().len() > LONGEST_DIRECTORY {
        Path::new("/tmp")
    } else {
        &preferred
    };
    builder
        .tempdir_in(parent)
        .with_context(|| format!("cannot make a directory in {}", parent.display()))
}

fn write_private(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    let file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    file.and_then(|mut file| file.write_all(content))
        .with_context(|| format!("cannot write {}", path.display()))
}
