//! What stands in a topic.

use crate::stage::PATIENCE;
use kessai_relay::kafka::KafkaSettings;
use rdkafka::{
    Message, Offset, TopicPartitionList,
    config::FromClientConfig,
    consumer::{BaseConsumer, Consumer},
    message::Headers,
};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) key: String,
    pub(crate) data: Value,
    pub(crate) headers: BTreeMap<String, String>,
}

/// Everything in a topic, each partition from its start to its present end.
pub(crate) async fn read(settings: &KafkaSettings, topic: &str) -> Vec<Seen> {
    let (settings, topic) = (settings.clone(), settings.topic(topic));
    tokio::task::spawn_blocking(move || read_now(&settings, &topic))
        .await
        .unwrap()
}

fn read_now(settings: &KafkaSettings, topic: &str) -> Vec<Seen> {
    let mut config = settings.client();
    config
        .set("group.id", "reader")
        .set("enable.auto.commit", "false");
    let consumer = BaseConsumer::from_config(&config).unwrap();
    let metadata = consumer
        .fetch_metadata(Some(topic), Duration::from_secs(10))
        .unwrap();
    let mut expected = 0;
    let mut assignment = TopicPartitionList::new();
    for partition in metadata.topics()[0].partitions() {
        let (low, high) = consumer
            .fetch_watermarks(topic, partition.id(), Duration::from_secs(10))
            .unwrap();
        expected += high - low;
        assignment
            .add_partition_offset(topic, partition.id(), Offset::Beginning)
            .unwrap();
    }
    consumer.assign(&assignment).unwrap();
    let mut seen = Vec::new();
    let give_up = Instant::now() + PATIENCE;
    while i64::try_from(seen.len()).unwrap() < expected {
        assert!(Instant::now() < give_up, "{} of {expected} messages", seen.len());
        let Some(message) = consumer.poll(Duration::from_millis(500)) else {
            continue;
        };
        let message = message.unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        seen.push(Seen {
            key: text(message.key().unwrap()),
            data: serde_json::from_slice(message.payload().unwrap()).unwrap(),
            headers: message
                .headers()
                .unwrap()
                .iter()
                .map(|header| (header.key.to_owned(), text(header.value.unwrap())))
                .collect(),
        });
    }
    seen
}
