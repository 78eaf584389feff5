//! Steps in any order.

use proptest::prelude::*;

use super::*;

#[derive(Clone, Copy, Debug)]
enum Act {
    Decide(bool),
    Delete,
    Cancel,
    Capture(i64),
    Revert,
    Refund(i64),
    Wait(i64),
}

fn any_act() -> impl Strategy<Value = Act> {
    prop_oneof![
        3 => any::<bool>().prop_map(Act::Decide),
        1 => Just(Act::Delete),
        2 => Just(Act::Cancel),
        2 => (1..200_i64).prop_map(Act::Capture),
        1 => Just(Act::Revert),
        2 => (1..200_i64).prop_map(Act::Refund),
        2 => (1..200_000_i64).prop_map(Act::Wait),
    ]
}

/// Whether a payment has ended for good.
fn is_final(status: &PaymentStatus) -> bool {
    use PaymentStatus::{Canceled, Expired, Failed, Refunded};
    matches!(status, Canceled | Expired | Failed | Refunded)
}

proptest! {
    /// Whatever happens in whatever order: money moves once each way, an end stays the end, and nothing waits for a time that has passed.
    #[test]
    fn no_sequence_of_steps_pays_twice_or_refunds_more_than_was_paid(
        to_be_captured: bool, acts in prop::collection::vec(any_act(), 0..24)
    ) {
        let mut payment = unpaid();
        payment.request.is_authorization = to_be_captured;
        let (mut now, mut completions, mut refunded) = (0, 0, None);
        for (index, act) in acts.into_iter().enumerate() {
            let before = payment.clone();
            let mut events = let_time_pass(&mut payment, now);
            let mut told = |event: Option<State>| events.extend(event);
            match act {
                Act::Decide(yes) => {
                    let decision = if yes { Decision::Approve } else { Decision::Decline };
                    if payment.asked().is_some() {
                        confirm(&mut payment, decision, now);
                    } else if let Ok(event) = step(&mut payment, decision, now) {
                        told(event);
                    }
                }
                Act::Delete => payment.deleted = true,
                Act::Cancel => drop(cancel(&mut payment, now)),
                Act::Capture(amount) => {
                    if let Ok((_, event)) = capture(&mut payment, &asking(&format!("c{index}"), amount), now) {
                        told(event);
                    }
                }
                Act::Revert => told(revert(&mut payment, &reversal("v"), now).unwrap_or(None)),
                Act::Refund(amount) => {
                    if refund(&mut payment, amount, false, now).is_ok() {
                        prop_assert_eq!(refunded.replace(amount), None);
                        prop_assert!(amount <= payment.amount);
                    }
                }
                Act::Wait(seconds) => now += seconds,
            }
            completions += events.iter().filter(|event| **event == State::Completed).count();
            prop_assert!(completions <= 1);
            if is_final(&before.status) {
                prop_assert_eq!(&payment.status, &before.status);
            }
            prop_assert_eq!(refunded.is_some(), payment.status == PaymentStatus::Refunded);
            if payment.status == PaymentStatus::Completed {
                prop_assert!(payment.completed_at.is_some() && payment.payment_id.is_some());
            }
            let_time_pass(&mut payment, now);
            prop_assert!(due_at(&payment).is_none_or(|due| due > now));
        }
    }
}
