//! The node as a whole. Promises from Elixir's `system_test.exs` and from the documentation of `System`.

mod common;

use common::check;
use crabtree::prelude::*;
use std::collections::HashSet;

// system_test "unique_integer/0 and unique_integer/1"
#[test]
fn unique_integers_are_positive_and_grow() {
    assert!(system::unique_integer() > 0);
    assert!(system::unique_integer() < system::unique_integer());
}

// System.unique_integer: "unique on the current runtime system"; ":monotonic … strictly monotonically increasing"
#[test]
fn unique_integers_are_unique_among_threads() {
    let numbers = || -> Vec<u64> { (0..1000).map(|_| system::unique_integer()).collect() };
    let threads: Vec<_> = (0..4).map(|_| std::thread::spawn(numbers)).collect();
    let mut all = HashSet::new();
    for thread in threads {
        let numbers = thread.join().unwrap();
        assert!(numbers.is_sorted_by(|a, b| a < b));
        all.extend(numbers);
    }
    assert_eq!(all.len(), 4000);
}

// system_test "schedulers/0", "schedulers_online/0"
#[test]
fn there_are_as_many_schedulers_as_worker_threads() {
    for workers in [1, 3] {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(workers)
            .build()
            .unwrap();
        runtime.block_on(async {
            assert_eq!(system::schedulers(), workers);
            assert!((1..=workers).contains(&system::schedulers_online()));
        });
    }
    assert!(system::schedulers_online() >= 1);
}

// system_test "monotonic_time/0", "system_time/0", "time_offset/0", "os_time/0"
#[test]
fn the_clocks_go_together() {
    // The node begins before the clock is paused, and not between the two in another test.
    let _ = system::time_offset();
    check(async {
        let (monotonic, system) = (system::monotonic_time(), system::system_time());
        process::sleep(secs(10)).await;
        assert_eq!(system::monotonic_time() - monotonic, secs(10));
        assert_eq!(system::system_time() - system, secs(10));
        assert_eq!(system::system_time() - system::monotonic_time(), system::time_offset());
    });
    let (system, os) = (system::system_time(), system::os_time());
    assert!(system.abs_diff(os) < secs(60), "{system:?} {os:?}");
}

// chapter 5.5: a partition supervisor has as many partitions as there are schedulers online
#[test]
fn what_runs_in_parallel_does_so_on_all_schedulers() {
    check(async {
        let sleeper = |_| ChildSpec::new("sleeper", || async { Ok(spawn_link(process::sleep(secs(3600)))) });
        let sup = partition_supervisor::PartitionSupervisor::new(sleeper).start_link();
        let sup = sup.await.unwrap();
        assert_eq!(partition_supervisor::partitions(sup), Some(system::schedulers_online()));
    });
}

// :erlang.system_info(:process_count), (:process_limit)
#[test]
fn processes_are_counted() {
    check(async {
        let pids: Vec<Pid> = (0..100).map(|_| spawn(process::sleep(secs(3600)))).collect();
        assert!((101..system::process_limit()).contains(&system::process_count()));
        drop(pids);
    });
}
