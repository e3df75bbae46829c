//! The contenders with the allocator of the system.

fn main() {
    contenders::main();
}
