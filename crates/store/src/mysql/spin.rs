//! MySQL through `spin:mysql@3.0.0`. Every call may wait for the network, so every call is asynchronous.

use spin_sdk::mysql::wit::mysql;
use spin_sdk::mysql::{DbValue, ParameterValue};

use super::{said, text_or_blob};
use crate::driver::{Answer, Failure, OpenError, Sort};
use crate::value::Value;

pub(super) struct Wire(mysql::Connection);

impl std::fmt::Debug for Wire {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Wire(spin:mysql)")
    }
}

impl Wire {
    pub(super) async fn open(url: &str) -> Result<Self, OpenError> {
        mysql::Connection::open(url.to_owned())
            .await
            .map(Self)
            .map_err(|error| match error {
                mysql::Error::BadParameter(reason) => OpenError::Denied(reason),
                mysql::Error::ConnectionFailed(reason) => OpenError::Lost(reason),
                other => OpenError::Failed(failure(other).message),
            })
    }

    /// A statement that returns rows. Spin refuses one that does not.
    pub(super) async fn query(&self, sql: &str, params: Vec<Value>) -> Result<Answer, Failure> {
        let (columns, rows, finished) = self
            .0
            .query(sql.to_owned(), parameters(params))
            .await
            .map_err(failure)?;
        let rows = rows.collect().await;
        // The stream also ends when a row could not be read; only this result tells the two apart.
        finished.await.map_err(failure)?;
        let columns = columns.into_iter().map(|column| column.name).collect();
        let rows = rows
            .into_iter()
            .map(|row| row.into_iter().map(value).collect())
            .collect::<Result<_, _>>()?;
        Ok((columns, rows))
    }

    pub(super) async fn execute(&self, sql: &str, params: Vec<Value>) -> Result<(), Failure> {
        self.0
            .execute(sql.to_owned(), parameters(params))
            .await
            .map_err(failure)
    }
}

fn parameters(params: Vec<Value>) -> Vec<ParameterValue> {
    params
        .into_iter()
        .map(|value| match value {
            Value::Null => ParameterValue::DbNull,
            Value::Integer(number) => ParameterValue::Int64(number),
            Value::Real(number) => ParameterValue::Floating64(number),
            Value::Text(text) => ParameterValue::Str(text),
            Value::Blob(bytes) => ParameterValue::Binary(bytes),
        })
        .collect()
}

fn value(value: DbValue) -> Result<Value, Failure> {
    Ok(match value {
        DbValue::DbNull => Value::Null,
        DbValue::Boolean(truth) => Value::Integer(truth.into()),
        DbValue::Int8(number) => Value::Integer(number.into()),
        DbValue::Int16(number) => Value::Integer(number.into()),
        DbValue::Int32(number) => Value::Integer(number.into()),
        DbValue::Int64(number) => Value::Integer(number),
        DbValue::Uint8(number) => Value::Integer(number.into()),
        DbValue::Uint16(number) => Value::Integer(number.into()),
        DbValue::Uint32(number) => Value::Integer(number.into()),
        DbValue::Uint64(number) => {
            Value::Integer(i64::try_from(number).map_err(|_| format!("{number} is beyond 63 bits"))?)
        }
        DbValue::Floating32(number) => Value::Real(number.into()),
        DbValue::Floating64(number) => Value::Real(number),
        DbValue::Str(text) => Value::Text(text),
        DbValue::Binary(bytes) => text_or_blob(bytes),
        // Decimals for one, which SUM gives: the statement has to cast them.
        DbValue::Unsupported => return Err("a column's type does not pass the interface".to_owned().into()),
    })
}

fn failure(error: mysql::Error) -> Failure {
    match error {
        mysql::Error::ConnectionFailed(message) => Failure {
            sort: Sort::Lost,
            message,
        },
        mysql::Error::QueryFailed(message) | mysql::Error::Other(message) => said(message),
        mysql::Error::BadParameter(message) | mysql::Error::ValueConversionFailed(message) => message.into(),
    }
}
