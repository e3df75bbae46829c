//! Partition supervisors. Promises from Elixir's `partition_supervisor_test.exs`.

use super::check;
use super::supervision::{child, counts, end};
use crabtree::gen_server::{CallFailure, StartError};
use crabtree::prelude::*;
use crabtree::supervisor::ChildError;
use crabtree::{registry, system};
use std::collections::BTreeSet;

fn agents() -> PartitionSupervisor {
    PartitionSupervisor::new(|partition| agent::child_spec("agent", move || partition))
}

async fn get(sup: impl Destination, key: impl std::hash::Hash) -> usize {
    let agent = partition_supervisor::via(sup, key).of::<agent::State<usize>>();
    agent::get(agent, |partition: &usize| *partition).await.unwrap()
}

// describe "start_link/1", test "on success with atom name"
#[test]
fn children_of_many_keys_are_spread_over_dynamic_supervisors() {
    check(async {
        let sup = PartitionSupervisor::new(|_| ChildSpec::supervisor("dynamic", DynamicSupervisor::new))
            .partitions(4)
            .name("spread")
            .start_link()
            .await
            .unwrap();
        let mut started = BTreeSet::new();
        for n in 0..100 {
            let via = partition_supervisor::via("spread", format!("key {n}"));
            let pid = dynamic_supervisor::start_child(via, child("a")).await.unwrap();
            started.insert(pid);
        }
        let mut found = BTreeSet::new();
        for partition in partition_supervisor::which_children(sup).await.unwrap() {
            let children = dynamic_supervisor::which_children(partition.pid.unwrap())
                .await
                .unwrap();
            assert!(!children.is_empty(), "each partition has some of 100 keys");
            found.extend(children.iter().filter_map(|child| child.pid));
        }
        assert_eq!(found, started);
    });
}

// describe "start_link/1", test "on success with atom name": System.schedulers_online()
#[test]
fn there_are_as_many_partitions_as_schedulers() {
    check(async {
        let sup = agents().start_link().await.unwrap();
        assert_eq!(partition_supervisor::partitions(sup), Some(system::schedulers_online()));
    });
}

// describe "start_link/1", test "on success with via name"
#[test]
fn a_partition_supervisor_can_have_a_key_of_a_registry() {
    check(async {
        let names = registry::unique::<&'static str, ()>("PartitionRegistry")
            .start_link()
            .await
            .unwrap();
        let name = || registry::via(&names, "partitions");
        agents().via(name()).start_link().await.unwrap();
        assert_eq!(
            partition_supervisor::partitions(name()),
            Some(system::schedulers_online())
        );
        assert_eq!(get(name(), 0).await, 0);
    });
}

// describe "start_link/1", test "with_arguments"
#[test]
fn integer_keys_go_round_the_partitions_and_each_knows_its_number() {
    check(async {
        let sup = agents().partitions(3).start_link().await.unwrap();
        assert_eq!(partition_supervisor::partitions(sup), Some(3));
        for (key, partition) in [(0, 0), (1, 1), (2, 2), (3, 0), (-1, 1), (1000, 1)] {
            assert_eq!(get(sup, key).await, partition, "key {key}");
        }
        assert_eq!(get(sup, 4_u8).await, 1);
        assert_eq!(get(sup, -5_i128).await, 2);
        assert_eq!(get(sup, usize::MAX).await, usize::MAX % 3);
    });
}

// PartitionSupervisor: "if the routing key is not an integer, a hash of it"
#[test]
fn other_keys_go_where_equal_keys_go() {
    check(async {
        let sup = agents().partitions(4).start_link().await.unwrap();
        let mut seen = BTreeSet::new();
        for n in 0..50 {
            let partition = get(sup, format!("key {n}")).await;
            assert_eq!(get(sup, format!("key {n}").as_str()).await, partition);
            assert_eq!(get(sup, (n, "pair")).await, get(sup, (n, "pair")).await);
            seen.insert(partition);
        }
        assert_eq!(seen.len(), 4);
    });
}

