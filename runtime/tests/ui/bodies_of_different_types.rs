use crabtree::prelude::*;

async fn wait() {
    receive! {
        "ping" => 1,
        "pong" => "two",
    }
}

fn main() {}
