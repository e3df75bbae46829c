//! ractor. What another library does with links, it does with supervisors.

use crate::{Asked, CLIENTS, Count, Found, PRODUCERS, divided, on_tokio, resident};
use ractor::rpc::CallResult;
use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort, SupervisionEvent};
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
            "lookup" => lookup(size).await,
            "idle_process" | "idle_server" => idle(size).await,
            _ => Found::Nothing,
        }
    })
}

/// Sends a ball on, until it was caught so often as its number says.
struct Player;

enum Play {
    Ball(usize),
    Next(ActorRef<Play>),
}

type Players = (Option<ActorRef<Play>>, mpsc::UnboundedSender<()>);

impl Actor for Player {
    type Msg = Play;
    type State = Players;
    type Arguments = Players;

    async fn pre_start(&self, _: ActorRef<Play>, players: Players) -> Result<Players, ActorProcessingErr> {
        Ok(players)
    }

    async fn handle(
        &self,
        _: ActorRef<Play>,
        play: Play,
        (next, done): &mut Players,
    ) -> Result<(), ActorProcessingErr> {
        match (play, &next) {
            (Play::Ball(left @ 1..), Some(next)) => next.cast(Play::Ball(left - 1))?,
            (Play::Ball(_), _) => done.send(())?,
            (Play::Next(first), _) => *next = Some(first),
        }
        Ok(())
    }
}

async fn balls(players: usize, hops: usize) -> Found {
    let (done, mut dones) = mpsc::unbounded_channel();
    let (last, _) = Actor::spawn(None, Player, (None, done.clone()))
        .await
        .expect("it starts");
    let mut first = last.clone();
    for _ in 1..players {
        (first, _) = Actor::spawn(None, Player, (Some(first), done.clone()))
            .await
            .expect("it starts");
    }
    last.cast(Play::Next(first.clone())).expect("it lives");
    let began = Instant::now();
    first.cast(Play::Ball(hops)).expect("it lives");
    dones.recv().await;
    Found::since(began, hops)
}

struct Counter;

enum Request {
    Get(RpcReplyPort<usize>),
    Add(usize),
}

impl Actor for Counter {
    type Msg = Request;
    type State = usize;
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<Request>, (): ()) -> Result<usize, ActorProcessingErr> {
        Ok(0)
    }

    async fn handle(
        &self,
        _: ActorRef<Request>,
        request: Request,
        count: &mut usize,
    ) -> Result<(), ActorProcessingErr> {
        match request {
            Request::Get(reply) => reply.send(*count)?,
            Request::Add(n) => *count += n,
        }
        Ok(())
    }
}

async fn counter() -> ActorRef<Request> {
    Actor::spawn(None, Counter, ()).await.expect("it starts").0
}

async fn get(counter: &ActorRef<Request>, timeout: Option<Duration>) -> usize {
    match counter.call(Request::Get, timeout).await {
        Ok(CallResult::Success(count)) => count,
        _ => panic!("the counter does not answer"),
    }
}

const TIMEOUT: Option<Duration> = Some(Duration::from_secs(5));

async fn call(calls: usize) -> Found {
    let counter = counter().await;
    let began = Instant::now();
    for _ in 0..calls {
        get(&counter, TIMEOUT).await;
    }
    Found::since(began, calls)
}

async fn call_100(calls: usize) -> Found {
    let counter = counter().await;
    divided(calls, CLIENTS, |calls| {
        let counter = counter.clone();
        async move {
            for _ in 0..calls {
                get(&counter, TIMEOUT).await;
            }
        }
    })
    .await
}

async fn cast(casts: usize) -> Found {
    let counter = counter().await;
    let began = Instant::now();
    for _ in 0..casts {
        counter.cast(Request::Add(1)).expect("it lives");
    }
    assert_eq!(get(&counter, None).await, casts);
    Found::since(began, casts)
}

async fn cast_8(casts: usize) -> Found {
    let counter = counter().await;
    divided(casts, PRODUCERS, |casts| {
        let counter = counter.clone();
        async move {
            for _ in 0..casts {
                counter.cast(Request::Add(1)).expect("it lives");
            }
            get(&counter, None).await;
        }
    })
    .await
}

/// Counts its end, and ends when one of those that it started does.
struct Mortal {
    count: &'static Count,
    all: usize,
    done: mpsc::UnboundedSender<()>,
}

impl Actor for Mortal {
    type Msg = ();
    type State = ();
    type Arguments = bool;

    async fn pre_start(&self, me: ActorRef<()>, brief: bool) -> Result<(), ActorProcessingErr> {
        if brief {
            me.stop(None);
        }
        Ok(())
    }
}

impl Drop for Mortal {
    fn drop(&mut self) {
        if self.count.is_last_of(self.all) {
            self.done.send(()).expect("somebody waits");
        }
    }
}

