//! Deadlines in one word, for those who wait in great numbers.

use crate::node::node;
use std::num::NonZeroU64;
use std::time::Duration;
use tokio::time::Instant;

/// The nanoseconds of the node's start: what a paused clock says can be earlier.
const START: u64 = 1 << 62;

/// A time as an [`Instant`] says it, up to 146 years from the start of the node: what is farther ahead is taken to be there.
#[derive(Clone, Copy)]
pub(super) struct Deadline(NonZeroU64);

impl Deadline {
    pub(super) fn of(at: Instant) -> Deadline {
        Deadline::from_start(at, node().counters.started())
    }

    pub(super) fn at(self) -> Instant {
        self.after(node().counters.started())
    }

    fn from_start(at: Instant, start: Instant) -> Deadline {
        let nanoseconds = match at.checked_duration_since(start) {
            Some(after) => START + within(after),
            None => START - within(start.duration_since(at)),
        };
        Deadline(NonZeroU64::new(nanoseconds).unwrap_or(NonZeroU64::MIN))
    }

    fn after(self, start: Instant) -> Instant {
        let nanoseconds = self.0.get();
        let at = match nanoseconds.checked_sub(START) {
            Some(after) => start.checked_add(Duration::from_nanos(after)),
            None => start.checked_sub(Duration::from_nanos(START - nanoseconds)),
        };
        at.expect("a clock that reaches so far is what it came from")
    }
}

fn within(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(START).min(START)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_is_the_instant_that_it_was_made_of() {
        let start = Instant::now();
        for time in [Duration::ZERO, Duration::from_nanos(1), Duration::from_secs(3600)] {
            for at in [start + time, start - time] {
                assert_eq!(Deadline::from_start(at, start).after(start), at);
            }
        }
        let years = |years: u64| start + Duration::from_secs(years * 365 * 24 * 3600);
        assert!(Deadline::from_start(years(1000), start).after(start) > years(146));
    }
}
