//! Outputs that change faster than anybody looks.

use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep_until};

use super::Bundle;
use super::display::new_id;
use crate::io;
use crate::node::node;
use crate::pid::Pid;
use crate::process::current;

/// As often as a picture is replaced where outputs can be.
const PACE: Duration = Duration::from_millis(50);

/// As often as a new one is shown below the old where they cannot.
const SLOW_PACE: Duration = Duration::from_secs(1);

/// One output, whatever is shown in it and however fast: values that come too fast for it are left out, but not the last
/// one, which is shown when its time has come, and at the latest when the last clone of this value is dropped.
///
/// It belongs to the group leader of its maker, and may be used by any thread. Devices are called under its lock, so that
/// they get values in the order in which they were shown.
#[derive(Clone)]
pub(crate) struct Thinned {
    output: Arc<Output>,
}

/// What will be shown, made when it is.
pub(crate) type Latest = Arc<dyn Fn() -> Bundle + Send + Sync>;

struct Output {
    id: String,
    leader: Pid,
    replaces: bool,
    /// Whether [`settle`](super::settle()) waits until it does not change any more.
    settles: bool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Whether the output is there, so that it is updated.
    is_shown: bool,
    /// Before that, it is too early for another value.
    next: Option<Instant>,
    /// The last value that came too early; a task waits to show it.
    waiting: Option<Latest>,
}

impl Thinned {
    /// An output of the calling process. Nothing is shown yet.
    pub(crate) fn new() -> Thinned {
        Thinned::with(true)
    }

    /// An output that changes by the clock for as long as it is there: nobody waits until it has settled.
    pub(crate) fn unsettled() -> Thinned {
        Thinned::with(false)
    }

    fn with(settles: bool) -> Thinned {
        let leader = current::group_leader();
        Thinned {
            output: Arc::new(Output {
                id: new_id(),
                leader,
                replaces: io::device_of(leader).1.replaces(),
                settles,
                state: Mutex::default(),
            }),
        }
    }

    /// Whether what is shown next takes the place of what was shown before.
    pub(crate) fn replaces(&self) -> bool {
        self.output.replaces
    }

    /// Takes the place where values will be shown, where outputs have a place.
    pub(crate) fn reserve(&self) {
        if self.output.replaces {
            let mut state = self.output.state.lock();
            if !state.is_shown {
                self.output.put(&mut state, &super::compose::empty());
            }
        }
    }

    /// Shows `bundle` in an output of its own, where the values of this one go.
    pub(crate) fn show_below(&self, bundle: Bundle) {
        io::device_of(self.output.leader).1.display(io::Display {
            bundle,
            display_id: None,
            update: false,
        });
    }

    /// Shows `bundle`, now or as soon as it is time, unless another one comes before.
    pub(crate) fn show(&self, bundle: Bundle) {
        self.show_latest(&(Arc::new(move || bundle.clone()) as Latest));
    }

    /// Shows what `latest` gives when it is time.
    pub(crate) fn show_latest(&self, latest: &Latest) {
        let mut state = self.output.state.lock();
        let now = Instant::now();
        match state.next {
            Some(next) if now < next => {
                if state.waiting.replace(latest.clone()).is_none() {
                    show_at(next, Arc::downgrade(&self.output));
                }
            }
            _ => {
                state.waiting = None;
                self.output.put(&mut state, &latest());
                state.next = Some(now + self.output.pace());
            }
        }
    }
}

/// A task and no process: whoever traces processes does not see it.
fn show_at(time: Instant, output: Weak<Output>) {
    let runtime = Handle::try_current().unwrap_or_else(|_| node().runtime().clone());
    runtime.spawn(async move {
        sleep_until(time).await;
        if let Some(output) = output.upgrade() {
            output.show_waiting();
        }
    });
}

impl Output {
    fn pace(&self) -> Duration {
        if self.replaces { PACE } else { SLOW_PACE }
    }

    fn show_waiting(&self) {
        let mut state = self.state.lock();
        if let Some(latest) = state.waiting.take() {
            self.put(&mut state, &latest());
            state.next = Some(Instant::now() + self.pace());
        }
    }

    fn put(&self, state: &mut State, bundle: &Bundle) {
        let update = std::mem::replace(&mut state.is_shown, true);
        let (_, device) = if self.settles || !update {
            io::device_of(self.leader)
        } else {
            io::device_in_passing(self.leader)
        };
        device.display(io::Display {
            bundle: bundle.clone(),
            display_id: Some(self.id.clone()),
            update,
        });
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        self.show_waiting();
    }
}
