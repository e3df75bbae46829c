//! Tables. Promises from OTP's `ets_SUITE` and from the documentation of `ets`.
//!
//! Names of tables are those of the whole program, so each test that needs one has its own.

use super::{check, end_of, idle};
use crabtree::ets::{self, Bag, EtsFailure, Kind, OrderedSet, Protection, Set, Transfer};
use crabtree::prelude::*;
use std::sync::Arc;

fn numbers(name: &'static str) -> Set<u32, u32> {
    ets::set(name).create().unwrap()
}

/// Runs the body in another process, and gives what it returns.
async fn elsewhere<T: std::fmt::Debug + Send + 'static>(body: impl FnOnce() -> T + Send + 'static) -> T {
    let test = me();
    spawn(async move { send(test, ("done", body())) });
    receive! { ("done", result): (&str, T) => result }
}

fn name_is_free(name: &'static str) -> bool {
    matches!(
        ets::whereis::<Set<u32, u32>>(name).unwrap_err().cause,
        EtsFailure::NoSuchTable { .. }
    )
}

// ets_SUITE:insert (t_init_table, basic), lookup, member, delete_elem, take
#[test]
fn a_set_has_one_value_for_a_key() {
    check(async {
        let table = numbers("one value");
        assert_eq!(table.lookup(&1), Ok(None));
        table.insert(1, 10).unwrap();
        table.insert(1, 11).unwrap();
        table.insert(2, 20).unwrap();
        assert_eq!(table.lookup(&1), Ok(Some(11)));
        assert_eq!(table.lookup_with(&2, |n| n + 1), Ok(Some(21)));
        assert_eq!((table.member(&2), table.member(&3)), (Ok(true), Ok(false)));
        assert_eq!(table.size(), Ok(2));
        assert_eq!((table.take(&2), table.take(&2)), (Ok(Some(20)), Ok(None)));
        table.delete(&1).unwrap();
        table.delete(&1).unwrap();
        assert_eq!(table.tab2list(), Ok(vec![]));
    });
}

// ets_SUITE:t_insert_new
#[test]
fn what_is_new_is_inserted_all_together_or_not_at_all() {
    check(async {
        let table = numbers("new");
        assert_eq!(table.insert_new(1, 1), Ok(true));
        assert_eq!(table.insert_new(1, 2), Ok(false));
        assert_eq!(table.insert_all_new([(2, 2), (1, 3), (3, 3)]), Ok(false));
        assert_eq!(table.tab2list(), Ok(vec![(1, 1)]));
        assert_eq!(table.insert_all_new([(2, 2), (3, 3)]), Ok(true));
        assert_eq!(table.size(), Ok(3));
    });
}

// ets_SUITE:t_insert_list_*: "the entire operation is guaranteed to be atomic and isolated, even when a list is inserted"
#[test]
fn a_list_is_inserted_in_one_step() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap();
    let both = runtime.block_on(async {
        process::Attached::new()
            .drive(async {
                let table: OrderedSet<u32, u32> = ets::ordered_set("list").public().create().unwrap();
                table.insert_all([(0, 0), (1, 0)]).unwrap();
                let (writer, watched) = spawn_monitor({
                    let table = table.clone();
                    async move {
                        for n in 1..2000 {
                            table.insert_all((0..50).map(|key| (key, n))).unwrap();
                        }
                    }
                });
                // The last key is written last. A reader that came between would see the first one ahead of it.
                while process::is_alive(writer) {
                    let last = table.lookup(&49).unwrap().unwrap_or(0);
                    let first = table.lookup(&0).unwrap().unwrap();
                    assert!(last <= first, "{last} {first}");
                }
                receive! { Down { monitor, reason, .. } if monitor == watched => reason }
            })
            .await
    });
    assert_eq!(both, Ok(ExitReason::Normal));
}

