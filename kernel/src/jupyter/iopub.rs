//! IOPub: what every client of the kernel gets to see.
//!
//! Every client has a queue and a task that empties it, so that none waits for another. The library's own publisher
//! would wait for the slowest, or drop what a slow one has not read; here
//!
//! - a client that reads, however slowly, gets everything: what cells put out waits for [`IoPub::room`];
//! - a client that has a full queue and reads nothing for [`PATIENCE`] is *stalled*: nobody waits for it any more, and it
//!   loses what comes until it has read half of what it has, as with ZeroMQ's high-water mark.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, bail};
use bytes::Bytes;
use jupyter_protocol::IoPubWelcome;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::message::{Content, Header, Message};
use super::sockets::Session;
use super::wire;
use super::zmtp::{self, Said};

/// How much may wait for one client, in bytes: ten seconds of a fast terminal, or many large pictures.
const MARK: usize = 16 << 20;
/// How long a client with a full queue may read nothing.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long somebody who connects may take to say what it is.
const GREETS_WITHIN: Duration = Duration::from_secs(10);

/// The way to those who subscribe.
pub(crate) struct IoPub {
    publisher: Arc<Publisher>,
}

struct Publisher {
    session: Arc<Session>,
    peers: Mutex<Vec<Arc<Peer>>>,
    /// Told whenever something has left a queue, or a client has gone.
    drained: Notify,
}

struct Peer {
    state: Mutex<State>,
    /// Told when there is something to send.
    more: Notify,
}

struct State {
    topics: Vec<Bytes>,
    waiting: VecDeque<Bytes>,
    /// What waits, and what is being sent, in bytes.
    length: usize,
    /// When it last took something, or had nothing to take.
    read: Instant,
    stalled: bool,
}

impl IoPub {
    /// Binds the socket.
    ///
    /// # Errors
    ///
    /// The address is taken or not of this machine.
    pub(crate) async fn bind(url: &str, session: &Arc<Session>) -> anyhow::Result<IoPub> {
        let publisher = Arc::new(Publisher {
            session: session.clone(),
            peers: Mutex::default(),
            drained: Notify::new(),
        });
        bind(url, &publisher)
            .await
            .with_context(|| format!("cannot bind the IOPub socket to {url}"))?;
        Ok(IoPub { publisher })
    }

    /// Publishes `content` as a consequence of the request with the header `parent`. Does not wait.
    pub(crate) fn publish(&self, parent: Option<&Header>, content: Content) {
        let publisher = &self.publisher;
        let mut message = Message::new(&publisher.session.id, parent, content);
        // The topic. A request's identities are the way back to one client, not a topic.
        let topic = Bytes::from(message.header.msg_type.clone());
        message.identities = vec![topic.clone()];
        let wire = publisher.encode(&message);
        for peer in publisher.peers().iter() {
            peer.send(&topic, &wire);
        }
    }

    /// Waits until there is room for more output. Cancel safe.
    pub(crate) async fn room(&self) {
        self.wait(|state| state.length > MARK).await;
    }

    /// Waits until all that was published is with the operating system, at most for `limit`.
    pub(crate) async fn flush(&self, limit: Duration) {
        let _a_client_stalls = tokio::time::timeout(limit, self.wait(|state| state.length > 0)).await;
    }

    /// Waits until no client, apart from those that are stalled, is `behind`.
    async fn wait(&self, behind: impl Fn(&State) -> bool) {
        loop {
            let drained = self.publisher.drained.notified();
            tokio::pin!(drained);
            drained.as_mut().enable();
            let mut until: Option<Instant> = None;
            for peer in self.publisher.peers().iter() {
                let mut state = peer.state();
                if behind(&state) && !state.is_stalled() {
                    until = Some(until.unwrap_or(state.read + PATIENCE).min(state.read + PATIENCE));
                }
            }
            let Some(until) = until else { return };
            // That nothing has drained until then makes somebody stalled.
            let _ = tokio::time::timeout_at(until, drained).await;
        }
    }
}

