//! The record of a process: what others can reach of it, and what it keeps to itself.
//!
//! # Invariants
//! 1. The queue is open exactly while the process is alive.
//! 2. `state` is locked only for short steps, and no other record's lock is waited for within. The register of names
//!    is: record first, then names. The one code of a user that runs under the lock is a `Debug` that is shown, and
//!    while it runs ([`Showing`]) its thread waits for no record at all.
//! 3. The serial changes only at the very end of a process, after everybody was told.
//! 4. While no process is alive in it, the state is empty but for what [`Record::begin`] sets.
//! 5. The owner of the lock of `state` is the thread that has taken the claim, [`within`](current::within) the process.

use super::backtrace::Asked;
use super::biased::{Biased, Guard};
use super::body::{self, BodyCell, BodySize};
use super::claim::Claim;
use super::current;
use super::exits::Exits;
use super::few::Few;
use super::inbox::Inbox;
use super::origin::{Origin, Place};
use super::priority::Priority;
use super::queue::{Batch, Chain, Push, Queue};
use super::signal::{Signal, down};
use super::train::Home;
use super::waker::KeptWaker;
use crate::global::AnyKey;
use crate::io::Device;
use crate::message::{About, Message};
use crate::name::Name;
use crate::node::node;
use crate::pid::{LocalPid, Pid, Ref};
use crate::pool::Pooled;
use crate::process::{Down, Exit};
use crate::reason::quietly;
use crate::registry::AnyTables;
use crate::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering};
use crate::timer;
use crate::{ExitReason, ets, supervisor, trace};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::mem::take;
use std::sync::Arc;
use std::task::Waker;

/// See the module. It takes three lines of a processor's cache, and shares none.
#[repr(align(64))]
pub(crate) struct Record {
    /// Its place in the table.
    number: u32,
    serial: AtomicU32,
    /// A [`Priority`], read at each poll.
    priority: AtomicU8,
    /// How often the process gave way since its last step: its runner's own, so nothing for loom to try.
    pub(super) given_way: std::sync::atomic::AtomicU8,
    /// Whether `exit` is set in the state: for who looks without the lock.
    ends: AtomicBool,
    exits: Exits,
    /// Who runs the process just now, unless somebody else polls it.
    pub(super) claim: Claim,
    queue: Queue,
    /// Wakes who polls the process, if that is somebody else.
    waker: KeptWaker,
    /// What the process runs, unless somebody else polls it.
    pub(super) body: BodyCell,
    pub(super) body_size: BodySize,
    state: Biased<State>,
}

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
    unread: Batch,
    inbox: Inbox,
    timers: Option<Box<timer::OfProcess>>,
    relations: Option<Pooled<Relations>>,
    extras: Option<Box<Extras>>,
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

/// Which state a [`find`](Record::find) looks at.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    /// Signals may wait in the queue that have not taken effect.
    AsLeft,
    /// There is nothing more to come, for now.
    AfterAll,
}

