//! Giving money back: for a paid order because somebody ordered it, for a failed one because the payment came too late.

use super::{gateway, inventory, ledger};
use crate::bindings::kessai::account::ledger as accounts;
use crate::bindings::kessai::inventory::reservations;
use crate::order::{Observation, RefundRequest};
use crate::work::{Work, WorkError};
use domain::{Instant, PaymentStatus};
use edge::RequestContext;
use saga::{ErrorKind, ServiceError};

/// `PAID → REFUNDED`. Every part may be repeated; the order is marked when all are done.
pub async fn refund_paid(
    work: &mut Work,
    request: &RefundRequest,
    ctx: &RequestContext,
) -> Result<(), WorkError> {
    let order_no = work.order.order_no.as_str().to_owned();
    if !work.order.pay_amount.is_zero() {
        let id = work.order.merchant_payment_id.clone().unwrap_or_default();
        if let Err(error) = gateway::refund(work, &id, work.order.pay_amount, &request.reason).await
            && !was_given_back(work, &id, &error).await?
        {
            return rejected(work, error);
        }
    }
    if let (false, Some(debit)) = (work.order.balance_amount.is_zero(), step_id(work, "DebitBalance")) {
        accounts::credit(
            format!("{order_no}:refund:credit"),
            debit,
            work.order.user_id.clone(),
        )
        .await
        .map_err(|error| ledger::service_error(&error))?;
    }
    if let (true, Some(confirm)) = (request.restock, step_id(work, "ConfirmStock")) {
        reservations::restock(format!("{order_no}:refund:restock"), confirm, order_no.clone())
            .await
            .map_err(|error| inventory::service_error(&error))?;
    }
    work.order.mark_refunded(Instant::now())?;
    edge::log::info(
        ctx,
        "order_refunded",
        serde_json::json!({"orderNo": order_no, "restock": request.restock}),
    );
    Ok(())
}

/// Whether PayPay refuses only because somebody gave the money back in its console: then the order follows its money.
async fn was_given_back(work: &mut Work, id: &str, error: &ServiceError) -> Result<bool, WorkError> {
    if error.kind != ErrorKind::Business {
        return Ok(false);
    }
    let seen = gateway::details(id).await?;
    let Some(seen) = seen.filter(|seen| seen.status == PaymentStatus::Refunded) else {
        return Ok(false);
    };
    work.order.observe(&seen, "refund", Instant::now());
    Ok(true)
}

/// PayPay will not give the money back (too late, buyer gone): no repeat changes that, so the wish is dropped and told to a person. Any other error is
/// repeated.
fn rejected(work: &mut Work, error: ServiceError) -> Result<(), WorkError> {
    if error.kind != ErrorKind::Business {
        return Err(error.into());
    }
    let now = Instant::now();
    let id = work.order.merchant_payment_id.clone().unwrap_or_default();
    work.order.refund_request = None;
    work.order.note("REFUND_REJECTED", error.to_string(), now);
    let words = (
        format!("PayPay refuses the refund: {error}"),
        "a refund".to_owned(),
    );
    let facts = serde_json::json!({"merchantPaymentId": id, "code": error.name});
    work.order.alert("R", &format!("refund:{id}"), words, facts, now);
    Err(WorkError::Conflict(format!("PayPay refuses the refund: {error}")))
}

/// A payment that came through after its order had failed, or beside the one that was accepted. Given back, and told as rule C.
pub async fn refund_late(work: &mut Work, seen: &Observation, ctx: &RequestContext) -> Result<(), WorkError> {
    gateway::refund(
        work,
        &seen.merchant_payment_id,
        seen.amount,
        "payment after the order had failed",
    )
    .await?;
    work.order.changes.settled.push(seen.merchant_payment_id.clone());
    edge::log::warn(
        ctx,
        "late_payment_refunded",
        serde_json::json!({"orderNo": work.order.order_no.as_str(), "amount": seen.amount.get()}),
    );
    Ok(())
}

/// The step id under which the saga made the last call in this state.
pub(super) fn step_id(work: &Work, state: &str) -> Option<String> {
    work.instance
        .states
        .iter()
        .rev()
        .find(|run| run.name == state)
        .map(|run| run.step_id.as_str().to_owned())
}
