//! A payment's life at PayPay: which step each state allows, and which webhook follows. No I/O.

use paypay::ids::PaymentId;
use paypay::money::Money;
use paypay::payments::{Capture, PaymentStatus};
use paypay::webhook::State;

use crate::books::{CodeState, PaymentRecord};

/// Japan has no summer time.
const JST_SECONDS: i64 = 9 * 3600;
const DAY_SECONDS: i64 = 86_400;
/// A cancel is accepted until 00:14:59 JST of the day after the payment.
const CANCEL_GRACE_SECONDS: i64 = 15 * 60;

/// Why a step was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("the code has expired")]
    CodeExpired,
    #[error("the code was deleted")]
    CodeDeleted,
    #[error("the payment is {0} already")]
    AlreadyDecided(PaymentStatus),
    #[error("a payment that is {0} cannot be canceled")]
    NotCancelable(PaymentStatus),
    #[error("a payment can be canceled until 00:14:59 JST of the following day; refund it instead")]
    CancelWindowOver,
    #[error("only an authorized payment can be captured or reverted; this one is {0}")]
    NotAuthorized(PaymentStatus),
    #[error("more than the {0} yen that were authorized")]
    AboveAuthorized(i64),
}

/// The buyer's decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    Approve,
    Decline,
}

/// Applies the buyer's decision. `Ok(None)`: it was made before, nothing changes.
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
        CodeState::Used => {
            let same = match payment.status {
                PaymentStatus::Completed | PaymentStatus::Authorized => decision == Decision::Approve,
                PaymentStatus::Failed => decision == Decision::Decline || payment.cancel_requested,
                _ => false,
            };
            return if same {
                Ok(None)
            } else {
                Err(Refusal::AlreadyDecided(payment.status.clone()))
            };
        }
    }
    payment.payment_id = Some(new_id);
    payment.accepted_at = Some(now);
    let (status, state) = match decision {
        // Where an earlier cancel takes effect: PayPay lets the buyer try and fails the payment.
        Decision::Approve if payment.cancel_requested => (PaymentStatus::Failed, State::Failed),
        Decision::Decline => (PaymentStatus::Failed, State::Failed),
        Decision::Approve if payment.request.is_authorization => {
            payment.authorized_until = Some(now + authorized_for);
            (PaymentStatus::Authorized, State::Authorized)
        }
        Decision::Approve => (PaymentStatus::Completed, State::Completed),
    };
    payment.status = status;
    Ok(Some(state))
}

/// Lets an authorization run out whose time has come.
pub(crate) fn let_expire(payment: &mut PaymentRecord, now: i64) -> Option<State> {
    let over = payment.authorized_until.is_some_and(|until| now >= until);
    if payment.status == PaymentStatus::Authorized && over {
        payment.status = PaymentStatus::Expired;
        return Some(State::Expired);
    }
    None
}

/// Cancels. Before the buyer has acted this only leaves a mark.
pub(crate) fn cancel(payment: &mut PaymentRecord, now: i64) -> Result<Option<State>, Refusal> {
    match payment.status {
        PaymentStatus::Created => {
            payment.cancel_requested = true;
            Ok(None)
        }
        PaymentStatus::Completed | PaymentStatus::Authorized => {
            if payment
                .accepted_at
                .is_some_and(|paid| now >= cancel_closes_at(paid))
            {
                return Err(Refusal::CancelWindowOver);
            }
            payment.status = PaymentStatus::Canceled;
            Ok(Some(State::Canceled))
        }
        PaymentStatus::Canceled => Ok(None),
        ref other => Err(Refusal::NotCancelable(other.clone())),
    }
}

/// The first second at which a payment of `paid` can no longer be canceled.
fn cancel_closes_at(paid: i64) -> i64 {
    let day = (paid + JST_SECONDS).div_euclid(DAY_SECONDS);
    (day + 1) * DAY_SECONDS - JST_SECONDS + CANCEL_GRACE_SECONDS
}

/// Takes an authorized amount, or a part of it. A repeat of the same capture changes nothing.
pub(crate) fn capture(payment: &mut PaymentRecord, capture: &Capture) -> Result<Option<State>, Refusal> {
    let id = capture.merchant_capture_id.as_str();
    if payment.status == PaymentStatus::Completed && payment.capture_id.as_deref() == Some(id) {
        return Ok(None);
    }
    if payment.status != PaymentStatus::Authorized {
        return Err(Refusal::NotAuthorized(payment.status.clone()));
    }
    let Money { amount, .. } = capture.amount;
    if amount > payment.amount {
        return Err(Refusal::AboveAuthorized(payment.amount));
    }
    payment.amount = amount;
    payment.capture_id = Some(id.to_owned());
    payment.status = PaymentStatus::Completed;
    Ok(Some(State::Completed))
}

