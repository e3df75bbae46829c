//! What ends a kernel from outside, other than a shutdown request.

use std::time::Duration;

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal as listen};

/// How often the front end is looked for.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Resolves when the kernel is to end: on SIGTERM, on SIGHUP, or when the front end that started
/// it is gone.
///
/// From here on SIGINT is ignored: interrupts come as messages.
///
/// # Errors
///
/// The signals cannot be listened to.
pub(super) fn signal() -> anyhow::Result<impl Future<Output = ()>> {
    let listen = |kind| listen(kind).context("cannot listen to signals");
    let (mut terminate, mut hang_up) = (listen(SignalKind::terminate())?, listen(SignalKind::hangup())?);
    // A listener replaces the signal's default; unlike SIG_IGN it is not inherited by the compiler.
    let ignored = listen(SignalKind::interrupt())?;
    Ok(async move {
        let _ignored = ignored;
        tokio::select! {
            _ = terminate.recv() => {}
            _ = hang_up.recv() => {}
            () = orphaned() => {}
        }
    })
}

/// Resolves when the process that started this one has ended, if that is a front end.
async fn orphaned() {
    let parent = std::os::unix::process::parent_id();
    // jupyter_client says which process is to be watched. In a shell's background it is not this one's parent.
    if std::env::var("JPY_PARENT_PID").ok().and_then(|pid| pid.parse().ok()) != Some(parent) {
        return std::future::pending().await;
    }
    while std::os::unix::process::parent_id() == parent {
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
