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

use super::biased::{Biased, Guard};
use super::body::{self, BodyCell, BodySize};
use super::claim::Claim;
use super::current;
use super::delivery::{bounce, bounce_all, send, send_signal};
use super::exits::Exits;
use super::origin::Origin;
use super::outbox::Outbox;
use super::priority::Priority;
use super::queue::{Chain, Push, Queue};
use super::signal::{Signal, down};
use super::state::{Link, Look, Relations, Remains, State};
use super::train::Home;
use super::waker::KeptWaker;
use crate::message::{About, Message};
use crate::node::node;
use crate::pid::Pid;
use crate::pool::Pooled;
use crate::reason::quietly;
use crate::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering};
use crate::{ExitReason, ets, trace};
use std::cell::Cell;
use std::mem::take;
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
        match Showing::is_on() {
            true => self.try_update(me, read),
            false => self.update_locked(me, self.lock(), read),
        }
    }

    /// Like [`update`](Record::update), but `None` as well when somebody has the lock.
    pub(crate) fn try_update<R>(&self, me: Pid, read: impl FnOnce(&mut State) -> R) -> Option<R> {
        self.update_locked(me, self.try_lock()?, read)
    }

    #[inline]
    fn update_locked<R>(&self, me: Pid, mut state: Guard<'_, State>, read: impl FnOnce(&mut State) -> R) -> Option<R> {
        if !state.alive || self.serial() != me.serial() {
            return None;
        }
        let out = match self.queue.is_empty() {
            true => Outbox::default(),
            false => self.handle_arrived(me, &mut state),
        };
        let result = read(&mut state);
        drop(state);
        out.empty();
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
        let mut out = Outbox::default();
        let mut look = Look::AsLeft;
        // `find` is called at one place, so that it becomes part of this.
        let found = loop {
            let found = find(&mut state, look);
            if found.is_some() || look == Look::AfterAll {
                break found;
            }
            if !self.queue.is_empty() {
                out = self.handle_arrived(me, &mut state);
            }
            look = Look::AfterAll;
        };
        drop(state);
        out.empty();
        found
    }

    /// The state as it was left, for a look at it; `None` when `me` is not alive, or the lock must not be waited for.
    pub(crate) fn peek<R>(&self, me: Pid, read: impl FnOnce(&State) -> R) -> Option<R> {
        self.change(me, |state| read(state))
    }

    /// Like [`peek`](Record::peek), to change what no signal has to do with.
    pub(crate) fn change<R>(&self, me: Pid, change: impl FnOnce(&mut State) -> R) -> Option<R> {
        let mut state = match Showing::is_on() {
            true => self.try_lock()?,
            false => self.lock(),
        };
        (state.alive && self.serial() == me.serial()).then(|| change(&mut state))
    }

    #[inline(never)]
    fn handle_arrived(&self, me: Pid, state: &mut State) -> Outbox {
        let mut out = Outbox::default();
        let arrived = self.queue.take();
        if arrived.addressee() == Some(me.serial()) {
            state.inbox.append(arrived);
            state.wake_waiting();
            return out;
        }
        let mut exits = 0;
        for message in arrived {
            if message.header().serial != me.serial() {
                exits += u32::from(message.header().is_exit());
                let stray = bounce(message, me, &mut out);
                out.drop_later(stray);
                continue;
            }
            match message.header().about() {
                About::Nothing => state.inbox.push(message),
                About::Answer { alias, ends_monitor } => {
                    if ends_monitor {
                        state.answered(alias);
                    }
                    let stray = state.answer(alias, message, &mut out);
                    out.drop_later(stray);
                }
                About::Down { monitor } => out.drop_later(state.down(monitor, message)),
                About::Request { call, caller } => {
                    state.relations_mut().watchers.insert(call, caller);
                    state.inbox.push(message);
                }
                About::Signal { is_exit } => {
                    exits += u32::from(is_exit);
                    if let Ok(signal) = message.downcast() {
                        state.handle(me, signal, &mut out);
                    }
                }
            }
        }
        self.ends.store(state.ends(), Ordering::Relaxed);
        self.exits.took_effect(exits);
        state.wake_waiting();
        out
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
            state.rang();
            drop(state);
            self.wake();
        }
    }

    /// Adds a message, and has the process woken where it may be asleep.
    pub(super) fn push(&self, message: Message, wake: impl FnOnce()) -> Result<(), Message> {
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

    /// Adds messages, without another one between them; whether the process may be asleep.
    pub(super) fn push_all(&self, messages: Chain) -> bool {
        matches!(self.queue.push_all(messages), Push::First)
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

    /// Whether the thread does so just now.
    pub(super) fn is_on() -> bool {
        SHOWING.get()
    }
}

impl Drop for Showing {
    fn drop(&mut self) {
        SHOWING.set(self.before);
    }
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
