//! Redefinition is sound: what is of a changed type is lost and told, never read as what it is not.

mod common;

use common::{Kernel, in_session};

#[tokio::test(flavor = "multi_thread")]
async fn a_variable_of_a_changed_type_is_lost_with_a_note_and_others_stay() {
    let mut kernel = Kernel::start().await;
    kernel
        .run("#[derive(Debug)] struct Foo { x: i32 }\n#[derive(Debug)] struct Holder { foos: Vec<Foo> }\nstruct Plain(u8);")
        .await;
    kernel
        .run(
            "let foo = Foo { x: 42 }; let holder = Holder { foos: vec![Foo { x: 1 }] }; let plain = Plain(7); \
             let boxed: Box<dyn std::any::Any> = Box::new(Foo { x: 9 });",
        )
        .await;
    let redefined = kernel.execute("#[derive(Debug)] struct Foo { x: String }\n1").await;
    assert_eq!(redefined.reply["status"], "ok", "{redefined:?}");
    let notes = redefined.stream("stderr");
    for lost in ["foo", "holder"] {
        assert!(
            notes.contains(&format!("variable {lost} was redefined")),
            "{lost}: {notes}"
        );
    }
    assert!(!notes.contains("plain"), "{notes}");
    assert_eq!(kernel.value("plain.0").await, "7");
    assert_eq!(
        kernel.value("boxed.is::<Foo>()").await,
        "false",
        "the box holds a Foo of before"
    );
    let gone = kernel.execute("foo.x").await;
    assert_eq!(gone.reply["status"], "error");
    assert_eq!(
        kernel.value("Holder { foos: vec![Foo { x: \"new\".into() }] }").await,
        "Holder { foos: [Foo { x: \"new\" }] }"
    );
    // The same definition once more changes nothing.
    kernel.run("let foo = Foo { x: String::from(\"kept\") };").await;
    kernel.run("#[derive(Debug)]\nstruct Foo {\n    x: String,\n}").await;
    assert_eq!(kernel.value("foo.x").await, "\"kept\"");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_of_a_changed_type_does_not_match_in_an_older_process() {
    let mut kernel = Kernel::start().await;
    kernel.run("#[derive(Debug)]\nstruct Order { amount: i64 }\nimpl Order { fn new(n: i64) -> Self { Order { amount: n } } }").await;
    kernel
        .run(
            "let taker = spawn(async { loop { receive! {\n    Order { amount } => println!(\"took {amount}\"),\n    \
             (from, \"done\"): (Pid, &str) => send(from, \"done\"),\n} } });",
        )
        .await;
    kernel
        .run("send(taker, Order::new(5)); send(taker, (me(), \"done\")); receive! { \"done\" => () }")
        .await;
    kernel
        .run("#[derive(Debug)]\nstruct Order { amount: String }\nimpl Order { fn new(n: &str) -> Self { Order { amount: n.into() } } }")
        .await;
    kernel
        .run("send(taker, Order::new(\"five\")); send(taker, (me(), \"done\")); receive! { \"done\" => () }")
        .await;
    assert_eq!(
        kernel.value("process::info(taker).unwrap().messages").await,
        "[Order { amount: \"five\" }]",
        "the new order waits, unread"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn traits_functions_and_impls_can_be_redefined_in_turn() {
    let mut kernel = Kernel::start().await;
    kernel.run("trait Shape { fn area(&self) -> f64; }\nstruct Square(f64);\nimpl Shape for Square { fn area(&self) -> f64 { self.0 * self.0 } }").await;
    kernel
        .run("let shape: Box<dyn Shape> = Box::new(Square(2.0)); let side = 3.0;")
        .await;
    assert_eq!(kernel.value("shape.area()").await, "4.0");
    kernel
        .run(
            "trait Shape { fn name(&self) -> String; fn area(&self) -> f64; }\nstruct Square(f64);\nimpl Shape for Square {\n    \
             fn name(&self) -> String { println!(\"asked\"); \"square\".into() }\n    fn area(&self) -> f64 { self.0 * self.0 }\n}",
        )
        .await;
    let lost = kernel.execute("shape.area()").await;
    assert_eq!(
        lost.reply["status"], "error",
        "a box of the old trait has the old table of methods"
    );
    kernel.run("let shape: Box<dyn Shape> = Box::new(Square(side));").await;
    assert_eq!(
        kernel.value("shape.name() + &shape.area().to_string()").await,
        "\"square9\""
    );
    kernel.run("fn make() -> impl Fn() -> i32 { || 1 }").await;
    assert_eq!(kernel.value("make()()").await, "1");
    kernel
        .run("fn make() -> impl Fn() -> i32 { let n = vec![2]; move || n[0] }")
        .await;
    assert_eq!(kernel.value("make()()").await, "2");
}

#[test]
fn whatever_has_a_changed_type_in_it_is_lost_and_what_only_keeps_a_value_of_it_goes_on_with_the_old_one() {
    in_session(async |kernel| {
        kernel
            .run(
                "#[derive(Debug, Clone)] struct Inner { n: i32 }
                impl Speak for Inner { fn speak(&self) -> i32 { self.n } }
                #[derive(Debug, Clone)] struct Outer { inner: Option<Box<Inner>> }
                #[derive(Debug, Clone)] enum Choice { One(Outer), Other }
                #[derive(Debug, Clone)] struct Pair<T>(T, T);
                type Many = std::collections::BTreeMap<u8, Inner>;
                #[derive(Debug)] struct ByAlias(Many);
                #[derive(Debug, Clone)] struct Apart(u8);
                trait Speak { fn speak(&self) -> i32; }
                fn inner() -> Inner { Inner { n: 41 } }",
            )
            .await;
        let lets = "let plain = inner(); let nested = Outer { inner: Some(Box::new(inner())) };
            let choice = Choice::One(nested.clone()); let none = Choice::Other;
            let vector = vec![inner()]; let array = [inner(), inner()]; let tuple = (1_u8, inner());
            let generic = Pair(inner(), inner()); let alias: Many = Many::from([(1, inner())]);
            let by_alias = ByAlias(Many::new()); let shared = std::sync::Arc::new(std::sync::Mutex::new(inner()));
            let taker: Box<dyn Fn(&Inner) -> i32 + Send> = Box::new(|inner| inner.n);
            let pointer: fn() -> Inner = inner; let (sender, _receiver) = std::sync::mpsc::channel::<Inner>();
            let server = agent::start(inner).await?;
            let captured = inner(); let closure: Box<dyn Fn() -> i32 + Send> = Box::new(move || (&captured).n + 1);
            let speaker: Box<dyn Speak + Send> = Box::new(inner()); let number = 7; let apart = Apart(8);
            let other_generic = Pair(Apart(1), Apart(2)); let pid = Pid::from(&server);";
        kernel.run(lets).await;
        let cell = kernel
            .run(
                "#[derive(Debug, Clone)] struct Inner { n: String, more: [u64; 8] }
                impl Speak for Inner { fn speak(&self) -> i32 { 0 } }
                fn inner() -> Inner { Inner { n: String::new(), more: [1; 8] } }
                ()",
            )
            .await;
        let notes = cell.stream("stderr");
        let mut lost: Vec<&str> = notes
            .lines()
            .filter_map(|line| line.split("variable ").nth(1)?.split(' ').next())
            .collect();
        lost.sort_unstable();
        let expected = [
            "_receiver",
            "alias",
            "array",
            "by_alias",
            "choice",
            "generic",
            "nested",
            "none",
            "plain",
            "pointer",
            "sender",
            "server",
            "shared",
            "taker",
            "tuple",
            "vector",
        ];
        assert_eq!(lost, expected, "{notes}");
        let kept = "(closure(), speaker.speak(), number, apart.clone(), other_generic.clone(), process::is_alive(pid))";
        assert_eq!(
            kernel.value(kept).await,
            "(42, 41, 7, Apart(8), Pair(Apart(1), Apart(2)), true)"
        );
        // A generic type, an alias and a constant are changed as well.
        kernel
            .run("const WIDTH: usize = 2; struct Wide([u8; WIDTH]); let wide = Wide([1, 2]); type Id = u32; struct User { id: Id } let user = User { id: 5 };")
            .await;
        for (change, lost) in [
            ("#[derive(Debug, Clone)] struct Pair<T>(T, u8, T);", "other_generic"),
            ("const WIDTH: usize = 64;", "wide"),
            ("type Id = String;", "user"),
            (
                "trait Speak { fn shout(&self) -> String { String::new() } fn speak(&self) -> i32; }",
                "speaker",
            ),
        ] {
            // Without a statement, nothing runs that could lose a variable.
            let notes = kernel.run(&format!("{change} ()")).await.stream("stderr");
            assert!(
                notes.contains(&format!("variable {lost} was redefined")),
                "{change}: {notes}"
            );
        }
        assert_eq!(kernel.value("(closure(), number, apart)").await, "(42, 7, Apart(8))");
        kernel.run("process::exit(pid, ExitReason::Kill);").await;
    });
}

#[test]
fn a_message_with_a_changed_type_somewhere_in_it_does_not_match_in_an_older_process() {
    in_session(async |kernel| {
        kernel
            .run("#[derive(Debug)] struct Item { n: i64 } #[derive(Debug)] struct Wrapped<T>(T); #[derive(Debug)] struct Same(u8);")
            .await;
        kernel
            .run(
                "let older = spawn(async { loop { receive! {
                    Item { n } => println!(\"{n}\"), (_, n): (Item, u8) => println!(\"{n}\"),
                    items: Vec<Item> => println!(\"{items:?}\"), Some(item): Option<Item> => println!(\"{item:?}\"),
                    item: Wrapped<Item> => println!(\"{item:?}\"), item: Box<Item> => println!(\"{item:?}\"),
                    Same(n) => println!(\"same {n}\"), (from, \"done\"): (Pid, &str) => send(from, \"done\"),
                } } });",
            )
            .await;
        let sent = |item: &str| {
            format!(
                "let item = || Item {{ n: {item} }}; send(older, item()); send(older, (item(), 1_u8)); send(older, vec![item()]);
                send(older, Some(item())); send(older, Wrapped(item())); send(older, Box::new(item())); send(older, Same(2));
                send(older, (me(), \"done\")); receive! {{ \"done\" => () }}
                process::info(older).unwrap().message_queue_len"
            )
        };
        assert_eq!(kernel.value(&format!("{{ {} }}", sent("5"))).await, "0");
        kernel.run("#[derive(Debug)] struct Item { n: String }").await;
        let cell = kernel.run(&format!("{{ {} }}", sent("\"five\".to_owned()"))).await;
        assert_eq!(cell.value(), "6", "all but the one that is as it was wait, unread");
        kernel.run("process::exit(older, ExitReason::Kill);").await;
    });
}

/// A random session: types that contain each other are defined, redefined and defined again as they were, while variables
/// and a process hold values of them. Values have [`CANARY`]s in them, so that one that is read, copied or dropped as what
/// it is not is seen. Another session is tried with `CRABTREE_SEED=…`.
#[tokio::test(flavor = "multi_thread")]
async fn in_a_random_session_what_changed_is_lost_and_what_did_not_is_kept() {
    let seed = std::env::var("CRABTREE_SEED").map_or(0x5eed, |seed| seed.parse().unwrap());
    let mut session = Session::new(seed);
    let mut kernel = Kernel::start().await;
    kernel.run(CANARY).await;
    assert_eq!(
        kernel.value("cfg!(debug_assertions)").await,
        "true",
        "std checks what it can"
    );
    kernel
        .run("let keeper = spawn(async { std::future::pending::<()>().await });")
        .await;
    for step in 0..20 {
        session.step(&mut kernel, step).await;
    }
    session.check(&mut kernel).await;
    // None was dropped twice. What is lost stays where it is, and nobody gets it.
    let names = session.variables.iter().map(|variable| format!("{}, ", variable.name));
    kernel.run(&format!("drop(({}));", names.collect::<String>())).await;
    let gone = "let watched = process::monitor(keeper); process::exit(keeper, ExitReason::Kill);
        receive! { Down { monitor, .. } if monitor == watched => alive().load(std::sync::atomic::Ordering::SeqCst) }";
    let left: i64 = kernel.value(gone).await.parse().unwrap();
    assert!(left >= 0, "{left}: {:#?}", session.log);
}

/// A value that knows whether it is one. Each cell has statics of its own, so the count of all is found by its address.
const CANARY: &str = r#"
use std::sync::atomic::{AtomicI64, Ordering};
unsafe { std::env::set_var("CANARIES", (Box::leak(Box::new(AtomicI64::new(0))) as *const AtomicI64 as usize).to_string()) };
pub fn alive() -> &'static AtomicI64 {
    unsafe { &*(std::env::var("CANARIES").unwrap().parse::<usize>().unwrap() as *const AtomicI64) }
}
pub struct Canary { first: u64, heap: Box<[u64; 4]>, text: String, last: u64 }
impl Canary {
    pub fn check(&self) {
        let sound = self.first == 0x5ca1_ab1e_0ddb_a115 && self.last == !self.first && *self.heap == [self.first; 4] && self.text == "canary";
        if !sound { eprintln!("a canary is dead"); std::process::abort() }
    }
}
pub trait Make { fn make() -> Self; }
impl Make for u8 { fn make() -> u8 { 7 } }
impl Make for u16 { fn make() -> u16 { 0x1234 } }
impl Make for String { fn make() -> String { "a text on the heap".to_owned() } }
impl Make for [i64; 3] { fn make() -> [i64; 3] { [-1, 0, i64::MAX] } }
impl<T: Make> Make for Vec<T> { fn make() -> Vec<T> { vec![T::make(), T::make()] } }
impl<T: Make> Make for Option<T> { fn make() -> Option<T> { Some(T::make()) } }
impl<T: Make> Make for Box<T> { fn make() -> Box<T> { Box::new(T::make()) } }
impl<T: Make> Make for std::sync::Arc<T> { fn make() -> std::sync::Arc<T> { std::sync::Arc::new(T::make()) } }
impl<T: Make, U: Make> Make for (T, U) { fn make() -> (T, U) { (T::make(), U::make()) } }
impl<T: Make> Make for std::collections::BTreeMap<u8, T> {
    fn make() -> std::collections::BTreeMap<u8, T> { (1..4).map(|n| (n, T::make())).collect() }
}
impl Make for Canary {
    fn make() -> Canary {
        alive().fetch_add(1, Ordering::SeqCst);
        let first = 0x5ca1_ab1e_0ddb_a115;
        Canary { first, heap: Box::new([first; 4]), text: String::from("canary"), last: !first }
    }
}
impl Clone for Canary { fn clone(&self) -> Canary { self.check(); Canary::make() } }
impl std::fmt::Debug for Canary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { self.check(); f.write_str("Canary") }
}
impl Drop for Canary {
    fn drop(&mut self) {
        self.check();
        alive().fetch_sub(1, Ordering::SeqCst);
        unsafe { std::ptr::write_volatile(&mut self.first, 0xdead) };
    }
}
"#;

/// What a random session should have.
struct Session {
    seed: u64,
    /// The definition of each type, as text; a type mentions only those before it.
    types: Vec<String>,
    variables: Vec<Variable>,
    log: Vec<String>,
}

struct Variable {
    name: String,
    of: usize,
    /// The definitions that its type came from when it was made.
    meaning: String,
    shown: String,
}

const NAMES: [&str; 4] = ["Ant", "Bee", "Cat", "Dog"];

impl Session {
    fn new(seed: u64) -> Session {
        Session {
            seed,
            types: Vec::new(),
            variables: Vec::new(),
            log: Vec::new(),
        }
    }

    /// A number below `limit` (xorshift).
    fn random(&mut self, limit: usize) -> usize {
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        usize::try_from(self.seed % limit as u64).unwrap()
    }

    async fn step(&mut self, kernel: &mut Kernel, step: usize) {
        let know = self.types.len();
        match self.random(5) {
            0..2 if know < NAMES.len() => self.define(kernel, know).await,
            0..2 => {
                let of = self.random(know);
                self.define(kernel, of).await;
            }
            2 if know > 0 => {
                // As it is, in other words.
                let again = self.random(know);
                let text = format!("// again\n{}", self.types[again]);
                self.run(kernel, &text).await;
            }
            3.. if know > 0 => {
                let (of, name) = (self.random(know), format!("v{step}"));
                self.run(
                    kernel,
                    &format!(
                        "let {name}: {0} = {0}::make(); send(keeper, {name}.clone());",
                        NAMES[of]
                    ),
                )
                .await;
                let shown = self.run(kernel, &format!("format!(\"{{:?}}\", {name})")).await;
                let meaning = self.meaning(of);
                self.variables.push(Variable {
                    name,
                    of,
                    meaning,
                    shown,
                });
            }
            _ => self.define(kernel, 0).await,
        }
    }

    /// Defines a type, anew or for the first time.
    async fn define(&mut self, kernel: &mut Kernel, of: usize) {
        let part = |session: &mut Session| {
            let inner = match session.random(of + 4) {
                0 => "u8",
                1 => "String",
                2 => "[i64; 3]",
                3 => "Canary",
                other => NAMES[other - 4],
            };
            match session.random(7) {
                0 => format!("Vec<{inner}>"),
                1 => format!("Option<Box<{inner}>>"),
                2 => format!("std::collections::BTreeMap<u8, {inner}>"),
                3 => format!("std::sync::Arc<{inner}>"),
                4 => format!("({inner}, u16)"),
                _ => inner.to_owned(),
            }
        };
        let (first, second) = (part(self), part(self));
        let name = NAMES[of];
        let (parameters, body, made) = match self.random(3) {
            0 => (
                "",
                format!("struct {name} {{ a: {first}, canary: Canary, b: {second} }}"),
                format!("{name} {{ a: Make::make(), canary: Make::make(), b: Make::make() }}"),
            ),
            1 => (
                "<T: Make>",
                format!("struct {name}<T = {first}>(T, Canary, {second});"),
                format!("{name}(Make::make(), Make::make(), Make::make())"),
            ),
            _ => (
                "",
                format!("enum {name} {{ No, One({second}), Two {{ a: {first}, canary: Canary, b: {second} }} }}"),
                format!("{name}::Two {{ a: Make::make(), canary: Make::make(), b: Make::make() }}"),
            ),
        };
        let arguments = if parameters.is_empty() { "" } else { "<T>" };
        let text = format!(
            "#[derive(Debug, Clone)]\npub {body}\nimpl{parameters} Make for {name}{arguments} {{ fn make() -> Self {{ {made} }} }}"
        );
        self.run(kernel, &text).await;
        if of == self.types.len() {
            self.types.push(text);
        } else {
            self.types[of] = text;
        }
        self.check(kernel).await;
    }

    /// All definitions that a type is made of.
    fn meaning(&self, of: usize) -> String {
        let own = &self.types[of];
        let parts = (0..of).filter(|part| own.contains(NAMES[*part]));
        parts.fold(own.clone(), |meaning, part| meaning + &self.meaning(part))
    }

    /// Each variable is there as it was, or lost if its type changed since.
    async fn check(&mut self, kernel: &mut Kernel) {
        for variable in std::mem::take(&mut self.variables) {
            let code = format!("format!(\"{{:?}}\", {})", variable.name);
            if self.meaning(variable.of) == variable.meaning {
                assert_eq!(
                    self.run(kernel, &code).await,
                    variable.shown,
                    "{}\n{:#?}",
                    variable.name,
                    self.log
                );
                self.variables.push(variable);
            } else {
                let gone = kernel.execute(&code).await;
                assert_eq!(
                    gone.reply["ename"], "CompileError",
                    "{} should be lost: {gone:?}\n{:#?}",
                    variable.name, self.log
                );
            }
        }
        // The process still holds all values that it ever got, of whichever definition.
        let held = self.run(kernel, "process::info(keeper).unwrap().messages.len()").await;
        let made = self.log.iter().filter(|code| code.contains("send(keeper")).count();
        assert_eq!(held, made.to_string(), "{:#?}", self.log);
    }

    async fn run(&mut self, kernel: &mut Kernel, code: &str) -> String {
        self.log.push(code.to_owned());
        let cell = kernel.execute(code).await;
        assert_eq!(cell.reply["status"], "ok", "{:?}\n{:#?}", cell.reply, self.log);
        let values: Vec<_> = cell.of_type("execute_result").collect();
        values.first().map_or(String::new(), |value| {
            value.content["data"]["text/plain"].as_str().unwrap().to_owned()
        })
    }
}

#[test]
fn a_package_that_changes_on_disk_has_types_of_its_own() {
    in_session(async |kernel| {
        let directory = tempfile::tempdir().unwrap();
        let package = directory.path().join("shapes");
        std::fs::create_dir_all(package.join("src")).unwrap();
        let manifest = "[package]\nname = \"shapes\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[workspace]\n";
        std::fs::write(package.join("Cargo.toml"), manifest).unwrap();
        let write = |field: &str| {
            let code = format!("#[derive(Debug, Clone)] pub struct Shape {{ pub side: {field} }}");
            std::fs::write(package.join("src/lib.rs"), code).unwrap();
        };
        write("usize");
        let code = format!(
            ":dep shapes = {{ path = {package:?} }}
            let number = 3; let kept = shapes::Shape {{ side: 7 }};
            let old = spawn(async {{ receive! {{ shape: shapes::Shape => println!(\"{{}}\", shape.side), after secs(3600) => {{}} }} }});"
        );
        kernel.run(&code).await;
        write("String");
        let cell = kernel.run("number").await;
        assert_eq!(cell.value(), "3", "what has no such type stays");
        assert!(
            cell.stream("stderr").contains("kept"),
            "it is told what was lost: {cell:?}"
        );
        let sent = "send(old, shapes::Shape { side: \"seven\".to_owned() }); process::sleep(ms(1)).await;
            process::info(old).unwrap().message_queue_len";
        assert_eq!(
            kernel.value(sent).await,
            "1",
            "the older process does not take it for its own"
        );
        kernel.run("process::exit(old, ExitReason::Kill);").await;
        kernel.run(":clear").await;
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_static_is_one_for_all_cells_until_it_is_defined_again() {
    let mut kernel = Kernel::start().await;
    let cell = "use std::sync::{LazyLock, Mutex, atomic::{AtomicU32, Ordering::Relaxed}};\n\
        static COUNT: AtomicU32 = AtomicU32::new(0);\n\
        static NAMES: LazyLock<Mutex<Vec<String>>> = LazyLock::new(Mutex::default);\n\
        fn ticket() -> u32 { static NEXT: AtomicU32 = AtomicU32::new(10); NEXT.fetch_add(1, Relaxed) }\n\
        COUNT.fetch_add(1, Relaxed); NAMES.lock().unwrap().push(\"first\".into()); ticket()";
    assert_eq!(kernel.value(cell).await, "10");
    kernel
        .run("COUNT.fetch_add(1, Relaxed); NAMES.lock().unwrap().push(\"second\".into());")
        .await;
    // The code of a process is that of the cell that spawned it.
    kernel
        .run("let counter = me(); spawn(async move { COUNT.fetch_add(1, Relaxed); send(counter, \"counted\") }); receive! { \"counted\" => () }")
        .await;
    assert_eq!(
        kernel
            .value("(COUNT.load(Relaxed), NAMES.lock().unwrap().clone(), ticket())")
            .await,
        "(3, [\"first\", \"second\"], 11)"
    );
    assert_eq!(kernel.value(cell).await, "10", "the cell defines them anew");
    assert_eq!(kernel.value("(COUNT.load(Relaxed), ticket())").await, "(1, 11)");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_static_of_a_changed_type_begins_anew_and_is_never_read_as_the_old_one() {
    let mut kernel = Kernel::start().await;
    kernel
        .run("use std::sync::Mutex;\n#[derive(Debug, Clone)] struct Entry { id: u8 }\nstatic LOG: Mutex<Vec<Entry>> = Mutex::new(Vec::new());")
        .await;
    kernel.run("LOG.lock().unwrap().push(Entry { id: 7 });").await;
    assert_eq!(kernel.value("LOG.lock().unwrap().clone()").await, "[Entry { id: 7 }]");
    kernel.run("#[derive(Debug, Clone)] struct Entry { id: String }").await;
    assert_eq!(kernel.value("LOG.lock().unwrap().clone()").await, "[]");
    kernel
        .run("LOG.lock().unwrap().push(Entry { id: \"8\".into() });")
        .await;
    assert_eq!(
        kernel.value("LOG.lock().unwrap().clone()").await,
        "[Entry { id: \"8\" }]"
    );
    kernel.run(":restart").await;
    assert_eq!(kernel.value("LOG.lock().unwrap().clone()").await, "[]");
    kernel
        .run("LOG.lock().unwrap().push(Entry { id: \"9\".into() });")
        .await;
    assert_eq!(
        kernel.value("LOG.lock().unwrap().clone()").await,
        "[Entry { id: \"9\" }]"
    );
}
