//! The table `outbox` of the database `orders`.

use crate::Event;
use domain::Instant;
use sqlx::{ConnectOptions, Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

/// Rows deleted in one transaction, so that orders are never kept waiting for long.
const PRUNE_BATCH: i64 = 500;
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// A reader of committed events.
#[derive(Debug)]
pub struct Outbox {
    path: PathBuf,
    connection: SqliteConnection,
}

impl Outbox {
    /// Opens the database file for reading; it must exist and be migrated.
    pub async fn open(path: &Path) -> Result<Outbox, sqlx::Error> {
        let connection = SqliteConnectOptions::new()
            .filename(path)
            .read_only(true)
            .busy_timeout(BUSY_TIMEOUT)
            .connect()
            .await?;
        Ok(Outbox {
            path: path.to_owned(),
            connection,
        })
    }

    /// At most `limit` events after `position`, oldest first.
    ///
    /// SQLite has one writer at a time, so numbers are given in the order of commits: no event can appear later below a
    /// position that was read.
    pub async fn after(&mut self, position: i64, limit: u32) -> Result<Vec<Event>, sqlx::Error> {
        sqlx::query_as(
            "SELECT seq, id, topic, key, type, data, request_id, traceparent, created_at
             FROM outbox WHERE seq > ?1 ORDER BY seq LIMIT ?2",
        )
        .bind(position)
        .bind(i64::from(limit))
        .fetch_all(&mut self.connection)
        .await
    }

    /// The highest number ever given, pruned rows included; 0 if there was no event yet.
    pub async fn last(&mut self) -> Result<i64, sqlx::Error> {
        let last: Option<i64> = sqlx::query_scalar("SELECT seq FROM sqlite_sequence WHERE name = 'outbox'")
            .fetch_optional(&mut self.connection)
            .await?;
        Ok(last.unwrap_or(0))
    }

    /// How many events wait after `position`, and when the oldest of them was committed.
    pub async fn waiting(&mut self, position: i64) -> Result<(u64, Option<Instant>), sqlx::Error> {
        let (count, oldest): (i64, Option<i64>) =
            sqlx::query_as("SELECT count(*), min(created_at) FROM outbox WHERE seq > ?1")
                .bind(position)
                .fetch_one(&mut self.connection)
                .await?;
        Ok((count.unsigned_abs(), oldest.map(Instant::from_millis)))
    }

    /// Deletes what was delivered and is older than `before`. Returns how many rows.
    pub async fn prune(&self, delivered: i64, before: Instant) -> Result<u64, sqlx::Error> {
        let mut writer = SqliteConnectOptions::new()
            .filename(&self.path)
            .busy_timeout(BUSY_TIMEOUT)
            .connect()
            .await?;
        let mut deleted = 0;
        loop {
            let batch = sqlx::query(
                "DELETE FROM outbox WHERE seq IN
                   (SELECT seq FROM outbox WHERE seq <= ?1 AND created_at < ?2 ORDER BY seq LIMIT ?3)",
            )
            .bind(delivered)
            .bind(before.millis())
            .bind(PRUNE_BATCH)
            .execute(&mut writer)
            .await?
            .rows_affected();
            deleted += batch;
            if batch < PRUNE_BATCH.unsigned_abs() {
                break;
            }
            tokio::task::yield_now().await;
        }
        writer.close().await?;
        Ok(deleted)
    }
}
