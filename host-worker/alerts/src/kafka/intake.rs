//! The thread that has the consumer: messages to records, gathered while the desk is busy.

use super::{
    KafkaAlertsError, STREAMS,
    ends::Watch,
    group::{Done, Group, Step},
    message::Names,
    reader::Reader,
};
use crate::heard::Heard;
use kessai_relay::kafka::{KafkaError, KafkaSettings};
use rdkafka::{
    Message,
    config::FromClientConfigAndContext,
    consumer::{BaseConsumer, Consumer},
    error::KafkaError as ClientError,
    message::BorrowedMessage,
};
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};
use tokio::sync::mpsc::{Sender, error::TrySendError};
use tokio_util::sync::CancellationToken;

/// How soon an idle thread hears of its end.
const IDLE: Duration = Duration::from_millis(50);
/// Between two looks whether a busy desk has room for what was gathered.
const BUSY: Duration = Duration::from_millis(2);
const PROGRESS: Duration = Duration::from_secs(1);

pub(super) struct Intake {
    settings: KafkaSettings,
    batch: usize,
    steps: Sender<Step>,
    stop: CancellationToken,
    consumer: BaseConsumer<Group>,
}

impl Intake {
    /// Makes the consumer; within a runtime, which the group's decisions use.
    pub(super) fn join(
        reader: &Reader<'_>,
        watch: &Watch,
        (steps, done): (Sender<Step>, Done),
        stop: CancellationToken,
    ) -> Result<Intake, KafkaAlertsError> {
        let (settings, config) = (reader.settings, reader.config);
        let (store, watch) = (reader.store.clone(), watch.clone());
        let group = Group::new(
            settings.clone(),
            store,
            watch,
            (steps.clone(), done),
            stop.clone(),
        );
        let consumer = BaseConsumer::from_config_and_context(&config.consumer(settings), group)
            .map_err(|error| KafkaAlertsError::of(&error, "a consumer", settings))?;
        Ok(Intake {
            settings: settings.clone(),
            batch: config.batch,
            steps,
            stop,
            consumer,
        })
    }

    /// Until `stop`, or until nobody takes what it reads. Leaves the group at the end.
    pub(super) fn read(self) -> Result<(), KafkaAlertsError> {
        let outcome = self.poll_all();
        self.consumer.context().leave();
        outcome
    }

    fn poll_all(&self) -> Result<(), KafkaAlertsError> {
        let group = self.consumer.context();
        group.check_partitions()?;
        let topics = STREAMS.map(|stream| self.settings.topic(stream));
        self.consumer
            .subscribe(&topics.each_ref().map(String::as_str))
            .map_err(|error| KafkaAlertsError::of(&error, "the group", &self.settings))?;
        let names = Names::new(&self.settings);
        let mut gathered = Gathered::default();
        let mut changes = group.changes();
        let mut told = Instant::now();
        while !self.stop.is_cancelled() {
            let message = self.consumer.poll(gathered.patience());
            if group.changes() != changes {
                // Not in the database, so whoever has its partition now reads it again.
                gathered = Gathered::default();
                changes = group.changes();
                if let Some(failure) = group.failure() {
                    return Err(failure);
                }
            }
            match message {
                Some(Ok(message)) => gathered.add(&message, names.read(&message)),
                Some(Err(error)) => self.endure(&error)?,
                None => gathered.is_all = true,
            }
            if gathered.count >= self.batch {
                if self.steps.blocking_send(gathered.take()).is_err() {
                    return Ok(());
                }
            } else if gathered.is_all && gathered.count > 0 {
                match self.steps.try_reserve() {
                    Ok(room) => room.send(gathered.take()),
                    // More comes with the next look.
                    Err(TrySendError::Full(())) => {}
                    Err(TrySendError::Closed(())) => return Ok(()),
                }
            }
            if gathered.count == 0 && self.steps.is_closed() {
                return Ok(());
            }
            // The clock is not asked for each of a million messages.
            if gathered.count.is_multiple_of(1_024) && told.elapsed() >= PROGRESS {
                told = Instant::now();
                group.tell_progress(&self.consumer);
            }
        }
        Ok(())
    }

    /// librdkafka mends by itself what time mends; the rest ends this consumer.
    fn endure(&self, error: &ClientError) -> Result<(), KafkaAlertsError> {
        if let ClientError::MessageConsumptionFatal(_) = error {
            return Err(KafkaAlertsError::of(error, "the events", &self.settings));
        }
        match KafkaError::of(error, "the events", self.settings.brokers()) {
            KafkaError::Unavailable { reason, .. } => {
                tracing::debug!(component = "alerts", reason, "the consumer goes on by itself");
                Ok(())
            }
            other => Err(other.into()),
        }
    }
}

/// Records that are not handed over yet.
#[derive(Default)]
struct Gathered {
    heard: BTreeMap<i32, Vec<Heard>>,
    count: usize,
    oldest: Option<i64>,
    /// The consumer had no more.
    is_all: bool,
}

impl Gathered {
    fn add(&mut self, message: &BorrowedMessage<'_>, heard: Heard) {
        self.heard.entry(message.partition()).or_default().push(heard);
        let at = message.timestamp().to_millis();
        self.oldest = self.oldest.into_iter().chain(at).min();
        self.count += 1;
        self.is_all = false;
    }

    fn take(&mut self) -> Step {
        let all = std::mem::take(self);
        Step::Records {
            by_partition: all.heard,
            oldest: all
                .oldest
                .map_or_else(domain::Instant::now, domain::Instant::from_millis),
        }
    }

    /// How long the next message may be waited for.
    fn patience(&self) -> Duration {
        match (self.count, self.is_all) {
            (0, _) => IDLE,
            (_, false) => Duration::ZERO,
            (_, true) => BUSY,
        }
    }
}
