//! actix. An actor stays on the thread where it was started, so all of them are on one: the quickest that it can.

use crate::{Asked, CLIENTS, Count, Found, PRODUCERS, resident};
use actix::prelude::*;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

pub(crate) fn run(Asked { figure, size, .. }: Asked) -> Found {
    System::new().block_on(async move {
        match &*figure {
            "ping_pong" => ping_pong(size).await,
            "ring" => ring(size).await,
            "call" => call(size).await,
            "call_100" => call_100(size).await,
            "cast" => cast(size).await,
            "cast_8" => cast_8(size).await,
            "spawn" => spawn_and_exit(size).await,
            "timer_start" => timer_start(size).await,
            "timer_cancel" => timer_cancel(size).await,
            "timer_fire" => timer_fire(size).await,
            "restarts" => restarts(size).await,
            "idle_process" | "idle_server" => idle(size).await,
            _ => Found::Nothing,
        }
    })
}

#[derive(Message)]
#[rtype(result = "()")]
struct Ball(usize);

/// Sends a ball on, until it was caught so often as its number says.
struct Player {
    next: Option<Recipient<Ball>>,
    done: mpsc::UnboundedSender<()>,
}

impl Actor for Player {
    type Context = Context<Self>;
}

impl Handler<Ball> for Player {
    type Result = ();

    fn handle(&mut self, Ball(left): Ball, _: &mut Context<Self>) {
        match (left, &self.next) {
            (1.., Some(next)) => next.do_send(Ball(left - 1)),
            _ => self.done.send(()).expect("somebody waits"),
        }
    }
}

#[derive(Message)]
#[rtype(result = "()")]
struct Next(Recipient<Ball>);

impl Handler<Next> for Player {
    type Result = ();

    fn handle(&mut self, Next(next): Next, _: &mut Context<Self>) {
        self.next = Some(next);
    }
}

async fn balls(players: usize, hops: usize) -> Found {
    let (done, mut dones) = mpsc::unbounded_channel();
    let player = |next| {
        Player {
            next,
            done: done.clone(),
        }
        .start()
    };
    let last = player(None);
    let mut first = last.clone();
    for _ in 1..players {
        first = player(Some(first.recipient()));
    }
    last.send(Next(first.clone().recipient())).await.expect("it lives");
    let began = Instant::now();
    first.do_send(Ball(hops));
    dones.recv().await;
    Found::since(began, hops)
}

async fn ping_pong(messages: usize) -> Found {
    balls(2, messages).await
}

async fn ring(hops: usize) -> Found {
    balls(1000, hops).await
}

struct Counter(usize);

impl Actor for Counter {
    type Context = Context<Self>;
}

#[derive(Message)]
#[rtype(result = "usize")]
struct Get;

impl Handler<Get> for Counter {
    type Result = usize;

    fn handle(&mut self, _: Get, _: &mut Context<Self>) -> usize {
        self.0
    }
}

#[derive(Message)]
#[rtype(result = "()")]
struct Add(usize);

impl Handler<Add> for Counter {
    type Result = ();

    fn handle(&mut self, Add(n): Add, _: &mut Context<Self>) {
        self.0 += n;
    }
}

async fn get(counter: &Addr<Counter>) -> usize {
    counter
        .send(Get)
        .timeout(Duration::from_secs(5))
        .await
        .expect("it answers")
}

async fn call(calls: usize) -> Found {
    let counter = Counter(0).start();
    let began = Instant::now();
    for _ in 0..calls {
        get(&counter).await;
    }
    Found::since(began, calls)
}

async fn call_100(calls: usize) -> Found {
    let counter = Counter(0).start();
    let each = calls / CLIENTS;
    let client = |_| {
        let counter = counter.clone();
        actix::spawn(async move {
            for _ in 0..each {
                get(&counter).await;
            }
        })
    };
    let began = Instant::now();
    let clients: Vec<_> = (0..CLIENTS).map(client).collect();
    for client in clients {
        client.await.expect("it ends well");
    }
    Found::since(began, each * CLIENTS)
}

async fn cast(casts: usize) -> Found {
    let counter = Counter(0).start();
    let began = Instant::now();
    for _ in 0..casts {
        counter.do_send(Add(1));
    }
    assert_eq!(get(&counter).await, casts);
    Found::since(began, casts)
}

