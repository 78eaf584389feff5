//! An order in memory: every change goes through here, and leaves behind what must be stored and told together with it.

use domain::{
    AlertRaised, FailCode, IllegalTransition, Instant, MerchantPaymentId, OrderNo, OrderStatus,
    OrderStatusChanged, PaymentStatus, PaymentStatusObserved, Quantity, RefundIssued, Yen, topic,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One product of an order, with name and price as they were when it was ordered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub product_id: u32,
    pub name: String,
    pub unit_price: Yen,
    pub quantity: Quantity,
}

/// What the buyer scans.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaymentCode {
    pub url: String,
    pub deeplink: String,
    pub expires_at: Instant,
}

/// A refund of a paid order, as somebody ordered it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefundRequest {
    pub reason: String,
    /// Put the pieces back into the stock.
    pub restock: bool,
}

/// One line of the history that a buyer sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimelineEntry {
    pub at: Instant,
    pub event: &'static str,
    pub detail: Option<String>,
}

/// One event for the outbox.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Derived from the order and its version, so that telling it twice is recognised.
    pub id: String,
    pub topic: &'static str,
    pub kind: &'static str,
    pub data: Value,
}

/// What has changed since the order was loaded.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Changes {
    pub timeline: Vec<TimelineEntry>,
    pub events: Vec<Event>,
    /// An id under which PayPay will be asked for a code; it must be on disk before PayPay is.
    pub payment_attempt: Option<MerchantPaymentId>,
    /// Payments of which nothing more is to be expected.
    pub settled: Vec<String>,
    /// Whether the order's row changed.
    pub row: bool,
}

#[derive(Clone, Debug)]
pub struct Order {
    pub order_no: OrderNo,
    pub user_id: String,
    pub status: OrderStatus,
    pub payment_status: PaymentStatus,
    pub fail_code: Option<FailCode>,
    /// What the lines add up to.
    pub amount: Yen,
    /// The part taken from the buyer's balance.
    pub balance_amount: Yen,
    /// The part asked of PayPay.
    pub pay_amount: Yen,
    pub merchant_payment_id: Option<String>,
    /// PayPay's id of the payment, once there is one.
    pub payment_id: Option<String>,
    pub code: Option<PaymentCode>,
    /// A refund that was ordered and is not done.
    pub refund_request: Option<RefundRequest>,
    /// Readings of PayPay's details so far.
    pub polls: u32,
    /// From 1; grows with every change that a buyer can see.
    pub version: u64,
    pub created_at: Instant,
    pub updated_at: Instant,
    pub changes: Changes,
}

/// What PayPay's details said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    pub merchant_payment_id: String,
    pub payment_id: Option<String>,
    pub status: PaymentStatus,
    pub amount: Yen,
}

impl Order {
    /// A new order, not stored yet.
    pub fn place(
        order_no: OrderNo,
        user_id: String,
        amount: Yen,
        balance_amount: Yen,
        pay_amount: Yen,
        now: Instant,
    ) -> Order {
        let mut order = Order {
            order_no,
            user_id,
            status: OrderStatus::Pending,
            payment_status: PaymentStatus::None,
            fail_code: None,
            amount,
            balance_amount,
            pay_amount,
            merchant_payment_id: None,
            payment_id: None,
            code: None,
            refund_request: None,
            polls: 0,
            version: 0,
            created_at: now,
            updated_at: now,
            changes: Changes::default(),
        };
        order.tell("ORDER_PLACED", None, now);
        if !pay_amount.is_zero() {
            order.use_payment_attempt(1);
        }
        order
    }

    /// From now on PayPay is asked under the id of the `attempt`-th attempt.
    pub fn use_payment_attempt(&mut self, attempt: u32) {
        let id = self.order_no.merchant_payment_id(attempt);
        self.merchant_payment_id = Some(id.as_str().to_owned());
        self.changes.payment_attempt = Some(id);
        self.changes.row = true;
    }

    /// PayPay gave a code: the buyer can pay.
    pub fn await_payment(&mut self, code: PaymentCode, now: Instant) -> Result<(), IllegalTransition> {
        self.status = self.status.to(OrderStatus::WaitingPayment)?;
        self.payment_status = PaymentStatus::Created;
        self.code = Some(code);
        self.tell("PAYMENT_REQUESTED", None, now);
        Ok(())
    }

