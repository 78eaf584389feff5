//! Sample products for a shop that has none.

use super::{LockError, MySqlServer};
use crate::Database;
use sample_data::{
    SeedError, Seeded,
    mysql::{seed_catalog, seed_inventory},
};
use sqlx::Connection;

/// Fills an empty catalogue with the sample products and their stock. A catalogue with any product is left as it is, and so is
/// its stock. The schemas must be migrated. Of several workers that start at once one does it.
pub async fn seed(server: &MySqlServer) -> Result<Seeded, SeedError> {
    let guard = server.lock("seed").await.map_err(|error| match error {
        LockError::Sql(source) => source,
        LockError::Taken => sqlx::Error::Protocol("another Kessai is filling the catalogue".to_owned()),
    })?;
    let mut catalog = server.open(Database::Catalog).await?;
    let products: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM products")
        .fetch_one(&mut catalog)
        .await?;
    if products > 0 {
        return Ok(Seeded::WasThere);
    }
    // The catalogue last: while it is empty, a start that was cut short is made good by the next one.
    let mut inventory = server.open(Database::Inventory).await?;
    seed_inventory(&mut inventory).await?;
    let seeded = seed_catalog(&mut catalog).await?;
    guard.close().await?;
    Ok(seeded)
}
