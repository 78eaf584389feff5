//! `saga_instances`: who works on an order now, and when somebody must look at it next.
//!
//! # Contract
//!
//! At most one owner holds an order's lease. A lease that is not given back runs out by itself, and taking it again raises the fence;
//! a write of an owner whose fence is older changes nothing and is reported as [`LeaseError::Lost`]. While a lease is held the row
//! is due when it ends, so that a dead owner's work is found.

use super::parsed;
use domain::{Instant, OrderNo};
use saga::Instance;
use std::time::Duration;
use store::{Database, Session, StoreError, Transaction, params};

/// The right to work on one order, until it is given back or runs out.
#[derive(Debug, Clone)]
pub struct Lease {
    pub order_no: OrderNo,
    fence: i64,
}

/// Longer than the host lets a request run, so that a living owner is never overtaken.
pub const LEASE: Duration = Duration::from_secs(12);

/// When somebody must look at the order again, and what for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    pub at: Instant,
    pub kind: DueKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DueKind {
    Resume,
    Poll,
    Expire,
    Inbox,
}

impl DueKind {
    pub fn as_str(self) -> &'static str {
        match self {
            DueKind::Resume => "resume",
            DueKind::Poll => "poll",
            DueKind::Expire => "expire",
            DueKind::Inbox => "inbox",
        }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a kind of work")]
pub struct UnknownDueKind(String);

impl std::str::FromStr for DueKind {
    type Err = UnknownDueKind;
    fn from_str(text: &str) -> Result<DueKind, UnknownDueKind> {
        [DueKind::Resume, DueKind::Poll, DueKind::Expire, DueKind::Inbox]
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| UnknownDueKind(text.to_owned()))
    }
}

#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    #[error("the lease on {0} has passed to another owner")]
    Lost(OrderNo),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Stores a new saga, leased to whoever stores it.
pub async fn insert(
    tx: &Transaction,
    order_no: &OrderNo,
    instance: &Instance,
    now: Instant,
) -> Result<Lease, StoreError> {
    let until = now.plus(LEASE).millis();
    let sql = "INSERT INTO saga_instances \
               (id, machine, order_no, status, instance, lease_until, fence, due_at, due_kind, created_at, updated_at) \
               VALUES (?, ?, ?, ?, ?, ?, 1, ?, 'resume', ?, ?)";
    let values = params![
        instance.id.as_str(),
        instance.machine.as_str(),
        order_no.as_str(),
        instance.status.code(),
        document(instance)?,
        until,
        until,
        now.millis(),
        now.millis()
    ];
    tx.execute(sql, values).await?;
    Ok(Lease {
        order_no: order_no.clone(),
        fence: 1,
    })
}

/// Takes the lease if nobody holds it: the lease, the saga and how often in a row its work failed.
pub async fn acquire(
    session: &Session,
    order_no: &OrderNo,
    owner: &str,
    now: Instant,
) -> Result<Option<(Lease, Instance, u32)>, StoreError> {
    let until = now.plus(LEASE).millis();
    let sql = "UPDATE saga_instances SET lease_owner = ?, lease_until = ?, fence = fence + 1, due_at = ?, due_kind = 'resume' \
               WHERE order_no = ? AND lease_until <= ? RETURNING fence, instance, failures";
    let row = session
        .query_optional(sql, params![owner, until, until, order_no.as_str(), now.millis()])
        .await?;
    row.map(|row| {
        let lease = Lease {
            order_no: order_no.clone(),
            fence: row.get("fence")?,
        };
        Ok((lease, row.json("instance")?, row.get("failures")?))
    })
    .transpose()
}

/// Stores the saga and keeps the lease for a full term from now on.
pub async fn save(
    tx: &Transaction,
    lease: &Lease,
    instance: &Instance,
    now: Instant,
) -> Result<(), LeaseError> {
    let until = now.plus(LEASE).millis();
    let sql = "UPDATE saga_instances SET status = ?, compensation_status = ?, instance = ?, updated_at = ?, \
               lease_until = ?, due_at = ? WHERE order_no = ? AND fence = ?";
    let values = params![
        instance.status.code(),
        instance.compensation_status.map(saga::Status::code),
        document(instance)?,
        now.millis(),
        until,
        until,
        lease.order_no.as_str(),
        lease.fence
    ];
    held(lease, tx.execute(sql, values).await?)
}

