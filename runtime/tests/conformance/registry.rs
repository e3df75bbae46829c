//! Registries. Promises from Elixir's `registry_test.exs`, `registry/unique_test.exs` and `registry/duplicate_test.exs`.
//!
//! Patterns and guards of match specifications are closures here: one test for both.

use super::{check, end_of, end_of_process};
use crabtree::agent;
use crabtree::gen_server::StartError;
use crabtree::prelude::*;
use crabtree::registry::{self, Event, Registry, RegistryError, match_};
use std::sync::atomic::{AtomicUsize, Ordering};

type Value = (i32, &'static str, i32);

/// A name that no other test has.
fn fresh(what: &str) -> Name {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    format!("{what} {}", NEXT.fetch_add(1, Ordering::Relaxed)).into()
}

/// Runs the body for registries with 1 and with 8 partitions, as a process each time.
fn for_each<V: registry::Value>(
    plan: fn(Name) -> registry::Plan<&'static str, V>,
    body: impl AsyncFn(Registry<&'static str, V>, usize),
) {
    for partitions in [1, 8] {
        check(async {
            let registry = plan(fresh("registry"))
                .partitions(partitions)
                .start_link()
                .await
                .unwrap();
            body(registry, partitions).await;
        });
    }
}

fn unique<V: registry::Value>(body: impl AsyncFn(Registry<&'static str, V>, usize)) {
    for_each(registry::unique, body);
}

/// For both ways to choose partitions.
fn duplicate<V: registry::Value>(body: impl AsyncFn(Registry<&'static str, V>, usize)) {
    for_each(registry::duplicate, &body);
    for_each(|name| registry::duplicate(name).partition_by_key(), &body);
}

/// A process that registers and then sleeps; its pid and that of its partition.
async fn another<V: registry::Value>(registry: &Registry<&'static str, V>, key: &'static str, value: V) -> (Pid, Pid) {
    let (parent, registry) = (me(), registry.clone());
    let pid = spawn(async move {
        send(parent, registry::register(&registry, key, value));
        process::sleep(secs(1_000_000)).await;
    });
    receive! { registered: Result<Pid, RegistryError> => (pid, registered.unwrap()) }
}

async fn kill(pid: Pid) {
    process::exit(pid, ExitReason::Kill);
    end_of(pid).await;
}

fn sorted<T: Ord>(mut values: Vec<T>) -> Vec<T> {
    values.sort();
    values
}

async fn settle() {
    process::sleep(ms(1)).await;
}

mod both {
    use super::*;

    // test "starts configured number of partitions"
    #[test]
    fn it_has_as_many_partitions_as_were_asked_for() {
        unique::<()>(async |registry, partitions| {
            let children = supervisor::which_children(registry.name()).await.unwrap();
            assert_eq!(children.len(), partitions);
        });
        duplicate::<()>(async |registry, partitions| {
            let children = supervisor::which_children(registry.name()).await.unwrap();
            assert_eq!(children.len(), partitions);
        });
    }

    // "counts 0 keys in an empty registry", "counts the number of keys in a registry"
    #[test]
    fn it_counts_registrations() {
        let body = async |registry: Registry<&'static str, i32>, _| {
            assert_eq!(registry::count(&registry), 0);
            registry::register(&registry, "hello", 1).unwrap();
            registry::register(&registry, "world", 2).unwrap();
            assert_eq!(registry::count(&registry), 2);
        };
        unique(body);
        duplicate(body);
    }

    // "links and unlinks on register/unregister"
    #[test]
    fn who_has_a_key_is_linked_to_its_partition() {
        let body = async |registry: Registry<&'static str, ()>, _| {
            let is_linked = |pid| process::info(me()).unwrap().links.contains(&pid);
            let partition = registry::register(&registry, "hello", ()).unwrap();
            assert!(is_linked(partition));
            assert_eq!(registry::register(&registry, "world", ()), Ok(partition));
            registry::unregister(&registry, &"hello");
            assert!(is_linked(partition));
            registry::unregister(&registry, &"world");
            assert!(!is_linked(partition));
        };
        unique(body);
        duplicate(body);
    }

    // "unregisters with no entries"
    #[test]
    fn unregistering_what_is_not_there_does_nothing() {
        let body = async |registry: Registry<&'static str, ()>, _| {
            registry::unregister(&registry, &"hello");
            assert_eq!(registry::lookup(&registry, &"hello"), []);
        };
        unique(body);
        duplicate(body);
    }

    // "unregisters process by key"
    #[test]
    fn a_key_is_gone_when_it_is_unregistered_and_others_stay() {
        let body = async |registry: Registry<&'static str, ()>, _| {
            registry::register(&registry, "hello", ()).unwrap();
            registry::register(&registry, "world", ()).unwrap();
            assert_eq!(sorted(registry::keys(&registry, me())), ["hello", "world"]);
            registry::unregister(&registry, &"hello");
            assert_eq!(registry::keys(&registry, me()), ["world"]);
            registry::unregister(&registry, &"world");
            assert!(registry::keys(&registry, me()).is_empty());
        };
        unique(body);
        duplicate(body);
    }

    // Not from there: where a process has many keys, they are looked for among those of others instead.
    #[test]
    fn one_of_many_keys_is_gone_when_it_is_unregistered_and_others_stay() {
        const KEYS: [&str; 20] = [
            "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q", "r", "s", "t",
        ];
        let of_own = async |registry: &Registry<&'static str, usize>| {
            for (number, key) in KEYS.iter().enumerate() {
                registry::register(registry, *key, number).unwrap();
            }
            assert_eq!(registry::values(registry, &"h", me()), [7]);
            registry::unregister_match(registry, &"g", |number| *number == 7);
            registry::unregister(registry, &"h");
            assert!(registry::values(registry, &"h", me()).is_empty());
            let left = KEYS.into_iter().filter(|key| *key != "h");
            assert!(sorted(registry::keys(registry, me())).into_iter().eq(left));
        };
        unique(async |registry, _| of_own(&registry).await);
        duplicate(async |registry, _| {
            let (other, _) = another(&registry, "h", 100).await;
            of_own(&registry).await;
            assert_eq!(registry::lookup(&registry, &"h"), [(other, 100)]);
        });
    }

    // "allows listeners"
    #[test]
    fn listeners_are_told_of_keys_that_come_and_go() {
        for plan in [registry::unique::<&str, i32>, registry::duplicate::<&str, i32>] {
            check(async {
                let listener = fresh("listener");
                process::register(me(), &listener).unwrap();
                let registry = plan(fresh("listened")).listener(&listener).start_link().await.unwrap();
                let name = registry.name().clone();
                let (other, _) = another(&registry, "hello", 1).await;
                let expect = async |expected: Event<&'static str, i32>| {
                    receive! { event: Event<&'static str, i32> => assert_eq!(event, expected) }
                };
                expect(Event::Register {
                    registry: name.clone(),
                    key: "hello",
                    pid: other,
                    value: 1,
                })
                .await;
                registry::register(&registry, "world", 2).unwrap();
                expect(Event::Register {
                    registry: name.clone(),
                    key: "world",
                    pid: me(),
                    value: 2,
                })
                .await;
                registry::unregister(&registry, &"world");
                expect(Event::Unregister {
                    registry: name,
                    key: "world",
                    pid: me(),
                })
                .await;
            });
        }
    }

    // "raises on unknown registry name"
    #[test]
    fn a_registry_that_does_not_run_says_so() {
        check(async {
            let (registry, _spec) = registry::unique::<&str, ()>(fresh("asleep")).child_spec();
            let error = registry::register(&registry, "hello", ()).unwrap_err();
            assert_eq!(error, RegistryError::NotRunning(registry.name().clone()));
            assert!(error.to_string().contains("unknown registry"), "{error}");
        });
    }

    // "clean up registry on process crash"
    #[test]
    fn keys_go_with_their_processes() {
        let body = async |registry: Registry<&'static str, ()>, _| {
            let (first, _) = another(&registry, "hello", ()).await;
            let (second, _) = another(&registry, "world", ()).await;
            kill(first).await;
            kill(second).await;
            settle().await;
            assert_eq!(registry::count(&registry), 0);
            assert!(registry::keys(&registry, first).is_empty());
        };
        unique(body);
        duplicate(body);
    }

    // "empty list for empty registry", "select all"
    #[test]
    fn select_sees_every_registration() {
        let body = async |registry: Registry<&'static str, i32>, _| {
            let all = || sorted(registry::select(&registry, |key, pid, value| Some((*key, pid, *value))));
            assert_eq!(all(), []);
            registry::register(&registry, "hello", 1).unwrap();
            registry::register(&registry, "world", 2).unwrap();
            assert_eq!(all(), [("hello", me(), 1), ("world", me(), 2)]);
        };
        unique(body);
        duplicate(body);
    }

    // "select supports full match specs", "… guard conditions", "… allows multiple specs"; "count_select …" likewise
    #[test]
    fn select_chooses_by_key_pid_and_value_and_makes_what_is_wanted() {
        let body = async |registry: Registry<&'static str, Value>, _| {
            registry::register(&registry, "hello", (1, "atom", 1)).unwrap();
            registry::register(&registry, "world", (3, "atom", 2)).unwrap();
            let by_key = registry::select(&registry, |key, _, value| (*key == "hello").then_some(value.0));
            assert_eq!(by_key, [1]);
            let by_guard = registry::select(&registry, |key, _, value| (value.2 > 1).then_some(*key));
            assert_eq!(by_guard, ["world"]);
            let either = |key: &&str, _: Pid, value: &Value| *key == "hello" || value.2 == 2;
            assert_eq!(registry::count_select(&registry, either), 2);
            let me = me();
            assert_eq!(registry::count_select(&registry, |_, pid, _| pid == me), 2);
            assert_eq!(registry::count_select(&registry, |_, _, value| value.1 != "atom"), 0);
        };
        unique(body);
        duplicate(body);
    }

    // "supports reserved keys", "uses exact complex keys in lookup and match"
    #[test]
    fn keys_are_compared_as_their_type_says() {
        check(async {
            let registry = registry::duplicate(fresh("exact")).start_link().await.unwrap();
            registry::register(&registry, ("_", "topic"), 1).unwrap();
            registry::register(&registry, ("other", "topic"), 2).unwrap();
            assert_eq!(registry::lookup(&registry, &("_", "topic")), [(me(), 1)]);
            assert_eq!(registry::count_match(&registry, &("_", "topic"), |_| true), 1);
        });
    }

    // Registry.put_meta, Registry.meta, and the option :meta
    #[test]
    fn metadata_is_kept_with_its_type() {
        check(async {
            let plan = registry::unique::<&str, ()>(fresh("meta")).meta("colour", "red");
            let registry = plan.start_link().await.unwrap();
            assert_eq!(registry::meta::<&str, _, _>(&registry, "colour"), Some("red"));
            assert_eq!(registry::meta::<i32, _, _>(&registry, "colour"), None);
            registry::put_meta(&registry, "colour", 7);
            assert_eq!(registry::meta::<i32, _, _>(&registry, "colour"), Some(7));
            assert_eq!(registry::meta::<i32, _, _>(&registry, "size"), None);
        });
    }

    // Registry.register: "linked to the caller: if the registry terminates, so do those who registered"
    #[test]
    fn a_restarted_registry_is_empty_and_those_who_had_keys_are_gone() {
        check(async {
            let (registry, spec) = registry::duplicate::<&str, ()>(fresh("restarted"))
                .partitions(2)
                .child_spec();
            let sup = Supervisor::new(Strategy::OneForOne)
                .child(spec)
                .start_link()
                .await
                .unwrap();
            let (owner, partition) = another(&registry, "hello", ()).await;
            kill(partition).await;
            end_of(owner).await;
            supervisor::which_children(registry.name()).await.unwrap();
            settle().await;
            assert_eq!(registry::count(&registry), 0);
            registry::register(&registry, "hello", ()).unwrap();
            registry::unregister(&registry, &"hello");
            supervisor::stop(&sup).await.unwrap();
        });
    }

    // doctest of Registry.delete_meta
    #[test]
    fn metadata_can_be_forgotten() {
        check(async {
            let plan = registry::unique::<&str, ()>(fresh("forgotten")).meta("colour", "red");
            let registry = plan.start_link().await.unwrap();
            registry::delete_meta(&registry, "colour");
            registry::delete_meta(&registry, "size");
            assert_eq!(registry::meta::<&str, _, _>(&registry, "colour"), None);
        });
    }

    // doctests of Registry.lookup, Registry.keys and Registry.values: from another process
    #[test]
    fn registrations_are_seen_by_all_processes() {
        let body = async |registry: Registry<&'static str, i32>, _| {
            registry::register(&registry, "hello", 1).unwrap();
            let parent = me();
            let task = task::async_(async move {
                assert_eq!(registry::lookup(&registry, &"hello"), [(parent, 1)]);
                assert_eq!(registry::keys(&registry, parent), ["hello"]);
                assert_eq!(registry::values(&registry, &"hello", parent), [1]);
                assert_eq!(registry::values(&registry, &"hello", me()), Vec::<i32>::new());
            });
            task.await.unwrap();
        };
        unique(body);
        duplicate(body);
    }

    // Registry: registries are addressed by their names
    #[test]
    fn a_registry_is_found_by_its_name_while_it_runs() {
        let body = async |registry: Registry<&'static str, i32>, _| {
            let name = registry.name();
            registry::register(&registry::named(name).unwrap(), "hello", 7).unwrap();
            assert_eq!(registry::lookup(&registry, &"hello"), [(me(), 7)]);
            registry::unregister(&registry, &"hello");
            let supervisor = process::whereis(name).unwrap();
            process::unlink(supervisor);
            supervisor::stop(supervisor).await.unwrap();
            let gone = registry::named::<&str, i32>(name).unwrap_err();
            assert_eq!(gone, RegistryError::NotRunning(name.clone()));
        };
        unique(body);
        duplicate(body);
    }

    #[test]
    fn a_registry_that_a_supervisor_restarted_is_found_again() {
        check(async {
            let (registry, spec) = registry::unique::<&str, ()>(fresh("found again")).child_spec();
            let sup = Supervisor::new(Strategy::OneForOne).child(spec);
            let sup = sup.start_link().await.unwrap();
            kill(process::whereis(registry.name()).unwrap()).await;
            supervisor::which_children(sup).await.unwrap();
            let found = registry::named::<&str, ()>(registry.name()).unwrap();
            registry::register(&found, "hello", ()).unwrap();
            assert_eq!(registry::count(&registry), 1);
            registry::unregister(&registry, &"hello");
            supervisor::stop(sup).await.unwrap();
        });
    }

    // "raises on unknown registry name"
    #[test]
    fn a_name_without_a_registry_or_with_another_one_is_refused() {
        check(async {
            let error = registry::named::<&str, ()>("no such registry").unwrap_err();
            assert!(error.to_string().starts_with("unknown registry"), "{error}");
            let name = fresh("no registry");
            process::register(me(), &name).unwrap();
            assert_eq!(
                registry::named::<&str, ()>(&name).unwrap_err(),
                RegistryError::NotRunning(name)
            );
            let phones = registry::unique::<&str, u32>(fresh("phones"))
                .start_link()
                .await
                .unwrap();
            let error = registry::named::<String, u32>(phones.name()).unwrap_err();
            assert!(error.to_string().contains("is a Registry<&str, u32>"), "{error}");
        });
    }

    // Registry.start_link: {:error, {:already_started, pid}}
    #[test]
    fn two_registries_cannot_have_one_name() {
        check(async {
            let registry = registry::unique::<&str, i32>(fresh("taken"))
                .start_link()
                .await
                .unwrap();
            registry::register(&registry, "hello", 1).unwrap();
            let second = registry::duplicate::<&str, i32>(registry.name()).start_link().await;
            match second.unwrap_err() {
                StartError::AlreadyStarted { pid, .. } => assert_eq!(process::whereis(registry.name()), Some(pid)),
                other => panic!("{other}"),
            }
            assert_eq!(
                registry::lookup(&registry::named(registry.name()).unwrap(), &"hello"),
                [(me(), 1)]
            );
        });
    }

    // Registry.start_link: "expected :partitions to be a positive integer"
    #[test]
    #[should_panic(expected = "at least 1 partition")]
    fn a_registry_without_partitions_is_refused() {
        let _ = registry::unique::<&str, ()>("none").partitions(0);
    }

    #[test]
    fn many_owners_of_one_key_are_cleaned_up_in_linear_time() {
        check(async {
            let registry = registry::duplicate::<&str, ()>(fresh("crowd"))
                .start_link()
                .await
                .unwrap();
            let owners: Vec<Pid> = (0..20_000)
                .map(|_| {
                    let registry = registry.clone();
                    spawn(async move {
                        registry::register(&registry, "crowd", ()).unwrap();
                        process::sleep(secs(1_000_000)).await;
                    })
                })
                .collect();
            settle().await;
            assert_eq!(registry::count(&registry), 20_000);
            owners.into_iter().for_each(|pid| process::exit(pid, ExitReason::Kill));
            settle().await;
            assert_eq!(registry::count(&registry), 0);
        });
    }
}

