//! What the functions of the runtime give is kept by a `let` that says no type.
//!
//! rust-analyzer must find the type, and the type must have a name. What it does not find shows here first.

mod common;

use common::{Kernel, in_session};

/// Runs the `let`s in a cell, one a line, and has the next cell use all that they keep.
async fn check(kernel: &mut Kernel, lets: &str) {
    kernel.run(lets).await;
    let kept: Vec<&str> = lets
        .lines()
        .filter_map(|line| line.trim().strip_prefix("let ")?.split_once(" = "))
        .map(|(pattern, _)| pattern)
        .collect();
    kernel.run(&format!("drop(({},));", kept.join(", "))).await;
}

/// What the `let`s are about.
const ITEMS: &str = r#"
#[derive(Clone, Debug)] struct Counter(u64);
impl GenServer for Counter {
    type Args = u64;
    async fn init(start: u64) -> Init<Self> { Init::ok(Counter(start)) }
}
#[derive(Clone, Debug)] struct Get;
impl HandleCall<Get> for Counter {
    type Reply = u64;
    async fn handle_call(&mut self, _: Get, _: Caller<u64>) -> Reply<u64> { Reply::reply(self.0) }
}
struct Shop;
impl application::Application for Shop {
    async fn start(&self) -> Result<Pid, ExitReason> {
        Ok(Supervisor::new(Strategy::OneForOne).start_link().await?.pid())
    }
}
"#;

