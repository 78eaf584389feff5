//! A webhook that contradicts the order it names. It is refused, and told to a person once.
//!
//! It proves nothing: whoever knows an order's number can send one. So the alert is a warning, its id is derived from the order and what is contradicted, a
//! flood raises it once, and only PayPay's details make an order `PAID` or raise rule M.

use crate::order::{Event, Order};
use crate::records::{orders, outbox};
use domain::{AlertRaised, Instant, topic};
use edge::{Code, Problem, RequestContext};
use serde_json::{Value, json};
use store::{Database, StoreError};

/// Of somebody else's text, so much at most goes into an alert.
const LONGEST_TEXT: usize = 64;

/// What the webhook says otherwise than the order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mismatch {
    /// Yen.
    Amount(i64),
    /// Whose payment it is.
    Merchant(String),
}

impl Mismatch {
    fn kind(&self) -> &'static str {
        match self {
            Mismatch::Amount(_) => "amount",
            Mismatch::Merchant(_) => "merchant",
        }
    }

    pub fn refusal(&self) -> Problem {
        match self {
            Mismatch::Amount(_) => {
                Problem::new(Code::AmountMismatch).with_error("order_amount", "not the order's amount")
            }
            Mismatch::Merchant(_) => {
                Problem::new(Code::MerchantMismatch).with_error("merchant_id", "is another merchant's")
            }
        }
    }

    fn alert(&self, order: &Order, merchant_payment_id: &str, now: Instant) -> AlertRaised {
        let (said, observed, expected) = match self {
            Mismatch::Amount(amount) => (
                json!(amount),
                format!("a webhook that says {amount} yen"),
                format!("{} yen", order.pay_amount.get()),
            ),
            Mismatch::Merchant(merchant) => {
                let merchant: String = merchant.chars().take(LONGEST_TEXT).collect();
                let observed = format!("a webhook of the merchant `{merchant}`");
                (Value::from(merchant), observed, "our own".to_owned())
            }
        };
        AlertRaised {
            alert_id: format!("W:{}:{}", order.order_no, self.kind()),
            rule_id: "W".to_owned(),
            severity: "WARNING".to_owned(),
            order_no: Some(order.order_no.as_str().to_owned()),
            observed,
            expected,
            detected_at: now.to_string(),
            source: "order".to_owned(),
            facts: json!({
                "reason": "WEBHOOK_MISMATCH", "kind": self.kind(), "said": said, "merchantPaymentId": merchant_payment_id,
                "payAmount": order.pay_amount.get(), "status": order.status.as_str(),
            }),
        }
    }
}

/// Raises the alert, unless it was raised before.
pub async fn tell(
    db: Database,
    order: &Order,
    merchant_payment_id: &str,
    mismatch: &Mismatch,
    ctx: &RequestContext,
) -> Result<(), StoreError> {
    let now = Instant::now();
    let alert = mismatch.alert(order, merchant_payment_id, now);
    // Looked for before the writer is waited for, so that a flood holds nobody up.
    if outbox::holds(&db, &alert.alert_id).await? {
        return Ok(());
    }
    edge::log::warn(
        ctx,
        "payment_event_mismatch",
        json!({"orderNo": order.order_no.as_str(), "kind": mismatch.kind()}),
    );
    let data = serde_json::to_value(&alert).map_err(|error| StoreError::Encode {
        reason: error.to_string(),
    })?;
    let event = Event {
        id: alert.alert_id,
        topic: topic::ALERTS,
        kind: AlertRaised::TYPE,
        data,
    };
    let order_no = order.order_no.as_str();
    db.transact(async |tx| {
        orders::lock(tx, order_no).await?;
        outbox::append(tx, order_no, std::slice::from_ref(&event), ctx, now).await
    })
    .await
    .map(drop)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use domain::{OrderNo, Yen};

    #[test]
    fn each_kind_has_one_alert_for_an_order_whatever_the_forger_says() {
        let (amount, now) = (Yen::new(1_200).unwrap(), Instant::from_millis(0));
        let order = Order::place(
            OrderNo::generate(now, 7),
            "u".into(),
            amount,
            Yen::ZERO,
            amount,
            now,
        );
        let id = |mismatch: Mismatch| mismatch.alert(&order, "K-1", now).alert_id;
        assert_eq!(id(Mismatch::Amount(1)), id(Mismatch::Amount(2)));
        assert_eq!(
            id(Mismatch::Merchant("a".into())),
            id(Mismatch::Merchant("b".into()))
        );
        assert_ne!(id(Mismatch::Amount(1)), id(Mismatch::Merchant("1".into())));
        let alert = Mismatch::Merchant("x".repeat(9_999)).alert(&order, "K-1", now);
        assert_eq!(alert.facts["said"].as_str().unwrap().len(), LONGEST_TEXT);
        assert_eq!(
            (alert.severity.as_str(), alert.facts["payAmount"].as_i64()),
            ("WARNING", Some(1_200))
        );
    }
}
