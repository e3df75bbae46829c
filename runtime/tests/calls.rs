//! The truth table of calls: what becomes of a call, by what becomes of its server, how it is addressed, how long the
//! caller waits, and what the caller is. Every combination is made, and compared with a model.

mod common;

use common::check;
use crabtree::gen_server::{CallError, CallFailure};
use crabtree::prelude::*;
use crabtree::registry::Registry;
use crabtree::{global, registry};
use std::time::Duration;

/// What becomes of the server.
#[derive(Clone, Debug, PartialEq)]
enum Fate {
    Answers,
    /// After a second.
    AnswersLater,
    /// From another process.
    AnswersElsewhere,
    /// Another process was to answer, and ended.
    IsForgottenElsewhere,
    NeverAnswers,
    StopsWithAnswer(ExitReason),
    Stops(ExitReason),
    Exits(ExitReason),
    Panics,
    IsKilled,
    IsSuspended,
    /// After a second.
    IsResumed,
    IsDead,
    IsNobody,
    /// A server of another type.
    IsAnother,
    IsTheCaller,
}

fn fates() -> Vec<Fate> {
    let reasons = [
        ExitReason::Normal,
        ExitReason::Shutdown,
        ExitReason::shutdown_with("for today"),
        "crash".into(),
    ];
    let mut fates = vec![
        Fate::Answers,
        Fate::AnswersLater,
        Fate::AnswersElsewhere,
        Fate::IsForgottenElsewhere,
        Fate::NeverAnswers,
        Fate::Panics,
        Fate::IsKilled,
        Fate::IsSuspended,
        Fate::IsResumed,
        Fate::IsDead,
        Fate::IsNobody,
        Fate::IsAnother,
        Fate::IsTheCaller,
    ];
    fates.extend(reasons.iter().cloned().map(Fate::StopsWithAnswer));
    fates.extend(reasons.iter().cloned().map(Fate::Stops));
    fates.extend(reasons.iter().cloned().map(Fate::Exits));
    fates
}

/// How the server is addressed.
#[derive(Clone, Copy, Debug, PartialEq)]
enum By {
    Pid,
    Name,
    GlobalName,
    Key,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Who {
    /// A process that has nothing to do with the server.
    Process,
    Linked,
    /// Linked, and traps exits.
    Trapping,
    /// No process.
    Outside,
}

const PATIENCE: [Option<Duration>; 3] = [Some(ms(100)), Some(secs(5)), None];

#[derive(Clone, Debug, PartialEq)]
enum Outcome {
    Answer,
    Failed(CallFailure),
    /// The caller ended, for this reason.
    CallerEnds(String),
    /// There is neither an answer nor an end to the waiting.
    Waits,
}

/// What the promises of `gen_server:call/3` come to.
fn expected(fate: &Fate, patience: Option<Duration>, who: Who) -> Outcome {
    let gives_up = patience.map_or(Outcome::Waits, |time| Outcome::Failed(CallFailure::Timeout(time)));
    let after_a_second = match patience {
        Some(time) if time < secs(1) => gives_up.clone(),
        _ => Outcome::Answer,
    };
    let ends = |reason: &ExitReason, otherwise: Outcome| match who {
        Who::Linked if !reason.is_normal() => Outcome::CallerEnds(told(reason)),
        _ => otherwise,
    };
    let unanswered = |reason: ExitReason| ends(&reason, Outcome::Failed(CallFailure::Exit(reason.clone())));
    match fate {
        Fate::Answers | Fate::AnswersElsewhere => Outcome::Answer,
        Fate::AnswersLater | Fate::IsResumed => after_a_second,
        Fate::IsForgottenElsewhere | Fate::NeverAnswers | Fate::IsSuspended => gives_up,
        // The answer and the end come together, and the end goes first.
        Fate::StopsWithAnswer(reason) => ends(reason, Outcome::Answer),
        Fate::Stops(reason) | Fate::Exits(reason) => unanswered(reason.clone()),
        Fate::Panics => unanswered("panic".into()),
        Fate::IsKilled => unanswered(ExitReason::Killed),
        Fate::IsDead => Outcome::Failed(CallFailure::Exit(ExitReason::NoProc)),
        Fate::IsNobody => Outcome::Failed(CallFailure::NoSuchName),
        Fate::IsAnother => Outcome::Failed(CallFailure::Refused("the server is a Stranger, and not a Fated".into())),
        Fate::IsTheCaller => Outcome::Failed(CallFailure::CallingSelf),
    }
}

/// A reason, without the place of a panic.
fn told(reason: &ExitReason) -> String {
    match reason {
        ExitReason::Panic(_) => "panic".to_owned(),
        reason => reason.to_string(),
    }
}

/// Whether the server ends by the call.
fn is_the_end(fate: &Fate) -> bool {
    use Fate::{Exits, IsKilled, Panics, Stops, StopsWithAnswer};
    matches!(fate, StopsWithAnswer(_) | Stops(_) | Exits(_) | Panics | IsKilled)
}

#[derive(Debug)]
struct Fated;

impl GenServer for Fated {
    type Args = ();

