//! A cell as a list of statements, cut where evcxr cuts it.

use std::ops::Range;

use ra_ap_syntax::ast::{self, AstNode as _};
use ra_ap_syntax::{Edition, SourceFile, SyntaxNode, TextSize};

const BEFORE: &str = "fn f(){";

/// A statement, or an item, of a cell.
#[derive(Clone, Debug)]
pub(crate) struct Statement {
    /// Its syntax; offsets in it are those of [`Statement::offset`].
    pub(crate) node: SyntaxNode,
    /// Its bytes in the cell, with what stands between it and the next one.
    pub(crate) range: Range<usize>,
    /// Whether the cell that it is in has no syntax errors.
    pub(crate) sound: bool,
    /// What to add to an offset of the syntax tree to get one of the cell.
    shift: isize,
    /// The length of the cell.
    length: usize,
}

impl Statement {
    /// Where in the cell an offset of the syntax tree is.
    pub(crate) fn offset(&self, offset: TextSize) -> usize {
        // What is not closed goes on to the end of the tree, which is behind the cell.
        usize::from(offset).saturating_add_signed(self.shift).min(self.length)
    }

    /// The bytes of the statement itself in the cell.
    pub(crate) fn node_range(&self) -> Range<usize> {
        let range = self.node.text_range();
        self.offset(range.start())..self.offset(range.end())
    }
}

/// Cuts a cell into statements.
pub(crate) fn split(code: &str) -> Vec<Statement> {
    let start = rust_start(code);
    let rust = &code[start..];
    let parsed = SourceFile::parse(&format!("{BEFORE}{rust}\n}}"), Edition::Edition2024);
    let list = parsed
        .syntax_node()
        .children()
        .next()
        .and_then(ast::Fn::cast)
        .and_then(|function| function.body())
        .and_then(|body| body.stmt_list());
    let Some(list) = list else { return Vec::new() };

    let sound = parsed.errors().is_empty();
    let shift = start as isize - BEFORE.len() as isize;
    let children: Vec<SyntaxNode> = list.syntax().children().collect();
    let mut statements = Vec::new();
    let mut from = start;
    for (position, node) in children.iter().enumerate() {
        let next = children.get(position + 1);
        let to = next.map_or(code.len(), |next| {
            usize::from(next.text_range().start()).saturating_add_signed(shift)
        });
        let to = to.min(code.len());
        if from == to {
            break;
        }
        statements.push(Statement {
            node: node.clone(),
            range: from..to,
            sound,
            shift,
            length: code.len(),
        });
        from = to;
    }
    statements
}

/// Where the Rust code of a cell begins: behind commands, shell lines, comments and empty lines.
pub(super) fn rust_start(code: &str) -> usize {
    let mut start = 0;
    for line in code.split_inclusive('\n') {
        let text = line.trim_start();
        let is_command = text.starts_with(':') && !text.starts_with("::");
        if !(is_command || line.starts_with('!') || line.starts_with("//") || text.is_empty()) {
            break;
        }
        start += line.len();
    }
    start
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_cut_into_its_statements() {
        let code = ":dep serde = \"1\"\n// about a\nlet a = 1; f(a);\nstruct B {\n    x: i32,\n}\na";
        let parts: Vec<&str> = split(code)
            .iter()
            .map(|statement| &code[statement.range.clone()])
            .collect();
        assert_eq!(parts, ["let a = 1; ", "f(a);\n", "struct B {\n    x: i32,\n}\n", "a"]);
        let own: Vec<&str> = split(code)
            .iter()
            .map(|statement| &code[statement.node_range()])
            .collect();
        assert_eq!(own, ["let a = 1;", "f(a);", "struct B {\n    x: i32,\n}", "a"]);
    }

    #[test]
    fn a_statement_that_is_not_closed_ends_with_the_cell() {
        let code = "struct A {\n    x: u8,";
        let own: Vec<&str> = split(code)
            .iter()
            .map(|statement| &code[statement.node_range()])
            .collect();
        assert_eq!(own, [code]);
    }

    #[test]
    fn cells_without_rust_have_no_statements() {
        for code in ["", "\n\n", "// comment", ":vars", "!ls"] {
            assert!(split(code).is_empty(), "{code:?}");
        }
    }
}
