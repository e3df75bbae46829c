//! What can be seen of supervisors: reports, pictures, and what their work costs.

mod common;

use common::{check, end_of};
use crabtree::io::{Device, Stream};
use crabtree::kino::process::sup_tree;
use crabtree::prelude::*;
use crabtree::supervisor::{ChildKind, ChildStatus};
use std::sync::{Arc, Mutex};

/// Keeps what is written to the error stream.
#[derive(Default)]
struct Log(Mutex<String>);

impl Device for Log {
    fn write(&self, stream: Stream, text: &str) {
        if stream == Stream::Stderr {
            self.0.lock().unwrap().push_str(text);
        }
    }
}

/// What was reported since it was last asked, with the names of processes in place of their pids.
fn log() -> impl Fn(&[(Pid, &str)]) -> String {
    let log = Arc::new(Log::default());
    process::set_group_leader(me(), io::device(log.clone()));
    move |names| {
        let text = std::mem::take(&mut *log.0.lock().unwrap());
        names
            .iter()
            .fold(text, |text, (pid, name)| text.replace(&pid.to_string(), name))
    }
}

fn child(id: &'static str) -> ChildSpec {
    ChildSpec::new(id, || async {
        Ok(spawn_link(async {
            receive! { reason: ExitReason => exit(reason) }
        }))
    })
}

async fn pid_of(sup: SupervisorRef, id: &str) -> Pid {
    let children = supervisor::which_children(sup).await.unwrap();
    children.iter().find(|child| child.id == id).unwrap().pid.unwrap()
}

// supervisor_SUITE: format_log_1, format_log_2, the progress reports
#[test]
fn progress_is_reported_where_it_is_asked_for() {
    check(async {
        let log = log();
        let sup = Supervisor::new(Strategy::OneForOne)
            .progress_reports()
            .child(child("a"))
            .start_link()
            .await
            .unwrap();
        let first = pid_of(sup, "a").await;
        assert_eq!(
            log(&[(sup.pid(), "S"), (first, "A")]),
            "[info] Supervisor S: started \"a\" as A\n"
        );
        send(first, ExitReason::from("crash"));
        end_of(first).await;
        let second = pid_of(sup, "a").await;
        assert_eq!(
            log(&[(sup.pid(), "S"), (first, "A"), (second, "B")]),
            "[info] Supervisor S: \"a\", A, ended: crash\n[info] Supervisor S: started \"a\" as B\n"
        );
        supervisor::stop(sup).await.unwrap();
        assert_eq!(
            log(&[(sup.pid(), "S"), (second, "B")]),
            "[info] Supervisor S: stopped \"a\", B\n"
        );
    });
}

// Elixir: supervisor reports are not shown unless handle_sasl_reports asks for them
#[test]
fn without_it_only_failures_are_reported() {
    check(async {
        let log = log();
        let sup = Supervisor::new(Strategy::OneForOne)
            .child(child("a"))
            .start_link()
            .await
            .unwrap();
        let first = pid_of(sup, "a").await;
        send(first, ExitReason::Normal);
        end_of(first).await;
        pid_of(sup, "a").await;
        supervisor::stop(sup).await.unwrap();
        assert_eq!(log(&[]), "");
    });
}

// supervisor_SUITE: format_log_1, format_log_2, the error reports: start_error, shutdown_error, and too many restarts
#[test]
fn failures_are_reported_with_the_child_and_the_reason() {
    check(async {
        process::flag(Flag::TrapExit, true);
        let log = log();
        let stubborn = ChildSpec::new("stubborn", || async {
            Ok(spawn_link(async {
                process::flag(Flag::TrapExit, true);
                process::sleep(secs(3600)).await;
            }))
        });
        let sup = Supervisor::new(Strategy::OneForOne).name("watched");
        let sup = sup
            .child(stubborn.shutdown(Shutdown::Timeout(ms(200))))
            .start_link()
            .await
            .unwrap();
        let pid = pid_of(sup, "stubborn").await;
        process::sleep(ms(1)).await;
        supervisor::terminate_child(sup, "stubborn").await.unwrap();
        assert_eq!(
            log(&[(sup.pid(), "S"), (pid, "A")]),
            "[error] Supervisor watched S killed \"stubborn\", A\n** it did not shut down within 200ms\n"
        );
        supervisor::stop(sup).await.unwrap();

        let first = std::sync::atomic::AtomicBool::new(true);
        let once = ChildSpec::new("once", move || {
            let first = first.swap(false, std::sync::atomic::Ordering::Relaxed);
            async move {
                match first {
                    true => Ok(spawn_link(process::sleep(secs(3600)))),
                    false => Err(ExitReason::from("no port")),
                }
            }
        });
        let sup = Supervisor::new(Strategy::OneForOne)
            .max_restarts(1)
            .child(once)
            .start_link()
            .await
            .unwrap();
        process::exit(pid_of(sup, "once").await, ExitReason::Kill);
        end_of(sup.pid()).await;
        assert_eq!(
            log(&[(sup.pid(), "S")]),
            "[error] Supervisor S could not restart \"once\"\n** no port\n[error] Supervisor S gives up\n** more than 1 \
             restarts within 5s\n"
        );
    });
}

