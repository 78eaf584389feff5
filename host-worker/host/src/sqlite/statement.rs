//! One statement: what it does to the connection's state, how its parameters go in and its rows come out.

use super::Error;
use crate::sqlite::host::{RowResult, Value};
use rusqlite::{
    CachedStatement, ToSql,
    types::{ToSqlOutput, ValueRef},
};

/// Bytes of one result, counted as the component will hold it.
const MAX_RESULT_BYTES: usize = 32 << 20;

/// What came out of a statement.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub columns: Vec<String>,
    pub rows: Vec<RowResult>,
    /// It may have changed the file.
    pub wrote: bool,
}

/// What a statement's first word says about transactions and counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `BEGIN`, `SAVEPOINT`: opens a transaction if none is open.
    Begin,
    /// `COMMIT`, `END`, `RELEASE`: may make changes durable.
    Commit,
    Rollback,
    /// `INSERT`, `REPLACE`, or `WITH`, which may lead to one: may set the last row id and the number of changes.
    Insert,
    /// `UPDATE`, `DELETE`: sets the number of changes.
    Change,
    Other,
}

impl Kind {
    pub(super) fn of(sql: &str) -> Self {
        let word = first_word(sql);
        let is = |names: &[&str]| names.iter().any(|name| word.eq_ignore_ascii_case(name));
        if is(&["BEGIN", "SAVEPOINT"]) {
            Self::Begin
        } else if is(&["COMMIT", "END", "RELEASE"]) {
            Self::Commit
        } else if is(&["ROLLBACK"]) {
            Self::Rollback
        } else if is(&["INSERT", "REPLACE", "WITH"]) {
            Self::Insert
        } else if is(&["UPDATE", "DELETE"]) {
            Self::Change
        } else {
            Self::Other
        }
    }
}

/// The first word after spaces, comments and empty statements.
fn first_word(sql: &str) -> &str {
    let mut rest = sql;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == ';' || c == '\u{feff}');
        if let Some(comment) = rest.strip_prefix("--") {
            rest = comment.split_once('\n').map_or("", |(_, after)| after);
        } else if let Some(comment) = rest.strip_prefix("/*") {
            rest = comment.split_once("*/").map_or("", |(_, after)| after);
        } else {
            let end = rest
                .find(|c: char| !c.is_ascii_alphabetic())
                .unwrap_or(rest.len());
            return &rest[..end];
        }
    }
}

/// Runs a prepared statement to its end.
pub(super) fn run(statement: &mut CachedStatement<'_>, parameters: &[Value]) -> Result<Outcome, Error> {
    let columns: Vec<String> = statement.column_names().into_iter().map(str::to_owned).collect();
    let wrote = !statement.readonly();
    let width = columns.len();
    let mut found = statement.query(rusqlite::params_from_iter(parameters))?;
    let mut rows = Vec::new();
    let mut bytes = 0;
    while let Some(row) = found.next()? {
        let mut values = Vec::with_capacity(width);
        for index in 0..width {
            let value = value_of(row.get_ref(index)?)?;
            bytes += size_of::<Value>() + heap_bytes(&value);
            values.push(value);
        }
        bytes += size_of::<RowResult>();
        if bytes > MAX_RESULT_BYTES {
            return Err(Error::TooLarge(MAX_RESULT_BYTES));
        }
        rows.push(RowResult { values });
    }
    Ok(Outcome { columns, rows, wrote })
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Integer(integer) => ValueRef::Integer(*integer),
            Self::Real(real) => ValueRef::Real(*real),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Blob(blob) => ValueRef::Blob(blob),
            Self::Null => ValueRef::Null,
        }))
    }
}

fn value_of(value: ValueRef<'_>) -> Result<Value, Error> {
    Ok(match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(integer) => Value::Integer(integer),
        ValueRef::Real(real) => Value::Real(real),
        ValueRef::Text(text) => {
            let text = str::from_utf8(text).map_err(|error| {
                Error::Sqlite(rusqlite::Error::FromSqlConversionFailure(
                    0,
                    rusqlite::types::Type::Text,
                    Box::new(error),
                ))
            })?;
            Value::Text(text.to_owned())
        }
        ValueRef::Blob(blob) => Value::Blob(blob.to_owned()),
    })
}

fn heap_bytes(value: &Value) -> usize {
    match value {
        Value::Text(text) => text.len(),
        Value::Blob(blob) => blob.len(),
        Value::Integer(_) | Value::Real(_) | Value::Null => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_word_tells_what_a_statement_does_to_the_transaction() {
        for (sql, kind) in [
            ("BEGIN IMMEDIATE", Kind::Begin),
            ("  begin;", Kind::Begin),
            ("-- why\n/* and /* how */ Savepoint a", Kind::Begin),
            (";;COMMIT", Kind::Commit),
            ("end transaction", Kind::Commit),
            ("RELEASE a", Kind::Commit),
            ("ROLLBACK TO a", Kind::Rollback),
            ("insert into t values (1)", Kind::Insert),
            ("WITH x AS (SELECT 1) INSERT INTO t SELECT * FROM x", Kind::Insert),
            ("UPDATE t SET a = 1", Kind::Change),
            ("SELECT 'BEGIN'", Kind::Other),
            ("BEGINNING", Kind::Other),
            ("-- BEGIN", Kind::Other),
            ("/* BEGIN", Kind::Other),
            ("", Kind::Other),
        ] {
            assert_eq!(Kind::of(sql), kind, "{sql}");
        }
    }
}
