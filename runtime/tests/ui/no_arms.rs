use crabtree::prelude::*;

async fn wait() {
    receive! {}
}

fn main() {}
