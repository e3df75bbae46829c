//! Agents. Promises from Elixir's `agent_test.exs` and from the documentation of `Agent`.

use super::{assert_empty_mailbox, check, end_of};
use crabtree::agent;
use crabtree::gen_server::{CallFailure, StartError};
use crabtree::prelude::*;
use std::collections::BTreeMap;

type Map = BTreeMap<&'static str, &'static str>;

// test "start_link/2 workflow with unregistered name and anonymous functions"
#[test]
fn a_linked_agent_keeps_a_state_from_start_to_stop() {
    check(async {
        let agent = agent::start_link(Map::new).await.unwrap();
        assert_eq!(process::info(me()).unwrap().links, [agent.pid()]);
        agent::update(agent, |map| map.extend([("hello", "world")]))
            .await
            .unwrap();
        let world = agent::get(agent, |map| map.get("hello").copied()).timeout(secs(3));
        assert_eq!(world.await, Ok(Some("world")));
        let world = agent::get_and_update(agent, |map| map.remove("hello")).timeout(secs(3));
        assert_eq!(world.await, Ok(Some("world")));
        assert_eq!(agent::get(agent, Map::clone).await, Ok(Map::new()));
        agent::stop(agent).await.unwrap();
        assert!(!process::is_alive(agent));
    });
}

// test "start/2 workflow with registered name and module functions"
#[test]
fn an_agent_with_a_name_is_found_by_it() {
    check(async {
        let pid = agent::start(Map::new).name("agent").await.unwrap().pid();
        assert_eq!(process::info(me()).unwrap().links, []);
        assert_eq!(process::info(pid).unwrap().registered_name, Some("agent".into()));
        let agent = || agent::named::<Map>("agent");
        agent::cast(agent(), |map: &mut Map| map.extend([("hello", "world")]));
        assert_eq!(agent::get(agent(), |map: &Map| map.len()).await, Ok(1));
        assert_eq!(
            agent::get_and_update(agent(), |map: &mut Map| map.remove("hello")).await,
            Ok(Some("world"))
        );
        agent::stop(agent()).await.unwrap();
        assert_eq!(process::whereis("agent"), None);
    });
}

// test "start_link/2 with spawn_opt"
#[test]
fn an_agent_can_give_itself_a_priority() {
    check(async {
        let make = || process::flag(Flag::Priority, process::Priority::High);
        let agent = agent::start_link(make).await.unwrap();
        assert_eq!(process::info(agent.pid()).unwrap().priority, process::Priority::High);
    });
}

// test "can be supervised directly"
#[test]
fn a_supervised_agent_begins_anew_after_a_crash() {
    check(async {
        let sup = Supervisor::new(Strategy::OneForOne)
            .child(agent::child_spec("agent", || 1).name("supervised agent"))
            .start_link()
            .await
            .unwrap();
        let agent = || agent::named::<i32>("supervised agent");
        agent::update(agent(), |n| *n = 2).await.unwrap();
        let pid = process::whereis("supervised agent").unwrap();
        process::exit(pid, ExitReason::Kill);
        end_of(pid).await;
        supervisor::which_children(&sup).await.unwrap();
        assert_eq!(agent::get(agent(), |n| *n).await, Ok(1));
        supervisor::stop(&sup).await.unwrap();
    });
}

// test "generates child_spec/1"
#[test]
fn a_specification_is_permanent_unless_it_is_told_otherwise() {
    for (restart, again) in [(None, true), (Some(Restart::Temporary), false)] {
        check(async {
            let agent = agent::child_spec("agent", || 1);
            let agent = match restart {
                Some(restart) => agent.restart(restart).shutdown(Shutdown::Infinity).id("id"),
                None => agent,
            };
            let sup = Supervisor::new(Strategy::OneForOne).child(agent);
            let sup = sup.start_link().await.unwrap();
            let child = supervisor::which_children(sup).await.unwrap().remove(0);
            assert_eq!(child.id, if again { "agent" } else { "id" });
            process::exit(child.pid.unwrap(), ExitReason::Kill);
            end_of(child.pid.unwrap()).await;
            let active = supervisor::count_children(sup).await.unwrap().active;
            assert_eq!(active, usize::from(again));
            supervisor::stop(sup).await.unwrap();
        });
    }
}

// Agent.start_link: ":name", registered before the function runs
#[test]
fn a_supervised_agent_has_its_name_while_its_state_is_made() {
    check(async {
        let whose = || process::whereis("named early") == Some(me());
        let sup = Supervisor::new(Strategy::OneForOne)
            .child(agent::child_spec("early", whose).name("named early"))
            .start_link()
            .await
            .unwrap();
        assert_eq!(
            agent::get(agent::named::<bool>("named early"), |it| *it).await,
            Ok(true)
        );
        supervisor::stop(sup).await.unwrap();
    });
}

