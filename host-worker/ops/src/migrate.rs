//! Brings the databases to the schema that this program was built with. Forward only.

use crate::Database;
use sqlx::{
    ConnectOptions, Connection,
    migrate::{MigrateError, Migrator},
    sqlite::{SqliteConnectOptions, SqliteJournalMode},
};
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

#[derive(Debug, thiserror::Error)]
pub enum MigrationError {
    #[error("the data directory {} cannot be made: {source}", path.display())]
    Directory { path: PathBuf, source: std::io::Error },
    #[error("{} cannot be opened: {source}", path.display())]
    Open { path: PathBuf, source: sqlx::Error },
    #[error(
        "{} was written by a newer Kessai (it has migration {version}, which this program does not know): use that one, \
         or another data directory",
        path.display()
    )]
    TooNew { path: PathBuf, version: i64 },
    #[error(
        "{}: migration {version} was edited after it had been applied. Migrations only move forward: restore the file and add a \
         new one; for development data, start with another data directory",
        path.display()
    )]
    Edited { path: PathBuf, version: i64 },
    #[error("{}: {source}", path.display())]
    Failed { path: PathBuf, source: MigrateError },
    #[error("the MySQL server {server} cannot be used: {source}")]
    Server { server: String, source: sqlx::Error },
    #[error(
        "another Kessai has been migrating the databases on {server} for {seconds} s: see what it waits for, and start again"
    )]
    Locked { server: String, seconds: i64 },
    #[error(
        "the user may not make the schema {schema} on {server}: make it (CREATE SCHEMA {schema} CHARACTER SET utf8mb4 COLLATE \
         utf8mb4_bin) and grant the user all privileges on it, for each of the shop's schemas"
    )]
    MayNot { server: String, schema: String },
    #[error(
        "{schema}: migration {version} was cut off half-way, and MySQL does not take back changes of tables: see which of its statements \
         took effect, run the others, and set `success` to 1 in {schema}._sqlx_migrations. A schema without any data yet may simply be dropped"
    )]
    CutOff { schema: String, version: i64 },
}

/// What a migration did to one database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Migrated {
    pub database: Database,
    /// Migrations applied now; 0 if it was up to date.
    pub applied: usize,
}

/// Makes the data directory, each file in it and each table, as far as they are missing. Safe to repeat; other processes may be using
/// the files.
pub async fn migrate(data: &Path) -> Result<Vec<Migrated>, MigrationError> {
    std::fs::create_dir_all(data).map_err(|source| MigrationError::Directory {
        path: data.to_owned(),
        source,
    })?;
    futures::future::try_join_all(Database::ALL.map(|database| migrate_one(database, data))).await
}

/// The databases of a data directory that are missing or lack a migration. Changes nothing.
pub async fn outdated(data: &Path) -> Vec<Database> {
    let mut outdated = Vec::new();
    for database in Database::ALL {
        let known = migrations(database).iter().count();
        let is_current = match database.open_read_only(data).await {
            Ok(mut connection) => applied(&mut connection).await >= known,
            Err(_) => false,
        };
        if !is_current {
            outdated.push(database);
        }
    }
    outdated
}

async fn migrate_one(database: Database, data: &Path) -> Result<Migrated, MigrationError> {
    let path = database.file(data);
    let mut connection = SqliteConnectOptions::new()
        .filename(&path)
        .create_if_missing(true)
        // A property of the file: it stays for everybody who opens it.
        .journal_mode(SqliteJournalMode::Wal)
        .busy_timeout(Duration::from_secs(10))
        .connect()
        .await
        .map_err(|source| MigrationError::Open {
            path: path.clone(),
            source,
        })?;
    let failed = |source| match source {
        MigrateError::VersionMissing(version) => MigrationError::TooNew {
            path: path.clone(),
            version,
        },
        MigrateError::VersionMismatch(version) => MigrationError::Edited {
            path: path.clone(),
            version,
        },
        source => MigrationError::Failed {
            path: path.clone(),
            source,
        },
    };
    let before = applied(&mut connection).await;
    migrations(database)
        .run_direct(None, &mut connection, false)
        .await
        .map_err(failed)?;
    let after = applied(&mut connection).await;
    let closed = connection.close().await;
    closed.map_err(|source| failed(MigrateError::Execute(source)))?;
    Ok(Migrated {
        database,
        applied: after - before,
    })
}

