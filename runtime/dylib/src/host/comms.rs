//! Comms: which process hears of which.

use std::collections::HashMap;
use std::io::{Error, ErrorKind, Result};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crabtree_link as link;
use crabtree_link::ToKernel;
use runtime::kino::comm::{Action, Comm, Event, Payload};
use runtime::{Pid, process, send};

use super::Host;

/// The comms that are open, and the targets that processes have taken.
#[derive(Debug, Default)]
pub(super) struct Comms {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    owners: HashMap<String, (Comm, Pid)>,
    targets: HashMap<String, Pid>,
}

impl Comms {
    /// Does what a process of `cell` wants.
    pub(super) fn act(&self, host: &Host, cell: u64, action: Action) -> Result<()> {
        let said = match action {
            Action::Open {
                comm,
                target,
                payload,
                owner,
            } => {
                let said = link::Comm::Open {
                    comm: comm.id().to_owned(),
                    target,
                    payload: outgoing(payload),
                };
                self.state().owners.insert(comm.id().to_owned(), (comm, owner));
                said
            }
            Action::Send(comm, payload) => link::Comm::Message {
                comm: comm.id().to_owned(),
                payload: outgoing(payload),
            },
            Action::Close(comm, payload) => {
                self.state().owners.remove(comm.id());
                link::Comm::Close {
                    comm: comm.id().to_owned(),
                    payload: outgoing(payload),
                }
            }
            Action::Take { target, owner } => {
                self.state().targets.insert(target, owner);
                return Ok(());
            }
            _ => {
                return Err(Error::new(
                    ErrorKind::Unsupported,
                    "this notebook cannot do that with a comm",
                ));
            }
        };
        host.show(&ToKernel::Comm { cell, comm: said });
        Ok(())
    }

    /// Tells a process what the front end says. A comm that nobody hears of is closed. `device` is that of the cell
    /// that runs, or ran last.
    pub(super) fn heard(&self, host: &Host, cell: u64, device: Pid, said: link::Comm) {
        let (id, event) = match said {
            link::Comm::Open { comm, target, payload } => {
                let owner = self.state().targets.get(&target).copied();
                let opened = Comm::from_parts(comm.as_str(), device);
                if let Some(owner) = owner {
                    self.state().owners.insert(comm.clone(), (opened.clone(), owner));
                }
                let payload = incoming(payload);
                let event = Event::Opened {
                    comm: opened,
                    target,
                    payload,
                };
                (comm, owner.map(|owner| (owner, event)))
            }
            link::Comm::Message { comm, payload } => {
                let known = self.state().owners.get(&comm).cloned();
                let payload = incoming(payload);
                let event = known.map(|(comm, owner)| (owner, Event::Message { comm, payload }));
                (comm, event)
            }
            link::Comm::Close { comm, payload } => {
                let known = self.state().owners.remove(&comm);
                if let Some((comm, owner)) = known {
                    let payload = incoming(payload);
                    send(owner, Event::Closed { comm, payload });
                }
                return;
            }
        };
        match event.filter(|(owner, _)| process::is_alive(*owner)) {
            Some((owner, event)) => send(owner, event),
            None => {
                self.state().owners.remove(&id);
                let payload = outgoing(Payload::from("{}"));
                let close = link::Comm::Close { comm: id, payload };
                host.send(&ToKernel::Comm { cell, comm: close });
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn outgoing(payload: Payload) -> link::Payload {
    let Payload {
        data,
        metadata,
        buffers,
    } = payload;
    link::Payload {
        data,
        metadata,
        buffers,
    }
}

fn incoming(payload: link::Payload) -> Payload {
    let link::Payload {
        data,
        metadata,
        buffers,
    } = payload;
    Payload {
        data,
        metadata,
        buffers,
    }
}
