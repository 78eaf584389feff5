//! Connections and transactions.

use std::ops::Deref;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use crate::driver::{Answer, Connection, Failure};
use crate::retry::Tries;
use crate::row::Row;
use crate::source::Source;
use crate::sql::{may_write, summary};
use crate::{Dialect, Statement, StoreError, Value};

/// A connection on which each statement is a transaction of its own.
///
/// Opening is cheap and everything else is the database's, so a handler opens one when it needs one and keeps none: an instance serves
/// many requests at once, and a transaction on a shared connection would be everybody's. Reads see the last committed state and wait for nobody.
#[derive(Debug)]
pub struct Database(Session);

/// A connection inside a transaction. On SQLite it holds the database's only writer; on MySQL, the rows that it has written or read with
/// [`Dialect::for_update`].
///
/// # Contract
///
/// Nothing is visible outside until [`commit`](Transaction::commit) has returned `Ok`. Dropping the transaction at any earlier point, an early
/// `?` or a canceled request included, drops the connection, and with it everything that was done. Others wait for what it holds
/// meanwhile, so call no other service between [`Database::begin`] and the end.
#[derive(Debug)]
pub struct Transaction(Session);

/// What statements run on: a [`Database`] or a [`Transaction`], for code that serves both.
#[derive(Debug)]
pub struct Session {
    connection: Connection,
    source: Source,
    database: String,
    in_transaction: bool,
    /// A statement failed in a way after which the database may have rolled back on its own account; a later one would then commit by itself.
    ended: AtomicBool,
    /// What ended it, if that was another transaction or the connection.
    obstacle: OnceLock<StoreError>,
    writes: AtomicU64,
}

impl Database {
    /// Opens the database of this name where the variable `database` says: a file that `spin.toml` grants to this component, or a MySQL
    /// schema, for which the `mysql_…` variables and the grant of the server's address are needed.
    pub async fn open(name: &str) -> Result<Database, StoreError> {
        Self::open_at(Source::of(name).await?, name).await
    }

    /// Opens a SQLite file on this machine. For tests: it has a host's semantics, except that waiting for the writer blocks the thread.
    #[cfg(all(any(test, feature = "native"), not(target_family = "wasm")))]
    pub fn open_file(path: &std::path::Path) -> Result<Database, StoreError> {
        let name = path.display().to_string();
        let connection = crate::native::Connection::open(path).map_err(|error| error.of(&name))?;
        Ok(Database::over(
            Connection::Native(connection),
            Source::File(path.to_owned()),
            &name,
        ))
    }

    pub(crate) async fn open_at(source: Source, name: &str) -> Result<Database, StoreError> {
        let connection = source.open(name).await?;
        Ok(Database::over(connection, source, name))
    }

    fn over(connection: Connection, source: Source, name: &str) -> Database {
        Database(Session {
            connection,
            source,
            database: name.to_owned(),
            in_transaction: false,
            ended: AtomicBool::new(false),
            obstacle: OnceLock::new(),
            writes: AtomicU64::new(0),
        })
    }

    /// Starts a transaction, on SQLite after waiting for the writer. The connection comes back from [`Transaction::commit`] or
    /// [`Transaction::rollback`]. Whoever can, takes [`transact`](Database::transact), which also repeats.
    pub async fn begin(mut self) -> Result<Transaction, StoreError> {
        let session = &mut self.0;
        session
            .connection
            .begin()
            .await
            .map_err(|failure| session.failure("BEGIN", failure))?;
        session.in_transaction = true;
        session.writes = AtomicU64::new(0);
        Ok(Transaction(self.0))
    }

    /// Does `work` in a transaction and commits it; if `work` fails, what it did is undone. The whole of it is done again, some times and after
    /// growing pauses, while another transaction is in its way ([`StoreError::Conflict`]), as happens on MySQL: so `work` changes nothing but
    /// the database, and starts from the beginning each time.
    ///
    /// # Errors
    ///
    /// `work`'s own, and `E::from` of what the database says. After [`StoreError::Lost`] or [`StoreError::Unavailable`] from the commit it is unknown
    /// whether everything happened or nothing.
    pub async fn transact<T, E, W>(self, mut work: W) -> Result<(Database, T), E>
    where
        E: From<StoreError>,
        W: AsyncFnMut(&Transaction) -> Result<T, E>,
    {
        let again = self.again();
        let mut tries = Tries::default();
        let mut database = self;
        loop {
            let (error, own) = match attempt(database, &mut work).await {
                Ok(done) => return Ok(done),
                Err((Some(error), own)) => (error, own),
                Err((None, own)) => return Err(own),
            };
            if !tries.again(&error).await {
                return Err(own);
            }
            database = again.open().await?;
        }
    }

    /// What is needed to open it once more, after a transaction has taken the connection with it.
    pub(crate) fn again(&self) -> Again {
        Again {
            source: self.source.clone(),
            name: self.database.clone(),
        }
    }
}

/// One try. Its failure comes with what stood in its way, if another try is safe and may fare better.
async fn attempt<T, E, W>(database: Database, work: &mut W) -> Result<(Database, T), (Option<StoreError>, E)>
where
    E: From<StoreError>,
    W: AsyncFnMut(&Transaction) -> Result<T, E>,
{
    let of_ours = |error: StoreError| (error.did_nothing().then(|| error.clone()), error.into());
    let tx = database.begin().await.map_err(of_ours)?;
    let outcome = work(&tx).await;
    // Whatever the work made of it, what it did is gone.
    if let Some(error) = tx.obstacle() {
        let own = outcome.err().unwrap_or_else(|| error.clone().into());
        return Err((Some(error), own));
    }
    let value = outcome.map_err(|own| (None, own))?;
    match tx.commit().await {
        Ok(database) => Ok((database, value)),
        Err(error @ StoreError::Lost { .. }) => Err((None, error.into())),
        Err(error) => Err(of_ours(error)),
    }
}