// ets_SUITE:ordered, ordered_match; first/last/next/prev: "if no object with key exists, the next key in order is returned"
#[test]
fn an_ordered_set_is_in_order() {
    check(async {
        let table = ets::ordered_set::<i32, char>("order").create().unwrap();
        table.insert_all([(30, 'c'), (10, 'a'), (20, 'b')]).unwrap();
        assert_eq!(table.tab2list(), Ok(vec![(10, 'a'), (20, 'b'), (30, 'c')]));
        assert_eq!((table.first(), table.last()), (Ok(Some(10)), Ok(Some(30))));
        assert_eq!((table.next(&10), table.prev(&10)), (Ok(Some(20)), Ok(None)));
        assert_eq!((table.next(&15), table.prev(&15)), (Ok(Some(20)), Ok(Some(10))));
        assert_eq!((table.next(&30), table.next(&99)), (Ok(None), Ok(None)));
        let concat = |text: String, _: &i32, letter: &char| text + &letter.to_string();
        assert_eq!(table.foldl(String::new(), concat), Ok("abc".into()));
        assert_eq!(table.foldr(String::new(), concat), Ok("cba".into()));
    });
}

// ets: first/next visit every object once; next: badarg "if no object with key exists" in a set
#[test]
fn keys_follow_one_another_and_a_missing_one_is_an_error() {
    check(async {
        let table = numbers("next");
        assert_eq!((table.first(), table.last()), (Ok(None), Ok(None)));
        table.insert_all((0..100).map(|n| (n, n))).unwrap();
        let walk = |from: Option<u32>, step: &dyn Fn(&u32) -> Option<u32>| -> Vec<u32> {
            std::iter::successors(from, |key| step(key)).collect()
        };
        let forth = walk(table.first().unwrap(), &|key| table.next(key).unwrap());
        let mut back = walk(table.last().unwrap(), &|key| table.prev(key).unwrap());
        back.reverse();
        assert_eq!(forth, back);
        let mut sorted = forth;
        sorted.sort_unstable();
        assert_eq!(sorted, (0..100).collect::<Vec<_>>());
        let error = table.next(&100).unwrap_err();
        assert_eq!(
            error.to_string(),
            r#"Set("next").next: the table has no object with the key 100"#
        );
    });
}

// ets_SUITE:t_bag (bag semantics), t_delete_object, "the time order of object insertions is preserved"
#[test]
fn a_bag_has_each_value_of_a_key_once_and_in_order() {
    check(async {
        let table: Bag<u32, &str> = ets::bag("bag").create().unwrap();
        for (key, value) in [(1, "a"), (1, "b"), (1, "a"), (2, "c"), (1, "d")] {
            table.insert(key, value).unwrap();
        }
        assert_eq!(table.lookup(&1), Ok(vec!["a", "b", "d"]));
        assert_eq!(table.size(), Ok(4));
        table.delete_object(&1, &"a").unwrap();
        table.delete_object(&1, &"unknown").unwrap();
        assert_eq!(table.lookup(&1), Ok(vec!["b", "d"]));
        table.insert(1, "a").unwrap();
        assert_eq!(table.take(&1), Ok(vec!["b", "d", "a"]));
        assert_eq!((table.lookup(&1), table.lookup(&2)), (Ok(vec![]), Ok(vec!["c"])));
    });
}

// ets_SUITE:t_duplicate_bag (duplicate_bag semantics), t_delete_object: "all instances"
#[test]
fn a_duplicate_bag_has_each_value_as_often_as_it_was_inserted() {
    check(async {
        let table = ets::duplicate_bag::<u32, &str>("duplicates").create().unwrap();
        for value in ["a", "b", "a"] {
            table.insert(1, value).unwrap();
        }
        table.insert(2, "a").unwrap();
        assert_eq!(table.lookup(&1), Ok(vec!["a", "b", "a"]));
        let keys: Vec<u32> = std::iter::successors(table.first().unwrap(), |key| table.next(key).unwrap()).collect();
        assert_eq!(keys.len(), 2, "a key is met once: {keys:?}");
        table.delete_object(&1, &"a").unwrap();
        assert_eq!(table.lookup(&1), Ok(vec!["b"]));
        assert_eq!(table.lookup(&2), Ok(vec!["a"]));
    });
}

