//! Makes the schemas and brings them to the state that this program was built with. Forward only.

use super::{LOCK_SECONDS, LockError, MySqlServer};
use crate::{Database, Migrated, MigrationError};
use sqlx::{
    AssertSqlSafe, Connection, MySqlConnection,
    migrate::{MigrateError, Migrator},
};

/// Access denied to a user for a schema; for an operation.
const DENIED: [u16; 2] = [1044, 1227];

/// Makes each schema and each table, as far as they are missing, and says so of each schema. Of several workers that start at once one does it while the
/// others wait; what runs already goes on. Safe to repeat.
pub async fn migrate(
    server: &MySqlServer,
    mut done: impl FnMut(&Migrated),
) -> Result<Vec<Migrated>, MigrationError> {
    let failed = |source| MigrationError::Server {
        server: server.to_string(),
        source,
    };
    let mut guard = server.lock("migrate").await.map_err(|error| match error {
        LockError::Sql(source) => failed(source),
        LockError::Taken => MigrationError::Locked {
            server: server.to_string(),
            seconds: LOCK_SECONDS,
        },
    })?;
    let mut all = Vec::new();
    for database in Database::ALL {
        make_schema(server, database, &mut guard).await?;
        let migrated = migrate_one(server, database).await?;
        done(&migrated);
        all.push(migrated);
    }
    guard.close().await.map_err(failed)?;
    Ok(all)
}

/// The schemas that are missing or lack a migration. Changes nothing.
pub async fn outdated(server: &MySqlServer) -> Result<Vec<Database>, sqlx::Error> {
    let mut outdated = Vec::new();
    // That the server is there at all is another matter than what it has.
    server.enter().await?.close().await?;
    for database in Database::ALL {
        let known = migrations(database).iter().count();
        let is_current = match server.open(database).await {
            Ok(mut connection) => applied(&mut connection).await >= known,
            Err(_) => false,
        };
        if !is_current {
            outdated.push(database);
        }
    }
    Ok(outdated)
}

/// Only where it is missing: a user who may not make schemas may well use those that somebody else has made.
async fn make_schema(
    server: &MySqlServer,
    database: Database,
    connection: &mut MySqlConnection,
) -> Result<(), MigrationError> {
    let schema = server.schema(database);
    let exists: i64 =
        sqlx::query_scalar("SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name = ?")
            .bind(&schema)
            .fetch_one(&mut *connection)
            .await
            .map_err(|source| MigrationError::Server {
                server: server.to_string(),
                source,
            })?;
    if exists > 0 {
        return Ok(());
    }
    // The name has letters, digits and `_` only.
    let make = format!("CREATE SCHEMA `{schema}` CHARACTER SET utf8mb4 COLLATE utf8mb4_bin");
    match sqlx::raw_sql(AssertSqlSafe(make)).execute(connection).await {
        Ok(_) => Ok(()),
        Err(source) if number(&source).is_some_and(|number| DENIED.contains(&number)) => {
            Err(MigrationError::MayNot {
                server: server.to_string(),
                schema,
            })
        }
        Err(source) => Err(MigrationError::Server {
            server: server.to_string(),
            source,
        }),
    }
}

fn number(error: &sqlx::Error) -> Option<u16> {
    let error = error.as_database_error()?;
    error
        .try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>()
        .map(sqlx::mysql::MySqlDatabaseError::number)
}

async fn migrate_one(server: &MySqlServer, database: Database) -> Result<Migrated, MigrationError> {
    let path = || format!("{server}/{}", server.schema(database)).into();
    let failed = |source| match source {
        MigrateError::VersionMissing(version) => MigrationError::TooNew {
            path: path(),
            version,
        },
        MigrateError::VersionMismatch(version) => MigrationError::Edited {
            path: path(),
            version,
        },
        MigrateError::Dirty(version) => MigrationError::CutOff {
            schema: server.schema(database),
            version,
        },
        source => MigrationError::Failed { path: path(), source },
    };
    let mut connection = server
        .open(database)
        .await
        .map_err(|source| failed(MigrateError::Execute(source)))?;
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

/// How many migrations the schema has seen; 0 as well when it has no record of any yet.
async fn applied(connection: &mut MySqlConnection) -> usize {
    let count: Result<i64, _> = sqlx::query_scalar("SELECT COUNT(*) FROM _sqlx_migrations WHERE success")
        .fetch_one(connection)
        .await;
    count
        .ok()
        .and_then(|count| usize::try_from(count).ok())
        .unwrap_or(0)
}

fn migrations(database: Database) -> &'static Migrator {
    static ORDERS: Migrator = sqlx::migrate!("../../migrations/mysql/orders");
    static INVENTORY: Migrator = sqlx::migrate!("../../migrations/mysql/inventory");
    static ACCOUNTS: Migrator = sqlx::migrate!("../../migrations/mysql/accounts");
    static PAYMENTS: Migrator = sqlx::migrate!("../../migrations/mysql/payments");
    static SESSIONS: Migrator = sqlx::migrate!("../../migrations/mysql/sessions");
    static CATALOG: Migrator = sqlx::migrate!("../../migrations/mysql/catalog");
    static WORKER: Migrator = sqlx::migrate!("../../migrations/mysql/worker");
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