impl Publisher {
    fn peers(&self) -> MutexGuard<'_, Vec<Arc<Peer>>> {
        self.peers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn encode(&self, message: &Message) -> Bytes {
        zmtp::encode(&wire::encode(message, &self.session.signer))
    }

    /// Serves one client until it has gone.
    async fn serve(&self, mut stream: impl AsyncRead + AsyncWrite + Unpin) {
        let greeted = tokio::time::timeout(GREETS_WITHIN, zmtp::shake_hands(&mut stream)).await;
        match greeted {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return eprintln!("crabtree: a peer of the iopub socket is dropped: {error}"),
            Err(_) => return,
        }
        let peer = Arc::new(Peer::new());
        self.peers().push(Arc::clone(&peer));
        let (mut reader, mut writer) = tokio::io::split(stream);
        let hear = async {
            while let Ok(said) = zmtp::listen(&mut reader).await {
                match said {
                    Said::Subscribe(topic) => {
                        peer.state().topics.push(topic.clone());
                        peer.send(&topic, &self.encode(&welcome(&self.session, &topic)));
                    }
                    Said::Cancel(topic) => {
                        let topics = &mut peer.state().topics;
                        if let Some(index) = topics.iter().position(|known| *known == topic) {
                            topics.swap_remove(index);
                        }
                    }
                }
            }
        };
        let send = async {
            loop {
                let more = peer.more.notified();
                let Some(wire) = peer.next() else {
                    more.await;
                    continue;
                };
                let mut rest = &wire[..];
                while !rest.is_empty() {
                    let Ok(written @ 1..) = writer.write(rest).await else {
                        return;
                    };
                    rest = &rest[written..];
                    peer.took(written);
                    self.drained.notify_waiters();
                }
            }
        };
        tokio::select! {
            () = hear => {}
            () = send => {}
        }
        self.peers().retain(|other| !Arc::ptr_eq(other, &peer));
        self.drained.notify_waiters();
    }
}

