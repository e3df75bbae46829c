//! The truth table of supervision: what becomes of each child, for every strategy, every restart value of every child,
//! every child that ends, and every kind of reason.

mod common;

use common::check;
use crabtree::prelude::*;

const RESTARTS: [Restart; 3] = [Restart::Permanent, Restart::Transient, Restart::Temporary];
const IDS: [&str; 3] = ["first", "second", "third"];

/// How a child ends.
#[derive(Clone, Copy, PartialEq, Debug)]
enum End {
    Returns,
    Exits(&'static str),
    Panics,
    IsKilled,
    IsShutDown,
}

const ENDS: [End; 8] = [
    End::Returns,
    End::Exits("normal"),
    End::Exits("shutdown"),
    End::Exits("shutdown with"),
    End::Exits("any other reason"),
    End::Panics,
    End::IsKilled,
    End::IsShutDown,
];

impl End {
    /// OTP: `normal`, `shutdown` and `{shutdown, Term}` are ends in good order.
    fn is_orderly(self) -> bool {
        match self {
            End::Returns | End::IsShutDown => true,
            End::Exits(reason) => reason != "any other reason",
            End::Panics | End::IsKilled => false,
        }
    }

    fn reason(what: &str) -> ExitReason {
        match what {
            "normal" => ExitReason::Normal,
            "shutdown" => ExitReason::Shutdown,
            "shutdown with" => ExitReason::shutdown_with("words"),
            other => ExitReason::from(other.to_owned()),
        }
    }
}

/// What became of a child.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Fate {
    Untouched,
    Restarted,
    /// It is in the list, without a process.
    Down,
    Forgotten,
}

/// What OTP's documentation says, in other words.
fn expected(strategy: Strategy, restarts: [Restart; 3], ended: usize, end: End) -> [Fate; 3] {
    let comes_back = match restarts[ended] {
        Restart::Permanent => true,
        Restart::Transient => !end.is_orderly(),
        Restart::Temporary => false,
    };
    let mut fates = [Fate::Untouched; 3];
    if !comes_back {
        fates[ended] = match restarts[ended] {
            Restart::Temporary => Fate::Forgotten,
            Restart::Permanent | Restart::Transient => Fate::Down,
        };
        return fates;
    }
    for (place, fate) in fates.iter_mut().enumerate() {
        let concerned = match strategy {
            Strategy::OneForOne => place == ended,
            Strategy::OneForAll => true,
            Strategy::RestForOne => place >= ended,
        };
        if concerned {
            *fate = match restarts[place] {
                Restart::Temporary => Fate::Forgotten,
                Restart::Permanent | Restart::Transient => Fate::Restarted,
            };
        }
    }
    fates
}

fn child(id: &'static str) -> ChildSpec {
    ChildSpec::new(id, || async {
        Ok(spawn_link(async {
            receive! {
                End::Returns => (),
                End::Exits(reason) => exit(End::reason(reason)),
                End::Panics => panic!("as the table says"),
            }
        }))
    })
}

async fn seen(strategy: Strategy, restarts: [Restart; 3], ended: usize, end: End) -> [Fate; 3] {
    let children = [0, 1, 2].map(|n| child(IDS[n]).restart(restarts[n]));
    let sup = Supervisor::new(strategy).children(children).start_link().await.unwrap();
    let before = supervisor::which_children(sup).await.unwrap();
    let pid = |n: usize| before[2 - n].pid.unwrap();
    let watched = process::monitor(pid(ended));
    match end {
        End::IsKilled => process::exit(pid(ended), ExitReason::Kill),
        End::IsShutDown => process::exit(pid(ended), ExitReason::Shutdown),
        end => send(pid(ended), end),
    }
    receive! { Down { monitor, .. } if monitor == watched => () }
    let after = supervisor::which_children(sup).await.unwrap();
    let fates = [0, 1, 2].map(|n| match after.iter().find(|child| child.id == IDS[n]) {
        None => Fate::Forgotten,
        Some(child) if child.pid.is_none() => Fate::Down,
        Some(child) if child.pid == Some(pid(n)) => Fate::Untouched,
        Some(_) => Fate::Restarted,
    });
    // The picture says the same, and what a child was before.
    let snapshot = supervisor::snapshot(sup).unwrap();
    assert_eq!(snapshot.children.len(), after.len());
    for child in snapshot.children {
        let n = IDS.iter().position(|id| child.id == *id).unwrap();
        let was = (fates[n] != Fate::Untouched).then(|| pid(n));
        assert_eq!(child.previous, was, "{child:?}");
        assert_eq!(child.restarts, u32::from(fates[n] == Fate::Restarted));
    }
    assert!((0..3).all(|n| process::is_alive(pid(n)) == (fates[n] == Fate::Untouched)));
    supervisor::stop(sup).await.unwrap();
    fates
}

/// All cases with that strategy.
fn every_case(strategy: Strategy) {
    check(async {
        let mut cases = 0;
        for first in RESTARTS {
            for second in RESTARTS {
                for third in RESTARTS {
                    for ended in 0..3 {
                        for end in ENDS {
                            let restarts = [first, second, third];
                            let expected = expected(strategy, restarts, ended, end);
                            let seen = seen(strategy, restarts, ended, end).await;
                            assert_eq!(seen, expected, "{strategy}, {restarts:?}, the end of {ended}: {end:?}");
                            cases += 1;
                        }
                    }
                }
            }
        }
        assert_eq!(cases, 27 * 3 * 8);
    });
}

#[test]
fn one_for_one() {
    every_case(Strategy::OneForOne);
}

#[test]
fn one_for_all() {
    every_case(Strategy::OneForAll);
}

#[test]
fn rest_for_one() {
    every_case(Strategy::RestForOne);
}

/// A dynamic supervisor restarts alone, and forgets whom it does not restart.
#[test]
fn dynamic() {
    check(async {
        for restart in RESTARTS {
            for end in ENDS {
                let sup = DynamicSupervisor::new().start_link().await.unwrap();
                let spec = |restart| child("a").restart(restart);
                let pid = dynamic_supervisor::start_child(sup, spec(restart)).await.unwrap();
                let other = dynamic_supervisor::start_child(sup, spec(Restart::Permanent))
                    .await
                    .unwrap();
                let watched = process::monitor(pid);
                match end {
                    End::IsKilled => process::exit(pid, ExitReason::Kill),
                    End::IsShutDown => process::exit(pid, ExitReason::Shutdown),
                    end => send(pid, end),
                }
                receive! { Down { monitor, .. } if monitor == watched => () }
                let after = dynamic_supervisor::which_children(sup).await.unwrap();
                let comes_back = expected(Strategy::OneForOne, [restart; 3], 0, end)[0] == Fate::Restarted;
                assert_eq!(after.len(), 1 + usize::from(comes_back), "{restart:?}, {end:?}");
                assert!(after.iter().any(|child| child.pid == Some(other)));
                assert!(after.iter().all(|child| child.pid != Some(pid)));
                supervisor::stop(sup).await.unwrap();
            }
        }
    });
}
