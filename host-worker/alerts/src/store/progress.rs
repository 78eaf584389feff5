//! Offsets, states and raised alerts: what is committed together.

use super::{
    Store, StoreError,
    pool::{read, whole, within},
    rows,
};
use crate::rules::OrderState;
use domain::{AlertRaised, Instant};
use sqlx::QueryBuilder;
use std::collections::HashMap;

/// Rows written or asked for by one statement.
const ROWS: usize = 400;

/// The right to work on a partition, until somebody claims it next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    pub part: i64,
    pub epoch: i64,
    /// Where to read on in each stream.
    pub offsets: HashMap<String, i64>,
}

/// An order's state as it is stored.
#[derive(Clone, Debug)]
pub struct StoredState {
    pub order_no: String,
    pub document: String,
    pub next_deadline: Option<Instant>,
}

/// An event that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    pub topic: String,
    pub offset: i64,
    pub event_id: Option<String>,
    pub reason: String,
    pub data: String,
}

/// What one transaction changes.
#[derive(Debug, Default)]
pub struct Commit {
    /// Where to read on. At least one: the owner proves by it that the partition is still theirs.
    pub offsets: Vec<(String, i64)>,
    pub states: Vec<StoredState>,
    /// For the table.
    pub alerts: Vec<AlertRaised>,
    /// For the topic.
    pub outgoing: Vec<AlertRaised>,
    pub dead: Vec<DeadLetter>,
}

impl Store {
    /// Takes a partition of the streams over from whoever had it: their commits are refused from now on.
    pub async fn claim(&self, part: i64, streams: &[&str], now: Instant) -> Result<Claim, StoreError> {
        whole!(self.try_claim(part, streams, now).await)
    }

    async fn try_claim(&self, part: i64, streams: &[&str], now: Instant) -> Result<Claim, StoreError> {
        // Everybody locks the rows in the same order.
        let mut streams = streams.to_vec();
        streams.sort_unstable();
        let mut tx = self.pool.begin().await?;
        let make = tx.text(
            "INSERT INTO alert_offsets (topic, part, next_offset, epoch, updated_at) VALUES (?, ?, 0, 0, ?) \
             ON CONFLICT (topic, part) DO NOTHING",
            "INSERT INTO alert_offsets (topic, part, next_offset, epoch, updated_at) VALUES (?, ?, 0, 0, ?) \
             ON DUPLICATE KEY UPDATE topic = topic",
        );
        let look = tx.text(
            "SELECT next_offset, epoch FROM alert_offsets WHERE topic = ? AND part = ?",
            "SELECT next_offset, epoch FROM alert_offsets WHERE topic = ? AND part = ? FOR UPDATE",
        );
        let (mut offsets, mut last) = (HashMap::new(), 0);
        for stream in &streams {
            within!(&mut tx, connection => {
                let make = sqlx::query(make).bind(*stream).bind(part).bind(now.millis());
                make.execute(&mut *connection).await?;
                let look = sqlx::query_as(look).bind(*stream).bind(part);
                let (next, epoch): (i64, i64) = look.fetch_one(connection).await?;
                offsets.insert((*stream).to_owned(), next);
                last = last.max(epoch);
            });
        }
        let epoch = last + 1;
        let sql = "UPDATE alert_offsets SET epoch = ?, updated_at = ? WHERE topic = ? AND part = ?";
        for stream in &streams {
            within!(&mut tx, connection => sqlx::query(sql)
                .bind(epoch)
                .bind(now.millis())
                .bind(*stream)
                .bind(part)
                .execute(connection)
                .await
                .map(drop))?;
        }
        tx.commit().await?;
        Ok(Claim { part, epoch, offsets })
    }

    /// Lets every stream of a claim be read from its start again. Claim anew afterwards.
    pub async fn rewind(&self, claim: &Claim, now: Instant) -> Result<(), StoreError> {
        let sql = "UPDATE alert_offsets SET next_offset = 0, updated_at = ? WHERE part = ? AND epoch = ?";
        read!(self.pool, pool => sqlx::query(sql)
            .bind(now.millis())
            .bind(claim.part)
            .bind(claim.epoch)
            .execute(pool)
            .await
            .map(drop))?;
        Ok(())
    }

    /// The states of those orders that have one.
    pub async fn states(&self, orders: &[String]) -> Result<HashMap<String, OrderState>, StoreError> {
        let mut states = HashMap::with_capacity(orders.len());
        for chunk in orders.chunks(ROWS) {
            let rows: Vec<(String, String)> = read!(self.pool, pool => {
                let mut query =
                    QueryBuilder::<Db>::new("SELECT order_no, document FROM alert_state WHERE order_no IN (");
                let mut list = query.separated(", ");
                for order_no in chunk {
                    list.push_bind(order_no);
                }
                query.push(")");
                query.build_query_as().fetch_all(pool).await
            })?;
            for (order_no, document) in rows {
                let state = serde_json::from_str(&document).map_err(|error| StoreError::Corrupt {
                    what: "state",
                    key: order_no.clone(),
                    reason: error.to_string(),
                })?;
                states.insert(order_no, state);
            }
        }
        Ok(states)
    }

