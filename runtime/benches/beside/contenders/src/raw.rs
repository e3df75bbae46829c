//! Tasks and channels of tokio, without any of OTP's semantics.

use crate::{Asked, CLIENTS, Count, Found, PRODUCERS, divided, on_tokio, resident};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, JoinSet};

pub(crate) fn run(Asked { figure, size, workers }: Asked) -> Found {
    on_tokio(workers, async move {
        match &*figure {
            "ping_pong" => ping_pong(size).await,
            "ring" => ring(size).await,
            "call" => call(size).await,
            "call_100" => call_100(size).await,
            "cast" => cast(size).await,
            "cast_8" => cast_8(size).await,
            "spawn" => spawn_and_exit(size).await,
            "monitor" => spawn_and_monitor(size).await,
            "downs" => downs(size).await,
            "timer_start" => timer_start(size).await,
            "timer_cancel" => timer_cancel(size).await,
            "timer_fire" => timer_fire(size).await,
            "start_children" => start_children(size).await,
            "stop_children" => stop_children(size).await,
            "task" => task(size).await,
            "idle_process" => idle_process(size).await,
            _ => Found::Nothing,
        }
    })
}

async fn ping_pong(messages: usize) -> Found {
    let (to_pong, mut pings) = mpsc::unbounded_channel();
    let (to_ping, mut pongs) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Some(()) = pings.recv().await {
            to_ping.send(()).expect("ping lives");
        }
    });
    let began = Instant::now();
    for _ in 0..messages / 2 {
        to_pong.send(()).expect("pong lives");
        pongs.recv().await;
    }
    Found::since(began, messages)
}

const RING: usize = 1000;

async fn ring(hops: usize) -> Found {
    let (mut next, mut back) = mpsc::unbounded_channel();
    for _ in 1..RING {
        let (sender, mut receiver) = mpsc::unbounded_channel();
        let to = std::mem::replace(&mut next, sender);
        tokio::spawn(async move {
            while let Some(left) = receiver.recv().await {
                to.send(left - 1).expect("the next one lives");
            }
        });
    }
    let rounds = hops / RING;
    let began = Instant::now();
    for _ in 0..rounds {
        next.send(RING - 1).expect("the next one lives");
        assert_eq!(back.recv().await, Some(0));
    }
    Found::since(began, rounds * RING)
}

enum Request {
    Get(oneshot::Sender<usize>),
    Add(usize),
}

fn counter() -> mpsc::UnboundedSender<Request> {
    let (sender, mut requests) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut count = 0;
        while let Some(request) = requests.recv().await {
            match request {
                Request::Get(reply) => drop(reply.send(count)),
                Request::Add(n) => count += n,
            }
        }
    });
    sender
}

async fn get(counter: &mpsc::UnboundedSender<Request>) -> usize {
    let (reply, answer) = oneshot::channel();
    counter.send(Request::Get(reply)).ok().expect("the counter lives");
    let answer = tokio::time::timeout(Duration::from_secs(5), answer).await;
    answer.expect("it answers in time").expect("it answers")
}

async fn call(calls: usize) -> Found {
    let counter = counter();
    let began = Instant::now();
    for _ in 0..calls {
        get(&counter).await;
    }
    Found::since(began, calls)
}

async fn call_100(calls: usize) -> Found {
    let counter = counter();
    divided(calls, CLIENTS, |calls| {
        let counter = counter.clone();
        async move {
            for _ in 0..calls {
                get(&counter).await;
            }
        }
    })
    .await
}

async fn cast(casts: usize) -> Found {
    let counter = counter();
    let began = Instant::now();
    for _ in 0..casts {
        counter.send(Request::Add(1)).ok().expect("the counter lives");
    }
    assert_eq!(get(&counter).await, casts);
    Found::since(began, casts)
}

async fn cast_8(casts: usize) -> Found {
    let counter = counter();
    divided(casts, PRODUCERS, |casts| {
        let counter = counter.clone();
        async move {
            for _ in 0..casts {
                counter.send(Request::Add(1)).ok().expect("the counter lives");
            }
            get(&counter).await;
        }
    })
    .await
}

