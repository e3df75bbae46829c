//! What is measured, and how much of it there must be.

/// A figure: one program of each contender prints it.
pub(crate) struct Figure {
    /// How the programs know it.
    pub(crate) id: &'static str,
    pub(crate) what: &'static str,
    pub(crate) size: usize,
    /// How many times quicker than on the BEAM it must be; for bytes, how many there may be.
    pub(crate) bar: Bar,
    /// Whether it is also measured at ten times the size, which may take twelve times as long.
    pub(crate) linear: bool,
}

impl Figure {
    pub(crate) fn is_about_bytes(&self) -> bool {
        matches!(self.bar, Bar::Bytes(_))
    }
}

pub(crate) enum Bar {
    Times(f64),
    Bytes(usize),
}

/// The sizes make a program take a few tenths of a second on the BEAM.
pub(crate) const FIGURES: &[Figure] = &[
    times(
        "ping_pong",
        "two processes send each other a message in turn: a message",
        1_000_000,
        2.0,
    ),
    times("ring", "a message goes round 1 000 processes: a hop", 1_000_000, 2.0),
    times(
        "call",
        "a server answers a client that waits 5 s at most: a call",
        300_000,
        4.0,
    ),
    times("call_100", "the same with 100 clients", 300_000, 5.0),
    times(
        "cast",
        "a process casts to a server until it handled all: a cast",
        1_000_000,
        4.0,
    ),
    times("cast_8", "8 processes do", 1_000_000, 7.0),
    times("spawn", "processes that end at once, until all have", 300_000, 3.0),
    times(
        "monitor",
        "a process is spawned, and its `Down` is awaited, again and again",
        200_000,
        3.0,
    ),
    linear("downs", "watched processes are told to end: a `Down`", 100_000, 3.0),
    linear(
        "chain",
        "processes, each linked to the next, of which the first crashes: an end",
        100_000,
        5.0,
    ),
    linear("star", "processes linked to one that crashes: an end", 100_000, 5.0),
    times(
        "selective",
        "a receive behind 10 000 messages that it does not want",
        2_000,
        2.5,
    ),
    times(
        "deep_call",
        "a call by a process that has 10 000 messages",
        200_000,
        5.0,
    ),
    times("timer_start", "`send_after` an hour", 200_000, 3.0),
    times("timer_cancel", "`cancel_timer`", 200_000, 3.0),
    times(
        "timer_fire",
        "timers that are due at once, until their messages are received",
        200_000,
        3.0,
    ),
    times(
        "restarts",
        "a supervisor starts its killed child again, again and again",
        20_000,
        20.0,
    ),
    linear("start_children", "a dynamic supervisor starts children", 100_000, 2.0),
    linear(
        "stop_children",
        "a dynamic supervisor stops with all its children: a child",
        100_000,
        50.0,
    ),
    times("register", "a process registers keys in a registry", 200_000, 5.0),
    times("lookup", "a lookup among 10 000 keys", 1_000_000, 10.0),
    times(
        "dispatch",
        "a dispatch to 10 000 processes under one key, until they received it: a message",
        500_000,
        3.0,
    ),
    linear(
        "cleanup",
        "processes with a key each end, until the registry is empty: a key",
        100_000,
        30.0,
    ),
    times("task", "a task is started and awaited, again and again", 100_000, 8.0),
    times("async_stream", "an `async_stream`: an item", 100_000, 6.0),
    bytes("idle_process", "a process that waits for its first message", 1_000_000),
    bytes("idle_server", "a server that waits for its first request", 1_000_000),
];

const fn times(id: &'static str, what: &'static str, size: usize, bar: f64) -> Figure {
    Figure {
        id,
        what,
        size,
        bar: Bar::Times(bar),
        linear: false,
    }
}

const fn linear(id: &'static str, what: &'static str, size: usize, bar: f64) -> Figure {
    Figure {
        linear: true,
        ..times(id, what, size, bar)
    }
}

const fn bytes(id: &'static str, what: &'static str, processes: usize) -> Figure {
    Figure {
        id,
        what,
        size: processes,
        bar: Bar::Bytes(500),
        linear: false,
    }
}
