//! `/admin/payments/**`: what an administrator sees of payments, and giving money back. For `bff`, which has checked who asks and names them.

use crate::api::{cursor, parse_cursor, patiently, user};
use crate::order::{Order, RefundRequest};
use crate::records::payment_list::{self, Asked, Filter};
use crate::records::saga_audit::{self, Entry};
use crate::records::{self, orders};
use crate::tend::Reason;
use crate::views::{self, OrderView};
use crate::work::WorkError;
use crate::{problems, sagas};
use domain::{Instant, OrderNo, OrderStatus, PaymentStatus};
use edge::{Answer, Body, Code, Method, Problem, RequestContext, StatusCode, respond};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::str::FromStr;

const LARGEST_BODY: usize = 16 * 1024;
const PAGE: u32 = 20;
const LARGEST_PAGE: u32 = 100;

pub async fn dispatch<B: Body>(ctx: &RequestContext, rest: &[&str], body: B) -> Result<Answer, Problem> {
    match rest {
        [] => {
            ctx.allow(&[Method::GET])?;
            list(ctx).await
        }
        [order_no] => {
            ctx.allow(&[Method::GET])?;
            show(order_no).await
        }
        [order_no, "refund"] => {
            ctx.allow(&[Method::POST])?;
            refund(ctx, order_no, body).await
        }
        _ => Err(Problem::new(Code::NotFound)),
    }
}

/// A `PaymentSummary`: the money side of one order.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    order_no: String,
    user_id: String,
    status: &'static str,
    payment_status: &'static str,
    /// Yen.
    amount: i64,
    /// Yen: the part asked of PayPay.
    pay_amount: i64,
    refund: Refunded,
    created_at: String,
    updated_at: String,
}

/// How far giving the money back has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Refunded {
    None,
    /// Ordered; the worker goes on with it until PayPay has said so.
    Requested,
    Done,
}

impl Refunded {
    fn of(order: &Order) -> Refunded {
        if order.refund_request.is_some() {
            Refunded::Requested
        } else if order.status == OrderStatus::Refunded || order.payment_status == PaymentStatus::Refunded {
            Refunded::Done
        } else {
            Refunded::None
        }
    }
}

fn summary(order: &Order) -> Summary {
    Summary {
        order_no: order.order_no.as_str().to_owned(),
        user_id: order.user_id.clone(),
        status: order.status.as_str(),
        payment_status: order.payment_status.as_str(),
        amount: order.amount.get(),
        pay_amount: order.pay_amount.get(),
        refund: Refunded::of(order),
        created_at: order.created_at.to_string(),
        updated_at: order.updated_at.to_string(),
    }
}

async fn list(ctx: &RequestContext) -> Result<Answer, Problem> {
    let size = match parameter::<u32>(ctx, "size", "a whole number from 1 to 100")? {
        None => PAGE,
        Some(size) if (1..=LARGEST_PAGE).contains(&size) => size,
        Some(_) => return Err(Problem::field("size", "must be a whole number from 1 to 100")),
    };
    let instant = "an instant such as 2026-11-22T10:00:00+09:00";
    let filter = Filter {
        status: parameter(ctx, "status", "an order's status, for example PAID")?,
        order_no: parameter(ctx, "orderNo", "an order's number")?,
        from: parameter(ctx, "from", instant)?,
        to: parameter(ctx, "to", instant)?,
        after: ctx.query("cursor").map(parse_cursor).transpose()?,
    };
    let db = records::open().await.map_err(problems::of_store)?;
    // One more than asked for shows whether there is another page.
    let mut page = payment_list::list(&db, &filter, size + 1)
        .await
        .map_err(problems::of_store)?;
    let more = page.len() > size as usize;
    page.truncate(size as usize);
    let next = page.last().filter(|_| more).map(cursor);
    let items: Vec<Summary> = page.iter().map(summary).collect();
    respond::json(StatusCode::OK, &json!({ "items": items, "nextCursor": next }))
}

fn parameter<T: FromStr>(ctx: &RequestContext, name: &str, what: &str) -> Result<Option<T>, Problem> {
    let parse = |text: &str| {
        text.parse()
            .map_err(|_| Problem::field(name, format!("must be {what}")))
    };
    ctx.query(name).map(parse).transpose()
}

