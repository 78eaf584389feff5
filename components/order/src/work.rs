//! One order under its lease: the order, the saga that drives it, and how both get to disk together.

use crate::order::{Changes, Order};
use crate::parking;
use crate::records::inbox;
use crate::records::sagas::{self, Due, Lease, LeaseError, Taken};
use crate::records::{self, attempts, orders, outbox, saga_archive, saga_list};
use domain::{Instant, OrderNo};
use edge::RequestContext;
use saga::{AdvanceError, Instance};
use store::{Database, StoreError, Transaction};

/// The right to work on an order, and what is worked on.
#[derive(Debug)]
pub struct Work {
    pub order: Order,
    pub instance: Instance,
    pub lease: Lease,
    /// How often in a row work on this order failed before.
    pub failures: u32,
}

#[derive(Debug, thiserror::Error)]
pub enum WorkError {
    #[error("there is no such order")]
    NotFound,
    #[error("somebody else works on the order now")]
    Busy,
    #[error("{0}")]
    Conflict(String),
    /// A database or PayPay did not answer. Nothing is lost.
    #[error("{0}")]
    Unavailable(String),
    /// A defect: the saga and the order do not fit together.
    #[error("{0}")]
    Broken(String),
}

impl From<StoreError> for WorkError {
    fn from(error: StoreError) -> WorkError {
        match error {
            StoreError::Unavailable { .. }
            | StoreError::Conflict { .. }
            | StoreError::Lost { .. }
            | StoreError::TransactionEnded { .. } => WorkError::Unavailable(error.to_string()),
            other => WorkError::Broken(other.to_string()),
        }
    }
}

impl From<LeaseError> for WorkError {
    fn from(error: LeaseError) -> WorkError {
        match error {
            LeaseError::Lost(_) => WorkError::Busy,
            LeaseError::Store(error) => error.into(),
        }
    }
}

impl From<AdvanceError> for WorkError {
    fn from(error: AdvanceError) -> WorkError {
        match error {
            AdvanceError::UnknownMachine { .. }
            | AdvanceError::ForeignState { .. }
            | AdvanceError::UnexpectedOutcome { .. } => WorkError::Broken(error.to_string()),
            _ => WorkError::Conflict(error.to_string()),
        }
    }
}

/// A step outside the saga failed. It may be repeated.
impl From<saga::ServiceError> for WorkError {
    fn from(error: saga::ServiceError) -> WorkError {
        WorkError::Unavailable(error.to_string())
    }
}

/// A setting is missing: the deployment's defect.
impl From<edge::variables::Error> for WorkError {
    fn from(error: edge::variables::Error) -> WorkError {
        WorkError::Broken(error.to_string())
    }
}

impl From<domain::IllegalTransition> for WorkError {
    fn from(error: domain::IllegalTransition) -> WorkError {
        WorkError::Broken(error.to_string())
    }
}

/// Takes a saga's lease; one that lies in the archive comes back first.
pub async fn take(id: &str, owner: &str) -> Result<Taken, WorkError> {
    take_from(records::open().await?, id, owner).await
}

pub(crate) async fn take_from(db: Database, id: &str, owner: &str) -> Result<Taken, WorkError> {
    if let Some(taken) = sagas::acquire(&db, id, owner, Instant::now()).await? {
        return Ok(taken);
    }
    if saga_list::exists(&db, id).await? {
        return Err(WorkError::Busy);
    }
    let (db, ()) = db
        .transact(async |tx| {
            orders::lock(tx, id).await?;
            if saga_archive::restore(tx, id).await? {
                return Ok(());
            }
            // Another may have brought it back just now.
            Err(match saga_list::exists(tx, id).await? {
                true => WorkError::Busy,
                false => WorkError::NotFound,
            })
        })
        .await?;
    let taken = sagas::acquire(&db, id, owner, Instant::now()).await?;
    taken.ok_or(WorkError::Busy)
}

