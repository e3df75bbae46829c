//! Identifiers: of processes, aliases, monitors and timers.

use crate::node::node;
use std::fmt;
use std::num::NonZeroU32;

/// The node that a process lives on.
///
/// There is one local node, and its processes print with a leading `0`, as in OTP. The number kept is one more, which
/// leaves room for `None` in an optional pid.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct NodeId(NonZeroU32);

impl NodeId {
    pub(crate) const LOCAL: NodeId = NodeId(NonZeroU32::MIN);
}

/// The identifier of a process.
///
/// A pid is a plain value: it can be copied, compared, stored and sent, and it stays valid as a *name* after its
/// process is gone. Sending to a dead pid does nothing; linking to or monitoring one reports
/// [`ExitReason::NoProc`](crate::ExitReason::NoProc).
///
/// It prints as OTP prints it, `<0.123.0>`: node, number, and a serial that grows when a number is used again.
///
/// ```
/// # crabtree::run(async {
/// use crabtree::prelude::*;
///
/// let pid = spawn(async {});
/// assert_eq!(pid, pid.clone());
/// assert!(format!("{pid}").starts_with("<0."));
/// # });
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Pid {
    node: NodeId,
    number: u32,
    serial: u32,
}

impl Pid {
    pub(crate) const fn local(number: u32, serial: u32) -> Pid {
        Pid {
            node: NodeId::LOCAL,
            number,
            serial,
        }
    }

    /// The place of the process in the table of its node.
    pub(crate) const fn number(self) -> u32 {
        self.number
    }

    /// How often that place was used before.
    pub(crate) const fn serial(self) -> u32 {
        self.serial
    }
}

/// A pid of the local node, without saying so.
#[derive(Clone, Copy)]
pub(crate) struct LocalPid {
    number: u32,
    serial: u32,
}

impl From<Pid> for LocalPid {
    fn from(Pid { number, serial, .. }: Pid) -> LocalPid {
        LocalPid { number, serial }
    }
}

impl From<LocalPid> for Pid {
    fn from(LocalPid { number, serial }: LocalPid) -> Pid {
        Pid::local(number, serial)
    }
}

impl From<&Pid> for Pid {
    fn from(pid: &Pid) -> Pid {
        *pid
    }
}

/// As its text.
impl serde_core::Serialize for Pid {
    fn serialize<S: serde_core::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for Pid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{}.{}.{}>", self.node.0.get() - 1, self.number, self.serial)
    }
}

impl fmt::Debug for Pid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A number that the node gives out once: the identity of a monitor or a call.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Ref(pub(crate) u64);

impl fmt::Display for Ref {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#Ref<0.{}>", self.0)
    }
}

impl fmt::Debug for Ref {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Names one monitor, from [`process::monitor`](crate::process::monitor) to its [`Down`](crate::Down) message.
///
/// It prints as OTP's references begin, `#Ref<0.123>`, and so does [`Alias`]. A [`TimerRef`] has a number more.
///
/// ```
/// # crabtree::run(async {
/// use crabtree::prelude::*;
///
/// let monitor = process::monitor(me());
/// assert!(format!("{monitor}").starts_with("#Ref<0."));
/// # });
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MonitorRef(pub(crate) Ref);

impl fmt::Display for MonitorRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for MonitorRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// An address of a process that it can take back: see [`process::alias`](crate::process::alias).
///
/// Messages are sent to it as to a [`Pid`]. Those that come after its end disappear.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Alias {
    pub(crate) owner: Pid,
    pub(crate) id: Ref,
}

impl fmt::Display for Alias {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.id, f)
    }
}

impl fmt::Debug for Alias {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Names one timer, from [`process::send_after`](crate::process::send_after) until it fires or is cancelled.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TimerRef {
    /// A number that its wheel gives out once.
    pub(crate) id: u64,
    pub(crate) wheel: u32,
    /// The place on the wheel.
    pub(crate) index: u32,
}

impl TimerRef {
    /// There is no wheel of that number.
    const OVER: u32 = u32::MAX;

    /// Names a timer that is over already.
    pub(crate) fn over() -> TimerRef {
        TimerRef {
            id: node().new_ref().0,
            wheel: TimerRef::OVER,
            index: 0,
        }
    }
}

impl fmt::Display for TimerRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#Ref<0.{}.{}>", self.wheel, self.id)
    }
}

impl fmt::Debug for TimerRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
