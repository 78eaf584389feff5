//! Reading stock: the table `stock`, without its writer.

use store::{Database, Session, StoreError, Transaction, Value, placeholders};

/// Products in one question. The catalogue's largest page is half of it.
const MOST: usize = 200;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Level {
    pub product_id: u32,
    /// Pieces that can be ordered now.
    pub available: u32,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum LevelsError {
    #[error("levels of at most {MOST} products can be asked for at once, not of {0}")]
    TooMany(usize),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The levels of those products that are known, by product id.
pub async fn levels(database: &Database, product_ids: Vec<u32>) -> Result<Vec<Level>, LevelsError> {
    if product_ids.len() > MOST {
        return Err(LevelsError::TooMany(product_ids.len()));
    }
    Ok(available(database, product_ids).await?)
}

/// The levels as this session sees them: a transaction sees its own changes.
pub async fn available(session: &Session, product_ids: Vec<u32>) -> Result<Vec<Level>, StoreError> {
    select(session, "stock", product_ids, "").await
}

/// The levels, which nobody else changes until the transaction ends. For MySQL; by its primary key, lest it lock what it only passes.
pub async fn held(tx: &Transaction, product_ids: Vec<u32>) -> Result<Vec<Level>, StoreError> {
    let lock = tx.dialect().for_update();
    select(tx, "stock FORCE INDEX (PRIMARY)", product_ids, lock).await
}

async fn select(
    session: &Session,
    table: &str,
    mut product_ids: Vec<u32>,
    lock: &str,
) -> Result<Vec<Level>, StoreError> {
    if product_ids.is_empty() {
        return Ok(Vec::new());
    }
    product_ids.sort_unstable();
    product_ids.dedup();
    let sql = format!(
        "SELECT product_id, on_hand - reserved AS available FROM {table} WHERE product_id IN ({}) ORDER BY product_id{lock}",
        placeholders(product_ids.len())
    );
    let rows = session
        .query(&sql, product_ids.into_iter().map(Value::from).collect())
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Level {
                product_id: row.get("product_id")?,
                available: row.get("available")?,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::testing::Shop;
    use futures::executor::block_on;
    use store::on_each_database;

    on_each_database! {
    fn levels_are_what_is_in_the_house_less_what_is_reserved() {
        let shop = Shop::with(&[(1, 5), (2, 0), (3, 7)]);
        shop.reserve("s-1", "o-1", &[(1, 2)]).unwrap();
        let ids = vec![3, 9, 1, 2, 1];
        let levels = block_on(levels(&shop.open(), ids)).unwrap();
        let found: Vec<_> = levels
            .iter()
            .map(|level| (level.product_id, level.available))
            .collect();
        assert_eq!(found, [(1, 3), (2, 0), (3, 7)]);
    }

    fn two_hundred_levels_at_once_and_no_more() {
        let shop = Shop::with(&[(200, 1)]);
        assert_eq!(
            block_on(levels(&shop.open(), (1..=200).collect())).unwrap().len(),
            1
        );
        assert_eq!(
            block_on(levels(&shop.open(), (1..=201).collect())),
            Err(LevelsError::TooMany(201))
        );
        assert_eq!(block_on(levels(&shop.open(), vec![])), Ok(vec![]));
    }

    fn levels_are_read_while_somebody_else_holds_the_writer() {
        let shop = Shop::with(&[(1, 5)]);
        let writer = block_on(shop.open().begin()).unwrap();
        block_on(writer.execute("UPDATE stock SET on_hand = 0", vec![])).unwrap();
        assert_eq!(block_on(levels(&shop.open(), vec![1])).unwrap()[0].available, 5);
    }
    }
}
