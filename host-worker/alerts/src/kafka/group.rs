//! What the consumer group decides, answered on the spot.
//!
//! librdkafka calls [`Group`] on the thread that polls, and goes on when the call returns: by then the partitions are claimed in our database and the consumer
//! stands where the database says, or what was given up is finished. That thread may block; nothing is put off, since a consumer that is closed waits for
//! its last answer.

use super::{
    KafkaAlertsError, STREAMS,
    ends::{Quiet, Watch},
};
use crate::store::{Claim, Store};
use domain::Instant;
use kessai_relay::kafka::KafkaSettings;
use rdkafka::{
    ClientContext, Offset, TopicPartitionList,
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext},
    types::RDKafkaRespErr,
};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
        mpsc::sync_channel,
    },
    time::Duration,
};
use tokio::{runtime::Handle, sync::mpsc::Sender};
use tokio_util::sync::CancellationToken;

use crate::heard::Heard;

/// Those who take records in have so long to finish what is under way; whatever they do later is refused by the database.
const FAREWELL: Duration = Duration::from_secs(15);

/// What the desk is told, in the order in which it happens.
pub(super) enum Step {
    /// These partitions are ours until the token is cancelled.
    Assigned(Vec<Claim>, CancellationToken),
    /// Each partition's streams in the order of their offsets.
    Records {
        by_partition: BTreeMap<i32, Vec<Heard>>,
        /// When the one was told that waited longest.
        oldest: Instant,
    },
    /// They are not any more. To be answered.
    Revoked(std::sync::mpsc::SyncSender<()>),
}

/// How far the database has got, for Kafka to show; by stream and partition.
pub(super) type Done = Arc<Mutex<HashMap<(&'static str, i32), i64>>>;

pub(super) struct Group {
    settings: KafkaSettings,
    store: Store,
    watch: Watch,
    runtime: Handle,
    steps: Sender<Step>,
    done: Done,
    stop: CancellationToken,
    /// Changes so far: what was read before one belongs to another assignment.
    changes: AtomicU64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    assignment: CancellationToken,
    failure: Option<KafkaAlertsError>,
    is_leaving: bool,
}

impl Group {
    pub(super) fn new(
        settings: KafkaSettings,
        store: Store,
        watch: Watch,
        (steps, done): (Sender<Step>, Done),
        stop: CancellationToken,
    ) -> Group {
        Group {
            settings,
            store,
            watch,
            runtime: Handle::current(),
            steps,
            done,
            stop,
            changes: AtomicU64::new(0),
            state: Mutex::default(),
        }
    }

    /// That this worker can get the same partitions of both streams.
    pub(super) fn check_partitions(&self) -> Result<(), KafkaAlertsError> {
        self.watch.check_partitions()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }

    /// What kept us from taking partitions over.
    pub(super) fn failure(&self) -> Option<KafkaAlertsError> {
        self.state().failure.take()
    }

    /// From now on whatever the group gives is not taken.
    pub(super) fn leave(&self) {
        self.state().is_leaving = true;
    }

    fn take_over(&self, partitions: &TopicPartitionList) -> Result<TopicPartitionList, KafkaAlertsError> {
        let names = STREAMS.map(|stream| self.settings.topic(stream));
        let numbers = |name: &String| -> BTreeSet<i32> {
            let elements = partitions.elements();
            let ours = elements.iter().filter(|element| element.topic() == name);
            ours.map(|element| element.partition()).collect()
        };
        let [orders, payments] = names.each_ref().map(numbers);
        if orders != payments {
            let what = format!("this worker was given {orders:?} of orders and {payments:?} of payments");
            return Err(KafkaAlertsError::Partitions(what));
        }
        let numbers: Vec<i32> = orders.into_iter().collect();
        let ends = self.watch.ends(&numbers)?;
        let mut offsets = TopicPartitionList::new();
        let mut claims = Vec::with_capacity(numbers.len());
        for number in numbers {
            let claim = self
                .runtime
                .block_on(self.claim(number, ends.get(&number).copied().unwrap_or_default()))?;
            for (stream, name) in STREAMS.iter().zip(&names) {
                let next = claim.offsets.get(*stream).copied().unwrap_or(0);
                offsets
                    .add_partition_offset(name, number, Offset::Offset(next))
                    .map_err(|error| KafkaAlertsError::of(&error, name, &self.settings))?;
            }
            claims.push(claim);
        }
        let mut state = self.state();
        // Also at the end: nobody waits for a database that is away.
        state.assignment = self.stop.child_token();
        let assigned = Step::Assigned(claims, state.assignment.clone());
        drop(state);
        // Nobody listens any more: then this consumer is about to end.
        let _ = self.steps.blocking_send(assigned);
        Ok(offsets)
    }

    async fn claim(&self, number: i32, ends: [i64; 2]) -> Result<Claim, KafkaAlertsError> {
        let claim = self
            .store
            .claim(i64::from(number), &STREAMS, Instant::now())
            .await?;
        let is_beyond =
            |(stream, end): (&&str, i64)| claim.offsets.get(*stream).is_some_and(|next| *next > end);
        if !STREAMS.iter().zip(ends).any(is_beyond) {
            return Ok(claim);
        }
        tracing::warn!(
            component = "alerts",
            partition = number,
            "the topics start anew: reading them from their start"
        );
        self.store.rewind(&claim, Instant::now()).await?;
        Ok(self
            .store
            .claim(i64::from(number), &STREAMS, Instant::now())
            .await?)
    }

    /// Waits until what was read is in the database.
    fn give_up(&self, consumer: &BaseConsumer<Group>) {
        self.state().assignment.cancel();
        let (answer, answered) = sync_channel(1);
        if self.steps.blocking_send(Step::Revoked(answer)).is_ok() {
            let _ = answered.recv_timeout(FAREWELL);
        }
        // At the end nobody waits for the answer.
        if !self.state().is_leaving {
            self.tell_progress(consumer);
        }
    }

    /// Tells Kafka how far we are, so that its tools show the lag. Nothing depends on it.
    pub(super) fn tell_progress(&self, consumer: &BaseConsumer<Group>) {
        let done: Vec<_> = self
            .done
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .drain()
            .collect();
        let mut offsets = TopicPartitionList::new();
        for ((stream, partition), next) in done {
            let name = self.settings.topic(stream);
            let _ = offsets.add_partition_offset(&name, partition, Offset::Offset(next));
        }
        if offsets.count() > 0
            && let Err(error) = consumer.commit(&offsets, CommitMode::Async)
        {
            tracing::debug!(component = "alerts", %error, "Kafka is not told how far we are");
        }
    }
}

impl ClientContext for Group {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        Quiet.log(level, facility, message);
    }

    fn error(&self, error: rdkafka::error::KafkaError, reason: &str) {
        Quiet.error(error, reason);
    }
}

impl ConsumerContext for Group {
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        code: RDKafkaRespErr,
        partitions: &mut TopicPartitionList,
    ) {
        self.changes.fetch_add(1, Ordering::AcqRel);
        let answered = match code {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS if !self.state().is_leaving => {
                match self.take_over(partitions) {
                    Ok(offsets) => consumer.assign(&offsets),
                    Err(error) => {
                        self.state().failure = Some(error);
                        consumer.unassign()
                    }
                }
            }
            _ => {
                self.give_up(consumer);
                consumer.unassign()
            }
        };
        if let Err(error) = answered {
            self.state().failure = Some(KafkaAlertsError::of(&error, "the assignment", &self.settings));
        }
    }
}
