use crabtree::prelude::*;

async fn wait() {
    receive! {
        "ping" => ()
        "pong" => (),
    }
}

fn main() {}
