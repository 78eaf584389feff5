//! The events of this machine's shop, straight from the outbox: no broker, the same rules.
//!
//! The outbox is read at an offset of its own, which commits with what was made of the events. What the relay has handed on does not matter: it deletes only what is a week old.

use crate::{
    heard::{Heard, Record},
    processor::{Destination, Partition},
    rules,
    status::Status,
    store::{Store, StoreError},
    watermark::Watermark,
};
use domain::Instant;
use kessai_relay::{Event, Lease, Outbox, Source};
use std::time::Duration;
use tokio::{sync::watch, time};
use tokio_util::sync::CancellationToken;

/// The outbox as a stream; it has one partition.
pub const STREAM: &str = "outbox";
const PART: i64 = 0;
/// Its name in the table of leases.
const LEASE: &str = "alerts.outbox";
/// Between two looks through all states.
const UPKEEP: Duration = Duration::from_secs(15);
/// What is known of an order that nothing was heard of so long is forgotten: a month after its events are gone from the outbox.
const RETENTION: Duration = Duration::from_secs(37 * 24 * 3600);

/// How the outbox is read.
#[derive(Clone, Debug)]
pub struct InProcessConfig {
    pub rules: rules::Config,
    /// How often is looked without a commit of this process: for events of other processes, and for deadlines.
    pub interval: Duration,
    /// After a commit so long is waited for more: alerts are not in a hurry, and the shop is.
    pub gather: Duration,
    /// Events in one transaction.
    pub batch: u32,
    /// See [`Watermark`].
    pub disorder: Duration,
    /// After a failure: the first and the longest wait.
    pub backoff: (Duration, Duration),
    /// Where several workers share their databases: one that is gone is replaced after so long.
    pub lease: Duration,
}

