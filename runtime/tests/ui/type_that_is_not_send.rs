use crabtree::prelude::*;

async fn wait() {
    receive! {
        text: std::rc::Rc<str> => drop(text),
    }
}

fn main() {}