// describe "start_link/1", test "raises on bad partitions"
#[test]
fn there_is_at_least_one_partition() {
    check(async {
        let error = agents().partitions(0).start_link().await.unwrap_err();
        assert!(matches!(error, StartError::Invalid(_)));
        assert!(error.to_string().contains("partitions is 0"), "{error}");
    });
}

// describe "start_link/1", test "on success with atom name", and the child_spec of the module
#[test]
fn a_partition_supervisor_can_be_supervised() {
    check(async {
        let spec = ChildSpec::supervisor("partitions", || agents().partitions(2).name("supervised partitions"));
        let sup = Supervisor::new(Strategy::OneForOne)
            .child(spec)
            .start_link()
            .await
            .unwrap();
        assert_eq!(counts(sup).await, [1, 1, 1, 0]);
        assert_eq!(partition_supervisor::partitions("supervised partitions"), Some(2));
    });
}

// describe "stop/1", test "is synchronous"
#[test]
fn a_stop_waits_for_the_end() {
    check(async {
        agents().name("stopped partitions").start_link().await.unwrap();
        assert_eq!(partition_supervisor::stop("stopped partitions").await, Ok(()));
        assert_eq!(process::whereis("stopped partitions"), None);
    });
}

// describe "stop/1", test "with via tuple"
#[test]
fn one_with_a_key_is_stopped_by_it() {
    check(async {
        let names = registry::unique::<&'static str, ()>("stop_test")
            .start_link()
            .await
            .unwrap();
        let name = || registry::via(&names, "partitions");
        let sup = agents().via(name()).start_link().await.unwrap();
        assert_eq!(partition_supervisor::stop(name()).await, Ok(()));
        assert!(!process::is_alive(sup));
    });
}

// describe "partitions/1", tests "raises noproc for unknown atom …" and "… unknown via partition supervisor"
#[test]
fn one_that_is_not_there_has_no_partitions() {
    check(async {
        let names = registry::unique::<&'static str, ()>("unknown_test")
            .start_link()
            .await
            .unwrap();
        assert_eq!(partition_supervisor::partitions("unknown partitions"), None);
        assert_eq!(partition_supervisor::partitions(registry::via(&names, "unknown")), None);
        let sup = Supervisor::new(Strategy::OneForOne).start_link().await.unwrap();
        assert_eq!(partition_supervisor::partitions(sup), None);
        assert_eq!(partition_supervisor::whereis(sup, 0), None);
    });
}

// describe "resize!/1", test "resizes the number of children"
#[test]
fn the_number_of_partitions_can_be_changed_up_and_down() {
    check(async {
        let sup = agents().partitions(8).start_link().await.unwrap();
        let mut before = 8;
        let sizes = (0..=8).rev().chain(0..=8).chain([3, 7, 0, 5, 1, 8, 2]);
        for size in sizes {
            assert_eq!(partition_supervisor::resize(sup, size).await, Ok(before));
            assert_eq!(partition_supervisor::partitions(sup), Some(size));
            assert_eq!(counts(sup).await, [8, size, 0, 8]);
            let reached: BTreeSet<Pid> = (0..8)
                .filter_map(|key| partition_supervisor::whereis(sup, key))
                .collect();
            assert_eq!(reached.len(), size);
            before = size;
        }
    });
}

// describe "resize!/1", test "raises on lookup after resizing to zero"
#[test]
fn without_partitions_there_is_nobody_to_ask() {
    check(async {
        let sup = agents().partitions(8).name("zero").start_link().await.unwrap();
        assert_eq!(partition_supervisor::resize(sup, 0).await, Ok(8));
        let agent = partition_supervisor::via("zero", 0).of::<agent::State<usize>>();
        let error = agent::get(agent, |n: &usize| *n).await.unwrap_err();
        assert!(
            error.to_string().contains("one of zero partitions of \"zero\""),
            "{error}"
        );
        assert_eq!(partition_supervisor::resize(sup, 8).await, Ok(0));
        assert_eq!(get(sup, 0).await, 0);
    });
}

