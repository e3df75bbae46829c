//! rust-analyzer's crates, with one file that changes: the cell in its surroundings.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::ScopedJoinHandle;

use anyhow::{Context as _, Result};
use ra_ap_base_db::{Crate, EditionedFileId, SourceRoot, all_crates};
use ra_ap_hir::{ChangeWithProcMacros, HirDisplay as _, PrefixKind, Semantics, attach_db};
use ra_ap_hir_def::item_tree::file_item_tree;
use ra_ap_ide::{
    AnalysisHost, CompletionConfig, CompletionFieldsToResolve, CompletionItemKind, FileId, FilePosition, FileRange,
    HoverConfig, HoverDocFormat, RaFixtureConfig, SubstTyLen, SymbolKind, TextRange, TextSize,
};
use ra_ap_ide_db::FxHashMap;
use ra_ap_ide_db::RootDatabase;
use ra_ap_ide_db::imports::insert_use::{ImportGranularity, InsertUseConfig};
use ra_ap_paths::{AbsPath, AbsPathBuf, RelPath};
use ra_ap_project_model::{CargoConfig, ProjectJson, ProjectJsonData, ProjectWorkspace};
use ra_ap_syntax::ast::{self, AstNode as _, HasModuleItem as _, HasName as _};
use ra_ap_syntax::{Edition, SyntaxKind};
use ra_ap_vfs::VfsPath;
use ra_ap_vfs::file_set::FileSet;
use serde_json::Value;

use super::scope::{FUNCTION, Surrounded};
use super::{Completion, Completions, Description, STACK, absolute};
use crate::eval::rewrite::{Kept, bound};

/// Directories of packages that hold nothing for others.
const NOT_READ: [&str; 5] = [".git", "target", "tests", "examples", "benches"];

/// Directories of sources most of which are for other machines.
const NOT_AHEAD: [&str; 3] = ["sys", "os", "windows"];

/// An analyzer that knows a session's packages.
pub(super) struct Analyzer {
    host: AnalysisHost,
    cell: FileId,
    /// Sources of the packages, those first that others depend on.
    sources: Vec<(Crate, EditionedFileId)>,
}

impl Analyzer {
    /// Reads all sources of `project`, whose own one is called `cell`.
    pub(super) fn load(project: Value, dir: &Path, cell: &Path) -> Result<Analyzer> {
        let data: ProjectJsonData = serde_json::from_value(project).context("the packages of the session")?;
        let project = ProjectJson::new(None, &absolute(dir)?, data);
        let workspace = ProjectWorkspace::load_inline(project, &CargoConfig::default(), &|_| {});

        let mut files = Files::default();
        let cell = files.add(absolute(cell)?);
        for root in workspace.to_roots().iter().filter(|root| !root.is_local) {
            for dir in &root.include {
                files.read(dir, &root.exclude);
            }
        }
        let mut change = ChangeWithProcMacros::default();
        change.change_file(cell, Some(String::new()));
        let (mut own, mut others) = (FileSet::default(), FileSet::default());
        for (path, id) in &files.ids {
            let set = if *id == cell { &mut own } else { &mut others };
            set.insert(*id, VfsPath::from(path.clone()));
        }
        for (id, text) in std::mem::take(&mut files.texts) {
            change.change_file(id, Some(text));
        }
        // What is in a library is taken not to change, so that a change of the cell is looked at quickly.
        change.set_roots(vec![SourceRoot::new_local(own), SourceRoot::new_library(others)]);
        let mut find = |path: &AbsPath| files.ids.get(path).copied();
        let (graph, _) = workspace.to_crate_graph(&mut find, &FxHashMap::default());
        change.set_crate_graph(graph);
        let mut host = AnalysisHost::default();
        host.apply_change(change);
        let sources = files.sources(host.raw_database());
        Ok(Analyzer { host, cell, sources })
    }

