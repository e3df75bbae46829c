//! What values look like, what is said about mistakes, and how long the children of a cell live.

mod common;

use std::path::Path;

use common::{Execution, Kernel, Message, Shell, execute_content, in_session};
use serde_json::json;

fn report(failed: &Execution) -> String {
    let lines = failed.reply["traceback"].as_array().unwrap();
    let lines: Vec<&str> = lines.iter().map(|line| line.as_str().unwrap()).collect();
    console::strip_ansi_codes(&lines.join("\n")).into_owned()
}

/// A cell must fail, and its report say all of that.
async fn check(kernel: &mut Kernel, code: &str, wanted: &[&str]) {
    let failed = kernel.execute(code).await;
    failed.error();
    let report = report(&failed);
    for wanted in wanted {
        assert!(report.contains(wanted), "{code}: {wanted:?} is not in\n{report}");
    }
    for unwanted in ["evcxr", "Evcxr", "persist", "src/lib.rs"] {
        assert!(!report.contains(unwanted), "{code}: {unwanted:?} is in\n{report}");
    }
}

#[test]
fn variables_that_cannot_be_kept_are_explained_where_they_are_bound() {
    in_session(async |kernel| {
        kernel
            .run("let text = String::from(\"a b\"); async fn five() -> i32 { 5 }")
            .await;
        check(
            kernel,
            "1;\nlet view = text.as_str();",
            &["`view` borrows", "2:5", ".to_owned()"],
        )
        .await;
        check(
            kernel,
            "let add = |a: i32| a + 1;",
            &["`add` is a closure", "1:5", "fn add(…)"],
        )
        .await;
        check(
            kernel,
            "let later = five();",
            &["`later` is a future", "let later = ….await;"],
        )
        .await;
        check(
            kernel,
            "let it = vec![1].into_iter().map(|x| x + 1);",
            &["no name", ".collect()"],
        )
        .await;
        kernel
            .run("async fn load() -> Result<i32, Box<dyn std::error::Error + Send + Sync>> { Ok(5) }")
            .await;
        let both = "let (loaded, n) = (load().await, 3);";
        check(kernel, both, &["`Error` in it", "`use std::error::Error;`"]).await;
        kernel.run(&format!("use std::error::Error;\n{both}")).await;
        assert_eq!(kernel.value("(loaded.unwrap(), n)").await, "(5, 3)");
        assert_eq!(kernel.value("text").await, "\"a b\"");
    });
}

#[test]
fn a_variable_that_is_gone_is_told_with_the_cell_that_took_it() {
    in_session(async |kernel| {
        kernel
            .run("struct P { x: i32 } let moved = vec![1]; let p = P { x: 1 };")
            .await;
        let mover = kernel.run("drop(moved);").await.count();
        check(
            kernel,
            "moved.len()",
            &[
                "cannot find value `moved`",
                &format!("cell [{mover}] moved `moved` away"),
            ],
        )
        .await;
        let failed = kernel.execute("let never = 1; panic!(\"no\");").await;
        let unmade = format!("cell [{}] was to make `never`, but failed", failed.count());
        check(kernel, "never", &[&unmade]).await;
        kernel.run("struct P { x: i64 }").await;
        check(kernel, "p.x", &["`p` was lost, for its type has another definition"]).await;
        kernel.run("let moved = vec![2]; let never = 3;").await;
        assert_eq!(kernel.value("(moved, never)").await, "([2], 3)");
    });
}

#[test]
fn what_notebooks_get_wrong_gets_a_sentence_of_its_own() {
    in_session(async |kernel| {
        kernel.run("async fn five() -> i32 { 5 } let count = 5;").await;
        check(
            kernel,
            "let n: i32 = five();",
            &["expected `i32`, found future", "a future does nothing until"],
        )
        .await;
        check(kernel, "five() + 1", &["a future does nothing until it is awaited"]).await;
        check(
            kernel,
            "task::async_(async { 5 }) + 1",
            &["a task gives its value when it is awaited"],
        )
        .await;
        check(kernel, "let v = vec![1]; drop(v); v.len()", &["move a clone"]).await;
        check(
            kernel,
            "let n = vec![1]; spawn(async { println!(\"{n:?}\") });",
            &["write `async move`"],
        )
        .await;
        check(kernel, "count += 1;", &["let mut count = count;"]).await;
    });
}