    async fn init((): ()) -> Init<Fated> {
        Init::ok(Fated)
    }
}

#[derive(Debug)]
struct Meet(Fate);

impl HandleCall<Meet> for Fated {
    type Reply = ();

    async fn handle_call(&mut self, Meet(fate): Meet, from: Caller<()>) -> Reply<()> {
        match fate {
            Fate::AnswersLater => {
                process::sleep(secs(1)).await;
                Reply::reply(())
            }
            Fate::AnswersElsewhere => {
                spawn(async move { from.reply(()) });
                Reply::noreply()
            }
            Fate::IsForgottenElsewhere => {
                spawn(async move {
                    let _from = from;
                    exit("forgetful")
                });
                Reply::noreply()
            }
            Fate::NeverAnswers => Reply::noreply(),
            Fate::StopsWithAnswer(reason) => Reply::stop(reason, ()),
            Fate::Stops(reason) => Reply::stop_noreply(reason),
            Fate::Exits(reason) => exit(reason),
            Fate::Panics => panic!("fate"),
            Fate::IsKilled => {
                process::exit(me(), ExitReason::Kill);
                std::future::pending().await
            }
            _ => Reply::reply(()),
        }
    }
}

#[derive(Debug)]
struct Stranger;

impl GenServer for Stranger {
    type Args = ();

    async fn init((): ()) -> Init<Stranger> {
        Init::ok(Stranger)
    }
}

/// One combination.
#[derive(Clone, Debug)]
struct Case {
    fate: Fate,
    by: By,
    patience: Option<Duration>,
    who: Who,
    /// A name of its own.
    name: String,
    keys: Registry<String, ()>,
}

impl Case {
    async fn call(self, pid: Option<Pid>) -> Result<(), CallError> {
        let meet = Meet(self.fate);
        let call = match (self.by, pid) {
            (By::Pid, Some(pid)) => gen_server::call(Server::<Fated>::at(pid), meet),
            (By::Pid, None) => unreachable!("nobody has no pid"),
            (By::Name, _) => gen_server::call(named::<Fated>(self.name), meet),
            (By::GlobalName, _) => gen_server::call(global::name(self.name).of::<Fated>(), meet),
            (By::Key, _) => gen_server::call(registry::via(&self.keys, self.name).of::<Fated>(), meet),
        };
        call.timeout(self.patience).await
    }

    fn register(&self, pid: Pid) {
        match self.by {
            By::Pid => {}
            By::Name => process::register(pid, self.name.clone()).unwrap(),
            By::GlobalName => global::register_name(self.name.clone(), pid).unwrap(),
            By::Key => registry::via(&self.keys, self.name.clone()).register(pid).unwrap(),
        }
    }