/// Signals to send once no lock is held.
type Outbox = Vec<(Pid, Message)>;

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
    fn free() -> State {
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
    fn end_life(&mut self, unread: Batch) -> Remains {
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
    fn memory(&self) -> usize {
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
    pub(crate) fn wait(&mut self, waker: &Waker) {
        let waiting = &mut self.relations_mut().waiting;
        if !waiting.iter().any(|known| known.will_wake(waker)) {
            waiting.push(waker.clone());
        }
    }

    fn wake_waiting(&mut self) {
        if let Some(relations) = &mut self.relations
            && !relations.waiting.is_empty()
        {
            relations.waiting.drain(..).for_each(Waker::wake);
        }
    }

    /// The effect of one signal on the process `me`. Pure but for `self` and `out`.
    fn handle(&mut self, me: Pid, signal: Signal, out: &mut Outbox) {
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
                out.push((from, Signal::UnlinkAck { from: me, id }.into_message()));
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
    fn down(&mut self, monitor: Ref, mut message: Message) -> Option<Message> {
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

    /// The one who answers a call has taken the caller from its watchers, which need not be told to do so.
    fn answered(&mut self, call: Ref) {
        if let Some(relations) = &mut self.relations
            && let Some(Answer::Awaited) = relations.calls.get(&call)
        {
            relations.monitors.remove(&call);
        }
    }

    /// Keeps the answer for the call that awaits it; one that nobody awaits comes back.
    fn answer(&mut self, alias: Ref, message: Message, out: &mut Outbox) -> Option<Message> {
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
                    let watched = relations.monitors.remove(&alias);
                    out.extend(watched.map(|pid| (pid, Signal::Demonitor { monitor: alias }.into_message())));
                }
                self.inbox.push(message);
                None
            }
            _ => Some(message),
        }
    }
}

impl Record {
    /// A record without a process, at that place of the table.
    pub(crate) fn new(number: u32) -> Record {
        Record {
            number,
            serial: AtomicU32::new(0),
            priority: AtomicU8::new(Priority::Normal.as_byte()),
            given_way: std::sync::atomic::AtomicU8::new(0),
            ends: AtomicBool::new(false),
            exits: Exits::new(),
            claim: Claim::new(),
            queue: Queue::closed(),
            waker: KeptWaker::new(),
            body: BodyCell::default(),
            body_size: BodySize::none(),
            state: Biased::new(State::free()),
        }
    }

    pub(crate) fn serial(&self) -> u32 {
        self.serial.load(Ordering::Acquire)
    }

    /// The process that has the record, or is going to.
    pub(crate) fn pid(&self) -> Pid {
        Pid::local(self.number, self.serial())
    }

    pub(crate) fn priority(&self) -> Priority {
        Priority::of_byte(self.priority.load(Ordering::Relaxed))
    }

    /// Returns how it was.
    pub(crate) fn set_priority(&self, priority: Priority) -> Priority {
        Priority::of_byte(self.priority.swap(priority.as_byte(), Ordering::Relaxed))
    }

    /// Begins a process in this record. Gives its state, to be filled before anybody looks at it.
    pub(crate) fn begin(&self, parent: Option<Pid>, group_leader: Pid, origin: Origin) -> Guard<'_, State> {
        let mut state = self.lock();
        state.alive = true;
        state.parent = parent;
        state.set_group_leader(group_leader);
        state.origin = origin;
        self.ends.store(false, Ordering::Relaxed);
        self.queue.open();
        state
    }

    /// The state as it was left: signals that wait in the queue have not taken effect.
    pub(crate) fn lock(&self) -> Guard<'_, State> {
        match current::owns(self) {
            // SAFETY: the thread has taken the claim, and gives it back between two steps, when no guard is alive.
            true => unsafe { self.state.lock_own() },
            false => self.state.lock(|| self.claim.is_taken()),
        }
    }

    /// Like [`lock`](Record::lock), but `None` when it is locked.
    fn try_lock(&self) -> Option<Guard<'_, State>> {
        match current::owns(self) {
            // SAFETY: as above.
            true => unsafe { self.state.try_lock_own() },
            false => self.state.try_lock(|| self.claim.is_taken()),
        }
    }

    /// How many bytes the process takes.
    pub(crate) fn memory(&self, state: &State) -> usize {
        size_of::<Record>() + self.body_size.get().unwrap_or(0) + state.memory()
    }

    /// The state of `me` after all signals that arrived; `None` when `me` is not alive any more.
    pub(crate) fn update<R>(&self, me: Pid, read: impl FnOnce(&mut State) -> R) -> Option<R> {
        match SHOWING.get() {
            true => self.try_update(me, read),
            false => self.update_locked(me, self.lock(), read),
        }
    }

    /// Like [`update`](Record::update), but `None` as well when somebody has the lock.
    pub(crate) fn try_update<R>(&self, me: Pid, read: impl FnOnce(&mut State) -> R) -> Option<R> {
        self.update_locked(me, self.try_lock()?, read)
    }

    fn update_locked<R>(&self, me: Pid, mut state: Guard<'_, State>, read: impl FnOnce(&mut State) -> R) -> Option<R> {
        if !state.alive || self.serial() != me.serial() {
            return None;
        }
        if self.queue.is_empty() {
            return Some(read(&mut state));
        }
        let mut out = Outbox::new();
        let _strays = self.handle_arrived(me, &mut state, &mut out);
        let result = read(&mut state);
        drop(state);
        // Mostly there is nothing.
        if !out.is_empty() {
            out.into_iter().for_each(|(to, signal)| send(to, signal));
        }
        Some(result)
    }

    /// What `find` finds in the state as it was left, or else after all signals that arrived; `None` when it finds nothing,
    /// or `me` is not alive any more. For the process itself.
    ///
    /// So a process that takes message after message looks at the queue, which others write to, once for many of them.
    /// Signals that arrived meanwhile take effect at its next step at the latest.
    pub(crate) fn find<R>(&self, me: Pid, mut find: impl FnMut(&mut State, Look) -> Option<R>) -> Option<R> {
        let mut state = self.lock();
        if !state.alive || self.serial() != me.serial() {
            return None;
        }
        if let Some(found) = find(&mut state, Look::AsLeft) {
            return Some(found);
        }
        self.update_locked(me, state, |state| find(state, Look::AfterAll))?
    }

    /// The state as it was left, for a look at it; `None` when `me` is not alive, or the lock must not be waited for.
    pub(crate) fn peek<R>(&self, me: Pid, read: impl FnOnce(&State) -> R) -> Option<R> {
        self.change(me, |state| read(state))
    }

    /// Like [`peek`](Record::peek), to change what no signal has to do with.
    pub(crate) fn change<R>(&self, me: Pid, change: impl FnOnce(&mut State) -> R) -> Option<R> {
        let mut state = match SHOWING.get() {
            true => self.try_lock()?,
            false => self.lock(),
        };
        (state.alive && self.serial() == me.serial()).then(|| change(&mut state))
    }

    /// Returns the messages that were meant for a process that had this record before: they are dropped without the lock.
    fn handle_arrived(&self, me: Pid, state: &mut State, out: &mut Outbox) -> Vec<Message> {
        let mut strays = Vec::new();
        let mut exits = 0;
        for message in self.queue.take() {
            exits += u32::from(message.header().is_exit());
            if message.header().serial != me.serial() {
                strays.extend(bounce(message, me, out));
                continue;
            }
            match message.header().about() {
                About::Nothing => state.inbox.push(message),
                About::Answer { alias, ends_monitor } => {
                    if ends_monitor {
                        state.answered(alias);
                    }
                    strays.extend(state.answer(alias, message, out));
                }
                About::Down { monitor } => strays.extend(state.down(monitor, message)),
                About::Request { call, caller } => {
                    state.relations_mut().watchers.insert(call, caller);
                    state.inbox.push(message);
                }
                About::Signal { .. } => {
                    if let Ok(signal) = message.downcast() {
                        state.handle(me, signal, out);
                    }
                }
            }
        }
        self.ends.store(state.ends(), Ordering::Relaxed);
        self.exits.took_effect(exits);
        state.wake_waiting();
        strays
    }

    /// Whether signals have arrived, or one has that ends the process. Without the lock, so it may be late.
    pub(crate) fn has_news(&self) -> bool {
        self.ends.load(Ordering::Relaxed) || !self.queue.is_empty()
    }

    /// Whether the process `me` is alive, and goes on after all signals that arrived.
    pub(crate) fn is_alive(&self, me: Pid) -> bool {
        if !self.exits.have_taken_effect() {
            return self.update(me, |state| !state.ends()) == Some(true);
        }
        // In this order: whoever opens the queue for another process has changed the serial.
        !self.ends.load(Ordering::Relaxed) && self.queue.is_open() && self.serial() == me.serial()
    }

    /// Registers the task that runs the process. Signals that arrive afterwards wake it.
    pub(crate) fn register(&self, waker: &Waker) {
        self.waker.register(waker);
    }

    /// The runtime of the process, unless somebody else polls it.
    pub(super) fn home(&self) -> Home {
        self.waker.home()
    }

    pub(super) fn set_home(&self, home: Home) {
        self.waker.set_home(home);
    }

    /// Polls the process again, and every part of it that waits.
    pub(crate) fn wake(&'static self) {
        if !body::wake(self) {
            self.wake_who_polls();
        }
    }

    /// Wakes somebody else's task, in which the process is polled.
    fn wake_who_polls(&self) {
        self.waker.wake();
    }

    /// A deadline came: every waiting part looks at the clock.
    pub(crate) fn alarm(&'static self, me: Pid) {
        let mut state = self.lock();
        if self.serial() == me.serial() {
            state.timers.take_if(|timers| !timers.rang());
            state.wake_waiting();
            drop(state);
            self.wake();
        }
    }

    /// Adds a message, and has the process woken where it may be asleep.
    fn push(&self, message: Message, wake: impl FnOnce()) -> Result<(), Message> {
        let is_exit = message.header().is_exit();
        if is_exit {
            self.exits.sent();
        }
        match self.queue.push(message) {
            Push::First => {
                wake();
                Ok(())
            }
            Push::Behind => Ok(()),
            Push::Closed(message) => {
                if is_exit {
                    self.exits.came_back();
                }
                Err(message)
            }
        }
    }

    /// Ends the process `me`: frees its name, tells its links and watchers, drops what it had, and gives the record
    /// back. The process's own future is gone by now.
    pub(crate) fn finish(&self, me: Pid, reason: ExitReason) {
        let remains = self.close(me, &reason);
        self.wind_up(me, reason, remains);
        node().table.release(me);
    }

    /// Lets nothing more come to the process `me`, and takes what it leaves.
    pub(super) fn close(&self, me: Pid, reason: &ExitReason) -> Remains {
        if trace::is_on() {
            trace::exited(me, reason);
        }
        let mut state = self.lock();
        let unread = self.queue.close();
        if let Some(name) = state.name() {
            node().names.remove(name);
        }
        state.end_life(unread)
    }

    /// What [`finish`](Record::finish) does before the record is given back.
    pub(super) fn wind_up(&self, me: Pid, reason: ExitReason, mut remains: Remains) {
        let mut left = Vec::new();
        if let Some(extras) = &mut remains.extras {
            left = ets::leave(me, take(&mut extras.tables));
            for key in &extras.globals {
                node().globals.remove(key, Some(me));
            }
        }
        if trace::is_on() {
            trace::unread(remains.inbox.iter());
        }
        self.waker.clear();
        let unsent = remains.timers.map(|timers| timers.end());
        let unanswered = remains.relations.as_mut().map(|relations| take(&mut relations.calls));
        self.announce(me, &reason, remains.relations);
        let (unread, exits) = bounce_all(me, remains.unread);
        self.exits.took_effect(exits);
        if trace::is_on() {
            trace::unread(unread.iter());
        }
        // Values of a user's types: what their destructors do must not stop the end of the process.
        quietly(|| drop((unread, unsent, unanswered, remains.inbox, remains.extras, left)));
        self.serial.fetch_add(1, Ordering::Release);
    }

    fn announce(&self, me: Pid, reason: &ExitReason, relations: Option<Pooled<Relations>>) {
        let Some(mut relations) = relations else { return };
        take(&mut relations.links).into_each(|to, link| {
            if link == Link::Active {
                let reason = reason.clone();
                send_signal(to, Signal::Exit { from: me, reason });
            }
        });
        take(&mut relations.watchers).into_each(|monitor, to| {
            send(to, down(monitor, me, reason.clone()));
        });
        take(&mut relations.monitors).into_each(|monitor, of| {
            send_signal(of, Signal::Demonitor { monitor });
        });
    }
}

