//! Doing what an order needs now: going on with its saga, reading its payment, ending it at its deadline, giving money back.
//!
//! Every way to an order leads through here: a webhook, a poll, the deadline, a buyer who cancels, a worker that takes over.

use crate::drive::{Rest, drive, drive_from, instant, millis, rest_of};
use crate::order::{Observation, RefundRequest};
use crate::reconcile::Difference;
use crate::records::sagas::{Due, DueKind};
use crate::records::{self, attempts};
use crate::steps::{gateway, refund};
use crate::work::{Work, WorkError};
use crate::{order::Order, schedule};
use domain::{Evidence, Instant, OrderNo, OrderStatus, PaymentStatus, Verdict};
use edge::RequestContext;
use saga::{Cursor, Event, Instance};
use serde_json::Value;

/// What makes us look at the order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    Webhook,
    Poll {
        /// A buyer looks on.
        watched: bool,
    },
    /// The deadline has passed.
    Expiry,
    /// The last owner died.
    Recovery,
    /// The buyer cancels.
    Cancel,
    Refund(RefundRequest),
    /// Somebody else compares our books with PayPay's.
    Reconcile,
}

impl Reason {
    fn is_watched(&self) -> bool {
        matches!(self, Reason::Poll { watched: true })
    }

    fn source(&self) -> &'static str {
        match self {
            Reason::Webhook => "webhook",
            Reason::Poll { .. } => "poll",
            Reason::Expiry => "expiry",
            Reason::Recovery => "recovery",
            Reason::Cancel => "cancel",
            Reason::Refund(_) => "refund",
            Reason::Reconcile => "reconcile",
        }
    }
}

/// Takes the order's lease and does what it needs.
pub async fn tend(order_no: &OrderNo, reason: &Reason, ctx: &RequestContext) -> Result<Order, WorkError> {
    let work = Work::acquire(order_no, &ctx.request_id).await?;
    tend_leased(work, reason, ctx).await
}

/// The same, when the lease has been taken already. Whatever happens, the lease is given back or runs out.
pub async fn tend_leased(mut work: Work, reason: &Reason, ctx: &RequestContext) -> Result<Order, WorkError> {
    // Everything received until now is settled by the details that are read after now.
    let seen = Instant::now();
    let outcome = attend(&mut work, reason, ctx).await;
    settle(
        work,
        outcome,
        Some((seen, reason.source())),
        reason.is_watched(),
        ctx,
    )
    .await
}

/// Stores what came out and gives the lease back. `seen`: as for [`Work::release`].
async fn settle(
    work: Work,
    outcome: Result<Rest, WorkError>,
    seen: Option<(Instant, &str)>,
    watched: bool,
    ctx: &RequestContext,
) -> Result<Order, WorkError> {
    match outcome {
        Ok(rest) => {
            let due = next_due(&work, rest, watched);
            work.release(ctx, due, seen, async |_, _, _| Ok(())).await
        }
        Err(WorkError::Busy) => Err(WorkError::Busy),
        // The wish was refused, the order is as it was.
        Err(WorkError::Conflict(why)) => {
            let due = next_due(&work, rest_of(&work.instance), watched);
            work.release(ctx, due, None, async |_, _, _| Ok(())).await?;
            Err(WorkError::Conflict(why))
        }
        Err(error) => {
            let at = Instant::now().plus(schedule::backoff(work.failures.saturating_add(1)));
            work.put_off(Due {
                at,
                kind: DueKind::Resume,
            })
            .await?;
            Err(error)
        }
    }
}

/// Applies what PayPay says of one payment of an order, whatever the order thinks of it: accepts it if the order waits for it, gives it back if the order
/// has no use for it.
pub async fn reconcile(order_no: &OrderNo, id: &str, ctx: &RequestContext) -> Result<Order, WorkError> {
    let mut work = Work::acquire(order_no, &ctx.request_id).await?;
    let own = work.order.merchant_payment_id.as_deref() == Some(id);
    if own && work.instance.waiting_in().is_some() {
        return tend_leased(work, &Reason::Reconcile, ctx).await;
    }
    let outcome = give_back(&mut work, id, ctx)
        .await
        .map(|()| rest_of(&work.instance));
    settle(work, outcome, None, false, ctx).await
}

