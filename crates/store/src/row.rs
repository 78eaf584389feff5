//! Reading rows by column name.

use std::sync::Arc;

use serde::de::DeserializeOwned;

use crate::StoreError;
use crate::sql::summary;
use crate::value::{FromValue, Value};

/// What all rows of one answer share.
#[derive(Debug)]
struct Shape {
    columns: Vec<String>,
    statement: String,
}

/// One row of an answer. Its errors name the column and the statement.
#[derive(Debug, Clone)]
pub struct Row {
    shape: Arc<Shape>,
    values: Vec<Value>,
}

impl Row {
    pub(crate) fn rows(statement: &str, columns: Vec<String>, rows: Vec<Vec<Value>>) -> Vec<Row> {
        if rows.is_empty() {
            return Vec::new();
        }
        let shape = Arc::new(Shape {
            columns,
            statement: statement.to_owned(),
        });
        rows.into_iter()
            .map(|values| Row {
                shape: Arc::clone(&shape),
                values,
            })
            .collect()
    }

    /// The column as `T`: an integer type (checked for range), `bool`, `f64`, `String`, `Vec<u8>`, or an `Option` of one for a column that may
    /// be null.
    pub fn get<T: FromValue>(&self, column: &str) -> Result<T, StoreError> {
        T::from_value(self.value(column)?).map_err(|reason| self.broken(column, reason))
    }

    /// A text column that is never null.
    pub fn text(&self, column: &str) -> Result<String, StoreError> {
        self.get(column)
    }

    /// A text column that may be null.
    pub fn opt_text(&self, column: &str) -> Result<Option<String>, StoreError> {
        self.get(column)
    }

    /// A text column that holds a JSON document.
    pub fn json<T: DeserializeOwned>(&self, column: &str) -> Result<T, StoreError> {
        match self.value(column)? {
            Value::Text(text) => serde_json::from_str(text).map_err(|e| self.broken(column, e.to_string())),
            other => Err(self.broken(
                column,
                format!("expected a JSON document, found {}", other.kind()),
            )),
        }
    }

    /// A text column that holds a JSON document or null.
    pub fn opt_json<T: DeserializeOwned>(&self, column: &str) -> Result<Option<T>, StoreError> {
        match self.value(column)? {
            Value::Null => Ok(None),
            _ => self.json(column).map(Some),
        }
    }

    /// An error about a column whose value is of the right SQL type but means nothing to the caller, an unknown status for example.
    pub fn broken(&self, column: &str, reason: impl Into<String>) -> StoreError {
        StoreError::Decode {
            column: column.to_owned(),
            statement: summary(&self.shape.statement),
            reason: reason.into(),
        }
    }

    fn value(&self, column: &str) -> Result<&Value, StoreError> {
        // Linear: rows are narrow, and building an index would cost more than it saves.
        self.shape
            .columns
            .iter()
            .position(|name| name == column)
            .and_then(|index| self.values.get(index))
            .ok_or_else(|| {
                self.broken(
                    column,
                    format!("not among the columns [{}]", self.shape.columns.join(", ")),
                )
            })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn row() -> Row {
        let columns = ["id", "quantity", "note", "lines", "open"]
            .map(str::to_owned)
            .to_vec();
        let values = vec![
            Value::Text("o-1".into()),
            Value::Integer(-3),
            Value::Null,
            Value::Text("[1,2]".into()),
            Value::Integer(1),
        ];
        Row::rows("SELECT id,\n quantity FROM orders", columns, vec![values]).remove(0)
    }

    #[test]
    fn columns_are_read_as_the_type_asked_for() {
        let row = row();
        assert_eq!(row.text("id").unwrap(), "o-1");
        assert_eq!(row.get::<i64>("quantity").unwrap(), -3);
        assert_eq!(row.opt_text("note").unwrap(), None);
        assert_eq!(row.get::<Option<i64>>("quantity").unwrap(), Some(-3));
        assert_eq!(row.json::<Vec<u8>>("lines").unwrap(), vec![1, 2]);
        assert_eq!(row.opt_json::<Vec<u8>>("note").unwrap(), None);
        assert!(row.get::<bool>("open").unwrap());
    }

    #[test]
    fn errors_name_column_statement_and_reason() {
        let row = row();
        for (error, reason) in [
            (
                row.get::<u32>("quantity").unwrap_err(),
                "-3 is out of range for u32",
            ),
            (
                row.get::<i64>("id").unwrap_err(),
                "expected an integer, found text",
            ),
            (row.text("note").unwrap_err(), "expected text, found null"),
            (row.json::<Vec<String>>("lines").unwrap_err(), "invalid type"),
            (
                row.text("absent").unwrap_err(),
                "not among the columns [id, quantity, note, lines, open]",
            ),
        ] {
            let words = error.to_string();
            assert!(words.contains(reason), "{words}");
            assert!(words.contains("SELECT id, quantity FROM orders"), "{words}");
            assert!(matches!(error, StoreError::Decode { .. }));
        }
    }
}
