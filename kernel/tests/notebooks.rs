//! The notebooks of the book, executed by Jupyter's own tools and by `crabtree run`: they show what they showed when
//! they were saved.

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;

use common::python;
use serde_json::Value;

#[test]
fn crabtree_run_shows_what_was_saved() {
    let pages = tempfile::tempdir().unwrap();
    python::succeed(
        crabtree()
            .arg("run")
            .args(notebooks())
            .args(["--check", "--html", "--output-dir"])
            .arg(pages.path()),
    );
    for notebook in notebooks() {
        let page = pages.path().join(notebook.with_extension("html").file_name().unwrap());
        let page = std::fs::read_to_string(page).unwrap();
        assert!(!page.contains("<script src"), "{notebook:?} needs no network");
    }
}

#[test]
fn nbconvert_shows_what_was_saved() {
    let python = python::Python::with_kernel();
    let results = tempfile::tempdir().unwrap();
    python::succeed(
        python
            .command("jupyter")
            .args(["nbconvert", "--to", "notebook", "--execute", "--output-dir"])
            .arg(results.path())
            .args(notebooks()),
    );
    for notebook in notebooks() {
        let executed = results.path().join(notebook.file_name().unwrap());
        python::succeed(
            crabtree()
                .args(["compare", "--late-anywhere"])
                .args([&notebook, &executed]),
        );
    }
}

#[test]
fn saved_notebooks_are_whole() {
    for path in notebooks() {
        let name = path.display();
        let notebook = read(&path);
        let version = [&notebook["nbformat"], &notebook["nbformat_minor"]];
        assert_eq!(version, [4, 5], "{name}");
        assert_eq!(notebook["metadata"]["kernelspec"]["name"], "crabtree", "{name}");
        let code = cells(&notebook).filter(|cell| cell["cell_type"] == "code");
        for (index, cell) in code.enumerate() {
            let id = &cell["id"];
            assert_eq!(cell["execution_count"], index + 1, "{name}, {id}: saved as it ran");
            let failed = outputs(cell).any(|output| output["output_type"] == "error");
            assert_eq!(failed, has_tag(cell, "raises-exception"), "{name}, {id}");
            let unit = |output: &Value| {
                output["output_type"] == "execute_result" && text(&output["data"]["text/plain"]) == "()"
            };
            assert!(
                !outputs(cell).any(unit),
                "{name}, {id}: a statement has no value worth showing"
            );
        }
        for cell in cells(&notebook) {
            for target in links(&text(&cell["source"])) {
                assert!(path.with_file_name(&target).exists(), "{name} links to {target}");
                let kept = !target.starts_with("files/");
                assert!(
                    kept,
                    "{name}: nbconvert makes a link to `{target}` lead elsewhere; `./{target}` stays"
                );
            }
        }
    }
}

#[test]
fn a_picture_is_there_in_each_form_that_front_ends_take() {
    let mut pictures = 0;
    for path in notebooks() {
        let notebook = read(&path);
        for output in cells(&notebook).flat_map(outputs) {
            let data = &output["data"];
            if data["image/svg+xml"] == Value::Null {
                continue;
            }
            pictures += 1;
            let name = path.display();
            assert!(text(&data["image/svg+xml"]).starts_with("<svg"), "{name}");
            assert!(
                text(&data["text/html"]).contains("data:image/svg+xml;base64,"),
                "{name}: untrusted, on GitHub"
            );
            assert!(!text(&data["text/plain"]).is_empty(), "{name}: in a terminal");
        }
    }
    assert!(pictures > 0);
}

/// Where nbconvert's own converters are: pandoc for text, Inkscape for drawings.
#[test]
fn what_nbconvert_makes_latex_of_keeps_its_pictures() {
    let is_there = |program: &str| Command::new(program).arg("--version").output().is_ok();
    if !is_there("pandoc") || !is_there("inkscape") {
        eprintln!("not looked at: pandoc or inkscape is not in PATH, and nbconvert makes no LaTeX without them");
        return;
    }
    let gallery = Path::new(env!("CARGO_MANIFEST_DIR")).join("../notebooks/gallery.ipynb");
    let results = tempfile::tempdir().unwrap();
    python::succeed(
        python::Python::with_kernel()
            .command("jupyter")
            .args(["nbconvert", "--to", "latex", "--output-dir"])
            .arg(results.path())
            .arg(&gallery),
    );
    let latex = std::fs::read_to_string(results.path().join("gallery.tex")).unwrap();
    let mut pictures = 0;
    for (picture, _) in latex
        .split("{gallery_files/")
        .skip(1)
        .filter_map(|rest| rest.split_once('}'))
    {
        let pdf = std::fs::read(results.path().join("gallery_files").join(picture)).unwrap();
        assert!(pdf.starts_with(b"%PDF"), "{picture}");
        pictures += 1;
    }
    let notebook = read(&gallery);
    let drawn = cells(&notebook)
        .flat_map(outputs)
        .filter(|output| output["data"]["image/svg+xml"] != Value::Null);
    assert_eq!(pictures, drawn.count());
}