thread_local! {
    static SHOWING: Cell<bool> = const { Cell::new(false) };
}

/// While it lives, the thread runs a user's `Debug` under the lock of a record.
pub(crate) struct Showing {
    before: bool,
}

impl Showing {
    pub(crate) fn begin() -> Showing {
        Showing {
            before: SHOWING.replace(true),
        }
    }
}

impl Drop for Showing {
    fn drop(&mut self) {
        SHOWING.set(self.before);
    }
}

/// Answers the signals among what a process left unread. The messages come back, to be dropped, and how many were exit
/// signals.
fn bounce_all(me: Pid, unread: Batch) -> (Vec<Message>, u32) {
    let mut messages = Vec::new();
    let mut exits = 0;
    for message in unread {
        exits += u32::from(message.header().is_exit());
        let mut out = Outbox::new();
        messages.extend(bounce(message, me, &mut out));
        out.into_iter().for_each(|(to, signal)| send(to, signal));
    }
    (messages, exits)
}

/// What goes back for a message that found no process at this place. A message that is no signal comes back itself.
fn bounce(message: Message, place: Pid, out: &mut Outbox) -> Option<Message> {
    let receiver = Pid::local(place.number(), message.header().serial);
    match message.header().about() {
        About::Nothing | About::Answer { .. } => Some(message),
        About::Down { .. } => None,
        About::Request { call, caller } => {
            let (monitor, from) = (call, caller);
            out.extend(Signal::Monitor { from, monitor }.bounce(receiver));
            Some(message)
        }
        About::Signal { .. } => {
            out.extend(message.downcast::<Signal>().ok()?.bounce(receiver));
            None
        }
    }
}

