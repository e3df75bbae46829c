//! The kernel as Jupyter's front ends see it.
//!
//! # Layout
//!
//! In reading order:
//!
//! - [`connection`]: the connection file, and what can be wrong with it.
//! - [`message`] and [`wire`]: a message, and its frames with their signature. No sockets.
//! - [`sockets`] and [`iopub`]: the five sockets, each with one owner. They know no language. [`zmtp`] is what the
//!   publisher speaks with those who subscribe.
//! - [`server`]: the loop that owns the session's state and answers requests;
//!   [`requests`] has the answers that need no cell to run, [`shells`] the queues of cells, [`executions`] their replies,
//!   [`routing`] decides below which cell an output appears, [`questions`] when the user is asked for a line, and
//!   [`comms`] knows what is open between processes and widgets.
//! - [`completeness`], [`kernel_info`]: plain functions and values behind single requests; [`history`]: the inputs of
//!   all sessions, in a file.
//! - [`stop`]: what ends the kernel from outside.

mod comms;
pub(crate) mod completeness;
pub(crate) mod connection;
mod executions;
mod history;
mod iopub;
mod kernel_info;
pub(crate) mod message;
mod questions;
mod requests;
mod routing;
mod server;
mod shells;
mod sockets;
mod stop;
pub(crate) mod wire;
mod zmtp;

pub(crate) use history::HISTORY_ENV;
pub(crate) use routing::WIDGET;

use std::path::Path;
use std::time::Duration;

use anyhow::Context;

/// Runs a kernel on the sockets that `connection_file` names, until a shutdown request or SIGTERM.
///
/// # Errors
///
/// The connection file cannot be used, or an address in it is taken.
pub(crate) fn serve(connection_file: &Path) -> anyhow::Result<()> {
    let connection = connection::read(connection_file)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("cannot start the threads of the kernel")?;
    let served = runtime.block_on(server::serve(connection));
    // Tasks that still wait on sockets end with the process.
    runtime.shutdown_timeout(Duration::from_millis(100));
    served
}
