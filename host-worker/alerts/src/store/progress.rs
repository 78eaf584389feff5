//! Offsets, states and raised alerts: what is committed together.

use super::{
    Store, StoreError,
    pool::{Tx, read, whole, within},
    rows,
};
use crate::rules::OrderState;
use domain::{AlertRaised, Instant, OrderNo};
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
    pub order_no: OrderNo,
    pub state: Vec<u8>,
    pub next_deadline: Option<Instant>,
}

fn corrupt(key: String, reason: &dyn std::error::Error) -> StoreError {
    StoreError::Corrupt {
        what: "state",
        key,
        reason: reason.to_string(),
    }
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

/// What a batch changes of one partition.
#[derive(Clone, Debug, Default)]
pub struct Commit {
    pub part: i64,
    /// Of the claim under which it was made.
    pub epoch: i64,
    /// Where to read on. At least one: the owner proves by it that the partition is still theirs.
    pub offsets: Vec<(String, i64)>,
    pub states: Vec<StoredState>,
    /// For the table.
    pub alerts: Vec<AlertRaised>,
    /// For the topic.
    pub outgoing: Vec<AlertRaised>,
    pub dead: Vec<DeadLetter>,
}

impl Commit {
    /// One that changes nothing yet.
    pub fn of(claim: &Claim) -> Commit {
        Commit {
            part: claim.part,
            epoch: claim.epoch,
            ..Commit::default()
        }
    }
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
    pub async fn states(&self, orders: &[&OrderNo]) -> Result<HashMap<OrderNo, OrderState>, StoreError> {
        let mut states = HashMap::new();
        for chunk in orders.chunks(ROWS) {
            let rows: Vec<(String, Option<Vec<u8>>, String)> = read!(self.pool, pool => {
                let mut query = QueryBuilder::<Db>::new(
                    "SELECT order_no, state, document FROM alert_state WHERE order_no IN (",
                );
                let mut list = query.separated(", ");
                for order_no in chunk {
                    list.push_bind(order_no.as_str());
                }
                query.push(")");
                query.build_query_as().fetch_all(pool).await
            })?;
            for (order_no, state, document) in rows {
                // Who writes a document knows of nothing else: then it is the newer of the two.
                let state = match state.filter(|_| document.is_empty()) {
                    Some(state) => OrderState::from_stored(&state),
                    None => OrderState::from_document(&document),
                };
                match state {
                    Ok(state) => drop(states.insert(parsed(order_no)?, state)),
                    Err(error) => return Err(corrupt(order_no, &error)),
                }
            }
        }
        Ok(states)
    }

    /// Orders of a partition whose deadline has come, the longest due first.
    pub async fn due(&self, part: i64, until: Instant, limit: u32) -> Result<Vec<OrderNo>, StoreError> {
        let sql = "SELECT order_no FROM alert_state WHERE part = ? AND next_deadline <= ? ORDER BY next_deadline LIMIT ?";
        let rows: Vec<String> = read!(self.pool, pool => sqlx::query_scalar(sql)
            .bind(part)
            .bind(until.millis())
            .bind(limit)
            .fetch_all(pool)
            .await)?;
        rows.into_iter().map(parsed).collect()
    }

    /// Commits all of it or nothing. Returns how many of the alerts were new.
    ///
    /// # Errors
    /// [`StoreError::Stale`] if one of the partitions was claimed by somebody else since.
    pub async fn commit(&self, commits: &[Commit], now: Instant) -> Result<u64, StoreError> {
        whole!(self.try_commit(commits, now).await)
    }

    async fn try_commit(&self, commits: &[Commit], now: Instant) -> Result<u64, StoreError> {
        let mut tx = self.pool.begin().await?;
        for commit in commits {
            advance(&mut tx, commit, now).await?;
        }
        let states = commits
            .iter()
            .flat_map(|commit| commit.states.iter().map(|state| (commit.part, state)));
        let mut states: Vec<(i64, &StoredState)> = states.collect();
        // Neighbours in the table together, and two owners lock rows in the same order.
        states.sort_unstable_by(|(_, one), (_, other)| one.order_no.cmp(&other.order_no));
        for chunk in states.chunks(ROWS) {
            write_states(&mut tx, chunk, now).await?;
        }
        let mut new = 0;
        for commit in commits {
            for alert in &commit.alerts {
                new += rows::insert_alert(&mut tx, alert, now).await?;
            }
            for alert in &commit.outgoing {
                new += rows::insert_outgoing(&mut tx, alert, now).await?;
            }
            for letter in &commit.dead {
                rows::insert_dead(&mut tx, commit.part, letter, now).await?;
            }
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

fn parsed(order_no: String) -> Result<OrderNo, StoreError> {
    order_no
        .parse()
        .map_err(|error: domain::InvalidOrderNo| corrupt(order_no, &error))
}

/// Moves a partition's offsets on, if it is still its owner's.
async fn advance(tx: &mut Tx, commit: &Commit, now: Instant) -> Result<(), StoreError> {
    for (stream, next) in &commit.offsets {
        // Whoever claims waits for this row. (sqlx counts rows found on MySQL too, also one that holds the same already.)
        let sql = "UPDATE alert_offsets SET next_offset = ?, updated_at = ? WHERE topic = ? AND part = ? AND epoch = ?";
        let found = within!(tx, connection => sqlx::query(sql)
            .bind(next)
            .bind(now.millis())
            .bind(stream)
            .bind(commit.part)
            .bind(commit.epoch)
            .execute(connection)
            .await
            .map(|done| done.rows_affected()))?;
        if found == 0 {
            return Err(StoreError::Stale { part: commit.part });
        }
    }
    Ok(())
}

async fn write_states(tx: &mut Tx, states: &[(i64, &StoredState)], now: Instant) -> Result<(), StoreError> {
    let sql = "INSERT INTO alert_state (order_no, part, state, document, next_deadline, updated_at) ";
    let update = tx.text(
        " ON CONFLICT (order_no) DO UPDATE SET part = excluded.part, state = excluded.state, document = excluded.document, \
         next_deadline = excluded.next_deadline, updated_at = excluded.updated_at",
        " ON DUPLICATE KEY UPDATE part = VALUES(part), state = VALUES(state), document = VALUES(document), \
         next_deadline = VALUES(next_deadline), updated_at = VALUES(updated_at)",
    );
    within!(tx, connection => {
        let mut query = QueryBuilder::<Db>::new(sql);
        query.push_values(states, |mut row, (part, state)| {
            row.push_bind(state.order_no.as_str())
                .push_bind(part)
                .push_bind(&state.state)
                .push("''")
                .push_bind(state.next_deadline.map(Instant::millis))
                .push_bind(now.millis());
        });
        query.push(update);
        query.build().execute(connection).await.map(drop)
    })?;
    Ok(())
}
