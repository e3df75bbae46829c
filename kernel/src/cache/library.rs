//! The library that cells link to, as cargo would build it: which packages it is made of, with which features.
//!
//! A session has loaded one such library, and nothing of it can be exchanged. Cargo compiles a package once with all
//! features that anybody asks for. So a dependency that a cell adds may have cargo build another library, from the same
//! sources: one that differs in a package far below, or in a macro that compiled a part of it.
//!
//! Nearly all of that is avoided: [`SWITCHED_ON`] names what dependencies ask for, and the library is built with it.
//! What is not in it is found before anything is built, by comparing [`Library`]s.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use super::Toolchain;

/// The package that is the library.
const NAME: &str = "crabtree-dylib";

/// The features that the library is built with although it does not need them, because widely used packages do: those
/// that only add something. Not in it is what changes how code behaves that does not ask for it, as `preserve_order` of
/// `serde_json` does, and what takes packages in that are seldom needed.
const SWITCHED_ON: &[(Side, &str, &[&str])] = &[
    (Side::Library, "base64", &["default"]),
    (Side::Library, "bytes", &["default", "serde"]),
    (Side::Library, "errno", &["default"]),
    (Side::Library, "futures-core", &["default"]),
    (
        Side::Library,
        "libc",
        &["align", "const-extern-fn", "extra_traits", "use_std"],
    ),
    (Side::Library, "lock_api", &["arc_lock", "default", "serde"]),
    (Side::Library, "log", &["kv", "serde", "std"]),
    (Side::Library, "memchr", &["default", "libc", "use_std"]),
    (Side::Library, "mio", &["default", "net", "os-ext"]),
    (Side::Library, "parking_lot", &["arc_lock", "default", "serde"]),
    (Side::Library, "scopeguard", &["default"]),
    (Side::Library, "serde", &["alloc", "default", "derive", "rc"]),
    (Side::Library, "serde_core", &["alloc", "default", "rc"]),
    (
        Side::Library,
        "serde_json",
        &["alloc", "default", "float_roundtrip", "raw_value", "unbounded_depth"],
    ),
    (
        Side::Library,
        "smallvec",
        &[
            "const_generics",
            "const_new",
            "drain_keep_rest",
            "serde",
            "union",
            "write",
        ],
    ),
    (Side::Library, "socket2", &["all"]),
    (Side::Compiler, "proc-macro2", &["default", "span-locations"]),
    (Side::Compiler, "quote", &["default"]),
    (
        Side::Compiler,
        "syn",
        &["default", "extra-traits", "fold", "full", "visit", "visit-mut"],
    ),
];

/// Where a package's code runs. Cargo compiles a package that is needed on both sides twice, with features of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Side {
    /// In the library.
    Library,
    /// In the compiler, as a macro or below one.
    Compiler,
}

/// Features of packages, to be switched on beside those that are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Features(BTreeMap<(String, Side), BTreeSet<String>>);

impl Features {
    /// These, and those that every library is built with.
    pub(super) fn and_usual(&self) -> Features {
        let mut features = self.clone();
        for (side, package, names) in SWITCHED_ON {
            for name in *names {
                features.add(package, *side, name);
            }
        }
        features
    }

    /// Adds one.
    pub(super) fn add(&mut self, package: &str, side: Side, feature: &str) {
        let features = self.0.entry((package.to_owned(), side)).or_default();
        features.insert(feature.to_owned());
    }

    /// Those of a package.
    pub(super) fn of(&self, package: &str, side: Side) -> Vec<String> {
        let features = self.0.get(&(package.to_owned(), side));
        features.into_iter().flatten().cloned().collect()
    }
}

/// A package, as a part of the library or of what compiles it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Part {
    name: String,
    version: String,
    side: Side,
    features: BTreeSet<String>,
}

/// What the library is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Library(BTreeSet<Part>);

impl Library {
    /// Reads lines of `cargo tree`, as `3syn v2.0.1|full,fold`, with ` (*)` where what is below has been shown before.
    pub(super) fn parse(tree: &str) -> Result<Library> {
        let mut below: BTreeMap<Part, BTreeSet<Part>> = BTreeMap::new();
        // From the root to the line at hand.
        let mut above: Vec<Part> = Vec::new();
        for line in tree.lines().filter(|line| !line.is_empty()) {
            let unknown = || format!("`cargo tree` says what is not understood: {line}");
            let depth_ends = line.find(|c: char| !c.is_ascii_digit()).with_context(unknown)?;
            let (depth, rest) = line.split_at(depth_ends);
            let depth: usize = depth.parse().with_context(unknown)?;
            let rest = rest.strip_suffix(" (*)").unwrap_or(rest);
            let (package, features) = rest.rsplit_once('|').with_context(unknown)?;
            let mut words = package.split(' ');
            let name = words.next().with_context(unknown)?.to_owned();
            let version = words.next().with_context(unknown)?.trim_start_matches('v').to_owned();
            ensure!(depth <= above.len(), unknown());
            above.truncate(depth);
            let parent = above.last().cloned();
            let is_macro = words.next() == Some("(proc-macro)");
            let side = match &parent {
                _ if is_macro => Side::Compiler,
                Some(parent) => parent.side,
                None => Side::Library,
            };
            let features = features.split(',').filter(|feature| !feature.is_empty());
            let part = Part {
                name,
                version,
                side,
                features: features.map(str::to_owned).collect(),
            };
            if let Some(parent) = parent {
                below.entry(parent).or_default().insert(part.clone());
            }
            above.push(part);
        }
        let mut found = BTreeSet::new();
        let mut open: Vec<Part> = (below.keys().filter(|part| part.name == NAME)).cloned().collect();
        ensure!(!open.is_empty(), "`cargo tree` does not mention {NAME}");
        while let Some(part) = open.pop() {
            if found.insert(part.clone()) {
                open.extend(below.get(&part).into_iter().flatten().cloned());
            }
        }
        Ok(Library(found))
    }

