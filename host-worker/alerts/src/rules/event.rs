//! What the rules read of an event.

use domain::{
    Instant, OrderNo, OrderStatus, OrderStatusChanged, PaymentStatus, PaymentStatusObserved, RefundIssued,
    Yen, topic,
};
use serde::Deserialize;
use std::borrow::Cow;

/// One event about one order, as far as the rules read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub order_no: OrderNo,
    /// When it happened, by the clock of whoever it happened to.
    pub at: Instant,
    pub fact: Fact,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    Order {
        status: OrderStatus,
        payment_status: PaymentStatus,
        version: u64,
        amount: Yen,
    },
    /// What PayPay's details said.
    Payment {
        merchant_payment_id: String,
        payment_id: Option<String>,
        status: PaymentStatus,
        amount: Yen,
    },
    Refund {
        merchant_payment_id: String,
        amount: Yen,
    },
}

/// Why an event cannot be read. No repeat changes that.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    #[error("not a {kind}: {reason}")]
    Data { kind: &'static str, reason: String },
    #[error("`{0}` is not an instant")]
    At(String),
    #[error("stored under the key `{key}` but about the order {order_no}")]
    Key { key: String, order_no: OrderNo },
}

/// What the rules read of an [`OrderStatusChanged`].
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OrderChanged<'a> {
    order_no: OrderNo,
    status: OrderStatus,
    payment_status: PaymentStatus,
    amount: Yen,
    version: u64,
    #[serde(borrow)]
    at: Cow<'a, str>,
}

/// What the rules read of a [`PaymentStatusObserved`].
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PaymentSeen<'a> {
    order_no: OrderNo,
    merchant_payment_id: String,
    payment_id: Option<String>,
    status: PaymentStatus,
    amount: Yen,
    #[serde(borrow)]
    at: Cow<'a, str>,
}

/// What the rules read of a [`RefundIssued`].
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Refunded<'a> {
    order_no: OrderNo,
    merchant_payment_id: String,
    amount: Yen,
    #[serde(borrow)]
    at: Cow<'a, str>,
}

impl Event {
    /// Reads an event; `None` for a type that the rules have no use for. `key` must be the order's number: what decides in which order events come.
    pub fn read(topic: &str, kind: &str, key: &[u8], data: &[u8]) -> Result<Option<Event>, Malformed> {
        let event = match (topic, kind) {
            (topic::ORDERS, OrderStatusChanged::TYPE) => {
                let changed: OrderChanged<'_> = parse(OrderStatusChanged::TYPE, data)?;
                Event {
                    at: instant(&changed.at)?,
                    order_no: changed.order_no,
                    fact: Fact::Order {
                        status: changed.status,
                        payment_status: changed.payment_status,
                        version: changed.version,
                        amount: changed.amount,
                    },
                }
            }
            (topic::PAYMENTS, PaymentStatusObserved::TYPE) => {
                let seen: PaymentSeen<'_> = parse(PaymentStatusObserved::TYPE, data)?;
                Event {
                    at: instant(&seen.at)?,
                    order_no: seen.order_no,
                    fact: Fact::Payment {
                        merchant_payment_id: seen.merchant_payment_id,
                        payment_id: seen.payment_id,
                        status: seen.status,
                        amount: seen.amount,
                    },
                }
            }
            (topic::PAYMENTS, RefundIssued::TYPE) => {
                let issued: Refunded<'_> = parse(RefundIssued::TYPE, data)?;
                Event {
                    at: instant(&issued.at)?,
                    order_no: issued.order_no,
                    fact: Fact::Refund {
                        merchant_payment_id: issued.merchant_payment_id,
                        amount: issued.amount,
                    },
                }
            }
            _ => return Ok(None),
        };
        if event.order_no.as_str().as_bytes() == key {
            Ok(Some(event))
        } else {
            Err(Malformed::Key {
                key: String::from_utf8_lossy(key).chars().take(64).collect(),
                order_no: event.order_no,
            })
        }
    }
}

fn parse<'a, T: Deserialize<'a>>(kind: &'static str, data: &'a [u8]) -> Result<T, Malformed> {
    serde_json::from_slice(data).map_err(|error| Malformed::Data {
        kind,
        reason: error.to_string(),
    })
}

/// ISO 8601 with an offset.
pub(crate) fn instant(text: &str) -> Result<Instant, Malformed> {
    text.parse::<jiff::Timestamp>()
        .map(|at| Instant::from_millis(at.as_millisecond()))
        .map_err(|_| Malformed::At(text.chars().take(64).collect()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    const ORDER: &str = "K20261122-7F3K9Q2MXA";

    fn paid() -> serde_json::Value {
        json!({"orderNo": ORDER, "userId": "u", "status": "PAID", "paymentStatus": "COMPLETED", "amount": 1200, "version": 3,
               "at": "2026-11-22T01:00:00.000Z"})
    }

    fn read(key: &str, data: &serde_json::Value) -> Result<Option<Event>, Malformed> {
        Event::read(
            topic::ORDERS,
            "OrderStatusChanged",
            key.as_bytes(),
            data.to_string().as_bytes(),
        )
    }

    #[test]
    fn an_order_s_event_is_read_with_the_time_it_happened_at() {
        let event = read(ORDER, &paid()).unwrap().unwrap();
        assert_eq!(event.at.millis(), 1_795_309_200_000);
        assert!(matches!(
            event.fact,
            Fact::Order {
                status: OrderStatus::Paid,
                version: 3,
                ..
            }
        ));
    }

    #[test]
    fn what_cannot_be_read_says_why_and_other_types_are_passed_over() {
        assert!(matches!(
            read("K20261122-0000000000", &paid()),
            Err(Malformed::Key { .. })
        ));
        for (field, value) in [
            ("status", json!("SHIPPED")),
            ("amount", json!(-1)),
            ("version", json!("three")),
            ("orderNo", json!("K1")),
            ("paymentStatus", json!(null)),
        ] {
            let mut data = paid();
            data[field] = value;
            assert!(
                matches!(read(ORDER, &data), Err(Malformed::Data { .. })),
                "{field}"
            );
        }
        let mut data = paid();
        data["at"] = json!("yesterday");
        assert_eq!(read(ORDER, &data), Err(Malformed::At("yesterday".into())));
        assert!(Event::read(topic::ORDERS, "OrderStatusChanged", ORDER.as_bytes(), b"\xff{").is_err());
        assert_eq!(
            Event::read(topic::ORDERS, "OrderShipped", ORDER.as_bytes(), b"{}"),
            Ok(None)
        );
        assert_eq!(
            Event::read("another.topic", "OrderStatusChanged", ORDER.as_bytes(), b"{}"),
            Ok(None)
        );
    }
}
