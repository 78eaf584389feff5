//! Putting the sample goods into databases, each in one transaction of its own.

use sqlx::{Connection as _, SqliteConnection};

use crate::goods::{Category, DataError, Goods, Product};

#[derive(Debug, thiserror::Error)]
pub enum SeedError {
    #[error("the sample products are not valid: {0}")]
    Goods(#[from] DataError),
    #[error("the sample products cannot be stored: {0}")]
    Database(#[from] sqlx::Error),
}

/// What seeding did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seeded {
    /// So many products, or stocks of products, were written.
    Filled { products: u64 },
    /// There was something already; nothing was changed.
    WasThere,
}

/// Fills an empty catalogue with the sample categories and products. One that has any product is left as it is.
///
/// # Errors
/// If the database cannot be written, or has not been migrated; it then holds what it held before.
pub async fn seed_catalog(catalog: &mut SqliteConnection) -> Result<Seeded, SeedError> {
    let goods = Goods::sample()?;
    // With the writer from the start: of two programs that seed at once, the second finds the first one's products.
    let mut tx = catalog.begin_with("BEGIN IMMEDIATE").await?;
    let has_products: bool = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM products)")
        .fetch_one(&mut *tx)
        .await?;
    if has_products {
        tx.rollback().await?;
        return Ok(Seeded::WasThere);
    }
    for category in &goods.categories {
        insert_category(&mut tx, category).await?;
    }
    for product in &goods.products {
        let category = goods.categories.iter().find(|c| c.id == product.category);
        insert_product(&mut tx, product, category).await?;
    }
    tx.commit().await?;
    Ok(Seeded::Filled {
        products: goods.products.len() as u64,
    })
}

/// Gives each sample product that has no stock yet its pieces. Stock that exists is never touched, sold out or not.
///
/// # Errors
/// If the database cannot be written, or has not been migrated; it then holds what it held before.
pub async fn seed_inventory(inventory: &mut SqliteConnection) -> Result<Seeded, SeedError> {
    let goods = Goods::sample()?;
    let now = jiff::Timestamp::now().as_millisecond();
    let mut tx = inventory.begin_with("BEGIN IMMEDIATE").await?;
    let mut products = 0;
    for product in &goods.products {
        let done = sqlx::query(
            "INSERT INTO stock (product_id, initial, on_hand, reserved, updated_at) VALUES (?1, ?2, ?2, 0, ?3)
             ON CONFLICT (product_id) DO NOTHING",
        )
        .bind(product.id)
        .bind(product.stock)
        .bind(now)
        .execute(&mut *tx)
        .await?;
        products += done.rows_affected();
    }
    tx.commit().await?;
    Ok(match products {
        0 => Seeded::WasThere,
        products => Seeded::Filled { products },
    })
}

/// What a product is found by.
pub(crate) struct Searchable {
    pub(crate) name: String,
    pub(crate) text: String,
}

impl Searchable {
    pub(crate) fn of(product: &Product, category: Option<&Category>) -> Self {
        let normal = search_text::normalise;
        let mut text = vec![normal(&product.description), normal(&product.description_en)];
        text.extend(category.map(|c| normal(&format!("{} {}", c.name, c.name_en))));
        Self {
            name: format!("{}\n{}", normal(&product.name), normal(&product.name_en)),
            text: text.join("\n"),
        }
    }
}

async fn insert_category(connection: &mut SqliteConnection, category: &Category) -> Result<(), sqlx::Error> {
    // A category may be there from an earlier life of the shop, when its products are not.
    sqlx::query(
        "INSERT INTO categories (id, name, name_en, image_url, position) VALUES (?, ?, ?, ?, ?)
         ON CONFLICT (id) DO NOTHING",
    )
    .bind(&category.id)
    .bind(&category.name)
    .bind(&category.name_en)
    .bind(&category.image_url)
    .bind(category.position)
    .execute(connection)
    .await?;
    Ok(())
}

