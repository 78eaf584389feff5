//! The order component, as realtime and schedule want it: their traits over the host's typed client.

use domain::{Instant, OrderNo};
use futures::{FutureExt, future::BoxFuture};
use kessai_host::lifecycle::{self as wit, CallError, Lifecycle, LifecycleError, Snapshot};
use kessai_realtime::{OpenError, OrderView};
use kessai_schedule::{Claim, Due, Kind, WorkError};
use std::time::Duration;

/// The orders behind `kessai:order/lifecycle`.
#[derive(Clone, Debug)]
pub(crate) struct OrderComponent(pub(crate) Lifecycle);

impl kessai_realtime::Orders for OrderComponent {
    fn open_channel<'a>(
        &'a self,
        order_no: &'a OrderNo,
        token: &'a str,
    ) -> BoxFuture<'a, Result<OrderView, OpenError>> {
        async move {
            view(
                self.0
                    .open_channel(order_no.as_str(), token)
                    .await
                    .map_err(open_error)?,
            )
        }
        .boxed()
    }

    fn snapshot<'a>(&'a self, order_no: &'a OrderNo) -> BoxFuture<'a, Result<OrderView, OpenError>> {
        async move { view(self.0.snapshot_of(order_no.as_str()).await.map_err(open_error)?) }.boxed()
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
                self.0
                    .claim_due(owner, lease_ms, limit)
                    .await
                    .map_err(work_error)?,
            )
        }
        .boxed()
    }

    fn resume_saga<'a>(&'a self, order_no: &'a OrderNo) -> BoxFuture<'a, Result<(), WorkError>> {
        async move { done(self.0.resume_saga(order_no.as_str()).await) }.boxed()
    }

    fn poll_payment<'a>(
        &'a self,
        order_no: &'a OrderNo,
        watched: bool,
    ) -> BoxFuture<'a, Result<(), WorkError>> {
        async move { done(self.0.poll_payment(order_no.as_str(), watched).await) }.boxed()
    }

    fn expire<'a>(&'a self, order_no: &'a OrderNo) -> BoxFuture<'a, Result<(), WorkError>> {
        async move { done(self.0.expire(order_no.as_str()).await) }.boxed()
    }

    fn apply_inbox<'a>(&'a self, order_no: &'a OrderNo) -> BoxFuture<'a, Result<(), WorkError>> {
        async move { done(self.0.apply_inbox(order_no.as_str()).await) }.boxed()
    }
}

fn done(answer: Result<Snapshot, CallError>) -> Result<(), WorkError> {
    answer.map(|_| ()).map_err(work_error)
}

fn open_error(error: CallError) -> OpenError {
    match error {
        CallError::Lifecycle(LifecycleError::NotFound) => OpenError::NotFound,
        CallError::Lifecycle(LifecycleError::Unauthorized) => OpenError::Unauthorized,
        error => OpenError::Unavailable(error.to_string()),
    }
}

fn work_error(error: CallError) -> WorkError {
    match error {
        CallError::Lifecycle(LifecycleError::NotFound) => WorkError::NotFound,
        CallError::Lifecycle(LifecycleError::Conflict(state)) => WorkError::Conflict(state),
        CallError::Lifecycle(LifecycleError::Busy) => WorkError::Busy,
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
        let order_no = due.order_no.parse().map_err(|error| {
            WorkError::Unavailable(format!(
                "the order component claimed what it cannot name: {error}"
            ))
        })?;
        let kind = match due.kind {
            wit::DueKind::Resume => Kind::Resume,
            wit::DueKind::Poll => Kind::Poll,
            wit::DueKind::Expire => Kind::Expire,
            wit::DueKind::Inbox => Kind::Inbox,
        };
        Ok(Due { order_no, kind })
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
}
