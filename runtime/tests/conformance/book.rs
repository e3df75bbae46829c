//! What the chapters of Async Elixir on registries (4.0), tasks (7.1 to 7.4) and agents (8.0) do, as a reader of a
//! notebook writes it. What the cells of the book print is asserted.

use super::{check, end_of};
use crabtree::prelude::*;
use crabtree::task::{OnYieldTimeout, Task, TaskFailure};

type Outcome = Result<(), Box<dyn std::error::Error>>;

/// Runs a chapter's code, which may use `?`.
fn cells(code: impl AsyncFnOnce() -> Outcome) {
    check(async { code().await.unwrap() });
}

/// What the evaluator's mailbox shows.
fn messages() -> String {
    format!("{:?}", process::info(me()).unwrap().messages)
}

mod registries {
    use super::*;

    #[derive(Debug, Clone, PartialEq)]
    struct Stack(Vec<&'static str>);

    impl GenServer for Stack {
        type Args = Vec<&'static str>;
        async fn init(stack: Vec<&'static str>) -> Init<Self> {
            Init::ok(Stack(stack))
        }
    }

    #[derive(Debug)]
    struct Push(&'static str);

    impl HandleCast<Push> for Stack {
        async fn handle_cast(&mut self, Push(item): Push) -> Next {
            self.0.insert(0, item);
            Next::noreply()
        }
    }

    // 4.0, "Naming processes using Registry"
    #[test]
    fn servers_are_named_by_keys_with_values_beside_them() {
        cells(async || {
            let store = registry::unique("Book.ProcessStore").start_link().await?;
            let first = || registry::via(&store, "stack_server_1");
            let second = || registry::via_value(&store, "stack_server_2", Some("second_stack"));
            gen_server::start_link::<Stack>(vec![]).via(first()).await?;
            gen_server::start_link::<Stack>(vec![]).via(second()).await?;

            gen_server::cast(first().of::<Stack>(), Push("stack1"));
            let found = registry::lookup(&store, &"stack_server_2");
            assert_eq!(found, [(second().whereis().unwrap(), Some("second_stack"))]);
            gen_server::cast(second().of::<Stack>(), Push("stack2"));

            assert_eq!(sys::get_state(first().of::<Stack>()).await?, Stack(vec!["stack1"]));
            assert_eq!(sys::get_state(second().of::<Stack>()).await?, Stack(vec!["stack2"]));
            Ok(())
        });
    }

    // 4.0, the duplicate registry
    #[test]
    fn a_process_is_under_one_key_twice() {
        cells(async || {
            let store = registry::duplicate("Book.DupProcessStore").start_link().await?;
            registry::register(&store, "async_city", "hello")?;
            registry::register(&store, "async_city", "world")?;
            let found = registry::lookup(&store, &"async_city");
            assert_eq!(found, [(me(), "hello"), (me(), "world")]);
            Ok(())
        });
    }

    // 4.0, "Dispatching using Registry"
    #[test]
    fn a_dispatch_sees_values_of_several_kinds() {
        #[derive(Debug, Clone)]
        enum Number {
            Is(i32),
            Text(&'static str),
            Function(fn() -> i32),
        }

        cells(async || {
            let numbers = registry::duplicate("Book.Numbers").start_link().await?;
            registry::register(&numbers, "odd", Number::Is(1))?;
            registry::register(&numbers, "odd", Number::Text("3"))?;
            registry::register(&numbers, "odd", Number::Function(|| 5))?;

            registry::dispatch(&numbers, &"odd", |entries| {
                for (pid, number) in entries {
                    let n = match number {
                        Number::Is(n) => *n,
                        Number::Text(text) => text.parse().unwrap(),
                        Number::Function(function) => function(),
                    };
                    send(*pid, n);
                }
            });
            assert_eq!(messages(), "[1, 3, 5]");
            Ok(())
        });
    }

    // 4.0, "Building a pubsub system with Registry"
    #[test]
    fn subscribers_of_a_topic_get_a_broadcast() {
        cells(async || {
            let chat = registry::duplicate("Book.ChatPubSub").partitions(system::schedulers_online());
            let chat = chat.start_link().await?;
            registry::register(&chat, "chat_room:1", ())?;
            registry::dispatch(&chat, &"chat_room:1", |entries| {
                for (pid, ()) in entries {
                    send(*pid, ("broadcast", "hello world"));
                }
            });
            receive! { ("broadcast", message): (&str, &str) => assert_eq!(message, "hello world") }
            Ok(())
        });
    }

    // 4.0, "Other registry functions and match specs"
    #[test]
    fn a_pattern_chooses_among_values() {
        #[derive(Debug, Clone, PartialEq)]
        enum Value {
            One(i32),
            Text(&'static str),
            Pair(i32, i32),
        }
        use Value::{One, Pair, Text};

        cells(async || {
            let registry = registry::duplicate("Book.MatchSpec").start_link().await?;
            for value in [One(1), Text("one"), Pair(1, 2), Pair(2, 1), Pair(2, 2)] {
                registry::register(&registry, "my_key", value)?;
            }
            let found = |wanted: fn(&Value) -> bool| {
                let found = registry::match_(&registry, &"my_key", wanted);
                found.into_iter().map(|(_, value)| value).collect::<Vec<_>>()
            };
            assert_eq!(found(|value| matches!(value, One(1))), [One(1)]);
            assert_eq!(found(|_| true).len(), 5);
            assert_eq!(found(|value| matches!(value, Pair(2, _))), [Pair(2, 1), Pair(2, 2)]);
            assert_eq!(found(|value| matches!(value, Pair(a, b) if a == b)), [Pair(2, 2)]);
            assert_eq!(found(|value| matches!(value, Pair(a, b) if a > b)), [Pair(2, 1)]);
            assert_eq!(found(|value| matches!(value, Text(_))), [Text("one")]);
            Ok(())
        });
    }
}

mod tasks {
    use super::*;

    // 7.1, "The Task struct", and the messages that it leaves
    #[test]
    fn a_task_leaves_two_messages() {
        cells(async || {
            let task = task::async_(async { "empty_task" });
            process::sleep(ms(100)).await;
            let (monitor, pid) = (task.monitor(), task.pid().unwrap());
            let down = format!("Down {{ monitor: {monitor:?}, pid: {pid}, reason: normal }}");
            assert_eq!(messages(), format!(r#"[({monitor:?}, "empty_task"), {down}]"#));
            assert_eq!(task.await?, "empty_task");
            assert_eq!(messages(), "[]");
            Ok(())
        });
    }

    // 7.2, `Task.ignore`
    #[test]
    fn an_ignored_time_bomb_does_not_hurt() {
        cells(async || {
            let time_bomb: Task<()> = task::async_(async {
                process::sleep(ms(2000)).await;
                panic!("BOOOOM!")
            });
            let pid = time_bomb.pid().unwrap();
            assert_eq!(process::info(me()).unwrap().links, [pid]);
            task::ignore(time_bomb);
            assert_eq!(process::info(me()).unwrap().links, []);
            assert!(end_of(pid).await.to_string().contains("BOOOOM!"));
            Ok(())
        });
    }

    async fn random(from: i32) -> i32 {
        from + 5
    }

    // 7.2, three tasks
    #[test]
    fn results_add_up() {
        cells(async || {
            let [one, two, three] = [0, 10, 20].map(|from| task::async_(random(from)));
            assert_eq!(one.await? + two.await? + three.await?, 45);

            let tasks = [0, 10, 20].map(|from| task::async_(random(from)));
            assert_eq!(task::await_many(tasks).await?.iter().sum::<i32>(), 45);
            Ok(())
        });
    }

    // 7.2, "Task await timeouts"
    #[test]
    fn who_waits_in_vain_is_told_after_five_seconds() {
        cells(async || {
            let dont_await_me = task::async_(std::future::pending::<()>());
            let error = dont_await_me.await.unwrap_err();
            assert_eq!(error.cause, TaskFailure::Timeout(secs(5)));
            Ok(())
        });
    }

    // 7.2, "Yielding tasks"
    #[test]
    fn one_looks_after_a_heavy_task_until_it_is_done() {
        cells(async || {
            let heavy_task = task::async_(async {
                process::sleep(ms(5000)).await;
                "finished_heavy_task"
            });
            for _ in 1..=4 {
                assert_eq!(task::yield_(heavy_task).timeout(ms(1000)).await, None);
            }
            process::sleep(ms(1500)).await;
            assert_eq!(process::info(me()).unwrap().message_queue_len, 2);
            assert_eq!(task::yield_(heavy_task).await, Some(Ok("finished_heavy_task")));
            assert_eq!(messages(), "[]");
            assert_eq!(task::yield_(heavy_task).timeout(ms(1000)).await, None);
            Ok(())
        });
    }

    fn sleepers() -> Vec<Task<u64>> {
        let sleeper = |seconds| async move {
            process::sleep(secs(seconds)).await;
            seconds
        };
        (1..=10).map(|seconds| task::async_(sleeper(seconds))).collect()
    }

    // 7.2, `Task.yield_many` and `Task.shutdown`
    #[test]
    fn of_ten_sleepers_those_that_wake_in_time_have_results() {
        cells(async || {
            let mut results = Vec::new();
            for (task, result) in task::yield_many(sleepers()).await {
                results.push(match result {
                    Some(result) => Some(result),
                    None => task::shutdown(task).brutal_kill().await,
                });
            }
            let results: Vec<u64> = results.into_iter().flatten().flatten().collect();
            assert!(results == [1, 2, 3, 4] || results == [1, 2, 3, 4, 5], "{results:?}");

            let tasks = task::yield_many(sleepers())
                .timeout(ms(7500))
                .on_timeout(OnYieldTimeout::KillTask);
            assert_eq!(
                tasks.await.into_iter().filter(|(_, result)| result.is_some()).count(),
                7
            );
            Ok(())
        });
    }

    async fn joke(n: u64) -> String {
        process::sleep(ms(150)).await;
        format!("joke {n}")
    }

    // 7.3, ten jokes, one by one and with `Task.async_stream`
    #[test]
    fn a_stream_of_tasks_takes_as_long_as_one_of_them() {
        cells(async || {
            let start = tokio::time::Instant::now();
            let jokes: Vec<_> = task::async_stream(1..=10, joke).max_concurrency(10).collect().await;
            assert_eq!(start.elapsed().as_millis(), 150);
            assert_eq!(jokes.len(), 10);
            assert_eq!(jokes[0], Ok("joke 1".to_owned()));
            Ok(())
        });
    }

    // 7.3, "A practical example"
    #[test]
    fn reachable_websites_of_a_table_are_counted() {
        const TABLE: &str = "1,\"fonts.googleapis.com\",10\n2,\"facebook.com\",10\n3,\"no-such-host\",10\n";

        async fn get(website: &str) -> Result<u16, String> {
            match website.contains('.') {
                true => Ok(200),
                false => Err("nxdomain".into()),
            }
        }

        cells(async || {
            let websites = TABLE
                .lines()
                .filter_map(|line| line.split(',').nth(1))
                .map(|site| site.trim_matches('"'));
            let mut responses = task::async_stream(websites, get)
                .timeout(None)
                .ordered(false)
                .max_concurrency(4);
            let mut reachable = 0;
            while let Some(response) = responses.next().await {
                reachable += usize::from(matches!(response, Ok(Ok(_))));
            }
            assert_eq!(reachable, 2);
            Ok(())
        });
    }
}

mod supervised_tasks {
    use super::*;
    use std::collections::HashSet;

    /// The supervisor that the chapter begins with.
    async fn supervised(name: &'static str) -> Result<SupervisorRef, Box<dyn std::error::Error>> {
        let tasks = ChildSpec::supervisor(name, move || TaskSupervisor::new().name(name));
        Ok(Supervisor::new(Strategy::OneForOne).child(tasks).start_link().await?)
    }

    // 7.4, `Task.Supervisor.async`
    #[test]
    fn a_supervised_task_is_linked_to_its_caller() {
        cells(async || {
            let sup = supervised("Book.Awesome1").await?;
            let task = task::supervisor::async_("Book.Awesome1", async {
                process::sleep(ms(200)).await;
                "returned_from_task"
            });
            let task = task.await?;
            assert_eq!(process::info(me()).unwrap().links, [sup.pid(), task.pid().unwrap()]);
            process::sleep(ms(300)).await;
            assert!(messages().contains(r#""returned_from_task"), Down"#), "{}", messages());
            Ok(())
        });
    }

    // 7.4, the partitioned task supervisor
    #[test]
    fn a_key_chooses_among_task_supervisors() {
        cells(async || {
            let many = PartitionSupervisor::new(|_| ChildSpec::supervisor("tasks", TaskSupervisor::new));
            many.name("Book.Scalable").partitions(2).start_link().await?;

            let tasks = partition_supervisor::via("Book.Scalable", "my_routing_key");
            let task = task::supervisor::async_(&tasks, process::sleep(ms(200))).await?;
            assert_eq!(task::supervisor::children(&tasks).await?, [task.pid().unwrap()]);
            task.await?;
            Ok(())
        });
    }

    // 7.4, `Task.Supervisor.start_child`, with the crash loop that ends the supervisor
    #[test]
    fn a_transient_task_that_always_crashes_takes_its_supervisor_along() {
        cells(async || {
            supervised("Book.Awesome2").await?;
            let (before, parent) = (process::whereis("Book.Awesome2").unwrap(), me());
            let work = move || async move {
                send(parent, "a task was started");
                panic!("boom")
            };
            task::supervisor::start_child(before, work)
                .restart(Restart::Transient)
                .await?;
            end_of(before).await;
            process::sleep(ms(1)).await;
            assert_eq!(process::flush().len(), 4); // the first, and three restarts
            assert_ne!(process::whereis("Book.Awesome2"), Some(before));
            Ok(())
        });
    }

    // 7.4, "Unlinked supervised tasks"
    #[test]
    fn an_unlinked_task_can_be_awaited() {
        cells(async || {
            let sup = supervised("Book.Awesome3").await?;
            let tasks = process::whereis("Book.Awesome3").unwrap();
            let unlinked_task = task::supervisor::async_nolink(tasks, async {
                process::sleep(ms(300)).await;
                1 + 2
            });
            let unlinked_task = unlinked_task.await?;
            let pid = unlinked_task.pid().unwrap();
            assert_eq!(process::info(me()).unwrap().links, [sup.pid()]);
            assert_eq!(process::info(tasks).unwrap().links, [sup.pid(), pid]);
            assert_eq!(task::supervisor::children(tasks).await?, [pid]);
            assert_eq!(unlinked_task.await?, 3);
            Ok(())
        });
    }

    #[derive(Debug)]
    struct MyDownloader {
        running: HashSet<MonitorRef>,
        log: Pid,
    }

    impl GenServer for MyDownloader {
        type Args = Pid;
        async fn init(log: Pid) -> Init<Self> {
            let running = HashSet::new();
            Init::ok(MyDownloader { running, log })
        }

        async fn handle_info(&mut self, message: Message) -> Next {
            match message.downcast::<(MonitorRef, String)>() {
                Ok((monitor, page)) => {
                    process::demonitor_flush(monitor);
                    self.running.remove(&monitor);
                    send(self.log, format!("completed: {page}"));
                }
                Err(message) => {
                    if let Ok(Down { monitor, reason, .. }) = message.downcast() {
                        self.running.remove(&monitor);
                        send(self.log, format!("failed: {reason}"));
                    }
                }
            }
            Next::noreply()
        }
    }

    #[derive(Debug)]
    struct StartDownload(&'static str);

    impl HandleCall<StartDownload> for MyDownloader {
        type Reply = usize;
        async fn handle_call(&mut self, StartDownload(url): StartDownload, _: Caller<usize>) -> Reply<usize> {
            let task = task::supervisor::async_nolink("Book.Awesome4", download(url)).await;
            self.running.insert(task.expect("the task supervisor runs").monitor());
            Reply::reply(self.running.len())
        }
    }

    async fn download(url: &'static str) -> String {
        process::sleep(ms(url.len() as u64)).await;
        match url.contains("invalid") {
            true => exit("nxdomain"),
            false => format!("the page of {url}"),
        }
    }

    // 7.4, "Usage with OTP behaviours"
    #[test]
    fn a_server_downloads_and_answers_meanwhile() {
        cells(async || {
            supervised("Book.Awesome4").await?;
            let downloader = gen_server::start_link::<MyDownloader>(me()).await?;
            for (url, running) in [("chucknorris.io", 1), ("file-examples.com", 2), ("invalid", 3)] {
                assert_eq!(gen_server::call(downloader, StartDownload(url)).await?, running);
            }
            for expected in [
                "failed: nxdomain",
                "completed: the page of chucknorris.io",
                "completed: the page of file-examples.com",
            ] {
                receive! { text: String => assert_eq!(text, expected) }
            }
            process::sleep(ms(1)).await;
            assert_eq!(messages(), "[]");
            Ok(())
        });
    }
}

mod agents {
    use super::*;
    use fibonacci_store::{current_fibonacci, next_fibonacci};

    // 8.0, "Usage"
    #[test]
    fn a_counter_is_an_agent() {
        cells(async || {
            let my_counter = agent::start_link(|| 0).await?;
            assert_eq!(agent::get(my_counter, |state| *state).await?, 0);
            agent::cast(my_counter, |state| *state += 1);
            agent::update(my_counter, |state| *state += 1).await?;
            let step = |state: &mut i32| std::mem::replace(state, *state + 1);
            assert_eq!(agent::get_and_update(my_counter, step).await?, 2);
            assert_eq!(agent::get(my_counter, |state| *state).await?, 3);
            agent::stop(my_counter).await?;
            Ok(())
        });
    }

    mod fibonacci_store {
        use crabtree::agent::{self, Agent};
        use crabtree::gen_server::{CallError, StartError};
        use crabtree::prelude::*;

        const NAME: &str = "Book.FibonacciStore";
        type State = [u64; 2];

        fn first() -> State {
            [0, 1]
        }

        pub(super) async fn start_link() -> Result<Agent<State>, StartError> {
            agent::start_link(first).name(NAME).await
        }

        pub(super) fn child_spec() -> ChildSpec {
            agent::child_spec(NAME, first).name(NAME)
        }

        pub(super) async fn next_fibonacci() -> Result<u64, CallError> {
            let step = |state: &mut State| {
                *state = [state[1], state[0] + state[1]];
                state[1]
            };
            agent::get_and_update(agent::named(NAME), step).await
        }

        pub(super) async fn current_fibonacci() -> Result<u64, CallError> {
            agent::get(agent::named(NAME), |state: &State| state[1]).await
        }
    }

    // 8.0, the agent as a module, alone and under a supervisor
    #[test]
    fn an_agent_is_a_module_and_begins_anew_after_a_crash() {
        cells(async || {
            let store = fibonacci_store::start_link().await?;
            assert_eq!(current_fibonacci().await?, 1);
            for expected in [1, 2, 3, 5, 8, 13, 21, 34, 55, 89] {
                assert_eq!(next_fibonacci().await?, expected);
            }
            assert_eq!(current_fibonacci().await?, 89);
            agent::stop(store).await?;

            let sup = Supervisor::new(Strategy::OneForAll).child(fibonacci_store::child_spec());
            sup.start_link().await?;
            for _ in 1..=5 {
                next_fibonacci().await?;
            }
            assert_eq!(current_fibonacci().await?, 8);
            process::exit(process::whereis("Book.FibonacciStore").unwrap(), "boom");
            process::sleep(ms(200)).await;
            assert_eq!(current_fibonacci().await?, 1);
            Ok(())
        });
    }

    // 8.0, `use Agent, restart: :transient, shutdown: 10_000`
    #[test]
    fn a_specification_says_when_and_how() {
        let spec = fibonacci_store::child_spec()
            .restart(Restart::Transient)
            .shutdown(Shutdown::Timeout(secs(10)));
        let shown = format!("{spec:?}");
        assert!(shown.contains("restart: Transient, shutdown: Timeout(10s)"), "{shown}");
    }
}
