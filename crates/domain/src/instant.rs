//! Points in time: epoch milliseconds in tables and contracts, ISO 8601 in JSON for people.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr, time::Duration};

/// Epoch milliseconds, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Instant(i64);

impl Instant {
    pub const fn from_millis(millis: i64) -> Instant {
        Instant(millis)
    }

    pub const fn millis(self) -> i64 {
        self.0
    }

    /// The shop's clock: this machine's, with its [correction](crate::clock).
    pub fn now() -> Instant {
        Instant(i64::try_from(crate::clock::since_epoch().as_millis()).unwrap_or(i64::MAX))
    }

    pub fn plus(self, duration: Duration) -> Instant {
        Instant(
            self.0
                .saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)),
        )
    }

    pub fn minus(self, duration: Duration) -> Instant {
        Instant(
            self.0
                .saturating_sub(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)),
        )
    }

    /// How long it is from `earlier` until this instant; zero if it is not after it.
    pub fn since(self, earlier: Instant) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

/// ISO 8601 in UTC with milliseconds, for example `2026-11-22T01:00:00.000Z`.
impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let timestamp = jiff::Timestamp::from_millisecond(self.0).map_err(|_| fmt::Error)?;
        write!(f, "{timestamp:.3}")
    }
}

/// Text that names no point in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an instant such as 2026-11-22T10:00:00+09:00")]
pub struct NotAnInstant;

/// ISO 8601 with an offset or `Z`. What is finer than a millisecond is cut off.
impl FromStr for Instant {
    type Err = NotAnInstant;

    fn from_str(text: &str) -> Result<Instant, NotAnInstant> {
        let timestamp: jiff::Timestamp = text.parse().map_err(|_| NotAnInstant)?;
        Ok(Instant(timestamp.as_millisecond()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_reads_as_iso_8601_in_utc() {
        assert_eq!(
            Instant::from_millis(1_795_309_200_000).to_string(),
            "2026-11-22T01:00:00.000Z"
        );
        assert_eq!(Instant::from_millis(7).to_string(), "1970-01-01T00:00:00.007Z");
    }

    #[test]
    fn an_instant_is_read_in_any_zone_and_never_without_one() {
        for text in [
            "2026-11-22T01:00:00.000Z",
            "2026-11-22T10:00:00+09:00",
            "2026-11-22T01:00:00.0009Z",
        ] {
            assert_eq!(
                text.parse(),
                Ok(Instant::from_millis(1_795_309_200_000)),
                "{text}"
            );
        }
        for text in [
            "",
            "2026-11-22",
            "2026-11-22T10:00:00",
            "yesterday",
            "1795309200000",
            "2026-13-01T00:00:00Z",
        ] {
            assert_eq!(text.parse::<Instant>(), Err(NotAnInstant), "{text}");
        }
    }

    #[test]
    fn an_earlier_instant_is_no_time_after_a_later_one() {
        let (early, late) = (Instant::from_millis(1_000), Instant::from_millis(3_500));
        assert_eq!(late.since(early), Duration::from_millis(2_500));
        assert_eq!(early.since(late), Duration::ZERO);
        assert_eq!(early.plus(Duration::from_millis(2_500)), late);
    }
}
