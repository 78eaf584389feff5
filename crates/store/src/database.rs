//! Connections and transactions.

use std::ops::Deref;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use crate::driver::Connection;
use crate::row::Row;
use crate::sql::{may_write, summary};
use crate::{StoreError, Value, spin_sqlite};

/// A connection on which each statement is a transaction of its own.
///
/// Opening is cheap and everything else is the database's, so a handler opens one when it needs one and keeps none: an instance serves
/// many requests at once, and a transaction on a shared connection would be everybody's. Reads see the last committed state and wait for nobody.
#[derive(Debug)]
pub struct Database(Session);

/// A connection inside a transaction that holds the database's only writer.
///
/// # Contract
///
/// Nothing is visible outside until [`commit`](Transaction::commit) has returned `Ok`. Dropping the transaction at any earlier point, an early
/// `?` or a canceled request included, drops the connection, and with it everything that was done. Every other writer of the
/// database waits meanwhile, so call no other service between [`Database::begin`] and the end.
#[derive(Debug)]
pub struct Transaction(Session);

/// What statements run on: a [`Database`] or a [`Transaction`], for code that serves both.
#[derive(Debug)]
pub struct Session {
    connection: Connection,
    database: String,
    in_transaction: bool,
    /// A statement failed in a way after which SQLite may have rolled back on its own account; a later one would then commit by itself.
    ended: AtomicBool,
    writes: AtomicU64,
}

impl Database {
    /// Opens a database that `spin.toml` grants to this component.
    pub async fn open(name: &str) -> Result<Database, StoreError> {
        let connection = spin_sqlite::Connection::open(name)
            .await
            .map_err(|error| error.of(name))?;
        Ok(Database::over(Connection::SpinSqlite(connection), name))
    }

    /// Opens a SQLite file on this machine. For tests: it has a host's semantics, except that waiting for the writer blocks the thread.
    #[cfg(all(any(test, feature = "native"), not(target_family = "wasm")))]
    pub fn open_file(path: &std::path::Path) -> Result<Database, StoreError> {
        let name = path.display().to_string();
        let connection = crate::native::Connection::open(path).map_err(|error| error.of(&name))?;
        Ok(Database::over(Connection::Native(connection), &name))
    }

    fn over(connection: Connection, name: &str) -> Database {
        Database(Session {
            connection,
            database: name.to_owned(),
            in_transaction: false,
            ended: AtomicBool::new(false),
            writes: AtomicU64::new(0),
        })
    }

    /// Waits for the writer and starts a transaction. The connection comes back from [`Transaction::commit`] or
    /// [`Transaction::rollback`].
    pub async fn begin(mut self) -> Result<Transaction, StoreError> {
        let session = &mut self.0;
        session
            .connection
            .begin()
            .await
            .map_err(|message| session.failure("BEGIN", message))?;
        session.in_transaction = true;
        session.writes = AtomicU64::new(0);
        Ok(Transaction(self.0))
    }
}

impl Transaction {
    /// Makes everything durable and visible. After an error it is unknown whether that happened, unless the error is
    /// [`StoreError::TransactionEnded`]: then nothing did.
    pub async fn commit(mut self) -> Result<Database, StoreError> {
        let session = &mut self.0;
        session.check_alive("COMMIT")?;
        session
            .connection
            .commit()
            .await
            .map_err(|message| session.failure("COMMIT", message))?;
        session.in_transaction = false;
        Ok(Database(self.0))
    }

    /// Undoes everything and gives the writer back. Dropping does the same at the price of the connection.
    pub async fn rollback(mut self) -> Result<Database, StoreError> {
        let session = &mut self.0;
        session.check_alive("ROLLBACK")?;
        session
            .connection
            .rollback_now()
            .map_err(|message| session.failure("ROLLBACK", message))?;
        session.in_transaction = false;
        Ok(Database(self.0))
    }
}

impl Session {
    /// All rows of a statement. With `RETURNING` it may also change something.
    pub async fn query(&self, sql: &str, params: Vec<Value>) -> Result<Vec<Row>, StoreError> {
        let (columns, rows) = self.run(sql, params).await?;
        if may_write(sql) {
            self.writes.fetch_add(1, Relaxed);
        }
        Ok(Row::rows(sql, columns, rows))
    }

    /// The first row; [`StoreError::NoRow`] if there is none.
    pub async fn query_one(&self, sql: &str, params: Vec<Value>) -> Result<Row, StoreError> {
        self.query_optional(sql, params)
            .await?
            .ok_or_else(|| StoreError::NoRow {
                statement: summary(sql),
            })
    }

    /// The first row, if there is one.
    pub async fn query_optional(&self, sql: &str, params: Vec<Value>) -> Result<Option<Row>, StoreError> {
        Ok(self.query(sql, params).await?.into_iter().next())
    }

    /// Runs an `INSERT`, `UPDATE` or `DELETE` and returns how many rows it changed.
    ///
    /// On a [`Database`], let one call end before the next begins: the count is the connection's, not the statement's.
    pub async fn execute(&self, sql: &str, params: Vec<Value>) -> Result<u64, StoreError> {
        self.run(sql, params).await?;
        let changed = self.connection.changes_now();
        if changed > 0 {
            self.writes.fetch_add(1, Relaxed);
        }
        Ok(changed)
    }

    /// How many statements of this transaction have changed something, or may have.
    pub(crate) fn writes(&self) -> u64 {
        self.writes.load(Relaxed)
    }

    async fn run(&self, sql: &str, params: Vec<Value>) -> Result<crate::driver::Answer, StoreError> {
        self.check_alive(sql)?;
        // A transaction holds the writer and a read needs none, so neither can wait; a write on its own has to get the writer first.
        let answer = if self.in_transaction || !may_write(sql) {
            self.connection.query_now(sql, params)
        } else {
            self.connection.query(sql, params).await
        };
        answer.map_err(|message| self.failure(sql, message))
    }

    fn check_alive(&self, sql: &str) -> Result<(), StoreError> {
        if self.ended.load(Relaxed) {
            return Err(StoreError::TransactionEnded {
                statement: summary(sql),
            });
        }
        Ok(())
    }

    fn failure(&self, sql: &str, message: String) -> StoreError {
        let error = StoreError::from_message(&self.database, sql, message);
        // A broken rule undoes its statement only. After anything else (disk, memory, lost connection) the transaction may be gone.
        if self.in_transaction && !matches!(error, StoreError::Constraint { .. }) {
            self.ended.store(true, Relaxed);
        }
        error
    }
}

impl Deref for Database {
    type Target = Session;

    fn deref(&self) -> &Session {
        &self.0
    }
}

impl Deref for Transaction {
    type Target = Session;

    fn deref(&self) -> &Session {
        &self.0
    }
}
