//! Which bodies are events of ours.

use edge::{Code, Problem};
use paypay::webhook::{State, TransactionEvent, WebhookError};
use serde_json::Value;

/// What a body is, if there is nothing wrong with it.
#[derive(Debug, PartialEq)]
pub enum Event {
    /// A payment changed. The value is the body as PayPay wrote it, for the record.
    Transaction(Box<TransactionEvent>, Value),
    /// The same of a merchant who is not us. Nothing comes of it but a word to a person, if the order is one of ours.
    Foreign(Box<TransactionEvent>, Value),
    /// A notification that is not about a payment; PayPay need not send it again.
    Other(String),
}

/// Reads a body.
///
/// # Errors
/// `MALFORMED_JSON`, `VALIDATION_FAILED` with the field, `UNKNOWN_STATE`
pub fn read(body: &[u8], merchant_id: &str) -> Result<Event, Problem> {
    let raw: Value = serde_json::from_slice(body)
        .map_err(|error| Problem::new(Code::MalformedJson).with_detail(error.to_string()))?;
    let event = match TransactionEvent::parse(body) {
        Ok(event) => event,
        Err(WebhookError::OtherNotification(kind)) => return Ok(Event::Other(kind)),
        Err(error) => return Err(refusal(&error)),
    };
    // PayPay leaves fields out at times. An absent merchant says nothing false, and the payment's details are read anyway.
    if event.merchant_id.as_deref().is_some_and(|id| id != merchant_id) {
        return Ok(Event::Foreign(Box::new(event), raw));
    }
    if matches!(event.state, State::Unknown(_)) {
        return Err(Problem::new(Code::UnknownState).with_error("state", "is not one of PayPay's"));
    }
    Ok(Event::Transaction(Box::new(event), raw))
}

fn refusal(error: &WebhookError) -> Problem {
    match error {
        WebhookError::Missing(field) => Problem::field(*field, "is missing"),
        WebhookError::Invalid { field, reason } => Problem::field(*field, reason.clone()),
        WebhookError::NotAnObject | WebhookError::OtherNotification(_) => {
            Problem::field("body", error.to_string())
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    const MERCHANT: &str = "m-1";

    fn body() -> Value {
        json!({
            "notification_type": "Transaction", "merchant_id": MERCHANT, "order_id": "048", "merchant_order_id": "K20261122-7F3K9Q2MXA-1",
            "paid_at": "2026-11-22T10:00:00+09:00", "order_amount": "1200", "state": "COMPLETED", "coupon": {"new": true},
        })
    }

    fn with(field: &str, value: Value) -> Value {
        let mut body = body();
        body[field] = value;
        body
    }

    fn read_json(body: &Value) -> Result<Event, Problem> {
        read(body.to_string().as_bytes(), MERCHANT)
    }

    #[test]
    fn an_event_of_ours_is_read_and_kept_whole() {
        let Event::Transaction(event, raw) = read_json(&body()).unwrap() else {
            panic!("no transaction")
        };
        assert_eq!((event.amount, event.state), (Some(1200), State::Completed));
        assert_eq!(raw, body());
    }

    #[test]
    fn forged_and_broken_bodies_are_refused_each_with_its_code() {
        for (body, code) in [
            (with("merchant_id", json!(1)), Code::ValidationFailed),
            (with("state", json!("PAUSED")), Code::UnknownState),
            (with("state", json!("completed")), Code::UnknownState),
            (with("state", json!(null)), Code::ValidationFailed),
            (with("order_amount", json!("-1")), Code::ValidationFailed),
            (with("order_amount", json!(1.5)), Code::ValidationFailed),
            (with("merchant_order_id", json!(null)), Code::ValidationFailed),
            (json!([]), Code::ValidationFailed),
            (json!("Transaction"), Code::ValidationFailed),
        ] {
            assert_eq!(read_json(&body).unwrap_err().code(), code, "{body}");
        }
        for text in ["", "{", "state=COMPLETED", "\u{feff}{}"] {
            assert_eq!(
                read(text.as_bytes(), MERCHANT).unwrap_err().code(),
                Code::MalformedJson,
                "{text}"
            );
        }
        assert_eq!(
            read_json(&with("state", json!(null))).unwrap_err().errors()[0].field,
            "state"
        );
    }

    #[test]
    fn another_merchant_s_event_is_none_of_ours() {
        for merchant in ["m-2", ""] {
            let event = read_json(&with("merchant_id", json!(merchant)));
            assert!(matches!(event, Ok(Event::Foreign(..))), "{event:?}");
        }
    }

    #[test]
    fn a_missing_merchant_is_no_other_merchant() {
        assert!(matches!(
            read_json(&with("merchant_id", json!(null))),
            Ok(Event::Transaction(..))
        ));
    }

    #[test]
    fn other_notifications_are_acknowledged() {
        assert_eq!(
            read_json(&with("notification_type", json!("ReconFile"))),
            Ok(Event::Other("ReconFile".to_owned()))
        );
    }
}