    /// The server, as its fate has it before the call.
    async fn server(&self) -> Option<Pid> {
        let linked = matches!(self.who, Who::Linked | Who::Trapping);
        let pid = match self.fate {
            Fate::IsNobody => return None,
            Fate::IsTheCaller => me(),
            Fate::IsAnother => gen_server::start::<Stranger>(()).await.unwrap().pid(),
            _ if linked => gen_server::start_link::<Fated>(()).await.unwrap().pid(),
            _ => gen_server::start::<Fated>(()).await.unwrap().pid(),
        };
        match self.fate {
            Fate::IsDead => {
                gen_server::stop(Server::<Fated>::at(pid)).await.unwrap();
                return Some(pid);
            }
            Fate::IsSuspended => sys::suspend(pid).await.unwrap(),
            Fate::IsResumed => {
                sys::suspend(pid).await.unwrap();
                spawn(async move {
                    process::sleep(secs(1)).await;
                    sys::resume(pid).await.unwrap();
                });
            }
            _ => {}
        }
        self.register(pid);
        Some(pid)
    }

    fn expected(&self) -> Outcome {
        let nobody = self.fate == Fate::IsDead && self.by != By::Pid;
        let fate = if nobody { &Fate::IsNobody } else { &self.fate };
        expected(fate, self.patience, self.who)
    }

    /// What happened, as a process that calls sees it.
    async fn seen_by_a_process(self) -> Outcome {
        let main = me();
        let case = self.clone();
        let (caller, watched) = spawn_monitor(async move {
            process::flag(Flag::TrapExit, case.who == Who::Trapping);
            let server = case.server().await;
            process::flush();
            let outcome = outcome_of(case.clone().call(server)).await;
            // Late answers, and the end of the server, have time to come.
            process::sleep(secs(2)).await;
            let left = process::flush();
            let exits = left.iter().filter(|message| message.is::<Exit>()).count();
            let expected = usize::from(case.who == Who::Trapping && is_the_end(&case.fate));
            assert_eq!((exits, left.len()), (expected, expected), "{case:?}: {left:?}");
            assert_eq!(process::info(me()).unwrap().monitors, [], "{case:?}");
            send(main, outcome);
        });
        let outcome = receive! {
            outcome: Outcome => outcome,
            Down { monitor, reason, .. } if monitor == watched => Outcome::CallerEnds(told(&reason)),
        };
        process::exit(caller, ExitReason::Kill);
        process::demonitor_flush(watched);
        outcome
    }

    async fn seen_from_outside(self) -> Outcome {
        let server = self.server().await;
        let call = tokio::spawn(outcome_of(self.call(server)));
        call.await.unwrap()
    }
}

async fn outcome_of(call: impl Future<Output = Result<(), CallError>>) -> Outcome {
    // A day is for ever.
    match tokio::time::timeout(secs(86_400), call).await {
        Err(_) => Outcome::Waits,
        Ok(Ok(())) => Outcome::Answer,
        Ok(Err(error)) => Outcome::Failed(match error.cause {
            CallFailure::Exit(ExitReason::Panic(_)) => CallFailure::Exit("panic".into()),
            cause => cause,
        }),
    }
}

fn all_cases(keys: &Registry<String, ()>) -> Vec<Case> {
    let mut cases = Vec::new();
    for fate in fates() {
        for by in [By::Pid, By::Name, By::GlobalName, By::Key] {
            for patience in PATIENCE {
                for who in [Who::Process, Who::Linked, Who::Trapping, Who::Outside] {
                    let nowhere = fate == Fate::IsNobody && by == By::Pid;
                    let nobody = fate == Fate::IsTheCaller && who == Who::Outside;
                    if !nowhere && !nobody {
                        cases.push(Case {
                            fate: fate.clone(),
                            by,
                            patience,
                            who,
                            name: format!("case {}", cases.len()),
                            keys: keys.clone(),
                        });
                    }
                }
            }
        }
    }
    cases
}

#[test]
fn a_call_comes_to_what_the_fate_of_its_server_says() {
    check(async {
        let keys = registry::unique::<String, ()>("fates").start_link().await.unwrap();
        let cases = all_cases(&keys);
        assert_eq!(cases.len(), 25 * 4 * 3 * 4 - 12 - 12);
        for case in cases {
            let expected = case.expected();
            let seen = match case.who {
                Who::Outside => case.clone().seen_from_outside().await,
                _ => case.clone().seen_by_a_process().await,
            };
            assert_eq!(seen, expected, "{case:?}");
        }
        assert_eq!(process::flush().len(), 0);
    });
}
