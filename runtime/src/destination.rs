//! Where messages can be sent: to pids, names and aliases.

use crate::message::{Message, Term};
use crate::name::{Name, NoSuchName};
use crate::node::node;
use crate::pid::{Alias, Pid};
use crate::process::deliver;
use crate::process::delivery::send_to_alias;

/// Something that messages can be sent to: a [`Pid`], the name of a registered process, or an [`Alias`].
///
/// Servers and supervisors that behaviours start are destinations too.
pub trait Destination {
    /// What a send returns: nothing for a pid, for a dead one takes messages silently; for a name whether it was known.
    type Sent;

    #[doc(hidden)]
    fn deliver(&self, message: Message) -> Self::Sent;

    #[doc(hidden)]
    fn target(&self) -> Target;

    /// The process, if the destination is one now.
    #[doc(hidden)]
    fn resolve(&self) -> Result<Pid, NoSuchName> {
        match self.target() {
            Target::Pid(pid) => Ok(pid),
            Target::Alias(alias) => Ok(alias.owner),
            Target::Name(name) => node().names.get(name.as_str()).ok_or(NoSuchName(name)),
        }
    }
}

/// The process that a destination is now, or, for an error, how to call the name that nobody has.
pub(crate) fn resolve(destination: impl Destination) -> Result<Pid, String> {
    destination.resolve().map_err(|unknown| format!("{:?}", unknown.0))
}

/// A destination, without its type. A name is looked up when it is used.
#[doc(hidden)]
#[derive(Debug, Clone)]
pub enum Target {
    Pid(Pid),
    Name(Name),
    Alias(Alias),
}

/// Sends a message. It never waits: the message is in the mailbox, or was dropped, when this returns.
///
/// Sending to a pid returns nothing, as a dead process takes messages silently. Sending to a name returns a `Result`.
///
/// ```
/// # crabtree::run(async {
/// use crabtree::prelude::*;
///
/// send(me(), 42);
/// receive! { 42 => () }
///
/// process::register(me(), "main").unwrap();
/// send("main", "by name").unwrap();
/// assert!(send("nobody", "hello").is_err());
/// # });
/// ```
pub fn send<D: Destination, T: Term>(to: D, message: T) -> D::Sent {
    to.deliver(Message::new(message))
}

impl Destination for Pid {
    type Sent = ();

    fn deliver(&self, message: Message) {
        drop(deliver(*self, message));
    }

    fn target(&self) -> Target {
        Target::Pid(*self)
    }
}

impl Destination for Alias {
    type Sent = ();

    fn deliver(&self, message: Message) {
        send_to_alias(self.owner, self.id, message);
    }

    fn target(&self) -> Target {
        Target::Alias(*self)
    }
}

impl Destination for Name {
    type Sent = Result<(), NoSuchName>;

    fn deliver(&self, message: Message) -> Result<(), NoSuchName> {
        let pid = self.resolve()?;
        deliver(pid, message).map_err(|_| NoSuchName(self.clone()))
    }

    fn target(&self) -> Target {
        Target::Name(self.clone())
    }
}

impl Destination for &'static str {
    type Sent = Result<(), NoSuchName>;

    fn deliver(&self, message: Message) -> Result<(), NoSuchName> {
        Name::from(*self).deliver(message)
    }

    fn target(&self) -> Target {
        Target::Name((*self).into())
    }
}

impl Destination for String {
    type Sent = Result<(), NoSuchName>;

    fn deliver(&self, message: Message) -> Result<(), NoSuchName> {
        Name::from(self).deliver(message)
    }

    fn target(&self) -> Target {
        Target::Name(self.into())
    }
}

/// Sending says nothing, not even whether a name was known.
impl Destination for Target {
    type Sent = ();

    fn deliver(&self, message: Message) {
        match self {
            Target::Pid(pid) => pid.deliver(message),
            Target::Alias(alias) => alias.deliver(message),
            Target::Name(name) => drop(name.deliver(message)),
        }
    }

    fn target(&self) -> Target {
        self.clone()
    }
}

impl<D: Destination> Destination for &D {
    type Sent = D::Sent;

    fn deliver(&self, message: Message) -> D::Sent {
        D::deliver(self, message)
    }

    fn target(&self) -> Target {
        D::target(self)
    }
}
