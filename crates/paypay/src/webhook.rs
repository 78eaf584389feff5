//! PayPay's transaction webhook. The body carries no signature and no event id: it proves nothing, so it is read strictly
//! where money depends on it and leniently everywhere else.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::ids::{MerchantPaymentId, PaymentId};
use crate::text_enum::text_enum;

text_enum! {
    /// What happened to the payment.
    pub enum State {
        Authorized = "AUTHORIZED",
        Completed = "COMPLETED",
        Failed = "FAILED",
        Canceled = "CANCELED",
        /// An authorization ran out.
        Expired = "EXPIRED",
        /// The buyer did not confirm in time.
        ExpiredUserConfirmation = "EXPIRED_USER_CONFIRMATION",
    }
}

/// Why a body is no transaction event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WebhookError {
    #[error("the body is not a JSON object")]
    NotAnObject,
    #[error("{0} is missing")]
    Missing(&'static str),
    #[error("{field} {reason}")]
    Invalid { field: &'static str, reason: String },
    /// A notification of another kind, such as a settlement file's; nothing to do with a payment.
    #[error("notification_type is {0:?}, not Transaction")]
    OtherNotification(String),
}

/// A transaction event. Write one with [`TransactionEvent::to_json`], read one with [`TransactionEvent::parse`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionEvent {
    pub merchant_id: Option<String>,
    pub store_id: Option<String>,
    pub pos_id: Option<String>,
    /// PayPay's payment id (`order_id`).
    pub payment_id: Option<PaymentId>,
    /// Ours (`merchant_order_id`).
    pub merchant_payment_id: MerchantPaymentId,
    pub state: State,
    /// Yen, 0 or more (`order_amount`, a string or a number).
    pub amount: Option<i64>,
    /// Instants as PayPay wrote them: a text in another format must not cost us the event. See [`instant_ms`].
    pub authorized_at: Option<String>,
    pub expires_at: Option<String>,
    pub paid_at: Option<String>,
}

/// Names one event: equal for repeats of it, different for anything that we would judge differently.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DedupKey(String);

impl DedupKey {
    /// 64 hexadecimal digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for DedupKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl TransactionEvent {
    /// Reads a webhook's body. Unknown fields are ignored; an unknown state is kept as [`State::Unknown`].
    pub fn parse(body: &[u8]) -> Result<Self, WebhookError> {
        let value: Value = serde_json::from_slice(body).map_err(|_| WebhookError::NotAnObject)?;
        let object = value.as_object().ok_or(WebhookError::NotAnObject)?;
        if let Some(kind) = text(object, "notification_type")?
            && kind != "Transaction"
        {
            return Err(WebhookError::OtherNotification(kind));
        }
        Ok(Self {
            merchant_id: text(object, "merchant_id")?,
            store_id: loose(object, "store_id"),
            pos_id: loose(object, "pos_id"),
            payment_id: text(object, "order_id")?
                .map(|id| id.parse().map_err(|error| invalid("order_id", error)))
                .transpose()?,
            merchant_payment_id: text(object, "merchant_order_id")?
                .ok_or(WebhookError::Missing("merchant_order_id"))?
                .parse()
                .map_err(|error| invalid("merchant_order_id", error))?,
            state: match text(object, "state")? {
                None => return Err(WebhookError::Missing("state")),
                Some(word) if word.is_empty() => return Err(invalid("state", "is empty")),
                Some(word) => State::from(word.as_str()),
            },
            amount: amount(object)?,
            authorized_at: loose(object, "authorized_at"),
            expires_at: loose(object, "expires_at"),
            paid_at: loose(object, "paid_at"),
        })
    }