// supervisor_SUITE, gen_server: a supervisor that ends because its starter crashed is reported like any server
#[test]
fn the_state_of_a_supervisor_is_told_in_few_words() {
    check(async {
        let sup = Supervisor::new(Strategy::RestForOne).children([child("a"), child("b")]);
        let sup = sup.start_link().await.unwrap();
        let dynamic = DynamicSupervisor::new().name("told rooms").start_link().await.unwrap();
        dynamic_supervisor::start_child(dynamic, child("a")).await.unwrap();
        assert_eq!(sys::get_status(sup).await.unwrap().state, "rest_for_one, 2 children");
        assert_eq!(
            sys::get_status("told rooms").await.unwrap().state,
            "dynamic, one_for_one, 1 children"
        );
    });
}

/// The text of a picture, with a name in place of each pid.
fn picture(sup: SupervisorRef) -> String {
    let text = sup_tree(sup).to_text();
    let mut plain = String::new();
    for part in text.split_inclusive('>') {
        match part.rfind('<') {
            Some(at) if part.ends_with('>') => plain.push_str(&part[..at]),
            _ => plain.push_str(part),
        }
    }
    plain.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}

#[test]
fn the_picture_of_a_tree_shows_supervisors_of_every_kind() {
    check(async {
        let dynamic = ChildSpec::supervisor("dynamic", || {
            DynamicSupervisor::new().name("seen rooms").max_restarts(9)
        });
        let partitions = ChildSpec::supervisor("partitions", || {
            PartitionSupervisor::new(|_| ChildSpec::supervisor("dynamic", DynamicSupervisor::new)).partitions(2)
        });
        let inner = ChildSpec::supervisor("inner", || Supervisor::new(Strategy::RestForOne).child(child("leaf")));
        let sup = Supervisor::new(Strategy::OneForAll)
            .name("Tree")
            .child(dynamic)
            .child(partitions)
            .child(inner);
        let sup = sup.start_link().await.unwrap();
        let room = dynamic_supervisor::start_child("seen rooms", child("room"))
            .await
            .unwrap();
        dynamic_supervisor::start_child("seen rooms", child("room").name("seen room"))
            .await
            .unwrap();
        let second = partition_supervisor::via(pid_of(sup, "partitions").await, 1);
        dynamic_supervisor::start_child(second, child("guest")).await.unwrap();
        process::exit(room, ExitReason::Kill);
        end_of(room).await;
        supervisor::count_children("seen rooms").await.unwrap();

        let expected = "\
Tree   one_for_all · 0/3 in 5 s
├── seen rooms   one_for_one · 1/9 in 5 s
│   ├── room   ↻ 1, was   died: killed
│   └── seen room
├── partitions   one_for_one · 0/3 in 5 s
│   ├── 0   one_for_one · 0/3 in 5 s  no children
│   └── 1   one_for_one · 0/3 in 5 s
│       └── guest
└── inner   rest_for_one · 0/3 in 5 s
    └── leaf
";
        assert_eq!(picture(sup), expected);
        assert!(sup_tree(sup).to_svg().contains("seen room"));
    });
}

