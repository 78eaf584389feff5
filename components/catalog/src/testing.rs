//! A small shop in a database of its own, for this crate's tests: the real schema, the real statements, no host.

#![allow(clippy::unwrap_used)]

use std::cell::RefCell;
use std::collections::HashMap;

use edge::RequestContext;
use futures::executor::block_on;
use http_body_util::BodyExt as _;
use serde_json::Value;
use store::testing::{Migrations, TestDatabase};
use store::{Dialect, params};

use crate::api::Catalog;
use crate::stock::{Stock, StockError};

const CATEGORIES: [(&str, &str, Option<&str>, u32); 3] = [
    ("kitchen", "キッチン", Some("Kitchen"), 2),
    ("stationery", "文具", None, 1),
    ("food", "食品", None, 3),
];

/// Category, names, descriptions and price. The id is the place in the list, and later products are newer.
type Goods = (
    &'static str,
    &'static str,
    Option<&'static str>,
    &'static str,
    Option<&'static str>,
    u32,
);
const PRODUCTS: [Goods; 6] = [
    (
        "kitchen",
        "白いマグカップ",
        Some("White Mug"),
        "電子レンジで使えます",
        Some("Microwave safe"),
        2200,
    ),
    (
        "kitchen",
        "青いマグカップ",
        Some("Blue Mug"),
        "深い青です",
        Some("Deep blue"),
        2420,
    ),
    (
        "kitchen",
        "ごはん土鍋",
        Some("Rice Pot"),
        "二合炊けます",
        None,
        7480,
    ),
    (
        "stationery",
        "鉛筆 (B)",
        None,
        "ノートや帳面によく書けます",
        None,
        330,
    ),
    (
        "stationery",
        "リサイクル紙 100%",
        Some("Recycled Paper"),
        "再生した紙です",
        None,
        110,
    ),
    (
        "stationery",
        "ノート・帳面 A5",
        Some("Notebook"),
        "方眼です",
        None,
        660,
    ),
];

/// Product 1 has 7 pieces, product 2 has one, and product 4 was never delivered.
fn pieces() -> HashMap<u32, u32> {
    HashMap::from([(1, 7), (2, 1), (3, 0), (5, 100), (6, 20)])
}

const MIGRATIONS: Migrations = Migrations {
    sqlite: &[include_str!("../../../migrations/sqlite/catalog/0001_init.sql")],
    mysql: &[include_str!("../../../migrations/mysql/catalog/0001_init.sql")],
};

pub struct Shop {
    database: TestDatabase,
    stock: Shelf,
}

#[derive(Default)]
struct Shelf {
    questions: RefCell<Vec<Vec<u32>>>,
    on_fire: bool,
}

impl Stock for &Shelf {
    async fn levels(&self, product_ids: Vec<u32>) -> Result<HashMap<u32, u32>, StockError> {
        if self.on_fire {
            return Err(StockError("the disk is on fire".to_owned()));
        }
        let mut levels = pieces();
        levels.retain(|id, _| product_ids.contains(id));
        self.questions.borrow_mut().push(product_ids);
        Ok(levels)
    }
}

impl Shop {
    pub fn new() -> Shop {
        let shop = Shop {
            database: TestDatabase::new(MIGRATIONS),
            stock: Shelf::default(),
        };
        let database = shop.database.open();
        let run = |sql: &str, params| block_on(database.run(sql, params)).unwrap();
        for (id, name, name_en, position) in CATEGORIES {
            let image = format!("/images/categories/{id}.svg");
            run(
                "INSERT INTO categories VALUES (?, ?, ?, ?, ?)",
                params![id, name, name_en, image, position],
            );
        }
        for (id, (category, name, name_en, description, description_en, price)) in (1_u32..).zip(PRODUCTS) {
            let normal = |text: Option<&str>| search_text::normalise(text.unwrap_or_default());
            let search_name = format!("{}\n{}", normal(Some(name)), normal(name_en));
            let search_text = format!("{}\n{}", normal(Some(description)), normal(description_en));
            let image = format!("/images/products/{id}.svg");
            run(
                "INSERT INTO products VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                params![
                    id,
                    category,
                    name,
                    name_en,
                    description,
                    description_en,
                    price,
                    image,
                    id,
                    &search_name,
                    &search_text
                ],
            );
            if database.dialect() == Dialect::MySql {
                for gram in search_text::grams([search_name.as_str(), search_text.as_str()]) {
                    run("INSERT INTO product_grams VALUES (?, ?)", params![gram, id]);
                }
            }
        }
        shop
    }

    pub fn without_inventory(mut self) -> Shop {
        self.stock.on_fire = true;
        self
    }

    pub fn lose_tables(&self) {
        let index = match self.database.open().dialect() {
            Dialect::Sqlite => "products_fts",
            Dialect::MySql => "product_grams",
        };
        for table in [index, "products", "categories"] {
            self.database.run(&format!("DROP TABLE {table}"), params![]);
        }
    }

    /// The product ids that each question to the inventory named.
    pub fn stock_questions(&self) -> Vec<Vec<u32>> {
        self.stock.questions.borrow().clone()
    }

    /// Status and JSON.
    pub fn get(&self, uri: &str) -> (u16, Value) {
        self.ask("GET", uri)
    }

    pub fn search(&self, parameters: &[(&str, &str)]) -> (u16, Value) {
        self.ask_with("GET", "/products/search", parameters)
    }

    pub fn ask_with(&self, method: &str, path: &str, parameters: &[(&str, &str)]) -> (u16, Value) {
        let encode = |text: &str| -> String { text.bytes().map(|byte| format!("%{byte:02X}")).collect() };
        let query: Vec<String> = parameters
            .iter()
            .map(|(name, value)| format!("{name}={}", encode(value)))
            .collect();
        self.ask(method, &format!("{path}?{}", query.join("&")))
    }

    pub fn ask(&self, method: &str, uri: &str) -> (u16, Value) {
        let ctx = RequestContext::for_test(method, uri);
        let catalog = Catalog {
            database: self.database.open(),
            stock: &self.stock,
        };
        block_on(async {
            let answer = catalog.answer(&ctx).await;
            let answer = answer.unwrap_or_else(|problem| problem.into_answer(&ctx));
            let status = answer.status().as_u16();
            let body = answer.into_body().collect().await.unwrap().to_bytes();
            (status, serde_json::from_slice(&body).unwrap())
        })
    }
}
