//! `POST /orders`: from a cart to a code to scan, once for each idempotency key.

use crate::basket::{self, Basket};
use crate::channel;
use crate::drive::{self, drive};
use crate::order::{Changes, Line, Order};
use crate::problems;
use crate::records::idempotency::{self, Recorded};
use crate::records::sagas::{self, Due, DueKind, Lease};
use crate::records::{self, channels, orders};
use crate::sagas::journal::Journal;
use crate::sagas::machines;
use crate::settings::Settings;
use crate::steps::ledger;
use crate::tend::{self, Reason};
use crate::views::CURRENCY;
use crate::work::{Work, WorkError, store_changes};
use domain::{Instant, OrderNo, OrderStatus, Yen};
use edge::{Answer, Code, Problem, RequestContext, StatusCode, respond};
use saga::{Event, Instance};
use serde_json::{Map, Value, json};
use store::{Database, StoreError};

/// Who orders, and under which key.
#[derive(Debug, Clone, Copy)]
pub struct Caller<'a> {
    pub user_id: &'a str,
    pub idempotency_key: &'a str,
}

/// Places an order, or answers as the first request with this key was answered.
pub async fn place(ctx: &RequestContext, caller: Caller<'_>, basket: &Basket) -> Result<Answer, Problem> {
    let settings = Settings::read().await?;
    let request_hash = basket.hash();
    if let Some(answer) = repeat(ctx, caller, &request_hash, &settings).await? {
        return Ok(answer);
    }
    let lines = basket::price(ctx, &settings.catalog_url, basket).await?;
    let amount = total(&lines)?;
    let balance_amount = if basket.use_balance {
        ledger::spendable(caller.user_id, amount).await?
    } else {
        Yen::ZERO
    };
    let pay_amount = amount
        .checked_sub(balance_amount)
        .map_err(|error| problems::broken(&error))?;
    let now = Instant::now();
    let order_no = OrderNo::generate(now, random_bits()?);
    let order = Order::place(
        order_no,
        caller.user_id.to_owned(),
        amount,
        balance_amount,
        pay_amount,
        now,
    );
    let Some(mut work) = store_new(ctx, caller, &request_hash, order, &lines, &settings).await? else {
        // Another request with the same key was faster.
        return repeat(ctx, caller, &request_hash, &settings)
            .await?
            .ok_or_else(in_progress);
    };
    let rest = drive(&mut work, Event::Resume, ctx).await.map_err(problems::of)?;
    if work.order.status == OrderStatus::Failed {
        let detail = work.instance.error.as_ref().map(|error| error.message.clone());
        let order = work
            .release(ctx, None, None, async |_, _, _| Ok(()))
            .await
            .map_err(problems::of)?;
        return Err(problems::of_failed(&order, detail));
    }
    let due = tend::next_due(&work, rest, false);
    if work.order.status == OrderStatus::Pending {
        // Some part did not answer; the worker goes on, or undoes it. A repeat of the key is answered as soon as that is known.
        work.release(ctx, due, None, async |_, _, _| Ok(()))
            .await
            .map_err(problems::of)?;
        return Err(unanswered());
    }
    finish(ctx, caller, work, due, &settings).await
}

/// The order waits for somebody who does not answer, or to be undone until they do. That may take as long as they are away, which is longer than a buyer
/// waits.
fn unanswered() -> Problem {
    Problem::new(Code::PaymentUnavailable)
        .with_detail("a part of the shop, or PayPay, does not answer; nothing is paid")
        .with_retry_after(5)
}

