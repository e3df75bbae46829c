//! Printing from cells.
//!
//! A cell imports these names explicitly, so that they shadow std's in all of the crate that evcxr
//! generates, and with them evcxr's own call, which says that the cell panicked.

/// `print!` to the group leader of the calling process.
#[macro_export]
macro_rules! print {
    ($($argument:tt)*) => { $crate::__cell::runtime::print!($($argument)*) };
}

/// `println!` to the group leader of the calling process.
#[macro_export]
macro_rules! println {
    ("EVCXR_PANIC_NOTIFICATION") => { $crate::__cell::protocol("EVCXR_PANIC_NOTIFICATION") };
    ($($argument:tt)*) => { $crate::__cell::runtime::println!($($argument)*) };
}

/// `eprint!` to the group leader of the calling process.
#[macro_export]
macro_rules! eprint {
    ($($argument:tt)*) => { $crate::__cell::runtime::eprint!($($argument)*) };
}

/// `eprintln!` to the group leader of the calling process.
#[macro_export]
macro_rules! eprintln {
    ($($argument:tt)*) => { $crate::__cell::runtime::eprintln!($($argument)*) };
}

/// `dbg!` to the group leader of the calling process.
#[macro_export]
macro_rules! dbg {
    ($($argument:tt)*) => { $crate::__cell::runtime::dbg!($($argument)*) };
}

/// Shows the value of a cell's last expression.
#[doc(hidden)]
#[macro_export]
macro_rules! __show {
    // Such an expression may end in no value at all. Rust finds that out too late for a method to be looked up.
    ({ $($inside:tt)* } $($rest:tt)*) => { $crate::__show_undisplayed!({ $($inside)* } $($rest)*) };
    (unsafe $($rest:tt)*) => { $crate::__show_undisplayed!(unsafe $($rest)*) };
    (if $($rest:tt)*) => { $crate::__show_undisplayed!(if $($rest)*) };
    (match $($rest:tt)*) => { $crate::__show_undisplayed!(match $($rest)*) };
    ($value:expr) => {
        match $value {
            ref value => {
                #[allow(unused_imports)]
                use $crate::__cell::{Displayed as _, Undisplayed as _};
                let displayed = {
                    let _showing = $crate::__cell::ShowingValue::new();
                    #[allow(unused_mut)]
                    let mut value = value;
                    value.evcxr_display()
                };
                displayed.otherwise(|| $crate::__show_undisplayed!(*value))
            }
        }
    };
}

/// Shows a value in one of our own ways.
#[doc(hidden)]
#[macro_export]
macro_rules! __show_undisplayed {
    ($value:expr) => {
        match $value {
            ref value => {
                #[allow(unused_imports)]
                use $crate::__cell::{
                    AsDebug as _, AsFuture as _, AsIterator as _, AsNothing as _, AsRich as _, AsTypeName as _,
                };
                (&&&&&&$crate::__cell::Shown(value)).show()
            }
        }
    };
}
