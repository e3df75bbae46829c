//! Priority: who is polled first when many can go on.

/// How urgent the work of a process is; see [`Flag::Priority`](crate::Flag::Priority).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Priority {
    /// For work that nobody waits for.
    Low,
    /// What a process has unless it is told otherwise.
    #[default]
    Normal,
    /// For little work that must not wait. Used for much it slows everybody else.
    High,
}

impl Priority {
    /// As a record keeps it.
    pub(crate) const fn as_byte(self) -> u8 {
        self as u8
    }

    /// Takes back what [`as_byte`](Priority::as_byte) gave.
    pub(crate) const fn of_byte(byte: u8) -> Priority {
        match byte {
            0 => Priority::Low,
            1 => Priority::Normal,
            _ => Priority::High,
        }
    }
}
