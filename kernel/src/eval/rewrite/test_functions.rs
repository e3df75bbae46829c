//! Functions marked `#[test]`: they are run when their cell runs.
//!
//! The marks go, for with them the functions would not be compiled, and behind the cell comes a call that runs them. A
//! test may be asynchronous, stand in an inline module, also one for `#[cfg(test)]`, and return a `Result`.

use std::fmt::Write as _;

use ra_ap_syntax::ast::{self, AstNode as _, HasAttrs as _, HasModuleItem as _, HasName as _, HasVisibility as _};

use super::edits::Edit;
use super::statements::Statement;

/// The tests of a cell.
#[derive(Default)]
pub(super) struct TestFunctions {
    /// What makes them ordinary functions.
    pub(super) edits: Vec<Edit>,
    calls: String,
}

impl TestFunctions {
    /// Finds the tests in `statements`.
    pub(super) fn of(statements: &[Statement]) -> TestFunctions {
        let mut found = TestFunctions::default();
        for statement in statements.iter().filter(|statement| statement.sound) {
            if let Some(item) = ast::Item::cast(statement.node.clone()) {
                found.visit(statement, &item, "");
            }
        }
        found
    }

    /// What runs them; empty when there are none.
    pub(super) fn suffix(&self) -> String {
        if self.calls.is_empty() {
            return String::new();
        }
        format!("\ncrabtree::__cell::run_tests(vec![{}]).await?;", self.calls)
    }

    fn visit(&mut self, statement: &Statement, item: &ast::Item, path: &str) {
        match item {
            ast::Item::Fn(function) => self.function(statement, function, path),
            ast::Item::Module(module) => self.module(statement, module, path),
            _ => {}
        }
    }

    fn module(&mut self, statement: &Statement, module: &ast::Module, path: &str) {
        let (Some(name), Some(items)) = (module.name(), module.item_list()) else {
            return;
        };
        let before = self.calls.len();
        let path = format!("{path}{}::", name.text());
        for item in items.items() {
            self.visit(statement, &item, &path);
        }
        if self.calls.len() > before {
            let for_tests = |attribute: &ast::Attr| attribute.syntax().text() == "#[cfg(test)]";
            for attribute in module.attrs().filter(for_tests) {
                self.remove(statement, &attribute);
            }
            if path.matches("::").count() > 1 {
                self.publish(statement, module.visibility(), module.mod_token());
            }
        }
    }

    fn function(&mut self, statement: &Statement, function: &ast::Fn, path: &str) {
        let named = |attribute: &ast::Attr, wanted: &str| {
            let path = attribute.path().and_then(|path| path.segment());
            path.is_some_and(|segment| segment.syntax().text() == wanted)
        };
        let Some(name) = function.name() else { return };
        if !function.attrs().any(|attribute| named(&attribute, "test")) {
            return;
        }
        let (mut ignored, mut panics) = (false, "None".to_owned());
        for attribute in function.attrs() {
            if named(&attribute, "should_panic") {
                let text = attribute.syntax().text().to_string();
                let expected = text.split_once('"').and_then(|(_, rest)| rest.rsplit_once('"'));
                panics = format!("Some(\"{}\")", expected.map_or("", |(text, _)| text));
            } else if named(&attribute, "ignore") {
                ignored = true;
            } else if !named(&attribute, "test") {
                continue;
            }
            self.remove(statement, &attribute);
        }
        if !path.is_empty() {
            let first = function.async_token().or_else(|| function.fn_token());
            self.publish(statement, function.visibility(), first);
        }
        let path = format!("{path}{}", name.text());
        let wait = if function.async_token().is_some() { ".await" } else { "" };
        // Writing to a string does not fail.
        let _ = write!(
            self.calls,
            "crabtree::__cell::Test::new({path:?}, {ignored}, {panics}, || Box::pin(async {{ \
             crabtree::__cell::TestOutcome::verdict({path}(){wait}) }})), "
        );
    }

    fn remove(&mut self, statement: &Statement, attribute: &ast::Attr) {
        let range = attribute.syntax().text_range();
        let range = statement.offset(range.start())..statement.offset(range.end());
        self.edits.push(Edit::replace(range, ""));
    }

    /// Lets the call reach what is in a module.
    fn publish(
        &mut self,
        statement: &Statement,
        visibility: Option<ast::Visibility>,
        first: Option<ra_ap_syntax::SyntaxToken>,
    ) {
        if let (None, Some(first)) = (visibility, first) {
            let at = statement.offset(first.text_range().start());
            self.edits.push(Edit::insert(at, "pub(crate) "));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::rewrite::{Rewritten, split};

    #[track_caller]
    fn check(code: &str, expected: &str, paths: &[&str]) {
        let found = TestFunctions::of(&split(code));
        let suffix = found.suffix();
        assert_eq!(Rewritten::new(code, found.edits).text(), expected);
        let calls: Vec<&str> = suffix.split("Test::new(\"").skip(1).collect();
        let called: Vec<&str> = calls.iter().filter_map(|call| call.split('"').next()).collect();
        assert_eq!(called, paths);
    }

    #[test]
    fn a_test_becomes_a_function_that_is_called() {
        check("#[test]\nfn adds() {}", "\nfn adds() {}", &["adds"]);
        check(
            "#[tokio::test]\nasync fn waits() {}",
            "\nasync fn waits() {}",
            &["waits"],
        );
        check("fn helper() {}", "fn helper() {}", &[]);
    }

    #[test]
    fn tests_in_modules_are_reached() {
        check(
            "#[cfg(test)]\nmod tests {\n    use super::*;\n    #[test]\n    fn adds() {}\n    mod more { #[test] fn x() {} }\n}",
            "\nmod tests {\n    use super::*;\n    \n    pub(crate) fn adds() {}\n    pub(crate) mod more {  pub(crate) fn x() {} }\n}",
            &["tests::adds", "tests::more::x"],
        );
        check("#[cfg(test)]\nmod none {}", "#[cfg(test)]\nmod none {}", &[]);
    }

    #[test]
    fn what_a_test_expects_is_passed_on() {
        let found = TestFunctions::of(&split(
            "#[test]\n#[should_panic(expected = \"no \\\"tea\\\"\")]\n#[ignore]\n#[allow(unused)]\nfn f() {}",
        ));
        assert!(
            found
                .suffix()
                .contains("Test::new(\"f\", true, Some(\"no \\\"tea\\\"\")"),
            "{}",
            found.suffix()
        );
        assert_eq!(found.edits.len(), 3);
    }
}
