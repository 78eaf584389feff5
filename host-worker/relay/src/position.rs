//! The table `relay_positions` of the database `worker`.

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
}