/// Answers from what the first request with this key did; `None` if there was none.
async fn repeat(
    ctx: &RequestContext,
    caller: Caller<'_>,
    request_hash: &str,
    settings: &Settings,
) -> Result<Option<Answer>, Problem> {
    let db = records::open().await.map_err(problems::of_store)?;
    let first = idempotency::find(&db, caller.user_id, caller.idempotency_key)
        .await
        .map_err(problems::of_store)?;
    let Some(first) = first else { return Ok(None) };
    if first.request_hash != request_hash {
        return Err(Problem::new(Code::IdempotencyKeyReused)
            .with_detail("this Idempotency-Key was used for an order with other items"));
    }
    if let Some(recorded) = first.response {
        return Ok(Some(answer(&recorded, &first.order_no, settings)));
    }
    // The first request is still at work, or died. In the second case the order is finished here and now.
    let order = match orders::find(&db, &first.order_no)
        .await
        .map_err(problems::of_store)?
    {
        Some(order) if order.status == OrderStatus::Pending => {
            match tend::tend(&first.order_no, &Reason::Recovery, ctx).await {
                Ok(order) => order,
                Err(WorkError::Busy) => return Err(in_progress()),
                Err(error) => return Err(problems::of(error)),
            }
        }
        Some(order) => order,
        None => return Err(in_progress()),
    };
    match order.status {
        OrderStatus::Pending => Err(unanswered()),
        OrderStatus::Failed => Err(problems::of_failed(&order, None)),
        _ => {
            let work =
                Work::acquire(&first.order_no, &ctx.request_id)
                    .await
                    .map_err(|error| match error {
                        WorkError::Busy => in_progress(),
                        other => problems::of(other),
                    })?;
            let due = Due {
                at: Instant::now(),
                kind: DueKind::Resume,
            };
            finish(ctx, caller, work, Some(due), settings).await.map(Some)
        }
    }
}

/// Stores the order, its saga and the use of the key in one transaction; `None` if the key was taken meanwhile.
async fn store_new(
    ctx: &RequestContext,
    caller: Caller<'_>,
    request_hash: &str,
    mut order: Order,
    lines: &[Line],
    settings: &Settings,
) -> Result<Option<Work>, Problem> {
    let now = order.created_at;
    let machines = machines::of_orders().await.map_err(problems::of)?;
    let variables = variables(&order, lines, settings);
    let instance = machines
        .start(
            machines::ORDER,
            order.order_no.as_str(),
            Some(order.order_no.as_str()),
            variables,
            drive::millis(now),
        )
        .map_err(|error| problems::of(error.into()))?;
    // The row is inserted whole.
    order.changes.row = false;
    let db = records::open().await.map_err(problems::of_store)?;
    let lease = match insert_new(db, ctx, caller, request_hash, &order, lines, &instance).await {
        Ok(lease) => lease,
        Err(NotStored::KeyTaken) => return Ok(None),
        Err(NotStored::Store(error)) => return Err(problems::of_store(error)),
    };
    order.changes = Changes::default();
    Journal::started(ctx, &instance);
    Ok(Some(Work {
        order,
        instance,
        lease,
        failures: 0,
    }))
}

pub(crate) async fn insert_new(
    db: Database,
    ctx: &RequestContext,
    caller: Caller<'_>,
    request_hash: &str,
    order: &Order,
    lines: &[Line],
    instance: &Instance,
) -> Result<Lease, NotStored> {
    let now = order.created_at;
    let (user_id, key) = (caller.user_id, caller.idempotency_key);
    let stored = db.transact(async |tx| {
        orders::insert(tx, order, lines).await?;
        if !idempotency::insert(tx, user_id, key, request_hash, &order.order_no, now).await? {
            return Err(NotStored::KeyTaken);
        }
        store_changes(tx, order, ctx, now).await?;
        Ok(sagas::insert(tx, instance, Some(&order.order_no), None, now).await?)
    });
    stored.await.map(|(_, lease)| lease)
}

/// Why an order was not stored. Nothing of it is there.
#[derive(Debug)]
pub(crate) enum NotStored {
    KeyTaken,
    Store(StoreError),
}

impl From<StoreError> for NotStored {
    fn from(error: StoreError) -> NotStored {
        NotStored::Store(error)
    }
}

