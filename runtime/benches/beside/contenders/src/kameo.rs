//! kameo, with mailboxes without bounds, as the others have.

use crate::{Asked, CLIENTS, Count, Found, PRODUCERS, divided, on_tokio, resident};
use kameo::actor::{Actor, ActorId, ActorRef, Spawn, WeakActorRef};
use kameo::error::{ActorStopReason, Infallible};
use kameo::mailbox;
use kameo::message::{Context, Message};
use kameo::supervision::RestartPolicy;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

pub(crate) fn run(Asked { figure, size, workers }: Asked) -> Found {
    on_tokio(workers, async move {
        match &*figure {
            "ping_pong" => balls(2, size).await,
            "ring" => balls(1000, size).await,
            "call" => call(size).await,
            "call_100" => call_100(size).await,
            "cast" => cast(size).await,
            "cast_8" => cast_8(size).await,
            "spawn" => spawn_and_exit(size).await,
            "chain" => chain(size).await,
            "star" => star(size).await,
            "timer_start" => timer_start(size).await,
            "timer_cancel" => timer_cancel(size).await,
            "timer_fire" => timer_fire(size).await,
            "restarts" => restarts(size).await,
            "register" => register(size).await,
            "lookup" => lookup(size).await,
            "idle_process" | "idle_server" => idle(size).await,
            _ => Found::Nothing,
        }
    })
}

fn start<A: Actor<Args = A>>(actor: A) -> ActorRef<A> {
    A::spawn_with_mailbox(actor, mailbox::unbounded())
}

struct Ball(usize);

/// Sends a ball on, until it was caught so often as its number says.
struct Player {
    next: Option<ActorRef<Player>>,
    done: mpsc::UnboundedSender<()>,
}

impl Actor for Player {
    type Args = Self;
    type Error = Infallible;

    async fn on_start(player: Self, _: ActorRef<Self>) -> Result<Self, Infallible> {
        Ok(player)
    }
}

impl Message<Ball> for Player {
    type Reply = ();

    async fn handle(&mut self, Ball(left): Ball, _: &mut Context<Self, ()>) {
        match (left, &self.next) {
            (1.., Some(next)) => next.tell(Ball(left - 1)).send().await.expect("it lives"),
            _ => self.done.send(()).expect("somebody waits"),
        }
    }
}

struct Next(ActorRef<Player>);

impl Message<Next> for Player {
    type Reply = ();

    async fn handle(&mut self, Next(next): Next, _: &mut Context<Self, ()>) {
        self.next = Some(next);
    }
}

async fn balls(players: usize, hops: usize) -> Found {
    let (done, mut dones) = mpsc::unbounded_channel();
    let player = |next| {
        start(Player {
            next,
            done: done.clone(),
        })
    };
    let last = player(None);
    let mut first = last.clone();
    for _ in 1..players {
        first = player(Some(first));
    }
    last.ask(Next(first.clone())).send().await.expect("it lives");
    let began = Instant::now();
    first.tell(Ball(hops)).send().await.expect("it lives");
    dones.recv().await;
    Found::since(began, hops)
}

#[derive(Clone)]
struct Counter(usize);

impl Actor for Counter {
    type Args = Self;
    type Error = Infallible;

    async fn on_start(counter: Self, _: ActorRef<Self>) -> Result<Self, Infallible> {
        Ok(counter)
    }
}

struct Get;

impl Message<Get> for Counter {
    type Reply = usize;

    async fn handle(&mut self, _: Get, _: &mut Context<Self, usize>) -> usize {
        self.0
    }
}

struct Add(usize);

impl Message<Add> for Counter {
    type Reply = ();

    async fn handle(&mut self, Add(n): Add, _: &mut Context<Self, ()>) {
        self.0 += n;
    }
}

async fn get(counter: &ActorRef<Counter>) -> usize {
    counter
        .ask(Get)
        .reply_timeout(Duration::from_secs(5))
        .send()
        .await
        .expect("it answers")
}

async fn call(calls: usize) -> Found {
    let counter = start(Counter(0));
    let began = Instant::now();
    for _ in 0..calls {
        get(&counter).await;
    }
    Found::since(began, calls)
}

async fn call_100(calls: usize) -> Found {
    let counter = start(Counter(0));
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
    let counter = start(Counter(0));
    let began = Instant::now();
    for _ in 0..casts {
        counter.tell(Add(1)).send().await.expect("it lives");
    }
    assert_eq!(counter.ask(Get).send().await.expect("it answers"), casts);
    Found::since(began, casts)
}

async fn cast_8(casts: usize) -> Found {
    let counter = start(Counter(0));
    divided(casts, PRODUCERS, |casts| {
        let counter = counter.clone();
        async move {
            for _ in 0..casts {
                counter.tell(Add(1)).send().await.expect("it lives");
            }
            counter.ask(Get).send().await.expect("it answers");
        }
    })
    .await
}

/// Counts its end.
struct Mortal {
    count: &'static Count,
    all: usize,
    done: mpsc::UnboundedSender<()>,
}

impl Actor for Mortal {
    type Args = Self;
    type Error = Infallible;

    async fn on_start(mortal: Self, _: ActorRef<Self>) -> Result<Self, Infallible> {
        Ok(mortal)
    }

    async fn on_stop(&mut self, _: WeakActorRef<Self>, _: ActorStopReason) -> Result<(), Infallible> {
        if self.count.is_last_of(self.all) {
            self.done.send(()).expect("somebody waits");
        }
        Ok(())
    }
}

