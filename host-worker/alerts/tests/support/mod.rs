//! Real database files, and the events of an order as the order component stores them.

#![allow(dead_code, reason = "each test uses its part")]

pub mod shop;

use domain::{Instant, OrderNo, OrderStatus, PaymentStatus, Yen, topic};
use kessai_alerts::{Filter, Record, Store};
use serde_json::{Value, json};
use sqlx::{ConnectOptions, SqliteConnection, sqlite::SqliteConnectOptions};
use std::path::PathBuf;

pub const START: i64 = 1_795_309_200_000;

pub struct Files {
    pub directory: tempfile::TempDir,
}

impl Files {
    pub async fn new() -> Files {
        let files = Files {
            directory: tempfile::tempdir().unwrap(),
        };
        let mut worker = files.open("worker").await;
        sqlx::migrate!("../../migrations/sqlite/worker")
            .run(&mut worker)
            .await
            .unwrap();
        let mut orders = files.open("orders").await;
        sqlx::migrate!("../../migrations/sqlite/orders")
            .run(&mut orders)
            .await
            .unwrap();
        files
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(format!("{name}.db"))
    }

    pub async fn open(&self, name: &str) -> SqliteConnection {
        let options = SqliteConnectOptions::new()
            .filename(self.path(name))
            .create_if_missing(true);
        options
            .journal_mode(sqlx::sqlite::SqliteJournalMode::Wal)
            .connect()
            .await
            .unwrap()
    }

    pub async fn store(&self) -> Store {
        Store::open(&self.path("worker")).await.unwrap()
    }
}

pub fn order_no(number: u64) -> OrderNo {
    OrderNo::generate(Instant::from_millis(START), number)
}

/// Where an event stands in its topic decides nothing here: the caller numbers the offsets.
pub fn order(
    order_no: &OrderNo,
    at: i64,
    version: u64,
    status: OrderStatus,
    payment: PaymentStatus,
) -> Record {
    let at = Instant::from_millis(at).to_string();
    let data = json!({"orderNo": order_no, "userId": "u", "status": status, "paymentStatus": payment, "amount": 1200,
                      "version": version, "at": at});
    record(
        topic::ORDERS,
        "OrderStatusChanged",
        order_no,
        &format!("{order_no}:v{version}"),
        &data,
    )
}

pub fn payment(order_no: &OrderNo, at: i64, attempt: u32, status: PaymentStatus) -> Record {
    let id = order_no.merchant_payment_id(attempt);
    let data = json!({"orderNo": order_no, "merchantPaymentId": id, "paymentId": format!("P{attempt}"), "status": status,
                      "amount": Yen::new(1200).unwrap(), "source": "poll", "at": Instant::from_millis(at).to_string()});
    record(
        topic::PAYMENTS,
        "PaymentStatusObserved",
        order_no,
        &format!("{id}:{status}:P{attempt}"),
        &data,
    )
}

fn record(topic: &str, kind: &str, order_no: &OrderNo, id: &str, data: &Value) -> Record {
    Record {
        topic: topic.to_owned(),
        offset: 0,
        id: Some(id.to_owned()),
        kind: kind.to_owned(),
        key: order_no.as_str().to_owned(),
        data: data.to_string().into_bytes(),
    }
}

pub fn bought(order_no: &OrderNo, at: i64) -> Vec<Record> {
    use OrderStatus as O;
    use PaymentStatus as P;
    vec![
        order(order_no, at, 1, O::Pending, P::None),
        order(order_no, at + 40, 2, O::WaitingPayment, P::Created),
        payment(order_no, at + 9_000, 1, P::Completed),
        order(order_no, at + 9_020, 3, O::Paid, P::Completed),
    ]
}

/// Rules and orders of all alerts in the table.
pub async fn raised(store: &Store) -> Vec<(String, String)> {
    let page = store
        .list(&Filter {
            size: 100,
            ..Filter::default()
        })
        .await
        .unwrap();
    let mut raised: Vec<(String, String)> = page
        .items
        .into_iter()
        .map(|alert| (alert.rule_id, alert.order_no.unwrap_or_default()))
        .collect();
    raised.sort();
    raised
}
