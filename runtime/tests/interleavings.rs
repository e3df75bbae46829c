//! Signals in random orders: processes that are driven by hand do as a model of OTP's rules does, step by step.
//!
//! Each process is an `Attached` one, so the test decides when it takes the signals that wait for it. Whatever the order,
//! the promises about links and monitors hold when all signals have arrived.

use crabtree::prelude::*;
use crabtree::process::Attached;
use futures::FutureExt;
use proptest::prelude::*;
use proptest::strategy::Strategy;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

const PROCESSES: usize = 4;

/// What a process does in one step. Numbers are those of processes, or of monitors in the order in which they were made.
#[derive(Debug, Clone)]
enum Op {
    /// Takes the signals that wait, and does nothing else.
    Step,
    Send(usize),
    Link(usize),
    Unlink(usize),
    Monitor(usize),
    Demonitor(usize),
    Exit(usize, Why),
    Trap(bool),
    /// Somebody looks at it: its signals take effect, but it has no step.
    IsLookedAt,
    /// Somebody asks whether it is alive.
    IsAsked,
    /// It is dropped, whatever waits for it.
    End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Why {
    Normal,
    Kill,
    Killed,
    NoProc,
    Boom,
}

impl Why {
    fn reason(self) -> ExitReason {
        match self {
            Why::Normal => ExitReason::Normal,
            Why::Kill => ExitReason::Kill,
            Why::Killed => ExitReason::Killed,
            Why::NoProc => ExitReason::NoProc,
            Why::Boom => "boom".into(),
        }
    }

    fn of(reason: &ExitReason) -> Why {
        let all = [Why::Normal, Why::Kill, Why::Killed, Why::NoProc, Why::Boom];
        let same = all.into_iter().find(|why| why.reason() == *reason);
        same.unwrap_or_else(|| panic!("nobody gave the reason {reason:?}"))
    }
}

/// A message as the test compares it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Seen {
    Number(usize),
    Exit(usize, Why),
    Down(usize, usize, Why),
}

#[derive(Debug, Clone)]
enum Signal {
    Message(usize),
    Link(usize),
    Unlink(usize, usize),
    UnlinkAck(usize, usize),
    LinkExit(usize, Why),
    Exit(usize, Why),
    Monitor(usize, usize),
    Demonitor(usize),
    Down(usize, usize, Why),
}

/// A process as OTP's rules have it.
#[derive(Default)]
struct Process {
    arrived: VecDeque<Signal>,
    inbox: Vec<Seen>,
    traps: bool,
    /// `Some` while the link is being taken back.
    links: BTreeMap<usize, Option<usize>>,
    monitors: BTreeMap<usize, usize>,
    watchers: BTreeMap<usize, usize>,
    /// Why it ends at its next step.
    exit: Option<Why>,
    ended: Option<Why>,
}

#[derive(Default)]
struct Model {
    processes: [Process; PROCESSES],
    /// How many references and numbers were given out.
    given: usize,
    made: Vec<usize>,
}

impl Model {
    fn fresh(&mut self) -> usize {
        self.given += 1;
        self.given
    }

    fn send(&mut self, to: usize, signal: Signal) {
        match self.processes[to].ended {
            None => self.processes[to].arrived.push_back(signal),
            Some(_) => self.bounce(to, signal),
        }
    }

    /// A signal meets nobody.
    fn bounce(&mut self, receiver: usize, signal: Signal) {
        match signal {
            Signal::Link(from) => self.send(from, Signal::LinkExit(receiver, Why::NoProc)),
            Signal::Monitor(from, monitor) => self.send(from, Signal::Down(monitor, receiver, Why::NoProc)),
            Signal::Unlink(from, id) => self.send(from, Signal::UnlinkAck(receiver, id)),
            _ => {}
        }
    }

