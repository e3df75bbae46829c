//! The state of a process: its mailbox, what it has with others, what it is called; and what signals make of it.

use super::backtrace::Asked;
use super::few::Few;
use super::inbox::Inbox;
use super::origin::{Origin, Place};
use super::outbox::Outbox;
use super::queue::Batch;
use super::signal::Signal;
use crate::global::AnyKey;
use crate::io::Device;
use crate::message::{About, Message};
use crate::name::Name;
use crate::pid::{LocalPid, Pid, Ref};
use crate::pool::Pooled;
use crate::process::{Down, Exit};
use crate::registry::AnyTables;
use crate::timer;
use crate::{ExitReason, ets, supervisor};
use std::collections::BTreeMap;
use std::mem::take;
use std::sync::Arc;
use std::task::Waker;

/// What only the process itself changes, mostly.
pub(crate) struct State {
    /// Whether a process has the record, that did not end yet.
    pub(crate) alive: bool,
    pub(crate) inbox: Inbox,
    pub(crate) trap_exit: bool,
    /// Why the process must end, as soon as its task notices.
    exit: Option<Box<ExitReason>>,
    pub(crate) parent: Option<Pid>,
    pub(crate) origin: Origin,
    /// Where the process waits: the last `receive!`, call or sleep that did since it was last polled.
    pub(crate) waits_at: Option<Place>,
    group_leader: LocalPid,
    /// How many messages it received and how often it was polled: a measure of its work.
    pub(crate) reductions: u64,
    /// Made when first needed: what waits for the process.
    timers: Option<Box<timer::OfProcess>>,
    /// Made when first needed: most processes are linked to nobody.
    relations: Option<Pooled<Relations>>,
    /// Made when first needed.
    extras: Option<Box<Extras>>,
}

/// What a process leaves when it ends.
pub(super) struct Remains {
    /// What came after the signals that took effect.
    pub(super) unread: Batch,
    pub(super) inbox: Inbox,
    pub(super) timers: Option<Box<timer::OfProcess>>,
    pub(super) relations: Option<Pooled<Relations>>,
    pub(super) extras: Option<Box<Extras>>,
}

/// Who stands in what relation to the process.
#[derive(Default)]
pub(crate) struct Relations {
    pub(crate) links: Few<Pid, Link>,
    /// Whom the process watches.
    pub(crate) monitors: Few<Ref, Pid>,
    /// Who watches the process.
    pub(crate) watchers: Few<Ref, Pid>,
    /// Calls that wait for an answer, and aliases.
    pub(crate) calls: Few<Ref, Answer>,
    /// Parts of the process that wait for a message with wakers of their own, as within `join_all`.
    pub(crate) waiting: Vec<Waker>,
    /// Set when the process is a task: on whose behalf it runs, the one who started it first.
    pub(crate) callers: Option<Box<[Pid]>>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Link {
    Active,
    /// Taken back; the other side has not acknowledged yet.
    Unlinking(Ref),
}

/// The state of a call.
#[derive(Debug)]
pub(crate) enum Answer {
    Awaited,
    /// Not a call: what comes under this reference goes to the mailbox.
    Alias(Ends),
    Reply(Message),
    Down(ExitReason),
}

/// What ends an alias, besides taking it back.
#[derive(Default, Clone, Copy, Debug)]
pub(crate) struct Ends {
    /// The end of the monitor of the same reference.
    pub(crate) with_monitor: bool,
    /// The first message; the monitor ends with it too.
    pub(crate) with_reply: bool,
}

/// What few processes have.
#[derive(Default)]
pub(crate) struct Extras {
    pub(crate) name: Option<Name>,
    /// Its names that are values.
    pub(crate) globals: Vec<AnyKey>,
    /// What the process calls itself, for those who look.
    pub(crate) label: Option<Name>,
    pub(crate) dictionary: BTreeMap<Name, Message>,
    /// Who wants to know where the process waits.
    pub(crate) asked_where: Asked,
    /// Set when the process is an I/O device.
    pub(crate) device: Option<Arc<dyn Device>>,
    /// Set when the process is a supervisor: what can be seen of it from outside.
    pub(crate) supervisor: Option<Arc<supervisor::Shared>>,
    /// Set when the process is the supervisor of a registry.
    pub(crate) registry: Option<Arc<dyn AnyTables>>,
    /// The tables that the process owns.
    pub(crate) tables: ets::Owned,
}

/// How many bytes so many entries of a map have, without the room that a tree leaves free.
fn entries<K, V>(count: usize) -> usize {
    count * (size_of::<K>() + size_of::<V>())
}

/// Which state a [`find`](super::record::Record::find) looks at.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    /// Signals may wait in the queue that have not taken effect.
    AsLeft,
    /// There is nothing more to come, for now.
    AfterAll,
}

