use crabtree::prelude::*;

async fn wait() {
    receive! {
        "ping" => (),
        after => (),
    }
}

fn main() {}