/// What the saga knows of the order from the start.
fn variables(order: &Order, lines: &[Line], settings: &Settings) -> Map<String, Value> {
    let lines: Vec<Value> = lines
        .iter()
        .map(|line| {
            json!({
                "productId": line.product_id, "name": line.name,
                "unitPrice": line.unit_price.get(), "quantity": line.quantity.get(),
            })
        })
        .collect();
    let expires_at = order.created_at.plus(settings.payment_ttl).millis();
    let variables = json!({
        "orderNo": order.order_no.as_str(),
        "userId": order.user_id,
        "lines": lines,
        "amount": order.amount.get(),
        "balanceAmount": order.balance_amount.get(),
        "payAmount": order.pay_amount.get(),
        "merchantPaymentId": order.merchant_payment_id,
        "paymentAttempt": 1,
        "expiresAt": expires_at,
        "redirectUrl": format!("{}/orders/{}/result", settings.public_url, order.order_no),
    });
    match variables {
        Value::Object(variables) => variables,
        _ => Map::new(),
    }
}

/// Gives the lease back and records the answer, in one transaction.
async fn finish(
    ctx: &RequestContext,
    caller: Caller<'_>,
    work: Work,
    due: Option<Due>,
    settings: &Settings,
) -> Result<Answer, Problem> {
    let nonce = format!("{:016x}", random_bits()?);
    let order = &work.order;
    let token_hash = channel::token_hash(&channel::token(&settings.channel_secret, &order.order_no, &nonce));
    let opened_at = Instant::now();
    let channel_expires = opened_at.plus(channel::LIFETIME);
    let recorded = Recorded {
        status: StatusCode::CREATED.as_u16(),
        body: json!({
            "orderNo": order.order_no.as_str(),
            "status": order.status.as_str(),
            "amount": order.amount.get(),
            "currency": CURRENCY,
            "payment": order.code.as_ref().map(|code| json!({
                "provider": "PAYPAY", "url": code.url, "deeplink": code.deeplink, "expiresAt": code.expires_at.to_string(),
            })),
            "channel": {"url": settings.realtime_url, "expiresAt": channel_expires.to_string()},
        }),
        channel_nonce: Some(nonce),
    };
    let record = async |tx: &store::Transaction, order: &Order, now: Instant| {
        channels::prune(tx, now).await?;
        channels::insert(tx, &token_hash, &order.order_no, channel_expires).await?;
        idempotency::record(tx, caller.user_id, caller.idempotency_key, &recorded).await
    };
    let order = work.release(ctx, due, None, record).await.map_err(problems::of)?;
    edge::log::info(
        ctx,
        "order_placed",
        json!({"orderNo": order.order_no.as_str(), "status": order.status.as_str(), "amount": order.amount.get()}),
    );
    Ok(answer(&recorded, &order.order_no, settings))
}

/// The recorded answer with its channel token, which is made again from its nonce.
fn answer(recorded: &Recorded, order_no: &OrderNo, settings: &Settings) -> Answer {
    let mut body = recorded.body.clone();
    if let Some(nonce) = &recorded.channel_nonce {
        body["channel"]["token"] = channel::token(&settings.channel_secret, order_no, nonce).into();
    }
    let status = StatusCode::from_u16(recorded.status).unwrap_or(StatusCode::CREATED);
    respond::json_text(status, body.to_string())
}

fn total(lines: &[Line]) -> Result<Yen, Problem> {
    let sum = lines
        .iter()
        .map(|line| line.unit_price.times(line.quantity))
        .collect::<Result<Vec<Yen>, _>>()
        .and_then(Yen::sum)
        .map_err(|error| Problem::field("items", error.to_string()))?;
    if sum.is_zero() {
        return Err(Problem::field("items", "the order would cost nothing"));
    }
    Ok(sum)
}

fn in_progress() -> Problem {
    Problem::new(Code::RequestInProgress)
        .with_detail("the first request with this Idempotency-Key is still being worked on")
        .with_retry_after(1)
}

/// 64 random bits.
pub fn random_bits() -> Result<u64, Problem> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(|error| problems::broken(&error))?;
    Ok(u64::from_le_bytes(bytes))
}