/// Refunds a payment that its order has no use for.
async fn give_back(work: &mut Work, id: &str, ctx: &RequestContext) -> Result<(), WorkError> {
    let own = work.order.merchant_payment_id.as_deref() == Some(id);
    let useless = !own || matches!(work.order.status, OrderStatus::Failed | OrderStatus::Refunded);
    match gateway::details(id).await? {
        Some(seen) if useless && seen.status == PaymentStatus::Completed => {
            refund::refund_late(work, &seen, ctx).await
        }
        _ => Ok(()),
    }
}

/// Tells a person of a difference between our books and PayPay's that has no one right answer.
pub async fn tell_difference(
    order_no: &OrderNo,
    difference: &Difference,
    ctx: &RequestContext,
) -> Result<(), WorkError> {
    let mut work = Work::acquire(order_no, &ctx.request_id).await?;
    let words = (difference.theirs.clone(), difference.ours.clone());
    let facts =
        serde_json::json!({"merchantPaymentId": difference.merchant_payment_id, "detail": difference.detail});
    let about = format!("{}:{}", difference.merchant_payment_id, difference.theirs);
    work.order.alert("R", &about, words, facts, Instant::now());
    let rest = rest_of(&work.instance);
    settle(work, Ok(rest), None, false, ctx).await?;
    Ok(())
}

/// Does what an operator wishes: `decide` says which event the saga is to be sent, or why it takes none.
pub async fn steer<Refusal>(
    order_no: &OrderNo,
    decide: &dyn Fn(&Instance) -> Result<Event, Refusal>,
    ctx: &RequestContext,
) -> Result<Result<Order, Refusal>, WorkError> {
    let mut work = Work::acquire(order_no, &ctx.request_id).await?;
    let event = match decide(&work.instance) {
        Ok(event) => event,
        Err(refusal) => {
            let due = next_due(&work, rest_of(&work.instance), false);
            work.release(ctx, due, None, async |_, _, _| Ok(())).await?;
            return Ok(Err(refusal));
        }
    };
    if event == Event::Resume && work.instance.waiting_in().is_some() {
        return tend_leased(work, &Reason::Reconcile, ctx).await.map(Ok);
    }
    let at = if event == Event::Resume {
        work.instance.due_at().map_or_else(Instant::now, instant)
    } else {
        Instant::now()
    };
    let outcome = drive_from(&mut work, event, at.max(Instant::now()), ctx).await;
    settle(work, outcome, None, false, ctx).await.map(Ok)
}

async fn attend(work: &mut Work, reason: &Reason, ctx: &RequestContext) -> Result<Rest, WorkError> {
    let now = millis(Instant::now());
    let rest = match work.instance.cursor {
        Cursor::Waiting { .. } => attend_waiting(work, reason, ctx).await?,
        Cursor::Ended
            if *reason == Reason::Recovery && work.instance.recover_at.is_some_and(|at| at <= now) =>
        {
            return drive(work, Event::Recover, ctx).await;
        }
        Cursor::Ended => {
            attend_ended(work, reason, ctx).await?;
            return Ok(rest_of(&work.instance));
        }
        _ if *reason == Reason::Cancel => {
            return Err(WorkError::Conflict("the order is being prepared".to_owned()));
        }
        _ => drive(work, Event::Resume, ctx).await?,
    };
    match (reason, rest) {
        // It turned out to be paid just now.
        (Reason::Refund(_), Rest::Ended) => {
            attend_ended(work, reason, ctx).await?;
            Ok(rest_of(&work.instance))
        }
        // Nobody must take this for a refund.
        (Reason::Refund(_), _) => Err(WorkError::Conflict(format!("the order is {}", work.order.status))),
        _ => Ok(rest),
    }
}

/// The buyer has a code. PayPay is asked first, whatever the reason: a payment that came through beats a deadline and a cancellation.
async fn attend_waiting(work: &mut Work, reason: &Reason, ctx: &RequestContext) -> Result<Rest, WorkError> {
    if let Some(seen) = observe(work, reason.source()).await? {
        match judge(work, &seen) {
            Verdict::Accept => return signal(work, "PAID", ctx).await,
            Verdict::Decline => return signal(work, "DECLINED", ctx).await,
            Verdict::Mismatch => note_mismatch(work, &seen),
            Verdict::Wait | Verdict::Refund => {}
        }
    }
    if *reason == Reason::Cancel {
        return signal(work, "CANCELED", ctx).await;
    }
    match work.instance.cursor {
        Cursor::Waiting { deadline, .. } if deadline <= millis(Instant::now()) => {
            drive(work, Event::DeadlinePassed, ctx).await
        }
        _ => drive(work, Event::Resume, ctx).await,
    }
}