#[test]
fn a_compile_error_has_rustcs_words_colours_places_in_the_cell_and_help() {
    in_session(async |kernel| {
        let failed = kernel
            .execute("let one = 1;\n\nlet text: String = one;\nlet count: usize = \"many\";")
            .await;
        assert_eq!(failed.of_type("error").count(), 1, "{failed:?}");
        assert_eq!(failed.error().1, "mismatched types [E0308]");
        let lines: Vec<&str> = failed.reply["traceback"]
            .as_array()
            .unwrap()
            .iter()
            .map(|line| line.as_str().unwrap())
            .collect();
        assert!(
            lines[0].starts_with("\u{1b}[31m\u{1b}[1merror[E0308]\u{1b}[0m"),
            "{lines:?}"
        );
        let cell = failed.count();
        let report = report(&failed);
        let wanted = format!(
            "error[E0308]: mismatched types\n --> cell [{cell}] 3:20\n  |\n3 | let text: String = one;\n  |                    ^^^ expected `String`, found integer\n  |           ------ expected due to this\n  = help: try using a conversion method: `.to_string()`\n"
        );
        assert!(report.starts_with(&wanted), "{report}");
        assert!(report.contains(&format!("--> cell [{cell}] 4:20")), "{report}");
        // What rustc names by its place in the generated source has no name.
        let no_send = "fn send_it(_: impl Send) {} send_it(async { let text = std::rc::Rc::new(1); std::future::ready(1).await; drop(text); });";
        check(kernel, no_send, &["future cannot be sent between threads safely"]).await;
        check(
            kernel,
            "let n: i32 = async { 5 };",
            &["expected `i32`, found `async` block"],
        )
        .await;
        check(kernel, "trace::seq(async { 5 });", &["{async block}"]).await;
    });
}

