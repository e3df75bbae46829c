//! Making the kernel known to Jupyter, and forgotten again.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use crate::cache;

const TEMPLATE: &str = include_str!("../../kernelspec/kernel.json");
const LOGOS: [(&str, &[u8]); 3] = [
    ("logo-svg.svg", include_bytes!("../../kernelspec/logo-svg.svg")),
    ("logo-32x32.png", include_bytes!("../../kernelspec/logo-32x32.png")),
    ("logo-64x64.png", include_bytes!("../../kernelspec/logo-64x64.png")),
];

/// Where a kernelspec goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// The user's Jupyter data directory.
    User,
    /// The Python environment that is active.
    SysPrefix,
    /// `share/jupyter` below this directory.
    Prefix(PathBuf),
}

/// What to install, or to remove.
#[derive(Clone, Debug)]
pub(crate) struct InstallOptions {
    /// Where.
    pub(crate) scope: Scope,
    /// The kernelspec's directory name, by which tools ask for it.
    pub(crate) name: String,
    /// The name that users see.
    pub(crate) display_name: String,
}

/// Builds the runtime for cells, then writes the kernelspec.
///
/// # Errors
///
/// If the runtime does not build, or the kernelspec cannot be written, or another kernel has its name.
pub(crate) fn install(options: InstallOptions) -> Result<()> {
    let kernels = kernels_dir(&options.scope)?;
    let spec = spec_dir(&kernels, &options.name)?;
    cache::ensure(true)?;
    let program = std::env::current_exe().context("this program does not know where it is")?;
    write(&kernels, &spec, &options.display_name, &program)?;
    println!("Installed the kernel “{}” in {}", options.display_name, spec.display());
    Ok(())
}

/// Removes the kernelspec.
///
/// # Errors
///
/// If it is not there, or is not one of ours, or cannot be removed.
pub(crate) fn uninstall(options: InstallOptions) -> Result<()> {
    let spec = spec_dir(&kernels_dir(&options.scope)?, &options.name)?;
    ensure!(spec.exists(), "no kernel is installed in {}", spec.display());
    fs::remove_dir_all(&spec).with_context(|| format!("cannot remove {}", spec.display()))?;
    println!("Removed {}", spec.display());
    println!(
        "The build of the runtime for cells stays in {}; it can be deleted",
        cache::root()?.display()
    );
    Ok(())
}

/// All kernelspecs of ours that Jupyter can find, and the programs that they start.
pub(crate) fn installed() -> Vec<(PathBuf, PathBuf)> {
    let mut found = Vec::new();
    for kernels in search_path() {
        for entry in fs::read_dir(kernels).into_iter().flatten().flatten() {
            if let Some(program) = program_of(&entry.path()) {
                found.push((entry.path(), program));
            }
        }
    }
    found
}

/// The directory of a kernelspec, which is free or holds one of ours.
fn spec_dir(kernels: &Path, name: &str) -> Result<PathBuf> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let is_name = !name.is_empty() && name.chars().all(allowed) && name.chars().any(|c| c != '.');
    ensure!(
        is_name,
        "{name:?} cannot be a kernel's name: letters, digits and . _ - can be in it"
    );
    let spec = kernels.join(name);
    if spec.exists() && program_of(&spec).is_none() {
        bail!(
            "{} belongs to another kernel; choose a different --name",
            spec.display()
        );
    }
    Ok(spec)
}

/// The program that a kernelspec of ours starts; none if it is not ours.
fn program_of(spec: &Path) -> Option<PathBuf> {
    let text = fs::read_to_string(spec.join("kernel.json")).ok()?;
    let json: Value = serde_json::from_str(&text).ok()?;
    json["metadata"].get("crabtree")?;
    Some(PathBuf::from(json["argv"][0].as_str()?))
}

/// Writes a kernelspec beside its place and moves it there, so that Jupyter never sees half of one.
fn write(kernels: &Path, spec: &Path, display_name: &str, program: &Path) -> Result<()> {
    fs::create_dir_all(kernels).with_context(|| format!("cannot make {}", kernels.display()))?;
    let new = tempfile::Builder::new()
        .prefix(".crabtree-")
        .tempdir_in(kernels)
        .with_context(|| format!("cannot write in {}", kernels.display()))?;
    // What cargo built goes when its target directory goes, so the kernelspec gets its own copy.
    let program = if is_build_product(program) {
        fs::copy(program, new.path().join("crabtree")).context("cannot copy this program")?;
        spec.join("crabtree")
    } else {
        program.to_owned()
    };
    let program = program
        .to_str()
        .context("the path of this program is not text, which Jupyter needs")?;
    fs::write(new.path().join("kernel.json"), kernel_json(program, display_name)?)?;
    for (name, contents) in LOGOS {
        fs::write(new.path().join(name), contents)?;
    }
    make_readable(new.path())?;
    let moved = if spec.exists() {
        replace_files(new.path(), spec)
    } else {
        fs::rename(new.path(), spec)
    };
    moved.with_context(|| format!("cannot write {}", spec.display()))
}

/// Moves the files of a kernelspec over those of another one: each is there all the time, for who starts a kernel meanwhile.
fn replace_files(new: &Path, spec: &Path) -> io::Result<()> {
    for entry in fs::read_dir(new)? {
        let entry = entry?;
        fs::rename(entry.path(), spec.join(entry.file_name()))?;
    }
    Ok(())
}

/// Temporary directories are private; a kernelspec for a whole machine must not be.
fn make_readable(dir: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(dir, fs::Permissions::from_mode(0o755))?;
    Ok(())
}

/// Whether a program lies in a directory that cargo may clean.
fn is_build_product(program: &Path) -> bool {
    program.ancestors().skip(1).any(|dir| dir.join("CACHEDIR.TAG").exists())
}