/// The saga is over. What can still be needed: money back, ordered by somebody or due to a payment that came too late.
async fn attend_ended(work: &mut Work, reason: &Reason, ctx: &RequestContext) -> Result<(), WorkError> {
    if let Reason::Refund(request) = reason {
        if work.order.status == OrderStatus::Refunded {
            return Ok(());
        }
        work.order
            .request_refund(request.clone())
            .map_err(|error| WorkError::Conflict(error.to_string()))?;
    }
    if let Some(request) = work.order.refund_request.clone() {
        if work.order.changes.row {
            // On disk before any money moves, so that another worker can finish it.
            work.checkpoint(ctx).await?;
        }
        return refund::refund_paid(work, &request, ctx).await;
    }
    if *reason == Reason::Cancel {
        return Err(WorkError::Conflict(format!("the order is {}", work.order.status)));
    }
    if let Some(seen) = observe(work, reason.source()).await? {
        match judge(work, &seen) {
            Verdict::Refund | Verdict::Mismatch if work.order.status == OrderStatus::Failed => {
                refund::refund_late(work, &seen, ctx).await?;
            }
            _ => {}
        }
    }
    watch(work, ctx).await
}

/// Looks after payments that may still come although the order needs none: of codes whose address was lost, and of an order that failed.
async fn watch(work: &mut Work, ctx: &RequestContext) -> Result<(), WorkError> {
    let open = attempts::open(&*records::open().await?, &work.order.order_no).await?;
    for attempt in open {
        let id = attempt.merchant_payment_id;
        if work.order.changes.settled.contains(&id) {
            continue;
        }
        match gateway::details(&id).await? {
            Some(seen) if seen.status == PaymentStatus::Completed => {
                refund::refund_late(work, &seen, ctx).await?;
            }
            Some(seen) if seen.status.is_final() => work.order.changes.settled.push(id),
            // Unpaid, or never heard of: until its time is over.
            _ if attempt.watch_until <= Instant::now() => work.order.changes.settled.push(id),
            _ => {}
        }
    }
    Ok(())
}

/// Reads PayPay's details into the order; `None` if PayPay knows of no payment, or was never asked for one.
async fn observe(work: &mut Work, source: &str) -> Result<Option<Observation>, WorkError> {
    let Some(id) = work.order.merchant_payment_id.clone() else {
        return Ok(None);
    };
    work.order.count_poll();
    let Some(seen) = gateway::details(&id).await? else {
        return Ok(None);
    };
    work.order.observe(&seen, source, Instant::now());
    Ok(Some(seen))
}

fn judge(work: &Work, seen: &Observation) -> Verdict {
    Evidence {
        status: seen.status,
        amount: seen.amount,
    }
    .judge(work.order.status, work.order.pay_amount)
}

async fn signal(work: &mut Work, name: &str, ctx: &RequestContext) -> Result<Rest, WorkError> {
    drive(
        work,
        Event::Signal {
            name: name.to_owned(),
            payload: Value::Null,
        },
        ctx,
    )
    .await
}

fn note_mismatch(work: &mut Work, seen: &Observation) {
    let news = work
        .order
        .changes
        .events
        .iter()
        .any(|event| event.topic == domain::topic::PAYMENTS);
    if news && seen.status == PaymentStatus::Completed {
        let detail = format!(
            "PayPay took {} for an order of {}",
            seen.amount, work.order.pay_amount
        );
        let now = Instant::now();
        let words = (
            format!("a payment of {}", seen.amount),
            format!("a payment of {}", work.order.pay_amount),
        );
        let facts =
            serde_json::json!({"merchantPaymentId": seen.merchant_payment_id, "paymentId": seen.payment_id});
        work.order
            .alert("M", &seen.merchant_payment_id, words, facts, now);
        work.order.note("PAYMENT_MISMATCH", detail, now);
    }
}

/// When somebody must look at an order again whose saga rests like this. `watched`: a buyer looks on.
pub fn next_due(work: &Work, rest: Rest, watched: bool) -> Option<Due> {
    let now = Instant::now();
    match rest {
        Rest::Ended => None,
        Rest::Sleeping { until } => Some(Due {
            at: until,
            kind: DueKind::Resume,
        }),
        Rest::Waiting { deadline } => {
            let poll = now.plus(schedule::pause(work.order.created_at, now, watched));
            Some(if poll < deadline {
                Due {
                    at: poll,
                    kind: DueKind::Poll,
                }
            } else {
                Due {
                    at: deadline,
                    kind: DueKind::Expire,
                }
            })
        }
    }
}