// ets_SUITE:update_counter, update_counter_with_default
#[test]
fn a_counter_counts_and_says_where_it_ends() {
    check(async {
        let table = ets::set::<&str, u8>("counter").create().unwrap();
        let error = table.update_counter(&"a", 1).unwrap_err();
        assert_eq!(error.cause, EtsFailure::NoSuchKey("\"a\"".into()));
        assert_eq!(table.update_counter_or("a", 1, 10), Ok(11));
        assert_eq!(table.update_counter_or("a", 1, 10), Ok(12));
        assert_eq!(table.update_counter(&"a", -12), Ok(0));
        for increment in [-1, 256, i64::MAX, i64::MIN] {
            let error = table.update_counter(&"a", increment).unwrap_err();
            assert_eq!(error.cause, EtsFailure::Overflow);
            assert_eq!(table.lookup(&"a"), Ok(Some(0)));
        }
        assert_eq!(table.update_counter(&"a", 255), Ok(255));
    });
}

// ets: "update_counter … is guaranteed to be atomic and isolated"
#[test]
fn nothing_is_lost_when_many_count() {
    let table = Arc::new(std::sync::OnceLock::new());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap();
    let ended = runtime.block_on(async {
        process::Attached::new()
            .drive(async {
                let counts: Set<u32, u64> = ets::set("counts").public().create().unwrap();
                let workers = (0..4).map(|worker: u64| {
                    let counts = counts.clone();
                    spawn_monitor(async move {
                        for _ in 0..500 {
                            counts.update_counter_or(1, 1, 0).unwrap();
                            counts.insert_new(2, 0).unwrap();
                            counts.update(&2, |n| n + worker).unwrap();
                        }
                    })
                });
                for (_, watched) in workers.collect::<Vec<_>>() {
                    receive! { Down { monitor, .. } if monitor == watched => () }
                }
                table.set((counts.lookup(&1), counts.lookup(&2))).unwrap();
            })
            .await
    });
    assert_eq!(ended, Ok(()));
    assert_eq!(table.get(), Some(&(Ok(Some(2000)), Ok(Some(500 * (1 + 2 + 3))))));
}

// ets_SUITE:t_select_delete, select_replace, select_count (t_select)
#[test]
fn objects_are_selected_by_functions() {
    check(async {
        let table = numbers("select");
        table.insert_all((0..10).map(|n| (n, n * n))).unwrap();
        let mut roots = table.select(|key, value| (*value > 20).then_some(*key)).unwrap();
        roots.sort_unstable();
        assert_eq!(roots, [5, 6, 7, 8, 9]);
        assert_eq!(table.select_count(|_, value| *value > 20), Ok(5));
        assert_eq!(table.select_replace(|_, value| (*value > 20).then_some(0)), Ok(5));
        assert_eq!(table.select_delete(|_, value| *value == 0), Ok(6));
        assert_eq!(table.size(), Ok(4));
        table.delete_all_objects().unwrap();
        assert_eq!(table.size(), Ok(0));
    });
}

// ets_SUITE:fixtable_next, fixtable_insert_bag, safe_fixtable: "all objects are visited exactly once"
#[test]
fn a_traversal_meets_each_object_once_whatever_happens_meanwhile() {
    check(async {
        let hashed = numbers("traversal");
        let ordered = ets::ordered_set::<u32, u32>("traversal").create().unwrap();
        hashed.insert_all((0..1000).map(|n| (n, 0))).unwrap();
        ordered.insert_all((0..1000).map(|n| (n, 0))).unwrap();
        let mut met = Vec::new();
        for (key, _) in hashed.iter().unwrap() {
            met.push(key);
            // The one at hand goes, and one far away; another one comes.
            hashed.delete(&key).unwrap();
            hashed.delete(&((key + 500) % 1000)).unwrap();
            hashed.insert(10_000 + key, 1).unwrap();
        }
        let mut old: Vec<u32> = met.into_iter().filter(|key| *key < 1000).collect();
        let count = old.len();
        old.sort_unstable();
        old.dedup();
        assert_eq!((count, old.len()), (500, 500));
        let mut met = Vec::new();
        for (key, value) in ordered.iter().unwrap() {
            ordered.delete(&key).unwrap();
            // The next one may be gone.
            drop(ordered.update(&(key + 1), |_| 7));
            ordered.delete(&(key + 2)).unwrap();
            met.push((key, value));
        }
        let expected: Vec<u32> = (0..1000).filter(|n| n % 4 < 2).collect();
        assert_eq!(met.iter().map(|(key, _)| *key).collect::<Vec<_>>(), expected);
        assert!(
            met.iter()
                .all(|(key, value)| *value == if key % 4 == 1 { 7 } else { 0 })
        );
    });
}

