//! The alerts' topic into the table that people work on. An alert that is there stays as people left it, so reading one again does no harm, and the group's own
//! offsets in Kafka will do.

use super::{
    KafkaAlertsError, KafkaConfig,
    ends::Quiet,
    letters,
    message::Names,
    producer::Producer,
    reader::{outcome, within_farewell},
};
use crate::{
    heard::{Heard, Says, Unreadable, say_dead},
    status::Status,
    store::Store,
};
use domain::{AlertRaised, Instant, topic};
use kessai_relay::kafka::{KafkaError, KafkaSettings};
use rdkafka::{
    Message, Offset, TopicPartitionList,
    config::FromClientConfigAndContext,
    consumer::{BaseConsumer, CommitMode, Consumer},
};
use std::{collections::HashMap, time::Duration};
use tokio::{runtime::Handle, sync::oneshot, time};
use tokio_util::sync::CancellationToken;

const IDLE: Duration = Duration::from_millis(50);
const BATCH: usize = 500;
/// A consumer that went on so long has no trouble.
const SOUND: Duration = Duration::from_secs(5);

/// Runs until `stop`, with a new consumer after each failure: what was not committed is read again.
pub(super) async fn run(
    settings: &KafkaSettings,
    store: &Store,
    config: &KafkaConfig,
    status: &Status,
    stop: &CancellationToken,
) {
    let mut failures: u32 = 0;
    while !stop.is_cancelled() {
        let began = time::Instant::now();
        let ends = stop.child_token();
        let _guard = ends.clone().drop_guard();
        let recorder = Recorder {
            settings: settings.clone(),
            store: store.clone(),
            session: config.session,
            status: status.clone(),
            stop: ends,
            runtime: Handle::current(),
        };
        let (answer, answered) = oneshot::channel();
        let spawned = std::thread::Builder::new()
            .name("alerts-table".to_owned())
            .spawn(move || {
                // Whoever waited may be gone.
                let _ = answer.send(recorder.record());
            });
        let outcome = match spawned {
            Ok(_) => within_farewell(outcome(answered), stop).await,
            Err(error) => Err(KafkaAlertsError::Thread(error.to_string())),
        };
        if let Err(error) = outcome {
            // One that went well for long begins its waits anew.
            failures = if began.elapsed() > config.wait(u32::MAX) {
                1
            } else {
                failures.saturating_add(1)
            };
            status.failed(&error);
            tracing::warn!(component = "alerts", %error, failures, "alerts not recorded; trying again");
            let _ = stop.run_until_cancelled(time::sleep(config.wait(failures))).await;
        }
    }
}

struct Recorder {
    settings: KafkaSettings,
    store: Store,
    session: Duration,
    status: Status,
    stop: CancellationToken,
    runtime: Handle,
}

impl Recorder {
    /// Blocks its thread.
    fn record(self) -> Result<(), KafkaAlertsError> {
        let name = self.settings.topic(topic::ALERTS);
        let failed = |error: rdkafka::error::KafkaError| KafkaAlertsError::of(&error, &name, &self.settings);
        let mut client = self.settings.client();
        client
            .set("group.id", self.settings.topic("kessai-alert-table"))
            .set("enable.auto.commit", "false")
            .set("auto.offset.reset", "earliest")
            .set("session.timeout.ms", self.session.as_millis().to_string())
            .set(
                "heartbeat.interval.ms",
                (self.session.as_millis() / 4).to_string(),
            );
        let consumer = BaseConsumer::from_config_and_context(&client, Quiet).map_err(failed)?;
        consumer.subscribe(&[&name]).map_err(failed)?;
        let mut producer = Producer::new(self.settings.clone());
        let names = Names::new(&self.settings);
        let mut taken = Taken::default();
        let began = time::Instant::now();
        while !self.stop.is_cancelled() {
            let patience = if taken.count == 0 { IDLE } else { Duration::ZERO };
            match consumer.poll(patience) {
                Some(Ok(message)) => {
                    taken.add(message.partition(), names.read(&message));
                    if taken.count < BATCH {
                        continue;
                    }
                }
                Some(Err(error)) => {
                    match KafkaError::of(&error, &name, self.settings.brokers()) {
                        // The client goes on by itself.
                        KafkaError::Unavailable { .. } => {}
                        other => return Err(other.into()),
                    }
                }
                None => {}
            }
            if taken.count > 0 {
                let taken = std::mem::take(&mut taken);
                self.runtime.block_on(self.store(&taken, &mut producer))?;
                // Nothing depends on it but that less is read again.
                let _ = consumer.commit(&taken.offsets(&name).map_err(failed)?, CommitMode::Async);
            }
            if began.elapsed() > SOUND {
                self.status.succeeded();
            }
        }
        Ok(())
    }

    async fn store(&self, taken: &Taken, producer: &mut Producer) -> Result<(), KafkaAlertsError> {
        for (partition, unreadable) in &taken.dead {
            letters::tell(producer, *partition, &[unreadable]).await?;
            say_dead(&unreadable.letter);
        }
        self.store.record(&taken.alerts, Instant::now()).await?;
        Ok(())
    }
}

/// What was read and not recorded yet, and where each partition is then read on.
#[derive(Default)]
struct Taken {
    count: usize,
    alerts: Vec<AlertRaised>,
    dead: Vec<(i32, Box<Unreadable>)>,
    next: HashMap<i32, i64>,
}

impl Taken {
    fn add(&mut self, partition: i32, heard: Heard) {
        self.count += 1;
        self.next.insert(partition, heard.offset + 1);
        match heard.says {
            Says::Alert(alert) => self.alerts.push(*alert),
            Says::Unreadable(unreadable) => self.dead.push((partition, unreadable)),
            Says::Event(_) | Says::Nothing => {}
        }
    }

    fn offsets(&self, topic: &str) -> Result<TopicPartitionList, rdkafka::error::KafkaError> {
        let mut offsets = TopicPartitionList::new();
        for (partition, next) in &self.next {
            offsets.add_partition_offset(topic, *partition, Offset::Offset(*next))?;
        }
        Ok(offsets)
    }
}
