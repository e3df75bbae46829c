//! System messages: what the loop of a server itself understands, for [`sys`](crate::sys).

use super::callbacks::{AnyServer, guarded};
use super::error::Refusal;
use super::{CodeChange, GenServer, Server};
use crate::ExitReason;
use crate::io::{self, Stream};
use crate::me;
use crate::message::{Message, Term};
use crate::name::Name;
use crate::process::call::Origin;
use crate::process::current;
use crate::sys::{DebugOption, Event, Spy, Statistics};
use crate::type_name::short_type_name;
use std::any::Any;
use std::collections::VecDeque;
use std::fmt;
use std::fs::File;
use std::io::Write;
use tokio::time::Instant;

/// A message to the loop.
pub(crate) enum System {
    /// End with that reason.
    Terminate(ExitReason),
    /// Do something, and answer: it comes by a call.
    Ask(Ask),
}

impl fmt::Debug for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            System::Terminate(reason) => write!(f, "system(terminate, {reason})"),
            System::Ask(ask) => write!(f, "system({})", ask.name()),
        }
    }
}

/// What the loop can be asked for.
pub(crate) enum Ask {
    /// Look at the state, or change it.
    Visit(Visit),
    /// Become a server of another type.
    ChangeCode(Visit),
    /// Say how the server is.
    Status,
    /// Handle nothing but system messages until `Resume`.
    Suspend,
    Resume,
    Debug(Switch),
    /// Say what was counted.
    Counted,
    /// Say what was kept.
    Logged,
}

/// What can be switched on and off.
pub(crate) enum Switch {
    /// Print each event.
    Trace(bool),
    /// Count events from now on.
    Count(bool),
    /// Keep that many events.
    Log(usize),
    /// Write each event there.
    LogToFile(Option<File>),
    /// Show each event to a function of that name.
    Install(Name, Spy),
    Remove(Name),
    /// Nothing of it any more.
    Off,
}

impl Ask {
    fn name(&self) -> &'static str {
        match self {
            Ask::Visit(_) => "get_state",
            Ask::ChangeCode(_) => "change_code",
            Ask::Status => "get_status",
            Ask::Suspend => "suspend",
            Ask::Resume => "resume",
            Ask::Debug(_) => "debug",
            Ask::Counted => "statistics",
            Ask::Logged => "get_log",
        }
    }
}

/// What somebody wants to do with a server, whose type is known to the function only.
pub(crate) struct Visit {
    /// The type that the server must have.
    wanted: fn() -> String,
    function: Visiting,
}

/// Gives `None` when the server has another type.
type Visiting = Box<dyn FnOnce(&mut Box<dyn AnyServer>) -> Option<Visited> + Send>;

/// The answer, or why nothing was done.
type Visited = Result<Message, ExitReason>;

impl Visit {
    /// Shows the state to a function and answers with what that returns.
    pub(crate) fn state<S: GenServer, T: Term>(function: impl FnOnce(&mut S) -> T + Send + 'static) -> Visit {
        Visit {
            wanted: short_type_name::<S>,
            function: Box::new(move |server| {
                let state = any(server).downcast_mut::<S>()?;
                Some(Ok(Message::new(function(state))))
            }),
        }
    }

    /// Replaces a server of type `Old` by what it becomes.
    pub(crate) fn code_change<Old: GenServer, New: CodeChange<Old>>(extra: New::Extra) -> Visit {
        Visit {
            wanted: short_type_name::<Old>,
            function: Box::new(move |server| {
                let old = any(server).downcast_mut::<Old>()?;
                let changed = New::code_change(old, extra);
                Some(changed.map(|new| {
                    *server = Box::new(new);
                    Message::new(Server::<New>::at(me()))
                }))
            }),
        }
    }

    /// Does it, and answers.
    pub(super) fn run(self, server: &mut Box<dyn AnyServer>, origin: Origin) {
        let Visit { wanted, function } = self;
        match guarded(|| function(server)) {
            Ok(Some(Ok(answer))) => origin.reply_message(answer),
            Ok(Some(Err(reason))) | Err(reason) => {
                origin.reply(Refusal(format!("{reason}; the server goes on as before")))
            }
            Ok(None) => origin.reply(stranger(&**server, &wanted())),
        }
    }
}

