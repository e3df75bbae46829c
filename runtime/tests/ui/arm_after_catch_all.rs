use crabtree::prelude::*;

async fn wait() {
    receive! {
        message => drop(message),
        "ping" => (),
    }
}

fn main() {}
