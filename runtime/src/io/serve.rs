//! The process of a device that has an owner: it ends with the owner, or when it is told to close.

use super::{Device, IoError, IoFailure};
use crate::message::Message;
use crate::pid::Pid;
use crate::process::call::{Failure, call_with};
use crate::process::task::{self, Start, begin};
use crate::process::{self, Down, current, deliver};
use crate::receive;
use std::sync::Arc;

/// Begins the process of a device. Its owner is the caller; whoever is no process owns nothing, and must close it.
pub(crate) fn begin_owned(device: Arc<dyn Device>) -> Pid {
    let owner = current::get().map(|owner| owner.pid);
    let (pid, record) = begin(Start::of::<dyn Device>());
    record.lock().extras_mut().device = Some(device);
    task::run(pid, Box::pin(life(owner)));
    pid
}

/// Told to a device that is to close.
#[derive(Debug)]
struct Close;

async fn life(owner: Option<Pid>) {
    let _open = Open;
    let watched = owner.map(process::monitor);
    loop {
        receive! {
            Down { monitor, .. } if Some(monitor) == watched => return,
            Close => return,
            // A mailbox that nobody reads would only grow.
            _ => (),
        }
    }
}

/// Takes the device from its process when that ends, before anybody learns of the end: a file that was closed can be
/// opened again, removed, or read by others.
struct Open;

impl Drop for Open {
    fn drop(&mut self) {
        let Some(process) = current::get() else { return };
        let device = process.record.lock().extras_mut().device.take();
        drop(device);
    }
}

/// Closes a device that [`begin_owned`] began, and waits until it is closed.
pub(crate) async fn close(device: Pid, request: String) -> Result<(), IoError> {
    let told = call_with(device, None, |_| drop(deliver(device, Message::new(Close)))).await;
    match told {
        Ok(_) | Err(Failure::Down(crate::ExitReason::Normal)) => Ok(()),
        Err(failure) => Err(IoFailure::of_call(&failure).in_request(request)),
    }
}

/// Tells a device to close, without waiting for it.
pub(crate) fn close_later(device: Pid) {
    drop(deliver(device, Message::new(Close)));
}
