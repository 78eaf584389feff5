//! The table `relay_positions` of the database `worker`.

use crate::lease::Fence;
use domain::Instant;
use sqlx::{
    ConnectOptions, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteSynchronous},
};
use std::{path::Path, time::Duration};

/// How far each log has got.
#[derive(Debug)]
pub struct Positions {
    connection: SqliteConnection,
}

impl Positions {
    /// Opens the database file; it must exist and be migrated.
    pub async fn open(path: &Path) -> Result<Positions, sqlx::Error> {
        let connection = SqliteConnectOptions::new()
            .filename(path)
            .busy_timeout(Duration::from_secs(5))
            // A power cut may take the last positions with it. Then some events are delivered again, which is allowed; waiting for the
            // disk here would slow down the orders, which share it.
            .synchronous(SqliteSynchronous::Normal)
            .connect()
            .await?;
        Ok(Positions { connection })
    }

    /// 0 for a log that has got nothing yet.
    pub async fn of(&mut self, log: &str) -> Result<i64, sqlx::Error> {
        let seq: Option<i64> = sqlx::query_scalar("SELECT seq FROM relay_positions WHERE log = ?1")
            .bind(log)
            .fetch_optional(&mut self.connection)
            .await?;
        Ok(seq.unwrap_or(0))
    }

    pub async fn store(&mut self, log: &str, seq: i64, now: Instant) -> Result<(), sqlx::Error> {
        sqlx::query(
            "INSERT INTO relay_positions (log, seq, updated_at) VALUES (?1, ?2, ?3)
             ON CONFLICT (log) DO UPDATE SET seq = excluded.seq, updated_at = excluded.updated_at",
        )
        .bind(log)
        .bind(seq)
        .bind(now.millis())
        .execute(&mut self.connection)
        .await?;
        Ok(())
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
        let stored = sqlx::query(
            "UPDATE relay_positions SET seq = ?1, updated_at = ?2
             WHERE log = ?3 AND EXISTS (SELECT 1 FROM relay_leases WHERE log = ?3 AND fence = ?4)",
        )
        .bind(seq)
        .bind(now.millis())
        .bind(log)
        .bind(fence.0)
        .execute(&mut self.connection)
        .await?
        .rows_affected();
        Ok(stored == 1)
    }

    /// Makes the row that [`Positions::store_under`] writes, at 0; leaves one that is there.
    pub async fn begin(&mut self, log: &str, now: Instant) -> Result<(), sqlx::Error> {
        sqlx::query("INSERT OR IGNORE INTO relay_positions (log, seq, updated_at) VALUES (?1, 0, ?2)")
            .bind(log)
            .bind(now.millis())
            .execute(&mut self.connection)
            .await?;
        Ok(())
    }
}
