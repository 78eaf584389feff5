//! The sample goods into MySQL schemas. Whoever calls sees to it that nobody else does meanwhile.

use std::collections::{BTreeSet, HashSet};

use sqlx::{Connection as _, MySql, MySqlConnection, QueryBuilder};

use crate::goods::{Category, Goods, Product};
use crate::seed::{Searchable, SeedError, Seeded};

/// As [`seed_catalog`](crate::seed_catalog).
///
/// # Errors
/// If the schema cannot be written, or has not been migrated; it then holds what it held before.
pub async fn seed_catalog(catalog: &mut MySqlConnection) -> Result<Seeded, SeedError> {
    let goods = Goods::sample()?;
    let mut tx = catalog.begin().await?;
    let products: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM products")
        .fetch_one(&mut *tx)
        .await?;
    if products > 0 {
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

/// As [`seed_inventory`](crate::seed_inventory).
///
/// # Errors
/// If the schema cannot be written, or has not been migrated; it then holds what it held before.
pub async fn seed_inventory(inventory: &mut MySqlConnection) -> Result<Seeded, SeedError> {
    let goods = Goods::sample()?;
    let now = jiff::Timestamp::now().as_millisecond();
    let mut tx = inventory.begin().await?;
    let there: Vec<i64> = sqlx::query_scalar("SELECT product_id FROM stock")
        .fetch_all(&mut *tx)
        .await?;
    let there: HashSet<i64> = there.into_iter().collect();
    let mut products = 0;
    for product in goods
        .products
        .iter()
        .filter(|product| !there.contains(&i64::from(product.id)))
    {
        sqlx::query(
            "INSERT INTO stock (product_id, initial, on_hand, reserved, updated_at) VALUES (?, ?, ?, 0, ?)",
        )
        .bind(product.id)
        .bind(product.stock)
        .bind(product.stock)
        .bind(now)
        .execute(&mut *tx)
        .await?;
        products += 1;
    }
    tx.commit().await?;
    Ok(match products {
        0 => Seeded::WasThere,
        products => Seeded::Filled { products },
    })
}

async fn insert_category(connection: &mut MySqlConnection, category: &Category) -> Result<(), sqlx::Error> {
    // A category may be there from an earlier life of the shop, when its products are not.
    sqlx::query(
        "INSERT INTO categories (id, name, name_en, image_url, position) VALUES (?, ?, ?, ?, ?)
         ON DUPLICATE KEY UPDATE id = id",
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
    connection: &mut MySqlConnection,
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
    .bind(&name)
    .bind(&text)
    .execute(&mut *connection)
    .await?;
    index(
        connection,
        product,
        search_text::grams([name.as_str(), text.as_str()]),
    )
    .await
}

/// What the product is found by: there is no full-text index here.
async fn index(
    connection: &mut MySqlConnection,
    product: &Product,
    grams: BTreeSet<&str>,
) -> Result<(), sqlx::Error> {
    if grams.is_empty() {
        return Ok(());
    }
    let mut insert = QueryBuilder::<MySql>::new("INSERT INTO product_grams (gram, product_id) ");
    insert.push_values(grams, |mut row, gram| {
        row.push_bind(gram).push_bind(product.id);
    });
    insert.build().execute(connection).await?;
    Ok(())
}
