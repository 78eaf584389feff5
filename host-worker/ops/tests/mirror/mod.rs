//! The same shop on a MySQL server: every row of its files.

use super::mariadb::MariaDb;
use kessai_ops::{
    Database, Databases,
    mysql::{MySqlServer, MySqlSettings},
};
use sqlx::{AssertSqlSafe, MySql, MySqlConnection, QueryBuilder, Row, SqliteConnection};
use std::path::Path;

const OWNERS: [Database; 5] = [
    Database::Orders,
    Database::Inventory,
    Database::Accounts,
    Database::Payments,
    Database::Worker,
];

pub struct Mirror {
    _server: MariaDb,
    login: MySqlServer,
}

impl Mirror {
    pub async fn start() -> Mirror {
        let server = MariaDb::start().await;
        let login = MySqlServer::new(MySqlSettings {
            address: &format!("127.0.0.1:{}", server.port),
            user: "root",
            password: "",
            schema_prefix: "mirror_",
            parameters: "",
        })
        .unwrap();
        let mirror = Mirror {
            _server: server,
            login,
        };
        mirror.databases().migrate(|_| ()).await.unwrap();
        mirror
    }

    pub fn databases(&self) -> Databases {
        Databases::MySql(self.login.clone())
    }

    /// Makes every table what it is in the files.
    pub async fn take(&self, data: &Path) {
        for owner in OWNERS {
            let mut from = owner.open_read_only(data).await.unwrap();
            let mut to = self.login.open(owner).await.unwrap();
            // Broken shops too.
            sqlx::raw_sql("SET foreign_key_checks = 0, check_constraint_checks = 0")
                .execute(&mut to)
                .await
                .unwrap();
            let tables: Vec<String> = sqlx::query_scalar(
                "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name <> '_sqlx_migrations'",
            )
            .fetch_all(&mut to)
            .await
            .unwrap();
            for table in tables {
                copy(&table, &mut from, &mut to).await;
            }
        }
    }
}

async fn copy(table: &str, from: &mut SqliteConnection, to: &mut MySqlConnection) {
    sqlx::raw_sql(AssertSqlSafe(format!("DELETE FROM `{table}`")))
        .execute(&mut *to)
        .await
        .unwrap();
    let theirs: Vec<String> = sqlx::query_scalar(
        "SELECT column_name FROM information_schema.columns
         WHERE table_schema = DATABASE() AND table_name = ? AND extra NOT LIKE '%GENERATED%'",
    )
    .bind(table)
    .fetch_all(&mut *to)
    .await
    .unwrap();
    let ours: Vec<String> = sqlx::query_scalar("SELECT name FROM pragma_table_info(?)")
        .bind(table)
        .fetch_all(&mut *from)
        .await
        .unwrap();
    let columns: Vec<&String> = ours.iter().filter(|column| theirs.contains(column)).collect();
    if columns.is_empty() {
        // What only MySQL needs: an index of its own.
        return;
    }
    let list = |each: &dyn Fn(&str) -> String| {
        columns
            .iter()
            .map(|column| each(column))
            .collect::<Vec<_>>()
            .join(", ")
    };
    let select = list(&|column| format!("CAST(`{column}` AS TEXT)"));
    let rows = sqlx::query(AssertSqlSafe(format!("SELECT {select} FROM `{table}`")))
        .fetch_all(from)
        .await
        .unwrap();
    if rows.is_empty() {
        return;
    }
    let names = list(&|column| format!("`{column}`"));
    let mut insert = QueryBuilder::<MySql>::new(format!("INSERT INTO `{table}` ({names}) "));
    insert.push_values(rows, |mut values, row| {
        for index in 0..columns.len() {
            values.push_bind(row.get::<Option<String>, _>(index));
        }
    });
    insert.build().execute(to).await.unwrap();
}
