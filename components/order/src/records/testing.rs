//! A database of orders for this crate's tests: the real schema, the real statements, no host.

#![allow(clippy::unwrap_used)]

use crate::order::Order;
use domain::{Instant, OrderNo, Yen};
use saga::Machines;
use serde_json::{Map, json};
use store::testing::{Migrations, TestDatabase};
use store::{Dialect, Session, Value};

const MIGRATIONS: Migrations = Migrations {
    sqlite: &[
        include_str!("../../../../migrations/sqlite/orders/0001_init.sql"),
        include_str!("../../../../migrations/sqlite/orders/0002_sagas.sql"),
        include_str!("../../../../migrations/sqlite/orders/0003_payment_watch.sql"),
        include_str!("../../../../migrations/sqlite/orders/0004_saga_indexes.sql"),
        include_str!("../../../../migrations/sqlite/orders/0005_payment_list.sql"),
    ],
    mysql: &[include_str!("../../../../migrations/mysql/orders/0001_init.sql")],
};

pub fn database() -> TestDatabase {
    TestDatabase::new(MIGRATIONS)
}

/// A new order of 1200 yen, not stored.
pub fn order(number: u64) -> Order {
    let now = Instant::from_millis(1_795_000_000_000);
    let amount = Yen::new(1_200).unwrap();
    let order_no = OrderNo::generate(now, number);
    Order::place(order_no, "u".to_owned(), amount, Yen::ZERO, amount, now)
}

/// A saga that has just been started.
pub fn instance(id: &str) -> saga::Instance {
    let definition = json!({
        "Name": "m", "StartState": "Done", "States": { "Done": { "Type": "Succeed" } }
    });
    let machine = saga::StateMachine::from_json(&definition.to_string()).unwrap();
    let mut machines = Machines::new();
    machines.add(std::sync::Arc::new(machine));
    machines.start("m", id, None, Map::new(), 1).unwrap()
}

/// How SQLite goes about a statement, a line for each step. On MySQL, where it depends on what the tables hold, it is only run: `None`.
pub async fn plan(session: &Session, sql: &str, values: Vec<Value>) -> Option<Vec<String>> {
    if session.dialect() == Dialect::MySql {
        session.query(sql, values).await.unwrap();
        return None;
    }
    let rows = session.query(&format!("EXPLAIN QUERY PLAN {sql}"), values).await;
    let steps = rows
        .unwrap()
        .iter()
        .map(|row| row.text("detail").unwrap())
        .collect();
    Some(steps)
}