async fn cast_8(casts: usize) -> Found {
    let counter = Counter(0).start();
    let each = casts / PRODUCERS;
    let producer = |_| {
        let counter = counter.clone();
        actix::spawn(async move {
            for _ in 0..each {
                counter.do_send(Add(1));
            }
            get(&counter).await;
        })
    };
    let began = Instant::now();
    let producers: Vec<_> = (0..PRODUCERS).map(producer).collect();
    for producer in producers {
        producer.await.expect("it ends well");
    }
    Found::since(began, each * PRODUCERS)
}

struct Brief {
    count: &'static Count,
    all: usize,
    done: mpsc::UnboundedSender<()>,
}

impl Actor for Brief {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Context<Self>) {
        context.stop();
    }

    fn stopped(&mut self, _: &mut Context<Self>) {
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
        Brief {
            count,
            all: actors,
            done: done.clone(),
        }
        .start();
    }
    dones.recv().await;
    Found::since(began, actors)
}

const FAR: Duration = Duration::from_secs(3600);

#[derive(Message)]
#[rtype(result = "Duration")]
enum Timers {
    Start(usize),
    Cancel(usize),
}

impl Handler<Timers> for Counter {
    type Result = MessageResult<Timers>;

    fn handle(&mut self, timers: Timers, context: &mut Context<Self>) -> MessageResult<Timers> {
        let mut began = Instant::now();
        match timers {
            Timers::Start(count) => {
                for _ in 0..count {
                    context.notify_later(Add(1), FAR);
                }
            }
            Timers::Cancel(count) => {
                let timers: Vec<_> = (0..count).map(|_| context.notify_later(Add(1), FAR)).collect();
                began = Instant::now();
                for timer in timers {
                    context.cancel_future(timer);
                }
            }
        }
        MessageResult(began.elapsed())
    }
}

async fn timer_start(timers: usize) -> Found {
    let time = Counter(0).start().send(Timers::Start(timers)).await;
    Found::Time(time.expect("it answers"), timers)
}

async fn timer_cancel(timers: usize) -> Found {
    let time = Counter(0).start().send(Timers::Cancel(timers)).await;
    Found::Time(time.expect("it answers"), timers)
}

/// Sets as many timers as it starts with, all due at once.
struct Alarms {
    left: usize,
    due: Instant,
    done: mpsc::UnboundedSender<()>,
}

impl Actor for Alarms {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Context<Self>) {
        for _ in 0..self.left {
            context.notify_later(Add(1), self.due.saturating_duration_since(Instant::now()));
        }
    }
}

impl Handler<Add> for Alarms {
    type Result = ();

    fn handle(&mut self, Add(n): Add, _: &mut Context<Self>) {
        self.left -= n;
        if self.left == 0 {
            self.done.send(()).expect("somebody waits");
        }
    }
}

async fn timer_fire(timers: usize) -> Found {
    let (done, mut dones) = mpsc::unbounded_channel();
    let due = Instant::now() + Duration::from_secs(1);
    Alarms {
        left: timers,
        due,
        done,
    }
    .start();
    dones.recv().await;
    Found::since(due, timers)
}

struct Mortal {
    left: usize,
    done: mpsc::UnboundedSender<()>,
}

impl Actor for Mortal {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Context<Self>) {
        match self.left {
            0 => self.done.send(()).expect("somebody waits"),
            _ => context.stop(),
        }
    }
}

impl Supervised for Mortal {
    fn restarting(&mut self, _: &mut Context<Self>) {
        self.left -= 1;
    }
}

async fn restarts(restarts: usize) -> Found {
    let (done, mut dones) = mpsc::unbounded_channel();
    let began = Instant::now();
    let _mortal = Supervisor::start(move |_| Mortal { left: restarts, done });
    dones.recv().await;
    Found::since(began, restarts)
}

async fn idle(actors: usize) -> Found {
    let before = resident();
    let _actors: Vec<_> = (0..actors).map(|_| Counter(0).start()).collect();
    tokio::time::sleep(Duration::from_millis(100)).await;
    Found::Bytes(resident() - before, actors)
}
