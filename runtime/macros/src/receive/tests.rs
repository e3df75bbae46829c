//! What is accepted, what is said about the rest, and what an expansion consists of.

use quote::quote;

use super::parse::{Accepts, Receive};

/// The arms that `source` reads as: `any name`, `typed (bindings)`, `after`; or the error.
fn check(source: &str) -> Result<Vec<String>, String> {
    let receive: Receive = syn::parse_str(source).map_err(|error| error.to_string())?;
    let arms = receive.arms.iter().map(|arm| {
        let accepts = match &arm.accepts {
            Accepts::Any(None) => "any _".to_owned(),
            Accepts::Any(Some(binding)) => format!("any {}", binding.name),
            Accepts::Typed(typed) => {
                let names: Vec<_> = typed.bindings.iter().map(|binding| binding.name.to_string()).collect();
                let written = if typed.ty.is_some() { "typed" } else { "inferred" };
                format!("{written} ({})", names.join(", "))
            }
        };
        accepts + if arm.guard.is_some() { " guarded" } else { "" }
    });
    Ok(arms.chain(receive.after.iter().map(|_| "after".to_owned())).collect())
}

#[track_caller]
fn reads_as(source: &str, arms: &[&str]) {
    assert_eq!(
        check(source).as_deref(),
        Ok(&arms.iter().map(|a| a.to_string()).collect::<Vec<_>>()[..]),
        "{source}"
    );
}

#[track_caller]
fn is_refused(source: &str, because: &str) {
    let error = check(source).expect_err(source);
    assert!(
        error.contains(because),
        "{source}\n  said: {error}\n  instead of: {because}"
    );
}

#[test]
fn a_lower_case_name_or_underscore_takes_any_message() {
    reads_as("name => 1", &["any name"]);
    reads_as("mut name => 1", &["any name"]);
    reads_as("(name) => 1", &["any name"]);
    reads_as("_ => 1", &["any _"]);
    reads_as("_name if lucky() => 1, _ => 2", &["any _name guarded", "any _"]);
}

#[test]
fn patterns_and_written_types_make_typed_arms() {
    reads_as("\"ping\" => 1", &["inferred ()"]);
    reads_as("Get => 1, MAX => 2", &["inferred ()", "inferred ()"]);
    reads_as("Msg::Move { x, y: mut z } if x > y => 1", &["inferred (x, z) guarded"]);
    reads_as("Msg::A(x) | Msg::B(x) => 1", &["inferred (x)"]);
    reads_as("whole @ Some(1..=5) => 1", &["inferred (whole)"]);
    reads_as("text: String => 1", &["typed (text)"]);
    reads_as("(from, \"get\"): (Pid, &str) if true => 1", &["typed (from) guarded"]);
    reads_as("_: std::collections::HashMap<String, u8> => 1", &["typed ()"]);
}

#[test]
fn after_is_the_last_arm_and_also_a_name_where_it_has_a_type() {
    reads_as("after ms(1000) => 1", &["after"]);
    reads_as(
        "1 => {} after ::std::time::Duration::ZERO => {}",
        &["inferred ()", "after"],
    );
    reads_as("1 => {} after (delay) => {},", &["inferred ()", "after"]);
    reads_as("after: String => 1", &["typed (after)"]);

    is_refused("after => 1", "`after` needs a duration");
    is_refused("after ms(1) => 1, 2 => 3", "`after` is the last arm");
    is_refused("after ms(1) => 1, after ms(2) => 3", "a second `after`");
    is_refused("after ms(1) if true => 1", "`after` has no guard");
}

#[test]
fn commas_stand_as_in_match() {
    reads_as("1 => {} 2 => if a { b } else { c } 3 => 4", &["inferred ()"; 3]);
    reads_as("1 => {}, 2 => 3,", &["inferred ()"; 2]);

    is_refused("1 => 2 3 => 4", "expected `,` between two arms");
    is_refused("1 => async {} 3 => 4", "expected `,` between two arms");
}

#[test]
fn a_mistake_is_answered_with_what_is_accepted() {
    is_refused("", "`PATTERN: Type => …`");
    is_refused("1", "expected `=> expression` after the pattern");
    is_refused("1, 2 => 3", "expected `=> expression` after the pattern");
    is_refused("x: u8 = 2", "expected `=> expression` after the type");
    is_refused("1 if true", "expected `=> expression` after the guard");
    is_refused("1 =>", "expected an expression");
    is_refused("1 =>, 2 => 3", "expected an expression");
    is_refused("Msg::Move { ref x } => 3", "leave out `ref`");
    is_refused("message => 1, 2 => 3", "`message` above takes every message");
}

#[test]
fn a_pattern_that_leaves_the_type_open_asks_for_it() {
    for open in [
        "(from, \"get\")",
        "(_, 1)",
        "(1, ..)",
        "Some(x)",
        "None",
        "Ok(1)",
        "Option::Some(_)",
        "Result::Err(e)",
        "[1, 2]",
        "(1, (2, x))",
        "x @ (_, 1)",
        "(_, 1) | (1, _)",
        "&x",
        "whole @ _",
    ] {
        is_refused(&format!("{open} => 1"), "the type of the message is open");
        assert!(check(&format!("{open}: Written => 1")).is_ok(), "{open}");
    }
    for closed in [
        "(1, \"get\")",
        "()",
        "Some(1)",
        "Ok::<u8, String>(_)",
        "Msg::None",
        "Msg::Ok(x)",
        "x @ 1..=5",
        "-1",
        "(1, _) | (1, 2)",
        "Wrapper(x)",
        "Msg { .. }",
        "b\"bytes\"",
        "'a'..='z'",
        "const { 1 }",
    ] {
        assert!(
            check(&format!("{closed} => 1")).is_ok(),
            "{closed}: {:?}",
            check(&format!("{closed} => 1"))
        );
    }
}

#[test]
fn an_expansion_holds_each_body_once_and_outside_of_the_closures() {
    let expansion = super::receive(quote! { Msg::Move { x } if x > 1 => found_it, rest => other, after soon => late });

    let code = expansion.to_string();
    for once in ["found_it", "other", "late", "soon"] {
        assert_eq!(code.matches(once).count(), 1, "{once} in {code}");
    }
    let closures_end = code.rfind("try_arm").expect("an attempt");
    assert!(code.find("found_it").expect("a body") > closures_end);
    syn::parse2::<syn::Expr>(expansion).expect("an expansion is an expression");
}
