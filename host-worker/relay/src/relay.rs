//! The loop: read, append, remember.

use crate::{AppendError, Event, EventLog, Outbox, Positions};
use domain::Instant;
use std::{path::Path, sync::Arc, time::Duration};
use tokio::{sync::watch, time};
use tokio_util::sync::CancellationToken;

/// How the relay runs.
#[derive(Clone, Debug)]
pub struct RelayConfig {
    /// How often the outbox is looked at without a commit of this process, for those of others.
    pub interval: Duration,
    /// Events appended at once.
    pub batch: u32,
    /// Delivered events are kept so long; consumers can be wound back that far.
    pub retention: Duration,
    pub prune_interval: Duration,
    /// After a failure: the first and the longest wait.
    pub backoff: (Duration, Duration),
}

impl Default for RelayConfig {
    /// A look every second, 256 at once, a week's retention, pruned hourly, waits of 0.1 to 5 s.
    fn default() -> RelayConfig {
        RelayConfig {
            interval: Duration::from_secs(1),
            batch: 256,
            retention: Duration::from_secs(7 * 24 * 3600),
            prune_interval: Duration::from_secs(3600),
            backoff: (Duration::from_millis(100), Duration::from_secs(5)),
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    #[error("the outbox or the relay's position cannot be read or written: {0}")]
    Database(#[from] sqlx::Error),
    #[error(transparent)]
    Append(#[from] AppendError),
}

/// Hands the outbox to one log.
///
/// # Contract
///
/// Every committed event is appended at least once, in the order of commits. The position moves only after the log took the events, so a
/// crash in between repeats them.
pub struct Relay {
    outbox: Outbox,
    positions: Positions,
    log: Arc<dyn EventLog>,
    config: RelayConfig,
    position: i64,
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
    /// Opens both database files and finds where the log stands.
    pub async fn open(
        orders: &Path,
        worker: &Path,
        log: Arc<dyn EventLog>,
        config: RelayConfig,
    ) -> Result<Relay, RelayError> {
        let mut outbox = Outbox::open(orders).await?;
        let mut positions = Positions::open(worker).await?;
        let mut position = positions.of(log.name()).await?;
        let last = outbox.last().await?;
        if position > last {
            // The orders were made anew and the worker's memory was not; going on from there would skip their first events.
            tracing::warn!(
                component = "relay",
                position,
                last,
                "the outbox starts anew: relaying it from its start"
            );
            position = 0;
            positions.store(log.name(), position, Instant::now()).await?;
        }
        Ok(Relay {
            outbox,
            positions,
            log,
            config,
            position,
        })
    }

    /// Runs until `stop`; then hands on what is committed by that moment and returns. `commits` ticks after each commit to the orders.
    pub async fn run(mut self, mut commits: watch::Receiver<u64>, stop: CancellationToken) {
        let mut failures: u32 = 0;
        let mut prune_at = time::Instant::now();
        loop {
            // Seen before the reading: a commit during it wakes us again.
            commits.borrow_and_update();
            let stopping = stop.is_cancelled();
            let wait = match self.pump().await {
                Ok(()) => {
                    failures = 0;
                    self.config.interval
                }
                Err(error) => {
                    metrics::counter!("kessai_relay_failures_total").increment(1);
                    tracing::warn!(component = "relay", %error, failures, "events not handed on; trying again");
                    failures = failures.saturating_add(1);
                    self.backoff(failures)
                }
            };
            if stopping {
                return;
            }
            if failures == 0 && time::Instant::now() >= prune_at {
                prune_at = time::Instant::now() + self.config.prune_interval;
                self.prune().await;
            }
            tokio::select! {
                () = stop.cancelled() => {}
                // After a failure only time helps, not another commit.
                Ok(()) = commits.changed(), if failures == 0 => {}
                () = time::sleep(wait) => {}
            }
        }
    }

    /// Hands on everything that is committed now.
    pub async fn pump(&mut self) -> Result<(), RelayError> {
        loop {
            let events: Vec<Arc<Event>> = self
                .outbox
                .after(self.position, self.config.batch)
                .await?
                .into_iter()
                .map(Arc::new)
                .collect();
            let Some(last) = events.last() else { return Ok(()) };
            let (last, waited) = (last.seq, Instant::now().since(events[0].created_at()));
            self.log.append(&events).await?;
            metrics::counter!("kessai_relay_events_total").increment(events.len() as u64);
            metrics::histogram!("kessai_relay_delay_seconds").record(waited.as_secs_f64());
            self.positions
                .store(self.log.name(), last, Instant::now())
                .await?;
            self.position = last;
            if events.len() < self.config.batch as usize {
                return Ok(());
            }
        }
    }

    async fn prune(&self) {
        let retention = i64::try_from(self.config.retention.as_millis()).unwrap_or(i64::MAX);
        let before = Instant::from_millis(Instant::now().millis().saturating_sub(retention));
        match self.outbox.prune(self.position, before).await {
            Ok(0) => {}
            Ok(rows) => tracing::info!(
                component = "relay",
                rows,
                "delivered events past their retention deleted"
            ),
            Err(error) => tracing::warn!(component = "relay", %error, "outbox not pruned"),
        }
    }

    fn backoff(&self, failures: u32) -> Duration {
        let (first, longest) = self.config.backoff;
        first
            .saturating_mul(2u32.saturating_pow(failures.saturating_sub(1).min(16)))
            .min(longest)
    }
}
