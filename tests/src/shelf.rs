//! Finding products that fit a scenario, from the catalogue as a shopper sees it.

use crate::{Buyer, Shop};
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Product {
    pub id: u32,
    /// Yen.
    pub price: i64,
    pub stock: i64,
}

/// All products.
pub async fn products(buyer: &Buyer<'_>) -> Result<Vec<Product>> {
    let answer = buyer.get("/api/products?size=100").await?;
    ensure!(answer.status == 200, "{answer:?}");
    let items = answer.json["items"].as_array().context("no items")?;
    items.iter().map(product).collect()
}

/// A delivery of a million pieces of everything: more than any load buys.
pub async fn fill(shop: &Shop) -> Result<()> {
    const DELIVERY: &str = "SET initial = initial + 1000000, on_hand = on_hand + 1000000";
    if let Some(mut db) = shop.place().mysql().await? {
        let update = format!("UPDATE `{}`.stock {DELIVERY}", shop.place().schema("inventory"));
        sqlx::query(sqlx::AssertSqlSafe(update)).execute(&mut db).await?;
        return Ok(db.close().await?);
    }
    let file = shop.data().join("inventory.db");
    let mut db = SqliteConnectOptions::new().filename(file).connect().await?;
    sqlx::query(sqlx::AssertSqlSafe(format!("UPDATE stock {DELIVERY}")))
        .execute(&mut db)
        .await?;
    Ok(db.close().await?)
}

fn product(item: &Value) -> Result<Product> {
    let id = item["id"]
        .as_u64()
        .and_then(|id| u32::try_from(id).ok())
        .context("no id")?;
    let (price, stock) = (
        item["price"].as_i64().context("no price")?,
        item["stock"].as_i64().context("no stock")?,
    );
    Ok(Product { id, price, stock })
}

/// Different products with plenty left.
pub async fn plenty(buyer: &Buyer<'_>, count: usize) -> Result<Vec<Product>> {
    let found: Vec<Product> = products(buyer)
        .await?
        .into_iter()
        .filter(|product| product.stock >= 20)
        .take(count)
        .collect();
    ensure!(
        found.len() == count,
        "only {} products have plenty of stock",
        found.len()
    );
    Ok(found)
}

/// A product with exactly this many left.
pub async fn with_stock(buyer: &Buyer<'_>, stock: i64) -> Result<Product> {
    let found = products(buyer)
        .await?
        .into_iter()
        .find(|product| product.stock == stock);
    found.with_context(|| format!("no product has {stock} left"))
}
