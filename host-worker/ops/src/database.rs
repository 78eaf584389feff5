//! The databases by name, and where their files are.

use sqlx::{ConnectOptions, SqliteConnection, sqlite::SqliteConnectOptions};
use std::{
    fmt,
    path::{Path, PathBuf},
    time::Duration,
};

const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// One database for each owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Database {
    Orders,
    Inventory,
    Accounts,
    Payments,
    Sessions,
    Catalog,
    Worker,
}

impl Database {
    pub const ALL: [Database; 7] = [
        Database::Orders,
        Database::Inventory,
        Database::Accounts,
        Database::Payments,
        Database::Sessions,
        Database::Catalog,
        Database::Worker,
    ];

    /// As in `spin.toml`.
    pub const fn name(self) -> &'static str {
        match self {
            Database::Orders => "orders",
            Database::Inventory => "inventory",
            Database::Accounts => "accounts",
            Database::Payments => "payments",
            Database::Sessions => "sessions",
            Database::Catalog => "catalog",
            Database::Worker => "worker",
        }
    }

    /// By which `/health/ready` names it.
    pub fn check_name(self) -> String {
        format!("database {self}")
    }

    /// Its file in a data directory.
    pub fn file(self, data: &Path) -> PathBuf {
        data.join(format!("{}.db", self.name()))
    }

    /// A connection that can change nothing. The file must exist.
    pub async fn open_read_only(self, data: &Path) -> Result<SqliteConnection, sqlx::Error> {
        SqliteConnectOptions::new()
            .filename(self.file(data))
            .read_only(true)
            .busy_timeout(BUSY_TIMEOUT)
            .connect()
            .await
    }

    /// A connection that waits its turn among other writers. The file must exist.
    pub async fn open(self, data: &Path) -> Result<SqliteConnection, sqlx::Error> {
        SqliteConnectOptions::new()
            .filename(self.file(data))
            .busy_timeout(BUSY_TIMEOUT)
            .connect()
            .await
    }
}

impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
