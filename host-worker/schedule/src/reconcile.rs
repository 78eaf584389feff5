//! Once a day our books of the last days are compared with PayPay's.

use crate::{Clock, WorkError};
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
    /// The first round comes at a random time within this: a worker that is restarted often still compares, and many workers do not do it all at once.
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
    pub fn new(books: Arc<dyn Books>, clock: Arc<dyn Clock>, config: ReconcileConfig) -> Reconciler {
        Reconciler { books, clock, config }
    }

    /// Runs until `stop`. The part under way is finished.
    pub async fn run(self, stop: CancellationToken) {
        let mut wait = self.config.first_within.mul_f64(rand::random::<f64>());
        while stop.run_until_cancelled(time::sleep(wait)).await.is_some() {
            self.round(&stop).await;
            wait = self.config.every;
        }
    }

    /// Part after part until all is compared. What fails is left to the next round, which looks back far enough.
    async fn round(&self, stop: &CancellationToken) {
        let now = self.clock.now();
        let between = (now.minus(self.config.back), now.minus(self.config.settled_after));
        let mut sum = Compared::default();
        while !stop.is_cancelled() {
            match self.books.compare(between, sum.next.take()).await {
                Ok(part) => {
                    sum.checked += part.checked;
                    sum.repaired += part.repaired;
                    sum.unresolved += part.unresolved;
                    sum.next = part.next;
                }
                Err(error) => {
                    metrics::counter!("kessai_reconcile_failures_total").increment(1);
                    tracing::warn!(component = "schedule", %error, "books not compared to the end; tomorrow again");
                    return;
                }
            }
            if sum.next.is_none() {
                break;
            }
            stop.run_until_cancelled(time::sleep(self.config.pause)).await;
        }
        metrics::counter!("kessai_reconcile_checked_total").increment(sum.checked.into());
        metrics::counter!("kessai_reconcile_differences_total", "verdict" => "repaired")
            .increment(sum.repaired.into());
        metrics::counter!("kessai_reconcile_differences_total", "verdict" => "unresolved")
            .increment(sum.unresolved.into());
        tracing::info!(
            component = "schedule",
            checked = sum.checked,
            repaired = sum.repaired,
            unresolved = sum.unresolved,
            "books compared with PayPay's"
        );
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::SystemClock;
    use futures::FutureExt;
    use std::sync::Mutex;

    /// Three parts, of which the second fails once.
    #[derive(Default)]
    struct ThreeParts {
        asked: Mutex<Vec<Option<String>>>,
    }

    impl Books for ThreeParts {
        fn compare<'a>(
            &'a self,
            (since, until): (Instant, Instant),
            after: Option<String>,
        ) -> BoxFuture<'a, Result<Compared, WorkError>> {
            assert!(since < until);
            let mut asked = self.asked.lock().unwrap();
            asked.push(after.clone());
            let answer = match (after.as_deref(), asked.len()) {
                (None, _) => Ok("one"),
                (Some("one"), 2) => Err(WorkError::Unavailable("PayPay is asleep".into())),
                (Some("one"), _) => Ok("two"),
                _ => Ok(""),
            };
            async move {
                answer.map(|next| Compared {
                    checked: 1,
                    next: (!next.is_empty()).then(|| next.to_owned()),
                    ..Compared::default()
                })
            }
            .boxed()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_round_goes_from_part_to_part_and_a_failed_one_is_repeated_a_day_later() {
        let books = Arc::new(ThreeParts::default());
        let reconciler = Reconciler::new(books.clone(), Arc::new(SystemClock), ReconcileConfig::default());
        let stop = CancellationToken::new();
        let running = tokio::spawn(reconciler.run(stop.clone()));
        while books.asked.lock().unwrap().len() < 5 {
            time::sleep(Duration::from_secs(60)).await;
        }
        stop.cancel();
        running.await.unwrap();
        let place = |name: &str| Some(name.to_owned());
        assert_eq!(
            *books.asked.lock().unwrap(),
            [None, place("one"), None, place("one"), place("two")]
        );
    }
}
