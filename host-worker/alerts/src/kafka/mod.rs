//! The events from Kafka, shared out among workers by the consumer group.
//!
//! A partition's number stands for that partition of both topics of events, which are keyed by the order and cut alike: a worker has either both or
//! none. Where to read on stands in our own database, committed together with what was made of the events; what Kafka is told is for
//! those who look at the group's lag.
//!
//! - [`intake`]: a thread with the consumer: messages, and with [`group`] what the group decides, in the order in which they come.
//! - [`desk`]: takes them in, one transaction for a batch, and lets deadlines fire ([`clock`]); [`writing`]: that transaction, beside the next batch.
//! - [`ends`]: up to where there is anything to read, and whether Kafka answers.
//! - [`publisher`]: alerts that were raised to their topic.
//! - [`table`]: the alerts' topic, with what components raise themselves, to the table.
//! - [`letters`]: what cannot be read to the topic of dead letters.

mod clock;
mod desk;
mod ends;
mod error;
mod group;
mod intake;
mod letters;
mod message;
mod producer;
mod publisher;
mod reader;
mod table;
mod writing;

pub use error::KafkaAlertsError;

use crate::{rules, status::Status, store::Store};
use domain::topic;
use kessai_relay::{Lease, kafka::KafkaSettings};
use rdkafka::ClientConfig;
use std::time::Duration;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// The topics whose events explain each other.
const STREAMS: [&str; 2] = [topic::ORDERS, topic::PAYMENTS];

/// How events are taken from Kafka.
#[derive(Clone, Debug)]
pub struct KafkaConfig {
    pub rules: rules::Config,
    /// Events taken in at once. While a commit is under way, more than one such batch may come together for the next.
    pub batch: usize,
    /// How often deadlines, lag and alerts to publish are looked at.
    pub interval: Duration,
    /// See [`crate::Watermark`].
    pub disorder: Duration,
    /// After Kafka was away, and after events that waited long to be told, so long only the events' own time lets deadlines fire: more may be on its way.
    pub settling: Duration,
    /// A worker that was not heard of so long has lost its partitions to the others.
    pub session: Duration,
    /// After a failure: the first and the longest wait.
    pub backoff: (Duration, Duration),
}

impl KafkaConfig {
    /// 8,000 events at once, a look every second, a minute and a half of disorder, half a minute to settle, sessions of 10 s, waits of 0.1 to 5 s.
    pub fn new(rules: rules::Config) -> KafkaConfig {
        KafkaConfig {
            rules,
            batch: 8_000,
            interval: Duration::from_secs(1),
            disorder: Duration::from_secs(90),
            settling: Duration::from_secs(30),
            session: Duration::from_secs(10),
            backoff: (Duration::from_millis(100), Duration::from_secs(5)),
        }
    }

    /// How the events are consumed; a bench measures the processor by a consumer that reads the same way.
    pub fn consumer(&self, settings: &KafkaSettings) -> ClientConfig {
        let mut client = settings.client();
        client
            .set("group.id", settings.topic("kessai-alerts"))
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            // What retention has deleted cannot be read any more.
            .set("auto.offset.reset", "earliest")
            // The same numbers of both topics for one worker.
            .set("partition.assignment.strategy", "range")
            .set("session.timeout.ms", self.session.as_millis().to_string())
            .set(
                "heartbeat.interval.ms",
                (self.session.as_millis() / 4).to_string(),
            )
            .set("fetch.wait.max.ms", "100")
            // Who reads a long log is slower than the broker, and the client's memory is full at times: it looks again soon, not after its usual second.
            .set("fetch.queue.backoff.ms", "10");
        client
    }

    fn wait(&self, failures: u32) -> Duration {
        let (first, longest) = self.backoff;
        first
            .saturating_mul(2u32.saturating_pow(failures.saturating_sub(1).min(16)))
            .min(longest)
    }
}

/// The alert processor over Kafka.
#[derive(Debug)]
pub struct KafkaAlerts {
    settings: KafkaSettings,
    store: Store,
    lease: Lease,
    config: KafkaConfig,
    status: Status,
}

impl KafkaAlerts {
    /// Connects only when it runs; Kafka may be down. Of the workers that share `store`, the one with the lease publishes.
    pub fn new(settings: KafkaSettings, store: Store, lease: Lease, config: KafkaConfig) -> KafkaAlerts {
        KafkaAlerts {
            settings,
            store,
            lease,
            config,
            status: Status::default(),
        }
    }

    /// How it is doing; stays valid while it runs.
    pub fn status(&self) -> Status {
        self.status.clone()
    }

    /// Runs until `stop`; then finishes what it has in hand and leaves the group.
    pub async fn run(self, stop: CancellationToken) {
        let KafkaAlerts {
            settings,
            store,
            lease,
            config,
            status,
        } = self;
        let raised = Notify::new();
        let reading = status.part("reading");
        let reader = reader::Reader {
            settings: &settings,
            store: &store,
            config: &config,
            status: &reading,
            raised: &raised,
        };
        let publisher = publisher::Publisher {
            store: &store,
            config: &config,
            status: status.part("publishing"),
            raised: &raised,
            producer: producer::Producer::new(settings.clone()),
            failures: 0,
        };
        let recording = status.part("recording");
        tokio::join!(
            reader.run(&stop),
            publisher.run(lease, &stop),
            table::run(&settings, &store, &config, &recording, &stop),
        );
    }
}