// doctests of Agent: get, get_and_update, update, cast, stop
#[test]
fn what_is_asked_and_told_takes_effect_in_order() {
    check(async {
        let agent = agent::start_link(|| 42).await.unwrap();
        assert_eq!(agent::get(agent, |state| *state).await, Ok(42));
        let step = |state: &mut i32| std::mem::replace(state, *state + 1);
        assert_eq!(agent::get_and_update(agent, step).await, Ok(42));
        assert_eq!(agent::update(agent, |state| *state += 1).await, Ok(()));
        agent::cast(agent, |state| *state += 12);
        assert_eq!(agent::get(agent, |state| *state).await, Ok(56));
        assert_eq!(agent::stop(agent).await, Ok(()));
    });
}

// doctest of Agent.start_link: a function that exits
#[test]
fn an_agent_whose_function_exits_gives_the_reason() {
    check(async {
        process::flag(Flag::TrapExit, true);
        let error = agent::start_link(|| -> i32 { exit("oops") }).await.unwrap_err();
        assert_eq!(error, StartError::Exit("oops".into()));
        assert_empty_mailbox();
    });
}

// Agent.stop: "synchronously stops the agent with the given reason"
#[test]
fn an_agent_ends_with_the_reason_that_it_is_given() {
    check(async {
        process::flag(Flag::TrapExit, true);
        let agent = agent::start_link(|| 0).await.unwrap();
        agent::stop_with(agent, ExitReason::Shutdown).await.unwrap();
        receive! { Exit { from, reason } => assert_eq!((from, reason), (agent.pid(), ExitReason::Shutdown)) }
    });
}

// Agent.start_link: "if the given function callback fails, the function returns {:error, reason}"
#[test]
fn an_agent_whose_state_cannot_be_made_does_not_start() {
    check(async {
        let error = agent::start(|| -> i32 { panic!("no state") })
            .name("stillborn")
            .await
            .unwrap_err();
        assert!(error.to_string().contains("no state"), "{error}");
        assert_eq!(process::whereis("stillborn"), None);
    });
}

// Agent.start_link: "if the name is already taken, returns {:error, {:already_started, pid}}"
#[test]
fn a_name_is_given_once() {
    check(async {
        let pid = agent::start(|| 0).name("only one").await.unwrap().pid();
        let error = agent::start(|| 0).name("only one").await.unwrap_err();
        let name = "only one".into();
        assert_eq!(error, StartError::AlreadyStarted { name, pid });
        agent::stop(agent::named::<i32>("only one")).await.unwrap();
    });
}

// Agent.get: "timeout is … the number of milliseconds before the agent executes the function and returns"
#[test]
fn who_gets_no_answer_in_time_gets_an_error_that_says_what_was_asked() {
    check(async {
        let agent = agent::start_link(|| 0).await.unwrap();
        sys::suspend(agent).await.unwrap();
        let error = agent::get(agent, |n| *n).timeout(ms(10)).await.unwrap_err();
        assert_eq!(error.to_string(), format!("agent::get({agent}): no answer within 10ms"));
        sys::resume(agent).await.unwrap();
        assert_eq!(agent::get(agent, |n| *n).await, Ok(0));
    });
}

// Agent, "A word on distributed agents" and "Client/server APIs": the function runs in the agent
#[test]
fn a_function_that_panics_ends_the_agent_and_not_the_client() {
    check(async {
        let agent = agent::start(|| 0).await.unwrap();
        let error = agent::update(agent, |_| panic!("a bad function")).await.unwrap_err();
        assert!(
            matches!(error.cause, CallFailure::Exit(ExitReason::Panic(_))),
            "{error}"
        );
        assert_eq!(end_of(agent.pid()).await, ExitReason::NoProc);
    });
}

// Agent.cast: "returns :ok immediately, even if the agent does not exist"
#[test]
fn a_cast_to_nobody_does_nothing_and_a_question_says_who_is_missing() {
    check(async {
        agent::cast(agent::named::<i32>("nobody"), |n| *n += 1);
        let error = agent::get(agent::named::<i32>("nobody"), |n| *n).await.unwrap_err();
        assert_eq!(error.cause, CallFailure::NoSuchName);
        assert!(error.request.contains("nobody"), "{error}");
    });
}

// test ":sys.change_code/4 with mfa", ":sys.change_code/4 with raising mfa"
#[test]
fn the_state_of_a_suspended_agent_changes_its_type_or_stays_as_it_is() {
    check(async {
        let agent = agent::start_link(|| 7).await.unwrap();
        sys::suspend(agent).await.unwrap();
        let refused = Box::new(|_: &mut i32| Err::<String, _>("not now".into()));
        assert!(
            sys::change_code::<agent::State<String>, _>(agent, refused)
                .await
                .is_err()
        );
        let change = Box::new(|n: &mut i32| Ok(n.to_string()));
        let changed = sys::change_code::<agent::State<String>, _>(agent, change)
            .await
            .unwrap();
        sys::resume(changed).await.unwrap();
        assert_eq!(agent::get(changed, String::clone).await, Ok("7".to_owned()));
    });
}
