//! `kessai:order/lifecycle`: what the host worker asks of an order.

use crate::Component;
use crate::bindings::exports::kessai::order::lifecycle::{
    Claim, Difference, Due, DueKind, Guest, LifecycleError, PaymentEvent, Reconciliation, Snapshot, Verdict,
};
use crate::order::{Order, RefundRequest};
use crate::records::sagas::{self, DueKind as Kind};
use crate::records::{self, channels, orders};
use crate::tend::{self, Reason};
use crate::work::WorkError;
use crate::{channel, reconcile, schedule};
use domain::{Instant, OrderNo};
use edge::RequestContext;
use std::time::Duration;
use store::Database;

impl Guest for Component {
    async fn claim_due(_owner: String, lease_ms: u32, limit: u32) -> Result<Claim, LifecycleError> {
        let db = open().await?;
        let now = Instant::now();
        let due = sagas::next_due(&db).await.map_err(WorkError::from)?;
        // A look costs a read; only work that is there costs a write.
        if due.is_none_or(|due| due > now) {
            return Ok(Claim {
                work: Vec::new(),
                next_due_at: due.map(epoch),
            });
        }
        let hidden = Duration::from_millis(lease_ms.into());
        let (db, claimed) = sagas::claim(db, now, hidden, limit.clamp(1, 100))
            .await
            .map_err(WorkError::from)?;
        let next = sagas::next_due(&db).await.map_err(WorkError::from)?;
        let work = claimed.into_iter().map(|(id, kind)| Due {
            id,
            kind: kind.into(),
        });
        Ok(Claim {
            work: work.collect(),
            next_due_at: next.map(epoch),
        })
    }

    async fn resume_saga(order_no: String) -> Result<Snapshot, LifecycleError> {
        tend(&order_no, Reason::Recovery).await
    }

    async fn poll_payment(order_no: String, watched: bool) -> Result<Snapshot, LifecycleError> {
        tend(&order_no, Reason::Poll { watched }).await
    }

    async fn apply_inbox(order_no: String) -> Result<Snapshot, LifecycleError> {
        tend(&order_no, Reason::Webhook).await
    }

    async fn apply_payment_event(event: PaymentEvent) -> Result<Snapshot, LifecycleError> {
        let order = find(&event.order_no).await?;
        let db = open().await?;
        let of_payment = orders::find_by_payment(&db, &event.merchant_payment_id)
            .await
            .map_err(WorkError::from)?;
        if of_payment.is_none_or(|other| other.order_no != order.order_no) {
            return Err(LifecycleError::Conflict(format!(
                "{} is not a payment of {}",
                event.merchant_payment_id, order.order_no
            )));
        }
        // The event only makes us look: PayPay's details decide.
        tend(&event.order_no, Reason::Reconcile).await
    }

    async fn expire(order_no: String) -> Result<Snapshot, LifecycleError> {
        let order = find(&order_no).await?;
        let deadline = order.code.as_ref().map(|code| code.expires_at);
        if !order.status.is_final() && deadline.is_none_or(|deadline| deadline > Instant::now()) {
            return Err(LifecycleError::Conflict("the deadline has not passed".to_owned()));
        }
        tend(&order_no, Reason::Expiry).await
    }

    async fn cancel(order_no: String) -> Result<Snapshot, LifecycleError> {
        tend(&order_no, Reason::Cancel).await
    }

    async fn refund(order_no: String, reason: String, restock: bool) -> Result<Snapshot, LifecycleError> {
        tend(&order_no, Reason::Refund(RefundRequest { reason, restock })).await
    }

    async fn reconcile(
        since: u64,
        until: u64,
        after: Option<String>,
        limit: u32,
        apply: bool,
    ) -> Result<Reconciliation, LifecycleError> {
        let at = |millis: u64| Instant::from_millis(i64::try_from(millis).unwrap_or(i64::MAX));
        let found = reconcile::reconcile(
            (at(since), at(until)),
            after.as_deref(),
            limit.clamp(1, 20),
            apply,
            &RequestContext::internal(),
        )
        .await?;
        Ok(Reconciliation {
            checked: found.checked,
            differences: found.differences.into_iter().map(Difference::from).collect(),
            next: found.next,
        })
    }

