//! `payment_attempts`: every id under which PayPay was, or may have been, asked for a code for an order.
//!
//! An attempt is open until its payment was accepted or refunded, or can no longer come. What an order needs on its own account ends with its saga; the
//! open attempts keep it due beyond that.

use domain::{Instant, OrderNo};
use std::time::Duration;
use store::{Session, Sql, StoreError, Transaction, params};

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
    let sql = Sql {
        sqlite: "INSERT OR IGNORE INTO payment_attempts (merchant_payment_id, order_no, created_at, watch_until) VALUES (?, ?, ?, ?)",
        mysql: "INSERT INTO payment_attempts (merchant_payment_id, order_no, created_at, watch_until) VALUES (?, ?, ?, ?) \
                ON DUPLICATE KEY UPDATE merchant_payment_id = merchant_payment_id",
    };
    let values = params![id, order_no.as_str(), now.millis(), now.plus(PAYABLE).millis()];
    tx.run(sql, values).await
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
        tx.run(sql, params![now.millis(), id.as_str()]).await?;
    }
    Ok(())
}

/// An attempt for the comparison of books.
#[derive(Debug)]
pub struct Asked {
    pub merchant_payment_id: String,
    pub order_no: OrderNo,
    pub created_at: Instant,
}

/// Attempts between two instants, after a place, in the order in which they were made.
pub async fn between(
    session: &Session,
    since: Instant,
    until: Instant,
    after: Option<&(Instant, String)>,
    limit: u32,
) -> Result<Vec<Asked>, StoreError> {
    let sql = "SELECT merchant_payment_id, order_no, created_at FROM payment_attempts \
               WHERE created_at >= ? AND created_at < ? AND (created_at > ? OR (created_at = ? AND merchant_payment_id > ?)) \
               ORDER BY created_at, merchant_payment_id LIMIT ?";
    let (at, id) = after.map_or((-1, ""), |(at, id)| (at.millis(), id.as_str()));
    let rows = session
        .query(sql, params![since.millis(), until.millis(), at, at, id, limit])
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Asked {
                merchant_payment_id: row.text("merchant_payment_id")?,
                order_no: super::parsed(row, "order_no")?,
                created_at: Instant::from_millis(row.get("created_at")?),
            })
        })
        .collect()
}
