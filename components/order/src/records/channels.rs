//! `channels`: who may listen to an order over the WebSocket. Only hashes of tokens are stored.

use domain::{Instant, OrderNo};
use store::{Session, StoreError, Transaction, params};

pub async fn insert(
    tx: &Transaction,
    token_hash: &str,
    order_no: &OrderNo,
    expires_at: Instant,
) -> Result<(), StoreError> {
    let sql = "INSERT OR IGNORE INTO channels (token_hash, order_no, expires_at) VALUES (?, ?, ?)";
    tx.execute(sql, params![token_hash, order_no.as_str(), expires_at.millis()])
        .await?;
    Ok(())
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
    let sql = "DELETE FROM channels WHERE token_hash IN (SELECT token_hash FROM channels WHERE expires_at <= ? LIMIT 20)";
    tx.execute(sql, params![now.millis()]).await?;
    Ok(())
}
