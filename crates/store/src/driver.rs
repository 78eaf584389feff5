//! The seam between this crate's types and a database's own interface. A further database is one more variant here and one more module.

use crate::value::Value;
use crate::{StoreError, mysql, spin_sqlite};

/// Column names, and each row's values in their order.
pub(crate) type Answer = (Vec<String>, Vec<Vec<Value>>);

/// One open connection.
#[derive(Debug)]
pub(crate) enum Connection {
    SpinSqlite(spin_sqlite::Connection),
    MySql(mysql::Connection),
    #[cfg(all(any(test, feature = "native"), not(target_family = "wasm")))]
    Native(crate::native::Connection),
}

/// Why a statement failed.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) sort: Sort,
    /// The database's words.
    pub(crate) message: String,
}

/// What is known of a failure besides its words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sort {
    /// Nothing: SQLite's extended codes do not pass Spin's interface.
    Unknown,
    /// MySQL's error number.
    Code(u16),
    /// The connection is no more, or never was.
    Lost,
}

impl From<String> for Failure {
    fn from(message: String) -> Self {
        Failure {
            sort: Sort::Unknown,
            message,
        }
    }
}

impl Connection {
    /// Starts a transaction. SQLite's holds the writer from the start, so that it can neither deadlock nor fail halfway for want of it.
    pub(crate) async fn begin(&self) -> Result<(), Failure> {
        match self {
            Connection::SpinSqlite(c) => Ok(c.begin().await?),
            Connection::MySql(c) => c.begin().await,
            #[cfg(all(any(test, feature = "native"), not(target_family = "wasm")))]
            Connection::Native(c) => Ok(c.begin()?),
        }
    }

    /// Ends the transaction and waits until the disk has it.
    pub(crate) async fn commit(&self) -> Result<(), Failure> {
        match self {
            Connection::SpinSqlite(c) => Ok(c.commit().await?),
            Connection::MySql(c) => c.commit().await,
            #[cfg(all(any(test, feature = "native"), not(target_family = "wasm")))]
            Connection::Native(c) => Ok(c.commit()?),
        }
    }

    /// Undoes the transaction. `false`: this connection cannot; only its end does.
    pub(crate) fn rollback(&self) -> Result<bool, Failure> {
        match self {
            Connection::SpinSqlite(c) => c.rollback_now()?,
            Connection::MySql(_) => return Ok(false),
            #[cfg(all(any(test, feature = "native"), not(target_family = "wasm")))]
            Connection::Native(c) => c.rollback_now()?,
        }
        Ok(true)
    }

    /// `may_wait`: for another transaction, on SQLite. What cannot is answered there without giving the component's other requests a turn.
    pub(crate) async fn run(
        &self,
        sql: &str,
        params: Vec<Value>,
        in_transaction: bool,
        may_wait: bool,
    ) -> Result<Answer, Failure> {
        match self {
            Connection::SpinSqlite(c) if may_wait => Ok(c.query(sql, params).await?),
            Connection::SpinSqlite(c) => Ok(c.query_now(sql, params)?),
            Connection::MySql(c) => c.run(sql, params, in_transaction).await,
            #[cfg(all(any(test, feature = "native"), not(target_family = "wasm")))]
            Connection::Native(c) => Ok(c.query_now(sql, params)?),
        }
    }

    /// Rows changed by the last `INSERT`, `UPDATE` or `DELETE`.
    pub(crate) async fn changes(&self) -> Result<u64, Failure> {
        match self {
            Connection::SpinSqlite(c) => Ok(c.changes_now()),
            Connection::MySql(c) => c.changes().await,
            #[cfg(all(any(test, feature = "native"), not(target_family = "wasm")))]
            Connection::Native(c) => Ok(c.changes_now()),
        }
    }
}

/// Why a database could not be opened.
pub(crate) enum OpenError {
    Denied(String),
    Failed(String),
    /// The server did not answer, or not well.
    Lost(String),
}

impl OpenError {
    pub(crate) fn of(self, database: &str) -> StoreError {
        let (database, statement) = (database.to_owned(), "open".to_owned());
        match self {
            OpenError::Denied(reason) => StoreError::Denied { database, reason },
            OpenError::Failed(reason) => StoreError::Unavailable {
                database,
                statement,
                reason,
            },
            OpenError::Lost(reason) => StoreError::Lost {
                database,
                statement,
                reason,
            },
        }
    }
}
