//! The private HTTP API, for `bff` and `webhook`. The caller is trusted: it names the user.

use crate::basket::{Basket, Request as BasketRequest};
use crate::checkout::{self, Caller};
use crate::order::Order;
use crate::records::{self, channels, orders};
use crate::sagas;
use crate::settings::Settings;
use crate::tend::{self, Reason};
use crate::work::WorkError;
use crate::{channel, payment_events, payments, problems, views};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use domain::{Instant, OrderNo};
use edge::{Answer, Body, Code, Method, Problem, RequestContext, StatusCode, respond};
use serde_json::json;
use std::time::Duration;

const LARGEST_BODY: usize = 64 * 1024;
const PAGE: u32 = 20;
const LARGEST_PAGE: u32 = 50;
/// A buyer's wish waits that often, for a tenth of a second each, for whoever works on the order.
const PATIENCE: u32 = 30;

pub async fn dispatch<B: Body>(ctx: &RequestContext, body: B) -> Result<Answer, Problem> {
    let (get, post) = ([Method::GET], [Method::POST]);
    match ctx.segments().as_slice() {
        ["orders"] => match *ctx.effective_method() {
            Method::POST => {
                let request: BasketRequest = edge::json_body(ctx, body, LARGEST_BODY).await?;
                checkout::place(ctx, caller(ctx)?, &Basket::try_from(request)?).await
            }
            Method::GET => list(ctx).await,
            _ => Err(Problem::method_not_allowed(&[Method::GET, Method::POST])),
        },
        ["orders", order_no] => {
            ctx.allow(&get)?;
            show(ctx, order_no).await
        }
        ["orders", order_no, "payment"] => {
            ctx.allow(&get)?;
            payment(ctx, order_no).await
        }
        ["orders", order_no, "cancel"] => {
            ctx.allow(&post)?;
            cancel(ctx, order_no).await
        }
        ["orders", order_no, "channel"] => {
            ctx.allow(&post)?;
            open_channel(ctx, order_no).await
        }
        ["admin", "payments", rest @ ..] => payments::dispatch(ctx, rest, body).await,
        ["admin", rest @ ..] => sagas::http::dispatch(ctx, rest, body).await,
        ["payment-events"] => {
            ctx.allow(&post)?;
            let request = edge::json_body(ctx, body, 2 * LARGEST_BODY).await?;
            payment_events::receive(ctx, &request).await
        }
        _ => Err(Problem::new(Code::NotFound)),
    }
}

pub fn user(ctx: &RequestContext) -> Result<&str, Problem> {
    ctx.header("x-user-id")
        .filter(|user| !user.is_empty())
        .ok_or_else(|| Problem::field("X-User-Id", "the caller must name the user"))
}

fn caller(ctx: &RequestContext) -> Result<Caller<'_>, Problem> {
    let idempotency_key = ctx
        .header("idempotency-key")
        .filter(|key| edge::is_visible_ascii(key, 128))
        .ok_or_else(|| Problem::new(Code::IdempotencyKeyRequired))?;
    Ok(Caller {
        user_id: user(ctx)?,
        idempotency_key,
    })
}

/// The user's own order; somebody else's does not exist for them.
async fn own(ctx: &RequestContext, order_no: &str) -> Result<(store::Database, Order), Problem> {
    let user = user(ctx)?;
    let order_no: OrderNo = order_no.parse().map_err(|_| Problem::new(Code::OrderNotFound))?;
    let db = records::open().await.map_err(problems::of_store)?;
    let order = orders::find(&db, &order_no).await.map_err(problems::of_store)?;
    let order = order
        .filter(|order| order.user_id == user)
        .ok_or_else(|| Problem::new(Code::OrderNotFound))?;
    Ok((db, order))
}

async fn show(ctx: &RequestContext, order_no: &str) -> Result<Answer, Problem> {
    let (db, order) = own(ctx, order_no).await?;
    respond::json(
        StatusCode::OK,
        &views::one(&db, order).await.map_err(problems::of_store)?,
    )
}