/// Closures run without the lock, so they may use the table.
#[test]
fn what_goes_through_a_table_may_change_it() {
    check(async {
        let table = numbers("within");
        table.insert_all((0..10).map(|n| (n, n))).unwrap();
        let sum = table.foldl(0, |sum, key, value| {
            table.insert(*key, 0).unwrap();
            sum + value
        });
        assert_eq!(sum, Ok(45));
        let mut stop = table.iter().unwrap();
        stop.next().unwrap();
        table.delete_table().unwrap();
        assert_eq!(stop.next(), None);
    });
}

// ets_SUITE:privacy (privacy_do)
#[test]
fn protection_says_who_may_read_and_write() {
    check(async {
        let owner = me();
        for (protection, may_read, may_write) in [
            (Protection::Public, true, true),
            (Protection::Protected, true, false),
            (Protection::Private, false, false),
        ] {
            let plan = ets::set::<u32, u32>("privacy");
            let table = match protection {
                Protection::Public => plan.public(),
                Protection::Protected => plan,
                Protection::Private => plan.private(),
            };
            let table = table.create().unwrap();
            table.insert(1, 1).unwrap();
            assert_eq!(table.lookup(&1), Ok(Some(1)));
            let other = table.clone();
            let (pid, read, written) = elsewhere(move || (me(), other.lookup(&1), other.insert(2, 2))).await;
            assert_eq!((read.is_ok(), written.is_ok()), (may_read, may_write), "{protection:?}");
            for error in read.err().into_iter().chain(written.err()) {
                let caller = Some(pid);
                let cause = EtsFailure::Access {
                    protection,
                    owner,
                    caller,
                };
                assert_eq!(error.cause, cause);
                assert!(
                    error.to_string().contains(&format!("only its owner {owner}")),
                    "{error}"
                );
            }
            let other = table.clone();
            let deleted = elsewhere(move || other.delete_table()).await;
            assert_eq!(deleted.is_ok(), may_write, "{protection:?}");
            let thread = std::thread::spawn(move || table.lookup(&1));
            assert_eq!(thread.join().unwrap().is_ok(), protection == Protection::Protected);
        }
    });
}

// ets:delete/1; ets_SUITE:t_delete…, bad_table: a table that is gone is an error for all functions
#[test]
fn a_deleted_table_is_gone_for_all() {
    check(async {
        let table = ets::set::<u32, u32>("deleted").named_table().create().unwrap();
        let other = table.clone();
        assert_eq!(ets::whereis::<Set<u32, u32>>("deleted"), Ok(table.clone()));
        table.delete_table().unwrap();
        assert!(name_is_free("deleted"));
        assert_eq!(other.info(), None);
        let causes = [
            other.lookup(&1).unwrap_err().cause,
            other.insert(1, 1).unwrap_err().cause,
            other.insert_new(1, 1).unwrap_err().cause,
            other.update_counter(&1, 1).unwrap_err().cause,
            other.first().unwrap_err().cause,
            other.tab2list().unwrap_err().cause,
            other.delete_all_objects().unwrap_err().cause,
            other.delete_table().unwrap_err().cause,
            other.give_away(idle(), ()).unwrap_err().cause,
        ];
        assert!(causes.iter().all(|cause| *cause == EtsFailure::Gone), "{causes:?}");
    });
}

