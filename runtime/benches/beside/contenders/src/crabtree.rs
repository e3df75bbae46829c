//! Crabtree.

use crate::{Asked, CLIENTS, Count, Found, PRODUCERS, resident};
use crabtree::prelude::*;
use crabtree::registry::Registry;
use std::pin::Pin;
use std::time::{Duration, Instant};

pub(crate) fn run(asked: Asked) -> Found {
    let Asked { figure, size, workers } = asked;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers)
        .enable_all()
        .build()
        .expect("the operating system gives threads");
    runtime.block_on(async move {
        let (send, receive) = tokio::sync::oneshot::channel();
        spawn(async move { send.send(program(&figure, size).await).ok() });
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
        "selective" => selective(size).await,
        "deep_call" => deep_call(size).await,
        "timer_start" => timer_start(size).await,
        "timer_cancel" => timer_cancel(size).await,
        "timer_fire" => timer_fire(size).await,
        "restarts" => restarts(size).await,
        "start_children" => start_children(size).await,
        "stop_children" => stop_children(size).await,
        "register" => register(size).await,
        "lookup" => lookup(size).await,
        "dispatch" => dispatch(size).await,
        "cleanup" => cleanup(size).await,
        "task" => task_and_await(size).await,
        "async_stream" => async_stream(size).await,
        "idle_process" => idle_process(size).await,
        "idle_server" => idle_server(size).await,
        _ => Found::Nothing,
    }
}

#[derive(Debug)]
struct Pong;

async fn ping_pong(messages: usize) -> Found {
    let pong = spawn(async {
        loop {
            receive! { from: Pid => send(from, Pong) }
        }
    });
    let began = Instant::now();
    for _ in 0..messages / 2 {
        send(pong, me());
        receive! { Pong => () }
    }
    Found::since(began, messages)
}

const RING: usize = 1000;

async fn ring(hops: usize) -> Found {
    let first = me();
    let mut next = first;
    for _ in 1..RING {
        let to = next;
        next = spawn(async move {
            loop {
                receive! { left: usize => send(to, left - 1) }
            }
        });
    }
    let rounds = hops / RING;
    let began = Instant::now();
    for _ in 0..rounds {
        send(next, RING - 1);
        receive! { 0_usize => () }
    }
    Found::since(began, rounds * RING)
}

#[derive(Debug)]
struct Counter(usize);

impl GenServer for Counter {
    type Args = ();

    async fn init((): ()) -> Init<Self> {
        Init::ok(Counter(0))
    }
}

#[derive(Debug)]
struct Add(usize);

impl HandleCast<Add> for Counter {
    async fn handle_cast(&mut self, Add(n): Add) -> Next {
        self.0 += n;
        Next::noreply()
    }
}

#[derive(Debug)]
struct Get;

impl HandleCall<Get> for Counter {
    type Reply = usize;

    async fn handle_call(&mut self, _: Get, _: Caller<usize>) -> Reply<usize> {
        Reply::reply(self.0)
    }
}

async fn counter() -> Server<Counter> {
    gen_server::start::<Counter>(()).await.expect("it starts")
}

async fn get(counter: Server<Counter>) -> usize {
    gen_server::call(counter, Get).await.expect("it answers")
}

async fn call(calls: usize) -> Found {
    let counter = counter().await;
    let began = Instant::now();
    for _ in 0..calls {
        get(counter).await;
    }
    Found::since(began, calls)
}

#[derive(Debug)]
struct Done;

async fn dones(count: usize) {
    for _ in 0..count {
        receive! { Done => () }
    }
}

async fn call_100(calls: usize) -> Found {
    let (main, counter) = (me(), counter().await);
    let each = calls / CLIENTS;
    let began = Instant::now();
    for _ in 0..CLIENTS {
        spawn(async move {
            for _ in 0..each {
                get(counter).await;
            }
            send(main, Done);
        });
    }
    dones(CLIENTS).await;
    Found::since(began, each * CLIENTS)
}

async fn cast(casts: usize) -> Found {
    let counter = counter().await;
    let began = Instant::now();
    for _ in 0..casts {
        gen_server::cast(counter, Add(1));
    }
    assert_eq!(get(counter).await, casts);
    Found::since(began, casts)
}

