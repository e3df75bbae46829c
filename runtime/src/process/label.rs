//! Labels: what processes call themselves, for those who look at many of them.

use super::current;
use crate::name::Name;
use crate::node::node;
use crate::pid::Pid;
use crate::trace;

/// Labels the calling process: [`info`](super::info), [`list`](super::list) and crash reports show it.
///
/// Unlike a name, many processes can have the same label, and nobody is found by it. The next label replaces it.
///
/// ```
/// # crabtree::run(async {
/// use crabtree::prelude::*;
///
/// let parent = me();
/// for customer in 1..=2 {
///     spawn(async move {
///         process::set_label(format!("customer {customer}"));
///         send(parent, "ready");
///         process::sleep(secs(60)).await;
///     });
/// }
/// # for _ in 0..2 { receive! { "ready" => () } }
/// # assert_eq!(process::get_label(me()), None);
/// # });
/// ```
///
/// # Panics
/// Outside of a process.
#[track_caller]
pub fn set_label(label: impl Into<Name>) {
    let process = current::expect("process::set_label");
    let label = label.into();
    if trace::is_on() {
        trace::labelled(process.pid, &label);
    }
    process.record.lock().extras_mut().label = Some(label);
}

/// The label of a process; `None` when it has none or is not alive.
///
/// ```
/// # crabtree::run(async {
/// use crabtree::prelude::*;
///
/// process::set_label("main");
/// assert_eq!(process::get_label(me()), Some(Name::from("main")));
/// # });
/// ```
pub fn get_label(pid: impl Into<Pid>) -> Option<Name> {
    let pid = pid.into();
    let record = node().table.get(pid)?;
    record.update(pid, |state| state.extras()?.label.clone())?
}
