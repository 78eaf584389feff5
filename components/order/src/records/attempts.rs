//! `payment_attempts`: every id under which PayPay was, or may have been, asked for a code for an order.
//!
//! An attempt is open until its payment was accepted or refunded, or can no longer come. What an order needs on its own account ends with its saga; the
//! open attempts keep it due beyond that.

use domain::{Instant, OrderNo};
use std::time::Duration;
use store::{Session, StoreError, Transaction, params};

/// How long after the request a code may still be paid: PayPay's codes live for about five minutes, and this is three times as long.
const PAYABLE: Duration = Duration::from_secs(15 * 60);

/// An open attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    pub merchant_payment_id: String,
    pub watch_until: Instant,
}

/// Remembers an id under which PayPay is about to be asked.
pub async fn insert(tx: &Transaction, order_no: &OrderNo, id: &str, now: Instant) -> Result<(), StoreError> {
    let sql = "INSERT OR IGNORE INTO payment_attempts (merchant_payment_id, order_no, created_at, watch_until) VALUES (?, ?, ?, ?)";
    let values = params![id, order_no.as_str(), now.millis(), now.plus(PAYABLE).millis()];
    tx.execute(sql, values).await?;
    Ok(())
}

/// The order's open attempts.
pub async fn open(session: &Session, order_no: &OrderNo) -> Result<Vec<Attempt>, StoreError> {
    let sql = "SELECT merchant_payment_id, watch_until FROM payment_attempts WHERE order_no = ? AND settled_at IS NULL ORDER BY watch_until";
    let rows = session.query(sql, params![order_no.as_str()]).await?;
    rows.iter()
        .map(|row| {
            Ok(Attempt {
                merchant_payment_id: row.text("merchant_payment_id")?,
                watch_until: Instant::from_millis(row.get("watch_until")?),
            })
        })
        .collect()
}

/// Nothing can come of these any more, or it was dealt with.
pub async fn settle(tx: &Transaction, ids: &[String], now: Instant) -> Result<(), StoreError> {
    for id in ids {
        let sql =
            "UPDATE payment_attempts SET settled_at = ? WHERE merchant_payment_id = ? AND settled_at IS NULL";
        tx.execute(sql, params![now.millis(), id.as_str()]).await?;
    }
    Ok(())
}
