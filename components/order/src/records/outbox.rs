//! `outbox`: what the relay reads. The columns are a contract.

use crate::order::Event;
use domain::Instant;
use edge::RequestContext;
use store::{Session, Sql, StoreError, Transaction, params};

/// Whether an event is here: told, and not so long ago that it was tidied away.
pub async fn holds(session: &Session, id: &str) -> Result<bool, StoreError> {
    let sql = "SELECT 1 AS found FROM outbox WHERE id = ?";
    Ok(session.query_optional(sql, params![id]).await?.is_some())
}

/// Stores events under an order's number, or the id of what they tell of, in the transaction that they tell of. An event told before is not told again: its id is derived.
///
/// The order's row is locked ([`super::orders::lock`]), so that its events are numbered in the order of their commits.
pub async fn append(
    tx: &Transaction,
    key: &str,
    events: &[Event],
    ctx: &RequestContext,
    now: Instant,
) -> Result<(), StoreError> {
    for event in events {
        let sql = Sql {
            sqlite: "INSERT OR IGNORE INTO outbox (id, topic, key, type, data, request_id, traceparent, created_at) \
                     VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            mysql: "INSERT INTO outbox (id, topic, `key`, type, data, request_id, traceparent, created_at) \
                    VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON DUPLICATE KEY UPDATE id = id",
        };
        let values = params![
            event.id.as_str(),
            event.topic,
            key,
            event.kind,
            event.data.to_string(),
            ctx.request_id.as_str(),
            ctx.trace.traceparent(),
            now.millis()
        ];
        tx.run(sql, values).await?;
    }
    Ok(())
}
