//! `order.settle-expiry` and `order.settle-cancel`: the last word on a payment.
//!
//! The code is disabled first and PayPay read afterwards, so that a payment which came through in between is seen: PayPay keeps an expired code
//! payable, as far as its own books say, for ever.

use super::{gateway, refund::step_id, unknown};
use crate::work::Work;
use domain::{Evidence, Instant, Verdict};
use saga::{ServiceCall, ServiceError};
use serde_json::{Value, json};

pub async fn invoke(work: &mut Work, call: &ServiceCall) -> Result<Value, ServiceError> {
    let (Some(id), Some(create_step)) = (
        work.order.merchant_payment_id.clone(),
        step_id(work, "RequestPayment"),
    ) else {
        return Err(unknown(call));
    };
    gateway::delete_code(call.step_id.as_str(), create_step, id.clone()).await?;
    let Some(seen) = gateway::details(&id).await? else {
        return Ok(json!({ "paid": false }));
    };
    let source = if call.method == "settle-cancel" {
        "cancel"
    } else {
        "expiry"
    };
    work.order.observe(&seen, source, Instant::now());
    let evidence = Evidence {
        status: seen.status,
        amount: seen.amount,
    };
    match evidence.judge(work.order.status, work.order.pay_amount) {
        Verdict::Accept => Ok(json!({ "paid": true })),
        Verdict::Mismatch => {
            gateway::refund(work, &id, seen.amount, "another amount than the order's was paid").await?;
            Ok(json!({ "paid": false }))
        }
        Verdict::Wait | Verdict::Decline | Verdict::Refund => Ok(json!({ "paid": false })),
    }
}
