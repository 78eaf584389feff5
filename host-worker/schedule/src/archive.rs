//! Finished sagas go to the archive, now and then, a few at a time.

use crate::{Clock, Rota, WorkError, rota::Attendance};
use domain::Instant;
use futures::future::BoxFuture;
use std::{sync::Arc, time::Duration};
use tokio::time;
use tokio_util::sync::CancellationToken;

/// Whoever keeps the sagas.
///
/// # Contract
///
/// `archive` moves at most `limit` final sagas that ended before `ended_before` and says how many it moved. It may be called at any time, by several
/// workers at once, and dropped half-way; what was moved stays moved.
pub trait Archive: Send + Sync + 'static {
    fn archive(&self, ended_before: Instant, limit: u32) -> BoxFuture<'_, Result<u32, WorkError>>;
}

/// How the archivist works.
#[derive(Clone, Debug)]
pub struct ArchiveConfig {
    /// How long a saga stays after its end.
    pub age: Duration,
    /// From one round to the next. The first of a shop comes at a random time within this.
    pub every: Duration,
    /// Sagas in one transaction, 1 to 1000: no order waits long for the one writer.
    pub batch: u32,
    /// Between two batches of a round.
    pub pause: Duration,
}

impl ArchiveConfig {
    /// A round an hour, in batches of 200 a quarter of a second apart.
    pub fn after(age: Duration) -> ArchiveConfig {
        ArchiveConfig {
            age,
            every: Duration::from_secs(3600),
            batch: 200,
            pause: Duration::from_millis(250),
        }
    }
}

/// Archives what finished long ago.
pub struct Archivist {
    sagas: Arc<dyn Archive>,
    clock: Arc<dyn Clock>,
    rota: Arc<dyn Rota>,
    config: ArchiveConfig,
}

impl std::fmt::Debug for Archivist {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Archivist").field("config", &self.config).finish()
    }
}

impl Archivist {
    pub fn new(
        sagas: Arc<dyn Archive>,
        clock: Arc<dyn Clock>,
        rota: Arc<dyn Rota>,
        config: ArchiveConfig,
    ) -> Archivist {
        Archivist {
            sagas,
            clock,
            rota,
            config,
        }
    }

    /// Runs until `stop`. A batch under way is finished.
    pub async fn run(self, stop: CancellationToken) {
        let config = &self.config;
        let attendance = Attendance::new(self.rota.clone(), "archive", config.every, config.every);
        while attendance.turn(&stop).await {
            let is_whole = self.round(&attendance, &stop).await;
            attendance.end(is_whole, &stop).await;
        }
    }

    /// Batch after batch until one is not full. What fails is left to the next round. `false`: there may be more, for whoever has the round next.
    async fn round(&self, attendance: &Attendance, stop: &CancellationToken) -> bool {
        let ended_before = self.clock.now().minus(self.config.age);
        let mut moved = 0;
        let mut is_whole = false;
        while !stop.is_cancelled() && attendance.goes_on().await {
            match self.sagas.archive(ended_before, self.config.batch).await {
                Ok(count) => {
                    moved += count;
                    metrics::counter!("kessai_saga_archived_total").increment(count.into());
                    is_whole = count < self.config.batch;
                }
                Err(error) => {
                    tracing::warn!(component = "schedule", %error, "sagas not archived; trying again later");
                    is_whole = true;
                }
            }
            if is_whole {
                break;
            }
            stop.run_until_cancelled(time::sleep(self.config.pause)).await;
        }
        if moved > 0 {
            tracing::info!(component = "schedule", moved, "finished sagas archived");
        }
        is_whole
    }
}
