//! Takes in what was read, one transaction for each partition's part of a batch, and lets deadlines fire.

use super::{
    KafkaAlertsError, STREAMS,
    ends::{Ends, Watch},
    group::{Done, Step},
    letters,
    producer::Producer,
    reader::Reader,
};
use crate::{
    processor::{Destination, Partition, Record},
    store::{Claim, StoreError},
    watermark::Watermark,
};
use domain::Instant;
use std::{
    collections::{BTreeMap, HashMap},
    sync::PoisonError,
    time::Duration,
};
use tokio::{
    sync::{Mutex, mpsc::Receiver},
    task::JoinHandle,
    time,
};
use tokio_util::sync::CancellationToken;

/// Between two looks through all states.
const UPKEEP: Duration = Duration::from_secs(15);
/// What is known of an order that nothing was heard of so long is forgotten: later than its events from the outbox.
const RETENTION: Duration = Duration::from_secs(37 * 24 * 3600);

/// Whether this machine's clock may let deadlines fire. Not while outboxes are being emptied: then what explains an event may still wait in one, however well
/// the topics are read to their end.
pub(super) struct Clock {
    settling: Duration,
    /// `None`: Kafka does not answer.
    counts_from: Option<Instant>,
}

impl Clock {
    pub(super) fn new(settling: Duration) -> Clock {
        Clock {
            settling,
            counts_from: None,
        }
    }

    pub(super) fn lost(&mut self) {
        self.counts_from = None;
    }

    /// Kafka answered a question of `asked_at`.
    fn answered(&mut self, asked_at: Instant) {
        self.counts_from
            .get_or_insert_with(|| asked_at.plus(self.settling));
    }

    /// Events come that waited long to be told.
    fn delayed(&mut self) {
        if self.counts_from.is_some() {
            self.counts_from = Some(Instant::now().plus(self.settling));
        }
    }

    fn counts(&self, at: Instant) -> bool {
        self.counts_from.is_some_and(|from| from <= at)
    }
}

/// A partition that is ours.
struct Held {
    partition: Partition,
    /// Where the streams ended at an instant that we have not caught up with.
    goal: Option<(Instant, [i64; 2])>,
}

impl Held {
    fn next(&self) -> [i64; 2] {
        STREAMS.map(|stream| self.partition.next_offset(stream))
    }

    /// The instant until which everything is read, told once.
    fn caught_up(&mut self) -> Option<Instant> {
        let next = self.next();
        let reached = |(_, ends): &(Instant, [i64; 2])| ends.iter().zip(next).all(|(end, next)| next >= *end);
        self.goal.take_if(|goal| reached(goal)).map(|(at, _)| at)
    }
}

pub(super) struct Desk<'a> {
    reader: &'a Reader<'a>,
    watch: Watch,
    done: Done,
    clock: &'a mut Clock,
    failures: &'a mut u32,
    producer: Producer,
    held: BTreeMap<i32, Held>,
    /// Until when they are ours.
    assignment: CancellationToken,
    began: time::Instant,
    upkeep_at: time::Instant,
}

