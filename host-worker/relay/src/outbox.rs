//! The table `outbox` of the database `orders`.

use crate::{
    Event, Source,
    link::{Link, with},
    settled::Settled,
};
use domain::Instant;
use std::time::Duration;
use tokio::time;

/// Rows deleted in one transaction, so that orders are never kept waiting for long.
const PRUNE_BATCH: i64 = 500;
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// A reader of committed events.
#[derive(Debug)]
pub struct Outbox {
    source: Source,
    link: Link,
    settled: Settled,
    is_holding_back: bool,
}

impl Outbox {
    /// Opens the database for reading; it must exist and be migrated.
    pub async fn open(source: impl Into<Source>) -> Result<Outbox, sqlx::Error> {
        let source = source.into();
        Ok(Outbox {
            link: Link::open(&source, |file| file.read_only(true).busy_timeout(BUSY_TIMEOUT)).await?,
            settled: Settled::default(),
            is_holding_back: false,
            source,
        })
    }

    /// At most `limit` events after `position`, oldest first.
    ///
    /// SQLite has one writer at a time, so numbers are given in the order of commits: no event can appear later below a
    /// position that was read. On MySQL events behind a missing number are held back until that number will not come any more.
    pub async fn after(&mut self, position: i64, limit: u32) -> Result<Vec<Event>, sqlx::Error> {
        let mut events: Vec<Event> = with!(self.link, connection => sqlx::query_as(
            "SELECT seq, id, topic, `key`, type, data, request_id, traceparent, created_at
             FROM outbox WHERE seq > ? ORDER BY seq LIMIT ?",
        )
        .bind(position)
        .bind(i64::from(limit))
        .fetch_all(connection)
        .await)?;
        self.is_holding_back = false;
        if self.link.is_mysql() && self.settled.count(position, &events) < events.len() {
            let last = self.last().await?;
            self.settled.see(last, time::Instant::now());
            // Looked at again: what was a gap may have been settled by now.
            let count = self.settled.count(position, &events);
            self.is_holding_back = count < events.len();
            events.truncate(count);
        }
        Ok(events)
    }

    /// Whether the last reading left committed events out, which come later.
    pub fn is_holding_back(&self) -> bool {
        self.is_holding_back
    }

    /// The highest number committed, pruned rows included; 0 if there was no event yet.
    pub async fn last(&mut self) -> Result<i64, sqlx::Error> {
        let sql = self.link.text(
            "SELECT seq FROM sqlite_sequence WHERE name = 'outbox'",
            // Pruning leaves the newest.
            "SELECT seq FROM outbox ORDER BY seq DESC LIMIT 1",
        );
        let last: Option<i64> =
            with!(self.link, connection => sqlx::query_scalar(sql).fetch_optional(connection).await)?;
        Ok(last.unwrap_or(0))
    }

    /// How many events wait after `position`, and when the oldest of them was committed.
    pub async fn waiting(&mut self, position: i64) -> Result<(u64, Option<Instant>), sqlx::Error> {
        let (count, oldest): (i64, Option<i64>) = with!(self.link, connection => {
            sqlx::query_as("SELECT count(*), min(created_at) FROM outbox WHERE seq > ?")
                .bind(position)
                .fetch_one(connection)
                .await
        })?;
        Ok((count.unsigned_abs(), oldest.map(Instant::from_millis)))
    }

    /// Deletes what was delivered and is older than `before`. Returns how many rows.
    pub async fn prune(&mut self, delivered: i64, before: Instant) -> Result<u64, sqlx::Error> {
        let mut writer = Link::open(&self.source, |file| file.busy_timeout(BUSY_TIMEOUT)).await?;
        let sql = writer.text(
            "DELETE FROM outbox WHERE seq IN
               (SELECT seq FROM outbox WHERE seq <= ? AND created_at < ? ORDER BY seq LIMIT ?)",
            "DELETE FROM outbox WHERE seq <= ? AND created_at < ? ORDER BY seq LIMIT ?",
        );
        let delivered = if writer.is_mysql() {
            delivered.min(self.last().await? - 1)
        } else {
            delivered
        };
        let mut deleted = 0;
        loop {
            let batch = with!(writer, connection => sqlx::query(sql)
                .bind(delivered)
                .bind(before.millis())
                .bind(PRUNE_BATCH)
                .execute(connection)
                .await
                .map(|done| done.rows_affected()))?;
            deleted += batch;
            if batch < PRUNE_BATCH.unsigned_abs() {
                return Ok(deleted);
            }
            tokio::task::yield_now().await;
        }
    }
}
