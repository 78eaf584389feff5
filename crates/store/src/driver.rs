//! The seam between this crate's types and a database's own interface. A further database is one more variant here and one more module.

use crate::value::Value;
use crate::{StoreError, spin_sqlite};

/// Column names, and each row's values in their order.
pub(crate) type Answer = (Vec<String>, Vec<Vec<Value>>);

/// One open connection.
#[derive(Debug)]
pub(crate) enum Connection {
    SpinSqlite(spin_sqlite::Connection),
    #[cfg(all(any(test, feature = "native"), not(target_family = "wasm")))]
    Native(crate::native::Connection),
}

macro_rules! each {
    ($self:ident, $connection:ident => $call:expr) => {
        match $self {
            Connection::SpinSqlite($connection) => $call,
            #[cfg(all(any(test, feature = "native"), not(target_family = "wasm")))]
            Connection::Native($connection) => $call,
        }
    };
}

/// # Contract
///
/// Statements whose name says `now` never wait for another transaction: the caller calls them only for plain reads or while it
/// holds the writer. The others may wait, and let the component's other requests go on meanwhile. Errors are the database's words.
impl Connection {
    /// Starts a transaction that holds the writer from the start, so that it can neither deadlock nor fail halfway for want of it.
    pub(crate) async fn begin(&self) -> Result<(), String> {
        each!(self, c => c.begin().await)
    }

    /// Ends the transaction and waits until the disk has it.
    pub(crate) async fn commit(&self) -> Result<(), String> {
        each!(self, c => c.commit().await)
    }

    pub(crate) fn rollback_now(&self) -> Result<(), String> {
        each!(self, c => c.rollback_now())
    }

    pub(crate) fn query_now(&self, sql: &str, params: Vec<Value>) -> Result<Answer, String> {
        each!(self, c => c.query_now(sql, params))
    }

    pub(crate) async fn query(&self, sql: &str, params: Vec<Value>) -> Result<Answer, String> {
        each!(self, c => c.query(sql, params).await)
    }

    /// Rows changed by the last `INSERT`, `UPDATE` or `DELETE`.
    pub(crate) fn changes_now(&self) -> u64 {
        each!(self, c => c.changes_now())
    }
}

/// Why a database could not be opened.
pub(crate) enum OpenError {
    Denied(String),
    Failed(String),
}

impl OpenError {
    pub(crate) fn of(self, database: &str) -> StoreError {
        match self {
            OpenError::Denied(reason) => StoreError::Denied {
                database: database.to_owned(),
                reason,
            },
            OpenError::Failed(reason) => StoreError::Unavailable {
                database: database.to_owned(),
                statement: "open".to_owned(),
                reason,
            },
        }
    }
}
