//! `inbox`: webhooks, stored before they are believed.

use domain::{Instant, OrderNo};
use store::{Dialect, Sql, StoreError, Transaction, params, placeholders};

/// A webhook as it came, checked for shape only.
#[derive(Debug, Clone)]
pub struct Received<'a> {
    /// Derived from the event, since PayPay gives it no id.
    pub dedupe_key: &'a str,
    pub merchant_payment_id: &'a str,
    pub state: &'a str,
    /// Yen.
    pub amount: Option<i64>,
    /// The body, JSON.
    pub payload: String,
}

/// What storing a webhook showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored {
    New,
    /// Came before and waits to be applied.
    Waiting,
    /// Came before and was applied.
    Applied,
}

/// Stores a webhook of an order whose row is locked ([`super::orders::lock`]).
pub async fn insert(
    tx: &Transaction,
    order_no: &OrderNo,
    received: &Received<'_>,
    now: Instant,
) -> Result<Stored, StoreError> {
    let sql = Sql {
        sqlite: "INSERT OR IGNORE INTO inbox (dedupe_key, order_no, merchant_payment_id, state, amount, payload, received_at) \
                 VALUES (?, ?, ?, ?, ?, ?, ?)",
        mysql: "INSERT INTO inbox (dedupe_key, order_no, merchant_payment_id, state, amount, payload, received_at) \
                VALUES (?, ?, ?, ?, ?, ?, ?) ON DUPLICATE KEY UPDATE dedupe_key = dedupe_key",
    };
    let values = params![
        received.dedupe_key,
        order_no.as_str(),
        received.merchant_payment_id,
        received.state,
        received.amount,
        received.payload.as_str(),
        now.millis()
    ];
    if tx.execute(sql, values).await? == 1 {
        return Ok(Stored::New);
    }
    let sql = "SELECT applied_at IS NOT NULL AS applied FROM inbox WHERE dedupe_key = ?";
    let applied: bool = tx
        .query_one(sql, params![received.dedupe_key])
        .await?
        .get("applied")?;
    Ok(if applied { Stored::Applied } else { Stored::Waiting })
}

/// Everything received for the order up to `seen` counts as applied: PayPay's details, read after it, said more than it could.
pub async fn mark_applied(
    tx: &Transaction,
    order_no: &OrderNo,
    seen: Instant,
    outcome: &str,
    now: Instant,
) -> Result<(), StoreError> {
    if tx.dialect() == Dialect::Sqlite {
        let sql = "UPDATE inbox SET applied_at = ?, outcome = ? WHERE order_no = ? AND applied_at IS NULL AND received_at <= ?";
        return tx
            .run(
                sql,
                params![now.millis(), outcome, order_no.as_str(), seen.millis()],
            )
            .await;
    }
    // By key, lest the rows' neighbours in the index, other orders', be locked with them. The order's row is locked, so no more can come.
    let sql = "SELECT dedupe_key FROM inbox WHERE order_no = ? AND applied_at IS NULL AND received_at <= ?";
    let rows = tx.query(sql, params![order_no.as_str(), seen.millis()]).await?;
    if rows.is_empty() {
        return Ok(());
    }
    let mut values = params![now.millis(), outcome];
    for row in &rows {
        values.push(row.text("dedupe_key")?.into());
    }
    let sql = format!(
        "UPDATE inbox SET applied_at = ?, outcome = ? WHERE dedupe_key IN ({})",
        placeholders(rows.len())
    );
    tx.run(&sql, values).await
}
