//! The processor's tables in the database `worker`.

mod progress;
mod register;
mod rows;

pub use progress::{Claim, Commit, DeadLetter, StoredState};
pub use register::{ActError, Action, Alert, AuditEntry, Counts, Filter, Page, Status, Summary};

use domain::Instant;
use sqlx::{
    SqlitePool,
    sqlite::{SqliteConnectOptions, SqlitePoolOptions, SqliteSynchronous},
};
use std::{path::Path, time::Duration};

const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// One writes, the others read for operators.
const CONNECTIONS: u32 = 4;

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("the alerts' tables cannot be read or written: {0}")]
    Database(#[from] sqlx::Error),
    /// Somebody else has taken the partition over: what was not committed is theirs to do.
    #[error("partition {part} belongs to another worker now")]
    Stale { part: i64 },
    #[error("the stored {what} of `{key}` cannot be read: {reason}")]
    Corrupt {
        what: &'static str,
        key: String,
        reason: String,
    },
}

/// The tables. Clones are the same.
#[derive(Clone, Debug)]
pub struct Store {
    pool: SqlitePool,
}

impl Store {
    /// Opens the database file; it must exist and be migrated.
    pub async fn open(path: &Path) -> Result<Store, StoreError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .busy_timeout(BUSY_TIMEOUT)
            // A power cut may take the last commits, each whole: offset, state and alerts. Then the same events are read again.
            .synchronous(SqliteSynchronous::Normal)
            // A batch changes pages all over the table: they stay in memory, and are brought to their places seldom.
            .pragma("cache_size", "-65536")
            .pragma("wal_autocheckpoint", "8000");
        let pool = SqlitePoolOptions::new()
            .max_connections(CONNECTIONS)
            .connect_with(options)
            .await?;
        Ok(Store { pool })
    }

    /// Orders of which a rule will speak unless an event comes first.
    pub async fn deadlines(&self) -> Result<i64, StoreError> {
        let sql = "SELECT count(*) FROM alert_state WHERE next_deadline IS NOT NULL";
        Ok(sqlx::query_scalar(sql).fetch_one(&self.pool).await?)
    }

    /// Forgets orders that nothing was heard of since `before` and that wait for nothing, and what was published before. Returns how many orders.
    pub async fn forget(&self, before: Instant) -> Result<u64, StoreError> {
        let sql = "DELETE FROM alert_state WHERE updated_at < ? AND next_deadline IS NULL";
        let states = sqlx::query(sql).bind(before.millis()).execute(&self.pool).await?;
        let sql = "DELETE FROM alert_outbox WHERE published_at < ?";
        sqlx::query(sql).bind(before.millis()).execute(&self.pool).await?;
        Ok(states.rows_affected())
    }
}