    /// What can stand at byte `at` of a cell.
    pub(super) fn complete(&mut self, cell: &Surrounded, at: usize) -> Result<Completions> {
        let offset = self.look_at(cell, at);
        let position = FilePosition {
            file_id: self.cell,
            offset,
        };
        let found = self.host.analysis().completions(&completion(), position, None)?;
        let at = usize::from(offset) - cell.start;
        let mut completions = Completions {
            replaced: at..at,
            items: Vec::new(),
        };
        let mut found = found.unwrap_or_default();
        found.sort_by(|a, b| {
            (b.relevance.score().cmp(&a.relevance.score())).then_with(|| a.label.primary.cmp(&b.label.primary))
        });
        for item in found {
            let mut edits = item.text_edit.iter();
            let (Some(edit), None) = (edits.next(), edits.next()) else {
                continue;
            };
            let (start, end) = (usize::from(edit.delete.start()), usize::from(edit.delete.end()));
            // All that can stand there is given; it is for us to keep what begins as the reader began.
            if start < cell.start || !item.lookup().starts_with(&cell.text[start..usize::from(offset)]) {
                continue;
            }
            let replaced = start - cell.start..end - cell.start;
            if completions.items.is_empty() {
                completions.replaced = replaced;
            } else if completions.replaced != replaced {
                continue;
            }
            let completion = Completion {
                text: edit.insert.clone(),
                kind: kind(item.kind),
                detail: item.detail,
            };
            if !completions.items.iter().any(|other| other.text == completion.text) {
                completions.items.push(completion);
            }
        }
        Ok(completions)
    }

    /// What stands at byte `at` of a cell: the name there, or the one before, or the function whose arguments are there.
    pub(super) fn describe(&mut self, cell: &Surrounded, at: usize) -> Result<Option<Description>> {
        let offset = usize::from(self.look_at(cell, at));
        let code = &cell.text[cell.start..cell.end];
        for at in places(code, offset - cell.start) {
            let place = TextSize::try_from(cell.start + at)?;
            let range = FileRange {
                file_id: self.cell,
                range: TextRange::empty(place),
            };
            let analysis = self.host.analysis();
            let (Some(markdown), Some(text)) = (
                analysis.hover(&hover(HoverDocFormat::Markdown), range)?,
                analysis.hover(&hover(HoverDocFormat::PlainText), range)?,
            ) else {
                continue;
            };
            return Ok(Some(Description {
                text: text.info.markup.into(),
                markdown: markdown.info.markup.into(),
            }));
        }
        Ok(None)
    }

    /// The variables that the statements of the cell in `text` bind, in the order of its text.
    pub(super) fn variables(&mut self, text: String) -> Vec<Kept> {
        self.put(text);
        let db = self.host.raw_database();
        attach_db(db, || kept(db, self.cell).unwrap_or_default())
    }

    /// Has the analyzer learn what it needs for the least of cells, whose source is `text`. Most of that is to parse, and a
    /// second thread goes ahead with it.
    pub(super) fn learn(&mut self, text: String) {
        self.put(text);
        let db = self.host.raw_database();
        let is_done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let (ahead, is_done) = (db.clone(), &is_done);
            let sources = &self.sources;
            let parser = std::thread::Builder::new().name("parser".to_owned()).stack_size(STACK);
            let parser = parser.spawn_scoped(scope, move || {
                for (package, file) in sources {
                    if is_done.load(Ordering::Relaxed) {
                        break;
                    }
                    file_item_tree(&ahead, (*file).into(), *package);
                }
            });
            attach_db(db, || kept(db, self.cell));
            is_done.store(true, Ordering::Relaxed);
            // What it has not done, whoever needs it does.
            let _ = parser.map(ScopedJoinHandle::join);
        });
    }

    fn put(&mut self, text: String) {
        let mut change = ChangeWithProcMacros::default();
        change.change_file(self.cell, Some(text));
        self.host.apply_change(change);
    }

    /// Puts a cell before the analyzer; gives the place in the whole source of byte `at` of it.
    fn look_at(&mut self, cell: &Surrounded, at: usize) -> TextSize {
        self.put(cell.text.clone());
        let at = (cell.start + at).min(cell.end);
        // A source of four gigabytes would have failed to compile.
        TextSize::try_from(at).unwrap_or_default()
    }
}