/// One cell each.
const LETS: [&str; 15] = [
    // Processes.
    r#"
    let spawned = spawn(process::sleep(secs(600)));
    let linked = spawn_link(async {});
    let (watched, monitor) = spawn_monitor(async {});
    let builder = process::Builder::new().name("built").label("label");
    let built = process::Builder::new().name("built").spawn(process::sleep(secs(600)))?;
    let both = process::Builder::new().link().spawn_monitor(async {})?;
    let own = me();
    let alias = process::alias();
    let aliased = process::monitor_with_alias(spawned, process::MonitorAlias::Demonitor);
    let timer = process::send_after(me(), "late", secs(600));
    let time_left = process::cancel_timer(timer);
    let info = process::info(spawned);
    let list = process::list();
    let names = process::registered();
    let found = process::whereis("built");
    let before = process::put("key", 5);
    let value = process::get::<i32>("key");
    let flag = process::flag(Flag::TrapExit, false);
    let leader = process::group_leader();
    let label = process::get_label(spawned);
    let backtrace = process::backtrace(spawned).await;
    let messages = process::flush();
    "#,
    // Controls.
    r#"
    let button = kino::control::button("Go");
    let events = button.stream();
    let keyboard = kino::control::keyboard();
    let name = kino::input::text("Name").default("Ada");
    let language = kino::input::select("Language", [("en", "English"), ("fr", "Français")]);
    let day = kino::input::date("Day");
    let file = kino::input::file("Data", ".csv");
    let form = kino::control::form((name.clone(), day.clone(), language.clone()), "Send");
    let typed = name.read().await;
    let chosen = (language.read().await, day.read().await);
    "#,
    // Messages and reasons.
    r#"
    let received = receive! { text: String => text, after ms(1) => String::new() };
    let sent = send("nobody", 1);
    let message = Message::new(5_u8);
    let taken = Message::new(5_u8).downcast::<u8>();
    let reason = ExitReason::other("why");
    "#,
    // Servers.
    r#"
    let server = gen_server::start_link::<Counter>(1).name("counter").await?;
    let started = gen_server::start::<Counter>(1).timeout(secs(5)).await?;
    let monitored = gen_server::start_monitor::<Counter>(1).await?;
    let answer = gen_server::call(&server, Get).await?;
    let tried = gen_server::call(&server, Get).timeout(ms(5000)).await;
    let answers = gen_server::multi_call([server, started], Get).await;
    let by_name = named::<Counter>("counter");
    let found = gen_server::whereis::<Counter>("counter");
    let at = Server::<Counter>::at(server.pid());
    let state = sys::get_state(&server).await?;
    let status = sys::get_status(&server).await?;
    let log = sys::get_log(&server).await?;
    let statistics = sys::statistics(&server).await?;
    let global = crabtree::global::name(("room", 5));
    let of_global = crabtree::global::name(("room", 5)).of::<Counter>();
    "#,
    // Agents.
    r#"
    let agent = agent::start_link(|| 7).name("agent").await?;
    let of_text = agent::start(String::new).await?;
    let number = agent::get(agent, |n| *n).await?;
    let text = agent::get(of_text, |text| text.clone()).await?;
    let updated = agent::get_and_update(agent, |n| { *n += 1; format!("{n}") }).await?;
    let by_name = agent::named::<i32>("agent");
    let spec = agent::child_spec("spec", || 7);
    "#,
    // Tasks.
    r#"
    let task = task::async_(async { String::from("text") });
    let value = task::async_(async { 1 }).await?;
    let completed = task::completed(5_u8);
    let many = task::await_many([task::async_(async { 1 }), task::async_(async { 2 })]).await?;
    let yielded = task::yield_(task::async_(async { 1 })).await;
    let some = task::yield_many([task::async_(async { 1 })]).await;
    let shut_down = task::shutdown(task::async_(async { 1 })).await;
    let ignored = task::ignore(task::async_(async { 1 }));
    let streamed = task::async_stream([1, 2], |n: i32| async move { n * 2 }).collect::<Vec<_>>().await;
    let zipped = task::async_stream([1, 2], |n: i32| async move { n * 2 }).zip_input_on_exit().collect::<Vec<_>>().await;
    let pid = task::start_link(async {});
    let spec = task::child_spec("work", || async {});
    let callers = task::callers();
    let sup = TaskSupervisor::new().start_link().await?;
    let supervised = task::supervisor::async_(sup, async { 42 }).await?;
    let alone = task::supervisor::async_nolink(sup, async { 42 }).await?;
    let child = task::supervisor::start_child(sup, || async {}).await?;
    let children = task::supervisor::children(sup).await?;
    "#,
    // Supervisors.
    r#"
    let plan = Supervisor::new(Strategy::OneForOne).child(child_spec::<Counter>("one", 1));
    let sup = Supervisor::new(Strategy::OneForOne).start_link().await?;
    let spec = ChildSpec::new("sleeper", || async { Ok(spawn_link(process::sleep(secs(600)))) }).restart(Restart::Temporary);
    let tree = ChildSpec::supervisor("tree", || Supervisor::new(Strategy::OneForAll));
    let child = supervisor::start_child(sup, child_spec::<Counter>("one", 1)).await?;
    let refused = supervisor::start_child(sup, child_spec::<Counter>("one", 1)).await;
    let children = supervisor::which_children(sup).await?;
    let count = supervisor::count_children(sup).await?;
    let same = supervisor::get_childspec(sup, "one").await?;
    let snapshot = supervisor::snapshot(sup);
    "#,
    r#"
    let plan = DynamicSupervisor::new().max_children(2);
    let dynamic = DynamicSupervisor::new().start_link().await?;
    let with_more = DynamicSupervisor::new().extra_arguments("more").start_link().await?;
    let child = dynamic_supervisor::start_child(dynamic, child_spec::<Counter>("one", 1)).await?;
    let partitioned = PartitionSupervisor::new(|_| child_spec::<Counter>("one", 1)).partitions(2).name("parts").start_link().await?;
    let via = partition_supervisor::via("parts", 5);
    let of_via = partition_supervisor::via("parts", 5).of::<Counter>();
    let partitions = partition_supervisor::partitions("parts");
    let resized = partition_supervisor::resize("parts", 1).await;
    "#,
    // Registries.
    r#"
    let plan = registry::unique::<String, u32>("plan").partitions(2).partition_by_key().listener("nobody");
    let unique = registry::unique::<String, u32>("unique").start_link().await?;
    let duplicate = registry::duplicate::<&str, ()>("duplicate").start_link().await?;
    let found = registry::named::<String, u32>("unique")?;
    let (apart, spec) = registry::unique::<String, u32>("apart").child_spec();
    let registered = registry::register(&unique, "a".into(), 1)?;
    let entries = registry::lookup(&unique, &"a".into());
    let keys = registry::keys(&unique, me());
    let values = registry::values(&unique, &"a".into(), me());
    let matched = registry::match_(&unique, &"a".into(), |n| *n > 0);
    let selected = registry::select(&unique, |key, pid, n| Some((key.clone(), pid, *n)));
    let count = registry::count(&unique);
    let updated = registry::update_value(&unique, &"a".into(), |n| n + 1);
    let meta = registry::meta::<u8, _, _>(&unique, "meta");
    let via = registry::via(&unique, "b".into());
    let of_via = registry::via_value(&unique, "b".into(), 2).of::<Counter>();
    let kind = unique.kind();
    "#,
    // Tables.
    r#"
    let plan = ets::set::<String, u32>("plan").public();
    let set = ets::set::<String, u32>("set").named_table().create()?;
    let ordered = ets::ordered_set::<u32, String>("ordered").create()?;
    let bag = ets::bag::<String, u32>("bag").create()?;
    let duplicate = ets::duplicate_bag::<String, u32>("duplicate").private().create()?;
    let inserted = set.insert_new("a".into(), 1)?;
    let value = set.lookup(&"a".into())?;
    let tried = set.lookup(&"a".into());
    let seen = set.lookup_with(&"a".into(), |n| n + 1)?;
    let values = bag.lookup(&"a".into())?;
    let all_values = duplicate.lookup(&"a".into())?;
    let list = set.tab2list()?;
    let iter = set.iter()?;
    let first = ordered.first()?;
    let last = ordered.last()?;
    let sum = set.foldl(0, |sum, _, n| sum + n)?;
    let selected = set.select(|key, n| (*n > 0).then(|| key.clone()))?;
    let updated = set.update(&"a".into(), |n| n + 1)?;
    let counted = set.update_counter(&"a".into(), 1)?;
    let member = set.member(&"a".into())?;
    let taken = set.take(&"a".into())?;
    let found = ets::whereis::<ets::Set<String, u32>>("set")?;
    let info = set.info();
    let tables = ets::all();
    "#,
    // Applications.
    r#"
    let spec = application::Spec::new("shop", Shop).env("stock", 7);
    let library = application::Spec::library("money");
    let loaded = application::load(application::Spec::new("shop", Shop).env("stock", 7))?;
    let started = application::ensure_all_started("shop", application::Type::Temporary).await?;
    let running = application::which_applications();
    let stock = application::get_env::<i32>("shop", "stock");
    let described = application::spec("shop");
    let mine = application::get_application(me());
    "#,
    // Devices and files.
    r#"
    let device = io::string_io::open("one\ntwo\n");
    let line = io::gets(device, "").await?;
    let pieces = io::stream(device, io::Wanted::Line);
    let bytes = io::binread(device, io::Wanted::Eof).await;
    let contents = io::string_io::contents(device)?;
    let closed = io::string_io::close(device).await?;
    let plan = file::open("/dev/null").write();
    let file = file::open("/dev/null").await?;
    "#,
    // Traces and the node.
    r#"
    let (output, trace) = trace::seq((), async { 5 }).await;
    let filtered = trace.filter(|_| true);
    let outline = trace.outline();
    let limits = trace::Limits::default().events(5);
    let last = trace::last(secs(1));
    let online = system::schedulers_online();
    let number = system::unique_integer();
    let time = system::monotonic_time();
    "#,
    // Rich outputs.
    r#"
    let (output, sequence) = kino::process::seq_trace((), async { 5 }).await;
    let tree = kino::process::sup_tree(me());
    let handle = kino::display(&kino::markdown("*text*"));
    let markdown = kino::markdown("*text*");
    let html = kino::html("<b>text</b>");
    let text = kino::text("text");
    let download = kino::download("text.txt", "text");
    let progress = kino::progress(5);
    let steps = kino::progress(5).over(0..5);
    let grid = kino::layout::grid([kino::text("a"), kino::text("b")]);
    let tabs = kino::layout::tabs([("a", kino::text("b"))]);
    let svg = kino::svg("<svg xmlns='http://www.w3.org/2000/svg'/>");
    let image = kino::image([0_u8]);
    let frame = kino::frame();
    let bundle = kino::Bundle::new().with("text/plain", "text");
    let nothing = kino::nothing();
    let rendered = kino::render(kino::text("text"));
    let inspected = kino::inspect(vec![5]);
    "#,
    r#"
    let observer = kino::process::observer();
    let watched = kino::process::watch(kino::process::sup_tree(me()));
    let tree = kino::tree(&vec![Some(1)]);
    let diagram = kino::mermaid("graph LR; a-->b");
    let ticks = kino::interval(ms(1000));
    let child = kino::start_child(child_spec::<Counter>("one", 1)).await?;
    "#,
];

#[test]
fn what_the_runtime_gives_is_kept_by_a_let_without_a_type() {
    in_session(async |kernel| {
        kernel.run(ITEMS).await;
        for lets in LETS {
            check(kernel, lets).await;
        }
    });
}
