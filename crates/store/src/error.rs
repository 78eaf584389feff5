//! What can go wrong with a statement.

use crate::sql::summary;

/// The rule that a statement broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Constraint {
    /// A row with this key exists already.
    Unique,
    Check,
    NotNull,
    ForeignKey,
}

/// A statement, or the connection it needed, failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The component may not use this database, or it does not exist: `sqlite_databases` in `spin.toml`, or the host's configuration.
    #[error("database `{database}` is not available to this component: {reason}")]
    Denied { database: String, reason: String },

    /// The database did not answer, or the statement is not one it understands. Whether a commit took effect is unknown; nothing else did.
    #[error("database `{database}` failed: {reason} (in: {statement})")]
    Unavailable {
        database: String,
        statement: String,
        reason: String,
    },

    /// The statement would have broken a rule of the schema; it changed nothing, and its transaction goes on.
    #[error("{what} (in: {statement})")]
    Constraint {
        kind: Constraint,
        /// The database's own words, which name the table and columns or the check.
        what: String,
        statement: String,
    },

    /// A column is missing or does not hold what the caller expects.
    #[error("column `{column}`: {reason} (in: {statement})")]
    Decode {
        column: String,
        statement: String,
        reason: String,
    },

    /// A statement that must find a row found none.
    #[error("no row (in: {statement})")]
    NoRow { statement: String },

    /// An earlier statement of this transaction failed in a way that may have ended it; nothing more is sent on it, lest it take effect alone.
    #[error("an earlier failure ended the transaction (in: {statement})")]
    TransactionEnded { statement: String },

    /// A value that should be stored as a JSON document is not one. A defect in the caller.
    #[error("cannot be stored as JSON: {reason}")]
    Encode { reason: String },
}

impl StoreError {
    /// Whether the statement met an existing row with its key.
    pub fn is_unique_violation(&self) -> bool {
        matches!(
            self,
            StoreError::Constraint {
                kind: Constraint::Unique,
                ..
            }
        )
    }

    /// Sorts a driver's message. SQLite's extended codes do not pass Spin's interface, so its words, stable for a decade, are what there is.
    pub(crate) fn from_message(database: &str, statement: &str, message: String) -> Self {
        const KINDS: [(&str, Constraint); 4] = [
            ("UNIQUE constraint failed", Constraint::Unique),
            ("CHECK constraint failed", Constraint::Check),
            ("NOT NULL constraint failed", Constraint::NotNull),
            ("FOREIGN KEY constraint failed", Constraint::ForeignKey),
        ];
        let statement = summary(statement);
        match KINDS.into_iter().find(|(words, _)| message.contains(words)) {
            Some((_, kind)) => StoreError::Constraint {
                kind,
                what: message,
                statement,
            },
            None => StoreError::Unavailable {
                database: database.to_owned(),
                statement,
                reason: message,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn sqlite_messages_are_sorted_by_what_the_caller_can_do() {
        let cases = [
            (
                "UNIQUE constraint failed: orders.idempotency_key",
                Some(Constraint::Unique),
            ),
            (
                "I/O error: UNIQUE constraint failed: a.b, a.c",
                Some(Constraint::Unique),
            ),
            ("CHECK constraint failed: reserved >= 0", Some(Constraint::Check)),
            ("NOT NULL constraint failed: t.c", Some(Constraint::NotNull)),
            ("FOREIGN KEY constraint failed", Some(Constraint::ForeignKey)),
            ("database is locked", None),
            ("no such table: unique_constraint", None),
        ];
        for (message, wanted) in cases {
            let error = StoreError::from_message("orders", "INSERT …", message.to_owned());
            let found = match &error {
                StoreError::Constraint { kind, .. } => Some(*kind),
                _ => None,
            };
            assert_eq!(found, wanted, "{message}");
            assert!(
                error.to_string().contains(message),
                "the message is kept: {error}"
            );
        }
    }
}