    /// All signals that wait for `me` take effect.
    fn take(&mut self, me: usize) {
        while let Some(signal) = self.processes[me].arrived.pop_front() {
            let process = &mut self.processes[me];
            match signal {
                Signal::Message(number) => process.inbox.push(Seen::Number(number)),
                Signal::Link(from) => drop(process.links.entry(from).or_insert(None)),
                Signal::Unlink(from, id) => {
                    if process.links.get(&from) == Some(&None) {
                        process.links.remove(&from);
                    }
                    self.send(from, Signal::UnlinkAck(me, id));
                }
                Signal::UnlinkAck(from, id) => {
                    if process.links.get(&from) == Some(&Some(id)) {
                        process.links.remove(&from);
                    }
                }
                Signal::LinkExit(from, why) => {
                    if process.links.remove(&from) == Some(None) {
                        process.exit_signal(me, from, why);
                    }
                }
                Signal::Exit(_, Why::Kill) => drop(process.exit.get_or_insert(Why::Killed)),
                Signal::Exit(from, why) => process.exit_signal(me, from, why),
                Signal::Monitor(from, monitor) => drop(process.watchers.insert(monitor, from)),
                Signal::Demonitor(monitor) => drop(process.watchers.remove(&monitor)),
                Signal::Down(monitor, of, why) => {
                    if process.monitors.remove(&monitor).is_some() {
                        process.inbox.push(Seen::Down(monitor, of, why));
                    }
                }
            }
        }
    }

    /// Whether `me` goes on after all that has arrived. It takes effect only if one of them could be its end.
    fn is_alive(&mut self, me: usize) -> bool {
        let may_end = |signal: &Signal| matches!(signal, Signal::Exit(..) | Signal::LinkExit(..));
        if self.processes[me].arrived.iter().any(may_end) {
            self.take(me);
        }
        let process = &self.processes[me];
        process.ended.is_none() && process.exit.is_none()
    }

    fn end(&mut self, me: usize, why: Why) {
        let process = std::mem::take(&mut self.processes[me]);
        self.processes[me].ended = Some(why);
        for (to, unlinking) in process.links {
            if unlinking.is_none() {
                self.send(to, Signal::LinkExit(me, why));
            }
        }
        for (monitor, to) in process.watchers {
            self.send(to, Signal::Down(monitor, me, why));
        }
        for (monitor, of) in process.monitors {
            self.send(of, Signal::Demonitor(monitor));
        }
        for signal in process.arrived {
            self.bounce(me, signal);
        }
    }

    fn act(&mut self, me: usize, op: &Op) {
        if self.processes[me].ended.is_some() {
            return;
        }
        match op {
            Op::IsLookedAt => return self.take(me),
            Op::IsAsked => return,
            Op::End => return self.end(me, Why::Normal),
            _ => self.take(me),
        }
        if let Some(why) = self.processes[me].exit {
            return self.end(me, why);
        }
        match *op {
            Op::Send(to) => {
                let number = self.fresh();
                self.send(to, Signal::Message(number));
            }
            Op::Link(to) if to != me => {
                let before = self.processes[me].links.insert(to, None);
                if before != Some(None) {
                    self.send(to, Signal::Link(me));
                }
            }
            Op::Unlink(to) => {
                let id = self.fresh();
                if let Some(link @ None) = self.processes[me].links.get_mut(&to) {
                    *link = Some(id);
                    self.send(to, Signal::Unlink(me, id));
                }
            }
            Op::Monitor(of) => {
                let monitor = self.made.len();
                self.made.push(me);
                self.processes[me].monitors.insert(monitor, of);
                self.send(of, Signal::Monitor(me, monitor));
            }
            Op::Demonitor(which) => {
                if let Some(monitor) = self.own(me, which)
                    && let Some(of) = self.processes[me].monitors.remove(&monitor)
                {
                    self.send(of, Signal::Demonitor(monitor));
                }
            }
            Op::Exit(to, why) => {
                self.send(to, Signal::Exit(me, why));
                // It has reached the caller when that goes on.
                if to == me {
                    self.take(me);
                }
            }
            Op::Trap(traps) => self.processes[me].traps = traps,
            Op::Step | Op::Link(_) | Op::IsLookedAt | Op::IsAsked | Op::End => {}
        }
    }

