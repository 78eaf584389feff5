//! Values between the interface and the server: the types that Spin gives.
//!
//! Text in a column with a binary collation (`utf8mb4_bin`) is `binary`: the protocol marks it so. Decimals (also of `SUM`), dates, JSON and
//! bits have no value here; a statement casts them.

use super::{
    Error,
    host::{Column, DbDataType, DbValue, ParameterValue},
};
use mysql_async::{
    Row, Value,
    consts::{ColumnFlags, ColumnType},
    from_value_opt,
    prelude::FromValue,
};

pub(super) fn parameter(value: ParameterValue) -> Value {
    match value {
        ParameterValue::Boolean(value) => value.into(),
        ParameterValue::Int8(value) => value.into(),
        ParameterValue::Int16(value) => value.into(),
        ParameterValue::Int32(value) => value.into(),
        ParameterValue::Int64(value) => value.into(),
        ParameterValue::Uint8(value) => value.into(),
        ParameterValue::Uint16(value) => value.into(),
        ParameterValue::Uint32(value) => value.into(),
        ParameterValue::Uint64(value) => value.into(),
        ParameterValue::Floating32(value) => value.into(),
        ParameterValue::Floating64(value) => value.into(),
        ParameterValue::Str(value) => value.into(),
        ParameterValue::Binary(value) => value.into(),
        ParameterValue::DbNull => Value::NULL,
    }
}

pub(super) fn column(column: &mysql_async::Column) -> Column {
    Column {
        name: column.name_str().into_owned(),
        data_type: data_type(column.column_type(), column.flags()),
    }
}

fn data_type(column: ColumnType, flags: ColumnFlags) -> DbDataType {
    use DbDataType as To;
    let unsigned = flags.contains(ColumnFlags::UNSIGNED_FLAG);
    let binary = flags.contains(ColumnFlags::BINARY_FLAG);
    match column {
        ColumnType::MYSQL_TYPE_TINY if unsigned => To::Uint8,
        ColumnType::MYSQL_TYPE_TINY => To::Int8,
        ColumnType::MYSQL_TYPE_SHORT if unsigned => To::Uint16,
        ColumnType::MYSQL_TYPE_SHORT => To::Int16,
        ColumnType::MYSQL_TYPE_INT24 | ColumnType::MYSQL_TYPE_LONG if unsigned => To::Uint32,
        ColumnType::MYSQL_TYPE_INT24 | ColumnType::MYSQL_TYPE_LONG => To::Int32,
        ColumnType::MYSQL_TYPE_LONGLONG if unsigned => To::Uint64,
        ColumnType::MYSQL_TYPE_LONGLONG => To::Int64,
        ColumnType::MYSQL_TYPE_FLOAT => To::Floating32,
        ColumnType::MYSQL_TYPE_DOUBLE => To::Floating64,
        ColumnType::MYSQL_TYPE_STRING | ColumnType::MYSQL_TYPE_VAR_STRING | ColumnType::MYSQL_TYPE_BLOB
            if !binary =>
        {
            To::Str
        }
        ColumnType::MYSQL_TYPE_STRING
        | ColumnType::MYSQL_TYPE_VAR_STRING
        | ColumnType::MYSQL_TYPE_BLOB
        | ColumnType::MYSQL_TYPE_MEDIUM_BLOB
        | ColumnType::MYSQL_TYPE_LONG_BLOB => To::Binary,
        _ => To::Other,
    }
}

/// A row of as many values as there are columns.
pub(super) fn row(row: Row, columns: &[Column]) -> Result<Vec<DbValue>, Error> {
    row.unwrap()
        .into_iter()
        .zip(columns)
        .map(|(value, column)| db_value(value, column))
        .collect()
}

fn db_value(value: Value, column: &Column) -> Result<DbValue, Error> {
    fn to<T: FromValue>(value: Value, column: &Column) -> Result<T, Error> {
        from_value_opt(value).map_err(|error| Error::Value {
            column: column.name.clone(),
            reason: error.to_string(),
        })
    }
    if value == Value::NULL {
        return Ok(DbValue::DbNull);
    }
    Ok(match column.data_type {
        DbDataType::Boolean => DbValue::Boolean(to(value, column)?),
        DbDataType::Int8 => DbValue::Int8(to(value, column)?),
        DbDataType::Int16 => DbValue::Int16(to(value, column)?),
        DbDataType::Int32 => DbValue::Int32(to(value, column)?),
        DbDataType::Int64 => DbValue::Int64(to(value, column)?),
        DbDataType::Uint8 => DbValue::Uint8(to(value, column)?),
        DbDataType::Uint16 => DbValue::Uint16(to(value, column)?),
        DbDataType::Uint32 => DbValue::Uint32(to(value, column)?),
        DbDataType::Uint64 => DbValue::Uint64(to(value, column)?),
        DbDataType::Floating32 => DbValue::Floating32(to(value, column)?),
        DbDataType::Floating64 => DbValue::Floating64(to(value, column)?),
        DbDataType::Str => DbValue::Str(to(value, column)?),
        DbDataType::Binary => DbValue::Binary(to(value, column)?),
        DbDataType::Other => {
            return Err(Error::Value {
                column: column.name.clone(),
                reason: "its type has no value here; cast it in the statement".to_owned(),
            });
        }
    })
}

/// Bytes of a row as the component will hold it.
pub(super) fn bytes(row: &[DbValue]) -> usize {
    let heap = |value: &DbValue| match value {
        DbValue::Str(text) => text.len(),
        DbValue::Binary(bytes) => bytes.len(),
        _ => 0,
    };
    size_of_val(row) + row.iter().map(heap).sum::<usize>()
}
