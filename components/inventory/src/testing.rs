//! A shop's stock in a SQLite file of its own, for this crate's tests: the real schema, the real statements, no host.

#![allow(clippy::unwrap_used)]

use std::path::PathBuf;

use futures::executor::block_on;
use store::Database;
use store::barrier::StepError;

use crate::reservations::{self, Line, Refusal};

pub(crate) type Outcome = Result<(), StepError<Refusal>>;

pub(crate) struct Shop(tempfile::TempDir);

impl Shop {
    /// Products and their pieces.
    pub(crate) fn with(stock: &[(u32, u32)]) -> Shop {
        let shop = Shop(tempfile::tempdir().unwrap());
        let connection = shop.raw();
        connection.pragma_update(None, "journal_mode", "WAL").unwrap();
        connection
            .execute_batch(include_str!("../../../migrations/sqlite/inventory/0001_init.sql"))
            .unwrap();
        for (product_id, pieces) in stock {
            connection
                .execute(
                    "INSERT INTO stock VALUES (?1, ?2, ?2, 0, 0)",
                    [product_id, pieces],
                )
                .unwrap();
        }
        shop
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("inventory.db")
    }

    fn raw(&self) -> rusqlite::Connection {
        let connection = rusqlite::Connection::open(self.path()).unwrap();
        // What a test writes need not outlive the machine.
        connection.pragma_update(None, "synchronous", "OFF").unwrap();
        connection
    }

    pub(crate) fn open(&self) -> Database {
        Database::open_file(&self.path()).unwrap()
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
        self.raw()
            .query_row(
                "SELECT on_hand, reserved FROM stock WHERE product_id = ?",
                [product_id],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
            .unwrap()
    }

    /// Products whose stock is not what the schema's comment promises.
    pub(crate) fn broken_products(&self) -> i64 {
        self.raw()
            .query_row(
                "SELECT count(*) FROM stock AS s
                 WHERE s.on_hand - s.reserved < 0
                    OR s.reserved <> (SELECT coalesce(sum(quantity), 0) FROM reservations AS r
                                      WHERE r.product_id = s.product_id AND r.state = 'RESERVED')
                    OR s.on_hand <> s.initial - (SELECT coalesce(sum(quantity), 0) FROM reservations AS r
                                                 WHERE r.product_id = s.product_id AND r.state = 'CONFIRMED')",
                [],
                |row| row.get(0),
            )
            .unwrap()
    }
}