    /// PayPay's details were read. Tells the world if they say something new.
    pub fn observe(&mut self, seen: &Observation, source: &str, now: Instant) {
        if seen.status == self.payment_status && seen.payment_id == self.payment_id {
            return;
        }
        self.payment_status = seen.status;
        self.payment_id.clone_from(&seen.payment_id);
        self.changes.row = true;
        let observed = PaymentStatusObserved {
            order_no: self.order_no.clone(),
            merchant_payment_id: seen.merchant_payment_id.clone(),
            payment_id: seen.payment_id.clone(),
            status: seen.status,
            amount: seen.amount,
            source: source.to_owned(),
            at: now.to_string(),
        };
        let id = format!(
            "{}:{}:{}",
            seen.merchant_payment_id,
            seen.status,
            seen.payment_id.as_deref().unwrap_or("-")
        );
        self.publish(id, topic::PAYMENTS, PaymentStatusObserved::TYPE, &observed);
    }

    /// Paid and sold.
    pub fn mark_paid(&mut self, now: Instant) -> Result<(), IllegalTransition> {
        self.status = self.status.to(OrderStatus::Paid)?;
        self.changes.settled.extend(self.merchant_payment_id.clone());
        self.tell("PAID", None, now);
        Ok(())
    }

    /// Over, with everything given back.
    pub fn mark_failed(&mut self, code: FailCode, now: Instant) -> Result<(), IllegalTransition> {
        self.status = self.status.to(OrderStatus::Failed)?;
        self.fail_code = Some(code);
        self.tell("FAILED", Some(code.to_string()), now);
        Ok(())
    }

    /// Somebody ordered a refund of a paid order.
    pub fn request_refund(&mut self, request: RefundRequest) -> Result<(), IllegalTransition> {
        self.status.to(OrderStatus::Refunded)?;
        self.refund_request = Some(request);
        self.changes.row = true;
        Ok(())
    }

    /// A paid order's money was given back.
    pub fn mark_refunded(&mut self, now: Instant) -> Result<(), IllegalTransition> {
        self.status = self.status.to(OrderStatus::Refunded)?;
        self.refund_request = None;
        self.tell("REFUNDED", None, now);
        Ok(())
    }

    /// PayPay has given back to the buyer what was paid as `merchant_payment_id`. The order's own status is another matter: a failed order stays
    /// failed, and a paid one whose buyer had paid a second time stays paid.
    pub fn record_refund(
        &mut self,
        merchant_payment_id: &str,
        merchant_refund_id: &str,
        amount: Yen,
        reason: &str,
        now: Instant,
    ) {
        if self.merchant_payment_id.as_deref() == Some(merchant_payment_id) {
            self.payment_status = PaymentStatus::Refunded;
        }
        self.tell("PAYMENT_REFUNDED", Some(reason.to_owned()), now);
        let issued = RefundIssued {
            order_no: self.order_no.clone(),
            merchant_payment_id: merchant_payment_id.to_owned(),
            merchant_refund_id: merchant_refund_id.to_owned(),
            amount,
            reason: reason.to_owned(),
            at: now.to_string(),
        };
        self.publish(
            format!("{merchant_refund_id}:refund"),
            topic::PAYMENTS,
            RefundIssued::TYPE,
            &issued,
        );
    }

    /// Somebody should look: an alert, raised once for each `about`.
    pub fn alert(
        &mut self,
        rule: &'static str,
        about: &str,
        (observed, expected): (String, String),
        facts: Value,
        now: Instant,
    ) {
        let alert = AlertRaised {
            alert_id: format!("{rule}:{}:{about}", self.order_no),
            rule_id: rule.to_owned(),
            severity: "CRITICAL".to_owned(),
            order_no: Some(self.order_no.as_str().to_owned()),
            observed,
            expected,
            detected_at: now.to_string(),
            source: "order".to_owned(),
            facts,
        };
        self.publish(alert.alert_id.clone(), topic::ALERTS, AlertRaised::TYPE, &alert);
    }

    /// Something that a person should see and that changes nothing else.
    pub fn note(&mut self, event: &'static str, detail: String, now: Instant) {
        self.tell(event, Some(detail), now);
    }

    /// One more reading of PayPay's details.
    pub fn count_poll(&mut self) {
        self.polls = self.polls.saturating_add(1);
        self.changes.row = true;
    }