async fn spawn_and_exit(tasks: usize) -> Found {
    let count = Count::new();
    let (done, mut dones) = mpsc::unbounded_channel();
    let began = Instant::now();
    for _ in 0..tasks {
        let done = done.clone();
        tokio::spawn(async move {
            if count.is_last_of(tasks) {
                done.send(()).expect("somebody waits");
            }
        });
    }
    dones.recv().await;
    Found::since(began, tasks)
}

async fn spawn_and_monitor(tasks: usize) -> Found {
    let began = Instant::now();
    for _ in 0..tasks {
        tokio::spawn(async {}).await.expect("it ends well");
    }
    Found::since(began, tasks)
}

fn until_stopped() -> (oneshot::Sender<()>, impl Future<Output = ()> + Send + 'static) {
    let (stop, stopped) = oneshot::channel();
    (stop, async move { drop(stopped.await) })
}

async fn settle() {
    tokio::time::sleep(Duration::from_millis(100)).await;
}

async fn downs(tasks: usize) -> Found {
    let mut watched = JoinSet::new();
    let start = |_| {
        let (stop, task) = until_stopped();
        watched.spawn(task);
        stop
    };
    let stops: Vec<_> = (0..tasks).map(start).collect();
    settle().await;
    let began = Instant::now();
    for stop in stops {
        stop.send(()).expect("it waits");
    }
    while watched.join_next().await.is_some() {}
    Found::since(began, tasks)
}

fn timer(at: tokio::time::Instant, to: &mpsc::UnboundedSender<()>) -> JoinHandle<()> {
    let to = to.clone();
    tokio::spawn(async move {
        tokio::time::sleep_until(at).await;
        to.send(()).expect("somebody waits");
    })
}

const FAR: Duration = Duration::from_secs(3600);

async fn timer_start(timers: usize) -> Found {
    let (sender, _messages) = mpsc::unbounded_channel();
    let began = Instant::now();
    for _ in 0..timers {
        timer(tokio::time::Instant::now() + FAR, &sender);
    }
    Found::since(began, timers)
}

async fn timer_cancel(timers: usize) -> Found {
    let (sender, _messages) = mpsc::unbounded_channel();
    let timers: Vec<_> = (0..timers)
        .map(|_| timer(tokio::time::Instant::now() + FAR, &sender))
        .collect();
    settle().await;
    let began = Instant::now();
    for timer in &timers {
        timer.abort();
    }
    Found::since(began, timers.len())
}

async fn timer_fire(timers: usize) -> Found {
    let (sender, mut messages) = mpsc::unbounded_channel();
    let due = tokio::time::Instant::now() + Duration::from_secs(1);
    for _ in 0..timers {
        timer(due, &sender);
    }
    for _ in 0..timers {
        messages.recv().await;
    }
    Found::since(due.into_std(), timers)
}

async fn children(count: usize) -> JoinSet<()> {
    let mut children = JoinSet::new();
    for _ in 0..count {
        children.spawn(std::future::pending());
    }
    children
}

async fn start_children(count: usize) -> Found {
    let began = Instant::now();
    let _children = children(count).await;
    Found::since(began, count)
}

async fn stop_children(count: usize) -> Found {
    let mut children = children(count).await;
    settle().await;
    let began = Instant::now();
    children.shutdown().await;
    Found::since(began, count)
}

async fn task(tasks: usize) -> Found {
    let began = Instant::now();
    for n in 0..tasks {
        tokio::spawn(async move { n }).await.expect("it ends well");
    }
    Found::since(began, tasks)
}

async fn idle_process(tasks: usize) -> Found {
    let before = resident();
    for _ in 0..tasks {
        let (sender, mut messages) = mpsc::unbounded_channel::<()>();
        tokio::spawn(async move {
            messages.recv().await;
            drop(sender);
        });
    }
    settle().await;
    Found::Bytes(resident() - before, tasks)
}
