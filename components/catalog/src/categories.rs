//! Reading categories: the table `categories`.

use serde::Serialize;
use store::{Session, StoreError};

/// A category as the API shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Category {
    id: String,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    name_en: Option<String>,
    image_url: String,
    /// Products in it.
    count: u32,
}

/// All categories, in the shop's order.
pub async fn all(session: &Session) -> Result<Vec<Category>, StoreError> {
    let rows = session
        .query(
            "SELECT id, name, name_en, image_url,
                    (SELECT count(*) FROM products WHERE products.category = categories.id) AS count
             FROM categories ORDER BY position",
            vec![],
        )
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Category {
                id: row.text("id")?,
                name: row.text("name")?,
                name_en: row.opt_text("name_en")?,
                image_url: row.text("image_url")?,
                count: row.get("count")?,
            })
        })
        .collect()
}