/// How many migrations the file has seen; 0 as well when it has no record of any yet.
async fn applied(connection: &mut sqlx::SqliteConnection) -> usize {
    let count: Result<i64, _> = sqlx::query_scalar("SELECT count(*) FROM _sqlx_migrations")
        .fetch_one(connection)
        .await;
    count
        .ok()
        .and_then(|count| usize::try_from(count).ok())
        .unwrap_or(0)
}

fn migrations(database: Database) -> &'static Migrator {
    static ORDERS: Migrator = sqlx::migrate!("../../migrations/sqlite/orders");
    static INVENTORY: Migrator = sqlx::migrate!("../../migrations/sqlite/inventory");
    static ACCOUNTS: Migrator = sqlx::migrate!("../../migrations/sqlite/accounts");
    static PAYMENTS: Migrator = sqlx::migrate!("../../migrations/sqlite/payments");
    static SESSIONS: Migrator = sqlx::migrate!("../../migrations/sqlite/sessions");
    static CATALOG: Migrator = sqlx::migrate!("../../migrations/sqlite/catalog");
    static WORKER: Migrator = sqlx::migrate!("../../migrations/sqlite/worker");
    match database {
        Database::Orders => &ORDERS,
        Database::Inventory => &INVENTORY,
        Database::Accounts => &ACCOUNTS,
        Database::Payments => &PAYMENTS,
        Database::Sessions => &SESSIONS,
        Database::Catalog => &CATALOG,
        Database::Worker => &WORKER,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[tokio::test]
    async fn migrating_twice_applies_nothing_twice_and_leaves_wal_files() {
        let data = tempfile::tempdir().unwrap();
        let path = data.path().join("deep/er");
        let first = migrate(&path).await.unwrap();
        assert!(
            first
                .iter()
                .any(|migrated| migrated.database == Database::Orders && migrated.applied > 0)
        );
        let second = migrate(&path).await.unwrap();
        assert!(second.iter().all(|migrated| migrated.applied == 0), "{second:?}");
        for database in Database::ALL {
            let mut connection = database.open_read_only(&path).await.unwrap();
            let mode: String = sqlx::query_scalar("PRAGMA journal_mode")
                .fetch_one(&mut connection)
                .await
                .unwrap();
            assert_eq!(mode, "wal", "{database}");
        }
    }

    #[tokio::test]
    async fn a_directory_is_outdated_until_every_migration_is_applied() {
        let data = tempfile::tempdir().unwrap();
        assert_eq!(outdated(data.path()).await, Database::ALL);
        assert!(!Database::Orders.file(data.path()).exists());
        migrate(data.path()).await.unwrap();
        assert_eq!(outdated(data.path()).await, []);
        let mut orders = Database::Orders.open(data.path()).await.unwrap();
        sqlx::query("DELETE FROM _sqlx_migrations WHERE version = 2")
            .execute(&mut orders)
            .await
            .unwrap();
        assert_eq!(outdated(data.path()).await, [Database::Orders]);
    }

    #[tokio::test]
    async fn a_file_from_the_future_and_an_edited_migration_are_told_apart() {
        let data = tempfile::tempdir().unwrap();
        migrate(data.path()).await.unwrap();
        let mut worker = Database::Worker.open(data.path()).await.unwrap();
        sqlx::query("UPDATE _sqlx_migrations SET checksum = x'00' WHERE version = 1")
            .execute(&mut worker)
            .await
            .unwrap();
        assert!(matches!(
            migrate(data.path()).await,
            Err(MigrationError::Edited { version: 1, .. })
        ));
        sqlx::query("UPDATE _sqlx_migrations SET version = 9999 WHERE version = 1")
            .execute(&mut worker)
            .await
            .unwrap();
        assert!(matches!(
            migrate(data.path()).await,
            Err(MigrationError::TooNew { version: 9999, .. })
        ));
    }

    #[tokio::test]
    async fn what_is_not_a_database_is_refused_by_its_path() {
        let data = tempfile::tempdir().unwrap();
        std::fs::write(
            Database::Orders.file(data.path()),
            "no database at all, but long enough to have a header".repeat(10),
        )
        .unwrap();
        let error = migrate(data.path()).await.unwrap_err().to_string();
        assert!(error.contains("orders.db"), "{error}");
    }
}
