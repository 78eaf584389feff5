//! How often, and how far apart, an instance that ended unsettled is taken up again by itself.

use crate::hash::share;
use crate::instance::Millis;

/// When an instance that ended unsettled is recovered, and when it is parked for an operator.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RecoveryPolicy {
    /// Most recoveries before it is parked. Default 24.
    pub attempts: u32,
    /// Milliseconds before the first recovery. Default 5,000.
    pub first: Millis,
    /// Milliseconds; no pause is longer. Default 1,800,000, half an hour.
    pub longest: Millis,
    /// How much longer each pause is than the one before. Default 2.
    pub rate: f64,
    /// The share of each pause that may be left out, from 0 to 1, so that what failed together does not come back together. Default 0.5.
    pub jitter: f64,
}

impl Default for RecoveryPolicy {
    fn default() -> Self {
        Self {
            attempts: 24,
            first: 5_000,
            longest: 30 * 60 * 1_000,
            rate: 2.0,
            jitter: 0.5,
        }
    }
}

impl RecoveryPolicy {
    /// Milliseconds before the recovery that follows `done` others; absent if the instance is to be parked. The same for the same
    /// instance whenever it is asked.
    pub(crate) fn pause(&self, id: &str, done: u32) -> Option<Millis> {
        if done >= self.attempts {
            return None;
        }
        #[allow(clippy::cast_precision_loss)] // pauses are far below 2^53
        let (first, longest) = (self.first as f64, self.longest as f64);
        let whole = (first * self.rate.powi(i32::try_from(done).unwrap_or(i32::MAX))).min(longest);
        let left_out = self.jitter.clamp(0.0, 1.0) * share(&format!("{id}/{done}"));
        // A float outside the range becomes its nearest end.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let pause = (whole * (1.0 - left_out)).round() as Millis;
        Some(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_the_longest_and_then_end() {
        let policy = RecoveryPolicy {
            attempts: 4,
            first: 100,
            longest: 300,
            rate: 2.0,
            jitter: 0.0,
        };
        let pauses: Vec<_> = (0..5).map(|done| policy.pause("i", done)).collect();
        assert_eq!(pauses, [Some(100), Some(200), Some(300), Some(300), None]);
    }

    #[test]
    fn jitter_takes_off_its_share_at_most_and_differs_by_instance() {
        let policy = RecoveryPolicy::default();
        let pauses: Vec<_> = (0..100)
            .filter_map(|n| policy.pause(&format!("i{n}"), 0))
            .collect();
        assert!(
            pauses.iter().all(|pause| (2_500..=5_000).contains(pause)),
            "{pauses:?}"
        );
        assert!(pauses.iter().any(|pause| *pause < 3_200) && pauses.iter().any(|pause| *pause > 4_300));
        assert_eq!(policy.pause("i", 3), policy.pause("i", 3));
    }
}
