//! A shop's stock in a database of its own, for this crate's tests: the real schema, the real statements, no host.

#![allow(clippy::unwrap_used)]

use futures::executor::block_on;
use store::barrier::StepError;
use store::testing::{Migrations, TestDatabase};
use store::{Database, params};

use crate::reservations::{self, Line, Refusal};

pub(crate) type Outcome = Result<(), StepError<Refusal>>;

pub(crate) struct Shop(TestDatabase);

const MIGRATIONS: Migrations = Migrations {
    sqlite: &[include_str!("../../../migrations/sqlite/inventory/0001_init.sql")],
    mysql: &[include_str!("../../../migrations/mysql/inventory/0001_init.sql")],
};

impl Shop {
    /// Products and their pieces.
    pub(crate) fn with(stock: &[(u32, u32)]) -> Shop {
        let shop = Shop(TestDatabase::new(MIGRATIONS));
        for &(product_id, pieces) in stock {
            shop.0.run(
                "INSERT INTO stock VALUES (?, ?, ?, 0, 0)",
                params![product_id, pieces, pieces],
            );
        }
        shop
    }

    pub(crate) fn open(&self) -> Database {
        self.0.open()
    }

    pub(crate) fn reserve(&self, step: &str, order_no: &str, lines: &[(u32, u32)]) -> Outcome {
        let lines: Vec<_> = lines
            .iter()
            .map(|&(product_id, quantity)| Line { product_id, quantity })
            .collect();
        block_on(reservations::reserve(self.open(), step, order_no, &lines))
    }

    pub(crate) fn confirm(&self, step: &str, order_no: &str) -> Outcome {
        block_on(reservations::confirm(self.open(), step, order_no))
    }

    pub(crate) fn release(&self, step: &str, reserve_step: &str, order_no: &str) -> Outcome {
        block_on(reservations::release(self.open(), step, reserve_step, order_no))
    }

    pub(crate) fn restock(&self, step: &str, confirm_step: &str, order_no: &str) -> Outcome {
        block_on(reservations::restock(self.open(), step, confirm_step, order_no))
    }

    /// (on hand, reserved) of a product.
    pub(crate) fn stock(&self, product_id: u32) -> (u32, u32) {
        let sql = "SELECT on_hand, reserved FROM stock WHERE product_id = ?";
        let row = self.0.row(sql, params![product_id]);
        (row.get("on_hand").unwrap(), row.get("reserved").unwrap())
    }

    /// Products whose stock is not what the schema's comment promises.
    pub(crate) fn broken_products(&self) -> i64 {
        let row = self.0.row(
            "SELECT count(*) AS broken FROM stock AS s
             WHERE s.on_hand - s.reserved < 0
                OR s.reserved <> (SELECT coalesce(sum(quantity), 0) FROM reservations AS r
                                  WHERE r.product_id = s.product_id AND r.state = 'RESERVED')
                OR s.on_hand <> s.initial - (SELECT coalesce(sum(quantity), 0) FROM reservations AS r
                                             WHERE r.product_id = s.product_id AND r.state = 'CONFIRMED')",
            params![],
        );
        row.get("broken").unwrap()
    }
}
