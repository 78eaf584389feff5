//! How many pieces of a product can be ordered now.

use std::collections::HashMap;

use crate::bindings::kessai::inventory::stock as wit;

/// The inventory did not answer.
#[derive(Debug, thiserror::Error)]
#[error("stock cannot be read: {0}")]
pub struct StockError(pub String);

/// Where levels come from.
///
/// # Contract
///
/// The answer holds no other products than those asked for. One that is missing has never been delivered: there are 0 pieces of it.
pub trait Stock {
    async fn levels(&self, product_ids: Vec<u32>) -> Result<HashMap<u32, u32>, StockError>;
}

/// The inventory component.
#[derive(Debug)]
pub struct Inventory;

impl Stock for Inventory {
    async fn levels(&self, product_ids: Vec<u32>) -> Result<HashMap<u32, u32>, StockError> {
        let levels = wit::levels(product_ids).await.map_err(StockError)?;
        Ok(levels
            .into_iter()
            .map(|level| (level.product_id, level.available))
            .collect())
    }
}
