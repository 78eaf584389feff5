//! `kessai:order/lifecycle` for the worker.

use super::{CallError, Instances, sagas::Sagas};

pub use super::bindings::exports::kessai::order::lifecycle::{
    Claim, Difference, Due, DueKind, LifecycleError, PaymentEvent, Reconciliation, Snapshot, Verdict,
};

type Result<T> = std::result::Result<T, CallError<LifecycleError>>;

/// A client of `kessai:order/lifecycle`. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct Lifecycle {
    instances: Instances,
}

impl Lifecycle {
    pub(crate) fn new(instances: Instances) -> Self {
        Self { instances }
    }

    /// The other interface of the same component, by the same instances.
    pub fn sagas(&self) -> Sagas {
        Sagas::new(self.instances.clone())
    }

    /// Orders on which something is due, each claimed for `lease_ms`; at most `limit`, 1 to 100.
    pub async fn claim_due(&self, owner: &str, lease_ms: u32, limit: u32) -> Result<Claim> {
        self.instances
            .call(async |accessor, orders| {
                orders
                    .kessai_order_lifecycle()
                    .call_claim_due(accessor, owner.to_owned(), lease_ms, limit)
                    .await
            })
            .await
    }

    /// Continues a saga where its last owner left it.
    pub async fn resume_saga(&self, order_no: &str) -> Result<Snapshot> {
        self.instances
            .call(async |accessor, orders| {
                orders
                    .kessai_order_lifecycle()
                    .call_resume_saga(accessor, order_no.to_owned())
                    .await
            })
            .await
    }

    /// Reads PayPay's details and applies them.
    pub async fn poll_payment(&self, order_no: &str, watched: bool) -> Result<Snapshot> {
        self.instances
            .call(async |accessor, orders| {
                orders
                    .kessai_order_lifecycle()
                    .call_poll_payment(accessor, order_no.to_owned(), watched)
                    .await
            })
            .await
    }

    /// Applies webhooks that were stored and not applied.
    pub async fn apply_inbox(&self, order_no: &str) -> Result<Snapshot> {
        self.instances
            .call(async |accessor, orders| {
                orders
                    .kessai_order_lifecycle()
                    .call_apply_inbox(accessor, order_no.to_owned())
                    .await
            })
            .await
    }

    /// Applies an event from elsewhere, confirmed by PayPay's details.
    pub async fn apply_payment_event(&self, event: PaymentEvent) -> Result<Snapshot> {
        self.instances
            .call(async |accessor, orders| {
                orders
                    .kessai_order_lifecycle()
                    .call_apply_payment_event(accessor, event)
                    .await
            })
            .await
    }

    /// The deadline has passed: fails the order, or accepts a late success.
    pub async fn expire(&self, order_no: &str) -> Result<Snapshot> {
        self.instances
            .call(async |accessor, orders| {
                orders
                    .kessai_order_lifecycle()
                    .call_expire(accessor, order_no.to_owned())
                    .await
            })
            .await
    }

    /// Cancels an unpaid order for its buyer.
    pub async fn cancel(&self, order_no: &str) -> Result<Snapshot> {
        self.instances
            .call(async |accessor, orders| {
                orders
                    .kessai_order_lifecycle()
                    .call_cancel(accessor, order_no.to_owned())
                    .await
            })
            .await
    }

    /// Refunds a paid order in full. `restock`: put the pieces back into the stock.
    pub async fn refund(&self, order_no: &str, reason: &str, restock: bool) -> Result<Snapshot> {
        self.instances
            .call(async |accessor, orders| {
                let (order_no, reason) = (order_no.to_owned(), reason.to_owned());
                orders
                    .kessai_order_lifecycle()
                    .call_refund(accessor, order_no, reason, restock)
                    .await
            })
            .await
    }

    /// Compares payments that were asked for between two instants (epoch milliseconds) with PayPay's details; at most `limit`, 1 to 20.
    pub async fn reconcile(
        &self,
        since: u64,
        until: u64,
        after: Option<String>,
        limit: u32,
        apply: bool,
    ) -> Result<Reconciliation> {
        self.instances
            .call(async |accessor, orders| {
                orders
                    .kessai_order_lifecycle()
                    .call_reconcile(accessor, since, until, after.clone(), limit, apply)
                    .await
            })
            .await
    }

    /// Checks a channel token and returns the order as it is now.
    pub async fn open_channel(&self, order_no: &str, token: &str) -> Result<Snapshot> {
        self.instances
            .call(async |accessor, orders| {
                let (order_no, token) = (order_no.to_owned(), token.to_owned());
                orders
                    .kessai_order_lifecycle()
                    .call_open_channel(accessor, order_no, token)
                    .await
            })
            .await
    }

    /// The order as it is now.
    pub async fn snapshot_of(&self, order_no: &str) -> Result<Snapshot> {
        self.instances
            .call(async |accessor, orders| {
                orders
                    .kessai_order_lifecycle()
                    .call_snapshot_of(accessor, order_no.to_owned())
                    .await
            })
            .await
    }
}
