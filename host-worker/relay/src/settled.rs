//! Which of the events that are seen have none below them still to come.

use crate::Event;
use std::{collections::VecDeque, time::Duration};
use tokio::time::Instant;

/// A transaction that wrote to the outbox ends within this time, one way or the other.
pub(crate) const LONGEST_COMMIT: Duration = Duration::from_secs(5);

/// MySQL gives numbers when rows are written, not when they are committed: a missing number is of a transaction that was undone, or of one that
/// is not committed yet. It counts as undone once a higher one has been seen for [`LONGEST_COMMIT`].
#[derive(Debug, Default)]
pub(crate) struct Settled {
    /// The highest number at some moments, oldest first.
    seen: VecDeque<(i64, Instant)>,
    /// Nothing below it is still to come.
    below: i64,
}

impl Settled {
    /// How many of `events`, which are those after `position`, have every number before them present or given up.
    pub(crate) fn count(&self, position: i64, events: &[Event]) -> usize {
        let mut before = position;
        for (count, event) in events.iter().enumerate() {
            if event.seq != before + 1 && event.seq > self.below {
                return count;
            }
            before = event.seq;
        }
        events.len()
    }

    /// `highest` is committed at `now`.
    pub(crate) fn see(&mut self, highest: i64, now: Instant) {
        if self.seen.back().is_none_or(|(last, _)| *last < highest) {
            self.seen.push_back((highest, now));
        }
        while let Some((number, at)) = self.seen.front()
            && now.duration_since(*at) >= LONGEST_COMMIT
        {
            self.below = *number;
            self.seen.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Instant as At;

    fn events(numbers: &[i64]) -> Vec<Event> {
        let event = |seq: &i64| {
            let at = At::from_millis(0);
            Event::new(*seq, ("t", "T"), format!("e{seq}"), "K".into(), "{}".into(), at)
        };
        numbers.iter().map(event).collect()
    }

    #[test]
    fn what_is_behind_a_young_gap_waits_until_the_gap_is_old() {
        let (mut settled, start) = (Settled::default(), Instant::now());
        let seen = events(&[3, 4, 6, 7]);
        assert_eq!(settled.count(2, &seen), 2);
        settled.see(7, start);
        assert_eq!(settled.count(2, &seen), 2);
        settled.see(9, start + LONGEST_COMMIT);
        assert_eq!(settled.count(2, &seen), 4);
        // 8 may still come, 5 no more.
        assert_eq!(settled.count(4, &events(&[6, 7, 9])), 2);
        assert_eq!(settled.count(4, &events(&[6, 7, 8, 9])), 4);
        settled.see(9, start + LONGEST_COMMIT * 2);
        assert_eq!(settled.count(4, &events(&[6, 7, 9])), 3);
    }
}
