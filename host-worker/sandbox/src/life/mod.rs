//! A payment's life at PayPay: which step each state allows, and which webhook follows. No I/O.
//!
//! ```text
//!            buyer pays                                    refund
//! CREATED ───────────────▶ COMPLETED ─────────────────────────────────▶ REFUNDED
//!    │                        ▲   └── cancel, same day ──▶ FAILED
//!    │ buyer pays,    capture │
//!    ├─ to capture ─▶ AUTHORIZED ── revert ─▶ CANCELED;  ── time ─▶ EXPIRED;  ── cancel ─▶ FAILED
//!    │                   │    ▲ no, or no answer in 6 h
//!    │      capture more ▼    │
//!    │           asks the buyer ── yes ─▶ REAUTHORIZING ── a moment ─▶ COMPLETED
//!    └─ buyer declines, or pays what was canceled before ─▶ FAILED
//! ```
//!
//! A code that expires or is deleted leaves its payment `CREATED`. Steps and their webhooks are those of the table "basic status transition" in
//! PayPay's API documentation: refunds and cancels send none, everything else sends one.

mod capture;
mod close;

pub(crate) use capture::{Asked, capture, confirm, revert};
pub(crate) use close::{cancel, refund};

use paypay::ids::PaymentId;
use paypay::payments::PaymentStatus;
use paypay::webhook::State;

use crate::books::{CodeState, PaymentRecord};

/// Seconds that a payment is `REAUTHORIZING` after the buyer's yes. PayPay names no time; it is long enough to be seen.
const REAUTHORIZING_SECONDS: i64 = 1;

/// Why a step was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("the code has expired")]
    CodeExpired,
    #[error("the code was deleted")]
    CodeDeleted,
    #[error("the payment is {0} already")]
    AlreadyDecided(PaymentStatus),
    #[error("this payment cannot be canceled, it is {0}")]
    NotCancelable(PaymentStatus),
    #[error("a payment can be canceled until 00:14:59 JST of the following day; refund it instead")]
    CancelWindowOver,
    #[error("the authorization was captured before")]
    AlreadyCaptured,
    #[error("the authorization has run out")]
    AuthorizationExpired,
    #[error("the buyer is being asked for a higher amount")]
    ReauthorizationInProgress,
    #[error("only an authorized payment can be captured; this one is {0}")]
    NotCapturable(PaymentStatus),
    #[error("only an authorized payment can be reverted; this one is {0}")]
    NotRevertible(PaymentStatus),
    #[error("only a completed payment can be refunded; this one is {0}")]
    NotRefundable(PaymentStatus),
    #[error("the payment was refunded before, and this merchant may refund once")]
    RefundedBefore,
    #[error("more than the {0} yen that were paid")]
    AboveRefundable(i64),
    #[error("a payment can be refunded until the end of the 365th day after it, in Japan")]
    RefundWindowOver,
    #[error("the buyer has left PayPay")]
    BuyerGone,
}

/// The buyer's decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    Approve,
    Decline,
}

/// Applies the buyer's decision on a code. `Ok(None)`: it was made before, nothing changes.
///
/// `authorized_for`: seconds that an authorization lasts unless the merchant asked for less.
pub(crate) fn decide(
    payment: &mut PaymentRecord,
    decision: Decision,
    new_id: PaymentId,
    now: i64,
    authorized_for: i64,
) -> Result<Option<State>, Refusal> {
    match payment.code_state(now) {
        CodeState::Active => {}
        CodeState::Expired => return Err(Refusal::CodeExpired),
        CodeState::Deleted => return Err(Refusal::CodeDeleted),
        CodeState::Used => return repeated(payment, decision),
    }
    payment.payment_id = Some(new_id);
    payment.accepted_at = Some(now);
    if decision == Decision::Decline {
        payment.status = PaymentStatus::Failed;
        return Ok(Some(State::Failed));
    }
    let state = if payment.request.is_authorization {
        let most = now + authorized_for;
        payment.authorized_until = Some(payment.authorization_expiry.map_or(most, |asked| asked.min(most)));
        payment.status = PaymentStatus::Authorized;
        State::Authorized
    } else {
        payment.completed_at = Some(now);
        payment.status = PaymentStatus::Completed;
        State::Completed
    };
    if payment.cancel_requested {
        // PayPay's FAQ: the payment goes through, and the cancel that waited for it is carried out at once. The table of transitions gives the
        // payment a webhook and the cancel none, so the merchant hears of a success that is a failure by the time it looks.
        close::fail(payment, now);
    }
    Ok(Some(state))
}

/// A decision on a code that was decided: the same again is harmless.
fn repeated(payment: &PaymentRecord, decision: Decision) -> Result<Option<State>, Refusal> {
    let same = match payment.status {
        PaymentStatus::Completed | PaymentStatus::Authorized => decision == Decision::Approve,
        PaymentStatus::Failed => decision == Decision::Decline || payment.cancel_requested,
        _ => false,
    };
    if same {
        Ok(None)
    } else {
        Err(Refusal::AlreadyDecided(payment.status.clone()))
    }
}

/// When time alone changes the payment next, epoch seconds. `None`: never.
pub(crate) fn due_at(payment: &PaymentRecord) -> Option<i64> {
    match payment.status {
        PaymentStatus::Authorized => payment
            .asked()
            .map(|asked| asked.expires_at)
            .into_iter()
            .chain(payment.authorized_until)
            .min(),
        PaymentStatus::Reauthorizing => payment
            .capture
            .as_ref()?
            .confirmed_at
            .map(|yes| yes + REAUTHORIZING_SECONDS),
        _ => None,
    }
}

/// Does what time alone does until `now`: ends questions to the buyer and authorizations, and completes what the buyer has confirmed.
pub(crate) fn let_time_pass(payment: &mut PaymentRecord, now: i64) -> Vec<State> {
    let mut events = Vec::new();
    while let Some(due) = due_at(payment).filter(|due| *due <= now) {
        events.push(match payment.status {
            PaymentStatus::Reauthorizing => capture::complete(payment, due),
            _ if payment.asked().is_some_and(|asked| asked.expires_at <= due) => {
                payment.capture = None;
                State::ExpiredUserConfirmation
            }
            _ => {
                payment.status = PaymentStatus::Expired;
                State::Expired
            }
        });
    }
    events
}

#[cfg(test)]
mod tests;
