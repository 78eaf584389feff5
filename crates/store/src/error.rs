//! What can go wrong with a statement.

use crate::driver::{Failure, Sort};
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

    /// Another transaction was in the way: a deadlock, or it held a row for too long. The whole transaction is undone, and may be done again:
    /// [`Database::transact`](crate::Database::transact) and [`barrier`](crate::barrier) have done so in vain. MySQL only.
    #[error("database `{database}`: another transaction was in the way: {reason} (in: {statement})")]
    Conflict {
        database: String,
        statement: String,
        reason: String,
    },

    /// The connection broke, or there was none. A transaction that was not being committed is undone; whether a commit took effect is unknown.
    #[error("database `{database}`: no connection: {reason} (in: {statement})")]
    Lost {
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

    /// Whether a transaction that met this before its commit has surely done nothing, and may fare better on a new connection.
    pub(crate) fn did_nothing(&self) -> bool {
        matches!(self, StoreError::Conflict { .. } | StoreError::Lost { .. })
    }

    /// Sorts a driver's failure by what the caller can do. SQLite's extended codes do not pass Spin's interface, so its words, stable for a decade,
    /// are what there is.
    pub(crate) fn sorted(database: &str, statement: &str, failure: Failure) -> Self {
        const KINDS: [(&str, Constraint); 4] = [
            ("UNIQUE constraint failed", Constraint::Unique),
            ("CHECK constraint failed", Constraint::Check),
            ("NOT NULL constraint failed", Constraint::NotNull),
            ("FOREIGN KEY constraint failed", Constraint::ForeignKey),
        ];
        let Failure { sort, message } = failure;
        let broken = match sort {
            Sort::Unknown => KINDS
                .into_iter()
                .find(|(words, _)| message.contains(words))
                .map(|(_, kind)| kind),
            Sort::Code(code) => constraint(code),
            Sort::Lost => None,
        };
        let (database, statement) = (database.to_owned(), summary(statement));
        if let Some(kind) = broken {
            return StoreError::Constraint {
                kind,
                what: message,
                statement,
            };
        }
        let reason = message;
        match sort {
            Sort::Code(code) if is_conflict(code) => StoreError::Conflict {
                database,
                statement,
                reason,
            },
            Sort::Code(code) if is_end(code) => StoreError::Lost {
                database,
                statement,
                reason,
            },
            Sort::Lost => StoreError::Lost {
                database,
                statement,
                reason,
            },
            Sort::Unknown | Sort::Code(_) => StoreError::Unavailable {
                database,
                statement,
                reason,
            },
        }
    }
}

/// By MySQL's and MariaDB's error numbers.
fn constraint(code: u16) -> Option<Constraint> {
    Some(match code {
        1062 | 1169 | 1586 => Constraint::Unique,
        3819 | 4025 => Constraint::Check,
        1048 | 1364 => Constraint::NotNull,
        1216 | 1217 | 1451 | 1452 => Constraint::ForeignKey,
        _ => return None,
    })
}

/// Waited too long for a lock; deadlock; changed since the transaction's snapshot (newer MariaDB).
fn is_conflict(code: u16) -> bool {
    matches!(code, 1205 | 1213 | 1020)
}

/// Shutdown, or the connection killed or cut.
fn is_end(code: u16) -> bool {
    matches!(code, 1053 | 1077 | 1152..=1161 | 1184 | 1927)
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
            let error = StoreError::sorted("orders", "INSERT …", message.to_owned().into());
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

    #[test]
    fn mysql_numbers_are_sorted_by_what_the_caller_can_do() {
        let sorted = |code| {
            let message = "words".to_owned();
            StoreError::sorted(
                "orders",
                "…",
                Failure {
                    sort: Sort::Code(code),
                    message,
                },
            )
        };
        for (code, wanted) in [
            (1062, Constraint::Unique),
            (1048, Constraint::NotNull),
            (1452, Constraint::ForeignKey),
            (3819, Constraint::Check),
            (4025, Constraint::Check),
        ] {
            assert!(
                matches!(sorted(code), StoreError::Constraint { kind, .. } if kind == wanted),
                "{code}"
            );
        }
        for code in [1205, 1213, 1020] {
            assert!(matches!(sorted(code), StoreError::Conflict { .. }), "{code}");
        }
        for code in [1053, 1927] {
            assert!(matches!(sorted(code), StoreError::Lost { .. }), "{code}");
        }
        for code in [1064, 1146, 1045] {
            assert!(matches!(sorted(code), StoreError::Unavailable { .. }), "{code}");
        }
    }
}
