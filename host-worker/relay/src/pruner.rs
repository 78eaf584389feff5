//! The end of events: delivered everywhere, and past their retention.

use crate::{Outbox, Positions, RelayError, Source};
use domain::Instant;
use std::time::Duration;
use tokio::time;
use tokio_util::sync::CancellationToken;

/// Deletes from the outbox what every log has got and nobody needs to be wound back to. Several workers may do it at once.
#[derive(Clone, Debug)]
pub struct Pruner {
    pub orders: Source,
    pub worker: Source,
    /// Every log that the outbox feeds; the slowest decides. One that has got nothing yet keeps everything.
    pub logs: Vec<String>,
    /// Delivered events are kept so long; consumers can be wound back that far.
    pub retention: Duration,
    pub interval: Duration,
}

impl Pruner {
    /// A week's retention, looked at hourly.
    pub fn new(orders: impl Into<Source>, worker: impl Into<Source>, logs: Vec<String>) -> Pruner {
        Pruner {
            orders: orders.into(),
            worker: worker.into(),
            logs,
            retention: Duration::from_secs(7 * 24 * 3600),
            interval: Duration::from_secs(3600),
        }
    }

    pub async fn run(self, stop: CancellationToken) {
        loop {
            match self.prune().await {
                Ok(0) => {}
                Ok(rows) => tracing::info!(
                    component = "relay",
                    rows,
                    "delivered events past their retention deleted"
                ),
                Err(error) => tracing::warn!(component = "relay", %error, "outbox not pruned"),
            }
            if stop
                .run_until_cancelled(time::sleep(self.interval))
                .await
                .is_none()
            {
                return;
            }
        }
    }

    /// Returns how many rows went.
    pub async fn prune(&self) -> Result<u64, RelayError> {
        let mut positions = Positions::open(&self.worker).await?;
        let mut delivered: Option<i64> = None;
        for log in &self.logs {
            let position = positions.of(log).await?;
            delivered = Some(delivered.map_or(position, |slowest| slowest.min(position)));
        }
        let before = Instant::now().minus(self.retention);
        let mut outbox = Outbox::open(&self.orders).await?;
        Ok(outbox.prune(delivered.unwrap_or(0), before).await?)
    }
}
