//! `orders` and `payment_attempts` as an administrator reads them. Nothing here writes.

use super::orders;
use crate::order::Order;
use domain::{Instant, OrderNo, OrderStatus};
use store::{Row, Session, StoreError, Value, params};

/// Which orders; absent: all.
#[derive(Debug, Default, Clone)]
pub struct Filter {
    pub status: Option<OrderStatus>,
    pub order_no: Option<OrderNo>,
    /// Placed then or later.
    pub from: Option<Instant>,
    /// Placed before.
    pub to: Option<Instant>,
    /// Below the last order of the page before.
    pub after: Option<(Instant, OrderNo)>,
}

/// The newest first.
pub async fn list(session: &Session, filter: &Filter, size: u32) -> Result<Vec<Order>, StoreError> {
    let (sql, values) = statement(filter, size);
    session
        .query(&sql, values)
        .await?
        .iter()
        .map(orders::from_row)
        .collect()
}

/// Nearly all orders are paid, so those are found along the time. What ended otherwise has an index that only they are written to; what has not ended
/// has a saga that has not, of which there are few.
fn statement(filter: &Filter, size: u32) -> (String, Vec<Value>) {
    let mut conditions = Vec::new();
    let mut values: Vec<Value> = Vec::new();
    let source = match filter.status {
        Some(OrderStatus::Pending | OrderStatus::WaitingPayment) => {
            conditions.push(
                "s.phase IN ('RUNNING', 'WAITING', 'RETRYING', 'COMPENSATING', 'RECOVERING', 'PARKED')",
            );
            conditions.push("s.phase <> 'SUCCEEDED'");
            "saga_instances s CROSS JOIN orders o ON o.order_no = s.id"
        }
        Some(OrderStatus::Failed | OrderStatus::Refunded) => {
            conditions.push("o.status IN ('FAILED', 'REFUNDED')");
            "orders o"
        }
        _ => "orders o",
    };
    if let Some(status) = filter.status {
        conditions.push("o.status = ?");
        values.push(status.as_str().into());
    }
    if let Some(order_no) = &filter.order_no {
        conditions.push("o.order_no = ?");
        values.push(order_no.as_str().into());
    }
    if let Some(from) = filter.from {
        conditions.push("o.created_at >= ?");
        values.push(from.millis().into());
    }
    if let Some(to) = filter.to {
        conditions.push("o.created_at < ?");
        values.push(to.millis().into());
    }
    if let Some((at, order_no)) = &filter.after {
        conditions.push("(o.created_at, o.order_no) < (?, ?)");
        values.extend(params![at.millis(), order_no.as_str()]);
    }
    let condition = if conditions.is_empty() {
        String::new()
    } else {
        format!("WHERE {}", conditions.join(" AND "))
    };
    values.push(size.into());
    let columns = orders::COLUMNS
        .split(", ")
        .map(|column| format!("o.{}", column.trim()))
        .collect::<Vec<_>>()
        .join(", ");
    let sql = format!(
        "SELECT {columns} FROM {source} {condition} ORDER BY o.created_at DESC, o.order_no DESC LIMIT ?"
    );
    (sql, values)
}

/// One id under which PayPay was, or may have been, asked for a code.
#[derive(Debug)]
pub struct Asked {
    pub merchant_payment_id: String,
    pub created_at: Instant,
    /// Until when a payment may still come of it.
    pub watch_until: Instant,
    /// Since when nothing more is expected of it.
    pub settled_at: Option<Instant>,
}

/// All that was asked for an order, the first first.
pub async fn attempts(session: &Session, order_no: &OrderNo) -> Result<Vec<Asked>, StoreError> {
    // An attempt's id begins with its order's number and a dash, after which comes the dot: a range of the primary key.
    let range = params![format!("{order_no}-"), format!("{order_no}.")];
    let rows = session.query(ATTEMPTS, range).await?;
    let asked = |row: &Row| {
        Ok(Asked {
            merchant_payment_id: row.text("merchant_payment_id")?,
            created_at: Instant::from_millis(row.get("created_at")?),
            watch_until: Instant::from_millis(row.get("watch_until")?),
            settled_at: row.get::<Option<i64>>("settled_at")?.map(Instant::from_millis),
        })
    };
    rows.iter().map(asked).collect()
}

const ATTEMPTS: &str = "SELECT merchant_payment_id, created_at, watch_until, settled_at FROM payment_attempts \
                        WHERE merchant_payment_id >= ? AND merchant_payment_id < ? ORDER BY created_at, merchant_payment_id";

#[cfg(test)]
mod tests;
