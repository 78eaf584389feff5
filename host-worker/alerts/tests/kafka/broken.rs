//! A broker that goes and comes, with one of its own: the others need theirs.

use crate::{
    shop::{an_hour_ago, each_rule},
    stage::{Stage, eventually},
};
use kessai_relay::kafka::{KafkaSettings, create_topics};
use xtask::services::{Kind, Services};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_broker_that_is_away_is_waited_for_and_nothing_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("services");
    let mut services = tokio::task::spawn_blocking(move || Services::start_anew(&path, &[Kind::Kafka]))
        .await
        .unwrap()
        .unwrap();
    let broker = services.server(Kind::Kafka).unwrap();
    let settings = KafkaSettings::plaintext(&broker.address(), "").unwrap();
    let stage = Stage::bare(settings).await;
    create_topics(&stage.settings, 3, 1).await.unwrap();
    let (first, second) = (stage.worker().await, stage.worker().await);
    stage.tell(&an_hour_ago(0)).await;
    stage.until_raised(&each_rule(&[0])).await;

    tokio::task::block_in_place(|| broker.kill()).unwrap();
    for worker in [&first, &second] {
        eventually("that it is said", async || {
            worker
                .status
                .trouble()
                .is_some_and(|trouble| trouble.contains("no answer from Kafka"))
        })
        .await;
    }
    // One ends meanwhile and another begins: both can.
    second.end().await;
    let third = stage.worker().await;
    tokio::task::block_in_place(|| broker.start()).unwrap();
    stage.tell(&an_hour_ago(100)).await;
    stage.until_raised(&each_rule(&[0, 100])).await;
    for worker in [&first, &third] {
        eventually("no trouble any more", async || worker.status.trouble().is_none()).await;
    }
    first.end().await;
    third.end().await;
    stage.assert_once_everywhere(&each_rule(&[0, 100])).await;
}
