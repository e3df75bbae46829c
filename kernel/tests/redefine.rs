//! Redefinition is sound: what is of a changed type is lost and told, never read as what it is not.

mod common;

use common::Kernel;

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
