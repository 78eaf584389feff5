//! What becomes of an authorization: captured, captured for more with the buyer's consent, or reverted.

use paypay::payments::{Capture, PaymentStatus, Revert};
use paypay::webhook::State;

use super::{Decision, Refusal};
use crate::books::{CaptureRecord, PaymentRecord, RevertRecord};

/// Seconds that the buyer has for an answer. Source: PayPay's API documentation, event `EXPIRED_USER_CONFIRMATION`.
const CONFIRMATION_SECONDS: i64 = 6 * 3600;

/// How a capture went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// The money is taken.
    Captured,
    /// More than was authorized: the buyer is asked.
    AwaitsBuyer,
}

/// Takes an authorized amount or less, or asks the buyer for more. A repeat of the same capture changes nothing.
pub(crate) fn capture(
    payment: &mut PaymentRecord,
    request: &Capture,
    now: i64,
) -> Result<(Asked, Option<State>), Refusal> {
    let id = &request.merchant_capture_id;
    let same = payment
        .capture
        .as_ref()
        .is_some_and(|capture| capture.merchant_capture_id == *id);
    match payment.status {
        PaymentStatus::Completed if same => return Ok((Asked::Captured, None)),
        PaymentStatus::Completed | PaymentStatus::Refunded if payment.capture.is_some() => {
            return Err(Refusal::AlreadyCaptured);
        }
        PaymentStatus::Authorized if payment.asked().is_some() && same => {
            return Ok((Asked::AwaitsBuyer, None));
        }
        PaymentStatus::Authorized if payment.asked().is_none() => {}
        PaymentStatus::Authorized | PaymentStatus::Reauthorizing => {
            return Err(Refusal::ReauthorizationInProgress);
        }
        PaymentStatus::Expired => return Err(Refusal::AuthorizationExpired),
        ref other => return Err(Refusal::NotCapturable(other.clone())),
    }
    payment.capture = Some(CaptureRecord {
        merchant_capture_id: id.clone(),
        amount: request.amount.amount,
        order_description: request.order_description.clone(),
        requested_at: request.requested_at,
        accepted_at: None,
        confirmed_at: None,
        expires_at: now + CONFIRMATION_SECONDS,
    });
    if request.amount.amount > payment.amount {
        return Ok((Asked::AwaitsBuyer, None));
    }
    Ok((Asked::Captured, Some(complete(payment, now))))
}

/// The buyer's answer to a higher amount. A no is told to nobody: the authorization stands as it was.
pub(crate) fn confirm(payment: &mut PaymentRecord, decision: Decision, now: i64) {
    match (decision, &mut payment.capture) {
        (Decision::Approve, Some(capture)) => {
            capture.confirmed_at = Some(now);
            payment.status = PaymentStatus::Reauthorizing;
        }
        _ => payment.capture = None,
    }
}

/// Takes the money of the capture that was asked for.
pub(super) fn complete(payment: &mut PaymentRecord, now: i64) -> State {
    if let Some(capture) = &mut payment.capture {
        capture.accepted_at = Some(now);
        payment.amount = capture.amount;
    }
    payment.completed_at = Some(now);
    payment.status = PaymentStatus::Completed;
    State::Completed
}

/// Gives an authorized amount back. A repeat of the same reversal changes nothing.
pub(crate) fn revert(
    payment: &mut PaymentRecord,
    request: &Revert,
    now: i64,
) -> Result<Option<State>, Refusal> {
    let same = payment
        .revert
        .as_ref()
        .is_some_and(|revert| revert.merchant_revert_id == request.merchant_revert_id);
    match payment.status {
        PaymentStatus::Canceled if same => Ok(None),
        PaymentStatus::Authorized => {
            payment.revert = Some(RevertRecord {
                merchant_revert_id: request.merchant_revert_id.clone(),
                accepted_at: now,
                requested_at: request.requested_at,
                reason: request.reason.clone(),
            });
            payment.capture = None;
            payment.status = PaymentStatus::Canceled;
            Ok(Some(State::Canceled))
        }
        ref other => Err(Refusal::NotRevertible(other.clone())),
    }
}