    /// One of the monitors that `me` made.
    fn own(&self, me: usize, which: usize) -> Option<usize> {
        let own = (0..self.made.len()).filter(|monitor| self.made[*monitor] == me);
        own.clone().nth(which % own.count().max(1))
    }
}

impl Process {
    fn exit_signal(&mut self, me: usize, from: usize, why: Why) {
        if self.traps {
            self.inbox.push(Seen::Exit(from, why));
        } else if why != Why::Normal || from == me {
            self.exit.get_or_insert(why);
        }
    }
}

/// The processes themselves.
struct Real {
    processes: Vec<Option<Attached>>,
    pids: Vec<Pid>,
    ended: Vec<Option<Why>>,
    monitors: Vec<MonitorRef>,
}

impl Real {
    fn new() -> Real {
        let processes: Vec<_> = (0..PROCESSES).map(|_| Some(Attached::new())).collect();
        Real {
            pids: processes.iter().flatten().map(Attached::pid).collect(),
            processes,
            ended: vec![None; PROCESSES],
            monitors: Vec::new(),
        }
    }

    /// Runs a step of a process; `None` when it is over.
    fn step<R>(&mut self, me: usize, step: impl FnOnce() -> R) -> Option<R> {
        let process = self.processes[me].as_mut()?;
        let driven = process.drive(async { step() }).now_or_never();
        match driven.expect("a step does not wait") {
            Ok(result) => Some(result),
            Err(reason) => {
                self.ended[me] = Some(Why::of(&reason));
                self.processes[me] = None;
                None
            }
        }
    }

    /// `model` is as it was before the step.
    fn act(&mut self, me: usize, op: &Op, model: &Model) {
        let pid = |number: usize| self.pids[number];
        match *op {
            Op::Step => drop(self.step(me, || ())),
            Op::Send(to) => {
                let (to, number) = (pid(to), model.given + 1);
                self.step(me, || send(to, number));
            }
            Op::Link(to) => {
                let to = pid(to);
                self.step(me, || process::link(to));
            }
            Op::Unlink(to) => {
                let to = pid(to);
                self.step(me, || process::unlink(to));
            }
            Op::Monitor(of) => {
                let of = pid(of);
                let made = self.step(me, || process::monitor(of));
                self.monitors.extend(made);
            }
            Op::Demonitor(which) => {
                let monitor = model.own(me, which).map(|monitor| self.monitors[monitor]);
                self.step(me, || monitor.map(process::demonitor));
            }
            Op::Exit(to, why) => {
                let to = pid(to);
                self.step(me, || process::exit(to, why.reason()));
            }
            Op::Trap(traps) => drop(self.step(me, || process::flag(Flag::TrapExit, traps))),
            Op::IsLookedAt => drop(process::info(pid(me))),
            Op::IsAsked => {}
            Op::End => {
                if self.processes[me].take().is_some() {
                    self.ended[me] = Some(Why::Normal);
                }
            }
        }
    }

    fn number(&self, pid: Pid) -> usize {
        self.pids
            .iter()
            .position(|known| *known == pid)
            .expect("a process of the test")
    }

    fn inbox(&mut self, me: usize) -> Vec<Seen> {
        let messages = self.step(me, process::flush).unwrap_or_default();
        messages.into_iter().map(|message| self.seen(message)).collect()
    }

    fn seen(&self, message: Message) -> Seen {
        if let Some(number) = message.downcast_ref::<usize>() {
            return Seen::Number(*number);
        }
        if let Some(exit) = message.downcast_ref::<Exit>() {
            return Seen::Exit(self.number(exit.from), Why::of(&exit.reason));
        }
        let down = message.downcast::<Down>().expect("nothing else is sent");
        let monitor = self.monitors.iter().position(|known| *known == down.monitor);
        let monitor = monitor.expect("a monitor of the test");
        Seen::Down(monitor, self.number(down.pid), Why::of(&down.reason))
    }
}

fn numbers(real: &Real, pids: &[Pid]) -> Vec<usize> {
    let mut numbers: Vec<_> = pids.iter().map(|pid| real.number(*pid)).collect();
    numbers.sort_unstable();
    numbers
}