async fn spawn_and_exit(actors: usize) -> Found {
    let count = Count::new();
    let (done, mut dones) = mpsc::unbounded_channel();
    let began = Instant::now();
    for _ in 0..actors {
        // Without a reference it ends.
        drop(start(Mortal {
            count,
            all: actors,
            done: done.clone(),
        }));
    }
    dones.recv().await;
    Found::since(began, actors)
}

async fn settle() {
    tokio::time::sleep(Duration::from_millis(100)).await;
}

async fn chain(actors: usize) -> Found {
    let count = Count::new();
    let (done, mut dones) = mpsc::unbounded_channel();
    let mut all: Vec<ActorRef<Mortal>> = Vec::new();
    for _ in 0..actors {
        let next = start(Mortal {
            count,
            all: actors,
            done: done.clone(),
        });
        if let Some(before) = all.last() {
            before.link(&next).await;
        }
        all.push(next);
    }
    settle().await;
    let began = Instant::now();
    all[0].kill();
    dones.recv().await;
    Found::since(began, actors)
}

async fn star(actors: usize) -> Found {
    let count = Count::new();
    let (done, mut dones) = mpsc::unbounded_channel();
    let mortal = || {
        start(Mortal {
            count,
            all: actors,
            done: done.clone(),
        })
    };
    let centre = mortal();
    let mut all = Vec::new();
    for _ in 1..actors {
        let leaf = mortal();
        centre.link(&leaf).await;
        all.push(leaf);
    }
    settle().await;
    let began = Instant::now();
    centre.kill();
    dones.recv().await;
    Found::since(began, actors)
}

const FAR: Duration = Duration::from_secs(3600);

async fn timer_start(timers: usize) -> Found {
    let counter = start(Counter(0));
    let began = Instant::now();
    for _ in 0..timers {
        counter.tell(Add(1)).send_after(FAR);
    }
    Found::since(began, timers)
}

async fn timer_cancel(timers: usize) -> Found {
    let counter = start(Counter(0));
    let timers: Vec<_> = (0..timers).map(|_| counter.tell(Add(1)).send_after(FAR)).collect();
    settle().await;
    let began = Instant::now();
    for timer in &timers {
        timer.abort();
    }
    Found::since(began, timers.len())
}

async fn timer_fire(timers: usize) -> Found {
    let counter = start(Counter(0));
    let due = Instant::now() + Duration::from_secs(1);
    for _ in 0..timers {
        counter
            .tell(Add(1))
            .send_after(due.saturating_duration_since(Instant::now()));
    }
    tokio::time::sleep_until(due.into()).await;
    while counter.ask(Get).send().await.expect("it answers") < timers {}
    Found::since(due, timers)
}

#[derive(Clone)]
struct Child(mpsc::UnboundedSender<ActorRef<Child>>);

impl Actor for Child {
    type Args = Self;
    type Error = Infallible;

    async fn on_start(child: Self, me: ActorRef<Self>) -> Result<Self, Infallible> {
        child.0.send(me).expect("somebody waits");
        Ok(child)
    }
}

struct Parent;

impl Actor for Parent {
    type Args = Self;
    type Error = Infallible;

    async fn on_start(parent: Self, _: ActorRef<Self>) -> Result<Self, Infallible> {
        Ok(parent)
    }

    async fn on_link_died(
        &mut self,
        _: WeakActorRef<Self>,
        _: ActorId,
        _: ActorStopReason,
    ) -> Result<std::ops::ControlFlow<ActorStopReason>, Infallible> {
        Ok(std::ops::ControlFlow::Continue(()))
    }
}

async fn restarts(restarts: usize) -> Found {
    let (started, mut starts) = mpsc::unbounded_channel();
    let parent = start(Parent);
    let child = Child::supervise(&parent, Child(started));
    let child = child
        .restart_policy(RestartPolicy::Permanent)
        .restart_limit(u32::MAX, Duration::from_secs(1));
    let _child = child.spawn().await;
    let mut child = starts.recv().await.expect("it starts");
    let began = Instant::now();
    for _ in 0..restarts {
        child.kill();
        child = starts.recv().await.expect("it starts");
    }
    Found::since(began, restarts)
}

async fn register(names: usize) -> Found {
    let actors: Vec<_> = (0..names).map(|_| start(Counter(0))).collect();
    let began = Instant::now();
    for (number, actor) in actors.iter().enumerate() {
        actor.register(number.to_string()).expect("the name is free");
    }
    Found::since(began, names)
}

const KEYS: usize = 10_000;

async fn lookup(lookups: usize) -> Found {
    let names: Vec<String> = (0..KEYS).map(|number| number.to_string()).collect();
    let _actors: Vec<_> = (names.iter())
        .map(|name| {
            let actor = start(Counter(0));
            actor.register(name.clone()).expect("the name is free");
            actor
        })
        .collect();
    let began = Instant::now();
    for n in 0..lookups {
        let found = ActorRef::<Counter>::lookup(names[n % KEYS].as_str()).expect("it has this type");
        assert!(found.is_some());
    }
    Found::since(began, lookups)
}

async fn idle(actors: usize) -> Found {
    let before = resident();
    let _actors: Vec<_> = (0..actors).map(|_| start(Counter(0))).collect();
    settle().await;
    Found::Bytes(resident() - before, actors)
}
