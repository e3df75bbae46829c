//! The connection file: where the sockets are, and the key that signs messages.

use std::path::Path;

use anyhow::{Context, anyhow};
pub(crate) use jupyter_protocol::ConnectionInfo;

/// Reads and checks a connection file.
///
/// # Errors
///
/// The file cannot be read, is not the JSON of a connection file, or asks for a signature scheme
/// other than `hmac-sha256`.
pub(crate) fn read(path: &Path) -> anyhow::Result<ConnectionInfo> {
    let text = std::fs::read_to_string(path).with_context(|| {
        format!(
            "cannot read the connection file {}; a front end writes it and passes its path",
            path.display()
        )
    })?;
    parse(&text).with_context(|| format!("{} is not a connection file of Jupyter", path.display()))
}

fn parse(text: &str) -> anyhow::Result<ConnectionInfo> {
    let connection: ConnectionInfo = serde_json::from_str(text)?;
    if !connection.key.is_empty() && connection.signature_scheme != "hmac-sha256" {
        return Err(anyhow!(
            "messages are to be signed by {:?}, but only \"hmac-sha256\" is supported",
            connection.signature_scheme
        ));
    }
    Ok(connection)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(key: &str, scheme: &str) -> String {
        serde_json::json!({
            "ip": "127.0.0.1", "transport": "tcp", "shell_port": 1, "iopub_port": 2, "stdin_port": 3,
            "control_port": 4, "hb_port": 5, "key": key, "signature_scheme": scheme, "jupyter_session": "x",
        })
        .to_string()
    }

    #[test]
    fn keys_that_jupyter_adds_are_ignored() {
        assert_eq!(
            parse(&file("k", "hmac-sha256")).unwrap().shell_url(),
            "tcp://127.0.0.1:1"
        );
    }

    #[test]
    fn a_scheme_that_cannot_be_checked_is_refused() {
        let error = parse(&file("k", "hmac-md5")).unwrap_err().to_string();
        assert!(error.contains("hmac-md5") && error.contains("hmac-sha256"), "{error}");
    }

    #[test]
    fn without_a_key_the_scheme_does_not_matter() {
        assert!(parse(&file("", "")).is_ok());
    }
}