async fn cast_8(casts: usize) -> Found {
    let (main, counter) = (me(), counter().await);
    let each = casts / PRODUCERS;
    let began = Instant::now();
    for _ in 0..PRODUCERS {
        spawn(async move {
            for _ in 0..each {
                gen_server::cast(counter, Add(1));
            }
            get(counter).await;
            send(main, Done);
        });
    }
    dones(PRODUCERS).await;
    Found::since(began, each * PRODUCERS)
}

async fn spawn_and_exit(processes: usize) -> Found {
    let (main, count) = (me(), Count::new());
    let began = Instant::now();
    for _ in 0..processes {
        spawn(async move {
            if count.is_last_of(processes) {
                send(main, Done);
            }
        });
    }
    dones(1).await;
    Found::since(began, processes)
}

async fn spawn_and_monitor(processes: usize) -> Found {
    let began = Instant::now();
    for _ in 0..processes {
        let (_, watched) = spawn_monitor(async {});
        receive! { Down { monitor, .. } if monitor == watched => () }
    }
    Found::since(began, processes)
}

#[derive(Debug)]
struct Stop;

async fn until_stopped() {
    receive! { Stop => () }
}

/// Lets the processes that were spawned come to their first wait.
async fn settle() {
    process::sleep(ms(100)).await;
}

async fn downs(processes: usize) -> Found {
    let pids: Vec<Pid> = (0..processes).map(|_| spawn_monitor(until_stopped()).0).collect();
    settle().await;
    let began = Instant::now();
    for pid in pids {
        send(pid, Stop);
    }
    for _ in 0..processes {
        receive! { Down { .. } => () }
    }
    Found::since(began, processes)
}

async fn chain(processes: usize) -> Found {
    #[derive(Debug)]
    struct Grow(usize, Pid);

    fn element() -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async {
            receive! {
                Grow(0, main) => send(main, me()),
                Grow(left, main) => send(spawn_link(element()), Grow(left - 1, main)),
            }
            until_stopped().await
        })
    }
    let (first, _) = spawn_monitor(element());
    send(first, Grow(processes - 1, me()));
    let last = receive! { last: Pid => last };
    let watched = process::monitor(last);
    settle().await;
    let began = Instant::now();
    process::exit(first, "fall");
    receive! { Down { monitor, .. } if monitor == watched => () }
    Found::since(began, processes)
}

async fn star(processes: usize) -> Found {
    let main = me();
    let before = system::process_count();
    let centre = spawn(async move {
        for _ in 1..processes {
            spawn_link(until_stopped());
        }
        send(main, Done);
        until_stopped().await
    });
    dones(1).await;
    settle().await;
    let began = Instant::now();
    process::exit(centre, "fall");
    while system::process_count() > before {
        process::sleep(ms(0)).await;
    }
    Found::since(began, processes)
}

#[derive(Debug)]
struct Junk;

const DEEP: usize = 10_000;

fn fill_mailbox() {
    for _ in 0..DEEP {
        send(me(), Junk);
    }
}

async fn selective(receives: usize) -> Found {
    fill_mailbox();
    let began = Instant::now();
    for _ in 0..receives {
        send(me(), Done);
        dones(1).await;
    }
    Found::since(began, receives)
}

async fn deep_call(calls: usize) -> Found {
    fill_mailbox();
    call(calls).await
}

async fn timer_start(timers: usize) -> Found {
    let began = Instant::now();
    for _ in 0..timers {
        process::send_after(me(), Done, secs(3600));
    }
    Found::since(began, timers)
}

async fn timer_cancel(timers: usize) -> Found {
    let timers: Vec<TimerRef> = (0..timers)
        .map(|_| process::send_after(me(), Done, secs(3600)))
        .collect();
    let began = Instant::now();
    for timer in &timers {
        process::cancel_timer(*timer);
    }
    Found::since(began, timers.len())
}

const DUE: Duration = ms(1000);

async fn timer_fire(timers: usize) -> Found {
    let due = Instant::now() + DUE;
    for _ in 0..timers {
        process::send_after(me(), Done, due.saturating_duration_since(Instant::now()));
    }
    dones(timers).await;
    Found::since(due, timers)
}

