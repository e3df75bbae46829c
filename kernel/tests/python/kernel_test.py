"""The language-neutral tests of jupyter_kernel_test."""

import sys
import unittest

import jupyter_kernel_test


class CrabtreeTests(jupyter_kernel_test.KernelTests):
    kernel_name = "crabtree"
    language_name = "rust"
    file_extension = ".rs"

    code_hello_world = 'println!("hello, world")'
    code_stderr = 'eprintln!("oh")'
    code_generate_error = 'panic!("BOOM")'
    code_execute_result = [
        {"code": "6 * 7", "result": "42"},
        {"code": '"a".repeat(3)', "result": '"aaa"'},
    ]
    code_display_data = [{"code": 'kino::display(&kino::html("<b>b</b>"));', "mime": "text/html"}]

    complete_code_samples = ["1 + 1", "let x = 1;", "fn f() -> u8 { 1 }\nf()", ""]
    incomplete_code_samples = ["fn f() {", "let x =", '"text', "spawn(async {"]
    invalid_code_samples = [")", "let = 1;", "fn 1f() {}"]

    completion_samples = [
        {"text": "process::is_al", "matches": {"is_alive"}},
        {"text": "String::new().is_em", "matches": {"is_empty"}},
    ]
    code_inspect_sample = "println!"

    code_clear_output = "io::clear(false);"

    code_history_pattern = "6 ?*"
    supported_history_operations = ("tail", "range", "search")


class CrabtreeIopubWelcomeTests(jupyter_kernel_test.IopubWelcomeTests):
    kernel_name = "crabtree"
    support_iopub_welcome = True


# Payloads have no successor, and front ends have stopped showing their pages.
NOT_SUPPORTED = {"test_pager"}

if __name__ == "__main__":
    program = unittest.main(exit=False)
    skipped = {test.id().split(".")[-1] for test, _ in program.result.skipped}
    if skipped != NOT_SUPPORTED:
        sys.exit(f"other tests were skipped than {NOT_SUPPORTED}: {skipped}")
    sys.exit(not program.result.wasSuccessful())
