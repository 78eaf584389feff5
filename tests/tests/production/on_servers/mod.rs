//! Their names begin with `on_servers::`, by which the test command leaves them out of the run on SQLite.

mod alerts;
mod browser;
mod clocks;
mod outage;
mod workers;

use anyhow::{Context, Result};
use scenarios::{Place, Shop};
use sqlx::Connection;

/// Statements on one owner's schema: a hand that reaches into the data.
async fn meddle(place: &Place, owner: &str, statements: &str) -> Result<()> {
    let mut db = place.mysql().await?.context("this shop is not on MySQL")?;
    let schema = format!("USE `{}`", place.schema(owner));
    for statement in [schema.as_str(), statements] {
        sqlx::raw_sql(sqlx::AssertSqlSafe(statement.to_owned()))
            .execute(&mut db)
            .await
            .with_context(|| statement.to_owned())?;
    }
    Ok(db.close().await?)
}

/// The first column of each row.
async fn read(shop: &Shop, sql: &'static str) -> Result<Vec<String>> {
    Ok(sqlx::query_scalar(sql)
        .fetch_all(&mut shop.books().await?)
        .await?)
}
