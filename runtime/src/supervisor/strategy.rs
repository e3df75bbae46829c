//! What a supervisor does when a child ends: pure decisions.

use super::children::{EVERYWHERE, Place};
use crate::ExitReason;
use std::collections::VecDeque;
use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;
use tokio::time::Instant;

/// Which children are restarted when one of them has to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Strategy {
    /// Only the one that ended.
    #[default]
    OneForOne,
    /// All of them.
    OneForAll,
    /// The one that ended and those started after it.
    RestForOne,
}

impl Strategy {
    /// The places of the children that are restarted when the one at `place` has to be.
    pub(super) fn affected(self, place: Place) -> RangeInclusive<Place> {
        match self {
            Strategy::OneForOne => place..=place,
            Strategy::OneForAll => EVERYWHERE,
            Strategy::RestForOne => place..=*EVERYWHERE.end(),
        }
    }
}

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Strategy::OneForOne => "one_for_one",
            Strategy::OneForAll => "one_for_all",
            Strategy::RestForOne => "rest_for_one",
        })
    }
}

/// When a child is restarted after it ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Restart {
    /// Always.
    #[default]
    Permanent,
    /// Only when it ended in another way than `Normal`, `Shutdown` or `ShutdownWith`.
    Transient,
    /// Never; it is forgotten.
    Temporary,
}

/// Whether a supervisor ends when children end that are [significant](super::ChildSpec::significant).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum AutoShutdown {
    /// No child is significant.
    #[default]
    Never,
    /// When one of them ends by itself.
    AnySignificant,
    /// When the last of them ends by itself.
    AllSignificant,
}

/// What becomes of a child that ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fate {
    Restarted,
    /// It stays in the list, not running.
    Kept,
    Forgotten,
}

impl Restart {
    pub(super) fn fate(self, reason: &ExitReason) -> Fate {
        match self {
            Restart::Permanent => Fate::Restarted,
            Restart::Transient if reason.is_orderly() => Fate::Kept,
            Restart::Transient => Fate::Restarted,
            Restart::Temporary => Fate::Forgotten,
        }
    }
}

/// How a child is told to end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shutdown {
    /// By [`ExitReason::Kill`].
    BrutalKill,
    /// By [`ExitReason::Shutdown`], and after that time by `Kill`.
    Timeout(Duration),
    /// By [`ExitReason::Shutdown`], with all the time that it needs: for supervisors.
    Infinity,
}

/// OTP's restart intensity: more than `max` restarts within `period` are too many.
#[derive(Debug, Clone)]
pub(super) struct Intensity {
    pub(super) max: u32,
    pub(super) period: Duration,
    restarts: VecDeque<Instant>,
}

impl Intensity {
    pub(super) fn new(max: u32, period: Duration) -> Intensity {
        Intensity {
            max,
            period,
            restarts: VecDeque::new(),
        }
    }

    /// Counts a restart; `false` when it is one too many.
    #[must_use]
    pub(super) fn allows(&mut self, now: Instant) -> bool {
        self.restarts.push_back(now);
        self.within(now) <= self.max as usize
    }

    /// How many restarts the period up to `now` has seen.
    pub(super) fn within(&mut self, now: Instant) -> usize {
        while self
            .restarts
            .front()
            .is_some_and(|then| now.duration_since(*then) > self.period)
        {
            self.restarts.pop_front();
        }
        self.restarts.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ms;

    #[test]
    fn each_strategy_affects_its_children() {
        let places = |strategy: Strategy| {
            (0..4)
                .filter(|place| strategy.affected(1).contains(place))
                .collect::<Vec<_>>()
        };
        assert_eq!(places(Strategy::OneForOne), [1]);
        assert_eq!(places(Strategy::OneForAll), [0, 1, 2, 3]);
        assert_eq!(places(Strategy::RestForOne), [1, 2, 3]);
    }

    #[test]
    fn the_fate_of_a_child_follows_otps_table() {
        let orderly = [
            ExitReason::Normal,
            ExitReason::Shutdown,
            ExitReason::shutdown_with("done"),
        ];
        let crashes = [ExitReason::Killed, ExitReason::NoProc, ExitReason::from("boom")];
        for reason in &orderly {
            assert_eq!(Restart::Permanent.fate(reason), Fate::Restarted);
            assert_eq!(Restart::Transient.fate(reason), Fate::Kept);
            assert_eq!(Restart::Temporary.fate(reason), Fate::Forgotten);
        }
        for reason in &crashes {
            assert_eq!(Restart::Permanent.fate(reason), Fate::Restarted);
            assert_eq!(Restart::Transient.fate(reason), Fate::Restarted);
            assert_eq!(Restart::Temporary.fate(reason), Fate::Forgotten);
        }
    }

    #[test]
    fn intensity_counts_restarts_within_the_period_only() {
        let start = Instant::now();
        let mut intensity = Intensity::new(2, ms(100));
        assert!(intensity.allows(start));
        assert!(intensity.allows(start + ms(50)));
        assert!(!intensity.clone().allows(start + ms(99)));
        assert!(
            intensity.allows(start + ms(101)),
            "the first restart is out of the period"
        );
    }

    #[test]
    fn an_intensity_of_zero_allows_no_restart() {
        assert!(!Intensity::new(0, ms(100)).allows(Instant::now()));
    }
}
