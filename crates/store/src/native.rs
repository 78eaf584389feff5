//! SQLite without a host, so that what runs inside components can be tested on this machine in milliseconds against the real thing.

use std::path::Path;
use std::time::Duration;

use rusqlite::params_from_iter;
use rusqlite::types::{ToSqlOutput, ValueRef};

use crate::driver::{Answer, OpenError};
use crate::value::Value;

#[derive(Debug)]
pub(crate) struct Connection(rusqlite::Connection);

impl Connection {
    pub(crate) fn open(path: &Path) -> Result<Self, OpenError> {
        let open = || {
            let connection = rusqlite::Connection::open(path)?;
            connection.busy_timeout(Duration::from_secs(30))?;
            Ok(Self(connection))
        };
        open().map_err(|error: rusqlite::Error| OpenError::Failed(error.to_string()))
    }

    pub(crate) fn begin(&self) -> Result<(), String> {
        self.query_now("BEGIN IMMEDIATE", Vec::new()).map(drop)
    }

    pub(crate) fn commit(&self) -> Result<(), String> {
        self.query_now("COMMIT", Vec::new()).map(drop)
    }

    pub(crate) fn rollback_now(&self) -> Result<(), String> {
        self.query_now("ROLLBACK", Vec::new()).map(drop)
    }

    pub(crate) fn query_now(&self, sql: &str, params: Vec<Value>) -> Result<Answer, String> {
        let run = || {
            let mut statement = self.0.prepare_cached(sql)?;
            let columns: Vec<String> = statement.column_names().into_iter().map(str::to_owned).collect();
            let mut rows = statement.query(params_from_iter(params.iter()))?;
            let mut answer = Vec::new();
            while let Some(row) = rows.next()? {
                let values = (0..columns.len()).map(|index| row.get_ref(index).map(value));
                answer.push(values.collect::<Result<_, _>>()?);
            }
            drop(rows);
            Ok((columns, answer))
        };
        run().map_err(|error: rusqlite::Error| error.to_string())
    }

    pub(crate) fn changes_now(&self) -> u64 {
        self.0.changes()
    }
}

impl rusqlite::ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Value::Null => ValueRef::Null,
            Value::Integer(number) => ValueRef::Integer(*number),
            Value::Real(number) => ValueRef::Real(*number),
            Value::Text(text) => ValueRef::Text(text.as_bytes()),
            Value::Blob(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

fn value(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => Value::Integer(number),
        ValueRef::Real(number) => Value::Real(number),
        ValueRef::Text(text) => Value::Text(String::from_utf8_lossy(text).into_owned()),
        ValueRef::Blob(bytes) => Value::Blob(bytes.to_vec()),
    }
}
