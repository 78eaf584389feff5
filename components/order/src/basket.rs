//! What a buyer wants, and what it costs: prices are the catalogue's, never the client's.

use crate::order::Line;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use domain::{Quantity, Yen};
use edge::{Code, Problem, RequestContext};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// Lines in one order.
pub const MOST_LINES: usize = 50;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    items: Vec<Item>,
    #[serde(default)]
    use_balance: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    product_id: i64,
    quantity: i64,
}

/// A checked request: every product once, in the order in which they were first named.
#[derive(Debug, Clone, PartialEq)]
pub struct Basket {
    pub items: Vec<(u32, Quantity)>,
    pub use_balance: bool,
}

impl TryFrom<Request> for Basket {
    type Error = Problem;

    fn try_from(request: Request) -> Result<Basket, Problem> {
        if request.items.is_empty() {
            return Err(Problem::new(Code::EmptyCart).with_error("items", "at least one is needed"));
        }
        if request.items.len() > MOST_LINES {
            return Err(Problem::field("items", format!("at most {MOST_LINES} lines")));
        }
        let mut sums: BTreeMap<u32, i64> = BTreeMap::new();
        let mut sequence = Vec::new();
        for (index, item) in request.items.iter().enumerate() {
            let quantity = Quantity::new(item.quantity)
                .map_err(|error| Problem::field(format!("items[{index}].quantity"), error.to_string()))?;
            let product_id = u32::try_from(item.product_id).map_err(|_| {
                Problem::new(Code::UnknownProduct)
                    .with_error(format!("items[{index}].productId"), "there is no such product")
            })?;
            let sum = sums.entry(product_id).or_insert_with(|| {
                sequence.push((index, product_id));
                0
            });
            *sum += i64::from(quantity.get());
        }
        let items = sequence.into_iter().map(|(index, product_id)| {
            let sum = sums.get(&product_id).copied().unwrap_or(0);
            let quantity = Quantity::new(sum).map_err(|error| {
                Problem::field(format!("items[{index}].quantity"), format!("together: {error}"))
            })?;
            Ok((product_id, quantity))
        });
        Ok(Basket {
            items: items.collect::<Result<_, Problem>>()?,
            use_balance: request.use_balance,
        })
    }
}

impl Basket {
    /// The same for the same wishes, whatever their JSON looked like.
    pub fn hash(&self) -> String {
        let mut hasher = Sha256::new();
        for (product_id, quantity) in &self.items {
            hasher.update(format!("{product_id}×{}\n", quantity.get()));
        }
        hasher.update([u8::from(self.use_balance)]);
        BASE64_URL_SAFE_NO_PAD.encode(hasher.finalize())
    }
}

#[derive(Debug, Deserialize)]
struct Products {
    items: Vec<Product>,
}

#[derive(Debug, Deserialize)]
struct Product {
    id: u32,
    name: String,
    price: i64,
    stock: i64,
}

/// Asks the catalogue for names, prices and stock. A shortage that shows here is refused before anything is stored; one that comes up later
/// fails the order.
pub async fn price(ctx: &RequestContext, catalog_url: &str, basket: &Basket) -> Result<Vec<Line>, Problem> {
    let ids: Vec<String> = basket.items.iter().map(|(id, _)| id.to_string()).collect();
    let url = format!("{catalog_url}/products/batch?ids={}", ids.join(","));
    let products: Products = edge::outbound::Call::get(url).send(ctx).await?.json()?;
    lines(basket, &products.items)
}

