//! Takes in what was read, one transaction for each batch, and lets deadlines fire.

use super::{
    KafkaAlertsError, STREAMS,
    clock::Clock,
    ends::{Ends, Watch},
    group::{Done, Step},
    letters,
    producer::Producer,
    reader::Reader,
    writing::{Batch, Outcome, Part, Writing},
};
use crate::{
    heard::{Heard, Says, Unreadable},
    processor::{Destination, Partition},
    store::{Claim, StoreError},
    watermark::Watermark,
};
use domain::Instant;
use std::{collections::BTreeMap, sync::PoisonError, time::Duration};
use tokio::{sync::mpsc::Receiver, task::JoinHandle, time};
use tokio_util::sync::CancellationToken;

/// Between two looks through all states.
const UPKEEP: Duration = Duration::from_secs(15);
/// What is known of an order that nothing was heard of so long is forgotten: later than its events from the outbox.
const RETENTION: Duration = Duration::from_secs(37 * 24 * 3600);

/// Orders of all partitions that wait to be written; who reads waits when there are more.
const PENDING: usize = 100_000;

/// A partition that is ours.
struct Held {
    partition: Partition,
    /// Where the streams ended at an instant that we have not caught up with.
    goal: Option<(Instant, [i64; 2])>,
    /// The instant until which everything is read, for the next commit.
    caught_up: Option<Instant>,
}

impl Held {
    /// The instant until which everything is read, told once.
    fn reached(&mut self) -> Option<Instant> {
        let next = STREAMS.map(|stream| self.partition.next_offset(stream));
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
    /// The batch before, which is written while the next one is worked out.
    writing: Option<Writing>,
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
            writing: None,
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
                    None => return self.settle().await,
                },
                outcome = Writing::end(&mut self.writing) => {
                    self.ended(outcome).await?;
                    self.write().await?;
                }
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
                self.settle().await?;
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
                    caught_up: None,
                },
            )
        });
        self.held = held.collect();
        metrics::gauge!("kessai_alert_partitions").set(self.held.len() as f64);
    }

    /// Takes records in, and has what follows written as soon as nothing else is.
    async fn take_in(&mut self, by_partition: BTreeMap<i32, Vec<Heard>>) -> Result<(), KafkaAlertsError> {
        for (number, heard) in &by_partition {
            while let Err(error) = self.tell_unreadable(*number, heard).await {
                self.wait_after(error).await?;
            }
        }
        while let Err(error) = self.gather(&by_partition).await {
            self.wait_after(error.into()).await?;
        }
        for (number, heard) in by_partition {
            // Not held: the wait for the database, or for Kafka, was longer than it was ours.
            let Some(held) = self.held.get_mut(&number) else {
                continue;
            };
            let last = |stream| heard.iter().rev().find(|heard| heard.topic == stream);
            let next = |stream| Some((stream, last(stream)?.offset + 1));
            let offsets: Vec<(&str, i64)> = STREAMS.into_iter().filter_map(next).collect();
            held.partition.take_in(heard, &offsets);
        }
        let pending: usize = self.held.values().map(|held| held.partition.pending()).sum();
        if pending > PENDING {
            self.finish().await?;
        }
        self.write().await
    }

    /// All partitions' states side by side.
    async fn gather(&mut self, by_partition: &BTreeMap<i32, Vec<Heard>>) -> Result<(), StoreError> {
        let held = self.held.iter_mut();
        let all = held.filter_map(|(number, held)| Some(held.partition.gather(by_partition.get(number)?)));
        futures::future::try_join_all(all).await.map(drop)
    }

    /// Begins to write what is pending, unless something is being written: then it goes next, with all that comes until then.
    async fn write(&mut self) -> Result<(), KafkaAlertsError> {
        if self.writing.is_some() {
            return Ok(());
        }
        let at = Instant::now();
        let mut parts = Vec::new();
        let numbers: Vec<i32> = self.held.keys().copied().collect();
        for number in numbers {
            while let Some(held) = self.held.get_mut(&number) {
                match held.partition.prepare(held.caught_up, at).await {
                    Ok(prepared) => {
                        // What raises alerts may not be all that is due.
                        held.caught_up
                            .take_if(|_| prepared.as_ref().is_none_or(|prepared| prepared.alerts() == 0));
                        parts.extend(prepared.map(|prepared| Part { number, prepared }));
                        break;
                    }
                    Err(error) => self.wait_after(error.into()).await?,
                }
            }
        }
        if !parts.is_empty() && !self.held.is_empty() {
            self.writing = Some(Writing::begin(self.reader.store, Batch { parts, at }));
        }
        Ok(())
    }

    async fn tell_unreadable(&mut self, number: i32, heard: &[Heard]) -> Result<(), KafkaAlertsError> {
        let unreadable = heard.iter().filter_map(|heard| match &heard.says {
            Says::Unreadable(unreadable) => Some(&**unreadable),
            _ => None,
        });
        let unreadable: Vec<&Unreadable> = unreadable.collect();
        if unreadable.is_empty() || !self.held.contains_key(&number) {
            return Ok(());
        }
        letters::tell(&mut self.producer, number, &unreadable).await
    }

    /// Until everything taken in is written, or not ours any more.
    async fn settle(&mut self) -> Result<(), KafkaAlertsError> {
        loop {
            self.finish().await?;
            self.write().await?;
            if self.writing.is_none() {
                return Ok(());
            }
        }
    }

    /// Until nothing is being written.
    async fn finish(&mut self) -> Result<(), KafkaAlertsError> {
        while self.writing.is_some() {
            let outcome = Writing::end(&mut self.writing).await;
            self.ended(outcome).await?;
        }
        Ok(())
    }

    /// What failed is begun again.
    async fn ended(&mut self, outcome: Outcome) -> Result<(), KafkaAlertsError> {
        let (batch, error) = match outcome {
            Outcome::Written(batch) => {
                batch.parts.into_iter().for_each(|part| self.written(part));
                *self.failures = 0;
                return Ok(());
            }
            Outcome::Failed(batch, error) => (batch, error),
            Outcome::Broken(reason) => return Err(KafkaAlertsError::Thread(reason)),
        };
        self.wait_after(error.into()).await?;
        if !self.held.is_empty() {
            self.writing = Some(Writing::begin(self.reader.store, batch));
        }
        Ok(())
    }

    fn written(&mut self, Part { number, prepared }: Part) {
        if prepared.alerts() > 0 {
            self.reader.raised.notify_one();
        }
        let Some(held) = self.held.get_mut(&number) else {
            return;
        };
        held.partition.committed(prepared);
        let next = STREAMS.map(|stream| ((stream, number), held.partition.committed_offset(stream)));
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        done.extend(next);
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
            let behind: i64 = STREAMS
                .iter()
                .zip(ends)
                .map(|(stream, end)| (end - held.partition.committed_offset(stream)).max(0))
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

    /// Lets the deadlines pass, with the next commit, that everything read explains nothing of.
    async fn fire(&mut self, number: i32) -> Result<(), KafkaAlertsError> {
        let Some(held) = self.held.get_mut(&number) else {
            return Ok(());
        };
        match held.reached().filter(|at| self.clock.counts(*at)) {
            None => Ok(()),
            at => {
                held.caught_up = at;
                self.write().await
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
