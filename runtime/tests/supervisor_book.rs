//! What chapters 5.1 to 5.6 and 6 of Async Elixir do with supervisors, as a reader would write it here.

mod common;

use common::check;
use crabtree::dynamic_supervisor::child_spec as child_spec_of_the_supervisor;
use crabtree::gen_server::StartError;
use crabtree::io::{Device, Stream};
use crabtree::kino::process::sup_tree;
use crabtree::prelude::*;
use crabtree::supervisor::ChildError;
use crabtree::system;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use tokio::time::Instant;

type Result<T = (), E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

/// Runs what the cells of a chapter do, and says what they print.
fn cells(body: impl Future<Output = Result>) -> String {
    #[derive(Default)]
    struct Page(Mutex<String>);

    impl Device for Page {
        fn write(&self, stream: Stream, text: &str) {
            if stream == Stream::Stdout {
                self.0.lock().unwrap().push_str(text);
            }
        }
    }

    let page = Arc::new(Page::default());
    check(async {
        process::set_group_leader(me(), io::device(page.clone()));
        body.await.unwrap();
    });
    let printed = page.0.lock().unwrap();
    printed.clone()
}

/// The lines of a picture, without pids and what stands behind them.
fn names(tree: impl Into<Pid>) -> Vec<String> {
    let text = sup_tree(tree.into()).to_text();
    let name = |line: &str| line.split(" <").next().unwrap_or(line).to_owned();
    text.lines().map(name).collect()
}

mod chapter_5_1 {
    use super::*;
    use crabtree::println;

    #[derive(Debug)]
    struct Stack(Vec<i32>);

    #[derive(Debug)]
    struct Push(i32);

    #[derive(Debug)]
    struct Pop;

    impl GenServer for Stack {
        type Args = i32;

        async fn init(initial_value: i32) -> Init<Self> {
            println!("Stack GenServer starting up!");
            Init::ok(Stack(vec![initial_value]))
        }
    }

    impl HandleCall<Push> for Stack {
        type Reply = &'static str;

        async fn handle_call(&mut self, Push(element): Push, _: Caller<&'static str>) -> Reply<&'static str> {
            println!("Pushed {element}");
            self.0.push(element);
            Reply::reply("pushed")
        }
    }

    impl HandleCast<Pop> for Stack {
        async fn handle_cast(&mut self, _: Pop) -> Next {
            let popped = self.0.pop().expect("nothing to pop");
            println!("Popped {popped}");
            Next::noreply()
        }
    }

    #[test]
    fn a_stack_that_crashes_is_restarted() {
        let printed = cells(async {
            let children = [child_spec::<Stack>("stack_1", 0).name("stack_1")];
            let sup = Supervisor::new(Strategy::OneForOne)
                .children(children)
                .start_link()
                .await?;
            assert_eq!(supervisor::which_children(sup).await?[0].id, "stack_1");

            let stack = || named::<Stack>("stack_1");
            let before = process::whereis("stack_1");
            gen_server::call(stack(), Push(10)).await?;
            gen_server::call(stack(), Push(20)).await?;
            for _ in 0..4 {
                gen_server::cast(stack(), Pop); // the fourth finds nothing
            }
            process::sleep(ms(200)).await;
            assert_ne!(process::whereis("stack_1"), before);
            assert_eq!(sys::get_state(stack()).await?.0, [0]);
            Ok(())
        });
        let expected = "Stack GenServer starting up!\nPushed 10\nPushed 20\nPopped 20\nPopped 10\nPopped 0\nStack GenServer \
                        starting up!\n";
        assert_eq!(printed, expected);
    }

    impl Clone for Stack {
        fn clone(&self) -> Stack {
            Stack(self.0.clone())
        }
    }

    // "A child specification can be defined in one of three ways", and changed.
    #[test]
    fn a_specification_has_three_forms_and_can_be_changed() {
        cells(async {
            let children = [
                child_spec::<Stack>("stack_1", 0),
                Stack::child_spec(0),
                Stack::child_spec(0).id("special_stack").restart(Restart::Temporary),
            ];
            let sup = Supervisor::new(Strategy::OneForOne)
                .children(children)
                .start_link()
                .await?;
            assert_eq!(names(sup)[1..], ["├── stack_1", "├── Stack", "└── special_stack"]);
            Ok(())
        });
    }
}

mod chapters_5_2_and_5_3 {
    use super::*;
    use crabtree::println;

