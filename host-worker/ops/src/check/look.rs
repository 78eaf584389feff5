//! One look over all databases.

use crate::{
    Database, Databases,
    check::{
        mysql,
        report::{Finding, Outcome, Report},
        rules::{RESTING, RULES, Scope},
    },
};
use domain::Instant;
use sqlx::{AssertSqlSafe, Connection, SqliteConnection};
use std::path::{Path, PathBuf};

/// Where `kessai` lets the sandbox keep its books.
const SANDBOX: &str = "sandbox";
/// The databases that rules read.
pub(super) const READ: [Database; 5] = [
    Database::Orders,
    Database::Inventory,
    Database::Accounts,
    Database::Payments,
    Database::Worker,
];

#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    #[error("{} is not there: is this the shop's data directory? (`kessai migrate` makes it)", .0.display())]
    Missing(PathBuf),
    #[error("the databases cannot be read: {0}")]
    Database(#[from] sqlx::Error),
    #[error("the rule “{rule}” cannot be checked: {source}")]
    Rule { rule: &'static str, source: sqlx::Error },
}

/// `data`: the folder of the sandbox's books, which are a file wherever the shop's databases are.
pub(crate) async fn look(databases: &Databases, data: &Path) -> Result<Report, CheckError> {
    let mut connection = match databases {
        Databases::Sqlite(data) => files(data).await?,
        Databases::MySql(server) => mysql::snapshot(server).await?,
    };
    let sandbox = data.join(format!("{SANDBOX}.db"));
    let has_sandbox = sandbox.is_file();
    if has_sandbox {
        attach(&mut connection, SANDBOX, &sandbox).await?;
    }
    sqlx::raw_sql(RESTING).execute(&mut connection).await?;
    // From here on not even a mistake in a rule can change anything.
    sqlx::raw_sql("PRAGMA query_only = ON")
        .execute(&mut connection)
        .await?;

    let mut reading = connection.begin().await?;
    // (Of a MySQL server there is one snapshot, which is taken already.) SQLite takes each file's snapshot at its first reading in the transaction. The orders come first: what the others promised by then, they
    // have done.
    for name in READ
        .iter()
        .map(|database| database.name())
        .chain(has_sandbox.then_some(SANDBOX))
    {
        let touch = format!("SELECT count(*) FROM {name}.sqlite_schema");
        let _: i64 = sqlx::query_scalar(AssertSqlSafe(touch))
            .fetch_one(&mut *reading)
            .await?;
    }
    let now = Instant::now().millis();
    let mut report = Report {
        outcomes: Vec::new(),
        skipped: Vec::new(),
    };
    for rule in RULES {
        if rule.scope == Scope::Sandbox && !has_sandbox {
            report.skipped.push(rule.name);
            continue;
        }
        let rows: Vec<(String, String)> = sqlx::query_as(rule.broken_by)
            .bind(now)
            .fetch_all(&mut *reading)
            .await
            .map_err(|source| CheckError::Rule {
                rule: rule.name,
                source,
            })?;
        let findings = rows
            .into_iter()
            .map(|(subject, detail)| Finding { subject, detail })
            .collect();
        report.outcomes.push(Outcome {
            rule: rule.name,
            findings,
        });
    }
    reading.rollback().await?;
    connection.close().await?;
    Ok(report)
}

/// A connection that has them all.
async fn files(data: &Path) -> Result<SqliteConnection, CheckError> {
    if let Some(missing) = READ
        .iter()
        .map(|database| database.file(data))
        .find(|file| !file.is_file())
    {
        return Err(CheckError::Missing(missing));
    }
    // What is attached is opened as the connection is: read-only.
    let mut connection = Database::Orders.open_read_only(data).await?;
    for database in READ {
        attach(&mut connection, database.name(), &database.file(data)).await?;
    }
    Ok(connection)
}

async fn attach(
    connection: &mut SqliteConnection,
    name: &'static str,
    path: &Path,
) -> Result<(), CheckError> {
    let attach = format!("ATTACH DATABASE ?1 AS {name}");
    sqlx::query(AssertSqlSafe(attach))
        .bind(path.to_string_lossy().into_owned())
        .execute(connection)
        .await?;
    Ok(())
}
