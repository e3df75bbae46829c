//! What the kernel says of itself.

use std::process::Command;
use std::time::Duration;

use serde_json::json;
use tokio::sync::watch;

use super::message::{Content, PROTOCOL_VERSION};

/// How long a kernel info reply waits for the compiler's version: clients want it within a second.
const PATIENCE: Duration = Duration::from_millis(300);

/// The version of the compiler that cells are compiled with, asked for in the background.
pub(super) struct RustVersion(watch::Receiver<Option<String>>);

impl RustVersion {
    /// Starts asking.
    pub(super) fn ask() -> RustVersion {
        let (answer, version) = watch::channel(None);
        tokio::task::spawn_blocking(move || answer.send(rustc_version()));
        RustVersion(version)
    }

    /// The version; when the compiler takes too long to answer, the oldest one that would do.
    async fn get(&mut self) -> String {
        let known = tokio::time::timeout(PATIENCE, self.0.wait_for(Option::is_some)).await;
        let known = known.ok().and_then(Result::ok).and_then(|version| version.clone());
        known.unwrap_or_else(|| env!("CARGO_PKG_RUST_VERSION").to_owned())
    }
}

fn rustc_version() -> Option<String> {
    let output = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
        .arg("--version")
        .output();
    // rustc 1.95.0 (59807616e 2026-04-14)
    let text = String::from_utf8(output.ok()?.stdout).ok()?;
    text.split_whitespace().nth(1).map(str::to_owned)
}

/// The content of a kernel info reply.
///
/// Not `jupyter_protocol`'s type, which knows nothing of `supported_features`.
pub(super) async fn reply(rust: &mut RustVersion) -> Content {
    let version = env!("CARGO_PKG_VERSION");
    let rust = rust.get().await;
    Content::new(
        "kernel_info_reply",
        json!({
            "status": "ok",
            "protocol_version": PROTOCOL_VERSION,
            "implementation": "crabtree",
            "implementation_version": version,
            "banner": format!("Crabtree {version}: processes and supervision trees in Rust {rust}"),
            "debugger": false,
            "supported_features": ["kernel subshells"],
            "help_links": [
                {"text": "The Rust Programming Language", "url": "https://doc.rust-lang.org/book/"},
                {"text": "Rust's standard library", "url": "https://doc.rust-lang.org/std/"},
            ],
            "language_info": language_info(&rust),
        }),
    )
}

fn language_info(rust: &str) -> serde_json::Value {
    json!({
        "name": "rust",
        "version": rust,
        "mimetype": "text/rust",
        "file_extension": ".rs",
        "pygments_lexer": "rust",
        "codemirror_mode": "rust",
    })
}