    /// Orders of a partition whose deadline has come, the longest due first.
    pub async fn due(&self, part: i64, until: Instant, limit: u32) -> Result<Vec<String>, StoreError> {
        let sql = "SELECT order_no FROM alert_state WHERE part = ? AND next_deadline <= ? ORDER BY next_deadline LIMIT ?";
        Ok(read!(self.pool, pool => sqlx::query_scalar(sql)
            .bind(part)
            .bind(until.millis())
            .bind(limit)
            .fetch_all(pool)
            .await)?)
    }

    /// Commits all of it or nothing. Returns how many of the alerts were new.
    ///
    /// # Errors
    /// [`StoreError::Stale`] if the partition was claimed by somebody else since.
    pub async fn commit(&self, claim: &Claim, commit: &Commit, now: Instant) -> Result<u64, StoreError> {
        whole!(self.try_commit(claim, commit, now).await)
    }

    async fn try_commit(&self, claim: &Claim, commit: &Commit, now: Instant) -> Result<u64, StoreError> {
        let mut tx = self.pool.begin().await?;
        for (stream, next) in &commit.offsets {
            // Whoever claims waits for this row. (sqlx counts rows found on MySQL too, also one that holds the same already.)
            let sql = "UPDATE alert_offsets SET next_offset = ?, updated_at = ? WHERE topic = ? AND part = ? AND epoch = ?";
            let found = within!(&mut tx, connection => sqlx::query(sql)
                .bind(next)
                .bind(now.millis())
                .bind(stream)
                .bind(claim.part)
                .bind(claim.epoch)
                .execute(connection)
                .await
                .map(|done| done.rows_affected()))?;
            if found == 0 {
                return Err(StoreError::Stale { part: claim.part });
            }
        }
        let update = tx.text(
            " ON CONFLICT (order_no) DO UPDATE SET part = excluded.part, document = excluded.document, \
             next_deadline = excluded.next_deadline, updated_at = excluded.updated_at",
            " ON DUPLICATE KEY UPDATE part = VALUES(part), document = VALUES(document), \
             next_deadline = VALUES(next_deadline), updated_at = VALUES(updated_at)",
        );
        for chunk in commit.states.chunks(ROWS) {
            let sql = "INSERT INTO alert_state (order_no, part, document, next_deadline, updated_at) ";
            within!(&mut tx, connection => {
                let mut query = QueryBuilder::<Db>::new(sql);
                query.push_values(chunk, |mut row, state| {
                    row.push_bind(&state.order_no)
                        .push_bind(claim.part)
                        .push_bind(&state.document)
                        .push_bind(state.next_deadline.map(Instant::millis))
                        .push_bind(now.millis());
                });
                query.push(update);
                query.build().execute(connection).await.map(drop)
            })?;
        }
        let mut new = 0;
        for alert in &commit.alerts {
            new += rows::insert_alert(&mut tx, alert, now).await?;
        }
        for alert in &commit.outgoing {
            new += rows::insert_outgoing(&mut tx, alert, now).await?;
        }
        for letter in &commit.dead {
            rows::insert_dead(&mut tx, claim.part, letter, now).await?;
        }
        tx.commit().await?;
        Ok(new)
    }

    /// Stores alerts that came from their topic. Returns how many were new.
    pub async fn record(&self, alerts: &[AlertRaised], now: Instant) -> Result<u64, StoreError> {
        whole!(self.try_record(alerts, now).await)
    }

    async fn try_record(&self, alerts: &[AlertRaised], now: Instant) -> Result<u64, StoreError> {
        let mut tx = self.pool.begin().await?;
        let mut new = 0;
        for alert in alerts {
            new += rows::insert_alert(&mut tx, alert, now).await?;
        }
        tx.commit().await?;
        Ok(new)
    }

    /// Alerts that their topic has not taken yet, oldest first: id, key and data.
    pub async fn unpublished(&self, limit: u32) -> Result<Vec<(String, String, String)>, StoreError> {
        let sql = "SELECT alert_id, message_key, data FROM alert_outbox WHERE published_at IS NULL \
                   ORDER BY created_at, alert_id LIMIT ?";
        Ok(read!(self.pool, pool => sqlx::query_as(sql).bind(limit).fetch_all(pool).await)?)
    }

    /// The topic has taken them.
    pub async fn mark_published(&self, ids: &[String], now: Instant) -> Result<(), StoreError> {
        whole!(self.try_mark_published(ids, now).await)
    }

    async fn try_mark_published(&self, ids: &[String], now: Instant) -> Result<(), StoreError> {
        let mut tx = self.pool.begin().await?;
        for id in ids {
            let sql = "UPDATE alert_outbox SET published_at = ? WHERE alert_id = ?";
            within!(&mut tx, connection => sqlx::query(sql)
                .bind(now.millis())
                .bind(id)
                .execute(connection)
                .await
                .map(drop))?;
        }
        tx.commit().await?;
        Ok(())
    }
}
