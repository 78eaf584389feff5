//! `saga_instances`: who works on a saga now, and on the order that it drives, and when somebody must look at it next. An order's saga has the
//! order's number as its id.
//!
//! # Contract
//!
//! At most one owner holds a saga's lease. A lease that is not given back runs out by itself, and taking it again raises the fence;
//! a write of an owner whose fence is older changes nothing and is reported as [`LeaseError::Lost`]. While a lease is held the row
//! is due when it ends, so that a dead owner's work is found.

use super::parsed;
use domain::{Instant, OrderNo};
use saga::Instance;
use std::collections::BTreeMap;
use std::time::Duration;
use store::{Database, Dialect, Row, Session, StoreError, Value, params, placeholders};

/// The right to work on one saga, and the order that it drives, until it is given back or runs out.
#[derive(Debug, Clone)]
pub struct Lease {
    pub id: String,
    fence: i64,
}

/// A saga that was taken, with its lease.
#[derive(Debug)]
pub struct Taken {
    pub lease: Lease,
    pub instance: Instance,
    /// How often in a row work on it failed.
    pub failures: u32,
    /// The registered definitions that it runs; absent for a built-in machine.
    pub pins: Option<Pins>,
}

/// Registered machines by name, each with the number of the version that a saga began with.
pub type Pins = BTreeMap<String, u32>;

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
    /// Going on with a saga that is not an order's.
    Saga,
}

