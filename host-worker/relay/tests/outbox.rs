//! The relay over real SQLite files.

#![allow(clippy::unwrap_used)]

use domain::Instant;
use futures::{FutureExt, future::BoxFuture};
use kessai_relay::{AppendError, Event, EventLog, MemoryLog, Missed, Outbox, Positions, Relay, RelayConfig};
use sqlx::{ConnectOptions, SqliteConnection, sqlite::SqliteConnectOptions};
use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

const PATIENCE: Duration = Duration::from_secs(20);

struct Files {
    directory: tempfile::TempDir,
    writer: SqliteConnection,
}

impl Files {
    async fn new() -> Files {
        let directory = tempfile::tempdir().unwrap();
        for (name, schema) in [
            (
                "orders",
                include_str!("../../../migrations/sqlite/orders/0001_init.sql"),
            ),
            (
                "worker",
                include_str!("../../../migrations/sqlite/worker/0001_init.sql"),
            ),
        ] {
            let mut connection = open(directory.path().join(format!("{name}.db"))).await;
            sqlx::raw_sql(schema).execute(&mut connection).await.unwrap();
        }
        let writer = open(directory.path().join("orders.db")).await;
        Files { directory, writer }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(format!("{name}.db"))
    }

    async fn commit(&mut self, id: &str, key: &str) {
        self.commit_at(id, key, Instant::now()).await;
    }

    async fn commit_at(&mut self, id: &str, key: &str, at: Instant) {
        sqlx::query(
            "INSERT INTO outbox (id, topic, key, type, data, created_at) VALUES (?1, 'orders.events.v1', ?2, 'T', '{}', ?3)",
        )
        .bind(id)
        .bind(key)
        .bind(at.millis())
        .execute(&mut self.writer)
        .await
        .unwrap();
    }

    async fn relay(&self, log: Arc<dyn EventLog>, config: RelayConfig) -> Relay {
        Relay::open(&self.path("orders"), &self.path("worker"), log, config)
            .await
            .unwrap()
    }
}

async fn open(path: PathBuf) -> SqliteConnection {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(sqlx::sqlite::SqliteJournalMode::Wal)
        .connect()
        .await
        .unwrap()
}

/// Keeps what it took, and fails as often as it is told to.
#[derive(Default)]
struct Recorder {
    taken: Mutex<Vec<String>>,
    failures: Mutex<u32>,
    changed: tokio::sync::Notify,
}

impl Recorder {
    fn taken(&self) -> Vec<String> {
        self.taken.lock().unwrap().clone()
    }

    async fn until(&self, count: usize) {
        let wait = async {
            while self.taken().len() < count {
                self.changed.notified().await;
            }
        };
        tokio::time::timeout(PATIENCE, wait)
            .await
            .unwrap_or_else(|_| panic!("only {:?}", self.taken()));
    }
}

impl EventLog for Recorder {
    fn name(&self) -> &str {
        "recorder"
    }

    fn append<'a>(&'a self, events: &'a [Arc<Event>]) -> BoxFuture<'a, Result<(), AppendError>> {
        async move {
            let mut failures = self.failures.lock().unwrap();
            if *failures > 0 {
                *failures -= 1;
                return Err(AppendError {
                    taken: 0,
                    is_retriable: true,
                    reason: "told to".into(),
                });
            }
            self.taken
                .lock()
                .unwrap()
                .extend(events.iter().map(|event| event.id.clone()));
            self.changed.notify_one();
            Ok(())
        }
        .boxed()
    }
}

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
