//! Comparing our books with PayPay's, payment by payment.

use crate::order::{Observation, Order};
use crate::records::attempts::{self, Asked};
use crate::records::{self, orders};
use crate::steps::gateway;
use crate::tend;
use crate::work::WorkError;
use domain::{Instant, OrderStatus, PaymentStatus};
use edge::RequestContext;

/// What a comparison found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Repaired,
    Repairable,
    Unresolved,
}

#[derive(Debug)]
pub struct Difference {
    pub order_no: String,
    pub merchant_payment_id: String,
    pub ours: String,
    pub theirs: String,
    pub verdict: Verdict,
    pub detail: &'static str,
}

#[derive(Debug, Default)]
pub struct Reconciliation {
    pub checked: u32,
    pub differences: Vec<Difference>,
    pub next: Option<String>,
}

/// Compares what was asked for between two instants. The host ends a request after 10 s, and PayPay may take a while: `limit` keeps it short.
pub async fn reconcile(
    (since, until): (Instant, Instant),
    after: Option<&str>,
    limit: u32,
    apply: bool,
    ctx: &RequestContext,
) -> Result<Reconciliation, WorkError> {
    let place = after.map(parse_place).transpose()?;
    let db = records::open().await?;
    let asked = attempts::between(&db, since, until, place.as_ref(), limit).await?;
    let mut found = Reconciliation {
        next: asked
            .last()
            .filter(|_| asked.len() >= limit as usize)
            .map(|last| format!("{}:{}", last.created_at.millis(), last.merchant_payment_id)),
        ..Reconciliation::default()
    };
    for attempt in &asked {
        found.checked += 1;
        let Some(mut difference) = compare(attempt).await? else {
            continue;
        };
        if apply {
            if difference.verdict == Verdict::Repairable {
                tend::reconcile(&attempt.order_no, &attempt.merchant_payment_id, ctx).await?;
                // What is put right differs no more.
                match compare(attempt).await? {
                    None => difference.verdict = Verdict::Repaired,
                    Some(rest) => {
                        difference = Difference {
                            verdict: Verdict::Unresolved,
                            ..rest
                        }
                    }
                }
            }
            if difference.verdict == Verdict::Unresolved {
                tend::tell_difference(&attempt.order_no, &difference, ctx).await?;
            }
        }
        found.differences.push(difference);
    }
    Ok(found)
}

fn parse_place(text: &str) -> Result<(Instant, String), WorkError> {
    let parse = || {
        let (at, id) = text.split_once(':')?;
        Some((Instant::from_millis(at.parse().ok()?), id.to_owned()))
    };
    parse().ok_or_else(|| WorkError::Conflict("`after` is not a place that an earlier call gave".to_owned()))
}

async fn compare(attempt: &Asked) -> Result<Option<Difference>, WorkError> {
    let seen = gateway::details(&attempt.merchant_payment_id).await?;
    // Read after PayPay, so that what was applied meanwhile is no difference.
    let order = orders::find(&*records::open().await?, &attempt.order_no)
        .await?
        .ok_or(WorkError::NotFound)?;
    Ok(
        judge(&order, &attempt.merchant_payment_id, seen.as_ref()).map(|(verdict, detail)| Difference {
            order_no: order.order_no.as_str().to_owned(),
            merchant_payment_id: attempt.merchant_payment_id.clone(),
            ours: format!("{} {}", order.status, order.pay_amount.get()),
            theirs: seen.map_or_else(
                || "nothing".to_owned(),
                |seen| format!("{} {}", seen.status, seen.amount.get()),
            ),
            verdict,
            detail,
        }),
    )
}

