//! Children for the tests of supervisors.

use crabtree::gen_server::StartError;
use crabtree::prelude::*;
use crabtree::supervisor::ChildError;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A child that ends with the reason that it is sent.
pub(super) fn child(id: &'static str) -> ChildSpec {
    ChildSpec::new(id, || async { Ok(spawn_link(obedient())) })
}

async fn obedient() {
    receive! { reason: ExitReason => exit(reason) }
}

/// A child that traps exits and takes so long to end when it is told to, then ends with that reason.
pub(super) fn slow(id: &'static str, time: Duration, reason: &ExitReason) -> ChildSpec {
    let reason = reason.clone();
    ChildSpec::new(id, move || {
        let reason = reason.clone();
        let starter = me();
        async move {
            let pid = spawn_link(async move {
                process::flag(Flag::TrapExit, true);
                send(starter, "it traps exits");
                receive! { Exit { .. } => () }
                process::sleep(time).await;
                exit(reason)
            });
            receive! { "it traps exits" => () }
            Ok(pid)
        }
    })
}

/// A child that starts only while the gate is open, and ends with the reason that it is sent.
pub(super) fn gated(id: &'static str, gate: &Gate) -> ChildSpec {
    let gate = gate.clone();
    ChildSpec::new(id, move || {
        let open = gate.open.load(Ordering::Relaxed);
        gate.tries.fetch_add(1, Ordering::Relaxed);
        async move {
            match open {
                true => Ok(spawn_link(obedient())),
                // Others get their turn between two tries, as between the tries of OTP's deadlock test.
                false => {
                    process::sleep(secs(1)).await;
                    Err(ExitReason::from("the gate is closed"))
                }
            }
        }
    })
}

#[derive(Clone)]
pub(super) struct Gate {
    open: Arc<AtomicBool>,
    tries: Arc<AtomicU32>,
}

impl Gate {
    pub(super) fn open() -> Gate {
        Gate {
            open: Arc::new(AtomicBool::new(true)),
            tries: Arc::default(),
        }
    }

    pub(super) fn set(&self, open: bool) {
        self.open.store(open, Ordering::Relaxed);
    }

    pub(super) fn tries(&self) -> u32 {
        self.tries.load(Ordering::Relaxed)
    }
}

/// What the next start of a [`Scripted`] server does.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step {
    Up,
    Ignore,
    Stop,
    Panic,
    Exit,
}

/// A server whose starts follow a script; the last step is repeated. It ends with the reason that it is sent.
#[derive(Debug)]
pub(super) struct Scripted;

pub(super) type Script = Arc<Mutex<VecDeque<Step>>>;

impl GenServer for Scripted {
    type Args = Script;

    async fn init(script: Script) -> Init<Scripted> {
        let step = {
            let mut steps = script.lock().unwrap();
            match steps.len() {
                1 => steps[0],
                _ => steps.pop_front().unwrap(),
            }
        };
        match step {
            Step::Up => Init::ok(Scripted),
            Step::Ignore => Init::ignore(),
            Step::Stop => Init::stop("as the script says"),
            Step::Panic => panic!("as the script says"),
            Step::Exit => exit("as the script says"),
        }
    }

    async fn handle_info(&mut self, message: Message) -> Next {
        Next::stop(message.downcast::<ExitReason>().unwrap())
    }
}

pub(super) fn scripted(id: &'static str, steps: impl IntoIterator<Item = Step>) -> ChildSpec {
    child_spec::<Scripted>(id, Arc::new(Mutex::new(steps.into_iter().collect())))
}

/// A supervisor that allows so many restarts in an hour.
pub(super) fn supervisor(strategy: Strategy, max_restarts: u32) -> Supervisor {
    Supervisor::new(strategy).max_restarts(max_restarts).max_seconds(3600)
}

/// Tells a child to end with that reason, and waits until it has.
pub(super) async fn end_with(pid: Pid, reason: ExitReason) {
    let watched = process::monitor(pid);
    send(pid, reason.clone());
    assert_eq!(end(watched).await, reason);
}

/// Waits for the end of a process that is watched, and says why it ended.
pub(super) async fn end(watched: MonitorRef) -> ExitReason {
    receive! { Down { monitor, reason, .. } if monitor == watched => reason }
}

/// The processes of the children, the first first. It waits until the supervisor is done with what it does.
pub(super) async fn pids(sup: impl Destination) -> Vec<Option<Pid>> {
    let children = supervisor::which_children(sup).await.unwrap();
    children.iter().rev().map(|child| child.pid).collect()
}

/// The process of a child that runs.
pub(super) async fn pid(sup: impl Destination, id: &str) -> Pid {
    let children = supervisor::which_children(sup).await.unwrap();
    let child = children.iter().find(|child| child.id == id).unwrap();
    child.pid.unwrap()
}

/// OTP's `[Specs, Active, Supervisors, Workers]`.
pub(super) async fn counts(sup: impl Destination) -> [usize; 4] {
    let count = supervisor::count_children(sup).await.unwrap();
    [count.specs, count.active, count.supervisors, count.workers]
}

/// Whether the supervisor lives on when everybody had a turn.
pub(super) async fn lives_on(sup: SupervisorRef) -> bool {
    process::sleep(ms(100)).await;
    process::is_alive(sup)
}

pub(super) fn crash() -> ExitReason {
    ExitReason::from("crash")
}

/// A supervisor without children that allows two restarts in an hour.
pub(super) async fn empty(strategy: Strategy) -> SupervisorRef {
    supervisor(strategy, 2).start_link().await.unwrap()
}

/// Adds a child that has a process.
pub(super) async fn start(sup: SupervisorRef, spec: ChildSpec) -> Pid {
    crabtree::supervisor::start_child(sup, spec).await.unwrap()
}

/// Ends the supervisor as its own would.
pub(super) async fn shut_down(sup: SupervisorRef) {
    process::flag(Flag::TrapExit, true);
    let watched = process::monitor(sup);
    process::exit(sup, ExitReason::Shutdown);
    assert_eq!(end(watched).await, ExitReason::Shutdown);
}

/// What the starter of a child learns whose `init` ignored.
pub(super) fn ignored() -> ChildError {
    ChildError::Start(StartError::Ignore)
}
