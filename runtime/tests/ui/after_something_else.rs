use crabtree::prelude::*;

async fn wait() {
    receive! {
        "ping" => (),
        after me() => (),
    }
}

fn main() {}
