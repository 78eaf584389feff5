//! `channels`: who may listen to an order over the WebSocket. Only hashes of tokens are stored.

use domain::{Instant, OrderNo};
use store::{Dialect, Session, Sql, StoreError, Transaction, Value, params, placeholders};

pub async fn insert(
    tx: &Transaction,
    token_hash: &str,
    order_no: &OrderNo,
    expires_at: Instant,
) -> Result<(), StoreError> {
    let sql = Sql {
        sqlite: "INSERT OR IGNORE INTO channels (token_hash, order_no, expires_at) VALUES (?, ?, ?)",
        mysql: "INSERT INTO channels (token_hash, order_no, expires_at) VALUES (?, ?, ?) ON DUPLICATE KEY UPDATE token_hash = token_hash",
    };
    tx.run(sql, params![token_hash, order_no.as_str(), expires_at.millis()])
        .await
}

/// Whether the token opens this order's channel now.
pub async fn is_valid(
    session: &Session,
    token_hash: &str,
    order_no: &OrderNo,
    now: Instant,
) -> Result<bool, StoreError> {
    let sql = "SELECT 1 FROM channels WHERE token_hash = ? AND order_no = ? AND expires_at > ?";
    Ok(session
        .query_optional(sql, params![token_hash, order_no.as_str(), now.millis()])
        .await?
        .is_some())
}

/// Forgets tokens that have expired, a few at a time, so that the table stays as small as the shop is busy.
pub async fn prune(tx: &Transaction, now: Instant) -> Result<(), StoreError> {
    if tx.dialect() == Dialect::Sqlite {
        let sql = "DELETE FROM channels WHERE token_hash IN (SELECT token_hash FROM channels WHERE expires_at <= ? LIMIT 20)";
        return tx.run(sql, params![now.millis()]).await;
    }
    // A deletion by time would lock the end of what has expired, where others insert: each order would be in every other's way.
    let sql = "SELECT token_hash FROM channels WHERE expires_at <= ? ORDER BY expires_at LIMIT 20";
    let rows = tx.query(sql, params![now.millis()]).await?;
    if rows.is_empty() {
        return Ok(());
    }
    let expired: Vec<Value> = rows
        .iter()
        .map(|row| row.text("token_hash").map(Value::from))
        .collect::<Result<_, _>>()?;
    let sql = format!(
        "DELETE FROM channels WHERE token_hash IN ({})",
        placeholders(expired.len())
    );
    tx.run(&sql, expired).await
}
