use crabtree::prelude::*;

async fn wait() {
    receive! {
        after ms(10) => (),
        "ping" => (),
    }
}

fn main() {}