    /// How `other` differs from this one.
    pub(crate) fn changes(&self, other: &Library) -> Vec<Difference> {
        let find = |part: &Part| {
            let same = |own: &&Part| (&own.name, own.side) == (&part.name, part.side);
            let mut candidates = self.0.iter().filter(same);
            candidates
                .clone()
                .find(|own| own.version == part.version)
                .or_else(|| candidates.next())
        };
        let changed = other.0.iter().filter(|part| !self.0.contains(part));
        changed
            .map(|part| {
                let own = find(part);
                Difference {
                    package: part.name.clone(),
                    version: part.version.clone(),
                    side: part.side,
                    before: own.map(|own| own.version.clone()),
                    features: match own {
                        Some(own) => part.features.difference(&own.features).cloned().collect(),
                        None => part.features.iter().cloned().collect(),
                    },
                }
            })
            .collect()
    }
}

/// A package that the library would have otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    package: String,
    version: String,
    side: Side,
    /// The version that it has now; none if it is no part yet.
    before: Option<String>,
    /// Those that it does not have now.
    features: Vec<String>,
}

impl Difference {
    /// Switches on what it consists of.
    pub(crate) fn switch_on(&self, features: &mut Features) {
        // A package that is new is there because of a feature of another one.
        if self.before.is_some() {
            for feature in &self.features {
                features.add(&self.package, self.side, feature);
            }
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Difference {
            package,
            version,
            before,
            features,
            ..
        } = self;
        match before {
            Some(before) if before != version => write!(f, "{package} {version} instead of {before}"),
            Some(_) if features.len() == 1 => write!(f, "{package} with the feature {}", features[0]),
            Some(_) if features.is_empty() => write!(f, "{package} with fewer features"),
            Some(_) => write!(f, "{package} with the features {}", features.join(", ")),
            None => write!(f, "{package} {version}"),
        }
    }
}

/// What cargo says, in `dir`, of all that it would build for the crate with this manifest. Compiles nothing; cargo may
/// fetch packages.
pub(super) fn tree(dir: &Path, manifest: &Path, toolchain: &Toolchain) -> Result<String> {
    let ask = |options: &[&str]| {
        let output = Command::new(&toolchain.cargo)
            .args(["tree", "--edges", "normal", "--prefix", "depth", "--format", "{p}|{f}"])
            .args(["--charset", "ascii", "--color", "never", "--target", &toolchain.target])
            .arg("--manifest-path")
            .arg(manifest)
            .args(options)
            .current_dir(dir)
            .env("RUSTC", &toolchain.rustc)
            // evcxr writes another answer to a file here, for other calls.
            .env(OFFLINE, std::env::var_os(OFFLINE).unwrap_or_else(|| "false".into()))
            .output()
            .context("cannot run `cargo tree`")?;
        ensure!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
        Ok(String::from_utf8(output.stdout)?)
    };
    // Where there is no network, what is here may do.
    ask(&[]).or_else(|error| ask(&["--offline"]).map_err(|_| error))
}

/// Tells cargo whether it may use the network.
const OFFLINE: &str = "CARGO_NET_OFFLINE";

/// The packages that the root of a tree depends on, and their versions, but for what every cell has.
pub(super) fn direct(tree: &str) -> Vec<(String, String)> {
    let lines = tree.lines().filter_map(|line| line.strip_prefix('1'));
    let packages = lines.filter_map(|line| {
        let (name, rest) = line.split_once(" v")?;
        let version = rest.split([' ', '|']).next()?;
        Some((name.to_owned(), version.to_owned()))
    });
    packages.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::{build, sources};
    use std::fs;

    /// Packages that notebooks use, with the features that ask most of those below them.
    const WIDELY_USED: &str = r#"
anyhow = "1"
async-stream = "0.3"
async-trait = "0.1"
axum = { version = "0.8", features = ["macros", "multipart", "ws"] }
base64 = "0.22"
bon = "3"
bytes = { version = "1", features = ["serde"] }
chrono = { version = "0.4", features = ["serde"] }
clap = { version = "4", features = ["derive"] }
crossbeam = "0.8"
crossterm = "0.29"
csv = "1"
dashmap = { version = "6", features = ["serde"] }
derive_more = { version = "2", features = ["full"] }
futures = "0.3"
http-body-util = "0.1"
hyper = { version = "1", features = ["full"] }
hyper-util = { version = "0.1", features = ["full"] }
image = "0.25"
indexmap = { version = "2", features = ["serde"] }
itertools = "0.14"
nalgebra = "0.33"
ndarray = { version = "0.16", features = ["rayon", "serde"] }
notify = "8"
parking_lot = { version = "0.12", features = ["arc_lock", "serde"] }
petgraph = "0.8"
plotters = "0.3"
polars = { version = "0.46", features = ["csv", "json", "lazy"] }
proptest = "1"
prost = "0.14"
rand = "0.9"
rayon = "1"
regex = "1"
reqwest = { version = "0.12", features = ["blocking", "json", "multipart", "rustls-tls", "stream"] }
scraper = "0.23"
serde = { version = "1", features = ["derive", "rc"] }
serde_json = { version = "1", features = ["raw_value"] }
serde_yaml = "0.9"
sha2 = "0.10"
smallvec = { version = "1", features = ["const_generics", "serde", "union"] }
sqlx = { version = "0.8", features = ["macros", "runtime-tokio", "sqlite"] }
strum = { version = "0.27", features = ["derive"] }
sysinfo = "0.37"
tempfile = "3"
thiserror = "2"
time = { version = "0.3", features = ["formatting", "local-offset", "macros", "parsing", "serde"] }
tokio-stream = { version = "0.1", features = ["full"] }
tokio-tungstenite = "0.26"
tokio-util = { version = "0.7", features = ["full"] }
toml = "0.9"
tonic = "0.14"
tower = { version = "0.5", features = ["full"] }
tower-http = { version = "0.6", features = ["full"] }
tracing = "0.1"
tracing-subscriber = { version = "0.3", features = ["env-filter", "json"] }
ureq = { version = "3", features = ["json"] }
url = { version = "2", features = ["serde"] }
uuid = { version = "1", features = ["serde", "v4"] }
walkdir = "2"
"#;

    #[test]
    fn widely_used_packages_leave_the_library_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().canonicalize().unwrap();
        let toolchain = Toolchain::find().unwrap();
        build::prepare(
            &dir,
            &toolchain,
            &Features::default().and_usual(),
            &mut |_: build::Progress<'_>| {},
        )
        .unwrap();
        let template = dir.join("template");
        let library = |dir: &Path| Library::parse(&tree(dir, &dir.join("Cargo.toml"), &toolchain).unwrap()).unwrap();
        let prepared = library(&template);

        // As in a session: evcxr has cargo forget all other versions.
        fs::remove_file(template.join("Cargo.lock")).unwrap();
        let manifest = build::template_manifest(sources::dependencies(&dir.join("sources")));
        fs::write(template.join("Cargo.toml"), manifest + WIDELY_USED).unwrap();
        let changes = prepared.changes(&library(&template));
        assert!(
            changes.is_empty(),
            "SWITCHED_ON lacks {}; `cargo tree --invert` says for whom",
            changes.iter().map(Difference::to_string).collect::<Vec<_>>().join(", ")
        );
    }

