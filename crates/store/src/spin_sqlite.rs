//! SQLite through `spin:sqlite@3.1.0`, as Spin and Kessai's own host offer it.
//!
//! The interface has every call twice. The asynchronous form lets the other requests of this instance run while the host works; it costs about
//! 0.035 ms more for each statement, for the task, the row stream and the result future. The synchronous form stops the whole instance until it
//! returns. So: what may wait for another transaction or for the disk is asynchronous, what is only a few page reads or writes in memory is
//! not. Waiting for the writer in the synchronous form would be worse than slow: when the transaction that is
//! waited for belongs to another request of this same instance, it could never go on to its commit.

use spin_sdk::sqlite::wit::sqlite;

use crate::driver::{Answer, OpenError};
use crate::value::Value;

#[derive(Debug)]
pub(crate) struct Connection(sqlite::Connection);

impl Connection {
    pub(crate) async fn open(database: &str) -> Result<Self, OpenError> {
        sqlite::Connection::open_async(database.to_owned())
            .await
            .map(Self)
            .map_err(|error| match error {
                sqlite::Error::NoSuchDatabase => {
                    OpenError::Denied("the host knows no such database".to_owned())
                }
                sqlite::Error::AccessDenied => OpenError::Denied("not in its `sqlite_databases`".to_owned()),
                other => OpenError::Failed(words(other)),
            })
    }

    /// `IMMEDIATE` takes the writer here, where waiting is harmless, and not at the first write, where SQLite would refuse a transaction that
    /// has read before (its snapshot is old) instead of letting it wait.
    pub(crate) async fn begin(&self) -> Result<(), String> {
        self.query("BEGIN IMMEDIATE", Vec::new()).await.map(drop)
    }

    /// Asynchronous because of the disk: others may prepare their work while this one is being synced.
    pub(crate) async fn commit(&self) -> Result<(), String> {
        self.query("COMMIT", Vec::new()).await.map(drop)
    }

    pub(crate) fn rollback_now(&self) -> Result<(), String> {
        self.query_now("ROLLBACK", Vec::new()).map(drop)
    }

    pub(crate) fn query_now(&self, sql: &str, params: Vec<Value>) -> Result<Answer, String> {
        let params: Vec<_> = params.into_iter().map(into_spin).collect();
        let result = self.0.execute(sql, &params).map_err(words)?;
        Ok((result.columns, rows(result.rows)))
    }

    pub(crate) async fn query(&self, sql: &str, params: Vec<Value>) -> Result<Answer, String> {
        let params = params.into_iter().map(into_spin).collect();
        let (columns, stream, finished) = self
            .0
            .execute_async(sql.to_owned(), params)
            .await
            .map_err(words)?;
        let collected = stream.collect().await;
        // The stream also ends when a row could not be read; only this result tells the two apart.
        finished.await.map_err(words)?;
        Ok((columns, rows(collected)))
    }

    pub(crate) fn changes_now(&self) -> u64 {
        self.0.changes()
    }
}

fn rows(rows: Vec<sqlite::RowResult>) -> Vec<Vec<Value>> {
    rows.into_iter()
        .map(|row| row.values.into_iter().map(from_spin).collect())
        .collect()
}

fn into_spin(value: Value) -> sqlite::Value {
    match value {
        Value::Null => sqlite::Value::Null,
        Value::Integer(number) => sqlite::Value::Integer(number),
        Value::Real(number) => sqlite::Value::Real(number),
        Value::Text(text) => sqlite::Value::Text(text),
        Value::Blob(bytes) => sqlite::Value::Blob(bytes),
    }
}

fn from_spin(value: sqlite::Value) -> Value {
    match value {
        sqlite::Value::Null => Value::Null,
        sqlite::Value::Integer(number) => Value::Integer(number),
        sqlite::Value::Real(number) => Value::Real(number),
        sqlite::Value::Text(text) => Value::Text(text),
        sqlite::Value::Blob(bytes) => Value::Blob(bytes),
    }
}

fn words(error: sqlite::Error) -> String {
    match error {
        sqlite::Error::Io(message) => message,
        sqlite::Error::NoSuchDatabase => "no such database".to_owned(),
        sqlite::Error::AccessDenied => "access denied".to_owned(),
        sqlite::Error::InvalidConnection => "the connection is closed".to_owned(),
        sqlite::Error::DatabaseFull => "the database is full".to_owned(),
    }
}
