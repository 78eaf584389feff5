//! `spin:sqlite` for components: for each file one writer, given out fairly, and pooled readers.
//!
//! A guest's *connection* is only a name until it runs a statement. Outside a transaction a statement that reads (SQLite itself says so:
//! `sqlite3_stmt_readonly`) runs on a pooled reader, and one that writes takes the file's writer for itself. `BEGIN` or
//! `SAVEPOINT` takes the writer until the transaction ends, the connection or its instance is dropped, or the request's time is
//! up; the last three roll back. The queue for the writer is first come, first served and waits without polling, so that
//! latency under load is the sum of the transactions ahead and nothing else; SQLite's own busy handler, which sleeps, only ever
//! meets other processes.
//!
//! **Where statements run.** A statement on a warm page cache takes microseconds, less than handing it to another thread, so
//! it runs where its caller is polled. What ends in an fsync (`COMMIT`, and a write outside a transaction) takes hundreds: it runs on the blocking
//! pool, so that the cores work for other requests meanwhile. A statement that turns out slow is interrupted at the
//! request's deadline.

mod connection;
mod database;
mod file;
pub(crate) mod host;
mod statement;

pub(crate) use connection::Claims;
pub(crate) use database::Database;

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

/// The SQLite files of the application.
#[derive(Debug)]
pub(crate) struct Databases {
    folder: PathBuf,
    open: Mutex<HashMap<String, Arc<Database>>>,
}

impl Databases {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            open: Mutex::default(),
        }
    }

    /// The database of this name. Its file is opened, and created if it is missing, by the first statement.
    pub(crate) fn get(&self, name: &str) -> Arc<Database> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(database) = open.get(name) {
            return Arc::clone(database);
        }
        let database = Arc::new(Database::new(name, self.folder.join(format!("{name}.db"))));
        open.insert(name.to_owned(), Arc::clone(&database));
        database
    }

    /// Rolls back every transaction that outlived its request.
    pub(crate) fn expire(&self, now: Instant) {
        let open: Vec<_> = self
            .open
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .values()
            .cloned()
            .collect();
        for database in open {
            database.expire(now);
        }
    }
}

/// Why a statement failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    #[error("the result is larger than {0} bytes; select fewer rows")]
    TooLarge(usize),
    #[error("the writer of `{0}` was not free before the request's time was up")]
    WriterTimedOut(String),
    #[error(
        "`execute` would wait for the writer of `{0}`, which another connection of this instance holds or awaits, and nothing else \
         of the instance could run to release it; use `execute-async` or one connection"
    )]
    WouldDeadlock(String),
    #[error("another statement of this connection is still running; use `execute-async` to wait for it")]
    Busy,
    #[error("the transaction outlived its request and was rolled back")]
    Expired,
    #[error("the statement panicked in the host")]
    Panicked,
}
