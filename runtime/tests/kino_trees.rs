//! Supervision trees as they are seen while something happens to them.

mod common;

use common::{check, end_of};
use crabtree::kino::process::{app_tree, sup_tree};
use crabtree::prelude::*;
use crabtree::supervisor::{ChildEnd, ChildStatus};
use crabtree::{assert_tree, sys};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// A child that does what it is told: to end, to crash, to own a table, to be linked to somebody.
fn child(id: &'static str) -> ChildSpec {
    ChildSpec::new(id, || async {
        Ok(spawn_link(async {
            let mut tables = Vec::new();
            loop {
                receive! {
                    reason: ExitReason => exit(reason),
                    message: &'static str => panic!("{message}"),
                    ("table", name): (&'static str, &'static str) => tables.push(ets::set::<u8, u8>(name).create().unwrap()),
                    ("link", pid): (&'static str, Pid) => process::link(pid),
                }
            }
        }))
    })
}

fn three(strategy: Strategy) -> Supervisor {
    Supervisor::new(strategy).children([child("one"), child("two"), child("three")])
}

fn pid(sup: SupervisorRef, id: &str) -> Pid {
    let snapshot = supervisor::snapshot(sup).unwrap();
    let child = snapshot.children.iter().find(|child| child.id == *id).unwrap();
    match child.status {
        ChildStatus::Running(pid) => pid,
        status => panic!("{id} is {status:?}"),
    }
}

/// Sends `message` to a child, and waits until the supervisor has dealt with the end of it.
async fn crash(sup: SupervisorRef, id: &str, message: &'static str) {
    let pid = pid(sup, id);
    send(pid, message);
    end_of(pid).await;
    supervisor::count_children(sup).await.unwrap();
}

#[test]
fn each_strategy_shows_who_died_who_went_with_it_and_who_was_untouched() {
    check(async {
        let sup = three(Strategy::OneForOne).name("tree 1").start_link().await.unwrap();
        crash(sup, "two", "boom").await;
        assert_tree!(
            sup,
            "tree 1  one_for_one · 1/3 in 5 s",
            "├── one",
            "├── two  ↻ 1, was P1  died: boom",
            "└── three",
        );
        let sup = three(Strategy::OneForAll).name("tree 2").start_link().await.unwrap();
        crash(sup, "two", "boom").await;
        assert_tree!(
            &sup,
            "
            tree 2  one_for_all · 1/3 in 5 s
            ├── one  ↻ 1, was P1  with two
            ├── two  ↻ 1, was P2  died: boom
            └── three  ↻ 1, was P3  with two
            "
        );
        let sup = three(Strategy::RestForOne).name("tree 3").start_link().await.unwrap();
        crash(sup, "two", "boom").await;
        assert_tree!(
            sup_tree("tree 3"),
            "
            tree 3  rest_for_one · 1/3 in 5 s
            ├── one
            ├── two  ↻ 1, was P1  died: boom
            └── three  ↻ 1, was P2  with two
            "
        );
    });
}

#[test]
fn a_tree_that_is_not_as_expected_fails_with_the_lines_that_differ() {
    check(async {
        let sup = three(Strategy::OneForOne).name("tree 4").start_link().await.unwrap();
        let (failed, watched) = spawn_monitor(async move {
            assert_tree!(
                sup,
                "tree 4  one_for_one · 0/3 in 5 s
                 ├── one
                 └── three"
            );
        });
        receive! {
            Down { monitor, reason: ExitReason::Panic(panic), .. } if monitor == watched => {
                assert!(panic.message.starts_with("assert_tree!: "), "{}", panic.message);
                assert!(panic.message.contains("\n  + ├── two\n"), "{}", panic.message);
                assert!(panic.location.contains("kino_trees.rs"), "{}", panic.location);
            }
        }
        assert!(!process::is_alive(failed));
    });
}

#[test]
fn what_a_tree_shows_since_another_was_taken_leaves_out_what_was_before() {
    check(async {
        let sup = three(Strategy::OneForOne).name("tree 5").start_link().await.unwrap();
        crash(sup, "one", "first").await;
        let before = sup_tree(sup);
        crash(sup, "two", "second").await;
        crash(sup, "two", "third").await;
        supervisor::terminate_child(sup, "three").await.unwrap();
        supervisor::start_child(sup, child("four")).await.unwrap();
        let now = sup_tree(sup).since(&before);
        assert_tree!(
            now,
            "
            tree 5  one_for_one · 3/3 in 5 s
            ├── one
            ├── two  ↻ 2, was P1  died: third
            ├── three  stopped  was P2
            └── four  new
            since then: 1 replaced, 1 new, 1 ended, 2 untouched
            "
        );
        let was = before.to_text();
        let was = was.lines().find_map(|line| line.strip_prefix("├── two ")).unwrap();
        assert!(now.to_text().contains(&format!("↻ 2, was {was}")), "{now}");
    });
}

#[test]
fn tables_and_links_are_seen_in_the_records_of_processes() {
    check(async {
        let sup = three(Strategy::OneForOne).name("tree 6").start_link().await.unwrap();
        let outside = process::Builder::new()
            .label("a socket")
            .spawn(process::sleep(secs(60)))
            .unwrap();
        send(pid(sup, "one"), ("table", "pages"));
        send(pid(sup, "one"), ("link", pid(sup, "three")));
        send(pid(sup, "two"), ("link", outside));
        process::sleep(ms(1)).await;
        assert_tree!(
            sup_tree(sup).tables().links(),
            "
            tree 6  one_for_one · 0/3 in 5 s
            ├── one  linked to three
            │   └── [pages]  set · 0 objects
            ├── two
            │   └── a socket  linked
            └── three
            "
        );
        assert_tree!(
            sup,
            "tree 6  one_for_one · 0/3 in 5 s",
            "├── one",
            "├── two",
            "└── three"
        );
        let snapshot = supervisor::snapshot(sup).unwrap();
        assert_eq!(snapshot.children[0].tables[0].name.as_str(), "pages");
        assert!(snapshot.children[1].links.contains(&outside));
    });
}

#[test]
fn a_child_is_called_by_its_name_or_else_its_label_or_else_its_id() {
    check(async {
        let labelled = ChildSpec::new("labelled", || async {
            Ok(spawn_link(async {
                process::set_label("what it does");
                process::sleep(secs(60)).await;
            }))
        });
        let sup = Supervisor::new(Strategy::OneForAll)
            .name("tree 7")
            .children([child("named").name("the name"), labelled, child("neither")])
            .start_link()
            .await
            .unwrap();
        process::sleep(ms(1)).await;
        let named = process::whereis("the name").unwrap();
        send(named, "boom");
        end_of(named).await;
        supervisor::count_children(sup).await.unwrap();
        process::sleep(ms(1)).await;
        assert_tree!(
            sup,
            "
            tree 7  one_for_all · 1/3 in 5 s
            ├── the name  ↻ 1, was P1  died: boom
            ├── what it does  ↻ 1, was P2  with the name
            └── neither  ↻ 1, was P3  with the name
            "
        );
    });
}

#[test]
fn a_child_that_ended_while_its_supervisor_is_suspended_is_not_shown_as_running() {
    check(async {
        let sup = three(Strategy::OneForOne).name("tree 8").start_link().await.unwrap();
        sys::suspend(sup).await.unwrap();
        let two = pid(sup, "two");
        send(two, "boom");
        end_of(two).await;
        let snapshot = supervisor::snapshot(sup).unwrap();
        assert_eq!(snapshot.children[1].status, ChildStatus::Ended(two));
        assert_tree!(
            sup,
            "
            tree 8  one_for_one · 0/3 in 5 s  mailbox 1
            ├── one
            ├── two  ended, not noticed yet  was P1
            └── three
            "
        );
        sys::resume(sup).await.unwrap();
        supervisor::count_children(sup).await.unwrap();
        let snapshot = supervisor::snapshot(sup).unwrap();
        assert!(matches!(
            &snapshot.children[1].ended,
            Some(ChildEnd::ByItself(ExitReason::Panic(_)))
        ));
    });
}

/// With threads that run at the same time. All children of the upper supervisor, and with them all of the lower ones, are
/// restarted together: so whatever moment is seen, all that run were restarted equally often, or are being restarted.
#[test]
fn a_tree_that_restarts_all_the_time_is_seen_at_one_moment() {
    crabtree::run(async {
        let lower = || Supervisor::new(Strategy::OneForOne).children((0..5).map(|_| child("leaf")).take(1));
        let upper = Supervisor::new(Strategy::OneForAll)
            .name("tree 9")
            .max_restarts(u32::MAX)
            .child(child("one"))
            .child(ChildSpec::supervisor("lower", lower))
            .child(child("two"));
        let sup = upper.start_link().await.unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let (_, looking) = spawn_monitor({
            let stop = stop.clone();
            async move {
                let mut seen = 0_u32;
                while !stop.load(Ordering::Relaxed) {
                    let tree = supervisor::snapshot(sup).expect("it lives");
                    let restarts: Vec<u32> = tree.children.iter().map(|child| child.restarts).collect();
                    let (least, most) = (restarts.iter().min().unwrap(), restarts.iter().max().unwrap());
                    assert!(most - least <= 1, "{tree:#?}");
                    for child in &tree.children {
                        if let (ChildStatus::Running(pid), Some(below)) = (child.status, &child.tree) {
                            assert_eq!(below.pid, pid);
                            assert_eq!(below.children.len(), 1);
                        }
                    }
                    let picture = sup_tree(sup);
                    assert!(picture.to_text().starts_with("tree 9 <"), "{picture}");
                    seen += 1;
                    process::sleep(Duration::ZERO).await;
                }
                assert!(seen > 0);
            }
        });
        for _ in 0..200 {
            if let Some(Some(pid)) = supervisor::which_children(sup)
                .await
                .unwrap()
                .iter()
                .find(|child| child.id == "one")
                .map(|child| child.pid)
            {
                process::exit(pid, ExitReason::Kill);
                end_of(pid).await;
            }
        }
        stop.store(true, Ordering::Relaxed);
        receive! { Down { monitor, reason, .. } if monitor == looking => assert_eq!(reason, ExitReason::Normal) }
        supervisor::stop(sup).await.unwrap();
    });
}

#[test]
fn applications_and_supervisors_are_saved_in_the_form_that_the_extension_names() {
    check(async {
        let directory = std::env::temp_dir().join(format!("crabtree-trees-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let sup = three(Strategy::OneForOne).name("tree 10").start_link().await.unwrap();
        let begins = [
            ("a.svg", "<svg "),
            ("a.mmd", "flowchart "),
            ("a.json", "{"),
            ("a.txt", "tree 10 <"),
        ];
        for (file, begin) in begins {
            sup_tree(sup).save(directory.join(file)).unwrap();
            let text = std::fs::read_to_string(directory.join(file)).unwrap();
            assert!(text.starts_with(begin), "{file}: {text}");
        }
        let error = app_tree("nothing").save(directory.join("a.png")).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
        std::fs::remove_dir_all(&directory).unwrap();
    });
}