    /// A new version with its line in the history and its event.
    fn tell(&mut self, event: &'static str, detail: Option<String>, now: Instant) {
        self.version += 1;
        self.updated_at = self.updated_at.max(now);
        self.changes.row = true;
        self.changes.timeline.push(TimelineEntry {
            at: now,
            event,
            detail,
        });
        let changed = OrderStatusChanged {
            order_no: self.order_no.clone(),
            user_id: self.user_id.clone(),
            status: self.status,
            payment_status: self.payment_status,
            amount: self.amount,
            version: self.version,
            fail_code: self.fail_code,
            expires_at: self.code.as_ref().map(|code| code.expires_at.to_string()),
            at: self.updated_at.to_string(),
        };
        let id = format!("{}:v{}", self.order_no, self.version);
        self.publish(id, topic::ORDERS, OrderStatusChanged::TYPE, &changed);
    }

    fn publish(&mut self, id: String, topic: &'static str, kind: &'static str, data: &impl Serialize) {
        // Structs of strings and numbers always become JSON.
        let data = serde_json::to_value(data).unwrap_or_default();
        self.changes.events.push(Event {
            id,
            topic,
            kind,
            data,
        });
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn at(millis: i64) -> Instant {
        Instant::from_millis(millis)
    }

    fn order() -> Order {
        let (amount, balance) = (Yen::new(1_200).unwrap(), Yen::ZERO);
        Order::place(
            OrderNo::generate(at(0), 7),
            "user".into(),
            amount,
            balance,
            amount,
            at(0),
        )
    }

    fn waiting() -> Order {
        let mut order = order();
        let code = PaymentCode {
            url: "http://x/c".into(),
            deeplink: "paypay://c".into(),
            expires_at: at(300_000),
        };
        order.await_payment(code, at(1)).unwrap();
        order
    }

    #[test]
    fn every_visible_change_has_a_version_a_timeline_entry_and_an_event() {
        let mut order = waiting();
        let seen = Observation {
            merchant_payment_id: order.merchant_payment_id.clone().unwrap(),
            payment_id: Some("p1".into()),
            status: PaymentStatus::Completed,
            amount: order.pay_amount,
        };
        order.observe(&seen, "webhook", at(2));
        order.mark_paid(at(2)).unwrap();
        assert_eq!(order.version, 3);
        let events: Vec<_> = order.changes.timeline.iter().map(|entry| entry.event).collect();
        assert_eq!(events, ["ORDER_PLACED", "PAYMENT_REQUESTED", "PAID"]);
        let kinds: Vec<_> = order
            .changes
            .events
            .iter()
            .map(|event| (event.kind, event.data["version"].as_u64()))
            .collect();
        assert_eq!(
            kinds,
            [
                (OrderStatusChanged::TYPE, Some(1)),
                (OrderStatusChanged::TYPE, Some(2)),
                (PaymentStatusObserved::TYPE, None),
                (OrderStatusChanged::TYPE, Some(3))
            ]
        );
    }

    #[test]
    fn the_same_observation_is_told_once() {
        let mut order = waiting();
        let seen = Observation {
            merchant_payment_id: "m".into(),
            payment_id: None,
            status: PaymentStatus::Created,
            amount: order.pay_amount,
        };
        let before = order.changes.clone();
        order.observe(&seen, "poll", at(5));
        assert_eq!(order.changes, before);
    }

    #[test]
    fn a_paid_order_cannot_fail_and_keeps_its_version() {
        let mut order = waiting();
        order.mark_paid(at(2)).unwrap();
        let version = order.version;
        assert!(order.mark_failed(FailCode::PaymentDeclined, at(3)).is_err());
        assert_eq!(
            (order.status, order.version, order.fail_code),
            (OrderStatus::Paid, version, None)
        );
    }

    #[test]
    fn an_order_paid_from_the_balance_alone_asks_nothing_of_paypay() {
        let amount = Yen::new(500).unwrap();
        let order = Order::place(
            OrderNo::generate(at(0), 7),
            "user".into(),
            amount,
            amount,
            Yen::ZERO,
            at(0),
        );
        assert_eq!(
            (order.merchant_payment_id, order.changes.payment_attempt),
            (None, None)
        );
    }

    #[test]
    fn time_never_goes_backwards_for_a_buyer() {
        let mut order = waiting();
        order.mark_paid(at(0)).unwrap();
        assert_eq!(order.updated_at, at(1));
    }
}
