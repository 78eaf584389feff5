//! How paid money goes back: canceled within the day, refunded within the year.

use paypay::payments::PaymentStatus;

use super::Refusal;
use crate::books::PaymentRecord;

/// Japan has no summer time.
const JST_SECONDS: i64 = 9 * 3600;
const DAY_SECONDS: i64 = 86_400;
/// A cancel is accepted until 00:14:59 JST of the day after the payment. Source: PayPay's API documentation, "Cancel a payment".
const CANCEL_GRACE_SECONDS: i64 = 15 * 60;
/// A refund is accepted until 23:59:59 JST this many days after the day of completion. Source: PayPay's FAQ on the refundable period.
const REFUND_DAYS: i64 = 365;

/// Cancels. Before the buyer has acted this only leaves a mark. No cancel sends a webhook, and a repeat changes nothing: PayPay tells merchants to
/// call until it succeeds.
pub(crate) fn cancel(payment: &mut PaymentRecord, now: i64) -> Result<(), Refusal> {
    match payment.status {
        PaymentStatus::Created => payment.cancel_requested = true,
        PaymentStatus::Failed => {}
        // What was captured can only be refunded.
        PaymentStatus::Completed if payment.request.is_authorization => {
            return Err(Refusal::NotCancelable(payment.status.clone()));
        }
        PaymentStatus::Completed | PaymentStatus::Authorized | PaymentStatus::Reauthorizing => {
            if payment
                .accepted_at
                .is_some_and(|paid| now >= cancel_closes_at(paid))
            {
                return Err(Refusal::CancelWindowOver);
            }
            payment.cancel_requested = true;
            fail(payment, now);
        }
        ref other => return Err(Refusal::NotCancelable(other.clone())),
    }
    Ok(())
}

/// A canceled payment has failed, whatever it was.
pub(super) fn fail(payment: &mut PaymentRecord, now: i64) {
    payment.status = PaymentStatus::Failed;
    payment.canceled_at = Some(now);
    payment.capture = None;
}

fn day_in_japan(seconds: i64) -> i64 {
    (seconds + JST_SECONDS).div_euclid(DAY_SECONDS)
}

/// The first second of a day, counted from 1970, in Japan.
fn begin_of(day: i64) -> i64 {
    day * DAY_SECONDS - JST_SECONDS
}

/// The first second at which a payment of `paid` can no longer be canceled.
fn cancel_closes_at(paid: i64) -> i64 {
    begin_of(day_in_japan(paid) + 1) + CANCEL_GRACE_SECONDS
}

/// Refunds a completed payment, wholly or in part, once. `amount`: yen.
///
/// `buyer_gone`: whether the buyer has left PayPay.
pub(crate) fn refund(
    payment: &mut PaymentRecord,
    amount: i64,
    buyer_gone: bool,
    now: i64,
) -> Result<(), Refusal> {
    match payment.status {
        PaymentStatus::Completed => {}
        PaymentStatus::Refunded => return Err(Refusal::RefundedBefore),
        ref other => return Err(Refusal::NotRefundable(other.clone())),
    }
    let closes_at = payment
        .completed_at
        .map(|paid| begin_of(day_in_japan(paid) + REFUND_DAYS + 1));
    if closes_at.is_some_and(|closes_at| now >= closes_at) {
        return Err(Refusal::RefundWindowOver);
    }
    if amount > payment.amount {
        return Err(Refusal::AboveRefundable(payment.amount));
    }
    if buyer_gone {
        return Err(Refusal::BuyerGone);
    }
    payment.status = PaymentStatus::Refunded;
    Ok(())
}