fn kernel_json(program: &str, display_name: &str) -> Result<String> {
    let mut json: Value = serde_json::from_str(TEMPLATE).context("the kernelspec's template")?;
    json["argv"][0] = program.into();
    json["display_name"] = display_name.into();
    json["metadata"]["crabtree"] = serde_json::json!({ "version": env!("CARGO_PKG_VERSION") });
    Ok(serde_json::to_string_pretty(&json)? + "\n")
}

fn kernels_dir(scope: &Scope) -> Result<PathBuf> {
    let data = match scope {
        Scope::User => user_data_dir()?,
        Scope::SysPrefix => sys_prefix()?.join("share/jupyter"),
        Scope::Prefix(prefix) => std::path::absolute(prefix)?.join("share/jupyter"),
    };
    Ok(data.join("kernels"))
}

/// Where Jupyter keeps a user's data, as jupyter_core decides it.
fn user_data_dir() -> Result<PathBuf> {
    if let Some(dir) = variable("JUPYTER_DATA_DIR") {
        return Ok(dir);
    }
    if cfg!(target_os = "macos") {
        return Ok(dirs::home_dir()
            .context("this user has no home directory")?
            .join("Library/Jupyter"));
    }
    let data = dirs::data_dir().context("this user has no data directory; set JUPYTER_DATA_DIR, or use --prefix")?;
    Ok(data.join("jupyter"))
}

/// The Python environment that is active.
fn sys_prefix() -> Result<PathBuf> {
    if let Some(dir) = variable("VIRTUAL_ENV").or_else(|| variable("CONDA_PREFIX")) {
        return Ok(dir);
    }
    for python in ["python3", "python"] {
        let output = Command::new(python)
            .args(["-c", "import sys; print(sys.prefix)"])
            .output();
        if let Ok(output) = output
            && output.status.success()
        {
            return Ok(PathBuf::from(String::from_utf8(output.stdout)?.trim()));
        }
    }
    bail!("no Python environment is active; activate one, or use --user or --prefix DIR")
}

/// The directories in which Jupyter looks for kernelspecs.
fn search_path() -> Vec<PathBuf> {
    let mut data: Vec<PathBuf> = Vec::new();
    if let Some(paths) = std::env::var_os("JUPYTER_PATH") {
        data.extend(std::env::split_paths(&paths));
    }
    data.extend(user_data_dir().ok());
    data.extend(sys_prefix().ok().map(|prefix| prefix.join("share/jupyter")));
    data.extend(["/usr/local/share/jupyter", "/usr/share/jupyter"].map(PathBuf::from));
    let mut kernels: Vec<PathBuf> = data.into_iter().map(|dir| dir.join("kernels")).collect();
    let mut seen = std::collections::HashSet::new();
    kernels.retain(|dir| seen.insert(dir.clone()));
    kernels
}

fn variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name)
        .filter(|value| !value.is_empty())
        .map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernelspec_is_written_whole_replaced_and_known_as_ours() {
        let dir = tempfile::tempdir().unwrap();
        let kernels = dir.path().join("kernels");
        let spec = spec_dir(&kernels, "crabtree").unwrap();
        for name in ["First", "Second"] {
            write(&kernels, &spec, name, Path::new("/opt/bin/crabtree")).unwrap();
            let text = fs::read_to_string(spec.join("kernel.json")).unwrap();
            let json: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(
                json["argv"],
                serde_json::json!(["/opt/bin/crabtree", "kernel", "{connection_file}"])
            );
            assert_eq!(json["display_name"], name);
            assert_eq!(json["interrupt_mode"], "message");
        }
        assert_eq!(program_of(&spec), Some(PathBuf::from("/opt/bin/crabtree")));
        assert!(spec.join("logo-svg.svg").exists());
        assert_eq!(fs::read_dir(&kernels).unwrap().count(), 1, "nothing else is left");
    }

    #[test]
    fn a_kernelspec_that_is_replaced_is_there_all_the_time() {
        use std::os::unix::fs::MetadataExt as _;
        let dir = tempfile::tempdir().unwrap();
        let spec = dir.path().join("crabtree");
        let places = ["First", "Second"].map(|name| {
            write(dir.path(), &spec, name, Path::new("/opt/bin/crabtree")).unwrap();
            // Of a directory that was moved away and replaced it would be another one.
            fs::metadata(&spec).unwrap().ino()
        });
        assert_eq!(places[0], places[1]);
    }

    #[test]
    fn a_program_that_cargo_built_is_copied() {
        let dir = tempfile::tempdir().unwrap();
        let program = dir.path().join("target/debug/crabtree");
        fs::create_dir_all(program.parent().unwrap()).unwrap();
        fs::write(dir.path().join("target/CACHEDIR.TAG"), "").unwrap();
        fs::write(&program, "program").unwrap();
        let kernels = dir.path().join("kernels");
        write(&kernels, &kernels.join("x"), "X", &program).unwrap();
        assert_eq!(program_of(&kernels.join("x")), Some(kernels.join("x/crabtree")));
        assert_eq!(fs::read(kernels.join("x/crabtree")).unwrap(), b"program");
    }

    #[test]
    fn another_kernels_place_is_not_taken() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("python3")).unwrap();
        fs::write(dir.path().join("python3/kernel.json"), "{\"argv\": [\"python3\"]}").unwrap();
        let error = spec_dir(dir.path(), "python3").expect_err("it is Python's");
        assert!(error.to_string().contains("--name"), "{error}");
        for name in ["", "..", "a b", "a/b"] {
            assert!(spec_dir(dir.path(), name).is_err(), "{name:?}");
        }
    }
}