    async fn open_channel(order_no: String, token: String) -> Result<Snapshot, LifecycleError> {
        let order = find(&order_no).await?;
        let db = open().await?;
        let now = Instant::now();
        let valid = channels::is_valid(&db, &channel::token_hash(&token), &order.order_no, now).await;
        if !valid.map_err(WorkError::from)? {
            return Err(LifecycleError::Unauthorized);
        }
        if !order.status.is_final() {
            let due = sagas::Due {
                at: now.plus(schedule::WATCHED),
                kind: Kind::Poll,
            };
            sagas::hasten(&db, &order.order_no, due, now)
                .await
                .map_err(WorkError::from)?;
        }
        Ok(snapshot(&order))
    }

    async fn snapshot_of(order_no: String) -> Result<Snapshot, LifecycleError> {
        Ok(snapshot(&find(&order_no).await?))
    }
}

async fn tend(order_no: &str, reason: Reason) -> Result<Snapshot, LifecycleError> {
    let order_no = parse(order_no)?;
    let order = tend::tend(&order_no, &reason, &RequestContext::internal()).await?;
    Ok(snapshot(&order))
}

async fn open() -> Result<Database, LifecycleError> {
    Ok(records::open().await.map_err(WorkError::from)?)
}

async fn find(order_no: &str) -> Result<Order, LifecycleError> {
    let order_no = parse(order_no)?;
    let db = open().await?;
    let order = orders::find(&db, &order_no).await.map_err(WorkError::from)?;
    order.ok_or(LifecycleError::NotFound)
}

fn parse(order_no: &str) -> Result<OrderNo, LifecycleError> {
    order_no.parse().map_err(|_| LifecycleError::NotFound)
}

fn snapshot(order: &Order) -> Snapshot {
    Snapshot {
        order_no: order.order_no.as_str().to_owned(),
        user_id: order.user_id.clone(),
        status: order.status.as_str().to_owned(),
        payment_status: order.payment_status.as_str().to_owned(),
        amount: order.amount.get(),
        fail_code: order.fail_code.map(|code| code.as_str().to_owned()),
        version: order.version,
        updated_at: epoch(order.updated_at),
        expires_at: order.code.as_ref().map(|code| epoch(code.expires_at)),
    }
}

impl From<reconcile::Difference> for Difference {
    fn from(difference: reconcile::Difference) -> Difference {
        Difference {
            order_no: difference.order_no,
            merchant_payment_id: difference.merchant_payment_id,
            ours: difference.ours,
            theirs: difference.theirs,
            verdict: match difference.verdict {
                reconcile::Verdict::Repaired => Verdict::Repaired,
                reconcile::Verdict::Repairable => Verdict::Repairable,
                reconcile::Verdict::Unresolved => Verdict::Unresolved,
            },
            detail: difference.detail.to_owned(),
        }
    }
}

/// The interface counts epoch milliseconds without a sign.
fn epoch(instant: Instant) -> u64 {
    u64::try_from(instant.millis()).unwrap_or(0)
}

impl From<Kind> for DueKind {
    fn from(kind: Kind) -> DueKind {
        match kind {
            Kind::Resume => DueKind::Resume,
            Kind::Poll => DueKind::Poll,
            Kind::Expire => DueKind::Expire,
            Kind::Inbox => DueKind::Inbox,
            Kind::Saga => DueKind::Saga,
        }
    }
}

impl From<WorkError> for LifecycleError {
    fn from(error: WorkError) -> LifecycleError {
        match error {
            WorkError::NotFound => LifecycleError::NotFound,
            WorkError::Busy => LifecycleError::Busy,
            WorkError::Conflict(why) => LifecycleError::Conflict(why),
            WorkError::Unavailable(why) | WorkError::Broken(why) => LifecycleError::Unavailable(why),
        }
    }
}
