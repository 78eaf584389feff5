#![allow(clippy::unwrap_used)]
mod sequences;

use paypay::money::Money;
use paypay::payments::{Capture, Revert};

use super::*;
use crate::books::unpaid;

/// An authorization lasts so long.
const AUTHORIZED_FOR: i64 = 100_000;
const SIX_HOURS: i64 = 6 * 3600;

fn step(payment: &mut PaymentRecord, decision: Decision, now: i64) -> Result<Option<State>, Refusal> {
    decide(payment, decision, "p".parse().unwrap(), now, AUTHORIZED_FOR)
}

fn to_capture() -> PaymentRecord {
    let mut payment = unpaid();
    payment.request.is_authorization = true;
    payment
}

fn asking(id: &str, amount: i64) -> Capture {
    Capture {
        merchant_payment_id: "m".parse().unwrap(),
        merchant_capture_id: id.parse().unwrap(),
        amount: Money::yen(amount),
        order_description: String::new(),
        requested_at: 1,
    }
}

fn reversal(id: &str) -> Revert {
    Revert {
        merchant_revert_id: id.parse().unwrap(),
        payment_id: "p".parse().unwrap(),
        reason: None,
        requested_at: 1,
    }
}

/// A payment in every state that a merchant can meet, as its own steps make it at 10 s.
fn every_state() -> Vec<(&'static str, PaymentRecord)> {
    let made = |mut payment: PaymentRecord, steps: fn(&mut PaymentRecord)| {
        steps(&mut payment);
        payment
    };
    let approve = |payment: &mut PaymentRecord| {
        step(payment, Decision::Approve, 10).unwrap();
    };
    let approved = |mut payment: PaymentRecord| {
        approve(&mut payment);
        payment
    };
    vec![
        ("CREATED", unpaid()),
        ("COMPLETED", approved(unpaid())),
        ("AUTHORIZED", approved(to_capture())),
        (
            "asked",
            made(approved(to_capture()), |payment| {
                capture(payment, &asking("more", 150), 10).unwrap();
            }),
        ),
        (
            "REAUTHORIZING",
            made(approved(to_capture()), |payment| {
                capture(payment, &asking("more", 150), 10).unwrap();
                confirm(payment, Decision::Approve, 10);
            }),
        ),
        (
            "captured",
            made(approved(to_capture()), |payment| {
                capture(payment, &asking("c", 80), 10).unwrap();
            }),
        ),
        (
            "CANCELED",
            made(approved(to_capture()), |payment| {
                revert(payment, &reversal("v"), 10).unwrap();
            }),
        ),
        (
            "EXPIRED",
            made(approved(to_capture()), |payment| {
                let_time_pass(payment, 10 + AUTHORIZED_FOR);
            }),
        ),
        (
            "FAILED",
            made(unpaid(), |payment| {
                step(payment, Decision::Decline, 10).unwrap();
            }),
        ),
        (
            "REFUNDED",
            made(approved(unpaid()), |payment| {
                refund(payment, 100, false, 10).unwrap()
            }),
        ),
    ]
}

/// What each state answers to each step, in the order of [`every_state`]: `=` it is done and nothing changes, a status it becomes (with `!` if a webhook
/// follows), or the refusal.
const TABLE: &str = "
state          approve           decline           cancel           capture            revert          refund
CREATED        COMPLETED!        FAILED!           =CREATED         NotCapturable      NotRevertible   NotRefundable
COMPLETED      =                 AlreadyDecided    FAILED           NotCapturable      NotRevertible   REFUNDED
AUTHORIZED     =                 AlreadyDecided    FAILED           COMPLETED!         CANCELED!       NotRefundable
asked          REAUTHORIZING     =AUTHORIZED       FAILED           Reauthorization    CANCELED!       NotRefundable
REAUTHORIZING  AlreadyDecided    AlreadyDecided    FAILED           Reauthorization    NotRevertible   NotRefundable
captured       =                 AlreadyDecided    NotCancelable    AlreadyCaptured    NotRevertible   REFUNDED
CANCELED       AlreadyDecided    AlreadyDecided    NotCancelable    NotCapturable      =               NotRefundable
EXPIRED        AlreadyDecided    AlreadyDecided    NotCancelable    AuthorizationExp   NotRevertible   NotRefundable
FAILED         AlreadyDecided    =                 =                NotCapturable      NotRevertible   NotRefundable
REFUNDED       AlreadyDecided    AlreadyDecided    NotCancelable    NotCapturable      NotRevertible   RefundedBefore
";