/// Puts a message into the mailbox of `to`.
///
/// # Errors
/// Gives it back when there is no such process.
pub(crate) fn deliver(to: Pid, message: Message) -> Result<(), Message> {
    deliver_as(to, message, None)
}

/// Puts messages into the mailbox of `to`, without another one between them. Those to nobody are dropped.
pub(crate) fn deliver_all(to: Pid, messages: impl Iterator<Item = Message>) {
    if trace::is_on() {
        return messages.for_each(|message| drop(deliver(to, message)));
    }
    let mut messages = messages.map(|mut message| {
        message.header_mut().serial = to.serial();
        message
    });
    let Some(oldest) = messages.next() else { return };
    let mut chain = Chain::of(oldest);
    messages.for_each(|message| chain.add(message));
    if let Some(record) = node().table.get(to)
        && let Push::First = record.queue.push_all(chain)
    {
        record.wake();
    }
}

/// Sends the request of a call: `caller` watches `to` under the reference of the call. If there is no such process, it
/// learns that at once.
pub(crate) fn ask(to: Pid, caller: Pid, call: Ref, mut message: Message) {
    message.header_mut().set_about(About::Request { call, caller });
    if let Err(message) = deliver_as(to, message, Some(call)) {
        answer_for(to, message);
    }
}