impl Peer {
    fn new() -> Peer {
        let state = State {
            topics: Vec::new(),
            waiting: VecDeque::new(),
            length: 0,
            read: Instant::now(),
            stalled: false,
        };
        Peer {
            state: Mutex::new(state),
            more: Notify::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a message into the queue, if the client wants it and is not stalled.
    fn send(&self, topic: &[u8], wire: &Bytes) {
        let mut state = self.state();
        if !state.topics.iter().any(|wanted| topic.starts_with(wanted)) || state.is_stalled() {
            return;
        }
        if state.length == 0 {
            state.read = Instant::now();
        }
        state.length += wire.len();
        state.waiting.push_back(wire.clone());
        drop(state);
        self.more.notify_one();
    }

    fn next(&self) -> Option<Bytes> {
        self.state().waiting.pop_front()
    }

    fn took(&self, length: usize) {
        let mut state = self.state();
        state.length -= length;
        state.read = Instant::now();
        state.stalled &= state.length > MARK / 2;
    }
}

impl State {
    fn is_stalled(&mut self) -> bool {
        self.stalled |= self.length > MARK && self.read.elapsed() >= PATIENCE;
        self.stalled
    }
}

/// Binds the address of a connection file, and serves whoever connects.
async fn bind(url: &str, publisher: &Arc<Publisher>) -> anyhow::Result<()> {
    if let Some(address) = url.strip_prefix("tcp://") {
        let listener = TcpListener::bind(address.replacen('*', "0.0.0.0", 1)).await?;
        let publisher = Arc::clone(publisher);
        tokio::spawn(async move {
            loop {
                if let Ok((stream, _)) = listener.accept().await {
                    let _slower_without = stream.set_nodelay(true);
                    spawn(&publisher, stream);
                }
            }
        });
    } else if let Some(path) = url.strip_prefix("ipc://") {
        let listener = UnixListener::bind(path)?;
        let bound = Bound(path.into());
        let publisher = Arc::clone(publisher);
        tokio::spawn(async move {
            let _bound = bound;
            loop {
                if let Ok((stream, _)) = listener.accept().await {
                    spawn(&publisher, stream);
                }
            }
        });
    } else {
        bail!("the address must begin with tcp:// or ipc://");
    }
    Ok(())
}

fn spawn(publisher: &Arc<Publisher>, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
    let publisher = Arc::clone(publisher);
    tokio::spawn(async move { publisher.serve(stream).await });
}

/// The file of a bound socket, removed with it.
struct Bound(PathBuf);

impl Drop for Bound {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Tells a client that it will get everything from now on.
fn welcome(session: &Session, topic: &[u8]) -> Message {
    let content = IoPubWelcome::new(String::from_utf8_lossy(topic).into_owned());
    let mut message = Message::new(&session.id, None, content.into());
    message.identities = vec![Bytes::copy_from_slice(topic)];
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So much that a queue is full after sixteen of it.
    fn megabyte() -> Bytes {
        Bytes::from(vec![0; 1 << 20])
    }

    fn subscriber() -> Arc<Peer> {
        let peer = Peer::new();
        peer.state().topics.push(Bytes::new());
        Arc::new(peer)
    }

    fn iopub(peers: &[&Arc<Peer>]) -> IoPub {
        let session = Session {
            id: "s".to_owned(),
            signer: wire::Signer::new(""),
        };
        let publisher = Publisher {
            session: Arc::new(session),
            peers: Mutex::new(peers.iter().map(|peer| Arc::clone(peer)).collect()),
            drained: Notify::new(),
        };
        IoPub {
            publisher: Arc::new(publisher),
        }
    }

    fn take(iopub: &IoPub, peer: &Peer, messages: usize) {
        for _ in 0..messages {
            let wire = peer.next().expect("there is something to take");
            peer.took(wire.len());
        }
        iopub.publisher.drained.notify_waiters();
    }

    #[tokio::test(start_paused = true)]
    async fn output_waits_for_a_client_that_reads_and_nothing_is_lost() {
        let peer = subscriber();
        let iopub = iopub(&[&peer]);
        for _ in 0..17 {
            peer.send(b"stream", &megabyte());
        }
        let began = Instant::now();
        let slowly = async {
            tokio::time::sleep(PATIENCE / 2).await;
            take(&iopub, &peer, 1);
        };
        tokio::join!(iopub.room(), slowly);
        assert_eq!(began.elapsed(), PATIENCE / 2);
        assert_eq!(peer.state().waiting.len(), 16);
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_a_client_that_stalls_and_it_loses_only_what_comes_meanwhile() {
        let (stalled, healthy) = (subscriber(), subscriber());
        let iopub = iopub(&[&stalled, &healthy]);
        for _ in 0..17 {
            stalled.send(b"stream", &megabyte());
        }
        let began = Instant::now();
        iopub.room().await;
        assert_eq!(began.elapsed(), PATIENCE);
        iopub.room().await;
        assert_eq!(began.elapsed(), PATIENCE, "from now on nobody waits");
        for peer in [&stalled, &healthy] {
            peer.send(b"stream", &megabyte());
        }
        assert_eq!((stalled.state().waiting.len(), healthy.state().waiting.len()), (17, 1));
        take(&iopub, &stalled, 9);
        stalled.send(b"stream", &megabyte());
        assert_eq!(stalled.state().waiting.len(), 9, "it reads again");
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_gets_what_it_subscribed_to() {
        let peer = Arc::new(Peer::new());
        peer.state().topics.push(Bytes::from_static(b"str"));
        let iopub = iopub(&[&peer]);
        iopub.publish(None, Content::new("status", serde_json::json!({})));
        iopub.publish(None, Content::new("stream", serde_json::json!({})));
        assert_eq!(peer.state().waiting.len(), 1);
    }
}
