//! `orders`, `order_lines`, `timeline` and `payment_attempts`.
//!
//! A transaction that changes an order, or anything that hangs on it, begins with [`lock`]. On MySQL this keeps all that is the order's as it is until
//! the end, plain reads included: what they see is settled by the first of them, which comes after the lock.

use super::parsed;
use crate::order::{Changes, Line, Order, PaymentCode, TimelineEntry};
use domain::{FailCode, Instant, OrderNo, Quantity, Yen};
use store::{Dialect, Row, Session, StoreError, Transaction, params, placeholders};

pub(super) const COLUMNS: &str = "order_no, user_id, status, payment_status, fail_code, amount, balance_amount, pay_amount, \
                       merchant_payment_id, payment_id, pay_url, pay_deeplink, expires_at, refund_request, polls, version, created_at, updated_at";

pub(super) fn from_row(row: &Row) -> Result<Order, StoreError> {
    let code = match (
        row.opt_text("pay_url")?,
        row.opt_text("pay_deeplink")?,
        row.get::<Option<i64>>("expires_at")?,
    ) {
        (Some(url), Some(deeplink), Some(expires_at)) => Some(PaymentCode {
            url,
            deeplink,
            expires_at: Instant::from_millis(expires_at),
        }),
        _ => None,
    };
    let fail_code = match row.opt_text("fail_code")? {
        Some(_) => Some(parsed::<FailCode>(row, "fail_code")?),
        None => None,
    };
    Ok(Order {
        order_no: parsed(row, "order_no")?,
        user_id: row.text("user_id")?,
        status: parsed(row, "status")?,
        payment_status: parsed(row, "payment_status")?,
        fail_code,
        amount: yen(row, "amount")?,
        balance_amount: yen(row, "balance_amount")?,
        pay_amount: yen(row, "pay_amount")?,
        merchant_payment_id: row.opt_text("merchant_payment_id")?,
        payment_id: row.opt_text("payment_id")?,
        code,
        refund_request: row.opt_json("refund_request")?,
        polls: row.get("polls")?,
        version: row.get("version")?,
        created_at: Instant::from_millis(row.get("created_at")?),
        updated_at: Instant::from_millis(row.get("updated_at")?),
        changes: Changes::default(),
    })
}

fn yen(row: &Row, column: &str) -> Result<Yen, StoreError> {
    Yen::new(row.get(column)?).map_err(|error| row.broken(column, error.to_string()))
}

/// Keeps others from the order until the transaction ends. SQLite needs no statement for it: a transaction holds the only writer.
pub async fn lock(tx: &Transaction, order_no: &str) -> Result<(), StoreError> {
    match tx.dialect() {
        Dialect::Sqlite => Ok(()),
        Dialect::MySql => {
            let sql = "SELECT 1 AS locked FROM orders WHERE order_no = ? FOR UPDATE";
            tx.query(sql, params![order_no]).await.map(drop)
        }
    }
}

pub async fn find(session: &Session, order_no: &OrderNo) -> Result<Option<Order>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM orders WHERE order_no = ?");
    session
        .query_optional(&sql, params![order_no.as_str()])
        .await?
        .as_ref()
        .map(from_row)
        .transpose()
}

/// The order for which PayPay was, at some time, asked under this id.
pub async fn find_by_payment(
    session: &Session,
    merchant_payment_id: &str,
) -> Result<Option<Order>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM orders WHERE order_no = (SELECT order_no FROM payment_attempts WHERE merchant_payment_id = ?)"
    );
    session
        .query_optional(&sql, params![merchant_payment_id])
        .await?
        .as_ref()
        .map(from_row)
        .transpose()
}

/// A page of a buyer's orders, newest first, from below `before` on.
pub async fn list(
    session: &Session,
    user_id: &str,
    before: Option<(Instant, &OrderNo)>,
    size: u32,
) -> Result<Vec<Order>, StoreError> {
    let rows = match before {
        None => {
            let sql = format!(
                "SELECT {COLUMNS} FROM orders WHERE user_id = ? ORDER BY created_at DESC, order_no DESC LIMIT ?"
            );
            session.query(&sql, params![user_id, size]).await?
        }
        Some((at, order_no)) => {
            let sql = format!(
                "SELECT {COLUMNS} FROM orders WHERE user_id = ? AND (created_at, order_no) < (?, ?) \
                 ORDER BY created_at DESC, order_no DESC LIMIT ?"
            );
            session
                .query(&sql, params![user_id, at.millis(), order_no.as_str(), size])
                .await?
        }
    };
    rows.iter().map(from_row).collect()
}

/// The lines of some orders, in each order's own sequence. One statement, however many orders.
pub async fn lines(session: &Session, orders: &[Order]) -> Result<Vec<(String, Line)>, StoreError> {
    if orders.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!(
        "SELECT order_no, product_id, name, unit_price, quantity FROM order_lines WHERE order_no IN ({}) ORDER BY order_no, line_no",
        placeholders(orders.len())
    );
    let line = |row: &Row| {
        let line = Line {
            product_id: row.get("product_id")?,
            name: row.text("name")?,
            unit_price: yen(row, "unit_price")?,
            quantity: Quantity::new(row.get("quantity")?)
                .map_err(|error| row.broken("quantity", error.to_string()))?,
        };
        Ok((row.text("order_no")?, line))
    };
    session
        .query(&sql, names(orders))
        .await?
        .iter()
        .map(line)
        .collect()
}

/// One line of the history as it is stored.
#[derive(Debug)]
pub struct StoredEntry {
    pub at: Instant,
    pub event: String,
    pub detail: Option<String>,
}

