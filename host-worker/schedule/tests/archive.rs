//! The archivist, with tokio's clock stopped.

#![allow(clippy::unwrap_used)]

mod support;

use domain::Instant;
use futures::{FutureExt, future::BoxFuture};
use kessai_schedule::{Archive, ArchiveConfig, Archivist, WorkError};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use support::{START, Stopped, Wall};
use tokio::time;
use tokio_util::sync::CancellationToken;

const DAY: Duration = Duration::from_secs(86_400);
/// When each saga ended, and the calls that were made.
#[derive(Default)]
struct Shelf {
    ended: Mutex<Vec<i64>>,
    calls: Mutex<Vec<u32>>,
    failing: Mutex<u32>,
}

impl Archive for Shelf {
    fn archive(&self, ended_before: Instant, limit: u32) -> BoxFuture<'_, Result<u32, WorkError>> {
        async move {
            let mut failing = self.failing.lock().unwrap();
            if *failing > 0 {
                *failing -= 1;
                return Err(WorkError::Unavailable("told to".into()));
            }
            let mut ended = self.ended.lock().unwrap();
            let mut moved = 0;
            ended.retain(|at| {
                let goes = *at < ended_before.millis() && moved < limit;
                moved += u32::from(goes);
                !goes
            });
            self.calls.lock().unwrap().push(moved);
            Ok(moved)
        }
        .boxed()
    }
}

fn start(shelf: &Arc<Shelf>) -> (CancellationToken, tokio::task::JoinHandle<()>) {
    let config = ArchiveConfig {
        batch: 10,
        ..ArchiveConfig::after(30 * DAY)
    };
    let stop = CancellationToken::new();
    let rota = Arc::new(Wall::default()).seen_by(1);
    let archivist = Archivist::new(shelf.clone(), Stopped::shared(), rota, config);
    (stop.clone(), tokio::spawn(archivist.run(stop)))
}

#[tokio::test(start_paused = true)]
async fn within_an_hour_the_old_ones_are_gone_and_the_others_stay() {
    let shelf = Arc::new(Shelf::default());
    let days_ago = |days: i64| START - days * 86_400_000;
    shelf.ended.lock().unwrap().extend([days_ago(31); 25]);
    shelf.ended.lock().unwrap().push(days_ago(29));
    let _running = start(&shelf);
    time::sleep(Duration::from_secs(3700)).await;
    assert_eq!(*shelf.ended.lock().unwrap(), [days_ago(29)]);
    // Small batches, until one is not full.
    assert_eq!(shelf.calls.lock().unwrap()[..3], [10, 10, 5]);
    time::sleep(2 * DAY).await;
    assert!(
        shelf.ended.lock().unwrap().is_empty(),
        "what grows old meanwhile goes, too"
    );
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_left_to_the_next_round() {
    let shelf = Arc::new(Shelf::default());
    shelf.ended.lock().unwrap().push(0);
    *shelf.failing.lock().unwrap() = 1;
    let _running = start(&shelf);
    time::sleep(Duration::from_secs(3599)).await;
    assert_eq!(shelf.ended.lock().unwrap().len(), 1);
    time::sleep(Duration::from_secs(3700)).await;
    assert!(shelf.ended.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn it_stops_when_it_is_told_to() {
    let shelf = Arc::new(Shelf::default());
    let (stop, handle) = start(&shelf);
    stop.cancel();
    handle.await.unwrap();
    assert!(shelf.calls.lock().unwrap().is_empty());
}
