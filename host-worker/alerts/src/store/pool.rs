//! Connections to the database `worker`: a file, or a schema on a MySQL server.

use kessai_relay::Source;
use sqlx::{
    MySql, MySqlPool, Sqlite, SqlitePool, Transaction,
    mysql::{MySqlDatabaseError, MySqlPoolOptions},
    sqlite::{SqliteConnectOptions, SqlitePoolOptions, SqliteSynchronous},
};
use std::time::Duration;
use tokio::time;

const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// One writes, the others read for operators.
const CONNECTIONS: u32 = 4;
/// Of a transaction that stood in another's way.
const TRIES: u32 = 8;

#[derive(Clone, Debug)]
pub(super) enum Pool {
    Sqlite(SqlitePool),
    MySql(MySqlPool),
}

impl Pool {
    pub(super) async fn open(source: &Source) -> Result<Pool, sqlx::Error> {
        match source {
            Source::Sqlite(file) => {
                let options = SqliteConnectOptions::new()
                    .filename(file)
                    .busy_timeout(BUSY_TIMEOUT)
                    // A power cut may take the last commits, each whole: offset, state and alerts. Then the same events are read again.
                    .synchronous(SqliteSynchronous::Normal)
                    // A batch changes pages all over the table: they stay in memory, and are brought to their places seldom.
                    .pragma("cache_size", "-65536")
                    .pragma("wal_autocheckpoint", "8000");
                let pool = SqlitePoolOptions::new().max_connections(CONNECTIONS);
                Ok(Pool::Sqlite(pool.connect_with(options).await?))
            }
            Source::MySql(options) => {
                let pool = MySqlPoolOptions::new()
                    .max_connections(CONNECTIONS)
                    .acquire_timeout(BUSY_TIMEOUT);
                Ok(Pool::MySql(pool.connect_with((**options).clone()).await?))
            }
        }
    }

    /// A transaction that writes.
    pub(super) async fn begin(&self) -> Result<Tx, sqlx::Error> {
        match self {
            Pool::Sqlite(pool) => Ok(Tx::Sqlite(pool.begin_with("BEGIN IMMEDIATE").await?)),
            Pool::MySql(pool) => Ok(Tx::MySql(pool.begin().await?)),
        }
    }

    pub(super) fn is_mysql(&self) -> bool {
        matches!(self, Pool::MySql(_))
    }
}

/// Undone when it is dropped.
#[derive(Debug)]
pub(super) enum Tx {
    Sqlite(Transaction<'static, Sqlite>),
    MySql(Transaction<'static, MySql>),
}

impl Tx {
    pub(super) async fn commit(self) -> Result<(), sqlx::Error> {
        match self {
            Tx::Sqlite(tx) => tx.commit().await,
            Tx::MySql(tx) => tx.commit().await,
        }
    }

    /// The text for this database; both have the same parameters.
    pub(super) fn text(&self, sqlite: &'static str, mysql: &'static str) -> &'static str {
        match self {
            Tx::Sqlite(_) => sqlite,
            Tx::MySql(_) => mysql,
        }
    }
}

/// `$work` with `$pool` being either database's, whose type is `Db`.
macro_rules! read {
    ($either:expr, $pool:ident => $work:expr) => {
        match &$either {
            crate::store::pool::Pool::Sqlite($pool) => {
                #[allow(dead_code, reason = "most do not name it")]
                type Db = sqlx::Sqlite;
                $work
            }
            crate::store::pool::Pool::MySql($pool) => {
                #[allow(dead_code, reason = "most do not name it")]
                type Db = sqlx::MySql;
                $work
            }
        }
    };
}
pub(super) use read;

/// `$work` with `$connection` being the transaction's of either database, whose type is `Db`.
macro_rules! within {
    ($tx:expr, $connection:ident => $work:expr) => {
        match $tx {
            crate::store::pool::Tx::Sqlite(tx) => {
                #[allow(dead_code, reason = "most do not name it")]
                type Db = sqlx::Sqlite;
                let $connection = &mut **tx;
                $work
            }
            crate::store::pool::Tx::MySql(tx) => {
                #[allow(dead_code, reason = "most do not name it")]
                type Db = sqlx::MySql;
                let $connection = &mut **tx;
                $work
            }
        }
    };
}
pub(super) use within;

/// Whether an error is of two transactions that stood in each other's way: the server has undone this one.
pub(super) trait Collision {
    fn is_collision(&self) -> bool;
}

impl Collision for sqlx::Error {
    fn is_collision(&self) -> bool {
        let number = self
            .as_database_error()
            .and_then(|error| error.try_downcast_ref::<MySqlDatabaseError>())
            .map(MySqlDatabaseError::number);
        // A deadlock; a lock not got in time; a row changed since it was seen (newer MariaDB).
        matches!(number, Some(1213 | 1205 | 1020))
    }
}

/// Whether the transaction shall run once more; waits a little then.
pub(super) async fn again(tries: &mut u32, error: &impl Collision) -> bool {
    *tries += 1;
    let is_again = *tries < TRIES && error.is_collision();
    if is_again {
        let jitter = u64::from(std::process::id()) % 7;
        time::sleep(Duration::from_millis(
            u64::from(*tries) * u64::from(*tries) * 3 + jitter,
        ))
        .await;
    }
    is_again
}

/// A whole transaction, run again as long as it collides with others.
macro_rules! whole {
    ($transaction:expr) => {{
        let mut tries = 0;
        loop {
            match $transaction {
                Err(error) if crate::store::pool::again(&mut tries, &error).await => {}
                result => break result,
            }
        }
    }};
}
pub(super) use whole;
