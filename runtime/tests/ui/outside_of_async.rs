use crabtree::prelude::*;

fn wait() {
    receive! { "ping" => () }
}

fn main() {}