fn sorted(numbers: impl Iterator<Item = usize>) -> Vec<usize> {
    let mut numbers: Vec<_> = numbers.collect();
    numbers.sort_unstable();
    numbers
}

/// Runs the steps in both worlds, lets all signals arrive, and compares.
fn agree(steps: &[(usize, Op)]) -> Result<(), TestCaseError> {
    let (mut model, mut real) = (Model::default(), Real::new());
    let mut downs = BTreeSet::new();
    let settle = (0..4).flat_map(|_| (0..PROCESSES).map(|process| (process, Op::Step)));
    for (me, op) in steps.iter().cloned().chain(settle) {
        real.act(me, &op, &model);
        model.act(me, &op);
        if let Op::IsAsked = op {
            prop_assert_eq!(process::is_alive(real.pids[me]), model.is_alive(me));
        }
        let ended: Vec<_> = model.processes.iter().map(|process| process.ended).collect();
        prop_assert_eq!(&real.ended, &ended, "after {:?} of {}", op, me);
    }
    for me in 0..PROCESSES {
        let Some(info) = process::info(real.pids[me]) else {
            prop_assert!(model.processes[me].ended.is_some(), "{} is gone", me);
            continue;
        };
        let process = &model.processes[me];
        let active = process.links.iter().filter(|(_, unlinking)| unlinking.is_none());
        prop_assert_eq!(numbers(&real, &info.links), sorted(active.map(|(to, _)| *to)));
        prop_assert_eq!(
            numbers(&real, &info.monitors),
            sorted(process.monitors.values().copied())
        );
        prop_assert_eq!(
            numbers(&real, &info.monitored_by),
            sorted(process.watchers.values().copied())
        );
        prop_assert_eq!(info.trap_exit, process.traps);

        // What holds whatever the model says.
        for link in numbers(&real, &info.links) {
            let other = process::info(real.pids[link]);
            prop_assert!(
                other.is_some_and(|other| other.links.contains(&info.pid)),
                "the link of {} and {} has one end",
                me,
                link
            );
        }
        for of in &info.monitors {
            let other = process::info(*of);
            prop_assert!(
                other.is_some_and(|other| other.monitored_by.contains(&info.pid)),
                "{} watches a dead process",
                me
            );
        }
        let inbox = real.inbox(me);
        prop_assert_eq!(&inbox, &model.processes[me].inbox, "the mailbox of {}", me);
        for seen in inbox {
            if let Seen::Down(monitor, ..) = seen {
                prop_assert!(downs.insert(monitor), "monitor {} reported twice", monitor);
            }
        }
    }
    Ok(())
}

fn op() -> impl Strategy<Value = Op> {
    let process = || 0..PROCESSES;
    let why = prop_oneof![Just(Why::Normal), Just(Why::Kill), Just(Why::Boom)];
    prop_oneof![
        6 => Just(Op::Step),
        4 => process().prop_map(Op::Send),
        5 => process().prop_map(Op::Link),
        4 => process().prop_map(Op::Unlink),
        4 => process().prop_map(Op::Monitor),
        3 => (0..8_usize).prop_map(Op::Demonitor),
        2 => (process(), why).prop_map(|(to, why)| Op::Exit(to, why)),
        2 => any::<bool>().prop_map(Op::Trap),
        2 => Just(Op::IsLookedAt),
        2 => Just(Op::IsAsked),
        1 => Just(Op::End),
    ]
}

#[test]
fn a_process_that_told_itself_to_end_answers_no_link() {
    let steps = [
        (0, Op::Exit(0, Why::Normal)),
        (1, Op::Link(0)),
        (0, Op::IsAsked),
        (0, Op::End),
    ];
    agree(&steps).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(miri) { 5 } else { 1000 },
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn signals_have_the_effect_that_the_rules_give_them_in_whatever_order_processes_run(
        steps in prop::collection::vec((0..PROCESSES, op()), 1..80)
    ) {
        agree(&steps)?;
    }
}
