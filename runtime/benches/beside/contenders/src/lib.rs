//! One program for each figure and contender, for the bench `beside`, which starts them in turn:
//! `contenders <contender> <figure> <size> <workers>`. What it prints is `time <nanoseconds> <operations>`,
//! `bytes <bytes> <processes>`, or `none` where the library has nothing of the kind.
//!
//! What each figure means is said in `figures.rs` of the bench. The clock starts when all is set up.

mod actix;
mod crabtree;
mod hydra;
mod kameo;
mod ractor;
mod raw;

use std::fmt;
use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// What a program is asked for.
pub struct Asked {
    figure: String,
    size: usize,
    workers: usize,
}

/// What it found.
pub enum Found {
    /// So many operations took so long.
    Time(Duration, usize),
    /// So many processes take so many bytes.
    Bytes(usize, usize),
    /// The library has nothing of the kind.
    Nothing,
}

impl Found {
    fn since(began: Instant, operations: usize) -> Found {
        Found::Time(began.elapsed(), operations)
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Found::Time(time, operations) => write!(f, "time {} {operations}", time.as_nanos()),
            Found::Bytes(bytes, processes) => write!(f, "bytes {bytes} {processes}"),
            Found::Nothing => f.write_str("none"),
        }
    }
}

/// Runs the program that the arguments name.
pub fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [contender, figure, size, workers] = &arguments[..] else {
        panic!("usage: contenders <contender> <figure> <size> <workers>, not {arguments:?}");
    };
    let asked = Asked {
        figure: figure.clone(),
        size: size.parse().expect("the size is a number"),
        workers: workers.parse().expect("the number of workers is a number"),
    };
    let run = match &**contender {
        "actix" => actix::run,
        "crabtree" => crabtree::run,
        "hydra" => hydra::run,
        "kameo" => kameo::run,
        "ractor" => ractor::run,
        "raw" => raw::run,
        other => panic!("there is no contender {other:?}"),
    };
    println!("{}", run(asked));
    // What is left running is not waited for.
    std::process::exit(0);
}

/// Runs a program on tokio's threads, so that what it wakes runs where it runs.
fn on_tokio<F>(workers: usize, program: F) -> Found
where
    F: Future<Output = Found> + Send + 'static,
{
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers)
        .enable_all()
        .build()
        .expect("the operating system gives threads");
    runtime.block_on(async { tokio::spawn(program).await.expect("the program does not panic") })
}

/// How many clients call at once.
const CLIENTS: usize = 100;

/// How many processes cast at once.
const PRODUCERS: usize = 8;

/// Has so many of tokio's tasks do what is to be done, an equal part each. `work` does as much as it is told.
async fn divided<F>(operations: usize, tasks: usize, work: impl Fn(usize) -> F) -> Found
where
    F: Future<Output = ()> + Send + 'static,
{
    let each = operations / tasks;
    let mut working = tokio::task::JoinSet::new();
    let began = Instant::now();
    for _ in 0..tasks {
        working.spawn(work(each));
    }
    working.join_all().await;
    Found::since(began, each * tasks)
}

/// The bytes of this process that are in memory.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/statm").expect("Linux says how much memory a process takes");
    let pages: usize = (status.split(' ').nth(1))
        .and_then(|pages| pages.parse().ok())
        .expect("it is a number");
    pages * 4096
}

/// Counts how many of them are done.
#[derive(Debug)]
struct Count(AtomicUsize);

impl Count {
    fn new() -> &'static Count {
        Box::leak(Box::new(Count(AtomicUsize::new(0))))
    }

    /// Counts one more, and says whether that makes `all`.
    fn is_last_of(&self, all: usize) -> bool {
        self.0.fetch_add(1, Ordering::AcqRel) + 1 == all
    }
}
