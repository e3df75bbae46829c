//! What a code analyzer that does not run procedural macros sees of `receive!`.
//!
//! A notebook keeps a variable only when the analyzer of its evaluator can tell the variable's type, and that one
//! runs no procedural macros: `let answer = receive! { … }` would be lost on it. For its eyes only, `receive!` is this
//! macro, which has the same arms, bodies and types, and receives nothing.

/// The types of a `receive!`.
#[doc(hidden)]
#[macro_export]
macro_rules! receive {
    () => { ::core::unreachable!() };
    (after $duration:expr => $body:expr $(,)?) => {
        match $duration { ::core::time::Duration { .. } => $body }
    };

    // A name takes any message. That it may be a constant does not matter to the types of bodies.
    ($name:ident => $($rest:tt)*) => {
        $crate::receive!(@body [$name] [$crate::__private::any::<$crate::Message>()] [true] $($rest)*)
    };
    ($name:ident if $($rest:tt)*) => {
        $crate::receive!(@guard [$name] [$crate::__private::any::<$crate::Message>()] $($rest)*)
    };
    (_ => $($rest:tt)*) => {
        $crate::receive!(@body [_] [$crate::__private::any::<$crate::Message>()] [true] $($rest)*)
    };
    (_ if $($rest:tt)*) => {
        $crate::receive!(@guard [_] [$crate::__private::any::<$crate::Message>()] $($rest)*)
    };
    ($pattern:pat => $($rest:tt)*) => {
        $crate::receive!(@body [$pattern] [$crate::__private::any()] [true] $($rest)*)
    };
    ($pattern:pat if $($rest:tt)*) => {
        $crate::receive!(@guard [$pattern] [$crate::__private::any()] $($rest)*)
    };

    (@guard [$($pattern:tt)*] [$message:expr] $guard:expr => $($rest:tt)*) => {
        $crate::receive!(@body [$($pattern)*] [$message] [$guard] $($rest)*)
    };

    (@body [$pattern:pat] [$message:expr] [$guard:expr] $body:block , $($arms:tt)*) => {
        match $message { $pattern if $guard => $body, _ => $crate::receive!($($arms)*) }
    };
    (@body [$pattern:pat] [$message:expr] [$guard:expr] $body:block $($arms:tt)*) => {
        match $message { $pattern if $guard => $body, _ => $crate::receive!($($arms)*) }
    };
    (@body [$pattern:pat] [$message:expr] [$guard:expr] $body:expr $(, $($arms:tt)*)?) => {
        match $message { $pattern if $guard => $body, _ => $crate::receive!($($($arms)*)?) }
    };

    // With a written type, token by token: no fragment may stand before `:`, and none for a type before `if`.
    (@typed [$($pattern:tt)*] : $($rest:tt)*) => {
        $crate::receive!(@type [$($pattern)*] [] $($rest)*)
    };
    (@typed [$($pattern:tt)*] $next:tt $($rest:tt)*) => {
        $crate::receive!(@typed [$($pattern)* $next] $($rest)*)
    };
    (@type [$($pattern:tt)*] [$($type:tt)*] => $($rest:tt)*) => {
        $crate::receive!(@body [$($pattern)*] [$crate::__private::any::<$($type)*>()] [true] $($rest)*)
    };
    (@type [$($pattern:tt)*] [$($type:tt)*] if $($rest:tt)*) => {
        $crate::receive!(@guard [$($pattern)*] [$crate::__private::any::<$($type)*>()] $($rest)*)
    };
    (@type [$($pattern:tt)*] [$($type:tt)*] $next:tt $($rest:tt)*) => {
        $crate::receive!(@type [$($pattern)*] [$($type)* $next] $($rest)*)
    };
    ($($arm:tt)*) => { $crate::receive!(@typed [] $($arm)*) };
}

/// A message of any type.
#[doc(hidden)]
pub fn any<T>() -> T {
    unreachable!("only an analyzer reads this")
}