    /// The body PayPay would send; `order_amount` as a string.
    pub fn to_json(&self) -> Value {
        serde_json::json!({
            "notification_type": "Transaction",
            "merchant_id": self.merchant_id,
            "store_id": self.store_id,
            "pos_id": self.pos_id,
            "order_id": self.payment_id,
            "merchant_order_id": self.merchant_payment_id,
            "authorized_at": self.authorized_at,
            "expires_at": self.expires_at,
            "paid_at": self.paid_at,
            "order_amount": self.amount.map(|amount| amount.to_string()),
            "state": self.state,
        })
    }

    /// The event's name, made of all that identifies it or is checked: were merchant or amount left out, a forgery that arrived first would make
    /// the true event look like a repeat.
    pub fn dedup_key(&self) -> DedupKey {
        let amount = self.amount.map(|amount| amount.to_string());
        let parts = [
            self.payment_id.as_ref().map(PaymentId::as_str),
            Some(self.merchant_payment_id.as_str()),
            Some(self.state.as_str()),
            self.merchant_id.as_deref(),
            amount.as_deref(),
            self.authorized_at.as_deref(),
            self.expires_at.as_deref(),
            self.paid_at.as_deref(),
        ];
        let mut digest = Sha256::new();
        for part in parts {
            // The length in front keeps ("ab","c") and ("a","bc") apart, and an absent part from an empty one.
            match part {
                None => digest.update(b"-"),
                Some(part) => {
                    digest.update(format!("{}:", part.len()));
                    digest.update(part);
                }
            }
        }
        DedupKey(
            digest
                .finalize()
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect(),
        )
    }
}

/// An instant of an event in epoch milliseconds UTC: ISO 8601 with an offset, or epoch seconds. `None`: neither.
pub fn instant_ms(text: &str) -> Option<i64> {
    match text.parse::<i64>() {
        Ok(seconds) => seconds.checked_mul(1000),
        Err(_) => text.parse::<Timestamp>().ok().map(Timestamp::as_millisecond),
    }
}

fn invalid(field: &'static str, reason: impl ToString) -> WebhookError {
    WebhookError::Invalid {
        field,
        reason: reason.to_string(),
    }
}

fn text(object: &Map<String, Value>, field: &'static str) -> Result<Option<String>, WebhookError> {
    match object.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(invalid(field, "must be a string")),
    }
}

