//! The relay's tables on the MySQL server of `KESSAI_TEST_MYSQL` (`mysql://root@127.0.0.1:PORT`).

#![allow(clippy::unwrap_used)]

use domain::Instant;
use kessai_relay::{Lease, Outbox, Positions, Source};
use sqlx::{AssertSqlSafe, ConnectOptions, MySqlConnection, mysql::MySqlConnectOptions};
use std::{str::FromStr, time::Duration};

/// A schema of its own with the relay's tables and an outbox.
async fn schema() -> MySqlConnectOptions {
    let url =
        std::env::var("KESSAI_TEST_MYSQL").expect("KESSAI_TEST_MYSQL says where the tests' MySQL server is");
    let server = MySqlConnectOptions::from_str(&url).unwrap();
    let name = format!("test_relay_{:016x}", rand::random::<u64>());
    let make = format!("CREATE SCHEMA {name} CHARACTER SET utf8mb4 COLLATE utf8mb4_bin");
    let mut connection = server.connect().await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(make))
        .execute(&mut connection)
        .await
        .unwrap();
    let options = server.database(&name);
    let mut connection = options.connect().await.unwrap();
    for sql in [
        include_str!("../../../migrations/mysql/orders/0001_init.sql"),
        include_str!("../../../migrations/mysql/worker/0001_init.sql"),
        include_str!("../../../migrations/mysql/worker/0003_relay_leases.sql"),
    ] {
        sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
    }
    options
}

async fn commit(connection: &mut MySqlConnection, id: &str, at: i64) {
    sqlx::query(
        "INSERT INTO outbox (id, topic, `key`, type, data, created_at) VALUES (?, 't', 'K', 'T', '{}', ?)",
    )
    .bind(id)
    .bind(at)
    .execute(connection)
    .await
    .unwrap();
}

async fn ids(outbox: &mut Outbox) -> Vec<String> {
    let events = outbox.after(0, 10).await.unwrap();
    events.into_iter().map(|event| event.id).collect()
}

#[tokio::test]
async fn an_event_behind_one_that_is_not_committed_yet_waits_for_it() {
    let options = schema().await;
    let (mut slow, mut quick) = (options.connect().await.unwrap(), options.connect().await.unwrap());
    commit(&mut quick, "e1", 1).await;
    sqlx::raw_sql("START TRANSACTION")
        .execute(&mut slow)
        .await
        .unwrap();
    commit(&mut slow, "e2", 2).await;
    commit(&mut quick, "e3", 3).await;
    let mut outbox = Outbox::open(Source::MySql(Box::new(options))).await.unwrap();
    assert_eq!(ids(&mut outbox).await, ["e1"]);
    assert!(outbox.is_holding_back());
    sqlx::raw_sql("COMMIT").execute(&mut slow).await.unwrap();
    assert_eq!(ids(&mut outbox).await, ["e1", "e2", "e3"]);
    assert!(!outbox.is_holding_back());
    assert_eq!(
        outbox.waiting(1).await.unwrap(),
        (2, Some(Instant::from_millis(2)))
    );
    // The newest stays: it tells how far the numbers went.
    assert_eq!(outbox.prune(3, Instant::from_millis(9)).await.unwrap(), 2);
    assert_eq!(outbox.last().await.unwrap(), 3);
}

#[tokio::test]
async fn a_lease_changes_hands_and_the_old_holder_stores_nothing() {
    let options = schema().await;
    let source = Source::MySql(Box::new(options));
    let mut positions = Positions::open(&source).await.unwrap();
    for _ in 0..2 {
        positions.begin("log", Instant::now()).await.unwrap();
    }
    let length = Duration::from_millis(400);
    let mut stuck = Lease::open(&source, "log", "a", length).await.unwrap();
    let mut next = Lease::open(&source, "log", "b", length).await.unwrap();
    let old = stuck.take().await.unwrap();
    let now = Instant::from_millis(5);
    for _ in 0..2 {
        assert!(
            positions.store_under(old, "log", 7, now).await.unwrap(),
            "the same once more is stored too"
        );
    }
    let new = next.take().await.unwrap();
    assert!(!positions.store_under(old, "log", 3, now).await.unwrap());
    assert!(positions.store_under(new, "log", 9, now).await.unwrap());
    assert_eq!(positions.of("log").await.unwrap(), 9);
    stuck.keep(old).await;
    next.release(new).await.unwrap();
    assert!(stuck.take().await.unwrap() > new);
    positions.store("log", 11, now).await.unwrap();
    assert_eq!(positions.of("log").await.unwrap(), 11);
}
