//! Applications. Promises from OTP's `application_SUITE`, from Elixir's `application_test.exs`, and from the documentation
//! of `application` and `Application`.
//!
//! All applications of a program share one table, so each test has names of its own.

use super::{check, end_of};
use crabtree::application::{Application, ApplicationError, EnvError, Spec, Type};
use crabtree::io::string_io;
use crabtree::prelude::*;

/// Starts what it is told to, and tells somebody what it does.
struct Telling<F> {
    to: Pid,
    start: F,
}

impl<F, R> Application for Telling<F>
where
    F: Fn() -> R + Send + Sync + 'static,
    R: Future<Output = Result<Pid, ExitReason>> + Send,
{
    async fn start(&self) -> Result<Pid, ExitReason> {
        send(self.to, "start");
        (self.start)().await
    }

    async fn prep_stop(&self) {
        send(self.to, "prep_stop");
    }

    async fn stop(&self) {
        send(self.to, "stop");
    }
}

fn telling<F, R>(to: Pid, start: F) -> Telling<F>
where
    F: Fn() -> R + Send + Sync + 'static,
    R: Future<Output = Result<Pid, ExitReason>> + Send,
{
    Telling { to, start }
}

/// A supervisor without children.
async fn empty_tree() -> Result<Pid, ExitReason> {
    Ok(Supervisor::new(Strategy::OneForOne).start_link().await?.pid())
}

/// An application that does nothing but run.
fn plain(name: &'static str) -> Spec {
    Spec::new(name, telling(me(), empty_tree))
}

fn runs(name: &str) -> bool {
    let running = application::which_applications();
    running.iter().any(|application| application.name == name)
}

fn told() -> String {
    process::flush()
        .into_iter()
        .map(|message| format!("{message:?} ").replace('"', ""))
        .collect()
}

fn not_started(name: &'static str, needed_by: Option<&'static str>) -> ApplicationError {
    ApplicationError::NotStarted {
        name: name.into(),
        needed_by: needed_by.map(Into::into),
    }
}

// application:load: {error, {already_loaded, …}}; unload: {error, {not_loaded, …}}, {error, {running, …}}
#[test]
fn an_application_is_loaded_once_and_unloaded_when_it_does_not_run() {
    check(async {
        let name = "loaded once";
        application::load(plain(name)).unwrap();
        let error = application::load(plain(name)).unwrap_err();
        assert_eq!(error, ApplicationError::AlreadyLoaded(name.into()));
        application::start(name, Type::Temporary).await.unwrap();
        let error = application::unload(name).unwrap_err();
        assert_eq!(error, ApplicationError::Running(name.into()));
        application::stop(name).await.unwrap();
        application::unload(name).unwrap();
        let error = application::unload(name).unwrap_err();
        assert!(matches!(error, ApplicationError::NotLoaded { .. }), "{error}");
    });
}

// application:start: {error, {already_started, …}}; stop: {error, {not_started, …}}; `which_applications`
#[test]
fn an_application_is_started_once_and_stopped_once() {
    check(async {
        let name = "started once";
        let error = application::start(name, Type::Temporary).await.unwrap_err();
        assert!(error.to_string().contains("is not loaded"), "{error}");
        application::load(plain(name)).unwrap();
        assert_eq!(application::stop(name).await, Err(not_started(name, None)));
        application::start(name, Type::Temporary).await.unwrap();
        assert!(runs(name));
        let again = application::start(name, Type::Temporary).await;
        assert_eq!(again, Err(ApplicationError::AlreadyStarted(name.into())));
        application::stop(name).await.unwrap();
        assert!(!runs(name));
        assert_eq!(application::stop(name).await, Err(not_started(name, None)));
        application::start(name, Type::Temporary).await.unwrap();
        application::stop(name).await.unwrap();
    });
}

// application_SUITE:ensure_started
#[test]
fn to_ensure_that_it_is_started_can_be_repeated() {
    check(async {
        let name = "ensured";
        application::load(plain(name)).unwrap();
        for _ in 0..2 {
            application::ensure_started(name, Type::Temporary).await.unwrap();
            assert!(runs(name));
        }
        application::stop(name).await.unwrap();
    });
}

