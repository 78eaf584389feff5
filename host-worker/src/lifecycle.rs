//! The order component, as realtime and schedule want it: their traits over the host's typed client.

use domain::{Instant, OrderNo};
use futures::{FutureExt, future::BoxFuture};
use kessai_host::lifecycle::{self as wit, Lifecycle, LifecycleError, Snapshot, Verdict};
use kessai_host::sagas::{SagaError, Sagas};
use kessai_realtime::{OpenError, OrderView};
use kessai_schedule::{Claim, Compared, Due, Kind, WorkError};
use std::time::Duration;

/// Payments compared in one call: each may wait for PayPay, and the host ends a call after a while.
const RECONCILE_PART: u32 = 5;

type CallError = kessai_host::CallError<LifecycleError>;

/// The orders behind `kessai:order/lifecycle`, and the sagas behind `kessai:order/sagas`.
#[derive(Clone, Debug)]
pub(crate) struct OrderComponent {
    lifecycle: Lifecycle,
    sagas: Sagas,
}

impl OrderComponent {
    pub(crate) fn new(lifecycle: Lifecycle) -> OrderComponent {
        OrderComponent {
            sagas: lifecycle.sagas(),
            lifecycle,
        }
    }

    pub(crate) fn sagas(&self) -> &Sagas {
        &self.sagas
    }
}

impl kessai_realtime::Orders for OrderComponent {
    fn open_channel<'a>(
        &'a self,
        order_no: &'a OrderNo,
        token: &'a str,
    ) -> BoxFuture<'a, Result<OrderView, OpenError>> {
        async move {
            view(
                self.lifecycle
                    .open_channel(order_no.as_str(), token)
                    .await
                    .map_err(open_error)?,
            )
        }
        .boxed()
    }

    fn snapshot<'a>(&'a self, order_no: &'a OrderNo) -> BoxFuture<'a, Result<OrderView, OpenError>> {
        async move {
            view(
                self.lifecycle
                    .snapshot_of(order_no.as_str())
                    .await
                    .map_err(open_error)?,
            )
        }
        .boxed()
    }
}

impl kessai_schedule::Orders for OrderComponent {
    fn claim_due<'a>(
        &'a self,
        owner: &'a str,
        lease: Duration,
        limit: u32,
    ) -> BoxFuture<'a, Result<Claim, WorkError>> {
        async move {
            let lease_ms = u32::try_from(lease.as_millis()).unwrap_or(u32::MAX);
            claim(
                self.lifecycle
                    .claim_due(owner, lease_ms, limit)
                    .await
                    .map_err(work_error)?,
            )
        }
        .boxed()
    }

    fn resume_saga<'a>(&'a self, order_no: &'a OrderNo) -> BoxFuture<'a, Result<(), WorkError>> {
        async move { done(self.lifecycle.resume_saga(order_no.as_str()).await) }.boxed()
    }

    fn poll_payment<'a>(
        &'a self,
        order_no: &'a OrderNo,
        watched: bool,
    ) -> BoxFuture<'a, Result<(), WorkError>> {
        async move { done(self.lifecycle.poll_payment(order_no.as_str(), watched).await) }.boxed()
    }

    fn expire<'a>(&'a self, order_no: &'a OrderNo) -> BoxFuture<'a, Result<(), WorkError>> {
        async move { done(self.lifecycle.expire(order_no.as_str()).await) }.boxed()
    }

    fn apply_inbox<'a>(&'a self, order_no: &'a OrderNo) -> BoxFuture<'a, Result<(), WorkError>> {
        async move { done(self.lifecycle.apply_inbox(order_no.as_str()).await) }.boxed()
    }

    fn continue_saga<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<(), WorkError>> {
        async move { self.sagas.resume(id).await.map_err(saga_work_error) }.boxed()
    }
}

impl kessai_schedule::Archive for OrderComponent {
    fn archive(&self, ended_before: Instant, limit: u32) -> BoxFuture<'_, Result<u32, WorkError>> {
        let ended_before = epoch(ended_before);
        async move {
            self.sagas
                .archive(ended_before, limit)
                .await
                .map_err(saga_work_error)
        }
        .boxed()
    }
}

impl kessai_schedule::Books for OrderComponent {
    fn compare<'a>(
        &'a self,
        (since, until): (Instant, Instant),
        after: Option<String>,
    ) -> BoxFuture<'a, Result<Compared, WorkError>> {
        async move {
            let found = self
                .lifecycle
                .reconcile(epoch(since), epoch(until), after, RECONCILE_PART, true)
                .await
                .map_err(work_error)?;
            let count = |verdict: Verdict| {
                let those = found
                    .differences
                    .iter()
                    .filter(|difference| difference.verdict == verdict);
                u32::try_from(those.count()).unwrap_or(u32::MAX)
            };
            Ok(Compared {
                checked: found.checked,
                repaired: count(Verdict::Repaired),
                unresolved: count(Verdict::Unresolved),
                next: found.next.clone(),
            })
        }
        .boxed()
    }
}

/// The interface counts epoch milliseconds without a sign.
fn epoch(instant: Instant) -> u64 {
    u64::try_from(instant.millis()).unwrap_or(0)
}

fn done(answer: Result<Snapshot, CallError>) -> Result<(), WorkError> {
    answer.map(|_| ()).map_err(work_error)
}

fn open_error(error: CallError) -> OpenError {
    match error {
        CallError::Refused(LifecycleError::NotFound) => OpenError::NotFound,
        CallError::Refused(LifecycleError::Unauthorized) => OpenError::Unauthorized,
        error => OpenError::Unavailable(error.to_string()),
    }
}

