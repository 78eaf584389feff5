//! Several workers, one group.

use crate::{
    on_each_database,
    shop::{HOUR, alert, an_hour_ago, each_rule, paid_again, right},
    stage::{Stage, Worker, eventually},
    support::shop::Shop,
};
use domain::{Instant, topic};
use kessai_relay::kafka::KafkaContext;
use rdkafka::{
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    config::FromClientConfigAndContext,
};

on_each_database! {
async fn partitions_and_what_is_known_move_between_workers_while_events_flow(shop: Shop) {
    let stage = Stage::on(shop, 5).await;
    let at = Instant::now().millis() - HOUR;
    // Bought now and paid a second time when others have the partitions: rule D needs what is known by then.
    let twice: Vec<u64> = (9_000..9_040).collect();
    stage.tell(&right(9_000..9_040, at)).await;

    let mut wanted = Vec::new();
    let mut round = async |workers: usize, numbers: &[u64]| {
        let first = 100 * (wanted.len() as u64);
        // Half of it before the change is complete, half of it after.
        stage.tell(&an_hour_ago(first)).await;
        stage.until_shared_by(workers).await;
        stage.tell(&an_hour_ago(first + 100)).await;
        for number in numbers {
            stage.tell(&[paid_again(*number, at)]).await;
        }
        wanted.extend(each_rule(&[first, first + 100]));
        wanted.extend(numbers.iter().map(|number| alert("D", *number)));
        wanted.sort();
        stage.until_raised(&wanted).await;
    };
    let mut workers: Vec<Worker> = Vec::new();
    for n in 1..=3 {
        workers.push(stage.worker().await);
        round(n, &twice[n * 8 - 8..n * 8]).await;
    }
    for n in [2, 1] {
        workers.remove(0).end().await;
        round(n, &twice[40 - n * 8..48 - n * 8]).await;
    }
    workers.remove(0).end().await;
    stage.assert_once_everywhere(&wanted).await;
}
}

#[tokio::test(flavor = "multi_thread")]
async fn who_loses_a_partition_in_the_database_joins_anew_and_goes_on() {
    let stage = Stage::new(2).await;
    let worker = stage.worker().await;
    stage.tell(&an_hour_ago(0)).await;
    stage.until_raised(&each_rule(&[0])).await;

    // As one does that was frozen between the group's word and its claim.
    let store = stage.store().await;
    let mut epochs = Vec::new();
    for part in 0..2 {
        let streams = [topic::ORDERS, topic::PAYMENTS];
        epochs.push(store.claim(part, &streams, Instant::now()).await.unwrap().epoch);
    }
    stage.tell(&an_hour_ago(100)).await;
    stage.until_raised(&each_rule(&[0, 100])).await;
    let mut tables = stage.files().open("worker").await;
    let now: Vec<i64> = sqlx::query_scalar("SELECT epoch FROM alert_offsets WHERE topic = ? ORDER BY part")
        .bind(topic::ORDERS)
        .fetch_all(&mut tables)
        .await
        .unwrap();
    assert!(
        now.iter().zip(&epochs).all(|(now, before)| now > before),
        "{now:?} after {epochs:?}"
    );
    worker.end().await;
    stage.assert_once_everywhere(&each_rule(&[0, 100])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn topics_that_are_missing_or_cut_differently_are_refused_in_words_until_they_are_right() {
    let stage = Stage::bare(crate::stage::settings()).await;
    let worker = stage.worker().await;
    let says = async |words: &str| {
        eventually(words, async || {
            worker
                .status
                .trouble()
                .is_some_and(|trouble| trouble.contains(words))
        })
        .await;
    };
    says("kessai topics create").await;
    let admin = AdminClient::from_config_and_context(&stage.settings.client(), KafkaContext).unwrap();
    let make = async |name: &str, partitions: i32| {
        let name = stage.settings.topic(name);
        let topic = NewTopic::new(&name, partitions, TopicReplication::Fixed(1));
        admin.create_topics(&[topic], &AdminOptions::new()).await.unwrap()[0]
            .as_ref()
            .unwrap();
    };
    for name in [topic::ALERTS, topic::DEAD_LETTERS] {
        make(name, 1).await;
    }
    make(topic::ORDERS, 2).await;
    make(topic::PAYMENTS, 3).await;
    says("must have the same partitions").await;
    says("orders.events.v1 has 2").await;
    let name = stage.settings.topic(topic::ORDERS);
    let more = rdkafka::admin::NewPartitions::new(&name, 3);
    admin
        .create_partitions(&[more], &AdminOptions::new())
        .await
        .unwrap()[0]
        .as_ref()
        .unwrap();
    stage.tell(&an_hour_ago(0)).await;
    stage.until_raised(&each_rule(&[0])).await;
    eventually("no trouble any more", async || worker.status.trouble().is_none()).await;
    worker.end().await;
}