// ets: "a table is … automatically destroyed when the owner process terminates"; ets_SUITE:exit_large_table_owner
#[test]
fn a_table_is_gone_before_anybody_learns_of_the_end_of_its_owner() {
    for reason in [ExitReason::Normal, ExitReason::Kill, "boom".into()] {
        check(async {
            let test = me();
            let (owner, watched) = spawn_monitor(async move {
                let table = ets::set::<u32, u32>("owned").named_table().create().unwrap();
                table.insert_all((0..10_000).map(|n| (n, n))).unwrap();
                send(test, table);
                receive! { reason: ExitReason => exit(reason) }
            });
            let table: Set<u32, u32> = receive! { table: Set<u32, u32> => table };
            assert_eq!(table.lookup(&9_999), Ok(Some(9_999)));
            match reason {
                ExitReason::Kill => process::exit(owner, ExitReason::Kill),
                other => send(owner, other),
            }
            receive! { Down { monitor, .. } if monitor == watched => () }
            assert_eq!(table.lookup(&1).unwrap_err().cause, EtsFailure::Gone);
            assert!(name_is_free("owned"));
        });
    }
}

// ets_SUITE:named tables ("t_…named"), ets:new badarg for a name in use, ets:whereis
#[test]
fn a_name_is_given_once_and_found_with_the_right_types() {
    check(async {
        let table = ets::set::<u32, u32>("named").named_table().create().unwrap();
        let owner = me();
        let error = ets::bag::<u8, u8>("named").named_table().create().unwrap_err();
        assert_eq!(error.cause, EtsFailure::NameTaken { owner });
        // Without named_table() a name is only shown.
        let other = numbers("named");
        assert_ne!(other, table);
        assert_eq!(ets::whereis::<Set<u32, u32>>("named"), Ok(table));
        let error = ets::whereis::<Set<u32, i32>>("named").unwrap_err();
        assert_eq!(
            error.to_string(),
            r#"ets::whereis("named"): the table is a Set<u32, u32>, and a Set<u32, i32> was asked for"#
        );
        assert!(ets::whereis::<OrderedSet<u32, u32>>("named").is_err());
        let error = ets::whereis::<Set<u32, u32>>("nobody's").unwrap_err();
        assert!(
            matches!(&error.cause, EtsFailure::NoSuchTable { known } if known.contains(&"named".into())),
            "{error}"
        );
    });
}

/// Two types of one name, as a notebook has them when a cell redefines a type.
#[test]
fn types_of_the_same_name_are_not_taken_for_each_other() {
    mod old {
        #[derive(Clone, Debug)]
        pub(super) struct Point(pub(super) u8);
    }
    mod new {
        #[derive(Clone, Debug, PartialEq)]
        pub(super) struct Point(pub(super) String);
    }
    check(async {
        let table = ets::set::<u8, old::Point>("points").named_table().create().unwrap();
        table.insert(1, old::Point(7)).unwrap();
        assert!(ets::whereis::<Set<u8, new::Point>>("points").is_err());
        let found: Set<u8, old::Point> = ets::whereis("points").unwrap();
        assert_eq!(found.lookup_with(&1, |point| point.0), Ok(Some(7)));
        drop(new::Point(String::new()));
    });
}

// ets_SUITE:give_away
#[test]
fn a_table_is_given_away_with_a_message() {
    check(async {
        let test = me();
        let (next, watched) = spawn_monitor(async move {
            receive! {
                Transfer { table, from, data }: Transfer<Set<u32, u32>, &str> => {
                    table.insert(2, 2).unwrap();
                    send(test, (from, data, table.info().unwrap().owner));
                }
            }
            receive! { "end" => () }
        });
        let table = numbers("given");
        table.insert(1, 1).unwrap();
        table.give_away(next, "a gift").unwrap();
        receive! { (from, data, owner): (Pid, &str, Pid) => assert_eq!((from, data, owner), (test, "a gift", next)) }
        assert_eq!(table.lookup(&2), Ok(Some(2)));
        assert!(matches!(table.insert(3, 3).unwrap_err().cause, EtsFailure::Access { owner, .. } if owner == next));
        let error = table.give_away(test, ()).unwrap_err();
        assert_eq!(error.cause, EtsFailure::NotOwner { owner: next });
        send(next, "end");
        receive! { Down { monitor, .. } if monitor == watched => () }
        assert_eq!(table.info(), None);
    });
}