fn work_error(error: CallError) -> WorkError {
    match error {
        CallError::Refused(LifecycleError::NotFound) => WorkError::NotFound,
        CallError::Refused(LifecycleError::Conflict(state)) => WorkError::Conflict(state),
        CallError::Refused(LifecycleError::Busy) => WorkError::Busy,
        error => WorkError::Unavailable(error.to_string()),
    }
}

fn saga_work_error(error: kessai_host::CallError<SagaError>) -> WorkError {
    use kessai_host::CallError::Refused;
    match error {
        Refused(SagaError::NotFound) => WorkError::NotFound,
        Refused(SagaError::Conflict(state)) => WorkError::Conflict(state),
        Refused(SagaError::Busy) => WorkError::Busy,
        Refused(SagaError::Unavailable(reason)) => WorkError::Unavailable(reason),
        error => WorkError::Unavailable(error.to_string()),
    }
}

fn view(snapshot: Snapshot) -> Result<OrderView, OpenError> {
    let broken = |what: &str| OpenError::Unavailable(format!("the order component's {what} is unknown here"));
    let instant = |millis: u64| Instant::from_millis(i64::try_from(millis).unwrap_or(i64::MAX)).to_string();
    Ok(OrderView {
        order_no: snapshot.order_no.parse().map_err(|_| broken("order number"))?,
        status: snapshot.status.parse().map_err(|_| broken("status"))?,
        payment_status: snapshot
            .payment_status
            .parse()
            .map_err(|_| broken("payment status"))?,
        amount: domain::Yen::new(snapshot.amount).map_err(|_| broken("amount"))?,
        version: snapshot.version,
        updated_at: instant(snapshot.updated_at),
        fail_code: snapshot
            .fail_code
            .map(|code| code.parse())
            .transpose()
            .map_err(|_| broken("fail code"))?,
        expires_at: snapshot.expires_at.map(instant),
    })
}

fn claim(claim: wit::Claim) -> Result<Claim, WorkError> {
    let due = |due: wit::Due| {
        let kind = match due.kind {
            wit::DueKind::Resume => Kind::Resume,
            wit::DueKind::Poll => Kind::Poll,
            wit::DueKind::Expire => Kind::Expire,
            wit::DueKind::Inbox => Kind::Inbox,
            wit::DueKind::Saga => return Ok(Due::Saga(due.id)),
        };
        let order_no = due.id.parse().map_err(|error| {
            WorkError::Unavailable(format!(
                "the order component claimed what it cannot name: {error}"
            ))
        })?;
        Ok(Due::Order { order_no, kind })
    };
    Ok(Claim {
        work: claim.work.into_iter().map(due).collect::<Result<_, _>>()?,
        next_due_at: claim
            .next_due_at
            .map(|millis| Instant::from_millis(i64::try_from(millis).unwrap_or(i64::MAX))),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn snapshot() -> Snapshot {
        Snapshot {
            order_no: "K20261122-7F3K9Q2MXA".into(),
            user_id: "u".into(),
            status: "FAILED".into(),
            payment_status: "EXPIRED".into(),
            amount: 1200,
            fail_code: Some("PAYMENT_EXPIRED".into()),
            version: 4,
            updated_at: 7,
            expires_at: Some(1_795_309_200_000),
        }
    }

    #[test]
    fn a_snapshot_becomes_what_browsers_see() {
        let view = view(snapshot()).unwrap();
        assert_eq!(
            serde_json::to_value(&view).unwrap(),
            serde_json::json!({"orderNo": "K20261122-7F3K9Q2MXA", "status": "FAILED", "paymentStatus": "EXPIRED", "amount": 1200,
                "version": 4, "updatedAt": "1970-01-01T00:00:00.007Z", "failCode": "PAYMENT_EXPIRED",
                "expiresAt": "2026-11-22T01:00:00.000Z"})
        );
    }

    #[test]
    fn a_snapshot_in_unknown_words_is_an_error_and_not_a_guess() {
        for broken in [
            Snapshot {
                status: "SHIPPED".into(),
                ..snapshot()
            },
            Snapshot {
                amount: -1,
                ..snapshot()
            },
            Snapshot {
                order_no: "1".into(),
                ..snapshot()
            },
        ] {
            assert!(matches!(view(broken), Err(OpenError::Unavailable(_))));
        }
    }

    #[test]
    fn a_claim_names_orders_and_sagas() {
        let due = |id: &str, kind| wit::Due { id: id.into(), kind };
        let claimed = |work| {
            claim(wit::Claim {
                work,
                next_due_at: Some(7),
            })
        };
        let Claim { work, next_due_at } = claimed(vec![
            due("K20261122-7F3K9Q2MXA", wit::DueKind::Expire),
            due("S20261122-7F3K9Q2MXA", wit::DueKind::Saga),
        ])
        .unwrap();
        assert_eq!(
            work,
            [
                Due::Order {
                    order_no: "K20261122-7F3K9Q2MXA".parse().unwrap(),
                    kind: Kind::Expire,
                },
                Due::Saga("S20261122-7F3K9Q2MXA".into()),
            ]
        );
        assert_eq!(next_due_at, Some(Instant::from_millis(7)));
        let nameless = claimed(vec![due("S20261122-7F3K9Q2MXA", wit::DueKind::Poll)]);
        assert!(matches!(nameless, Err(WorkError::Unavailable(_))));
    }
}
