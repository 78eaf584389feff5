//! A shop's databases, read row by row, wherever they are.
//!
//! Queries are SQLite's and may join across owners (`orders.outbox`, `payments.refunds`); the first owner that has a table also has it without its name.
//! Of a shop on MySQL one gets a copy, of one moment, so ask for the books anew before each look.

use crate::Shop;
use anyhow::{Context, Result, bail};
use sqlx::mysql::MySqlRow;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, MySqlConnection, Row, SqliteConnection};
use std::path::Path;

/// The owners whose books are read. The catalogue and sessions are none.
const OWNERS: [&str; 5] = ["orders", "inventory", "accounts", "payments", "worker"];
/// PayPay's books are a file wherever the shop's are.
const SANDBOX: &str = "sandbox";

impl Shop {
    /// The shop's books, and the sandbox's if it keeps any.
    pub async fn books(&self) -> Result<SqliteConnection> {
        let mysql = self.place().mysql().await?;
        let sandbox = self.data().join(format!("{SANDBOX}.db"));
        let mut books = match mysql {
            None => files(self.data()).await?,
            Some(mut mysql) => {
                let books = copy(&mut mysql, |owner| self.place().schema(owner)).await?;
                mysql.close().await?;
                books
            }
        };
        if sandbox.exists() {
            attach(
                &mut books,
                SANDBOX,
                &format!("file:{}?mode=ro", sandbox.display()),
            )
            .await?;
        }
        Ok(books)
    }

    /// Copies the books, as files, into a folder: evidence that outlives the shop.
    pub async fn keep_books(&self, folder: &Path) -> Result<()> {
        let mut books = self.books().await?;
        for owner in OWNERS.into_iter().chain([SANDBOX]) {
            let file = folder.join(format!("{owner}.db"));
            if file.exists() {
                std::fs::remove_file(&file)?;
            }
            let copy = format!("VACUUM {owner} INTO ?1");
            sqlx::query(sqlx::AssertSqlSafe(copy))
                .bind(file.to_string_lossy().into_owned())
                .execute(&mut books)
                .await
                .with_context(|| file.display().to_string())?;
        }
        Ok(())
    }
}

async fn files(data: &Path) -> Result<SqliteConnection> {
    let mut books = SqliteConnectOptions::new().connect().await?;
    for owner in OWNERS {
        let file = data.join(format!("{owner}.db"));
        attach(&mut books, owner, &format!("file:{}?mode=ro", file.display())).await?;
    }
    Ok(books)
}

async fn attach(books: &mut SqliteConnection, name: &str, file: &str) -> Result<()> {
    sqlx::query(sqlx::AssertSqlSafe(format!("ATTACH DATABASE ?1 AS {name}")))
        .bind(file.to_owned())
        .execute(books)
        .await
        .with_context(|| file.to_owned())?;
    Ok(())
}

/// How a column is kept in the copy.
#[derive(Debug, Clone, Copy)]
enum Kept {
    Integer,
    Text,
    Bytes,
}

async fn copy(mysql: &mut MySqlConnection, schema: impl Fn(&str) -> String) -> Result<SqliteConnection> {
    let mut books = SqliteConnectOptions::new().connect().await?;
    sqlx::raw_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
        .execute(&mut *mysql)
        .await?;
    for owner in OWNERS {
        attach(&mut books, owner, ":memory:").await?;
    }
    sqlx::raw_sql("BEGIN").execute(&mut books).await?;
    for owner in OWNERS {
        let schema = schema(owner);
        for (table, columns) in tables(mysql, &schema).await? {
            copy_table(mysql, &schema, &mut books, owner, &table, &columns)
                .await
                .with_context(|| format!("{schema}.{table}"))?;
        }
    }
    sqlx::raw_sql("COMMIT").execute(&mut books).await?;
    Ok(books)
}

type Columns = Vec<(String, Kept)>;

async fn tables(mysql: &mut MySqlConnection, schema: &str) -> Result<Vec<(String, Columns)>> {
    // Cast, or MariaDB says that the names are bytes.
    let sql = "SELECT CAST(table_name AS CHAR), CAST(column_name AS CHAR), CAST(data_type AS CHAR) FROM information_schema.columns
               WHERE table_schema = ? AND table_name <> '_sqlx_migrations' ORDER BY table_name, ordinal_position";
    let rows: Vec<(String, String, String)> = sqlx::query_as(sql).bind(schema).fetch_all(mysql).await?;
    let mut tables: Vec<(String, Columns)> = Vec::new();
    for (table, column, kind) in rows {
        let kept = match kind.as_str() {
            "bigint" | "int" | "smallint" | "tinyint" => Kept::Integer,
            "varchar" | "char" | "text" | "mediumtext" | "longtext" => Kept::Text,
            "blob" | "mediumblob" | "longblob" | "binary" | "varbinary" => Kept::Bytes,
            other => bail!("{table}.{column}: the copy of the books knows no {other}"),
        };
        match tables.last_mut().filter(|(last, _)| *last == table) {
            Some((_, columns)) => columns.push((column, kept)),
            None => tables.push((table, vec![(column, kept)])),
        }
    }
    Ok(tables)
}

async fn copy_table(
    mysql: &mut MySqlConnection,
    schema: &str,
    books: &mut SqliteConnection,
    owner: &str,
    table: &str,
    columns: &Columns,
) -> Result<()> {
    let list =
        |each: &dyn Fn(&(String, Kept)) -> String| columns.iter().map(each).collect::<Vec<_>>().join(", ");
    let make = list(&|(column, kept)| {
        let kind = match kept {
            Kept::Integer => "INTEGER",
            Kept::Text => "TEXT",
            Kept::Bytes => "BLOB",
        };
        format!("`{column}` {kind}")
    });
    let make = format!("CREATE TABLE {owner}.`{table}` ({make})");
    sqlx::query(sqlx::AssertSqlSafe(make))
        .execute(&mut *books)
        .await?;

    let names = list(&|(column, _)| format!("`{column}`"));
    let select = format!("SELECT {names} FROM `{schema}`.`{table}`");
    let insert = format!(
        "INSERT INTO {owner}.`{table}` VALUES ({})",
        list(&|_| "?".to_owned())
    );
    let rows: Vec<MySqlRow> = sqlx::query(sqlx::AssertSqlSafe(select)).fetch_all(mysql).await?;
    for row in rows {
        let mut insert = sqlx::query(sqlx::AssertSqlSafe(insert.as_str()));
        for (at, (_, kept)) in columns.iter().enumerate() {
            insert = match kept {
                Kept::Integer => insert.bind(row.try_get::<Option<i64>, _>(at)?),
                Kept::Text => insert.bind(row.try_get::<Option<String>, _>(at)?),
                Kept::Bytes => insert.bind(row.try_get::<Option<Vec<u8>>, _>(at)?),
            };
        }
        insert.execute(&mut *books).await?;
    }
    Ok(())
}
