//! Waiting for output to come to rest.

use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::node::node;
use crate::process::sleep;

/// Waits until no process has shown anything for `quiet`.
///
/// What a process shows after its cell has ended belongs to that cell all the same, and JupyterLab puts it there. Clients
/// that execute a notebook as a batch, such as nbconvert, look at the running cell only. A cell that ends with `settle`
/// has them see what a reader sees. It looks at all processes, so one that prints for ever keeps it waiting for ever. What
/// shows the time, so to speak, is not waited for: an [animation](super::animate) of a plain [`interval`](super::interval)
/// whose function cannot end it, and an [observer](super::process::observer) that is watched. Their last frame may be missed.
///
/// ```
/// # crabtree::run(async {
/// use crabtree::prelude::*;
/// use crabtree::io::string_io;
///
/// let page = string_io::open("");
/// process::set_group_leader(me(), page);
/// spawn(async {
///     for n in 1..=3 {
///         process::sleep(ms(5)).await;
///         crabtree::print!("{n} ");
///     }
/// });
/// kino::settle(ms(250)).await;
/// assert_eq!(string_io::contents(page)?.1, "1 2 3 ");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
///
/// # Cancel safety
/// It can be dropped at any time.
pub async fn settle(quiet: Duration) {
    let uses = || node().device_uses.load(Ordering::Relaxed);
    let mut seen = uses();
    loop {
        sleep(quiet).await;
        match uses() {
            now if now == seen => return,
            now => seen = now,
        }
    }
}