// application_SUITE:ensure_all_started, "Start dependencies", "Only report apps/dependencies that actually needed to start"
#[test]
fn what_an_application_needs_is_started_before_it() {
    check(async {
        let test = me();
        let tell = |name: &'static str| {
            telling(test, move || async move {
                send(test, name);
                empty_tree().await
            })
        };
        application::load(Spec::new("all 1", tell("1"))).unwrap();
        application::load(Spec::new("all 2", tell("2")).applications(["all 1"])).unwrap();
        application::load(Spec::new("all 3", tell("3")).applications(["all 1", "all 2"])).unwrap();
        let early = application::start("all 3", Type::Temporary).await;
        assert_eq!(early, Err(not_started("all 1", Some("all 3"))));
        let started = application::ensure_all_started("all 3", Type::Temporary).await.unwrap();
        assert_eq!(started, ["all 1", "all 2", "all 3"]);
        assert_eq!(told(), "start 1 start 2 start 3 ");
        let started = application::ensure_all_started("all 3", Type::Temporary).await.unwrap();
        assert!(started.is_empty());
        application::stop("all 3").await.unwrap();
        let started = application::ensure_all_started("all 3", Type::Temporary).await.unwrap();
        assert_eq!(started, ["all 3"]);
        let mine = application::which_applications();
        let mine = mine
            .iter()
            .filter(|application| application.name.as_str().starts_with("all "));
        let mine: Vec<_> = mine.map(|application| application.name.as_str()).collect();
        assert_eq!(mine, ["all 3", "all 2", "all 1"]);
        // OTP: to stop what others need does not stop the others.
        application::stop("all 1").await.unwrap();
        assert!(runs("all 2"));
    });
}

// application_SUITE:ensure_all_started, app_chain_error: "those that were started are stopped"
#[test]
fn when_one_of_them_fails_those_that_were_started_are_stopped() {
    check(async {
        application::load(plain("chain 1")).unwrap();
        let failing = telling(me(), || async { Err("no luck".into()) });
        application::load(Spec::new("chain 2", failing).applications(["chain 1"])).unwrap();
        application::load(plain("chain 3").applications(["chain 2"])).unwrap();
        let error = application::ensure_all_started("chain 3", Type::Temporary).await;
        assert_eq!(
            error,
            Err(ApplicationError::Start {
                name: "chain 2".into(),
                reason: "no luck".into()
            })
        );
        assert!(!runs("chain 1"));
        application::load(plain("chain 4").applications(["chain 5"])).unwrap();
        let error = application::ensure_all_started("chain 4", Type::Temporary).await;
        assert!(matches!(error, Err(ApplicationError::NotLoaded { name, .. }) if name == "chain 5"));
    });
}

