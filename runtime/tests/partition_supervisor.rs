//! What partition supervisors promise.

mod common;

use common::{check, end_of};
use crabtree::prelude::*;

fn sleepers() -> PartitionSupervisor {
    PartitionSupervisor::new(|_| ChildSpec::new("sleeper", || async { Ok(spawn_link(process::sleep(secs(3600)))) }))
}

#[test]
fn each_partition_is_a_child_with_its_number_as_id() {
    check(async {
        let sup = sleepers().partitions(3).start_link().await.unwrap();
        let children = supervisor::which_children(sup).await.unwrap();
        let ids: Vec<&str> = children.iter().map(|child| child.id.as_str()).collect();
        assert_eq!(ids, ["2", "1", "0"]);
        assert_eq!(partition_supervisor::partitions(sup), Some(3));
    });
}

#[test]
fn a_key_always_belongs_to_the_same_partition_and_keys_spread() {
    check(async {
        let sup = sleepers().partitions(4).start_link().await.unwrap();
        let mut seen = std::collections::BTreeSet::new();
        for key in 0..100 {
            let pid = partition_supervisor::whereis(sup, key).unwrap();
            assert_eq!(partition_supervisor::whereis(sup, key), Some(pid));
            seen.insert(pid);
        }
        assert_eq!(seen.len(), 4);
    });
}

#[test]
fn a_partition_that_crashes_is_replaced_for_its_keys_alone() {
    check(async {
        let sup = sleepers().partitions(2).start_link().await.unwrap();
        let keys: Vec<Pid> = (0..20)
            .map(|key| partition_supervisor::whereis(sup, key).unwrap())
            .collect();
        process::exit(keys[0], ExitReason::Kill);
        end_of(keys[0]).await;
        supervisor::which_children(sup).await.unwrap();
        for (key, before) in keys.iter().enumerate() {
            let now = partition_supervisor::whereis(sup, key as i32).unwrap();
            assert_eq!(now == *before, *before != keys[0], "key {key}");
        }
    });
}

#[test]
fn a_supervisor_that_is_not_there_has_no_partitions() {
    check(async {
        assert_eq!(partition_supervisor::partitions("no-such-supervisor"), None);
        assert_eq!(partition_supervisor::whereis(me(), "key"), None);
    });
}
