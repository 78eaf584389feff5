//! A broker that goes and comes, with one of its own: the others need theirs; and a database that takes nothing for a while.

use crate::{
    on_each_database,
    shop::{an_hour_ago, each_rule},
    stage::{Stage, eventually},
    support::shop::Shop,
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

on_each_database! {
async fn what_the_database_does_not_take_is_kept_and_written_with_what_came_since(shop: Shop) {
    let stage = Stage::on(shop, 3).await;
    let worker = stage.worker().await;
    stage.tell(&an_hour_ago(0)).await;
    stage.until_raised(&each_rule(&[0])).await;

    stage.shop.tamper("ALTER TABLE alert_outbox RENAME TO somewhere_else").await;
    let says = async |words: &str| {
        eventually(words, async || {
            worker.status.trouble().is_some_and(|trouble| trouble.contains(words))
        })
        .await;
    };
    stage.tell(&an_hour_ago(100)).await;
    says("alert_outbox").await;
    stage.tell(&an_hour_ago(200)).await;
    stage.shop.tamper("ALTER TABLE somewhere_else RENAME TO alert_outbox").await;
    stage.until_raised(&each_rule(&[0, 100, 200])).await;
    eventually("no trouble any more", async || worker.status.trouble().is_none()).await;
    worker.end().await;
    stage.assert_once_everywhere(&each_rule(&[0, 100, 200])).await;
}
}