impl InProcessConfig {
    /// A look every second, a fifth of a second for more, 1,000 at once, a minute and a half of disorder, waits of 0.1 to 5 s, a lease of 10 s.
    pub fn new(rules: rules::Config) -> InProcessConfig {
        InProcessConfig {
            rules,
            interval: Duration::from_secs(1),
            gather: Duration::from_millis(200),
            batch: 1_000,
            disorder: Duration::from_secs(90),
            backoff: (Duration::from_millis(100), Duration::from_secs(5)),
            lease: Duration::from_secs(10),
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum InProcessError {
    #[error("the outbox cannot be read: {0}")]
    Outbox(#[from] sqlx::Error),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The alert processor over the outbox.
#[derive(Debug)]
pub struct InProcess {
    store: Store,
    outbox: Outbox,
    partition: Partition,
    config: InProcessConfig,
    status: Status,
    /// Whose turn it is, of several workers. The claim is what makes it safe; this spares them taking it from each other without end.
    lease: Option<Lease>,
}

impl InProcess {
    /// Opens the orders' database and takes the outbox's only partition.
    pub async fn open(
        orders: impl Into<Source>,
        store: Store,
        config: InProcessConfig,
    ) -> Result<InProcess, InProcessError> {
        let mut outbox = Outbox::open(orders).await?;
        let lease = match store.shared() {
            None => None,
            Some(worker) => {
                let owner = format!("alerts-{}-{}", std::process::id(), uuid::Uuid::new_v4().simple());
                Some(Lease::open(worker, LEASE, &owner, config.lease).await?)
            }
        };
        let mut partition = claim(&store, &config).await?;
        let (position, last) = (partition.next_offset(STREAM), outbox.last().await?);
        if position > last {
            // The orders were made anew and the worker's memory was not.
            tracing::warn!(
                component = "alerts",
                position,
                last,
                "the outbox starts anew: reading it from its start"
            );
            let now = Instant::now();
            store.rewind(partition.claim(), now).await?;
            partition = claim(&store, &config).await?;
        }
        Ok(InProcess {
            store,
            outbox,
            partition,
            config,
            status: Status::default(),
            lease,
        })
    }

    /// How it is doing; stays valid while it runs.
    pub fn status(&self) -> Status {
        self.status.clone()
    }

    /// Runs until `stop`; then takes in what is committed by that moment and returns. `commits` ticks after each commit to the orders.
    pub async fn run(mut self, mut commits: watch::Receiver<u64>, stop: CancellationToken) {
        let Some(mut lease) = self.lease.take() else {
            return self.work(&mut commits, &stop).await;
        };
        let mut failures: u32 = 0;
        while !stop.is_cancelled() {
            let fence = match stop.run_until_cancelled(lease.take()).await {
                None => return,
                Some(Ok(fence)) => fence,
                Some(Err(error)) => {
                    self.status.failed(&error);
                    failures = failures.saturating_add(1);
                    let wait = self.wait(failures);
                    stop.run_until_cancelled(time::sleep(wait)).await;
                    continue;
                }
            };
            failures = 0;
            // Whoever had it has moved on from where this process looked last.
            match claim(&self.store, &self.config).await {
                Ok(partition) => {
                    self.partition = partition;
                    tokio::select! {
                        () = self.work(&mut commits, &stop) => {}
                        () = lease.keep(fence) => {}
                    }
                }
                Err(error) => self.status.failed(&error),
            }
            if let Err(error) = lease.release(fence).await {
                tracing::warn!(component = "alerts", %error, "the lease is not released; it runs out");
            }
        }
    }

    async fn work(&mut self, commits: &mut watch::Receiver<u64>, stop: &CancellationToken) {
        let mut failures: u32 = 0;
        let mut upkeep_at = time::Instant::now();
        loop {
            commits.borrow_and_update();
            let stopping = stop.is_cancelled();
            let wait = match self.pump().await {
                Ok(()) => {
                    failures = 0;
                    self.status.succeeded();
                    if time::Instant::now() >= upkeep_at {
                        upkeep_at = time::Instant::now() + UPKEEP;
                        self.tend().await;
                    }
                    self.config.interval
                }
                Err(error) => {
                    self.status.failed(&error);
                    tracing::warn!(component = "alerts", %error, failures, "events not taken in; trying again");
                    failures = failures.saturating_add(1);
                    self.recover(&error).await;
                    self.wait(failures)
                }
            };
            if stopping {
                return;
            }
            tokio::select! {
                () = stop.cancelled() => {}
                Ok(()) = commits.changed(), if failures == 0 => {
                    let _ = stop.run_until_cancelled(time::sleep(self.config.gather)).await;
                }
                () = time::sleep(wait) => {}
            }
        }
    }

    /// Takes in everything that is committed now, and lets every deadline fire that has passed.
    pub async fn pump(&mut self) -> Result<(), InProcessError> {
        loop {
            // Before the reading: what was told until now is in it.
            let now = Instant::now();
            let position = self.partition.next_offset(STREAM);
            let events = self.outbox.after(position, self.config.batch).await?;
            let is_all = events.len() < self.config.batch as usize;
            let next = events.last().map_or(position, |event| event.seq);
            let heard: Vec<Heard> = events.into_iter().map(|event| record(event).read()).collect();
            // Of what is held back nobody knows here what it would explain.
            let caught_up = (is_all && !self.outbox.is_holding_back()).then_some(now);
            let alerts = self
                .partition
                .apply(heard, &[(STREAM, next)], caught_up, now)
                .await?;
            if is_all {
                metrics::gauge!("kessai_alert_lag_events", "part" => "0").set(0.0);
                if alerts == 0 {
                    return Ok(());
                }
            } else {
                let last = self.outbox.last().await?;
                metrics::gauge!("kessai_alert_lag_events", "part" => "0").set((last - next) as f64);
            }
        }
    }

    /// Counts deadlines, and forgets orders of which no event can come any more.
    async fn tend(&self) {
        let counted = async {
            metrics::gauge!("kessai_alert_deadlines").set(self.store.deadlines().await? as f64);
            self.store.forget(Instant::now().minus(RETENTION)).await
        };
        if let Err(error) = counted.await {
            tracing::warn!(component = "alerts", %error, "states not looked through");
        }
    }

    /// Somebody else took the partition: whoever claims last has it, and this process is told to work.
    async fn recover(&mut self, error: &InProcessError) {
        if let InProcessError::Store(StoreError::Stale { .. }) = error
            && let Ok(partition) = claim(&self.store, &self.config).await
        {
            self.partition = partition;
        }
    }

    fn wait(&self, failures: u32) -> Duration {
        let (first, longest) = self.config.backoff;
        first
            .saturating_mul(2u32.saturating_pow(failures.saturating_sub(1).min(16)))
            .min(longest)
    }
}

async fn claim(store: &Store, config: &InProcessConfig) -> Result<Partition, StoreError> {
    let claim = store.claim(PART, &[STREAM], Instant::now()).await?;
    let watermark = Watermark::merged(config.disorder);
    Ok(Partition::new(
        store.clone(),
        claim,
        config.rules.clone(),
        Destination::Table,
        watermark,
    ))
}

fn record(event: Event) -> Record {
    Record {
        offset: event.seq,
        id: Some(event.id),
        topic: event.topic,
        kind: event.kind,
        key: event.key,
        data: event.data.into_bytes(),
    }
}
