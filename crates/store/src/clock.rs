//! The wall clock, in the unit that every table uses. A component reads it of its host, which has corrected it.

use std::time::{SystemTime, UNIX_EPOCH};

/// Epoch milliseconds, UTC; 0 should the machine's clock stand before 1970.
pub fn now_ms() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
