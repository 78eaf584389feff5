//! One SQLite file: its writer, the queue for it, and its readers.

use super::{
    Error,
    connection::{Claim, Claims, Connection},
    file::{File, Role},
    statement::{Kind, Outcome},
};
use crate::{crash, sqlite::host::Value};
use metrics::{Counter, Histogram, counter, histogram};
use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::{Duration, Instant},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// A transaction is rolled back this long after its request's deadline: first the request itself is ended, which rolls back too.
const GRACE: Duration = Duration::from_millis(500);

/// One SQLite file.
#[derive(Debug)]
pub(crate) struct Database {
    name: String,
    path: PathBuf,
    /// One permit: the right to use the writer. Tokio's semaphore serves in order of arrival.
    queue: Arc<Semaphore>,
    /// The writer while nobody uses it; `None` also before the first use.
    writer: Mutex<Option<File>>,
    readers: Mutex<Vec<File>>,
    /// The open transaction.
    transaction: Mutex<Option<Holder>>,
    commits: watch::Sender<u64>,
    committed: Counter,
    waited: Histogram,
}

#[derive(Debug)]
struct Holder {
    connection: Weak<Connection>,
    deadline: Instant,
}

impl Database {
    pub(super) fn new(name: &str, path: PathBuf) -> Self {
        Self {
            name: name.to_owned(),
            path,
            queue: Arc::new(Semaphore::new(1)),
            writer: Mutex::default(),
            readers: Mutex::default(),
            transaction: Mutex::default(),
            commits: watch::Sender::new(0),
            committed: counter!("kessai_sqlite_commits_total", "database" => name.to_owned()),
            waited: histogram!("kessai_sqlite_writer_wait_seconds", "database" => name.to_owned()),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Grows with every commit that this process makes to the file.
    pub(crate) fn commits(&self) -> watch::Receiver<u64> {
        self.commits.subscribe()
    }

    /// Runs a statement on a pooled reader if it only reads; `None` if it needs the writer.
    pub(super) fn read(
        &self,
        sql: &str,
        parameters: &[Value],
        deadline: Instant,
    ) -> Result<Option<Outcome>, Error> {
        // A statement out of the lock: readers do not wait for each other.
        let pooled = lock(&self.readers).pop();
        let reader = match pooled {
            Some(reader) => reader,
            None => File::open(&self.path, Role::Reader)?,
        };
        let outcome = reader.read(sql, parameters, deadline);
        lock(&self.readers).push(reader);
        outcome
    }

    /// Waits for the writer, behind everybody who came earlier.
    pub(super) async fn write(
        self: &Arc<Self>,
        claims: &Arc<Claims>,
        deadline: Instant,
    ) -> Result<Lease, Error> {
        let claim = Claim::new(claims, self);
        let started = Instant::now();
        let queue = Arc::clone(&self.queue);
        let permit = match tokio::time::timeout_at(deadline.into(), queue.acquire_owned()).await {
            Ok(Ok(permit)) => permit,
            Ok(Err(_)) | Err(_) => return Err(Error::WriterTimedOut(self.name.clone())),
        };
        self.waited.record(started.elapsed());
        let writer = lock(&self.writer).take();
        let file = match writer {
            Some(file) => file,
            None => File::open(&self.path, Role::Writer)?,
        };
        Ok(Lease {
            file: Some(file),
            database: Arc::clone(self),
            dirty: false,
            _claim: claim,
            _permit: permit,
        })
    }

    pub(super) fn transaction_began(&self, connection: &Arc<Connection>, deadline: Instant) {
        *lock(&self.transaction) = Some(Holder {
            connection: Arc::downgrade(connection),
            deadline,
        });
    }

    pub(super) fn transaction_ended(&self) {
        *lock(&self.transaction) = None;
    }

    /// Rolls the open transaction back if its request's time is up. The request's end does that already; this is for a
    /// component that keeps a connection beyond its request.
    pub(super) fn expire(&self, now: Instant) {
        let late = {
            let transaction = lock(&self.transaction);
            transaction
                .as_ref()
                .filter(|holder| now > holder.deadline + GRACE)
                .map(|holder| holder.connection.clone())
        };
        if let Some(connection) = late.and_then(|connection| connection.upgrade()) {
            connection.expire();
        }
    }
}

/// The right to use the writer, and the writer. Dropping it rolls back and lets the next one in.
#[derive(Debug)]
pub(super) struct Lease {
    /// `None` only while dropping.
    file: Option<File>,
    database: Arc<Database>,
    /// The open transaction has run a statement that writes.
    dirty: bool,
    // After `drop` has given the writer back, in this order: the claim, then the permit.
    _claim: Claim,
    _permit: OwnedSemaphorePermit,
}

impl Lease {
    /// Runs one statement, on the blocking pool if it may end in an fsync.
    pub(super) async fn run(
        self,
        kind: Kind,
        sql: String,
        parameters: Vec<Value>,
        deadline: Instant,
    ) -> Result<(Self, Result<Outcome, Error>), Error> {
        let mut lease = self;
        let durable = kind == Kind::Commit || (!lease.in_transaction() && kind != Kind::Begin);
        let run = move || {
            let outcome = lease.run_here(durable, &sql, &parameters, deadline);
            (lease, outcome)
        };
        if durable {
            // If the caller goes away meanwhile, the lease is dropped when the statement is done.
            tokio::task::spawn_blocking(run)
                .await
                .map_err(|_| Error::Panicked)
        } else {
            Ok(run())
        }
    }

    fn run_here(
        &mut self,
        durable: bool,
        sql: &str,
        parameters: &[Value],
        deadline: Instant,
    ) -> Result<Outcome, Error> {
        if durable && (self.dirty || !self.in_transaction()) {
            crash::at(crash::Point::BeforeCommit, &self.database.name);
        }
        let outcome = self.file().run(sql, parameters, deadline)?;
        self.dirty |= outcome.wrote;
        if !self.in_transaction() {
            // Without `durable` the transaction ended by ROLLBACK.
            if std::mem::take(&mut self.dirty) && durable {
                self.database.committed.increment(1);
                self.database.commits.send_modify(|commits| *commits += 1);
                crash::at(crash::Point::AfterCommit, &self.database.name);
            }
        }
        Ok(outcome)
    }

    pub(super) fn in_transaction(&self) -> bool {
        self.file().in_transaction()
    }

    pub(super) fn last_insert_rowid(&self) -> i64 {
        self.file().last_insert_rowid()
    }

    pub(super) fn changes(&self) -> u64 {
        self.file().changes()
    }

    #[allow(clippy::expect_used, reason = "only `drop` takes the file")]
    fn file(&self) -> &File {
        self.file.as_ref().expect("the lease is not being dropped")
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(file) = self.file.take() else { return };
        if file.in_transaction()
            && let Err(error) = file.roll_back()
        {
            // Closing the handle rolls back, whatever the reason; the next one opens a new handle.
            tracing::error!(database = self.database.name, %error, "rollback failed; the writer is reopened");
            return;
        }
        *lock(&self.database.writer) = Some(file);
    }
}

/// The values behind these locks are whole between any two statements, so a panic elsewhere does not spoil them.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