#[test]
fn the_picture_of_a_dynamic_supervisor_shows_a_child_that_cannot_be_restarted_and_forgets_it_with_it() {
    check(async {
        let sup = DynamicSupervisor::new().max_restarts(1000).start_link().await.unwrap();
        let first = std::sync::atomic::AtomicBool::new(true);
        let once = ChildSpec::new("once", move || {
            let first = first.swap(false, std::sync::atomic::Ordering::Relaxed);
            async move {
                process::sleep(ms(100)).await;
                match first {
                    true => Ok(spawn_link(process::sleep(secs(3600)))),
                    false => Err(ExitReason::from("no port")),
                }
            }
        });
        let pid = dynamic_supervisor::start_child(sup, once).await.unwrap();
        process::exit(pid, ExitReason::Kill);
        process::sleep(secs(1)).await;
        let seen = supervisor::snapshot(sup).unwrap();
        assert_eq!(seen.children[0].status, ChildStatus::Restarting);
        assert_eq!((seen.children[0].previous, seen.children[0].restarts), (Some(pid), 0));
        assert!(picture(sup).contains("once  restarting  was"), "{}", picture(sup));
        dynamic_supervisor::terminate_child(sup, pid).await.unwrap();
        assert!(supervisor::snapshot(sup).unwrap().children.is_empty());
    });
}

#[test]
fn partitions_that_are_not_used_are_shown_as_such() {
    check(async {
        let sup = PartitionSupervisor::new(|_| child("a"))
            .partitions(3)
            .start_link()
            .await
            .unwrap();
        partition_supervisor::resize(sup, 1).await.unwrap();
        let seen = supervisor::snapshot(sup).unwrap();
        let status: Vec<bool> = seen
            .children
            .iter()
            .map(|child| child.status == ChildStatus::NotStarted)
            .collect();
        assert_eq!(status, [false, true, true]);
        assert_eq!(picture(sup).matches("stopped").count(), 2);
    });
}

/// A supervisor of supervisors, so deep.
fn deep(depth: u32) -> Supervisor {
    let sup = Supervisor::new(Strategy::OneForOne);
    match depth {
        0 => sup.child(child("leaf").name("the leaf of a deep tree")),
        _ => sup.child(ChildSpec::supervisor("inner", move || deep(depth - 1))),
    }
}

#[test]
fn a_tree_may_be_deep() {
    check(async {
        let sup = deep(100).start_link().await.unwrap();
        let leaf = process::whereis("the leaf of a deep tree").unwrap();
        let mut depth = 0;
        let mut seen = Some(Box::new(supervisor::snapshot(sup).unwrap()));
        while let Some(tree) = seen {
            depth += 1;
            assert!(depth == 101 || tree.children[0].kind == ChildKind::Supervisor);
            seen = tree.children.into_iter().next().unwrap().tree;
        }
        assert_eq!(depth, 101);
        assert!(sup_tree(sup).to_text().contains("the leaf of a deep tree"));
        supervisor::stop(sup).await.unwrap();
        assert!(!process::is_alive(leaf));
    });
}

/// How many messages a supervisor looks at when it stops its children while others have written to it.
async fn looks(children: usize, messages: usize) -> u64 {
    let slow = ChildSpec::new("slow", || async {
        Ok(spawn_link(async {
            process::flag(Flag::TrapExit, true);
            receive! { Exit { .. } => process::sleep(secs(1)).await }
        }))
    });
    let idle = |n: usize| ChildSpec::new(n.to_string(), || async { Ok(spawn_link(std::future::pending::<()>())) });
    let sup = Supervisor::new(Strategy::OneForAll)
        .children((0..children).map(idle))
        .child(slow.start_timeout(secs(9)));
    let sup = sup.start_link().await.unwrap();
    process::sleep(ms(1)).await;
    let before = process::info(sup).unwrap().reductions;
    process::exit(pid_of(sup, "0").await, ExitReason::Kill);
    process::sleep(ms(500)).await; // it waits for the slow one, with which it began
    for _ in 0..messages {
        spawn(async move { drop(supervisor::count_children(sup).await) });
    }
    process::sleep(secs(2)).await;
    assert_eq!(supervisor::count_children(sup).await.unwrap().active, children + 1);
    process::info(sup).unwrap().reductions - before
}

#[test]
fn stopping_many_children_costs_as_much_more_as_there_are_more() {
    check(async {
        let (few, many) = (looks(20, 20).await, looks(200, 200).await);
        assert!(
            many < 15 * few,
            "{few} for 20 children and messages, {many} for 200 of each"
        );
    });
}
