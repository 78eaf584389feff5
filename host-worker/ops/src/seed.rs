//! Sample products for a shop that has none.

use crate::Database;
use sample_data::{seed_catalog, seed_inventory};
use std::path::Path;

pub use sample_data::{SeedError, Seeded};

/// Fills an empty catalogue with the sample products and their stock. A catalogue with any product is left as it is, and so is
/// its stock. The databases must be migrated.
pub async fn seed(data: &Path) -> Result<Seeded, SeedError> {
    let mut catalog = Database::Catalog.open(data).await?;
    let has_products: bool = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM products)")
        .fetch_one(&mut catalog)
        .await?;
    if has_products {
        return Ok(Seeded::WasThere);
    }
    // The catalogue last: while it is empty, a start that was cut short is made good by the next one.
    let mut inventory = Database::Inventory.open(data).await?;
    seed_inventory(&mut inventory).await?;
    seed_catalog(&mut catalog).await
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    async fn count(database: Database, data: &Path, table: &'static str) -> i64 {
        let mut connection = database.open_read_only(data).await.unwrap();
        sqlx::query_scalar(sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {table}")))
            .fetch_one(&mut connection)
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn an_empty_shop_is_filled_once_and_passes_the_check() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path();
        crate::migrate(data).await.unwrap();
        let Seeded::Filled { products } = seed(data).await.unwrap() else {
            panic!("nothing was filled")
        };
        assert!(products >= 60);
        assert_eq!(
            count(Database::Catalog, data, "products").await,
            i64::try_from(products).unwrap()
        );
        assert_eq!(
            count(Database::Inventory, data, "stock").await,
            i64::try_from(products).unwrap()
        );
        assert_eq!(seed(data).await.unwrap(), Seeded::WasThere);
        assert!(
            crate::check(&crate::Databases::Sqlite(data.to_owned()), data)
                .await
                .unwrap()
                .is_clean()
        );
    }

    #[tokio::test]
    async fn a_shop_with_goods_of_its_own_gets_no_sample_stock() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path();
        crate::migrate(data).await.unwrap();
        seed(data).await.unwrap();
        let mut inventory = Database::Inventory.open(data).await.unwrap();
        sqlx::query("DELETE FROM stock")
            .execute(&mut inventory)
            .await
            .unwrap();
        assert_eq!(seed(data).await.unwrap(), Seeded::WasThere);
        assert_eq!(count(Database::Inventory, data, "stock").await, 0);
    }
}