/// The cells of the book that hold code, in order: those that it runs (r), shows (s), and installs packages with (i).
const BOOK: [(&str, &str); 23] = [
    ("1.1", "r"),
    ("1.2", "rr"),
    ("2.2", "rrrrrrrrrr"),
    ("2.3", "rrrrrr"),
    ("2.4", "rr"),
    ("2.5", "ssssssrrr"),
    ("3.1", "rr"),
    ("3.2", "rrr"),
    ("3.3", "rrrr"),
    ("3.4", "rrr"),
    ("4.0", "rrrrrrrr"),
    ("5.1", "rrrsssss"),
    ("5.2", "irrrrrrrr"),
    ("5.3", "ssrrrrrrrrrrrrrrrr"),
    ("5.4", "irrrrrrrrrrrrrrrrr"),
    ("5.5", "irrrrrrrrrr"),
    ("5.6", "irrrrrrrrs"),
    ("6.0", "irrrrrrrrrrr"),
    ("7.1", "rrs"),
    ("7.2", "irrsrrrrrr"),
    ("7.3", "irrrr"),
    ("7.4", "irrrrrrrrr"),
    ("8.0", "rrrrs"),
];

#[test]
fn the_map_names_a_twin_for_each_cell_of_the_book() {
    let of_kind = |kind: char| BOOK.iter().map(|(_, cells)| cells.matches(kind).count()).sum::<usize>();
    assert_eq!([of_kind('r'), of_kind('s'), of_kind('i')], [144, 17, 8]);

    let expected = BOOK.iter().flat_map(|(chapter, cells)| {
        let cell = move |(index, kind)| {
            let mark = match kind {
                's' => " (shown)",
                'i' => " (install)",
                _ => "",
            };
            format!("{chapter} c{}{mark}", index + 1)
        };
        cells.chars().enumerate().map(cell)
    });
    let map = map();
    let mapped: Vec<&str> = map.iter().map(|(cell, _)| cell.as_str()).collect();
    assert_eq!(mapped, expected.collect::<Vec<_>>());

    let notebooks = notebooks();
    for (cell, twins) in &map {
        let (chapter, _) = cell.split_once(' ').unwrap();
        let file = |path: &&PathBuf| {
            let name = path.file_name().unwrap().to_str().unwrap();
            name.starts_with(&format!("ch_{chapter}_"))
        };
        let notebook = read(notebooks.iter().find(file).expect(cell));
        let mut runs = false;
        for id in twins.split([',', ';']).map(str::trim).filter(|id| *id != "none needed") {
            let twin = cells(&notebook).find(|cell| cell["id"] == id);
            let twin = twin.unwrap_or_else(|| panic!("{cell}: chapter {chapter} has no cell {id}"));
            runs |= twin["cell_type"] == "code";
        }
        assert!(runs || cell.ends_with(')'), "{cell} runs, and so does its twin");
    }
}

/// The rows of the map in the notebooks' README: a cell of the book, and the ids of ours.
fn map() -> Vec<(String, String)> {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../notebooks/README.md");
    let text = std::fs::read_to_string(readme).unwrap();
    let (_, map) = text.split_once("## Cell by cell").expect("the map");
    let row = |line: &str| {
        let (cell, twins) = line.strip_prefix("| ")?.strip_suffix(" |")?.split_once(" | ")?;
        (cell != "book").then(|| (cell.to_owned(), twins.to_owned()))
    };
    map.lines().filter_map(row).collect()
}

/// The chapters, in the order of the book.
fn notebooks() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../notebooks");
    let entries = std::fs::read_dir(directory).unwrap();
    let mut notebooks: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    notebooks.retain(|path| path.extension().is_some_and(|extension| extension == "ipynb"));
    notebooks.sort();
    notebooks
}

/// The program under test, with the tests' own cache.
fn crabtree() -> Command {
    common::prepare();
    let mut command = Command::new(common::crabtree());
    command.env("CRABTREE_CACHE_DIR", common::cache());
    command
}

fn read(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn cells(notebook: &Value) -> impl Iterator<Item = &Value> {
    notebook["cells"].as_array().unwrap().iter()
}

fn outputs(cell: &Value) -> impl Iterator<Item = &Value> {
    cell["outputs"].as_array().into_iter().flatten()
}

fn has_tag(cell: &Value, tag: &str) -> bool {
    let tags = cell["metadata"]["tags"].as_array();
    tags.is_some_and(|tags| tags.iter().any(|one| one == tag))
}

/// The files that links and pictures in a Markdown text point to.
fn links(markdown: &str) -> Vec<String> {
    let targets = markdown
        .split("](")
        .skip(1)
        .filter_map(|rest| Some(rest.split_once(')')?.0));
    let files = targets.filter(|target| !target.contains("://") && !target.starts_with('#'));
    files.map(str::to_owned).collect()
}

/// Notebooks hold text in one piece or line by line.
fn text(value: &Value) -> String {
    match value {
        Value::Array(lines) => lines.iter().filter_map(Value::as_str).collect(),
        other => other.as_str().unwrap_or_default().to_owned(),
    }
}