fn lines(basket: &Basket, products: &[Product]) -> Result<Vec<Line>, Problem> {
    let mut unknown = Problem::new(Code::UnknownProduct);
    let mut short = Problem::new(Code::OutOfStock);
    let mut lines = Vec::with_capacity(basket.items.len());
    for (index, (product_id, quantity)) in basket.items.iter().enumerate() {
        let Some(product) = products.iter().find(|product| product.id == *product_id) else {
            unknown = unknown.with_error(
                format!("items[{index}].productId"),
                format!("there is no product {product_id}"),
            );
            continue;
        };
        if product.stock < i64::from(quantity.get()) {
            let message = format!(
                "{} of {} pieces are available",
                product.stock.max(0),
                quantity.get()
            );
            short = short.with_error(format!("items[{index}].quantity"), message);
        }
        let unit_price = Yen::new(product.price).map_err(|error| crate::problems::broken(&error))?;
        lines.push(Line {
            product_id: *product_id,
            name: product.name.clone(),
            unit_price,
            quantity: *quantity,
        });
    }
    if !unknown.errors().is_empty() {
        return Err(unknown);
    }
    if short.errors().is_empty() {
        Ok(lines)
    } else {
        Err(short)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn basket(json: &str) -> Result<Basket, Problem> {
        Basket::try_from(serde_json::from_str::<Request>(json).unwrap())
    }

    #[test]
    fn bad_baskets_are_refused_with_the_field() {
        let many = format!(
            "{{\"items\":[{}]}}",
            vec!["{\"productId\":1,\"quantity\":1}"; 51].join(",")
        );
        let table = [
            (r#"{"items":[]}"#, Code::EmptyCart, "items"),
            (
                r#"{"items":[{"productId":1,"quantity":0}]}"#,
                Code::ValidationFailed,
                "items[0].quantity",
            ),
            (
                r#"{"items":[{"productId":1,"quantity":-3}]}"#,
                Code::ValidationFailed,
                "items[0].quantity",
            ),
            (
                r#"{"items":[{"productId":1,"quantity":1},{"productId":2,"quantity":100}]}"#,
                Code::ValidationFailed,
                "items[1].quantity",
            ),
            (
                r#"{"items":[{"productId":1,"quantity":60},{"productId":1,"quantity":60}]}"#,
                Code::ValidationFailed,
                "items[0].quantity",
            ),
            (
                r#"{"items":[{"productId":-1,"quantity":1}]}"#,
                Code::UnknownProduct,
                "items[0].productId",
            ),
            (many.as_str(), Code::ValidationFailed, "items"),
        ];
        for (json, code, field) in table {
            let problem = basket(json).unwrap_err();
            assert_eq!(
                (problem.code(), problem.errors()[0].field.as_str()),
                (code, field),
                "{json}"
            );
        }
    }

    #[test]
    fn the_same_product_twice_is_one_line() {
        let basket = basket(r#"{"items":[{"productId":2,"quantity":1},{"productId":1,"quantity":1},{"productId":2,"quantity":3}]}"#).unwrap();
        let items: Vec<_> = basket
            .items
            .iter()
            .map(|(id, quantity)| (*id, quantity.get()))
            .collect();
        assert_eq!(items, [(2, 4), (1, 1)]);
    }

    #[test]
    fn the_hash_knows_wishes_and_not_spelling() {
        let one = basket(r#"{"items":[{"productId":1,"quantity":1}]}"#).unwrap();
        assert_eq!(
            one.hash(),
            basket(r#"{ "useBalance":false, "items":[{"quantity":1,"productId":1,"price":1}] }"#)
                .unwrap()
                .hash()
        );
        for other in [
            r#"{"items":[{"productId":1,"quantity":2}]}"#,
            r#"{"items":[{"productId":1,"quantity":1}],"useBalance":true}"#,
        ] {
            assert_ne!(one.hash(), basket(other).unwrap().hash());
        }
    }

    #[test]
    fn unknown_and_short_products_are_named() {
        let product = |id, stock| Product {
            id,
            name: "n".into(),
            price: 10,
            stock,
        };
        let basket =
            basket(r#"{"items":[{"productId":1,"quantity":2},{"productId":2,"quantity":2}]}"#).unwrap();
        let unknown = lines(&basket, &[product(1, 5)]).unwrap_err();
        assert_eq!(
            (unknown.code(), unknown.errors()[0].field.as_str()),
            (Code::UnknownProduct, "items[1].productId")
        );
        let short = lines(&basket, &[product(1, 5), product(2, 1)]).unwrap_err();
        assert_eq!(
            (short.code(), short.errors()[0].field.as_str()),
            (Code::OutOfStock, "items[1].quantity")
        );
        assert_eq!(lines(&basket, &[product(1, 2), product(2, 2)]).unwrap().len(), 2);
    }
}