impl<'a> Desk<'a> {
    pub(super) fn new(
        reader: &'a Reader<'a>,
        watch: Watch,
        done: Done,
        clock: &'a mut Clock,
        failures: &'a mut u32,
    ) -> Desk<'a> {
        Desk {
            producer: Producer::new(reader.settings.clone()),
            reader,
            watch,
            done,
            clock,
            failures,
            held: BTreeMap::new(),
            assignment: CancellationToken::new(),
            began: time::Instant::now(),
            upkeep_at: time::Instant::now(),
        }
    }

    /// Until nobody reads any more.
    ///
    /// # Errors
    /// A partition is somebody else's: this worker must join the group anew.
    pub(super) async fn work(mut self, mut steps: Receiver<Step>) -> Result<(), KafkaAlertsError> {
        let mut ticks = time::interval(self.reader.config.interval);
        ticks.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
        let mut asked: Option<(Instant, JoinHandle<Result<Ends, KafkaAlertsError>>)> = None;
        loop {
            let is_asked = asked.is_some();
            let answer = async {
                match &mut asked {
                    Some((_, answer)) => answer.await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                // Steps first: what is asked about the ends is measured by what was taken in.
                biased;
                step = steps.recv() => match step {
                    Some(step) => self.follow(step).await?,
                    None => return Ok(()),
                },
                answer = answer => {
                    let at = asked.take().map_or_else(Instant::now, |(at, _)| at);
                    let answer = answer.unwrap_or_else(|error| Err(KafkaAlertsError::Thread(error.to_string())));
                    self.measure(at, answer).await?;
                }
                _ = ticks.tick(), if !is_asked => {
                    let (watch, numbers) = (self.watch.clone(), self.held.keys().copied().collect::<Vec<_>>());
                    let question = tokio::task::spawn_blocking(move || watch.ends(&numbers));
                    asked = Some((Instant::now(), question));
                }
            }
        }
    }

    async fn follow(&mut self, step: Step) -> Result<(), KafkaAlertsError> {
        match step {
            Step::Assigned(claims, assignment) => {
                self.assignment = assignment;
                self.hold(claims);
                tracing::info!(component = "alerts", partitions = ?self.held.keys().collect::<Vec<_>>(), "partitions taken over");
            }
            Step::Revoked(answer) => {
                self.hold(Vec::new());
                // Who asked may have had no more patience.
                let _ = answer.send(());
            }
            Step::Records { by_partition, oldest } => {
                if Instant::now().since(oldest) > self.reader.config.disorder {
                    self.clock.delayed();
                }
                let numbers: Vec<i32> = by_partition.keys().copied().collect();
                self.take_in(by_partition).await?;
                for number in numbers {
                    self.fire(number).await?;
                }
            }
        }
        Ok(())
    }

    fn hold(&mut self, claims: Vec<Claim>) {
        let config = self.reader.config;
        let held = claims.into_iter().map(|claim| {
            let number = i32::try_from(claim.part).unwrap_or_default();
            let partition = Partition::new(
                self.reader.store.clone(),
                claim,
                config.rules.clone(),
                Destination::Topic,
                Watermark::new(&STREAMS, config.disorder),
            );
            (
                number,
                Held {
                    partition,
                    goal: None,
                },
            )
        });
        self.held = held.collect();
        metrics::gauge!("kessai_alert_partitions").set(self.held.len() as f64);
    }

    /// Again and again, until all of it is committed or the partitions are not ours any more. One partition is worked out while another's is written.
    async fn take_in(&mut self, mut waiting: HashMap<i32, Vec<Record>>) -> Result<(), KafkaAlertsError> {
        loop {
            let pen = Pen {
                producer: &Mutex::new(&mut self.producer),
                writer: &Mutex::new(()),
            };
            let held = self.held.iter_mut();
            let work = held.filter_map(|(number, held)| {
                let records = waiting.get(number)?;
                Some(async move { (*number, apply(&mut held.partition, pen, *number, records).await) })
            });
            let outcomes = futures::future::join_all(work).await;
            let mut failure = None;
            for (number, outcome) in outcomes {
                match outcome {
                    Ok(applied) => {
                        let count = waiting.remove(&number).map_or(0, |records| records.len());
                        self.count(number, count, applied);
                    }
                    // That a partition is another's comes before what time mends.
                    Err(error) if failure.is_none() || is_stale(&error) => failure = Some(error),
                    Err(_) => {}
                }
            }
            match failure {
                None => {
                    *self.failures = 0;
                    return Ok(());
                }
                Some(error) => self.wait_after(error).await?,
            }
        }
    }

    fn count(&self, number: i32, records: usize, applied: Taken) {
        if applied.alerts > 0 {
            self.reader.raised.notify_one();
        }
        metrics::counter!("kessai_alert_events_total").increment(records as u64);
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        done.extend(
            applied
                .offsets
                .into_iter()
                .map(|(stream, next)| ((stream, number), next)),
        );
    }

    /// A partition that is another's, for good or because somebody claimed it too late: the group must decide anew.
    async fn wait_after(&mut self, error: KafkaAlertsError) -> Result<(), KafkaAlertsError> {
        if is_stale(&error) {
            return Err(error);
        }
        *self.failures = self.failures.saturating_add(1);
        self.reader.status.failed(&error);
        tracing::warn!(component = "alerts", %error, failures = *self.failures, "events not committed; trying again");
        let wait = self.reader.config.wait(*self.failures);
        let ended = self.assignment.run_until_cancelled(time::sleep(wait)).await;
        if ended.is_none() {
            self.hold(Vec::new());
        }
        Ok(())
    }

    /// Kafka has said where the streams ended when it was asked, or did not answer.
    async fn measure(
        &mut self,
        asked_at: Instant,
        answer: Result<Ends, KafkaAlertsError>,
    ) -> Result<(), KafkaAlertsError> {
        let answers = metrics::gauge!("kessai_alert_kafka_up");
        let ends = match answer {
            Ok(ends) => ends,
            Err(error) => {
                answers.set(0.0);
                self.clock.lost();
                self.reader.status.failed(&error);
                tracing::warn!(component = "alerts", %error, "Kafka does not say where its topics end");
                return Ok(());
            }
        };
        answers.set(1.0);
        self.clock.answered(asked_at);
        let failures = *self.failures;
        for (number, ends) in ends {
            let Some(held) = self.held.get_mut(&number) else {
                continue;
            };
            let behind: i64 = held
                .next()
                .iter()
                .zip(ends)
                .map(|(next, end)| (end - next).max(0))
                .sum();
            metrics::gauge!("kessai_alert_lag_events", "part" => number.to_string()).set(behind as f64);
            // An older goal is reached first.
            held.goal.get_or_insert((asked_at, ends));
            self.fire(number).await?;
        }
        // The group may still refuse us, unless it has given us something or had the time to.
        let is_in = !self.held.is_empty() || self.began.elapsed() > self.reader.config.session;
        if is_in && failures == *self.failures {
            *self.failures = 0;
            self.reader.status.succeeded();
        }
        self.tend().await;
        Ok(())
    }

    /// Lets the deadlines pass that everything read explains nothing of.
    async fn fire(&mut self, number: i32) -> Result<(), KafkaAlertsError> {
        let Some(held) = self.held.get_mut(&number) else {
            return Ok(());
        };
        let Some(at) = held.caught_up().filter(|at| self.clock.counts(*at)) else {
            return Ok(());
        };
        loop {
            match held.partition.apply(&[], &[], Some(at), Instant::now()).await {
                Ok(applied) if applied.alerts.is_empty() => return Ok(()),
                Ok(_) => self.reader.raised.notify_one(),
                Err(error) => {
                    // The next look finds the same deadlines.
                    return self.wait_after(error.into()).await;
                }
            }
        }
    }

    /// Counts deadlines, and forgets orders of which no event can come any more.
    async fn tend(&mut self) {
        if time::Instant::now() < self.upkeep_at {
            return;
        }
        self.upkeep_at = time::Instant::now() + UPKEEP;
        let store = self.reader.store;
        let tended = async {
            metrics::gauge!("kessai_alert_deadlines").set(store.deadlines().await? as f64);
            store.forget(Instant::now().minus(RETENTION)).await
        };
        if let Err(error) = tended.await {
            tracing::warn!(component = "alerts", %error, "states not looked through");
        }
    }
}

