//! The buyer's own orders. The order component decides; here it is checked who asks, and what for.

use domain::OrderNo;
use edge::outbound::Call;
use edge::{
    Answer, Body, Code, Problem, RequestContext, StatusCode, header, is_visible_ascii, json_body, respond,
};
use serde::Deserialize;

use super::cart::{Cart, NewOrder};
use super::qr;
use crate::order_component::{SAGA_LIMIT, address, send};
use crate::query::Query;
use crate::session::Session;

/// Fifty lines take about 3 KiB.
const LARGEST_ORDER: usize = 64 * 1024;

/// Places an order. The same key and body give the same answer, byte for byte.
pub async fn create(ctx: &RequestContext, session: &Session, body: impl Body) -> Result<Answer, Problem> {
    let key = idempotency_key(ctx)?;
    let cart: Cart = json_body(ctx, body, LARGEST_ORDER).await?;
    let order = NewOrder::try_from(cart)?;
    let call = Call::post(address("/orders").await?)
        .header("idempotency-key", key)
        .within(SAGA_LIMIT)
        .json(&order)?;
    send(ctx, session, call).await?.pass_on()
}

fn idempotency_key(ctx: &RequestContext) -> Result<&str, Problem> {
    ctx.header("idempotency-key")
        .filter(|key| is_visible_ascii(key, 128))
        .ok_or_else(|| {
            Problem::new(Code::IdempotencyKeyRequired)
                .with_error("Idempotency-Key", "must be 1 to 128 visible ASCII characters")
        })
}

/// The buyer's orders, newest first.
pub async fn list(ctx: &RequestContext, session: &Session) -> Result<Answer, Problem> {
    let query = Query::of(ctx).cursor()?.number("size", 1..=50_u32)?.finish();
    let call = Call::get(address(&format!("/orders{query}")).await?);
    send(ctx, session, call).await?.pass_on()
}

pub async fn show(ctx: &RequestContext, session: &Session, order_no: &str) -> Result<Answer, Problem> {
    let url = order_address(order_no, "").await?;
    send(ctx, session, Call::get(url)).await?.pass_on()
}

pub async fn cancel(ctx: &RequestContext, session: &Session, order_no: &str) -> Result<Answer, Problem> {
    let url = order_address(order_no, "/cancel").await?;
    send(ctx, session, Call::post(url).within(SAGA_LIMIT))
        .await?
        .pass_on()
}

/// A fresh token for the order's WebSocket.
pub async fn channel(ctx: &RequestContext, session: &Session, order_no: &str) -> Result<Answer, Problem> {
    let url = order_address(order_no, "/channel").await?;
    send(ctx, session, Call::post(url)).await?.pass_on()
}

/// Where and until when to pay.
pub async fn payment(ctx: &RequestContext, session: &Session, order_no: &str) -> Result<Answer, Problem> {
    let url = order_address(order_no, "/payment").await?;
    send(ctx, session, Call::get(url)).await?.pass_on()
}

/// What the order component tells of an order's payment, as far as a picture of it needs.
#[derive(Deserialize)]
struct Payment {
    url: String,
}

/// The payment's address as a QR code: SVG, or PNG if `Accept` prefers it.
pub async fn qrcode(ctx: &RequestContext, session: &Session, order_no: &str) -> Result<Answer, Problem> {
    let url = order_address(order_no, "/payment").await?;
    let payment: Payment = send(ctx, session, Call::get(url)).await?.json()?;
    let drawn = match qr::Format::preferred(ctx.header(header::ACCEPT.as_str()).unwrap_or_default()) {
        qr::Format::Svg => respond::bytes(StatusCode::OK, "image/svg+xml", qr::svg(&payment.url)?),
        qr::Format::Png => respond::bytes(StatusCode::OK, "image/png", qr::png(&payment.url)?),
    };
    respond::with_header(drawn, header::VARY, "Accept")
}

/// An order's address at the order component. What is not an order number names no order, and is not sent on.
async fn order_address(order_no: &str, rest: &str) -> Result<String, Problem> {
    let order_no: OrderNo = order_no.parse().map_err(|_| Problem::new(Code::OrderNotFound))?;
    address(&format!("/orders/{}{rest}", order_no.as_str())).await
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::session::Role;
    use bytes::Bytes;
    use domain::Instant;
    use futures::executor::block_on;
    use http_body_util::Full;

    fn session() -> Session {
        Session {
            user_id: "u1".to_owned(),
            email: None,
            name: None,
            role: Role::Buyer,
            expires_at: Instant::from_millis(0),
        }
    }

    fn place(key: Option<&str>, content_type: &str, body: &'static str) -> Code {
        let mut ctx =
            RequestContext::for_test("POST", "/api/orders").with_header("content-type", content_type);
        if let Some(key) = key {
            ctx = ctx.with_header("idempotency-key", key);
        }
        block_on(create(
            &ctx,
            &session(),
            Full::new(Bytes::from_static(body.as_bytes())),
        ))
        .unwrap_err()
        .code()
    }

    #[test]
    fn an_order_is_checked_before_anybody_is_asked() {
        let long = "k".repeat(129);
        for (key, content_type, body, code) in [
            (None, "application/json", "{}", Code::IdempotencyKeyRequired),
            (Some(""), "application/json", "{}", Code::IdempotencyKeyRequired),
            (
                Some("two words"),
                "application/json",
                "{}",
                Code::IdempotencyKeyRequired,
            ),
            (
                Some(long.as_str()),
                "application/json",
                "{}",
                Code::IdempotencyKeyRequired,
            ),
            (Some("k"), "text/plain", "{}", Code::UnsupportedMediaType),
            (Some("k"), "application/json", "{", Code::MalformedJson),
            (Some("k"), "application/json", "{}", Code::ValidationFailed),
            (Some("k"), "application/json", r#"{"items":[]}"#, Code::EmptyCart),
            (
                Some("k"),
                "application/json",
                r#"{"items":[{"productId":1,"quantity":0}]}"#,
                Code::ValidationFailed,
            ),
        ] {
            assert_eq!(
                place(key, content_type, body),
                code,
                "{key:?} {content_type} {body}"
            );
        }
    }

    #[test]
    fn what_is_no_order_number_names_no_order() {
        for order_no in [
            "",
            "1",
            "..",
            "K20261122-7f3k9q2mxa",
            "K20261122-7F3K9Q2MXA/cancel",
            "K1?x=1",
        ] {
            let ctx = RequestContext::for_test("GET", "/");
            assert_eq!(
                block_on(show(&ctx, &session(), order_no)).unwrap_err().code(),
                Code::OrderNotFound,
                "{order_no}"
            );
        }
    }
}
