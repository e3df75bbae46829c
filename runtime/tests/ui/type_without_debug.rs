use crabtree::prelude::*;

struct Quiet;

async fn wait() {
    receive! {
        Quiet => (),
    }
}

fn main() {}