/// `Registry.LockTest` in `registry_test.exs`.
mod lock {
    use super::*;
    use crabtree::task::Task;

    /// A task that locks the key, says so, and holds it until it is told to go on.
    fn holder(registry: &Registry<&'static str, ()>, key: &'static str) -> Task<&'static str> {
        let (parent, registry) = (me(), registry.clone());
        task::async_(async move {
            let work = async {
                send(parent, ("locked", key));
                receive! {
                    "unlock" => "done",
                    "crash" => exit("oops"),
                }
            };
            registry::lock(&registry, key, work).await
        })
    }

    async fn expect_locked(key: &'static str) {
        receive! { ("locked", of): (&str, &str) if of == key => () }
    }

    fn pid(task: Task<&'static str>) -> Pid {
        task.pid().expect("the task has a process")
    }

    fn for_all(body: impl AsyncFn(Registry<&'static str, ()>, usize)) {
        unique(&body);
        duplicate(&body);
    }

    // "does not lock when using different keys"
    #[test]
    fn different_keys_have_nothing_to_do_with_each_other() {
        for_all(async |registry, _| {
            let tasks = ["one", "two"].map(|key| holder(&registry, key));
            expect_locked("one").await;
            expect_locked("two").await;
            tasks.iter().for_each(|task| send(pid(*task), "unlock"));
            assert_eq!(task::await_many(tasks).await.unwrap(), ["done", "done"]);
            assert_eq!(registry::lock(&registry, "one", async { 1 }).await, 1);
        });
    }

    // "locks when using the same key"
    #[test]
    fn one_at_a_time_holds_a_key_in_the_order_of_their_coming() {
        for_all(async |registry, _| {
            let first = holder(&registry, "key");
            expect_locked("key").await;
            let later = ["second", "third"].map(|name| {
                let (parent, registry) = (me(), registry.clone());
                task::async_(async move { registry::lock(&registry, "key", async { send(parent, name) }).await })
            });
            settle().await;
            assert_eq!(process::flush().len(), 0);
            send(pid(first), "unlock");
            assert_eq!(first.await.unwrap(), "done");
            task::await_many(later).await.unwrap();
            assert_eq!(format!("{:?}", process::flush()), r#"["second", "third"]"#);
        });
    }

    // "locks when the one holding the lock raises", "locks when the one holding the lock terminates"
    #[test]
    fn the_key_of_a_holder_that_ends_is_free() {
        for_all(async |registry, _| {
            for crash in [true, false] {
                let first = holder(&registry, "key");
                process::unlink(pid(first));
                expect_locked("key").await;
                let second = holder(&registry, "key");
                settle().await;
                match crash {
                    true => send(pid(first), "crash"),
                    false => process::exit(pid(first), ExitReason::Kill),
                }
                assert!(first.await.is_err());
                expect_locked("key").await;
                send(pid(second), "unlock");
                assert_eq!(second.await.unwrap(), "done");
            }
        });
    }

    // "locks when the one waiting for the lock terminates"
    #[test]
    fn who_waits_and_ends_is_passed_over() {
        for_all(async |registry, _| {
            let first = holder(&registry, "key");
            expect_locked("key").await;
            let second = holder(&registry, "key");
            settle().await;
            assert_eq!(task::shutdown(second).brutal_kill().await, None);
            send(pid(first), "unlock");
            assert_eq!(first.await.unwrap(), "done");
            assert_eq!(registry::lock(&registry, "key", async { "done" }).await, "done");
            assert_eq!(process::flush().len(), 0);
        });
    }

    // Registry.lock: "its own namespace … does not clash or overlap with the regular registry keys"
    #[test]
    fn a_lock_is_no_registration() {
        for_all(async |registry, _| {
            registry::register(&registry, "key", ()).unwrap();
            registry::lock(&registry, "key", async {
                assert_eq!(registry::keys(&registry, me()), ["key"]);
                registry::unregister(&registry, &"key");
            })
            .await;
            assert_eq!(registry::count(&registry), 0);
        });
    }
}

mod unique {
    use super::*;

    // "has unique registrations"
    #[test]
    fn a_key_belongs_to_one_process() {
        unique(async |registry, _| {
            registry::register(&registry, "hello", 1).unwrap();
            assert_eq!(registry::keys(&registry, me()), ["hello"]);
            let error = registry::register(&registry, "hello", 2).unwrap_err();
            assert_eq!(
                error,
                RegistryError::AlreadyRegistered {
                    key: "\"hello\"".into(),
                    pid: me()
                }
            );
            assert_eq!(registry::keys(&registry, me()), ["hello"]);
            registry::register(&registry, "world", 1).unwrap();
            assert_eq!(sorted(registry::keys(&registry, me())), ["hello", "world"]);
        });
    }

    // "has unique registrations across processes"
    #[test]
    fn a_key_of_another_process_is_refused_and_leaves_no_link() {
        unique(async |registry, _| {
            let (other, _) = another(&registry, "hello", 1).await;
            let links = process::info(me()).unwrap().links;
            let error = registry::register(&registry, "hello", 2).unwrap_err();
            assert_eq!(
                error,
                RegistryError::AlreadyRegistered {
                    key: "\"hello\"".into(),
                    pid: other
                }
            );
            assert!(registry::keys(&registry, me()).is_empty());
            assert_eq!(process::info(me()).unwrap().links, links);
            assert_eq!(registry::lookup(&registry, &"hello"), [(other, 1)]);
        });
    }

    // "has unique registrations even if partition is delayed"
    #[test]
    fn the_key_of_a_dead_process_can_be_taken_before_it_was_cleaned_up() {
        unique(async |registry, _| {
            let (other, partition) = another(&registry, "hello", 1).await;
            sys::suspend(partition).await.unwrap();
            kill(other).await;
            assert_eq!(registry::lookup(&registry, &"hello"), []);
            registry::register(&registry, "hello", 2).unwrap();
            assert_eq!(registry::lookup(&registry, &"hello"), [(me(), 2)]);
            sys::resume(partition).await.unwrap();
            settle().await;
            assert_eq!(registry::lookup(&registry, &"hello"), [(me(), 2)]);
        });
    }

    // "doesn't grow ets on already_registered", "… across processes"
    #[test]
    fn a_refused_registration_leaves_nothing() {
        unique(async |registry, _| {
            registry::register(&registry, "hello", 1).unwrap();
            for _ in 0..10 {
                registry::register(&registry, "hello", 2).unwrap_err();
            }
            assert_eq!(registry::count(&registry), 1);
            assert_eq!(registry::values(&registry, &"hello", me()), [1]);
        });
    }

    // "supports match patterns", "supports guard conditions", "count_match supports …"
    #[test]
    fn match_chooses_by_value() {
        unique(async |registry, _| {
            let value = (1, "atom", 2);
            registry::register(&registry, "hello", value).unwrap();
            let found = [(me(), value)];
            assert_eq!(match_(&registry, &"hello", |value| matches!(value, (1, _, _))), found);
            assert_eq!(
                match_(&registry, &"hello", |value| matches!(value, (_, "atom", _))),
                found
            );
            assert_eq!(match_(&registry, &"hello", |(_, _, n)| *n > 1), found);
            assert_eq!(match_(&registry, &"hello", |(_, _, n)| *n > 2), []);
            assert_eq!(match_(&registry, &"_", |_: &Value| true), []);
            assert_eq!(registry::count_match(&registry, &"hello", |(a, _, b)| a < b), 1);
            assert_eq!(registry::count_match(&registry, &"hello", |(a, _, b)| a == b), 0);
        });
    }

    // "unregister_match supports patterns", "unregister_match supports guards", "… tricky keys"
    #[test]
    fn unregister_match_spares_other_values_and_keys() {
        unique(async |registry, _| {
            let value = (1, "atom", 1);
            registry::register(&registry, "hello", value).unwrap();
            registry::register(&registry, "_", value).unwrap();
            registry::unregister_match(&registry, &"hello", |(n, _, _)| *n == 2);
            assert_eq!(registry::lookup(&registry, &"hello"), [(me(), value)]);
            registry::unregister_match(&registry, &"hello", |(n, _, _)| *n < 2);
            assert_eq!(registry::lookup(&registry, &"hello"), []);
            assert_eq!(registry::keys(&registry, me()), ["_"]);
        });
    }

    // "updates current process value"
    #[test]
    fn only_the_owner_updates_a_value() {
        unique(async |registry, _| {
            let refused = Err(RegistryError::NotRegistered {
                key: "\"hello\"".into(),
            });
            assert_eq!(registry::update_value(&registry, &"hello", |_| unreachable!()), refused);
            another(&registry, "hello", 1).await;
            assert_eq!(registry::update_value(&registry, &"hello", |_| unreachable!()), refused);
            registry::register(&registry, "world", 1).unwrap();
            assert_eq!(registry::update_value(&registry, &"world", |n| n + 1), Ok((2, 1)));
            assert_eq!(registry::lookup(&registry, &"world"), [(me(), 2)]);
        });
    }

    // "dispatches to a single key"
    #[test]
    fn dispatch_reaches_the_process_under_a_key_and_nobody_under_none() {
        unique(async |registry, _| {
            registry::dispatch(&registry, &"hello", |_| unreachable!("nobody is there"));
            registry::register(&registry, "hello", 7).unwrap();
            registry::dispatch(&registry, &"hello", |entries| {
                for (pid, value) in entries {
                    send(*pid, ("dispatch", *value));
                }
            });
            receive! { ("dispatch", value): (&str, i32) => assert_eq!(value, 7) }
        });
    }

    // "via callbacks"
    #[test]
    fn a_server_is_addressed_by_a_key() {
        unique::<()>(async |registry, _| {
            let via = || registry::via(&registry, "hello");
            let agent = agent::start_link(|| 0).via(via()).await.unwrap();
            let address = registry::via(&registry, "hello").of::<agent::State<i32>>();
            agent::update(&address, |n| *n += 1).await.unwrap();
            assert_eq!(agent::get(&address, |n| *n).await, Ok(1));
            match agent::start(|| 0).via(via()).await.unwrap_err() {
                StartError::AlreadyStarted { pid, .. } => assert_eq!(pid, agent.pid()),
                other => panic!("{other}"),
            }
            let other = agent::start(|| 0).await.unwrap();
            assert!(via().register(other).is_err());
            assert_eq!(process::info(other.pid()).unwrap().links, []);
            agent::stop(agent).await.unwrap();
            let error = agent::get(&address, |n| *n).await.unwrap_err();
            assert!(error.request.contains("via("), "{error}");
        });
    }

    // "via callbacks": unregister_name
    #[test]
    fn the_key_of_a_server_that_does_not_start_is_free_when_its_starter_learns_of_it() {
        unique::<()>(async |registry, _| {
            let via = || registry::via(&registry, "hello");
            let error = agent::start(|| -> i32 { panic!("oops") }).via(via()).await.unwrap_err();
            assert!(error.to_string().contains("oops"), "{error}");
            let agent = agent::start(|| 0).via(via()).await.unwrap();
            assert_eq!(registry::lookup(&registry, &"hello"), [(agent.pid(), ())]);
        });
    }

    // "uses value provided in via"
    #[test]
    fn a_via_carries_a_value() {
        unique(async |registry, _| {
            let agent = agent::start_link(|| 0).await.unwrap();
            registry::via_value(&registry, "hello", 7).register(agent).unwrap();
            assert_eq!(registry::lookup(&registry, &"hello"), [(agent.pid(), 7)]);
        });
    }

    #[test]
    fn a_dead_process_cannot_be_registered_and_leaves_nothing() {
        unique::<()>(async |registry, _| {
            let dead = spawn(async {});
            end_of(dead).await;
            let error = registry::via(&registry, "hello").register(dead).unwrap_err();
            assert_eq!(error, RegistryError::NoProc(dead));
            assert_eq!(registry::count(&registry), 0);
        });
    }
}

mod duplicate {
    use super::*;

    // "has duplicate registrations"
    #[test]
    fn a_process_can_have_a_key_several_times() {
        duplicate(async |registry, _| {
            registry::register(&registry, "hello", 1).unwrap();
            registry::register(&registry, "hello", 1).unwrap();
            registry::register(&registry, "world", 1).unwrap();
            assert_eq!(sorted(registry::keys(&registry, me())), ["hello", "hello", "world"]);
            assert_eq!(registry::values(&registry, &"hello", me()), [1, 1]);
        });
    }

    // "has duplicate registrations across processes"
    #[test]
    fn a_key_belongs_to_many_processes() {
        duplicate(async |registry, _| {
            let (other, _) = another(&registry, "hello", 1).await;
            assert!(registry::keys(&registry, me()).is_empty());
            registry::register(&registry, "hello", 2).unwrap();
            let found = sorted(registry::lookup(&registry, &"hello"));
            assert_eq!(found, sorted(vec![(me(), 2), (other, 1)]));
        });
    }

    // "unregisters by key"
    #[test]
    fn unregistering_a_key_takes_all_its_registrations() {
        duplicate(async |registry, _| {
            for key in ["hello", "hello", "world"] {
                registry::register(&registry, key, ()).unwrap();
            }
            registry::unregister(&registry, &"hello");
            assert_eq!(registry::keys(&registry, me()), ["world"]);
            assert_eq!(registry::count(&registry), 1);
        });
    }

    // "dispatches to multiple keys in serial"
    #[test]
    fn dispatch_runs_in_the_caller() {
        duplicate(async |registry, _| {
            let parent = me();
            for (key, value) in [("hello", 1), ("hello", 2), ("world", 3)] {
                registry::register(&registry, key, value).unwrap();
            }
            registry::dispatch(&registry, &"hello", |entries| {
                assert_eq!(me(), parent);
                entries.iter().for_each(|(pid, value)| send(*pid, *value));
            });
            assert_eq!(format!("{:?}", process::flush()), "[1, 2]");
        });
    }

    // "dispatches to multiple keys in parallel"
    #[test]
    fn a_parallel_dispatch_runs_in_tasks_when_there_are_partitions_to_go_through() {
        let body = async |registry: Registry<&'static str, i32>, partitions: usize| {
            let parent = me();
            registry::dispatch_parallel(&registry, &"hello", |_| unreachable!("nobody is there")).await;
            for (key, value) in [("hello", 1), ("hello", 2), ("world", 3)] {
                registry::register(&registry, key, value).unwrap();
            }
            let publish = move |entries: &[(Pid, i32)]| {
                assert_eq!(me() == parent, partitions == 1);
                entries.iter().for_each(|(pid, value)| send(*pid, *value));
            };
            registry::dispatch_parallel(&registry, &"hello", publish).await;
            assert_eq!(format!("{:?}", process::flush()), "[1, 2]");
        };
        for_each(registry::duplicate, body);
        let in_one_partition = async |registry, _| body(registry, 1).await;
        for_each(|name| registry::duplicate(name).partition_by_key(), in_one_partition);
    }

    // Registry.start_link: "{:duplicate, :key} … only need to check a single partition"
    #[test]
    fn partitioned_by_key_all_under_a_key_come_in_one_dispatch() {
        for (by_key, most) in [(true, 1), (false, 8)] {
            check(async {
                let plan = registry::duplicate::<&str, ()>(fresh("topics")).partitions(8);
                let plan = if by_key { plan.partition_by_key() } else { plan };
                let registry = plan.start_link().await.unwrap();
                for _ in 0..100 {
                    another(&registry, "hello", ()).await;
                }
                let calls = AtomicUsize::new(0);
                registry::dispatch(&registry, &"hello", |entries| {
                    assert!(!entries.is_empty());
                    calls.fetch_add(1, Ordering::Relaxed);
                });
                assert_eq!(calls.into_inner(), most);
                assert_eq!(registry::lookup(&registry, &"hello").len(), 100);
            });
        }
    }

    #[test]
    fn a_panic_in_a_parallel_dispatch_is_one_of_the_caller() {
        check(async {
            let reason = end_of_process(async {
                let registry = registry::duplicate(fresh("panic"))
                    .partitions(2)
                    .start_link()
                    .await
                    .unwrap();
                registry::register(&registry, "hello", ()).unwrap();
                registry::dispatch_parallel(&registry, &"hello", |_| panic!("oops")).await;
            });
            assert!(reason.await.to_string().contains("oops"));
        });
    }

    // "supports match patterns", "supports guards", "count_match supports …"
    #[test]
    fn match_chooses_by_value() {
        duplicate(async |registry, _| {
            let (one, two) = ((1, "atom", 1), (2, "atom", 2));
            registry::register(&registry, "hello", one).unwrap();
            registry::register(&registry, "hello", two).unwrap();
            assert_eq!(
                match_(&registry, &"hello", |value| matches!(value, (1, _, _))),
                [(me(), one)]
            );
            assert_eq!(
                match_(&registry, &"hello", |(a, _, b)| a == b),
                [(me(), one), (me(), two)]
            );
            assert_eq!(match_(&registry, &"hello", |(n, _, _)| *n > 3), []);
            assert_eq!(
                registry::count_match(&registry, &"hello", |(n, _, _): &Value| *n < 3),
                2
            );
        });
    }

    // "unregister_match supports patterns", "unregister_match supports guards"
    #[test]
    fn unregister_match_takes_only_what_is_wanted() {
        duplicate(async |registry, _| {
            let (one, two) = ((1, "atom", 1), (2, "atom", 2));
            registry::register(&registry, "hello", one).unwrap();
            registry::register(&registry, "hello", two).unwrap();
            registry::unregister_match(&registry, &"hello", |(n, _, _)| *n == 2);
            assert_eq!(registry::lookup(&registry, &"hello"), [(me(), one)]);
            registry::register(&registry, "hello", two).unwrap();
            registry::unregister_match(&registry, &"hello", |(_, text, _)| *text == "atom");
            assert_eq!(registry::lookup(&registry, &"hello"), []);
        });
    }

    // "raises if attempt to be used on via"
    #[test]
    fn its_keys_are_no_names() {
        duplicate::<()>(async |registry, _| {
            let error = registry::via(&registry, "hello").register(me()).unwrap_err();
            assert_eq!(error, RegistryError::NotUnique(registry.name().clone()));
        });
    }

    // "update_value is not supported"
    #[test]
    fn its_values_cannot_be_updated() {
        duplicate(async |registry, _| {
            registry::register(&registry, "hello", 1).unwrap();
            let error = registry::update_value(&registry, &"hello", |n| n + 1).unwrap_err();
            assert_eq!(error, RegistryError::NotUnique(registry.name().clone()));
        });
    }
}