async fn restarts(restarts: usize) -> Found {
    #[derive(Debug)]
    struct Started(Pid);

    let main = me();
    let child = ChildSpec::new("child", move || async move {
        Ok(spawn_link(async move {
            send(main, Started(me()));
            until_stopped().await
        }))
    });
    let supervisor = Supervisor::new(Strategy::OneForOne).max_restarts(u32::MAX).child(child);
    supervisor.start_link().await.expect("it starts");
    let mut child = receive! { Started(pid) => pid };
    let began = Instant::now();
    for _ in 0..restarts {
        process::exit(child, ExitReason::Kill);
        child = receive! { Started(pid) => pid };
    }
    Found::since(began, restarts)
}

async fn with_children(children: usize) -> SupervisorRef {
    let supervisor = DynamicSupervisor::new().start_link().await.expect("it starts");
    for _ in 0..children {
        let child = ChildSpec::new("child", || async { Ok(spawn_link(until_stopped())) }).restart(Restart::Temporary);
        dynamic_supervisor::start_child(supervisor, child)
            .await
            .expect("it starts");
    }
    supervisor
}

async fn start_children(children: usize) -> Found {
    let began = Instant::now();
    with_children(children).await;
    Found::since(began, children)
}

async fn stop_children(children: usize) -> Found {
    let supervisor = with_children(children).await;
    settle().await;
    let began = Instant::now();
    dynamic_supervisor::stop(supervisor).await.expect("it stops");
    Found::since(began, children)
}

async fn unique() -> Registry<usize, ()> {
    registry::unique("keys").start_link().await.expect("it starts")
}

async fn register(keys: usize) -> Found {
    let registry = unique().await;
    let began = Instant::now();
    for key in 0..keys {
        registry::register(&registry, key, ()).expect("the key is free");
    }
    Found::since(began, keys)
}

const KEYS: usize = 10_000;

async fn lookup(lookups: usize) -> Found {
    let registry = unique().await;
    register_keys(&registry);
    let began = Instant::now();
    for n in 0..lookups {
        assert_eq!(registry::lookup(&registry, &(n % KEYS)).len(), 1);
    }
    Found::since(began, lookups)
}

fn register_keys(registry: &Registry<usize, ()>) {
    for key in 0..KEYS {
        registry::register(registry, key, ()).expect("the key is free");
    }
}

const SUBSCRIBERS: usize = 10_000;

async fn dispatch(messages: usize) -> Found {
    let (main, count) = (me(), Count::new());
    let registry: Registry<(), ()> = registry::duplicate("topics").start_link().await.expect("it starts");
    let messages = messages / SUBSCRIBERS * SUBSCRIBERS;
    for _ in 0..SUBSCRIBERS {
        let registry = registry.clone();
        spawn(async move {
            registry::register(&registry, (), ()).expect("the registry runs");
            send(main, Done);
            loop {
                receive! { Pong => () }
                if count.is_last_of(messages) {
                    send(main, Done);
                }
            }
        });
    }
    dones(SUBSCRIBERS).await;
    let began = Instant::now();
    for _ in 0..messages / SUBSCRIBERS {
        registry::dispatch(&registry, &(), |subscribers| {
            for (pid, ()) in subscribers {
                send(*pid, Pong);
            }
        });
    }
    dones(1).await;
    Found::since(began, messages)
}

async fn cleanup(processes: usize) -> Found {
    let main = me();
    let registry = unique().await;
    let owner = |key| {
        let registry = registry.clone();
        spawn(async move {
            registry::register(&registry, key, ()).expect("the key is free");
            send(main, Done);
            until_stopped().await
        })
    };
    let owners: Vec<Pid> = (0..processes).map(owner).collect();
    dones(processes).await;
    settle().await;
    let began = Instant::now();
    for owner in owners {
        send(owner, Stop);
    }
    while registry::count(&registry) > 0 {
        process::sleep(ms(1)).await;
    }
    Found::since(began, processes)
}

async fn task_and_await(tasks: usize) -> Found {
    let began = Instant::now();
    for n in 0..tasks {
        task::async_(async move { n }).await.expect("it ends well");
    }
    Found::since(began, tasks)
}

async fn async_stream(items: usize) -> Found {
    let began = Instant::now();
    let results: Vec<_> = task::async_stream(0..items, async |n: usize| n).collect().await;
    assert_eq!(results.len(), items);
    Found::since(began, items)
}

async fn idle_process(processes: usize) -> Found {
    let before = resident();
    for _ in 0..processes {
        spawn(until_stopped());
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
