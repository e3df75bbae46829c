//! The sockets that clients write to: shell, control, stdin and heartbeat.
//!
//! Every socket is bound before anything else is done, so that a client's first request waits in
//! a queue and not in a retry. What cannot be read is dropped with a line on stderr.

use std::sync::Arc;

use anyhow::Context;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use zeromq::{RouterRecvHalf, RouterSendHalf, RouterSocket, Socket, SocketRecv, SocketSend, ZmqError, ZmqMessage};

use super::connection::ConnectionInfo;
use super::iopub::IoPub;
use super::message::{Content, Message};
use super::wire::{self, Signer};

/// What all sockets of a kernel have in common: one session id, one key.
pub(crate) struct Session {
    /// Front ends tell kernels apart by it, so it is the same on every socket.
    pub(crate) id: String,
    /// Signs what goes out, checks what comes in.
    pub(crate) signer: Signer,
}

/// The sockets of a kernel, bound.
pub(crate) struct Sockets {
    /// Where requests come from, apart from those that must not wait.
    pub(crate) shell: RequestSocket,
    /// Where interrupt and shutdown requests come from.
    pub(crate) control: RequestSocket,
    /// Where outputs and states are published.
    pub(crate) iopub: IoPub,
    /// Where users are asked for input: here the kernel requests and clients reply.
    pub(crate) stdin: RequestSocket,
}

impl Sockets {
    /// Binds all sockets that `connection` names.
    ///
    /// # Errors
    ///
    /// An address is taken or not of this machine.
    pub(crate) async fn bind(connection: &ConnectionInfo, session: &Arc<Session>) -> anyhow::Result<Sockets> {
        let iopub = IoPub::bind(&connection.iopub_url(), session).await?;
        let heartbeat = bind_router("heartbeat", &connection.hb_url()).await?;
        tokio::spawn(echo(heartbeat));
        Ok(Sockets {
            shell: RequestSocket::new("shell", bind_router("shell", &connection.shell_url()).await?, session),
            control: RequestSocket::new(
                "control",
                bind_router("control", &connection.control_url()).await?,
                session,
            ),
            iopub,
            stdin: RequestSocket::new("stdin", bind_router("stdin", &connection.stdin_url()).await?, session),
        })
    }
}

async fn bind_router(name: &str, url: &str) -> anyhow::Result<RouterSocket> {
    let mut socket = RouterSocket::new();
    socket
        .bind(url)
        .await
        .with_context(|| format!("cannot bind the {name} socket to {url}"))?;
    Ok(socket)
}

/// A socket with a client at each identity.
pub(crate) struct RequestSocket {
    requests: UnboundedReceiver<Message>,
    replies: RouterSendHalf,
    session: Arc<Session>,
}

impl RequestSocket {
    fn new(name: &'static str, socket: RouterSocket, session: &Arc<Session>) -> RequestSocket {
        let (replies, requests) = socket.split();
        let (sender, receiver) = unbounded_channel();
        tokio::spawn(receive(name, requests, session.clone(), sender));
        RequestSocket {
            requests: receiver,
            replies,
            session: session.clone(),
        }
    }

    /// The next request. `None` when the socket is gone.
    ///
    /// Cancel safe.
    pub(crate) async fn next(&mut self) -> Option<Message> {
        self.requests.recv().await
    }

    /// A request that has arrived already.
    pub(crate) fn try_next(&mut self) -> Option<Message> {
        self.requests.try_recv().ok()
    }

    /// Sends to the sender of `request`, as a consequence of it. That the sender is gone is its own affair.
    pub(crate) async fn reply(&mut self, request: &Message, content: Content) {
        let mut reply = Message::new(&self.session.id, Some(&request.header), content);
        reply.identities = request.identities.clone();
        if let Ok(frames) = ZmqMessage::try_from(wire::encode(&reply, &self.session.signer)) {
            let _gone = self.replies.send(frames).await;
        }
    }
}

async fn receive(
    name: &'static str,
    mut socket: RouterRecvHalf,
    session: Arc<Session>,
    requests: UnboundedSender<Message>,
) {
    loop {
        match socket.recv().await {
            Ok(frames) => match wire::decode(frames.into_vec(), &session.signer) {
                Ok(message) => {
                    if requests.send(message).is_err() {
                        return;
                    }
                }
                Err(error) => eprintln!("crabtree: a message on the {name} socket is dropped: {error}"),
            },
            Err(ZmqError::NoMessage) => return,
            // A peer that breaks the transport's protocol loses its connection; the others go on.
            Err(error) => eprintln!("crabtree: a peer of the {name} socket is dropped: {error}"),
        }
    }
}

/// Sends everything back as it came, which is what a heartbeat is.
async fn echo(mut socket: RouterSocket) {
    loop {
        match socket.recv().await {
            Ok(beat) => {
                let _gone = socket.send(beat).await;
            }
            Err(ZmqError::NoMessage) => return,
            Err(_) => {}
        }
    }
}
