//! How long pictures of processes take to draw: `cargo bench -p crabtree --bench pictures`.
//!
//! Each is drawn a hundred times; what is printed is the median, and the size. The bar is 5 ms for 500 lines or processes.

use crabtree::prelude::*;
use std::time::{Duration, Instant};

const ROUNDS: usize = 100;

fn main() {
    crabtree::run(async {
        for lines in [50, 500, 10_000] {
            let sequence = sequence(lines).await;
            print(&format!("sequence of {lines} events"), || sequence.to_svg());
        }
        for workers in [50, 500, 10_000] {
            let sup = tree(workers).await;
            let tree = kino::process::sup_tree(sup);
            print(&format!("tree of {workers} workers, folded"), || tree.to_svg());
            if workers <= 500 {
                let tree = tree.clone().unfolded();
                print(&format!("tree of {workers} workers"), || tree.to_svg());
            }
            print(&format!("looking at {workers} workers"), || {
                kino::process::sup_tree(sup).to_svg()
            });
            supervisor::stop(sup).await.expect("it runs");
        }
    });
}

fn print(what: &str, draw: impl Fn() -> String) {
    let mut times: Vec<Duration> = Vec::new();
    let mut bytes = 0;
    for _ in 0..ROUNDS {
        let began = Instant::now();
        bytes = draw().len();
        times.push(began.elapsed());
    }
    times.sort();
    println!("{what}: {:.2?} for {} kB", times[ROUNDS / 2], bytes / 1000);
}

/// Messages to ten processes, no two alike in a row, so that nothing is folded.
async fn sequence(lines: usize) -> kino::process::Sequence {
    let readers: Vec<Pid> = (0..10).map(|_| spawn(process::sleep(secs(60)))).collect();
    let ((), sequence) = kino::process::seq_trace((), async {
        for n in 0..lines {
            send(readers[n * n % 7 + n % 3], ("a message with a number", n));
        }
    })
    .await;
    sequence
}

/// Groups of 24 workers, as in a small system.
async fn tree(workers: usize) -> SupervisorRef {
    let mut top = Supervisor::new(Strategy::OneForOne);
    for group in 0..workers.div_ceil(24) {
        top = top.child(ChildSpec::supervisor(format!("group_{group}"), move || {
            let mut sup = Supervisor::new(Strategy::OneForOne);
            for n in 24 * group..workers.min(24 * group + 24) {
                sup = sup.child(ChildSpec::new(format!("worker_{n}"), || async {
                    Ok(spawn_link(process::sleep(secs(60))))
                }));
            }
            sup
        }));
    }
    top.start_link().await.expect("its children start")
}
