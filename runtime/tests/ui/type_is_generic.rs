use crabtree::prelude::*;

#[derive(Debug)]
struct Wrapper<T>(T);

async fn wait() {
    receive! {
        Wrapper(value) => { let _kept = value; }
    }
}

fn main() {}