#[derive(Debug)]
pub(crate) struct Again {
    source: Source,
    name: String,
}

impl Again {
    pub(crate) async fn open(&self) -> Result<Database, StoreError> {
        Database::open_at(self.source.clone(), &self.name).await
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
            .map_err(|failure| session.failure("COMMIT", failure))?;
        session.in_transaction = false;
        Ok(Database(self.0))
    }

    /// Undoes everything and gives back what was held. Dropping does the same at the price of the connection, which on MySQL is always paid.
    pub async fn rollback(mut self) -> Result<Database, StoreError> {
        let session = &mut self.0;
        session.check_alive("ROLLBACK")?;
        let undone = session
            .connection
            .rollback()
            .map_err(|failure| session.failure("ROLLBACK", failure))?;
        session.in_transaction = false;
        let database = Database(self.0);
        if undone {
            return Ok(database);
        }
        let again = database.again();
        drop(database);
        again.open().await
    }
}

impl Session {
    pub fn dialect(&self) -> Dialect {
        self.source.dialect()
    }

    /// All rows of a statement. With SQLite's `RETURNING` it may also change something.
    pub async fn query(&self, sql: impl Statement, params: Vec<Value>) -> Result<Vec<Row>, StoreError> {
        let sql = sql.text(self.dialect());
        let (columns, rows) = self.answer(sql, params).await?;
        if may_write(sql) {
            self.writes.fetch_add(1, Relaxed);
        }
        Ok(Row::rows(sql, columns, rows))
    }

    /// The first row; [`StoreError::NoRow`] if there is none.
    pub async fn query_one(&self, sql: impl Statement, params: Vec<Value>) -> Result<Row, StoreError> {
        let sql = sql.text(self.dialect());
        self.query_optional(sql, params)
            .await?
            .ok_or_else(|| StoreError::NoRow {
                statement: summary(sql),
            })
    }

    /// The first row, if there is one.
    pub async fn query_optional(
        &self,
        sql: impl Statement,
        params: Vec<Value>,
    ) -> Result<Option<Row>, StoreError> {
        Ok(self.query(sql, params).await?.into_iter().next())
    }

    /// Runs an `INSERT`, `UPDATE` or `DELETE` whose number of changed rows nobody needs.
    pub async fn run(&self, sql: impl Statement, params: Vec<Value>) -> Result<(), StoreError> {
        self.query(sql, params).await.map(drop)
    }

    /// Runs an `INSERT`, `UPDATE` or `DELETE` and returns how many rows it changed. On MySQL that is one more question to the server, where
    /// [`run`](Self::run) has none.
    ///
    /// Databases disagree on two things, so what decides must not depend on them: MySQL does not count a row that an `UPDATE` leaves as it was,
    /// and counts 2 for a row that `ON DUPLICATE KEY UPDATE` changes.
    ///
    /// On a [`Database`], let one call end before the next begins: the count is the connection's, not the statement's.
    pub async fn execute(&self, sql: impl Statement, params: Vec<Value>) -> Result<u64, StoreError> {
        let sql = sql.text(self.dialect());
        self.answer(sql, params).await?;
        let changes = self.connection.changes().await;
        let changed = changes.map_err(|failure| self.failure("SELECT ROW_COUNT()", failure))?;
        if changed > 0 {
            self.writes.fetch_add(1, Relaxed);
        }
        Ok(changed)
    }

    /// How many statements of this transaction have changed something, or may have.
    pub(crate) fn writes(&self) -> u64 {
        self.writes.load(Relaxed)
    }

    async fn answer(&self, sql: &str, params: Vec<Value>) -> Result<Answer, StoreError> {
        self.check_alive(sql)?;
        // A transaction holds SQLite's writer and a read needs none, so neither can wait; a write on its own has to get the writer first.
        let may_wait = !self.in_transaction && may_write(sql);
        if !(may_wait && self.dialect() == Dialect::MySql) {
            return self.answer_once(sql, params, may_wait).await;
        }
        // A transaction of one statement is repeated here, since it may meet a deadlock as any other.
        let mut tries = Tries::default();
        loop {
            match self.answer_once(sql, params.clone(), may_wait).await {
                Err(error @ StoreError::Conflict { .. }) if tries.again(&error).await => {}
                outcome => return outcome,
            }
        }
    }

    async fn answer_once(&self, sql: &str, params: Vec<Value>, may_wait: bool) -> Result<Answer, StoreError> {
        self.connection
            .run(sql, params, self.in_transaction, may_wait)
            .await
            .map_err(|failure| self.failure(sql, failure))
    }

    fn check_alive(&self, sql: &str) -> Result<(), StoreError> {
        if self.ended.load(Relaxed) {
            return Err(StoreError::TransactionEnded {
                statement: summary(sql),
            });
        }
        Ok(())
    }

    /// What ended the transaction, if a repeat may not meet it again.
    fn obstacle(&self) -> Option<StoreError> {
        self.obstacle.get().cloned()
    }

    fn failure(&self, sql: &str, failure: Failure) -> StoreError {
        let error = StoreError::sorted(&self.database, sql, failure);
        // A broken rule undoes its statement only. After anything else (disk, memory, deadlock, lost connection) the transaction may be gone.
        if self.in_transaction && !matches!(error, StoreError::Constraint { .. }) {
            self.ended.store(true, Relaxed);
            if error.did_nothing() {
                // The first counts.
                let _ = self.obstacle.set(error.clone());
            }
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
