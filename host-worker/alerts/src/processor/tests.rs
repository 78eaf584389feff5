//! On a real database file: what becomes of a batch while others are on their way.

#![allow(clippy::unwrap_used)]
use super::*;
use crate::{heard::Record, rules::Rule};
use domain::{OrderStatus as O, PaymentStatus as P, topic};
use serde_json::{Value, json};
use sqlx::{
    ConnectOptions, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode},
};
use std::time::Duration;

const START: i64 = 1_795_309_200_000;
const STREAM: &str = topic::ORDERS;

struct Stage {
    store: Store,
    connection: SqliteConnection,
    _folder: tempfile::TempDir,
}

impl Stage {
    async fn new() -> Stage {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("worker.db");
        let options = SqliteConnectOptions::new()
            .filename(&file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal);
        let mut connection = options.connect().await.unwrap();
        sqlx::migrate!("../../migrations/sqlite/worker")
            .run(&mut connection)
            .await
            .unwrap();
        Stage {
            store: Store::open(&file).await.unwrap(),
            connection,
            _folder: folder,
        }
    }

    async fn partition(&self) -> Partition {
        let now = Instant::from_millis(START);
        let claim = self.store.claim(0, &[STREAM], now).await.unwrap();
        let watermark = Watermark::merged(Duration::from_secs(90));
        let (store, config) = (self.store.clone(), rules::Config::default());
        Partition::new(store, claim, config, Destination::Table, watermark)
    }

    async fn raised(&mut self) -> Vec<(String, String)> {
        let sql = "SELECT rule_id, order_no FROM alerts ORDER BY order_no, rule_id";
        sqlx::query_as(sql).fetch_all(&mut self.connection).await.unwrap()
    }
}

fn order_no(number: u64) -> OrderNo {
    OrderNo::generate(Instant::from_millis(START), number)
}

fn heard(topic: &str, kind: &str, order_no: &OrderNo, data: &Value) -> Heard {
    let record = Record {
        topic: topic.to_owned(),
        offset: 0,
        id: None,
        kind: kind.to_owned(),
        key: order_no.as_str().to_owned(),
        data: data.to_string().into_bytes(),
    };
    record.read()
}

fn order(number: u64, after: i64, version: u64, status: O, payment: P) -> Heard {
    let order_no = order_no(number);
    let data = json!({"orderNo": order_no, "status": status, "paymentStatus": payment, "amount": 1200, "version": version,
                      "at": Instant::from_millis(START + after).to_string()});
    heard(topic::ORDERS, "OrderStatusChanged", &order_no, &data)
}

fn paid(number: u64, after: i64, attempt: u32) -> Heard {
    let order_no = order_no(number);
    let data = json!({"orderNo": order_no, "merchantPaymentId": order_no.merchant_payment_id(attempt), "paymentId": format!("P{attempt}"),
                      "status": P::Completed, "amount": 1200, "at": Instant::from_millis(START + after).to_string()});
    heard(topic::PAYMENTS, "PaymentStatusObserved", &order_no, &data)
}

async fn take(partition: &mut Partition, heard: Vec<Heard>, next: i64) {
    partition.gather(&heard).await.unwrap();
    partition.take_in(heard, &[(STREAM, next)]);
}

async fn prepare(partition: &mut Partition) -> Prepared {
    let now = Instant::from_millis(START + 600_000);
    partition.prepare(Some(now), now).await.unwrap().unwrap()
}

fn rule_of(rule: Rule, number: u64) -> (String, String) {
    (rule.to_string(), order_no(number).to_string())
}

#[tokio::test]
async fn what_comes_while_a_commit_is_under_way_joins_what_the_commit_holds() {
    let mut stage = Stage::new().await;
    let mut partition = stage.partition().await;
    take(
        &mut partition,
        vec![order(1, 0, 1, O::WaitingPayment, P::Created), paid(1, 10, 1)],
        2,
    )
    .await;
    let first = prepare(&mut partition).await;
    // More orders than are remembered: those on their way must be all the same.
    let others = (2..9).map(|number| order(number, 0, 1, O::Pending, P::None));
    take(&mut partition, others.collect(), 9).await;
    take(
        &mut partition,
        vec![order(1, 20, 2, O::Paid, P::Completed), paid(1, 30, 2)],
        11,
    )
    .await;
    assert_eq!(partition.pending(), 8, "each order once");
    assert_eq!(
        (partition.next_offset(STREAM), partition.committed_offset(STREAM)),
        (11, 0)
    );
    let now = Instant::from_millis(START + 600_000);
    stage
        .store
        .commit(std::slice::from_ref(&first.commit), now)
        .await
        .unwrap();
    partition.committed(first);
    assert_eq!(partition.committed_offset(STREAM), 2);
    let second = prepare(&mut partition).await;
    stage
        .store
        .commit(std::slice::from_ref(&second.commit), now)
        .await
        .unwrap();
    partition.committed(second);
    // The first was due before its order was heard of as paid; the second payment is one too many.
    assert_eq!(stage.raised().await, [rule_of(Rule::A, 1), rule_of(Rule::D, 1)]);

    // Whoever takes over knows all of it from the database.
    let mut next = stage.partition().await;
    assert_eq!(next.next_offset(STREAM), 11);
    take(&mut next, vec![paid(1, 40, 3)], 12).await;
    let third = prepare(&mut next).await;
    assert_eq!(third.alerts(), 1, "the third payment, and nothing a second time");
}