    #[derive(Debug, Clone)]
    struct CrashDummy(u64);

    #[derive(Debug)]
    struct Boom;

    #[derive(Debug)]
    struct StopGracefully;

    impl GenServer for CrashDummy {
        type Args = &'static str;

        async fn init(name: &'static str) -> Init<Self> {
            println!("{name} starting up!");
            Init::ok(CrashDummy(system::unique_integer() as u64))
        }
    }

    impl HandleCast<Boom> for CrashDummy {
        async fn handle_cast(&mut self, _: Boom) -> Next {
            panic!("BOOM! CrashDummy process {} crashed!", me())
        }
    }

    impl HandleCast<StopGracefully> for CrashDummy {
        async fn handle_cast(&mut self, _: StopGracefully) -> Next {
            Next::stop(ExitReason::Normal)
        }
    }

    struct Dummies;

    impl supervisor::Module for Dummies {
        type Args = Strategy;

        async fn init(strategy: Strategy) -> Init<Supervisor> {
            let dummies = ["dummy1", "dummy2", "dummy3"].map(|name| child_spec::<CrashDummy>(name, name).name(name));
            Init::ok(Supervisor::new(strategy).name("Dummies").children(dummies))
        }
    }

    async fn states() -> Result<BTreeMap<&'static str, u64>> {
        let mut states = BTreeMap::new();
        for name in ["dummy1", "dummy2", "dummy3"] {
            states.insert(name, sys::get_state(named::<CrashDummy>(name)).await?.0);
        }
        Ok(states)
    }

    #[test]
    fn each_strategy_shows_in_the_pictures_before_and_after() {
        let printed = cells(async {
            for (strategy, replaced) in [
                (Strategy::OneForOne, vec!["dummy2"]),
                (Strategy::OneForAll, vec!["dummy1", "dummy2", "dummy3"]),
                (Strategy::RestForOne, vec!["dummy2", "dummy3"]),
            ] {
                let sup = supervisor::start_link::<Dummies>(strategy).await?;
                let before = states().await?;
                assert!(!sup_tree(sup).to_text().contains('↻'));
                gen_server::cast(named::<CrashDummy>("dummy2"), Boom);
                process::sleep(ms(200)).await;

                for (name, state) in states().await? {
                    assert_eq!(before[name] != state, replaced.contains(&name), "{strategy}, {name}");
                }
                let after = sup_tree("Dummies").to_text();
                assert!(after.contains(&format!("{strategy} · 1/3 in 5 s")), "{after}");
                for line in after.lines().skip(1) {
                    assert_eq!(
                        line.contains("↻ 1, was <"),
                        replaced.iter().any(|name| line.contains(name)),
                        "{after}"
                    );
                }
                supervisor::stop("Dummies").await?;
            }
            Ok(())
        });
        assert_eq!(printed.matches("dummy1 starting up!").count(), 4);
        assert_eq!(printed.matches("dummy2 starting up!").count(), 6);
        assert_eq!(printed.matches("dummy3 starting up!").count(), 5);
    }

    #[test]
    fn restart_values_decide_who_comes_back() {
        cells(async {
            for (restart, after_stop, after_crash) in [
                (Restart::Permanent, "running", "running"),
                (Restart::Temporary, "forgotten", "forgotten"),
                (Restart::Transient, "stopped", "running"),
            ] {
                for crashes in [false, true] {
                    let dummy = CrashDummy::child_spec("dummy").name("dummy").restart(restart);
                    let sup = Supervisor::new(Strategy::OneForOne).child(dummy).start_link().await?;
                    match crashes {
                        false => gen_server::cast(named::<CrashDummy>("dummy"), StopGracefully),
                        true => gen_server::cast(named::<CrashDummy>("dummy"), Boom),
                    }
                    process::sleep(ms(200)).await;
                    let seen = match supervisor::which_children(sup).await?.first() {
                        None => "forgotten",
                        Some(child) if child.pid.is_some() => "running",
                        Some(_) => "stopped",
                    };
                    assert_eq!(seen, if crashes { after_crash } else { after_stop }, "{restart:?}");
                    supervisor::stop(sup).await?;
                }
            }
            Ok(())
        });
    }
}