#[inline]
fn deliver_as(to: Pid, message: Message, call: Option<Ref>) -> Result<(), Message> {
    match trace::is_on() {
        false => push(to, message),
        true => push_traced(to, message, call),
    }
}

#[inline]
fn push(to: Pid, mut message: Message) -> Result<(), Message> {
    message.header_mut().serial = to.serial();
    match node().table.get(to) {
        Some(record) => record.push(message, || record.wake()),
        None => Err(message),
    }
}

/// The message is given away whole, so that it can stay in a register where nobody traces.
#[cold]
#[inline(never)]
fn push_traced(to: Pid, mut message: Message, call: Option<Ref>) -> Result<(), Message> {
    trace::sending(to, &mut message, call);
    push(to, message).inspect_err(trace::lost)
}

/// Sends a signal; when there is no such process, its answer comes back at once.
pub(crate) fn send_signal(to: Pid, signal: Signal) {
    send(to, signal.into_message());
}

fn send(to: Pid, signal: Message) {
    if let Err(message) = deliver(to, signal) {
        answer_for(to, message);
    }
}

/// Answers for a process that there is not.
fn answer_for(to: Pid, message: Message) {
    let mut out = Outbox::new();
    drop(bounce(message, to, &mut out));
    for (back, answer) in out {
        // An answer is not answered, so this ends here.
        drop(deliver(back, answer));
    }
}

/// Sends a message to an alias. When that has ended, it disappears.
pub(crate) fn send_to_alias(to: Pid, alias: Ref, message: Message) {
    send_under(to, alias, false, message);
}

/// Answers the call that `to` made under `alias`. A late answer disappears.
///
/// Where the caller watches the one who answers, that is over with the answer; a signal for it is saved.
pub(crate) fn reply(to: Pid, alias: Ref, message: Message) {
    // Whoever shows something may hold the lock of this very process.
    let process = current::get().filter(|_| !SHOWING.get());
    let watched = process.is_some_and(|process| {
        let mut state = process.record.lock();
        let relations = state.relations.as_mut();
        relations.is_some_and(|relations| relations.watchers.remove(&alias).is_some())
    });
    send_under(to, alias, watched, message);
}

fn send_under(to: Pid, alias: Ref, ends_monitor: bool, mut message: Message) {
    message.header_mut().set_about(About::Answer { alias, ends_monitor });
    drop(deliver(to, message));
}

#[cfg(all(test, crabtree_loom))]
mod model;

#[cfg(all(test, not(crabtree_loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_record_takes_little_room() {
        assert_eq!(size_of::<Record>(), 3 * 64);
    }
}
