#![deny(unused)]
use crabtree::prelude::*;

#[derive(Debug)]
pub enum Msg {
    Move { name: String, x: i32, y: i32 },
}

pub async fn wait() {
    receive! {
        Msg::Move { name, x, y } if x > 0 => drop(name),
    }
}

fn main() {}