async fn insert_product(
    connection: &mut SqliteConnection,
    product: &Product,
    category: Option<&Category>,
) -> Result<(), sqlx::Error> {
    let Searchable { name, text } = Searchable::of(product, category);
    sqlx::query(
        "INSERT INTO products (id, category, name, name_en, description, description_en, price, image_url, created_at,
                               search_name, search_text)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(product.id)
    .bind(&product.category)
    .bind(&product.name)
    .bind(&product.name_en)
    .bind(&product.description)
    .bind(&product.description_en)
    .bind(product.price)
    .bind(&product.image_url)
    .bind(product.created_at.as_millisecond())
    .bind(name)
    .bind(text)
    .execute(connection)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    async fn database(schema: &'static str) -> SqliteConnection {
        let mut connection = SqliteConnection::connect("sqlite::memory:").await.unwrap();
        sqlx::raw_sql(schema).execute(&mut connection).await.unwrap();
        connection
    }

    async fn catalog() -> SqliteConnection {
        database(include_str!("../../../migrations/sqlite/catalog/0001_init.sql")).await
    }

    async fn inventory() -> SqliteConnection {
        database(include_str!("../../../migrations/sqlite/inventory/0001_init.sql")).await
    }

    async fn number(connection: &mut SqliteConnection, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(connection).await.unwrap()
    }

    fn count() -> u64 {
        Goods::sample().unwrap().products.len() as u64
    }

    #[tokio::test]
    async fn an_empty_catalogue_is_filled_once() {
        let mut catalog = catalog().await;
        let filled = Seeded::Filled { products: count() };
        assert_eq!(seed_catalog(&mut catalog).await.unwrap(), filled);
        assert_eq!(seed_catalog(&mut catalog).await.unwrap(), Seeded::WasThere);
        assert_eq!(
            number(&mut catalog, "SELECT count(*) FROM products").await as u64,
            count()
        );
        assert_eq!(number(&mut catalog, "SELECT count(*) FROM categories").await, 6);
    }

    #[tokio::test]
    async fn a_shop_with_products_of_its_own_gets_no_others() {
        let mut catalog = catalog().await;
        seed_catalog(&mut catalog).await.unwrap();
        sqlx::query("DELETE FROM products WHERE id <> 1001")
            .execute(&mut catalog)
            .await
            .unwrap();
        assert_eq!(seed_catalog(&mut catalog).await.unwrap(), Seeded::WasThere);
        assert_eq!(number(&mut catalog, "SELECT count(*) FROM products").await, 1);
    }

    #[tokio::test]
    async fn what_is_written_is_found_in_another_spelling_and_no_more_once_deleted() {
        let mut catalog = catalog().await;
        seed_catalog(&mut catalog).await.unwrap();
        let mugs = "SELECT count(*) FROM products_fts WHERE products_fts MATCH '\"まぐかっぷ\"'";
        assert_eq!(number(&mut catalog, mugs).await, 2);
        sqlx::query("UPDATE products SET search_name = 'x', search_text = 'x' WHERE id = 1001")
            .execute(&mut catalog)
            .await
            .unwrap();
        assert_eq!(number(&mut catalog, mugs).await, 1);
        sqlx::query("DELETE FROM products")
            .execute(&mut catalog)
            .await
            .unwrap();
        assert_eq!(number(&mut catalog, mugs).await, 0);
        sqlx::query("INSERT INTO products_fts (products_fts, rank) VALUES ('integrity-check', 1)")
            .execute(&mut catalog)
            .await
            .unwrap();
    }

    #[tokio::test]
    async fn stock_that_exists_is_kept() {
        let mut inventory = inventory().await;
        sqlx::query("INSERT INTO stock VALUES (1001, 5, 0, 0, 7)")
            .execute(&mut inventory)
            .await
            .unwrap();
        let filled = Seeded::Filled {
            products: count() - 1,
        };
        assert_eq!(seed_inventory(&mut inventory).await.unwrap(), filled);
        assert_eq!(seed_inventory(&mut inventory).await.unwrap(), Seeded::WasThere);
        let untouched = "SELECT count(*) FROM stock WHERE product_id = 1001 AND initial = 5 AND on_hand = 0 AND updated_at = 7";
        assert_eq!(number(&mut inventory, untouched).await, 1);
        let fresh = "SELECT count(*) FROM stock WHERE reserved = 0 AND on_hand = initial";
        assert_eq!(number(&mut inventory, fresh).await as u64, count() - 1);
    }

    #[tokio::test]
    async fn a_database_without_tables_is_an_error() {
        let mut nothing = database("").await;
        assert!(matches!(
            seed_catalog(&mut nothing).await,
            Err(SeedError::Database(_))
        ));
        assert!(matches!(
            seed_inventory(&mut nothing).await,
            Err(SeedError::Database(_))
        ));
    }
}
