//! The loop: read, append, remember.

use crate::{
    AppendError, Event, EventLog, Failure, Fence, Lease, Outbox, Positions, Source, Standing, backlog::Gauge,
};
use domain::Instant;
use std::{sync::Arc, time::Duration};
use tokio::{sync::watch, time};
use tokio_util::sync::CancellationToken;

/// How the relay runs.
#[derive(Clone, Debug)]
pub struct RelayConfig {
    /// How often the outbox is looked at without a commit of this process, for those of others.
    pub interval: Duration,
    /// Events appended at once.
    pub batch: u32,
    /// After a failure: the first and the longest wait.
    pub backoff: (Duration, Duration),
    /// A worker that is gone is replaced after so long, where the log is shared.
    pub lease: Duration,
    /// How often the backlog is measured.
    pub measure: Duration,
    /// At the end the last events have so long to be taken; what is not stays in the outbox.
    pub closing: Duration,
}

impl Default for RelayConfig {
    /// A look every second, 256 at once, waits of 0.1 to 5 s, a lease of 10 s, measured every 2 s, 3 s to close.
    fn default() -> RelayConfig {
        RelayConfig {
            interval: Duration::from_secs(1),
            batch: 256,
            backoff: (Duration::from_millis(100), Duration::from_secs(5)),
            lease: Duration::from_secs(10),
            measure: Duration::from_secs(2),
            closing: Duration::from_secs(3),
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    #[error("the outbox or the relay's position cannot be read or written: {0}")]
    Database(#[from] sqlx::Error),
    #[error(transparent)]
    Append(#[from] AppendError),
    #[error("another worker feeds the log now")]
    Superseded,
}

/// Hands the outbox to one log.
///
/// # Contract
///
/// Every committed event is appended at least once, in the order of commits. The position moves only after the log took the events, so a
/// crash in between repeats them. Of several workers, one at a time feeds a log that they share; where two do for a moment, both do so
/// from no later than the first event that was not taken, and in order.
pub struct Relay {
    orders: Source,
    worker: Source,
    outbox: Outbox,
    positions: Positions,
    log: Arc<dyn EventLog>,
    config: RelayConfig,
    position: i64,
    lease: Option<Lease>,
    fence: Option<Fence>,
    standing: Standing,
}

impl std::fmt::Debug for Relay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Relay")
            .field("log", &self.log.name())
            .field("position", &self.position)
            .finish()
    }
}

impl Relay {
    /// Opens both databases and finds where the log stands.
    pub async fn open(
        orders: impl Into<Source>,
        worker: impl Into<Source>,
        log: Arc<dyn EventLog>,
        config: RelayConfig,
    ) -> Result<Relay, RelayError> {
        let (orders, worker) = (orders.into(), worker.into());
        let lease = if log.is_shared() {
            let owner = format!("worker-{}-{:016x}", std::process::id(), rand::random::<u64>());
            Some(Lease::open(&worker, log.name(), &owner, config.lease).await?)
        } else {
            None
        };
        let mut relay = Relay {
            outbox: Outbox::open(&orders).await?,
            positions: Positions::open(&worker).await?,
            orders,
            worker,
            log,
            config,
            position: 0,
            lease,
            fence: None,
            standing: Standing::default(),
        };
        relay.find_position().await?;
        Ok(relay)
    }

    /// How the relay does, seen from outside.
    pub fn standing(&self) -> Standing {
        self.standing.clone()
    }

    async fn find_position(&mut self) -> Result<(), sqlx::Error> {
        let log = self.log.name();
        self.positions.begin(log, Instant::now()).await?;
        self.position = self.positions.of(log).await?;
        let last = self.outbox.last().await?;
        if self.position > last {
            // The orders were made anew and the worker's memory was not; going on from there would skip their first events.
            tracing::warn!(
                component = "relay",
                log,
                position = self.position,
                last,
                "the outbox starts anew: relaying it from its start"
            );
            self.position = 0;
            self.positions.store(log, 0, Instant::now()).await?;
        }
        Ok(())
    }

    /// Runs until `stop`; then hands on what is committed by that moment and returns. `commits` ticks after each commit to the orders.
    pub async fn run(self, commits: watch::Receiver<u64>, stop: CancellationToken) {
        let gauge = Gauge {
            orders: self.orders.clone(),
            worker: self.worker.clone(),
            log: self.log.name().to_owned(),
            standing: self.standing.clone(),
            interval: self.config.measure,
        };
        tokio::select! {
            () = self.feed(commits, stop) => {}
            () = gauge.run() => {}
        }
    }

    async fn feed(mut self, mut commits: watch::Receiver<u64>, stop: CancellationToken) {
        let Some(mut lease) = self.lease.take() else {
            return self.turn(&mut commits, &stop).await;
        };
        let mut failures = 0;
        while !stop.is_cancelled() {
            match stop.run_until_cancelled(self.wait_for(&mut lease)).await {
                None => return,
                Some(Ok(fence)) => {
                    failures = 0;
                    self.lead(&mut lease, fence, &mut commits, &stop).await;
                }
                Some(Err(error)) => {
                    failures += 1;
                    self.failed(&error.into(), failures);
                    stop.run_until_cancelled(time::sleep(self.backoff(failures)))
                        .await;
                }
            }
        }
    }

    /// Takes the lease. Whoever waits for it and hears of no failure has none: the database answers, and another worker feeds the log.
    async fn wait_for(&self, lease: &mut Lease) -> Result<Fence, sqlx::Error> {
        let mut taking = std::pin::pin!(lease.take());
        match time::timeout(self.config.lease, &mut taking).await {
            Ok(taken) => taken,
            Err(_) => {
                self.standing.set_failure(None);
                taking.await
            }
        }
    }

    /// Feeds the log as long as the lease lasts.
    async fn lead(
        &mut self,
        lease: &mut Lease,
        fence: Fence,
        commits: &mut watch::Receiver<u64>,
        stop: &CancellationToken,
    ) {
        tracing::info!(
            component = "relay",
            log = self.log.name(),
            "this worker feeds the log"
        );
        self.fence = Some(fence);
        match self.find_position().await {
            Ok(()) => tokio::select! {
                () = self.turn(commits, stop) => {}
                () = lease.keep(fence) => {
                    tracing::warn!(component = "relay", log = self.log.name(), "the lease is lost");
                }
            },
            Err(error) => self.failed(&error.into(), 1),
        }
        self.standing.set_failure(None);
        if let Err(error) = lease.release(fence).await {
            tracing::warn!(component = "relay", log = self.log.name(), %error, "the lease is not released; it runs out");
        }
    }

    /// Returns at the end, or when another worker has taken over.
    async fn turn(&mut self, commits: &mut watch::Receiver<u64>, stop: &CancellationToken) {
        let closing = self.config.closing;
        let too_late = async {
            stop.cancelled().await;
            time::sleep(closing).await;
        };
        tokio::pin!(too_late);
        let mut failures: u32 = 0;
        loop {
            // Seen before the reading: a commit during it wakes us again.
            commits.borrow_and_update();
            let stopping = stop.is_cancelled();
            let pumped = tokio::select! {
                pumped = self.pump() => pumped,
                () = &mut too_late => {
                    tracing::warn!(component = "relay", log = self.log.name(), "closed with events still in the outbox");
                    return;
                }
            };
            let wait = match pumped {
                Ok(()) => {
                    failures = 0;
                    self.standing.set_failure(None);
                    self.config.interval
                }
                Err(RelayError::Superseded) => return,
                Err(error) => {
                    failures = failures.saturating_add(1);
                    self.failed(&error, failures);
                    self.backoff(failures)
                }
            };
            if stopping {
                return;
            }
            tokio::select! {
                () = stop.cancelled() => {}
                // After a failure only time helps, not another commit.
                Ok(()) = commits.changed(), if failures == 0 => {}
                () = time::sleep(wait) => {}
            }
        }
    }

    fn failed(&self, error: &RelayError, failures: u32) {
        let log = self.log.name();
        metrics::counter!("kessai_relay_failures_total", "log" => log.to_owned()).increment(1);
        let reason = error.to_string();
        self.standing.set_failure(Some(match error {
            RelayError::Append(_) => Failure::Log(reason),
            RelayError::Database(_) | RelayError::Superseded => Failure::Database(reason),
        }));
        match error {
            RelayError::Append(AppendError {
                is_retriable: false, ..
            }) => tracing::error!(
                component = "relay", log, %error, failures,
                "events not handed on, nor will they be until somebody mends it"
            ),
            _ => tracing::warn!(
                component = "relay", log, %error, failures,
                "events not handed on; trying again"
            ),
        }
    }

    /// Hands on everything that is committed now. By itself it takes no lease.
    pub async fn pump(&mut self) -> Result<(), RelayError> {
        loop {
            let events: Vec<Arc<Event>> = self
                .outbox
                .after(self.position, self.config.batch)
                .await?
                .into_iter()
                .map(Arc::new)
                .collect();
            let Some(first) = events.first() else {
                return Ok(());
            };
            let waited = Instant::now().since(first.created_at());
            let appended = self.log.append(&events).await;
            let taken = match &appended {
                Ok(()) => events.len(),
                Err(error) => error.taken,
            };
            if let Some(last) = events[..taken].last() {
                let log = self.log.name().to_owned();
                metrics::counter!("kessai_relay_events_total", "log" => log.clone()).increment(taken as u64);
                metrics::histogram!("kessai_relay_delay_seconds", "log" => log).record(waited.as_secs_f64());
                self.store(last.seq).await?;
            }
            appended?;
            self.standing.set_failure(None);
            if events.len() < self.config.batch as usize {
                return Ok(());
            }
        }
    }

    async fn store(&mut self, seq: i64) -> Result<(), RelayError> {
        let (log, now) = (self.log.name(), Instant::now());
        match self.fence {
            None => self.positions.store(log, seq, now).await?,
            Some(fence) => {
                if !self.positions.store_under(fence, log, seq, now).await? {
                    return Err(RelayError::Superseded);
                }
            }
        }
        self.position = seq;
        Ok(())
    }

    fn backoff(&self, failures: u32) -> Duration {
        let (first, longest) = self.config.backoff;
        first
            .saturating_mul(2u32.saturating_pow(failures.saturating_sub(1).min(16)))
            .min(longest)
    }
}
