//! What stands in a topic.

use crate::support::PATIENCE;
use kessai_relay::kafka::KafkaSettings;
use rdkafka::{
    Message, Offset, TopicPartitionList,
    config::FromClientConfig,
    consumer::{BaseConsumer, Consumer},
    message::Headers,
};
use std::{
    collections::{BTreeMap, HashSet},
    time::{Duration, Instant},
};

#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) key: String,
    pub(crate) data: String,
    pub(crate) at: i64,
    pub(crate) headers: BTreeMap<String, String>,
}

impl Seen {
    pub(crate) fn id(&self) -> &str {
        &self.headers["ce_id"]
    }
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
    let limit = Duration::from_secs(20);
    let metadata = consumer.fetch_metadata(Some(topic), limit).unwrap();
    let mut expected = 0;
    let mut assignment = TopicPartitionList::new();
    for partition in metadata.topics()[0].partitions() {
        let (low, high) = ends(&consumer, topic, partition.id());
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
            data: text(message.payload().unwrap()),
            at: message.timestamp().to_millis().unwrap(),
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

/// Where a partition starts and ends; asked again while its leader is still taking it up.
fn ends(consumer: &BaseConsumer, topic: &str, partition: i32) -> (i64, i64) {
    let give_up = Instant::now() + PATIENCE;
    loop {
        match consumer.fetch_watermarks(topic, partition, Duration::from_secs(5)) {
            Ok(ends) => return ends,
            Err(error) => assert!(Instant::now() < give_up, "{topic}/{partition}: {error}"),
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Events are named `{key}:{n}`, counted from 0 for each key: all are there, and the first of each comes in order. Returns how many repeats there are.
pub(crate) fn assert_in_order(seen: &[Seen], keys: usize, each: usize) -> usize {
    let mut next: BTreeMap<&str, usize> = BTreeMap::new();
    let mut met = HashSet::new();
    let mut repeats = 0;
    for message in seen {
        if !met.insert(message.id()) {
            repeats += 1;
            continue;
        }
        let expected = next.entry(&message.key).or_default();
        assert_eq!(
            message.id(),
            format!("{}:{expected}", message.key),
            "out of order"
        );
        *expected += 1;
    }
    assert_eq!(next.len(), keys);
    assert!(next.values().all(|count| *count == each), "lost: {next:?}");
    repeats
}
