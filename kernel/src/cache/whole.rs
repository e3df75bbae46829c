//! Files that are there whole or not at all, whoever else writes or reads them at the same moment.

use std::io::{self, Write as _};
use std::path::Path;

/// Writes a file into a directory that is there.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(path.parent().unwrap_or(Path::new(".")))?;
    file.write_all(bytes)?;
    file.persist(path)?;
    Ok(())
}