mod chapter_5_4 {
    use super::*;
    use crabtree::println;

    #[derive(Debug)]
    struct TestServer;

    #[derive(Debug)]
    struct Echo(&'static str);

    impl GenServer for TestServer {
        type Args = ();

        async fn init(_: ()) -> Init<Self> {
            Init::ok(TestServer)
        }
    }

    impl HandleCall<Echo> for TestServer {
        type Reply = &'static str;

        async fn handle_call(&mut self, Echo(text): Echo, _: Caller<&'static str>) -> Reply<&'static str> {
            text.into()
        }
    }

    #[test]
    fn children_are_started_on_demand() {
        cells(async {
            let dynamic = ChildSpec::supervisor("dynamic", || DynamicSupervisor::new().name("MyDynamicSupervisor"));
            let sup = Supervisor::new(Strategy::OneForOne).child(dynamic).start_link().await?;

            let echo = |name| TestServer::child_spec(()).name(name);
            dynamic_supervisor::start_child("MyDynamicSupervisor", echo("echo1")).await?;
            let echo_2 = dynamic_supervisor::start_child("MyDynamicSupervisor", echo("echo2")).await?;
            assert_eq!(gen_server::call(named::<TestServer>("echo1"), Echo("hi")).await?, "hi");
            let picture = ["└── MyDynamicSupervisor", "    ├── echo1", "    └── echo2"];
            assert_eq!(names(sup)[1..], picture);
            assert_eq!(
                dynamic_supervisor::count_children("MyDynamicSupervisor").await?.workers,
                2
            );

            dynamic_supervisor::terminate_child("MyDynamicSupervisor", echo_2).await?;
            assert_eq!(names(sup)[1..], ["└── MyDynamicSupervisor", "    └── echo1"]);
            Ok(())
        });
    }

    #[derive(Debug)]
    struct TestServerV2;

    impl GenServer for TestServerV2 {
        type Args = (&'static str, &'static str);

        async fn init((extra, own): Self::Args) -> Init<Self> {
            println!("New TestServerV2 started with extra_arg = {extra:?} and arg = {own:?}");
            Init::ok(TestServerV2)
        }
    }

    struct MySupervisor;

    impl dynamic_supervisor::Module for MySupervisor {
        type Args = &'static str;

        async fn init(extra: &'static str) -> Init<DynamicSupervisor> {
            let supervisor = DynamicSupervisor::new().name("MySupervisor");
            Init::ok(supervisor.max_children(2).extra_arguments(extra))
        }
    }

    impl MySupervisor {
        async fn start_child(name: &'static str, arg: &'static str) -> Result<Pid, ChildError> {
            let child = child_spec_of_the_supervisor::<TestServerV2>("TestServerV2", arg).name(name);
            dynamic_supervisor::start_child("MySupervisor", child).await
        }
    }

    #[test]
    fn a_dynamic_supervisor_that_is_a_type_gives_its_children_an_argument() {
        let printed = cells(async {
            dynamic_supervisor::start_link::<MySupervisor>("Elixir is ❤").await?;
            let echo_1 = MySupervisor::start_child("echov2_1", "yolo").await?;
            MySupervisor::start_child("echov2_2", "awesome_elixir").await?;
            let full = MySupervisor::start_child("echov2_3", "one too many").await;
            assert_eq!(full, Err(ChildError::MaxChildren(2)));
            dynamic_supervisor::terminate_child("MySupervisor", echo_1).await?;
            assert_eq!(dynamic_supervisor::count_children("MySupervisor").await?.active, 1);
            Ok(())
        });
        let expected = "New TestServerV2 started with extra_arg = \"Elixir is ❤\" and arg = \"yolo\"\nNew TestServerV2 \
                        started with extra_arg = \"Elixir is ❤\" and arg = \"awesome_elixir\"\n";
        assert_eq!(printed, expected);
    }

    #[test]
    fn a_child_without_the_argument_that_it_needs_says_what_is_missing() {
        cells(async {
            let sup = DynamicSupervisor::new().extra_arguments(7).start_link().await?;
            let child = child_spec_of_the_supervisor::<TestServerV2>("TestServerV2", "x");
            let error = dynamic_supervisor::start_child(sup, child).await.unwrap_err();
            let expected = "TestServerV2 needs a supervisor with extra_arguments of type &str; this one has i32";
            assert_eq!(error, ChildError::Start(StartError::Invalid(expected.to_owned())));
            Ok(())
        });
    }
}

mod chapter_5_5 {
    use super::*;
    use crabtree::println;

    #[derive(Debug)]
    struct EchoServer(usize);

    #[derive(Debug)]
    struct Echo(&'static str);

    impl GenServer for EchoServer {
        type Args = (&'static str, usize);

        async fn init((args, partition): Self::Args) -> Init<Self> {
            println!("EchoServer started on partition {partition} with args: {args}");
            Init::ok(EchoServer(partition))
        }
    }

    impl HandleCall<Echo> for EchoServer {
        type Reply = &'static str;

        async fn handle_call(&mut self, Echo(message): Echo, _: Caller<&'static str>) -> Reply<&'static str> {
            println!("EchoServer(partition={}) echoing: {message}", self.0);
            message.into()
        }
    }

    #[test]
    fn messages_go_to_partitions_by_their_keys() {
        let printed = cells(async {
            let sup = PartitionSupervisor::new(|partition| EchoServer::child_spec(("test_arg", partition)))
                .name("EchoServers")
                .partitions(3)
                .start_link()
                .await?;
            assert_eq!(names(sup), ["EchoServers", "├── 0", "├── 1", "└── 2"]);

            let echo = |key| partition_supervisor::via("EchoServers", key).of::<EchoServer>();
            for (key, message) in [(0, "hi"), (1, "ola"), (2, "adios"), (1000, "boom")] {
                assert_eq!(gen_server::call(echo(key), Echo(message)).await?, message);
            }
            let by_text = partition_supervisor::whereis("EchoServers", "1000").unwrap();
            assert!(
                supervisor::which_children(sup)
                    .await?
                    .iter()
                    .any(|child| child.pid == Some(by_text))
            );
            partition_supervisor::stop("EchoServers").await?;
            Ok(())
        });
        let expected = "EchoServer started on partition 0 with args: test_arg\n\
                        EchoServer started on partition 1 with args: test_arg\n\
                        EchoServer started on partition 2 with args: test_arg\n\
                        EchoServer(partition=0) echoing: hi\n\
                        EchoServer(partition=1) echoing: ola\n\
                        EchoServer(partition=2) echoing: adios\n\
                        EchoServer(partition=1) echoing: boom\n";
        assert_eq!(printed, expected);
    }
}

mod chapter_5_6 {
    use super::*;

    #[derive(Debug)]
    struct Slow;

    impl GenServer for Slow {
        type Args = ();

        async fn init(_: ()) -> Init<Self> {
            process::sleep(secs(1)).await;
            Init::ok(Slow)
        }
    }

    /// Waits until there are five of them, and says how long that took.
    async fn time_of_five(active: impl AsyncFn() -> Result<usize>) -> Result<u64> {
        let began = Instant::now();
        while active().await? < 5 {
            process::sleep(ms(100)).await;
        }
        Ok(began.elapsed().as_secs())
    }

    #[test]
    fn one_dynamic_supervisor_starts_its_children_one_by_one() {
        cells(async {
            DynamicSupervisor::new().name("SlowOnes").start_link().await?;
            for _ in 0..5 {
                spawn(async { drop(dynamic_supervisor::start_child("SlowOnes", Slow::child_spec(())).await) });
            }
            let time = time_of_five(async || Ok(dynamic_supervisor::count_children("SlowOnes").await?.active)).await?;
            assert_eq!(time, 5);
            Ok(())
        });
    }

    #[test]
    fn several_in_partitions_start_theirs_at_the_same_time() {
        cells(async {
            let sup = PartitionSupervisor::new(|_| ChildSpec::supervisor("dynamic", DynamicSupervisor::new))
                .name("SlowPartitions")
                .partitions(6)
                .start_link()
                .await?;
            for i in 1..=5 {
                let partition = partition_supervisor::via("SlowPartitions", i);
                spawn(async move { drop(dynamic_supervisor::start_child(partition, Slow::child_spec(())).await) });
            }
            let below = async || {
                let tree = supervisor::snapshot(sup).ok_or("it runs")?;
                let trees = tree.children.iter().filter_map(|child| child.tree.as_ref());
                Ok(trees.map(|tree| tree.children.len()).sum())
            };
            assert_eq!(time_of_five(below).await?, 1);
            let picture = names(sup);
            assert_eq!(picture[1..4], ["├── 0", "├── 1", "│   └── Slow"]);
            Ok(())
        });
    }

    // "Here's an example of how we can start the partition supervisor under a supervision tree"
    #[test]
    fn a_partition_supervisor_has_its_place_in_a_tree() {
        cells(async {
            let slow = ChildSpec::supervisor("slow", || {
                PartitionSupervisor::new(|_| ChildSpec::supervisor("dynamic", DynamicSupervisor::new)).partitions(2)
            });
            let app = Supervisor::new(Strategy::OneForOne)
                .name("MyApp")
                .child(slow)
                .start_link()
                .await?;
            assert_eq!(names(app), ["MyApp", "└── slow", "    ├── 0", "    └── 1"]);
            Ok(())
        });
    }
}

mod chapter_6 {
    use super::*;

    #[derive(Debug, Clone, PartialEq)]
    enum Progress {
        Initiated,
        Active,
        Finished,
        Failed(String),
    }

    #[derive(Debug, Clone)]
    struct Download {
        id: u32,
        source: &'static str,
        from: Pid,
        size: usize,
        bytes: usize,
        progress: Progress,
    }

    /// What a web server sends, one by one and on request.
    #[derive(Debug)]
    enum Http {
        Status(u16),
        Length(usize),
        Chunk(usize),
        End,
    }

    /// A web server with files of as many kilobytes as their names say.
    fn get(source: &str) -> Pid {
        let size: Option<usize> = source.parse().ok();
        let mut parts = vec![Http::Status(if size.is_some() { 200 } else { 404 })];
        parts.extend(size.map(Http::Length));
        parts.extend((0..size.unwrap_or(0)).map(|_| Http::Chunk(1)));
        parts.push(Http::End);
        spawn(async move {
            for part in parts {
                receive! { ("next", from): (&str, Pid) => send(from, part) }
                process::sleep(ms(100)).await;
            }
        })
    }

    #[derive(Debug)]
    struct Worker {
        download: Download,
        response: Option<Pid>,
    }

    #[derive(Debug)]
    struct Kickoff;

    #[derive(Debug)]
    struct Status;

    impl GenServer for Worker {
        type Args = Download;

        // Elixir's `use GenServer, restart: :temporary`
        fn child_spec(download: Download) -> ChildSpec {
            child_spec::<Self>(format!("download {}", download.id), download).restart(Restart::Temporary)
        }

        async fn init(download: Download) -> Init<Self> {
            process::flag(Flag::TrapExit, true); // so that `terminate` runs
            let response = None;
            Init::ok(Worker { download, response }).and_continue(Kickoff)
        }

        async fn handle_continue(&mut self, _: Message) -> Next {
            self.response = Some(get(self.download.source));
            self.next()
        }

        async fn handle_info(&mut self, message: Message) -> Next {
            match message.downcast::<Http>() {
                Ok(Http::Status(code)) if code >= 400 => {
                    let why = format!("failed with code {code}");
                    self.download.progress = Progress::Failed(why.clone());
                    Next::stop(why)
                }
                Ok(Http::Status(_)) => self.next(),
                Ok(Http::Length(size)) => {
                    self.download.size = size;
                    self.download.progress = Progress::Active;
                    self.next()
                }
                Ok(Http::Chunk(size)) => {
                    self.download.bytes += size;
                    self.next()
                }
                Ok(Http::End) => {
                    self.download.progress = Progress::Finished;
                    Next::stop(ExitReason::Normal)
                }
                Err(_) => Next::noreply(),
            }
        }

        async fn terminate(&mut self, _: &ExitReason) {
            send(self.download.from, self.download.clone());
        }
    }

    impl Worker {
        fn next(&self) -> Next {
            if let Some(response) = self.response {
                send(response, ("next", me()));
            }
            Next::noreply()
        }
    }

    impl HandleCall<Status> for Worker {
        type Reply = Download;

        async fn handle_call(&mut self, _: Status, _: Caller<Download>) -> Reply<Download> {
            self.download.clone().into()
        }
    }

    struct Downloads;

    impl dynamic_supervisor::Module for Downloads {
        type Args = ();

        async fn init(_: ()) -> Init<DynamicSupervisor> {
            Init::ok(DynamicSupervisor::new().name("Downloads"))
        }
    }

    #[derive(Debug, Default)]
    struct Manager {
        downloads: BTreeMap<u32, (Pid, Download)>,
    }

    #[derive(Debug)]
    struct FetchAll;

    #[derive(Debug)]
    struct Add(&'static str);

    #[derive(Debug)]
    struct Remove(u32);

    #[derive(Debug)]
    struct List;

    impl GenServer for Manager {
        type Args = ();

        async fn init(_: ()) -> Init<Self> {
            process::send_after(me(), FetchAll, secs(1));
            Init::ok(Manager::default())
        }

        async fn handle_info(&mut self, message: Message) -> Next {
            match message.downcast::<Download>() {
                Ok(last) => {
                    if let Some((_, known)) = self.downloads.get_mut(&last.id) {
                        *known = last;
                    }
                }
                Err(_) => {
                    for (pid, download) in self.downloads.values_mut() {
                        if let Some(worker) = Some(*pid).filter(|pid| process::is_alive(*pid)) {
                            let status = gen_server::call(Server::<Worker>::at(worker), Status).await;
                            *download = status.unwrap_or_else(|_| download.clone());
                        }
                    }
                    process::send_after(me(), FetchAll, secs(1));
                }
            }
            Next::noreply()
        }
    }

    impl HandleCall<Add> for Manager {
        type Reply = Result<u32, ChildError>;

        async fn handle_call(&mut self, Add(source): Add, _: Caller<Self::Reply>) -> Reply<Self::Reply> {
            let id = self.downloads.len() as u32 + 1;
            let download = Download {
                id,
                source,
                from: me(),
                size: 0,
                bytes: 0,
                progress: Progress::Initiated,
            };
            let started = dynamic_supervisor::start_child("Downloads", Worker::child_spec(download.clone())).await;
            started
                .map(|pid| {
                    self.downloads.insert(id, (pid, download));
                    id
                })
                .into()
        }
    }

    impl HandleCall<Remove> for Manager {
        type Reply = bool;

        async fn handle_call(&mut self, Remove(id): Remove, _: Caller<bool>) -> Reply<bool> {
            let Some((pid, _)) = self.downloads.remove(&id) else {
                return Reply::reply(false);
            };
            // One that has ended is not there any more.
            drop(dynamic_supervisor::terminate_child("Downloads", pid).await);
            Reply::reply(true)
        }
    }

    impl HandleCall<List> for Manager {
        type Reply = Vec<(u32, usize, Progress)>;

        async fn handle_call(&mut self, _: List, _: Caller<Self::Reply>) -> Reply<Self::Reply> {
            let downloads = self.downloads.values();
            let listed = downloads.map(|(_, download)| (download.id, download.bytes, download.progress.clone()));
            listed.collect::<Vec<_>>().into()
        }
    }

    #[test]
    fn downloads_fail_and_finish_each_for_itself() {
        cells(async {
            let sup = dynamic_supervisor::start_link::<Downloads>(()).await?;
            let manager = gen_server::start_link::<Manager>(()).name("Manager").await?;
            for source in ["15", "100", "bad_file"] {
                gen_server::call(manager, Add(source)).await??;
            }
            process::sleep(ms(10)).await;
            let two = ["Downloads", "├── download 1", "└── download 2"]; // the third has failed by now
            assert_eq!(names(sup), two);

            process::sleep(ms(2150)).await;
            let list = gen_server::call(manager, List).await?;
            assert_eq!(list[0], (1, 15, Progress::Finished));
            assert_eq!(list[1].2, Progress::Active);
            assert_eq!(list[2].2, Progress::Failed("failed with code 404".to_owned()));
            assert_eq!(names(sup), ["Downloads", "└── download 2"]);

            assert!(gen_server::call(manager, Remove(2)).await?);
            assert!(!gen_server::call(manager, Remove(7)).await?);
            assert_eq!(dynamic_supervisor::count_children(sup).await?.active, 0);
            assert_eq!(gen_server::call(manager, List).await?.len(), 2);
            Ok(())
        });
    }
}