impl DueKind {
    pub fn as_str(self) -> &'static str {
        match self {
            DueKind::Resume => "resume",
            DueKind::Poll => "poll",
            DueKind::Expire => "expire",
            DueKind::Inbox => "inbox",
            DueKind::Saga => "saga",
        }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a kind of work")]
pub struct UnknownDueKind(String);

impl std::str::FromStr for DueKind {
    type Err = UnknownDueKind;
    fn from_str(text: &str) -> Result<DueKind, UnknownDueKind> {
        [
            DueKind::Resume,
            DueKind::Poll,
            DueKind::Expire,
            DueKind::Inbox,
            DueKind::Saga,
        ]
        .into_iter()
        .find(|kind| kind.as_str() == text)
        .ok_or_else(|| UnknownDueKind(text.to_owned()))
    }
}

#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    #[error("the lease on {0} has passed to another owner")]
    Lost(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Stores a new saga, leased to whoever stores it. `order_no`: the order that it drives.
pub async fn insert(
    session: &Session,
    instance: &Instance,
    order_no: Option<&OrderNo>,
    pins: Option<&Pins>,
    now: Instant,
) -> Result<Lease, StoreError> {
    let until = now.plus(LEASE).millis();
    let sql = "INSERT INTO saga_instances \
               (id, machine, definitions, business_key, order_no, phase, status, instance, lease_until, fence, due_at, due_kind, \
                created_at, updated_at) \
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?, ?, ?, ?)";
    let kind = order_no.map_or(DueKind::Saga, |_| DueKind::Resume);
    let values = params![
        instance.id.as_str(),
        instance.machine.as_str(),
        pins.map(document).transpose()?,
        instance.business_key.as_deref(),
        order_no.map(OrderNo::as_str),
        instance.phase().as_str(),
        instance.status.code(),
        document(instance)?,
        until,
        until,
        kind.as_str(),
        now.millis(),
        now.millis()
    ];
    session.run(sql, values).await?;
    Ok(Lease {
        id: instance.id.clone(),
        fence: 1,
    })
}

/// Takes the lease if nobody holds it.
pub async fn acquire(
    session: &Session,
    id: &str,
    owner: &str,
    now: Instant,
) -> Result<Option<Taken>, StoreError> {
    let until = now.plus(LEASE).millis();
    let values = params![owner, until, until, id, now.millis()];
    let row = match session.dialect() {
        Dialect::Sqlite => {
            let sql = "UPDATE saga_instances SET lease_owner = ?, lease_until = ?, fence = fence + 1, due_at = ?, \
                       due_kind = CASE WHEN order_no IS NULL THEN 'saga' ELSE 'resume' END \
                       WHERE id = ? AND lease_until <= ? RETURNING fence, instance, failures, definitions";
            session.query_optional(sql, values).await?
        }
        Dialect::MySql => {
            let sql = "UPDATE saga_instances SET lease_owner = ?, lease_until = ?, fence = LAST_INSERT_ID(fence + 1), due_at = ?, \
                       due_kind = CASE WHEN order_no IS NULL THEN 'saga' ELSE 'resume' END \
                       WHERE id = ? AND lease_until <= ?";
            if session.execute(sql, values).await? == 0 {
                return Ok(None);
            }
            // The connection remembers the fence that it set. Should another have raised it since, the lease was lost already.
            let sql = "SELECT fence, instance, failures, definitions FROM saga_instances WHERE id = ? AND fence = LAST_INSERT_ID()";
            session.query_optional(sql, params![id]).await?
        }
    };
    row.map(|row| {
        let lease = Lease {
            id: id.to_owned(),
            fence: row.get("fence")?,
        };
        Ok(Taken {
            lease,
            instance: row.json("instance")?,
            failures: row.get("failures")?,
            pins: row.opt_json("definitions")?,
        })
    })
    .transpose()
}

/// Stores the saga and keeps the lease for a full term from now on.
pub async fn save(
    session: &Session,
    lease: &Lease,
    instance: &Instance,
    now: Instant,
) -> Result<(), LeaseError> {
    let until = now.plus(LEASE).millis();
    let sql = "UPDATE saga_instances SET phase = ?, status = ?, compensation_status = ?, instance = ?, updated_at = ?, ended_at = ?, \
               lease_until = ?, due_at = ? WHERE id = ? AND fence = ?";
    let values = params![
        instance.phase().as_str(),
        instance.status.code(),
        instance.compensation_status.map(saga::Status::code),
        document(instance)?,
        now.millis(),
        ended_at(instance),
        until,
        until,
        lease.id.as_str(),
        lease.fence
    ];
    write(session, lease, sql, values).await
}

/// Stores the saga, gives the lease back and says when it is due next. A webhook that is not applied makes its order due at once; a payment that may
/// still come keeps an order due that needs nothing else. An order's row is locked.
pub async fn release(
    session: &Session,
    lease: &Lease,
    instance: &Instance,
    due: Option<Due>,
    now: Instant,
) -> Result<(), LeaseError> {
    if session.dialect() == Dialect::MySql {
        return release_judged(session, lease, instance, due, now).await;
    }
    let sql = "UPDATE saga_instances SET phase = ?9, status = ?2, compensation_status = ?3, instance = ?4, updated_at = ?5, ended_at = ?10, \
               failures = 0, lease_owner = NULL, lease_until = 0, \
               due_at = CASE WHEN EXISTS (SELECT 1 FROM inbox WHERE order_no = ?1 AND applied_at IS NULL) THEN ?5 \
                 ELSE COALESCE(?6, (SELECT MIN(watch_until) FROM payment_attempts WHERE order_no = ?1 AND settled_at IS NULL)) END, \
               due_kind = CASE WHEN EXISTS (SELECT 1 FROM inbox WHERE order_no = ?1 AND applied_at IS NULL) THEN 'inbox' \
                 ELSE COALESCE(?7, 'poll') END \
               WHERE id = ?1 AND fence = ?8";
    let values = params![
        lease.id.as_str(),
        instance.status.code(),
        instance.compensation_status.map(saga::Status::code),
        document(instance)?,
        now.millis(),
        due.map(|due| due.at.millis()),
        due.map(|due| due.kind.as_str()),
        lease.fence,
        instance.phase().as_str(),
        ended_at(instance)
    ];
    write(session, lease, sql, values).await
}

/// For MySQL, where an update that reads other tables locks what it reads, and what lies next to it.
async fn release_judged(
    session: &Session,
    lease: &Lease,
    instance: &Instance,
    due: Option<Due>,
    now: Instant,
) -> Result<(), LeaseError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM inbox WHERE order_no = ? AND applied_at IS NULL) AS waits, \
               (SELECT MIN(watch_until) FROM payment_attempts WHERE order_no = ? AND settled_at IS NULL) AS watch_until";
    let row = session
        .query_one(sql, params![lease.id.as_str(), lease.id.as_str()])
        .await?;
    let (at, kind) = if row.get("waits")? {
        (Some(now.millis()), DueKind::Inbox)
    } else {
        match due {
            Some(due) => (Some(due.at.millis()), due.kind),
            None => (row.get("watch_until")?, DueKind::Poll),
        }
    };
    let sql = "UPDATE saga_instances SET phase = ?, status = ?, compensation_status = ?, instance = ?, updated_at = ?, ended_at = ?, \
               failures = 0, lease_owner = NULL, lease_until = 0, due_at = ?, due_kind = ? WHERE id = ? AND fence = ?";
    let values = params![
        instance.phase().as_str(),
        instance.status.code(),
        instance.compensation_status.map(saga::Status::code),
        document(instance)?,
        now.millis(),
        ended_at(instance),
        at,
        kind.as_str(),
        lease.id.as_str(),
        lease.fence
    ];
    write(session, lease, sql, values).await
}