impl Work {
    /// Takes the order's lease and loads it.
    pub async fn acquire(order_no: &OrderNo, owner: &str) -> Result<Work, WorkError> {
        let taken = take(order_no.as_str(), owner).await?;
        // Read after the lease was taken, so that nobody can have changed it since.
        let db = records::open().await?;
        let order = orders::find(&db, order_no).await?.ok_or(WorkError::NotFound)?;
        Ok(Work::of(order, taken))
    }

    /// An order whose saga was taken.
    pub fn of(order: Order, taken: Taken) -> Work {
        Work {
            order,
            instance: taken.instance,
            lease: taken.lease,
            failures: taken.failures,
        }
    }

    /// Stores order and saga in one transaction and keeps the lease.
    pub async fn checkpoint(&mut self, ctx: &RequestContext) -> Result<(), WorkError> {
        let db = records::open().await?;
        db.transact(async |tx| {
            orders::lock(tx, self.order.order_no.as_str()).await?;
            let now = Instant::now();
            sagas::save(tx, &self.lease, &self.instance, now).await?;
            store_changes(tx, &self.order, ctx, now).await?;
            Ok::<_, WorkError>(())
        })
        .await?;
        self.order.changes = Changes::default();
        Ok(())
    }

    /// Stores order and saga in one transaction and gives the lease back. `seen`: webhooks received until then are settled by what was done, with
    /// this outcome. `more`: what else belongs into the transaction, which may be done again.
    pub async fn release(
        self,
        ctx: &RequestContext,
        due: Option<Due>,
        seen: Option<(Instant, &str)>,
        more: impl AsyncFn(&Transaction, &Order, Instant) -> Result<(), StoreError>,
    ) -> Result<Order, WorkError> {
        self.release_to(records::open().await?, ctx, due, seen, more)
            .await
    }

    pub(crate) async fn release_to(
        mut self,
        db: Database,
        ctx: &RequestContext,
        due: Option<Due>,
        seen: Option<(Instant, &str)>,
        more: impl AsyncFn(&Transaction, &Order, Instant) -> Result<(), StoreError>,
    ) -> Result<Order, WorkError> {
        db.transact(async |tx| {
            orders::lock(tx, self.order.order_no.as_str()).await?;
            let now = Instant::now();
            store_changes(tx, &self.order, ctx, now).await?;
            if let Some((seen, outcome)) = seen {
                inbox::mark_applied(tx, &self.order.order_no, seen, outcome, now).await?;
            }
            more(tx, &self.order, now).await?;
            parking::alert(tx, &self.instance, Some(&self.order.order_no), ctx, now).await?;
            // Last, because it looks whether a webhook is left.
            sagas::release(tx, &self.lease, &self.instance, due, now).await?;
            Ok::<_, WorkError>(())
        })
        .await?;
        self.order.changes = Changes::default();
        Ok(self.order)
    }

    /// Gives the lease back without having found anything out, to be tried again at `due`.
    pub async fn put_off(&self, due: Due) -> Result<(), WorkError> {
        let db = records::open().await?;
        Ok(sagas::release_unchanged(&db, &self.lease, due, self.failures.saturating_add(1)).await?)
    }
}

/// Stores what has changed in the order's row, its history and its events. Once it is committed, the order has no changes any more.
pub async fn store_changes(
    tx: &Transaction,
    order: &Order,
    ctx: &RequestContext,
    now: Instant,
) -> Result<(), StoreError> {
    let changes = &order.changes;
    if changes.row {
        orders::update(tx, order).await?;
    }
    if let Some(id) = &changes.payment_attempt {
        attempts::insert(tx, &order.order_no, id.as_str(), now).await?;
    }
    attempts::settle(tx, &changes.settled, now).await?;
    orders::append_timeline(tx, &order.order_no, &changes.timeline).await?;
    outbox::append(tx, order.order_no.as_str(), &changes.events, ctx, now).await
}
