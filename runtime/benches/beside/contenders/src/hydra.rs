//! hydra, which follows OTP's names.

use crate::{Asked, CLIENTS, Count, Found, PRODUCERS, on_tokio, resident};
use hydra::{
    CallError, ChildSpec, ExitReason, From, GenServer, GenServerOptions, Message, Pid, Process, ProcessFlags,
    Reference, Supervisor, SupervisorOptions, SystemMessage,
};
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

pub(crate) fn run(Asked { figure, size, workers }: Asked) -> Found {
    on_tokio(workers, async move {
        let (send, receive) = oneshot::channel();
        Process::spawn(async move { drop(send.send(program(&figure, size).await)) });
        receive.await.expect("the program does not crash")
    })
}

async fn program(figure: &str, size: usize) -> Found {
    match figure {
        "ping_pong" => ping_pong(size).await,
        "ring" => ring(size).await,
        "call" => call(size).await,
        "call_100" => call_100(size).await,
        "cast" => cast(size).await,
        "cast_8" => cast_8(size).await,
        "spawn" => spawn_and_exit(size).await,
        "monitor" => spawn_and_monitor(size).await,
        "downs" => downs(size).await,
        "chain" => chain(size).await,
        "star" => star(size).await,
        "timer_start" => timer_start(size).await,
        "timer_cancel" => timer_cancel(size).await,
        "timer_fire" => timer_fire(size).await,
        "restarts" => restarts(size).await,
        "idle_process" => idle_process(size).await,
        "idle_server" => idle_server(size).await,
        _ => Found::Nothing,
    }
}

async fn user<T: hydra::Receivable>() -> T {
    match Process::receive().await {
        Message::User(message) => message,
        Message::System(other) => panic!("nobody expects {other:?}"),
    }
}

async fn ping_pong(messages: usize) -> Found {
    let pong = Process::spawn(async {
        loop {
            let from: Pid = user().await;
            Process::send(from, ());
        }
    });
    let began = Instant::now();
    for _ in 0..messages / 2 {
        Process::send(pong, Process::current());
        user::<()>().await;
    }
    Found::since(began, messages)
}

const RING: usize = 1000;

async fn ring(hops: usize) -> Found {
    let mut next = Process::current();
    for _ in 1..RING {
        let to = next;
        next = Process::spawn(async move {
            loop {
                let left: usize = user().await;
                Process::send(to, left - 1);
            }
        });
    }
    let rounds = hops / RING;
    let began = Instant::now();
    for _ in 0..rounds {
        Process::send(next, RING - 1);
        assert_eq!(user::<usize>().await, 0);
    }
    Found::since(began, rounds * RING)
}

#[derive(Debug, Serialize, Deserialize)]
enum Request {
    Get,
    Got(usize),
    Add(usize),
}

struct Counter(usize);

impl GenServer for Counter {
    type Message = Request;

    async fn init(&mut self) -> Result<(), ExitReason> {
        Ok(())
    }

    async fn handle_call(&mut self, _: Request, _: From) -> Result<Option<Request>, ExitReason> {
        Ok(Some(Request::Got(self.0)))
    }

    async fn handle_cast(&mut self, request: Request) -> Result<(), ExitReason> {
        if let Request::Add(n) = request {
            self.0 += n;
        }
        Ok(())
    }
}

async fn counter() -> Pid {
    Counter(0).start(GenServerOptions::new()).await.expect("it starts")
}

async fn get(counter: Pid) -> usize {
    let answer: Result<Request, CallError> = Counter::call(counter, Request::Get, None).await;
    match answer {
        Ok(Request::Got(count)) => count,
        other => panic!("the counter answers {other:?}"),
    }
}

async fn call(calls: usize) -> Found {
    let counter = counter().await;
    let began = Instant::now();
    for _ in 0..calls {
        get(counter).await;
    }
    Found::since(began, calls)
}

async fn dones(count: usize) {
    for _ in 0..count {
        user::<()>().await;
    }
}

async fn call_100(calls: usize) -> Found {
    let (main, counter) = (Process::current(), counter().await);
    let each = calls / CLIENTS;
    let began = Instant::now();
    for _ in 0..CLIENTS {
        Process::spawn(async move {
            for _ in 0..each {
                get(counter).await;
            }
            Process::send(main, ());
        });
    }
    dones(CLIENTS).await;
    Found::since(began, each * CLIENTS)
}

async fn cast(casts: usize) -> Found {
    let counter = counter().await;
    let began = Instant::now();
    for _ in 0..casts {
        Counter::cast(counter, Request::Add(1));
    }
    assert_eq!(get(counter).await, casts);
    Found::since(began, casts)
}