/// Gives the lease back without a change of the saga: nothing was found out.
pub async fn release_unchanged(
    db: &Database,
    lease: &Lease,
    due: Due,
    failures: u32,
) -> Result<(), LeaseError> {
    let sql = "UPDATE saga_instances SET lease_owner = NULL, lease_until = 0, due_at = ?, due_kind = ?, failures = ? \
               WHERE id = ? AND fence = ?";
    let values = params![
        due.at.millis(),
        due.kind.as_str(),
        failures,
        lease.id.as_str(),
        lease.fence
    ];
    write(db, lease, sql, values).await
}

/// Makes the order due at `at` at the latest, unless somebody works on it: they will look themselves.
pub async fn hasten(session: &Session, order_no: &OrderNo, due: Due, now: Instant) -> Result<(), StoreError> {
    let sql = "UPDATE saga_instances SET due_at = ?, due_kind = ? \
               WHERE id = ? AND lease_until <= ? AND due_at > ?";
    let at = due.at.millis();
    session
        .run(
            sql,
            params![at, due.kind.as_str(), order_no.as_str(), now.millis(), at],
        )
        .await
}

/// Hands out what is due, each to one caller only: it is not due again until `hidden` has passed or somebody took its lease.
pub async fn claim(
    db: Database,
    now: Instant,
    hidden: Duration,
    limit: u32,
) -> Result<(Database, Vec<(String, DueKind)>), StoreError> {
    if db.dialect() == Dialect::MySql {
        return claim_locked(db, now, hidden, limit).await;
    }
    let sql = "UPDATE saga_instances SET due_at = ? WHERE id IN \
               (SELECT id FROM saga_instances WHERE due_at <= ? AND lease_until <= ? ORDER BY due_at LIMIT ?) \
               RETURNING id, due_kind";
    let values = params![now.plus(hidden).millis(), now.millis(), now.millis(), limit];
    let claimed = claims(&db.query(sql, values).await?)?;
    Ok((db, claimed))
}

/// For MySQL. What is due is looked for without locks, and locked by its keys alone: a lock on the time would be in the way of all who make something
/// due. What another claims at this moment is left to them.
async fn claim_locked(
    db: Database,
    now: Instant,
    hidden: Duration,
    limit: u32,
) -> Result<(Database, Vec<(String, DueKind)>), StoreError> {
    let sql = "SELECT id FROM saga_instances WHERE due_at <= ? AND lease_until <= ? ORDER BY due_at LIMIT ?";
    let rows = db.query(sql, params![now.millis(), now.millis(), limit]).await?;
    let candidates = super::ids(&rows)?;
    if candidates.is_empty() {
        return Ok((db, Vec::new()));
    }
    db.transact(async |tx| {
        let sql = format!(
            "SELECT id, due_kind FROM saga_instances FORCE INDEX (PRIMARY) WHERE id IN ({}) AND due_at <= ? AND lease_until <= ? \
             ORDER BY due_at FOR UPDATE SKIP LOCKED",
            placeholders(candidates.len())
        );
        let still_due = params![now.millis(), now.millis()];
        let rows = tx.query(&sql, [candidates.clone(), still_due].concat()).await?;
        if !rows.is_empty() {
            let sql = format!(
                "UPDATE saga_instances SET due_at = ? WHERE id IN ({})",
                placeholders(rows.len())
            );
            let mut values: Vec<Value> = params![now.plus(hidden).millis()];
            values.extend(super::ids(&rows)?);
            tx.run(&sql, values).await?;
        }
        claims(&rows)
    })
    .await
}

fn claims(rows: &[Row]) -> Result<Vec<(String, DueKind)>, StoreError> {
    rows.iter()
        .map(|row| Ok((row.text("id")?, parsed(row, "due_kind")?)))
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

/// An update of a leased saga, which finds its row only under the lease's fence.
async fn write(session: &Session, lease: &Lease, sql: &str, values: Vec<Value>) -> Result<(), LeaseError> {
    if session.execute(sql, values).await? == 1 {
        return Ok(());
    }
    // MySQL does not count a row that was like this already, as when two writes fall into one millisecond. The fence only grows, so who holds it now
    // held it then.
    if session.dialect() == Dialect::MySql {
        let sql = "SELECT 1 AS held FROM saga_instances WHERE id = ? AND fence = ? FOR UPDATE";
        let values = params![lease.id.as_str(), lease.fence];
        if session.query_optional(sql, values).await?.is_some() {
            return Ok(());
        }
    }
    Err(LeaseError::Lost(lease.id.clone()))
}

fn ended_at(instance: &Instance) -> Option<i64> {
    instance.ended_at.map(|at| i64::try_from(at).unwrap_or(i64::MAX))
}

fn document(value: &impl serde::Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Encode {
        reason: error.to_string(),
    })
}
