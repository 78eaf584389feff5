//! When PayPay is asked again about a payment.

use domain::Instant;
use std::time::Duration;

/// Between readings while a buyer looks on. PayPay recommends 2 to 5 s.
pub const WATCHED: Duration = Duration::from_secs(2);
/// The longest pause between two readings.
pub const LONGEST: Duration = Duration::from_secs(30);

/// The pause before the next reading of a payment that was asked for at `asked_at`. Most buyers pay within the first minute or never, so the
/// pause grows with the age: an eighth of it, from 2 to 30 s.
pub fn pause(asked_at: Instant, now: Instant, watched: bool) -> Duration {
    if watched {
        WATCHED
    } else {
        (now.since(asked_at) / 8).clamp(WATCHED, LONGEST)
    }
}

/// The pause after `failures` failed attempts in a row, 1 or more: 1 s, doubling to 30 s.
pub fn backoff(failures: u32) -> Duration {
    let doublings = failures.saturating_sub(1).min(5);
    (Duration::from_secs(1) * 2u32.pow(doublings)).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn after(seconds: u64, watched: bool) -> Duration {
        let asked_at = Instant::from_millis(1_000_000);
        pause(asked_at, asked_at.plus(Duration::from_secs(seconds)), watched)
    }

    #[test]
    fn readings_are_frequent_at_first_and_while_somebody_looks_on() {
        let table = [
            (0, false, 2),
            (16, false, 2),
            (40, false, 5),
            (80, false, 10),
            (240, false, 30),
            (3_600, false, 30),
            (3_600, true, 2),
        ];
        for (age, watched, seconds) in table {
            assert_eq!(
                after(age, watched),
                Duration::from_secs(seconds),
                "{age} {watched}"
            );
        }
    }

    proptest! {
        #[test]
        fn backing_off_never_stops_and_never_shrinks(failures in 1u32..) {
            prop_assert!(backoff(failures) >= Duration::from_secs(1));
            prop_assert!(backoff(failures) <= backoff(failures.saturating_add(1)));
            prop_assert!(backoff(failures) <= LONGEST);
        }
    }
}