/// A `PaymentDetail`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Detail {
    #[serde(flatten)]
    summary: Summary,
    order: OrderView,
    /// PayPay's own id of the payment that the order took.
    #[serde(skip_serializing_if = "Option::is_none")]
    payment_id: Option<String>,
    attempts: Vec<Attempt>,
    /// Whether it can be refunded now.
    refundable: bool,
    /// The refund under way.
    #[serde(skip_serializing_if = "Option::is_none")]
    refund_request: Option<RefundRequest>,
    /// Who did what to the order and its saga.
    audit: Vec<Value>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Attempt {
    merchant_payment_id: String,
    /// The one that the order goes by.
    current: bool,
    asked_at: String,
    watch_until: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    settled_at: Option<String>,
}

async fn show(order_no: &str) -> Result<Answer, Problem> {
    let order_no = parse(order_no)?;
    let detail = detail(&order_no).await.map_err(problems::of)?;
    respond::json(StatusCode::OK, &detail)
}

async fn detail(order_no: &OrderNo) -> Result<Detail, WorkError> {
    let db = records::open().await?;
    let order = orders::find(&db, order_no).await?.ok_or(WorkError::NotFound)?;
    let current = order.merchant_payment_id.clone();
    let attempt = |asked: Asked| Attempt {
        current: current.as_deref() == Some(asked.merchant_payment_id.as_str()),
        merchant_payment_id: asked.merchant_payment_id,
        asked_at: asked.created_at.to_string(),
        watch_until: asked.watch_until.to_string(),
        settled_at: asked.settled_at.map(|at| at.to_string()),
    };
    let asked = payment_list::attempts(&db, order_no).await?;
    let audit = saga_audit::of_saga(&db, order_no.as_str()).await?;
    Ok(Detail {
        summary: summary(&order),
        payment_id: order.payment_id.clone(),
        attempts: asked.into_iter().map(attempt).collect(),
        refundable: order.status == OrderStatus::Paid && order.refund_request.is_none(),
        refund_request: order.refund_request.clone(),
        audit: audit.iter().map(sagas::documents::audited).collect(),
        order: views::one(&db, order).await?,
    })
}

#[derive(Deserialize)]
struct Refund {
    reason: String,
    #[serde(default)]
    restock: bool,
}

async fn refund<B: Body>(ctx: &RequestContext, order_no: &str, body: B) -> Result<Answer, Problem> {
    let actor = user(ctx)?;
    let order_no = parse(order_no)?;
    let wish: Refund = edge::json_body(ctx, body, LARGEST_BODY).await?;
    if !(1..=200).contains(&wish.reason.trim().chars().count()) {
        return Err(Problem::field("reason", "must be 1 to 200 characters"));
    }
    let request = RefundRequest {
        reason: wish.reason.trim().to_owned(),
        restock: wish.restock,
    };
    let db = records::open().await.map_err(problems::of_store)?;
    let known = orders::find(&db, &order_no).await.map_err(problems::of_store)?;
    known.ok_or_else(|| Problem::new(Code::OrderNotFound))?;
    let action = if request.restock {
        "refund-restock"
    } else {
        "refund"
    };
    let mut entry = Entry {
        at: Instant::now(),
        actor: actor.to_owned(),
        action: action.to_owned(),
        reason: Some(request.reason.clone()),
        outcome: "ordered".to_owned(),
    };
    // Before any money moves: whatever becomes of this process, it is known who wished it.
    saga_audit::append(&db, order_no.as_str(), &entry)
        .await
        .map_err(problems::of_store)?;
    let outcome = patiently(&order_no, &Reason::Refund(request), ctx).await;
    if let Err(error) = &outcome {
        entry.at = Instant::now();
        entry.outcome = error.to_string();
        saga_audit::append(&db, order_no.as_str(), &entry)
            .await
            .map_err(problems::of_store)?;
    }
    edge::log::info(
        ctx,
        "refund_ordered",
        json!({"orderNo": order_no.as_str(), "actor": actor, "action": action, "outcome": entry.outcome}),
    );
    let order = outcome.map_err(|error| match error {
        WorkError::Conflict(why) => Problem::new(Code::OrderNotRefundable).with_detail(why),
        other => problems::of(other),
    })?;
    let view = views::one(&db, order).await.map_err(problems::of_store)?;
    respond::json(StatusCode::OK, &view)
}

fn parse(order_no: &str) -> Result<OrderNo, Problem> {
    order_no.parse().map_err(|_| Problem::new(Code::OrderNotFound))
}