#[test]
fn what_a_cell_defines_is_called_as_its_author_calls_it_and_places_are_in_cells() {
    in_session(async |kernel| {
        let bomb = kernel
            .run("mod kitchen { use super::*; pub async fn burn() { panic!(\"too hot\") } }")
            .await
            .count();
        let cell = kernel
            .run(
                "process::flag(Flag::TrapExit, true);\nlet burning = task::async_(kitchen::burn());\nlet quick = task::async_(async { 5 });
                 println!(\"{burning:?}\\n{quick:?}\\n{}\", std::panic::Location::caller());
                 let pid = burning.pid().unwrap(); receive! { Exit { from, reason } if from == pid => println!(\"{reason}\") }
                 process::sleep(ms(5)).await; process::info(spawn(process::sleep(secs(5)))).unwrap().spawned_at",
            )
            .await;
        let (out, err, own) = (cell.stdout(), cell.stream("stderr"), cell.count());
        for wanted in [
            "Task { function: kitchen::burn, owner".to_owned(),
            format!("Task {{ function: cell [{own}], owner"),
            format!("\ncell [{own}] 4:"),
            format!("(panic) too hot at cell [{bomb}] 1:"),
        ] {
            assert!(out.contains(&wanted), "{wanted}: {out}");
        }
        assert!(
            err.contains(&format!("Function: kitchen::burn, started at cell [{own}] 2:15")),
            "{err}"
        );
        assert!(
            cell.value().starts_with(&format!("cell [{own}] 6:")),
            "{}",
            cell.value()
        );
        let called = kernel
            .run("process::info(spawn(async { process::sleep(secs(5)).await })).unwrap().initial_call")
            .await;
        assert_eq!(called.value(), format!("\"cell [{}]\"", called.count()));
        // Redefined, it is in a module of its own that nobody has written.
        kernel.run("#[derive(Debug)] struct Dish(u8); impl GenServer for Dish { type Args = (); async fn init(_: ()) -> Init<Self> { Init::ok(Dish(1)) } }").await;
        let again = "#[derive(Debug)] struct Dish(u16); impl GenServer for Dish { type Args = (); async fn init(_: ()) -> Init<Self> { Init::ok(Dish(1)) } }\n\
            process::info(gen_server::start_link::<Dish>(()).await?).unwrap().initial_call";
        assert_eq!(kernel.value(again).await, "\"Dish\"");
    });
}

#[test]
fn values_say_what_they_are_and_how_to_go_on() {
    in_session(async |kernel| {
        kernel.run("async fn five() -> i32 { 5 } struct Opaque;").await;
        for (code, wanted) in [
            (
                "five()",
                "a future that did not run: nobody awaits it. `.await` runs it and gives its value: i32",
            ),
            (
                "process::sleep(ms(5))",
                "a future that did not run: nobody awaits it. `.await` runs it",
            ),
            ("agent::start_link(|| 5)", "Server<State<i32>>"),
            ("(0..3).map(|x| x * 2)", "an iterator of i32 that did not run"),
            ("|a: i32| a", "a closure"),
            ("Opaque", "#[derive(Debug)]"),
            ("\"5\".parse::<i32>()", "Ok(5)"),
            ("\"x\".parse::<i32>()", "Err(ParseIntError { kind: InvalidDigit })"),
            ("(0..1_000_000).collect::<Vec<i32>>()", "cut after 10000 characters"),
            ("task::async_(async { 5 })", "`.await?`"),
            ("agent::start_link(|| 5).await?", "keeps a value of type i32"),
            (
                "Supervisor::new(Strategy::OneForOne).child(agent::child_spec(\"kept\", || 5)).start_link().await?",
                "└── kept <0.",
            ),
            ("DynamicSupervisor::new().start_link().await?", "no children"),
            (
                "registry::unique::<String, u32>(\"shown\").start_link().await?",
                "shown",
            ),
            ("[1, 2].iter()", "an iterator of &i32 that did not run"),
            ("vec![\"a line\"; 5000]", "cut after 10000 characters"),
        ] {
            let value = kernel.value(code).await;
            assert!(value.contains(wanted), "{code}: {value:.300}");
        }
        assert_eq!(kernel.value("0..3").await, "0..3");
        assert_eq!(kernel.value("1").await, "1");
        assert_eq!(kernel.value("2.5").await, "2.5");
    });
}

async fn send_cell(kernel: &mut Kernel, cell: &str, code: &str) -> Execution {
    let mut message = Message::request("execute_request", execute_content(code));
    message.metadata = json!({"cellId": cell});
    let request = kernel.send_message(Shell, message).await;
    kernel.finish(request).await
}

/// Runs a cell of a notebook.
async fn run_cell(kernel: &mut Kernel, cell: &str, code: &str) -> Execution {
    let ran = send_cell(kernel, cell, code).await;
    assert_eq!(ran.reply["status"], "ok", "{code}: {ran:?}");
    ran
}

#[test]
fn the_children_of_a_cell_end_when_it_is_run_again_and_plain_spawns_do_not() {
    in_session(async |kernel| {
        let code = "kino::start_child(agent::child_spec(\"child\", || 7).name(\"child\")).await?";
        let first = run_cell(kernel, "a", code).await.value();
        run_cell(kernel, "b", "let plain = spawn(process::sleep(secs(3600)));").await;
        assert_eq!(
            kernel.value("process::whereis(\"child\")").await,
            format!("Some({first})")
        );
        run_cell(kernel, "b", "let other = 1;").await;
        let alive = kernel
            .value("(process::whereis(\"child\").is_some(), process::is_alive(plain))")
            .await;
        assert_eq!(alive, "(true, true)", "another cell is run again");
        let second = run_cell(kernel, "a", code).await.value();
        assert_ne!(first, second, "the name was free");
        run_cell(kernel, "a", "1").await;
        assert_eq!(kernel.value("process::whereis(\"child\")").await, "None");
        assert_eq!(kernel.value("process::is_alive(plain)").await, "true");
        // They end before the cell is compiled.
        run_cell(kernel, "a", code).await;
        let broken = send_cell(kernel, "a", "let x: u8 = \"no number\";").await;
        assert_eq!(broken.reply["ename"], "CompileError", "{broken:?}");
        assert_eq!(kernel.value("process::whereis(\"child\")").await, "None");
    });
}

#[test]
fn values_with_a_method_for_evcxr_are_shown_by_it() {
    in_session(async |kernel| {
        kernel
            .run(
                "fn content(mime: &str, text: &str) { println!(\"EVCXR_BEGIN_CONTENT {mime}\\n{text}\\nEVCXR_END_CONTENT\") }\n\
                 #[derive(Debug)]\nstruct Up;\nimpl Up {\n    fn evcxr_display(&self) { content(\"text/html\", \"<b>up</b>\"); content(\"text/plain\", \"up\"); }\n}\n\
                 struct Down2;\ntrait Draw { fn evcxr_display(&self) -> Result<(), String>; }\n\
                 impl Draw for Down2 { fn evcxr_display(&self) -> Result<(), String> { content(\"image/png\", \"iVBORw0KGgo=\"); Ok(()) } }\n\
                 struct Std;\nimpl Std { fn evcxr_display(&self) { std::println!(\"EVCXR_BEGIN_CONTENT text/html\\n<i>std</i>\\nEVCXR_END_CONTENT\") } }",
            )
            .await;
        for (code, data) in [
            ("Up", json!({"text/html": "<b>up</b>", "text/plain": "up"})),
            ("Down2", json!({"image/png": "iVBORw0KGgo="})),
            ("Std", json!({"text/html": "<i>std</i>"})),
        ] {
            let shown = kernel.run(code).await;
            let results: Vec<_> = shown.of_type("execute_result").collect();
            assert_eq!(results.len(), 1, "{code}: {shown:?}");
            assert_eq!(results[0].content["data"], data, "{code}");
            assert_eq!(shown.stdout(), "", "{code}");
        }
        // Elsewhere it is a display, in the order of the other outputs.
        let shown = kernel
            .run("println!(\"one\"); Up.evcxr_display(); println!(\"two\"); 5")
            .await;
        let kinds: Vec<_> = shown
            .published
            .iter()
            .map(|message| message.msg_type.as_str())
            .collect();
        assert_eq!(
            kinds,
            [
                "execute_input",
                "stream",
                "display_data",
                "display_data",
                "stream",
                "execute_result"
            ],
            "{shown:?}"
        );
        assert_eq!(shown.stdout(), "one\ntwo\n");
        // Others are shown as ever.
        assert_eq!(kernel.value("Some(Up)").await, "Some(Up)");
        assert_eq!(kernel.value("(1, None::<u8>)").await, "(1, None)");
        kernel.run("let text: String = Default::default();").await;
        assert_eq!(kernel.value("text").await, "\"\"");
    });
}

#[test]
fn commands_work_or_say_what_replaced_them() {
    in_session(async |kernel| {
        kernel.run("let answer = 42;").await;
        assert!(kernel.value(":help").await.contains(":dep"));
        assert!(kernel.value(":vars").await.contains("answer: i32"));
        assert_eq!(kernel.value(":type answer").await, "answer: i32");
        assert_eq!(kernel.value(":t answer").await, "answer: i32");
        assert!(kernel.value(":doc answer").await.contains("i32"));
        assert!(kernel.value(":show_deps").await.contains("tokio"));
        assert!(kernel.value(":version").await.contains('.'));
        assert!(kernel.value(":linker").await.contains("system"));
        assert!(kernel.value(":opt 1").await.contains("Optimization: 1"));
        kernel.run(":opt 0").await;
        kernel.run(":timing").await;
        assert!(
            kernel
                .run("answer + 1")
                .await
                .stream("stderr")
                .contains("compiled and ran in")
        );
        kernel.run(":timing").await;
        for (command, instead) in [
            (":time", ":timing"),
            (":last_error", ":explain"),
            (":toolchain nightly", "doctor"),
            (":load_config", "not read"),
            (":fmt {:#?}", "Render"),
            (":efmt {}", "Debug"),
            (":types", ":vars"),
            (":preserve_vars_on_panic 0", "not moved"),
            (":sccache 1", "nothing to set"),
            (":cache 500", "nothing to set"),
            (":quit", "front end"),
        ] {
            assert!(
                kernel.run(command).await.stream("stderr").contains(instead),
                "{command}"
            );
        }
        check(
            kernel,
            ":nonsense",
            &["there is no command `:nonsense`; `:help` tells of all"],
        )
        .await;
        check(kernel, "let n: i32 = \"a\";", &["mismatched types"]).await;
        assert!(kernel.value(":explain").await.contains("expected"));
        let json = kernel.execute(":last_error_json").await;
        assert!(json.error().1.contains("\"E0308\""), "{json:?}");
        kernel.run(":env CRABTREE_TEST=set").await;
        kernel.run(":restart").await;
        assert_eq!(kernel.value("std::env::var(\"CRABTREE_TEST\")").await, "Ok(\"set\")");
        assert_eq!(kernel.value("!echo shell").await, "shell\n");
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn configuration_files_of_evcxr_are_not_read_and_the_reader_is_told() {
    let elsewhere = tempfile::tempdir().unwrap();
    let toml = format!("[evcxr]\ntmpdir = {:?}\nopt_level = \"nonsense\"\n", elsewhere.path());
    let user = elsewhere.path().join("evcxr");
    std::fs::create_dir(&user).unwrap();
    for file in ["evcxr.toml", "init.evcxr", "prelude.rs"] {
        std::fs::write(user.join(file), "this is no configuration").unwrap();
    }
    let home = elsewhere.path().to_str().unwrap();
    let mut kernel = Kernel::start_with(&[("XDG_CONFIG_HOME", home)], &[("evcxr.toml", toml.as_str())]).await;
    let first = kernel.run("let directory = std::env::current_dir().unwrap();").await;
    assert!(
        first.stream("stderr").starts_with("evcxr.toml is not read: "),
        "{first:?}"
    );
    assert_eq!(kernel.run("1").await.stream("stderr"), "", "it is told once");
    assert_eq!(kernel.value("directory.join(\"evcxr.toml\").exists()").await, "true");
    let left = std::fs::read_dir(elsewhere.path()).unwrap().count();
    assert_eq!(left, 1, "nothing is compiled elsewhere");
}

#[test]
fn a_dependency_is_built_before_the_readers_eyes_and_one_that_fails_leaves_the_session_as_it_was() {
    in_session(async |kernel| {
        let directory = tempfile::tempdir().unwrap();
        let make = |name: &str, code: &str| {
            let package = directory.path().join(name);
            std::fs::create_dir_all(package.join("src")).unwrap();
            let manifest =
                format!("[package]\nname = \"{name}\"\nversion = \"0.3.1\"\nedition = \"2024\"\n[workspace]\n");
            std::fs::write(package.join("Cargo.toml"), manifest).unwrap();
            std::fs::write(package.join("src/lib.rs"), code).unwrap();
            format!(":dep {name} = {{ path = {package:?} }}\n")
        };
        kernel.run("let kept: usize = 7;").await;
        let broken = make("broken", "compile_error!(\"it is broken\");");
        let failed = kernel.execute(&(broken + "broken::f()")).await;
        assert!(failed.error().1.contains("broken"), "{}", report(&failed));
        check(
            kernel,
            ":dep nowhere = { path = \"/nowhere\" }",
            &["No such file", "/nowhere"],
        )
        .await;
        assert_eq!(kernel.value("kept").await, "7");
        // rustc reads a pipe, and so does not end before it is seen.
        let pipe = directory.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
        assert!(made.success());
        let helper = make(
            "helper",
            &format!("pub fn seven() -> usize {{ 7 + include_str!({pipe:?}).len() }}"),
        );
        let request = kernel.send_code(&(helper + "helper::seven() + kept")).await;
        let told = kernel
            .published("what is compiled", |message| message.is("update_display_data"))
            .await;
        let told = &told.content["data"]["text/plain"];
        assert_eq!(told, "helper 0.3.1\nCompiling helper 0.3.1 (1)");
        let open = tokio::task::spawn_blocking(move || std::fs::OpenOptions::new().write(true).open(pipe));
        drop(open.await.unwrap().unwrap());
        let built = kernel.finish(request).await;
        assert_eq!(built.reply["status"], "ok", "{built:?}");
        assert_eq!(built.value(), "14");
        let left = built.of_type("update_display_data").last().unwrap();
        assert_eq!(left.content["data"]["text/plain"], "helper 0.3.1");
        // The packages are about to be removed.
        kernel.run(":clear").await;
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn dependencies_are_found_beside_the_notebook_and_refused_with_the_reason() {
    let mut kernel = Kernel::start_with(&[("CARGO_NET_OFFLINE", "true")], &[]).await;
    let here = kernel.value("std::env::current_dir()?").await;
    let package = Path::new(here.trim_matches('"')).join("beside");
    std::fs::create_dir_all(package.join("src")).unwrap();
    std::fs::write(
        package.join("Cargo.toml"),
        "[package]\nname = \"beside\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[features]\nmore = []\n[workspace]\n",
    )
    .unwrap();
    std::fs::write(
        package.join("src/lib.rs"),
        "pub fn more() -> bool { cfg!(feature = \"more\") }",
    )
    .unwrap();
    let relative = ":dep beside = { path = \"beside\", features = [\"more\"] }\nbeside::more()";
    assert_eq!(kernel.value(relative).await, "true");

    let unknown = ":dep crabtree-no-such-package = \"1\"";
    check(&mut kernel, unknown, &["crabtree-no-such-package", "offline"]).await;
    let from_git = ":dep elsewhere = { git = \"https://127.0.0.1:9/elsewhere\" }";
    check(&mut kernel, from_git, &["https://127.0.0.1:9/elsewhere", "offline"]).await;
    assert_eq!(kernel.value("beside::more()").await, "true", "the session is as it was");
}

/// The one message of that type.
fn only<'a>(ran: &'a Execution, msg_type: &str) -> &'a Message {
    let mut found = ran.of_type(msg_type);
    let (first, second) = (found.next(), found.next());
    assert!(second.is_none(), "{ran:?}");
    first.unwrap_or_else(|| panic!("no {msg_type} in {ran:?}"))
}

#[test]
fn outputs_come_in_forms_that_front_ends_show() {
    in_session(async |kernel| {
        for (code, forms, text) in [
            (
                "kino::data_table([(1, \"a\")])",
                vec!["text/html", "text/plain"],
                "1  2\n─  ─\n1  a",
            ),
            ("kino::tree(&[1])", vec!["text/html", "text/plain"], "[\n    1,\n]"),
            (
                "kino::mermaid(\"flowchart LR\\na --> b\")",
                vec!["image/svg+xml", "text/html", "text/plain"],
                "flowchart LR\na --> b",
            ),
            (
                "kino::image(b\"GIF89a\")?",
                vec!["image/gif", "text/plain"],
                "GIF, 6 bytes",
            ),
            ("kino::text(\"\\x1b[31mred\")", vec!["text/plain"], "\u{1b}[31mred"),
        ] {
            let ran = kernel.run(code).await;
            let data = &only(&ran, "execute_result").content["data"];
            let given: Vec<&String> = data.as_object().unwrap().keys().collect();
            assert_eq!(given, forms, "{code}");
            assert_eq!(data["text/plain"], text, "{code}");
        }
        let quiet = kernel.run("kino::nothing()").await;
        assert!(quiet.of_type("execute_result").next().is_none(), "{quiet:?}");

        let debugged = kernel.run("let n = kino::debug!([1, 2].iter().sum::<i32>());").await;
        let shown = &only(&debugged, "display_data").content["data"]["text/plain"];
        assert_eq!(shown.as_str().unwrap().lines().count(), 3, "{shown}");
        assert_eq!(kernel.value("n").await, "3");

        let ended = kernel
            .execute("let m = 4; if n == 3 { kino::interrupt(\"answer first\") }")
            .await;
        assert!(ended.error().1.contains("answer first"), "{ended:?}");
    });
}

#[test]
fn live_outputs_change_in_their_place_and_end_when_their_cell_is_run_again() {
    in_session(async |kernel| {
        let code = "let beat = kino::animate(kino::interval(ms(20)), |n| async move { kino::text(n.to_string()) });";
        let ran = run_cell(kernel, "a", code).await;
        let display_id = only(&ran, "display_data").content["transient"]["display_id"].clone();
        let later = kernel
            .published("a later beat", |message| {
                let text = &message.content["data"]["text/plain"];
                message.is("update_display_data") && text.as_str().unwrap().parse::<u64>().unwrap() > 2
            })
            .await;
        assert_eq!(later.content["transient"]["display_id"], display_id);
        assert_eq!(kernel.value("process::is_alive(beat.pid())").await, "true");
        run_cell(kernel, "a", "let other = 1;").await;
        assert_eq!(kernel.value("process::is_alive(beat.pid())").await, "false");

        // A loop that never awaits shows how far it is, and where it came to in the end.
        let busy = kernel
            .run("for n in kino::progress(100_000).over(0..100_000) { std::hint::black_box(n); }")
            .await;
        let last = busy.of_type("update_display_data").last().unwrap().content["data"]["text/plain"].clone();
        assert!(last.as_str().unwrap().contains("100% · 100000/100000"), "{last}");
    });
}
