use crabtree::prelude::*;

async fn wait() {
    receive! {
        Some(ref text): Option<String> => drop(text.clone()),
    }
}

fn main() {}