// describe "resize!/1", test "raises if trying to increase the number of partitions"
#[test]
fn there_are_never_more_partitions_than_at_the_start() {
    check(async {
        let sup = agents().partitions(8).start_link().await.unwrap();
        let error = partition_supervisor::resize(sup, 9).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "the number of partitions can be from 0 to 8, and not 9"
        );
        let plain = Supervisor::new(Strategy::OneForOne).start_link().await.unwrap();
        let error = partition_supervisor::resize(plain, 1).await;
        assert_eq!(error, Err(ChildError::NotPartitioned));
    });
}

// describe "which_children/1", test "returns all partitions"
#[test]
fn the_children_are_the_partitions() {
    check(async {
        let sup = agents().partitions(3).start_link().await.unwrap();
        let children = partition_supervisor::which_children(sup).await.unwrap();
        for (n, child) in children.iter().rev().enumerate() {
            assert_eq!(child.id, n.to_string().as_str());
            assert_eq!(child.pid, partition_supervisor::whereis(sup, n));
        }
    });
}

// describe "count_children/1", tests "with workers" and "with supervisors"
#[test]
fn partitions_are_counted_as_what_they_are() {
    check(async {
        let workers = agents().partitions(3).start_link().await.unwrap();
        assert_eq!(counts(workers).await, [3, 3, 0, 3]);
        let make = |_| ChildSpec::supervisor("dynamic", DynamicSupervisor::new);
        let supervisors = PartitionSupervisor::new(make).partitions(3).start_link().await.unwrap();
        assert_eq!(counts(supervisors).await, [3, 3, 3, 0]);
    });
}

// describe "count_children/1", tests "raises noproc for unknown partition supervisor" and "with via tuple"
#[test]
fn one_is_counted_by_its_key_and_one_that_is_not_there_is_an_error() {
    check(async {
        let names = registry::unique::<&'static str, ()>("count_test")
            .start_link()
            .await
            .unwrap();
        agents()
            .partitions(2)
            .via(registry::via(&names, "here"))
            .start_link()
            .await
            .unwrap();
        assert_eq!(counts(registry::via(&names, "here")).await, [2, 2, 0, 2]);
        let error = partition_supervisor::count_children(registry::via(&names, "elsewhere"))
            .await
            .unwrap_err();
        assert_eq!(error.cause, CallFailure::NoSuchName);
        assert!(error.to_string().contains("elsewhere"), "{error}");
        let error = partition_supervisor::count_children("unknown partitions")
            .await
            .unwrap_err();
        assert_eq!(error.cause, CallFailure::NoSuchName);
    });
}

// PartitionSupervisor: "acts as a regular supervisor" with the strategy one_for_one
#[test]
fn a_partition_that_crashed_is_started_again_for_its_keys() {
    check(async {
        let sup = agents().partitions(3).start_link().await.unwrap();
        let before: Vec<Option<Pid>> = (0..3).map(|key| partition_supervisor::whereis(sup, key)).collect();
        process::exit(before[1].unwrap(), ExitReason::Kill);
        end(process::monitor(before[1].unwrap())).await;
        assert_eq!(counts(sup).await, [3, 3, 0, 3]);
        let after: Vec<Option<Pid>> = (0..3).map(|key| partition_supervisor::whereis(sup, key)).collect();
        assert_eq!((before[0], before[2]), (after[0], after[2]));
        assert!(after[1].is_some() && after[1] != before[1]);
        assert_eq!(get(sup, 1).await, 1);
    });
}

// chapter 5.5 of the book: messages as well as calls
#[test]
fn a_partition_is_a_destination() {
    check(async {
        let sup = PartitionSupervisor::new(|_| child("a"))
            .partitions(2)
            .start_link()
            .await
            .unwrap();
        let first = partition_supervisor::whereis(sup, 0).unwrap();
        let watched = process::monitor(first);
        send(partition_supervisor::via(sup, 0), ExitReason::from("told by key")).unwrap();
        assert_eq!(end(watched).await, ExitReason::from("told by key"));
        assert!(send(partition_supervisor::via("unknown partitions", 0), 1).is_err());
    });
}
