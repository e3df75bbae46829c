//! Stopping the compiler.

use std::path::Path;

/// Kills the compilers of a session: the processes of this user that work in its crate's directory.
/// The host is none of them; it works where the notebook is.
#[cfg(target_os = "linux")]
pub(super) fn stop_compiler(crate_dir: &Path) {
    let Ok(crate_dir) = crate_dir.canonicalize() else {
        return;
    };
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse::<libc::pid_t>().ok())
        else {
            continue;
        };
        let works_here = std::fs::read_link(entry.path().join("cwd")).is_ok_and(|cwd| cwd == crate_dir);
        if works_here && u32::try_from(pid) != Ok(std::process::id()) {
            // SAFETY: the call takes no pointers. If the process has ended, its number is not given
            // to another one within the time between these lines.
            unsafe { libc::kill(pid, libc::SIGKILL) };
        }
    }
}

/// Elsewhere a compiler runs to its end; the cell that it compiled is then interrupted at once.
#[cfg(not(target_os = "linux"))]
pub(super) fn stop_compiler(_crate_dir: &Path) {}
