//! Once a day our books of the last days are compared with PayPay's.

use crate::{Clock, Rota, WorkError, rota::Attendance};
use domain::Instant;
use futures::future::BoxFuture;
use std::{sync::Arc, time::Duration};
use tokio::time;
use tokio_util::sync::CancellationToken;

/// A part of a comparison.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Compared {
    /// Payments.
    pub checked: u32,
    /// Differences that were put right.
    pub repaired: u32,
    /// Differences that a person must decide on; an alert was raised for each.
    pub unresolved: u32,
    /// Where to go on; absent when all was compared.
    pub next: Option<String>,
}

/// Whoever keeps the books.
///
/// # Contract
///
/// `compare` compares a few payments that were asked for between two instants, from `after` on, puts right what has one right answer and raises an alert
/// for the rest. It may be called at any time, by several workers at once, and dropped half-way.
pub trait Books: Send + Sync + 'static {
    fn compare<'a>(
        &'a self,
        between: (Instant, Instant),
        after: Option<String>,
    ) -> BoxFuture<'a, Result<Compared, WorkError>>;
}

/// When books are compared.
#[derive(Clone, Debug)]
pub struct ReconcileConfig {
    /// From one round to the next.
    pub every: Duration,
    /// The first round of a shop comes at a random time within this.
    pub first_within: Duration,
    /// How far a round looks back.
    pub back: Duration,
    /// Payments younger than this are left alone: their day is not over.
    pub settled_after: Duration,
    /// Between two parts of a round, so that PayPay is not flooded.
    pub pause: Duration,
}

impl Default for ReconcileConfig {
    /// Every day, the first within an hour, over three days but not the last half hour, a second between two parts.
    fn default() -> ReconcileConfig {
        ReconcileConfig {
            every: Duration::from_secs(86_400),
            first_within: Duration::from_secs(3_600),
            back: Duration::from_secs(3 * 86_400),
            settled_after: Duration::from_secs(1_800),
            pause: Duration::from_secs(1),
        }
    }
}

/// Compares books.
pub struct Reconciler {
    books: Arc<dyn Books>,
    clock: Arc<dyn Clock>,
    rota: Arc<dyn Rota>,
    config: ReconcileConfig,
}

impl std::fmt::Debug for Reconciler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reconciler")
            .field("config", &self.config)
            .finish()
    }
}

impl Reconciler {
    pub fn new(
        books: Arc<dyn Books>,
        clock: Arc<dyn Clock>,
        rota: Arc<dyn Rota>,
        config: ReconcileConfig,
    ) -> Reconciler {
        Reconciler {
            books,
            clock,
            rota,
            config,
        }
    }

    /// Runs until `stop`. The part under way is finished.
    pub async fn run(self, stop: CancellationToken) {
        let config = &self.config;
        let attendance = Attendance::new(self.rota.clone(), "reconcile", config.first_within, config.every);
        while attendance.turn(&stop).await {
            let is_whole = self.round(&attendance, &stop).await;
            attendance.end(is_whole, &stop).await;
        }
    }

    /// Part after part until all is compared. What fails is left to the next round, which looks back far enough. `false`: it was ended in the middle.
    async fn round(&self, attendance: &Attendance, stop: &CancellationToken) -> bool {
        let now = self.clock.now();
        let between = (now.minus(self.config.back), now.minus(self.config.settled_after));
        let mut sum = Compared::default();
        while !stop.is_cancelled() && attendance.goes_on().await {
            match self.books.compare(between, sum.next.take()).await {
                Ok(part) => {
                    count(&part);
                    sum.checked += part.checked;
                    sum.repaired += part.repaired;
                    sum.unresolved += part.unresolved;
                    sum.next = part.next;
                }
                Err(error) => {
                    metrics::counter!("kessai_reconcile_failures_total").increment(1);
                    tracing::warn!(component = "schedule", %error, "books not compared to the end; tomorrow again");
                    return true;
                }
            }
            if sum.next.is_none() {
                tracing::info!(
                    component = "schedule",
                    checked = sum.checked,
                    repaired = sum.repaired,
                    unresolved = sum.unresolved,
                    "books compared with PayPay's"
                );
                return true;
            }
            stop.run_until_cancelled(time::sleep(self.config.pause)).await;
        }
        false
    }
}

fn count(part: &Compared) {
    metrics::counter!("kessai_reconcile_checked_total").increment(part.checked.into());
    metrics::counter!("kessai_reconcile_differences_total", "verdict" => "repaired")
        .increment(part.repaired.into());
    metrics::counter!("kessai_reconcile_differences_total", "verdict" => "unresolved")
        .increment(part.unresolved.into());
}