// application_controller's tests on start order, `loop`: a circle of dependencies is an error
#[test]
fn applications_that_need_each_other_are_refused() {
    check(async {
        application::load(plain("circle 1").applications(["circle 2"])).unwrap();
        application::load(plain("circle 2").applications(["circle 3"])).unwrap();
        application::load(plain("circle 3").applications(["circle 2"])).unwrap();
        let error = application::ensure_all_started("circle 1", Type::Temporary).await;
        let error = error.unwrap_err();
        let circle = ["circle 2", "circle 3", "circle 2"].map(Into::into).to_vec();
        assert_eq!(error, ApplicationError::Circular(circle));
        assert!(
            error
                .to_string()
                .ends_with(r#""circle 2" needs "circle 3" needs "circle 2""#)
        );
    });
}

// application: start/2 "{error, Reason}", and a crash in it; nothing of it is left
#[test]
fn a_start_that_fails_gives_the_reason_and_leaves_nothing() {
    check(async {
        let test = me();
        let panicking = telling(test, move || async move {
            send(test, spawn(process::sleep(secs(3600))));
            panic!("no start")
        });
        application::load(Spec::new("fails", panicking)).unwrap();
        let error = application::start("fails", Type::Temporary).await.unwrap_err();
        assert!(error.to_string().contains("no start"), "{error}");
        assert!(!runs("fails"));
        receive! { orphan: Pid => assert!(!process::is_alive(orphan)) }
        assert!(application::start("fails", Type::Temporary).await.is_err());
    });
}

// application_controller:handle_call({start_application, …}): one start at a time, of which all who asked get the result
#[test]
fn who_starts_what_somebody_else_is_starting_waits_for_it() {
    check(async {
        let test = me();
        let slow = telling(test, || async {
            process::sleep(secs(1)).await;
            empty_tree().await
        });
        application::load(Spec::new("slow", slow)).unwrap();
        let both = futures::join!(
            application::start("slow", Type::Temporary),
            application::start("slow", Type::Temporary)
        );
        assert_eq!(both, (Ok(()), Ok(())));
        assert_eq!(told(), "start ");
        application::stop("slow").await.unwrap();
    });
}

// Application.prep_stop: "called before the application is stopped"; stop: "after"; children stop in reverse order
#[test]
fn callbacks_surround_the_end_of_the_tree() {
    check(async {
        let test = me();
        let tree = telling(test, move || async move {
            let child = |name: &'static str| {
                ChildSpec::new(name, move || async move {
                    Ok(spawn_link(async move {
                        process::flag(Flag::TrapExit, true);
                        receive! { Exit { .. } => send(test, name) }
                    }))
                })
            };
            let sup = Supervisor::new(Strategy::OneForOne)
                .child(child("first"))
                .child(child("second"));
            Ok(sup.start_link().await?.pid())
        });
        application::load(Spec::new("callbacks", tree)).unwrap();
        application::start("callbacks", Type::Temporary).await.unwrap();
        // Everybody had a turn.
        process::sleep(ms(1)).await;
        application::stop("callbacks").await.unwrap();
        assert_eq!(told(), "start prep_stop second first stop ");
    });
}

// application_master:kill_all_procs: what is left of the application's processes is killed
#[test]
fn nothing_outlives_an_application() {
    check(async {
        let test = me();
        let untidy = telling(test, move || async move {
            spawn(async move {
                process::flag(Flag::TrapExit, true);
                send(test, spawn(process::sleep(secs(3600))));
                process::sleep(secs(3600)).await;
            });
            empty_tree().await
        });
        application::load(Spec::new("untidy", untidy)).unwrap();
        application::start("untidy", Type::Temporary).await.unwrap();
        let orphan: Pid = receive! { orphan: Pid => orphan };
        assert_eq!(application::get_application(orphan), Some("untidy".into()));
        assert_eq!(application::get_application(me()), None);
        application::stop("untidy").await.unwrap();
        assert!(!process::is_alive(orphan));
        assert_eq!(application::get_application(orphan), None);
    });
}

// application_master: the master is the group leader, and passes all I/O on to the old one
#[test]
fn what_an_application_writes_goes_to_who_started_it() {
    check(async {
        let device = string_io::open("typed\n");
        process::set_group_leader(me(), device);
        let talking = telling(me(), || async {
            let line = io::gets(io::STDIO, "").await.map_err(ExitReason::from)?;
            crabtree::print!("read {}", line.unwrap_or_default());
            empty_tree().await
        });
        application::load(Spec::new("talking", talking)).unwrap();
        application::start("talking", Type::Temporary).await.unwrap();
        application::stop("talking").await.unwrap();
        let (_, output) = string_io::contents(device).unwrap();
        assert_eq!(output, "read typed\n[notice] Application talking exited: stopped\n");
    });
}

// application: "temporary: if the application terminates, this is reported but no other applications are terminated"
#[test]
fn a_temporary_application_ends_alone() {
    check(async {
        let device = string_io::open("");
        process::set_group_leader(me(), device);
        let test = me();
        let short = telling(test, move || async move {
            let root = empty_tree().await?;
            send(test, root);
            Ok(root)
        });
        application::load(Spec::new("short", short)).unwrap();
        application::load(plain("bystander")).unwrap();
        application::start("bystander", Type::Temporary).await.unwrap();
        application::start("short", Type::Temporary).await.unwrap();
        let root: Pid = receive! { root: Pid => root };
        let master = process::info(root).unwrap().group_leader;
        process::exit(root, ExitReason::Kill);
        end_of(master).await;
        assert!(!runs("short"));
        assert!(runs("bystander"));
        assert_eq!(told(), "start start prep_stop stop ");
        let (_, output) = string_io::contents(device).unwrap();
        assert_eq!(output, "[notice] Application short exited: killed\n");
        application::stop("bystander").await.unwrap();
    });
}

