//! `idempotency_keys`: what a buyer's key was first used for, and what was answered.

use super::parsed;
use domain::{Instant, OrderNo};
use serde::{Deserialize, Serialize};
use store::{Session, Sql, StoreError, Transaction, params};

/// An answer that a repeat of the key gets again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recorded {
    pub status: u16,
    pub body: serde_json::Value,
    /// The public part of the channel token's making; the token itself is not stored.
    pub channel_nonce: Option<String>,
}

#[derive(Debug)]
pub struct Use {
    pub request_hash: String,
    pub order_no: OrderNo,
    /// Absent while the first request is under way, or if it died.
    pub response: Option<Recorded>,
}

pub async fn find(session: &Session, user_id: &str, key: &str) -> Result<Option<Use>, StoreError> {
    let sql = "SELECT request_hash, order_no, response FROM idempotency_keys WHERE user_id = ? AND `key` = ?";
    let row = session.query_optional(sql, params![user_id, key]).await?;
    row.map(|row| {
        Ok(Use {
            request_hash: row.text("request_hash")?,
            order_no: parsed(&row, "order_no")?,
            response: row.opt_json("response")?,
        })
    })
    .transpose()
}

/// Takes the key; `false` if it was taken before.
pub async fn insert(
    tx: &Transaction,
    user_id: &str,
    key: &str,
    request_hash: &str,
    order_no: &OrderNo,
    now: Instant,
) -> Result<bool, StoreError> {
    let sql = Sql {
        sqlite: "INSERT OR IGNORE INTO idempotency_keys (user_id, key, request_hash, order_no, created_at) VALUES (?, ?, ?, ?, ?)",
        mysql: "INSERT INTO idempotency_keys (user_id, `key`, request_hash, order_no, created_at) VALUES (?, ?, ?, ?, ?) \
                ON DUPLICATE KEY UPDATE user_id = user_id",
    };
    let inserted = tx
        .execute(
            sql,
            params![user_id, key, request_hash, order_no.as_str(), now.millis()],
        )
        .await?;
    Ok(inserted == 1)
}

pub async fn record(
    tx: &Transaction,
    user_id: &str,
    key: &str,
    response: &Recorded,
) -> Result<(), StoreError> {
    let text = serde_json::to_string(response).map_err(|error| StoreError::Encode {
        reason: error.to_string(),
    })?;
    let sql = "UPDATE idempotency_keys SET response = ? WHERE user_id = ? AND `key` = ?";
    tx.run(sql, params![text, user_id, key]).await
}
