//! What the server's clock is ahead of this machine's.

use super::{MySqlServer, limited};
use sqlx::{Connection, MySqlConnection};
use std::time::{Duration, Instant};

/// Of so many questions the one that was answered first is believed.
const QUESTIONS: u32 = 5;
/// No variable of a session, such as its time zone, changes it.
const MICROSECONDS: &str = "SELECT TIMESTAMPDIFF(MICROSECOND, '1970-01-01 00:00:00', UTC_TIMESTAMP(6))";

/// One question and its answer.
#[derive(Clone, Copy, Debug)]
struct Reading {
    /// This machine's time since 1970 when it asked.
    asked: Duration,
    took: Duration,
    /// Microseconds since 1970, by the server.
    said: i64,
}

impl Reading {
    /// Milliseconds. Off by half of the time that the answer took, at most.
    fn ahead(self) -> i64 {
        let answered = self.asked + self.took / 2;
        let answered = i64::try_from(answered.as_micros()).unwrap_or(i64::MAX);
        self.said.saturating_sub(answered) / 1_000
    }
}

impl MySqlServer {
    /// Milliseconds that the server's clock is ahead of this machine's own; negative if it is behind.
    pub async fn clock_ahead(&self) -> Result<i64, sqlx::Error> {
        let mut connection = self.enter().await?;
        let best = limited(best(&mut connection)).await?;
        let _ = connection.close().await;
        Ok(best.ahead())
    }
}

async fn best(connection: &mut MySqlConnection) -> Result<Reading, sqlx::Error> {
    let mut best = read(connection).await?;
    for _ in 1..QUESTIONS {
        let next = read(connection).await?;
        if next.took < best.took {
            best = next;
        }
    }
    Ok(best)
}

async fn read(connection: &mut MySqlConnection) -> Result<Reading, sqlx::Error> {
    let (asked, began) = (domain::clock::this_machine(), Instant::now());
    let said = sqlx::query_scalar(MICROSECONDS).fetch_one(connection).await?;
    Ok(Reading {
        asked,
        took: began.elapsed(),
        said,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_way_there_and_back_is_no_difference() {
        let ahead = |said| {
            let reading = Reading {
                asked: Duration::from_secs(1_000),
                took: Duration::from_millis(40),
                said,
            };
            reading.ahead()
        };
        assert_eq!(ahead(1_000_020_000), 0);
        assert_eq!(ahead(1_060_020_000), 60_000);
        assert_eq!(ahead(940_020_000), -60_000);
    }
}
