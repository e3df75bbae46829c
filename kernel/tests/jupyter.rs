//! Jupyter's own tools against the installed kernel.

mod common;

use common::python::Python;

#[test]
fn the_language_neutral_kernel_tests_of_jupyter_pass() {
    Python::with_kernel().test("kernel_test.py");
}