// ets_SUITE:give_away: badarg for dead processes, for the owner, for who is not the owner
#[test]
fn a_table_is_not_given_to_the_dead_or_to_oneself() {
    check(async {
        let table = numbers("kept");
        let dead = idle();
        process::exit(dead, ExitReason::Kill);
        end_of(dead).await;
        assert_eq!(table.give_away(dead, ()).unwrap_err().cause, EtsFailure::NoProc(dead));
        assert_eq!(
            table.give_away(me(), ()).unwrap_err().cause,
            EtsFailure::AlreadyOwner(me())
        );
        table.insert(1, 1).unwrap();
    });
}

// ets_SUITE:heir: "heir gets 'ETS-TRANSFER' when the owner terminates", for each way to end
#[test]
fn an_heir_gets_the_table_when_its_owner_ends() {
    check(async {
        let heir = me();
        let (owner, _) = spawn_monitor(async move {
            let table = ets::set::<u32, u32>("inherited")
                .named_table()
                .heir(heir, "yours")
                .create();
            table.unwrap().insert(1, 1).unwrap();
            process::sleep(secs(3600)).await;
        });
        process::sleep(ms(1)).await;
        process::exit(owner, ExitReason::Kill);
        end_of(owner).await;
        receive! {
            Transfer { table, from, data }: Transfer<Set<u32, u32>, &str> => {
                assert_eq!((from, data), (owner, "yours"));
                let info = table.info().unwrap();
                assert_eq!((info.owner, info.heir), (heir, None));
                table.insert(2, 2).unwrap();
                assert_eq!(ets::whereis("inherited"), Ok(table.clone()));
                table.delete_table().unwrap();
            }
        }
    });
}

// ets_SUITE:heir: no heir, a dead heir, an heir that is the owner: the table goes with its owner
#[test]
fn without_a_living_heir_the_table_goes() {
    check(async {
        let test = me();
        let dead = idle();
        process::exit(dead, ExitReason::Kill);
        end_of(dead).await;
        for case in ["dead", "owner", "taken back"] {
            let (owner, watched) = spawn_monitor(async move {
                let table = numbers("orphan");
                match case {
                    "dead" => table.set_heir(dead, ()).unwrap(),
                    "owner" => table.set_heir(me(), ()).unwrap(),
                    _ => {
                        table.set_heir(test, ()).unwrap();
                        table.unset_heir().unwrap();
                    }
                }
                send(test, table);
            });
            receive! { Down { monitor, pid, .. } if monitor == watched => assert_eq!(pid, owner) }
            receive! { table: Set<u32, u32> => assert_eq!(table.info(), None, "{case}") }
            assert!(process::flush().is_empty(), "{case}");
        }
    });
}

// ets:give_away: "the giver's heir option stays"; and who was given a table leaves it to the heir
#[test]
fn an_heir_stays_when_the_table_is_given_away() {
    check(async {
        let table = numbers("passed on");
        table.set_heir(me(), 7).unwrap();
        let next = idle();
        table.give_away(next, ()).unwrap();
        assert!(matches!(
            table.set_heir(me(), 8).unwrap_err().cause,
            EtsFailure::NotOwner { .. }
        ));
        process::exit(next, ExitReason::Kill);
        end_of(next).await;
        receive! {
            Transfer { table: back, from, data }: Transfer<Set<u32, u32>, i32> => {
                assert_eq!((back, from, data), (table.clone(), next, 7));
            }
        }
        table.insert(1, 1).unwrap();
    });
}

