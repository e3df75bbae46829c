use crabtree::prelude::*;

async fn wait() {
    receive! {
        "ping": String => (),
    }
}

fn main() {}
