//! The shop's clock in a native process: this machine's, set right by what the worker has measured.
//!
//! Several workers write deadlines and leases that the others read, so they must agree on the time. One correction for the process, since a process has one
//! clock. A component never sets it: the wall clock that its host gives it is corrected already.

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// Milliseconds.
static CORRECTION: AtomicI64 = AtomicI64::new(0);

/// Milliseconds that are added to this machine's clock; negative if it is ahead. 0 until somebody has corrected it.
pub fn correction() -> i64 {
    // A number by itself: nothing else is published with it.
    CORRECTION.load(Ordering::Relaxed)
}

/// From now on [`crate::Instant::now`] and the components' wall clock are this machine's clock and `millis`.
pub fn correct(millis: i64) {
    CORRECTION.store(millis, Ordering::Relaxed);
}

/// The shop's time since 1970, UTC; zero before.
pub fn since_epoch() -> Duration {
    corrected(this_machine(), correction())
}

/// This machine's own time since 1970, UTC; zero before.
pub fn this_machine() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

fn corrected(machine: Duration, millis: i64) -> Duration {
    let by = Duration::from_millis(millis.unsigned_abs());
    if millis < 0 {
        machine.saturating_sub(by)
    } else {
        machine.saturating_add(by)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_set_forward_and_back_and_never_before_1970() {
        let machine = Duration::from_micros(100_000_500);
        assert_eq!(corrected(machine, 0), machine);
        assert_eq!(corrected(machine, 60_000), Duration::from_micros(160_000_500));
        assert_eq!(corrected(machine, -60_000), Duration::from_micros(40_000_500));
        assert_eq!(corrected(machine, -160_000), Duration::ZERO);
        assert_eq!(corrected(machine, i64::MIN), Duration::ZERO);
    }
}