// ets:info/1
#[test]
fn a_table_says_what_it_is() {
    check(async {
        let heir = idle();
        let table = ets::ordered_set::<u32, String>("info")
            .private()
            .heir(heir, ())
            .create()
            .unwrap();
        table.insert(1, "one".into()).unwrap();
        let info = table.info().unwrap();
        assert_eq!((info.name.as_str(), info.named_table, info.size), ("info", false, 1));
        assert_eq!((info.kind, info.protection), (Kind::OrderedSet, Protection::Private));
        assert_eq!((info.owner, info.heir), (me(), Some(heir)));
        assert!(ets::all().contains(&info));
        assert!(format!("{table:?}").starts_with(r#"OrderedSet<u32, String>("info", "#));
    });
}

/// What leaves a table is dropped without its lock: a destructor may look into it.
#[test]
fn a_value_may_use_the_table_when_it_is_dropped() {
    #[derive(Clone, Debug)]
    #[expect(dead_code, reason = "what counts is that it is dropped")]
    struct Looks(Arc<Look>);

    #[derive(Debug)]
    struct Look(Pid, std::sync::OnceLock<Set<u32, Looks>>);

    impl Drop for Look {
        fn drop(&mut self) {
            let size = self.1.get().map(|table| table.size().unwrap_or(99));
            send(self.0, size);
        }
    }

    let look = |table: Option<&Set<u32, Looks>>| {
        let look = Look(me(), std::sync::OnceLock::new());
        if let Some(table) = table {
            look.1.set(table.clone()).unwrap();
        }
        Looks(Arc::new(look))
    };
    check(async {
        let table = ets::set::<u32, Looks>("drops").create().unwrap();
        table.insert(1, look(Some(&table))).unwrap();
        table.insert(1, look(Some(&table))).unwrap();
        receive! { Some(1): Option<usize> => () }
        table.delete(&1).unwrap();
        receive! { Some(0): Option<usize> => () }
        table.insert(1, look(Some(&table))).unwrap();
        table.delete_all_objects().unwrap();
        receive! { Some(0): Option<usize> => () }
        table.insert(1, look(Some(&table))).unwrap();
        table.delete_table().unwrap();
        receive! { Some(99): Option<usize> => () }
        assert!(process::flush().is_empty());
    });
}

/// Numbers without a pattern, the same each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u32 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % sides) as u32
    }
}

// ets_SUITE:random_test, random tables of all kinds against a plain list
#[test]
fn tables_agree_with_lists() {
    check(async {
        let mut dice = Dice(7);
        let set = numbers("random");
        let ordered = ets::ordered_set::<u32, u32>("random").create().unwrap();
        let bag: Bag<u32, u32> = ets::bag("random").create().unwrap();
        let duplicates = ets::duplicate_bag::<u32, u32>("random").create().unwrap();
        let (mut ones, mut once, mut all) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..3000 {
            let object @ (key, value) = (dice.roll(20), dice.roll(5));
            match dice.roll(4) {
                0 => {
                    set.delete(&key).unwrap();
                    ordered.delete(&key).unwrap();
                    let taken = |list: &[(u32, u32)]| -> Vec<u32> {
                        list.iter()
                            .filter(|other| other.0 == key)
                            .map(|other| other.1)
                            .collect()
                    };
                    assert_eq!(bag.take(&key), Ok(taken(&once)));
                    assert_eq!(duplicates.take(&key), Ok(taken(&all)));
                    for list in [&mut ones, &mut once, &mut all] {
                        list.retain(|other: &(u32, u32)| other.0 != key);
                    }
                }
                1 => {
                    bag.delete_object(&key, &value).unwrap();
                    duplicates.delete_object(&key, &value).unwrap();
                    for list in [&mut once, &mut all] {
                        list.retain(|other| *other != object);
                    }
                }
                _ => {
                    set.insert(key, value).unwrap();
                    ordered.insert(key, value).unwrap();
                    bag.insert(key, value).unwrap();
                    duplicates.insert(key, value).unwrap();
                    ones.retain(|other| other.0 != key);
                    ones.push(object);
                    if !once.contains(&object) {
                        once.push(object);
                    }
                    all.push(object);
                }
            }
            let sorted = |mut list: Vec<(u32, u32)>| {
                list.sort_unstable();
                list
            };
            assert_eq!(ordered.tab2list(), Ok(sorted(ones.clone())));
            assert_eq!(set.tab2list().map(sorted), Ok(sorted(ones.clone())));
            assert_eq!(bag.tab2list().map(sorted), Ok(sorted(once.clone())));
            assert_eq!(duplicates.tab2list().map(sorted), Ok(sorted(all.clone())));
            assert_eq!(duplicates.size(), Ok(all.len()));
            let keys = std::iter::successors(bag.first().unwrap(), |key| bag.next(key).unwrap());
            let mut distinct: Vec<u32> = once.iter().map(|object| object.0).collect();
            distinct.sort_unstable();
            distinct.dedup();
            assert_eq!(keys.count(), distinct.len());
        }
    });
}
