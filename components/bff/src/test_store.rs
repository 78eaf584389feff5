//! A session store for tests: a database with the real migration.

use store::Database;
use store::testing::{Migrations, TestDatabase};

const MIGRATIONS: Migrations = Migrations {
    sqlite: &[include_str!("../../../migrations/sqlite/sessions/0001_init.sql")],
    mysql: &[include_str!("../../../migrations/mysql/sessions/0001_init.sql")],
};

/// The store, and what keeps it.
pub fn sessions_store() -> (Database, TestDatabase) {
    let database = TestDatabase::new(MIGRATIONS);
    (database.open(), database)
}