fn is_stale(error: &KafkaAlertsError) -> bool {
    matches!(error, KafkaAlertsError::Store(StoreError::Stale { .. }))
}

/// What partitions that are worked out side by side have one by one.
#[derive(Clone, Copy)]
struct Pen<'a> {
    producer: &'a Mutex<&'a mut Producer>,
    /// SQLite has one writer, and the others would only be told to wait.
    writer: &'a Mutex<()>,
}

/// A partition's part of a batch, committed.
struct Taken {
    alerts: usize,
    /// Where to read on in each stream that it had events of.
    offsets: Vec<(&'static str, i64)>,
}

/// All of it or nothing, except that what cannot be read is told before.
async fn apply(
    partition: &mut Partition,
    pen: Pen<'_>,
    number: i32,
    records: &[Record],
) -> Result<Taken, KafkaAlertsError> {
    let next = |stream: &'static str| {
        let last = records.iter().rev().find(|record| record.topic == stream)?;
        Some((stream, last.offset + 1))
    };
    let offsets: Vec<(&'static str, i64)> = STREAMS.into_iter().filter_map(next).collect();
    let now = Instant::now();
    let mut alerts = 0;
    if let Some(prepared) = partition.prepare(records, &offsets, None, now).await? {
        if !prepared.dead().is_empty() {
            letters::tell(*pen.producer.lock().await, number, prepared.dead(), records).await?;
        }
        let _writing = pen.writer.lock().await;
        alerts = partition.commit(prepared, now).await?.alerts.len();
    }
    Ok(Taken { alerts, offsets })
}
