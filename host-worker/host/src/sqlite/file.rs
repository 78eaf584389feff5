//! One open handle of a SQLite file, set up so that a component can reach nothing but that file.

use super::{
    Error,
    statement::{self, Outcome},
};
use crate::sqlite::host::Value;
use rusqlite::{
    Connection, OpenFlags,
    config::DbConfig,
    hooks::{AuthAction, AuthContext, Authorization},
};
use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// How long SQLite itself waits for a lock that another process holds.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Statements kept prepared on each handle; more than the project has for any one file.
const PREPARED_STATEMENTS: usize = 128;
/// Instructions of SQLite's machine between two looks at the clock: some 100 µs.
const INSTRUCTIONS_PER_CHECK: i32 = 10_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Reader,
    Writer,
}

/// An open handle.
#[derive(Debug)]
pub(super) struct File {
    connection: Connection,
    /// When the running statement is interrupted.
    deadline: Arc<Mutex<Instant>>,
}

impl File {
    pub(super) fn open(path: &Path, role: Role) -> Result<Self, Error> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            // A handle is used by one thread at a time; Rust sees to it.
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
            | OpenFlags::SQLITE_OPEN_EXRESCODE;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        connection.pragma_update(None, "temp_store", "MEMORY")?;
        if role == Role::Reader {
            connection.pragma_update(None, "query_only", true)?;
        }
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
        connection.set_prepared_statement_cache_capacity(PREPARED_STATEMENTS);
        let deadline = Arc::new(Mutex::new(Instant::now()));
        let watched = Arc::clone(&deadline);
        connection.progress_handler(
            INSTRUCTIONS_PER_CHECK,
            Some(move || Instant::now() > *watched.lock().unwrap_or_else(PoisonError::into_inner)),
        )?;
        connection.authorizer(Some(authorize))?;
        Ok(Self { connection, deadline })
    }

    /// Runs one statement to its end, or to the deadline.
    pub(super) fn run(&self, sql: &str, parameters: &[Value], deadline: Instant) -> Result<Outcome, Error> {
        self.set_deadline(deadline);
        let mut statement = self.connection.prepare_cached(sql)?;
        statement::run(&mut statement, parameters)
    }

    /// Like [`Self::run`], but only a statement that cannot change the file; `None` for any other.
    pub(super) fn read(
        &self,
        sql: &str,
        parameters: &[Value],
        deadline: Instant,
    ) -> Result<Option<Outcome>, Error> {
        self.set_deadline(deadline);
        let mut statement = self.connection.prepare_cached(sql)?;
        if !statement.readonly() {
            return Ok(None);
        }
        statement::run(&mut statement, parameters).map(Some)
    }

    pub(super) fn in_transaction(&self) -> bool {
        !self.connection.is_autocommit()
    }

    pub(super) fn last_insert_rowid(&self) -> i64 {
        self.connection.last_insert_rowid()
    }

    pub(super) fn changes(&self) -> u64 {
        self.connection.changes()
    }

    /// Ends an open transaction without its changes.
    pub(super) fn roll_back(&self) -> Result<(), Error> {
        self.set_deadline(Instant::now() + BUSY_TIMEOUT);
        Ok(self.connection.execute_batch("ROLLBACK")?)
    }

    fn set_deadline(&self, deadline: Instant) {
        *self.deadline.lock().unwrap_or_else(PoisonError::into_inner) = deadline;
    }
}

/// Denies what would reach past the file, outlive the statement on a handle that others use next, or undo the settings above.
fn authorize(context: AuthContext<'_>) -> Authorization {
    let allowed = match context.action {
        AuthAction::Pragma {
            pragma_name,
            pragma_value,
        } => is_harmless_pragma(pragma_name, pragma_value),
        AuthAction::CreateVtable { module_name, .. } => ["fts5", "rtree"]
            .iter()
            .any(|module| module_name.eq_ignore_ascii_case(module)),
        AuthAction::Function { function_name } => !function_name.eq_ignore_ascii_case("load_extension"),
        // `VACUUM INTO` is an attachment, too.
        AuthAction::Attach { .. }
        | AuthAction::Detach { .. }
        | AuthAction::CreateTempIndex { .. }
        | AuthAction::CreateTempTable { .. }
        | AuthAction::CreateTempTrigger { .. }
        | AuthAction::CreateTempView { .. } => false,
        _ => true,
    };
    if allowed {
        Authorization::Allow
    } else {
        Authorization::Deny
    }
}

fn is_harmless_pragma(name: &str, value: Option<&str>) -> bool {
    match name.to_ascii_lowercase().as_str() {
        "table_info" | "table_xinfo" | "table_list" | "index_list" | "index_info" | "index_xinfo"
        | "foreign_key_list" | "foreign_key_check" | "integrity_check" | "quick_check" => true,
        // For one transaction only.
        "defer_foreign_keys" => true,
        "user_version" | "application_id" | "data_version" | "page_count" | "page_size" | "journal_mode"
        | "synchronous" | "foreign_keys" => value.is_none(),
        _ => false,
    }
}