#[test]
fn every_state_answers_every_step_as_the_table_says() {
    let states = every_state();
    let rows: Vec<Vec<&str>> = TABLE
        .trim()
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(rows.len(), states.len() + 1);
    for ((name, before), row) in states.iter().zip(&rows[1..]) {
        assert_eq!(*name, row[0]);
        for (call, expected) in rows[0].iter().zip(row).skip(1) {
            let mut payment = before.clone();
            let done = walk(call, &mut payment);
            let got = match &done {
                Ok(event) if payment.status != before.status => {
                    format!("{}{}", payment.status, if event.is_some() { "!" } else { "" })
                }
                Ok(None) if payment == *before => "=".to_owned(),
                Ok(None) => format!("={}", payment.status),
                other => format!("{other:?}").replace("Err(", ""),
            };
            let matches = match done {
                Err(_) => {
                    assert_eq!(payment, *before, "{name} {call}: a refused step changes nothing");
                    got.starts_with(expected)
                }
                Ok(_) => got == *expected,
            };
            assert!(matches, "{name} {call}: {got} instead of {expected}");
        }
    }
}

fn walk(call: &str, payment: &mut PaymentRecord) -> Result<Option<State>, Refusal> {
    let decision = match call {
        "decline" => Decision::Decline,
        _ => Decision::Approve,
    };
    match call {
        "approve" | "decline" if payment.asked().is_some() => {
            confirm(payment, decision, 20);
            Ok(None)
        }
        "approve" | "decline" => step(payment, decision, 20),
        "cancel" => cancel(payment, 20).map(|()| None),
        "capture" => capture(payment, &asking("other", 90), 20).map(|(_, event)| event),
        "revert" => revert(payment, &reversal("v"), 20),
        "refund" => refund(payment, 50, false, 20).map(|()| None),
        other => panic!("{other}"),
    }
}

#[test]
fn a_code_is_decided_once_before_its_deadline_and_unless_deleted() {
    let mut payment = unpaid();
    let late = step(&mut payment, Decision::Approve, 300);
    assert_eq!(late, Err(Refusal::CodeExpired));
    assert_eq!(payment, unpaid(), "an expired code stays CREATED");
    assert_eq!(
        step(&mut payment, Decision::Approve, 299),
        Ok(Some(State::Completed))
    );
    assert_eq!(step(&mut payment, Decision::Approve, 900), Ok(None));
    let mut deleted = PaymentRecord {
        deleted: true,
        ..unpaid()
    };
    let refused = step(&mut deleted, Decision::Approve, 1);
    assert_eq!(refused, Err(Refusal::CodeDeleted));
}

#[test]
fn a_cancel_before_the_payment_takes_effect_when_the_buyer_pays() {
    for (mut payment, announced) in [(unpaid(), State::Completed), (to_capture(), State::Authorized)] {
        assert_eq!(cancel(&mut payment, 1), Ok(()));
        assert_eq!(
            (&payment.status, payment.canceled_at),
            (&PaymentStatus::Created, None)
        );
        // The webhook tells of the payment; what it finds is the cancel.
        assert_eq!(step(&mut payment, Decision::Approve, 2), Ok(Some(announced)));
        assert_eq!(
            (&payment.status, payment.canceled_at),
            (&PaymentStatus::Failed, Some(2))
        );
        assert_eq!(due_at(&payment), None);
        assert_eq!(step(&mut payment, Decision::Approve, 3), Ok(None), "a second tap");
    }
}

fn at(text: &str) -> i64 {
    text.parse::<jiff::Timestamp>().unwrap().as_second()
}

fn paid(when: i64) -> PaymentRecord {
    PaymentRecord {
        status: PaymentStatus::Completed,
        accepted_at: Some(when),
        completed_at: Some(when),
        ..unpaid()
    }
}

#[test]
fn a_cancel_is_accepted_until_a_quarter_past_midnight_in_japan() {
    for (when, last) in [
        ("2026-11-22T00:00:00+09:00", "2026-11-23T00:14:59+09:00"),
        ("2026-11-22T23:59:59+09:00", "2026-11-23T00:14:59+09:00"),
        ("2026-12-31T12:00:00+09:00", "2027-01-01T00:14:59+09:00"),
    ] {
        let payment = paid(at(when));
        assert_eq!(cancel(&mut payment.clone(), at(last)), Ok(()));
        let refused = cancel(&mut payment.clone(), at(last) + 1);
        assert_eq!(refused, Err(Refusal::CancelWindowOver));
    }
}

#[test]
fn a_refund_is_accepted_until_the_end_of_the_365th_day_in_japan() {
    for (when, last) in [
        ("2025-11-22T00:00:00+09:00", "2026-11-22T23:59:59+09:00"),
        ("2025-11-22T23:59:59+09:00", "2026-11-22T23:59:59+09:00"),
        // A leap year has a day more than the window.
        ("2027-12-31T12:00:00+09:00", "2028-12-30T23:59:59+09:00"),
    ] {
        let payment = paid(at(when));
        assert_eq!(refund(&mut payment.clone(), 100, false, at(last)), Ok(()));
        let refused = refund(&mut payment.clone(), 100, false, at(last) + 1);
        assert_eq!(refused, Err(Refusal::RefundWindowOver));
    }
}

