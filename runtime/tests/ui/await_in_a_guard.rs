use crabtree::prelude::*;

async fn is_even(n: i32) -> bool {
    n % 2 == 0
}

async fn wait() {
    receive! {
        n: i32 if is_even(n).await => (),
    }
}

fn main() {}
