//! Orders as the API shows them.

use crate::order::{Line, Order};
use crate::records::orders::{self, StoredEntry};
use serde::Serialize;
use store::{Session, StoreError};

pub const CURRENCY: &str = "JPY";

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderView {
    order_no: String,
    status: &'static str,
    payment_status: &'static str,
    /// Yen: what the lines add up to.
    amount: i64,
    /// Yen: the part that was taken from the buyer's balance.
    balance_amount: i64,
    currency: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    fail_code: Option<&'static str>,
    lines: Vec<LineView>,
    created_at: String,
    expires_at: Option<String>,
    version: u64,
    timeline: Vec<TimelineView>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct LineView {
    product_id: u32,
    name: String,
    unit_price: i64,
    quantity: u32,
}

#[derive(Debug, Serialize)]
struct TimelineView {
    at: String,
    event: String,
    detail: Option<String>,
}

/// Orders with their lines and histories, in two more statements.
pub async fn complete(session: &Session, list: Vec<Order>) -> Result<Vec<OrderView>, StoreError> {
    let mut lines = orders::lines(session, &list).await?;
    let mut timelines = orders::timelines(session, &list).await?;
    let views = list.into_iter().map(|order| {
        let own_lines = take_of(&mut lines, order.order_no.as_str());
        let own_timeline = take_of(&mut timelines, order.order_no.as_str());
        view(&order, own_lines, own_timeline)
    });
    Ok(views.collect())
}

/// One order with its lines and history.
pub async fn one(session: &Session, order: Order) -> Result<OrderView, StoreError> {
    let mut views = complete(session, vec![order]).await?;
    views.pop().ok_or(StoreError::NoRow {
        statement: "one order".to_owned(),
    })
}

fn take_of<T>(all: &mut Vec<(String, T)>, order_no: &str) -> Vec<T> {
    all.extract_if(.., |(owner, _)| owner == order_no)
        .map(|(_, item)| item)
        .collect()
}

fn view(order: &Order, lines: Vec<Line>, timeline: Vec<StoredEntry>) -> OrderView {
    OrderView {
        order_no: order.order_no.as_str().to_owned(),
        status: order.status.as_str(),
        payment_status: order.payment_status.as_str(),
        amount: order.amount.get(),
        balance_amount: order.balance_amount.get(),
        currency: CURRENCY,
        fail_code: order.fail_code.map(domain::FailCode::as_str),
        lines: lines
            .into_iter()
            .map(|line| LineView {
                product_id: line.product_id,
                name: line.name,
                unit_price: line.unit_price.get(),
                quantity: line.quantity.get(),
            })
            .collect(),
        created_at: order.created_at.to_string(),
        expires_at: order.code.as_ref().map(|code| code.expires_at.to_string()),
        version: order.version,
        timeline: timeline
            .into_iter()
            .map(|entry| TimelineView {
                at: entry.at.to_string(),
                event: entry.event,
                detail: entry.detail,
            })
            .collect(),
    }
}
