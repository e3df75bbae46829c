use crabtree::prelude::*;

#[derive(Debug)]
struct Counter;

impl GenServer for Counter {
    type Args = ();

    async fn init((): ()) -> Init<Counter> {
        Init::ok(Counter)
    }
}

impl HandleCall<i8> for Counter {
    type Reply = ();

    async fn handle_call(&mut self, _: i8, _: Caller<()>) -> Reply<()> {
        Reply::reply(())
    }
}

impl HandleCall<i16> for Counter {
    type Reply = ();

    async fn handle_call(&mut self, _: i16, _: Caller<()>) -> Reply<()> {
        Reply::reply(())
    }
}

#[derive(Debug)]
struct Get;

fn main() {
    let _ = gen_server::call(named::<Counter>("counter"), Get);
}
