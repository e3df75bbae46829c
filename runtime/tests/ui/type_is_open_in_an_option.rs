use crabtree::prelude::*;

async fn wait() {
    receive! {
        Some(value) => drop::<u8>(value),
    }
}

fn main() {}