/// A field that nothing depends on: a text or a number, anything else counts as absent.
fn loose(object: &Map<String, Value>, field: &str) -> Option<String> {
    match object.get(field)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn amount(object: &Map<String, Value>) -> Result<Option<i64>, WebhookError> {
    let amount = match object.get("order_amount") {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Number(number)) => number.as_i64(),
        Some(Value::String(text)) if text.bytes().all(|b| b.is_ascii_digit()) => text.parse().ok(),
        Some(_) => None,
    };
    match amount {
        Some(yen) if yen >= 0 => Ok(Some(yen)),
        _ => Err(invalid(
            "order_amount",
            "must be a whole number of yen, 0 or more",
        )),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn body() -> Value {
        json!({
            "notification_type": "Transaction", "merchant_id": "m-1", "store_id": "s", "pos_id": null, "order_id": "0123",
            "merchant_order_id": "order-1", "authorized_at": null, "expires_at": null, "paid_at": "2026-11-22T10:00:00+09:00",
            "order_amount": "1200", "state": "COMPLETED"
        })
    }

    fn parse(value: &Value) -> Result<TransactionEvent, WebhookError> {
        TransactionEvent::parse(value.to_string().as_bytes())
    }

    fn with(field: &str, value: Value) -> Value {
        let mut body = body();
        body[field] = value;
        body
    }

    fn without(field: &str) -> Value {
        let mut body = body();
        body.as_object_mut().unwrap().remove(field);
        body
    }

    #[test]
    fn an_event_reads_with_its_amount_as_string_or_number_and_with_extra_fields() {
        let event = parse(&body()).unwrap();
        assert_eq!(event.amount, Some(1200));
        assert_eq!(event.state, State::Completed);
        assert_eq!(event.payment_id.as_ref().map(PaymentId::as_str), Some("0123"));
        assert_eq!(
            event.paid_at.as_deref().and_then(instant_ms),
            Some(1_795_309_200_000)
        );
        assert_eq!(parse(&with("order_amount", json!(1200))).unwrap(), event);
        assert_eq!(parse(&with("coupon", json!({"new": true}))).unwrap(), event);
        assert_eq!(parse(&event.to_json()).unwrap(), event);
    }

    #[test]
    fn what_may_be_missing_may_be_missing() {
        for field in [
            "notification_type",
            "merchant_id",
            "order_id",
            "order_amount",
            "paid_at",
            "store_id",
        ] {
            assert!(parse(&without(field)).is_ok(), "{field}");
        }
        assert_eq!(parse(&with("paid_at", json!({"odd": 1}))).unwrap().paid_at, None);
        assert_eq!(
            parse(&with("state", json!("PAUSED"))).unwrap().state,
            State::Unknown("PAUSED".to_owned())
        );
    }

    #[test]
    fn what_money_depends_on_is_read_strictly() {
        assert_eq!(
            parse(&without("merchant_order_id")),
            Err(WebhookError::Missing("merchant_order_id"))
        );
        assert_eq!(parse(&without("state")), Err(WebhookError::Missing("state")));
        for (field, value) in [
            ("order_amount", json!("-1")),
            ("order_amount", json!("12e2")),
            ("order_amount", json!("")),
            ("order_amount", json!(1.5)),
            ("order_amount", json!(-1)),
            ("order_amount", json!("99999999999999999999")),
            ("order_amount", json!([1200])),
            ("merchant_order_id", json!("../admin")),
            ("merchant_order_id", json!(7)),
            ("state", json!("")),
            ("state", json!(1)),
            ("merchant_id", json!(1)),
        ] {
            let error = parse(&with(field, value.clone())).unwrap_err();
            assert!(
                matches!(error, WebhookError::Invalid { field: named, .. } if named == field),
                "{field} {value}: {error}"
            );
        }
        let other = parse(&with("notification_type", json!("ReconFile")));
        assert_eq!(
            other,
            Err(WebhookError::OtherNotification("ReconFile".to_owned()))
        );
        for bytes in [&b""[..], b"[]", b"\xff", b"{\"state\":"] {
            assert_eq!(TransactionEvent::parse(bytes), Err(WebhookError::NotAnObject));
        }
    }

    #[test]
    fn a_repeat_has_the_same_key_and_any_other_event_another() {
        let key = |value: Value| parse(&value).unwrap().dedup_key();
        let first = key(body());
        assert_eq!(first.as_str().len(), 64);
        assert_eq!(key(with("order_amount", json!(1200))), first);
        assert_eq!(key(with("coupon", json!("x"))), first);
        for (field, value) in [
            ("order_amount", json!(1)),
            ("merchant_id", json!("m-2")),
            ("order_id", json!("0124")),
            ("merchant_order_id", json!("order-2")),
            ("state", json!("FAILED")),
            ("paid_at", json!(null)),
            ("paid_at", json!("")),
        ] {
            assert_ne!(key(with(field, value)), first, "{field}");
        }
        assert_ne!(key(with("paid_at", json!(null))), key(with("paid_at", json!(""))));
    }

    proptest! {
        #[test]
        fn reading_never_panics_whatever_a_field_holds(
            field in prop::sample::select(vec!["order_amount", "state", "merchant_order_id", "order_id", "paid_at"]),
            text in ".{0,80}",
            number in any::<f64>(),
            garbage in prop::collection::vec(any::<u8>(), 0..100),
        ) {
            for value in [json!(text), json!(number), json!([text])] {
                if let Ok(event) = parse(&with(field, value)) {
                    prop_assert_eq!(parse(&event.to_json()).unwrap().dedup_key(), event.dedup_key());
                    let _ = event.paid_at.as_deref().map(instant_ms);
                }
            }
            let _ = TransactionEvent::parse(&garbage);
        }
    }
}
