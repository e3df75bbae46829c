//! `print!` and its kin, for processes.

/// Prints to the group leader of the calling process: like std's, but to the right cell.
///
/// Bring it into scope by name, `use crabtree::print;`: std's macros are found before those of a glob import.
#[macro_export]
macro_rules! print {
    ($($text:tt)*) => {
        $crate::io::write_fmt($crate::io::Stream::Stdout, ::std::format_args!($($text)*))
    };
}

/// Prints a line to the group leader of the calling process.
///
/// ```
/// use crabtree::println;
///
/// let n = 7;
/// println!();
/// println!("n is {n}, and {} its square", n * n);
/// ```
#[macro_export]
macro_rules! println {
    () => { $crate::print!("\n") };
    ($($text:tt)*) => { $crate::print!("{}\n", ::std::format_args!($($text)*)) };
}

/// Prints to the error stream of the group leader of the calling process.
#[macro_export]
macro_rules! eprint {
    ($($text:tt)*) => {
        $crate::io::write_fmt($crate::io::Stream::Stderr, ::std::format_args!($($text)*))
    };
}

/// Prints a line to the error stream of the group leader of the calling process.
#[macro_export]
macro_rules! eprintln {
    () => { $crate::eprint!("\n") };
    ($($text:tt)*) => { $crate::eprint!("{}\n", ::std::format_args!($($text)*)) };
}

/// Prints an expression and its value to the error stream of the group leader, and gives the value back.
///
/// ```
/// use crabtree::dbg;
///
/// let n = dbg!(3 * 2) + 1;
/// assert_eq!(n, 7);
/// ```
#[macro_export]
macro_rules! dbg {
    () => { $crate::eprintln!("[{}:{}:{}]", ::std::file!(), ::std::line!(), ::std::column!()) };
    ($value:expr $(,)?) => {
        match $value {
            value => {
                $crate::eprintln!(
                    "[{}:{}:{}] {} = {:#?}",
                    ::std::file!(), ::std::line!(), ::std::column!(), ::std::stringify!($value), &value
                );
                value
            }
        }
    };
    ($($value:expr),+ $(,)?) => { ($($crate::dbg!($value)),+,) };
}
