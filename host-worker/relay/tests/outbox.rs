//! The relay over real SQLite files.

#![allow(clippy::unwrap_used)]

mod support;

use domain::Instant;
use kessai_relay::{MemoryLog, Missed, Outbox, Positions, Pruner, RelayConfig};
use std::{sync::Arc, time::Duration};
use support::{Files, Recorder};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// No look without a commit, so that a test shows what wakes the relay.
fn only_on_commit() -> RelayConfig {
    RelayConfig {
        interval: Duration::from_secs(3600),
        ..RelayConfig::default()
    }
}

#[tokio::test]
async fn a_commit_wakes_the_relay_and_batches_keep_the_order() {
    let mut files = Files::new().await;
    let log = Arc::new(Recorder::default());
    let relay = files
        .relay(
            log.clone(),
            RelayConfig {
                batch: 3,
                ..only_on_commit()
            },
        )
        .await;
    let (commits, receiver) = watch::channel(0);
    let stop = CancellationToken::new();
    let running = tokio::spawn(relay.run(receiver, stop.clone()));

    let mut expected = Vec::new();
    for number in 0..10 {
        files
            .commit(&format!("e{number}"), &format!("K{}", number % 2))
            .await;
        expected.push(format!("e{number}"));
    }
    commits.send(1).unwrap();
    log.until(10).await;
    files.commit("e10", "K0").await;
    expected.push("e10".into());
    commits.send(2).unwrap();
    log.until(11).await;
    assert_eq!(log.taken(), expected);

    // What is committed by the time of the stop is handed on before the relay ends.
    files.commit("last", "K1").await;
    stop.cancel();
    running.await.unwrap();
    assert_eq!(log.taken().last().unwrap(), "last");
}

#[tokio::test]
async fn commits_of_other_processes_are_found_without_a_tick() {
    let mut files = Files::new().await;
    let log = Arc::new(Recorder::default());
    let config = RelayConfig {
        interval: Duration::from_millis(5),
        ..RelayConfig::default()
    };
    let relay = files.relay(log.clone(), config).await;
    let (commits, receiver) = watch::channel(0);
    // Even when whoever ticked is gone.
    drop(commits);
    let stop = CancellationToken::new();
    let running = tokio::spawn(relay.run(receiver, stop.clone()));
    files.commit("e1", "K").await;
    log.until(1).await;
    stop.cancel();
    running.await.unwrap();
}

#[tokio::test]
async fn the_position_moves_only_after_the_log_took_the_events() {
    let mut files = Files::new().await;
    for id in ["e1", "e2"] {
        files.commit(id, "K").await;
    }
    let log = Arc::new(Recorder::default());
    *log.failures.lock().unwrap() = 1;
    let mut relay = files.relay(log.clone(), RelayConfig::default()).await;
    relay.pump().await.unwrap_err();
    assert_eq!(
        Positions::open(&files.path("worker"))
            .await
            .unwrap()
            .of("recorder")
            .await
            .unwrap(),
        0
    );
    drop(relay);

    // Another process after a crash: it starts where the last one had delivered to.
    files
        .relay(log.clone(), RelayConfig::default())
        .await
        .pump()
        .await
        .unwrap();
    files.commit("e3", "K").await;
    files
        .relay(log.clone(), RelayConfig::default())
        .await
        .pump()
        .await
        .unwrap();
    assert_eq!(log.taken(), ["e1", "e2", "e3"]);
}

#[tokio::test]
async fn a_failing_log_gets_the_same_events_until_it_takes_them() {
    let mut files = Files::new().await;
    files.commit("e1", "K").await;
    let log = Arc::new(Recorder::default());
    *log.failures.lock().unwrap() = 3;
    let backoff = (Duration::from_millis(1), Duration::from_millis(2));
    let relay = files
        .relay(
            log.clone(),
            RelayConfig {
                backoff,
                ..only_on_commit()
            },
        )
        .await;
    let (_commits, receiver) = watch::channel(0);
    let stop = CancellationToken::new();
    let running = tokio::spawn(relay.run(receiver, stop.clone()));
    log.until(1).await;
    stop.cancel();
    running.await.unwrap();
    assert_eq!(log.taken(), ["e1"]);
}

#[tokio::test]
async fn orders_made_anew_are_relayed_from_their_start() {
    let mut files = Files::new().await;
    Positions::open(&files.path("worker"))
        .await
        .unwrap()
        .store("recorder", 900, Instant::now())
        .await
        .unwrap();
    files.commit("e1", "K").await;
    let log = Arc::new(Recorder::default());
    files
        .relay(log.clone(), RelayConfig::default())
        .await
        .pump()
        .await
        .unwrap();
    assert_eq!(log.taken(), ["e1"]);
}

#[tokio::test]
async fn pruning_takes_what_is_delivered_and_old_and_nothing_else() {
    let mut files = Files::new().await;
    let old = Instant::from_millis(1_000);
    for number in 0..1200 {
        files.commit_at(&format!("old{number}"), "K", old).await;
    }
    files.commit("young", "K").await;
    files.commit_at("undelivered", "K", old).await;
    let mut outbox = Outbox::open(&files.path("orders")).await.unwrap();
    let deleted = outbox.prune(1201, Instant::from_millis(2_000)).await.unwrap();
    assert_eq!(deleted, 1200);
    let left: Vec<String> = outbox
        .after(0, 10)
        .await
        .unwrap()
        .into_iter()
        .map(|event| event.id)
        .collect();
    assert_eq!(left, ["young", "undelivered"]);
    assert_eq!(outbox.last().await.unwrap(), 1202);
}

#[tokio::test]
async fn the_slowest_log_decides_what_may_go() {
    let mut files = Files::new().await;
    for number in 1..=5 {
        files
            .commit_at(&format!("e{number}"), "K", Instant::from_millis(1_000))
            .await;
    }
    let mut positions = Positions::open(&files.path("worker")).await.unwrap();
    positions.store("memory", 5, Instant::now()).await.unwrap();
    let logs = ["memory", "kafka"].map(str::to_owned).to_vec();
    let pruner = Pruner::new(files.path("orders"), files.path("worker"), logs);
    assert_eq!(pruner.prune().await.unwrap(), 0, "one log has got nothing yet");
    positions.store("kafka", 2, Instant::now()).await.unwrap();
    assert_eq!(pruner.prune().await.unwrap(), 2);
    // A log that is no longer fed keeps nothing.
    let logs = vec!["memory".to_owned()];
    assert_eq!(Pruner { logs, ..pruner }.prune().await.unwrap(), 3);
}

#[tokio::test]
async fn every_listener_hears_every_event_and_a_slow_one_learns_that_it_missed_some() {
    let mut files = Files::new().await;
    let log = MemoryLog::new(4);
    let (mut fast, mut slow) = (log.subscribe(), log.subscribe());
    let mut relay = files.relay(Arc::new(log.clone()), RelayConfig::default()).await;
    for number in 1..=6 {
        files.commit(&format!("e{number}"), "K").await;
        relay.pump().await.unwrap();
        assert_eq!(fast.next().await.unwrap().unwrap().id, format!("e{number}"));
    }
    assert_eq!(slow.next().await.unwrap().unwrap_err(), Missed(2));
    assert_eq!(slow.next().await.unwrap().unwrap().id, "e3");
}