/// What is wrong, if anything is.
fn judge(order: &Order, id: &str, seen: Option<&Observation>) -> Option<(Verdict, &'static str)> {
    use Verdict::{Repairable, Unresolved};
    let own = order.merchant_payment_id.as_deref() == Some(id);
    let status = seen.map_or(PaymentStatus::None, |seen| seen.status);
    let amount_fits = seen.is_none_or(|seen| seen.amount == order.pay_amount);
    match (order.status, status) {
        // A refund that was ordered and is under way.
        (_, _) if order.refund_request.is_some() => None,
        (OrderStatus::Paid, PaymentStatus::Completed) if own && amount_fits => None,
        (OrderStatus::Paid, PaymentStatus::Completed) if own => {
            Some((Unresolved, "the order is paid with another amount than its own"))
        }
        (_, PaymentStatus::Completed) if !own => Some((Repairable, "a second payment for one order")),
        (OrderStatus::Pending | OrderStatus::WaitingPayment, PaymentStatus::Completed) if amount_fits => {
            Some((Repairable, "a payment that the order does not know of"))
        }
        (OrderStatus::Pending | OrderStatus::WaitingPayment, PaymentStatus::Completed) => {
            Some((Unresolved, "another amount than the order's was paid"))
        }
        (OrderStatus::Failed | OrderStatus::Refunded, PaymentStatus::Completed) => {
            Some((Repairable, "money that was not given back"))
        }
        (OrderStatus::Paid, PaymentStatus::Refunded) if own => {
            Some((Unresolved, "the order is paid, and its payment was refunded"))
        }
        (OrderStatus::Paid, _) if own => {
            Some((Unresolved, "the order is paid, and there is no completed payment"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use domain::{OrderNo, Yen};

    fn order(status: OrderStatus) -> Order {
        let (amount, now) = (Yen::new(1_200).unwrap(), Instant::from_millis(0));
        let mut order = Order::place(
            OrderNo::generate(now, 7),
            "u".into(),
            amount,
            Yen::ZERO,
            amount,
            now,
        );
        order.status = status;
        order
    }

    #[test]
    fn each_pair_of_books_has_its_verdict() {
        use OrderStatus::{Failed, Paid, Refunded, WaitingPayment};
        use PaymentStatus::{Completed, Created};
        use Verdict::{Repairable, Unresolved};
        for (ours, theirs, amount, own, expected) in [
            (Paid, Completed, 1_200, true, None),
            (Paid, Completed, 1_100, true, Some(Unresolved)),
            (Paid, Completed, 1_200, false, Some(Repairable)),
            (Paid, Created, 1_200, true, Some(Unresolved)),
            (Paid, Created, 1_200, false, None),
            (Paid, PaymentStatus::Refunded, 1_200, true, Some(Unresolved)),
            (WaitingPayment, Created, 1_200, true, None),
            (WaitingPayment, Completed, 1_200, true, Some(Repairable)),
            (WaitingPayment, Completed, 1, true, Some(Unresolved)),
            (Failed, Created, 1_200, true, None),
            (Failed, Completed, 1_200, true, Some(Repairable)),
            (Failed, PaymentStatus::Refunded, 1_200, true, None),
            (Refunded, Completed, 1_200, true, Some(Repairable)),
            (Refunded, PaymentStatus::Refunded, 1_200, true, None),
        ] {
            let order = order(ours);
            let id = if own {
                order.merchant_payment_id.clone().unwrap()
            } else {
                "another".to_owned()
            };
            let seen = Observation {
                merchant_payment_id: id.clone(),
                payment_id: Some("p".into()),
                status: theirs,
                amount: Yen::new(amount).unwrap(),
            };
            let verdict = judge(&order, &id, Some(&seen)).map(|(verdict, _)| verdict);
            assert_eq!(verdict, expected, "{ours} {theirs} {amount} {own}");
        }
        assert_eq!(judge(&order(Paid), "another", None), None);
        let paid = order(Paid);
        let own = paid.merchant_payment_id.clone().unwrap();
        assert_eq!(
            judge(&paid, &own, None).map(|(verdict, _)| verdict),
            Some(Unresolved)
        );
    }
}
