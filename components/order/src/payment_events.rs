//! `POST /payment-events`: a webhook, stored first, then applied.

use crate::mismatch::Mismatch;
use crate::order::Order;
use crate::records::inbox::{self, Received, Stored};
use crate::records::{self, orders, saga_archive, sagas};
use crate::tend::{self, Reason};
use crate::work::{Work, WorkError};
use crate::{mismatch, problems};
use domain::{Instant, OrderNo};
use edge::{Answer, Code, Problem, RequestContext, StatusCode, respond};
use futures::future::{Either, select};
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;
use store::{Database, Session, StoreError};

/// PayPay waits 2.0 s for its answer; what is not applied by then goes on after it.
const BUDGET: Duration = Duration::from_millis(1_200);

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    merchant_payment_id: String,
    state: String,
    /// Yen.
    amount: Option<i64>,
    dedupe_key: String,
    /// It is another merchant's.
    #[serde(default)]
    foreign: bool,
    /// The webhook's body.
    #[serde(default)]
    raw: Value,
}

/// How far a webhook got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Applied,
    /// On disk; the worker applies it.
    Stored,
    Duplicate,
}

impl Outcome {
    fn as_str(self) -> &'static str {
        match self {
            Outcome::Applied => "applied",
            Outcome::Stored => "stored",
            Outcome::Duplicate => "duplicate",
        }
    }
}

impl Request {
    /// In what it contradicts the order, if in anything that it cannot be believed in.
    fn mismatch(&self, order: &Order) -> Option<Mismatch> {
        if self.foreign {
            let merchant = self.raw.get("merchant_id").and_then(Value::as_str);
            return Some(Mismatch::Merchant(merchant.unwrap_or_default().to_owned()));
        }
        let amount = self.amount.filter(|amount| *amount != order.pay_amount.get())?;
        Some(Mismatch::Amount(amount))
    }
}

pub async fn receive(ctx: &RequestContext, request: &Request) -> Result<Answer, Problem> {
    let outcome = match store(ctx, request).await? {
        Taken::Duplicate => Outcome::Duplicate,
        Taken::Busy => Outcome::Stored,
        Taken::Work(work) => apply_within_budget(ctx, *work).await?,
    };
    edge::log::info(
        ctx,
        "payment_event",
        json!({"merchantPaymentId": request.merchant_payment_id, "state": request.state, "outcome": outcome.as_str()}),
    );
    respond::json(StatusCode::OK, &json!({ "outcome": outcome.as_str() }))
}

#[derive(Debug)]
pub(crate) enum Taken {
    Duplicate,
    /// Stored, while somebody else works on the order: they look at the inbox when they are done.
    Busy,
    Work(Box<Work>),
}

async fn find(session: &Session, merchant_payment_id: &str) -> Result<Order, Problem> {
    orders::find_by_payment(session, merchant_payment_id)
        .await
        .map_err(problems::of_store)?
        .ok_or_else(|| Problem::new(Code::OrderNotFound))
}

/// Stores the webhook and takes the order's lease, in one transaction.
async fn store(ctx: &RequestContext, request: &Request) -> Result<Taken, Problem> {
    let db = records::open().await.map_err(problems::of_store)?;
    // Looked up before the writer is waited for, so that a flood of forgeries holds nobody up; and again with it, since only that counts.
    let order = find(&db, &request.merchant_payment_id).await?;
    if let Some(mismatch) = request.mismatch(&order) {
        mismatch::tell(db, &order, &request.merchant_payment_id, &mismatch, ctx)
            .await
            .map_err(problems::of_store)?;
        return Err(mismatch.refusal());
    }
    let received = Received {
        dedupe_key: &request.dedupe_key,
        merchant_payment_id: &request.merchant_payment_id,
        state: &request.state,
        amount: request.amount,
        payload: request.raw.to_string(),
    };
    take_in(db, ctx, &order, &received).await
}

pub(crate) async fn take_in(
    db: Database,
    ctx: &RequestContext,
    order: &Order,
    received: &Received<'_>,
) -> Result<Taken, Problem> {
    let stored = db.transact(async |tx| {
        let order_no: &OrderNo = &order.order_no;
        let id = order_no.as_str();
        orders::lock(tx, id).await?;
        let order = find(tx, received.merchant_payment_id).await?;
        let now = Instant::now();
        if inbox::insert(tx, order_no, received, now).await? == Stored::Applied {
            return Err(NotStored::Duplicate);
        }
        let mut taken = sagas::acquire(tx, id, &ctx.request_id, now).await?;
        if taken.is_none() && saga_archive::restore(tx, id).await? {
            taken = sagas::acquire(tx, id, &ctx.request_id, now).await?;
        }
        Ok(taken.map_or(Taken::Busy, |taken| Taken::Work(Box::new(Work::of(order, taken)))))
    });
    match stored.await {
        Ok((_, taken)) => Ok(taken),
        Err(NotStored::Duplicate) => Ok(Taken::Duplicate),
        Err(NotStored::Problem(problem)) => Err(problem),
    }
}

/// Why nothing was stored.
#[derive(Debug)]
enum NotStored {
    Duplicate,
    Problem(Problem),
}

impl From<Problem> for NotStored {
    fn from(problem: Problem) -> NotStored {
        NotStored::Problem(problem)
    }
}

impl From<StoreError> for NotStored {
    fn from(error: StoreError) -> NotStored {
        NotStored::Problem(problems::of_store(error))
    }
}

async fn apply_within_budget(ctx: &RequestContext, work: Work) -> Result<Outcome, Problem> {
    let owned_ctx = ctx.clone();
    let apply = Box::pin(async move { tend::tend_leased(work, &Reason::Webhook, &owned_ctx).await });
    match select(apply, Box::pin(spin_sdk::time::sleep(BUDGET))).await {
        Either::Left((Ok(_), _)) => Ok(Outcome::Applied),
        // It is stored, so it will be applied: PayPay need not send it again.
        Either::Left((Err(WorkError::Busy | WorkError::Unavailable(_)), _)) => Ok(Outcome::Stored),
        Either::Left((Err(error), _)) => Err(problems::of(error)),
        Either::Right(((), rest)) => {
            spin_sdk::wit_bindgen::spawn(async move {
                // Whatever comes of it is in the database.
                let _ = rest.await;
            });
            Ok(Outcome::Stored)
        }
    }
}
