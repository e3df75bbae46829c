//! Copies of a target directory that cargo takes for the original.

use std::fs::{self, File};
use std::io;
use std::path::Path;

/// Copies `from` to `to`. What compilers wrote once and for all is hard-linked; what cargo writes
/// over in place is copied with its time, since cargo compares times. Entries whose name `skip`
/// accepts are left out.
pub(super) fn copy_tree(from: &Path, to: &Path, skip: &dyn Fn(&str) -> bool) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        if name.to_str().is_some_and(skip) {
            continue;
        }
        let (source, target) = (entry.path(), to.join(&name));
        if entry.file_type()?.is_dir() {
            copy_tree(&source, &target, skip)?;
        } else {
            copy_one(&source, &target)?;
        }
    }
    Ok(())
}

/// Copies a file as [`copy_tree`] does.
pub(super) fn copy_one(source: &Path, target: &Path) -> io::Result<()> {
    if is_artifact(source) && fs::hard_link(source, target).is_ok() {
        return Ok(());
    }
    copy_file(source, target)
}

/// Compilers replace these files and never write into them. What build scripts do with theirs, nobody knows.
fn is_artifact(path: &Path) -> bool {
    let of_script = path.parent().into_iter().flat_map(Path::iter).any(|name| name == "out");
    !of_script
        && path.extension().is_some_and(|extension| {
            ["rlib", "rmeta", "so", "dylib", "a", "o"]
                .iter()
                .any(|known| extension == *known)
        })
}

fn copy_file(from: &Path, to: &Path) -> io::Result<()> {
    fs::copy(from, to)?;
    let modified = fs::metadata(from)?.modified()?;
    File::options().write(true).open(to)?.set_modified(modified)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt as _;

    #[test]
    fn artifacts_are_shared_and_everything_else_is_a_copy_of_the_same_age() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        fs::create_dir_all(from.join("deps")).unwrap();
        for name in ["deps/libx.rlib", "deps/x.d", "deps/skipped"] {
            fs::write(from.join(name), name).unwrap();
        }
        copy_tree(&from, &to, &|name| name == "skipped").unwrap();

        let inode = |path: &Path| fs::metadata(path).unwrap().ino();
        let time = |path: &Path| fs::metadata(path).unwrap().modified().unwrap();
        assert_eq!(inode(&from.join("deps/libx.rlib")), inode(&to.join("deps/libx.rlib")));
        assert_ne!(inode(&from.join("deps/x.d")), inode(&to.join("deps/x.d")));
        assert_eq!(time(&from.join("deps/x.d")), time(&to.join("deps/x.d")));
        assert!(!to.join("deps/skipped").exists());
    }
}