#[tokio::test]
async fn what_is_not_committed_can_be_taken_in_again() {
    let mut stage = Stage::new().await;
    let mut partition = stage.partition().await;
    let now = Instant::from_millis(START + 600_000);
    let twice = || {
        vec![
            paid(1, 0, 1),
            paid(1, 10, 2),
            order(1, 20, 1, O::Paid, P::Completed),
        ]
    };
    for _ in 0..3 {
        take(&mut partition, twice(), 3).await;
        assert_eq!(prepare(&mut partition).await.alerts(), 1);
        partition.go_back();
        assert_eq!((partition.next_offset(STREAM), partition.pending()), (0, 0));
    }
    let raised = partition
        .apply(twice(), &[(STREAM, 3)], Some(now), now)
        .await
        .unwrap();
    assert_eq!(raised, 1);
    assert_eq!(stage.raised().await, [rule_of(Rule::D, 1)]);
}

#[tokio::test]
async fn states_that_were_dropped_from_memory_come_back_from_the_database() {
    let mut stage = Stage::new().await;
    let mut partition = stage.partition().await;
    let now = Instant::from_millis(START + 600_000);
    for number in 1..9_u64 {
        let bought = vec![paid(number, 0, 1), order(number, 10, 1, O::Paid, P::Completed)];
        let next = number.cast_signed() * 2;
        partition
            .apply(bought, &[(STREAM, next)], Some(now), now)
            .await
            .unwrap();
    }
    assert!(
        partition.states.len() <= CACHED + 1,
        "{} remembered",
        partition.states.len()
    );
    for number in 1..9_u64 {
        let next = 16 + number.cast_signed();
        let again = vec![paid(number, 20, 2)];
        partition
            .apply(again, &[(STREAM, next)], Some(now), now)
            .await
            .unwrap();
    }
    let each: Vec<_> = (1..9).map(|number| rule_of(Rule::D, number)).collect();
    let mut each = each;
    each.sort_by(|one, other| one.1.cmp(&other.1));
    assert_eq!(stage.raised().await, each);
}

#[tokio::test]
async fn a_document_of_the_first_version_is_read_until_it_is_written_anew() {
    let mut stage = Stage::new().await;
    let mut partition = stage.partition().await;
    let now = Instant::from_millis(START + 600_000);
    let bought = vec![paid(1, 0, 1), order(1, 10, 1, O::Paid, P::Completed)];
    partition
        .apply(bought, &[(STREAM, 2)], Some(now), now)
        .await
        .unwrap();
    let document = format!(
        r#"{{"v":[1,"PAID",1200],"pp":true,"pd":{START},"p":{{"{0}-1":{{"o":[[{START},"s"]],"id":["P1"],"a":1200}},
            "{0}-2":{{"o":[[{START},"s"]],"id":["P2"],"a":1200}}}},"r":["D:{0}-2"]}}"#,
        order_no(1)
    );
    // An older worker has heard of a second payment meanwhile, and leaves what it does not know as it is.
    sqlx::query("UPDATE alert_state SET document = ?")
        .bind(document)
        .execute(&mut stage.connection)
        .await
        .unwrap();
    let mut next = stage.partition().await;
    let raised = next
        .apply(vec![paid(1, 30, 3)], &[(STREAM, 3)], Some(now), now)
        .await
        .unwrap();
    assert_eq!(raised, 1, "the third, not the second again");
    let sql = "SELECT document, length(state) > 100 FROM alert_state";
    let stored: (String, bool) = sqlx::query_as(sql)
        .fetch_one(&mut stage.connection)
        .await
        .unwrap();
    assert_eq!(stored, (String::new(), true));
}
