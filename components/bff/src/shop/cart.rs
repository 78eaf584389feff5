//! What a buyer wants to order, checked before anything is asked of anybody.

use std::collections::HashSet;

use edge::{Code, Problem};
use serde::{Deserialize, Serialize};

/// Lines of one order.
const MOST_LINES: usize = 50;
/// Pieces of one product.
const MOST_PIECES: i64 = 99;

/// The body of `POST /api/orders`. What else a client sends is not read, a price above all.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Cart {
    items: Vec<Item>,
    #[serde(default)]
    use_balance: Option<bool>,
}

// Wider than they may be, so that a number out of range is named as such.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    product_id: i64,
    quantity: i64,
}

/// An order that can be asked of the order component: 1 to 50 lines of 1 to 99 pieces, each product once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NewOrder {
    items: Vec<Line>,
    use_balance: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    product_id: u32,
    quantity: u8,
}

impl TryFrom<Cart> for NewOrder {
    type Error = Problem;

    /// `EMPTY_CART`, or `VALIDATION_FAILED` with every field that is wrong.
    fn try_from(cart: Cart) -> Result<Self, Problem> {
        if cart.items.is_empty() {
            return Err(Code::EmptyCart.into());
        }
        if cart.items.len() > MOST_LINES {
            return Err(Problem::field("items", format!("must be at most {MOST_LINES}")));
        }
        let mut problem = Problem::new(Code::ValidationFailed);
        let mut seen = HashSet::new();
        let mut lines = Vec::with_capacity(cart.items.len());
        for (index, item) in cart.items.iter().enumerate() {
            let product_id = u32::try_from(item.product_id).ok().filter(|id| *id > 0);
            match product_id {
                None => {
                    problem = problem.with_error(
                        format!("items[{index}].productId"),
                        "must be from 1 to 4294967295",
                    )
                }
                // Not added up: a client that sends a product twice has a mistake in its cart, and should not buy by it.
                Some(id) if !seen.insert(id) => {
                    problem = problem.with_error(
                        format!("items[{index}].productId"),
                        "must not be in the order twice",
                    );
                }
                Some(_) => {}
            }
            let quantity = if (1..=MOST_PIECES).contains(&item.quantity) {
                u8::try_from(item.quantity).ok()
            } else {
                None
            };
            if quantity.is_none() {
                problem = problem.with_error(
                    format!("items[{index}].quantity"),
                    format!("must be from 1 to {MOST_PIECES}"),
                );
            }
            if let (Some(product_id), Some(quantity)) = (product_id, quantity) {
                lines.push(Line { product_id, quantity });
            }
        }
        if problem.errors().is_empty() {
            Ok(Self {
                items: lines,
                use_balance: cart.use_balance.unwrap_or(false),
            })
        } else {
            Err(problem)
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn check(body: &Value) -> Result<NewOrder, Problem> {
        serde_json::from_value::<Cart>(body.clone()).unwrap().try_into()
    }

    #[test]
    fn a_good_cart_goes_on_as_it_is_without_anything_else_in_it() {
        let order = check(&json!({"items": [{"productId": 7, "quantity": 99, "price": 1}], "useBalance": true, "amount": 1})).unwrap();
        assert_eq!(
            serde_json::to_value(&order).unwrap(),
            json!({"items": [{"productId": 7, "quantity": 99}], "useBalance": true})
        );
        assert!(
            !check(&json!({"items": [{"productId": 7, "quantity": 1}]}))
                .unwrap()
                .use_balance
        );
    }

    #[test]
    fn an_empty_cart_has_a_code_of_its_own() {
        assert_eq!(check(&json!({"items": []})).unwrap_err().code(), Code::EmptyCart);
    }

    #[test]
    fn every_wrong_field_is_named() {
        let body = json!({"items": [
            {"productId": 1, "quantity": 0},
            {"productId": 0, "quantity": 100},
            {"productId": 2, "quantity": -1},
            {"productId": 4294967296_i64, "quantity": 1},
            {"productId": 1, "quantity": 1},
        ]});
        let problem = check(&body).unwrap_err();
        assert_eq!(problem.code(), Code::ValidationFailed);
        let fields: Vec<&str> = problem
            .errors()
            .iter()
            .map(|error| error.field.as_str())
            .collect();
        assert_eq!(
            fields,
            [
                "items[0].quantity",
                "items[1].productId",
                "items[1].quantity",
                "items[2].quantity",
                "items[3].productId",
                "items[4].productId",
            ]
        );
    }

    #[test]
    fn an_order_has_at_most_fifty_lines() {
        let lines = |count: u32| json!({"items": (1..=count).map(|id| json!({"productId": id, "quantity": 1})).collect::<Vec<_>>()});
        assert!(check(&lines(50)).is_ok());
        assert_eq!(check(&lines(51)).unwrap_err().errors()[0].field, "items");
    }

    proptest! {
        #[test]
        fn a_cart_is_taken_whole_or_not_at_all(items in prop::collection::vec((any::<i64>(), -5_i64..105), 1..60)) {
            let body = json!({"items": items.iter().map(|(id, quantity)| json!({"productId": id, "quantity": quantity})).collect::<Vec<_>>()});
            if let Ok(order) = check(&body) {
                prop_assert_eq!(order.items.len(), items.len());
                prop_assert!(order.items.iter().all(|line| line.product_id > 0 && (1..=99).contains(&line.quantity)));
            }
        }
    }
}
