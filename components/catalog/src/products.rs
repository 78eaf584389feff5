//! Reading products: the table `products`, and `products_fts` (SQLite) or `product_grams` (MySQL).

use serde::Serialize;
use store::{Dialect, Row, Session, StoreError, Value, params, placeholders};

use crate::filter::{Filter, Sort};
use crate::words::Words;

/// Suggestions at once: a list that fits under a search field.
const SUGGESTIONS: u32 = 8;
/// How many times more a word in a name says than one in a description.
const RANK: &str = "bm25(products_fts, 8.0, 1.0)";

/// What [`product`] reads.
const COLUMNS: &str =
    "products.id AS id, name, name_en, description, description_en, price, category, image_url";

/// A product as the API shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Product {
    pub id: u32,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    name_en: Option<String>,
    description: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    description_en: Option<String>,
    /// Yen a piece.
    price: i64,
    category: String,
    image_url: String,
    /// Pieces that can be ordered now; the inventory knows.
    pub stock: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Suggestion {
    id: u32,
    name: String,
}

pub async fn find(session: &Session, id: u32) -> Result<Option<Product>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM products WHERE id = ?");
    let row = session.query_optional(&sql, params![id]).await?;
    row.as_ref().map(product).transpose()
}

/// Those that exist, by id.
pub async fn batch(session: &Session, ids: &[u32]) -> Result<Vec<Product>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!(
        "SELECT {COLUMNS} FROM products WHERE id IN ({}) ORDER BY id",
        placeholders(ids.len())
    );
    let rows = session
        .query(&sql, ids.iter().copied().map(Value::from).collect())
        .await?;
    rows.iter().map(product).collect()
}

/// One page of what matches, and how many match on all pages.
pub async fn list(session: &Session, filter: &Filter) -> Result<(Vec<Product>, u32), StoreError> {
    let dialect = session.dialect();
    let (matching, mut params) = matching(filter, dialect);
    let total = session
        .query_one(&format!("SELECT count(*) AS total {matching}"), params.clone())
        .await?
        .get("total")?;
    let (order, ordering) = order(filter, dialect);
    params.extend(ordering);
    params.extend(params![filter.page.size, filter.page.offset()]);
    let sql = format!("SELECT {COLUMNS} {matching} ORDER BY {order} LIMIT ? OFFSET ?");
    let rows = session.query(&sql, params).await?;
    Ok((rows.iter().map(product).collect::<Result<_, _>>()?, total))
}

/// A few products whose names hold the words; those that begin with them first.
pub async fn suggestions(session: &Session, words: &Words) -> Result<Vec<Suggestion>, StoreError> {
    if words.is_empty() {
        return Ok(Vec::new());
    }
    let dialect = session.dialect();
    let (mut conditions, mut params) = (Vec::new(), Vec::new());
    for condition in words.conditions(dialect) {
        conditions.push(condition.sql);
        params.extend(condition.params);
    }
    let begin = words.names_that_begin();
    params.extend(begin.params);
    params.push(SUGGESTIONS.into());
    let sql = format!(
        "SELECT products.id AS id, name FROM {} WHERE {} ORDER BY {}, products.id LIMIT ?",
        source(words, dialect),
        conditions.join(" AND "),
        begin.sql
    );
    let rows = session.query(&sql, params).await?;
    rows.iter()
        .map(|row| {
            Ok(Suggestion {
                id: row.get("id")?,
                name: row.text("name")?,
            })
        })
        .collect()
}

fn source(words: &Words, dialect: Dialect) -> &'static str {
    if words.are_ranked(dialect) {
        "products_fts JOIN products ON products.id = products_fts.rowid"
    } else {
        "products"
    }
}

/// `FROM … WHERE …`, and its parameters.
fn matching(filter: &Filter, dialect: Dialect) -> (String, Vec<Value>) {
    let (mut conditions, mut params) = (Vec::new(), Vec::new());
    for condition in filter.words.conditions(dialect) {
        conditions.push(condition.sql);
        params.extend(condition.params);
    }
    if let Some(category) = &filter.category {
        conditions.push("category = ?".into());
        params.push(category.into());
    }
    if let Some(least) = filter.min_price {
        conditions.push("price >= ?".into());
        params.push(least.into());
    }
    if let Some(most) = filter.max_price {
        conditions.push("price <= ?".into());
        params.push(most.into());
    }
    let from = source(&filter.words, dialect);
    if conditions.is_empty() {
        (format!("FROM {from}"), params)
    } else {
        (format!("FROM {from} WHERE {}", conditions.join(" AND ")), params)
    }
}

/// What follows `ORDER BY`; always a total order, so that no product is on two pages or on none.
fn order(filter: &Filter, dialect: Dialect) -> (String, Vec<Value>) {
    let fixed = |sql: &str| (sql.to_owned(), Vec::new());
    match filter.sort {
        Sort::PriceAscending => fixed("price, products.id"),
        Sort::PriceDescending => fixed("price DESC, products.id"),
        Sort::Newest => fixed("created_at DESC, products.id DESC"),
        Sort::Relevance if filter.words.is_empty() => fixed("products.id"),
        Sort::Relevance => {
            let names = filter.words.names_that_hold();
            if filter.words.are_ranked(dialect) {
                (format!("{}, {RANK}, products.id", names.sql), names.params)
            } else {
                (format!("{}, products.id", names.sql), names.params)
            }
        }
    }
}

/// A row without its stock.
fn product(row: &Row) -> Result<Product, StoreError> {
    Ok(Product {
        id: row.get("id")?,
        name: row.text("name")?,
        name_en: row.opt_text("name_en")?,
        description: row.text("description")?,
        description_en: row.opt_text("description_en")?,
        price: row.get("price")?,
        category: row.text("category")?,
        image_url: row.text("image_url")?,
        stock: 0,
    })
}