impl Relations {
    fn is_empty(&self) -> bool {
        self.links.is_empty()
            && self.monitors.is_empty()
            && self.watchers.is_empty()
            && self.calls.is_empty()
            && self.waiting.is_empty()
            && self.callers.is_none()
    }
}

impl Extras {
    fn is_empty(&self) -> bool {
        let Extras {
            name,
            globals,
            label,
            dictionary,
            device,
            asked_where,
            supervisor,
            registry,
            tables,
        } = self;
        let nothing = name.is_none() && globals.is_empty() && label.is_none() && dictionary.is_empty();
        let nobody = asked_where.is_empty() && supervisor.is_none();
        nothing && nobody && device.is_none() && registry.is_none() && tables.is_empty()
    }
}

impl State {
    pub(super) fn free() -> State {
        State {
            alive: false,
            inbox: Inbox::default(),
            trap_exit: false,
            exit: None,
            parent: None,
            origin: Origin::of::<()>(),
            waits_at: None,
            group_leader: Pid::local(0, 0).into(),
            reductions: 0,
            timers: None,
            relations: None,
            extras: None,
        }
    }

    pub(crate) fn relations(&self) -> Option<&Relations> {
        self.relations.as_deref()
    }

    pub(crate) fn relations_mut(&mut self) -> &mut Relations {
        self.relations.get_or_insert_default()
    }

    pub(crate) fn extras(&self) -> Option<&Extras> {
        self.extras.as_deref()
    }

    pub(crate) fn extras_mut(&mut self) -> &mut Extras {
        self.extras.get_or_insert_default()
    }

    /// On whose behalf the process runs, if it is a task.
    pub(crate) fn callers(&self) -> Option<&[Pid]> {
        self.relations()?.callers.as_deref()
    }

    pub(crate) fn timers_mut(&mut self) -> &mut timer::OfProcess {
        self.timers.get_or_insert_default()
    }

    pub(crate) fn name(&self) -> Option<&Name> {
        self.extras()?.name.as_ref()
    }

    /// Takes those who want to know where the process waits.
    pub(crate) fn asked_where(&mut self) -> Asked {
        let asked = self.extras.as_mut().map(|extras| take(&mut extras.asked_where));
        asked.unwrap_or_default()
    }

    /// Leaves the state empty.
    pub(super) fn end_life(&mut self, unread: Batch) -> Remains {
        self.alive = false;
        self.trap_exit = false;
        self.exit = None;
        self.waits_at = None;
        self.reductions = 0;
        Remains {
            unread,
            inbox: take(&mut self.inbox),
            timers: self.timers.take(),
            relations: self.relations.take(),
            extras: self.extras.take(),
        }
    }

    /// Frees the memory that is not in use.
    pub(crate) fn shrink(&mut self) {
        self.inbox.shrink();
        if let Some(relations) = &mut self.relations {
            relations.waiting.shrink_to_fit();
            if relations.is_empty() {
                self.relations = None;
            }
        }
        if self.extras().is_some_and(Extras::is_empty) {
            self.extras = None;
        }
    }

    /// How many bytes there are behind the state.
    pub(super) fn memory(&self) -> usize {
        let relations = self.relations().map_or(0, |relations| {
            size_of::<Relations>()
                + entries::<Pid, Link>(relations.links.len())
                + entries::<Ref, Pid>(relations.monitors.len() + relations.watchers.len())
                + entries::<Ref, Answer>(relations.calls.len())
                + relations.waiting.capacity() * size_of::<Waker>()
        });
        let extras = self.extras().map_or(0, |extras| {
            let values: usize = extras.dictionary.values().map(Message::size).sum();
            size_of::<Extras>() + entries::<Name, Message>(extras.dictionary.len()) + values
        });
        self.inbox.memory() + relations + extras
    }

    /// Registers a waker that is not the task's own.
    #[inline(never)]
    pub(crate) fn wait(&mut self, waker: &Waker) {
        let waiting = &mut self.relations_mut().waiting;
        if !waiting.iter().any(|known| known.will_wake(waker)) {
            waiting.push(waker.clone());
        }
    }

    /// Wakes every part of the process that waits.
    pub(super) fn wake_waiting(&mut self) {
        if let Some(relations) = &mut self.relations
            && !relations.waiting.is_empty()
        {
            relations.waiting.drain(..).for_each(Waker::wake);
        }
    }