async fn list(ctx: &RequestContext) -> Result<Answer, Problem> {
    let user = user(ctx)?;
    let size = match ctx.query("size") {
        None => PAGE,
        Some(text) => text
            .parse()
            .ok()
            .filter(|size| (1..=LARGEST_PAGE).contains(size))
            .ok_or_else(|| Problem::field("size", format!("a whole number from 1 to {LARGEST_PAGE}")))?,
    };
    let before = ctx.query("cursor").map(parse_cursor).transpose()?;
    let before = before.as_ref().map(|(at, order_no)| (*at, order_no));
    let db = records::open().await.map_err(problems::of_store)?;
    let mut page = orders::list(&db, user, before, size + 1)
        .await
        .map_err(problems::of_store)?;
    // One more than asked for shows whether there is another page.
    let more = page.len() > size as usize;
    page.truncate(size as usize);
    let next = page.last().filter(|_| more).map(cursor);
    let items = views::complete(&db, page).await.map_err(problems::of_store)?;
    respond::json(StatusCode::OK, &json!({ "items": items, "nextCursor": next }))
}

pub fn cursor(order: &Order) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(format!("{}:{}", order.created_at.millis(), order.order_no))
}

pub fn parse_cursor(text: &str) -> Result<(Instant, OrderNo), Problem> {
    let parse = || {
        let decoded = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
        let (at, order_no) = decoded.split_once(':')?;
        Some((Instant::from_millis(at.parse().ok()?), order_no.parse().ok()?))
    };
    parse().ok_or_else(|| Problem::field("cursor", "not a cursor that an earlier page gave"))
}

/// What the QR code shows, while there is something to pay.
async fn payment(ctx: &RequestContext, order_no: &str) -> Result<Answer, Problem> {
    let (_, order) = own(ctx, order_no).await?;
    match &order.code {
        Some(code) if !order.status.is_final() => respond::json(
            StatusCode::OK,
            &json!({
                "url": code.url, "deeplink": code.deeplink, "expiresAt": code.expires_at.to_string(),
                "status": order.status.as_str(), "amount": order.pay_amount.get(),
            }),
        ),
        _ => Err(Problem::new(Code::OrderFinal).with_detail(format!("the order is {}", order.status))),
    }
}

async fn cancel(ctx: &RequestContext, order_no: &str) -> Result<Answer, Problem> {
    let (db, order) = own(ctx, order_no).await?;
    if order.status.is_final() {
        return Err(
            Problem::new(Code::OrderNotCancelable).with_detail(format!("the order is {}", order.status))
        );
    }
    let order = patiently(&order.order_no, &Reason::Cancel, ctx)
        .await
        .map_err(problems::of)?;
    if order.fail_code != Some(domain::FailCode::CanceledByUser) && order.status.is_final() {
        // The payment was faster.
        return Err(
            Problem::new(Code::OrderNotCancelable).with_detail(format!("the order is {}", order.status))
        );
    }
    respond::json(
        StatusCode::OK,
        &views::one(&db, order).await.map_err(problems::of_store)?,
    )
}

/// Waits for whoever works on the order, for [`PATIENCE`] tenths of a second.
pub async fn patiently(
    order_no: &OrderNo,
    reason: &Reason,
    ctx: &RequestContext,
) -> Result<Order, WorkError> {
    let mut tries = 0;
    loop {
        match tend::tend(order_no, reason, ctx).await {
            Err(WorkError::Busy) if tries < PATIENCE => {
                tries += 1;
                spin_sdk::time::sleep(Duration::from_millis(100)).await;
            }
            outcome => return outcome,
        }
    }
}

/// A fresh token for the order's WebSocket channel, for a page that was loaded again.
async fn open_channel(ctx: &RequestContext, order_no: &str) -> Result<Answer, Problem> {
    let settings = Settings::read().await?;
    let (db, order) = own(ctx, order_no).await?;
    let nonce = format!("{:016x}", checkout::random_bits()?);
    let token = channel::token(&settings.channel_secret, &order.order_no, &nonce);
    let now = Instant::now();
    let expires_at = now.plus(channel::LIFETIME);
    let token_hash = channel::token_hash(&token);
    let stored = db.transact(async |tx| {
        orders::lock(tx, order.order_no.as_str()).await?;
        channels::prune(tx, now).await?;
        channels::insert(tx, &token_hash, &order.order_no, expires_at).await
    });
    stored.await.map_err(problems::of_store)?;
    respond::json(
        StatusCode::OK,
        &json!({ "token": token, "url": settings.realtime_url, "expiresAt": expires_at.to_string() }),
    )
}