/// In OTP the caller would wait for itself.
#[test]
fn an_application_is_not_stopped_from_within() {
    check(async {
        let test = me();
        let suicidal = telling(test, move || async move {
            let inside = spawn(async move {
                receive! { "go" => send(test, application::stop("suicidal").await) }
            });
            send(test, inside);
            empty_tree().await
        });
        application::load(Spec::new("suicidal", suicidal)).unwrap();
        application::start("suicidal", Type::Temporary).await.unwrap();
        receive! { inside: Pid => send(inside, "go") }
        let stopped: Result<(), ApplicationError> = receive! { stopped: Result<(), ApplicationError> => stopped };
        assert_eq!(stopped, Err(ApplicationError::StoppingSelf("suicidal".into())));
        application::stop("suicidal").await.unwrap();
    });
}

// application: a specification without `mod` is that of a library; it has no processes
#[test]
fn a_library_runs_without_processes() {
    check(async {
        application::load(Spec::library("library").vsn("1.0").env("size", 3)).unwrap();
        application::load(plain("reader").applications(["library"])).unwrap();
        let started = application::ensure_all_started("reader", Type::Temporary)
            .await
            .unwrap();
        assert_eq!(started, ["library", "reader"]);
        assert_eq!(application::get_env("library", "size"), Some(3));
        application::stop("library").await.unwrap();
        assert!(!runs("library"));
        application::stop("reader").await.unwrap();
    });
}

// application_test "application specification", "loaded and started applications"
#[test]
fn an_application_says_what_it_is() {
    check(async {
        let spec = plain("described").description("what it is").vsn("0.1.0");
        application::load(spec.applications(["described too"])).unwrap();
        let spec = application::spec("described").unwrap();
        assert_eq!((spec.description.as_str(), spec.vsn.as_str()), ("what it is", "0.1.0"));
        assert_eq!(spec.applications, ["described too"]);
        assert!(application::loaded_applications().contains(&spec));
        assert_eq!(application::spec("unknown application"), None);
    });
}

// application_test "application environment"; application_SUITE:get_env
#[test]
fn the_environment_is_read_and_written() {
    check(async {
        let name = "environment";
        application::load(plain(name).env("known", "from the specification")).unwrap();
        assert_eq!(application::get_env::<i32>(name, "unknown"), None);
        let error = application::fetch_env::<i32>(name, "unknown").unwrap_err();
        assert!(matches!(error, EnvError::NotSet { keys, .. } if keys == ["known"]));
        application::put_env(name, "unknown", 1);
        application::put_env(name, "unknown", 2);
        assert_eq!(application::fetch_env::<i32>(name, "unknown"), Ok(2));
        assert_eq!(
            format!("{:?}", application::get_all_env(name)),
            r#"[("known", "from the specification"), ("unknown", 2)]"#
        );
        application::delete_env(name, "unknown");
        assert_eq!(application::get_env::<i32>(name, "unknown"), None);
        let error = application::fetch_env::<String>(name, "known").unwrap_err();
        assert!(matches!(error, EnvError::OtherType { found: "&str", .. }), "{error}");
    });
}

// application:set_env with `persistent`: the value stays when the application is loaded; unload takes the environment along
#[test]
fn a_value_that_is_there_before_goes_before_that_of_the_specification() {
    check(async {
        let name = "set up";
        application::put_env(name, "port", 8080);
        application::load(plain(name).env("port", 80).env("host", "here")).unwrap();
        assert_eq!(application::get_env(name, "port"), Some(8080));
        assert_eq!(application::get_env(name, "host"), Some("here"));
        application::unload(name).unwrap();
        assert_eq!(application::get_env::<i32>(name, "port"), None);
    });
}
