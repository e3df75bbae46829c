//! IOPub: what every client of the kernel gets to see.
//!
//! One task owns the socket, for two reasons: an XPUB socket learns of subscribers only while it
//! receives, and what is published must leave in the order in which it was published. A send
//! waits for the slowest client, which is why the rest of the kernel never waits for this task.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use jupyter_protocol::IoPubWelcome;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;
use zeromq::{Socket, SocketRecv, SocketSend, XPubSocket, ZmqError, ZmqMessage};

use super::message::{Content, Header, Message};
use super::sockets::Session;
use super::wire;

/// The way to the IOPub socket.
pub(crate) struct IoPub {
    session: Arc<Session>,
    outbox: UnboundedSender<Outgoing>,
}

enum Outgoing {
    Publish(Box<Message>),
    Flush(oneshot::Sender<()>),
}

impl IoPub {
    /// Binds the socket and starts the task that owns it.
    ///
    /// # Errors
    ///
    /// The address is taken or not of this machine.
    pub(crate) async fn bind(url: &str, session: &Arc<Session>) -> anyhow::Result<IoPub> {
        let mut socket = XPubSocket::new();
        socket
            .bind(url)
            .await
            .with_context(|| format!("cannot bind the IOPub socket to {url}"))?;
        let (outbox, outgoing) = unbounded_channel();
        tokio::spawn(run(socket, session.clone(), outgoing));
        Ok(IoPub {
            session: session.clone(),
            outbox,
        })
    }

    /// Publishes `content` as a consequence of the request with the header `parent`. Does not wait.
    pub(crate) fn publish(&self, parent: Option<&Header>, content: Content) {
        let mut message = Message::new(&self.session.id, parent, content);
        // The topic. A request's identities are the way back to one client, not a topic.
        message.identities = vec![Bytes::from(message.header.msg_type.clone())];
        let _ended_with_the_kernel = self.outbox.send(Outgoing::Publish(Box::new(message)));
    }

    /// Waits until all that was published is with the operating system, at most for `limit`.
    pub(crate) async fn flush(&self, limit: Duration) {
        let (done, flushed) = oneshot::channel();
        if self.outbox.send(Outgoing::Flush(done)).is_ok() {
            let _a_client_stalls = tokio::time::timeout(limit, flushed).await;
        }
    }
}

async fn run(mut socket: XPubSocket, session: Arc<Session>, mut outgoing: UnboundedReceiver<Outgoing>) {
    loop {
        tokio::select! {
            next = outgoing.recv() => match next {
                Some(Outgoing::Publish(message)) => send(&mut socket, &session, &message).await,
                Some(Outgoing::Flush(done)) => {
                    let _waiting_no_longer = done.send(());
                }
                None => return,
            },
            received = socket.recv() => match received {
                Ok(frames) => {
                    if let Some(topic) = subscription(&frames) {
                        let welcome = welcome(&session, topic);
                        send(&mut socket, &session, &welcome).await;
                    }
                }
                Err(ZmqError::NoMessage) => return,
                // That peer is gone; the socket lives on.
                Err(_) => {}
            },
        }
    }
}

async fn send(socket: &mut XPubSocket, session: &Session, message: &Message) {
    if let Ok(frames) = ZmqMessage::try_from(wire::encode(message, &session.signer)) {
        let _gone = socket.send(frames).await;
    }
}

/// The topic, when the message is a subscription.
fn subscription(frames: &ZmqMessage) -> Option<&[u8]> {
    frames.get(0)?.strip_prefix(&[1])
}

/// Tells a client that it will get everything from now on.
fn welcome(session: &Session, topic: &[u8]) -> Message {
    let content = IoPubWelcome::new(String::from_utf8_lossy(topic).into_owned());
    let mut message = Message::new(&session.id, None, content.into());
    message.identities = vec![Bytes::copy_from_slice(topic)];
    message
}
