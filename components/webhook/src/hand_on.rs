//! From here to the order component, which stores the event before it does anything else.

use std::time::Duration;

use edge::outbound::{Call, Error, Reply};
use edge::{Code, Problem, RequestContext, variables};
use paypay::webhook::TransactionEvent;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// PayPay waits 2.0 s; the way there and back has to fit in as well.
pub const BUDGET: Duration = Duration::from_millis(1_500);

/// What became of an event: `applied`, `stored`, `duplicate`, or `ignored` if it is none of a payment.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    pub outcome: String,
}

impl Outcome {
    pub fn ignored() -> Outcome {
        Outcome {
            outcome: "ignored".to_owned(),
        }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct PaymentEvent<'a> {
    payment_id: Option<&'a str>,
    merchant_payment_id: &'a str,
    state: &'a str,
    /// Yen.
    amount: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    paid_at: Option<&'a str>,
    raw: &'a Value,
    dedupe_key: &'a str,
    /// Another merchant's: to be told of, not believed.
    foreign: bool,
}

/// Hands an event on, within what is left of the budget.
///
/// # Errors
/// The order component's `ORDER_NOT_FOUND`, `AMOUNT_MISMATCH` and `MERCHANT_MISMATCH`, the last if the event is `foreign`. Everything else is `SERVICE_UNAVAILABLE`: whether the event was stored is then
/// not known, and PayPay's next attempt is the only other chance. Storing it twice does no harm.
pub async fn hand_on(
    ctx: &RequestContext,
    event: &TransactionEvent,
    raw: &Value,
    foreign: bool,
    left: Duration,
) -> Result<Outcome, Problem> {
    let call = Call::post(format!(
        "{}/payment-events",
        variables::base_url("order_url").await?
    ))
    .within(left)
    .json(&PaymentEvent {
        foreign,
        ..payment_event(event, raw, event.dedup_key().as_str())
    })?;
    judge(call.send(ctx).await)
}

fn payment_event<'a>(event: &'a TransactionEvent, raw: &'a Value, dedupe_key: &'a str) -> PaymentEvent<'a> {
    PaymentEvent {
        payment_id: event.payment_id.as_ref().map(|id| id.as_str()),
        merchant_payment_id: event.merchant_payment_id.as_str(),
        state: event.state.as_str(),
        amount: event.amount,
        paid_at: event.paid_at.as_deref(),
        raw,
        dedupe_key,
        foreign: false,
    }
}

fn judge(reply: Result<Reply, Error>) -> Result<Outcome, Problem> {
    let reply = reply.map_err(|error| not_stored(&error.to_string()))?;
    reply.json().map_err(|problem| match problem.code() {
        Code::OrderNotFound | Code::AmountMismatch | Code::MerchantMismatch => problem,
        _ => not_stored(&problem.to_string()),
    })
}

fn not_stored(reason: &str) -> Problem {
    Problem::new(Code::ServiceUnavailable)
        .with_detail(format!("not stored, send it again: {reason}"))
        .with_retry_after(1)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use edge::StatusCode;
    use serde_json::json;

    fn reply(status: u16, body: &Value) -> Result<Reply, Error> {
        Ok(Reply::for_test(
            StatusCode::from_u16(status).unwrap(),
            body.to_string(),
        ))
    }

    #[test]
    fn the_order_component_gets_all_that_it_needs() {
        let raw = json!({
            "merchant_id": "m-1", "order_id": "048", "merchant_order_id": "K20261122-7F3K9Q2MXA-1", "state": "COMPLETED",
            "order_amount": "1200", "paid_at": "2026-11-22T10:00:00+09:00",
        });
        let event = TransactionEvent::parse(raw.to_string().as_bytes()).unwrap();
        assert_eq!(
            serde_json::to_value(payment_event(&event, &raw, "k")).unwrap(),
            json!({
                "paymentId": "048", "merchantPaymentId": "K20261122-7F3K9Q2MXA-1", "state": "COMPLETED", "amount": 1200,
                "paidAt": "2026-11-22T10:00:00+09:00", "raw": raw, "dedupeKey": "k", "foreign": false,
            })
        );
    }

    #[test]
    fn what_became_of_it_is_what_we_answer() {
        assert_eq!(
            judge(reply(200, &json!({"outcome": "applied"}))).unwrap().outcome,
            "applied"
        );
        for (status, code) in [
            (404, "ORDER_NOT_FOUND"),
            (422, "AMOUNT_MISMATCH"),
            (422, "MERCHANT_MISMATCH"),
        ] {
            assert_eq!(
                judge(reply(status, &json!({"code": code})))
                    .unwrap_err()
                    .code()
                    .as_str(),
                code
            );
        }
    }

    #[test]
    fn whenever_it_may_not_be_stored_paypay_is_asked_to_send_it_again() {
        let failures = [
            reply(500, &json!({"code": "INTERNAL"})),
            reply(503, &json!({"code": "SERVICE_UNAVAILABLE"})),
            reply(400, &json!({"code": "VALIDATION_FAILED"})),
            reply(404, &json!({"code": "NOT_FOUND"})),
            reply(502, &json!("bad gateway")),
            reply(200, &json!({"unexpected": true})),
            Err(Error::Timeout {
                to: "order".to_owned(),
                limit: BUDGET,
            }),
            Err(Error::Unreachable {
                to: "order".to_owned(),
                reason: "refused".to_owned(),
            }),
        ];
        for failure in failures {
            let shown = format!("{failure:?}");
            assert_eq!(judge(failure).unwrap_err().status(), 503, "{shown}");
        }
    }
}