async fn spawn_and_exit(actors: usize) -> Found {
    let count = Count::new();
    let (done, mut dones) = mpsc::unbounded_channel();
    let began = Instant::now();
    for _ in 0..actors {
        let mortal = Mortal {
            count,
            all: actors,
            done: done.clone(),
        };
        Actor::spawn(None, mortal, true).await.expect("it starts");
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
    let mortal = || Mortal {
        count,
        all: actors,
        done: done.clone(),
    };
    let (first, _) = Actor::spawn(None, mortal(), false).await.expect("it starts");
    let mut last = first.clone();
    for _ in 1..actors {
        (last, _) = Actor::spawn_linked(None, mortal(), false, last.get_cell())
            .await
            .expect("it starts");
    }
    settle().await;
    let began = Instant::now();
    last.stop(None);
    dones.recv().await;
    Found::since(began, actors)
}

async fn star(actors: usize) -> Found {
    let count = Count::new();
    let (done, mut dones) = mpsc::unbounded_channel();
    let mortal = || Mortal {
        count,
        all: actors,
        done: done.clone(),
    };
    let (centre, _) = Actor::spawn(None, mortal(), false).await.expect("it starts");
    for _ in 1..actors {
        Actor::spawn_linked(None, mortal(), false, centre.get_cell())
            .await
            .expect("it starts");
    }
    settle().await;
    let began = Instant::now();
    centre.stop(None);
    dones.recv().await;
    Found::since(began, actors)
}

const FAR: Duration = Duration::from_secs(3600);

async fn timer_start(timers: usize) -> Found {
    let counter = counter().await;
    let began = Instant::now();
    for _ in 0..timers {
        counter.send_after(FAR, || Request::Add(1));
    }
    Found::since(began, timers)
}

async fn timer_cancel(timers: usize) -> Found {
    let counter = counter().await;
    let timers: Vec<_> = (0..timers)
        .map(|_| counter.send_after(FAR, || Request::Add(1)))
        .collect();
    settle().await;
    let began = Instant::now();
    for timer in &timers {
        timer.abort();
    }
    Found::since(began, timers.len())
}

async fn timer_fire(timers: usize) -> Found {
    let counter = counter().await;
    let due = Instant::now() + Duration::from_secs(1);
    for _ in 0..timers {
        counter.send_after(due.saturating_duration_since(Instant::now()), || Request::Add(1));
    }
    tokio::time::sleep_until(due.into()).await;
    while get(&counter, None).await < timers {}
    Found::since(due, timers)
}

struct Child;

impl Actor for Child {
    type Msg = ();
    type State = ();
    type Arguments = mpsc::UnboundedSender<ActorRef<()>>;

    async fn pre_start(&self, _: ActorRef<()>, _: Self::Arguments) -> Result<(), ActorProcessingErr> {
        Ok(())
    }
}

/// Starts its child again when it ends.
struct Parent;

impl Actor for Parent {
    type Msg = ();
    type State = mpsc::UnboundedSender<ActorRef<()>>;
    type Arguments = mpsc::UnboundedSender<ActorRef<()>>;

    async fn pre_start(&self, me: ActorRef<()>, started: Self::Arguments) -> Result<Self::State, ActorProcessingErr> {
        let (child, _) = Actor::spawn_linked(None, Child, started.clone(), me.get_cell()).await?;
        started.send(child)?;
        Ok(started)
    }

    async fn handle_supervisor_evt(
        &self,
        me: ActorRef<()>,
        event: SupervisionEvent,
        started: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        if let SupervisionEvent::ActorTerminated(..) | SupervisionEvent::ActorFailed(..) = event {
            let (child, _) = Actor::spawn_linked(None, Child, started.clone(), me.get_cell()).await?;
            started.send(child)?;
        }
        Ok(())
    }
}

async fn restarts(restarts: usize) -> Found {
    let (started, mut starts) = mpsc::unbounded_channel();
    let (_parent, _) = Actor::spawn(None, Parent, started).await.expect("it starts");
    let mut child = starts.recv().await.expect("it starts");
    let began = Instant::now();
    for _ in 0..restarts {
        child.kill();
        child = starts.recv().await.expect("it starts");
    }
    Found::since(began, restarts)
}

const KEYS: usize = 10_000;

async fn lookup(lookups: usize) -> Found {
    let names: Vec<String> = (0..KEYS).map(|number| number.to_string()).collect();
    for name in &names {
        Actor::spawn(Some(name.clone()), Counter, ()).await.expect("it starts");
    }
    let began = Instant::now();
    for n in 0..lookups {
        assert!(ractor::registry::where_is(names[n % KEYS].as_str()).is_some());
    }
    Found::since(began, lookups)
}

async fn idle(actors: usize) -> Found {
    let before = resident();
    for _ in 0..actors {
        counter().await;
    }
    settle().await;
    Found::Bytes(resident() - before, actors)
}
