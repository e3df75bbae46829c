//! The program `crabtree`; all of it is in the library beside.

fn main() -> std::process::ExitCode {
    crabtree_kernel::main()
}