fn kept(db: &RootDatabase, file: FileId) -> Option<Vec<Kept>> {
    let sema = Semantics::new(db);
    let source = sema.parse(EditionedFileId::new(db, file, Edition::Edition2024));
    let functions = source.items().filter_map(|item| match item {
        ast::Item::Fn(function) => Some(function),
        _ => None,
    });
    let is_cell = |function: &ast::Fn| function.name().is_some_and(|name| name.text() == FUNCTION);
    let cell = functions.filter(is_cell).last()?;
    let module = sema.scope(cell.syntax())?.module();
    let body = cell.body()?;
    let patterns = body.statements().filter_map(|statement| match statement {
        ast::Stmt::LetStmt(statement) => statement.pat(),
        _ => None,
    });
    let kept = patterns
        .flat_map(|pattern| bound(&pattern).collect::<Vec<_>>())
        .map(|bound| {
            let found = sema.type_of_pat(&ast::Pat::IdentPat(bound.clone()));
            let type_name = found
                .map(|found| found.original())
                .filter(|found| !found.is_closure())
                .and_then(|found| found.display_source_code(db, module.into(), false).ok());
            Kept {
                name: bound.name().map(|name| name.text().to_string()).unwrap_or_default(),
                type_name: type_name.filter(|name| can_be_written(name)),
            }
        });
    Some(kept.collect())
}

/// Whether rustc takes a type from rust-analyzer's words.
fn can_be_written(type_name: &str) -> bool {
    let parsed = ast::SourceFile::parse(&format!("const _: {type_name} = x;"), Edition::Edition2024);
    let holes = [SyntaxKind::ERROR, SyntaxKind::INFER_TYPE, SyntaxKind::IMPL_TRAIT_TYPE];
    parsed.errors().is_empty()
        && !parsed
            .syntax_node()
            .descendants()
            .any(|node| holes.contains(&node.kind()))
}

/// Where to look for a name: at the cursor, before it, and before each open parenthesis around it.
fn places(code: &str, cursor: usize) -> Vec<usize> {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    let name_before = |end: usize| {
        let text = code[..end].trim_end().trim_end_matches('!');
        text.ends_with(word)
            .then(|| text.len() - text.chars().next_back().map_or(0, char::len_utf8))
    };
    let mut places = Vec::new();
    if code[cursor..].starts_with(word) {
        places.push(cursor);
    }
    places.extend(name_before(cursor));
    let mut depth = 0;
    for (at, c) in code[..cursor].char_indices().rev() {
        match c {
            ')' => depth += 1,
            '(' if depth > 0 => depth -= 1,
            '(' => places.extend(name_before(at)),
            _ => {}
        }
    }
    places
}

/// All files of a project.
#[derive(Default)]
struct Files {
    ids: HashMap<AbsPathBuf, FileId>,
    texts: Vec<(FileId, String)>,
}

impl Files {
    fn add(&mut self, path: AbsPathBuf) -> FileId {
        // There are fewer than four thousand million files.
        let next = FileId::from_raw(self.ids.len() as u32);
        *self.ids.entry(path).or_insert(next)
    }

    /// The sources of all packages, in the order in which packages depend on each other.
    fn sources(&self, db: &RootDatabase) -> Vec<(Crate, EditionedFileId)> {
        let paths: HashMap<FileId, &AbsPathBuf> = self.ids.iter().map(|(path, id)| (*id, path)).collect();
        let mut sources = Vec::new();
        for package in all_crates(db).iter() {
            let data = package.data(db);
            let Some(dir) = paths.get(&data.root_file_id).and_then(|root| root.parent()) else {
                continue;
            };
            let is_read = |path: &AbsPath| {
                let below = path.strip_prefix(dir).map(RelPath::as_utf8_path);
                below.is_some_and(|below| !below.iter().any(|part| NOT_AHEAD.contains(&part)))
            };
            let mut own: Vec<_> = self.ids.iter().filter(|(path, _)| is_read(path)).collect();
            own.sort_unstable();
            sources.extend(
                own.into_iter()
                    .map(|(_, file)| (*package, EditionedFileId::new(db, *file, data.edition))),
            );
        }
        sources
    }

