//! What types are called where people read it.

use std::any::type_name;

/// The name of a type without the paths in it: `Option<Entry>` for `core::option::Option<my_crate::Entry>`.
pub fn short_type_name<T: ?Sized>() -> String {
    without_paths(type_name::<T>())
}

/// A type's name, as [`type_name`] gives it, with the last part of each path in it.
pub(crate) fn without_paths(type_name: &str) -> String {
    let is_path = |character: char| character.is_alphanumeric() || matches!(character, '_' | ':' | '{' | '}');
    let mut short = String::with_capacity(type_name.len());
    let mut rest = type_name;
    while !rest.is_empty() {
        let path = rest.find(|character| !is_path(character)).unwrap_or(rest.len());
        short.push_str(rest[..path].rsplit("::").next().unwrap_or_default());
        let next = rest[path..].find(is_path).unwrap_or(rest.len() - path);
        short.push_str(&rest[path..path + next]);
        rest = &rest[path + next..];
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_named_without_paths() {
        let names = [
            ("i32", "i32"),
            ("&str", "&str"),
            ("alloc::string::String", "String"),
            (
                "(crabtree::pid::Pid, core::option::Option<a::b_1::C>)",
                "(Pid, Option<C>)",
            ),
            ("[a::B; 3]", "[B; 3]"),
            ("dyn a::B + core::marker::Send", "dyn B + Send"),
            ("a::f::{{closure}}", "{{closure}}"),
            ("a::{{closure}}::f", "f"),
            ("", ""),
        ];
        for (full, short) in names {
            assert_eq!(without_paths(full), short);
        }
        assert_eq!(short_type_name::<(String, &[Option<u8>])>(), "(String, &[Option<u8>])");
        assert_eq!(short_type_name::<Box<dyn std::error::Error>>(), "Box<dyn Error>");
    }
}
