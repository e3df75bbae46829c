//! One runtime for the whole session: processes live from cell to cell.

mod common;

use std::collections::HashMap;

use common::{Kernel, in_session};

#[tokio::test(flavor = "multi_thread")]
async fn a_process_spawned_in_the_first_cell_answers_in_the_fiftieth() {
    let mut kernel = Kernel::start().await;
    kernel
        .run("let echo = spawn(async { loop { receive! { (from, text): (Pid, String) => send(from, text) } } });")
        .await;
    for number in 2..50 {
        assert_eq!(kernel.run(&format!("let _ = {number};")).await.count(), number);
    }
    let cell = kernel
        .run("send(echo, (me(), \"still here\".to_string())); receive! { text: String => println!(\"{text}\"), after secs(5) => println!(\"nobody\") }")
        .await;
    assert_eq!((cell.count(), cell.stdout()), (50, "still here\n".to_owned()));
}

#[test]
fn cells_share_one_process_table_one_tokio_runtime_and_one_name_registry() {
    in_session(async |kernel| {
        let evaluator = kernel.value("me()").await;
        kernel
            .run("let p = spawn(async { std::future::pending::<()>().await }); process::register(p, \"pending\")?;")
            .await;
        assert_eq!(kernel.value("me()").await, evaluator, "the evaluator is one process");
        assert_eq!(kernel.value("process::whereis(\"pending\") == Some(p)").await, "true");
        assert_eq!(
            kernel
                .value("process::list().contains(&p) && process::is_alive(p)")
                .await,
            "true"
        );
        let runtime = "format!(\"{}\", tokio::runtime::Handle::current().id())";
        assert_eq!(kernel.value(runtime).await, kernel.value(runtime).await);
    });
}

#[test]
fn output_of_ten_processes_arrives_whole_line_by_line_each_under_its_own_cell() {
    in_session(async |kernel| {
        const LINES: usize = 100;
        let mut cells = HashMap::new();
        for name in 0..10 {
            let code = format!(
                "spawn(async {{ receive! {{ \"go\" => () }} for line in 0..{LINES} {{ println!(\"process {name} line {{line}}\"); }} }})"
            );
            let cell = kernel.run(&format!("let p{name} = {code};")).await;
            cells.insert(name, cell.request);
        }
        let sends: String = (0..10).map(|name| format!("send(p{name}, \"go\"); ")).collect();
        kernel.run(&sends).await;
        for (name, request) in cells {
            let mut text = String::new();
            while text.lines().count() < LINES {
                let more = kernel
                    .published(&format!("output of process {name}"), |message| {
                        message.is("stream") && message.belongs_to(&request)
                    })
                    .await;
                text.push_str(more.content["text"].as_str().unwrap());
            }
            let expected: String = (0..LINES).map(|line| format!("process {name} line {line}\n")).collect();
            assert_eq!(text, expected);
        }
    });
}

#[test]
fn late_output_appears_below_the_cell_that_spawned_its_process() {
    in_session(async |kernel| {
        let old = kernel
            .run("let p = spawn(async { receive! { \"go\" => println!(\"late\") } });")
            .await;
        let new = kernel.run("send(p, \"go\"); println!(\"now\");").await;
        assert_eq!(new.stdout(), "now\n");
        let late = kernel
            .published("the late line", |message| {
                message.is("stream") && message.belongs_to(&old.request)
            })
            .await;
        assert_eq!(late.content["text"], "late\n");
    });
}

#[test]
fn await_and_question_mark_work_at_the_top_of_every_cell() {
    in_session(async |kernel| {
        kernel
            .run("process::sleep(ms(1)).await; let n: i32 = \"7\".parse()?;")
            .await;
        assert_eq!(kernel.value("async { n + 1 }.await").await, "8");
    });
}

#[test]
fn cells_leave_no_process_behind_and_late_output_still_finds_its_cell() {
    in_session(async |kernel| {
        let late = kernel
            .run("let late = spawn(async { receive! { \"go\" => println!(\"late\") } });")
            .await;
        let mut counts = Vec::new();
        for cells in [10, 60] {
            for _ in 0..cells {
                kernel.run("let _ = 1;").await;
            }
            counts.push(kernel.value("process::list().len()").await);
        }
        assert_eq!(counts[0], counts[1], "processes after 10 cells and after 60 more");
        kernel.run("send(late, \"go\");").await;
        let output = kernel.published("late output", |message| message.is("stream")).await;
        assert!(
            output.belongs_to(&late.request) && output.content["text"] == "late\n",
            "{output:?}"
        );
    });
}
