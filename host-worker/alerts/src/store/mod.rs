//! The processor's tables in the database `worker`.

mod pool;
mod progress;
mod register;
mod rows;

pub use progress::{Claim, Commit, DeadLetter, StoredState};
pub use register::{ActError, Action, Alert, AuditEntry, Counts, Filter, Page, Status, Summary};

use domain::{Instant, OrderNo};
use kessai_relay::Source;
use pool::{Collision, Pool, read};

/// Rows that MySQL deletes in one transaction, so that nobody waits for long.
const FORGET_BATCH: u64 = 1_000;

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

impl Collision for StoreError {
    fn is_collision(&self) -> bool {
        matches!(self, StoreError::Database(error) if error.is_collision())
    }
}

/// The tables. Clones are the same.
#[derive(Clone, Debug)]
pub struct Store {
    pool: Pool,
    source: Source,
}

impl Store {
    /// Opens the database; it must exist and be migrated.
    pub async fn open(worker: impl Into<Source>) -> Result<Store, StoreError> {
        let source = worker.into();
        Ok(Store {
            pool: Pool::open(&source).await?,
            source,
        })
    }

    /// Where several workers may keep their alerts together.
    pub(crate) fn shared(&self) -> Option<&Source> {
        self.pool.is_mysql().then_some(&self.source)
    }

    /// Orders of which a rule will speak unless an event comes first.
    pub async fn deadlines(&self) -> Result<i64, StoreError> {
        let sql = "SELECT count(*) FROM alert_state WHERE next_deadline IS NOT NULL";
        Ok(read!(self.pool, pool => sqlx::query_scalar(sql).fetch_one(pool).await)?)
    }

    /// Forgets orders that nothing was heard of since `before` and that wait for nothing, and what was published before. Returns how many orders.
    pub async fn forget(&self, before: Instant) -> Result<u64, StoreError> {
        let states = self
            .delete(
                // Who was not heard of since was placed before: the key is a range of days, and age needs no index, which each event would change.
                "DELETE FROM alert_state WHERE updated_at < ? AND order_no < ? AND next_deadline IS NULL",
                "DELETE FROM alert_state WHERE updated_at < ? AND order_no < ? AND next_deadline IS NULL ORDER BY order_no LIMIT ?",
                before,
                Some(OrderNo::bound(before)),
            )
            .await?;
        self.delete(
            "DELETE FROM alert_outbox WHERE published_at < ?",
            "DELETE FROM alert_outbox WHERE published_at < ? ORDER BY published_at LIMIT ?",
            before,
            None,
        )
        .await?;
        Ok(states)
    }

    async fn delete(
        &self,
        sqlite: &'static str,
        mysql: &'static str,
        before: Instant,
        bound: Option<String>,
    ) -> Result<u64, StoreError> {
        let pool = match &self.pool {
            Pool::Sqlite(pool) => {
                let mut delete = sqlx::query(sqlite).bind(before.millis());
                if let Some(bound) = bound {
                    delete = delete.bind(bound);
                }
                return Ok(delete.execute(pool).await?.rows_affected());
            }
            Pool::MySql(pool) => pool,
        };
        let mut deleted = 0;
        loop {
            let mut delete = sqlx::query(mysql).bind(before.millis());
            if let Some(bound) = &bound {
                delete = delete.bind(bound);
            }
            let batch = delete.bind(FORGET_BATCH).execute(pool).await?.rows_affected();
            deleted += batch;
            if batch < FORGET_BATCH {
                return Ok(deleted);
            }
        }
    }
}