/// Gives an authorized amount back.
pub(crate) fn revert(payment: &mut PaymentRecord) -> Result<Option<State>, Refusal> {
    match payment.status {
        PaymentStatus::Authorized => {
            payment.status = PaymentStatus::Canceled;
            Ok(Some(State::Canceled))
        }
        PaymentStatus::Canceled if payment.authorized_until.is_some() => Ok(None),
        ref other => Err(Refusal::NotAuthorized(other.clone())),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use paypay::codes::{CodeType, CreateCode};

    use super::*;

    fn unpaid() -> PaymentRecord {
        PaymentRecord {
            request: CreateCode {
                merchant_payment_id: "m".parse().unwrap(),
                amount: Money::yen(100),
                code_type: CodeType::OrderQr,
                order_description: None,
                order_items: vec![],
                is_authorization: false,
                redirect_url: None,
                redirect_type: None,
                requested_at: 0,
            },
            code_id: "c".parse().unwrap(),
            payment_id: None,
            url: String::new(),
            deeplink: String::new(),
            amount: 100,
            status: PaymentStatus::Created,
            expires_at: 300,
            deleted: false,
            cancel_requested: false,
            accepted_at: None,
            authorized_until: None,
            capture_id: None,
            created_at: 0,
        }
    }

    fn step(payment: &mut PaymentRecord, decision: Decision, now: i64) -> Result<Option<State>, Refusal> {
        decide(payment, decision, "p".parse().unwrap(), now, 1000)
    }

    #[test]
    fn a_code_is_decided_once_before_its_deadline_and_unless_deleted() {
        let mut payment = unpaid();
        assert_eq!(
            step(&mut payment, Decision::Approve, 300),
            Err(Refusal::CodeExpired)
        );
        assert_eq!(payment, unpaid(), "an expired code stays CREATED");
        assert_eq!(
            step(&mut payment, Decision::Approve, 299),
            Ok(Some(State::Completed))
        );
        assert_eq!(step(&mut payment, Decision::Approve, 900), Ok(None));
        let refused = step(&mut payment, Decision::Decline, 1);
        assert_eq!(refused, Err(Refusal::AlreadyDecided(PaymentStatus::Completed)));

        let mut deleted = PaymentRecord {
            deleted: true,
            ..unpaid()
        };
        assert_eq!(
            step(&mut deleted, Decision::Approve, 1),
            Err(Refusal::CodeDeleted)
        );
        let mut declined = unpaid();
        assert_eq!(step(&mut declined, Decision::Decline, 1), Ok(Some(State::Failed)));
        assert!(matches!(
            step(&mut declined, Decision::Approve, 1),
            Err(Refusal::AlreadyDecided(_))
        ));
    }

    #[test]
    fn a_cancel_before_the_payment_takes_effect_when_the_buyer_pays() {
        let mut payment = unpaid();
        assert_eq!(cancel(&mut payment, 1), Ok(None));
        assert_eq!(payment.status, PaymentStatus::Created);
        assert_eq!(step(&mut payment, Decision::Approve, 2), Ok(Some(State::Failed)));
        assert_eq!(payment.status, PaymentStatus::Failed);
    }

    #[test]
    fn a_cancel_is_accepted_until_a_quarter_past_midnight_in_japan() {
        let at = |text: &str| text.parse::<jiff::Timestamp>().unwrap().as_second();
        for (paid, last) in [
            ("2026-11-22T00:00:00+09:00", "2026-11-23T00:14:59+09:00"),
            ("2026-11-22T23:59:59+09:00", "2026-11-23T00:14:59+09:00"),
            ("2026-12-31T12:00:00+09:00", "2027-01-01T00:14:59+09:00"),
        ] {
            let paid = PaymentRecord {
                status: PaymentStatus::Completed,
                accepted_at: Some(at(paid)),
                ..unpaid()
            };
            assert_eq!(cancel(&mut paid.clone(), at(last)), Ok(Some(State::Canceled)));
            assert_eq!(
                cancel(&mut paid.clone(), at(last) + 1),
                Err(Refusal::CancelWindowOver)
            );
        }
    }

    #[test]
    fn an_authorization_is_captured_once_reverted_or_runs_out() {
        let mut payment = unpaid();
        payment.request.is_authorization = true;
        assert_eq!(
            step(&mut payment, Decision::Approve, 1),
            Ok(Some(State::Authorized))
        );
        let ask = |id: &str, amount| Capture {
            merchant_payment_id: "m".parse().unwrap(),
            merchant_capture_id: id.parse().unwrap(),
            amount: Money::yen(amount),
            order_description: String::new(),
            requested_at: 1,
        };
        assert_eq!(
            capture(&mut payment.clone(), &ask("x", 101)),
            Err(Refusal::AboveAuthorized(100))
        );
        let mut captured = payment.clone();
        assert_eq!(capture(&mut captured, &ask("x", 80)), Ok(Some(State::Completed)));
        assert_eq!(captured.amount, 80);
        assert_eq!(capture(&mut captured, &ask("x", 80)), Ok(None));
        assert!(matches!(
            capture(&mut captured, &ask("y", 80)),
            Err(Refusal::NotAuthorized(_))
        ));
        assert!(revert(&mut captured).is_err());
        let mut reverted = payment.clone();
        assert_eq!(revert(&mut reverted), Ok(Some(State::Canceled)));
        assert_eq!(revert(&mut reverted), Ok(None));
        assert_eq!(let_expire(&mut payment, 1000), None);
        assert_eq!(let_expire(&mut payment, 1001), Some(State::Expired));
        assert!(revert(&mut payment).is_err());
    }
}