    /// The effect of one signal on the process `me`. Pure but for `self` and `out`.
    pub(super) fn handle(&mut self, me: Pid, signal: Signal, out: &mut Outbox) {
        match signal {
            Signal::Link { from } => {
                // While our own unlink is on its way, the link that crossed it ends with it.
                let links = &mut self.relations_mut().links;
                if !links.contains_key(&from) {
                    links.insert(from, Link::Active);
                }
            }
            Signal::Unlink { from, id } => {
                self.unlinked(from, Link::Active);
                out.push(from, Signal::UnlinkAck { from: me, id }.into_message());
            }
            Signal::UnlinkAck { from, id } => {
                self.unlinked(from, Link::Unlinking(id));
            }
            Signal::Exit { from, reason } => {
                let link = self
                    .relations
                    .as_mut()
                    .and_then(|relations| relations.links.remove(&from));
                if link == Some(Link::Active) {
                    self.exit_signal(me, from, reason);
                }
            }
            Signal::ExitRequest {
                reason: ExitReason::Kill,
                ..
            } => self.end(ExitReason::Killed),
            Signal::ExitRequest { from, reason } => self.exit_signal(me, from, reason),
            Signal::Monitor { from, monitor } => {
                self.relations_mut().watchers.insert(monitor, from);
            }
            Signal::Demonitor { monitor } => {
                self.relations_mut().watchers.remove(&monitor);
            }
            Signal::GroupLeader { leader } => self.set_group_leader(leader),
        }
    }

    /// Removes the link if that is its state.
    fn unlinked(&mut self, from: Pid, state: Link) {
        let links = &mut self.relations_mut().links;
        if links.get(&from) == Some(&state) {
            links.remove(&from);
        }
    }

    /// OTP: "If the process is trapping exits, the signal becomes a message; otherwise `normal` is ignored, and any
    /// other reason ends the process." Only a process itself can end itself with `normal`.
    fn exit_signal(&mut self, me: Pid, from: Pid, reason: ExitReason) {
        if self.trap_exit {
            self.inbox.push(Message::new(Exit { from, reason }));
        } else if !reason.is_normal() || from == me {
            self.end(reason);
        }
    }

    fn end(&mut self, reason: ExitReason) {
        self.exit.get_or_insert_with(|| Box::new(reason));
    }

    /// Whether the process is about to end: what arrived behind the exit signal is not received any more.
    pub(crate) fn ends(&self) -> bool {
        self.exit.is_some()
    }

    /// Why the process is about to end.
    pub(crate) fn exit(&self) -> Option<&ExitReason> {
        self.exit.as_deref()
    }

    /// Takes the reason for which the process ends now.
    pub(crate) fn take_exit(&mut self) -> Option<ExitReason> {
        self.exit.take().map(|reason| *reason)
    }

    pub(crate) fn group_leader(&self) -> Pid {
        self.group_leader.into()
    }

    pub(crate) fn set_group_leader(&mut self, leader: Pid) {
        self.group_leader = leader.into();
    }

    /// What the process watches, or watched, has ended. What is not for the mailbox comes back.
    pub(super) fn down(&mut self, monitor: Ref, mut message: Message) -> Option<Message> {
        let Some(relations) = &mut self.relations else {
            return Some(message);
        };
        if relations.monitors.remove(&monitor).is_none() {
            return Some(message);
        }
        match relations.calls.get_mut(&monitor) {
            None => {}
            Some(Answer::Alias(ends)) if !ends.with_monitor => {}
            Some(Answer::Alias(_)) => drop(relations.calls.remove(&monitor)),
            Some(answer @ Answer::Awaited) => {
                *answer = Answer::Down(message.downcast::<Down>().ok()?.reason);
                return None;
            }
            Some(_) => return Some(message),
        }
        // From here on it is like any other.
        message.header_mut().set_about(About::Nothing);
        self.inbox.push(message);
        None
    }

    /// Takes the caller of that call from those who watch the process; whether it was one of them.
    pub(super) fn unwatch(&mut self, call: Ref) -> bool {
        let relations = self.relations.as_mut();
        relations.is_some_and(|relations| relations.watchers.remove(&call).is_some())
    }

    /// A deadline of the process came.
    pub(super) fn rang(&mut self) {
        self.timers.take_if(|timers| !timers.rang());
        self.wake_waiting();
    }

    /// The one who answers a call has taken the caller from its watchers, which need not be told to do so.
    pub(super) fn answered(&mut self, call: Ref) {
        if let Some(relations) = &mut self.relations
            && let Some(Answer::Awaited) = relations.calls.get(&call)
        {
            relations.monitors.remove(&call);
        }
    }

    /// Keeps the answer for the call that awaits it; one that nobody awaits comes back.
    pub(super) fn answer(&mut self, alias: Ref, message: Message, out: &mut Outbox) -> Option<Message> {
        let Some(relations) = &mut self.relations else {
            return Some(message);
        };
        match relations.calls.get_mut(&alias) {
            Some(answer @ Answer::Awaited) => {
                *answer = Answer::Reply(message);
                None
            }
            Some(Answer::Alias(ends)) => {
                if ends.with_reply {
                    relations.calls.remove(&alias);
                    if let Some(watched) = relations.monitors.remove(&alias) {
                        out.push(watched, Signal::Demonitor { monitor: alias }.into_message());
                    }
                }
                self.inbox.push(message);
                None
            }
            _ => Some(message),
        }
    }
}