    /// Reads the sources below a directory. What cannot be read is not there.
    fn read(&mut self, dir: &AbsPath, exclude: &[AbsPathBuf]) {
        let entries = std::fs::read_dir(AsRef::<Path>::as_ref(dir));
        for entry in entries.into_iter().flatten().flatten() {
            let name = entry.file_name();
            let Some(name) = name.to_str() else { continue };
            let path = dir.join(name);
            // Links are followed: the standard library is one.
            let Ok(metadata) = std::fs::metadata(&path) else {
                continue;
            };
            if metadata.is_dir() {
                if !NOT_READ.contains(&name) && !exclude.contains(&path) {
                    self.read(&path, exclude);
                }
            } else if name.ends_with(".rs")
                && !self.ids.contains_key(&path)
                && let Ok(text) = std::fs::read_to_string(&path)
            {
                let id = self.add(path);
                self.texts.push((id, text));
            }
        }
    }
}

/// Names are completed, and nothing is added to them: front ends know no snippets.
fn completion() -> CompletionConfig<'static> {
    CompletionConfig {
        enable_postfix_completions: false,
        enable_imports_on_the_fly: false,
        enable_self_on_the_fly: true,
        enable_auto_iter: false,
        enable_auto_await: false,
        enable_private_editable: false,
        enable_term_search: false,
        term_search_fuel: 0,
        full_function_signatures: true,
        callable: None,
        add_colons_to_module: false,
        add_semicolon_to_unit: false,
        snippet_cap: None,
        insert_use: InsertUseConfig {
            granularity: ImportGranularity::Item,
            enforce_granularity: false,
            prefix_kind: PrefixKind::ByCrate,
            group: false,
            skip_glob_imports: false,
        },
        prefer_no_std: false,
        prefer_prelude: true,
        prefer_absolute: false,
        snippets: Vec::new(),
        limit: None,
        fields_to_resolve: CompletionFieldsToResolve {
            // Nobody sees it in a list.
            resolve_documentation: true,
            ..CompletionFieldsToResolve::empty()
        },
        exclude_flyimport: Vec::new(),
        exclude_traits: &[],
        ra_fixture: RaFixtureConfig::default(),
    }
}

fn hover(format: HoverDocFormat) -> HoverConfig<'static> {
    HoverConfig {
        links_in_hover: format == HoverDocFormat::Markdown,
        memory_layout: None,
        documentation: true,
        keywords: true,
        format,
        max_trait_assoc_items_count: None,
        max_fields_count: Some(5),
        max_enum_variants_count: Some(5),
        max_subst_ty_len: SubstTyLen::Unlimited,
        show_drop_glue: false,
        ra_fixture: RaFixtureConfig::default(),
    }
}

/// What an item is, in the words that front ends have pictures for.
fn kind(kind: CompletionItemKind) -> &'static str {
    let CompletionItemKind::SymbolKind(kind) = kind else {
        return if kind == CompletionItemKind::Keyword {
            "keyword"
        } else {
            "instance"
        };
    };
    match kind {
        SymbolKind::Function | SymbolKind::Method => "function",
        SymbolKind::Macro | SymbolKind::ProcMacro | SymbolKind::Derive | SymbolKind::Attribute => "macro",
        SymbolKind::Struct
        | SymbolKind::Enum
        | SymbolKind::Union
        | SymbolKind::Trait
        | SymbolKind::TypeAlias
        | SymbolKind::TypeParam
        | SymbolKind::SelfType => "class",
        SymbolKind::Module | SymbolKind::CrateRoot | SymbolKind::ToolModule => "module",
        _ => "instance",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_looked_for_at_the_cursor_before_it_and_before_what_is_open() {
        assert_eq!(places("foo", 1), [1, 0]);
        assert_eq!(places("foo", 3), [2]);
        assert_eq!(places("foo.bar(a, ", 11), [6]);
        assert_eq!(places("println!(f(x), ", 15), [6]);
        assert_eq!(places("é(", 3), [0]);
        assert_eq!(places("", 0), [0; 0]);
    }
}
