//! MySQL without a host, so that what runs inside components can be tested against a server. It blocks, and behaves as Spin does: prepared
//! statements only, changed rows not counted, decimals not read.

use std::sync::{Mutex, PoisonError};

use mysql::consts::ColumnType;
use mysql::prelude::Queryable as _;
use mysql::{Opts, OptsBuilder, Params};

use super::text_or_blob;
use crate::driver::{Answer, Failure, OpenError, Sort};
use crate::testing::Server;
use crate::value::Value;

#[derive(Debug)]
pub(super) struct Wire(Mutex<mysql::Conn>);

impl Wire {
    pub(super) fn open(server: &Server, schema: &str) -> Result<Self, OpenError> {
        let open = || {
            let options = OptsBuilder::from_opts(Opts::from_url(&server.url)?)
                .db_name(Some(schema))
                .init(vec![format!(
                    "SET SESSION TRANSACTION ISOLATION LEVEL {}",
                    server.isolation.words()
                )]);
            Ok(Self(Mutex::new(mysql::Conn::new(options)?)))
        };
        open().map_err(|error: mysql::Error| OpenError::Lost(error.to_string()))
    }

    pub(super) fn run(&self, sql: &str, params: Vec<Value>) -> Result<Answer, Failure> {
        let mut connection = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let params = match params {
            none if none.is_empty() => Params::Empty,
            some => Params::Positional(some.into_iter().map(parameter).collect()),
        };
        let mut result = connection.exec_iter(sql, params).map_err(failure)?;
        let columns = result.columns();
        let columns = columns.as_ref();
        let names = columns
            .iter()
            .map(|column| column.name_str().into_owned())
            .collect();
        if let Some(column) = columns
            .iter()
            .find(|column| column.column_type() == ColumnType::MYSQL_TYPE_NEWDECIMAL)
        {
            return Err(format!(
                "`{}` is a decimal, which does not pass the interface",
                column.name_str()
            )
            .into());
        }
        let mut rows = Vec::new();
        for row in result.by_ref() {
            let row = row.map_err(failure)?.unwrap();
            rows.push(row.into_iter().map(value).collect::<Result<_, _>>()?);
        }
        Ok((names, rows))
    }
}

fn parameter(value: Value) -> mysql::Value {
    match value {
        Value::Null => mysql::Value::NULL,
        Value::Integer(number) => mysql::Value::Int(number),
        Value::Real(number) => mysql::Value::Double(number),
        Value::Text(text) => mysql::Value::Bytes(text.into_bytes()),
        Value::Blob(bytes) => mysql::Value::Bytes(bytes),
    }
}

fn value(value: mysql::Value) -> Result<Value, Failure> {
    Ok(match value {
        mysql::Value::NULL => Value::Null,
        mysql::Value::Int(number) => Value::Integer(number),
        mysql::Value::UInt(number) => {
            Value::Integer(i64::try_from(number).map_err(|_| format!("{number} is beyond 63 bits"))?)
        }
        mysql::Value::Float(number) => Value::Real(number.into()),
        mysql::Value::Double(number) => Value::Real(number),
        mysql::Value::Bytes(bytes) => text_or_blob(bytes),
        other => return Err(format!("{other:?} does not pass the interface").into()),
    })
}

fn failure(error: mysql::Error) -> Failure {
    let sort = match &error {
        mysql::Error::MySqlError(said) => Sort::Code(said.code),
        mysql::Error::IoError(_) => Sort::Lost,
        _ => Sort::Unknown,
    };
    Failure {
        sort,
        message: error.to_string(),
    }
}
