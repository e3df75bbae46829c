use crabtree::prelude::*;

async fn wait() {
    receive! {
        "ping" => (),
        after 1000 => (),
    }
}

fn main() {}
