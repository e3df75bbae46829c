use crabtree::prelude::*;

async fn wait() {
    receive! {
        after ms(10) => (),
        after ms(20) => (),
    }
}

fn main() {}
