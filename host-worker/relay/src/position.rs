//! The table `relay_positions` of the database `worker`.

use crate::{
    Source,
    lease::Fence,
    link::{Link, with},
};
use domain::Instant;
use sqlx::sqlite::SqliteSynchronous;
use std::time::Duration;

/// How far each log has got.
#[derive(Debug)]
pub struct Positions {
    link: Link,
}

impl Positions {
    /// Opens the database; it must exist and be migrated.
    pub async fn open(source: impl Into<Source>) -> Result<Positions, sqlx::Error> {
        let link = Link::open(&source.into(), |file| {
            file.busy_timeout(Duration::from_secs(5))
                // A power cut may take the last positions with it. Then some events are delivered again, which is allowed; waiting for the
                // disk here would slow down the orders, which share it.
                .synchronous(SqliteSynchronous::Normal)
        })
        .await?;
        Ok(Positions { link })
    }

    /// 0 for a log that has got nothing yet.
    pub async fn of(&mut self, log: &str) -> Result<i64, sqlx::Error> {
        let seq: Option<i64> = with!(self.link, connection => {
            sqlx::query_scalar("SELECT seq FROM relay_positions WHERE log = ?")
                .bind(log)
                .fetch_optional(connection)
                .await
        })?;
        Ok(seq.unwrap_or(0))
    }

    pub async fn store(&mut self, log: &str, seq: i64, now: Instant) -> Result<(), sqlx::Error> {
        let sql = self.link.text(
            "INSERT INTO relay_positions (log, seq, updated_at) VALUES (?, ?, ?)
             ON CONFLICT (log) DO UPDATE SET seq = excluded.seq, updated_at = excluded.updated_at",
            "INSERT INTO relay_positions (log, seq, updated_at) VALUES (?, ?, ?)
             ON DUPLICATE KEY UPDATE seq = VALUES(seq), updated_at = VALUES(updated_at)",
        );
        with!(self.link, connection => sqlx::query(sql)
            .bind(log)
            .bind(seq)
            .bind(now.millis())
            .execute(connection)
            .await
            .map(drop))
    }

    /// The same for whoever holds the log's lease. `false`, and nothing stored: somebody else holds it now.
    pub async fn store_under(
        &mut self,
        fence: Fence,
        log: &str,
        seq: i64,
        now: Instant,
    ) -> Result<bool, sqlx::Error> {
        // The position and the fence in one statement: a take-over comes before it or after it.
        // (sqlx counts rows found on MySQL too, also those that held the same already.)
        let stored = with!(self.link, connection => sqlx::query(
            "UPDATE relay_positions SET seq = ?, updated_at = ?
             WHERE log = ? AND EXISTS (SELECT 1 FROM relay_leases WHERE log = ? AND fence = ?)",
        )
        .bind(seq)
        .bind(now.millis())
        .bind(log)
        .bind(log)
        .bind(fence.0)
        .execute(connection)
        .await
        .map(|done| done.rows_affected()))?;
        Ok(stored == 1)
    }

    /// Makes the row that [`Positions::store_under`] writes, at 0; leaves one that is there.
    pub async fn begin(&mut self, log: &str, now: Instant) -> Result<(), sqlx::Error> {
        let sql = self.link.text(
            "INSERT INTO relay_positions (log, seq, updated_at) VALUES (?, 0, ?) ON CONFLICT (log) DO NOTHING",
            "INSERT INTO relay_positions (log, seq, updated_at) VALUES (?, 0, ?) ON DUPLICATE KEY UPDATE log = log",
        );
        with!(self.link, connection => sqlx::query(sql)
            .bind(log)
            .bind(now.millis())
            .execute(connection)
            .await
            .map(drop))
    }
}
