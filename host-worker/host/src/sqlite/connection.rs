//! What a component calls a connection.

use super::{
    Error,
    database::{Database, Lease},
    statement::{Kind, Outcome},
};
use crate::sqlite::host::Value;
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Instant,
};

/// Whether the rest of the instance runs on while a statement waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    /// `execute-async`: it does.
    Async,
    /// `execute`: the whole instance stands still, so waiting for anything of the same instance would be for ever.
    Sync,
}

/// A guest's connection: a database, and the writer while a transaction is open.
#[derive(Debug)]
pub(crate) struct Connection {
    database: Arc<Database>,
    claims: Arc<Claims>,
    /// Held while a statement runs: statements of one connection run one after the other.
    state: tokio::sync::Mutex<State>,
    last_insert_rowid: AtomicI64,
    changes: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    transaction: Option<Lease>,
    /// The transaction was rolled back under the guest, which does not know yet. Until it ends the transaction, its
    /// statements fail instead of committing one by one.
    expired: bool,
}

impl Connection {
    pub(crate) fn open(database: Arc<Database>, claims: Arc<Claims>) -> Arc<Self> {
        Arc::new(Self {
            database,
            claims,
            state: tokio::sync::Mutex::default(),
            last_insert_rowid: AtomicI64::new(0),
            changes: AtomicU64::new(0),
        })
    }

    /// Runs one statement. `deadline`: when its request's time is up.
    pub(crate) async fn execute(
        self: &Arc<Self>,
        call: Call,
        sql: String,
        parameters: Vec<Value>,
        deadline: Instant,
    ) -> Result<Outcome, Error> {
        let kind = Kind::of(&sql);
        let mut state = match call {
            Call::Async => self.state.lock().await,
            Call::Sync => self.state.try_lock().map_err(|_| Error::Busy)?,
        };
        if state.expired {
            state.expired = !matches!(kind, Kind::Commit | Kind::Rollback);
            return match kind {
                Kind::Rollback => Ok(Outcome::default()),
                _ => Err(Error::Expired),
            };
        }
        let lease = match state.transaction.take() {
            Some(lease) => lease,
            None => {
                if kind != Kind::Begin
                    && let Some(outcome) = self.database.read(&sql, &parameters, deadline)?
                {
                    return Ok(outcome);
                }
                if call == Call::Sync && self.claims.has(&self.database) {
                    return Err(Error::WouldDeadlock(self.database.name().to_owned()));
                }
                self.database.write(&self.claims, deadline).await?
            }
        };
        let was_open = lease.in_transaction();
        // If this future is dropped here, so is the lease: the transaction is rolled back, and so is the guest that could have gone on.
        let (lease, outcome) = lease.run(kind, sql, parameters, deadline).await?;
        self.count(kind, &lease, outcome.as_ref().ok());
        let is_open = lease.in_transaction();
        if is_open {
            if !was_open {
                self.database.transaction_began(self, deadline);
            }
            state.transaction = Some(lease);
        } else if was_open {
            self.database.transaction_ended();
        }
        outcome
    }

    pub(crate) fn last_insert_rowid(&self) -> i64 {
        self.last_insert_rowid.load(Ordering::Relaxed)
    }

    pub(crate) fn changes(&self) -> u64 {
        self.changes.load(Ordering::Relaxed)
    }

    /// Rolls an overdue transaction back, unless a statement of it is running: that one is interrupted by its own deadline.
    pub(super) fn expire(&self) {
        if let Ok(mut state) = self.state.try_lock()
            && state.transaction.take().is_some()
        {
            state.expired = true;
            self.database.transaction_ended();
            tracing::warn!(
                database = self.database.name(),
                "a transaction outlived its request and was rolled back"
            );
        }
    }

    /// The writer serves many connections, so its counters are copied after each statement that sets them.
    fn count(&self, kind: Kind, lease: &Lease, outcome: Option<&Outcome>) {
        if !outcome.is_some_and(|outcome| outcome.wrote) {
            return;
        }
        if matches!(kind, Kind::Insert | Kind::Change) {
            self.changes.store(lease.changes(), Ordering::Relaxed);
        }
        if kind == Kind::Insert && lease.changes() > 0 {
            self.last_insert_rowid
                .store(lease.last_insert_rowid(), Ordering::Relaxed);
        }
    }
}

/// Which writers an instance holds or awaits.
#[derive(Debug, Default)]
pub(crate) struct Claims {
    writers: Mutex<HashMap<String, usize>>,
}

impl Claims {
    fn has(&self, database: &Database) -> bool {
        self.lock().contains_key(database.name())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, usize>> {
        self.writers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One connection's place in the queue for a writer, and then the writer.
#[derive(Debug)]
pub(super) struct Claim {
    claims: Arc<Claims>,
    database: Arc<Database>,
}

impl Claim {
    pub(super) fn new(claims: &Arc<Claims>, database: &Arc<Database>) -> Self {
        *claims.lock().entry(database.name().to_owned()).or_default() += 1;
        Self {
            claims: Arc::clone(claims),
            database: Arc::clone(database),
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut writers = self.claims.lock();
        if let Some(count) = writers.get_mut(self.database.name()) {
            *count -= 1;
            if *count == 0 {
                writers.remove(self.database.name());
            }
        }
    }
}