fn any(server: &mut Box<dyn AnyServer>) -> &mut dyn Any {
    &mut **server
}

/// Why a server does not do what only one of another type can.
pub(super) fn stranger(server: &dyn AnyServer, wanted: &str) -> Refusal {
    Refusal(format!("the server is a {}, and not a {wanted}", server.name()))
}

/// The debugging that is switched on for a server.
#[derive(Default)]
pub(super) struct Debugging {
    trace: bool,
    counts: Option<Counts>,
    log: Option<Log>,
    file: Option<File>,
    spies: Vec<(Name, Spy)>,
}

struct Counts {
    since: Instant,
    /// How much the process had done by then.
    reductions: u64,
    messages_in: u64,
    messages_out: u64,
}

impl Counts {
    fn begin() -> Counts {
        Counts {
            since: Instant::now(),
            reductions: reductions(),
            messages_in: 0,
            messages_out: 0,
        }
    }

    fn so_far(&self) -> Statistics {
        Statistics {
            elapsed: self.since.elapsed(),
            reductions: reductions().saturating_sub(self.reductions),
            messages_in: self.messages_in,
            messages_out: self.messages_out,
        }
    }
}

/// How much the calling process has done.
fn reductions() -> u64 {
    current::get()
        .and_then(|process| process.record.update(process.pid, |state| state.reductions))
        .unwrap_or_default()
}

struct Log {
    most: usize,
    events: VecDeque<String>,
}

impl Debugging {
    /// Whether events need to be described at all.
    pub(super) fn is_on(&self) -> bool {
        self.trace || self.counts.is_some() || self.log.is_some() || self.file.is_some() || !self.spies.is_empty()
    }

    /// That of the calling process, with these switched on.
    pub(super) fn with(options: Vec<DebugOption>) -> Debugging {
        let mut debugging = Debugging::default();
        for option in options {
            debugging.switch(match option {
                DebugOption::Trace => Switch::Trace(true),
                DebugOption::Statistics => Switch::Count(true),
                DebugOption::Log(most) => Switch::Log(most),
            });
        }
        debugging
    }

    pub(super) fn switch(&mut self, switch: Switch) {
        match switch {
            Switch::Trace(on) => self.trace = on,
            Switch::Count(on) => self.counts = on.then(Counts::begin),
            Switch::Log(0) => self.log = None,
            Switch::Log(most) => {
                let log = self.log.get_or_insert_with(|| Log {
                    most,
                    events: VecDeque::new(),
                });
                log.most = most;
                let too_many = log.events.len().saturating_sub(most);
                log.events.drain(..too_many);
            }
            Switch::LogToFile(file) => self.file = file,
            Switch::Install(name, spy) => {
                if self.spies.iter().all(|(known, _)| *known != name) {
                    self.spies.push((name, spy));
                }
            }
            Switch::Remove(name) => self.spies.retain(|(known, _)| *known != name),
            Switch::Off => *self = Debugging::default(),
        }
    }

    pub(super) fn counted(&self) -> Option<Statistics> {
        self.counts.as_ref().map(Counts::so_far)
    }

    pub(super) fn logged(&self) -> Vec<String> {
        self.log.iter().flat_map(|log| log.events.iter().cloned()).collect()
    }

    pub(super) fn event(&mut self, who: &str, event: &Event) {
        if let Some(counts) = &mut self.counts {
            match event {
                Event::Got(_) => counts.messages_in += 1,
                Event::Sent { .. } => counts.messages_out += 1,
                Event::Continue(_) | Event::NewState(_) => {}
            }
        }
        let line = format!("*DBG* {who} {event}\n");
        if self.trace {
            io::write(Stream::Stdout, &line);
        }
        // OTP: a file that cannot be written to is given up.
        if let Some(file) = &mut self.file
            && file.write_all(line.as_bytes()).is_err()
        {
            self.file = None;
        }
        if let Some(log) = &mut self.log {
            if log.events.len() == log.most {
                log.events.pop_front();
            }
            log.events.push_back(event.to_string());
        }
        // OTP: a function that is done, or that crashes, is removed.
        self.spies
            .retain_mut(|(_, spy)| guarded(|| spy(event)).is_ok_and(|flow| flow.is_continue()));
    }
}
