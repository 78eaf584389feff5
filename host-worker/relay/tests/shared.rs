//! A log that several workers share: one of them feeds it.

#![allow(clippy::unwrap_used)]

mod support;

use domain::Instant;
use kessai_relay::{
    Failure, Lease, Positions, RelayConfig, RelayError,
    kafka::{KafkaError, KafkaLog, KafkaSettings},
};
use std::{
    net::{Ipv4Addr, TcpListener},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use support::{Files, Recorder, Running, eventually};

fn quick() -> RelayConfig {
    RelayConfig {
        interval: Duration::from_millis(5),
        backoff: (Duration::from_millis(1), Duration::from_millis(2)),
        lease: Duration::from_millis(400),
        measure: Duration::from_millis(5),
        closing: Duration::from_millis(50),
        ..RelayConfig::default()
    }
}

async fn lease(files: &Files, owner: &str) -> Lease {
    Lease::open(
        &files.path("worker"),
        "recorder",
        owner,
        Duration::from_millis(400),
    )
    .await
    .unwrap()
}

#[tokio::test]
async fn one_worker_feeds_the_log_and_another_follows_when_it_ends_or_dies() {
    let mut files = Files::new().await;
    let logs = [Recorder::shared(), Recorder::shared(), Recorder::shared()];
    let first = Running::start(files.relay(logs[0].clone(), quick()).await);
    files.commit("e1", "K").await;
    logs[0].until(1).await;
    let second = Running::start(files.relay(logs[1].clone(), quick()).await);
    files.commit("e2", "K").await;
    logs[0].until(2).await;

    first.kill().await;
    files.commit("e3", "K").await;
    logs[1].until(1).await;
    let third = Running::start(files.relay(logs[2].clone(), quick()).await);
    files.commit("e4", "K").await;
    logs[1].until(2).await;

    second.stop().await;
    files.commit("e5", "K").await;
    logs[2].until(1).await;
    third.stop().await;
    assert_eq!(logs[0].taken(), ["e1", "e2"]);
    // What the dead one had not remembered comes again.
    assert!(logs[1].taken().ends_with(&["e3".to_owned(), "e4".to_owned()]));
    assert_eq!(logs[2].taken(), ["e5"]);
}

#[tokio::test]
async fn a_lease_that_is_kept_is_not_lost_and_one_that_is_let_go_is_free() {
    let files = Files::new().await;
    let (mut holder, mut waiting) = (lease(&files, "a").await, lease(&files, "b").await);
    let fence = holder.take().await.unwrap();
    tokio::select! {
        () = holder.keep(fence) => panic!("lost"),
        taken = waiting.take() => panic!("{taken:?} beside a holder"),
        // Three times its length.
        () = tokio::time::sleep(Duration::from_millis(1_200)) => {}
    }
    holder.release(fence).await.unwrap();
    assert!(waiting.take().await.unwrap() > fence);
}

#[tokio::test]
async fn whoever_lost_the_lease_stores_no_position_and_learns_of_it() {
    let files = Files::new().await;
    let mut positions = Positions::open(&files.path("worker")).await.unwrap();
    positions.begin("recorder", Instant::now()).await.unwrap();
    let (mut stuck, mut next) = (lease(&files, "a").await, lease(&files, "b").await);
    // Taken and never renewed: the process stands still.
    let old = stuck.take().await.unwrap();
    assert!(
        positions
            .store_under(old, "recorder", 7, Instant::now())
            .await
            .unwrap()
    );
    let new = next.take().await.unwrap();
    assert!(
        !positions
            .store_under(old, "recorder", 3, Instant::now())
            .await
            .unwrap()
    );
    assert!(
        positions
            .store_under(new, "recorder", 9, Instant::now())
            .await
            .unwrap()
    );
    assert_eq!(files.position("recorder").await, 9);
    stuck.keep(old).await;
}

#[tokio::test]
async fn a_batch_that_was_taken_in_part_goes_on_after_it() {
    let mut files = Files::new().await;
    let log = Recorder::shared();
    log.hangs.store(true, Ordering::SeqCst);
    for number in 1..=3 {
        files.commit(&format!("e{number}"), "K").await;
    }
    let relay = files.relay(log.clone(), quick()).await;
    let standing = relay.standing();
    let running = Running::start(relay);
    // While the log does not answer, the backlog is known all the same.
    eventually("the backlog", async || standing.backlog().events == 3).await;
    assert!(standing.backlog().oldest < Duration::from_secs(3600));
    // A log that never answers does not keep the worker from ending.
    running.stop().await;
    assert_eq!(files.position("recorder").await, 0);

    log.hangs.store(false, Ordering::SeqCst);
    log.take_only(2);
    let mut relay = files.relay(log.clone(), quick()).await;
    assert!(matches!(relay.pump().await, Err(RelayError::Append(_))));
    assert_eq!(files.position("recorder").await, 2);
    relay.pump().await.unwrap();
    assert_eq!(log.taken(), ["e1", "e2", "e3"]);
}

#[tokio::test]
async fn without_kafka_events_wait_and_it_is_said() {
    let mut files = Files::new().await;
    files.commit("e1", "K").await;
    // A port where nobody listens.
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let settings = KafkaSettings::plaintext(&format!("127.0.0.1:{port}"), "").unwrap();
    let log = Arc::new(KafkaLog::new(settings).unwrap());
    assert!(matches!(log.check().await, Err(KafkaError::Unavailable { .. })));
    let relay = files.relay(log, quick()).await;
    let standing = relay.standing();
    let running = Running::start(relay);
    eventually("the failure", async || {
        standing.failure().is_some_and(
            |failure| matches!(failure, Failure::Log(reason) if reason.contains("no answer from Kafka")),
        )
    })
    .await;
    assert_eq!(standing.backlog().events, 1);
    running.stop().await;
    assert_eq!(files.position("kafka").await, 0);
}