#[test]
fn a_refund_is_at_most_what_was_paid_and_needs_a_buyer() {
    let payment = paid(10);
    let refused = refund(&mut payment.clone(), 101, false, 20);
    assert_eq!(refused, Err(Refusal::AboveRefundable(100)));
    let refused = refund(&mut payment.clone(), 100, true, 20);
    assert_eq!(refused, Err(Refusal::BuyerGone));
    let mut captured = to_capture();
    step(&mut captured, Decision::Approve, 10).unwrap();
    capture(&mut captured, &asking("c", 80), 10).unwrap();
    let refused = refund(&mut captured.clone(), 81, false, 20);
    assert_eq!(refused, Err(Refusal::AboveRefundable(80)));
    assert_eq!(refund(&mut captured, 80, false, 20), Ok(()));
}

#[test]
fn a_capture_or_reversal_may_be_repeated_under_its_own_name_only() {
    let mut authorized = to_capture();
    step(&mut authorized, Decision::Approve, 1).unwrap();
    let mut captured = authorized.clone();
    let first = capture(&mut captured, &asking("x", 80), 2);
    assert_eq!(first, Ok((Asked::Captured, Some(State::Completed))));
    assert_eq!((captured.amount, captured.completed_at), (80, Some(2)));
    assert_eq!(
        capture(&mut captured, &asking("x", 80), 3),
        Ok((Asked::Captured, None))
    );
    let other = capture(&mut captured, &asking("y", 80), 3);
    assert_eq!(other, Err(Refusal::AlreadyCaptured));

    assert_eq!(
        revert(&mut authorized, &reversal("v"), 2),
        Ok(Some(State::Canceled))
    );
    assert_eq!(revert(&mut authorized, &reversal("v"), 3), Ok(None));
    let other = revert(&mut authorized, &reversal("w"), 3);
    assert_eq!(other, Err(Refusal::NotRevertible(PaymentStatus::Canceled)));
}

#[test]
fn more_than_was_authorized_takes_the_buyers_yes_within_six_hours() {
    let mut asked = to_capture();
    step(&mut asked, Decision::Approve, 1).unwrap();
    let ask = asking("x", 130);
    assert_eq!(capture(&mut asked, &ask, 10), Ok((Asked::AwaitsBuyer, None)));
    assert_eq!((asked.amount, &asked.status), (100, &PaymentStatus::Authorized));
    assert_eq!(capture(&mut asked, &ask, 11), Ok((Asked::AwaitsBuyer, None)));

    let mut agreed = asked.clone();
    confirm(&mut agreed, Decision::Approve, 20);
    assert_eq!(let_time_pass(&mut agreed, 20), [], "REAUTHORIZING is seen");
    assert_eq!(let_time_pass(&mut agreed, 21), [State::Completed]);
    assert_eq!((agreed.amount, agreed.completed_at), (130, Some(21)));

    let mut refused = asked.clone();
    confirm(&mut refused, Decision::Decline, 20);
    assert_eq!(
        (refused.amount, &refused.status),
        (100, &PaymentStatus::Authorized)
    );
    assert!(
        capture(&mut refused, &asking("y", 100), 21).is_ok(),
        "the authorization stands"
    );

    assert_eq!(let_time_pass(&mut asked, 10 + SIX_HOURS - 1), []);
    assert_eq!(
        let_time_pass(&mut asked, 10 + SIX_HOURS),
        [State::ExpiredUserConfirmation]
    );
    assert_eq!(asked.status, PaymentStatus::Authorized);
}

#[test]
fn an_authorization_runs_out_with_its_open_question() {
    let mut payment = to_capture();
    payment.authorization_expiry = Some(500);
    step(&mut payment, Decision::Approve, 1).unwrap();
    assert_eq!(payment.authorized_until, Some(500), "as the merchant asked");
    capture(&mut payment, &asking("x", 130), 10).unwrap();
    assert_eq!(let_time_pass(&mut payment, 499), []);
    assert_eq!(let_time_pass(&mut payment, 500), [State::Expired]);
    assert_eq!(let_time_pass(&mut payment, 501), []);

    let mut long = to_capture();
    long.authorization_expiry = Some(i64::MAX);
    step(&mut long, Decision::Approve, 1).unwrap();
    assert_eq!(
        long.authorized_until,
        Some(1 + AUTHORIZED_FOR),
        "and no longer than granted"
    );
}
