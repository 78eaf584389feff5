//! The books, compared by one worker of several, with tokio's clock stopped.

#![allow(clippy::unwrap_used)]

mod support;

use domain::Instant;
use futures::{FutureExt, future::BoxFuture};
use kessai_schedule::{Books, Compared, ReconcileConfig, Reconciler, WorkError};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use support::{Stopped, Wall};
use tokio::{task::JoinHandle, time};
use tokio_util::sync::CancellationToken;

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);

/// A comparison in three parts; who asked for which.
#[derive(Default)]
struct Ledger {
    asked: Mutex<Vec<(u32, Option<String>)>>,
    /// The call by this number fails.
    failing: Option<usize>,
    /// How long a part takes.
    part: Duration,
}

impl Ledger {
    fn asked(&self) -> Vec<(u32, Option<String>)> {
        self.asked.lock().unwrap().clone()
    }

    /// Who began a round, in order.
    fn begun(&self) -> Vec<u32> {
        let first = |(worker, after): (u32, Option<String>)| after.is_none().then_some(worker);
        self.asked().into_iter().filter_map(first).collect()
    }

    async fn until(&self, calls: usize) {
        while self.asked().len() < calls {
            time::sleep(Duration::from_millis(100)).await;
        }
    }
}

struct Desk {
    ledger: Arc<Ledger>,
    worker: u32,
}

impl Books for Desk {
    fn compare<'a>(
        &'a self,
        (since, until): (Instant, Instant),
        after: Option<String>,
    ) -> BoxFuture<'a, Result<Compared, WorkError>> {
        assert!(since < until);
        async move {
            let call = {
                let mut asked = self.ledger.asked.lock().unwrap();
                asked.push((self.worker, after.clone()));
                asked.len()
            };
            time::sleep(self.ledger.part).await;
            if self.ledger.failing == Some(call) {
                return Err(WorkError::Unavailable("PayPay is asleep".into()));
            }
            let next = match after.as_deref() {
                None => Some("one"),
                Some("one") => Some("two"),
                _ => None,
            };
            Ok(Compared {
                checked: 1,
                next: next.map(str::to_owned),
                ..Compared::default()
            })
        }
        .boxed()
    }
}

/// Starts a worker that compares books.
fn start(wall: &Arc<Wall>, ledger: &Arc<Ledger>, worker: u32) -> (CancellationToken, JoinHandle<()>) {
    let books = Arc::new(Desk {
        ledger: Arc::clone(ledger),
        worker,
    });
    let rota = wall.seen_by(worker);
    let reconciler = Reconciler::new(books, Stopped::shared(), rota, ReconcileConfig::default());
    let stop = CancellationToken::new();
    (stop.clone(), tokio::spawn(reconciler.run(stop)))
}

#[tokio::test(start_paused = true)]
async fn a_round_goes_from_part_to_part_and_a_failed_one_is_repeated_a_day_later() {
    let ledger = Arc::new(Ledger {
        failing: Some(2),
        ..Ledger::default()
    });
    let (stop, running) = start(&Arc::new(Wall::default()), &ledger, 1);
    ledger.until(2).await;
    let failed = time::Instant::now();
    ledger.until(5).await;
    assert!(failed.elapsed() >= DAY - MINUTE && failed.elapsed() <= DAY + MINUTE);
    stop.cancel();
    running.await.unwrap();
    let place = |name: &str| (1, Some(name.to_owned()));
    assert_eq!(
        ledger.asked(),
        [(1, None), place("one"), (1, None), place("one"), place("two")]
    );
}

#[tokio::test(start_paused = true)]
async fn several_workers_compare_once_a_day_together_whoever_is_restarted() {
    let (wall, ledger) = (Arc::new(Wall::default()), Arc::new(Ledger::default()));
    let _running: Vec<_> = (1..=3).map(|worker| start(&wall, &ledger, worker)).collect();
    for day in 1..=5 {
        ledger.until(3 * day).await;
        // One that starts in the middle of the day.
        let (stop, running) = start(&wall, &ledger, 10);
        time::sleep(DAY / 2).await;
        stop.cancel();
        running.await.unwrap();
        assert_eq!(ledger.begun().len(), day, "{:?}", ledger.begun());
    }
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_dies_in_a_round_is_followed_by_another() {
    let ledger = Arc::new(Ledger {
        part: Duration::from_secs(5),
        ..Ledger::default()
    });
    let wall = Arc::new(Wall::default());
    let (_stop, dying) = start(&wall, &ledger, 1);
    ledger.until(2).await;
    let _running = start(&wall, &ledger, 2);
    time::sleep(Duration::from_secs(2)).await;
    dying.abort();
    let died = time::Instant::now();
    ledger.until(5).await;
    assert_eq!(ledger.begun(), [1, 2]);
    assert!(died.elapsed() < 4 * MINUTE, "{:?}", died.elapsed());
    time::sleep(DAY / 2).await;
    assert_eq!(ledger.begun(), [1, 2], "and the day's round is done");
}

#[tokio::test(start_paused = true)]
async fn a_round_that_the_end_of_a_worker_cut_short_is_for_the_next_at_once() {
    let (wall, ledger) = (Arc::new(Wall::default()), Arc::new(Ledger::default()));
    let (stop, running) = start(&wall, &ledger, 1);
    ledger.until(2).await;
    stop.cancel();
    running.await.unwrap();
    let _running = start(&wall, &ledger, 2);
    time::sleep(MINUTE).await;
    assert_eq!(ledger.asked().len(), 5, "{:?}", ledger.asked());
    assert_eq!(ledger.begun(), [1, 2]);
}

#[tokio::test(start_paused = true)]
async fn whoever_has_lost_the_round_goes_on_with_no_further_part() {
    let (wall, ledger) = (Arc::new(Wall::default()), Arc::new(Ledger::default()));
    let _running = start(&wall, &ledger, 1);
    ledger.until(1).await;
    wall.snatch("reconcile", DAY / 2);
    time::sleep(DAY / 4).await;
    assert_eq!(ledger.asked().len(), 1);
}
