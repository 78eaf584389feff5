//! A broker that is killed in mid-stream, with one of its own: the others need theirs.

use crate::{
    quick,
    reader::{assert_in_order, read},
    support::{Files, Running, eventually},
};
use domain::topic;
use kessai_relay::{
    RelayConfig,
    kafka::{KafkaLog, KafkaSettings, create_topics},
};
use std::{sync::Arc, time::Duration};
use xtask::services::{Kind, Services};

const ORDERS: usize = 200;
const EACH: usize = 25;
const ALL: i64 = 5_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_stay_in_order_per_order_while_the_broker_is_killed_and_started_again() {
    let mut files = Files::new().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("services");
    let mut services = tokio::task::spawn_blocking(move || Services::start_anew(&path, &[Kind::Kafka]))
        .await
        .unwrap()
        .unwrap();
    let broker = services.server(Kind::Kafka).unwrap();
    let settings = KafkaSettings::plaintext(&broker.address(), "").unwrap();
    create_topics(&settings, 6, 1).await.unwrap();
    // Shorter than the broker is away: the batch fails, and a new producer goes on.
    let log = KafkaLog::new(settings.clone())
        .unwrap()
        .with_delivery_limit(Duration::from_secs(2));
    let log = Arc::new(log);
    let config = RelayConfig { batch: 50, ..quick() };
    let relay = files.relay(log.clone(), config).await;
    let standing = relay.standing();
    let running = Running::start(relay);

    let mut committed = 0;
    for number in 0..EACH {
        for key in 0..ORDERS {
            files
                .commit(&format!("K{key}:{number}"), &format!("K{key}"))
                .await;
            committed += 1;
            if committed == ALL * 2 / 5 {
                // With batches under way, not between two of them.
                eventually("some of it in Kafka", async || {
                    files.position("kafka").await > ALL / 5
                })
                .await;
                tokio::task::block_in_place(|| broker.kill()).unwrap();
            }
            if committed == ALL * 4 / 5 {
                eventually("that it is said", async || {
                    let failure = standing.failure();
                    failure.is_some() && standing.backlog().events > 1_500
                })
                .await;
                assert!(log.check().await.is_err());
                tokio::task::block_in_place(|| broker.start()).unwrap();
            }
        }
    }
    eventually("everything in Kafka", async || {
        files.position("kafka").await == ALL
    })
    .await;
    eventually("that nothing waits", async || standing.backlog().events == 0).await;
    assert_eq!(standing.failure(), None);
    log.check().await.unwrap();
    running.stop().await;
    let repeats = assert_in_order(&read(&settings, topic::ORDERS).await, ORDERS, EACH);
    eprintln!("{repeats} events were repeated");
}
