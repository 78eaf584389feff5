//! What stands in a shop's topics on Kafka.

use crate::{PATIENCE, Place};
use anyhow::{Context, Result, ensure};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Headers;
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// For one answer of the broker.
const LIMIT: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(200);

/// A message as it stands in its topic.
#[derive(Debug, Clone)]
pub struct Told {
    pub key: String,
    pub data: Value,
    pub headers: BTreeMap<String, String>,
}

impl Told {
    /// The event's id: a repeat of the same event has it too.
    pub fn id(&self) -> &str {
        self.headers.get("ce_id").map_or("", String::as_str)
    }

    pub fn kind(&self) -> &str {
        self.headers.get("ce_type").map_or("", String::as_str)
    }
}

impl Place {
    /// Everything in a topic, each partition from its start to its present end.
    pub async fn told(&self, topic: &str) -> Result<Vec<Told>> {
        let kafka = self.servers.kafka.clone().context("this shop has no Kafka")?;
        let topic = self.topic(topic);
        tokio::task::spawn_blocking(move || read(&kafka, &topic)).await?
    }
}

fn read(brokers: &str, topic: &str) -> Result<Vec<Told>> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        // Needed, but it joins no group: the partitions are assigned by hand.
        .set("group.id", "scenarios")
        .set("enable.auto.commit", "false")
        .create()?;
    let metadata = consumer.fetch_metadata(Some(topic), LIMIT)?;
    let partitions = metadata.topics().first().context("no such topic")?.partitions();
    ensure!(!partitions.is_empty(), "there is no topic {topic}");
    let (mut expected, mut assignment) = (0, TopicPartitionList::new());
    for partition in partitions {
        let (first, end) = consumer.fetch_watermarks(topic, partition.id(), LIMIT)?;
        expected += end - first;
        assignment.add_partition_offset(topic, partition.id(), Offset::Beginning)?;
    }
    consumer.assign(&assignment)?;
    let mut told = Vec::new();
    let give_up = Instant::now() + PATIENCE;
    while i64::try_from(told.len())? < expected {
        ensure!(
            Instant::now() < give_up,
            "{topic}: {} of {expected} messages",
            told.len()
        );
        let Some(message) = consumer.poll(POLL) else {
            continue;
        };
        let message = message?;
        let text = |bytes: Option<&[u8]>| {
            Ok::<_, anyhow::Error>(String::from_utf8(bytes.unwrap_or_default().to_vec())?)
        };
        let mut headers = BTreeMap::new();
        for header in message.headers().into_iter().flat_map(Headers::iter) {
            headers.insert(header.key.to_owned(), text(header.value)?);
        }
        told.push(Told {
            key: text(message.key())?,
            data: serde_json::from_str(&text(message.payload())?).unwrap_or(Value::Null),
            headers,
        });
    }
    Ok(told)
}
