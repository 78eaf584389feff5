//! A session store for tests: a SQLite file with the real migration.
#![allow(clippy::unwrap_used)]

use futures::executor::block_on;
use store::Database;

/// The store, and what keeps its file alive.
pub fn sessions_store() -> (Database, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let db = Database::open_file(&folder.path().join("sessions.db")).unwrap();
    let migration = include_str!("../../../migrations/sqlite/sessions/0001_init.sql");
    // The interface takes one statement at a time.
    for statement in without_comments(migration)
        .split(';')
        .map(str::trim)
        .filter(|statement| !statement.is_empty())
    {
        block_on(db.execute(statement, vec![])).unwrap();
    }
    (db, folder)
}

fn without_comments(sql: &str) -> String {
    sql.lines()
        .map(|line| line.split("--").next().unwrap_or_default())
        .collect::<Vec<_>>()
        .join("\n")
}