    #[test]
    fn the_library_is_told_from_what_else_has_the_same_packages() {
        // A macro of the reader's has syn with more features, and so has a package of the reader's own, outside of macros.
        let tree = "0ctx v1.0.0 (/x)|\n\
                    1own v0.1.0|\n2syn v2.0.0|default\n3unicode v1.0.0|\n\
                    1crabtree-dylib v0.1.0 (/y)|\n2libc v0.2.0|std\n\
                    2macros v0.1.0 (proc-macro) (/z)|\n3syn v2.0.0|default,full\n4unicode v1.0.0|\n\
                    2serde v1.0.0|\n3macros v0.1.0 (proc-macro) (/z)| (*)\n";
        let library = Library::parse(tree).unwrap();
        let parts = library.0.iter().filter(|part| part.name == "syn");
        let parts: Vec<_> = parts.map(|part| (part.side, part.features.len())).collect();
        assert_eq!(parts, [(Side::Compiler, 2)]);
        assert_eq!(library.0.len(), 6);

        let changed = tree.replace("3syn v2.0.0|default,full", "3syn v2.0.0|default,fold,full,visit");
        let changed = changed.replace("libc v0.2.0", "libc v0.2.1");
        let changes = library.changes(&Library::parse(&changed).unwrap());
        let shown: Vec<String> = changes.iter().map(Difference::to_string).collect();
        assert_eq!(
            shown,
            ["libc 0.2.1 instead of 0.2.0", "syn with the features fold, visit"]
        );
        assert_eq!(library.changes(&library), []);
        assert!(Library::parse("0ctx v1.0.0|\n").is_err());
    }
}
