//! What other systems hear of us. Field names and topics are a contract.

use crate::{FailCode, OrderNo, OrderStatus, PaymentStatus, Yen};
use serde::{Deserialize, Serialize};

/// Topics, keyed by order number; an alert about a saga that is no order's, by the saga's id.
pub mod topic {
    pub const ORDERS: &str = "orders.events.v1";
    pub const PAYMENTS: &str = "payments.events.v1";
    pub const ALERTS: &str = "alerts.order_payment_inconsistency.v1";
    /// Events that could not be read, each with the reason.
    pub const DEAD_LETTERS: &str = "alerts.dead_letter.v1";

    pub const ALL: [&str; 4] = [ORDERS, PAYMENTS, ALERTS, DEAD_LETTERS];
}

/// An order changed in a way that its buyer can see.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderStatusChanged {
    pub order_no: OrderNo,
    pub user_id: String,
    pub status: OrderStatus,
    pub payment_status: PaymentStatus,
    pub amount: Yen,
    /// Grows with every change of the order, from 1.
    pub version: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fail_code: Option<FailCode>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
    /// ISO 8601, UTC.
    pub at: String,
}

impl OrderStatusChanged {
    pub const TYPE: &'static str = "OrderStatusChanged";
}

/// PayPay's details were read and showed something new.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PaymentStatusObserved {
    pub order_no: OrderNo,
    pub merchant_payment_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payment_id: Option<String>,
    pub status: PaymentStatus,
    pub amount: Yen,
    /// `webhook`, `poll`, `expiry`, `cancel` or `reconcile`: what made us look.
    pub source: String,
    /// ISO 8601, UTC.
    pub at: String,
}

impl PaymentStatusObserved {
    pub const TYPE: &'static str = "PaymentStatusObserved";
}

/// Money was given back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RefundIssued {
    pub order_no: OrderNo,
    pub merchant_payment_id: String,
    pub merchant_refund_id: String,
    pub amount: Yen,
    pub reason: String,
    /// ISO 8601, UTC.
    pub at: String,
}

impl RefundIssued {
    pub const TYPE: &'static str = "RefundIssued";
}

/// Something is not as it must be, and a person should look.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AlertRaised {
    /// Derived from what the alert is about, so that raising it twice is recognised.
    pub alert_id: String,
    /// `A` to `D`: the rules over orders and payments. `M`: another amount than the order's was paid. `R`: our books and PayPay's differ, or PayPay refuses
    /// a refund. `S`: a saga was parked. `W`: a webhook contradicts its order.
    pub rule_id: String,
    /// `WARNING` or `CRITICAL`.
    pub severity: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_no: Option<String>,
    pub observed: String,
    pub expected: String,
    /// ISO 8601, UTC.
    pub detected_at: String,
    /// What raised it: `order`, or the alert processor.
    pub source: String,
    /// What it was concluded from.
    pub facts: serde_json::Value,
}

impl AlertRaised {
    pub const TYPE: &'static str = "AlertRaised";
}

/// A message that the alert processor could not read, for those who look after it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EventRejected {
    pub topic: String,
    pub partition: i64,
    pub offset: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_id: Option<String>,
    pub reason: String,
    /// Its value as text.
    pub data: String,
    /// ISO 8601, UTC.
    pub at: String,
}

impl EventRejected {
    pub const TYPE: &'static str = "EventRejected";
}

/// Every type of event, and the topic that it goes to.
pub const EVENT_TYPES: [(&str, &str); 5] = [
    (OrderStatusChanged::TYPE, topic::ORDERS),
    (PaymentStatusObserved::TYPE, topic::PAYMENTS),
    (RefundIssued::TYPE, topic::PAYMENTS),
    (AlertRaised::TYPE, topic::ALERTS),
    (EventRejected::TYPE, topic::DEAD_LETTERS),
];
