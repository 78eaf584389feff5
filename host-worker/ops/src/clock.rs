//! One clock for all workers of a shop: the database's.

use crate::{Databases, mysql::MySqlServer};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

const EVERY: Duration = Duration::from_secs(30);
/// Milliseconds. A smaller change is left alone, so that the clock does not jump because an answer was slow.
const JITTER: u64 = 250;
/// Milliseconds. A machine that is off by more is worth a warning.
const WORTH_A_WARNING: u64 = 1_000;

/// Keeps this process's clock ([`domain::clock`]) at the time of the database that several workers share.
///
/// # Contract
///
/// Once [`SharedClock::start`] is done, clocks of workers at the same server differ by half a second at most, as long as answers take no longer. While the database is away, what
/// was last measured stays. With databases in files there is one machine and one clock, and nothing is done.
#[derive(Debug)]
pub struct SharedClock(Option<MySqlServer>);

impl SharedClock {
    /// Measures once; nothing that reads the time may work before.
    ///
    /// # Errors
    ///
    /// If the server does not answer.
    pub async fn start(databases: &Databases) -> Result<SharedClock, sqlx::Error> {
        match databases {
            Databases::Sqlite(_) => Ok(SharedClock(None)),
            Databases::MySql(server) => {
                apply(server.clock_ahead().await?);
                Ok(SharedClock(Some(server.clone())))
            }
        }
    }

    /// Measures again and again until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        let Some(server) = self.0 else {
            return;
        };
        while stop
            .run_until_cancelled(tokio::time::sleep(EVERY))
            .await
            .is_some()
        {
            match stop.run_until_cancelled(server.clock_ahead()).await {
                Some(Ok(ahead)) => apply(ahead),
                Some(Err(error)) => {
                    tracing::warn!(component = "clock", %error, "not compared with the database's clock")
                }
                None => return,
            }
        }
    }
}

/// Makes a measurement the clock's correction if it is worth it.
fn apply(ahead: i64) {
    #[allow(clippy::cast_precision_loss, reason = "2^53 ms are 285,000 years")]
    metrics::gauge!("kessai_clock_offset_seconds").set(ahead as f64 / 1e3);
    let before = domain::clock::correction();
    let after = next(before, ahead);
    if after == before {
        return;
    }
    domain::clock::correct(after);
    if after.unsigned_abs() > WORTH_A_WARNING {
        tracing::warn!(
            component = "clock",
            offset_ms = after,
            "this machine's clock differs from the database's, by which the shop goes: see to its NTP"
        );
    } else {
        tracing::info!(
            component = "clock",
            offset_ms = after,
            "the clock follows the database's"
        );
    }
}

/// The correction after a measurement. Milliseconds.
fn next(correction: i64, measured: i64) -> i64 {
    if measured.abs_diff(correction) < JITTER {
        correction
    } else {
        measured
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_change_is_left_alone_and_a_large_one_is_taken_whole() {
        for (correction, measured, expected) in [
            (0, 249, 0),
            (0, -249, 0),
            (0, 250, 250),
            (0, -60_000, -60_000),
            (60_000, 60_100, 60_000),
            (60_000, 59_700, 59_700),
            (i64::MIN, i64::MAX, i64::MAX),
        ] {
            assert_eq!(next(correction, measured), expected, "{correction} {measured}");
        }
    }
}