/// Stores the saga, gives the lease back and says when the order is due next. A webhook that is not applied makes it due at once.
pub async fn release(
    tx: &Transaction,
    lease: &Lease,
    instance: &Instance,
    due: Option<Due>,
    now: Instant,
) -> Result<(), LeaseError> {
    let sql = "UPDATE saga_instances SET status = ?2, compensation_status = ?3, instance = ?4, updated_at = ?5, failures = 0, \
               lease_owner = NULL, lease_until = 0, \
               due_at = CASE WHEN EXISTS (SELECT 1 FROM inbox WHERE order_no = ?1 AND applied_at IS NULL) THEN ?5 ELSE ?6 END, \
               due_kind = CASE WHEN EXISTS (SELECT 1 FROM inbox WHERE order_no = ?1 AND applied_at IS NULL) THEN 'inbox' ELSE ?7 END \
               WHERE order_no = ?1 AND fence = ?8";
    let values = params![
        lease.order_no.as_str(),
        instance.status.code(),
        instance.compensation_status.map(saga::Status::code),
        document(instance)?,
        now.millis(),
        due.map(|due| due.at.millis()),
        due.map(|due| due.kind.as_str()),
        lease.fence
    ];
    held(lease, tx.execute(sql, values).await?)
}

/// Gives the lease back without a change of the saga: nothing was found out.
pub async fn release_unchanged(
    db: &Database,
    lease: &Lease,
    due: Due,
    failures: u32,
) -> Result<(), LeaseError> {
    let sql = "UPDATE saga_instances SET lease_owner = NULL, lease_until = 0, due_at = ?, due_kind = ?, failures = ? \
               WHERE order_no = ? AND fence = ?";
    let values = params![
        due.at.millis(),
        due.kind.as_str(),
        failures,
        lease.order_no.as_str(),
        lease.fence
    ];
    held(lease, db.execute(sql, values).await?)
}

/// Makes the order due at `at` at the latest, unless somebody works on it: they will look themselves.
pub async fn hasten(session: &Session, order_no: &OrderNo, due: Due, now: Instant) -> Result<(), StoreError> {
    let sql = "UPDATE saga_instances SET due_at = ?, due_kind = ? \
               WHERE order_no = ? AND lease_until <= ? AND due_at > ?";
    let at = due.at.millis();
    session
        .execute(
            sql,
            params![at, due.kind.as_str(), order_no.as_str(), now.millis(), at],
        )
        .await?;
    Ok(())
}

/// Hands out what is due, each to one caller only: it is not due again until `hidden` has passed or somebody took its lease.
pub async fn claim(
    session: &Session,
    now: Instant,
    hidden: Duration,
    limit: u32,
) -> Result<Vec<(OrderNo, DueKind)>, StoreError> {
    let sql = "UPDATE saga_instances SET due_at = ? WHERE order_no IN \
               (SELECT order_no FROM saga_instances WHERE due_at <= ? AND lease_until <= ? ORDER BY due_at LIMIT ?) \
               RETURNING order_no, due_kind";
    let values = params![now.plus(hidden).millis(), now.millis(), now.millis(), limit];
    let rows = session.query(sql, values).await?;
    rows.iter()
        .map(|row| Ok((parsed(row, "order_no")?, parsed(row, "due_kind")?)))
        .collect()
}

/// When the next order is due; `None` if none is.
pub async fn next_due(session: &Session) -> Result<Option<Instant>, StoreError> {
    let row = session
        .query_one(
            "SELECT MIN(due_at) AS at FROM saga_instances WHERE due_at IS NOT NULL",
            params![],
        )
        .await?;
    Ok(row.get::<Option<i64>>("at")?.map(Instant::from_millis))
}

fn held(lease: &Lease, changed: u64) -> Result<(), LeaseError> {
    if changed == 1 {
        Ok(())
    } else {
        Err(LeaseError::Lost(lease.order_no.clone()))
    }
}

fn document(instance: &Instance) -> Result<String, StoreError> {
    serde_json::to_string(instance).map_err(|error| StoreError::Encode {
        reason: error.to_string(),
    })
}
