//! What `seed/*.json` holds, read and checked.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;

const CATEGORIES: &str = include_str!("../../../seed/categories.json");
const PRODUCTS: &str = include_str!("../../../seed/products.json");

/// A shelf of the shop.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Category {
    pub id: String,
    /// In Japanese.
    pub name: String,
    pub name_en: String,
    /// Below the shop's own address.
    pub image_url: String,
    /// Its place among the categories; no two share one.
    pub position: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Product {
    /// 1 or more.
    pub id: u32,
    /// The id of its [`Category`].
    pub category: String,
    /// In Japanese.
    pub name: String,
    pub name_en: String,
    /// In Japanese.
    pub description: String,
    pub description_en: String,
    /// Yen, 1 or more.
    pub price: u32,
    /// Pieces to begin with.
    pub stock: u32,
    /// Below the shop's own address.
    pub image_url: String,
    pub created_at: Timestamp,
}

/// Categories and products that fit together: ids are unique, every product's category exists, texts are not empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Goods {
    pub categories: Vec<Category>,
    pub products: Vec<Product>,
}

/// The sample data contradict themselves. A defect in `seed/`.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    #[error("seed/{file}: {source}")]
    Json {
        file: &'static str,
        source: serde_json::Error,
    },
    #[error("category {id}: {what}")]
    Category { id: String, what: &'static str },
    #[error("product {id}: {what}")]
    Product { id: u32, what: &'static str },
}

impl Goods {
    /// The goods of the sample shop.
    ///
    /// # Errors
    /// If the files that this program was built with are not valid.
    pub fn sample() -> Result<Goods, DataError> {
        Goods::parse(CATEGORIES, PRODUCTS)
    }

    fn parse(categories: &str, products: &str) -> Result<Goods, DataError> {
        let goods = Goods {
            categories: read("categories.json", categories)?,
            products: read("products.json", products)?,
        };
        goods.check()?;
        Ok(goods)
    }

    fn check(&self) -> Result<(), DataError> {
        let (mut ids, mut positions) = (BTreeSet::new(), BTreeSet::new());
        for category in &self.categories {
            let id = category.id.as_str();
            let rules = [
                (is_slug(id), "the id must be lower-case letters"),
                (ids.insert(id), "the id is used twice"),
                (positions.insert(category.position), "the position is used twice"),
                (
                    is_picture(&category.image_url),
                    "the picture must be below /images/",
                ),
                (
                    is_text(&category.name) && is_text(&category.name_en),
                    "a name is missing",
                ),
            ];
            if let Some(what) = broken(&rules) {
                return Err(DataError::Category {
                    id: id.to_owned(),
                    what,
                });
            }
        }
        let mut products = BTreeSet::new();
        for product in &self.products {
            let rules = [
                (product.id > 0, "ids begin with 1"),
                (products.insert(product.id), "the id is used twice"),
                (
                    ids.contains(product.category.as_str()),
                    "there is no such category",
                ),
                (product.price > 0, "the price must be 1 yen or more"),
                (
                    is_picture(&product.image_url),
                    "the picture must be below /images/",
                ),
                (
                    is_text(&product.name) && is_text(&product.name_en),
                    "a name is missing",
                ),
                (
                    is_text(&product.description) && is_text(&product.description_en),
                    "a description is missing",
                ),
            ];
            if let Some(what) = broken(&rules) {
                return Err(DataError::Product { id: product.id, what });
            }
        }
        Ok(())
    }
}

fn read<T: DeserializeOwned>(file: &'static str, text: &str) -> Result<T, DataError> {
    serde_json::from_str(text).map_err(|source| DataError::Json { file, source })
}

fn broken(rules: &[(bool, &'static str)]) -> Option<&'static str> {
    rules.iter().find(|(kept, _)| !kept).map(|(_, what)| *what)
}

fn is_slug(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_lowercase())
}

fn is_text(text: &str) -> bool {
    !text.trim().is_empty()
}

fn is_picture(url: &str) -> bool {
    url.starts_with("/images/") && !url.contains("..")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::{Value, json};
    use std::path::Path;

    #[test]
    fn the_shop_has_sixty_products_on_six_shelves_none_of_them_empty() {
        let goods = Goods::sample().unwrap();
        assert_eq!(goods.categories.len(), 6);
        assert!(goods.products.len() >= 60);
        for category in &goods.categories {
            let on_shelf = goods.products.iter().filter(|p| p.category == category.id);
            assert!(on_shelf.count() >= 8, "{}", category.id);
        }
    }

    /// Scenarios look for a sold-out product, for last pieces to fight over, and for plenty.
    #[test]
    fn stock_is_zero_once_scarce_at_times_and_plenty_in_all() {
        let stock: Vec<u32> = Goods::sample()
            .unwrap()
            .products
            .iter()
            .map(|p| p.stock)
            .collect();
        assert_eq!(stock.iter().filter(|pieces| **pieces == 0).count(), 1);
        assert!(stock.iter().filter(|pieces| **pieces == 1).count() >= 2);
        assert!(stock.iter().sum::<u32>() >= 4_000);
    }

    #[test]
    fn every_picture_is_there_small_and_self_contained() {
        let goods = Goods::sample().unwrap();
        let public = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../web/public");
        let urls = goods.categories.iter().map(|c| &c.image_url);
        for url in urls.chain(goods.products.iter().map(|p| &p.image_url)) {
            let picture = std::fs::read_to_string(public.join(&url[1..])).expect(url);
            assert!(picture.len() < 10 * 1024, "{url}: {} bytes", picture.len());
            for outside in [
                "<script",
                "<image",
                "<foreignObject",
                "url(h",
                "href=\"h",
                "@import",
            ] {
                assert!(!picture.contains(outside), "{url}: {outside}");
            }
        }
    }

    fn category() -> Value {
        json!({"id": "tea", "name": "お茶", "nameEn": "Tea", "imageUrl": "/images/tea.svg", "position": 1})
    }

    fn product() -> Value {
        json!({"id": 1, "category": "tea", "name": "煎茶", "nameEn": "Sencha", "description": "深蒸し", "descriptionEn": "Steamed",
               "price": 1, "stock": 0, "imageUrl": "/images/1.svg", "createdAt": "2026-01-01T00:00:00Z"})
    }

    fn parse(categories: &[Value], products: &[Value]) -> Result<Goods, DataError> {
        Goods::parse(&json!(categories).to_string(), &json!(products).to_string())
    }

    #[test]
    fn each_rule_is_enforced() {
        parse(&[category()], &[product()]).unwrap();
        for (field, value, complaint) in [
            ("id", json!(0), "product 0: ids begin with 1"),
            ("category", json!("toys"), "product 1: there is no such category"),
            ("price", json!(0), "product 1: the price must be 1 yen or more"),
            ("price", json!(-5), "seed/products.json: "),
            ("name", json!(" "), "product 1: a name is missing"),
            ("descriptionEn", json!(""), "product 1: a description is missing"),
            (
                "imageUrl",
                json!("//elsewhere/1.svg"),
                "product 1: the picture must",
            ),
            ("imageUrl", json!("/images/../x"), "product 1: the picture must"),
            ("createdAt", json!("yesterday"), "seed/products.json: "),
            (
                "colour",
                json!("green"),
                "seed/products.json: unknown field `colour`",
            ),
        ] {
            let mut changed = product();
            changed[field] = value;
            let error = parse(&[category()], &[changed]).unwrap_err().to_string();
            assert!(error.starts_with(complaint), "{field}: {error}");
        }
        let twice = parse(&[category()], &[product(), product()]).unwrap_err();
        assert_eq!(twice.to_string(), "product 1: the id is used twice");
    }

    #[test]
    fn categories_are_checked_too() {
        for (field, value, complaint) in [
            (
                "id",
                json!("Tea"),
                "category Tea: the id must be lower-case letters",
            ),
            ("nameEn", json!(""), "category tea: a name is missing"),
            ("imageUrl", json!("tea.svg"), "category tea: the picture must"),
        ] {
            let mut changed = category();
            changed[field] = value;
            let error = parse(&[changed], &[]).unwrap_err().to_string();
            assert!(error.starts_with(complaint), "{field}: {error}");
        }
        let mut other = category();
        other["id"] = json!("coffee");
        let error = parse(&[category(), other], &[]).unwrap_err().to_string();
        assert_eq!(error, "category coffee: the position is used twice");
    }
}