async fn cast_8(casts: usize) -> Found {
    let (main, counter) = (Process::current(), counter().await);
    let each = casts / PRODUCERS;
    let began = Instant::now();
    for _ in 0..PRODUCERS {
        Process::spawn(async move {
            for _ in 0..each {
                Counter::cast(counter, Request::Add(1));
            }
            get(counter).await;
            Process::send(main, ());
        });
    }
    dones(PRODUCERS).await;
    Found::since(began, each * PRODUCERS)
}

async fn spawn_and_exit(processes: usize) -> Found {
    let (main, count) = (Process::current(), Count::new());
    let began = Instant::now();
    for _ in 0..processes {
        Process::spawn(async move {
            if count.is_last_of(processes) {
                Process::send(main, ());
            }
        });
    }
    dones(1).await;
    Found::since(began, processes)
}

async fn down() -> Reference {
    match Process::receive::<()>().await {
        Message::System(SystemMessage::ProcessDown(_, monitor, _)) => monitor,
        other => panic!("nobody expects {other:?}"),
    }
}

async fn spawn_and_monitor(processes: usize) -> Found {
    let began = Instant::now();
    for _ in 0..processes {
        let (_, watched) = Process::spawn_monitor(async {});
        assert_eq!(down().await, watched);
    }
    Found::since(began, processes)
}

async fn settle() {
    Process::sleep(Duration::from_millis(100)).await;
}

async fn downs(processes: usize) -> Found {
    let pids: Vec<Pid> = (0..processes).map(|_| Process::spawn_monitor(user::<()>()).0).collect();
    settle().await;
    let began = Instant::now();
    for pid in pids {
        Process::send(pid, ());
    }
    for _ in 0..processes {
        down().await;
    }
    Found::since(began, processes)
}

async fn chain(processes: usize) -> Found {
    let mut last = None;
    let mut next: Option<Pid> = None;
    for _ in 0..processes {
        let to = next;
        let element = Process::spawn(async move {
            if let Some(to) = to {
                Process::link(to);
            }
            user::<()>().await;
        });
        last.get_or_insert(element);
        next = Some(element);
    }
    let watched = Process::monitor(last.expect("there is one"));
    settle().await;
    let began = Instant::now();
    Process::exit(next.expect("there is one"), "fall");
    assert_eq!(down().await, watched);
    Found::since(began, processes)
}

async fn star(processes: usize) -> Found {
    let main = Process::current();
    let centre = Process::spawn(async move {
        for _ in 1..processes {
            Process::spawn_link(user::<()>());
        }
        Process::send(main, ());
        user::<()>().await;
    });
    dones(1).await;
    settle().await;
    let before = Process::list().len();
    assert!(before >= processes, "{before} of {processes}");
    let began = Instant::now();
    Process::exit(centre, "fall");
    while Process::list().len() > before - processes {
        tokio::task::yield_now().await;
    }
    Found::since(began, processes)
}

const FAR: Duration = Duration::from_secs(3600);

async fn timer_start(timers: usize) -> Found {
    let began = Instant::now();
    for _ in 0..timers {
        Process::send_after(Process::current(), (), FAR);
    }
    Found::since(began, timers)
}

async fn timer_cancel(timers: usize) -> Found {
    let timers: Vec<Reference> = (0..timers)
        .map(|_| Process::send_after(Process::current(), (), FAR))
        .collect();
    settle().await;
    let began = Instant::now();
    for timer in &timers {
        Process::cancel_timer(*timer);
    }
    Found::since(began, timers.len())
}

async fn timer_fire(timers: usize) -> Found {
    let due = Instant::now() + Duration::from_secs(1);
    for _ in 0..timers {
        Process::send_after(Process::current(), (), due.saturating_duration_since(Instant::now()));
    }
    dones(timers).await;
    Found::since(due, timers)
}

async fn restarts(restarts: usize) -> Found {
    Process::set_flags(ProcessFlags::TRAP_EXIT);
    let main = Process::current();
    let child = ChildSpec::new("child").start(move || async move {
        Ok(Process::spawn_link(async move {
            Process::send(main, Process::current());
            user::<()>().await;
        }))
    });
    let supervisor = Supervisor::with_children([child]).max_restarts(usize::MAX);
    supervisor
        .start_link(SupervisorOptions::new())
        .await
        .expect("it starts");
    let mut child: Pid = user().await;
    let began = Instant::now();
    for _ in 0..restarts {
        Process::exit(child, ExitReason::Kill);
        child = user().await;
    }
    Found::since(began, restarts)
}

async fn idle_process(processes: usize) -> Found {
    let before = resident();
    for _ in 0..processes {
        Process::spawn(user::<()>());
    }
    settle().await;
    Found::Bytes(resident() - before, processes)
}

async fn idle_server(processes: usize) -> Found {
    let before = resident();
    for _ in 0..processes {
        counter().await;
    }
    settle().await;
    Found::Bytes(resident() - before, processes)
}