/// The histories of some orders, oldest first. One statement, however many orders.
pub async fn timelines(
    session: &Session,
    orders: &[Order],
) -> Result<Vec<(String, StoredEntry)>, StoreError> {
    if orders.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!(
        "SELECT order_no, at, event, detail FROM timeline WHERE order_no IN ({}) ORDER BY order_no, entry_no",
        placeholders(orders.len())
    );
    let entry = |row: &Row| {
        let entry = StoredEntry {
            at: Instant::from_millis(row.get("at")?),
            event: row.text("event")?,
            detail: row.opt_text("detail")?,
        };
        Ok((row.text("order_no")?, entry))
    };
    session
        .query(&sql, names(orders))
        .await?
        .iter()
        .map(entry)
        .collect()
}

fn names(orders: &[Order]) -> Vec<store::Value> {
    orders
        .iter()
        .map(|order| order.order_no.as_str().into())
        .collect()
}

/// Stores a new order with its lines.
pub async fn insert(tx: &Transaction, order: &Order, lines: &[Line]) -> Result<(), StoreError> {
    let sql = format!("INSERT INTO orders ({COLUMNS}) VALUES ({})", placeholders(18));
    tx.run(&sql, params_of(order)?).await?;
    for (line_no, line) in (1i64..).zip(lines) {
        let values = params![
            order.order_no.as_str(),
            line_no,
            line.product_id,
            line.name.as_str(),
            line.unit_price.get(),
            line.quantity.get()
        ];
        tx.run(
            "INSERT INTO order_lines (order_no, line_no, product_id, name, unit_price, quantity) VALUES (?, ?, ?, ?, ?, ?)",
            values,
        )
        .await?;
    }
    Ok(())
}

/// Stores the changed row. The caller holds the saga's lease, so nobody else changes it; if it was lost meanwhile, storing the saga fails and
/// undoes this.
pub async fn update(tx: &Transaction, order: &Order) -> Result<(), StoreError> {
    let sql = "UPDATE orders SET status = ?, payment_status = ?, fail_code = ?, merchant_payment_id = ?, payment_id = ?, \
               pay_url = ?, pay_deeplink = ?, expires_at = ?, refund_request = ?, polls = ?, version = ?, updated_at = ? WHERE order_no = ?";
    let values = params![
        order.status.as_str(),
        order.payment_status.as_str(),
        order.fail_code.map(FailCode::as_str),
        order.merchant_payment_id.as_deref(),
        order.payment_id.as_deref(),
        order.code.as_ref().map(|code| code.url.as_str()),
        order.code.as_ref().map(|code| code.deeplink.as_str()),
        order.code.as_ref().map(|code| code.expires_at.millis()),
        refund_request(order)?,
        order.polls,
        version(order),
        order.updated_at.millis(),
        order.order_no.as_str()
    ];
    tx.run(sql, values).await
}

/// Stores what the history gained.
pub async fn append_timeline(
    tx: &Transaction,
    order_no: &OrderNo,
    entries: &[TimelineEntry],
) -> Result<(), StoreError> {
    if tx.dialect() == Dialect::MySql && !entries.is_empty() {
        return append_counted(tx, order_no, entries).await;
    }
    for entry in entries {
        let sql = "INSERT INTO timeline (order_no, entry_no, at, event, detail) \
                   SELECT ?1, COALESCE(MAX(entry_no), 0) + 1, ?2, ?3, ?4 FROM timeline WHERE order_no = ?1";
        tx.run(
            sql,
            params![
                order_no.as_str(),
                entry.at.millis(),
                entry.event,
                entry.detail.as_deref()
            ],
        )
        .await?;
    }
    Ok(())
}

/// For MySQL, where to read and to insert in one statement locks the gap behind the order's entries, into which other orders' go.
async fn append_counted(
    tx: &Transaction,
    order_no: &OrderNo,
    entries: &[TimelineEntry],
) -> Result<(), StoreError> {
    let sql = "SELECT COALESCE(MAX(entry_no), 0) AS last FROM timeline WHERE order_no = ?";
    let last: i64 = tx.query_one(sql, params![order_no.as_str()]).await?.get("last")?;
    for (entry_no, entry) in (last + 1..).zip(entries) {
        let sql = "INSERT INTO timeline (order_no, entry_no, at, event, detail) VALUES (?, ?, ?, ?, ?)";
        let values = params![
            order_no.as_str(),
            entry_no,
            entry.at.millis(),
            entry.event,
            entry.detail.as_deref()
        ];
        tx.run(sql, values).await?;
    }
    Ok(())
}

fn params_of(order: &Order) -> Result<Vec<store::Value>, StoreError> {
    Ok(params![
        order.order_no.as_str(),
        order.user_id.as_str(),
        order.status.as_str(),
        order.payment_status.as_str(),
        order.fail_code.map(FailCode::as_str),
        order.amount.get(),
        order.balance_amount.get(),
        order.pay_amount.get(),
        order.merchant_payment_id.as_deref(),
        order.payment_id.as_deref(),
        order.code.as_ref().map(|code| code.url.as_str()),
        order.code.as_ref().map(|code| code.deeplink.as_str()),
        order.code.as_ref().map(|code| code.expires_at.millis()),
        refund_request(order)?,
        order.polls,
        version(order),
        order.created_at.millis(),
        order.updated_at.millis()
    ])
}

fn refund_request(order: &Order) -> Result<Option<String>, StoreError> {
    let text = order
        .refund_request
        .as_ref()
        .map(serde_json::to_string)
        .transpose();
    text.map_err(|error| StoreError::Encode {
        reason: error.to_string(),
    })
}

/// A column is a signed integer; no order changes that often.
fn version(order: &Order) -> i64 {
    i64::try_from(order.version).unwrap_or(i64::MAX)
}
