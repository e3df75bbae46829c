use crabtree::prelude::*;

async fn wait() {
    receive! {
        (from, "get") => send(from, 1),
    }
}

fn main() {}
