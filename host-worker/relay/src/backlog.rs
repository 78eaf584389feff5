//! How far a log lies behind the outbox.

use crate::{Outbox, Positions, Source};
use domain::Instant;
use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::time;

/// Committed and not yet handed to the log, by whichever worker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    pub events: u64,
    /// Since the oldest of them was committed; zero if there is none.
    pub oldest: Duration,
}

/// Why an attempt failed, and so where to look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The outbox or the relay's own tables cannot be read or written; nothing is known of the log.
    Database(String),
    /// The log does not take the events.
    Log(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Failure::Database(reason) | Failure::Log(reason)) = self;
        f.write_str(reason)
    }
}

/// What is known of a relay from outside. Clones know the same.
#[derive(Clone, Debug, Default)]
pub struct Standing(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    backlog: Backlog,
    failure: Option<Failure>,
}

impl Standing {
    /// As it was at the last look.
    pub fn backlog(&self) -> Backlog {
        self.known(|known| known.backlog)
    }

    /// Why this worker's last attempt failed; `None` if it succeeded, or if there was none.
    pub fn failure(&self) -> Option<Failure> {
        self.known(|known| known.failure.clone())
    }

    pub(crate) fn set_failure(&self, failure: Option<Failure>) {
        self.known(|known| known.failure = failure);
    }

    fn known<T>(&self, read: impl FnOnce(&mut Known) -> T) -> T {
        read(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Measures the backlog again and again, beside the relay: it grows while the relay waits for its log.
pub(crate) struct Gauge {
    pub(crate) orders: Source,
    pub(crate) worker: Source,
    pub(crate) log: String,
    pub(crate) standing: Standing,
    pub(crate) interval: Duration,
}

impl Gauge {
    /// Never returns.
    pub(crate) async fn run(self) {
        loop {
            if let Err(error) = self.measure().await {
                tracing::debug!(component = "relay", log = self.log, %error, "the backlog is not known");
                time::sleep(self.interval).await;
            }
        }
    }

    async fn measure(&self) -> Result<(), sqlx::Error> {
        let mut outbox = Outbox::open(&self.orders).await?;
        let mut positions = Positions::open(&self.worker).await?;
        loop {
            let position = positions.of(&self.log).await?;
            let (events, oldest) = outbox.waiting(position).await?;
            let oldest = oldest.map_or(Duration::ZERO, |oldest| Instant::now().since(oldest));
            metrics::gauge!("kessai_relay_lag_events", "log" => self.log.clone()).set(events as f64);
            metrics::gauge!("kessai_relay_oldest_seconds", "log" => self.log.clone())
                .set(oldest.as_secs_f64());
            self.standing
                .known(|known| known.backlog = Backlog { events, oldest });
            time::sleep(self.interval).await;
        }
    }
}
