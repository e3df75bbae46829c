//! Stable words for what is numbered anew in each run.

use std::collections::HashMap;

use crate::Pid;

/// What stands for each pid and each reference in a text.
///
/// A process that is called something goes by that, and a second one that is called the same by `name (2)`. Others are
/// `P1`, `P2`, … and references `#Ref1`, `#Ref2`, …, in the order in which they are met.
#[derive(Default)]
pub(crate) struct Aliases {
    known: HashMap<String, String>,
    /// How many processes go by a name.
    called: HashMap<String, usize>,
    pids: usize,
    refs: usize,
}

impl Aliases {
    /// Says what a process is called.
    pub(crate) fn name(&mut self, pid: Pid, name: &str) {
        let count = self.called.entry(name.to_owned()).or_default();
        *count += 1;
        let alias = match count {
            1 => name.to_owned(),
            _ => format!("{name} ({count})"),
        };
        self.known.insert(pid.to_string(), alias);
    }

    /// What a process goes by.
    pub(crate) fn of(&mut self, pid: Pid) -> String {
        self.alias(&pid.to_string())
    }

    /// The text with each pid and each reference in it replaced.
    pub(crate) fn within(&mut self, text: &str) -> String {
        let mut replaced = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(start) = rest.find(['<', '#']) {
            replaced.push_str(&rest[..start]);
            rest = &rest[start..];
            match identifier(rest) {
                Some(identifier) => {
                    replaced.push_str(&self.alias(identifier));
                    rest = &rest[identifier.len()..];
                }
                None => {
                    replaced.push_str(&rest[..1]);
                    rest = &rest[1..];
                }
            }
        }
        replaced + rest
    }

    fn alias(&mut self, identifier: &str) -> String {
        if let Some(alias) = self.known.get(identifier) {
            return alias.clone();
        }
        let alias = if identifier.starts_with('#') {
            self.refs += 1;
            format!("#Ref{}", self.refs)
        } else {
            self.pids += 1;
            format!("P{}", self.pids)
        };
        self.known.insert(identifier.to_owned(), alias.clone());
        alias
    }
}

/// The pid `<0.1.0>` or the reference `#Ref<0.1>` that the text begins with; that of a timer has a number more.
fn identifier(text: &str) -> Option<&str> {
    let (start, counts) = match text.strip_prefix("#Ref<0.") {
        Some(numbers) => (numbers, 1..=2),
        None => (text.strip_prefix("<0.")?, 2..=2),
    };
    let (numbers, _) = start.split_once('>')?;
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_identifier = counts.contains(&numbers.split('.').count()) && numbers.split('.').all(is_number);
    is_identifier.then(|| &text[..text.len() - start.len() + numbers.len() + 1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_replaced_wherever_they_stand_and_nothing_else_is() {
        let mut aliases = Aliases::default();
        aliases.name(Pid::local(5, 0), "till");
        aliases.name(Pid::local(6, 0), "till");
        let text = "(<0.9.0>, [<0.5.0>], #Ref<0.77>) <0.6.0> <0.9.0> <0.8.0>#Ref<0.1.78> <0.> <0.1> <0.b.0> <b>#Ref<x> # <0.9.0";
        assert_eq!(
            aliases.within(text),
            "(P1, [till], #Ref1) till (2) P1 P2#Ref2 <0.> <0.1> <0.b.0> <b>#Ref<x> # <0.9.0"
        );
        assert_eq!(aliases.of(Pid::local(8, 0)), "P2");
        assert_eq!(aliases.of(Pid::local(10, 0)), "P3");
    }
}
