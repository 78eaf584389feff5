//! Alerts from `alert_outbox` to their topic. At least once: whoever is told twice knows it by the alert's id. Of several workers one does it, the
//! holder of the lease, so that a repeat stays the exception.

use super::{KafkaAlertsError, KafkaConfig, message::Told, producer::Producer};
use crate::{
    status::Status,
    store::{Store, StoreError},
};
use domain::{AlertRaised, Instant, topic};
use kessai_relay::Lease;
use std::time::Duration;
use tokio::{sync::Notify, time};
use tokio_util::sync::CancellationToken;

const BATCH: u32 = 500;

pub(super) struct Publisher<'a> {
    pub(super) store: &'a Store,
    pub(super) config: &'a KafkaConfig,
    pub(super) status: Status,
    /// Tells of alerts of this process; those of others are found by looking.
    pub(super) raised: &'a Notify,
    pub(super) producer: Producer,
    pub(super) failures: u32,
}

impl Publisher<'_> {
    /// Runs until `stop`.
    pub(super) async fn run(mut self, mut lease: Lease, stop: &CancellationToken) {
        while !stop.is_cancelled() {
            let fence = match stop.run_until_cancelled(lease.take()).await {
                None => return,
                Some(Ok(fence)) => fence,
                Some(Err(error)) => {
                    let wait = self.failed(&StoreError::from(error).into());
                    let _ = stop.run_until_cancelled(time::sleep(wait)).await;
                    continue;
                }
            };
            tokio::select! {
                () = lease.keep(fence) => {
                    // Another worker's now, with whatever troubles it.
                    self.status.succeeded();
                    continue;
                }
                () = stop.cancelled() => {}
                () = self.publish_all() => {}
            }
            if let Err(error) = lease.release(fence).await {
                tracing::debug!(component = "alerts", %error, "the lease ends by itself");
            }
        }
    }

    /// Until it is dropped.
    async fn publish_all(&mut self) {
        loop {
            match self.publish().await {
                Ok(()) => {
                    self.failures = 0;
                    self.status.succeeded();
                    let _ = time::timeout(self.config.interval, self.raised.notified()).await;
                }
                Err(error) => time::sleep(self.failed(&error)).await,
            }
        }
    }

    /// Says so, and how long to wait.
    fn failed(&mut self, error: &KafkaAlertsError) -> Duration {
        self.failures = self.failures.saturating_add(1);
        self.status.failed(error);
        tracing::warn!(component = "alerts", %error, self.failures, "alerts not published; trying again");
        self.config.wait(self.failures)
    }

    async fn publish(&mut self) -> Result<(), KafkaAlertsError> {
        loop {
            let waiting = self.store.unpublished(BATCH).await?;
            metrics::gauge!("kessai_alert_unpublished").set(waiting.len() as f64);
            if waiting.is_empty() {
                return Ok(());
            }
            let topic = self.producer.settings().topic(topic::ALERTS);
            let time = Instant::now().to_string();
            let told: Vec<Told> = waiting
                .into_iter()
                .map(|(id, key, data)| Told {
                    topic: topic.clone(),
                    kind: AlertRaised::TYPE,
                    id,
                    key,
                    data,
                    time: time.clone(),
                })
                .collect();
            self.producer.send(&told).await?;
            let ids: Vec<String> = told.into_iter().map(|told| told.id).collect();
            self.store.mark_published(&ids, Instant::now()).await?;
        }
    }
}
