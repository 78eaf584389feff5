//! When a transaction that was in another's way is worth another try, and after how long.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use crate::StoreError;

/// Tries after a [`StoreError::Conflict`]. With the pauses below they take four seconds at most, and what they wait for themselves.
const CONFLICTS: u32 = 12;
/// Tries after a [`StoreError::Lost`]. One, since the connection may have been a stale one; more would only wait for a server that is down.
const LOSSES: u32 = 1;
/// The longest pause before the first repeat; it doubles up to the next constant.
const FIRST: Duration = Duration::from_millis(5);
const LONGEST: Duration = Duration::from_millis(500);

/// Counts the tries of one transaction.
#[derive(Debug, Default)]
pub(crate) struct Tries {
    conflicts: u32,
    losses: u32,
}

impl Tries {
    /// Whether to run the whole transaction again, which did nothing or whose repeat does no harm. Pauses before it says so.
    pub(crate) async fn again(&mut self, error: &StoreError) -> bool {
        match error {
            StoreError::Conflict { .. } if self.conflicts < CONFLICTS => {
                let pause = pause(self.conflicts);
                self.conflicts += 1;
                sleep(pause).await;
                true
            }
            StoreError::Lost { .. } if self.losses < LOSSES => {
                self.losses += 1;
                true
            }
            _ => false,
        }
    }
}

/// Anything up to the bound: those who met once shall not meet again.
fn pause(repeats: u32) -> Duration {
    let bound = (FIRST * 2_u32.saturating_pow(repeats)).min(LONGEST);
    // Seeded anew for each.
    let chance = RandomState::new().hash_one(repeats) >> 32;
    bound.mul_f64(chance as f64 / f64::from(u32::MAX))
}

#[cfg(target_family = "wasm")]
async fn sleep(duration: Duration) {
    spin_sdk::time::sleep(duration).await;
}

/// Without a host there is only the thread to stop: in tests.
#[cfg(not(target_family = "wasm"))]
async fn sleep(duration: Duration) {
    std::thread::sleep(duration);
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::executor::block_on;

    #[test]
    fn pauses_are_bounded_and_differ() {
        for repeats in 0..40 {
            assert!(pause(repeats) <= LONGEST);
        }
        assert!(pause(0) <= FIRST);
        let pauses: std::collections::BTreeSet<_> = (0..32).map(|_| pause(5)).collect();
        assert!(pauses.len() > 16, "{pauses:?}");
    }

    #[test]
    fn only_what_another_try_may_cure_is_repeated_and_not_for_ever() {
        let at = || ("inventory".to_owned(), "COMMIT".to_owned(), "…".to_owned());
        let (database, statement, reason) = at();
        let lost = StoreError::Lost {
            database,
            statement,
            reason,
        };
        let (database, statement, reason) = at();
        let unavailable = StoreError::Unavailable {
            database,
            statement,
            reason,
        };
        let mut tries = Tries::default();
        assert!(block_on(tries.again(&lost)));
        assert!(!block_on(tries.again(&lost)));
        assert!(!block_on(tries.again(&unavailable)));
        let (database, statement, reason) = at();
        let conflict = StoreError::Conflict {
            database,
            statement,
            reason,
        };
        tries.conflicts = CONFLICTS - 1;
        assert!(block_on(tries.again(&conflict)));
        assert!(!block_on(tries.again(&conflict)));
    }
}
