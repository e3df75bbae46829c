//! What the compiler says about mistakes, in `receive!` and in requests to servers.

#[test]
fn a_mistake_is_told_at_its_place_with_what_is_accepted() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
