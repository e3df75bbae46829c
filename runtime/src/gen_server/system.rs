//! System messages: what the loop of a server itself understands, for [`sys`](crate::sys).

use crate::ExitReason;
use crate::io::{self, Stream};
use crate::process::call::Origin;
use std::any::Any;
use std::collections::VecDeque;
use std::fmt;
use tokio::time::Instant;

/// A message to the loop.
pub(crate) enum System {
    /// End with that reason.
    Terminate(ExitReason),
    /// Look at the state, or change it.
    Visit(Visit),
    /// Say how the server is.
    Status(Origin),
    /// Handle nothing but system messages until `Resume`.
    Suspend(Origin),
    Resume(Origin),
    /// Print each event, or stop it.
    Trace(Origin, bool),
    /// Count events from now on, or stop it.
    Count(Origin, bool),
    /// Say what was counted.
    Counted(Origin),
    /// Keep that many events, or none.
    Log(Origin, usize),
    /// Say what was kept.
    Logged(Origin),
}

/// What somebody wants to do with the state of a server.
pub(crate) type Visit = Box<dyn FnOnce(&mut dyn Any) + Send>;

impl fmt::Debug for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            System::Terminate(reason) => return write!(f, "system(terminate, {reason})"),
            System::Visit(_) => "system(get_state)",
            System::Status(_) => "system(get_status)",
            System::Suspend(_) => "system(suspend)",
            System::Resume(_) => "system(resume)",
            System::Trace(..) => "system(trace)",
            System::Count(..) | System::Counted(_) => "system(statistics)",
            System::Log(..) | System::Logged(_) => "system(log)",
        })
    }
}

/// What a server has counted since [`sys::statistics`](crate::sys::statistics) was told to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Statistics {
    /// For how long it has counted.
    pub elapsed: std::time::Duration,
    /// Messages that came in.
    pub messages_in: u64,
    /// Answers that went out.
    pub messages_out: u64,
}

/// The debugging that is switched on for a server.
#[derive(Default)]
pub(super) struct Debugging {
    trace: bool,
    counts: Option<Counts>,
    log: Option<Log>,
}

struct Counts {
    since: Instant,
    messages_in: u64,
    messages_out: u64,
}

struct Log {
    most: usize,
    events: VecDeque<String>,
}

/// Something that a server does.
pub(super) enum Event {
    Got(String),
    NewState(String),
    Sent {
        answer: String,
        to: crate::Pid,
        state: String,
    },
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Event::Got(what) => write!(f, "got {what}"),
            Event::NewState(state) => write!(f, "new state {state}"),
            Event::Sent { answer, to, state } => write!(f, "sent {answer} to {to}, new state {state}"),
        }
    }
}

impl Debugging {
    /// Whether events need to be described at all.
    pub(super) fn is_on(&self) -> bool {
        self.trace || self.counts.is_some() || self.log.is_some()
    }

    pub(super) fn event(&mut self, who: &str, event: Event) {
        if let Some(counts) = &mut self.counts {
            match event {
                Event::Got(_) => counts.messages_in += 1,
                Event::Sent { .. } => counts.messages_out += 1,
                Event::NewState(_) => {}
            }
        }
        if self.trace {
            io::write(Stream::Stdout, format!("*DBG* {who} {event}\n"));
        }
        if let Some(log) = &mut self.log {
            if log.events.len() == log.most {
                log.events.pop_front();
            }
            log.events.push_back(event.to_string());
        }
    }

    /// Does what a system message about debugging asks; others come back.
    pub(super) fn handle(&mut self, message: System) -> Result<(), System> {
        match message {
            System::Trace(origin, on) => {
                self.trace = on;
                origin.reply(());
            }
            System::Count(origin, on) => {
                self.counts = on.then(|| Counts {
                    since: Instant::now(),
                    messages_in: 0,
                    messages_out: 0,
                });
                origin.reply(());
            }
            System::Counted(origin) => {
                let counts = self.counts.as_ref();
                origin.reply(counts.map(|counts| Statistics {
                    elapsed: counts.since.elapsed(),
                    messages_in: counts.messages_in,
                    messages_out: counts.messages_out,
                }));
            }
            System::Log(origin, most) => {
                self.log = (most > 0).then(|| Log {
                    most,
                    events: VecDeque::new(),
                });
                origin.reply(());
            }
            System::Logged(origin) => {
                let events = self.log.iter().flat_map(|log| log.events.iter().cloned());
                origin.reply(events.collect::<Vec<String>>());
            }
            other => return Err(other),
        }
        Ok(())
    }
}
